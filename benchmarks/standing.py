"""Knows how the servers of a benchmark are stood up, each in a process of its own, and how a bare client asks them.

Must not know what is measured.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, socket
from urllib.parse import urlsplit

from harness.exchange import Ask
from tests.real.orthanc import missing, orthanc

ROOT = Path(__file__).parent.parent
Stand = Callable[[Path], contextlib.AbstractContextManager[str]]


@contextlib.contextmanager
def simulator(folder: Path, milliseconds: int = 0) -> Iterator[str]:
    """The reference simulator with an empty archive in `folder`, so far away; its Base URI."""
    command = [sys.executable, "-m", "benchmarks.serve", str(folder / "archive"), str(milliseconds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def partners() -> dict[str, Stand]:
    """What can be measured on this machine: the simulator, and Orthanc where it is installed."""
    return {"simulator": simulator} if missing() else {"simulator": simulator, "orthanc": orthanc}


@dataclass(frozen=True)
class Request:
    """One request as octets, ready to be sent."""

    method: str
    octets: bytes

    @classmethod
    def of(cls, ask: Ask) -> Request:
        """A recorded question, octet for octet as it was sent."""
        fields = "".join(f"{name}: {value}\r\n" for name, value in ask.headers)
        head = f"{ask.method} {ask.target} HTTP/1.1\r\n{fields}\r\n"
        return cls(ask.method, head.encode("latin-1", "replace") + b"".join(ask.body.chunks()))

    @classmethod
    def make(cls, method: str, url: str, body: bytes = b"", **fields: str) -> Request:
        """A request for this URL; underscores of the field names stand for hyphens."""
        split = urlsplit(url)
        lines = [f"{method} {split.path}{'?' * bool(split.query)}{split.query} HTTP/1.1", f"Host: {split.netloc}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        return cls(method, "\r\n".join([*lines, "", ""]).encode() + body)


class Bare:
    """The least that a client must do: send octets, read the answer to its end; one connection kept alive."""

    def __init__(self, base: str) -> None:
        split = urlsplit(base)
        assert split.hostname
        self._address = (split.hostname, split.port or 80)
        self._socket: socket | None = None

    def ask(self, request: Request) -> tuple[int, int]:
        """Status code and number of octets of the body; (0, 0) when the connection broke."""
        try:
            connection = self._connected()
            connection.sendall(request.octets)
            with HTTPResponse(connection, method=request.method) as response:
                response.begin()
                size = sum(len(chunk) for chunk in iter(lambda: response.read(1 << 20), b""))
                if response.will_close:
                    self.close()
                return response.status, size
        except (OSError, HTTPException):
            self.close()
            return 0, 0

    def all(self, requests: Sequence[Request]) -> list[int]:
        """The status codes of the answers, asked one after the other."""
        return [self.ask(request)[0] for request in requests]

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def _connected(self) -> socket:
        if self._socket is None:
            self._socket = create_connection(self._address, timeout=30)
            self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        return self._socket
