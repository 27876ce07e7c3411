"""Lives through performed steps: created, set, ended, retrieved; and everything that a provider has to refuse.

Must not know what is judged about the answers. Steps have UIDs that no other run uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset

from harness.make import steps
from harness.make.modules import fill
from harness.make.uids import uid
from harness.rule import probe
from harness.talk.dialogue import Associated, Dimse
from harness.wire.sop import MPPS, MPPS_NOTIFICATION, MPPS_RETRIEVE

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
CONTEXTS = tuple((one, (EXPLICIT, IMPLICIT)) for one in (MPPS, MPPS_RETRIEVE))
SPEAKING = (*CONTEXTS, (MPPS_NOTIFICATION, (EXPLICIT, IMPLICIT)))
KINDS = ("dimse.mpps.n-create", "dimse.mpps.n-set", "dimse.mpps.n-get")
PATIENCE = 0.1  # seconds that a notification has to come, where one may
MISSING = ("PerformedProcedureStepID", "PatientID", "ScheduledStepAttributesSequence", "StudyID", "Modality")
EMPTY = ("PerformedStationAETitle", "PerformedProcedureStepStartDate", "Modality")


class Steps:
    """Makes UIDs and data sets of one probe, the same for the same run."""

    def __init__(self, dimse: Dimse) -> None:
        self._words = (dimse.session.seed, dimse.nonce, dimse.probe)
        self._count = 0

    def next(self) -> str:
        self._count += 1
        return uid(*self._words, "step", self._count)

    def created(self, **changes: Any) -> Dataset:
        return steps.created((*self._words, self._count), **changes)

    def finished(self, state: str = steps.COMPLETED, **changes: Any) -> Dataset:
        return steps.finished((*self._words, self._count), state, **changes)


@contextmanager
def stepping(dimse: Dimse, contexts: tuple[tuple[str, tuple[str, ...]], ...] = CONTEXTS) -> Iterator[Associated | None]:
    """An association for performed steps, None when the target does not take them."""
    with dimse.associate(contexts, step="steps") as a:
        yield a if a.accepts(MPPS) is not None else None


def begun(a: Associated, own: Steps, **changes: Any) -> str:
    """The UID of a step that was asked to be created."""
    name = own.next()
    a.n_create(MPPS, name, own.created(**changes))
    return name


@probe("mpps.life", provokes=KINDS, needs="write")
def life(dimse: Dimse) -> None:
    """Steps that are completed and discontinued, at once and after some N-SETs, and retrieved at every turn."""
    own = Steps(dimse)
    for syntax in (EXPLICIT, IMPLICIT):
        with stepping(dimse, tuple((one, (syntax,)) for one in (MPPS, MPPS_RETRIEVE))) as a:
            if a is None:
                continue
            for state in (steps.COMPLETED, steps.DISCONTINUED):
                name = begun(a, own)
                a.n_get(MPPS_RETRIEVE, name)
                a.n_set(MPPS, name, _said("Kopf, schräg"))
                a.n_get(MPPS_RETRIEVE, name, (0x00400252, 0x00400254, 0x00100010))
                a.n_set(MPPS, name, own.finished(state))
                a.n_get(MPPS_RETRIEVE, name)


def _said(description: str) -> Dataset:
    return fill(Dataset(), SpecificCharacterSet="ISO_IR 192", PerformedProcedureStepDescription=description)


@probe("mpps.after-the-end", provokes=KINDS, needs="write")
def after_the_end(dimse: Dimse) -> None:
    """A step is set again after COMPLETED, and after DISCONTINUED: its state, a word of it, everything."""
    own = Steps(dimse)
    with stepping(dimse) as a:
        if a is None:
            return
        for state in (steps.COMPLETED, steps.DISCONTINUED):
            name = begun(a, own)
            a.n_set(MPPS, name, own.finished(state))
            a.n_set(MPPS, name, _said("too late"))
            a.n_set(MPPS, name, fill(Dataset(), PerformedProcedureStepStatus=steps.IN_PROGRESS))
            a.n_set(MPPS, name, own.finished(steps.DISCONTINUED))
            a.n_get(MPPS_RETRIEVE, name, (0x00400252,))


@probe("mpps.refusals", provokes=KINDS, needs="write")
def refusals(dimse: Dimse) -> None:
    """What is not there, twice there, not begun, not whole, and what may not be set; then the step as it was."""
    own = Steps(dimse)
    unknown = uid(dimse.session.seed, dimse.nonce, "no such step")
    with stepping(dimse) as a:
        if a is None:
            return
        a.facts["steps"] = {unknown: {"state": ""}}
        name = begun(a, own)
        a.n_create(MPPS, name, own.created(PatientName="Somebody^Else"))
        a.n_set(MPPS, unknown, _said("nothing"))
        a.n_get(MPPS_RETRIEVE, unknown)
        a.n_get(MPPS_RETRIEVE, name)
        for changes in ({"PatientName": "Somebody^Else"}, {"PerformedStationAETitle": "ELSEWHERE"}):
            a.n_set(MPPS, name, fill(_said("with what may not be set"), **changes))
            a.n_get(MPPS_RETRIEVE, name, (0x00100010, 0x00400241, 0x00400254))
        a.n_set(MPPS, name, fill(Dataset(), PerformedProcedureStepStatus="ARRIVED"))
        a.n_get(MPPS_RETRIEVE, name, (0x00400252,))


@probe("mpps.incomplete", provokes=KINDS, needs="write")
def incomplete(dimse: Dimse) -> None:
    """Steps that begin in a final state, lack an attribute or a value, or end without a series or a time."""
    own = Steps(dimse)
    with stepping(dimse) as a:
        if a is None:
            return
        for state in (steps.COMPLETED, steps.DISCONTINUED):
            begun(a, own, PerformedProcedureStepStatus=state)
        for keyword in MISSING:
            begun(a, own, **{keyword: None})
        for keyword in EMPTY:
            begun(a, own, **{keyword: ""})
        for changes in ({"PerformedSeriesSequence": None}, {"PerformedProcedureStepEndTime": ""}):
            name = begun(a, own)
            a.n_set(MPPS, name, own.finished(**changes))
            a.n_get(MPPS_RETRIEVE, name, (0x00400252,))


@probe("mpps.character-sets", provokes=KINDS, needs="write")
def character_sets(dimse: Dimse) -> None:
    """A step that is created in Latin-1 and set in UTF-8: what is retrieved has the names of both."""
    own = Steps(dimse)
    with stepping(dimse) as a:
        if a is None:
            return
        name = begun(a, own, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
        a.n_set(MPPS, name, _said("Łódź"))
        a.n_get(MPPS_RETRIEVE, name)


@probe("mpps.notifications", provokes=(*KINDS, "dimse.mpps.event-report"), needs="write")
def notifications(dimse: Dimse) -> None:
    """The life of a step on an association on which events may be told."""
    own = Steps(dimse)
    with stepping(dimse, SPEAKING) as a:
        if a is None or a.accepts(MPPS_NOTIFICATION) is None:
            return
        for state in (steps.COMPLETED, steps.DISCONTINUED):
            name = begun(a, own)
            a.receive(PATIENCE, quiet=True)
            a.n_set(MPPS, name, _said("goes on"))
            a.receive(PATIENCE, quiet=True)
            a.n_set(MPPS, name, own.finished(state))
            a.receive(PATIENCE, quiet=True)


@probe("mpps.elsewhere", provokes=KINDS, needs="write")
def elsewhere(dimse: Dimse) -> None:
    """A step is created on one association, ended on a second and retrieved on a third; created again on a fourth."""
    own = Steps(dimse)
    with stepping(dimse) as a:
        if a is None:
            return
        name = own.next()
        begun_ = a.n_create(MPPS, name, own.created()).status == 0
    if not begun_:
        return
    known = {"attributes": sorted(f"{int(e.tag):08X}" for e in own.created())}
    with dimse.associate(CONTEXTS, step="ends", facts={"steps": {name: {"state": steps.IN_PROGRESS, **known}}}) as a:
        ended = a.n_set(MPPS, name, own.finished()).status == 0
    if ended:
        facts = {"steps": {name: {"state": steps.COMPLETED, **known}}}
        with dimse.associate(CONTEXTS, step="looks", facts=facts) as a:
            a.n_get(MPPS_RETRIEVE, name)
            a.n_set(MPPS, name, _said("too late"))
            a.n_create(MPPS, name, own.created())
