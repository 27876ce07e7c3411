"""A run of the probes for worklist, performed steps and storage commitment against the simulator's door."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dicomproof.retell import retold
from harness.association import SIDES, Association, Said, Side
from harness.blobs import Blobs
from harness.body import Body
from harness.context import Context
from harness.judge import Judge, Met
from harness.make import steps
from harness.make.attributes import attributes
from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.rule import CATALOGUE, At, Finding, Mutant, Rule
from harness.rule import Role as Who
from harness.talk.dialogue import Dimse
from harness.talk.dialogue import Setup as Ours
from harness.talk.dimse import Limits
from harness.talk.listener import Listener
from harness.upper_layer.encode import associate_ac, associate_rq, release_rp, release_rq
from harness.upper_layer.message import Message
from harness.upper_layer.offer import IMPLICIT, Acceptance, Answered, Offer, Role, propose
from harness.verdict import Verdict
from simulators.archive.archive import Archive
from simulators.dimse.link import Peer
from simulators.dimse.serve import Setup, serve
from simulators.dimse.visit import Mutation
from tests.associations import octets

US = "DICOMPROOF"
SEED, NONCE = 5, "steps"


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
    deadline: float = 20.0

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
        self.kept.append(one)
        self.met += self.judge.see(one)
        return one


def rules(*prefixes: str) -> list[Rule[Any]]:
    return [r for r in CATALOGUE.rules.values() if r.id.startswith(prefixes)]


def run(
    probes: Iterable[str],
    judged: Sequence[Rule[Any]],
    mutation: Mutation | None = None,
    peers: bool = True,
    samples: Sequence[Sample] = (),
) -> Session:
    """Run these probes, one after the other; `peers`: the door knows where to call us back."""
    errors: list[str] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        blobs = Blobs(folder / "blobs")
        listener = stack.enter_context(Listener(blobs, limits=Limits(deadline=5.0)))
        archive = Archive(folder / "archive")
        known = {US: Peer("127.0.0.1", listener.port)} if peers else {}
        setup = Setup(peers=known, mutate=mutation, retries=(0.05,))
        served = stack.enter_context(serve(archive, "STORE", setup=setup))
        for sample in samples:
            incoming = archive.receive()
            incoming.write(sample.part10)
            archive.store([incoming])
        for planned in steps.scheduled(SEED):
            served.services.worklist.put(attributes(planned))
        judge = Judge(
            CATALOGUE, rules=list(judged), on_error=lambda rule, text: errors.append(f"{rule}: {text}"),
        )  # fmt: skip
        session = Session(folder / "blobs", judge, errors, samples=list(samples))
        ours = Ours(
            limits=Limits(deadline=5.0, artim=3.0), listener=listener if peers else None, title=US if peers else ""
        )
        for probe in probes:
            CATALOGUE.probes[probe].act(Dimse(session, served.entity, probe, ours))
        listener.close()
        session.kept = [_held(a) for a in session.kept]
        archive.close()
    return session


def _held(a: Association) -> Association:
    return a.but(requestor=Body.of(a.requestor.bytes()), acceptor=Body.of(a.acceptor.bytes()))


def mutation(mutant: Mutant) -> Mutation:
    """The mutant at its place in the door."""
    if mutant.at is At.DOOR:
        return Mutation(door=mutant.act)
    return Mutation(message=mutant.act) if mutant.at is At.MESSAGE else Mutation(pdu=mutant.act)


def by_rule(session: Session) -> dict[str, Verdict]:
    return {v.rule: v for v in session.judge.finish()}


EVERYBODY = frozenset({"requestor", "acceptor"})


def talked(
    abstracts: Sequence[str], *said: tuple[Side, Message], roles: Sequence[Role] = (), **about: Any
) -> Association:
    """An association made by hand, with a context 1, 3, 5 ... in implicit VR for each abstract syntax."""
    offer = Offer(propose([(uid, [IMPLICIT]) for uid in abstracts]), called="PACS", calling="WE", roles=tuple(roles))
    answered = tuple(Answered(2 * n + 1, 0, IMPLICIT) for n in range(len(abstracts)))
    acceptance = Acceptance(answered, "PACS", "WE", roles=tuple(roles))
    told: list[tuple[Side, bytes]] = [
        ("requestor", associate_rq(offer).encode()),
        ("acceptor", associate_ac(acceptance).encode()),
        *((side, octets(message)) for side, message in said),
        ("requestor", release_rq().encode()),
        ("acceptor", release_rp().encode()),
    ]
    events = tuple(Said(side, "octets", len(what), ms) for ms, (side, what) in enumerate(told))
    requestor, acceptor = (Body.of(b"".join(what for side, what in told if side == own)) for own in SIDES)
    return Association(7, requestor, acceptor, events, **{"judged": EVERYBODY, **about})


def judged(rule: str, told: Iterable[Association], sides: frozenset[str] = EVERYBODY) -> Verdict:
    """The verdict of one rule on these associations."""
    judge = Judge(CATALOGUE, Context(), rules=[CATALOGUE.rules[rule]])
    for a in told:
        judge.see(a.but(judged=sides))
    return judge.finish()[0]


def findings(rule: str, *told: Association) -> list[Finding] | None:
    """What a rule finds in associations; None when none of them exercises it."""
    verdict = judged(rule, told)
    return list(verdict.findings) if verdict.exercised else None


def mutants(found: Iterable[Rule[Any]], *at: At) -> list[Any]:
    """The mutants of these rules that act at these places, as parameters of a test."""
    return [pytest.param(m, id=m.id) for r in found for m in r.mutants if m.at in at]


def met_when_retold(mutant: Mutant, kept: Iterable[Association]) -> Verdict | None:
    """The verdict of its rule on what was recorded, told again with the defect; None when it changes nothing."""
    rule = CATALOGUE.rules[mutant.rule]
    side: Side = "requestor" if rule.who in (Who.SCU, Who.REQUESTOR) else "acceptor"
    told = [(a, retold(a, side, mutant)) for a in kept]
    return judged(rule.id, [b or a for a, b in told]) if any(b is not None for _, b in told) else None


def exercising(rule: Rule[Any], kept: Iterable[Association]) -> list[str]:
    """The probes whose associations exercise a rule by themselves."""
    return list(dict.fromkeys(a.probe for a in kept if judged(rule.id, [a], a.judged).exercised))


def met_when_served(mutant: Mutant, probes: Iterable[str], **about: Any) -> bool:
    """Whether one of the probes, each with a door of its own that has the defect, turns the rule red."""
    rule = CATALOGUE.rules[mutant.rule]
    for probe in probes:
        session = run([probe], [rule], mutation(mutant), **about)
        assert not session.errors
        if session.judge.failed(rule.id):
            return True
    return False
