"""Knows how to hold a piece of work to so much time and memory, whatever it does.

Time is held by the interval timer of the process, which only its main thread can set, and memory by the bound of its
address space, which Linux heeds. Elsewhere the work goes on; whoever asks looks at the clock when it is done.
Must not know what the work is.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

if sys.platform != "win32":
    import resource

AGAIN = 0.5  # seconds until work that swallowed the first interruption meets another
SIZES = "/proc/self/statm"


class TooSlow(BaseException):
    """The time is over. No `except Exception` of the work catches it, so that it cannot go on."""


@contextmanager
def held(seconds: float, octets: int) -> Iterator[None]:
    """TooSlow after so many seconds, MemoryError beyond so many octets more than there are in use now."""
    if seconds <= 0:
        raise TooSlow
    with _limited(octets), _timed(seconds):
        yield


@contextmanager
def _timed(seconds: float) -> Iterator[None]:
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def over(number: int, frame: FrameType | None) -> None:
        if armed:
            raise TooSlow

    started = time.monotonic()
    before = signal.signal(signal.SIGALRM, over)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        try:
            yield
        finally:
            armed = False  # the alarm may ring here, before it is set: what follows is done all the same
    finally:
        armed = False
        signal.signal(signal.SIGALRM, before)
        # who else had set the timer gets it back, with what is left of it
        rest = max(left - (time.monotonic() - started), 0.001) if left else 0.0
        signal.setitimer(signal.ITIMER_REAL, rest, interval)


@contextmanager
def _limited(octets: int) -> Iterator[None]:
    if sys.platform != "linux" or not os.path.exists(SIZES):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = _in_use() + octets
    for other in (soft, hard):
        most = most if other == resource.RLIM_INFINITY else min(most, other)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _in_use() -> int:
    """Octets of the address space of this process."""
    with open(SIZES, encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
