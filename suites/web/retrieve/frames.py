"""Rules on frames (PS3.18 10.4.1.1.6, 8.7.3.3): which, how many, in which order, with which octets.

Must not know instances or metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.past import Kept
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from suites.web.retrieve import asked_frames
from suites.web.retrieve.asked_frames import NATIVE, count, geometry, native, numbers
from suites.web.retrieve.bend import octets_changed, parts_changed
from suites.web.retrieve.reading import OCTETS, Piece, files, got, pieces, stored
from suites.web.retrieve.shown_frames import (
    FRAMES,
    brief,
    frames_of,
    kept_of,
    native_stored,
    packed_in,
    same_octets,
    shape_of,
    shows_frames,
    uncompressed,
)

MOST_DIGITS = 10  # Number of Frames is an IS


# --- how many ----------------------------------------------------------------------------------------------------


@rule(
    "retrieve.frames-count",
    cites="PS3.18 10.4.1.1.6; 8.7.3.3",
    verifies=("PS3.18-10.4.1.1.6-1", "PS3.18-10.4.3.1-1"),
    on=FRAMES,
    when=shows_frames,
    says="A list of frames comes as one part for each frame, or uncompressed in one part that holds them all.",
)
def frames_count(x: Exchange) -> Iterator[Finding]:
    wanted, parts = numbers(x) or [], pieces(x.answer)
    video = len(parts) == 1 and parts[0].type.startswith("video/")
    if len(parts) == len(wanted) or video:
        return
    packed, shape = packed_in(x), shape_of(x)
    size = -(-shape.bits * len(wanted) // 8) if shape else 0
    if packed is None or (size and packed.content.size not in (size, size + size % 2)):
        octets = sum(p.content.size for p in parts)
        yield Finding(f"{len(parts)} parts, {octets} octets", f"{len(wanted)} frames", "body")


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


@rule(
    "retrieve.frames-are-the-stored",
    cites="PS3.18 10.4.1.1.6; 8.7.3.3.1; PS3.5 8.1.1, 8.2",
    verifies=("PS3.18-10.4.1.1.6-1", "PS3.18-10.4.1.1.6-3", "PS3.18-8.7.3.3.1-1", "PS3.18-8.7.3.3.1-2",
              "PS3.18-10.4.3.3.6-1"),
    on=FRAMES,
    basis=RELATION,
    when=lambda x: uncompressed(x) and native_stored(x),
    says="An uncompressed frame has the octets of that frame in the stored pixel data, little endian, counted from 1.",
)  # fmt: skip
def frames_are_the_stored(x: Exchange) -> Iterator[Finding]:
    kept = kept_of(x)
    assert kept is not None
    packed, wanted = packed_in(x), numbers(x) or []
    if packed is not None:
        whole = _joined(kept, wanted)
        if whole is not None and not same_octets(packed.content.bytes(), whole):
            yield Finding(brief(packed.content.read(0, 4096)), brief(whole), f"frames {x.resource.frames}")
    for number, piece in frames_of(x) if packed is None else ():
        frame = native(stored(kept), number)
        if piece.type != OCTETS or frame is None or piece.content.size > 2 * asked_frames.LARGEST:
            continue
        octets = piece.content.bytes()
        if not same_octets(octets, frame):
            yield Finding(brief(octets), brief(frame), f"{piece.where}, frame {number}")


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
    when=lambda j: _retrieved(j) is not None and any(uncompressed(x) for x in j.steps("frames")),
    says="The frames of an instance are those of its pixel data when it is retrieved whole.",
)
def frames_are_those_of_the_instance(j: Journey) -> Iterator[Finding]:
    reading = _retrieved(j)
    for x in j.steps("frames"):
        for number, piece in frames_of(x) if got(x) else ():
            frame = native(reading, number) if piece.type == OCTETS else None
            if frame is not None and not same_octets(piece.content.bytes(), frame):
                yield Finding(brief(piece.content.bytes()), brief(frame), f"frame {number}", seq=x.seq)


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
    if any(not w.isdigit() or not int(w[:9]) or len(w) > MOST_DIGITS for w in words):
        return True
    kept, wanted = kept_of(x), numbers(x)
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
    kept = kept_of(x)
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
    when=lambda x: shows_frames(x) and any(p.location for p in pieces(x.answer)),
    says="A Content-Location that has the form of a frames resource names the frame in its part, and frames that "
    "differ are told apart by it.",
)
def frame_location(x: Exchange) -> Iterator[Finding]:
    places: dict[str, int] = {}
    for number, piece in frames_of(x):
        said = _place(piece)
        if said and said != str(number):
            yield Finding(f"frame {said}", f"frame {number}", f"{piece.where} Content-Location")
        # the text speaks of "down to the level" of a frame by way of example only
        elif piece.location and places.setdefault(piece.location, number) != number:
            want = f"another place than that of frame {places[piece.location]}"
            yield Finding(piece.location, want, f"{piece.where} Content-Location", warn=True)


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


@frame_location.mutant
def frames_of_the_instance(x: Exchange) -> Answer | None:
    """All parts name the place of the instance."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != FRAMES or len(parts) < 2:
            return None
        return [([(n, v.partition("/frames/")[0] if n.lower() == "content-location" else v) for n, v in fields], octets)
                for fields, octets in parts]  # fmt: skip

    return parts_changed(x, change)
