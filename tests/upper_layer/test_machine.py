"""The machine: messages of any size in any pieces, fragments by the peer's limit, collisions, and hostile octets."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.body import Body
from harness.upper_layer import encode
from harness.upper_layer.indications import (
    Aborted,
    Accepted,
    AssociateRequested,
    MessageReceived,
    Rejected,
    Released,
    ReleaseRequested,
)
from harness.upper_layer.item import Item, Pdu
from harness.upper_layer.machine import Machine, Misuse
from harness.upper_layer.message import ABSENT, Message, cancel_rq, echo_rq, response, store_rq
from harness.upper_layer.negotiate import negotiate
from harness.upper_layer.offer import Abort, Rejection
from harness.upper_layer.states import State
from tests.steps import steps
from tests.upper_layer.conftest import CT, OFFER, POLICY, Pair


def store(data, id=1):
    return store_rq(3, id, CT, "1.2.3.4", data)


def pdus(octets):
    while octets:
        size = 6 + int.from_bytes(octets[2:6], "big")
        yield octets[:size]
        octets = octets[size:]


def test_an_association_comes_about(pair):
    assert isinstance(pair.said[0], Accepted)
    assert {c.id: c.transfer[-4:] for c in pair.requestor.contexts.values()} == {1: "08.1.2"[-4:], 3: ".2.1"}
    assert pair.requestor.contexts == pair.acceptor.contexts
    assert pair.acceptor.offer.called == b"ANY-SCP         "


def test_a_message_there_and_back(pair):
    pair.requestor.send(store(b"\x08\0\x60\0\2\0\0\0CT"))
    (received,) = pair.to_acceptor()
    assert received.message == store(b"\x08\0\x60\0\2\0\0\0CT")
    pair.acceptor.send(response(received.message, 0xB000))
    (answer,) = pair.to_requestor()
    assert (answer.message.name, answer.message.responded, answer.message.status) == ("C-STORE-RSP", 1, 0xB000)
    assert answer.message.instance == "1.2.3.4"


@pytest.mark.parametrize("limit", [14, 15, 16, 100, 16384, 16385, 0])
@pytest.mark.parametrize("size", [0, 2, 20, 16000, 16384, 40000])
def test_fragments_are_even_and_keep_the_limit_of_the_peer(limit, size):
    octets = bytes(range(256)) * (size // 256 + 1)
    message = store(octets[:size])
    made = [b"".join(p) for p in encode.message_pdus(message, limit)]
    rest = made[-1]
    for pdu in made:
        assert not limit or len(pdu) - 6 <= limit
        assert int.from_bytes(pdu[2:6], "big") == len(pdu) - 6
        length = int.from_bytes(pdu[6:10], "big")
        assert length % 2 == 0
        assert length > 2 or size == 0
    assert rest
    pair = Pair().associate()
    (received,) = pair.acceptor.receive(b"".join(made))
    assert received.message.data == message.data


def test_a_data_set_from_a_file_is_read_as_it_is_sent(tmp_path, pair):
    path = tmp_path / "data"
    path.write_bytes(bytes(8 << 20))
    pair.requestor.send(store(Body.file(path)))
    tracemalloc.start()
    size = 0
    while pieces := pair.requestor.pieces_to_send(1 << 16):
        size += sum(map(len, pieces))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 8 << 20
    assert peak < 4 << 20


def test_a_data_set_in_hand_is_not_copied(pair):
    data = bytes(1 << 20)
    pair.requestor.send(store(data))
    views = [p for p in pair.requestor.pieces_to_send(1 << 24) if isinstance(p, memoryview)]
    assert sum(len(v) for v in views if v.obj is data) == len(data)


class Counting:
    def __init__(self):
        self.size, self.ended = 0, ""

    def write(self, octets):
        self.size += len(octets)

    def finish(self):
        self.ended = "finished"

    def discard(self):
        self.ended = "discarded"


def test_a_large_data_set_goes_to_its_sink_and_not_into_memory():
    sink = Counting()
    pair = Pair(sink=lambda message: sink if message.name == "C-STORE-RQ" else None).associate()
    data = memoryview(bytes(1 << 20))
    head = b"".join(next(encode.message_pdus(store(b"x" * 300000), 131072)))
    tracemalloc.start()
    assert pair.acceptor.receive(head) == []
    for _ in range(64):
        pair.acceptor.receive(encode.data(encode.pdv(3, bytes(data[:131064]), last=False)).encode())
    (received,) = pair.acceptor.receive(encode.data(encode.pdv(3, b"end.")).encode())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert received.sink is sink
    assert (sink.size, sink.ended) == (64 * 131064 + 4, "finished")
    assert peak < 3 << 20


def test_a_sink_learns_that_nothing_more_will_come():
    for end in (lambda p: p.acceptor.closed(), lambda p: p.acceptor.abort(), lambda p: p.acceptor.receive(b"\xff" * 6),
                lambda p: p.acceptor.receive(encode.abort(Abort()).encode())):  # fmt: skip
        sink = Counting()
        pair = Pair(sink=lambda message, sink=sink: sink).associate()
        command = store(b"ab").octets()
        pair.acceptor.receive(encode.data(encode.pdv(3, command, True), encode.pdv(3, b"ab", last=False)).encode())
        assert (sink.size, sink.ended) == (2, "")
        end(pair)
        assert sink.ended == "discarded"


def test_without_a_sink_memory_is_bounded():
    pair = Pair(most=1000).associate()
    pair.requestor.send(store(bytes(1002)))
    (told,) = pair.to_acceptor()
    assert isinstance(told, Aborted)
    assert "1000" in told.why
    assert pair.acceptor.state is State.STA13


def test_a_command_set_without_end_is_bounded(pair):
    pdu = encode.data(encode.pdv(1, bytes(16000), True, last=False)).encode()
    told = [t for _ in range(6) for t in pair.acceptor.receive(pdu)]
    assert [type(t) for t in told] == [Aborted]


CONVERSATION = [
    encode.associate_rq(OFFER).encode(),
    *(
        b"".join(p)
        for m in (echo_rq(1, 1), store(bytes(40000), 2), echo_rq(1, 3))
        for p in encode.message_pdus(m, 8000)
    ),
    encode.release_rq().encode(),
]


def hold(octets, cuts=()):
    """An acceptor that answers everything: its indications, its octets, its last state."""
    machine = Machine("acceptor")
    machine.opened()
    told = []
    at = 0
    for end in [*sorted(c % (len(octets) + 1) for c in cuts), len(octets)]:
        for one in machine.receive(octets[at:end]):
            told.append(one)
            react(machine, one)
        at = end
    return told, machine.octets_to_send(), machine


def react(machine, one):
    try:
        if isinstance(one, AssociateRequested):
            answer = negotiate(one.offer, POLICY)
            (machine.reject if isinstance(answer, Rejection) else machine.accept)(answer)
        elif isinstance(one, MessageReceived) and one.message.request:
            machine.send(response(one.message, 0))
        elif isinstance(one, ReleaseRequested):
            machine.answer_release()
    except Misuse:
        assert machine.state not in (State.STA3, State.STA6)


@given(st.lists(st.integers(0, 1 << 16), max_size=30))
def test_the_octets_may_be_cut_anywhere(cuts):
    first = len(CONVERSATION[0])
    # the answers to an offer have to be given before what follows it can be taken in
    cuts = [first, *(c for c in cuts)]
    told, sent, machine = hold(b"".join(CONVERSATION), cuts)
    assert [type(t) for t in told] == [AssociateRequested, *[MessageReceived] * 3, ReleaseRequested]
    assert [t.message.data for t in told[1:4]] == [None, bytes(40000), None]
    assert [p[0] for p in pdus(sent)] == [2, 4, 4, 4, 6]
    assert machine.state is State.STA13


def test_one_octet_at_a_time():
    octets = b"".join(CONVERSATION[:2] + CONVERSATION[-1:])
    told, _, _ = hold(octets, range(len(octets)))
    assert [type(t) for t in told] == [AssociateRequested, MessageReceived, ReleaseRequested]


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "repeat"]),
        st.integers(0, 1 << 17),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def mutated(octets, mutations):
    made = bytearray(octets)
    for what, at, data in mutations:
        at %= max(len(made), 1)
        if what == "set":
            made[at : at + len(data)] = data
        elif what == "insert":
            made[at:at] = data
        elif what == "delete":
            del made[at : at + len(data)]
        else:
            made[at:at] = made[at : at + 64]
    return bytes(made)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(MUTATIONS, st.lists(st.integers(0, 1 << 16), max_size=5), st.booleans())
def test_mutated_streams_never_raise_and_never_leave_a_half_state(mutations, cuts, late):
    first = CONVERSATION[0]
    rest = b"".join(CONVERSATION[1:])
    octets = first + mutated(rest, mutations) if late else mutated(first, mutations) + rest
    told, sent, machine = hold(octets, [len(first), *cuts])
    assert sum(isinstance(t, Aborted) for t in told) <= 1
    for pdu in pdus(sent):
        assert pdu[0] in (2, 3, 4, 6, 7)
    if any(isinstance(t, Aborted) and t.by == "us" for t in told):
        assert machine.state in (State.STA13, State.STA1)
    machine.closed()
    assert machine.state is State.STA1


@given(st.binary(min_size=6, max_size=300))
def test_any_octets_at_all(octets):
    _, sent, machine = hold(octets)
    if octets[0] not in range(1, 8):
        assert sent[:1] == b"\7"
        assert machine.state is State.STA13


def test_release_collision_on_both_sides(pair):
    pair.requestor.release()
    pair.acceptor.release()
    one, two = pair.requestor.octets_to_send(), pair.acceptor.octets_to_send()
    assert pair.requestor.receive(two) == [ReleaseRequested(collision=True)]
    assert pair.acceptor.receive(one) == [ReleaseRequested(collision=True)]
    assert (pair.requestor.state, pair.acceptor.state) == (State.STA9, State.STA10)
    pair.requestor.answer_release()
    assert pair.to_acceptor() == [Released()]
    assert (pair.requestor.state, pair.acceptor.state) == (State.STA11, State.STA12)
    pair.acceptor.answer_release()
    assert pair.to_requestor() == [Released()]
    assert (pair.requestor.state, pair.acceptor.state) == (State.STA1, State.STA13)
    assert pair.requestor.closing
    assert pair.acceptor.artim
    pair.acceptor.closed()
    assert (pair.acceptor.state, pair.acceptor.artim) == (State.STA1, 0)


def test_messages_still_go_out_after_the_peer_asked_for_a_release(pair):
    pair.requestor.release()
    assert pair.to_acceptor() == [ReleaseRequested()]
    pair.acceptor.send(response(echo_rq(1, 1), 0))
    (answer,) = pair.to_requestor()
    assert isinstance(answer, MessageReceived)
    pair.acceptor.answer_release()
    assert pair.to_requestor() == [Released()]


def test_a_rejection_closes():
    pair = Pair(policy=POLICY.__class__({}, called=frozenset({"OTHER"}))).associate()
    assert pair.said == [Rejected(Rejection(1, 1, 7))]
    assert pair.requestor.closing
    assert pair.acceptor.artim


def test_an_abort_drops_what_was_not_sent(pair):
    pair.requestor.send(store(bytes(1 << 20)))
    pair.requestor.abort(Abort(2, 6))
    assert pair.requestor.octets_to_send() == bytes.fromhex("07 00 00000004 00 00 02 06")


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (Pdu(9, (b"abc",)), 1),
        (Pdu(0, ()), 1),
        (encode.associate_rq(OFFER), 2),
        (encode.release_rp(), 2),
        (encode.data(), 6),
        (encode.data(b"\0\0\0\1\1"), 6),
        (encode.data(encode.pdv(1, b"ab", length=100)), 6),
        (encode.data(encode.pdv(1, b"ab", length=0)), 6),
        (encode.data(encode.pdv(5, b"ab", True)), 6),
        (encode.data(encode.pdv(2, b"ab", True)), 6),
        (encode.data(encode.pdv(1, b"ab")), 6),
        (encode.data(encode.pdv(1, b"not a command set", True)), 6),
        (encode.data(encode.pdv(1, echo_rq(1, 1).octets()[:20], True, last=False), encode.pdv(3, b"abcd", True)), 6),
        (encode.data(encode.pdv(3, store(b"").octets(), True), encode.pdv(1, b"abcd")), 6),
        (encode.data(encode.pdv(3, store(b"").octets(), True), encode.pdv(3, echo_rq(3, 1).octets(), True)), 6),
        (Pdu(5, (bytes(5),)), 6),
        (Pdu(4, (), length=200000), 6),
        (Pdu(7, (bytes(3),)), 6),
    ],
)  # fmt: skip
def test_what_breaks_the_protocol_is_aborted(pair, pdu, reason):
    (told,) = pair.acceptor.receive(pdu.encode())
    assert (told.by, told.source, told.reason) == ("us", 2, reason)
    assert told.why
    assert pair.acceptor.octets_to_send() == bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, reason))
    assert pair.acceptor.state is State.STA13


def test_what_a_receiver_has_to_put_up_with(pair):
    command = echo_rq(1, 1).octets()
    pieces = [
        encode.data(
            *(encode.pdv(1, command[n : n + 1], True, last=n == len(command) - 1) for n in range(len(command)))
        ),
        encode.data(encode.pdv(1, command, True, last=False), encode.pdv(1, b"", True)),
        Pdu(4, (encode.pdv(1, command, header=0xFF),), reserved=0xFF),
        encode.data(encode.pdv(1, command, True), encode.pdv(1, command, True)),
    ]
    told = pair.acceptor.receive(b"".join(p.encode() for p in pieces))
    assert [t.message.id for t in told] == [1] * 5


def test_unknown_items_and_reserved_octets_do_not_matter():
    offer = OFFER.but(
        items=(Item(0x77, (b"later",)),), user_items=(Item(0x5F, (b"abc",)), Item(0xFE)), reserved=b"\1" * 32,
        protocol_version=0xFFFF,
    )  # fmt: skip
    pair = Pair(offer).associate()
    assert isinstance(pair.said[0], Accepted)
    assert pair.said[0].acceptance.reserved == b"\1" * 32


def test_raw_octets_go_out_in_any_state_and_change_nothing(pair):
    pair.requestor.raw(b"anything")
    pair.requestor.raw(Pdu(0x42, (b"x",), length=77, reserved=3))
    assert pair.requestor.octets_to_send() == b"anything" + bytes.fromhex("42 03 0000004d") + b"x"
    assert pair.requestor.state is State.STA6


def test_every_pdu_that_leaves_can_be_changed():
    def each(octets):
        return {1: None, 4: [octets, octets], 5: b"", 7: b"boom"}[octets[0]]

    machine = Machine("requestor", OFFER, each_pdu=each)
    machine.connect()
    machine.connected()
    assert machine.octets_to_send() == encode.associate_rq(OFFER).encode()
    machine.receive(encode.associate_ac(negotiate(OFFER, POLICY)).encode())
    machine.send(echo_rq(1, 1))
    assert [p[0] for p in pdus(machine.octets_to_send())] == [4, 4]
    machine.release()
    assert machine.octets_to_send() == b""
    machine.abort()
    assert machine.octets_to_send() == b"boom"


def test_nothing_is_heard_after_the_end(pair):
    pair.requestor.send(echo_rq(1, 1))
    octets = pair.requestor.octets_to_send()
    pair.acceptor.receive(octets[:20])
    pair.acceptor.abort()
    assert pair.acceptor.receive(octets[20:] + octets) == []


def test_a_message_says_what_it_is():
    unknown = Message(1, {"CommandField": 0x1234})
    assert (unknown.name, unknown.id, unknown.status, unknown.sop_class) == ("unknown command 1234H", -1, -1, "")
    assert Message(1).name == "message without Command Field"
    changed = echo_rq(1, 5).set(MessageID=b"\1", Priority=7).carrying(b"ab")
    assert (changed.id, changed.announces_data, changed.command["Priority"]) == (-1, True, 7)


def test_fragments_without_content_take_no_memory(pair):
    empty = encode.data(encode.pdv(1, b"", True, last=False)).encode() * 1000
    pair.acceptor.receive(empty)
    tracemalloc.start()
    for _ in range(20):
        assert pair.acceptor.receive(empty) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_a_large_request_in_single_octets_costs_no_more_than_its_octets():
    machine = Machine("acceptor")
    machine.opened()
    machine.receive(Pdu(1, (bytes(68),), length=1 << 20).encode())
    first = steps(lambda: machine.receive(b"x"))
    for _ in range(50_000):
        machine.receive(b"x")
    assert steps(lambda: machine.receive(b"x")) == first
    assert machine.state is State.STA2


def test_a_stray_c_cancel_or_response_is_only_handed_on(pair):
    pair.requestor.send(cancel_rq(1, 99))
    pair.requestor.send(response(echo_rq(1, 98), 0))
    assert [t.message.name for t in pair.to_acceptor()] == ["C-CANCEL-RQ", "C-ECHO-RSP"]


def test_a_request_that_leaves_things_out_can_be_answered(pair):
    pair.requestor.send(echo_rq(1, 1).set(MessageID=ABSENT, AffectedSOPClassUID=b"1"))
    (asked,) = pair.to_acceptor()
    pair.acceptor.send(response(asked.message, 0x0110))
    (answer,) = pair.to_requestor()
    assert (answer.message.name, answer.message.responded, answer.message.status) == ("C-ECHO-RSP", -1, 0x0110)
    assert response(Message(1, {}), 0).octets()


def test_what_cannot_be_encoded_is_an_error_of_whoever_says_it(pair):
    with pytest.raises(ValueError, match="does not fit"):
        pair.requestor.send(echo_rq(1, 65536))
    assert pair.requestor.octets_to_send() == b""
