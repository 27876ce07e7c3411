"""Knows the grayscale pipeline: modality, values of interest, presentation (PS3.4 N.2.1, PS3.3 C.11.1, C.11.2, C.11.6).

Must not know colours, geometry, or encodings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from simulators.render import attributes
from simulators.render.frames import Frame, Samples
from simulators.render.tables import Floats, Table, table
from simulators.render.view import Window

Octets = npt.NDArray[np.uint8]

_CHUNK = 1 << 20  # samples that are worked on at a time where no table of all values can be made
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True)
class Rescale:
    """The linear form of the modality transformation (C.11.1)."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, values: Floats) -> Floats:
        with np.errstate(all="ignore"):
            return values * self.slope + self.intercept


@dataclass(frozen=True)
class Greys:
    """The three steps from stored values to P-values; without `voi` the whole range of the first step is shown."""

    modality: Rescale | Table = Rescale()
    voi: Window | Table | None = None
    presentation: Table | None = None
    inverse: bool = False


def of_image(dataset: Dataset, frame: int, interpretation: str, signed: bool) -> Greys:
    """The steps that an image itself defines for one of its frames, counted from 1."""
    shape = attributes.word(dataset, "PresentationLUTShape")
    # Where an IOD has a shape, it says the same as the interpretation, so the two are not applied one after the other.
    inverse = shape == "INVERSE" if shape in ("IDENTITY", "INVERSE") else interpretation == "MONOCHROME1"
    return Greys(
        modality(dataset, attributes.macro(dataset, frame, "PixelValueTransformationSequence"), signed),
        voi(dataset, attributes.macro(dataset, frame, "FrameVOILUTSequence"), signed),
        inverse=inverse,
    )


def modality(dataset: Dataset, macro: Dataset | None, signed: bool) -> Rescale | Table:
    """The Modality LUT, or the rescale of the frame or the image (C.11.1, C.7.6.16.2.9)."""
    for item in attributes.items(dataset, "ModalityLUTSequence")[:1]:
        found = table(item, "LUTDescriptor", "LUTData", signed)
        if found:
            return found
    for place in (macro, dataset):
        slope = attributes.number(place, "RescaleSlope") if place is not None else None
        if place is not None and slope:
            return Rescale(slope, attributes.number(place, "RescaleIntercept") or 0.0)
    return Rescale()


def voi(dataset: Dataset, macro: Dataset | None, signed: bool) -> Window | Table | None:
    """The first VOI LUT or window of the frame or the image (C.11.2, C.7.6.16.2.10)."""
    for item in attributes.items(dataset, "VOILUTSequence")[:1]:
        found = table(item, "LUTDescriptor", "LUTData", signed)
        if found:
            return found
    for place in (macro, dataset):
        window = _window(place) if place is not None else None
        if window:
            return window
    return None


def _window(dataset: Dataset) -> Window | None:
    centre, width = attributes.number(dataset, "WindowCenter"), attributes.number(dataset, "WindowWidth")
    function = attributes.word(dataset, "VOILUTFunction") or "LINEAR"
    if centre is None or width is None or function not in _FUNCTIONS:
        return None
    window = Window(centre, width, function)
    return window if possible(window) else None


def possible(window: Window) -> bool:
    """The width is one that the function allows (C.11.2.1.2.1 and after)."""
    return window.width >= 1 if window.function == "LINEAR" else window.width > 0


def windowed(values: Floats, window: Window) -> Floats:
    """From 0 to 1, by the formula of the function (C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2)."""
    centre, width = window.centre, window.width
    if window.function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))), np.float64)
    if window.function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    inside = (values - centre) / (width or 1.0) + 0.5  # a width of nothing has no inside
    made = np.where(values <= centre - width / 2, 0.0, np.where(values > centre + width / 2, 1.0, inside))
    return np.asarray(made, np.float64)


def shades(frame: Frame, greys: Greys, padding: tuple[float, float] | None = None) -> Octets:
    """The frame from 0, the darkest, to 255; stored values within `padding` are background, which is 0.

    Samples that are numbers of more than 16 bits, and are shown as a whole, span what the frame holds.
    """
    if 1 <= frame.stored <= 16:
        low = -(1 << frame.stored - 1) if frame.signed else 0
        every = _every(low, 1 << frame.stored, greys, padding)
        return np.take(every, frame.samples.astype(np.int32) - low, mode="clip")
    span = _span(greys, *_extremes(frame.samples, padding))
    flat = frame.samples.reshape(-1)
    out = np.empty(flat.shape, np.uint8)
    for start in range(0, len(flat), _CHUNK):
        some = flat[start : start + _CHUNK].astype(np.float64)
        tones = _tones(some, greys, span)
        tones[_within(some, padding)] = 0
        out[start : start + _CHUNK] = tones
    return out.reshape(frame.samples.shape)


@lru_cache(maxsize=32)
def _every(low: int, count: int, greys: Greys, padding: tuple[float, float] | None) -> Octets:
    """The shade of each stored value from the lowest on; frames of one series mostly have the same."""
    stored = np.arange(low, low + count, dtype=np.float64)
    tones = _tones(stored, greys, _span(greys, low, low + count - 1))
    tones[_within(stored, padding)] = 0
    return tones


def padding(dataset: Dataset, signed: bool, stored: int) -> tuple[float, float] | None:
    """The stored values that stand for no image (C.7.5.1.1.2), from the lowest to the highest; None without any."""
    found = attributes.number(dataset, "PixelPaddingValue")
    if found is None:
        return None
    limit = attributes.number(dataset, "PixelPaddingRangeLimit")
    ends = (_signed(found, signed, stored), _signed(found if limit is None else limit, signed, stored))
    return min(ends), max(ends)


def _signed(value: float, signed: bool, stored: int) -> float:
    """The value as the samples have it: products write negative ones as US."""
    if signed and value >= (1 << max(stored, 1) - 1):
        return value - (1 << 16)
    return value


def _within(values: Floats, padding: tuple[float, float] | None) -> Any:
    return slice(0, 0) if padding is None else (values >= padding[0]) & (values <= padding[1])


def extent(frame: Frame, greys: Greys, padding: tuple[float, float] | None) -> tuple[float, float]:
    """The lowest and the highest value that the modality step gives for what is in the frame."""
    return _range(greys, np.array(_extremes(frame.samples, padding), np.float64))


def _extremes(samples: Samples, padding: tuple[float, float] | None) -> tuple[float, float]:
    if padding is not None:
        kept = samples[(samples < padding[0]) | (samples > padding[1])]
        samples = kept if kept.size else samples
    return float(samples.min()), float(samples.max())


def _span(greys: Greys, low: float, high: float) -> tuple[float, float]:
    """What the modality step can give for stored values from low to high."""
    if isinstance(greys.modality, Table):
        return 0.0, float(greys.modality.top)
    return _range(greys, np.array([low, high], np.float64))


def _range(greys: Greys, stored: Floats) -> tuple[float, float]:
    ends = greys.modality(stored)
    return float(ends.min()), float(ends.max())


def _tones(stored: Floats, greys: Greys, span: tuple[float, float]) -> Octets:
    """From 0 to 255, rounded; absurd slopes and windows end in black or white."""
    with np.errstate(all="ignore"):
        values = _presented(greys.modality(stored), greys, span)
    return np.floor(np.clip(np.nan_to_num(values), 0, 1) * 255 + 0.5).astype(np.uint8)


def _presented(values: Floats, greys: Greys, span: tuple[float, float]) -> Floats:
    """What the steps after the first make of its values: P-values from 0 to 1."""
    if isinstance(greys.voi, Window):
        values = windowed(values, greys.voi)
    elif greys.voi is not None:
        values = greys.voi(values) / greys.voi.top
    else:
        values = np.clip((values - span[0]) / (span[1] - span[0] or 1.0), 0, 1)
    if greys.presentation is not None:
        last = len(greys.presentation.entries) - 1
        return greys.presentation(values * last + greys.presentation.first) / greys.presentation.top
    return 1 - values if greys.inverse else values
