"""Knows how an answer is looked at, or changed, at the place where it leaves: one seam for mutants and recording.

Must not know mutants, rules or transactions.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
from anyio.from_thread import run as run_in_loop
from anyio.to_thread import run_sync
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Fault, Headers

log = logging.getLogger("simulators.doors")

Door = Callable[[Ask], Answer]
Mutate = Callable[[Ask, Door], Answer]
Observe = Callable[[Exchange], None]

MEMORY = 8 << 20  # octets of a body that are kept in memory; longer ones go to a file


class Doors:
    """ASGI middleware. Without `mutate` and `observe` requests pass through untouched and unbuffered.

    `mutate` gets the request and the door behind it, a function that it may call any number of times, with changed
    requests too, and gives the answer that leaves. It runs in a thread of its own. `observe` gets each exchange after
    its answer left; bodies that were too long for memory are files that are gone when it returns.
    `base` is the Base URI, or the Service Root Path when the authority is taken from each request.
    """

    def __init__(
        self, app: ASGIApp, *, base: str, mutate: Mutate | None = None, observe: Observe | None = None
    ) -> None:
        self.app = app
        self.base = base
        self.mutate = mutate
        self.observe = observe
        self._seq = itertools.count(1)
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (self.mutate or self.observe):
            await self.app(scope, receive, send)
            return
        with tempfile.TemporaryDirectory(prefix="door-", ignore_cleanup_errors=True) as folder:
            visit = _Visit(self, scope, Path(folder))
            if self.mutate:
                await visit.mutated(self.mutate, receive, send)
            else:
                await visit.watched(receive, send)

    async def told(self, ask: Ask, answer: Answer, since: float) -> None:
        """Hand the exchange to the observer; its errors are its own and do not touch the answer."""
        if not self.observe:
            return
        elapsed = int((time.monotonic() - since) * 1000)
        exchange = Exchange(next(self._seq), ask, answer, elapsed_ms=elapsed)
        try:
            await run_sync(self.observe, exchange, limiter=self.limiter)
        except Exception:
            log.exception("the observer failed at %s", ask.line)

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        """Threads of mutants and observers: not those the application uses, which a mutant waits for."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(100)
        return self._limiter


class _Visit:
    """One request on its way through the doors."""

    def __init__(self, doors: Doors, scope: Scope, folder: Path) -> None:
        self.doors = doors
        self.scope = scope
        self.folder = folder
        self.since = time.monotonic()

    async def mutated(self, mutate: Mutate, receive: Receive, send: Send) -> None:
        asked = _Spool(self.folder)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            asked.write(message.get("body", b""))
            if not message.get("more_body", False):
                break
        ask = self._ask(asked.body())
        try:
            answer = await run_sync(mutate, ask, self._door, limiter=self.doors.limiter)
            await _reply(answer, send)
        except Exception:
            log.exception("the mutant failed at %s", ask.line)
            raise
        await self.doors.told(ask, answer, self.since)

    async def watched(self, receive: Receive, send: Send) -> None:
        asked, answered = _Spool(self.folder), _Capture(_Spool(self.folder))

        async def received() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                asked.write(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            answered.take(message)
            await send(message)

        try:
            await self.doors.app(self.scope, received, sent)
        finally:
            answer = answered.answer(self.scope["method"])
            await self.doors.told(self._ask(asked.body()), answer, self.since)

    def _door(self, ask: Ask) -> Answer:
        """What the application answers; called by a mutant in its thread."""
        return run_in_loop(self._inner, ask)

    async def _inner(self, ask: Ask) -> Answer:
        capture = _Capture(_Spool(self.folder))
        messages = _requests(ask.body)
        waiting = anyio.Event()

        async def receive() -> Message:
            message = next(messages, None)
            if message is None:
                await waiting.wait()  # the user agent stays while the answer is made
                return {"type": "http.disconnect"}
            return message

        async def send(message: Message) -> None:
            capture.take(message)

        await self.doors.app(_scope(self.scope, ask), receive, send)
        return capture.answer(ask.method)

    def _ask(self, body: Body) -> Ask:
        raw = self.scope.get("raw_path") or self.scope["path"].encode()
        query = self.scope.get("query_string", b"")
        target = (raw + b"?" + query if query else raw).decode("latin-1")
        headers = Headers.of([(k.decode("latin-1"), v.decode("latin-1")) for k, v in self.scope["headers"]])
        version = f"HTTP/{self.scope.get('http_version', '1.1')}"
        return Ask(self.scope["method"], target, self._base(headers), headers, body, version)

    def _base(self, headers: Headers) -> str:
        if not self.doors.base.startswith("/") and self.doors.base:
            return self.doors.base
        host = headers.get("host") or "localhost"
        return f"{self.scope.get('scheme', 'http')}://{host}{self.doors.base}"


class _Spool:
    """Octets that are collected in memory, or in a file once they are many."""

    _names = itertools.count()

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"body-{next(self._names)}"
        self._memory: bytearray | None = bytearray()
        self._size = 0

    def write(self, octets: bytes) -> None:
        self._size += len(octets)
        if self._memory is not None:
            self._memory += octets
            if len(self._memory) <= MEMORY:
                return
            octets, self._memory = bytes(self._memory), None
        with self._path.open("ab") as file:
            file.write(octets)

    def body(self, truncated: bool = False) -> Body:
        if self._memory is not None:
            return Body.of(bytes(self._memory), truncated)
        return Body.file(self._path, self._size, truncated)


class _Capture:
    """The messages of one answer."""

    def __init__(self, spool: _Spool) -> None:
        self._spool = spool
        self._start: Message | None = None
        self._complete = False

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._spool.write(message.get("body", b""))
            self._complete = not message.get("more_body", False)

    def answer(self, method: str) -> Answer:
        """The answer as it stands on the wire, so with the framing that the server adds."""
        if self._start is None:
            return Answer(fault=Fault("reset", "the door gave no answer"))
        fields = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in self._start.get("headers", ())]
        status = self._start["status"]
        names = {name.lower() for name, _ in fields}
        if method != "HEAD" and status not in (204, 304) and not names & {"content-length", "transfer-encoding"}:
            fields.append(("transfer-encoding", "chunked"))
        fault = None if self._complete else Fault("reset", "the door broke off")
        body = self._spool.body(not self._complete)
        return Answer(status, _phrase(status), Headers.of(fields), body, fault=fault)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _scope(scope: Scope, ask: Ask) -> dict[str, Any]:
    """The request as a mutant hands it on. It is answered without a content coding: what a mutant writes into a body,
    it writes as it is, and a client that asks for gzip by habit is to meet that defect and no other."""
    path, _, query = ask.target.partition("?")
    headers = ask.headers.but("accept-encoding", None)
    return {
        **scope,
        "method": ask.method,
        "path": unquote(path),
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1", "replace"),
        "headers": [(k.lower().encode("latin-1"), v.encode("latin-1", "replace")) for k, v in headers],
    }


def _requests(body: Body) -> Iterator[Message]:
    left = body.size
    for chunk in body.chunks():
        left -= len(chunk)
        yield {"type": "http.request", "body": chunk, "more_body": left > 0}
    if not body.size:
        yield {"type": "http.request", "body": b"", "more_body": False}


async def _reply(answer: Answer, send: Send) -> None:
    """Send the answer as it is, as far as a server lets it: a Content-Length that is too small cuts the body, one that
    is too large ends the connection. ValueError for an answer without a status, which only a line can play."""
    if not answer.status:
        raise ValueError("an answer without a status cannot be sent")
    headers = [(k.lower().encode("latin-1"), v.encode("latin-1", "replace")) for k, v in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body, complete = _declared(answer)
    for chunk in body.chunks():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    if complete:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _declared(answer: Answer) -> tuple[Body, bool]:
    """As much of the body as Content-Length announces, and whether that completes the answer."""
    values = answer.headers.all("content-length")
    if not values or not values[0].isdigit() or "transfer-encoding" in answer.headers:
        return answer.body, answer.fault is None
    declared = int(values[0])
    return answer.body.slice(0, declared), declared <= answer.body.size
