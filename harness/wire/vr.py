"""Knows the Value Representations: which exist, and the grammar of one value of each (PS3.5 6.2, 9.1).

Must not know how values are carried: octets, JSON and XML bring one value at a time as text.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache

from pydicom.datadict import dictionary_VR

BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
TEXTS = frozenset({"LT", "ST", "UT"})  # a backslash is an ordinary character in these
SINGLE = TEXTS | {"UR"}  # never multi-valued
STRINGS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"}) | SINGLE
INTEGERS: dict[str, tuple[int, int]] = {
    "US": (0, 2**16 - 1),
    "SS": (-(2**15), 2**15 - 1),
    "UL": (0, 2**32 - 1),
    "SL": (-(2**31), 2**31 - 1),
    "UV": (0, 2**64 - 1),
    "SV": (-(2**63), 2**63 - 1),
    "IS": (-(2**31), 2**31 - 1),
}
FLOATS = frozenset({"FL", "FD"})
ALL = BINARY | STRINGS | FLOATS | frozenset(INTEGERS) | {"AT", "SQ"}
WORD = {"AT": 2, "US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8,
        "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}  # fmt: skip
"""Octets of one number: what is swapped as a unit, and what a value's length is a multiple of (AT: of two)."""

KINDS: dict[str, str] = {
    "length": "A value is not longer than its VR allows (PS3.5 Table 6.2-1).",
    "characters": "A value is made of the characters of its VR (PS3.5 Table 6.2-1).",
    "form": "A value has the form its VR prescribes (PS3.5 Table 6.2-1, 9.1).",
    "range": "A number, date or time lies in the range of its VR (PS3.5 Table 6.2-1).",
    "padding": "A value does not carry a NUL as padding (PS3.5 6.2; PS3.18 F.1; PS3.19 A.1.1).",
    "space": "A value does not carry a space as padding where none is needed (PS3.18 F.1; PS3.19 A.1.1).",
    "escape": "A value in Unicode has no ISO 2022 escape sequence (PS3.5 6.1.2.3, 6.2).",
    "backslash": "A backslash separates values and stands in none (PS3.5 6.2, 6.4).",
}
"""The kinds of fault that `faults` names; each reader makes its own codes of them."""

_LENGTH = {"AE": 16, "AS": 4, "CS": 16, "DA": 8, "DS": 16, "DT": 26, "IS": 12, "LO": 64, "LT": 10240,
           "SH": 16, "ST": 1024, "TM": 14, "UI": 64}  # fmt: skip
_RANGE_LENGTH = {"DA": 18, "DT": 54, "TM": 28}
_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
_DECIMAL = re.compile(r" *[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[Ee][+-]?[0-9]+)? *")
_INTEGER = re.compile(r" *[+-]?[0-9]+ *")
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_TIME = re.compile(r"([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.[0-9]{1,6})?)?)?")
_DATETIME = re.compile(
    r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.[0-9]{1,6})?)?)?)?)?)?([+-][0-9]{4})?"
)
_AGE = re.compile(r"[0-9]{3}[DWMY]")
_CODE = re.compile(r"[A-Z0-9 _]*")
_ASCII = re.compile(r"[ -\[\]-~]*")  # the graphic characters of the default repertoire without the backslash
_LINE_CONTROL = re.compile(r"[\x00-\x1a\x1c-\x1f\x7f]")
_TEXT_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_CHARACTERS = {"DA": re.compile(r"[0-9]*"), "DT": re.compile(r"[0-9+\-. ]*"), "TM": re.compile(r"[0-9. ]*"),
               "DS": re.compile(r"[0-9+\-Ee. ]*"), "IS": re.compile(r"[0-9+\- ]*"), "UI": re.compile(r"[0-9.]*"),
               "AS": re.compile(r"[0-9DWMY]*"), "CS": _CODE, "AE": _ASCII}  # fmt: skip
_PATH = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*"
_HOST = r"(?:\[[0-9A-Fa-f:.vV!$&'()*+,;=_~\-]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)"
_USER = r"(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?"
_QUERY = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*"
_URI = re.compile(
    rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:)?(?P<authority>//{_USER}{_HOST}(?::[0-9]*)?(?=[/?#]|\Z))?"
    rf"(?P<path>{_PATH})(?:\?{_QUERY})?(?:#{_QUERY})?"
)

Fault = tuple[str, str]  # a key of KINDS, and what is wanted


def faults(vr: str, value: str, query: bool = False) -> Iterator[Fault]:
    """What is wrong with one non-empty value of a string VR, padding included; `query` allows range matching.

    PN is checked group by group, with `person_name`. Other VRs are no strings and have no faults here.
    """
    if vr in _FAST and _FAST[vr].fullmatch(value) and not _needs_a_look(vr, value):
        return
    if value.endswith("\0"):
        yield "padding", "no NUL at the end"
        value = value.rstrip("\0")
    if "\\" in value and vr not in TEXTS:
        yield "backslash", "no backslash within a value"
        return
    yield from _length(vr, value, query)
    wrong = list(_characters(vr, value, query))
    yield from wrong
    check = _FORMS.get(vr)
    if check and not wrong and value:
        yield from check(value, query)
    if value.endswith(" ") and not wrong and vr not in ("DA", "AS", "UI"):
        yield "space", "no padding at the end"


def _length(vr: str, value: str, query: bool) -> Iterator[Fault]:
    longest = (_RANGE_LENGTH if query else {}).get(vr) or _LENGTH.get(vr)
    # the last value of several may have one more space than fits (PS3.5 6.4)
    if longest and len(value) - value.endswith(" ") > longest:
        yield "length", f"at most {longest} characters"


def _characters(vr: str, value: str, query: bool) -> Iterator[Fault]:
    allowed = _CHARACTERS.get(vr)
    if allowed:
        checked = value.replace("-", "").rstrip(" ") if query and vr in ("DA", "TM", "DT") else value
        if query:  # wild cards stand in for characters (PS3.4 C.2.2.2.4)
            checked = checked.replace("*", "").replace("?", "") if vr in ("AE", "CS") else checked
        if not allowed.fullmatch(checked):
            yield "characters", f"the characters of {vr}"
        return
    control = (_TEXT_CONTROL if vr in TEXTS else _LINE_CONTROL).search(value) if vr != "UR" else None
    if control:
        yield "characters", f"no control character (U+{ord(control.group()):04X})"
    elif "\x1b" in value and vr != "UR":
        yield "escape", "no escape sequence"


def person_name(group: str) -> Iterator[Fault]:
    """What is wrong with one component group of a PN (PS3.5 6.2.1)."""
    if group.endswith("\0"):
        yield "padding", "no NUL at the end"
        group = group.rstrip("\0")
    if "\\" in group:
        yield "backslash", "no backslash within a value"
    if len(group.rstrip(" ")) > 64:
        yield "length", "at most 64 characters in a component group"
    if "=" in group:
        yield "form", "no '=' within a component group"
    if group.count("^") > 4:
        yield "form", "at most five components"
    if _LINE_CONTROL.search(group):
        yield "characters", "no control characters"
    elif "\x1b" in group:
        yield "escape", "no escape sequence"
    if group.endswith(" "):
        yield "space", "no padding at the end"


def _entity(value: str, query: bool) -> Iterator[Fault]:
    if not value.strip(" "):
        yield "form", "not spaces alone"


def _age(value: str, query: bool) -> Iterator[Fault]:
    if not _AGE.fullmatch(value):
        yield "form", "nnnD, nnnW, nnnM or nnnY"


def _decimal(value: str, query: bool) -> Iterator[Fault]:
    if not _DECIMAL.fullmatch(value):
        yield "form", "a fixed or floating point number"


def _integer(value: str, query: bool) -> Iterator[Fault]:
    if not _INTEGER.fullmatch(value):
        yield "form", "an integer"
    elif len(value) > 40 or not in_range("IS", int(value)):
        yield "range", "-2^31 to 2^31-1"


def _uid(value: str, query: bool) -> Iterator[Fault]:
    if not _UID.fullmatch(value):
        yield "form", "components of digits without leading zeros, separated by '.'"


def _uri(value: str, query: bool) -> Iterator[Fault]:
    if not uri_reference(value.rstrip(" ")):
        yield "form", "a URI reference (RFC 3986)"


def _ranged(one: re.Pattern[str], value: str) -> list[str]:
    """The ends of a range `a-b`, `a-` or `-b`; the value alone when it is one value."""
    if one.fullmatch(value):
        return [value]
    for at in (i for i, c in enumerate(value) if c == "-"):
        ends = [value[:at].strip(" "), value[at + 1 :].strip(" ")]
        if any(ends) and all(not e or one.fullmatch(e) for e in ends):
            return [e for e in ends if e]
    return [value]


def _date(value: str, query: bool) -> Iterator[Fault]:
    for end in _ranged(_DATE, value.rstrip(" ")) if query else [value]:
        match = _DATE.fullmatch(end)
        if not match:
            yield "form", "YYYYMMDD"
        elif not _real_date(*(int(g) for g in match.groups())):
            yield "range", "a date of the Gregorian calendar"


def _time(value: str, query: bool) -> Iterator[Fault]:
    for end in _ranged(_TIME, value.rstrip(" ")) if query else [value.rstrip(" ")]:
        match = _TIME.fullmatch(end)
        if not match:
            yield "form", "HHMMSS.FFFFFF, shortened from the right"
        elif not _real_time(*match.groups()):
            yield "range", "hours to 23, minutes to 59, seconds to 60"


def _datetime(value: str, query: bool) -> Iterator[Fault]:
    for end in _ranged(_DATETIME, value.rstrip(" ")) if query else [value.rstrip(" ")]:
        match = _DATETIME.fullmatch(end)
        if not match:
            yield "form", "YYYYMMDDHHMMSS.FFFFFF&ZZXX, shortened from the right"
            continue
        year, month, day, hour, minute, second, offset = match.groups()
        if not _real_date(int(year), int(month or 1), int(day or 1)) or not _real_time(hour, minute, second):
            yield "range", "a date of the Gregorian calendar and a time of day"
        if offset and not _real_offset(offset):
            yield "range", "an offset from -1200 to +1400, not -0000"


def _real_date(year: int, month: int, day: int) -> bool:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= days[month - 1]


def _real_time(hour: str | None, minute: str | None, second: str | None) -> bool:
    return int(hour or 0) <= 23 and int(minute or 0) <= 59 and int(second or 0) <= 60


def _real_offset(offset: str) -> bool:
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    if offset[0] == "-":
        return 0 < minutes <= 12 * 60 and int(offset[3:]) <= 59
    return minutes <= 14 * 60 and int(offset[3:]) <= 59


_FORMS = {"AE": _entity, "AS": _age, "DA": _date, "DS": _decimal, "DT": _datetime, "IS": _integer,
          "TM": _time, "UI": _uid, "UR": _uri}  # fmt: skip
# Values of everyday that need no closer look.
_FAST = {
    "AE": re.compile(r"[!-\[\]-~]{1,16}"),
    "CS": re.compile(r"[A-Z0-9_]{1,16}|[A-Z0-9_][A-Z0-9_ ]{0,14}[A-Z0-9_]"),
    "DS": re.compile(r"-?[0-9]{1,7}(?:\.[0-9]{1,7})?"),
    "IS": re.compile(r"-?[0-9]{1,9}"),
    "LO": re.compile(r"[ -\[\]-~]{0,63}[!-\[\]-~]"),
    "SH": re.compile(r"[ -\[\]-~]{0,15}[!-\[\]-~]"),
    "UI": _UID,
}


def _needs_a_look(vr: str, value: str) -> bool:
    return vr == "UI" and len(value) > 64


def in_range(vr: str, number: int) -> bool:
    """Whether an integer fits the VR; true for VRs that are no integers."""
    low, high = INTEGERS.get(vr, (number, number))
    return low <= number <= high


def broken_word(vr: str, octets: int) -> int:
    """The octets of one word of a binary VR of which so many octets are not a multiple; 0 when all words are whole."""
    word = WORD.get(vr, 1) if vr in BINARY else 1
    return word if octets % word else 0


def uri_reference(text: str) -> bool:
    """Whether this is a URI reference, absolute or relative (RFC 3986 4.1); '' is none that names anything."""
    match = _URI.fullmatch(text)
    if not match or not text:
        return False
    scheme, authority, path = match.group("scheme", "authority", "path")
    if authority:
        return not path or path.startswith("/")
    # without an authority a path begins with no "//", and a relative one has no colon in its first segment
    return not path.startswith("//") and (bool(scheme) or ":" not in path.partition("/")[0])


def base64_octets(text: str) -> bytes | None:
    """The octets of base64 in the alphabet of RFC 4648 section 4, with its padding and nothing else; else None."""
    if len(text) % 4 or not text.isascii():
        return None
    try:
        octets = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        return None
    # bits that stand for no octet are zero (RFC 4648 3.5)
    tail = octets[len(octets) // 3 * 3 :]
    return octets if binascii.b2a_base64(tail, newline=False).decode() in ("", text[-4:]) else None


@lru_cache(maxsize=8192)
def in_dictionary(tag: str) -> frozenset[str]:
    """The VRs that PS3.6 gives an eight-digit tag, () for an unknown or private one.

    Group length is UL (PS3.5 7.2), a private creator is LO (PS3.5 7.8.1).
    """
    number = int(tag, 16)
    if number & 0xFFFF == 0:
        return frozenset({"UL"})
    if number >> 16 & 1:
        return frozenset({"LO"}) if 0x10 <= number & 0xFFFF <= 0xFF else frozenset()
    try:
        return frozenset(dictionary_VR(number).split(" or ")) - {"NONE"}
    except KeyError:
        return frozenset()


def fits_dictionary(tag: str, vr: str) -> bool:
    """Whether the VR is one that PS3.6 gives the tag; UN may stand for any but a private creator (PS3.5 6.2.2)."""
    known = in_dictionary(tag)
    if not known or vr in known:
        return True
    private_creator = int(tag, 16) >> 16 & 1
    return vr == "UN" and not private_creator
