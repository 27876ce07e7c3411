"""Knows how an exchange is shown to a person: request, status line, header fields, bodies unfolded within bounds.

Must not know verdicts, nor the form of the report it is shown in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange
from harness.wire import multipart
from reports.command import curl, masked
from reports.dataset import listing
from reports.layout import lay_out_json, lay_out_xml
from reports.pictures import Panel, pictures
from reports.visible import clip, in_line, octets_text, visible

TEXT = 6000  # characters of a text body shown
HEX = 256  # octets of a binary body shown
PARTS = 6  # parts of a multipart body unfolded
FIELD = 1000  # characters of a field value or request target shown
FIELDS = 100  # header fields shown
LAID_OUT = 256 << 10  # octets; a larger text is shown as it came
UNFOLDED = 64 << 20  # octets; a larger multipart body or file is not taken apart for a report


@dataclass(frozen=True)
class Preview:
    """A body as a person sees it: a caption, the text, and the parts of a multipart body with their fields."""

    caption: str
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    parts: tuple[Preview, ...] = ()


@dataclass(frozen=True)
class Shown:
    """One exchange, or one file, ready to be laid out; every text in it is fit to be looked at.

    Of a file `line` is the path and `status` the media type that its content shows; nobody asked for it.
    """

    seq: int
    probe: str
    place: str  # journey and step, '' outside a journey
    line: str
    asked: tuple[tuple[str, str], ...]
    sent: Preview | None
    status: str
    answered: tuple[tuple[str, str], ...]
    came: Preview | None
    fault: str  # why the answer is not whole, '' for a whole one
    elapsed_ms: int
    expected: str
    curl: str
    masked: bool
    word: str = "exchange"
    pictures: tuple[tuple[Panel, ...], ...] = ()  # for each picture of the answer: expected, got, difference


def shown(x: Exchange, room: int = TEXT) -> Shown:
    """The exchange for people; `room` is the number of characters for each body."""
    answer = x.answer
    read, target = x.kind.startswith("file"), clip(x.ask.target, FIELD)
    view = Shown(
        seq=x.seq,
        probe=in_line(x.probe),
        place=in_line(f"{x.journey} {x.step}".strip()),
        line=in_line(target if read else f"{x.ask.method} {target} {x.ask.version}"),
        asked=_fields(x.ask.headers.fields),
        sent=_message(x.ask, room),
        status=in_line(clip(answer.type if read else _status(answer), FIELD)),
        answered=_fields(answer.headers.fields),
        came=_message(answer, room),
        fault=in_line(clip(str(answer.fault), FIELD)) if answer.fault and answer.status else "",
        elapsed_ms=x.elapsed_ms,
        expected=_expected(x, room),
        curl=curl(x.ask),
        masked=masked(x.ask),
        word="file" if read else "exchange",
        pictures=() if read else pictures(x),
    )
    x.forget()
    return view


def exchange_text(x: Exchange) -> str:
    """The exchange as plain text."""
    view = shown(x)
    if view.word == "file":
        return "\n".join([view.line, "", *(_lines(view.came) if view.came else ("an empty file",))]) + "\n"
    lines = [f"exchange {view.seq}, probe {view.probe} {view.place}".strip(), "", view.line]
    lines += [f"{n}: {v}" for n, v in view.asked]
    lines += ["", *(_lines(view.sent) if view.sent else ()), view.status]
    lines += [f"{n}: {v}" for n, v in view.answered]
    lines += ["", *(_lines(view.came) if view.came else ())]
    lines += [f"The answer is not whole: {view.fault}", ""] if view.fault else []
    lines += ["What an unbroken reference would answer:", view.expected, ""] if view.expected else []
    lines += ["Ask the same by hand:", visible(view.curl)] if view.curl else []
    return "\n".join(lines) + "\n"


def _status(answer: Answer) -> str:
    return f"{answer.version} {answer.line}" if answer.status else answer.line


def _lines(preview: Preview) -> Iterator[str]:
    yield f"[{preview.caption}]"
    if preview.text:
        yield preview.text
    for part in preview.parts:
        yield ""
        yield from (f"  {n}: {v}" for n, v in part.fields)
        yield from (f"  {line}" for line in "\n".join(_lines(part)).split("\n"))
    yield ""


def _fields(fields: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    kept = tuple((in_line(clip(n, FIELD)), in_line(clip(v, FIELD))) for n, v in fields[:FIELDS])
    more = len(fields) - len(kept)
    return (*kept, ("…", f"{more} more fields")) if more else kept


def _expected(x: Exchange, room: int) -> str:
    if not x.expected:
        return ""
    text = json.dumps(x.expected, ensure_ascii=False)
    return visible(clip(lay_out_json(text, room) if len(text) <= LAID_OUT else text, room))


def _message(message: Ask | Answer, room: int) -> Preview | None:
    if not message.body.size:
        return None
    caption = _caption(message)
    if message.body.size <= UNFOLDED and message.multipart and message.multipart.parts:
        parts = message.multipart.parts
        unfolded = tuple(_part(p, room // min(len(parts), PARTS)) for p in parts[:PARTS])
        more = f"… {len(parts) - PARTS} more parts" if len(parts) > PARTS else ""
        return Preview(f"{caption}; {len(parts)} parts", more, (), unfolded)
    return Preview(caption, _body(message.payload, message.type, room))


def _caption(message: Ask | Answer) -> str:
    words = [f"{message.body.size:,} octets"]
    words += ["cut off: the rest did not come or was not kept"] if message.body.truncated else []
    words += [in_line(clip(message.type, 100)) or "no media type"]
    if message.payload is not message.body:
        words.append(f"{message.payload.size:,} octets after decoding {in_line(_coding(message))}")
    return ", ".join([*words, f"SHA-256 {message.body.digest[:16]}…"])


def _coding(message: Ask | Answer) -> str:
    return clip(message.headers.get("content-encoding", "") or "", 40)


def _part(part: multipart.Part, room: int) -> Preview:
    type = part.media.type
    caption = f"part {part.index + 1}: {part.content.size:,} octets, {in_line(clip(type, 100)) or 'no media type'}"
    return Preview(caption, _body(part.content, type, max(room, 400)), _fields(tuple(part.fields)))


def _body(body: Body, type: str, room: int) -> str:
    if (type == "application/dicom" or body.read(128, 4) == b"DICM") and body.size <= UNFOLDED:
        return visible(clip(listing(body), room)) or hexadecimal(body)
    if type.endswith(("/json", "+json", "/xml", "+xml")) or type.startswith("text/"):
        return _text(body, type, room)
    return _text(body, type, room) if _printable(body.read(0, 512)) else hexadecimal(body)


def _text(body: Body, type: str, room: int) -> str:
    """The text within its room; a cut one says so."""
    whole = body.size <= LAID_OUT
    text = octets_text(body.read(0, LAID_OUT if whole else room))
    if whole and type.endswith("json"):
        text = lay_out_json(text, room)
    elif whole and type.endswith("xml"):
        text = lay_out_xml(text, room)
    cut = len(text) > room or not whole
    return visible(text[:room]) + ("\n… the whole is in the record" if cut else "")


def _printable(head: bytes) -> bool:
    return bool(head) and all(b in (9, 10, 13) or 32 <= b < 127 for b in head)


def hexadecimal(body: Body) -> str:
    """The first octets, sixteen a row, with the letters among them."""
    head = body.read(0, HEX)
    rows = []
    for at in range(0, len(head), 16):
        row = head[at : at + 16]
        letters = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        rows.append(f"{at:06x}  {row.hex(' '):<47}  {letters}")
    return "\n".join(rows) + (f"\n… {body.size - HEX:,} more octets" if body.size > HEX else "")
