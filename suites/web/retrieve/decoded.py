"""Knows what a compressed grey frame decodes to, by a decoder that is nobody's product under test.

Must not know answers.
"""

from __future__ import annotations

import io
from functools import lru_cache

from pydicom import dcmread
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from harness.past import Kept
from suites.web.retrieve.asked_frames import count, geometry
from suites.web.retrieve.reading import LOSSY, stored

LARGEST = 16 << 20  # octets of an instance that is decoded


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
