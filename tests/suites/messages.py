"""Hand-made exchanges of any kind, and what a rule says of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import suites
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Fault, Headers, Journey
from harness.past import Past
from harness.rule import Finding

BASE = "http://pacs.example:8042/dicomweb"
JSON = "application/dicom+json"
XML = 'multipart/related; type="application/dicom+xml"'
DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
METADATA = "studies/1.2/series/1.2.3/instances/1.2.3.4/metadata"
INSTANCE = "studies/1.2/series/1.2.3/instances/1.2.3.4"
FRAME = f"{INSTANCE}/frames/1"
RULES = suites.load().rules

Fields = Iterable[tuple[str, str]]


def ask(target: str = METADATA, accept: str | None = JSON, fields: Fields = (), method: str = "GET",
        body: bytes = b"") -> Ask:  # fmt: skip
    given = [("Host", "pacs.example:8042"), *([("Accept", accept)] if accept is not None else []), *fields]
    return Ask(method, f"/dicomweb/{target}", BASE, Headers(tuple(given)), Body.of(body))


def answer(status: int = 200, body: bytes = b"", type: str | None = None, fields: Fields = (), head: bytes = b"",
           fault: Fault | None = None, length: bool = True) -> Answer:  # fmt: skip
    """An answer with Content-Type and, unless told otherwise, a right Content-Length."""
    given = [*([("Content-Type", type)] if type is not None else []), *fields]
    given += [("Content-Length", str(len(body)))] if length and body else []
    return Answer(status, "", Headers(tuple(given)), Body.of(body), head=head, fault=fault)


def rows(*found: dict[str, Any]) -> bytes:
    return json.dumps(found).encode()


def row(uid: str = "1.2", tag: str = "0020000D", **more: Any) -> dict[str, Any]:
    return {tag: {"vr": "UI", "Value": [uid]}, **more}


def listed(*found: dict[str, Any], status: int = 200) -> Answer:
    """DICOM JSON, one data set unless told otherwise."""
    return answer(status, rows(*(found or (row(),))), JSON)


def related(
    parts: Sequence[tuple[str, bytes]],
    root: str = "",
    boundary: str = "b1",
    location: str = f"{BASE}/{INSTANCE}",
    fields: str = "",
) -> Answer:
    """A multipart answer as the standard shows it; `fields` are further header lines of every part."""
    body = b""
    for kind, content in parts:
        head = f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
        head += f"Content-Location: {location}\r\n" if location else ""
        body += f"--{boundary}\r\n{head}{fields}\r\n".encode() + content + b"\r\n"
    body += f"--{boundary}--".encode()
    root = root or (parts[0][0].partition(";")[0] if parts else "application/dicom")
    return answer(200, body, f'multipart/related; type="{root}"; boundary={boundary}')


def exchange(answer: Answer, ask_: Ask | None = None, edition: str = "2024e", policies: dict[str, str] | None = None,
             **more: Any) -> Exchange:  # fmt: skip
    context = Context(edition, policies or {}, Past())
    return Exchange(1, ask_ or ask(), answer, facts=more.pop("facts", {}), context=context, **more)


def journey(kind: str, *exchanges: Exchange) -> Journey:
    return Journey(kind, f"{kind}#1", exchanges, Context("2024e", {}, Past()))


def said(rule: str, subject: Exchange | Journey) -> list[Finding] | None:
    """The findings of a rule; None when the subject does not exercise it."""
    judged = RULES[rule]
    kind = subject.kind
    if not judged.applies_to(kind) or not judged.when(subject):
        return None
    return list(judged(subject))


def fails(rule: str, subject: Exchange | Journey) -> bool:
    found = said(rule, subject)
    return bool(found) and any(not f.warn for f in found)


def warns(rule: str, subject: Exchange | Journey) -> bool:
    found = said(rule, subject)
    return bool(found) and all(f.warn for f in found)


def passes(rule: str, subject: Exchange | Journey) -> bool:
    return said(rule, subject) == []
