"""Tests of the strict reading of the DICOM JSON Model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.body import Body
from harness.wire import dicom_json, json_text, vr
from harness.wire.dicom_json import CODES, NOTES, Reading, read, text, values
from tests.steps import steps


def codes(reading: Reading) -> set[str]:
    return set(reading.flaws.counts)


def of(root: Any) -> Reading:
    return read(Body.of(json.dumps(root, ensure_ascii=False).encode()))


def attribute(tag: str, value: dict[str, Any]) -> Reading:
    return of([{tag: value}])


def value(code: str, *members: Any, tag: str = "00091001") -> set[str]:
    creator = {"00090010": {"vr": "LO", "Value": ["US"]}}
    return codes(of([{**creator, tag: {"vr": code, "Value": list(members)}}]))


WHOLE = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
    "00080020": {"vr": "DA", "Value": ["20240229"]},
    "00080030": {"vr": "TM", "Value": ["101112.123456"]},
    "00080050": {"vr": "SH"},
    "00090010": {"vr": "LO", "Value": ["ACME"]},
    "00091001": {"vr": "UN", "InlineBinary": "AAE="},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "\u5c71\u7530^\u592a\u90ce"}]},
    "00101010": {"vr": "AS", "Value": ["018M"]},
    "00189074": {"vr": "DT", "Value": ["20240101120000.5+0100"]},
    "00081160": {"vr": "IS", "Value": [3, "4"]},
    "00280009": {"vr": "AT", "Value": ["00181063"]},
    "00281050": {"vr": "DS", "Value": [40, "4.0E1", 40.5]},
    "00280106": {"vr": "SS", "Value": [-5]},
    "00400275": {"vr": "SQ", "Value": [{"00400007": {"vr": "LO", "Value": ["A"]}}, {}]},
    "00431001": {"vr": "LO"},
    "7FE00010": {"vr": "OW", "BulkDataURI": "../bulkdata/1"},
}
WHOLE.pop("00431001")
WHOLE = dict(sorted(WHOLE.items()))


@pytest.mark.parametrize("root", [[WHOLE, WHOLE], [], [{}], WHOLE])
def test_correct_texts_have_no_flaw(root: Any) -> None:
    reading = of(root)
    assert reading.flaws.kept == []
    assert reading.root == ("array" if isinstance(root, list) else "object")
    assert list(reading.datasets) == (root if isinstance(root, list) else [root])


@pytest.mark.parametrize(
    ("octets", "code", "root"),
    [
        (b"", "json.syntax", ""),
        (b"[{]", "json.syntax", ""),
        (b"[] []", "json.syntax", ""),
        (b"[{},]", "json.syntax", ""),
        (b"['a']", "json.syntax", ""),
        (b'["\n"]', "json.syntax", ""),
        (b"[01]", "json.syntax", ""),
        (b"\xef\xbb\xbf[]", "json.bom", "array"),
        (b'[{"00100020":{"vr":"LO","Value":["\xe9"]}}]', "json.utf8", "array"),
        (b'[{"00100020":{"vr":"LO","Value":["\\ud800"]}}]', "json.surrogate", "array"),
        (b'[{"00185100":{"vr":"CS"},"00185100":{"vr":"CS"}}]', "json.duplicate-name", "array"),
        (b'[{"00185100":{"vr":"CS","vr":"CS"}}]', "json.duplicate-name", "array"),
        (b'[{"00189073":{"vr":"FD","Value":[NaN]}}]', "json.constant", "array"),
        (b'[{"00189073":{"vr":"FD","Value":[-Infinity]}}]', "json.constant", "array"),
        (b'[{"00189073":{"vr":"FD","Value":[1e400]}}]', "json.number-range", "array"),
        (b"[" * 200_000, "json.depth", ""),
        (b"null", "json.root", "null"),
        (b'"x"', "json.root", "string"),
        (b"1", "json.root", "number"),
        (b"true", "json.root", "boolean"),
        (b"[1]", "json.dataset", "array"),
        (b"[[]]", "json.dataset", "array"),
    ],
)
def test_departures_of_the_text(octets: bytes, code: str, root: str) -> None:
    reading = read(Body.of(octets))
    assert codes(reading) == {code}
    assert reading.root == root


def test_a_cut_text_is_not_blamed_for_how_it_ends() -> None:
    octets = json.dumps([WHOLE], ensure_ascii=False).encode()
    for size in range(len(octets) - 1):
        assert codes(read(Body.of(octets[:size], truncated=True))) == set()


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert codes(read(Body.of(b'[{"00100020":{"vr":"LO","Value":["\\ud83d\\ude00"]}}]'))) == set()


def test_a_text_beyond_the_bounds_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MOST_MARKS", 10)
    assert codes(read(Body.of(b"[" + b"{}," * 10 + b"{}]"))) == {"json.too-large"}
    monkeypatch.setattr(json_text, "LARGEST", 10)
    assert codes(read(Body.of(b"[          ]"))) == {"json.too-large"}


@pytest.mark.parametrize(
    ("dataset", "code", "where"),
    [
        ({"PatientName": {"vr": "PN"}}, "json.tag-syntax", "/0/PatientName"),
        ({"(0010,0010)": {"vr": "PN"}}, "json.tag-syntax", "/0/(0010,0010)"),
        ({"7fe00010": {"vr": "OW"}}, "json.tag-case", "/0/7fe00010"),
        ({"00100020": {"vr": "LO"}, "00100010": {"vr": "PN"}}, "json.order", "/0/00100010"),
        ({"00080000": {"vr": "UL", "Value": [4]}}, "json.group-length", "/0/00080000"),
        ({"00000002": {"vr": "UI"}}, "json.group-0000", "/0/00000002"),
        ({"00020010": {"vr": "UI"}}, "json.group-0002", "/0/00020010"),
        ({"FFFEE000": {"vr": "UN"}}, "json.delimiter-tag", "/0/FFFEE000"),
        ({"00100020": "X"}, "json.attribute", "/0/00100020"),
        ({"00100020": ["X"]}, "json.attribute", "/0/00100020"),
        ({"00100020": {}}, "json.vr-missing", "/0/00100020"),
        ({"00100020": {"vr": None}}, "json.vr-type", "/0/00100020/vr"),
        ({"00100020": {"vr": "XX"}}, "json.vr-unknown", "/0/00100020/vr"),
        ({"00100020": {"vr": "lo"}}, "json.vr-unknown", "/0/00100020/vr"),
        ({"00100020": {"vr": "PN"}}, "json.vr-dictionary", "/0/00100020/vr"),
        ({"00090010": {"vr": "UN"}}, "json.vr-dictionary", "/0/00090010/vr"),
        ({"00100020": {"vr": "LO", "keyword": "PatientID"}}, "json.unknown-member", "/0/00100020/keyword"),
        ({"00100020": {"vr": "LO", "Value": "X"}}, "json.value-array", "/0/00100020/Value"),
        ({"00100020": {"vr": "LO", "Value": None}}, "json.value-array", "/0/00100020/Value"),
        ({"00100020": {"vr": "LO", "Value": []}}, "json.value-empty-array", "/0/00100020/Value"),
        ({"00100020": {"vr": "LO", "Value": [None]}}, "json.only-null", "/0/00100020/Value"),
        ({"00100020": {"vr": "LO", "Value": [""]}}, "json.empty-string", "/0/00100020/Value/0"),
        ({"00104000": {"vr": "LT", "Value": ["a", "b"]}}, "json.single-valued", "/0/00104000/Value"),
        ({"00081140": {"vr": "SQ", "Value": [None]}}, "json.item-null", "/0/00081140/Value/0"),
        ({"00081140": {"vr": "SQ", "Value": [[]]}}, "json.item-object", "/0/00081140/Value/0"),
        ({"00100010": {"vr": "PN", "Value": ["A^B"]}}, "json.pn-object", "/0/00100010/Value/0"),
        ({"00100010": {"vr": "PN", "Value": [{}]}}, "json.pn-empty", "/0/00100010/Value/0"),
        ({"00100010": {"vr": "PN", "Value": [{"Alphabetic": ""}]}}, "json.pn-empty", "/0/00100010/Value/0/Alphabetic"),
        ({"00100010": {"vr": "PN", "Value": [{"Family": "A"}]}}, "json.pn-member", "/0/00100010/Value/0/Family"),
        ({"00100010": {"vr": "PN", "Value": [{"Phonetic": 1}]}}, "json.pn-string", "/0/00100010/Value/0/Phonetic"),
        ({"7FE00010": {"vr": "OW", "Value": [1]}}, "json.value-vr", "/0/7FE00010/Value"),
        ({"7FE00010": {"vr": "OW", "InlineBinary": ["AAE="]}}, "json.inline-type", "/0/7FE00010/InlineBinary"),
        ({"7FE00010": {"vr": "OW", "InlineBinary": ""}}, "json.inline-empty", "/0/7FE00010/InlineBinary"),
        ({"7FE00010": {"vr": "OB", "InlineBinary": "AA"}}, "json.inline-base64", "/0/7FE00010/InlineBinary"),
        ({"7FE00010": {"vr": "OB", "InlineBinary": "AA-_"}}, "json.inline-base64", "/0/7FE00010/InlineBinary"),
        ({"7FE00010": {"vr": "OB", "InlineBinary": "AAAA\n"}}, "json.inline-base64", "/0/7FE00010/InlineBinary"),
        ({"7FE00010": {"vr": "OB", "InlineBinary": "AB=="}}, "json.inline-base64", "/0/7FE00010/InlineBinary"),
        ({"7FE00010": {"vr": "OW", "InlineBinary": "AAAA"}}, "json.inline-size", "/0/7FE00010/InlineBinary"),
        ({"00280106": {"vr": "US", "InlineBinary": "AAE="}}, "json.inline-vr", "/0/00280106/InlineBinary"),
        ({"00100020": {"vr": "LO", "BulkDataURI": "x"}}, "json.bulkdata-vr", "/0/00100020/BulkDataURI"),
        ({"7FE00010": {"vr": "OW", "BulkDataURI": 1}}, "json.bulkdata-type", "/0/7FE00010/BulkDataURI"),
        ({"7FE00010": {"vr": "OW", "BulkDataURI": ""}}, "json.bulkdata-uri", "/0/7FE00010/BulkDataURI"),
        ({"7FE00010": {"vr": "OW", "BulkDataURI": "a b"}}, "json.bulkdata-uri", "/0/7FE00010/BulkDataURI"),
        ({"00030010": {"vr": "LO", "Value": ["A"]}}, "json.private-group", "/0/00030010"),
        ({"00090001": {"vr": "LO", "Value": ["A"]}}, "json.private-element", "/0/00090001"),
        ({"00090110": {"vr": "LO", "Value": ["A"]}}, "json.private-element", "/0/00090110"),
        ({"00091001": {"vr": "LO", "Value": ["A"]}}, "json.private-creator", "/0/00091001"),
        ({"00090010": {"vr": "LO"}, "00091001": {"vr": "LO"}}, "json.private-creator", "/0/00091001"),
    ],
)
def test_departures_of_the_model(dataset: dict[str, Any], code: str, where: str) -> None:
    reading = of([dataset])
    assert codes(reading) == {code}
    assert reading.flaws.kept[0].where == where


def test_two_contents_at_once() -> None:
    reading = attribute("7FE00010", {"vr": "OB", "InlineBinary": "AAAA", "BulkDataURI": "x"})
    assert codes(reading) == {"json.content-exclusive"}


def test_flaws_within_items_are_found_to_the_bound() -> None:
    inner: dict[str, Any] = {"00100020": {"vr": "LO", "Value": [5]}}
    for _ in range(dicom_json.DEEPEST):
        inner = {"00081140": {"vr": "SQ", "Value": [inner]}}
    assert codes(of([inner])) == {"json.value-type"}
    assert codes(of([{"00081140": {"vr": "SQ", "Value": [inner]}}])) == {"json.item-depth"}


def test_the_vrs_of_bulk_data_are_those_of_the_list() -> None:
    assert sorted(dicom_json.BULK) == sorted(
        vr.ALL - {"SQ", "PN", "UI", "SH", "LO", "CS", "DA", "TM", "DT", "AE", "AS", "AT", "UR"}
    )
    assert len(vr.ALL) == 34


@pytest.mark.parametrize(
    ("code", "good"),
    [
        ("AE", "A b.C"), ("AS", "018M"), ("AT", "0020000D"), ("CS", "A_1 B"), ("DA", "19000228"), ("DA", "20000229"),
        ("DS", "-1.5E+03"), ("DS", ".5"), ("DS", "5."), ("DS", " 1"), ("DS", 0.1), ("DT", "2007-0500"),
        ("DT", "195308"), ("DT", "20160630235960.000001+1400"), ("FL", 3.4028235e38), ("FL", 1), ("FD", 1e300),
        ("IS", "-2147483648"), ("IS", "+012"), ("IS", 2147483647), ("IS", 1.0), ("LO", "x" * 64),
        ("LO", "\u00e9" * 64), ("LT", "a\\b\r\n\tc"), ("SH", "x" * 16), ("SL", -(2**31)), ("SS", 32767),
        ("ST", "x" * 1024), ("SV", str(-(2**63))), ("SV", 5), ("TM", "10"), ("TM", "235960"), ("TM", "101112.1"),
        ("UC", "x" * 100_000), ("UI", "1.2.840.0"), ("UI", "0"), ("UI", "1" * 64), ("UL", 2**32 - 1),
        ("UR", "https://[::1]:80/a%20b?c=d#e"), ("UR", "../x"), ("US", 0), ("UT", "x\\y\f"), ("UV", str(2**64 - 1)),
        ("PN", {"Alphabetic": "A^B^C^D^E", "Phonetic": "x" * 64}),
    ],
)  # fmt: skip
def test_good_values(code: str, good: Any) -> None:
    assert value(code, good) == set()


@pytest.mark.parametrize(
    ("code", "bad", "kind"),
    [
        ("AE", "x" * 17, "length"), ("AE", " ", "form"), ("AE", "\u00e9", "characters"), ("AS", "18M", "form"),
        ("AS", "018m", "characters"), ("CS", "abc", "characters"), ("CS", "A" * 17, "length"),
        ("CS", "A-B", "characters"), ("DA", "2024-01-02", "characters"), ("DA", "2024.01.02", "characters"),
        ("DA", "20230229", "range"), ("DA", "20231301", "range"), ("DA", "202301", "form"),
        ("DA", "20230101-20240101", "characters"), ("DS", "1,5", "characters"), ("DS", "1e", "form"),
        ("DS", "1.2.3", "form"), ("DS", "1 2", "form"), ("DS", "1" * 17, "length"),
        ("DT", "2024-01-01T00:00:00", "characters"), ("DT", "20240230", "range"), ("DT", "20240101+1500", "range"),
        ("DT", "20240101-0000", "range"), ("DT", "202", "form"), ("DT", " 2024", "form"),
        ("IS", "1.0", "characters"), ("IS", "--1", "form"), ("IS", "2147483648", "range"),
        ("LO", "x" * 65, "length"), ("LO", "a\\b", "backslash"), ("LO", "a\nb", "characters"),
        ("LO", "a\x1b$B", "escape"), ("LO", "a\0", "padding"), ("LT", "x" * 10241, "length"),
        ("LT", "a\x01", "characters"), ("SH", "x" * 17, "length"), ("SV", "x", "form"), ("ST", "x" * 1025, "length"),
        ("TM", "10:11:12", "characters"), ("TM", "240000", "range"), ("TM", "021 ", "form"),
        ("TM", "101112.", "form"), ("TM", "101112.1234567", "form"), ("UC", "a\\b", "backslash"),
        ("UI", "1.02", "form"), ("UI", "1..2", "form"), ("UI", "1.2.", "form"), ("UI", "1.a", "characters"),
        ("UI", "1" * 65, "length"), ("UI", "1.2\0", "padding"), ("UI", "1.2 ", "characters"), ("UR", "a b", "form"),
        ("UR", "http://[/", "form"), ("UR", "1:2", "form"), ("PN", {"Alphabetic": "A^B^C^D^E^F"}, "form"),
        ("PN", {"Alphabetic": "A=B"}, "form"), ("PN", {"Alphabetic": "x" * 65}, "length"),
        ("PN", {"Alphabetic": "A\\B"}, "backslash"), ("CS", "A ", "space"), ("LO", "A ", "space"),
        ("PN", {"Alphabetic": "A "}, "space"), ("TM", "10 ", "space"),
    ],
)  # fmt: skip
def test_bad_values(code: str, bad: Any, kind: str) -> None:
    got = value(code, bad)
    assert f"json.value-{kind}" in got
    assert got <= {f"json.value-{k}" for k in (kind, "length", "form", "space")}


@pytest.mark.parametrize(
    ("code", "bad", "flaw"),
    [
        ("US", "1", "value-type"), ("FD", "1.5", "value-type"), ("US", True, "value-type"), ("US", {}, "value-type"),
        ("LO", 5, "value-type"), ("CS", True, "value-type"), ("DA", 20240101, "value-type"), ("AT", 5, "value-type"),
        ("DS", False, "value-type"), ("DS", ["1"], "value-type"), ("US", 1.5, "number-integer"),
        ("IS", 1.5, "number-integer"), ("US", -1, "number-range"), ("US", 65536, "number-range"),
        ("SS", -32769, "number-range"), ("UL", 2**32, "number-range"), ("SL", 2**31, "number-range"),
        ("IS", 2**31, "number-range"), ("FL", 1e39, "number-range"), ("UV", 2**64, "number-range"),
        ("UV", str(2**64), "number-range"), ("SV", 2**53 + 1, "number-precision"),
        ("DS", 0.30000000000000004, "number-length"), ("AT", "7fe00010", "at"), ("AT", "(0010,0010)", "at"),
    ],
)  # fmt: skip
def test_bad_types_and_numbers(code: str, bad: Any, flaw: str) -> None:
    assert value(code, bad) == {f"json.{flaw}"}


def test_an_integer_of_many_digits_is_out_of_range() -> None:
    octets = b'[{"00280010":{"vr":"US","Value":[1' + b"0" * 5000 + b"]}}]"
    assert codes(read(Body.of(octets))) == {"json.number-range"}


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("00280106", "US"), ("00280106", "SS"), ("00280106", "UN"), ("7FE00010", "OB"), ("60020010", "US"),
        ("00091001", "FD"), ("0008FFFF", "LO"),
    ],
)  # fmt: skip
def test_legal_alternatives_of_the_dictionary(tag: str, code: str) -> None:
    assert vr.fits_dictionary(tag, code)


def test_notes_are_codes() -> None:
    assert set(CODES) > NOTES


def test_values_and_text() -> None:
    assert values(WHOLE, "00080008") == ["ORIGINAL", None, "AXIAL"]
    assert values(WHOLE, "00400275.00400007") == ["A"]
    assert values(WHOLE, "00080050") == []
    assert values(WHOLE, "7FE00010") == []
    assert values({"00100020": 5}, "00100020") == []
    assert text(WHOLE, "00100010") == "Yamada^Tarou"
    assert text(WHOLE, "00081160") == "3"
    assert text(WHOLE, "00100020") == ""
    assert text(of([{"00281050": {"vr": "DS", "Value": [1.50]}}]).datasets[0], "00281050") == "1.5"


def test_numbers_keep_their_text() -> None:
    reading = read(Body.of(b'[{"00281050":{"vr":"DS","Value":[1.50, 1E2]}}]'))
    assert [json_text.text_of(v) for v in values(reading.datasets[0], "00281050")] == ["1.50", "1E2"]
    assert values(reading.datasets[0], "00281050") == [1.5, 100]


def test_the_work_for_an_answer_grows_as_its_size() -> None:
    def work(count: int) -> int:
        octets = ("[" + ",".join([json.dumps(WHOLE)] * count) + "]").encode()
        assert not read(Body.of(octets)).flaws
        return steps(lambda: read(Body.of(octets + b" ")))  # other octets: the same ones would be remembered

    assert work(80) < 5 * work(20)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["vr", "Value", "BulkDataURI", "InlineBinary", "00100010", "0010001a", "00091001", "Alphabetic"]
            ),
            inner | st.sampled_from(["PN", "SQ", "US", "OB", "LO", "DS"]),
            max_size=4,
        )
    ),
    max_leaves=30,
)


@given(JSON)
def test_any_json_is_read_and_only_known_codes_come_out(root: Any) -> None:
    reading = read(Body.of(json.dumps(root).encode()))
    assert codes(reading) <= set(CODES)
    for dataset in reading.datasets:
        values(dataset, "00100010.00091001")
        text(dataset, "00100010")


@given(st.binary(max_size=100))
def test_any_octets_are_read(octets: bytes) -> None:
    assert codes(read(Body.of(octets))) <= set(CODES)


@given(st.sampled_from(sorted(vr.STRINGS)), st.text(min_size=1, max_size=40), st.booleans())
def test_any_text_is_a_value_or_has_known_faults(code: str, given: str, query: bool) -> None:
    assert {kind for kind, _ in vr.faults(code, given, query)} <= set(vr.KINDS)
    assert {kind for kind, _ in vr.person_name(given)} <= set(vr.KINDS)


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("DA", "20240101-"), ("DA", "-20240101"), ("DA", "20240101-20240201"), ("TM", "10-1130"), ("TM", "-10"),
        ("DT", "2024-0500-2025-0500"), ("DT", "2024-"), ("CS", "AX*"), ("AE", "?X"),
    ],
)  # fmt: skip
def test_matching_values_of_queries(code: str, key: str) -> None:
    assert list(vr.faults(code, key, query=True)) == []
    assert list(vr.faults(code, key)) != [] or code == "AE"
