"""The number of values by PS3.6: the table, its forms, and the three strict readers on the same attributes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VM, dictionary_VR

from harness.body import Body
from harness.make import as_json, as_octets, as_xml
from harness.make.tree import Element, Tree
from harness.wire import dicom_json, multiplicity, native_xml, part10

FORMS: dict[str, tuple[list[int], list[int]]] = {
    "1": ([0, 1], [2, 3]),
    "1-n": ([0, 1, 2, 99], []),
    "1-3": ([1, 2, 3], [4]),
    "2": ([0, 2], [1, 3]),
    "2-n": ([2, 3, 4], [1]),
    "2-2n": ([0, 2, 4, 6], [1, 3, 5]),
    "3-3n": ([3, 6, 9], [1, 2, 4, 5, 7]),
    "4-5": ([4, 5], [1, 3, 6]),
    "6-n": ([6, 7], [1, 5]),
    "16": ([16], [1, 15, 17]),
}


@pytest.mark.parametrize("vm", FORMS)
def test_forms(vm: str) -> None:
    good, bad = FORMS[vm]
    assert [multiplicity.fits(vm, count) for count in good] == [True] * len(good)
    assert [multiplicity.fits(vm, count) for count in bad] == [False] * len(bad)


def test_every_form_of_the_table_is_understood() -> None:
    rows = json.loads(multiplicity.TABLE.read_text(encoding="utf-8"))["vm"]
    assert all(multiplicity._FORM.fullmatch(vm) for vm in rows)
    assert not [vm for vm in rows if multiplicity.fits(vm, 1) and multiplicity.fits(vm, 2) and vm[-1:] not in "n2389"]


def test_who_is_not_judged() -> None:
    unknown, private, retired, group_length = "00189999", "00091001", "00080040", "00080000"
    assert [multiplicity.of(tag) for tag in (unknown, private, retired, group_length)] == [""] * 4
    assert multiplicity.of("00090010") == "1"  # a private creator
    assert multiplicity.of("60020050") == "2"  # a repeating group
    assert multiplicity.wanted("00280010", "UN", 2) == ""  # octets
    assert multiplicity.wanted("00280010", "SS", 2) == ""  # of another VR
    assert multiplicity.wanted("00283006", "OW", 7) == ""
    assert multiplicity.wanted("00081140", "SQ", 7) == ""
    assert multiplicity.wanted("00280010", "US", 2) == "1"


@given(st.sampled_from(("00080008", "00080060", "00200037", "00280030", "00280106", "30060050")), st.integers(1, 20))
@settings(max_examples=100, deadline=None, database=None, derandomize=True)
def test_the_three_readers_say_the_same_and_say_where(tag: str, count: int) -> None:
    vr = dictionary_VR(int(tag, 16)).split(" or ")[0]
    element = Element(tag, vr, ((5,) if vr == "US" else ("1",)) * count)
    wrong = not multiplicity.fits(dictionary_VM(int(tag, 16)), count)
    found = {(c, w) for c, w in flaws(element) if c.endswith("multiplicity")}
    want = {("json.multiplicity", f"/0/{tag}/Value"), ("xml.multiplicity", f"/NativeDicomModel/{tag}"),
            ("part10.multiplicity", f"{tag} at octet")}  # fmt: skip
    assert found == (want if wrong else set())


def flaws(element: Element) -> list[tuple[str, str]]:
    tree = Tree((element,))
    text = as_json.render([as_json.dataset(tree)]).encode()
    document = as_xml.render(as_xml.document(tree, as_json.first), as_json.first)
    kept = [*dicom_json.read(Body.of(text)).flaws.kept, *native_xml.read(Body.of(document)).flaws.kept,
            *part10.read(Body.of(as_octets.part10(tree).octets)).flaws.kept]  # fmt: skip
    return [(f.code, f.where.split(" octet ")[0] + " octet" if " octet " in f.where else f.where) for f in kept]


@pytest.mark.parametrize(
    ("vr", "octets", "wrong"),
    [
        ("LO", b"a\\b ", True),  # a backslash in Patient ID
        ("LO", b"a\\", True),
        ("LO", b"\\ ", False),  # nothing but empty values
        ("LO", b"", False),
        ("LO", b"a ", False),
        ("UN", b"a\\b ", False),
        ("SH", b"a\\b ", False),  # it is the VR that is wrong
    ],
)
def test_values_in_octets(vr: str, octets: bytes, wrong: bool) -> None:
    file = as_octets.part10(
        Tree((as_octets.Raw("00100020", vr, write=lambda e: as_octets.with_head("00100020", vr, octets, e)),))
    )
    assert ("part10.multiplicity" in part10.read(Body.of(file.octets)).flaws.counts) == wrong


def test_an_octet_of_a_character_is_no_backslash() -> None:
    """In GB18030 the second octet of a character may look like one."""
    tree = Tree((Element("00080005", "CS", ("GB18030",)), Element("00100020", "LO", (b"\x81\\".decode("gb18030"),))))
    assert b"\\" in as_octets.part10(tree).octets
    assert part10.read(Body.of(as_octets.part10(tree).octets)).flaws.kept == []


@pytest.mark.parametrize("values", [[None, None], [None, ""]])
def test_empty_values_are_not_counted(values: list[Any]) -> None:
    text = json.dumps([{"00100020": {"vr": "LO", "Value": values}}]).encode()
    assert "json.multiplicity" not in dicom_json.read(Body.of(text)).flaws.counts


def test_zeros_are_values() -> None:
    text = json.dumps([{"00280010": {"vr": "US", "Value": [0, 0]}}]).encode()
    assert "json.multiplicity" in dicom_json.read(Body.of(text)).flaws.counts
