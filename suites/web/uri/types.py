"""Rules on the media type that the URI service sends: contentType, Accept, and the defaults (PS3.18 9.1.2.2, 9.3, 8.7).

Must not know what is in a file or a picture.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import NOT_NOW, Answer, Ask, Exchange
from harness.past import SOP_CLASS
from harness.rule import DOOR, SHALL_NOT, Door, Finding, rule
from suites.web.retrieve.reading import DICOM, EXPLICIT_LE, IMPLICIT_LE, got, stored
from suites.web.uri.bend import answered, without
from suites.web.uri.reading import (
    HTML,
    JPEG,
    KIND,
    NONE_OF_OURS,
    PDF,
    PLAIN,
    accepts,
    category,
    chosen,
    exists,
    kept,
    lawful,
    only,
    types,
    wants,
    wants_file,
)
from suites.web.uri.status import demanded

_RENDERED = ("image/", "video/", "text/", PDF)
_REPORT = "1.2.840.10008.5.1.4.1.1.88."


def _rendered(type_: str) -> bool:
    return type_.startswith(_RENDERED)


# --- what may be asked for ---------------------------------------------------------------------------------------


@rule(
    "uri.media-type-parameter-is-400",
    cites="PS3.18 9.1.2.2.1; 8.7.3.5.2",
    verifies="PS3.18-9.1.2.2.1-2",
    on=KIND,
    when=lambda x: (
        lawful(x) and any(r.type == DICOM and {"transfer-syntax", "charset"} & set(r.parameters) for r in types(x))
    ),
    says="A contentType with a transfer-syntax or charset parameter is answered 400.",
)
def media_type_parameter_is_400(x: Exchange) -> Iterator[Finding]:
    yield from demanded(x)


@media_type_parameter_is_400.mutant
def media_type_parameter_is_406(x: Exchange) -> Answer | None:
    """A transfer-syntax parameter in contentType is answered 406."""
    return answered(x, 406, 400)


@media_type_parameter_is_400.mutant(at=DOOR)
def media_type_parameter_is_ignored(ask: Ask, door: Door) -> Answer:
    """Parameters of media types in contentType are not looked at."""
    value = ask.query.get("contentType") or ""
    if ask.resource.kind != KIND or ";" not in value or ";q=" in value:
        return door(ask)
    bare = without(ask, "contentType")
    return door(bare.but(target=f"{bare.target}&contentType={value.partition(';')[0]}"))


def _mixes(x: Exchange) -> bool:
    """DICOM and rendered types in contentType, or in the Accept field where that decides."""
    ranges = types(x) if "contentType" in x.ask.query else x.ask.accept.ranges
    names = [r.type for r in ranges]
    return DICOM in names and any(_rendered(n) and "*" not in n for n in names)


@rule(
    "uri.mixed-types-are-400",
    cites="PS3.18 9.1.2.2.1; 8.3.3.1; 8.7.5; 9.5",
    verifies="PS3.18-9.5-1",
    on=KIND,
    when=lambda x: only(x, "contentType") and _mixes(x),
    says="Acceptable media types that are DICOM and rendered ones together are answered 400.",
)
def mixed_types_are_400(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 400:
        # 9.5 has 406 for application/dicom among what a rendering may be
        warn = x.answer.status == 406 or x.answer.status in NOT_NOW
        yield Finding(x.answer.line, "400", "status line", warn=warn)


@mixed_types_are_400.mutant
def mixed_types_are_500(x: Exchange) -> Answer | None:
    """DICOM and rendered types together end in an internal error."""
    return answered(x, 500, 400)


@mixed_types_are_400.mutant
def mixed_types_are_200(x: Exchange) -> Answer | None:
    """Of DICOM and rendered types together one is chosen."""
    return answered(x, 200, 400)


# --- what is sent ------------------------------------------------------------------------------------------------


@rule(
    "uri.file-when-asked",
    cites="PS3.18 9.4.2; 9.4.3.2; 8.7.8.1",
    verifies=("PS3.18-9.4.3.2-1", "PS3.18-9.4.2-1", "PS3.18-9.4.1.3-1"),
    on=KIND,
    when=lambda x: lawful(x) and wants_file(x) and got(x),
    says="Asked for application/dicom, by contentType or by Accept, the service answers in that media type.",
)
def file_when_asked(x: Exchange) -> Iterator[Finding]:
    if x.answer.type != DICOM:
        yield Finding(x.answer.type or "no media type", DICOM, "Content-Type")


@file_when_asked.mutant
def octets_for_a_file(x: Exchange) -> Answer | None:
    """Files are called application/octet-stream."""
    return x.answer.but(type="application/octet-stream") if x.answer.ok else None


@file_when_asked.mutant(at=DOOR)
def accept_is_not_read(ask: Ask, door: Door) -> Answer:
    """Without contentType the Accept field is not looked at."""
    silent = ask.resource.kind == KIND and "contentType" not in ask.query
    return door(ask.but(headers=ask.headers.but("accept", "*/*")) if silent else ask)


def _due(x: Exchange) -> tuple[str, ...]:
    """The media types that every origin server has to offer for this target, the default first (Table 8.7.4-1).

    Of images only those whose pixel data is easily read; of texts only reports, for an encapsulated document is in
    the same category and yet is nothing that anybody would turn into a page.
    """
    known, kind = kept(x), category(x)
    if kind == "text":
        return (HTML, PLAIN) if known and stored(known).dataset.text(SOP_CLASS).startswith(_REPORT) else ()
    plain = known is None or known.transfer_syntax in (EXPLICIT_LE, IMPLICIT_LE)
    usual = known is None or stored(known).dataset.number("00280100") in (8, 16)
    return (JPEG,) if kind == "single" and plain and usual else ()


@rule(
    "uri.required-types",
    cites="PS3.18 9.1.3; 8.7.4 Table 8.7.4-1; 9.5.2",
    verifies=("PS3.18-9.1.3-1", "PS3.18-9.5.2-1"),
    on=KIND,
    when=lambda x: only(x, "contentType") and exists(x) and any(wants(x, t) for t in _due(x)),
    says="A single-frame image can be had as image/jpeg, a report as text/html and text/plain.",
)
def required_types(x: Exchange) -> Iterator[Finding]:
    wanted = types(x)[0].type
    if x.answer.status != 200:
        yield Finding(x.answer.line, f"200 with {wanted}", "status line", warn=x.answer.status in NOT_NOW)
    elif x.answer.type != wanted:
        yield Finding(x.answer.type or "no media type", wanted, "Content-Type")


@required_types.mutant
def nothing_is_rendered(x: Exchange) -> Answer | None:
    """Whatever rendering is asked for, it is answered 406."""
    return answered(x, 406, 200)


@required_types.mutant(at=DOOR)
def content_type_is_not_read(ask: Ask, door: Door) -> Answer:
    """contentType is not looked at."""
    return door(without(ask, "contentType") if ask.resource.kind == KIND else ask)


@rule(
    "uri.default-type",
    cites="PS3.18 9.3; 8.7.4 Table 8.7.4-1; 8.7.7",
    verifies="PS3.18-9.3-1",
    on=KIND,
    when=lambda x: only(x) and _anything(x) and exists(x) and category(x) in ("single", "multi", "text"),
    says="Without contentType and with Accept: */* an image comes as image/jpeg, and a text as a text.",
)
def default_type(x: Exchange) -> Iterator[Finding]:
    said, due = x.answer.type or "no media type", bool(_due(x))
    if x.answer.status != 200:
        if due:
            yield Finding(x.answer.line, f"200 with {_due(x)[0]}", "status line", warn=x.answer.status in NOT_NOW)
    elif category(x) == "text":
        if said == JPEG:
            if chosen(x, "D-09") == "text":
                yield Finding(said, HTML, "Content-Type", warn=True, policy="D-09")
        elif not said.startswith(("text/", "application/pdf", "model/", "application/xml")):
            yield Finding(said, "text/html, or the type of the document", "Content-Type")
        elif due and said != HTML:
            yield Finding(said, HTML, "Content-Type", warn=True)
    elif said != JPEG:
        # Table 8.7.4-1 has neither a default nor image/jpeg for several frames, 9.3 makes no difference
        yield Finding(said, JPEG, "Content-Type", warn=category(x) == "multi")


def _anything(x: Exchange) -> bool:
    return [r.type for r in x.ask.accept.ranges] == ["*/*"] and x.ask.accept.ranges[0].q > 0


@default_type.mutant
def always_a_file(x: Exchange) -> Answer | None:
    """Without contentType an application/dicom file is sent."""
    return x.answer.but(type=DICOM) if x.answer.ok else None


@default_type.mutant(defects="M-WA-21")
def a_text_is_a_picture(x: Exchange) -> Answer | None:
    """Reports and documents without contentType come as image/jpeg."""
    return x.answer.but(type=JPEG) if x.answer.ok and not x.answer.type.startswith("image/") else None


@rule(
    "uri.preferred-type",
    cites="PS3.18 9.1.2.2.1; 8.7.8.1",
    verifies="PS3.18-9.5.2-1",
    on=KIND,
    when=lambda x: only(x, "contentType") and got(x) and _preferred(x) in _due(x),
    says="Of several types in contentType the one with the most weight is sent, where every server has to offer it.",
)
def preferred_type(x: Exchange) -> Iterator[Finding]:
    if x.answer.type != _preferred(x):
        yield Finding(x.answer.type or "no media type", _preferred(x), "Content-Type")


def _preferred(x: Exchange) -> str:
    """The one type in a list that outweighs every other, '' when there is none, or Accept does not cover it."""
    found = sorted(types(x), key=lambda r: -r.q)
    if len(found) < 2 or found[0].q <= found[1].q or any("*" in r.type for r in found):
        return ""
    return found[0].type if accepts(x, found[0].type) else ""


@preferred_type.mutant(at=DOOR)
def the_first_is_taken(ask: Ask, door: Door) -> Answer:
    """Weights in contentType are not looked at."""
    value = ask.query.get("contentType") or ""
    if ask.resource.kind != KIND or ";q=" not in value:
        return door(ask)
    bare = without(ask, "contentType")
    return door(bare.but(target=f"{bare.target}&contentType={value.partition(';')[0]}"))


@rule(
    "uri.no-media-type-parameters",
    cites="PS3.18 9.1.3; 8.7.3.5.2; 8.7.4",
    verifies=("PS3.18-9.1.3-2", "PS3.18-8.7.3.5.2-4"),
    on=KIND,
    level=SHALL_NOT,
    when=lambda x: got(x) and bool(x.answer.type),
    says="The Content-Type of an answer has no transfer-syntax parameter, and that of a DICOM file no charset.",
)
def no_media_type_parameters(x: Exchange) -> Iterator[Finding]:
    for name in ("transfer-syntax", "charset"):
        if name in x.answer.media.parameters and (name == "transfer-syntax" or x.answer.type == DICOM):
            yield Finding(f"{name}={x.answer.media.parameters[name]}", "no such parameter", "Content-Type")


@no_media_type_parameters.mutant
def syntax_in_content_type(x: Exchange) -> Answer | None:
    """Content-Type has a transfer-syntax parameter as in the Studies service."""
    return x.answer.but(type=f"{DICOM}; transfer-syntax={EXPLICIT_LE}") if x.answer.ok and _is_file(x) else None


@no_media_type_parameters.mutant
def charset_in_content_type(x: Exchange) -> Answer | None:
    """Content-Type of a file has a charset parameter."""
    return x.answer.but(type=f"{DICOM}; charset=utf-8") if x.answer.ok and _is_file(x) else None


def _is_file(x: Exchange) -> bool:
    return x.kind == KIND and x.answer.type == DICOM


@rule(
    "uri.single-part",
    cites="PS3.18 9.4.3.3; 9.5.3.3",
    verifies=("PS3.18-9.4.3.3-1", "PS3.18-9.5.3.3-1"),
    on=KIND,
    when=lambda x: got(x) and x.answer.body.size > 0,
    says="A success carries one representation, which is never multipart.",
)
def single_part(x: Exchange) -> Iterator[Finding]:
    if x.answer.type.startswith("multipart/"):
        yield Finding(x.answer.type, "a single representation", "Content-Type")


@single_part.mutant
def always_multipart(x: Exchange) -> Answer | None:
    """A file or picture is sent as the only part of a multipart payload."""
    if not x.answer.ok or x.kind != KIND:
        return None
    part = f"--b\r\nContent-Type: {x.answer.type}\r\n\r\n".encode() + x.answer.payload.bytes() + b"\r\n--b--\r\n"
    return x.answer.but(type=f'multipart/related; type="{x.answer.type}"; boundary=b', body=part)


def _unacceptable(x: Exchange) -> bool:
    ranges = (*types(x), *x.ask.accept.ranges)
    return bool(x.ask.accept.ranges) and all(r.type == NONE_OF_OURS for r in ranges)


@rule(
    "uri.unacceptable-is-406",
    cites="PS3.18 8.7.8.1; 9.5.3.1",
    verifies="PS3.18-9.5.2-1",
    on=KIND,
    when=lambda x: only(x, "contentType") and _unacceptable(x) and exists(x),
    says="A request that accepts only types nobody offers is answered 406.",
)
def unacceptable_is_406(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 406:
        return
    # 8.3.3.1 has the default type instead
    default = x.answer.ok and x.answer.type in (*_due(x), DICOM)
    refused = x.answer.status // 100 == 4 or x.answer.status in NOT_NOW
    yield Finding(x.answer.line, "406", "status line", warn=refused or default, policy="D-02" if default else "")


@unacceptable_is_406.mutant(defects="M-AC-19")
def unacceptable_is_500(x: Exchange) -> Answer | None:
    """A type that nobody offers ends in an internal error."""
    return answered(x, 500, 406)


@unacceptable_is_406.mutant
def unacceptable_is_made_up(x: Exchange) -> Answer | None:
    """Whatever type is asked for, the answer is called so."""
    return x.answer.but(status=200, reason="OK", type=NONE_OF_OURS, body=b"?") if x.answer.status == 406 else None
