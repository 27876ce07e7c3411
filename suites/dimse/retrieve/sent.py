"""Rules of PS3.4 C.4.2.3, C.4.3.3 and Annex Z on what retrievals send: exactly what was asked for, once, and whole.

Must not know how it came to be held: a probe says what it knows in the facts of its association.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydicom.dataset import Dataset

from harness.association import Association, Operation, Side
from harness.exchange import Journey
from harness.make.associations import spoken
from harness.make.identifiers import UNIQUE, encoded
from harness.rule import (
    BOTH,
    DOOR,
    MESSAGE,
    RELATION,
    SCP,
    SHALL_NOT,
    SHOULD,
    SHOULD_NOT,
    Finding,
    ground,
    journey,
    operation,
)
from harness.upper_layer import message as say
from harness.upper_layer.message import Message as Sent
from harness.upper_layer.message import response
from harness.upper_layer.offer import Role
from harness.wire.elements import DataSet
from harness.wire.status import class_of
from suites.dimse import bend, models
from suites.dimse.bend import Door, but
from suites.dimse.reading import dataset, hexed, readable, texts
from suites.dimse.retrieve.story import (
    COMPLETED,
    ENDED,
    FAILED,
    GET,
    MOVE,
    WARNING,
    delivered,
    due,
    failed_list,
    moves,
    names,
    number,
    suboperations,
    tallied,
)

KIND = "dimse.query-retrieve.moved"
KEEP = 3


def _compared(o: Operation, stores: Sequence[Operation], wanted: Sequence[str]) -> Iterator[Finding]:
    """What was sent against what was meant; what the response lists as failed may be missing."""
    came, excused = names(stores), set(failed_list(o, o.final))
    for uid in [u for u in wanted if u not in came and u not in excused][:KEEP]:
        got = f"{uid} was not sent, {hexed(o.status)}"
        yield Finding(got, f"each of {len(wanted)} instances", o.where(o.final), seq=o.seq)
    for uid in [u for u in dict.fromkeys(came) if u not in wanted][:KEEP]:
        yield Finding(f"{uid} was sent", "only what was asked for", o.where(), seq=o.seq)
    answered = names([s for s in stores if s.final is not None])  # what got no answer may be tried again
    for uid in sorted({u for u in answered if answered.count(u) > 1})[:KEEP]:
        yield Finding(f"{uid} was sent {answered.count(uid)} times", "once", o.where(), seq=o.seq)


def _finished(o: Operation) -> bool:
    return o.status is not None and class_of(o.status) in ("success", "warning") and not o.cancels


@operation(
    "get-move.get-sends-what-was-asked",
    cites="PS3.4 C.4.3.3.1, C.6.1.1.6, C.6.2.1.5",
    verifies=("SV-GET-002", "SV-MOV-006"),
    on=GET,
    who=SCP,
    basis=RELATION,
    when=lambda o: due(o) is not None and _finished(o),
    says="A C-GET sends every instance of what its unique keys name, once, and nothing else.",
)
def get_sends_what_was_asked(o: Operation) -> Iterator[Finding]:
    yield from _compared(o, suboperations(o), due(o) or [])


@get_sends_what_was_asked.mutant(at=DOOR)
def only_the_first_of_a_list(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a list of UIDs the first one is retrieved."""

    def shortened(found: Dataset) -> bool:
        lists = [e for e in found if e.VR == "UI" and e.VM > 1]
        for element in lists:
            element.value = element.value[0]
        return bool(lists)

    wanted = bend.is_request(request, "get", "move")
    return door(bend.asking(request, shortened) if wanted else request)


@get_sends_what_was_asked.mutant(at=DOOR)
def ignores_the_series(request: Sent, door: Door) -> Iterable[Sent]:
    """Who asks for a series gets its study."""

    def widened(found: Dataset) -> bool:
        series = str(found.get("QueryRetrieveLevel")) == "SERIES"
        if series:
            found.QueryRetrieveLevel = "STUDY"
            bend.dropped(found, 0x0020000E)
        return series

    wanted = bend.is_request(request, "get", "move")
    return door(bend.asking(request, widened) if wanted else request)


def asked_for(o: Operation) -> list[str]:
    """The values of the unique key at the level of a retrieval."""
    found = dataset(o, o.request)
    return [v for v in texts(found, UNIQUE.get(models.level(found), "")) if v]


def _wanted(o: Operation) -> bool:
    """Something is held that this retrieval means, and nothing of our doing stands in its way."""
    return bool(due(o)) and not o.cancels and o.final is not None and not o.facts.get("withheld")


@operation(
    "get-move.lists",
    cites="PS3.4 C.4.2.3.1, C.4.3.3.1, C.4.2.1.4.1, C.2.2.2.2",
    verifies=("SV-MOV-006", "SV-GET-002"),
    on=f"{GET}|{MOVE}",
    who=SCP,
    basis=RELATION,
    when=lambda o: _wanted(o) and len(asked_for(o)) > 1,
    says="A retrieval with a list of UIDs of which some are held does not fail altogether.",
)
def lists(o: Operation) -> Iterator[Finding]:
    if o.status is not None and class_of(o.status) == "failure" and o.status >> 8 != 0xA7:
        got = f"{hexed(o.status)} for {len(asked_for(o))} UIDs"
        yield Finding(got, f"{len(due(o) or [])} instances", o.where(o.final))


@lists.mutant(at=DOOR, defects="M-CM-15")
def wants_one_uid(request: Sent, door: Door) -> Iterable[Sent]:
    """A retrieval with a list of UIDs fails."""
    found = bend.pieces(bend.octets_of(request)) if bend.is_request(request, "get", "move") else None
    many = any(vr == "UI" and b"\\" in value for _, vr, value in found or ())
    return [response(request, 0xC000)] if many else door(request)


@operation(
    "get-move.sends-something",
    cites="PS3.4 C.4.3.3.1",
    verifies=("SV-GET-002",),
    on=GET,
    who=SCP,
    basis=RELATION,
    when=lambda o: _wanted(o) and len(asked_for(o)) == 1,
    says="A C-GET of what is held brings some of it.",
)
def sends_something(o: Operation) -> Iterator[Finding]:
    if not suboperations(o):
        yield Finding(f"no sub-operation, {hexed(o.status)}", f"{len(due(o) or [])} instances", o.where(o.final))


@sends_something.mutant(at=DOOR)
def says_success_and_sends_nothing(request: Sent, door: Door) -> Iterable[Sent]:
    """A C-GET succeeds without any sub-operation."""
    counters = dict.fromkeys(ENDED, 0)
    return [response(request, 0x0000, None, **counters)] if bend.is_request(request, "get") else door(request)


ground("query-retrieve", sends_something)


@journey(
    "get-move.move-sends-what-was-asked",
    cites="PS3.4 C.4.2.3.1, C.6.1.1.6, C.6.2.1.5",
    verifies=("SV-MOV-006", "SV-MOV-003"),
    on=KIND,
    who=BOTH,
    when=lambda j: any(due(o) is not None and _finished(o) for o in moves(j)),
    says="A C-MOVE sends every instance of what its unique keys name to the destination, once, and nothing else.",
)
def move_sends_what_was_asked(j: Journey) -> Iterator[Finding]:
    finished = [o for o in moves(j) if due(o) is not None and _finished(o)]
    for o in finished:
        stores = [s for s in delivered(j) if len(finished) == 1 or _originated(s, o)]
        yield from _compared(o, stores, due(o) or [])


def _originated(store: Operation, move: Operation) -> bool:
    return store.request.command.number("MoveOriginatorMessageID") == move.request.id


@move_sends_what_was_asked.mutant(at=DOOR)
def moves_one_too_few(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a list of instances, or of a study, only a part is moved."""

    def narrowed(found: Dataset) -> bool:
        lists = [e for e in found if e.VR == "UI" and e.VM > 1]
        for element in lists:
            element.value = element.value[:-1]
        return bool(lists)

    return door(bend.asking(request, narrowed) if bend.is_request(request, "move") else request)


@journey(
    "get-move.move-counts-what-happened",
    cites="PS3.4 C.4.2.1.7 to C.4.2.1.9, C.4.2.3.1; PS3.7 9.1.4.1.9 to 9.1.4.1.11",
    verifies=("SV-MOV-007", "SV-MOV-008", "SV-MOV-009"),
    on=KIND,
    who=BOTH,
    when=lambda j: len(moves(j)) == 1 and number(moves(j)[0].final, COMPLETED) is not None,
    says="The final counters of a C-MOVE are what the destination said to its sub-operations.",
)
def move_counts_what_happened(j: Journey) -> Iterator[Finding]:
    o, seen = moves(j)[0], tallied(delivered(j))
    for keyword, want in ((COMPLETED, seen.completed), (WARNING, seen.warning)):
        got = number(o.final, keyword) or 0
        if got != want:
            shown = f"{want}, as the destination said"
            yield Finding(f"{keyword} {got}", shown, o.where(o.final), seq=o.seq)
    if (number(o.final, FAILED) or 0) < seen.failed:
        shown = f"{FAILED} {number(o.final, FAILED)}"
        yield Finding(shown, f"{seen.failed} or more", o.where(o.final), seq=o.seq)


@move_counts_what_happened.mutant(at=MESSAGE)
def everything_was_moved(message: Sent, asked: Sent | None) -> Sent | None:
    """Whatever the destination says counts as completed."""
    numbers = [int(message.command.get(k, 0)) for k in ENDED]
    if not bend.is_final(message, "move") or not sum(numbers[1:]):
        return None
    changed = dict(zip(ENDED, (sum(numbers), 0, 0), strict=True))
    return but(message, Status=0, **changed).carrying(None)


@journey(
    "get-move.move-names-its-originator",
    cites="PS3.7 9.1.1.1.6, 9.1.1.1.7, 9.3.1.1",
    verifies="SV-MOV-004",
    on=KIND,
    who=BOTH,
    when=lambda j: any(_originator(s) for s in delivered(j)),
    says="A sub-operation that names its C-MOVE names the calling AE title and the Message ID of the request.",
)
def move_names_its_originator(j: Journey) -> Iterator[Finding]:
    known = {o.request.id for o in moves(j)}
    callers = {_caller(o) for o in moves(j)}
    for store in delivered(j):
        title, number_ = _originator(store) or ("", None)
        if title and title not in callers:
            want = f"{', '.join(sorted(callers))}, who asked for the C-MOVE"
            yield Finding(f"Move Originator {title}", want, store.where(), seq=store.seq)
        if number_ is not None and number_ not in known:
            want = f"Message ID of the C-MOVE, {sorted(known)}"
            yield Finding(f"Move Originator Message ID {number_}", want, store.where(), seq=store.seq)


def _originator(store: Operation) -> tuple[str, int | None] | None:
    command = store.request.command
    title, number_ = (
        command.text("MoveOriginatorApplicationEntityTitle"),
        command.number("MoveOriginatorMessageID"),
    )
    return (title, number_) if title or number_ is not None else None


def _caller(o: Operation) -> str:
    asked = o.association.request
    calling = asked.pdu.associate.calling if asked and asked.pdu.associate else b""
    return calling.decode("latin-1").strip(" \0")


@move_names_its_originator.mutant(at=MESSAGE, defects="M-CM-06")
def another_originating_message(message: Sent, asked: Sent | None) -> Sent | None:
    """Sub-operations name another Message ID."""
    there = "MoveOriginatorMessageID" in message.command
    return but(message, MoveOriginatorMessageID=60999) if there else None


@move_names_its_originator.mutant(at=MESSAGE, defects="M-CM-20")
def originates_itself(message: Sent, asked: Sent | None) -> Sent | None:
    """Sub-operations name somebody else as originator."""
    there = "MoveOriginatorApplicationEntityTitle" in message.command
    return but(message, MoveOriginatorApplicationEntityTitle="NOBODY") if there else None


@operation(
    "get-move.get-names-no-originator",
    cites="PS3.7 9.1.1.1.6, 9.1.1.1.7, 9.3.1.1",
    verifies="SV-MOV-004",
    level=SHOULD_NOT,
    on=GET,
    who=SCP,
    content=False,
    due=False,
    when=lambda o: bool(suboperations(o)),
    says="A sub-operation of a C-GET names no C-MOVE that it came from.",
)
def get_names_no_originator(o: Operation) -> Iterator[Finding]:
    for store in suboperations(o):
        named = _originator(store)
        if named is not None:
            got = f"Move Originator {named[0] or 'without a title'}, Message ID {named[1]}"
            yield Finding(got, "neither: this is a C-GET", store.where())


@get_names_no_originator.mutant(at=MESSAGE)
def gets_are_moves(message: Sent, asked: Sent | None) -> Sent | None:
    """Every sub-operation names an originator."""
    named = "MoveOriginatorMessageID" in message.command
    return but(message, MoveOriginatorMessageID=1) if bend.is_request(message, "store") and not named else None


@journey(
    "get-move.move-keeps-priority",
    cites="PS3.7 9.1.4.1.4; PS3.4 C.4.2.1.2",
    verifies="SV-MOV-005",
    on=KIND,
    who=BOTH,
    when=lambda j: len(moves(j)) == 1 and bool(delivered(j)),
    says="The sub-operations of a C-MOVE have its priority.",
)
def move_keeps_priority(j: Journey) -> Iterator[Finding]:
    want = moves(j)[0].request.command.number("Priority")
    for store in delivered(j):
        got = store.request.command.number("Priority")
        if got != want:
            yield Finding(hexed(got), f"{hexed(want)}, as the C-MOVE", f"{store.where()}, Priority", seq=store.seq)


@move_keeps_priority.mutant(at=MESSAGE)
def moves_at_medium_priority(message: Sent, asked: Sent | None) -> Sent | None:
    """Sub-operations have the priority MEDIUM, or HIGH where that was asked for."""
    if not bend.is_request(message, "store") or "MoveOriginatorMessageID" not in message.command:
        return None
    return but(message, Priority=1 if message.command.get("Priority") == 0 else 0)


@operation(
    "get-move.move-on-another-association",
    cites="PS3.4 C.4.2, C.4.2.3.1; PS3.7 9.1.4.2",
    verifies="SV-MOV-003",
    level=SHALL_NOT,
    on=MOVE,
    who=SCP,
    content=False,
    says="The sub-operations of a C-MOVE do not come on its own association.",
)
def move_on_another_association(o: Operation) -> Iterator[Finding]:
    stores = suboperations(o)
    if stores:
        yield Finding(f"{len(stores)} C-STORE requests here", "another association", o.where())


@move_on_another_association.mutant(at=MESSAGE)
def stores_where_it_was_asked(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """A C-MOVE sends an instance on its own association before it answers."""
    if not bend.is_final(message, "move") or asked is None:
        return None
    command = {
        "CommandField": 0x0001, "MessageID": 1, "Priority": 0, "AffectedSOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
        "AffectedSOPInstanceUID": "2.25.7",
    }  # fmt: skip
    return [Sent(message.context, command).carrying(bend.octets_of(asked)), message]


@operation(
    "get-move.move-destination-unknown",
    cites="PS3.7 9.1.4.1.7; PS3.4 Table C.4-2",
    verifies="SV-MOV-002",
    on=MOVE,
    who=SCP,
    when=lambda o: o.facts.get("destination") == "unknown" and o.final is not None,
    says="A C-MOVE to a destination that nobody knows is refused with A801H.",
)
def move_destination_unknown(o: Operation) -> Iterator[Finding]:
    if o.status != 0xA801:
        # another failure refuses it too, but does not say why
        warn = o.status is not None and class_of(o.status) == "failure"
        yield Finding(hexed(o.status), "A801H", o.where(o.final), warn=warn)


@move_destination_unknown.mutant(at=MESSAGE)
def moves_anywhere(message: Sent, asked: Sent | None) -> Sent | None:
    """A C-MOVE to an unknown destination succeeds."""
    return but(message, Status=0) if message.status == 0xA801 else None


@operation(
    "get-move.nothing-to-send",
    cites="PS3.4 C.4.2.3.1, C.4.3.3.1",
    verifies="SV-MOV-011",
    level=SHOULD,
    on=f"{GET}|{MOVE}",
    who=SCP,
    when=lambda o: due(o) == [] and o.final is not None,
    says="A retrieval that nothing answers to ends with Success, and its counters are zero.",
)
def nothing_to_send(o: Operation) -> Iterator[Finding]:
    counted = {k: number(o.final, k) for k in ENDED if number(o.final, k)}
    if o.status != 0x0000 or counted:
        shown = "".join(f", {k} {n}" for k, n in counted.items())
        yield Finding(f"{hexed(o.status)}{shown}", "0000H and no sub-operations", o.where(o.final))


@nothing_to_send.mutant(at=MESSAGE)
def fails_when_there_is_nothing(message: Sent, asked: Sent | None) -> Sent | None:
    """A retrieval without a match fails."""
    numbers = [message.command.get(k, 0) for k in ENDED]
    none = bend.is_final(message, "get", "move") and message.status == 0 and not any(numbers)
    return but(message, Status=0xC001) if none else None


WITHOUT_BULK = "1.2.840.10008.5.1.4.1.2.5.3"
_BULK = frozenset({"7FE00010", "7FE00008", "7FE00009", "00287FE0", "56000020", "00420011"})  # Table Z.1-1


SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def _bulky(found: DataSet) -> list[str]:
    tags = [t for t in found.elements if t in _BULK]
    tags += [t for t in found.elements if t[:2] == "60" and t[4:] == "3000"]
    tags += [t for t in found.elements if t[:2] == "50" and t[4:] in ("3000", "200C")]
    waves = found.get("54000100")
    held = [item for item in (waves.items or () if waves else ()) if item.get("54001010") is not None]
    return tags + (["54000100.54001010"] if held else [])


@operation(
    "get-move.without-bulk-data",
    cites="PS3.4 Z.1.3, Table Z.1-1, Z.4.2.3.1",
    verifies="SV-CIR-004",
    level=SHALL_NOT,
    on="dimse.query-retrieve.get|dimse.other.get",
    who=SCP,
    due=False,
    when=lambda o: o.request.sop_class == WITHOUT_BULK and any(readable(o, s.request) for s in suboperations(o)),
    says="Composite Instance Retrieve Without Bulk Data sends no pixels, overlays, waveforms or documents.",
)
def without_bulk_data(o: Operation) -> Iterator[Finding]:
    for store in suboperations(o):
        tags = _bulky(dataset(o, store.request))
        if tags:
            yield Finding(", ".join(tags), "none of the attributes of Table Z.1-1", store.where())


@without_bulk_data.example
def an_instance_without_pixels() -> Association:
    """One instance is asked for and comes, with nothing but its UIDs."""
    uids = {"00080016": SECONDARY_CAPTURE, "00080018": "1.2.3.4"}
    asked = say.get_rq(1, 1, WITHOUT_BULK, encoded({"00080052": "IMAGE", "00080018": "1.2.3.4"}, explicit=False))
    store = say.store_rq(3, 2, SECONDARY_CAPTURE, "1.2.3.4", encoded(uids, explicit=False))
    told: list[tuple[Side, Sent]] = [
        ("requestor", asked),
        ("acceptor", store),
        ("requestor", say.response(store, 0)),
        ("acceptor", say.response(asked, 0)),
    ]
    return spoken([WITHOUT_BULK, SECONDARY_CAPTURE], told, (Role(SECONDARY_CAPTURE, 0, 1),))


@without_bulk_data.mutant(at=MESSAGE, defects="M-CM-17")
def leaves_overlays_in(message: Sent, asked: Sent | None) -> Sent | None:
    """Sub-operations carry an overlay."""

    def overlaid(found: Dataset) -> bool:
        found.add_new(0x60003000, "OW", b"\0\0")
        return True

    return bend.rewritten(message, overlaid) if bend.is_request(message, "store") else None
