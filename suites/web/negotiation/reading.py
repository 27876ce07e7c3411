"""Knows how the rules on negotiation read an exchange: what was acceptable, what came, which files it carries.

Must not know what a right answer is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.body import Body
from harness.context import DEFAULT_EDITION
from harness.exchange import Exchange, view
from harness.past import Past
from harness.wire import media, part10
from suites.web.negotiation.tables import DICOM, DICOM_ONLY, LOSSY, RENDERED_ONLY, Offer, fallback, offers

READS = "web.search|web.retrieve"
REFUSALS = (406, 415)
_SOP_INSTANCE, _STUDY, _SERIES = "00080018", "0020000D", "0020000E"


@dataclass(frozen=True, slots=True)
class Item:
    """One representation in an answer: where it stands, its Content-Type, its octets."""

    where: str
    media: media.Reading
    content: Body

    @property
    def syntax(self) -> str:
        """The transfer-syntax parameter, '' without one."""
        return self.media.parameters.get("transfer-syntax", "")


def edition(x: Exchange) -> str:
    return x.context.edition if x.context else DEFAULT_EDITION


def offered(x: Exchange) -> tuple[Offer, ...]:
    return offers(x.kind, edition(x))


def default(x: Exchange) -> Offer | None:
    return fallback(x.kind, edition(x))


def ranges(x: Exchange) -> tuple[media.Range, ...]:
    """The readable members of the Accept field."""
    return x.ask.accept.ranges


@view
def parameter(x: Exchange) -> media.AcceptReading:
    """The accept query parameter, read like the field (8.3.3.1); wildcards have no place in it and are left out."""
    found = media.read_accept([p.value for p in x.ask.query.all("accept") if p.value])
    named = tuple(r for r in found.ranges if "*" not in r.type)
    return media.AcceptReading(named, found.flaws, found.raw, bool(named))


def negotiable(x: Exchange) -> bool:
    """A GET with an Accept field that can be read, for a resource whose media types a table gives."""
    return x.ask.method == "GET" and bool(ranges(x)) and bool(offered(x))


def came(x: Exchange) -> bool:
    """A whole representation, or a list of them, came back."""
    carried = x.answer.body.size > 0 and bool(x.answer.type) and not x.answer.ranged
    return x.answer.status in (200, 206) and carried


def held(x: Exchange) -> bool:
    """The probe took the resource from what the target is known to hold, so 404 and the like are no answer."""
    return bool(x.facts.get("held"))


def mixed(x: Exchange) -> bool:
    """DICOM and rendered media types stand together among the acceptable ones (8.7.5)."""
    found = [r for r in (*ranges(x), *parameter(x).ranges) if r.q > 0]
    roots = {r.parameters.get("type", "").lower() if r.type.startswith("multipart/") else r.type for r in found}
    single = {r.type for r in found if not r.type.startswith("multipart/")}
    return bool(roots & DICOM_ONLY) and bool(single & RENDERED_ONLY)


def weight(x: Exchange, reading: media.Reading) -> float:
    """The weight of a representation by the Accept field."""
    return x.ask.accept.weight(reading)


@view
def told(x: Exchange) -> media.Reading:
    """The Content-Type of the answer; of a multipart one with the bare type of its parts and their parameters.

    8.7.1 makes the type parameter a whole media type, so a transfer syntax may stand inside it as well.
    """
    reading = x.answer.media
    if not reading.type.startswith("multipart/"):
        return reading
    named = reading.parameters.get("type", "")
    root = media.read_content_type([named]) if named else x.answer.parts[0].media if x.answer.parts else None
    if root is None or not root.type:
        return reading
    return media.Reading(reading.type, {**root.parameters, **reading.parameters, "type": root.type})


def kind_of(x: Exchange) -> str:
    """What came, for people and for comparisons: type/subtype, with the type of the parts."""
    reading = told(x)
    root = reading.parameters.get("type", "").lower()
    return f'{reading.type}; type="{root}"' if reading.type.startswith("multipart/") else reading.type


def items(x: Exchange) -> list[Item]:
    """The representations in an answer: its parts, or the body itself."""
    if x.answer.multipart is None:
        return [Item("body", x.answer.media, x.answer.payload)] if x.answer.body.size else []
    return [Item(f"part {p.index + 1}", p.media, p.content) for p in x.answer.parts]


def files(x: Exchange) -> Iterator[tuple[Item, part10.Reading]]:
    """The PS3.10 files in an answer that can be read, each with where it stands."""
    framed = [i for i in items(x) if i.media.type == DICOM]
    for item, reading in zip(framed, x.answer.files, strict=False):
        if reading.transfer_syntax:
            yield item, reading


def lossy_only(x: Exchange, instance: str = "") -> bool | None:
    """Whether an instance, or any below the resource, is held in lossy form; None when nobody knows."""
    past = (x.context.past if x.context else None) or Past()
    if instance or x.resource.instance:
        kept = past.get(instance or x.resource.instance)
        return kept.transfer_syntax in LOSSY if kept else None
    below = list(past.below(x.resource.study, x.resource.series)) if x.resource.study else []
    return any(k.transfer_syntax in LOSSY for k in below) if below else None


def too_long(reading: part10.Reading) -> bool:
    """Its pixels, uncompressed, have no room in the value field of explicit VR little endian (32 bits of length)."""

    def number(tag: str, otherwise: int) -> int:
        element = reading.dataset.get(tag)
        raw = element.value.read(0, 16) if element and element.value else b""
        if element and element.vr == "IS":
            text = raw.decode("latin-1").strip(" \0")
            return int(text) if text.isdigit() else otherwise
        return int.from_bytes(raw[:2], "little") if len(raw) >= 2 else otherwise

    size = number("00280010", 0) * number("00280011", 0) * number("00280002", 1) * number("00280008", 1)
    return size * number("00280100", 8) // 8 > 0xFFFFFFFE
