"""Knows how one verdict reads as plain text, and the command that shows it again.

Must not know where the text goes.
"""

from __future__ import annotations

import shlex

from harness.record import Run
from harness.rule import Finding
from harness.verdict import Outcome, Verdict


def again(run: Run, rule: str) -> str:
    """The command that shows a rule's verdict again; the one that made the run, narrowed to the rule."""
    command: str = run.header.get("command", "")
    if "{rule}" in command:
        return command.replace("{rule}", shlex.quote(rule))
    return f"dicomproof judge {shlex.quote(run.path.name)} --only {shlex.quote(rule)}"


def verdict_text(run: Run, verdict: Verdict) -> str:
    """Everything that matters of a verdict, a line each."""
    lines = [
        f"{verdict.rule}   {verdict.level}   {verdict.cites}   basis: {verdict.basis}",
        f"  {verdict.says}",
    ]
    if verdict.why:
        lines.append(f"  {verdict.outcome.value}: {verdict.why.strip()}")
    lines += [finding_text(f) for f in verdict.findings[:5]]
    if verdict.found > 5:
        lines.append(f"  … {verdict.found} findings in all")
    if verdict.outcome in (Outcome.FAIL, Outcome.WARN, Outcome.WAIVED):
        lines.append(f"  again: {again(run, verdict.rule)}")
    return "\n".join(lines)


def finding_text(finding: Finding) -> str:
    policy = f" (policy {finding.policy})" if finding.policy else ""
    return f"  exchange {finding.seq}, {finding.where}: got {finding.got}; want {finding.want}{policy}"
