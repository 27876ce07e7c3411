"""Knows the URI service: one instance as a PS3.10 file or rendered, asked for by query parameters (PS3.18 9).

Must not know how parameters are written, nor how pictures are made.

Its Base URI is `{root}/wado`; a request to the Base URI of the other services is understood as well, for several
services may share one (8.2). An Accept header field may be missing (9.4.1.3), which then means any media type.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from anyio.to_thread import run_sync
from PIL import Image
from pydicom.dataset import Dataset

from simulators.archive.held import Held
from simulators.model.deidentify import Refused, burned_in, deidentified
from simulators.render import charsets, geometry
from simulators.render.render import frame_types, media_types, rendered
from simulators.render.view import BadView, TooLarge, Unrenderable, View, Viewport, Window
from simulators.web import media, pixels, uri_request
from simulators.web.call import Call, Reply
from simulators.web.content import Piece, joined
from simulators.web.media import Range
from simulators.web.negotiate import DICOM, Acceptable, Offer
from simulators.web.report import Problem
from simulators.web.service import Service
from simulators.web.uri_request import KEYWORDS, Asked

MOST = 256 << 20  # octets of an instance that is anonymized, which is done in memory
_STATES = "1.2.840.10008.5.1.4.1.1.11."  # Presentation State Storage SOP Classes begin so
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."  # documents leave as they were stored, in a character set of their own
_ANY = (Range("*/*"),)
# What the parameters of a view are called in this service (9.5.1.2).
_NAMES = {"viewport": "rows, columns or region", "window": "windowCenter and windowWidth", "quality": "imageQuality"}


async def retrieve(call: Call, service: Service) -> Reply:
    """The instance that the parameters name, in the Selected Media Type (9.4, 9.5)."""
    asked = uri_request.read(call.query)
    held = await _select(service, asked.study, asked.series, asked.instance)
    if held is None:
        raise Problem(404, "No instance is held under studyUID, seriesUID and objectUID.", temporary=True)
    if not any(t.name == DICOM for t in asked.types):
        _frame(asked, held)
    type = _selected(call, asked, held)
    if type == DICOM:
        return await _file(call, asked, held)
    return await _picture(call, asked, held, await _state(service, asked), type)


async def home(call: Call, service: Service) -> Reply:
    """A GET of the Base URI that the services share: a request to this one has a requestType."""
    if not any(p.name == "requestType" for p in call.query):
        raise Problem(405, "GET is not supported here but for the URI service.", headers=[("allow", "OPTIONS")])
    return await retrieve(call, service)


async def _select(service: Service, study: str, series: str, instance: str) -> Held | None:
    found = await run_sync(partial(service.archive.select, study, series, instance))
    return found[0] if found else None


async def _state(service: Service, asked: Asked) -> Held | None:
    """The presentation state to apply; Problem 400 when there is none under its UIDs (8.3.5.1.6)."""
    if asked.state is None:
        return None
    state = await _select(service, asked.study, *asked.state)
    if state is None or not state.sop_class.startswith(_STATES):
        detail = "No presentation state is held under presentationSeriesUID and presentationUID in this study."
        raise Problem(400, detail, temporary=True)
    return state


def _frame(asked: Asked, held: Held) -> None:
    """Problem 400 for a frame of what has none of that number, or is no multi-frame image (9.5.2.1)."""
    if asked.frame is None:
        return
    if not held.pixel_tag or "00280008" not in _metadata(held):
        raise Problem(400, "Parameter frameNumber is for multi-frame images and video, which this instance is not.")
    if asked.frame > held.frames:
        raise Problem(400, f"Parameter frameNumber goes to {held.frames} here, not to {asked.frame}.")


def _metadata(held: Held, *tags: str) -> dict[str, dict[str, list[object]]]:
    """The attributes as DICOM JSON, all of them or these."""
    found: dict[str, dict[str, list[object]]] = json.loads(held.metadata.replace(b"\0", b""))
    return {tag: found[tag] for tag in tags if tag in found} if tags else found


# --- which representation ----------------------------------------------------------------------------------------


def _offers(asked: Asked, held: Held) -> tuple[Offer, ...]:
    """What this target can be had in, the default first: a picture before the file (9.3, Table 8.7.4-1).

    Of several frames a still picture shows the first one, because image/jpeg is what they come in by default.
    """
    types = frame_types(held) if asked.frame else dict.fromkeys((*frame_types(held), *media_types(held)))
    return tuple(Offer(t) for t in (*types, DICOM))


def _selected(call: Call, asked: Asked, held: Held) -> str:
    """The Selected Media Type: from contentType, else from Accept (8.7.8.1).

    Problem 400 when DICOM and rendered types stand together, 406 for none.
    """
    for types in (asked.types, call.accept):
        if Acceptable(field=tuple(types)).mixed(bulk=False):
            raise Problem(400, "Acceptable media types are application/dicom or rendered ones, not both (contentType).")
    wanted = tuple(t for t in asked.types if not t.name.endswith("/*"))
    offers = _offers(asked, held)
    field = call.accept if "accept" in call.headers else () if wanted else _ANY
    selected = Acceptable(wanted, field).choose(offers)
    if selected is None:
        raise call.unacceptable(offers)
    return selected.offer.type


# --- as a file ---------------------------------------------------------------------------------------------------


async def _file(call: Call, asked: Asked, held: Held) -> Reply:
    """The PS3.10 file, in the Transfer Syntax asked for or the default one (9.4.2.4)."""
    if asked.window:
        detail = "Parameters windowCenter and windowWidth do not stand beside application/dicom (PS3.18 9.5.1.2.6)."
        raise Problem(400, detail)
    made, default = pixels.syntaxes(held)
    syntax = asked.syntax or default
    if syntax not in made:
        detail = f"The instance cannot be had as application/dicom in transferSyntax {syntax or 'of the default'}."
        raise Problem(406, detail, supported=made)
    pieces: Sequence[Piece] = await run_sync(pixels.instance, held, syntax)
    if asked.anonymize:
        pieces = (await run_sync(anonymized, held, pieces),)
    return Reply(200, DICOM, pieces, _location(call))


def anonymized(held: Held, pieces: Sequence[Piece]) -> bytes:
    """The PS3.10 file without identification; Problem 403 when that cannot be done here."""
    if held.size > MOST:
        raise Problem(403, f"Parameter anonymize is refused: more than {MOST >> 20} MiB are not anonymized here.")
    try:
        return deidentified(joined(pieces))
    except Refused as why:
        raise Problem(403, f"Parameter anonymize is refused for this instance: {why}.") from why


# --- rendered ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Matrix:
    """Pixels across and down."""

    columns: int
    rows: int

    @classmethod
    def of(cls, held: Held) -> _Matrix | None:
        attributes = _metadata(held)
        try:
            columns, rows = (int(str(attributes[tag]["Value"][0])) for tag in ("00280011", "00280010"))
        except (KeyError, IndexError, ValueError):
            return None
        return cls(columns, rows) if columns > 0 and rows > 0 else None


async def _picture(call: Call, asked: Asked, held: Held, state: Held | None, type: str) -> Reply:
    charset = _charset(call, asked)
    octets = await picture(asked, held, state, type, charset)
    headers = [*_location(call), *_unsupported(call, asked)]
    if type.startswith("text/") and not (type == "text/xml" and held.sop_class.startswith(_DOCUMENTS)):
        type = f"{type}; charset={charset or charsets.UTF8}"
    return Reply(200, type, (octets,), headers)


async def picture(asked: Asked, held: Held, state: Held | None, type: str, charset: str) -> bytes:
    """The instance rendered as a media type with the parameters of the request.

    Problem 403 where anonymize is refused, 406 and 413 for what cannot be made of it, 400 for a parameter at fault.
    """
    if asked.anonymize and not held.is_image:
        raise Problem(403, "Parameter anonymize is refused: a text cannot be rendered without what it says.")
    if asked.anonymize and burned_in(Dataset.from_json(_metadata(held, "00080060", "00080064", "00280301"))):
        raise Problem(403, "Parameter anonymize is refused: the pixels of this image may hold identification.")
    view = View(
        viewport=_viewport(asked, _Matrix.of(held)) if held.is_image else None,
        window=Window(*asked.window) if asked.window else None,
        annotations=frozenset(asked.annotations) & KEYWORDS,
        quality=asked.quality,
        charset=charset,
        state=state,
    )
    frames = [asked.frame] if asked.frame else None if type in media_types(held) else [1]
    try:
        return await run_sync(partial(_rendered, asked, held, type, view, frames))
    except Unrenderable as why:
        status = 413 if isinstance(why, TooLarge) else 406
        raise Problem(status, f"The instance cannot be rendered as {type}: {why}.") from why
    except BadView as why:
        raise Problem(400, f"Parameter {_NAMES.get(why.parameter, why.parameter)}: {why}") from why


def _rendered(asked: Asked, held: Held, type: str, view: View, frames: Sequence[int] | None) -> bytes:
    if view.state is not None and asked.region:
        # of what the state shows, whose size nobody knows before it is made (9.5.2.4)
        whole = Image.open(io.BytesIO(rendered(held, "image/png", replace(view, viewport=None), [asked.frame or 1])))
        view = replace(view, viewport=_viewport(asked, _Matrix(*whole.size)))
    return rendered(held, type, view, frames)


def _viewport(asked: Asked, matrix: _Matrix | None) -> Viewport | None:
    """rows, columns and region as a view of the source; with one of the sizes the other follows from it (9.5.2.5)."""
    if matrix is None or not (asked.rows or asked.columns or asked.region):
        return None
    left, top, right, bottom = asked.region or (0.0, 0.0, 1.0, 1.0)
    x, width = _pixels(left, right, matrix.columns)
    y, height = _pixels(top, bottom, matrix.rows)
    source = (float(x), float(y), float(width), float(height)) if asked.region else None
    if asked.rows and asked.columns:
        return Viewport(asked.columns, asked.rows, source)
    if asked.rows or asked.columns:
        # the other side has room for whatever follows from the shape of the image and of its pixels
        most = max(1, min(geometry.MOST_SIDE, geometry.MOST_PIXELS // (asked.rows or asked.columns or 1)))
        return Viewport(asked.columns or most, asked.rows or most, source)
    return Viewport(width, height, source)


def _pixels(low: float, high: float, count: int) -> tuple[int, int]:
    """The whole pixels from one part of a side to another, at least one: the first one and how many."""
    first = min(round(low * count), count - 1)
    return first, max(1, round(high * count) - first)


def _charset(call: Call, asked: Asked) -> str:
    """The Selected Character Set: of the parameter, else of Accept-Charset, '' for UTF-8 (8.8.5)."""
    for texts in ([asked.charset], call.headers.getlist("accept-charset")):
        weighed = [_weighed(word) for text in texts for word in media.split(text)]
        known = [(q, name) for name, q in weighed if name and q > 0]
        if known:
            return max(known, key=lambda pair: pair[0])[1]
    return ""


def _weighed(word: str) -> tuple[str, float]:
    """The name of a supported character set, '' for another, and its weight (8.8.4)."""
    name, _, weight = word.partition(";")
    try:
        q = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
    except ValueError:
        q = 1.0
    return charsets.known(name.strip().strip('"')), q


def _unsupported(call: Call, asked: Asked) -> list[tuple[str, str]]:
    """A warning that names annotations which are not supported and were ignored (8.3.5.1.1)."""
    others = [word for word in asked.annotations if word not in KEYWORDS]
    if not others:
        return []
    listed = ", ".join(others)
    return [("warning", f"299 {call.base}: The following annotation values are not supported: {listed[:200]}")]


def _location(call: Call) -> list[tuple[str, str]]:
    """What the payload represents: the Target URI, which has no other name (8.4.3, 9.1.1)."""
    raw: bytes = call.scope.get("query_string", b"")
    return [("content-location", f"{call.location}?{raw.decode('latin-1')}")]
