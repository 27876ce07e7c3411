"""Knows frames: which were asked for, how many there are, and the octets of one as it was stored (PS3.5 8.2, A.4).

Must not know what an answer looks like, nor decode anything but run lengths.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from harness.body import Body
from harness.exchange import Exchange
from harness.past import Kept
from harness.wire.part10 import DataSet, Element, Reading
from suites.web.retrieve.reading import DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, held, stored

NATIVE = frozenset({EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE, DEFLATED})
PIXELS = ("7FE00010", "7FE00008", "7FE00009")
MOST = 4096  # frames and fragments that are told apart by an offset table
LARGEST = 16 << 20  # octets of a frame that are compared
_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def numbers(x: Exchange) -> list[int] | None:
    """The frame numbers of the path, None when it is no ascending list of numbers from 1 (10.1.1)."""
    words = x.resource.frames.split(",")
    if not all(_NUMBER.fullmatch(word) for word in words):
        return None
    found = [int(word) for word in words]
    return found if found == sorted(set(found)) else None


def count(dataset: DataSet) -> int:
    """Frames of pixel data, 0 without any."""
    if pixels(dataset) is None:
        return 0
    text = dataset.text("00280008")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) else 1


def pixels(dataset: DataSet) -> Element | None:
    """The top-level pixel data element, of whichever kind (10.4.3.3.6)."""
    found = (dataset.get(tag) for tag in PIXELS)
    return next((e for e in found if e is not None and not e.empty), None)


def exist(x: Exchange) -> bool:
    """Every frame asked for was stored."""
    wanted, kept = numbers(x), held(x)
    return bool(wanted) and len(kept) == 1 and wanted[-1] <= count(stored(kept[0]).dataset)  # type: ignore[index]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How pixels lie in a native value field: `bits` of one frame, frames follow without padding (PS3.5 8.1.1)."""

    bits: int
    word: int  # octets that are swapped together in big endian

    @property
    def octets(self) -> int:
        return -(-self.bits // 8)


def geometry(dataset: DataSet) -> Geometry | None:
    """None when an attribute is missing that tells the size."""
    rows, columns, allocated = (dataset.number(tag) for tag in ("00280010", "00280011", "00280100"))
    samples = dataset.number("00280002") or 1
    if not rows or not columns or not allocated:
        return None
    bits = rows * columns * allocated
    # two of three samples are shared by two pixels (PS3.3 C.7.6.3.1.2)
    bits = bits * 2 if dataset.text("00280004") == "YBR_FULL_422" else bits * samples
    element = pixels(dataset)
    word = 2 if element is not None and element.vr == "OW" else max(allocated // 8, 1)
    return Geometry(bits, word)


def native(reading: Reading, number: int) -> bytes | None:
    """One frame, from 1, of native pixel data in little endian order; None when it is not native, or too large."""
    element, shape = pixels(reading.dataset), geometry(reading.dataset)
    if element is None or element.value is None or shape is None or shape.octets > LARGEST:
        return None
    return cut(element.value, shape, number, shape.word if reading.dataset.big_endian else 1)


def cut(value: Body, shape: Geometry, number: int, swap: int = 1) -> bytes | None:
    """The bits of one frame, beginning with the lowest bit of the first octet (8.7.3.3.1 Note 2)."""
    first, shift = divmod((number - 1) * shape.bits, 8)
    last = -(-number * shape.bits // 8)
    start, end = first - first % swap, -(-last // swap) * swap
    octets = value.read(start, end - start)
    if swap > 1:
        octets = b"".join(octets[at : at + swap][::-1] for at in range(0, len(octets), swap))
    octets = octets[first - start : last - start]
    if len(octets) < last - first:
        return None
    if not shift and not shape.bits % 8:
        return octets
    number = int.from_bytes(octets, "little") >> shift & ((1 << shape.bits) - 1)
    return number.to_bytes(shape.octets, "little")


@lru_cache(maxsize=64)
def streams(kept: Kept) -> Sequence[bytes] | None:
    """The bit stream of each frame of encapsulated pixel data; None when nothing tells which fragments are whose."""
    dataset = stored(kept).dataset
    element = pixels(dataset)
    if element is None or not element.fragments or len(element.fragments) < 2:
        return None
    table, *fragments = element.fragments
    if sum(f.size for f in fragments) > 4 * LARGEST:
        return None
    frames = count(dataset)
    if frames == 1:
        return (b"".join(f.bytes() for f in fragments),)
    if len(fragments) == frames:
        return tuple(f.bytes() for f in fragments)
    return _by_offsets(table, fragments, frames)


def _by_offsets(table: Body, fragments: Sequence[Body], frames: int) -> Sequence[bytes] | None:
    """Frames of several fragments, told apart by the Basic Offset Table (PS3.5 A.4)."""
    if table.size != 4 * frames or frames > MOST or len(fragments) > MOST:
        return None
    octets = table.bytes()
    offsets = [int.from_bytes(octets[at : at + 4], "little") for at in range(0, len(octets), 4)]
    places, at = [], 0
    for fragment in fragments:
        places.append(at)
        at += 8 + fragment.size
    found = []
    for start, end in pairwise([*offsets, at]):
        found.append(b"".join(f.bytes() for f, place in zip(fragments, places, strict=True) if start <= place < end))
    return tuple(found) if all(found) else None
