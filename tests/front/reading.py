"""What the tests of `dicomproof read` have in common: a good file, and what a reading came to."""

from __future__ import annotations

from collections.abc import Callable

from dicomproof.run import Result
from harness import record
from harness.make.corpus import corpus
from harness.verdict import Outcome, Verdict

SAMPLE = corpus(1, "READ")[0].part10
META_END = 144 + int.from_bytes(SAMPLE[140:144], "little")
RED = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR, Outcome.BLOCKED)
Judged = Callable[..., Result]


def red(result: Result) -> dict[str, Verdict]:
    return {v.rule: v for v in result.verdicts if v.outcome in RED}


def notes(result: Result, about: str = "unread") -> list[str]:
    assert result.out is not None
    return [n["text"] for n in record.read(result.out).notes if n["about"] == about]
