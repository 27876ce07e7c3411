"""Rules of PS3.18 11.13 and PS3.4 CC.2.3.3, CC.2.4.3 on what subscribers are told: all that is due, and truly.

Must not know subscriptions: the model of `watching` says what is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from harness.exchange import Answer, Exchange, Journey
from harness.rule import ASK, Finding, journey
from suites.web.workitems import reading
from suites.web.workitems.judging import each, without
from suites.web.workitems.making import (
    COMPLETED,
    PERFORMERS,
    PROGRESS,
    REASON,
    REASON_CODE,
    STATION,
    element,
)
from suites.web.workitems.watching import (
    ASSIGNED,
    CANCEL,
    EVENT,
    INSTANCE,
    KIND,
    REPORT_OF_PROGRESS,
    STATE_REPORT,
    Event,
    Expected,
    assignment,
    disagreements,
    listened,
    pairs,
)

Whole = tuple[Exchange, ...]


def _due(j: Journey, *types: int, initial: bool | None = None) -> list[Expected]:
    """What somebody with a connection had to be told."""
    every = [e for h in listened(j) for e in h.due if not e.optional and e.type in types]
    return [e for e in every if initial is None or e.initial == initial]


def _missing(j: Journey, *types: int, initial: bool | None = None) -> Iterator[Finding]:
    for h in listened(j):
        for e in h.missing:
            if e.type in types and (initial is None or e.initial == initial):
                want = f"an event of type {e.type}{f', {e.state}' if e.state else ''}, as {e.uid} was {e.why}"
                yield Finding("no such event", want, f"told to {h.title}", seq=e.cause)


def _untrue(j: Journey, *types: int) -> Iterator[Finding]:
    """Events that do not say what they had to."""
    for expected, event in pairs(j, *types):
        # the table has codes and organizations of performers, the text of CC.2.4.3 the sequence that they come from
        unfolded = replace(event, dataset={**assignment(event.dataset), **event.dataset})
        wrong = {path for path, _, _ in disagreements(expected, unfolded)}
        for path, got, want in disagreements(expected, event):
            where = f"{path}, event type {event.type} of {event.uid}"
            yield Finding(got, want, where, seq=event.x.seq, warn=path not in wrong)


def _withheld(x: Exchange, *types: int) -> Answer | None:
    """For mutants: events of these types are said of another workitem, so that nobody hears them."""
    if x.kind != EVENT:
        return None
    elsewhere = {INSTANCE: element(INSTANCE, "2.25.404")}
    return each(x, lambda row: {**row, **elsewhere} if Event(x, row).type in types else row, EVENT)


def _has(*types: int, initial: bool | None = None) -> Callable[[Journey], bool]:
    return lambda j: bool(_due(j, *types, initial=initial))


@journey(
    "event.first-report",
    cites="PS3.18 11.10.2; PS3.4 CC.2.3.3, CC.2.4.3, Table CC.2.3-2",
    verifies=("PS3.18-11.10.2-2", "PS3.18-11.10.2-3", "PS3.18-11.10.2-4", "PS3.18-11.10.2-1"),
    on=KIND,
    when=_has(STATE_REPORT, initial=True),
    says="A State Report tells of a workitem subscribed to, by itself, with all and a lock, or when it is new.",
)
def first_report(j: Journey) -> Iterator[Finding]:
    return _missing(j, STATE_REPORT, initial=True)


@first_report.mutant(defects="M-UP-05")
def lets_the_subscriber_wait(x: Exchange) -> Answer | None:
    """Nobody is told anything."""
    return _withheld(x, STATE_REPORT, CANCEL, REPORT_OF_PROGRESS, ASSIGNED)


@first_report.mutant(at=ASK, defects="M-UP-02")
def says_nothing_of_what_is_new(told: Whole) -> Whole | None:
    """Subscribers of the worklist are not told of new workitems."""
    first: set[str] = set()
    kept = []
    for x in told:
        uid = Event(x, reading.only(x.answer) or {}).uid if x.kind == EVENT else ""
        if uid and uid not in first:
            first.add(uid)
        else:
            kept.append(x)
    return tuple(kept) if len(kept) < len(told) else None


@journey(
    "event.state-changes",
    cites="PS3.18 11.13; PS3.4 CC.2.4.3, CC.2.2.3, Table CC.1.1-2",
    verifies=("PS3.18-11.13-1", "PS3.18-11.13-7", "PS3.18-11.8.2-1"),
    on=KIND,
    when=_has(STATE_REPORT, initial=False),
    says="Every change of state or readiness is told by a State Report, those of a cancel request as well.",
)
def state_changes(j: Journey) -> Iterator[Finding]:
    yield from _missing(j, STATE_REPORT, initial=False)
    yield from _untrue(j, STATE_REPORT)


@state_changes.mutant(defects="M-UP-04")
def says_nothing_of_completion(x: Exchange) -> Answer | None:
    """Nobody is told that a workitem is COMPLETED."""
    return _withheld(x, STATE_REPORT) if Event(x, reading.only(x.answer) or {}).state == COMPLETED else None


@state_changes.mutant
def says_it_was_ready(x: Exchange) -> Answer | None:
    """Input Readiness State is always UNAVAILABLE."""
    readiness = "00404041"
    other = {readiness: element(readiness, "UNAVAILABLE")}
    return each(x, lambda row: {**row, **other} if readiness in row else row, EVENT)


@journey(
    "event.cancel-requested",
    cites="PS3.18 11.8.2, 11.13; PS3.4 CC.2.2.3, CC.2.4.3, Table CC.2.4-1",
    verifies=("PS3.18-11.13-3", "PS3.18-11.8.2-2"),
    on=KIND,
    when=_has(CANCEL),
    says="A request to cancel what is IN PROGRESS is told, with the reason and the contact that were given.",
)
def cancel_requested(j: Journey) -> Iterator[Finding]:
    yield from _missing(j, CANCEL)
    yield from _untrue(j, CANCEL)


@cancel_requested.mutant
def keeps_the_request_to_itself(x: Exchange) -> Answer | None:
    """Nobody is told of a request to cancel."""
    return _withheld(x, CANCEL)


@cancel_requested.mutant
def keeps_the_reason_to_itself(x: Exchange) -> Answer | None:
    """A request to cancel is told without its reason."""
    return each(x, without(REASON), EVENT)


@cancel_requested.mutant
def keeps_the_code_to_itself(x: Exchange) -> Answer | None:
    """A request to cancel is told without the code of its reason."""
    return each(x, without(REASON_CODE), EVENT)


@journey(
    "event.progress",
    cites="PS3.18 11.13; PS3.4 CC.2.4.3, Table CC.2.4-1",
    verifies="PS3.18-11.13-4",
    on=KIND,
    when=_has(REPORT_OF_PROGRESS),
    says="A change of progress is told by a Progress Report with what the progress is now.",
)
def progress(j: Journey) -> Iterator[Finding]:
    yield from _missing(j, REPORT_OF_PROGRESS)
    yield from _untrue(j, REPORT_OF_PROGRESS)


@progress.mutant
def works_in_silence(x: Exchange) -> Answer | None:
    """Nobody is told of progress."""
    return _withheld(x, REPORT_OF_PROGRESS)


@progress.mutant
def is_always_half_way(x: Exchange) -> Answer | None:
    """Every Progress Report says 50."""
    item = {"vr": "SQ", "Value": [{"00741004": element("00741004", 50.0)}]}
    return each(x, lambda row: {**row, PROGRESS: item} if PROGRESS in row else row, EVENT)


@journey(
    "event.assigned",
    cites="PS3.18 11.13; PS3.4 CC.2.4.3, Table CC.2.4-1",
    verifies="PS3.18-11.13-6",
    on=KIND,
    when=_has(ASSIGNED),
    says="A workitem with a station or a performer, or with new ones, is told by an Assigned event that names them.",
)
def assigned(j: Journey) -> Iterator[Finding]:
    yield from _missing(j, ASSIGNED)
    yield from _untrue(j, ASSIGNED)


@assigned.mutant
def assigns_in_secret(x: Exchange) -> Answer | None:
    """Nobody is told of assignments."""
    return _withheld(x, ASSIGNED)


@assigned.mutant(defects=("M-UP-07", "M-UP-08"))
def does_not_say_to_which_station(x: Exchange) -> Answer | None:
    """Assigned events have no station."""
    return each(x, without(STATION, PERFORMERS), EVENT)
