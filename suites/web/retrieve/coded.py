"""Rules on compressed pixel data (PS3.18 8.7.3.3.2, 8.7.3.4): decoded without a change, or sent as stored.

Must not know which frames are asked for, nor native pixel data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange
from harness.past import SOP_INSTANCE
from harness.rule import ORACLE, RELATION, Finding, rule
from suites.web.retrieve import asked_frames
from suites.web.retrieve.asked_frames import NATIVE, native, streams
from suites.web.retrieve.bend import files_changed, octets_changed, parts_changed
from suites.web.retrieve.decoded import gray_frame, gray_frames
from suites.web.retrieve.reading import COMPRESSED, OCTETS, Piece, files, got, past_of, pieces
from suites.web.retrieve.shown_frames import (
    FRAMES,
    brief,
    frames_of,
    kept_of,
    native_stored,
    same_octets,
    shape_of,
    shows_frames,
    uncompressed,
)

# How the bit stream of a compressed bulk data type begins (8.7.3.3.2: no JP2 box, no fragment delimiter).
_BEGINS = {
    "image/jpeg": (b"\xff\xd8",),
    "image/jls": (b"\xff\xd8",),
    "image/jp2": (b"\xff\x4f\xff\x51",),
    "image/jpx": (b"\xff\x4f\xff\x51",),
    "image/jphc": (b"\xff\x4f\xff\x51",),
    "image/jxl": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "image/dicom-rle": tuple(bytes((n, 0, 0, 0)) for n in range(1, 16)),
}
_ITEM = b"\xfe\xff\x00\xe0"


@rule(
    "retrieve.decoded-frame-is-complete",
    cites="PS3.18 8.7.3.3.1; PS3.5 8.2",
    verifies=("PS3.18-8.7.3.3-1", "PS3.18-8.7.3.4-1"),
    on=FRAMES,
    basis=RELATION,
    when=lambda x: uncompressed(x) and not native_stored(x) and shape_of(x) is not None and asked_frames.exist(x),
    says="A frame that was stored compressed is sent uncompressed with the octets its rows, columns and samples need.",
)
def decoded_frame_is_complete(x: Exchange) -> Iterator[Finding]:
    shape = shape_of(x)
    assert shape is not None
    # what was sampled down may come with a sample for every pixel, or as it was
    sizes = {shape.octets, shape.octets * 3 // 2}
    for number, piece in frames_of(x):
        size = piece.content.size
        if piece.type == OCTETS and not any(size in (s, s + s % 2) for s in sizes):
            want = " or ".join(map(str, sorted(sizes)))
            yield Finding(f"{size} octets", f"{want} octets", f"{piece.where}, frame {number}")


@decoded_frame_is_complete.mutant(defects=("M-WA-03", "M-WA-07"))
def stream_as_octets(x: Exchange) -> Answer | None:
    """The compressed bit stream is sent as application/octet-stream."""
    return octets_changed(x, lambda octets: octets[: len(octets) // 3]) if x.kind == FRAMES else None


@rule(
    "retrieve.decoded-frame-is-the-stored",
    cites="PS3.18 8.7.3.4; PS3.5 8.2",
    verifies=("PS3.18-8.7.3.4-1", "PS3.18-8.7.3.3-1"),
    on=FRAMES,
    basis=ORACLE,
    when=lambda x: uncompressed(x) and asked_frames.exist(x) and any(True for _ in _decodable(x)),
    says="A grey frame that was stored losslessly compressed is sent uncompressed with the very same pixels.",
)
def decoded_frame_is_the_stored(x: Exchange) -> Iterator[Finding]:
    for number, piece, frame in _decodable(x):
        octets = piece.content.bytes()
        if not same_octets(octets, frame):
            yield Finding(brief(octets), brief(frame), f"{piece.where}, frame {number}")


def _decodable(x: Exchange) -> Iterator[tuple[int, Piece, bytes]]:
    """Uncompressed parts with the frame that an independent decoder makes of the stored pixel data."""
    kept = kept_of(x)
    for number, piece in frames_of(x) if kept and kept.transfer_syntax not in NATIVE else ():
        frame = gray_frame(kept, number) if kept and piece.type == OCTETS else None
        if frame is not None:
            yield number, piece, frame


@decoded_frame_is_the_stored.mutant
def pixels_are_inverted(x: Exchange) -> Answer | None:
    """Decoded pixels are inverted."""
    return octets_changed(x, lambda octets: bytes(255 - o for o in octets)) if x.kind == FRAMES else None


@decoded_frame_is_the_stored.mutant(defects=("M-WA-10", "M-WA-12"))
def first_frame_for_all(x: Exchange) -> Answer | None:
    """Of several compressed frames always the first is decoded."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        return [(f, parts[0][1]) for f, _ in parts] if x.kind == FRAMES and len(parts) > 1 else None

    return parts_changed(x, change)


def _decoded_files(x: Exchange) -> Iterator[tuple[Piece, int, bytes, bytes]]:
    """Frames of retrieved native files that were stored compressed, with what an independent decoder makes of them."""
    for piece, reading in files(x.answer) if got(x) else ():
        kept = past_of(x).get(reading.dataset.text(SOP_INSTANCE))
        if kept is None or kept.transfer_syntax in NATIVE or reading.transfer_syntax not in NATIVE:
            continue
        for number, wanted in enumerate(gray_frames(kept), 1):
            frame = native(reading, number)
            if frame is not None:
                yield piece, number, frame, wanted


@rule(
    "retrieve.decoded-instance-is-the-stored",
    cites="PS3.18 8.7.3.4; 10.4.3.3.1",
    verifies=("PS3.18-8.7.3.4-1", "PS3.18-10.4.3.3.1-1"),
    on="web.retrieve.instances",
    basis=ORACLE,
    when=lambda x: any(True for _ in _decoded_files(x)),
    says="A grey image that was stored losslessly compressed is sent uncompressed with the very same pixels.",
)
def decoded_instance_is_the_stored(x: Exchange) -> Iterator[Finding]:
    for piece, number, frame, wanted in _decoded_files(x):
        if not same_octets(frame, wanted):
            yield Finding(brief(frame), brief(wanted), f"{piece.where} pixel data, frame {number}")


@decoded_instance_is_the_stored.mutant
def pixels_are_shifted(x: Exchange) -> Answer | None:
    """Pixels of retrieved files are shifted by one."""

    def edit(ds: Any) -> bool:
        if "PixelData" not in ds or ds["PixelData"].is_undefined_length:
            return False
        ds.PixelData = ds.PixelData[2:] + ds.PixelData[:2]
        return True

    return files_changed(x, edit)


def _compressed(x: Exchange) -> Iterator[tuple[int, Piece, bytes]]:
    """Parts that carry the stored bit stream of a frame, with that stream."""
    kept = kept_of(x)
    if kept is None or kept.transfer_syntax in NATIVE or not asked_frames.exist(x):
        return
    found = streams(kept)
    for number, piece in frames_of(x) if found else ():
        syntax = piece.syntax or next(iter(COMPRESSED.get(piece.type, ())), "")
        if syntax == kept.transfer_syntax and piece.type in COMPRESSED:
            yield number, piece, found[number - 1]  # type: ignore[index]


@rule(
    "retrieve.compressed-frame-is-the-stored",
    cites="PS3.18 8.7.3.3.2; PS3.5 A.4",
    verifies=("PS3.18-8.7.3.3.2-1", "PS3.18-8.7.3.3-2", "PS3.18-10.4.1.1.6-1"),
    on=FRAMES,
    basis=RELATION,
    when=lambda x: shows_frames(x) and any(True for _ in _compressed(x)),
    says="A frame asked for in the transfer syntax it was stored in is the stored bit stream, fragments joined.",
)
def compressed_frame_is_the_stored(x: Exchange) -> Iterator[Finding]:
    for number, piece, stream in _compressed(x):
        octets = piece.content.bytes()
        if octets.rstrip(b"\0") != stream.rstrip(b"\0"):
            yield Finding(brief(octets), brief(stream), f"{piece.where}, frame {number}")


@compressed_frame_is_the_stored.mutant(defects=("M-WA-09", "M-WA-10"))
def only_the_first_fragment(x: Exchange) -> Answer | None:
    """Only the first fragment of a frame is sent."""
    coded = x.kind == FRAMES and any(p.type in COMPRESSED for p in pieces(x.answer))
    return octets_changed(x, lambda octets: octets[: len(octets) // 2]) if coded else None


@rule(
    "retrieve.compressed-bulk-is-a-bit-stream",
    cites="PS3.18 8.7.3.3.2; PS3.5 8.2, A.4",
    verifies=("PS3.18-8.7.3.3.2-1", "PS3.18-8.7.3.3.2-3"),
    on="web.retrieve.frames|web.retrieve.bulkdata|web.retrieve.pixeldata|web.retrieve.instances",
    when=lambda x: got(x) and any(p.type in _BEGINS for p in pieces(x.answer)),
    says="Compressed bulk data is the bit stream alone: no fragment delimiter, no offset table, no JP2 box.",
)
def compressed_bulk_is_a_bit_stream(x: Exchange) -> Iterator[Finding]:
    for piece in pieces(x.answer):
        begins = _BEGINS.get(piece.type)
        if begins and not piece.content.read(0, 12).startswith(begins):
            got_ = "an item of a fragment" if piece.content.read(0, 4) == _ITEM else piece.content.read(0, 12).hex()
            yield Finding(got_, f"a bit stream of {piece.type}", piece.where)


@compressed_bulk_is_a_bit_stream.mutant(defects=("M-WA-12", "M-WA-13"))
def with_its_items(x: Exchange) -> Answer | None:
    """Fragments are sent with their item tags and an offset table."""
    if not any(p.type in _BEGINS for p in pieces(x.answer)):
        return None
    return octets_changed(x, lambda octets: _ITEM + bytes(4) + _ITEM + len(octets).to_bytes(4, "little") + octets)
