"""Knows what a C-FIND asks: level, keys with their VR and kind of matching, and whether it asks by the book.

Must not know responses, but for whether a match meets a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.association import Operation
from harness.exchange import view
from harness.make.identifiers import UNIQUE
from harness.wire import vr
from harness.wire.elements import DataSet, Element
from suites.dimse import models
from suites.dimse.models import CHARSET, LEVEL, TIMEZONE, VIEW
from suites.dimse.reading import dataset, matches, readable, texts, values
from suites.web.search import fits
from suites.web.search.fits import Fit

SINGLE, UID_LIST, UNIVERSAL, WILD_CARD, RANGE, COMBINED, SEQUENCE = (
    "single value", "list of UID", "universal", "wild card", "range", "combined date-time", "sequence",
)  # fmt: skip
DATES = {"00080020": "00080030"}  # Study Date and the time that belongs to it
SAID = frozenset({LEVEL, CHARSET, VIEW, TIMEZONE, models.RETRIEVE_AE, models.AVAILABILITY})
ITEMS = 100  # items and keys of one sequence that are looked at


@dataclass(frozen=True, slots=True)
class Key:
    """One key: dotted path of tags, VR, and its values as they were sent; () for Universal Matching."""

    path: str
    vr: str
    values: tuple[str, ...]

    @property
    def tag(self) -> str:
        return self.path.partition(".")[0]

    @property
    def value(self) -> str:
        return "\\".join(self.values)

    @property
    def universal(self) -> bool:
        """No value, or the asterisk that is equivalent to none (C.2.2.2.3, C.2.2.2.4)."""
        return not self.value or (fits.wild(self.vr, self.value) and not self.value.strip("*"))

    @property
    def where(self) -> str:
        return f"{self.path} {self.value!r}"


@view
def keys(o: Operation) -> Sequence[Key]:
    """All keys of the request, those below sequences by their paths; what only steers the query is left out."""
    return list(_keys(dataset(o, o.request)))


def _keys(found: DataSet, above: str = "") -> Iterator[Key]:
    for tag, element in list(found.elements.items())[:ITEMS]:
        if above or not (tag in SAID or tag.endswith("0000")):
            yield from _key(found, element, f"{above}.{tag}" if above else tag)


def _key(found: DataSet, element: Element, path: str) -> Iterator[Key]:
    inner = [key for item in (element.items or ())[:1] for key in _keys(item, path)]
    if inner:
        yield from inner
    else:
        yield Key(path, element.vr, tuple(values(found, element)) if element.value else ())


def level(o: Operation) -> str:
    """The level that is asked for, '' when it is none of the model."""
    asked = models.level(dataset(o, o.request))
    return asked if asked in models.levels(o) else ""


def key(o: Operation, path: str) -> Key | None:
    return next((k for k in keys(o) if k.path == path), None)


@view
def lawful(o: Operation) -> bool:
    """The request is one that every SCP has to process: hierarchical, or relational where that was agreed (C.4.1.2)."""
    if not readable(o, o.request) or not level(o) or o.facts.get("provoked"):
        return False
    return bool(relational(o)) or not list(departures(o))


def relational(o: Operation) -> bool:
    return models.option(o, models.RELATIONAL)


def departures(o: Operation) -> Iterator[tuple[str, str]]:
    """(got, want) for what baseline behavior of an SCU does not allow in the keys of the request (C.4.1.2.1)."""
    at = level(o)
    above = models.unique_above(o, at)
    for path in above:
        asked = key(o, path)
        if asked is None or len(asked.values) != 1 or not asked.value or fits.wild(asked.vr, asked.value):
            got = "no key" if asked is None else repr(asked.value)
            yield f"{path}: {got}", "one single value in the unique key of each level above"
    names = models.levels(o)
    for asked in keys(o):
        home = models.level_of(o, asked.path)
        if home and names.index(home) < names.index(at) and asked.path not in above:
            yield f"{asked.path} of level {home}", f"no required or optional keys above {at}"


def supported(o: Operation, asked: Key) -> bool:
    """The SCP has to match this key: unique or required at the level, unique above, or anywhere when relational."""
    at = level(o)
    names = models.levels(o)
    near = names[: names.index(at) + 1] if relational(o) else (at,)
    due = {path for name in near for path in models.required(o, name)}
    return asked.path in due or asked.path in models.unique_above(o, at)


def kind(o: Operation, asked: Key) -> str:
    """Which kind of matching the value asks for (C.2.2.2)."""
    if asked.universal:
        return UNIVERSAL
    if "." in asked.path:
        return SEQUENCE
    if asked.vr == "UI":
        return UID_LIST if len(asked.values) > 1 else SINGLE
    if fits.wild(asked.vr, asked.value):
        return WILD_CARD
    return RANGE if asked.vr in ("DA", "TM", "DT") and "-" in asked.value else SINGLE


def fit(o: Operation, asked: Key, match: DataSet) -> Fit:
    """Whether a match meets a key: True surely, False surely not, None when open or when the match does not tell."""
    if asked.universal:
        return True
    if asked.tag not in match.elements or _arguable(o, asked):
        return None
    held = texts(match, asked.path)
    if asked.vr == "UI":
        # an empty unique key would be a flaw of its own; of other UIDs an empty one may match (C.2.2.1.2)
        return fits.either([fits.fit("UI", value, held) for value in asked.values])
    if vr.SINGLE & {asked.vr} or len(asked.values) == 1:
        return fits.fit(asked.vr, asked.value, held)
    return None


def _arguable(o: Operation, asked: Key) -> bool:
    """What was negotiated or sent leaves the outcome to the SCP, or another rule judges the pair."""
    if asked.vr == "PN":
        return models.option(o, models.FUZZY)
    if asked.vr not in ("DA", "TM", "DT"):
        return False
    zoned = TIMEZONE in dataset(o, o.request).elements or models.option(o, models.ZONED)
    return zoned or (models.option(o, models.COMBINED) and any(asked.path in pair for pair in pairs(o)))


def pairs(o: Operation) -> list[tuple[str, str]]:
    """Dates and times that combine when that was negotiated: both ranges of the same form (C.2.2.2.5.4)."""
    found = []
    for date, time in DATES.items():
        one, other = key(o, date), key(o, time)
        if one and other and fits.combinable(one.value, other.value):
            found.append((date, time))
    return found


def met(o: Operation, match: DataSet) -> Fit:
    """Whether a match meets every key that the SCP has to match."""
    return fits.both([fit(o, k, match) for k in keys(o) if supported(o, k)])


def own(o: Operation, match: DataSet) -> str:
    """The unique key of a match at the level of the query, '' when it is not there."""
    return next(iter(texts(match, UNIQUE.get(level(o), ""))), "")


def owns(o: Operation) -> list[str]:
    """The unique keys of all matches, in order."""
    return [own(o, match) for match in matches(o)]
