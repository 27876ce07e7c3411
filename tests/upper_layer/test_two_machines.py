"""Two machines and a slow line between them, driven by chance: who keeps to the table is never told off."""

from __future__ import annotations

import contextlib

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harness.upper_layer.indications import Aborted, AssociateRequested, MessageReceived, Released
from harness.upper_layer.machine import Machine, Misuse
from harness.upper_layer.message import echo_rq, response, store_rq
from harness.upper_layer.negotiate import negotiate
from harness.upper_layer.offer import Acceptance, Rejection
from harness.upper_layer.states import State
from tests.upper_layer.conftest import CT, OFFER, POLICY

SIDES = st.sampled_from(["requestor", "acceptor"])
DATA = {State.STA6, State.STA8}


class TwoMachines(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.machines = {"requestor": Machine("requestor", OFFER), "acceptor": Machine("acceptor")}
        self.lines = {"requestor": b"", "acceptor": b""}  # octets on their way to this side
        self.sent = {"requestor": [], "acceptor": []}  # Message IDs that this side sent
        self.heard = {"requestor": [], "acceptor": []}
        self.told = {"requestor": [], "acceptor": []}
        self.aborted = False
        self.machines["requestor"].connect()
        self.machines["requestor"].connected()
        self.machines["acceptor"].opened()
        self.flush()

    def flush(self) -> None:
        for side, machine in self.machines.items():
            self.lines["acceptor" if side == "requestor" else "requestor"] += machine.octets_to_send()

    @rule(side=SIDES, size=st.integers(1, 400) | st.just(1 << 20))
    def deliver(self, side, size) -> None:
        octets, self.lines[side] = self.lines[side][:size], self.lines[side][size:]
        for one in self.machines[side].receive(octets):
            self.told[side].append(one)
            if isinstance(one, AssociateRequested):
                answer = negotiate(one.offer, POLICY)
                assert isinstance(answer, Acceptance)
                self.machines[side].accept(answer)
            elif isinstance(one, MessageReceived):
                self.heard[side].append(max(one.message.id, one.message.responded))
        self.flush()

    @rule(side=SIDES, id=st.integers(1, 65535), size=st.integers(0, 3000))
    def send(self, side, id, size) -> None:
        machine = self.machines[side]
        if machine.state in DATA:
            message = store_rq(3, id, CT, "1.2", bytes(size * 2)) if size % 2 else response(echo_rq(1, id), 0)
            machine.send(message)
            self.sent[side].append(id)
            self.flush()

    @rule(side=SIDES)
    def release(self, side) -> None:
        if self.machines[side].state is State.STA6:
            self.machines[side].release()
            self.flush()

    @rule(side=SIDES)
    def answer_release(self, side) -> None:
        if self.machines[side].state in (State.STA8, State.STA9, State.STA12):
            self.machines[side].answer_release()
            self.flush()

    @precondition(lambda self: len(self.sent["requestor"]) > 3)
    @rule(side=SIDES)
    def abort(self, side) -> None:
        with contextlib.suppress(Misuse):
            self.machines[side].abort()
            self.aborted = True
        self.flush()

    @rule(side=SIDES)
    def out_of_turn(self, side) -> None:
        """What the table has no cell for changes nothing."""
        machine = self.machines[side]
        before = machine.state
        if before is not State.STA3:
            with contextlib.suppress(Misuse):
                machine.reject(Rejection())
                raise AssertionError("rejected twice")
        assert machine.state is before
        assert not machine.octets_to_send()

    @invariant()
    def nobody_is_told_off(self) -> None:
        for told in self.told.values():
            aborts = [one for one in told if isinstance(one, Aborted)]
            assert all(one.by == "peer" for one in aborts)
            assert len(aborts) <= int(self.aborted)
            assert sum(isinstance(one, Released) for one in told) <= 1

    @invariant()
    def messages_arrive_in_order(self) -> None:
        for side, other in (("requestor", "acceptor"), ("acceptor", "requestor")):
            heard, sent = self.heard[side], self.sent[other]
            assert heard == sent[: len(heard)]

    def teardown(self) -> None:
        for _ in range(4):
            for side in ("acceptor", "requestor"):
                self.deliver(side, 1 << 20)
                self.answer_release(side)
        if not self.aborted:
            assert self.heard["acceptor"] == self.sent["requestor"]
        for machine in self.machines.values():
            machine.closed()
            assert machine.state is State.STA1


TestTwoMachines = TwoMachines.TestCase
TestTwoMachines.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
