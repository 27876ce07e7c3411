"""An archive that reconciles patients: what it changes is told in the answer and in the instance, nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.body import Body
from harness.make.corpus import Sample, corpus
from harness.make.store_metadata import message, separate
from harness.make.variants import fresh
from harness.wire import part10
from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from tests.simulators.storing_apart import REFERENCED, items, kept, send, warnings
from tests.web.door import Client

ORIGINAL, MODIFIED = "04000561", "04000550"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    archive = Archive(tmp_path / "archive", reconcile=True)
    yield Client(web(Service(archive)))
    archive.close()


@cache
def like() -> Sample:
    return corpus(7, "T")[0]


def former(dataset: part10.DataSet) -> part10.DataSet:
    sequence = dataset.get(ORIGINAL)
    assert sequence is not None
    assert sequence.items is not None
    (item,) = sequence.items
    modified = item.get(MODIFIED)
    assert modified is not None
    assert modified.items is not None
    return modified.items[0]


def test_an_instance_of_the_same_patient_stays_as_it_is(client: Client) -> None:
    first = fresh(like(), 1)
    second = fresh(like(), 2, study=first.study)
    for sample in (first, second):
        answer = client.store(sample.part10)
        assert (answer.status_code, warnings(answer)) == (200, [])
        assert kept(client, sample).dataset.get(ORIGINAL) is None


@pytest.mark.parametrize("name", ["SOMEBODY^ELSE", "Müller^Jörg", ""])
def test_another_patient_becomes_that_of_the_study(client: Client, name: str) -> None:
    first = fresh(like(), 1)
    changes: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 100",
        "PatientName": name,
        "PatientID": "ELSE",
        "PatientSex": None,
    }
    other = fresh(like(), 2, study=first.study, **changes)
    assert client.store(first.part10).status_code == 200
    answer = client.store(other.part10)
    assert (answer.status_code, warnings(answer)) == (202, ["B000"])
    (told,) = items(answer, REFERENCED)[0][ORIGINAL]["Value"]
    assert told["04000565"]["Value"] == ["COERCE"]
    assert told[MODIFIED]["Value"][0]["00100020"]["Value"] == ["ELSE"]
    stored = kept(client, other)
    assert not stored.flaws.counts
    wanted = part10.read(Body.of(first.part10)).dataset
    sent = part10.read(Body.of(other.part10)).dataset
    for tag in ("00100010", "00100020"):
        assert stored.dataset.text(tag) == wanted.text(tag)
        assert former(stored.dataset).text(tag) == sent.text(tag)
    assert former(stored.dataset).get("00100040") is None
    assert stored.dataset.text("00100040") == wanted.text("00100040")
    ignore = {ORIGINAL, "00100010", "00100020", "00100040", "00080005"}
    assert not list(part10.difference(stored.dataset, sent, ignore=ignore))


def test_a_patient_without_an_id_gets_one(client: Client) -> None:
    nobody = fresh(like(), 1, PatientID="")
    answer = client.store(nobody.part10)
    assert warnings(answer) == ["B000"]
    stored = kept(client, nobody).dataset
    assert stored.text("00100020").startswith("UNKNOWN-")
    assert former(stored).get("00100020").empty  # type: ignore[union-attr]
    beside = fresh(like(), 2, study=nobody.study, PatientID="")
    client.store(beside.part10)
    assert kept(client, beside).dataset.text("00100020") == stored.text("00100020")


def test_instances_that_come_apart_are_reconciled_as_well(client: Client) -> None:
    first = fresh(like(), 1)
    assert client.store(first.part10).status_code == 200
    other = fresh(like(), 2, study=first.study, PatientName="SOMEBODY^ELSE")
    answer = send(client, message([separate(other)]))
    assert (answer.status_code, warnings(answer)) == (202, ["B000"])
    assert former(kept(client, other).dataset).text("00100010") == "SOMEBODY^ELSE"


def test_what_cannot_be_read_is_refused_as_ever(client: Client) -> None:
    answer = client.store(like().part10, b"no DICOM", like().part10[:-100])
    assert answer.status_code == 202
    assert len(items(answer, REFERENCED)) == 1


def test_nothing_is_left_of_files_that_were_written_anew(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", reconcile=True)
    client = Client(web(Service(archive)))
    assert client.store(fresh(like(), 1, PatientID="").part10).status_code == 202
    assert len(list((archive.folder / "files").glob("*/*"))) == 1
    archive.close()
