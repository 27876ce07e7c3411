"""Rules on the pictures that the URI service sends: format, size, frame and region (PS3.18 9.5.2, 8.7.4).

Must not know grey values beyond telling two pictures apart, nor which parameter values are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, SHOULD, Door, Finding, journey, rule
from suites.web.uri import compare
from suites.web.uri.bend import mirrored, picture_changed, replaced
from suites.web.uri.compare import Grey, grey
from suites.web.uri.reading import JPEG, KIND, category, kept, picture, shown, value
from suites.web.uri.sizes import SLACK, Region, region_alone, region_of, resized, side

# What is too much for our reader is no fault of a picture.
_OUR_BOUNDS = frozenset(f"image.{word}" for word in ("too-long", "size", "scans", "tiles"))

# --- format ------------------------------------------------------------------------------------------------------


@rule(
    "uri.picture-is-what-it-says",
    cites="PS3.18 9.5.3.3; 8.7.4",
    verifies=("PS3.18-9.5.3.3-1", "PS3.18-9.5.2-1"),
    on=KIND,
    when=lambda x: shown(x) and x.answer.type in ("image/jpeg", "image/png", "image/gif", "image/jp2"),
    says="A picture is a whole one of the media type that Content-Type says, and only one.",
)
def picture_is_what_it_says(x: Exchange) -> Iterator[Finding]:
    seen = picture(x)
    if seen.type != x.answer.type:
        yield Finding(seen.type or "no picture", x.answer.type, "body")
        return
    decoded = bool(seen.pixels)  # which may show flaws of its own
    for flaw in seen.flaws.kept:
        if flaw.code not in _OUR_BOUNDS:
            yield Finding(flaw.got, flaw.want, f"body {flaw.where}", warn=decoded and flaw.code == "image.trailing")
    if category(x) == "single" and seen.frames > 1:
        yield Finding(f"{seen.frames} pictures", "one", "body")


@picture_is_what_it_says.mutant(defects="M-WA-19")
def picture_is_damaged(x: Exchange) -> Answer | None:
    """The second half of a JPEG is lost."""
    octets = x.answer.payload.bytes()
    return x.answer.but(body=octets[: len(octets) // 2]) if x.answer.ok and x.answer.type == JPEG else None


@picture_is_what_it_says.mutant
def called_something_else(x: Exchange) -> Answer | None:
    """A picture is called image/png whatever it is."""
    return x.answer.but(type="image/png") if x.answer.ok and x.answer.type == JPEG else None


# --- what it shows -----------------------------------------------------------------------------------------------


def _crop(whole: Grey, region: Region) -> Grey:
    rows, columns = whole.shape
    left, top, right, bottom = region
    return whole[round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)]


def _apart(seen: Grey, wanted: Grey) -> float | None:
    """The distance of two pictures whose sizes may be rounded in different ways; None for others."""
    rows, columns = (min(pair) for pair in zip(seen.shape, wanted.shape, strict=True))
    if max(seen.shape[0], wanted.shape[0]) > rows + SLACK or max(seen.shape[1], wanted.shape[1]) > columns + SLACK:
        return None
    return compare.distance(seen[:rows, :columns], wanted[:rows, :columns])


def _turned(region: Region) -> list[Region]:
    """The regions of the same size that lie on the other sides: what a mistake in the coordinates would show."""
    left, top, right, bottom = region
    across, down = (1 - right, 1 - left), (1 - bottom, 1 - top)
    return [(across[0], top, across[1], bottom), (left, down[0], right, down[1]),
            (across[0], down[0], across[1], down[1])]  # fmt: skip


def _other_part(x: Exchange, whole: Grey | None) -> str:
    """Which other part of the whole picture came instead, or how it is turned; '' when it may well be the region."""
    region, seen = region_of(x), grey(x)
    if region is None or whole is None or seen is None:
        return ""
    right = _apart(seen, _crop(whole, region))
    if right is None:
        return ""
    for name, turned in (("mirrored", seen[:, ::-1]), ("upside down", seen[::-1])):
        there = _apart(turned, _crop(whole, region))
        if there is not None and right > 1.4 * there + 8:
            return f"the region {name}"
    for other in _turned(region):
        there = _apart(seen, _crop(whole, other))
        if other != region and there is not None and right > 1.4 * there + 8:
            return "region " + ",".join(f"{n:g}" for n in other)
    return ""


@journey(
    "uri.region-is-that-part",
    cites="PS3.18 9.5.1.2.5; 9.5.2.4",
    verifies=("PS3.18-9.5.2.4-1", "PS3.18-9.5.1.2.5-1"),
    on="web.uri.viewport",
    basis=RELATION,
    due=False,
    when=lambda j: any(region_alone(p.x) for p in resized(j)) and grey(j.step("plain")) is not None,
    says="Where region is supported, the picture is that part of the whole one, counted from its top left corner.",
)
def region_is_that_part(j: Journey) -> Iterator[Finding]:
    whole = grey(j.step("plain"))
    for x in (p.x for p in resized(j) if region_alone(p.x)):
        if other := _other_part(x, whole):
            yield Finding(other, f"region {value(x, 'region')}", "the picture", seq=x.seq)


def _turn(ask: Ask) -> Ask:
    """The question with its region counted from the other corner."""
    words = [float(word) for word in (ask.query.get("region") or "").split(",")]
    left, top, right, bottom = words
    return replaced(ask, "region", f"{1 - right:g},{1 - bottom:g},{1 - left:g},{1 - top:g}")


@region_is_that_part.mutant(at=DOOR)
def counted_from_the_wrong_corner(ask: Ask, door: Door) -> Answer:
    """A region is counted from the bottom right corner."""
    answer = door(ask)
    return door(_turn(ask)) if answer.ok and ask.resource.kind == KIND and "region" in ask.query else answer


@region_is_that_part.mutant
def regions_are_mirrored(x: Exchange) -> Answer | None:
    """A region is shown as in a mirror."""
    return picture_changed(x, mirrored) if region_alone(x) else None


@journey(
    "uri.region-after-state",
    cites="PS3.18 9.5.2.4; 8.3.5.1",
    verifies="PS3.18-9.5.2.4-2",
    on="web.uri.state",
    basis=RELATION,
    due=False,
    when=lambda j: compare.differ(grey(j.step("plain")), grey(j.step("asked"))) and bool(_parts(j)),
    says="With a presentation state the region is a part of what the state makes of the image.",
)
def region_after_state(j: Journey) -> Iterator[Finding]:
    whole = grey(j.step("asked"))
    for x in _parts(j):
        if other := _other_part(x, whole):
            yield Finding(other, f"region {value(x, 'region')} of the image in its state", "the picture", seq=x.seq)


def _parts(j: Journey) -> list[Exchange]:
    """The pictures of regions in a state that are not the whole of it: this server looks at the region."""
    whole = grey(j.step("asked"))
    return [x for x in j.steps("part") if (seen := grey(x)) is not None and whole is not None and _less(seen, whole)]


def _less(seen: Grey, whole: Grey) -> bool:
    return bool(seen.shape[0] < whole.shape[0] and seen.shape[1] < whole.shape[1])


@region_after_state.mutant(at=DOOR)
def region_before_state(ask: Ask, door: Door) -> Answer:
    """The region is taken from the image before a state that turns it round."""
    answer = door(ask)
    stated = ask.resource.kind == KIND and "region" in ask.query and "presentationUID" in ask.query
    return door(_turn(ask)) if answer.ok and stated else answer


# --- frames ------------------------------------------------------------------------------------------------------


def _frames(j: Journey) -> list[Exchange]:
    """The pictures of frames of an instance that is known, where frameNumber changes what comes."""
    found = [x for x in j.steps("frame") if grey(x) is not None and kept(x) is not None]
    return found if any(compare.differ(grey(x), grey(found[0])) for x in found[1:]) or _refusing(j) else []


def _refusing(j: Journey) -> bool:
    return any(x.answer.status == 400 for x in j.steps("bad"))


@journey(
    "uri.frame-number-selects",
    cites="PS3.18 9.5.1.2.1; 9.5.2.1",
    verifies=("PS3.18-9.5.2.1-1", "PS3.18-9.5.1.2.1-1"),
    on="web.uri.frame",
    basis=RELATION,
    due=False,
    when=lambda j: any(compare.frames(k) for x in _frames(j) if (k := kept(x)) is not None),
    says="Where frameNumber is supported, the picture shows that frame, the first one being 1.",
)
def frame_number_selects(j: Journey) -> Iterator[Finding]:
    for x in _frames(j):
        known, seen, wanted = kept(x), grey(x), side(x, "frameNumber") or 0
        if known is None or seen is None:
            continue
        if other := compare.shows(seen, wanted, compare.frames(known)):
            yield Finding(f"frame {other}", f"frame {wanted}", "the picture", seq=x.seq)


@frame_number_selects.mutant(at=DOOR)
def counted_from_zero(ask: Ask, door: Door) -> Answer:
    """Frames are counted from 0."""
    answer, asked = door(ask), ask.query.get("frameNumber") or ""
    if not answer.ok or ask.resource.kind != KIND or not asked:
        return answer
    following = door(replaced(ask, "frameNumber", str(int(asked) + 1)))
    return following if following.ok else answer


@frame_number_selects.mutant(at=DOOR)
def always_the_first(ask: Ask, door: Door) -> Answer:
    """frameNumber is checked, and then the first frame is shown."""
    answer = door(ask)
    asked = answer.ok and ask.resource.kind == KIND and "frameNumber" in ask.query
    return door(replaced(ask, "frameNumber", "1")) if asked else answer


def _shown_twice(j: Journey) -> list[tuple[Exchange, Exchange]]:
    """A frame through this service and through the Studies service, both in the same media type."""
    pairs = zip(j.steps("frame"), j.steps("rendered"), strict=False)
    return [(a, b) for a, b in pairs if grey(a) is not None and grey(b) is not None and a.answer.type == b.answer.type]


@journey(
    "uri.frame-as-in-studies",
    cites="PS3.18 9.5.2; 8.3.5.1; 10.4.1.1.3",
    verifies="PS3.18-9.5.2-1",
    on="web.uri.frame",
    # both are renderings of one image by 8.3.5.1, yet no sentence says that the services share a renderer
    level=SHOULD,
    due=False,
    when=lambda j: bool(_shown_twice(j)),
    says="A frame comes as the same picture from this service and from the rendered resource of the Studies service.",
)
def frame_as_in_studies(j: Journey) -> Iterator[Finding]:
    for ours, theirs in _shown_twice(j):
        if compare.differ(grey(ours), grey(theirs), by=12):
            where = f"the picture of frame {value(ours, 'frameNumber')}"
            yield Finding("another picture", "the picture of the Studies service", where, seq=ours.seq)


@frame_as_in_studies.mutant
def pictures_are_mirrored(x: Exchange) -> Answer | None:
    """This service mirrors its pictures."""
    return picture_changed(x, mirrored) if x.kind == KIND else None
