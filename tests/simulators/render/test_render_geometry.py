"""Viewports: sizes, regions and flips (PS3.18 8.3.5.1.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from simulators.render import geometry
from simulators.render.view import BadView, View, Viewport
from tests.simulators.render.pictures import grey, seen

sides = st.integers(1, 60)
Box = tuple[float, float, float, float]


def numbered(columns: int, rows: int) -> Image.Image:
    return Image.fromarray((np.arange(rows * columns) % 251).astype(np.uint8).reshape(rows, columns))


@settings(deadline=None)
@given(sides, sides, sides, sides)
def test_as_large_as_fits_and_not_distorted(columns: int, rows: int, width: int, height: int) -> None:
    made = geometry.shown(numbered(columns, rows), Viewport(width, height))
    assert made.size[0] <= width
    assert made.size[1] <= height
    assert made.size[0] == width or made.size[1] == height
    scale = min(width / columns, height / rows)
    assert abs(made.size[0] - columns * scale) < 1
    assert abs(made.size[1] - rows * scale) < 1


@settings(deadline=None)
@given(sides, sides)
def test_without_a_viewport_nothing_changes(columns: int, rows: int) -> None:
    picture = numbered(columns, rows)
    assert geometry.shown(picture, None, aspect=2.0) is picture


@settings(deadline=None)
@given(sides, sides, st.data())
def test_a_region_of_whole_pixels_in_its_size_is_a_cut(columns: int, rows: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1))
    width, height = data.draw(st.integers(1, columns - x)), data.draw(st.integers(1, rows - y))
    picture = numbered(columns, rows)
    pixels = np.asarray(picture)[y : y + height, x : x + width]
    for source, want in (
        ((x, y, width, height), pixels),
        ((-x, -y, -width, height), pixels[:, ::-1]),
        ((x, y, width, -height), pixels[::-1]),
        ((x, y, -width, -height), pixels[::-1, ::-1]),
    ):
        found = np.asarray(geometry.shown(picture, Viewport(width, height, source)))
        assert (found == want).all()


@settings(deadline=None)
@given(sides, sides, sides, sides)
def test_mirroring_twice_is_nothing(columns: int, rows: int, width: int, height: int) -> None:
    whole = (0.0, 0.0, float(columns), float(rows))
    across = (0.0, 0.0, -float(columns), -float(rows))
    once = geometry.shown(numbered(columns, rows), Viewport(width, height, across))
    twice = np.asarray(once)[::-1, ::-1]
    straight = np.asarray(geometry.shown(numbered(columns, rows), Viewport(width, height, whole)))
    assert (twice == straight).all()


@pytest.mark.parametrize(
    "source", [(10, 0, 5, 5), (0, 10, 5, 5), (0, 0, 0, 5), (0, 0, float("nan"), 5), (1e300, 0, 1, 1)]
)
def test_a_region_without_a_pixel_is_refused(source: Box) -> None:
    with pytest.raises(BadView):
        geometry.shown(numbered(10, 10), Viewport(5, 5, source))


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (1 << 20, 1), (10**9, 10**9), (16384, 16384)])
def test_sizes_beyond_all_bounds_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadView):
        geometry.shown(numbered(10, 10), Viewport(*size))


def test_pixels_that_are_not_square_become_so_where_something_is_scaled(hold: Any) -> None:
    held = hold(grey([[0, 255]] * 4, PixelAspectRatio=["1", "2"]))  # twice as wide as high
    assert seen(held).shape == (4, 2)
    assert seen(held, View(viewport=Viewport(40, 40))).shape == (40, 40)


@settings(deadline=None)
@given(st.tuples(*[st.floats(-1e6, 1e6, allow_nan=False)] * 4), sides, sides)
def test_any_region_is_shown_or_refused(source: Box, columns: int, rows: int) -> None:
    assume(abs(source[2]) > 1e-9 and abs(source[3]) > 1e-9)
    try:
        made = geometry.shown(numbered(columns, rows), Viewport(20, 30, source))
    except BadView:
        return
    assert made.size[0] <= 20
    assert made.size[1] <= 30
