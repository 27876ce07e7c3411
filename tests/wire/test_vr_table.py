"""schemas/vr.json and the strict code of harness/wire/vr.py say the same of every VR and of any value."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.valuerep import VR

from harness.wire import dicom_json, elements, vr
from tests.wire.test_schema_agrees import validator

TABLE = json.loads((Path(__file__).parent.parent.parent / "schemas" / "vr.json").read_text(encoding="utf-8"))
ROWS: dict[str, dict[str, Any]] = TABLE["vrs"]
many = settings(max_examples=300, deadline=None, database=None, derandomize=True)


def where(column: str, value: Any = True) -> set[str]:
    return {code for code, row in ROWS.items() if row.get(column) == value}


def test_the_table_has_every_vr_and_names_every_column() -> None:
    assert set(ROWS) == vr.ALL == {code.value for code in VR if len(code.value) == 2}
    named = {word for words in TABLE["columns"] for word in words.split(", ")}
    assert {column for row in ROWS.values() for column in row} <= named


def test_the_columns_are_those_of_the_code() -> None:
    assert where("inline") == vr.BINARY
    assert where("bulkdata") == dicom_json.BULK
    assert where("long") == elements._LONG
    assert {code: row["word"] for code, row in ROWS.items() if row.get("word", 1) > 1} == vr.WORD
    ranges = {code: (row["minimum"], row["maximum"]) for code, row in ROWS.items() if "minimum" in row}
    assert {code: ends for code, ends in ranges.items() if code not in vr.FLOATS} == vr.INTEGERS
    assert where("real") == vr.FLOATS
    assert {code for code, row in ROWS.items() if row.get("padding") in ("space", "NUL")} >= vr.STRINGS
    single = where("multiple", False)
    assert single - vr.BINARY == vr.SINGLE
    assert where("repertoire", "extended") == {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
    lengths = {code: row["length"] for code, row in ROWS.items() if row.get("length") and code != "PN"}
    assert lengths == vr._LENGTH


def test_the_json_types_are_those_of_the_reader() -> None:
    for code, row in ROWS.items():
        for kind, member in (("string", "1"), ("number", 1), ("object", {})):
            flaws = dicom_json.check(
                {"00990010": {"vr": "LO", "Value": ["x"]}, "00991001": {"vr": code, "Value": [member]}}
            )
            wrong = flaws.of("json.value-type", "json.value-vr", "json.pn-object", "json.item-object")
            assert bool(wrong) == (kind not in row["json"]), (code, kind)


@pytest.mark.parametrize("code", sorted(vr.STRINGS - {"PN"}))
@many
@given(data=st.data())
def test_any_text_is_the_same_to_both(code: str, data: st.DataObject) -> None:
    length = vr._LENGTH.get(code)
    known = sorted(
        {"0123456789", "+-.eE ", "DWMY", "A_a\\^=\x00\x1b\n\t\x7f\x85é山", "http://[]%2?#@:", "\r\f", "20240229"}
    )
    text = st.text(st.sampled_from(sorted(set("".join(known)))), max_size=20)
    if length:
        text = st.one_of(
            text, st.integers(-2, 2).map(lambda more: "1" * (length + more)), text.map(lambda t: t[:2] * length)
        )
    value = data.draw(st.one_of(text, st.from_regex(_form(code), fullmatch=True)))
    agree(code, value)


def _form(code: str) -> str:
    row = ROWS[code]
    return row.get("form") or (TABLE["uri"] if row.get("uri") else "[A-Z ]{1,40}")


def agree(code: str, value: str) -> None:
    attribute = {"vr": code, "Value": [value]}
    found = dicom_json.check({"00990010": {"vr": "LO", "Value": ["x"]}, "00991001": attribute}).counts.keys()
    assert validator().is_valid({"00991001": attribute}) == (not found - dicom_json.NOTES), sorted(found)


@pytest.mark.parametrize("code", ["IS", "SV", "UV", "US", "SS", "UL", "SL"])
@many
@given(data=st.data())
def test_the_ends_of_every_range(code: str, data: st.DataObject) -> None:
    low, high = vr.INTEGERS[code]
    number = data.draw(
        st.one_of(st.integers(low - 2, low + 2), st.integers(high - 2, high + 2), st.integers(-(2**70), 2**70))
    )
    sign = "+" if number >= 0 and data.draw(st.booleans()) else ""
    for value in (number, f"{sign}{number}", f"{sign}00{number}" if number >= 0 else f"-0{-number}"):
        attribute = {"vr": code, "Value": [value]}
        counts = dicom_json.check({"00990010": {"vr": "LO", "Value": ["x"]}, "00991001": attribute}).counts.keys()
        assert validator().is_valid({"00991001": attribute}) == (not counts - dicom_json.NOTES), (value, sorted(counts))


@many
@given(st.sampled_from(sorted(vr.BINARY)), st.text("AQgwEIMUz09+/=-_ \n", max_size=26))
def test_base64_is_the_same_to_both(code: str, text: str) -> None:
    attribute = {"vr": code, "InlineBinary": text}
    found = dicom_json.check({"00990010": {"vr": "LO", "Value": ["x"]}, "00991001": attribute}).counts.keys()
    assert validator().is_valid({"00991001": attribute}) == (not found), sorted(found)


@many
@given(st.one_of(st.text("a1:/?#[]@%2F. \\é-", max_size=12), st.from_regex(TABLE["uri"], fullmatch=True)))
def test_uris_are_the_same_to_both(text: str) -> None:
    assert bool(re.fullmatch(TABLE["uri"], text) and text) == vr.uri_reference(text)
    assert validator().is_valid({"7FE00010": {"vr": "OW", "BulkDataURI": text}}) == vr.uri_reference(text)
