"""Knows how the exchanges of a journey tell the life of workitems: what was known of one before each of them.

It holds a model of the state table of its own (PS3.4 CC.1.1), fed by what was granted and what was retrieved.
Must not know what a right answer is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from harness.exchange import Exchange, Journey, view
from harness.wire.dicom_json import DataSet
from harness.wire.uri import valid_uid
from suites.web.workitems import reading, table
from suites.web.workitems.making import CANCELED, COMPLETED, FINAL, IN_PROGRESS, PERFORMED, SCHEDULED, STATE
from suites.web.workitems.reading import (
    ABOUT_ONE,
    ASKED_TO_CANCEL,
    CHANGED,
    CREATED,
    RETRIEVED,
    UPDATED,
    granted,
    key_of,
    only,
    uid_of,
    wanted,
)

LIFE, CLIENT = "web.workitems.life", "web.client"
EVERY = f"{LIFE}|web.workitems.watching|{CLIENT}"
ABSENT = ""
STATES = (SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED)
VOLATILE = "00404010"  # when it was last modified


@dataclass(frozen=True)
class Item:
    """What is known of a workitem: its state (None: nothing, "": that it does not exist), the Transaction UID under
    which it was claimed (None: not known), its attributes as retrieved last or created, and what was updated since.

    `ready`: what COMPLETED asks for was set; None where nobody knows.
    """

    state: str | None = None
    lock: str | None = None
    seen: DataSet | None = None
    ready: bool | None = None


@dataclass(frozen=True)
class Moment:
    """One exchange about a workitem, with what was known before, and what a retrieval told next."""

    x: Exchange
    uid: str
    item: Item
    later: str | None = None  # the state that the next retrieval showed, before anything else was granted

    @property
    def cell(self) -> str | None:
        """The status that Table CC.1.1-2 has for a Change State, or the state that follows; None when nobody knows.

        An end without what it asks for is C304. What is arguable is None: an end as CANCELED without an update, which
        CC.2.5.1.3.2 grants and the final state codes refuse.
        """
        state, asked = self.item.state, wanted(self.x)
        if state is None or self.x.kind != CHANGED or not reading.readable(self.x):
            return None
        if asked == SCHEDULED:
            return table.outcome(SCHEDULED, state)
        if asked not in STATES or (state not in (ABSENT, SCHEDULED) and self.item.lock is None):
            return None
        key = key_of(self.x)
        right = valid_uid(key) if state in (ABSENT, SCHEDULED) else key == self.item.lock
        found = table.outcome(f"{asked} {'with' if right else 'without'} correct UID", state)
        if found == COMPLETED:
            return {True: found, False: "C304", None: None}[self.item.ready]
        return found if found != CANCELED or self.item.ready is not False else None

    @property
    def contradicted(self) -> bool:
        """A retrieval right after it shows another state than was known: others have had a hand in it."""
        return self.later is not None and self.later != self.item.state


def telling(j: Journey) -> bool:
    """Something in it is about workitems."""
    return any(x.kind in ABOUT_ONE or x.kind == CREATED for x in j.exchanges)


@view
def moments(j: Journey) -> list[Moment]:
    """The exchanges about single workitems, in order."""
    items: dict[str, Item] = {}
    ends: dict[str, int] = {}
    found: list[Moment] = []
    for x in sorted(j.exchanges, key=lambda x: (x.facts.get("began_ms", 0), x.seq)):
        uid = uid_of(x) if x.kind in ABOUT_ONE or x.kind == CREATED else ""
        if not uid:
            continue
        if x.facts.get("fresh") or x.facts.get("unknown"):
            items.setdefault(uid, Item(ABSENT))
        began = x.facts.get("began_ms")
        if began is not None and began < ends.get(uid, 0):
            items.pop(uid, None)  # two at the same time: nobody knows which came first
        ends[uid] = max(ends.get(uid, 0), (began or 0) + x.elapsed_ms)
        before = items.get(uid, Item())
        if j.kind == CLIENT and before.state == SCHEDULED:
            before = replace(before, state=None)  # others may have claimed it
        found.append(Moment(x, uid, before))
        items[uid] = after(x, before) if _lawful(found[-1]) else Item()
    return _with_what_came_later(found)


def _with_what_came_later(found: list[Moment]) -> list[Moment]:
    shown: dict[str, str | None] = {}
    told: list[Moment] = []
    for m in reversed(found):
        told.append(replace(m, later=shown.get(m.uid)))
        if m.x.kind == RETRIEVED:
            shown[m.uid] = reading.text(only(m.x.answer), STATE) or None if granted(m.x) else None
        elif granted(m.x):
            shown[m.uid] = None
    return told[::-1]


def _lawful(m: Moment) -> bool:
    """What was granted may be: after anything else nobody knows where the workitem is."""
    return not granted(m.x) or m.cell is None or m.cell in STATES or m.cell.startswith("B")


def after(x: Exchange, item: Item) -> Item:
    """What is known when the exchange is over."""
    if not x.answer.complete:
        return Item()
    if not granted(x):
        return _refused(x, item)
    act: dict[str, Callable[[Exchange, Item], Item]] = {
        CREATED: _created, RETRIEVED: _retrieved, UPDATED: _updated, CHANGED: _changed, ASKED_TO_CANCEL: _canceled,
    }  # fmt: skip
    return act[x.kind](x, item)


def _refused(x: Exchange, item: Item) -> Item:
    if x.answer.status in reading.GONE and x.kind != CREATED:
        # what is over may be kept from retrieval (11.5.2), and still be known when it is created again
        return item if item.state == ABSENT else Item()
    return Item() if x.kind == CREATED and item.state == ABSENT and x.answer.status == 409 else item


def _created(x: Exchange, item: Item) -> Item:
    return Item(SCHEDULED, None, only(x.ask), ready=False)


def _retrieved(x: Exchange, item: Item) -> Item:
    found = only(x.answer)
    state = reading.text(found, STATE)
    if found is None or state not in STATES:
        return item
    if state != item.state:  # not by us: nobody knows under which Transaction UID
        return Item(state, None, found)
    return replace(item, seen=found)


def _updated(x: Exchange, item: Item) -> Item:
    given = only(x.ask) or {}
    ready = item.ready or (None if PERFORMED in given else item.ready)
    if performed(given) and not reading.warnings(x):
        ready = True
    return replace(item, ready=ready)


def performed(given: DataSet) -> bool:
    """An update that has what COMPLETED asks for: the items P of the Performed Procedure Sequence."""
    below = ("00404028", "00404050", "00404019", "00404051")
    return all(reading.text(given, f"{PERFORMED}.{tag}") or _items(given, f"{PERFORMED}.{tag}") for tag in below)


def _items(given: DataSet, path: str) -> bool:
    return any(p.startswith(f"{path}.") for p in reading.everything(given))


def _changed(x: Exchange, item: Item) -> Item:
    state = wanted(x)
    if state == IN_PROGRESS:
        return replace(item, state=state, lock=key_of(x))
    if state in FINAL:
        return replace(item, state=state) if item.state != COMPLETED or state == COMPLETED else item
    return replace(item, state=None)


def _canceled(x: Exchange, item: Item) -> Item:
    """Of what is claimed nothing changes; a SCHEDULED one may take a while until it is CANCELED."""
    return replace(item, state=None, lock=None) if item.state == SCHEDULED else item


def about(j: Journey, *kinds: str) -> Iterator[Moment]:
    """The moments of these kinds of which the answer came whole and was not refused for reasons of the server's own."""
    return (m for m in moments(j) if m.x.kind in kinds and not reading.declined(m.x))


def cells(j: Journey, *outcomes: str) -> list[Moment]:
    """The Change State requests for which the table has one of these outcomes."""
    return [m for m in about(j, CHANGED) if m.cell in outcomes]
