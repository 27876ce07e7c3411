"""Knows where PDUs and presentation data values begin and end in octets that come in any pieces, in bounded memory.

Must not know states, nor what PDUs mean: its `Reader` decides about each PDU by its header.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final, Protocol

_HEADER = struct.Struct(">BBI")
_PDV = struct.Struct(">IBB")
HEADER: Final = 6


class Treat(Enum):
    """What is to become of the content of a PDU."""

    SKIP = "pass over it"
    WHOLE = "hand it over when it is all here"
    FRAGMENTS = "hand over its presentation data values, piece by piece"


class Reader(Protocol):
    def begins(self, type_: int, length: int) -> Treat:
        """The header of a PDU is here."""

    def content(self, type_: int, content: bytes) -> None:
        """The content of a PDU that was to be handed over whole."""

    def fragment(self, context: int, control: int, octets: memoryview, whole: bool) -> bool:
        """A piece of a fragment, its last one when `whole`; false: the rest of the PDU is to be passed over."""

    def broken(self, why: str) -> None:
        """The presentation data values do not fill their PDU; the rest of it is passed over."""


class Frames:
    """Cuts one direction of an association. Only headers that are not whole and content that is wanted whole are kept.

    Its reader treats no content as WHOLE that has no octets.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._rest = b""  # octets that are no whole header yet
        self._type = 0
        self._whole = False  # a content is on its way that is wanted whole
        self._held = bytearray()  # what is here of it
        self._await = 0  # octets that are missing
        self._skip = 0
        self._pdu_left = 0  # octets left of the P-DATA-TF at hand
        self._pdv_left = 0
        self._context = self._control = 0

    def take(self, octets: bytes) -> None:
        data = self._rest + octets if self._rest else octets
        self._rest = b""
        view, at, end = memoryview(data), 0, len(data)
        while at < end:
            used = self._step(data, view, at, end)
            if used < 0:
                self._rest = data[at:end]
                return
            at += used

    def _step(self, data: bytes, view: memoryview, at: int, end: int) -> int:
        """How many octets were used; -1 when more are needed."""
        if self._skip:
            return self._pass_over(end - at)
        if self._whole:
            return self._content(data, at, end)
        if self._pdv_left:
            return self._fragment(view, at, end)
        if self._pdu_left:
            return self._value(data, view, at, end)
        return self._header(data, at, end)

    def _pass_over(self, here: int) -> int:
        used = min(self._skip, here)
        self._skip -= used
        return used

    def _header(self, data: bytes, at: int, end: int) -> int:
        if end - at < HEADER:
            return -1
        self._type, _, length = _HEADER.unpack_from(data, at)
        treat = self._reader.begins(self._type, length)
        if treat is Treat.SKIP:
            self._skip = length
        elif treat is Treat.WHOLE:
            self._whole, self._await = True, length
        else:
            self._pdu_left = length
        return HEADER

    def _content(self, data: bytes, at: int, end: int) -> int:
        used = min(self._await, end - at)
        self._held += data[at : at + used]
        self._await -= used
        if not self._await:
            content = bytes(self._held)
            self._held.clear()
            self._whole = False
            self._reader.content(self._type, content)
        return used

    def _value(self, data: bytes, view: memoryview, at: int, end: int) -> int:
        """A presentation data value begins; its fragment follows at once when it is here."""
        if self._pdu_left < HEADER:
            return self._break(f"{self._pdu_left} octets at the end of a P-DATA-TF are no presentation data value")
        if end - at < HEADER:
            return -1
        length, self._context, self._control = _PDV.unpack_from(data, at)
        if not 2 <= length <= self._pdu_left - 4:
            return self._break(
                f"a presentation data value of {length} octets in {self._pdu_left} octets of a P-DATA-TF"
            )
        self._pdu_left -= length + 4
        self._pdv_left = length - 2
        if length == 2:
            return HEADER + self._hand_over(view[:0], True, 0)
        return HEADER

    def _fragment(self, view: memoryview, at: int, end: int) -> int:
        used = min(self._pdv_left, end - at)
        self._pdv_left -= used
        return self._hand_over(view[at : at + used], not self._pdv_left, used)

    def _hand_over(self, octets: memoryview, whole: bool, used: int) -> int:
        if not self._reader.fragment(self._context, self._control, octets, whole):
            self._skip = self._pdv_left + self._pdu_left
            self._pdv_left = self._pdu_left = 0
        return used

    def _break(self, why: str) -> int:
        self._skip, self._pdu_left = self._pdu_left, 0
        self._reader.broken(why)
        return 0
