"""Knows small bodies that were read before, so that the same octets are parsed once while they are remembered.

Must not know what a reader makes of them; a reading is never changed by who gets it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from harness.body import Body

Reading = TypeVar("Reading")

SMALL = 256 << 10  # octets of a body that is remembered, with those that it unfolded to
TOTAL = 4 << 20  # the same of all bodies that one reader remembers; what was made of them is some ten times as large


def weight(body: Body, reading: object) -> int:
    """Octets that a reading holds on to: those of its body, and those that it says it `unfolded` out of them."""
    unfolded = getattr(reading, "unfolded", 0)
    return body.size + (unfolded if isinstance(unfolded, int) else 0)


_MEMORIES: list[Callable[[], None]] = []


def forget() -> None:
    """Forget everything: where nothing is met again (files in a folder), memory is better kept for the next one."""
    for clear in _MEMORIES:
        clear()


def remembered(read: Callable[[Body], Reading]) -> Callable[[Body], Reading]:
    """The reader with a memory. One instance is met again and again: stored, retrieved, by several rules."""
    known: OrderedDict[tuple[str, bool], tuple[Reading, int]] = OrderedDict()
    lock = threading.Lock()
    held = 0

    def clear() -> None:
        nonlocal held
        with lock:
            known.clear()
            held = 0

    _MEMORIES.append(clear)

    @wraps(read)
    def once(body: Body) -> Reading:
        nonlocal held
        if body.size > SMALL:
            return read(body)
        key = (body.digest, body.truncated)
        with lock:
            if key in known:
                known.move_to_end(key)
                return known[key][0]
        # in memory, because the file may be gone when the reading is met again
        reading = read(Body.of(body.bytes(), body.truncated))
        heavy = weight(body, reading)
        if heavy > SMALL:  # a few octets can unfold to megabytes
            return reading
        with lock:
            if key not in known:
                known[key] = (reading, heavy)
                held += heavy
            while held > TOTAL:
                _, (_, size) = known.popitem(last=False)
                held -= size
        return reading

    return once
