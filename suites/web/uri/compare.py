"""Knows how like two pictures are, and which frame of a stored instance a picture shows.

Must not know why anybody compares them. Pictures are 8 bits a sample; what differs in shape cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.exchange import Exchange
from harness.past import Kept
from suites.web.retrieve.asked_frames import NATIVE, pixels
from suites.web.retrieve.reading import stored
from suites.web.uri.reading import COLUMNS, FRAMES, ROWS, picture, shown

Grey = npt.NDArray[np.float64]
MOST = 1 << 22  # pixels of what is compared
CLEAR = 0.6  # a correlation below this tells nothing
BETTER = 0.15  # by so much another one has to be more alike


def grey(x: Exchange | None) -> Grey | None:
    """The first frame of the picture that came, in grey; None when there is none."""
    if x is None or not shown(x):
        return None
    seen = picture(x)
    if not seen.width or seen.width * seen.height > MOST or not seen.pixels:
        return None
    first = seen.pixels[0].astype(np.float64)
    return first if first.ndim == 2 else first.mean(axis=2)


def distance(one: Grey | None, other: Grey | None) -> float | None:
    """The mean difference of two pictures of the same shape, 0 to 255; None when they cannot be compared."""
    if one is None or other is None or one.shape != other.shape:
        return None
    return float(np.abs(one - other).mean())


def differ(one: Grey | None, other: Grey | None, by: float = 4.0) -> bool:
    """They are clearly different: in shape, or by more than what coding does."""
    if one is None or other is None:
        return False
    apart = distance(one, other)
    return apart is None or apart > by


def alike(one: Grey, other: Grey) -> float:
    """The correlation of two pictures of the same shape, 0 where one of them is flat."""
    a, b = one - one.mean(), other - other.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size else 0.0


@lru_cache(maxsize=8)
def frames(kept: Kept) -> Sequence[Grey]:
    """The frames of a stored native image of unsigned grey or RGB as they are, in grey; () for any other."""
    dataset = stored(kept).dataset
    element = pixels(dataset)
    rows, columns, bits, samples = (dataset.number(t) or 0 for t in (ROWS, COLUMNS, "00280100", "00280002"))
    plain = kept.transfer_syntax in NATIVE and not dataset.big_endian and not dataset.number("00280103")
    colour = samples == 3 and dataset.text("00280004") == "RGB" and not dataset.number("00280006")
    if not plain or not (samples == 1 or colour) or bits not in (8, 16) or element is None or element.value is None:
        return ()
    count = dataset.text(FRAMES) or "1"
    each = rows * columns * samples
    size = each * bits // 8
    if not size or not count.isdigit() or element.value.size > 2 * MOST or int(count[:9]) * size > element.value.size:
        return ()
    kind, octets = np.dtype("<u2" if bits == 16 else "u1"), element.value.bytes()
    found = [np.frombuffer(octets, kind, each, n * size).astype(np.float64) for n in range(int(count))]
    return [f.reshape(rows, columns, samples).mean(axis=2) for f in found]


def shows(seen: Grey, number: int, among: Sequence[Grey]) -> int:
    """The number of the stored frame that the picture shows rather than `number`, 0 when it may well be that one.

    A window keeps the order of grey values and an inversion turns it round, so the amount of correlation tells.
    """
    if not 1 <= number <= len(among) or any(seen.shape != f.shape for f in among):
        return 0
    likeness = [abs(alike(seen, f)) for f in among]
    best = max(range(len(likeness)), key=likeness.__getitem__)
    clear = likeness[best] > CLEAR and likeness[best] > likeness[number - 1] + BETTER
    return best + 1 if clear else 0
