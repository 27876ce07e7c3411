"""What the harness costs: a run against the same requests replayed from its record by a bare client.

Knows how both are timed; which rules and probes there are is none of its business. The bare client sends prepared
octets over one connection and reads the answers: it parses, judges and records nothing.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import suites
from benchmarks.standing import ROOT, Bare, Request, Stand, partners, simulator
from dicomproof.rejudge import rejudge
from dicomproof.run import Options, check
from harness.record import read
from harness.target import parse

ROUNDS = 3
WANTED = 1.5  # times the replay
SHOWN = 25  # functions of the profile
AWAY = 5  # milliseconds that a product in a network of its own takes longer to answer
PARTNERS: dict[str, Stand] = {**partners(), f"simulator {AWAY} ms away": partial(simulator, milliseconds=AWAY)}


@pytest.fixture(scope="module", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An installation has its modules compiled; a checkout may be told not to keep them, and would start slowly."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        environment.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("compiled")))
        command = [sys.executable, "-c", "import dicomproof.run, suites; suites.load()"]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        yield


@pytest.mark.parametrize("partner", PARTNERS)
def test_overhead(partner: str, benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the ratio of the medians; both halves of a round meet an empty server."""
    suites.load()
    stand = PARTNERS[partner]
    runs: list[float] = []
    replays: list[float] = []

    def round_() -> None:
        with TemporaryDirectory(prefix="dicomproof-") as folder:
            runs.append(run(stand, Path(folder)))
            replays.append(replay(stand, Path(folder)))

    benchmark.pedantic(round_, rounds=ROUNDS)
    ratio = statistics.median(runs) / statistics.median(replays)
    benchmark.extra_info.update(runs=runs, replays=replays, ratio=ratio)
    with capsys.disabled():
        print(f"\n{partner}: run {shown(runs)}, replay {shown(replays)}, ratio {ratio:.2f} (wanted: {WANTED})")


def test_profile(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints where processor time goes: asking, and what is done behind it, which is to judge the record again."""
    suites.load()
    with TemporaryDirectory(prefix="dicomproof-") as folder:
        asking = profiled(run, simulator, Path(folder))  # of this process; the record is judged in another
        judging = profiled(rejudge, Path(folder) / "record", Path(folder) / "again", "", "")
    with capsys.disabled():
        for profile in (asking, judging):
            pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(SHOWN)


def profiled(function: Callable[..., object], *arguments: object) -> cProfile.Profile:
    profile = cProfile.Profile()
    profile.runcall(function, *arguments)
    return profile


def run(stand: Stand, folder: Path) -> float:
    """Seconds of a whole check: making data, asking, judging, recording, summing up."""
    with stand(folder / "first") as base:
        started = time.perf_counter()
        check(parse(base), Options(folder / "record", seed=1, examples=10, apart=True))
        return time.perf_counter() - started


def replay(stand: Stand, folder: Path) -> float:
    """Seconds of the recorded requests alone."""
    requests = [Request.of(x.ask) for x in read(folder / "record").exchanges()]
    with stand(folder / "second") as base:
        bare = Bare(base)
        started = time.perf_counter()
        bare.all(requests)
        taken = time.perf_counter() - started
        bare.close()
        return taken


def shown(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s"
