"""Knows dates and times of PS3.5 6.2 (DA, TM, DT) as spans on a line, and the ranges that ask for them.

Must not know attributes, keys or the archive.

A value of less than full precision stands for all it leaves open: as a key "1030" is 10:30:00 up to the last moment
of that minute. A single value therefore matches what the range of the value with itself matches (PS3.4 C.2.2.2.1.3).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})\Z")
_TIME = re.compile(r"([01][0-9]|2[0-3])(?:([0-5][0-9])(?:([0-5][0-9]|60)(?:\.([0-9]{1,6}))?)?)?\Z")
_DATETIME = re.compile(
    r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:(([01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?))?)?)?"
    r"([+-][0-9]{4})?\Z"
)
_ZONE = re.compile(r"([+-])([0-9]{2})([0-5][0-9])\Z")
MIDNIGHT = date(2000, 1, 1)  # the day on which times without a date are compared
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)

VR = Literal["DA", "TM", "DT"]


@dataclass(frozen=True, slots=True)
class Span:
    """From the first to the last moment that a value may mean, both included."""

    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class Range:
    """What a key asks for: moments from `low` to `high`, both included; None is open. `form` says how it was put."""

    low: datetime | None
    high: datetime | None
    form: Literal["single", "between", "from", "until"] = "single"

    def holds(self, moment: datetime) -> bool:
        return (self.low is None or self.low <= moment) and (self.high is None or moment <= self.high)

    @property
    def backwards(self) -> bool:
        return self.low is not None and self.high is not None and self.low > self.high


def read_zone(text: str) -> timedelta | None:
    """A value of (0008,0201): hours and minutes from -1200 to +1400 (PS3.3 C.12.1.1.8); None when it is not one."""
    found = _ZONE.match(text.strip(" \0"))
    if found is None or text.strip(" \0") == "-0000":
        return None
    zone = timedelta(hours=int(found[2]), minutes=int(found[3])) * (1 if found[1] == "+" else -1)
    return zone if timedelta(hours=-12) <= zone <= timedelta(hours=14) else None


def read_date(text: str) -> Span | None:
    """A DA; None when it is none."""
    found = _DATE.match(text)
    if found is None:
        return None
    try:
        start = datetime(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    return Span(start, _end(start, _DAY))


def read_time(text: str, day: date = MIDNIGHT) -> Span | None:
    """A TM on a day; None when it is none. Second 60 is the last moment of the minute."""
    found = _TIME.match(text)
    if found is None:
        return None
    hour, minute, second, fraction = found.groups()
    start = datetime(day.year, day.month, day.day, int(hour), int(minute or 0))
    if minute is None:
        return Span(start, _end(start, timedelta(hours=1)))
    if second is None:
        return Span(start, _end(start, timedelta(minutes=1)))
    if second == "60":
        last = start + timedelta(minutes=1) - _TICK
        return Span(last, last)
    start += timedelta(seconds=int(second))
    if fraction is None:
        return Span(start, _end(start, timedelta(seconds=1)))
    start += timedelta(microseconds=int(fraction.ljust(6, "0")))
    return Span(start, _end(start, timedelta(microseconds=10 ** (6 - len(fraction)))))


def read_datetime(text: str, zone: timedelta | None = None) -> Span | None:
    """A DT in UTC; without an offset of its own it is in `zone`, or in UTC when that is not known."""
    found = _DATETIME.match(text)
    if found is None:
        return None
    year, month, day, clock, _, suffix = found.groups()
    offset = read_zone(suffix) if suffix else (zone or timedelta())
    try:
        start = date(int(year), int(month or 1), int(day or 1))
        span = read_time(clock, start) if clock else _dates(start, month, day)
        if offset is None or span is None:
            return None
        return Span(span.low - offset, span.high - offset)
    except (ValueError, OverflowError):
        return None


def _dates(start: date, month: str | None, day: str | None) -> Span:
    if day is not None:
        days = 1
    elif month is not None:
        days = calendar.monthrange(start.year, start.month)[1]
    else:
        days = 366 if calendar.isleap(start.year) else 365
    low = datetime(start.year, start.month, start.day)
    return Span(low, _end(low, timedelta(days=days)))


def _end(start: datetime, length: timedelta) -> datetime:
    return start + (length - _TICK)


def read_value(vr: VR, text: str, zone: timedelta | None = None) -> Span | None:
    """A stored or asked value of one of the three VRs; None when it is none."""
    if vr == "DA":
        return read_date(text)
    return read_time(text) if vr == "TM" else read_datetime(text, zone)


def read_range(vr: VR, text: str, zone: timedelta | None = None) -> Range | None:
    """A key: a single value, "a-b", "-b" or "a-" (PS3.4 C.2.2.2.5); None when it is none of these.

    In a DT the hyphen may also begin an offset. The split whose two sides are values in ascending order is taken;
    a text that has none is read as one value with its negative offset.
    """
    if len(text) > 100:  # two DT at their longest, with room
        return None
    readings: list[Range] = []
    for at in (i for i, character in enumerate(text) if character == "-"):
        made = _between(vr, text[:at].strip(), text[at + 1 :].strip(), zone)
        if made is not None:
            readings.append(made)
    forward = [r for r in readings if not r.backwards]
    if forward:
        return forward[0]
    single = read_value(vr, text, zone)
    if single is not None:
        return Range(single.low, single.high)
    return readings[0] if readings else None


def _between(vr: VR, first: str, last: str, zone: timedelta | None) -> Range | None:
    low, high = read_value(vr, first, zone), read_value(vr, last, zone)
    if (first and low is None) or (last and high is None):
        return None
    if low is not None and high is not None:
        return Range(low.low, high.high, "between")
    if low is not None:
        return Range(low.low, None, "from")
    return Range(None, high.high, "until") if high is not None else None
