"""Knows how to put a data set into PS3.10 octets in any of the five native and the encapsulated transfer syntaxes.

Must not know IODs or what the values mean.
"""

from __future__ import annotations

import io

import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian

from harness.make.uids import IMPLEMENTATION, IMPLEMENTATION_VERSION

PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


def part10(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set as a whole PS3.10 file. Native pixel data must come in little endian order.

    The file meta information is made new from the data set's SOP UIDs (PS3.10 7.1).
    """
    written = Dataset()
    written.update(dataset)
    written.file_meta = _meta(dataset, transfer_syntax)
    if transfer_syntax == ExplicitVRBigEndian and "PixelData" in written and written["PixelData"].VR == "OW":
        written.PixelData = np.frombuffer(written.PixelData, "<u2").astype(">u2").tobytes()
        written["PixelData"].VR = "OW"
    return _octets(written)


def part10_again(read: FileDataset) -> bytes:
    """A data set that was read, as a whole file in the encoding it has: untouched elements keep their octets, which
    is also much faster than to encode them again. The file meta information is made new."""
    read.file_meta = _meta(read, read.file_meta.TransferSyntaxUID)
    return _octets(read)


def _meta(dataset: Dataset, transfer_syntax: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return meta


def _octets(written: Dataset) -> bytes:
    out = io.BytesIO()
    dcmwrite(out, written, enforce_file_format=True)
    return out.getvalue()


def without_pixels(data: bytes) -> Dataset:
    """The data set of a PS3.10 file as an independent reader sees it, without pixel data elements."""
    read = dcmread(io.BytesIO(data))
    kept = Dataset()
    for element in read:
        if element.tag not in PIXEL_TAGS:
            kept.add(element)
    return kept


def raw_dataset(data: bytes) -> tuple[bytes, bytes]:
    """A PS3.10 file cut in two: preamble with file meta information, and the data set octets as encoded."""
    length = int.from_bytes(data[140:144], "little")
    return data[: 144 + length], data[144 + length :]
