"""Knows the report page: one self-contained HTML file made of the record, read in a browser or in print.

Must not know how verdicts came about; the layout is in templates/page.html.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jinja2

from harness.context import POLICIES
from harness.record import Run
from harness.verdict import Outcome, Verdict
from reports.evidence import Shown, shown
from reports.text import again

TEMPLATES = Path(__file__).parent / "templates"
EXCHANGES = 3  # shown with one verdict; the others are named by number
FINDINGS = 12

GAPS = (Outcome.BLOCKED, Outcome.NOT_EXERCISED, Outcome.NOT_CLAIMED)


@dataclass(frozen=True)
class Row:
    """One verdict as the page shows it."""

    verdict: Verdict
    again: str
    exchanges: tuple[Shown, ...] = ()
    unshown: tuple[int, ...] = ()

    @property
    def outcome(self) -> str:
        return self.verdict.outcome.value

    @property
    def words(self) -> str:
        """What the search box looks through, in lower case."""
        v = self.verdict
        found = " ".join(f"{f.where} {f.got} {f.want}" for f in v.findings)
        return f"{v.rule} {v.cites} {v.says} {v.level} {v.service} {' '.join(v.verifies)} {found} {v.why}".lower()


@dataclass(frozen=True)
class Service:
    """One line of the matrix."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def worst(self) -> str:
        return next((o.value for o in Outcome if self.counts[o.value]), "")


def page(run: Run) -> str:
    """The whole page; the same record gives the same text."""
    rows = [_row(run, v) for v in sorted(run.verdicts, key=_order)]
    counts = Counter(r.outcome for r in rows)
    return _template().render(
        run=run,
        header=run.header,
        name=_name(run),
        rows=rows,
        gaps=[r for r in rows if r.verdict.outcome in GAPS],
        services=_services(run),
        outcomes=[o.value for o in Outcome],
        counts=counts,
        policies=[(POLICIES[n], c) for n, c in run.header["policies"].items() if n in POLICIES],
        errors=[n for n in run.notes if n["about"] in ("error", "skipped", "stopped", "no-data")],
        ended=next((n["text"] for n in run.notes if n["about"] == "ended"), ""),
        findings_shown=FINDINGS,
        not_shown=[r for r in rows if r.verdict.outcome in GAPS and r.verdict.binding and r.verdict.due],
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # everything a product said is text, never markup
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html")


def _name(run: Run) -> str:
    target = run.header["target"]
    words = [target.get(k, "") for k in ("vendor", "product", "version")]
    return " ".join(w for w in words if w) or str(target["word"])


def _order(verdict: Verdict) -> tuple[int, str, str]:
    return list(Outcome).index(verdict.outcome), verdict.service, verdict.rule


def _services(run: Run) -> list[Service]:
    names = sorted({v.service for v in run.verdicts})
    return [Service(n, Counter(v.outcome.value for v in run.verdicts if v.service == n)) for n in names]


def _row(run: Run, verdict: Verdict) -> Row:
    red = verdict.outcome in (Outcome.FAIL, Outcome.WARN, Outcome.WAIVED, Outcome.ERROR)
    numbers = list(dict.fromkeys([f.seq for f in verdict.findings if f.seq] or verdict.samples))
    kept = numbers[: EXCHANGES if red else 1]
    exchanges = tuple(shown(run.exchange(n)) for n in kept)
    return Row(verdict, again(run, verdict.rule), exchanges, tuple(n for n in numbers if n not in kept))
