"""Knows how to hold an association over a socket: octets between the upper layer and the line, messages for the user.

Must not know rules, what a good answer would be, or what a service means.
"""

from __future__ import annotations

import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from harness.association import Association, Tape
from harness.blobs import Blobs, Spool
from harness.body import Body
from harness.clock import Deadline
from harness.entity import Entity
from harness.talk.line import Limits, Line
from harness.upper_layer.indications import (
    Aborted,
    Accepted,
    AssociateRequested,
    Indication,
    MessageReceived,
    Rejected,
    Released,
    ReleaseRequested,
)
from harness.upper_layer.machine import Machine, Misuse
from harness.upper_layer.message import FIELDS, Message, response
from harness.upper_layer.offer import Abort, Agreed, Offer, Rejection
from harness.upper_layer.outbox import EachPdu
from harness.upper_layer.states import State

__all__ = ["Dial", "Limits", "Serve", "agree_to_all"]

OPEN: Final = frozenset({State.STA6, State.STA7, State.STA8})
_STRAY: Final = 1.0  # seconds
_STRAYS: Final = 3  # requests in a row that got such a response and no other, after which nothing more is expected
_SUBOPERATIONS: Final = frozenset({FIELDS["C-STORE-RQ"], FIELDS["N-EVENT-REPORT-RQ"]})

Serve = Callable[[Message], Iterable[Message | Abort]]
EachMessage = Callable[[Message, Message | None], Message | list[Message] | None]


def agree_to_all(message: Message) -> Iterable[Message | Abort]:
    """Answers every request with Success."""
    return [response(message, 0x0000)]


class Talk:
    """One of our associations, in either role: a machine driven over a line, one thread at a time.

    Nothing the peer does raises: `ended` says what happened. `serve` answers requests of the peer. `each_message` may
    change what we say: it is given a message and the request that it answers, and gives back others, or None.
    """

    def __init__(self, machine: Machine, line: Line, serve: Serve = agree_to_all,
                 each_message: EachMessage | None = None) -> None:  # fmt: skip
        self.machine = machine
        self.line = line
        self.serve = serve
        self.each_message = each_message
        self.aborted: Aborted | None = None
        self.rejection: Rejection | None = None
        self.released = False
        self.served: list[Message] = []  # the peer's requests that were answered
        self._messages: deque[Message] = deque()
        self._count = 0
        self._leaving = False  # the peer asked for a release, and we have not answered yet

    @property
    def open(self) -> bool:
        """Messages can be sent."""
        return self.machine.state is State.STA6 and not self.line.ended

    @property
    def ended(self) -> str:
        """Why there is nothing more to come, '' while there may be."""
        if self.aborted is not None and self.aborted.by != "transport":
            return f"aborted by {self.aborted.by} (source {self.aborted.source}, reason {self.aborted.reason})"
        if self.rejection is not None:
            return f"rejected ({self.rejection.result}/{self.rejection.source}/{self.rejection.reason})"
        return "released" if self.released else self.line.why if self.line.ended else ""

    @property
    def contexts(self) -> dict[int, Agreed]:
        """The accepted presentation contexts by id."""
        return self.machine.contexts

    def send(self, message: Message, seconds: float | None = None) -> bool:
        """Send a message; false when it could not be sent whole."""
        return self._queue(message) and self.flush(self.line.deadline(seconds))

    def receive(self, seconds: float | None = None, quiet: bool = False) -> Message | None:
        """The next message of the peer; requests of it are served meanwhile. None when none came in time or ever will.

        `quiet`: silence is what was hoped for, and is not taken down as a wait in vain.
        """
        deadline = self.line.deadline(seconds)
        while True:
            if (message := self._next()) is not None:
                if message.field not in _SUBOPERATIONS:
                    return message
                self._answer(message)
                deadline = self.line.deadline(seconds)
            elif self._leaving:
                self._part()
            elif self.machine.state not in OPEN or not self.turn(deadline):
                if not quiet and self.machine.state in OPEN:
                    self.line.waited()
                return None

    def serve_until(self, enough: Callable[[Sequence[Message]], bool], seconds: float | None = None) -> bool:
        """Serve the peer's requests until those that were `served` are enough; whatever else comes is passed over."""
        deadline = self.line.deadline(seconds)
        while not enough(self.served):
            if (message := self._next()) is not None:
                if message.field in _SUBOPERATIONS:
                    self._answer(message)
            elif self._leaving:
                self._part()
            elif self.machine.state not in OPEN or not self.turn(deadline):
                return False
        return True

    def raw(self, octets: bytes, seconds: float | None = None) -> bool:
        """Octets, whatever they are, at this place of the stream."""
        self.machine.raw(octets)
        return self.flush(self.line.deadline(seconds))

    def release(self, seconds: float | None = None) -> bool:
        """Ask for a release and wait for the answer, also through a collision; messages that still come are kept."""
        try:
            self.machine.release()
        except Misuse:
            asked = self._leaving
            self.close()
            return asked
        deadline = self.line.deadline(seconds)
        self.flush(deadline)
        while not self.released and self.turn(deadline):
            pass
        if not self.released and not self.line.ended and self.machine.state is not State.STA13:
            self.line.waited("no A-RELEASE-RP")
        self.close()
        return self.released

    def abort(self, what: Abort | None = None, seconds: float | None = None) -> None:
        """A-ABORT, then wait until the peer closes, as Sta13 asks."""
        try:
            self.machine.abort(what)
        except Misuse:
            pass
        else:
            self.flush(self.line.deadline(seconds))
            self.until_closed(seconds)
        self.close()

    def until_closed(self, seconds: float | None = None, quiet: bool = True) -> None:
        """Go on listening until the connection is closed, for as long as the ARTIM timer of our limits at most."""
        deadline = self.line.deadline(self.line.limits.artim if seconds is None else seconds)
        while self.turn(deadline):
            pass
        if not self.line.ended and not quiet:
            self.line.waited("the transport connection was not closed")

    def close(self, detail: str = "") -> None:
        """Close the transport connection, whatever the state is; a release that the peer asked for is answered."""
        if self._leaving:
            self._part()
        self.line.close(detail)
        self.machine.closed()

    def reset(self) -> None:
        """Break the transport connection off."""
        self.line.reset()
        self.machine.closed()

    def finish(self, **about: Any) -> Association:
        """The association as evidence, closed if it was not."""
        self.close()
        return self.line.tape.finish(**about)

    def turn(self, deadline: Deadline) -> bool:
        """Take in what comes next and act on it; false when nothing came in time or nothing can come."""
        octets = self.line.pull(deadline)
        if not octets:
            if self.line.ended:
                self._told(self.machine.closed())
            return False
        self._told(self.machine.receive(octets))
        self.flush(deadline)
        if self.machine.closing:
            self.line.close()
        return True

    def flush(self, deadline: Deadline) -> bool:
        """Send all that is to be sent."""
        while pieces := self.machine.pieces_to_send():
            if not self.line.push(pieces, deadline):
                if not self.line.ended:
                    self.line.waited("it did not take what was sent")
                return False
        return True

    def _told(self, indications: Sequence[Indication]) -> None:
        for one in indications:
            if isinstance(one, MessageReceived):
                self._take(one.message)
            elif isinstance(one, ReleaseRequested):
                self._leaving = True
                if one.collision:
                    self._part()
            elif isinstance(one, Released):
                self.released = True
            elif isinstance(one, Aborted):
                self.aborted = self.aborted or one
            else:
                self._establishing(one)

    def _part(self) -> None:
        """Answer the peer's A-RELEASE-RQ, after the messages that came before it."""
        self._leaving = False
        with contextlib.suppress(Misuse):  # the same octets may have held an A-ABORT as well
            self.machine.answer_release()
            self.flush(self.line.deadline())

    def _establishing(self, indication: Accepted | Rejected | AssociateRequested) -> None:
        if isinstance(indication, Rejected):
            self.rejection = indication.rejection

    def _next(self) -> Message | None:
        """The next message that is here already."""
        return self._messages.popleft() if self._messages else None

    def _take(self, message: Message) -> None:
        self._count += 1
        if self._count > self.line.limits.messages:
            with contextlib.suppress(Misuse):
                self.machine.abort()
                self.flush(self.line.deadline(1.0))
            self.close(f"more than {self.line.limits.messages} messages came")
            return
        self._messages.append(message)

    def _answer(self, message: Message) -> None:
        self.served.append(message)
        answers = self.serve(message)
        at_once = isinstance(answers, list | tuple)  # all are there: they need not leave one by one
        for answer in answers:
            if isinstance(answer, Abort):
                self.abort(answer)
                return
            if not self._queue(answer, message) or not (at_once or self.flush(self.line.deadline())):
                return
        self.flush(self.line.deadline())

    def _queue(self, message: Message, asked: Message | None = None) -> bool:
        changed = self.each_message(message, asked) if self.each_message else None
        told = [message] if changed is None else [changed] if isinstance(changed, Message) else changed
        try:
            for one in told:
                self.machine.send(one)
        except Misuse:
            return False
        return True


class Dial(Talk):
    """An association that we ask for, as SCU of what is agreed and as SCP of sub-operations and notifications.

    Whether it came about is `open` afterwards; `rejection`, `aborted` and `ended` say why it did not.
    """

    def __init__(self, entity: Entity, blobs: Blobs, offer: Offer, limits: Limits | None = None,
                 tls: ssl.SSLContext | None = None, serve: Serve = agree_to_all,
                 each_message: EachMessage | None = None, each_pdu: EachPdu | None = None) -> None:  # fmt: skip
        machine = Machine("requestor", offer, sink=lambda message: Spooled(blobs), each_pdu=each_pdu)
        line = Line.connect(entity.host, entity.port, Tape(blobs), limits or Limits(), tls)
        super().__init__(machine, line, serve, each_message)
        self._ids = 0
        self._asked: set[int] = set()  # Message IDs of requests so far
        self._astray = 0  # requests in a row that were answered only with what answers no request
        if not line.ended:
            self._associate()

    def _associate(self) -> None:
        deadline = self.line.deadline()
        self.machine.connect()
        self.machine.connected()
        self.flush(deadline)
        while self.machine.state is State.STA5 and self.turn(deadline):
            pass
        if self.machine.state is State.STA5:
            self.line.waited("no answer to the A-ASSOCIATE-RQ")

    def context(self, abstract: str, *transfer: str) -> Agreed | None:
        """The first accepted context of this abstract syntax, in one of these transfer syntaxes if any are named."""
        fits = (
            c for c in self.contexts.values() if c.abstract == abstract and (not transfer or c.transfer in transfer)
        )
        return next(fits, None)

    def next_id(self) -> int:
        """A Message ID that no request in the last 65,535 had."""
        self._ids = self._ids % 0xFFFF + 1
        return self._ids

    def responses(self, request: Message, seconds: float | None = None) -> Iterator[Message]:
        """Send a request and give its responses as they come, the final one last; ends early when the peer does.

        Messages that answer something else are passed over: the record has them. After a response to no request at
        all, which may be the one that was waited for, the wait goes on for a second only; who answers so again and
        again is given up with an A-ABORT.
        """
        if self.send(request, seconds):
            yield from self.answers(request, seconds)

    def answers(self, request: Message, seconds: float | None = None) -> Iterator[Message]:
        """The responses to a request that was sent; see `responses`."""
        self._asked.add(request.id)
        astray = False
        while (message := self.receive(seconds)) is not None:
            if message.responded == request.id:
                self._astray = 0
                yield message
                if not message.pending:
                    return
            elif message.response and message.responded not in self._asked:
                seconds, astray = _STRAY, True
        self._astray += astray
        if self._astray >= _STRAYS:
            self.abort()

    def pipeline(
        self, requests: Iterable[Message], window: int, seconds: float | None = None
    ) -> dict[int, list[Message]]:
        """Send requests with up to `window` of them unanswered (PS3.7 D.3.3.3); the responses by Message ID."""
        answers: dict[int, list[Message]] = {}
        outstanding: set[int] = set()
        waiting = iter(requests)
        following = next(waiting, None)
        while following is not None or outstanding:
            if following is not None and len(outstanding) < window:
                if not self.send(following, seconds):
                    break
                outstanding.add(following.id)
                following = next(waiting, None)
            elif (message := self.receive(seconds)) is None:
                break
            else:
                answers.setdefault(message.responded, []).append(message)
                if not message.pending:
                    outstanding.discard(message.responded)
        return answers


class Spooled:
    """A data set on its way into the blobs of the record: in memory while it is small, then in a file."""

    def __init__(self, blobs: Blobs) -> None:
        self._spool: Spool = blobs.spool()

    def write(self, octets: memoryview) -> None:
        self._spool.write(bytes(octets))

    def finish(self) -> Body | bytes:
        body = self._spool.finish()
        return body.data if body.data is not None else body

    def discard(self) -> None:
        self._spool.discard()
