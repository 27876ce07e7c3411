"""Knows which workitems meet the keys of a search, by PS3.4 CC.2.8.3 and C.2.2.2: surely, surely not, or open.

Must not know answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from harness.exchange import Ask, view
from harness.wire.dicom_json import DataSet
from suites.web.search import asked, fits
from suites.web.search.asked import Key
from suites.web.search.criteria import RANGE, SEQUENCE, SINGLE, UID_LIST, UNIVERSAL, WILDCARD, Criterion
from suites.web.search.fits import Fit
from suites.web.search.rows import texts
from suites.web.workitems import table
from suites.web.workitems.making import LIST

_MOMENT = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})?\Z")
_ZONED_RANGE = re.compile(r"[+-]\d{4}\Z")
_FIRST = ("", "01", "01", "00", "00", "00")


@view
def keys(ask: Ask) -> list[Key]:
    """The keys that every server has to match (Table CC.2.5-3), in order."""
    return [key for key in asked.keys(ask) if key.path in table.matched()]


def kind(ask: Ask) -> str:
    """The one kind of matching of the keys beside the worklist label, '' when there are several, or none."""
    found = {_kind([k for k in keys(ask) if k.tags[0] == tag]) for tag in _tags(ask) if tag != LIST}
    return found.pop() if len(found) == 1 else ""


def _tags(ask: Ask) -> list[str]:
    return list(dict.fromkeys(k.tags[0] for k in keys(ask)))


def _kind(group: Sequence[Key]) -> str:
    key = group[0]
    if all(k.universal or (k.value == "*" and k.vr in asked.WILD_VRS) for k in group):
        return UNIVERSAL
    if len(key.tags) > 1:
        return SEQUENCE
    if key.vr == "UI":
        return UID_LIST if len(key.values) > 1 else SINGLE
    if fits.wild(key.vr, key.value):
        return WILDCARD
    return RANGE if fits.ranged(key.vr, key.value) or (key.vr == "DT" and _dash(key.value) >= 0) else SINGLE


def fit(ask: Ask, item: DataSet) -> Fit:
    """Whether a workitem meets all keys; None also where a key may or may not be looked at."""
    if len(keys(ask)) < len(asked.keys(ask)) or asked.timezone(ask) or any(asked.flag(ask, o) for o in asked.OPTIONS):
        surely = fits.both([_group(item, [k for k in keys(ask) if k.tags[0] == t]) for t in _tags(ask)])
        return False if surely is False and not any(asked.flag(ask, o) for o in asked.OPTIONS) else None
    return fits.both([_group(item, [k for k in keys(ask) if k.tags[0] == tag]) for tag in _tags(ask)])


def _group(item: DataSet, group: Sequence[Key]) -> Fit:
    """All keys below one attribute."""
    sort, key = _kind(group), group[0]
    if key.vr == "DT" and len(key.tags) == 1:
        return _moments(key.value, texts(item, key.path))
    return Criterion(sort, tuple(group)).fit(item)


def _dash(text: str) -> int:
    """Where the hyphen of a range of date-times is, -1 where there is none: one before four digits is of a zone."""
    for at, char in enumerate(text):
        if char == "-" and not _ZONED_RANGE.match(text[at : at + 5]):
            return at
        if char == "-" and len(text) > at + 5 and text[at + 5] != "-":
            return at
    return -1


def _moments(wanted: str, held: Sequence[str]) -> Fit:
    if not wanted:
        return True
    if not any(held):
        return None
    at = _dash(wanted)
    if at < 0:
        return fits.either([_same(wanted, text) for text in held])
    low, high = wanted[:at].strip(), wanted[at + 1 :].strip()
    return fits.either([_within(low, high, text) for text in held])


def _same(wanted: str, held: str) -> Fit:
    ours, theirs = stretch(wanted), stretch(held)
    if ours is None or theirs is None:
        return None
    if wanted == held:
        return True
    apart = ours[1] < theirs[0] or theirs[1] < ours[0]
    return False if apart else None  # one is within the other: precision is read in several ways


def _within(low: str, high: str, held: str) -> Fit:
    value, lowest, highest = stretch(held), stretch(low) if low else None, stretch(high) if high else None
    if value is None or (low and lowest is None) or (high and highest is None) or not (low or high):
        return None
    if (lowest and value[1] < lowest[0]) or (highest and value[0] > highest[1]):
        return False
    above = not lowest or value[0] >= lowest[0]
    below = not highest or value[1] <= highest[0] or value == highest  # else it depends on how precision is read
    return True if above and below and not _zones(low, high, held) else None


def _zones(*texts_: str) -> bool:
    """Some say in which zone they are and others do not."""
    said = {bool(re.search(r"[+-]\d{4}\Z", text)) for text in texts_ if text}
    return len(said) > 1


def stretch(text: str) -> tuple[datetime, datetime] | None:
    """A DT value as the first and the last moment that it may mean, None when it is none (PS3.5 6.2).

    What names every part down to the second may go on for all of that second.
    """
    match = _MOMENT.match(text.strip())
    if not match:
        return None
    *parts, fraction, zone = match.groups()
    known = [p for p in parts if p is not None]
    year, month, day, hour, minute, second = (
        int(p if p is not None else f) for p, f in zip(parts, _FIRST, strict=True)
    )
    shift = timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[3:])) if zone else timedelta()
    try:
        first = datetime(year, month, day, hour, minute, min(second, 59), int((fraction or "").ljust(6, "0")),
                         timezone(shift) if zone else UTC)  # fmt: skip
        last = timedelta(microseconds=1) if fraction else _length(len(known), first)
        return first, first + last - timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None


def _length(parts: int, first: datetime) -> timedelta:
    if parts == 1:
        return timedelta(days=366 if first.year % 4 == 0 else 365)
    if parts == 2:
        return timedelta(days=31)
    return (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))[parts - 3]
