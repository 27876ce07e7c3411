"""The talk: octets and order are kept, and no peer, however it behaves, makes it hang, raise or run full."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.blobs import Blobs
from harness.clock import now
from harness.exchange import Answer, Ask, Headers
from harness.talk.web import Limits, Talk

Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def peer(*scripts: Script) -> Iterator[str]:
    """A server on a free loopback port: each connection is handled by the next script, the last one again and again."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        number = 0
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            script = scripts[min(number, len(scripts) - 1)]
            number += 1
            threading.Thread(target=handle, args=(script, connection), daemon=True).start()

    def handle(script: Script, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            script(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/dw"
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def heard(connection: socket.socket) -> bytes:
    """One request head."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            break
        data += chunk
    return data


def says(octets: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        while heard(connection):
            connection.sendall(octets)

    return script


def says_and_closes(octets: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(octets)

    return script


def ask(base: str, folder: Path, limits: Limits | None = None, **more) -> Answer:
    with Talk(base, Blobs(folder), limits or Limits(deadline=5)) as talk:
        return talk.ask(Ask("GET", "/dw/studies", base, Headers.of([("Host", "h"), ("X-ODD", "1")])), **more)


def test_octets_order_and_spelling_are_kept(tmp_path: Path) -> None:
    raw = b"HTTP/1.1 299 Very  Odd\r\nX-b: 1\r\nx-A:  2 \r\nX-b: 3\r\nContent-Length: 3\r\n\r\nabc"
    with peer(says(raw)) as base:
        answer = ask(base, tmp_path)
    assert (answer.status, answer.reason, answer.body.bytes()) == (299, "Very  Odd", b"abc")
    assert answer.headers.fields == (("X-b", "1"), ("x-A", "2"), ("X-b", "3"), ("Content-Length", "3"))
    assert answer.head == raw[:-3]
    assert answer.complete


def test_the_question_is_sent_as_it_stands(tmp_path: Path) -> None:
    got: list[bytes] = []

    def script(connection: socket.socket) -> None:
        got.append(heard(connection))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with peer(script) as base, Talk(base, Blobs(tmp_path)) as talk:
        talk.ask(Ask("GET", "/dw/studies?a=%5E^|", base, Headers.of([("Host", "h"), ("ACCEPT", "x/y"), ("b", "")])))
    assert got == [b"GET /dw/studies?a=%5E^| HTTP/1.1\r\nHost: h\r\nACCEPT: x/y\r\nb: \r\n\r\n"]


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "reset"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "protocol"),
        (b"\x00\x01\x02 garbage\r\n\r\n", "protocol"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "protocol"),
    ],
)
def test_broken_answers_are_faults(tmp_path: Path, octets: bytes, kind: str) -> None:
    with peer(says_and_closes(octets)) as base:
        answer = ask(base, tmp_path)
    assert answer.fault is not None
    assert answer.fault.kind == kind
    assert not answer.complete


def test_what_came_before_the_cut_is_kept(tmp_path: Path) -> None:
    with peer(says_and_closes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")) as base:
        answer = ask(base, tmp_path)
    assert (answer.status, answer.body.bytes(), answer.body.truncated) == (200, b"abc", True)


def mute(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def drip(connection: socket.socket) -> None:
    heard(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    waiting = threading.Event()
    for _ in range(1000):
        connection.sendall(b"X: 1\r\n")
        waiting.wait(0.05)


@pytest.mark.parametrize("script", [mute, drip])
def test_a_peer_without_end_costs_one_deadline(tmp_path: Path, script: Script) -> None:
    with peer(script) as base:
        started = now()
        answer = ask(base, tmp_path, Limits(deadline=0.4))
    assert answer.fault is not None
    assert answer.fault.kind == "timeout"
    assert now() - started < 3


def endless_body(connection: socket.socket) -> None:
    heard(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def endless_headers(connection: socket.socket) -> None:
    heard(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Filler: y\r\n" * 1000)


def test_an_endless_body_is_cut_at_the_cap(tmp_path: Path) -> None:
    with peer(endless_body) as base:
        answer = ask(base, tmp_path, most=1 << 20)
    assert answer.fault is not None
    assert answer.fault.kind == "too-large"
    assert answer.body.size == 1 << 20


def test_endless_header_fields_are_a_protocol_fault(tmp_path: Path) -> None:
    with peer(endless_headers) as base:
        answer = ask(base, tmp_path)
    assert answer.fault is not None
    assert answer.fault.kind == "protocol"


def test_nobody_there_and_no_such_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = ask(f"http://127.0.0.1:{port}/dw", tmp_path)
    assert refused.fault is not None
    assert refused.fault.kind == "refused"

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    nameless = ask("http://no-such-host.invalid/dw", tmp_path)
    assert nameless.fault is not None
    assert nameless.fault.kind == "name"


def test_plain_text_where_tls_was_wanted(tmp_path: Path) -> None:
    with peer(says_and_closes(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as base:
        answer = ask(base.replace("http:", "https:"), tmp_path)
    assert answer.fault is not None
    assert answer.fault.kind == "tls"


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again(tmp_path: Path) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"

    def once(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(raw + b"a")
        heard(connection)  # the next question gets no answer: the connection ends here

    with peer(once, says(raw + b"b")) as base, Talk(base, Blobs(tmp_path)) as talk:
        question = Ask("GET", "/dw", base, Headers.of([("Host", "h")]))
        assert [talk.ask(question).body.bytes() for _ in range(2)] == [b"a", b"b"]


def test_a_body_is_streamed_out(tmp_path: Path) -> None:
    size = 3 << 20
    got = 0

    def script(connection: socket.socket) -> None:
        nonlocal got
        head = heard(connection)
        got = len(head.partition(b"\r\n\r\n")[2])
        while got < size:
            got += len(connection.recv(1 << 20))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with peer(script) as base, Talk(base, Blobs(tmp_path)) as talk:
        question = Ask("POST", "/dw/studies", base, Headers.of([("Host", "h"), ("Content-Length", str(size))]))
        answer = talk.ask(question, content=(b"x" * (1 << 20) for _ in range(3)))
    assert answer.status == 200
    assert got == size
