"""Knows how pictures are written as JPEG, PNG, GIF and JPEG 2000, with the colour profile that was asked for.

Must not know DICOM.
"""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Iterable, Sequence
from functools import cache

from PIL import Image, features

from simulators.render.view import BadView, Unrenderable

log = logging.getLogger("simulators.render")

JPEG, PNG, GIF, JP2 = "image/jpeg", "image/png", "image/gif", "image/jp2"
LOSSY = frozenset((JPEG, JP2))
# GIF has no place for an ICC profile, the others have.
PROFILED = frozenset((JPEG, PNG, JP2))

DEFAULT_QUALITY = 90
_FULL_CHROMA = 90  # from this quality on, colours are not thinned out
_SIDES = {JPEG: 65500, GIF: 65535}  # the most pixels in one direction that libjpeg and GIF can say
_CODECS = {JPEG: "jpg", PNG: "zlib", JP2: "jpg_2000"}


def types() -> tuple[str, ...]:
    """The media types of single pictures that can be written here, the default of Table 8.7.4-1 first."""
    return tuple(type for type in (JPEG, GIF, PNG, JP2) if type not in _CODECS or features.check(_CODECS[type]))


@cache
def tell_missing() -> None:
    """Tell in the log, once, which media types cannot be written because Pillow was built without their codec."""
    for type in _CODECS:
        if type not in types():
            log.warning("Nothing here writes %s: rendered resources cannot be had in it.", type)


def embedding(type: str, wish: str) -> bool:
    """Whether a profile is asked for; BadView when the media type has no place for it (PS3.18 8.3.5.1.5)."""
    if wish in ("", "no"):
        return False
    if type not in PROFILED:
        raise BadView("iccprofile", f"{type} cannot embed an ICC profile, so iccprofile can only be no.")
    return True


def encoded(picture: Image.Image, type: str, quality: int | None = None, icc: bytes = b"") -> bytes:
    """One picture of mode L or RGB; Unrenderable for a picture that the type cannot hold.

    `quality` 1 to 100 is libjpeg's. For JPEG 2000 each five below 100 compress once more, 50 stands for 11 to one, and
    100 is lossless, as it is by default; other types are lossless. A grey picture with a profile becomes RGB, which
    profiles are about.
    """
    if max(picture.size) > _SIDES.get(type, 1 << 31):
        raise Unrenderable(f"{picture.size[0]} x {picture.size[1]} pixels are more than {type} can hold")
    if icc and picture.mode != "RGB":
        picture = picture.convert("RGB")
    if type == GIF:
        return animated([picture], (10,))
    out = io.BytesIO()
    if type == JPEG:
        asked = DEFAULT_QUALITY if quality is None else quality
        thinned = 0 if asked >= _FULL_CHROMA else 2
        picture.save(out, "JPEG", quality=asked, subsampling=thinned, progressive=False, icc_profile=icc or None)
    elif type == PNG:
        picture.save(out, "PNG", icc_profile=icc or None)
    else:
        _save_jp2(picture, out, quality)
        return _with_profile(out.getvalue(), icc) if icc else out.getvalue()
    return out.getvalue()


def _save_jp2(picture: Image.Image, out: io.BytesIO, quality: int | None) -> None:
    # five decompositions need 32 pixels each way
    fewer = {} if min(picture.size) >= 32 else {"num_resolutions": max(1, min(picture.size).bit_length())}
    if quality is None or quality == 100:
        picture.save(out, "JPEG2000", **fewer)
    else:
        rate = [1 + (100 - quality) / 5]
        picture.save(out, "JPEG2000", quality_mode="rates", quality_layers=rate, irreversible=True, **fewer)


def _with_profile(octets: bytes, icc: bytes) -> bytes:
    """The JP2 file with a restricted ICC profile in its Colour Specification box (ISO/IEC 15444-1 I.5.3.3)."""
    at = octets.find(b"colr") - 4
    size = struct.unpack(">I", octets[at : at + 4])[0] if at >= 0 else 0
    header = octets.find(b"jp2h") - 4
    if at < 0 or header < 0 or not 8 < size <= 64:
        raise Unrenderable("the colour box of the JPEG 2000 file was not found")
    box = b"colr\x02\x00\x00" + icc
    box = struct.pack(">I", 4 + len(box)) + box
    total = struct.unpack(">I", octets[header : header + 4])[0] - size + len(box)
    return octets[:header] + struct.pack(">I", total) + octets[header + 4 : at] + box + octets[at + size :]


def animated(pictures: Iterable[Image.Image], delays: Sequence[int]) -> bytes:
    """A GIF with every picture, however alike, all of one size; delays in 1/100 s, the last one for all others.

    Pillow writes each picture; they are put together here because it would join those that are equal.
    """
    out: list[bytes] = []
    for number, picture in enumerate(pictures):
        head, body = _gif(picture)
        if not number:
            screen = head[:10] + b"\x70\x00\x00"  # no colour table for all of them
            out += [screen, b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"]
        delay = delays[min(number, len(delays) - 1)]
        out += [_control(delay), body]
    return b"".join([*out, b"\x3b"])


def _control(delay: int) -> bytes:
    """A Graphic Control Extension that leaves the picture in place (GIF89a 23)."""
    return struct.pack("<4BH2B", 0x21, 0xF9, 4, 4, min(delay, 0xFFFF), 0, 0)


def _gif(picture: Image.Image) -> tuple[bytes, bytes]:
    """Header with Logical Screen Descriptor, and Image Descriptor with a colour table of its own and the data."""
    small = picture if picture.mode == "L" else picture.quantize(256, Image.Quantize.MEDIANCUT)
    file = io.BytesIO()
    small.save(file, "GIF", optimize=False)
    octets = file.getvalue()
    length = 3 << (octets[10] & 7) + 1 if octets[10] & 0x80 else 0
    colours, at = octets[13 : 13 + length], 13 + length
    while octets[at] == 0x21:  # extensions that stand before the picture
        at += 2
        while octets[at]:
            at += 1 + octets[at]
        at += 1
    described = octets[at : at + 9]
    if octets[at + 9] & 0x80:
        return b"GIF89a" + octets[6:13], octets[at:-1]
    flags = bytes([octets[at + 9] & 0x78 | 0x80 | octets[10] & 7])
    return b"GIF89a" + octets[6:13], described + flags + colours + octets[at + 10 : -1]
