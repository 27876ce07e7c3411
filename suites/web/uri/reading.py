"""Knows how a rule of the URI service reads an exchange: what was asked for, what kind of thing is held, what came.

Must not know what a right answer is.
"""

from __future__ import annotations

import re

from harness.context import Context
from harness.exchange import Exchange, Journey, view
from harness.past import SOP_CLASS, Kept
from harness.wire import images, media
from harness.wire.uri import URI_PARAMETERS, valid_uid
from suites.web.retrieve.reading import DICOM, got, held, stored

KIND = "web.uri"
NONE_OF_OURS = "application/x-dicomproof-none"  # a media type that nobody offers
JPEG, HTML, PLAIN, PDF = "image/jpeg", "text/html", "text/plain", "application/pdf"
FRAMES, ROWS, COLUMNS, PIXELS = "00280008", "00280010", "00280011", "7FE00010"
# The parameters that ask for a rendering (Table 9.5.1-1); annotation has two names in the text.
WINDOW, STATE = ("windowCenter", "windowWidth"), ("presentationSeriesUID", "presentationUID")
ANNOTATION = ("annotation", "imageAnnotation")
RENDERING = ("frameNumber", *ANNOTATION, "imageQuality", "rows", "columns", "region", *WINDOW, *STATE)
_REPORTS = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.")  # SR and encapsulated documents
_VIDEO = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?\Z")
_DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[Ee][+-]?[0-9]+)?\Z", re.ASCII)


def chosen(x: Exchange | Journey, policy: str) -> str:
    """The reading chosen for this run, the usual one where nobody chose."""
    return (x.context or Context()).policy(policy)


def value(x: Exchange, name: str) -> str | None:
    """The decoded value of a parameter, None when it is absent."""
    return x.ask.query.get(name)


def number(text: str | None) -> float | None:
    """A decimal of Table 5.1-1, None for anything else."""
    return float(text) if text is not None and len(text) <= 16 and _DECIMAL.match(text) else None


@view
def lawful(x: Exchange) -> bool:
    """A GET with the four parameters that every request has, each once and in its grammar (9.1.2.1)."""
    if x.ask.method != "GET" or any(len(x.ask.query.all(name)) != 1 for name in URI_PARAMETERS):
        return False
    return value(x, "requestType") == "WADO" and all(map(valid_uid, x.resource.uids)) and len(x.resource.uids) == 3


def only(x: Exchange, *names: str) -> bool:
    """Lawful, without conditions in header fields, and with no other parameters than these, each at most once."""
    if any(n.lower() == "range" or n.lower().startswith("if-") for n, _ in x.ask.headers):
        return False
    others = [p.name for p in x.ask.query.parameters if p.name not in URI_PARAMETERS]
    return lawful(x) and len(others) == len(set(others)) and set(others) <= set(names)


@view
def types(x: Exchange) -> tuple[media.Range, ...]:
    """The media types of contentType, () when it is absent or names what is none."""
    found = media.read_accept([value(x, "contentType") or ""])
    return () if found.flaws else found.ranges


def accepts(x: Exchange, type_: str) -> bool:
    """The Accept field covers this type, or there is none, which is no error in this service (9.4.1.3)."""
    return not x.ask.accept.flaws and x.ask.accept.weight(media.Reading(type_, {})) > 0


def wants(x: Exchange, type_: str) -> bool:
    """contentType names this type alone and the Accept field covers it."""
    found = types(x)
    return [r.type for r in found] == [type_] and not found[0].parameters and found[0].q > 0 and accepts(x, type_)


def wants_file(x: Exchange) -> bool:
    """A PS3.10 file is what is asked for, by contentType or by an Accept field that names nothing else."""
    if "contentType" in x.ask.query:
        return wants(x, DICOM)
    return [r.type for r in x.ask.accept.ranges] == [DICOM] and x.ask.accept.ranges[0].q > 0


def exists(x: Exchange) -> bool:
    """It was stored before under just these UIDs, or the target itself showed it to the probe."""
    return len(held(x)) == 1 or bool(x.facts.get("held"))


def kept(x: Exchange) -> Kept | None:
    """The instance as it was stored, None when we do not know it."""
    found = held(x) if len(x.resource.uids) == 3 else []
    return found[0] if found else None


@view
def category(x: Exchange) -> str:
    """The Resource Category of Table 8.7.2-1: single, multi, video, text, other; '' when nobody knows it."""
    known = kept(x)
    if known is None:
        return str(x.facts.get("category") or "")
    dataset = stored(known).dataset
    if dataset.text(SOP_CLASS).startswith(_REPORTS):
        return "text"
    if not any(tag in dataset.elements for tag in (PIXELS, "7FE00008", "7FE00009")):
        return "other"
    frames = dataset.text(FRAMES)
    if _VIDEO.match(known.transfer_syntax):
        return "video"
    return "multi" if frames.isdigit() and int(frames[:9]) > 1 else "single"


@view
def picture(x: Exchange) -> images.Reading:
    """The picture that the answer holds."""
    return images.read(x.answer.payload)


def shown(x: Exchange) -> bool:
    """A whole picture came."""
    return got(x) and x.answer.type.startswith("image/")
