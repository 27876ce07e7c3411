"""The door itself: negotiation, timers, windows, limits, TLS, peers that break every rule, and the seams of mutants."""

from __future__ import annotations

import datetime
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.upper_layer import encode
from harness.upper_layer.message import Message, echo_rq, find_rq, response, store_rq
from harness.upper_layer.offer import Identity, Offer, Role, Window, propose
from simulators.archive.archive import Archive
from simulators.dimse.link import Link, Peer
from simulators.dimse.serve import Served, Setup, serve
from simulators.dimse.visit import Mutation, Terms, Visit

from .conftest import EXPLICIT, IMPLICIT, SC, Dialled, ask, identifier, make, octets_of, put

ECHO = "1.2.840.10008.1.1"
STUDY = "1.2.840.10008.5.1.4.1.2.2.1"
OFFER = Offer(propose([(ECHO, (IMPLICIT,))]), called="PROOF", calling="TESTER")
ASKED = encode.associate_rq(OFFER).encode()


def alive(served: Served, dial: Dialled) -> bool:
    scu = dial(served, (ECHO, (IMPLICIT,)))
    return ask(scu, echo_rq(1, 1))[0].status == 0 and scu.release()


def raw(served: Served) -> socket.socket:
    made = socket.create_connection((served.host, served.port))
    made.settimeout(10)
    return made


def everything(connection: socket.socket) -> bytes:
    """What comes until the connection is closed."""
    found = b""
    try:
        while octets := connection.recv(1 << 16):
            found += octets
    except ConnectionResetError:
        pass
    return found


# --- negotiation ---------------------------------------------------------------------------------------------------


def test_contexts_are_answered_one_by_one(door: Served, dial: Dialled) -> None:
    scu = dial(door, (ECHO, (IMPLICIT, EXPLICIT)), (SC, ("1.2.3",)), ("1.2.3.4", (IMPLICIT,)), (SC, (EXPLICIT,)))
    assert scu.machine.acceptance is not None
    assert [(c.id, c.result) for c in scu.machine.acceptance.contexts] == [(1, 0), (3, 4), (5, 3), (7, 0)]
    assert scu.contexts[1].transfer == IMPLICIT, "the first that was offered"


def test_roles_windows_and_identities(door: Served, dial: Dialled) -> None:
    roles = (Role(SC, 1, 1), Role(STUDY, 1, 1), Role("1.2.3", 1, 1))
    who = Identity(2, b"me", b"secret", positive=1)
    scu = dial(door, (SC, (EXPLICIT,)), (STUDY, (EXPLICIT,)), roles=roles, window=Window(0, 5), identity=who)
    told = scu.machine.acceptance
    assert told is not None
    assert told.roles == (Role(SC, 1, 1), Role(STUDY, 1, 0))
    assert told.window == Window(16, 1)
    assert told.identity == b""
    plain = dial(door, (SC, (EXPLICIT,)), identity=Identity(1, b"me"))
    assert plain.machine.acceptance is not None
    assert (plain.machine.acceptance.identity, plain.machine.acceptance.window) == (None, None)


def test_our_own_title_is_answered_to(
    archive: Archive, door: Served, opened: Callable[..., Served], dial: Dialled
) -> None:
    from harness.entity import Entity

    wrong = dial(Entity("OTHER", door.host, door.port), (ECHO, (IMPLICIT,)))
    assert wrong.rejection is not None
    assert (wrong.rejection.result, wrong.rejection.source, wrong.rejection.reason) == (1, 1, 7)
    lenient = opened(strict=False)
    assert dial(Entity("OTHER", lenient.host, lenient.port), (ECHO, (IMPLICIT,))).open


def test_too_many_associations_are_turned_away_for_now(opened: Callable[..., Served], dial: Dialled) -> None:
    door = opened(terms=Terms(associations=2))
    standing = [dial(door, (ECHO, (IMPLICIT,))) for _ in range(2)]
    third = dial(door, (ECHO, (IMPLICIT,)))
    assert third.rejection is not None
    assert third.rejection.result == 2
    assert standing[0].release()
    deadline = 100
    while not dial(door, (ECHO, (IMPLICIT,))).open and deadline:
        deadline -= 1
    assert deadline


# --- operations side by side ---------------------------------------------------------------------------------------


def test_requests_back_to_back_are_all_served(archive: Archive, door: Served, dial: Dialled) -> None:
    put(archive, make())
    scu = dial(door, (ECHO, (IMPLICIT,)), (STUDY, (EXPLICIT,)), window=Window(16, 1))
    octets = octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=""))
    requests = [find_rq(3, n, STUDY, octets) if n % 2 else echo_rq(1, n) for n in range(1, 200)]
    answers = scu.pipeline(requests, 16)
    assert len(answers) == 199
    assert all(found[-1].status == 0 for found in answers.values())


def test_without_a_window_requests_wait_for_each_other(archive: Archive, door: Served, dial: Dialled) -> None:
    put(archive, make())
    scu = dial(door, (ECHO, (IMPLICIT,)), (STUDY, (EXPLICIT,)))
    octets = octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=""))
    for number in range(1, 40):
        scu.machine.send(find_rq(3, number, STUDY, octets) if number % 2 else echo_rq(1, number))
    scu.flush(scu.line.deadline())
    finals = []
    while len(finals) < 39 and (answer := scu.receive()) is not None:
        finals += [] if answer.pending else [answer.responded]
    assert finals == list(range(1, 40))


def test_many_associations_at_once(archive: Archive, door: Served) -> None:
    put(archive, make())
    done: list[int] = []

    def one(number: int) -> None:
        with Link(Peer(door.host, door.port), OFFER) as link:
            for _ in range(5):
                done.append(link.perform(echo_rq(1, link.next_id())).status)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [0] * 300


def test_small_messages_do_not_wait_for_the_peer(door: Served, dial: Dialled, monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[int] = []
    run = Visit.run

    async def watched(visit: Visit) -> None:
        connection = visit._writer.get_extra_info("socket")
        options.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await run(visit)

    monkeypatch.setattr(Visit, "run", watched)
    assert alive(door, dial)
    assert options == [1]


# --- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", b"\1", b"\1\0\0\0\x10"], ids=["nothing", "an octet", "half a header"])
def test_who_asks_for_nothing_is_closed_without_a_word(opened: Callable[..., Served], before: bytes) -> None:
    with raw(opened(terms=Terms(artim=0.2))) as connection:
        connection.sendall(before)
        assert everything(connection) == b""


def test_octets_that_drip_do_not_stop_the_timer(opened: Callable[..., Served], dial: Dialled) -> None:
    door = opened(terms=Terms(artim=0.3))
    octets = encode.associate_rq(OFFER).encode()
    assert len(octets) > 100
    with raw(door) as connection:
        connection.settimeout(0.02)
        for octet in octets[:100]:
            try:
                connection.sendall(bytes((octet,)))
                if not connection.recv(10):
                    return  # closed, though an octet had come a moment ago
            except TimeoutError:
                continue
            except OSError:
                return
    raise AssertionError("nobody ended it before it was complete")


def test_silence_on_an_association_is_aborted(opened: Callable[..., Served], dial: Dialled) -> None:
    scu = dial(opened(terms=Terms(idle=0.2)), (ECHO, (IMPLICIT,)))
    assert scu.receive(5) is None
    assert scu.aborted is not None
    assert scu.aborted.by == "peer"


def test_who_does_not_close_after_a_release_is_closed(opened: Callable[..., Served]) -> None:
    with raw(opened(terms=Terms(artim=0.2))) as connection:
        connection.sendall(ASKED)
        connection.recv(1 << 16)
        connection.sendall(encode.release_rq().encode())
        told = everything(connection)
    assert told.endswith(encode.release_rp().encode())


def test_a_requestor_that_does_not_answer_a_suboperation_loses_its_association(
    archive: Archive, opened: Callable[..., Served], dial: Dialled
) -> None:
    from harness.upper_layer.message import get_rq

    put(archive, make())
    door = opened(terms=Terms(response=0.2))
    get = "1.2.840.10008.5.1.4.1.2.2.3"
    scu = dial(door, (get, (EXPLICIT,)), (SC, (EXPLICIT,)), roles=(Role(SC, 0, 1),), serve=lambda _: [])
    octets = octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"))
    assert list(scu.responses(get_rq(1, 1, get, octets))) == []
    assert scu.aborted is not None
    assert alive(door, dial)


# --- peers that break rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x09\0\0\0\0\4abcd",
        struct.pack(">BBL", 1, 0, 0xFFFFFFFF) + bytes(1000),
        struct.pack(">BBL", 4, 0, 10) + bytes(10),
        ASKED + struct.pack(">BBL", 4, 0, 0xFFFFFFFF) + bytes(1000),
        ASKED + struct.pack(">BBLLBB", 4, 0, 6, 0x7FFFFFFF, 1, 3),
        ASKED + struct.pack(">BBLLBB", 4, 0, 6, 2, 1, 3),
        ASKED + struct.pack(">BBLLBB", 4, 0, 10, 6, 9, 3) + b"abcd",
        ASKED + ASKED,
        ASKED + struct.pack(">BBLLBB", 4, 0, 10, 6, 1, 3) + b"abcd",
        ASKED[:40],
        bytes(range(255, -1, -1)) * 2,
    ],
)
def test_nonsense_harms_nobody_else(opened: Callable[..., Served], dial: Dialled, octets: bytes) -> None:
    door = opened(terms=Terms(artim=0.3, idle=0.5))
    with raw(door) as connection:
        connection.sendall(octets)
        everything(connection)
    if octets.startswith(ASKED):
        with raw(door) as connection:
            connection.sendall(ASKED)
            connection.recv(1 << 16)
            connection.sendall(octets[len(ASKED) :])
            assert everything(connection)[:1] == b"\7", "an A-ABORT"
    assert alive(door, dial)


def test_a_message_that_cannot_be_answered_is_aborted(door: Served, dial: Dialled) -> None:
    scu = dial(door, (ECHO, (IMPLICIT,)))
    scu.send(Message(1, {"CommandField": 0x0030, "AffectedSOPClassUID": ECHO, "CommandDataSetType": 0x0101}))
    assert scu.receive() is None
    assert scu.aborted is not None
    assert alive(door, dial)


def test_an_unknown_command_is_said_to_be_so(door: Served, dial: Dialled) -> None:
    scu = dial(door, (ECHO, (IMPLICIT,)))
    (answer,) = ask(scu, echo_rq(1, 1).set(CommandField=0x0777))
    assert answer.status == 0x0211


def test_responses_and_cancels_of_nothing_are_passed_over(door: Served, dial: Dialled) -> None:
    scu = dial(door, (ECHO, (IMPLICIT,)))
    scu.send(response(echo_rq(1, 99), 0))
    scu.send(Message(1, {"CommandField": 0x0FFF, "MessageIDBeingRespondedTo": 5}))
    assert ask(scu, echo_rq(1, 1))[0].status == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 400), st.integers(0, 255), st.booleans())
def test_a_changed_octet_harms_nobody_else(door: Served, at: int, value: int, cut: bool) -> None:
    from harness.upper_layer.encode import message_pdus

    octets = bytearray(ASKED + b"".join(b"".join(p) for p in message_pdus(echo_rq(1, 1), 16384)))
    octets[at % len(octets)] = value
    with raw(door) as connection:
        connection.sendall(octets[: at + 1] if cut else octets)
        connection.shutdown(socket.SHUT_WR)
        everything(connection)
    with Link(Peer(door.host, door.port), OFFER) as link:
        assert link.perform(echo_rq(1, 1)).status == 0


def test_a_peer_that_does_not_read_is_cut_off(archive: Archive, opened: Callable[..., Served], dial: Dialled) -> None:
    long = "x" * 10_000
    put(archive, *(make(f"1.2.{n}", f"1.2.{n}.1", f"1.2.{n}.1.1", PatientComments=long) for n in range(1, 50)))
    door = opened(terms=Terms(write=0.2, idle=0.5))
    offer = OFFER.but(contexts=propose([(STUDY, (EXPLICIT,))]))
    octets = octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="", PatientComments=""))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((door.host, door.port))
        connection.sendall(encode.associate_rq(offer).encode())
        connection.recv(1 << 16)
        pdus = [encode.message_pdus(find_rq(1, number, STUDY, octets), 16384) for number in range(1, 200)]
        connection.sendall(b"".join(b"".join(buffers) for message in pdus for buffers in message))
        broken = select.poll()
        broken.register(connection, 0)  # only what nobody has to ask for: the connection was reset
        assert broken.poll(10_000)
    assert alive(door, dial)


# --- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    import ipaddress

    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    public, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))  # fmt: skip
    return public, private


def test_tls(certificate: tuple[Path, Path], opened: Callable[..., Served]) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*certificate)
    door = opened(tls=server, terms=Terms(artim=0.3))
    client = ssl.create_default_context(cafile=str(certificate[0]))
    with raw(door) as silent, Link(Peer(door.host, door.port, client), OFFER) as link:
        assert link.perform(echo_rq(1, 1)).status == 0, "one that is silent keeps nobody else out"
        silent.sendall(ASKED)
        everything(silent)


# --- seams ---------------------------------------------------------------------------------------------------------


def mutated(archive: Archive, dial: Dialled, mutation: Mutation, *requests: Message) -> list[list[Message]]:
    with serve(archive, "PROOF", mutate=mutation) as door:
        scu = dial(door, (ECHO, (IMPLICIT,)), (STUDY, (EXPLICIT,)), (SC, (EXPLICIT,)))
        return [list(scu.responses(request, 2)) for request in requests]


def test_a_mutant_changes_each_message_that_leaves(archive: Archive, dial: Dialled) -> None:
    seen: list[tuple[str, str]] = []

    def act(message: Message, asked: Message | None) -> Message:
        seen.append((message.name, asked.name if asked else ""))
        return message.set(Status=0x0123)

    ((answer,),) = mutated(archive, dial, Mutation(message=act), echo_rq(1, 1))
    assert (answer.status, seen) == (0x0123, [("C-ECHO-RSP", "C-ECHO-RQ")])


def test_a_mutant_withholds_and_doubles_messages(archive: Archive, dial: Dialled) -> None:
    put(archive, make())
    octets = octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=""))

    def act(message: Message, asked: Message | None) -> list[Message] | None:
        return [message, message] if message.pending else None

    (answers,) = mutated(archive, dial, Mutation(message=act), find_rq(3, 1, STUDY, octets))
    assert [a.status for a in answers] == [0xFF00, 0xFF00, 0]
    (answers,) = mutated(archive, dial, Mutation(message=lambda m, a: [] if m.pending else None),
                         find_rq(3, 1, STUDY, octets))  # fmt: skip
    assert [a.status for a in answers] == [0]


def test_a_mutant_changes_each_pdu_that_leaves(archive: Archive, dial: Dialled) -> None:
    def act(octets: bytes) -> bytes | None:
        return octets[:1] + b"\xff" + octets[2:] if octets[0] == encode.RELEASE_RP else None

    with serve(archive, "PROOF", mutate=Mutation(pdu=act)) as door:
        scu = dial(door, (ECHO, (IMPLICIT,)))
        assert ask(scu, echo_rq(1, 1))[0].status == 0
        assert scu.release()
        assert scu.finish().acceptor.bytes().endswith(b"\6\xff\0\0\0\4\0\0\0\0")


def test_a_mutant_stands_before_the_service(archive: Archive, dial: Dialled) -> None:
    def act(request: Message, serve: Callable[[Message], Iterable[Message]]) -> Iterable[Message]:
        if request.name == "C-STORE-RQ":
            return [response(request, 0)]  # says so, and stores nothing
        return serve(request)

    requests = (store_rq(5, 1, SC, "1.2.1.1.1", octets_of(make())), echo_rq(1, 2))
    (stored,), (echoed,) = mutated(archive, dial, Mutation(door=act), *requests)
    assert (stored.status, echoed.status) == (0, 0)
    assert not archive.study_exists("1.2.1")
    assert not list(archive.folder.glob("files/*/*"))


def test_a_mutant_may_ask_the_service_something_else(archive: Archive, dial: Dialled) -> None:
    def act(request: Message, serve: Callable[[Message], Iterable[Message]]) -> Iterable[Message]:
        return serve(request.set(AffectedSOPInstanceUID="1.2.1.1.2"))

    (answers,) = mutated(archive, dial, Mutation(door=act), store_rq(5, 1, SC, "1.2.1.1.1", octets_of(make())))
    assert answers[0].status == 0xA900
    (answers,) = mutated(archive, dial, Mutation(door=lambda r, serve: [*serve(r), *serve(r)][:1]),
                         store_rq(5, 1, SC, "1.2.1.1.1", octets_of(make())))  # fmt: skip
    assert answers[0].status == 0
    assert archive.study_exists("1.2.1")


def test_what_is_said_can_be_taken_down(archive: Archive, dial: Dialled, tmp_path: Path) -> None:
    from contextlib import contextmanager

    from harness.association import Association, Tape
    from harness.blobs import Blobs

    blobs, heard = Blobs(tmp_path / "heard"), list[Association]()
    done = threading.Event()

    @contextmanager
    def observe() -> Any:
        tape = Tape(blobs)
        yield tape
        heard.append(tape.finish(judged=frozenset({"requestor"})))
        done.set()

    with serve(archive, "PROOF", setup=Setup(observe=observe)) as door:
        scu = dial(door, (ECHO, (IMPLICIT,)))
        ask(scu, echo_rq(1, 1))
        scu.release()
        mine = scu.finish()
        assert done.wait(5)
    (theirs,) = heard
    assert (theirs.requestor.bytes(), theirs.acceptor.bytes()) == (mine.requestor.bytes(), mine.acceptor.bytes())
    assert theirs.ending == "release"
    assert [o.status for o in theirs.operations] == [0]
