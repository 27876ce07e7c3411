"""Knows the tables of PS3.18 on media types and transfer syntaxes, by edition.

Must not know exchanges or rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.wire.media import Range, Reading

DICOM, JSON, XML = "application/dicom", "application/dicom+json", "application/dicom+xml"
OCTETS = "application/octet-stream"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
# 8.6.2.1 and 8.7.3: neither of them is used with web services.
FORBIDDEN: Mapping[str, str] = {
    "1.2.840.10008.1.2": "Implicit VR Little Endian",
    "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
}


@dataclass(frozen=True)
class Offer:
    """A media type that an origin server has to support for a resource; `default` is what any type is answered with."""

    type: str
    multipart: bool = False
    default: bool = False

    def reading(self, syntax: str = "") -> Reading:
        """Its Content-Type, with a transfer syntax where one matters."""
        parameters = {"transfer-syntax": syntax} if syntax else {}
        if self.multipart:
            return Reading("multipart/related", {"type": self.type, **parameters})
        return Reading(self.type, parameters)

    def allowed(self, range: Range, syntax: str = "") -> bool:
        reading = self.reading(syntax)
        return range.covers(reading.type, reading.parameters)

    def is_type_of(self, reading: Reading) -> bool:
        """Whether a Content-Type is this one, transfer syntax and charset aside."""
        if self.multipart:
            root = reading.root
            return reading.type == "multipart/related" and root == self.type
        return reading.type == self.type

    def __str__(self) -> str:
        return f'multipart/related; type="{self.type}"' if self.multipart else self.type


_METADATA = (Offer(JSON, default=True), Offer(XML, multipart=True))
_BULK = (Offer(OCTETS, multipart=True),)
# Tables 10.4.4-1 and 10.6.4-1. Before 2023e one table with one default stood for all resources of Retrieve.
_SINCE_2023E: Mapping[str, tuple[Offer, ...]] = {
    "web.search": _METADATA,
    "web.retrieve.metadata": _METADATA,
    "web.retrieve.instances": (Offer(DICOM, multipart=True, default=True), Offer(OCTETS, multipart=True)),
    "web.retrieve.frames": _BULK,
    "web.retrieve.bulkdata": _BULK,
    "web.retrieve.pixeldata": _BULK,
}
_BEFORE: Mapping[str, tuple[Offer, ...]] = {
    **_SINCE_2023E,
    "web.retrieve.instances": (Offer(DICOM, multipart=True), Offer(OCTETS, multipart=True)),
}


def offers(kind: str, edition: str) -> tuple[Offer, ...]:
    """What has to be offered for a kind of exchange, the default first; () where no table speaks of it."""
    table = _SINCE_2023E if edition >= "2023e" else _BEFORE
    return next((found for on, found in table.items() if kind == on or kind.startswith(on + ".")), ())


def fallback(kind: str, edition: str) -> Offer | None:
    """What is answered when nothing acceptable is supported (8.3.3.1, 8.7.3): the default of the resource.

    Bulkdata has none in Table 10.4.4-1 and one in Table 8.7.3-4.
    """
    found = offers(kind, edition)
    return found[0] if found and (found[0].default or found[0].type == OCTETS) else None


_J = "1.2.840.10008.1.2.4."


def _syntaxes(*numbers: str) -> tuple[str, ...]:
    return tuple(_J + number for number in numbers)


# Table 8.7.3-5: the transfer syntaxes of each compressed bulkdata media type, the default first.
COMPRESSED: Mapping[str, tuple[str, ...]] = {
    "image/jpeg": _syntaxes("70", "50", "51", "57"),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    "image/jls": _syntaxes("80", "81"),
    "image/jp2": _syntaxes("90", "91"),
    "image/jpx": _syntaxes("92", "93"),
    "image/jphc": _syntaxes("201", "202", "203"),
    "image/jxl": _syntaxes("110", "111", "112"),
    "video/mpeg": _syntaxes("101", "101.1", "100", "100.1"),
    "video/mpeg2": _syntaxes("101", "100"),  # the name before 2023e
    "video/mp4": _syntaxes("102", "102.1", "103", "103.1", "104", "104.1", "105", "105.1", "106", "106.1"),
    "video/h265": _syntaxes("107", "108"),
}
OLD_NAMES: Mapping[str, str] = {"image/x-dicom-rle": "image/dicom-rle", "image/x-jls": "image/jls"}  # 8.7.3.3.2 Note
# What an origin server may hold in lossy form only, and then need not decompress (8.7.3, 8.7.3.4 Note 2).
LOSSY = frozenset(
    _syntaxes("50", "51", "81", "91", "93", "203", "111", "112", "100", "100.1", "101", "101.1", "102", "102.1", "103",
              "103.1", "104", "104.1", "105", "105.1", "106", "106.1", "107", "108")
)  # fmt: skip
# 8.7.5 parts media types in two sets. Only those that stand in one of them alone can show a mixture.
DICOM_ONLY = frozenset({DICOM, JSON, XML, OCTETS, "image/dicom-rle", "image/jls", "image/jpx", "image/jphc"})
RENDERED_ONLY = frozenset({"image/gif", "image/png", "text/html", "text/plain"})

Usage = Literal["default", "required", "optional", "refused"]


@dataclass(frozen=True)
class Row:
    """A line of the negotiation matrix: a representation that somebody may want of a resource.

    `resource`: "search", "metadata", "instance", "study", "frame" or "bulkdata". `syntax` is the transfer-syntax
    parameter, '' for none, "stored" for the one that the instance is held in. `pixels`: only where there are frames.
    `refused`: no origin server may answer it with success, but for the default type by policy D-02.
    """

    resource: str
    offer: Offer
    usage: Usage
    syntax: str = ""
    pixels: bool = False
    since: str = ""


_PARTS, _SINGLE = Offer(DICOM, multipart=True), Offer(DICOM)
_OCTETS, _BARE = Offer(OCTETS, multipart=True), Offer(OCTETS)
_DEFLATED, _RLE, _J2K = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", _J + "90"


def _frame(type: str, syntax: str = "", since: str = "") -> Row:
    return Row("frame", Offer(type, multipart=True), "optional", syntax, pixels=True, since=since)


# Tables 10.4.4-1 and 10.6.4-1 with Tables 8.7.3-2, 8.7.3-4 and 8.7.3-5: resource, media type, transfer syntax.
MATRIX: tuple[Row, ...] = (
    *(Row("search", o, "default" if o.default else "required") for o in _METADATA),
    *(Row("metadata", o, "default" if o.default else "required") for o in _METADATA),
    Row("instance", _PARTS, "default"),
    Row("instance", _PARTS, "default", EXPLICIT_LE),
    Row("instance", _PARTS, "optional", "stored"),
    *(Row("instance", _PARTS, "optional", s, pixels=True) for s in (_RLE, _J2K, _J + "80", _J + "70", _J + "50")),
    Row("instance", _PARTS, "optional", _DEFLATED),
    *(Row("instance", _PARTS, "refused", syntax) for syntax in FORBIDDEN),
    Row("instance", _OCTETS, "required", pixels=True),
    Row("instance", _SINGLE, "optional"),
    Row("instance", _SINGLE, "optional", "stored"),
    Row("study", _PARTS, "default"),
    Row("study", _PARTS, "default", "*"),
    Row("study", _SINGLE, "refused", since="2023e"),
    Row("frame", _OCTETS, "required", pixels=True),
    Row("frame", _OCTETS, "required", EXPLICIT_LE, pixels=True),
    Row("frame", _BARE, "optional", pixels=True, since="2023e"),
    *map(_frame, ("image/jp2", "image/dicom-rle", "image/jls", "image/jpeg")),
    _frame("image/jpeg", _J + "50"),
    _frame("image/jp2", _J + "91"),
    _frame("image/jphc", since="2023e"),
    _frame("image/jxl", since="2024e"),
    Row("frame", Offer("image/jp2"), "optional", pixels=True, since="2023e"),
    *(Row("frame", _OCTETS, "refused", syntax, pixels=True) for syntax in FORBIDDEN),
    Row("bulkdata", _OCTETS, "required", pixels=True),
    Row("bulkdata", _BARE, "optional", pixels=True, since="2023e"),
    Row("bulkdata", Offer("image/jp2", multipart=True), "optional", pixels=True),
)  # fmt: skip
