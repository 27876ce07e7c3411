"""Probes of the upper layer at the reference simulator: it breaks no rule, our own part breaks none that we did not
mean to, and every mutant of what was recorded turns its rule red."""

from __future__ import annotations

import pytest

from harness.association import Association
from harness.rule import At, Mutant
from tests.suites.upper_layer import PROBES, RULES, US, broken, found, recorded, subjects

MUTANTS = [m for rule in RULES.values() for m in rule.mutants]


@pytest.fixture(scope="module")
def said() -> list[Association]:
    return recorded()


def test_every_probe_said_something_and_left_the_target_well(said: list[Association]) -> None:
    assert {a.probe for a in said} == {p.id for p in PROBES}
    assert [a.seq for a in said if not a.said] == []
    last = {a.probe: a for a in said if not a.journey}
    assert [p for p, a in last.items() if a.ending != "release" and p != "association.tolerance"] == []


def test_the_reference_simulator_breaks_no_rule(said: list[Association]) -> None:
    met = {
        (name, getattr(s, "seq", 0), f.got, f.where)
        for name, rule in RULES.items()
        for s in subjects(rule, said)
        for f in found(name, s) or ()
    }
    assert met == set()


def test_what_we_ask_breaks_no_rule_unless_it_means_to(said: list[Association]) -> None:
    ours = [a.but(judged=frozenset({US})) for a in said if not a.facts.get("provoked")]
    met = [
        (name, a.probe, f.got, f.where)
        for name, rule in RULES.items()
        if rule.over is Association
        for a in ours
        for f in found(name, a) or ()
    ]
    assert met == []


def test_rules_on_acceptors_are_exercised(said: list[Association]) -> None:
    """All but those on what the acceptor of an ordinary product does not do by itself."""
    idle = {
        name
        for name, rule in RULES.items()
        if rule.who.value != "requestor" and all(found(name, s) is None for s in subjects(rule, said))
    }
    assert idle == {
        "association.operations-in-role",
        "association.user-is-rejected-for-good",
        "association.window-is-kept",
    }


def test_every_mutant_acts_on_pdus() -> None:
    assert {m.at for m in MUTANTS} == {At.PDU}
    assert [name for name, rule in RULES.items() if not rule.mutants] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.id)
def test_a_rule_is_red_for_each_of_its_mutants(mutant: Mutant, said: list[Association]) -> None:
    rule = RULES[mutant.rule]
    changed = (broken(mutant, a) for a in said if a.journey or rule.over is Association)
    assert any(found(mutant.rule, s) for s in subjects(rule, changed))
