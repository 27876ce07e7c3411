"""Asks for storage commitment: for what is stored, what is not, what is called otherwise, much, and what is no request.

Must not know what is judged about the answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset

from harness.make import steps
from harness.make.uids import uid
from harness.rule import probe
from harness.talk.dialogue import Associated, Dimse
from harness.talk.listener import Listener, Manner
from harness.upper_layer.negotiate import Policy
from harness.upper_layer.offer import Role
from harness.wire.sop import COMMITMENT, COMMITMENT_INSTANCE, ROOTS

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
CONTEXTS = ((COMMITMENT, (EXPLICIT, IMPLICIT)),)
KINDS = ("dimse.commitment.n-action", "dimse.commitment.event-report", "dimse.commitment.deliveries")
OTHER_CLASS = "1.2.840.10008.5.1.4.1.1.88.11"  # Basic Text SR, which none of the instances is
PATIENCE = 10.0  # seconds in which a report is waited for
SLICE = 0.1
MANY = 10_000
FEW = 3

Pair = tuple[str, str]


class Transactions:
    """Makes the requests of one probe, and keeps what is known of each for the facts of its associations."""

    def __init__(self, dimse: Dimse) -> None:
        self._words = (dimse.session.seed, dimse.nonce, dimse.probe)
        self.known: dict[str, dict[str, Any]] = {}
        self.kept: list[Pair] = [(s.sop_class, s.instance) for s in dimse.samples[:FEW]]
        self.patience = min(PATIENCE, dimse.session.deadline)
        self.facts: dict[str, Any] = {"transactions": self.known, "called": dimse.entity.title, "waited": self.patience}

    def unknown(self, count: int = 1) -> list[Pair]:
        """References to what nobody stored."""
        return [(steps.SC, uid(*self._words, "never stored", n)) for n in range(count)]

    def conflicting(self) -> list[Pair]:
        """A reference to what is stored, under a class it does not have."""
        return [(OTHER_CLASS, instance) for _, instance in self.kept[-1:]]

    def request(self, *pairs: Sequence[Pair]) -> tuple[str, Dataset]:
        """A Transaction UID and the Action Information for these references."""
        name = uid(*self._words, "transaction", len(self.known))
        asked = [pair for some in pairs for pair in some]
        kept, wrong = set(self.kept), self.conflicting()
        self.known[name] = {
            "requested": [list(pair) for pair in asked],
            "kept": [i for c, i in asked if (c, i) in kept],
            "conflicting": [i for c, i in asked if (c, i) in wrong],
            "unknown": [i for c, i in asked if (c, i) not in kept and (c, i) not in wrong],
        }
        return name, steps.commitment(name, asked)


def ask(a: Associated, information: Dataset) -> int | None:
    """A request for commitment; the status of its response."""
    return a.n_action(COMMITMENT, COMMITMENT_INSTANCE, 1, information).status


def await_reports(a: Associated, count: int, seconds: float) -> bool:
    """Whether so many reports came on this association in time."""
    until = time.monotonic() + seconds
    while len(a.dial.served) < count and a.open and time.monotonic() < until:
        a.receive(SLICE, quiet=True)
    return len(a.dial.served) >= count


@probe("commitment.same-association", provokes=KINDS, needs="loaded")
def same_association(dimse: Dimse) -> None:
    """What is stored, what is not, both, and one under a wrong class; the association stands until all is reported."""
    own = Transactions(dimse)
    with dimse.journey("dimse.commitment.deliveries"), _listening(dimse, own):
        committed = False
        for syntax in (EXPLICIT, IMPLICIT):
            contexts = ((COMMITMENT, (syntax,)),)
            with dimse.associate(contexts, step="asks", facts=own.facts, calling=_title(dimse)) as a:
                a.facts["transactions"] = own.known
                if a.accepts(COMMITMENT) is None:
                    continue
                committed |= _all_kinds(a, own)
        if committed and own.kept:
            fetch(dimse, own.kept[0])


@contextmanager
def _listening(dimse: Dimse, own: Transactions) -> Iterator[Listener | None]:
    """Be there for reports on other associations, if the target knows where."""
    if not dimse.reachable:
        yield None
        return
    policy = Policy(supports={COMMITMENT: (EXPLICIT, IMPLICIT)}, roles={COMMITMENT: (True, True)})
    with dimse.listening(Manner(policy=policy), step="listens", facts=own.facts) as listener:
        yield listener


def _title(dimse: Dimse) -> str:
    """The title under which we can be called back, where there is one."""
    return dimse.setup.title if dimse.reachable else dimse.setup.calling


def _all_kinds(a: Associated, own: Transactions) -> bool:
    count = 0
    kinds: list[tuple[Sequence[Pair], ...]] = [(own.kept, own.unknown(2)), (own.unknown(),), (own.kept,)]
    kinds += [(own.kept[:-1], own.conflicting())] if len(own.kept) > 1 else []
    for pairs in kinds:
        _, information = own.request(*pairs)
        if any(pairs) and ask(a, information) == 0:
            count += 1
            if not await_reports(a, count, own.patience):
                return False  # it reports elsewhere, or takes its time
    return count > 0


def fetch(dimse: Dimse, pair: Pair) -> None:
    """A C-GET of one instance by its UID alone, on the storage class it has."""
    sample = next((s for s in dimse.samples if s.instance == pair[1]), None)
    if sample is None:
        return
    model = ROOTS["study"]["get"]
    contexts = ((model, (EXPLICIT, IMPLICIT)), (sample.sop_class, (sample.transfer_syntax,)))
    roles = (Role(sample.sop_class, 0, 1),)
    with dimse.associate(contexts, step="fetches", facts={"fetches": sample.instance}, roles=roles) as a:
        if a.accepts(model) is not None and a.accepts(sample.sop_class) is not None:
            keys = {"00080052": "IMAGE", "0020000D": sample.study, "0020000E": sample.series}
            a.get(model, steps.by_path({**keys, "00080018": sample.instance}))


@probe("commitment.elsewhere", provokes=KINDS, needs="loaded")
def elsewhere(dimse: Dimse) -> None:
    """The association is released as soon as the request was received: the report has to come on another one."""
    if not dimse.reachable:
        return
    own = Transactions(dimse)
    with dimse.journey("dimse.commitment.deliveries"), _listening(dimse, own) as listener:
        received = False
        with dimse.associate(CONTEXTS, step="asks", facts=own.facts, calling=_title(dimse)) as a:
            a.facts["transactions"] = own.known
            if a.accepts(COMMITMENT) is not None:
                _, information = own.request(own.kept, own.unknown())
                received = ask(a, information) == 0
            early = len(a.dial.served)
        if listener is not None and received and not early:
            listener.wait(lambda heard: bool(heard.received), own.patience)


@probe("commitment.many", provokes=KINDS, needs="loaded")
def many(dimse: Dimse) -> None:
    """Ten thousand references in one request."""
    own = Transactions(dimse)
    with dimse.associate(CONTEXTS, step="asks", facts=own.facts) as a:
        a.facts["transactions"] = own.known
        if a.accepts(COMMITMENT) is not None:
            _, information = own.request(own.kept, own.unknown(MANY - len(own.kept)))
            if ask(a, information) == 0:
                await_reports(a, 1, own.patience)


@probe("commitment.refusals", provokes=KINDS, needs="nothing")
def refusals(dimse: Dimse) -> None:
    """Another action, another instance, and requests without a transaction, without references, with empty ones."""
    own = Transactions(dimse)
    with dimse.associate(CONTEXTS, step="refused", facts=own.facts) as a:
        a.facts["transactions"] = own.known
        if a.accepts(COMMITMENT) is None:
            return
        _, whole = own.request(own.unknown())
        a.n_action(COMMITMENT, COMMITMENT_INSTANCE, 2, whole)
        a.n_action(COMMITMENT, uid("no instance", dimse.nonce), 1, whole)
        for information in broken(own.unknown(), own):
            ask(a, information)
        a.receive(SLICE, quiet=True)


def broken(pairs: Iterable[Pair], own: Transactions) -> list[Dataset]:
    """Action Information that lacks what Table J.3-1 asks for."""
    held = list(pairs)
    name, _ = own.request(held)
    empty = steps.commitment(name, held)
    empty.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = ""
    return [
        steps.commitment(name, held, TransactionUID=""),
        steps.commitment(name, held, TransactionUID=None),
        steps.commitment(name, []),
        steps.commitment(name, held, ReferencedSOPSequence=None),
        empty,
    ]


@probe("commitment.again", provokes=KINDS, needs="loaded")
def again(dimse: Dimse) -> None:
    """The Transaction UID of a request that was reported comes again."""
    own = Transactions(dimse)
    with dimse.associate(CONTEXTS, step="asks", facts=own.facts) as a:
        a.facts["transactions"] = own.known
        if a.accepts(COMMITMENT) is None:
            return
        name, information = own.request(own.kept or own.unknown())
        a.facts["again"] = [name]
        own.known[name] = {"requested": own.known[name]["requested"]}  # what the second report is to say is open
        for count in (1, 2):
            if ask(a, information) == 0 and not await_reports(a, count, own.patience):
                return
