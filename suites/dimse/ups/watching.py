"""Knows whom a provider has to tell of what: the subscriptions of one AE, by the requests of a journey (PS3.4 CC.2.3,
CC.2.4.3, Table CC.2.3-2).

Must not know what came. Only workitems that were created in the journey are followed, and one receiver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.association import Operation
from harness.exchange import Journey, view
from harness.wire.elements import DataSet
from harness.wire.sop import UPS_FILTERED, UPS_GLOBAL
from suites.dimse.reading import dataset, text, texts
from suites.dimse.ups import found, story
from suites.dimse.ups.story import ACTION, CREATED, EVENT, SET, action, done, event_type
from suites.dimse.ups.table import (
    ASSIGNED,
    CANCEL,
    CANCEL_REQUESTED,
    CANCELED,
    CHANGE,
    CHARSET,
    CONTACT,
    FINAL,
    IN_PROGRESS,
    LOCK,
    PERFORMERS,
    PROGRESS,
    PROGRESS_REPORT,
    READINESS,
    REASON,
    RECEIVING,
    REPORT,
    REQUESTING,
    SCHEDULED,
    STATE,
    STATION,
    SUBSCRIBE,
    SUSPEND,
    UNSUBSCRIBE,
    URI,
    WHY,
)

EVENTS = "dimse.ups.events"


@dataclass(frozen=True)
class Due:
    """An event that has to come (or, when not `sure`, may come): what it tells, by path, and after which request."""

    instance: str
    type: int
    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    after: str = ""
    seq: int = 0
    sure: bool = True
    words: str = ""  # for which requirement it stands: "initial", "created", "cancel" ...


@dataclass
class Item:
    """A workitem as the receiver sees it: `left` once it was unsubscribed from, `subscribed` None when nobody knows."""

    state: str
    values: dict[str, DataSet]
    subscribed: bool | None = False
    left: bool = False


@dataclass
class Watch:
    """Whom it is about, the workitems, the global subscription, the filter, and what has to come.

    `creators`: whoever creates a workitem is subscribed to it, as a provider may choose (CC.2.5.3).
    """

    receiver: str
    creators: bool = False
    items: dict[str, Item] = field(default_factory=dict)
    all: bool = False
    filters: dict[str, str] | None = None
    due: list[Due] = field(default_factory=list)


def receiver(j: Journey) -> str:
    """The AE title whose events are followed, '' when the probe names none."""
    return next((str(a.facts["receiver"]) for a in j.associations if "receiver" in a.facts), "")


def events(j: Journey) -> list[Operation]:
    """The events that came, on whatever association."""
    return [o for a in j.associations for o in a.operations if o.kind == EVENT]


@view
def followed(j: Journey) -> Watch:
    """What has to come to the receiver."""
    watch = Watch(receiver(j), _creators(j))
    for a in j.associations:
        if story.alone(a):
            for o in a.operations:
                _take(watch, o)
    return watch


def _creators(j: Journey) -> bool:
    """A workitem was told to be assigned as it was created, before anybody subscribed to anything."""
    asked = [o for a in j.associations if story.alone(a) for o in a.operations]
    first = next((o for o in asked if o.kind == CREATED or action(o) == SUBSCRIBE), None)
    if first is None or first.kind != CREATED:
        return False
    uid = story.instance(first)
    told = [dataset(o, o.request) for o in events(j) if o.request.instance == uid and event_type(o) == ASSIGNED]
    station = texts(dataset(first, first.request), f"{STATION}.00080100")
    return any(texts(found_, f"{STATION}.00080100") == station for found_ in told)


def _take(w: Watch, o: Operation) -> None:
    if o.kind == CREATED and done(o):
        _created(w, o)
    elif o.kind == SET and done(o) and story.instance(o) in w.items:
        _set(w, o)
    elif o.kind == ACTION and action(o) == CHANGE and o.status == 0 and story.instance(o) in w.items:
        _moved(w, o, story.asks_for(o))
    elif o.kind == ACTION and action(o) == CANCEL and o.final is not None and story.instance(o) in w.items:
        _cancel(w, o)
    elif action(o) in (SUBSCRIBE, UNSUBSCRIBE, SUSPEND) and done(o) and _for(w, o):
        _subscription(w, o)


def _for(w: Watch, o: Operation) -> bool:
    """It is about the receiver that is followed."""
    return text(dataset(o, o.request), RECEIVING) == w.receiver


def _say(w: Watch, o: Operation, uid: str, type_: int, told: Mapping[str, tuple[str, ...]], words: str = "",
         sure: bool = True) -> None:  # fmt: skip
    item = w.items[uid]
    if item.subscribed is not False:
        w.due.append(Due(uid, type_, told, o.where(), o.seq, sure and item.subscribed is True, words))


def _reports(w: Watch, o: Operation, uid: str, words: str = "", sure: bool = True) -> None:
    item = w.items[uid]
    told = {STATE: (item.state,), READINESS: tuple(_values(item, READINESS))}
    _say(w, o, uid, REPORT, told, words, sure)


def _values(item: Item, path: str) -> list[str]:
    holder = item.values.get(path.partition(".")[0])
    return texts(holder, path) if holder is not None else []


def _created(w: Watch, o: Operation) -> None:
    uid, made = story.instance(o), dataset(o, o.request)
    item = w.items[uid] = Item(SCHEDULED, dict.fromkeys(made.elements, made))
    item.subscribed = True if w.all else _filtered(w, made)
    if item.subscribed is False and w.creators:
        item.subscribed = None
    _reports(w, o, uid, "created")
    if any((e := made.get(tag)) is not None and e.items for tag in (STATION, PERFORMERS)):
        _say(w, o, uid, ASSIGNED, _station(item), "created")


def _station(item: Item) -> dict[str, tuple[str, ...]]:
    path = f"{STATION}.00080100"
    return {path: tuple(_values(item, path))} if _values(item, path) else {}


def _filtered(w: Watch, made: DataSet) -> bool | None:
    """Whether a new workitem matches the filter that stands; None when it is open."""
    if w.filters is None:
        return False
    fits = [found.fit(path, wanted, texts(made, path)) for path, wanted in w.filters.items()]
    return False if False in fits else None if None in fits else True


def _set(w: Watch, o: Operation) -> None:
    uid, given = story.instance(o), dataset(o, o.request)
    item = w.items[uid]
    before = {path: _values(item, path) for path in (READINESS, f"{STATION}.00080100")}
    item.values |= dict.fromkeys((t for t in given.elements if t != CHARSET), given)
    if READINESS in given.elements:
        _reports(w, o, uid, "readiness", sure=before[READINESS] != _values(item, READINESS))
    if STATION in given.elements or PERFORMERS in given.elements:
        changed = before[f"{STATION}.00080100"] != _values(item, f"{STATION}.00080100")
        _say(w, o, uid, ASSIGNED, _station(item), "assigned", sure=changed)
    if PROGRESS in given.elements:
        path = f"{PROGRESS}.00741004"
        told = {path: tuple(_values(item, path))} if _values(item, path) else {}
        _say(w, o, uid, PROGRESS_REPORT, told, "progress", sure=bool(told))


def _moved(w: Watch, o: Operation, state: str) -> None:
    uid = story.instance(o)
    item = w.items[uid]
    if item.state not in FINAL:
        item.state = state
        _reports(w, o, uid, "changed")
        # a cancellation fills in its moment, which is part of the progress (Table CC.2.5-3)
        if state == CANCELED:
            _say(w, o, uid, PROGRESS_REPORT, {}, sure=False)


def _cancel(w: Watch, o: Operation) -> None:
    uid, given = story.instance(o), dataset(o, o.request)
    state = w.items[uid].state
    turn = o.association.request
    told = turn.pdu.associate if turn is not None else None
    caller = told.calling.decode("latin-1").strip(" \0") if told is not None else ""
    said = {
        tag: tuple(texts(given, tag)) for tag in (REASON, URI, CONTACT, f"{WHY}.00080100") if any(texts(given, tag))
    }
    # of a workitem that is not IN PROGRESS the table of states and CC.2.4.3 do not say the same
    sure = state == IN_PROGRESS and o.status == 0
    _say(w, o, uid, CANCEL_REQUESTED, {REQUESTING: (caller,), **said}, "cancel", sure)
    if state == SCHEDULED and o.status == 0:
        _moved(w, o, IN_PROGRESS)
        _moved(w, o, CANCELED)


def _subscription(w: Watch, o: Operation) -> None:
    uid, given = story.instance(o), dataset(o, o.request)
    if action(o) == SUBSCRIBE and uid in w.items:
        w.items[uid].subscribed, w.items[uid].left = True, False
        _reports(w, o, uid, "initial")
    elif action(o) == SUBSCRIBE and uid == UPS_GLOBAL:
        _globally(w, o, text(given, LOCK) == "TRUE")
    elif action(o) == SUBSCRIBE and uid == UPS_FILTERED:
        _by_filter(w, o)
    elif action(o) == UNSUBSCRIBE and uid in w.items:
        _leaves(w, uid)
    elif action(o) in (UNSUBSCRIBE, SUSPEND):
        w.all, w.filters = w.all and uid == UPS_FILTERED, None
        if action(o) == UNSUBSCRIBE and uid == UPS_GLOBAL:
            for one in w.items:
                _leaves(w, one)


def _leaves(w: Watch, uid: str) -> None:
    w.items[uid].subscribed, w.items[uid].left = False, True


def _globally(w: Watch, o: Operation, lock: bool) -> None:
    w.all = True
    for uid, item in w.items.items():
        new = item.subscribed is False
        item.subscribed = True
        # CC.2.4.3 speaks of every workitem, Table CC.2.3-2 of those that were not subscribed to
        _reports(w, o, uid, "initial", sure=lock and new)


def _by_filter(w: Watch, o: Operation) -> None:
    given = found.keys(o)
    w.filters = {path: value for path, value in given.items() if path not in (RECEIVING, LOCK)}
    for uid, item in w.items.items():
        if item.subscribed is False:
            item.subscribed = None  # it may match or not; what comes of it now is open
            _reports(w, o, uid, "initial", sure=False)
