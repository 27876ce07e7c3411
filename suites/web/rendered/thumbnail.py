"""Rules on thumbnails (PS3.18 8.3.5.2, 10.4.1.1.4, 10.4.3.3.4): one picture, at all levels or at none.

Thumbnails are optional, so nothing here is due. Must not know how a thumbnail is chosen: nobody says.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.exchange import Answer, Exchange, Journey
from harness.make.patterns import PATIENT
from harness.make.patterns_asked import view_of
from harness.rule import Finding, journey, rule
from suites.model.altered import reframed
from suites.web.rendered.bend import coded, redrawn
from suites.web.rendered.reading import JPEG, RELATED, THUMBNAIL, got, held, pictures, plain, shown

ELSEWHERE = (301, 302, 303, 307, 308)
LEVELS = ("study", "series", "instance", "frames")


def _found(x: Exchange) -> bool:
    return x.answer.ok or x.answer.status in ELSEWHERE


@journey(
    "rendered.thumbnails-at-every-level",
    cites="PS3.18 10.4.1.1.4",
    verifies="PS3.18-10.4.1.1.4-1",
    on="web.retrieve.thumbnail-levels",
    due=False,
    when=lambda j: any(_found(x) for level in LEVELS for x in j.steps(level)),
    says="Who has a thumbnail of a study, a series, an instance or a frame has thumbnails of all of them.",
)
def thumbnails_at_every_level(j: Journey) -> Iterator[Finding]:
    for level in LEVELS:
        found = j.steps(level)
        if found and not any(_found(x) for x in found):
            yield Finding(found[0].answer.line, f"200 or 302 with the thumbnail of the {level}", f"{level} level",
                          seq=found[0].seq)  # fmt: skip


@thumbnails_at_every_level.mutant
def no_thumbnails_of_frames(x: Exchange) -> Answer | None:
    """Frames have no thumbnails."""
    wrong = x.kind == THUMBNAIL and x.resource.level == "frames" and x.answer.ok
    return Answer(404, "Not Found", x.answer.headers.but("content-type", None)) if wrong else None


@rule(
    "rendered.thumbnail-is-one-picture",
    cites="PS3.18 10.4.3.3.4; 3.10",
    verifies="PS3.18-10.4.3.3.4-1",
    on=THUMBNAIL,
    due=False,
    when=lambda x: got(x) and held(x),
    says="A thumbnail is one still picture in a rendered media type.",
)
def thumbnail_is_one_picture(x: Exchange) -> Iterator[Finding]:
    found = shown(x)
    if len(found) != 1:
        yield Finding(f"{len(found)} parts", "one picture", "body")
    for one in found:
        if not one.picture.format:
            yield Finding(one.type or "octets that are no picture", "a picture", one.where)
        elif one.picture.frames != 1:
            yield Finding(f"{one.picture.frames} frames", "a single image", one.where)
        elif x.answer.multipart is not None and any(r.type == JPEG for r in x.ask.accept.ranges):
            yield Finding(RELATED, JPEG, "Content-Type")


@thumbnail_is_one_picture.mutant
def two_thumbnails(x: Exchange) -> Answer | None:
    """A thumbnail shows every image of a series."""
    if x.kind != THUMBNAIL or not got(x) or x.answer.multipart is not None:
        return None
    octets = x.answer.payload.bytes()
    answer = x.answer.but(type=f'{RELATED}; type="{JPEG}"; boundary=t')
    return reframed(answer, [((("Content-Type", JPEG), ("Content-Length", "0")), octets)] * 2)


@thumbnail_is_one_picture.mutant(defects="M-RE-02")
def thumbnail_of_octets(x: Exchange) -> Answer | None:
    """The thumbnail of what is no image is no picture."""
    return x.answer.but(body=b"no image") if x.kind == THUMBNAIL and got(x) else None


@rule(
    "rendered.thumbnail-fits",
    cites="PS3.18 8.3.5.2; 8.3.5.1.3",
    verifies=("PS3.18-8.3.5.1.3-2", "PS3.18-8.3.5.1.3-6"),
    on=THUMBNAIL,
    due=False,
    when=lambda x: plain(x) and held(x) and bool(pictures(x)) and view_of(x.ask.query.get("viewport")) is not None
    and not x.ask.query.get("viewport").strip("0123456789,"),  # type: ignore[union-attr]
    says="A thumbnail that is asked for in a size is not larger than that.",
)  # fmt: skip
def thumbnail_fits(x: Exchange) -> Iterator[Finding]:
    view = view_of(x.ask.query.get("viewport"))
    for one in pictures(x):
        if view and (one.picture.width > view.width or one.picture.height > view.height):
            yield Finding(f"{one.picture.width} by {one.picture.height}", f"at most {view.width} by {view.height}",
                          one.where)  # fmt: skip


@thumbnail_fits.mutant
def thumbnails_have_one_size(x: Exchange) -> Answer | None:
    """Every thumbnail is 256 pixels wide."""
    sized = x.kind == THUMBNAIL and "viewport" in x.ask.query
    return redrawn(x, lambda levels: np.zeros((256, 256))) if sized else None


@journey(
    "rendered.thumbnail-names-nobody",
    cites="PS3.18 10.4.3.3.4",
    verifies="PS3.18-10.4.3.3.4-2",
    on="web.retrieve.thumbnail-levels",
    due=False,
    when=lambda j: any(pictures(x) for x in j.exchanges if x.kind == THUMBNAIL) and bool(_names(j)),
    says="No text in the file of a thumbnail names the patient.",
)
def thumbnail_names_nobody(j: Journey) -> Iterator[Finding]:
    for x in j.exchanges:
        octets = x.answer.payload.read(0, 1 << 20) if x.kind == THUMBNAIL and pictures(x) else b""
        for name in _names(j):
            if name.encode() in octets or name.encode("utf-16-le") in octets:
                yield Finding(f"{name!r} in the file", "nothing that names the patient", "metadata of the picture",
                              seq=x.seq)  # fmt: skip


def _names(j: Journey) -> tuple[str, ...]:
    """What only the patient's name and number could have brought in."""
    return tuple(str(n) for x in j.exchanges[:1] for n in x.facts.get("patient", ()))


@thumbnail_names_nobody.mutant
def name_in_a_comment(x: Exchange) -> Answer | None:
    """The patient's name is in a comment of the picture."""
    frames = pictures(x)[0].picture.pixels if x.kind == THUMBNAIL and pictures(x) else ()
    if not frames or pictures(x)[0].picture.format != "jpeg":
        return None
    return x.answer.but(body=coded(frames[0].astype(np.float64), "jpeg", comment=PATIENT.encode()))
