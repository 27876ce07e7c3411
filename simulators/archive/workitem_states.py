"""Knows what the tables of PS3.4 Annex CC say of workitems: which state follows which, and which attributes there are.

They are in schemas/workitem.json. Must not know how workitems are kept or told of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import schemas
from harness.wire.uri import valid_uid
from simulators.archive.workitem_status import INVALID_ARGUMENT, Refused

TABLE: Final = Path(schemas.__file__).parent / "workitem.json"
SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
ENDED: Final = (COMPLETED, CANCELED)
STATE: Final = "00741000"
READINESS: Final = "00404041"
TRANSACTION: Final = "00081195"
MODIFIED: Final = "00404010"
_STATUS: Final = re.compile(r"[0-9A-F]{4}\Z")


@dataclass(frozen=True)
class Node:
    """A row of Table CC.2.5-3: types in N-CREATE and N-SET as (SCU, SCP), "" where the table has a sentence instead,
    "not allowed" for both. `inner` are the rows of the items of a sequence, by tag."""

    tag: str
    create: str = ""
    set: str = ""
    final: str = ""
    returned: str = ""
    empty: bool = False
    inner: dict[str, Node] = field(default_factory=dict)


@cache
def _tables() -> Any:
    return json.loads(TABLE.read_text(encoding="utf-8"))


@cache
def attributes() -> Mapping[str, Node]:
    """The rows of Table CC.2.5-3 at the top level, by tag."""
    root = Node("")
    for row in _tables()["attributes"]:
        *above, tag = row["path"].split(".")
        place = root
        for sequence in above:
            place = place.inner[sequence]
        place.inner[tag] = Node(tag, _scu(row["create"]), _scu(row["set"]), row["final"], row["return"],
                                row.get("empty", False))  # fmt: skip
    return root.inner


def _scu(types: str) -> str:
    """The type that binds who asks; the sentence stays where there is no type."""
    return types.partition("/")[0]


def follow(event: str, state: str) -> tuple[str, int]:
    """What an event does to a workitem in a state, by Table CC.1.1-2: the state that follows ('' for none) and a
    warning (0 for none). Refused with the status that the table has.

    `event` is "create", "request cancel", or a state with " with correct UID" or " without correct UID".
    """
    cell = _tables()["states"][event][state]
    if not _STATUS.match(cell):
        return cell, 0
    if cell[0] == "B":
        return "", int(cell, 16)
    raise Refused(int(cell, 16))


def change(state: str, wanted: str, locked_with: str, transaction: str) -> tuple[str, int]:
    """What a request to change the state does, as `follow` has it. `locked_with` is the Transaction UID that the
    workitem was claimed with, '' before that, when any one that is given is correct."""
    if wanted == SCHEDULED:
        return follow(SCHEDULED, state)
    if wanted not in (IN_PROGRESS, COMPLETED, CANCELED):
        raise Refused(INVALID_ARGUMENT, f"{wanted[:40]!r} is no state", (STATE,))
    correct = valid_uid(transaction) and (not locked_with or transaction == locked_with)
    return follow(f"{wanted} {'with' if correct else 'without'} correct UID", state)
