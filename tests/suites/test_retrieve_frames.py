"""Rules on frames and bulk data, with pixels worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, RLELossless

from harness.body import Body
from harness.exchange import Answer, Exchange
from harness.past import Past
from harness.wire import part10
from suites.web.retrieve.asked_frames import Geometry, cut, geometry, native, streams
from suites.web.retrieve.bulkdata import references
from tests.suites import retrieving as r
from tests.suites.retrieving import JSON, OCTETS, exchange, findings, octets, rows

FRAMES = f"{r.path()}/frames"
STORED = "retrieve.frames-are-the-stored"


def several(frames: int = 3) -> Dataset:
    ds = r.dataset(1, NumberOfFrames=frames)
    ds.PixelData = b"".join(_frame(n) for n in range(1, frames + 1))
    ds["PixelData"].VR = "OW"
    return ds


def _frame(number: int) -> bytes:
    return bytes((number * 50 + i) % 256 for i in range(48))


def bits() -> Dataset:
    """Three frames of 13 by 7 single bits: frame n has bit i set when i % (n + 1) == 0."""
    ds = r.dataset(1, NumberOfFrames=3, Rows=7, Columns=13, BitsAllocated=1, BitsStored=1, HighBit=0)
    whole = [bit for n in (1, 2, 3) for bit in _bits(n)]
    data = np.packbits(np.array(whole, dtype=np.uint8), bitorder="little").tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB"
    return ds


def _bits(number: int) -> list[int]:
    return [int(i % (number + 1) == 0) for i in range(91)]


def _packed(*numbers: int) -> bytes:
    found = [bit for n in numbers for bit in _bits(n)]
    return np.packbits(np.array(found, dtype=np.uint8), bitorder="little").tobytes()


def holding(ds: Dataset, syntax: str = r.EXPLICIT) -> Past:
    return r.past(r.kept(ds, syntax))


def asked(
    numbers: str, said: Answer, ds: Dataset, accept: str = OCTETS, syntax: str = r.EXPLICIT, **about: Any
) -> Exchange:
    return exchange(f"{FRAMES}/{numbers}", said, accept, held=holding(ds, syntax), **about)


def test_one_part_for_each_frame() -> None:
    rule, ds = "retrieve.frames-count", several()
    assert findings(rule, asked("1,3", octets(_frame(1), _frame(3)), ds)) == []
    assert findings(rule, asked("1,3", octets(_frame(1)), ds))
    assert findings(rule, asked("2", octets(_frame(1), _frame(2), _frame(3)), ds))
    assert findings(rule, asked("2", r.answer(200, _frame(2), "application/octet-stream"), ds)) == []
    assert findings(rule, asked("1,3", octets(_frame(1) + _frame(3)), ds)) == []
    assert findings(rule, asked("9", r.answer(404), ds)) is None


def test_frames_are_those_asked_for() -> None:
    ds = several()
    assert findings(STORED, asked("1,3", octets(_frame(1), _frame(3)), ds)) == []
    assert findings(STORED, asked("1,3", octets(_frame(3), _frame(1)), ds))
    assert findings(STORED, asked("2", octets(_frame(1)), ds))
    assert findings(STORED, asked("2", octets(_frame(2)[:-2]), ds))
    assert findings(STORED, asked("1,3", octets(_frame(1) + _frame(3)), ds)) == []
    assert findings(STORED, asked("1,3", octets(_frame(3) + _frame(1)), ds))
    assert findings(STORED, asked("1", r.answer(404), ds)) is None
    assert findings(STORED, exchange(f"{FRAMES}/1", octets(_frame(1)), OCTETS, held=r.past())) is None


def test_frames_of_single_bits_begin_with_their_first_bit() -> None:
    ds = bits()
    assert findings(STORED, asked("2", octets(_packed(2)), ds)) == []
    assert findings(STORED, asked("2,3", octets(_packed(2), _packed(3)), ds)) == []
    assert findings(STORED, asked("2,3", octets(_packed(2, 3)), ds)) == []
    whole = bytes(ds.PixelData)
    assert findings(STORED, asked("2", octets(whole[91 // 8 : 182 // 8 + 1]), ds))


def test_an_odd_frame_may_be_padded() -> None:
    ds = r.dataset(1, Rows=7, Columns=13, BitsAllocated=8, BitsStored=8, HighBit=7)
    ds.PixelData = bytes(range(91)) + b"\0"
    ds["PixelData"].VR = "OB"
    assert findings(STORED, asked("1", octets(bytes(range(91))), ds)) == []
    assert findings(STORED, asked("1", octets(bytes(range(91)) + b"\0"), ds)) == []
    assert findings(STORED, asked("1", octets(bytes(range(91)) + b"\1"), ds))


def test_big_endian_frames_come_in_little_endian() -> None:
    ds = several()
    ds.PixelData = b"".join(bytes((b, a)) for a, b in zip(ds.PixelData[::2], ds.PixelData[1::2], strict=True))
    ds["PixelData"].VR = "OW"
    assert findings(STORED, asked("2", octets(_frame(2)), ds, syntax=r.BIG)) == []
    assert findings(STORED, asked("2", octets(bytes(ds.PixelData[48:96])), ds, syntax=r.BIG))


def coded(fragments_per_frame: int = 1) -> Dataset:
    """Two RLE frames of zeros and ones."""
    ds = r.dataset(1, NumberOfFrames=2)
    ds.PixelData = np.array([[0] * 24, [257] * 24], dtype="<u2").tobytes()
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(r.EXPLICIT)
    ds.compress(RLELossless, generate_instance_uid=False)
    from pydicom.encaps import generate_frames

    streams_ = list(generate_frames(ds.PixelData, number_of_frames=2))
    ds.PixelData = encapsulate(streams_, fragments_per_frame=fragments_per_frame, has_bot=True)
    ds["PixelData"].is_undefined_length = True
    return ds


@pytest.mark.parametrize("fragments", [1, 2])
def test_compressed_frames_are_the_stored_streams(fragments: int) -> None:
    rule, ds = "retrieve.compressed-frame-is-the-stored", coded(fragments)
    found = streams(r.kept(ds, RLELossless))
    assert found is not None
    assert len(found) == 2
    rle = "image/dicom-rle"
    assert findings(rule, asked("1,2", octets(*found, type_=rle), ds, syntax=RLELossless)) == []
    assert findings(rule, asked("2", octets(found[1] + b"\0", type_=rle), ds, syntax=RLELossless)) == []
    assert findings(rule, asked("2", octets(found[0], type_=rle), ds, syntax=RLELossless))
    assert findings(rule, asked("2", octets(found[1][:70], type_=rle), ds, syntax=RLELossless))
    assert findings(rule, asked("2", octets(_frame(2)), ds, syntax=RLELossless)) is None


def test_decoded_frames_have_their_pixels() -> None:
    rule, ds = "retrieve.decoded-frame-is-the-stored", coded()
    ones = b"\1\1" * 24
    assert findings(rule, asked("2", octets(ones), ds, syntax=RLELossless)) == []
    assert findings(rule, asked("2", octets(bytes(48)), ds, syntax=RLELossless))
    assert findings(rule, asked("2", octets(_frame(2)), several())) is None
    size = "retrieve.decoded-frame-is-complete"
    assert findings(size, asked("2", octets(ones), ds, syntax=RLELossless)) == []
    assert findings(size, asked("2", octets(ones[:-1]), ds, syntax=RLELossless))
    whole = "retrieve.decoded-instance-is-the-stored"
    plain = r.dataset(1, NumberOfFrames=2)
    plain.PixelData = bytes(48) + ones
    plain["PixelData"].VR = "OW"
    held = holding(ds, RLELossless)
    assert findings(whole, exchange(r.path(), r.files(r.part10(plain)), held=held)) == []
    plain.PixelData = ones + bytes(48)
    plain["PixelData"].VR = "OW"
    assert findings(whole, exchange(r.path(), r.files(r.part10(plain)), held=held))


def test_a_stream_has_no_fragment_delimiters() -> None:
    rule, ds = "retrieve.compressed-bulk-is-a-bit-stream", several()
    for type_, good in (
        ("image/jpeg", b"\xff\xd8\xff"),
        ("image/jp2", b"\xff\x4f\xff\x51"),
        ("image/dicom-rle", b"\2\0\0\0"),
    ):
        assert findings(rule, asked("1", octets(good, type_=type_), ds)) == []
        assert findings(rule, asked("1", octets(b"\xfe\xff\x00\xe0\4\0\0\0" + good, type_=type_), ds))
    assert findings(rule, asked("1", octets(b"\0\0\0\x0cjP  ", type_="image/jp2"), ds))
    assert findings(rule, asked("1", octets(_frame(1)), ds)) is None


@pytest.mark.parametrize("numbers", ["0", "4", "x", "-1", "1,9", "999999999999"])
def test_frames_that_are_not_there(numbers: str) -> None:
    rule, ds = "retrieve.no-such-frame", several()
    for status in (400, 404):
        assert findings(rule, asked(numbers, r.answer(status), ds)) == []
    assert findings(rule, asked(numbers, r.answer(500), ds))
    assert findings(rule, asked(numbers, octets(_frame(1)), ds))
    soft = findings(rule, asked(numbers, r.answer(416), ds))
    assert r.soft(soft)


def test_frames_that_are_there_are_no_error() -> None:
    assert findings("retrieve.no-such-frame", asked("1,3", octets(_frame(1), _frame(3)), several())) is None


def test_what_has_no_pixels_has_no_frames() -> None:
    rule = "retrieve.no-frames-without-pixels"
    ds = r.dataset(1, PixelData=None)
    assert findings(rule, asked("1", r.answer(404), ds)) == []
    assert findings(rule, asked("1", r.answer(400), ds))[0].warn  # type: ignore[index]
    assert findings(rule, asked("1", r.answer(500), ds))
    assert findings(rule, asked("1", octets(b""), ds))
    assert findings(rule, asked("1", octets(_frame(1)), several())) is None


def test_a_location_names_its_frame() -> None:
    rule, ds = "retrieve.frame-location", several()
    places = [f"{r.BASE}/{FRAMES}/{n}" for n in (1, 3)]
    assert findings(rule, asked("1,3", octets(_frame(1), _frame(3), places=places), ds)) == []
    assert findings(rule, asked("1,3", octets(_frame(1), _frame(3), places=places[::-1]), ds))
    assert findings(rule, asked("1,3", octets(_frame(1), _frame(3)), ds)) is None
    alike = findings(rule, asked("1,3", octets(_frame(1), _frame(3), places=[f"{r.BASE}/{r.path()}"] * 2), ds))
    assert alike is not None
    assert [f.warn for f in alike] == [True]
    opaque = [f"{r.BASE}/objects/{n}" for n in "ab"]
    assert findings(rule, asked("1,3", octets(_frame(1), _frame(3), places=opaque), ds)) == []


def test_frames_are_those_of_the_instance() -> None:
    rule, kind = "retrieve.frames-are-those-of-the-instance", "web.retrieve.frame-by-frame"
    whole = exchange(r.path(), r.files(r.part10(several())), held=r.past(), step="instance")
    second = exchange(f"{FRAMES}/2", octets(_frame(2)), OCTETS, held=r.past(), step="frames")
    assert findings(rule, r.journey(kind, second, whole)) == []
    assert findings(rule, r.journey(kind, second.but(answer=octets(_frame(1))), whole))
    assert findings(rule, r.journey(kind, second)) is None


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 4), st.data())
def test_cutting_bits_is_undone_by_joining_them(size: int, frames: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(0, 2**size - 1), min_size=frames, max_size=frames))
    whole = sum(v << (n * size) for n, v in enumerate(values))
    body = Body.of(whole.to_bytes(-(-size * frames // 8), "little"))
    found = [cut(body, Geometry(size, 1), n) for n in range(1, frames + 1)]
    assert [int.from_bytes(f or b"", "little") for f in found] == values


def test_geometry_of_shared_samples() -> None:
    ds = r.dataset(
        1, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", BitsAllocated=8, BitsStored=8, HighBit=7
    )
    shape = geometry(part10.read(Body.of(r.part10(ds))).dataset)
    assert shape is not None
    assert shape.octets == 48
    bare = r.dataset(1, Rows=None)
    assert geometry(part10.read(Body.of(r.part10(bare))).dataset) is None
    assert native(part10.read(Body.of(r.part10(bare))), 1) is None


# --- bulk data ---------------------------------------------------------------------------------------------------

URI = f"{r.BASE}/{r.path()}/bulkdata/7FE00010"
VALUES, ALL = "web.retrieve.values", "web.retrieve.everything"


def followed(said: Answer, **about: Any) -> Exchange:
    facts = {"uri": URI, "path": "7FE00010", "instance": r.uid(1)}
    return exchange(URI.removeprefix(f"{r.BASE}/"), said, OCTETS, step="value", facts=facts, **about)


def test_references_are_found_at_every_depth() -> None:
    row = {"00081140": {"vr": "SQ", "Value": [{}, {"00420011": {"vr": "OB", "BulkDataURI": "u"}}]}, **r.metadata()}
    row["00081140"] = {"vr": "SQ", "Value": [{}, {"00420011": {"vr": "OB", "BulkDataURI": "u"}}]}
    assert dict(references(row)) == {("00081140", "1", "00420011"): "u", ("7FE00010",): URI}


def test_bulk_data_resolves() -> None:
    rule = "retrieve.bulkdata-resolves"
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS)))) == []
    assert findings(rule, r.journey(VALUES, followed(r.answer(404))))
    assert findings(rule, r.journey(VALUES, followed(octets(b""))))
    assert findings(rule, r.journey(VALUES, exchange(f"{r.path()}/metadata", rows(r.metadata()), JSON))) is None


def test_bulk_data_is_the_value() -> None:
    rule = "retrieve.bulkdata-is-the-value"
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS)))) == []
    single = r.answer(200, r.PIXELS, "application/octet-stream")
    assert findings(rule, r.journey(VALUES, followed(single))) == []
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS[:24], r.PIXELS[24:])))) == []
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS[::-1]))))
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS[:-2]))))
    assert findings(rule, r.journey(VALUES, followed(r.answer(404)))) is None
    # nothing was stored by us: the instance as it is retrieved tells
    unknown = followed(octets(r.PIXELS[::-1]), held=r.past())
    whole = exchange(r.path(), r.files(r.part10(r.dataset())), held=r.past(), step="instance")
    assert findings(rule, r.journey(VALUES, unknown)) is None
    assert findings(rule, r.journey(VALUES, unknown, whole))


def test_bulk_data_says_where_it_is() -> None:
    rule = "retrieve.bulkdata-location"
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS, places=[URI])))) == []
    relative = URI.removeprefix("http://pacs.example:8042")
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS, places=[relative])))) == []
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS, places=[f"{r.BASE}/{r.path()}"]))))
    assert findings(rule, r.journey(VALUES, followed(octets(r.PIXELS))))
    single = r.answer(200, r.PIXELS, "application/octet-stream")
    assert findings(rule, r.journey(VALUES, followed(single))) is None


def everything(**steps: Answer) -> Any:
    found = [exchange(f"{r.path()}/metadata", rows(r.metadata()), JSON, step="metadata")]
    tails = {"all": "/bulkdata", "pixeldata": "/pixeldata", "octets": ""}
    found += [exchange(r.path() + tails[step], said, OCTETS, step=step) for step, said in steps.items()]
    return r.journey(ALL, *found)


def test_all_bulk_data_is_what_the_metadata_refers_to() -> None:
    whole, rule = octets(r.PIXELS, places=[URI]), "retrieve.bulkdata-of-all"
    assert findings(rule, everything(all=whole)) == []
    assert findings(rule, everything(all=octets(r.PIXELS, places=[f"{URI}0"])))
    assert findings(rule, everything(all=octets(r.PIXELS, b"x", places=[URI, f"{r.BASE}/x"])))
    assert findings(rule, everything(all=r.answer(404))) is None
    same = "retrieve.octet-stream-is-the-bulkdata"
    assert findings(same, everything(all=whole, octets=whole)) == []
    assert findings(same, everything(all=whole, octets=octets(r.PIXELS[::-1], places=[URI])))
    assert findings(same, everything(all=whole)) is None


def test_pixel_data_is_top_level_and_complete() -> None:
    rule, size = "retrieve.pixeldata-is-top-level", "retrieve.pixeldata-is-complete"
    assert findings(rule, everything(pixeldata=octets(r.PIXELS, places=[URI]))) == []
    assert findings(rule, everything(pixeldata=octets(r.PIXELS, places=[f"{r.BASE}/{r.path()}"])))
    assert findings(size, everything(pixeldata=octets(r.PIXELS, places=[URI]))) == []
    assert findings(size, everything(pixeldata=octets(r.PIXELS[:24], places=[URI])))
    assert findings(size, everything(pixeldata=r.answer(404))) is None


def test_octets_are_offered_for_native_pixels() -> None:
    rule = "retrieve.octet-stream-is-offered"
    assert findings(rule, exchange(r.path(), octets(r.PIXELS), OCTETS)) == []
    assert findings(rule, exchange(r.path(), r.answer(406), OCTETS))
    assert findings(rule, exchange(r.path(), r.answer(404), OCTETS, held=holding(r.dataset(1, PixelData=None)))) is None
    assert findings(rule, exchange(r.path(), r.answer(406))) is None
