"""Knows how PDUs are encoded: trees of items made of values, and the P-DATA-TF PDUs of a message (PS3.8 9.3, E).

Must not know states. What an association PDU says wrong is said by changing its tree: every function that makes one
gives back a `Pdu` whose parts can be exchanged for others, or for octets as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from harness.upper_layer.item import Item, Pdu
from harness.upper_layer.message import Message
from harness.upper_layer.offer import (
    Abort,
    Acceptance,
    Answered,
    Common,
    Extended,
    Identity,
    Offer,
    Proposed,
    Rejection,
    Role,
    Window,
)

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
HEADER: Final = 6  # octets in front of a PDU's content: type, reserved, length

Buffer = bytes | memoryview

_DATA = struct.Struct(">BBIIBB")
_PDV = struct.Struct(">IBB")
UNLIMITED: Final = 1 << 20  # the length of our P-DATA-TF towards a peer that sets no limit
LEAST: Final = 14  # a P-DATA-TF of this many octets takes 8 of a fragment; below, nothing sensible fits


def associate_rq(offer: Offer) -> Pdu:
    """A-ASSOCIATE-RQ (PS3.8 9.3.2). Parts: version and titles as octets, then the variable items."""
    contexts = tuple(_proposed(c) for c in offer.contexts)
    return Pdu(ASSOCIATE_RQ, (_fixed(offer), *_items(offer, contexts, _requested(offer))))


def associate_ac(acceptance: Acceptance) -> Pdu:
    """A-ASSOCIATE-AC (PS3.8 9.3.3)."""
    contexts = tuple(_answered(c) for c in acceptance.contexts)
    return Pdu(ASSOCIATE_AC, (_fixed(acceptance), *_items(acceptance, contexts, _told(acceptance))))


def associate_rj(rejection: Rejection) -> Pdu:
    return Pdu(ASSOCIATE_RJ, (bytes((0, rejection.result, rejection.source, rejection.reason)),))


def release_rq() -> Pdu:
    return Pdu(RELEASE_RQ, (bytes(4),))


def release_rp() -> Pdu:
    return Pdu(RELEASE_RP, (bytes(4),))


def abort(what: Abort) -> Pdu:
    return Pdu(ABORT, (bytes((0, 0, what.source, what.reason)),))


def data(*pdvs: bytes, length: int | None = None) -> Pdu:
    """A P-DATA-TF of these presentation data values (see `pdv`)."""
    return Pdu(DATA, pdvs, length)


def pdv(context: int, fragment: bytes, command: bool = False, last: bool = True, header: int | None = None,
        length: int | None = None) -> bytes:  # fmt: skip
    """A presentation data value; `header` and `length` stand in place of the right ones."""
    control = (command | last << 1) if header is None else header
    return _PDV.pack(len(fragment) + 2 if length is None else length, context, control) + fragment


def title(value: str | bytes) -> bytes:
    """An AE title in 16 octets, padded with spaces; bytes as they are. Raises ValueError for more than 16."""
    if isinstance(value, bytes):
        return value
    octets = value.encode("utf-8")
    if len(octets) > 16:
        raise ValueError(f"AE title {value!r} is longer than 16 octets")
    return octets.ljust(16)


def message_pdus(message: Message, maximum_length: int) -> Iterator[list[Buffer]]:
    """The P-DATA-TF PDUs of a message, each as buffers to be sent one after the other; data sets are not copied.

    `maximum_length`: what the peer accepts in a P-DATA-TF, 0 for no limit (PS3.8 D.1). Fragments have an even number
    of octets (E.1). Command and data set go into one PDU when both fit, which spares a small message a PDU. Raises
    ValueError for a command set that cannot be encoded.
    """
    room = (max(maximum_length, LEAST) if maximum_length else UNLIMITED) - 6 & ~1
    command = message.octets()  # now, so that what cannot be encoded is an error of whoever says it
    inline = message.data
    if inline is not None and 12 + len(command) + len(inline) <= room + 6:
        return iter([[_small(message.context, command, inline)]])
    return _cut(message, command, room)


def _cut(message: Message, command: bytes, room: int) -> Iterator[list[Buffer]]:
    yield from _fragments(message.context, [command], len(command), 1, room)
    if message.data is not None:
        yield from _fragments(message.context, [message.data], len(message.data), 0, room)
    elif message.body is not None:
        yield from _fragments(message.context, message.body.chunks(room), message.body.size, 0, room)


def _small(context: int, command: bytes, dataset: bytes) -> bytes:
    first = len(command) + 2
    head = _DATA.pack(DATA, 0, first + len(dataset) + 10, first, context, 3)
    return b"".join((head, command, _PDV.pack(len(dataset) + 2, context, 2), dataset))


def _fragments(context: int, chunks: Iterator[bytes] | list[bytes], size: int, control: int,
               room: int) -> Iterator[list[Buffer]]:  # fmt: skip
    left = size
    for chunk in chunks:
        view = memoryview(chunk)
        for at in range(0, len(view), room):
            fragment = view[at : at + room]
            left -= len(fragment)
            head = _DATA.pack(DATA, 0, len(fragment) + 6, len(fragment) + 2, context, control | (0 if left > 0 else 2))
            yield [head, fragment]
    if size == 0:  # an empty data set that was announced all the same: the receiver waits for its last fragment
        yield [_DATA.pack(DATA, 0, 6, 2, context, control | 2)]


def _fixed(says: Offer | Acceptance) -> bytes:
    version = struct.pack(">HH", says.protocol_version, 0)
    return version + title(says.called) + title(says.calling) + says.reserved


def _items(says: Offer | Acceptance, contexts: tuple[Item, ...], user: tuple[Item | bytes, ...]) -> list[Item | bytes]:
    name = Item(0x10, (_uid(says.application_context),))
    return [name, *contexts, Item(0x50, user), *says.items]


def _uid(value: str) -> bytes:
    return value.encode("latin-1", "replace")


def _proposed(context: Proposed) -> Item:
    syntaxes = tuple(Item(0x40, (_uid(uid),)) for uid in context.transfer)
    return Item(0x20, (bytes((context.id, 0, 0, 0)), Item(0x30, (_uid(context.abstract),)), *syntaxes))


def _answered(context: Answered) -> Item:
    # a transfer syntax stands there even when the context is turned down; it means nothing then (PS3.8 9.3.3.2)
    return Item(0x21, (bytes((context.id, 0, context.result, 0)), Item(0x40, (_uid(context.transfer),))))


def _requested(offer: Offer) -> tuple[Item | bytes, ...]:
    return (
        *_common(offer),
        *(_window(w) for w in (offer.window,) if w),
        *(_role(r) for r in offer.roles),
        *_version(offer),
        *(_extended(e) for e in offer.extended),
        *(_common_extended(c) for c in offer.common),
        *(_identity(i) for i in (offer.identity,) if i),
        *offer.user_items,
    )


def _told(acceptance: Acceptance) -> tuple[Item | bytes, ...]:
    answer = acceptance.identity
    return (
        *_common(acceptance),
        *(_window(w) for w in (acceptance.window,) if w),
        *(_role(r) for r in acceptance.roles),
        *_version(acceptance),
        *(_extended(e) for e in acceptance.extended),
        *((Item(0x59, (_counted(answer),)),) if answer is not None else ()),
        *acceptance.user_items,
    )


def _common(says: Offer | Acceptance) -> list[Item]:
    items = [] if says.maximum_length is None else [Item(0x51, (struct.pack(">I", says.maximum_length),))]
    return items + ([Item(0x52, (_uid(says.implementation_class),))] if says.implementation_class else [])


def _version(says: Offer | Acceptance) -> list[Item]:
    return [Item(0x55, (_uid(says.implementation_version),))] if says.implementation_version else []


def _window(window: Window) -> Item:
    return Item(0x53, (struct.pack(">HH", window.invoked, window.performed),))


def _role(role: Role) -> Item:
    return Item(0x54, (_counted(_uid(role.uid)), bytes((role.scu, role.scp))))


def _extended(extended: Extended) -> Item:
    return Item(0x56, (_counted(_uid(extended.uid)), extended.information))


def _common_extended(common: Common) -> Item:
    related = b"".join(_counted(_uid(uid)) for uid in common.related)
    return Item(0x57, (_counted(_uid(common.uid)), _counted(_uid(common.service_class)), _counted(related)))


def _identity(identity: Identity) -> Item:
    head = bytes((identity.type, identity.positive))
    return Item(0x58, (head, _counted(identity.primary), _counted(identity.secondary)))


def _counted(octets: bytes) -> bytes:
    return struct.pack(">H", len(octets)) + octets
