"""Matching of PS3.4 C.2.2.2 against tables worked out by hand, and properties that hold for all values."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.archive.match import Reading, conditions, supported, wild
from simulators.archive.question import BadValue, Key

LITERAL = Reading()


def entity(**attributes: tuple[str, list[Any]]) -> dict[str, Any]:
    return {tag[1:]: {"vr": vr, "Value": values} if values else {"vr": vr} for tag, (vr, values) in attributes.items()}


def matches(held: dict[str, Any], reading: Reading = LITERAL, **keys: str | tuple[str, ...]) -> bool:
    asked = [
        Key(tuple(tag[1:].split("_")), (value,) if isinstance(value, str) else value) for tag, value in keys.items()
    ]
    return all(condition.holds(held) for condition in conditions(asked, reading))


@pytest.mark.parametrize(
    ("tag", "vr", "held", "key", "expected"),
    [
        # single value: the same, and case counts
        ("T00100020", "LO", ["ABC"], "ABC", True),
        ("T00100020", "LO", ["ABC"], "abc", False),
        ("T00100020", "LO", ["ABC"], "AB", False),
        ("T00100020", "LO", ["ABC"], "ABC ", True),  # trailing spaces are padding
        ("T00100020", "LO", [" ABC"], "ABC", False),
        ("T00100020", "LO", ["A", "B"], "B", True),  # any of several values
        ("T00100020", "LO", [], "ABC", False),
        ("T00100020", "LO", [], "", True),  # universal
        ("T00100020", "LO", ["ABC"], "", True),
        ("T00100020", "LO", [], "*", True),  # the same as universal
        ("T00080060", "CS", ["CT"], " CT ", True),
        ("T00080060", "CS", ["CT"], "ct", False),
        # wild cards
        ("T00100020", "LO", ["ABC"], "A*", True),
        ("T00100020", "LO", ["ABC"], "*C", True),
        ("T00100020", "LO", ["ABC"], "?B?", True),
        ("T00100020", "LO", ["ABC"], "??", False),
        ("T00100020", "LO", ["ABC"], "a*", False),
        ("T00100020", "LO", ["A.C"], "A.*", True),
        ("T00100020", "LO", ["ABC"], "A.*", False),  # a dot is a dot
        ("T00080060", "CS", ["CT"], "C?", True),
        ("T00081030", "LO", ["a-b"], "a-b", True),  # a hyphen in text is no range
        # names: case does not count, groups stand for themselves, carets at the end do not count
        ("T00100010", "PN", [{"Alphabetic": "Doe^John"}], "doe^JOHN", True),
        ("T00100010", "PN", [{"Alphabetic": "Doe^John"}], "Doe", False),
        ("T00100010", "PN", [{"Alphabetic": "Doe^John"}], "Doe*", True),
        ("T00100010", "PN", [{"Alphabetic": "Doe^John"}], "DOE^J?HN", True),
        ("T00100010", "PN", [{"Alphabetic": "Doe^John^^^"}], "Doe^John", True),
        ("T00100010", "PN", [{"Alphabetic": "Doe"}], "Doe^*", True),
        ("T00100010", "PN", [{"Alphabetic": "Älva"}], "älva", True),
        ("T00100010", "PN", [{"Alphabetic": "Älva"}], "Alva", False),
        ("T00100010", "PN", [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}], "王^小東", True),
        ("T00100010", "PN", [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}], "王*", True),
        ("T00100010", "PN", [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}], "wang*=王*", True),
        ("T00100010", "PN", [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}], "=王*", True),
        ("T00100010", "PN", [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}], "=李*", False),
        ("T00100010", "PN", [{"Alphabetic": "Wang^XiaoDong"}], "Wang*=王*", False),
        ("T00100010", "PN", [{"Phonetic": "やまだ^たろう"}], "やまだ*", True),
        # UIDs
        ("T0020000D", "UI", ["1.2.3"], "1.2.3", True),
        ("T0020000D", "UI", ["1.2.3"], "1.2", False),
        ("T0020000D", "UI", ["1.2.3"], "1.2\\1.2.3", True),
        # numbers match by value
        ("T00200011", "IS", [5], "5", True),
        ("T00200011", "IS", [5], "05", True),
        ("T00200011", "IS", ["5"], "5", True),
        ("T00200011", "IS", [5], "50", False),
        ("T00101030", "DS", [70.5], "70.50", True),
        ("T00280010", "US", [512], "512", True),
        # dates
        ("T00080020", "DA", ["20060705"], "20060705", True),
        ("T00080020", "DA", ["20060705"], "20060706", False),
        ("T00080020", "DA", ["20060705"], "20060705-20060707", True),
        ("T00080020", "DA", ["20060707"], "20060705-20060707", True),
        ("T00080020", "DA", ["20060708"], "20060705-20060707", False),
        ("T00080020", "DA", ["20060705"], "-20060705", True),
        ("T00080020", "DA", ["20060706"], "-20060705", False),
        ("T00080020", "DA", ["20060705"], "20060705-", True),
        ("T00080020", "DA", ["20060704"], "20060705-", False),
        ("T00080020", "DA", [], "20060705-", False),
        ("T00080020", "DA", ["2006.07.05"], "20060705", False),
        # times of day, by meaning
        ("T00080030", "TM", ["223000"], "2230", True),
        ("T00080030", "TM", ["2230"], "223000", True),
        ("T00080030", "TM", ["103000.5"], "10", True),
        ("T00080030", "TM", ["103000.5"], "103000.50", True),
        ("T00080030", "TM", ["110000"], "10", False),
        ("T00080030", "TM", ["180000"], "1000-1800", True),
        ("T00080030", "TM", ["180100"], "1000-1800", False),
        ("T00080030", "TM", ["235959.999999"], "1000-", True),
        ("T00080030", "TM", ["000000"], "-1000", True),
        ("T00080030", "TM", ["235960"], "2359", True),
        # date times
        ("T0008002A", "DT", ["19980128103000.0000"], "19980128103000", True),
        ("T0008002A", "DT", ["19980128103000"], "1998", True),
        ("T0008002A", "DT", ["19980128103000"], "1997-1998", True),
        ("T0008002A", "DT", ["19980128103000"], "1997-199712", False),
        ("T0008002A", "DT", ["19980128073000-0300"], "19980128103000+0000", True),
        ("T0008002A", "DT", ["19980128073000-0300"], "19980128073000-0300", True),
        ("T0008002A", "DT", ["19980128103000+0000"], "19980128120000+0200-19980128123000+0200", True),
        # ages and tags
        ("T00101010", "AS", ["018Y"], "018Y", True),
        ("T00280009", "AT", ["00181063"], "00181063", True),
        ("T00280009", "AT", ["0018106A"], "0018106a", True),
    ],
)
def test_one_key(tag: str, vr: str, held: list[Any], key: str, expected: bool) -> None:
    assert matches(entity(**{tag: (vr, held)}), LITERAL, **{tag: key}) is expected


@pytest.mark.parametrize(
    ("tag", "key"),
    [
        ("T00080020", "2006"),  # a DA has eight digits
        ("T00080020", "20061301"),
        ("T00080020", "20060229"),
        ("T00080020", "2006.07.05"),
        ("T00080020", "200607*"),
        ("T00080020", "20060707-20060705"),
        ("T00080020", "-"),
        ("T00080020", "yesterday"),
        ("T00080030", "10:30"),
        ("T00080030", "24"),
        ("T00080030", "1060"),
        ("T00080030", "1800-1000"),  # PS3.4 C.2.2.2.5.2: not over midnight
        ("T0008002A", "19980132"),
        ("T0008002A", "1998+9900"),
        ("T0020000D", "1.2.a"),
        ("T0020000D", "1.2.*"),
        ("T0020000D", "1..2"),
        ("T0020000D", "1.2\\\\1.3"),
        ("T0020000D", "1." * 40 + "1"),
        ("T00200011", "one"),
        ("T00200011", "1*"),
        ("T00200011", "1.5"),
        ("T00101030", "70,5"),
        ("T00280010", "512x"),
        ("T00101010", "18"),
        ("T00280009", "0018"),
        ("T00400275", "SPS1"),  # a sequence has no value
    ],
)
def test_what_the_vr_does_not_allow(tag: str, key: str) -> None:
    with pytest.raises(BadValue) as caught:
        conditions([Key((tag[1:],), (key,))], LITERAL)
    assert caught.value.tag == tag[1:]
    assert caught.value.why


def test_several_values_are_for_uids_unless_multiple_value_matching_is_on() -> None:
    held = entity(T0020000D=("UI", ["1.2.3"]), T00080060=("CS", ["MR"]))
    assert matches(held, T0020000D=("1.2", "1.2.3"))
    with pytest.raises(BadValue):
        matches(held, T00080060=("CT", "MR"))
    several = Reading(multiple_value=True)
    assert matches(held, several, T00080060=("CT", "MR"))
    assert matches(held, several, T00080060="CT\\M?")
    assert not matches(held, several, T00080060=("CT", "US"))


def test_empty_value_matching() -> None:
    on = Reading(empty_value=True)
    empty, full = entity(T00080050=("SH", [])), entity(T00080050=("SH", ["A1"]))
    assert matches(empty, on, T00080050='""')
    assert matches({}, on, T00080050='""')
    assert not matches(full, on, T00080050='""')
    assert not matches(empty, T00080050='""')  # turned off it is text like any other
    assert matches(entity(T00080050=("SH", ['""'])), T00080050='""')


def test_unknown_values_match_everything_where_that_is_asked_for() -> None:
    empty = entity(T00080050=("SH", []), T00080020=("DA", []))
    lenient = Reading(unknown_matches=True)
    assert matches(empty, lenient, T00080050="A1", T00080020="20200101")
    assert not matches(empty, T00080050="A1")


# --- combined date and time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "time", "expected"),
    [
        ("20060705", "0959", False),
        ("20060705", "1000", True),
        ("20060705", "2300", True),  # one period, not three windows
        ("20060706", "0100", True),
        ("20060707", "1800", True),
        ("20060707", "1801", False),
        ("20060708", "1200", False),
        ("20060706", "", False),
    ],
)
def test_a_range_of_dates_and_one_of_times_are_one_period(day: str, time: str, expected: bool) -> None:
    held = entity(T00080020=("DA", [day]), T00080030=("TM", [time] if time else []))
    assert matches(held, T00080020="20060705-20060707", T00080030="1000-1800") is expected


def test_times_may_run_backwards_when_the_dates_make_up_for_it() -> None:
    held = entity(T00080020=("DA", ["20060706"]), T00080030=("TM", ["0300"]))
    assert matches(held, T00080020="20060705-20060706", T00080030="1800-0600")
    with pytest.raises(BadValue):
        matches(held, T00080020="20060705-20060705", T00080030="1800-0600")


def test_ranges_of_different_form_are_matched_apart() -> None:
    held = entity(T00080020=("DA", ["20060706"]), T00080030=("TM", ["0900"]))
    assert matches(held, T00080020="20060705-20060707", T00080030="-1000")
    assert not matches(held, T00080020="20060705-20060707", T00080030="1000-")
    assert not matches(held, T00080020="20060706", T00080030="1000-1800")


def test_combined_open_ranges() -> None:
    held = entity(T00080020=("DA", ["20060706"]), T00080030=("TM", ["0900"]))
    assert matches(held, T00080020="20060705-", T00080030="1000-")
    assert matches(held, T00080020="-20060707", T00080030="-0800")
    assert not matches(held, T00080020="20060706-", T00080030="1000-")


# --- time zones ----------------------------------------------------------------------------------------------------


def test_request_and_instance_in_different_zones() -> None:
    held = entity(T00080020=("DA", ["20200101"]), T00080030=("TM", ["003000"]), T00080201=("SH", ["+0100"]))
    utc = Reading(zone=timedelta())
    assert matches(held, utc, T00080020="20191231")
    assert not matches(held, utc, T00080020="20200101")
    assert matches(held, utc, T00080030="2330")
    assert matches(held, utc, T00080020="20191231-20191231", T00080030="2300-2359")
    assert matches(held, Reading(zone=timedelta(hours=1)), T00080020="20200101")
    assert matches(held, T00080020="20200101")


def test_a_zone_that_is_not_known_moves_nothing() -> None:
    held = entity(T00080020=("DA", ["20200101"]), T00080030=("TM", ["003000"]))
    assert matches(held, Reading(zone=timedelta(hours=-8)), T00080020="20200101", T00080030="0030")


def test_a_birthday_stays_a_birthday() -> None:
    held = entity(T00100030=("DA", ["20000101"]), T00100032=("TM", ["0030"]), T00080201=("SH", ["+0100"]))
    assert matches(held, Reading(zone=timedelta()), T00100030="20000101")


# --- sequences -----------------------------------------------------------------------------------------------------


def request(step: str, procedure: str) -> dict[str, Any]:
    return {"00400009": {"vr": "SH", "Value": [step]}, "00401001": {"vr": "SH", "Value": [procedure]}}


def test_keys_of_a_sequence_match_in_one_item() -> None:
    held = entity(T00400275=("SQ", [request("S1", "P1"), request("S2", "P2")]))
    assert matches(held, T00400275_00400009="S1", T00400275_00401001="P1")
    assert not matches(held, T00400275_00400009="S1", T00400275_00401001="P2")
    assert matches(held, T00400275_00400009="S?")
    assert matches(held, T00400275_00400009="")
    assert not matches({}, T00400275_00400009="S1")


def test_sequences_in_sequences() -> None:
    code = {"00080100": {"vr": "SH", "Value": ["X"]}}
    held = entity(T00400275=("SQ", [{"00400008": {"vr": "SQ", "Value": [code]}}]))
    assert matches(held, T00400275_00400008_00080100="X")
    assert not matches(held, T00400275_00400008_00080100="Y")


# --- what is supported ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "levels", "expected"),
    [
        (("00100010",), ("study",), True),
        (("00080060",), ("study",), False),  # a series attribute says nothing about a study
        (("00080061",), ("study",), True),
        (("00080060",), ("series",), True),
        (("00100010",), ("series",), True),  # patient attributes everywhere
        (("00080018",), ("series",), False),
        (("00080018",), ("instance",), True),
        (("00400275", "00400009"), ("series",), True),
        (("00400009", "00400275"), ("series",), False),
        (("00101002", "00100020"), ("study",), True),
        (("00230010",), ("study",), True),
        (("00231002",), ("study",), True),
        (("00091111", "00080060"), ("instance",), True),
        (("7FE00010",), ("instance",), False),
        (("00420011",), ("instance",), False),
        (("00081190",), ("instance",), False),
        (("00020010",), ("instance",), False),
        (("00080000",), ("instance",), False),
        (("00081111111",), ("instance",), False),
        (("0008FFFE",), ("instance",), False),
        ((), ("instance",), False),
    ],
)
def test_supported(path: tuple[str, ...], levels: tuple[str, ...], expected: bool) -> None:
    assert supported(path, levels) is expected


# --- properties ----------------------------------------------------------------------------------------------------

dates = st.dates().map(lambda d: f"{d.year:04}{d.month:02}{d.day:02}")
texts = st.text(st.sampled_from("aAbB.*?[]\\^$ -é"), max_size=12)


@given(held=dates, one=dates, other=dates)
def test_a_range_is_the_conjunction_of_its_ends(held: str, one: str, other: str) -> None:
    low, high = sorted((one, other))
    found = entity(T00080020=("DA", [held]))
    both = matches(found, T00080020=f"{low}-") and matches(found, T00080020=f"-{high}")
    assert matches(found, T00080020=f"{low}-{high}") is both is (low <= held <= high)


@given(held=st.times(), key=st.times(), digits=st.sampled_from((2, 4, 6, 10)))
def test_a_single_time_matches_what_its_range_with_itself_matches(held: Any, key: Any, digits: int) -> None:
    text = f"{key:%H%M%S.%f}"[:digits]
    found = entity(T00080030=("TM", [f"{held:%H%M%S.%f}"]))
    assert matches(found, T00080030=text) is matches(found, T00080030=f"{text}-{text}")
    assert matches(found, T00080030=text) is f"{held:%H%M%S.%f}".startswith(text)


@given(pattern=texts, text=texts)
def test_wild_cards_as_a_regular_expression_has_them(pattern: str, text: str) -> None:
    expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    assert wild(pattern, text) is bool(re.fullmatch(expression, text, re.DOTALL))


def test_wild_cards_take_no_time_even_when_they_could() -> None:
    assert not wild("*a" * 200 + "*b", "a" * 20_000)
    assert not wild("?*" * 200 + "b", "a" * 20_000)


@given(
    items=st.lists(st.tuples(st.sampled_from("XY"), st.sampled_from("XY")), max_size=4),
    step=st.sampled_from(("X", "Y", "?", "")),
    procedure=st.sampled_from(("X", "Y", "")),
)
def test_a_sequence_matches_when_one_item_does(items: list[tuple[str, str]], step: str, procedure: str) -> None:
    held = entity(T00400275=("SQ", [request(*item) for item in items]))
    expected = (not step and not procedure) or any((step in ("", "?", s)) and (procedure in ("", p)) for s, p in items)
    assert matches(held, T00400275_00400009=step, T00400275_00401001=procedure) is expected


@given(tag=st.sampled_from(["00080020", "00080030", "0008002A", "0020000D", "00200011", "00101010", "00100010"]),
       value=st.text(max_size=30))  # fmt: skip
def test_no_value_does_more_than_be_refused(tag: str, value: str) -> None:
    try:
        made = conditions([Key((tag,), (value,))], LITERAL)
    except BadValue:
        return
    for condition in made:
        assert condition.holds({}) is False
