"""Retrievals by chance: destinations that take, warn, refuse, abort or stay mute, and a C-CANCEL at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from harness.blobs import Blobs
from harness.talk.dimse import Limits
from harness.talk.listener import Listener, Manner
from harness.upper_layer import message as say
from harness.upper_layer.message import Message
from harness.upper_layer.negotiate import Policy
from harness.upper_layer.offer import Abort, Role
from simulators.archive.archive import Archive
from simulators.dimse.link import Patience, Peer
from simulators.dimse.serve import Served
from suites.dimse.retrieve import counters, requests, sent

from .conftest import SC, dataset_of, identifier, make, octets_of, put
from .machines import EVERYBODY, EXPLICIT, User

RULES = (counters, requests, sent)  # their import declares the rules
GET, MOVE = "1.2.840.10008.5.1.4.1.2.2.3", "1.2.840.10008.5.1.4.1.2.2.2"
STUDY, SERIES = "1.2.1", "1.2.1.1"
NAMES = tuple(f"1.2.1.1.{n}" for n in range(1, 7))  # in the order in which they are sent
TAKEN, WARNED, REFUSED, BROKEN = 0x0000, 0xB000, 0xA700, -1
OUTCOMES = st.sampled_from([TAKEN, TAKEN, WARNED, REFUSED])
PLANS = st.lists(OUTCOMES, min_size=len(NAMES), max_size=len(NAMES))
COUNTERS = ("Remaining", "Completed", "Failed", "Warning")


def counted(answer: Message) -> dict[str, int | None]:
    return {name: answer.command.get(f"NumberOf{name}Suboperations") for name in COUNTERS}


def failed(answer: Message) -> list[str]:
    if not answer.has_data:
        return []
    found = dataset_of(answer.dataset_octets()).FailedSOPInstanceUIDList
    return [found] if isinstance(found, str) else list(found)


class Receiver:
    """Whoever gets the instances: it does with each as planned, and remembers what it said."""

    def __init__(self) -> None:
        self.plan: dict[str, int] = {}
        self.before: Callable[[Message], Iterable[Message]] = lambda message: ()
        self.got: list[str] = []

    def __call__(self, message: Message) -> Iterator[Message | Abort]:
        outcome = self.plan.get(message.instance, TAKEN)
        self.got.append(message.instance)
        yield from self.before(message)
        yield Abort() if outcome == BROKEN else say.response(message, outcome)


class Retrieving(RuleBasedStateMachine):
    """A user that retrieves the same study again and again, here by C-GET or elsewhere by C-MOVE."""

    door: Served
    listener: Listener
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.receiver = Receiver()
        self.user = User(self.door.entity, self.folder, (GET, MOVE, SC), self.receiver, [Role(SC, 0, 1)])
        self.mute = threading.Event()  # set once a destination that says nothing may go on

    @initialize()
    def comes(self) -> None:
        self.user.associate({})
        policy = Policy(supports={SC: (EXPLICIT, "1.2.840.10008.1.2")})
        self.listener.begin(Manner(policy=policy, serve=self.receiver))

    @rule(plan=PLANS, names=st.sets(st.sampled_from(NAMES), min_size=1))
    def gets(self, plan: list[int], names: set[str]) -> None:
        self._planned(plan)
        *pending, final = self._answers(GET, names)
        self._whole(names, pending, final)

    @rule(plan=PLANS, names=st.sets(st.sampled_from(NAMES), min_size=1))
    def moves(self, plan: list[int], names: set[str]) -> None:
        self._planned(plan)
        *pending, final = self._answers(MOVE, names)
        self._whole(names, pending, final)

    @rule(plan=PLANS, breaks=st.sets(st.sampled_from(NAMES), min_size=1, max_size=2))
    def moves_to_one_that_aborts(self, plan: list[int], breaks: set[str]) -> None:
        """The next sub-operation comes over a new association; what was aborted has failed."""
        self._planned(plan)
        self.receiver.plan |= dict.fromkeys(breaks, BROKEN)
        *pending, final = self._answers(MOVE, set(NAMES))
        self._whole(set(NAMES), pending, final)

    @rule(plan=PLANS, at=st.integers(0, len(NAMES) - 2))
    def gets_and_cancels(self, plan: list[int], at: int) -> None:
        """The C-CANCEL goes out before the response to one sub-operation, so it is there when the next one is due."""
        self._planned(plan)

        def cancel(message: Message) -> Iterable[Message]:
            return [say.cancel_rq(self._context, self._number)] if message.instance == NAMES[at] else ()

        self.receiver.before = cancel
        *pending, final = self._answers(GET, set(NAMES))
        self._cancelled(pending, final, at + 1)

    @rule(plan=PLANS, at=st.integers(0, len(NAMES) - 1))
    def moves_and_cancels(self, plan: list[int], at: int) -> None:
        """The destination keeps one sub-operation waiting until the C-CANCEL has had its effect."""
        self._planned(plan)
        asked = threading.Event()

        def hold(message: Message) -> Iterable[Message]:
            if message.instance == NAMES[at]:
                asked.set()
                assert self.mute.wait(10)
            return ()

        self.receiver.before = hold
        coming = self._answers(MOVE, set(NAMES))
        pending = [next(coming) for _ in range(at)]
        assert asked.wait(10)
        assert self.user.dial is not None
        self.user.dial.send(say.cancel_rq(self._context, self._number))
        *more, final = coming
        self.mute.set()
        self.receiver.plan[NAMES[at]] = BROKEN  # it was given up while nobody had answered it
        self._cancelled([*pending, *more], final, at + 1)

    def _planned(self, plan: list[int]) -> None:
        self.receiver.plan = dict(zip(NAMES, plan, strict=True))
        self.receiver.before = lambda message: ()
        self.receiver.got = []
        self.mute = threading.Event()

    def _answers(self, sop_class: str, names: set[str]) -> Iterator[Message]:
        data = octets_of(
            identifier(QueryRetrieveLevel="IMAGE", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES,
                       SOPInstanceUID=sorted(names))
        )  # fmt: skip

        def build(context: Any, number: int) -> Message:
            self._context, self._number = context.id, number
            self.user.facts.setdefault("due", {})[str(number)] = sorted(names)
            if sop_class == GET:
                return say.get_rq(context.id, number, GET, data)
            return say.move_rq(context.id, number, MOVE, "MACHINE", data)

        return self.user.answers(sop_class, build)

    def _whole(self, names: set[str], pending: list[Message], final: Message) -> None:
        """Everything was tried: the numbers are those of the outcomes, on the way and in the end."""
        self._on_the_way(sorted(names), pending)
        assert self.receiver.got == sorted(names)
        due = self._due(sorted(names))
        assert counted(final) == {**due, "Remaining": None}
        lost = [n for n in sorted(names) if self.receiver.plan[n] in (REFUSED, BROKEN)]
        assert failed(final) == lost
        partly = 0xB000 if len(lost) < len(names) else 0xA702
        assert final.status == (partly if lost or due["Warning"] else 0)

    def _cancelled(self, pending: list[Message], final: Message, tried: int) -> None:
        """Nothing was begun after the C-CANCEL; what was not begun is still counted as remaining."""
        self._on_the_way(list(NAMES), pending)
        assert self.receiver.got == list(NAMES[:tried])
        if tried == len(NAMES):  # the last one: whether it was cancelled or is over says the same to nobody
            assert final.status in (0xFE00, 0xB000, 0xA702)
        else:
            assert final.status == 0xFE00
            assert counted(final) == {**self._due(NAMES[:tried]), "Remaining": len(NAMES) - tried}

    def _on_the_way(self, names: list[str], pending: list[Message]) -> None:
        for done, one in enumerate(pending, 1):
            assert one.status == 0xFF00
            assert counted(one) == {**self._due(names[:done]), "Remaining": len(names) - done}

    def _due(self, names: Iterable[str]) -> dict[str, int]:
        said = [self.receiver.plan[n] for n in names]
        return {
            "Completed": said.count(TAKEN),
            "Failed": said.count(REFUSED) + said.count(BROKEN),
            "Warning": said.count(WARNED),
        }

    @invariant()
    def the_association_stands(self) -> None:
        assert self.user.dial is None or self.user.dial.open, self.user.dial.ended

    def teardown(self) -> None:
        self.mute.set()
        self.user.leave()
        assert self.user.red("get-move.", EVERYBODY) == {}


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with Listener(Blobs(tmp_path / "called"), limits=Limits(deadline=10.0)) as opened:
        yield opened


CHANCE = settings(max_examples=20, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck))


def test_retrievals(archive: Archive, opened: Callable[..., Served], listener: Listener, tmp_path: Path) -> None:
    put(archive, *(make(STUDY, SERIES, name, InstanceNumber=str(n)) for n, name in enumerate(NAMES, 1)))
    door = opened(peers={"MACHINE": Peer("127.0.0.1", listener.port)}, patience=Patience(5, 5, 10))
    about = {"door": door, "listener": listener, "folder": tmp_path}
    run_state_machine_as_test(type("Retrieving", (Retrieving,), about), settings=CHANCE)
