"""Knows how the PDUs that set up and end an association are read, as leniently as PS3.8 asks a receiver to be.

Must not know states, and shares no code with the strict readers of `harness/wire`: reserved fields are not tested,
unknown items are skipped (PS3.8 9.3.1, D.2), the order of items is not looked at; what cannot be read is Malformed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from harness.upper_layer.command import Malformed
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


def associate_rq(content: bytes) -> Offer:
    """The offer of an A-ASSOCIATE-RQ; `content` is what follows the PDU header. Raises Malformed."""
    about, contexts = _fixed(content), []
    for type_, item in _items(content, 68):
        if type_ == 0x20:
            contexts.append(_proposed(item))
        elif type_ == 0x10:
            about["application_context"] = _uid(item)
        elif type_ == 0x50:
            about |= _user(item, _REQUESTED)
    return Offer(contexts=tuple(contexts), **about)


def associate_ac(content: bytes) -> Acceptance:
    """The acceptance of an A-ASSOCIATE-AC; raises Malformed."""
    about, contexts = _fixed(content), []
    for type_, item in _items(content, 68):
        if type_ == 0x21:
            contexts.append(_answered(item))
        elif type_ == 0x10:
            about["application_context"] = _uid(item)
        elif type_ == 0x50:
            about |= _user(item, _TOLD)
    return Acceptance(contexts=tuple(contexts), **about)


def associate_rj(content: bytes) -> Rejection:
    if len(content) != 4:
        raise Malformed(f"an A-ASSOCIATE-RJ of {len(content)} octets")
    return Rejection(*content[1:4])


def abort(content: bytes) -> Abort:
    if len(content) != 4:
        raise Malformed(f"an A-ABORT of {len(content)} octets")
    return Abort(*content[2:4])


def _fixed(content: bytes) -> dict[str, Any]:
    if len(content) < 68:
        raise Malformed(f"an A-ASSOCIATE PDU of {len(content)} octets ends within its mandatory fields")
    return {
        "protocol_version": struct.unpack_from(">H", content)[0],
        "called": content[4:20],
        "calling": content[20:36],
        "reserved": content[36:68],
        "application_context": "",
        "maximum_length": None,
        "implementation_class": "",
        "implementation_version": "",
    }


def _items(content: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    end = len(content)
    while at < end:
        if end - at < 4:
            raise Malformed(f"{end - at} octets where an item should be")
        type_, _, length = struct.unpack_from(">BBH", content, at)
        at += 4
        if length > end - at:
            raise Malformed(f"an item of type {type_:02X}H reaches beyond its enclosure")
        yield type_, content[at : at + length]
        at += length


def _uid(octets: bytes) -> str:
    return octets.rstrip(b"\0 ").decode("latin-1")


def _proposed(content: bytes) -> Proposed:
    if len(content) < 4:
        raise Malformed("a presentation context item without its id")
    abstract, transfer = "", []
    for type_, item in _items(content, 4):
        if type_ == 0x30:
            abstract = _uid(item)
        elif type_ == 0x40:
            transfer.append(_uid(item))
    return Proposed(content[0], abstract, tuple(transfer))


def _answered(content: bytes) -> Answered:
    if len(content) < 4:
        raise Malformed("a presentation context item without its result")
    result = content[2]
    if result:  # what follows is not significant (PS3.8 9.3.3.2), so it may be anything
        return Answered(content[0], result)
    transfer = next((_uid(item) for type_, item in _items(content, 4) if type_ == 0x40), "")
    return Answered(content[0], result, transfer)


def _user(content: bytes, readers: dict[int, tuple[str, Callable[[bytes], Any]]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for type_, item in _items(content, 0):
        if type_ not in readers:
            continue
        name, read = readers[type_]
        if name in _MANY:
            found[name] = (*found.get(name, ()), read(item))
        else:
            found.setdefault(name, read(item))
    return found


def _maximum_length(content: bytes) -> int:
    if len(content) != 4:
        raise Malformed(f"a maximum length of {len(content)} octets")
    return int.from_bytes(content, "big")


def _window(content: bytes) -> Window:
    if len(content) != 4:
        raise Malformed(f"an asynchronous operations window of {len(content)} octets")
    return Window(*struct.unpack(">HH", content))


def _role(content: bytes) -> Role:
    uid, at = _counted(content, 0)
    if len(content) < at + 2:
        raise Malformed("a role selection without its roles")
    return Role(_uid(uid), content[at], content[at + 1])


def _extended(content: bytes) -> Extended:
    uid, at = _counted(content, 0)
    return Extended(_uid(uid), content[at:])


def _common(content: bytes) -> Common:
    uid, at = _counted(content, 0)
    service, at = _counted(content, at)
    related, _ = _counted(content, at)  # what follows is for later versions of the sub-item (PS3.7 D.3.3.6.1)
    return Common(_uid(uid), _uid(service), tuple(_uid(one) for one in _uids(related)))


def _uids(octets: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(octets):
        uid, at = _counted(octets, at)
        yield uid


def _identity(content: bytes) -> Identity:
    if len(content) < 2:
        raise Malformed("a user identity without its type")
    primary, at = _counted(content, 2)
    secondary = _counted(content, at)[0] if at < len(content) else b""
    return Identity(content[0], primary, secondary, content[1])


def _identity_answer(content: bytes) -> bytes:
    return _counted(content, 0)[0]


def _counted(octets: bytes, at: int) -> tuple[bytes, int]:
    """The field behind a length of two octets, and where it ends."""
    if len(octets) < at + 2:
        raise Malformed("a sub-item ends before a length in it")
    end = at + 2 + int.from_bytes(octets[at : at + 2], "big")
    if end > len(octets):
        raise Malformed("a field of a sub-item reaches beyond its end")
    return octets[at + 2 : end], end


_MANY = frozenset({"roles", "extended", "common"})
_TOLD: dict[int, tuple[str, Callable[[bytes], Any]]] = {
    0x51: ("maximum_length", _maximum_length),
    0x52: ("implementation_class", _uid),
    0x53: ("window", _window),
    0x54: ("roles", _role),
    0x55: ("implementation_version", _uid),
    0x56: ("extended", _extended),
    0x59: ("identity", _identity_answer),
}
_REQUESTED = {k: v for k, v in _TOLD.items() if k != 0x59} | {
    0x57: ("common", _common),
    0x58: ("identity", _identity),
}
