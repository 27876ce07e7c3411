"""Knows what a run came to as a whole: whether it reached its end, what was due and not shown, and the one sentence.

Must not know the form of any report.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.record import Run
from harness.verdict import Outcome, Verdict

GAPS = (Outcome.BLOCKED, Outcome.NOT_EXERCISED, Outcome.NOT_CLAIMED)
RED = (Outcome.ERROR, Outcome.FAIL, Outcome.WARN, Outcome.WAIVED)
FULL = ("complete", "judged again")  # how a run ends that did all it set out to do


@dataclass(frozen=True)
class Whole:
    """`due`: binding demands that every such product has to meet; `open`: those of them that were not shown.

    `ended` says why the run stopped early, '' when it did not.
    """

    counts: Counter[str]
    due: int
    open: tuple[Verdict, ...]
    optional: int  # gaps that are no fault: optional behaviour, or services that are not claimed
    ended: str

    @property
    def state(self) -> str:
        """The outcome that the whole is coloured by: error, fail, blocked (not all was shown) or pass."""
        if self.ended or self.counts["error"]:
            return "error"
        if self.counts["fail"]:
            return "fail"
        return "blocked" if self.open or not self.exercised else "pass"

    @property
    def exercised(self) -> int:
        return sum(self.counts[o] for o in ("pass", "fail", "warn", "waived"))

    @property
    def says(self) -> str:
        """What the run shows, in a sentence or two that claim no more than it does."""
        fails = self.counts["fail"]
        found = f"{_rules(fails)} found nonconformities." if fails else ""
        if self.ended:
            return f"{found} The run did not come to its end, so it is no result for the whole product.".strip()
        if self.counts["error"]:
            broke = _rules(self.counts["error"])
            return f"{found} dicomproof itself broke on {broke}, so the result is not whole.".strip()
        if found:
            return found
        if not self.exercised:
            return "Nothing was exercised, so nothing is shown."
        if self.open:
            return f"No nonconformity was found, but {_demands(len(self.open))} not shown to be met."
        return "No nonconformity was found, and every binding demand that was due was exercised."


def whole(run: Run) -> Whole:
    """What the run came to."""
    due = [v for v in run.verdicts if v.binding and v.due and v.outcome is not Outcome.NOT_CLAIMED]
    gaps = [v for v in run.verdicts if v.outcome in GAPS]
    missing = tuple(v for v in due if v.outcome in GAPS)
    reason = str(run.end["reason"])
    said = next((str(n["text"]) for n in run.notes if n["about"] == "ended"), "")
    return Whole(
        counts=Counter(v.outcome.value for v in run.verdicts),
        due=len(due),
        open=missing,
        optional=len(gaps) - len(missing),
        ended="" if reason in FULL else said or f"It ended early: {reason}.",
    )


def _demands(count: int) -> str:
    return "1 binding demand was" if count == 1 else f"{count} binding demands were"


def _rules(count: int) -> str:
    return "1 rule" if count == 1 else f"{count} rules"
