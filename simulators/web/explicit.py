"""Knows how a stored data set is written again in Explicit VR Little Endian (PS3.5 A.2, PS3.18 8.7.3.4).

Must not know pixels, codecs or HTTP; large values stay in the file and are only pointed at.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from simulators.archive.held import Held
from simulators.model.names import BIG_ENDIAN, INFLATED
from simulators.model.scan import DataSet, Element, Source, read_dataset
from simulators.model.values import little_endian
from simulators.web.content import Piece, Slice, joined
from simulators.web.negotiate import DEFLATED, EXPLICIT_LE

INLINE = 1 << 16  # values up to this size are copied, larger ones are read from the file when their turn comes

_LONG = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
_UNDEFINED = b"\xff\xff\xff\xff"
_ITEM = b"\xfe\xff\x00\xe0" + _UNDEFINED
_ITEM_END = b"\xfe\xff\x0d\xe0" + bytes(4)
_SEQUENCE_END = b"\xfe\xff\xdd\xe0" + bytes(4)


@dataclass(frozen=True)
class Changed:
    """What stands in place of an element; None in a mapping of changes leaves the element out.

    `encapsulated`: the value is in items, its end is told by a delimiter in it (PS3.5 A.4).
    """

    vr: str
    value: bytes
    encapsulated: bool = False


Changes = Mapping[int, Changed | None]


def instance(held: Held, changes: Changes | None = None, syntax: str = EXPLICIT_LE) -> list[Piece]:
    """The PS3.10 file of the instance in Explicit VR Little Endian, in pieces of known size.

    `changes` are applied to the top level of the data set; `syntax` is what they make of it, with the same encoding of
    elements, and stands in the File Meta Information. OSError when the file is gone.
    """
    changes = changes or {}
    with held.path.open("rb") as file, closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as octets:
        head = meta(octets[: held.dataset_at], syntax)
        source = read_dataset(octets, held.dataset_at, held.transfer_syntax)
        path = None if held.transfer_syntax in INFLATED else held.path
        # Nothing may point into the map once it is closed, so the pieces are made here.
        return [head, *_joined(_Writer(source, path, held.transfer_syntax in BIG_ENDIAN).dataset(changes))]


def meta(head: bytes, transfer_syntax: str) -> bytes:
    """Preamble and File Meta Information with another Transfer Syntax UID and the group length that follows from it."""
    at, elements = 132, b""
    while at + 8 <= len(head):
        tag, vr = head[at : at + 4], head[at + 4 : at + 6].decode("latin-1")
        start = at + (12 if vr in _LONG else 8)
        length = struct.unpack_from("<L" if vr in _LONG else "<H", head, start - (4 if vr in _LONG else 2))[0]
        value, at = head[start : start + length], start + length
        if tag == b"\x02\x00\x10\x00":
            value = _even(transfer_syntax.encode("ascii"))
        if tag != b"\x02\x00\x00\x00":
            elements += tag + _size(vr, len(value)) + value
    return head[:132] + b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<L", len(elements)) + elements


def deflated(pieces: Sequence[Piece]) -> list[Piece]:
    """The same file with its data set deflated as a whole (PS3.5 A.5). Its first piece is what comes before that."""
    machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    made = machine.compress(joined(pieces[1:])) + machine.flush()
    head = pieces[0]
    assert isinstance(head, bytes)
    return [meta(head, DEFLATED), _even(made)]


def relabelled(held: Held) -> list[Piece]:
    """The stored octets under Explicit VR Little Endian, for an encapsulated syntax without any pixel data."""
    with held.path.open("rb") as file:
        head = meta(file.read(held.dataset_at), EXPLICIT_LE)
    return [head, Slice(held.path, held.dataset_at, held.size - held.dataset_at)]


class _Writer:
    """Writes the elements of one source. `path` is the file that offsets count in, None when they do not."""

    def __init__(self, source: Source, path: Path | None, big: bool) -> None:
        self.source = source
        self.path = path
        self.big = big

    def dataset(self, changes: Changes) -> Iterator[Piece]:
        """The top level, changed elements in their places."""
        elements = self.source.dataset.elements
        for tag in sorted(elements.keys() | changes.keys()):
            if tag not in changes:
                yield from self._element(elements[tag])
            elif (change := changes[tag]) is not None and change.encapsulated:
                yield _tag(tag) + change.vr.encode("ascii") + b"\0\0" + _UNDEFINED + change.value
            elif change is not None:
                value = _even(change.value, b"\0" if change.vr in ("OB", "UI", "UN") else b" ")
                yield _head(tag, change.vr, len(value)) + value

    def _element(self, element: Element) -> Iterator[Piece]:
        if element.items is not None:
            yield _tag(element.tag) + b"SQ\0\0" + _UNDEFINED
            for item in element.items:
                yield _ITEM
                yield from self._item(item)
                yield _ITEM_END
            yield _SEQUENCE_END
            return
        yield _head(element.tag, element.vr, element.length)
        if element.length > INLINE and self.path and not self.big:
            yield Slice(self.path, element.at, element.length)
        else:
            yield little_endian(self.source.value(element), element.vr, self.source.little)

    def _item(self, item: DataSet) -> Iterator[Piece]:
        for element in item:
            yield from self._element(element)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The same octets with neighbours in memory made one."""
    waiting: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            waiting.append(piece)
            continue
        yield b"".join(waiting)
        waiting = []
        yield piece
    yield b"".join(waiting)


def _tag(tag: int) -> bytes:
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF)


def _head(tag: int, vr: str, length: int) -> bytes:
    return _tag(tag) + _size(vr, length)


def _size(vr: str, length: int) -> bytes:
    """VR and length; a value too long for its VR becomes UN (PS3.5 6.2.2, PS3.18 8.7.3.4 note 3)."""
    if vr not in _LONG and length > 0xFFFE:
        vr = "UN"
    if vr in _LONG:
        return vr.encode("ascii") + b"\0\0" + struct.pack("<L", length)
    return vr.encode("ascii") + struct.pack("<H", length)


def _even(value: bytes, pad: bytes = b"\0") -> bytes:
    return value + pad if len(value) % 2 else value
