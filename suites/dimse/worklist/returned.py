"""Rules of PS3.4 K.4.1.1.3.2, K.4.1.3, K.6.1.2 and Table K.6-1 on the items that a worklist query brings.

Must not know whether an item is a right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.rule import DOOR, MESSAGE, SCP, SHALL_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.dimse import Message
from harness.wire.elements import DataSet
from suites.dimse import bend
from suites.dimse.bend import Door, but
from suites.dimse.reading import dataset, hexed, readable, text
from suites.dimse.worklist import asked
from suites.dimse.worklist.asked import ON, STEP
from suites.dimse.worklist.bending import edited, step_of


def items(o: Operation) -> Iterator[tuple[Message, DataSet]]:
    """The Pending responses with an identifier that can be read."""
    for message in o.pending:
        if readable(o, message):
            yield message, dataset(o, message)


def _brought(o: Operation) -> bool:
    return asked.lawful(o) and any(True for _ in items(o))


@operation(
    "worklist.success-at-the-end",
    cites="PS3.4 K.4.1.3, Table K.4-1",
    verifies="SV-MWL-001",
    on=ON,
    who=SCP,
    when=lambda o: asked.lawful(o) and o.final is not None and not o.cancels,
    says="A lawful query ends with 0000H, whether it brought items or not; out of resources it says so.",
)
def success_at_the_end(o: Operation) -> Iterator[Finding]:
    if o.status not in (0x0000, 0xA700, 0x0124):
        yield Finding(hexed(o.status), "0000H", o.where(o.final))


@success_at_the_end.mutant(at=MESSAGE)
def fails_when_all_is_told(message: Sent, request: Sent | None) -> Sent | None:
    """Worklist queries end with C001H."""
    return but(message, Status=0xC001) if bend.is_final(message, "find") else None


@success_at_the_end.mutant(at=DOOR, defects="M-CF-25")
def stumbles_over_private_keys(request: Sent, door: Door) -> Iterable[Sent]:
    """A query with a private key cannot be processed."""
    told = list(door(request))
    keys = bend.decoded(bend.octets_of(request)) if bend.octets_of(request) else Dataset()
    private = bend.is_request(request, "find") and any(e.tag.is_private for e in keys)
    return [but(m, Status=0xC000).carrying(None) for m in told[-1:]] if private else told


@operation(
    "worklist.return-types",
    cites="PS3.4 K.2.2.1.2, K.4.1.1.3.2, Table K.6-1",
    verifies="SV-MWL-002",
    on=ON,
    who=SCP,
    when=lambda o: _brought(o) and any(asked.expands(o, path) for path in asked.TYPES),
    says="What was asked for comes back: type 1 with a value, type 2 with one or without, one of each pair of type 1C.",
)
def return_types(o: Operation) -> Iterator[Finding]:
    due = {path: kind for path, kind in asked.TYPES.items() if asked.expands(o, path)}
    for message, match in items(o):
        for path, kind in due.items():
            if wrong := _wrong(match, path, kind):
                yield Finding(wrong, f"type {kind}", f"{o.where(message)}, {path}")
        for pair in asked.EITHER:
            if all(asked.expands(o, path) for path in pair) and not any(_has(match, path) for path in pair):
                yield Finding("neither has a value", f"{pair[0]} or {pair[1]}", o.where(message))


def _wrong(match: DataSet, path: str, kind: str) -> str:
    """What an item lacks at a path of this type, '' when nothing; each item of a sequence there is has to have it."""
    above, _, tag = path.rpartition(".")
    holders = [match]
    if above:
        holders = [item for element in asked.elements(match, above) for item in element.items or ()]
    for holder in holders:
        element = holder.get(tag)
        if element is None:
            return "not there"
        if kind == "1" and (element.empty or not (element.items or text(holder, tag))):
            return "no value"
    return ""


def _has(match: DataSet, path: str) -> bool:
    return any(not element.empty for element in asked.elements(match, path))


@return_types.mutant(at=MESSAGE, defects="M-CF-10")
def leaves_out_what_is_empty(message: Sent, request: Sent | None) -> Sent | None:
    """Attributes without a value are left out of items."""

    def pruned(found: Dataset) -> bool:
        return bend.dropped(found, *(int(e.tag) for e in found if not e.value))

    return edited(message, pruned)


@return_types.mutant(at=MESSAGE)
def steps_without_an_id(message: Sent, request: Sent | None) -> Sent | None:
    """Scheduled Procedure Step ID is returned without a value."""

    def emptied(found: Dataset) -> bool:
        step = step_of(found)
        if step is not None and "ScheduledProcedureStepID" in step:
            step.ScheduledProcedureStepID = ""
        return step is not None

    return edited(message, emptied)


@return_types.mutant(at=MESSAGE)
def neither_text_nor_code(message: Sent, request: Sent | None) -> Sent | None:
    """Items have neither a description nor a code of the requested procedure."""
    return edited(message, lambda found: bend.dropped(found, 0x00321060, 0x00321064))


@operation(
    "worklist.one-step",
    cites="PS3.4 K.6.1.2.1, Table K.6-1 (0040,0100)",
    verifies="SV-MWL-002",
    on=ON,
    who=SCP,
    when=lambda o: _brought(o) and asked.expands(o, f"{STEP}.00400001"),
    says="Each item is about one scheduled step: its sequence has one item.",
)
def one_step(o: Operation) -> Iterator[Finding]:
    for message, match in items(o):
        steps = match.get(STEP)
        count = len(steps.items or ()) if steps is not None else 0
        if count != 1:
            yield Finding(f"{count} items", "one", f"{o.where(message)}, {STEP}")


@one_step.mutant(at=MESSAGE)
def all_steps_in_one_item(message: Sent, request: Sent | None) -> Sent | None:
    """The step stands twice in the item."""

    def doubled(found: Dataset) -> bool:
        step = step_of(found)
        if step is not None:
            found.ScheduledProcedureStepSequence = [step, step]
        return step is not None

    return edited(message, doubled)


@operation(
    "worklist.empty-step-expands",
    cites="PS3.4 K.2.2.1.2, C.2.2.2.6",
    verifies="SV-MWL-003",
    on=ON,
    who=SCP,
    when=lambda o: _brought(o) and any(k.path == STEP for k in asked.keys(o)),
    says="A step sequence asked for without keys, with no item or an empty one, brings the step with what it has.",
)
def empty_step_expands(o: Operation) -> Iterator[Finding]:
    for message, match in items(o):
        steps = match.get(STEP)
        if steps is None or not steps.items or not any(item.elements for item in steps.items):
            yield Finding("no step in it", "the whole sequence", f"{o.where(message)}, {STEP}")


@empty_step_expands.mutant(at=MESSAGE)
def empty_asked_empty_told(message: Sent, request: Sent | None) -> Sent | None:
    """A step sequence that was asked for empty comes back empty."""
    asked_ = bend.decoded(bend.octets_of(request)) if request is not None and bend.octets_of(request) else Dataset()
    keyed = step_of(asked_)

    def emptied(found: Dataset) -> bool:
        there = "ScheduledProcedureStepSequence" in found
        if there:
            found.ScheduledProcedureStepSequence = []
        return there

    return edited(message, emptied) if not keyed else None


@operation(
    "worklist.only-what-was-asked",
    cites="PS3.4 K.4.1.1.3.2",
    verifies="SV-MWL-002",
    level=SHALL_NOT,
    on=ON,
    who=SCP,
    when=_brought,
    says="An item has no attributes that were not asked for, but for character set, time zone and HL7 references.",
)
def only_what_was_asked(o: Operation) -> Iterator[Finding]:
    for message, match in items(o):
        extra = [path for path in _paths(match) if not _wanted(o, path)]
        if extra:
            yield Finding(", ".join(extra[:5]), "what was asked for", o.where(message))


def _paths(match: DataSet) -> Iterator[str]:
    """The attributes of an item, and those of the step, by path."""
    for tag, element in match.elements.items():
        if tag in asked.ALWAYS or tag.endswith("0000"):
            continue
        yield tag
        if tag == STEP:
            yield from (f"{STEP}.{inner}" for item in element.items or () for inner in item.elements)


def _wanted(o: Operation, path: str) -> bool:
    return asked.expands(o, path) or any(k.path.startswith(f"{path}.") for k in asked.keys(o))


@only_what_was_asked.mutant(at=MESSAGE)
def tells_the_level(message: Sent, request: Sent | None) -> Sent | None:
    """Items have a Query/Retrieve Level."""

    def more(found: Dataset) -> bool:
        found.QueryRetrieveLevel = "STUDY"
        return True

    return edited(message, more)


@only_what_was_asked.mutant(at=MESSAGE)
def tells_more_of_the_step(message: Sent, request: Sent | None) -> Sent | None:
    """Steps have a comment that nobody asked for."""

    def more(found: Dataset) -> bool:
        step = step_of(found)
        if step is not None:
            step.CommentsOnTheScheduledProcedureStep = "ask for nothing, get everything"
        return step is not None

    return edited(message, more)


@operation(
    "worklist.no-step-twice",
    cites="PS3.4 K.6.1.2.1, K.4.1.3",
    verifies="SV-MWL-001",
    level=SHALL_NOT,
    on=ON,
    who=SCP,
    when=lambda o: _brought(o) and sum(1 for n in asked.names(o) if n) > 1,
    says="One scheduled step comes in one item only.",
)
def no_step_twice(o: Operation) -> Iterator[Finding]:
    seen: set[str] = set()
    for message, match in items(o):
        name = asked.name(match)
        if name and name in seen:
            yield Finding(f"{name} again", "one item for each step", o.where(message))
        seen.add(name)


@no_step_twice.mutant(at=MESSAGE)
def every_step_twice(message: Sent, request: Sent | None) -> list[Sent] | None:
    """Every item is sent twice."""
    return [message, message] if bend.is_pending(message, "find") else None


@operation(
    "worklist.charset-has-a-value",
    cites="PS3.4 K.4.1.1.3.2, Table K.6-1a",
    verifies="SV-MWL-002",
    level=SHALL_NOT,
    on=ON,
    who=SCP,
    due=False,
    when=lambda o: any(t in match.elements for _, match in items(o) for t in ("00080005", "00080201")),
    says="Character set and time zone of an item are not empty.",
)
def charset_has_a_value(o: Operation) -> Iterator[Finding]:
    for message, match in items(o):
        for tag in ("00080005", "00080201"):
            element = match.get(tag)
            if element is not None and element.empty:
                yield Finding("zero length", "a value, or not there", f"{o.where(message)}, {tag}")


@charset_has_a_value.mutant(at=MESSAGE)
def an_empty_character_set_for_items(message: Sent, request: Sent | None) -> Sent | None:
    """Items have an empty time zone."""

    def emptied(found: Dataset) -> bool:
        found.TimezoneOffsetFromUTC = ""
        return True

    return edited(message, emptied)
