"""Knows a bad line: a TCP relay before a door that changes the octets of an answer or the way they arrive.

Must not know what questions and answers mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import h11

from simulators.line import LIMIT, PIECE, Broken, Request, listening, read_request, reset

_ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-type: application/dicom+json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n[\r\n"

Wire = Callable[[bytes], bytes]
Kind = Literal[
    "delay",  # the answer begins after `seconds`
    "drip",  # the answer comes `octets` at a time, `seconds` between them
    "cut",  # the connection is closed after `octets` of the answer
    "reset",  # the connection is reset after `octets` of the answer
    "half-open",  # nothing more comes after `octets` of the answer, and the connection stays open
    "garbage",  # octets that are no HTTP come instead of the answer
    "two-answers",  # the answer comes twice
    "early-close",  # the connection is closed before the request is read, so nothing reaches the door
    "endless",  # the payload of the answer never ends
]


@dataclass(frozen=True)
class Trouble:
    """A fault of the line."""

    kind: Kind
    octets: int = 0
    seconds: float = 0.0


Choose = Callable[[Request], Trouble | None]


@contextmanager
def relay(
    door: tuple[str, int],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    wire: Wire | None = None,
    trouble: Trouble | Choose | None = None,
) -> Iterator[tuple[str, int]]:
    """Stand before the door at this address until the block ends; gives the relay's host and port.

    `wire` gets each answer as octets (status line, header fields, payload as framed) and gives what is sent instead.
    `trouble` is the fault of the line for every answer, or a function that picks it by the request.
    """
    line = _Line(door, wire, trouble)
    with listening(line.handle, host, port) as address:
        yield address


@dataclass(frozen=True)
class _Reply:
    octets: bytes
    closes: bool


class _Line:
    def __init__(self, door: tuple[str, int], wire: Wire | None, trouble: Trouble | Choose | None) -> None:
        self.door = door
        self.wire = wire
        self.trouble = trouble

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a user agent, with one connection to the door beside it."""
        if isinstance(self.trouble, Trouble) and self.trouble.kind == "early-close":
            return
        door = await asyncio.open_connection(*self.door)
        try:
            await self._exchanges(reader, writer, door)
        finally:
            door[1].close()

    async def _exchanges(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        door: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        rest = b""
        while (request := await read_request(reader, writer, rest)) is not None:
            trouble = self.trouble(request) if callable(self.trouble) else self.trouble
            if trouble and trouble.kind == "early-close":
                return
            if request.get("upgrade").lower() == "websocket":
                await _passed_on(request, trouble, (reader, writer), door)
                return
            reply = await _ask(request, *door)
            octets = self.wire(reply.octets) if self.wire else reply.octets
            # Changed octets may leave the two sides of different minds about where the answer ends.
            intact = octets == reply.octets and trouble is None
            await _send(octets, trouble, reader, writer)
            if request.closes or reply.closes or (not intact and _ends_unclear(trouble, octets, reply.octets)):
                return
            rest = request.rest


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _passed_on(request: Request, trouble: Trouble | None, agent: Ends, door: Ends) -> None:
    """A connection that is to go over to WebSocket: from the request on octets are passed on as they come, those of the
    door until the trouble of the line."""
    lines = [f"{request.method} {request.target} HTTP/1.1".encode("latin-1")]
    lines += [b"%b: %b" % field for field in request.headers]
    door[1].write(b"\r\n".join([*lines, b"", b""]) + request.body + request.rest)
    breaks = trouble is not None and trouble.kind in ("cut", "reset")
    ways = [_copied(agent[0], door[1]), _copied(door[0], agent[1], trouble.octets if trouble and breaks else None)]
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    if trouble is not None and trouble.kind == "reset":
        reset(agent[1])


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None = None) -> None:
    """Pass on until one end is gone, or so many octets are."""
    left = PIECE if most is None else most
    while left and (piece := await reader.read(min(left, PIECE))):
        left = PIECE if most is None else left - len(piece)
        writer.write(piece)
        await writer.drain()


def _ends_unclear(trouble: Trouble | None, sent: bytes, meant: bytes) -> bool:
    if trouble is not None:
        return trouble.kind not in ("delay", "drip", "two-answers")
    return len(sent) != len(meant)


async def _ask(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Reply:
    """Put the request to the door and serialise its answer; Broken when it gives none."""
    machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=PIECE)
    try:
        head = h11.Request(method=request.method, target=request.target, headers=list(request.headers))
        writer.write(machine.send(head) or b"")
        if request.body:
            writer.write(machine.send(h11.Data(data=request.body)) or b"")
        writer.write(machine.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return await _reply(machine, reader)
    except (h11.ProtocolError, OSError) as problem:
        raise Broken(str(problem)) from problem


async def _reply(machine: h11.Connection, reader: asyncio.StreamReader) -> _Reply:
    octets = bytearray()
    chunked = False
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            machine.receive_data(await reader.read(PIECE))
        elif isinstance(event, h11.Response):
            octets += _head(event)
            chunked = any(k == b"transfer-encoding" for k, _ in event.headers)
        elif isinstance(event, h11.Data):
            octets += b"%x\r\n%b\r\n" % (len(event.data), event.data) if chunked else event.data
            if len(octets) > LIMIT:
                raise Broken(f"an answer of more than {LIMIT} octets")
        elif isinstance(event, h11.EndOfMessage):
            octets += b"0\r\n\r\n" if chunked else b""
            return _Reply(bytes(octets), machine.their_state is not h11.DONE)
        elif not isinstance(event, h11.InformationalResponse):
            raise Broken("the door closed without an answer")


def _head(response: h11.Response) -> bytes:
    lines = [b"HTTP/1.1 %d %b" % (response.status_code, response.reason)]
    lines += [b"%b: %b" % field for field in response.headers.raw_items()]
    return b"\r\n".join([*lines, b"", b""])


async def _send(
    octets: bytes, trouble: Trouble | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Write the answer as the line lets it through."""
    kind = trouble.kind if trouble else ""
    if trouble and kind == "delay":
        await asyncio.sleep(trouble.seconds)
    elif trouble and kind == "drip":
        await _drip(octets, max(trouble.octets, 1), trouble.seconds, writer)
        return
    elif trouble and kind in ("cut", "reset", "half-open"):
        octets = octets[: trouble.octets]
    elif kind == "garbage":
        octets = bytes(range(256)) * 4
    elif kind == "two-answers":
        octets += octets
    elif kind == "endless":
        await endless(writer)
        return
    writer.write(octets)
    await writer.drain()
    if kind == "reset":
        reset(writer)
    elif kind == "half-open":
        await reader.read()


async def _drip(octets: bytes, size: int, seconds: float, writer: asyncio.StreamWriter) -> None:
    for at in range(0, len(octets), size):
        writer.write(octets[at : at + size])
        await writer.drain()
        await asyncio.sleep(seconds)


async def endless(writer: asyncio.StreamWriter) -> None:
    """A payload without an end, as fast as the peer takes it, until the peer goes away."""
    writer.write(_ENDLESS)
    while not writer.is_closing():
        writer.write(b"%x\r\n%b\r\n" % (PIECE, b" " * PIECE))
        await writer.drain()
