"""Knows what compressed frames decode to, by a decoder that is nobody's product under test.

Must not know answers.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from harness.past import Kept
from suites.web.retrieve.asked_frames import count, geometry
from suites.web.retrieve.reading import LOSSY, stored

LARGEST = 16 << 20  # octets of an instance that is decoded
# Syntaxes with compressed frames of which nothing is lost.
LOSSLESS = frozenset(
    ["1.2.840.10008.1.2.5", *(f"1.2.840.10008.1.2.4.{n}" for n in ("57", "70", "80", "90", "201", "202"))]
)


@lru_cache(maxsize=32)
def gray_frames(kept: Kept) -> tuple[bytes, ...]:
    """All frames in little endian of an instance with one sample whose bits are all used; () when it cannot be told."""
    dataset = stored(kept).dataset
    allocated, bits = dataset.number("00280100") or 0, dataset.number("00280101") or 0
    certain = dataset.number("00280002") == 1 and allocated == bits and allocated in (8, 16)
    shape = geometry(dataset)
    if kept.transfer_syntax in LOSSY or not certain or shape is None:
        return ()
    if kept.sent.size > LARGEST or shape.octets * max(count(dataset), 1) > 4 * LARGEST:
        return ()
    try:
        decoder = get_decoder(UID(kept.transfer_syntax))
        found = decoder.iter_array(dcmread(io.BytesIO(kept.sent.bytes())), raw=True)
        return tuple(array.astype(array.dtype.newbyteorder("<")).tobytes() for array, _ in found)
    except Exception:  # no decoder for it here, or it is broken: then nothing is known
        return ()


def gray_frame(kept: Kept, number: int) -> bytes | None:
    """One of these frames, from 1; None when it cannot be told."""
    found = gray_frames(kept)
    return found[number - 1] if number <= len(found) else None


@lru_cache(maxsize=256)
def kept_frames(kept: Kept) -> tuple[str, ...]:
    """All frames, as `file_frames` has them, of an instance that was stored without loss; () when nobody can tell.

    Grey, or RGB, in eight or sixteen bits: of anything else several codings are right.
    """
    dataset = stored(kept).dataset
    known = dataset.number("00280002") == 1 or dataset.text("00280004") == "RGB"
    if kept.transfer_syntax in LOSSY or not known or dataset.number("00280100") not in (8, 16):
        return ()
    shape = geometry(dataset)
    if shape is None or kept.sent.size > LARGEST or shape.octets * max(count(dataset), 1) > LARGEST:
        return ()
    return file_frames(kept.sent.bytes())


def file_frames(octets: bytes) -> tuple[str, ...]:
    """A digest of each frame of a PS3.10 file, over its samples by rows and columns; () when it cannot be told."""
    if len(octets) > LARGEST:
        return ()
    try:
        dataset = dcmread(io.BytesIO(octets))
        return tuple(_decoded(UID(dataset.file_meta.TransferSyntaxUID), dataset, {}))
    except Exception:  # no decoder for it here, or it is broken: then nothing is known
        return ()


def stream_frame(kept: Kept, syntax: str, stream: bytes) -> str | None:
    """A frame of a stored instance that came as a bit stream, in the same form; None when it cannot be told."""
    dataset = stored(kept).dataset
    numbers = {"rows": "00280010", "columns": "00280011", "samples_per_pixel": "00280002",
               "bits_allocated": "00280100", "bits_stored": "00280101", "pixel_representation": "00280103"}  # fmt: skip
    options = {name: dataset.number(tag) for name, tag in numbers.items()}
    colour = options["samples_per_pixel"] == 3
    options |= {"number_of_frames": 1, **({"planar_configuration": 0} if colour else {})}
    named = {"photometric_interpretation": dataset.text("00280004"), "pixel_keyword": "PixelData"}
    try:
        even = stream + b"\0" * (len(stream) % 2)
        return next(_decoded(UID(syntax), encapsulate([even]), {**options, **named}), None)
    except Exception:  # as above
        return None


def _decoded(syntax: UID, source: Any, options: dict[str, Any]) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a product sends is not a fault of ours
        for array, _ in get_decoder(syntax).iter_array(source, raw=True, **options):
            yield f"{array.shape} {hashlib.sha256(array.astype('<i4').tobytes()).hexdigest()}"
