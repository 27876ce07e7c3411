"""Knows what a subscriber is to be told: a model of subscriptions and of what happened, held against the events heard.

The model is fed by what was granted (PS3.4 Table CC.2.3-2, CC.2.4.3). Must not know which rule asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from harness.exchange import Ask, Exchange, Journey, view
from harness.wire.dicom_json import DataSet
from suites.web.search.rows import texts
from suites.web.workitems import matching, reading, subscribe, table
from suites.web.workitems.making import (
    CANCELED,
    COMPLETED,
    CONTACT_NAME,
    CONTACT_URI,
    FILTERED,
    IN_PROGRESS,
    PERFORMERS,
    PROGRESS,
    READINESS,
    REASON,
    REASON_CODE,
    SCHEDULED,
    STATE,
    STATION,
    WORKLIST,
    element,
)
from suites.web.workitems.reading import granted, only, uid_of, wanted

KIND = "web.workitems.watching"
OPENED, EVENT, ENDED = "socket.workitems.open", "socket.workitems.event", "socket.workitems.end"
STATE_REPORT, CANCEL, REPORT_OF_PROGRESS, OF_THE_SERVER, ASSIGNED = 1, 2, 3, 4, 5
TYPE, INSTANCE, MESSAGE = "00001002", "00001000", "00000110"
NOT, LOCKED, UNLOCKED, PERHAPS = "not", "lock", "no lock", "perhaps"


@dataclass(frozen=True)
class Expected:
    """An event that is due: its type, the workitem, what it says; `why` in words, `cause` the exchange, `at` its place.

    `optional`: the text has it in one reading only, or it went out before anybody listened.
    """

    type: int
    uid: str
    state: str
    why: str
    cause: int
    at: int
    optional: bool = False
    initial: bool = False
    says: DataSet = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """An event that came; `at` is its place in the journey."""

    x: Exchange
    dataset: DataSet
    at: int = 0

    @property
    def type(self) -> int:
        text = reading.text(self.dataset, TYPE)
        return int(text) if text.isdecimal() and len(text) < 3 else 0

    @property
    def uid(self) -> str:
        return reading.text(self.dataset, INSTANCE)

    @property
    def state(self) -> str:
        return reading.text(self.dataset, STATE)

    @property
    def content(self) -> DataSet:
        return {tag: found for tag, found in self.dataset.items() if tag != MESSAGE}


@dataclass
class Heard:
    """What one subscriber was to be told and was told, workitem by workitem."""

    title: str
    due: list[Expected] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    pairs: list[tuple[Expected, Event]] = field(default_factory=list)
    # by workitem from which place on it was not subscribed to any more, and from which on again, 0 for never
    silences: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    @property
    def missing(self) -> list[Expected]:
        met = {id(expected) for expected, _ in self.pairs}
        return [e for e in self.due if id(e) not in met and not e.optional]

    @property
    def extra(self) -> list[Event]:
        met = {id(event) for _, event in self.pairs}
        return [e for e in self.events if id(e) not in met]

    def match(self) -> None:
        """Pair each event with one that is due and not paired yet: one whose content agrees before one whose does not,
        one whose time has come, one that has to come before one that may, and the first of them. What came before its
        time and says something else is a report that nobody asked for."""
        left = list(self.due)
        for event in self.events:
            fits = [e for e in left if e.type == event.type and e.uid == event.uid and _alike(e, event)]
            fits = [e for e in fits if e.at < event.at or not any(disagreements(e, event))]
            if fits:
                expected = min(fits, key=lambda e: (any(disagreements(e, event)), e.at > event.at, e.optional))
                left.remove(expected)
                self.pairs.append((expected, event))


def _alike(expected: Expected, event: Event) -> bool:
    return expected.type != STATE_REPORT or not expected.state or expected.state == event.state


def disagreements(expected: Expected, event: Event) -> Iterator[tuple[str, str, str]]:
    """What the event does not say as it has to: path, what it says, what it has to say."""
    for path in reading.everything(expected.says):
        want, got = texts(expected.says, path), texts(event.dataset, path)
        if any(want) and [reading.plain(t) for t in want] != [reading.plain(t) for t in got]:
            yield path, "; ".join(got) or "nothing", "; ".join(want)


@dataclass
class _Subscriber:
    """What an AE is subscribed to: all workitems ("" or one of the words), filters, and single ones."""

    everything: str = NOT
    filters: list[Ask] = field(default_factory=list)
    single: dict[str, str] = field(default_factory=dict)
    opened: int = 0  # the exchange that opened its connection, 0 while there is none


class _Model:
    """Goes through a journey once."""

    def __init__(self) -> None:
        self.items: dict[str, DataSet] = {}
        self.titles: dict[str, _Subscriber] = {}
        self.heard: dict[str, Heard] = {}
        self.connections: dict[int, str] = {}
        self.at = 0

    def take(self, x: Exchange) -> None:
        self.at += 1
        acts: dict[str, Callable[[Exchange], None]] = {
            reading.CREATED: self._created, reading.UPDATED: self._updated, reading.CHANGED: self._changed,
            reading.ASKED_TO_CANCEL: self._canceled, reading.SUBSCRIBED: self._subscribed,
            reading.UNSUBSCRIBED: self._unsubscribed, reading.SUSPENDED: self._suspended,
            OPENED: self._opened, EVENT: self._told, ENDED: self._ended,
        }  # fmt: skip
        act = acts.get(x.kind)
        if act is not None:
            before = {t: dict(s.single) for t, s in self.titles.items()}
            act(x)
            self._silences(before)

    def _silences(self, before: dict[str, dict[str, str]]) -> None:
        """Note when a subscription to a workitem ends and when it begins again."""
        for title, s in self.titles.items():
            heard = self.heard[title].silences
            was = before.get(title, {})
            for uid in was.keys() - s.single.keys():
                heard.setdefault(uid, []).append((self.at, 0))
            for uid in s.single.keys() - was.keys():
                if heard.get(uid) and heard[uid][-1][1] == 0:
                    heard[uid].append((heard[uid].pop()[0], self.at))

    def _of(self, title: str) -> _Subscriber:
        self.heard.setdefault(title, Heard(title))
        return self.titles.setdefault(title, _Subscriber())

    def _expect(self, x: Exchange, type: int, uid: str, why: str, state: str = "", optional: bool = False,
                says: DataSet | None = None, title: str = "", initial: bool = False) -> None:  # fmt: skip
        """Something that every subscriber of the workitem, or this one, is to be told."""
        for name, s in self.titles.items():
            if (title and name != title) or uid not in s.single:
                continue
            late = optional or not s.opened or s.single[uid] == PERHAPS
            self.heard[name].due.append(Expected(type, uid, state, why, x.seq, self.at, late, initial, says or {}))

    def _current(self, uid: str) -> tuple[str, DataSet]:
        item = self.items.get(uid, {})
        return reading.text(item, STATE), {READINESS: item[READINESS]} if READINESS in item else {}

    def _initial(self, x: Exchange, uid: str, title: str, why: str, optional: bool = False) -> None:
        state, says = self._current(uid)
        self._expect(x, STATE_REPORT, uid, why, state, optional or uid not in self.items, says, title, initial=True)

    def _created(self, x: Exchange) -> None:
        dataset, uid = only(x.ask), uid_of(x)
        if not granted(x) or dataset is None or not uid:
            return
        self.items[uid] = dataset
        for title, s in self.titles.items():
            word = {LOCKED: "with Lock", UNLOCKED: "w/o Lock"}.get(s.everything)
            if word:
                name = f'A UPS is Created when the AE Global Subscription State is "Global Subscription {word}"'
                s.single[uid], due = table.subscription(name, "")
                self._initial(x, uid, title, "created, with a subscription to the worklist", not due)
            elif fits := [f for f in (matching.fit(_filter(a), dataset) for a in s.filters) if f is not False]:
                s.single[uid] = UNLOCKED if True in fits else PERHAPS
                self._initial(x, uid, title, "created, and meets the filter")
        if self._populated(dataset):
            self._expect(x, ASSIGNED, uid, "created with a station or performer", says=assignment(dataset))

    @staticmethod
    def _populated(dataset: DataSet) -> bool:
        return any(dataset.get(tag, {}).get("Value") for tag in (STATION, PERFORMERS))

    def _updated(self, x: Exchange) -> None:
        uid, given = uid_of(x), only(x.ask)
        if not granted(x) or given is None:
            return
        before = self.items.get(uid, {})
        self.items[uid] = item = {**before, **{t: v for t, v in given.items() if t not in ("00081195", STATE)}}
        if READINESS in given:
            same = before.get(READINESS) == given[READINESS] or not before
            self._expect(
                x, STATE_REPORT, uid, "readiness changed", *self._current(uid)[:1], same, self._current(uid)[1]
            )
        if PROGRESS in given:
            tags = ("00741004", "00741006", "00741008")
            was, now = ([texts(d, f"{PROGRESS}.{t}") for t in tags] for d in (before, item))
            self._expect(
                x, REPORT_OF_PROGRESS, uid, "progress changed", optional=was == now, says={PROGRESS: item[PROGRESS]}
            )
        if {STATION, PERFORMERS} & set(given):
            same = all(before.get(t) == item.get(t) for t in (STATION, PERFORMERS))
            self._expect(x, ASSIGNED, uid, "assigned anew", optional=same, says=assignment(item))

    def _changed(self, x: Exchange) -> None:
        uid, state = uid_of(x), wanted(x)
        if granted(x) and state in (IN_PROGRESS, COMPLETED, CANCELED):
            self._to(x, uid, state)

    def _to(self, x: Exchange, uid: str, state: str) -> None:
        was = self._current(uid)[0]
        if was == state:
            return
        self.items[uid] = {**self.items.get(uid, {}), STATE: element(STATE, state)}
        self._expect(x, STATE_REPORT, uid, f"became {state}", state, says=self._current(uid)[1])
        if state == CANCELED:  # the moment of it belongs to the progress
            self._expect(x, REPORT_OF_PROGRESS, uid, "canceled", optional=True)

    def _canceled(self, x: Exchange) -> None:
        uid = uid_of(x)
        state = self._current(uid)[0]
        says = {t: v for t, v in (only(x.ask) or {}).items() if t in (REASON, REASON_CODE, CONTACT_URI, CONTACT_NAME)}
        due = granted(x) and state == IN_PROGRESS
        self._expect(x, CANCEL, uid, "asked to cancel", optional=not due, says=says)
        if granted(x) and state == SCHEDULED:
            self._to(x, uid, IN_PROGRESS)
            self._to(x, uid, CANCELED)

    def _subscribed(self, x: Exchange) -> None:
        if not granted(x):
            return
        uid, title, lock = x.resource.uid, x.resource.title, subscribe.locks(x)
        s = self._of(title)
        if uid == WORKLIST:
            self._subscribed_to_all(x, s, title, lock)
        elif uid == FILTERED:
            self._filtered(x, s, title, lock)
        else:
            s.single[uid] = LOCKED if lock else UNLOCKED
            self._initial(x, uid, title, "subscribed to")

    def _subscribed_to_all(self, x: Exchange, s: _Subscriber, title: str, lock: bool) -> None:
        s.everything = LOCKED if lock else UNLOCKED
        row = f"AE Subscribes Globally {'with' if lock else 'w/o'} Lock"
        for uid in self.items:
            was = NOT if s.single.get(uid, PERHAPS) == PERHAPS else s.single[uid]
            to, event = table.subscription(row, was)
            s.single[uid] = to or was
            if lock:  # CC.2.4.3 has a report of every workitem, the table none of those that were subscribed to
                self._initial(x, uid, title, "subscribed to all with a lock", optional=not event)

    def _filtered(self, x: Exchange, s: _Subscriber, title: str, lock: bool) -> None:
        s.filters.append(x.ask)
        for uid, item in self.items.items():
            fit = matching.fit(_filter(x.ask), item)
            if fit is not False and uid not in s.single:
                s.single[uid] = (LOCKED if lock else UNLOCKED) if fit else PERHAPS
                self._initial(x, uid, title, "subscribed to by filter", optional=True)

    def _unsubscribed(self, x: Exchange) -> None:
        s, uid = self._of(x.resource.title), x.resource.uid
        if not granted(x):
            return
        if uid == WORKLIST:
            s.everything, s.filters, s.single = NOT, [], {}
        elif uid == FILTERED:
            s.filters = []
            s.single = dict.fromkeys(s.single, PERHAPS)
        else:
            s.single.pop(uid, None)

    def _suspended(self, x: Exchange) -> None:
        s = self._of(x.resource.title)
        if granted(x) and x.resource.uid == WORKLIST:
            s.everything = NOT
        elif granted(x):
            s.filters = []

    def _opened(self, x: Exchange) -> None:
        title = str(x.facts.get("title") or (next(iter(self.titles)) if len(self.titles) == 1 else ""))
        if title and x.answer.status == 101:
            self._of(title).opened = x.seq
            self.connections[x.seq] = title

    def _ended(self, x: Exchange) -> None:
        title = self.connections.get(x.facts.get("connection", 0), "")
        if title:
            self._of(title).opened = 0

    def _told(self, x: Exchange) -> None:
        title, dataset = self.connections.get(x.facts.get("connection", 0), ""), only(x.answer)
        if title and dataset is not None:
            self.heard[title].events.append(Event(x, dataset, self.at))


def _filter(ask: Ask) -> Ask:
    """The subscription as a search with the keys of its filter, which are in `filter` or beside it (D-17)."""
    words = [w for w in ask.query.raw.split("&") if w.partition("=")[0] not in ("filter", "deletionlock")]
    words += [w for p in ask.query.all("filter") for w in p.value.split(",")]
    return ask.but(target=f"{ask.target.partition('?')[0]}?{'&'.join(words)}")


def assignment(item: DataSet) -> DataSet:
    """What a UPS Assigned event says of this workitem: the station, and of its performers codes and organizations."""
    says = {STATION: item[STATION]} if item.get(STATION, {}).get("Value") else {}
    for tag in ("00404009", "00404036"):
        values = [v for p in item.get(PERFORMERS, {}).get("Value", ()) for v in p.get(tag, {}).get("Value", ())]
        says |= {tag: element(tag, *values)} if values else {}
    return says


@view
def listened(j: Journey) -> list[Heard]:
    """What each subscriber with a connection heard, paired with what it was to hear."""
    model = _Model()
    for x in j.exchanges:
        model.take(x)
    heard = [model.heard[t] for t in dict.fromkeys(model.connections.values())]
    for h in heard:
        h.match()
    return heard


def pairs(j: Journey, *types: int, initial: bool | None = None) -> Iterator[tuple[Expected, Event]]:
    """Events of these types with what they had to say."""
    for h in listened(j):
        for expected, event in h.pairs:
            if expected.type in types and (initial is None or expected.initial == initial):
                yield expected, event
