"""Knows the boxes of a JP2 file and the size marker of a JPEG 2000 codestream (ISO/IEC 15444-1 A.5.1, I).

Must not know what the picture shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.wire.flaw import Flaws

BOXES = 1000
_SUPER = (b"jp2h",)


@dataclass(frozen=True)
class Found:
    """What the size marker says, and the profile of the colour specification box, b'' without."""

    width: int = 0
    height: int = 0
    bits: int = 0
    samples: int = 0
    tiles: int = 0
    profile: bytes = b""


def read(octets: bytes, flaws: Flaws) -> Found:
    """The picture in a JP2 file, or in a bare codestream."""
    if octets[:4] == b"\xff\x4f\xff\x51":
        return _codestream(octets, 0, Found(), flaws)
    found, seen = Found(), False
    for name, start, end in _boxes(octets, 0, len(octets), flaws):
        if name == b"colr" and octets[start : start + 1] in (b"\x02", b"\x03"):
            found = replace(found, profile=octets[start + 3 : end])
        elif name == b"jp2c" and not seen:
            seen = True
            found = _codestream(octets, start, found, flaws)
    if not seen:
        flaws.add("image.header", "", "no codestream", "a contiguous codestream box")
    return found


def _boxes(octets: bytes, at: int, end: int, flaws: Flaws) -> Iterator[tuple[bytes, int, int]]:
    """Name, first octet and end of the content of each box, those within the header box too."""
    for _ in range(BOXES):
        if at + 8 > end:
            return
        size, name, head = int.from_bytes(octets[at : at + 4], "big"), octets[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(octets[at + 8 : at + 16], "big"), 16
        size = size or end - at
        if size < head or at + size > end:
            flaws.add("image.cut", f"octet {at}", f"box {name!r} of {size} octets", "a box that ends within the file")
            return
        yield name, at + head, at + size
        if name in _SUPER:
            yield from _boxes(octets, at + head, at + size, flaws)
        at += size


def _codestream(octets: bytes, at: int, found: Found, flaws: Flaws) -> Found:
    size = octets[at + 2 : at + 2 + 2 + 47]
    if octets[at : at + 4] != b"\xff\x4f\xff\x51" or len(size) < 43:
        flaws.add("image.header", f"octet {at}", "no SIZ marker", "SOC and SIZ at the start of the codestream")
        return found
    numbers = [int.from_bytes(octets[at + 8 + 4 * n : at + 12 + 4 * n], "big") for n in range(8)]
    x1, y1, x0, y0, tile_x, tile_y = numbers[:6]
    if x0 >= x1 or y0 >= y1 or not tile_x or not tile_y:
        flaws.add("image.header", f"octet {at}", "an empty picture", "a size above zero")
        return found
    return replace(
        found,
        width=x1 - x0,
        height=y1 - y0,
        tiles=-(-(x1 - numbers[6]) // tile_x) * -(-(y1 - numbers[7]) // tile_y),
        samples=int.from_bytes(octets[at + 40 : at + 42], "big"),
        bits=(octets[at + 42] & 0x7F) + 1,
    )
