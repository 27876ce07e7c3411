"""Small instances, a door over an archive, and an SCU that keeps what was said."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from harness.blobs import Blobs
from harness.entity import Entity
from harness.talk.dimse import Dial, Limits
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Offer, propose
from simulators.archive.archive import Archive, Stored
from simulators.dimse.serve import Served, Setup, serve

SC = "1.2.840.10008.5.1.4.1.1.7"
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT, BIG = str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian), str(ExplicitVRBigEndian)


def make(study: str = "1.2.1", series: str = "1.2.1.1", instance: str = "1.2.1.1.1", **values: Any) -> Dataset:
    """A Secondary Capture data set of 4 rows and 6 columns; keywords replace or, with None, remove attributes."""
    made = Dataset()
    told: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192", "SOPClassUID": SC, "SOPInstanceUID": instance, "StudyInstanceUID": study,
        "SeriesInstanceUID": series, "StudyDate": "20240131", "StudyTime": "101112", "AccessionNumber": "A1",
        "PatientName": "Müller^Jörg", "PatientID": "P1", "Modality": "OT", "ReferringPhysicianName": "Refer^Red",
        "StudyID": "S1", "PatientBirthDate": "", "PatientSex": "", "SeriesNumber": "1", "InstanceNumber": "1",
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": 4, "Columns": 6,
        "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0, **values,
    }  # fmt: skip
    for keyword, value in told.items():
        if value is not None:
            setattr(made, keyword, value)
    made.PixelData = numpy.arange(24, dtype="<u2").tobytes()
    made["PixelData"].VR = "OW"
    return made


def octets_of(dataset: Dataset, syntax: str = EXPLICIT) -> bytes:
    """The data set alone, in a native transfer syntax."""
    buffer = DicomBytesIO()
    buffer.is_little_endian = syntax != BIG
    buffer.is_implicit_VR = syntax == IMPLICIT
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def dataset_of(octets: bytes, syntax: str = EXPLICIT) -> Dataset:
    return read_dataset(io.BytesIO(octets), syntax == IMPLICIT, syntax != BIG)


def file_of(dataset: Dataset, syntax: str = EXPLICIT) -> bytes:
    head = FileMetaDataset()
    head.MediaStorageSOPClassUID, head.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    head.TransferSyntaxUID = UID(syntax)
    dataset.file_meta = head
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def identifier(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def put(archive: Archive, *datasets: Dataset, syntax: str = EXPLICIT) -> list[Stored]:
    batch = []
    for dataset in datasets:
        incoming = archive.receive()
        incoming.write(file_of(dataset, syntax))
        batch.append(incoming)
    stored = archive.store(batch)
    assert all(one.status == "stored" for one in stored), stored
    return stored


def read_file(path: Path) -> Dataset:
    return dcmread(path)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "archive")
    yield opened
    opened.close()


@pytest.fixture
def opened(archive: Archive) -> Iterator[Callable[..., Served]]:
    """opened(setup...) -> a door over the archive, closed with the test."""
    with ExitStack() as stack:
        yield lambda **values: stack.enter_context(serve(archive, "PROOF", setup=Setup(**values)))


@pytest.fixture
def door(opened: Callable[..., Served]) -> Served:
    return opened()


Dialled = Callable[..., Dial]


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[Dialled]:
    """dial(served, (abstract, (syntax, ...)), ..., roles=...) -> an association; aborted with the test if it stands."""
    blobs = Blobs(tmp_path / "blobs")
    made: list[Dial] = []

    def dialled(served: Served | Entity, *contexts: tuple[str, Sequence[str]], serve: Any = None, **offer: Any) -> Dial:
        entity = served.entity if isinstance(served, Served) else served
        wanted = Offer(propose(contexts), called=entity.title, calling=offer.pop("calling", "TESTER"), **offer)
        more = {"serve": serve} if serve is not None else {}
        made.append(Dial(entity, blobs, wanted, Limits(deadline=10, artim=5), **more))
        return made[-1]

    yield dialled
    for one in made:
        one.close()


def heard(scu: Dial, enough: Callable[[], bool]) -> None:
    """Listen, and answer what we are asked, until it is enough."""
    for _ in range(100):
        if enough():
            return
        scu.receive(0.1, quiet=True)
    raise AssertionError(f"nothing came; {scu.ended}")


def ask(scu: Dial, request: Message) -> list[Message]:
    """All responses to a request; there is a final one."""
    answers = list(scu.responses(request))
    assert answers, scu.ended
    assert not answers[-1].pending, scu.ended
    return answers
