"""Knows pictures in consumer formats: JPEG, PNG, GIF, JPEG 2000 and what their headers say; pixels within bounds.

Must not know DICOM, nor which format, size or colours were asked for.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageSequence

from harness.body import Body
from harness.wire import icc, jp2
from harness.wire.flaw import Flaws

Pixels = npt.NDArray[np.uint8]

OCTETS = 64 << 20  # a longer picture is not looked into
PIXELS = 1 << 24  # of all frames together; more are not decoded
FRAMES = 1000  # more are not decoded
SCANS = 100  # of a JPEG; each one is a walk over the whole picture
BLOCKS = 200_000  # chunks, segments or blocks that are looked at
PROFILE = 8 << 20  # octets of a profile after decompression
TILES = 4096  # of a JPEG 2000
TYPES = {"jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "jp2": "image/jp2", "jph": "image/jph",
         "jpx": "image/jpx", "j2k": "", "jxl": "image/jxl"}  # fmt: skip
_DECODERS = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF", "jp2": "JPEG2000", "jpx": "JPEG2000", "jph": "JPEG2000",
             "j2k": "JPEG2000"}  # fmt: skip
_STANDALONE = frozenset((0x01, 0xD8, *range(0xD0, 0xD8)))  # JPEG markers without a length
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Reading:
    """A picture by its octets. `format` is a key of TYPES, '' for none; `frames` is 1 for a still one.

    `process`: the SOF marker of a JPEG ("SOF0" is baseline). `bits`: of one sample. `profile`: an embedded one.
    """

    format: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    bits: int = 0
    samples: int = 0
    process: str = ""
    profile: icc.Profile | None = None
    flaws: Flaws = field(default_factory=Flaws, compare=False)
    octets: bytes = field(default=b"", repr=False)

    @property
    def type(self) -> str:
        """The media type that the octets show, '' for what is no picture."""
        return TYPES.get(self.format, "")

    @cached_property
    def pixels(self) -> tuple[Pixels, ...]:
        """Each frame as (rows, columns) or (rows, columns, 3) of 8 bits; () with a flaw when it cannot be decoded."""
        return _decoded(self)


def read(body: Body) -> Reading:
    """The picture that a body holds; what is none has no format and no flaw."""
    flaws = Flaws()
    if body.size > OCTETS:
        flaws.add("image.too-long", "", f"{body.size} octets", f"at most {OCTETS}")
        return replace(_kind(body.read(0, 32), flaws), frames=0)
    octets = body.read(0, OCTETS)
    found = _kind(octets[:32], flaws)
    reader = _READERS.get(found.format)
    return reader(replace(found, octets=octets, frames=1)) if reader else replace(found, octets=octets)


def _kind(head: bytes, flaws: Flaws) -> Reading:
    for magic, name in ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF87a", "gif"),
                        (b"GIF89a", "gif"), (b"\xff\x4f\xff\x51", "j2k"), (b"\xff\x0a", "jxl"),
                        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl")):  # fmt: skip
        if head.startswith(magic):
            return Reading(name, flaws=flaws)
    if head.startswith(b"\0\0\0\x0cjP  \r\n\x87\n"):
        return Reading({b"jph ": "jph", b"jpx ": "jpx"}.get(head[20:24], "jp2"), flaws=flaws)
    return Reading(flaws=flaws)


def _number(octets: bytes, at: int, size: int, order: str = "big") -> int:
    return int.from_bytes(octets[at : at + size], "big" if order == "big" else "little")


# --- JPEG (ISO/IEC 10918-1 B) ------------------------------------------------------------------------------------


def _jpeg(seen: Reading) -> Reading:
    octets, at, scans = seen.octets, 2, 0
    chunks: dict[int, bytes] = {}
    for _ in range(BLOCKS):
        at = octets.find(b"\xff", at)
        if at < 0 or at + 1 >= len(octets):
            break
        marker = octets[at + 1]
        if marker in (0x00, 0xFF) or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            return _jpeg_end(seen, at + 2, scans, chunks)
        length = _number(octets, at + 2, 2)
        segment = octets[at + 4 : at + 2 + length]
        if length < 2 or len(segment) != length - 2:
            seen.flaws.add("image.cut", f"octet {at}", "a segment that goes on behind the end", "a whole segment")
            return seen
        if marker in _FRAME_HEADERS:
            seen = _sof(seen, marker, segment, at)
        elif marker == 0xE2 and segment[:12] == b"ICC_PROFILE\0" and len(segment) > 14:
            chunks[segment[12]] = segment[14:]
        scans += marker == 0xDA
        at += 2 + length
    seen.flaws.add("image.cut", f"octet {len(octets)}", "no end of image", "EOI at the end")
    return seen


def _sof(seen: Reading, marker: int, segment: bytes, at: int) -> Reading:
    if len(segment) < 6:
        seen.flaws.add("image.header", f"octet {at}", "a short frame header", "size and components")
        return seen
    return replace(
        seen,
        process=f"SOF{marker - 0xC0}",
        bits=segment[0],
        height=_number(segment, 1, 2),
        width=_number(segment, 3, 2),
        samples=segment[5],
    )


def _jpeg_end(seen: Reading, end: int, scans: int, chunks: dict[int, bytes]) -> Reading:
    if not seen.process:
        seen.flaws.add("image.header", "", "no frame header", "SOF")
    if scans > SCANS:
        seen.flaws.add("image.scans", "", f"{scans} scans", f"at most {SCANS}")
    if len(seen.octets) - end > 1:
        seen.flaws.add("image.trailing", f"octet {end}", f"{len(seen.octets) - end} octets behind EOI", "nothing")
    profile = b"".join(chunks[n] for n in sorted(chunks))[:PROFILE]
    return replace(seen, profile=icc.read(profile)) if profile else seen


# --- PNG (ISO/IEC 15948) -----------------------------------------------------------------------------------------

_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


def _png(seen: Reading) -> Reading:
    octets, at = seen.octets, 8
    for _ in range(BLOCKS):
        size, name = _number(octets, at, 4), octets[at + 4 : at + 8]
        data = octets[at + 8 : at + 8 + size]
        if len(data) != size or len(octets) < at + 12 + size:
            break
        if zlib.crc32(name + data) != _number(octets, at + 8 + size, 4):
            seen.flaws.add("image.crc", f"octet {at}", f"a wrong CRC of {name!r}", "the CRC of its octets")
        if name == b"IHDR" and size == 13:
            seen = replace(seen, width=_number(data, 0, 4), height=_number(data, 4, 4), bits=data[8],
                           samples=_PNG_SAMPLES.get(data[9], 0))  # fmt: skip
        elif name == b"acTL":
            seen = replace(seen, frames=max(1, _number(data, 0, 4)))
        elif name == b"iCCP":
            seen = replace(seen, profile=icc.read(_inflated(data, seen.flaws)))
        at += 12 + size
        if name == b"IEND":
            if len(octets) > at:
                seen.flaws.add("image.trailing", f"octet {at}", f"{len(octets) - at} octets behind IEND", "nothing")
            return seen
    seen.flaws.add("image.cut", f"octet {at}", "no IEND", "IEND at the end")
    return seen


def _inflated(data: bytes, flaws: Flaws) -> bytes:
    """The profile of an iCCP chunk, within bounds."""
    _, _, rest = data.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(rest[1:], PROFILE)
    except zlib.error as error:
        flaws.add("image.profile", "iCCP", str(error), "a zlib stream")
        return b""


# --- GIF (GIF89a) ------------------------------------------------------------------------------------------------


def _gif(seen: Reading) -> Reading:
    octets = seen.octets
    width, height = _number(octets, 6, 2, "little"), _number(octets, 8, 2, "little")
    seen = replace(seen, width=width, height=height, bits=8, samples=3)
    at, frames, profile = 13 + _table(octets[10:11]), 0, b""
    for _ in range(BLOCKS):
        kind = octets[at : at + 1]
        if kind == b";":
            found = replace(seen, frames=frames)
            return replace(found, profile=icc.read(profile)) if profile else found
        if kind == b"!":
            name = octets[at + 3 : at + 14] if octets[at + 1 : at + 2] == b"\xff" else b""
            at, data = _sub_blocks(octets, at + 2)
            profile = data[11:] if name == b"ICCRGBG1012" else profile
        elif kind == b",":
            frames += 1
            left, top, w, h = (_number(octets, at + n, 2, "little") for n in (1, 3, 5, 7))
            if left + w > width or top + h > height:
                seen.flaws.add("image.header", f"octet {at}", "a frame beyond the screen", "a frame within it")
            at, _data = _sub_blocks(octets, at + 11 + _table(octets[at + 9 : at + 10]))
        else:
            break
    seen.flaws.add("image.cut", f"octet {at}", "no trailer", "the trailer at the end")
    return replace(seen, frames=frames)


def _table(packed: bytes) -> int:
    """Octets of a colour table by its packed field."""
    return 3 << ((packed[0] & 7) + 1) if packed and packed[0] & 0x80 else 0


def _sub_blocks(octets: bytes, at: int) -> tuple[int, bytes]:
    """Where a chain of sub-blocks ends, and what is in it."""
    data = []
    while at < len(octets) and octets[at]:
        data.append(octets[at + 1 : at + 1 + octets[at]])
        at += 1 + octets[at]
    return at + 1, b"".join(data)


# --- JPEG 2000 ---------------------------------------------------------------------------------------------------


def _jpeg2000(seen: Reading) -> Reading:
    found = jp2.read(seen.octets, seen.flaws)
    if found.tiles > TILES:
        seen.flaws.add("image.tiles", "", f"{found.tiles} tiles", f"at most {TILES}")
    seen = replace(seen, width=found.width, height=found.height, bits=found.bits, samples=found.samples)
    return replace(seen, profile=icc.read(found.profile)) if found.profile else seen


_READERS: dict[str, Callable[[Reading], Reading]] = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _gif,
    "jp2": _jpeg2000,
    "jph": _jpeg2000,
    "jpx": _jpeg2000,
    "j2k": _jpeg2000,
}


# --- pixels ------------------------------------------------------------------------------------------------------

_STOPS = ("image.too-long", "image.header", "image.scans", "image.tiles")


def _decoded(seen: Reading) -> tuple[Pixels, ...]:
    """Every frame; nothing when it is too large or broken, which is a flaw."""
    if seen.format not in _DECODERS or seen.flaws.of(*_STOPS):
        return ()
    total = seen.width * seen.height * max(1, seen.frames)
    if not 0 < total <= PIXELS or seen.frames > FRAMES:
        seen.flaws.add("image.size", "", f"{seen.frames} frames of {seen.width} by {seen.height}",
                       f"1 to {PIXELS} pixels in at most {FRAMES} frames")  # fmt: skip
        return ()
    try:
        with Image.open(io.BytesIO(seen.octets), formats=[_DECODERS[seen.format]]) as image:
            found = tuple(_array(frame) for _, frame in zip(range(FRAMES), ImageSequence.Iterator(image), strict=False))
    except Exception as error:  # a decoder meets hostile octets with exceptions of any class
        seen.flaws.add("image.undecodable", "", f"{type(error).__name__}: {error}"[:200], "a picture that decodes")
        return ()
    if any(frame.shape[:2] != (seen.height, seen.width) for frame in found):
        seen.flaws.add("image.header", "", "frames of another size", f"{seen.width} by {seen.height}")
    return found


def _array(frame: Image.Image) -> Pixels:
    """One frame in eight bits: grey stays grey, everything else becomes RGB; deeper samples are scaled down."""
    if frame.mode.startswith("I") or frame.mode == "F":
        deep = np.asarray(frame).astype(np.float64)
        return np.asarray(np.clip(np.rint(deep / 257), 0, 255), dtype=np.uint8)
    if frame.mode in ("1", "L"):
        return np.asarray(frame.convert("L"), dtype=np.uint8)
    if frame.mode in ("LA", "PA", "RGBA"):
        ground = Image.new("RGBA", frame.size, (0, 0, 0, 255))
        frame = Image.alpha_composite(ground, frame.convert("RGBA"))
    return np.asarray(frame.convert("RGB"), dtype=np.uint8)
