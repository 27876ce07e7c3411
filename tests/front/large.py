"""Processes of the memory tests, run with `python -m tests.front.large WORD ...`; each prints one JSON line at its end.

Knows how a large instance is asked for and a long record judged; the bounds stand in the tests.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import suites
from dicomproof.rejudge import rejudge
from harness.clerk import Clerk
from harness.context import DEFAULT_EDITION, Context
from harness.judge import Judge
from harness.make import big
from harness.make.parts import stream_parts
from harness.record import Record
from harness.session import Session
from harness.talk.conversation import DICOM, Web
from harness.talk.web import Limits, Talk
from simulators.archive.archive import Archive
from simulators.oracle import Oracle
from simulators.serve import run_forever

PATIENCE = 300.0  # seconds without progress; the disk of a test machine may be slow


def serve(folder: str) -> None:
    """The simulator, until it is told to terminate; its Base URI on standard output."""
    with contextlib.closing(Archive(Path(folder))) as archive:
        run_forever(archive, ready=lambda served: tell(served.url))


def ask(base: str, folder: str, size: str) -> None:
    """Store one instance of that size and retrieve it, recorded and judged as in any run."""
    made = big.write(Path(folder) / "big.dcm", int(size), "LARGE")
    record = Record(Path(folder) / "record")
    errors: list[str] = []
    judge = Judge(suites.load(), Context(), on_error=lambda rule, text: errors.append(f"{rule} {text}"))
    with Oracle(DEFAULT_EDITION) as oracle:
        desk = Clerk(record, judge, oracle)
        talk = Talk(base, record.blobs, Limits(deadline=PATIENCE, body=2 * made.size))
        session = Session(desk, record.blobs, base, 0, "LARGE", lambda: talk, patience=PATIENCE)
        session.learn([])
        record.run(edition=DEFAULT_EDITION)
        answers = _round_trip(Web(session, talk, "large"), made)
        session.settle()
    verdicts = judge.finish()
    record.close()
    red = [f"{v.rule}: {v.findings} {v.why}" for v in verdicts if v.outcome.value in ("fail", "error")]
    exercised = sum(1 for v in verdicts if v.exercised)
    tell(json.dumps({"answers": answers, "errors": errors, "red": red, "exercised": exercised, "peak": peak()}))


def _round_trip(web: Web, made: big.Big) -> list[tuple[int, int, str]]:
    content_type, length, chunks = stream_parts([made.body])
    stored = web.ask("POST", "studies", headers=[("Content-Type", content_type)], content=chunks, length=length)
    path = f"studies/{made.study}/series/{made.series}/instances/{made.instance}"
    got = web.get(path, f'{DICOM}; transfer-syntax="*"', most=2 * made.size)
    metadata = web.get(f"{path}/metadata")
    last = web.get(f"{path}/frames/{made.frames}", 'multipart/related; type="application/octet-stream"')
    assert [part.content.digest for part in got.answer.parts] == [made.body.digest]
    got.forget()
    return [(x.answer.status, x.answer.body.size, str(x.answer.fault or "")) for x in (stored, got, metadata, last)]


def judge(record: str, out: str) -> None:
    """Judge a record again, as `dicomproof judge` does."""
    result = rejudge(Path(record), Path(out), "", "")
    tell(json.dumps({"code": int(result.code), "verdicts": len(result.verdicts), "peak": peak()}))


def tell(line: str) -> None:
    """To whoever started this process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peak() -> int:
    """The most memory that was ever resident in this process, in octets."""
    return peak_of("self")


def peak_of(process: int | str) -> int:
    """The same of another process of this machine; Linux only."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    {"serve": serve, "ask": ask, "judge": judge}[sys.argv[1]](*sys.argv[2:])
