"""Knows what a client can know of workitems, from what it asked and was told: states, its claims, what it set.

A client may have claimed a workitem before anybody looked, so what is not seen here is charged to nobody.
Must not know payloads beyond the attributes that matter for a claim, nor what is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from harness.exchange import Exchange, Journey
from harness.wire.dicom_json import DataSet
from suites.web.client.conversation import exchanges
from suites.web.workitems import reading
from suites.web.workitems.making import CANCELED, COMPLETED, FINAL, IN_PROGRESS, SCHEDULED, STATE

EVENT = "socket.workitems.event"
AFFECTED = "00001000"
LOST = (400, 409)  # a claim that came too late (D-30)


@dataclass(frozen=True)
class Item:
    """What a client can know of a workitem. `key` is the Transaction UID of its own claim; `state` the last one that it
    was told or brought about, '' for none; `has` the attributes that it knows to be there, None when it does not, and
    `set` those that it set itself.

    `sure` tells whether the claim was granted, `lost` that one was refused, `ended` that the client itself ended it.
    """

    key: str = ""
    state: str = ""
    sure: bool = False
    lost: bool = False
    ended: bool = False
    has: DataSet | None = None
    set: DataSet = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """The client has claimed it, and not ended it."""
        return self.sure and self.state == IN_PROGRESS


def steps(j: Journey) -> Iterator[tuple[Exchange, Item]]:
    """What was asked about workitems, in order, with what the client could know before it asked."""
    known: dict[str, Item] = {}
    for x in exchanges(j):
        uid = reading.uid_of(x) if x.kind.startswith("web.workitems") else ""
        if uid:
            yield x, known.get(uid, Item())
        for told, item in _after(x, uid, known):
            known[told] = item


def _after(x: Exchange, uid: str, known: Mapping[str, Item]) -> Iterator[tuple[str, Item]]:
    """What is known after this exchange that was not before it."""
    before = known.get(uid, Item())
    if x.kind == EVENT:
        yield from _reported(x, known)
    elif x.kind == reading.SEARCHED:
        for row in reading.datasets(x.answer) if x.answer.ok else ():
            uid = reading.text(row, reading.INSTANCE)
            yield uid, _seen(known.get(uid, Item()), reading.text(row, STATE))
    elif not uid:
        return
    elif x.kind == reading.CHANGED:
        yield uid, _changed(x, before)
    elif x.answer.ok and x.kind == reading.CREATED:
        # a server may fill in what was left empty, or change it
        yield uid, Item(state=SCHEDULED, has=reading.only(x.ask))
    elif x.kind == reading.UPDATED:  # what a server refused the client has said all the same
        yield uid, replace(before, set={**before.set, **(reading.only(x.ask) or {})})
    elif x.answer.ok and x.kind == reading.RETRIEVED:
        found = reading.only(x.answer)
        yield uid, replace(_seen(before, reading.text(found, STATE)), has=found or before.has)


def _reported(x: Exchange, known: Mapping[str, Item]) -> Iterator[tuple[str, Item]]:
    found = reading.only(x.answer)
    uid, state = reading.text(found, AFFECTED), reading.text(found, STATE)
    if uid and state:
        yield uid, _seen(known.get(uid, Item()), state)


def _seen(item: Item, state: str) -> Item:
    """A state never goes back, so what is told late says nothing."""
    order = ("", SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED)
    newer = state in order and order.index(state) > order.index(item.state)
    return replace(item, state=state) if newer else item


def _changed(x: Exchange, item: Item) -> Item:
    wanted, key = reading.wanted(x), reading.key_of(x)
    if not x.answer.complete:  # nobody knows whether it was done
        return replace(item, key=item.key or key, sure=item.sure and wanted not in FINAL)
    if x.answer.ok:
        ended = item.ended or wanted in FINAL
        return replace(item, key=key, state=wanted, sure=True, lost=False, ended=ended) if wanted else item
    if wanted == IN_PROGRESS and not item.key and x.answer.status in LOST:
        return replace(item, lost=True)
    return item


def asked(j: Journey, *kinds: str) -> list[tuple[Exchange, Item]]:
    return [(x, item) for x, item in steps(j) if x.kind in kinds]


def to_end(j: Journey) -> list[tuple[Exchange, Item]]:
    return [(x, item) for x, item in asked(j, reading.CHANGED) if reading.wanted(x) in FINAL]


def claims(j: Journey) -> list[tuple[Exchange, Item]]:
    found = asked(j, reading.CHANGED)
    return [(x, item) for x, item in found if reading.wanted(x) == IN_PROGRESS and reading.key_of(x)]
