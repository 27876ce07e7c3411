"""Knows the listening side of the door: connections become visits, each of which can harm itself only.

Must not know services or threads beyond those that serve operations.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from socket import socket

from harness.upper_layer.negotiate import Policy
from simulators.dimse.service import Services
from simulators.dimse.talk import Observer
from simulators.dimse.visit import Mutation, Shared, Terms, Visit

LOG = logging.getLogger(__name__)
QUICK = 32  # threads for operations that only ask the archive
BUFFER = 1 << 20  # octets of one connection that may wait to be read

Observe = Callable[[], AbstractContextManager[Observer | None]]


class Door:
    """Serves associations on one listening socket until `stop` is called from any thread."""

    def __init__(self, services: Services, policy: Policy, terms: Terms | None = None,
                 mutation: Mutation | None = None, observe: Observe | None = None) -> None:  # fmt: skip
        self._services = services
        self._policy = policy
        self._terms = terms or Terms()
        self._mutation = mutation or Mutation()
        self._observe: Observe = observe or nullcontext
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, listener: socket, tls: ssl.SSLContext | None, ready: Callable[[], None]) -> None:
        """Accept until told to stop; associations that still stand are then broken off."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        terms = self._terms
        quick = ThreadPoolExecutor(QUICK, thread_name_prefix="operation")
        slow = ThreadPoolExecutor(terms.associations, thread_name_prefix="retrieval")
        shared = Shared(self._services, self._policy, terms, self._mutation, quick, slow)

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._visit(shared, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        handshake = terms.artim if tls is not None else None
        server = await asyncio.start_server(
            connected, sock=listener, limit=BUFFER, ssl=tls, ssl_handshake_timeout=handshake
        )
        ready()
        await self._stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for executor in (quick, slow):  # what still runs learns from its talk that it is over; the loop has to go on
            await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)

    def stop(self) -> None:
        """End `serve`, from any thread."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _visit(self, shared: Shared, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whatever ends a visit ends this one only: the peer is a party under test.
        try:
            with self._observe() as observer:
                await Visit(shared, reader, writer, observer).run()
        except Exception:
            LOG.exception("an association broke the door's own rules")
            writer.transport.abort()
