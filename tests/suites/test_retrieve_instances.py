"""Rules on retrieved instances: which they are, what is in them, in which transfer syntax."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from harness.exchange import Exchange
from tests.suites import retrieving as r
from tests.suites.retrieving import BIG, DICOM, EXPLICIT, IMPLICIT, JSON, STUDY, exchange, files, findings, rows

ONE, TWO = r.part10(r.dataset(1)), r.part10(r.dataset(2))
WHOLE = f"studies/{STUDY}"


def retrieved(ds: Dataset, syntax: str = EXPLICIT, **about: Any) -> Exchange:
    return exchange(r.path(), files(r.part10(ds, syntax), syntax=syntax), **about)


def test_every_stored_instance_comes() -> None:
    rule = "retrieve.instances-complete"
    assert findings(rule, exchange(WHOLE, files(ONE, TWO))) == []
    assert findings(rule, exchange(WHOLE, files(TWO, ONE, r.part10(r.dataset(3))))) == []
    assert findings(rule, exchange(WHOLE, files(ONE)))
    assert findings(rule, exchange(WHOLE, files(ONE).but(status=206))) is None
    assert findings(rule, exchange(WHOLE, files())) is None


def test_metadata_covers_every_stored_instance() -> None:
    rule = "retrieve.metadata-complete"
    assert findings(rule, exchange(f"{WHOLE}/metadata", rows(r.metadata(2), r.metadata(1)), JSON)) == []
    assert findings(rule, exchange(f"{WHOLE}/metadata", rows(r.metadata(2)), JSON))
    assert findings(rule, exchange(f"{WHOLE}/metadata", rows(), JSON)) is None


def test_exactly_what_is_predicted() -> None:
    rule, predicted = "retrieve.exactly-the-instances", {"instances": [r.uid(1), r.uid(2)]}
    assert findings(rule, exchange(WHOLE, files(TWO, ONE), expected=predicted)) == []
    assert findings(rule, exchange(WHOLE, files(ONE), expected=predicted))
    assert findings(rule, exchange(WHOLE, files(ONE, TWO, r.part10(r.dataset(3))), expected=predicted))
    assert findings(rule, exchange(WHOLE, files(TWO, ONE))) is None


def test_instances_belong_to_their_path() -> None:
    rule = "retrieve.instances-belong"
    assert findings(rule, exchange(r.path(), files(ONE))) == []
    assert findings(rule, exchange(r.path(), files(TWO)))
    assert findings(rule, exchange(f"{WHOLE}.9", files(ONE)))
    assert findings(rule, exchange(r.path(), r.answer(404))) is None
    other = r.part10(r.dataset(1, SeriesInstanceUID="1.2.3.5"))
    assert findings(rule, exchange(f"{WHOLE}/series/{r.SERIES}", files(ONE, other)))


def test_metadata_belongs_to_its_path() -> None:
    rule, target = "retrieve.metadata-belongs", f"{r.path()}/metadata"
    assert findings(rule, exchange(target, rows(r.metadata()), JSON)) == []
    assert findings(rule, exchange(target, rows(r.metadata(2)), JSON))
    bare = {t: a for t, a in r.metadata().items() if t != "0020000D"}
    assert findings(rule, exchange(target, rows(bare), JSON))


def test_each_instance_comes_once() -> None:
    assert findings("retrieve.each-instance-once", exchange(WHOLE, files(ONE, TWO))) == []
    assert findings("retrieve.each-instance-once", exchange(WHOLE, files(ONE, TWO, ONE)))
    assert findings(
        "retrieve.each-instance-once", exchange(f"{WHOLE}/metadata", rows(r.metadata(), r.metadata()), JSON)
    )


SAME = "retrieve.instance-is-what-was-stored"


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, "1.2.840.10008.1.2.1.99"])
def test_the_syntax_in_which_it_was_stored_does_not_matter(syntax: str) -> None:
    ds = r.dataset()
    if syntax == BIG:
        stored = r.dataset()
        stored.PixelData = b"".join(bytes(pair) for pair in zip(r.PIXELS[1::2], r.PIXELS[::2], strict=True))
        stored["PixelData"].VR = "OW"
        held = r.past(r.kept(stored, syntax))
    else:
        held = r.past(r.kept(ds, syntax))
    assert findings(SAME, retrieved(ds, held=held)) == []


def changed(**values: Any) -> Dataset:
    return r.dataset(1, **values)


def emptied() -> Dataset:
    ds = r.dataset()
    ds.ReferencedImageSequence = Sequence([])
    return ds


def turned() -> Dataset:
    ds = r.dataset()
    ds.PixelData = r.PIXELS[::-1]
    ds["PixelData"].VR = "OW"
    return ds


def stripped() -> Dataset:
    ds = r.dataset()
    ds.remove_private_tags()
    return ds


@pytest.mark.parametrize(
    "ds",
    [changed(PatientName="Other^A"), changed(Modality=None), changed(PixelSpacing=["0.5", "1.26"]), changed(Rows=5),
     changed(AccessionNumber="new"), emptied(), turned(), stripped(), changed(StudyTime="2359"),
     changed(PhotometricInterpretation="MONOCHROME1")],
)  # fmt: skip
def test_a_changed_data_set_is_red(ds: Dataset) -> None:
    found = findings(SAME, retrieved(ds))
    assert r.hard(found)


def coerced() -> Dataset:
    """Patient ID coerced and declared by Original Attributes Sequence (PS3.18 10.5.2)."""
    ds = r.dataset(1, PatientID="COERCED")
    old = Dataset()
    old.PatientID = "P 1"
    item = Dataset()
    item.ModifiedAttributesSequence = Sequence([old])
    item.AttributeModificationDateTime = "20240101"
    item.ModifyingSystem = "PACS"
    item.SourceOfPreviousValues = ""
    item.ReasonForTheAttributeModification = "COERCE"
    ds.OriginalAttributesSequence = Sequence([item])
    return ds


def test_declared_coercion_is_permitted_and_no_more() -> None:
    assert findings(SAME, retrieved(coerced())) == []
    more = coerced()
    more.PatientName = "Other"
    assert findings(SAME, retrieved(more))


def test_legal_freedom_of_writing_is_the_same() -> None:
    ds = r.dataset(1, PatientID=" P 1 ", PatientName="M\u00e4rta^A^^=\u00e5", PixelSpacing=[".5", "1.250"])
    ds.ReferencedImageSequence[1].is_undefined_length_sequence_item = True
    assert findings(SAME, retrieved(ds)) == []
    universal = r.dataset()
    universal.SpecificCharacterSet = "ISO_IR 192"
    assert findings(SAME, retrieved(universal)) == []
    bare = r.dataset(1, SpecificCharacterSet=None, PatientName="Maerta")
    assert "00080005" in str(findings(SAME, retrieved(bare)))


def test_what_an_archive_adds_about_itself_only_warns() -> None:
    found = findings(SAME, retrieved(changed(InstanceAvailability="ONLINE")))
    assert r.soft(found)


def own(creator: str = "ARCHIVE", group: int = 0x4321) -> Dataset:
    """The instance with a private attribute of this creator beside its own."""
    ds = r.dataset()
    ds.private_block(group, creator, create=True).add_new(0x77, "LO", "x")
    return ds


def test_private_attributes_that_an_archive_adds_in_a_block_of_its_own_only_warn() -> None:
    assert r.soft(findings(SAME, retrieved(own())))


def test_private_attributes_in_a_block_of_somebody_else_or_in_none_are_red() -> None:
    block = next(e for e in r.dataset() if e.tag.is_private_creator)
    assert r.hard(findings(SAME, retrieved(own(str(block.value), block.tag.group))))
    bare = r.dataset()
    bare.add_new(0x43211077, "LO", "x")
    assert r.hard(findings(SAME, retrieved(bare)))


def test_nothing_is_said_of_what_was_not_stored_by_us() -> None:
    assert findings(SAME, exchange(r.path(7), files(r.part10(r.dataset(7))))) is None


DEFAULT = "retrieve.default-transfer-syntax"


def test_default_is_explicit_little_endian() -> None:
    ds = r.dataset()
    assert findings(DEFAULT, retrieved(ds)) == []
    assert findings(DEFAULT, retrieved(ds, "1.2.840.10008.1.2.1.99"))
    any_ = f"{DICOM}; transfer-syntax=*"
    assert findings(DEFAULT, retrieved(ds, "1.2.840.10008.1.2.1.99", accept=any_)) is None
    assert findings(DEFAULT, exchange(r.path(), r.answer(404))) is None


def test_lossy_pixel_data_may_come_as_it_is() -> None:
    lossy = r.part10(r.dataset(), EXPLICIT).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4.50"[:20], 1)
    x = exchange(r.path(), files(lossy))
    assert x.answer.files[0].transfer_syntax == "1.2.840.10008.1.2.4."
    reading = _jpeg()
    assert findings(DEFAULT, exchange(r.path(), files(reading), held=r.past())) == []
    # the lossless original is there, so the exception does not hold
    assert findings(DEFAULT, exchange(r.path(), files(reading)))


def _jpeg() -> bytes:
    from pydicom.encaps import encapsulate

    ds = r.dataset()
    ds.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return r.part10(ds, "1.2.840.10008.1.2.4.50")


def test_requested_syntax_is_delivered() -> None:
    rule, ds = "retrieve.requested-transfer-syntax", r.dataset()
    wanted = f"{DICOM}; transfer-syntax={EXPLICIT}"
    assert findings(rule, retrieved(ds, accept=wanted)) == []
    assert findings(rule, retrieved(ds, "1.2.840.10008.1.2.1.99", accept=wanted))
    assert findings(rule, retrieved(ds)) is None
    assert findings(rule, retrieved(ds, accept=f"{DICOM}; transfer-syntax=*")) is None
    assert findings(rule, retrieved(ds, accept=f"{wanted}, */*")) is None


def test_implicit_and_big_endian_are_never_sent() -> None:
    rule = "retrieve.never-implicit-or-big-endian"
    assert findings(rule, retrieved(r.dataset())) == []
    assert findings(rule, retrieved(r.dataset(), IMPLICIT))
    assert findings(rule, exchange(r.path(), files(ONE, syntax=BIG)))


def test_the_parameter_tells_the_truth() -> None:
    rule = "retrieve.syntax-parameter-is-true"
    assert findings(rule, retrieved(r.dataset())) == []
    assert findings(rule, exchange(r.path(), files(ONE, syntax="1.2.840.10008.1.2.4.90")))
    assert findings(rule, exchange(r.path(), files(ONE, syntax=""))) is None


def test_a_single_part_is_one_instance() -> None:
    rule = "retrieve.single-part-is-one-instance"
    single = r.answer(200, ONE, "application/dicom")
    assert findings(rule, exchange(r.path(), single, "application/dicom")) == []
    assert findings(rule, exchange(WHOLE, single, "application/dicom"))
    assert findings(rule, exchange(WHOLE, files(ONE, TWO))) is None


def test_forms_of_instances() -> None:
    rule = "retrieve.instances-form"
    assert findings(rule, exchange(r.path(), files(ONE))) == []
    assert findings(rule, exchange(r.path(), r.answer(200, b"<p>", "text/html")))
    assert findings(rule, exchange(r.path(), r.octets(ONE, type_="application/x-dcm")))
    zipped = exchange(r.path(), r.answer(200, b"PK", "application/zip"), "application/zip")
    assert findings(rule, zipped) == []
    assert findings(rule, exchange(f"{r.path()}/frames/1", files(ONE), r.OCTETS))


def test_a_location_names_its_part() -> None:
    rule = "retrieve.location-names-the-part"
    assert findings(rule, exchange(WHOLE, files(ONE, TWO, numbers=[1, 2]))) == []
    assert findings(rule, exchange(WHOLE, files(ONE, TWO, numbers=[1, 1])))
    assert findings(rule, exchange(WHOLE, files(ONE, TWO))) is None
    opaque = r.multipart([("application/dicom", f"{r.BASE}/objects/17", ONE)], "application/dicom")
    assert findings(rule, exchange(WHOLE, opaque)) == []
    relative = r.multipart([("application/dicom", f"/dicomweb/{r.path()}", ONE)], "application/dicom")
    assert findings(rule, exchange(WHOLE, relative)) == []
    other = r.multipart([("application/dicom", f"{r.BASE}/studies/1.2.3.9", ONE)], "application/dicom")
    assert any(not f.warn for f in findings(rule, exchange(WHOLE, other)) or ())
    study = r.path().partition("/series/")[0]
    alike = [("application/dicom", f"{r.BASE}/{study}", octets) for octets in (ONE, TWO)]
    found = findings(rule, exchange(WHOLE, r.multipart(alike, "application/dicom")))
    assert found is not None
    assert [f.warn for f in found] == [True]
    assert findings(rule, exchange(WHOLE, r.multipart(alike[:1], "application/dicom"))) == []


def test_a_location_leads_to_its_part() -> None:
    rule, kind = "retrieve.location-leads-to-the-part", "web.retrieve.location"
    whole = exchange(WHOLE, files(ONE, TWO, numbers=[1, 2]), step="whole")
    there = exchange(r.path(2), files(TWO), step="located", facts={"part": 1})
    assert findings(rule, r.journey(kind, whole, there)) == []
    assert findings(rule, r.journey(kind, whole, there.but(answer=files(ONE))))
    assert findings(rule, r.journey(kind, whole, there.but(answer=r.answer(404))))
    assert findings(rule, r.journey(kind, whole)) is None
