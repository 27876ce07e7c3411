"""The probes of DIMSE messages and services at the simulator's door: clean when unbroken, caught when broken."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest

from dicomproof.retell import retold
from harness.association import Association
from harness.judge import Judge
from harness.rule import At, Basis, Mutant, Rule
from harness.upper_layer.message import Message, response
from harness.verdict import Outcome, Verdict
from simulators.dimse.visit import Mutation
from tests.suites import services
from tests.suites.services import CATALOGUE, RULES, Session

SHORT = ("storage.load", "find.by-unique-key", "find.required-keys", "find.relations", "get-move.get")
# Nothing in a run of our probes makes these messages, or says something of these sessions that ends by a timer.
ELSEWHERE = (
    "messages.n-get-returns-what-was-asked", "messages.n-get-returns-all", "messages.no-such-event",
    "messages.duplicate-instance", "messages.n-create-names-the-instance", "messages.response-to-each-request",
    "get-move.without-bulk-data",
)  # fmt: skip
TOLD = [m for r in RULES.values() if r.id not in ELSEWHERE for m in r.mutants if m.at is not At.DOOR]


@cache
def unbroken() -> Session:
    return services.run(services.dimse_probes())


@cache
def verdicts() -> dict[str, Verdict]:
    return {v.rule: v for v in unbroken().judge.finish()}


def test_the_unbroken_door_gives_no_finding_and_breaks_no_rule() -> None:
    assert unbroken().errors == []
    assert [(rule, f.got, f.where) for rule, f in unbroken().met] == []


def test_what_an_scp_can_be_asked_is_exercised() -> None:
    idle = {name for name, v in verdicts().items() if v.outcome is not Outcome.PASS}
    due = {r.id for r in RULES.values() if r.who.value in ("scp", "both") and r.due and r.basis is not Basis.ORACLE}
    assert sorted(idle & due) == []


def _side(rule: Rule[Any], a: Association) -> Any:
    return "requestor" if rule.who.value in ("scu", "requestor") else next(iter(a.judged))


def _judged(rule: Rule[Any], told: Iterable[Association]) -> bool:
    """Whether the rule fails something of this."""
    judge = Judge(CATALOGUE, rules=[rule], on_error=lambda name, text: pytest.fail(f"{name}: {text}"))
    journeys = set()
    for a in told:
        if any(not f.warn for _, f in judge.see(a)):
            return True
        journeys.add(a.journey)
    return any(not f.warn for name in journeys - {""} for _, f in judge.close(name))


@pytest.mark.parametrize("mutant", TOLD, ids=lambda m: m.id)
def test_a_defect_in_what_was_said_is_caught(mutant: Mutant) -> None:
    rule = RULES[mutant.rule]

    def told() -> Iterable[Association]:
        for a in unbroken().kept:
            side = _side(rule, a)
            changed = retold(a, side, mutant)
            if changed is not None or a.journey:
                yield (changed or a).but(judged=frozenset({side}))

    assert _judged(rule, told())


@pytest.mark.parametrize(
    "mutant",
    ["find.found-by-unique-key/ignores_all_keys", "find.required-keys/brackets_are_a_pattern",
     "find.list-is-union/only_the_first_of_a_list", "find.universal-changes-nothing/an_empty_key_wants_a_value",
     "get-move.get-sends-what-was-asked/only_the_first_of_a_list",
     "get-move.sends-something/says_success_and_sends_nothing", "get-move.lists/wants_one_uid"],
)  # fmt: skip
def test_a_defect_at_the_door_is_caught(mutant: str) -> None:
    made = CATALOGUE.mutants[mutant]
    run = services.run(SHORT, services.mutation(made), [RULES[made.rule]])
    assert any(not f.warn for _, f in run.met)


def test_what_is_forgotten_is_missed() -> None:
    made = CATALOGUE.mutants["storage.success-means-stored/acknowledges_and_forgets"]
    run = services.run(["storage.effects"], services.mutation(made), [RULES[made.rule]])
    assert any(not f.warn for _, f in run.met)


@pytest.mark.parametrize("mutant", ["find.finds-all-predicted/loses_the_last_of_several",
                                    "find.finds-only-predicted/finds_one_too_many"])  # fmt: skip
def test_a_prediction_that_fails_is_caught(mutant: str) -> None:
    made = CATALOGUE.mutants[mutant]
    predict = services.oracle(unbroken())
    run = services.run(("storage.load", "find.required-keys"), services.mutation(made), [RULES[made.rule]], predict)
    assert any(not f.warn for _, f in run.met)


def _nothing(request: Message, door: object) -> Iterable[Message]:
    """Success to everything, and nothing else."""
    return [response(request, 0x0000)]


def _refusal(request: Message, door: object) -> Iterable[Message]:
    return [response(request, 0xC000 if request.name != "C-ECHO-RQ" else 0x0122)]


@pytest.mark.parametrize("door", [_nothing, _refusal], ids=["liar", "refuser"])
def test_who_does_nothing_earns_no_pass_on_content(door: Any) -> None:
    run = services.run(services.dimse_probes(), Mutation(door=door))
    assert run.errors == []
    passed = [v.rule for v in run.judge.finish() if v.outcome is Outcome.PASS]
    assert [name for name in passed if RULES[name].content] == []
