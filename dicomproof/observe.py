"""Knows how a client is observed: our simulator serves it, and what it says is recorded and judged.

Must not know any particular rule, nor how anything is shown.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import suites
from dicomproof import __version__
from dicomproof.run import Result, UsageError, select
from dicomproof.sims import dimse_mutation, door_of
from dicomproof.simulate import schedule
from harness.association import Association, Tape
from harness.behind import Behind
from harness.clerk import Clerk
from harness.context import DEFAULT_EDITION, POLICIES, Context, unknown_edition
from harness.entity import Entity
from harness.judge import Judge, Met
from harness.record import Record
from harness.rule import At, Catalogue, Mutant, Role, Rule
from harness.verdict import Exit, exit_code
from simulators.archive.archive import Archive
from simulators.dimse.link import Peer
from simulators.dimse.serve import Setup, serve

ADDRESS = "DICOMPROOF_DIMSE"  # the environment variable in which a command finds our address


@dataclass
class Options:
    """What the command line asks of an observation.

    `command` is run with our address in its environment and ends the observation when it ends; without one it lasts
    `seconds`, or until it is interrupted. `peers` are the application entities that we know: destinations of C-MOVE.
    """

    out: Path
    entity: Entity
    command: Sequence[str] = ()
    seconds: float | None = None
    only: str = ""
    edition: str = DEFAULT_EDITION
    peers: Sequence[Entity] = ()
    worklist: Sequence[Path] = ()
    data: Path | None = None
    mutants: Sequence[str] = ()
    again: str = ""


@dataclass
class Events:
    """What an observation tells whoever shows it."""

    serving: Callable[[Entity], None] = lambda entity: None
    association: Callable[[Association, Met], None] = lambda a, met: None


def observe(options: Options, events: Events | None = None) -> Result:
    """Serve and judge. UsageError for an option or address that cannot be; never raises for what clients do."""
    if why := unknown_edition(options.edition):
        raise UsageError(why)
    catalogue = suites.load()
    rules = binding_clients(select(catalogue, options.only, ("dimse",)))
    mutants = [_mutant(catalogue, id) for id in options.mutants]
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
        return _Observation(options, events or Events(), catalogue, record, judge, archive, mutants).whole()


def binding_clients(rules: Sequence[Rule[Any]]) -> list[Rule[Any]]:
    """Those that can bind whoever asks for an association; a run is whole without any of them."""
    found = [replace(r, due=False) for r in rules if r.who is not Role.ACCEPTOR]
    if not found:
        raise UsageError(
            "None of these rules binds a client; leave --only out, or name rules of role scu or requestor."
        )
    return found


def _mutant(catalogue: Catalogue, id: str) -> Mutant:
    found = catalogue.mutants.get(id)
    if found is None:
        raise UsageError(f"There is no mutant {id!r}; `dicomproof mutants` lists them.")
    if found.at not in (At.MESSAGE, At.PDU, At.DOOR) or door_of(found, catalogue.rules[found.rule]) != "dimse":
        raise UsageError(f"The mutant {id} is one of the web door; it cannot be served in DIMSE.")
    return found


@dataclass
class _Observation:
    """One observation from its first line to its last."""

    options: Options
    events: Events
    catalogue: Catalogue
    record: Record
    judge: Judge
    archive: Archive
    mutants: Sequence[Mutant]
    seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.clerk = Clerk(self.record, self.judge)
        self.behind = Behind("judge")
        self.entity = self.options.entity  # with the port that was had in the end

    def whole(self) -> Result:
        reason, said = "complete", ""
        peers = {p.title: Peer(p.host, p.port) for p in self.options.peers}
        mutate = dimse_mutation(*self.mutants) if self.mutants else None
        setup = Setup(peers=peers, strict=False, observe=self._observing, mutate=mutate)
        entity = self.options.entity
        try:
            with serve(self.archive, entity.title, entity.host, entity.port, setup) as served:
                self.entity = served.entity
                schedule(served, self.options.worklist)
                self._header(served.entity)
                self.events.serving(served.entity)
                said = self._until_over(served.entity)
            self.behind.settle()
        except KeyboardInterrupt:  # the usual way to end it
            self.behind.settle()
        except OSError as error:
            if not self.seen and (error.errno in _ADDRESS or isinstance(error, socket.gaierror)):
                raise UsageError(f"{entity} cannot be served: {error.strerror}. Choose another --dimse.") from None
            reason, said = (
                "error",
                f"The observation could not go on: {error}. Free some space or choose another --out.",
            )
        finally:
            self.behind.close()
        return self._end(reason, said)

    def _header(self, entity: Entity) -> None:
        self.clerk.header(
            {
                "tool": {"name": "dicomproof", "version": __version__},
                "mode": "serve",
                "started": datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat(),
                "edition": self.options.edition,
                "policies": {name: self.judge.context.policy(name) for name in POLICIES},
                "target": {"word": f"clients of {entity.url}", "base": "", "dimse": entity.url},
                "waivers": [],
                "seed": 0,
                "nonce": "",
                "examples": 0,
                "only": self.options.only,
                "read_only": True,
                "command": self.options.again,
                "catalogue": self.catalogue.digest(),
            }
        )

    @contextlib.contextmanager
    def _observing(self) -> Iterator[Tape]:
        """The tape of one association; when that is over it is judged, while others go on."""
        tape = Tape(self.record.blobs)
        try:
            yield tape
        finally:
            with self._lock:
                self.seen += 1
                about = {"judged": frozenset({"requestor"}), "address": str(self.entity), "probe": "client"}
                a = tape.finish(self.seen, **about)
            with contextlib.suppress(OSError):  # our own disk; told of when the observation settles
                self.behind.do(lambda: self._taken(a))

    def _taken(self, a: Association) -> None:
        self.events.association(a, self.clerk.take(a))

    def _until_over(self, entity: Entity) -> str:
        """Wait until the command has ended, the time is over, or somebody says stop; what there is to say about it."""
        if not self.options.command:
            _wait(self.options.seconds)
            return ""
        environment = {**os.environ, ADDRESS: str(entity)}
        words = [w.replace("{host}", entity.host).replace("{port}", str(entity.port)).replace("{title}", entity.title)
                 for w in self.options.command]  # fmt: skip
        try:
            done = subprocess.run(words, env=environment, check=False, timeout=self.options.seconds)
        except FileNotFoundError:
            raise UsageError(f"There is no command {words[0]!r}.") from None
        except subprocess.TimeoutExpired:
            return f"The command {words[0]} was stopped after {self.options.seconds:g} s."
        return f"The command {words[0]} ended with exit code {done.returncode}." if done.returncode else ""

    def _end(self, reason: str, said: str) -> Result:
        verdicts = self.clerk.finish(reason, said)
        code = Exit.OURS if reason == "error" else exit_code(verdicts, all_due=False)
        names = {n: f"association {n}" for n in range(1, self.seen + 1)}
        if not self.seen and code is not Exit.OURS:
            code, said = Exit.UNREACHABLE, said or "Nobody asked for an association, so nothing was judged."
        return Result(code, verdicts, said, self.options.out, names)


_ADDRESS = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}


def _wait(seconds: float | None) -> None:
    """Until the time is over, or somebody interrupts or asks to terminate."""
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    main = threading.current_thread() is threading.main_thread()
    before = {n: signal.signal(n, told) for n in (signal.SIGINT, signal.SIGTERM)} if main else {}
    try:
        stop.wait(seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
