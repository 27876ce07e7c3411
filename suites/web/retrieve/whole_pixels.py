"""Rules on pixel data within retrieved files (PS3.5 8.1.1, A.4; PS3.18 10.4.3.3.1): that no frame is missing.

Must not know what the pixels are, nor how they are compressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange
from harness.past import SOP_INSTANCE, Kept
from harness.rule import RELATION, Finding, rule
from harness.wire.part10 import Reading
from suites.web.retrieve.asked_frames import count, geometry, pixels
from suites.web.retrieve.bend import files_changed
from suites.web.retrieve.reading import COMPRESSED, Piece, files, got, past_of, stored

# Where one bit stream holds many frames: video, and JPEG 2000 Part 2 with its collections (PS3.5 A.4.5 to A.4.9).
_TOGETHER = {s for name, syntaxes in COMPRESSED.items() if name.startswith("video/") for s in syntaxes}
_TOGETHER.update(COMPRESSED["image/jpx"])
_SAMPLED = "YBR_PARTIAL_420"  # how it would lie uncompressed no text says (PS3.3 C.7.6.3.1.2)


def shortage(reading: Reading) -> tuple[str, str] | None:
    """What there is of pixel data and what there has to be at least; None when nothing is missing, or unknown."""
    dataset = reading.dataset
    element, frames = pixels(dataset), count(dataset)
    if element is None or (element.fragments is not None and reading.transfer_syntax in _TOGETHER):
        return None
    if element.fragments is not None:
        found = max(len(element.fragments) - 1, 0)
        return (f"{found} fragments", f"one for each of {frames} frames") if found < frames else None
    shape = geometry(dataset)
    if element.value is None or shape is None or dataset.text("00280004") == _SAMPLED:
        return None
    needed = -(-shape.bits * frames // 8)
    size = element.value.size
    return (f"{size} octets", f"{needed} octets for {frames} frames") if size < needed else None


def _shown(x: Exchange) -> Iterator[tuple[Piece, Reading, Kept | None]]:
    """The images among the files of an answer; those whose pixel data was stored as short are left out."""
    for piece, reading in files(x.answer) if got(x) else ():
        kept = past_of(x).get(reading.dataset.text(SOP_INSTANCE))
        if pixels(reading.dataset) is not None and (kept is None or shortage(stored(kept)) is None):
            yield piece, reading, kept


@rule(
    "retrieve.pixel-data-is-whole",
    cites="PS3.18 10.4.3.3.1; PS3.5 8.1.1, A.4",
    verifies="PS3.18-10.4.3.3.1-1",
    on="web.retrieve.instances",
    basis=RELATION,
    when=lambda x: any(True for _ in _shown(x)),
    says="Pixel data in a file has the octets that rows, columns, samples and frames need, or a fragment a frame.",
)
def pixel_data_is_whole(x: Exchange) -> Iterator[Finding]:
    for piece, reading, kept in _shown(x):
        missing = shortage(reading)
        if missing:
            # of what we only found, nobody knows whether it was stored so
            yield Finding(missing[0], missing[1], f"{piece.where} pixel data", warn=kept is None)


@pixel_data_is_whole.mutant
def last_row_is_missing(x: Exchange) -> Answer | None:
    """Uncompressed pixel data ends two octets early."""

    def edit(ds: Any) -> bool:
        native = "PixelData" in ds and not ds["PixelData"].is_undefined_length
        if native:
            ds.PixelData = ds.PixelData[:-2]
        return native

    return files_changed(x, edit)


@pixel_data_is_whole.mutant
def more_frames_than_there_are(x: Exchange) -> Answer | None:
    """Number of Frames is one more than the fragments of compressed pixel data."""

    def edit(ds: Any) -> bool:
        coded = "PixelData" in ds and ds["PixelData"].is_undefined_length
        if coded:
            ds.NumberOfFrames = int(ds.get("NumberOfFrames") or 1) + 1
        return coded

    return files_changed(x, edit)
