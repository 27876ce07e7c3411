"""Filing: what studies and series say follows from what is left, in whatever order and company instances came."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from simulators.archive.archive import Archive, Question
from simulators.archive.check import check
from simulators.archive.filing import Filing, filed
from simulators.archive.index import DOCUMENTS, Database
from simulators.archive.together import Together
from tests.archive.conftest import dataset_of, file_of, received

EVERYTHING = (
    Question(("study",), include_all=True),
    Question(("series",), include_all=True),
    Question(("study", "series", "instance"), include_all=True),
)


def instance(number: int, series: int, study: int, variant: int, place: int) -> bytes:
    """One of few instances, so that they meet again: as they were, changed, or in another series or study."""
    return file_of(
        dataset_of(
            SOPInstanceUID=f"1.9.{number}",
            SeriesInstanceUID=f"1.8.{series}",
            StudyInstanceUID=f"1.7.{study}",
            Modality=("CT", "MR", None)[variant],
            SeriesNumber=str(variant) if series else None,
            InstanceNumber=str(place) if place else None,
            PatientID=f"P{variant}",
            StudyDate=("20240101", "", "20240102")[variant],
        )
    )


def told(archive: Archive) -> list[Any]:
    """All that a door can learn, but for the names of files."""
    rows = [[(r.study, r.series, r.instance, r.elements) for r in archive.search(q).rows] for q in EVERYTHING]
    studies = sorted({row[0] for row in rows[0]})
    held = [
        (h.study, h.series, h.instance, h.metadata, h.path.read_bytes()) for s in studies for h in archive.select(s)
    ]
    return [*rows, held]


def files(archive: Archive) -> int:
    return len(list(archive.folder.glob("files/*/*")))


drawn = st.builds(
    instance, st.integers(1, 4), st.integers(0, 2), st.integers(1, 2), st.integers(0, 2), st.integers(0, 2)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(drawn, min_size=1, max_size=5), min_size=2, max_size=4))
def test_the_index_says_the_same_as_one_that_only_got_what_is_left(batches: list[list[bytes]]) -> None:
    left: dict[bytes, bytes] = {}
    with TemporaryDirectory() as folder, closing(Archive(Path(folder) / "grown")) as grown:
        for batch in batches:
            assert {o.status for o in grown.store(received(grown, batch))} == {"stored"}
            for octets in batch:
                left[octets[octets.index(b"1.9.") :][:5]] = octets
        with closing(Archive(Path(folder) / "fresh")) as fresh:
            for octets in left.values():
                fresh.store(received(fresh, [octets]))
            assert told(grown) == told(fresh)
        grown._remove_retired(0)
        assert files(grown) == len(left)


@pytest.mark.parametrize("table", ["studies", "series", "instances", "documents"])
def test_a_batch_that_fails_half_way_leaves_no_row_and_no_file(archive: Archive, put: Any, table: str) -> None:
    put(instance(1, 1, 1, 0, 1), instance(2, 1, 1, 0, 2))
    before = told(archive)

    def fail(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith(f"INSERT INTO {table}"):
            raise sqlite3.OperationalError("database or disk is full")

    engine = archive._database.engine
    event.listen(engine, "after_cursor_execute", fail)
    outcomes = put(instance(1, 1, 1, 1, 1), instance(3, 2, 2, 0, 1), b"nonsense")
    event.remove(engine, "after_cursor_execute", fail)
    assert [(o.status, o.reason) for o in outcomes] == [("failed", 0xA700), ("failed", 0xA700), ("failed", 0xC000)]
    assert told(archive) == before
    assert files(archive) == 2
    assert {o.status for o in put(instance(1, 1, 1, 1, 1), instance(3, 2, 2, 0, 1))} == {"stored"}


def test_the_same_again_in_one_batch_is_kept_once(archive: Archive, put: Any) -> None:
    one, other = instance(1, 1, 1, 0, 1), instance(1, 1, 1, 1, 1)
    assert [o.status for o in put(one, other, one)] == ["stored"] * 3
    assert files(archive) == 1
    assert archive.select("1.7.1")[0].path.read_bytes() == one
    put(one, other, other)
    assert archive.select("1.7.1")[0].path.read_bytes() == other
    archive._remove_retired(0)
    assert files(archive) == 1


def test_a_batch_of_more_instances_than_a_statement_names(
    archive: Archive, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.archive.filing.MANY", 3)
    many = [instance(n, n % 3, n % 5, 0, 0) for n in range(1, 10)]
    put(*many)
    before = told(archive)
    put(*many)
    assert told(archive) == before
    assert sum(len(archive.select(f"1.7.{n}")) for n in range(5)) == 9


def test_what_was_committed_unheard_of_may_be_filed_again(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(instance(1, 1, 1, 0, 1))
    ready = [filed(check(path), "one.dcm", b"digest")]
    with closing(Database(f"sqlite:///{tmp_path / 'index'}")) as database:
        for _ in range(2):
            with database.writing() as connection:
                filing = Filing(connection)
                assert filing.put(ready) == []
                filing.finish()
        with database.reading() as connection:
            assert len(connection.execute(DOCUMENTS.select()).all()) == 1


# --- several at once -----------------------------------------------------------------------------------------------


class Line:
    """Acts, and lets the first one wait until the others stand in line."""

    def __init__(self, others: int) -> None:
        self.seen: list[list[str]] = []
        self.others = others
        self.together = Together(self.act)

    def act(self, items: Sequence[str]) -> None:
        self.seen.append(list(items))
        if items[0] == "first":
            while len(self.together._waiting) < self.others:
                threading.Event().wait(0.001)
        if "bad" in items:
            raise ValueError(f"bad among {len(items)}")
        if "worse" in items and len(items) > 1:
            raise KeyboardInterrupt

    def run(self, *items: str) -> dict[str, str]:
        outcomes: dict[str, str] = {}

        def do(item: str) -> None:
            try:
                self.together.do(item)
                outcomes[item] = "done"
            except BaseException as error:
                outcomes[item] = str(error) or type(error).__name__

        threads = [threading.Thread(target=do, args=(item,)) for item in ("first", *items)]
        threads[0].start()
        while not self.seen:
            threading.Event().wait(0.001)
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join(10)
        return outcomes


def test_what_waits_is_done_at_once() -> None:
    line = Line(3)
    assert set(line.run("a", "b", "c").values()) == {"done"}
    assert [sorted(group) for group in line.seen] == [["first"], ["a", "b", "c"]]


def test_one_that_spoils_it_spoils_it_for_itself_only() -> None:
    line = Line(3)
    assert line.run("a", "bad", "c") == {"first": "done", "a": "done", "bad": "bad among 1", "c": "done"}


def test_an_interrupted_thread_leaves_nobody_waiting() -> None:
    line = Line(3)
    outcomes = line.run("a", "worse", "c")
    assert sorted(outcomes) == ["a", "c", "first", "worse"]
    assert sorted(outcomes.values()) == ["KeyboardInterrupt", "done", "done", "done"]
