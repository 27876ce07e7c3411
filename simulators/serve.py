"""Knows how the door is put on a socket: a server in a thread for tests and runs, or for ever for the command line.

Must not know transactions.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from harness.context import DEFAULT_EDITION
from harness.exchange import Exchange
from simulators.archive.archive import Archive
from simulators.doors import Doors, Mutate
from simulators.line import Served
from simulators.relay import Wire, relay
from simulators.web.app import web
from simulators.web.service import Service

BACKLOG = 512
KEEP_ALIVE = 75  # seconds that an idle connection is kept
FRAME = 1 << 20  # octets that a user agent may say at once on a notification connection
STOP = 5.0  # seconds that requests in progress get when the server stops


def door(
    archive: Archive,
    root: str,
    edition: str = DEFAULT_EDITION,
    mutate: Mutate | None = None,
    observe: Callable[[Exchange], None] | None = None,
    around: Callable[[ASGIApp], ASGIApp] | None = None,
) -> ASGIApp:
    """The application with whatever is to happen where answers leave; `around` is put round it first."""
    app = web(Service(archive, root, edition))
    app = around(app) if around else app
    return Doors(app, base=root, mutate=mutate, observe=observe) if mutate or observe else app


@contextmanager
def serve(
    archive: Archive,
    host: str = "127.0.0.1",
    port: int = 0,
    base: str = "/dicomweb",
    edition: str = DEFAULT_EDITION,
    mutate: Mutate | None = None,
    observe: Callable[[Exchange], None] | None = None,
    wire: Wire | None = None,
    around: Callable[[ASGIApp], ASGIApp] | None = None,
) -> Iterator[Served]:
    """Serve the archive until the block ends; `base` is the Service Root Path, port 0 any free port.

    With `wire`, a relay stands before the door and each answer passes through it as octets. OSError when the
    address cannot be had, ValueError for an edition that is not known.
    """
    app = door(archive, base.rstrip("/"), edition, mutate, observe, around)
    if wire is None:
        with running(app, host, port) as address:
            yield Served.at(address, base)
        return
    with running(app, "127.0.0.1", 0) as inner, relay(inner, host=host, port=port, wire=wire) as address:
        yield Served.at(address, base)


def run_forever(
    archive: Archive,
    host: str = "127.0.0.1",
    port: int = 0,
    base: str = "/dicomweb",
    edition: str = DEFAULT_EDITION,
    mutate: Mutate | None = None,
    observe: Callable[[Exchange], None] | None = None,
    ready: Callable[[Served], None] | None = None,
) -> None:
    """Serve in this thread until a signal says to stop; `ready` is told the address once connections are accepted."""
    app = door(archive, base.rstrip("/"), edition, mutate, observe)
    with _listening(host, port) as listener:
        address = listener.getsockname()[:2]
        server = _Server(app, lambda: ready(Served.at(address, base)) if ready else None)
        server.run(sockets=[listener])


@contextmanager
def running(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[str, int]]:
    """Run an ASGI application in a thread; gives host and port. Requests in progress are ended with the block."""
    with _listening(host, port) as listener:
        accepting = threading.Event()
        server = _Server(app, accepting.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="door", daemon=True)
        thread.start()
        while not accepting.wait(0.1):
            if not thread.is_alive():
                raise RuntimeError("the server did not start; the log says why")
        try:
            yield listener.getsockname()[:2]
        finally:
            server.should_exit = True
            thread.join(STOP)
            server.force_exit = True
            thread.join(STOP)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it; without it small answers wait for acknowledgements of the peer.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Tells when it accepts connections."""

    def __init__(self, app: ASGIApp, accepting: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=FRAME,
            ws_per_message_deflate=False,
            access_log=False,
            log_config=None,
            log_level="critical",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=1,
            backlog=BACKLOG,
        )
        super().__init__(config)
        self._accepting = accepting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._accepting()
