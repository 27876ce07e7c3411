"""Knows against what a record is judged: edition, policies, and what earlier exchanges showed to be stored.

Must not know rules or targets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.past import Past

EDITIONS = ("2020c", "2023e", "2024a", "2024e", "2025e", "2026a")
DEFAULT_EDITION = "2024e"


@dataclass(frozen=True, slots=True)
class Policy:
    """A named reading of a place where the standard contradicts itself, leaves something open, or changed.

    `choices` maps each reading to a sentence; the first one is the default.
    """

    id: str
    cites: str
    says: str
    choices: dict[str, str]

    @property
    def default(self) -> str:
        return next(iter(self.choices))


# The register of notes on contradictions; a rule names the policy it leans on, the report prints the reading used.
POLICIES: dict[str, Policy] = {
    p.id: p
    for p in (
        Policy(
            "D-01",
            "PS3.18 8.5; 10.4.3.1",
            "206 is kept for range requests in one place and used for partial retrieval in another",
            {"accept": "206 for a partial retrieval is accepted", "range-only": "206 answers range requests only"},
        ),
        Policy(
            "D-02",
            "PS3.18 8.3.3.1; 8.7.7; 8.7.8.1",
            "a request whose acceptable types are all unsupported is answered with the default type or with 406",
            {
                "406": "406 is expected, the default type is a warning",
                "default": "the default type and 406 are both accepted",
            },
        ),
        Policy(
            "D-04",
            "PS3.18 8.4.3; 8.6",
            "a message without payload has no Content-Length, or has one that may be zero",
            {"accept": "both are accepted", "absent": "Content-Length: 0 is a warning"},
        ),
        Policy(
            "D-05",
            "PS3.18 8.5; 10.5.3.1",
            "an unsupported SOP Class in Store is answered 501 by one table and 409 by the other",
            {"409": "409 is expected, 501 is a warning", "both": "both are accepted"},
        ),
        Policy(
            "empty-search",
            "PS3.18 8.3.4.4.1; 10.6.3.1",
            "a search without a match is 204 up to 2024e and 200 with an empty list by 2026a",
            {
                "both": "the other edition's form is a warning",
                "edition": "only the form of the edition judged against is accepted",
            },
        ),
        Policy(
            "unknown-parent",
            "PS3.18 10.6.3.1",
            "a search below a study that does not exist has no code of its own",
            {"accept": "204, an empty list and 404 are accepted", "empty": "404 is a warning"},
        ),
        Policy(
            "D-23",
            "PS3.18 8.3.4.4.1; 10.6.3.1",
            "the Warning of a paged search is a fixed sentence in one place and points at a status report in another",
            {"sentence": "the fixed sentence is expected", "any": "any Warning 299 is accepted"},
        ),
        Policy(
            "D-27",
            "PS3.18 8.6.1.2; 8.6.1.2.1",
            "a multipart payload may hold no part by the text, and needs one by the grammar",
            {"accept": "a closing delimiter alone is accepted", "one": "at least one part is expected"},
        ),
        Policy(
            "rendered-grey",
            "PS3.18 8.3.5.1",
            "the grey scale of a rendering is not defined, though all its transformations are",
            {"warn": "levels proportional to P-Values are expected, another curve from black to white is a warning"},
        ),
        Policy(
            "viewport-commas",
            "PS3.18 8.3.5.1.3",
            "the grammar of viewport wants all commas of a region, the text wants those at the end left out",
            {"both": "either form may be refused or taken, with a warning"},
        ),
        Policy(
            "D-07",
            "PS3.18 9.5.1.2.4; 9.5.2.5",
            "rows and columns come together by one clause of the URI service, and another says what one of them does",
            {
                "both": "one alone may be refused or taken, and is a warning for who asks",
                "together": "one alone is a failure for who asks, and a warning for who takes it",
            },
        ),
        Policy(
            "D-08",
            "PS3.18 9.4.1.2.2; 8.3.5.1.1; Table 9.5.1-1",
            "annotation is called imageAnnotation in a table of the URI service",
            {"both": "either name may be used", "annotation": "imageAnnotation is a warning for who asks"},
        ),
        Policy(
            "D-09",
            "PS3.18 9.3; Table 8.7.4-1",
            "the URI service renders as image/jpeg by default, and the default of the Text category is text/html",
            {
                "text": "a text is expected for a text, image/jpeg is a warning",
                "both": "image/jpeg is accepted for a text as well",
            },
        ),
        Policy(
            "D-24",
            "PS3.18 9.4.1.3; 9.5.1.3; 8.7.5",
            "Accept is optional in a request to the URI service, and a request without it is 406 by another clause",
            {"optional": "the request is answered, 406 is a warning", "both": "406 is accepted as well"},
        ),
        Policy(
            "D-10",
            "PS3.18 8.3.5.1.1",
            "an annotation value that is no keyword is answered 400, and one that is not supported is ignored with a "
            "Warning",
            {"both": "400 and 200 with the Warning are both accepted"},
        ),
        Policy(
            "D-03",
            "PS3.18 11.8.3.1; PS3.4 CC.2.2.3",
            "a request to cancel a SCHEDULED workitem is refused by one table and carried out by the other text",
            {"202": "202 and a CANCELED workitem are expected, 409 is a warning", "409": "409 is expected as well"},
        ),
        Policy(
            "D-11",
            "PS3.18 11.4.1.1; 11.6.1; PS3.4 CC.2.6.2",
            "the UIDs of a workitem and of its transaction are in the query, bare or as a value, or in the data set",
            {"both": "any of the forms is enough, one in the query is expected"},
        ),
        Policy(
            "D-12",
            "PS3.18 11.1.3; 11.5.3.3",
            "a single workitem in JSON is an object, or an array of one",
            {"array": "an array is expected, an object is a warning"},
        ),
        Policy(
            "D-13",
            "PS3.18 11.6.1; 11.6.3.2; PS3.4 CC.2.6.2; CC.2.6.4",
            "an Update of what is SCHEDULED is carried out by PS3.4 and refused by a Warning of PS3.18, and the "
            "syntax of every Update has a Transaction UID",
            {"both": "it is carried out or refused, and a Transaction UID in it is a warning"},
        ),
        Policy(
            "D-14",
            "PS3.18 11.7.3.1; 11.7.3.3",
            "a change of state that succeeded is answered with a Status Report, or without a payload",
            {"both": "both are accepted, the workitem is not", "none": "a Status Report is a warning"},
        ),
        Policy(
            "D-16",
            "PS3.18 Tables 8.10.4-1, 8.10.4-3; 8.10.4; 11.10.3.2; RFC 6455 4.1, 4.2",
            "the opening of a notification connection has fields that RFC 6455 does not know there, and goes to the "
            "root or to where a subscription said",
            {"rfc6455": "the fields of RFC 6455 are expected; no Origin, or another place than was told, is a warning"},
        ),
        Policy(
            "D-17",
            "PS3.18 11.10.1.2; 8.3.1",
            "the filter of a subscription is one parameter with keys in it, or the keys are parameters",
            {"both": "either form may be taken"},
        ),
        Policy(
            "D-30",
            "PS3.18 11.6.3.1; 11.7.3.1; 11.7.3.2",
            "what the state or the Transaction UID does not allow is answered 400 in one row and 409 in another",
            {"both": "400 and 409 are both accepted"},
        ),
        Policy(
            "D-15",
            "PS3.18 12.1.1; Table H-1",
            "Annex H writes two of the categories of Non-Patient Instances in the singular, chapter 12 does not",
            {"chapter": "the names of chapter 12 are expected, those of Annex H are a warning"},
        ),
        Policy(
            "D-18",
            "PS3.18 12.6.3.1; 8.3.4.4.1",
            "a search for Non-Patient Instances without a match is 204 by 8.3.4.4.1, and 12.6.3.1 lists 200 alone",
            {
                "both": "204 and 200 with an empty list are both accepted",
                "edition": "204 is expected up to 2025e and an empty list from 2026a on",
            },
        ),
        Policy(
            "D-32",
            "PS3.18 12.4.3.1; 12.6.3.1; RFC 9110 15.5.7",
            "406 is called Unsupported Media Type, which is what 415 is called",
            {"code": "the code counts, and any phrase is accepted"},
        ),
        Policy(
            "D-19",
            "PS3.18 13.1.2; 13.4.1.2; 13.5.2.2",
            "requests for storage commitment have the common query parameters by one clause and none by two others",
            {"tolerate": "a refusal of them is a warning", "support": "the accept parameter is followed"},
        ),
        Policy(
            "D-20",
            "PS3.18 J.1",
            "a request for commitment may have both forms of reference: each is needed where the other is absent",
            {"accept": "both forms in one request are processed or refused", "process": "a refusal is a failure"},
        ),
        Policy(
            "D-29",
            "PS3.18 2017b-6.4.2.1; 2017b-6.4.3.1",
            "the actions of the second and third service of WADO-WS are spelled in two ways, in the text and in use",
            {
                "either": "the action of the text is expected, the other spelling is a warning",
                "text": "the action of the text is expected",
            },
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may look at beside the exchange itself. `claims`: services that the target says outright it has."""

    edition: str = DEFAULT_EDITION
    policies: dict[str, str] = field(default_factory=dict)
    past: Past | None = None
    claims: frozenset[str] = frozenset()

    def policy(self, id: str) -> str:
        """The reading chosen for this run; KeyError for a policy that is not in the register."""
        return self.policies.get(id, POLICIES[id].default)


def unknown_edition(edition: str) -> str | None:
    """A sentence for people when the edition is none we know, else None."""
    if edition in EDITIONS:
        return None
    return f"Edition {edition!r} is not known here; choose one of {', '.join(EDITIONS)}."
