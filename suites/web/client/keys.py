"""Rules of PS3.18 8.3.1 and 8.3.4.1 with PS3.4 C.2.2.2 on what the value of any matching key may be, by its VR.

Stricter than what a server may refuse: old forms of dates and times are none of DICOM, whoever reads them.
Must not know which keys a server has to support, nor what they match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHOULD, USER_AGENT, Finding, rule
from harness.wire.uri import valid_uid
from suites.web.client.bend import parameters, searched
from suites.web.client.search import ON
from suites.web.search import asked

_WILD = re.compile(r"[*?]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CODE = re.compile(r"[A-Z0-9 _*?]*")
_INTEGER = re.compile(r" *[+-]?[0-9]{1,12} *")
_DECIMAL = re.compile(r" *[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *")
_DATE_TIME = re.compile(r"[0-9.+\- ]+")
_LONGEST = {"AE": 16, "CS": 16, "SH": 16, "LO": 64}  # characters (PS3.5 Table 6.2-1)
_EMPTY = '""'  # Empty Value Matching (8.3.4.5)


def _dates(text: str) -> str:
    ends = [end.strip() for end in text.split("-", 1) if end.strip()]
    if not ends or any("." in end or not asked.date(end) for end in ends):
        return "a date YYYYMMDD or a range of dates"
    return "the earlier date first" if asked.backwards(text) else ""


def _times(text: str) -> str:
    ends = [end.strip() for end in text.split("-", 1) if end.strip()]
    good = bool(ends) and all(":" not in end and asked.time(end) for end in ends)
    return "" if good else "a time HHMMSS.FFFFFF or a range of times"


def _uids(text: str) -> str:
    # padding and backslashes are found by client.key-values and client.key-has-one-value
    bare = [uid.strip(" \0") for uid in re.split(r"[,\\]", text)]
    return "" if all(valid_uid(uid) for uid in bare) else "UIDs, which have no wild cards"


def _code(text: str) -> str:
    return "" if _CODE.fullmatch(text) else "capital letters, digits, space and _"


def _number(pattern: re.Pattern[str], want: str) -> Callable[[str], str]:
    return lambda text: "" if pattern.fullmatch(text) else want


def _line(text: str) -> str:
    if _CONTROL.search(text):
        return "no control characters"
    return "" if "\\" not in text else "one value, without a backslash"


_FORMS: dict[str, Callable[[str], str]] = {
    "DA": _dates,
    "TM": _times,
    "UI": _uids,
    "CS": _code,
    "DT": _number(_DATE_TIME, "a date and time, or a range"),
    **dict.fromkeys(("IS", "US", "UL", "SS", "SL", "UV", "SV"), _number(_INTEGER, "an integer")),
    **dict.fromkeys(("DS", "FL", "FD"), _number(_DECIMAL, "a decimal number")),
    **dict.fromkeys(("AE", "LO", "SH", "PN", "UC"), _line),
}


def _wanted(vr: str, text: str) -> str:
    """What a value of this VR has to be, '' for one that is right."""
    form = _FORMS.get(vr)
    if form is not None and (want := form(text)):
        return want
    longest = _LONGEST.get(vr, len(text))
    return f"at most {longest} characters" if len(text) > longest and not _WILD.search(text) else ""


def _given(x: Exchange) -> list[asked.Key]:
    return [key for key in asked.keys(x.ask) if not key.universal and key.value != _EMPTY]


@rule(
    "client.keys-fit-their-vr",
    cites="PS3.18 8.3.1; 8.3.4.1; PS3.4 C.2.2.2; PS3.5 6.2",
    verifies="PS3.18-8.3.1-5",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(key.vr in _FORMS for key in _given(x)),
    says="The value of every key has the characters, form and length of its VR, or of a match that C-FIND has for it.",
)
def keys_fit_their_vr(x: Exchange) -> Iterator[Finding]:
    if asked.flag(x.ask, "multiplevaluematching"):
        return  # how several values are parted is not said
    for key in _given(x):
        if key.vr != "UI" and len(key.values) > 1:
            continue  # client.key-has-one-value says so
        if want := _wanted(key.vr, key.value):
            yield Finding(repr(key.value[:80]), want, f"query parameter {key.parameter.name}"[:80])


@keys_fit_their_vr.mutant(at=ASK)
def writes_times_with_colons(x: Exchange) -> Ask | None:
    """A time is written with colons."""
    return searched(x, "StudyTime=12:00:00-13:00:00")


@keys_fit_their_vr.mutant(at=ASK)
def writes_dates_with_dots(x: Exchange) -> Ask | None:
    """A date is written as before DICOM, with dots."""
    return searched(x, "StudyDate=2024.01.31")


@keys_fit_their_vr.mutant(at=ASK)
def turns_the_range_round(x: Exchange) -> Ask | None:
    """The later date of a range comes first."""
    return searched(x, "StudyDate=20241231-20240101")


@keys_fit_their_vr.mutant(at=ASK)
def searches_uids_by_their_root(x: Exchange) -> Ask | None:
    """A UID ends in an asterisk."""
    return searched(x, "StudyInstanceUID=1.2.840.*")


@keys_fit_their_vr.mutant(at=ASK)
def counts_in_words(x: Exchange) -> Ask | None:
    """A number is none."""
    return searched(x, "InstanceNumber=first", on=("instances", "study-instances", "series-instances"))


@keys_fit_their_vr.mutant(at=ASK)
def codes_in_small_letters(x: Exchange) -> Ask | None:
    """A code is written in lower case, which matches nothing."""
    return searched(x, "ModalitiesInStudy=ct")


@keys_fit_their_vr.mutant(at=ASK)
def leaves_the_line_feed_of_its_scanner(x: Exchange) -> Ask | None:
    """A value ends in the line feed with which a bar code reader ended it."""
    return searched(x, "AccessionNumber=4711%0A")


@keys_fit_their_vr.mutant(at=ASK)
def says_more_than_fits(x: Exchange) -> Ask | None:
    """A value is longer than its VR allows."""
    return searched(x, f"AccessionNumber={'4' * 40}")


def _paths(x: Exchange) -> list[tuple[str, bool]]:
    """The attributes that are named, and whether as a key."""
    return [(key.path, True) for key in asked.keys(x.ask)] + [(path, False) for path in sorted(asked.included(x.ask))]


@rule(
    "client.sequences-hold-attributes",
    cites="PS3.18 8.3.1",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any("." in path or asked.vr_of(path) == "SQ" for path, _ in _paths(x)),
    due=False,
    says="In an attribute with dots all but the last are sequences; no sequence is a key by itself.",
)
def sequences_hold_attributes(x: Exchange) -> Iterator[Finding]:
    for path, is_key in _paths(x):
        *outer, last = path.split(".")
        if wrong := [tag for tag in outer if asked.vr_of(tag) not in ("SQ", "UN")]:
            yield Finding(f"{wrong[0]} before a dot in {path}"[:80], "a sequence", "query")
        if is_key and asked.vr_of(last) == "SQ":
            yield Finding(f"the sequence {path} as a key"[:80], "an attribute in it", "query")


@sequences_hold_attributes.mutant(at=ASK)
def looks_into_a_name(x: Exchange) -> Ask | None:
    """What stands before the dot is no sequence."""
    return searched(x, "PatientName.PatientID=1")


@sequences_hold_attributes.mutant(at=ASK)
def matches_a_sequence(x: Exchange) -> Ask | None:
    """A sequence itself is a key."""
    return searched(x, "RequestAttributesSequence=1", on=("series", "study-series"))


@rule(
    "client.query-is-utf-8",
    cites="PS3.18 8.3.4.1; RFC 3986 2.5",
    level=SHOULD,
    on="web",
    who=USER_AGENT,
    content=False,
    when=lambda x: "%" in x.resource.query.raw,
    due=False,
    says="What is percent-encoded in a query are the octets of UTF-8.",
)
def query_is_utf_8(x: Exchange) -> Iterator[Finding]:
    for parameter in x.resource.query.parameters:
        if "\ufffd" in f"{parameter.name}{parameter.value}" and "%ef%bf%bd" not in (parameter.raw or "").lower():
            where = f"query parameter {parameter.name}"[:80]
            yield Finding((parameter.raw or "")[:80], "percent-encoded UTF-8", where)


@query_is_utf_8.mutant(at=ASK)
def encodes_latin_1(x: Exchange) -> Ask | None:
    """Letters beyond ASCII are percent-encoded as octets of ISO 8859-1."""
    return parameters(x, "PatientName=M%FCller")
