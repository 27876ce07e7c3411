"""Rules of PS3.4 C.2.2.2 on the matches of a C-FIND: each of them meets the keys it was found by.

Must not know what else the archive holds: a match that is missing is judged elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from harness.association import Operation
from harness.rule import DOOR, SCP, Finding, operation
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend, models
from suites.dimse.bend import Door
from suites.dimse.find import asked
from suites.dimse.find.asked import RANGE, SINGLE, UID_LIST, WILD_CARD, Key
from suites.dimse.reading import matches, text, texts
from suites.web.search import fits

ON = "dimse.query-retrieve.find"
KEEP = 3


def told(o: Operation, *kinds: str) -> list[Key]:
    """The supported keys of these kinds that at least one match lets itself be measured by."""
    held = matches(o)
    if not held or not asked.lawful(o):
        return []
    keys = [k for k in asked.keys(o) if asked.kind(o, k) in kinds and asked.supported(o, k)]
    return [k for k in keys if any(asked.fit(o, k, match) is not None for match in held)]


def strangers(o: Operation, *kinds: str) -> Iterator[Finding]:
    """Matches that surely do not meet a key of these kinds."""
    held = matches(o)
    for key in told(o, *kinds):
        wrong = [n for n, match in enumerate(held) if asked.fit(o, key, match) is False]
        for n in wrong[:KEEP]:
            shown = "\\".join(texts(held[n], key.path)) or "empty"
            place = f"{o.where()}, match {n + 1} of {len(held)}, {asked.own(o, held[n])}"
            yield Finding(f"{key.path} {shown!r}", key.where, place)


def rewriting(request: Sent, change: Callable[[str, str], str | None]) -> Sent:
    """A C-FIND request with the value of each string key changed; None leaves it empty."""
    octets = bend.octets_of(request)
    found = bend.pieces(octets) if bend.is_request(request, "find") and octets else None
    if found is None:
        return request
    made = [(t, v, _rewritten(t, v, value, change)) for t, v, value in found]
    return request.carrying(bend.together(made, bend.explicit(octets))) if made != found else request


def _rewritten(tag: str, vr: str, value: bytes, change: Callable[[str, str], str | None]) -> bytes:
    if vr not in _STRINGS or tag in _STEERING:
        return value
    text = value.decode("utf-8", "surrogateescape").rstrip(" \0")
    new = (change(tag, text) or "").encode("utf-8", "surrogateescape")
    if new.decode("utf-8", "surrogateescape") == text:
        return value
    return new + (b"\0" if vr == "UI" else b" ") if len(new) % 2 else new


_STEERING = frozenset({models.LEVEL, models.CHARSET})
_STRINGS = frozenset({"AE", "CS", "DA", "IS", "LO", "PN", "SH", "TM", "UI"})
_UIDS = frozenset({"0020000D", "0020000E", "00080018"})
_DATED = frozenset({"00080020", "00080030"})


def _plain(path: str, value: str) -> bool:
    return path not in _UIDS and bool(value) and not set(value) & set("*?-\\")


@operation(
    "find.single-value",
    cites="PS3.4 C.2.2.2.1",
    verifies=("SV-FND-005", "SV-FND-018"),
    on=ON,
    who=SCP,
    when=lambda o: bool(told(o, SINGLE)),
    says="A key with one plain value finds only what has exactly that value.",
)
def single_value(o: Operation) -> Iterator[Finding]:
    return strangers(o, SINGLE)


@single_value.mutant(at=DOOR)
def ignores_plain_values(request: Sent, door: Door) -> Iterable[Sent]:
    """Keys with one plain value are not looked at, but for unique ones."""
    return door(rewriting(request, lambda path, value: None if _plain(path, value) else value))


@single_value.mutant(at=DOOR)
def plain_values_are_prefixes(request: Sent, door: Door) -> Iterable[Sent]:
    """A plain text finds whatever begins with it."""
    numbers = {"00200011", "00200013"} | _DATED
    return door(rewriting(request, lambda p, v: f"{v}*" if _plain(p, v) and p not in numbers else v))


@operation(
    "find.uid-list",
    cites="PS3.4 C.2.2.2.2",
    verifies="SV-FND-006",
    on=ON,
    who=SCP,
    when=lambda o: bool(told(o, UID_LIST)),
    says="A list of UIDs finds only what has one of them.",
)
def uid_list(o: Operation) -> Iterator[Finding]:
    return strangers(o, UID_LIST)


@uid_list.mutant(at=DOOR)
def ignores_uid_lists(request: Sent, door: Door) -> Iterable[Sent]:
    """A list of UIDs finds everything."""
    return door(rewriting(request, lambda path, value: None if path in _UIDS and "\\" in value else value))


@operation(
    "find.wild-card",
    cites="PS3.4 C.2.2.2.4",
    verifies="SV-FND-008",
    on=ON,
    who=SCP,
    when=lambda o: bool(told(o, WILD_CARD)),
    says="A key with * or ? finds only what its pattern describes: * any characters, ? exactly one.",
)
def wild_card(o: Operation) -> Iterator[Finding]:
    return strangers(o, WILD_CARD)


def _wild(path: str, value: str) -> bool:
    return path not in _UIDS | _DATED and bool(set(value) & set("*?"))


@wild_card.mutant(at=DOOR)
def one_character_is_many(request: Sent, door: Door) -> Iterable[Sent]:
    """A question mark stands for any number of characters."""
    return door(rewriting(request, lambda p, v: v.replace("?", "*") if _wild(p, v) else v))


@wild_card.mutant(at=DOOR)
def patterns_match_within(request: Sent, door: Door) -> Iterable[Sent]:
    """A pattern finds whatever contains it."""
    return door(rewriting(request, lambda p, v: f"*{v}*" if _wild(p, v) else v))


@wild_card.mutant(at=DOOR)
def ignores_patterns(request: Sent, door: Door) -> Iterable[Sent]:
    """A key with a wild card finds everything."""
    return door(rewriting(request, lambda p, v: None if _wild(p, v) else v))


@operation(
    "find.range",
    cites="PS3.4 C.2.2.2.5",
    verifies=("SV-FND-009", "SV-FND-010"),
    on=ON,
    who=SCP,
    when=lambda o: bool(told(o, RANGE)),
    says="A range of dates or times finds only what lies within it, ends included, each key for itself.",
)
def range_(o: Operation) -> Iterator[Finding]:
    return strangers(o, RANGE)


@range_.mutant(at=DOOR)
def ignores_ranges(request: Sent, door: Door) -> Iterable[Sent]:
    """Ranges find everything."""
    return door(rewriting(request, lambda p, v: None if p in _DATED and "-" in v else v))


@range_.mutant(at=DOOR)
def forgets_the_upper_end(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a range only the lower end counts."""
    return door(rewriting(request, lambda p, v: re.sub(r"-.*", "-", v) if p in _DATED else v))


@range_.mutant(at=DOOR)
def forgets_the_lower_end(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a range only the upper end counts."""
    return door(rewriting(request, lambda p, v: re.sub(r".+-(?=.)", "-", v) if p in _DATED else v))


@range_.mutant(at=DOOR)
def combines_without_being_asked(request: Sent, door: Door) -> Iterable[Sent]:
    """Ranges of date and time match as one, though that was not negotiated: the time counts on the outer days only."""
    ranges: dict[str, str] = {}

    def noted(path: str, value: str) -> str:
        if path in _DATED and "-" in value:
            ranges[path] = value
        return value

    rewriting(request, noted)
    if set(ranges) != _DATED:
        return door(request)
    return door(rewriting(request, lambda p, v: None if p == "00080030" else v))


@operation(
    "find.combined-date-time",
    cites="PS3.4 C.2.2.2.5.4",
    verifies="SV-FND-010",
    on=ON,
    who=SCP,
    due=False,
    when=lambda o: bool(matches(o)) and asked.lawful(o) and _combines(o),
    says="Where it was negotiated, a range of dates with a range of times finds moments within the stretch they span.",
)
def combined_date_time(o: Operation) -> Iterator[Finding]:
    for date, time in asked.pairs(o):
        one, other = asked.key(o, date), asked.key(o, time)
        for n, match in enumerate(matches(o), 1):
            if one is None or other is None or date not in match.elements or time not in match.elements:
                continue
            if fits.combined(one.value, other.value, text(match, date), text(match, time)) is False:
                want = f"{one.where}; {other.where}"
                yield Finding(f"{text(match, date)} {text(match, time)}", want, f"{o.where()}, match {n}")


def _combines(o: Operation) -> bool:
    return models.option(o, models.COMBINED) and bool(asked.pairs(o))


@combined_date_time.mutant(at=DOOR)
def ignores_times_beside_dates(request: Sent, door: Door) -> Iterable[Sent]:
    """With a range of dates the range of times is not looked at."""
    return door(rewriting(request, lambda p, v: None if p == "00080030" and "-" in v else v))
