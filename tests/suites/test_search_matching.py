"""Matching keys against rows: what surely meets a key, what surely does not, and what the text leaves open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import suites
from suites.web.search import asked, fits, moments
from tests.suites.searching import S1, S2, ask, journey, judged, series, study, value, x

suites.load()
SINGLE, WILD, RANGE, COMBINED = "search.single-value", "search.wild-card", "search.range", "search.combined-date-time"


@pytest.mark.parametrize(
    ("vr", "wanted", "held", "fit"),
    [
        ("LO", "A-1", ["A-1"], True),
        ("LO", "A-1 ", ["A-1"], True),
        ("LO", "a-1", ["A-1"], False),
        ("LO", "A", ["A-1"], False),
        ("LO", "A-1", [], None),
        ("LO", "", [], True),
        ("CS", "*", [], True),
        ("CS", "CT", ["MR", "CT"], True),
        ("CS", "C?", ["MR", "CT"], True),
        ("SH", "A\\B", ["A"], None),
        ("SH", "[AB]*", ["A1"], False),
        ("LO", "A?", ["A"], False),
        ("LO", "A*", ["A"], True),
        ("LO", "?*", [""], None),
        ("IS", "12", ["012"], True),
        ("IS", "12", ["13"], False),
        ("IS", "x", ["13"], None),
        ("UI", "1.2", ["1.2\0"], True),
        ("UI", "1.*", ["1.2"], None),
        ("DA", "20240131", ["20240131"], True),
        ("DA", "20240131", ["20240130"], False),
        ("DA", "-20240131", ["20240131"], True),
        ("DA", "20240131-", ["20240130"], False),
        ("DA", "20240131-", [""], None),
        ("DA", "20240201-20240131", ["20240131"], None),
        ("TM", "2230", ["223000"], None),
        ("TM", "120000", ["120001"], False),
        ("TM", "1000-1100", ["110030"], None),
        ("TM", "1000-1100", ["110100"], False),
        ("TM", "-120000", ["12"], None),
        ("TM", "-120000", ["120000.5"], None),
        ("TM", "120000-", ["12"], True),
        ("TM", "000000-113000", ["00"], True),
        ("PN", "DOE^JANE", ["DOE^JANE"], True),
        ("PN", "doe^jane", ["DOE^JANE"], None),
        ("PN", "DOE^JÄNE", ["DOE^JANE"], None),
        ("PN", "DOE", ["DOE^JANE"], False),
        ("PN", "Wang", ["Wang=王"], None),
        ("PN", "王", ["Wang=王"], None),
        ("PN", "DOE*", ["DOE^JANE"], True),
        ("PN", "doe*", ["DOE^JANE"], None),
        ("PN", "D*JANE", ["DOE^JANE"], None),
        ("PN", "SMITH*", ["DOE^JANE"], False),
    ],
)
def test_fit(vr: str, wanted: str, held: list[str], fit: bool | None) -> None:
    assert fits.fit(vr, wanted, held) is fit


@pytest.mark.parametrize(
    ("date", "time", "held", "fit"),
    [
        ("20060705-20060707", "100000-180000", ("20060706", "030000"), True),
        ("20060705-20060707", "100000-180000", ("20060705", "095959"), False),
        ("20060705-20060707", "100000-180000", ("20060707", "180000"), True),
        ("20060705-20060707", "100000-180000", ("20060707", "180001"), False),
        ("20060705-", "100000-", ("20060706", "000000"), True),
        ("20060705-", "100000-", ("20060705", "090000"), False),
        ("-20060705", "-100000", ("20060705", ""), None),
        ("-20060705", "-100000", ("20060706", ""), False),
        ("-20060705", "-100000", ("", "090000"), None),
    ],
)
def test_combined(date: str, time: str, held: tuple[str, str], fit: bool | None) -> None:
    assert fits.combinable(date, time)
    assert fits.combined(date, time, *held) is fit


def test_ranges_of_different_form_do_not_combine() -> None:
    assert not fits.combinable("20240101-20240102", "1000-")
    assert not fits.combinable("20240101", "1000-1100")


@given(st.text(alphabet="ABab19-.", max_size=8), st.text(alphabet="ABab19-.*?", max_size=8))
def test_a_pattern_with_an_asterisk_at_its_end_still_matches(held: str, pattern: str) -> None:
    if fits.fit("LO", pattern + "?", [held]) is True and held.strip():
        assert fits.fit("LO", pattern + "*", [held]) is True


@given(st.dates(), st.dates(), st.dates())
def test_a_range_is_the_conjunction_of_its_ends(one: object, two: object, held: object) -> None:
    low, high = sorted((f"{one:%Y%m%d}".zfill(8), f"{two:%Y%m%d}".zfill(8)))
    text = [f"{held:%Y%m%d}".zfill(8)]
    ends = (fits.fit("DA", f"{low}-", text), fits.fit("DA", f"-{high}", text))
    assert fits.fit("DA", f"{low}-{high}", text) is all(ends)


@given(st.times())
def test_a_time_lies_in_the_range_from_itself_to_itself(time: object) -> None:
    text = f"{time:%H%M%S.%f}"
    assert fits.fit("TM", f"{text}-{text}", [text]) is True


def test_stretches_of_time() -> None:
    assert moments.time("2561") is not None
    assert moments.time("12:30:15") == moments.time("123015")
    assert moments.time("1230.5") is None
    assert moments.date("2024.01.31") == moments.date("20240131")
    assert moments.date("20240230") is None


def test_single_value() -> None:
    assert judged(SINGLE, x("studies?PatientID=P-1", [study()])) == []
    assert len(judged(SINGLE, x("studies?PatientID=P-2", [study()])) or []) == 1
    assert judged(SINGLE, x("studies?PatientID=P-1", [])) is None
    assert judged(SINGLE, x("studies?PatientID=P-1", 404)) is None
    assert judged(SINGLE, x("studies?PatientID=P-1", [study(x00100020=None)])) is None


def test_the_tag_in_any_case_is_the_key() -> None:
    assert judged(SINGLE, x("studies?0020000d=1.2.1", [study()])) == []
    assert judged(SINGLE, x("studies?0020000d=1.2.2", [study()])) != []


def test_keys_that_a_resource_need_not_match_are_left_alone() -> None:
    assert judged(SINGLE, x("studies?Modality=MR", [study()])) is None
    assert judged(SINGLE, x("studies?PatientBirthDate=20000101", [study()])) is None
    assert judged(SINGLE, x(f"studies/{S1}/series?PatientID=P-2", [series(x00100020=value("LO", "P-1"))])) is None


def test_requests_that_break_the_rules_are_left_alone() -> None:
    assert judged(SINGLE, x("studies?PatientID=P-2&PatientID=P-1", [study()])) is None
    assert judged(SINGLE, x("studies?PatientID=P,2", [study()])) is None


def test_fuzzy_names_are_left_alone_unless_a_warning_says_literal() -> None:
    target = "studies?PatientName=DOO&fuzzymatching=true"
    said = f"299 {S1}: The fuzzymatching parameter is not supported. Only literal matching has been performed."
    assert judged(SINGLE, x(target, [study()])) is None
    assert judged(SINGLE, x(target, [study()], warning=said)) != []


def test_uid_list() -> None:
    assert judged("search.uid-list", x(f"studies?StudyInstanceUID={S1},{S2}", [study(), study(S2)])) == []
    assert judged("search.uid-list", x(f"studies?StudyInstanceUID={S1},1.9", [study(S2)])) != []


def test_wild_card() -> None:
    assert judged(WILD, x("studies?PatientID=P*", [study()])) == []
    assert judged(WILD, x("studies?PatientID=%3F%3F", [study()])) != []
    assert judged(WILD, x("studies?PatientID=*", [study()])) is None


def test_range() -> None:
    assert judged(RANGE, x("studies?StudyDate=20240131-", [study()])) == []
    assert judged(RANGE, x("studies?StudyDate=-20240130", [study()])) != []
    assert judged(RANGE, x("studies?StudyDate=-20240130&TimezoneOffsetFromUTC=%2B0100", [study()])) is None


def test_combined_date_time() -> None:
    target = "studies?StudyDate=20240130-20240131&StudyTime=180000-{}"
    assert judged(COMBINED, x(target.format("130000"), [study()])) == []
    assert judged(COMBINED, x(target.format("110000"), [study()])) != []
    assert judged(RANGE, x(target.format("110000"), [study()])) is None


REQUESTS = value(
    "SQ",
    {"00400009": value("SH", "A"), "00401001": value("SH", "1")},
    {"00400009": value("SH", "B"), "00401001": value("SH", "2")},
)
STEP, PROCEDURE = "RequestAttributesSequence.00400009", "00400275.RequestedProcedureID"


@pytest.mark.parametrize(("step", "procedure", "right"), [("A", "1", True), ("B", "2*", True), ("A", "2", False)])
def test_sequence_keys_meet_in_one_item(step: str, procedure: str, right: bool) -> None:
    target = f"studies/{S1}/series?{STEP}={step}&{PROCEDURE}={procedure}"
    assert (judged("search.sequence", x(target, [series(x00400275=REQUESTS)])) == []) is right


def test_an_asterisk_below_a_sequence_matches_where_there_is_no_item() -> None:
    target = f"studies/{S1}/series?{STEP}=*&{PROCEDURE}="
    assert judged("search.sequence", x(target, [series(x00400275=value("SQ"))])) is None
    assert judged("search.sequence", x(f"{target}2", [series(x00400275=value("SQ"))])) != []


def test_empty_value_since_2023e() -> None:
    target = "studies?AccessionNumber=%22%22&emptyvaluematching=true"
    assert judged("search.empty-value", x(target, [study(x00080050=value("SH"))])) == []
    assert judged("search.empty-value", x(target, [study()])) != []
    assert judged("search.empty-value", x(target, [study()], edition="2020c")) is None


def filtered(target: str, found: list[dict], held: list[dict] | None = None):
    held = held if held is not None else [study(), study(S2, x00100020=value("LO", "P-2"))]
    scope = x(f"studies?StudyInstanceUID={S1},{S2}", held, step="all")
    return journey("web.search.filter", scope, x(target, found, step="filtered"), scope)


def test_complete_single_value() -> None:
    rule, target = "search.single-value-complete", f"studies?StudyInstanceUID={S1},{S2}&PatientID=P-1"
    assert judged(rule, filtered(target, [study()])) == []
    assert "missing" in judged(rule, filtered(target, []))[0].got
    assert "P-2" in judged(rule, filtered(target, [study(), study(S2, x00100020=None)]))[0].got
    assert judged(rule, filtered(target.replace("P-1", "P-9"), [])) is None


def test_complete_ignores_what_came_or_went_meanwhile() -> None:
    scope, late = f"studies?StudyInstanceUID={S1},{S2}", x("studies?PatientID=P-1", [], step="filtered")
    gone = journey("web.search.filter", x(scope, [study()], step="all"), late, x(scope, [study(S2)], step="all"))
    assert judged("search.single-value-complete", gone) is None


def test_complete_universal_includes_the_empty() -> None:
    held = [study(), study(S2, x00100020=value("LO"))]
    target = f"studies?StudyInstanceUID={S1},{S2}&PatientID="
    assert judged("search.universal-complete", filtered(target, held, held)) == []
    assert judged("search.universal-complete", filtered(target, held[:1], held)) != []


def test_ground_tells_an_answering_server_from_a_constant_one() -> None:
    rule = "search.found-by-uid"

    def asks(one: list[dict], other: list[dict], unknown: list[dict]):
        return journey(
            "web.search.ground",
            x(f"studies?StudyInstanceUID={S1}", one, step="one", facts={"uid": S1}),
            x(f"studies?StudyInstanceUID={S2}", other, step="other", facts={"uid": S2}),
            x("studies?StudyInstanceUID=2.25.1", unknown, step="unknown"),
        )

    assert judged(rule, asks([study()], [study(S2)], [])) == []
    assert judged(rule, asks([], [], [])) != []
    assert judged(rule, asks([study()], [study()], [study()])) != []
    assert judged(rule, asks([study(), study(S2)], [study(S2)], [])) != []


def test_faults_of_values() -> None:
    bad = ("limit=-1", "offset=x", "fuzzymatching=yes", "StudyDate=20241399", "StudyTime=2561", "StudyInstanceUID=a.b")
    good = ("limit=0", "offset=7", "fuzzymatching=true", "StudyDate=20240229", "StudyTime=-23", "LIMIT=-1", "limit",
            "StudyInstanceUID=1.2,", "StudyDate=2024.01.31", "StudyTime=12:30", "PatientID=%FF", "x=-1")  # fmt: skip
    assert [q for q in bad if not any(asked.faults(ask(f"studies?{q}")))] == []
    assert [q for q in good if any(asked.faults(ask(f"studies?{q}")))] == []
