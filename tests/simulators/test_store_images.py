"""Compressed and consumer images and videos as bulk data: what they become, and what their octets say of themselves."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread

from harness.make.corpus import Sample, corpus
from harness.make.store_metadata import DESCRIPTION, Separate, consumer, message, separate
from harness.make.variants import fresh
from simulators.model import coded
from tests.simulators.storing_apart import AS_STORED, attributes, door, kept, part, reasons, request, send
from tests.web.door import Client

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
VIDEO = "1.2.840.10008.5.1.4.1.1.77.1.1.1"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    archive, made = door(tmp_path / "archive")
    yield made
    archive.close()


@cache
def capture() -> Sample:
    return next(s for s in corpus(7, "T") if s.sop_class == CAPTURE and s.transfer_syntax == "1.2.840.10008.1.2.1")


def picture(mode: str, size: tuple[int, int] = (13, 7)) -> Image.Image:
    colour = np.indices((size[1], size[0], 3)).sum(0).astype(np.uint8) * 11
    return Image.fromarray(colour, "RGB").convert(mode)


def saved(image: Image.Image, format: str, **about: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **about)
    return out.getvalue()


@pytest.mark.parametrize(
    ("type", "format", "mode", "syntax", "photometric"),
    [
        ("image/jpeg", "JPEG", "L", "1.2.840.10008.1.2.4.50", "MONOCHROME2"),
        ("image/jpeg", "JPEG", "RGB", "1.2.840.10008.1.2.4.50", "YBR_FULL_422"),
        ("image/jp2", "JPEG2000", "L", "1.2.840.10008.1.2.4.90", "MONOCHROME2"),
        ("image/jp2", "JPEG2000", "RGB", "1.2.840.10008.1.2.4.90", "RGB"),
        ("image/png", "PNG", "L", "1.2.840.10008.1.2.1", "MONOCHROME2"),
        ("image/png", "PNG", "RGB", "1.2.840.10008.1.2.1", "RGB"),
        ("image/png", "PNG", "RGBA", "1.2.840.10008.1.2.1", "RGB"),
        ("image/png", "PNG", "P", "1.2.840.10008.1.2.1", "RGB"),
        ("image/png", "PNG", "1", "1.2.840.10008.1.2.1", "MONOCHROME2"),
        ("image/gif", "GIF", "P", "1.2.840.10008.1.2.1", "RGB"),
    ],
)
def test_a_consumer_image_describes_itself(
    client: Client, type: str, format: str, mode: str, syntax: str, photometric: str
) -> None:
    sample = fresh(capture(), 1)
    octets = saved(picture(mode), format)
    answer = send(client, message([consumer(separate(sample), octets, type)]))
    assert answer.status_code == 200, answer.headers.get("warning")
    got = kept(client, sample)
    assert got.transfer_syntax == syntax
    assert not got.flaws.counts
    dataset = dcmread(io.BytesIO(client.get(sample.path, AS_STORED).content))
    assert (dataset.Rows, dataset.Columns, dataset.PhotometricInterpretation) == (7, 13, photometric)
    assert (dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation) == (8, 8, 7, 0)
    assert ("LossyImageCompression" in dataset) == (format == "JPEG")
    if format in ("PNG", "GIF"):
        true = np.asarray(Image.open(io.BytesIO(octets)).convert("RGB" if photometric == "RGB" else "L"))
        assert np.array_equal(dataset.pixel_array, true)


def test_sixteen_bits_of_a_png_stay(client: Client) -> None:
    sample = fresh(capture(), 1)
    deep = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1111
    octets = saved(Image.fromarray(deep), "PNG")
    assert send(client, message([consumer(separate(sample), octets, "image/png")])).status_code == 200
    dataset = dcmread(io.BytesIO(client.get(sample.path, AS_STORED).content))
    assert dataset.BitsStored == 16
    assert np.array_equal(dataset.pixel_array, deep)


def test_an_animated_gif_has_frames(client: Client) -> None:
    sample = fresh(capture(), 1)
    frames = [picture("L"), picture("L").transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    octets = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert send(client, message([consumer(separate(sample), octets, "image/gif")])).status_code == 200
    dataset = dcmread(io.BytesIO(client.get(sample.path, AS_STORED).content))
    assert dataset.NumberOfFrames == 2
    assert dataset.pixel_array.shape[0] == 2


def lying(one: Separate, octets: bytes, type: str, **changes: object) -> Separate:
    """A consumer image with some of the description left in."""
    made = consumer(one, octets, type)
    return Separate(attributes(made, **changes), made.bulk)


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [("00280010", "US", 8), ("00280011", "US", 512), ("00280002", "US", 3), ("00280008", "IS", 2)],
)
def test_a_description_that_lies_is_a_failure(client: Client, tag: str, vr: str, value: int) -> None:
    one = lying(separate(fresh(capture(), 1)), saved(picture("L"), "JPEG"), "image/jpeg",
                **{tag: {"vr": vr, "Value": [value]}})  # fmt: skip
    answer = send(client, message([one]))
    assert (answer.status_code, reasons(answer)) == (409, ["C000"])


@pytest.mark.parametrize(
    ("type", "syntax", "reason"),
    [
        ("image/jpeg", "1.2.840.10008.1.2.4.51", ""),
        ("image/jpeg", "1.2.840.10008.1.2.4.70", "C000"),
        ("image/jpeg", "1.2.840.10008.1.2.4.90", "C122"),
        ("image/jp2", "", "C000"),
        ("image/x-jls", "", "C000"),
        ("application/octet-stream", "", "C000"),
        ("application/octet-stream", "1.2.840.10008.1.2.4.50", "C122"),
        ("image/bmp", "", "C122"),
    ],
)
def test_type_parameter_and_bit_stream_have_to_agree(client: Client, type: str, syntax: str, reason: str) -> None:
    one = separate(fresh(capture(), 1))
    place = one.attributes["7FE00010"]["BulkDataURI"]
    octets = saved(picture("L"), "JPEG")
    rows = {"00280010": {"vr": "US", "Value": [7]}, "00280011": {"vr": "US", "Value": [13]}}
    bits = {"00280100": {"vr": "US", "Value": [64]}} if type.endswith("octet-stream") else {}
    described = {t: v for t, v in one.attributes.items() if t not in DESCRIPTION or type.endswith("octet-stream")}
    changed = {**described, **rows, **bits} if type.endswith("octet-stream") else described
    answer = send(client, request([dict(sorted(changed.items()))], part(octets, type, place, syntax)))
    assert reasons(answer) == ([reason] if reason else []), answer.headers.get("warning")


def test_frames_may_be_numbered_in_their_places(client: Client) -> None:
    like = next(s for s in corpus(7, "T") if s.transfer_syntax == "1.2.840.10008.1.2.5" and s.frames > 1)
    sample = fresh(like, 1)
    one = separate(sample)
    place = one.attributes["7FE00010"]["BulkDataURI"]
    numbered = [
        part(p.content.bytes(), p.type, f"{place}/frames/{n}", p.transfer_syntax) for n, p in enumerate(one.bulk, 1)
    ]
    assert send(client, request([one.attributes], *reversed(numbered))).status_code == 200
    want = dcmread(io.BytesIO(sample.part10)).pixel_array
    assert np.array_equal(dcmread(io.BytesIO(client.get(sample.path, AS_STORED).content)).pixel_array, want)
    less = send(client, request([one.attributes], *numbered[1:]))
    assert (less.status_code, reasons(less)) == (409, ["C000"])


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def mp4(profile: int = 100, level: int = 41, frames: int = 5) -> bytes:
    """As much of an MP4 file as tells what is in it."""
    avc = box(b"avcC", bytes((1, profile, 0, level, 255)))
    entry = box(b"avc1", bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", 640, 480) + bytes(50) + avc)
    stsd = box(b"stsd", bytes(4) + struct.pack(">I", 1) + entry)
    stsz = box(b"stsz", bytes(8) + struct.pack(">I", frames))
    inner = box(b"stbl", stsd + stsz)
    for kind in (b"minf", b"mdia", b"trak", b"moov"):
        inner = box(kind, inner)
    return box(b"ftyp", b"isom") + inner + box(b"mdat", b"frames")


@pytest.mark.parametrize(
    ("profile", "level", "syntax"), [(100, 41, "102"), (77, 30, "102"), (100, 42, "104"), (128, 42, "106")]
)
def test_a_video_tells_its_profile_size_and_frames(client: Client, profile: int, level: int, syntax: str) -> None:
    sample = fresh(capture(), 1)
    octets = mp4(profile, level)
    one = consumer(separate(sample), octets, "video/mp4")
    answer = send(client, message([one.but(**{"00080016": {"vr": "UI", "Value": [VIDEO]}})]))
    assert answer.status_code == 200, answer.headers.get("warning")
    got = kept(client, sample)
    assert got.transfer_syntax == f"1.2.840.10008.1.2.4.{syntax}"
    assert (got.dataset.number("00280010"), got.dataset.number("00280011")) == (480, 640)
    assert got.dataset.text("00280008") == "5"
    fragments = got.dataset.get("7FE00010").fragments  # type: ignore[union-attr]
    assert fragments is not None
    assert len(fragments) == 2
    assert fragments[1].bytes().rstrip(b"\0") == octets.rstrip(b"\0")


def test_mpeg_is_measured_by_its_sequence_header() -> None:
    header = b"\0\0\1\xb3" + ((720 << 12) | 576).to_bytes(3, "big")
    found = coded.mpeg(header + b"\0\0\1\0abc" * 3)
    assert (found.rows, found.columns, found.frames, found.syntax[-3:]) == (576, 720, 3, "100")


HEADS = [b"", b"\xff\xd8", b"\xff\x4f\xff\x51\0\x2f", b"\0\0\1\xb3"]


@pytest.mark.parametrize(("irreversible", "photometric", "number"), [(False, "YBR_RCT", "90"), (True, "YBR_ICT", "91")])
def test_components_that_are_transformed_together_tell_their_colours(
    irreversible: bool, photometric: str, number: str
) -> None:
    found = coded.jpeg2000(saved(picture("RGB"), "JPEG2000", mct=1, irreversible=irreversible))
    assert (found.photometric, found.syntax[-2:], found.lossy) == (photometric, number, irreversible)


@pytest.mark.parametrize("reader", [coded.jpeg, coded.jpeg2000, coded.mp4, coded.mpeg])
@given(
    octets=st.binary(max_size=120), head=st.sampled_from([b"", b"\xff\xd8", b"\xff\x4f\xff\x51\0\x2f", b"\0\0\1\xb3"])
)
def test_any_octets_are_read_or_refused(reader: object, octets: bytes, head: bytes) -> None:
    try:
        found = reader(head + octets)  # type: ignore[operator]
    except coded.Uncoded:
        return
    assert found.rows > 0
    assert found.columns > 0


@given(st.data())
def test_a_damaged_image_is_read_or_refused(data: st.DataObject) -> None:
    octets = bytearray(
        data.draw(st.sampled_from([saved(picture("RGB"), "JPEG"), saved(picture("L"), "JPEG2000"), mp4()]))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    for reader in (coded.jpeg, coded.jpeg2000, coded.mp4):
        try:
            reader(bytes(octets))
        except coded.Uncoded:
            continue


def test_a_picture_that_would_fill_the_memory_is_not_decoded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.web.store_images.SAMPLES", 100)
    one = consumer(separate(fresh(capture(), 1)), saved(picture("RGB"), "PNG"), "image/png")
    answer = send(client, message([one]))
    assert (answer.status_code, reasons(answer)) == (409, ["C000"])
