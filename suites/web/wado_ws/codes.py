"""Rules on the error codes of WADO-WS: each one in its situation (PS3.18 2017b 6.4.4).

Must not know how a probe brings a situation about: it tells in `facts["situation"]`.

A code of the table that fits is expected. One that fits less well, or one that IHE has for the same, is a warning: the
text lets other errors be returned beside its own. Any other code of the table says what is not so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.exchange import Answer, Exchange
from harness.rule import Finding, Rule, rule, untested
from suites.web.wado_ws.bend import told
from suites.web.wado_ws.outcome import FAILURE, SUCCESS
from suites.web.wado_ws.reading import KIND, NOT_NOW, answered, asked, envelope

_PREFIX = "urn:dicom:wado:"
_ADDED = ("frame-out-of-range",)


@dataclass(frozen=True)
class Situation:
    """What is asked for that cannot be had. `codes` are the numbers of Table 6.4-1 that say so, `near` those that are
    not wrong, `optional` tells that the document may come all the same."""

    name: str
    says: str
    codes: tuple[int, ...]
    near: tuple[int, ...] = ()
    optional: bool = False


SITUATIONS = (
    Situation("unknown-study", "A document of a study that is not known is refused with code 0015.", (15, 10),
              (16, 17)),
    Situation("unknown-series", "A document of a series that is not known is refused with code 0016.", (16, 10),
              (15, 17)),
    Situation("unknown-document", "A document that is not known is refused with code 0017.", (17,), (10,)),
    Situation("series-of-another-study", "A series that is in another study than is said is refused with code 0010.",
              (10,), (15, 16, 17)),
    Situation("document-of-another-series", "A document that is in another series than is said is refused with code "
              "0010 or 0017.", (10, 17), (15, 16)),
    Situation("unsupported-syntax", "A list of transfer syntaxes that are not supported is refused with code 0006 or "
              "0007.", (6, 7), (12, 14)),
    Situation("unsupported-type", "A list of media types that are not supported is refused with code 0006 or 0007.",
              (6, 7), (12, 14)),
    Situation("frame-out-of-range", "A frame number that the document does not have is refused with code 0018.",
              (18,), (12, 13)),
    Situation("unknown-presentation", "A presentation state that is not known is refused with code 0019 or 0020.",
              (19, 20), (12, 13)),
    Situation("bad-parameter", "A parameter with a value that it cannot have is refused with code 0012.", (12,),
              (13, 14), optional=True),
    Situation("bad-xpath", "An XPath that is none is refused with code 0012 or 0014.", (12, 14), (13,)),
    Situation("single-frame-type", "A multi-frame image that cannot be had in a format of one picture is refused with "
              "code 0008.", (8,), (6, 7), optional=True),
    Situation("anonymize", "What cannot be anonymized is refused with code 0001 or 0002.", (1, 2), (13, 14), True),
)  # fmt: skip


def _in(situation: Situation) -> Callable[[Exchange], bool]:
    def when(x: Exchange) -> bool:
        if x.facts.get("situation") != situation.name or not x.answer.complete or x.answer.status in NOT_NOW:
            return False
        found = answered(x)
        return not situation.optional or (found is not None and bool(found.refusals))

    return when


def _judgement(situation: Situation) -> Callable[[Exchange], Iterator[Finding]]:
    want = " or ".join(f"{_PREFIX}{code:04d}" for code in situation.codes)
    good, near = ({f"{_PREFIX}{code:04d}" for code in codes} for codes in (situation.codes, situation.near))

    def judge(x: Exchange) -> Iterator[Finding]:
        found = answered(x)
        if found is None:
            fault = envelope(x.answer).fault
            got = f"a fault, {fault.code}: {fault.reason}"[:200] if fault else x.answer.line
            yield Finding(got, f"a RegistryError with {want}", "Body")
            return
        codes = [error.code for error in found.refusals]
        if not codes:
            # a server of RAD-69 alone does not know the elements that this service adds to a document
            alone = situation.name in _ADDED and (q := asked(x)) is not None and q.service == "documents"
            got = f"{len(found.documents)} documents, no error"
            yield Finding(got, want, "RegistryErrorList", warn=alone and bool(found.documents))
        elif not good & set(codes):
            theirs = all(not code.startswith(_PREFIX) for code in codes)
            lenient = theirs or bool(near & set(codes))
            yield Finding(", ".join(codes)[:200], want, "RegistryError/@errorCode", warn=lenient)

    return judge


def _declare(situation: Situation) -> Rule[Exchange]:
    declared = rule(
        f"wado-ws.code-{situation.name}",
        cites="PS3.18 2017b-6.4.4; 6.4.1.2.1",
        verifies=("PS3.18-2017b-6.4.4-1", *_ALSO.get(situation.name, ())),
        on=KIND,
        due=not situation.optional,
        when=_in(situation),
        says=situation.says,
    )(_judgement(situation))
    other = 3 if 3 not in situation.codes else 5

    def says_that_it_is_offline(x: Exchange) -> Answer | None:
        """The error says that the instance is not at hand now, which is not so."""
        return told(x, "RegistryError", "errorCode", f"{_PREFIX}{other:04d}")

    declared.mutant(says_that_it_is_offline)
    return declared


# Requirements that one situation verifies beyond the table.
_ALSO = {
    "unsupported-syntax": ("PS3.18-2017b-6.4.1.2-2", "XDSI-IDS-05", "XDSI-IDS-06"),
    "unsupported-type": ("PS3.18-2017b-6.4.2.2-2",),
    "unknown-document": ("XDSI-IDS-06",),
}
untested("RAD-69-2", "which code IHE wants beside those of the table is not confirmed; both are taken")
RULES = tuple(_declare(situation) for situation in SITUATIONS)


@rule(
    "wado-ws.nothing-is-failure",
    cites="PS3.18 2017b-6.4.1.2.1; IHE RAD TF-2 4.69; ITI TF-2 4.1.13",
    verifies=("PS3.18-2017b-6.4.1.2.1-4", "PS3.18-2017b-6.4.1.2-1", "XDSI-IDS-06"),
    on=KIND,
    when=lambda x: bool(x.facts.get("fails")) and x.answer.complete and x.answer.status not in NOT_NOW,
    says="A request of which nothing can be had is answered Failure with an error, or by a fault, and no document.",
)
def nothing_is_failure(x: Exchange) -> Iterator[Finding]:
    found = answered(x)
    if found is None:
        if envelope(x.answer).fault is None:
            yield Finding(x.answer.line, "a RegistryResponse of status Failure, or a fault", "answer")
        return
    if found.documents:
        yield Finding(f"{len(found.documents)} documents", "none", "response")
    if found.said != FAILURE:
        yield Finding(found.said[:120] or "none", FAILURE, "RegistryResponse/@status")
    if not found.refusals:
        yield Finding("no error", "at least one RegistryError", "RegistryErrorList")


@nothing_is_failure.mutant
def succeeds_with_nothing(x: Exchange) -> Answer | None:
    """The status is Success although nothing came."""
    return told(x, "RegistryResponse", "status", SUCCESS)
