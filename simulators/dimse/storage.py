"""Knows Verification and Storage as a provider (PS3.4 A, B): a request and its data set become one response.

Must not know how the data set travelled; it is stored whole and unchanged (PS3.4 B.4.1, level 2) or not at all.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterable
from typing import Final

from harness.body import Body
from harness.make.uids import IMPLEMENTATION
from harness.nonpatient import CATEGORY_OF
from harness.upper_layer.message import Message
from harness.wire.uri import valid_uid
from simulators.archive.archive import Archive, Incoming, Stored
from simulators.dimse.talk import (
    CLASS_NOT_SUPPORTED,
    INVALID_INSTANCE,
    MISTYPED_ARGUMENT,
    OUT_OF_RESOURCES,
    SUCCESS,
    Answers,
    Refused,
    Talk,
    failure,
    response,
)

LOG = logging.getLogger(__name__)
_NO_ROOM: Final = "there is no room for the instance"
_LONG: Final = frozenset(("OB",))


def echo(request: Message, talk: Talk) -> Answers:
    """C-ECHO (PS3.7 9.3.5)."""
    yield response(request, SUCCESS)


class Arrival:
    """The data set of one C-STORE request on its way to the disk; a sink for the machine.

    What goes wrong meanwhile is kept for the response: the rest of the data set still has to come in.
    """

    def __init__(self, request: Message, begin: Callable[[], Incoming]) -> None:
        self.request = request
        self.incoming: Incoming | None = None
        try:
            self.incoming = begin()
            self._start = self.incoming.size
        except OSError:
            LOG.exception("an instance could not be received")

    def write(self, octets: memoryview) -> None:
        if self.incoming is None:
            return
        try:
            self.incoming.write(octets)
        except OSError:
            LOG.exception("an instance could not be received")
            self.discard()

    def finish(self) -> Body | bytes:
        if self.incoming is None:
            return b""
        return Body.file(self.incoming.path, self.incoming.size).slice(self._start, self.incoming.size)

    def discard(self) -> None:
        if self.incoming is not None:
            self.incoming.discard()
            self.incoming = None


class Unwanted:
    """Takes a data set that is not going to be stored, and forgets it."""

    def write(self, octets: memoryview) -> None:
        """Nothing is kept."""

    def finish(self) -> bytes:
        return b""

    def discard(self) -> None:
        """There is nothing to remove."""


class Storage:
    """C-STORE over an archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def arrival(self, request: Message, talk: Talk) -> Arrival | Unwanted:
        """Who takes the data set that this request announces."""
        try:
            check(request, talk)
        except Refused:
            return Unwanted()
        return Arrival(request, lambda: self._begin(request, talk))

    def store(self, request: Message, talk: Talk) -> Answers:
        """Store the data set that the request carries; acknowledged when it is whole on disk."""
        try:
            check(request, talk)
            incoming = self._begin(request, talk)
            with incoming:
                for piece in _pieces(request):
                    incoming.write(piece)
        except Refused as refused:
            yield response(request, refused.status, **refused.elements)
        except OSError:
            yield response(request, OUT_OF_RESOURCES, ErrorComment=_NO_ROOM)
        else:
            yield self._stored(request, incoming)

    def arrived(self, arrival: Arrival) -> Message:
        """The response when the data set has been written by the arrival already."""
        if arrival.incoming is None:
            return response(arrival.request, OUT_OF_RESOURCES, ErrorComment=_NO_ROOM)
        return self._stored(arrival.request, arrival.incoming)

    def _begin(self, request: Message, talk: Talk) -> Incoming:
        """A file with its meta information, to which the data set is still to be written."""
        syntax = talk.contexts[request.context].transfer
        incoming = self._archive.receive()
        try:
            incoming.write(file_meta(request.sop_class, request.instance, syntax, talk.calling))
        except BaseException:
            incoming.discard()
            raise
        return incoming

    def _stored(self, request: Message, incoming: Incoming) -> Message:
        kept = self._archive.nonpatient if request.sop_class in CATEGORY_OF else self._archive
        (outcome,) = kept.store([incoming])
        return _response(request, outcome)


def check(request: Message, talk: Talk) -> None:
    """What can be said of a C-STORE-RQ before its data set came: Refused with the status that fits (PS3.7 9.1.1)."""
    if not request.has_data and not request.announces_data:
        raise Refused(MISTYPED_ARGUMENT, "a C-STORE request carries a data set")
    if request.sop_class != talk.contexts[request.context].abstract:
        raise Refused(CLASS_NOT_SUPPORTED, "Affected SOP Class UID is not that of the context", 0x00000002)
    if not valid_uid(request.instance):
        raise Refused(INVALID_INSTANCE, "Affected SOP Instance UID is no UID", 0x00001000)


def file_meta(sop_class: str, instance: str, syntax: str, source: str) -> bytes:
    """Preamble, prefix and File Meta Information (PS3.10 7.1) of an instance that came from an AE."""
    body = b"".join(
        (
            _element(0x0001, "OB", b"\0\1"),
            _element(0x0002, "UI", sop_class.encode("ascii", "replace")),
            _element(0x0003, "UI", instance.encode("ascii", "replace")),
            _element(0x0010, "UI", syntax.encode("ascii", "replace")),
            _element(0x0012, "UI", IMPLEMENTATION.encode()),
            _element(0x0013, "SH", b"DICOMPROOF"),
            _element(0x0016, "AE", source.encode("ascii", "replace")) if source else b"",
        )
    )
    return bytes(128) + b"DICM" + _element(0, "UL", struct.pack("<L", len(body))) + body


def _element(number: int, vr: str, value: bytes) -> bytes:
    value += (b" " if vr in ("SH", "AE") else b"\0") * (len(value) % 2)
    length = struct.pack("<HL", 0, len(value)) if vr in _LONG else struct.pack("<H", len(value))
    return struct.pack("<HH", 2, number) + vr.encode() + length + value


def _pieces(request: Message) -> Iterable[bytes]:
    if request.body is not None:
        return request.body.chunks()
    return [request.data or b""]


def _response(request: Message, outcome: Stored) -> Message:
    if outcome.status == "stored":
        return response(request, outcome.warning or SUCCESS)
    return response(request, outcome.reason, **failure(outcome.reason, outcome.detail))
