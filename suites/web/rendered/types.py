"""Rules on the media types of renderings (PS3.18 8.7.4, 8.7.7, 8.7.8): which comes, and that it is what it says.

Must not know what a rendering shows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.exchange import NOT_NOW, Answer, Exchange
from harness.rule import SHALL_NOT, Finding, rule
from harness.wire import media
from suites.model.altered import reframed
from suites.web.rendered.bend import changed, coded
from suites.web.rendered.ground import SHOWS
from suites.web.rendered.markup import untrue
from suites.web.rendered.reading import (
    BOTH_KINDS,
    GIF,
    HTML,
    JPEG,
    ORDINARY,
    PDF,
    PLAIN,
    PNG,
    RELATED,
    RENDERED,
    REQUIRED,
    THUMBNAIL,
    XML,
    Shown,
    accepts,
    category,
    got,
    held,
    named,
    pictures,
    plain,
    shown,
)

NONE_OF_OURS = "application/x-dicomproof-none"  # a media type that nobody offers
_IMAGES = (JPEG, PNG, GIF, "image/jp2", "image/jph", "image/jxl")


def _named(x: Exchange) -> tuple[media.Range, ...]:
    """The types of the accept parameter."""
    found = media.read_accept([p.value for p in x.ask.query.all("accept") if p.value])
    return tuple(r for r in found.ranges if "*" not in r.type and r.q > 0)


def _negotiated(x: Exchange) -> bool:
    return got(x) and x.ask.accept.present and bool(x.ask.accept.ranges) and x.answer.body.size > 0


def _owes(x: Exchange) -> str:
    """The type with the greatest weight among those that have to be offered and are acceptable, '' for none."""
    usual = (JPEG,) if x.kind == THUMBNAIL else REQUIRED.get(category(x), ())
    weights = {t: x.ask.accept.weight(media.Reading(t)) for t in usual}
    best = max(usual, key=lambda t: weights[t], default="")
    return best if best and weights[best] > 0 else ""


@rule(
    "rendered.type-is-acceptable",
    cites="PS3.18 8.7.8.1; 8.7.5; 8.7.3",
    verifies=("PS3.18-8.7.8.1-3", "PS3.18-8.7.4-2"),
    on=BOTH_KINDS,
    when=_negotiated,
    says="A rendering comes in a media type that the request accepts, and in one part where one part is asked for.",
)
def type_is_acceptable(x: Exchange) -> Iterator[Finding]:
    named, reading = _named(x), x.answer.media
    if x.answer.multipart is not None and x.answer.parts and not reading.root:
        reading = media.Reading(reading.type, {**reading.parameters, "type": x.answer.parts[0].media.type})
    if named and any(_covers(r, reading) for r in named):
        return
    if x.ask.accept.weight(reading) > 0:
        return
    owes = _owes(x)
    said = f'{reading.type}; type="{reading.root}"' if reading.root else reading.type
    policy = "" if owes else "D-02"
    yield Finding(said, owes or "406, or the default type", "Content-Type", warn=not owes, policy=policy)


def _covers(range_: media.Range, reading: media.Reading) -> bool:
    return range_.covers(reading.type, reading.parameters)


@type_is_acceptable.mutant
def jpeg_for_everybody(x: Exchange) -> Answer | None:
    """Every picture is a JPEG, whatever is accepted."""
    return _recoded(x, JPEG) if x.answer.type != JPEG else None


@type_is_acceptable.mutant(defects="M-WA-26")
def always_multipart(x: Exchange) -> Answer | None:
    """A single picture is sent as a multipart message too."""
    if not got(x) or x.answer.multipart is not None or not x.answer.type:
        return None
    octets, root = x.answer.payload.bytes(), x.answer.type
    answer = x.answer.but(type=f'{RELATED}; type="{root}"; boundary=r')
    return reframed(answer, [((("Content-Type", root), ("Content-Length", str(len(octets)))), octets)])


@rule(
    "rendered.weights-decide",
    cites="PS3.18 8.7.8.1",
    verifies="PS3.18-8.7.8.1-3",
    on=RENDERED,
    when=lambda x: (
        _negotiated(x) and plain(x) and not _named(x) and category(x) == "single" and bool(_owes(x)) and _weighed(x)
    ),
    says="Of the media types that have to be offered the one with the greatest weight comes.",
)
def weights_decide(x: Exchange) -> Iterator[Finding]:
    best = _owes(x)
    if x.ask.accept.weight(media.Reading(x.answer.type)) < x.ask.accept.weight(media.Reading(best)):
        yield Finding(x.answer.type, best, "Content-Type")


def _weighed(x: Exchange) -> bool:
    return len({x.ask.accept.weight(media.Reading(t)) for t in REQUIRED["single"]} - {0.0}) > 1


@weights_decide.mutant
def first_named_wins(x: Exchange) -> Answer | None:
    """Weights are not looked at: the first type that is named is sent."""
    first = [r.type for r in x.ask.accept.ranges[:1]]
    return _recoded(x, first[0]) if first and len(x.ask.accept.ranges) > 1 else None


def _chosen(x: Exchange) -> frozenset[str]:
    """The types of the accept parameter with the greatest weight, if every server has to offer each that it names."""
    found, usual = _named(x), REQUIRED.get(category(x), ())
    if not found or not all(r.type in usual and accepts(x, r.type) for r in found):
        return frozenset()
    return frozenset(r.type for r in found if r.q == max(other.q for other in found))


@rule(
    "rendered.accept-parameter-decides",
    cites="PS3.18 8.7.8.1; 8.3.3.1; 10.4.1.2 Table 10.4.1-5",
    verifies=("PS3.18-8.3.3.1-1", "PS3.18-8.7.8.1-3"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: got(x) and plain(x) and held(x) and named(x) in ORDINARY and bool(_chosen(x)),
    says="A type of the accept parameter that every server has to offer comes before those of the Accept field.",
)
def accept_parameter_decides(x: Exchange) -> Iterator[Finding]:
    if x.answer.type not in _chosen(x):
        yield Finding(x.answer.type or "no media type", " or ".join(sorted(_chosen(x))), "Content-Type")


@accept_parameter_decides.mutant
def parameter_is_not_looked_at(x: Exchange) -> Answer | None:
    """The accept parameter is not looked at, so whoever accepts anything gets a JPEG."""
    return _recoded(x, JPEG) if "accept" in x.ask.query and x.answer.type != JPEG else None


@rule(
    "rendered.default-type",
    cites="PS3.18 8.7.4 Table 8.7.4-1; 8.7.7; 10.4.4",
    verifies=("PS3.18-8.7.4-1", "PS3.18-8.7.2-1", "PS3.18-8.7.2-2", "PS3.18-8.7.7-1"),
    on=BOTH_KINDS,
    when=lambda x: (
        _negotiated(x)
        and plain(x)
        and not _named(x)
        and {r.type for r in x.ask.accept.ranges} == {"*/*"}
        and bool(_usual(x))
    ),
    says="Whoever accepts anything gets a single image as image/jpeg and a text as text/html.",
)
def default_type(x: Exchange) -> Iterator[Finding]:
    if x.answer.type != _usual(x):
        yield Finding(x.answer.type, _usual(x), "Content-Type")


def _usual(x: Exchange) -> str:
    return JPEG if x.kind == THUMBNAIL else REQUIRED.get(category(x), ("",))[0]


@default_type.mutant
def png_by_default(x: Exchange) -> Answer | None:
    """Who accepts anything gets PNG."""
    return _recoded(x, PNG) if {r.type for r in x.ask.accept.ranges} == {"*/*"} else None


def _recoded(x: Exchange, type_: str) -> Answer | None:
    """The answer with its one picture in another format."""
    formats = {JPEG: "jpeg", PNG: "png", GIF: "gif"}
    frames = pictures(x)[0].picture.pixels if pictures(x) else ()
    if type_ not in formats or x.answer.multipart is not None or not frames:
        return None
    return x.answer.but(type=type_, body=coded(frames[0].astype(np.float64), formats[type_]))


@rule(
    "rendered.type-is-true",
    cites="PS3.18 8.7.9; 8.7.4; 10.4.3.2",
    verifies=("PS3.18-8.7.4-1", "PS3.18-8.7.4-2"),
    on=BOTH_KINDS,
    when=lambda x: any(_told(one) for one in shown(x)),
    says="The octets of a rendering are of the media type that Content-Type says.",
)
def type_is_true(x: Exchange) -> Iterator[Finding]:
    for one in shown(x):
        if one.type in _IMAGES and one.picture.type != one.type:
            seen = one.picture.type or f"octets {one.content.read(0, 8).hex()}"
            yield Finding(seen, one.type, f"{one.where}, its first octets")
        elif one.type == PDF and one.content.read(0, 5) != b"%PDF-":
            yield Finding(f"octets {one.content.read(0, 8).hex()}", "%PDF-", f"{one.where}, its first octets")
        elif one.type.startswith("text/") and one.picture.format:
            yield Finding(one.picture.type, one.type, f"{one.where}, its first octets")
        elif seen := untrue(one.type, one.media.parameters.get("charset", "utf-8").lower(), one.content):
            yield Finding(seen, one.type, one.where)


def _told(one: Shown) -> bool:
    return one.type in (*_IMAGES, PDF) or one.type.startswith("text/")


@type_is_true.mutant
def png_called_jpeg(x: Exchange) -> Answer | None:
    """A JPEG calls itself PNG."""
    return x.answer.but(type=PNG) if got(x) and x.answer.type == JPEG else None


@type_is_true.mutant
def empty_octets_called_jpeg(x: Exchange) -> Answer | None:
    """Zeros are called a picture."""
    return x.answer.but(body=bytes(100)) if got(x) and x.answer.type in _IMAGES else None


@type_is_true.mutant
def page_called_plain(x: Exchange) -> Answer | None:
    """An HTML page is called text/plain."""
    return x.answer.but(type=PLAIN) if got(x) and x.answer.type == HTML else None


@type_is_true.mutant
def text_called_page(x: Exchange) -> Answer | None:
    """Plain text is called text/html."""
    return x.answer.but(type=HTML) if got(x) and x.answer.type == PLAIN else None


@type_is_true.mutant
def xml_is_not_closed(x: Exchange) -> Answer | None:
    """The end of an XML document is missing."""
    return changed(x, lambda one: one.content.read(0, one.content.size - 12) if one.type == XML else None)


@rule(
    "rendered.picture-is-whole",
    cites="PS3.18 10.4.3.3.3; 10.4.3.3.4; 8.7.4",
    verifies="PS3.18-10.4.3.3.3-1",
    on=BOTH_KINDS,
    when=lambda x: any(one.picture.format for one in shown(x)),
    says="A picture can be decoded: nothing of it is missing, and its size is one that can be shown.",
)
def picture_is_whole(x: Exchange) -> Iterator[Finding]:
    for one in pictures(x):
        decoded = one.picture.pixels  # what cannot be decoded becomes a flaw
        for flaw in one.picture.flaws.of("image"):
            light = flaw.code == "image.trailing" or (flaw.code == "image.profile" and bool(decoded))
            where = f"{one.where}, {flaw.where}" if flaw.where else one.where
            yield Finding(flaw.got, flaw.want, where, warn=light)


@picture_is_whole.mutant(defects="M-RE-02")
def half_a_picture(x: Exchange) -> Answer | None:
    """The second half of a picture is missing."""
    return changed(x, lambda one: one.content.read(0, one.content.size // 2) if one.picture.format else None)


@picture_is_whole.mutant
def picture_of_noise(x: Exchange) -> Answer | None:
    """Behind its header a picture is noise."""

    def noise(one: Shown) -> bytes | None:
        octets = one.content.bytes()
        middle = bytes(n * 167 % 256 for n in range(len(octets) // 3))
        kept = len(octets) // 3
        return octets[:kept] + middle + octets[kept + len(middle) :] if one.picture.format == "png" else None

    return changed(x, noise)


@rule(
    "rendered.jpeg-is-baseline",
    cites="PS3.18 8.7.4",
    verifies="PS3.18-8.7.4-4",
    on=BOTH_KINDS,
    when=lambda x: any(one.picture.process for one in shown(x)),
    says="A rendered JPEG is coded by the baseline process: eight bits, Huffman, one frame.",
)
def jpeg_is_baseline(x: Exchange) -> Iterator[Finding]:
    for one in pictures(x):
        if one.picture.process and (one.picture.process, one.picture.bits) != ("SOF0", 8):
            yield Finding(f"{one.picture.process}, {one.picture.bits} bits", "SOF0, 8 bits", one.where)


@jpeg_is_baseline.mutant
def jpeg_is_progressive(x: Exchange) -> Answer | None:
    """JPEGs are progressive."""

    def progressive(one: Shown) -> bytes | None:
        frames = one.picture.pixels if one.picture.format == "jpeg" else ()
        return coded(frames[0].astype(np.float64), "jpeg", progressive=True) if frames else None

    return changed(x, progressive)


@rule(
    "rendered.no-transfer-syntax",
    cites="PS3.18 8.7.4",
    verifies="PS3.18-8.7.4-6",
    level=SHALL_NOT,
    on=BOTH_KINDS,
    content=False,
    when=lambda x: bool(shown(x)),
    says="The media type of a rendering has no transfer-syntax parameter.",
)
def no_transfer_syntax(x: Exchange) -> Iterator[Finding]:
    for where, reading in [("Content-Type", x.answer.media), *((s.where, s.media) for s in shown(x))]:
        if "transfer-syntax" in reading.parameters:
            yield Finding(f"transfer-syntax={reading.parameters['transfer-syntax']}", "no such parameter", where)


@no_transfer_syntax.mutant
def says_a_transfer_syntax(x: Exchange) -> Answer | None:
    """Content-Type of a JPEG names the transfer syntax of JPEG baseline."""
    return x.answer.but(type=f"{JPEG}; transfer-syntax=1.2.840.10008.1.2.4.50") if x.answer.type == JPEG else None


@rule(
    "rendered.required-types",
    cites="PS3.18 8.7.4 Table 8.7.4-1; 8.7.3",
    verifies=("PS3.18-8.7.4-1", "PS3.18-8.7.4-2"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: plain(x) and held(x) and bool(_only_required(x)) and not x.ask.query.raw and named(x) in ORDINARY,
    says="A single image can be had as image/jpeg, image/gif and image/png, a text as text/html, text/plain and "
    "text/xml.",
)
def required_types(x: Exchange) -> Iterator[Finding]:
    if not x.answer.ok:
        light = x.answer.status in NOT_NOW
        yield Finding(x.answer.line, f"200 with {_only_required(x)}", "status line", warn=light)


def _only_required(x: Exchange) -> str:
    """The one type that is acceptable, if every server has to offer it beside the default of this category."""
    only = [t for t in REQUIRED.get(category(x), ()) if accepts(x, t)]
    return only[0] if len(only) == 1 and len(x.ask.accept.ranges) == 1 and only[0] not in (JPEG, HTML) else ""


def _refuses(x: Exchange, *types: str) -> Answer | None:
    wrong = x.kind == RENDERED and x.answer.ok and x.answer.type in types
    return Answer(406, "Not Acceptable", x.answer.headers.but("content-type", "text/plain")) if wrong else None


@required_types.mutant
def no_gif(x: Exchange) -> Answer | None:
    """Nothing is rendered as GIF."""
    return _refuses(x, GIF)


@required_types.mutant
def no_png(x: Exchange) -> Answer | None:
    """Nothing is rendered as PNG."""
    return _refuses(x, PNG)


@required_types.mutant
def html_only(x: Exchange) -> Answer | None:
    """A report can be had as HTML only."""
    return _refuses(x, "text/plain", "text/xml")


@rule(
    "rendered.unacceptable-is-406",
    cites="PS3.18 8.7.8.1; 8.3.3.1; 10.4.3.1",
    verifies="PS3.18-10.4.3.1-5",
    on=BOTH_KINDS,
    after=SHOWS,
    when=lambda x: plain(x) and held(x) and {r.type for r in x.ask.accept.ranges} == {NONE_OF_OURS}
    and "accept" not in x.ask.query and x.answer.status not in (404, 501),
    says="A rendering that is accepted only in a type that nobody offers is answered 406.",
)  # fmt: skip
def unacceptable_is_406(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 406:
        return
    default = x.answer.ok and x.answer.type in (JPEG, HTML)
    light = default or x.answer.status // 100 == 4 or x.answer.status in NOT_NOW
    yield Finding(x.answer.line, "406", "status line", warn=light, policy="D-02" if default else "")


@unacceptable_is_406.mutant(defects="M-AC-18")
def unacceptable_is_500(x: Exchange) -> Answer | None:
    """Nothing acceptable ends in an internal error."""
    return x.answer.but(status=500, reason="Internal Server Error") if x.answer.status == 406 else None


@unacceptable_is_406.mutant
def unacceptable_is_png(x: Exchange) -> Answer | None:
    """Who accepts nothing that is offered gets PNG."""
    wrong = x.answer.status == 406
    return x.answer.but(status=200, reason="OK", type=PNG, body=coded(np.zeros((8, 8)), "png")) if wrong else None
