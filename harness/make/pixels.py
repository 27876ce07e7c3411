"""Knows pixel patterns and their encodings: native, JPEG, RLE, JPEG 2000, with every form of offset table (PS3.5 A.4).

Must not know IODs, studies or UIDs.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit

Array = npt.NDArray[np.int64]
Offsets = Literal["empty", "filled", "extended"]


def ramp(shape: Sequence[int], low: int, high: int, seed: int) -> Array:
    """Whole numbers from low to high: a slope across the last two axes of (frames, rows, columns[, samples]).

    A frame, a row and a sample each look different from their neighbours, so a mix-up is seen; a little noise
    set by the seed makes the octets of two corpora differ.
    """
    grid = np.indices(tuple(shape)).astype(np.int64)
    slope = sum(axis * weight for axis, weight in zip(grid, (37, 11, 5, 53), strict=False))
    noise = np.random.Generator(np.random.PCG64(seed)).integers(0, 4, size=tuple(shape))
    span = high - low + 1
    step = max(1, span // 251)
    return np.asarray(low + (slope * step + noise) % span, dtype=np.int64)


def smooth(shape: Sequence[int], seed: int) -> Array:
    """Eight bit colour without sharp edges, for lossy coding: (frames, rows, columns, 3)."""
    frame, row, column, sample = np.indices(tuple(shape)).astype(np.int64)
    return np.asarray((60 + 4 * row + 3 * column + 20 * frame + 30 * sample + seed % 7) % 200, dtype=np.int64)


def set_native(ds: Dataset, array: Array) -> None:
    """Put (frames, rows, columns[, samples]) into the data set by its own Bits Allocated; even length (PS3.5 8.1.1)."""
    signed = ds.PixelRepresentation == 1
    kind = {8: "u1", 16: "<i2" if signed else "<u2", 32: "<i4" if signed else "<u4"}[ds.BitsAllocated]
    data = array.astype(kind).tobytes()
    put(ds, data, "OB" if ds.BitsAllocated == 8 else "OW")


def set_bits(ds: Dataset, array: Array) -> None:
    """Put zeros and ones as single bits, the first pixel in the lowest bit, frames without padding (PS3.5 8.1.1)."""
    put(ds, np.packbits(array.astype(np.uint8).ravel(), bitorder="little").tobytes(), "OB")


def put(ds: Dataset, data: bytes, vr: str) -> None:
    """Set Pixel Data, padded to an even length."""
    ds.PixelData = data + b"\x00" * (len(data) % 2)
    ds["PixelData"].VR = vr


def set_jpeg(ds: Dataset, array: Array, quality: int = 90) -> list[bytes]:
    """Code eight bit frames as JPEG baseline; colour is sampled 4:2:2. Returns one stream per frame."""
    streams = []
    for frame in array.astype(np.uint8):
        out = io.BytesIO()
        if ds.SamplesPerPixel == 3:
            Image.fromarray(frame, "RGB").save(out, "JPEG", quality=quality, subsampling="4:2:2")
        else:
            Image.fromarray(frame, "L").save(out, "JPEG", quality=quality)
        streams.append(out.getvalue())
    if ds.SamplesPerPixel == 3:
        ds.PhotometricInterpretation = "YBR_FULL_422"
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionRatio = f"{array.size / sum(map(len, streams)):.3f}"
    ds.LossyImageCompressionMethod = "ISO_10918_1"
    return streams


def compressed(ds: Dataset, transfer_syntax: str) -> list[bytes]:
    """The native pixel data of the data set coded without loss (RLE, JPEG 2000); one stream per frame."""
    work = Dataset()
    work.update(ds)
    work.file_meta = FileMetaDataset()
    work.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    work.compress(UID(transfer_syntax), generate_instance_uid=False)
    frames = int(ds.get("NumberOfFrames", None) or 1)
    if work.PhotometricInterpretation != ds.PhotometricInterpretation:
        ds.PhotometricInterpretation = work.PhotometricInterpretation
    return list(generate_frames(work.PixelData, number_of_frames=frames))


def set_encapsulated(ds: Dataset, streams: list[bytes], offsets: Offsets = "empty", fragments: int = 1) -> None:
    """Put the streams into items: each in `fragments` fragments, with an empty, filled or extended offset table."""
    even = [stream + b"\x00" * (len(stream) % 2) for stream in streams]
    if offsets == "extended":
        data, table, lengths = encapsulate_extended(even)
        ds.ExtendedOffsetTable = table
        ds.ExtendedOffsetTableLengths = lengths
    else:
        data = encapsulate(even, fragments_per_frame=fragments, has_bot=offsets == "filled")
    ds.PixelData = data
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True


def encode(ds: Dataset, array: Array, transfer_syntax: str, offsets: Offsets = "empty", fragments: int = 1) -> None:
    """Put the frames into the data set in the form that the transfer syntax asks for."""
    uid = UID(transfer_syntax)
    if uid == JPEGBaseline8Bit:
        set_encapsulated(ds, set_jpeg(ds, array), offsets, fragments)
        return
    if ds.BitsAllocated == 1:
        set_bits(ds, array)
    else:
        set_native(ds, array)
    if uid.is_compressed and uid.is_encapsulated:
        set_encapsulated(ds, compressed(ds, transfer_syntax), offsets, fragments)
