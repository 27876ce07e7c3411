"""Knows how a run looks while it goes and when it is over: a live table on a terminal, plain lines elsewhere.

Must not know how verdicts come about.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from dicomproof import read
from dicomproof.observe import Events as Observed
from harness.association import Association, Evidence
from harness.exchange import Exchange
from harness.files import Unread
from harness.judge import Met
from harness.rule import Probe
from harness.session import Events
from harness.verdict import Outcome, Verdict
from simulators.scenarios import names

STYLE = {
    Outcome.ERROR: "bold magenta",
    Outcome.FAIL: "bold red",
    Outcome.WARN: "yellow",
    Outcome.WAIVED: "cyan",
    Outcome.BLOCKED: "yellow",
    Outcome.PASS: "green",
    Outcome.NOT_EXERCISED: "dim",
    Outcome.NOT_CLAIMED: "dim",
}
EVERY = 250  # files between two plain lines
WORST = 12  # findings printed before the reader is sent to the report


@contextlib.contextmanager
def progress(console: Console) -> Iterator[Events]:
    """Events that show themselves as they come."""
    if not console.is_terminal:
        yield _plain(console)
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[asked]} exchanges"),
        TimeElapsedColumn(),
        console=console,
    )
    task = bar.add_task("loading data", total=None, asked=0)
    red: Counter[str] = Counter()
    counts = {"asked": 0}
    with Live(bar, console=console, refresh_per_second=8, transient=True) as live:

        def on_probe(probe: Probe, number: int, total: int) -> None:
            bar.update(task, description=probe.id, completed=number - 1, total=total)

        def on_exchange(x: Evidence, met: Met) -> None:
            counts["asked"] += 1
            bar.update(task, asked=counts["asked"])
            fresh = [rule for rule, finding in met if not finding.warn and not red[rule]]
            red.update(rule for rule, finding in met if not finding.warn)
            if fresh:
                live.update(Group(bar, _live_red(red)))

        yield Events(on_probe, on_exchange, lambda text: console.print(f"[yellow]{escape(text)}[/]"))


def _live_red(red: Counter[str]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    for rule, count in red.most_common(8):
        table.add_row("[red]red[/]", rule, f"{count}x")
    if len(red) > 8:
        table.add_row("", f"and {len(red) - 8} more rules", "")
    return table


def _plain(console: Console) -> Events:
    def on_probe(probe: Probe, number: int, total: int) -> None:
        console.print(f"probe {number}/{total} {probe.id}", markup=False, highlight=False)

    return Events(on_probe, lambda x, met: None, lambda text: console.print(text, markup=False, highlight=False))


@contextlib.contextmanager
def files(console: Console) -> Iterator[read.Events]:
    """Events of a reading that show themselves as they come: one live line on a terminal, a line now and then
    elsewhere; what is not read is told at once, as long as that fits a screen."""
    bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console,
                   transient=True, disable=not console.is_terminal)  # fmt: skip
    task = bar.add_task("reading files", total=None)
    counts: Counter[str] = Counter()

    def on_file(x: Exchange, met: Met) -> None:
        counts["files"] += 1
        counts["flawed"] += any(not finding.warn for _, finding in met)
        line = f"{counts['files']} read, {counts['flawed']} with failures, {counts['unread']} not judged"
        bar.update(task, description=f"{line}  {escape(x.ask.target[-60:])}")
        if not console.is_terminal and counts["files"] % EVERY == 0:
            console.print(line, markup=False, highlight=False)

    def on_unread(unread: Unread) -> None:
        counts["unread"] += 1
        if counts["unread"] <= WORST:
            console.print(f"not judged: {unread}", markup=False, highlight=False, soft_wrap=True)
        elif counts["unread"] == WORST + 1:
            console.print("… and more; the record names each.", markup=False, highlight=False)

    with bar:
        yield read.Events(on_file, on_unread)


@contextlib.contextmanager
def clients(console: Console) -> Iterator[Observed]:
    """Events of an observation: a line when it begins, and one for each association or exchange that is over."""
    counts: Counter[str] = Counter()

    def plainly(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def serving(places: Sequence[str], holds: str) -> None:
        told = f", {holds}" if holds else ""
        plainly(f"Serving at {' and '.join(places)}{told}; Ctrl-C ends the observation.")

    def over(x: Evidence, met: Met) -> None:
        red = sorted({rule for rule, finding in met if not finding.warn})
        counts["said"] += 1
        if red or counts["said"] <= EVERY:
            told = f"; red: {', '.join(red)}" if red else ""
            plainly(f"{x.called}: {said_in(x)}{told}")
        if not red and counts["said"] == EVERY + 1:
            plainly("… from here on only what is red is shown.")
        x.forget()

    yield Observed(serving, over)


def said_in(x: Evidence) -> str:
    """What was said in one exchange or association, in a line."""
    if isinstance(x, Association):
        names = ", ".join(dict.fromkeys(o.request.name for o in x.operations)) or "no message"
        return f"{names}, {x.ending}"
    asked = x.ask.line if x.ask.method else "octets that are no request"
    return f"{asked if len(asked) < 160 else f'{asked[:160]}…'}, {x.answer.line}"


def scenarios(console: Console) -> None:
    """The scenarios that can be played to a client."""
    table = Table(title="Scenarios of observe --web", title_justify="left")
    table.add_column("scenario", no_wrap=True)
    table.add_column("what it does")
    for name, says in names().items():
        table.add_row(name, escape(says))
    console.print(table)


Kind = tuple[str, Callable[[Verdict], str]]


def summary(
    console: Console,
    verdicts: Sequence[Verdict],
    again: str,
    names: Mapping[int, str] | None = None,
    kind: Kind | None = None,
) -> None:
    """The verdict by service, then the worst findings, each with the command that shows it again.

    `names`: what to call an exchange, where it has a better name than its number. `kind`: what a verdict is counted
    under, and how that is called.
    """
    heading, kind_of = kind or ("service", lambda verdict: verdict.service)
    seen = {v.outcome for v in verdicts} | {Outcome.FAIL, Outcome.WARN, Outcome.PASS}
    columns = [o for o in Outcome if o in seen]
    table = Table(title=f"Verdicts by {heading}", title_justify="left")
    table.add_column(heading, no_wrap=True)
    for outcome in columns:
        table.add_column(outcome.value.replace("-", "-\n"), justify="right", no_wrap=True)
    for name in sorted({kind_of(v) for v in verdicts}):
        counts = Counter(v.outcome for v in verdicts if kind_of(v) == name)
        table.add_row(name, *(_cell(counts[o], o) for o in columns))
    console.print(table)
    worst = sorted((v for v in verdicts if v.outcome in (Outcome.ERROR, Outcome.FAIL, Outcome.WARN)), key=_weight)
    for verdict in worst[:WORST]:
        _finding(console, verdict, again, names or {})
    if len(worst) > WORST:
        console.print(f"… and {len(worst) - WORST} more; the report has all of them.", highlight=False)


def _cell(count: int, outcome: Outcome) -> str:
    return f"[{STYLE[outcome]}]{count}[/]" if count else "·"


def _weight(verdict: Verdict) -> tuple[int, str]:
    return list(Outcome).index(verdict.outcome), verdict.rule


def _finding(console: Console, verdict: Verdict, again: str, names: Mapping[int, str]) -> None:
    outcome = f"[{STYLE[verdict.outcome]}]{verdict.outcome.value}[/]"
    console.print(
        f"{outcome} [bold]{escape(verdict.rule)}[/]  {verdict.level}  {escape(verdict.cites)}", highlight=False
    )
    console.print(f"  {escape(verdict.says)}", highlight=False)
    if verdict.outcome is Outcome.ERROR:
        console.print(f"  our own fault: {escape(verdict.why.strip().splitlines()[-1])}", highlight=False)
        return
    first = verdict.findings[0]
    where = f"{names.get(first.seq, f'exchange {first.seq}')}, {first.where}"
    console.print(f"  {escape(where)}: got {escape(_line(first.got))}", highlight=False)
    console.print(f"  want {escape(_line(first.want))}   ({verdict.found} in all)", highlight=False)
    console.print(f"  again: {escape(again.replace('{rule}', verdict.rule))}", highlight=False, soft_wrap=True)


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 240 else f"{flat[:240]}…"
