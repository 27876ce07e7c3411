"""Knows what the value field of an element says: values, octets, or too much to say in place.

Must not know JSON or XML.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import lru_cache

from simulators.model.scan import PIXEL_DATA, SIZES, Element, Source
from simulators.model.text import Repertoire

INLINE = 1024  # octets of OB to UN that are told in place; more go by reference
LONG = 1 << 16  # octets of text and numbers that are told in place, where the VR allows a reference

BINARY = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
NUMBERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
WHOLE = frozenset(("LT", "ST", "UT", "UR"))  # one value each, a backslash in it is text (PS3.5 6.2)
CODED = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))  # in the Specific Character Set (PS3.5 6.1.2.2)
# Leading spaces are padding only here (PS3.5 6.2); elsewhere they belong to the value.
_BOTH_ENDS = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"))
# PS3.18 F.2.2: VRs whose value may be given by reference.
BY_REFERENCE = BINARY | frozenset(["DS", "FL", "FD", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"])
SWAP = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8} | SIZES

Name = tuple[str, ...]  # component groups: alphabetic, ideographic, phonetic; trailing ones may be missing
Values = list[str | int | float | Name | None]


@dataclass(frozen=True, slots=True)
class Reference:
    """The value is not told in place; whoever wants it asks for it by URI."""


REFERENCE = Reference()


def decode(source: Source, element: Element, charset: Repertoire) -> Values | bytes | Reference:
    """Values (None for an empty one among others), octets in little endian order, or REFERENCE.

    [] and b"" stand for an empty value field. DS and IS stay strings, AT is eight hex digits. Not for sequences.
    """
    if not element.length:
        return []
    if _referred(element):
        return REFERENCE
    return decode_octets(element.vr, source.value(element), source.little, charset)


def decode_octets(vr: str, octets: bytes, little: bool, charset: Repertoire) -> Values | bytes | Reference:
    """The same of a value field that is not empty; REFERENCE for numbers that cannot be told."""
    if vr in BINARY:
        return little_endian(octets, vr, little)
    if vr == "PN":
        return _emptied([_name(groups) for groups in charset.names(octets)])
    if vr in NUMBERS:
        return _numbers(octets, vr, little)
    if vr == "AT":
        pairs = _layout("H", len(octets) // 2, little).unpack(octets)
        return [f"{g:04X}{e:04X}" for g, e in zip(pairs[::2], pairs[1::2], strict=True)]
    return _texts(octets, vr, charset)


def little_endian(octets: bytes, vr: str, little: bool) -> bytes:
    """The octets of a value field in little endian order (PS3.5 7.3)."""
    size = SWAP.get(vr, 1)
    if little or size == 1:
        return octets
    size = 2 if vr == "AT" else size  # an AT is two 16-bit numbers
    out = bytearray(octets)
    whole = len(octets) - len(octets) % size
    for place in range(size):
        out[place:whole:size] = octets[size - 1 - place : whole : size]
    return bytes(out)


def _referred(element: Element) -> bool:
    if element.tag in PIXEL_DATA or element.fragments is not None:
        return True
    if element.vr in BINARY:
        return element.length > INLINE
    return element.length > LONG and element.vr in BY_REFERENCE


def _texts(octets: bytes, vr: str, charset: Repertoire) -> Values:
    if vr in WHOLE:
        text = charset.text(octets) if vr in CODED else octets.decode("latin-1")
        text = text.rstrip(" \0")
        return [text] if text else []
    values = charset.values(octets) if vr in CODED else octets.decode("latin-1").split("\\")
    if vr in _BOTH_ENDS:
        return _emptied([value.strip(" \0") for value in values])
    return _emptied([value.rstrip(" \0") for value in values])


def _emptied(values: list[str] | list[Name]) -> Values:
    """None for values that are empty among others; nothing when there is not one."""
    if len(values) == 1:
        return [values[0]] if values[0] else []
    return [value or None for value in values]


def _name(groups: list[str]) -> Name:
    trimmed = [group.rstrip(" \0") for group in groups[:3]]
    if len(groups) > 3:  # no PN has four groups: keep the rest where it is visible
        trimmed[2] = "=".join([trimmed[2], *groups[3:]])
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    return tuple(trimmed)


def _numbers(octets: bytes, vr: str, little: bool) -> Values | Reference:
    numbers = list(_layout(NUMBERS[vr], len(octets) // SIZES[vr], little).unpack(octets))
    if vr in ("FL", "FD") and not all(map(math.isfinite, numbers)):
        return REFERENCE  # JSON has no number for them, and Annex F allows no string
    return numbers


@lru_cache(maxsize=512)
def _layout(code: str, count: int, little: bool) -> struct.Struct:
    return struct.Struct(f"{'<' if little else '>'}{count}{code}")
