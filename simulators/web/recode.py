"""Knows how frames are decoded, and how they are coded anew in another transfer syntax (PS3.5 8.2, A.4).

Must not know HTTP or negotiation.

An instance is never compressed with loss on its way out: that would be a derived image with a SOP Instance UID of its
own (PS3.3 C.7.6.1.1.5), and what is retrieved is the instance that was asked for (PS3.18 10.4.3.3.1). Bulk data
carries no identity, so a frame can be had lossy by whoever names such a transfer syntax.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import iter_pixels

from simulators.archive.held import Held
from simulators.model.codecs import (
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    RLE,
    Array,
    Pixels,
    codecs,
    encode,
    encoders,
)
from simulators.web.explicit import Changed

_TAGS = ["SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored"]
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL")
_LARGEST_TABLE = 0xFFFFFFFF  # the last offset that a Basic Offset Table can tell (PS3.5 A.4)
_SMALLEST = 32  # rows and columns below which JPEG 2000 cannot be written here
_ALWAYS_LOSSY = frozenset(("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"))


@dataclass(frozen=True)
class Form:
    """What the attributes say of the pixels as they are stored (PS3.3 C.7.6.3)."""

    samples: int
    interpretation: str
    rows: int
    columns: int
    allocated: int
    stored: int

    @classmethod
    def of(cls, held: Held) -> Form:
        """ValueError, TypeError or AttributeError when an attribute is missing or no number."""
        found = dcmread(held.path, stop_before_pixels=True, specific_tags=_TAGS)
        return cls(int(found.SamplesPerPixel), str(found.PhotometricInterpretation), int(found.Rows),
                   int(found.Columns), int(found.BitsAllocated), int(found.BitsStored))  # fmt: skip

    def fits(self, syntax: str, interpretation: str) -> bool:
        """Whether the syntax has room for such pixels (PS3.5 Tables 8.2.1-1 to 8.2.4-1)."""
        known = (*_GREY, "PALETTE COLOR", *_COLOUR)
        if interpretation not in known or self.allocated not in (8, 16):
            return False
        if syntax == JPEG_BASELINE:
            return self.allocated == 8 and interpretation in (*_GREY, "RGB")
        if syntax in (JPEG_2000, JPEG_2000_LOSSLESS):
            lost = syntax == JPEG_2000 and interpretation == "PALETTE COLOR"
            return min(self.rows, self.columns) >= _SMALLEST and not lost
        return syntax == RLE or interpretation != "PALETTE COLOR"


def exact(held: Held) -> bool:
    """Decoding gives what was stored, bit by bit, so it is to be changed in no way; else colours become RGB."""
    codec = codecs().get(held.transfer_syntax)
    return codec is None or not codec.lossy


def interpretation(held: Held, stored: str) -> str:
    """The Photometric Interpretation of the decoded pixels (PS3.5 8.2.1 to 8.2.4)."""
    if stored in ("YBR_RCT", "YBR_ICT") or (not exact(held) and stored.startswith("YBR_")):
        return "RGB"
    return stored


def targets(held: Held, wanted: Iterable[str], lossy: bool) -> tuple[str, ...]:
    """Those of the wanted transfer syntaxes that the pixel data can be coded into; only lossless ones unless `lossy`.

    Only whole octets of grey or colour are coded anew, floating point and single bits are not.
    """
    able = (*encoders(False), *(encoders(True) if lossy else ()))
    named = [syntax for syntax in able if syntax in set(wanted) and syntax != held.transfer_syntax]
    if not named or held.pixel_tag != "7FE00010":
        return ()
    try:
        form = Form.of(held)
    except (OSError, ValueError, TypeError, AttributeError):
        return ()
    shown = interpretation(held, form.interpretation)
    return tuple(syntax for syntax in named if form.fits(syntax, shown))


def arrays(held: Held, numbers: Iterable[int] | None = None) -> Iterator[Array]:
    """Decoded frames, counted from 1, or all; by rows, columns and samples. Codecs raise what they like."""
    indices = None if numbers is None else [number - 1 for number in numbers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what was stored is not ours to complain about
        yield from iter_pixels(held.path, indices=indices, raw=exact(held), correct_unused_bits=False)


def stream(held: Held, number: int, syntax: str) -> bytes:
    """One frame, counted from 1, coded in a target syntax. CannotEncode, or what codecs raise."""
    return next(_streams(held, syntax, [number]))


def _streams(held: Held, syntax: str, numbers: Iterable[int] | None = None) -> Iterator[bytes]:
    form = Form.of(held)
    shown = interpretation(held, form.interpretation)
    for array in arrays(held, numbers):
        yield encode(Pixels(array, _precision(array, form, syntax), shown), syntax)


def _precision(array: Array, form: Form, syntax: str) -> int:
    """Bits Stored where every value keeps to it, else all bits there are: nothing may be lost."""
    bits = array.itemsize * 8
    if syntax == RLE or form.stored >= bits:
        return bits
    signed = array.dtype.kind == "i"
    most = (1 << (form.stored - signed)) - 1
    least = -(1 << (form.stored - 1)) if signed else 0
    return form.stored if least <= int(array.min()) and int(array.max()) <= most else bits


def decoded(held: Held) -> dict[int, Changed | None]:
    """The elements that decoding changes: pixel data and what describes them. Codecs raise what they like."""
    found = [numpy.ascontiguousarray(array) for array in arrays(held)]
    if not found:
        raise ValueError("there is no frame")
    bits = found[0].itemsize * 8
    octets = b"".join(_little(array) for array in found)
    return _described(held, found[0], {0x7FE00010: Changed("OB" if bits == 8 else "OW", octets)})


def coded(held: Held, syntax: str) -> dict[int, Changed | None]:
    """The elements that coding anew changes. CannotEncode, or what codecs raise."""
    frames = list(_streams(held, syntax))
    table = sum(map(len, frames[:-1])) + 8 * len(frames) <= _LARGEST_TABLE
    octets = encapsulate(frames, has_bot=table) + b"\xfe\xff\xdd\xe0" + bytes(4)
    first = next(arrays(held, [1]))
    return _described(held, first, {0x7FE00010: Changed("OB", octets, encapsulated=True)})


def _described(held: Held, array: Array, changes: dict[int, Any]) -> dict[int, Changed | None]:
    """With the attributes that tell how the pixels lie now; that they were coded with loss is never taken back."""
    form = Form.of(held)
    bits = array.itemsize * 8
    changes |= {0x7FE00001: None, 0x7FE00002: None}
    changes[0x00280004] = Changed("CS", interpretation(held, form.interpretation).encode("ascii"))
    if bits != form.allocated:
        changes[0x00280100] = Changed("US", bits.to_bytes(2, "little"))
    if array.ndim == 3:
        changes[0x00280006] = Changed("US", bytes(2))
    if held.transfer_syntax in _ALWAYS_LOSSY:
        changes[0x00282110] = Changed("CS", b"01")  # PS3.3 C.7.6.1.1.5
    return changes


def frame(held: Held, number: int) -> bytes:
    """One frame, counted from 1, decoded, in little endian. Codecs raise what they like."""
    return _little(next(arrays(held, [number])))


def _little(array: Array) -> bytes:
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
