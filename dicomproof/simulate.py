"""Knows how the reference simulator is served on its own until somebody stops it.

Must not know what it answers.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

import suites
from dicomproof.run import UsageError
from dicomproof.sims import Mutate, dimse_mutation, door_of, mutation
from dicomproof.until import until
from harness.context import DEFAULT_EDITION, unknown_edition
from harness.entity import Entity, EntityError
from harness.entity import parse as parse_entity
from harness.exchange import Answer, Ask
from harness.rule import At, Mutant
from simulators.agents.troupe import Cast, playing
from simulators.archive.archive import Archive
from simulators.dimse.link import known
from simulators.dimse.serve import Served, Setup
from simulators.dimse.serve import serve as serve_dimse
from simulators.serve import serve


@dataclass(frozen=True)
class Options:
    """What the command line asks of a simulator: which doors at which addresses, over which archive, with which
    defects. `peers` are the application entities that the DIMSE door knows, `worklist` files of what is scheduled.
    `cast` are agents that schedule and perform workitems at the web door."""

    web: str = ""
    dimse: str = ""
    peers: Sequence[str] = ()
    worklist: Sequence[Path] = ()
    data: Path | None = None
    database: str | None = None
    mutants: Sequence[str] = ()
    edition: str = DEFAULT_EDITION
    reconcile: bool = False
    cast: Cast = field(default_factory=Cast)
    commit_later: int = 0  # answers without a result to a commitment request over HTTP and to checks of it
    forget: float = 0.0  # seconds after which workitems that have ended are looked for and removed; 0: never


def simulate(console: Console, options: Options) -> None:
    """Serve until interrupted. UsageError for an address, mutant or edition that does not exist."""
    if why := unknown_edition(options.edition):
        raise UsageError(why)
    doors = [word for word, there in (("web", options.web), ("dimse", options.dimse)) if there]
    if options.cast and not options.web:
        raise UsageError("Performers and requesters play at the web door; say --web HOST:PORT.")
    mutants = chosen(options.mutants, doors)
    with contextlib.ExitStack() as stack:
        folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dicomproof-")))
        archive = stack.enter_context(contextlib.closing(Archive(folder, options.database, options.reconcile)))
        archive.commitments.later = options.commit_later
        if options.forget:
            stack.enter_context(forgetting(archive, options.forget))
        doors = []
        if options.web:
            url = stack.enter_context(_web(archive, options, mutants))
            stack.enter_context(playing(url, options.cast))
            doors.append(f"DICOMweb at {url}{told(options.cast)}")
        if options.dimse:
            doors.append(f"DIMSE at {stack.enter_context(_dimse(archive, options, mutants))}")
        kept = str(folder) if options.data else "a temporary folder that is removed at the end"
        broken = f", with {len(mutants)} seeded defects" if mutants else ""
        text = f"{', '.join(doors)}, edition {options.edition}{broken}, data in {kept}. Ctrl-C stops it."
        console.print(text, highlight=False, soft_wrap=True)
        until((), None, {}, {})
        console.print("Stopped.", highlight=False)


@contextlib.contextmanager
def forgetting(archive: Archive, seconds: float) -> Iterator[None]:
    """Remove workitems that have ended and that no deletion lock holds, again and again, until the block ends."""
    over = threading.Event()

    def forget() -> None:
        while not over.wait(seconds):
            archive.workitems.purge()

    thread = threading.Thread(target=forget, name="forget", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def told(cast: Cast) -> str:
    """Who plays there, for people; '' for nobody."""
    counted = ((cast.performers, "performer"), (cast.requesters, "requester"))
    words = [f"{count} {name}{'s' * (count > 1)}" for count, name in counted if count]
    return f" with {' and '.join(words)}" if words else ""


@contextlib.contextmanager
def _web(archive: Archive, options: Options, mutants: Sequence[Mutant]) -> Iterator[str]:
    host, port = address(options.web)
    mutate, wire = broken_by([m for m in mutants if door_of(m, suites.load().rules[m.rule]) == "web"])
    with contextlib.ExitStack() as stack:
        serving = serve(archive, host=host, port=port, edition=options.edition, mutate=mutate, wire=wire)
        try:
            served = stack.enter_context(serving)
        except OSError as error:
            raise UsageError(
                f"{host}:{port} cannot be served: {error.strerror or error}. Choose another --web."
            ) from None
        yield served.url


@contextlib.contextmanager
def _dimse(archive: Archive, options: Options, mutants: Sequence[Mutant]) -> Iterator[str]:
    place = entity(options.dimse)
    own = [m for m in mutants if door_of(m, suites.load().rules[m.rule]) == "dimse"]
    setup = Setup(peers=known(map(entity, options.peers)), mutate=dimse_mutation(*own))
    with contextlib.ExitStack() as stack:
        serving = serve_dimse(archive, place.title, place.host, place.port, setup)
        try:
            served = stack.enter_context(serving)
        except OSError as error:
            said = error.strerror or error
            raise UsageError(f"{place} cannot be served: {said}. Choose another --dimse.") from None
        schedule(served, options.worklist)
        yield served.address


def schedule(served: Served, files: Sequence[Path]) -> None:
    """Put the items of these files on the worklist; UsageError when one of them holds none."""
    for path in files:
        try:
            served.services.worklist.load(path)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} holds no worklist items: {error}. Give DICOM files or DICOM JSON.") from None


def address(text: str) -> tuple[str, int]:
    """HOST:PORT, :PORT or PORT."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or not 0 <= int(port) < 65536:
        raise UsageError(f"{text!r} is no address; say HOST:PORT, such as 127.0.0.1:8080.")
    return host.strip("[]") or "127.0.0.1", int(port)


def entity(text: str) -> Entity:
    """AET@HOST:PORT."""
    try:
        return parse_entity(text)
    except EntityError as error:
        raise UsageError(str(error)) from None


def chosen(ids: Sequence[str], doors: Collection[str]) -> list[Mutant]:
    """The mutants of these ids; UsageError for one that does not exist or that none of these doors can be served
    with."""
    catalogue = suites.load()
    found = []
    for id in ids:
        mutant = catalogue.mutants.get(id)
        if mutant is None:
            raise UsageError(f"There is no mutant {id!r}; `dicomproof mutants` lists them.")
        if mutant.at is At.ASK:
            raise UsageError(f"The mutant {id} is one of clients; nothing can be served with it.")
        at = door_of(mutant, catalogue.rules[mutant.rule])
        if at not in doors:
            raise UsageError(f"The mutant {id} is one of the {at or 'file'} side, which is not served here.")
        found.append(mutant)
    return found


def broken_by(mutants: Sequence[Mutant]) -> tuple[Mutate | None, Callable[[bytes], bytes] | None]:
    """The mutants, one after the other, as the web door and the relay want them."""
    wires = [m.act for m in mutants if m.at is At.WIRE]
    doors = [mutation(m) for m in mutants if m.at is not At.WIRE]

    def wire(octets: bytes) -> bytes:
        for act in wires:
            octets = act(octets)
        return octets

    return (_chained(doors) if doors else None), (wire if wires else None)


def behind(outer: Mutate, inner: Mutate | None) -> Mutate:
    """One that answers with another, or with nothing, between it and the door."""
    return _chained([inner, outer]) if inner else outer


def _chained(doors: Sequence[Mutate]) -> Mutate:
    def mutate(ask: Ask, door: Callable[[Ask], Answer]) -> Answer:
        for outer in doors:
            door = _behind(outer, door)
        return door(ask)

    return mutate


def _behind(outer: Mutate, door: Callable[[Ask], Answer]) -> Callable[[Ask], Answer]:
    return lambda ask: outer(ask, door)
