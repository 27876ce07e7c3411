"""What every control is checked for (DESIGN section 5): who lies, refuses or stays mute earns no pass on content."""

from __future__ import annotations

from pathlib import Path

import suites
from dicomproof.run import Options, check
from harness.record import read
from harness.target import Target
from harness.verdict import Exit, Outcome


def nobody_is_fooled(name: str, folder: Path, only: str = "") -> None:
    """The run, of these rules, ends; nothing of ours breaks, and no rule about content passes."""
    target = Target(f"sim:control={name}", simulator="control", which=name, deadline=0.3, body=1 << 20)
    # one nonce for all: what is loaded is made once
    result = check(target, Options(folder, only, examples=2, seed=1, nonce="CONTROL"))
    rules = suites.load().rules
    passed = [v.rule for v in result.verdicts if v.outcome is Outcome.PASS and rules[v.rule].content]
    assert passed == []
    assert result.code in (Exit.NONCONFORMITY, Exit.UNREACHABLE)
    run = read(folder)
    assert [n["text"] for n in run.notes if n["about"] == "error"] == []
    assert all(v.outcome is not Outcome.ERROR for v in run.verdicts)
