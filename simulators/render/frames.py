"""Knows how the samples of one frame are had: cut out of native pixel data or decoded (PS3.5 8.1, 8.2, A.4).

Must not know what the samples look like on a screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from simulators.archive.held import Held
from simulators.model import coded
from simulators.model.bulk import bulk_value
from simulators.render import attributes
from simulators.render.view import TooLarge, Unrenderable
from simulators.web import pixels
from simulators.web.content import Broken, Gone, Slice, joined

Samples = npt.NDArray[Any]

# Pixels of one frame that are taken on: about 5800 x 5800, some 300 MB of memory while it is at work.
MOST_PIXELS = 1 << 25
_FLOATING = {"7FE00008": "<f4", "7FE00009": "<f8"}


@dataclass(frozen=True)
class Shape:
    """How one frame is stored (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    interpretation: str
    planar: bool

    @property
    def coded_samples(self) -> float:
        """Samples for each pixel in a native frame: 4:2:2 shares two of three colour samples (C.7.6.3.1.2)."""
        return 2 if self.interpretation in ("YBR_FULL_422", "YBR_PARTIAL_422") else self.samples

    @property
    def bits(self) -> int:
        """Bits of a native frame."""
        return int(self.rows * self.columns * self.coded_samples * self.allocated)


@dataclass(frozen=True)
class Frame:
    """The samples of one frame: (rows, columns) or (rows, columns, 3), with what they now are.

    Whole numbers have their sign, and no bits besides the `stored` ones of each sample.
    """

    samples: Samples
    interpretation: str
    stored: int
    signed: bool


class Frames:
    """The frames of one instance. Unrenderable when its attributes describe no picture, TooLarge for too big a one."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.dataset = attributes.attributes(held)
        self.shape = _shape(self.dataset, held.pixel_tag)
        self.count = max(held.frames, 1)

    def frame(self, number: int) -> Frame:
        """One frame, counted from 1; Unrenderable when there is none, or none that can be decoded."""
        if not 1 <= number <= self.count:
            raise Unrenderable(f"there is no frame {number}")
        try:
            if self.held.encapsulated:
                return self._decoded(number)
            return self._native(number)
        except (Gone, FileNotFoundError):
            raise
        except Broken as problem:
            raise Unrenderable(str(problem)) from problem

    def stream(self, number: int) -> bytes:
        """The coded bit stream of a frame of encapsulated pixel data."""
        return joined(pixels.encoded_frame(self.held, number))

    def _native(self, number: int) -> Frame:
        octets = joined(pixels.native_frames(self._value, pixels.Geometry(self.shape.bits), [number]))
        shape = self.shape
        if self.held.pixel_tag in _FLOATING:
            values = np.frombuffer(octets, _FLOATING[self.held.pixel_tag])
            return Frame(_arranged(np.where(np.isfinite(values), values, 0), shape), shape.interpretation, 0, True)
        if shape.allocated == 1:
            bits = np.unpackbits(np.frombuffer(octets, np.uint8), bitorder="little")
            return Frame(_arranged(bits[: shape.rows * shape.columns], shape), shape.interpretation, 1, False)
        samples = _masked(np.frombuffer(octets, f"<u{shape.allocated // 8}"), shape)
        return Frame(_arranged(samples, shape), shape.interpretation, shape.stored, shape.signed)

    @cached_property
    def _value(self) -> Slice | bytes:
        found = bulk_value(self.held, self.held.pixel_tag)
        return found if isinstance(found, bytes) else Slice(*found)

    def _decoded(self, number: int) -> Frame:
        stream, shape = self.stream(number), self.shape
        told = _told(stream, self.held.transfer_syntax)
        if told and (told.rows, told.columns) != (shape.rows, shape.columns):
            raise Unrenderable(f"frame {number} is coded as {told.rows} rows of {told.columns}, which is not its size")
        options: dict[str, Any] = {
            "rows": shape.rows,
            "columns": shape.columns,
            "samples_per_pixel": shape.samples,
            "bits_allocated": shape.allocated,
            "bits_stored": shape.stored,
            "photometric_interpretation": shape.interpretation,
            "pixel_representation": int(shape.signed),
            "number_of_frames": 1,
            "pixel_keyword": "PixelData",
            "pixel_vr": "OB",
        }
        if shape.samples > 1:
            options["planar_configuration"] = int(shape.planar)
        try:
            decoder = get_decoder(UID(self.held.transfer_syntax))
            array, told_of = decoder.as_array(encapsulate([stream]), index=0, **options)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as problem:  # codecs raise what they like, panics that are no Exception among it
            raise Unrenderable(f"frame {number} cannot be decoded: {str(problem)[:200]}") from problem
        # the decoder has masked and signed the samples itself, and turned colours into RGB where it says so
        return Frame(array, str(told_of["photometric_interpretation"]), shape.stored, shape.signed)


def _told(stream: bytes, syntax: str) -> coded.Coded | None:
    """What a bit stream says of itself, so that no decoder makes room for a size that was not promised.

    None for a kind of stream that says nothing; Unrenderable for one that is not of its kind.
    """
    try:
        return pixels.told(stream, syntax)
    except coded.Uncoded as problem:
        raise Unrenderable(f"the bit stream is broken: {problem}") from problem


def _shape(dataset: Dataset, pixel_tag: str) -> Shape:
    count = attributes.whole
    floating = pixel_tag in _FLOATING
    allocated = count(dataset, "BitsAllocated")
    stored = count(dataset, "BitsStored", allocated)
    shape = Shape(
        count(dataset, "Rows"),
        count(dataset, "Columns"),
        count(dataset, "SamplesPerPixel", 1),
        allocated,
        stored,
        count(dataset, "HighBit", stored - 1),
        count(dataset, "PixelRepresentation") == 1,
        attributes.word(dataset, "PhotometricInterpretation").upper(),
        count(dataset, "PlanarConfiguration") == 1,
    )
    _check(shape, floating)
    return shape


def _check(shape: Shape, floating: bool) -> None:
    """Refuse what is no picture, before anything is allocated for it."""
    if shape.rows < 1 or shape.columns < 1 or shape.samples not in (1, 3):
        said = f"{shape.rows} rows, {shape.columns} columns and {shape.samples} samples a pixel"
        raise Unrenderable(f"{said} make no picture")
    if shape.allocated not in ((32, 64) if floating else (1, 8, 16, 32, 64)):
        raise Unrenderable(f"{shape.allocated} bits allocated are not supported")
    if not floating and not (1 <= shape.stored <= shape.high + 1 <= shape.allocated):
        raise Unrenderable(f"{shape.stored} bits stored up to bit {shape.high} do not fit {shape.allocated} allocated")
    if shape.samples == 3 and (floating or shape.allocated == 1):
        raise Unrenderable("colour samples of such a size are not supported")
    if shape.rows * shape.columns > MOST_PIXELS:
        raise TooLarge(f"{shape.rows} x {shape.columns} pixels are more than the {MOST_PIXELS} that are rendered")


def _masked(samples: Samples, shape: Shape) -> Samples:
    """The bits from High Bit down to the number of Bits Stored, with their sign (PS3.5 8.1.1)."""
    if shape.stored < shape.allocated:
        mask = samples.dtype.type((1 << shape.stored) - 1)
        samples = (samples >> samples.dtype.type(shape.high + 1 - shape.stored)) & mask
    if not shape.signed:
        return samples
    spare = shape.allocated - shape.stored
    signed = samples.astype(f"<i{shape.allocated // 8}")
    return (signed << spare) >> spare if spare else signed


def _arranged(samples: Samples, shape: Shape) -> Samples:
    rows, columns = shape.rows, shape.columns
    if shape.samples == 1:
        return samples.reshape(rows, columns)
    if shape.coded_samples == 2:
        if columns % 2:
            raise Unrenderable("4:2:2 colour needs an even number of columns")
        pairs = samples.reshape(rows, columns // 2, 4)
        return np.stack([pairs[..., :2], pairs[..., [2, 2]], pairs[..., [3, 3]]], axis=-1).reshape(rows, columns, 3)
    if shape.planar:
        return samples.reshape(3, rows, columns).transpose(1, 2, 0)
    return samples.reshape(rows, columns, 3)
