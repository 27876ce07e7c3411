"""Knows how a presentation state places an image and draws on it: area, turn, overlays, graphics, texts (PS3.3 C.10).

Must not know tones, colours, or encodings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from simulators.render import attributes, burn, geometry
from simulators.render.frames import Frames
from simulators.render.state import Area, State
from simulators.render.view import TooLarge, Viewport

Point = tuple[float, float]

_MOST_OBJECTS = 10_000
_CORNERS = 64  # of the polygon that stands for an ellipse
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


@dataclass(frozen=True)
class _Placed:
    """Where an area went: `size` in pixels before turning, `state` turns and mirrors it."""

    area: Area
    size: tuple[int, int]
    turned: int
    mirrored: bool

    @property
    def shown(self) -> tuple[int, int]:
        """Columns and rows after turning."""
        return self.size if self.turned % 180 == 0 else (self.size[1], self.size[0])

    def pixel(self, point: Point) -> Point:
        """The place of a point given in pixels of the image from its top left corner."""
        x = (point[0] - self.area.left) / (self.area.right - self.area.left)
        y = (point[1] - self.area.top) / (self.area.bottom - self.area.top)
        for _ in range(self.turned // 90):
            x, y = 1 - y, x
        return self.display((1 - x if self.mirrored else x, y))

    def display(self, point: Point) -> Point:
        """The place of a point given as fractions of what is shown."""
        far = 4.0 * geometry.MOST_SIDE
        x, y = point[0] * self.shown[0], point[1] * self.shown[1]
        return max(-far, min(far, x)), max(-far, min(far, y))


def presented(
    picture: Image.Image, state: State, frames: Frames, number: int, viewport: Viewport | None
) -> Image.Image:
    """The toned picture of a frame as the state shows it; TooLarge for an area of too many pixels."""
    area = state.area(frames.held.instance, number, *picture.size)
    width, height = area.right - area.left, area.bottom - area.top
    if state.turned % 180:
        size = _size(height, width, 1 / area.aspect, area.magnified, viewport)[::-1]
    else:
        size = _size(width, height, area.aspect, area.magnified, viewport)
    placed = _Placed(area, (size[0], size[1]), state.turned, state.mirrored)
    made = _place(_overlaid(picture, state, frames, number), placed)
    draw = ImageDraw.Draw(made)
    for item, level in state.annotations(frames.held.instance, number):
        _annotate(draw, item, placed, level)
    if area.magnified and viewport is not None:
        made = made.crop((0, 0, min(made.size[0], viewport.width), min(made.size[1], viewport.height)))
    return made


def _size(width: int, height: int, aspect: float, magnified: float, viewport: Viewport | None) -> tuple[int, int]:
    if magnified:
        made = (max(1, round(width * magnified)), max(1, round(height * magnified * aspect)))
    else:
        made = geometry.fitted(width, height, aspect, viewport)
    if max(made) > geometry.MOST_SIDE or made[0] * made[1] > geometry.MOST_PIXELS:
        raise TooLarge(f"the displayed area becomes {made[0]} x {made[1]} pixels, which is too many")
    return made


def _place(picture: Image.Image, placed: _Placed) -> Image.Image:
    """The area on black, the part of it that the picture covers scaled into its place, turned and mirrored."""
    area, size = placed.area, placed.size
    canvas = Image.new(picture.mode, size)
    across, down = size[0] / (area.right - area.left), size[1] / (area.bottom - area.top)
    left, top = max(area.left, 0), max(area.top, 0)
    right, bottom = min(area.right, picture.size[0]), min(area.bottom, picture.size[1])
    if right > left and bottom > top:
        x, y = round((left - area.left) * across), round((top - area.top) * down)
        part = (max(1, round((right - left) * across)), max(1, round((bottom - top) * down)))
        canvas.paste(geometry.resized(picture, part, (left, top, right, bottom)), (x, y))
    if placed.turned:
        canvas = canvas.transpose(_TURNS[placed.turned])
    return canvas.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if placed.mirrored else canvas


def _overlaid(picture: Image.Image, state: State, frames: Frames, number: int) -> Image.Image:
    """With the overlay planes of the image that the state switches on, in white (PS3.3 C.9.2)."""
    made = picture
    for group in state.overlays():
        mask = _plane(frames.dataset, group, number)
        if mask is not None:
            made = made.copy() if made is picture else made
            white = 255 if made.mode == "L" else (255, 255, 255)
            origin = frames.dataset.get((group, 0x0050), None)
            row, column = ([int(n) for n in origin.value] if origin is not None else [1, 1])[:2]
            made.paste(white, (column - 1, row - 1, column - 1 + mask.size[0], row - 1 + mask.size[1]), mask)
    return made


def _plane(dataset: Dataset, group: int, number: int) -> Image.Image | None:
    told = [dataset.get((group, element), None) for element in (0x0010, 0x0011, 0x3000)]
    if any(element is None or not element.value for element in told):
        return None
    rows, columns, data = int(told[0].value), int(told[1].value), told[2].value
    frames = int(dataset[group, 0x0015].value) if (group, 0x0015) in dataset else 1
    start = rows * columns * (number - 1 if frames > 1 else 0)
    if not isinstance(data, bytes) or rows < 1 or columns < 1 or 8 * len(data) < start + rows * columns:
        return None
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[start : start + rows * columns]
    return Image.fromarray((bits * 255).astype(np.uint8).reshape(rows, columns), "L")


def _annotate(draw: ImageDraw.ImageDraw, item: Dataset, placed: _Placed, level: int) -> None:
    for graphic in attributes.items(item, "GraphicObjectSequence")[:_MOST_OBJECTS]:
        units = attributes.word(graphic, "GraphicAnnotationUnits")
        flat = attributes.numbers(graphic, "GraphicData")[: 2 * _MOST_OBJECTS]
        points = [_at(placed, units, point) for point in zip(flat[::2], flat[1::2], strict=False)]
        outline = _outline(attributes.word(graphic, "GraphicType"), points)
        if outline:
            burn.line(draw, outline, level, filled=attributes.word(graphic, "GraphicFilled") == "Y")
    for text in attributes.items(item, "TextObjectSequence")[:_MOST_OBJECTS]:
        found = _corner(text, placed)
        lines = str(attributes.value(text, "UnformattedTextValue") or "")[:1000].splitlines()
        if found is not None and lines:
            burn.written(draw, found, lines, burn.font(placed.shown), level)


def _at(placed: _Placed, units: str, point: Point) -> Point:
    return placed.display(point) if units == "DISPLAY" else placed.pixel(point)


def _corner(text: Dataset, placed: _Placed) -> Point | None:
    """Where a text begins: at its box, or its anchor."""
    for keyword, units in (
        ("BoundingBoxTopLeftHandCorner", "BoundingBoxAnnotationUnits"),
        ("AnchorPoint", "AnchorPointAnnotationUnits"),
    ):
        found = attributes.numbers(text, keyword)
        if len(found) == 2:
            return _at(placed, attributes.word(text, units), (found[0], found[1]))
    return None


def _outline(kind: str, points: Sequence[Point]) -> list[Point]:
    """The corners of what a graphic object draws; [] for one that is incomplete (C.10.5.1.2)."""
    if kind == "CIRCLE" and len(points) == 2:
        (x, y), (on_x, on_y) = points
        radius = math.hypot(on_x - x, on_y - y)
        return _ellipse((x, y), (radius, 0), (0, radius))
    if kind == "ELLIPSE" and len(points) == 4:
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
        centre = ((ax + bx) / 2, (ay + by) / 2)
        return _ellipse(centre, ((bx - ax) / 2, (by - ay) / 2), ((dx - cx) / 2, (dy - cy) / 2))
    return list(points) if kind in ("POINT", "POLYLINE", "INTERPOLATED") else []


def _ellipse(centre: Point, major: Point, minor: Point) -> list[Point]:
    angles = [2 * math.pi * n / _CORNERS for n in range(_CORNERS + 1)]
    return [
        (
            centre[0] + major[0] * math.cos(a) + minor[0] * math.sin(a),
            centre[1] + major[1] * math.cos(a) + minor[1] * math.sin(a),
        )
        for a in angles
    ]
