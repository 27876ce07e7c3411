"""Knows how a rule on renderings reads an exchange: what was asked for, of which category, and the pictures that came.

Must not know what a right answer is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.body import Body
from harness.exchange import Exchange, view
from harness.make.patterns import PATTERNS, name_of
from harness.past import Kept, Past
from harness.wire import images, media
from harness.wire.part10 import read as read_file

RENDERED, THUMBNAIL = "web.retrieve.rendered", "web.retrieve.thumbnail"
BOTH_KINDS = f"{RENDERED}|{THUMBNAIL}"
JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
HTML, PLAIN, XML, PDF = "text/html", "text/plain", "text/xml", "application/pdf"
RELATED = "multipart/related"
# Table 8.7.4-1 for RESTful services: what has to be offered by category, the default first.
REQUIRED: dict[str, tuple[str, ...]] = {"single": (JPEG, GIF, PNG), "text": (HTML, PLAIN, XML)}
ORDINARY = ("", "grey", "rgb", "text")  # what a server that renders at all can render
NOT_BY_ITSELF = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.481.2")  # segmentations, doses: 8.3.5.1
_NUMBER_OF_FRAMES = "00280008"
_DICOM = ("application/dicom", "application/octet-stream")  # what does not go together with renderings (8.7.5)


@dataclass(frozen=True)
class Shown:
    """One representation in an answer. `picture` has no format where the octets are no picture."""

    where: str
    type: str
    media: media.Reading
    content: Body
    location: str | None
    picture: images.Reading


@view
def shown(x: Exchange) -> Sequence[Shown]:
    """The representations of a successful answer, in order."""
    if not got(x):
        return ()
    if x.answer.multipart is None:
        place = x.answer.headers.get("content-location")
        return (_one("body", x.answer.media, x.answer.payload, place),) if x.answer.body.size else ()
    return tuple(_one(f"part {p.index + 1}", p.media, p.content, p.get("content-location")) for p in x.answer.parts)


def _one(where: str, type_: media.Reading, content: Body, place: str | None) -> Shown:
    return Shown(where, type_.type, type_, content, place, images.read(content))


def pictures(x: Exchange) -> list[Shown]:
    """Those of them that are pictures by their octets."""
    return [s for s in shown(x) if s.picture.format]


def got(x: Exchange) -> bool:
    """A complete 200 or 206 to a GET."""
    return x.ask.method == "GET" and x.answer.status in (200, 206) and x.answer.fault is None


def past_of(x: Exchange) -> Past:
    return (x.context.past if x.context else None) or Past()


def kept(x: Exchange) -> Kept | None:
    """The instance that the path names, if it was stored and acknowledged before."""
    found = past_of(x).get(x.resource.instance) if x.resource.instance else None
    return found if found and (found.study, found.series) == (x.resource.study, x.resource.series) else None


def held(x: Exchange) -> bool:
    """What the path names is there: it was stored, or the target itself showed it to the probe."""
    r = x.resource
    if x.facts.get("held"):
        return True
    return kept(x) is not None if r.instance else any(True for _ in past_of(x).below(r.study, r.series))


def named(x: Exchange) -> str:
    """Which of the patterns, or of what is stored beside them, was asked for; '' for anything else."""
    return name_of(x.resource.study, x.resource.instance)


@view
def category(x: Exchange) -> str:
    """ "single", "multi" or "text" (Table 8.7.2-1); '' for whole series and studies, and where it is not known."""
    if not x.resource.instance or no_frame(x):
        return ""
    pattern = PATTERNS.get(named(x))
    if named(x) == "text":
        return "text"
    if pattern is not None:
        return "single" if pattern.frames == 1 or _one_frame(x) else "multi"
    said = str(x.facts.get("category", ""))
    return "single" if said == "multi" and _one_frame(x) else said or _of_stored(x)


def no_frame(x: Exchange) -> bool:
    """Frames are asked for that the probe, their number, or the stored instance shows not to be there."""
    words = x.resource.frames.split(",") if x.resource.frames else []
    if x.facts.get("no-frame") or any(not w.isascii() or not w.isdigit() or int(w[:9]) == 0 for w in words):
        return True
    found = kept(x) if words else None
    count = read_file(found.sent).dataset.text(_NUMBER_OF_FRAMES).strip() if found else ""
    return found is not None and max(int(w[:9]) for w in words) > (int(count) if count.isdigit() else 1)


def _one_frame(x: Exchange) -> bool:
    return x.resource.frames.isdigit()


def _of_stored(x: Exchange) -> str:
    """The category by what was stored: a report has content, an image has rows."""
    found = kept(x)
    dataset = read_file(found.sent).dataset if found else None
    if dataset is None:
        return ""
    if dataset.get("0040A730") or dataset.get("00420011"):
        return "text"
    if not dataset.get("7FE00010") or dataset.text("00080016") in NOT_BY_ITSELF:
        return ""
    several = dataset.text(_NUMBER_OF_FRAMES).strip() not in ("", "1")
    return "multi" if several and not _one_frame(x) else "single"


def plain(x: Exchange) -> bool:
    """A GET with a readable Accept field, without parameters and conditions that could make a difference."""
    conditions = any(n.lower() == "range" or n.lower().startswith(("if-", "accept-charset")) for n, _ in x.ask.headers)
    ranges = x.ask.accept.ranges
    readable = bool(ranges) and not x.ask.accept.flaws and not any(r.type.startswith(_DICOM) for r in ranges)
    return x.ask.method == "GET" and readable and not conditions


def accepts(x: Exchange, type_: str) -> bool:
    """The Accept field lets this single part media type through."""
    return x.ask.accept.weight(media.Reading(type_)) > 0


def owed(x: Exchange) -> bool:
    """A single image or text that is held is asked for in a type that every server has to offer for it."""
    wanted = REQUIRED.get(category(x), ())
    return plain(x) and held(x) and "accept" not in x.ask.query and any(accepts(x, t) for t in wanted)


def owed_by_default(x: Exchange) -> bool:
    """The same in the default type, or something out of the ordinary in any such type."""
    usual = REQUIRED.get(category(x), ("",))[0]
    return owed(x) and (accepts(x, usual) or named(x) not in ORDINARY)


def drawn(x: Exchange) -> bool:
    """An answer with pictures to the request for a pattern."""
    return x.kind == RENDERED and named(x) in PATTERNS and bool(pictures(x))


def sure(x: Exchange) -> bool:
    """The same, and the pattern was stored, so that both can be compared."""
    return held(x) and drawn(x)
