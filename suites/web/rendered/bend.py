"""Knows how mutants of renderings break an answer: pictures drawn anew, coded otherwise, parts taken out.

Must not know which rule is to catch it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from harness.exchange import Answer, Exchange
from harness.make.patterns import PATTERNS, mistaken
from harness.make.patterns_arithmetic import Levels
from harness.make.patterns_asked import expected, window_of
from suites.model.altered import reframed
from suites.web.rendered.reading import Shown, named, shown

_FORMATS = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF", "jp2": "JPEG2000"}
Draw = Callable[[Levels], Levels]


def coded(levels: Levels, format: str, **options: Any) -> bytes:
    """A picture in this format; JPEG as well as it can be."""
    out = io.BytesIO()
    pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    best = {"quality": 95, "subsampling": 0} if format == "jpeg" else {}
    Image.fromarray(pixels).save(out, _FORMATS[format], **{**best, **options})
    return out.getvalue()


def redrawn(x: Exchange, draw: Draw) -> Answer | None:
    """The answer with every still picture drawn anew from its own pixels; None when nothing changed."""

    def change(one: Shown) -> bytes | None:
        frames = one.picture.pixels if one.picture.frames == 1 else ()
        return coded(draw(frames[0].astype(np.float64)), one.picture.format) if frames else None

    return changed(x, change)


def changed(x: Exchange, change: Callable[[Shown], bytes | None]) -> Answer | None:
    """The answer with the octets of each representation changed, None for those that stay."""
    found = [(one, change(one)) for one in shown(x)]
    if all(octets is None for _, octets in found):
        return None
    if x.answer.multipart is None:
        return x.answer.but(body=found[0][1])
    contents = [one.content.bytes() if octets is None else octets for one, octets in found]
    return reframed(x.answer, [(p.fields, c) for p, c in zip(x.answer.parts, contents, strict=True)])


def mistakes(x: Exchange, wanted: Sequence[str], mistake: str) -> Answer | None:
    """The answer as a program gives it that makes this mistake with one of these patterns."""
    name = named(x)
    right = expected(x)
    if name not in wanted or mistake not in PATTERNS[name].mistakes or not right or right[0].view is not None:
        return None
    window = window_of(x.ask.query.get("window"))
    frames = iter(right)

    def change(one: Shown) -> bytes | None:
        frame = next(frames, None)
        if frame is None or not one.picture.format or one.picture.frames != 1:
            return None
        return coded(mistaken(name, mistake, frame.frame, window), one.picture.format)

    return changed(x, change)
