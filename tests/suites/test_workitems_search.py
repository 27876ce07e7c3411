"""Searches for workitems: what surely meets the keys, what surely does not, and what is left open."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.exchange import Ask, Exchange, Headers
from suites.web.workitems import making, matching, table
from suites.web.workitems.making import IN_PROGRESS, SCHEDULED, attributes, code, performer
from tests.suites.workitems import BASE, exchange, journey, judged

KIND = "web.workitems.searches"
ITEM = making.workitem(
    "LABEL-1", "LIST", x00404005="20260301120000", x00100010="Adams^Jane", x00404025=[code("STN1"), code("STN2")],
    x00404034=[performer("ANNA")], x00380010=None,
)  # fmt: skip


def ask(query: str) -> Ask:
    return Ask("GET", f"/dicomweb/workitems?{query}", BASE, Headers.of({"Host": "pacs.example"}))


@pytest.mark.parametrize(("query", "fits"), [
    ("ProcedureStepState=SCHEDULED", True),
    ("ProcedureStepState=COMPLETED", False),
    ("ProcedureStepLabel=LABEL-1", True),
    ("ProcedureStepLabel=LABEL", False),
    ("ProcedureStepLabel=LABEL*", True),
    ("PatientName=Adam*", True),
    ("PatientName=ADAMS%5EJANE", None),  # case is the server's own affair
    ("PatientName=Brown*", False),
    ("AdmissionID=7", None),  # what has no value is unknown
    ("AdmissionID=", True),
    ("ScheduledProcedureStepStartDateTime=20260301120000", True),
    ("ScheduledProcedureStepStartDateTime=20260301", None),
    ("ScheduledProcedureStepStartDateTime=20260302", False),
    ("ScheduledProcedureStepStartDateTime=20260301-20260302", True),
    ("ScheduledProcedureStepStartDateTime=20260301120000-", True),
    ("ScheduledProcedureStepStartDateTime=-20260301120000", True),
    ("ScheduledProcedureStepStartDateTime=-20260301115959", False),
    ("ScheduledProcedureStepStartDateTime=20260301120001-", False),
    ("ScheduledProcedureStepStartDateTime=20260301-20260301", None),
    ("ScheduledProcedureStepStartDateTime=-20260301120000-0500", None),
    ("ScheduledProcedureStepStartDateTime=nonsense-", None),
    ("ScheduledStationNameCodeSequence.CodeValue=STN2", True),
    ("ScheduledStationNameCodeSequence.CodeValue=STN3", False),
    ("00404025.00080100=STN1&00404025.00080102=99PROOF", True),
    ("00404025.00080100=STN1&00404025.00080102=DCM", False),
    ("ScheduledHumanPerformersSequence.HumanPerformerCodeSequence.CodeValue=ANNA", True),
    ("ScheduledHumanPerformersSequence.HumanPerformerCodeSequence.CodeValue=BERTA", False),
    ("ReferencedRequestSequence.RequestedProcedureID=R-LABEL-1", True),
    ("ProcedureStepState=SCHEDULED&CommentsOnTheScheduledProcedureStep=x", None),  # need not be looked at
    ("ProcedureStepState=CANCELED&CommentsOnTheScheduledProcedureStep=x", False),
    ("PatientName=Adam&fuzzymatching=true", None),
])  # fmt: skip
def test_fits(query: str, fits: bool | None) -> None:
    assert matching.fit(ask(query), ITEM) is fits


@given(st.datetimes().map(lambda d: f"{d:%Y%m%d%H%M%S}".zfill(14)), st.datetimes().map(lambda d: f"{d:%Y%m%d%H%M%S}"))
def test_a_moment_lies_in_every_range_that_begins_or_ends_with_it(held: str, other: str) -> None:
    item = {**ITEM, **attributes(x00404005=held)}
    name = "ScheduledProcedureStepStartDateTime"
    assert matching.fit(ask(f"{name}={held}-"), item) is True
    assert matching.fit(ask(f"{name}=-{held}"), item) is True
    low, high = sorted((held, other.zfill(14)))
    assert matching.fit(ask(f"{name}={low}-{high}"), item) is True
    if low != high and held == low:
        assert matching.fit(ask(f"{name}={high}-"), item) is False


@given(st.text("0123456789+-.", max_size=30))
def test_no_value_breaks_the_reader_of_moments(text: str) -> None:
    matching.stretch(text)
    matching.fit(ask(f"ScheduledProcedureStepStartDateTime={text}"), ITEM)


def row(item: dict[str, Any], uid: str) -> dict[str, Any]:
    kept = {t: v for t, v in item.items() if t in (*table.returned("1"), *table.returned("2"))}
    more = attributes(x00080018=uid, x00080016="1.2.840.10008.5.1.4.34.6.1")
    return dict(sorted({**kept, **more}.items()))


def searched(query: str, *found: tuple[dict[str, Any], str]) -> Exchange:
    rows = [row(item, uid) for item, uid in found] or None
    return exchange("GET", f"workitems?{query}", found=rows, status=200 if rows else 204)


OTHER = making.workitem("LABEL-2", "LIST", x00404005="20260302120000")
MADE = [exchange("POST", f"workitems?{u}", [i], 201, facts={"fresh": True}, location=f"{BASE}/workitems/{u}")
        for u, i in (("2.25.61", ITEM), ("2.25.62", OTHER))]  # fmt: skip


def test_what_is_missing_and_what_does_not_belong_is_found() -> None:
    rule, query = "workitem.search-single-value", "ProcedureStepLabel=LABEL-1&WorklistLabel=LIST"
    for found, right in [([(ITEM, "2.25.61")], True), ([], False), ([(ITEM, "2.25.61"), (OTHER, "2.25.62")], False)]:
        said = judged(rule, journey(KIND, [*MADE, searched(query, *found)]))
        assert said is not None
        assert (said == []) is right


def test_a_state_that_was_changed_counts() -> None:
    claim = exchange("PUT", "workitems/2.25.61/state", [making.change(IN_PROGRESS, "2.25.9")])
    for wanted, uid in ((IN_PROGRESS, "2.25.61"), (SCHEDULED, "2.25.62")):
        x = searched(f"ProcedureStepState={wanted.replace(' ', '%20')}", (OTHER, uid))
        assert judged("workitem.search-single-value", journey(KIND, [*MADE, claim, x])) == []


def test_what_was_changed_in_ways_nobody_can_tell_is_left_out() -> None:
    told = exchange("POST", "workitems/2.25.61?2.25.9", [making.progress("1", "x")])
    x = searched("ProcedureStepLabel=LABEL-1")
    assert not judged("workitem.search-single-value", journey(KIND, [*MADE, told, x]))


def test_a_page_is_no_whole_list() -> None:
    x = searched("ProcedureStepLabel=LABEL*&limit=1", (ITEM, "2.25.61"))
    assert judged("workitem.search-wild-card", journey(KIND, [*MADE, x])) is None


def test_return_keys() -> None:
    rule = "workitem.match-has-return-keys"
    assert judged(rule, searched("", (ITEM, "2.25.61"))) == []
    for tag in ("00741000", "00404021", "00080018", "00081084"):
        bare = {t: v for t, v in row(ITEM, "2.25.61").items() if t != tag}
        assert judged(rule, exchange("GET", "workitems", found=[bare])), tag
    assert judged(rule, searched("")) is None


@pytest.mark.parametrize(("edition", "status", "found", "outcome"), [
    ("2024e", 204, None, []), ("2024e", 200, [], [True]), ("2026a", 200, [], []), ("2026a", 204, None, [True]),
])  # fmt: skip
def test_nothing_found(edition: str, status: int, found: Any, outcome: list[bool]) -> None:
    x = exchange("GET", "workitems?PatientID=NOBODY", found=found, status=status)
    j = journey(KIND, [x], edition)
    assert [f.warn for f in judged("workitem.search-none", j.exchanges[0]) or []] == outcome


def test_the_tables_are_those_of_the_text() -> None:
    assert set(table.at_creation("1")) == {"00741200", "00741204", "00404005", "00404041", "00741000"}
    assert {"00080016", "00080018", "00741202", "00741000"} <= set(table.returned("1"))
    assert {"00404005", "0040A370.00401001", "00404034.00404009.00080100"} <= table.matched()
    assert table.outcome("IN PROGRESS with correct UID", "SCHEDULED") == IN_PROGRESS
    assert table.subscription("AE Subscribes Globally with Lock", "not") == ("lock", True)


@pytest.mark.parametrize(("query", "status", "outcome"), [
    ("WorklistLabel=LIST", 400, True),
    ("WorklistLabel=LIST&PatientID=NOBODY", 404, True),
    ("WorklistLabel=LIST", 204, False),
    ("WorklistLabel=LIST", 403, None),  # its own reasons
    ("WorklistLabel=", 400, None),  # a key without a value
    ("WorklistLabel=LIST&CommentsOnTheScheduledProcedureStep=x", 400, None),  # a key that need not be matched
    ("WorklistLabel=LIST&fuzzymatching=true", 400, None),
])  # fmt: skip
def test_required_keys_are_not_refused(query: str, status: int, outcome: bool | None) -> None:
    found = judged(
        "workitem.search-takes-its-keys", journey(KIND, [exchange("GET", f"workitems?{query}", None, status)])
    )
    assert (None if found is None else bool(found)) is outcome


def test_a_single_match_is_in_a_list_too() -> None:
    for payload, wrong in (([ITEM], False), (ITEM, True)):
        x = exchange("GET", "workitems?WorklistLabel=LIST", found=payload)
        assert bool(judged("workitem.search-is-a-list", x)) is wrong
