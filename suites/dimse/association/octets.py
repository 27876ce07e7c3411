"""Knows how PDUs and their items are put together from octets and taken apart again, wrong ones as well (PS3.8 9.3).

Must not know rules or what a PDU does to an association: probes say these octets, mutants change them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from harness.make.uids import IMPLEMENTATION
from harness.upper_layer import encode, message, offer
from harness.upper_layer import item as frame
from harness.upper_layer.offer import Abort, Rejection

APPLICATION = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = offer.IMPLICIT
EXPLICIT = offer.EXPLICIT
CT = "1.2.840.10008.5.1.4.1.1.2"
FIXED = 74  # octets of an A-ASSOCIATE-RQ or -AC before its items

Item = tuple[int, bytes]


def pdu(type: int, content: bytes, reserved: int = 0, length: int | None = None) -> bytes:
    """A PDU of six header octets and its content; `length` may say something else than what follows."""
    return frame.Pdu(type, (content,), length, reserved).encode()


def item(type: int, content: bytes | str, reserved: int = 0, length: int | None = None) -> bytes:
    """An item or sub-item: type, reserved octet, two octets of length, content."""
    raw = content.encode("ascii") if isinstance(content, str) else content
    return frame.Item(type, (raw,), length, reserved).encode()


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
    return encode.associate_rj(Rejection(result, source, reason)).encode()


def data(*values: bytes) -> bytes:
    """A P-DATA-TF of these presentation data values."""
    return encode.data(*values).encode()


def value(context: int, header: int, fragment: bytes, length: int | None = None) -> bytes:
    """A presentation data value: length, context id, message control header, fragment (9.3.5.1, Annex E)."""
    return encode.pdv(context, fragment, header=header, length=length)


def abort(source: int = 0, reason: int = 0) -> bytes:
    return encode.abort(Abort(source, reason)).encode()


RELEASE_RQ = encode.release_rq().encode()
RELEASE_RP = encode.release_rp().encode()


def command(elements: Iterable[tuple[int, bytes]]) -> bytes:
    """A command set: group 0000 in Implicit VR Little Endian with its group length (PS3.7 6.3.1)."""
    body = b"".join(struct.pack("<HHI", 0, number, len(raw)) + raw for number, raw in elements)
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def echo(number: int = 1) -> bytes:
    """The command set of a C-ECHO-RQ with this Message ID (PS3.7 9.3.5.1)."""
    return message.echo_rq(1, number).octets()


def store(number: int, instance: str) -> bytes:
    """The command set of a C-STORE-RQ of a CT image, which a data set has to follow (PS3.7 9.3.1.1)."""
    return message.store_rq(1, number, CT, instance, b"", CommandDataSetType=1).octets()


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
