"""Rules on which renderings there are (PS3.18 10.3, 10.4.1.1.3): at every level, of every frame, and nothing else.

Must not know what a rendering shows, nor media types beside those that come.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np

from harness.exchange import NOT_NOW, Answer, Exchange, Journey
from harness.make.patterns import PATTERNS
from harness.rule import RELATION, SHALL_NOT, Finding, journey, rule
from harness.wire import uri
from suites.model.altered import reframed
from suites.web.rendered.bend import coded
from suites.web.rendered.ground import SHOWS
from suites.web.rendered.reading import (
    BOTH_KINDS,
    JPEG,
    RELATED,
    RENDERED,
    THUMBNAIL,
    category,
    got,
    held,
    named,
    owed_by_default,
    pictures,
    plain,
    shown,
)
from suites.web.rendered.types import NONE_OF_OURS

_COUNT = itertools.count(1)  # of a mutant that tells something else each time
LEVELS = ("study", "series", "instance", "frames")


@rule(
    "rendered.held-is-shown",
    cites="PS3.18 10.3 Table 10.3-2; 10.4.1.1.3; 10.4.3.3.3; 8.7.4",
    verifies=("PS3.18-10.4.1.1.3-1", "PS3.18-10.4.3.3.3-1"),
    on=RENDERED,
    basis=RELATION,
    when=lambda x: owed_by_default(x) and not x.ask.query.raw and x.answer.status not in (301, 302, 303, 307, 308),
    says="An image or text that was stored is rendered in the types that every server has to offer.",
)
def held_is_shown(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 200:
        return
    kind = PATTERNS[named(x)].says if named(x) in PATTERNS else category(x)
    yield Finding(x.answer.line, f"200 with a rendering ({kind})", "status line", warn=x.answer.status in NOT_NOW)


@held_is_shown.mutant(defects="M-RE-05")
def only_images_are_rendered(x: Exchange) -> Answer | None:
    """A report is answered 500."""
    text = x.kind == RENDERED and category(x) == "text" and x.answer.ok
    return _plain(500, "Internal Server Error", x) if text else None


@held_is_shown.mutant(defects="M-RE-10")
def small_slopes_are_500(x: Exchange) -> Answer | None:
    """Whatever is difficult ends in an internal error."""
    hard = x.kind == RENDERED and named(x) in ("modality-lut", "palette-first", "ybr-422", "odd-bits")
    return _plain(500, "Internal Server Error", x) if hard and x.answer.ok else None


@held_is_shown.mutant
def nothing_is_rendered(x: Exchange) -> Answer | None:
    """Rendered resources are answered 404."""
    return _plain(404, "Not Found", x) if x.kind == RENDERED else None


def _plain(status: int, reason: str, x: Exchange) -> Answer:
    return Answer(status, reason, x.answer.headers.but("content-type", "text/plain").but("content-length", "0"))


# --- every level -------------------------------------------------------------------------------------------------


def _levels(j: Journey) -> dict[str, list[Exchange]]:
    return {level: found for level in LEVELS if (found := j.steps(level))}


def _worked(found: Sequence[Exchange]) -> bool:
    return any(x.answer.ok or x.answer.status in (302, 303, 307) for x in found)


@journey(
    "rendered.every-level",
    cites="PS3.18 10.3 Table 10.3-2; 10.4.1.1.3",
    verifies="PS3.18-10.4.1.1.3-1",
    on="web.retrieve.rendered-levels",
    after=SHOWS,
    when=lambda j: len(_levels(j)) > 1 and any(_worked(found) for found in _levels(j).values()),
    says="Studies, series, instances and frames can be rendered, whatever else is in the study.",
)
def every_level(j: Journey) -> Iterator[Finding]:
    for level, found in _levels(j).items():
        if not _worked(found):
            lines = ", ".join(dict.fromkeys(x.answer.line for x in found))
            yield Finding(lines, f"200 or 206 with the rendered {level}", f"{level} level", seq=found[0].seq)


@every_level.mutant(defects="M-RE-01")
def no_series(x: Exchange) -> Answer | None:
    """Series are not rendered."""
    wrong = x.kind == RENDERED and x.resource.level == "series" and x.answer.ok
    return _plain(404, "Not Found", x) if wrong else None


@every_level.mutant(defects="M-RE-05")
def report_breaks_the_study(x: Exchange) -> Answer | None:
    """A report in a study makes its rendering fail."""
    wrong = x.kind == RENDERED and x.resource.level == "study" and x.answer.ok
    return _plain(500, "Internal Server Error", x) if wrong else None


@journey(
    "rendered.all-of-the-series",
    cites="PS3.18 10.4.3.3.3; 10.4.3.1",
    verifies=("PS3.18-10.4.3.3.3-1", "PS3.18-10.4.3.1-1"),
    on="web.retrieve.rendered-levels",
    after=SHOWS,
    when=lambda j: any(_full(x) for x in j.steps("series")),
    says="A rendered series has a rendering of each of its images, or says by 206 that some are missing.",
)
def all_of_the_series(j: Journey) -> Iterator[Finding]:
    for x in j.steps("series"):
        wanted = int(x.facts.get("images", 0))
        if _full(x) and len(pictures(x)) < wanted:
            yield Finding(f"{len(pictures(x))} pictures with 200", f"{wanted} pictures, or 206", "parts", seq=x.seq)


def _full(x: Exchange) -> bool:
    return bool(x.facts.get("images")) and x.answer.status == 200 and x.answer.multipart is not None


@all_of_the_series.mutant
def one_of_the_series(x: Exchange) -> Answer | None:
    """Of a series one image is rendered."""
    if x.kind != RENDERED or not got(x) or len(x.answer.parts) < 2:
        return None
    return reframed(x.answer, [(p.fields, p.content.bytes()) for p in x.answer.parts[:1]])


@rule(
    "rendered.single-part-of-many",
    cites="PS3.18 10.4.4 Note 3",
    verifies="PS3.18-10.4.4-4",
    on=RENDERED,
    when=lambda x: plain(x) and held(x) and x.resource.level in ("study", "series") and _single_part(x)
    and "accept" not in x.ask.query and x.answer.status not in (404, 501),
    says="A study or series is not rendered as one part, even if there is one image in it: the answer is 406.",
)  # fmt: skip
def single_part_of_many(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 406:
        several = x.answer.ok and int(x.facts.get("images", 0)) > 1
        light = x.answer.status < 500 or x.answer.status in NOT_NOW
        yield Finding(x.answer.line, "406", "status line", warn=not several and light)


def _single_part(x: Exchange) -> bool:
    types = [r.type for r in x.ask.accept.ranges]
    return all(t != RELATED and "*" not in t and t != NONE_OF_OURS for t in types)


@single_part_of_many.mutant
def first_image_of_the_study(x: Exchange) -> Answer | None:
    """A study asked for as one picture is one of its images."""
    refused = x.kind == RENDERED and not x.resource.instance and x.answer.status == 406
    return _picture(x) if refused else None


def _picture(x: Exchange) -> Answer:
    """A picture where there was to be none."""
    octets = coded(np.tile(np.arange(64.0), (48, 1)), "jpeg")
    return x.answer.but(status=200, reason="OK", type=JPEG, body=octets)


# --- what is not there -------------------------------------------------------------------------------------------


@rule(
    "rendered.no-such-frame",
    cites="PS3.18 10.4.3.1; 10.1.1",
    verifies=("PS3.18-10.4.3.1-3", "PS3.18-10.4.1.1.6-2"),
    on=BOTH_KINDS,
    when=lambda x: plain(x) and held(x) and bool(x.facts.get("no-frame")) and not _without_thumbnails(x),
    says="Frame 0, a frame beyond the last one and what is no number are answered 404 or 400.",
)
def no_such_frame(x: Exchange) -> Iterator[Finding]:
    if x.answer.status not in (400, 404):
        partly = "," in x.resource.frames and x.answer.status == 206
        light = x.answer.status // 100 == 4 or x.answer.status in NOT_NOW or partly
        yield Finding(x.answer.line, "404 or 400", "status line", warn=light)


def _without_thumbnails(x: Exchange) -> bool:
    """A server without thumbnails, which are optional, says so whatever is asked of them."""
    return x.kind == THUMBNAIL and x.answer.status in (405, 501)


@no_such_frame.mutant
def nearest_frame(x: Exchange) -> Answer | None:
    """For a frame that is not there another one is rendered."""
    return _picture(x) if x.resource.frames and x.answer.status in (400, 404) else None


@no_such_frame.mutant
def no_frame_is_500(x: Exchange) -> Answer | None:
    """A frame that is not there ends in an internal error."""
    wrong = bool(x.resource.frames) and x.answer.status in (400, 404)
    return x.answer.but(status=500, reason="Internal Server Error") if wrong else None


def _listed(x: Exchange) -> int:
    """How many frames of a pattern are asked for in a list that the pattern has them all of."""
    pattern, wordlist = PATTERNS.get(named(x)), x.resource.frames.split(",") if x.resource.frames else []
    there = pattern is not None and all(w.isdigit() and 1 <= int(w[:9]) <= pattern.frames for w in wordlist)
    return len(set(wordlist)) if there and len(wordlist) > 1 else 0


@rule(
    "rendered.frames-are-all-shown",
    cites="PS3.18 10.4.1.1.3; 10.4.3.3.3",
    verifies=("PS3.18-10.4.1.1.3-1", "PS3.18-10.4.3.3.3-1"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: plain(x) and held(x) and _listed(x) > 0 and got(x),
    says="Of several frames that are asked for at once a picture of each comes.",
)
def frames_are_all_shown(x: Exchange) -> Iterator[Finding]:
    found = sum(one.picture.frames for one in pictures(x))
    if found != _listed(x):
        yield Finding(f"{found} pictures", f"{_listed(x)}, of frames {x.resource.frames}", "body")


@frames_are_all_shown.mutant
def first_of_the_list(x: Exchange) -> Answer | None:
    """Of a list of frames only the first one is rendered."""
    parts = [(p.fields, p.content.bytes()) for p in x.answer.parts]
    return reframed(x.answer, parts[:1]) if _listed(x) and len(parts) > 1 else None


# --- what is stored ----------------------------------------------------------------------------------------------


@journey(
    "rendered.nothing-is-changed",
    cites="PS3.18 10.4.2; RFC 9110 9.2.1",
    verifies=(),
    level=SHALL_NOT,
    on="web.retrieve.rendered-leaves",
    when=lambda j: sum(x.answer.ok for x in j.steps("metadata")) > 1 and any(got(x) for x in j.steps("rendered")),
    says="Rendering changes nothing of what is stored: the metadata stays as it was.",
)
def nothing_is_changed(j: Journey) -> Iterator[Finding]:
    seen = [x for x in j.steps("metadata") if x.answer.ok and x.answer.json is not None]
    first = seen[0].answer.json.datasets if seen and seen[0].answer.json else ()
    for x in seen[1:]:
        now = x.answer.json.datasets if x.answer.json else ()
        if list(now) != list(first):
            yield Finding("other metadata than before", "the same metadata", "metadata after rendering", seq=x.seq)


@nothing_is_changed.mutant
def rendering_is_counted(x: Exchange) -> Answer | None:
    """The metadata tells how often an instance was rendered."""
    if x.kind != "web.retrieve.metadata" or not x.answer.ok:
        return None
    number = b'"00200013":{"vr":"IS","Value":[%d]' % next(_COUNT)
    octets = re.sub(rb'"00200013":{"vr":"IS","Value":\[[0-9]+\]', number, x.answer.payload.bytes())
    return x.answer.but(body=octets)


# --- where a part comes from -------------------------------------------------------------------------------------


@rule(
    "rendered.part-location",
    cites="PS3.18 8.6.1.2",
    verifies="PS3.18-8.6.1.2-5",
    on=RENDERED,
    when=lambda x: got(x) and x.answer.multipart is not None and any(one.location for one in shown(x)),
    says="The Content-Location of a rendered part names the instance, or the frame of it, that is shown.",
)
def part_location(x: Exchange) -> Iterator[Finding]:
    r = x.resource
    seen: set[str] = set()
    for one in shown(x):
        if not one.location:
            continue  # a rule of multipart
        place = uri.classify("GET", _absolute(one.location, x), x.ask.base)
        inside = place.study == r.study and (not r.series or place.series == r.series)
        inside = inside and bool(place.instance) and (not r.instance or place.instance == r.instance)
        if not inside:
            yield Finding(one.location, "the URL of the instance or frame", f"{one.where} Content-Location")
        elif one.location in seen:
            yield Finding(f"{one.location} a second time", "a place of its own", f"{one.where} Content-Location")
        seen.add(one.location)


def _absolute(location: str, x: Exchange) -> str:
    """A Content-Location as a request target; a relative one is relative to what was asked (RFC 3986 5)."""
    if location.startswith(("/", "http://", "https://")):
        return location
    return f"{x.resource.path.rpartition('/')[0]}/{location}"


@part_location.mutant
def all_parts_in_one_place(x: Exchange) -> Answer | None:
    """Every part names the resource that was asked for."""
    if x.kind != RENDERED or not got(x) or not x.answer.parts:
        return None
    place = f"{x.ask.base}/studies/{x.resource.study}"
    parts = [([(n, place if n.lower() == "content-location" else v) for n, v in p.fields], p.content.bytes())
             for p in x.answer.parts]  # fmt: skip
    return reframed(x.answer, parts)
