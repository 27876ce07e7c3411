from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy
import pytest
from lxml import etree
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from simulators.web import explicit
from tests.web.door import load, make, octets, parts

DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
RLE = "1.2.840.10008.1.2.5"
INSTANCE = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
FRAMES = "/studies/1.2.2/series/1.2.2.1/instances/1.2.2.1.1"


@pytest.mark.parametrize(
    ("path", "uids"),
    [
        ("/studies/1.2.1", ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.2.1"]),
        ("/studies/1.2.1/series/1.2.1.1", ["1.2.1.1.1", "1.2.1.1.2"]),
        (INSTANCE, ["1.2.1.1.1"]),
    ],
)
def test_instances_come_as_parts_with_their_urls(client, two_studies, path, uids) -> None:
    answer = client.get(path, DICOM)
    assert answer.status_code == 200
    assert answer.headers["content-location"] == f"http://sim.test/dicomweb{path}"
    assert int(answer.headers["content-length"]) == len(answer.content)
    found = parts(answer)
    assert [dcmread(BytesIO(content)).SOPInstanceUID for _, content in found] == uids
    for fields, _ in found:
        assert fields["Content-Type"] == f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
        assert client.get(fields["Content-Location"], "application/dicom").status_code == 200


def test_an_instance_comes_alone_when_that_is_asked(client, two_studies) -> None:
    answer = client.get(INSTANCE, "application/dicom")
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    assert answer.content == octets(make())
    assert answer.headers["content-location"] == f"http://sim.test/dicomweb{INSTANCE}"
    assert client.get("/studies/1.2.1", "application/dicom").status_code == 406


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
)
def test_every_syntax_is_sent_as_explicit_little_endian(client, archive, syntax) -> None:
    original = make(frames=2, OtherPatientIDs=["A", "B"], PatientComments="ü")
    original.add_new(0x00091001, "UN", b"\1\2\3\4")
    original.add_new(0x00090010, "LO", "MAKER")
    item = make(instance="1.2.3")
    del item.PixelData
    original.ReferencedImageSequence = [item, item]
    stored = dcmread(BytesIO(octets(original)))
    if syntax == RLELossless:
        stored.compress(RLELossless, generate_instance_uid=False)
    if syntax == ExplicitVRBigEndian:
        stored["PixelData"].value = numpy.frombuffer(stored.PixelData, "<u2").astype(">u2").tobytes()
    load(archive, octets(stored, syntax))
    for accept in (DICOM, "*/*", f"{DICOM}; transfer-syntax={ExplicitVRLittleEndian}"):
        ((fields, content),) = parts(client.get(INSTANCE, accept))
        assert fields["Content-Type"].endswith(f"transfer-syntax={ExplicitVRLittleEndian}")
    found = dcmread(BytesIO(content))
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert found.PixelData == original.PixelData
    assert found["PixelData"].VR == "OW"
    assert found == dcmread(BytesIO(octets(original)))
    single = client.get(INSTANCE, "application/dicom")
    assert single.content == content


def test_a_stored_syntax_is_sent_as_it_is_when_that_is_asked(client, archive) -> None:
    stored = make()
    stored.compress(RLELossless, generate_instance_uid=False)
    file = octets(stored, RLELossless)
    load(archive, file)
    for wish in ("*", RLE):
        ((fields, content),) = parts(client.get(INSTANCE, f"{DICOM}; transfer-syntax={wish}"))
        assert (fields["Content-Type"], content) == (f"application/dicom; transfer-syntax={RLE}", file)
    assert client.get(INSTANCE, f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.90").status_code == 406
    assert client.get(INSTANCE, f"{DICOM}; transfer-syntax=1.2.840.10008.1.2").status_code == 406


def test_a_part_that_cannot_be_had_is_left_out_and_told(client, archive) -> None:
    stored = make()
    stored.compress(RLELossless, generate_instance_uid=False)
    without = make(instance="1.2.1.1.2")
    del without.PixelData  # so it cannot be had with compressed pixels
    load(archive, octets(stored, RLELossless), octets(without))
    answer = client.get("/studies/1.2.1", f"{DICOM}; transfer-syntax={RLE}")
    assert answer.status_code == 206
    assert len(parts(answer)) == 1
    both = client.get("/studies/1.2.1", f"{DICOM}; transfer-syntax={RLE};q=0.9, {DICOM};q=0.1")
    assert both.status_code == 200
    assert [f["Content-Type"][-len(RLE) :] for f, _ in parts(both)].count(RLE) == 1


def test_what_no_codec_can_read_is_sent_as_stored_only_when_it_is_asked(client, archive) -> None:
    stored = make()
    stored.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    stored["PixelData"].is_undefined_length = True
    load(archive, octets(stored, JPEGLSLossless))
    broken = client.get(INSTANCE, "application/dicom")
    assert broken.status_code == 406
    assert "No acceptable media type" in broken.text
    assert client.get(INSTANCE, f"{DICOM}; transfer-syntax=*").status_code == 200


def test_metadata_holds_every_attribute_and_uris_that_resolve(client, two_studies) -> None:
    for path, count in (("/studies/1.2.1", 3), ("/studies/1.2.1/series/1.2.1.1", 2), (INSTANCE, 1)):
        answer = client.get(f"{path}/metadata", "application/dicom+json")
        assert answer.headers["content-type"] == "application/dicom+json"
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert len(answer.json()) == count
    (found,) = client.get(f"{INSTANCE}/metadata").json()
    assert not [tag for tag in found if tag.startswith("0002")]
    uri = found["7FE00010"]["BulkDataURI"]
    assert uri.startswith(f"http://sim.test/dicomweb{INSTANCE}/bulkdata/")
    ((fields, content),) = parts(client.get(uri, OCTETS))
    assert content == make().PixelData
    assert fields["Content-Location"] == uri
    single = client.get(uri, "application/octet-stream")
    assert (single.content, single.headers["content-location"]) == (content, uri)
    assert single.headers["content-type"] == f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"


def test_uris_name_the_host_that_was_asked(client, two_studies) -> None:
    answer = client.get(f"{INSTANCE}/metadata", headers={"host": "pacs.example:8443"})
    assert answer.json()[0]["7FE00010"]["BulkDataURI"].startswith("http://pacs.example:8443/dicomweb/")
    strange = client.get(f"{INSTANCE}/metadata", headers={"host": "x'y;z"})
    assert "'" not in json.dumps(strange.json())  # a host by the grammar that no link has to carry


def test_xml_metadata_is_a_part_for_each_instance(client, two_studies) -> None:
    found = parts(client.get("/studies/1.2.1/metadata", 'multipart/related; type="application/dicom+xml"'))
    assert len(found) == 3
    for fields, content in found:
        assert fields["Content-Type"] == "application/dicom+xml"
        assert fields["Content-Location"].endswith("/metadata")
        root = etree.fromstring(content)
        (bulk,) = root.xpath("//*[local-name()='BulkData']/@uri")
        assert client.get(bulk, OCTETS).status_code == 200


@pytest.mark.parametrize("numbers", [[1], [2], [1, 3], [1, 2, 3]])
def test_native_frames_come_one_by_one(client, two_studies, numbers) -> None:
    listed = ",".join(map(str, numbers))
    found = parts(client.get(f"{FRAMES}/frames/{listed}", OCTETS))
    pixels = make(frames=3).PixelData
    assert [content for _, content in found] == [pixels[(n - 1) * 48 : n * 48] for n in numbers]
    places = [f"http://sim.test/dicomweb{FRAMES}/frames/{n}" for n in numbers]
    assert [fields["Content-Location"] for fields, _ in found] == places
    alone = client.get(f"{FRAMES}/frames/{listed}", "application/octet-stream")
    assert alone.status_code == (200 if len(numbers) == 1 else 406)


def test_compressed_frames_come_decoded_or_as_their_stream(client, archive) -> None:
    stored = make(frames=3)
    pixels = stored.PixelData
    stored.compress(RLELossless, generate_instance_uid=False)
    load(archive, octets(stored, RLELossless))
    found = parts(client.get(f"{INSTANCE}/frames/1,3", OCTETS))
    assert [content for _, content in found] == [pixels[:48], pixels[96:]]
    answer = client.get(f"{INSTANCE}/frames/2", 'multipart/related; type="image/dicom-rle"')
    ((fields, content),) = parts(answer)
    assert fields["Content-Type"] == f"image/dicom-rle; transfer-syntax={RLE}"
    assert content[:4] == b"\x02\0\0\0"
    single = client.get(f"{INSTANCE}/frames/2", "image/dicom-rle")
    assert single.content == content
    assert client.get(f"{INSTANCE}/frames/2", "image/jpeg").status_code == 406
    several = parts(client.get(f"{INSTANCE}/bulkdata/7FE00010", 'multipart/related; type="image/dicom-rle"'))
    assert len(several) == 3
    ((_, whole),) = parts(client.get(f"{INSTANCE}/bulkdata/7FE00010", OCTETS))
    assert whole == pixels


def test_frames_of_single_bits_begin_at_the_lowest_bit(client, archive) -> None:
    bits = numpy.random.default_rng(1).integers(0, 2, (3, 5, 3), dtype="u1")
    stored = make(frames=3, Rows=5, Columns=3, BitsAllocated=1, BitsStored=1, HighBit=0)
    stored.PixelData = numpy.packbits(bits.ravel(), bitorder="little").tobytes()
    stored["PixelData"].VR = "OB"
    load(archive, octets(stored))
    for number in (1, 2, 3):
        ((_, content),) = parts(client.get(f"{INSTANCE}/frames/{number}", OCTETS))
        expected = numpy.packbits(bits[number - 1].ravel(), bitorder="little").tobytes()
        assert content == expected


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{FRAMES}/frames/0", 400),
        (f"{FRAMES}/frames/a", 400),
        (f"{FRAMES}/frames/1,", 400),
        (f"{FRAMES}/frames/2,1", 400),
        (f"{FRAMES}/frames/1,1", 400),
        (f"{FRAMES}/frames/-1", 400),
        (f"{FRAMES}/frames/4", 404),
        (f"{FRAMES}/frames/999999999999", 400),
        (f"{INSTANCE}/frames/1", 200),
        (f"{INSTANCE}/frames/2", 404),
        (f"{INSTANCE}/bulkdata/00100010x", 404),
        (f"{INSTANCE}/bulkdata/7FE00010/1", 404),
        ("/studies/1.2.9/series/1.2.1.1/instances/1.2.1.1.1", 404),
        ("/studies/1.2.2/series/1.2.1.1/instances/1.2.1.1.1", 404),
        ("/studies/1.2.9", 404),
        ("/studies/1.2.9/metadata", 404),
        ("/studies/abc", 400),
        ("/studies/1.02", 400),
        ("/studies/" + "1." * 40 + "1", 400),
        ("/studies/1.2.9/rendered", 404),
        ("/studies/1.2.9/thumbnail", 404),
        ("/studies/1.2.1/renderedmpr", 400),
        ("/nothing", 404),
        ("/studies/", 404),
    ],
)
def test_what_is_not_there_or_malformed_is_told(client, two_studies, path, status) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert str(status) in answer.text


def test_bulk_data_of_a_study_is_what_its_metadata_names(client, two_studies) -> None:
    uris = {m["7FE00010"]["BulkDataURI"] for m in client.get("/studies/1.2.1/metadata").json()}
    for path in ("/studies/1.2.1/bulkdata", "/studies/1.2.1/pixeldata", "/studies/1.2.1"):
        answer = client.get(path, OCTETS)
        assert answer.status_code == 200
        assert {fields["Content-Location"] for fields, _ in parts(answer)} == uris


def test_an_instance_without_bulk_data_or_pixels_has_no_such_resources(client, archive) -> None:
    stored = make()
    del stored.PixelData
    load(archive, octets(stored))
    for path in ("/bulkdata", "/pixeldata", "/frames/1"):
        assert client.get(INSTANCE + path).status_code == 404
    assert client.get(INSTANCE, OCTETS).status_code == 404


def test_a_value_too_long_for_its_vr_becomes_unknown() -> None:
    assert explicit._size("LO", 70_000) == b"UN\0\0\x70\x11\x01\0"
    assert explicit._size("LO", 10) == b"LO\x0a\0"


def test_floating_point_pixels_have_frames_too(client, archive) -> None:
    stored = make(frames=2, BitsAllocated=32)
    del stored.PixelData
    stored.FloatPixelData = numpy.arange(48, dtype="<f4").tobytes()
    load(archive, octets(stored))
    ((_, content),) = parts(client.get(f"{INSTANCE}/frames/2", OCTETS))
    assert content == stored.FloatPixelData[96:]


@pytest.mark.parametrize(
    "name",
    ["JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_ybr_full_422_uncompressed.dcm", "MR_small_jpeg_ls_lossless.dcm",
     "SC_rgb_rle_16bit_2frame.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"],
)  # fmt: skip
def test_pixels_of_every_kind_survive_and_frames_are_slices_of_them(client, name) -> None:
    file = Path(get_testdata_file(name)).read_bytes()
    url = client.store(file).headers["location"]
    answer = client.get(url, "application/dicom")
    found = dcmread(BytesIO(answer.content))
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert numpy.array_equal(found.pixel_array, dcmread(BytesIO(file)).pixel_array)
    numbers = range(1, found.get("NumberOfFrames", 1) + 1)
    frames = [client.get(f"{url}/frames/{number}", "application/octet-stream") for number in numbers]
    assert found.PixelData.startswith(b"".join(frame.content for frame in frames))
    assert {frame.status_code for frame in frames} == {200}


def test_lossy_pixels_that_no_codec_reads_come_as_they_are(client) -> None:
    file = Path(get_testdata_file("JPEG-lossy.dcm")).read_bytes()
    url = client.store(file).headers["location"]
    answer = client.get(url, "application/dicom")
    assert answer.headers["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.51"
    assert answer.content == file
    assert client.get(url, "application/dicom; transfer-syntax=1.2.840.10008.1.2.1").status_code == 406
