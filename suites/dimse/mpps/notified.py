"""Rules of PS3.4 F.9 on notifications of performed steps.

Must not know who is to be notified: that is a matter of configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Operation
from harness.rule import MESSAGE, SCP, SCU, Finding, operation, undetected, untested
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import MPPS_NOTIFICATION
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.mpps.story import CREATED, SET, done, instance
from suites.dimse.mpps.table import COMPLETED, DISCONTINUED, IN_PROGRESS, STATUS
from suites.dimse.reading import dataset, hexed, text

ON = "dimse.mpps.event-report"
STATES = {1: IN_PROGRESS, 2: COMPLETED, 3: DISCONTINUED}
UPDATED = 4
KNOWN = range(1, 6)


def _type(o: Operation) -> int | None:
    return o.request.command.number("EventTypeID")


def _notifies(o: Operation) -> bool:
    return o.request.sop_class == MPPS_NOTIFICATION


@operation(
    "mpps.event-types",
    cites="PS3.4 F.9.2, Table F.9.2-1",
    verifies="SV-PPS-012",
    on=ON,
    who=SCP,
    content=False,
    incomplete=True,
    due=False,
    when=_notifies,
    says="Events are of the types 1 to 5, name a step and carry no attributes of their own.",
)
def event_types(o: Operation) -> Iterator[Finding]:
    if _type(o) not in KNOWN:
        yield Finding(f"type {_type(o)}", "1 to 5", o.where())
    if not o.request.instance:
        yield Finding("no Affected SOP Instance UID", "the UID of the step", o.where())
    if set(dataset(o, o.request).elements) - {"00080005"}:
        yield Finding(", ".join(list(dataset(o, o.request).elements)[:5]), "no attributes", o.where())


@event_types.mutant(at=MESSAGE)
def a_sixth_event(message: Sent, asked: Sent | None) -> Sent | None:
    """Events are of the type 6."""
    return but(message, EventTypeID=6) if bend.is_request(message, "n-event-report") else None


@operation(
    "mpps.event-tells-the-change",
    cites="PS3.4 F.9.2, Table F.9.2-1",
    verifies="SV-PPS-012",
    on=ON,
    who=SCP,
    incomplete=True,
    due=False,
    when=lambda o: _notifies(o) and _type(o) in (*STATES, UPDATED) and bool(_changes(o)),
    says="An event tells a change that there was: a state that was reached, or an update that is no change of state.",
)
def event_tells_the_change(o: Operation) -> Iterator[Finding]:
    type_ = _type(o) or 0
    if type_ not in _changes(o):
        want = " or ".join(str(t) for t in sorted(_changes(o)))
        yield Finding(f"type {type_}", f"type {want}", f"{o.where()} of {o.request.instance}")


def _changes(o: Operation) -> set[int]:
    """The event types that the requests on this association gave reason for, empty when none was about the step."""
    found: set[int] = set()
    for other in o.association.operations:
        if other.kind not in (CREATED, SET) or instance(other) != o.request.instance or not done(other):
            continue
        state = text(dataset(other, other.request), STATUS)
        reached = next((type_ for type_, name in STATES.items() if name == state), UPDATED)
        found |= {1} if other.kind == CREATED else {UPDATED} if state == IN_PROGRESS else {reached}
    return found if 1 in found else set()  # else changes were made elsewhere, and may be told here as well


@event_tells_the_change.mutant(at=MESSAGE)
def everything_is_an_update(message: Sent, asked: Sent | None) -> Sent | None:
    """Completed steps are told as discontinued."""
    over = bend.is_request(message, "n-event-report") and message.command.get("EventTypeID") == 2
    return but(message, EventTypeID=3) if over else None


@operation(
    "mpps.event-is-taken",
    cites="PS3.4 F.9.2.1",
    verifies="SV-PPS-012",
    on=ON,
    who=SCU,
    content=False,
    due=False,
    when=lambda o: _notifies(o) and _type(o) in KNOWN and o.final is not None,
    says="Who asked to be notified takes every event.",
)
def event_is_taken(o: Operation) -> Iterator[Finding]:
    if o.status != 0:
        yield Finding(hexed(o.status), "0000H", o.where(o.final), warn=o.status in (0x0110, 0x0112, 0x0213))


@event_is_taken.mutant(at=MESSAGE)
def knows_no_events(message: Sent, asked: Sent | None) -> Sent | None:
    """Events are answered 0113H."""
    return but(message, Status=0x0113) if bend.is_response(message, "n-event-report") else None


untested("SV-PPS-014", "worklist item, step and images of one procedure are not yet brought together in one run")
untested("SV-PPS-015", "what a user documents of its retries is not seen on the wire")
undetected("M-NS-03", "the status of a worklist item after N-CREATE is a matter of an IHE profile")
undetected("M-NS-12", "how a library classes status codes inside is not seen on the wire")
undetected("M-NS-14", "whether a user survives a response without a data set is not seen on the wire")
