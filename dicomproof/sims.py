"""Knows how simulators are stood up for a run: the reference, a mutant of it, a control; and the oracle beside them.

Must not know rules; mutants are handed through as plain functions.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from harness.exchange import Answer, Ask, Exchange
from harness.rule import At, Catalogue, Mutant
from harness.target import Target, TargetError
from simulators import controls
from simulators.archive.archive import Archive
from simulators.line import Served
from simulators.oracle import Oracle
from simulators.serve import serve

# What a test tool must not be fooled or stopped by; `sim:control=NAME`.
CONTROLS: dict[str, Callable[[], contextlib.AbstractContextManager[Served]]] = {
    "liar": lambda: controls.liar("empty"),
    "liar-constant": lambda: controls.liar("constant"),
    "liar-echo": lambda: controls.liar("echo"),
    "refuser": lambda: controls.refuser(404),
    "refuser-409": lambda: controls.refuser(409),
    "refuser-500": lambda: controls.refuser(500),
    "html": controls.html,
    "mute": controls.mute,
    **{f"hostile-{kind}": partial(controls.hostile, kind) for kind in get_args(controls.Hostility)},
}

Mutate = Callable[[Ask, Callable[[Ask], Answer]], Answer]


@dataclass(frozen=True)
class Standing:
    """A target that can be asked at `base`, and an unbroken second archive that predicts."""

    base: str
    oracle: Oracle


@contextlib.contextmanager
def stand_up(target: Target, catalogue: Catalogue, edition: str, data: Path | None = None) -> Iterator[Standing]:
    """Serve the simulator that the target names, or take the product's address; with an oracle in both cases."""
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dicomproof-")))
        oracle = stack.enter_context(Oracle(edition))
        base = target.base or stack.enter_context(_simulator(target, catalogue, edition, folder / "archive"))
        yield Standing(base, oracle)


@contextlib.contextmanager
def _simulator(target: Target, catalogue: Catalogue, edition: str, folder: Path) -> Iterator[str]:
    if target.simulator == "control":
        if target.which not in CONTROLS:
            raise TargetError(f"There is no control {target.which!r}; there are {', '.join(CONTROLS)}.")
        with CONTROLS[target.which]() as control:
            yield control.url
        return
    mutant = None
    if target.simulator == "mutant":
        mutant = catalogue.mutants.get(target.which)
        if mutant is None:
            raise TargetError(f"There is no mutant {target.which!r}; `dicomproof mutants` lists them.")
    with contextlib.closing(Archive(folder)) as archive, broken(archive, mutant, edition) as base:
        yield base


@contextlib.contextmanager
def broken(archive: Archive, mutant: Mutant | None, edition: str) -> Iterator[str]:
    """Serve the archive with this defect; unbroken for None."""
    mutate = mutation(mutant) if mutant and mutant.at is not At.WIRE else None
    wire = mutant.act if mutant and mutant.at is At.WIRE else None
    with serve(archive, edition=edition, mutate=mutate, wire=wire) as served:
        yield served.url


def mutation(mutant: Mutant) -> Mutate:
    """The mutant as the doors want it: something that answers instead of the service."""
    if mutant.at is At.DOOR:
        return mutant.act

    def mutate(ask: Ask, door: Callable[[Ask], Answer]) -> Answer:
        answer = door(ask)
        changed: Answer | None = mutant.act(Exchange(0, ask, answer))
        return answer if changed is None else changed

    return mutate
