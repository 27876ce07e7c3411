"""Writes schemas/nonpatient.json: the categories of Non-Patient Instances and the keys of their information models.

    python tools/nonpatient.py part04.xml

The argument is PS3.4 2020c in DocBook. What is younger than that edition, or left out of its tables, stands below by
hand: the Inventory model (Annex JJ), whose table of keys nobody here could read, so that its rows count as unread.
Knows that form; must not know who uses the table.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

TARGET = Path(__file__).resolve().parent.parent / "schemas" / "nonpatient.json"
WRITTEN = (
    "Written by tools/nonpatient.py from PS3.4 2020c (Annexes U, X, BB, HH); do not edit. By npi-name of PS3.18 Table "
    "12.1.1-1: the SOP Classes of the category, and its information models. A key is a dotted path of tags with its "
    "Matching Key Type (U, R, O, - for none) and its Return Key Type (PS3.4 K.2.2). read: the table was read; else its "
    "keys are what the IOD makes likely, and oblige nobody."
)
DOCBOOK = "{http://docbook.org/ns/docbook}"
ID = "{http://www.w3.org/XML/1998/namespace}id"
ROOT = "1.2.840.10008.5.1.4."
# npi-name: classes of the category that no table of keys is about, then each table with the classes it is about and
# the SOP Class of its C-FIND.
CATEGORIES: dict[str, tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "color-palettes": ((), (("X.6-1", ("39.1",), "39.2"),)),
    "defined-procedure-protocols": (("1.1.200.3",), (("HH.6-1", ("1.1.200.1", "1.1.200.7"), "20.1"),)),
    "hanging-protocols": ((), (("U.6-1", ("38.1",), "38.2"),)),
    "implant-templates": (
        (),
        (("BB.6-1", ("43.1",), "43.2"), ("BB.6-2", ("44.1",), "44.2"), ("BB.6-3", ("45.1",), "45.2")),
    ),
}
# Code Sequence macros (Tables 8-1b and 8-3b): a code is matched in the first, told in both.
_TOLD = (("00080104", "-", "1"),)
MACROS = {
    "table_8-1a": (("00080100", "R", "1C"), ("00080102", "R", "1C"), *_TOLD, ("00080119", "R", "1C"),
                   ("00080120", "R", "1C")),
    "table_8-3a": (("00080100", "-", "1C"), ("00080102", "-", "1C"), *_TOLD, ("00080119", "-", "1C"),
                   ("00080120", "-", "1C")),
}  # fmt: skip
# What Tables BB.6-2 and BB.6-3 leave out or get wrong; PS3.6 has these tags.
SETTLED = {"Implant Assembly Template Name": "00760001", "Implant Template Group Name": "00780001"}
INVENTORY = {
    "since": "2023e",
    "classes": [ROOT + "1.1.201.1"],
    "models": [
        {
            "table": "JJ.2.2",
            "find": ROOT + "1.1.201.2",
            "classes": [ROOT + "1.1.201.1"],
            "read": False,
            "keys": {
                "00080005": ["-", "1C"],
                "00080016": ["R", "1"],
                "00080018": ["U", "1"],
                "00080023": ["R", "1"],
                "00080033": ["R", "1"],
                "00080401": ["R", "2"],
                "00080403": ["R", "1"],
                "00080426": ["R", "1"],
            },
        }
    ],
}


def table(document: etree._ElementTree) -> dict[str, Any]:
    """The whole file."""
    tables = {str(e.get("label")).strip(): e for e in document.iter(DOCBOOK + "table")}
    made = {
        name: {
            "since": "2020c",
            "classes": [ROOT + uid for _, classes, _ in models for uid in classes] + [ROOT + uid for uid in more],
            "models": [
                {
                    "table": label,
                    "find": ROOT + find,
                    "classes": [ROOT + uid for uid in classes],
                    "read": True,
                    "keys": {path: [match, told] for path, match, told in keys(tables[label])},
                }
                for label, classes, find in models
            ],
        }
        for name, (more, models) in CATEGORIES.items()
    }
    return {"title": WRITTEN, "edition": "2020c", "categories": {**made, "inventories": INVENTORY}}


def keys(found: etree._Element) -> Iterator[tuple[str, str, str]]:
    """Path, Matching Key Type and Return Key Type of each row, code sequence macros written out."""
    above: list[str] = []
    for row in found.iter(DOCBOOK + "tr"):
        cells = [re.sub(r"[\s\u200b]+", " ", " ".join(map(str, cell.itertext()))).strip() for cell in row]
        name = cells[0].lstrip(">")
        depth = len(cells[0]) - len(name)
        if name.strip() == "Include":
            macro = next(row.iter(DOCBOOK + "xref")).get("linkend")
            yield from ((".".join((*above[:depth], tag)), match, told) for tag, match, told in MACROS[str(macro)])
            continue
        tag = re.sub(r"[(),]", "", cells[1]) if len(cells) > 3 else ""
        tag = SETTLED.get(name, tag)
        if re.fullmatch(r"[0-9A-F]{8}", tag):
            above[depth:] = [tag]
            yield ".".join(above), cells[2], cells[3]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    TARGET.write_text(json.dumps(table(etree.parse(sys.argv[1])), indent=1) + "\n", encoding="utf-8")
