"""Rules on frames (PS3.18 10.4.1.1.6, 8.7.3.3): which, how many, in which order, with which octets.

Must not know instances or metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.past import SOP_INSTANCE, Kept
from harness.rule import DOOR, ORACLE, RELATION, Door, Finding, journey, rule
from suites.web.retrieve import asked_frames
from suites.web.retrieve.asked_frames import NATIVE, Geometry, count, geometry, native, numbers, streams
from suites.web.retrieve.bend import files_changed, octets_changed, parts_changed
from suites.web.retrieve.decoded import gray_frame
from suites.web.retrieve.reading import (
    COMPRESSED,
    EXPLICIT_BE,
    IMPLICIT_LE,
    OCTETS,
    Piece,
    files,
    got,
    held,
    past_of,
    pieces,
    stored,
)

FRAMES = "web.retrieve.frames"
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


def _kept(x: Exchange) -> Kept | None:
    found = held(x)
    return found[0] if len(found) == 1 and x.resource.instance else None


def _frames(x: Exchange) -> list[tuple[int, Piece]]:
    """Each part with the number of the frame that it stands for; none when their counts differ."""
    wanted, parts = numbers(x) or [], pieces(x.answer)
    return list(zip(wanted, parts, strict=True)) if len(wanted) == len(parts) else []


def _packed(x: Exchange) -> Piece | None:
    """The one uncompressed part that holds several frames without padding between them (8.7.3.3.1 Note 2)."""
    parts = pieces(x.answer)
    several = len(numbers(x) or []) > 1
    return parts[0] if several and len(parts) == 1 and parts[0].type == OCTETS else None


def _shows_frames(x: Exchange) -> bool:
    return got(x) and bool(numbers(x)) and x.answer.body.size > 0


# --- how many ----------------------------------------------------------------------------------------------------


@rule(
    "retrieve.frames-count",
    cites="PS3.18 10.4.1.1.6; 8.7.3.3",
    verifies=("PS3.18-10.4.1.1.6-1", "PS3.18-10.4.3.1-1"),
    on=FRAMES,
    when=_shows_frames,
    says="A list of frames comes as one part for each frame, or uncompressed in one part that holds them all.",
)
def frames_count(x: Exchange) -> Iterator[Finding]:
    wanted, parts = numbers(x) or [], pieces(x.answer)
    video = len(parts) == 1 and parts[0].type.startswith("video/")
    if len(parts) == len(wanted) or video:
        return
    packed, shape = _packed(x), _shape(x)
    size = -(-shape.bits * len(wanted) // 8) if shape else 0
    if packed is None or (size and packed.content.size not in (size, size + size % 2)):
        octets = sum(p.content.size for p in parts)
        yield Finding(f"{len(parts)} parts, {octets} octets", f"{len(wanted)} frames", "body")


def _shape(x: Exchange) -> Geometry | None:
    kept = _kept(x)
    return geometry(stored(kept).dataset) if kept else None


@frames_count.mutant
def last_frame_is_lost(x: Exchange) -> Answer | None:
    """The last of several frames is left out."""
    return parts_changed(x, lambda parts: parts[:-1] if x.kind == FRAMES and len(parts) > 1 else None)


@frames_count.mutant(at=DOOR)
def all_frames_for_one(ask: Ask, door: Door) -> Answer:
    """Every frame is sent, whichever is asked for."""
    head, _, tail = ask.target.rpartition("/frames/")
    if ask.resource.kind != FRAMES or "," in tail:
        return door(ask)
    more = door(ask.but(target=f"{head}/frames/1,2"))
    return more if more.ok and tail == "1" else door(ask)


# --- which octets ------------------------------------------------------------------------------------------------


def _same(octets: bytes, wanted: bytes) -> bool:
    """The same octets, or with one NUL more that makes their number even."""
    return octets == wanted or (len(octets) == len(wanted) + 1 and octets[:-1] == wanted and octets[-1:] == b"\0")


def _brief(octets: bytes) -> str:
    return f"{len(octets)} octets {octets[:12].hex()}"


def _uncompressed(x: Exchange) -> bool:
    return _shows_frames(x) and any(p.type == OCTETS and p.syntax in ("", *NATIVE) for p in pieces(x.answer))


def _native_stored(x: Exchange) -> bool:
    kept = _kept(x)
    return kept is not None and kept.transfer_syntax in NATIVE and asked_frames.exist(x)


@rule(
    "retrieve.frames-are-the-stored",
    cites="PS3.18 10.4.1.1.6; 8.7.3.3.1; PS3.5 8.1.1, 8.2",
    verifies=("PS3.18-10.4.1.1.6-1", "PS3.18-10.4.1.1.6-3", "PS3.18-8.7.3.3.1-1", "PS3.18-8.7.3.3.1-2",
              "PS3.18-10.4.3.3.6-1"),
    on=FRAMES,
    basis=RELATION,
    when=lambda x: _uncompressed(x) and _native_stored(x),
    says="An uncompressed frame has the octets of that frame in the stored pixel data, little endian, counted from 1.",
)  # fmt: skip
def frames_are_the_stored(x: Exchange) -> Iterator[Finding]:
    kept = _kept(x)
    assert kept is not None
    packed, wanted = _packed(x), numbers(x) or []
    if packed is not None:
        whole = _joined(kept, wanted)
        if whole is not None and not _same(packed.content.bytes(), whole):
            yield Finding(_brief(packed.content.read(0, 4096)), _brief(whole), f"frames {x.resource.frames}")
    for number, piece in _frames(x) if packed is None else ():
        frame = native(stored(kept), number)
        if piece.type != OCTETS or frame is None or piece.content.size > 2 * asked_frames.LARGEST:
            continue
        octets = piece.content.bytes()
        if not _same(octets, frame):
            yield Finding(_brief(octets), _brief(frame), f"{piece.where}, frame {number}")


def _joined(kept: Kept, wanted: Sequence[int]) -> bytes | None:
    """The bits of several frames, one frame directly after the other."""
    shape = geometry(stored(kept).dataset)
    frames = [native(stored(kept), n) for n in wanted]
    if shape is None or any(f is None for f in frames):
        return None
    value = sum(int.from_bytes(f or b"", "little") << (at * shape.bits) for at, f in enumerate(frames))
    return value.to_bytes(-(-shape.bits * len(frames) // 8), "little")


@frames_are_the_stored.mutant(at=DOOR)
def counted_from_zero(ask: Ask, door: Door) -> Answer:
    """Frames are counted from zero."""
    head, _, tail = ask.target.rpartition("/frames/")
    if ask.resource.kind != FRAMES or not tail.isdigit() or tail == "0":
        return door(ask)
    shifted = door(ask.but(target=f"{head}/frames/{int(tail) + 1}"))
    return shifted if shifted.ok else door(ask)


@frames_are_the_stored.mutant
def in_the_wrong_order(x: Exchange) -> Answer | None:
    """Several frames come in reverse order."""
    return parts_changed(x, lambda parts: parts[::-1] if x.kind == FRAMES and len(parts) > 1 else None)


@frames_are_the_stored.mutant
def all_are_the_first(x: Exchange) -> Answer | None:
    """Every part holds the first frame."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        return [(f, parts[0][1]) for f, _ in parts] if x.kind == FRAMES and len(parts) > 1 else None

    return parts_changed(x, change)


@frames_are_the_stored.mutant(defects="M-WA-02")
def frames_are_big_endian(x: Exchange) -> Answer | None:
    """Octets of sixteen bit pixels are swapped."""

    def change(octets: bytes) -> bytes:
        even = len(octets) - len(octets) % 2
        turned = bytearray(octets)
        turned[0:even:2], turned[1:even:2] = octets[1:even:2], octets[0:even:2]
        return bytes(turned)

    return octets_changed(x, change) if x.kind == FRAMES else None


@frames_are_the_stored.mutant
def frame_is_cut(x: Exchange) -> Answer | None:
    """The last row of a frame is missing."""
    return octets_changed(x, lambda octets: octets[:-16]) if x.kind == FRAMES else None


@rule(
    "retrieve.decoded-frame-is-complete",
    cites="PS3.18 8.7.3.3.1; PS3.5 8.2",
    verifies=("PS3.18-8.7.3.3-1", "PS3.18-8.7.3.4-1"),
    on=FRAMES,
    basis=RELATION,
    when=lambda x: _uncompressed(x) and not _native_stored(x) and _shape(x) is not None and asked_frames.exist(x),
    says="A frame that was stored compressed is sent uncompressed with the octets its rows, columns and samples need.",
)
def decoded_frame_is_complete(x: Exchange) -> Iterator[Finding]:
    shape = _shape(x)
    assert shape is not None
    # what was sampled down may come with a sample for every pixel, or as it was
    sizes = {shape.octets, shape.octets * 3 // 2}
    for number, piece in _frames(x):
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
    when=lambda x: _uncompressed(x) and asked_frames.exist(x) and any(True for _ in _decodable(x)),
    says="A grey frame that was stored losslessly compressed is sent uncompressed with the very same pixels.",
)
def decoded_frame_is_the_stored(x: Exchange) -> Iterator[Finding]:
    for number, piece, frame in _decodable(x):
        octets = piece.content.bytes()
        if not _same(octets, frame):
            yield Finding(_brief(octets), _brief(frame), f"{piece.where}, frame {number}")


def _decodable(x: Exchange) -> Iterator[tuple[int, Piece, bytes]]:
    """Uncompressed parts with the frame that an independent decoder makes of the stored pixel data."""
    kept = _kept(x)
    for number, piece in _frames(x) if kept and kept.transfer_syntax not in NATIVE else ():
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
    return all_are_the_first(x)


def _decoded_files(x: Exchange) -> Iterator[tuple[Piece, int, bytes, bytes]]:
    """Frames of retrieved native files that were stored compressed, with what an independent decoder makes of them."""
    for piece, reading in files(x.answer) if got(x) else ():
        kept = past_of(x).get(reading.dataset.text(SOP_INSTANCE))
        if kept is None or kept.transfer_syntax in NATIVE or reading.transfer_syntax not in NATIVE:
            continue
        for number in range(1, count(reading.dataset) + 1):
            frame, wanted = native(reading, number), gray_frame(kept, number)
            if frame is not None and wanted is not None:
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
        if not _same(frame, wanted):
            yield Finding(_brief(frame), _brief(wanted), f"{piece.where} pixel data, frame {number}")


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
    kept = _kept(x)
    if kept is None or kept.transfer_syntax in NATIVE or not asked_frames.exist(x):
        return
    found = streams(kept)
    for number, piece in _frames(x) if found else ():
        syntax = piece.syntax or next(iter(COMPRESSED.get(piece.type, ())), "")
        if syntax == kept.transfer_syntax and piece.type in COMPRESSED:
            yield number, piece, found[number - 1]  # type: ignore[index]


@rule(
    "retrieve.compressed-frame-is-the-stored",
    cites="PS3.18 8.7.3.3.2; PS3.5 A.4",
    verifies=("PS3.18-8.7.3.3.2-1", "PS3.18-8.7.3.3-2", "PS3.18-10.4.1.1.6-1"),
    on=FRAMES,
    basis=RELATION,
    when=lambda x: _shows_frames(x) and any(True for _ in _compressed(x)),
    says="A frame asked for in the transfer syntax it was stored in is the stored bit stream, fragments joined.",
)
def compressed_frame_is_the_stored(x: Exchange) -> Iterator[Finding]:
    for number, piece, stream in _compressed(x):
        octets = piece.content.bytes()
        if octets.rstrip(b"\0") != stream.rstrip(b"\0"):
            yield Finding(_brief(octets), _brief(stream), f"{piece.where}, frame {number}")


@compressed_frame_is_the_stored.mutant(defects=("M-WA-09", "M-WA-10"))
def only_the_first_fragment(x: Exchange) -> Answer | None:
    """Only the first fragment of a frame is sent."""
    coded = x.kind == FRAMES and any(p.type in COMPRESSED for p in pieces(x.answer))
    return octets_changed(x, lambda octets: octets[: len(octets) // 2]) if coded else None


@rule(
    "retrieve.compressed-bulk-is-a-bit-stream",
    cites="PS3.18 8.7.3.3.2; PS3.5 8.2, A.4",
    verifies="PS3.18-8.7.3.3.2-1",
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


@rule(
    "retrieve.bulk-syntax-fits-its-type",
    cites="PS3.18 8.7.3.3.1; 8.7.3.3.2; 8.7.9",
    verifies=("PS3.18-8.7.3.3.2-2", "PS3.18-8.7.9-1", "PS3.18-8.7.3-1"),
    on="web.retrieve.frames|web.retrieve.bulkdata|web.retrieve.pixeldata",
    when=lambda x: got(x) and any(p.syntax for p in pieces(x.answer)),
    says="The transfer-syntax parameter of bulk data is one that its media type stands for.",
)
def bulk_syntax_fits_its_type(x: Exchange) -> Iterator[Finding]:
    others = {syntax for syntaxes in COMPRESSED.values() for syntax in syntaxes} | {IMPLICIT_LE, EXPLICIT_BE}
    for piece in pieces(x.answer):
        fitting = COMPRESSED.get(piece.type, ())
        if piece.syntax in others and piece.syntax not in fitting:
            # what is one compressed stream may be called octets, though Table 8.7.3-4 has no such row
            octets = piece.type == OCTETS and piece.syntax not in (IMPLICIT_LE, EXPLICIT_BE)
            want = ", ".join(fitting) or "Explicit VR Little Endian"
            yield Finding(f"{piece.type} with {piece.syntax}", want, f"{piece.where} Content-Type", warn=octets)


@bulk_syntax_fits_its_type.mutant
def implicit_octets(x: Exchange) -> Answer | None:
    """Bulk data is said to be in the default transfer syntax of DIMSE."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]]:
        implicit = f"{OCTETS}; transfer-syntax={IMPLICIT_LE}"
        return [
            ([(n, implicit if n.lower() == "content-type" else v) for n, v in fields], octets)
            for fields, octets in parts
        ]

    return parts_changed(x, change) if x.kind in (FRAMES, "web.retrieve.bulkdata", "web.retrieve.pixeldata") else None


# --- frames against the instance ---------------------------------------------------------------------------------


def _retrieved(j: Journey) -> Any:
    """The instance as it was retrieved uncompressed in this journey."""
    for x in j.steps("instance"):
        for _, reading in files(x.answer) if got(x) else ():
            if reading.transfer_syntax in NATIVE and asked_frames.pixels(reading.dataset) is not None:
                return reading
    return None


@journey(
    "retrieve.frames-are-those-of-the-instance",
    cites="PS3.18 10.4.1.1.6; 8.7.3.3.1",
    verifies=("PS3.18-10.4.1.1.6-1", "PS3.18-10.4.3.3.6-1"),
    on="web.retrieve.frame-by-frame",
    when=lambda j: _retrieved(j) is not None and any(_uncompressed(x) for x in j.steps("frames")),
    says="The frames of an instance are those of its pixel data when it is retrieved whole.",
)
def frames_are_those_of_the_instance(j: Journey) -> Iterator[Finding]:
    reading = _retrieved(j)
    for x in j.steps("frames"):
        for number, piece in _frames(x) if got(x) else ():
            frame = native(reading, number) if piece.type == OCTETS else None
            if frame is not None and not _same(piece.content.bytes(), frame):
                yield Finding(_brief(piece.content.bytes()), _brief(frame), f"frame {number}", seq=x.seq)


@frames_are_those_of_the_instance.mutant
def frames_are_brightened(x: Exchange) -> Answer | None:
    """Frames are not the stored pixels but rendered ones."""
    return octets_changed(x, lambda octets: bytes(o | 1 for o in octets)) if x.kind == FRAMES else None


# --- frames that are not there -----------------------------------------------------------------------------------


def _beyond(x: Exchange) -> bool:
    """A number that is none, zero, or above the count."""
    if x.facts.get("no-frame"):
        return True
    words = x.resource.frames.split(",")
    if any(not w.isdigit() or int(w[:9]) == 0 for w in words):
        return True
    kept, wanted = _kept(x), numbers(x)
    return bool(kept and wanted and wanted[-1] > max(count(stored(kept).dataset), 1))


@rule(
    "retrieve.no-such-frame",
    cites="PS3.18 10.1.1; 10.4.3.1",
    verifies=("PS3.18-10.4.1.1.6-2", "PS3.18-10.4.3.1-3"),
    on=FRAMES,
    when=lambda x: x.ask.method == "GET" and _beyond(x),
    says="Frame 0, a frame beyond the last and what is no number are answered 400 or 404.",
)
def no_such_frame(x: Exchange) -> Iterator[Finding]:
    if x.answer.status not in (400, 404):
        partly = "," in x.resource.frames and x.answer.status == 206
        client = x.answer.status // 100 == 4
        yield Finding(x.answer.line, "400 or 404", "status line", warn=client or partly)


@no_such_frame.mutant(at=DOOR)
def nearest_frame(ask: Ask, door: Door) -> Answer:
    """For a frame that is not there the first one is sent."""
    answer = door(ask)
    head, _, _ = ask.target.rpartition("/frames/")
    return door(ask.but(target=f"{head}/frames/1")) if ask.resource.kind == FRAMES and not answer.ok else answer


@no_such_frame.mutant
def no_such_frame_is_500(x: Exchange) -> Answer | None:
    """A frame that is not there ends in an internal error."""
    wrong = x.kind == FRAMES and x.answer.status in (400, 404)
    return x.answer.but(status=500, reason="Internal Server Error") if wrong else None


@rule(
    "retrieve.no-frames-without-pixels",
    cites="PS3.18 10.4.1.1.6; 10.4.3.1",
    verifies="PS3.18-10.4.3.1-3",
    on=FRAMES,
    basis=RELATION,
    when=lambda x: x.ask.method == "GET" and _pixelless(x),
    says="An instance without pixel data has no frames: the resource is answered 404.",
)
def no_frames_without_pixels(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 404:
        yield Finding(x.answer.line, "404", "status line", warn=x.answer.status // 100 == 4)


def _pixelless(x: Exchange) -> bool:
    kept = _kept(x)
    return kept is not None and not count(stored(kept).dataset)


@no_frames_without_pixels.mutant
def empty_frame(x: Exchange) -> Answer | None:
    """A report has an empty frame."""
    missing = x.kind == FRAMES and x.answer.status == 404
    return Answer(200, "OK", x.answer.headers.but("content-type", OCTETS), Answer().body) if missing else None


@no_frames_without_pixels.mutant
def frames_of_a_report_is_500(x: Exchange) -> Answer | None:
    """Asking a report for frames ends in an internal error."""
    missing = x.kind == FRAMES and x.answer.status == 404
    return x.answer.but(status=500, reason="Internal Server Error") if missing else None


# --- where a frame is --------------------------------------------------------------------------------------------


@rule(
    "retrieve.frame-location",
    cites="PS3.18 8.6.1.2",
    verifies="PS3.18-8.6.1.2-3",
    on=FRAMES,
    when=lambda x: _shows_frames(x) and any(_place(p) for p in pieces(x.answer)),
    says="A Content-Location that has the form of a frames resource names the frame in its part.",
)
def frame_location(x: Exchange) -> Iterator[Finding]:
    for number, piece in _frames(x):
        said = _place(piece)
        if said and said != str(number):
            yield Finding(f"frame {said}", f"frame {number}", f"{piece.where} Content-Location")


def _place(piece: Piece) -> str:
    """The frame that a Content-Location names, '' when it names none."""
    _, found, tail = (piece.location or "").partition("/frames/")
    return tail.split("/")[0].split("?")[0] if found else ""


@frame_location.mutant
def frames_in_one_place(x: Exchange) -> Answer | None:
    """All parts name the place of the first frame."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        first = [v for n, v in parts[0][0] if n.lower() == "content-location"]
        if x.kind != FRAMES or not first or len(parts) < 2:
            return None
        return [([(n, first[0] if n.lower() == "content-location" else v) for n, v in fields], octets)
                for fields, octets in parts]  # fmt: skip

    return parts_changed(x, change)
