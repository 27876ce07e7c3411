"""Rules on values that no parameter of a rendering may have, and on parameters that exclude each other (PS3.18 9.5).

Every one of these parameters is optional: a server is only held to one that changes what it answers.
Must not know what a right picture looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.exchange import NOT_NOW, Answer, Ask, Exchange, Journey
from harness.rule import DOOR, Door, Finding, Rule, journey, rule
from harness.wire.uri import URI_PARAMETERS
from suites.web.retrieve.reading import got
from suites.web.uri.bend import answered, replaced
from suites.web.uri.compare import differ, grey
from suites.web.uri.reading import ANNOTATION, KIND, PLAIN, picture, shown, value

Supports = Callable[[Journey], bool]
_PLAIN = (*URI_PARAMETERS, "contentType", "charset")


def has_effect(j: Journey, *, refused: tuple[str, ...] = ("bad",)) -> bool:
    """The parameter of this journey changes what comes: another picture, or a refusal of a wrong value."""
    plain = j.step("plain")
    taken = [x for step in ("asked", "frame") for x in j.steps(step) if shown(x)]
    if plain is None or not shown(plain) or not taken:
        return False  # who refuses right values does not have the parameter
    if any(x.answer.status == 400 for step in refused for x in j.steps(step)):
        return True
    return any(differ(grey(x), grey(plain)) for x in j.steps("asked"))


def _says(x: Exchange) -> str:
    """The parameters that this is about."""
    return "&".join(f"{p.name}={p.value}" for p in x.ask.query.parameters if p.name not in _PLAIN)


def refused(
    id: str,
    *,
    on: str,
    cites: str,
    says: str,
    verifies: str | tuple[str, ...] = (),
    step: str = "bad",
    supports: Supports = has_effect,
) -> Rule[Journey]:
    """A rule that every request of a step is answered 400, with the mutants that it must catch."""

    def exercised(j: Journey) -> bool:
        return bool(j.steps(step)) and supports(j)

    def judgement(j: Journey) -> Iterator[Finding]:
        for x in j.steps(step):
            if x.answer.status != 400:
                yield Finding(x.answer.line, "400", _says(x), seq=x.seq, warn=x.answer.status in NOT_NOW)

    made = journey(id, cites=cites, verifies=verifies, on=on, due=False, when=exercised, says=says)(judgement)

    @made.mutant
    def wrong_value_is_accepted(x: Exchange) -> Answer | None:
        """A wrong value is answered 200."""
        return answered(x, 200, 400)

    @made.mutant
    def wrong_value_is_404(x: Exchange) -> Answer | None:
        """A wrong value is answered 404."""
        return answered(x, 404, 400)

    return made


bad_frame_number = refused(
    "uri.bad-frame-number-is-400",
    cites="PS3.18 9.5.2.1",
    verifies="PS3.18-9.5.2.1-3",
    on="web.uri.frame",
    says="Where frameNumber is supported, anything but the number of one frame of the instance is answered 400.",
    supports=lambda j: _frames_differ(j) or has_effect(j, refused=("bad", "single")),
)

frame_of_a_single_frame = refused(
    "uri.frame-of-a-single-frame-is-400",
    cites="PS3.18 9.5.2.1",
    verifies="PS3.18-9.5.2.1-2",
    on="web.uri.frame",
    step="single",
    says="Where frameNumber is supported, it is answered 400 for what is no multi-frame image or video.",
    supports=lambda j: _frames_differ(j) or has_effect(j, refused=("bad", "single")),
)


def _frames_differ(j: Journey) -> bool:
    found = [grey(x) for x in j.steps("frame")]
    return any(differ(one, found[0]) for one in found[1:])


bad_viewport = refused(
    "uri.bad-viewport-is-400",
    cites="PS3.18 9.5.1.2.4; 8.3.5.1.3",
    verifies="PS3.18-9.5.1.2.4-1",
    on="web.uri.viewport",
    says="Where rows and columns are supported, what is no positive integer is answered 400.",
    supports=lambda j: _sized(j, "rows"),
)

bad_region = refused(
    "uri.bad-region-is-400",
    cites="PS3.18 9.5.2.4; 9.5.1.2.5",
    verifies=("PS3.18-9.5.2.4-3", "PS3.18-9.5.1.2.5-1"),
    on="web.uri.viewport",
    step="bad-region",
    says="Where region is supported, anything but four decimals that make up a region from 0 to 1 is answered 400.",
    supports=lambda j: _sized(j, "region"),
)


def _sized(j: Journey, name: str) -> bool:
    """The parameter changes the size of the picture, or a wrong value of it is refused."""
    plain = j.step("plain")
    if plain is None or not shown(plain):
        return False
    others = {"rows", "columns"} if name == "region" else {"region"}  # which may have effects of their own
    named = [x for x in j.exchanges if name in x.ask.query and not any(other in x.ask.query for other in others)]
    sizes = {(picture(x).width, picture(x).height) for x in named if shown(x)}
    refuses = bool(sizes) and any(x.answer.status == 400 for x in named)
    return refuses or bool(sizes - {(picture(plain).width, picture(plain).height)})


half_a_window = refused(
    "uri.half-a-window-is-400",
    cites="PS3.18 9.5.1.2.6; 9.5.2.2",
    verifies="PS3.18-9.5.1.2.6-1",
    on="web.uri.window",
    step="half",
    says="Where windowCenter and windowWidth are supported, one without the other is answered 400.",
    supports=lambda j: has_effect(j, refused=("bad", "half")),
)

bad_window = refused(
    "uri.bad-window-is-400",
    cites="PS3.18 9.5.2.2",
    verifies="PS3.18-9.5.2.2-1",
    on="web.uri.window",
    says="Where windowCenter and windowWidth are supported, what is no decimal number is answered 400.",
    supports=lambda j: has_effect(j, refused=("bad", "half")),
)

window_beside_state = refused(
    "uri.window-beside-state-is-400",
    cites="PS3.18 9.5.1.2.6; 9.5.2.2; 8.3.5.1.6",
    verifies="PS3.18-9.5.1.2.6-2",
    on="web.uri.state",
    step="window",
    says="Where presentation states are supported, a window beside one is answered 400.",
    supports=lambda j: has_effect(j, refused=("bad", "half", "frame")),
)

window_beside_file = refused(
    "uri.window-beside-file-is-400",
    cites="PS3.18 9.5.1.2.6",
    verifies="PS3.18-9.5.1.2.6-3",
    on="web.uri.window",
    step="file",
    says="Where windowing is supported, a window beside application/dicom is answered 400.",
    supports=lambda j: has_effect(j, refused=("bad", "half")),
)

bad_quality = refused(
    "uri.bad-quality-is-400",
    cites="PS3.18 9.5.1.2.3; 8.3.5.1.2",
    on="web.uri.quality",
    says="Where imageQuality is supported, anything but an integer from 1 to 100 is answered 400.",
    supports=lambda j: _weighs(j) or has_effect(j),
)


def _weighs(j: Journey) -> bool:
    """The best quality takes clearly more octets than the worst."""
    sizes = [x.answer.payload.size for x in j.steps("asked") if shown(x)]
    return len(sizes) > 1 and max(sizes) > 1.2 * min(sizes)


@journey(
    "uri.quality-has-an-order",
    cites="PS3.18 9.5.1.2.3; 8.3.5.1.2",
    on="web.uri.quality",
    due=False,
    when=lambda j: _weighs(j) and len(j.steps("asked")) > 1,
    says="Where imageQuality is supported, the best quality is not smaller than the worst.",
)
def quality_has_an_order(j: Journey) -> Iterator[Finding]:
    found = [x for x in j.steps("asked") if shown(x)]
    worst, best = min(found, key=_quality), max(found, key=_quality)
    if best.answer.payload.size < worst.answer.payload.size:
        got_it = f"{best.answer.payload.size} octets at {_quality(best)}"
        yield Finding(got_it, f"no fewer than {worst.answer.payload.size} at {_quality(worst)}", "body", seq=best.seq)


@quality_has_an_order.mutant(at=DOOR)
def one_is_the_best(ask: Ask, door: Door) -> Answer:
    """Quality 1 is taken for the best and 100 for the worst."""
    asked = ask.query.get("imageQuality") or ""
    lawful = ask.resource.kind == KIND and asked.isdigit() and 1 <= int(asked) <= 100
    return door(replaced(ask, "imageQuality", str(101 - int(asked))) if lawful else ask)


def _quality(x: Exchange) -> int:
    text = value(x, "imageQuality") or ""
    return int(text) if text.isdigit() and len(text) < 4 else 0


unknown_state = refused(
    "uri.unknown-state-is-400",
    cites="PS3.18 9.5.2.3; 8.3.5.1.6",
    on="web.uri.state",
    says="Where presentation states are supported, one that is not held is answered 400.",
    supports=lambda j: has_effect(j, refused=("bad", "half", "frame")),
)

half_a_state = refused(
    "uri.half-a-state-is-400",
    cites="PS3.18 9.5.1.2.7",
    on="web.uri.state",
    step="half",
    says="Where presentation states are supported, one of their two UIDs without the other is answered 400.",
    supports=lambda j: has_effect(j, refused=("bad", "half", "frame")),
)

frame_beside_state = refused(
    "uri.frame-beside-state-is-400",
    cites="PS3.18 9.5.2.3; 8.3.5.1.6",
    on="web.uri.state",
    step="frame",
    says="Where presentation states are supported, frameNumber beside one is answered 400.",
    supports=lambda j: has_effect(j, refused=("bad", "half", "frame")),
)


# --- annotation and character set --------------------------------------------------------------------------------


@journey(
    "uri.unknown-annotation-is-told",
    cites="PS3.18 9.5.1.2.2; 8.3.5.1.1",
    on="web.uri.annotation",
    due=False,
    when=lambda j: bool(_of_known_names(j)),
    says="Where annotation is supported, a keyword that is not is answered 400, or ignored with a Warning.",
)
def unknown_annotation_is_told(j: Journey) -> Iterator[Finding]:
    for x in _of_known_names(j):
        told = any(w.lstrip().startswith("299") for w in x.answer.headers.all("warning"))
        if x.answer.status != 400 and not (x.answer.ok and told):
            warn = x.answer.status in NOT_NOW
            yield Finding(f"{x.answer.line} without a Warning", "400, or Warning: 299", _says(x), seq=x.seq, warn=warn)


def _of_known_names(j: Journey) -> list[Exchange]:
    """What was asked with a keyword that nobody has, under a name of the parameter (D-08) that has an effect."""
    plain = j.step("plain")
    if plain is None or not shown(plain):
        return []
    drawn = [x for x in j.steps("asked") if shown(x) and differ(grey(x), grey(plain))]
    names = {name for x in drawn for name in _names(x)}
    return [x for x in j.steps("unknown") if names & _names(x)]


def _names(x: Exchange) -> set[str]:
    return {name for name in ANNOTATION if name in x.ask.query}


@unknown_annotation_is_told.mutant
def ignored_in_silence(x: Exchange) -> Answer | None:
    """Keywords that are not supported are ignored, and nobody is told."""
    return x.answer.but(headers=x.answer.headers.but("warning", None)) if "warning" in x.answer.headers else None


@rule(
    "uri.text-is-in-its-charset",
    cites="PS3.18 9.1.2.2.2; 8.8.5",
    on=KIND,
    when=lambda x: got(x) and x.answer.type == PLAIN and x.answer.body.size > 0 and bool(_codec(x)),
    says="A text is written in the character set that its Content-Type names.",
)
def text_is_in_its_charset(x: Exchange) -> Iterator[Finding]:
    try:
        x.answer.payload.bytes().decode(_codec(x))
    except UnicodeDecodeError as problem:
        octets = x.answer.payload.read(problem.start, 8).hex()
        yield Finding(f"{octets} at octet {problem.start}", f"text in {_codec(x)}", "body")


def _codec(x: Exchange) -> str:
    """The character set of the answer, UTF-8 where none is named (8.8.5); '' for one that we do not have."""
    name = x.answer.media.parameters.get("charset", "utf-8").strip('"')
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return ""
    return name


@text_is_in_its_charset.mutant
def called_ascii(x: Exchange) -> Answer | None:
    """Texts are called US-ASCII whatever they hold."""
    return x.answer.but(type=f"{PLAIN}; charset=us-ascii") if x.answer.ok and x.answer.type == PLAIN else None


@rule(
    "uri.asked-charset-is-used",
    cites="PS3.18 9.1.2.2.2; 8.8.5; Table 9.5.1-1",
    on=KIND,
    when=lambda x: (
        got(x)
        and x.answer.type.startswith("text/")
        and (value(x, "charset") or "").lower() == "utf-8"
        and "charset" in x.answer.media.parameters
    ),
    says="A text that is asked for in UTF-8 comes in UTF-8.",
)
def asked_charset_is_used(x: Exchange) -> Iterator[Finding]:
    said = x.answer.media.parameters["charset"].strip('"').lower()
    if said not in ("utf-8", "us-ascii"):
        yield Finding(said, "utf-8", "Content-Type")


@asked_charset_is_used.mutant
def always_latin(x: Exchange) -> Answer | None:
    """Texts are always in ISO 8859-1."""
    return x.answer.but(type=f"{x.answer.type}; charset=iso-8859-1") if x.answer.type.startswith("text/") else None
