"""Orthanc, checked whole: its verdicts are those of the committed file, no more and no fewer."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from dicomproof.run import Options, check
from harness.record import read
from harness.target import parse
from harness.verdict import Outcome
from tests.real.orthanc import missing, orthanc

EXPECTED = Path(__file__).with_name("orthanc-1.10.1.toml")
RED = (Outcome.ERROR, Outcome.FAIL, Outcome.WARN)


def expected() -> dict[str, dict[str, str]]:
    return {row["rule"]: row for row in tomllib.loads(EXPECTED.read_text(encoding="utf-8"))["finding"]}


def test_every_expected_finding_says_why_orthanc_is_wrong_by_the_text() -> None:
    for rule, row in expected().items():
        assert "PS3." in row["why"] or "RFC" in row["why"], f"{rule}: name the clause"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    if why := missing():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("orthanc")
    with orthanc(folder / "server") as base:
        target = replace(parse(base), uri_service=base.rsplit("/", 1)[0] + "/wado")
        check(target, Options(folder / "out", seed=1, nonce="ORTHANC"))
    run = read(folder / "out")
    broken = [n["text"] for n in run.notes if n["about"] == "error"]
    assert not broken, "\n".join(broken)
    return {v.rule: v.outcome.value for v in run.verdicts}


def test_the_verdicts_are_the_expected_ones(outcomes: dict[str, str]) -> None:
    red = {rule: outcome for rule, outcome in outcomes.items() if outcome in {o.value for o in RED}}
    assert red == {rule: row["outcome"] for rule, row in expected().items()}


def test_nothing_is_left_blocked(outcomes: dict[str, str]) -> None:
    assert [rule for rule, outcome in outcomes.items() if outcome == "blocked"] == []
