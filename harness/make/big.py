"""Knows how to write a legal instance of almost any size as a sparse file, for streaming probes.

Must not know how it is sent; nothing here holds more than a few kilobytes in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from harness.body import Body
from harness.make.modules import fill, grayscale
from harness.make.uids import uid
from harness.make.write import part10

SC_BYTE = "1.2.840.10008.5.1.4.1.1.7.2"  # Multi-frame Grayscale Byte Secondary Capture
LARGEST = 2**32 - 2  # octets of pixel data: an even 32 bit length that is not the undefined one (PS3.5 7.1.2)
SMALLEST = 4096  # octets of a file: the header and one row need about half of it
_MARK = b"\x01\x02\x03\x04"


@dataclass(frozen=True)
class Big:
    """A written instance: where, how many octets, who. `frames` of `rows` by `columns` single octets."""

    path: Path
    size: int
    study: str
    series: str
    instance: str
    sop_class: str
    rows: int
    columns: int
    frames: int

    @property
    def body(self) -> Body:
        return Body.file(self.path)


def write(path: Path, size: int, nonce: str, position: int = 0) -> Big:
    """Write an Explicit VR Little Endian instance of at most `size` octets, less by less than one frame.

    The file is sparse: all pixels are zero but the first and last four octets, by which a cut or a shift is seen.
    ValueError for a size under 4 KiB, or so large that the pixel data would not fit its length field.
    """
    if size < SMALLEST:
        raise ValueError(f"{size} octets are too few for an instance; at least {SMALLEST}.")
    # The frame is written with a stand-in of two octets; its length field is put right afterwards.
    side = _side(size)
    ds = _dataset(nonce, position, side)
    ds.NumberOfFrames = 2**31 - 1  # the longest text, so that the header has its final length at most
    room = size - len(part10(ds)) + 2
    frames = min(room // (side * side), LARGEST // (side * side))
    if room > LARGEST or frames < 1:
        raise ValueError(f"{size} octets do not fit the 32 bit length of Pixel Data.")
    ds.NumberOfFrames = frames
    return _write(path, ds, side, frames)


def _side(size: int) -> int:
    """An even width and height such that a frame is small beside the file, yet frames do not become too many."""
    side = 2
    while side < 1024 and side * side * 64 < size:
        side *= 2
    return side


def _write(path: Path, ds: Dataset, side: int, frames: int) -> Big:
    header = part10(ds)[:-2]
    pixels = side * side * frames
    header = header[:-4] + pixels.to_bytes(4, "little")
    total = len(header) + pixels
    with path.open("wb") as file:
        file.write(header + _MARK)
        file.truncate(total)
        file.seek(total - len(_MARK))
        file.write(_MARK)
    uids = (str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID))
    return Big(path, total, *uids, SC_BYTE, side, side, frames)


def _dataset(nonce: str, position: int, side: int) -> Dataset:
    words = ("big", nonce, position)
    ds = fill(
        Dataset(),
        SOPClassUID=SC_BYTE,
        SOPInstanceUID=uid(*words, "instance"),
        StudyInstanceUID=uid(*words),
        SeriesInstanceUID=uid(*words, "series"),
        PatientName="DICOMPROOF^SYNTHETIC BIG",
        PatientID=f"{nonce}-BIG",
        PatientBirthDate="",
        PatientSex="",
        StudyDate="20240101",
        StudyTime="120000",
        ReferringPhysicianName="",
        StudyID=f"{nonce}.BIG",
        AccessionNumber="",
        Modality="OT",
        SeriesNumber=1,
        InstanceNumber=1,
        Laterality="",
        PatientOrientation="",
        ConversionType="SYN",
        BurnedInAnnotation="NO",
        PresentationLUTShape="IDENTITY",
        RescaleIntercept="0",
        RescaleSlope="1",
        RescaleType="US",
        FrameIncrementPointer=Tag("FrameTime"),
        FrameTime="40",
        NumberOfFrames=1,
    )
    grayscale(ds, side, side, 8)
    ds.PixelData = b"\x00\x00"
    ds["PixelData"].VR = "OB"
    return ds
