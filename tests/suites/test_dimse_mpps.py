"""Rules of performed procedure steps: silent on an unbroken door, loud on each of their mutants, fair to users."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from pydicom.dataset import Dataset

from harness.association import Association, Side
from harness.make import steps
from harness.make.modules import fill
from harness.rule import CATALOGUE, At, Mutant, Role
from harness.talk.identifiers import Content, encoded
from harness.upper_layer import message as say
from harness.upper_layer.message import Message
from harness.verdict import Outcome
from harness.wire.sop import MPPS, MPPS_NOTIFICATION, MPPS_RETRIEVE
from simulators.dimse.visit import Mutation
from suites.dimse.mpps import answers, notified, probes, requests, retrieve
from tests.suites import stepping
from tests.suites.stepping import Session, findings, talked

MODULES = (answers, notified, probes, requests, retrieve)
RULES = stepping.rules("mpps.")
PROBES = [p for p in CATALOGUE.probes if p.startswith("mpps.")]
ASKED = [r for r in RULES if r.who is not Role.SCU]
LAWFUL = {"mpps.life", "mpps.notifications"}  # probes that ask nothing they should not
IMPLICIT = "1.2.840.10008.1.2"
UID = "2.25.11"


@cache
def unbroken() -> Session:
    return stepping.run(PROBES, ASKED)


def test_the_unbroken_door_passes_everything() -> None:
    session = unbroken()
    assert not session.errors
    for verdict in session.judge.finish():
        assert verdict.outcome is Outcome.PASS, (verdict.rule, verdict.findings, verdict.why)


def test_our_own_steps_are_lawful() -> None:
    kept = [a for a in unbroken().kept if a.probe in LAWFUL]
    for rule in RULES:
        assert not stepping.judged(rule.id, kept).findings, rule.id


@pytest.mark.parametrize("mutant", stepping.mutants(RULES, At.MESSAGE, At.PDU))
def test_a_defect_in_what_is_said_is_met(mutant: Mutant) -> None:
    rule = CATALOGUE.rules[mutant.rule]
    kept = [a for a in unbroken().kept if rule.who is Role.SCP or a.probe in LAWFUL]
    verdict = stepping.met_when_retold(mutant, kept)
    assert verdict is not None
    assert verdict.findings
    assert not rule.level.binding or any(not f.warn for f in verdict.findings)


@pytest.mark.parametrize("mutant", stepping.mutants(RULES, At.DOOR))
def test_a_defect_of_the_service_is_met(mutant: Mutant) -> None:
    asking = stepping.exercising(CATALOGUE.rules[mutant.rule], unbroken().kept)
    assert stepping.met_when_served(mutant, asking)


@pytest.mark.parametrize("mutant", [
    pytest.param(CATALOGUE.mutants[name], id=name)
    for name in ("mpps.duplicate-instance/hangs_up_on_the_second", "mpps.final-is-final/never_too_late",
                 "mpps.get-tells-what-was-set/always_in_progress")
])  # fmt: skip
def test_a_defect_is_met_at_the_door_too(mutant: Mutant) -> None:
    assert stepping.met_when_served(mutant, stepping.exercising(CATALOGUE.rules[mutant.rule], unbroken().kept))


@pytest.mark.parametrize("status", [0x0000, 0x0110, 0x0112])
def test_who_answers_the_same_to_everything_earns_no_content(status: int) -> None:
    def constant(request: Message, door: Any) -> list[Message]:
        return [say.response(request, status)]

    session = stepping.run(PROBES, ASKED, Mutation(door=constant))
    assert not session.errors
    for verdict in session.judge.finish():
        rule = CATALOGUE.rules[verdict.rule]
        assert verdict.outcome is not Outcome.PASS or not rule.content, verdict.rule


class Talk:
    """Requests and responses in order, on an association with all three classes."""

    def __init__(self) -> None:
        self.said: list[tuple[Side, Message]] = []
        self.count = 0

    def add(self, request: Message, status: int | None, data: bytes | None = None, **more: Any) -> Talk:
        self.said.append(("requestor", request))
        if status is not None:
            self.said.append(("acceptor", say.response(request, status, data, **more)))
        return self

    def create(self, attributes: Dataset | None, status: int | None = 0, uid: str = UID) -> Talk:
        self.count += 1
        return self.add(say.n_create_rq(1, self.count, MPPS, uid, _octets(attributes)), status)

    def set(self, attributes: Dataset, status: int | None = 0, uid: str = UID, **more: Any) -> Talk:
        self.count += 1
        return self.add(say.n_set_rq(1, self.count, MPPS, uid, _octets(attributes)), status, **more)

    def get(self, answer: Dataset, status: int = 0, uid: str = UID, tags: tuple[int, ...] = ()) -> Talk:
        self.count += 1
        return self.add(say.n_get_rq(3, self.count, MPPS_RETRIEVE, uid, tags), status, _octets(answer))

    def tell(self, type_: int, uid: str = UID) -> Talk:
        self.count += 1
        request = say.event_report_rq(5, 100 + self.count, MPPS_NOTIFICATION, uid, type_)
        self.said += [("acceptor", request), ("requestor", say.response(request, 0))]
        return self

    def over(self, **about: Any) -> Association:
        return talked([MPPS, MPPS_RETRIEVE, MPPS_NOTIFICATION], *self.said, **about)


def _octets(content: Content | None) -> bytes | None:
    if content is None:
        return None
    found = encoded(content, IMPLICIT)
    assert isinstance(found, bytes)
    return found


def word(**values: Any) -> Dataset:
    return fill(Dataset(), **values)


DESCRIBED = word(PerformedProcedureStepDescription="late")


@pytest.mark.parametrize("state", ["COMPLETED", "DISCONTINUED"])
def test_after_the_end_only_0110_is_right(state: str) -> None:
    for status, wrong in ((0x0110, False), (0x0000, True), (0x0112, True), (0x0106, True)):
        a = Talk().create(steps.created(1)).set(steps.finished(1, state)).set(DESCRIBED, status).over()
        assert bool(findings("mpps.final-is-final", a)) is wrong
        assert findings("mpps.nothing-after-the-end", a)
    assert findings("mpps.final-is-final", Talk().create(steps.created(1)).set(DESCRIBED, 0).over()) is None


def test_a_step_that_is_not_known_is_judged_by_nobody() -> None:
    a = Talk().set(DESCRIBED, 0).set(steps.finished(1), 0x0112).over()
    scp = [r.id for r in RULES if r.who is Role.SCP]
    assert all(findings(rule, a) is None for rule in scp)


def test_what_a_probe_knows_from_elsewhere_counts() -> None:
    a = Talk().set(DESCRIBED, 0).over(facts={"steps": {UID: {"state": "COMPLETED"}}})
    assert findings("mpps.final-is-final", a)
    a = Talk().create(steps.created(1)).over(facts={"steps": {UID: {"state": "COMPLETED"}}})
    assert findings("mpps.duplicate-instance", a)
    assert findings("mpps.create-succeeds", a) is None


def test_a_request_without_its_response_leaves_the_step_unknown() -> None:
    a = Talk().create(steps.created(1), None).set(DESCRIBED, 0x0112).over()
    assert findings("mpps.set-succeeds", a) is None
    assert findings("mpps.unknown-instance", a) is None


def test_an_end_needs_what_was_never_set_before() -> None:
    early = word(PerformedSeriesSequence=[steps.series(1)], PerformedProcedureStepEndDate="20240306")
    late = word(PerformedProcedureStepEndTime="1030", PerformedProcedureStepStatus="COMPLETED")
    whole = Talk().create(steps.created(1)).set(early).set(late).over()
    assert findings("mpps.final-attributes", whole) == []
    assert findings("mpps.set-succeeds", whole) == []
    lacking = Talk().create(steps.created(1)).set(late).over()
    assert {f.where[-8:] for f in findings("mpps.final-attributes", lacking) or []} == {"00400250", "00400340"}
    assert findings("mpps.final-incomplete", lacking)
    assert findings("mpps.final-attributes", Talk().set(late).over()) is None


@pytest.mark.parametrize("keyword", ["PatientName", "PerformedProcedureStepID", "PerformedSeriesSequence", "Modality"])
def test_each_attribute_of_a_create_is_looked_for(keyword: str) -> None:
    a = Talk().create(steps.created(1, **{keyword: None}), 0x0120).over()
    assert len(findings("mpps.create-attributes", a) or []) == 1
    assert findings("mpps.create-incomplete", a) == []
    assert findings("mpps.create-succeeds", a) is None


def test_items_are_looked_into() -> None:
    series = steps.series(1, ProtocolName="")
    a = Talk().create(steps.created(1, PerformedSeriesSequence=[series])).over()
    assert [f.where.endswith("00400340.00181030") for f in findings("mpps.create-attributes", a) or []] == [True]
    b = Talk().create(steps.created(1)).set(word(PerformedSeriesSequence=[steps.series(1), series])).over()
    assert [f.where.endswith("00400340.00181030") for f in findings("mpps.set-attributes", b) or []] == [True]


def test_only_what_was_created_may_be_set() -> None:
    comment = word(CommentsOnThePerformedProcedureStep="late")
    assert findings("mpps.sets-only-what-may-be-set", Talk().create(steps.created(1)).set(comment).over())
    created = steps.created(1, CommentsOnThePerformedProcedureStep="")
    assert findings("mpps.sets-only-what-may-be-set", Talk().create(created).set(comment).over()) == []
    assert findings("mpps.sets-only-what-may-be-set", Talk().set(comment).over()) == []


def test_what_may_not_be_set_may_be_passed_over_but_not_done() -> None:
    other = word(PatientName="Other^One")
    kept, renamed = steps.created(1), steps.created(1, PatientName="Other^One")
    assert findings("mpps.get-tells-what-was-set", Talk().create(steps.created(1)).set(other).get(kept).over()) == []
    assert findings("mpps.get-tells-what-was-set", Talk().create(steps.created(1)).set(other).get(renamed).over())


def test_what_was_coerced_with_a_warning_may_differ() -> None:
    other = steps.created(1, PerformedProcedureStepDescription="as we call it")
    a = Talk().create(steps.created(1), 0x0107).get(other).over()
    assert findings("mpps.get-tells-what-was-set", a) == []


def test_after_the_end_the_provider_may_change_attributes_but_not_the_state() -> None:
    ended = steps.created(1, PerformedProcedureStepDescription="mended", PerformedProcedureStepStatus="COMPLETED")
    talk = Talk().create(steps.created(1)).set(steps.finished(1))
    assert findings("mpps.get-tells-what-was-set", talk.get(ended).over()) == []
    assert findings("mpps.get-tells-what-was-set", talk.get(steps.created(1)).over())


@pytest.mark.parametrize(("type_", "wrong"), [(1, False), (2, False), (3, True), (4, True), (5, None)])
def test_events_tell_changes_that_there_were(type_: int, wrong: bool | None) -> None:
    a = Talk().create(steps.created(1)).set(steps.finished(1)).tell(type_).over()
    found = findings("mpps.event-tells-the-change", a)
    assert (found is None) if wrong is None else (bool(found) is wrong)
    assert findings("mpps.event-types", a) == []
