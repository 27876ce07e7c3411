"""Knows the patterns of shapes: odd sizes, single bits, quarters for viewports, several frames.

Must not know requests or pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, RLELossless

from harness.make.modules import fill
from harness.make.patterns_arithmetic import Stored
from harness.make.patterns_kinds import Pattern, cells, grey_image, read_as, taken_for

SINGLE_BIT = "1.2.840.10008.5.1.4.1.1.7.1"  # Multi-frame Single Bit Secondary Capture
MULTIFRAME = "1.2.840.10008.5.1.4.1.1.7.2"  # Multi-frame Grayscale Byte Secondary Capture


def _lopsided(bits: int = 8, side: int = 1) -> Stored:
    """13 columns by 7 rows of squares, the same seen from no two sides."""
    frame = np.zeros((7, 13), dtype=np.int64)
    frame[:, 5:] = 255
    frame[4:, :3] = 170
    frame[:2, 9:] = 85
    frame = (frame > 100).astype(np.int64) if bits == 1 else frame
    return np.repeat(np.repeat(frame, side, axis=0), side, axis=1)[None]


def _skewed(step: int) -> Callable[[Stored], Stored]:
    """Rows that are thought to begin at multiples of `step` octets."""

    def skew(stored: Stored) -> Stored:
        width = stored.shape[2]
        flat = np.concatenate([stored.reshape(-1), np.zeros(stored.size, dtype=np.int64)])
        wide = -(-width // step) * step
        rows = [flat[n * wide : n * wide + width] for n in range(stored.shape[1])]
        return np.array(rows, dtype=np.int64)[None]

    return skew


def _odd_patterns() -> list[Pattern]:
    skew = {"skewed": read_as(_skewed(4)), "turned": read_as(lambda s: s[:, ::-1])}
    bit = {"skewed": read_as(_skewed(8)), "turned": skew["turned"]}
    return [
        Pattern("odd", "13 by 7 pixels", _lopsided(), grey_image(7, 13, 8), mistakes=skew),
        Pattern("odd-rle", "13 by 7 pixels in RLE", _lopsided(), grey_image(7, 13, 8), transfer_syntax=RLELossless,
                mistakes=skew),
        Pattern("odd-jpeg2000", "65 by 35 pixels in JPEG 2000", _lopsided(side=5), grey_image(35, 65, 8),
                transfer_syntax=JPEG2000Lossless, mistakes=skew),
        Pattern("odd-bits", "13 by 7 pixels of one bit", _lopsided(1),
                grey_image(7, 13, 8, SOPClassUID=SINGLE_BIT, BitsAllocated=1, BitsStored=1, HighBit=0,
                      NumberOfFrames=1),
                bits=1, mistakes=bit),
    ]  # fmt: skip


def _large_pattern() -> Pattern:
    """Large enough to be written on."""
    levels = cells([0, 85, 170, 255], across=2, side=128)
    return Pattern(
        "large",
        "256 by 256 pixels, four levels",
        levels,
        grey_image(256, 256, 8),
        mistakes={"inverted": taken_for(inverse=True)},
    )


def _frames_pattern() -> Pattern:
    orders = [[0, 85, 170, 255], [255, 0, 85, 170], [170, 255, 0, 85]]
    stored = np.concatenate([cells(order, across=2) for order in orders])

    def build(ds: Dataset) -> None:
        grey_image(32, 32, 8, SOPClassUID=MULTIFRAME, FrameTime="100", FrameIncrementPointer=0x00181063)(ds)
        fill(ds, PresentationLUTShape="IDENTITY", RescaleIntercept="0", RescaleSlope="1", RescaleType="US")

    before = {"the frame before": lambda p, f, w: p.levels(max(1, f - 1) if f > 1 else 2, w)}
    return Pattern("frames", "three frames", stored, build, mistakes=before)


def _quadrants_pattern() -> Pattern:
    """16 squares of 16 by 12 pixels; each quarter, and the middle, has black and white in it, and no two are alike."""
    order = [[0, 255, 85, 170], [85, 170, 255, 0], [170, 0, 85, 255], [255, 85, 0, 170]]
    stored = np.repeat(np.repeat(np.array(order, dtype=np.int64), 12, axis=0), 16, axis=1)[None]
    turned = {"turned": read_as(lambda s: s[:, ::-1, ::-1])}
    return Pattern("quadrants", "64 by 48 pixels, four levels", stored, grey_image(48, 64, 8), mistakes=turned)


def shape_patterns() -> list[Pattern]:
    """Odd sizes in several codings, quarters, a large one, several frames."""
    return [*_odd_patterns(), _quadrants_pattern(), _large_pattern(), _frames_pattern()]
