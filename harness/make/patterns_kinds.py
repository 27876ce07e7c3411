"""Knows what a pattern is: what it stores, what has to be seen of it, and the mistakes that programs make with it.

Must not know which patterns there are, requests or pictures; the arithmetic is in `patterns_arithmetic`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from harness.make import images
from harness.make.modules import Scene, fill, grayscale
from harness.make.patterns_arithmetic import WHITE, Levels, Stored, Window
from harness.make.uids import uid

CELL = 16  # pixels of the side of one flat square; a block of a JPEG lies in one of them
Mistake = Callable[["Pattern", int, Window | None], Levels]


def same(x: Levels) -> Levels:
    return x


@dataclass(frozen=True)
class Pattern:
    """One synthetic image. `stored`: sample values as (frames, rows, columns[, 3]).

    `modality` makes them what a window is applied to; `own` is what the image itself asks for, None for nothing;
    `inverse`: MONOCHROME1; `colour` makes sample values RGB. `windows` are worth asking for; `open`: without a window
    nothing says what is seen; `lossy`: what is stored has lost something already.
    """

    name: str
    says: str
    stored: Stored = field(repr=False)
    fill: Callable[[Dataset], None]
    bits: int = 8
    signed: bool = False
    transfer_syntax: str = ExplicitVRLittleEndian
    pack: Callable[[Dataset, Stored], None] | None = None
    modality: Callable[[Levels], Levels] = same
    own: Callable[[Levels], Levels] | None = None
    inverse: bool = False
    colour: Callable[[Stored], Levels] | None = None
    windows: tuple[Window, ...] = ()
    open: bool = False
    lossy: bool = False
    mistakes: Mapping[str, Mistake] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        return len(self.stored)

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.stored.shape[1], self.stored.shape[2]

    def levels(self, frame: int = 1, window: Window | None = None) -> Levels:
        """What has to be seen of a frame, counted from 1: (rows, columns) or (rows, columns, 3), from 0 to 255."""
        stored = self.stored[frame - 1]
        if self.colour is not None:
            return self.colour(stored)
        x = self.modality(stored.astype(np.float64))
        shown = window or self.own or self._identity
        y = shown(x)
        return WHITE - y if self.inverse else y

    def _identity(self, x: Levels) -> Levels:
        """Without any window: all the values that can be stored over the whole range (C.11.2.1.2.2)."""
        return np.asarray(x / (2**self.bits - 1) * WHITE)


# --- how the pixels are laid out ---------------------------------------------------------------------------------


def cells(values: list[Any], across: int = 4, side: int = CELL) -> Stored:
    """One frame of flat squares in reading order; a value may be a colour."""
    grid = np.array(values, dtype=np.int64).reshape(-1, across, *np.shape(values)[1:])
    return np.repeat(np.repeat(grid, side, axis=0), side, axis=1)[None]


def shuffled(values: list[int]) -> list[int]:
    """The same values in an order in which neither rows nor columns rise."""
    return [values[7 * n % len(values)] for n in range(len(values))]


def grey_image(rows: int, columns: int, bits: int, stored_bits: int = 0, signed: bool = False, inverse: bool = False,
          **more: Any) -> Callable[[Dataset], None]:  # fmt: skip
    """Secondary Capture with one sample a pixel."""

    def build(ds: Dataset) -> None:
        images.sc_gray(ds, Scene(1, 1, uid))
        grayscale(ds, rows, columns, bits, signed, inverse)
        if stored_bits:
            fill(ds, BitsStored=stored_bits, HighBit=stored_bits - 1)
        fill(ds, **more)

    return build


def colour_image(rows: int, columns: int, photometric: str = "RGB", **more: Any) -> Callable[[Dataset], None]:
    def build(ds: Dataset) -> None:
        images.sc_rgb(ds, Scene(1, 1, uid))
        fill(ds, Rows=rows, Columns=columns, PhotometricInterpretation=photometric, **more)

    return build


def taken_for(**changes: Any) -> Mistake:
    """The mistake to take the pattern for one that differs in this."""
    return lambda pattern, frame, window: replace(pattern, **changes).levels(frame, window)


def windowed_by(function: Callable[[Levels, float, float], Levels]) -> Mistake:
    """The mistake to window by another function."""

    def shown(pattern: Pattern, frame: int, window: Window | None) -> Levels:
        x = pattern.modality(pattern.stored[frame - 1].astype(np.float64))
        return function(x, window.center, window.width) if window else pattern.levels(frame)

    return shown


def read_as(change: Callable[[Stored], Stored]) -> Mistake:
    """The mistake to read other sample values out of the octets."""
    return lambda pattern, frame, window: replace(pattern, stored=change(pattern.stored)).levels(frame, window)


def unasked(pattern: Pattern, frame: int, window: Window | None) -> Levels:
    """The mistake not to look at the window that is asked for."""
    return pattern.levels(frame)


def stretched(pattern: Pattern, frame: int, window: Window | None) -> Levels:
    """The mistake to stretch what occurs over the whole range, whatever is asked for."""
    x = pattern.modality(pattern.stored[frame - 1].astype(np.float64))
    return np.asarray((x - x.min()) / (x.max() - x.min()) * WHITE)
