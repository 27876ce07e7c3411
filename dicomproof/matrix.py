"""Knows how the mutant matrix is run: every mutant through the door, its rule must turn red.

Must not know particular rules or mutants.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

import suites
from dicomproof.run import Options, check
from harness.context import EDITIONS
from harness.rule import Mutant
from harness.target import Target
from harness.verdict import Outcome

MEMORY_DISK = Path("/dev/shm")


@dataclass(frozen=True)
class Row:
    """What became of one mutant: `others` are further rules that it turned red, `why` explains a survivor."""

    mutant: str
    rule: str
    killed: bool
    others: tuple[str, ...]
    why: str


def run_one(mutant: Mutant, whole: bool = False, seed: int = 0, examples: int = 5) -> Row:
    """Check the simulator with this defect by the probes of its rule (`whole`: by every probe and rule)."""
    catalogue = suites.load()
    rule = catalogue.rules[mutant.rule]
    edition = rule.until or rule.since or ""
    with tempfile.TemporaryDirectory(prefix="mutant-", dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
        target = Target(f"sim:mutant={mutant.id}", simulator="mutant", which=mutant.id, deadline=3.0)
        options = Options(
            Path(folder, "out"),
            only="" if whole else mutant.rule,
            edition=_edition(edition),
            seed=seed,
            examples=examples,
            data=Path(folder, "data"),
        )
        verdicts = check(target, options).verdicts
    red = {v.rule: v for v in verdicts if v.outcome in (Outcome.FAIL, Outcome.WARN)}
    own = next(v for v in verdicts if v.rule == mutant.rule)
    wanted = Outcome.FAIL if rule.level.binding else Outcome.WARN
    killed = own.outcome is wanted or (own.outcome is Outcome.WARN and own.found > 0)
    why = "" if killed else f"{own.outcome.value} after {own.exercised} exercises {own.why}".strip()
    return Row(mutant.id, mutant.rule, killed, tuple(sorted(set(red) - {mutant.rule})), why)


def _edition(wanted: str) -> str:
    """An edition in which the rule applies: its bounds name one that we know, else the default."""
    return wanted if wanted in EDITIONS else ""


def matrix(chosen: Sequence[Mutant], console: Console) -> list[Row]:
    """Run every mutant, a line each as it ends."""
    rows = []
    for number, row in enumerate(_rows(chosen), 1):
        mark = "killed  " if row.killed else "SURVIVED"
        extra = f"  also red: {', '.join(row.others)}" if row.others else ""
        console.print(f"{number}/{len(chosen)} {mark} {row.mutant}  {row.why}{extra}", highlight=False, markup=False)
        rows.append(row)
    return rows


def _rows(chosen: Sequence[Mutant]) -> Iterator[Row]:
    for mutant in chosen:
        yield run_one(mutant)
