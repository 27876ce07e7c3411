"""Knows how the catalogue is looked at: rules, gaps, mutants, known defects, as tables.

Must not know how they are judged.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import suites
from dicomproof.run import UsageError
from harness.requirements import Requirement, defects, requirements
from harness.rule import Mutant


def show_rules(console: Console, where: str) -> None:
    """All rules, or those of an id, service or clause."""
    found = suites.load().select(where or None)
    if not found:
        raise UsageError(
            f"No rule fits {where!r}; `dicomproof rules` lists them, `dicomproof rules --gaps` what has none."
        )
    table = Table(title=f"{len(found)} rules", title_justify="left")
    table.add_column("rule", no_wrap=True)
    for name in ("level", "clause", "basis", "mutants", "says"):
        table.add_column(name, overflow="fold")
    for rule in sorted(found, key=lambda r: (r.service, r.id)):
        table.add_row(
            escape(rule.id), rule.level.value, rule.cites, rule.basis.value, str(len(rule.mutants)), escape(rule.says)
        )
    console.print(table)


def gaps(where: str = "") -> list[tuple[Requirement, str]]:
    """Binding requirements that no rule verifies, each with the reason that was given, '' without one."""
    catalogue = suites.load()
    verified = catalogue.verified()
    rows = []
    for requirement in requirements().values():
        if not requirement.binding or requirement.id in verified:
            continue
        if where and not (fnmatch.fnmatchcase(requirement.id, where) or requirement.cites.startswith(where)):
            continue
        untested = catalogue.untested.get(requirement.id)
        rows.append((requirement, untested.why if untested else ""))
    return rows


def show_gaps(console: Console, where: str) -> None:
    """What is not judged, the unexplained first; with the counts by area."""
    rows = sorted(gaps(where), key=lambda row: bool(row[1]))
    table = Table(title=f"{len(rows)} binding requirements without a rule", title_justify="left")
    table.add_column("requirement", no_wrap=True)
    for name in ("clause", "demand", "why not"):
        table.add_column(name, overflow="fold")
    for requirement, why in rows:
        table.add_row(
            requirement.id, requirement.cites, escape(requirement.text), escape(why) or "[red]no reason given[/]"
        )
    console.print(table)
    bare = Counter(r.area for r, why in rows if not why)
    for area, count in sorted(bare.items()):
        console.print(f"{count:4} without a reason in {area}", highlight=False, markup=False)


def mutants(which: str) -> list[Mutant]:
    """The mutants whose id, or whose rule's id, fits the glob."""
    found = suites.load().mutants.values()
    return [m for m in found if fnmatch.fnmatchcase(m.id, which) or fnmatch.fnmatchcase(m.rule, which)]


def show_mutants(console: Console, chosen: Sequence[Mutant]) -> None:
    table = Table(title=f"{len(chosen)} mutants", title_justify="left")
    table.add_column("mutant", no_wrap=True)
    for name in ("acts on", "imitates", "defect"):
        table.add_column(name, overflow="fold")
    for mutant in chosen:
        table.add_row(escape(mutant.id), mutant.at.value, " ".join(mutant.defects), escape(mutant.says))
    console.print(table)


def defect_rows(groups: Sequence[str] = ()) -> list[tuple[str, str, str, str]]:
    """(defect id, side, what it is, how it is found or why not) for each known defect."""
    catalogue = suites.load()
    found: dict[str, list[str]] = {}
    for mutant in catalogue.mutants.values():
        for imitated in mutant.defects:
            found.setdefault(imitated, []).append(mutant.id)
    rows = []
    for defect in defects().values():
        if groups and defect.group not in groups:
            continue
        how = ", ".join(found.get(defect.id, ())) or catalogue.undetected.get(defect.id, "")
        rows.append((defect.id, defect.side, defect.text, how))
    return rows


def show_defects(console: Console) -> None:
    table = Table(title="Known defects and the mutants that imitate them", title_justify="left")
    for name in ("defect", "side", "what it is", "found by, or why not yet"):
        table.add_column(name, overflow="fold")
    for row in defect_rows():
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
