"""Rules on the dates in header fields, each on hand-made answers."""

from __future__ import annotations

import datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.exchange import Exchange
from suites.web.http.dates import moment
from tests.suites.messages import JSON, answer, exchange, fails, passes, said, warns

DATE = "Thu, 01 Feb 2024 12:00:00 GMT"
WRITTEN, PAST = "http.dates-are-written-as-one", "http.last-modified-is-past"


def dated(modified: str = "", date: str = "") -> Exchange:
    pairs = [("Last-Modified", modified), ("Date", date)]
    return exchange(answer(200, b"[]", JSON, [(n, v) for n, v in pairs if v]))


@given(st.datetimes(datetime.datetime(1000, 1, 1), datetime.datetime(9999, 12, 31)))
def test_any_moment_is_read_as_it_is_written(when: datetime.datetime) -> None:
    when = when.replace(microsecond=0)
    written = format_datetime(when.replace(tzinfo=datetime.UTC), usegmt=True)
    assert moment(written) == when
    assert passes(WRITTEN, dated(written, written))


@given(st.text(max_size=40))
def test_anything_else_is_no_date(text: str) -> None:
    assert moment(text) is None or text.endswith("GMT")


@pytest.mark.parametrize(
    "wrong",
    [
        "2024-02-01T12:00:00Z",
        "Thu, 01 Feb 2024 12:00:00 +0100",
        "Thursday, 01-Feb-24 12:00:00 GMT",
        "Thu Feb  1 12:00:00 2024",
        "Thu, 1 Feb 2024 12:00:00 GMT",
        "Thu, 31 Feb 2024 12:00:00 GMT",
        "Thu, 01 Feb 2024 25:00:00 GMT",
        "Thu, 01 Feb 2024 12:00:61 GMT",
        "thu, 01 feb 2024 12:00:00 GMT",
        "0",
    ],
)
def test_other_forms_are_wrong(wrong: str) -> None:
    assert fails(WRITTEN, dated(wrong))
    assert fails(WRITTEN, dated(date=wrong))
    assert said(PAST, dated(wrong, DATE)) is None


def test_a_wrong_day_of_the_week_is_a_warning() -> None:
    assert passes(WRITTEN, dated(DATE))
    assert warns(WRITTEN, dated(DATE.replace("Thu", "Mon")))
    assert passes(WRITTEN, dated("Sat, 31 Dec 2016 23:59:60 GMT"))
    assert said(WRITTEN, dated()) is None


def test_nothing_was_changed_after_it_was_sent() -> None:
    assert passes(PAST, dated(DATE, DATE))
    assert passes(PAST, dated("Thu, 01 Feb 2024 12:00:30 GMT", DATE))
    assert fails(PAST, dated("Thu, 01 Feb 2024 13:00:00 GMT", DATE))
    assert said(PAST, dated(DATE)) is None
