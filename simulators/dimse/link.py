"""Knows an association that the simulator asks for: to a destination of C-MOVE, or to whoever wants a report.

Must not know services. It is used by one thread at a time; everything it waits for has a bound.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

from harness.association import Side, What
from harness.entity import Entity
from harness.upper_layer.indications import (
    Aborted,
    Indication,
    MessageReceived,
    Rejected,
    Released,
    ReleaseRequested,
)
from harness.upper_layer.machine import Machine, Misuse
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Agreed, Offer
from harness.upper_layer.states import State
from simulators.dimse.talk import Gone, Observer

_PIECE = 1 << 18
_TICK = 0.1  # seconds after which a wait looks whether it is still wanted


@dataclass(frozen=True)
class Peer:
    """Where an AE is reached; `tls` when it speaks TLS."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


def known(entities: Iterable[Entity]) -> dict[str, Peer]:
    """Application entities by their titles, as the door wants to know them."""
    return {entity.title: Peer(entity.host, entity.port) for entity in entities}


@dataclass(frozen=True)
class Patience:
    """Seconds: for the transport connection, for the answer to the offer, for each response."""

    connect: float = 10.0
    associate: float = 20.0
    response: float = 60.0


Mutate = Callable[[Message, Message | None], Message | list[Message] | None]


class Unwanted(Gone):
    """What was waited for is not wanted any more."""


def _never() -> bool:
    return False


class Link:
    """An association that stands once this is made; Gone when it does not come about. Close it, or use `with`."""

    def __init__(self, peer: Peer, offer: Offer, patience: Patience | None = None,
                 unwanted: Callable[[], bool] = _never, observer: Observer | None = None,
                 mutate: Mutate | None = None) -> None:  # fmt: skip
        self._observer = observer
        self._mutate = mutate
        self._began = time.monotonic()
        self._patience = patience or Patience()
        self._unwanted = unwanted
        self._machine = Machine("requestor", offer)
        self._messages: list[Message] = []
        self._over = ""
        self._id = 0
        self._socket = self._connected(peer)
        try:
            self._machine.connect()
            self._machine.connected()
            self._flush(self._patience.associate)
            self._until(lambda: self._machine.state is State.STA6, self._patience.associate)
        except BaseException:
            self.close()
            raise

    @property
    def contexts(self) -> Mapping[int, Agreed]:
        """The accepted presentation contexts by id."""
        return self._machine.contexts

    def next_id(self) -> int:
        """A fresh Message ID."""
        self._id = self._id % 0xFFFF + 1
        return self._id

    def perform(self, request: Message) -> Message:
        """Send a request and wait for its response; Gone when there is none."""
        try:
            for one in self._changed(request):
                self._machine.send(one)
        except Misuse:
            raise Gone(self._over or "the association is over") from None
        self._flush(self._patience.response)
        while True:
            self._until(lambda: bool(self._messages), self._patience.response)
            answer = self._messages.pop(0)
            if answer.response and answer.responded == request.id:
                return answer
            if answer.request:  # nothing was agreed that the other side could ask for
                self._abort()
                raise Gone(f"{answer.name} was not expected")

    def _changed(self, request: Message) -> list[Message]:
        """What is said in place of a request where a defect wants it; Gone when it is nothing."""
        changed = self._mutate(request, None) if self._mutate is not None else None
        told = [request] if changed is None else [changed] if isinstance(changed, Message) else list(changed)
        if not told:
            raise Gone(f"{request.name} is withheld")
        return told

    def release(self) -> None:
        """End it in order; whatever happens, the connection is closed afterwards."""
        self._unwanted = _never  # whoever asked may be gone by now; the end is due all the same
        with contextlib.suppress(Gone, Misuse):
            self._machine.release()
            self._flush(self._patience.associate)
            self._until(lambda: False, self._patience.associate)
        self.close()

    def close(self) -> None:
        """Close the transport connection, with an A-ABORT when the association still stands."""
        if self._machine.state is not State.STA1 and not self._over:
            self._abort()
        if self._socket.fileno() >= 0:
            self._event("requestor", "close")
        self._socket.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.release()
        else:
            self.close()

    def _abort(self) -> None:
        self._unwanted = _never
        with contextlib.suppress(Gone, Misuse):
            self._machine.abort()
            self._flush(1.0)
        self._over = self._over or "the association was aborted"

    def _flush(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while pieces := self._machine.pieces_to_send():
            view = memoryview(b"".join(pieces))
            while view:
                self._wait(deadline, writing=True)
                try:
                    sent = self._socket.send(view)
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
                except OSError as error:
                    raise self._lost(str(error), "reset") from None
                self._heard("requestor", view[:sent])
                view = view[sent:]
                deadline = time.monotonic() + seconds  # what goes forward earns time

    def _until(self, there: Callable[[], bool], seconds: float) -> None:
        """Take in octets until what is waited for is there; Gone when it will not come."""
        deadline = time.monotonic() + seconds
        while not there():
            if self._over:
                raise Gone(self._over)
            self._take(self._receive(deadline))

    def _receive(self, deadline: float) -> list[Indication]:
        while True:
            try:
                octets = self._socket.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self._wait(deadline)
                continue
            except OSError as error:
                raise self._lost(str(error), "reset") from None
            if not octets:
                raise self._lost("the transport connection was closed", "close")
            self._heard("acceptor", octets)
            return self._machine.receive(octets)

    def _wait(self, deadline: float, writing: bool = False) -> None:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self._event("acceptor", "timeout")
                self._abort()
                raise Gone("no answer came in time")
            if self._unwanted():
                self._abort()
                raise Unwanted("the request was taken back")
            ready = select.select([self._socket], [self._socket] if writing else [], [], min(left, _TICK))
            if ready[1] or (ready[0] and not writing):
                return
            if ready[0]:  # it speaks while we do: an abort, most likely
                self._take(self._receive(deadline))
                if self._over:
                    raise Gone(self._over)

    def _take(self, indications: list[Indication]) -> None:
        for one in indications:
            if isinstance(one, MessageReceived):
                self._messages.append(one.message)
            elif isinstance(one, Rejected):
                r = one.rejection
                self._over = f"the association was rejected ({r.result}/{r.source}/{r.reason})"
            elif isinstance(one, Aborted):
                self._over = f"the association was aborted by the {one.by}"
            elif isinstance(one, Released):
                self._over = "the association was released"
            elif isinstance(one, ReleaseRequested):
                with contextlib.suppress(Misuse):  # the same octets may have held an A-ABORT as well
                    self._machine.answer_release()
                self._over = "the other side released the association"
        if self._over and self._machine.sending:
            octets = self._machine.octets_to_send()
            with contextlib.suppress(OSError):
                self._heard("requestor", octets[: self._socket.send(octets)])

    def _lost(self, why: str, what: What) -> Gone:
        self._event("acceptor", what, why)
        self._machine.closed()
        self._over = self._over or why
        return Gone(self._over)

    # --- taking down -------------------------------------------------------------------------------------------------

    @property
    def _ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    def _heard(self, side: Side, octets: bytes | memoryview) -> None:
        if self._observer is not None and octets:
            self._observer.heard(side, bytes(octets), self._ms)

    def _event(self, side: Side, what: What, detail: str = "") -> None:
        if self._observer is not None:
            self._observer.event(side, what, self._ms, detail)

    def _connected(self, peer: Peer) -> socket.socket:
        try:
            return _connection(peer, self._patience.connect)
        except Gone as gone:
            self._event("acceptor", "refused", str(gone))
            raise


def _connection(peer: Peer, seconds: float) -> socket.socket:
    try:
        made = socket.create_connection((peer.host, peer.port), seconds)
    except OSError as error:
        raise Gone(f"no transport connection: {error}") from None
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if peer.tls is not None:
            made = peer.tls.wrap_socket(made, server_hostname=peer.host)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise Gone(f"no TLS: {error}") from None
    return made
