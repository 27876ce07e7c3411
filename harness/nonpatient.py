"""Knows the categories of Non-Patient Instances: their names, SOP Classes and keys (PS3.18 12.1.1, 12.6.1.2), as data.

Must not know instances, messages, or who offers the service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SOP_CLASS, SOP_INSTANCE = "00080016", "00080018"


@dataclass(frozen=True)
class Key:
    """A row of a table of PS3.4: its Matching Key Type ("U", "R", "O", "-") and its Return Key Type ("1", "2C")."""

    match: str
    told: str

    @property
    def matched(self) -> bool:
        """It has to be supported as a matching key (PS3.4 K.2.2.1.1)."""
        return self.match in ("U", "R")


@dataclass(frozen=True)
class Model:
    """One information model. `find` is the SOP Class of its C-FIND; without `read`, its keys oblige nobody."""

    table: str
    find: str
    classes: tuple[str, ...]
    read: bool
    keys: Mapping[str, Key]


@dataclass(frozen=True)
class Category:
    """One category: `name` as in the URI, `since` the edition that brought it, its SOP Classes and models."""

    name: str
    since: str
    classes: tuple[str, ...]
    models: tuple[Model, ...]

    def model(self, sop_class: str) -> Model | None:
        """The model that tells the keys of this SOP Class; None when no table does."""
        return next((m for m in self.models if sop_class in m.classes), None)

    @cached_property
    def common(self) -> Mapping[str, Key]:
        """The keys that all tables of the category have, as far as those tables could be read."""
        first, *rest = self.models
        shared = {p: k for p, k in first.keys.items() if all(p in m.keys for m in rest)}
        return shared if first.read else {p: k for p, k in shared.items() if p in (SOP_CLASS, SOP_INSTANCE)}

    @cached_property
    def matching(self) -> frozenset[str]:
        """The paths that some instance of the category has to be matched by."""
        return frozenset(p for m in self.models if m.read for p, k in m.keys.items() if k.matched) | {
            p for p, k in self.common.items() if k.matched
        }


def _load() -> dict[str, Category]:
    text = (Path(__file__).resolve().parent.parent / "schemas" / "nonpatient.json").read_text(encoding="utf-8")
    made = {}
    for name, row in json.loads(text)["categories"].items():
        models = tuple(
            Model(m["table"], m["find"], tuple(m["classes"]), m["read"], {p: Key(*k) for p, k in m["keys"].items()})
            for m in row["models"]
        )
        made[name] = Category(name, row["since"], tuple(row["classes"]), models)
    return made


CATEGORIES: Mapping[str, Category] = _load()
CATEGORY_OF: Mapping[str, str] = {uid: c.name for c in CATEGORIES.values() for uid in c.classes}
"""The category of each SOP Class."""
