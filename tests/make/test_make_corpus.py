"""The synthetic instances: the same again, legal, readable by others, told apart by nonce."""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from functools import cache
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset

from harness.make import images
from harness.make.attributes import attributes, texts, values
from harness.make.corpus import corpus
from harness.make.modules import Scene
from harness.make.oddities import FRAMING
from harness.make.sample import Sample
from harness.make.uids import uid
from harness.make.write import raw_dataset

DEFLATED, IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
JPEG, RLE, J2K = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"
EXPLICIT = "1.2.840.10008.1.2.1"


@cache
def loaded() -> tuple[Sample, ...]:
    return tuple(corpus(1, "NONCE1"))


def whole(sample: Sample) -> Dataset:
    return dcmread(io.BytesIO(sample.part10))


def test_same_seed_and_nonce_give_the_same_octets() -> None:
    again = corpus(1, "NONCE1")
    assert [s.part10 for s in again] == [s.part10 for s in loaded()]
    assert again == list(loaded())


@pytest.mark.parametrize(("seed", "nonce"), [(1, "NONCE2"), (2, "NONCE1")])
def test_another_seed_or_nonce_shares_no_uid(seed: int, nonce: str) -> None:
    other = corpus(seed, nonce)
    mine = {u for s in loaded() for u in (s.study, s.series, s.instance)}
    theirs = {u for s in other for u in (s.study, s.series, s.instance)}
    assert not mine & theirs
    assert [s.sop_class for s in other] == [s.sop_class for s in loaded()]


@pytest.mark.parametrize("nonce", ["", "eleven chars", "ABCDEFGHIJK", "a\\b", "a*", "\u00e4", "A\n"])
def test_a_nonce_that_does_not_fit_is_refused(nonce: str) -> None:
    with pytest.raises(ValueError, match="nonce"):
        corpus(1, nonce)


def test_the_size_of_it() -> None:
    samples = loaded()
    assert 12 <= len({s.study for s in samples}) <= 16
    assert 20 <= len({s.series for s in samples}) <= 30
    assert len(samples) == len({s.instance for s in samples})
    assert sum(len(s.part10) for s in samples) < 2_000_000
    assert max(Counter(s.series for s in samples).values()) >= 25
    studies_of_series = {(s.series, s.study) for s in samples}
    assert len(studies_of_series) == len({series for series, _ in studies_of_series})


def test_every_transfer_syntax_is_there() -> None:
    held = Counter(s.transfer_syntax for s in loaded())
    assert set(held) == {EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG, RLE, J2K}
    assert held[EXPLICIT] > len(loaded()) / 2


@settings(deadline=None)
@given(st.lists(st.one_of(st.integers(), st.text(max_size=20)), max_size=4))
def test_uids_are_valid(words: list[object]) -> None:
    made = uid(*words)
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", made)
    assert len(made) <= 64
    assert made == uid(*words)


def test_uids_tell_words_apart() -> None:
    assert len({uid(1, 23), uid(12, 3), uid("1", "2", "3"), uid(123)}) == 4


def test_some_uids_are_odd_and_padded() -> None:
    odd = [s for s in loaded() if len(s.instance) % 2]
    assert odd
    native = next(s for s in odd if s.transfer_syntax == EXPLICIT)
    assert native.instance.encode() + b"\x00" in native.part10


@pytest.mark.parametrize(
    "sample", loaded(), ids=lambda s: f"{s.sop_class[24:]}-{s.transfer_syntax[17:]}-{s.instance[-5:]}"
)
def test_an_independent_reader_agrees(sample: Sample) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = whole(sample)
        list(read.iterall())
        assert (read.StudyInstanceUID, read.SeriesInstanceUID) == (sample.study, sample.series)
        assert (read.SOPInstanceUID, read.SOPClassUID) == (sample.instance, sample.sop_class)
        assert read.file_meta.TransferSyntaxUID == sample.transfer_syntax
        assert read.file_meta.MediaStorageSOPInstanceUID == sample.instance
        assert read.file_meta.MediaStorageSOPClassUID == sample.sop_class
        tags = [element.tag for element in read]
        assert tags == sorted(tags)
        if "PixelData" not in read:
            assert sample.frames == 0
            return
        pixels = read.pixel_array
        frames = 1 if sample.frames == 1 else len(pixels)
        assert frames == sample.frames
        assert np.ptp(pixels) > 0


def test_native_octets_are_even_and_elements_in_order() -> None:
    for sample in loaded():
        if sample.transfer_syntax in (EXPLICIT, BIG_ENDIAN):
            octets = raw_dataset(sample.part10)[1]
            assert _walk(octets, "little" if sample.transfer_syntax == EXPLICIT else "big") > 20


LONG_FORM = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UN", b"UT", b"UC", b"UR", b"SV", b"UV")


def _walk(data: bytes, order: Literal["little", "big"]) -> int:
    """Count top-level elements of explicit VR octets; assert ascending tags, even lengths, an exact end."""
    at, last, count = 0, -1, 0
    while at < len(data):
        tag = int.from_bytes(data[at : at + 2], order) << 16 | int.from_bytes(data[at + 2 : at + 4], order)
        long_form = data[at + 4 : at + 6] in LONG_FORM
        start = at + 12 if long_form else at + 8
        length = int.from_bytes(data[at + 8 : start] if long_form else data[at + 6 : start], order)
        assert tag > last
        assert length % 2 == 0
        at, last, count = start + length, tag, count + 1
    assert at == len(data)
    return count


def test_lossless_codecs_give_back_the_pattern() -> None:
    for sample in loaded():
        if sample.sop_class == images.SC_WORD:
            pixels = whole(sample).pixel_array
            assert pixels.shape == (5, 33, 35)
            assert len({frame.tobytes() for frame in pixels}) == 5
    scene = Scene(1, 7, lambda word: uid(word))
    first, again = images.sc_word(Dataset(), scene), images.sc_word(Dataset(), scene)
    assert (first == again).all()


def test_big_endian_and_little_endian_pixels_agree() -> None:
    little, big = [s for s in loaded() if s.sop_class == images.CR]
    a, b = whole(little).pixel_array.astype(int), whole(big).pixel_array.astype(int)
    difference = np.minimum(abs(a - b), 65536 - abs(a - b))
    assert difference.max() < 4  # the same slope, another noise of 0 to 3


def test_deflated_octets_are_even() -> None:
    deflated = [s for s in loaded() if s.transfer_syntax == DEFLATED]
    assert deflated
    assert all(len(raw_dataset(s.part10)[1]) % 2 == 0 for s in deflated)


def test_offset_tables_of_every_kind() -> None:
    kinds = set()
    for sample in loaded():
        if sample.transfer_syntax in (JPEG, RLE, J2K):
            read = whole(sample)
            table = int.from_bytes(read.PixelData[4:8], "little")
            fragments = _fragments(read.PixelData)
            kinds.add(
                (
                    "extended" if "ExtendedOffsetTable" in read else "filled" if table else "empty",
                    fragments > sample.frames,
                )
            )
            if sample.transfer_syntax == RLE:
                assert fragments == sample.frames  # PS3.5 A.4.2: one fragment a frame
    assert {("extended", False), ("filled", False), ("empty", False), ("filled", True), ("empty", True)} <= kinds


def _fragments(data: bytes) -> int:
    at, count = 8 + int.from_bytes(data[4:8], "little"), 0
    while data[at : at + 4] == b"\xfe\xff\x00\xe0":
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        count += 1
    return count


def test_single_bits_end_within_an_octet() -> None:
    segmentation = next(s for s in loaded() if s.attribute("00080060") == "SEG")
    read = whole(segmentation)
    assert read.Rows * read.Columns * segmentation.frames % 8 != 0
    assert len(read.PixelData) == 36  # 273 bits are 35 octets, padded
    assert set(np.unique(read.pixel_array)) == {0, 1}


def test_the_document_has_an_odd_length() -> None:
    read = whole(next(s for s in loaded() if s.attribute("00080060") == "DOC"))
    assert read.EncapsulatedDocumentLength % 2 == 1
    assert len(read.EncapsulatedDocument) == read.EncapsulatedDocumentLength + 1
    assert read.EncapsulatedDocument.startswith(b"%PDF-1.4")


def test_the_nonce_is_in_what_identifies() -> None:
    for sample in loaded():
        words = [sample.attribute(tag) for tag in ("00100020", "00080050", "00200010")]
        assert any("NONCE1" in word for word in words)
        assert all("NONCE1" in word for word in words if word)


def test_names_differ_in_the_ways_that_matching_cares_about() -> None:
    names = {s.attribute("00100010") for s in loaded()}
    assert {"DICOMPROOF^SYNTHETIC CT", "dicomproof^synthetic cr", "D", ""} <= names
    assert "=\u5c71\u5ddd^\u5de5" in names
    assert any(name.count("=") == 2 for name in names)
    assert any("-" in name and "'" in name for name in names)


def test_attributes_vary() -> None:
    samples = loaded()
    assert {s.attribute("00080005") for s in samples} >= {"ISO_IR 100", "ISO_IR 144", "ISO_IR 192", "GB18030", ""}
    assert any(s.values("00080005") == [None, "ISO 2022 IR 87"] for s in samples)
    assert {len(s.values("00400275")) for s in samples} == {0, 1, 2}
    assert {s.attribute("00080201") for s in samples} >= {"+0100", "+0900", "-0500", ""}
    assert any("%" in s.attribute("00200010") for s in samples)
    assert {"", "D"} <= {s.attribute("00100010") for s in samples}
    for tag in ("00100010", "00100020", "00080050", "00080020", "00080030", "00200011", "00200013"):
        assert any(not s.attribute(tag) for s in samples), tag
    numbers = [s.attribute("00200013") for s in samples if s.series == samples[0].series]
    assert len(set(numbers)) < len(numbers)
    assert "13" not in numbers


def test_oddities_survive_a_reader() -> None:
    odd = next(s for s in loaded() if s.attribute("00991001") and s.attribute("00991010"))
    assert odd.values("00991010") == [-2147483648, 2147483647, None, 0]
    assert odd.values("00991016") == [0, 2**53 + 1, 2**64 - 1]
    assert odd.values("00991017") == [-(2**63), 2**63 - 1]
    assert odd.values("00991007") == ["00100010", "7FE00010"]
    assert odd.values("00991005")[1] is None
    assert odd.attrs["00991008"] == {"vr": "UN"}
    assert FRAMING in odd.part10
    assert odd.values("00991031.00991031.00991031.00991031")[0] == {}
    assert odd.values("00991031.00991031.00991031.00991031.00104000") == ["level four"]
    assert {} in odd.values("00991031")


def test_text_is_what_was_meant_in_every_character_set() -> None:
    names = {s.attribute("00080005") or "none": s.attribute("00100010") for s in loaded() if s.attribute("00100010")}
    assert names["GB18030"] == "Dicomproof^XiaoDong=\u738b^\u5c0f\u4e1c"
    assert names["ISO_IR 144"].startswith("\u0414\u0438\u043a")
    japanese = next(s for s in loaded() if s.values("00080005") == [None, "ISO 2022 IR 87"])
    assert japanese.attribute("00100010").split("=")[1] == "\u5c71\u7530^\u592a\u90ce"
    assert b"\x1b$B" in japanese.part10


def test_attributes_of_json_form() -> None:
    ds = Dataset()
    ds.PatientName = ""
    ds.ImageType = ["A", "", "B"]
    ds.add_new(0x00180050, "DS", ["1.5", "", "-2"])
    ds.add_new(0x00280009, "AT", 0x00181063)
    held = attributes(ds)
    assert held["00100010"] == {"vr": "PN"}
    assert values(held, "00080008") == ["A", None, "B"]
    assert values(held, "00180050") == [1.5, None, -2.0]
    assert texts(held, "00180050") == ["1.5", "-2"]
    assert held["00280009"]["Value"] == ["00181063"]
    assert values(held, "99999999") == []
    assert values({"00100010": {"vr": "SQ", "Value": "no list"}}, "00100010.00100020") == []
