"""Knows how an exchange is shown to a person: request, status line, header fields, bodies unfolded within bounds.

Must not know verdicts, nor the form of the report it is shown in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange
from harness.wire import multipart, part10

TEXT = 6000  # characters of a text body shown
HEX = 256  # octets of a binary body shown
PARTS = 6  # parts of a multipart body unfolded
ELEMENTS = 60  # data elements of a PS3.10 part listed
JSON_BOUND = 256 << 10  # a larger JSON text is shown as it came, not laid out


@dataclass(frozen=True)
class Preview:
    """A body as a person sees it: a caption, the text, and the parts of a multipart body with their fields."""

    caption: str
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    parts: tuple[Preview, ...] = ()


@dataclass(frozen=True)
class Shown:
    """One exchange, ready to be laid out."""

    seq: int
    probe: str
    place: str  # journey and step, '' outside a journey
    line: str
    asked: tuple[tuple[str, str], ...]
    sent: Preview | None
    status: str
    answered: tuple[tuple[str, str], ...]
    came: Preview | None
    elapsed_ms: int
    expected: str
    curl: str


def shown(x: Exchange) -> Shown:
    """The exchange for people."""
    return Shown(
        seq=x.seq,
        probe=x.probe,
        place=f"{x.journey} {x.step}".strip(),
        line=f"{x.ask.method} {x.ask.target} {x.ask.version}",
        asked=x.ask.headers.fields,
        sent=_message(x.ask),
        status=f"{x.answer.version} {x.answer.line}" if x.answer.status else x.answer.line,
        answered=x.answer.headers.fields,
        came=_message(x.answer),
        elapsed_ms=x.elapsed_ms,
        expected=_expected(x),
        curl=curl(x.ask),
    )


def exchange_text(x: Exchange) -> str:
    """The exchange as plain text."""
    view = shown(x)
    lines = [f"exchange {view.seq}, probe {view.probe} {view.place}".strip(), "", view.line]
    lines += [f"{n}: {v}" for n, v in view.asked]
    lines += ["", *(_lines(view.sent) if view.sent else ()), view.status]
    lines += [f"{n}: {v}" for n, v in view.answered]
    lines += ["", *(_lines(view.came) if view.came else ())]
    return "\n".join(lines) + "\n"


def curl(ask: Ask) -> str:
    """A command that asks the same with curl; a body is named by its digest in blobs/."""
    root = ask.base.split("/", 3)
    url = "/".join(root[:3]) + ask.target
    words = ["curl", "-i", "--globoff", "--path-as-is"]
    words += [] if ask.method == "GET" else ["-X", ask.method]
    for name, value in ask.headers:
        if name.lower() not in ("host", "content-length"):
            words += ["-H", _quoted(f"{name}: {value}")]
    if ask.body:
        words += ["--data-binary", f"@blobs/{ask.body.digest[:2]}/{ask.body.digest[2:]}"]
    return " ".join([*words, _quoted(url)])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _lines(preview: Preview) -> Iterator[str]:
    yield f"[{preview.caption}]"
    if preview.text:
        yield preview.text
    for part in preview.parts:
        yield ""
        yield from (f"  {n}: {v}" for n, v in part.fields)
        yield from (f"  {line}" for line in _lines(part))
    yield ""


def _expected(x: Exchange) -> str:
    if not x.expected:
        return ""
    text = json.dumps(x.expected, ensure_ascii=False, indent=1)
    return text if len(text) <= TEXT else text[:TEXT] + "\n…"


def _message(message: Ask | Answer) -> Preview | None:
    if not message.body.size:
        return None
    mark = ", cut" if message.body.truncated else ""
    caption = f"{message.body.size:,} octets{mark}, {message.type or 'no media type'}"
    if message.multipart and message.multipart.parts:
        parts = tuple(_part(p) for p in message.multipart.parts[:PARTS])
        more = len(message.multipart.parts) - len(parts)
        whole = f"{caption}, {len(message.multipart.parts)} parts"
        return Preview(whole, f"… {more} more parts" if more else "", (), parts)
    return Preview(caption, _body(message.payload, message.type))


def _part(part: multipart.Part) -> Preview:
    type, size = part.media.type, part.content.size
    return Preview(f"part of {size:,} octets, {type or 'no media type'}", _body(part.content, type), tuple(part.fields))


def _body(body: Body, type: str) -> str:
    if type in ("application/dicom+json", "application/json"):
        return _json(body)
    if type.startswith("text/") or type.endswith(("+xml", "/xml")):
        return _text(body)
    if type == "application/dicom" or body.read(128, 4) == b"DICM":
        return _dicom(body) or _hex(body)
    return _text(body) if _printable(body.read(0, 512)) else _hex(body)


def _json(body: Body) -> str:
    if body.size <= JSON_BOUND:
        try:
            # one attribute a line: shorter than a full indent, and what people compare
            rows = json.loads(body.bytes())
            text = "[\n" + ",\n".join(_row(r) for r in rows) + "\n]" if isinstance(rows, list) else _row(rows)
            return text if len(text) <= TEXT else text[:TEXT] + "\n…"
        except (ValueError, RecursionError):
            pass
    return _text(body)


def _row(row: object) -> str:
    if not isinstance(row, dict):
        return json.dumps(row, ensure_ascii=False)
    lines = [f' "{k}": {json.dumps(v, ensure_ascii=False)}' for k, v in row.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _text(body: Body) -> str:
    text = body.read(0, TEXT).decode("utf-8", "replace")
    return text if body.size <= TEXT else text + "\n…"


def _printable(head: bytes) -> bool:
    return bool(head) and all(b in (9, 10, 13) or 32 <= b < 127 for b in head)


def _hex(body: Body) -> str:
    head = body.read(0, HEX)
    rows = []
    for at in range(0, len(head), 16):
        row = head[at : at + 16]
        letters = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        rows.append(f"{at:06x}  {row.hex(' '):<47}  {letters}")
    return "\n".join(rows) + ("\n…" if body.size > HEX else "")


def _dicom(body: Body) -> str:
    reading = part10.read(body)
    elements = [*reading.meta.elements.values(), *reading.dataset.elements.values()]
    if not elements:
        return ""
    lines = [_element(e) for e in elements[:ELEMENTS]]
    if len(elements) > ELEMENTS:
        lines.append(f"… {len(elements) - ELEMENTS} more elements")
    return "\n".join(lines)


def _element(element: part10.Element) -> str:
    name = f"({element.tag[:4]},{element.tag[4:]}) {element.vr}"
    if element.items is not None:
        return f"{name} sequence of {len(element.items)} items"
    if element.fragments is not None:
        return f"{name} {len(element.fragments)} fragments"
    value = element.value
    if value is None or not value.size:
        return f"{name} empty"
    head = value.read(0, 64)
    if element.vr in ("OB", "OW", "OF", "OD", "OL", "OV", "UN", "US", "SS", "UL", "SL", "FL", "FD", "AT", "UV", "SV"):
        return f"{name} {value.size} octets {head[:16].hex(' ')}{'…' if value.size > 16 else ''}"
    text = head.decode("utf-8", "replace").rstrip("\0 ")
    return f"{name} {text}{'…' if value.size > 64 else ''}"
