"""Rules of PS3.18 8.3.4.1 and PS3.4 C.2.2.2 on the rows of an answer: each of them meets the keys it was found by.

Must not know what else the archive holds: a match that is missing is judged elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange
from harness.rule import DOOR, Door, Finding, rule
from harness.wire.uri import decode
from suites.web.search import asked, fits
from suites.web.search.broken import Rows, relisted, rewriting, searches
from suites.web.search.criteria import (
    COMBINED,
    EMPTY,
    EMPTY_VALUE,
    MULTIPLE,
    PAIRS,
    RANGE,
    SEQUENCE,
    SINGLE,
    UID_LIST,
    WILDCARD,
    Criterion,
    criteria,
)
from suites.web.search.rows import owns, rows, texts

KEEP = 3  # rows shown for one criterion


def told(x: Exchange, *kinds: str) -> list[Criterion]:
    """The criteria of these kinds that at least one row lets itself be measured by."""
    held = rows(x)
    if not held or not asked.lawful(x):
        return []
    return [c for c in criteria(x) if c.kind in kinds and any(c.fit(row) is not None for row in held)]


def strangers(x: Exchange, *kinds: str) -> Iterator[Finding]:
    """Rows that surely do not meet a criterion of these kinds."""
    held, names = rows(x) or (), owns(x)
    for criterion in told(x, *kinds):
        wrong = [n for n, row in enumerate(held) if criterion.fit(row) is False]
        for n in wrong[:KEEP]:
            shown = ", ".join(f"{k.path} {'; '.join(texts(held[n], k.path)) or 'empty'}" for k in criterion.keys)
            yield Finding(got=shown, want=criterion.where, where=f"match {n + 1} of {len(held)}, {names[n]}")


@rule(
    "search.single-value",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.1",
    verifies=("PS3.18-8.3.4.1.1-1", "PS3.18-8.3.4.1-5"),
    on="web.search",
    when=lambda x: bool(told(x, SINGLE)),
    says="A key with one plain value matches only where the attribute has exactly that value.",
)
def single_value(x: Exchange) -> Iterator[Finding]:
    return strangers(x, SINGLE)


@single_value.mutant(at=DOOR)
def ignores_single_values(ask: Ask, door: Door) -> Answer:
    """Keys with one plain value are not looked at, but for unique ones."""
    return door(rewriting(ask, lambda path, value: None if _plain(path, value) else value))


@single_value.mutant(at=DOOR)
def single_values_match_as_prefixes(ask: Ask, door: Door) -> Answer:
    """A text value matches whatever begins with it."""
    return door(rewriting(ask, lambda path, value: f"{value}*" if _plain(path, value) and _text(path) else value))


@single_value.mutant(at=DOOR)
def modality_matches_anywhere(ask: Ask, door: Door) -> Answer:
    """A modality matches whatever contains its letters."""
    return door(rewriting(ask, lambda path, value: f"*{value}*" if path == "00080060" and value else value))


@single_value.mutant(at=DOOR)
def text_matches_in_any_case(ask: Ask, door: Door) -> Answer:
    """Texts other than names match whatever their case."""
    return _any_case(ask, door)


def _any_case(ask: Ask, door: Door) -> Answer:
    wanted = {k.path: k.value for k in asked.keys(ask) if _text(k.path) and k.value and not fits.wild(k.vr, k.value)}
    answer = door(rewriting(ask, lambda path, value: None if path in wanted else value))

    def alike(rows: Rows) -> Rows:
        return [r for r in rows if all(v.lower() in [t.lower() for t in texts(r, p)] for p, v in wanted.items())]

    return relisted(answer, alike) or answer if wanted and searches(ask) else answer


def _text(path: str) -> bool:
    return asked.vr_of(path.rpartition(".")[2]) in asked.WILD_VRS - {"PN", "CS"} and "." not in path


def _plain(path: str, value: str) -> bool:
    vr = asked.vr_of(path.rpartition(".")[2])
    return "." not in path and vr != "UI" and bool(value) and not set(decode(value)) & set("*?-")


@rule(
    "search.uid-list",
    cites="PS3.18 8.3.4.1; PS3.4 C.2.2.2.2",
    verifies="PS3.18-8.3.4.1-2",
    on="web.search",
    when=lambda x: bool(told(x, UID_LIST)),
    says="A key with a list of UIDs matches only what has one of them.",
)
def uid_list(x: Exchange) -> Iterator[Finding]:
    return strangers(x, UID_LIST)


@uid_list.mutant(at=DOOR)
def ignores_uid_lists(ask: Ask, door: Door) -> Answer:
    """A list of UIDs matches everything."""
    return door(rewriting(ask, lambda path, value: None if "," in value else value))


@rule(
    "search.wild-card",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.4",
    verifies="PS3.18-8.3.4.1.1-3",
    on="web.search",
    when=lambda x: bool(told(x, WILDCARD)),
    says="A key with * or ? matches only what its pattern describes: * any characters, ? exactly one.",
)
def wild_card(x: Exchange) -> Iterator[Finding]:
    return strangers(x, WILDCARD)


@wild_card.mutant(at=DOOR)
def question_mark_matches_any_length(ask: Ask, door: Door) -> Answer:
    """A question mark matches any number of characters."""
    return door(rewriting(ask, lambda path, value: re.sub(r"\?|%3F", "*", value) if _wild(path) else value))


@wild_card.mutant(at=DOOR)
def question_mark_matches_nothing_too(ask: Ask, door: Door) -> Answer:
    """A question mark matches one character or none."""
    fewer = door(rewriting(ask, lambda path, value: re.sub(r"\?|%3F", "", value) if _wild(path) else value))
    answer = door(ask)
    if not searches(ask) or not any(_wild(k.path) and "?" in k.value for k in asked.keys(ask)):
        return answer
    return fewer if answer.status == 204 else answer


@wild_card.mutant(at=DOOR)
def patterns_match_anywhere(ask: Ask, door: Door) -> Answer:
    """A pattern matches when it occurs anywhere in the value."""
    return door(rewriting(ask, lambda path, value: f"*{value}*" if _wild(path) and "*" in decode(value) else value))


@wild_card.mutant(at=DOOR)
def ignores_patterns(ask: Ask, door: Door) -> Answer:
    """A key with a wild card matches everything."""
    return door(rewriting(ask, lambda path, value: None if _wild(path) and set(decode(value)) & set("*?") else value))


def _wild(path: str) -> bool:
    return asked.vr_of(path.rpartition(".")[2]) in asked.WILD_VRS


@rule(
    "search.range",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.5",
    verifies="PS3.18-8.3.4.1.1-4",
    on="web.search",
    when=lambda x: bool(told(x, RANGE)),
    says="A range of dates or times matches only what lies within it.",
)
def range_(x: Exchange) -> Iterator[Finding]:
    return strangers(x, RANGE)


@range_.mutant(at=DOOR, defects="M-QI-22")
def ignores_ranges(ask: Ask, door: Door) -> Answer:
    """Ranges match everything."""
    return door(rewriting(ask, lambda path, value: None if _dated(path) and "-" in value else value))


@range_.mutant(at=DOOR)
def forgets_the_upper_end(ask: Ask, door: Door) -> Answer:
    """Of a closed range only the lower end counts."""
    return door(rewriting(ask, lambda path, value: re.sub(r"-.*", "-", value) if _dated(path) else value))


@range_.mutant(at=DOOR)
def times_have_no_seconds(ask: Ask, door: Door) -> Answer:
    """Of the ends of a range of times only hours and minutes count."""
    return door(rewriting(ask, lambda path, value: _minutes(value) if _timed(path) and "-" in value else value))


@range_.mutant(at=DOOR)
def times_have_no_fractions(ask: Ask, door: Door) -> Answer:
    """Of the ends of a range of times the fractions of a second do not count."""
    return door(rewriting(ask, lambda path, value: re.sub(r"\.[0-9]+", "", value) if _timed(path) else value))


def _minutes(value: str) -> str:
    low, _, high = value.partition("-")
    return f"{low[:4]}-{high[:4]}"


def _timed(path: str) -> bool:
    return asked.vr_of(path.rpartition(".")[2]) == "TM"


@range_.mutant(at=DOOR)
def forgets_the_lower_end(ask: Ask, door: Door) -> Answer:
    """Of a closed range only the upper end counts."""
    return door(rewriting(ask, lambda path, value: re.sub(r".+-(?=.)", "-", value) if _dated(path) else value))


def _dated(path: str) -> bool:
    return asked.vr_of(path.rpartition(".")[2]) in ("DA", "TM")


@rule(
    "search.combined-date-time",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.5.4",
    verifies="PS3.18-8.3.4.1.1-5",
    on="web.search",
    when=lambda x: bool(told(x, COMBINED)),
    says="A range of dates with a range of times matches only moments within the one stretch that they span.",
)
def combined_date_time(x: Exchange) -> Iterator[Finding]:
    return strangers(x, COMBINED)


@combined_date_time.mutant(at=DOOR)
def ignores_times_beside_dates(ask: Ask, door: Door) -> Answer:
    """With a range of dates the range of times is not looked at."""
    named = {k.path for k in asked.keys(ask)}
    drop = {time for date, time in PAIRS.items() if date in named}
    return door(rewriting(ask, lambda path, value: None if path in drop else value))


@rule(
    "search.sequence",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.6",
    verifies=("PS3.18-8.3.4.1.1-7",),
    on="web.search",
    when=lambda x: bool(told(x, SEQUENCE)),
    says="Keys below a sequence match only where one and the same item meets all of them.",
)
def sequence(x: Exchange) -> Iterator[Finding]:
    return strangers(x, SEQUENCE)


@sequence.mutant(at=DOOR, defects=("M-QI-28", "M-QI-49"))
def ignores_keys_in_sequences(ask: Ask, door: Door) -> Answer:
    """Keys below a sequence are not looked at."""
    return door(rewriting(ask, lambda path, value: None if "." in path else value))


@sequence.mutant(at=DOOR)
def matches_across_items(ask: Ask, door: Door) -> Answer:
    """Two keys below a sequence may be met by two different items."""
    nested = [k for k in asked.keys(ask) if len(k.tags) > 1 and k.value]
    answer = door(rewriting(ask, lambda path, value: None if "." in path else value))
    if len(nested) < 2 or not searches(ask):
        return door(ask)
    met = {key.path: key.value for key in nested}
    return relisted(answer, lambda rows: [r for r in rows if all(v in texts(r, p) for p, v in met.items())]) or answer


@rule(
    "search.empty-value",
    cites="PS3.18 8.3.4.5; PS3.4 C.2.2.2.7",
    verifies="PS3.18-8.3.4.5-2",
    on="web.search",
    since="2023e",
    when=lambda x: bool(told(x, EMPTY)),
    says="Empty Value Matching finds only what has no value there.",
)
def empty_value(x: Exchange) -> Iterator[Finding]:
    return strangers(x, EMPTY)


@empty_value.mutant(at=DOOR, defects="D-QI-07")
def empty_values_match_everything(ask: Ask, door: Door) -> Answer:
    """Two quotation marks are taken as no value at all."""
    return door(rewriting(ask, lambda path, value: "" if decode(value) == EMPTY_VALUE else value))


@rule(
    "search.multiple-value",
    cites="PS3.18 8.3.4.6; PS3.4 C.2.2.2.8",
    verifies="PS3.18-8.3.4.6-2",
    on="web.search",
    since="2023e",
    when=lambda x: bool(told(x, MULTIPLE)),
    says="Multiple Value Matching finds only what has one of the listed values.",
)
def multiple_value(x: Exchange) -> Iterator[Finding]:
    return strangers(x, MULTIPLE)


@multiple_value.mutant(at=DOOR)
def several_values_match_everything(ask: Ask, door: Door) -> Answer:
    """A key with several values is not looked at."""
    many = asked.flag(ask, "multiplevaluematching")
    loose = {k.path for k in asked.keys(ask) if k.vr != "UI" and (len(k.values) > 1 or "\\" in k.value)}
    return door(rewriting(ask, lambda path, value: None if many and path in loose else value))
