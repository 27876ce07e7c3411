"""Rules on pixel data that was coded anew: bit by bit what was stored, and honest about what was lost."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

import suites.web.retrieve.available
import suites.web.retrieve.transcoded  # noqa: F401 (declares its rules when imported)
from harness.body import Body
from harness.exchange import Exchange
from harness.rule import Finding
from tests.suites import retrieving as r
from tests.suites.retrieving import exchange, findings

RLE, J2K, JPEG = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50"


def image(change: int = 0, **more: object) -> Dataset:
    array = numpy.arange(33 * 34, dtype="<u2").reshape(33, 34) * 7
    array[5, 5] += change
    ds = r.dataset(Rows=33, Columns=34, **more)
    ds.PixelData = array.tobytes()
    return ds


def coded(ds: Dataset, syntax: str) -> bytes:
    made = dcmread(io.BytesIO(r.part10(ds)))
    made.compress(syntax, generate_instance_uid=False)
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def fetched(octets: bytes, syntax: str, held: Dataset, stored: str = r.EXPLICIT) -> Exchange:
    kept = r.kept(held)
    if stored != r.EXPLICIT:
        kept = replace(kept, transfer_syntax=stored, sent=Body.of(relabelled(held, stored)))
    return exchange(r.path(), r.files(octets, syntax=syntax), held=r.past(kept))


@pytest.mark.parametrize("syntax", [RLE, J2K])
def test_a_compressed_instance_has_the_stored_pixels(syntax: str) -> None:
    rule = "retrieve.recoded-instance-is-the-stored"
    assert findings(rule, fetched(coded(image(), syntax), syntax, image())) == []
    assert r.hard(findings(rule, fetched(coded(image(1), syntax), syntax, image())))
    assert findings(rule, fetched(r.part10(image()), r.EXPLICIT, image())) is None


def test_several_frames_are_all_there() -> None:
    rule = "retrieve.recoded-instance-is-the-stored"
    ds = image(NumberOfFrames=2)
    ds.PixelData = ds.PixelData * 2
    assert findings(rule, fetched(coded(ds, RLE), RLE, ds)) == []
    assert r.hard(findings(rule, fetched(coded(image(), RLE), RLE, ds)))


@pytest.mark.parametrize(("name", "syntax"), [("image/dicom-rle", RLE), ("image/jp2", J2K)])
def test_a_compressed_frame_has_the_stored_pixels(name: str, syntax: str) -> None:
    rule = "retrieve.recoded-frame-is-the-stored"
    accept = f'multipart/related; type="{name}"'

    def frame(ds: Dataset) -> Exchange:
        (stream,) = generate_frames(dcmread(io.BytesIO(coded(ds, syntax))).PixelData, number_of_frames=1)
        told = r.octets(stream, type_=f"{name}; transfer-syntax={syntax}")
        return exchange(f"{r.path()}/frames/1", told, accept, held=r.past(r.kept(image())))

    assert findings(rule, frame(image())) == []
    assert r.hard(findings(rule, frame(image(1))))


def test_what_cannot_be_decoded_is_nobodys_fault_here() -> None:
    rule = "retrieve.recoded-frame-is-the-stored"
    told = r.octets(b"\xff\x4f\xff\x51 nothing", type_=f"image/jp2; transfer-syntax={J2K}")
    held = r.past(r.kept(image()))
    assert findings(rule, exchange(f"{r.path()}/frames/1", told, "image/jp2", held=held)) is None


def relabelled(ds: Dataset, syntax: str) -> bytes:
    made = dcmread(io.BytesIO(r.part10(ds)))
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = encapsulate([made.PixelData])
    made["PixelData"].is_undefined_length, made["PixelData"].VR = True, "OB"
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_what_is_compressed_with_loss_says_so() -> None:
    rule = "retrieve.lossy-is-said"
    silent, honest = relabelled(image(), JPEG), relabelled(image(LossyImageCompression="01"), JPEG)
    assert r.hard(findings(rule, fetched(silent, JPEG, image())))
    assert r.soft(findings(rule, fetched(honest, JPEG, image())))  # under the UID of what it is derived from
    assert findings(rule, fetched(silent, JPEG, image(), JPEG)) is None


def test_a_loss_is_not_taken_back() -> None:
    rule, lost = "retrieve.loss-is-not-taken-back", image(LossyImageCompression="01")
    assert findings(rule, fetched(r.part10(lost), r.EXPLICIT, lost)) == []
    assert r.hard(findings(rule, fetched(r.part10(image(LossyImageCompression="00")), r.EXPLICIT, lost)))
    assert r.hard(findings(rule, fetched(r.part10(image()), r.EXPLICIT, lost)))
    assert findings(rule, fetched(r.part10(image()), r.EXPLICIT, image())) is None


@pytest.mark.parametrize(
    ("shown", "right"), [("RGB", True), ("YBR_FULL", True), ("YBR_RCT", False), ("YBR_ICT", False)]
)
def test_native_colours_are_no_transform_of_jpeg_2000(shown: str, right: bool) -> None:
    def colour(interpretation: str) -> Dataset:
        ds = r.dataset(SamplesPerPixel=3, PhotometricInterpretation=interpretation, BitsAllocated=8, BitsStored=8,
                       HighBit=7, PlanarConfiguration=0, Rows=4, Columns=4)  # fmt: skip
        ds["PixelData"].VR = "OB"
        return ds

    found = findings("retrieve.native-has-no-transformed-colours", fetched(r.part10(colour(shown)), r.EXPLICIT,
                     colour("YBR_RCT"), J2K))  # fmt: skip
    assert (found == []) is right
    assert (
        findings("retrieve.native-has-no-transformed-colours", fetched(r.part10(image()), r.EXPLICIT, image())) is None
    )


def test_a_derivation_may_be_told_of_what_was_recompressed() -> None:
    rule = "retrieve.instance-is-what-was-stored"
    told = image(DerivationDescription="Lossless compression")
    assert findings(rule, fetched(coded(told, RLE), RLE, image())) == []
    assert r.hard(findings(rule, fetched(r.part10(told), r.EXPLICIT, image())))


def test_a_derived_image_may_have_a_uid_of_its_own() -> None:
    rule = "retrieve.instances-belong"
    other = image(LossyImageCompression="01", SOPInstanceUID="1.2.3.4.99")
    assert findings(rule, fetched(relabelled(other, JPEG), JPEG, image())) is None
    assert r.hard(findings(rule, fetched(r.part10(other), r.EXPLICIT, image())))
    assert r.hard(findings(rule, fetched(relabelled(other, JPEG), JPEG, image(), JPEG)))


def test_what_a_search_promises_can_be_had() -> None:
    rule = "retrieve.available-syntax-can-be-had"

    def story(told: Exchange) -> list[Finding] | None:
        return findings(rule, r.journey("web.retrieve.available", told.but(step="promised", facts={"promised": RLE})))

    assert story(fetched(coded(image(), RLE), RLE, image())) == []
    assert r.hard(story(fetched(r.part10(image()), r.EXPLICIT, image())))
    assert r.hard(story(exchange(r.path(), r.answer(406))))
    assert story(exchange(r.path(), r.answer(403))) is None
