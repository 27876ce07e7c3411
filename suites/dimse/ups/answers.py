"""Rules of PS3.4 CC.1.1, CC.2.1.3, CC.2.2.3, CC.2.5.3 and CC.2.6.3 on what the provider of workitems answers.

Must not know what a workitem holds afterwards: retrieving it tells.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Operation
from harness.rule import MESSAGE, SCP, SHALL_NOT, SHOULD, Finding, ground, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import UPS_PUSH
from harness.wire.status import class_of, is_listed
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import dataset, hexed, readable, texts
from suites.dimse.ups import story
from suites.dimse.ups.story import ACTION, CREATED, GOT, OWN_REASONS, SET, Workitem, before, done
from suites.dimse.ups.table import (
    ABSENT,
    CHARSET,
    CREATE,
    EMPTY,
    FIXED,
    IN_PROGRESS,
    SCHEDULED,
    STATE,
    TRANSACTION,
    Cell,
    lacking,
)

NOT_THERE = (0xC307, 0x0112)
_CLASSES = (0x0118, 0x0119, 0x0122, 0x0211)  # refusals that speak of the SOP Class


def state(o: Operation) -> str | None:
    """The state of the workitem before, '' when it does not exist, None when nobody knows."""
    w = before(o)
    return w.state if w is not None else None


def _new(o: Operation) -> bool:
    """An N-CREATE under a UID that is not known to be taken."""
    return state(o) in (None, ABSENT)


def _when(message: Sent, verb: str, *statuses: int, told: int = 0) -> Sent | None:
    """What is answered with one of these codes is answered with another one."""
    hit = bend.is_response(message, verb) and message.status in statuses
    return but(message, Status=told, ErrorComment=None, OffendingElement=None) if hit else None


@operation(
    "ups.takes-the-push-class",
    cites="PS3.4 CC.3.1, CC.3.1.1, CC.2.6.3, CC.2.7.3",
    verifies="SV-UPS-006",
    on=f"{SET}|{GOT}|{ACTION}",
    who=SCP,
    when=lambda o: o.request.sop_class == UPS_PUSH and (done(o) or o.status in _CLASSES),
    says="A request that names the Push class is not refused for the context that it travels on.",
)
def takes_the_push_class(o: Operation) -> Iterator[Finding]:
    if o.status in _CLASSES:
        abstract = o.agreed.abstract if o.agreed else ""
        yield Finding(f"{hexed(o.status)} on a context of {abstract}", "another status", o.where(o.final))


@takes_the_push_class.mutant(at=MESSAGE, defects="M-UP-16")
def wants_the_class_of_the_context(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests that do not name the class of their context are refused."""
    return _when(message, "n-action", 0, told=0x0118)


# --- the table of states -------------------------------------------------------------------------------------------


def _legal(o: Operation) -> bool:
    """What the table lets happen, and nothing else stands against."""
    cell, w = story.cell(o), before(o)
    if cell is None or w is None or cell.due != 0:
        return False
    if o.kind == CREATED:
        return story.proper(o)
    if o.kind == SET:
        return _may_be_set(o, w)
    return story.happens(o) not in ("complete", "cancel") or (w.whole and not w.coerced and not _short(o, w))


def _short(o: Operation, w: Workitem) -> bool:
    """Something that the final state needs is missing, or by one reading of codes X it is."""
    bare = [t for t in ("00741002.00404052", "00741002.0074100E") if not texts_below(w, t)]
    return bool(story.lacks(o, w)) or (story.happens(o) == "cancel" and bool(bare))


def texts_below(w: Workitem, path: str) -> bool:
    """Whether something stands at this path of what was set."""
    tag, _, rest = path.partition(".")
    element = w.merged().get(tag)
    return any(rest in item.elements for item in (element.items or ())) if element is not None else False


def _may_be_set(o: Operation, w: Workitem) -> bool:
    """Only of what was created, and nothing that may not be set (CC.2.6.2)."""
    if not readable(o, o.request) or not w.whole:
        return False
    tags = set(dataset(o, o.request).elements) - {CHARSET, TRANSACTION}
    return bool(tags) and not tags & FIXED and tags <= set(w.merged().elements)


@operation(
    "ups.what-is-legal-succeeds",
    cites="PS3.4 CC.1.1, Table CC.1.1-2, CC.2.1.3, CC.2.2.3, CC.2.5.3, CC.2.6.3",
    verifies=("SV-UPS-001", "SV-UPS-002"),
    on=f"{CREATED}|{SET}|{ACTION}|{GOT}",
    who=SCP,
    when=_legal,
    says="What the table of states lets happen is carried out.",
)
def what_is_legal_succeeds(o: Operation) -> Iterator[Finding]:
    cell = story.cell(o)
    if not done(o) and cell is not None and o.status not in cell.also:
        yield Finding(f"{hexed(o.status)} while {_standing(o)}", "0000H", o.where(o.final), warn=_own(o))


def _own(o: Operation) -> bool:
    """A refusal that says nothing against the request; an N-GET of what is over may come too late (CC.2.7.3)."""
    return o.status in OWN_REASONS or (
        o.kind == GOT and o.status in NOT_THERE and state(o) not in (SCHEDULED, IN_PROGRESS)
    )


def _standing(o: Operation) -> str:
    return f"the workitem is {state(o)}" if state(o) else "there is no such workitem"


@what_is_legal_succeeds.mutant(at=MESSAGE)
def nothing_can_be_claimed(message: Sent, asked: Sent | None) -> Sent | None:
    """Every action is refused as one without the right Transaction UID."""
    return _when(message, "n-action", 0, told=0xC301)


@what_is_legal_succeeds.mutant(at=MESSAGE)
def nothing_can_be_set(message: Sent, asked: Sent | None) -> Sent | None:
    """Every N-SET is refused as one that comes too late."""
    return _when(message, "n-set", 0, told=0xC300)


@what_is_legal_succeeds.mutant(at=MESSAGE)
def nothing_can_be_created(message: Sent, asked: Sent | None) -> Sent | None:
    """Every N-CREATE is refused as one that lacks something."""
    return _when(message, "n-create", 0, 0xB300, told=0x0120)


@what_is_legal_succeeds.mutant(at=MESSAGE, defects="M-UP-10")
def fails_when_it_is_done(message: Sent, asked: Sent | None) -> Sent | None:
    """The state is changed, and 0110H answered without a word why."""
    return _when(message, "n-action", 0, told=0x0110)


def _forbidden(o: Operation) -> Cell | None:
    """The cell of what has to be refused, None for anything else."""
    cell = story.cell(o)
    if cell is None or class_of(cell.due) != "failure":
        return None
    return cell if o.kind not in (CREATED, SET) or readable(o, o.request) else None


@operation(
    "ups.what-is-illegal-is-refused",
    cites="PS3.4 CC.1.1, Table CC.1.1-2, CC.2.1.3, CC.2.6.3",
    verifies=("SV-UPS-001", "SV-UPS-002", "SV-UPS-005"),
    on=f"{CREATED}|{SET}|{ACTION}|{GOT}",
    who=SCP,
    when=lambda o: _forbidden(o) is not None and o.final is not None,
    says="What the table of states forbids is refused, and with a status that tells the truth.",
)
def what_is_illegal_is_refused(o: Operation) -> Iterator[Finding]:
    cell = _forbidden(o)
    if cell is None or o.status == cell.due or o.status in cell.also:
        return
    got = f"{hexed(o.status)} to {_asked(o)} while {_standing(o)}"
    denies = o.status in NOT_THERE and state(o) != ABSENT  # says that there is no such workitem, and there is
    yield Finding(got, hexed(cell.due), o.where(o.final), warn=story.refused(o) and not _gone(o, denies))


def _gone(o: Operation, denies: bool) -> bool:
    """It denies a workitem that cannot have been removed yet: one that is not over (CC.2.1.3)."""
    return denies and state(o) in (SCHEDULED, IN_PROGRESS)


def _asked(o: Operation) -> str:
    """The request for people."""
    words = {"set": "N-SET", "create": "N-CREATE", "get": "N-GET", "request": "a request to cancel"}
    event = story.happens(o) or ""
    return words.get(event, f"a change to {story.asks_for(o)}")


@what_is_illegal_is_refused.mutant(at=MESSAGE)
def second_claims_win(message: Sent, asked: Sent | None) -> Sent | None:
    """A workitem that another agent holds can be claimed, and changed."""
    return _when(message, "n-action", 0xC301, 0xC302)


@what_is_illegal_is_refused.mutant(at=MESSAGE, defects="M-UP-17")
def completes_what_nobody_claimed(message: Sent, asked: Sent | None) -> Sent | None:
    """A workitem goes from SCHEDULED to a final state."""
    return _when(message, "n-action", 0xC310)


@what_is_illegal_is_refused.mutant(at=MESSAGE)
def back_to_scheduled(message: Sent, asked: Sent | None) -> Sent | None:
    """A workitem can be made SCHEDULED again."""
    return _when(message, "n-action", 0xC303)


@what_is_illegal_is_refused.mutant(at=MESSAGE)
def never_too_late(message: Sent, asked: Sent | None) -> Sent | None:
    """What is over can still be set."""
    return _when(message, "n-set", 0xC300)


@what_is_illegal_is_refused.mutant(at=MESSAGE)
def anybody_may_set(message: Sent, asked: Sent | None) -> Sent | None:
    """N-SET needs no Transaction UID."""
    return _when(message, "n-set", 0xC301)


@what_is_illegal_is_refused.mutant(at=MESSAGE)
def gets_what_is_not_there(message: Sent, asked: Sent | None) -> Sent | None:
    """An unknown workitem can be retrieved."""
    return _when(message, "n-get", 0xC307)


@what_is_illegal_is_refused.mutant(at=MESSAGE)
def denies_what_is_there(message: Sent, asked: Sent | None) -> Sent | None:
    """Refusals say that there is no such workitem."""
    return _when(message, "n-set", 0xC301, told=0xC307)


@what_is_illegal_is_refused.mutant(at=MESSAGE)
def begins_anew(message: Sent, asked: Sent | None) -> Sent | None:
    """The second N-CREATE of a workitem succeeds."""
    return _when(message, "n-create", 0x0111)


def _already(o: Operation) -> bool:
    cell = story.cell(o)
    return cell is not None and class_of(cell.due) == "warning" and o.final is not None


@operation(
    "ups.already-there",
    cites="PS3.4 Table CC.1.1-2, Tables CC.2.1-2, CC.2.2-2",
    verifies="SV-UPS-001",
    on=ACTION,
    who=SCP,
    when=_already,
    says="What is COMPLETED or CANCELED already and is to become so is answered with the warning that says it.",
)
def already_there(o: Operation) -> Iterator[Finding]:
    cell = story.cell(o)
    if cell is not None and o.status != cell.due and o.status not in cell.also:
        # the state is what was asked for, so that Success is no lie; it is not what the table has
        got = f"{hexed(o.status)} while {_standing(o)}"
        yield Finding(
            got, hexed(cell.due), o.where(o.final), warn=o.status == 0 or o.status in (*OWN_REASONS, *NOT_THERE)
        )


@already_there.mutant(at=MESSAGE)
def wants_a_lock_for_nothing(message: Sent, asked: Sent | None) -> Sent | None:
    """A second change to CANCELED or COMPLETED is refused for its Transaction UID."""
    return _when(message, "n-action", 0xB304, 0xB306, told=0xC301)


@operation(
    "ups.final-state-requirements",
    cites="PS3.4 CC.2.1.3, CC.2.5.1.1, Table CC.2.5-3 (Final State)",
    verifies="SV-UPS-005",
    on=ACTION,
    who=SCP,
    when=lambda o: bool(_unmet(o)) and o.final is not None,
    says="A final state is refused with C304H while something that it needs has no value.",
)
def final_state_requirements(o: Operation) -> Iterator[Finding]:
    if o.status != 0xC304:
        got = f"{hexed(o.status)} without {', '.join(_unmet(o)[:3])}"
        yield Finding(got, "C304H", o.where(o.final), warn=story.refused(o))


def _unmet(o: Operation) -> list[str]:
    w, cell = before(o), story.cell(o)
    return story.lacks(o, w) if w is not None and w.state == IN_PROGRESS and cell is not None and cell.due == 0 else []


@final_state_requirements.mutant(at=MESSAGE, defects="D-UP-06")
def ends_without_an_end(message: Sent, asked: Sent | None) -> Sent | None:
    """A final state is reached without what it needs."""
    return _when(message, "n-action", 0xC304)


# --- creating and setting ------------------------------------------------------------------------------------------


@operation(
    "ups.create-only-scheduled",
    cites="PS3.4 CC.2.5.3, Table CC.2.5-4",
    verifies="SV-UPS-004",
    on=CREATED,
    who=SCP,
    when=lambda o: (
        readable(o, o.request) and _new(o) and texts(dataset(o, o.request), STATE) not in ([], [""], [SCHEDULED])
    ),
    says="An N-CREATE in another state than SCHEDULED is refused with C309H.",
)
def create_only_scheduled(o: Operation) -> Iterator[Finding]:
    if o.status != 0xC309:
        yield Finding(hexed(o.status), "C309H", o.where(o.final), warn=story.refused(o))


@create_only_scheduled.mutant(at=MESSAGE)
def created_in_any_state(message: Sent, asked: Sent | None) -> Sent | None:
    """A workitem that is created IN PROGRESS is welcome."""
    return _when(message, "n-create", 0xC309)


@operation(
    "ups.create-incomplete",
    cites="PS3.7 10.1.5.1.6, C.5.13, C.5.14; PS3.4 Table CC.2.5-3",
    verifies="SV-UPS-004",
    level=SHOULD,
    on=CREATED,
    who=SCP,
    when=lambda o: bool(_lacking(o)) and o.final is not None,
    says="An N-CREATE without what a user has to provide is refused, or its modification told with B300H.",
)
def create_incomplete(o: Operation) -> Iterator[Finding]:
    if o.status == 0:
        path, wrong = _lacking(o)[0]
        yield Finding(f"0000H with {path} {wrong}", "0120H, 0121H or B300H", o.where(o.final))


def _lacking(o: Operation) -> list[tuple[str, str]]:
    """Type 1 attributes only: what is of type 2 may be filled in without a word (CC.2.5.3)."""
    found = dataset(o, o.request)
    if not readable(o, o.request) or not _new(o) or texts(found, STATE) not in ([], [""], [SCHEDULED]):
        return []
    return list(lacking(found, {path: kind for path, kind in CREATE.items() if kind == "1"}))


@create_incomplete.mutant(at=MESSAGE)
def takes_what_is_there(message: Sent, asked: Sent | None) -> Sent | None:
    """Attributes may be missing from an N-CREATE."""
    return _when(message, "n-create", 0x0120, 0x0121)


@operation(
    "ups.create-not-empty",
    cites="PS3.4 Table CC.2.5-3 (N-CREATE, shall be empty); PS3.7 10.1.5.1.6",
    verifies="SV-UPS-004",
    level=SHOULD,
    on=CREATED,
    who=SCP,
    when=lambda o: bool(_filled(o)) and o.final is not None,
    says="An N-CREATE with a Transaction UID, progress or a performed procedure is refused, or that told with B300H.",
)
def create_not_empty(o: Operation) -> Iterator[Finding]:
    if o.status == 0:
        yield Finding(f"0000H with a value of {_filled(o)[0]}", "a refusal or B300H", o.where(o.final))


def _filled(o: Operation) -> list[str]:
    found = dataset(o, o.request)
    if not readable(o, o.request) or not _new(o) or texts(found, STATE) != [SCHEDULED] or any(lacking(found, CREATE)):
        return []
    return [tag for tag in EMPTY if (element := found.get(tag)) is not None and not element.empty]


@create_not_empty.mutant(at=MESSAGE)
def born_with_a_lock(message: Sent, asked: Sent | None) -> Sent | None:
    """N-CREATE may bring anything."""
    return _when(message, "n-create", 0x0106, 0xB300)


@operation(
    "ups.fixed-attributes",
    cites="PS3.4 CC.2.6.2, Table CC.2.5-3 (N-SET, Not allowed), Table CC.2.1-2 (C303)",
    verifies="SV-UPS-014",
    level=SHOULD,
    on=SET,
    who=SCP,
    when=lambda o: bool(_fixed(o)) and o.final is not None,
    says="An N-SET of the state, or of what else may not be set, is refused or answered with a warning.",
)
def fixed_attributes(o: Operation) -> Iterator[Finding]:
    if o.status == 0:
        yield Finding(f"0000H to {', '.join(_fixed(o)[:5])}", "a refusal or a warning", o.where(o.final))


def _fixed(o: Operation) -> list[str]:
    cell = story.cell(o)
    if o.kind != SET or cell is None or cell.due != 0 or not readable(o, o.request):
        return []
    return sorted(FIXED & set(dataset(o, o.request).elements))


@fixed_attributes.mutant(at=MESSAGE)
def states_can_be_set(message: Sent, asked: Sent | None) -> Sent | None:
    """Any attribute may be set."""
    return _when(message, "n-set", 0x0105, 0x0106, 0x0110, 0xC303)


@operation(
    "ups.status-listed",
    cites="PS3.4 Tables CC.2.1-2, CC.2.2-2, CC.2.3-3, CC.2.5-4, CC.2.6-1, CC.2.7-1; PS3.7 10.1",
    verifies="SV-UPS-001",
    level=SHALL_NOT,
    on=f"{CREATED}|{SET}|{GOT}|{ACTION}",
    who=SCP,
    content=False,
    incomplete=True,
    when=lambda o: o.status is not None and class_of(o.status) != "unknown",
    says="A warning or a failure is one that the table of the operation, or PS3.7, has.",
)
def status_listed(o: Operation) -> Iterator[Finding]:
    status = o.status or 0
    if not is_listed("ups", o.request.verb, status):
        # the tables say which codes "might be returned", and later editions have more
        warn = class_of(status) == "failure" or status >> 8 in (0x00, 0x01)
        yield Finding(hexed(status), "a code listed for it", o.where(o.final), warn=warn)


@status_listed.mutant(at=MESSAGE)
def a_warning_that_nobody_listed(message: Sent, asked: Sent | None) -> Sent | None:
    """Success is answered with B123H."""
    return _when(message, "n-set", 0, told=0xB123)


ground("ups", what_is_legal_succeeds, what_is_illegal_is_refused)
