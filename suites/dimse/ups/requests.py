"""Rules of PS3.4 CC.2.1.2, CC.2.2.2, CC.2.3.2, CC.2.5.2, CC.2.6.2, CC.2.7.2 and CC.3.1 on what users of workitems ask.

Must not know responses, but for whether an earlier request was carried out.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.rule import BOTH, MESSAGE, SCU, SHALL_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire import vr
from harness.wire.sop import UPS_FILTERED, UPS_GLOBAL, UPS_PULL, UPS_PUSH
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import dataset, readable, text, texts
from suites.dimse.ups import story
from suites.dimse.ups.story import ACTION, CREATED, EVENT, FOUND, GOT, SET, action
from suites.dimse.ups.table import (
    CANCEL,
    CANCELED,
    CHANGE,
    COMPLETED,
    CREATE,
    EMPTY,
    FIXED,
    IN_PROGRESS,
    LOCK,
    RECEIVING,
    SCHEDULED,
    STATE,
    SUBSCRIBE,
    SUSPEND,
    TRANSACTION,
    UNSUBSCRIBE,
    lacking,
)


def _readable(o: Operation) -> bool:
    return readable(o, o.request)


def _in(message: Sent, verb: str, change: bend.Change, type_: int | None = None) -> Sent | None:
    """A request of this service, and action type if one is named, with another data set."""
    fits = bend.is_request(message, verb) and type_ in (None, message.command.get("ActionTypeID"))
    return bend.rewritten(message, change) if fits else None


@operation(
    "ups.push-class",
    cites="PS3.4 CC.3.1, CC.2.1.2, CC.2.2.2, CC.2.3.2, CC.2.4.3, CC.2.5.2, CC.2.6.2, CC.2.7.2",
    verifies="SV-UPS-006",
    on=story.N,
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: o.invoker in o.association.judged and o.request.verb != "unknown",
    says="Every DIMSE-N request names the UPS Push SOP Class, whatever context it travels on.",
)
def push_class(o: Operation) -> Iterator[Finding]:
    if o.request.sop_class != UPS_PUSH:
        yield Finding(o.request.sop_class or "no SOP Class UID", UPS_PUSH, o.where())


@push_class.mutant(at=MESSAGE, defects=("M-UP-15", "M-UP-16"))
def names_the_class_of_the_context(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests name the UPS Pull SOP Class."""
    if not bend.is_request(message, "n-set", "n-get", "n-action"):
        return None
    word = "RequestedSOPClassUID" if "RequestedSOPClassUID" in message.command else "AffectedSOPClassUID"
    return but(message, **{word: UPS_PULL})


@push_class.mutant(at=MESSAGE)
def reports_by_the_event_class(message: Sent, asked: Sent | None) -> Sent | None:
    """Events name the UPS Event SOP Class."""
    event = bend.is_request(message, "n-event-report")
    return but(message, AffectedSOPClassUID="1.2.840.10008.5.1.4.34.6.4") if event else None


# --- creating ------------------------------------------------------------------------------------------------------


@operation(
    "ups.create-attributes",
    cites="PS3.4 CC.2.5.2, Table CC.2.5-3",
    verifies="SV-UPS-004",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    says="An N-CREATE has every attribute of type 1 with a value and every attribute of type 2.",
)
def create_attributes(o: Operation) -> Iterator[Finding]:
    if o.request.data is None:
        yield Finding("no data set", "the Attribute List", o.where())
        return
    for path, wrong in lacking(dataset(o, o.request), CREATE):
        yield Finding(wrong, f"type {CREATE[path]}", f"{o.where()}, {path}")


@create_attributes.mutant(at=MESSAGE)
def no_label(message: Sent, asked: Sent | None) -> Sent | None:
    """Procedure Step Label has no value."""
    return _in(message, "n-create", lambda found: setattr(found, "ProcedureStepLabel", ""))


@create_attributes.mutant(at=MESSAGE)
def leaves_out_what_is_not_known(message: Sent, asked: Sent | None) -> Sent | None:
    """Attributes without a value are left out."""
    return _in(message, "n-create", lambda found: bend.dropped(found, *(int(e.tag) for e in found if not e.value)))


@create_attributes.mutant(at=MESSAGE)
def codes_without_a_meaning(message: Sent, asked: Sent | None) -> Sent | None:
    """The code of the station has no meaning."""

    def pruned(found: Dataset) -> bool:
        codes = found.get("ScheduledStationNameCodeSequence") or []
        return any([bend.dropped(item, 0x00080104) for item in codes])  # noqa: C419

    return _in(message, "n-create", pruned)


@operation(
    "ups.begins-scheduled",
    cites="PS3.4 CC.2.5.2, Table CC.2.5-3",
    verifies="SV-UPS-004",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    when=_readable,
    says="A workitem is created SCHEDULED.",
)
def begins_scheduled(o: Operation) -> Iterator[Finding]:
    got = texts(dataset(o, o.request), STATE)
    if got != [SCHEDULED]:
        yield Finding("\\".join(got) or "no state", SCHEDULED, f"{o.where()}, {STATE}")


@begins_scheduled.mutant(at=MESSAGE)
def begins_at_once(message: Sent, asked: Sent | None) -> Sent | None:
    """Workitems are created IN PROGRESS."""
    return _in(message, "n-create", lambda found: setattr(found, "ProcedureStepState", IN_PROGRESS))


@operation(
    "ups.created-empty",
    cites="PS3.4 Table CC.2.5-3 (N-CREATE)",
    verifies="SV-UPS-004",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    when=_readable,
    says="Transaction UID, progress and performed procedure of a new workitem are empty.",
)
def created_empty(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    for tag in EMPTY:
        element = found.get(tag)
        if element is not None and not element.empty:
            yield Finding("a value", "none", f"{o.where()}, {tag}")


@created_empty.mutant(at=MESSAGE)
def locks_what_it_creates(message: Sent, asked: Sent | None) -> Sent | None:
    """N-CREATE brings a Transaction UID."""
    return _in(message, "n-create", lambda found: setattr(found, "TransactionUID", "2.25.7"))


@operation(
    "ups.names-its-instance",
    cites="PS3.4 CC.2.5.2",
    verifies="SV-UPS-004",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    says="An N-CREATE names the instance that is to be created.",
)
def names_its_instance(o: Operation) -> Iterator[Finding]:
    if not o.request.instance:
        yield Finding("no Affected SOP Instance UID", "the UID of the workitem", o.where())


@names_its_instance.mutant(at=MESSAGE)
def lets_the_provider_name_it(message: Sent, asked: Sent | None) -> Sent | None:
    """N-CREATE has no Affected SOP Instance UID."""
    return but(message, AffectedSOPInstanceUID=None) if bend.is_request(message, "n-create") else None


# --- setting and getting -------------------------------------------------------------------------------------------


@operation(
    "ups.set-keeps-off",
    cites="PS3.4 CC.2.6.2, Table CC.2.5-3 (N-SET, Not allowed)",
    verifies="SV-UPS-014",
    level=SHALL_NOT,
    on=SET,
    who=SCU,
    content=False,
    incomplete=True,
    when=_readable,
    says="An N-SET has neither the state nor another attribute that may not be set.",
)
def set_keeps_off(o: Operation) -> Iterator[Finding]:
    for tag in sorted(FIXED & set(dataset(o, o.request).elements)):
        yield Finding("set", "not allowed", f"{o.where()}, {tag}")


@set_keeps_off.mutant(at=MESSAGE)
def sets_the_state(message: Sent, asked: Sent | None) -> Sent | None:
    """The state is set with N-SET."""
    return _in(message, "n-set", lambda found: setattr(found, "ProcedureStepState", COMPLETED))


def _held(o: Operation) -> str | None:
    """The Transaction UID under which this association holds the workitem, '' for SCHEDULED, None when not known.

    Whether others act on it does not matter here: what a user claimed itself it has to name itself.
    """
    uid = story.instance(o)
    found: str | None = None
    for earlier in o.association.operations[: o.number - 1]:
        if story.instance(earlier) != uid or not story.done(earlier):
            continue
        event = story.happens(earlier)
        if event == "create":
            found = ""
        elif event == "claim" and earlier.status == 0:
            found = story.transaction(earlier)
        elif event == "request" and found == "":
            found = None
    return found


def _keeps_its_lock(o: Operation) -> bool:
    return bool(_held(o)) and readable(o, o.request) and story.happens(o) in ("set", "complete", "cancel")


@operation(
    "ups.one-transaction",
    cites="PS3.4 CC.2.1.2, CC.2.6.2",
    verifies="SV-UPS-017",
    on=f"{SET}|{ACTION}",
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: _keeps_its_lock(o),
    says="Who claimed a workitem gives the Transaction UID of its claim with every later N-SET and change of state.",
)
def one_transaction(o: Operation) -> Iterator[Finding]:
    given, held = story.transaction(o), _held(o)
    if given != held:
        yield Finding(given or "no Transaction UID", str(held), f"{o.where()}, {TRANSACTION}")


@one_transaction.mutant(at=MESSAGE)
def forgets_its_transaction(message: Sent, asked: Sent | None) -> Sent | None:
    """N-SET comes without the Transaction UID."""
    return _in(message, "n-set", lambda found: bend.dropped(found, 0x00081195))


@one_transaction.mutant(at=MESSAGE)
def another_transaction_each_time(message: Sent, asked: Sent | None) -> Sent | None:
    """Each N-SET has a Transaction UID of its own."""

    def renewed(found: Dataset) -> bool:
        if not found.get("TransactionUID"):
            return False
        found.TransactionUID = f"2.25.{message.id + 1}"
        return True

    return _in(message, "n-set", renewed)


@operation(
    "ups.new-transaction-per-claim",
    cites="PS3.4 CC.2.1.2",
    verifies="SV-UPS-017",
    on=ACTION,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: story.happens(o) == "claim" and bool(story.transaction(o)),
    says="Each claim has a Transaction UID that no other workitem was claimed with.",
)
def new_transaction_per_claim(o: Operation) -> Iterator[Finding]:
    uid = story.transaction(o)
    for earlier in o.association.operations[: o.number - 1]:
        other = story.instance(earlier)
        if story.happens(earlier) == "claim" and other != story.instance(o) and story.transaction(earlier) == uid:
            yield Finding(f"{uid}, with which {other} was claimed", "a new UID", f"{o.where()}, {TRANSACTION}")
            return


@new_transaction_per_claim.mutant(at=MESSAGE)
def one_for_all(message: Sent, asked: Sent | None) -> Sent | None:
    """All claims have one Transaction UID."""

    def same(found: Dataset) -> bool:
        if found.get("ProcedureStepState") != IN_PROGRESS:
            return False
        found.TransactionUID = "2.25.17"
        return True

    return _in(message, "n-action", same, CHANGE)


@operation(
    "ups.scheduled-set-without-transaction",
    cites="PS3.4 CC.2.6.2",
    verifies="SV-UPS-017",
    level=SHALL_NOT,
    on=SET,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: _held(o) == "" and readable(o, o.request),
    says="An N-SET of a workitem that is SCHEDULED has no Transaction UID.",
)
def scheduled_set_without_transaction(o: Operation) -> Iterator[Finding]:
    if TRANSACTION in dataset(o, o.request).elements:
        # that somebody else claimed it meanwhile is not seen here
        yield Finding(story.transaction(o) or "empty", "not there", f"{o.where()}, {TRANSACTION}", warn=not _alone(o))


def _alone(o: Operation) -> bool:
    return story.alone(o.association)


@scheduled_set_without_transaction.mutant(at=MESSAGE)
def claims_by_setting(message: Sent, asked: Sent | None) -> Sent | None:
    """N-SET always has a Transaction UID."""
    return _in(message, "n-set", lambda found: setattr(found, "TransactionUID", "2.25.17"))


@operation(
    "ups.get-leaves-the-lock-alone",
    cites="PS3.4 CC.2.7.2, Table CC.2.5-3 (Match Key Type)",
    verifies="SV-UPS-003",
    level=SHALL_NOT,
    on=f"{GOT}|{FOUND}",
    who=SCU,
    content=False,
    incomplete=True,
    says="Neither N-GET nor C-FIND asks for the Transaction UID.",
)
def get_leaves_the_lock_alone(o: Operation) -> Iterator[Finding]:
    asked = set(o.request.command.tags("AttributeIdentifierList")) | set(dataset(o, o.request).elements)
    if TRANSACTION in asked:
        yield Finding("asked for", "not asked for", f"{o.where()}, {TRANSACTION}")


@get_leaves_the_lock_alone.mutant(at=MESSAGE)
def asks_for_the_lock(message: Sent, asked: Sent | None) -> Sent | None:
    """N-GET asks for the Transaction UID."""
    return but(message, AttributeIdentifierList=(0x00081195,)) if bend.is_request(message, "n-get") else None


@get_leaves_the_lock_alone.mutant(at=MESSAGE)
def searches_by_the_lock(message: Sent, asked: Sent | None) -> Sent | None:
    """C-FIND has the Transaction UID among its keys."""
    return _in(message, "find", lambda found: setattr(found, "TransactionUID", None))


@operation(
    "ups.no-level",
    cites="PS3.4 CC.2.8.1.1, CC.2.8.1.3.1",
    verifies="SV-UPS-015",
    level=SHALL_NOT,
    on=FOUND,
    who=SCU,
    content=False,
    incomplete=True,
    when=_readable,
    says="The search for workitems has no Query/Retrieve Level: there is one entity only.",
)
def no_level(o: Operation) -> Iterator[Finding]:
    if "00080052" in dataset(o, o.request).elements:
        yield Finding(text(dataset(o, o.request), "00080052") or "empty", "not there", f"{o.where()}, 00080052")


@no_level.mutant(at=MESSAGE)
def searches_for_images(message: Sent, asked: Sent | None) -> Sent | None:
    """C-FIND has a Query/Retrieve Level."""
    return _in(message, "find", lambda found: setattr(found, "QueryRetrieveLevel", "IMAGE"))


# --- actions -------------------------------------------------------------------------------------------------------


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
    return _in(message, "n-action", lambda found: bend.dropped(found, 0x00081195), CHANGE)


@change_information.mutant(at=MESSAGE)
def schedules_again(message: Sent, asked: Sent | None) -> Sent | None:
    """Every change of state is one to SCHEDULED."""
    return _in(message, "n-action", lambda found: setattr(found, "ProcedureStepState", SCHEDULED), CHANGE)


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
    return _in(message, "n-action", lambda found: bend.dropped(found, 0x00741230), SUBSCRIBE)


@subscription_information.mutant(at=MESSAGE)
def means_itself(message: Sent, asked: Sent | None) -> Sent | None:
    """Actions on subscriptions do not name the Receiving AE."""
    return _in(message, "n-action", lambda found: bend.dropped(found, 0x00741234))


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
