"""Rules of PS3.4 K.2.2.2, C.2.2.2 and Table K.6-1 on the items that came: each of them meets the keys.

Must not know what else is scheduled: an item that is missing is judged elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from harness.association import Operation
from harness.rule import DOOR, SCP, Finding, operation
from harness.upper_layer.message import Message as Sent
from suites.dimse.bend import Door
from suites.dimse.find.asked import RANGE, SINGLE, WILD_CARD, Key
from suites.dimse.reading import matches, text, texts
from suites.dimse.worklist import asked
from suites.dimse.worklist.asked import DATE, ON, TIME
from suites.dimse.worklist.bending import rewriting
from suites.web.search import fits

KEEP = 3


def told(o: Operation, kind: str) -> list[Key]:
    """The required keys of this kind that at least one item lets itself be measured by."""
    held = matches(o)
    if not held or not asked.lawful(o):
        return []
    keys = [k for k in asked.keys(o) if asked.supported(k) and asked.kind(o, k) == kind]
    return [k for k in keys if any(asked.fit(o, k, match) is not None for match in held)]


def strangers(o: Operation, kind: str) -> Iterator[Finding]:
    """Items that surely do not meet a key of this kind."""
    held = matches(o)
    for key in told(o, kind):
        wrong = [n for n, match in enumerate(held) if asked.fit(o, key, match) is False]
        for n in wrong[:KEEP]:
            shown = "\\".join(texts(held[n], key.path)) or "empty"
            place = f"{o.where()}, item {n + 1} of {len(held)}"
            yield Finding(f"{key.path} {shown!r}", key.where, place)


@operation(
    "worklist.single-value",
    cites="PS3.4 C.2.2.2.1, K.2.2.1.1.1, Table K.6-1",
    verifies="SV-MWL-001",
    on=ON,
    who=SCP,
    when=lambda o: bool(told(o, SINGLE)),
    says="A required key with one plain value brings only steps with that value; one without a value meets none.",
)
def single_value(o: Operation) -> Iterator[Finding]:
    return strangers(o, SINGLE)


@single_value.mutant(at=DOOR)
def finds_every_station(request: Sent, door: Door) -> Iterable[Sent]:
    """Plain values below the step sequence are not looked at."""
    return door(rewriting(request, lambda p, v: None if "." in p and "-" not in v else v))


@single_value.mutant(at=DOOR)
def patients_by_prefix(request: Sent, door: Door) -> Iterable[Sent]:
    """A Patient ID, a station or a modality finds whatever begins like it."""
    keyed = (asked.PATIENT_ID, f"{asked.STEP}.00400001", f"{asked.STEP}.00080060")
    return door(rewriting(request, lambda p, v: f"{v[:2]}*" if p in keyed and v else v))


@operation(
    "worklist.wild-card",
    cites="PS3.4 C.2.2.2.4, Table K.6-1",
    verifies="SV-MWL-001",
    on=ON,
    who=SCP,
    when=lambda o: bool(told(o, WILD_CARD)),
    says="A pattern for a name brings only steps of names that it describes.",
)
def wild_card(o: Operation) -> Iterator[Finding]:
    return strangers(o, WILD_CARD)


@wild_card.mutant(at=DOOR)
def a_pattern_finds_all(request: Sent, door: Door) -> Iterable[Sent]:
    """A key with a wild card finds everything."""
    return door(rewriting(request, lambda p, v: None if set(v) & set("*?") else v))


@operation(
    "worklist.range",
    cites="PS3.4 C.2.2.2.5, Table K.6-1",
    verifies=("SV-MWL-001", "SV-MWL-007"),
    on=ON,
    who=SCP,
    when=lambda o: bool(told(o, RANGE)),
    says="A range of days, or of times with no range of days beside it, brings only steps within it, ends included.",
)
def range_(o: Operation) -> Iterator[Finding]:
    return strangers(o, RANGE)


@range_.mutant(at=DOOR)
def forgets_when_the_range_ends(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a range only the lower end counts."""
    return door(rewriting(request, lambda p, v: re.sub(r"-.*", "-", v) if p in (DATE, TIME) else v))


@range_.mutant(at=DOOR)
def forgets_when_the_range_begins(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a range only the upper end counts."""
    return door(rewriting(request, lambda p, v: re.sub(r".+-(?=.)", "-", v) if p in (DATE, TIME) else v))


@range_.mutant(at=DOOR)
def every_day_is_today(request: Sent, door: Door) -> Iterable[Sent]:
    """Ranges find everything."""
    return door(rewriting(request, lambda p, v: None if p in (DATE, TIME) and "-" in v else v))


@operation(
    "worklist.combined-date-time",
    cites="PS3.4 Table K.6-1 (0040,0003); C.2.2.2.5.4",
    verifies="SV-MWL-007",
    on=ON,
    who=SCP,
    due=False,
    when=lambda o: bool(matches(o)) and asked.lawful(o) and _combined(o) is not None,
    says="A range of days with a range of times asks for one stretch, from the first day's time to the last day's.",
)
def combined_date_time(o: Operation) -> Iterator[Finding]:
    keys = _combined(o)
    if keys is None:
        return
    date, time = keys
    for n, match in enumerate(matches(o), 1):
        day, hour = text(match, DATE), text(match, TIME)
        if day and hour and fits.combined(date.value, time.value, day, hour) is False:
            yield Finding(f"{day} {hour}", f"{date.where}; {time.where}", f"{o.where()}, item {n}")


def _combined(o: Operation) -> tuple[Key, Key] | None:
    """The pair, where both ranges have the same form and no time zone stands between asked and told."""
    keys = asked.combined(o)
    if keys is None or asked.zoned(o) or not fits.combinable(keys[0].value, keys[1].value):
        return None
    return keys


@combined_date_time.mutant(at=DOOR)
def times_count_for_nothing(request: Sent, door: Door) -> Iterable[Sent]:
    """With a range of days the range of times is not looked at."""
    return door(rewriting(request, lambda p, v: None if p == TIME and "-" in v else v))
