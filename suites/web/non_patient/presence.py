"""Rules of PS3.18 12.1, 12.2 and Annex H on which transactions and categories an origin server has.

Must not know what a category holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.nonpatient import CATEGORIES
from harness.rule import RELATION, SHOULD, Finding, journey, untested
from harness.wire.uri import CATEGORIES as NAMES
from suites.web.capabilities.wadl import Document, document
from suites.web.non_patient import bend
from suites.web.non_patient.reading import MISSING, SEARCH

PRESENCE = "web.non-patient.presence"


def _calls(j: Journey) -> dict[str, Exchange]:
    return {name: x for name in CATEGORIES for x in j.steps(f"call {name}")}


def _document(j: Journey) -> Document | None:
    return next((d for x in j.steps("document") if (d := document(x.answer)) and d.application), None)


def _listed(j: Journey) -> dict[str, set[str]]:
    """The names of categories that the description lists, each with the methods of the resource itself.

    Table H-1 has the methods below that resource only, which is where they cannot all be.
    """
    found = _document(j)
    listed: dict[str, set[str]] = {}
    for shape, methods in found.methods().items() if found else ():
        if shape and shape[0] in NAMES:
            listed.setdefault(shape[0], set()).update(methods if len(shape) == 1 else ())
    return listed


@journey(
    "non-patient.capabilities",
    cites="PS3.18 12.1; 12.2; 8.9",
    verifies="PS3.18-12.1-1",
    on=PRESENCE,
    basis=RELATION,
    when=lambda j: j.step("document") is not None and any(x.answer.ok for x in _calls(j).values()),
    says="An origin server with Non-Patient Instances tells its capabilities.",
)
def capabilities(j: Journey) -> Iterator[Finding]:
    x = j.step("document")
    if x is not None and not x.answer.ok:
        yield Finding(x.answer.line, "the Capabilities Description", x.ask.line, seq=x.seq)


@capabilities.mutant
def tells_no_capabilities(x: Exchange) -> Answer | None:
    """OPTIONS is answered 405."""
    return bend.refused(x, 405) if x.kind == "web.capabilities" else None


@journey(
    "non-patient.advertised-answers",
    cites="PS3.18 12.4.1.1; 12.5.1.1; 12.6.1.1; H",
    verifies=("PS3.18-12.4.1.1-1", "PS3.18-12.1-1"),
    on=PRESENCE,
    basis=RELATION,
    when=lambda j: any("GET" in m for m in _listed(j).values()),
    says="A category that the Capabilities Description lists can be searched.",
)
def advertised_answers(j: Journey) -> Iterator[Finding]:
    calls = _calls(j)
    for name, methods in _listed(j).items():
        x = calls.get(NAMES[name])
        if x is not None and "GET" in methods and x.answer.status in MISSING:
            yield Finding(x.answer.line, f"GET /{name}, which the description lists", x.ask.line, seq=x.seq)


@advertised_answers.mutant
def lists_what_is_not_there(x: Exchange) -> Answer | None:
    """Hanging protocols are listed, and answered 404."""
    there = x.kind == SEARCH and x.resource.category == "hanging-protocols"
    return bend.refused(x, 404) if there else None


@journey(
    "non-patient.advertised",
    cites="PS3.18 12.2; 12.6.1.1; H, Table H-1",
    verifies="PS3.18-12.2-1",
    level=SHOULD,  # 12.2 asks for documentation, of which the description is the half that can be read
    on=PRESENCE,
    basis=RELATION,
    when=lambda j: _document(j) is not None and any(x.answer.ok for x in _calls(j).values()),
    says="The Capabilities Description lists the categories that are there, by the names of 12.1.1.",
)
def advertised(j: Journey) -> Iterator[Finding]:
    listed = _listed(j)
    for name, x in _calls(j).items():
        if x.answer.ok and x.facts.get("served") and name not in {NAMES[one] for one in listed}:
            yield Finding(f"{', '.join(sorted(listed)) or 'no category'}", name, "Capabilities Description", seq=x.seq)
    for name in sorted(set(listed) - set(CATEGORIES)):
        yield Finding(name, NAMES[name], "Capabilities Description", warn=True, policy="D-15")


@advertised.mutant
def keeps_palettes_to_itself(x: Exchange) -> Answer | None:
    """Color palettes are there, and not in the description."""
    changed = x.answer.payload.bytes().replace(b"color-palettes", b"colour-charts") if x.answer.ok else b""
    return x.answer.but(body=changed) if x.kind == "web.capabilities" and changed else None


@advertised.mutant
def writes_singular_names(x: Exchange) -> Answer | None:
    """The description has a name of Annex H that chapter 12 does not have."""
    changed = x.answer.payload.bytes().replace(b"hanging-protocols", b"hanging-protocol") if x.answer.ok else b""
    return x.answer.but(body=changed) if x.kind == "web.capabilities" and changed else None


untested(
    "PS3.18-12.1.2-1",
    "the accept and charset parameters are those of every service (8.3.3), whose rules judge them where they are asked",
)
