"""Knows the PDUs of the DICOM upper layer on octets (PS3.8 9.3): strict, every flaw with its offset in the PDU.

Must not know what a message says, nor which PDU may follow which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.body import Body
from harness.wire import association_items
from harness.wire.association_items import Associate, Context, read_associate
from harness.wire.flaw import Flaws
from harness.wire.pdu_items import MOST, Item
from harness.wire.user_items import Common, Extended, Identity, Role, User, Window

__all__ = [
    "ABORT",
    "ASSOCIATE_AC",
    "ASSOCIATE_RJ",
    "ASSOCIATE_RQ",
    "CODES",
    "DATA",
    "NAMES",
    "NOTES",
    "RELEASE_RP",
    "RELEASE_RQ",
    "Abort",
    "Associate",
    "Common",
    "Context",
    "Extended",
    "Identity",
    "Item",
    "Pdu",
    "Pdv",
    "Reject",
    "Role",
    "User",
    "Window",
    "read",
    "split",
]

CODES: dict[str, str] = {
    "pdu.type": "A PDU is of one of the seven types (PS3.8 9.3.1).",
    "pdu.reserved": "A reserved field is sent as zero; who receives it does not test it (PS3.8 9.3.2 to 9.3.8).",
    "pdu.length": "The length of a PDU is that of its fields (PS3.8 9.3.2 to 9.3.8).",
    "pdu.reject-result": "The result of a rejection is 1 or 2 (PS3.8 9.3.4).",
    "pdu.reject-source": "The source of a rejection is 1, 2 or 3 (PS3.8 9.3.4).",
    "pdu.reject-reason": "The reason of a rejection is one that its source has, and not a reserved one (PS3.8 9.3.4).",
    "pdu.abort-source": "The source of an abort is 0 or 2 (PS3.8 9.3.8).",
    "pdu.abort-reason": "The reason of an abort is 0 of a user, 0, 1, 2, 4, 5 or 6 of the provider (PS3.8 9.3.8).",
    "pdu.no-pdv": "A P-DATA-TF has one presentation data value or more (PS3.8 9.3.5).",
    "pdu.pdv-length": "A presentation data value has a context ID and a message control header (PS3.8 9.3.5.1, E.2).",
    "pdu.pdv-overrun": "A presentation data value ends within its PDU (PS3.8 9.3.5.1, E.1).",
    "pdu.pdv-rest": "Nothing stands behind the presentation data values (PS3.8 9.3.5).",
    "pdu.pdv-empty": "A presentation data value has more than a message control header (PS3.8 E.1).",
    "pdu.pdv-odd": "A fragment has an even number of octets (PS3.8 E.1).",
    "pdu.control-header": "Bits 2 to 7 of a message control header are 0; the receiver does not test them (PS3.8 E.2).",
    "pdu.stream-too-many": "A stream has at most 1000000 PDUs, our bound.",
    **association_items.CODES,
}
NOTES = association_items.NOTES
"""Codes that alone are no fault of the sender: what is allowed, but worth a look."""

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
NAMES = {
    ASSOCIATE_RQ: "A-ASSOCIATE-RQ",
    ASSOCIATE_AC: "A-ASSOCIATE-AC",
    ASSOCIATE_RJ: "A-ASSOCIATE-RJ",
    DATA: "P-DATA-TF",
    RELEASE_RQ: "A-RELEASE-RQ",
    RELEASE_RP: "A-RELEASE-RP",
    ABORT: "A-ABORT",
}
HEADER = 6
STREAM = 1_000_000  # PDUs of one direction
_WINDOW = 64 << 10
_SHORT = (ASSOCIATE_RJ, RELEASE_RQ, RELEASE_RP, ABORT)  # four octets behind the header
_REASONS = {1: (1, 2, 3, 7), 2: (1, 2), 3: (1, 2)}


@dataclass(frozen=True, slots=True)
class Reject:
    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Abort:
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Pdv:
    """A presentation data value at offset `at` of its PDU; `header` is its message control header."""

    context: int
    header: int
    at: int
    fragment: Body

    @property
    def command(self) -> bool:
        """It carries a piece of a command, else of a data set."""
        return bool(self.header & 1)

    @property
    def last(self) -> bool:
        """It carries the last piece."""
        return bool(self.header & 2)


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU at offset `at` of its stream. `octets` are header and content as far as they came.

    `type` is -1 when not even that octet came. `length` is what the header says. Flaws are told at offsets in the
    PDU. What is missing because the stream ended is no flaw: then `complete` is false.
    """

    type: int
    at: int
    length: int
    octets: Body
    complete: bool
    flaws: Flaws = field(default_factory=Flaws)
    associate: Associate | None = None
    reject: Reject | None = None
    abort: Abort | None = None
    pdvs: tuple[Pdv, ...] = ()

    @property
    def name(self) -> str:
        """The name for people, for instance "A-RELEASE-RQ" or "unknown PDU 09H"."""
        return NAMES.get(self.type, f"unknown PDU {self.type:02X}H" if self.type >= 0 else "no PDU")


class _Window:
    """Random access to a long stream through a window, so that a file is not opened for every header."""

    def __init__(self, stream: Body) -> None:
        self.stream = stream
        self.size = stream.size
        self._base = 0
        self._octets = b""

    def take(self, at: int, size: int) -> bytes:
        start = at - self._base
        if start < 0 or start + size > len(self._octets):
            self._base, self._octets = at, self.stream.read(at, max(size, _WINDOW))
            start = 0
        return self._octets[start : start + size]


def split(stream: Body) -> Iterator[Pdu]:
    """All PDUs of one direction in order; the last one may be incomplete. Nothing is copied but headers."""
    window = _Window(stream)
    at, count = 0, 0
    while at < stream.size:
        count += 1
        if count > STREAM:
            yield _rest(stream, at)
            return
        one = _read(window, at)
        yield one
        at += max(one.octets.size, 1)


def read(octets: Body, at: int = 0) -> Pdu:
    """The PDU that begins at offset `at` of the octets."""
    return _read(_Window(octets), at)


def _rest(stream: Body, at: int) -> Pdu:
    flaws = Flaws()
    flaws.add("pdu.stream-too-many", f"stream at octet {at}", f"more than {STREAM} PDUs", f"at most {STREAM}")
    return Pdu(stream.read(at, 1)[0], at, stream.size - at, stream.slice(at, stream.size), False, flaws)


def _read(window: _Window, at: int) -> Pdu:
    head = window.take(at, HEADER)
    kind = head[0] if head else -1
    length = int.from_bytes(head[2:], "big") if len(head) == HEADER else 0
    octets = window.stream.slice(at, at + HEADER + length)
    flaws = Flaws()
    complete = len(head) == HEADER and octets.size == HEADER + length
    if len(head) > 1 and head[1]:
        flaws.add("pdu.reserved", "PDU at octet 1", f"{head[1]:02X}H", "00H")
    if head and kind not in NAMES:
        flaws.add("pdu.type", "PDU at octet 0", f"{kind:02X}H", "01H to 07H")
    if len(head) < HEADER or kind not in NAMES:
        return Pdu(kind, at, length, octets, complete, flaws)
    if kind in (ASSOCIATE_RQ, ASSOCIATE_AC):
        if length < association_items.FIXED:
            flaws.add("pdu.length", "PDU at octet 2", str(length), "68 and the items")
        associate = read_associate(octets, HEADER + length, kind == ASSOCIATE_RQ, flaws)
        return Pdu(kind, at, length, octets, complete, flaws, associate)
    if kind == DATA:
        pdvs = tuple(_pdvs(window, at, length, flaws))
        return Pdu(kind, at, length, octets, complete, flaws, pdvs=pdvs)
    if length != 4:
        flaws.add("pdu.length", "PDU at octet 2", str(length), "4")
    body = octets.read(HEADER, 4)
    reject = _reject(body, flaws) if kind == ASSOCIATE_RJ else None
    abort = _abort(body, flaws) if kind == ABORT else None
    if kind in (RELEASE_RQ, RELEASE_RP) and any(body):
        flaws.add("pdu.reserved", "PDU at octet 6", body.hex(" "), "four octets of zero")
    return Pdu(kind, at, length, octets, complete, flaws, None, reject, abort)


def _reject(body: bytes, flaws: Flaws) -> Reject | None:
    if len(body) < 4:
        return None
    reserved, result, source, reason = body
    if reserved:
        flaws.add("pdu.reserved", "PDU at octet 6", f"{reserved:02X}H", "00H")
    if result not in (1, 2):
        flaws.add("pdu.reject-result", "PDU at octet 7", str(result), "1 or 2")
    if source not in _REASONS:
        flaws.add("pdu.reject-source", "PDU at octet 8", str(source), "1, 2 or 3")
    elif reason not in _REASONS[source]:
        want = " or ".join(str(one) for one in _REASONS[source])
        flaws.add("pdu.reject-reason", "PDU at octet 9", f"{reason} of source {source}", want)
    return Reject(result, source, reason)


def _abort(body: bytes, flaws: Flaws) -> Abort | None:
    if len(body) < 4:
        return None
    source, reason = body[2], body[3]
    if any(body[:2]):
        flaws.add("pdu.reserved", "PDU at octet 6", body[:2].hex(" "), "00 00")
    if source not in (0, 2):
        flaws.add("pdu.abort-source", "PDU at octet 8", str(source), "0 or 2")
    elif (source == 0 and reason) or (source == 2 and reason not in (0, 1, 2, 4, 5, 6)):
        want = "0, 1, 2, 4, 5 or 6" if source else "0"
        flaws.add("pdu.abort-reason", "PDU at octet 9", f"{reason} of source {source}", want)
    return Abort(source, reason)


def _pdvs(window: _Window, start: int, length: int, flaws: Flaws) -> Iterator[Pdv]:
    """The presentation data values of the P-DATA-TF at offset `start` of the stream."""
    at, end = HEADER, HEADER + length
    have = window.size - start
    if not length:
        flaws.add("pdu.no-pdv", "PDU at octet 2", "length 0", "one presentation data value or more")
    for _ in range(MOST):
        if at >= end:
            return
        head = window.take(start + at, 6)[: min(end, have) - at] if at < have else b""
        if end - at < 4:
            if have >= end:
                flaws.add("pdu.pdv-rest", f"PDU at octet {at}", f"{end - at} octets", "nothing or a value")
            return
        if len(head) < min(6, end - at):  # cut
            return
        size = int.from_bytes(head[:4], "big")
        stop = _bounded(at, size, end, flaws)
        if stop - at - 4 < 2:
            flaws.add("pdu.pdv-length", f"PDV at octet {at}", f"{size} octets", "at least 2")
        else:
            fragment = window.stream.slice(start + at + 6, min(start + stop, window.size))
            pdv = Pdv(head[4], head[5], at, fragment)
            _judge(pdv, stop - at - 6, flaws)
            yield pdv
        at = stop
    if at < end:
        flaws.add("pdu.too-many", f"PDU at octet {at}", f"more than {MOST} values", f"at most {MOST}")


def _bounded(at: int, size: int, end: int, flaws: Flaws) -> int:
    """Where the value at `at` ends; at most at the end of its PDU."""
    if at + 4 + size > end:
        flaws.add("pdu.pdv-overrun", f"PDV at octet {at}", f"{size} octets", f"at most {end - at - 4}")
    return min(at + 4 + size, end)


def _judge(pdv: Pdv, size: int, flaws: Flaws) -> None:
    """What is wrong with a value whose fragment has so many octets."""
    where = f"PDV at octet {pdv.at}"
    if not pdv.context & 1:
        flaws.add("pdu.context-id", where, str(pdv.context), "an odd number")
    if pdv.header & 0xFC:
        flaws.add("pdu.control-header", where, f"{pdv.header:02X}H", "bits 2 to 7 zero")
    if not size:
        flaws.add("pdu.pdv-empty", where, "no fragment", "at least two octets")
    elif size & 1:
        flaws.add("pdu.pdv-odd", where, f"a fragment of {size} octets", "an even number")
