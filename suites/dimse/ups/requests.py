"""Rules of PS3.4 CC.2.5.2, CC.2.6.2, CC.2.7.2 and CC.3.1 on what users of workitems create, set and get.

Must not know responses, but for whether an earlier request was carried out.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.rule import BOTH, MESSAGE, SCU, SHALL_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import UPS_PULL, UPS_PUSH
from suites.dimse import bend
from suites.dimse.bend import but, without_the_empty
from suites.dimse.reading import asks_readably, dataset, readable, text, texts
from suites.dimse.ups import story
from suites.dimse.ups.story import ACTION, CREATED, FOUND, GOT, SET
from suites.dimse.ups.table import (
    CHANGE,
    COMPLETED,
    CREATE,
    EMPTY,
    FIXED,
    IN_PROGRESS,
    SCHEDULED,
    STATE,
    TRANSACTION,
    lacking,
)


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
    return bend.within(message, "n-create", lambda found: setattr(found, "ProcedureStepLabel", ""))


@create_attributes.mutant(at=MESSAGE)
def leaves_out_what_is_not_known(message: Sent, asked: Sent | None) -> Sent | None:
    """Attributes without a value are left out."""
    return bend.within(message, "n-create", without_the_empty)


@create_attributes.mutant(at=MESSAGE)
def codes_without_a_meaning(message: Sent, asked: Sent | None) -> Sent | None:
    """The code of the station has no meaning."""

    def pruned(found: Dataset) -> bool:
        codes = found.get("ScheduledStationNameCodeSequence") or []
        return any([bend.dropped(item, 0x00080104) for item in codes])  # noqa: C419

    return bend.within(message, "n-create", pruned)


@operation(
    "ups.begins-scheduled",
    cites="PS3.4 CC.2.5.2, Table CC.2.5-3",
    verifies="SV-UPS-004",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    when=asks_readably,
    says="A workitem is created SCHEDULED.",
)
def begins_scheduled(o: Operation) -> Iterator[Finding]:
    got = texts(dataset(o, o.request), STATE)
    if got != [SCHEDULED]:
        yield Finding("\\".join(got) or "no state", SCHEDULED, f"{o.where()}, {STATE}")


@begins_scheduled.mutant(at=MESSAGE)
def begins_at_once(message: Sent, asked: Sent | None) -> Sent | None:
    """Workitems are created IN PROGRESS."""
    return bend.within(message, "n-create", lambda found: setattr(found, "ProcedureStepState", IN_PROGRESS))


@operation(
    "ups.created-empty",
    cites="PS3.4 Table CC.2.5-3 (N-CREATE)",
    verifies="SV-UPS-004",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    when=asks_readably,
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
    return bend.within(message, "n-create", lambda found: setattr(found, "TransactionUID", "2.25.7"))


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
    when=asks_readably,
    says="An N-SET has neither the state nor another attribute that may not be set.",
)
def set_keeps_off(o: Operation) -> Iterator[Finding]:
    for tag in sorted(FIXED & set(dataset(o, o.request).elements)):
        yield Finding("set", "not allowed", f"{o.where()}, {tag}")


@set_keeps_off.mutant(at=MESSAGE)
def sets_the_state(message: Sent, asked: Sent | None) -> Sent | None:
    """The state is set with N-SET."""
    return bend.within(message, "n-set", lambda found: setattr(found, "ProcedureStepState", COMPLETED))


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
    return bend.within(message, "n-set", lambda found: bend.dropped(found, 0x00081195))


@one_transaction.mutant(at=MESSAGE)
def another_transaction_each_time(message: Sent, asked: Sent | None) -> Sent | None:
    """Each N-SET has a Transaction UID of its own."""

    def renewed(found: Dataset) -> bool:
        if not found.get("TransactionUID"):
            return False
        found.TransactionUID = f"2.25.{message.id + 1}"
        return True

    return bend.within(message, "n-set", renewed)


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

    return bend.within(message, "n-action", same, CHANGE)


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
    return bend.within(message, "n-set", lambda found: setattr(found, "TransactionUID", "2.25.17"))


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
    return bend.within(message, "find", lambda found: setattr(found, "TransactionUID", None))


@operation(
    "ups.no-level",
    cites="PS3.4 CC.2.8.1.1, CC.2.8.1.3.1",
    verifies="SV-UPS-015",
    level=SHALL_NOT,
    on=FOUND,
    who=SCU,
    content=False,
    incomplete=True,
    when=asks_readably,
    says="The search for workitems has no Query/Retrieve Level: there is one entity only.",
)
def no_level(o: Operation) -> Iterator[Finding]:
    if "00080052" in dataset(o, o.request).elements:
        yield Finding(text(dataset(o, o.request), "00080052") or "empty", "not there", f"{o.where()}, 00080052")


@no_level.mutant(at=MESSAGE)
def searches_for_images(message: Sent, asked: Sent | None) -> Sent | None:
    """C-FIND has a Query/Retrieve Level."""
    return bend.within(message, "find", lambda found: setattr(found, "QueryRetrieveLevel", "IMAGE"))
