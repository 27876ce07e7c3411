"""Knows how a rule of Retrieve reads an exchange: what was stored below the resource, and what came back.

Must not know what a right answer is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.body import Body
from harness.exchange import Answer, Exchange, view
from harness.past import SERIES, SOP_INSTANCE, STUDY, Kept, Past
from harness.wire import dicom_json, media, native_xml, part10
from harness.wire.uri import Resource

EXPLICIT_LE = "1.2.840.10008.1.2.1"
IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
_JPEG = "1.2.840.10008.1.2.4."
# Transfer syntaxes whose pixel data may be lossy, so that it may be all the origin server has (8.7.3.4 Note 2).
LOSSY = frozenset(
    _JPEG + n for n in ("50", "51", "53", "55", "81", "91", "93", "94", "95", "203", "111", "112", "204", "205",
                        "100", "100.1", "101", "101.1", "102", "102.1", "103", "103.1", "104", "104.1", "105",
                        "105.1", "106", "106.1", "107", "108")
)  # fmt: skip
# Table 8.7.3-5: media types of compressed pixel data and the transfer syntaxes they stand for, the default first.
COMPRESSED: Mapping[str, tuple[str, ...]] = {
    "image/jpeg": (_JPEG + "70", _JPEG + "50", _JPEG + "51", _JPEG + "57"),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    "image/jls": (_JPEG + "80", _JPEG + "81"),
    "image/jp2": (_JPEG + "90", _JPEG + "91"),
    "image/jpx": (_JPEG + "92", _JPEG + "93"),
    "image/jphc": (_JPEG + "201", _JPEG + "202", _JPEG + "203"),
    "image/jxl": (_JPEG + "110", _JPEG + "111", _JPEG + "112"),
    "video/mpeg": (_JPEG + "101", _JPEG + "101.1", _JPEG + "100", _JPEG + "100.1"),
    "video/mp4": tuple(_JPEG + n for n in ("102", "102.1", "103", "103.1", "104", "104.1", "105", "105.1", "106",
                                           "106.1")),
    "video/h265": (_JPEG + "107", _JPEG + "108"),
}  # fmt: skip
DICOM, JSON, XML = "application/dicom", "application/dicom+json", "application/dicom+xml"
OCTETS, RELATED = "application/octet-stream", "multipart/related"
# What every origin server has to offer, in the syntax that it has to offer it in (8.7.3.4, 10.4.4).
_SYNTAX = {DICOM: {"transfer-syntax": EXPLICIT_LE}, OCTETS: {"transfer-syntax": EXPLICIT_LE}}
_RELATED = {t: media.Reading(RELATED, {"type": t, **_SYNTAX.get(t, {})}) for t in (DICOM, XML, OCTETS)}
_SINGLE = {t: media.Reading(t, _SYNTAX.get(t, {})) for t in (DICOM, JSON, OCTETS)}


@dataclass(frozen=True, slots=True)
class Found:
    """One instance as an answer names it; UIDs are '' where they could not be read."""

    where: str
    study: str
    series: str
    instance: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One representation: a part, or a body that is not multipart. `type` is its media type in lower case."""

    where: str
    type: str
    syntax: str  # the transfer-syntax parameter, '' without
    location: str | None
    content: Body


def past_of(x: Exchange) -> Past:
    return (x.context.past if x.context else None) or Past()


def held(x: Exchange) -> list[Kept]:
    """What was stored below the resource and acknowledged before this exchange."""
    r = x.resource
    if not r.study:
        return []
    return [k for k in past_of(x).below(r.study, r.series) if not r.instance or k.instance == r.instance]


@lru_cache(maxsize=256)
def stored(kept: Kept) -> part10.Reading:
    """The instance as it was sent."""
    return part10.read(kept.sent)


def asks_type(x: Exchange, type_: str, root: str = "") -> bool:
    """Accept has a range, heavier than 0, that covers this type; `root`: the type of the parts."""
    reading = _RELATED[root] if type_ == RELATED else _SINGLE[type_]
    return x.ask.accept.present and x.ask.accept.weight(reading) > 0


def plain_get(x: Exchange) -> bool:
    """A GET whose only condition is its Accept field, and that field is readable DICOM through and through."""
    if x.ask.method != "GET" or x.resource.query.raw or not x.ask.accept.ranges or x.ask.accept.flaws:
        return False
    if any(n.lower() == "range" or n.lower().startswith("if-") for n, _ in x.ask.headers):
        return False
    return all(_dicom_range(r) for r in x.ask.accept.ranges)


def _dicom_range(r: media.Range) -> bool:
    known = ("*/*", "application/*", "multipart/*", DICOM, JSON, OCTETS)
    return r.type in known or (r.type == RELATED and r.parameters.get("type", "*/*").lower() in (*_RELATED, "*/*"))


def got(x: Exchange) -> bool:
    """A complete 200 or 206 to a GET, and no mere range of it."""
    whole = x.answer.status in (200, 206) and x.answer.fault is None and not x.answer.ranged
    return x.ask.method == "GET" and whole


def pieces(answer: Answer) -> list[Piece]:
    """The representations in an answer: its parts in order, or the body itself."""
    if answer.multipart is None:
        syntax = answer.media.parameters.get("transfer-syntax", "")
        return [Piece("body", answer.type, syntax, answer.headers.get("content-location"), answer.payload)]
    return [
        Piece(f"part {n}", p.media.type, p.media.parameters.get("transfer-syntax", ""), p.get("content-location"),
              p.content)
        for n, p in enumerate(answer.parts, 1)
    ]  # fmt: skip


def files(answer: Answer) -> list[tuple[Piece, part10.Reading]]:
    """The PS3.10 files of an answer with the piece each stands in."""
    framed = [p for p in pieces(answer) if p.type == DICOM]
    return list(zip(framed, answer.files, strict=False))


@view
def datasets(answer: Answer) -> list[tuple[str, Mapping[str, Any]]]:
    """The data sets of a metadata answer in DICOM JSON form, each with where it stands; XML is mapped by F.3."""
    if answer.json is not None:
        return [(f"/{n}", d) for n, d in enumerate(answer.json.datasets)]
    shown = [(n, native_xml.to_json(d)) for n, r in enumerate(answer.documents, 1) for d in r.datasets]
    return [(f"document {n}", d) for n, d in shown]


@view
def instances(answer: Answer) -> list[Found]:
    """Every instance of an answer, PS3.10 or metadata, with the UIDs it says of itself."""
    found = []
    for piece, reading in files(answer):
        ds = reading.dataset
        found.append(Found(piece.where, ds.text(STUDY), ds.text(SERIES), ds.text(SOP_INSTANCE)))
    if answer.json is not None or not answer.files:
        for where, d in datasets(answer):
            found.append(Found(where, *(dicom_json.text(d, tag) for tag in (STUDY, SERIES, SOP_INSTANCE))))
    return found


def named(r: Resource) -> tuple[str, str, str]:
    return r.study, r.series, r.instance


def listed(uids: list[str], most: int = 3) -> str:
    """Some UIDs for people, and how many more there are."""
    more = f" and {len(uids) - most} more" if len(uids) > most else ""
    return ", ".join(uids[:most]) + more
