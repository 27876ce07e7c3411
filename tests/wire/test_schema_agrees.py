"""The published JSON Schema, the strict reader and the generators say the same of the same texts."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from harness.body import Body
from harness.make.datasets import Flawed, flawed_json, json_texts
from harness.make.flawed_json import CODES, TEXT_ONLY, UNSAYABLE
from harness.make.tree import Tree
from harness.wire import dicom_json

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"
# what stays unsaid by a schema, and why: of the octets only, of an order, of a name elsewhere, of the dictionary
BEYOND = UNSAYABLE | {"json.depth", "json.too-large"} | dicom_json.NOTES
quick = settings(
    max_examples=120, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@cache
def validator(name: str = "dicom-json") -> Draft202012Validator:
    files = [json.loads(p.read_text(encoding="utf-8")) for p in SCHEMAS.glob("*.schema.json")]
    registry: Registry[Any] = Registry().with_resources((f["$id"], Resource.from_contents(f)) for f in files)
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, registry=registry)


def flaws(octets: bytes) -> dict[str, list[str]]:
    """Where the reader found what, without notes."""
    kept = dicom_json.read(Body.of(octets)).flaws.kept
    return {f.code: [g.where for g in kept if g.code == f.code] for f in kept if f.code not in dicom_json.NOTES}


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.json")), ids=lambda p: p.name)
def test_each_schema_is_a_schema(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


@quick
@given(json_texts())
def test_legal_texts_are_legal_to_both(made: tuple[Tree, bytes]) -> None:
    _, octets = made
    assert flaws(octets) == {}
    assert [e.message for e in validator().iter_errors(json.loads(octets))] == []


@settings(max_examples=400, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(flawed_json())
def test_a_fault_is_found_where_it_is(made: Flawed) -> None:
    found = flaws(made.octets)
    assert set(found) == {made.code}
    assert made.code in ("json.syntax", "json.bom", "json.utf8") or found[made.code] == [made.where]


@settings(max_examples=400, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(flawed_json(codes=tuple(code for code in CODES if code not in TEXT_ONLY)))
def test_the_schema_refuses_what_it_can_say(made: Flawed) -> None:
    expected = not set(flaws(made.octets)) - BEYOND
    assert validator().is_valid(json.loads(made.octets)) == expected
    assert expected == (made.code in BEYOND)


def test_every_code_of_the_reader_is_made() -> None:
    never = {"json.depth", "json.too-large"}  # bounds of ours, which take megabytes
    assert set(dicom_json.CODES) - dicom_json.NOTES - set(CODES) == never
    assert set(CODES) <= set(dicom_json.CODES)
