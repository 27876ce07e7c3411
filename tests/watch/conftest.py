"""Servers that say what a test wants, on free ports of the loopback, and ears that keep what they heard."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from harness.exchange import Side
from harness.watch.conversation import Ended
from harness.watch.relay import Ear

Speak = Callable[[socket.socket], None]


class Kept:
    """An ear that keeps everything; `gone` is set when the connection is over."""

    def __init__(self) -> None:
        self.said: dict[Side, bytearray] = {"user-agent": bytearray(), "origin-server": bytearray()}
        self.ends: list[tuple[Side, Ended]] = []
        self.why = ""
        self.gone = threading.Event()

    def heard(self, side: Side, octets: bytes) -> None:
        self.said[side] += octets

    def end(self, side: Side, how: Ended) -> None:
        self.ends.append((side, how))

    def refused(self, why: str) -> None:
        self.why = why

    def over(self) -> None:
        self.gone.set()


class Ears:
    """Gives ears, and keeps them."""

    def __init__(self) -> None:
        self.all: list[Kept] = []
        self.full = False

    def listen(self, client: str) -> Ear:
        self.all.append(Kept())
        return self.all[-1]


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def serving() -> Iterator[Callable[[Speak], int]]:
    """Serve by a function that gets each connection, in a thread of its own; gives the port."""
    with contextlib.ExitStack() as stack:

        def serve(speak: Speak) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            stack.callback(listener.shutdown, socket.SHUT_RDWR)

            def one(connection: socket.socket) -> None:
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(20)
                    speak(connection)

            def work() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

            threading.Thread(target=work, daemon=True).start()
            return int(listener.getsockname()[1])

        yield serve


def all_of(connection: socket.socket) -> bytes:
    """Everything until the other end has no more to say."""
    octets = bytearray()
    while piece := connection.recv(1 << 16):
        octets += piece
    return bytes(octets)


def exactly(connection: socket.socket, count: int) -> bytes:
    octets = bytearray()
    while len(octets) < count and (piece := connection.recv(count - len(octets))):
        octets += piece
    return bytes(octets)
