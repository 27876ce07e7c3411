"""Knows the tables of PS3.4 Annex CC as data (schemas/workitem.json): types of attributes, states, subscriptions.

Must not know exchanges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import schemas

TABLE = Path(schemas.__file__).parent / "workitem.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute of Table CC.2.5-3 by its dotted path: what it is for whom, types as SCU/SCP."""

    path: str
    name: str
    create: str
    get: str
    match: str
    returned: str

    @property
    def top(self) -> bool:
        return "." not in self.path

    @property
    def owed(self) -> str:
        """The type that an N-CREATE has to meet."""
        return self.create.partition("/")[0]


@cache
def _read() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found


@cache
def rows() -> Mapping[str, Row]:
    """All attributes by path."""
    keys = ("path", "name", "create", "get", "match", "return")
    return {a["path"]: Row(*(a[key] for key in keys)) for a in _read()["attributes"]}


@cache
def at_creation(kind: str) -> tuple[str, ...]:
    """The attributes, not of items, that every N-CREATE has to have by this type, 1 or 2."""
    return tuple(r.path for r in rows().values() if r.top and r.owed == kind)


@cache
def returned(kind: str) -> tuple[str, ...]:
    """The attributes, not of items, that every match of a search has by this Return Key Type."""
    return tuple(r.path for r in rows().values() if r.top and r.returned == kind)


@cache
def retrieved() -> tuple[str, ...]:
    """The attributes, not of items, of which a provider has a value for every workitem: type 1 of N-GET.

    Those that need not have been created are left out.
    """
    kept = (r for r in rows().values() if r.top and r.get.endswith("/1"))
    return tuple(r.path for r in kept if r.owed == "1" or r.path == "00404010")


@cache
def matched() -> frozenset[str]:
    """The paths of all keys that a search has to match."""
    return frozenset(r.path for r in rows().values() if r.match in ("R", "U"))


def outcome(event: str, state: str) -> str:
    """A cell of Table CC.1.1-2: the state that follows, or a status; '' where no state follows."""
    cells: Mapping[str, Mapping[str, str]] = _read()["states"]
    return cells[event][state]


def subscription(event: str, state: str) -> tuple[str, bool]:
    """A cell of Table CC.2.3-2: where the subscription goes from here ("not", "lock", "no lock"), '' for nowhere,
    and whether an initial event goes out."""
    cell = _read()["subscriptions"][event][state]
    return str(cell["to"]), bool(cell["event"])
