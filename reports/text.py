"""Knows how one verdict reads as plain text, with the command that shows it again.

Must not know where the text goes.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.record import Run
from harness.rule import Finding
from harness.verdict import Outcome, Verdict
from reports.command import again
from reports.visible import clip, in_line, visible
from reports.words import names, place

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
    shown = verdict.findings[:FINDINGS]
    called = names(run, (f.seq for f in shown))
    lines += [finding_text(f, called) for f in shown]
    if verdict.found > FINDINGS:
        lines.append(f"  … {verdict.found} findings in all")
    if verdict.outcome in (Outcome.FAIL, Outcome.WARN, Outcome.WAIVED, Outcome.ERROR):
        lines.append(f"  again: {again(run, verdict.rule)}")
    return visible("\n".join(lines))


def finding_text(finding: Finding, called: Mapping[int, str]) -> str:
    """One finding in one line: exchange or file, place, got, want."""
    texts = (place(called, finding.seq), finding.where, finding.got, finding.want)
    named, where, got, want = (in_line(clip(text, MOST)) for text in texts)
    policy = f" (policy {finding.policy})" if finding.policy else ""
    return f"  {named}, {where}: got {got}; want {want}{policy}"
