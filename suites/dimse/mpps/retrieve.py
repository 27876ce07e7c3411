"""Rules of PS3.4 F.8 on retrieved steps: they are there, complete, and hold what was accepted and nothing refused.

Must not know how a step came about, but for what was created and set on the same association. The Retrieve SOP Class is
one of its own, which a provider of steps need not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.rule import DOOR, MESSAGE, RELATION, SCP, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.difference import difference
from harness.wire.elements import DataSet
from suites.dimse import bend
from suites.dimse.bend import Door, but
from suites.dimse.mpps import story
from suites.dimse.mpps.answers import state
from suites.dimse.mpps.story import ABSENT, GOT, retrieves
from suites.dimse.mpps.table import FINAL, FIXED, RETRIEVED, STATUS, lacking
from suites.dimse.reading import dataset, hexed, readable, texts


def _told(o: Operation) -> bool:
    """A retrieval that brought attributes."""
    return retrieves(o) and story.done(o) and o.final is not None and readable(o, o.final)


def _asked(o: Operation) -> set[str]:
    """The attributes that were asked for; empty for all."""
    return set(o.request.command.tags("AttributeIdentifierList"))


@operation(
    "mpps.get-finds-what-was-created",
    cites="PS3.4 F.7.2.1, F.8.2.1, F.8.2.1.3, Table F.8.2-2",
    verifies=("SV-PPS-011", "SV-PPS-013"),
    on=GOT,
    who=SCP,
    due=False,
    when=lambda o: retrieves(o) and bool(state(o)),
    says="A step that was created is retrieved under the same UID: 0000H, 0001H or 0107H.",
)
def get_finds_what_was_created(o: Operation) -> Iterator[Finding]:
    if o.status not in (0x0000, 0x0001, 0x0107):
        # a step that is over need not stay (F.7.4.2.1, F.8.1)
        warn = o.status in (0x0110, 0x0124, 0x0213) or (o.status == 0x0112 and state(o) in FINAL)
        yield Finding(hexed(o.status), "0000H", o.where(o.final), warn=warn)


@get_finds_what_was_created.mutant(at=MESSAGE)
def knows_nothing_of_it(message: Sent, asked: Sent | None) -> Sent | None:
    """N-GET is answered 0112H."""
    return but(message, Status=0x0112).carrying(None) if bend.is_response(message, "n-get") else None


@operation(
    "mpps.get-unknown",
    cites="PS3.4 F.8.1; PS3.7 10.1.2.1.9",
    verifies="SV-PPS-011",
    on=GOT,
    who=SCP,
    due=False,
    when=lambda o: retrieves(o) and state(o) == ABSENT,
    says="A step that is not there, or no longer, is answered 0112H.",
)
def get_unknown(o: Operation) -> Iterator[Finding]:
    if o.status != 0x0112:
        yield Finding(hexed(o.status), "0112H", o.where(o.final))


@get_unknown.mutant(at=MESSAGE)
def knows_every_step(message: Sent, asked: Sent | None) -> Sent | None:
    """N-GET of an unknown step succeeds."""
    gone = bend.is_response(message, "n-get") and message.status == 0x0112
    return but(message, Status=0) if gone else None


@operation(
    "mpps.get-attributes",
    cites="PS3.4 F.8.2.1.1, F.8.2.1.3, Table F.8.2-1",
    verifies="SV-PPS-011",
    on=GOT,
    who=SCP,
    due=False,
    when=lambda o: _told(o) and bool(_due(o)),
    says="All attributes of type 1 and 2 that were asked for come back, those of type 1 with a value.",
)
def get_attributes(o: Operation) -> Iterator[Finding]:
    for path, wrong, kind in lacking(dataset(o, o.final), _due(o)):
        yield Finding(wrong, f"type {kind}", f"{o.where(o.final)}, {path}")


def _due(o: Operation) -> dict[str, str]:
    """The types of what has to come back. The reason of a discontinuation is created only by who wishes to use it."""
    asked = _asked(o)
    step = story.before(o)
    known = step.tags if step is not None else None
    optional = {"00400281"} if known is not None and "00400281" not in known else set()
    return {path: kind for path, kind in RETRIEVED.items() if (not asked or path in asked) and path not in optional}


@get_attributes.mutant(at=MESSAGE)
def retrieves_no_state(message: Sent, asked: Sent | None) -> Sent | None:
    """Retrieved steps have no state and no station."""
    got = bend.is_response(message, "n-get")
    return bend.rewritten(message, lambda found: bend.dropped(found, 0x00400252, 0x00400241)) if got else None


@operation(
    "mpps.get-tells-what-was-set",
    cites="PS3.4 F.7.2.1.3, F.7.2.2.3, F.8.2.1.3",
    verifies=("SV-PPS-007", "SV-PPS-010", "SV-PPS-011"),
    on=GOT,
    who=SCP,
    due=False,
    basis=RELATION,
    when=lambda o: _told(o) and bool(_comparable(o) or _sequences(o)),
    says="A retrieved step has the state and the values that were last accepted; what was refused changed nothing.",
)
def get_tells_what_was_set(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.final)
    for tag, due in _comparable(o).items():
        got = texts(found, tag)
        if not _same(got, due):
            yield Finding("\\".join(got) or "empty", "\\".join(due) or "empty", f"{o.where(o.final)}, {tag}")
    for tag, due_ in _sequences(o).items():
        # what a provider adds within items, or leaves out where there is no value, is its own matter
        for one in difference(_alone(found, tag), _alone(due_, tag)):
            if one.want != "absent" and not (one.got == "absent" and one.want.endswith(("empty", " 0 items"))):
                yield Finding(one.got, one.want, f"{o.where(o.final)}, {one.path}")


def _alone(found: DataSet, tag: str) -> DataSet:
    return DataSet({tag: found.elements[tag]}, found.big_endian, found.charsets)


def _sequences(o: Operation) -> dict[str, DataSet]:
    """Sequences of the response, each with the data set that set it last; while the provider may not change them."""
    step = story.before(o)
    if step is None or not step.state or step.state in FINAL or step.coerced:
        return {}
    found = dataset(o, o.final).elements
    return {tag: last for tag in found if (last := step.last(tag)) and last.elements[tag].items is not None}


def _same(got: list[str], due: list[str]) -> bool:
    return [v for v in got if v] == [v for v in due if v]


def _comparable(o: Operation) -> dict[str, list[str]]:
    """Plain attributes of the response with the values they have to have.

    Once the state is final the provider may change attributes (F.7.2.2.3), and what it warned of it may have coerced.
    """
    step = story.before(o)
    if step is None or not step.values or not step.state:
        return {}
    tags = [STATUS] if step.state in FINAL or step.coerced else list(dataset(o, o.final).elements)
    known = {tag: step.text(tag) for tag in tags if tag in dataset(o, o.final).elements and tag != "00080005"}
    return {tag: value for tag, value in known.items() if value is not None}


@get_tells_what_was_set.mutant(at=MESSAGE)
def always_in_progress(message: Sent, asked: Sent | None) -> Sent | None:
    """Every step is retrieved as IN PROGRESS, under another description."""

    def aged(found: Dataset) -> bool:
        if "PerformedProcedureStepStatus" in found:
            found.PerformedProcedureStepStatus = "IN PROGRESS"
        if "PerformedProcedureStepDescription" in found:
            found.PerformedProcedureStepDescription = "a description"
        return True

    return bend.rewritten(message, aged) if bend.is_response(message, "n-get") else None


@get_tells_what_was_set.mutant(at=MESSAGE)
def retrieves_names_in_letters_only(message: Sent, asked: Sent | None) -> Sent | None:
    """Retrieved names lose what is no letter of the default repertoire."""

    def plain(found: Dataset) -> bool:
        name = str(found.get("PatientName", ""))
        if not name or name.isascii():
            return False
        found.PatientName = name.encode("ascii", "replace").decode()
        return True

    return bend.rewritten(message, plain) if bend.is_response(message, "n-get") else None


@get_tells_what_was_set.mutant(at=MESSAGE)
def retrieves_another_study(message: Sent, asked: Sent | None) -> Sent | None:
    """Retrieved steps belong to another study."""

    def moved(found: Dataset) -> bool:
        items = list(found.get("ScheduledStepAttributesSequence") or [])
        for item in items:
            item.StudyInstanceUID = "2.25.7"
        return bool(items)

    return bend.rewritten(message, moved) if bend.is_response(message, "n-get") else None


@get_tells_what_was_set.mutant(at=DOOR)
def refuses_and_does_it(request: Sent, door: Door) -> Iterable[Sent]:
    """An N-SET that names the patient is refused, and all else in it is done."""
    told = list(door(request))
    if not bend.is_request(request, "n-set") or told[-1].status == 0:
        return told

    def pruned(found: Dataset) -> bool:
        return bend.dropped(found, *(int(tag, 16) for tag in FIXED))

    list(door(bend.asking(request, pruned)))
    return told
