"""Knows how pictures are shown in a report: what came, and for a pattern what was expected and where they differ.

They are decoded and coded anew here, small and within bounds: no octets of a product reach the browser.
Must not know verdicts, nor the page around them.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from harness.body import Body
from harness.exchange import Answer, Exchange
from harness.make.patterns_asked import Expected, content, expected
from harness.wire import images

MOST = 3  # pictures of one answer
PIXELS = 1 << 20  # of one picture; a larger one is not shown
OCTETS = 4 << 20  # the same for its octets
SIDE = 192  # pixels of the longer side of what is put into the page
GAIN = 4  # times that a difference is made brighter


@dataclass(frozen=True)
class Panel:
    """One picture in the page: `src` is a data: URI; `width` and `height` are those it is laid out with."""

    caption: str
    src: str
    width: int
    height: int


def pictures(x: Exchange) -> tuple[tuple[Panel, ...], ...]:
    """A row of panels for each of the first pictures of an answer, () when there is none that can be shown."""
    wanted = expected(x) if x.answer.ok else ()
    found = list(_came(x.answer)) if x.answer.ok else []
    if len(found) != len(wanted):
        wanted = ()
    return tuple(_row(one, wanted[n] if wanted else None) for n, one in enumerate(found[:MOST]))


def _came(answer: Answer) -> Iterator[images.Reading]:
    """The pictures in an answer that are small enough to be looked at, with at least one frame each."""
    for body in _bodies(answer)[:MOST]:
        reading = images.read(body) if body.size <= OCTETS else images.Reading()
        if reading.format and reading.width * reading.height * max(1, reading.frames) <= PIXELS and reading.pixels:
            yield reading


def _bodies(answer: Answer) -> list[Body]:
    if answer.type.startswith("multipart/"):
        return [part.content for part in answer.parts if part.media.type.startswith("image/")]
    return [answer.payload] if answer.type.startswith("image/") else []


def _row(came: images.Reading, wanted: Expected | None) -> tuple[Panel, ...]:
    """Expected, got and difference; what came alone where nobody knows what was expected."""
    pixels = came.pixels[0]
    frames = f", the first of {came.frames} frames" if came.frames > 1 else ""
    got = _panel(f"got: {came.width} by {came.height}{frames}", pixels)
    if wanted is None:
        return (got,)
    part = content(pixels, wanted, came.format)
    levels, sure = wanted.at(*part.shape[:2])
    meant = np.asarray(np.clip(np.rint(levels), 0, 255), dtype=np.uint8)
    size = "{:g} by {:g}".format(*wanted.size)
    label = f"expected: {size}, frame {wanted.frame}" if wanted.pattern.frames > 1 else f"expected: {size}"
    left = _panel(label, meant)
    return left, got, _panel(f"difference, {GAIN} times", _difference(part, meant, sure))


def _difference(got: images.Pixels, meant: images.Pixels, sure: npt.NDArray[np.bool_]) -> images.Pixels:
    """How far each pixel is from what was expected, black where nothing is said."""
    if got.ndim != meant.ndim:
        got, meant = (np.stack([a] * 3, axis=-1) if a.ndim == 2 else a for a in (got, meant))
    far = np.abs(got.astype(np.int64) - meant.astype(np.int64)) * GAIN
    far[~sure] = 0
    return np.asarray(np.clip(far, 0, 255), dtype=np.uint8)


def _panel(caption: str, pixels: images.Pixels) -> Panel:
    """Small pictures stay as they are and are laid out larger, large ones are made smaller."""
    image = Image.fromarray(pixels)
    width, height = image.size
    scale = SIDE / max(width, height)
    shown = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale < 1:
        image = image.resize(shown)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return Panel(caption, f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode('ascii')}", *shown)
