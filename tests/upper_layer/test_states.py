"""The state machine: Table 9-10 against an independent copy, and every cell of it reached in a running machine."""

from __future__ import annotations

import pytest
from pynetdicom.fsm import TRANSITION_TABLE

from harness.upper_layer import encode
from harness.upper_layer.item import Pdu
from harness.upper_layer.machine import Machine, Misuse
from harness.upper_layer.message import echo_rq
from harness.upper_layer.negotiate import negotiate
from harness.upper_layer.offer import Abort, Rejection
from harness.upper_layer.states import LOCAL, TABLE, Event, State
from tests.upper_layer.conftest import OFFER, POLICY

ACCEPTANCE = negotiate(OFFER, POLICY)
RQ, AC = encode.associate_rq(OFFER).encode(), encode.associate_ac(ACCEPTANCE).encode()
RELEASE_RQ, RELEASE_RP = encode.release_rq().encode(), encode.release_rp().encode()
ECHO = b"".join(piece for pdu in encode.message_pdus(echo_rq(1, 7), 0) for piece in pdu)

PROVOKE = {
    Event.ASSOCIATE_REQUEST: Machine.connect,
    Event.TRANSPORT_CONFIRM: Machine.connected,
    Event.ASSOCIATE_AC: lambda m: m.receive(AC),
    Event.ASSOCIATE_RJ: lambda m: m.receive(encode.associate_rj(Rejection()).encode()),
    Event.TRANSPORT_INDICATION: Machine.opened,
    Event.ASSOCIATE_RQ: lambda m: m.receive(RQ),
    Event.ASSOCIATE_ACCEPT: lambda m: m.accept(ACCEPTANCE),
    Event.ASSOCIATE_REJECT: lambda m: m.reject(Rejection()),
    Event.DATA_REQUEST: lambda m: m.send(echo_rq(1, 1)),
    Event.DATA: lambda m: m.receive(ECHO),
    Event.RELEASE_REQUEST: Machine.release,
    Event.RELEASE_RQ: lambda m: m.receive(RELEASE_RQ),
    Event.RELEASE_RP: lambda m: m.receive(RELEASE_RP),
    Event.RELEASE_RESPONSE: Machine.answer_release,
    Event.ABORT_REQUEST: Machine.abort,
    Event.ABORT: lambda m: m.receive(encode.abort(Abort()).encode()),
    Event.TRANSPORT_CLOSED: Machine.closed,
    Event.ARTIM_EXPIRED: Machine.artim_expired,
    Event.INVALID: lambda m: m.receive(Pdu(0x99, (b"what is this",)).encode()),
}
WAYS = {
    ("requestor", State.STA1): [],
    ("requestor", State.STA4): [Event.ASSOCIATE_REQUEST],
    ("requestor", State.STA5): [Event.ASSOCIATE_REQUEST, Event.TRANSPORT_CONFIRM],
    ("acceptor", State.STA1): [],
    ("acceptor", State.STA2): [Event.TRANSPORT_INDICATION],
    ("acceptor", State.STA3): [Event.TRANSPORT_INDICATION, Event.ASSOCIATE_RQ],
}
WAYS["requestor", State.STA6] = [*WAYS["requestor", State.STA5], Event.ASSOCIATE_AC]
WAYS["acceptor", State.STA6] = [*WAYS["acceptor", State.STA3], Event.ASSOCIATE_ACCEPT]
for side in ("requestor", "acceptor"):
    WAYS[side, State.STA7] = [*WAYS[side, State.STA6], Event.RELEASE_REQUEST]
    WAYS[side, State.STA8] = [*WAYS[side, State.STA6], Event.RELEASE_RQ]
    WAYS[side, State.STA13] = [*WAYS[side, State.STA6], Event.ABORT_REQUEST]
WAYS["requestor", State.STA9] = [*WAYS["requestor", State.STA7], Event.RELEASE_RQ]
WAYS["acceptor", State.STA10] = [*WAYS["acceptor", State.STA7], Event.RELEASE_RQ]
WAYS["requestor", State.STA11] = [*WAYS["requestor", State.STA9], Event.RELEASE_RESPONSE]
WAYS["acceptor", State.STA12] = [*WAYS["acceptor", State.STA10], Event.RELEASE_RP]


def reach(side, state):
    machine = Machine(side, OFFER)
    for event in WAYS[side, state]:
        PROVOKE[event](machine)
    machine.octets_to_send()
    assert machine.state is state
    return machine


def test_the_table_is_that_of_an_independent_copy():
    rows = {event: f"Evt{number}" for number, event in enumerate(Event, 1)}
    ours = {(rows[event], f"Sta{state}"): action for (event, state), (action, _) in TABLE.items()}
    assert ours == TRANSITION_TABLE


def test_every_state_is_reached():
    assert {state for _, state in WAYS} == set(State)


@pytest.mark.parametrize(("side", "state"), WAYS, ids=lambda v: getattr(v, "name", v))
@pytest.mark.parametrize("event", Event, ids=lambda e: e.name)
def test_every_cell(side, state, event):
    machine = reach(side, state)
    cell = TABLE.get((event, state))
    before = machine.artim
    if cell is None:
        if event in LOCAL:
            with pytest.raises(Misuse, match=state.name.title()):
                PROVOKE[event](machine)
        else:
            PROVOKE[event](machine)
        assert (machine.state, machine.octets_to_send(), machine.artim) == (state, b"", before)
        return
    PROVOKE[event](machine)
    action, following = cell
    decided = {"AE-6": State.STA3, "AR-8": State.STA9 if side == "requestor" else State.STA10}
    assert machine.action == action
    assert machine.state is (following or decided[action])
    sent = machine.octets_to_send()
    assert sent[:1] == SENDS.get(action, b"")
    if action in ("AE-5", "AE-8", "AR-4", "AA-1", "AA-8"):
        assert machine.artim not in (0, before)
    if action in ("AE-6", "AR-5", "AA-2", "AA-5"):
        assert machine.artim == 0
    assert machine.closing == (action in ("AE-4", "AR-3", "AA-2", "AA-3"))


SENDS = {
    "AE-2": b"\1", "AE-7": b"\2", "AE-8": b"\3", "DT-1": b"\4", "AR-1": b"\5", "AR-4": b"\6", "AR-7": b"\4",
    "AR-9": b"\6", "AA-1": b"\7", "AA-7": b"\7", "AA-8": b"\7",
}  # fmt: skip


def test_another_protocol_version_is_rejected_by_the_provider():
    machine = reach("acceptor", State.STA2)
    assert machine.receive(encode.associate_rq(OFFER.but(protocol_version=2)).encode()) == []
    assert (machine.action, machine.state, machine.octets_to_send()) == (
        "AE-6", State.STA13, bytes.fromhex("03 00 00000004 00 01 02 02"),
    )  # fmt: skip
    assert machine.artim


@pytest.mark.parametrize("state", [s for s in State if s not in (State.STA1, State.STA2, State.STA4, State.STA13)])
def test_an_abort_of_ours_for_what_the_peer_sent_is_one_of_the_provider(state):
    side = next(side for side, reached in WAYS if reached is state)
    machine = reach(side, state)
    PROVOKE[Event.INVALID](machine)
    assert machine.octets_to_send() == bytes.fromhex("07 00 00000004 00 00 02 01")
