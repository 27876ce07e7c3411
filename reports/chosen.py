"""Knows which exchanges and associations a page holds: each once, those that show a fault first, within bounds.

Must not know how they are laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.association import Association, Evidence
from harness.record import Run
from harness.verdict import Verdict
from reports.association import Ladder, ladder
from reports.evidence import TEXT, Shown, shown
from reports.whole import RED

BUDGET = 4_500_000  # octets of all exchanges together, as they stand in the page
MOST = 1200  # exchanges; a browser has to lay them out
LEAST = 700  # characters that a body keeps, however many exchanges there are
SAMPLE = 3  # the turn at which an exchange that shows nothing wrong comes


def numbers(verdict: Verdict) -> list[int]:
    """The exchanges that a verdict names: of its findings, else the samples that exercised it."""
    return list(dict.fromkeys([f.seq for f in verdict.findings if f.seq] or verdict.samples))


View = Shown | Ladder


def view_of(x: Evidence, room: int = TEXT) -> View:
    """An exchange or an association as a person sees it."""
    return ladder(x, room) if isinstance(x, Association) else shown(x, room)


def chosen(run: Run, verdicts: Sequence[Verdict], lay_out: Callable[[View], str]) -> dict[int, tuple[View, str]]:
    """Exchange number -> the exchange and its text as `lay_out` gave it, in the order of the numbers."""
    wanted = [n for n in dict.fromkeys(_in_turn(verdicts)) if run.has(n)][:MOST]
    room = max(LEAST, min(TEXT, BUDGET // (4 * max(len(wanted), 1))))
    kept: dict[int, tuple[View, str]] = {}
    spent = 0
    for number in wanted:
        view = view_of(run.evidence(number), room)
        text = lay_out(view)
        size = len(text.encode("utf-8"))
        if spent + size <= BUDGET:
            spent += size
            kept[number] = (view, text)
    return dict(sorted(kept.items()))


def _in_turn(verdicts: Sequence[Verdict]) -> Iterator[int]:
    """First the first exchange of every fault, then the second ones, and one for what passed in between."""
    queue: list[tuple[int, int, int]] = []
    for place, verdict in enumerate(verdicts):
        if verdict.outcome in RED:
            queue += [(turn, place, n) for turn, n in enumerate(numbers(verdict))]
        else:
            queue += [(SAMPLE, place, n) for n in numbers(verdict)[:1]]
    return (n for _, _, n in sorted(queue))
