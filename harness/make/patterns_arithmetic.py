"""Knows the arithmetic of display by hand: windows, tables, palettes, YBR, viewports (PS3.3 C.7.6.3, C.11).

Levels are floating point numbers from 0 (black) to 255 (white). Must not know patterns, data sets or pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.float64]
Stored = npt.NDArray[np.int64]

WHITE = 255.0


@dataclass(frozen=True)
class Window:
    """A window of PS3.3 C.11.2.1.2; `function` is a keyword of PS3.18 8.3.5.1.4."""

    center: float
    width: float
    function: str = "linear"

    def __call__(self, x: Levels) -> Levels:
        return FUNCTIONS[self.function](x, self.center, self.width)

    def __str__(self) -> str:
        return f"{self.center:.15g},{self.width:.15g},{self.function}"


def linear(x: Levels, center: float, width: float) -> Levels:
    """C.11.2.1.2.1: the lowest and the highest input value of the window get the ends of the range."""
    below, above = x <= center - 0.5 - (width - 1) / 2, x > center - 0.5 + (width - 1) / 2
    slope = (x - (center - 0.5)) / max(width - 1, 1e-12) + 0.5
    return np.where(below, 0.0, np.where(above, WHITE, slope * WHITE))


def linear_exact(x: Levels, center: float, width: float) -> Levels:
    """C.11.2.1.3.2."""
    below, above = x <= center - width / 2, x > center + width / 2
    return np.where(below, 0.0, np.where(above, WHITE, ((x - center) / width + 0.5) * WHITE))


def sigmoid(x: Levels, center: float, width: float) -> Levels:
    """C.11.2.1.3.1, Equation C.11-1."""
    return np.asarray(WHITE / (1 + np.exp(np.clip(-4 * (x - center) / width, -700, 700))))


def half_off(x: Levels, center: float, width: float) -> Levels:
    """A frequent mistake: the linear function without the half that it takes from the centre."""
    return np.clip(((x - center) / max(width - 1, 1e-12) + 0.5) * WHITE, 0.0, WHITE)


FUNCTIONS: dict[str, Callable[[Levels, float, float], Levels]] = {
    "linear": linear,
    "linear-exact": linear_exact,
    "sigmoid": sigmoid,
}


@dataclass(frozen=True)
class Table:
    """A lookup table of `bits` wide entries; what lies before or behind it gets its ends (C.11.2.1.1, C.7.6.3.1.5)."""

    first: int
    entries: tuple[int, ...]
    bits: int = 16

    def look_up(self, x: Levels) -> Levels:
        at = np.clip(np.rint(x).astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return np.asarray(self.entries, dtype=np.float64)[at]

    def __call__(self, x: Levels) -> Levels:
        """The entries over the full range of the display."""
        return np.asarray(self.look_up(x) / (2**self.bits - 1) * WHITE)


# PS3.3 C.7.6.3.1.2: how Y, CB and CR of YBR_FULL are made of R, G and B.
_TO_YBR = np.array([[0.2990, 0.5870, 0.1140], [-0.1687, -0.3313, 0.5000], [0.5000, -0.4187, -0.0813]])
_FROM_YBR = np.linalg.inv(_TO_YBR)
_HALF = np.array([0.0, 128.0, 128.0])


def ybr_of(colours: Levels) -> Stored:
    """RGB (.., 3) as whole numbers of YBR_FULL."""
    return np.asarray(np.clip(np.rint(colours @ _TO_YBR.T + _HALF), 0, 255), dtype=np.int64)


def rgb_of(ybr: Stored) -> Levels:
    """YBR_FULL (.., 3) as RGB."""
    return np.asarray(np.clip((ybr - _HALF) @ _FROM_YBR.T, 0.0, WHITE))


@dataclass(frozen=True)
class View:
    """A viewport (PS3.18 8.3.5.1.3): its size, and the region of the source; negative widths flip."""

    width: int
    height: int
    x: float = 0.0
    y: float = 0.0
    w: float | None = None
    h: float | None = None

    @property
    def flips(self) -> tuple[bool, bool]:
        """Left to right, top to bottom."""
        return (self.w or 0) < 0, (self.h or 0) < 0

    def region(self, rows: int, columns: int) -> tuple[float, float, float, float]:
        """Left, top, width and height in pixels of the source; what is not given goes to the edge."""
        left, top = abs(self.x), abs(self.y)
        return (left, top, columns - left if self.w is None else abs(self.w),
                rows - top if self.h is None else abs(self.h))  # fmt: skip

    def size(self, rows: int, columns: int) -> tuple[float, float]:
        """Width and height of the picture before they are made whole: as large as fits, its shape kept."""
        _, _, w, h = self.region(rows, columns)
        scale = min(self.width / w, self.height / h)
        return w * scale, h * scale


def seen(levels: Levels, view: View, rows: int, columns: int) -> tuple[Levels, npt.NDArray[np.bool_]]:
    """A picture of `rows` by `columns` that shows this view of the levels, and where it may be looked at.

    The nearest source pixel stands for all ways of interpolation; only where all pixels around have one level is it
    said what comes out.
    """
    left, top, w, h = view.region(*levels.shape[:2])
    across, down = _places(left, w, columns, view.flips[0]), _places(top, h, rows, view.flips[1])
    margin = (2 * max(1.0, w / columns), 2 * max(1.0, h / rows))
    calm = _calm(levels, down, across, margin)
    high, wide = levels.shape[:2]
    picked = np.clip(down.astype(int), 0, high - 1)[:, None], np.clip(across.astype(int), 0, wide - 1)[None, :]
    return levels[picked], calm


def _places(first: float, length: float, count: int, flipped: bool) -> Levels:
    """The place in the source of the centre of each of `count` pixels."""
    found = first + (np.arange(count) + 0.5) * length / count
    return found[::-1] if flipped else found


def _calm(levels: Levels, down: Levels, across: Levels, margin: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Where every source pixel within the margins has the same level, and none of them lies outside."""
    high, wide = levels.shape[:2]
    calm = np.ones((len(down), len(across)), dtype=bool)
    middle = levels[np.clip(down.astype(int), 0, high - 1)[:, None], np.clip(across.astype(int), 0, wide - 1)[None, :]]
    for dy in (-margin[1], 0.0, margin[1]):
        for dx in (-margin[0], 0.0, margin[0]):
            rows = np.clip((down + dy).astype(int), 0, high - 1)[:, None]
            columns = np.clip((across + dx).astype(int), 0, wide - 1)[None, :]
            same = levels[rows, columns] == middle
            calm &= same.all(axis=2) if same.ndim == 3 else same
    return calm
