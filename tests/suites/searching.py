"""Hand-made Search exchanges: questions, and the answers that a right server gives to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.make.corpus import Sample, corpus
from harness.past import Kept, Past
from harness.rule import CATALOGUE, Finding

BASE = "http://pacs.example:8042/dicomweb"
JSON = "application/dicom+json"
XML = 'multipart/related; type="application/dicom+xml"'
S1, S2 = "1.2.1", "1.2.2"

Row = dict[str, Any]


def value(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def study(uid: str = S1, **changed: dict[str, Any] | None) -> Row:
    """A study with every required attribute; changes by tag with a leading "x", None to leave one out."""
    row: Row = {
        "00080020": value("DA", "20240131"),
        "00080030": value("TM", "120000"),
        "00080050": value("SH", "A1"),
        "00080061": value("CS", "CT"),
        "00080090": value("PN", {"Alphabetic": "REF^ONE"}),
        "00081190": value("UR", f"{BASE}/studies/{uid}"),
        "00100010": value("PN", {"Alphabetic": "DOE^JANE"}),
        "00100020": value("LO", "P-1"),
        "00100030": value("DA"),
        "00100040": value("CS", "F"),
        "0020000D": value("UI", uid),
        "00200010": value("SH", "S1"),
        "00201206": value("IS", 1),
        "00201208": value("IS", 2),
    }
    return _changed(row, changed)


def series(uid: str = "1.2.1.1", parent: str = S1, **changed: dict[str, Any] | None) -> Row:
    row: Row = {
        "00080060": value("CS", "CT"),
        "00081190": value("UR", f"{BASE}/studies/{parent}/series/{uid}"),
        "0020000E": value("UI", uid),
        "00200011": value("IS", 1),
        "00201209": value("IS", 2),
    }
    return _changed(row, changed)


def _changed(row: Row, changed: dict[str, dict[str, Any] | None]) -> Row:
    merged = {**row, **{tag[1:]: attribute for tag, attribute in changed.items()}}
    return dict(sorted((tag, attribute) for tag, attribute in merged.items() if attribute is not None))


def ask(target: str, accept: str | None = JSON, method: str = "GET") -> Ask:
    fields = {"Host": "pacs.example:8042"} | ({"Accept": accept} if accept else {})
    return Ask(method, f"/dicomweb/{target}", BASE, Headers.of(fields))


def answer(content: Sequence[Row] | bytes | int, status: int = 200, warning: str = "", type: str = JSON) -> Answer:
    """Matches, octets, or a status code alone; no matches are a 204."""
    fields = [("Warning", warning)] if warning else []
    if isinstance(content, int):
        return Answer(content, "", Headers(tuple(fields)))
    if not content and not isinstance(content, bytes):
        return Answer(204, "No Content", Headers(tuple(fields)))
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    fields = [("Content-Type", type), ("Content-Length", str(len(body))), *fields]
    return Answer(status, "OK", Headers(tuple(fields)), Body.of(body))


def x(target: str, content: Sequence[Row] | bytes | int, *, past: Past | None = None, edition: str = "2024e",
      policies: dict[str, str] | None = None, accept: str | None = JSON, status: int = 200, warning: str = "",
      type: str = JSON, **about: Any) -> Exchange:  # fmt: skip
    context = Context(edition, policies or {}, past or Past())
    return Exchange(1, ask(target, accept), answer(content, status, warning, type), context=context, **about)


def judged(rule: str, subject: Exchange | Journey) -> list[Finding] | None:
    """The findings of one rule, None when the subject does not exercise it."""
    found = CATALOGUE.rules[rule]
    return list(found(subject)) if found.applies_to(subject.kind) and found.when(subject) else None


def journey(kind: str, *exchanges: Exchange) -> Journey:
    numbered = tuple(e.but(seq=n, journey=f"{kind}#1") for n, e in enumerate(exchanges, 1))
    return Journey(kind, f"{kind}#1", numbered, numbered[0].context)


def past_of(*samples: Sample) -> Past:
    return Past({
        s.instance: Kept(s.sop_class, s.instance, s.study, s.series, s.transfer_syntax, Body.of(s.part10), 0)
        for s in samples
    })  # fmt: skip


@cache
def samples() -> tuple[Sample, ...]:
    """Three instances of the first study of a corpus."""
    return tuple(corpus(3, "T")[:3])
