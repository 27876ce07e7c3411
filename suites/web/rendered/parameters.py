"""Rules on the query parameters of renderings (PS3.18 8.3.5.1): invalid values are refused, valid ones have an effect.

Must not know windows and viewports that are right: `pixels` and `viewport` judge what they show.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

import numpy as np

from harness.exchange import NOT_NOW, Answer, Exchange, Journey
from harness.make.patterns import PATTERNS
from harness.make.patterns_asked import decimal
from harness.rule import SHOULD, Finding, journey, rule
from suites.web.rendered.bend import changed, coded, redrawn
from suites.web.rendered.ground import SHOWS
from suites.web.rendered.reading import JPEG, RENDERED, Shown, got, held, named, owed, pictures, plain

FUNCTIONS = ("linear", "linear-exact", "sigmoid")
KEYWORDS = ("patient", "technique")
_POSITIVE = re.compile(r"0*[1-9][0-9]{0,8}\Z")
_UINT = re.compile(r"[0-9]{1,9}\Z")


def single(x: Exchange, name: str) -> str | None:
    """The value of a parameter that stands there once, '' for a bare name; None without it."""
    found = x.ask.query.all(name)
    return found[0].value if len(found) == 1 else None


def bad_quality(value: str) -> str:
    """Why a quality is none (8.3.5.1.2), '' when it is one."""
    return "" if _UINT.match(value) and 1 <= int(value) <= 100 else "an integer from 1 to 100"


def bad_window(value: str) -> str:
    """Why a window is none (8.3.5.1.4, PS3.3 C.11.2.1.2), '' when it is one."""
    words = value.split(",")
    if len(words) != 3:
        return "center, width and function"
    center, width = decimal(words[0]), decimal(words[1])
    if center is None or width is None:
        return "decimal numbers for center and width"
    if words[2] not in FUNCTIONS:
        return "linear, linear-exact or sigmoid"
    return "" if width > 0 and (words[2] != "linear" or width >= 1) else "a width that the function allows"


def bad_viewport(value: str, size_only: bool) -> str:
    """Why a viewport is none (8.3.5.1.3), '' when it is one. `size_only`: thumbnails and presentation states."""
    words = value.split(",")
    if len(words) < 2 or not all(_POSITIVE.match(w) for w in words[:2]):
        return "two positive integers for the size"
    if size_only:
        return "" if len(words) == 2 else "vw and vh alone"
    if len(words) > 6 or any(w and decimal(w) is None for w in words[2:]):
        return "at most four decimal numbers for the region"
    return ""


def half_viewport(value: str) -> bool:
    """Whether text and grammar of 8.3.5.1.3 disagree: commas at the end, or fewer than the grammar has."""
    words = value.split(",")
    return not bad_viewport(value.rstrip(","), False) and (len(words) in (3, 4, 5) or words[-1] == "")


def _fault(x: Exchange, name: str, judged: Callable[[str], str]) -> str:
    value = single(x, name)
    return judged(value) if value is not None and plain(x) and held(x) else ""


def _refused(x: Exchange, name: str, want: str) -> Iterator[Finding]:
    """A finding unless it was answered 400; a resource that is not offered cannot show it."""
    if x.answer.status != 400:
        value = single(x, name)
        yield Finding(f"{x.answer.line} to {name}={value}", f"400: {name} has to be {want}", "status line")


def _offered(x: Exchange) -> bool:
    """Not answered as if the resource did not exist, or may not be seen."""
    return x.answer.status not in (401, 403, 404, 405, 410, 429, 501, 503)


def _as_ok(x: Exchange, name: str) -> Answer | None:
    """A refusal of this parameter turned into a picture."""
    wrong = x.answer.status == 400 and name in x.ask.query and x.kind == RENDERED
    octets = coded(np.tile(np.arange(64.0), (48, 1)), "jpeg")
    return x.answer.but(status=200, reason="OK", type=JPEG, body=octets) if wrong else None


@rule(
    "rendered.quality-is-1-to-100",
    cites="PS3.18 8.3.5.1.2; 8.3",
    verifies="PS3.18-8.3.5.1.2-1",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: bool(_fault(x, "quality", bad_quality)) and _offered(x),
    says="A quality that is missing or no integer from 1 to 100 is answered 400.",
)
def quality_is_1_to_100(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, "quality", bad_quality(single(x, "quality") or ""))


@quality_is_1_to_100.mutant(defects="D-RE-03")
def any_quality_will_do(x: Exchange) -> Answer | None:
    """Any quality is accepted."""
    return _as_ok(x, "quality")


@quality_is_1_to_100.mutant
def quality_ends_in_500(x: Exchange) -> Answer | None:
    """A quality that is none ends in an internal error."""
    wrong = x.answer.status == 400 and "quality" in x.ask.query
    return x.answer.but(status=500, reason="Internal Server Error") if wrong else None


@rule(
    "rendered.window-syntax",
    cites="PS3.18 8.3.5.1.4; 8.3",
    verifies=("PS3.18-8.3.5.1.4-1", "PS3.18-8.3.5.1.4-2"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: bool(_fault(x, "window", bad_window)) and _offered(x),
    says="A window without center, width and one of the three functions is answered 400.",
)
def window_syntax(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, "window", bad_window(single(x, "window") or ""))


@window_syntax.mutant(defects="D-RE-02")
def any_window_will_do(x: Exchange) -> Answer | None:
    """A window with an unknown function, or without one, is accepted."""
    return _as_ok(x, "window")


@rule(
    "rendered.viewport-syntax",
    cites="PS3.18 8.3.5.1.3; 8.3",
    verifies=("PS3.18-8.3.5.1.3-1", "PS3.18-8.3.5.1.3-7"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: bool(_fault(x, "viewport", lambda v: bad_viewport(v, False))) and _offered(x),
    says="A viewport without a positive width and height, or with a region that is none, is answered 400.",
)
def viewport_syntax(x: Exchange) -> Iterator[Finding]:
    value = single(x, "viewport") or ""
    yield from _refused(x, "viewport", bad_viewport(value, False))


@viewport_syntax.mutant
def any_viewport_will_do(x: Exchange) -> Answer | None:
    """A viewport that is none is accepted."""
    return _as_ok(x, "viewport")


@viewport_syntax.mutant
def viewport_ends_in_500(x: Exchange) -> Answer | None:
    """A viewport that is none ends in an internal error."""
    wrong = x.answer.status == 400 and "viewport" in x.ask.query
    return x.answer.but(status=500, reason="Internal Server Error") if wrong else None


# --- annotation --------------------------------------------------------------------------------------------------


def _words(x: Exchange) -> list[str]:
    return [w for p in x.ask.query.all("annotation") for w in p.values]


def _empty(x: Exchange) -> bool:
    return "annotation" in x.ask.query and not any(_words(x))


@rule(
    "rendered.annotation-has-values",
    cites="PS3.18 8.3.5.1.1",
    verifies="PS3.18-8.3.5.1.1-3",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: _empty(x) and plain(x) and held(x) and _offered(x),
    says="An annotation without a value is answered 400.",
)
def annotation_has_values(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, "annotation", "a list of keywords")


@annotation_has_values.mutant
def annotation_of_nothing(x: Exchange) -> Answer | None:
    """An annotation without a value is taken for none."""
    return _as_ok(x, "annotation")


@rule(
    "rendered.annotation-unknown",
    cites="PS3.18 8.3.5.1.1",
    verifies=("PS3.18-8.3.5.1.1-3", "PS3.18-8.3.5.1.1-4"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: any(w and w not in KEYWORDS for w in _words(x)) and plain(x) and held(x) and _offered(x),
    says="An annotation that nobody knows is answered 400, or left out with a Warning that names it.",
)
def annotation_unknown(x: Exchange) -> Iterator[Finding]:
    unknown = [w for w in _words(x) if w not in KEYWORDS]
    warnings = " ".join(x.answer.headers.all("warning"))
    if x.answer.status == 400 or (x.answer.ok and "299" in warnings and all(w in warnings for w in unknown)):
        return
    got_ = f"{x.answer.line}, Warning: {warnings}" if warnings else f"{x.answer.line} without a Warning"
    yield Finding(got_, f"400, or Warning 299 that names {', '.join(unknown)}", "Warning", policy="D-10")


@annotation_unknown.mutant
def annotation_is_dropped(x: Exchange) -> Answer | None:
    """An annotation that is not supported is left out without a word."""
    unknown = any(w not in KEYWORDS for w in _words(x))
    return (_as_ok(x, "annotation") or x.answer.but(headers=x.answer.headers.but("warning", None))) if unknown else None


@journey(
    "rendered.annotation-is-shown",
    cites="PS3.18 8.3.5.1.1; 10.4.1.2",
    verifies=("PS3.18-8.3.5.1.1-2", "PS3.18-10.4.1.2-1"),
    on="web.retrieve.rendered-annotation",
    after=SHOWS,
    when=lambda j: all(any(_pixels(x) is not None for x in j.steps(step)) for step in ("plain", "annotated")),
    says="A rendering with annotations shows something that it does not show without them.",
)
def annotation_is_shown(j: Journey) -> Iterator[Finding]:
    bare = next(p for x in j.steps("plain") if (p := _pixels(x)) is not None)
    for x in j.steps("annotated"):
        found = _pixels(x)
        lossy = any(one.picture.format == "jpeg" for one in pictures(x))
        if found is not None and found.shape == bare.shape and _same(found, bare, 24 if lossy else 4):
            yield Finding("the same picture as without", f"something of {', '.join(_words(x))}", "pixels", seq=x.seq)


def _same(a: np.ndarray, b: np.ndarray, limit: int) -> bool:
    return bool((np.abs(a.astype(int) - b.astype(int)) <= limit).all())


def _pixels(x: Exchange) -> np.ndarray | None:
    """The first frame that came, in colour."""
    frames = pictures(x)[0].picture.pixels if pictures(x) else ()
    if not frames:
        return None
    return frames[0] if frames[0].ndim == 3 else np.stack([frames[0]] * 3, axis=-1)


@annotation_is_shown.mutant
def nothing_is_annotated(x: Exchange) -> Answer | None:
    """Annotations are left out."""
    pattern = PATTERNS.get(named(x))
    return redrawn(x, lambda levels: pattern.levels()) if pattern and any(_words(x)) else None


# --- quality -----------------------------------------------------------------------------------------------------


@journey(
    "rendered.quality-costs",
    cites="PS3.18 8.3.5.1.2",
    verifies="PS3.18-8.3.5.1.2-1",
    level=SHOULD,
    on="web.retrieve.rendered-quality",
    after=SHOWS,
    when=lambda j: len(_sizes(j)) > 1,
    says="A JPEG of a lower quality is not larger than one of a higher quality.",
)
def quality_costs(j: Journey) -> Iterator[Finding]:
    found = _sizes(j)
    for (low, small, _), (high, large, x) in itertools.pairwise(found):
        if small > large:
            yield Finding(f"{small} octets at {low}, {large} at {high}", "a rising size", "body", seq=x.seq)


def _sizes(j: Journey) -> list[tuple[int, int, Exchange]]:
    """Quality, octets and exchange of each JPEG, the lowest quality first."""
    found = []
    for x in j.steps("quality"):
        value = single(x, "quality") or ""
        if got(x) and x.answer.type == JPEG and not bad_quality(value):
            found.append((int(value), x.answer.payload.size, x))
    return sorted(found, key=lambda row: row[0])


@quality_costs.mutant
def quality_is_turned_round(x: Exchange) -> Answer | None:
    """Of qualities 1 is the best and 100 the worst."""
    value = single(x, "quality") or ""
    if not got(x) or x.answer.type != JPEG or bad_quality(value):
        return None

    def again(one: Shown) -> bytes:
        return coded(one.picture.pixels[0].astype(np.float64), "jpeg", quality=101 - int(value))

    return changed(x, again)


# --- other parameters --------------------------------------------------------------------------------------------


@journey(
    "rendered.unknown-parameter",
    cites="PS3.18 8.3",
    verifies="PS3.18-8.3-2",
    on="web.retrieve.rendered-unknown-parameter",
    after=SHOWS,
    when=lambda j: any(pictures(x) for x in j.steps("plain")) and bool(j.steps("other")),
    says="A parameter that nobody knows changes nothing of a rendering.",
)
def unknown_parameter(j: Journey) -> Iterator[Finding]:
    bare = next(x for x in j.steps("plain") if pictures(x))
    for x in j.steps("other"):
        if not got(x):
            yield Finding(x.answer.line, bare.answer.line, "status line", seq=x.seq)
            continue
        one, other = _pixels(bare), _pixels(x)
        if other is None or one is None or one.shape != other.shape or not _same(one, other, 2):
            yield Finding("another picture", "the same picture", "pixels", seq=x.seq)


@unknown_parameter.mutant
def unknown_parameter_is_400(x: Exchange) -> Answer | None:
    """A parameter that is not known is refused."""
    known = {"accept", "annotation", "charset", "quality", "viewport", "window", "iccprofile"}
    unknown = any(p.name not in known for p in x.ask.query.parameters) and x.kind == RENDERED
    return x.answer.but(status=400, reason="Bad Request") if unknown else None


@rule(
    "rendered.parameters-are-supported",
    cites="PS3.18 10.4.1.2 Table 10.4.1-5; 8.3.5",
    verifies="PS3.18-10.4.1.2-1",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: owed(x) and bool(x.facts.get("legal")) and bool(x.ask.query.raw) and x.answer.status != 404,
    says="Annotation, quality, viewport and window are answered 200 when they are right.",
)
def parameters_are_supported(x: Exchange) -> Iterator[Finding]:
    if not x.answer.ok:
        half = half_viewport(single(x, "viewport") or "") and x.answer.status == 400
        light = half or x.answer.status in NOT_NOW
        policy = "viewport-commas" if half else ""
        yield Finding(f"{x.answer.line} to {x.ask.query.raw}", "200", "status line", warn=light, policy=policy)


@parameters_are_supported.mutant
def parameters_are_400(x: Exchange) -> Answer | None:
    """Whatever parameter comes is refused."""
    return x.answer.but(status=400, reason="Bad Request") if x.ask.query.raw and x.kind == RENDERED else None


@rule(
    "rendered.thumbnail-viewport",
    cites="PS3.18 8.3.5.1.3; 8.3.5.2",
    verifies="PS3.18-8.3.5.1.3-7",
    on="web.retrieve.thumbnail",
    after=SHOWS,
    due=False,
    when=lambda x: bool(_fault(x, "viewport", lambda v: bad_viewport(v, True))) and _offered(x) and not _sent_on(x),
    says="The viewport of a thumbnail has a width and a height and nothing else, else the answer is 400.",
)
def thumbnail_viewport(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, "viewport", bad_viewport(single(x, "viewport") or "", True))


def _sent_on(x: Exchange) -> bool:
    return x.answer.status in (301, 302, 303, 307, 308)


@thumbnail_viewport.mutant
def thumbnail_of_a_region(x: Exchange) -> Answer | None:
    """A thumbnail takes a region."""
    wrong = x.answer.status == 400 and "viewport" in x.ask.query
    return x.answer.but(status=200, reason="OK", type=JPEG, body=coded(np.zeros((8, 8)), "jpeg")) if wrong else None
