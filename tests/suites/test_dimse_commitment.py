"""Rules of storage commitment: silent on an unbroken door, loud on each of their mutants, fair to both sides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from harness.association import Association, Side
from harness.make import steps
from harness.make.corpus import Sample, corpus
from harness.make.uids import uid
from harness.rule import CATALOGUE, At, Mutant, Role
from harness.talk.identifiers import encoded
from harness.upper_layer import message as say
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Role as Selected
from harness.verdict import Outcome
from harness.wire.sop import COMMITMENT, COMMITMENT_INSTANCE
from simulators.dimse.visit import Mutation
from suites.dimse.commitment import delivery, probes, reports, requests
from tests.suites import stepping
from tests.suites.stepping import Session, findings, talked

MODULES = (delivery, probes, reports, requests)
RULES = stepping.rules("commitment.")
PROBES = [p for p in CATALOGUE.probes if p.startswith("commitment.")]
ASKED = [r for r in RULES if r.id not in ("commitment.role-is-granted", "commitment.report-is-taken")
         and r.who is not Role.SCU]  # fmt: skip
OURS = ("commitment.same-association", "commitment.elsewhere")  # probes that ask nothing they should not
IMPLICIT = "1.2.840.10008.1.2"
SC, CT = steps.SC, steps.CT
A, B, C = (SC, "2.25.101"), (SC, "2.25.102"), (CT, "2.25.103")


@cache
def samples() -> list[Sample]:
    return corpus(stepping.SEED, stepping.NONCE)[:3]


@cache
def unbroken() -> Session:
    return stepping.run(PROBES, ASKED, samples=samples())


def lawful() -> list[Association]:
    return [a for a in unbroken().kept if a.probe in OURS]


def test_the_unbroken_door_passes_everything() -> None:
    session = unbroken()
    assert not session.errors
    for verdict in session.judge.finish():
        if verdict.rule != "commitment.request-media":
            assert verdict.outcome is Outcome.PASS, (verdict.rule, verdict.findings, verdict.why)


def test_ten_thousand_references_are_reported_on() -> None:
    told = [a for a in unbroken().kept if a.probe == "commitment.many"]
    assert findings("commitment.report-complete", *told) == []


def test_our_own_requests_and_answers_are_lawful() -> None:
    for rule in RULES:
        assert not stepping.judged(rule.id, lawful()).findings, rule.id


@pytest.mark.parametrize("mutant", stepping.mutants(RULES, At.MESSAGE, At.PDU))
def test_a_defect_in_what_is_said_is_met(mutant: Mutant) -> None:
    rule = CATALOGUE.rules[mutant.rule]
    kept = lawful() + [a for a in unbroken().kept if a.probe == "commitment.refusals" and rule.who is Role.SCP]
    verdict = stepping.met_when_retold(mutant, kept)
    assert verdict is not None
    assert verdict.findings
    # that no report came in time is never held against anybody
    lenient = not rule.level.binding or rule.id == "commitment.report-comes"
    assert lenient or any(not f.warn for f in verdict.findings)


def test_without_a_place_to_report_to_nothing_breaks() -> None:
    session = stepping.run(OURS, ASKED, peers=False, samples=samples())
    assert not session.errors
    assert all(v.outcome is not Outcome.FAIL for v in session.judge.finish())


def test_read_only_runs_ask_for_what_nobody_has() -> None:
    session = stepping.run(["commitment.same-association"], ASKED)
    assert not session.errors
    assert all(v.outcome in (Outcome.PASS, Outcome.NOT_EXERCISED) for v in session.judge.finish())


@pytest.mark.parametrize("status", [0x0110, 0x0211])
def test_who_refuses_everything_earns_no_content(status: int) -> None:
    def constant(request: Message, door: Any) -> list[Message]:
        return [say.response(request, status)]

    asking = [p for p in PROBES if p != "commitment.many"]
    session = stepping.run(asking, ASKED, Mutation(door=constant), samples=samples())
    assert not session.errors
    for verdict in session.judge.finish():
        rule = CATALOGUE.rules[verdict.rule]
        assert verdict.outcome is not Outcome.PASS or not rule.content, verdict.rule


def request(information: Dataset, id_: int = 1, instance: str = COMMITMENT_INSTANCE, type_: int = 1) -> Message:
    return say.n_action_rq(1, id_, COMMITMENT, instance, type_, _octets(information))


def event(information: Dataset, type_: int, id_: int = 100) -> Message:
    return say.event_report_rq(1, id_, COMMITMENT, COMMITMENT_INSTANCE, type_, _octets(information))


def _octets(information: Dataset) -> bytes:
    found = encoded(information, IMPLICIT)
    assert isinstance(found, bytes)
    return found


def exchanged(asked: Sequence[tuple[str, str]], told: Dataset, type_: int, **about: Any) -> Association:
    """A request and its report on one association."""
    one, other = request(steps.commitment("2.25.1", asked)), event(told, type_)
    return talked([COMMITMENT], ("requestor", one), ("acceptor", say.response(one, 0)), ("acceptor", other),
                  ("requestor", say.response(other, 0)), **about)  # fmt: skip


@pytest.mark.parametrize(
    ("told", "type_", "red"),
    [
        (steps.report("2.25.1", [A, B]), 1, set()),
        (steps.report("2.25.1", [A], [(*B, 0x0112)]), 2, set()),
        (steps.report("2.25.1", [], [(*A, 0x0110), (*B, 0x0112)]), 2, set()),
        (steps.report("2.25.1", [A]), 1, {"commitment.report-complete"}),
        (steps.report("2.25.1", [A, B, C]), 1, {"commitment.report-complete"}),
        (steps.report("2.25.1", [A, (CT, B[1])]), 1, {"commitment.report-complete"}),
        (steps.report("2.25.1", [A, B]), 2, {"commitment.event-type"}),
        (steps.report("2.25.1", [A], [(*B, 0x0112)]), 1, {"commitment.event-type"}),
        (steps.report("2.25.1", [A, B]), 3, {"commitment.event-type"}),
        (steps.report("2.25.1", [A, B], [(*B, 0x0112)]), 2, {"commitment.each-reported-once"}),
        (steps.report("2.25.1", [A, B, B]), 1, {"commitment.each-reported-once"}),
        (steps.report("2.25.1", [A], [(*B, 0x0001)]), 2, {"commitment.failure-reason"}),
    ],
)
def test_what_a_report_says(told: Dataset, type_: int, red: set[str]) -> None:
    a = exchanged([A, B], told, type_)
    scp = [r.id for r in RULES if r.who is Role.SCP]
    assert {rule for rule in scp if findings(rule, a)} == red


def test_what_a_probe_knows_is_held_against_the_report() -> None:
    about = {"transactions": {"2.25.1": {"requested": [A, B], "kept": [A[1]], "unknown": [B[1]], "conflicting": []}}}
    right = exchanged([A, B], steps.report("2.25.1", [A], [(*B, 0x0112)]), 2, facts=about)
    assert findings("commitment.commits-to-what-is-kept", right) == []
    wrong = exchanged([A, B], steps.report("2.25.1", [A, B]), 1, facts=about)
    assert any(not f.warn for f in findings("commitment.commits-to-what-is-kept", wrong) or [])
    conflict = exchanged([A, B], steps.report("2.25.1", [A], [(*B, 0x0119)]), 2, facts=about)
    assert findings("commitment.failure-reason", conflict)


def test_a_report_on_another_association_needs_the_role_and_the_title() -> None:
    told = event(steps.report("2.25.1", [A]), 1)
    said: list[tuple[Side, Message]] = [("requestor", told), ("acceptor", say.response(told, 0))]
    facts = {"called": "WE", "transactions": {"2.25.1": {"requested": [A]}}}
    right = talked([COMMITMENT], *said, roles=[Selected(COMMITMENT, 0, 1)], facts=facts)
    assert all(not findings(rule.id, right) for rule in RULES)
    assert findings("commitment.role-of-the-reporter", talked([COMMITMENT], *said, facts=facts))
    other = talked([COMMITMENT], *said, roles=[Selected(COMMITMENT, 0, 1)], facts={**facts, "called": "PACS"})
    assert findings("commitment.same-title", other)
    stranger = talked([COMMITMENT], *said, roles=[Selected(COMMITMENT, 0, 1)], facts={"transactions": {}})
    assert findings("commitment.transaction-of-a-request", stranger)


def test_a_user_may_leave_before_it_answers() -> None:
    one, other = request(steps.commitment("2.25.1", [A])), event(steps.report("2.25.1", [A]), 1)
    a = talked([COMMITMENT], ("requestor", one), ("acceptor", say.response(one, 0)), ("acceptor", other))
    assert findings("commitment.report-is-taken", a) is None


@pytest.mark.parametrize("status", [0x0113, 0x0112, 0x0211])
def test_a_right_report_is_to_be_taken(status: int) -> None:
    one, other = request(steps.commitment("2.25.1", [A])), event(steps.report("2.25.1", [A]), 1)
    a = talked([COMMITMENT], ("requestor", one), ("acceptor", say.response(one, 0)), ("acceptor", other),
               ("requestor", say.response(other, status)))  # fmt: skip
    assert findings("commitment.report-is-taken", a)
    wrong = event(steps.report("2.25.1", [B]), 1)
    b = talked([COMMITMENT], ("requestor", one), ("acceptor", say.response(one, 0)), ("acceptor", wrong),
               ("requestor", say.response(wrong, 0x0110)))  # fmt: skip
    assert findings("commitment.report-is-taken", b) == []


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_right_report_on_any_request_is_silent(data: st.DataObject) -> None:
    known = [A, B, C]
    asked = data.draw(steps.transactions(known, uid("seed")))
    failing = [pair for pair in asked if pair not in known]
    told = steps.report("2.25.1", [p for p in asked if p in known], [(*p, 0x0112) for p in failing])
    about = {"requested": asked, "kept": [i for _, i in asked if (_, i) in known], "unknown": [i for _, i in failing]}
    a = exchanged(asked, told, 2 if failing else 1, facts={"transactions": {"2.25.1": about}})
    assert not [rule.id for rule in RULES if findings(rule.id, a)]
