"""Writes schemas/workitem.json: the tables of Unified Procedure Steps (PS3.4 Annex CC) in one form.

    python tools/workitems.py part04.xml

The argument is PS3.4 2020c in DocBook. Knows that form; must not know who uses the tables.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lxml import etree

TARGET = Path(__file__).resolve().parent.parent / "schemas" / "workitem.json"
WRITTEN = (
    "Written by tools/workitems.py from PS3.4 2020c Annex CC; do not edit. attributes: Table CC.2.5-3 with its macros, "
    "path of tags, types as SCU/SCP, '' where the table has a sentence instead; states: Table CC.1.1-2, by event and "
    "state, the state that follows or a status; subscriptions: Table CC.2.3-2, where they go and whether an event goes."
)
_BOOK = "{http://docbook.org/ns/docbook}"
_COLUMNS = ("create", "set", "final", "get", "match", "return")
_TYPE = re.compile(r"(-|[123]C?)(?:/(-|[123]C?))?(?![A-Za-z])")
_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")
# One row of Table CC.2.5-2g has the tag of the sequence around it; this is that of PS3.6.
_MISPRINTED = {"Destination AE": "21000140"}
_STATES = {"null": "", "SCHEDULED": "SCHEDULED", "IN PROGRESS": "IN PROGRESS", "COMPLETED": "COMPLETED",
           "CANCELED": "CANCELED"}  # fmt: skip
_SUBSCRIBED = {"null": "", "Not Subscribed": "not", "Subscribed with Lock": "lock", "Subscribed w/o Lock": "no lock"}

Row = dict[str, Any]


def text(element: etree._Element) -> str:
    """The words of an element, references by the name of what they refer to in brackets."""
    words = []
    for node in element.iter():
        if node.tag == f"{_BOOK}xref":
            words.append(f"[{node.get('linkend')}]")
        words.append(node.text or "")
        words.append(node.tail or "" if node is not element else "")
    return " ".join("".join(words).split())


def rows(book: etree._Element, name: str) -> Iterator[list[str]]:
    """The cells of a table, row for row, without its head."""
    (table,) = book.iterfind(f".//{_BOOK}table[@label='{name}']")
    for row in table.iterfind(f"{_BOOK}tbody/{_BOOK}tr"):
        yield [text(cell) for cell in row if cell.tag in (f"{_BOOK}td", f"{_BOOK}th")]


def attributes(book: etree._Element, name: str, above: Sequence[str] = (), match: str = "") -> Iterator[Row]:
    """The rows of a table of attributes and, in their places, those of the macros that it includes."""
    within: list[tuple[str, str]] = []  # tag and match key type of the sequences around a row
    sequence = False  # the row before was one
    for cells in rows(book, name):
        depth = len(cells[0]) - len(cells[0].lstrip(">"))
        included = re.search(r"Include \[table_(CC\.[0-9.]+-2[a-g])\]", cells[0])
        if included and len(within) == depth + 1 and sequence:
            depth += 1  # the macro of Output Information Sequence lacks a ">": it belongs to the items of the sequence
        del within[depth:]
        if included:
            inner = within[-1][1] if within else match
            yield from attributes(book, included[1], [*above, *(tag for tag, _ in within)], inner)
        elif len(cells) >= 8 and (tag := _TAG.search(cells[1])):
            row = _row(cells, match)
            path = [*above, *(tag for tag, _ in within), row.pop("tag", tag[1] + tag[2]).upper()]
            within.append((path[-1], row["match"]))
            sequence = row["name"].endswith("Sequence")
            yield {"path": ".".join(path), **row}


def _row(cells: Sequence[str], match: str) -> Row:
    name = cells[0].lstrip(">")
    row: Row = {"name": name}
    if name in _MISPRINTED:
        row["tag"] = _MISPRINTED[name]
    for column, cell in zip(_COLUMNS, cells[2:8], strict=True):
        row[column] = _type(cell) if column in ("create", "set", "get") else cell.strip()
    if row["match"] == "*":
        row["match"] = match
    if "empty" in cells[2]:
        row["empty"] = True
    return row


def _type(cell: str) -> str:
    found = _TYPE.match(cell)
    if found:
        return f"{found[1]}/{found[2] or found[1]}"
    return "not allowed" if "ot allowed" in cell.lower() else ""


def states(book: etree._Element) -> dict[str, dict[str, str]]:
    """By event and state what follows: a state, or the status that refuses (C...) or warns (B...), '' for no change."""
    made: dict[str, dict[str, str]] = {}
    for event, *cells in rows(book, "CC.1.1-2"):
        if event in ("Events", ""):
            continue
        made[_event(event)] = {state: _outcome(cell) for state, cell in zip(_STATES.values(), cells, strict=True)}
    return made


def _event(said: str) -> str:
    if said.startswith("N-CREATE"):
        return "create"
    if "Request Cancel" in said:
        return "request cancel"
    (state,) = re.findall(r"Change State to (SCHEDULED|IN PROGRESS|COMPLETED|CANCELED)", said)
    if "correct transaction UID" not in said:
        return str(state)
    return f"{state} {'without' if 'without' in said else 'with'} correct UID"


def _outcome(cell: str) -> str:
    code = re.match(r"(?:error|warning) ([0-9A-F]{4})", cell)
    if code:
        return code[1]
    found = re.findall(r"Change State to (SCHEDULED|IN PROGRESS|COMPLETED|CANCELED)", cell)
    return str(found[-1]) if found else ""


def subscriptions(book: etree._Element) -> dict[str, dict[str, Mapping[str, Any]]]:
    """By event and state of a subscription where it goes ('' stays) and whether an initial event is sent."""
    made: dict[str, dict[str, Mapping[str, Any]]] = {}
    for event, *cells in rows(book, "CC.2.3-2"):
        if event in ("Events", ""):
            continue
        made[event] = {}
        for state, cell in zip(_SUBSCRIBED.values(), cells, strict=True):
            goes = re.search(r"Go to (Not Subscribed|Subscribed with Lock|Subscribed w/o Lock)", cell)
            if cell != "N/A":
                after = _SUBSCRIBED[goes[1]] if goes else ""
                made[event][state] = {"to": after, "event": "end initial event" in cell}
    return made


def written(book: etree._Element) -> str:
    """The file, a row to a line."""
    lines = [f"    {json.dumps(row)}" for row in attributes(book, "CC.2.5-3")]
    parts = [f'  "title": {json.dumps(WRITTEN)}', '  "edition": "2020c"', '  "attributes": [\n' + ",\n".join(lines)
             + "\n  ]"]  # fmt: skip
    for name, table in (("states", states(book)), ("subscriptions", subscriptions(book))):
        inner = [f"    {json.dumps(event)}: {json.dumps(cells)}" for event, cells in table.items()]
        parts.append(f'  "{name}": {{\n' + ",\n".join(inner) + "\n  }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    TARGET.write_text(written(etree.parse(sys.argv[1]).getroot()), encoding="utf-8")
