"""Knows the frame of PDUs and items: a type, a reserved octet, a length, a content, each of which may be told to lie.

Must not know what any type means.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """An item or sub-item of an A-ASSOCIATE PDU: one octet of type, one reserved, a length of two, the parts in order.

    A part is an item or octets as they are. `length` stands in place of the reckoned one.
    """

    type: int
    parts: tuple[Item | bytes, ...] = ()
    length: int | None = None
    reserved: int = 0

    def encode(self) -> bytes:
        """The octets; raises ValueError when the content is too long for the length field and no length is given."""
        content = join(self.parts)
        length = len(content) if self.length is None else self.length
        if length > 0xFFFF:
            raise ValueError(f"{length} octets do not fit an item of type {self.type:02X}H")
        return struct.pack(">BBH", self.type, self.reserved, length) + content


@dataclass(frozen=True)
class Pdu:
    """A protocol data unit: like an item, with a length of four octets."""

    type: int
    parts: tuple[Item | bytes, ...] = ()
    length: int | None = None
    reserved: int = 0

    def encode(self) -> bytes:
        content = join(self.parts)
        length = len(content) if self.length is None else self.length
        return struct.pack(">BBI", self.type, self.reserved, length) + content


def join(parts: tuple[Item | bytes, ...]) -> bytes:
    return b"".join([part if isinstance(part, bytes) else part.encode() for part in parts])
