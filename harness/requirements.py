"""Knows the requirement inventory and the list of known defects in schemas: ids, clauses, levels, roles, areas.

Must not know which rules verify them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import schemas

FOLDER = Path(schemas.__file__).parent / "requirements"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One demand of the standard in our words; `sure` is "read" once somebody read the clause itself."""

    id: str
    cites: str
    role: str
    level: str
    condition: str
    text: str
    check: str
    editions: tuple[str, ...]
    sure: str
    area: str

    @property
    def binding(self) -> bool:
        return self.level in ("SHALL", "SHALL NOT")


@cache
def requirements() -> dict[str, Requirement]:
    """The whole inventory by id."""
    found: dict[str, Requirement] = {}
    for path in sorted(FOLDER.glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            found[row["id"]] = Requirement(**{**row, "editions": tuple(row["editions"])})
    return found


def known_requirement(id: str) -> bool:
    return id in requirements()


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect that a real product had, or that was designed where public threads are thin."""

    id: str
    group: str
    side: str  # S server, C client, L library, B both sides
    text: str
    requirement: str
    source: str


@cache
def defects() -> dict[str, Defect]:
    """All known defects by id; the group is the second word of the id (MP, AC, JS, ...)."""
    rows = json.loads((FOLDER.parent / "defects.json").read_text(encoding="utf-8"))
    return {r["id"]: _defect(r) for r in rows}


def _defect(row: dict[str, str]) -> Defect:
    group = row["id"].split("-")[1]
    return Defect(row["id"], group, row["side"], row["defect"], row["requirement"], row.get("source", ""))


def known_defect(id: str) -> bool:
    return id in defects()
