"""Knows whether the values of a row meet a matching key, by PS3.4 C.2.2.2: yes, surely not, or open.

Must not know where the values come from. Open (None) is whatever the text leaves to the implementation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from suites.web.search import moments
from suites.web.search.asked import WILD_VRS
from suites.web.search.moments import Range

Fit = bool | None

NARRATIVE = frozenset({"LT", "ST", "UT", "UR"})  # a backslash is text there


def either(fits: Sequence[Fit]) -> Fit:
    """One of several values is enough."""
    if any(fit is True for fit in fits):
        return True
    return None if any(fit is None for fit in fits) else False


def both(fits: Sequence[Fit]) -> Fit:
    """All of them have to."""
    if any(fit is False for fit in fits):
        return False
    return None if any(fit is None for fit in fits) else True


def wild(vr: str, value: str) -> bool:
    """Wild Card Matching applies (C.2.2.2.4)."""
    return vr in WILD_VRS and ("*" in value or "?" in value)


def ranged(vr: str, value: str) -> bool:
    """Range Matching applies (C.2.2.2.5)."""
    return vr in ("DA", "TM") and "-" in value


def fit(vr: str, wanted: str, held: Sequence[str]) -> Fit:
    """Whether an attribute with these values matches one value of a key; no value at all is ''."""
    if not wanted or (wanted == "*" and vr in WILD_VRS):
        return True
    if "\\" in wanted and vr not in NARRATIVE:
        return None
    if not any(value.strip(" ^=") for value in held):
        return None  # what has no value is unknown, and may match any key (PS3.4 C.2.2.1.2)
    return either([_one(vr, wanted, value) for value in held or [""]])


def _one(vr: str, wanted: str, held: str) -> Fit:
    if not held.strip() and vr not in WILD_VRS:
        return False
    if vr == "PN":
        return _name_wild(wanted, held) if wild(vr, wanted) else _name(wanted, held)
    if vr in WILD_VRS:
        return _text_wild(wanted, held) if wild(vr, wanted) else wanted.strip() == held.strip()
    if vr == "DA":
        return _date(wanted, held)
    if vr == "TM":
        return _time(wanted, held)
    if vr == "UI":
        return None if "*" in wanted or "?" in wanted else wanted.rstrip(" \0") == held.rstrip(" \0")
    return _integer(wanted, held) if vr == "IS" else None


def _integer(wanted: str, held: str) -> Fit:
    form = r"\s*[+-]?[0-9]{1,18}\s*\Z"
    if not re.match(form, wanted) or not re.match(form, held):
        return None
    return int(wanted) == int(held)


def _text_wild(wanted: str, held: str) -> Fit:
    pattern = _pattern(wanted, ".*", ".")
    return any(re.match(pattern, text, re.DOTALL) for text in (held, held.strip()))


def _pattern(wanted: str, many: str, one: str) -> str:
    return "".join(many if c == "*" else one if c == "?" else re.escape(c) for c in wanted) + r"\Z"


def fold(name: str) -> str:
    """A name without case, accents, width and empty components: all that literal matching may overlook."""
    text = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).casefold()
    return re.sub(r"\s+", " ", re.sub(r"\s*([=^])\s*", r"\1", text)).strip().rstrip("^ =")


def _groups(name: str) -> list[str]:
    return [name, *(g for g in name.split("=") if g)]


def _name(wanted: str, held: str) -> Fit:
    """PN without wild cards: literal, and free to overlook case, position, accent (C.2.2.2.1.1)."""
    if wanted == held and "=" not in held:
        return True
    if not held.strip(" ^="):
        return False if wanted.strip(" ^=") else None
    folded = {fold(g) for g in _groups(held)}
    return None if any(fold(g) in folded for g in _groups(wanted)) else False


def _name_wild(wanted: str, held: str) -> Fit:
    """PN with wild cards is left to the implementation (C.2.2.2.4), but not as far as to ignore the letters."""
    # '*' at the end runs over everything; before it, over one component, where every reading agrees
    inner, last = (wanted[:-1], True) if wanted.endswith("*") else (wanted, False)
    sure = _pattern(inner, "[^=^]*", "[^=^]").removesuffix(r"\Z") + (".*" if last else "") + r"\Z"
    if "=" not in held and "=" not in wanted and re.match(sure, held, re.DOTALL):
        return True
    pieces = [p for p in re.split(r"[*?=^ ]+", fold(wanted)) if p]
    text = fold(held)
    return None if all(p in text for p in pieces) else False


def _date(wanted: str, held: str) -> Fit:
    value = moments.day(held)
    if value is None:
        return None
    if "-" not in wanted:
        single = moments.day(wanted)
        return None if single is None else single == value
    return _within(Range(*(moments.day(end) if end else None for end in moments.ends(wanted))), wanted, value)


def _time(wanted: str, held: str) -> Fit:
    value = moments.time(held)
    if value is None:
        return None
    if "-" not in wanted:
        single = moments.time(wanted)
        if single is None:
            return None
        if wanted.strip() == held.strip():
            return True
        return None if single.low <= value.end and value.low <= single.end else False
    return _within(Range(*(moments.time(end) if end else None for end in moments.ends(wanted))), wanted, value)


def _within(range_: Range, wanted: str, value: moments.Stretch) -> Fit:
    low, high = moments.ends(wanted)
    if (low and range_.low is None) or (high and range_.high is None) or not (low or high):
        return None
    if range_.low and range_.high and range_.low.low > range_.high.end:
        return None  # nothing is said of a range whose ends are reversed
    return range_.holds(value)


def combinable(date: str, time: str) -> bool:
    """Both are ranges of the same form, so that they match as one stretch of time (C.2.2.2.5.4)."""
    if "-" not in date or "-" not in time:
        return False
    return [bool(end) for end in moments.ends(date)] == [bool(end) for end in moments.ends(time)]


def combined(date: str, time: str, held_date: str, held_time: str) -> Fit:
    """A date range and a time range as one, against a date and a time."""
    day = _date(date, held_date) if held_date.strip() else None
    if day is False:
        return False  # outside the days altogether, whatever the time
    if day is None or not held_time.strip():
        return None
    pairs = list(zip(moments.ends(date), moments.ends(time), strict=True))
    low, high = (moments.moment(d, t) if d else None for d, t in pairs)
    value = moments.moment(held_date, held_time)
    if value is None or any((d and stretch is None) for (d, _), stretch in zip(pairs, (low, high), strict=True)):
        return None
    return Range(low, high).holds(value)
