"""De-identification: nothing of the profile's attributes is left, and the instance stays what it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from harness.body import Body
from harness.make.corpus import Sample, corpus
from harness.wire import part10
from harness.wire.confidentiality import action
from harness.wire.elements import DataSet, Element
from simulators.model.deidentify import Refused, deidentified, replaced
from tests.web.door import make, octets

SAMPLES = {f"{s.sop_class.rsplit('.', 3)[-1]}-{s.transfer_syntax}": s for s in corpus(3, "DEID")}


def elements(dataset: DataSet) -> Iterator[tuple[str, Element]]:
    for tag, element in dataset.elements.items():
        yield tag, element
        for item in element.items or ():
            yield from elements(item)


def value(element: Element) -> bytes:
    return element.value.bytes().strip(b" \0") if element.value is not None and element.value.size < 1000 else b""


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_nothing_is_left_and_the_file_is_flawless(sample: Sample) -> None:
    before, after = part10.read(Body.of(sample.part10)), part10.read(Body.of(deidentified(sample.part10)))
    new = {f.code for f in after.flaws.kept} - {f.code for f in before.flaws.kept} - part10.NOTES
    assert new == set()
    assert after.transfer_syntax == before.transfer_syntax
    old: dict[str, set[bytes]] = {}
    for tag, element in elements(before.dataset):
        old.setdefault(tag, set()).add(value(element))
    for tag, element in elements(after.dataset):
        code, said = action(tag), value(element)
        assert code != "X", tag
        assert not (code and said and said in old.get(tag, ()) and not said.startswith(b"1.2.840.10008.")), tag
    assert after.dataset.text("00080016") == before.dataset.text("00080016")
    assert after.dataset.text("00120062") == "YES"
    assert [i.text("00080100") for i in after.dataset.elements["00120064"].items or ()] == ["113100", "113101"]


@pytest.mark.parametrize("sample", [s for s in SAMPLES.values() if s.frames], ids=lambda s: s.transfer_syntax)
def test_pixels_stay_what_they_are(sample: Sample) -> None:
    before, after = dcmread(io.BytesIO(sample.part10)), dcmread(io.BytesIO(deidentified(sample.part10)))
    assert after.PixelData == before.PixelData
    assert (after.Rows, after.Columns, after.BurnedInAnnotation) == (before.Rows, before.Columns, "NO")


def cleaned(dataset: Dataset) -> Dataset:
    return dcmread(io.BytesIO(deidentified(octets(dataset))))


def test_uids_that_were_the_same_stay_the_same_in_every_instance() -> None:
    first, second = make(Modality="CT"), make(instance="1.2.1.1.2", Modality="CT")
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    reference.ReferencedSOPInstanceUID = first.SOPInstanceUID
    second.SourceImageSequence = Sequence([reference])
    one, two = cleaned(first), cleaned(second)
    assert one.StudyInstanceUID == two.StudyInstanceUID != first.StudyInstanceUID
    assert two.SourceImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID != two.SOPInstanceUID
    assert two.SourceImageSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert two.file_meta.MediaStorageSOPInstanceUID == two.SOPInstanceUID
    assert all(len(uid) <= 64 for uid in (one.SOPInstanceUID, two.SOPInstanceUID))


def test_uids_of_the_standard_stay() -> None:
    assert replaced("1.2.840.10008.1.2.1") == "1.2.840.10008.1.2.1"
    assert replaced("") == ""


def test_names_and_dates_that_no_table_has_go_too() -> None:
    dataset = make(Modality="CT", ScheduledStudyStartDate="20240102", NamesOfIntendedRecipientsOfResults="A^B")
    dataset.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "of the patient")
    after = cleaned(dataset)
    assert after.get("ScheduledStudyStartDate", "") != "20240102"
    assert str(after.get("NamesOfIntendedRecipientsOfResults", "")) != "A^B"
    assert not any(element.tag.is_private for element in after)


@pytest.mark.parametrize(
    "values",
    [{"BurnedInAnnotation": "YES", "Modality": "CT"}, {"Modality": "US"}, {"Modality": "CT", "ConversionType": "DI"}],
)
def test_what_may_show_who_it_is_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="pixels"):
        deidentified(octets(make(**values)))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about what it reads
@pytest.mark.parametrize("broken", [b"", b"\0" * 200, bytes(128) + b"DICM" + b"\xff" * 64])
def test_what_cannot_be_read_is_refused(broken: bytes) -> None:
    with pytest.raises(Refused):
        deidentified(broken)
