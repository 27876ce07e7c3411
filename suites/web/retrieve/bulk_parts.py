"""Rules on bulk data that comes in many parts (PS3.18 10.4.3.3.5, 8.6.1.2): each is the value of its own place.

Must not know how a single value is asked for, nor how values are encoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Exchange, Journey
from harness.past import SOP_INSTANCE
from harness.rule import ORACLE, Finding, journey
from harness.wire import dicom_json
from suites.web.retrieve.asked_frames import PIXELS
from suites.web.retrieve.bend import parts_changed
from suites.web.retrieve.bulkdata import (
    LARGEST,
    Step,
    brief_value,
    decoded_value,
    element_at,
    references,
    resolved,
    same_value,
)
from suites.web.retrieve.compare import little_endian
from suites.web.retrieve.reading import OCTETS, Piece, datasets, got, past_of, pieces, stored

MOST = 200  # parts of an answer that are compared
_STEPS = ("all", "pixeldata", "octets")


def _elements(j: Journey) -> Mapping[str, tuple[str, Step]]:
    """Place -> instance and path of its element, as the metadata of this journey tells; shared places are left out."""
    found: dict[str, tuple[str, Step]] = {}
    shared = set()
    for x in j.steps("metadata"):
        for _, row in datasets(x.answer) if got(x) else ():
            for path, uri in references(row):
                place, element = resolved(uri, x), (dicom_json.text(row, SOP_INSTANCE), path)
                if found.setdefault(place, element) != element:
                    shared.add(place)
    return {place: element for place, element in found.items() if place not in shared}


def _wanted(x: Exchange, instance: str, path: Step) -> bytes | None:
    """The value field as it was stored; None when that is not known, or cannot be told of compressed pixel data."""
    kept = past_of(x).get(instance)
    if kept is None:
        return None
    at = element_at(stored(kept).dataset, path)
    if at is None or at[0].fragments is not None:
        return decoded_value(kept) if at is not None and path == (PIXELS[0],) else None
    return little_endian(*at)


def _compared(j: Journey, step: str) -> Iterator[tuple[Exchange, Piece, bytes, bytes]]:
    """Parts that stand alone at the place of a value that is known, with what they hold and what was stored."""
    elements = _elements(j)
    for x in j.steps(step):
        placed = [(resolved(p.location, x), p) for p in pieces(x.answer)[:MOST] if p.location] if got(x) else []
        places = [place for place, _ in placed]
        for place, piece in placed:
            if piece.type != OCTETS or place not in elements or places.count(place) > 1:
                continue  # several parts at one place are its frames, which may come in any number of parts
            wanted = _wanted(x, *elements[place]) if piece.content.size <= LARGEST else None
            if wanted is not None:
                yield x, piece, piece.content.bytes(), wanted


@journey(
    "retrieve.bulkdata-parts-are-the-values",
    cites="PS3.18 10.4.3.3.5; 10.4.3.3.6; 8.6.1.2",
    verifies=("PS3.18-10.4.3.3.5-2", "PS3.18-8.6.1.2-7"),
    on="web.retrieve.everything",
    basis=ORACLE,
    when=lambda j: any(True for step in _STEPS for _ in _compared(j, step)),
    says="Where bulk data comes in many parts, each part holds the value of the element that its place belongs to.",
)
def bulkdata_parts_are_the_values(j: Journey) -> Iterator[Finding]:
    for step in _STEPS:
        for x, piece, octets, wanted in _compared(j, step):
            if not same_value(octets, wanted):
                where = f"{piece.where}, {piece.location}"
                yield Finding(brief_value(octets), brief_value(wanted), where, seq=x.seq)


@bulkdata_parts_are_the_values.mutant
def values_change_places(x: Exchange) -> Answer | None:
    """The places of the parts are told in the opposite order of what they hold."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind not in ("web.retrieve.bulkdata", "web.retrieve.pixeldata") or len(parts) < 2:
            return None
        return [(fields, octets) for (fields, _), (_, octets) in zip(parts, parts[::-1], strict=True)]

    return parts_changed(x, change)


@bulkdata_parts_are_the_values.mutant
def values_in_big_endian(x: Exchange) -> Answer | None:
    """Pixel data of an instance comes with the octets of each word exchanged."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != "web.retrieve.pixeldata":
            return None
        return [(f, b"".join(o[at : at + 2][::-1] for at in range(0, len(o), 2))) for f, o in parts]

    return parts_changed(x, change)
