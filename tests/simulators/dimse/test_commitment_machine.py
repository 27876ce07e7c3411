"""Commitments by chance: what is stored is committed to and nothing else is, here or on another association."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from harness.association import Association
from harness.blobs import Blobs
from harness.make import steps
from harness.make.uids import uid
from harness.talk.dimse import Limits
from harness.talk.listener import Listener, Manner
from harness.upper_layer import message as say
from harness.upper_layer.message import Message
from harness.upper_layer.negotiate import Policy
from harness.wire.sop import COMMITMENT, COMMITMENT_INSTANCE
from simulators.archive.archive import Archive
from simulators.dimse.link import Peer
from simulators.dimse.serve import Served
from suites.dimse.commitment import delivery, reading, reports, requests

from .conftest import CT, SC, make, put
from .machines import EVERYBODY, EXPLICIT, User, octets

RULES = (delivery, reports, requests)  # their import declares the rules
TITLE = "MACHINE"  # of the user, under which it can be called back
COUNT = itertools.count()
REFERENCES = st.lists(st.integers(0, 7), min_size=1, max_size=6, unique=True)

Pair = tuple[str, str]


@dataclass
class Model:
    """Instances by number, those of them that are stored, and what was asked for in each transaction."""

    names: dict[int, str] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    transactions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def name(self, number: int) -> str:
        return self.names.setdefault(number, uid("commitment machine", next(COUNT)))

    def ask(self, pairs: list[Pair]) -> tuple[str, int]:
        """A new transaction for these references, and the event type that its report has to have."""
        name = uid("transaction", next(COUNT))
        kept = [i for c, i in pairs if i in self.stored and c == SC]
        wrong = [i for c, i in pairs if i in self.stored and c != SC]
        unknown = [i for c, i in pairs if i not in self.stored]
        told = {"requested": [list(p) for p in pairs], "kept": kept, "conflicting": wrong, "unknown": unknown}
        self.transactions[name] = told
        return name, 1 if len(kept) == len(pairs) else 2


EARLIER: set[str] = set()  # transactions of the histories before this one


class Keeping(RuleBasedStateMachine):
    """A user that stores, asks what is kept, waits or leaves at once, and breaks no rule."""

    archive: Archive
    door: Served
    listener: Listener
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.user = User(self.door.entity, self.folder, (COMMITMENT,))
        self.model = Model()
        self.due: dict[str, int] = {}  # transactions whose report was not heard yet, with its event type
        self.here = 0  # reports that this association has to bring
        self.legal = True

    @initialize()
    def comes(self) -> None:
        self._associate()

    def _associate(self) -> None:
        self.user.associate({"transactions": self.model.transactions, "called": self.door.entity.title})
        self.user.facts["transactions"] = self.model.transactions
        self.here = 0

    @rule(number=st.integers(0, 7))
    def stores(self, number: int) -> None:
        name = self.model.name(number)
        if name not in self.model.stored:
            put(self.archive, make(study=uid("study", name), series=uid("series", name), instance=name))
            self.model.stored.add(name)

    @rule(numbers=REFERENCES, wrong=st.sets(st.integers(0, 7), max_size=1))
    def asks_and_waits(self, numbers: list[int], wrong: set[int]) -> None:
        self._ask(numbers, wrong)
        self._hear()

    @rule(numbers=REFERENCES)
    def asks_and_leaves(self, numbers: list[int]) -> None:
        """The report comes before the release, or on another association."""
        self._ask(numbers, set())
        self._associate()

    @rule()
    def comes_anew(self) -> None:
        self._hear()
        self._associate()

    def _ask(self, numbers: list[int], wrong: set[int]) -> None:
        pairs = [(CT if n in wrong else SC, self.model.name(n)) for n in numbers]
        name, type_ = self.model.ask(pairs)
        assert self.action(steps.commitment(name, pairs)) == 0
        self.due[name] = type_
        self.here += 1

    def action(self, information: Any, type_: int = 1, instance: str = COMMITMENT_INSTANCE) -> int:
        def build(context: Any, number: int) -> Message:
            return say.n_action_rq(context.id, number, COMMITMENT, instance, type_, octets(information))

        return self.user.ask(COMMITMENT, build).status

    def _hear(self) -> None:
        """Wait on this association until it brought what it has to."""
        dial = self.user.dial
        assert dial is not None
        for _ in range(500):
            if len(dial.served) >= self.here:
                break
            dial.receive(0.02, quiet=True)
        assert len(dial.served) == self.here, dial.ended

    def teardown(self) -> None:
        self._hear()
        self.user.leave()
        called = self._called_back()
        sides = EVERYBODY if self.legal else frozenset({"acceptor"})
        assert self.user.red("commitment.", sides) == {}
        self.user.kept = called
        assert self.user.red("commitment.", EVERYBODY) == {}

    def _called_back(self) -> list[Association]:
        """The reports of what was asked for and left, on associations of the door's own; all have come in the end."""
        told = self._reported(self.user.kept)
        left = set(self.due) - set(told)
        self.listener.wait(lambda heard: left <= _transactions(heard.received, self.model), 10.0)
        found = [
            a.but(facts={"transactions": self.model.transactions, "called": self.door.entity.title})
            for a in self.listener.collect(2.0)
        ]
        told |= self._reported(found)
        # a report whose response was lost comes again, and may do so while the next history is under way
        assert {name: type_ for name, type_ in told.items() if name not in EARLIER} == self.due
        EARLIER.update(self.due)
        return found

    @staticmethod
    def _reported(kept: list[Association]) -> dict[str, int]:
        return {
            reading.transaction(o): reading.type_of(o) or 0
            for a in kept
            for o in a.operations
            if o.request.verb == "event-report"
        }


def _transactions(received: list[Message], model: Model) -> set[str]:
    return {name for name in model.transactions for m in received if name.encode() in m.dataset_octets()}


class Wild(Keeping):
    """The same user, who also asks for what is no request."""

    @precondition(lambda self: self.model.transactions)
    @rule(type_=st.sampled_from([0, 2, 99]))
    def asks_for_another_action(self, type_: int) -> None:
        self._refused(self.action(steps.commitment(uid(next(COUNT)), [(SC, "2.25.1")]), type_), 0x0123)

    @rule()
    def asks_another_instance(self) -> None:
        information = steps.commitment(uid(next(COUNT)), [(SC, "2.25.1")])
        self._refused(self.action(information, instance="2.25.7"), 0x0112)

    @rule(change=st.sampled_from(["TransactionUID", "ReferencedSOPSequence"]))
    def asks_for_nothing(self, change: str) -> None:
        information = steps.commitment(uid(next(COUNT)), [(SC, "2.25.1")], **{change: None})
        self._refused(self.action(information), 0x0115)

    @rule(number=st.integers(0, 7))
    def asks_twice_for_one(self, number: int) -> None:
        pair = (SC, self.model.name(number))
        self._refused(self.action(steps.commitment(uid(next(COUNT)), [pair, pair])), 0x0115)

    def _refused(self, status: int, due: int) -> None:
        """It was refused with the demanded status; that nothing comes of it is seen in the end."""
        self.legal = False
        assert status == due, f"{status:04X}H"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    policy = Policy(supports={COMMITMENT: (EXPLICIT, "1.2.840.10008.1.2")}, roles={COMMITMENT: (True, True)})
    with Listener(Blobs(tmp_path / "called"), Manner(policy=policy), limits=Limits(deadline=10.0)) as opened:
        yield opened


CHANCE = settings(max_examples=20, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("keeping", [Keeping, Wild])
def test_commitments(
    keeping: type[Keeping], archive: Archive, opened: Callable[..., Served], listener: Listener, tmp_path: Path
) -> None:
    door = opened(peers={TITLE: Peer("127.0.0.1", listener.port)}, retries=(0.05,))
    about = {"archive": archive, "door": door, "listener": listener, "folder": tmp_path}
    run_state_machine_as_test(type(keeping.__name__, (keeping,), about), settings=CHANCE)
