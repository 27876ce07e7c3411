"""How fast the archive is; run with `pytest benchmarks/bench_archive.py`, never as a test.

Must not assert times: a machine that is busy is no defect.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import UID

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulators.archive.archive import Archive, Key, Question

ROOT = "1.2.826.0.1.3680043.8.498"
SAMPLE = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"  # 39 kB


def file_of(study: int, instance: int) -> bytes:
    dataset = pydicom.dcmread(SAMPLE)
    dataset.StudyInstanceUID = f"{ROOT}.{study}"
    dataset.SeriesInstanceUID = f"{ROOT}.{study}.1"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{ROOT}.{study}.1.{instance}")
    dataset.InstanceNumber, dataset.PatientID = instance, f"P{study}"
    dataset.StudyDate = f"2020{study % 12 + 1:02}{study % 28 + 1:02}"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def store(archive: Archive, files: list[bytes]) -> None:
    batch = []
    for octets in files:
        incoming = archive.receive()
        incoming.write(octets)
        batch.append(incoming)
    assert all(outcome.status == "stored" for outcome in archive.store(batch))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """1,000 studies of one instance, and study 0 with 500."""
    archive = Archive(tmp_path_factory.mktemp("filled"))
    store(archive, [file_of(0, n) for n in range(1, 501)])
    for start in range(1, 1001, 100):
        store(archive, [file_of(study, 1) for study in range(start, start + 100)])
    yield archive
    archive.close()


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("all", Question(("study",))),
        ("page", Question(("study",), limit=100)),
        ("patient", Question(("study",), keys=(Key(("00100020",), ("P500",)),))),
        ("wild-card", Question(("study",), keys=(Key(("00100010",), ("*Com*",)),))),
        ("dates", Question(("study",), keys=(Key(("00080020",), ("20200301-20200401",)),))),
        ("modality", Question(("study",), keys=(Key(("00080061",), ("CT",)),))),
        ("includefield-all", Question(("study",), include_all=True)),
        ("instances", Question(("series", "instance"), study=f"{ROOT}.0")),
    ],
)
def test_search(benchmark: Any, filled: Archive, name: str, question: Question) -> None:
    assert benchmark(filled.search, question).rows


@pytest.mark.parametrize("metadata", [True, False])
def test_select_500_instances(benchmark: Any, filled: Archive, metadata: bool) -> None:
    def joined() -> bytes:
        return b",".join(held.metadata for held in filled.select(f"{ROOT}.0", metadata=metadata))

    assert benchmark(joined)


@pytest.mark.parametrize("size", [1, 10, 100])
@pytest.mark.parametrize("durable", [True, False], ids=["with-fsync", "without-fsync"])
def test_store(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, durable: bool) -> None:
    if not durable:
        monkeypatch.setattr(os, "fsync", lambda _: None)
    archive = Archive(tmp_path)
    numbers = iter(range(1, 1_000_000))
    benchmark.pedantic(
        store,
        setup=lambda: ((archive, [file_of(1, next(numbers)) for _ in range(size)]), {}),
        rounds=max(5, 200 // size // 4),
    )
    archive.close()
