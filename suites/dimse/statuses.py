"""Rules of PS3.7 Annex C and of the status tables of PS3.4 on the Status of responses.

Must not know when a status is due: that belongs to each service.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Operation
from harness.rule import BOTH, MESSAGE, SCP, SHALL_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import NON_PATIENT, service_of
from harness.wire.status import class_of, is_listed
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import answers, hexed


@operation(
    "messages.status-known",
    cites="PS3.7 Annex C",
    verifies="DM-STAT-001",
    level=SHALL_NOT,
    on="dimse",
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: any(m.status is not None for m in answers(o)),
    says="A Status is 0000, 0001, 01xx, 02xx, Axxx, Bxxx, Cxxx, FE00, FF00 or FF01.",
)
def status_known(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        if message.status is not None and class_of(message.status) == "unknown":
            yield Finding(hexed(message.status), "a code of the classes in Annex C", o.where(message))


@status_known.mutant(at=MESSAGE)
def answers_5555(message: Sent, asked: Sent | None) -> Sent | None:
    """Final responses have the status 5555H."""
    return but(message, Status=0x5555) if bend.is_final(message) else None


@status_known.mutant(at=MESSAGE, defects="M-CF-03")
def pending_of_its_own(message: Sent, asked: Sent | None) -> Sent | None:
    """Pending responses have the status FF02H."""
    return but(message, Status=0xFF02) if bend.is_pending(message) else None


LISTED = ("dimse.verification", "dimse.storage", "dimse.query-retrieve", "dimse.worklist", "dimse.ups")
_COMPOSITE = "1.2.840.10008.5.1.4.1.2.4."  # Annex Y adds codes of its own


def permitted(o: Operation, status: int) -> bool:
    """Whether the tables of PS3.4 or the lists of PS3.7 have this code for the operation."""
    uid = o.request.sop_class
    if uid in NON_PATIENT:
        return status in (0x0000, 0xA700, 0xA900, 0xC000) or (status < 0x1000 and is_listed("", "store", status))
    extra = uid.startswith(_COMPOSITE) and 0xAA00 <= status <= 0xAA04
    return extra or is_listed(service_of(uid), o.request.verb, status)


def _listed(o: Operation) -> bool:
    """The tables speak of this service and operation."""
    return o.request.name.startswith("C-") and service_of(o.request.sop_class) == o.kind.split(".")[1]


@operation(
    "messages.status-of-the-service",
    cites="PS3.4 Tables B.2-1, C.4-1, C.4-2, C.4-3, GG.4-1, Y.4-1; PS3.7 9.1, Annex C",
    verifies=("DM-STAT-001", "SV-STO-001", "SV-STO-006", "SV-STO-016"),
    level=SHALL_NOT,
    on="|".join(LISTED),
    who=SCP,
    content=False,
    incomplete=True,
    when=lambda o: _listed(o) and any(m.status is not None for m in answers(o)),
    says="A code of the classes Axxx, Bxxx, Cxxx, or Pending is one that the table of the service has.",
)
def status_of_the_service(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        status = message.status
        if status is None or class_of(status) == "unknown" or permitted(o, status):
            continue
        # the codes of PS3.7 "may occur" in each service, and editions list others
        warn = status >> 8 in (0x00, 0x01, 0x02)
        yield Finding(hexed(status), "a code listed for it", f"{o.where(message)} of {o.request.sop_class}", warn=warn)


@status_of_the_service.mutant(at=MESSAGE)
def a_warning_that_nobody_listed(message: Sent, asked: Sent | None) -> Sent | None:
    """Success is answered with B123H."""
    done = bend.is_final(message, "store", "find", "get", "move") and message.status == 0
    return but(message, Status=0xB123) if done else None


@status_of_the_service.mutant(at=MESSAGE)
def a_failure_that_nobody_listed(message: Sent, asked: Sent | None) -> Sent | None:
    """Failures are answered with A123H."""
    failed = bend.is_final(message) and class_of(message.status) == "failure"
    return but(message, Status=0xA123) if failed else None


@status_of_the_service.mutant(at=MESSAGE)
def pending_retrieval_with_warning(message: Sent, asked: Sent | None) -> Sent | None:
    """C-GET and C-MOVE go on with FF01H."""
    return but(message, Status=0xFF01) if bend.is_pending(message, "get", "move") else None


@operation(
    "messages.comment-length",
    cites="PS3.7 C.4.1, C.5.1 and the like; PS3.5 6.2",
    verifies="DM-STAT-003",
    on="dimse",
    who=BOTH,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: any(m.command.has("ErrorComment") for m in answers(o)),
    says="Error Comment is one LO value: at most 64 characters.",
)
def comment_length(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        text = message.command.text("ErrorComment")
        if len(text) > 64 or "\\" in text:
            yield Finding(
                f"{len(text)} characters: {text[:40]!r}", "one value of at most 64 characters", o.where(message)
            )


@comment_length.mutant(at=MESSAGE, defects="M-CM-23")
def a_long_story(message: Sent, asked: Sent | None) -> Sent | None:
    """Failures are explained at length."""
    failed = bend.is_final(message) and class_of(message.status) == "failure"
    return but(message, ErrorComment="it did not work because " * 4) if failed else None


@operation(
    "messages.error-id-where-due",
    cites="PS3.7 C.5.21",
    verifies="DM-STAT-003",
    level=SHALL_NOT,
    on="dimse",
    who=BOTH,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: any(m.command.has("ErrorID") for m in answers(o)),
    says="Error ID comes with 0110H, Processing Failure.",
)
def error_id_where_due(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        if message.command.has("ErrorID") and message.status != 0x0110:
            # a service may define the field for its own codes, as MPPS does; it is no fault of the message then
            warn = message.status is not None and class_of(message.status) == "failure"
            yield Finding(f"Error ID with {hexed(message.status)}", "0110H", o.where(message), warn=warn)


@error_id_where_due.mutant(at=MESSAGE)
def numbers_its_successes(message: Sent, asked: Sent | None) -> Sent | None:
    """Success carries an Error ID."""
    return but(message, ErrorID=7) if bend.is_final(message) and message.status == 0 else None
