"""Associations for tests of the rules of the upper layer: made by hand from octets, and had from the probes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import suites
from harness.association import Association, Said, Side
from harness.blobs import Blobs
from harness.body import Body
from harness.context import Context
from harness.exchange import Journey
from harness.make.corpus import corpus
from harness.make.holding import Holding
from harness.past import Past
from harness.rule import At, Finding, Mutant, Rule
from harness.talk.dialogue import Dimse
from harness.talk.dialogue import Setup as Ours
from harness.talk.dimse import Limits
from harness.upper_layer import encode
from harness.upper_layer.offer import Acceptance, Answered, Offer, Proposed
from simulators.archive.archive import Archive
from simulators.dimse.serve import Setup, serve
from simulators.dimse.visit import Terms
from suites.dimse.association import octets

CATALOGUE = suites.load()
RULES = {r.id: r for r in CATALOGUE.rules.values() if r.id.startswith("association.")}
PROBES = [p for p in CATALOGUE.probes.values() if p.id.startswith("association.")]
CONTEXT = Context("2024e", {}, Past())

US: Side = "requestor"
THEM: Side = "acceptor"
Step = tuple[Side, bytes | str]

OFFER = Offer((Proposed(1, octets.VERIFICATION, (octets.IMPLICIT,)),), "THEM", "US", 16384)
RQ = encode.associate_rq(OFFER).encode()
AC = encode.associate_ac(
    Acceptance((Answered(1, 0, octets.IMPLICIT),), "THEM", "US", 16384, implementation_class="1.2.3")
).encode()
RJ = octets.associate_rj(1, 1, 1)
ECHO = octets.say_echo(1)
DONE = octets.data(octets.value(1, 3, octets.command([
    (0x0002, octets.VERIFICATION.encode() + b"\0"), (0x0100, b"\x30\x80"), (0x0120, b"\1\0"), (0x0800, b"\1\1"),
    (0x0900, b"\0\0"),
])))  # fmt: skip
RELEASE = octets.RELEASE_RQ
RELEASED = octets.RELEASE_RP
ABORT = octets.abort()
PROVIDER = octets.abort(2, 2)
OPEN: list[Step] = [(US, RQ), (THEM, AC)]
WHOLE: list[Step] = [*OPEN, (US, ECHO), (THEM, DONE), (US, RELEASE), (THEM, RELEASED), (US, "close")]


def made(steps: Iterable[Step], judged: Iterable[str] = (THEM,), **about: Any) -> Association:
    """An association in which these things were said, in this order; a word is an event of that side."""
    said: dict[Side, bytes] = {US: b"", THEM: b""}
    events = []
    for side, what in steps:
        if isinstance(what, str):
            events.append(Said(side, what))  # type: ignore[arg-type]
        else:
            said[side] += what
            events.append(Said(side, "octets", len(what)))
    return Association(
        1, Body.of(said[US]), Body.of(said[THEM]), tuple(events), frozenset(judged), context=CONTEXT, **about
    )


def user(raw: bytes, *extra: octets.Item) -> bytes:
    """The request or acceptance with further sub-items of user information."""
    return octets.edited_user(raw, raw[0], lambda held: [*held, *extra]) or raw


def opened(rq: bytes = RQ, told: bytes = AC, judged: Iterable[str] = (THEM,), **about: Any) -> Association:
    """An association without a message, of this request and acceptance, and released."""
    return made([(US, rq), (THEM, told), (US, RELEASE), (THEM, RELEASED), (US, "close")], judged, **about)


def found(rule: str, subject: Any) -> list[Finding] | None:
    """The findings of a rule; None when the subject does not exercise it."""
    judged = RULES[rule]
    if not subject.judges(judged.who.value) or not judged.when(subject):
        return None
    return list(judged(subject))


def fails(rule: str, subject: Any) -> bool:
    return any(not f.warn for f in found(rule, subject) or ())


def warns(rule: str, subject: Any) -> bool:
    told = found(rule, subject) or []
    return bool(told) and all(f.warn for f in told)


def passes(rule: str, subject: Any) -> bool:
    return found(rule, subject) == []


@dataclass
class Collector:
    """A session that keeps what probes say, and judges nothing."""

    folder: Path
    seed: int = 1
    nonce: str = "nonce"
    edition: str = "2024e"
    deadline: float = 3.0
    holding: Holding = field(default_factory=Holding)
    samples: list[Any] = field(default_factory=list)
    kept: list[Association] = field(default_factory=list)

    @property
    def blobs(self) -> Blobs:
        return Blobs(self.folder)

    def next_journey(self, kind: str) -> str:
        return f"{kind}#1"

    def close_journey(self, name: str, wait: bool = False) -> None:
        return None

    def associated(self, association: Association, **about: Any) -> Association:
        one = association.but(seq=len(self.kept) + 1, context=CONTEXT, **about)
        self.kept.append(one)
        return one


def recorded(strict: bool = True) -> list[Association]:
    """What all probes of the upper layer got from the unbroken simulator."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        setup = Setup(strict=strict, terms=Terms(artim=1.0))
        with serve(Archive(folder / "archive"), "STORE", setup=setup) as served:
            session = Collector(folder / "blobs", samples=corpus(1, "nonce")[:3])
            ours = Ours(limits=Limits(deadline=3.0, artim=3.0))
            for probe in PROBES:
                probe.act(Dimse(session, served.entity, probe.id, ours))
        return [a.but(requestor=Body.of(a.requestor.bytes()), acceptor=Body.of(a.acceptor.bytes()))
                for a in session.kept]  # fmt: skip


def subjects(rule: Rule[Any], associations: Iterable[Association]) -> Iterator[Any]:
    """What this rule judges among these: associations, or the journeys that they make."""
    if rule.over is Association:
        yield from associations
        return
    journeys: dict[str, list[Association]] = {}
    for a in associations:
        if a.journey:
            journeys.setdefault(a.journey, []).append(a)
    for name, members in journeys.items():
        if rule.applies_to(name.partition("#")[0]):
            yield Journey(name.partition("#")[0], name, (), CONTEXT, tuple(members))


def broken(mutant: Mutant, a: Association) -> Association:
    """The association with each PDU of the side that the rule binds changed by the mutant, judged on that side."""
    assert mutant.at is At.PDU
    side: Side = US if RULES[mutant.rule].who.value == "requestor" else THEM
    starts = {t.pdu.at: t for t in a.turns if t.side == side}
    changed: dict[int, bytes] = {at: _changed(mutant.act, t.pdu.octets.bytes()) for at, t in starts.items()}
    said: list[Said] = []
    came = 0
    for one in a.said:
        if one.side != side or one.what != "octets":
            said.append(one)
            continue
        came += one.size
        ready = [at for at in changed if at + starts[at].pdu.octets.size <= came and at not in _taken(said, starts)]
        said.append(Said(side, "octets", sum(len(changed[at]) for at in ready), one.ms, ",".join(map(str, ready))))
    octets_ = Body.of(b"".join(changed[at] for at in sorted(changed)))
    fields = {"requestor": octets_} if side == US else {"acceptor": octets_}
    return a.but(said=tuple(said), judged=frozenset({side}), **fields)


def _taken(said: Iterable[Said], starts: Any) -> set[int]:
    return {int(word) for one in said for word in one.detail.split(",") if word.isdigit() and int(word) in starts}


def _changed(act: Callable[[bytes], Any], raw: bytes) -> bytes:
    after = act(raw)
    if after is None:
        return raw
    return b"".join(after) if isinstance(after, list) else after
