"""The rule on Available Transfer Syntax UID (PS3.18 10.6.3.3.3; PS3.4 C.6.1.1.5.2): what is promised can be had.

Must not know how searches are judged: it asks for no more than what the matches promise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import NOT_NOW, Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey, probe
from harness.talk.conversation import DICOM, Web
from suites.web.retrieve.bend import rows_changed
from suites.web.retrieve.probes.choice import by_syntax, path
from suites.web.retrieve.reading import EXPLICIT_BE, IMPLICIT_LE, files, got

AVAILABLE = "00083002"
_NEVER = (IMPLICIT_LE, EXPLICIT_BE)  # an archive may mean its DIMSE door by these (8.7.3)


@journey(
    "retrieve.available-syntax-can-be-had",
    cites="PS3.18 10.6.3.3.3; PS3.4 C.6.1.1.5.2",
    verifies="PS3.18-10.6.3.3.3-3",
    on="web.retrieve.available",
    basis=RELATION,
    when=lambda j: any(x.answer.status not in NOT_NOW for x in j.steps("promised")),
    due=False,
    says="An instance can be retrieved in each transfer syntax that a search tells to be available for it.",
)
def available_syntax_can_be_had(j: Journey) -> Iterator[Finding]:
    for x in j.steps("promised"):
        wanted = str(x.facts.get("promised"))
        found = {reading.transfer_syntax for _, reading in files(x.answer)} if got(x) else set()
        if x.answer.status not in NOT_NOW and found != {wanted}:
            yield Finding(", ".join(found) or x.answer.line, wanted, "(0008,3002) of the search", seq=x.seq)


@available_syntax_can_be_had.mutant(at=DOOR)
def promises_jpeg_2000(ask: Ask, door: Door) -> Answer:
    """A search tells that every instance is available in JPEG 2000 Part 2, which nothing can be had in."""

    def edit(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row[AVAILABLE] = {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.92"]}

    answer = door(ask)
    return (rows_changed(answer, edit) if ask.resource.kind.startswith("web.search") else None) or answer


@probe("retrieve.available", provokes=("web.retrieve.available",))
def available(web: Web) -> None:
    """Ask for what searches tell to be available of a few instances."""
    for instance in by_syntax(web, 2):
        with web.journey("web.retrieve.available"):
            parent = f"studies/{instance.study}/series/{instance.series}/instances"
            x = web.search(parent, [("SOPInstanceUID", instance.instance), ("includefield", AVAILABLE)], step="search")
            for syntax in _promised(x)[:6]:
                accept = f"{DICOM}; transfer-syntax={syntax}"
                web.get(path(instance), accept, step="promised", facts={"promised": syntax})


def _promised(x: Exchange) -> list[str]:
    """The transfer syntaxes that the only match tells to be available."""
    rows = list(x.answer.json.datasets) if x.answer.ok and x.answer.json else []
    attribute = rows[0].get(AVAILABLE) if len(rows) == 1 else None
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    found = [v for v in values if isinstance(v, str)] if isinstance(values, list) else []
    return [v for v in found if v not in _NEVER and v.replace(".", "").isdigit()]
