"""Knows how octets are copied between two connections, both ways and unchanged, as they come and as fast as they go.

Nothing is held back to be understood: half-closing, pipelining, interim answers and foreign protocols pass as they
are. Who reads slowly slows the other side down, and so does a copy that nobody takes care of in time.
Must not know what the octets mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from harness.exchange import Side
from harness.watch.conversation import Ended

CONNECT: Final = 20.0  # seconds for a connection to the server
BACKLOG: Final = 512  # connections that may wait to be accepted
MOMENT: Final = 0.05  # seconds in which nothing comes
LAST: Final = 2.0  # seconds that are waited for such a moment
_RESET = struct.pack("ii", 1, 0)


class Ear(Protocol):
    """Hears one connection: what each side says, how it ends. Called in the relay's thread; nothing may wait."""

    def heard(self, side: Side, octets: bytes) -> None:
        """A copy of what is on its way to the other side."""

    def end(self, side: Side, how: Ended) -> None:
        """That side says nothing any more."""

    def refused(self, why: str) -> None:
        """The server could not be reached, so the client was sent away."""

    def over(self) -> None:
        """Both connections are gone."""


class Ears(Protocol):
    """Gives an ear to each connection, and says when the copies become too many."""

    def listen(self, client: str) -> Ear:
        """A connection of this client has been accepted; its address, or '' when that is gone already."""

    @property
    def full(self) -> bool:
        """Nobody should be read from until there is room again."""


@dataclass(frozen=True)
class Place:
    """Where the server is; `tls` speaks TLS with it, whose certificate has to be that of `name`."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    name: str = ""


class Relay:
    """Copies between everybody who connects and the server. Made and used in the thread of its loop."""

    def __init__(self, server: Place, ears: Ears) -> None:
        self.server, self.ears = server, ears
        self.loop = asyncio.get_running_loop()
        self.heard = 0  # things that happened on any connection
        self._pairs: set[_Pair] = set()

    def accept(self) -> asyncio.Protocol:
        pair = _Pair(self)
        self._pairs.add(pair)
        return pair.client

    def gone(self, pair: _Pair) -> None:
        self._pairs.discard(pair)

    def room(self) -> None:
        """The copies were taken care of: read on."""
        for pair in self._pairs:
            pair.hold("full", False)

    async def quiet(self) -> None:
        """Until nothing has come for a moment: who was the last to speak may just have gone away."""
        for _ in range(int(LAST / MOMENT)):
            before = self.heard
            await asyncio.sleep(MOMENT)
            if self.heard == before:
                return

    def stop(self) -> None:
        for pair in list(self._pairs):
            pair.stop()


class _End(asyncio.Protocol):
    """One of the two connections; `held` says for which reasons it is not read from."""

    def __init__(self, pair: _Pair, side: Side) -> None:
        self.pair, self.side = pair, side
        self.transport: asyncio.Transport | None = None
        self.held: set[str] = set()
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.pair.made(self)

    def data_received(self, data: bytes) -> None:
        self.pair.came(self, data)

    def eof_received(self) -> bool:
        return self.pair.finished(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.pair.lost(self, exc)

    def pause_writing(self) -> None:
        self.pair.other(self).hold("slow", True)

    def resume_writing(self) -> None:
        self.pair.other(self).hold("slow", False)

    def hold(self, why: str, on: bool) -> None:
        """Read no further for this reason, or not for this reason any more."""
        before = bool(self.held)
        (self.held.add if on else self.held.discard)(why)
        if self.transport is None or before == bool(self.held) or self.transport.is_closing():
            return
        if self.held:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def close(self) -> None:
        """Close when everything is sent."""
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Break it off, so that the other end is told that it broke."""
        if self.transport is None:
            return
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


class _Deaf:
    """Hears nothing."""

    def heard(self, side: Side, octets: bytes) -> None: ...

    def end(self, side: Side, how: Ended) -> None: ...

    def refused(self, why: str) -> None: ...

    def over(self) -> None: ...


class _Pair:
    """A client's connection and the one to the server that was opened for it."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.client, self.server = _End(self, "user-agent"), _End(self, "origin-server")
        self.ear: Ear = _Deaf()  # until the client is there
        self.connecting: asyncio.Task[None] | None = None
        self._over = False

    def other(self, end: _End) -> _End:
        return self.server if end is self.client else self.client

    def made(self, end: _End) -> None:
        self.relay.heard += 1
        if end is self.client and end.transport is not None:
            peer = end.transport.get_extra_info("peername")
            self.ear = self.relay.ears.listen(str(peer[0]) if peer else "")
            end.hold("alone", True)
            self.connecting = self.relay.loop.create_task(self._connect())

    async def _connect(self) -> None:
        place = self.relay.server
        opening = self.relay.loop.create_connection(
            lambda: self.server,
            place.host,
            place.port,
            ssl=place.tls,
            server_hostname=(place.name or place.host) if place.tls else None,
        )
        try:
            await asyncio.wait_for(opening, CONNECT)
        except (OSError, TimeoutError, ssl.SSLError, UnicodeError) as error:
            self.ear.refused(str(error) or f"no connection within {CONNECT:.0f} s")
            self.client.reset()
            self._settle()
            return
        if self.client.transport is None:  # gone while we were connecting
            self.server.reset()
        self.client.hold("alone", False)

    def came(self, end: _End, data: bytes) -> None:
        self.relay.heard += 1
        other = self.other(end)
        if other.transport is not None and not other.transport.is_closing():
            other.transport.write(data)
        self.ear.heard(end.side, data)
        if self.relay.ears.full:
            self.hold("full", True)

    def hold(self, why: str, on: bool) -> None:
        self.client.hold(why, on)
        self.server.hold(why, on)

    def finished(self, end: _End) -> bool:
        """This end sends no more. Whether it stays open for what the other one has to say."""
        self._ended(end, "close")
        other = self.other(end)
        if other.transport is not None and not other.transport.is_closing():
            if other.transport.can_write_eof() and not other.ended:
                other.transport.write_eof()
            else:
                other.close()
        stays = end.transport is not None and end.transport.can_write_eof() and not other.ended
        return stays and other.transport is not None

    def lost(self, end: _End, error: Exception | None) -> None:
        self._ended(end, "reset" if error else "close")
        if error is not None:
            self.other(end).reset()
        else:
            self.other(end).close()
        self._settle()

    def stop(self) -> None:
        """The watching is over, and these two with it."""
        if self.connecting is not None:
            self.connecting.cancel()
        for end in (self.client, self.server):
            self._ended(end, "stopped")
            if end.transport is not None:
                end.transport.abort()
        self._settle(at_once=True)

    def _ended(self, end: _End, how: Ended) -> None:
        self.relay.heard += 1
        if not end.ended:
            end.ended = True
            self.ear.end(end.side, how)

    def _settle(self, at_once: bool = False) -> None:
        if not self._over and (at_once or (self.client.transport is None and self.server.transport is None)):
            self._over = True
            self.ear.over()
            self.relay.gone(self)


class Serving:
    """A relay that works in a thread of its own; `host` and `port` are where it listens."""

    def __init__(self, server: Place, ears: Ears, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.host, self.port = host, port
        self._given = server, ears, tls
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._relay: Relay | None = None
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Listen. OSError when the address cannot be had."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def room(self) -> None:
        """From any thread: there is room again for what is heard."""
        with contextlib.suppress(RuntimeError):  # it has stopped meanwhile
            if self._loop is not None and self._relay is not None:
                self._loop.call_soon_threadsafe(self._relay.room)

    def stop(self) -> None:
        """Break off everything as soon as there is a quiet moment; what was said until then has been heard."""
        with contextlib.suppress(RuntimeError):
            if self._loop is not None and self._stop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        server, ears, tls = self._given
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._relay = Relay(server, ears)
        options: dict[str, Any] = {"ssl": tls} if tls else {}
        listening = await self._loop.create_server(self._relay.accept, self.host, self.port, backlog=BACKLOG, **options)
        self.port = listening.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await self._stop.wait()
            await self._relay.quiet()
        finally:
            listening.close()
            self._relay.stop()


@contextlib.contextmanager
def relaying(
    server: Place, ears: Ears, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Serving]:
    """A relay before the server until the block ends. OSError when the address cannot be had."""
    serving = Serving(server, ears, host, port, tls)
    serving.start()
    try:
        yield serving
    finally:
        serving.stop()
