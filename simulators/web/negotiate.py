"""Knows how a representation is chosen from what a resource offers and what a request accepts (PS3.18 8.7.5 to 8.7.8).

Must not know resources, data sets or HTTP messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulators.web.media import Range

EXPLICIT_LE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
OCTETS = "application/octet-stream"
DICOM = "application/dicom"
JSON = "application/dicom+json"
XML = "application/dicom+xml"

# Table 8.7.3-5: compressed bulk data types with the transfer syntaxes they stand for, the default one first.
COMPRESSED: dict[str, tuple[str, ...]] = {
    "image/jpeg": ("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",
                   "1.2.840.10008.1.2.4.57"),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    "image/jls": ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
    "image/jp2": ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
    "image/jpx": ("1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"),
    "image/jphc": ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"),
    "image/jxl": ("1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"),
    "video/mpeg": ("1.2.840.10008.1.2.4.101", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.100.1",
                   "1.2.840.10008.1.2.4.101.1"),
    "video/mp4": ("1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.102.1", "1.2.840.10008.1.2.4.103",
                  "1.2.840.10008.1.2.4.103.1", "1.2.840.10008.1.2.4.104", "1.2.840.10008.1.2.4.104.1",
                  "1.2.840.10008.1.2.4.105", "1.2.840.10008.1.2.4.105.1", "1.2.840.10008.1.2.4.106",
                  "1.2.840.10008.1.2.4.106.1"),
    "video/h265": ("1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108"),
}  # fmt: skip
TYPE_OF = {syntax: name for name, syntaxes in COMPRESSED.items() for syntax in syntaxes}
# The pixel data may be lossy, so it may be all the origin server has (8.7.3.4 Note 2).
LOSSY = frozenset(
    f"1.2.840.10008.1.2.4.{n}" for n in ("50", "51", "81", "91", "93", "203", "111", "112", "100", "100.1", "101",
                                         "101.1", "102", "102.1", "103", "103.1", "104", "104.1", "105", "105.1",
                                         "106", "106.1", "107", "108")
)  # fmt: skip
# Media types that only DICOM representations have, and types that only rendered ones have (8.7.3, 8.7.4).
_DICOM_ONLY = {DICOM, JSON, XML, OCTETS, "image/dicom-rle", "image/jls", "image/jpx", "image/jphc"}
_RENDERED_ONLY = {"image/gif", "image/png", "image/jph", "text/html", "text/plain", "text/xml", "text/rtf",
                  "application/pdf"}  # fmt: skip
_EITHER = set(COMPRESSED) - _DICOM_ONLY


@dataclass(frozen=True)
class Offer:
    """A media type that a resource can be had in.

    `syntaxes` are the transfer syntaxes it can be delivered in, best first; `default` is the one that a request
    without the parameter means, () and '' for a type to which transfer syntaxes do not matter.
    """

    type: str
    multipart: bool = False
    syntaxes: tuple[str, ...] = ()
    default: str = ""

    @property
    def line(self) -> str:
        """The media type as one writes it in an Accept field."""
        return f'multipart/related; type="{self.type}"' if self.multipart else self.type


@dataclass(frozen=True)
class Selected:
    """The outcome: an offer and the transfer syntax of it; `weight` and `wish` rank it among other outcomes."""

    offer: Offer
    syntax: str = ""
    weight: float = 1.0
    wish: int = 0


@dataclass(frozen=True)
class Acceptable:
    """The Acceptable Media Types of one request: those of the accept parameter and those of the field (8.7.5)."""

    parameter: tuple[Range, ...] = ()
    field: tuple[Range, ...] = ()

    def mixed(self, bulk: bool) -> bool:
        """DICOM and rendered types stand together. `bulk`: the resource has compressed bulk data types of its own."""
        names = {_root(r) for r in (*self.parameter, *self.field)}
        single = {r.name for r in (*self.parameter, *self.field)}
        rendered = names & _RENDERED_ONLY or (not bulk and single & _EITHER)
        return bool(names & _DICOM_ONLY) and bool(rendered)

    def choose(self, offers: Sequence[Offer]) -> Selected | None:
        """The Selected Media Type and Transfer Syntax of 8.7.8; None stands for 406."""
        return _best(self.parameter, offers) or _best(self.field, offers)

    def syntaxes(self) -> frozenset[str]:
        """The transfer syntaxes that the request names, and the default ones of compressed types that it names."""
        ranges = (*self.parameter, *self.field)
        named = {r.parameters.get("transfer-syntax", "") for r in ranges}
        usual = {COMPRESSED[root][0] for r in ranges if (root := _root(r)) in COMPRESSED}
        return frozenset(named | usual) - {"", "*"}

    def rounds(self) -> tuple[Acceptable, Acceptable]:
        """The parameter alone, then the field alone: the field counts only where the parameter gives nothing."""
        return Acceptable(parameter=self.parameter), Acceptable(field=self.field)


def _root(range: Range) -> str:
    """The media type that a range is about: that of the parts for a multipart type."""
    return range.parameters.get("type", "").lower() if range.multipart else range.name


def _best(ranges: Sequence[Range], offers: Sequence[Offer]) -> Selected | None:
    found = [selected for offer in offers for selected in _candidates(ranges, offer)]
    # max() keeps the first among equals: the order of the offers decides a tie, the default standing first
    return max(found, key=lambda s: (s.weight, s.wish), default=None)


def _candidates(ranges: Sequence[Range], offer: Offer) -> Iterator[Selected]:
    """Each representation with the weight of the most specific range that it matches; weight 0 is not acceptable."""
    for syntax in offer.syntaxes or ("",):
        matches = [(level, r.q) for r in ranges if (level := _level(r, offer, syntax))]
        if matches:
            level, q = max(matches)
            if q > 0:
                yield Selected(offer, syntax, q, int(level >= _NAMED))


# How specific a range is: names first, then what it says about the transfer syntax.
_ANY, _KIND, _FORM, _FAMILY, _NAMED = 10, 20, 30, 40, 50


def _level(range: Range, offer: Offer, syntax: str) -> int:
    """How specifically the range names this representation; 0 when it does not."""
    name, parameter = _name_level(range, offer), _syntax_level(range, offer, syntax)
    return name + parameter if name and parameter else 0


def _name_level(range: Range, offer: Offer) -> int:
    if range.name == "*/*":
        return _ANY
    if not offer.multipart:
        return _type_level(range.name, offer.type, _KIND)
    if range.name == "multipart/*":
        return _KIND
    if range.name != "multipart/related" or "type" in range.repeated:
        return 0
    root = range.parameters.get("type", "*/*").lower()
    return _FORM if root == "*/*" else _type_level(root, offer.type, _FAMILY)


def _type_level(name: str, type: str, family: int) -> int:
    if name == type:
        return _NAMED
    return family if name.endswith("/*") and type.startswith(name[:-1]) else 0


def _syntax_level(range: Range, offer: Offer, syntax: str) -> int:
    """1 for the default of a range that says nothing, 2 for "any", 3 for this very one (8.7.3.5.2); else 0."""
    wanted = range.parameters.get("transfer-syntax")
    if not offer.syntaxes:
        return 1
    if "transfer-syntax" in range.repeated:
        return 0
    if wanted is None:
        return int(syntax == offer.default)
    return 2 if wanted == "*" else 3 * int(wanted == syntax)
