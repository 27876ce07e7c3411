"""Rules of PS3.18 11.11 to 11.13 and PS3.4 CC.2.3 on what subscribers are not told: twice, too soon, any more.

Must not know subscriptions: the model of `watching` says what is due.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import ASK, Finding, journey
from harness.wire.dicom_json import DataSet
from suites.web.workitems import reading
from suites.web.workitems.judging import each
from suites.web.workitems.making import COMPLETED, FILTERED, IN_PROGRESS, SCHEDULED, STATE, WORKLIST, element
from suites.web.workitems.watching import (
    CANCEL,
    EVENT,
    INSTANCE,
    KIND,
    OPENED,
    STATE_REPORT,
    TYPE,
    Event,
    Expected,
    Heard,
    listened,
)

Whole = tuple[Exchange, ...]


@journey(
    "event.told-once",
    cites="PS3.18 11.13; PS3.4 CC.2.4.3",
    verifies="PS3.18-11.13-1",
    on=KIND,
    when=lambda j: any(h.pairs for h in listened(j)),
    says="Nobody is told the same twice.",
)
def told_once(j: Journey) -> Iterator[Finding]:
    for h in listened(j):
        known = [event for _, event in h.pairs]
        for event in h.extra:
            like = [other.at for other in known if other.content == event.content]
            if like:
                got = f"the event of type {event.type} once more"
                # after another step it may be a report of that, which nobody has asked for
                soft = all(_stepped(j, event.uid, at, event.at) for at in like)
                yield Finding(got, "once", f"told to {h.title} of {event.uid}", seq=event.x.seq, warn=soft)


def _stepped(j: Journey, uid: str, one: int, other: int) -> bool:
    """Something was asked about the workitem between these places."""
    between = j.exchanges[min(one, other) : max(one, other)]
    return any(x.kind in reading.ABOUT_ONE and reading.uid_of(x) == uid for x in between)


@told_once.mutant(at=ASK, defects="D-UP-03")
def says_everything_twice(told: Whole) -> Whole | None:
    """Every event is sent twice."""
    doubled = [x for one in told for x in ((one, one) if one.kind == EVENT else (one,))]
    return tuple(doubled) if len(doubled) > len(told) else None


@told_once.mutant
def says_scheduled_again_and_again(x: Exchange) -> Answer | None:
    """Every State Report says that the workitem is SCHEDULED."""
    state = {STATE: element(STATE, SCHEDULED)}
    return each(x, lambda row: {**row, **state} if STATE in row else row, EVENT)


@journey(
    "event.in-order",
    cites="PS3.18 11.13; PS3.4 CC.2.4.3, CC.2.2.3",
    verifies="PS3.18-11.13-1",
    on=KIND,
    when=lambda j: any(len(c) > 1 for h in listened(j) for c in _chains(h)),
    says="Of one workitem the changes of state are told in the order in which they came.",
)
def in_order(j: Journey) -> Iterator[Finding]:
    for h in listened(j):
        for chain in _chains(h):
            for (was, _), (is_, event) in itertools.pairwise(chain):
                if h.due.index(is_) < h.due.index(was):
                    got = f"{is_.state} after {was.state}"
                    yield Finding(got, f"{is_.state} before", f"told to {h.title} of {is_.uid}", seq=event.x.seq)


def _chains(h: Heard) -> list[list[tuple[Expected, Event]]]:
    """By workitem the State Reports as they came."""
    found: dict[str, list[tuple[Expected, Event]]] = {}
    for expected, event in h.pairs:
        if expected.type == STATE_REPORT and expected.state and not expected.optional:
            found.setdefault(expected.uid, []).append((expected, event))
    return list(found.values())


@in_order.mutant
def tells_the_end_first(x: Exchange) -> Answer | None:
    """COMPLETED is told when it is IN PROGRESS, and the other way round."""
    turned = {COMPLETED: IN_PROGRESS, IN_PROGRESS: COMPLETED}

    def turn(row: DataSet) -> DataSet:
        state = reading.text(row, STATE)
        return {**row, STATE: element(STATE, turned[state])} if state in turned else row

    return each(x, turn, EVENT)


@journey(
    "event.none-after-unsubscribe",
    cites="PS3.18 11.11.2; PS3.4 CC.2.3.3, Table CC.2.3-2",
    verifies=("PS3.18-11.11.2-1", "PS3.18-11.11.2-2"),
    on=KIND,
    when=lambda j: any(h.silences for h in listened(j)),
    says="Who has unsubscribed, from a workitem or from all of them, is told no more of it.",
)
def none_after_unsubscribe(j: Journey) -> Iterator[Finding]:
    for h in listened(j):
        for event in h.extra:
            for since, until in h.silences.get(event.uid, ()):
                if event.at > since and not (until and event.at > until) and not _late(h, event):
                    got = f"an event of type {event.type} of {event.uid}"
                    yield Finding(got, "none", f"told to {h.title}, who has unsubscribed", seq=event.x.seq)


def _late(h: Heard, event: Event) -> bool:
    """It may have been on its way: what it says was due before."""
    return any(e.uid == event.uid and e.type == event.type and e.state == event.state for e in h.due)


@none_after_unsubscribe.mutant(at=ASK)
def never_forgets_a_subscriber(told: Whole) -> Whole | None:
    """After an Unsubscribe events go on as before."""
    made: list[Exchange] = []
    heard: Exchange | None = None
    for x in told:
        made.append(x)
        heard = x if x.kind == EVENT else heard
        if x.kind == reading.UNSUBSCRIBED and x.answer.ok and heard is not None:
            made.append(_saying(heard, **{TYPE: element(TYPE, CANCEL)}))
    return tuple(made) if len(made) > len(told) else None


def _saying(event: Exchange, **other: DataSet) -> Exchange:
    """For mutants: the same event with other attributes."""
    said = {**(reading.only(event.answer) or {}), **other}
    return event.but(answer=event.answer.but(body=json.dumps(dict(sorted(said.items()))).encode()))


@journey(
    "event.filter-is-kept",
    cites="PS3.18 11.10.2; PS3.4 CC.2.3.3.1",
    verifies="PS3.18-11.10.2-5",
    on=KIND,
    due=False,
    when=lambda j: (
        any(x.kind == reading.SUBSCRIBED and x.resource.uid == FILTERED and x.answer.ok for x in j.exchanges)
        and bool(_others(j))
    ),
    says="A filtered subscription tells only of the workitems that meet the filter.",
)
def filter_is_kept(j: Journey) -> Iterator[Finding]:
    for event in _heard_of(j, _others(j)):
        yield Finding(f"an event of {event.uid}", "none: it does not meet the filter", "events", seq=event.x.seq)


def _others(j: Journey) -> set[str]:
    """Workitems that were created and that nobody was to be told of."""
    made = {reading.uid_of(x) for x in j.exchanges if x.kind == reading.CREATED and x.answer.ok}
    due = {e.uid for h in listened(j) for e in h.due}
    whole = any(x.kind == reading.SUBSCRIBED and x.resource.uid == WORKLIST for x in j.exchanges)
    return set() if whole or not listened(j) else made - due


def _heard_of(j: Journey, uids: set[str]) -> list[Event]:
    return [event for h in listened(j) for event in h.events if event.uid in uids]


@filter_is_kept.mutant(at=ASK)
def filters_nothing(told: Whole) -> Whole | None:
    """A filtered subscription tells of every workitem."""
    made: list[Exchange] = []
    last: Exchange | None = None
    for x in told:
        made.append(x)
        last = x if x.kind == EVENT else last
        if x.kind == reading.CREATED and x.answer.ok and last is not None:
            made.append(_saying(last, **{INSTANCE: element(INSTANCE, reading.uid_of(x))}))
    return tuple(made) if len(made) > len(told) else None


@journey(
    "event.to-subscribers-only",
    cites="PS3.18 11.10.2; PS3.4 CC.2.3.1, CC.2.4.3",
    verifies="PS3.18-11.10.2-1",
    on=KIND,
    when=lambda j: any(_of_others(j, h) for h in listened(j)),
    says="What happens to a workitem is told to those who are subscribed to it, not to others who listen.",
)
def to_subscribers_only(j: Journey) -> Iterator[Finding]:
    for h in listened(j):
        foreign = _of_others(j, h)
        for event in (e for e in h.events if e.uid in foreign):
            want = "none: it is not subscribed to it"
            yield Finding(f"an event of {event.uid}", want, f"told to {h.title}", seq=event.x.seq)


def _of_others(j: Journey, h: Heard) -> set[str]:
    """Workitems that others who listen are told of, and that this one was never subscribed to."""
    mine = {e.uid for e in h.due}
    return {e.uid for other in listened(j) for e in other.due if other is not h} - mine


@to_subscribers_only.mutant(at=ASK)
def tells_whoever_listens(told: Whole) -> Whole | None:
    """Every event goes to all connections."""
    opened = [x.seq for x in told if x.kind == OPENED]
    made: list[Exchange] = []
    for x in told:
        made.append(x)
        if x.kind == EVENT:
            own = x.facts.get("connection")
            made += [x.but(facts={**x.facts, "connection": other}) for other in opened if other != own]
    return tuple(made) if len(made) > len(told) else None


@journey(
    "event.suspended-for-new-ones",
    cites="PS3.18 11.12, 11.12.2; PS3.4 CC.2.3.1, Table CC.2.3-2",
    verifies="PS3.18-11.12.2-1",
    on=KIND,
    when=lambda j: bool(_after_suspend(j)),
    says="Who has suspended is told nothing of new workitems, and goes on hearing of those subscribed to before.",
)
def suspended_for_new_ones(j: Journey) -> Iterator[Finding]:
    for event in _heard_of(
        j, {u for u in _after_suspend(j) if not any(e.uid == u for h in listened(j) for e in h.due)}
    ):
        yield Finding(f"an event of {event.uid}", "none: it is new", "after Suspend", seq=event.x.seq)
    since = _suspension(j)
    for h in listened(j):
        for e in h.missing:
            if e.at > since:
                yield Finding("no such event", f"that {e.uid} {e.why}", "after Suspend", seq=e.cause)


def _suspension(j: Journey) -> int:
    """The place at which a subscription to the worklist was suspended, 0 when none was."""
    return next((n for n, x in enumerate(j.exchanges, 1) if x.kind == reading.SUSPENDED and x.answer.ok), 0)


def _after_suspend(j: Journey) -> set[str]:
    since = _suspension(j)
    if not since or not listened(j):
        return set()
    return {reading.uid_of(x) for x in j.exchanges[since:] if x.kind == reading.CREATED and x.answer.ok}


@suspended_for_new_ones.mutant(at=ASK)
def suspends_nothing(told: Whole) -> Whole | None:
    """After a Suspend new workitems are told of as before."""
    return filters_nothing(told) if any(x.kind == reading.SUSPENDED for x in told) else None


@suspended_for_new_ones.mutant(at=ASK, defects="D-UP-02")
def suspends_everything(told: Whole) -> Whole | None:
    """After a Suspend nothing at all is told."""
    at = next((n for n, x in enumerate(told) if x.kind == reading.SUSPENDED), len(told))
    kept = [x for n, x in enumerate(told) if n < at or x.kind != EVENT]
    return tuple(kept) if len(kept) < len(told) else None
