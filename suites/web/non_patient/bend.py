"""Knows how mutants of this service change answers: the instances in a payload, the matches of a search.

Must not know rules; a helper that finds nothing to break gives None.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from harness.exchange import Answer, Exchange
from suites.web.non_patient.reading import JSON, RETRIEVE, SEARCH
from suites.web.search.broken import Row, relisted

Change = Callable[[Row], Row]


def retrieved(x: Exchange, change: Change) -> Answer | None:
    """An instance that was retrieved in JSON, changed."""
    if x.kind != RETRIEVE or x.answer.type != JSON:
        return None
    return relisted(x.answer, lambda rows: [change(row) for row in rows])


def matched(x: Exchange, change: Callable[[list[Row]], list[Row]]) -> Answer | None:
    """The matches of a search in JSON, changed."""
    return relisted(x.answer, change) if x.kind == SEARCH else None


def attribute(tag: str, vr: str, value: Any = None) -> Change:
    """Sets an attribute, without a value an empty one."""
    made = {"vr": vr} if value is None else {"vr": vr, "Value": [value]}
    return lambda row: dict(sorted({**row, tag: made}.items()))


def without(*tags: str) -> Change:
    return lambda row: {tag: value for tag, value in row.items() if tag not in tags}


def refused(x: Exchange, status: int, text: str = "no") -> Answer:
    """An error, with a sentence that says so."""
    return x.answer.but(status=status, reason="No", body=text.encode(), type="text/plain")


def said(x: Exchange, status: int, content: Any = None) -> Answer:
    """A success with a payload of JSON, or without one."""
    if content is not None:
        return x.answer.but(status=status, reason="OK", body=json.dumps(content).encode(), type=JSON)
    headers = x.answer.headers.but("content-type", None).but("transfer-encoding", None).but("content-length", "0")
    return x.answer.but(status=status, reason="OK", headers=headers, body=b"")
