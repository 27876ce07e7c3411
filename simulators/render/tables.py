"""Knows lookup tables as data sets carry them: descriptor and data, plain or segmented (PS3.3 C.7.6.3.1.5, C.11.1.1).

Must not know what is looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from simulators.render import attributes

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.int64]

MOST_ENTRIES = 1 << 16


@dataclass(frozen=True, eq=False)  # entries are compared by nobody, and two tables are two
class Table:
    """The value `first` finds the first of the entries, lower ones too; what lies beyond the last finds the last.

    Entries are of `bits` bits.
    """

    first: float
    entries: Words
    bits: int

    def __call__(self, values: Floats) -> Floats:
        places = np.clip(np.nan_to_num(np.rint(values - self.first)), 0, len(self.entries) - 1).astype(np.int64)
        return np.asarray(self.entries[places], np.float64)

    @property
    def top(self) -> int:
        """The highest value that an entry can have."""
        return (1 << self.bits) - 1


def table(dataset: Dataset, descriptor: str, data: str, signed: bool) -> Table | None:
    """The table with these keywords, None when there is none or one that makes no sense.

    `signed`: the values that are looked up are signed, so the second number of the descriptor is.
    """
    told = attributes.numbers(dataset, descriptor)
    if len(told) != 3 or not 1 <= told[2] <= 16:
        return None
    length = int(told[0]) % MOST_ENTRIES or MOST_ENTRIES
    first = int(told[1]) & 0xFFFF
    first -= 0x10000 if signed and first > 0x7FFF else 0
    entries = _entries(dataset, data, length, int(told[2]))
    return Table(first, entries, int(told[2])) if len(entries) else None


def segmented(dataset: Dataset, descriptor: str, data: str, signed: bool) -> Table | None:
    """The same for segmented data (PS3.3 C.7.9.2)."""
    told = attributes.numbers(dataset, descriptor)
    if len(told) != 3 or told[2] not in (8, 16):
        return None
    length = int(told[0]) % MOST_ENTRIES or MOST_ENTRIES
    octets = attributes.octets(dataset, data)
    words = [int(word) for word in np.frombuffer(octets[: len(octets) // 2 * 2], "<u2" if told[2] == 16 else np.uint8)]
    first = int(told[1]) & 0xFFFF
    first -= 0x10000 if signed and first > 0x7FFF else 0
    entries = _expanded(words, length, wide=told[2] == 16)
    return Table(first, np.array(entries, np.int64), int(told[2])) if entries else None


def _entries(dataset: Dataset, keyword: str, length: int, bits: int) -> Words:
    found = attributes.octets(dataset, keyword)
    if not found:
        return np.array(attributes.numbers(dataset, keyword)[:length], np.int64) & 0xFFFF
    # Entries of eight bits stand packed two in a word, or, in what some products write, alone in one.
    packed = bits <= 8 and len(found) < 2 * length
    words = np.frombuffer(found[: len(found) // 2 * 2], "<u2") if not packed else np.frombuffer(found, np.uint8)
    return words[:length].astype(np.int64)


def _expanded(words: Sequence[int], length: int, *, wide: bool) -> list[int]:
    """The entries of discrete, linear and indirect segments; shorter than told when the data end early."""
    out: list[int] = []
    at = 0
    while at + 2 <= len(words) and len(out) < length:
        kind, count = words[at], words[at + 1]
        if kind == 2:  # indirect: repeats `count` segments that stand elsewhere, which are no indirect ones
            offset = _offset(words, at + 2, wide)
            at += 4 if wide else 6
            for _ in range(count):
                if not (0 <= offset < len(words) and len(out) < length and words[offset] in (0, 1)):
                    return out[:length]
                offset = _segment(words, offset, out)
        elif kind in (0, 1):
            at = _segment(words, at, out)
        else:
            break
    return out[:length]


def _offset(words: Sequence[int], at: int, wide: bool) -> int:
    """The place of the segment that an indirect one repeats, in words; -1 when the data end before it is told."""
    part = words[at : at + (2 if wide else 4)]
    size = 16 if wide else 8
    return sum(word << size * n for n, word in enumerate(part)) if len(part) == (2 if wide else 4) else -1


def _segment(words: Sequence[int], at: int, out: list[int]) -> int:
    """Append what a discrete or linear segment stands for; the place behind it."""
    kind, count = words[at], words[at + 1] if at + 1 < len(words) else 0
    if kind == 0:
        out.extend(words[at + 2 : at + 2 + count])
        return at + 2 + count
    if at + 2 < len(words) and out and count:
        start, end = out[-1], words[at + 2]
        out.extend(round(start + (end - start) * n / count) for n in range(1, count + 1))
    return at + 3
