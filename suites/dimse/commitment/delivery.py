"""Rules of PS3.4 J.2.1, J.3.3.1.2 and J.3.3.1.3 on how reports travel: roles, titles, another association, answers.

Must not know what a report says.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Association, Operation
from harness.exchange import Journey
from harness.rule import (
    ACCEPTOR,
    BOTH,
    MESSAGE,
    PDU,
    REQUESTOR,
    SCU,
    Finding,
    association,
    journey,
    operation,
    undetected,
    untested,
)
from harness.upper_layer.message import Message as Sent
from harness.wire.pdu import ASSOCIATE_AC, ASSOCIATE_RQ, Associate, Role
from harness.wire.sop import COMMITMENT
from suites.dimse import bend
from suites.dimse.association import octets
from suites.dimse.association.heard import both
from suites.dimse.bend import but
from suites.dimse.commitment import reading
from suites.dimse.commitment.reading import ACTION, EVENT
from suites.dimse.reading import hexed

DELIVERIES = "dimse.commitment.deliveries"
ROLE = 0x54


def without_roles(raw: bytes, type_: int) -> bytes | None:
    """The PDU, if it is of this type, without its role selection."""
    if raw[:1] != bytes((type_,)):
        return None
    return octets.edited_user(raw, type_, lambda given: [one for one in given if one[0] != ROLE])


def _role(told: Associate) -> Role | None:
    return next((r for r in told.user.roles if r.uid == COMMITMENT), None)


@operation(
    "commitment.role-of-the-reporter",
    cites="PS3.4 J.2.1, J.3.3.1.2; PS3.7 D.3.3.4",
    verifies="SV-STC-006",
    on=EVENT,
    who=REQUESTOR,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: o.invoker == "requestor" and o.agreed is not None,
    says="Who opens an association to report on has the SCP role by role selection.",
)
def role_of_the_reporter(o: Operation) -> Iterator[Finding]:
    if o.agreed is not None and not o.agreed.requestor_scp:
        yield Finding("a report by a requestor that is not the SCP", "role selection", f"{o.where()}, {COMMITMENT}")


@role_of_the_reporter.mutant(at=PDU)
def reports_in_no_role(raw: bytes) -> bytes | None:
    """Who reports on another association proposes no role."""
    return without_roles(raw, ASSOCIATE_RQ)


@operation(
    "commitment.same-title",
    cites="PS3.4 J.3.3.1.2",
    verifies="SV-STC-006",
    on=EVENT,
    who=REQUESTOR,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: o.invoker == "requestor" and bool(o.facts.get("called")) and bool(_caller(o)),
    says="A report on another association comes from the AE title that was asked.",
)
def same_title(o: Operation) -> Iterator[Finding]:
    if _caller(o) != o.facts.get("called"):
        yield Finding(_caller(o), str(o.facts.get("called")), f"{o.where()}, calling AE title")


def _caller(o: Operation) -> str:
    turn = o.association.request
    told = turn.pdu.associate if turn is not None else None
    return told.calling.decode("latin-1").strip(" \0") if told is not None else ""


@same_title.mutant(at=PDU)
def reports_under_another_title(raw: bytes) -> bytes | None:
    """Reports come from the title REPORTER."""
    return raw[:26] + b"REPORTER".ljust(16) + raw[42:] if raw[:1] == b"\1" and len(raw) > 74 else None


@association(
    "commitment.role-is-granted",
    cites="PS3.4 J.2.1, J.3.3.1.3; PS3.7 D.3.3.4",
    verifies="SV-STC-007",
    who=ACCEPTOR,
    due=False,
    when=lambda a: _proposes(a),
    says="Who takes a context for commitment that is proposed by an SCP takes the roles proposed for it.",
)
def role_is_granted(a: Association) -> Iterator[Finding]:
    pair = both(a)
    role = _role(pair[1]) if pair is not None else None
    if role is None or not role.scp:
        got = "no role selection" if role is None else "SCP role 0"
        yield Finding(got, "SCP role 1", a.answer.where if a.answer else "")


def _proposes(a: Association) -> bool:
    """The requestor wants to be SCP and nothing else, and the context was accepted."""
    pair = both(a)
    role = _role(pair[0]) if pair is not None else None
    accepted = any(c.abstract == COMMITMENT for c in a.contexts.values())
    return role is not None and bool(role.scp) and not role.scu and accepted


@role_is_granted.mutant(at=PDU)
def takes_the_context_and_not_the_role(raw: bytes) -> bytes | None:
    """Role selection is not answered."""
    return without_roles(raw, ASSOCIATE_AC)


@operation(
    "commitment.report-is-taken",
    cites="PS3.4 J.3.3, J.3.3.1.3; PS3.7 10.1.1.2",
    verifies="SV-STC-007",
    on=EVENT,
    who=SCU,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: reading.reported(o) and (o.final is not None or _ignored(o)),
    says="Who asked for commitment answers each report, one that answers its request with 0000H.",
)
def report_is_taken(o: Operation) -> Iterator[Finding]:
    if o.final is None:
        yield Finding(o.fault, "a response", o.where())
    elif o.status != 0 and reading.requested(o) is not None and _right(o):
        yield Finding(hexed(o.status), "0000H", o.where(o.final), warn=o.status in (0x0110, 0x0213))


def _ignored(o: Operation) -> bool:
    """No response came though the reporter waited, or though the user went on asking: it may always just leave."""
    if o.association.ending == "timeout" or (o.association.ending == "abort" and o.association.ended_by == o.invoker):
        return True
    order = [id(message) for _, message in o.association.messages]
    since = order.index(id(o.request))
    later = [m for side, m in o.association.messages[since + 1 :] if side == o.performer and m.request]
    return len(later) > 1  # a single one may have crossed the report


def _right(o: Operation) -> bool:
    """Form and references are in order, so that nothing in the report asks for a refusal."""
    named = {r.instance for r in (*reading.referenced(o), *reading.failed(o))}
    return reading.type_of(o) in (1, 2) and named == {i for _, i in reading.requested(o) or ()}


@report_is_taken.mutant(at=MESSAGE)
def knows_no_reports(message: Sent, asked: Sent | None) -> Sent | None:
    """Reports are answered 0113H."""
    return but(message, Status=0x0113) if bend.is_response(message, "n-event-report") else None


@report_is_taken.mutant(at=MESSAGE, defects="M-NS-08")
def says_nothing_to_a_report(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Reports are not answered."""
    return [] if bend.is_response(message, "n-event-report") else None


def _asked(j: Journey) -> list[Operation]:
    return [o for a in j.associations for o in a.operations if o.kind == ACTION and o.status == 0 and reading.whole(o)]


def _reports(j: Journey) -> list[Operation]:
    return [o for a in j.associations for o in a.operations if o.kind == EVENT]


@journey(
    "commitment.report-comes",
    cites="PS3.4 J.3.3, J.3.3.1.2",
    verifies=("SV-STC-006", "SV-STC-013"),
    on=DELIVERIES,
    who=BOTH,
    incomplete=True,
    due=False,
    when=lambda j: bool(_asked(j)),
    says="What was asked is reported: where the association stands on it or on another one, else on another one.",
)
def report_comes(j: Journey) -> Iterator[Finding]:
    told = {reading.transaction(o) for o in _reports(j)}
    for o in _asked(j):
        if reading.transaction(o) not in told:
            waited = o.facts.get("waited", 0)
            # no text says how long a provider may take, so that this can only be told, not held against it
            got = f"no report of {reading.transaction(o)} within {waited} s"
            yield Finding(got, "an N-EVENT-REPORT", o.where(), seq=o.seq, warn=True)


@report_comes.mutant(at=MESSAGE, defects="M-NS-05")
def never_reports(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Requests are received, and nothing more is heard."""
    return [] if bend.is_request(message, "n-event-report") else None


@journey(
    "commitment.committed-is-retrievable",
    cites="PS3.4 J.1.1, J.3.3.1.1.1, J.3.3.1.2",
    verifies="SV-STC-009",
    on=DELIVERIES,
    who=BOTH,
    due=False,
    when=lambda j: bool(_fetched(j)),
    says="What is committed to can be retrieved, from the AE title that the report names if it names one.",
)
def committed_is_retrievable(j: Journey) -> Iterator[Finding]:
    for o, instance, sure in _fetched(j):
        came = [p.request.instance for p in o.association.operations if p.request.verb == "store"]
        if instance not in came:
            got = f"{hexed(o.status)} without {instance}"
            yield Finding(got, "the instance", o.where(o.final), seq=o.seq, warn=not sure)


def _fetched(j: Journey) -> list[tuple[Operation, str, bool]]:
    """C-GET operations for one instance that was committed to, its UID, and whether it has to be there.

    It has to be where the report says that it is; a report that says nothing may mean another place (J.1.1).
    """
    places: dict[str, set[str]] = {}
    for o in _reports(j):
        for instance, title in reading.places(o).items():
            if title in ("", o.facts.get("called")):
                places.setdefault(instance, set()).add(title)
    found = []
    for a in j.associations:
        for o in a.operations:
            name = str(o.facts.get("fetches", ""))
            if o.request.verb == "get" and name in places:
                found.append((o, name, "" not in places[name]))
    return found


@committed_is_retrievable.mutant(at=MESSAGE)
def commits_and_forgets(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """What is committed to is not sent when it is asked for."""
    return [] if bend.is_request(message, "store") else None


untested("SV-STC-008", "how often an undelivered report is tried again is documented by each product; no text sets it")
undetected("M-NS-17", "store and commitment are different associations, and a user may have several titles")
undetected("M-NS-18", "a request that is never sent is not seen on the wire")
