"""Knows how a search answer is read: its rows whatever the media type, their UIDs, and its Warning fields.

Must not know what was asked for, nor what a right answer is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from harness.body import Body
from harness.exchange import Answer, Exchange, view
from harness.wire import dicom_json, native_xml
from harness.wire.dicom_json import DataSet
from harness.wire.uri import SEARCH_LEVELS

STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"
UNIQUE = {"study": STUDY, "series": SERIES, "instance": INSTANCE}
JSON_TYPES = ("application/dicom+json", "application/json")
XML_TYPE = "application/dicom+xml"
PATHS = {"study": "studies", "series": "series", "instance": "instances"}

_REMAINING = re.compile(r"There\s+(?:are|is)\s+([0-9]{1,12})\s+additional\s+results?\b", re.IGNORECASE)
_PADDING = " \0"


def levels(x: Exchange) -> tuple[str, ...]:
    """The levels whose attributes the resource matches and returns (Table 10.6.1-4), () for no search."""
    return SEARCH_LEVELS.get(x.resource.search, ())


def level(x: Exchange) -> str:
    """What a row of this resource stands for: "study", "series" or "instance"."""
    return levels(x)[-1]


@view
def rows(x: Exchange) -> Sequence[DataSet] | None:
    """The matches of a successful answer in order; None when it failed or cannot be read as a list of matches."""
    return rows_of(x.answer)


def rows_of(answer: Answer) -> Sequence[DataSet] | None:
    if not answer.ok:
        return None
    if not answer.payload:
        return ()
    if answer.json is not None:
        return answer.json.datasets if answer.json.root in ("array", "object") else None
    if is_xml(answer):
        read = [_document(part.content) for part in answer.parts]
        return [row for row in read if row is not None]
    return None


def is_xml(answer: Answer) -> bool:
    """A multipart answer whose parts say that they are Native DICOM Model documents."""
    return answer.type == "multipart/related" and all(p.media.type == XML_TYPE for p in answer.parts)


@lru_cache(maxsize=512)
def _document(content: Body) -> DataSet | None:
    """One Native DICOM Model document as a DICOM JSON data set (PS3.18 F.3), None when it cannot be read."""
    reading = native_xml.read(content)
    return native_xml.to_json(reading.datasets[0]) if reading.datasets else None


def found(x: Exchange) -> bool:
    """The answer holds at least one match."""
    return bool(rows(x))


def uid(row: DataSet, at: str) -> str:
    """The unique key of a level in this row, padding removed, '' when it is not there."""
    return dicom_json.text(row, UNIQUE[at]).rstrip(_PADDING)


def own(x: Exchange, row: DataSet) -> str:
    """The UID of what the row stands for."""
    return uid(row, level(x))


def owns(x: Exchange) -> list[str]:
    """The UIDs of all matches in order; '' for a row without."""
    return [own(x, row) for row in rows(x) or ()]


def study_of(x: Exchange, row: DataSet) -> str:
    """The study a row belongs to: by its own attribute, else by the path."""
    return uid(row, "study") or x.resource.study


def series_of(x: Exchange, row: DataSet) -> str:
    return uid(row, "series") or x.resource.series


def texts(row: DataSet, path: str) -> list[str]:
    """The values by tag or dotted path as a query would spell them: PN groups joined by '=', '' for null."""
    return [_text(value) for value in dicom_json.values(row, path)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.rstrip(_PADDING)
    if isinstance(value, Mapping):
        groups = [str(value.get(g, "") or "") for g in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).rstrip(_PADDING)


def number(row: DataSet, tag: str) -> int | None:
    """The first value as a whole number, None when absent or none."""
    held = texts(row, tag)
    try:
        value = Decimal(held[0].strip()) if held else None
    except InvalidOperation:
        return None
    return int(value) if value is not None and value.is_finite() and value == value.to_integral_value() else None


def has(row: DataSet, tag: str) -> bool:
    """The attribute is there, with or without a value."""
    return tag in row


def filled(row: DataSet, tag: str) -> bool:
    """The attribute is there and has a value that is not empty."""
    return any(texts(row, tag))


def warnings(x: Exchange) -> list[str]:
    """The values of all Warning fields, as they came."""
    return x.answer.headers.all("warning")


def remaining(x: Exchange) -> int | None:
    """How many further matches a Warning field announces (8.3.4.4.1), None when none does."""
    for value in warnings(x):
        if match := _REMAINING.search(value):
            return int(match.group(1))
    return None


def says_more(x: Exchange) -> bool:
    """Some Warning speaks of results that were left out, in these or other words."""
    return any(re.search(r"additional|remaining|more results|truncat|limited", w, re.IGNORECASE) for w in warnings(x))


def whole(x: Exchange) -> bool:
    """The answer claims to hold every match: no limit, no offset, no word of further results."""
    query = x.ask.query
    return query.get("offset") in (None, "0") and "limit" not in query and not says_more(x)
