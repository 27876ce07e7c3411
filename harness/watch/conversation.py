"""Knows how the octets of both sides of one connection become exchanges: who asked what, and what was answered to it.

Sans-IO: the same octets give the same exchanges however they are cut. What cannot be read ends the reading of that
connection and becomes an exchange with a fault, charged to the side that nobody can follow. Who breaks off in the
middle of something is charged with nothing, and neither is the other side.
Must not know sockets, who stands at the two ends, or how exchanges are recorded and judged.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from harness.blobs import Blobs
from harness.body import Body
from harness.exchange import SIDES, Answer, Ask, Exchange, Fault, Side
from harness.turns import Effect, Turn, effect
from harness.watch.message import Event, Head, Messages, Payload, Piece, Unreadable, departures
from harness.watch.socket import CONNECTION, Socket, unknown_extension
from harness.wire.uri import OPENING

MOST_BODY: Final = 4 << 30  # octets of one payload that are kept
MOST_REST: Final = 1 << 20  # octets of each side that are kept of what cannot be read
MOST_OPEN: Final = 1000  # questions that may wait for an answer on one connection
HEAD_SHOWN: Final = 4096
BOTH: Final = frozenset(SIDES)
SERVER: Final = frozenset({"origin-server"})
CLIENT: Final = frozenset({"user-agent"})
NOBODY: Final[frozenset[str]] = frozenset()
_BODILESS = (204, 304)
_BAD_REQUEST = "400"
_TIMEOUT = 408  # the answer that may come unasked where nobody asks any more (RFC 9110 15.5.9)
_BEGINNING = re.compile(rb"[A-Z]{1,20}(?: [\x21-\x7e]*(?: H?T?T?P?/?1?\.?1?\r?)?)?")

Ended = Literal["close", "reset", "stopped"]  # by the side itself, with a reset, or by us
Base = Callable[[Head | None], str | None]


class Taker(Protocol):
    """Whoever is told when an exchange begins, and gets it when it is over."""

    def begin(self, effect: Effect) -> Turn: ...

    def over(self, turn: Turn, x: Exchange) -> None: ...

    def note(self, text: str) -> None:
        """Something worth telling that is no exchange."""


class _Kept:
    """Octets on their way into the record, the first `most` of them."""

    def __init__(self, blobs: Blobs, most: int) -> None:
        self._spool, self.most, self._cut = blobs.spool(), most, False

    @property
    def size(self) -> int:
        return self._spool.size

    def write(self, octets: bytes) -> None:
        room = max(self.most - self._spool.size, 0)
        self._cut |= len(octets) > room
        if room and octets:
            self._spool.write(octets[:room])

    def body(self, cut: bool = False) -> Body:
        return self._spool.finish(truncated=cut or self._cut)

    def discard(self) -> None:
        self._spool.discard()


@dataclass
class _Open:
    """An exchange that is not over. `turn` is None when nobody wants to know about it; with `aside` only that it was.

    With a `fault` it can never be whole, waits for the end of the connection, and is charged to `judged`.
    """

    began: float
    base: str
    turn: Turn | None
    aside: bool
    question: _Kept
    answer: _Kept
    ask: Head | None = None
    told: Head | None = None
    asked: bool = False
    answered: bool = False
    fault: Fault | None = None
    judged: frozenset[str] = BOTH
    cut: bool = False
    lost: bool = False  # it is the question that cannot be read
    interim: list[int] = field(default_factory=list)
    opened: bool = False  # a WebSocket connection

    def spoil(self, why: str, judged: frozenset[str], cut: bool = False) -> None:
        self.fault, self.judged, self.cut = Fault("protocol", why), judged, cut


class Conversation:
    """One connection. `taker` gets each exchange when it is over; its `seq` is 0.

    `base` gives the Base URI of a request, None for one of another service: nobody wants to know about that, unless
    it may change what is stored. `server` is the server's own URL, by which the client does not know it. All times
    are seconds of one clock.
    """

    def __init__(self, blobs: Blobs, base: Base, taker: Taker, server: str = "") -> None:
        self._blobs, self._base, self._taker, self._server = blobs, base, taker, server
        self._questions, self._answers = Messages(asks=True), Messages(asks=False)
        self._open: deque[_Open] = deque()
        self._whole = 0  # exchanges that are over and were answered
        self._deaf = False  # the client cannot be read any more
        self._opaque = False  # nobody can: another protocol, or an answer without an end
        self._socket: Socket | None = None  # it went over to WebSocket, and both sides are read there
        self._ended: list[tuple[Side, Ended]] = []
        self._now = 0.0

    def heard(self, side: Side, octets: bytes, at: float) -> None:
        """Octets of one side, at this time."""
        self._now = at
        if self._socket is not None:
            self._socket.heard(side, octets, at)
        elif side == "user-agent":
            self._asks(octets)
        elif not self._opaque:
            self._says(octets)
        elif self._open and self._open[0].fault and self._open[0].told is None:
            self._open[0].answer.write(octets)

    def end(self, side: Side, how: Ended, at: float) -> None:
        """One side will say nothing any more."""
        self._now = at
        if side in [s for s, _ in self._ended]:
            return
        self._ended.append((side, how))
        if self._socket is not None:
            self._socket.end(side, how, at)
        if side == "origin-server" and not self._opaque:
            if how == "close":
                for event in self._answers.close():
                    self._answer(event)
            while self._open and not self._open[0].fault:
                self._break_off()

    def finish(self, at: float) -> None:
        """The connection is over: what is open becomes an exchange with the reason why it is not whole."""
        self._now = at
        if self._half_said and not self._plausible:
            self._lose(Unreadable("the connection ended before there was a whole request"))
        while self._open:
            if self._open[0].fault:
                self._give(self._open.popleft())
            else:
                self._break_off()
        if self._socket is not None:
            self._socket.finish(at)

    @property
    def _half_said(self) -> bool:
        """The client has begun to say something that is no whole head of a request yet."""
        return not (self._deaf or self._opaque or self._asking) and bool(self._questions.rest)

    @property
    def _plausible(self) -> bool:
        """What was begun to be said may become a request."""
        return self._questions.started or _BEGINNING.fullmatch(self._questions.rest) is not None

    @property
    def _asking(self) -> bool:
        return bool(self._open) and self._open[-1].ask is not None and not self._open[-1].asked

    def _asks(self, octets: bytes) -> None:
        if self._deaf and self._open:
            self._open[-1].question.write(octets)
        if self._deaf or self._opaque:
            return
        try:
            for event in self._questions.read(octets):
                self._question(event)
        except Unreadable as why:
            self._lose(why)

    def _question(self, event: Event) -> None:
        if isinstance(event, Head):
            if len(self._open) >= MOST_OPEN:
                raise Unreadable(f"more than {MOST_OPEN} questions wait for an answer", ours=True)
            self._begin(event)
            self._questions.follows(Payload.of(event.headers, "nothing"))
        elif isinstance(event, Piece):
            self._open[-1].question.write(event.octets)
        else:
            self._open[-1].asked = True
            self._settle()

    def _begin(self, ask: Head | None) -> _Open:
        base = self._base(ask)
        aside = base is None
        base = base or self._base(None) or ""
        does = effect(Ask(*ask.words[:2], base)) if ask else "asks"
        turn = None if aside and does == "asks" else self._taker.begin(does)
        question, answer = (_Kept(self._blobs, 0 if aside else MOST_BODY) for _ in SIDES)
        self._open.append(_Open(self._now, base, turn, aside, question, answer, ask))
        return self._open[-1]

    def _lose(self, why: Unreadable) -> None:
        """The client cannot be followed any more. What is answered to this, and to what it asked before, still can."""
        self._deaf = True
        lost = self._open[-1] if self._asking else self._begin(None)
        lost.spoil(why.why, NOBODY if why.ours else CLIENT)
        lost.lost = True
        lost.question.most = (lost.base is not None and lost.question.size + MOST_REST) or 0
        lost.question.write(self._questions.rest)

    def _says(self, octets: bytes) -> None:
        try:
            for event in self._answers.read(octets):
                self._answer(event)
                if self._opaque:
                    break
        except Unreadable as why:
            self._lost(why)
        if self._socket is not None:  # what came in one piece with the heads of the handshake
            self._socket.heard("origin-server", self._answers.rest, self._now)
            self._socket.heard("user-agent", self._questions.rest, self._now)

    def _answer(self, event: Event) -> None:
        if isinstance(event, Head):
            self._answers.follows(self._begins(event))
        elif isinstance(event, Piece):
            self._open[0].answer.write(event.octets)
        elif self._open and self._open[0].told is not None:
            self._open[0].answered = True
            self._opaque = self._opaque or self._open[0].fault is not None
            self._settle()

    def _begins(self, head: Head) -> Payload:
        """The payload of this answer, which is that to the first open question."""
        status = int(head.words[1])
        if not self._open and self._half_said and status >= 200:
            self._lose(Unreadable("it was answered before there was a whole request", ours=self._plausible))
        elif not self._open and status == _TIMEOUT:
            self._taker.note(f"{status} {head.words[2]} came on a connection on which nobody was asking")
            self._opaque = True
            return Payload("nothing")
        first = self._open[0] if self._open else self._begin(None)
        if 100 <= status < 200 and status != 101:
            first.interim.append(status)
            return Payload("nothing")
        first.told = head
        method = first.ask.words[0] if first.ask else ""
        if status == 101 or (method == "CONNECT" and 200 <= status < 300):
            self._goes_over(first, head)
            return Payload("nothing")
        if method == "HEAD" or status in _BODILESS:
            return Payload("nothing")
        return Payload.of(head.headers, "close")

    def _goes_over(self, first: _Open, head: Head) -> None:
        """From here on another protocol is spoken: WebSocket is read, any other is not."""
        first.asked = first.answered = self._opaque = True
        why = self._unread(first, head)
        if why:
            self._taker.note(f"after {head.words[1]} a connection went over to {why}, which is passed on and not read")
            self._settle()
            return
        assert first.ask is not None
        assert first.turn is not None
        first.opened = True
        facts = {"server": self._server} if self._server else {}
        ask = Ask(*first.ask.words[:2], first.base, first.ask.headers)
        told = Answer(int(head.words[1]), headers=head.headers)
        self._socket = Socket(self._say, self._taker.note, ask, told, first.turn.began, facts)
        self._settle()

    def _unread(self, first: _Open, head: Head) -> str:
        """What is spoken from here on and cannot be read, '' for WebSocket."""
        if first.ask is None or first.turn is None or first.aside or self._deaf:
            return "another protocol"
        asked = Ask(*first.ask.words[:2], first.base, first.ask.headers)
        if asked.resource.kind != OPENING:
            return "another protocol"
        unknown = unknown_extension(", ".join(head.headers.all("sec-websocket-extensions")))
        return f"WebSocket with the extension {unknown[:80]!r}" if unknown else ""

    def _say(self, x: Exchange) -> None:
        """Something was said after the handshake."""
        self._taker.over(self._taker.begin("asks"), x)

    def _lost(self, why: Unreadable) -> None:
        """The server cannot be followed any more, and so nothing on this connection can."""
        self._opaque = True
        first = self._open[0] if self._open else self._begin(None)
        if first.fault is None:
            first.spoil(why.why, NOBODY if why.ours else BOTH if first.ask else SERVER)
        if first.told is None:
            first.answer.most = (first.base is not None and MOST_REST) or 0
            first.answer.write(self._answers.rest)
        for waiting in self._open:
            if waiting.fault is None:
                waiting.spoil("what was answered before it cannot be read", CLIENT, cut=True)

    def _settle(self) -> None:
        """Hand on what is over, in the order of the questions."""
        while self._open and self._open[0].answered and not self._open[0].fault:
            first = self._open[0]
            if first.ask is None:
                first.spoil("an answer that nobody asked for", SERVER)
            elif first.asked:
                self._whole += 1
            else:
                return
            self._give(self._open.popleft())

    def _break_off(self) -> None:
        """Hand on the first that is open, which will not come any further, with why that is so."""
        first = self._open.popleft()
        side, how = self._ended[0] if self._ended else ("user-agent", "stopped")
        by_server = side == "origin-server"
        if first.answered:  # and the question is not whole, which the server need not wait for
            first.judged = SERVER
        elif not first.asked:
            self._gone(first, how, by_server, "the request", SERVER if by_server else NOBODY)
        elif by_server and first.told is None and self._whole:
            # a kept connection may be closed by the server just as the client speaks (RFC 9112 9.3.1)
            self._gone(first, how, by_server, "the answer had begun on a connection that was kept", CLIENT)
        else:
            self._gone(first, how, by_server, "the answer", BOTH if by_server else CLIENT)
        self._give(first)

    def _gone(self, first: _Open, how: Ended, by_server: bool, what: str, judged: frozenset[str]) -> None:
        who = "server" if by_server else "client"
        did = {"close": f"the {who} closed the connection", "reset": f"the {who} reset the connection"}
        before = what if " had " in what else f"{what} was complete"
        first.fault = Fault("reset", f"{did.get(how, 'the watching ended')} before {before}")
        first.judged, first.cut = judged, "origin-server" not in judged

    def _give(self, over: _Open) -> None:
        if over.turn is None:
            over.question.discard()
            over.answer.discard()
            return
        facts: dict[str, Any] = {"began_ms": int(over.began * 1000)}
        facts |= {"server": self._server} if self._server else {}
        faults = departures(over.ask.octets) if over.ask and not over.lost else None
        facts |= {} if faults is None else {"head": faults}
        facts |= {CONNECTION: over.turn.began} if over.opened else {}
        facts |= {"cut": True} if over.cut else {}
        facts |= {"interim": over.interim} if over.interim else {}
        # who refuses what is not as RFC 9112 wants it is right, and so is who forgives it
        # and what is said after a question may be what is refused in place of it
        wrong = self._deaf or _refusable(over.ask, faults)
        refused = wrong and over.told is not None and over.told.words[1] == _BAD_REQUEST
        judged = NOBODY if over.aside else over.judged & CLIENT if refused else over.judged
        x = Exchange(0, _asked(over), _answered(over), "client", facts=facts, judged=judged,
                     elapsed_ms=max(int((self._now - over.began) * 1000), 0))  # fmt: skip
        self._taker.over(over.turn, x)


def _refusable(ask: Head | None, faults: list[str] | None) -> bool:
    """A server may refuse this head whatever is asked in it (RFC 9112 2.2, 3.2, 5.1, 5.2, 6.1)."""
    if ask is None:
        return False
    both = "content-length" in ask.headers and "transfer-encoding" in ask.headers
    return bool(faults) or both or len(ask.headers.all("host")) != 1


def _asked(over: _Open) -> Ask:
    """The question; one that cannot be read has no method and no target, and its octets for a payload."""
    body = over.question.body(cut=not over.asked)
    if over.ask is not None and not over.lost:
        method, target, version = over.ask.words
        return Ask(method, target, over.base, over.ask.headers, body, version)
    octets = (over.ask.octets if over.ask else b"") + body.read(0, MOST_REST)
    return Ask("", "", over.base, body=Body.of(octets, truncated=True), version="")


def _answered(over: _Open) -> Answer:
    """The answer as far as it came; of one that cannot be read the octets stand where its payload would."""
    body, fault = over.answer.body(cut=not over.answered), over.fault
    if over.told is None:
        return Answer(body=body, fault=fault, head=body.read(0, HEAD_SHOWN))
    version, status, reason = over.told.words
    if body.truncated and fault is None:
        fault = Fault("too-large", f"the payload went on after {MOST_BODY} octets; the rest was not kept")
    return Answer(int(status), reason, over.told.headers, body, version, fault, over.told.octets)
