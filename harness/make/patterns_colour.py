"""Knows the patterns of colour images: RGB and YBR by pixel and by plane, palettes.

Must not know requests or pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from harness.make import images
from harness.make.modules import Scene, fill
from harness.make.patterns_arithmetic import Levels, Stored, Table, rgb_of, ybr_of
from harness.make.patterns_grey import RISING
from harness.make.patterns_kinds import Pattern, cells, colour_image, read_as, shuffled, taken_for
from harness.make.pixels import put
from harness.make.uids import uid

_COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (0, 0, 0),
            (255, 255, 255), (200, 100, 50), (50, 200, 100), (100, 50, 200), (128, 128, 128), (30, 60, 90),
            (90, 30, 60), (220, 180, 140), (64, 0, 128)]  # fmt: skip
_YBR = ybr_of(np.array(_COLOURS, dtype=np.float64))


def _as_rgb(stored: Stored) -> Levels:
    return stored.astype(np.float64)


def _swapped(stored: Stored) -> Levels:
    """Red and blue exchanged."""
    return stored[..., ::-1].astype(np.float64)


def _in_ybr(stored: Stored) -> Levels:
    """Y, CB and CR shown as red, green and blue."""
    return ybr_of(stored.astype(np.float64)).astype(np.float64)


def _planes(ds: Dataset, stored: Stored) -> None:
    """Colour by plane: all of red, all of green, all of blue."""
    ds.PlanarConfiguration = 1
    put(ds, np.moveaxis(stored, 3, 1).astype(np.uint8).tobytes(), "OB")


def _mixed_up(stored: Stored) -> Stored:
    """Colour by plane that is read as colour by pixel."""
    return np.moveaxis(stored, 3, 1).reshape(stored.shape)


def _halved(ds: Dataset, stored: Stored) -> None:
    """YBR_FULL_422: two Y, then the CB and CR of the first of the two (C.7.6.3.1.2)."""
    pairs = stored.reshape(-1, 2, 3)
    put(ds, np.stack([pairs[:, 0, 0], pairs[:, 1, 0], pairs[:, 0, 1], pairs[:, 0, 2]], axis=1).astype("u1").tobytes(),
        "OB")  # fmt: skip


def _palette(first: int, entries: int) -> list[Table]:
    """Three tables of 16 bits whose low octets say something quite different from the high ones."""
    found = []
    for weight, shift in ((11, 0), (23, 85), (47, 170)):
        high = [(weight * n + shift) % 256 for n in range(entries)]
        found.append(Table(first, tuple(h << 8 | (255 - h) for h in high)))
    return found


def _palette_pattern(name: str, says: str, first: int, entries: int, values: list[int]) -> Pattern:
    tables = _palette(first, entries)

    def build(ds: Dataset) -> None:
        images.sc_palette(ds, Scene(1, 1, uid))
        fill(ds, Rows=64, Columns=64)
        for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
            descriptor, data = f"{colour}PaletteColorLookupTableDescriptor", f"{colour}PaletteColorLookupTableData"
            fill(ds, **{descriptor: [entries % 65536, first, 16], data: np.array(table.entries, "<u2").tobytes()})

    def shown(made: list[Table]) -> Callable[[Stored], Levels]:
        return lambda stored: np.stack([table(stored.astype(np.float64)) for table in made], axis=-1)

    low = [replace(table, entries=tuple((e & 255) * 257 for e in table.entries)) for table in tables]
    mistakes = {"low octets": taken_for(colour=shown(low)), "shown as grey": taken_for(colour=None)}
    if first:
        mistakes["shifted"] = taken_for(colour=shown([replace(table, first=0) for table in tables]))
    return Pattern(name, says, cells(values), build, colour=shown(tables), mistakes=mistakes)


def colour_patterns() -> list[Pattern]:
    """The same sixteen colours in every form, and two palettes."""
    rgb, ybr = cells(_COLOURS), cells([tuple(c) for c in _YBR.tolist()])
    swapped, raw = {"red and blue exchanged": taken_for(colour=_swapped)}, {"not converted": taken_for(colour=_as_rgb)}
    return [
        Pattern("rgb", "colour by pixel", rgb, colour_image(64, 64), colour=_as_rgb, mistakes=swapped),
        Pattern(
            "rgb-planes",
            "colour by plane",
            rgb,
            colour_image(64, 64),
            pack=_planes,
            colour=_as_rgb,
            mistakes={"read by pixel": read_as(_mixed_up)},
        ),
        Pattern("rgb-rle", "RGB in RLE", rgb, colour_image(64, 64), transfer_syntax=RLELossless, colour=_as_rgb,
                mistakes=swapped),
        Pattern("ybr", "YBR_FULL", ybr, colour_image(64, 64, "YBR_FULL"), colour=rgb_of, mistakes=raw),
        Pattern("ybr-rle", "YBR_FULL in RLE", ybr, colour_image(64, 64, "YBR_FULL"), transfer_syntax=RLELossless,
                colour=rgb_of, mistakes=raw),
        Pattern("ybr-422", "YBR_FULL_422, native", ybr, colour_image(64, 64, "YBR_FULL_422"), pack=_halved,
                colour=rgb_of, mistakes=raw),
        Pattern("ybr-jpeg", "YBR_FULL_422 in JPEG baseline", rgb, colour_image(64, 64), colour=_as_rgb, lossy=True,
                transfer_syntax=JPEGBaseline8Bit, mistakes={"not converted": taken_for(colour=_in_ybr)}),
        _palette_pattern("palette", "a palette of 256 entries", 0, 256, shuffled(RISING)),
        _palette_pattern("palette-first", "a palette of eight entries that begins at 100", 100, 8,
                         [0, 99, *range(100, 108), 108, 255, 104, 103, 101, 106]),
    ]  # fmt: skip
