"""Knows what a search asks: its matching keys with VR and level, its options, and what is wrong with its parameters.

Must not know answers, nor whether a value matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import dictionary_VR, tag_for_keyword

from harness.exchange import Ask, Exchange, view
from harness.wire.media import Range
from harness.wire.uri import SEARCH_LEVELS, Parameter, decode, valid_uid

OPTIONS = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
PAGING = ("limit", "offset")
RESERVED = frozenset({*OPTIONS, *PAGING, "includefield", "accept", "charset"})
TIMEZONE = "00080201"

# Table 10.6.1-5: the matching keys that have to be supported, by the level they belong to.
REQUIRED: dict[str, tuple[str, ...]] = {
    "study": (
        "00080020", "00080030", "00080050", "00080061", "00080090", "00100010", "00100020", "0020000D", "00200010",
    ),
    "series": (
        "00080060", "0020000E", "00200011", "00400244", "00400245", "00400275.00400009", "00400275.00401001",
    ),
    "instance": ("00080016", "00080018", "00200013"),
}  # fmt: skip
WILD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_TAG = re.compile(r"[0-9A-Fa-f]{8}\Z")
_KEYWORD = re.compile(r"[A-Z][A-Za-z0-9]*\Z")
_UINT = re.compile(r"[0-9]+\Z")
_DATE = re.compile(r"[0-9]{8}\Z")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?\Z")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Key:
    """One matching key: the dotted path of upper-case tags, the VR of the last, and the value as it was sent."""

    path: str
    vr: str
    parameter: Parameter

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.path.split("."))

    @property
    def value(self) -> str:
        return _value(self.parameter)

    @property
    def values(self) -> tuple[str, ...]:
        """The value split at commas that were not percent-encoded."""
        return _values(self.parameter)

    @property
    def universal(self) -> bool:
        """No value: matches everything (C.2.2.2.3)."""
        return not self.value

    @property
    def where(self) -> str:
        return f"query parameter {self.parameter.name}={self.value}"


# decoded once, because every row of an answer is held against every key
@lru_cache(maxsize=256)
def _value(parameter: Parameter) -> str:
    return parameter.value


@lru_cache(maxsize=256)
def _values(parameter: Parameter) -> tuple[str, ...]:
    return parameter.values


@lru_cache(maxsize=4096)
def path_of(name: str) -> str | None:
    """The dotted tags that a parameter name stands for, None when it names no attribute of the dictionary."""
    found = []
    for word in name.split("."):
        tag = word.upper() if _TAG.match(word) else _tag(word)
        if tag is None:
            return None
        found.append(tag)
    return ".".join(found)


def _tag(keyword: str) -> str | None:
    tag = tag_for_keyword(keyword) if _KEYWORD.match(keyword) else None
    return None if tag is None else f"{tag:08X}"


@lru_cache(maxsize=4096)
def vr_of(tag: str) -> str:
    """The VR of the dictionary, UN for a tag that it does not know."""
    try:
        return dictionary_VR(int(tag, 16))
    except KeyError:
        return "UN"


@view
def keys(ask: Ask) -> list[Key]:
    """The matching keys in order, universal ones too; the time zone of the request is none."""
    found = []
    for parameter in ask.query.parameters:
        path = None if parameter.name in RESERVED else path_of(parameter.name)
        if path and path != TIMEZONE:
            found.append(Key(path, vr_of(path.rpartition(".")[2]), parameter))
    return found


def required(x: Exchange, key: Key) -> bool:
    """The resource has to match this key (Tables 10.6.1-4 and 10.6.1-5)."""
    return any(key.path in REQUIRED[level] for level in SEARCH_LEVELS.get(x.resource.search, ()))


def flag(ask: Ask, option: str) -> bool:
    """An option such as fuzzymatching is asked for."""
    return ask.query.get(option) == "true"


def timezone(ask: Ask) -> bool:
    """The request says in which zone its dates and times are (8.3.4.1.1)."""
    return any(path_of(p.name) == TIMEZONE and p.value for p in ask.query.parameters)


def includes(ask: Ask) -> list[str]:
    """The words of all includefield parameters."""
    return [word for p in ask.query.all("includefield") for word in p.values]


def included(ask: Ask) -> set[str]:
    """The dotted tags that includefield names; `all` and unknown words left out."""
    return {path for word in includes(ask) if (path := path_of(word))}


def uint(ask: Ask, name: str) -> int | None:
    """The value of limit or offset, None when absent or no unsigned integer."""
    text = ask.query.get(name)
    return int(text) if text is not None and len(text) < 19 and _UINT.match(text) and text.isascii() else None


def faults(ask: Ask) -> Iterator[tuple[str, str]]:
    """What is surely wrong with the value of a parameter that every server knows: (where, what is allowed)."""
    for parameter in ask.query.parameters:
        if wanted := _fault(parameter):
            yield f"query parameter {parameter.name}={parameter.value[:60]}", wanted


def _fault(parameter: Parameter) -> str:
    text = parameter.value
    if not text:
        return ""  # a name without a value is legal by itself (8.3.1)
    if parameter.name in PAGING:
        return "" if _UINT.match(text) and text.isascii() else "an unsigned integer"
    if parameter.name in OPTIONS:
        return "" if text in ("true", "false") else "true or false"
    path = None if parameter.name in RESERVED else path_of(parameter.name)
    return _value_fault(path, parameter) if path else ""


def _value_fault(path: str, parameter: Parameter) -> str:
    if not any(path in keys for keys in REQUIRED.values()):
        return ""
    vr, text = vr_of(path.rpartition(".")[2]), parameter.value
    if text == '""':
        return ""  # Empty Value Matching (8.3.4.5)
    if vr == "DA" and not _range_of(text, date):
        return "a date YYYYMMDD or a range of dates"
    if vr == "TM" and not _range_of(text, time):
        return "a time HHMMSS.FFFFFF or a range of times"
    if vr == "UI" and not all(_listable(u) for u in parameter.values):
        return "a UID or a list of UIDs"
    return ""


def _listable(text: str) -> bool:
    # A wild card for a unique key and a backslash list come from DIMSE and are left to the server.
    return valid_uid(text) or "*" in text or "\\" in text or not text.strip(" \0") or valid_uid(text.rstrip(" \0"))


def _range_of(text: str, good: Callable[[str], bool]) -> bool:
    low, dash, high = text.partition("-")
    if not dash:
        return good(text)
    ends = [end.strip() for end in (low, high) if end.strip()]
    return bool(ends) and all(good(end) for end in ends)


def date(text: str) -> bool:
    """A date of the calendar in the form of PS3.5 6.2, or in the old form with dots."""
    if re.match(r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}\Z", text):
        text = text.replace(".", "")
    if not _DATE.match(text):
        return False
    month, day = int(text[4:6]), int(text[6:])
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


def backwards(text: str) -> bool:
    """A range of dates whose end is before its beginning, which PS3.4 C.2.2.2.5.1 does not have."""
    low, _, high = (end.strip().replace(".", "") for end in text.partition("-"))
    return bool(high) and high < low


def time(text: str) -> bool:
    """A time in the form of PS3.5 6.2, or in the old form with colons."""
    return _TIME.match(text.replace(":", "")) is not None


@view
def lawful(x: Exchange) -> bool:
    """The request keeps the rules that a user agent has to keep, so that a server owes it a search.

    No attribute twice (8.3.4.1), values in the form of their VR, ranges of dates in their order, `all` alone in
    includefield (8.3.4.3), no comma in the value of an attribute other than UI, escapes that decode, a valid UID in
    the path.
    """
    ask = x.ask
    named = [k.path for k in keys(ask)]
    words = includes(ask)
    return (
        ask.method == "GET"
        and len(named) == len(set(named))
        and not any(faults(ask))
        and not any(k.vr == "DA" and backwards(k.value) for k in keys(ask))
        and not ("all" in words and len(words) > 1)
        and all(path_of(word) or word == "all" for word in words)
        and all(k.vr == "UI" or len(k.values) < 2 for k in keys(ask))
        and all(len(ask.query.all(name)) < 2 and ask.query.get(name) != "" for name in (*OPTIONS, *PAGING))
        and all(valid_uid(u) for u in x.resource.uids)
        and _clean(ask.query.raw)
        and (not ask.query.present or (all(p.name for p in ask.query.parameters) and bool(ask.query.raw)))
        and not ask.query.raw.endswith("&")
    )


def _clean(raw: str) -> bool:
    """Nothing that a strict reader of URIs may refuse: broken escapes, octets that are not UTF-8, NUL."""
    text = decode(raw)
    return (
        re.search(r"%(?![0-9A-Fa-f]{2})", raw) is None
        and raw.isascii()
        and "\ufffd" not in text
        and "\0" not in text
        and re.search(r"[\"<>\\^`{|}\[\]#\s]", raw) is None
    )


OFFERED = ("application/dicom+json", "application/*", "*/*", "application/dicom+xml", "application/json")


def acceptable(x: Exchange) -> bool:
    """The request accepts one of the media types that every server offers for searches (Table 10.6.4-1).

    Anything beside them may be a mixture that a server has to refuse (8.7.5), so then nothing is sure.
    """
    ask = x.ask
    if "accept" in ask.query or "charset" in ask.query or not ask.accept.ranges or ask.accept.flaws:
        return False
    if not all(_offered(r) for r in ask.accept.ranges):
        return False
    good = [r for r in ask.accept.ranges if r.q > 0]
    return any(r.covers("application/dicom+json") for r in good) or any(r.type == "multipart/related" for r in good)


def _offered(r: Range) -> bool:
    if r.type == "multipart/related":
        return set(r.demands) == {"type"} and r.parameters["type"].lower() == "application/dicom+xml"
    return r.type in OFFERED and not r.demands
