"""Rules of PS3.18 11.9 and PS3.4 CC.2.8 on searches for workitems: what is found among those that were created.

Must not know predictions: what was created in the same journey, and not changed since, is the measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.exchange import Answer, Ask, Exchange, Journey, view
from harness.rule import DOOR, Door, Finding, journey, rule
from harness.wire.dicom_json import DataSet
from suites.web.search import asked, rows
from suites.web.search.broken import relisted, rewriting
from suites.web.search.criteria import RANGE, SEQUENCE, SINGLE, UID_LIST, UNIVERSAL, WILDCARD
from suites.web.search.rows import texts, whole
from suites.web.workitems import matching, reading
from suites.web.workitems.judging import each
from suites.web.workitems.making import CANCELED, LIST, SCHEDULED, STATE, element
from suites.web.workitems.reading import ABOUT_ONE, CREATED, INSTANCE, SEARCHED, only
from suites.web.workitems.story import Item, after

KIND = "web.workitems.searches"
KEEP = 3


def found(x: Exchange) -> list[DataSet] | None:
    """The matches of a search, None when it failed or cannot be read."""
    read = rows.rows(x)
    return None if read is None else list(read)


def lawful(x: Exchange) -> bool:
    return asked.lawful(x) and asked.acceptable(x)


@dataclass(frozen=True)
class Case:
    """A search, and the workitems that were created before it in the journey, by UID, as they were then."""

    x: Exchange
    held: dict[str, DataSet]

    @property
    def uids(self) -> list[str]:
        return [reading.text(row, INSTANCE) for row in found(self.x) or ()]

    @property
    def due(self) -> list[str]:
        return [uid for uid, item in self.held.items() if matching.fit(self.x.ask, item) is True]

    @property
    def strangers(self) -> list[str]:
        return [uid for uid, item in self.held.items() if matching.fit(self.x.ask, item) is False]


@view
def cases(j: Journey) -> list[Case]:
    """The searches of the journey that were answered in full."""
    held: dict[str, DataSet] = {}
    states: dict[str, Item] = {}
    told: list[Case] = []
    for x in j.exchanges:
        uid = reading.uid_of(x) if x.kind in (CREATED, *ABOUT_ONE) else ""
        if uid:
            states[uid] = after(x, states.get(uid, Item()))
            held = _held(x, uid, states[uid], held)
        elif x.kind == SEARCHED and found(x) is not None and lawful(x) and whole(x):
            told.append(Case(x, held))
    return told


def _held(x: Exchange, uid: str, item: Item, held: dict[str, DataSet]) -> dict[str, DataSet]:
    """What is held after this exchange; what was changed in ways that nobody can tell is left out."""
    if x.kind == CREATED and x.answer.ok and not reading.warnings(x):
        dataset = only(x.ask) or {}
        return {**held, uid: {**dataset, INSTANCE: element(INSTANCE, uid)}}
    if x.kind == reading.CHANGED and x.answer.ok and uid in held and item.state:
        return {**held, uid: {**held[uid], STATE: element(STATE, item.state)}}
    if x.kind == reading.RETRIEVED or uid not in held or 400 <= x.answer.status < 500:
        return held
    return {u: d for u, d in held.items() if u != uid}


def of_kind(j: Journey, kind: str) -> list[Case]:
    return [c for c in cases(j) if matching.kind(c.x.ask) == kind and (c.due or c.strangers)]


def judged(j: Journey, kind: str) -> Iterator[Finding]:
    """Workitems that are missing, and ones that do not meet the keys, in the searches of this kind."""
    for case in of_kind(j, kind):
        got, where = set(case.uids), f"GET {case.x.ask.target}"
        for uid in [u for u in case.due if u not in got][:KEEP]:
            yield Finding(f"{uid} is missing", f"{uid}: {_shown(case, uid)}", where, seq=case.x.seq)
        for uid in [u for u in case.strangers if u in got][:KEEP]:
            yield Finding(f"{uid} with {_shown(case, uid)}", "only what meets the keys", where, seq=case.x.seq)


def _shown(case: Case, uid: str) -> str:
    named = [k.path for k in matching.keys(case.x.ask) if k.path != LIST]
    return ", ".join(f"{p} {'; '.join(t for t in texts(case.held[uid], p)) or 'empty'}" for p in named)


def _some(kind: str) -> Callable[[Journey], bool]:
    return lambda j: any(c.due for c in of_kind(j, kind))


def _searches(ask: Ask) -> bool:
    return ask.resource.kind == SEARCHED


def _fewer(x: Exchange, keep: Callable[[DataSet], bool]) -> Answer | None:
    """For mutants: a search that finds only what is kept."""
    return relisted(x.answer, lambda held: [row for row in held if keep(row)]) if x.kind == SEARCHED else None


def _asks(x: Exchange, *kinds: str) -> bool:
    return x.kind == SEARCHED and matching.kind(x.ask) in kinds


@journey(
    "workitem.search-single-value",
    cites="PS3.18 11.9.2; 8.3.4.1; PS3.4 CC.2.8.3, C.2.2.2.1",
    verifies="PS3.18-11.9.2-3",
    on=KIND,
    when=_some(SINGLE),
    says="A key with one plain value finds the workitems that have this value, and no others.",
)
def search_single_value(j: Journey) -> Iterator[Finding]:
    return judged(j, SINGLE)


@search_single_value.mutant
def finds_nothing_by_state(x: Exchange) -> Answer | None:
    """A search by Procedure Step State finds nothing."""
    return _fewer(x, lambda row: False) if "ProcedureStepState" in x.ask.query else None


@search_single_value.mutant
def finds_half_of_them(x: Exchange) -> Answer | None:
    """The first match is left out."""
    return relisted(x.answer, lambda held: held[1:]) if _asks(x, SINGLE) else None


@search_single_value.mutant(at=DOOR)
def keys_are_not_looked_at(ask: Ask, door: Door) -> Answer:
    """No key but the worklist label is looked at."""
    return door(rewriting(ask, lambda path, value: value if path == LIST else None) if _searches(ask) else ask)


@journey(
    "workitem.search-uid",
    cites="PS3.18 11.9.2; 8.3.4.1; PS3.4 CC.2.8.3, C.2.2.2.2",
    verifies="PS3.18-11.9.2-3",
    on=KIND,
    when=_some(UID_LIST),
    says="A list of SOP Instance UIDs finds the workitems that any of them names.",
)
def search_uid(j: Journey) -> Iterator[Finding]:
    return judged(j, UID_LIST)


@search_uid.mutant
def only_one_uid_counts(x: Exchange) -> Answer | None:
    """Of a list of UIDs only one is found."""
    return relisted(x.answer, lambda held: held[:1]) if _asks(x, UID_LIST) else None


@journey(
    "workitem.search-wild-card",
    cites="PS3.18 11.9.2; 8.3.4.1; PS3.4 CC.2.8.3, C.2.2.2.4",
    verifies="PS3.18-11.9.2-3",
    on=KIND,
    when=_some(WILDCARD),
    says="A key with * or ? finds the workitems that its pattern describes.",
)
def search_wild_card(j: Journey) -> Iterator[Finding]:
    return judged(j, WILDCARD)


@search_wild_card.mutant
def wild_cards_are_letters(x: Exchange) -> Answer | None:
    """* and ? stand for themselves, so that they find nothing."""
    return _fewer(x, lambda row: False) if _asks(x, WILDCARD) else None


@journey(
    "workitem.search-range",
    cites="PS3.18 11.9.2; 8.3.4.1; PS3.4 CC.2.8.3, C.2.2.2.5",
    verifies="PS3.18-11.9.2-3",
    on=KIND,
    when=_some(RANGE),
    says="A range of dates or date-times, open ends too, finds the workitems within it, its ends included.",
)
def search_range(j: Journey) -> Iterator[Finding]:
    return judged(j, RANGE)


@search_range.mutant
def ranges_leave_out_their_ends(x: Exchange) -> Answer | None:
    """What lies exactly at an end of a range is not found."""
    ends = {e for k in asked.keys(x.ask) for e in k.value.split("-") if e}
    return _fewer(x, lambda row: not ends & set(texts(row, "00404005"))) if _asks(x, RANGE) else None


@journey(
    "workitem.search-sequence",
    cites="PS3.18 11.9.2; 8.3.4.1; PS3.4 CC.2.8.3, C.2.2.2.6, Table CC.2.5-3",
    verifies="PS3.18-11.9.2-3",
    on=KIND,
    when=_some(SEQUENCE),
    says="Keys below a sequence find the workitems that have an item which meets them.",
)
def search_sequence(j: Journey) -> Iterator[Finding]:
    return judged(j, SEQUENCE)


@search_sequence.mutant
def nested_keys_find_nothing(x: Exchange) -> Answer | None:
    """A key below a sequence finds nothing."""
    return _fewer(x, lambda row: False) if _asks(x, SEQUENCE) else None


@journey(
    "workitem.search-universal",
    cites="PS3.18 11.9.2; 8.3.4.1; PS3.4 CC.2.8.3, C.2.2.2.3",
    verifies="PS3.18-11.9.2-3",
    on=KIND,
    when=_some(UNIVERSAL),
    says="A key without a value finds all workitems, also those that have no value there.",
)
def search_universal(j: Journey) -> Iterator[Finding]:
    return judged(j, UNIVERSAL)


@search_universal.mutant
def leaves_out_the_empty(x: Exchange) -> Answer | None:
    """A key without a value leaves out whatever has no value there."""
    empty = [k.path for k in asked.keys(x.ask) if k.universal]
    return _fewer(x, lambda row: all(any(texts(row, p)) for p in empty)) if _asks(x, UNIVERSAL) else None


@journey(
    "workitem.search-is-current",
    cites="PS3.18 11.9.1.3, 11.9.2",
    verifies="PS3.18-11.9.1.3-1",
    on=KIND,
    when=lambda j: any(_fresh(c) for c in cases(j)),
    says="A search that wants no cached answer finds what was created just before, in the state that it is in.",
)
def search_is_current(j: Journey) -> Iterator[Finding]:
    for case in filter(_fresh, cases(j)):
        shown = {reading.text(row, INSTANCE): row for row in found(case.x) or ()}
        where = f"GET {case.x.ask.target}"
        for uid in [u for u in case.due if u not in shown]:
            yield Finding(f"{uid} is missing", "what was created before", where, seq=case.x.seq)
        for uid, row in shown.items():
            want = reading.text(case.held.get(uid), STATE)
            if want and reading.text(row, STATE) != want:
                yield Finding(reading.text(row, STATE) or "no state", want, f"{where}, {uid}", seq=case.x.seq)


def _fresh(case: Case) -> bool:
    return "no-cache" in (case.x.ask.headers.get("cache-control") or "") and bool(case.due)


@search_is_current.mutant
def finds_what_was_there_yesterday(x: Exchange) -> Answer | None:
    """Searches show every workitem as CANCELED."""
    return each(x, lambda row: {**row, STATE: element(STATE, CANCELED)}, SEARCHED)


@rule(
    "workitem.match-meets-keys",
    cites="PS3.18 11.9.2; 8.3.4.1; PS3.4 CC.2.8.3.1",
    verifies="PS3.18-11.9.2-3",
    on=SEARCHED,
    when=lambda x: bool(found(x)) and lawful(x) and bool(matching.keys(x.ask)),
    says="Every match of a search meets the keys that a server has to look at.",
)
def match_meets_keys(x: Exchange) -> Iterator[Finding]:
    wrong = [row for row in found(x) or () if matching.fit(x.ask, row) is False]
    for row in wrong[:KEEP]:
        named = ", ".join(f"{k.path} {'; '.join(texts(row, k.path)) or 'empty'}" for k in matching.keys(x.ask))
        yield Finding(named, x.ask.query.raw, f"match {reading.text(row, INSTANCE)}")


@match_meets_keys.mutant
def finds_another_state(x: Exchange) -> Answer | None:
    """Whatever state is asked for, SCHEDULED workitems are found."""
    other = "ProcedureStepState" in x.ask.query and x.ask.query.get("ProcedureStepState") != SCHEDULED
    return each(x, lambda row: {**row, STATE: element(STATE, SCHEDULED)}, SEARCHED) if other else None
