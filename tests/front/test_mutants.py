"""The mutant matrix: every rule catches the defects that stand under it, and every rule has at least one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import suites
from dicomproof.matrix import Answers, scratch, served
from harness.rule import At, Mutant

CATALOGUE = suites.load()


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with scratch() as folder:
        yield Answers(folder)


def test_every_rule_has_a_mutant() -> None:
    assert [rule.id for rule in CATALOGUE.rules.values() if not rule.mutants] == []


@pytest.mark.parametrize("mutant", CATALOGUE.mutants.values(), ids=lambda m: m.id)
def test_its_rule_turns_red(mutant: Mutant, answers: Answers) -> None:
    row = answers.tried(mutant) if mutant.at is At.ANSWER else served(mutant)
    assert row.killed, row.why
