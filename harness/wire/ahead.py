"""Knows how to find the Specific Character Set of a data set whose first elements come before it (PS3.3 C.12.1.1.2).

The records of a DICOMDIR stand in group 0004 and take over what (0008,0005) behind them says. Must not judge anything:
what cannot be stepped over is left to the reader, and no set is known then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

CHARACTER_SET = "00080005"
UNDEFINED = 0xFFFFFFFF
MOST = 600_000  # elements and items that are stepped over
LONGEST = 1024  # octets of a value of (0008,0005) that is believed
_ITEM, _ENDS = "FFFEE000", ("FFFEE00D", "FFFEE0DD")

Take = Callable[[int, int], bytes]


class Ahead:
    """Steps over elements, one after the other; `take(at, size)` gives octets, `long` are VRs with a long head."""

    def __init__(self, take: Take, explicit: bool, big_endian: bool, long: Collection[str]) -> None:
        self._take = take
        self._explicit = explicit
        self._big_endian = big_endian
        self._long = long

    def charsets(self, at: int, end: int) -> tuple[str, ...]:
        """The terms of (0008,0005) of the data set from `at` to `end`, () when it has none or none that is found."""
        open_ = 0
        for _ in range(MOST):
            head = self._take(at, 12)
            if end - at < 8 or len(head) < 8:
                return ()
            tag = f"{self._number(head[:2]):04X}{self._number(head[2:4]):04X}"
            if not open_ and tag >= CHARACTER_SET:
                return self._terms(head, at, end) if tag == CHARACTER_SET else ()
            start, length = self._extent(tag, head, at)
            if tag in _ENDS:
                open_ -= 1
            if length == UNDEFINED:
                if head[4:6] == b"UN" and self._explicit:  # its content is encoded in another way (PS3.5 6.2.2)
                    return ()
                open_ += 1
            at = start if length == UNDEFINED else start + length
            if open_ < 0 or at > end:
                return ()
        return ()

    def _extent(self, tag: str, head: bytes, at: int) -> tuple[int, int]:
        """Where the value of an element or item begins, and its length."""
        if not self._explicit or tag == _ITEM or tag in _ENDS:
            return at + 8, self._number(head[4:8])
        if head[4:6].decode("latin-1") in self._long:
            return at + 12, self._number(head[8:12])
        return at + 8, self._number(head[6:8])

    def _terms(self, head: bytes, at: int, end: int) -> tuple[str, ...]:
        start, length = self._extent(CHARACTER_SET, head, at)
        if not 0 < length <= min(LONGEST, end - start):
            return ()
        return tuple(word.strip(" ") for word in self._take(start, length).decode("latin-1").split("\\"))

    def _number(self, octets: bytes) -> int:
        return int.from_bytes(octets, "big" if self._big_endian else "little")
