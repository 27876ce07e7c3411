"""Fresh, bad and big samples."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from harness.make import big
from harness.make.corpus import corpus
from harness.make.sample import Sample
from harness.make.variants import BadSample, bad_samples, for_web, fresh
from harness.make.write import raw_dataset


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(corpus(9, "VAR1"))


@pytest.mark.parametrize("like", samples()[::5] + samples()[34:37], ids=lambda s: s.instance[-6:])
def test_fresh_is_the_same_but_for_its_uids(like: Sample) -> None:
    made = fresh(like, 1, "N")
    assert made == fresh(like, 1, "N")
    assert len({made.instance, fresh(like, 2, "N").instance, fresh(like, 1, "M").instance, like.instance}) == 4
    assert (made.study, made.series) != (like.study, like.series)
    old, new = dcmread(io.BytesIO(like.part10)), dcmread(io.BytesIO(made.part10))
    assert new.file_meta.MediaStorageSOPInstanceUID == made.instance == new.SOPInstanceUID
    assert new.file_meta.TransferSyntaxUID == like.transfer_syntax
    for element in old:
        if element.keyword not in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            assert new[element.tag] == element
    if like.frames:
        assert np.array_equal(old.pixel_array, new.pixel_array)


def test_fresh_into_an_existing_series_with_changes() -> None:
    like = samples()[0]
    made = fresh(like, 3, study=like.study, series=like.series, PatientID="OTHER", StudyDescription=None)
    assert (made.study, made.series) == (like.study, like.series)
    assert made.attribute("00100020") == "OTHER"
    assert "00081030" not in made.attrs
    assert like.attribute("00100020") == "VAR1-001"


def test_for_web_keeps_the_instance_and_its_pixels() -> None:
    for sample in samples():
        sent = for_web(sample)
        assert sent.transfer_syntax not in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2")
        if sent is sample:
            continue
        assert (sent.study, sent.series, sent.instance) == (sample.study, sample.series, sample.instance)
        old, new = dcmread(io.BytesIO(sample.part10)), dcmread(io.BytesIO(sent.part10))
        assert new.file_meta.TransferSyntaxUID == sent.transfer_syntax == "1.2.840.10008.1.2.1"
        assert np.array_equal(old.pixel_array, new.pixel_array)
        assert sent.attrs.keys() == sample.attrs.keys()
        public = [tag for tag in sent.attrs if not int(tag[3]) % 2]
        assert all(sent.attrs[tag] == sample.attrs[tag] for tag in public)
    assert sum(for_web(s) is not s for s in samples()) >= 5


def bad() -> dict[str, BadSample]:
    return {b.label: b for b in bad_samples(samples()[0], "N")}


def test_bad_samples_are_deterministic_and_named() -> None:
    assert list(bad().values()) == bad_samples(samples()[0], "N")
    assert len(bad()) == len(bad_samples(samples()[0])) >= 9
    assert all(b.says for b in bad().values())
    instances = [b.instance for b in bad().values() if b.instance]
    assert len(set(instances)) == len(instances)
    with pytest.raises(ValueError, match="Explicit VR Little Endian"):
        bad_samples(samples()[26])


def test_bad_samples_are_bad_in_the_way_they_say() -> None:
    held = bad()
    assert held["zero-bytes"].data == b""
    for label in ("not-dicom", "no-file-meta"):
        with pytest.raises(InvalidDicomError):
            dcmread(io.BytesIO(held[label].data))
    read = {label: dcmread(io.BytesIO(b.data)) for label, b in held.items() if label not in ("zero-bytes", "not-dicom",
            "no-file-meta", "truncated", "truncated-meta")}  # fmt: skip
    assert "SOPInstanceUID" not in read["no-sop-instance-uid"]
    assert read["no-sop-instance-uid"].file_meta.MediaStorageSOPInstanceUID == held["no-sop-instance-uid"].instance
    assert "StudyInstanceUID" not in read["no-study-instance-uid"]
    assert read["no-study-instance-uid"].SOPInstanceUID == held["no-study-instance-uid"].instance
    assert read["wrong-study"].StudyInstanceUID != held["wrong-study"].study != ""
    assert read["no-storage-class"].SOPClassUID == "1.2.840.10008.1.1"
    assert read["unknown-class"].SOPClassUID == held["unknown-class"].sop_class
    differs = read["meta-differs"]
    assert differs.file_meta.MediaStorageSOPInstanceUID != differs.SOPInstanceUID == held["meta-differs"].instance
    length = len(samples()[0].part10)
    assert abs(len(held["truncated"].data) - length) < 20


@settings(deadline=None, max_examples=20)
@given(size=st.integers(big.SMALLEST, 3_000_000))
def test_big_of_any_size(size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("big") / "x.dcm"
    made = big.write(path, size, "BIG1")
    assert path.stat().st_size == made.size <= size
    assert size - made.size < made.rows * made.columns + 8
    read = dcmread(path)
    assert read.NumberOfFrames == made.frames
    assert len(read.PixelData) == made.rows * made.columns * made.frames
    assert read.PixelData[:4] == read.PixelData[-4:] == b"\x01\x02\x03\x04"


def test_big_of_two_gibibytes_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "huge.dcm"
    made = big.write(path, 2 << 30, "BIG1")
    assert (2 << 30) - made.size < 1 << 20
    assert path.stat().st_blocks * 512 < 1 << 20
    read = dcmread(path, stop_before_pixels=True)
    assert read.SOPInstanceUID == made.instance
    head = made.body.read(0, 4096)
    at = head.index(b"\xe0\x7f\x10\x00OB")
    assert (
        int.from_bytes(head[at + 8 : at + 12], "little")
        == made.rows * made.columns * made.frames
        == made.size - at - 12
    )
    assert made.body.read(made.size - 4) == b"\x01\x02\x03\x04"


@pytest.mark.parametrize("size", [0, 100, 1 << 33])
def test_big_refuses_what_cannot_be(size: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="octets"):
        big.write(tmp_path / "x", size, "BIG1")
    assert not (tmp_path / "x").exists()


def test_raw_dataset_cuts_where_the_meta_ends() -> None:
    meta, data = raw_dataset(samples()[0].part10)
    assert meta[128:132] == b"DICM"
    assert data[:2] == b"\x08\x00"
