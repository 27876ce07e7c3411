"""Rules of the Modality Worklist: silent on an unbroken door, loud on each of their mutants, careful with users."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from harness.association import Association, Side
from harness.make import steps
from harness.rule import CATALOGUE, At, Mutant, Role
from harness.talk.identifiers import encoded
from harness.upper_layer import message as say
from harness.upper_layer.message import Message
from harness.verdict import Outcome
from harness.wire.sop import WORKLIST
from simulators.dimse.visit import Mutation
from suites.dimse.worklist import known, matching, probes, requests, returned
from tests.suites import stepping
from tests.suites.stepping import Session, findings, talked

MODULES = (known, matching, probes, requests, returned)
RULES = stepping.rules("worklist.")
PROBES = [p for p in CATALOGUE.probes if p.startswith("worklist.")]
ASKED = [r for r in RULES if r.who is Role.SCP]
USERS = [r for r in RULES if r.who is Role.SCU]
IMPLICIT = "1.2.840.10008.1.2"


@cache
def unbroken() -> Session:
    return stepping.run(PROBES, ASKED)


def test_the_unbroken_door_passes_everything() -> None:
    session = unbroken()
    assert not session.errors
    for verdict in session.judge.finish():
        assert verdict.outcome is Outcome.PASS, (verdict.rule, verdict.findings, verdict.why)


def test_our_own_queries_are_lawful() -> None:
    for rule in USERS:
        verdict = stepping.judged(rule.id, unbroken().kept)
        assert verdict.exercised, rule.id
        assert not verdict.findings, rule.id


@pytest.mark.parametrize("mutant", stepping.mutants(RULES, At.MESSAGE))
def test_a_defect_in_what_is_said_is_met(mutant: Mutant) -> None:
    verdict = stepping.met_when_retold(mutant, unbroken().kept)
    assert verdict is not None
    assert verdict.findings
    assert not CATALOGUE.rules[mutant.rule].level.binding or any(not f.warn for f in verdict.findings)


@pytest.mark.parametrize("mutant", stepping.mutants(RULES, At.DOOR))
def test_a_defect_of_the_service_is_met(mutant: Mutant) -> None:
    asking = stepping.exercising(CATALOGUE.rules[mutant.rule], unbroken().kept) or PROBES
    assert stepping.met_when_served(mutant, asking)


@pytest.mark.parametrize("status", [0x0000, 0xA900])
def test_who_answers_the_same_to_everything_earns_no_content(status: int) -> None:
    def constant(request: Message, door: Any) -> list[Message]:
        return [say.response(request, status)]

    session = stepping.run(PROBES, ASKED, Mutation(door=constant))
    assert not session.errors
    for verdict in session.judge.finish():
        rule = CATALOGUE.rules[verdict.rule]
        assert verdict.outcome is not Outcome.PASS or not rule.content, verdict.rule


def test_who_brings_one_item_to_everything_earns_no_content() -> None:
    item = encoded(steps.scheduled(1)[0], "1.2.840.10008.1.2.1")

    def constant(request: Message, door: Any) -> list[Message]:
        return [say.response(request, 0xFF00, item), say.response(request, 0)]

    session = stepping.run(PROBES, ASKED, Mutation(door=constant))
    assert not session.errors
    for verdict in session.judge.finish():
        rule = CATALOGUE.rules[verdict.rule]
        assert verdict.outcome is not Outcome.PASS or not rule.content, verdict.rule


def brought(identifier: Dataset, *items: Dataset, status: int = 0, **about: Any) -> Association:
    """A query and what it brought, made by hand."""
    asked = say.find_rq(1, 1, WORKLIST, encoded(identifier, IMPLICIT))
    answers = [say.response(asked, 0xFF00, encoded(item, IMPLICIT)) for item in items]
    told: list[tuple[Side, Message]] = [("acceptor", m) for m in [*answers, say.response(asked, status)]]
    return talked([WORKLIST], ("requestor", asked), *told, **about)


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"00400100.00400001": "CT*"}, "00400100.00400001"),
        ({"00400100.00080060": "CT\\MR"}, "00400100.00080060"),
        ({"00100020": "P*"}, "00100020"),
        ({"00100010": "A*"}, ""),
        ({"00400100.00400006": "*", "00100020": "*"}, ""),
        ({"00400100.00400002": "20240101-"}, ""),
        ({"00400100.00400003": "-1200", "00400100.00400002": "20240101"}, ""),
    ],
)
def test_how_required_keys_may_be_asked(keys: dict[str, str], wrong: str) -> None:
    found = findings("worklist.keys-as-they-may-be-asked", brought(steps.by_path(keys)))
    assert [f.where.endswith(wrong) for f in found or []] == ([True] if wrong else [])


def test_one_of_a_pair_is_enough() -> None:
    asked = steps.query(returned=("00321060", "00321064", "00100010"))
    text = steps.by_path({"00321060": "a study", "00321064": "", "00100010": "A"})
    neither = steps.by_path({"00321060": "", "00321064": "", "00100010": "A"})
    assert findings("worklist.return-types", brought(asked, text)) == []
    assert findings("worklist.return-types", brought(asked, neither)) != []


def test_type_two_may_be_empty_and_has_to_be_there() -> None:
    asked = steps.query(returned=("00100010", "00080050"))
    assert findings("worklist.return-types", brought(asked, steps.by_path({"00100010": "A", "00080050": ""}))) == []
    assert findings("worklist.return-types", brought(asked, steps.by_path({"00100010": "A"}))) != []
    assert findings("worklist.return-types", brought(asked, steps.by_path({"00100010": "", "00080050": "1"}))) != []


def test_what_has_no_value_meets_no_value() -> None:
    asked = steps.query({"00400100.00400006": "Black^Jack"}, ())
    assert findings("worklist.single-value", brought(asked, steps.by_path({"00400100.00400006": ""}))) != []
    assert findings("worklist.single-value", brought(asked, steps.by_path({"00400100.00400006": "Black^Jack"}))) == []
    assert findings("worklist.single-value", brought(asked, steps.by_path({"00100010": "A"}))) is None


@pytest.mark.parametrize(
    ("day", "hour", "within"),
    [("20240305", "2330", True), ("20240306", "0015", True), ("20240305", "1200", False), ("20240306", "0900", False)],
)
def test_a_night_is_one_stretch(day: str, hour: str, within: bool) -> None:
    asked = steps.query({"00400100.00400002": "20240305-20240306", "00400100.00400003": "2200-0600"}, ())
    item = steps.by_path({"00400100.00400002": day, "00400100.00400003": hour})
    assert (findings("worklist.combined-date-time", brought(asked, item)) == []) is within
    assert findings("worklist.range", brought(asked, item)) == []


def test_a_query_that_breaks_the_table_judges_nobody_else() -> None:
    asked = steps.query({"00400100.00400001": "CT*"}, ())
    a = brought(asked, steps.by_path({"00400100.00400001": "MR1"}), status=0xA900)
    assert findings("worklist.success-at-the-end", a) is None
    assert findings("worklist.wild-card", a) is None


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_queries_made_by_chance_are_lawful(data: st.DataObject) -> None:
    items = steps.scheduled(data.draw(st.integers(0, 5)))
    a = brought(steps.query(data.draw(steps.queries(items)), probes.BRIEF))
    for rule in USERS:
        assert not findings(rule.id, a), rule.id


def test_items_are_the_same_for_the_same_seed() -> None:
    one, again, other = steps.scheduled(3), steps.scheduled(3), steps.scheduled(4)
    assert [encoded(i, IMPLICIT) for i in one] == [encoded(i, IMPLICIT) for i in again]
    assert not {i.StudyInstanceUID for i in one} & {i.StudyInstanceUID for i in other}


def test_items_that_cannot_be_read_break_no_probe() -> None:
    def garbled(message: Message, asked: Message | None) -> Message | None:
        return message.carrying(b"\x10\0\x10\0PN\xff\xff" + b"\xff" * 40) if message.pending else None

    session = stepping.run(PROBES, ASKED, Mutation(message=garbled))
    assert not session.errors
