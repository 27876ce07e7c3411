"""The controls (DESIGN section 5): who lies, refuses or stays mute earns no pass on content; nobody hangs a run."""

from __future__ import annotations

from pathlib import Path

import pytest

import suites
from dicomproof.run import Options, check
from dicomproof.sims import CONTROLS
from harness.record import read
from harness.target import Target
from harness.verdict import Exit, Outcome
from simulators.dimse import controls as dimse


@pytest.mark.parametrize("name", [*CONTROLS, *(f"dimse-{name}" for name in dimse.CONTROLS)])
def test_no_content_rule_passes(name: str, tmp_path: Path) -> None:
    target = Target(f"sim:control={name}", simulator="control", which=name, deadline=0.3, body=1 << 20)
    result = check(target, Options(tmp_path, examples=3))
    rules = suites.load().rules
    passed = [v.rule for v in result.verdicts if v.outcome is Outcome.PASS and rules[v.rule].content]
    assert passed == []
    assert result.code in (Exit.NONCONFORMITY, Exit.UNREACHABLE)
    run = read(tmp_path)
    assert [n["text"] for n in run.notes if n["about"] == "error"] == []
    assert all(v.outcome is not Outcome.ERROR for v in run.verdicts)
