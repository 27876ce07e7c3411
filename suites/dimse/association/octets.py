"""Knows how PDUs and their items are put together from octets and taken apart again, wrong ones as well (PS3.8 9.3).

Must not know rules or what a PDU does to an association: probes say these octets, mutants change them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from harness.make.uids import IMPLEMENTATION

APPLICATION = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
FIXED = 74  # octets of an A-ASSOCIATE-RQ or -AC before its items

Item = tuple[int, bytes]


def pdu(type: int, content: bytes, reserved: int = 0, length: int | None = None) -> bytes:
    """A PDU of six header octets and its content; `length` may say something else than what follows."""
    return struct.pack(">BBI", type, reserved, len(content) if length is None else length) + content


def item(type: int, content: bytes | str, reserved: int = 0, length: int | None = None) -> bytes:
    """An item or sub-item: type, reserved octet, two octets of length, content."""
    raw = content.encode("ascii") if isinstance(content, str) else content
    return struct.pack(">BBH", type, reserved, len(raw) if length is None else length) + raw


def context(id: int, abstract: str, transfer: Sequence[str] = (IMPLICIT,), reserved: int = 0) -> bytes:
    """A presentation context item of a request (9.3.2.2)."""
    syntaxes = item(0x30, abstract, reserved) + b"".join(item(0x40, uid, reserved) for uid in transfer)
    return item(0x20, bytes((id, reserved, reserved, reserved)) + syntaxes, reserved)


def maximum(length: int) -> bytes:
    """A Maximum Length sub-item (D.1.1)."""
    return item(0x51, struct.pack(">I", length))


def user(*more: bytes, length: int = 16384, name: str = "DICOMPROOF", reserved: int = 0) -> bytes:
    """A user information item: maximum length, implementation class and version name, then what else is given."""
    return item(0x50, b"".join((maximum(length), item(0x52, IMPLEMENTATION), item(0x55, name), *more)), reserved)


def associate_rq(called: str, calling: str, contexts: Iterable[bytes], users: bytes | None = None, *, version: int = 1,
                 application: bytes | None = None, reserved: int = 0, before: bytes = b"",
                 after: bytes = b"") -> bytes:  # fmt: skip
    """An A-ASSOCIATE-RQ; `before` and `after` are further items around the user information."""
    head = struct.pack(">HH", version, reserved * 257) + title(called) + title(calling) + bytes([reserved]) * 32
    first = item(0x10, APPLICATION, reserved) if application is None else application
    last = user() if users is None else users
    return pdu(1, head + first + b"".join(contexts) + before + last + after, reserved)


def title(text: str) -> bytes:
    """An AE title in its 16 octets."""
    return text.encode("latin-1")[:16].ljust(16)


def associate_ac() -> bytes:
    """An acceptance that nobody asked for: one context, accepted."""
    head = struct.pack(">HH", 1, 0) + title("ANYBODY") + title("SOMEBODY") + bytes(32)
    return pdu(2, head + item(0x10, APPLICATION) + item(0x21, bytes((1, 0, 0, 0)) + item(0x40, IMPLICIT)) + user())


def associate_rj(result: int, source: int, reason: int) -> bytes:
    return pdu(3, bytes((0, result, source, reason)))


def data(*values: bytes) -> bytes:
    """A P-DATA-TF of these presentation data values."""
    return pdu(4, b"".join(values))


def value(context: int, header: int, fragment: bytes, length: int | None = None) -> bytes:
    """A presentation data value: length, context id, message control header, fragment (9.3.5.1, Annex E)."""
    size = len(fragment) + 2 if length is None else length
    return struct.pack(">IBB", size, context, header) + fragment


def abort(source: int = 0, reason: int = 0) -> bytes:
    return pdu(7, bytes((0, 0, source, reason)))


RELEASE_RQ = pdu(5, bytes(4))
RELEASE_RP = pdu(6, bytes(4))


def command(elements: Iterable[tuple[int, bytes]]) -> bytes:
    """A command set: group 0000 in Implicit VR Little Endian with its group length (PS3.7 6.3.1)."""
    body = b"".join(struct.pack("<HHI", 0, number, len(raw)) + raw for number, raw in elements)
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def _us(number: int) -> bytes:
    return struct.pack("<H", number)


def _ui(uid: str) -> bytes:
    return uid.encode("ascii") + b"\0" * (len(uid) % 2)


def echo(number: int = 1) -> bytes:
    """The command set of a C-ECHO-RQ with this Message ID (PS3.7 9.3.5.1)."""
    return command([(0x0002, _ui(VERIFICATION)), (0x0100, _us(0x30)), (0x0110, _us(number)), (0x0800, _us(0x0101))])


def store(number: int, instance: str) -> bytes:
    """The command set of a C-STORE-RQ of a CT image, which a data set has to follow (PS3.7 9.3.1.1)."""
    return command([
        (0x0002, _ui(CT)), (0x0100, _us(1)), (0x0110, _us(number)), (0x0700, _us(0)), (0x0800, _us(1)),
        (0x1000, _ui(instance)),
    ])  # fmt: skip


def say_echo(context: int, number: int = 1, header: int = 3) -> bytes:
    """A whole C-ECHO-RQ in one P-DATA-TF."""
    return data(value(context, header, echo(number)))


def items(raw: bytes) -> list[Item]:
    """The items in these octets, as far as they go."""
    found, at = [], 0
    while at + 4 <= len(raw):
        size = int.from_bytes(raw[at + 2 : at + 4], "big")
        found.append((raw[at], raw[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def joined(given: Iterable[Item]) -> bytes:
    return b"".join(item(type, content) for type, content in given)


def edited(octets: bytes, type: int, change: Callable[[list[Item]], list[Item]]) -> bytes | None:
    """A PDU of this type (A-ASSOCIATE-RQ or -AC) with its items changed; None for any other and without a change."""
    if octets[:1] != bytes([type]):
        return None
    before = items(octets[FIXED:])
    after = change(list(before))
    return None if after == before else pdu(type, octets[6:FIXED] + joined(after))


def edited_user(octets: bytes, type: int, change: Callable[[list[Item]], list[Item]]) -> bytes | None:
    """The same with the sub-items of the user information changed."""

    def inside(given: list[Item]) -> list[Item]:
        return [(t, joined(change(items(raw))) if t == 0x50 else raw) for t, raw in given]

    return edited(octets, type, inside)


def edited_context(octets: bytes, type: int, change: Callable[[int, bytes], bytes]) -> bytes | None:
    """The same with each presentation context's content changed; the change is given its place and its content."""

    def inside(given: list[Item]) -> list[Item]:
        places = [n for n, (t, _) in enumerate(given) if t in (0x20, 0x21)]
        return [(t, change(places.index(n), raw) if n in places else raw) for n, (t, raw) in enumerate(given)]

    return edited(octets, type, inside)


def values(octets: bytes) -> list[tuple[int, int, bytes]]:
    """Context id, message control header and fragment of each value of a P-DATA-TF; nothing for other PDUs."""
    found, at = [], 6
    while octets[:1] == b"\4" and at + 6 <= len(octets):
        size = int.from_bytes(octets[at : at + 4], "big")
        found.append((octets[at + 4], octets[at + 5], octets[at + 6 : at + 4 + size]))
        at += 4 + size
    return found


def edited_data(octets: bytes, change: Callable[[int, int, bytes], tuple[int, int, bytes] | None]) -> bytes | None:
    """A P-DATA-TF with each of its values changed (None leaves one as it is); None for any other PDU."""
    given = values(octets)
    if not given:
        return None
    return data(*(value(*(change(*one) or one)) for one in given))
