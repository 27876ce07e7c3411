"""Performed steps by chance: a legal history turns no rule red, an illegal request is refused and changes nothing."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from harness.entity import Entity
from harness.make import steps
from harness.make.modules import fill
from harness.make.uids import uid
from harness.upper_layer import message as say
from harness.upper_layer.message import Message
from harness.wire.sop import MPPS, MPPS_RETRIEVE
from simulators.dimse.serve import Served
from suites.dimse.mpps import answers, notified, requests, retrieve

from .machines import EVERYBODY, User, octets

RULES = (answers, notified, requests, retrieve)  # their import declares the rules
TEXTS = st.sampled_from(["", "head", "Kopf, schräg", "a\\b".replace("\\", " "), "Łódź"])
FINAL = st.sampled_from([steps.COMPLETED, steps.DISCONTINUED])
LACKING = st.sampled_from(["PatientName", "PerformedProcedureStepID", "Modality", "StudyID", "PerformedSeriesSequence"])
EMPTIED = st.sampled_from(["PerformedStationAETitle", "PerformedProcedureStepStartTime", "Modality"])
FIXED = st.sampled_from(["PatientName", "PatientID", "StudyID", "PerformedStationName"])
COUNT = itertools.count()


@dataclass
class Step:
    """What a step is known to hold."""

    state: str = steps.IN_PROGRESS
    description: str = ""
    name: str = "Proof^Müller"


class Life(RuleBasedStateMachine):
    """One user who does nothing wrong, some steps, and a model of them."""

    entity: Entity
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.user = User(self.entity, self.folder, (MPPS, MPPS_RETRIEVE))
        self.steps: dict[str, Step] = {}
        self.legal = True

    @initialize()
    def comes(self) -> None:
        self.user.associate({})

    @rule()
    def comes_anew(self) -> None:
        """What was done on other associations is there on a new one."""
        tags = [f"{int(e.tag):08X}" for e in steps.created(0)]
        known = {name: {"state": step.state, "attributes": tags} for name, step in self.steps.items()}
        self.user.associate({"steps": known})

    def create(self, name: str, attributes: Dataset) -> int:
        return self.user.ask(MPPS, lambda c, n: say.n_create_rq(c.id, n, MPPS, name, octets(attributes))).status

    def set(self, name: str, attributes: Dataset) -> Message:
        return self.user.ask(MPPS, lambda c, n: say.n_set_rq(c.id, n, MPPS, name, octets(attributes)))

    def get(self, name: str, tags: Iterable[int] = ()) -> Message:
        return self.user.ask(MPPS_RETRIEVE, lambda c, n: say.n_get_rq(c.id, n, MPPS_RETRIEVE, name, tags))

    def new(self) -> str:
        return uid("machine", next(COUNT))

    def among(self, data: st.DataObject, *states: str) -> str:
        return data.draw(st.sampled_from(sorted(n for n, step in self.steps.items() if step.state in states)))

    def some(self, *states: str) -> bool:
        return any(step.state in states for step in self.steps.values())

    def check(self, name: str) -> None:
        answer = self.get(name)
        assert answer.status == 0
        found = read_dataset(io.BytesIO(answer.dataset_octets()), False, True)
        step = self.steps[name]
        assert str(found.PerformedProcedureStepStatus) == step.state
        assert str(found.get("PerformedProcedureStepDescription") or "") == step.description
        assert str(found.PatientName) == step.name

    @rule(description=TEXTS)
    def begins(self, description: str) -> None:
        name = self.new()
        attributes = steps.created(name, PerformedProcedureStepDescription=description)
        assert self.create(name, attributes) == 0
        self.steps[name] = Step(description=description)

    @precondition(lambda self: self.some(steps.IN_PROGRESS))
    @rule(data=st.data(), description=TEXTS)
    def goes_on(self, data: st.DataObject, description: str) -> None:
        name = self.among(data, steps.IN_PROGRESS)
        told = fill(Dataset(), SpecificCharacterSet="ISO_IR 192", PerformedProcedureStepDescription=description)
        assert self.set(name, told).status == 0
        self.steps[name].description = description

    @precondition(lambda self: self.some(steps.IN_PROGRESS))
    @rule(data=st.data(), state=FINAL)
    def ends(self, data: st.DataObject, state: str) -> None:
        name = self.among(data, steps.IN_PROGRESS)
        assert self.set(name, steps.finished(name, state)).status == 0
        self.steps[name].state = state

    @precondition(lambda self: self.steps)
    @rule(data=st.data())
    def is_looked_at(self, data: st.DataObject) -> None:
        self.check(data.draw(st.sampled_from(sorted(self.steps))))

    def teardown(self) -> None:
        self.user.leave()
        sides = EVERYBODY if self.legal else frozenset({"acceptor"})
        assert self.user.red("mpps.", sides) == {}


class Wild(Life):
    """The same user, who also asks for what is not allowed."""

    def refused(self, status: int, *due: int) -> None:
        """It was refused with a demanded status, and every step is as it was."""
        self.legal = False
        assert status in due, f"{status:04X}H"
        for name in self.steps:
            self.check(name)

    @rule(state=FINAL)
    def begins_at_the_end(self, state: str) -> None:
        name = self.new()
        self.refused(self.create(name, steps.created(name, PerformedProcedureStepStatus=state)), 0x0106)
        assert self.get(name).status == 0x0112

    @rule(keyword=LACKING)
    def begins_with_something_missing(self, keyword: str) -> None:
        name = self.new()
        self.refused(self.create(name, steps.changed(steps.created(name), **{keyword: None})), 0x0120)
        assert self.get(name).status == 0x0112

    @rule(keyword=EMPTIED)
    def begins_with_something_empty(self, keyword: str) -> None:
        name = self.new()
        self.refused(self.create(name, steps.changed(steps.created(name), **{keyword: ""})), 0x0121)
        assert self.get(name).status == 0x0112

    @precondition(lambda self: self.steps)
    @rule(data=st.data())
    def begins_twice(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.steps)))
        self.refused(self.create(name, steps.created(name, PatientName="Other^One")), 0x0111)

    @precondition(lambda self: self.some(steps.COMPLETED, steps.DISCONTINUED))
    @rule(data=st.data(), state=st.sampled_from(["", steps.IN_PROGRESS, steps.COMPLETED, steps.DISCONTINUED]))
    def goes_on_after_the_end(self, data: st.DataObject, state: str) -> None:
        name = self.among(data, steps.COMPLETED, steps.DISCONTINUED)
        told = fill(Dataset(), PerformedProcedureStepDescription="too late")
        answer = self.set(name, fill(told, PerformedProcedureStepStatus=state) if state else told)
        assert answer.command["ErrorID"] == 0xA710
        self.refused(answer.status, 0x0110)

    @precondition(lambda self: self.some(steps.IN_PROGRESS))
    @rule(data=st.data(), keyword=FIXED)
    def becomes_somebody_elses(self, data: st.DataObject, keyword: str) -> None:
        name = self.among(data, steps.IN_PROGRESS)
        told = fill(Dataset(), PerformedProcedureStepDescription="and more", **{keyword: "X"})
        self.refused(self.set(name, told).status, 0x0105, 0x0106)

    @precondition(lambda self: self.some(steps.IN_PROGRESS))
    @rule(data=st.data())
    def sets_what_was_not_created(self, data: st.DataObject) -> None:
        name = self.among(data, steps.IN_PROGRESS)
        told = fill(Dataset(), PerformedProcedureStepDescription="x", CommentsOnThePerformedProcedureStep="y")
        self.refused(self.set(name, told).status, 0x0105)

    @precondition(lambda self: self.some(steps.IN_PROGRESS))
    @rule(data=st.data(), keyword=st.sampled_from(["PerformedSeriesSequence", "PerformedProcedureStepEndDate"]))
    def ends_too_early(self, data: st.DataObject, keyword: str) -> None:
        name = self.among(data, steps.IN_PROGRESS)
        self.refused(self.set(name, steps.changed(steps.finished(name), **{keyword: None})).status, 0x0120, 0x0121)

    @rule()
    def goes_on_without_having_begun(self) -> None:
        told = fill(Dataset(), PerformedProcedureStepDescription="nothing")
        self.refused(self.set(self.new(), told).status, 0x0112)


CHANCE = settings(max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("life", [Life, Wild])
def test_lives_of_steps(life: type[Life], door: Served, tmp_path: Path) -> None:
    machine = type(life.__name__, (life,), {"entity": door.entity, "folder": tmp_path})
    run_state_machine_as_test(machine, settings=CHANCE)
