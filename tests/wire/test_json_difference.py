"""Tests of the comparison of data sets in the DICOM JSON Model."""

from __future__ import annotations

from typing import Any

import pytest

from harness.wire.json_difference import difference


def a(vr: str, *values: Any) -> dict[str, Any]:
    return {"00091001": {"vr": vr, "Value": list(values)} if values else {"vr": vr}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (a("DS", 1.5), a("DS", "1.50")),
        (a("IS", "+3"), a("IS", 3)),
        (a("SV", "9007199254740993"), a("SV", 9007199254740993)),
        (a("FL", 0.1), a("FL", 0.10000000149011612)),
        (a("FD", "NaN"), a("FD", float("nan"))),
        (a("LO", "A "), a("LO", "A")),
        (a("CS", "A", None), a("CS", "A", "")),
        (a("LO"), a("LO", None)),
        (a("PN", {"Alphabetic": "A^B^"}), a("PN", {"Alphabetic": "A^B", "Phonetic": ""})),
        (a("SQ", a("LO", "A")), a("SQ", a("LO", "A "))),
        (a("UN"), a("LO", "A")),
        ({"7FE00010": {"vr": "OW", "BulkDataURI": "a"}}, {"7FE00010": {"vr": "OW", "InlineBinary": "AAAA"}}),
        ({"00100010": {"vr": "PN"}}, {}),
    ],
)
def test_what_is_no_difference(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert list(difference(one, other, ignore={"00100010"})) == []
    assert list(difference(other, one, ignore={"00100010"})) == []


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        (a("DS", 1.5), a("DS", "1.51"), "00091001[0]"),
        (a("FD", 0.1), a("FD", 0.10000000149011612), "00091001[0]"),
        (a("SV", "9007199254740993"), a("SV", "9007199254740992"), "00091001[0]"),
        (a("LT", " A"), a("LT", "A"), "00091001[0]"),
        (a("LO", "A"), a("LO", "B"), "00091001[0]"),
        (a("LO", "A"), a("LO"), "00091001"),
        (a("LO", "A", "B"), a("LO", "A"), "00091001"),
        (a("LO", "A"), a("SH", "A"), "00091001"),
        (a("LO", "A"), {}, "00091001"),
        (a("US", True), a("US", 1), "00091001[0]"),
        (a("PN", {"Alphabetic": "A"}), a("PN", {"Ideographic": "A"}), "00091001[0]"),
        (a("SQ", {}, a("LO", "A")), a("SQ", {}, a("LO", "B")), "00091001[1].00091001[0]"),
        (
            {"7FE00010": {"vr": "OB", "InlineBinary": "AAAA"}},
            {"7FE00010": {"vr": "OB", "InlineBinary": "AAAB"}},
            "7FE00010",
        ),
        ({"00100010": 5}, {"00100010": {"vr": "PN"}}, "00100010"),
    ],
)
def test_what_is_a_difference(one: dict[str, Any], other: dict[str, Any], path: str) -> None:
    assert [d.path for d in difference(one, other)] == [path]
    assert [d.path for d in difference(other, one)] == [path]
