"""The relay: what goes in comes out, whatever it is; how connections end is passed on; nobody runs ahead."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.watch.relay import Place, Serving, relaying
from tests.watch.conftest import Ears, Speak, all_of, exactly

Serve = Callable[[Speak], int]
LONG = 20.0


def echo(connection: socket.socket) -> None:
    """Says everything backwards as soon as the client has said it all."""
    connection.sendall(all_of(connection)[::-1])


def ask(port: int, octets: bytes, sizes: tuple[int, ...] = (1 << 16,)) -> bytes:
    with socket.create_connection(("127.0.0.1", port), LONG) as connection:
        connection.settimeout(LONG)
        at = turn = 0
        while at < len(octets):
            size = sizes[turn % len(sizes)]
            connection.sendall(octets[at : at + size])
            at, turn = at + size, turn + 1
        connection.shutdown(socket.SHUT_WR)
        return all_of(connection)


@contextlib.contextmanager
def relay_and_client(server: int, ears: Ears) -> Iterator[tuple[Serving, socket.socket]]:
    """A relay before that server, and a client that has connected to it."""
    with (
        relaying(Place("127.0.0.1", server), ears) as relay,
        socket.create_connection(("127.0.0.1", relay.port), LONG) as connection,
    ):
        connection.settimeout(LONG)
        yield relay, connection


def test_any_octets_pass_unchanged_and_half_closing_too(serving: Serve) -> None:
    """One relay for all examples: each is a connection of its own."""
    ears = Ears()
    with relaying(Place("127.0.0.1", serving(echo)), ears) as relay:

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(
            st.one_of(
                st.binary(max_size=5000),
                st.lists(st.sampled_from([b"GET / HTTP/1.1\r\n", b"\r\n", b"0\r\n", b"\xff\x00", b":"])).map(b"".join),
            ),
            st.lists(st.integers(1, 999), min_size=1, max_size=5),
        )
        def passes(octets: bytes, sizes: list[int]) -> None:
            assert ask(relay.port, octets, tuple(sizes)) == octets[::-1]
            ear = ears.all[-1]
            assert ear.gone.wait(LONG)
            assert (bytes(ear.said["user-agent"]), bytes(ear.said["origin-server"])) == (octets, octets[::-1])
            assert ear.ends == [("user-agent", "close"), ("origin-server", "close")]

        passes()


def test_a_large_message_passes_unchanged(serving: Serve, ears: Ears) -> None:
    octets = bytes(range(256)) * (1 << 16)
    with relaying(Place("127.0.0.1", serving(echo)), ears) as relay:
        assert hashlib.sha256(ask(relay.port, octets)).digest() == hashlib.sha256(octets[::-1]).digest()


def test_octets_are_passed_on_as_they_come(serving: Serve, ears: Ears) -> None:
    """Neither side waits for the end of anything: each octet is answered before the next one is sent."""

    def speak(connection: socket.socket) -> None:
        while piece := connection.recv(1):
            connection.sendall(piece.upper())

    with relay_and_client(serving(speak), ears) as (_relay, connection):
        for octet in b"get / http":
            connection.sendall(bytes([octet]))
            assert exactly(connection, 1) == bytes([octet]).upper()


def test_nobody_runs_ahead_of_who_reads_slowly(serving: Serve, ears: Ears) -> None:
    """A server that sends without end is stopped by a client that does not read."""
    sent = 0
    stuck = threading.Event()

    def speak(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(1)
        connection.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while True:
                sent += connection.send(bytes(1 << 16))
        stuck.set()

    with relay_and_client(serving(speak), ears) as (_relay, connection):
        connection.sendall(b"x")
        assert stuck.wait(LONG)
        assert len(ears.all[0].said["origin-server"]) <= sent < 64 << 20


def test_when_the_copies_are_too_many_nobody_is_read_until_there_is_room(serving: Serve, ears: Ears) -> None:
    def speak(connection: socket.socket) -> None:
        while piece := connection.recv(1 << 16):
            connection.sendall(piece)

    with relay_and_client(serving(speak), ears) as (relay, connection):
        ears.full = True
        connection.sendall(b"a")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            exactly(connection, 1)  # the answer to what was read before is not read any more
        ears.full = False
        relay.room()
        connection.settimeout(LONG)
        connection.sendall(b"b")
        assert exactly(connection, 2) == b"ab"


def test_a_server_that_is_not_there(serving: Serve, ears: Ears) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with relaying(Place("127.0.0.1", port), ears) as relay:
        with contextlib.suppress(ConnectionError):
            assert ask(relay.port, b"hello") == b""
        assert ears.all[0].gone.wait(LONG)
    assert "refused" in ears.all[0].why.lower() or "connect" in ears.all[0].why.lower()


def test_a_reset_stays_a_reset(serving: Serve, ears: Ears) -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with relay_and_client(serving(speak), ears) as (_relay, connection):
        connection.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
        assert ears.all[0].gone.wait(LONG)
    assert ears.all[0].ends[0] == ("origin-server", "reset")


def test_a_client_that_goes_away_takes_the_server_connection_with_it(serving: Serve, ears: Ears) -> None:
    gone = threading.Event()

    def speak(connection: socket.socket) -> None:
        connection.recv(1)
        with contextlib.suppress(ConnectionResetError):
            all_of(connection)
        gone.set()

    with relay_and_client(serving(speak), ears) as (_relay, connection):
        connection.sendall(b"x")
        connection.close()
        assert gone.wait(LONG)
        assert ears.all[0].gone.wait(LONG)
    assert ears.all[0].ends[0] == ("user-agent", "close")


def test_many_at_once(serving: Serve, ears: Ears) -> None:
    said: dict[int, bytes] = {}
    with relaying(Place("127.0.0.1", serving(echo)), ears) as relay:

        def one(n: int) -> None:
            said[n] = ask(relay.port, b"%d" % n * 1000)

        threads = [threading.Thread(target=one, args=(n,)) for n in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
    assert said == {n: (b"%d" % n * 1000)[::-1] for n in range(64)}


def test_what_is_open_at_the_end_is_broken_off(serving: Serve, ears: Ears) -> None:
    with contextlib.ExitStack() as stack:
        with relaying(Place("127.0.0.1", serving(lambda c: c.sendall(c.recv(1)) or c.recv(1))), ears) as relay:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", relay.port), LONG))
            connection.settimeout(LONG)
            connection.sendall(b"x")
            assert exactly(connection, 1) == b"x"
        assert ears.all[0].gone.is_set()
        assert ears.all[0].ends == [("user-agent", "stopped"), ("origin-server", "stopped")]
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b""


def test_an_address_that_cannot_be_had(ears: Ears) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError),
        relaying(Place("127.0.0.1", 1), ears, "127.0.0.1", taken.getsockname()[1]),
    ):
        pass


def test_tls_on_both_sides(serving: Serve, ears: Ears) -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context in (theirs, ours):
        authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def speak(connection: socket.socket) -> None:
        with theirs.wrap_socket(connection, server_side=True) as secure:
            secure.sendall(exactly(secure, 5).upper())

    place = Place("127.0.0.1", serving(speak), trusting)
    with relaying(place, ears, tls=ours) as relay:
        with (
            socket.create_connection(("127.0.0.1", relay.port), LONG) as plain,
            trusting.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(b"hello")
            assert exactly(secure, 5) == b"HELLO"
        assert ears.all[0].gone.wait(LONG)
    assert bytes(ears.all[0].said["origin-server"]) == b"HELLO"


def test_a_server_whose_certificate_nobody_vouches_for_is_not_reached(serving: Serve, ears: Ears) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(theirs)

    def speak(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            theirs.wrap_socket(connection, server_side=True)

    with relaying(Place("127.0.0.1", serving(speak), ssl.create_default_context()), ears) as relay:
        with contextlib.suppress(ConnectionError):
            assert ask(relay.port, b"hello") == b""
        assert ears.all[0].gone.wait(LONG)
    assert "certificate" in ears.all[0].why.lower()
