"""Knows how to be called: a listening end for C-MOVE sub-operations and notifications, well-behaved or not on purpose.

Must not know rules, nor what the associations were opened for.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from harness.association import Association, Tape
from harness.blobs import Blobs
from harness.clock import Deadline
from harness.talk.dimse import OPEN, Serve, Spooled, Talk
from harness.talk.line import Limits, Line
from harness.upper_layer.indications import Accepted, AssociateRequested, Rejected
from harness.upper_layer.machine import Machine, Misuse
from harness.upper_layer.message import Message, response
from harness.upper_layer.negotiate import LIMIT_EXCEEDED, Policy, negotiate
from harness.upper_layer.offer import Abort, Rejection
from harness.upper_layer.states import State

MOST: Final = 64  # associations at once; the next ones are rejected
KEPT: Final = 10_000  # associations kept until somebody collects them


def success(message: Message) -> int:
    return 0x0000


@dataclass(frozen=True)
class Manner:
    """How a listener behaves. `policy` says what it accepts; `status` is its answer to a request.

    Misbehaviour on purpose: `rejects` every association; `mute` accepts the transport connection and never says a
    word; `greets_after` and `answers_after` so many seconds; `aborts_after` so many answers it sends A-ABORT instead,
    `leaves_after` so many it closes the transport connection.
    """

    policy: Policy = field(default_factory=Policy)
    status: Callable[[Message], int] = success
    rejects: Rejection | None = None
    mute: bool = False
    greets_after: float = 0.0
    answers_after: float = 0.0
    aborts_after: int | None = None
    leaves_after: int | None = None
    serve: Serve | None = None  # instead of `status`: any answers to a request


class Listener:
    """Listens on a port (0: a free one) until it is closed; every association becomes evidence.

    `manner` may be exchanged at any time; it holds for associations that begin afterwards.
    """

    def __init__(self, blobs: Blobs, manner: Manner | None = None, host: str = "127.0.0.1", port: int = 0,
                 limits: Limits | None = None, tls: ssl.SSLContext | None = None) -> None:  # fmt: skip
        self.blobs = blobs
        self.turn = threading.Lock()  # for whoever needs the listener to itself
        self.manner = manner or Manner()
        self.limits = limits or Limits()
        self._tls = tls
        self._lock = threading.Condition()
        self._done: list[Association] = []
        self._talks: set[Talk] = set()
        self._busy = 0
        self._received: list[Message] = []
        self._stop = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self.host = host
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, name=f"listener {self.port}", daemon=True).start()

    @property
    def received(self) -> list[Message]:
        """The requests that came, on all associations, in the order in which they were answered."""
        with self._lock:
            return list(self._received)

    def begin(self, manner: Manner) -> None:
        """Behave in this manner from now on, and forget the requests that came before."""
        with self._lock:
            self.manner = manner
            self._received = []

    def wait(self, enough: Callable[[Listener], bool], seconds: float) -> bool:
        """Until something is so, looked at whenever a request or the end of an association has come."""
        deadline = Deadline.after(seconds)
        with self._lock:
            while not enough(self):
                if not self._lock.wait(deadline.left) and deadline.passed:
                    return enough(self)
        return True

    def collect(self, settle: float = 0.0) -> list[Association]:
        """The associations that are over, each once; waits up to so many seconds until none is going on any more."""
        deadline = Deadline.after(settle)
        with self._lock:
            while self._busy and not deadline.passed:
                self._lock.wait(deadline.left)
            found, self._done = self._done, []
        return found

    def close(self, settle: float = 2.0) -> list[Association]:
        """Listen no more; what is still going on after so many seconds is cut off. The associations not collected."""
        self._stop.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        found = self.collect(settle)
        with self._lock:
            for talk in self._talks:
                talk.line.cut()
        return found + self.collect(settle)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, (host, port, *_) = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self._busy += 1
                full = self._busy > MOST
            name = f"association from {host}:{port}"
            threading.Thread(
                target=self._hold, args=(connection, full, f"{host}:{port}"), name=name, daemon=True
            ).start()

    def _hold(self, connection: socket.socket, full: bool, address: str) -> None:
        try:
            line = self._line(connection)
            talk = Called(line, self.blobs, self.manner, self._stop, self._served, full)
            with self._lock:
                self._talks.add(talk)
            talk.hold()
            evidence = talk.finish(address=address, judged=frozenset({"requestor"}))
            with self._lock:
                self._talks.discard(talk)
                if len(self._done) < KEPT:
                    self._done.append(evidence)
        finally:
            with self._lock:
                self._busy -= 1
                self._lock.notify_all()

    def _line(self, connection: socket.socket) -> Line:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = Line(connection, Tape(self.blobs), "acceptor", self.limits)
        if self._tls is not None:
            line.secure(self._tls)
        return line

    def _served(self, message: Message) -> None:
        with self._lock:
            if len(self._received) < KEPT:
                self._received.append(message)
            self._lock.notify_all()


class Called(Talk):
    """An association that somebody asked us for; `hold` stays with it to its end."""

    def __init__(self, line: Line, blobs: Blobs, manner: Manner, stop: threading.Event,
                 served: Callable[[Message], None], full: bool) -> None:  # fmt: skip
        super().__init__(Machine("acceptor", sink=lambda message: Spooled(blobs)), line, self._behave)
        self._manner = manner
        self._stop = stop
        self._note = served
        self._full = full
        self._answered = 0

    def hold(self) -> None:
        """Until the association is over, or nothing comes for as long as the limits allow."""
        self.machine.opened()
        limits = self.line.limits
        if self._manner.mute:
            while self.line.pull(self.line.deadline(limits.total)):
                pass
            return
        deadline = self.line.deadline(limits.artim)
        while self.machine.state is State.STA2 and self.turn(deadline):
            pass
        if self.machine.state is State.STA2:
            self.machine.artim_expired()
        while self.machine.state in OPEN and self.turn(self.line.deadline(limits.total)):
            self._all()
        if self.machine.state is State.STA13:
            self.until_closed()

    def _all(self) -> None:
        while (message := self._next()) is not None:
            self._answer(message)
        if self._leaving:
            self._part()

    def _establishing(self, indication: Accepted | Rejected | AssociateRequested) -> None:
        if not isinstance(indication, AssociateRequested):
            return
        self._pause(self._manner.greets_after)
        answer = self._manner.rejects or (
            LIMIT_EXCEEDED if self._full else negotiate(indication.offer, self._manner.policy)
        )
        with contextlib.suppress(Misuse):  # something else came with the request, and ended the association
            if isinstance(answer, Rejection):
                self.machine.reject(answer)
                self.rejection = answer
            else:
                self.machine.accept(answer)

    def _behave(self, message: Message) -> Iterable[Message | Abort]:
        self._note(message)
        self._pause(self._manner.answers_after)
        self._answered += 1
        if self._manner.leaves_after is not None and self._answered > self._manner.leaves_after:
            self.close("left on purpose")
            return []
        if self._manner.aborts_after is not None and self._answered > self._manner.aborts_after:
            return [Abort()]
        if self._manner.serve is not None:
            return self._manner.serve(message)
        return [response(message, self._manner.status(message))] if message.request else []

    def _pause(self, seconds: float) -> None:
        if seconds:
            self._stop.wait(seconds)
