"""Knows what a journey stored with C-STORE, and what of it came back by C-FIND, C-GET or C-MOVE.

Must not know what should have become of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.association import Association, Operation
from harness.exchange import Journey
from harness.make.identifiers import UNIQUE
from harness.wire.elements import DataSet
from harness.wire.status import class_of
from suites.dimse.reading import dataset, matches, readable, text

KIND = "dimse.storage.effects"


@dataclass(frozen=True)
class Kept:
    """One instance that was acknowledged: the operation that stored it, and its data set."""

    operation: Operation
    dataset: DataSet

    @property
    def uid(self) -> str:
        return self.operation.request.instance

    @property
    def silent(self) -> bool:
        """It was stored without a warning: nothing was said to have been changed or left out."""
        return self.operation.status == 0


def kept(j: Journey) -> dict[str, Kept]:
    """The acknowledged instances of a journey by SOP Instance UID; the last sending of one counts."""
    found: dict[str, Kept] = {}
    for a in j.associations:
        for o in a.operations if a.step == "store" else ():
            acknowledged = o.status is not None and class_of(o.status) in ("success", "warning")
            if o.request.verb == "store" and acknowledged and readable(o, o.request):
                found[o.request.instance] = Kept(o, dataset(o, o.request))
    return found


def looked_for(j: Journey) -> Iterator[tuple[Operation, str]]:
    """The queries and retrievals after storing that ended with Success, each with the instance it asked for alone."""
    for a in _after(j):
        for o in a.operations:
            asked = text(dataset(o, o.request), UNIQUE["IMAGE"])
            if o.request.verb in ("find", "get", "move") and asked:
                yield o, asked


def seen(j: Journey) -> set[str]:
    """The instances that were found by a query or came with a retrieval."""
    found = {text(match, UNIQUE["IMAGE"]) for o, _ in looked_for(j) if o.request.verb == "find" for match in matches(o)}
    return found | {uid for uid, _, _ in returned(j)}


def returned(j: Journey) -> Iterator[tuple[str, Operation, DataSet]]:
    """The instances that came back as sub-operations, with their data sets as far as these can be read."""
    for a in _after(j):
        for o in a.operations:
            if o.request.verb == "store" and (o.invoker == "acceptor" or a.step == "destination"):
                found = dataset(o, o.request) if readable(o, o.request) else DataSet()
                yield o.request.instance, o, found


def _after(j: Journey) -> list[Association]:
    return [a for a in j.associations if a.step != "store"]


def level_two(o: Operation) -> bool:
    """The acceptor said by extended negotiation that it stores every attribute (B.3.1.2, B.4.1.1)."""
    answer = o.association.answer
    told = answer.pdu.associate if answer else None
    uid = o.agreed.abstract if o.agreed else ""
    items = [item for item in (told.user.extended if told else ()) if item.uid == uid]
    return any(item.information[:1] == b"\x02" for item in items)
