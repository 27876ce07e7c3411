"""Rules on the viewport parameter (PS3.18 8.3.5.1.3): size and shape, the region of the source, flips.

Must not know the other parameters; what is ill-formed is judged in `parameters`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.exchange import Answer, Exchange
from harness.make.patterns_arithmetic import Levels, View
from harness.make.patterns_asked import Expected, distorted, expected
from harness.rule import Finding, rule
from suites.web.rendered.bend import redrawn
from suites.web.rendered.ground import SHOWS
from suites.web.rendered.pixels import alike, pairs
from suites.web.rendered.reading import RENDERED, drawn, pictures, sure


def _viewed(x: Exchange) -> tuple[Expected, View] | None:
    """The view that was asked for of one frame, and of nothing else."""
    keys = {p.name for p in x.ask.query.parameters} - {"accept"}
    wanted = expected(x) if keys == {"viewport"} and drawn(x) else ()
    return (wanted[0], wanted[0].view) if len(wanted) == 1 and wanted[0].view else None


def _cropped(view: View) -> bool:
    return bool(view.x or view.y) or view.w is not None or view.h is not None


def _region(x: Exchange) -> bool:
    found = _viewed(x)
    return found is not None and _cropped(found[1]) and not any(found[1].flips) and bool(pairs(x))


def _flipped(x: Exchange) -> bool:
    found = _viewed(x)
    return found is not None and any(found[1].flips) and bool(pairs(x))


@rule(
    "rendered.viewport-size",
    cites="PS3.18 8.3.5.1.3",
    verifies=("PS3.18-8.3.5.1.3-2", "PS3.18-8.3.5.1.3-5", "PS3.18-10.4.1.2-1"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: _viewed(x) is not None and sure(x),
    says="What is shown is as large as fits into the viewport, and has the shape of the region it shows.",
)
def viewport_size(x: Exchange) -> Iterator[Finding]:
    found = _viewed(x)
    assert found is not None
    wanted, view = found
    for one in pictures(x):
        width, height = one.picture.width, one.picture.height
        if not wanted.fits(width, height) or width > view.width or height > view.height:
            want = "{:g} by {:g}".format(*wanted.size)
            yield Finding(f"{width} by {height}", f"{want} in a viewport of {view.width} by {view.height}", one.where)
        elif one.picture.pixels and distorted(one.picture.pixels[0], wanted, one.picture.format):
            want = "{:g} by {:g}, or the same within the viewport".format(*wanted.size)
            yield Finding(f"content drawn out to {width} by {height}", want, one.where)


def _to(levels: Levels, width: int, height: int) -> Levels:
    """The nearest pixel of the levels for each one of another size."""
    rows, columns = levels.shape[:2]
    down, across = np.arange(height) * rows // height, np.arange(width) * columns // width
    picked: Levels = levels[down[:, None], across[None, :]]
    return picked


@viewport_size.mutant
def fills_the_viewport(x: Exchange) -> Answer | None:
    """The shape is not kept: the picture fills the whole viewport."""
    found = _viewed(x)
    return redrawn(x, lambda levels: _to(levels, found[1].width, found[1].height)) if found else None


@viewport_size.mutant
def never_enlarges(x: Exchange) -> Answer | None:
    """Nothing becomes larger than it is in the image."""
    found = _viewed(x)
    if not found:
        return None
    rows, columns = found[0].pattern.shape
    return redrawn(x, lambda levels: _to(levels, min(columns, levels.shape[1]), min(rows, levels.shape[0])))


@viewport_size.mutant
def covers_the_viewport(x: Exchange) -> Answer | None:
    """The picture covers the viewport and goes beyond it on one side."""
    found = _viewed(x)
    if not found:
        return None
    width, height = found[0].size
    scale = max(found[1].width / width, found[1].height / height)
    return redrawn(x, lambda levels: _to(levels, round(width * scale), round(height * scale)))


@viewport_size.mutant
def viewport_is_ignored(x: Exchange) -> Answer | None:
    """The picture has the size of the image, whatever viewport is asked for."""
    found = _viewed(x)
    return redrawn(x, lambda levels: found[0].levels.copy()) if found else None


@rule(
    "rendered.viewport-region",
    cites="PS3.18 8.3.5.1.3",
    verifies=("PS3.18-8.3.5.1.3-3", "PS3.18-8.3.5.1.3-5"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: _region(x) and sure(x),
    says="The region that is asked for is shown; what is left out of it goes from the left, the top, to the edges.",
)
def viewport_region(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


@viewport_region.mutant(defects="D-RE-01")
def region_is_ignored(x: Exchange) -> Answer | None:
    """The whole image is shown, whatever region is asked for."""
    found = _viewed(x)
    if not found or not _region(x):
        return None
    return redrawn(x, lambda levels: _to(found[0].levels, levels.shape[1], levels.shape[0]))


@viewport_region.mutant
def another_quadrant(x: Exchange) -> Answer | None:
    """The region is looked for from the lower right corner."""
    found = _viewed(x)
    if not found or not _region(x):
        return None
    view = found[1]
    levels = found[0].levels[::-1, ::-1]
    left, top, w, h = (int(v) for v in view.region(*levels.shape[:2]))
    cut = levels[top : top + h, left : left + w][::-1, ::-1]
    return redrawn(x, lambda old: _to(cut, old.shape[1], old.shape[0])) if cut.size else None


@viewport_region.mutant
def counts_from_one(x: Exchange) -> Answer | None:
    """Width and height are taken for the lower right corner."""
    found = _viewed(x)
    if not found or not _region(x) or not (found[1].x and found[1].y):
        return None
    cut = found[0].levels[: int(abs(found[1].y)), : int(abs(found[1].x))]
    return redrawn(x, lambda old: _to(cut, old.shape[1], old.shape[0])) if cut.size else None


@rule(
    "rendered.viewport-flip",
    cites="PS3.18 8.3.5.1.3",
    verifies="PS3.18-8.3.5.1.3-4",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: _flipped(x) and sure(x),
    says="A negative width turns the region left to right, a negative height top to bottom.",
)
def viewport_flip(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


@viewport_flip.mutant
def never_flips(x: Exchange) -> Answer | None:
    """Signs of width and height are not looked at."""
    found = _viewed(x)
    if not found or not _flipped(x):
        return None
    across, down = (-1 if turned else 1 for turned in found[1].flips)
    return redrawn(x, lambda levels: levels[::down, ::across])


@viewport_flip.mutant
def flips_the_other_way(x: Exchange) -> Answer | None:
    """A negative width turns top to bottom, a negative height left to right."""
    found = _viewed(x)
    if not found or not _flipped(x) or all(found[1].flips):
        return None
    return redrawn(x, lambda levels: levels[::-1, ::-1])
