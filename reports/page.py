"""Knows the report page: one self-contained HTML file made of the record, read in a browser or in print.

Must not know how verdicts came about; the layout is in templates/.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from harness.context import POLICIES
from harness.record import Run
from harness.rule import Finding
from harness.verdict import Outcome, Verdict, Waiver
from reports.chosen import View, chosen, numbers
from reports.command import again
from reports.command import whole as whole_command
from reports.lives import lives
from reports.visible import clip, visible
from reports.whole import RED, whole
from reports.words import are_files, group_of, names, words

TEMPLATES = Path(__file__).parent / "templates"
FINDINGS = 20  # shown with one verdict
TEXTS = 2_000_000  # octets of all texts of findings together, as they stand in the page
LENGTHS = (2000, 1000, 500, 250, 120)  # characters that one text of a finding keeps, the first that fits
NOTES = 100
NAMED = 12  # exchanges that one verdict lists as evidence

TITLES = {
    Outcome.ERROR: "Faults of dicomproof",
    Outcome.FAIL: "Failed",
    Outcome.WARN: "Warnings",
    Outcome.WAIVED: "Waived",
    Outcome.BLOCKED: "Blocked",
    Outcome.PASS: "Passed",
    Outcome.NOT_EXERCISED: "Not exercised",
    Outcome.NOT_CLAIMED: "Not claimed",
}
NOTED = ("error", "skipped", "stopped", "no-data", "busy")  # what a person has to know; the others are for machines


@dataclass(frozen=True)
class Met:
    """What several exchanges have in common, found in each of them."""

    finding: Finding
    exchanges: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One verdict as the page shows it: its exchanges that the page holds, and the numbers of those it does not."""

    verdict: Verdict
    group: str
    again: str
    met: tuple[Met, ...] = ()
    exchanges: tuple[View, ...] = ()
    absent: tuple[int, ...] = ()

    @property
    def outcome(self) -> str:
        return self.verdict.outcome.value


@dataclass(frozen=True)
class Service:
    """One line of the matrix: a service, or a kind of file."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def worst(self) -> str:
        return next((o.value for o in Outcome if self.counts[o.value]), "")


@dataclass(frozen=True)
class Gap:
    """Verdicts that were not reached for the same reason."""

    outcome: str
    why: str
    verdicts: tuple[Verdict, ...]


def page(run: Run) -> str:
    """The whole page; the same record gives the same text."""
    verdicts = sorted(run.verdicts, key=_order)
    held = chosen(run, verdicts, _lay_out)
    views = {n: view for n, (view, _) in held.items()}
    found, more = lives(run)
    return (
        _environment()
        .get_template("page.html")
        .render(
            **_head(run),
            **_body(run, verdicts, views),
            lives=found,
            more_lives=more,
            called=names(run, (n for v in verdicts for n in numbers(v))),
            exchanges=[Markup(text) for _, text in held.values()],  # made by the template above, escaped there
        )
    )


def _lay_out(view: View) -> str:
    text: str = _macro(view.word)(view)
    return text


@cache
def _macro(word: str) -> Any:
    """The macro that lays out one kind of view; a template's module is made once, not for every view."""
    return getattr(_environment().get_template(f"{word}.html").module, word)


def _head(run: Run) -> dict[str, Any]:
    header, came, script = run.header, whole(run), _source("page.js")
    return {
        "run": run,
        "header": header,
        "target": header["target"],
        "name": _name(run),
        "when": datetime.fromisoformat(header["started"]).strftime("%Y-%m-%d %H:%M:%S %Z"),
        "command": whole_command(run),
        "came": came,
        "gaps": _gaps(came.open, words(run).meanings["not-exercised"]),
        "words": words(run),
        "files": are_files(run),
        "unread": [n["text"] for n in run.notes if n["about"] == "unread"],
        "read": next((n["text"] for n in run.notes if n["about"] == "read"), ""),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        "style": Markup(_source("page.css")),
    }


def _body(run: Run, verdicts: Sequence[Verdict], views: dict[int, View]) -> dict[str, Any]:
    counts = Counter(v.outcome.value for v in verdicts)
    rows = [_row(run, v, views) for v in verdicts]
    # where files are read, most policies are about what was never asked
    at_stake = {f.policy for v in verdicts for f in v.findings} if are_files(run) else set(POLICIES)
    return {
        "groups": [
            (o.value, TITLES[o], [r for r in rows if r.verdict.outcome is o]) for o in Outcome if counts[o.value]
        ],
        "services": _services(run),
        "outcomes": [o.value for o in Outcome if counts[o.value]],
        "red": [o.value for o in RED],
        "titles": {o.value: title for o, title in TITLES.items()},
        "meanings": words(run).meanings,
        "counts": counts,
        "rules": len(rows),
        "policies": [(POLICIES[n], c) for n, c in run.header["policies"].items() if n in POLICIES and n in at_stake],
        "changed": {n for n, c in run.header["policies"].items() if n in POLICIES and c != POLICIES[n].default},
        "waivers": _waivers(run),
        "notes": [n for n in run.notes if n["about"] in NOTED],
        "notes_shown": NOTES,
        "findings_shown": FINDINGS,
        "held": frozenset(views),
        "length": _length(verdicts),
    }


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # everything a product said is text, never markup
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["clip"] = clip
    return environment


def _finalize(value: Any) -> Any:
    """Nothing reaches the page unseen: plain strings are made visible, then escaped; our own markup passes."""
    return visible(value) if type(value) is str else value


@cache
def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _name(run: Run) -> str:
    target = run.header["target"]
    words = [str(target.get(k, "")) for k in ("vendor", "product", "version")]
    return clip(" ".join(w for w in words if w) or str(target["word"]), 200)


def _order(verdict: Verdict) -> tuple[int, str, str]:
    return list(Outcome).index(verdict.outcome), verdict.service, verdict.rule


def _services(run: Run) -> list[Service]:
    group = group_of(run)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in run.verdicts:
        found[group(verdict)][verdict.outcome.value] += 1
    return [Service(name, found[name]) for name in sorted(found)]


def _gaps(missing: Sequence[Verdict], nothing: str) -> list[Gap]:
    """The largest first: one broken thing often keeps many rules from being reached."""
    groups: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in missing:
        groups[verdict.outcome.value, verdict.why or nothing].append(verdict)
    gaps = [Gap(outcome, why, tuple(verdicts)) for (outcome, why), verdicts in groups.items()]
    return sorted(gaps, key=lambda g: (-len(g.verdicts), g.outcome, g.why))


def _waivers(run: Run) -> list[tuple[Waiver, str]]:
    """Every waiver of the target file and what became of it."""
    today = datetime.fromisoformat(run.header["started"]).date()
    used = {v.waiver for v in run.verdicts if v.waiver}
    waivers = [Waiver.from_json(w) for w in run.header["waivers"]]
    return [(w, "used" if w in used else "expired" if w.until < today else "not needed") for w in waivers]


def _length(verdicts: Sequence[Verdict]) -> int:
    """How many characters a text of a finding keeps, so that all of them stay within their bound."""
    findings = [f for v in verdicts for f in v.findings[:FINDINGS]]
    return next((n for n in LENGTHS[:-1] if sum(_weight(f, n) for f in findings) <= TEXTS), LENGTHS[-1])


def _weight(finding: Finding, length: int) -> int:
    texts = (finding.where, finding.got, finding.want)
    return sum(len(escape(visible(t[:length])).encode("utf-8")) for t in texts)


def _row(run: Run, verdict: Verdict, views: dict[int, View]) -> Row:
    named = numbers(verdict)
    red = verdict.outcome in RED
    held = [views[n] for n in named if n in views][: NAMED if red else 1]
    absent = [n for n in named if n not in views] if red else []
    return Row(verdict, group_of(run)(verdict), again(run, verdict.rule), _met(verdict), tuple(held), tuple(absent))


def _met(verdict: Verdict) -> tuple[Met, ...]:
    """The findings, those that say the same in one line; the order stays: the shortest question first."""
    same: dict[Finding, list[int]] = {}
    for finding in verdict.findings[:FINDINGS]:
        same.setdefault(replace(finding, seq=0), []).append(finding.seq)
    return tuple(Met(f, tuple(dict.fromkeys(n for n in seqs if n))) for f, seqs in same.items())
