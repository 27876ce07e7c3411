"""Mutants of questions: tried where the rule was silent, on both sides of a rule on both, on conversations by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

import suites
from dicomproof.matrix import edition_for
from dicomproof.reask import tried
from harness.exchange import Answer, Ask, Exchange
from harness.past import Past
from harness.rule import At, Mutant, Role, Rule
from suites.web.client.talk import asked_for, listed, refused, stored_one
from suites.web.workitems.making import change
from tests.suites.workitems import exchange

CATALOGUE = suites.load()
RULE = CATALOGUE.rules["client.accept-present"]


def mutant(rule: Rule[Exchange], act: object, at: At = At.ASK) -> Mutant:
    return Mutant(f"{rule.id}/test", rule.id, at, act, "A test.")  # type: ignore[arg-type]


def run(rule: Rule[Exchange], act: object, *exchanges: Exchange) -> tuple[int, bool]:
    outcome = tried(mutant(rule, act), rule, exchanges, "2024e", Past())
    return outcome.changed, outcome.killed


def silent(x: Exchange) -> Ask:
    return x.ask.but(headers=x.ask.headers.but("accept", None))


GOOD = Exchange(1, asked_for("studies"), listed(1))
BAD = Exchange(2, asked_for("series").but(headers=asked_for("series").headers.but("accept", None)), refused(406))


def test_a_mutant_is_killed_by_its_rule() -> None:
    assert run(RULE, silent, GOOD) == (1, True)


def test_a_question_that_was_wrong_before_proves_nothing() -> None:
    assert run(RULE, lambda x: x.ask.but(method="DELETE"), BAD) == (0, False)


def test_a_mutant_that_its_rule_does_not_see_survives() -> None:
    assert run(RULE, lambda x: x.ask.but(method="OPTIONS"), GOOD) == (1, False)
    assert run(RULE, lambda x: None, GOOD) == (0, False)


def test_a_mutant_of_answers_alone_is_not_one_of_questions() -> None:
    changed: list[int] = []

    def act(x: Exchange) -> Answer:
        changed.append(x.seq)
        return x.answer.but(status=500)

    assert run(RULE, act, GOOD, GOOD, GOOD) == (0, False)
    assert len(changed) == 1


def test_what_spoils_a_message_is_tried_on_questions_too() -> None:
    rule = CATALOGUE.rules["http.content-type-with-payload"]
    assert rule.who is Role.BOTH
    (forgets,) = rule.mutants
    stored = Exchange(3, stored_one(), refused(200))
    assert tried(forgets, rule, [GOOD, stored], "2024e", Past()).killed


def test_a_conversation_is_changed_as_a_whole() -> None:
    rule = CATALOGUE.rules["client.pages-without-gaps"]
    assert run(rule, lambda talk: None) == (0, False)
    assert run(rule, lambda talk: talk) == (1, False)
    lengths: list[int] = []

    def act(talk: Sequence[Exchange]) -> Sequence[Exchange]:
        lengths.append(len(talk))
        return talk[:1]

    assert run(rule, act) == (1, False)
    assert lengths == [2]


@pytest.mark.parametrize("id", [r.id for r in CATALOGUE.rules.values() if r.on == "web.client"])
def test_every_rule_over_conversations_has_an_example_and_a_mutant_that_dies(id: str) -> None:
    rule = CATALOGUE.rules[id]
    assert rule.examples
    assert [m.id for m in rule.mutants if not tried(m, rule, (), edition_for(rule), Past()).killed] == []


def test_a_rule_without_an_example_proves_nothing() -> None:
    rule = replace(CATALOGUE.rules["client.pages-without-gaps"], examples=[])
    assert run(rule, lambda talk: talk) == (0, False)


def test_a_conversation_is_judged_on_the_side_that_the_rule_binds() -> None:
    """Of a rule that binds the server recorded journeys are changed as a whole: who lost a race has won it, too."""
    rule = CATALOGUE.rules["workitem.one-claim-wins"]
    said = [
        replace(exchange("PUT", "workitems/2.25.1/state", [change("IN PROGRESS", f"2.25.{n}")], status, step="claim"),
                seq=n, journey="web.workitems.race#1")
        for n, status in enumerate((200, 409), 1)
    ]  # fmt: skip
    assert run(rule, lambda told: (told[0], told[0]), *said) == (1, True)
    assert run(rule, lambda told: told, *said) == (1, False)
    assert run(rule, lambda told: None, *said) == (0, False)
