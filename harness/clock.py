"""Knows the time and deadlines; everything that waits asks here, so that tests can hold the clock.

Must not know what is waited for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass


def now() -> float:
    """Seconds on a clock that never goes back."""
    return time.monotonic()


@dataclass(slots=True)
class Deadline:
    """A point in time; `left` is 0 once it has passed."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(now() + seconds)

    @property
    def left(self) -> float:
        return max(self.at - now(), 0.0)

    @property
    def passed(self) -> bool:
        return now() >= self.at
