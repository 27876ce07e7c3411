"""Knows how to write multipart/related bodies: every legal freedom, named faults (RFC 2046 5.1; PS3.18 8.6.1.2).

Must not know what the parts mean or how a body is sent; it shares nothing with the strict reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.body import CHUNK, Body

BCHARS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=?"
TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
CRLF = "\r\n"


@dataclass(frozen=True)
class Part:
    """One part: its content, media type, transfer syntax parameter ('' for none) and further header fields."""

    content: Body
    type: str = "application/dicom"
    transfer_syntax: str = ""
    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, content: bytes | Body, type: str = "application/dicom", transfer_syntax: str = "") -> Part:
        return cls(content if isinstance(content, Body) else Body.of(content), type, transfer_syntax)


@dataclass(frozen=True)
class Style:
    """How a message is written; the default is the plainest form. Each field is a freedom that the texts leave.

    `boundary` '' means: choose one that no content holds. `quote_boundary` None means: when its characters ask for it.
    """

    boundary: str = ""
    quote_type: bool = True
    quote_boundary: bool | None = None
    parameters_first: str = "type"  # or "boundary"
    blank: str = " "  # after the semicolons of Content-Type
    preamble: bytes = b""
    epilogue: bytes = b""
    padding: str = ""  # transport padding after a delimiter
    name_case: Callable[[str], str] = str
    content_length: bool = False
    extra: tuple[tuple[str, str], ...] = ()
    quote_transfer_syntax: bool = False
    last_line_end: bool = True  # CRLF behind the closing delimiter


@dataclass(frozen=True)
class Message:
    """A Content-Type field value and the body that goes with it."""

    content_type: str
    body: Body


STYLES: dict[str, Style] = {
    "plain": Style(),
    "unquoted-type": Style(quote_type=False),
    "quoted-boundary": Style(quote_boundary=True),
    "boundary-first": Style(parameters_first="boundary"),
    "no-blanks": Style(blank=""),
    "tab-blanks": Style(blank=" \t "),
    "boundary-of-1": Style(boundary="x"),
    "boundary-of-70": Style(boundary="0123456789" * 7),
    "boundary-specials": Style(boundary="'()+_,-./:=?a"),
    "boundary-with-spaces": Style(boundary="a b  c"),
    "boundary-dashes": Style(boundary="------"),
    "preamble": Style(preamble=b"This is a multipart message.\r\n"),
    "empty-line-first": Style(preamble=b"\r\n"),
    "epilogue": Style(epilogue=b"\r\nNothing counts here.\r\n--not-a-delimiter\r\n"),
    "padding": Style(padding=" \t "),
    "lower-case-names": Style(name_case=str.lower),
    "upper-case-names": Style(name_case=str.upper),
    "part-lengths": Style(content_length=True),
    "extra-fields": Style(
        extra=(("MIME-Version", "1.0"), ("Content-Transfer-Encoding", "binary"), ("Content-ID", "<1@example.org>"))
    ),
    "quoted-transfer-syntax": Style(quote_transfer_syntax=True),
    "no-last-line-end": Style(last_line_end=False),
}


class BoundaryInContent(ValueError):
    """The boundary that a style names begins a line of one of the contents: the message would be false."""


def multipart(parts: Sequence[Part], style: Style = STYLES["plain"], root: str = "") -> Message:
    """Write the parts in memory. `root` is the type parameter, the first part's media type unless given.

    BoundaryInContent when the style's own boundary cannot be used; BodyTooLarge for contents over 64 MiB.
    """
    boundary = _boundary(parts, style)
    pieces: list[bytes] = []
    for piece in _pieces(parts, style, boundary):
        pieces.append(piece.bytes() if isinstance(piece, Body) else piece)
    return Message(_content_type(parts, style, boundary, root), Body.of(b"".join(pieces)))


def stream_parts(
    bodies: Sequence[Body], type: str = "application/dicom", style: Style = STYLES["plain"], chunk: int = CHUNK
) -> tuple[str, int, Iterator[bytes]]:
    """The Content-Type, the exact size in octets, and the message in chunks; contents stay in their files.

    The boundary is 70 characters of a hash over the sizes and is not looked for in contents that lie in files.
    """
    parts = [Part(body, type) for body in bodies]
    boundary = style.boundary or _hashed("stream", *(body.size for body in bodies))
    pieces = list(_pieces(parts, style, boundary))
    size = sum(piece.size if isinstance(piece, Body) else len(piece) for piece in pieces)

    def chunks() -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, Body):
                yield from piece.chunks(chunk)
            else:
                yield piece

    return _content_type(parts, style, boundary, type), size, chunks()


def _pieces(parts: Sequence[Part], style: Style, boundary: str) -> Iterator[bytes | Body]:
    yield style.preamble
    for index, part in enumerate(parts):
        lead = CRLF if index or (style.preamble and not style.preamble.endswith(b"\n")) else ""
        head = "".join(f"{name}: {value}{CRLF}" for name, value in _fields(part, style))
        yield f"{lead}--{boundary}{style.padding}{CRLF}{head}{CRLF}".encode("latin-1")
        yield part.content
    lead = CRLF if parts else ""
    end = f"{lead}--{boundary}--{style.padding}".encode("latin-1")
    yield end + (CRLF.encode() if style.last_line_end and not style.epilogue else b"") + style.epilogue


def _fields(part: Part, style: Style) -> list[tuple[str, str]]:
    value = part.type
    if part.transfer_syntax:
        quote = '"' if style.quote_transfer_syntax else ""
        value += f"; transfer-syntax={quote}{part.transfer_syntax}{quote}"
    fields = [("Content-Type", value), *part.fields, *style.extra]
    if style.content_length:
        fields.append(("Content-Length", str(part.content.size)))
    return [(style.name_case(name), text) for name, text in fields]


def _content_type(parts: Sequence[Part], style: Style, boundary: str, root: str) -> str:
    root = root or (parts[0].type if parts else "application/dicom")
    quoted = style.quote_boundary if style.quote_boundary is not None else not set(boundary) <= TOKEN
    words = {
        "type": f'type="{root}"' if style.quote_type else f"type={root}",
        "boundary": f'boundary="{boundary}"' if quoted else f"boundary={boundary}",
    }
    order = [style.parameters_first, *(name for name in words if name != style.parameters_first)]
    return "multipart/related" + "".join(f";{style.blank}{words[name]}" for name in order)


def _boundary(parts: Sequence[Part], style: Style) -> str:
    if style.boundary:
        if any(_holds(part.content, style.boundary) for part in parts):
            raise BoundaryInContent(f"The boundary {style.boundary!r} stands in a content.")
        return style.boundary
    for attempt in range(100):
        boundary = _hashed(attempt, *(part.content.digest for part in parts))[:32]
        if not any(_holds(part.content, boundary) for part in parts):
            return boundary
    raise BoundaryInContent("No boundary was found that the contents do not hold.")


def _hashed(*words: object) -> str:
    return ("dicomproof-" + hashlib.sha256(repr(words).encode()).hexdigest() * 2)[:70]


def _holds(content: Body, boundary: str) -> bool:
    """Whether the delimiter stands at the beginning of a line of the content, read in chunks that overlap."""
    line = b"--" + boundary.encode("latin-1")
    if content.read(0, len(line)) == line:
        return True
    tail = b""
    for chunk in content.chunks():
        window = tail + chunk
        if b"\r\n" + line in window:
            return True
        tail = window[-len(line) - 1 :]
    return False


def faulty(name: str, parts: Sequence[Part], style: Style = STYLES["plain"]) -> Message:
    """The same message with one fault of FAULTS; KeyError for any other name, ValueError without a part."""
    if not parts:
        raise ValueError("A fault needs a part to stand in.")
    message = multipart(parts, style)
    whole = message.body.bytes()
    boundary = _boundary(parts, style)
    return FAULTS[name].make(_Sound(message.content_type, whole, boundary, tuple(parts), style))


@dataclass(frozen=True)
class _Sound:
    """A right message that a fault is put into."""

    content_type: str
    body: bytes
    boundary: str
    parts: tuple[Part, ...]
    style: Style

    def message(self, body: bytes | None = None, content_type: str | None = None) -> Message:
        return Message(
            self.content_type if content_type is None else content_type, Body.of(self.body if body is None else body)
        )


@dataclass(frozen=True)
class Fault:
    """A named departure from the framing; `says` is a sentence for people."""

    says: str
    make: Callable[[_Sound], Message] = field(repr=False)


def _no_closing(sound: _Sound) -> Message:
    return sound.message(sound.body[: sound.body.rindex(b"\r\n--" + sound.boundary.encode())])


def _no_boundary_parameter(sound: _Sound) -> Message:
    return sound.message(content_type=f'multipart/related; type="{sound.parts[0].type}"')


def _wrong_boundary(sound: _Sound) -> Message:
    other = _content_type(sound.parts, sound.style, "another-" + sound.boundary[:60], "")
    return sound.message(content_type=other)


def _bare_lf(sound: _Sound) -> Message:
    """Only line ends of the framing change; contents keep their octets."""
    pieces = _pieces(sound.parts, sound.style, sound.boundary)
    return sound.message(b"".join(p.replace(b"\r\n", b"\n") if isinstance(p, bytes) else p.bytes() for p in pieces))


def _zero_parts(sound: _Sound) -> Message:
    return sound.message(b"--" + sound.boundary.encode() + b"--\r\n")


def _no_part_header(sound: _Sound) -> Message:
    """The content follows the delimiter's line end at once: not even the empty line is there."""
    delimiter = b"--" + sound.boundary.encode() + b"\r\n"
    body = b"\r\n".join(delimiter + part.content.bytes() for part in sound.parts)
    return sound.message(body + b"\r\n--" + sound.boundary.encode() + b"--\r\n")


def _truncated(sound: _Sound) -> Message:
    """Cut in the middle of the last content."""
    last = sound.parts[-1].content.size
    end = sound.body.rindex(b"\r\n--" + sound.boundary.encode())
    return sound.message(sound.body[: end - last // 2])


def _no_type_parameter(sound: _Sound) -> Message:
    head, _, _ = sound.content_type.partition(";")
    quoted = f'"{sound.boundary}"'
    return sound.message(content_type=f"{head}; boundary={quoted}")


def _other_root(sound: _Sound) -> Message:
    return sound.message(content_type=_content_type(sound.parts, sound.style, sound.boundary, "text/plain"))


def _part_type_unknown(sound: _Sound) -> Message:
    changed = [replace(part, type="text/plain") for part in sound.parts]
    return multipart(changed, sound.style, root=sound.parts[0].type)


def _long_boundary(sound: _Sound) -> Message:
    return multipart(sound.parts, replace(sound.style, boundary="b" * 71))


FAULTS: dict[str, Fault] = {
    "no-closing-delimiter": Fault("The body ends without the closing delimiter.", _no_closing),
    "no-boundary-parameter": Fault("Content-Type has no boundary parameter.", _no_boundary_parameter),
    "wrong-boundary": Fault("Content-Type names another boundary than the body uses.", _wrong_boundary),
    "bare-lf": Fault("Lines of the framing end in LF alone.", _bare_lf),
    "empty-body": Fault("There is no body at all.", lambda sound: sound.message(b"")),
    "zero-parts": Fault("There is a closing delimiter and no part.", _zero_parts),
    "no-part-header": Fault("A part begins with its content, without header fields.", _no_part_header),
    "truncated": Fault("The body ends within the last content.", _truncated),
    "no-type-parameter": Fault("Content-Type has no type parameter.", _no_type_parameter),
    "other-root-type": Fault("The type parameter names text/plain, the parts are DICOM.", _other_root),
    "part-type-unknown": Fault("The parts call themselves text/plain.", _part_type_unknown),
    "boundary-of-71": Fault("The boundary is longer than 70 characters.", _long_boundary),
}
