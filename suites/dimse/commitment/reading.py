"""Knows how requests and reports of storage commitment are read, and which belong together (Tables J.3-1, J.3-2).

Must not know what is right. What a probe knows it says in the facts: `transactions` by Transaction UID, each with
`requested`, pairs of SOP Class and SOP Instance UID, and `kept`, `unknown` and `conflicting`, SOP Instance UIDs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.association import Operation
from harness.exchange import view
from harness.wire import vr
from harness.wire.elements import DataSet
from harness.wire.sop import COMMITMENT, COMMITMENT_INSTANCE
from suites.dimse.reading import dataset, readable, text

ACTION, EVENT = "dimse.commitment.n-action", "dimse.commitment.event-report"
TRANSACTION, REFERENCED, FAILED = "00081195", "00081199", "00081198"
CLASS, INSTANCE, REASON = "00081150", "00081155", "00081197"
RETRIEVE_AE, FILE_SET_ID, FILE_SET_UID = "00080054", "00880130", "00880140"
SUCCESSFUL, FAILURES = 1, 2

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reference:
    """One item of a sequence of references; `reason` of a failed one."""

    sop_class: str
    instance: str
    reason: int | None = None


@view
def referenced(o: Operation) -> Sequence[Reference]:
    """The items of the Referenced SOP Sequence of the request message."""
    return list(_references(dataset(o, o.request), REFERENCED))


@view
def failed(o: Operation) -> Sequence[Reference]:
    """The items of the Failed SOP Sequence."""
    return list(_references(dataset(o, o.request), FAILED))


def places(o: Operation) -> dict[str, str]:
    """The Retrieve AE Title of each kept instance, '' where the report names none (J.3.3.1.1.1)."""
    found = dataset(o, o.request)
    element = found.get(REFERENCED)
    outside = text(found, RETRIEVE_AE)
    items = (element.items or ()) if element is not None else ()
    return {text(item, INSTANCE): text(item, RETRIEVE_AE) or outside for item in items}


def _references(found: DataSet, tag: str) -> Iterator[Reference]:
    element = found.get(tag)
    for item in (element.items or ()) if element is not None else ():
        yield Reference(text(item, CLASS), text(item, INSTANCE), item.number(REASON))


def transaction(o: Operation) -> str:
    return text(dataset(o, o.request), TRANSACTION)


def type_of(o: Operation) -> int | None:
    """Action Type ID or Event Type ID."""
    return o.request.command.number("ActionTypeID" if o.request.verb == "n-action" else "EventTypeID")


def is_uid(value: str) -> bool:
    return bool(value) and not any(True for _ in vr.faults("UI", value))


def whole(o: Operation) -> bool:
    """A request that its provider can take for one: Table J.3-1, J.3.2.1.2."""
    refs = referenced(o)
    return (
        readable(o, o.request)
        and o.request.sop_class == COMMITMENT
        and o.request.instance == COMMITMENT_INSTANCE
        and type_of(o) == 1
        and is_uid(transaction(o))
        and bool(refs)
        and all(is_uid(r.sop_class) and is_uid(r.instance) for r in refs)
        and len({r.instance for r in refs}) == len(refs)
    )


def reported(o: Operation) -> bool:
    """A report that can be read."""
    return o.request.verb == "event-report" and readable(o, o.request)


def known(o: Operation) -> Mapping[str, Any]:
    """What a probe knows of the transaction of a report, empty for nothing."""
    found: Mapping[str, Any] = o.facts.get("transactions", {}).get(transaction(o), {})
    return found


def requested(o: Operation) -> list[Pair] | None:
    """What was asked for in the transaction of a report: on this association before, or as the probe says."""
    for other in reversed(o.association.operations):
        if other.kind == ACTION and other.number < o.number and transaction(other) == transaction(o):
            return [(r.sop_class, r.instance) for r in referenced(other)] if whole(other) else None
    told = known(o).get("requested")
    return [(str(c), str(i)) for c, i in told] if told is not None else None
