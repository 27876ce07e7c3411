"""The grayscale pipeline, against arrays worked out by hand and against pydicom where it is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi_lut

from simulators.render.frames import Frame
from simulators.render.grey import Greys, Rescale, shades, windowed
from simulators.render.tables import Table
from simulators.render.view import View, Window
from tests.simulators.render.pictures import grey, seen

FIVE = [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("function", "want"),
    [
        # width 4 around 2: -0.5 and width - 1 make thirds of what lies between 0 and 3
        ("LINEAR", [0, 85, 170, 255, 255]),
        ("LINEAR_EXACT", [0, 64, 128, 191, 255]),
        # 1 / (1 + exp(2)), 1 / (1 + exp(1)), 1 / 2, ...
        ("SIGMOID", [30, 69, 128, 186, 225]),
    ],
)
def test_each_function_by_hand(hold: Any, function: str, want: list[int]) -> None:
    held = hold(grey(FIVE))
    assert seen(held, View(window=Window(2, 4, function))).tolist() == [want]


def test_a_window_of_one_value_is_a_threshold(hold: Any) -> None:
    assert seen(hold(grey(FIVE)), View(window=Window(3, 1))).tolist() == [[0, 0, 0, 255, 255]]


def test_without_a_window_the_whole_range_is_shown(hold: Any) -> None:
    assert seen(hold(grey([[0, 51, 255]]))).tolist() == [[0, 51, 255]]
    twelve = grey([[0, 4095, 2047]], 16, BitsStored=12, HighBit=11)
    assert seen(hold(twelve)).tolist() == [[0, 255, 127]]


def test_the_window_of_the_image_is_used_and_that_of_the_view_wins(hold: Any) -> None:
    held = hold(grey(FIVE, WindowCenter=["3", "50"], WindowWidth=["1", "100"]))
    assert seen(held).tolist() == [[0, 0, 0, 255, 255]]
    assert seen(held, View(window=Window(1, 1))).tolist() == [[0, 255, 255, 255, 255]]


def test_windows_are_for_values_after_the_rescale(hold: Any) -> None:
    held = hold(grey([[0, 1024, 1064]], 16, RescaleIntercept="-1024", RescaleSlope="1"))
    assert seen(held, View(window=Window(0.5, 1))).tolist() == [[0, 0, 255]]


def test_signed_values_have_their_sign(hold: Any) -> None:
    held = hold(grey([[-128, -1, 0, 127]], 8, PixelRepresentation=1))
    assert seen(held).tolist() == [[0, 127, 128, 255]]
    twelve = grey([[-2048, 0, 2047]], 16, PixelRepresentation=1, BitsStored=12, HighBit=11)
    assert seen(hold(twelve), View(window=Window(0.5, 1))).tolist() == [[0, 0, 255]]


def test_bits_beside_the_stored_ones_do_not_count(hold: Any) -> None:
    # twelve bits stored in the upper part of sixteen; an overlay in the lower four bits
    high = grey([[0x0000 | 0xF, 0x8000 | 0x5, 0xFFF0]], 16, BitsStored=12, HighBit=15)
    assert seen(hold(high)).tolist() == [[0, 128, 255]]
    low = grey([[0xF000, 0xF800, 0x0FFF]], 16, BitsStored=12, HighBit=11)
    assert seen(hold(low)).tolist() == [[0, 128, 255]]


def test_monochrome1_is_dark_where_values_are_high_whatever_says_so(hold: Any) -> None:
    values = [[0, 100, 255]]
    upright = seen(hold(grey(values)))
    sayings: list[dict[str, Any]] = [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        {"PresentationLUTShape": "INVERSE"},
    ]
    for more in sayings:
        assert (seen(hold(grey(values, **more))) == 255 - upright).all(), more


def test_single_bits_are_black_and_white(hold: Any) -> None:
    dataset = grey([[0] * 13] * 2)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.NumberOfFrames = 1, 1, 0, 2
    # 26 pixels a frame: the second one begins within an octet
    bits = np.array([n % 3 == 0 for n in range(52)], np.uint8)
    dataset.PixelData = np.packbits(bits, bitorder="little").tobytes() + b"\0"
    held = hold(dataset)
    assert (seen(held, frame=1).reshape(-1) == 255 * bits[:26]).all()
    assert (seen(held, frame=2).reshape(-1) == 255 * bits[26:]).all()


def test_padding_is_background_also_where_high_values_are_dark(hold: Any) -> None:
    more: dict[str, Any] = {"PixelPaddingValue": 3, "PixelPaddingRangeLimit": 9}
    dataset = grey([[0, 3, 9, 10]], PhotometricInterpretation="MONOCHROME1", **more)
    for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        dataset[name].VR = "US"
    assert seen(hold(dataset)).tolist() == [[255, 0, 0, 245]]


def lut(first: int, bits: int, values: list[int]) -> Dataset:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(values), first, bits], values
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "US"
    return item


def test_tables_map_what_lies_beside_them_to_their_ends(hold: Any) -> None:
    dataset = grey(FIVE, VOILUTSequence=[lut(1, 8, [0, 51, 255])])
    assert seen(hold(dataset)).tolist() == [[0, 0, 51, 255, 255]]
    dataset = grey(FIVE, ModalityLUTSequence=[lut(2, 16, [100, 200])])
    dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    assert seen(hold(dataset), View(window=Window(150.5, 1))).tolist() == [[0, 0, 0, 255, 255]]


def test_frames_have_windows_and_rescales_of_their_own(hold: Any) -> None:
    dataset = grey([[[0, 10]], [[0, 10]]], 16)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    groups = []
    for slope, centre in (("1", "5"), ("10", "200")):
        group, rescale, window = Dataset(), Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = slope, "0", "US"
        window.WindowCenter, window.WindowWidth = centre, "1"
        group.PixelValueTransformationSequence, group.FrameVOILUTSequence = [rescale], [window]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    held = hold(dataset)
    assert seen(held, frame=1).tolist() == [[0, 255]]
    assert seen(held, frame=2).tolist() == [[0, 0]]  # 100 lies below 200


def test_floating_point_pixels_span_what_they_hold(hold: Any) -> None:
    dataset = grey([[0, 0]])
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated, dataset.Columns = 32, 4
    dataset.FloatPixelData = np.array([-1.5, 0.0, float("nan"), 1.5], "<f4").tobytes()
    dataset.PixelData = None
    del dataset.PixelData
    assert seen(hold(dataset)).tolist() == [[0, 128, 128, 255]]


values = st.lists(st.integers(-2048, 2047), min_size=1, max_size=30)
windows = st.builds(Window, st.integers(-3000, 3000), st.integers(1, 5000), st.sampled_from(["LINEAR", "SIGMOID"]))


@settings(deadline=None)
@given(values, windows)
def test_windows_agree_with_another_program(stored: list[int], window: Window) -> None:
    dataset = Dataset()
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = window.centre, window.width, window.function
    dataset.BitsStored, dataset.PixelRepresentation, dataset.PhotometricInterpretation = 12, 1, "MONOCHROME2"
    with np.errstate(over="ignore"):
        theirs = (apply_voi_lut(np.array(stored, np.float64), dataset) + 2048) / 4095
    assert np.allclose(windowed(np.array(stored, np.float64), window), theirs, atol=1e-9)


def toned(stored: list[int], greys: Greys) -> list[int]:
    frame = Frame(np.array([stored], np.int16), "MONOCHROME2", 12, True)
    return [int(level) for level in shades(frame, greys)[0]]


@settings(deadline=None)
@given(values, st.none() | windows, st.integers(-5, 5).filter(bool))
def test_inverse_is_the_opposite_of_upright(stored: list[int], window: Window | None, slope: int) -> None:
    one = toned(stored, Greys(Rescale(slope, 7), window))
    other = toned(stored, Greys(Rescale(slope, 7), window, inverse=True))
    assert all(abs(a + b - 255) <= 1 for a, b in zip(one, other, strict=True))  # both round up at the half


@settings(deadline=None)
@given(values, st.none() | windows)
def test_higher_values_are_never_darker(stored: list[int], window: Window | None) -> None:
    levels = toned(sorted(stored), Greys(Rescale(), window))
    assert levels == sorted(levels)


@settings(deadline=None)
@given(values, st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_absurd_rescales_end_in_levels(stored: list[int], slope: float, intercept: float) -> None:
    greys = Greys(Rescale(slope, intercept), Window(0, 1e-300, "SIGMOID"))
    assert all(0 <= level <= 255 for level in toned(stored, greys))
    assert all(0 <= level <= 255 for level in toned(stored, Greys(Rescale(slope, intercept))))


def test_a_presentation_table_is_read_over_its_whole_length() -> None:
    negative = Table(0, np.array([255, 0]), 8)
    frame = Frame(np.array([[0, 1, 2, 3]], np.uint8), "MONOCHROME2", 2, False)
    assert shades(frame, Greys(presentation=negative)).tolist() == [[255, 255, 0, 0]]
