"""Knows what the Basic Application Level Confidentiality Profile does to an attribute (schemas/confidentiality.json).

Must not know how a data set is read or changed, nor which application de-identifies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

import schemas

TABLE = Path(schemas.__file__).parent / "confidentiality.json"
REMOVE = "X"


@cache
def _table() -> tuple[dict[str, str], dict[str, str]]:
    """Action code by tag, and by mask for the elements of repeating groups."""
    rows: dict[str, list[str]] = json.loads(TABLE.read_text(encoding="utf-8"))["actions"]
    every = {tag: code for code, tags in rows.items() for tag in tags}
    return {t: c for t, c in every.items() if "x" not in t}, {t: c for t, c in every.items() if "x" in t}


@lru_cache(maxsize=8192)
def action(tag: str) -> str:
    """The action code of an eight-digit tag as PS3.15 Table E.1-1 has it ("X", "Z", "D", "U", "X/Z", ...), '' for none.

    Private attributes are removed (PS3.15 E.2).
    """
    if tag[3] in "13579BDF":
        return REMOVE
    plain, masks = _table()
    return plain.get(tag) or next(_repeating(tag, masks), "")


def _repeating(tag: str, masks: dict[str, str]) -> Iterator[str]:
    for mask, code in masks.items():
        if all(wanted in ("x", digit) for wanted, digit in zip(mask, tag, strict=True)):
            yield code
