"""Rules of PS3.4 CC.2.2.3, CC.2.3.3 and CC.2.4 on events: that they come, to whom, by which road, and what they tell.

Must not know who is subscribed to what: `watching` follows the requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Association, Operation, Side
from harness.exchange import Journey, view
from harness.make.associations import spoken
from harness.make.steps import by_path
from harness.rule import (
    BOTH,
    MESSAGE,
    PDU,
    RELATION,
    REQUESTOR,
    SCP,
    SHALL_NOT,
    SHOULD_NOT,
    Finding,
    journey,
    operation,
)
from harness.talk.identifiers import encoded
from harness.upper_layer import message as say
from harness.upper_layer.message import Message as Sent
from harness.upper_layer.offer import IMPLICIT, Role
from harness.wire.pdu import ASSOCIATE_RQ
from harness.wire.sop import UPS_EVENT, UPS_GLOBAL, UPS_PUSH
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.commitment.delivery import without_roles
from suites.dimse.reading import dataset, readable, text, texts
from suites.dimse.ups.story import EVENT, event_type
from suites.dimse.ups.table import (
    ASSIGNED,
    CANCEL_REQUESTED,
    CANCELED,
    COMPLETED,
    IN_PROGRESS,
    PROGRESS_REPORT,
    REPORT,
    REPORTED,
    SCHEDULED,
    STATE,
    STATES,
)
from suites.dimse.ups.watching import EVENTS, Due, events, followed

_NAMES = {REPORT: "UPS State Report", CANCEL_REQUESTED: "UPS Cancel Requested", PROGRESS_REPORT: "UPS Progress Report",
          ASSIGNED: "UPS Assigned"}  # fmt: skip
_ORDER = {SCHEDULED: 0, IN_PROGRESS: 1, COMPLETED: 2, CANCELED: 2}


def _event(message: Sent, *types: int) -> bool:
    return bend.is_request(message, "n-event-report") and (not types or message.command.get("EventTypeID") in types)


def _told(message: Sent, change: bend.Change, *types: int) -> Sent | None:
    return bend.rewritten(message, change) if _event(message, *types) and message.has_data else None


# --- one event -----------------------------------------------------------------------------------------------------


@operation(
    "ups.event-attributes",
    cites="PS3.4 CC.2.4.1, Table CC.2.4-1, CC.2.4.3",
    verifies="SV-UPS-008",
    on=EVENT,
    who=SCP,
    incomplete=True,
    due=False,
    says="An event is of the types 1 to 5, names a workitem, and has the attributes that its type asks for.",
)
def event_attributes(o: Operation) -> Iterator[Finding]:
    type_, found = event_type(o), dataset(o, o.request)
    if type_ is None or type_ not in REPORTED:
        yield Finding(f"type {type_}", "1 to 5", o.where())
        return
    if not o.request.instance:
        yield Finding("no Affected SOP Instance UID", "the UID of the workitem", o.where())
    for tag in REPORTED[type_]:
        element = found.get(tag)
        if element is None or element.empty:
            got = "not there" if element is None else "no value"
            yield Finding(got, "type 1", f"{o.where()}, {tag}")
    if type_ == REPORT and text(found, STATE) not in ("", *STATES):
        yield Finding(text(found, STATE), ", ".join(STATES), f"{o.where()}, {STATE}")


@event_attributes.mutant(at=MESSAGE)
def a_sixth_event(message: Sent, asked: Sent | None) -> Sent | None:
    """Events are of the type 6."""
    return but(message, EventTypeID=6) if _event(message) else None


@event_attributes.mutant(at=MESSAGE)
def says_nothing_of_the_input(message: Sent, asked: Sent | None) -> Sent | None:
    """State Reports have no Input Readiness State."""
    return _told(message, lambda found: bend.dropped(found, 0x00404041), REPORT)


@event_attributes.mutant(at=MESSAGE)
def somebody_wants_it_canceled(message: Sent, asked: Sent | None) -> Sent | None:
    """Cancel requests are told without who made them."""
    return _told(message, lambda found: bend.dropped(found, 0x00741236), CANCEL_REQUESTED)


@operation(
    "ups.role-of-the-reporter",
    cites="PS3.4 CC.2.4, Table CC.2-4; PS3.7 D.3.3.4",
    verifies="SV-UPS-016",
    on=EVENT,
    who=REQUESTOR,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: o.invoker == "requestor" and o.agreed is not None,
    says="Who opens an association to tell events has the SCP role by role selection.",
)
def role_of_the_reporter(o: Operation) -> Iterator[Finding]:
    if o.agreed is not None and not o.agreed.requestor_scp:
        yield Finding("an event of a requestor that is not the SCP", "role selection", o.where())


@role_of_the_reporter.mutant(at=PDU)
def reports_in_no_role(raw: bytes) -> bytes | None:
    """Who tells events proposes no role."""
    return without_roles(raw, ASSOCIATE_RQ)


@operation(
    "ups.events-on-the-event-class",
    cites="PS3.4 Tables CC.2-1 to CC.2-5, CC.3.1",
    verifies="SV-UPS-016",
    on=EVENT,
    who=SCP,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: o.agreed is not None,
    says="Events travel on a context of the UPS Event SOP Class.",
)
def events_on_the_event_class(o: Operation) -> Iterator[Finding]:
    if o.agreed is not None and o.agreed.abstract != UPS_EVENT:
        yield Finding(o.agreed.abstract, UPS_EVENT, f"{o.where()}, presentation context")


@events_on_the_event_class.mutant(at=PDU)
def opens_a_push_context(raw: bytes) -> bytes | None:
    """Who tells events proposes another class of workitems for them."""
    event, push = UPS_EVENT.encode(), b"1.2.840.10008.5.1.4.34.6.1"
    return raw.replace(event, push) if raw[:1] == bytes((ASSOCIATE_RQ,)) and event in raw else None


# --- all events of a journey ---------------------------------------------------------------------------------------


@view
def _unmet(j: Journey) -> list[tuple[Due, Operation | None]]:
    """What had to come and did not, with an event of its kind that tells something else, if there is one."""
    left = events(j)
    missing: list[Due] = []
    for due in sorted(followed(j).due, key=lambda d: not d.sure):
        hit = next((o for o in left if _is(o, due) and _tells(o, due)), None)
        if hit is not None:
            left.remove(hit)
        elif due.sure:
            missing.append(due)
    found: list[tuple[Due, Operation | None]] = []
    for due in missing:
        other = next((o for o in left if _is(o, due)), None)
        if other is not None:
            left.remove(other)
        found.append((due, other))
    return found


def _is(o: Operation, due: Due) -> bool:
    return o.request.instance == due.instance and event_type(o) == due.type


def _tells(o: Operation, due: Due) -> bool:
    found = dataset(o, o.request)
    return all(tuple(texts(found, path)) == value for path, value in due.told.items())


@journey(
    "ups.events-come",
    cites="PS3.4 CC.2.4.3, CC.2.3.3, Table CC.2.3-2, CC.2.2.3",
    verifies=("SV-UPS-007", "SV-UPS-008", "SV-UPS-009", "SV-UPS-010", "SV-UPS-011", "SV-UPS-016"),
    on=EVENTS,
    who=BOTH,
    basis=RELATION,
    incomplete=True,
    due=False,
    when=lambda j: any(d.sure for d in followed(j).due),
    says="A subscriber is told of each change, once when it subscribes, and of requests to cancel.",
)
def events_come(j: Journey) -> Iterator[Finding]:
    for due, other in _unmet(j):
        if other is None:
            what = f"no {_NAMES[due.type]} of {due.instance} {_shown(due)}".rstrip()
            # whoever can be reached once can be reached; where nothing came at all the road may be barred (CC.2.4.3)
            yield Finding(what, "an event", f"after {due.after}", seq=due.seq, warn=not events(j))


def _shown(due: Due) -> str:
    return ", ".join("\\".join(value) for value in due.told.values())


def _withheld(message: Sent, *types: int, states: tuple[str, ...] = ()) -> list[Sent] | None:
    if not _event(message, *types):
        return None
    state = bend.decoded(bend.octets_of(message)).get("ProcedureStepState") if message.has_data else ""
    return [] if not states or state in states else None


@events_come.mutant(at=MESSAGE)
def says_nothing_at_first(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """No event tells of a workitem that is SCHEDULED."""
    return _withheld(message, REPORT, states=(SCHEDULED,))


@events_come.mutant(at=MESSAGE)
def jumps_to_canceled(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """No event tells that a workitem is IN PROGRESS."""
    return _withheld(message, REPORT, states=(IN_PROGRESS,))


@events_come.mutant(at=MESSAGE, defects="M-UP-04")
def tells_states_only(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Progress is not told."""
    return _withheld(message, PROGRESS_REPORT)


@events_come.mutant(at=MESSAGE)
def keeps_cancel_requests_back(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Requests to cancel are not told."""
    return _withheld(message, CANCEL_REQUESTED)


@events_come.mutant(at=MESSAGE)
def assigns_in_silence(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Assignments are not told."""
    return _withheld(message, ASSIGNED)


@events_come.mutant(at=MESSAGE, defects="M-UP-05")
def subscribes_and_never_tells(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Subscriptions succeed, and no event ever comes."""
    return _withheld(message)


@journey(
    "ups.events-tell-it",
    cites="PS3.4 CC.2.4.1, Table CC.2.4-1, CC.2.4.3",
    verifies=("SV-UPS-008", "SV-UPS-010", "SV-UPS-011"),
    on=EVENTS,
    who=BOTH,
    basis=RELATION,
    incomplete=True,
    due=False,
    when=lambda j: any(d.sure and d.told for d in followed(j).due) and bool(events(j)),
    says="An event has the values of the change that it tells of: state, station, progress, and who wants to cancel.",
)
def events_tell_it(j: Journey) -> Iterator[Finding]:
    for due, other in _unmet(j):
        if other is None:
            continue
        found = dataset(other, other.request)
        for path, value in due.told.items():
            if tuple(texts(found, path)) != value:
                got, want = ("\\".join(one) or "nothing" for one in (texts(found, path), value))
                yield Finding(got, f"{want}, after {due.after}", f"{other.where()}, {path}", seq=other.seq)


@events_tell_it.mutant(at=MESSAGE, defects=("M-UP-07", "M-UP-08"))
def assigns_to_nobody(message: Sent, asked: Sent | None) -> Sent | None:
    """Assigned events have no station."""
    return _told(message, lambda found: bend.dropped(found, 0x00404025), ASSIGNED)


@events_tell_it.mutant(at=MESSAGE)
def no_reason_is_told(message: Sent, asked: Sent | None) -> Sent | None:
    """The reason of a request to cancel is not passed on."""
    return _told(message, lambda found: bend.dropped(found, 0x00741238), CANCEL_REQUESTED)


@events_tell_it.mutant(at=MESSAGE)
def the_provider_asks_itself(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests to cancel are told as the provider's own."""
    return _told(message, lambda found: setattr(found, "RequestingAE", "PROVIDER"), CANCEL_REQUESTED)


@events_tell_it.mutant(at=MESSAGE)
def everything_is_completed(message: Sent, asked: Sent | None) -> Sent | None:
    """State Reports say COMPLETED."""
    return _told(message, lambda found: setattr(found, "ProcedureStepState", "COMPLETED"), REPORT)


@journey(
    "ups.no-event-twice",
    cites="PS3.4 CC.2.4.3",
    verifies=("SV-UPS-009", "SV-UPS-011"),
    level=SHOULD_NOT,
    on=EVENTS,
    who=BOTH,
    basis=RELATION,
    incomplete=True,
    due=False,
    when=lambda j: bool(events(j)) and bool(followed(j).due),
    says="Each change is told once.",
)
def no_event_twice(j: Journey) -> Iterator[Finding]:
    due = Counter((d.instance, d.type) for d in followed(j).due)
    came = Counter((o.request.instance, event_type(o) or 0) for o in events(j))
    for (uid, type_), count in came.items():
        if uid in followed(j).items and count > due[uid, type_] > 0:
            last = [o for o in events(j) if o.request.instance == uid and event_type(o) == type_][-1]
            got = f"{count} events of type {type_} of {uid}"
            yield Finding(got, f"{due[uid, type_]}", last.where(), seq=last.seq)


@no_event_twice.mutant(at=MESSAGE, defects="D-UP-03")
def stutters(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Each event is told twice."""
    return [message, but(message, MessageID=(message.id + 20000) % 0xFFFF)] if _event(message) else None


@journey(
    "ups.events-to-subscribers-only",
    cites="PS3.4 CC.2.3.1, Table CC.2.3-2, CC.2.3.2",
    verifies="SV-UPS-009",
    level=SHALL_NOT,
    on=EVENTS,
    who=BOTH,
    basis=RELATION,
    incomplete=True,
    due=False,
    when=lambda j: bool(events(j)) and any(item.left for item in followed(j).items.values()),
    says="Who unsubscribed is not told of changes any more.",
)
def events_to_subscribers_only(j: Journey) -> Iterator[Finding]:
    watch = followed(j)
    for o in events(j):
        item = watch.items.get(o.request.instance)
        known = any(_is(o, due) and _tells(o, due) for due in watch.due)
        if item is not None and item.left and readable(o, o.request) and not known:
            got = f"an event of type {event_type(o)} of {o.request.instance}"
            yield Finding(got, "none: it is not subscribed any more", o.where(), seq=o.seq)


@events_to_subscribers_only.mutant(at=MESSAGE)
def a_last_farewell(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Whoever was told of a workitem once is told how it ends."""

    def over(found: Dataset) -> bool:
        found.ProcedureStepState = "CANCELED" if found.get("ProcedureStepState") == SCHEDULED else "COMPLETED"
        return True

    more = _told(message, over, REPORT)
    return None if more is None else [message, but(more, MessageID=(message.id + 20000) % 0xFFFF)]


@journey(
    "ups.events-in-order",
    cites="PS3.4 CC.1.1, CC.2.2.3, CC.2.4.3",
    verifies="SV-UPS-007",
    on=EVENTS,
    who=BOTH,
    basis=RELATION,
    incomplete=True,
    due=False,
    when=lambda j: any(len(states) > 1 for states in _states(j).values()),
    says="On one association the states of a workitem are told in the order in which they were reached.",
)
def events_in_order(j: Journey) -> Iterator[Finding]:
    for (seq, uid), told in _states(j).items():
        ranks = [_ORDER[text(dataset(o, o.request), STATE)] for o in told]
        for place in range(1, len(ranks)):
            if ranks[place] < ranks[place - 1]:
                states = " after ".join(text(dataset(o, o.request), STATE) for o in (told[place], told[place - 1]))
                yield Finding(f"{states} of {uid}", "the order of the changes", told[place].where(), seq=seq)


def _states(j: Journey) -> dict[tuple[int, str], list[Operation]]:
    """The State Reports of each workitem on each association."""
    found: dict[tuple[int, str], list[Operation]] = {}
    for o in events(j):
        if event_type(o) == REPORT and text(dataset(o, o.request), STATE) in _ORDER:
            found.setdefault((o.seq, o.request.instance), []).append(o)
    return found


@events_in_order.mutant(at=MESSAGE)
def back_to_the_beginning(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """After each State Report another one tells that the workitem is SCHEDULED."""
    again = _told(message, lambda found: setattr(found, "ProcedureStepState", SCHEDULED), REPORT)
    return None if again is None else [message, but(again, MessageID=(message.id + 20000) % 0xFFFF)]


@operation(
    "ups.provider-status",
    cites="PS3.4 CC.2.4.3, Table CC.2.4-1, CC.3.1.2",
    verifies="SV-UPS-016",
    on=EVENT,
    who=SCP,
    incomplete=True,
    due=False,
    when=lambda o: event_type(o) == 4 and readable(o, o.request),
    says="A change of the provider's status says RESTARTED or GOING DOWN, and how its lists were kept.",
)
def provider_status(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    if text(found, "00741242") not in ("RESTARTED", "GOING DOWN"):
        yield Finding(text(found, "00741242") or "none", "RESTARTED or GOING DOWN", f"{o.where()}, 00741242")
    for tag in ("00741244", "00741246"):
        # the text says "COLD STARTED" in one place and "COLD START" in the other
        if text(found, tag) not in ("WARM START", "COLD START", "COLD STARTED", "COLD_START", "WARM_START"):
            yield Finding(text(found, tag) or "none", "WARM START or COLD START", f"{o.where()}, {tag}")
    if o.request.instance != UPS_GLOBAL:
        yield Finding(o.request.instance, UPS_GLOBAL, f"{o.where()}, Affected SOP Instance UID", warn=True)


@provider_status.example
def back_again() -> Association:
    """A provider tells on an association of its own that it was restarted."""
    information = encoded(
        by_path({"00741242": "RESTARTED", "00741244": "WARM START", "00741246": "WARM START"}), IMPLICIT
    )
    asked = say.event_report_rq(1, 7, UPS_PUSH, UPS_GLOBAL, 4, information)
    roles = (Role(UPS_EVENT, 0, 1),)
    told: list[tuple[Side, Sent]] = [("requestor", asked), ("acceptor", say.response(asked, 0))]
    return spoken([UPS_EVENT], told, roles=roles, judged=frozenset({"requestor"}))


@provider_status.mutant(at=MESSAGE)
def back_in_other_words(message: Sent, asked: Sent | None) -> Sent | None:
    """The provider says that it is UP."""
    return _told(message, lambda found: setattr(found, "SCPStatus", "UP"), 4)
