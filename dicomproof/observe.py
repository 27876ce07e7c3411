"""Knows how a client is observed: our simulator serves it at either door, and what it says is recorded and judged.

Must not know any particular rule, nor how anything is shown.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import suites
from dicomproof.header import header
from dicomproof.holdings import fill
from dicomproof.observe_web import WebDoor
from dicomproof.run import Result, UsageError, select
from dicomproof.sims import dimse_mutation, door_of
from dicomproof.simulate import address, chosen, schedule
from dicomproof.until import until
from harness.association import Evidence, Side, Tape
from harness.behind import Behind
from harness.clerk import Clerk
from harness.context import DEFAULT_EDITION, Context, unknown_edition
from harness.entity import Entity
from harness.exchange import Exchange
from harness.judge import Judge, Met
from harness.record import Record
from harness.rule import Mutant, Role, Rule
from harness.verdict import Exit, exit_code
from harness.watch.scribe import LONG
from harness.watch.socket import Numbers
from simulators.agents.troupe import Cast
from simulators.archive.archive import Archive
from simulators.dimse.link import known
from simulators.dimse.serve import Setup, serve
from simulators.scenarios import Scenario, names, scenario

WEB, DIMSE = "DICOMPROOF_WEB", "DICOMPROOF_DIMSE"  # environment variables in which a command finds our addresses
_ADDRESS = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}


@dataclass
class Options:
    """What the command line asks of an observation.

    `entity` and `web`, HOST:PORT, are where the client finds us; one of them at least. `command` is run with our
    addresses in its environment and ends the observation when it ends; without one it lasts `seconds`, or until it is
    interrupted. `peers` are the application entities that we know: destinations of C-MOVE. `data` is the folder of the
    archive; a temporary one holds the files below `load`, or a synthetic corpus when there is a web door. `cast` are
    agents of ours that schedule and perform workitems there, and are not judged.
    """

    out: Path
    entity: Entity | None = None
    command: Sequence[str] = ()
    seconds: float | None = None
    only: str = ""
    edition: str = DEFAULT_EDITION
    peers: Sequence[Entity] = ()
    worklist: Sequence[Path] = ()
    data: Path | None = None
    mutants: Sequence[str] = ()
    again: str = ""
    web: str = ""
    scenario: str = ""
    load: Sequence[Path] = ()
    cast: Cast = field(default_factory=Cast)

    @property
    def doors(self) -> tuple[str, ...]:
        """The first words of the kinds of evidence that can come."""
        return tuple(word for word, there in (("web", self.web), ("dimse", self.entity)) if there)


@dataclass
class Events:
    """What an observation tells whoever shows it: where it serves and what it holds, and each thing that was said."""

    serving: Callable[[Sequence[str], str], None] = lambda places, holds: None
    evidence: Callable[[Evidence, Met], None] = lambda x, met: None


def observe(options: Options, events: Events | None = None) -> Result:
    """Serve and judge. UsageError for an option or address that cannot be; never raises for what clients do."""
    if why := unknown_edition(options.edition):
        raise UsageError(why)
    if not options.doors:
        raise UsageError("There is nothing to serve; say --web HOST:PORT or --dimse AET@HOST:PORT.")
    if options.cast and not options.web:
        raise UsageError("Performers and requesters play at the web door; say --web HOST:PORT.")
    played = _played(options)
    catalogue = suites.load()
    rules = binding_clients(select(catalogue, options.only, options.doors))
    mutants = chosen(options.mutants, options.doors)
    with contextlib.ExitStack() as stack:
        folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dicomproof-")))
        record = Record(options.out)
        stack.callback(record.close)
        judge = Judge(
            catalogue,
            Context(edition=options.edition),
            rules,
            grounded=False,
            on_error=lambda rule, text: record.note("error", f"{rule}\n{text}"),
        )
        archive = stack.enter_context(contextlib.closing(Archive(folder)))
        holds = fill(archive, options.load, synthetic=bool(options.web) and options.data is None)
        return _Observation(options, events or Events(), record, judge, archive, mutants, played, holds).whole()


def binding_clients(rules: Sequence[Rule[Any]]) -> list[Rule[Any]]:
    """Those that can bind whoever asks; a run is whole without any of them."""
    found = [replace(r, due=False) for r in rules if r.who not in (Role.ACCEPTOR, Role.ORIGIN_SERVER)]
    if not found:
        raise UsageError(
            "None of these rules binds a client; leave --only out, or name rules of role user-agent, requestor or scu."
        )
    return found


def _played(options: Options) -> Scenario | None:
    if not options.scenario:
        return None
    if options.scenario not in names():
        raise UsageError(f"There is no scenario {options.scenario!r}; there are {', '.join(names())}.")
    if not options.web:
        raise UsageError("Scenarios are played at the web door; say --web HOST:PORT.")
    return scenario(options.scenario)


@dataclass
class _Observation:
    """One observation from its first line to its last."""

    options: Options
    events: Events
    record: Record
    judge: Judge
    archive: Archive
    mutants: Sequence[Mutant]
    scenario: Scenario | None
    holds: str
    seen: int = 0
    names: dict[int, str] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.clerk = Clerk(self.record, self.judge)
        self.behind = Behind("judge")
        self.lengths: Counter[str] = Counter()  # of the conversations that are going on
        rules = suites.load().rules
        self.broken = {d: [m for m in self.mutants if door_of(m, rules[m.rule]) == d] for d in self.options.doors}
        self.web: WebDoor | None = None

    def whole(self) -> Result:
        reason, said = "complete", ""
        try:
            said = self._served()
            self.behind.settle()
        except KeyboardInterrupt:  # the usual way to end it
            self.behind.settle()
        except OSError as error:
            reason = "error"
            said = f"The observation could not go on: {error}. Free some space or choose another --out."
        finally:
            self.behind.close()
        return self._end(reason, said)

    def _served(self) -> str:
        """Serve until it is over; what there is to say about how it ended."""
        with contextlib.ExitStack() as stack:
            places = {door: stack.enter_context(self._door(door)) for door in self.options.doors}
            self._header(places)
            self.events.serving(list(places.values()), self.holds)
            words = {"base": places.get("web", "")}
            if "dimse" in places:
                title, _, place = places["dimse"].rpartition("@")
                host, _, port = place.rpartition(":")
                words |= {"title": title.removeprefix("dimse://"), "host": host.strip("[]"), "port": port}
            told = {WEB: words["base"]} if "web" in places else {}
            told |= {DIMSE: places["dimse"].removeprefix("dimse://")} if "dimse" in places else {}
            return until(self.options.command, self.options.seconds, words, told)

    @contextlib.contextmanager
    def _door(self, door: str) -> Iterator[str]:
        """Serve at one door; gives where."""
        serving = self._at_web() if door == "web" else self._at_dimse()
        with contextlib.ExitStack() as stack:
            try:
                place = stack.enter_context(serving)
            except OSError as error:
                if error.errno not in _ADDRESS and not isinstance(error, socket.gaierror):
                    raise
                where = self.options.web if door == "web" else self.options.entity
                raise UsageError(f"{where} cannot be served: {error.strerror}. Choose another --{door}.") from None
            yield place

    @contextlib.contextmanager
    def _at_web(self) -> Iterator[str]:
        host, port = address(self.options.web)
        self.web = WebDoor(self.record.blobs, self._take, self._note, self.scenario)
        serving = self.web.serving(
            self.archive, host, port, self.options.edition, self.broken["web"], self.options.cast
        )
        with serving as url:
            yield url

    @contextlib.contextmanager
    def _at_dimse(self) -> Iterator[str]:
        entity = self.options.entity
        assert entity is not None
        setup = Setup(
            peers=known(self.options.peers),
            strict=False,
            observe=partial(self._observing, str(entity), "requestor"),
            witness=lambda peer: self._observing(f"{peer.host}:{peer.port}", "acceptor"),
            mutate=dimse_mutation(*self.broken["dimse"]),
        )
        with serve(self.archive, entity.title, entity.host, entity.port, setup) as served:
            schedule(served, self.options.worklist)
            yield served.entity.url

    def _header(self, places: dict[str, str]) -> None:
        target = {"word": f"clients of {' and '.join(places.values())}", "base": places.get("web", "")}
        target |= {"dimse": places["dimse"]} if "dimse" in places else {}
        digest = suites.load().digest()
        self.clerk.header(header("serve", self.judge.context, target, digest, self.options.only, self.options.again))

    @contextlib.contextmanager
    def _observing(self, address: str, judged: Side) -> Iterator[Tape]:
        """The tape of one association; when that is over it is judged, while others go on.

        A client is the acceptor where it is called back, to be told of a commitment or of a workitem.
        """
        tape = Tape(self.record.blobs)
        try:
            yield tape
        finally:
            about = {"judged": frozenset({judged}), "address": address, "probe": "client"}
            self._take(tape.finish(0, **about))

    def _take(self, x: Evidence) -> None:
        """Number it, and have it recorded and judged as soon as it is its turn; others go on meanwhile."""
        with self._lock:
            self.seen += 1
            numbered = self.numbers.numbered(x, self.seen) if isinstance(x, Exchange) else x.but(seq=self.seen)
            with contextlib.suppress(OSError):  # our own disk; told of when the observation settles
                self.behind.do(lambda: self._taken(numbered))

    def _taken(self, x: Evidence) -> None:
        if not isinstance(x, Exchange):
            self.names[x.seq] = x.called
        self.events.evidence(x, self.clerk.take(x))
        self.lengths[x.journey] += 1
        if x.journey and self.lengths[x.journey] == LONG:  # another one begins, and this one is kept no longer
            del self.lengths[x.journey]
            self.clerk.close(x.journey)

    def _note(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self.behind.do(lambda: self.clerk.note("observe", text))

    def _end(self, reason: str, said: str) -> Result:
        told = self.web.told() if self.web else ""
        verdicts = self.clerk.finish(reason, " ".join(w for w in (said, told) if w))
        code = Exit.OURS if reason == "error" else exit_code(verdicts, all_due=False)
        if not self.seen and code is not Exit.OURS:
            nobody = "Nobody asked for an association" if self.options.doors == ("dimse",) else "Nobody asked anything"
            code, said = Exit.UNREACHABLE, said or f"{nobody}, so nothing was judged."
        return Result(code, verdicts, " ".join(w for w in (said, told) if w), self.options.out, self.names)
