"""Rules of PS3.4 CC.2.1.2, CC.2.2.2 and CC.2.3.2 on the actions that users of workitems ask for.

Must not know responses, but for whether an earlier request was carried out.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Operation
from harness.rule import MESSAGE, SCU, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire import vr
from harness.wire.sop import UPS_FILTERED, UPS_GLOBAL, UPS_PUSH
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import dataset, readable, text, texts
from suites.dimse.ups import story
from suites.dimse.ups.story import ACTION, EVENT, action
from suites.dimse.ups.table import (
    CANCEL,
    CANCELED,
    CHANGE,
    COMPLETED,
    IN_PROGRESS,
    LOCK,
    RECEIVING,
    SCHEDULED,
    STATE,
    SUBSCRIBE,
    SUSPEND,
    TRANSACTION,
    UNSUBSCRIBE,
)


@operation(
    "ups.change-information",
    cites="PS3.4 CC.2.1.1, Table CC.2.1-1, CC.2.1.2",
    verifies="SV-UPS-001",
    on=ACTION,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: action(o) == CHANGE,
    says="A change of state names the state, IN PROGRESS, COMPLETED or CANCELED, and a Transaction UID.",
)
def change_information(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    got = texts(found, STATE)
    if got not in ([IN_PROGRESS], [COMPLETED], [CANCELED]):
        yield Finding("\\".join(got) or "none", "IN PROGRESS, COMPLETED or CANCELED", f"{o.where()}, {STATE}")
    uid = text(found, TRANSACTION)
    if not uid or any(True for _ in vr.faults("UI", uid)):
        yield Finding(uid or "none", "a UID", f"{o.where()}, {TRANSACTION}")


@change_information.mutant(at=MESSAGE)
def claims_without_a_lock(message: Sent, asked: Sent | None) -> Sent | None:
    """A change of state has no Transaction UID."""
    return bend.within(message, "n-action", lambda found: bend.dropped(found, 0x00081195), CHANGE)


@change_information.mutant(at=MESSAGE)
def schedules_again(message: Sent, asked: Sent | None) -> Sent | None:
    """Every change of state is one to SCHEDULED."""
    return bend.within(message, "n-action", lambda found: setattr(found, "ProcedureStepState", SCHEDULED), CHANGE)


@operation(
    "ups.subscription-information",
    cites="PS3.4 CC.2.3.1, Table CC.2.3-1, CC.2.3.2",
    verifies="SV-UPS-009",
    on=ACTION,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: action(o) in (SUBSCRIBE, UNSUBSCRIBE, SUSPEND),
    says="Actions on subscriptions name the Receiving AE; a new one says TRUE or FALSE of the Deletion Lock.",
)
def subscription_information(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    if len([t for t in texts(found, RECEIVING) if t]) != 1:
        yield Finding("\\".join(texts(found, RECEIVING)) or "none", "one AE title", f"{o.where()}, {RECEIVING}")
    if action(o) == SUBSCRIBE and text(found, LOCK) not in ("TRUE", "FALSE"):
        yield Finding(text(found, LOCK) or "none", "TRUE or FALSE", f"{o.where()}, {LOCK}")


@subscription_information.mutant(at=MESSAGE)
def says_nothing_of_the_lock(message: Sent, asked: Sent | None) -> Sent | None:
    """A subscription has no Deletion Lock."""
    return bend.within(message, "n-action", lambda found: bend.dropped(found, 0x00741230), SUBSCRIBE)


@subscription_information.mutant(at=MESSAGE)
def means_itself(message: Sent, asked: Sent | None) -> Sent | None:
    """Actions on subscriptions do not name the Receiving AE."""
    return bend.within(message, "n-action", lambda found: bend.dropped(found, 0x00741234))


@operation(
    "ups.action-fits-its-instance",
    cites="PS3.4 CC.2.3.2",
    verifies="SV-UPS-009",
    on=ACTION,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: action(o) in range(CHANGE, SUSPEND + 1),
    says="A global subscription is what is suspended; the well-known instances are neither changed nor canceled.",
)
def action_fits_its_instance(o: Operation) -> Iterator[Finding]:
    uid = o.request.instance
    if action(o) == SUSPEND and uid not in story.WELL_KNOWN:
        yield Finding(uid, UPS_GLOBAL, f"{o.where()}, Requested SOP Instance UID")
    if action(o) in (CHANGE, CANCEL) and uid in story.WELL_KNOWN:
        yield Finding(uid, "a workitem", f"{o.where()}, Requested SOP Instance UID")
    keys = set(dataset(o, o.request).elements) - {RECEIVING, LOCK, "00080005"}
    if action(o) == SUBSCRIBE and uid == UPS_FILTERED and readable(o, o.request) and not keys:
        yield Finding("no matching keys", "some", o.where())


@action_fits_its_instance.mutant(at=MESSAGE)
def suspends_a_workitem(message: Sent, asked: Sent | None) -> Sent | None:
    """What is suspended is one workitem."""
    suspends = bend.is_request(message, "n-action") and message.command.get("ActionTypeID") == SUSPEND
    return but(message, RequestedSOPInstanceUID="2.25.4711") if suspends else None


@action_fits_its_instance.mutant(at=MESSAGE)
def cancels_everything(message: Sent, asked: Sent | None) -> Sent | None:
    """Cancel requests name the well-known instance."""
    cancels = bend.is_request(message, "n-action") and message.command.get("ActionTypeID") == CANCEL
    return but(message, RequestedSOPInstanceUID=UPS_GLOBAL) if cancels else None


_TAKEN = range(1, 6)


@operation(
    "ups.event-is-taken",
    cites="PS3.4 CC.2.4.2; PS3.7 10.1.1.2",
    verifies="SV-UPS-016",
    on=EVENT,
    who=SCU,
    content=False,
    due=False,
    when=lambda o: o.request.sop_class == UPS_PUSH and story.event_type(o) in _TAKEN and o.final is not None,
    says="A subscriber takes every event, whatever attributes it has.",
)
def event_is_taken(o: Operation) -> Iterator[Finding]:
    if o.status != 0 and o.final is not None:
        from_us = o.status in (0x0110, 0x0112, 0x0213)  # busy, in trouble, or no longer interested
        yield Finding(f"{o.status:04X}H" if o.status is not None else "no status", "0000H", o.where(o.final),
                      warn=from_us)  # fmt: skip


@event_is_taken.mutant(at=MESSAGE)
def knows_no_events(message: Sent, asked: Sent | None) -> Sent | None:
    """Events are answered 0113H."""
    return but(message, Status=0x0113) if bend.is_response(message, "n-event-report") else None


@event_is_taken.mutant(at=MESSAGE)
def knows_one_class_only(message: Sent, asked: Sent | None) -> Sent | None:
    """Events are answered 0118H, for they do not name the class of the context."""
    return but(message, Status=0x0118) if bend.is_response(message, "n-event-report") else None
