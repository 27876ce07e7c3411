"""Knows DA and TM values as stretches of time, so that they compare by meaning (PS3.4 C.2.2.2.5, PS3.5 6.2).

Must not know queries or rows.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

SECOND = 1_000_000  # one second in microseconds
DAY = 86_400 * SECOND

_TIME = re.compile(r"([0-9]{2})([0-9]{2})?([0-9]{2})?(?:\.([0-9]{1,6}))?\Z")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Microseconds from `low` to `high`, both within it. A value that names every part down to the second is a point
    at `low`; `end` is where its precision ends."""

    low: int
    high: int
    end: int

    def plus(self, shift: int) -> Stretch:
        return Stretch(self.low + shift, self.high + shift, self.end + shift)


@dataclass(frozen=True, slots=True)
class Range:
    """A range with its open ends as None."""

    low: Stretch | None
    high: Stretch | None

    def holds(self, value: Stretch) -> bool | None:
        """Whether the value lies within; None where that depends on how precision is read."""
        if self.low and value.end < self.low.low:
            return False
        if self.high and value.low > self.high.end:
            return False
        above = not self.low or value.low >= self.low.low
        below = not self.high or value.high <= self.high.low
        return True if above and below else None


def date(text: str) -> int | None:
    """A DA value as a count of days, None when it is none."""
    digits = text.strip().replace(".", "")
    if not re.match(r"[0-9]{8}\Z", digits):
        return None
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).toordinal()
    except ValueError:
        return None


def day(text: str) -> Stretch | None:
    """A DA value as the whole day it names, which compares as one point."""
    count = date(text)
    return None if count is None else Stretch(count, count, count)


def time(text: str) -> Stretch | None:
    """A TM value as the stretch of the day that it may mean."""
    match = _TIME.match(text.strip().replace(":", ""))
    if not match:
        return None
    hour, minute, second, fraction = match.groups()
    if fraction and not second:
        return None
    low = ((int(hour) * 60 + int(minute or 0)) * 60 + int(second or 0)) * SECOND
    low += int((fraction or "").ljust(6, "0"))
    if second:
        step = 10 ** (6 - len(fraction or ""))
        return Stretch(low, low, low + step - 1)
    last = low + (3600 if minute is None else 60) * SECOND - 1
    return Stretch(low, last, last)


def moment(day_text: str, time_text: str) -> Stretch | None:
    """A date and a time as one moment (PS3.4 C.2.2.2.5.4)."""
    count, within = date(day_text), time(time_text)
    return None if count is None or within is None else within.plus(count * DAY)


def ends(text: str) -> tuple[str, str]:
    """The two ends of a range as written, '' for an open one."""
    low, _, high = text.partition("-")
    return low.strip(), high.strip()
