"""Knows how a watching looks while it goes: one live line on a terminal, and a line for everything that is red.

Must not know how verdicts come about.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dicomproof.show import said_in
from dicomproof.watch import Events
from harness.association import Evidence
from harness.judge import Met

SHOWN = 40  # lines about red exchanges before the reader is sent to the report


@contextlib.contextmanager
def watching(console: Console) -> Iterator[Events]:
    """Events of a watching that show themselves as they come."""
    bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console,
                   transient=True, disable=not console.is_terminal)  # fmt: skip
    task = bar.add_task("nobody has come by yet", total=None)
    counts: Counter[str] = Counter()

    def plainly(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def serving(places: Sequence[str]) -> None:
        plainly(f"Watching; have the clients speak to {' and '.join(places)}. Ctrl-C ends it.")

    def evidence(x: Evidence, met: Met) -> None:
        red = sorted({rule for rule, finding in met if not finding.warn})
        counts["seen"] += 1
        counts["red"] += bool(red)
        bar.update(task, description=f"{counts['seen']} seen, {counts['red']} with failures")
        if red and counts["red"] <= SHOWN:
            plainly(f"{x.called}: {said_in(x)}; red: {', '.join(red)}")
        if red and counts["red"] == SHOWN + 1:
            plainly("… and more; the report has all of them.")
        x.forget()

    def behind(waiting: int) -> None:
        plainly(f"{waiting} more are being judged …")

    with bar:
        yield Events(serving, evidence, behind)
