"""Knows how to ask one question over HTTP and keep what was said, octet for octet, within time and size.

Must not know rules, or what a good answer would be.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpcore

from harness.blobs import Blobs, DiskError
from harness.body import EMPTY, Body
from harness.clock import Deadline
from harness.exchange import Answer, Ask, Fault, FaultKind, Headers

HEAD_KEPT = 128 << 10


@dataclass(frozen=True, slots=True)
class Limits:
    """`deadline`: seconds for one exchange without progress of its own; `body`: octets of an answer kept.

    A large body earns time: one second more for every `rate` octets received.
    """

    deadline: float = 20.0
    connect: float = 5.0
    body: int = 64 << 20
    rate: int = 256 << 10


class Talk:
    """One conversation with one origin server over kept-alive connections; for one thread at a time."""

    def __init__(
        self, base: str, blobs: Blobs, limits: Limits | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        split = urlsplit(base)
        self.base = base
        self.scheme = split.scheme.encode()
        self.host = (split.hostname or "").encode()
        self.port = split.port or (443 if split.scheme == "https" else 80)
        self.limits = limits or Limits()
        self.tls = tls
        self._blobs = blobs
        self._tap = _Tap()
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            network_backend=_Backend(self._tap),
            max_connections=2,
            http2=False,
        )

    def ask(self, ask: Ask, content: Iterable[bytes] | None = None, most: int | None = None) -> Answer:
        """Send the question and collect the answer; never raises for what the peer does.

        `content` streams a body that is too large to hold (its length is what the header fields say);
        `most` is a cap on the answer's body other than the usual one.
        """
        cap = self.limits.body if most is None else most
        answer = self._once(ask, content, cap)
        # a kept-alive connection may be closed by the peer just as we speak (RFC 9112 9.3.1): ask again, once
        stale = answer.fault is not None and answer.fault.kind == "reset" and not answer.head
        if stale and not self._tap.connected and content is None and ask.method in ("GET", "HEAD", "OPTIONS"):
            answer = self._once(ask, content, cap)
        return answer

    def upgrade(self, ask: Ask) -> tuple[Answer, httpcore.NetworkStream | None]:
        """Ask for another protocol on the connection: the answer, and the stream when it is 101 (RFC 9110 7.8).

        Each operation on the stream wants a `deadline` before it.
        """
        self._tap.begin(Deadline.after(self.limits.deadline))
        try:
            response = self._pool.handle_request(self._request(ask, None))
        except FAULTS as error:
            return Answer(fault=fault_of(error), head=self._tap.head()), None
        if response.status == 101:
            stream: httpcore.NetworkStream = response.extensions["network_stream"]
            return _answer(response, EMPTY, None, self._tap.head()), stream
        spool = self._blobs.spool()
        fault: Fault | None = None
        try:
            fault = self._collect(response, spool, self.limits.body)
        except FAULTS as error:
            fault = fault_of(error)
        finally:
            _close(response)
        return _answer(response, spool.finish(truncated=fault is not None), fault, self._tap.head()), None

    def deadline(self, deadline: Deadline) -> None:
        """Until when the next operation on an upgraded stream may last."""
        self._tap.deadline = deadline

    def patience(self, deadline: float) -> None:
        """Change the deadline of the exchanges to come, in seconds."""
        self.limits = replace(self.limits, deadline=deadline)

    def _once(self, ask: Ask, content: Iterable[bytes] | None, most: int) -> Answer:
        self._tap.begin(Deadline.after(self.limits.deadline))
        spool = self._blobs.spool()
        try:
            return self._asked(ask, content, spool, most)
        except BaseException:
            spool.discard()
            raise

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(self, ask: Ask, content: Iterable[bytes] | None, spool: Any, most: int) -> Answer:
        response: httpcore.Response | None = None
        fault: Fault | None = None
        try:
            response = self._pool.handle_request(self._request(ask, content))
            fault = self._collect(response, spool, most)
        except DiskError:
            raise
        except FAULTS as error:
            fault = fault_of(error)
        finally:
            if response is not None:
                _close(response)
        if response is None:
            spool.discard()
            return Answer(fault=fault, head=self._tap.head())
        body = spool.finish(truncated=fault is not None)
        return _answer(response, body, fault, self._tap.head())

    def _request(self, ask: Ask, content: Iterable[bytes] | None) -> httpcore.Request:
        headers = [(n.encode("latin-1"), v.encode("latin-1", "replace")) for n, v in ask.headers]
        sent: Iterable[bytes] = ask.body.chunks() if content is None else content
        return httpcore.Request(
            ask.method.encode("ascii"),
            httpcore.URL(scheme=self.scheme, host=self.host, port=self.port, target=ask.target.encode("latin-1")),
            headers=headers,
            content=_Stream(sent) if content is not None or ask.body.size else b"",
            extensions={"timeout": {"connect": self.limits.connect, "read": None, "write": None, "pool": 5.0}},
        )

    def _collect(self, response: httpcore.Response, spool: Any, most: int) -> Fault | None:
        for chunk in response.iter_stream():
            room = most - spool.size
            spool.write(chunk[:room])
            self._tap.deadline.at += len(chunk) / self.limits.rate
            if len(chunk) > room:
                return Fault("too-large", f"the body went on after {most} octets; the rest was not read")
        return None


def _answer(response: httpcore.Response, body: Body, fault: Fault | None, head: bytes) -> Answer:
    return Answer(
        status=response.status,
        reason=response.extensions.get("reason_phrase", b"").decode("latin-1"),
        version=response.extensions.get("http_version", b"HTTP/1.1").decode("latin-1"),
        headers=Headers(tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in response.headers)),
        body=body,
        fault=fault,
        head=head,
    )


def _close(response: httpcore.Response) -> None:
    try:
        response.close()
    except FAULTS:  # the answer is read; how its connection ends says nothing more
        return


FAULTS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
    OSError,
)


def fault_of(error: BaseException) -> Fault:
    """The fault that an exception of the transport stands for."""
    text = str(error) or type(error).__name__
    return Fault(_kind(error), text)


def _kind(error: BaseException) -> FaultKind:
    if isinstance(error, _NoTls):
        return "tls"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "name"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectTimeout | httpcore.ConnectError):
        return "refused"
    if isinstance(error, httpcore.TimeoutException | TimeoutError):
        return "timeout"
    # h11 says so in words only: the peer went away in the middle of a message
    gone = any(words in str(error) for words in ("closed connection", "disconnected"))
    return "protocol" if isinstance(error, httpcore.ProtocolError) and not gone else "reset"


class _NoTls(httpcore.ConnectError):
    """The connection stands, but no TLS session came about on it."""


class _Stream:
    """Chunks in the form that httpcore wants a request body in."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


class _Tap:
    """Keeps the first octets that came back since the question went out, and the deadline of the exchange."""

    def __init__(self) -> None:
        self.deadline = Deadline.after(0)
        self.connected = False  # a new connection was opened for this exchange
        self._came = bytearray()

    def begin(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.connected = False
        self._came.clear()

    def came(self, data: bytes) -> None:
        if len(self._came) < HEAD_KEPT:
            self._came += data[: HEAD_KEPT - len(self._came)]

    def head(self) -> bytes:
        """Status line and header fields with the empty line that ends them; what came, when none did."""
        end = self._came.find(b"\r\n\r\n")
        return bytes(self._came[: end + 4] if end >= 0 else self._came[:4096])


class _Backend(httpcore.NetworkBackend):
    """httpcore's own sockets, with our deadline over each operation and the tap on what is read."""

    def __init__(self, tap: _Tap) -> None:
        self._tap = tap
        self._under = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                    socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:  # fmt: skip
        options = [*(socket_options or ()), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        limit = min(timeout if timeout is not None else 60.0, self._tap.deadline.left)
        self._tap.connected = True
        stream = self._under.connect_tcp(host, port, limit, local_address, options)
        return _TappedStream(stream, self._tap)

    def connect_unix_socket(self, path: str, timeout: float | None = None,
                            socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:  # fmt: skip
        return _TappedStream(self._under.connect_unix_socket(path, timeout, socket_options), self._tap)

    def sleep(self, seconds: float) -> None:
        self._under.sleep(seconds)


class _TappedStream(httpcore.NetworkStream):
    def __init__(self, under: httpcore.NetworkStream, tap: _Tap) -> None:
        self._under = under
        self._tap = tap

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._tap.deadline.left
        if not left:
            raise httpcore.ReadTimeout("the deadline of the exchange passed before the answer was complete")
        try:
            data = self._under.read(max_bytes, left)
        except httpcore.ReadTimeout:
            raise httpcore.ReadTimeout("the deadline of the exchange passed before the answer was complete") from None
        self._tap.came(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._tap.deadline.left
        if not left:
            raise httpcore.WriteTimeout("the deadline of the exchange passed while the question was being sent")
        self._under.write(buffer, left)
        self._tap.deadline.at += len(buffer) / (1 << 20)

    def close(self) -> None:
        self._under.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None,
                  timeout: float | None = None) -> httpcore.NetworkStream:  # fmt: skip
        limit = min(timeout if timeout is not None else 60.0, self._tap.deadline.left) or 0.001
        try:
            return _TappedStream(self._under.start_tls(ssl_context, server_hostname, limit), self._tap)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise _NoTls(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        return self._under.get_extra_info(info)
