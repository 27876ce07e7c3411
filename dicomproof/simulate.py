"""Knows how the reference simulator is served on its own until somebody stops it.

Must not know what it answers.
"""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

import suites
from dicomproof.run import UsageError
from dicomproof.sims import Mutate, mutation
from harness.context import unknown_edition
from harness.exchange import Answer, Ask
from harness.rule import At
from simulators.archive.archive import Archive
from simulators.serve import serve


def simulate(
    console: Console, web: str, data: Path | None, database: str | None, mutants: Sequence[str], edition: str
) -> None:
    """Serve until interrupted. UsageError for an address, mutant or edition that does not exist."""
    host, port = address(web)
    if why := unknown_edition(edition):
        raise UsageError(why)
    mutate, wire = broken_by(mutants)
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dicomproof-")))
        archive = stack.enter_context(contextlib.closing(Archive(folder, database)))
        kept = str(folder) if data else "a temporary folder that is removed at the end"
        try:
            served = stack.enter_context(
                serve(archive, host=host, port=port, edition=edition, mutate=mutate, wire=wire)
            )
        except OSError as error:
            raise UsageError(
                f"{host}:{port} cannot be served: {error.strerror or error}. Choose another --web."
            ) from None
        broken = f", with {len(mutants)} seeded defects" if mutants else ""
        text = f"DICOMweb at {served.url}, edition {edition}{broken}, data in {kept}. Ctrl-C stops it."
        console.print(text, highlight=False, soft_wrap=True)
        _until_stopped()
        console.print("Stopped.", highlight=False)


def _until_stopped() -> None:
    """Wait for Ctrl-C or a request to terminate."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    stop.wait()


def address(text: str) -> tuple[str, int]:
    """HOST:PORT, :PORT or PORT."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or not 0 <= int(port) < 65536:
        raise UsageError(f"{text!r} is no address; say HOST:PORT, such as 127.0.0.1:8080.")
    return host.strip("[]") or "127.0.0.1", int(port)


def broken_by(ids: Sequence[str]) -> tuple[Mutate | None, Callable[[bytes], bytes] | None]:
    """The chosen mutants, one after the other, as the doors and the relay want them."""
    catalogue = suites.load()
    unknown = [i for i in ids if i not in catalogue.mutants]
    if unknown:
        raise UsageError(f"There is no mutant {unknown[0]!r}; `dicomproof mutants` lists them.")
    chosen = [catalogue.mutants[i] for i in ids]
    wires = [m.act for m in chosen if m.at is At.WIRE]
    doors = [mutation(m) for m in chosen if m.at is not At.WIRE]

    def wire(octets: bytes) -> bytes:
        for act in wires:
            octets = act(octets)
        return octets

    return (_chained(doors) if doors else None), (wire if wires else None)


def _chained(doors: Sequence[Mutate]) -> Mutate:
    def mutate(ask: Ask, door: Callable[[Ask], Answer]) -> Answer:
        for outer in doors:
            door = _behind(outer, door)
        return door(ask)

    return mutate


def _behind(outer: Mutate, door: Callable[[Ask], Answer]) -> Callable[[Ask], Answer]:
    return lambda ask: outer(ask, door)
