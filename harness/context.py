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
            "D-10",
            "PS3.18 8.3.5.1.1",
            "an annotation value that is no keyword is answered 400, and one that is not supported is ignored with a "
            "Warning",
            {"both": "400 and 200 with the Warning are both accepted"},
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
