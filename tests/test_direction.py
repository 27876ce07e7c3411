"""The one direction of imports (DESIGN section 2), held by reading every module's import statements."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "schemas": set(),
    "harness": {"schemas"},
    "suites": {"harness", "schemas"},
    "simulators": {"harness", "schemas"},
    "reports": {"harness", "schemas"},
    "dicomproof": {"schemas", "harness", "suites", "simulators", "reports"},
}
MODULES = sorted(path for folder in ALLOWED for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports, wherever in it the statement stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    ours = imported(path) & set(ALLOWED)
    assert ours <= ALLOWED[folder] | {folder}


def test_wire_readers_know_no_writer() -> None:
    """The readers that judge share no code with anything that makes messages (DESIGN section 5)."""
    for path in (ROOT / "harness" / "wire").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(("harness.make", "harness.talk", "simulators")), path


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_knows(path: Path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert doc, f"{path} has no docstring"
