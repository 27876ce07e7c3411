"""What it costs to be watched: the same client and server with the watcher between them and without it.

Knows how both are timed. The watcher runs as its users run it, in processes of its own, and records and judges
everything meanwhile; the client is bare, so that it waits for nothing but the wire.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.standing import ROOT, Bare, Request, simulator
from harness.make.big import Big, write

ROUNDS = 3
SMALL = 400  # searches of a round
LARGE = 8  # retrievals of a round
OCTETS = 16 << 20  # of an instance
TYPE = 'multipart/related; type="application/dicom"'


@contextlib.contextmanager
def watcher(base: str, folder: Path) -> Iterator[str]:
    """The watcher before that server; the Base URI behind it."""
    words = ["watch", "--web", base, "--listen", "127.0.0.1:0", "--out", str(folder)]
    command = [sys.executable, "-m", "dicomproof", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield next(w for w in process.stdout.readline().split() if w.startswith("http")).rstrip(".")
        finally:
            process.terminate()
            process.communicate()


def stored(base: str, instance: Big) -> None:
    octets = instance.body.bytes()
    head = b"--XYZ\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n" % len(octets)
    body = head + octets + b"\r\n--XYZ--\r\n"
    fields = {"Content_Type": f"{TYPE}; boundary=XYZ", "Accept": "application/dicom+json"}
    assert Bare(base).ask(Request.make("POST", f"{base}/studies", body, **fields))[0] == 200


def seconds(base: str, requests: Sequence[Request]) -> float:
    """For all of them, one after the other over one connection."""
    bare = Bare(base)
    bare.ask(requests[0])
    started = time.perf_counter()
    assert set(bare.all(requests)) == {200}
    taken = time.perf_counter() - started
    bare.close()
    return taken


@pytest.mark.parametrize("what", ["latency", "throughput"])
def test_watched(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the medians with and without, and their ratio; the two take turns, so that both meet the same machine."""
    with simulator(tmp_path) as base:
        instance = write(tmp_path / "big.dcm", OCTETS, "BENCH")
        stored(base, instance)
        count = SMALL if what == "latency" else LARGE
        with watcher(base, tmp_path / "out") as watched:
            plain, between = ([asked(place, what, instance)] * count for place in (base, watched))
            times = [(seconds(base, plain), seconds(watched, between)) for _ in range(ROUNDS)]
    without, with_ = (statistics.median(one) for one in zip(*times, strict=True))
    with capsys.disabled():
        print(f"\n{what}: {told(what, without)} without, {told(what, with_)} watched, ratio {with_ / without:.2f}")


def asked(base: str, what: str, instance: Big) -> Request:
    if what == "latency":
        return Request.make("GET", f"{base}/studies?limit=1", Accept="application/dicom+json")
    return Request.make("GET", f"{base}/studies/{instance.study}", Accept=TYPE)


def told(what: str, taken: float) -> str:
    return f"{taken / SMALL * 1000:.2f} ms" if what == "latency" else f"{LARGE * OCTETS / taken / 1e6:.0f} MB/s"
