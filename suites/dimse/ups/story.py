"""Knows what an association lets one know of a workitem before a request: whether it is there, its state, who holds it.

Must not know what follows from it. What a probe knows from elsewhere it says in the facts: `alone`, that nobody else
touches its workitems, and `workitems` by instance UID, each with `state` ('' for one that nobody created) and
`transaction`. Without `alone` nothing is known for certain: others may act on the same workitems elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.association import Association, Operation
from harness.exchange import view
from harness.wire.elements import DataSet
from harness.wire.sop import UPS_FILTERED, UPS_GLOBAL, UPS_PUSH
from harness.wire.status import class_of
from suites.dimse.reading import dataset, readable, text, texts
from suites.dimse.ups.table import (
    ABSENT,
    CANCEL,
    CANCELED,
    CHANGE,
    CHANGES,
    CREATE,
    EMPTY,
    FINAL,
    IN_PROGRESS,
    RIGHT,
    SCHEDULED,
    STATE,
    TRANSACTION,
    WRONG,
    Cell,
    Event,
    lacking,
    unfinished,
)

CREATED, SET, GOT, ACTION = (f"dimse.ups.{verb}" for verb in ("n-create", "n-set", "n-get", "n-action"))
FOUND, EVENT = "dimse.ups.find", "dimse.ups.event-report"
N = "|".join((CREATED, SET, GOT, ACTION, EVENT))
OWN_REASONS = (0x0110, 0x0124, 0x0213, 0xA700)
WELL_KNOWN = (UPS_GLOBAL, UPS_FILTERED)


@dataclass(frozen=True)
class Workitem:
    """A workitem as far as it is known. `transaction` is '' while nobody holds it, None when nobody knows; `values` are
    the requests that set attributes, the last one last, all of them when `whole`."""

    state: str
    transaction: str | None = ""
    values: tuple[DataSet, ...] = ()
    whole: bool = False
    coerced: bool = False

    def last(self, tag: str) -> DataSet | None:
        """The request that set an attribute last, None when nobody knows."""
        return next((found for found in reversed(self.values) if tag in found.elements), None)

    def merged(self) -> DataSet:
        """All attributes that were set, the last value of each."""
        elements: dict[str, Any] = {}
        for found in self.values:
            elements |= found.elements
        return DataSet(elements)


Known = Mapping[str, Workitem]


def done(o: Operation) -> bool:
    """It was carried out, perhaps with a warning."""
    return o.status is not None and class_of(o.status) in ("success", "warning")


def refused(o: Operation) -> bool:
    return o.status is not None and class_of(o.status) == "failure"


def action(o: Operation) -> int | None:
    """Action Type ID."""
    return o.request.command.number("ActionTypeID") if o.request.verb == "n-action" else None


def event_type(o: Operation) -> int | None:
    """Event Type ID."""
    return o.request.command.number("EventTypeID")


def instance(o: Operation) -> str:
    """The workitem that the operation is about; of an N-CREATE without one, that which the response names."""
    return o.request.instance or (o.final.instance if o.final is not None and o.kind == CREATED else "")


def asks_for(o: Operation) -> str:
    """The state that an action wants."""
    return text(dataset(o, o.request), STATE)


def transaction(o: Operation) -> str:
    """The Transaction UID of a request, '' without one."""
    return text(dataset(o, o.request), TRANSACTION)


def happens(o: Operation) -> Event | None:
    """The row of Table CC.1.1-2 that a request belongs to, None for none of them."""
    plain: Mapping[str, Event] = {CREATED: "create", SET: "set", GOT: "get"}
    if o.kind in plain:
        return plain[o.kind]
    if action(o) == CANCEL:
        return "request"
    return CHANGES.get(asks_for(o)) if action(o) == CHANGE and readable(o, o.request) else None


def alone(a: Association) -> bool:
    """The probe says that nobody else acts on these workitems."""
    return bool(a.facts.get("alone"))


def before(o: Operation) -> Workitem | None:
    """What is known of the workitem when the request was sent, None for nothing."""
    return known(o).get(instance(o))


def holds(o: Operation, w: Workitem) -> bool | None:
    """Whether the request has the Transaction UID that is needed, None when nobody knows."""
    event, given = happens(o), transaction(o)
    if event in ("create", "request", "get", "schedule"):
        return True
    if event == "set" and w.state == SCHEDULED:
        return TRANSACTION not in dataset(o, o.request).elements
    if event == "claim" and w.state == SCHEDULED:
        return bool(given)
    if w.transaction is None:
        return None
    # nobody holds it yet, so that no UID can be the right one; the table asks for C310 of a right one all the same
    return bool(given) and given == w.transaction


def cell(o: Operation) -> Cell | None:
    """The cell of the table of states for a request, None when the state, or who holds it, is not known."""
    w, event = before(o), happens(o)
    if w is None or event is None or o.request.sop_class != UPS_PUSH or instance(o) in WELL_KNOWN:
        return None
    right = holds(o, w)
    if right is None:
        return None
    return (RIGHT if right or event not in WRONG else WRONG)[event][w.state]


def lacks(o: Operation, w: Workitem) -> list[str]:
    """What has no value and needs one before the state that an action asks for, as far as all of it is known."""
    to = asks_for(o)
    return unfinished(w.merged(), to) if to in FINAL and w.whole and not w.coerced else []


def proper(o: Operation) -> bool:
    """An N-CREATE with all that Table CC.2.5-3 asks for, in the state in which a workitem begins, under a UID."""
    if o.kind != CREATED or not readable(o, o.request) or o.request.sop_class != UPS_PUSH or not o.request.instance:
        return False
    found = dataset(o, o.request)
    bare = all(not (e := found.get(tag)) or e.empty for tag in EMPTY)
    return bare and texts(found, STATE) == [SCHEDULED] and not any(lacking(found, CREATE))


# --- reading an association ----------------------------------------------------------------------------------------


def known(o: Operation) -> Known:
    """Every workitem of which something is known when the request was sent, by its UID."""
    return _stories(o.association).get(o.number, {})


@view
def _stories(a: Association) -> Mapping[int, Known]:
    """What is known before each operation of an association, by its number."""
    if not alone(a):
        return {}
    order = {id(message): place for place, (_, message) in enumerate(a.messages)}
    found: dict[int, Known] = {}
    items = {uid: _given(w) for uid, w in a.facts.get("workitems", {}).items()}
    waiting: deque[Operation] = deque()  # what was asked and not learned from yet
    for o in (o for o in a.operations if o.kind in (CREATED, SET, GOT, ACTION, FOUND)):
        while waiting and (final := waiting[0].final) is not None and order[id(final)] < order[id(o.request)]:
            _take(items, waiting.popleft())
        unsure = {instance(e) for e in waiting}
        sure = {uid: w for uid, w in items.items() if uid not in unsure}
        if o.kind == CREATED and instance(o) not in unsure:  # nobody else has made it
            sure.setdefault(instance(o), Workitem(ABSENT))
        found[o.number] = sure
        waiting.append(o)
    return found


def _given(w: Mapping[str, Any]) -> Workitem:
    return Workitem(str(w.get("state", ABSENT)), w.get("transaction", ""))


def _take(items: dict[str, Workitem], o: Operation) -> None:
    """Learn from an operation that was answered."""
    uid, event = instance(o), happens(o)
    if event in (None, "get", "schedule") or not done(o):
        return
    if event == "create":
        items[uid] = Workitem(SCHEDULED, "", (dataset(o, o.request),), True, o.status != 0)
    elif uid in items:
        items[uid] = _changed(items[uid], event, o)


def _changed(w: Workitem, event: Event | None, o: Operation) -> Workitem:
    """A workitem after a request that was carried out."""
    if event == "set":
        return replace(w, values=(*w.values, dataset(o, o.request)), coerced=w.coerced or o.status != 0)
    if event == "request":
        return replace(w, state=CANCELED if w.state == SCHEDULED else w.state)
    if w.state in FINAL:
        return w
    if event == "claim":
        return replace(w, state=IN_PROGRESS, transaction=transaction(o))
    return replace(w, state=asks_for(o))
