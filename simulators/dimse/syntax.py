"""Knows how an element's head and a value's octets differ between the native transfer syntaxes (PS3.5 A.1 to A.5).

Must not know data sets, files or associations.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from simulators.model.names import BIG_ENDIAN, ENCAPSULATED, IMPLICIT, SYNTAXES
from simulators.model.values import little_endian

IMPLICIT_LE: Final = "1.2.840.10008.1.2"
EXPLICIT_LE: Final = "1.2.840.10008.1.2.1"
EXPLICIT_BE: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
# What a data set without encapsulated pixel data can always be written in.
NATIVE: Final = (IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE, DEFLATED)

_LONG = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])


@dataclass(frozen=True, slots=True)
class Shape:
    """How the elements of a transfer syntax look."""

    implicit: bool = False
    big: bool = False

    def tag(self, tag: int) -> bytes:
        return struct.pack(">HH" if self.big else "<HH", tag >> 16, tag & 0xFFFF)

    def item(self, tag: int, length: int) -> bytes:
        """The head of an item or a delimiter, which never has a VR (PS3.5 7.5)."""
        return self.tag(tag) + struct.pack(">L" if self.big else "<L", length)

    def head(self, tag: int, vr: str, length: int) -> bytes:
        """Tag, VR where there is one, and length; a value too long for its VR becomes UN (PS3.5 6.2.2)."""
        order = ">" if self.big else "<"
        if self.implicit:
            return self.tag(tag) + struct.pack(order + "L", length)
        if vr not in _LONG and length > 0xFFFE:
            vr = "UN"
        if vr in _LONG:
            return self.tag(tag) + vr.encode() + b"\0\0" + struct.pack(order + "L", length)
        return self.tag(tag) + vr.encode() + struct.pack(order + "H", length)

    def value(self, octets: bytes, vr: str) -> bytes:
        """A little endian value field in the byte order of the syntax."""
        return little_endian(octets, vr, little=not self.big)  # turning the octets of a word around works both ways


@lru_cache(maxsize=128)
def shape_of(syntax: str) -> Shape:
    """The shape of any transfer syntax; the encapsulated ones are Explicit VR Little Endian (PS3.5 A.4)."""
    return Shape(syntax in IMPLICIT, syntax in BIG_ENDIAN)


def deflate(octets: bytes) -> bytes:
    """A data set deflated as a whole (PS3.5 A.5), padded to even length."""
    machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    made = machine.compress(octets) + machine.flush()
    return made + b"\0" * (len(made) % 2)


def native(syntax: str) -> bool:
    """Whether pixel data in this syntax is native, so that the instance can be written in any other such syntax."""
    return syntax in SYNTAXES and syntax not in ENCAPSULATED
