"""Peers that do not behave: whatever they do is taken down, nothing raises, and nothing waits longer than allowed."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from harness.clock import now
from harness.talk.dialogue import VERIFICATION
from harness.talk.listener import Listener, Manner
from harness.upper_layer import encode
from harness.upper_layer.message import echo_rq, event_report_rq, find_rq, response, store_rq
from harness.upper_layer.negotiate import Policy, negotiate
from harness.upper_layer.offer import EXPLICIT, IMPLICIT, Abort, Offer, Proposed, Rejection, propose
from tests.talk.conftest import QUICK

CT = "1.2.840.10008.5.1.4.1.1.2"
POLICY = Policy({VERIFICATION: [IMPLICIT], CT: [EXPLICIT]})
HASTY = replace(QUICK, deadline=0.3, artim=0.3, total=1.5)
CONTEXTS = [(VERIFICATION, [IMPLICIT]), (CT, [EXPLICIT])]

Script = Callable[[socket.socket], object]


@contextlib.contextmanager
def peer(script: Script) -> Iterator[int]:
    """A port on loopback, where every connection is handled by the script."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            script(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise OSError("the end")
        data += chunk
    return data


def pdu(connection: socket.socket) -> bytes:
    head = exactly(connection, 6)
    return head + exactly(connection, int.from_bytes(head[2:], "big"))


def until_end(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def accepting(then: Script) -> Script:
    """Accept the association, then go on with this."""

    def script(connection: socket.socket) -> None:
        pdu(connection)
        acceptance = negotiate(Offer(propose(CONTEXTS)), POLICY)
        connection.sendall(encode.associate_ac(acceptance).encode())
        then(connection)

    return script


def octets(message) -> bytes:
    return b"".join(piece for one in encode.message_pdus(message, 0) for piece in one)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_nobody_listens(talk_to):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with talk_to(port).associate(CONTEXTS) as a:
        assert not a.open
        assert a.echo().status is None
    assert a.association.ending == "refused"
    with talk_to(port).connect() as c:
        assert not c.say(b"hello")
        assert c.pdu() == b""
        assert c.until_closed() == b""
    assert c.association.ending == "refused"


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        (until_end, "timeout"),
        (lambda c: None, ("close", "reset")),
        (lambda c: (pdu(c), reset(c)), "reset"),
        (lambda c: (pdu(c), c.sendall(b"\2")), "close"),
        (lambda c: (pdu(c), c.sendall(b"\2\0\0\0\1\0"), until_end(c)), "timeout"),
        (lambda c: (pdu(c), c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), until_end(c)), "abort"),
        (lambda c: (pdu(c), c.sendall(encode.release_rp().encode()), until_end(c)), "abort"),
        (lambda c: (pdu(c), c.sendall(encode.abort(Abort(2, 1)).encode()), until_end(c)), "abort"),
        (lambda c: (pdu(c), c.sendall(encode.associate_rj(Rejection(1, 1, 3)).encode()), until_end(c)), "reject"),
    ],
)
def test_no_association_comes_about(talk_to, script, ending):
    began = now()
    with peer(script) as port, talk_to(port, limits=HASTY).associate(CONTEXTS) as a:
        assert not a.open
        assert a.echo().status is None
        assert a.receive() is None
        assert not a.release()
    assert now() - began < 3
    assert a.association.ending in ending
    assert a.association.probe == "a probe"


@pytest.mark.parametrize(
    ("then", "ending"),
    [
        (until_end, "timeout"),
        (lambda c: None, ("close", "reset")),
        (lambda c: (pdu(c), reset(c)), "reset"),
        (lambda c: (pdu(c), c.sendall(b"\4\0\0\0\0\0"), until_end(c)), "abort"),
        (lambda c: (pdu(c), c.sendall(encode.data(encode.pdv(1, b"junk", True)).encode()), until_end(c)), "abort"),
        (lambda c: (pdu(c), c.sendall(encode.data(encode.pdv(99, b"junk", True)).encode()), until_end(c)), "abort"),
        (lambda c: (pdu(c), c.sendall(b"\4\0\xff\xff\xff\xff\xff\xff\xff\xff"), until_end(c)), "abort"),
        (lambda c: (pdu(c), c.sendall(octets(response(echo_rq(1, 999), 0))), until_end(c)), "timeout"),
        (lambda c: (pdu(c), c.sendall(encode.release_rq().encode()), until_end(c)), "release"),
    ],
)
def test_no_answer_comes(talk_to, then, ending):
    began = now()
    with peer(accepting(then)) as port, talk_to(port, limits=HASTY).associate(CONTEXTS, release=False) as a:
        assert a.open
        reply = a.echo()
        assert (reply.asked.name, reply.status) == ("C-ECHO-RQ", None)
    assert now() - began < 3
    assert a.association.ending in ending


def test_a_peer_that_goes_on_and_on_is_stopped(talk_to):
    def flood(connection: socket.socket) -> None:
        request = find_rq(1, 1, "1.2", b"ab")
        pdu(connection)
        while True:
            connection.sendall(octets(response(request, 0xFF00, b"ab")) * 50)

    limits = replace(QUICK, messages=1000)
    with peer(accepting(flood)) as port, talk_to(port, limits=limits).associate(CONTEXTS) as a:
        reply = a.ask(find_rq(1, 1, "1.2", b"ab"))
        assert len(reply.pending) == 1000
        assert not a.open
    assert a.association.ending == "abort"
    assert "messages" in a.association.event("close", side="requestor").detail


def test_octets_without_end_are_bounded(talk_to):
    def flood(connection: socket.socket) -> None:
        pdu(connection)
        while True:
            connection.sendall(octets(store_rq(3, 1, CT, "1.2", bytes(100000))))

    limits = replace(QUICK, octets=2 << 20)
    with peer(accepting(flood)) as port, talk_to(port, limits=limits).associate(CONTEXTS) as a:
        assert a.echo().status is None
        assert a.dial.line.ended == "flood"
    assert a.association.acceptor.size < 3 << 20
    assert "octets" in a.association.event("close", side="requestor").detail


def test_a_drip_does_not_keep_us(talk_to):
    def drip(connection: socket.socket) -> None:
        pdu(connection)
        pause = threading.Event()
        for octet in octets(response(echo_rq(1, 1), 0)) * 100:
            connection.sendall(bytes([octet]))
            pause.wait(0.02)

    began = now()
    with peer(accepting(drip)) as port, talk_to(port, limits=HASTY).associate(CONTEXTS, release=False) as a:
        assert a.echo().status is None
    assert now() - began < 2
    assert a.association.event("timeout", side="acceptor")


def test_a_peer_that_does_not_read(talk_to):
    stop = threading.Event()
    with peer(accepting(lambda c: stop.wait(5))) as port:
        limits = replace(HASTY, rate=1 << 30)
        with talk_to(port, limits=limits).associate(CONTEXTS) as a:
            assert not a.send(store_rq(3, 1, CT, "1.2", bytes(64 << 20)))
        stop.set()
    assert a.association.event("timeout", side="acceptor").detail == "it did not take what was sent"
    assert a.association.requestor.size < 64 << 20


def test_both_sides_send_at_once(talk_to):
    """Neither reads before it has sent all: we have to."""

    def script(connection: socket.socket) -> None:
        answers = octets(response(echo_rq(1, 7), 0xFF00)) * 60000
        connection.sendall(answers + octets(response(echo_rq(1, 7), 0)))
        until_end(connection)

    with peer(accepting(script)) as port, talk_to(port).associate(CONTEXTS, release=False) as a:
        assert a.send(store_rq(3, 1, CT, "1.2", bytes(16 << 20)))
        count = 1
        while a.receive().pending:
            count += 1
    assert count == 60001


def test_a_release_collision(talk_to):
    def script(connection: socket.socket) -> None:
        pdu(connection)
        connection.sendall(encode.release_rq().encode())
        assert pdu(connection)[0] == encode.RELEASE_RP
        connection.sendall(encode.release_rp().encode())
        until_end(connection)

    with peer(accepting(script)) as port, talk_to(port).associate(CONTEXTS) as a:
        assert a.release()
    assert [t.pdu.name for t in a.association.turns[2:]] == [
        "A-RELEASE-RQ", "A-RELEASE-RQ", "A-RELEASE-RP", "A-RELEASE-RP",
    ]  # fmt: skip
    assert a.association.ending == "release"


def test_a_probe_that_breaks_loses_nothing(session, talk_to):
    with Listener(session.blobs, Manner(POLICY), limits=QUICK) as listener:
        dimse = talk_to(listener.port)
        with pytest.raises(ZeroDivisionError), dimse.journey("broken"), dimse.associate(CONTEXTS) as a:  # noqa: PT012
            a.echo()
            raise ZeroDivisionError
    (association,) = session.associations
    assert (association.journey, association.ending, len(association.operations)) == ("broken#1", "close", 1)
    assert session.closed == ["broken#1"]


# -- the bare connection, against the listener ---------------------------------------------------------------------


@pytest.fixture
def listener(session):
    with Listener(session.blobs, Manner(POLICY), limits=QUICK) as listener:
        yield listener


RQ = encode.associate_rq(Offer(propose(CONTEXTS)))


def test_octets_one_by_one(talk_to, listener):
    with talk_to(listener.port).connect() as c:
        assert c.drip(RQ.encode())
        assert c.pdu()[0] == encode.ASSOCIATE_AC
        assert c.say(echo_rq(1, 1), echo_rq(1, 2), encode.release_rq())
        assert [c.pdu()[0] for _ in range(3)] == [encode.DATA, encode.DATA, encode.RELEASE_RP]
        assert c.until_closed(0.1, quiet=True) == b""
        assert c.ended == ""
    assert [o.status for o in c.association.operations] == [0, 0]


def test_silence_half_close_and_reset(session, talk_to, listener):
    listener.limits = HASTY
    with talk_to(listener.port).connect() as c:
        assert c.pdu(1.5) == b""  # the ARTIM timer of the acceptor runs out, and it says nothing
        assert c.ended == "close"
    with talk_to(listener.port).connect() as c:
        c.say(RQ)
        c.pdu()
        c.half_close()
        c.until_closed(2)
        assert c.ended == "close"
    with talk_to(listener.port).connect() as c:
        c.say(RQ)
        c.pdu()
        c.reset()
    endings = [a.ending for a in listener.collect(3)]
    assert sorted(endings) == ["close", "close", "reset"]  # each is held by a thread of its own


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\3\1\0\x05hello" * 9, bytes(300), b"\xff" * 300, RQ.encode() * 2,
     RQ.encode() + b"\4\0\0\0\0\0", encode.release_rq().encode()],
)  # fmt: skip
def test_the_listener_lives_through_anything(talk_to, listener, said):
    with talk_to(listener.port).connect() as c:
        c.say(said)
        assert b"\7\0\0\0\0\4" in c.until_closed(0.2, quiet=True)
    with talk_to(listener.port).associate(CONTEXTS) as a:
        assert a.echo().status == 0


def test_manners(session, talk_to):
    def ending(**manner) -> str:
        with Listener(session.blobs, Manner(POLICY, **manner), limits=QUICK) as listener:
            with talk_to(listener.port, limits=HASTY).associate(CONTEXTS, release=False) as a:
                a.echo()
                a.echo()
            assert len(listener.close(2)) == 1
        return a.association.ending

    assert ending(mute=True) == "timeout"
    assert ending(rejects=Rejection(2, 3, 1)) == "reject"
    assert ending(aborts_after=1) == "abort"
    assert ending(leaves_after=1) == "close"
    assert ending(answers_after=5.0) == "timeout"
    assert ending(greets_after=5.0) == "timeout"
    assert ending(serve=lambda m: [response(m, 0x0110), response(m, 0)]) == "close"


def test_one_that_says_nothing_does_not_hold_up_others(session, talk_to, server_tls, client_tls):
    with Listener(session.blobs, Manner(POLICY), limits=QUICK, tls=server_tls) as listener:
        with (
            talk_to(listener.port).connect() as silent,
            talk_to(listener.port, tls=client_tls).associate(CONTEXTS) as a,
        ):
            assert a.echo().status == 0
        assert silent.ended in ("", "ours")


def test_contexts_may_be_given_with_their_ids(talk_to, listener):
    with talk_to(listener.port).associate([Proposed(77, VERIFICATION, (IMPLICIT,))]) as a:
        assert a.echo().status == 0
        assert a.accepts(VERIFICATION).id == 77
    with talk_to(listener.port).associate([Proposed(2, VERIFICATION, (IMPLICIT,))]) as a:
        assert not a.open


def test_nobody_calls_back_who_does_not_know_where(talk_to, listener):
    dimse = talk_to(listener.port)
    assert not dimse.reachable
    with pytest.raises(ValueError, match="call us back"), dimse.listening(Manner()):
        pass


def test_an_answer_to_nothing_ends_the_wait_and_a_late_one_does_not(session, talk_to):
    def serve(message):
        wrong = {1: 999, 2: 1}.get(message.id)
        answer = response(message, 0x0110 if wrong else 0)
        return [answer.set(MessageIDBeingRespondedTo=wrong), answer] if wrong == 1 else [
            answer.set(MessageIDBeingRespondedTo=wrong) if wrong else answer
        ]  # fmt: skip

    with Listener(session.blobs, Manner(POLICY, serve=serve), limits=QUICK) as listener:
        began = now()
        with talk_to(listener.port).associate(CONTEXTS) as a:
            assert a.echo().status is None
            assert a.echo().status == 0x0110
            assert a.echo().status == 0
        assert now() - began < 3
    assert len(a.association.strays) == 1


def test_what_we_say_can_be_changed(session, talk_to):
    def each_message(message, asked):
        if message.id == 1:
            return message.set(AffectedSOPClassUID="1.2.3")
        return [message, message.set(MessageID=77)] if message.id == 2 else None

    def each_pdu(octets):
        return octets[:2] + b"\0\0\0\0" if octets[0] == encode.RELEASE_RQ else None

    with Listener(session.blobs, Manner(POLICY), limits=QUICK) as listener:
        dimse = talk_to(listener.port, each_message=each_message, each_pdu=each_pdu)
        with dimse.associate(CONTEXTS) as a:
            assert [a.echo().status for _ in range(3)] == [0, 0, 0]
        assert [m.id for m in listener.received] == [1, 2, 77, 3]
        assert listener.received[0].sop_class == "1.2.3"
    assert a.association.ending == "abort"


def test_notifications_on_the_same_association(session, talk_to):
    push, instance = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"

    def serve(message):
        if message.name == "N-ACTION-RQ":
            return [response(message, 0), event_report_rq(message.context, 5, push, instance, 1, b"ab")]
        return []

    policy = Policy({push: [IMPLICIT]})
    with Listener(session.blobs, Manner(policy, serve=serve), limits=QUICK) as listener:
        with talk_to(listener.port).associate([(push, [IMPLICIT])]) as a:
            assert a.n_action(push, instance, 1, b"ab").status == 0
            (event,) = a.called_upon(seconds=3)
            assert (event.name, event.command["EventTypeID"], event.data) == ("N-EVENT-REPORT-RQ", 1, b"ab")
            assert a.called_upon(seconds=0.1) == []
        (heard,) = listener.collect(3)
    kinds = [(o.invoker, o.kind, o.status) for o in heard.operations]
    assert kinds == [
        ("requestor", "dimse.commitment.n-action", 0),
        ("acceptor", "dimse.commitment.event-report", 0),
    ]
