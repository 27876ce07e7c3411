"""The mutant matrix of the web and of files: every rule catches the defects that stand under it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import suites
from dicomproof.matrix import Answers, row_of, scratch
from dicomproof.sims import doors_of
from harness.rule import Mutant

CATALOGUE = suites.load()
MUTANTS = [m for m in CATALOGUE.mutants.values() if "dimse" not in doors_of(CATALOGUE.rules[m.rule])]


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with scratch() as folder:
        yield Answers(folder)


def test_every_rule_has_a_mutant() -> None:
    assert [rule.id for rule in CATALOGUE.rules.values() if not rule.mutants] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.id)
def test_its_rule_turns_red(mutant: Mutant, answers: Answers) -> None:
    row = row_of(mutant, answers)
    assert row.killed, row.why
