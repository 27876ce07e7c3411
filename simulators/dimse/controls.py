"""Knows application entities that must never earn a pass: liars, refusers, mutes, and hostile ones that hang a client.

Must not know rules; has no archive behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final, Literal, get_args

from harness.entity import Entity
from harness.upper_layer import encode
from harness.upper_layer.indications import AssociateRequested, Indication, MessageReceived, ReleaseRequested
from harness.upper_layer.machine import Machine, Misuse
from harness.upper_layer.message import FIELDS, Message, response
from harness.upper_layer.offer import Acceptance, Answered, Extended, Offer, Rejection, Role
from simulators.dimse.talk import PENDING, SUCCESS
from simulators.dimse.write import write
from simulators.line import Handle, listening, reset
from simulators.model.json_encode import attribute

TITLE: Final = "CONTROL"
PIECE: Final = 1 << 16
PAUSE: Final = 0.05  # seconds between octets that drip

Flavour = Literal["empty", "constant"]
Refusal = Literal["permanent", "transient", "contexts", "abort"]
Silence = Literal["connection", "association"]
Hostility = Literal[
    "resets",  # the connection is reset once the A-ASSOCIATE-RQ has come
    "closes",  # the association is accepted, and the connection closed when a request comes
    "stalls",  # the A-ASSOCIATE-AC stops in the middle and the connection stays open
    "drips",  # the A-ASSOCIATE-AC comes an octet at a time
    "floods",  # presentation data values without end, which never become a message
    "endless-pending",  # every request is answered by Pending for ever
    "garbage",  # what comes is no PDU
    "huge-length",  # a PDU announces four gigabytes, and some of them come
    "huge-value",  # a presentation data value is longer than its PDU
    "wrong-id",  # responses answer a request that was not made
]

Respond = Callable[[Message, Machine], Iterable[Message]]
Decide = Callable[[Offer], Acceptance | Rejection]
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_CONSTANT: Final = {
    "00080020": attribute("DA", "20200101"), "00080030": attribute("TM", "120000"), "00080050": attribute("SH", "A1"),
    "00080052": attribute("CS", "STUDY"), "00080054": attribute("AE", TITLE), "00080060": attribute("CS", "OT"),
    "00100010": b'{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]}', "00100020": attribute("LO", "P1"),
    "0020000D": attribute("UI", "1.2.3.4"), "0020000E": attribute("UI", "1.2.3.4.5"),
    "00080018": attribute("UI", "1.2.3.4.5.6"), "00200010": attribute("SH", "1"),
}  # fmt: skip


@contextmanager
def liar(flavour: Flavour = "empty") -> Iterator[Entity]:
    """Accepts every context and answers success to everything; finds nothing, or always the same."""
    found: Respond = _nothing if flavour == "empty" else _constant
    with _serving(partial(_talk, _agree, found)) as entity:
        yield entity


@contextmanager
def refuser(how: Refusal = "permanent") -> Iterator[Entity]:
    """Rejects every association, for good or for now; accepts it with no context at all; or aborts it."""
    decisions: dict[Refusal, Decide] = {
        "permanent": lambda _: Rejection(1, 1, 1),
        "transient": lambda _: Rejection(2, 3, 2),
        "contexts": _refuse_contexts,
        "abort": _agree,
    }
    respond = partial(_talk, decisions[how], _nothing)
    with _serving(_aborts if how == "abort" else respond) as entity:
        yield entity


@contextmanager
def mute(silence: Silence = "connection") -> Iterator[Entity]:
    """Takes connections and never says a word; or accepts associations and never answers a request."""
    with _serving(_silent if silence == "connection" else partial(_talk, _agree, _no_answer)) as entity:
        yield entity


@contextmanager
def hostile(kind: Hostility) -> Iterator[Entity]:
    """Misbehaves on the line, in one of the ways of `Hostility`."""
    with _serving(_HOSTILE[kind]) as entity:
        yield entity


CONTROLS: Final[dict[str, Callable[[], AbstractContextManager[Entity]]]] = {
    "liar": liar,
    "liar-constant": partial(liar, "constant"),
    "refuser": refuser,
    **{f"refuser-{how}": partial(refuser, how) for how in ("transient", "contexts", "abort")},
    "mute": mute,
    "mute-association": partial(mute, "association"),
    **{f"hostile-{kind}": partial(hostile, kind) for kind in get_args(Hostility)},
}


@contextmanager
def _serving(handle: Handle) -> Iterator[Entity]:
    with listening(handle) as address:
        yield Entity(TITLE, *address)


# --- a conversation ------------------------------------------------------------------------------------------------


async def _talk(decide: Decide, respond: Respond, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak the protocol as it should be spoken, whatever is said by it."""
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    machine = Machine("acceptor", sink=lambda _: _Nowhere())
    machine.opened()
    while not machine.closing and (octets := await reader.read(PIECE)):
        for one in machine.receive(octets):
            with contextlib.suppress(Misuse):  # what came in the same octets ended the association already
                await _reply(one, decide, respond, machine, writer)
        await _flush(machine, writer)


async def _reply(one: Indication, decide: Decide, respond: Respond, machine: Machine,
                 writer: asyncio.StreamWriter) -> None:  # fmt: skip
    if isinstance(one, AssociateRequested):
        answer = decide(one.offer)
        machine.accept(answer) if isinstance(answer, Acceptance) else machine.reject(answer)
    elif isinstance(one, MessageReceived) and one.message.request:
        for message in respond(one.message, machine):
            machine.send(message)
            await _flush(machine, writer)
    elif isinstance(one, ReleaseRequested):
        machine.answer_release()


async def _flush(machine: Machine, writer: asyncio.StreamWriter) -> None:
    while pieces := machine.pieces_to_send():
        writer.writelines(pieces)
        await writer.drain()


class _Nowhere:
    """Takes data sets of any size and keeps nothing."""

    def write(self, octets: memoryview) -> None:
        """Nothing is kept."""

    def finish(self) -> bytes:
        return b""

    def discard(self) -> None:
        """There is nothing to remove."""


def _agree(offer: Offer) -> Acceptance:
    """Every context with the first transfer syntax, every role, every option."""
    return _answer(offer).but(
        contexts=tuple(Answered(c.id, 0, c.transfer[0]) for c in offer.contexts),
        roles=tuple(Role(r.uid, r.scu, r.scp) for r in offer.roles),
        extended=tuple(Extended(e.uid, e.information) for e in offer.extended),
        window=offer.window,
        identity=b"" if offer.identity is not None and offer.identity.positive else None,
    )


def _refuse_contexts(offer: Offer) -> Acceptance:
    return _answer(offer).but(contexts=tuple(Answered(c.id, 3, c.transfer[0]) for c in offer.contexts))


def _answer(offer: Offer) -> Acceptance:
    return Acceptance(called=offer.called, calling=offer.calling, reserved=offer.reserved)


def _nothing(request: Message, machine: Machine) -> Iterable[Message]:
    return [response(request, SUCCESS)]


def _constant(request: Message, machine: Machine) -> Iterable[Message]:
    data = write(_CONSTANT, machine.contexts[request.context].transfer)
    if request.field == FIELDS["C-FIND-RQ"]:
        return [response(request, PENDING, data), response(request, SUCCESS)]
    if request.field == FIELDS["N-GET-RQ"]:
        return [response(request, SUCCESS, data)]
    if request.field in (FIELDS["C-GET-RQ"], FIELDS["C-MOVE-RQ"]):
        counters = {f"NumberOf{word}Suboperations": n for word, n in (("Completed", 1), ("Failed", 0), ("Warning", 0))}
        return [response(request, SUCCESS, None, **counters)]
    return [response(request, SUCCESS)]


def _no_answer(request: Message, machine: Machine) -> Iterable[Message]:
    return []


def _pending_for_ever(request: Message, machine: Machine) -> Iterator[Message]:
    data = write(_CONSTANT, machine.contexts[request.context].transfer)
    while True:
        yield response(request, PENDING, data)


def _of_another(request: Message, machine: Machine) -> Iterable[Message]:
    return [response(request, SUCCESS, None, MessageIDBeingRespondedTo=(request.id + 1) & 0xFFFF)]


# --- worse than that -----------------------------------------------------------------------------------------------


async def _offered(reader: asyncio.StreamReader) -> Offer:
    """The request of an association; OSError when none comes."""
    machine = Machine("acceptor")
    machine.opened()
    while octets := await reader.read(PIECE):
        for one in machine.receive(octets):
            if isinstance(one, AssociateRequested):
                return one.offer
    raise ConnectionResetError("no association was asked for")


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(PIECE):
        pass


async def _aborts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _offered(reader)
    writer.write(struct.pack(">BBLBBBB", encode.ABORT, 0, 4, 0, 0, 2, 0))
    await writer.drain()


async def _resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _offered(reader)
    reset(writer)


async def _accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Accept, and wait until something is asked; the id of a context."""
    offer = await _offered(reader)
    writer.write(_acceptance(offer))
    await writer.drain()
    await reader.read(PIECE)
    return offer.contexts[0].id


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _accepted(reader, writer)


async def _stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    octets = _acceptance(await _offered(reader))
    writer.write(octets[: len(octets) // 2])
    await _silent(reader, writer)


async def _drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for octet in _acceptance(await _offered(reader)):
        writer.write(bytes((octet,)))
        await writer.drain()
        await asyncio.sleep(PAUSE)
    await _silent(reader, writer)


async def _floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    context = await _accepted(reader, writer)
    value = struct.pack(">LBB", 16002, context, 1) + bytes(16000)  # a fragment of a command, never the last
    while not writer.is_closing():
        writer.write(struct.pack(">BBL", encode.DATA, 0, len(value)) + value)
        await writer.drain()


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _offered(reader)
    writer.write(bytes(range(255, -1, -1)) * 16)
    await _silent(reader, writer)


async def _huge_length(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _offered(reader)
    writer.write(struct.pack(">BBL", encode.ASSOCIATE_AC, 0, 0xFFFFFFFF))
    while not writer.is_closing():
        writer.write(bytes(PIECE))
        await writer.drain()


async def _huge_value(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    context = await _accepted(reader, writer)
    writer.write(struct.pack(">BBLLBB", encode.DATA, 0, 6, 0x7FFFFFFF, context, 3))
    await _silent(reader, writer)


def _acceptance(offer: Offer) -> bytes:
    return encode.associate_ac(_agree(offer)).encode()


_HOSTILE: Final[dict[Hostility, Play]] = {
    "resets": _resets,
    "closes": _closes,
    "stalls": _stalls,
    "drips": _drips,
    "floods": _floods,
    "endless-pending": partial(_talk, _agree, _pending_for_ever),
    "garbage": _garbage,
    "huge-length": _huge_length,
    "huge-value": _huge_value,
    "wrong-id": partial(_talk, _agree, _of_another),
}
