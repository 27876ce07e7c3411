"""Knows how two products are watched: a relay stands between them, and what both say is recorded and judged.

Recording and judging go on beside the copying, in threads and a process of their own: the products are slowed down
only when so much is waiting that it would not fit into memory.
Must not know any particular rule, nor how anything is shown.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import suites
from dicomproof.header import header
from dicomproof.run import Result, UsageError, select
from dicomproof.simulate import address
from dicomproof.until import until
from harness.apart import Lost, apart
from harness.association import Association, Evidence
from harness.behind import Behind
from harness.blobs import Blobs
from harness.clerk import Clerk, Desk
from harness.context import DEFAULT_EDITION, Context, unknown_edition
from harness.entity import Entity
from harness.exchange import Exchange
from harness.judge import Judge, Met
from harness.record import BLOBS, Record
from harness.rule import Rule
from harness.verdict import Exit, exit_code
from harness.watch.bases import Bases
from harness.watch.relay import Ear, Place, Serving, relaying
from harness.watch.scribe import LONG, Scribe, notified_at

WEB, DIMSE = "DICOMPROOF_WEB", "DICOMPROOF_DIMSE"  # environment variables in which a command finds our addresses
AHEAD = 10_000  # exchanges that the copying may be ahead of the judging; each takes little memory
SWITCH = 0.0005  # seconds that a thread may go on while another one wants to
LARGE = 4096  # octets of a body that do not wait in memory
_ADDRESS = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}


@dataclass
class Options:
    """What the command line asks of a watching.

    `web` is the Base URI of the server, `base` the path of its services when that is another one; `dimse` the
    acceptor. `listen` and `listen_dimse` are where we stand in their place. `certificate` and `key` are files for TLS
    with the clients, `ca` of the authorities that vouch for the server. See `until` for `command` and `seconds`.
    """

    out: Path
    web: str = ""
    listen: str = "127.0.0.1:8080"
    base: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    dimse: Entity | None = None
    listen_dimse: str = "127.0.0.1:11112"
    command: Sequence[str] = ()
    seconds: float | None = None
    only: str = ""
    edition: str = DEFAULT_EDITION
    again: str = ""
    apart: bool = False  # record and judge in a process of its own

    @property
    def doors(self) -> tuple[str, ...]:
        """The first words of the kinds of evidence that can come."""
        return tuple(word for word, there in (("web", self.web), ("dimse", self.dimse)) if there)


@dataclass
class Events:
    """What a watching tells whoever shows it."""

    serving: Callable[[Sequence[str]], None] = lambda places: None
    evidence: Callable[[Evidence, Met], None] = lambda x, met: None
    behind: Callable[[int], None] = lambda waiting: None


def watch(options: Options, events: Events | None = None) -> Result:
    """Watch and judge. UsageError for an option or address that cannot be; never raises for what the products do."""
    if why := unknown_edition(options.edition):
        raise UsageError(why)
    if not options.doors:
        raise UsageError("There is nothing to watch; say --web URL or --dimse AET@HOST:PORT.")
    _rules(options)
    with contextlib.ExitStack() as stack:
        blobs = Blobs(options.out.absolute() / BLOBS)
        make = partial(made_desk, replace(options, out=options.out.absolute()))
        desk = stack.enter_context(apart(make, blobs) if options.apart else make())
        return _Watching(options, events or Events(), desk, blobs).whole()


@contextlib.contextmanager
def made_desk(options: Options) -> Iterator[Desk]:
    """What records and judges; made in the process in which it works."""
    record = Record(options.out)
    with contextlib.closing(record):
        judge = Judge(
            suites.load(),
            Context(edition=options.edition),
            _rules(options),
            grounded=False,
            on_error=lambda rule, text: record.note("error", f"{rule}\n{text}"),
        )
        yield Clerk(record, judge)


def _rules(options: Options) -> list[Rule[Any]]:
    """What can be judged between two products; a watching is whole without any of it."""
    return [replace(r, due=False) for r in select(suites.load(), options.only, options.doors)]


@dataclass
class _Listening:
    """The ears of one door."""

    scribe: Scribe
    ear: Callable[[str], Ear]

    def listen(self, client: str) -> Ear:
        return self.ear(client)

    @property
    def full(self) -> bool:
        return self.scribe.full


@dataclass
class _Watching:
    """One watching from its first line to its last."""

    options: Options
    events: Events
    desk: Desk
    blobs: Blobs
    waiting: int = 0
    names: dict[int, str] = field(default_factory=dict)
    lengths: Counter[str] = field(default_factory=Counter)  # of journeys, in exchanges

    def __post_init__(self) -> None:
        self.behind = Behind("judge", AHEAD)
        self.scribe = Scribe(self._take, self._note)
        scheme = "https" if self.options.certificate else "http"
        self.bases = Bases(self._root(), scheme)

    def _root(self) -> str | None:
        """The path of the services as it was told, None when the requests have to show it."""
        path = urlsplit(self.options.web).path.rstrip("/")
        return self.options.base if self.options.base is not None else path or None

    def whole(self) -> Result:
        reason, said = "complete", ""
        try:
            said = self._served()
            self._settle()
        except OSError as error:
            reason, said = "error", _stuck(error)
        finally:
            self.behind.close()
        return self._end(reason, said)

    def _served(self) -> str:
        """Stand between them until it is over; what there is to say about how it ended."""
        said = ""
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(_prompt())
                stack.callback(self.scribe.close)
                relays = [stack.enter_context(self._relay(door)) for door in self.options.doors]
                self.scribe.rooms += [relay.room for relay in relays]
                places = self._places(relays)
                self._header()
                self.events.serving(list(places.values()))
                said = self._until_over(places)
        except KeyboardInterrupt:  # the usual way to end it
            pass
        return said

    @contextlib.contextmanager
    def _relay(self, door: str) -> Iterator[Serving]:
        options = self.options
        word = "--listen" if door == "web" else "--listen-dimse"
        host, port = address(options.listen if door == "web" else options.listen_dimse)
        with contextlib.ExitStack() as stack:
            try:
                made = relaying(self._server(door), self._ears(door), host, port, _tls(options, door))
                relay = stack.enter_context(made)
            except OSError as error:
                if error.errno not in _ADDRESS and not isinstance(error, socket.gaierror):
                    raise
                why = f"{host}:{port} cannot be listened at: {error.strerror}. Choose another {word}."
                raise UsageError(why) from None
            if door == "web":
                self.bases.place = _named(relay.host, relay.port)
            yield relay

    def _server(self, door: str) -> Place:
        if door == "dimse":
            assert self.options.dimse is not None
            return Place(self.options.dimse.host, self.options.dimse.port)
        split = server_of(self.options.web)
        secure = split.scheme == "https"
        return Place(
            split.hostname or "", split.port or (443 if secure else 80), _trust(self.options) if secure else None
        )

    def _ears(self, door: str) -> _Listening:
        if door == "dimse":
            return _Listening(self.scribe, lambda _: self.scribe.dimse(self.blobs, str(self.options.dimse)))
        return _Listening(
            self.scribe, lambda client: self.scribe.web(self.blobs, self.bases.of, client, self.options.web)
        )

    def _places(self, relays: Sequence[Serving]) -> dict[str, str]:
        """Where the clients find us, by the door."""
        found = {}
        for door, relay in zip(self.options.doors, relays, strict=True):
            if door == "web":
                path = urlsplit(self.options.web).path.rstrip("/")
                found[door] = f"{self.bases.scheme}://{_named(relay.host, relay.port)}{path}"
            else:
                assert self.options.dimse is not None
                found[door] = str(Entity(self.options.dimse.title, relay.host, relay.port))
        return found

    def _header(self) -> None:
        context = Context(edition=self.options.edition)
        dimse = self.options.dimse
        servers = [self.options.web] * bool(self.options.web) + ([dimse.url] if dimse else [])
        target = {"word": f"{' and '.join(servers)} and who asks there", "base": self.options.web}
        target |= {"dimse": dimse.url} if dimse else {}
        line = header("watch", context, target, suites.load().digest(), self.options.only, self.options.again)
        self.behind.do(lambda: self.desk.header(line))

    def _until_over(self, places: dict[str, str]) -> str:
        words = {"base": places.get("web", "")}
        if "dimse" in places:
            title, _, place = places["dimse"].rpartition("@")
            host, _, port = place.rpartition(":")
            words |= {"title": title, "host": host.strip("[]"), "port": port}
        told = {name: places[door] for name, door in ((WEB, "web"), (DIMSE, "dimse")) if door in places}
        return until(self.options.command, self.options.seconds, words, told)

    def _take(self, x: Evidence) -> None:
        """From the scribe: record and judge it as soon as it is its turn."""
        if isinstance(x, Exchange):
            if place := notified_at(x):
                self.bases.notifies(place, x.ask.base)
            x = x.but(ask=_put_away(x.ask, self.blobs), answer=_put_away(x.answer, self.blobs))
            octets = sum(b.size for b in (x.ask.body, x.answer.body) if b.data is not None)
        else:
            octets = sum(b.size for b in (x.requestor, x.acceptor) if b.data is not None)
        self.waiting += 1
        self.behind.do(lambda: self._taken(x), octets)

    def _taken(self, x: Evidence) -> None:
        met = self.desk.take(x)
        self.waiting -= 1
        if isinstance(x, Association):
            self.names[x.seq] = x.called
        self.lengths[x.journey] += bool(x.journey)
        if self.lengths[x.journey] == LONG:  # another one begins, and this one is kept no longer
            del self.lengths[x.journey]
            self.desk.close(x.journey)
        self.events.evidence(x, met)

    def _note(self, text: str) -> None:
        self.behind.do(lambda: self.desk.note("watch", text))

    def _settle(self) -> None:
        """Wait until all that was heard is recorded and judged."""
        if self.scribe.failure is not None:
            raise self.scribe.failure
        if self.waiting > 1:
            self.events.behind(self.waiting)
        self.behind.settle()

    def _end(self, reason: str, said: str) -> Result:
        said = " ".join(w for w in (said, self._counted()) if w)
        try:
            verdicts = self.desk.finish(reason, said)
        except Lost as lost:
            return Result(Exit.OURS, [], _stuck(lost), self.options.out)
        code = Exit.OURS if reason == "error" else exit_code(verdicts, all_due=False)
        if not self.scribe.seen and code is not Exit.OURS:
            code = Exit.UNREACHABLE
        return Result(code, verdicts, said, self.options.out, self.names)

    def _counted(self) -> str:
        """What was not judged, for people."""
        told = []
        if self.scribe.unreached:
            told.append(f"The server could not be reached {self.scribe.unreached} times.")
        if self.bases.outside:
            told.append(f"{self.bases.outside} requests asked for something else and were only passed on.")
        if not self.scribe.connections:
            told.append("Nobody came by, so nothing was judged.")
        elif not self.scribe.seen:
            told.append("Nothing that was said could be judged.")
        return " ".join(told)


@contextlib.contextmanager
def _prompt() -> Iterator[None]:
    """While it lasts, whoever copies need not wait for long until another thread lets go of the interpreter."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _put_away(message: Any, blobs: Blobs) -> Any:
    """The message with a large body in the folder, so that it does not wait in memory."""
    body = message.body
    return replace(message, body=blobs.keep(body)) if body.data is not None and body.size > LARGE else message


def _named(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def server_of(web: str) -> SplitResult:
    """A Base URI of a server that can be watched; UsageError when it is none."""
    try:
        split = urlsplit(web)
        usable = split.scheme in ("http", "https") and split.hostname and split.port != 0
    except ValueError:
        usable = False
    if not usable or split.username is not None or split.query or split.fragment:
        raise UsageError(f"{web!r} is no address of a server; say --web http://host:port/path.")
    return split


def _trust(options: Options) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(options.ca) if options.ca else None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{options.ca} holds no certificates that can be used: {error.strerror or error}.") from None


def _tls(options: Options, door: str) -> ssl.SSLContext | None:
    """For the clients of the web door; None for plain HTTP."""
    if door != "web" or options.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.certificate, options.key)
    except (OSError, ssl.SSLError) as error:
        why = f"{options.certificate} cannot be used as a certificate: {error.strerror or error}."
        raise UsageError(why) from None
    return context


def _stuck(error: OSError) -> str:
    if isinstance(error, Lost):
        return f"The watching could not go on: {error}. The record holds what was done so far, and is not a result."
    return f"The watching could not go on: {error}. Free some space or choose another --out."
