"""Knows how to make one legal value of each VR: Hypothesis strategies that reach the limits and shrink to the plainest.

Must not know encodings. Text is made of ASCII and the letters that it is given.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

LIMITS = {"AE": 16, "CS": 16, "LO": 64, "LT": 10240, "SH": 16, "ST": 1024, "UC": 10300, "UT": 10300}
RANGES = {"US": (0, 2**16 - 1), "SS": (-(2**15), 2**15 - 1), "UL": (0, 2**32 - 1), "SL": (-(2**31), 2**31 - 1),
          "UV": (0, 2**64 - 1), "SV": (-(2**63), 2**63 - 1), "IS": (-(2**31), 2**31 - 1)}  # fmt: skip
PLAIN = string.ascii_uppercase + string.ascii_lowercase + string.digits
LINE = PLAIN + " !\"#$%&'()*+,-./:;<>?@[]_`{|}~"  # no backslash, and neither '^' nor '=', which names are made of
NUMBERS = ("0", "1", "-1", "40.0", "+0.50", ".5", "5.", "1e3", "-1.5E-12", "1234567890123456", "00012", " 7", "-0",
           "0.0000000000001", "9.9E+99")  # fmt: skip
URIS = ("http://a", "https://example.org/a%20b?c=d&e=f#g", "urn:oid:2.999", "a/b", "//h/p", "../x", "?q", "#f",
        "http://u@[::1]:80/;p=1,2!$'()*", "mailto:a@b")  # fmt: skip


def value(vr: str, letters: str = "") -> SearchStrategy[str | int | float]:
    """One value that is not empty."""
    made = _value(vr, letters)
    return made


@cache
def _value(vr: str, letters: str) -> SearchStrategy[str | int | float]:
    if vr in ("LO", "SH", "UC", "LT", "ST", "UT"):
        return _text(vr, letters)
    if vr == "PN":
        return person_name(letters)
    if vr in RANGES and vr != "IS":
        return st.integers(*RANGES[vr])
    if vr in ("FL", "FD"):
        return st.floats(width=32 if vr == "FL" else 64)
    return _CODES[vr]


def _text(vr: str, letters: str) -> SearchStrategy[str]:
    alphabet = LINE + "^=" + letters + ("\\\r\n\f\t" if vr in ("LT", "ST", "UT") else "")
    short = st.text(alphabet, min_size=1, max_size=min(LIMITS[vr], 12)).filter(lambda text: not text.endswith(" "))
    return st.builds(lambda text, full: text.rjust(LIMITS[vr], "L") if full else text, short, st.booleans())


def person_name(letters: str) -> SearchStrategy[str]:
    """Component groups joined by '=', none of them longer than 64 characters, at least one not empty."""
    component = st.text(LINE + letters, max_size=6).map(lambda text: text.strip(" "))
    group = st.lists(component, max_size=5).map(lambda parts: "^".join(parts).rstrip("^"))
    groups = st.lists(group, min_size=1, max_size=3).map(lambda made: "=".join(made).rstrip("="))
    return st.one_of(groups.filter(bool), st.just("F" * 31 + "^" + "G" * 32))


def _age() -> SearchStrategy[str]:
    return st.builds(lambda n, unit: f"{n:03}{unit}", st.integers(0, 999), st.sampled_from("DWMY"))


def _date() -> SearchStrategy[str]:
    return st.one_of(st.dates().map(lambda d: d.strftime("%Y%m%d").zfill(8)), st.just("20000229"))


def _time() -> SearchStrategy[str]:
    whole = st.times().map(lambda t: t.strftime("%H%M%S.%f"))
    return st.one_of(
        st.builds(lambda text, size: text[:size], whole, st.sampled_from([2, 4, 6, 8, 13])), st.just("235960")
    )


def _moment() -> SearchStrategy[str]:
    offset = st.sampled_from(["", "+0000", "-0500", "+1400", "-1200", "-0001"])
    whole = st.datetimes().map(lambda d: d.strftime("%Y%m%d%H%M%S.%f").zfill(21))
    size = st.sampled_from([4, 6, 8, 10, 12, 14, 16, 21])
    return st.builds(lambda text, size, offset: text[:size] + offset, whole, size, offset)


def _uid() -> SearchStrategy[str]:
    component = st.integers(0, 2**40).map(str)
    made = st.lists(component, min_size=2, max_size=5).map(".".join)
    return st.one_of(made, st.just("1.2." + "9" * 60))


def _integer() -> SearchStrategy[str]:
    plain = st.integers(*RANGES["IS"]).map(str)
    return st.one_of(plain, st.sampled_from(["+1", "007", " 3", "2147483647", "-2147483648", "-0"]))


def _decimal() -> SearchStrategy[str]:
    return st.one_of(st.sampled_from(NUMBERS), st.floats(-1e9, 1e9).map(lambda number: f"{number:.9g}"))


def _code(alphabet: str) -> SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=16).map(lambda text: text.strip(" ")).filter(bool)


_CODES: dict[str, SearchStrategy[str | int | float]] = {
    "AE": _code(LINE + "^="),
    "AS": _age(),
    "AT": st.integers(0, 2**32 - 1).map(lambda number: f"{number:08X}"),
    "CS": _code(string.ascii_uppercase + string.digits + " _"),
    "DA": _date(),
    "DS": _decimal(),
    "DT": _moment(),
    "IS": _integer(),
    "TM": _time(),
    "UI": _uid(),
    "UR": st.sampled_from(URIS),
}


def octets(word: int) -> SearchStrategy[bytes]:
    """A value field of whole words, not empty, of an even length."""
    step = word if word % 2 == 0 else word * 2
    return st.integers(1, 3).flatmap(lambda n: st.binary(min_size=n * step, max_size=n * step))


@cache
def values(vr: str, letters: str, most: int) -> SearchStrategy[tuple[str | int | float | None, ...]]:
    """One to `most` values; empty ones may stand among those of text, never alone."""
    one: SearchStrategy[str | int | float | None] = value(vr, letters)
    if vr in ("LT", "ST", "UT", "UR") or most < 2:
        return st.tuples(one)
    if (vr in _CODES and vr != "AT") or vr in ("LO", "SH", "UC", "PN"):
        one = st.one_of(one, st.none())
    many = st.lists(one, min_size=1, max_size=most).filter(lambda held: _something(held))
    return st.one_of(st.tuples(value(vr, letters)), many.map(tuple))


def _something(held: Sequence[str | int | float | None]) -> bool:
    return any(one is not None for one in held)
