"""Knows how a desk works in a process of its own, so that recording and judging take no time from the asking.

Must not know what the desk does with what it is handed, or when a process is worth its start.
"""

from __future__ import annotations

import contextlib
import gc
import io
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from harness.association import Association, Evidence, Said
from harness.blobs import IN_MEMORY, Blobs
from harness.body import Body
from harness.clerk import Desk
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.judge import Met
from harness.verdict import Verdict

MakeDesk = Callable[[], contextlib.AbstractContextManager[Desk]]

PATIENCE = 10.0  # seconds for the other process to close its files


class Lost(ChildProcessError):
    """The other process has ended before its work was done; what it recorded is no result."""


class Broken(Exception):
    """The other process met a fault of ours; the message is its traceback."""


@contextlib.contextmanager
def apart(make: MakeDesk, blobs: Blobs) -> Iterator[Desk]:
    """A desk in a new process; it starts at once and works by the time it is needed.

    `make` is called over there, so it must be picklable: a function of a module, or a `partial` of one with plain
    arguments and absolute paths. `blobs`: where large bodies are put, so that no message becomes large.
    The process is started from scratch (spawn), which is safe beside threads and the same on every system.
    """
    start = multiprocessing.get_context("spawn")
    here, there = start.Pipe()
    process = start.Process(target=_work, args=(there, make), name="desk", daemon=True)
    with _deaf():
        process.start()
    there.close()
    try:
        yield _Distant(here, process, blobs)
    except BaseException:
        process.kill()  # also ends the waiting of a thread that has handed something in
        raise
    finally:
        here.close()
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C goes to all processes of a terminal; what starts in here is born deaf to it, and ends when told to."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


class _Distant:
    """The desk as it is seen from here: each call goes over and waits for its outcome. For one thread at a time."""

    def __init__(self, connection: Connection, process: BaseProcess, blobs: Blobs) -> None:
        self._connection, self._process, self._blobs = connection, process, blobs

    def header(self, line: Mapping[str, Any]) -> None:
        self._call("header", line)

    def take(self, x: Evidence) -> Met:
        if isinstance(x, Exchange) and x.ask.body.data is not None and x.ask.body.size > IN_MEMORY:
            x = x.but(ask=x.ask.but(body=self._blobs.keep(x.ask.body)))
        met: Met = self._call("take", x)
        return met

    def close(self, journey: str) -> Met:
        met: Met = self._call("close", journey)
        return met

    def note(self, about: str, text: str) -> None:
        self._call("note", about, text)

    def learn(self, instances: Sequence[bytes]) -> None:
        self._call("learn", list(instances))

    def finish(self, reason: str, said: str) -> list[Verdict]:
        verdicts: list[Verdict] = self._call("finish", reason, said)
        return verdicts

    def _call(self, name: str, *arguments: Any) -> Any:
        with contextlib.suppress(OSError):  # then it is gone; the last that it said tells why
            self._connection.send_bytes(packed((name, arguments)))
        try:
            outcome, error = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise Lost(self._ending()) from None
        if error is not None:
            raise error
        return outcome

    def _ending(self) -> str:
        self._process.join(PATIENCE)
        code = self._process.exitcode or 0
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        return f"the process that records and judges has ended ({how})"


def _work(connection: Connection, make: MakeDesk) -> None:
    """What the new process does: one call after the other, until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with make() as desk:
            gc.freeze()  # what was loaded stays; no collection need look through it again
            _serve(connection, desk)
    except Exception as error:  # the desk could not be made, or not be closed
        with contextlib.suppress(OSError):
            connection.send_bytes(pickle.dumps((None, _told(error))))
        return
    os._exit(0)  # all is written and closed; to free object by object would keep the other process waiting


def _serve(connection: Connection, desk: Desk) -> None:
    with contextlib.suppress(EOFError, OSError):  # whoever started this process is done, or gone
        while True:
            name, arguments = pickle.loads(connection.recv_bytes())
            connection.send_bytes(pickle.dumps(_tried(getattr(desk, name), arguments)))


def _tried(act: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    try:
        return act(*arguments), None
    except Exception as error:
        return None, _told(error)


def _told(error: Exception) -> Exception:
    """The error as it is raised on the other side: our disk's as it is, a fault of ours with its traceback."""
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror, error.filename) if error.errno else OSError(str(error))
    return Broken("".join(traceback.format_exception(error)))


def packed(call: tuple[str, tuple[Any, ...]]) -> bytes:
    """A call as octets. Messages go as their fields: the readings that they hold on to are reckoned anew."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _FIELDS
    pickler.dump(call)
    return buffer.getvalue()


def _body(body: Body) -> tuple[Any, ...]:
    if body.data is not None:
        data = body.data if len(body.data) == body.size else body.bytes()
        return Body, (body.size, data, None, 0, body.truncated, body.sha256)
    path = body.path and body.path.absolute()
    return Body, (body.size, None, path, body.start, body.truncated, body.sha256, body.steady)


def _exchange(x: Exchange) -> tuple[Any, ...]:
    # what is expected, and against what it is judged, is added over there
    about = (x.probe, x.journey, x.step, None, dict(x.facts), x.elapsed_ms, None, x.judged)
    return Exchange, (x.seq, x.ask, x.answer, *about)


_FIELDS: Mapping[type, Callable[[Any], tuple[Any, ...]]] = {
    Body: _body,
    Headers: lambda h: (Headers, (h.fields,)),
    Ask: lambda a: (Ask, (a.method, a.target, a.base, a.headers, a.body, a.version)),
    Answer: lambda a: (Answer, (a.status, a.reason, a.headers, a.body, a.version, a.fault, a.head)),
    Exchange: _exchange,
}


def _association(seq: int, requestor: Body, acceptor: Body, said: tuple[Said, ...], judged: frozenset[str],
                 address: str, probe: str, journey: str, step: str, facts: Mapping[str, Any],
                 elapsed_ms: int) -> Association:  # fmt: skip
    return Association(seq, requestor, acceptor, said, judged, address, probe, journey, step, None, facts, elapsed_ms)
