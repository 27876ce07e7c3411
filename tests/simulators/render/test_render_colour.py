"""Colours: spaces, palettes, planes, odd sizes, against values worked out by hand."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import convert_color_space

from simulators.render.colour import colours
from simulators.render.frames import Frame
from simulators.render.tables import segmented
from simulators.render.view import Unrenderable
from tests.simulators.render.pictures import colour, grey, put, seen

PIXELS = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[10, 20, 30], [255, 255, 255], [0, 0, 0]]]


def test_rgb_by_pixel_and_by_plane(hold: Any) -> None:
    assert seen(hold(colour(PIXELS))).tolist() == PIXELS
    planes = colour(PIXELS, PlanarConfiguration=1)
    put(planes, np.array(PIXELS, "u1").transpose(2, 0, 1).tobytes(), 8)
    assert seen(hold(planes)).tolist() == PIXELS


def test_sixteen_bit_colours_are_brought_to_eight(hold: Any) -> None:
    dataset = colour([[[0, 0, 0]]], BitsAllocated=16, BitsStored=12, HighBit=11)
    put(dataset, struct.pack("<3H", 0, 2048, 4095), 16)
    assert seen(hold(dataset)).tolist() == [[[0, 128, 255]]]


@pytest.mark.parametrize(
    ("ybr", "rgb"),
    [
        ((0, 128, 128), (0, 0, 0)),
        ((255, 128, 128), (255, 255, 255)),
        ((76, 85, 255), (254, 0, 0)),  # 76 + 1.402 * 127, 76 - 0.344 * -43 - 0.714 * 127, 76 + 1.772 * -43
        ((150, 44, 21), (0, 255, 1)),
    ],
)
def test_ybr_full_by_hand(hold: Any, ybr: tuple[int, ...], rgb: tuple[int, ...]) -> None:
    assert seen(hold(colour([[ybr]], "YBR_FULL"))).tolist() == [[list(rgb)]]


def test_partial_ybr_has_less_room(hold: Any) -> None:
    dataset = colour([[[0, 0, 0]] * 2], "YBR_PARTIAL_422")
    put(dataset, bytes([16, 235, 128, 128]), 8)
    assert seen(hold(dataset)).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_two_pixels_share_their_colour_in_422(hold: Any) -> None:
    dataset = colour([[[0, 0, 0]] * 4] * 2, "YBR_FULL_422")
    row = bytes([76, 0, 85, 255, 255, 150, 128, 128])
    put(dataset, row * 2, 8)
    assert seen(hold(dataset)).tolist() == [[[254, 0, 0], [178, 0, 0], [255, 255, 255], [150, 150, 150]]] * 2


def test_422_needs_an_even_number_of_columns(hold: Any) -> None:
    dataset = colour([[[0, 0, 0]] * 3] * 2, "YBR_FULL_422")
    with pytest.raises(Unrenderable, match="even"):
        seen(hold(dataset))


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=20))
def test_ybr_agrees_with_another_program(pixels: list[tuple[int, int, int]]) -> None:
    array = np.array([pixels], np.uint8)
    ours = colours(Frame(array, "YBR_FULL", 8, False), Dataset()).astype(int)
    theirs = convert_color_space(array, "YBR_FULL", "RGB").astype(int)
    assert np.abs(ours - theirs).max() <= 1


def palette(dataset: Dataset, bits: int, first: int, entries: dict[str, list[int]]) -> Dataset:
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for name, table in entries.items():
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [len(table), first, bits])
        dataset[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        kind = "<u2" if bits == 16 else "u1"
        data = np.array(table, kind).tobytes()
        setattr(dataset, f"{name}PaletteColorLookupTableData", data + b"\0" * (len(data) % 2))
        dataset[f"{name}PaletteColorLookupTableData"].VR = "OW"
    return dataset


def test_palette_values_beside_the_table_get_its_ends(hold: Any) -> None:
    entries = {"Red": [0x1111, 0x2222], "Green": [0xFFFF, 0x0000], "Blue": [0x8080, 0x7F00]}
    dataset = palette(grey([[0, 5, 6, 200]]), 16, 5, entries)
    first, last = [0x11, 0xFF, 0x80], [0x22, 0x00, 0x7F]
    assert seen(hold(dataset)).tolist() == [[first, first, last, last]]


def test_eight_bit_entries_stand_two_in_a_word(hold: Any) -> None:
    entries = {"Red": [1, 2, 3, 4], "Green": [5, 6, 7, 8], "Blue": [9, 10, 11, 12]}
    dataset = palette(grey([[0, 1, 2, 3]]), 8, 0, entries)
    assert seen(hold(dataset)).tolist() == [[[1, 5, 9], [2, 6, 10], [3, 7, 11], [4, 8, 12]]]


def test_a_palette_without_one_of_its_colours_is_no_palette(hold: Any) -> None:
    dataset = palette(grey([[0, 1]]), 8, 0, {"Red": [1, 2], "Green": [5, 6]})
    with pytest.raises(Unrenderable, match="palette"):
        seen(hold(dataset))


def segments(*words: int) -> Dataset:
    dataset = Dataset()
    dataset.RedPaletteColorLookupTableDescriptor = [10, 0, 16]
    dataset["RedPaletteColorLookupTableDescriptor"].VR = "US"
    dataset.SegmentedRedPaletteColorLookupTableData = struct.pack(f"<{len(words)}H", *words)
    return dataset


def expanded(dataset: Dataset) -> list[int]:
    name = "RedPaletteColorLookupTable"
    found = segmented(dataset, f"{name}Descriptor", f"Segmented{name}Data", False)
    return [] if found is None else [int(entry) for entry in found.entries]


def test_segments_by_hand() -> None:
    assert expanded(segments(0, 2, 10, 20, 1, 4, 60)) == [10, 20, 30, 40, 50, 60]
    # the indirect one repeats two segments from the first word on
    assert expanded(segments(0, 1, 7, 1, 2, 9, 2, 2, 0, 0)) == [7, 8, 9, 7, 8, 9]


@settings(deadline=None)
@given(st.lists(st.integers(0, 65535), max_size=40))
def test_any_segments_end(words: list[int]) -> None:
    assert len(expanded(segments(*words))) <= 10


def test_what_no_colour_space_is_called_is_refused(hold: Any) -> None:
    for name in ("HSV", "YBR_ICT", "CMYK"):
        with pytest.raises(Unrenderable):
            seen(hold(colour(PIXELS, name)))
