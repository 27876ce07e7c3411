"""A run that is recorded and judged in another process: the same record, and every ending is a sentence and a code."""

from __future__ import annotations

import contextlib
import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dicomproof import cli, run
from dicomproof.run import Options, Result, check
from harness.association import Evidence
from harness.blobs import Blobs
from harness.clerk import Desk
from harness.judge import Met
from harness.record import NAME, RecordError, read
from harness.session import Events
from harness.target import parse
from harness.verdict import Exit

ROOT = Path(__file__).parent.parent.parent
# what hangs on the clock, on chance, or, where the answer is compressed, on the digits of the port
DIFFERENT = ("date", "content-type", "content-length", "etag", "last-modified", "if-range", "if-none-match", "if-match",
             "if-modified-since", "if-unmodified-since")  # fmt: skip
ONLY = "search.single-value"
made_desk = run.made_desk


def checked(out: Path, apart: bool, events: Events | None = None) -> Result:
    options = Options(out, ONLY, seed=1, examples=3, nonce="APARTNESS", apart=apart)
    return check(parse("sim:web"), options, events)


def lines(result: Result) -> list[Any]:
    """The record without what differs from run to run: the port, the clock."""
    assert result.out is not None
    text = (result.out / NAME).read_text(encoding="utf-8")
    found = [json.loads(line) for line in text.splitlines()]
    port = found[0]["target"]["base"].split(":")[2].split("/")[0]
    found = json.loads(json.dumps(found).replace(f":{port}", ":PORT"))
    for line in found:
        line.pop("started", None)
        if line["kind"] == "exchange":
            line.pop("elapsed_ms")
            answer = line["answer"]
            answer.pop("head")
            for message in (line["ask"], answer):
                message["headers"] = [f for f in message["headers"] if f[0].lower() not in DIFFERENT]
            answer["body"] = {}  # URLs of the answer name the port
    return list(found)


def test_the_record_is_the_same_by_thread_and_by_process(tmp_path: Path) -> None:
    seen: list[int] = []
    by_thread = checked(tmp_path / "thread", False)
    by_process = checked(tmp_path / "process", True, Events(exchange=lambda x, met: seen.append(x.seq)))
    assert lines(by_process) == lines(by_thread)
    assert by_process.code == by_thread.code == Exit.CONFORMS
    record = read(tmp_path / "process")
    assert by_process.verdicts == record.verdicts
    assert seen == [x.seq for x in record.exchanges()] == list(range(1, len(seen) + 1))


def test_a_killed_judge_ends_the_run_with_one_sentence(tmp_path: Path) -> None:
    def kill(x: Evidence, met: Met) -> None:
        if x.seq == 5:
            for child in multiprocessing.active_children():
                child.kill()

    result = checked(tmp_path / "out", True, Events(exchange=kill))
    assert result.code is Exit.OURS
    assert result.said.count("killed by signal 9") == 1
    with pytest.raises(RecordError, match="no end"):
        read(tmp_path / "out")


@contextlib.contextmanager
def desk_without_space(*arguments: Any) -> Iterator[Desk]:
    """Called in the other process."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    Blobs.keep = full  # type: ignore[method-assign, assignment]
    with made_desk(*arguments) as desk:
        yield desk


def said_by(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["dicomproof", *words])
    code = cli.guarded()
    captured = capsys.readouterr()
    return code, " ".join((captured.out + captured.err).split())


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run, "made_desk", desk_without_space)
    code, text = said_by(monkeypatch, capsys, "check", "sim:web", "--only", ONLY, "--out", str(tmp_path / "out"))
    assert code == 4
    assert "The run could not go on" in text
    assert "No space left on device" in text
    assert "--out" in text
    assert "Traceback" not in text
    assert read(tmp_path / "out").end["reason"] == "error"


def test_a_killed_judge_is_told_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: object) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    monkeypatch.setattr(run._Run, "_give_data", killed)
    code, text = said_by(monkeypatch, capsys, "check", "sim:web", "--only", ONLY, "--out", str(tmp_path / "out"))
    assert code == 4
    assert text.count("The run could not go on") == 1
    assert "killed by signal 9" in text
    assert "Traceback" not in text


@pytest.mark.skipif(os.name != "posix", reason="groups of processes are a matter of POSIX")
def test_ctrl_c_reaches_the_whole_group_and_leaves_a_readable_record(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dicomproof", "check", "sim:web", "--seed", "1", "--out", str(tmp_path / "out")]
    pipe = subprocess.PIPE
    # what was started in the background ignores SIGINT, and hands that on to all that it starts itself
    heeding = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True, preexec_fn=heeding
    ) as process:
        assert process.stdout is not None
        told = _until(process.stdout.readline, "probe 5/")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, told + out + err
    assert "Interrupted" in out + err
    assert "Traceback" not in out + err
    record = read(tmp_path / "out")
    assert record.end["reason"] == "interrupted"
    assert record.end["exchanges"] == len(list(record.exchanges())) > 5


def _until(line: Callable[[], str], wanted: str) -> str:
    told = ""
    while wanted not in told and (more := line()):
        told += more
    return told
