"""Knows how mutants of this service change a finished answer, or answer in the service's place.

Must not know rules.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.body import EMPTY, Body
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.wire.multipart import Part

Root = dict[str, Any]
Rewrite = Callable[[str], str]
Change = Callable[[Root], Root | None]


def rewritten(x: Exchange, change: Change) -> Answer | None:
    """The answer with its response module changed; None when it is no JSON module or there is nothing to change."""
    if not x.answer.ok and x.answer.status != 409:
        return None
    found = _root(x.answer)
    if found is None:
        return None
    data, is_list = found
    changed = change(copy.deepcopy(data))
    return None if changed is None or changed == data else payload(x.answer, [changed] if is_list else changed)


def _root(answer: Answer) -> tuple[dict[str, Any], bool] | None:
    if answer.json is None:
        return None
    try:
        data = json.loads(answer.payload.bytes())
    except ValueError:
        return None
    root = data[0] if isinstance(data, list) and data else data
    return (root, isinstance(data, list)) if isinstance(root, dict) else None


def payload(answer: Answer, content: Any) -> Answer:
    """The answer with another JSON text, not compressed."""
    headers = answer.headers.but("content-encoding", None)
    return answer.but(headers=headers, body=json.dumps(content, ensure_ascii=False).encode())


def items(root: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    """The items of a sequence, to be changed in place; [] when it is absent or empty."""
    found = root.get(tag, {}).get("Value", [])
    return found if isinstance(found, list) else []


def sequence(found: list[Any]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": found}


def attribute(vr: str, *found: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(found)} if found else {"vr": vr}


def ordered(root: dict[str, Any]) -> dict[str, Any]:
    """The same with its attributes in ascending order."""
    return dict(sorted(root.items()))


REASONS = {200: "OK", 201: "Created", 202: "Accepted", 304: "Not Modified", 400: "Bad Request", 404: "Not Found",
           405: "Method Not Allowed", 409: "Conflict", 411: "Length Required", 415: "Unsupported Media Type",
           500: "Internal Server Error", 501: "Not Implemented"}  # fmt: skip


def status(answer: Answer, code: int) -> Answer:
    """The same answer under another status code."""
    return answer.but(status=code, reason=REASONS.get(code, ""))


def refusal(code: int) -> Answer:
    """An answer without a payload, made without asking anybody."""
    return Answer(code, REASONS.get(code, ""), Headers.of([("Content-Length", "0")]), EMPTY)


def report(code: int, text: str = "refused") -> Answer:
    """A refusal with a status report for people."""
    body = Body.of(text.encode())
    headers = Headers.of([("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(body.size))])
    return Answer(code, REASONS.get(code, ""), headers, body)


def empty_search() -> Answer:
    """An answer that nothing was found, as editions up to 2024e want it."""
    return Answer(204, "No Content", Headers(), EMPTY)


def with_body(ask: Ask, body: bytes) -> Ask:
    """The request with another body of the same type; its length follows."""
    headers = ask.headers.but("transfer-encoding", None).but("content-length", str(len(body)))
    return ask.but(body=Body.of(body), headers=headers)


def reparted(ask: Ask, parts: Sequence[Part], contents: Mapping[int, bytes] | None = None) -> Ask | None:
    """The request with these parts and their header fields, some with other contents by index; None without a
    boundary."""
    boundary = ask.media.parameters.get("boundary", "")
    if not boundary:
        return None
    dash, pieces = b"--" + boundary.encode("latin-1"), []
    for part in parts:
        head = "".join(f"{name}: {value}\r\n" for name, value in part.fields if name.lower() != "content-length")
        octets = (contents or {}).get(part.index)
        pieces.append(dash + b"\r\n" + head.encode("latin-1") + b"\r\n")
        pieces.append((part.content.bytes() if octets is None else octets) + b"\r\n")
    return with_body(ask, b"".join(pieces) + dash + b"--\r\n")


def with_parts(ask: Ask, keep: Callable[[int], bool]) -> Ask | None:
    """The request with only some of its parts; None when it is not framed well enough or nothing would be left."""
    boundary = ask.media.parameters.get("boundary", "")
    kept = [p for p in ask.parts if keep(p.index)]
    if not boundary or not kept or len(kept) == len(ask.parts):
        return None
    dash = b"--" + boundary.encode("latin-1")
    head = b"\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(dash + head + p.content.bytes() + b"\r\n" for p in kept) + dash + b"--\r\n"
    return with_body(ask, body)
