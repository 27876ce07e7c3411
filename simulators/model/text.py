"""Knows how text of a Specific Character Set (PS3.5 6.1, PS3.3 C.12.1.1.2) becomes characters and single values.

Must not know attributes or encoders.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydicom.charset import decode_bytes, python_encoding

_DELIMITERS = {0x0A, 0x0C, 0x0D, 0x09, 0x5C}
_NAME_DELIMITERS = {0x5C, 0x5E, 0x3D}
_ENCODINGS = python_encoding | {"ISO_IR 203": "iso8859_15", "ISO 2022 IR 203": "iso8859_15"}
_ALONE = frozenset(("ISO_IR 192", "GB18030", "GBK"))  # PS3.3 C.12.1.1.2: no code extensions with these
_ESCAPES = re.compile(r"\x1b(?:\$[()]?[@A-D]|[(),.-][0-9A-Z])")
# escape sequences that put a set of two octets a character into G0, where a delimiter's octet may be half a character
_PAIRS = (b"\x1b$@", b"\x1b$B", b"\x1b$(D")


class Repertoire:
    """The character sets of one data set or item, as the values of (0008,0005) name them."""

    def __init__(self, terms: tuple[str, ...]) -> None:
        self.encodings = _encodings(terms)
        self.switches = len(self.encodings) > 1 or any(t.startswith("ISO 2022") for t in terms)

    def text(self, octets: bytes, name: bool = False) -> str:
        """The characters; what is no character of the set becomes U+FFFD."""
        if self.switches and b"\x1b" in octets:
            found = decode_bytes(octets, self.encodings, _NAME_DELIMITERS if name else _DELIMITERS)
            return _ESCAPES.sub("", found)  # some codecs hand them on
        return octets.decode(self.encodings[0], "replace")

    def values(self, octets: bytes) -> list[str]:
        """The values between backslashes."""
        if not (self.switches and b"\x1b" in octets):
            return self.text(octets).split("\\")
        return [self.text(piece) for piece in _split(octets, 0x5C)]

    def names(self, octets: bytes) -> list[list[str]]:
        """The values of a PN, each as its component groups (PS3.5 6.2.1)."""
        if not (self.switches and b"\x1b" in octets):
            return [value.split("=") for value in self.text(octets).split("\\")]
        return [[self.text(g, name=True) for g in _split(piece, 0x3D)] for piece in _split(octets, 0x5C)]


@lru_cache(maxsize=256)
def repertoire(value: str) -> Repertoire:
    """The repertoire of a value of (0008,0005); '' is the default repertoire."""
    return Repertoire(tuple(term.strip() for term in value.split("\\")))


def _encodings(terms: tuple[str, ...]) -> list[str]:
    """The codecs of the terms; one that allows no code extension stands alone, an unknown one is passed over."""
    known = [term for term in terms if term in _ENCODINGS]
    if len(known) > 1:
        known = known[:1] if known[0] in _ALONE else [term for term in known if term not in _ALONE]
    # without any known term Latin-1 at least keeps every octet
    return [_ENCODINGS[term] for term in known] or ["iso8859"]


def _split(octets: bytes, delimiter: int) -> list[bytes]:
    """Pieces between delimiters, blind to octets that are half of a two-octet character."""
    pieces, start, at, pairs = [], 0, 0, False
    while at < len(octets):
        octet = octets[at]
        if octet == 0x1B:
            pairs = octets.startswith(_PAIRS, at)
            at += 4 if octets.startswith(b"\x1b$(D", at) else 3
        elif pairs and octet > 0x20:
            at += 2
        else:
            if octet == delimiter:
                pieces.append(octets[start:at])
                start, pairs = at + 1, False
            at += 1
    return [*pieces, octets[start:]]
