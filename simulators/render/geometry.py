"""Knows sizes: which part of a picture a viewport shows and how large it becomes (PS3.18 8.3.5.1.3).

Must not know what the picture shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image
from pydicom.dataset import Dataset

from simulators.render import attributes
from simulators.render.view import BadView, Viewport

# Pixels of a view, and pixels in one direction, that are taken on.
MOST_PIXELS = 1 << 25
MOST_SIDE = 1 << 14
_ASPECTS = (0.01, 100.0)


@dataclass(frozen=True)
class Region:
    """A part of a picture in pixels from its top left corner, and whether it is mirrored."""

    left: float
    top: float
    width: float
    height: float
    mirrored: bool = False
    upside_down: bool = False


def allow(viewport: Viewport) -> None:
    """BadView for a viewport that is not supported."""
    if viewport.width < 1 or viewport.height < 1:
        raise BadView("viewport", "The width and height of a viewport are positive.")
    too_wide = max(viewport.width, viewport.height) > MOST_SIDE
    if too_wide or viewport.width * viewport.height > MOST_PIXELS:
        most = f"{MOST_SIDE} pixels in one direction and {MOST_PIXELS} in all"
        raise BadView("viewport", f"A viewport of {viewport.width} x {viewport.height} is beyond {most}.")


def region(viewport: Viewport | None, columns: int, rows: int) -> Region:
    """The part of a picture of this size that is shown; BadView when nothing of the picture is in it."""
    if viewport is None or viewport.source is None:
        return Region(0, 0, columns, rows)
    x, y, width, height = viewport.source
    left, top = abs(x), abs(y)
    right, bottom = min(left + abs(width), columns), min(top + abs(height), rows)
    if not all(map(math.isfinite, viewport.source)) or right <= left or bottom <= top:
        raise BadView("viewport", f"The source region lies outside of the {columns} x {rows} pixels of the image.")
    return Region(left, top, right - left, bottom - top, width < 0, height < 0)


def fitted(width: float, height: float, aspect: float, viewport: Viewport | None) -> tuple[int, int]:
    """Columns and rows that a part of this size gets: as large as fits the viewport, its own size without one.

    `aspect` is the height of a pixel by its width, which counts only where something is scaled.
    """
    if viewport is None:
        return max(1, round(width)), max(1, round(height))
    scale = min(viewport.width / width, viewport.height / (height * aspect))
    made = round(width * scale), round(height * aspect * scale)
    return max(1, min(made[0], viewport.width)), max(1, min(made[1], viewport.height))


def shown(picture: Image.Image, viewport: Viewport | None, aspect: float = 1.0) -> Image.Image:
    """What the viewport shows of the picture; BadView when that is nothing."""
    if viewport is None:
        return picture
    allow(viewport)
    part = region(viewport, *picture.size)
    size = fitted(part.width, part.height, aspect, viewport)
    box = (part.left, part.top, part.left + part.width, part.top + part.height)
    made = resized(picture, size, box)
    if part.mirrored:
        made = made.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return made.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if part.upside_down else made


def resized(picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """The box of the picture brought to a size."""
    if size == (box[2] - box[0], box[3] - box[1]) and all(side == int(side) for side in box):
        return picture.crop((int(box[0]), int(box[1]), int(box[2]), int(box[3])))
    return picture.resize(size, Image.Resampling.BILINEAR, box)


def aspect(dataset: Dataset) -> float:
    """The height of a pixel by its width, 1 when nobody tells (PS3.3 C.7.6.3.1.7)."""
    measures = attributes.macro(dataset, 1, "PixelMeasuresSequence")
    for place, keyword in (
        (dataset, "PixelAspectRatio"),
        (measures, "PixelSpacing"),
        (dataset, "PixelSpacing"),
        (dataset, "ImagerPixelSpacing"),
    ):
        found = attributes.numbers(place, keyword) if place is not None else ()
        if len(found) == 2 and min(found) > 0:
            return min(max(found[0] / found[1], _ASPECTS[0]), _ASPECTS[1])
    return 1.0
