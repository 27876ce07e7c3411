"""Knows the frame that items of association PDUs share: type, a reserved octet, a length of two octets, content.

Must not know what any item means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.body import Body
from harness.wire import vr
from harness.wire.flaw import Flaws

MOST = 65_536  # items and sub-items of one PDU
TOO_MANY = f"A PDU has at most {MOST} items, sub-items or presentation data values, our bound."
COMMON = 0x57  # its second octet is a version, and its reader looks at it


@dataclass(frozen=True)
class Item:
    """One item or sub-item at offset `at` of its PDU. `content` is what is there of `length` octets."""

    type: int
    at: int
    content: Body
    length: int = 0


class Place:
    """One PDU being read: its octets as far as they came, where it ends by its length, and where flaws go."""

    def __init__(self, octets: Body, end: int, flaws: Flaws) -> None:
        self.octets = octets
        self.flaws = flaws
        self.whole = octets.size >= end  # what is not there yet is not missing
        self.count = 0

    def flaw(self, code: str, at: int, got: str, want: str, what: str = "") -> None:
        self.flaws.add(code, f"{what or 'PDU'} at octet {at}", got, want)

    def uid(self, content: Body, at: int, judge: bool = True) -> str:
        """The name whose first octet is at `at`: a UID, without padding, judged unless it was cut."""
        raw = content.read(0, content.size).decode("latin-1")
        uid = raw.strip(" \0")
        if not judge or (not self.whole and at + content.size >= self.octets.size):
            return uid
        if uid != raw:
            self.flaw("pdu.uid-padding", at, ascii(raw[:80]), ascii(uid[:80]))
        for kind, want in list(vr.faults("UI", uid))[:1] if uid else [("form", "a UID")]:
            self.flaw("pdu.uid", at, f"{uid[:80]!a} ({kind})", want)
        return uid


def items_in(place: Place, at: int, end: int, within: str) -> Iterator[Item]:
    """The items from offset `at` up to `end`; what reaches beyond is cut there."""
    octets = place.octets
    while at < end:
        head = octets.read(at, 4)
        if end - at < 4:
            if place.whole:
                place.flaw("pdu.item-rest", at, f"{end - at} octets", "nothing or an item", within)
            return
        if len(head) < 4:
            return
        place.count += 1
        if place.count > MOST:
            if place.count == MOST + 1:
                place.flaw("pdu.too-many", at, f"more than {MOST} items", f"at most {MOST}", within)
            return
        kind, length = head[0], int.from_bytes(head[2:4], "big")
        if head[1] and kind != COMMON:
            place.flaw("pdu.reserved", at + 1, f"{head[1]:02X}H", "00H", f"item {kind:02X}H")
        stop = at + 4 + length
        if stop > end:
            want = f"at most {end - at - 4}"
            place.flaw("pdu.item-overrun", at, f"{length} octets", want, f"item {kind:02X}H in {within}")
            stop = end
        yield Item(kind, at, octets.slice(at + 4, stop), stop - at - 4)
        at = stop
