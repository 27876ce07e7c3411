"""The published schemas: fresh, usable alone, and of one mind with the tables of PS3.18."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.wire.test_schema_agrees import validator

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "schemas"
KEYS = json.loads((SCHEMAS / "keys.json").read_text(encoding="utf-8"))


def generator() -> Any:
    sys.path.insert(0, str(ROOT))
    from tools import schemas

    return schemas


def test_generated_files_are_fresh_and_name_their_generator() -> None:
    made = generator().files()
    assert len(made) == 1 + len(KEYS["responses"]) + 2 + 1
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale; run tools/schemas.py"
        assert "tools/schemas.py" in text.split("title" if path.suffix == ".json" else "<grammar")[0]


def test_the_check_says_so_when_a_file_is_stale(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "schemas.py", "--check"], capture_output=True, check=False, text=True
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_patterns_mean_the_same_in_every_engine() -> None:
    """No look-around, no named groups, no anchors but '^' and a '$' whose line end is refused by another pattern."""
    text = (SCHEMAS / "dicom-json.schema.json").read_text(encoding="utf-8")
    assert not any(mark in text for mark in ("(?=", "(?!", "(?<", "(?P", "\\\\Z", "\\\\A", "\\\\d", "\\\\w"))


SQ = [{}]
VALUES: dict[str, list[Any]] = {
    "SQ": SQ,
    "UI": ["1.2"],
    "US": [272],
    "UR": ["http://a/b"],
    "DT": ["20240101"],
    "LO": ["x"],
    "CS": ["COERCE"],
    "PN": [{"Alphabetic": "x"}],
    "DA": ["20240101"],
    "IS": ["1"],
}


def row(tables: list[str]) -> dict[str, Any]:
    """The least that the tables ask for."""
    from pydicom.datadict import dictionary_VR

    made: dict[str, Any] = {}
    for name in tables:
        table = KEYS["tables"][name]
        for kind in ("unique", "valued", "required", "some"):
            for tag in table.get(kind, [])[: 1 if kind == "some" else None]:
                code = dictionary_VR(int(tag, 16))
                item = table.get("items", {}).get(tag)
                value = [row([item])] if item else VALUES.get(code, ["X"])
                made[tag] = {"vr": code} if kind == "required" else {"vr": code, "Value": value}
    return dict(sorted(made.items()))


@pytest.mark.parametrize("name", sorted(KEYS["responses"]))
def test_each_response_holds_and_fails(name: str) -> None:
    response = KEYS["responses"][name]
    least = row(response["tables"])
    check = validator(name)
    assert check.is_valid([least])
    assert check.is_valid(least) == bool(response.get("single"))
    assert check.is_valid([least, least]) != bool(response.get("single"))
    for tag in least:
        assert not check.is_valid([{k: v for k, v in least.items() if k != tag}]), f"{name} without {tag}"
        assert not check.is_valid([{**least, tag: {"vr": "UN"}}]), f"{name} with {tag} as UN"
    assert not check.is_valid([{**least, "00020010": {"vr": "UI"}}])
    assert not check.is_valid([{**least, "FFFE": {"vr": "UI"}}])
    assert not check.is_valid({"results": [least]})


def test_a_unique_key_has_one_value() -> None:
    least = row(["study"])
    for value in ([], ["1.2", "1.3"], None):
        least["0020000D"] = {"vr": "UI"} if value is None else {"vr": "UI", "Value": value}
        assert not validator("search-studies").is_valid([least])


def test_the_store_response_goes_down_into_its_items() -> None:
    item = {"00081150": {"vr": "UI", "Value": ["1.2"]}, "00081155": {"vr": "UI", "Value": ["1.3"]}}
    url = {"00081190": {"vr": "UR", "Value": ["http://a/studies/1"]}}
    failed = {**item, "00081197": {"vr": "US", "Value": [272]}}
    good = {**url, "00081198": {"vr": "SQ", "Value": [failed]}, "00081199": {"vr": "SQ", "Value": [{**item, **url}]}}
    check = validator("store-response")
    assert check.is_valid(good)
    assert check.is_valid({**good, "00081190": {"vr": "UT", "Value": ["http://a"]}})
    for sequence, tag in (
        ("00081198", "00081197"),
        ("00081198", "00081150"),
        ("00081199", "00081190"),
        ("00081199", "00081155"),
    ):
        bad = deepcopy(good)
        del bad[sequence]["Value"][0][tag]
        assert not check.is_valid(bad), f"{sequence} without {tag}"
    assert not check.is_valid({**good, "00081198": {"vr": "SQ"}})
    assert not check.is_valid(url)
    assert not check.is_valid({**good, "0008119A": {"vr": "SQ", "Value": [{}]}})


def test_the_readme_names_every_file() -> None:
    text = (SCHEMAS / "README.md").read_text(encoding="utf-8")
    named = {p.name for p in SCHEMAS.iterdir() if p.is_file() and p.suffix != ".py" and p.name != "README.md"}
    assert {name for name in named if f"`{name}`" not in text} == set()
