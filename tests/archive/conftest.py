"""Instances made for one test, and an archive to put them into."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from simulators.archive.archive import Archive, Stored

CT = "1.2.840.10008.5.1.4.1.1.2"
Make = Callable[..., bytes]
Put = Callable[..., list[Stored]]


def dataset_of(**attributes: Any) -> Dataset:
    """A data set with the UIDs every instance has; keywords replace or, with None, remove attributes."""
    made = Dataset()
    values = {
        "SOPClassUID": CT,
        "SOPInstanceUID": "1.2.3.1.1",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "Modality": "CT",
        **attributes,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(made, keyword, value)
    return made


def file_of(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The PS3.10 file of a data set."""
    head = FileMetaDataset()
    head.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CT)
    head.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.1.1")
    head.TransferSyntaxUID = UID(syntax)
    dataset.file_meta = head
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def dataset() -> Callable[..., Dataset]:
    """dataset(PatientID="X", ...) -> a data set."""
    return dataset_of


@pytest.fixture
def file() -> Make:
    """file(dataset, syntax) -> the octets of its file."""
    return file_of


@pytest.fixture
def make() -> Make:
    """make(PatientID="X", ...) -> the octets of a file."""
    return lambda **attributes: file_of(dataset_of(**attributes))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "archive")
    yield opened
    opened.close()


@pytest.fixture
def put(archive: Archive) -> Put:
    """put(octets, ..., study=None) -> outcomes of one batch."""

    def store(*files: bytes, study: str | None = None, into: Archive = archive) -> list[Stored]:
        return into.store(received(into, files), study)

    return store


def received(archive: Archive, files: Sequence[bytes]) -> list[Any]:
    batch = []
    for octets in files:
        incoming = archive.receive()
        incoming.write(octets)
        incoming.close()
        batch.append(incoming)
    return batch
