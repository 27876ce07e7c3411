"""Rules of PS3.18 8.3.4.1 and PS3.4 C.2.2.2 on what a key must find: a list without the key tells who meets it.

Must not know predictions: the target's own rows are the measure, asked for before and after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, Door, Finding, journey
from harness.wire.dicom_json import DataSet
from suites.web.search import asked, fits
from suites.web.search.broken import keeping, listed, relisted, rewriting, searches
from suites.web.search.criteria import (
    COMBINED,
    PAIRS,
    RANGE,
    SEQUENCE,
    SINGLE,
    UID_LIST,
    UNIVERSAL,
    WILDCARD,
    Criterion,
    criteria,
)
from suites.web.search.fits import Fit
from suites.web.search.rows import level, own, owns, rows, texts, whole

KIND = "web.search.filter"
KEEP = 3
ANY = ("*", "%2A")


@dataclass(frozen=True)
class Filtered:
    """One search with additional keys, and the matches of the same search without them that stayed the same."""

    x: Exchange
    added: tuple[Criterion, ...]
    stable: dict[str, DataSet]

    def fit(self, uid: str) -> Fit:
        return fits.both([c.fit(self.stable[uid]) for c in self.added])

    @property
    def due(self) -> list[str]:
        """The UIDs that surely meet the additional keys."""
        return [uid for uid in self.stable if self.fit(uid) is True]


def filtered(j: Journey, kind: str) -> Iterator[Filtered]:
    """The searches of the journey whose additional keys are all of this kind and surely met by something."""
    plain = [x for x in j.steps("all") if rows(x) and asked.lawful(x) and whole(x)]
    if len(plain) < 2:
        return
    stable = _stable(plain[0], plain[-1])
    base = {(k.path, k.parameter.raw) for k in asked.keys(plain[0].ask)}
    for x in j.steps("filtered"):
        if rows(x) is None or not asked.lawful(x) or not whole(x):
            continue
        added = [c for c in criteria(x) if not {(k.path, k.parameter.raw) for k in c.keys} <= base]
        case = Filtered(x, tuple(added), stable)
        if added and {c.kind for c in added} == {kind} and case.due:
            yield case


def _stable(before: Exchange, after: Exchange) -> dict[str, DataSet]:
    """What was there before and after, by UID: others may store or delete meanwhile."""
    last = set(owns(after))
    return {own(before, row): row for row in rows(before) or () if own(before, row) in last}


def lost(j: Journey, kind: str) -> Iterator[Finding]:
    """Matches that are missing, and ones that surely are none, in the searches of this kind."""
    for case in filtered(j, kind):
        found = set(owns(case.x))
        where = "; ".join(c.where for c in case.added)
        for uid in [u for u in case.due if u not in found][:KEEP]:
            yield Finding(f"{level(case.x)} {uid} is missing", f"{uid}: {_shown(case, uid)}", where, seq=case.x.seq)
        for uid in [u for u in case.stable if u in found and case.fit(u) is False][:KEEP]:
            got = f"{level(case.x)} {uid} with {_shown(case, uid)}"
            yield Finding(got, "only what meets the key", where, seq=case.x.seq)


def _shown(case: Filtered, uid: str) -> str:
    keys = [k for c in case.added for k in c.keys]
    return ", ".join(f"{k.path} {'; '.join(texts(case.stable[uid], k.path)) or 'empty'}" for k in keys)


def exercises(kind: str) -> Callable[[Journey], bool]:
    """At least one search of this kind has something to find."""
    return lambda j: any(True for _ in filtered(j, kind))


@journey(
    "search.known-list-takes-keys",
    cites="PS3.18 10.6.1.2.3; 8.3.4.1; 10.6.3.1",
    verifies="PS3.18-8.3.4-1",
    on=KIND,
    when=lambda j: any(rows(x) for x in j.steps("all")) and any(asked.lawful(x) for x in j.steps("filtered")),
    says="A list that is given without a key is not refused with one, whatever legal value the key has.",
)
def known_list_takes_keys(j: Journey) -> Iterator[Finding]:
    for x in j.steps("filtered"):
        if x.answer.complete and rows(x) is None and asked.lawful(x):
            yield Finding(x.answer.line, "200, or an answer without matches", f"GET {x.ask.target}", seq=x.seq)


@known_list_takes_keys.mutant
def refuses_negative_numbers(x: Exchange) -> Answer | None:
    """A Series Number below zero is answered 400 where all series are searched."""
    negative = any(k.path == "00200011" and k.value.startswith("-") for k in asked.keys(x.ask))
    return x.answer.but(status=400, reason="Bad Request", body=b"") if searches(x.ask, "series") and negative else None


@journey(
    "search.single-value-complete",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.1",
    verifies=("PS3.18-8.3.4.1.1-1", "PS3.18-8.3.4.1-5"),
    on=KIND,
    when=exercises(SINGLE),
    says="A key with one plain value finds everything that has this value, and nothing that has another.",
)
def single_value_complete(j: Journey) -> Iterator[Finding]:
    return lost(j, SINGLE)


@single_value_complete.mutant(at=DOOR, defects="M-QI-21")
def hyphens_make_ranges_of_texts(ask: Ask, door: Door) -> Answer:
    """A text value with a hyphen is read as a range, which no text lies in."""
    broken = [k for k in asked.keys(ask) if k.vr in ("LO", "SH") and "-" in k.value]
    return _nothing(ask, door) if broken and searches(ask) else door(ask)


@single_value_complete.mutant(at=DOOR)
def values_are_decoded_twice(ask: Ask, door: Door) -> Answer:
    """Percent-encoding within a value is undone twice."""
    return door(rewriting(ask, lambda path, value: value.replace("%25", "%")))


@single_value_complete.mutant(at=DOOR, defects="M-QI-31")
def splits_values_at_encoded_commas(ask: Ask, door: Door) -> Answer:
    """A comma that is part of a value cuts it short."""
    return door(rewriting(ask, lambda path, value: value.partition("%2C")[0]))


@single_value_complete.mutant(at=DOOR)
def compares_modalities_as_one_text(ask: Ask, door: Door) -> Answer:
    """Modalities in Study finds studies of one modality alone."""
    named = any(k.path == "00080061" and k.value for k in asked.keys(ask))
    return keeping(ask, door, lambda row, _: not named or len(texts(row, "00080061")) < 2)


@single_value_complete.mutant(at=DOOR, defects=("M-QI-12",))
def knows_no_study_id(ask: Ask, door: Door) -> Answer:
    """Study ID finds nothing."""
    return _nothing(ask, door) if any(k.path == "00200010" and k.value for k in asked.keys(ask)) else door(ask)


def _nothing(ask: Ask, door: Door) -> Answer:
    answer = door(ask)
    return listed(answer, []) if answer.ok else answer


@journey(
    "search.uid-list-complete",
    cites="PS3.18 8.3.4.1; PS3.4 C.2.2.2.2",
    verifies=("PS3.18-8.3.4.1-2", "PS3.18-8.3.1-7"),
    on=KIND,
    when=exercises(UID_LIST),
    says="A list of UIDs, separated by commas, finds everything that any of them names.",
)
def uid_list_complete(j: Journey) -> Iterator[Finding]:
    return lost(j, UID_LIST)


@uid_list_complete.mutant(at=DOOR, defects=("M-QI-30", "M-QI-50"))
def takes_the_first_uid_alone(ask: Ask, door: Door) -> Answer:
    """Of a list of UIDs only the first one counts."""
    return door(rewriting(ask, lambda path, value: value.partition(",")[0]))


@uid_list_complete.mutant(at=DOOR, defects="M-QI-30")
def takes_a_uid_list_for_one_value(ask: Ask, door: Door) -> Answer:
    """A list of UIDs is compared as one text, so nothing matches."""
    return _nothing(ask, door) if any(len(k.values) > 1 and k.vr == "UI" for k in asked.keys(ask)) else door(ask)


@journey(
    "search.universal-complete",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.3",
    verifies="PS3.18-8.3.4.1.1-2",
    on=KIND,
    when=exercises(UNIVERSAL),
    says="A key without a value finds everything, also what has no value there.",
)
def universal_complete(j: Journey) -> Iterator[Finding]:
    return lost(j, UNIVERSAL)


@universal_complete.mutant(at=DOOR, defects=("M-QI-39", "M-QI-40", "M-QI-48"))
def universal_keys_leave_out_the_empty(ask: Ask, door: Door) -> Answer:
    """A key without a value leaves out whatever has no value there."""
    empty = [k.path for k in asked.keys(ask) if k.universal or k.value == "*"]
    return keeping(ask, door, lambda row, _: all(any(texts(row, path)) for path in empty))


@journey(
    "search.wild-card-complete",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.4",
    verifies="PS3.18-8.3.4.1.1-3",
    on=KIND,
    when=exercises(WILDCARD),
    says="A key with * or ? finds everything that its pattern describes.",
)
def wild_card_complete(j: Journey) -> Iterator[Finding]:
    return lost(j, WILDCARD)


@wild_card_complete.mutant(at=DOOR)
def wild_cards_are_letters(ask: Ask, door: Door) -> Answer:
    """* and ? stand for themselves, so they match nothing."""
    odd = [k for k in asked.keys(ask) if fits.wild(k.vr, k.value) and k.value != "*"]
    return _nothing(ask, door) if odd else door(ask)


@wild_card_complete.mutant(at=DOOR)
def asterisk_needs_a_character(ask: Ask, door: Door) -> Answer:
    """* does not match a sequence of no characters."""
    return door(rewriting(ask, lambda path, value: re.sub(r"\*|%2A", "?*", value) if value not in ANY else value))


@journey(
    "search.range-complete",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.5",
    verifies="PS3.18-8.3.4.1.1-4",
    on=KIND,
    when=exercises(RANGE),
    says="A range of dates or times, open ends too, finds everything within it, its ends included.",
)
def range_complete(j: Journey) -> Iterator[Finding]:
    return lost(j, RANGE)


@range_complete.mutant(at=DOOR)
def ranges_leave_out_their_ends(ask: Ask, door: Door) -> Answer:
    """What lies exactly at an end of a range is not found."""
    ends = {k.path: set(k.value.split("-")) for k in asked.keys(ask) if fits.ranged(k.vr, k.value)}
    return keeping(ask, door, lambda row, _: not any(e & set(texts(row, p)) for p, e in ends.items()))


@range_complete.mutant(at=DOOR, defects="M-QI-19")
def open_ranges_find_nothing(ask: Ask, door: Door) -> Answer:
    """A range with an open end finds nothing."""
    half = [k for k in asked.keys(ask) if fits.ranged(k.vr, k.value) and "" in k.value.split("-")]
    return _nothing(ask, door) if half else door(ask)


@journey(
    "search.combined-date-time-complete",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.5.4",
    verifies=("PS3.18-8.3.4.1.1-5", "PS3.18-8.3.4.1.1-6"),
    on=KIND,
    when=exercises(COMBINED),
    says="A range of dates with a range of times finds every moment between the first and the last of both together.",
)
def combined_complete(j: Journey) -> Iterator[Finding]:
    return lost(j, COMBINED)


@combined_complete.mutant(at=DOOR, defects="M-QI-20")
def times_are_matched_day_by_day(ask: Ask, door: Door) -> Answer:
    """Each day of the range is searched for the times alone."""
    values = {k.path: k.value for k in asked.keys(ask)}
    pairs = [(d, t) for d, t in PAIRS.items() if d in values and t in values and fits.combinable(values[d], values[t])]
    if not pairs or not searches(ask):
        return door(ask)
    time = pairs[0][1]
    answer = door(rewriting(ask, lambda path, value: None if path == time else value))
    return (
        relisted(answer, lambda rows: [r for r in rows if fits.fit("TM", values[time], texts(r, time)) is True])
        or answer
    )


@journey(
    "search.sequence-complete",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.6",
    verifies="PS3.18-8.3.4.1.1-7",
    on=KIND,
    when=exercises(SEQUENCE),
    says="Keys below a sequence find everything of which at least one item meets them.",
)
def sequence_complete(j: Journey) -> Iterator[Finding]:
    return lost(j, SEQUENCE)


@sequence_complete.mutant(at=DOOR)
def only_the_first_item_counts(ask: Ask, door: Door) -> Answer:
    """Keys below a sequence are compared with its first item alone."""
    nested = [k for k in asked.keys(ask) if len(k.tags) == 2 and k.value]
    return keeping(ask, door, lambda row, _: all(texts(row, k.path)[:1] == [k.value] for k in nested))


@sequence_complete.mutant(at=DOOR, defects=("M-QI-28",))
def nested_keys_find_nothing(ask: Ask, door: Door) -> Answer:
    """A key below a sequence finds nothing."""
    return _nothing(ask, door) if any(len(k.tags) > 1 and k.value for k in asked.keys(ask)) else door(ask)
