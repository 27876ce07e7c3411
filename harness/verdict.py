"""Knows what a judgement came to: outcome, findings, counts, waiver; and how it is written in a record.

Must not know how it was reached.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.rule import Finding, Rule


class Outcome(enum.Enum):
    """In the order of how much they weigh; a group of verdicts takes the first that occurs in it."""

    ERROR = "error"
    FAIL = "fail"
    WARN = "warn"
    WAIVED = "waived"
    BLOCKED = "blocked"
    PASS = "pass"
    NOT_EXERCISED = "not-exercised"
    NOT_CLAIMED = "not-claimed"


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted deviation. `rule` is an exact id; `where` limits it to findings whose place or exchange fits."""

    rule: str
    reason: str
    owner: str
    until: datetime.date
    where: str = ""

    def to_json(self) -> dict[str, str]:
        return {
            "rule": self.rule,
            "where": self.where,
            "reason": self.reason,
            "owner": self.owner,
            "until": self.until.isoformat(),
        }

    @classmethod
    def from_json(cls, line: Mapping[str, str]) -> Waiver:
        until = datetime.date.fromisoformat(line["until"])
        return cls(line["rule"], line["reason"], line["owner"], until, line.get("where", ""))

    def covers(self, rule: str, finding: Finding, today: datetime.date) -> bool:
        return self.rule == rule and today <= self.until and (not self.where or self.where in finding.where)


@dataclass(frozen=True)
class Verdict:
    """What one rule says of a whole record. `samples` are exchanges that exercised it, findings come first."""

    rule: str
    cites: str
    level: str
    who: str
    basis: str
    service: str
    says: str
    outcome: Outcome
    verifies: tuple[str, ...] = ()
    exercised: int = 0
    found: int = 0
    findings: tuple[Finding, ...] = ()
    samples: tuple[int, ...] = ()
    why: str = ""
    waiver: Waiver | None = None
    due: bool = True

    @classmethod
    def of(cls, rule: Rule[Any], outcome: Outcome, **more: Any) -> Verdict:
        return cls(
            rule=rule.id,
            cites=rule.cites,
            level=rule.level.value,
            who=rule.who.value,
            basis=rule.basis.value,
            service=rule.service,
            says=rule.says,
            verifies=rule.verifies,
            due=rule.due,
            outcome=outcome,
            **more,
        )

    @property
    def binding(self) -> bool:
        return self.level in ("SHALL", "SHALL NOT")

    def to_json(self) -> dict[str, Any]:
        """The verdict as a line of the record, without its `kind`."""
        line: dict[str, Any] = {
            "rule": self.rule,
            "cites": self.cites,
            "level": self.level,
            "role": self.who,
            "basis": self.basis,
            "service": self.service,
            "says": self.says,
            "requirements": list(self.verifies),
            "outcome": self.outcome.value,
            "exercised": self.exercised,
            "found": self.found,
            "findings": [_finding_json(f) for f in self.findings],
            "samples": list(self.samples),
        }
        if not self.due:
            line["due"] = False
        if self.why:
            line["why"] = self.why
        if self.waiver:
            line["waiver"] = self.waiver.to_json()
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Verdict:
        waiver = line.get("waiver")
        return cls(
            rule=line["rule"],
            cites=line["cites"],
            level=line["level"],
            who=line["role"],
            basis=line["basis"],
            service=line["service"],
            says=line["says"],
            verifies=tuple(line["requirements"]),
            outcome=Outcome(line["outcome"]),
            exercised=line["exercised"],
            found=line["found"],
            findings=tuple(_finding(f) for f in line["findings"]),
            samples=tuple(line["samples"]),
            why=line.get("why", ""),
            due=line.get("due", True),
            waiver=Waiver.from_json(waiver) if waiver else None,
        )


def _finding_json(finding: Finding) -> dict[str, Any]:
    line: dict[str, Any] = {
        "seq": finding.seq,
        "where": finding.where,
        "got": finding.got,
        "want": finding.want,
    }
    if finding.warn:
        line["warn"] = True
    if finding.policy:
        line["policy"] = finding.policy
    return line


def _finding(line: Mapping[str, Any]) -> Finding:
    return Finding(
        got=line["got"],
        want=line["want"],
        where=line["where"],
        seq=line["seq"],
        warn=line.get("warn", False),
        policy=line.get("policy", ""),
    )


@dataclass
class Tally:
    """What a rule met so far: the raw material of its verdict."""

    exercised: dict[str, int] = field(default_factory=dict)  # by service
    findings: list[tuple[tuple[bool, int, int, int], Finding]] = field(default_factory=list)  # with their order
    found: int = 0
    failed: int = 0  # findings above a warning
    samples: list[int] = field(default_factory=list)
    blocked: str = ""
    error: str = ""


class Exit(enum.IntEnum):
    """Exit codes of the command line (DESIGN section 8); scripts depend on them."""

    CONFORMS = 0
    NONCONFORMITY = 1
    USAGE = 2
    UNREACHABLE = 3
    OURS = 4
    INTERRUPTED = 130  # Ctrl-C, as shells say it


def exit_code(verdicts: Iterable[Verdict], all_due: bool) -> Exit:
    """What a run came to.

    `all_due`: every claimed SHALL must have been exercised; a read-only run, which cannot exercise them all,
    is judged by what it could.
    """
    outcomes: set[Outcome] = set()
    missing = False
    for verdict in verdicts:
        outcomes.add(verdict.outcome)
        open_ends = verdict.outcome in (Outcome.NOT_EXERCISED, Outcome.BLOCKED)
        missing |= open_ends and verdict.binding and verdict.due
    if Outcome.ERROR in outcomes:
        return Exit.OURS
    if Outcome.FAIL in outcomes:
        return Exit.NONCONFORMITY
    if not outcomes & {Outcome.PASS, Outcome.WARN, Outcome.WAIVED}:
        return Exit.UNREACHABLE
    return Exit.NONCONFORMITY if missing and all_due else Exit.CONFORMS
