"""The ledger: requirements with and without rules, known defects with and without mutants, docs that are fresh."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import suites
from dicomproof.catalogue import defect_rows, gaps
from dicomproof.matrix import edition_for
from dicomproof.reask import ASKED, conversation
from harness.association import SIDES, Association
from harness.context import POLICIES, Context
from harness.judge import Judge
from harness.rule import Example, Role, Rule
from harness.verdict import Outcome

ROOT = Path(__file__).parent.parent
CATALOGUE = suites.load()
# areas of the inventory in which every binding demand on a server has a rule or a reason
WEB = ("PS3.18-", "PS3.19-")
# area 5 of PS3.18 as a whole, by now; those of DIMSE have inventories and prefixes of their own
JUDGED = ("5.",)
GROUPS = ("MP", "AC", "JS", "QI", "ST", "WA", "RE", "UP", "NS")
LEDGER = Path(__file__).with_name("gaps.json")


def unexplained() -> dict[str, int]:
    """Binding requirements with neither rule nor reason, by inventory."""
    found: dict[str, int] = {}
    for requirement, why in gaps():
        if not why:
            name = requirement.id.split("-")[0]
            found[name] = found.get(name, 0) + 1
    return found


def test_judged_areas_have_a_rule_or_a_reason_for_every_shall() -> None:
    on_servers = [(r, why) for r, why in gaps() if r.id.startswith(WEB) and r.role in ("origin-server", "both")]
    bare = [r.id for r, why in on_servers if not why and r.area.startswith(JUDGED)]
    assert bare == []


def test_the_count_of_unexplained_requirements_only_falls() -> None:
    before: dict[str, int] = json.loads(LEDGER.read_text())
    now = unexplained()
    grown = {name: (before.get(name, 0), count) for name, count in now.items() if count > before.get(name, 0)}
    assert grown == {}, "give each new requirement a rule or an untested() line"
    assert now == {k: v for k, v in before.items() if v}, f"fewer now: write {json.dumps(now)} into {LEDGER.name}"


def test_untested_and_verified_do_not_overlap() -> None:
    assert sorted(set(CATALOGUE.untested) & set(CATALOGUE.verified())) == []


@pytest.mark.parametrize("group", GROUPS)
def test_known_defects_of_servers_are_imitated_or_explained(group: str) -> None:
    assert [d for d, side, _, how in defect_rows([group]) if side in ("S", "B", "L") and not how] == []


@pytest.mark.parametrize("group", GROUPS)
def test_known_defects_of_user_agents_are_imitated_or_explained(group: str) -> None:
    assert [d for d, side, _, how in defect_rows([group]) if side == "C" and not how] == []


def test_judged_areas_have_a_rule_or_a_reason_for_every_shall_on_user_agents() -> None:
    on_clients = [(r, why) for r, why in gaps() if r.id.startswith(WEB) and r.role == "user-agent"]
    assert [r.id for r, why in on_clients if not why and r.area.startswith(JUDGED)] == []


def test_a_defect_is_not_both_found_and_excused() -> None:
    imitated = {d for m in CATALOGUE.mutants.values() for d in m.defects}
    assert sorted(imitated & set(CATALOGUE.undetected)) == []


@pytest.mark.parametrize("rule", CATALOGUE.rules.values(), ids=lambda r: r.id)
def test_a_rule_is_well_declared(rule: Rule[Any]) -> None:
    assert rule.says[0].isupper() or not rule.says[0].isalpha()
    assert rule.says.endswith(".")
    assert len(rule.says) < 200
    assert "PS3." in rule.cites or "RFC" in rule.cites
    assert rule.id == rule.id.lower()
    assert " " not in rule.id


EXAMPLES = [(r, make) for r in CATALOGUE.rules.values() for make in r.examples]


@pytest.mark.parametrize(("rule", "make"), EXAMPLES, ids=lambda x: getattr(x, "id", getattr(x, "__name__", "")))
def test_an_example_exercises_its_rule_which_is_content(rule: Rule[Any], make: Callable[[], Example]) -> None:
    judge = Judge(CATALOGUE, Context(edition_for(rule)), [rule], grounded=False)
    made = make()
    if isinstance(made, Association):
        for side in SIDES:
            assert judge.see(made.but(judged=frozenset({side}))) == []
    else:
        for x in conversation(rule, made):
            assert judge.see(x.but(judged=ASKED)) == []
    (verdict,) = judge.finish()
    assert (verdict.outcome, verdict.why) == (Outcome.PASS, "")


def test_every_rule_is_provoked_by_some_probe() -> None:
    def overlaps(on: str, provoked: str) -> bool:
        return on == provoked or on.startswith(provoked + ".") or provoked.startswith(on + ".")

    provoked = {kind for probe in CATALOGUE.probes.values() for kind in probe.provokes}
    # files are read, nobody is asked; and what user agents say over a conversation is theirs to provoke
    asked = [r for r in CATALOGUE.rules.values() if not r.on.startswith("file") and r.who is not Role.USER_AGENT]
    assert [r.id for r in asked if not any(overlaps(o, p) for o in r.on.split("|") for p in provoked)] == []


def test_policies_are_named_where_they_are_leaned_on() -> None:
    """Every policy of the register is used by some rule, so that none is a dead letter."""
    text = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "suites").rglob("*.py"))
    assert [name for name in POLICIES if f'"{name}"' not in text] == []


def test_generated_docs_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
