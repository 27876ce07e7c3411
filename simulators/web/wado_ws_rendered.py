"""Knows RetrieveRenderedImagingDocumentSet: a document rendered, and the values that were used (PS3.18 2017b 6.4.2).

Must not know SOAP, nor how pictures are made.
"""

from __future__ import annotations

import io
import json
from urllib.parse import quote

from anyio.to_thread import run_sync
from PIL import Image

from simulators.archive.held import Held
from simulators.render import charsets
from simulators.render.encode import DEFAULT_QUALITY
from simulators.render.render import frame_types, media_types
from simulators.web import media, uri_request, uri_service
from simulators.web.negotiate import Acceptable, Offer
from simulators.web.query import Parameter
from simulators.web.service import Service
from simulators.web.uri_request import KEYWORDS
from simulators.web.uri_request import Asked as Parameters
from simulators.web.wado_ws_answer import (
    FRAME_RANGE,
    INVALID,
    MULTI_FRAME,
    NO_PRESENTATION,
    NO_PRESENTATION_SERIES,
    NOT_IN_FORMAT,
    UNSUPPORTED,
    UNSUPPORTED_FORMAT,
    Made,
    Refused,
    anonymous,
)
from simulators.web.wado_ws_request import Wanted

# The elements of a request and what the URI service calls the same parameters (9.1.2.2, 9.5.1.2).
_NAMES = {
    "Annotation": "annotation",
    "Rows": "rows",
    "Columns": "columns",
    "Region": "region",
    "WindowCenter": "windowCenter",
    "WindowWidth": "windowWidth",
    "ImageQuality": "imageQuality",
    "PresentationUID": "presentationUID",
    "PresentationSeriesUID": "presentationSeriesUID",
    "FrameNumber": "frameNumber",
}
# What some product renders somewhere, so that it is known as a media type that cannot be had of this document only.
_RENDERED = frozenset(("image/jpeg", "image/png", "image/gif", "image/jp2", "text/html", "text/plain", "text/xml",
                       "text/rtf", "application/pdf", "video/mpeg", "video/mp4"))  # fmt: skip
_STATES = "1.2.840.10008.5.1.4.1.1.11."
_WHOLE = (0.0, 0.0, 1.0, 1.0)


async def made(service: Service, wanted: Wanted, held: Held) -> Made:
    """The document in the first listed media type that it can be had in; Refused where there is none, or where a
    parameter cannot be followed."""
    given = [Parameter(_NAMES[name], quote(text)) for name, text in wanted.texts.items() if name in _NAMES]
    four = (("requestType", "WADO"), ("studyUID", wanted.study), ("seriesUID", wanted.series),
            ("objectUID", wanted.document))  # fmt: skip
    hidden = [Parameter("anonymize", "yes")] if anonymous(wanted) else []
    asked = uri_request.read([*(Parameter(*pair) for pair in four), *given, *hidden])
    if asked.frame is not None and asked.frame > held.frames:
        raise Refused(FRAME_RANGE, f"There are {held.frames} frames.")
    type = _type(wanted, asked, held)
    state = await _state(service, asked)
    charset = next((known for name in wanted.lists.get("CharsetList", ()) if (known := charsets.known(name))), "")
    octets = await uri_service.picture(asked, held, state, type, charset)
    used = await run_sync(_used, asked, held, type, octets)
    return Made(type, (octets,), used, warnings=_warnings(wanted, asked, charset))


def _type(wanted: Wanted, asked: Parameters, held: Held) -> str:
    listed = wanted.lists.get("ContentTypeList", ())
    ranges = media.read_accept(list(listed))
    if not ranges:
        raise Refused(INVALID, "ContentTypeList lists media types, at least one.")
    whole, single = media_types(held), frame_types(held)
    offers = single if asked.frame else whole
    selected = Acceptable(field=ranges).choose([Offer(t) for t in offers])
    if selected is not None:
        return selected.offer.type
    if Acceptable(field=ranges).choose([Offer(t) for t in single]) is not None:
        raise Refused(MULTI_FRAME, "Only one frame of the instance can be had so, and FrameNumber names none.")
    if not any(r.name in _RENDERED or "*" in r.name for r in ranges):
        raise Refused(UNSUPPORTED_FORMAT, "None of the listed media types is supported.")
    raise Refused(NOT_IN_FORMAT, f"The document can be had as {', '.join(offers) or 'nothing rendered'}.")


async def _state(service: Service, asked: Parameters) -> Held | None:
    if asked.state is None:
        return None
    series, instance = asked.state
    found = await run_sync(service.archive.select, asked.study, series)
    if not found:
        raise Refused(NO_PRESENTATION_SERIES, f"Series {series} is not known in this study.")
    state = next((held for held in found if held.instance == instance), None)
    if state is None or not state.sop_class.startswith(_STATES):
        raise Refused(NO_PRESENTATION, f"No presentation state {instance} is known in the series.")
    return state


def _used(asked: Parameters, held: Held, type: str, octets: bytes) -> tuple[tuple[str, str], ...]:
    """The values that were used, '' for what has none in this rendering (6.4.2.2)."""
    columns, rows = Image.open(io.BytesIO(octets)).size if type.startswith("image/") else (0, 0)
    pictured = bool(rows)
    centre, width = ("", "") if asked.state or not pictured else _window(asked, held)
    region = ",".join(f"{number:g}" for number in asked.region or _WHOLE) if pictured else ""
    quality = str(asked.quality or DEFAULT_QUALITY) if type == "image/jpeg" else "100" if pictured else ""
    used = [
        ("Annotation", ",".join(word for word in asked.annotations if word in KEYWORDS)),
        ("Rows", str(rows or "")),
        ("Columns", str(columns or "")),
        ("Region", region),
        ("WindowCenter", centre),
        ("WindowWidth", width),
        ("ImageQuality", quality),
    ]
    if asked.state:
        used += [("PresentationUID", asked.state[1]), ("PresentationSeriesUID", asked.state[0])]
    if asked.anonymize:
        used.append(("Anonymize", "yes"))
    return tuple(used)


def _window(asked: Parameters, held: Held) -> tuple[str, str]:
    """The window asked for, else the first one of the image."""
    if asked.window:
        return f"{asked.window[0]:g}", f"{asked.window[1]:g}"
    attributes = json.loads(held.metadata.replace(b"\0", b""))
    found = [str((attributes.get(tag, {}).get("Value") or [""])[0]) for tag in ("00281050", "00281051")]
    return found[0], found[1]


def _warnings(wanted: Wanted, asked: Parameters, charset: str) -> tuple[tuple[str, str], ...]:
    found = []
    others = [word for word in asked.annotations if word not in KEYWORDS]
    if others:
        found.append((UNSUPPORTED, f"These annotations are not supported: {', '.join(others)[:200]}."))
    if wanted.lists.get("CharsetList") and not charset:
        found.append((UNSUPPORTED, "None of the listed character sets is supported; texts are in UTF-8."))
    return tuple(found)
