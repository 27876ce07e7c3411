"""Knows attribute matching of PS3.4 C.2.2.2 as pure functions over attribute objects of the DICOM JSON Model.

Must not know how entities are stored, found or returned.

Choices where the clause leaves one: names match whatever their case, accents count, and a key without "=" matches any
component group; trailing empty components do not count. Padding spaces never count. Dates and times match by meaning.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from harness.wire.uri import valid_uid
from simulators.archive.levels import NEVER_MATCHED, TIMEZONE, is_private, offered, within
from simulators.archive.question import BadValue, Key, TagPath
from simulators.archive.when import MIDNIGHT, VR, Range, read_range, read_time, read_value, read_zone
from simulators.model.scan import dictionary_vr

Attribute = Mapping[str, Any]  # {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}
Entity = Mapping[str, Attribute]  # tag -> attribute, as far as it has any

WILD = frozenset(["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"])  # PS3.4 C.2.2.2.4
_TEMPORAL = frozenset(("DA", "TM", "DT"))
_BINARY = frozenset(["OB", "OD", "OF", "OL", "OV", "OW"])
_WHOLE = frozenset(["IS", "SL", "SS", "SV", "UL", "US", "UV"]) | {"US or SS"}
_DECIMAL = frozenset(["DS", "FD", "FL"])
_AGE = re.compile(r"[0-9]{3}[DWMY]\Z")
_TAG = re.compile(r"[0-9A-Fa-f]{8}\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,64}\.?[0-9]{0,64}|\.[0-9]{1,64})(?:[eE][+-]?[0-9]{1,3})?\Z")

# A date and the time of day that belongs to it (PS3.4 C.2.2.2.5.4).
PAIRS = {
    "00080012": "00080013", "00080020": "00080030", "00080021": "00080031", "00080022": "00080032",
    "00080023": "00080033", "00100030": "00100032", "00380020": "00380021", "00400002": "00400003",
    "00400004": "00400005", "00400244": "00400245", "00400250": "00400251",
}  # fmt: skip
_DATE_OF = {time: day for day, time in PAIRS.items()}
_BIRTH = frozenset(("00100030", "00100032"))  # not moved into another time zone: a birthday stays a birthday


@dataclass(frozen=True)
class Reading:
    """How a request wants its keys read; see Question. `zone` is its Timezone Offset From UTC."""

    empty_value: bool = False
    multiple_value: bool = False
    unknown_matches: bool = False
    zone: timedelta | None = None
    combined: bool = True


@dataclass(frozen=True)
class Condition:
    """One thing that an entity has to fulfil; `reads` are the top-level tags it looks at.

    `items`, for a condition on a sequence, tells whether one item of it matches.
    """

    tag: str
    reads: frozenset[str]
    holds: Callable[[Entity], bool]
    items: Callable[[Entity], bool] | None = None


Test = Callable[[Any], bool]  # of one value of an attribute


def supported(path: TagPath, levels: tuple[str, ...]) -> bool:
    """Whether a key or an includefield of this path means something in a search at these levels (PS3.18 10.6.1.2.1)."""
    if not path or not all(_TAG.match(tag) for tag in path):
        return False
    if not offered(path[0]) or not within(path[0], levels[-1]):
        return False
    vrs = [dictionary_vr(int(tag, 16)) for tag in path]
    if any(vr != "SQ" and not is_private(tag) for vr, tag in zip(vrs[:-1], path[:-1], strict=True)):
        return False
    return is_private(path[-1]) or (vrs[-1] != "UN" and not _BINARY & set(vrs[-1].split(" or ")))


def conditions(keys: Iterable[Key], reading: Reading) -> list[Condition]:
    """What the keys of one level of nesting ask for; BadValue for a value that its VR does not allow."""
    plain: dict[str, Key] = {}
    nested: dict[str, list[Key]] = {}
    for key in keys:
        tag = key.path[0]
        if len(key.path) > 1:
            nested.setdefault(tag, []).append(Key(key.path[1:], key.values))
        elif tag not in NEVER_MATCHED and any(key.values):
            plain[tag] = key
    made = _pairs(plain, reading)
    made += [_single(key, reading) for key in plain.values()]
    made += [_sequence(tag, below, reading) for tag, below in nested.items()]
    return [condition for condition in made if condition is not None]


def values(entity: Entity, tag: str) -> list[Any]:
    """The values of an attribute without the empty ones; [] when it is absent."""
    attribute = entity.get(tag)
    if attribute is None:
        return []
    if "InlineBinary" in attribute:
        octets = base64.b64decode(attribute["InlineBinary"])
        return [v for v in octets.decode("utf-8", "replace").rstrip(" \0").split("\\") if v]
    return [v for v in attribute.get("Value", ()) if v not in (None, "")]


# --- one attribute -------------------------------------------------------------------------------------------------


def _single(key: Key, reading: Reading) -> Condition | None:
    tag = key.path[0]
    vr = dictionary_vr(int(tag, 16))
    asked = _asked(key, vr, reading)
    if reading.empty_value and '""' in asked:
        return Condition(tag, frozenset((tag,)), lambda entity: not values(entity, tag))
    if vr == "SQ":
        raise BadValue(tag, "a sequence is matched by attributes of its items, not by a value")
    if vr in _BINARY:
        raise BadValue(tag, f"an attribute of VR {vr} cannot be matched")
    if vr in WILD and any(set(value) == {"*"} for value in asked):
        return None  # PS3.4 C.2.2.2.4: the same as universal matching
    if vr in _TEMPORAL:
        return _temporal(tag, cast(VR, vr), asked, reading)
    test = any_of([test_of(tag, vr, value) for value in asked])
    return Condition(tag, frozenset((tag,)), _over_values(tag, test, reading))


def _asked(key: Key, vr: str, reading: Reading) -> list[str]:
    """The values that are asked for, each on its own."""
    asked = list(key.values)
    if vr == "UI" or reading.multiple_value:
        asked = [piece for value in asked for piece in value.split("\\")]
        if vr == "UI" and not all(value.strip(" \0") for value in asked):
            raise BadValue(key.path[0], "a list of UIDs has an empty place")
        return [value for value in asked if value]
    if len(asked) > 1:
        raise BadValue(key.path[0], "one value is expected; only UIDs may come as a list (PS3.18 8.3.4.1)")
    return asked


def _over_values(tag: str, test: Test, reading: Reading) -> Callable[[Entity], bool]:
    def holds(entity: Entity) -> bool:
        found = values(entity, tag)
        return any(map(test, found)) if found else reading.unknown_matches

    return holds


def any_of(tests: Sequence[Test]) -> Test:
    """True when one of them is."""
    return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)


def test_of(tag: str, vr: str, value: str) -> Test:
    """The test of single value or wild card matching for one value of a key; BadValue when the VR forbids it."""
    if vr == "UN":
        return _unknown(value)
    if vr == "PN":
        return _name(value)
    if vr in WILD:
        return _text(vr, value)
    value = value.strip(" \0")
    if vr in _WHOLE or vr in _DECIMAL:
        return _number(tag, vr, value)
    if vr == "UI" and not valid_uid(value):
        raise BadValue(tag, f"{value[:80]!r} is no UID")
    if vr == "AS" and not _AGE.match(value):
        raise BadValue(tag, f"{value[:80]!r} is no age, which is three digits and one of D, W, M, Y")
    if vr == "AT":
        if not _TAG.match(value):
            raise BadValue(tag, f"{value[:80]!r} is no tag, which is eight hexadecimal digits")
        value = value.upper()
    return lambda held: bool(str(held) == value)


def _text(vr: str, value: str) -> Test:
    pattern = value.strip(" \0") if vr in ("AE", "CS") else value.rstrip(" \0")
    if "*" in pattern or "?" in pattern:
        return lambda held: wild(pattern, str(held))
    return lambda held: bool(str(held) == pattern)


def _number(tag: str, vr: str, value: str) -> Test:
    if not _NUMBER.match(value):
        raise BadValue(tag, f"{value[:80]!r} is no number")
    wanted = Decimal(value)
    if vr in _WHOLE and wanted != wanted.to_integral_value():
        raise BadValue(tag, f"{value[:80]!r} is no whole number")

    def holds(held: Any) -> bool:
        try:
            return Decimal(str(held).strip()) == wanted
        except InvalidOperation:
            return False

    return holds


def _unknown(value: str) -> Test:
    """A private attribute: how it is compared follows from what is stored."""
    name, text = _name(value), _text("LO", value)
    number = _number("", "DS", value.strip()) if _NUMBER.match(value.strip()) else None

    def holds(held: Any) -> bool:
        if isinstance(held, Mapping):
            return name(held)
        if isinstance(held, (int, float)):
            return number is not None and number(held)
        return text(held)

    return holds


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().rstrip(" \0").rstrip("^")


def _name(value: str) -> Test:
    """PN: groups as PS3.5 6.2.1 has them; an empty group of a key is universal."""
    wanted = [_fold(group) for group in value.rstrip(" \0").split("=")]

    def holds(held: Any) -> bool:
        groups = held if isinstance(held, Mapping) else {"Alphabetic": str(held)}
        texts = [_fold(str(groups.get(g) or "")) for g in ("Alphabetic", "Ideographic", "Phonetic")]
        if len(wanted) == 1:
            return any(_group(wanted[0], text) for text in texts if text)
        return len(wanted) <= 3 and all(not w or _group(w, t) for w, t in zip(wanted, texts, strict=False))

    return holds


def _group(wanted: str, text: str) -> bool:
    if "*" not in wanted and "?" not in wanted:
        return wanted == text
    # "Doe^*" also finds a name that ends after the family name: the carets left out there are none the less meant
    return wild(wanted, text) or wild(wanted, text + "^" * max(0, wanted.count("^") - text.count("^")))


def wild(pattern: str, text: str) -> bool:
    """'*' is any run of characters, '?' any single one; linear in the text for every piece between stars."""
    first, *rest = pattern.split("*")
    if not rest:
        return len(text) == len(first) and _fits(first, text, 0)
    last = rest.pop()
    if len(text) < len(first) + len(last) or not (_fits(first, text, 0) and _fits(last, text, len(text) - len(last))):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in rest:
        at = _find(piece, text, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _fits(piece: str, text: str, at: int) -> bool:
    if "?" not in piece:
        return text.startswith(piece, at)
    return len(text) >= at + len(piece) and all(p in ("?", t) for p, t in zip(piece, text[at:], strict=False))


def _find(piece: str, text: str, at: int, end: int) -> int:
    if "?" not in piece:
        return text.find(piece, at, end)
    return next((i for i in range(at, end - len(piece) + 1) if _fits(piece, text, i)), -1)


# --- dates and times -----------------------------------------------------------------------------------------------


def _range(tag: str, vr: VR, value: str, reading: Reading) -> Range:
    found = read_range(vr, value.strip(" \0"), reading.zone)
    if found is None:
        raise BadValue(tag, f"{value[:80]!r} is no {vr} and no range of them")
    return found


def _temporal(tag: str, vr: VR, asked: list[str], reading: Reading) -> Condition:
    ranges = [_range(tag, vr, value, reading) for value in asked]
    if any(r.backwards for r in ranges):
        raise BadValue(tag, "the range ends before it begins")

    def holds(entity: Entity) -> bool:
        moments = _moments(entity, tag, vr, reading)
        return any(r.holds(m) for m in moments for r in ranges) if moments else reading.unknown_matches

    other = PAIRS.get(tag) or _DATE_OF.get(tag)
    reads = {tag, other, TIMEZONE} if other and reading.zone is not None else {tag, TIMEZONE}
    return Condition(tag, frozenset(t for t in reads if t), holds)


def _pairs(plain: dict[str, Key], reading: Reading) -> list[Condition | None]:
    """Take date and time keys that are ranges of the same form out of `plain`, as one range (PS3.4 C.2.2.2.5.4)."""
    made: list[Condition | None] = []
    for day, time in PAIRS.items() if reading.combined else ():
        if day not in plain or time not in plain:
            continue
        dates, times = plain[day].values, plain[time].values
        if len(dates) != 1 or len(times) != 1 or (reading.empty_value and '""' in (*dates, *times)):
            continue
        first, last = _range(day, "DA", dates[0], reading), _range(time, "TM", times[0], reading)
        if first.form == last.form != "single":
            del plain[day], plain[time]
            made.append(_combined(day, time, first, last, reading))
    return made


def _combined(day: str, time: str, dates: Range, times: Range, reading: Reading) -> Condition:
    both = Range(_joined(dates.low, times.low), _joined(dates.high, times.high), dates.form)
    if both.backwards:
        raise BadValue(day, "the range of date and time ends before it begins")

    def holds(entity: Entity) -> bool:
        if not values(entity, day) or not values(entity, time):
            return reading.unknown_matches
        return any(both.holds(moment) for moment in _local(entity, day, time, reading))

    return Condition(day, frozenset((day, time, TIMEZONE)), holds)


def _joined(day: datetime | None, clock: datetime | None) -> datetime | None:
    return datetime.combine(day.date(), clock.time()) if day is not None and clock is not None else None


def _moments(entity: Entity, tag: str, vr: VR, reading: Reading) -> list[datetime]:
    """The first moments of the stored values, in the zone of the request."""
    if vr == "DT":
        zone = _zone(entity)
        spans = [read_value(vr, str(v), zone if zone is not None else reading.zone) for v in values(entity, tag)]
        return [span.low for span in spans if span is not None]
    shift = _shift(entity, tag, reading)
    day, time = (tag, PAIRS.get(tag, "")) if vr == "DA" else (_DATE_OF.get(tag, ""), tag)
    if shift and values(entity, day) and values(entity, time):
        moved = _local(entity, day, time, reading)
        return moved if vr == "DA" else [datetime.combine(MIDNIGHT, m.time()) for m in moved]
    spans = [read_value(vr, str(v)) for v in values(entity, tag)]
    found = [span.low for span in spans if span is not None]
    # a date without its time cannot be moved; a time without its date goes around the clock
    return [datetime.combine(MIDNIGHT, (m + shift).time()) for m in found] if vr == "TM" else found


def _local(entity: Entity, day: str, time: str, reading: Reading) -> list[datetime]:
    shift = _shift(entity, day, reading)
    found = []
    for one, clock in zip(values(entity, day), values(entity, time), strict=False):
        span = read_value("DA", str(one))
        moment = read_time(str(clock), span.low.date()) if span is not None else None
        if moment is not None:
            found.append(_moved(moment.low, shift))
    return found


def _moved(moment: datetime, shift: timedelta) -> datetime:
    try:
        return moment + shift
    except OverflowError:  # the first or last day that there is
        return moment


def _zone(entity: Entity) -> timedelta | None:
    found = values(entity, TIMEZONE)
    return read_zone(str(found[0])) if found else None


def _shift(entity: Entity, tag: str, reading: Reading) -> timedelta:
    """From the zone of the stored values to that of the request; none when either is not known."""
    stored = _zone(entity)
    if stored is None or reading.zone is None or tag in _BIRTH:
        return timedelta()
    return reading.zone - stored


# --- sequences -----------------------------------------------------------------------------------------------------


def _sequence(tag: str, keys: list[Key], reading: Reading) -> Condition | None:
    """All the keys of one sequence have to match in one and the same item (PS3.4 C.2.2.2.6)."""
    below = conditions(keys, reading)
    if not below:
        return None

    def fits(item: Entity) -> bool:
        return all(condition.holds(item) for condition in below)

    def holds(entity: Entity) -> bool:
        items = values(entity, tag)
        if not items:
            # no item can have the attribute: that is what empty value matching asks for, and else it is unknown
            return reading.unknown_matches or fits({})
        return any(isinstance(item, Mapping) and fits(item) for item in items)

    return Condition(tag, frozenset((tag,)), holds, fits)


def day_bounds(value: str) -> tuple[str, str] | None:
    """The first and last day of a DA key as eight digits, for a first selection; None when it is no such key."""
    found = read_range("DA", value.strip(" \0"))
    if found is None:
        return None
    low = found.low.date() if found.low is not None else date.min
    high = found.high.date() if found.high is not None else date.max
    return low.strftime("%Y%m%d").rjust(8, "0"), high.strftime("%Y%m%d").rjust(8, "0")
