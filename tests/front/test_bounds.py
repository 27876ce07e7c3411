"""Work that is held to so much time and memory: it stops, whatever it does, and nothing of the bound is left behind."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dicomproof import read
from dicomproof.bounds import TooSlow, held
from harness import record
from harness.blobs import Blobs
from harness.body import Body
from harness.files import Found, Taken, Unread
from harness.judge import Judge
from harness.make.corpus import corpus
from harness.verdict import Exit, Outcome
from harness.wire import dicom_json, multipart, native_xml, part10

PLENTY = 1 << 30
SAMPLE = corpus(1, "READ")[0].part10
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing bounds the memory of a process")


def forever(*_: object) -> None:
    while True:
        pass


def swallowing(*_: object) -> None:
    while True:
        try:
            forever()
        except Exception:
            continue


def deaf(*_: object) -> None:
    """Swallows the first interruption, as a callback from C would."""
    try:
        forever()
    except TooSlow:
        forever()


def glutton(*_: object) -> None:
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


@pytest.mark.parametrize("work", [forever, swallowing, deaf, lambda: time.sleep(60)])
def test_work_without_an_end_is_stopped(work: Callable[[], None]) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TooSlow), held(0.1, PLENTY):
        work()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@linux
def test_work_that_takes_all_memory_is_stopped() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError), held(60, 64 << 20):
        glutton()
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert len(bytearray(128 << 20)) == 128 << 20


def test_work_that_ends_in_time_is_left_alone() -> None:
    with held(60, PLENTY):
        assert sum(range(10)) == 45
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_no_time_is_too_slow() -> None:
    with pytest.raises(TooSlow), held(0, PLENTY):
        pytest.fail("this was not to begin")


def test_another_timer_goes_on_behind_it() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 60)
        with held(30, PLENTY):
            assert signal.getitimer(signal.ITIMER_REAL)[0] <= 30
        assert 30 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_beside_the_main_thread_nothing_is_interrupted() -> None:
    done: list[int] = []

    def work() -> None:
        with held(0.01, PLENTY):
            done.append(sum(range(100_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(SAMPLE)
    (tmp_path / "in" / "b.json").write_bytes(b'[{"00080060": {"vr": "CS", "Value": ["CT"]}}]')
    (tmp_path / "in" / "c.xml").write_bytes(b"<NativeDicomModel/>")
    (tmp_path / "in" / "d").write_bytes(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + SAMPLE + b"\r\n--b--")
    return tmp_path / "in"


def left(result: read.Result) -> list[str]:
    assert result.out is not None
    assert not [v for v in result.verdicts if v.outcome is Outcome.ERROR]
    return [n["text"] for n in record.read(result.out).notes if n["about"] == "unread"]


def judged(folder: Path) -> list[str]:
    """What was not judged of the folder, or not whole."""
    result = read.read([folder], read.Options(folder.with_name("out")))
    assert result.code is not Exit.OURS
    assert result.said.startswith("4 files read")
    return left(result)


READERS = [(part10, "a.dcm"), (dicom_json, "b.json"), (native_xml, "c.xml"), (multipart, "d")]


@pytest.mark.parametrize(("reader", "name"), READERS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_slow_reader_takes_its_file_and_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reader: object, name: str
) -> None:
    monkeypatch.setattr(reader, "read", forever)
    monkeypatch.setattr(read, "BUDGET", 1.0)
    notes = judged(folder)
    assert f"{name} is not judged: reading it took more than 1 s." in notes
    assert {note.split(" ")[0] for note in notes} <= {name, "d"}  # a message holds a file of the same kind


@linux
@pytest.mark.parametrize(("reader", "name"), READERS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_greedy_reader_takes_its_file_and_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reader: object, name: str
) -> None:
    monkeypatch.setattr(reader, "read", glutton)
    monkeypatch.setattr(read, "MEMORY", 128 << 20)
    notes = judged(folder)
    assert f"{name} is not judged: it takes more than 128 MiB of memory." in notes
    assert {note.split(" ")[0] for note in notes} <= {name, "d"}


def test_slow_rules_are_stopped_and_what_they_found_stands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    see = Judge.see

    def slow(judge: Judge, x: object) -> object:
        see(judge, x)  # type: ignore[arg-type]
        return forever()

    (folder / "a.dcm").write_bytes(SAMPLE[:-10])
    monkeypatch.setattr(Judge, "see", slow)
    monkeypatch.setattr(read, "BUDGET", 1.0)
    result = read.read([folder / "a.dcm"], read.Options(folder.with_name("out")))
    assert left(result) == ["a.dcm is judged in part: reading it took more than 1 s."]
    assert [v.rule for v in result.verdicts if v.outcome is Outcome.FAIL] == ["instance.elements"]
    assert result.names == {1: "a.dcm"}


def test_a_message_whose_parts_take_too_long_is_left_in_between(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "parts", lambda taken: iter(forever, None))
    monkeypatch.setattr(read, "BUDGET", 1.0)
    assert judged(folder) == ["d has parts that are not judged: reading it took more than 1 s."]


def test_a_file_fetched_while_another_has_all_memory_is_fetched_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    take = read.take

    def short(found: Found, blobs: Blobs) -> Taken | Unread:
        tries.append(found.name)
        if found.name == "b.json" and tries.count("b.json") == 1:
            raise MemoryError
        return take(found, blobs)

    monkeypatch.setattr(read, "take", short)
    result = read.read([folder], read.Options(folder.with_name("out"), jobs=2))
    assert left(result) == []
    assert tries.count("b.json") == 2
    assert [x.ask.target for x in record.read(folder.with_name("out")).exchanges()][1] == "b.json"


@linux
def test_lack_of_memory_is_no_fault_of_a_document() -> None:
    """libxml2 says that its memory ran out in the way in which it says that a document is broken."""
    body = Body.of(b"<NativeDicomModel>" + b'<DicomAttribute tag="00100010"/>' * 300_000 + b"</NativeDicomModel>")
    with pytest.raises(MemoryError), held(60, 24 << 20):
        native_xml.read(body)


BOMB = """
import resource, sys
from pathlib import Path
from dicomproof import read
result = read.read([Path(sys.argv[1])], read.Options(Path(sys.argv[2])))
print(result.said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@linux
def test_the_worst_text_that_is_taken_stays_within_the_bound(tmp_path: Path) -> None:
    """As many data sets as a text may have marks, each a dictionary of its own."""
    (tmp_path / "a.json").write_bytes(b'[{"00080060":{}}' + b",{}" * 330_000 + b"]")
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(tmp_path / "a.json"), str(tmp_path / "out")],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], timeout=120,
    )  # fmt: skip
    found = re.fullmatch(r"1 files read; all judged\. (\d+)\n", done.stdout)
    assert found, done.stdout
    assert int(found[1]) < bounds_mib()


def bounds_mib() -> int:
    return 2 * read.MEMORY >> 20
