"""Knows the criteria that a search sets, by kind of matching, and whether a row meets them.

Must not know status codes, pages, or what the archive holds beyond the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.exchange import Exchange, view
from harness.wire import dicom_json
from harness.wire.dicom_json import DataSet
from suites.web.search import asked, fits
from suites.web.search.asked import Key
from suites.web.search.fits import Fit
from suites.web.search.rows import texts, warnings

SINGLE, UID_LIST, UNIVERSAL, WILDCARD, RANGE, COMBINED, SEQUENCE, EMPTY, MULTIPLE = (
    "single value", "list of UID", "universal", "wild card", "range", "combined date-time", "sequence", "empty value",
    "multiple value",
)  # fmt: skip
EMPTY_VALUE = '""'
PAIRS = {"00080020": "00080030", "00400244": "00400245"}  # dates and the times that belong to them


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a match has to meet: a key, a date with its time, or all keys below one sequence.

    `arguable` when the text leaves the outcome to the server whatever a row holds.
    """

    kind: str
    keys: tuple[Key, ...]
    arguable: bool = False

    @property
    def where(self) -> str:
        return "; ".join(key.where for key in self.keys)

    def fit(self, row: DataSet) -> Fit:
        """Whether the row meets it: True surely, False surely not, None when open or when the row does not tell."""
        if self.kind == UNIVERSAL:
            return True
        if self.arguable or any(key.tags[0] not in row for key in self.keys):
            return None
        if self.kind == COMBINED:
            date, time = self.keys
            held = [next(iter(texts(row, key.path)), "") for key in self.keys]
            return fits.combined(date.value, time.value, *held)
        if self.kind == SEQUENCE:
            return _items(row, self.keys, 0)
        return _attribute(self.kind, self.keys[0], texts(row, self.keys[0].path))


def _attribute(kind: str, key: Key, held: Sequence[str]) -> Fit:
    if kind == EMPTY:
        return not any(held)
    if kind == MULTIPLE:
        return fits.either([fits.fit(key.vr, word, held) for word in _words(key)])
    if kind == UID_LIST:
        return fits.either([fits.fit(key.vr, value, held) for value in key.values])
    return fits.fit(key.vr, key.value, held)


def _words(key: Key) -> list[str]:
    return [word for value in key.values for word in value.split("\\")]


def _items(row: Mapping[str, Any], keys: Sequence[Key], depth: int) -> Fit:
    """At least one item meets every key below the sequence at this depth of their paths (C.2.2.2.6)."""
    if all(_anything(key) for key in keys):
        return True
    items = [item for item in dicom_json.values(row, keys[0].tags[depth]) if isinstance(item, Mapping)]
    if not items:
        return None  # a sequence without items is unknown, as any attribute without a value (PS3.4 C.2.2.1.2)
    return fits.either([_item(item, keys, depth + 1) for item in items])


def _anything(key: Key) -> bool:
    """Universal Matching, or the asterisk that is equivalent to it (C.2.2.2.3, C.2.2.2.4)."""
    return key.universal or (not key.value.strip("*") and fits.wild(key.vr, key.value))


def _item(item: Mapping[str, Any], keys: Sequence[Key], depth: int) -> Fit:
    outcome: list[Fit] = []
    for key in keys:
        if len(key.tags) - depth > 1:
            outcome.append(_items(item, [key], depth))
        elif key.tags[depth] not in item:
            outcome.append(True if _anything(key) else None)
        else:
            kind = UID_LIST if key.vr == "UI" else SINGLE
            outcome.append(_attribute(kind, key, texts(item, key.tags[depth])))
    return fits.both(outcome)


@view
def criteria(x: Exchange) -> list[Criterion]:
    """The criteria that the resource has to apply; keys that a server may ignore are left out."""
    keys = [key for key in asked.keys(x.ask) if asked.required(x, key)]
    zoned = asked.timezone(x.ask)
    taken: set[str] = set()
    made: list[Criterion] = []
    for pair in _pairs(keys):
        made.append(Criterion(COMBINED, pair, zoned))
        taken |= {key.path for key in pair}
    for tag in dict.fromkeys(k.tags[0] for k in keys if len(k.tags) > 1):
        group = tuple(k for k in keys if len(k.tags) > 1 and k.tags[0] == tag)
        loose = any(_kind(x, key) in (EMPTY, MULTIPLE) for key in group)
        made.append(Criterion(UNIVERSAL if all(_anything(k) for k in group) else SEQUENCE, group, loose))
    for key in keys:
        if key.path not in taken and len(key.tags) == 1:
            made.append(Criterion(_kind(x, key), (key,), _arguable(x, key, zoned)))
    return made


def _pairs(keys: Sequence[Key]) -> Iterator[tuple[Key, Key]]:
    named = {key.path: key for key in keys}
    for date, time in PAIRS.items():
        if date in named and time in named and fits.combinable(named[date].value, named[time].value):
            yield named[date], named[time]


def _kind(x: Exchange, key: Key) -> str:
    if key.value == EMPTY_VALUE and performs(x, "emptyvaluematching"):
        return EMPTY
    if key.vr != "UI" and performs(x, "multiplevaluematching") and (len(key.values) > 1 or "\\" in key.value):
        return MULTIPLE
    if _anything(key):
        return UNIVERSAL
    if key.vr == "UI":
        return UID_LIST if len(key.values) > 1 else SINGLE
    if fits.wild(key.vr, key.value):
        return WILDCARD
    return RANGE if fits.ranged(key.vr, key.value) else SINGLE


def _arguable(x: Exchange, key: Key, zoned: bool) -> bool:
    if key.vr == "PN" and asked.flag(x.ask, "fuzzymatching") and not refuses(x, "fuzzymatching"):
        return True
    if key.vr in ("DA", "TM") and zoned:
        return True
    if _kind(x, key) in (EMPTY, MULTIPLE) and x.context is not None and x.context.edition < "2023e":
        return True
    # a server may or may not know these two, and older editions do not
    loose = asked.flag(x.ask, "emptyvaluematching") and EMPTY_VALUE in key.value
    return loose and not performs(x, "emptyvaluematching") and not refuses(x, "emptyvaluematching")


def refuses(x: Exchange, option: str) -> bool:
    """A Warning says that this option is not supported."""
    return any(option in value for value in warnings(x))


def performs(x: Exchange, option: str) -> bool:
    """The option is asked for, and no Warning says that it was not performed (8.3.4.2, 8.3.4.5, 8.3.4.6)."""
    return asked.flag(x.ask, option) and not refuses(x, option)


def keyed(x: Exchange, row: DataSet) -> Fit:
    """Whether the row meets everything that the resource has to apply."""
    return fits.both([c.fit(row) for c in criteria(x)])
