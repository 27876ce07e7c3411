"""Knows how one verdict reads as plain text, with the command that shows it again.

Must not know where the text goes.
"""

from __future__ import annotations

from harness.record import Run
from harness.rule import Finding
from harness.verdict import Outcome, Verdict
from reports.command import again
from reports.visible import clip, in_line, visible

FINDINGS = 5
MOST = 2000  # characters of one text out of a product's mouth


def verdict_text(run: Run, verdict: Verdict) -> str:
    """Everything that matters of a verdict, a line each."""
    lines = [
        f"{verdict.rule}   {verdict.level}   {verdict.cites}   basis: {verdict.basis}",
        f"  {verdict.says}",
    ]
    if verdict.why:
        lines.append(f"  {verdict.outcome.value}: {clip(verdict.why.strip(), MOST)}")
    if verdict.waiver:
        lines.append(f"  waived until {verdict.waiver.until.isoformat()} by {verdict.waiver.owner}")
    lines += [finding_text(f) for f in verdict.findings[:FINDINGS]]
    if verdict.found > FINDINGS:
        lines.append(f"  … {verdict.found} findings in all")
    if verdict.outcome in (Outcome.FAIL, Outcome.WARN, Outcome.WAIVED, Outcome.ERROR):
        lines.append(f"  again: {again(run, verdict.rule)}")
    return visible("\n".join(lines))


def finding_text(finding: Finding) -> str:
    """One finding in one line: exchange, place, got, want."""
    where, got, want = (in_line(clip(t, MOST)) for t in (finding.where, finding.got, finding.want))
    policy = f" (policy {finding.policy})" if finding.policy else ""
    return f"  exchange {finding.seq}, {where}: got {got}; want {want}{policy}"
