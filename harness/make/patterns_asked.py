"""Knows what a right answer to a request for a pattern shows, and how near a picture comes to it (PS3.18 8.3.5.1).

Must not know rules or reports; the pattern is known by the UIDs of the request.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.exchange import Exchange
from harness.make.patterns import PATTERNS, Levels, Pattern, Window, name_of
from harness.make.patterns_arithmetic import FUNCTIONS, View, seen
from harness.wire.images import Pixels

Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]  # left, top, width, height

EXACT = 2.0  # levels that two ways of rounding may be apart
COARSE = 30.0  # the same where colours are picked from a fixed palette, in the mean of a block
BLOCK = 8  # pixels of its side
LOSSY, FEW = 12.0, 0.05  # after lossy coding flat areas stay within this, but for few pixels
LOOSE = 30.0  # mean distance after lossy coding where there is no flat area
ENOUGH = 0.08  # of a picture has to be certain
ENDS = 16.0  # how far black and white may be from the ends of the range on another grey scale
UNSEEN = ("annotation",)  # parameters whose effect nobody can predict
_DECIMAL = re.compile(r"[+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][+-]?\d{1,3})?\Z")


@dataclass(frozen=True)
class Expected:
    """What has to be seen in one frame: the levels of the source, and the part of it that is asked for."""

    pattern: Pattern
    frame: int
    levels: Levels
    view: View | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, before they are made whole."""
        rows, columns = self.pattern.shape
        return self.view.size(rows, columns) if self.view else (float(columns), float(rows))

    def boxes(self, width: int, height: int) -> list[Box]:
        """Where in a picture of this size the content may lie; [] when the size is wrong.

        8.3.5.1.3 scales the content until one side is that of the viewport, and calls the viewport the size of the
        picture: so the picture is as large as the content, or as the viewport with the content somewhere in it.
        """
        wide, high = self.size
        if abs(width - wide) < 1 and abs(height - high) < 1:
            return [(0, 0, width, height)]
        if self.view is None or (width, height) != (self.view.width, self.view.height):
            return []
        found = {
            (x, y, w, h)
            for w, h in ((max(1, math.floor(wide)), max(1, math.floor(high))), (math.ceil(wide), math.ceil(high)))
            for x, y in ((0, 0), (width - w, height - h), ((width - w) // 2, (height - h) // 2),
                         ((width - w + 1) // 2, (height - h + 1) // 2))
        }  # fmt: skip
        return sorted(found)

    def fits(self, width: int, height: int) -> bool:
        """A picture may have this size."""
        return bool(self.boxes(width, height))

    def at(self, rows: int, columns: int) -> tuple[Levels, Mask]:
        """The levels of content of this size, and where they are certain."""
        if self.view is None and (rows, columns) == self.pattern.shape:
            return self.levels, np.ones((rows, columns), dtype=bool)
        high, wide = self.pattern.shape
        return seen(self.levels, self.view or View(wide, high), rows, columns)


@dataclass(frozen=True)
class Likeness:
    """How near a picture is. `share`: of the pixels that are too far away. `rising`: a curve from black to white,
    the same for all pixels, would make it right."""

    near: bool
    share: float = 0.0
    got: str = ""
    want: str = ""
    where: str = ""
    rising: bool = False


def expected(x: Exchange) -> tuple[Expected, ...]:
    """One for each frame that was asked for; () when it was no pattern, or nobody can say what is seen."""
    pattern = PATTERNS.get(name_of(x.resource.study, x.resource.instance))
    query = x.ask.query
    if pattern is None or any(name in query for name in UNSEEN) or query.get("iccprofile") not in (None, "no", "yes"):
        return ()
    frames = asked_frames(x, pattern)
    window, view = window_of(query.get("window")), view_of(query.get("viewport"))
    illegal = ("window" in query and window is None) or ("viewport" in query and view is None)
    if illegal or (pattern.open and window is None) or any(not 1 <= n <= pattern.frames for n in frames):
        return ()
    return tuple(Expected(pattern, n, pattern.levels(n, window), view) for n in frames)


def asked_frames(x: Exchange, pattern: Pattern) -> list[int]:
    """The frames that the path names, all of them without a name; [] for what is no list of numbers."""
    words = x.resource.frames.split(",") if x.resource.frames else []
    if not words:
        return list(range(1, pattern.frames + 1))
    return [int(w) for w in words] if all(w.isdigit() and len(w) < 6 for w in words) else []


def decimal(word: str) -> float | None:
    """A decimal number, None for anything else."""
    return float(word) if _DECIMAL.match(word) else None


def window_of(value: str | None) -> Window | None:
    """The window parameter (8.3.5.1.4); None when it is absent or ill-formed."""
    words = (value or "").split(",")
    numbers = [decimal(w) for w in words[:2]]
    if len(words) != 3 or words[2] not in FUNCTIONS or numbers[0] is None or numbers[1] is None:
        return None
    least = 1.0 if words[2] == "linear" else 0.0
    legal = numbers[1] >= least and numbers[1] > 0
    return Window(numbers[0], numbers[1], words[2]) if legal else None


def view_of(value: str | None) -> View | None:
    """The viewport parameter (8.3.5.1.3); None when it is absent or ill-formed."""
    words = (value or "").split(",")
    if not 2 <= len(words) <= 6 or not all(w.isdigit() and int(w[:9]) > 0 and len(w) < 9 for w in words[:2]):
        return None
    more = [decimal(w) if w else None for w in words[2:]]
    if any(w and n is None for w, n in zip(words[2:], more, strict=True)):
        return None
    x, y, w, h = (*more, None, None, None, None)[:4]
    return None if w == 0 or h == 0 else View(int(words[0]), int(words[1]), x or 0.0, y or 0.0, w, h)


def likeness(pixels: Pixels, wanted: Expected, format: str) -> Likeness:
    """How near the pixels of a picture in this format come to what is expected, wherever in it the content may lie."""
    return _near(content(pixels, wanted, format), wanted, format)


def content(pixels: Pixels, wanted: Expected, format: str) -> Pixels:
    """The part of a picture that comes nearest to what is expected, of those that may be the content."""
    height, width = pixels.shape[:2]
    boxes = wanted.boxes(width, height)
    places = [box for box in boxes if _framed(pixels, box)] or boxes or [(0, 0, width, height)]

    def distance(box: Box) -> tuple[bool, float]:
        found = _near(_cut(pixels, box), wanted, format)
        return not found.near, found.share

    return _cut(pixels, min(places, key=distance) if len(places) > 1 else places[0])


def _cut(pixels: Pixels, box: Box) -> Pixels:
    x, y, w, h = box
    return pixels[y : y + h, x : x + w]


def _framed(pixels: Pixels, box: Box) -> bool:
    """Around the box there is one colour only; a lossy code may blur it."""
    x, y, w, h = box
    outside = np.ones(pixels.shape[:2], dtype=bool)
    outside[y : y + h, x : x + w] = False
    ground = pixels[outside].astype(np.float64)
    return not ground.size or float(np.percentile(np.abs(ground - np.median(ground, axis=0)), 90)) <= LOSSY


def distorted(pixels: Pixels, wanted: Expected, format: str) -> bool:
    """The picture fills the viewport with content of another shape."""
    height, width = pixels.shape[:2]
    boxes = wanted.boxes(width, height)
    if not boxes or (0, 0, width, height) in boxes or not _near(pixels, wanted, format).near:
        return False
    return not any(_framed(pixels, box) for box in boxes) or not likeness(pixels, wanted, format).near


def _near(pixels: Pixels, wanted: Expected, format: str) -> Likeness:
    """How near the content is, given that these pixels are all of it."""
    levels, sure = wanted.at(*pixels.shape[:2])
    got = pixels.astype(np.float64)
    if got.ndim != levels.ndim:
        got, levels = (np.stack([a] * 3, axis=-1) if a.ndim == 2 else a for a in (got, levels))
    far = np.abs(got - levels)
    far = far.max(axis=2) if far.ndim == 3 else far
    lossy = format == "jpeg" or wanted.pattern.lossy
    sure = sure & _calm(levels) if lossy else sure
    if sure.mean() < ENOUGH:
        return _loosely(far)
    coarse = format == "gif" and wanted.levels.ndim == 3
    if coarse and got.shape[0] % BLOCK == got.shape[1] % BLOCK == 0:
        far = np.abs(_blocks(got) - _blocks(levels)).max(axis=2)
    soft = lossy or wanted.view is not None  # interpolation reaches further than it should, a little
    limit = COARSE if coarse else LOSSY if soft else EXACT
    share = float((far[sure] > limit).mean())
    if share <= (FEW if soft else 0.0):
        return Likeness(True, share)
    row, column = np.unravel_index(int(np.argmax(np.where(sure, far, -1))), far.shape)
    rising = _rising(got, levels, sure, 10.0 if soft else EXACT)
    where = f"row {row + 1}, column {column + 1}"
    return Likeness(False, share, _level(got[row, column]), _level(levels[row, column]), where, rising)


def _blocks(levels: Levels) -> Levels:
    """Each pixel as the mean of its block: dots of several colours are one colour from afar."""
    rows, columns = levels.shape[0] // BLOCK, levels.shape[1] // BLOCK
    means = levels.reshape(rows, BLOCK, columns, BLOCK, -1).mean(axis=(1, 3))
    return np.repeat(np.repeat(means, BLOCK, axis=0), BLOCK, axis=1)


def _loosely(far: Levels) -> Likeness:
    """The likeness where lossy coding leaves no pixel certain."""
    mean = float(far.mean())
    return Likeness(mean <= LOOSE, 1.0, f"{mean:.0f} levels away in the mean", f"at most {LOOSE:.0f}", "the picture")


def _level(value: Levels) -> str:
    return f"{float(value):.0f}" if np.ndim(value) == 0 else "({})".format(", ".join(f"{float(v):.0f}" for v in value))


def _calm(levels: Levels) -> Mask:
    """Where all pixels two steps around have one level."""
    calm = np.ones(levels.shape[:2], dtype=bool)
    for dy in (-2, 0, 2):
        for dx in (-2, 0, 2):
            padded = np.roll(levels, (dy, dx), axis=(0, 1))
            same = padded == levels
            calm &= same.all(axis=2) if same.ndim == 3 else same
    calm[:2] = calm[-2:] = False
    calm[:, :2] = calm[:, -2:] = False
    return calm


def _rising(got: Levels, levels: Levels, sure: Mask, spread: float) -> bool:
    """Each level is shown as one level, brighter ones not darker, black and white at the ends of the range."""
    if got.ndim == 3:
        if float(np.ptp(got, axis=2).max()) > spread or float(np.ptp(levels, axis=2).max()) > 0:
            return False
        got, levels = got[..., 0], levels[..., 0]
    means = []
    for level in np.unique(levels[sure]):
        shown = got[sure & (levels == level)]
        if float(np.percentile(np.abs(shown - np.median(shown)), 95)) > spread:
            return False
        means.append((float(level), float(np.median(shown))))
    ends = all(abs(shown - level) <= ENDS for level, shown in means if level in (0.0, 255.0))
    risen = all(a[1] < b[1] or b[0] - a[0] < 3 for a, b in itertools.pairwise(means))
    return ends and risen and len(means) > 2
