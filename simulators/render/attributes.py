"""Knows how to read attributes of an instance in a way that no malformed value can break.

Must not know what the attributes are good for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from simulators.archive.held import Held
from simulators.render.view import Unrenderable

_LONG = 1 << 20  # octets
_REMEMBERED = 8  # data sets; the frames of one instance are often asked for one after the other


def attributes(held: Held) -> Dataset:
    """The data set of the instance as far as its pixel data, which is never read; FileNotFoundError when replaced."""
    return _read(held.path, held.deflated)


@lru_cache(_REMEMBERED)
def _read(path: Path, deflated: bool) -> Dataset:
    try:
        # long values stay in the file until they are asked for, which offsets into deflated data do not allow
        return dcmread(path, stop_before_pixels=True, defer_size=None if deflated else _LONG)
    except FileNotFoundError:
        raise
    except Exception as problem:  # pydicom raises what it likes on data that contradict themselves
        raise Unrenderable(f"the data set cannot be read: {problem}") from problem


def value(dataset: Dataset, keyword: str) -> Any:
    """The value, None when absent, empty or malformed."""
    try:
        found = dataset.get(keyword)
    except Exception:  # a value that does not fit its VR is as good as none
        return None
    return None if found is None or (isinstance(found, str | bytes | MultiValue) and not len(found)) else found


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All values as finite numbers, () when absent or when one of them is none."""
    found = value(dataset, keyword)
    members = found if isinstance(found, MultiValue | list | tuple) else () if found is None else (found,)
    try:
        made = tuple(float(member) for member in members)
    except (TypeError, ValueError, OverflowError):
        return ()
    return made if all(map(math.isfinite, made)) else ()


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value as a number, None when there is none."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def whole(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """The first value as a whole number, the default when there is none."""
    found = number(dataset, keyword)
    return default if found is None else int(found)


def word(dataset: Dataset, keyword: str) -> str:
    """The first value as text without padding, '' when there is none."""
    found = value(dataset, keyword)
    if isinstance(found, MultiValue):
        found = found[0]
    return "" if found is None or isinstance(found, bytes) else str(found).strip(" \0")


def octets(dataset: Dataset, keyword: str) -> bytes:
    """The value of a binary element, b'' when there is none."""
    found = value(dataset, keyword)
    return found if isinstance(found, bytes) else b""


def items(dataset: Dataset | None, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence, () when it is absent or none."""
    found = None if dataset is None else value(dataset, keyword)
    return [item for item in found if isinstance(item, Dataset)] if isinstance(found, Sequence) else ()


def macro(dataset: Dataset, frame: int, keyword: str) -> Dataset | None:
    """The item of a functional group macro that holds for the frame, counted from 1 (PS3.3 C.7.6.16).

    None when the instance has no such macro for it.
    """
    frames = items(dataset, "PerFrameFunctionalGroupsSequence")
    for group in (*frames[frame - 1 : frame], *items(dataset, "SharedFunctionalGroupsSequence")[:1]):
        found = items(group, keyword)
        if found:
            return found[0]
    return None
