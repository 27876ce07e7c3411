"""Knows one transport connection: octets both ways within deadlines, every one of them taken down on the tape.

Must not know PDUs or messages. Nothing that the other end does raises anything or makes it wait for ever.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from harness.association import Side, Tape, other
from harness.clock import Deadline, now

RECEIVE: Final = 256 << 10  # octets asked for at once
WAITING: Final = 16 << 20  # octets that may come in while we are still sending

End = Literal["", "refused", "close", "reset", "flood", "ours"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one association: seconds to connect, for one wait, until a transport connection that should be closed
    is closed (`artim`), and for all of it; octets and messages of the peer.

    What arrives earns time: one second more for every `rate` octets.
    """

    connect: float = 5.0
    deadline: float = 20.0
    artim: float = 10.0
    total: float = 600.0
    octets: int = 4 << 30
    messages: int = 200_000
    rate: int = 256 << 10


class Line:
    """Our end of a transport connection. `side` is ours; `ended` says how the connection ended, '' while it stands."""

    def __init__(self, connection: socket.socket | None, tape: Tape, side: Side, limits: Limits) -> None:
        self.tape = tape
        self.side: Side = side
        self.peer: Side = other(side)
        self.limits = limits
        self.ended: End = ""
        self.why = ""
        self._began = now()
        self._total = Deadline.after(limits.total)
        self._came = 0
        self._inbox = b""
        self._cut = False
        self._socket = connection
        if connection is not None:
            connection.setblocking(False)

    @classmethod
    def connect(cls, host: str, port: int, tape: Tape, limits: Limits, tls: ssl.SSLContext | None = None) -> Line:
        """A connection that we open; when that fails, a line that has `ended` already and says why."""
        line = cls(None, tape, "requestor", limits)
        deadline = Deadline.after(limits.connect)
        connection: socket.socket | None = None
        try:
            connection = socket.create_connection((host, port), limits.connect)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection.settimeout(max(deadline.left, 0.05))
                connection = tls.wrap_socket(connection, server_hostname=host)
            connection.setblocking(False)
        except (OSError, ValueError) as error:  # ValueError: a host name that TLS cannot name
            if connection is not None:
                connection.close()
            line._end("refused", str(error) or type(error).__name__)
            return line
        line._socket = connection
        return line

    @property
    def ms(self) -> int:
        """Milliseconds since the line began."""
        return int((now() - self._began) * 1000)

    def deadline(self, seconds: float | None = None) -> Deadline:
        """A deadline of so many seconds, of the usual ones without a number, and never beyond the bound of it all."""
        wanted = Deadline.after(self.limits.deadline if seconds is None else seconds)
        return Deadline(min(wanted.at, self._total.at))

    def push(self, pieces: Sequence[bytes | memoryview], deadline: Deadline) -> bool:
        """Send all of it; false when the connection ended or the deadline passed before."""
        octets = b"".join(pieces)
        view = memoryview(octets)
        while view and not self.ended:
            sent = self._send(view)
            if sent:
                self.tape.heard(self.side, octets if sent == len(octets) else bytes(view[:sent]), self.ms)
                view = view[sent:]
                self._earn(deadline, sent)
            elif not self._wait(deadline, writing=True):
                break
            elif len(self._inbox) < WAITING:  # a peer that cannot send would not read either
                self._inbox += self._receive()
        return not view

    def pull(self, deadline: Deadline) -> bytes:
        """Octets that came, as soon as there are any; b"" when the connection ended or the deadline passed."""
        if self._inbox:
            octets, self._inbox = self._inbox, b""
            return octets
        while not self.ended:
            octets = self._receive()
            if octets:
                self._earn(deadline, len(octets))
                return octets
            if self.ended or not self._wait(deadline, writing=False):
                break
        return b""

    def _earn(self, deadline: Deadline, size: int) -> None:
        """What went over the line gives time, to this wait and to all of it; `octets` bounds what that can come to."""
        seconds = size / self.limits.rate
        self._total.at += seconds
        deadline.at = min(deadline.at + seconds, self._total.at)

    def waited(self, detail: str = "") -> None:
        """Take down that the peer was waited for in vain."""
        if not self.ended:
            self.tape.event(self.peer, "timeout", self.ms, detail)

    def half_close(self) -> None:
        """Send no more, and still listen; over TLS this ends the session as well."""
        if self._socket is None:
            return
        with contextlib.suppress(OSError, ValueError):
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.unwrap()
            else:
                self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection off, so that the peer sees a reset."""
        if self._socket is not None and not self.ended:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.tape.event(self.side, "reset", self.ms)
            self._end("ours", "we broke the connection off")
        self._drop()

    def close(self, detail: str = "") -> None:
        """Close the connection; what we sent last still reaches the peer."""
        if self._socket is not None and not self.ended:
            self.half_close()
            self.tape.event(self.side, "close", self.ms, detail)
            self._end("ours", detail or "we closed the connection")
        self._drop()

    def cut(self) -> None:
        """From another thread: whoever waits on this line finds it closed."""
        connection = self._socket
        self._cut = True
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def secure(self, tls: ssl.SSLContext) -> None:
        """TLS on a connection that came in, within the time to connect; a line that has ended when it fails."""
        plain = self._socket
        if plain is None:
            return
        try:
            plain.settimeout(self.limits.connect)
            self._socket = tls.wrap_socket(plain, server_side=True)
            self._socket.setblocking(False)
        except OSError as error:
            plain.close()
            self._socket = None
            self.tape.event(self.peer, "reset", self.ms, str(error))
            self._end("reset", str(error))

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, view: memoryview) -> int:
        if self._socket is None:
            return 0
        try:
            return self._socket.send(view[: 1 << 20])
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError as error:
            self._broke(error)
            return 0

    def _receive(self) -> bytes:
        """What is here, b"" when nothing is or the connection ended."""
        if self._socket is None or self.ended:
            return b""
        try:
            octets = self._socket.recv(RECEIVE)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as error:
            self._broke(error)
            return b""
        if not octets:
            self._over()
            return b""
        self._came += len(octets)
        self.tape.heard(self.peer, octets, self.ms)
        if self._came > self.limits.octets:
            self._flood(f"more than {self.limits.octets} octets came")
        return octets

    def _flood(self, why: str) -> None:
        self.tape.event(self.side, "close", self.ms, why)
        self._end("flood", why)
        self._drop()

    def _over(self) -> None:
        if self._cut:
            self.tape.event(self.side, "close", self.ms, "cut off")
            self._end("ours", "we cut the connection off")
        else:
            self.tape.event(self.peer, "close", self.ms)
            self._end("close", "the peer closed the connection")

    def _broke(self, error: OSError) -> None:
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            self._over()
            return
        self.tape.event(self.peer, "reset", self.ms, str(error))
        self._end("reset", str(error))

    def _end(self, how: End, why: str) -> None:
        self.ended, self.why = how, why
        if how == "refused":
            self.tape.event("acceptor", "refused", self.ms, why)

    def _wait(self, deadline: Deadline, writing: bool) -> bool:
        """Until octets can be read (or written); false when the deadline passed before."""
        left = deadline.left
        if not left or self._socket is None:
            return False
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, wanted)
            return bool(selector.select(left))
