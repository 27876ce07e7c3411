"""A desk in another process: the same work in the same order, and every way it can end is told."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.apart import Broken, Lost, apart, packed
from harness.association import Evidence
from harness.blobs import IN_MEMORY, Blobs
from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Fault, Headers
from harness.rule import Finding

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Notebook:
    """A desk that writes down what it is handed; some words make it misbehave."""

    def __init__(self, folder: Path) -> None:
        self._page = folder / "page"

    def header(self, line: Mapping[str, Any]) -> None:
        self._write(f"header {line['mode']}")

    def take(self, x: Evidence) -> list[tuple[str, Finding]]:
        assert isinstance(x, Exchange)
        self._write(f"take {x.seq} {x.ask.body.digest} {type(x.ask.body.path).__name__}")
        return [("a.rule", Finding("got", "want", str(x.seq)))]

    def close(self, journey: str) -> list[tuple[str, Finding]]:
        self._write(f"close {journey}")
        return []

    def note(self, about: str, text: str) -> None:
        if about == "full":
            raise FULL
        if about == "broken":
            raise ValueError(text)
        if about == "pid":
            text = str(os.getpid())
        self._write(f"{about} {text}")

    def learn(self, instances: Sequence[bytes]) -> None:
        self._write(f"learn {len(instances)}")

    def finish(self, reason: str, said: str) -> list[Any]:
        self._write(f"finish {reason}")
        return []

    def _write(self, line: str) -> None:
        with self._page.open("a") as page:
            page.write(f"{line}\n")


@contextlib.contextmanager
def notebook(folder: Path) -> Iterator[Notebook]:
    yield Notebook(folder)
    (folder / "closed").touch()


@contextlib.contextmanager
def nowhere(folder: Path) -> Iterator[Notebook]:
    raise FULL
    yield Notebook(folder)


def exchange(seq: int = 1, body: Body | None = None) -> Exchange:
    ask = Ask("GET", "/dw/studies", "http://h/dw", Headers.of([("Host", "h")]), body or Body.of(b""))
    return Exchange(seq, ask, Answer(200, "OK"), "probe", facts={"k": 1}, elapsed_ms=7)


def page(folder: Path) -> list[str]:
    return (folder / "page").read_text().splitlines()


def test_everything_goes_over_in_order(tmp_path: Path) -> None:
    large = Body.of(b"x" * (IN_MEMORY + 1))
    with apart(partial(notebook, tmp_path), Blobs(tmp_path / "blobs")) as desk:
        desk.header({"mode": "ask"})
        assert desk.take(exchange(1, Body.of(b"abc"))) == [("a.rule", Finding("got", "want", "1"))]
        desk.take(exchange(2, large))
        desk.learn([b"one", b"two"])
        desk.close("j#1")
        desk.note("pid", "")
        assert desk.finish("complete", "") == []
    *lines, pid, end = page(tmp_path)
    assert lines == [
        "header ask",
        f"take 1 {Body.of(b'abc').digest} NoneType",
        f"take 2 {large.digest} PosixPath",  # large bodies travel as files
        "learn 2",
        "close j#1",
    ]
    assert pid != f"pid {os.getpid()}"
    assert end == "finish complete"
    assert (tmp_path / "closed").exists()


def test_a_full_disk_over_there_is_the_same_error_here(tmp_path: Path) -> None:
    with apart(partial(notebook, tmp_path), Blobs(tmp_path / "blobs")) as desk:
        with pytest.raises(OSError, match="No space left on device") as caught:
            desk.note("full", "")
        assert caught.value.errno == errno.ENOSPC
        desk.note("still", "there")
    assert page(tmp_path) == ["still there"]


def test_a_fault_of_ours_over_there_is_told_with_its_traceback(tmp_path: Path) -> None:
    with (
        apart(partial(notebook, tmp_path), Blobs(tmp_path / "blobs")) as desk,
        pytest.raises(Broken, match="ValueError: something odd"),
    ):
        desk.note("broken", "something odd")


def test_a_desk_that_cannot_be_made(tmp_path: Path) -> None:
    with apart(partial(nowhere, tmp_path), Blobs(tmp_path / "blobs")) as desk:
        with pytest.raises(OSError, match="No space left on device"):
            desk.header({})
        with pytest.raises(Lost, match="has ended"):
            desk.note("any", "more")


def test_a_killed_process_is_told_and_nothing_hangs(tmp_path: Path) -> None:
    started = time.monotonic()
    with apart(partial(notebook, tmp_path), Blobs(tmp_path / "blobs")) as desk:
        desk.note("pid", "")
        os.kill(int(page(tmp_path)[0].split()[1]), signal.SIGKILL)
        with pytest.raises(Lost, match="killed by signal 9"):
            desk.take(exchange())
        with pytest.raises(Lost):
            desk.finish("complete", "")
    assert time.monotonic() - started < 60


def test_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    with apart(partial(notebook, tmp_path), Blobs(tmp_path / "blobs")) as desk:
        desk.note("pid", "")
        os.kill(int(page(tmp_path)[0].split()[1]), signal.SIGINT)
        desk.note("still", "there")
    assert page(tmp_path)[1:] == ["still there"]


def test_who_leaves_in_a_hurry_leaves_nobody_behind(tmp_path: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), apart(partial(notebook, tmp_path), Blobs(tmp_path / "blobs")) as desk:
        desk.note("pid", "")
        raise KeyboardInterrupt
    with pytest.raises(ProcessLookupError):
        os.kill(int(page(tmp_path)[0].split()[1]), 0)


FIELDS = st.lists(st.tuples(st.text("abcX-", min_size=1), st.text()), max_size=4).map(Headers.of)
BODIES = st.builds(Body.of, st.binary(max_size=50), st.booleans())
SLICES = st.builds(lambda b, a, z: b.slice(a, z), BODIES, st.integers(0, 50), st.integers(0, 50))


@given(
    ask=st.builds(Ask, st.just("POST"), st.just("/dw/studies?a=b"), st.just("http://h/dw"), FIELDS, BODIES),
    answer=st.builds(Answer, st.integers(0, 599), st.text(), FIELDS, BODIES | SLICES,
                     fault=st.none() | st.just(Fault("reset", "gone")), head=st.binary(max_size=20)),
    about=st.tuples(st.text(), st.text(), st.text()),
    elapsed=st.integers(0, 10**6),
)  # fmt: skip
def test_an_exchange_is_the_same_over_there(
    ask: Ask, answer: Answer, about: tuple[str, str, str], elapsed: int
) -> None:
    x = Exchange(3, ask, answer, *about, facts={"cut": True, "n": [1]}, elapsed_ms=elapsed)
    assert x.kind == "web.store"
    assert x.answer.parts == ()  # readings are there now, and stay here
    name, (back,) = pickle.loads(packed(("take", (x,))))
    assert name == "take"
    assert back.answer.body.bytes() == x.answer.body.bytes()
    assert back.answer.body.truncated == x.answer.body.truncated
    assert back.but(answer=answer) == x
    assert not set(back.answer.__dict__) & {"media", "multipart", "json"}


def test_a_file_is_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("body").write_bytes(b"0123456789")
    _, (back,) = pickle.loads(packed(("take", (exchange(1, Body.file(Path("body")).slice(2, 5)),))))
    monkeypatch.chdir("/")
    assert back.ask.body.bytes() == b"234"
