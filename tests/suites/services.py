"""A run of the probes of DIMSE messages and services against the simulator's door, unbroken or with one defect."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import suites
from harness.association import Association
from harness.blobs import Blobs
from harness.body import Body
from harness.judge import Judge, Met
from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.rule import At, Mutant, Probe, Rule
from harness.talk.dialogue import Dimse
from harness.talk.dialogue import Setup as Ours
from harness.talk.dimse import Limits
from harness.talk.listener import Listener
from simulators.archive.archive import Archive
from simulators.dimse.link import Peer
from simulators.dimse.serve import Setup, serve
from simulators.dimse.visit import Mutation
from suites.dimse.find import asked

CATALOGUE = suites.load()
PREFIXES = ("messages.", "verification.", "storage.", "find.", "get-move.", "dataset.")
RULES = {r.id: r for r in CATALOGUE.rules.values() if r.id.startswith(PREFIXES)}
SEED, NONCE = 5, "services"
US = "DICOMPROOF"


def dimse_probes() -> dict[str, Probe]:
    """Our probes in the order in which a run has them: what loads comes first."""
    found = [p for p in CATALOGUE.probes.values() if p.act.__module__.startswith("suites.dimse.")]
    found = [p for p in found if ".association" not in p.act.__module__ and p.id.startswith(PREFIXES)]
    found = [p for p in found if p.id != "find.find-data"]  # it is for runs in which nothing may be stored
    return {p.id: p for p in sorted(found, key=lambda p: p.id != "storage.load")}


Predict = Callable[[Association], dict[str, Any] | None]


@dataclass
class Session:
    """Judges what probes say, as a run does."""

    folder: Path
    judge: Judge
    errors: list[str]
    seed: int = SEED
    nonce: str = NONCE
    edition: str = "2024e"
    holding: Holding = field(default_factory=Holding)
    samples: list[Sample] = field(default_factory=list)
    kept: list[Association] = field(default_factory=list)
    met: Met = field(default_factory=list)
    journeys: int = 0
    deadline: float = 5.0
    predict: Predict = lambda a: None

    @property
    def blobs(self) -> Blobs:
        return Blobs(self.folder)

    def next_journey(self, kind: str) -> str:
        self.journeys += 1
        return f"{kind}#{self.journeys}"

    def close_journey(self, name: str, wait: bool = False) -> None:
        self.met += self.judge.close(name)

    def associated(self, association: Association, **about: Any) -> Association:
        one = association.but(seq=len(self.kept) + 1, **about)
        one = one.but(expected=self.predict(one))
        self.kept.append(one)
        self.met += self.judge.see(one)
        return one


def run(
    probes: Iterable[str],
    mutation: Mutation | None = None,
    rules: Sequence[Rule[Any]] | None = None,
    predict: Predict = lambda a: None,
    deadline: float = 5.0,
) -> Session:
    """Run these probes, one after the other."""
    errors: list[str] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        blobs = Blobs(folder / "blobs")
        listener = stack.enter_context(Listener(blobs, limits=Limits(deadline=5.0)))
        archive = Archive(folder / "archive")
        setup = Setup(peers={US: Peer("127.0.0.1", listener.port)}, mutate=mutation)
        served = stack.enter_context(serve(archive, "STORE", setup=setup))
        judge = Judge(
            CATALOGUE, rules=list(RULES.values() if rules is None else rules),
            on_error=lambda rule, text: errors.append(f"{rule}: {text}"),
        )  # fmt: skip
        session = Session(folder / "blobs", judge, errors, predict=predict)
        ours = Ours(limits=Limits(deadline=deadline, artim=3.0), listener=listener, title=US)
        known = dimse_probes()
        for probe in probes:
            known[probe].act(Dimse(session, served.entity, probe, ours))
        listener.close()
        session.kept = [_held(a) for a in session.kept]
    return session


def _held(a: Association) -> Association:
    return a.but(requestor=Body.of(a.requestor.bytes()), acceptor=Body.of(a.acceptor.bytes()))


def mutation(mutant: Mutant) -> Mutation:
    """The mutant at its place in the door."""
    if mutant.at is At.DOOR:
        return Mutation(door=mutant.act)
    return Mutation(message=mutant.act) if mutant.at is At.MESSAGE else Mutation(pdu=mutant.act)


def oracle(unbroken: Session) -> Predict:
    """Predicts what the unbroken door answered to the same identifier."""
    universe = [s.study for s in unbroken.samples]
    known: dict[bytes, list[list[str]]] = {}
    for a in unbroken.kept:
        for o in a.operations:
            if o.kind == "dimse.query-retrieve.find" and o.request.data is not None and o.status == 0:
                known[o.request.data.bytes()] = [[uid] for uid in asked.owns(o)]

    def predict(a: Association) -> dict[str, Any] | None:
        told = {}
        for o in a.operations:
            matches = known.get(o.request.data.bytes()) if o.request.data is not None else None
            if matches is not None:
                told[str(o.number)] = {"matches": matches, "arguable": [], "universe": universe}
        return told

    return predict
