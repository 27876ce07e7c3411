"""The table of the Basic Application Level Confidentiality Profile, against rows read in PS3.15 Table E.1-1."""

from __future__ import annotations

import json
import re

import pytest
from pydicom.datadict import dictionary_has_tag

from harness.wire.confidentiality import TABLE, action
from tools.confidentiality import table, text

ACTIONS = json.loads(TABLE.read_text(encoding="utf-8"))["actions"]


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("00080018", "U"),  # SOP Instance UID
        ("00100010", "Z"),  # Patient's Name
        ("00100020", "Z/D"),  # Patient ID
        ("00080050", "Z"),  # Accession Number
        ("00080080", "X/Z/D"),  # Institution Name
        ("00104000", "X"),  # Patient Comments
        ("00081140", "X/Z/U*"),  # Referenced Image Sequence
        ("0040A730", "D"),  # Content Sequence
        ("50123456", "X"),  # Curve Data of any group
        ("60023000", "X"),  # Overlay Data of any group
        ("00090010", "X"),  # private
        ("7FE00010", ""),
        ("00280010", ""),
    ],
)
def test_actions(tag: str, code: str) -> None:
    assert action(tag) == code


def test_every_tag_stands_once_and_is_known() -> None:
    tags = [tag for tags in ACTIONS.values() for tag in tags]
    assert len(tags) == len(set(tags)) > 600
    assert all(re.fullmatch(r"[0-9A-Fx]{8}", tag) for tag in tags)
    unknown = [tag for tag in tags if "x" not in tag and not dictionary_has_tag(int(tag, 16))]
    assert len(unknown) < 10  # younger than the dictionary that is installed


def test_the_tool_writes_what_stands_there() -> None:
    rows = [{"tag": f"({t[:4]},{t[4:]})".replace("x", "X"), "basicProfile": c} for c in ACTIONS for t in ACTIONS[c]]
    assert text(rows) == TABLE.read_text(encoding="utf-8")
    assert table([{"tag": "(GGGG,EEEE) WHERE GGGG IS ODD", "basicProfile": "X"}])["actions"] == {}
