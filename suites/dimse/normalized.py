"""Rules of PS3.7 Clause 10 on DIMSE-N: what a response says of a wrong instance, type or list, and what it echoes.

Must not know what the SOP Classes of particular services add.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Association, Operation, Side
from harness.make.associations import spoken
from harness.rule import BOTH, MESSAGE, SCP, Finding, operation, untested
from harness.upper_layer import message as say
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import COMMITMENT, MPPS
from harness.wire.status import class_of
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import dataset, hexed

N = "dimse.mpps|dimse.commitment|dimse.other"
EVERY = f"{N}|dimse.ups"  # workitems have statuses of their own for what is wrong (PS3.4 CC.2), and all else in common
_ABOUT = frozenset({"00080005", "00080201"})  # how values are to be read, which nobody has to ask for


def _verb(o: Operation, *verbs: str) -> bool:
    return o.request.verb in verbs and o.final is not None


def _said(o: Operation, provoked: str, verb: str) -> bool:
    return o.facts.get("provoked") == provoked and _verb(o, verb)


@operation(
    "messages.n-get-returns-what-was-asked",
    cites="PS3.7 10.1.2.1.5, 10.1.2.1.8, 10.1.2.1.9",
    verifies="DM-N-002",
    on=EVERY,
    who=SCP,
    incomplete=True,
    due=False,
    when=lambda o: _verb(o, "n-get") and o.status == 0 and bool(o.request.command.tags("AttributeIdentifierList")),
    says="N-GET with a list that succeeds returns every attribute of the list, and no others.",
)
def n_get_returns_what_was_asked(o: Operation) -> Iterator[Finding]:
    wanted = set(o.request.command.tags("AttributeIdentifierList"))
    got = set(dataset(o, o.final).elements)
    if lost := wanted - got - _ABOUT:
        want = "every attribute of the list, or a warning"
        yield Finding(f"0000H without {', '.join(sorted(lost)[:5])}", want, o.where(o.final))
    if more := got - wanted - _ABOUT:
        yield Finding(", ".join(sorted(more)[:5]), "attributes of the list", o.where(o.final))


@n_get_returns_what_was_asked.mutant(at=MESSAGE)
def returns_nothing(message: Sent, asked: Sent | None) -> Sent | None:
    """N-GET returns one other attribute in place of those asked for."""
    other = b"\x10\x00\x40\x00" + (b"CS\x02\x00" if bend.explicit(bend.octets_of(message)) else b"\x02\0\0\0") + b"O "
    return message.carrying(other) if bend.is_response(message, "n-get") and message.has_data else None


@operation(
    "messages.n-get-returns-all",
    cites="PS3.7 10.1.2.1.5, 10.1.2.1.8",
    verifies="DM-N-001",
    on=EVERY,
    who=SCP,
    incomplete=True,
    due=False,
    when=lambda o: _verb(o, "n-get") and o.status == 0 and not o.request.command.tags("AttributeIdentifierList"),
    says="N-GET without a list that succeeds returns the attributes of the instance.",
)
def n_get_returns_all(o: Operation) -> Iterator[Finding]:
    if o.final is not None and not dataset(o, o.final).elements:
        yield Finding("no attributes", "all attributes of the instance", o.where(o.final))


@n_get_returns_all.mutant(at=MESSAGE)
def returns_an_empty_list(message: Sent, asked: Sent | None) -> Sent | None:
    """N-GET without a list returns nothing."""
    return message.carrying(None) if bend.is_response(message, "n-get") and message.has_data else None


@operation(
    "messages.no-such-instance",
    cites="PS3.7 10.1.1.1.8, 10.1.2.1.9, 10.1.3.1.9, 10.1.4.1.10, 10.1.6.1.7; C.5.19",
    verifies=("DM-N-003", "DM-N-007"),
    on=N,
    who=SCP,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: o.facts.get("provoked") == "unknown instance" and _verb(o, "n-get", "n-set", "n-action", "n-delete"),
    says="N-GET, N-SET, N-ACTION and N-DELETE of an instance that nobody has are refused, with 0112H.",
)
def no_such_instance(o: Operation) -> Iterator[Finding]:
    yield from _refused(o, 0x0112)


def _refused(o: Operation, due: int) -> Iterator[Finding]:
    """Another failure refuses it as well, but says something else: the lists of clause 10 say what may occur."""
    if o.status != due:
        warn = o.status is not None and class_of(o.status) == "failure"
        yield Finding(hexed(o.status), hexed(due), o.where(o.final), warn=warn)


@no_such_instance.mutant(at=MESSAGE)
def does_it_all_the_same(message: Sent, asked: Sent | None) -> Sent | None:
    """An operation on an instance that is not there succeeds."""
    return but(message, Status=0) if message.status == 0x0112 else None


@operation(
    "messages.no-such-action",
    cites="PS3.7 10.1.4.1.10, C.5.24",
    verifies="DM-N-004",
    on=N,
    who=SCP,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: _said(o, "unknown action", "n-action"),
    says="N-ACTION with an Action Type that the SOP Class does not have is refused, with 0123H.",
)
def no_such_action(o: Operation) -> Iterator[Finding]:
    yield from _refused(o, 0x0123)


@no_such_action.mutant(at=MESSAGE)
def any_action_succeeds(message: Sent, asked: Sent | None) -> Sent | None:
    """An action that nobody knows succeeds."""
    return but(message, Status=0) if message.status == 0x0123 else None


@operation(
    "messages.no-such-event",
    cites="PS3.7 10.1.1.1.8, C.5.18",
    verifies="DM-N-005",
    on=N,
    who=BOTH,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: _said(o, "unknown event", "event-report"),
    says="N-EVENT-REPORT with an Event Type that the SOP Class does not have is refused, with 0113H.",
)
def no_such_event(o: Operation) -> Iterator[Finding]:
    yield from _refused(o, 0x0113)


@no_such_event.example
def an_event_of_nobody() -> Association:
    """A provider of storage commitment reports an event that there is not."""
    asked = say.event_report_rq(1, 7, COMMITMENT, "1.2.840.10008.1.20.1.1", 99)
    told: list[tuple[Side, Sent]] = [("acceptor", asked), ("requestor", say.response(asked, 0x0113))]
    return spoken([COMMITMENT], told, facts={"provoked": "unknown event"}, judged=frozenset({"requestor"}))


@no_such_event.mutant(at=MESSAGE)
def any_event_is_welcome(message: Sent, asked: Sent | None) -> Sent | None:
    """An event that nobody knows is received."""
    return but(message, Status=0) if message.status == 0x0113 else None


@operation(
    "messages.duplicate-instance",
    cites="PS3.7 10.1.5.1.6, C.5.8",
    verifies="DM-N-006",
    on=N,
    who=SCP,
    incomplete=True,
    due=False,
    when=lambda o: _verb(o, "n-create") and _there(o),
    says="A second N-CREATE under the UID of an instance that is there is refused, with 0111H.",
)
def duplicate_instance(o: Operation) -> Iterator[Finding]:
    yield from _refused(o, 0x0111)


def _class(o: Operation) -> str:
    return class_of(o.status) if o.status is not None else ""


def _there(o: Operation) -> bool:
    """An earlier N-CREATE of the association created this instance, and nothing has deleted it since."""
    uid, there = o.request.instance, False
    for before in o.association.operations[: o.number - 1]:
        if uid and before.request.instance == uid and _class(before) in ("success", "warning"):
            there = before.request.verb == "n-create" or (there and before.request.verb != "n-delete")
    return there


@duplicate_instance.mutant(at=MESSAGE)
def creates_it_twice(message: Sent, asked: Sent | None) -> Sent | None:
    """The second N-CREATE of an instance succeeds."""
    return but(message, Status=0) if message.status == 0x0111 else None


@operation(
    "messages.n-create-names-the-instance",
    cites="PS3.7 10.1.5.1.4",
    verifies="DM-CMD-018",
    on=EVERY,
    who=SCP,
    incomplete=True,
    due=False,
    when=lambda o: _verb(o, "n-create") and _class(o) in ("success", "warning"),
    says="A successful N-CREATE response names the instance when the request did not, and no other when it did.",
)
def n_create_names_the_instance(o: Operation) -> Iterator[Finding]:
    asked, told = (m.command.text("AffectedSOPInstanceUID") if m else "" for m in (o.request, o.final))
    if not asked and not told:
        yield Finding("no Affected SOP Instance UID", "the UID that was assigned", o.where(o.final))
    if asked and told and asked != told:
        yield Finding(told, asked, f"{o.where(o.final)}, Affected SOP Instance UID")


@n_create_names_the_instance.example
def the_provider_names_it() -> Association:
    """An instance is created without a UID, and the response assigns one."""
    asked = say.n_create_rq(1, 7, MPPS)
    answer = say.response(asked, 0, AffectedSOPInstanceUID="1.2.3.4")
    return spoken([MPPS], [("requestor", asked), ("acceptor", answer)])


@n_create_names_the_instance.mutant(at=MESSAGE, defects="M-NS-04")
def keeps_the_uid_to_itself(message: Sent, asked: Sent | None) -> Sent | None:
    """N-CREATE responses do not name the instance."""
    return but(message, AffectedSOPInstanceUID=None) if bend.is_response(message, "n-create") else None


@operation(
    "messages.type-echoed",
    cites="PS3.7 10.1.1.1.5, 10.1.4.1.5",
    verifies="DM-N-009",
    on=EVERY,
    who=BOTH,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: _verb(o, "n-action", "event-report"),
    says="An Event Type ID or Action Type ID in a response is that of the request, and is there when data follows.",
)
def type_echoed(o: Operation) -> Iterator[Finding]:
    keyword = "ActionTypeID" if o.request.verb == "n-action" else "EventTypeID"
    if o.final is None:
        return
    asked, told = o.request.command.number(keyword), o.final.command.number(keyword)
    if told is not None and told != asked:
        yield Finding(f"{keyword} {told}", str(asked), o.where(o.final))
    elif told is None and o.final.data is not None:
        yield Finding(f"a reply without {keyword}", str(asked), o.where(o.final))


@type_echoed.mutant(at=MESSAGE)
def answers_about_type_98(message: Sent, asked: Sent | None) -> Sent | None:
    """Responses name another action or event type."""
    if not bend.is_response(message, "n-action", "event-report"):
        return None
    keyword = "ActionTypeID" if bend.verb(message) == "n-action" else "EventTypeID"
    return but(message, **{keyword: 98})


untested("DM-N-008", "0119H is one of the codes that may occur; no clause demands the check")
untested("DM-N-010", "how a service is refused that the SOP Class does not have is left open: 0211H or A-ABORT")
untested("DM-N-011", "how a C-STORE on a context of another kind is refused is left open")
