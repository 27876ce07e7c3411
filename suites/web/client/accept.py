"""Rules of PS3.18 8.4.1, 8.7 and the media type tables of each service on what a request accepts.

Must not know which type an answer was given in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHALL_NOT, SHOULD, USER_AGENT, Finding, rule, undetected
from harness.wire import media
from harness.wire.uri import valid_uid
from suites.web.client.bend import accepting
from suites.web.flawed import flawed
from suites.web.negotiation import reading
from suites.web.negotiation.tables import COMPRESSED, DICOM, FORBIDDEN, JSON, OCTETS, OLD_NAMES

SYNTAX = ("media.characters", "media.type", "media.range", "media.parameter", "media.parameter-space", "media.token",
          "media.quoted-string", "media.type-parameter", "media.q", "media.accept-empty", "media.type-with-parameters",
          "media.q-not-last", "media.unquoted-boundary")  # fmt: skip
# 8.7.1 makes type a whole media type, and RFC 7231 had parameters after q; 8.7.1 writes no quotes round a boundary.
DEBATED = ("media.type-with-parameters", "media.q-not-last", "media.unquoted-boundary")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_GAP = re.compile(r"\A[ \t]*,|,[ \t]*(?:,|\Z)")  # an empty member of a list (RFC 9110 5.6.1.1)
_REPORTS = ("application/dicom+json", "application/dicom+xml", "application/json", "application/xml", "text/")
_PICTURES = ("image/", "video/", "text/", "application/pdf")
_BULK = (OCTETS, "image/", "video/", "application/pdf", "text/", "application/sla", "model/")
_SERVICES = (
    "web.search|web.retrieve|web.store|web.capabilities|web.workitems.search|web.workitems.retrieve"
    "|web.non-patient.search|web.non-patient.retrieve"
)


def accepts(x: Exchange) -> bool:
    return x.ask.accept.present


def _preflight(x: Exchange) -> bool:
    """A browser asks whether it may ask, which is no transaction of ours (the CORS protocol)."""
    return x.ask.method == "OPTIONS" and "access-control-request-method" in x.ask.headers


@rule(
    "client.accept-present",
    cites="PS3.18 8.4.1; 8.4.1.1; 8.7.7",
    verifies="PS3.18-8.4.1-1",
    on=_SERVICES,
    who=USER_AGENT,
    content=False,
    when=lambda x: x.ask.method != "HEAD" and not _preflight(x),
    says="A request that may be answered with a payload has an Accept field.",
)
def accept_present(x: Exchange) -> Iterator[Finding]:
    if "accept" not in x.ask.headers:
        yield Finding(got="no Accept field", want="the media types that are acceptable", where="header fields")


@accept_present.mutant(at=ASK)
def forgets_accept(x: Exchange) -> Ask | None:
    """Requests carry no Accept field."""
    return accepting(x, None)


@rule(
    "client.accept-syntax",
    cites="PS3.18 8.4.1.1; 8.7.1; 8.7.7; RFC 9110 12.5.1",
    on="web",
    who=USER_AGENT,
    content=False,
    when=accepts,
    says="Accept is a list of media ranges with their parameters, as the grammar has them.",
)
def accept_syntax(x: Exchange) -> Iterator[Finding]:
    yield from flawed(x.ask.accept.flaws, SYNTAX, warn=DEBATED)
    if reading.edition(x) < "2023e":
        yield from flawed(x.ask.accept.flaws, ("media.unquoted-type",))
    if x.ask.accept.ranges and _GAP.search(_QUOTED.sub("", x.ask.accept.raw)):
        # whoever reads it has to pass over it (RFC 9110 5.6.1.2)
        yield Finding(x.ask.accept.raw[:200], "no empty members in the list", "Accept", warn=True)


@accept_syntax.mutant(at=ASK, defects=("M-MP-35", "M-MP-36"))
def quotes_type_and_syntax_together(x: Exchange) -> Ask | None:
    """The quotes of the type parameter take in the transfer syntax as well."""
    return accepting(x, 'multipart/related; type="image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"')


@accept_syntax.mutant(at=ASK, defects="M-AC-17")
def forgets_a_quote(x: Exchange) -> Ask | None:
    """A quoted parameter of Accept is not closed."""
    return accepting(x, 'multipart/related; type="application/dicom')


@accept_syntax.mutant(at=ASK)
def leaves_a_comma(x: Exchange) -> Ask | None:
    """The list of types ends in a comma."""
    return accepting(x, "application/dicom+json,")


@accept_syntax.mutant(at=ASK)
def weighs_in_percent(x: Exchange) -> Ask | None:
    """The weight of a range is 50."""
    return accepting(x, "application/dicom+json; q=50")


@rule(
    "client.accept-names-the-parts",
    cites="PS3.18 8.7.1; 8.7.3.5.1",
    verifies="PS3.18-8.7.3.5.1-1",
    on="web.retrieve|web.search",
    who=USER_AGENT,
    content=False,
    when=lambda x: any(r.type == "multipart/related" for r in x.ask.accept.ranges),
    says="Each multipart/related in Accept has a type parameter.",
)
def accept_names_the_parts(x: Exchange) -> Iterator[Finding]:
    for r in x.ask.accept.ranges:
        if r.type == "multipart/related" and not r.parameters.get("type"):
            yield Finding(got=x.ask.accept.raw, want="multipart/related with a type parameter", where="Accept")


@accept_names_the_parts.mutant(at=ASK)
def accepts_any_parts(x: Exchange) -> Ask | None:
    """Accept is multipart/related without a type."""
    return accepting(x, "multipart/related")


@rule(
    "client.one-transfer-syntax",
    cites="PS3.18 8.7.3.5.2",
    verifies="PS3.18-8.7.3.5.2-2",
    on="web.retrieve",
    who=USER_AGENT,
    content=False,
    when=lambda x: "transfer-syntax" in x.ask.accept.raw,
    says="A media type in Accept has one transfer-syntax parameter, and its value is one UID or an asterisk.",
)
def one_transfer_syntax(x: Exchange) -> Iterator[Finding]:
    yield from (f for f in flawed(x.ask.accept.flaws, ("media.duplicate-parameter",)) if "transfer-syntax" in f.got)
    for r in x.ask.accept.ranges:
        syntax = r.parameters.get("transfer-syntax")
        if syntax is not None and syntax != "*" and not valid_uid(syntax):
            yield Finding(got=f"transfer-syntax={syntax}"[:80], want="one UID, or *", where="Accept")


@one_transfer_syntax.mutant(at=ASK)
def names_two_transfer_syntaxes(x: Exchange) -> Ask | None:
    """A media type in Accept has two transfer-syntax parameters."""
    syntaxes = "transfer-syntax=1.2.840.10008.1.2.1; transfer-syntax=1.2.840.10008.1.2.4.50"
    return accepting(x, f'multipart/related; type="application/dicom"; {syntaxes}')


@one_transfer_syntax.mutant(at=ASK)
def lists_syntaxes_in_one_parameter(x: Exchange) -> Ask | None:
    """A transfer-syntax parameter holds a list."""
    syntaxes = 'transfer-syntax="1.2.840.10008.1.2.1,1.2.840.10008.1.2.4.50"'
    return accepting(x, f'multipart/related; type="application/dicom"; {syntaxes}')


@one_transfer_syntax.mutant(at=ASK)
def calls_a_syntax_by_its_name(x: Exchange) -> Ask | None:
    """The transfer syntax is called by its name."""
    return accepting(x, 'multipart/related; type="application/dicom"; transfer-syntax=ExplicitVRLittleEndian')


@rule(
    "client.no-implicit-syntax",
    cites="PS3.18 8.6.2.1; 8.7.3",
    verifies=("PS3.18-8.6.2.1-1", "PS3.18-8.7.3-1"),
    level=SHALL_NOT,
    on="web.retrieve",
    who=USER_AGENT,
    content=False,
    when=lambda x: "transfer-syntax" in x.ask.accept.raw,
    says="Accept asks neither for Implicit VR Little Endian nor for Explicit VR Big Endian.",
)
def no_implicit_syntax(x: Exchange) -> Iterator[Finding]:
    for r in x.ask.accept.ranges:
        if (name := FORBIDDEN.get(r.parameters.get("transfer-syntax", ""))) is not None and r.q > 0:
            yield Finding(got=name, want="a transfer syntax with explicit VR", where="Accept")


@no_implicit_syntax.mutant(at=ASK)
def asks_for_implicit(x: Exchange) -> Ask | None:
    """Instances are asked for in Implicit VR Little Endian."""
    return accepting(x, 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2')


@rule(
    "client.accept-not-mixed",
    cites="PS3.18 8.7.5; 8.3.3.1",
    on="web.retrieve",
    who=USER_AGENT,
    content=False,
    when=accepts,
    says="What is acceptable are DICOM media types or rendered ones, not both.",
)
def accept_not_mixed(x: Exchange) -> Iterator[Finding]:
    if reading.mixed(x):
        # where a link with the parameter is followed, the field is the browser's
        linked = "accept" in x.resource.query
        yield Finding(x.ask.accept.raw, "DICOM or rendered media types", "Accept", warn=linked)


@accept_not_mixed.mutant(at=ASK)
def accepts_frames_and_pictures(x: Exchange) -> Ask | None:
    """Accept lists octets of frames and PNG."""
    return accepting(x, 'multipart/related; type="application/octet-stream", image/png')


def _negotiable(x: Exchange) -> bool:
    return x.ask.method == "GET" and bool(x.ask.accept.ranges) and bool(reading.offered(x))


def _fits(x: Exchange, r: media.Range) -> bool:
    """The range covers a media type that the table of the resource has, the optional ones included."""
    if r.q <= 0:
        return False
    if any(offer.allowed(r, r.parameters.get("transfer-syntax", "")) for offer in reading.offered(x)):
        return True
    if not x.kind.startswith("web.retrieve") or x.kind == "web.retrieve.metadata":
        return False
    named = r.parameters.get("type", r.type).partition(";")[0].strip().lower()
    return named in (DICOM, OCTETS) or OLD_NAMES.get(named, named) in COMPRESSED or named.endswith("/*")


@rule(
    "client.accept-fits-the-resource",
    cites="PS3.18 10.6.1; Tables 10.6.4-1, 10.4.4-1",
    on="web.search|web.retrieve",
    who=USER_AGENT,
    content=False,
    when=_negotiable,
    says="Accept has a media type that the table of the resource knows, or a range that covers one.",
)
def accept_fits_the_resource(x: Exchange) -> Iterator[Finding]:
    if any(_fits(x, r) for r in x.ask.accept.ranges):
        return
    # the request of a search is written with its media types in 10.6.1; a Retrieve may ask for what a server has more
    old_name = any(r.type == "application/json" for r in x.ask.accept.ranges)
    warn = not x.kind.startswith("web.search") or old_name
    want = ", ".join(str(offer) for offer in reading.offered(x))
    yield Finding(got=x.ask.accept.raw, want=want, where="Accept", warn=warn)


@accept_fits_the_resource.mutant(at=ASK, defects="M-AC-10")
def accepts_frames_of_a_search(x: Exchange) -> Ask | None:
    """A search carries the Accept field of a request for frames."""
    return accepting(x, 'multipart/related; type="application/octet-stream"') if x.resource.search else None


@accept_fits_the_resource.mutant(at=ASK)
def accepts_json_of_instances(x: Exchange) -> Ask | None:
    """Instances are asked for as JSON."""
    return accepting(x, JSON) if x.kind == "web.retrieve.instances" else None


def _covers(r: media.Range, types: tuple[str, ...]) -> bool:
    """The range has something of these types, which are whole or the beginnings of some."""
    named = r.parameters.get("type", "") if r.type == "multipart/related" else r.type
    if named in ("*/*", "multipart/*"):
        return True
    return named.lower().startswith(types) or (named.endswith("/*") and any(t.startswith(named[:-1]) for t in types))


@rule(
    "client.accept-fits-the-answer",
    cites="PS3.18 8.7.4; 10.4.4 Table 10.4.4-1; 10.5.4 Table 10.5.4-2",
    on="web.retrieve.rendered|web.retrieve.thumbnail|web.retrieve.frames|web.retrieve.bulkdata|web.store",
    level=SHOULD,
    who=USER_AGENT,
    content=False,
    when=lambda x: x.ask.method in ("GET", "POST") and bool(x.ask.accept.ranges),
    due=False,
    says="Accept covers a type that can come: a report, a picture of a rendering, octets or a picture of bulkdata.",
)
def accept_fits_the_answer(x: Exchange) -> Iterator[Finding]:
    shown = x.kind in ("web.retrieve.rendered", "web.retrieve.thumbnail")
    types = _REPORTS if x.kind == "web.store" else _PICTURES if shown else _BULK
    if not any(_covers(r, types) for r in x.ask.accept.ranges):
        yield Finding(x.ask.accept.raw[:200], ", ".join(types), "Accept")


@accept_fits_the_answer.mutant(at=ASK)
def accepts_json_of_frames(x: Exchange) -> Ask | None:
    """The Accept field of metadata is sent with everything."""
    return accepting(x, JSON) if x.kind != "web.store" else None


@accept_fits_the_answer.mutant(at=ASK)
def accepts_instances_of_a_store(x: Exchange) -> Ask | None:
    """The type that is sent is what is accepted as well."""
    return accepting(x, f'multipart/related; type="{DICOM}"') if x.kind == "web.store" else None


@rule(
    "client.single-part-for-one-item",
    cites="PS3.18 10.4.4",
    verifies="PS3.18-8.6.1.1-1",
    on="web.retrieve.instances",
    who=USER_AGENT,
    content=False,
    when=lambda x: x.resource.level in ("study", "series") and bool(x.ask.accept.ranges),
    says="The bare type application/dicom is asked for of single instances only.",
)
def single_part_for_one_item(x: Exchange) -> Iterator[Finding]:
    if any(r.type == DICOM and r.q > 0 for r in x.ask.accept.ranges):
        alone = all(r.type == DICOM for r in x.ask.accept.ranges)
        yield Finding(x.ask.accept.raw, f'multipart/related; type="{DICOM}"', "Accept", warn=not alone)


@single_part_for_one_item.mutant(at=ASK)
def asks_for_a_study_in_one_part(x: Exchange) -> Ask | None:
    """A study is asked for as application/dicom."""
    return accepting(x, DICOM) if x.resource.level == "study" else None


@rule(
    "client.no-syntax-of-rendered",
    cites="PS3.18 8.7.4",
    verifies="PS3.18-8.7.4-6",
    level=SHALL_NOT,
    on="web.retrieve.rendered|web.retrieve.thumbnail",
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.ask.accept.ranges),
    says="Rendered media types have no transfer-syntax parameter.",
)
def no_syntax_of_rendered(x: Exchange) -> Iterator[Finding]:
    for r in x.ask.accept.ranges:
        if "transfer-syntax" in r.parameters:
            yield Finding(got=x.ask.accept.raw, want="no transfer-syntax parameter", where="Accept")


@no_syntax_of_rendered.mutant(at=ASK)
def asks_for_a_rendered_syntax(x: Exchange) -> Ask | None:
    """A rendered image is asked for with a transfer syntax."""
    return accepting(x, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50")


_UNSEEN = "what a client can decode is not on the wire; the scenarios serve it, and the record holds what it asked next"
undetected("M-AC-15", why="a type without quotes is legal since 2023e; client.accept-syntax refuses it before")
undetected("M-AC-14", why=_UNSEEN)
undetected("M-AC-23", why="to list a type first, or without q, is legal; which one a server picks is its own choice")
undetected("M-MP-37", why="a list without q is legal; that a client copes with every choice is not on the wire")
undetected("M-MP-22", why=_UNSEEN)
