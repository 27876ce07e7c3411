"""Knows how mutants of searches change questions and answers: rows, single attributes, parameters, Warning fields.

Must not know rules; a helper that finds nothing to break gives None or asks unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from harness.exchange import Answer, Ask, Exchange
from harness.rule import Door
from harness.wire.uri import decode
from suites.web.search import asked

Row = dict[str, Any]
Rows = list[Row]


def searches(ask: Ask, *resources: str) -> bool:
    """The request is a search, of one of these resources if any are named."""
    name = ask.resource.search
    return bool(name) and (not resources or name in resources)


def edited(x: Exchange, change: Callable[[Rows], Rows | None], *resources: str) -> Answer | None:
    """The answer with its list of matches changed; None for what is no JSON answer with matches."""
    if not searches(x.ask, *resources):
        return None
    return relisted(x.answer, change)


def relisted(answer: Answer, change: Callable[[Rows], Rows | None]) -> Answer | None:
    if answer.status != 200 or answer.type != "application/dicom+json":
        return None
    found = json.loads(answer.payload.bytes())
    changed = change([dict(row) for row in found]) if found else None
    if changed is None or changed == found:
        return None
    return listed(answer, changed)


def listed(answer: Answer, rows: Sequence[Row]) -> Answer:
    """An answer with these matches; the form of an empty one is that of 2024e."""
    if rows:
        return answer.but(status=200, reason="OK", body=json.dumps(rows).encode(), type="application/dicom+json")
    headers = answer.headers.but("content-type", None).but("content-length", None).but("transfer-encoding", None)
    return answer.but(status=204, reason="No Content", headers=headers, body=b"")


def each(x: Exchange, change: Callable[[Row], Row], *resources: str) -> Answer | None:
    """The answer with every match changed."""
    return edited(x, lambda rows: [change(row) for row in rows], *resources)


def without_tag(tag: str) -> Callable[[Row], Row]:
    return lambda row: {t: value for t, value in row.items() if t != tag}


def with_tag(tag: str, vr: str, *values: Any) -> Callable[[Row], Row]:
    """Set an attribute; no values make it empty."""

    def change(row: Row) -> Row:
        attribute = {"vr": vr, "Value": list(values)} if values else {"vr": vr}
        return dict(sorted({**row, tag: attribute}.items()))

    return change


def parameters(ask: Ask) -> list[tuple[str, str]]:
    """The raw parameters, name and value, '=' and all left out."""
    words = [w.partition("=") for w in ask.query.raw.split("&") if w]
    return [(name, value) for name, _, value in words]


def asking(ask: Ask, changed: Sequence[tuple[str, str]]) -> Ask:
    """The same request with these raw parameters."""
    path = ask.target.partition("?")[0]
    query = "&".join(f"{n}={v}" for n, v in changed)
    return ask.but(target=f"{path}?{query}" if query else path)


def renumbered(ask: Ask, name: str, change: Callable[[int], int]) -> Ask:
    """The same request with another number in limit or offset; unchanged where there is none."""
    return asking(ask, [(n, str(change(int(v))) if n == name and v.isdigit() else v) for n, v in parameters(ask)])


def dropping(ask: Ask, *names: str) -> Ask:
    """The same request without these parameters."""
    return asking(ask, [(n, v) for n, v in parameters(ask) if decode(n) not in names])


def rewriting(ask: Ask, change: Callable[[str, str], str | None]) -> Ask:
    """The same request with the value of every matching key passed through `change(path, raw)`; None drops it."""
    made = []
    for name, value in parameters(ask):
        word = decode(name)
        path = None if word in asked.RESERVED else asked.path_of(word)
        new = change(path, value) if path else value
        if new is not None:
            made.append((name, new))
    return asking(ask, made)


def ignoring(*paths: str) -> Callable[[Ask, Door], Answer]:
    """A service that does not look at the values of these keys."""

    def act(ask: Ask, door: Door) -> Answer:
        return door(rewriting(ask, lambda path, value: None if path in paths else value))

    return act


def keeping(ask: Ask, door: Door, keep: Callable[[Row, Ask], bool]) -> Answer:
    """The unbroken answer with only those matches that `keep` lets through."""
    answer = door(ask)
    if not searches(ask):
        return answer
    return relisted(answer, lambda rows: [row for row in rows if keep(row, ask)]) or answer


def unwarned(answer: Answer, pattern: str) -> Answer | None:
    """The answer without the Warning fields in which the pattern occurs; None when there are none."""
    fields = tuple(
        (n, v) for n, v in answer.headers if not (n.lower() == "warning" and re.search(pattern, v, re.IGNORECASE))
    )
    return answer.but(headers=type(answer.headers)(fields)) if len(fields) < len(answer.headers) else None


def rewarned(answer: Answer, change: Callable[[str], str]) -> Answer | None:
    """The answer with the values of its Warning fields changed."""
    fields = tuple((n, change(v) if n.lower() == "warning" else v) for n, v in answer.headers)
    return answer.but(headers=type(answer.headers)(fields)) if fields != answer.headers.fields else None
