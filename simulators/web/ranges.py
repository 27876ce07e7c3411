"""Knows byte ranges: which are asked for, and how they are cut out of a payload in pieces (RFC 9110 14).

Must not know resources, validators or codings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from simulators.web.content import Later, Piece, Slice

MOST = 16  # ranges of one request; who asks for more is sent the whole
_SPEC = re.compile(r"([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18})", re.ASCII)

Range = tuple[int, int]  # first and last octet


def read(field: str, size: int) -> list[Range] | None:
    """The satisfiable ranges of a Range field in the order asked for, [] when none is; None for what is to be ignored.

    Ignored is another unit, what is no list of ranges, and what costs more than the whole (RFC 9110 14.2, 17.15).
    """
    unit, equals, text = field.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return None
    specs = [_SPEC.fullmatch(word.strip()) for word in text.split(",") if word.strip()]
    if not specs or len(specs) > MOST or None in specs:
        return None
    found: list[Range] = []
    for spec in specs:
        assert spec is not None
        if spec[3] is not None:
            first, last = max(size - int(spec[3]), 0), size - 1
        else:
            first, last = int(spec[1]), min(int(spec[2]) if spec[2] else size - 1, size - 1)
            if spec[2] and int(spec[2]) < int(spec[1]):
                return None
        if first <= last:
            found.append((first, last))
    return None if sum(last - first + 1 for first, last in found) > size else found


def cut(pieces: Sequence[Piece], range: Range) -> list[Piece]:
    """The octets of a range; every piece has to know its size."""
    first, last = range
    found: list[Piece] = []
    at = 0
    for piece in pieces:
        assert not isinstance(piece, Later)
        size = piece.size if isinstance(piece, Slice) else len(piece)
        start, end = max(first - at, 0), min(last + 1 - at, size)
        if start < end:
            part = Slice(piece.path, piece.start + start, end - start) if isinstance(piece, Slice) else piece[start:end]
            found.append(part)
        at += size
    return found


def parts(pieces: Sequence[Piece], ranges: Sequence[Range], size: int, type: str, boundary: str) -> Iterator[Piece]:
    """The payload of multipart/byteranges (RFC 9110 14.6)."""
    for first, last in ranges:
        head = f"\r\n--{boundary}\r\nContent-Type: {type}\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n"
        yield head.encode("latin-1")
        yield from cut(pieces, (first, last))
    yield f"\r\n--{boundary}--\r\n".encode("latin-1")
