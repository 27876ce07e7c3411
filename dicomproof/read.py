"""Knows how files are judged without a target: the walk, one exchange for each file, the judge, the record.

Each file has BUDGET seconds, and MEMORY octets to be read in and as many again to be judged in: a reader or a rule that
wants more is stopped where it is. What could not be read is recorded and not judged.
Must not know how it is shown, nor any particular rule.
"""

from __future__ import annotations

import contextlib
import shlex
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import suites
from dicomproof import bounds
from dicomproof.header import header
from dicomproof.run import Result, UsageError, select
from harness.captures import Capture
from harness.clock import Deadline
from harness.context import DEFAULT_EDITION, Context, unknown_edition
from harness.exchange import Ask, Exchange
from harness.files import CAPTURE, Found, Taken, Unread, Walk, parts, shown, take
from harness.judge import Judge, Met
from harness.record import Record
from harness.rule import Catalogue, Rule
from harness.verdict import Exit, Verdict, exit_code
from harness.wire import remember, sniff

BUDGET = 60.0  # seconds for one file
MEMORY = 1 << 30  # octets
# What a reader says where it stopped for its own sake: behind that place nothing was judged.
BOUNDS = frozenset(
    {"part10.depth", "part10.too-many", "part10.deflate-bound", "json.depth", "json.too-large", "json.item-depth",
     "xml.depth", "xml.too-large", "multipart.too-many-parts", "multipart.part-header-too-long"}
)  # fmt: skip


@dataclass
class Events:
    """What a reading tells whoever shows its progress."""

    file: Callable[[Exchange, Met], None] = lambda x, met: None
    unread: Callable[[Unread], None] = lambda unread: None


@dataclass
class Options:
    """What the command line asks of a reading. `jobs`: files that are fetched and copied at the same time.

    `base`: the Base URI, or its path, of the services that captures show; found from their URLs by default.
    """

    out: Path
    only: str = ""
    edition: str = ""
    jobs: int = 1
    command: str = ""
    base: str = ""


def read(paths: Sequence[Path], options: Options, events: Events | None = None) -> Result:
    """Judge files and folders. UsageError for a wrong option; never raises for what is in them."""
    for path in paths:
        try:
            path.lstat()
        except OSError as error:
            raise UsageError(f"{shown(str(path))} cannot be read: {error.strerror}.") from None
    edition = options.edition or DEFAULT_EDITION
    if why := unknown_edition(edition):
        raise UsageError(why)
    catalogue = suites.load()
    rules = _rules(catalogue, options.only, paths)
    record = Record(options.out)
    with contextlib.closing(record):
        return _Reading(paths, options, events or Events(), catalogue, rules, edition, record).whole()


def _rules(catalogue: Catalogue, only: str, paths: Sequence[Path]) -> Sequence[Rule[Any]]:
    """What can be judged in files, and in captures among them; UsageError when nothing can."""
    rules = select(catalogue, only, ("file", "web"))
    if not any(_of_files(rule) for rule in rules) and not any(
        isinstance(met, Found) and sniff.claimed(met.name) == sniff.HAR for met in Walk(paths)
    ):
        return select(catalogue, only, ("file",))
    return rules


def _of_files(rule: Rule[Any]) -> bool:
    return any(kind.partition(".")[0] == "file" for kind in rule.on.split("|"))


def exchange_of(taken: Taken, seq: int) -> Exchange:
    """A file as an exchange in which nobody was asked."""
    facts: dict[str, Any] = {"declared": taken.declared} if taken.declared else {}
    if taken.recorded is not taken.answer and taken.recorded.body.truncated:
        facts["size"] = taken.answer.body.size
    return Exchange(seq, Ask("READ", taken.name, ""), taken.recorded, facts=facts)


@dataclass
class _Reading:
    """One reading from its first line to its last."""

    paths: Sequence[Path]
    options: Options
    events: Events
    catalogue: Catalogue
    rules: Sequence[Rule[Any]]
    edition: str
    record: Record
    unread: Counter[tuple[str, bool]] = field(default_factory=Counter)
    files: int = 0
    others: Counter[str] = field(default_factory=Counter)  # entries of captures that are not judged, by the reason
    entries: int = 0  # of captures, that are
    captures: int = 0
    broken: list[str] = field(default_factory=list)  # rules that broke, until they are noted
    names: dict[int, str] = field(default_factory=dict)  # of the files in which something was found

    def __post_init__(self) -> None:
        self.judge = Judge(
            self.catalogue,
            Context(edition=self.edition),
            self.rules,
            grounded=False,
            # noted later: nothing is written while the time may run out in the middle of it
            on_error=lambda rule, text: self.broken.append(f"{rule}\n{text}"),
        )

    def whole(self) -> Result:
        self._header()
        reason, said = "complete", ""
        try:
            for taken in self._taken():
                self._one(taken)
        except KeyboardInterrupt:
            reason, said = "interrupted", "Interrupted; the record holds the files that were read so far."
        except OSError as error:  # our own disk: what the files do to us is not raised
            reason, said = "error", f"The reading could not go on: {error}. Free some space or choose another --out."
        return self._end(reason, said)

    def _header(self) -> None:
        target = {"word": " ".join(shown(str(p)) for p in self.paths), "base": self.options.base}
        digest = self.catalogue.digest()
        self.record.run(**header("read", self.judge.context, target, digest, self.options.only, self.options.command))

    def _taken(self) -> Iterator[Taken | Unread]:
        """Everything that the walk meets, in its order; files are fetched ahead, a few at a time."""
        walk = iter(Walk(self.paths, never=[self.record.folder]))
        jobs = max(1, self.options.jobs)
        if jobs == 1:
            yield from (self._fetched(met) for met in walk)
            return
        with ThreadPoolExecutor(jobs) as pool:
            ahead: deque[tuple[Found | Unread, Future[Taken | Unread]]] = deque()
            try:
                for met in islice(walk, jobs):
                    ahead.append((met, pool.submit(self._fetched, met)))
                while ahead:
                    met, waiting = ahead.popleft()
                    try:
                        done = waiting.result()
                    except MemoryError:  # the file that was judged meanwhile had all that there was, and has it no more
                        done = self._fetched(met)
                    for met in islice(walk, 1):
                        ahead.append((met, pool.submit(self._fetched, met)))
                    yield done
            finally:
                for _, waiting in ahead:
                    waiting.cancel()

    def _fetched(self, met: Found | Unread) -> Taken | Unread:
        return take(met, self.record.blobs) if isinstance(met, Found) else met

    def _one(self, taken: Taken | Unread) -> None:
        if isinstance(taken, Unread):
            self._left(taken)
            return
        self.files += 1
        remember.forget()
        deadline = Deadline.after(BUDGET)
        if taken.answer.type == sniff.HAR:
            self._capture(taken, deadline)
            return
        if not self._judged(taken, deadline) or not taken.answer.type.startswith("multipart/"):
            return
        for part in self._parts(taken, deadline):
            if isinstance(part, Unread):
                self._left(part)
            else:
                self._judged(part, deadline)

    def _capture(self, taken: Taken, deadline: Deadline) -> None:
        """What a browser recorded: each entry is an exchange, and has the time of a file."""
        self.captures += 1
        self.record.note("capture", taken.name)
        capture = Capture(taken.name, self.options.base)
        found = self._entries(taken, capture, deadline)
        while True:
            x = next(found, None)
            if x is None:
                break
            if isinstance(x, Unread):
                self._left(x)
                continue
            self.entries += 1
            x = self.record.exchange(x.but(seq=self.record.exchanges + 1))
            self.names[x.seq] = name = f"{taken.name} entry {x.facts['entry']}"
            deadline.at = Deadline.after(BUDGET).at
            why, _ = self._ready(x, name, deadline)
            met, slow = ([], why) if why else self._met(x, name, deadline)
            if slow:
                self._left(slow)
            self.events.file(x, met)
        self.others += capture.others

    def _entries(self, taken: Taken, capture: Capture, deadline: Deadline) -> Iterator[Exchange | Unread]:
        """The entries as long as time and memory last; `deadline` begins anew with each of them."""
        found: Iterator[Exchange | Unread] | None = None
        while True:
            try:
                with bounds.held(deadline.left, MEMORY):
                    found = found or capture.exchanges(taken.answer.body.read(0, CAPTURE))
                    x = next(found, None)
            except (bounds.TooSlow, MemoryError) as why:
                yield _stopped(taken.name, why, "has entries that are not judged")
                return
            except OSError as error:
                yield Unread(taken.name, "unreadable", f"cannot be read: {error.strerror}")
                return
            if x is None:
                return
            yield x

    def _parts(self, taken: Taken, deadline: Deadline) -> Iterator[Taken | Unread]:
        """The parts of a message, as long as time and memory last."""
        found = parts(taken)
        while True:
            try:
                with bounds.held(deadline.left, MEMORY):
                    part = next(found, None)
            except (bounds.TooSlow, MemoryError) as why:
                yield _stopped(taken.name, why, "has parts that are not judged")
                return
            if part is None:
                return
            yield part

    def _judged(self, taken: Taken, deadline: Deadline) -> bool:
        """Record a file, read it, judge it; False when it could not be judged."""
        x = self.record.exchange(exchange_of(taken, self.record.exchanges + 1))
        if taken.recorded.body.truncated:
            x = x.but(answer=taken.answer)
        why, codes = self._read(x, taken, deadline)
        if why:
            x.forget()
            self._left(why)
            return False
        if beyond := BOUNDS & codes:
            names = ", ".join(sorted(beyond))
            self._left(Unread(taken.name, "in part", f"goes over a bound of ours ({names}) and is judged in part"))
        met, why = self._met(x, taken.name, deadline)
        if met:
            self.names[x.seq] = taken.name
        if why:
            self._left(why)
        self.events.file(x, met)
        return not why

    def _read(self, x: Exchange, taken: Taken, deadline: Deadline) -> tuple[Unread | None, set[str]]:
        """Why the file cannot be judged, or the codes of all that the readers found in it."""
        why, codes = self._ready(x, taken.name, deadline)
        if not why and taken.changed:
            why = Unread(taken.name, "changed", "changed while it was read")
        return why, codes

    def _ready(self, x: Exchange, name: str, deadline: Deadline) -> tuple[Unread | None, set[str]]:
        """The same within bounds, for what cannot change any more."""
        try:
            with bounds.held(deadline.left, MEMORY):
                why, codes = _read_ahead(x), _codes(x)
        except (bounds.TooSlow, MemoryError) as stopped:
            return _stopped(name, stopped, "is not judged"), set()
        if not why and deadline.passed:  # where nothing could interrupt it
            why = _stopped(name, bounds.TooSlow(), "is not judged")
        return why, codes

    def _met(self, x: Exchange, name: str, deadline: Deadline) -> tuple[Met, Unread | None]:
        """What the rules found, and why they were stopped if they were: what they had found by then stands."""
        why = None
        met: Met = []
        try:
            with bounds.held(deadline.left, MEMORY):
                met = self.judge.see(x)
        except (bounds.TooSlow, MemoryError) as stopped:
            why = _stopped(name, stopped, "is judged in part")
            self.names[x.seq] = name
        x.forget()
        while self.broken:
            self.record.note("error", self.broken.pop(0))
        return met, why

    def _left(self, unread: Unread) -> None:
        self.unread[unread.kind, unread.lost] += 1
        self.record.note("unread", str(unread))
        self.events.unread(unread)

    def _end(self, reason: str, said: str) -> Result:
        # those on services say nothing where no capture was read
        verdicts = [v for v in self.judge.finish() if self.captures or _of_files(self.catalogue.rules[v.rule])]
        said = " ".join(w for w in (said, self._counted()) if w)
        with contextlib.suppress(OSError):
            for verdict in verdicts:
                self.record.verdict(verdict)
            self.record.note("read", said)
            self.record.end(reason, Counter(v.outcome.value for v in verdicts))
        return Result(self._code(reason, verdicts), verdicts, said, self.options.out, self.names)

    def _counted(self) -> str:
        """How many files were read and what was not, with the reasons, for people."""
        reasons = ", ".join(f"{count} {kind}" for (kind, _), count in sorted(self.unread.items()))
        said = (
            f"{self.files} files read; {f'{self.unread.total()} not judged: {reasons}' if reasons else 'all judged'}."
        )
        if self.captures:
            others = ", ".join(f"{count} {why}" for why, count in sorted(self.others.items()))
            said += f" {self.entries} entries of captures judged{f'; left out: {others}' if others else ''}."
        return said

    def _code(self, reason: str, verdicts: Sequence[Verdict]) -> Exit:
        """As of a check; a folder of which something was lost is not shown to conform, so that is never 0."""
        if reason in ("interrupted", "error"):
            return Exit.INTERRUPTED if reason == "interrupted" else Exit.OURS
        code = exit_code(verdicts, all_due=False)
        return Exit.UNREACHABLE if code is Exit.CONFORMS and any(lost for _, lost in self.unread) else code


def _stopped(name: str, why: BaseException, says: str) -> Unread:
    """A file that wanted more time or memory than it has."""
    if isinstance(why, MemoryError):
        return Unread(name, "too large", f"{says}: it takes more than {MEMORY >> 20} MiB of memory")
    return Unread(name, "too slow", f"{says}: reading it took more than {BUDGET:.0f} s")


def _read_ahead(x: Exchange) -> Unread | None:
    """Have the strict readers read the file before any rule asks, so that what it does to them is seen here."""
    try:
        _ = x.answer.multipart if x.kind == "file.multipart" else (x.answer.files, x.answer.json, x.answer.documents)
    except OSError as error:
        return Unread(x.ask.target, "unreadable", f"could not be read to its end: {error.strerror}")
    except MemoryError:
        raise
    except Exception:  # a reader that breaks is our fault: the rules meet it again, and the judge tells
        return None
    return None


def _codes(x: Exchange) -> set[str]:
    """The codes of all flaws that the readers found in a file."""
    with contextlib.suppress(Exception):  # as above
        if x.kind == "file.multipart":
            return set(x.answer.multipart.flaws.counts) if x.answer.multipart else set()
        flaws = [r.flaws for r in x.answer.files] + [r.flaws for r in x.answer.documents]
        flaws += [x.answer.json.flaws] if x.answer.json else []
        return {code for found in flaws for code in found.counts}
    return set()


def command(paths: Sequence[Path], edition: str, base: str = "") -> str:
    """The command that reads the same files again for one rule; {rule} stands for its id."""
    words = ["dicomproof", "read", *(str(p) for p in paths), "--only", "{rule}"]
    words += ["--edition", edition] if edition else []
    words += ["--base", base] if base else []
    return shown(" ".join(shlex.quote(w) if w != "{rule}" else w for w in words))
