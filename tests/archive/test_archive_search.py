"""Searches: what is matched at which level, what a row holds (PS3.18 Tables 10.6.3-3 to -5), order and paging."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from simulators.archive.archive import Archive, BadValue, Key, Question, Row

STUDY_KEYS = {
    "00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00100010", "00100020", "00100030",
    "00100040", "0020000D", "00200010", "00201206", "00201208",
}  # fmt: skip


def key(path: str, *values: str) -> Key:
    return Key(tuple(path.split(".")), values)


def ask(archive: Archive, *keys: Key, levels: tuple[str, ...] = ("study",), **more: Any) -> list[Row]:
    return list(archive.search(Question(levels, keys=keys, **more)).rows)


def said(row: Row, tag: str) -> Any:
    return json.loads(row.elements[tag]).get("Value")


def request(step: str, procedure: str, description: str = "") -> Dataset:
    made = Dataset()
    made.ScheduledProcedureStepID, made.RequestedProcedureID = step, procedure
    made.ScheduledProcedureStepDescription = description
    return made


@pytest.fixture
def filled(archive: Archive, make: Any, put: Any) -> Archive:
    """Two studies: 1.2.3 with a CT series of two images and an MR series of one, 1.2.4 with an empty look."""
    first = {"PatientID": "P1", "PatientName": "Doe^Jane", "StudyDate": "20200101", "StudyTime": "1030",
             "AccessionNumber": "A1", "StudyID": "S1", "StudyDescription": "Head"}  # fmt: skip
    ct = {**first, "SeriesNumber": "1", "SeriesDescription": "Axial", "PerformedProcedureStepStartDate": "20200101",
          "RequestAttributesSequence": Sequence([request("SPS1", "RP1", "one"), request("SPS2", "RP2", "two")]),
          }  # fmt: skip
    mr = {**first, "SeriesInstanceUID": "1.2.3.2", "SeriesNumber": "2", "Modality": "MR"}
    outcomes = put(
        make(SOPInstanceUID="1.2.3.1.2", InstanceNumber="2", Rows=16, Columns=16, BitsAllocated=8, **ct),
        make(SOPInstanceUID="1.2.3.1.1", InstanceNumber="1", ImageComments="look", **ct),
        make(SOPInstanceUID="1.2.3.2.1", TimezoneOffsetFromUTC="+0100", **mr),
        make(StudyInstanceUID="1.2.4", SeriesInstanceUID="1.2.4.1", SOPInstanceUID="1.2.4.1.1", Modality="US"),
    )
    assert [o.status for o in outcomes] == ["stored"] * 4
    return archive


def test_a_study_says_what_the_table_asks_for(filled: Archive) -> None:
    full, bare = ask(filled)
    assert set(full.elements) == STUDY_KEYS
    assert list(full.elements) == sorted(full.elements)
    assert (full.study, full.series, full.instance) == ("1.2.3", "", "")
    assert said(full, "00100010") == [{"Alphabetic": "Doe^Jane"}]
    assert said(full, "00080061") == ["CT", "MR"]
    assert said(full, "00201206") == [2]
    assert said(full, "00201208") == [3]
    assert said(full, "00080056") == ["ONLINE"]
    assert set(bare.elements) == STUDY_KEYS
    assert bare.elements["00100010"] == b'{"vr":"PN"}'
    assert bare.elements["00080020"] == b'{"vr":"DA"}'


def test_a_series_says_what_the_table_asks_for(filled: Archive) -> None:
    ct, mr = ask(filled, levels=("series",), study="1.2.3")
    assert set(ct.elements) == {
        "00080060", "0008103E", "0020000D", "0020000E", "00200011", "00201209", "00400244", "00400275",
    }  # fmt: skip
    assert [set(item) for item in said(ct, "00400275")] == [{"00400009", "00401001"}] * 2
    assert said(ct, "00201209") == [2]
    assert set(mr.elements) == {"00080060", "00080201", "0020000D", "0020000E", "00200011", "00201209"}
    assert (ct.series, mr.series, ct.instance) == ("1.2.3.1", "1.2.3.2", "")
    assert set(ask(filled, levels=("study", "series"))[0].elements) >= STUDY_KEYS | set(ct.elements)


def test_an_instance_says_what_the_table_asks_for(filled: Archive) -> None:
    one, two = ask(filled, levels=("instance",), study="1.2.3", series="1.2.3.1")
    assert set(one.elements) == {
        "00080016", "00080018", "00080056", "00083002", "0020000D", "0020000E", "00200013",
    }  # fmt: skip
    assert set(two.elements) - set(one.elements) == {"00280010", "00280011", "00280100"}
    assert said(two, "00280010") == [16]
    assert said(two, "00083002") == ["1.2.840.10008.1.2.1"]
    relational = ask(filled, levels=("series", "instance"), study="1.2.3")
    assert [row.instance for row in relational] == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.2.1"]
    assert "00080060" in relational[0].elements
    assert "00100010" not in relational[0].elements
    everything = ask(filled, levels=("study", "series", "instance"))
    assert len(everything) == 4
    assert set(everything[0].elements) >= STUDY_KEYS


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (key("00080020", "20200101"), ["1.2.3"]),
        (key("00080020", "20190101-20191231"), []),
        (key("00080030", "10"), ["1.2.3"]),
        (key("00080050", "A1"), ["1.2.3"]),
        (key("00080050", "A?"), ["1.2.3"]),
        (key("00080050", "a1"), []),
        (key("00080061", "MR"), ["1.2.3"]),
        (key("00080061", "*"), ["1.2.3", "1.2.4"]),
        (key("00100010", "doe*"), ["1.2.3"]),
        (key("00100020", "P1"), ["1.2.3"]),
        (key("00100020", "P1 "), ["1.2.3"]),
        (key("0020000D", "1.2.4"), ["1.2.4"]),
        (key("0020000D", "1.2.4", "1.2.3", "1.9"), ["1.2.3", "1.2.4"]),
        (key("00200010", "S1"), ["1.2.3"]),
        (key("00201206", "2"), ["1.2.3"]),
        (key("00081030", "Head"), ["1.2.3"]),
        (key("00100020"), ["1.2.3", "1.2.4"]),
        (key("00080060", "CT"), ["1.2.3", "1.2.4"]),  # a series key says nothing about studies
        (key("00080201", "+0100"), ["1.2.3", "1.2.4"]),  # never matched
    ],
)
def test_keys_of_studies(filled: Archive, asked: Key, found: list[str]) -> None:
    assert [row.study for row in ask(filled, asked)] == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (key("00080060", "MR"), ["1.2.3.2"]),
        (key("0020000E", "1.2.3.1"), ["1.2.3.1"]),
        (key("00200011", "2"), ["1.2.3.2"]),
        (key("00400244", "20200101-"), ["1.2.3.1"]),
        (key("00400275.00400009", "SPS2"), ["1.2.3.1"]),
        (key("00400275.00401001", "RP*"), ["1.2.3.1"]),
        (key("00400275.00400007", "two"), ["1.2.3.1"]),
        (key("00100020", "P1"), ["1.2.3.1", "1.2.3.2"]),
        (key("00080061", "MR"), ["1.2.3.1", "1.2.3.2"]),
    ],
)
def test_keys_of_series(filled: Archive, asked: Key, found: list[str]) -> None:
    assert [row.series for row in ask(filled, asked, levels=("study", "series"))] == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (key("00080018", "1.2.3.2.1"), ["1.2.3.2.1"]),
        (key("00080016", "1.2.840.10008.5.1.4.1.1.4"), []),
        (key("00200013", "2"), ["1.2.3.1.2"]),
        (key("00280010", "16"), ["1.2.3.1.2"]),
        (key("00204000", "lo*"), ["1.2.3.1.1"]),
        (key("00080060", "US"), ["1.2.4.1.1"]),
    ],
)
def test_keys_of_instances(filled: Archive, asked: Key, found: list[str]) -> None:
    assert [row.instance for row in ask(filled, asked, levels=("study", "series", "instance"))] == found


def test_a_matched_sequence_holds_matching_items_and_what_was_asked_for(filled: Archive) -> None:
    (row,) = ask(filled, key("00400275.00400007", "two"), levels=("series",), study="1.2.3")
    (item,) = said(row, "00400275")
    assert {tag: value["Value"] for tag, value in item.items()} == {
        "00400007": ["two"], "00400009": ["SPS2"], "00401001": ["RP2"],
    }  # fmt: skip


# --- what is included ----------------------------------------------------------------------------------------------


def test_included_attributes(filled: Archive) -> None:
    wanted = frozenset({("00081030",), ("0008103E",), ("00204000",), ("00101002",)})
    series = ask(filled, levels=("series",), study="1.2.3", include=wanted)[0]
    assert [set(item) for item in said(series, "00400275")] == [{"00400009", "00401001"}] * 2
    study = ask(filled, include=wanted)[0]
    assert said(study, "00081030") == ["Head"]
    assert study.elements["00101002"] == b'{"vr":"SQ"}'
    assert not {"0008103E", "00204000"} & set(study.elements)
    series = ask(filled, levels=("series",), study="1.2.3", include=wanted)[0]
    assert said(series, "00081030") == ["Head"]  # of a level above, which may be included
    assert "00204000" not in series.elements
    one, two, _ = ask(filled, levels=("series", "instance"), study="1.2.3", include=wanted)
    assert said(one, "00204000") == ["look"]
    assert two.elements["00204000"] == b'{"vr":"LT"}'


def test_a_whole_sequence_is_included(filled: Archive) -> None:
    row = ask(filled, levels=("series",), study="1.2.3", include=frozenset({("00400275",)}))[0]
    assert [item["00400007"]["Value"] for item in said(row, "00400275")] == [["one"], ["two"]]


def test_all_of_a_level(filled: Archive) -> None:
    study = ask(filled, include_all=True)[0]
    assert set(study.elements) == STUDY_KEYS | {"00081030"}
    series = ask(filled, levels=("series",), study="1.2.3", include_all=True)[0]
    assert [item["00400007"]["Value"] for item in said(series, "00400275")] == [["one"], ["two"]]
    assert not {"00081030", "00204000"} & set(series.elements)
    instance = ask(filled, levels=("instance",), study="1.2.3", include_all=True)[0]
    assert said(instance, "00204000") == ["look"]


def test_matched_attributes_are_returned(filled: Archive) -> None:
    assert said(ask(filled, key("00081030", "H*"))[0], "00081030") == ["Head"]
    assert ask(filled, key("00101010"))[1].elements["00101010"] == b'{"vr":"AS"}'


def test_private_attributes_go_by_their_creator(archive: Archive, dataset: Any, file: Any, put: Any) -> None:
    for number, block in ((1, 0x10), (2, 0x11), (3, 0x12)):
        made = dataset(
            SOPInstanceUID=f"1.{number}", StudyInstanceUID=f"1.2.{number}", SeriesInstanceUID=f"1.2.{number}.1"
        )
        if block == 0x11:
            made.add_new(0x00230010, "LO", "Other")
        made.add_new(0x00230000 + block, "LO", "AcmeCompany" if number < 3 else "Other")
        made.add_new(0x00230000 + (block << 8) + 2, "SH", f"value {number}")
        made.add_new(0x00230000 + (block << 8) + 3, "PN", "Doe^Jane")
        assert put(file(made))[0].status == "stored"
    creator = key("00230010", "AcmeCompany")
    rows = ask(archive, creator, include=frozenset({("00231002",)}))
    assert [row.study for row in rows] == ["1.2.1", "1.2.2"]
    assert said(rows[0], "00231002") == ["value 1"]
    assert said(rows[0], "00230010") == ["AcmeCompany"]
    assert said(rows[1], "00231102") == ["value 2"]  # its block, its creator
    assert said(rows[1], "00230011") == ["AcmeCompany"]
    assert [row.study for row in ask(archive, creator, key("00231002", "value 2"))] == ["1.2.2"]
    assert [row.study for row in ask(archive, creator, key("00231003", "doe*"))] == ["1.2.1", "1.2.2"]
    with pytest.raises(BadValue, match="Private Creator"):
        ask(archive, key("00231002", "value 2"))


def test_bulk_data_stays_out_of_rows(archive: Archive, make: Any, put: Any) -> None:
    put(make(Rows=64, Columns=64, BitsAllocated=8, SamplesPerPixel=1, PixelData=bytes(4096)))
    (row,) = ask(archive, levels=("instance",), include_all=True)
    assert "7FE00010" not in row.elements
    assert not any(b"\0" in text for text in row.elements.values())
    (row,) = ask(archive, levels=("instance",), include=frozenset({("7FE00010",)}))
    assert "BulkDataURI" not in str(row.elements)


# --- modes ---------------------------------------------------------------------------------------------------------


def test_empty_and_unknown_values(filled: Archive) -> None:
    assert [r.study for r in ask(filled, key("00100020", '""'), empty_value=True)] == ["1.2.4"]
    assert [r.study for r in ask(filled, key("00080020", '""'), empty_value=True)] == ["1.2.4"]
    assert [r.study for r in ask(filled, key("00100020", '""'))] == []
    assert [r.study for r in ask(filled, key("00100020", "P1"), unknown_matches=True)] == ["1.2.3", "1.2.4"]
    assert [r.study for r in ask(filled, key("00080020", "20200101"), unknown_matches=True)] == ["1.2.3", "1.2.4"]


def test_multiple_values(filled: Archive) -> None:
    two = key("00080060", "MR", "U*")
    rows = ask(filled, two, levels=("study", "series"), multiple_value=True)
    assert [row.series for row in rows] == ["1.2.3.2", "1.2.4.1"]
    with pytest.raises(BadValue):
        ask(filled, two, levels=("study", "series"))


def test_the_time_zone_of_the_request(filled: Archive) -> None:
    keys = (key("00080020", "20200101-20200101"), key("00080030", "0930-0930"))
    levels = ("study", "series")
    assert ask(filled, *keys, levels=levels) == []
    assert [r.series for r in ask(filled, *keys, levels=levels, timezone="+0000")] == ["1.2.3.2"]
    with pytest.raises(BadValue):
        ask(filled, timezone="Z")


def test_bad_values_are_refused_even_when_nothing_is_held(archive: Archive) -> None:
    with pytest.raises(BadValue):
        ask(archive, key("00080020", "20201399"))
    with pytest.raises(BadValue):
        ask(archive, key("0020000D", "abc"))


# --- what follows from changes -------------------------------------------------------------------------------------


def test_counts_and_modalities_follow_every_change(filled: Archive, make: Any, put: Any) -> None:
    put(make(SOPInstanceUID="1.2.3.2.1", StudyInstanceUID="1.2.4", SeriesInstanceUID="1.2.4.2", Modality="PT"))
    first, second = ask(filled)
    assert (said(first, "00080061"), said(first, "00201206"), said(first, "00201208")) == (["CT"], [1], [2])
    assert (said(second, "00080061"), said(second, "00201206"), said(second, "00201208")) == (["PT", "US"], [2], [2])


def test_a_study_is_told_by_its_first_instance_whatever_came_first(archive: Archive, make: Any, put: Any) -> None:
    put(make(SOPInstanceUID="1.2", InstanceNumber="2", StudyDescription="second"))
    put(make(SOPInstanceUID="1.1", InstanceNumber="1", StudyDescription="first"))
    put(make(SOPInstanceUID="1.3", InstanceNumber="3", StudyDescription="third"))
    (row,) = ask(archive, include=frozenset({("00081030",)}))
    assert said(row, "00081030") == ["first"]


def test_several_values_in_a_column_that_is_searched(archive: Archive, make: Any, put: Any) -> None:
    put(make(PatientID=["P1", "P2"]))
    assert len(ask(archive, key("00100020", "P2"))) == 1
    assert len(ask(archive, key("00100020", "P3"))) == 0


# --- paging --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [(), (key("00100010", "*o*"),), (key("00100020", "P"),)])
def test_pages_make_up_the_whole(archive: Archive, make: Any, put: Any, keys: tuple[Key, ...]) -> None:
    put(*(make(StudyInstanceUID=f"1.2.{n}", SeriesInstanceUID=f"1.2.{n}.1", SOPInstanceUID=f"1.2.{n}.1.1",
               PatientID="P", PatientName="Doe") for n in range(7)))  # fmt: skip
    whole = ask(archive, *keys)
    assert len(whole) == 7
    assert [row.study for row in whole] == sorted(row.study for row in whole)
    paged: list[Row] = []
    while True:
        found = archive.search(Question(("study",), keys=keys, offset=len(paged), limit=3))
        paged += found.rows
        assert found.remaining == 7 - len(paged)
        if not found.remaining:
            break
    assert paged == whole
    for offset, limit, rows, remaining in ((9, 3, 0, 0), (7, None, 0, 0), (0, 0, 0, 7), (5, None, 2, 0), (2, 0, 0, 5)):
        found = archive.search(Question(("study",), keys=keys, offset=offset, limit=limit))
        assert (len(found.rows), found.remaining) == (rows, remaining)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    patient=st.sampled_from(["", "P1", "P*", "X", "P1\\P2"]),
    day=st.sampled_from(["", "20200101", "20191231-20200101", "-20200101", "20200102-"]),
    modality=st.sampled_from(["", "CT", "M?", "US"]),
    level=st.sampled_from(["study", "series", "instance"]),
)
def test_the_first_selection_loses_no_match(filled: Archive, patient: str, day: str, modality: str, level: str) -> None:
    """SQL narrows the candidates; the same keys with a wild card that says nothing more go through Python alone."""
    levels = ("study", "series", "instance")[: ("study", "series", "instance").index(level) + 1]
    narrowed = ask(filled, key("00100020", patient), key("00080020", day), key("00080060", modality), levels=levels)
    slow = ask(filled, key("00100020", patient), key("00080060", modality and f"{modality}*"), levels=levels,
               include=frozenset({("00080020",)}))  # fmt: skip

    def in_days(row: Row) -> bool:
        low, dash, high = day.partition("-")
        held = (said(row, "00080020") or [""])[0]
        return not day or (held != "" and (low or "0") <= held <= ((high or "9") if dash else low))

    assert [(r.study, r.series, r.instance) for r in narrowed] == [
        (r.study, r.series, r.instance) for r in slow if in_days(r)
    ]
