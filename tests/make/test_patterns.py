"""The patterns: numbers worked out by hand, an independent implementation, and distance from every known mistake."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut, apply_windowing

from harness.body import Body
from harness.make import patterns
from harness.make.patterns import PATTERNS, Pattern, Window
from harness.make.patterns_arithmetic import FUNCTIONS, Levels, Table, View, half_off, rgb_of, ybr_of
from harness.make.patterns_asked import Expected, decimal, distorted, likeness, view_of, window_of
from harness.make.uids import uid
from harness.wire import images, part10
from harness.wire.uri import valid_uid

STUDY = uid("tests", "patterns")
CASES = [
    (pattern, window, frame)
    for pattern in PATTERNS.values()
    for window in (*(() if pattern.open else (None,)), *pattern.windows)
    for frame in range(1, pattern.frames + 1)
]
NAMES = [f"{pattern.name} {window or ''} {frame}" for pattern, window, frame in CASES]


# --- by hand -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "levels"),
    [  # the examples of PS3.3 C.11.2.1.2.1, for an output range of 0 to 255
        (Window(2048, 4096), {-5: 0, 0: 0, 4095: 255, 4096: 255, 2047.5: 127.5, 819: 51}),
        (Window(2048, 1), {2047: 0, 2047.5: 0, 2048: 255}),
        (Window(0, 100), {-50: 0, 49: 255, 50: 255, -0.5: 127.5, -17: 85}),
        (Window(0, 1), {-1: 0, -0.5: 0, 0: 255}),
        # C.11.2.1.3.2: the range of stored values from 0 to 65535 as 0 to 1
        (Window(0.5, 1.0, "linear-exact"), {0: 0, 0.5: 127.5, 1: 255, 0.2: 51}),
        (Window(1000, 8, "linear-exact"), {996: 0, 1000: 127.5, 1002: 191.25, 1004: 255, 1005: 255}),
        # Equation C.11-1 with the exponents 0, 1 and -1
        (Window(10, 4, "sigmoid"), {10: 127.5, 11: 186.41994, 9: 68.58006}),
    ],
    ids=str,
)
def test_windows_by_hand(window: Window, levels: dict[float, float]) -> None:
    found = window(np.array(list(levels), dtype=np.float64))
    assert found == pytest.approx(list(levels.values()), abs=0.001)


def test_a_sigmoid_of_far_away_values_is_black_and_white() -> None:
    found = Window(0, 1, "sigmoid")(np.array([-1e9, 1e9]))
    assert found.tolist() == [pytest.approx(0), 255]


def test_tables_by_hand() -> None:
    table = Table(100, (10, 20, 30), bits=8)
    assert table.look_up(np.array([0.0, 99, 100, 101, 102, 103, 999])).tolist() == [10, 10, 10, 20, 30, 30, 30]
    assert Table(0, (0, 65535))(np.array([0.0, 1.0])).tolist() == [0, 255]


@pytest.mark.parametrize(
    ("rgb", "ybr"),
    [((255, 0, 0), (76, 85, 255)), ((0, 255, 0), (150, 44, 21)), ((255, 255, 255), (255, 128, 128)),
     ((0, 0, 0), (0, 128, 128)), ((128, 128, 128), (128, 128, 128))],
)  # fmt: skip
def test_ybr_by_hand(rgb: tuple[int, ...], ybr: tuple[int, ...]) -> None:
    assert ybr_of(np.array(rgb, dtype=np.float64)).tolist() == pytest.approx(ybr, abs=1)
    assert rgb_of(np.array(ybr)).tolist() == pytest.approx(rgb, abs=2)


# --- another implementation --------------------------------------------------------------------------------------


def _by_pydicom(pattern: Pattern, window: Window | None, frame: int) -> Levels:
    """What the functions of pydicom make of the stored instance, from 0 to 255."""
    ds = dcmread(io.BytesIO(patterns.instance(pattern.name, STUDY, "N").part10))
    array = ds.pixel_array
    array = array[frame - 1] if pattern.frames > 1 else array
    kind = ds.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        return np.asarray(apply_color_lut(array, ds) / 257.0)
    if ds.SamplesPerPixel == 3:  # YBR is RGB by now
        return np.asarray(array.astype(np.float64))
    x = apply_modality_lut(array, ds)
    if window is not None:
        ds.WindowCenter, ds.WindowWidth = window.center, window.width
        ds.VOILUTFunction = window.function.upper().replace("-", "_")
        ds.pop("VOILUTSequence", None)
        ds.BitsStored, ds.PixelRepresentation = 8, 0
        ds.pop("RescaleSlope", None)
        ds.pop("RescaleIntercept", None)
        ds.pop("ModalityLUTSequence", None)
        return np.asarray(apply_windowing(x.astype(np.float64), ds))
    levels = apply_voi_lut(x, ds).astype(np.float64)
    if "VOILUTSequence" in ds:
        levels = levels / 65535 * 255
    elif "WindowCenter" in ds:
        low, high = (
            (-(2 ** (pattern.bits - 1)), 2 ** (pattern.bits - 1) - 1) if pattern.signed else (0, 2**pattern.bits - 1)
        )
        slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
        low, high = low * slope + intercept, high * slope + intercept
        levels = (levels - low) / (high - low) * 255
    else:
        levels = levels / (2**pattern.bits - 1) * 255
    return 255 - levels if kind == "MONOCHROME1" else levels


@pytest.mark.parametrize(("pattern", "window", "frame"), CASES, ids=NAMES)
def test_pydicom_sees_the_same(pattern: Pattern, window: Window | None, frame: int) -> None:
    away = np.abs(_by_pydicom(pattern, window, frame) - pattern.levels(frame, window))
    assert (float(away.mean()) if pattern.lossy else away.max()) <= (5 if pattern.lossy else 1.5)


# --- the instances -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PATTERNS)
def test_an_instance_is_a_sound_file_that_says_what_it_is(name: str) -> None:
    sample = patterns.instance(name, STUDY, "N")
    reading = part10.read(Body.of(sample.part10))
    assert reading.flaws.kept == []
    assert patterns.name_of(sample.study, sample.instance) == name
    assert all(valid_uid(u) for u in (sample.study, sample.series, sample.instance))
    assert patterns.PATIENT in reading.dataset.text("00100010")
    assert (int(reading.dataset.number("00280010") or 0), int(reading.dataset.number("00280011") or 0)) == PATTERNS[
        name
    ].shape


def test_names_of_what_was_not_made_here() -> None:
    assert patterns.name_of(STUDY, "1.2.3") == ""
    assert patterns.name_of("", "") == ""
    text = patterns.text(STUDY, "N", "words", patterns.instance("grey", STUDY, "N"))
    assert patterns.name_of(text.study, text.instance) == "text"


def test_two_runs_share_no_instance() -> None:
    one, other = (patterns.instance("grey", uid(n), n).instance for n in ("A", "B"))
    assert one != other


# --- what is near and what is far --------------------------------------------------------------------------------


def _picture(levels: Levels, format: str, **options: Any) -> images.Reading:
    out = io.BytesIO()
    Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8)).save(out, format, **options)
    return images.read(Body.of(out.getvalue()))


CODINGS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}), ("GIF", {}), ("JPEG", {"quality": 95}), ("JPEG", {"quality": 75}), ("JPEG", {"quality": 50}),
    ("JPEG2000", {"irreversible": False}),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "window", "frame"), CASES, ids=NAMES)
def test_the_right_picture_is_near_in_every_coding(pattern: Pattern, window: Window | None, frame: int) -> None:
    wanted = Expected(pattern, frame, pattern.levels(frame, window))
    for format, options in CODINGS:
        if format == "JPEG2000" and min(pattern.shape) < 32:
            continue
        came = _picture(wanted.levels, format, **options)
        assert likeness(came.pixels[0], wanted, came.format).near, f"{format} {options}"


@pytest.mark.parametrize(("pattern", "window", "frame"), CASES, ids=NAMES)
def test_every_mistake_is_far(pattern: Pattern, window: Window | None, frame: int) -> None:
    wanted = Expected(pattern, frame, pattern.levels(frame, window))
    for name in pattern.mistakes:
        levels = patterns.mistaken(pattern.name, name, frame, window)
        same = levels.shape == wanted.levels.shape and np.abs(levels - wanted.levels).max() < 5
        if same:
            continue  # with this window the mistake makes no difference
        came = _picture(levels, "PNG")
        assert not likeness(came.pixels[0], wanted, came.format).near, name


@pytest.mark.parametrize("name", [n for n, p in PATTERNS.items() if p.mistakes])
def test_every_mistake_is_far_in_jpeg_for_some_window(name: str) -> None:
    pattern = PATTERNS[name]
    for mistake in pattern.mistakes:
        seen = []
        for window in (*(() if pattern.open else (None,)), *pattern.windows):
            frame = pattern.frames
            wanted = Expected(pattern, frame, pattern.levels(frame, window))
            came = _picture(patterns.mistaken(name, mistake, frame, window), "JPEG", quality=75)
            seen.append(likeness(came.pixels[0], wanted, "jpeg").near)
        assert not all(seen) or (name, mistake) == ("odd-bits", "skewed"), mistake  # 13 by 7 is little for a JPEG


def test_another_grey_scale_is_told_from_another_picture() -> None:
    pattern = PATTERNS["grey"]
    wanted = Expected(pattern, 1, pattern.levels())
    gamma = (wanted.levels / 255) ** 0.6 * 255
    assert likeness(_picture(gamma, "PNG").pixels[0], wanted, "png").rising
    assert not likeness(_picture(255 - wanted.levels, "PNG").pixels[0], wanted, "png").rising
    assert not likeness(_picture(wanted.levels[::-1], "PNG").pixels[0], wanted, "png").rising
    assert not likeness(_picture(wanted.levels * 0.5, "PNG").pixels[0], wanted, "png").rising


# --- viewports ---------------------------------------------------------------------------------------------------

VALUES = ["32,32", "128,128", "100,30", "30,100", "32,24,32,24,32,24", "64,48,,,32,24", "32,32,16,12,32,24",
          "64,64,0,24", "64,48,,,-64,48", "64,48,0,0,-64,-48", "40,40,0,0,64,48", "97,53"]  # fmt: skip
FILTERS = [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS,
           Image.Resampling.BOX]  # fmt: skip


def _viewed(value: str, filter: Image.Resampling, scale: float = 1.0) -> tuple[Expected, Image.Image]:
    """A view as Pillow makes it: cut, turned, resized."""
    view = view_of(value)
    assert view is not None
    wanted = Expected(PATTERNS["quadrants"], 1, PATTERNS["quadrants"].levels(), view)
    left, top, w, h = view.region(48, 64)
    image = Image.fromarray(wanted.levels.astype(np.uint8)).crop((int(left), int(top), int(left + w), int(top + h)))
    for turned, how in zip(view.flips, (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM), strict=True):
        image = image.transpose(how) if turned else image
    wide, high = (max(1, round(n * scale)) for n in wanted.size)
    return wanted, image.resize((wide, high), filter)


@pytest.mark.parametrize("filter", FILTERS, ids=lambda f: f.name)
@pytest.mark.parametrize("value", VALUES)
def test_any_interpolation_will_do(value: str, filter: Image.Resampling) -> None:
    wanted, image = _viewed(value, filter)
    assert wanted.fits(*image.size)
    for format, options in CODINGS[:4]:
        out = io.BytesIO()
        image.save(out, format, **options)
        came = images.read(Body.of(out.getvalue()))
        assert likeness(came.pixels[0], wanted, came.format).near, format


@pytest.mark.parametrize("ground", [0, 255])
@pytest.mark.parametrize("place", ["middle", "first", "last"])
@pytest.mark.parametrize("value", ["32,32", "100,30", "30,100", "32,32,16,12,32,24"])
def test_content_may_lie_within_the_viewport(value: str, place: str, ground: int) -> None:
    wanted, image = _viewed(value, Image.Resampling.BILINEAR)
    assert wanted.view is not None
    whole = Image.new("L", (wanted.view.width, wanted.view.height), ground)
    free = (whole.width - image.width, whole.height - image.height)
    left, top = {"middle": (free[0] // 2, free[1] // 2), "first": (0, 0), "last": free}[place]
    whole.paste(image, (left, top))
    pixels = np.asarray(whole)
    assert wanted.fits(*whole.size)
    assert likeness(pixels, wanted, "png").near
    assert not distorted(pixels, wanted, "png")


@pytest.mark.parametrize("value", ["32,32", "100,30", "30,100", "128,128"])
def test_content_that_is_drawn_out_is_told(value: str) -> None:
    wanted, _ = _viewed(value, Image.Resampling.NEAREST)
    assert wanted.view is not None
    drawn = Image.fromarray(wanted.levels.astype(np.uint8)).resize((wanted.view.width, wanted.view.height), 0)
    assert distorted(np.asarray(drawn), wanted, "png")


@pytest.mark.parametrize(("value", "other"), [
    ("32,24,32,24,32,24", "32,24,0,0,32,24"), ("32,24,32,24,32,24", "32,24"), ("64,48,0,0,-64,48", "64,48"),
    ("64,48,0,0,-64,48", "64,48,0,0,64,-48"), ("32,32,16,12,32,24", "32,32"),
])  # fmt: skip
def test_another_region_is_far(value: str, other: str) -> None:
    wanted, _ = _viewed(value, Image.Resampling.NEAREST)
    _, image = _viewed(other, Image.Resampling.NEAREST)
    for format, options in CODINGS[:4]:
        out = io.BytesIO()
        image.save(out, format, **options)
        came = images.read(Body.of(out.getvalue()))
        assert not likeness(came.pixels[0], wanted, came.format).near, format


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 4000))
def test_a_view_touches_its_viewport_and_keeps_its_shape(vw: int, vh: int, rows: int, columns: int) -> None:
    wide, high = View(vw, vh).size(rows, columns)
    assert max(wide / vw, high / vh) == pytest.approx(1)
    assert wide <= vw + 1e-6
    assert high <= vh + 1e-6
    assert wide * rows == pytest.approx(high * columns)


@given(st.text("0123456789,.-+eENa ", max_size=24))
def test_parameters_are_read_whatever_they_are(value: str) -> None:
    window_of(value)
    view_of(value)
    decimal(value)


@given(st.floats(-1e6, 1e6), st.floats(1, 1e6), st.sampled_from(sorted(FUNCTIONS)))
def test_windows_rise_from_black_to_white(center: float, width: float, function: str) -> None:
    assume(width + abs(center) < 1e6)
    x = np.linspace(center - 2 * width - 2, center + 2 * width + 2, 101)
    levels = Window(center, width, function)(x)
    assert (np.diff(levels) >= -1e-6).all()
    assert levels.min() >= 0
    assert levels.max() <= 255
    assert np.isfinite(half_off(x, center, width)).all()
