"""The same archive over PostgreSQL: the same answers as over SQLite, also after it is opened again.

Runs where DICOMPROOF_POSTGRESQL names an empty database that may be written, such as
postgresql+psycopg://user@127.0.0.1:5432/dicomproof (`pip install dicomproof[postgresql]` brings the driver).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy

from harness.make.corpus import corpus
from simulators.archive.archive import Archive
from simulators.archive.question import Key, Question

URL = os.environ.get("DICOMPROOF_POSTGRESQL", "")
pytestmark = pytest.mark.skipif(not URL, reason="no PostgreSQL: DICOMPROOF_POSTGRESQL names no database")

QUESTIONS = (
    Question(("study",)),
    Question(("study",), keys=(Key(("00100010",), ("*SYNTHETIC*",)),)),
    Question(("study",), keys=(Key(("00080020",), ("20240101-",)),), offset=2, limit=3),
    Question(("study", "series"), keys=(Key(("00080060",), ("CT",)),)),
    Question(("study", "series", "instance"), include_all=True),
)


@pytest.fixture
def empty() -> None:
    """The database without the tables of an earlier run."""
    engine = sqlalchemy.create_engine(URL)
    tables = sqlalchemy.MetaData()
    tables.reflect(engine)
    tables.drop_all(engine)
    engine.dispose()


def told(archive: Archive, question: Question) -> list[tuple[object, ...]]:
    return [(r.study, r.series, r.instance, dict(r.elements)) for r in archive.search(question).rows]


def load(archive: Archive) -> None:
    batch = []
    for sample in corpus(1, "PG"):
        incoming = archive.receive()
        incoming.write(sample.part10)
        incoming.close()
        batch.append(incoming)
    assert {stored.status for stored in archive.store(batch)} == {"stored"}


@pytest.mark.usefixtures("empty")
def test_it_answers_as_over_sqlite(tmp_path: Path) -> None:
    ours, theirs = Archive(tmp_path / "sqlite"), Archive(tmp_path / "postgresql", URL)
    load(ours)
    load(theirs)
    for question in QUESTIONS:
        assert told(theirs, question) == told(ours, question)
    theirs.close()
    again = Archive(tmp_path / "postgresql", URL)
    assert told(again, QUESTIONS[0]) == told(ours, QUESTIONS[0])
    again.close()
    ours.close()
