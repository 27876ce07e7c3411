"""Knows how conversations are worked out by hand, on which the rules over conversations are proved.

Must not know rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from harness.body import EMPTY, Body
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.wire.uri import request_target

BASE = "http://pacs.example/dicomweb"
JSON = "application/dicom+json"


def talk(*pairs: tuple[Ask, Answer]) -> tuple[Exchange, ...]:
    """These questions and answers, one after the other."""
    return tuple(Exchange(number, ask, answer) for number, (ask, answer) in enumerate(pairs, 1))


def asked_for(path: str, accept: str = JSON, base: str = BASE) -> Ask:
    """A GET for a path below the Base URI, or for an absolute URI."""
    target, host = request_target(path, base)
    return Ask("GET", target, base, Headers.of([("Host", host), ("Accept", accept)]))


def stored_one() -> Ask:
    """A Store request, of whatever."""
    fields = [
        ("Host", "pacs.example"),
        ("Accept", JSON),
        ("Content-Type", "application/dicom"),
        ("Content-Length", "3"),
    ]
    return Ask("POST", "/dicomweb/studies", BASE, Headers.of(fields), Body.of(b"any"))


def refused(status: int, fields: Iterable[tuple[str, str]] = ()) -> Answer:
    """An answer of this status without a payload."""
    return Answer(status, headers=Headers.of([*fields, ("Content-Length", "0")]), body=EMPTY)


def listed(rows: int, warning: str = "", retrieve_url: str = "", bulk: str = "") -> Answer:
    """So many rows or data sets in JSON, with these URLs in each."""
    row = {"0020000D": {"vr": "UI", "Value": ["1.2"]}}
    row |= {"00081190": {"vr": "UR", "Value": [retrieve_url]}} if retrieve_url else {}
    found: dict[str, object] = {**row, **({"7FE00010": {"vr": "OW", "BulkDataURI": bulk}} if bulk else {})}
    body = Body.of(json.dumps([found] * rows).encode())
    fields = [("Content-Type", JSON), ("Content-Length", str(body.size))]
    fields += [("Warning", f"299 {BASE}: {warning}")] if warning else []
    return Answer(200, headers=Headers.of(fields), body=body)
