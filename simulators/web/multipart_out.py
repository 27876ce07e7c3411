"""Knows how multipart/related payloads are written (PS3.18 8.6.1.2, RFC 2046 5.1, RFC 2387).

Must not know what the parts mean.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simulators.web.content import Later, Piece, joined, size


@dataclass(frozen=True)
class Part:
    """A part: the value of its Content-Type, the URL of the resource it represents ('' for none), its octets.

    `fields` are further header fields.
    """

    type: str
    location: str
    pieces: tuple[Piece, ...]
    fields: tuple[tuple[str, str], ...] = ()


def boundary(identity: str = "") -> str:
    """A boundary of 36 characters of 70 that no content can be made to hold: 128 random bits.

    With the identity of a representation, it is the same each time, so that ranges of it fit together (8.6.1.2 Note 2).
    """
    return f"dcm-{identity or secrets.token_hex(16)}"


def content_type(root: str, boundary: str) -> str:
    """The Content-Type of the message (PS3.18 8.7.1)."""
    return f'multipart/related; type="{root}"; boundary={boundary}'


def write(parts: Iterable[Part], boundary: str) -> Iterator[Piece]:
    """The payload in pieces, in order, with the closing delimiter."""
    delimiter = f"--{boundary}\r\n"
    for part in parts:
        yield from _part(part, delimiter)
        delimiter = f"\r\n--{boundary}\r\n"
    # The grammar of 8.6.1.2.1 ends with the closing delimiter itself: no line end after it.
    yield f"{delimiter[:-2]}--".encode()


def _part(part: Part, delimiter: str) -> Iterator[Piece]:
    total = size(part.pieces)
    if total is not None:
        yield _head(part, delimiter, total)
        yield from part.pieces
        return

    def make() -> bytes:
        octets = joined(part.pieces)
        return _head(part, delimiter, len(octets)) + octets

    yield Later(make)


def _head(part: Part, delimiter: str, total: int) -> bytes:
    fields = [f"Content-Type: {part.type}", f"Content-Length: {total}"]
    if part.location:
        fields.append(f"Content-Location: {part.location}")
    fields += [f"{name}: {value}" for name, value in part.fields]
    return "\r\n".join([delimiter + fields[0], *fields[1:], "", ""]).encode("latin-1")
