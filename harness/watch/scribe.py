"""Knows how what many connections said becomes one row of evidence, beside the copying and bounded in memory.

Must not know rules, or what is done with the evidence.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from harness.association import Association, Evidence, Tape
from harness.association import Side as DimseSide
from harness.blobs import Blobs
from harness.clock import now
from harness.exchange import Exchange, Side
from harness.turns import Effect, Turn, Turns
from harness.watch.conversation import Base, Conversation, Ended
from harness.watch.socket import Numbers
from harness.wire.uri import origin_form

HANDSHAKE: Final = b"\x16\x03"  # how a TLS connection begins (RFC 8446 5.1); there is no such PDU
MOST: Final = 64 << 20  # octets that may be heard and not taken down yet
JOURNEY: Final = "web.client"  # what rules over all that a client asks subscribe to
CLIENTS: Final = 1000  # that are told apart at the same time
LONG: Final = 2000  # exchanges of one such journey


def notified_at(x: Exchange) -> str:
    """The target of the notification connection that the answer to a subscription tells of, '' for anything else
    (PS3.18 11.10.3.2)."""
    told = x.answer.headers.get("content-location") if x.kind == "web.workitems.subscribe" and x.answer.ok else None
    return origin_form(told) if told else ""


class Hearing(Protocol):
    """Makes evidence of one connection, in the scribe's thread."""

    def heard(self, side: Side, octets: bytes, at: float) -> None: ...

    def end(self, side: Side, how: Ended, at: float) -> None: ...

    def finish(self, at: float) -> None: ...


class Taping:
    """An association: all octets of both sides, PDUs or not; but for TLS, which nobody can read on its way."""

    _SIDES: Final[dict[Side, DimseSide]] = {"user-agent": "requestor", "origin-server": "acceptor"}

    def __init__(
        self, blobs: Blobs, address: str, take: Callable[[Association], None], note: Callable[[str], None]
    ) -> None:
        self._tape, self._address, self._take, self._note = Tape(blobs), address, take, note
        self._began: float | None = None

    def heard(self, side: Side, octets: bytes, at: float) -> None:
        self._tape.heard(self._SIDES[side], octets, self._ms(at))

    def end(self, side: Side, how: Ended, at: float) -> None:
        if how != "stopped":
            self._tape.event(self._SIDES[side], how, self._ms(at))

    def finish(self, at: float) -> None:
        judged = frozenset(self._SIDES.values())
        a = self._tape.finish(0, judged=judged, address=self._address, probe="client")
        if a.requestor.read(0, len(HANDSHAKE)) == HANDSHAKE:
            self._note("a requestor spoke TLS, which was passed on and cannot be read")
        elif a.size:  # else somebody has only knocked
            self._take(a)

    def _ms(self, at: float) -> int:
        self._began = at if self._began is None else self._began
        return int((at - self._began) * 1000)


class Talks:
    """All that one client asks, as one journey after the other: none of them is so long that it fills the memory."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], tuple[str, int]] = {}
        self._told: dict[tuple[str, str], tuple[str, str]] = {}  # who was told of this connection by its subscription
        self._count = 0

    def of(self, client: str, x: Exchange) -> str:
        """The name of the journey that this exchange of the client belongs to.

        Who opens the notification connection that a subscription told of is who subscribed, whatever it is called.
        """
        key = client, x.ask.headers.get("user-agent", "") or ""
        key = self._told.get((client, origin_form(x.ask.target)), key) if x.kind.startswith("socket.") else key
        if place := notified_at(x):
            self._told.pop((client, place), None)
            self._told[client, place] = key
            if len(self._told) > CLIENTS:
                del self._told[next(iter(self._told))]
        name, seen = self._names.get(key, ("", LONG))
        if seen >= LONG:
            self._count += 1
            name, seen = f"{JOURNEY}#{self._count}", 0
        self._names.pop(key, None)  # so that it stands last, and the first is who has been silent for longest
        self._names[key] = name, seen + 1
        if len(self._names) > CLIENTS:
            del self._names[next(iter(self._names))]
        return name


class Scribe:
    """Takes down what is heard and hands on evidence with its number, in one thread.

    `take` may wait as long as it likes; when too much has been heard meanwhile, `full` says so, and the `rooms` are
    called when that is over. An error of `take` or of the disk ends everything: then `failure` is it.
    """

    def __init__(self, take: Callable[[Evidence], None], note: Callable[[str], None]) -> None:
        self._take, self.note = take, note
        self._began = now()
        self.rooms: list[Callable[[], None]] = []
        self.seen = self.connections = self.unreached = 0
        self.failure: Exception | None = None
        self.full = False
        self._octets = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[Callable[[], None], int] | None] = queue.SimpleQueue()
        self.talks = Talks()
        self.turns = Turns()
        self._numbers = Numbers()
        self._thread = threading.Thread(target=self._work, name="scribe", daemon=True)
        self._thread.start()

    @property
    def now(self) -> float:
        """Seconds since the scribe began."""
        return now() - self._began

    def web(self, blobs: Blobs, base: Base, client: str, server: str = "") -> ScribeEar:
        """An ear for a connection on which this client speaks HTTP with this server."""
        return ScribeEar(self, Conversation(blobs, base, _Client(self, client), server))

    def dimse(self, blobs: Blobs, address: str) -> ScribeEar:
        """An ear for a connection on which an association is made."""
        return ScribeEar(self, Taping(blobs, address, self.hand_on, self.note))

    def put(self, job: Callable[[], None], octets: int = 0) -> None:
        """Have this done after everything that was put before; it holds so many octets."""
        with self._lock:
            self._octets += octets
            self.full = self._octets > MOST
        self._jobs.put((job, octets))

    def close(self) -> None:
        """Everything has been heard: take it down, and hand on what was held back."""
        self._jobs.put(None)
        self._thread.join()

    def hand_on(self, x: Evidence) -> None:
        """Give it a number, and to whoever takes it."""
        self.seen += 1
        self._take(self._numbers.numbered(x, self.seen) if isinstance(x, Exchange) else x.but(seq=self.seen))

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, octets = entry
            if self.failure is None:
                self._guarded(job)
            self._done(octets)
        if self.failure is None:
            self._guarded(self._rest)

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            self.failure = error

    def _done(self, octets: int) -> None:
        with self._lock:
            self._octets -= octets
            again = self.full and self._octets < MOST // 2
            self.full = self.full and not again
        for room in self.rooms if again else ():
            room()

    def _rest(self) -> None:
        for x in self.turns.rest():
            self.hand_on(x)


@dataclass(frozen=True)
class _Client:
    """Takes what one client asked and was answered."""

    scribe: Scribe
    name: str

    def begin(self, effect: Effect) -> Turn:
        return self.scribe.turns.begin(effect)

    def over(self, turn: Turn, x: Exchange) -> None:
        if "user-agent" in x.judged:
            x = x.but(journey=self.scribe.talks.of(self.name, x))
        for one in self.scribe.turns.over(turn, x):
            self.scribe.hand_on(one)

    def note(self, text: str) -> None:
        self.scribe.note(text)


class ScribeEar:
    """Takes down one connection. What breaks here is our fault: it is noted, and this connection is not heard on."""

    def __init__(self, scribe: Scribe, hearing: Hearing) -> None:
        self._scribe, self._hearing = scribe, hearing
        scribe.connections += 1
        self._broken = False

    def heard(self, side: Side, octets: bytes) -> None:
        at = self._scribe.now
        self._put(lambda: self._hearing.heard(side, octets, at), len(octets))

    def end(self, side: Side, how: Ended) -> None:
        at = self._scribe.now
        self._put(lambda: self._hearing.end(side, how, at))

    def refused(self, why: str) -> None:
        self._scribe.unreached += 1
        self._put(lambda: self._scribe.note(f"the server could not be reached: {why}"))

    def over(self) -> None:
        at = self._scribe.now
        self._put(lambda: self._hearing.finish(at))

    def _put(self, job: Callable[[], None], octets: int = 0) -> None:
        self._scribe.put(lambda: self._guarded(job), octets)

    def _guarded(self, job: Callable[[], None]) -> None:
        if self._broken:
            return
        try:
            job()
        except OSError:
            raise
        except Exception:
            self._broken = True
            self._scribe.note(f"a fault of ours, one connection is not followed any further\n{traceback.format_exc()}")
