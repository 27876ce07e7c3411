"""What others make of the same files: every disagreement with our encoders has a row that says who is wrong and why."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.real.orthanc import missing as no_orthanc
from tests.real.orthanc import orthanc
from tools.opinions import (
    LOCAL,
    Disagreement,
    Row,
    disagreements,
    explained,
    generated,
    missing,
    orthanc_opinion,
    real,
    table,
)

FILES = generated() + real()


def needs(why: str) -> None:
    if why and os.environ.get("CI"):
        pytest.fail(why)
    if why:
        pytest.skip(why)


def unexplained(met: list[Disagreement]) -> list[str]:
    return [str(one) for one in met if explained(one) is None]


def unused(who: str, met: list[Disagreement]) -> list[str]:
    """Rows on this opinion that explain nothing any more: a fault that is gone must not hide the next one."""
    used = Counter(row.id for one in met if (row := explained(one)))
    return [row.id for row in table() if row.who == (who,) and not used[row.id]]


def test_the_corpus_is_large_enough() -> None:
    assert len(generated()) >= 200
    assert len(real()) >= 60


@pytest.mark.parametrize("who", LOCAL)
def test_every_disagreement_is_explained(who: str) -> None:
    needs(missing())
    met = list(disagreements(who, LOCAL[who], FILES))
    assert unexplained(met) == []
    assert unused(who, met) == []


def test_every_disagreement_with_orthanc_is_explained(tmp_path: Path) -> None:
    needs(no_orthanc())
    with orthanc(tmp_path / "server") as base, httpx.Client(timeout=60) as client:
        met = list(disagreements("orthanc", orthanc_opinion(base, client), FILES))
    assert unexplained(met) == []
    assert unused("orthanc", met) == []


@pytest.mark.parametrize("row", table(), ids=lambda row: row.id)
def test_a_row_names_who_is_wrong_and_the_clause(row: Row) -> None:
    assert row.wrong in ("they", "we", "the file", "nobody")
    assert re.search(r"PS3\.[0-9]+ ", row.cites)
    assert row.why.endswith(".")
    assert set(row.who) <= {*LOCAL, "orthanc"}
    assert any((row.vr, row.path, row.theirs, row.ours, row.file)) or row.what != "value", "a row covers something"


def test_we_are_wrong_nowhere() -> None:
    assert [row.id for row in table() if row.wrong == "we"] == []


def test_ids_are_unique() -> None:
    assert [name for name, count in Counter(row.id for row in table()).items() if count > 1] == []


@pytest.mark.parametrize(
    "met",
    [
        Disagreement("dcm2json", "made/1/1", "value", "00100010[0]", "PN", "{'Alphabetic': 'A'}", "None"),
        Disagreement("pydicom", "made/1/1", "value", "00080005[0].00100020", "LO", "'a'", "'b'"),
        Disagreement("dcm2xml", "made/1/1", "refused", "", "", "no XML", "read"),
        Disagreement("orthanc", "made/1/1", "refused", "", "", "upload answered 404", "read"),
        Disagreement("orthanc", "made/1/1", "json.tag-case", "/0/0010002a", "", "0010002a", "0010002A"),
        Disagreement("pydicom", "made/1/1", "value", "00100020", "LO", "absent", "present, LO"),
    ],
    ids=str,
)
def test_a_new_disagreement_is_not_explained_away(met: Disagreement) -> None:
    assert explained(met) is None
