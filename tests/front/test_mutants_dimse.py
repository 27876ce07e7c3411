"""The mutant matrix of DIMSE, and of what goes through both doors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import suites
from dicomproof.matrix import Answers, row_of, scratch
from dicomproof.sims import doors_of
from harness.rule import Mutant

CATALOGUE = suites.load()
MUTANTS = [m for m in CATALOGUE.mutants.values() if "dimse" in doors_of(CATALOGUE.rules[m.rule])]


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with scratch() as folder:
        yield Answers(folder)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.id)
def test_its_rule_turns_red(mutant: Mutant, answers: Answers) -> None:
    row = row_of(mutant, answers)
    assert row.killed, row.why
