"""Knows how a record is judged again with today's rules, nobody being asked.

Must not know how records are made.
"""

from __future__ import annotations

import datetime
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import suites
from dicomproof.run import Result, UsageError, answering, select
from harness.association import Evidence
from harness.context import Context, unknown_edition
from harness.judge import Judge, judge_all
from harness.record import Record, Run, evidence_json, read
from harness.rule import Catalogue, Rule
from harness.target import absent, sides
from harness.verdict import Waiver, exit_code


def rejudge(path: Path, out: Path | None, only: str, edition: str) -> Result:
    """Judge the exchanges of a record; the new record stands in `out` and shares the old one's blobs.

    RecordError when there is no whole record, UsageError for a wrong option.
    """
    run = read(path)
    catalogue = suites.load()
    edition = edition or run.header["edition"]
    if why := unknown_edition(edition):
        raise UsageError(why)
    folder = out or run.folder.with_name(run.folder.name + "-again")
    if folder.resolve() == run.folder.resolve():
        raise UsageError("The new record would overwrite the old one; name another folder with --out.")
    record = Record(folder)
    _share(run.folder / "blobs", record.blobs.folder)
    judge = Judge(
        catalogue,
        Context(edition=edition, policies=dict(run.header["policies"]), claims=_claims(run) or frozenset()),
        _rules(run, catalogue, only),
        claims=_claims(run),
        absent=_absent(run),
        waivers=[Waiver.from_json(w) for w in run.header["waivers"]],
        today=datetime.datetime.fromisoformat(run.header["started"]).date(),
        grounded=run.header["mode"] == "ask",
        on_error=lambda rule, text: record.note("error", f"{rule}\n{text}"),
    )
    header = {k: v for k, v in run.header.items() if k not in ("kind", "format")}
    record.run(**{**header, "edition": edition, "catalogue": catalogue.digest(), "only": only})
    verdicts = judge_all(judge, _copied(run, record))
    for verdict in verdicts:
        record.verdict(verdict)
    record.end("judged again", Counter(v.outcome.value for v in verdicts))
    return Result(exit_code(verdicts, not run.header["read_only"]), verdicts, "", folder)


def _rules(run: Run, catalogue: Catalogue, only: str) -> list[Rule[Any]]:
    """The rules asked for; of a run in which we asked, those that bind who answered."""
    chosen = select(catalogue, only, _about(run))
    return answering(chosen) if run.header["mode"] == "ask" else chosen


def _about(run: Run) -> frozenset[str]:
    """The first words of the kinds of evidence that the record can hold."""
    if run.header["mode"] == "read":
        captured = any(note["about"] == "capture" for note in run.notes)
        return frozenset({"file", "web"} if captured else {"file"})
    target = run.header["target"]
    return sides(target.get("base"), target.get("dimse"))


def _copied(run: Run, record: Record) -> Iterator[Evidence | str]:
    """The items of the old record as they are written into the new one."""
    for item in run.items():
        if not isinstance(item, str):
            record.copy(evidence_json(item))
        else:
            record.note("journey-end", item)
        yield item


def _claims(run: Run) -> frozenset[str] | None:
    claims = run.header["target"].get("claims")
    return None if claims is None else frozenset(claims)


def _absent(run: Run) -> frozenset[str]:
    """Services that nothing said the target has; see `harness.target.absent`."""
    return absent(run.header["target"]) if run.header["mode"] == "ask" else frozenset()


def _share(old: Path, new: Path) -> None:
    """Link the blobs rather than copy gigabytes."""
    if old.is_dir() and not new.exists():
        new.symlink_to(os.path.relpath(old.resolve(), new.parent.resolve()), target_is_directory=True)
