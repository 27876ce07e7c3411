"""Knows Specific Character Set (0008,0005): its terms, and how octets become text (PS3.3 C.12.1.1.2, PS3.5 6.1).

Must not know data sets.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes, python_encoding

DEFAULT = ("ISO_IR 6",)
TERMS = frozenset(python_encoding) - {""} | {"ISO_IR 6", "ISO 2022 IR 6"}
EXTENDED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""The VRs whose repertoire (0008,0005) extends or replaces."""

_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5C, 0x5E, 0x3D}  # where code extensions fall back (PS3.5 6.1.2.5.3)


def known(terms: Sequence[str]) -> bool:
    """Whether every term is a Defined Term; an empty first one stands for the default repertoire."""
    return all(term in TERMS or (not term and index == 0) for index, term in enumerate(terms))


def decode(octets: bytes, terms: Sequence[str]) -> str | None:
    """The text, or None when the octets are none in these character sets, or the terms are not known."""
    if octets.isascii() and b"\x1b" not in octets:
        return octets.decode("ascii")
    terms = tuple(terms) or DEFAULT
    if not known(terms):
        return None
    if len(terms) == 1 and b"\x1b" not in octets:
        try:
            return octets.decode(_codec(terms[0]))
        except UnicodeDecodeError:
            return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # the codec for GB 2312 leaves its escape sequence in the text
            return decode_bytes(octets, _encodings(tuple(terms)), _DELIMITERS).replace("\x1b$)A", "")
        except (LookupError, ValueError):
            return None


def _codec(term: str) -> str:
    return "ascii" if term in ("", "ISO_IR 6", "ISO 2022 IR 6") else python_encoding[term]


@lru_cache(maxsize=256)
def _encodings(terms: tuple[str, ...]) -> list[str]:
    return convert_encodings(list(terms))
