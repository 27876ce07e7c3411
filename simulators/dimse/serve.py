"""Knows how the DIMSE door is put on a socket: in a thread for tests and runs, or for ever for the command line.

Must not know services.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from harness.entity import Entity
from simulators.archive.archive import Archive
from simulators.dimse.door import Door, Observe
from simulators.dimse.errands import Witness
from simulators.dimse.link import Patience, Peer
from simulators.dimse.service import RETRIES, Services
from simulators.dimse.visit import Mutation, Terms

BACKLOG = 512


@dataclass(frozen=True)
class Served:
    """A running door. `address` is "dimse://AET@host:port"."""

    entity: Entity
    services: Services

    @property
    def address(self) -> str:
        return self.entity.url

    @property
    def host(self) -> str:
        return self.entity.host

    @property
    def port(self) -> int:
        return self.entity.port


@dataclass(frozen=True)
class Setup:
    """How a door behaves. `peers` are AEs by title: destinations of C-MOVE and receivers of reports. `strict` answers
    to our own AE title only. `retries` are the pauses, in seconds, between attempts to deliver a report. `observe`
    takes down associations that are asked for, `witness` those that we ask for to report on."""

    peers: Mapping[str, Peer] | None = None
    strict: bool = True
    terms: Terms | None = None
    patience: Patience | None = None
    retries: tuple[float, ...] = RETRIES
    tls: ssl.SSLContext | None = None
    mutate: Mutation | None = None
    observe: Observe | None = None
    witness: Witness | None = None


@contextmanager
def serve(archive: Archive, title: str = "DICOMPROOF", host: str = "127.0.0.1", port: int = 0,
          setup: Setup | None = None, mutate: Mutation | None = None) -> Iterator[Served]:  # fmt: skip
    """Serve the archive under this AE title until the block ends; port 0 is any free port.

    OSError when the address cannot be had.
    """
    setup = setup or Setup()
    with _listening(host, port) as listener, contextlib.closing(_services(archive, title, setup, mutate)) as services:
        door = Door(services, services.policy(setup.strict), setup.terms, mutate or setup.mutate, setup.observe)
        ready = threading.Event()
        thread = threading.Thread(
            target=lambda: asyncio.run(door.serve(listener, setup.tls, ready.set)), name="dimse", daemon=True
        )
        thread.start()
        while not ready.wait(0.1):
            if not thread.is_alive():
                raise RuntimeError("the door did not open; the log says why")
        try:
            yield Served(Entity(title, *listener.getsockname()[:2]), services)
        finally:
            door.stop()
            thread.join()


def run_forever(archive: Archive, title: str, host: str, port: int, setup: Setup | None = None,
                ready: Callable[[Served], None] | None = None) -> None:  # fmt: skip
    """Serve in this thread until a signal says to stop; `ready` is told the address once connections are accepted."""
    setup = setup or Setup()
    with _listening(host, port) as listener, contextlib.closing(_services(archive, title, setup)) as services:
        door = Door(services, services.policy(setup.strict), setup.terms, setup.mutate, setup.observe)
        served = Served(Entity(title, *listener.getsockname()[:2]), services)

        async def main() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                with contextlib.suppress(NotImplementedError):  # not on every system
                    loop.add_signal_handler(number, door.stop)
            await door.serve(listener, setup.tls, lambda: ready(served) if ready else None)

        asyncio.run(main())


def _services(archive: Archive, title: str, setup: Setup, mutate: Mutation | None = None) -> Services:
    defect = mutate or setup.mutate
    message = defect.message if defect is not None else None
    return Services(archive, title, setup.peers, setup.patience, setup.retries, setup.witness, message)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it; without it small messages wait for acknowledgements of the peer.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
