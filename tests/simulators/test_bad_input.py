"""What bad input gets at the web door: an answer that says why, in bounded memory, and the server goes on."""

from __future__ import annotations

import io
import resource
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from simulators.archive.archive import Archive
from tests.simulators.render.pictures import grey
from tests.web.door import Client, load, octets

STUDY, SERIES = "/studies/1.2.1", "/studies/1.2.1/series/1.2.1.1"
GOOD, BAD = f"{SERIES}/instances/1.2.1.1.1", f"{SERIES}/instances/1.2.1.1.2"
ROOM = 256 << 10  # KiB that the process may grow by: 100,000 x 100,000 pixels are ten million of them
TOLD = (200, 206, 400, 404, 406, 413)
VALUES = np.arange(64 * 64).reshape(64, 64) % 256


def related(type: str) -> str:
    return f'multipart/related; type="{type}"'


def wado(path: str, more: str) -> str:
    """The request to the URI service for what this path names."""
    words = path.split("/")
    return f"/wado?requestType=WADO&studyUID={words[2]}&seriesUID={words[4]}&objectUID={words[6]}&{more}"


# every resource below an instance, and what is asked for by the URI service, each with its Accept field
ASKED: tuple[tuple[str, str], ...] = (
    ("/metadata", "application/dicom+json"),
    ("/metadata", related("application/dicom+xml")),
    ("", f"{related('application/dicom')}; transfer-syntax=*"),
    ("", related("application/dicom")),
    ("", "application/dicom"),
    ("", f"application/dicom; transfer-syntax={JPEG2000Lossless}"),
    ("", f"application/dicom; transfer-syntax={RLELossless}"),
    ("/bulkdata", "*/*"),
    ("/pixeldata", "*/*"),
    ("/frames/1", related("application/octet-stream")),
    ("/frames/1", related("image/jp2")),
    ("/frames/1", related("image/jpeg")),
    ("/frames/2", "*/*"),
    ("/rendered", "*/*"),
    ("/rendered", "image/png"),
    ("/rendered?viewport=100,100", "image/gif"),
    ("/frames/1/rendered", "image/jpeg"),
    ("/thumbnail", "*/*"),
)
BY_URI = ("contentType=image/jpeg", "contentType=application/dicom", "contentType=image/png&frameNumber=1",
          f"contentType=application/dicom&transferSyntax={JPEG2000Lossless}",
          "contentType=application/dicom&anonymize=yes")  # fmt: skip


def second(dataset: Dataset) -> Dataset:
    dataset.SOPInstanceUID, dataset.InstanceNumber = BAD.rsplit("/", 1)[1], "2"
    return dataset


def stream(format: str, sizes: Callable[[bytes], bytes]) -> bytes:
    """An image of 64 x 64 as a compressed stream that says something else of its size."""
    file = io.BytesIO()
    Image.fromarray(VALUES.astype(np.uint8)).save(file, format)
    return sizes(file.getvalue())


def vast_jp2(whole: bytes) -> bytes:
    """SIZ with a grid and one tile of 100,000 x 100,000."""
    at = whole.index(b"\xff\x51") + 6
    size = struct.pack(">8I", 100_000, 100_000, 0, 0, 100_000, 100_000, 0, 0)
    return whole[whole.index(b"\xff\x4f") : at] + size + whole[at + 32 :]


def vast_jpeg(whole: bytes) -> bytes:
    """SOF0 with the most lines and columns that it can say."""
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">2H", 65500, 65500) + whole[at + 4 :]


def coded(streams: list[bytes], **more: Any) -> Dataset:
    dataset = grey(VALUES, PixelData=encapsulate(streams), **more)
    dataset["PixelData"].VR = "OB"
    return second(dataset)


def palette(bits: int, first: int, told: int, there: int) -> Dataset:
    """Every stored value from 0 to 255, and tables that say they have `told` entries and have `there`."""
    dataset = second(grey(VALUES, PhotometricInterpretation="PALETTE COLOR"))
    for name in ("Red", "Green", "Blue"):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [told, first, bits])
        dataset[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(dataset, f"{name}PaletteColorLookupTableData", bytes(there))
        dataset[f"{name}PaletteColorLookupTableData"].VR = "OW"
    return dataset


LIES: dict[str, tuple[Dataset, str]] = {
    "a JPEG 2000 stream of 100,000 x 100,000": (coded([stream("JPEG2000", vast_jp2)]), JPEG2000Lossless),
    "a JPEG stream of 65,500 x 65,500": (coded([stream("JPEG", vast_jpeg)]), JPEGBaseline8Bit),
    "attributes of 65,535 x 65,535": (
        coded([stream("JPEG2000", bytes)], Rows=65535, Columns=65535),
        JPEG2000Lossless,
    ),
    "runs that end at once": (coded([struct.pack("<16I", 1, 64, *[0] * 14) + b"\0\0"]), RLELossless),
    "a million frames and one stream": (coded([stream("JPEG2000", bytes)], NumberOfFrames="1000000"), JPEG2000Lossless),
    "half a stream": (coded([stream("JPEG2000", lambda whole: whole[: len(whole) // 4 * 2])]), JPEG2000Lossless),
    "no stream at all": (coded([b"\0\0"]), JPEGBaseline8Bit),
    "bits that are none": (second(grey(VALUES, BitsStored=200, HighBit=199)), ExplicitVRLittleEndian),
    "a palette that begins behind all values": (palette(16, 60000, 4, 8), ExplicitVRLittleEndian),
    "a palette that ends before all values": (palette(8, 0, 2, 2), ExplicitVRLittleEndian),
    "a palette shorter than it says": (palette(16, 0, 256, 4), ExplicitVRLittleEndian),
    "a palette without an entry": (palette(16, 0, 0, 2), ExplicitVRLittleEndian),
    "a palette of 99 bits": (palette(99, 0, 256, 512), ExplicitVRLittleEndian),
}


def told(answer: Any) -> bool:
    """It is a success with a payload, or a failure whose report says why."""
    if answer.status_code < 400:
        return answer.status_code in TOLD and bool(answer.content)
    return answer.status_code in TOLD and len(answer.text) > 40


@pytest.mark.parametrize("lie", LIES)
def test_pixel_data_that_lies(client: Client, archive: Archive, lie: str) -> None:
    load(archive, octets(grey(VALUES)), octets(*LIES[lie]))
    client.get(f"{GOOD}/rendered")  # what is loaded once and for all is loaded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for tail, accept in ASKED:
        answer = client.get(BAD + tail, accept)
        assert told(answer), (tail, accept, answer.status_code, answer.text[:200])
    for more in BY_URI:
        answer = client.get(wado(BAD, more))
        assert told(answer) or answer.status_code == 403, (more, answer.status_code, answer.text[:200])
    for level in (STUDY, SERIES):
        for tail in ("/rendered", "/thumbnail", "/metadata", "/bulkdata", "/pixeldata", "/renderedmpr", ""):
            answer = client.get(level + tail)
            assert told(answer), (level + tail, answer.status_code, answer.text[:200])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < ROOM
    assert client.get(f"{GOOD}/frames/1").status_code == 200
    assert client.get(f"{GOOD}/rendered", "image/png").status_code == 200
    assert client.get(f"{BAD}/metadata", "application/dicom+json").status_code == 200


def test_pixel_data_that_ends_too_early_is_not_stored(client: Client, archive: Archive) -> None:
    """Native pixel data with fewer octets than Rows and Columns say, or as many attributes as the file has not."""
    for lie in (grey(VALUES, Rows=65535, Columns=65535), grey(VALUES, NumberOfFrames="9")):
        answer = client.store(octets(second(lie)))
        assert answer.status_code in (200, 202, 409)
        for tail, accept in ASKED if answer.status_code != 409 else ():
            assert told(client.get(BAD + tail, accept)), (tail, accept)


@pytest.mark.parametrize("frames", ["2", "1,2", "99999999999999999999", "0", "-1", "x", "1,,1", "1.0", "+1"])
def test_frames_that_do_not_exist(client: Client, archive: Archive, frames: str) -> None:
    load(archive, octets(grey(VALUES)))
    for tail in ("", "/rendered", "/thumbnail"):
        answer = client.get(f"{GOOD}/frames/{frames}{tail}", "*/*")
        if tail == "" and frames == "1,2":
            assert answer.status_code in (206, 400, 404)
            continue
        assert answer.status_code in (400, 404), (tail, answer.status_code)
        assert "frame" in answer.text.lower()
    number = client.get(wado(GOOD, f"contentType=image/jpeg&frameNumber={frames.replace('+', '%2B')}"))
    assert number.status_code == 400
    assert "frameNumber" in number.text
    assert client.get(f"{GOOD}/frames/1").status_code == 200


def test_uids_that_do_not_belong_together(client: Client, archive: Archive) -> None:
    other = grey(VALUES, StudyInstanceUID="1.2.2", SeriesInstanceUID="1.2.2.1", SOPInstanceUID="1.2.2.1.1")
    load(archive, octets(grey(VALUES)), octets(other))
    for study, series, one in (("1", "2", "2"), ("2", "1", "1"), ("1", "1", "2")):
        path = f"/studies/1.2.{study}/series/1.2.{series}.1/instances/1.2.{one}.1.1"
        for tail, accept in ASKED:
            answer = client.get(path + tail, accept)
            assert answer.status_code == 404, (path, tail, accept)
            assert "held" in answer.text
        for more in BY_URI:
            assert client.get(wado(path, more)).status_code == 404
    for tail in ("", "/metadata", "/rendered", "/thumbnail", "/bulkdata", "/pixeldata"):
        assert client.get(f"/studies/1.2.1/series/1.2.2.1{tail}").status_code == 404


@pytest.mark.parametrize(
    ("tail", "name"),
    [("viewport=100000,100000", "viewport"), ("viewport=1,100000000", "viewport"), ("quality=101", "quality"),
     ("window=1,0,linear", "window"), ("iccprofile=maybe", "iccprofile"), ("annotation=", "annotation")],
)  # fmt: skip
def test_the_report_says_which_parameter(client: Client, archive: Archive, tail: str, name: str) -> None:
    load(archive, octets(grey(VALUES)))
    answer = client.get(f"{GOOD}/rendered?{tail}", "image/jpeg")
    assert answer.status_code in (400, 413)
    assert name in answer.text
