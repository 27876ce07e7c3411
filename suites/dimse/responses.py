"""Rules of PS3.7 7, 9 and 10 on the order of messages: Message IDs, contexts, one final response, what answers what.

Must not know what a response says beyond whether it is the last one.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Association, Operation, Side, other
from harness.rule import BOTH, MESSAGE, REQUESTOR, SCP, SHOULD, Finding, association, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.dimse import Message
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import answers, hexed

SEVERAL = ("find", "get", "move")  # services whose operations have Pending responses
ON = "dimse"
LEGAL = ("unknown instance", "unknown action", "unknown event")  # provoked by requests that are well formed


@operation(
    "messages.response-to-each-request",
    cites="PS3.7 7.2; 9.2.1; 10.2.1",
    verifies=("DM-SEQ-001", "SV-GET-005"),
    on=ON,
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: o.performer in o.association.judged and not _broken_off(o),
    says="Every request gets a final response on the association it came by.",
)
def response_to_each_request(o: Operation) -> Iterator[Finding]:
    if o.final is None:
        yield Finding(o.fault, f"a {o.request.name.replace('-RQ', '-RSP')} with a final status", o.where())


def _broken_off(o: Operation) -> bool:
    """There is no final response because the invoker went away before, or because it was not asked properly."""
    a = o.association
    waited = a.event("timeout", side=o.performer) is not None
    left = a.ending in ("abort", "close", "reset", "release") and a.ended_by == o.invoker and not waited
    broken = a.facts.get("provoked", "") not in ("", *LEGAL)
    return o.final is None and (left or broken or bool(a.facts.get("cut")))


@response_to_each_request.mutant(at=MESSAGE, defects="M-CM-08")
def never_ends(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """The final response of a C-FIND, C-GET or C-MOVE, or the only one of a C-STORE, is never sent."""
    return [] if bend.is_final(message, *SEVERAL, "store") else None


@association(
    "messages.one-final-response",
    cites="PS3.7 9.1.2.2, 9.3.2.4, 9.3.3.4, 9.3.4.4; 7.2",
    verifies="DM-SEQ-001",
    who=BOTH,
    when=lambda a: any(o.final is not None for o in a.operations),
    says="No response follows the final response of an operation.",
)
def one_final_response(a: Association) -> Iterator[Finding]:
    for o in a.operations:
        final = o.final
        if final is None or o.performer not in a.judged:
            continue
        late = list(o.responses)[[id(m) for m in o.responses].index(id(final)) + 1 :]
        for message in late[:3]:
            yield Finding(f"{message.name} with {hexed(message.status)}", "nothing more", o.where(message))


@one_final_response.mutant(at=MESSAGE)
def says_it_twice(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Final responses are sent twice."""
    return [message, message] if bend.is_final(message) else None


@one_final_response.mutant(at=MESSAGE)
def goes_on_after_the_end(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """A C-FIND, C-GET or C-MOVE that ended goes on with Pending."""
    return [message, but(message, Status=0xFF00)] if bend.is_final(message, *SEVERAL) else None


@association(
    "messages.answers-what-was-asked",
    cites="PS3.7 9.1.1.1.2, 9.1.2.1.2, 10.1.1.1.2 and the like; 9.3, Message ID Being Responded To",
    verifies=("DM-CMD-008", "DM-CMD-010", "DM-SEQ-004"),
    who=BOTH,
    # a request that we broke on purpose may be taken for one, though we cannot read it as one
    when=lambda a: (
        not a.facts.get("provoked")
        and any(not m.request and not m.cancel and side in a.judged for side, m in a.messages)
    ),
    says="Message ID Being Responded To is the Message ID of a request that the other side sent.",
)
def answers_what_was_asked(a: Association) -> Iterator[Finding]:
    for side, message in a.strays:
        if side in a.judged:
            known = sorted({o.request.id for o in a.operations if o.invoker == other(side)})[:8]
            want = f"one of {known}" if known else "no response without a request"
            got = f"Message ID Being Responded To {message.responded}"
            yield Finding(got, want, f"{message.name} of the {side}")


@answers_what_was_asked.mutant(at=MESSAGE)
def answers_message_99(message: Sent, asked: Sent | None) -> Sent | None:
    """Responses name a Message ID that nobody used."""
    return but(message, MessageIDBeingRespondedTo=60999) if bend.is_response(message) else None


@answers_what_was_asked.mutant(at=MESSAGE)
def answers_the_message_before(message: Sent, asked: Sent | None) -> Sent | None:
    """Responses name the Message ID before the one that was used."""
    told = message.command.get("MessageIDBeingRespondedTo")
    before = (int(told) - 1) % 0x10000 if told is not None else 0
    return but(message, MessageIDBeingRespondedTo=before) if bend.is_response(message) else None


@operation(
    "messages.answers-in-its-context",
    cites="PS3.7 D.3.2; PS3.8 E.2; PS3.4 C.4.1.1.1",
    verifies="DM-CMD-010",
    on=ON,
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: bool(list(answers(o))),
    says="Responses come in the presentation context of their request.",
)
def answers_in_its_context(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        if message.context != o.request.context:
            got, want = f"context {message.context}", f"context {o.request.context}"
            yield Finding(got, want, o.where(message))


@answers_in_its_context.mutant(at=MESSAGE)
def answers_two_contexts_further(message: Sent, asked: Sent | None) -> Sent | None:
    """Responses come in another presentation context."""
    if not bend.is_response(message):
        return None
    return message.but(context=message.context + 2 if message.context < 255 else 1)


@association(
    "messages.id-unique",
    cites="PS3.7 9.1.1.1.1, 9.1.2.1.1, 10.1.1.1.1 and the like",
    verifies="DM-CMD-007",
    who=BOTH,
    when=lambda a: any(o.invoker in a.judged for o in a.operations),
    says="No two outstanding requests of one side have the same Message ID.",
)
def id_unique(a: Association) -> Iterator[Finding]:
    open_: dict[tuple[Side, int], Message] = {}
    finals = {id(o.final): (o.invoker, o.request.id) for o in a.operations if o.final is not None}
    for side, message in a.messages:
        if message.request:
            key = (side, message.id)
            if key in open_ and side in a.judged:
                got = f"Message ID {message.id} again while {open_[key].name} {message.id} is outstanding"
                yield Finding(got, "another Message ID", f"{message.name} of the {side}")
            open_[key] = message
        elif id(message) in finals:
            open_.pop(finals[id(message)], None)


@id_unique.mutant(at=MESSAGE)
def asks_again_under_the_same_number(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Requests are sent twice without waiting."""
    return [message, message] if bend.is_request(message) else None


@operation(
    "messages.pending-where-due",
    cites="PS3.7 C.2; 9.1.2.1.6, 9.1.3.1.6, 9.1.4.1.7",
    verifies="DM-STAT-002",
    on=ON,
    who=SCP,
    content=False,
    incomplete=True,
    when=lambda o: bool(list(answers(o))),
    says="Pending answers C-FIND, C-GET and C-MOVE only.",
)
def pending_where_due(o: Operation) -> Iterator[Finding]:
    if o.request.verb not in SEVERAL:
        for message in answers(o):
            if message.pending:
                yield Finding(hexed(message.status), "a final status", o.where(message))


@pending_where_due.mutant(at=MESSAGE)
def stores_pending(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """C-ECHO and C-STORE are first answered Pending."""
    return [but(message, Status=0xFF00), message] if bend.is_final(message, "echo", "store") else None


@association(
    "messages.cancel-form",
    cites="PS3.7 9.3.2.3, 9.3.3.3, 9.3.4.3",
    verifies="DM-CAN-001",
    who=REQUESTOR,
    incomplete=True,
    due=False,
    when=lambda a: any(m.cancel and side in a.judged for side, m in a.messages),
    says="C-CANCEL names the Message ID of a C-FIND, C-GET or C-MOVE and has no Message ID of its own.",
)
def cancel_form(a: Association) -> Iterator[Finding]:
    for side, message in a.messages:
        if not message.cancel or side not in a.judged:
            continue
        if message.command.has("MessageID"):
            yield Finding(f"Message ID {message.id}", "no Message ID", f"C-CANCEL-RQ of the {side}")
        own = {o.request.id for o in a.operations if o.invoker == side and o.request.verb in SEVERAL}
        if message.responded not in own:
            got = f"Message ID Being Responded To {message.responded}"
            yield Finding(got, f"one of {sorted(own)[:8]}", f"C-CANCEL-RQ of the {side}")


@cancel_form.mutant(at=MESSAGE)
def a_cancel_with_a_number(message: Sent, asked: Sent | None) -> Sent | None:
    """C-CANCEL has a Message ID of its own."""
    return but(message, MessageID=7) if message.cancel else None


@cancel_form.mutant(at=MESSAGE)
def cancels_something_else(message: Sent, asked: Sent | None) -> Sent | None:
    """C-CANCEL names a Message ID that nobody used."""
    return but(message, MessageIDBeingRespondedTo=60999) if message.cancel else None


@operation(
    "messages.cancel-ends-it",
    cites="PS3.7 9.1.2.2, 9.1.3.2, 9.1.4.2; PS3.4 C.4.1.3.1, C.4.2.3.1, C.4.3.3.1",
    verifies=("DM-CAN-002", "SV-FND-016", "SV-MOV-010", "SV-GET-004"),
    on="dimse.query-retrieve|dimse.worklist",
    who=SCP,
    when=lambda o: bool(o.cancels) and o.facts.get("cancelled") == o.request.id,
    says="A C-FIND, C-GET or C-MOVE that is cancelled in the midst of many matches ends with FE00H.",
)
def cancel_ends_it(o: Operation) -> Iterator[Finding]:
    # a service that has finished before it reads the cancel may say so (9.1.2.2 b); it then has sent everything
    whole = int(o.facts.get("matches", 0))
    sent = len(o.pending) if o.request.verb == "find" else _done(o)
    if o.status == 0xFE00 or (o.status == 0 and whole and sent >= whole):
        return
    if o.final is not None:
        yield Finding(f"{hexed(o.status)} after {sent} of {whole}", "FE00H", o.where(o.final))


def _done(o: Operation) -> int:
    names = ("NumberOfCompletedSuboperations", "NumberOfFailedSuboperations", "NumberOfWarningSuboperations")
    return sum(o.final.command.number(n) or 0 for n in names) if o.final else 0


@cancel_ends_it.mutant(at=MESSAGE, defects=("M-CM-10", "M-CM-18"))
def cancelled_is_a_warning(message: Sent, asked: Sent | None) -> Sent | None:
    """A cancelled operation ends with a warning."""
    return but(message, Status=0xB000) if bend.is_response(message) and message.status == 0xFE00 else None


@operation(
    "messages.cancel-only-when-asked",
    cites="PS3.7 9.1.2.1.6, 9.1.3.1.6, 9.1.4.1.7, C.3",
    verifies="DM-CAN-002",
    on=ON,
    who=SCP,
    content=False,
    when=lambda o: o.final is not None,
    says="FE00H answers only what was cancelled.",
)
def cancel_only_when_asked(o: Operation) -> Iterator[Finding]:
    if o.status == 0xFE00 and not o.cancels:
        yield Finding("FE00H", "another status: there was no C-CANCEL", o.where(o.final))


@cancel_only_when_asked.mutant(at=MESSAGE)
def ends_as_if_cancelled(message: Sent, asked: Sent | None) -> Sent | None:
    """C-FIND, C-GET and C-MOVE that succeed end with FE00H."""
    done = bend.is_final(message, *SEVERAL) and message.status == 0
    return but(message, Status=0xFE00) if done else None


@association(
    "messages.late-cancel-ignored",
    cites="PS3.7 9.1.2.2, 9.1.3.2, 9.1.4.2, performing user, cancel after completion",
    verifies="DM-CAN-003",
    when=lambda a: a.facts.get("late-cancel") is True and any(m.cancel for _, m in a.messages),
    incomplete=True,
    says="A C-CANCEL for a query that is over is ignored: nothing answers it, and the next request is served.",
)
def late_cancel_ignored(a: Association) -> Iterator[Finding]:
    last = a.operations[-1] if a.operations else None
    if last is None or last.final is None:
        what = last.fault if last else f"the association ended with {a.ending}"
        yield Finding(what, "the request after the C-CANCEL is answered", "after C-CANCEL-RQ")
    for _, message in a.strays:
        yield Finding(
            f"{message.name} with {hexed(message.status)}", "no response to a late C-CANCEL", "after C-CANCEL-RQ"
        )


@late_cancel_ignored.mutant(at=MESSAGE)
def stops_after_the_first_query(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """A C-FIND with an even Message ID gets no response."""
    told = int(message.command.get("MessageIDBeingRespondedTo", 1))
    return [] if bend.is_response(message, "find") and told % 2 == 0 else None


@operation(
    "messages.unknown-command",
    cites="PS3.7 C.5.23; 9.1.1.1.9",
    verifies="DM-CMD-006",
    level=SHOULD,
    on=ON,
    who=SCP,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: o.final is not None and o.facts.get("provoked") == "unknown command",
    says="A request with a Command Field that nobody registered is answered 0211H, when it is answered at all.",
)
def unknown_command(o: Operation) -> Iterator[Finding]:
    if o.final is not None and o.status != 0x0211:
        yield Finding(hexed(o.status), "0211H, or an abort", o.where(o.final))


@unknown_command.mutant(at=MESSAGE)
def succeeds_at_anything(message: Sent, asked: Sent | None) -> Sent | None:
    """What it does not know succeeds."""
    return but(message, Status=0x0000) if message.status == 0x0211 else None


@operation(
    "messages.scu-role",
    cites="PS3.7 D.3.3.4",
    verifies="SV-GET-002",
    on="dimse.storage|dimse.query-retrieve|dimse.verification",
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: o.agreed is not None and o.invoker in o.association.judged,
    says="Only the side that may be the SCU in a presentation context sends its requests there.",
)
def scu_role(o: Operation) -> Iterator[Finding]:
    agreed = o.agreed
    if agreed is not None and not agreed.scu(o.invoker):
        got = f"{o.request.name} of the {o.invoker} for {agreed.abstract}"
        yield Finding(got, "a role that was negotiated", f"{o.where()}, context {agreed.id}")


@scu_role.mutant(at=MESSAGE, defects="D-CM-01")
def stores_in_the_first_context(message: Sent, asked: Sent | None) -> Sent | None:
    """The sub-operations of a C-GET come in the first context, where nobody gave the acceptor the SCU role."""
    return message.but(context=1) if bend.is_request(message, "store") else None


@operation(
    "messages.any-data-set-type",
    cites="PS3.7 9.3.2.1, 9.3.3.1, 9.3.4.1, E.1",
    verifies="DM-CMD-012",
    on=ON,
    who=SCP,
    incomplete=True,
    when=lambda o: str(o.request.id) in o.facts.get("data set types", ()),
    says="Any Command Data Set Type but 0101H announces a data set: the request is served as with any other value.",
)
def any_data_set_type(o: Operation) -> Iterator[Finding]:
    if o.final is None or o.status != 0:
        kind = hexed(o.request.command.number("CommandDataSetType"))
        yield Finding(hexed(o.status) if o.final else o.fault, "0000H", f"{o.where()}, Command Data Set Type {kind}")


@any_data_set_type.mutant(at=MESSAGE)
def knows_one_data_set_type(message: Sent, asked: Sent | None) -> Sent | None:
    """A request with a Command Data Set Type other than 0001H or 0102H is answered C001H."""
    kind = asked.command.get("CommandDataSetType") if asked is not None else None
    odd = bend.is_final(message, "find") and kind not in (0x0000, 0x0001, 0x0102, None)
    return but(message, Status=0xC001) if odd else None
