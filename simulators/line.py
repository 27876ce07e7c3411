"""Knows a bare listener in a thread and how one HTTP/1.1 request is read from it; answers are raw octets.

Must not know what is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import h11

LIMIT = 256 << 20  # octets of one message body that are held in memory
PIECE = 1 << 16

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Broken(Exception):
    """The peer closed, or what it sent is no HTTP/1.1 message or too large."""


@dataclass(frozen=True)
class Served:
    """A running server. `url` is the Base URI, without a slash at its end."""

    url: str
    host: str
    port: int

    @classmethod
    def at(cls, address: tuple[str, int], root: str) -> Served:
        host, port = address[:2]
        shown = f"[{host}]" if ":" in host else host
        return cls(f"http://{shown}:{port}{root.rstrip('/')}", host, port)


@dataclass(frozen=True)
class Request:
    """One request. Header fields keep order and spelling; `rest` are octets that came after it."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    closes: bool
    rest: bytes = b""

    def get(self, name: str) -> str:
        """The first value of a header field, '' without one."""
        wanted = name.lower().encode()
        return next((v.decode("latin-1") for k, v in self.headers if k.lower() == wanted), "")


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, before: bytes) -> Request | None:
    """The next request of a connection, None when the peer ended it; Broken when it is none."""
    machine = h11.Connection(h11.SERVER, max_incomplete_event_size=PIECE)
    if before:
        machine.receive_data(before)
    head: h11.Request | None = None
    body = bytearray()
    try:
        while True:
            event = machine.next_event()
            if event is h11.NEED_DATA:
                if machine.they_are_waiting_for_100_continue:
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    machine.send(h11.InformationalResponse(status_code=100, headers=[]))
                machine.receive_data(await reader.read(PIECE))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > LIMIT:
                    raise Broken(f"a body of more than {LIMIT} octets")
            elif isinstance(event, h11.EndOfMessage) and head:
                closes = machine.their_state is h11.MUST_CLOSE or head.http_version < b"1.1"
                return Request(
                    head.method.decode("latin-1"),
                    head.target.decode("latin-1"),
                    tuple(head.headers.raw_items()),
                    bytes(body),
                    closes,
                    machine.trailing_data[0],
                )
            else:
                return None
    except (h11.RemoteProtocolError, OSError) as problem:
        raise Broken(str(problem)) from problem


@contextmanager
def listening(handle: Handle, host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[str, int]]:
    """Serve connections with `handle` in a thread until the block ends; gives host and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(_run(handle, listener, ready, stop),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield listener.getsockname()[:2]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _run(handle: Handle, listener: socket.socket, ready: threading.Event, stop: asyncio.Event) -> None:
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_connection(handle, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, sock=listener, limit=PIECE)
    ready.set()
    await stop.wait()
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _connection(handle: Handle, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Whatever ends a connection here ends this one only: the peer is a party under test.
    with contextlib.suppress(Broken, OSError, asyncio.IncompleteReadError):
        try:
            await handle(reader, writer)
        finally:
            writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close the connection in the rudest way: a RST instead of a FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
