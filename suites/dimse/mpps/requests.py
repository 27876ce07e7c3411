"""Rules of PS3.4 F.7.2.1.2, F.7.2.2.2 and Table F.7.2-1 on what the user of performed steps creates and sets.

Must not know responses, but for whether an earlier request was carried out.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.rule import BOTH, MESSAGE, SCU, SHALL_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import MPPS, MPPS_NOTIFICATION, MPPS_RETRIEVE
from suites.dimse import bend
from suites.dimse.bend import but, without_the_empty
from suites.dimse.mpps import story
from suites.dimse.mpps.story import CREATED, SET
from suites.dimse.mpps.table import CHARSET, CREATE, FINAL, FIXED, IN_PROGRESS, STATES, STATUS, lacking
from suites.dimse.mpps.table import SET as IN_SET
from suites.dimse.reading import asks_readably, dataset, text, texts


@operation(
    "mpps.create-attributes",
    cites="PS3.4 F.7.2.1.2, Table F.7.2-1",
    verifies="SV-PPS-002",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: o.request.verb == "n-create",
    says="An N-CREATE has every attribute of type 1 with a value and every attribute of type 2.",
)
def create_attributes(o: Operation) -> Iterator[Finding]:
    if o.request.data is None:
        yield Finding("no data set", "the Attribute List", o.where())
        return
    for path, wrong, kind in lacking(dataset(o, o.request), CREATE):
        yield Finding(wrong, f"type {kind}", f"{o.where()}, {path}")


@create_attributes.mutant(at=MESSAGE)
def no_station(message: Sent, asked: Sent | None) -> Sent | None:
    """Performed Station AE Title has no value."""

    def emptied(found: Dataset) -> bool:
        found.PerformedStationAETitle = ""
        return True

    return bend.within(message, "n-create", emptied)


@create_attributes.mutant(at=MESSAGE)
def leaves_out_what_is_not_known(message: Sent, asked: Sent | None) -> Sent | None:
    """Attributes without a value are left out."""
    return bend.within(message, "n-create", without_the_empty)


@create_attributes.mutant(at=MESSAGE)
def no_study_in_the_scheduled_step(message: Sent, asked: Sent | None) -> Sent | None:
    """The scheduled step has no Study Instance UID."""

    def pruned(found: Dataset) -> bool:
        steps = found.get("ScheduledStepAttributesSequence") or []
        return any([bend.dropped(item, 0x0020000D) for item in steps])  # noqa: C419

    return bend.within(message, "n-create", pruned)


@create_attributes.mutant(at=MESSAGE)
def creates_without_attributes(message: Sent, asked: Sent | None) -> Sent | None:
    """N-CREATE comes without a data set."""
    return message.carrying(None) if bend.is_request(message, "n-create") else None


@operation(
    "mpps.begins-in-progress",
    cites="PS3.4 F.7.2.1.2",
    verifies="SV-PPS-016",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    when=asks_readably,
    says="A step is created IN PROGRESS.",
)
def begins_in_progress(o: Operation) -> Iterator[Finding]:
    got = texts(dataset(o, o.request), STATUS)
    if got != [IN_PROGRESS]:
        yield Finding("\\".join(got) or "no status", IN_PROGRESS, f"{o.where()}, {STATUS}")


@begins_in_progress.mutant(at=MESSAGE)
def created_when_all_is_over(message: Sent, asked: Sent | None) -> Sent | None:
    """Steps are created COMPLETED."""

    def over(found: Dataset) -> bool:
        found.PerformedProcedureStepStatus = "COMPLETED"
        return True

    return bend.within(message, "n-create", over)


@operation(
    "mpps.names-its-instance",
    cites="PS3.4 F.7.2.1.2",
    verifies="SV-PPS-016",
    on=CREATED,
    who=SCU,
    content=False,
    incomplete=True,
    says="The user gives the step its UID: an N-CREATE has an Affected SOP Instance UID.",
)
def names_its_instance(o: Operation) -> Iterator[Finding]:
    if not o.request.instance:
        yield Finding("no Affected SOP Instance UID", "one", o.where())


@names_its_instance.mutant(at=MESSAGE)
def leaves_the_name_to_others(message: Sent, asked: Sent | None) -> Sent | None:
    """N-CREATE has no Affected SOP Instance UID."""
    return but(message, AffectedSOPInstanceUID=None) if bend.is_request(message, "n-create") else None


_CLASSES = {"n-create": MPPS, "n-set": MPPS, "n-get": MPPS_RETRIEVE, "event-report": MPPS_NOTIFICATION}


@operation(
    "mpps.class-of-the-operation",
    cites="PS3.4 F.7.1, F.7.2.1, F.8.1, F.8.2.1, F.9.1, F.9.2.2",
    verifies="SV-PPS-013",
    on="dimse.mpps",
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: o.invoker in o.association.judged and o.request.verb in _CLASSES,
    says="N-CREATE and N-SET name the MPPS class, N-GET the Retrieve class, N-EVENT-REPORT the Notification class.",
)
def class_of_the_operation(o: Operation) -> Iterator[Finding]:
    due = _CLASSES[o.request.verb]
    if o.request.sop_class != due:
        yield Finding(o.request.sop_class or "none", due, o.where())


@class_of_the_operation.mutant(at=MESSAGE)
def notifies_as_the_step_itself(message: Sent, asked: Sent | None) -> Sent | None:
    """N-EVENT-REPORT names the MPPS class."""
    wrong = bend.is_request(message, "n-event-report") and message.sop_class == MPPS_NOTIFICATION
    return but(message, AffectedSOPClassUID=MPPS) if wrong else None


@operation(
    "mpps.sets-only-what-may-be-set",
    cites="PS3.4 F.7.2.2.2, Table F.7.2-1",
    verifies="SV-PPS-017",
    level=SHALL_NOT,
    on=SET,
    who=SCU,
    content=False,
    incomplete=True,
    when=asks_readably,
    says="An N-SET has no attributes that may only be created, and none that were not created.",
)
def sets_only_what_may_be_set(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    fixed = sorted(set(found.elements) & FIXED)
    if fixed:
        yield Finding(", ".join(fixed[:5]), "attributes that may be set", o.where())
    step = story.before(o)
    if step is None or step.tags is None:
        return
    new = sorted(set(found.elements) - step.tags - FIXED - {CHARSET})
    if new:
        yield Finding(", ".join(new[:5]), "attributes that were created before", o.where())


@sets_only_what_may_be_set.mutant(at=MESSAGE, defects="M-NS-02")
def says_again_who_it_is(message: Sent, asked: Sent | None) -> Sent | None:
    """N-SET has the patient's name."""

    def more(found: Dataset) -> bool:
        found.PatientName = "Proof^Again"
        return True

    return bend.within(message, "n-set", more)


@sets_only_what_may_be_set.mutant(at=MESSAGE)
def sets_what_nobody_created(message: Sent, asked: Sent | None) -> Sent | None:
    """N-SET has a comment that was never created."""

    def more(found: Dataset) -> bool:
        found.CommentsOnThePerformedProcedureStep = "late"
        return True

    return bend.within(message, "n-set", more)


@operation(
    "mpps.set-attributes",
    cites="PS3.4 F.7.2.2.2, Table F.7.2-1",
    verifies="SV-PPS-017",
    on=SET,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: asks_readably(o) and bool({STATUS, "00400340"} & set(dataset(o, o.request).elements)),
    says="An N-SET has a known state, if any, and whole items in its series.",
)
def set_attributes(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    for path, wrong, kind in lacking(found, IN_SET):
        yield Finding(wrong, f"type {kind}", f"{o.where()}, {path}")
    if STATUS in found.elements and (text(found, STATUS) not in STATES or len(texts(found, STATUS)) > 1):
        yield Finding(repr("\\".join(texts(found, STATUS))), ", ".join(STATES), f"{o.where()}, {STATUS}")


@set_attributes.mutant(at=MESSAGE)
def series_without_a_protocol(message: Sent, asked: Sent | None) -> Sent | None:
    """Series have no Protocol Name."""

    def pruned(found: Dataset) -> bool:
        series = list(found.get("PerformedSeriesSequence") or [])
        for item in series:
            bend.dropped(item, 0x00181030)
        return bool(series)

    return bend.within(message, "n-set", pruned)


@set_attributes.mutant(at=MESSAGE)
def done_instead_of_completed(message: Sent, asked: Sent | None) -> Sent | None:
    """The final state is called DONE."""

    def renamed(found: Dataset) -> bool:
        over = str(found.get("PerformedProcedureStepStatus", "")) in FINAL
        if over:
            found.PerformedProcedureStepStatus = "DONE"
        return over

    return bend.within(message, "n-set", renamed)


@operation(
    "mpps.final-attributes",
    cites="PS3.4 F.7.2.2.2, Table F.7.2-1 (Final State, notes 1 and 2)",
    verifies="SV-PPS-008",
    on=SET,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: _ends(o) is not None,
    says="A step that ends has a series, the day and the time of its end, in this N-SET or from before.",
)
def final_attributes(o: Operation) -> Iterator[Finding]:
    step = _ends(o)
    for path, wrong, kind in story.lacks(o, step) if step is not None else ():
        yield Finding(wrong, f"type {kind} in the final state", f"{o.where()}, {path}")


def _ends(o: Operation) -> story.Step | None:
    """The step that an N-SET ends, where everything that came before is known."""
    step = story.before(o)
    ends = asks_readably(o) and text(dataset(o, o.request), STATUS) in FINAL
    return step if ends and step is not None and step.tags is not None and step.values else None


@final_attributes.mutant(at=MESSAGE)
def ends_without_a_series(message: Sent, asked: Sent | None) -> Sent | None:
    """The last N-SET has no series."""
    return bend.within(message, "n-set", lambda found: bend.dropped(found, 0x00400340))


@final_attributes.mutant(at=MESSAGE)
def ends_at_no_time(message: Sent, asked: Sent | None) -> Sent | None:
    """The day of the end is empty."""

    def emptied(found: Dataset) -> bool:
        found.PerformedProcedureStepEndDate = ""
        return True

    return bend.within(message, "n-set", emptied)


@operation(
    "mpps.nothing-after-the-end",
    cites="PS3.4 F.7.2.2.2",
    verifies="SV-PPS-018",
    level=SHALL_NOT,
    on=SET,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: _state(o) is not None,
    says="After COMPLETED or DISCONTINUED was set, nothing more is set.",
)
def nothing_after_the_end(o: Operation) -> Iterator[Finding]:
    if _state(o) in FINAL:
        yield Finding(f"an N-SET of a step that is {_state(o)}", "no N-SET", o.where())


def _state(o: Operation) -> str | None:
    step = story.before(o)
    return step.state if step is not None else None


@nothing_after_the_end.mutant(at=MESSAGE)
def says_the_end_twice(message: Sent, asked: Sent | None) -> Sent | None:
    """The state is COMPLETED from the first N-SET on."""

    def over(found: Dataset) -> bool:
        found.PerformedProcedureStepStatus = "COMPLETED"
        return True

    return bend.within(message, "n-set", over)


@operation(
    "mpps.same-character-set",
    cites="PS3.4 F.7.2.2.1",
    verifies="SV-PPS-010",
    on=SET,
    who=SCU,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: asks_readably(o) and CHARSET in dataset(o, o.request).elements and _charset(o) is not None,
    says="An N-SET uses the character set of the N-CREATE.",
)
def same_character_set(o: Operation) -> Iterator[Finding]:
    got, due = tuple(dataset(o, o.request).charsets), _charset(o)
    if got != due:
        yield Finding("\\".join(got) or "empty", "\\".join(due or ()) or "none", f"{o.where()}, {CHARSET}")


def _charset(o: Operation) -> tuple[str, ...] | None:
    step = story.before(o)
    return step.charset if step is not None else None


@same_character_set.mutant(at=MESSAGE)
def latin_1_after_utf_8(message: Sent, asked: Sent | None) -> Sent | None:
    """N-SET is in ISO_IR 100."""
    changed = bend.replaced(message, b"ISO_IR 192", b"ISO_IR 100")
    return changed if bend.is_request(message, "n-set") else None
