from __future__ import annotations

import base64
import io
import logging
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from simulators.archive.archive import Archive
from simulators.model import codecs
from tests.web.door import Client, load, make, octets, parts

DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
INSTANCE = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
J = "1.2.840.10008.1.2.4."
EXPLICIT, DEFLATED, BIG, RLE, J2K = (
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2", codecs.RLE, codecs.JPEG_2000_LOSSLESS
)  # fmt: skip
FORMS: list[tuple[str, dict[str, Any]]] = [
    ("|u1", {"BitsAllocated": 8, "BitsStored": 8}),
    ("<u2", {"BitsAllocated": 16, "BitsStored": 12}),
    ("<u2", {"BitsAllocated": 16, "BitsStored": 16}),
    ("<i2", {"BitsAllocated": 16, "BitsStored": 12, "PixelRepresentation": 1}),
    ("|u1", {"BitsAllocated": 8, "BitsStored": 8, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}),
    ("|u1", {"BitsAllocated": 8, "BitsStored": 8, "SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL"}),
]


def image(kind: str, attributes: dict[str, Any], frames: int = 1, rows: int = 33, columns: int = 35) -> Any:
    """A data set whose pixels use every bit that is stored, and the array of them."""
    samples = attributes.get("SamplesPerPixel", 1)
    shape = (frames, rows, columns) if samples == 1 else (frames, rows, columns, samples)
    signed = attributes.get("PixelRepresentation", 0)
    bits = attributes["BitsStored"]
    array = numpy.random.default_rng(7).integers(-(1 << bits - 1) if signed else 0, 1 << bits - signed, shape)
    dataset = make(frames=frames, Rows=rows, Columns=columns, HighBit=bits - 1, **attributes)
    if samples == 3:
        dataset.PlanarConfiguration = 0
    data = array.astype(kind).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if kind == "|u1" else "OW"
    return dataset, array.astype(kind)


def fetched(client: Client, syntax: str) -> Any:
    ((fields, content),) = parts(client.get(INSTANCE, f"{DICOM}; transfer-syntax={syntax}"))
    assert fields["Content-Type"] == f"application/dicom; transfer-syntax={syntax}"
    found = dcmread(io.BytesIO(content))
    assert found.file_meta.TransferSyntaxUID == syntax
    assert found.SOPInstanceUID == "1.2.1.1.1"
    return found


def pixels(dataset: Any) -> Any:
    """All frames as they are coded, by rows, columns and samples, no colour converted."""
    decoder = get_decoder(UID(dataset.file_meta.TransferSyntaxUID))
    found = numpy.stack([array for array, _ in decoder.iter_array(dataset, raw=True)])
    return found


@pytest.mark.parametrize(("kind", "attributes"), FORMS)
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("target", [RLE, J2K, DEFLATED])
def test_native_pixels_are_coded_without_a_change(client, archive, kind, attributes, frames, target) -> None:
    dataset, array = image(kind, attributes, frames)
    load(archive, octets(dataset))
    found = fetched(client, target)
    assert (pixels(found) == array).all()
    assert found.PhotometricInterpretation == dataset.PhotometricInterpretation
    assert (found.BitsAllocated, found.BitsStored) == (dataset.BitsAllocated, dataset.BitsStored)
    assert "LossyImageCompression" not in found
    found.PixelData = dataset.PixelData
    found["PixelData"].VR = dataset["PixelData"].VR
    assert found == dcmread(io.BytesIO(octets(dataset)))


@pytest.mark.parametrize("stored", [RLE, J2K])
@pytest.mark.parametrize(("kind", "attributes"), FORMS)
def test_coded_pixels_are_decoded_and_coded_anew_without_a_change(client, archive, kind, attributes, stored) -> None:
    dataset, array = image(kind, attributes, 2)
    dataset.compress(stored, generate_instance_uid=False)
    load(archive, octets(dataset, stored))
    for target in {EXPLICIT, DEFLATED, RLE, J2K} - {stored}:
        found = fetched(client, target)
        assert (pixels(found) == array).all()
        assert found.PhotometricInterpretation == attributes.get("PhotometricInterpretation", "MONOCHROME2")
    ((_, content),) = parts(client.get(f"{INSTANCE}/frames/2", OCTETS))
    assert content == array[1].tobytes()


def test_big_endian_is_turned_before_it_is_coded(client, archive) -> None:
    dataset, array = image("<u2", FORMS[2][1], 2)
    dataset.PixelData = array.astype(">u2").tobytes()
    load(archive, octets(dataset, BIG))
    for target in (EXPLICIT, DEFLATED, RLE, J2K):
        assert (pixels(fetched(client, target)) == array).all()
    assert client.get(INSTANCE, f"{DICOM}; transfer-syntax={BIG}").status_code == 406


def test_values_that_do_not_keep_to_bits_stored_are_not_cut(client, archive) -> None:
    dataset, _ = image("<u2", FORMS[1][1])
    array = numpy.frombuffer(dataset.PixelData, "<u2").reshape(1, 33, 35) | 0x8000
    dataset.PixelData = array.tobytes()
    load(archive, octets(dataset))
    for target in (RLE, J2K):
        decoder = get_decoder(UID(target))
        (found, _), = decoder.iter_array(fetched(client, target), raw=True, correct_unused_bits=False)  # fmt: skip
        assert (found == array[0]).all()


@pytest.mark.parametrize(("target", "type"), [(RLE, "image/dicom-rle"), (J2K, "image/jp2")])
def test_a_frame_comes_in_a_coded_type_by_its_name_alone(client, archive, target, type) -> None:
    dataset, array = image("<u2", FORMS[2][1], 3)
    load(archive, octets(dataset))
    for accept in (f'multipart/related; type="{type}"', f'multipart/related; type="{type}"; transfer-syntax={target}'):
        found = parts(client.get(f"{INSTANCE}/frames/1,3", accept))
        assert [f["Content-Type"] for f, _ in found] == [f"{type}; transfer-syntax={target}"] * 2
        for (_, stream), number in zip(found, (0, 2), strict=True):
            options = codecs.Pixels(array[number], 16).options()
            shown, _ = get_decoder(UID(target)).as_array(encapsulate([stream]), pixel_keyword="PixelData", **options)
            assert (shown == array[number]).all()
    single = client.get(f"{INSTANCE}/frames/2", type)
    assert single.headers["content-type"] == f"{type}; transfer-syntax={target}"
    several = parts(client.get(f"{INSTANCE}/pixeldata", f'multipart/related; type="{type}"'))
    assert len(several) == 3
    assert single.content == several[1][1]


def test_nothing_is_lost_unless_a_frame_is_asked_for_so_by_name(client, archive) -> None:
    dataset, _array = image("|u1", FORMS[0][1], rows=40, columns=40)
    smooth = numpy.add.outer(numpy.arange(40), numpy.arange(40)).astype("u1")
    dataset.PixelData = smooth.tobytes()
    load(archive, octets(dataset))
    for lossy in (J + "50", J + "91"):
        assert client.get(INSTANCE, f"{DICOM}; transfer-syntax={lossy}").status_code == 406
    for type, lossy in (("image/jpeg", J + "50"), ("image/jp2", J + "91")):
        ((fields, stream),) = parts(
            client.get(f"{INSTANCE}/frames/1", f'multipart/related; type="{type}"; transfer-syntax={lossy}')
        )
        assert fields["Content-Type"] == f"{type}; transfer-syntax={lossy}"
        options = codecs.Pixels(smooth, 8).options()
        shown, _ = get_decoder(UID(lossy)).as_array(encapsulate([stream]), pixel_keyword="PixelData", **options)
        assert numpy.abs(shown.astype(int) - smooth).max() < 12
    assert client.get(f"{INSTANCE}/frames/1", 'multipart/related; type="image/jpeg"').status_code == 406
    ((fields, _),) = parts(client.get(f"{INSTANCE}/frames/1", 'multipart/related; type="image/jp2"; transfer-syntax=*'))
    assert fields["Content-Type"].endswith(J2K)


def test_what_was_coded_with_loss_says_so_when_it_is_decoded(client, archive) -> None:
    stored = dcmread(get_testdata_file("SC_rgb_small_odd_jpeg.dcm"))
    stored.StudyInstanceUID, stored.SeriesInstanceUID, stored.SOPInstanceUID = "1.2.1", "1.2.1.1", "1.2.1.1.1"
    if "LossyImageCompression" in stored:
        del stored.LossyImageCompression
    load(archive, octets(stored, stored.file_meta.TransferSyntaxUID))
    for target in (EXPLICIT, RLE):
        found = fetched(client, target)
        assert (found.LossyImageCompression, found.PhotometricInterpretation) == ("01", "RGB")
        assert pixels(found).shape == (1, 3, 3, 3)
        assert (pixels(found)[0] == dcmread(get_testdata_file("SC_rgb_small_odd_jpeg.dcm")).pixel_array).all()


@pytest.mark.parametrize(
    ("name", "syntax"),
    [("MR_small_jpeg_ls_lossless.dcm", J + "80"), ("MR_small_RLE.dcm", RLE), ("JPEG2000.dcm", J + "91")],
)  # fmt: skip
def test_stored_by_others_comes_out_as_an_independent_decoder_reads_it(client, archive, name, syntax) -> None:
    path = get_testdata_file(name)
    stored = dcmread(path)
    stored.StudyInstanceUID, stored.SeriesInstanceUID, stored.SOPInstanceUID = "1.2.1", "1.2.1.1", "1.2.1.1.1"
    load(archive, octets(stored, stored.file_meta.TransferSyntaxUID))
    wanted = dcmread(path).pixel_array
    for target in (EXPLICIT, DEFLATED, RLE):
        assert (pixels(fetched(client, target))[0] == wanted).all()


@pytest.mark.parametrize("syntax", [J + "57", J + "70", J + "80", J + "201", J + "202"])
def test_what_nothing_here_writes_is_read(client, archive, syntax) -> None:
    stream = {"5": codecs._LOSSLESS_JPEG, "7": codecs._LOSSLESS_JPEG, "8": codecs._JPEG_LS}.get(
        syntax[len(J)], codecs._HTJ2K
    )
    dataset = make(Rows=8, Columns=8, BitsAllocated=8, BitsStored=8, HighBit=7)
    coded = base64.b64decode(stream)
    dataset.PixelData = encapsulate([coded + b"\0" * (len(coded) % 2)])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    load(archive, octets(dataset, syntax))
    for target in (EXPLICIT, RLE):
        assert (pixels(fetched(client, target))[0] == codecs._GIVEN).all()


def test_pixels_that_no_coding_knows_are_left_as_they_are(client, archive) -> None:
    bits = make(BitsAllocated=1, BitsStored=1, HighBit=0, Rows=8, Columns=8)
    bits.PixelData, bits["PixelData"].VR = bytes(8), "OB"
    load(archive, octets(bits))
    for target in (RLE, J2K):
        assert client.get(INSTANCE, f"{DICOM}; transfer-syntax={target}").status_code == 406
    assert client.get(INSTANCE, f"{DICOM}; transfer-syntax={DEFLATED}").status_code == 200
    assert client.get(INSTANCE, f"{DICOM}; transfer-syntax={RLE};q=0.9, {DICOM};q=0.1").status_code == 200


def test_a_document_is_not_called_compressed(client, archive) -> None:
    text = make()
    del text.PixelData
    for name in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(text, name)
    load(archive, octets(text))
    assert client.get(INSTANCE, f"{DICOM}; transfer-syntax={RLE}").status_code == 406
    assert fetched(client, DEFLATED).PatientID == "P1"


def test_a_missing_codec_is_told_once_and_what_it_codes_is_sent_as_stored(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(uid: Any) -> Any:
        raise NotImplementedError(f"no decoder for {uid}")

    dataset, _ = image("<u2", FORMS[2][1])
    dataset.compress(J2K, generate_instance_uid=False)
    load(archive, octets(dataset, J2K))
    codecs.codecs.cache_clear()
    monkeypatch.setattr(codecs, "get_decoder", broken)
    try:
        with caplog.at_level(logging.WARNING, "simulators.codecs"):
            assert client.get(INSTANCE, DICOM).status_code == 406
            assert client.get(INSTANCE, f"{DICOM}; transfer-syntax=*").status_code == 200
            assert client.get(f"{INSTANCE}/frames/1", OCTETS).status_code == 406
        told = [r.message for r in caplog.records if "No codec here decodes" in r.message]
        assert len(told) == len(set(told)) == len(codecs.codecs())
    finally:
        monkeypatch.undo()
        codecs.codecs.cache_clear()


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_grey_image_survives_every_lossless_coding(tmp_path_factory: Any, data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(32, 48)), data.draw(st.integers(32, 48))
    kind, attributes = data.draw(st.sampled_from(FORMS[:4]))
    signed, bits = attributes.get("PixelRepresentation", 0), attributes["BitsStored"]
    seed = data.draw(st.integers(0, 1000))
    array = numpy.random.default_rng(seed).integers(-(1 << bits - 1) * signed, 1 << bits - signed, (rows, columns))
    frame = codecs.Pixels(array.astype(kind), bits)
    for syntax in codecs.encoders(lossy=False):
        stored = frame.array.itemsize * 8 if syntax == RLE else bits
        stream = codecs.encode(codecs.Pixels(frame.array, stored), syntax)
        assert len(stream) % 2 == 0
        options = {**frame.options(), "pixel_keyword": "PixelData"}
        found, _ = get_decoder(UID(syntax)).as_array(encapsulate([stream]), **options)
        assert (found == frame.array).all()


def test_the_capabilities_say_what_can_be_made_and_what_cannot_be_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described() -> str:
        return client.request("OPTIONS", "/", "application/vnd.sun.wadl+xml").text

    whole = described()
    for syntax in (RLE, J2K, DEFLATED):
        assert f"transfer-syntax={syntax}" in whole
    assert 'title="codecs"' not in whole
    codecs.codecs.cache_clear()
    monkeypatch.setattr(codecs, "get_encoder", None)
    monkeypatch.setattr(codecs, "get_decoder", None)
    try:
        poor = described()
        assert f"transfer-syntax={J2K}" not in poor
        assert 'title="codecs"' in poor
        assert "No codec here decodes JPEG 2000 Image Compression (Lossless Only)" in poor
        assert len(client.request("OPTIONS", "/", "application/json").json()["application"]["doc"]) > 5
    finally:
        monkeypatch.undo()
        codecs.codecs.cache_clear()


def test_the_page_says_what_is_read_and_written() -> None:
    page = (Path(__file__).parents[2] / "docs" / "retrieving.md").read_text(encoding="utf-8")
    told = {row[1]: row[3:] for line in page.splitlines() if (row := [c.strip() for c in line.split("|")])[1:2]}
    for codec in codecs.codecs().values():
        if codec.syntax in (codecs.JPEG_LS, codecs.NEAR_LOSSLESS):
            continue  # written where there is a codec for it, which is not one of those that are always there
        read, whole, framed = told[codec.syntax][:3]
        assert (read == "yes") is codec.decodes
        assert (whole == "yes") is (codec.encodes and not codec.lossy)
        assert framed.startswith("yes") is codec.encodes
