"""Knows one run against one target: numbers the exchanges, records them, has them judged, keeps the budget.

Must not know particular rules or probes, simulators, or how progress is shown.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.behind import Behind
from harness.blobs import Spool
from harness.body import EMPTY, Body
from harness.clock import now
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.judge import Judge, Met
from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.record import Record
from harness.rule import Probe
from harness.talk.web import Talk
from harness.wire.uri import request_target

Predict = Callable[[Ask], Mapping[str, Any] | None]

TIMEOUTS_PATIENT = 2  # after so many timeouts in a row the deadline shrinks
TIMEOUTS_END = 6  # after so many the target counts as gone
FAULTS_END = 40  # so many exchanges in a row without a whole answer end the run
SHORT_DEADLINE = 2.0


class TargetGone(Exception):
    """The target has stopped answering; the rest of the run is not exercised."""


class BudgetSpent(Exception):
    """The target file allows no more requests."""


@dataclass
class Events:
    """What a run tells whoever shows its progress; every hook may be left alone."""

    probe: Callable[[Probe, int, int], None] = lambda probe, number, total: None
    exchange: Callable[[Exchange, Met], None] = lambda x, met: None
    note: Callable[[str], None] = lambda text: None


@dataclass
class Session:
    """Shared by all conversations of a run. `budget`: how many requests the target allows, None for any number."""

    record: Record
    judge: Judge
    base: str
    seed: int
    nonce: str
    talk: Callable[[], Talk]
    headers: tuple[tuple[str, str], ...] = ()
    predict: Predict = lambda ask: None
    events: Events = field(default_factory=Events)
    budget: int | None = None
    examples: int = 25
    write: bool = True
    holding: Holding = field(default_factory=lambda: Holding.of([]))
    corpus: list[Sample] = field(default_factory=list)  # what we would load
    samples: list[Sample] = field(default_factory=list)  # what of it the target acknowledged
    patience: float = 20.0
    until: str = ""  # a rule whose first failure ends the run: enough for whoever only wants to know whether it fails

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._seq = 0
        self._journeys: dict[str, int] = {}
        self._timeouts = 0
        self._faults = 0
        self._behind = Behind("judge")
        self.gone = ""

    @property
    def exchanges(self) -> int:
        return self._seq

    def next_journey(self, kind: str) -> str:
        with self._lock:
            self._journeys[kind] = self._journeys.get(kind, 0) + 1
            return f"{kind}#{self._journeys[kind]}"

    def ask(self, talk: Talk, ask: Ask, content: Iterable[bytes] | None = None, most: int | None = None,
            wait: bool = False, **about: Any) -> tuple[Exchange, Met]:  # fmt: skip
        """Ask, and have it recorded and judged. Raises TargetGone or BudgetSpent before asking, never for an answer.

        Recording and judging go on while the next question is on the wire, in the order of the exchanges; who wants
        to know what rules met has to `wait` for it.
        """
        self._allowed()
        if self._timeouts >= TIMEOUTS_PATIENT:
            talk.patience(min(self.patience, SHORT_DEADLINE))
        started = now()
        if content is None:
            answer = talk.ask(ask, None, most)
        else:
            sent = self.record.blobs.spool()
            answer = talk.ask(ask, _copied(content, sent), most)
            ask = ask.but(body=sent.finish())
        elapsed = int((now() - started) * 1000)
        with self._lock:
            self._seq += 1
            x = Exchange(self._seq, ask, answer, elapsed_ms=elapsed, **about)
            self._health(answer, talk)
            met = self._behind.do(lambda: self._taken(x))
        return x, met.result() if wait else []

    def close_journey(self, name: str, wait: bool = False) -> Met:
        """The journey is over, and judged as a whole; see `ask` for `wait`."""
        met = self._behind.do(lambda: self._closed(name))
        return met.result() if wait else []

    def note(self, about: str, text: str) -> None:
        """Something beside the exchanges, at its place in the record."""
        self._behind.do(lambda: self.record.note(about, text))

    def settle(self) -> None:
        """Wait until all that was asked is recorded and judged; raises OSError when it could not be."""
        self._behind.settle()

    def failed(self, rule: str) -> bool:
        """Whether that rule has met a failure in what is judged by now."""
        return self.judge.failed(rule)

    def _taken(self, x: Exchange) -> Met:
        try:
            x = self.record.exchange(x.but(expected=self._expected(x.ask)))
            met = self._looked_at(self.judge.see(x))
            self.events.exchange(x, met)
            return met
        except OSError:  # our own disk: the run cannot go on
            raise
        except Exception:  # our fault too, but of this exchange only
            self.record.note("error", f"exchange {x.seq}\n{traceback.format_exc()}")
            return []

    def _closed(self, journey: str) -> Met:
        self.record.note("journey-end", journey)
        return self._looked_at(self.judge.close(journey))

    def _looked_at(self, met: Met) -> Met:
        if self.until and any(rule == self.until for rule, _ in met):
            self.gone = f"{self.until} was seen to fail, which is all that was wanted"
        return met

    def _allowed(self) -> None:
        if self.gone:
            raise TargetGone(self.gone)
        if self.budget is not None and self._seq >= self.budget:
            raise BudgetSpent(f"the target file allows {self.budget} requests, and they are spent")

    def _expected(self, ask: Ask) -> Mapping[str, Any] | None:
        try:
            return self.predict(ask)
        except Exception:  # an oracle that breaks is our fault; the exchange itself is evidence all the same
            self.record.note("error", f"oracle\n{traceback.format_exc()}")
            return None

    def _health(self, answer: Answer, talk: Talk) -> None:
        if answer.complete:
            if self._timeouts >= TIMEOUTS_PATIENT:
                talk.patience(self.patience)
            self._timeouts = self._faults = 0
            return
        fault = answer.fault
        self._faults += 1
        self._timeouts += bool(fault and fault.kind == "timeout")
        if self._timeouts >= TIMEOUTS_END or self._faults >= FAULTS_END:
            self.gone = f"{self._faults} exchanges in a row got no whole answer, the last: {fault}"


def _copied(content: Iterable[bytes], into: Spool) -> Iterator[bytes]:
    """The chunks of a streamed body as they go out, kept for the record on their way."""
    for chunk in content:
        into.write(chunk)
        yield chunk


def request(
    session: Session,
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]] = (),
    body: Body | bytes = EMPTY,
    length: int | None = None,
) -> Ask:
    """A request below the Base URI. `path` begins with neither slash nor scheme, or is an absolute URI.

    Host comes first (RFC 9110 7.2), then the target's own header fields (credentials), then the given ones.
    `length`: the Content-Length of a body that is streamed; a body in hand brings its own unless a given
    field speaks of its length already.
    """
    body = Body.of(body) if isinstance(body, bytes) else body
    target, host = request_target(path, session.base)
    fields = [("Host", host), *session.headers, *headers]
    names = {n.lower() for n, _ in fields}
    size = length if length is not None else body.size
    if (size or method in ("POST", "PUT")) and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(size)))
    return Ask(method, target, session.base, Headers(tuple(fields)), body)
