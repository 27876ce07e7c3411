"""Knows one run against one target: numbers the exchanges, has them recorded and judged, keeps the budget.

Must not know particular rules or probes, simulators, or how progress is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.association import Association, Evidence
from harness.behind import WAITING, Behind
from harness.blobs import Blobs, Spool
from harness.body import EMPTY, Body
from harness.clerk import Desk
from harness.clock import now
from harness.context import DEFAULT_EDITION
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.judge import Met
from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.rule import Probe
from harness.talk.web import Talk
from harness.verdict import Verdict
from harness.wire.uri import request_target

TIMEOUTS_PATIENT = 2  # after so many timeouts in a row the deadline shrinks
TIMEOUTS_END = 6  # after so many the target counts as gone
FAULTS_END = 40  # so many exchanges in a row without a whole answer end the run
SHORT_DEADLINE = 2.0
AHEAD = 256  # exchanges that the asking may be ahead of the judging; they take little memory


class TargetGone(Exception):
    """The target has stopped answering; the rest of the run is not exercised."""


class BudgetSpent(Exception):
    """The target file allows no more requests."""


@dataclass
class Events:
    """What a run tells whoever shows its progress; every hook may be left alone."""

    probe: Callable[[Probe, int, int], None] = lambda probe, number, total: None
    exchange: Callable[[Evidence, Met], None] = lambda x, met: None
    note: Callable[[str], None] = lambda text: None


@dataclass
class Session:
    """Shared by all conversations of a run. `blobs`: where bodies too large for memory go, in the record's folder.

    `budget`: how many requests the target allows, None for any number.
    """

    desk: Desk
    blobs: Blobs
    base: str
    seed: int
    nonce: str
    talk: Callable[[], Talk]
    headers: tuple[tuple[str, str], ...] = ()
    events: Events = field(default_factory=Events)
    budget: int | None = None
    examples: int = 25
    write: bool = True
    holding: Holding = field(default_factory=lambda: Holding.of([]))
    corpus: list[Sample] = field(default_factory=list)  # what we would load
    samples: list[Sample] = field(default_factory=list)  # what of it the target acknowledged
    patience: float = 20.0
    edition: str = DEFAULT_EDITION
    wado_ws: str = ""  # the URL of the WADO-WS endpoint, '' where nobody says that there is one
    uri_service: str = ""  # the Base URI of the URI service, '' where nobody says that there is one
    until: str = ""  # a rule whose first failure ends the run: enough for whoever only wants to know whether it fails

    shared: dict[str, Any] = field(default_factory=dict)  # what probes of one service tell each other

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._seq = 0
        self._journeys: dict[str, int] = {}
        self._timeouts = 0
        self._faults = 0
        # who waits for a failure wants to know soon
        self._behind = Behind("judge", WAITING if self.until else AHEAD)
        self._red: set[str] = set()
        self.associations: list[int] = []  # the numbers of those among the exchanges
        self._turned_away = 0
        self.gone = ""

    @property
    def impatient(self) -> bool:
        """The target let us wait so often in a row that it gets less time."""
        return self._timeouts >= TIMEOUTS_PATIENT

    @property
    def deadline(self) -> float:
        """Seconds that the target has for an answer now."""
        return min(self.patience, SHORT_DEADLINE) if self.impatient else self.patience

    @property
    def exchanges(self) -> int:
        return self._seq

    @property
    def busy(self) -> str:
        """A sentence for people when the target turned most associations away for the moment, else ''."""
        turned, of = self._turned_away, len(self.associations)
        if turned * 2 <= of:
            return ""
        return (
            f"{turned} of {of} associations were rejected as transient: the target had no room for them, so little was "
            "exercised. Let it take more associations at a time, or ask when nobody else does."
        )

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
        if self.impatient:
            talk.patience(self.deadline)
        started = now()
        if content is None:
            answer = talk.ask(ask, None, most)
        else:
            sent = self.blobs.spool()
            answer = talk.ask(ask, _copied(content, sent), most)
            ask = ask.but(body=sent.finish())
        elapsed = int((now() - started) * 1000)
        with self._lock:
            self._seq += 1
            x = Exchange(self._seq, ask, answer, elapsed_ms=elapsed, **about)
            self._health(answer, talk)
            met = self._behind.do(lambda: self._taken(x), _in_memory(ask.body) + _in_memory(answer.body))
        return x, met.result() if wait else []

    def heard(self, x: Exchange) -> Exchange:
        """Number something that was said without being asked, and have it recorded and judged; never refused."""
        with self._lock:
            self._seq += 1
            numbered = x.but(seq=self._seq)
            self._behind.do(lambda: self._taken(numbered), _in_memory(x.ask.body) + _in_memory(x.answer.body))
        return numbered

    def associated(self, association: Association, **about: Any) -> Association:
        """Number an association that is over, and have it recorded and judged. Raises TargetGone or BudgetSpent when
        that was the last one that may be made."""
        with self._lock:
            self._seq += 1
            a = association.but(seq=self._seq, **about)
            self.associations.append(a.seq)
            self._turned_away += "provoked" not in a.facts and a.turned_away
            waited = any(said.what == "timeout" for said in a.said) and "provoked" not in a.facts
            self._fault(a.fault or ("a response did not come in time" if waited else ""), waited)
            self._behind.do(lambda: self._taken(a), _in_memory(a.requestor) + _in_memory(a.acceptor))
        self._allowed()
        return a

    def close_journey(self, name: str, wait: bool = False) -> Met:
        """The journey is over, and judged as a whole; see `ask` for `wait`."""
        met = self._behind.do(lambda: self._closed(name))
        return met.result() if wait else []

    def header(self, line: Mapping[str, Any]) -> None:
        """The first line of the record, before anything is asked."""
        self._behind.do(lambda: self.desk.header(line))

    def note(self, about: str, text: str) -> None:
        """Something beside the exchanges, at its place in the record."""
        self._behind.do(lambda: self.desk.note(about, text))

    def learn(self, instances: Sequence[bytes]) -> None:
        """The target holds these PS3.10 instances: what is asked from now on is predicted."""
        self._behind.do(lambda: self.desk.learn(instances))

    def settle(self) -> None:
        """Wait until all that was asked is recorded and judged; raises OSError when it could not be."""
        self._behind.settle()

    def finish(self, reason: str, said: str) -> list[Verdict]:
        """The verdicts of a run that has settled, or cannot; the record ends with why the run ended."""
        self._behind.close()
        return self.desk.finish(reason, said)

    def red(self) -> frozenset[str]:
        """The rules that have met a failure in what is judged by now."""
        return frozenset(self._red)

    def _taken(self, x: Evidence) -> Met:
        met = self._looked_at(self.desk.take(x))
        self.events.exchange(x, met)
        return met

    def _closed(self, journey: str) -> Met:
        return self._looked_at(self.desk.close(journey))

    def _looked_at(self, met: Met) -> Met:
        self._red.update(rule for rule, finding in met if not finding.warn)
        if self.until and any(rule == self.until for rule, _ in met):
            self.gone = f"{self.until} was seen to fail, which is all that was wanted"
        return met

    def _allowed(self) -> None:
        if self.gone:
            raise TargetGone(self.gone)
        if self.budget is not None and self._seq >= self.budget:
            raise BudgetSpent(f"the target file allows {self.budget} requests, and they are spent")

    def _health(self, answer: Answer, talk: Talk) -> None:
        if answer.complete and self.impatient:
            talk.patience(self.patience)
        fault = answer.fault
        self._fault(str(fault) if fault else "", bool(fault and fault.kind == "timeout"))

    def _fault(self, fault: str, timeout: bool) -> None:
        """Count faults in a row; '' ends the row."""
        if not fault:
            self._timeouts = self._faults = 0
            return
        self._faults += 1
        self._timeouts += timeout
        if self._timeouts >= TIMEOUTS_END or self._faults >= FAULTS_END:
            self.gone = f"{self._faults} exchanges in a row got no whole answer, the last: {fault}"


def _in_memory(body: Body) -> int:
    return body.size if body.data is not None else 0


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
