"""Rules of PS3.18 8.3.3.1, 8.7.5, 8.7.7 and 8.7.8.1: which media type is chosen, and when none is.

Must not know what a representation holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, unquote

from harness.exchange import Answer, Ask, Exchange, view
from harness.rule import DOOR, Door, Finding, rule, undetected, untested
from suites.web.negotiation.reading import (
    READS,
    REFUSALS,
    came,
    default,
    held,
    kind_of,
    lossy_only,
    mixed,
    negotiable,
    offered,
    parameter,
    ranges,
    told,
    weight,
)
from suites.web.negotiation.tables import DICOM, EXPLICIT_LE, JSON, OCTETS, XML, Offer

_JSON, _XML = Offer(JSON), Offer(XML, multipart=True)
_PARTS = Offer(DICOM, multipart=True)


def _accepting(ask: Ask, value: str) -> Ask:
    return ask.but(headers=ask.headers.but("accept", value))


@view
def _sure(x: Exchange) -> list[Offer]:
    """What the target has to be able to deliver here and now.

    Explicit VR little endian and plain octets are not owed where only lossy pixels are held, nor octets where there
    are none; a probe that knows better says so.
    """
    known = x.facts.get("lossless") or lossy_only(x) is False
    found = []
    for offer in offered(x):
        pixels = offer.type != OCTETS or x.kind in ("web.retrieve.frames", "web.retrieve.bulkdata")
        if offer.type in (JSON, XML) or (known and (pixels or x.facts.get("pixels"))):
            found.append(offer)
    return found


def _weight(x: Exchange, offer: Offer) -> float:
    syntax = EXPLICIT_LE if offer.type in (DICOM, OCTETS) else ""
    return weight(x, offer.reading(syntax))


def _nothing_offered(x: Exchange) -> bool:
    """No range names anything that the table of the resource knows, in whatever form."""
    return not any(_weight(x, o) > 0 or weight(x, o.reading()) > 0 for o in offered(x)) and not _by_parameter(x)


@view
def _by_parameter(x: Exchange) -> list[Offer]:
    """What the accept parameter names of that which the resource has to offer."""
    return [o for o in offered(x) if any(o.allowed(r) and r.q > 0 for r in parameter(x).ranges)]


@rule(
    "negotiation.answer-acceptable",
    cites="PS3.18 8.7.8.1; 8.7.5",
    verifies="PS3.18-8.7.8.1-1",
    on=READS,
    when=lambda x: negotiable(x) and came(x),
    says="What comes back is in a media type that the request accepts.",
)
def answer_acceptable(x: Exchange) -> Iterator[Finding]:
    reading = told(x)
    if weight(x, reading) > 0 or any(r.covers(reading.type, reading.parameters) for r in parameter(x).ranges):
        return
    usual = default(x)
    if usual and usual.is_type_of(reading) and _nothing_offered(x):
        return  # negotiation.none-acceptable judges the default type
    yield Finding(got=kind_of(x), want=f"a type within {x.ask.accept.raw}", where="Content-Type")


@answer_acceptable.mutant(at=DOOR, defects="M-MP-29")
def json_to_everybody(ask: Ask, door: Door) -> Answer:
    """Metadata is JSON even for those who accept XML only."""
    if ask.resource.kind.startswith(("web.search", "web.retrieve.metadata")):
        return door(_accepting(ask, JSON))
    return door(ask)


@answer_acceptable.mutant(defects=("M-MP-28", "M-MP-33"))
def instance_without_its_envelope(x: Exchange) -> Answer | None:
    """One instance comes bare where multipart was asked for."""
    if x.kind != "web.retrieve.instances" or len(x.answer.parts) != 1:
        return None
    part = x.answer.parts[0]
    return x.answer.but(type=part.media.type, body=part.content.bytes())


@answer_acceptable.mutant(defects=("M-MP-34", "M-MP-32"))
def octets_without_their_envelope(x: Exchange) -> Answer | None:
    """Frames and bulkdata come as one bare run of octets."""
    if x.kind not in ("web.retrieve.frames", "web.retrieve.bulkdata") or len(x.answer.parts) != 1:
        return None
    part = x.answer.parts[0]
    return x.answer.but(type=part.media.type, body=part.content.bytes())


@answer_acceptable.mutant(defects="M-MP-26")
def frame_called_an_instance(x: Exchange) -> Answer | None:
    """Frames asked for as octets are labelled application/dicom."""
    if x.kind != "web.retrieve.frames" or not x.answer.parts:
        return None
    given = x.answer.headers.get("content-type") or ""
    body = x.answer.body.bytes().replace(OCTETS.encode(), DICOM.encode())
    return x.answer.but(type=given.replace(OCTETS, DICOM), body=body)


@rule(
    "negotiation.best-weight",
    cites="PS3.18 8.7.8.1; 8.7.5; 8.4.1.1",
    verifies=("PS3.18-8.7.8.1-2", "PS3.18-8.7.5-3", "PS3.18-8.4.1.1-1"),
    on=READS,
    when=lambda x: negotiable(x) and came(x) and len({_weight(x, o) for o in _sure(x)}) > 1 and not _by_parameter(x),
    says="Of what is supported, the type of the highest weight is chosen, by the most specific range that covers it.",
)
def best_weight(x: Exchange) -> Iterator[Finding]:
    chosen = weight(x, told(x))
    best = max(_sure(x), key=lambda offer: _weight(x, offer))
    if 0 < chosen < _weight(x, best):
        yield Finding(got=f"{kind_of(x)} with weight {chosen:g}", want=f"{best} with weight {_weight(x, best):g}",
                      where="Content-Type")  # fmt: skip


@best_weight.mutant(at=DOOR, defects="M-AC-13")
def first_in_the_list(ask: Ask, door: Door) -> Answer:
    """The first acceptable type is taken, weights are not looked at."""
    readable = [r for r in ask.accept.ranges if r.q > 0]
    for range in readable:
        for offer in (_JSON, _XML):
            if offer.allowed(range) and ask.resource.kind.startswith(("web.search", "web.retrieve.metadata")):
                return door(_accepting(ask, str(offer)))
    return door(ask)


@best_weight.mutant(at=DOOR)
def the_least_wanted(ask: Ask, door: Door) -> Answer:
    """The type of the lowest weight is taken."""
    weighed = [(ask.accept.weight(o.reading()), str(o)) for o in (_JSON, _XML)]
    wanted = min((pair for pair in weighed if pair[0] > 0), default=None)
    if wanted and ask.accept.present and ask.resource.kind.startswith(("web.search", "web.retrieve.metadata")):
        return door(_accepting(ask, wanted[1]))
    return door(ask)


@best_weight.mutant(at=DOOR)
def knows_no_capital_q(ask: Ask, door: Door) -> Answer:
    """A weight written with a capital Q is taken for a parameter that nobody knows, so it counts as 1."""
    value = ask.headers.get("accept") or ""
    return (
        door(_accepting(ask, ",".join(m.partition(";Q=")[0] for m in value.split(",")))) if "Q=" in value else door(ask)
    )


@rule(
    "negotiation.supported-not-refused",
    cites="PS3.18 8.7.3; 8.7.7; 8.7.8.1; 10.4.4; 10.6.4",
    verifies=("PS3.18-8.7.3-3", "PS3.18-8.7.3.2-1", "PS3.18-8.7.7-1", "PS3.18-8.7.7-2", "PS3.18-8.8-3",
              "PS3.18-8.7.8.1-1"),
    on=READS,
    when=lambda x: negotiable(x) and not mixed(x) and any(_weight(x, o) > 0 for o in _sure(x))
    and (came(x) or _refused(x)),
    says="A request that accepts a default or required media type of the resource is not refused for its media types.",
)  # fmt: skip
def supported_not_refused(x: Exchange) -> Iterator[Finding]:
    if _refused(x):
        wanted = " or ".join(str(o) for o in _sure(x) if _weight(x, o) > 0)
        yield Finding(got=f"{x.answer.line} to Accept: {x.ask.accept.raw}", want=f"200 with {wanted}",
                      where="status code")  # fmt: skip


def _refused(x: Exchange) -> bool:
    """The answer says no; codes that may mean something else count where nothing else can be wrong."""
    return x.answer.status in REFUSALS or (held(x) and x.answer.status in (400, 404, 410, 500, 501))


@supported_not_refused.mutant(at=DOOR, defects=("M-AC-08", "M-AC-09"))
def refuses_what_it_does_not_know(ask: Ask, door: Door) -> Answer:
    """One unsupported member in Accept makes the whole request unacceptable."""
    known = (JSON, "multipart/related", DICOM, OCTETS, "*/*", "application/*", "multipart/*")
    strange = any(r.type not in known for r in ask.accept.ranges)
    answer = door(ask)
    return _no(answer) if strange and answer.ok else answer


@supported_not_refused.mutant(at=DOOR, defects="M-AC-06")
def stumbles_over_weights(ask: Ask, door: Door) -> Answer:
    """A weight in Accept makes the request unacceptable."""
    answer = door(ask)
    return _no(answer) if ";q=" in (ask.headers.get("accept") or "").replace(" ", "").lower() else answer


@supported_not_refused.mutant(at=DOOR, defects="M-AC-05")
def knows_no_subtype_wildcard(ask: Ask, door: Door) -> Answer:
    """Ranges such as multipart/* are not understood."""
    answer = door(ask)
    only = all(r.type.endswith("/*") and r.type != "*/*" for r in ask.accept.ranges)
    return _no(answer) if ask.accept.ranges and only and answer.ok else answer


@supported_not_refused.mutant(at=DOOR, defects="M-AC-12")
def knows_no_wildcard(ask: Ask, door: Door) -> Answer:
    """*/* is not understood."""
    answer = door(ask)
    return _no(answer) if answer.ok and {r.type for r in ask.accept.ranges} == {"*/*"} else answer


@supported_not_refused.mutant(defects="M-AC-07")
def refuses_octets_of_frames(x: Exchange) -> Answer | None:
    """Frames are not offered as octets."""
    return _no(x.answer) if x.kind == "web.retrieve.frames" and x.answer.ok else None


@supported_not_refused.mutant(defects="M-MP-24")
def refuses_octets_of_bulkdata(x: Exchange) -> Answer | None:
    """Bulkdata is not offered as octets."""
    return _no(x.answer) if x.kind == "web.retrieve.bulkdata" and x.answer.ok else None


@supported_not_refused.mutant(defects="M-AC-43")
def offers_no_xml(x: Exchange) -> Answer | None:
    """Metadata is not offered in XML."""
    return _no(x.answer) if x.answer.ok and XML in (x.answer.headers.get("content-type") or "") else None


@supported_not_refused.mutant(at=DOOR, defects="M-AC-02")
def refuses_transfer_syntaxes(ask: Ask, door: Door) -> Answer:
    """A transfer-syntax parameter in Accept makes the request unacceptable."""
    answer = door(ask)
    return _no(answer) if "transfer-syntax=" in (ask.headers.get("accept") or "") else answer


def _no(answer: Answer) -> Answer:
    return answer.but(status=406, type="text/plain", body=b"Not acceptable; text/plain would be.")


@rule(
    "negotiation.none-acceptable",
    cites="PS3.18 8.7.8.1; 8.3.3.1; 8.7.3",
    verifies=("PS3.18-8.3.3.1-5", "PS3.18-8.7.8.1-1"),
    on=READS,
    when=lambda x: negotiable(x) and held(x) and not mixed(x) and _nothing_offered(x),
    says="A request that accepts nothing the target has is answered 406; by other sentences, with the default type.",
)
def none_acceptable(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 406 or (came(x) and weight(x, told(x)) > 0):
        return  # what came is beyond the tables, and was asked for
    usual = default(x)
    if came(x) and usual and usual.is_type_of(told(x)):
        if not x.context or x.context.policy("D-02") != "default":
            yield Finding(got=f"200 with {kind_of(x)}", want="406", where="status code", warn=True, policy="D-02")
    elif not came(x):
        yield Finding(got=x.answer.line, want="406", where="status code", policy="D-02")


@none_acceptable.mutant(at=DOOR, defects=("M-MP-25", "M-MP-27"))
def default_to_everybody(ask: Ask, door: Door) -> Answer:
    """What is not offered is answered with the default type."""
    answer = door(ask)
    if answer.status != 406 or not ask.accept.present:
        return answer
    kinds = {"web.search": str(_JSON), "web.retrieve.metadata": str(_JSON), "web.retrieve.instances": str(_PARTS)}
    usual = next(
        (v for k, v in kinds.items() if ask.resource.kind.startswith(k)), f'multipart/related; type="{OCTETS}"'
    )
    return door(_accepting(ask, usual))


@none_acceptable.mutant(defects="M-AC-16")
def refusal_is_400(x: Exchange) -> Answer | None:
    """An unacceptable type is answered 400."""
    return x.answer.but(status=400) if x.answer.status == 406 else None


@rule(
    "negotiation.no-accept-is-406",
    cites="PS3.18 8.7.5; 8.7.7",
    verifies="PS3.18-8.7.5-1",
    on=READS,
    when=lambda x: x.ask.method == "GET" and held(x) and not x.ask.accept.present,
    says="A request without an Accept field is answered 406, whatever the accept parameter says.",
)
def no_accept_is_406(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 406:
        yield Finding(got=x.answer.line, want="406", where="status code")


@no_accept_is_406.mutant(at=DOOR)
def takes_silence_for_anything(ask: Ask, door: Door) -> Answer:
    """No Accept field is read as */*."""
    return door(ask if ask.accept.present else _accepting(ask, "*/*"))


@no_accept_is_406.mutant(at=DOOR)
def takes_the_parameter_for_enough(ask: Ask, door: Door) -> Answer:
    """With an accept parameter the Accept field may be missing."""
    return door(_accepting(ask, "*/*") if "accept" in ask.query and not ask.accept.present else ask)


@rule(
    "negotiation.mixture-is-400",
    cites="PS3.18 8.7.5; 8.3.3.1",
    verifies=("PS3.18-8.7.5-2", "PS3.18-8.3.3.1-6"),
    on=READS,
    when=lambda x: x.ask.method == "GET" and mixed(x) and (held(x) or x.answer.ok),
    says="Acceptable media types that mix DICOM and rendered ones are answered 400.",
)
def mixture_is_400(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 400:
        yield Finding(got=x.answer.line, want="400", where="status code")


@mixture_is_400.mutant(at=DOOR, defects="D-AC-01")
def picks_from_a_mixture(ask: Ask, door: Door) -> Answer:
    """DICOM and rendered types together are answered as if the rendered ones were not there."""
    members = (ask.headers.get("accept") or "").split(",")
    kept = [m for m in members if not m.strip().lower().startswith(("image/", "text/"))]
    return door(_accepting(ask, ",".join(kept)) if kept and len(kept) < len(members) else ask)


@mixture_is_400.mutant(at=DOOR)
def overlooks_the_parameter(ask: Ask, door: Door) -> Answer:
    """A mixture in the accept parameter is not noticed."""
    if "accept" not in ask.query or "%2C" not in ask.target.upper():
        return door(ask)
    path, _, _ = ask.target.partition("?")
    return door(ask.but(target=f"{path}?{ask.query.without('accept')}".rstrip("?")))


@rule(
    "negotiation.wildcard-is-default",
    cites="PS3.18 8.7.7; 8.7.3",
    verifies="PS3.18-8.7.7-1",
    on=READS,
    when=lambda x: negotiable(x) and came(x) and not parameter(x).present and offered(x)[0].default
    and {r.type for r in ranges(x)} == {"*/*"} and ranges(x)[0].q > 0 and not ranges(x)[0].demands,
    says="*/* alone is answered with the default media type of the resource.",
)  # fmt: skip
def wildcard_is_default(x: Exchange) -> Iterator[Finding]:
    usual = offered(x)[0]
    if not usual.is_type_of(told(x)):
        yield Finding(got=kind_of(x), want=str(usual), where="Content-Type")


@wildcard_is_default.mutant(at=DOOR)
def xml_by_default(ask: Ask, door: Door) -> Answer:
    """Who accepts anything gets XML."""
    kinds = ("web.search", "web.retrieve.metadata")
    anything = {r.type for r in ask.accept.ranges} == {"*/*"} and "accept" not in ask.query
    return door(_accepting(ask, str(_XML)) if anything and ask.resource.kind.startswith(kinds) else ask)


@rule(
    "negotiation.parameter-comes-first",
    cites="PS3.18 8.7.8.1; 8.3.3.1; 10.1.2; 10.4.1.2",
    verifies=("PS3.18-8.3.3.1-1", "PS3.18-8.7.8.1-1", "PS3.18-10.1.2-1", "PS3.18-10.4.1.2-1", "PS3.18-10.4.1.3-1"),
    on=READS,
    when=lambda x: negotiable(x) and not mixed(x) and bool(_named(x)) and (came(x) or _refused(x)),
    says="A supported type of the accept parameter is chosen before anything that the Accept field names.",
)
def parameter_comes_first(x: Exchange) -> Iterator[Finding]:
    reading = told(x)
    if _refused(x):
        yield Finding(got=x.answer.line, want=" or ".join(map(str, _named(x))), where="status code")
    elif not any(r.covers(reading.type, reading.parameters) for r in parameter(x).ranges):
        yield Finding(got=kind_of(x), want=" or ".join(map(str, _named(x))), where="Content-Type")


def _named(x: Exchange) -> list[Offer]:
    """What the accept parameter names, the Accept field allows, and the target has to deliver."""
    sure = _sure(x)
    return [o for o in _by_parameter(x) if o in sure and weight(x, o.reading()) > 0]


@parameter_comes_first.mutant(at=DOOR)
def ignores_the_accept_parameter(ask: Ask, door: Door) -> Answer:
    """The accept parameter is not looked at."""
    if "accept" not in ask.query:
        return door(ask)
    path, _, _ = ask.target.partition("?")
    return door(ask.but(target=f"{path}?{ask.query.without('accept')}".rstrip("?")))


@parameter_comes_first.mutant(at=DOOR)
def does_not_decode_the_parameter(ask: Ask, door: Door) -> Answer:
    """The accept parameter is taken as it stands in the URI, percent-encoding and all."""
    if "accept" not in ask.query or "%" not in ask.target:
        return door(ask)
    path, _, raw = ask.target.partition("?")
    return door(ask.but(target=f"{path}?{quote(unquote(raw), safe='=&').replace('%', '%25')}"))


untested("PS3.18-8.7.8.1-4", why="needs pixels of more than 4 GiB that are held compressed")
undetected("M-MP-23", why="application/octet-stream is the default type of all bulkdata, so the label is legal")
