"""The reference simulator under our own rules: nothing red, everything due exercised, in every edition."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import schemas
import suites
from dicomproof.rejudge import rejudge
from dicomproof.run import Options, Result, check
from harness.context import EDITIONS
from harness.record import NAME, read
from harness.target import parse
from harness.verdict import Exit, Outcome

RED = (Outcome.ERROR, Outcome.FAIL, Outcome.WARN, Outcome.BLOCKED)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return check(parse("sim:"), Options(tmp_path_factory.mktemp("self"), seed=1, examples=10))


def test_nothing_is_red(run: Result) -> None:
    assert {v.rule: (v.outcome.value, v.findings, v.why) for v in run.verdicts if v.outcome in RED} == {}


def test_everything_due_was_exercised(run: Result) -> None:
    idle = [v.rule for v in run.verdicts if v.outcome is Outcome.NOT_EXERCISED and v.due]
    assert idle == []
    assert run.code is Exit.CONFORMS


def test_no_probe_or_oracle_broke(run: Result) -> None:
    assert run.out is not None
    notes = [n for n in read(run.out).notes if n["about"] in ("error", "skipped", "stopped", "no-data")]
    assert notes == []


def test_every_line_of_the_record_fits_the_schema(run: Result) -> None:
    assert run.out is not None
    schema = json.loads((Path(schemas.__file__).parent / "run.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for line in (run.out / NAME).read_text(encoding="utf-8").splitlines():
        validator.validate(json.loads(line))


def test_judging_the_record_again_gives_the_same_verdicts(run: Result, tmp_path: Path) -> None:
    assert run.out is not None
    again = rejudge(run.out, tmp_path / "again", "", "")
    assert again.verdicts == run.verdicts
    assert again.code == run.code
    assert read(tmp_path / "again").verdicts == run.verdicts


def test_the_same_seed_gives_the_same_verdicts(tmp_path: Path) -> None:
    """In DIMSE, where time could have a say; that web records are the same is seen where two processes make one."""
    one, other = (check(parse("sim:dimse"), Options(tmp_path / n, seed=1, examples=5)) for n in ("one", "other"))
    assert [(v.rule, v.outcome) for v in other.verdicts] == [(v.rule, v.outcome) for v in one.verdicts]


@pytest.mark.parametrize("edition", [e for e in EDITIONS if e != "2024e"])
def test_other_editions_are_as_clean(edition: str, tmp_path: Path) -> None:
    """On the web: PS3.18 is what changes from one edition to the next."""
    result = check(parse("sim:web"), Options(tmp_path, edition=edition, examples=3))
    assert {v.rule: (v.outcome.value, v.findings[:2], v.why) for v in result.verdicts if v.outcome in RED} == {}


def test_no_shall_rests_on_the_oracle_alone() -> None:
    """DESIGN section 5: a requirement that an oracle rule verifies has a literal or relation rule as well."""
    catalogue = suites.load()
    bases: dict[str, set[str]] = {}
    for rule in catalogue.rules.values():
        for requirement in rule.verifies:
            bases.setdefault(requirement, set()).add(rule.basis.value)
    assert [r for r, found in bases.items() if found == {"oracle"}] == []
