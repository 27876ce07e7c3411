"""Rules of PS3.4 F.7.2.1.3, F.7.2.2.3 and PS3.7 10.1.3, 10.1.5 on what the provider of performed steps answers.

Must not know what a step holds afterwards: retrieving it tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.association import Operation
from harness.rule import DOOR, MESSAGE, PDU, SCP, SHOULD, Finding, ground, operation
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend
from suites.dimse.bend import Door, but
from suites.dimse.mpps import story
from suites.dimse.mpps.story import ABSENT, CREATED, SET, done
from suites.dimse.mpps.table import CREATE, FINAL, FIXED, IN_PROGRESS, STATUS, lacking
from suites.dimse.reading import dataset, hexed, readable, text, texts

# Refusals that say nothing against the request: a provider may be full, closed to us, or at odds with its own data.
OWN_REASONS = (0x0110, 0x0124, 0x0213)
GRANTED = (0x0000, 0x0107, 0x0116)


def state(o: Operation) -> str | None:
    """The state of the step before, '' when it does not exist, None when nobody knows."""
    step = story.before(o)
    return step.state if step is not None else None


def _new(o: Operation) -> bool:
    """An N-CREATE under a UID that is not known to be taken."""
    return state(o) in (None, ABSENT)


def _refused(o: Operation, due: int) -> Iterator[Finding]:
    """It has to be refused with this code; another failure refuses it as well, but says something else."""
    if o.status != due:
        yield Finding(hexed(o.status), hexed(due), o.where(o.final), warn=story.refused(o))


def _granted(o: Operation) -> Iterator[Finding]:
    if o.status not in GRANTED:
        yield Finding(hexed(o.status), "0000H", o.where(o.final), warn=o.status in OWN_REASONS)


def _ok(message: Sent, verb: str, *statuses: int) -> Sent | None:
    """What is refused with one of these codes succeeds."""
    return but(message, Status=0) if bend.is_response(message, verb) and message.status in statuses else None


@operation(
    "mpps.create-succeeds",
    cites="PS3.4 F.7.2.1, F.7.2.1.3; PS3.7 10.1.5.2",
    verifies="SV-PPS-001",
    on=CREATED,
    who=SCP,
    when=lambda o: story.complete(o) and _new(o),
    says="An N-CREATE that is complete, IN PROGRESS and under a new UID succeeds.",
)
def create_succeeds(o: Operation) -> Iterator[Finding]:
    return _granted(o)


@create_succeeds.mutant(at=MESSAGE)
def nothing_can_be_created(message: Sent, asked: Sent | None) -> Sent | None:
    """Every N-CREATE is refused as one that lacks something."""
    return but(message, Status=0x0120) if bend.is_response(message, "n-create") and message.status == 0 else None


@operation(
    "mpps.create-only-in-progress",
    cites="PS3.4 F.7.2.1.3; PS3.7 C.5.11",
    verifies="SV-PPS-001",
    on=CREATED,
    who=SCP,
    when=lambda o: readable(o, o.request) and _new(o) and text(dataset(o, o.request), STATUS) not in ("", IN_PROGRESS),
    says="An N-CREATE in another state than IN PROGRESS is refused with 0106H and the attribute.",
)
def create_only_in_progress(o: Operation) -> Iterator[Finding]:
    if o.status != 0x0106:
        lacks = any(lacking(dataset(o, o.request), CREATE))
        yield Finding(hexed(o.status), "0106H", o.where(o.final), warn=lacks and story.refused(o))
    elif o.final is not None and STATUS not in dataset(o, o.final).elements:
        # F.7.2.1.3 says "with an Attribute List", PS3.7 C.5.11 makes the list optional
        yield Finding("0106H without an Attribute List", f"the list with {STATUS}", o.where(o.final), warn=True)


@create_only_in_progress.mutant(at=MESSAGE)
def created_in_any_state(message: Sent, asked: Sent | None) -> Sent | None:
    """A step that is created COMPLETED is welcome."""
    return _ok(message, "n-create", 0x0106)


@operation(
    "mpps.create-incomplete",
    cites="PS3.7 10.1.5.1.6, C.5.13, C.5.14; PS3.4 Table F.7.2-1",
    verifies="SV-PPS-003",
    level=SHOULD,
    on=CREATED,
    who=SCP,
    when=lambda o: bool(_lacking(o)),
    says="An N-CREATE that lacks an attribute is refused with 0120H, one with an empty value of type 1 with 0121H.",
)
def create_incomplete(o: Operation) -> Iterator[Finding]:
    missing = _lacking(o)
    due = 0x0120 if any(wrong == "not there" for _, wrong, _ in missing) else 0x0121
    if o.status != due:
        yield Finding(hexed(o.status), hexed(due), f"{o.where(o.final)}, {missing[0][0]} {missing[0][1]}")


def _lacking(o: Operation) -> list[tuple[str, str, str]]:
    if not readable(o, o.request) or not _new(o) or not o.request.instance:
        return []
    found = dataset(o, o.request)
    whole = text(found, STATUS) in ("", IN_PROGRESS)
    return list(lacking(found, CREATE)) if whole else []


@create_incomplete.mutant(at=MESSAGE)
def takes_what_is_there(message: Sent, asked: Sent | None) -> Sent | None:
    """Attributes may be missing from an N-CREATE."""
    return _ok(message, "n-create", 0x0120, 0x0121)


@operation(
    "mpps.duplicate-instance",
    cites="PS3.7 10.1.5.1.6, C.5.8; PS3.4 F.7.2.1",
    verifies="SV-PPS-004",
    on=CREATED,
    who=SCP,
    incomplete=True,
    when=lambda o: bool(state(o)) and readable(o, o.request) and (o.final is not None or _left(o)),
    says="An N-CREATE under the UID of a step that exists is refused with 0111H, and the association goes on.",
)
def duplicate_instance(o: Operation) -> Iterator[Finding]:
    if o.final is None:
        yield Finding(o.fault, "0111H", o.where())
    elif o.status != 0x0111:
        # how long a step that is over stays is the provider's own affair (F.7.4.2.1)
        warn = story.refused(o) or state(o) in FINAL
        yield Finding(hexed(o.status), "0111H", o.where(o.final), warn=warn)


def _left(o: Operation) -> bool:
    """The provider ended the association instead of answering."""
    return o.association.ending in ("abort", "close", "reset") and o.association.ended_by == o.performer


@duplicate_instance.mutant(at=MESSAGE)
def begins_anew(message: Sent, asked: Sent | None) -> Sent | None:
    """The second N-CREATE of a step succeeds."""
    return _ok(message, "n-create", 0x0111)


_DUPLICATE = b"\0\0\0\x09\x02\0\0\0\x11\x01"  # (0000,0900) with 0111H
_ABORT = bytes((7, 0, 0, 0, 0, 4, 0, 0, 0, 0))


@duplicate_instance.mutant(at=PDU, defects="M-NS-01")
def hangs_up_on_the_second(raw: bytes) -> bytes | None:
    """The second N-CREATE of a step is the end of the association."""
    return _ABORT if _DUPLICATE in raw else None


@operation(
    "mpps.set-succeeds",
    cites="PS3.4 F.7.2.2, F.7.2.2.3; PS3.7 10.1.3.2",
    verifies="SV-PPS-005",
    on=SET,
    who=SCP,
    when=story.allowed,
    says="An N-SET of a step IN PROGRESS, of what was created and may be set, succeeds; its end too when all is there.",
)
def set_succeeds(o: Operation) -> Iterator[Finding]:
    return _granted(o)


@set_succeeds.mutant(at=MESSAGE)
def nothing_can_be_set(message: Sent, asked: Sent | None) -> Sent | None:
    """Every N-SET is refused as one of an unknown attribute."""
    return but(message, Status=0x0105) if bend.is_response(message, "n-set") and message.status == 0 else None


@operation(
    "mpps.final-is-final",
    cites="PS3.4 F.7.2.2.3, Table F.7.2-2",
    verifies="SV-PPS-005",
    on=SET,
    who=SCP,
    when=lambda o: state(o) in FINAL and readable(o, o.request),
    says="An N-SET of a step that is COMPLETED or DISCONTINUED is refused with 0110H.",
)
def final_is_final(o: Operation) -> Iterator[Finding]:
    if o.status != 0x0110:
        # 0112H: a step that is over need not stay (F.7.4.2.1, F.8.1)
        got = f"{hexed(o.status)} to an N-SET of a step that is {state(o)}"
        yield Finding(got, "0110H", o.where(o.final), warn=o.status == 0x0112)


@final_is_final.mutant(at=MESSAGE)
def never_too_late(message: Sent, asked: Sent | None) -> Sent | None:
    """A step that is over can be set again."""
    return _ok(message, "n-set", 0x0110)


@final_is_final.mutant(at=MESSAGE)
def calls_it_an_invalid_value(message: Sent, asked: Sent | None) -> Sent | None:
    """An N-SET of a step that is over is refused with 0106H."""
    over = bend.is_response(message, "n-set") and message.status == 0x0110
    return but(message, Status=0x0106, ErrorComment=None, ErrorID=None) if over else None


@operation(
    "mpps.final-says-why",
    cites="PS3.4 F.7.2.2.3, F.7.2.2.4, Table F.7.2-2",
    verifies="SV-PPS-005",
    level=SHOULD,
    on=SET,
    who=SCP,
    when=lambda o: state(o) in FINAL and readable(o, o.request) and o.status == 0x0110,
    says="The refusal says that the step may no longer be updated: Error Comment and Error ID A710H.",
)
def final_says_why(o: Operation) -> Iterator[Finding]:
    if o.final is None:
        return
    got = o.final.command.text("ErrorComment")
    # the table gives the words; a comment of an LO may differ in case and space and still say them
    if "may no longer be updated" not in " ".join(got.lower().split()):
        yield Finding(repr(got) if got else "no Error Comment", "the comment of Table F.7.2-2", o.where(o.final))
    if o.final.command.number("ErrorID") != 0xA710:
        yield Finding(f"Error ID {hexed(o.final.command.number('ErrorID'))}", "A710H", o.where(o.final))


@final_says_why.mutant(at=MESSAGE)
def gives_no_reason(message: Sent, asked: Sent | None) -> Sent | None:
    """The refusal of an N-SET has neither comment nor Error ID."""
    over = bend.is_response(message, "n-set") and message.status == 0x0110
    return but(message, ErrorComment=None, ErrorID=None) if over else None


@operation(
    "mpps.unknown-instance",
    cites="PS3.7 10.1.3.1.9, C.5.19; PS3.4 F.7.2.2",
    verifies="SV-PPS-006",
    on=SET,
    who=SCP,
    when=lambda o: state(o) == ABSENT and readable(o, o.request) and _created_some(o),
    says="An N-SET of a step that nobody created is refused, with 0112H, by a provider that created another one.",
)
def unknown_instance(o: Operation) -> Iterator[Finding]:
    return _refused(o, 0x0112)


def _created_some(o: Operation) -> bool:
    """Something was created on this association before, so that the provider is known to tell steps apart."""
    return any(p.kind == CREATED and done(p) and p.number < o.number for p in o.association.operations)


@unknown_instance.mutant(at=MESSAGE)
def sets_what_is_not_there(message: Sent, asked: Sent | None) -> Sent | None:
    """An N-SET of an unknown step succeeds."""
    return _ok(message, "n-set", 0x0112)


@unknown_instance.mutant(at=DOOR)
def creates_when_set(request: Sent, door: Door) -> Iterable[Sent]:
    """An N-SET of an unknown step is answered as if it had been created."""
    return [but(m, Status=0) if m.status == 0x0112 else m for m in door(request)]


@operation(
    "mpps.final-incomplete",
    cites="PS3.4 F.7.2.2.2, Table F.7.2-1 (Final State); PS3.7 C.5.13, C.5.14",
    verifies="SV-PPS-009",
    level=SHOULD,
    on=SET,
    who=SCP,
    when=lambda o: bool(_unfinished(o)),
    says="A final state without series, day or time of the end is refused.",
)
def final_incomplete(o: Operation) -> Iterator[Finding]:
    if done(o):
        path, wrong, _ = _unfinished(o)[0]
        yield Finding(f"{hexed(o.status)} with {path} {wrong}", "0120H or 0121H", o.where(o.final))


def _unfinished(o: Operation) -> list[tuple[str, str, str]]:
    step = story.before(o)
    if step is None or step.state != IN_PROGRESS or not step.values or not readable(o, o.request):
        return []
    return story.lacks(o, step)


@final_incomplete.mutant(at=MESSAGE)
def ends_without_an_end(message: Sent, asked: Sent | None) -> Sent | None:
    """A final state without its attributes is accepted."""
    return _ok(message, "n-set", 0x0120, 0x0121)


@operation(
    "mpps.unknown-state",
    cites="PS3.7 10.1.3.1.9, C.5.11; PS3.4 F.7.2.2",
    verifies="SV-PPS-005",
    level=SHOULD,
    on=SET,
    who=SCP,
    when=lambda o: state(o) == IN_PROGRESS and readable(o, o.request) and _invented(o),
    says="An N-SET to a state that does not exist is refused.",
)
def unknown_state(o: Operation) -> Iterator[Finding]:
    if o.status == 0:
        got = "\\".join(texts(dataset(o, o.request), STATUS))
        yield Finding(f"0000H to the state {got!r}", "0106H", o.where(o.final))


def _invented(o: Operation) -> bool:
    got = texts(dataset(o, o.request), STATUS)
    return bool(got) and got[0] not in ("", IN_PROGRESS, *FINAL)


@unknown_state.mutant(at=MESSAGE)
def any_word_is_a_state(message: Sent, asked: Sent | None) -> Sent | None:
    """A step can be set to any state."""
    return _ok(message, "n-set", 0x0106)


@operation(
    "mpps.fixed-attributes",
    cites="PS3.4 F.7.2.2.2, Table F.7.2-1 (Not allowed); PS3.7 10.1.3.1.9",
    verifies="SV-PPS-007",
    level=SHOULD,
    on=SET,
    who=SCP,
    when=lambda o: (
        state(o) == IN_PROGRESS and readable(o, o.request) and bool(FIXED & set(dataset(o, o.request).elements))
    ),
    says="An N-SET of attributes that may not be set is refused, or answered with a warning.",
)
def fixed_attributes(o: Operation) -> Iterator[Finding]:
    if o.status == 0:
        fixed = sorted(FIXED & set(dataset(o, o.request).elements))
        yield Finding(f"0000H to {', '.join(fixed[:5])}", "a refusal or a warning", o.where(o.final))


@fixed_attributes.mutant(at=MESSAGE)
def renames_patients(message: Sent, asked: Sent | None) -> Sent | None:
    """Any attribute may be set."""
    return _ok(message, "n-set", 0x0105, 0x0106)


ground("mpps", unknown_instance)
