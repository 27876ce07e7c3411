"""How fast Non-Patient Instances are stored and found; run with `pytest benchmarks/bench_nonpatient.py`.

Must not be a test, nor assert times: a machine that is busy is no defect.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from harness.make.nonpatient import Maker
from simulators.archive.nonpatient import NonPatient
from simulators.archive.question import Key, Question


def store(kept: NonPatient, octets: bytes) -> None:
    incoming = kept.receive()
    incoming.write(octets)
    assert kept.store([incoming])[0].status == "stored"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> NonPatient:
    """500 hanging protocols."""
    kept, make = NonPatient(tmp_path_factory.mktemp("filled")), Maker("benchmark")
    for _ in range(500):
        store(kept, make("hanging").part10)
    return kept


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("everything", Question(())),
        ("a page", Question((), limit=10)),
        ("by name", Question((), keys=(Key(("00720002",), ("H_*",)),), limit=10)),
        ("in a sequence", Question((), keys=(Key(("0072000C", "00080060"), ("CT",)),), limit=10)),
    ],
)
def test_search(benchmark: Any, filled: NonPatient, name: str, question: Question) -> None:
    assert benchmark(filled.search, "hanging-protocols", question).rows


def test_store(benchmark: Any, tmp_path: Path) -> None:
    kept, make = NonPatient(tmp_path), Maker("benchmark")
    benchmark.pedantic(store, setup=lambda: ((kept, make("palette").part10), {}), rounds=50)


def test_open(benchmark: Any, filled: NonPatient) -> None:
    folder = filled.receive().path.parent.parent
    benchmark.pedantic(lambda: NonPatient(folder).search("hanging-protocols", Question((), limit=1)), rounds=3)
