"""Knows how samples become red, green and blue (PS3.3 C.7.6.3.1.2, C.7.6.3.1.5, C.7.9).

Must not know the grayscale pipeline, geometry, or encodings.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from simulators.render.frames import Frame
from simulators.render.tables import Floats, Table, segmented, table
from simulators.render.view import Unrenderable

Octets = npt.NDArray[np.uint8]

# Rows give red, green and blue from luminance and the two differences (ITU-R BT.601, as C.7.6.3.1.2 has it).
_FULL = np.array([[1, 0, 1.402], [1, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587], [1, 1.772, 0]])
_SCALE = {"YBR_FULL": (1.0, 1.0), "YBR_FULL_422": (1.0, 1.0), "YBR_PARTIAL_422": (255 / 219, 255 / 224)}
_STRIP = 1 << 20  # samples converted at a time


def coloured(frame: Frame) -> bool:
    """The frame has colours of its own."""
    return frame.samples.ndim == 3 or frame.interpretation == "PALETTE COLOR"


def colours(frame: Frame, dataset: Dataset) -> Octets:
    """(rows, columns, 3) of eight bits; Unrenderable for a colour space or palette that cannot be used."""
    if frame.interpretation == "PALETTE COLOR":
        return _painted(frame, dataset)
    if frame.signed:
        raise Unrenderable("colour samples are never signed")
    if frame.interpretation == "RGB":
        return _eight(frame)
    if frame.interpretation not in _SCALE:
        raise Unrenderable(f"the photometric interpretation {frame.interpretation[:40]!r} is not supported")
    return _from_ybr(_eight(frame), *_SCALE[frame.interpretation], partial="PARTIAL" in frame.interpretation)


def _eight(frame: Frame) -> Octets:
    """Samples brought to eight bits."""
    if frame.stored == 8:
        return np.asarray(frame.samples, np.uint8)
    top = (1 << frame.stored) - 1
    return np.asarray(np.floor(frame.samples.astype(np.float32) * (255 / top) + 0.5), np.uint8)


def _from_ybr(samples: Octets, luminance: float, difference: float, *, partial: bool) -> Octets:
    matrix = (_FULL * (luminance, difference, difference)).T.astype(np.float32)
    zero = np.array([16 if partial else 0, 128, 128], np.float32)
    out = np.empty_like(samples)
    step = max(1, _STRIP // max(1, samples.shape[1]))
    for row in range(0, samples.shape[0], step):
        values = (samples[row : row + step] - zero) @ matrix
        out[row : row + step] = np.floor(np.clip(values, 0, 255) + 0.5)
    return out


def palette(dataset: Dataset, signed: bool) -> tuple[Table, Table, Table] | None:
    """The red, green and blue table, plain or segmented; None unless all three are there."""
    found = []
    for name in ("Red", "Green", "Blue"):
        descriptor = f"{name}PaletteColorLookupTableDescriptor"
        plain = table(dataset, descriptor, f"{name}PaletteColorLookupTableData", signed)
        made = plain or segmented(dataset, descriptor, f"Segmented{name}PaletteColorLookupTableData", signed)
        if made is None:
            return None
        found.append(made)
    return found[0], found[1], found[2]


def _painted(frame: Frame, dataset: Dataset) -> Octets:
    tables = palette(dataset, frame.signed)
    if tables is None or frame.samples.ndim != 2 or not 1 <= frame.stored <= 16:
        raise Unrenderable("there is no palette that fits the samples")
    low = -(1 << frame.stored - 1) if frame.signed else 0
    stored = np.arange(low, low + (1 << frame.stored), dtype=np.float64)
    every = paint(stored, tables)
    return np.asarray(every[np.clip(frame.samples.astype(np.int32) - low, 0, len(every) - 1)], np.uint8)


def paint(values: Floats, tables: tuple[Table, Table, Table]) -> Octets:
    """The colour of each value as (values, 3) of eight bits."""
    return np.stack([_channel(values, one) for one in tables], axis=-1)


def _channel(values: Floats, one: Table) -> Octets:
    entries = one(values).astype(np.int64)
    # The high octet: right for entries that repeat it in the low one and for those that leave the low one empty.
    made = entries >> one.bits - 8 if one.bits >= 8 else entries << 8 - one.bits
    return np.asarray(np.clip(made, 0, 255), np.uint8)
