"""Knows how the outcome of one step in the life of a workitem becomes findings, and how mutants change it.

Must not know which rule asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Exchange
from harness.rule import Finding
from suites.web.workitems import reading
from suites.web.workitems.making import FINAL
from suites.web.workitems.reading import CONFLICT, GONE
from suites.web.workitems.story import Moment

DataSet = dict[str, Any]


def refused(m: Moment, codes: Collection[int] = CONFLICT, warn: Collection[int] = ()) -> Iterator[Finding]:
    """It has to be refused with one of these codes; another code of class 4xx is a warning.

    A workitem that is over may have been deleted (PS3.18 11.5.2), so then it may be unknown as well.
    """
    status = m.x.answer.status
    gone = m.item.state in FINAL and status in GONE
    if status in codes or gone:
        return
    want = " or ".join(str(code) for code in sorted(codes))
    soft = status in warn or 400 <= status < 500
    yield Finding(m.x.answer.line, want, where(m), seq=m.x.seq, warn=soft)


def allowed(m: Moment, status: int) -> Iterator[Finding]:
    """It has to be granted with this code; another code of class 2xx is a warning."""
    if m.x.answer.status != status:
        yield Finding(m.x.answer.line, str(status), where(m), seq=m.x.seq, warn=m.x.answer.ok or m.contradicted)


def where(m: Moment) -> str:
    state = {None: "", "": ", which does not exist"}.get(m.item.state, f", which is {m.item.state}")
    asked = reading.wanted(m.x) if m.x.kind == reading.CHANGED else ""
    return f"{m.x.ask.method} of workitem {m.uid}{state}{f', to {asked}' if asked else ''}"


def granting(x: Exchange, kind: str, *codes: int, to: int = 200) -> Answer | None:
    """For mutants: what was refused with one of these codes (any of 4xx without) is granted."""
    hit = x.kind == kind and (x.answer.status in codes if codes else 400 <= x.answer.status < 500)
    return (
        x.answer.but(status=to, reason="OK", headers=x.answer.headers.but("warning", None), body=b"") if hit else None
    )


def refusing(x: Exchange, kind: str, status: int = 409) -> Answer | None:
    """For mutants: what was granted is refused."""
    return x.answer.but(status=status, reason="Refused", body=b"") if x.kind == kind and x.answer.ok else None


def unwarned(x: Exchange, kind: str, phrase: str = "") -> Answer | None:
    """For mutants: the Warning fields that say this are left out."""
    kept = [(n, v) for n, v in x.answer.headers if n.lower() != "warning" or phrase.lower() not in v.lower()]
    changed = x.kind == kind and len(kept) < len(x.answer.headers)
    return x.answer.but(headers=type(x.answer.headers)(tuple(kept))) if changed else None


def edited(x: Exchange, change: Callable[[list[DataSet]], list[DataSet] | None], *kinds: str) -> Answer | None:
    """For mutants: the JSON payload changed; None for what has none, or stays as it was."""
    if (kinds and x.kind not in kinds) or "json" not in x.answer.type or not x.answer.payload:
        return None
    found = json.loads(x.answer.payload.bytes())
    rows = found if isinstance(found, list) else [found]
    made = change(json.loads(json.dumps(rows)))
    if made is None or made == rows:
        return None
    return x.answer.but(body=json.dumps(made if isinstance(found, list) else made[0]).encode())


def each(x: Exchange, change: Callable[[DataSet], Mapping[str, Any]], *kinds: str) -> Answer | None:
    """For mutants: every data set of the payload changed."""
    return edited(x, lambda rows: [dict(sorted(change(row).items())) for row in rows], *kinds)


def without(*tags: str) -> Callable[[DataSet], DataSet]:
    return lambda row: {tag: found for tag, found in row.items() if tag not in tags}
