"""Memory: bodies of any size are streamed through all processes, and a long record is judged in little.

By default an instance of 512 MiB and a record of 3,000 exchanges, which go over the bounds as soon as something is
held; DICOMPROOF_LARGE=1 asks for 2 GiB and 20,000 exchanges.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicomproof.run import Options, check
from harness.record import NAME
from harness.target import parse
from tests.front.large import peak_of

ROOT = Path(__file__).parent.parent.parent
FULL = bool(os.environ.get("DICOMPROOF_LARGE"))
SIZE = 2 << 30 if FULL else 512 << 20
EXCHANGES = 20_000 if FULL else 3_000
COPIES = 5  # on disk: made, archived, and recorded as it was sent and as it came back; one to spare
RESIDENT = 300 << 20
BASE, EACH = 200 << 20, 15 << 10  # of a judged record: 493 MiB for 20,000 exchanges

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peaks are read from /proc (Linux)")


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.front.large", *words]


def said(*words: str) -> dict:
    """What such a process reports at its end."""
    done = subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """A simulator in a process of its own: Base URI and process id."""
    with subprocess.Popen(command("serve", str(folder)), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def test_a_large_instance_is_streamed_everywhere(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    if free < COPIES * SIZE:
        pytest.skip(f"{COPIES * SIZE >> 30} GiB of disk are needed, {free >> 30} are free")
    try:
        with served(tmp_path / "archive") as (base, process):
            report = said("ask", base, str(tmp_path), str(SIZE))
            server = peak_of(process)
    finally:
        for name in ("archive", "record"):  # kept test folders would fill the disk
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        (tmp_path / "big.dcm").unlink(missing_ok=True)
    assert [status for status, _, _ in report["answers"]] == [200, 200, 200, 200]
    assert report["answers"][1][1] > SIZE - (4 << 20)
    assert report["errors"] == report["red"] == []
    assert report["exercised"] > 50
    assert report["peak"] < RESIDENT
    assert server < RESIDENT


@pytest.fixture
def long_record(tmp_path: Path) -> Path:
    """The exchanges of a run over and over again with new numbers; the blobs are shared."""
    check(parse("sim:"), Options(tmp_path / "once", only="store", seed=1, examples=1))
    lines = [json.loads(line) for line in (tmp_path / "once" / NAME).read_text(encoding="utf-8").splitlines()]
    again = [x for x in lines if x["kind"] == "exchange" or x.get("about") == "journey-end"]
    folder = tmp_path / "long"
    folder.mkdir()
    (folder / "blobs").symlink_to(tmp_path / "once" / "blobs")
    seq = 0
    with (folder / NAME).open("w", encoding="utf-8") as file:
        file.write(json.dumps(lines[0]) + "\n")
        while seq < EXCHANGES:
            for line in again:
                seq += line["kind"] == "exchange"
                file.write(json.dumps({**line, "seq": seq} if line["kind"] == "exchange" else line) + "\n")
        file.write(json.dumps({"kind": "end", "reason": "complete", "exchanges": seq, "outcomes": {}}) + "\n")
    return folder


def test_a_long_record_is_judged_in_little_memory(long_record: Path, tmp_path: Path) -> None:
    report = said("judge", str(long_record), str(tmp_path / "again"))
    assert report["verdicts"] > 100
    assert report["peak"] < BASE + EXCHANGES * EACH
