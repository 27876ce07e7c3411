"""Knows how a retrieval is read: its sub-operations, what became of each, its counters and its failed list.

Must not know what the numbers should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.association import Association, Operation
from harness.exchange import Journey, view
from harness.wire.dimse import Message
from harness.wire.status import class_of
from suites.dimse import models
from suites.dimse.reading import dataset, texts

GET, MOVE = "dimse.query-retrieve.get", "dimse.query-retrieve.move"
REMAINING, COMPLETED, FAILED, WARNING = (
    "NumberOfRemainingSuboperations", "NumberOfCompletedSuboperations", "NumberOfFailedSuboperations",
    "NumberOfWarningSuboperations",
)  # fmt: skip
ENDED = (COMPLETED, FAILED, WARNING)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sub-operations by what their responses said; `unanswered` got none."""

    completed: int = 0
    failed: int = 0
    warning: int = 0
    unanswered: int = 0


def number(message: Message | None, keyword: str) -> int | None:
    """A counter of a response, None when it is not there."""
    return message.command.number(keyword) if message is not None else None


def total(message: Message) -> int | None:
    """All counters of a response together, a missing Remaining as zero; None when another one is missing."""
    ended = [number(message, keyword) for keyword in ENDED]
    return None if None in ended else sum(n or 0 for n in ended) + (number(message, REMAINING) or 0)


def failed_list(o: Operation, message: Message | None) -> list[str]:
    """Failed SOP Instance UID List of a response."""
    return [uid for uid in texts(dataset(o, message), models.FAILED_LIST) if uid] if message is not None else []


@view
def suboperations(o: Operation) -> Sequence[Operation]:
    """The C-STORE operations of the other side on the same association, from the request to the final response."""
    order = {id(message): place for place, (_, message) in enumerate(o.association.messages)}
    begin = order.get(id(o.request), 0)
    end = order.get(id(o.final), len(order)) if o.final is not None else len(order)
    return [
        s
        for s in o.association.operations
        if s.invoker == o.performer and s.request.verb == "store" and begin < order.get(id(s.request), -1) < end
    ]


def tallied(stores: Sequence[Operation]) -> Tally:
    kinds = [class_of(s.status) if s.status is not None else "" for s in stores]
    return Tally(
        sum(k == "success" for k in kinds),
        sum(k in ("failure", "unknown", "cancel", "pending") for k in kinds),
        sum(k == "warning" for k in kinds),
        kinds.count(""),
    )


def due(o: Operation) -> list[str] | None:
    """The instances that a probe knows to be meant by this retrieval, None when it knows nothing."""
    told = o.facts.get("due", {}).get(str(o.request.id))
    return None if told is None else list(told)


def names(stores: Sequence[Operation]) -> list[str]:
    """The SOP Instance UIDs that sub-operations sent, in order."""
    return [s.request.instance for s in stores]


def retrievals(a: Association | None) -> list[Operation]:
    return [o for o in a.operations if o.kind in (GET, MOVE)] if a else []


def moves(j: Journey) -> list[Operation]:
    """The C-MOVE operations of a journey."""
    return [o for a in j.associations for o in a.operations if o.request.verb == "move"]


def delivered(j: Journey) -> list[Operation]:
    """The C-STORE operations that came to us as destination in a journey."""
    return [o for a in j.associations if a.step == "destination" for o in a.operations if o.request.verb == "store"]
