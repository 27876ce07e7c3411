"""Provokes C-STORE: the corpus, a new instance of each kind, and a look at what became of them.

Must not judge what comes back.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.make.corpus import Sample, corpus
from harness.make.holding import Holding
from harness.make.identifiers import KEYS, LEVELS, RETURNED, UNIQUE, Identifier, Level
from harness.make.variants import fresh
from harness.rule import probe
from harness.talk.dialogue import Dimse, Reply
from harness.talk.listener import Manner
from harness.wire.status import class_of
from suites.dimse import offers
from suites.dimse.offers import FIND, GET, MOVE, octets
from suites.dimse.storage.stored import KIND

TRIES = 3  # how often something is looked for before it counts as not there


def taken(reply: Reply) -> bool:
    """The instance was acknowledged, with or without a warning."""
    return reply.status is not None and class_of(reply.status) in ("success", "warning")


@probe("storage.load", provokes="dimse.storage", needs="write")
def load(dimse: Dimse) -> None:
    """Store the corpus on one association, each instance as it is; what was not negotiated is left out."""
    samples = corpus(dimse.session.seed, dimse.nonce)
    facts = {"legal": True, "ours": [s.instance for s in samples]}
    with dimse.associate(offers.storing(samples), facts=facts) as a:
        held = [s for s in samples if taken(a.store(s))]
    known = {s.instance for s in dimse.session.samples}
    dimse.session.samples = [*dimse.session.samples, *(s for s in held if s.instance not in known)]
    dimse.session.holding = Holding.of(dimse.session.samples)


def kinds(samples: Sequence[Sample], name: str) -> list[Sample]:
    """A new instance of each SOP Class and each transfer syntax, each in a study of its own."""
    seen: set[str] = set()
    made: list[Sample] = []
    for sample in samples:
        new = {sample.sop_class, sample.transfer_syntax}
        if not new <= seen:
            seen |= new
            made.append(fresh(sample, len(made) + 1, name))
    return made


def _image(sample: Sample) -> Identifier:
    return _named(sample, "IMAGE")


def _named(sample: Sample, level: Level) -> Identifier:
    """The identifier that names the study, the series or the instance of a sample."""
    keys = (("0020000D", sample.study), ("0020000E", sample.series), ("00080018", sample.instance))
    return Identifier("study", level, keys[: LEVELS["study"].index(level) + 1])


def _with_all(sample: Sample, level: Level) -> Identifier:
    """The same with every key of the level to be returned."""
    own = [key.path for key in KEYS["study"][level] if key.path != UNIQUE[level]]
    more = (*RETURNED[level], *(RETURNED["PATIENT"] if level == "STUDY" else ()))
    return _named(sample, level).with_keys(*((path, "") for path in (*own, *more)))


@probe("storage.effects", provokes=("dimse.storage", "dimse.query-retrieve", KIND), needs="write")
def effects(dimse: Dimse) -> None:
    """Store a new instance of each kind, look for each by C-FIND, and fetch it back by C-GET and C-MOVE."""
    made = kinds(corpus(dimse.session.seed, dimse.nonce), dimse.probe)
    facts = {"legal": True, "ours": [s.instance for s in made]}
    with dimse.journey(KIND):
        with dimse.associate(offers.storing(made), step="store", facts=facts) as a:
            held = [s for s in made if taken(a.store(s))]
        with dimse.associate(offers.asking(FIND["study"]), step="find", facts=facts) as a:
            for sample in held:
                for _ in range(TRIES):
                    found = a.find(FIND["study"], octets(a, FIND["study"], _image(sample)))
                    if found.pending or found.status != 0:
                        break
                for level in LEVELS["study"]:
                    a.find(FIND["study"], octets(a, FIND["study"], _with_all(sample, level)))
        storage = offers.receiving(held, Holding.of(held))
        contexts = [*offers.asking(GET["study"]), *storage]
        with dimse.associate(contexts, step="get", facts=facts, roles=offers.roles(storage)) as a:
            for sample in held:
                a.get(GET["study"], octets(a, GET["study"], _image(sample)))
        if dimse.reachable:
            _move(dimse, held, facts)


def _move(dimse: Dimse, held: Sequence[Sample], facts: dict[str, object]) -> None:
    with (
        dimse.listening(Manner(offers.taking()), step="destination", facts=facts),
        dimse.associate(offers.asking(MOVE["study"]), step="move", facts=facts) as a,
    ):
        for sample in held:
            a.move(MOVE["study"], octets(a, MOVE["study"], _image(sample)), dimse.setup.title)
