"""Knows how simulators are stood up for a run: the reference, a mutant of it, a control.

Must not know rules; mutants are handed through as plain functions.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from harness.entity import Entity
from harness.exchange import Answer, Ask, Exchange
from harness.make import steps
from harness.make.attributes import attributes
from harness.rule import At, Catalogue, Mutant, MutantFunction, Rule
from harness.target import DOORS, Dimse, Target, TargetError
from harness.upper_layer.message import Message
from simulators import controls
from simulators.archive.archive import Archive
from simulators.dimse import controls as dimse_controls
from simulators.dimse.link import known
from simulators.dimse.serve import Setup
from simulators.dimse.serve import serve as serve_dimse
from simulators.dimse.visit import Mutation, Serve
from simulators.line import Served
from simulators.serve import serve
from simulators.web.service import URI_SERVICE, WADO_WS
from simulators.web.wado_ws import REPOSITORY

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

TITLE = "SIMULATOR"
SCHEDULE = "simulator"  # the seed of the worklist of a simulator that is checked
Thing = TypeVar("Thing")
Mutate = Callable[[Ask, Callable[[Ask], Answer]], Answer]


@dataclass(frozen=True)
class Standing:
    """Where the target can be asked: the Base URI of its web services and its DIMSE side, '' and None without.

    `uri_service`: the Base URI of the URI service, '' where nobody says that there is one; `wado_ws`: the URL of the
    endpoint of WADO-WS likewise.
    """

    base: str = ""
    dimse: Dimse | None = None
    uri_service: str = ""
    wado_ws: str = ""


@contextlib.contextmanager
def stand_up(target: Target, catalogue: Catalogue, edition: str, data: Path | None = None,
             called_back: Entity | None = None) -> Iterator[Standing]:  # fmt: skip
    """The simulator that the target names, served in here, or the product. `called_back`: us, as it is to know us."""
    if not target.simulator:
        yield Standing(target.base, target.dimse, target.uri_service, target.wado_ws)
        return
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dicomproof-")))
        if target.simulator == "control":
            yield stack.enter_context(_control(target.which))
            return
        mutant = catalogue.mutants.get(target.which)
        if mutant is None and target.simulator == "mutant":
            raise TargetError(f"There is no mutant {target.which!r}; `dicomproof mutants` lists them.")
        archive = stack.enter_context(contextlib.closing(Archive(folder / "archive")))
        for planned in steps.scheduled(SCHEDULE):  # no service schedules anything, so a product comes with its own
            archive.worklist.put(attributes(planned))
        rule = catalogue.rules[mutant.rule] if mutant else None
        served = doors_of(rule) if rule else target.doors
        spoilt = door_of(mutant, rule) if mutant and rule else ""
        base, dimse = "", None
        if "web" in served:
            base = stack.enter_context(broken(archive, mutant if spoilt == "web" else None, edition))
        if "dimse" in served:
            dimse = stack.enter_context(_dimse(archive, mutant if spoilt == "dimse" else None, called_back))
        yield Standing(base, dimse, base and base + URI_SERVICE, base and f"{base}{WADO_WS}#{REPOSITORY}")


def doors_of(rule: Rule[Any]) -> frozenset[str]:
    """The doors that its kinds of evidence come through: "web", "dimse", or both."""
    words = {on.split(".")[0].replace("socket", "web") for on in rule.on.split("|")}
    return DOORS if "doors" in words else DOORS & words


def door_of(mutant: Mutant, rule: Rule[Any]) -> str:
    """The one door at which a mutant acts: "web" or "dimse", '' when what it spoils comes through neither.

    A mutant of a rule on both acts at the DIMSE door when it is one of messages or PDUs, else at the web door.
    """
    there = doors_of(rule)
    if len(there) > 1:
        return "dimse" if mutant.at in (At.MESSAGE, At.PDU) else "web"
    return next(iter(there), "")


@contextlib.contextmanager
def _control(name: str) -> Iterator[Standing]:
    side, _, which = name.partition("-")
    if name in CONTROLS:
        with CONTROLS[name]() as control:
            yield Standing(control.url, uri_service=control.url + URI_SERVICE, wado_ws=control.url + WADO_WS)
    elif side == "dimse" and which in dimse_controls.CONTROLS:
        with dimse_controls.CONTROLS[which]() as entity:
            yield Standing(dimse=Dimse(entity))
    else:
        names = [*CONTROLS, *(f"dimse-{n}" for n in dimse_controls.CONTROLS)]
        raise TargetError(f"There is no control {name!r}; there are {', '.join(names)}.")


@contextlib.contextmanager
def _dimse(archive: Archive, mutant: Mutant | None, called_back: Entity | None) -> Iterator[Dimse]:
    setup = Setup(peers=known([called_back] if called_back else []), mutate=dimse_mutation(*[mutant] if mutant else []))
    # another title than ours, so that what is repeated of either can be told apart
    with serve_dimse(archive, TITLE, setup=setup) as served:
        yield Dimse(served.entity)


def dimse_mutation(*mutants: Mutant) -> Mutation:
    """The mutants as the DIMSE door wants them; those of one place act one after the other."""
    acts = {at: [m.act for m in mutants if m.at is at] for at in (At.MESSAGE, At.PDU, At.DOOR)}
    return Mutation(
        message=partial(_messages, acts[At.MESSAGE]) if acts[At.MESSAGE] else None,
        pdu=partial(_pdus, acts[At.PDU]) if acts[At.PDU] else None,
        door=partial(_doors, acts[At.DOOR]) if acts[At.DOOR] else None,
    )


def _messages(acts: Sequence[MutantFunction], message: Message, asked: Message | None) -> list[Message]:
    found = [message]
    for act in acts:
        found = [new for old in found for new in _several(act(old, asked), old, Message)]
    return found


def _pdus(acts: Sequence[MutantFunction], octets: bytes) -> list[bytes]:
    found = [octets]
    for act in acts:
        found = [new for old in found for new in _several(act(old), old, bytes)]
    return found


def _several(made: Any, old: Thing, kind: type[Thing]) -> list[Thing]:
    """What a mutant made of something: nothing, one, or several of its kind."""
    if made is None:
        return [old]
    return [made] if isinstance(made, kind) else list(made)


def _doors(acts: Sequence[MutantFunction], request: Message, door: Serve) -> Iterable[Message]:
    for act in acts:
        door = partial(_through, act, door)
    return door(request)


def _through(act: MutantFunction, door: Serve, request: Message) -> Iterable[Message]:
    found: Iterable[Message] = act(request, door)
    return found


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
