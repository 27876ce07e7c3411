"""Knows what a compressed image or video says of itself in its bit stream: size, samples, bits, its transfer syntax.

Must not decode pixels, nor know data sets or media types beyond their names.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass

Octets = bytes | mmap.mmap

_UID = "1.2.840.10008.1.2.4."
_SIZES = (0xC0, 0xC1, 0xC3, 0xF7)  # baseline, extended, lossless; JPEG-LS
_OTHER_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC0, 0xC1, 0xC3, 0xC4, 0xC8, 0xCC}
_HIGH_THROUGHPUT = 0x4000  # in the capabilities of a codestream (ISO/IEC 15444-15)
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
BOXES = 10_000  # of one file


class Uncoded(ValueError):
    """The octets are no bit stream of that kind, or of one that no transfer syntax stands for; says why."""


@dataclass(frozen=True)
class Coded:
    """What a bit stream says. `syntax` is the narrowest transfer syntax that it fits; `start` where it begins in the
    octets, `end` where it ends, None for their end; `frames` 0 when it does not say."""

    rows: int
    columns: int
    samples: int
    bits: int
    photometric: str
    syntax: str
    lossy: bool
    signed: bool = False
    frames: int = 1
    start: int = 0
    end: int | None = None


def jpeg(octets: Octets) -> Coded:
    """A JPEG or JPEG-LS image; Uncoded for another process than those of PS3.5 8.2.1 and 8.2.3."""
    frame: tuple[int, int, int, int, list[tuple[int, int]]] | None = None
    adobe = -1
    for marker, at, length in _segments(octets):
        if marker == 0xEE and octets[at : at + 5] == b"Adobe" and length >= 12:
            adobe = octets[at + 11]
        elif marker in _SIZES:
            frame = (marker, *_frame(octets, at, length))
        elif marker in _OTHER_SIZES:
            raise Uncoded(f"JPEG process SOF{marker - 0xC0} has no transfer syntax")
        elif marker == 0xDA:
            if frame is None:
                break
            return _jpeg(frame, octets[at : at + length], adobe)
    raise Uncoded("no JPEG image")


def _segments(octets: Octets) -> Iterator[tuple[int, int, int]]:
    """Marker, place and length of what follows its length field, up to the first scan."""
    if octets[:2] != b"\xff\xd8":
        raise Uncoded("no JPEG image")
    at = 2
    while at + 4 <= len(octets):
        if octets[at] != 0xFF:
            raise Uncoded(f"no JPEG marker at octet {at}")
        marker = octets[at + 1]
        if marker == 0xFF:  # fill octets may stand before a marker
            at += 1
            continue
        length = int.from_bytes(octets[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(octets):
            raise Uncoded(f"a JPEG segment at octet {at} is longer than the image")
        yield marker, at + 4, length - 2
        if marker == 0xDA:
            return
        at += 2 + length


def _frame(octets: Octets, at: int, length: int) -> tuple[int, int, int, list[tuple[int, int]]]:
    """Bits, rows, columns, and identifier and sampling of each component."""
    if length < 6:
        raise Uncoded("a JPEG frame header is too short")
    bits, rows, columns, count = struct.unpack(">BHHB", octets[at : at + 6])
    if length < 6 + 3 * count or count not in (1, 3) or not columns:
        raise Uncoded(f"a JPEG frame of {count} components")
    return bits, rows, columns, [(octets[at + 6 + 3 * n], octets[at + 7 + 3 * n]) for n in range(count)]


def _jpeg(frame: tuple[int, int, int, int, list[tuple[int, int]]], scan: bytes, adobe: int) -> Coded:
    marker, bits, rows, columns, components = frame
    count = len(components)
    if not rows:
        raise Uncoded("a JPEG image that tells its lines only at its end")
    last = scan[-3:]  # Ss or NEAR, Se, Ah and Al
    if marker == 0xF7:
        lossy, syntax = bool(last[:1] != b"\0"), _UID + ("81" if last[:1] != b"\0" else "80")
    else:
        number = {0xC0: "50", 0xC1: "51", 0xC3: "70" if last[:1] == b"\x01" else "57"}[marker]
        lossy, syntax = marker != 0xC3, _UID + number
    photometric = "MONOCHROME2" if count == 1 else _colour(components, adobe, lossy and marker != 0xF7)
    return Coded(rows, columns, count, bits, photometric, syntax, lossy)


def _colour(components: list[tuple[int, int]], adobe: int, transformed: bool) -> str:
    """The colour model: lossy JPEG is YCbCr unless it says otherwise (PS3.5 8.2.1)."""
    if not transformed or adobe == 0 or bytes(i for i, _ in components) == b"RGB":
        return "RGB"
    return "YBR_FULL" if len({sampling for _, sampling in components}) == 1 else "YBR_FULL_422"


def jpeg2000(octets: Octets, family: str = "90") -> Coded:
    """A JPEG 2000 codestream, or the one in a file of JP2 boxes. `family`: 90, 92 or 201, which is not in it."""
    start, end = _codestream(octets)
    if octets[start : start + 4] != b"\xff\x4f\xff\x51" or len(octets) < start + 45:
        raise Uncoded("no JPEG 2000 codestream")
    size = struct.unpack(">HHIIIIIIIIH", octets[start + 4 : start + 42])
    columns, rows, count = size[2] - size[4], size[3] - size[5], size[10]
    if rows <= 0 or columns <= 0 or count not in (1, 3):
        raise Uncoded(f"a JPEG 2000 codestream of {columns} by {rows} pixels and {count} components")
    if bool(size[1] & _HIGH_THROUGHPUT) != (family == "201"):
        raise Uncoded("High-Throughput JPEG 2000 has media types and transfer syntaxes of its own")
    precision = octets[start + 42]
    reversible, together = _coding(octets, start + 4 + size[0])
    syntax = _UID + {"90": ("90", "91"), "92": ("92", "93"), "201": ("201", "203")}[family][not reversible]
    photometric = "MONOCHROME2"
    if count == 3:
        photometric = ("YBR_RCT" if reversible else "YBR_ICT") if together else "RGB"
    bits, signed = (precision & 0x7F) + 1, bool(precision & 0x80)
    return Coded(rows, columns, count, bits, photometric, syntax, not reversible, signed, 1, start, end)


def _codestream(octets: Octets) -> tuple[int, int | None]:
    """Where the codestream lies: PS3.5 8.2.4 has it without the boxes of a file."""
    if octets[4:8] != b"jP  ":
        return 0, None
    for kind, at, end in _boxes(octets, 0, len(octets)):
        if kind == b"jp2c":
            return at, end
    raise Uncoded("a JP2 file without a codestream")


def _coding(octets: Octets, at: int) -> tuple[bool, bool]:
    """Whether the coding of the main header is reversible, and whether its components are transformed together."""
    while at + 4 <= len(octets):
        marker, length = struct.unpack(">HH", octets[at : at + 4])
        if marker == 0xFF52 and at + 14 <= len(octets):
            return octets[at + 13] == 1, octets[at + 8] == 1
        if marker == 0xFF90 or length < 2:
            break
        at += 2 + length
    raise Uncoded("a JPEG 2000 codestream that does not say how it is coded")


def _boxes(octets: Octets, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first octet and end of each box of an ISO media file, those in containers as well."""
    waiting = [(at, end)]
    met = 0
    while waiting:
        at, end = waiting.pop()
        while at + 8 <= end:
            size, kind = int.from_bytes(octets[at : at + 4], "big"), octets[at + 4 : at + 8]
            head = 16 if size == 1 else 8
            size = int.from_bytes(octets[at + 8 : at + 16], "big") if size == 1 else size or end - at
            met += 1
            if size < head or at + size > end or met > BOXES:
                raise Uncoded(f"a box at octet {at} that is longer than what holds it")
            yield kind, at + head, at + size
            if kind in _CONTAINERS:
                waiting.append((at + head, at + size))
            at += size


def mp4(octets: Octets) -> Coded:
    """A video in an MP4 file, by its sample description and sample sizes."""
    video: tuple[int, int, str] | None = None
    frames = 0
    for kind, at, end in _boxes(octets, 0, len(octets)):
        if kind == b"stsd" and end - at >= 44 and octets[at + 12 : at + 16] in (b"avc1", b"hvc1", b"hev1"):
            columns, rows = struct.unpack(">HH", octets[at + 40 : at + 44])
            video = (rows, columns, _level(bytes(octets[at + 8 : end])))
        elif kind == b"stsz" and end - at >= 12:
            frames = max(frames, int.from_bytes(octets[at + 8 : at + 12], "big"))
    if video is None or not video[0] or not video[1]:
        raise Uncoded("no MP4 file with a video that DICOM has a transfer syntax for")
    return Coded(video[0], video[1], 3, 8, "YBR_PARTIAL_420", video[2], True, False, frames)


def _level(entry: bytes) -> str:
    """The transfer syntax of a sample entry, by its profile and level (PS3.5 8.2.7, 8.2.10)."""
    at = entry.find(b"avcC")
    if entry[4:8] != b"avc1":
        return _UID + "107"
    if at < 0 or len(entry) < at + 8:
        raise Uncoded("an MP4 file that does not say its profile and level")
    profile, level = entry[at + 5], entry[at + 7]
    if profile == 128:
        return _UID + "106"
    return _UID + ("102" if level <= 41 else "104")


def mpeg(octets: Octets) -> Coded:
    """An MPEG2 video, by its first sequence header; frames are counted by their picture headers."""
    at = octets.find(b"\0\0\1\xb3")
    if at < 0 or at + 7 > len(octets):
        raise Uncoded("no MPEG2 video")
    packed = int.from_bytes(octets[at + 4 : at + 7], "big")
    columns, rows, frames = packed >> 12, packed & 0xFFF, 0
    if not rows or not columns:
        raise Uncoded("an MPEG2 video without a size")
    at = octets.find(b"\0\0\1\0")
    while at >= 0:
        frames += 1
        at = octets.find(b"\0\0\1\0", at + 4)
    syntax = _UID + ("100" if columns <= 720 and rows <= 576 else "101")
    return Coded(rows, columns, 3, 8, "YBR_PARTIAL_420", syntax, True, False, frames)
