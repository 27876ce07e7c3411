"""Knows softcopy presentation states: what they refer to and what they say about an image (PS3.3 A.33, PS3.4 N.2).

Must not know how pictures are drawn or sized.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from simulators.archive.held import Held
from simulators.render import attributes, colour, grey, profile
from simulators.render.grey import Greys, Octets
from simulators.render.tables import Table, table
from simulators.render.view import Unrenderable, Window

GREY = "1.2.840.10008.5.1.4.1.1.11.1"
COLOUR = "1.2.840.10008.5.1.4.1.1.11.2"
PSEUDO = "1.2.840.10008.5.1.4.1.1.11.3"
SUPPORTED = frozenset((GREY, COLOUR, PSEUDO))
# Blending, advanced blending and volumetric states are presentation states too, which are not carried out here.
_FAMILY = "1.2.840.10008.5.1.4.1.1.11."

MOST_REFERENCES = 10_000
_FAR = 1 << 24  # pixels; corners of an area that lie further out are taken to lie there


@dataclass(frozen=True)
class Reference:
    """An image that a state refers to; `frames` () for all, `instance` '' for all images of the series."""

    series: str
    instance: str
    frames: tuple[int, ...] = ()


@dataclass(frozen=True)
class Area:
    """What of an image is shown, in pixels from its top left corner; it may reach beyond (PS3.3 C.10.4).

    `magnified` is the factor of MAGNIFY, 0 for the other modes; `aspect` the height of a pixel by its width.
    """

    left: int
    top: int
    right: int
    bottom: int
    magnified: float = 0.0
    aspect: float = 1.0


def is_state(held: Held) -> bool:
    """The instance is a presentation state of any kind."""
    return held.sop_class.startswith(_FAMILY)


class State:
    """A presentation state; Unrenderable for one of a kind, or with a step, that is not carried out."""

    def __init__(self, held: Held) -> None:
        if held.sop_class not in SUPPORTED:
            raise Unrenderable(f"presentation states of the class {held.sop_class} are not carried out")
        self.held = held
        self.dataset = attributes.attributes(held)
        # what would have to be hidden or taken away is not shown as if nothing had been said
        if attributes.items(self.dataset, "MaskSubtractionSequence") or "BITMAP" in _shutters(self.dataset):
            raise Unrenderable("masks and bitmap shutters of presentation states are not carried out")

    def references(self) -> tuple[Reference, ...]:
        """The images in the order in which the state names them, no more than MOST_REFERENCES."""
        found: list[Reference] = []
        for series in attributes.items(self.dataset, "ReferencedSeriesSequence"):
            uid = attributes.word(series, "SeriesInstanceUID")
            images = attributes.items(series, "ReferencedImageSequence")
            found += [Reference(uid, *_image(image)) for image in images] or [Reference(uid, "")]
        return tuple(found[:MOST_REFERENCES])

    def greys(self, instance: str, frame: int, signed: bool) -> Greys:
        """The grayscale steps: those of the state alone, whatever the image says of itself (PS3.4 N.2.1)."""
        inverse = attributes.word(self.dataset, "PresentationLUTShape") == "INVERSE"
        return Greys(
            grey.modality(self.dataset, None, signed), self._voi(instance, frame, signed), self._luminance(), inverse
        )

    def _voi(self, instance: str, frame: int, signed: bool) -> Window | Table | None:
        for item in self._items("SoftcopyVOILUTSequence", instance, frame):
            return grey.voi(item, None, signed)
        return None

    def _luminance(self) -> Table | None:
        for item in attributes.items(self.dataset, "PresentationLUTSequence")[:1]:
            return table(item, "LUTDescriptor", "LUTData", signed=False)
        return None

    def painted(self, shades: Octets) -> Octets | None:
        """The shades in the colours of a pseudo-colour state; None for other states (PS3.4 N.2.3)."""
        tables = colour.palette(self.dataset, signed=False) if self.held.sop_class == PSEUDO else None
        if tables is None:
            return None
        last = len(tables[0].entries) - 1
        every = colour.paint(np.arange(256, dtype=np.float64) / 255 * last + tables[0].first, tables)
        return np.asarray(every[shades], np.uint8)

    def area(self, instance: str, frame: int, columns: int, rows: int) -> Area:
        """The displayed area for an image of this size, all of it when the state has none for it."""
        for item in self._items("DisplayedAreaSelectionSequence", instance, frame):
            corners = (
                *attributes.numbers(item, "DisplayedAreaTopLeftHandCorner")[:2],
                *attributes.numbers(item, "DisplayedAreaBottomRightHandCorner")[:2],
            )
            if len(corners) == 4:
                return _area(item, [int(max(-_FAR, min(_FAR, corner))) for corner in corners])
        return Area(0, 0, columns, rows)

    @property
    def turned(self) -> int:
        """Degrees clockwise, one of 0, 90, 180 and 270, before any mirroring (C.10.6)."""
        return attributes.whole(self.dataset, "ImageRotation") % 360 // 90 * 90

    @property
    def mirrored(self) -> bool:
        """Left and right are exchanged after turning (C.10.6)."""
        return attributes.word(self.dataset, "ImageHorizontalFlip") == "Y"

    @property
    def icc(self) -> bytes:
        """The profile of the ICC Profile module, b'' without one."""
        return profile.of_instance(self.dataset)

    def annotations(self, instance: str, frame: int) -> Iterator[tuple[Dataset, int]]:
        """The items of Graphic Annotation Sequence for the image, with the brightness of their layers (C.10.5)."""
        levels = {}
        for layer in attributes.items(self.dataset, "GraphicLayerSequence"):
            level = attributes.whole(layer, "GraphicLayerRecommendedDisplayGrayscaleValue", 65535)
            levels[attributes.word(layer, "GraphicLayer")] = min(max(level >> 8, 0), 255)
        for item in self._items("GraphicAnnotationSequence", instance, frame):
            yield item, levels.get(attributes.word(item, "GraphicLayer"), 255)

    def overlays(self) -> tuple[int, ...]:
        """The groups of the overlay planes that the state switches on (C.11.7)."""
        groups = range(0x6000, 0x6020, 2)
        return tuple(group for group in groups if str(self.dataset.get((group, 0x1001), None) or "").strip(" :"))

    def _items(self, keyword: str, instance: str, frame: int) -> Iterator[Dataset]:
        """The items that apply to the frame: those that name it, and those that name nothing."""
        for item in attributes.items(self.dataset, keyword):
            named = [_image(image) for image in attributes.items(item, "ReferencedImageSequence")]
            if not named or any(uid == instance and (not frames or frame in frames) for uid, frames in named):
                yield item


def _image(item: Dataset) -> tuple[str, tuple[int, ...]]:
    frames = attributes.numbers(item, "ReferencedFrameNumber")
    return attributes.word(item, "ReferencedSOPInstanceUID"), tuple(int(frame) for frame in frames)


def _area(item: Dataset, corners: list[int]) -> Area:
    # Corners are named as they appear after turning, in coordinates from before it, counted from 1.
    left, right = sorted((corners[0], corners[2]))
    top, bottom = sorted((corners[1], corners[3]))
    magnified = 0.0
    if attributes.word(item, "PresentationSizeMode") == "MAGNIFY":
        magnified = max(attributes.number(item, "PresentationPixelMagnificationRatio") or 1.0, 0.0) or 1.0
    for keyword in ("PresentationPixelSpacing", "PresentationPixelAspectRatio"):
        sides = attributes.numbers(item, keyword)
        if len(sides) == 2 and min(sides) > 0:
            return Area(left - 1, top - 1, right, bottom, magnified, min(max(sides[0] / sides[1], 0.01), 100.0))
    return Area(left - 1, top - 1, right, bottom, magnified)


def shutter(dataset: Dataset, columns: int, rows: int) -> tuple[Image.Image, int] | None:
    """The part of an image that stays open, as a mask, and the level of the rest; None without a shutter (C.7.6.11)."""
    made: Image.Image | None = None
    for shape in _shutters(dataset):
        opened = _opening(dataset, shape, columns, rows)
        if opened is not None:
            made = opened if made is None else Image.composite(opened, Image.new("L", (columns, rows)), made)
    level = attributes.whole(dataset, "ShutterPresentationValue") >> 8
    return None if made is None else (made, min(max(level, 0), 255))


def _shutters(dataset: Dataset) -> list[str]:
    """The shapes of the shutter, three at the most."""
    shapes = attributes.value(dataset, "ShutterShape")
    return [shapes] if isinstance(shapes, str) else [str(shape) for shape in list(shapes or ())[:3]]


def _opening(dataset: Dataset, shape: str, columns: int, rows: int) -> Image.Image | None:
    mask = Image.new("L", (columns, rows))
    draw = ImageDraw.Draw(mask)
    if shape == "RECTANGULAR":
        names = ("LeftVertical", "UpperHorizontal", "RightVertical", "LowerHorizontal")
        edges = [attributes.number(dataset, f"Shutter{name}Edge") for name in names]
        found = [max(-_FAR, min(_FAR, edge)) for edge in edges if edge is not None]
        if len(found) < 4:
            return None
        left, top, right, bottom = (edge - 1 for edge in found)
        if right >= left and bottom >= top:
            draw.rectangle((left, top, right, bottom), 255)
    elif shape == "CIRCULAR":
        centre, radius = (
            attributes.numbers(dataset, "CenterOfCircularShutter"),
            attributes.number(dataset, "RadiusOfCircularShutter"),
        )
        if len(centre) != 2 or not radius or radius < 0 or max(map(abs, (*centre, radius))) > _FAR:
            return None
        y, x = centre[0] - 1, centre[1] - 1
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    elif shape == "POLYGONAL":
        flat = attributes.numbers(dataset, "VerticesOfThePolygonalShutter")
        if len(flat) < 6 or max(map(abs, flat)) > _FAR:
            return None
        draw.polygon([(x - 1, y - 1) for y, x in zip(flat[::2], flat[1::2], strict=False)], 255)
    else:
        return None
    return mask
