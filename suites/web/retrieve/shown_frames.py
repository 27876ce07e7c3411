"""Knows the frames that an answer shows: which part stands for which, and when two of them are the same.

Must not know a particular rule.
"""

from __future__ import annotations

from harness.exchange import Exchange
from harness.past import Kept
from suites.web.retrieve import asked_frames
from suites.web.retrieve.asked_frames import NATIVE, Geometry, geometry, numbers
from suites.web.retrieve.reading import OCTETS, Piece, got, held, pieces, stored

FRAMES = "web.retrieve.frames"


def kept_of(x: Exchange) -> Kept | None:
    found = held(x)
    return found[0] if len(found) == 1 and x.resource.instance else None


def frames_of(x: Exchange) -> list[tuple[int, Piece]]:
    """Each part with the number of the frame that it stands for; none when their counts differ."""
    wanted, parts = numbers(x) or [], pieces(x.answer)
    return list(zip(wanted, parts, strict=True)) if len(wanted) == len(parts) else []


def packed_in(x: Exchange) -> Piece | None:
    """The one uncompressed part that holds several frames without padding between them (8.7.3.3.1 Note 2)."""
    parts = pieces(x.answer)
    several = len(numbers(x) or []) > 1
    return parts[0] if several and len(parts) == 1 and parts[0].type == OCTETS else None


def shows_frames(x: Exchange) -> bool:
    return got(x) and bool(numbers(x)) and x.answer.body.size > 0


def shape_of(x: Exchange) -> Geometry | None:
    kept = kept_of(x)
    return geometry(stored(kept).dataset) if kept else None


def same_octets(octets: bytes, wanted: bytes) -> bool:
    """The same octets, or with one NUL more that makes their number even."""
    return octets == wanted or (len(octets) == len(wanted) + 1 and octets[:-1] == wanted and octets[-1:] == b"\0")


def brief(octets: bytes) -> str:
    return f"{len(octets)} octets {octets[:12].hex()}"


def uncompressed(x: Exchange) -> bool:
    return shows_frames(x) and any(p.type == OCTETS and p.syntax in ("", *NATIVE) for p in pieces(x.answer))


def native_stored(x: Exchange) -> bool:
    kept = kept_of(x)
    return kept is not None and kept.transfer_syntax in NATIVE and asked_frames.exist(x)
