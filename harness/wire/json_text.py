"""Knows JSON texts on octets (RFC 8259): strict, bounded, with what Python's parser forgives made visible.

Must not know DICOM.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from harness.body import Body
from harness.wire.flaw import Flaws

CODES: dict[str, str] = {
    "json.syntax": "The octets are one JSON text (RFC 8259 2).",
    "json.utf8": "A JSON text is encoded in UTF-8 (RFC 8259 8.1; PS3.18 F.2).",
    "json.bom": "A JSON text does not begin with a byte order mark (RFC 8259 8.1).",
    "json.constant": "NaN and Infinity are no JSON values (RFC 8259 6).",
    "json.surrogate": "A string has no lone surrogate (RFC 8259 8.2).",
    "json.duplicate-name": "The names within an object are unique (RFC 8259 4; PS3.18 F.2.2).",
    "json.depth": "The nesting stays within our bound.",
    "json.too-large": "The text stays within our bound.",
}

LARGEST = 512 << 20  # octets
MOST_MARKS = 24_000_000  # braces, brackets and commas: what the memory of a parsed text depends on
LONGEST_INTEGER = 4000  # digits
_LONE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class Real(float):
    """A number with a fraction or exponent, or one of the three constants that are no JSON; `text` as it was sent."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Real:
        made = super().__new__(cls, text)
        made.text = text
        return made


class Doubled(dict[str, Any]):
    """An object in which names stood more than once; the first value of each is kept."""

    __slots__ = ("names",)
    names: list[str]


@dataclass
class Text:
    """A parsed text. `value` is None with `ok` False when it could not be parsed.

    Lone surrogates cannot be seen from the value's shape: `surrogates` says that some escapes need a look.
    """

    ok: bool = False
    value: Any = None
    surrogates: bool = False
    constants: list[str] = field(default_factory=list)
    doubled: list[Doubled] = field(default_factory=list)


def read(body: Body, flaws: Flaws) -> Text:
    """Parse the whole body. Constants and doubled names are kept in the value and listed, for the caller to place."""
    found = Text()
    if body.size > LARGEST:
        flaws.add("json.too-large", "octet 0", f"{body.size} octets", f"at most {LARGEST}")
        return found
    octets = body.read(0, body.size)
    marks = sum(octets.count(mark) for mark in (b"{", b"[", b","))
    if marks > MOST_MARKS:
        flaws.add("json.too-large", "octet 0", f"{marks} objects, arrays and commas", f"at most {MOST_MARKS}")
        return found
    found.surrogates = _LONE.search(octets) is not None
    broken = Flaws()
    _parse(_decode(octets, broken), found, broken)
    for flaw in broken.kept:
        # a text that was cut on its way is not blamed for how it ends
        if found.ok or not body.truncated or flaw.code not in ("json.syntax", "json.utf8"):
            flaws.add(flaw.code, flaw.where, flaw.got, flaw.want)
    return found


def _decode(octets: bytes, flaws: Flaws) -> str:
    if octets.startswith(b"\xef\xbb\xbf"):
        flaws.add("json.bom", "octet 0", "a byte order mark", "the JSON text")
        octets = octets[3:]
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        got = octets[error.start : error.start + 4].hex(" ")
        flaws.add("json.utf8", f"octet {error.start}", got, "UTF-8")
        return octets.decode("utf-8", "replace")


def _parse(text: str, found: Text, flaws: Flaws) -> None:
    def constant(word: str) -> Real:
        found.constants.append(word)
        return Real(word)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        return made if len(made) == len(pairs) else _doubled(pairs, found)

    try:
        found.value = json.loads(
            text, parse_float=Real, parse_int=_integer, parse_constant=constant, object_pairs_hook=members
        )
        found.ok = True
    except json.JSONDecodeError as error:
        got = text[error.pos : error.pos + 40] or "the end"
        flaws.add("json.syntax", f"character {error.pos}", got, f"JSON ({error.msg})")
    except RecursionError:
        flaws.add("json.depth", "", "nested too deeply to read", "our bound")


def _doubled(pairs: list[tuple[str, Any]], found: Text) -> Doubled:
    made = Doubled()
    made.names = []
    for name, value in pairs:
        if name in made:
            made.names.append(name)
        else:
            made[name] = value
    found.doubled.append(made)
    return made


def _integer(digits: str) -> int | Real:
    # beyond some length Python refuses; the value is out of every range then anyway
    return int(digits) if len(digits) <= LONGEST_INTEGER and digits != "-0" else Real(digits)


def text_of(number: int | float) -> str:
    """A number as it stood in the text."""
    return number.text if isinstance(number, Real) else str(number)


def well_formed(text: str) -> bool:
    """Whether a string can be written in UTF-8, i.e. has no lone surrogate."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
