"""Rules of RFC 9110 5.6.7 and 8.8.2 on the dates in header fields: how they are written, and that none lies ahead.

Must not know services, nor what time it is: what is compared stands in one answer.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import Finding, rule

# Fields that hold one date. Expires and Retry-After hold other things as well, which nobody is misled by.
_DATED = ("date", "last-modified")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIXED = re.compile(
    rf"(?P<weekday>{'|'.join(_DAYS)}), (?P<day>[0-9]{{2}}) (?P<month>{'|'.join(_MONTHS)}) (?P<year>[0-9]{{4}}) "
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2}) GMT"
)
_APART = datetime.timedelta(minutes=1)  # what two clocks of one house may differ by
_WANT = "day-name, day month year hour:minute:second GMT"


def _dated(x: Exchange) -> list[tuple[str, str]]:
    return [(name, value.strip(" \t")) for name in _DATED for value in x.answer.headers.all(name)]


def moment(value: str) -> datetime.datetime | None:
    """The moment that an IMF-fixdate names, None for anything else; the name of the day is not looked at."""
    match = _FIXED.fullmatch(value)
    if not match:
        return None
    month = _MONTHS.index(match["month"]) + 1
    second = min(int(match["second"]), 59)  # a leap second is the last of its minute
    try:
        day = datetime.datetime(int(match["year"]), month, int(match["day"]), int(match["hour"]), int(match["minute"]))
    except ValueError:
        return None
    return day.replace(second=second) if int(match["second"]) <= 60 else None


@rule(
    "http.dates-are-written-as-one",
    cites="PS3.18 8.1.2; RFC 9110 5.6.7, 6.6.1, 8.8.2",
    on="web",
    content=False,
    when=lambda x: bool(_dated(x)),
    due=False,
    says="Date and Last-Modified are dates in the one form that senders write, in GMT.",
)
def dates_are_written_as_one(x: Exchange) -> Iterator[Finding]:
    for name, value in _dated(x):
        found = moment(value)
        if found is None:
            yield Finding(got=value, want=_WANT, where=name)
        elif not value.startswith(_DAYS[found.weekday()]):
            yield Finding(got=value, want=_DAYS[found.weekday()], where=name, warn=True)


@dates_are_written_as_one.mutant
def modified_in_another_form(x: Exchange) -> Answer | None:
    """Last-Modified is written as ISO 8601 has it."""
    return x.answer.but(headers=x.answer.headers.but("last-modified", "2024-02-01T12:00:00Z")) if x.answer.ok else None


@dates_are_written_as_one.mutant
def date_of_the_place(x: Exchange) -> Answer | None:
    """Date is told in the time of the place."""
    return x.answer.but(headers=x.answer.headers.but("date", "Thu, 01 Feb 2024 12:00:00 +0100"))


@dates_are_written_as_one.mutant
def another_day_of_the_week(x: Exchange) -> Answer | None:
    """The name of the day is not that of the date."""
    return x.answer.but(headers=x.answer.headers.but("date", "Mon, 01 Feb 2024 12:00:00 GMT"))


def _changed(x: Exchange) -> tuple[datetime.datetime, datetime.datetime] | None:
    """When the answer was made and when what it holds was changed, where both are told."""
    made, changed = (moment((x.answer.headers.get(name) or "").strip(" \t")) for name in _DATED)
    return (made, changed) if made and changed else None


@rule(
    "http.last-modified-is-past",
    cites="PS3.18 8.1.2; RFC 9110 8.8.2.1",
    on="web",
    content=False,
    when=lambda x: _changed(x) is not None,
    due=False,
    says="Last-Modified is not later than Date, the moment at which the answer was made.",
)
def last_modified_is_past(x: Exchange) -> Iterator[Finding]:
    told = _changed(x)
    if told and told[1] > told[0] + _APART:
        got, date = x.answer.headers.get("last-modified") or "", x.answer.headers.get("date")
        yield Finding(got=got, want=f"no later than Date: {date}", where="Last-Modified")


@last_modified_is_past.mutant
def modified_tomorrow(x: Exchange) -> Answer | None:
    """Last-Modified lies years ahead."""
    headers = x.answer.headers.but("last-modified", "Thu, 01 Feb 2094 12:00:00 GMT")
    return x.answer.but(headers=headers) if "date" in headers and x.answer.ok else None
