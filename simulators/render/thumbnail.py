"""Knows small pictures that stand for something: of a frame, or of what has no pictures (PS3.18 10.4.3.3.4).

Must not know what they stand for, nor which frame is chosen.
"""

from __future__ import annotations

from PIL import Image, ImageDraw

from simulators.archive.held import Held
from simulators.render import attributes, burn, colour, encode, geometry, grey
from simulators.render.frames import Frame, Frames
from simulators.render.render import rendered
from simulators.render.view import Unrenderable, View, Viewport, Window

SIDE = 128  # pixels of the longer side where nobody asks for another size


def thumbnail(held: Held, number: int, type: str, viewport: Viewport | None = None) -> bytes:
    """The frame, counted from 1, never larger than stored unless a viewport asks for it.

    An image without a window of its own is shown from its lowest to its highest value. Unrenderable when it cannot
    be decoded, and for an image that says that it may have the patient's name in its pixels.
    """
    dataset = attributes.attributes(held)
    if attributes.word(dataset, "BurnedInAnnotation") == "YES":
        raise Unrenderable("a thumbnail may not tell who the patient is, and the pixels may")
    small = max(attributes.whole(dataset, "Rows"), attributes.whole(dataset, "Columns")) <= SIDE
    size = viewport or (None if small else Viewport(SIDE, SIDE))
    return rendered(held, type, View(viewport=size, window=_whole_range(held, number)), [number])


def _whole_range(held: Held, number: int) -> Window | None:
    """A window over what a grey frame without one holds."""
    frames = Frames(held)
    frame = frames.frame(number)
    if colour.coloured(frame):
        return None
    steps = grey.of_image(frames.dataset, number, frame.interpretation, frame.signed)
    if steps.voi is not None:
        return None
    padding = grey.padding(frames.dataset, frame.signed, frame.stored)
    return _spanning(frame, steps, padding)


def _spanning(frame: Frame, steps: grey.Greys, padding: tuple[float, float] | None) -> Window | None:
    low, high = grey.extent(frame, steps, padding)
    return Window((low + high) / 2, high - low, "LINEAR_EXACT") if high > low else None


def plate(word: str, type: str, viewport: Viewport | None = None) -> bytes:
    """A word on grey, for what has no picture that could be shown."""
    if viewport is not None:
        geometry.allow(viewport)
    side = min(viewport.width, viewport.height) if viewport is not None else SIDE
    made = Image.new("L", (side, side), 64)
    font = burn.font((side * 4, side * 4))
    draw = ImageDraw.Draw(made)
    left, top, right, bottom = draw.textbbox((0, 0), word[:16], font)
    draw.text(((side - right + left) // 2, (side - bottom + top) // 2), word[:16], 255, font)
    return encode.encoded(made, type)
