"""Knows ICC profiles: those of well-known colour spaces, those that instances carry, and the way from one to another.

Must not know media types. (PS3.18 8.3.5.1.5, PS3.3 C.11.15, ISO 15076-1.)
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageCms
from pydicom.dataset import Dataset

from simulators.render import attributes
from simulators.render.view import Unrenderable

MOST_OCTETS = 1 << 22  # of a profile that an instance carries; a longer one is left alone

# Adapted to the D50 white of the profile connection space: red, green and blue primaries as X, Y, Z.
_PRIMARIES = {
    "srgb": ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
    "adobergb": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    "rommrgb": ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)),
}
_NAMES = {"srgb": "sRGB IEC61966-2.1", "adobergb": "Adobe RGB (1998)", "rommrgb": "ROMM RGB"}
# Color Space (0028,2002) names of the spaces above (PS3.3 C.11.15.1.2).
_SPACES = {"SRGB": "srgb", "ADOBERGB": "adobergb", "ROMMRGB": "rommrgb"}
SPACES = tuple(_PRIMARIES)


@lru_cache
def known(space: str) -> bytes:
    """The profile of srgb, adobergb or rommrgb: version 2, matrix and curves, the same octets every time."""
    white = _xyz(0.9642, 1.0, 0.8249)
    curve = _curve(space)
    tags = [(b"desc", _description(_NAMES[space])), (b"cprt", _text("No copyright, use freely")), (b"wtpt", white)]
    tags += [
        (name + b"XYZ", _xyz(*primary)) for name, primary in zip((b"r", b"g", b"b"), _PRIMARIES[space], strict=True)
    ]
    tags += [(name + b"TRC", curve) for name in (b"r", b"g", b"b")]
    return _profile(tags)


def _profile(tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    at = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        if content not in places:
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    total = 128 + len(table) + len(body)
    head = struct.pack(">I4xI4s4s4s", total, 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _xyz(0.9642, 1.0, 0.8249)[8:]
    return head.ljust(128, b"\0") + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(x) + _fixed(y) + _fixed(z)


def _text(text: str) -> bytes:
    return b"text\0\0\0\0" + text.encode("ascii") + b"\0"


def _description(text: str) -> bytes:
    octets = text.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(octets)) + octets + bytes(4 + 4 + 2 + 1 + 67)


def _curve(space: str) -> bytes:
    if space == "srgb":
        points = [_srgb(n / 1023) for n in range(1024)]
    elif space == "rommrgb":
        points = [n / 1023 / 16 if n / 1023 < 16 * 0.001953 else (n / 1023) ** 1.8 for n in range(1024)]
    else:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, 563)  # the exponent 2.19921875 in 1/256
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *(round(65535 * point) for point in points))


def _srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def of_instance(dataset: Dataset) -> bytes:
    """The profile that an image or a presentation state carries, in itself or its optical path; b'' without one."""
    for place in (dataset, *attributes.items(dataset, "OpticalPathSequence")[:1]):
        found = attributes.octets(place, "ICCProfile")
        if found and len(found) <= MOST_OCTETS and usable(found):
            return found
    return b""


def of_stream(stream: bytes) -> bytes:
    """The profile embedded in a coded picture, b'' without one."""
    try:
        with Image.open(io.BytesIO(stream)) as picture:
            found = picture.info.get("icc_profile") or b""
    except Exception:  # a stream that Pillow cannot open has no profile that it could find
        return b""
    return found if isinstance(found, bytes) and len(found) <= MOST_OCTETS and usable(found) else b""


def appropriate(dataset: Dataset) -> str:
    """The well-known space whose pixels these are taken to be, by Color Space (0028,2002)."""
    return _SPACES.get(attributes.word(dataset, "ColorSpace").upper(), "srgb")


def usable(profile: bytes) -> bool:
    """The octets are a profile of a space of red, green and blue."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip() == "RGB"
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return False


def converted(picture: Image.Image, source: bytes, target: bytes) -> Image.Image:
    """The RGB picture with its pixels taken from one space to the other."""
    if source == target:
        return picture
    try:
        made = ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(source)),
            ImageCms.ImageCmsProfile(io.BytesIO(target)),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (OSError, ValueError, ImageCms.PyCMSError) as problem:
        raise Unrenderable(f"the colours cannot be converted: {problem}") from problem
    return made if made is not None else picture
