"""Writes schemas/confidentiality.json: the actions of the Basic Application Level Confidentiality Profile (PS3.15 E.1).

    python tools/confidentiality.py confidentiality_profile_attributes.json

The argument is Table E.1-1 of PS3.15 2024b in the JSON form that the project innolitics/dicom-standard publishes.
Knows that form; must not know who uses the table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "schemas" / "confidentiality.json"
WRITTEN = (
    "Written by tools/confidentiality.py from Table E.1-1 of PS3.15 2024b as innolitics/dicom-standard has it; "
    "do not edit. By action code of the basic profile: the tags it applies to, x for any hexadecimal digit. "
    "Private attributes, which the profile removes, are not listed."
)


def table(rows: Sequence[Mapping[str, str]]) -> dict[str, object]:
    """The tags of each action code of the basic profile, in order."""
    actions: dict[str, list[str]] = {}
    for row in rows:
        tag = row["tag"].strip("()").replace(",", "").replace("X", "x")
        if len(tag) == 8:
            actions.setdefault(row["basicProfile"], []).append(tag)
    return {"title": WRITTEN, "edition": "2024b", "actions": {code: sorted(actions[code]) for code in sorted(actions)}}


def text(rows: Sequence[Mapping[str, str]]) -> str:
    """The file, some tags to a line."""
    made = table(rows)
    codes = []
    for code, tags in made["actions"].items():  # type: ignore[attr-defined]
        lines = [", ".join(f'"{t}"' for t in tags[at : at + 9]) for at in range(0, len(tags), 9)]
        codes.append(f'    "{code}": [\n      ' + ",\n      ".join(lines) + "\n    ]")
    head = f'{{\n  "title": {json.dumps(made["title"])},\n  "edition": "2024b",\n  "actions": {{\n'
    return head + ",\n".join(codes) + "\n  }\n}\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    TARGET.write_text(text(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), encoding="utf-8")
