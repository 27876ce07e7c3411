"""Rules of PS3.4 J.3.2 on requests for storage commitment, and on what answers them at once.

Must not know reports.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.rule import MESSAGE, SCP, SCU, SHALL_NOT, SHOULD, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import COMMITMENT_INSTANCE
from harness.wire.status import class_of
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.commitment import reading
from suites.dimse.commitment.reading import ACTION, FILE_SET_ID, FILE_SET_UID, REFERENCED, TRANSACTION, is_uid
from suites.dimse.reading import dataset, hexed


def _asking(message: Sent, change: bend.Change) -> Sent | None:
    """A request with other Action Information."""
    return bend.rewritten(message, change) if bend.is_request(message, "n-action") else None


@operation(
    "commitment.request",
    cites="PS3.4 J.3.2.1.1, Table J.3-1, J.3.2.1.2, J.3.5",
    verifies="SV-STC-001",
    on=ACTION,
    who=SCU,
    content=False,
    incomplete=True,
    says="A request names the well-known instance, action type 1, a Transaction UID, class and UID of each item.",
)
def request(o: Operation) -> Iterator[Finding]:
    if o.request.instance != COMMITMENT_INSTANCE:
        yield Finding(o.request.instance or "none", COMMITMENT_INSTANCE, f"{o.where()}, Requested SOP Instance UID")
    if reading.type_of(o) != 1:
        yield Finding(f"{reading.type_of(o)}", "1", f"{o.where()}, Action Type ID")
    if not is_uid(reading.transaction(o)):
        yield Finding(repr(reading.transaction(o)), "a UID", f"{o.where()}, {TRANSACTION}")
    refs = reading.referenced(o)
    if not refs:
        yield Finding("no items", "at least one", f"{o.where()}, {REFERENCED}")
    for n, one in enumerate(refs, 1):
        if not is_uid(one.sop_class) or not is_uid(one.instance):
            yield Finding(f"{one.sop_class!r} {one.instance!r}", "two UIDs", f"{o.where()}, {REFERENCED}, item {n}")


@request.mutant(at=MESSAGE)
def asks_some_instance(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests are made of a made-up instance."""
    return but(message, RequestedSOPInstanceUID="2.25.7") if bend.is_request(message, "n-action") else None


@request.mutant(at=MESSAGE)
def asks_for_action_two(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests are of the action type 2."""
    return but(message, ActionTypeID=2) if bend.is_request(message, "n-action") else None


@request.mutant(at=MESSAGE)
def no_transaction(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests have no Transaction UID."""
    return _asking(message, lambda found: bend.dropped(found, 0x00081195))


@request.mutant(at=MESSAGE)
def nothing_to_be_kept(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests refer to nothing."""

    def emptied(found: Dataset) -> bool:
        found.ReferencedSOPSequence = []
        return True

    return _asking(message, emptied)


@operation(
    "commitment.each-instance-once",
    cites="PS3.4 J.3.2.1.1.3",
    verifies="SV-STC-001",
    level=SHALL_NOT,
    on=ACTION,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: bool(reading.referenced(o)),
    says="A request refers to no instance twice.",
)
def each_instance_once(o: Operation) -> Iterator[Finding]:
    seen: set[str] = set()
    for n, one in enumerate(reading.referenced(o), 1):
        if one.instance in seen:
            yield Finding(f"{one.instance} again", "each instance once", f"{o.where()}, {REFERENCED}, item {n}")
        seen.add(one.instance)


@each_instance_once.mutant(at=MESSAGE)
def asks_twice_for_the_first(message: Sent, asked: Sent | None) -> Sent | None:
    """The first reference stands twice."""

    def doubled(found: Dataset) -> bool:
        held = list(found.get("ReferencedSOPSequence") or [])
        found.ReferencedSOPSequence = held[:1] + held
        return bool(held)

    return _asking(message, doubled)


def misplaced(o: Operation, *tags: str) -> Iterator[Finding]:
    """Attributes that stand outside of the sequence and inside of its items."""
    found = dataset(o, o.request)
    element = found.get(REFERENCED)
    items = (element.items or ()) if element is not None else ()
    for tag in tags:
        if tag in found.elements and any(tag in item.elements for item in items):
            yield Finding(f"{tag} outside and inside of the items", "one of both", f"{o.where()}, {REFERENCED}")


def has_any(o: Operation, *tags: str) -> bool:
    """One of these attributes stands somewhere in the request message."""
    found = dataset(o, o.request)
    element = found.get(REFERENCED)
    items = (element.items or ()) if element is not None else ()
    return any(tag in one.elements for one in (found, *items) for tag in tags)


@operation(
    "commitment.request-media",
    cites="PS3.4 J.3.2.1.1.1",
    verifies="SV-STC-001",
    on=ACTION,
    who=SCU,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: has_any(o, FILE_SET_ID, FILE_SET_UID),
    says="The File-Set of a request stands outside of the references or inside of them, not both.",
)
def request_media(o: Operation) -> Iterator[Finding]:
    return misplaced(o, FILE_SET_ID, FILE_SET_UID)


@request_media.mutant(at=MESSAGE)
def a_disk_for_all_and_one(message: Sent, asked: Sent | None) -> Sent | None:
    """The File-Set ID stands outside of the references and in the first one."""

    def more(found: Dataset) -> bool:
        held = list(found.get("ReferencedSOPSequence") or [])
        found.StorageMediaFileSetID = "DISK"
        for item in held[:1]:
            item.StorageMediaFileSetID = "DISK"
        return bool(held)

    return _asking(message, more)


@operation(
    "commitment.fresh-transaction",
    cites="PS3.4 J.3.2.1.2, J.3.3.1.2",
    verifies="SV-STC-001",
    level=SHALL_NOT,
    on=ACTION,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: is_uid(reading.transaction(o)),
    says="A Transaction UID is not used for a second request.",
)
def fresh_transaction(o: Operation) -> Iterator[Finding]:
    earlier = [p for p in o.association.operations if p.kind == ACTION and p.number < o.number]
    if any(reading.transaction(p) == reading.transaction(o) for p in earlier):
        yield Finding(f"{reading.transaction(o)} again", "a UID of its own", f"{o.where()}, {TRANSACTION}")


@fresh_transaction.mutant(at=MESSAGE)
def one_transaction_for_all(message: Sent, asked: Sent | None) -> Sent | None:
    """All requests have the same Transaction UID."""

    def same(found: Dataset) -> bool:
        found.TransactionUID = "2.25.9"
        return True

    return _asking(message, same)


@operation(
    "commitment.request-is-taken",
    cites="PS3.4 J.3.2, J.3.2.1.3; PS3.7 10.1.4.1.10",
    verifies="SV-STC-011",
    on=ACTION,
    who=SCP,
    when=lambda o: reading.whole(o) and reading.transaction(o) not in o.facts.get("again", ()),
    says="A request that is whole is received with 0000H.",
)
def request_is_taken(o: Operation) -> Iterator[Finding]:
    # it may also say that it does not process this one; but not that it does not know the operation or its parts
    own = o.status in (0x0110, 0x0112, 0x0115, 0x0124, 0x0213)
    if o.status != 0:
        yield Finding(hexed(o.status), "0000H", o.where(o.final), warn=own)


@request_is_taken.mutant(at=MESSAGE)
def knows_no_action(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests are answered 0123H."""
    return but(message, Status=0x0123) if bend.is_response(message, "n-action") and message.status == 0 else None


@operation(
    "commitment.request-refused",
    cites="PS3.7 10.1.4.1.10, C.5.10, C.5.19, C.5.24; PS3.4 Table J.3-1, J.3.5",
    verifies="SV-STC-002",
    level=SHOULD,
    on=ACTION,
    who=SCP,
    when=lambda o: o.final is not None and o.request.data is not None and not reading.whole(o),
    says="Another action is refused with 0123H, another instance with 0112H, a request that is not whole at all.",
)
def request_refused(o: Operation) -> Iterator[Finding]:
    if o.request.instance != COMMITMENT_INSTANCE:
        due = "0112H"
    elif reading.type_of(o) != 1:
        due = "0123H"
    else:
        due = "" if class_of(o.status or 0) == "failure" else "a failure"
    if due and hexed(o.status) != due:
        yield Finding(hexed(o.status), due, o.where(o.final))


@request_refused.mutant(at=MESSAGE, defects="M-NS-09")
def takes_anything(message: Sent, asked: Sent | None) -> Sent | None:
    """Every request is received."""
    return but(message, Status=0) if bend.is_response(message, "n-action") and message.status else None
