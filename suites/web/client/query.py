"""Rules of PS3.18 8.3 to 8.3.3 on the query of a request: its syntax, and the parameters for content negotiation.

Must not know the parameters of searches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHALL_NOT, SHOULD_NOT, USER_AGENT, Finding, rule
from harness.wire import media
from harness.wire.uri import Parameter, valid_uid
from suites.web.client.bend import parameters
from suites.web.negotiation.reading import parameter as accept_parameter

# 8.3.1: what a query component holds besides % and the marks between and within parameters (",", "&", "=").
_CHARACTERS = re.compile(r"(?:[A-Za-z0-9\-._~!$'()*+;:@/?,&=]|%[0-9A-Fa-f]{2})*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_ATTRIBUTE = r"(?:[0-9A-Fa-f]{8}|[A-Z][A-Za-z0-9]*)"
_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_]*|{_ATTRIBUTE}(?:\.{_ATTRIBUTE})*")
_MEDIA_TYPES = ("accept", "contentType")  # whose parameters have an "=", as it is in the example of B.16
_BY_UID = ("web.workitems.create", "web.workitems.update")
_RESTFUL = "web.search|web.retrieve|web.store"


def has_query(x: Exchange) -> bool:
    return x.resource.query.present


@rule(
    "client.query-not-empty",
    cites="PS3.18 8.3; 8.3.1",
    verifies="PS3.18-8.3-1",
    on="web",
    who=USER_AGENT,
    content=False,
    when=has_query,
    says="After a question mark there is at least one parameter, and each parameter has a name.",
)
def query_not_empty(x: Exchange) -> Iterator[Finding]:
    raw = x.resource.query.raw
    if not raw:
        yield Finding(got=x.ask.target, want="at least one parameter after '?'", where="query")
    elif any(not word or word.startswith("=") for word in raw.split("&")):
        yield Finding(got=f"?{raw}", want="a name in each parameter", where="query")


@query_not_empty.mutant(at=ASK)
def asks_nothing_behind_the_mark(x: Exchange) -> Ask | None:
    """The target ends in a question mark."""
    return x.ask.but(target=f"{x.ask.target}?") if "?" not in x.ask.target else None


@query_not_empty.mutant(at=ASK)
def leaves_empty_parameters(x: Exchange) -> Ask | None:
    """Two ampersands stand side by side."""
    return parameters(x, "", "limit=1") if has_query(x) else parameters(x, "limit=1", "", "offset=0")


@rule(
    "client.query-characters",
    cites="PS3.18 8.3.1; 8.3.4.1; RFC 3986 2.1, 3.4",
    verifies="PS3.18-8.3.1-6",
    on="web",
    who=USER_AGENT,
    content=False,
    when=has_query,
    says="What a query may not hold as it is, such as ^, quotes, brackets and non-ASCII, is percent-encoded.",
)
def query_characters(x: Exchange) -> Iterator[Finding]:
    for word in x.resource.query.raw.split("&"):
        name, _, value = word.partition("=")
        if broken := _BROKEN_ESCAPE.search(word):
            yield Finding(got=broken[0], want="% and two hexadecimal digits", where=f"query parameter {name[:60]}")
        elif not _CHARACTERS.fullmatch(word) or ("=" in value and name not in _MEDIA_TYPES and not _filter(x, name)):
            bad = sorted({c for c in word if not _CHARACTERS.fullmatch(c)} or {"="})
            yield Finding(got=f"{' '.join(bad)} in {word[:100]}", want="percent-encoded", where="query")


def _filter(x: Exchange, name: str) -> bool:
    """The filter of a subscription, whose keys have their "=" in it (11.10.1.2; D-17)."""
    return name == "filter" and x.kind == "web.workitems.subscribe"


@query_characters.mutant(at=ASK)
def encodes_no_caret(x: Exchange) -> Ask | None:
    """The caret of a name stands in the query as it is."""
    return parameters(x, "PatientName=DOE^JOHN")


@query_characters.mutant(at=ASK)
def leaves_percent_alone(x: Exchange) -> Ask | None:
    """A percent sign stands for itself."""
    return parameters(x, "StudyDescription=100%")


@query_characters.mutant(at=ASK)
def sends_text_as_it_is(x: Exchange) -> Ask | None:
    """Letters beyond ASCII are not percent-encoded."""
    return parameters(x, "PatientName=M\u00fcller")


@rule(
    "client.parameter-names",
    cites="PS3.18 8.3.1",
    on="web",
    who=USER_AGENT,
    content=False,
    when=lambda x: any(p.name for p in x.resource.query.parameters),
    says="A parameter is called by a name of letters, digits and _, or by tags or keywords parted by dots.",
)
def parameter_names(x: Exchange) -> Iterator[Finding]:
    for parameter in x.resource.query.parameters:
        if parameter.name and not _NAME.fullmatch(parameter.name) and not _names_itself(x, parameter):
            yield Finding(got=parameter.name[:80], want="a name, a keyword or a tag of 8 digits", where="query")


def _names_itself(x: Exchange, parameter: Parameter) -> bool:
    """A workitem or transaction that stands in the query by its UID alone, or by the word of the template (D-11)."""
    alone = parameter.raw is None and valid_uid(parameter.name)
    return x.kind in _BY_UID and (alone or parameter.name == "transaction-uid")


@parameter_names.mutant(at=ASK)
def writes_tags_with_commas(x: Exchange) -> Ask | None:
    """A tag is written as in the tables, group and element in parentheses."""
    return parameters(x, "(0010%2C0020)=1")


@parameter_names.mutant(at=ASK)
def lists_in_brackets(x: Exchange) -> Ask | None:
    """A list is asked for by a name with brackets at its end, as forms of web pages do."""
    return parameters(x, "includefield%5B%5D=00081030")


@rule(
    "client.accept-parameter-names-types",
    cites="PS3.18 8.3.3.1",
    verifies="PS3.18-8.3.3.1-2",
    level=SHALL_NOT,
    on=_RESTFUL,
    who=USER_AGENT,
    content=False,
    when=lambda x: "accept" in x.resource.query,
    due=False,
    says="The accept parameter names media types; it has no wildcards.",
)
def accept_parameter_names_types(x: Exchange) -> Iterator[Finding]:
    for member in media.read_accept([p.value for p in x.resource.query.all("accept") if p.value]).ranges:
        if "*" in member.type:
            yield Finding(got=member.type, want="type/subtype", where="query parameter accept")


@accept_parameter_names_types.mutant(at=ASK)
def accepts_anything_by_parameter(x: Exchange) -> Ask | None:
    """The accept parameter is a wildcard."""
    return parameters(x, "accept=*/*")


@rule(
    "client.accept-parameter-is-accepted",
    cites="PS3.18 8.3.3.1",
    verifies="PS3.18-8.3.3.1-3",
    on=_RESTFUL,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(accept_parameter(x).ranges) and bool(x.ask.accept.ranges),
    due=False,
    says="What the accept parameter names lies in a range of the Accept field.",
)
def accept_parameter_is_accepted(x: Exchange) -> Iterator[Finding]:
    for member in accept_parameter(x).ranges:
        if not any(r.q > 0 and r.covers(member.type, member.parameters) for r in x.ask.accept.ranges):
            yield Finding(got=member.type, want=f"a type in {x.ask.accept.raw}", where="query parameter accept")


@accept_parameter_is_accepted.mutant(at=ASK)
def accepts_by_parameter_what_it_refuses(x: Exchange) -> Ask | None:
    """The accept parameter names a type that the Accept field leaves out."""
    asked = parameters(x, "accept=image/png")
    return asked.but(headers=asked.headers.but("accept", "application/dicom+json")) if asked else None


@rule(
    "client.accept-field-rather-than-parameter",
    cites="PS3.18 8.3.3.1",
    verifies="PS3.18-8.3.3.1-4",
    level=SHOULD_NOT,
    on=_RESTFUL,
    who=USER_AGENT,
    content=False,
    when=lambda x: _sets_accept(x) and (has_query(x) or x.kind.startswith("web.retrieve")),
    says="Who can set the Accept field uses no accept parameter.",
)
def accept_field_rather_than_parameter(x: Exchange) -> Iterator[Finding]:
    if "accept" in x.resource.query:
        yield Finding(got=x.resource.query.get("accept") or "", want="the Accept field alone", where="query")


def _sets_accept(x: Exchange) -> bool:
    """The user agent chose the field: where a link is followed, a browser sets it, with */* at its end."""
    return bool(x.ask.accept.ranges) and not any(r.type == "*/*" for r in x.ask.accept.ranges)


@accept_field_rather_than_parameter.mutant(at=ASK)
def says_twice_what_it_accepts(x: Exchange) -> Ask | None:
    """The accept parameter repeats the Accept field."""
    asked = parameters(x, "accept=application/dicom%2Bjson")
    return asked.but(headers=asked.headers.but("accept", "application/dicom+json")) if asked else None


@rule(
    "client.charset-parameter",
    cites="PS3.18 8.3.3.2",
    verifies="PS3.18-8.3.3.2-2",
    level=SHALL_NOT,
    on=_RESTFUL,
    who=USER_AGENT,
    content=False,
    when=lambda x: "charset" in x.resource.query,
    due=False,
    says="The charset parameter names character sets; it has no wildcard.",
)
def charset_parameter(x: Exchange) -> Iterator[Finding]:
    for parameter in x.resource.query.all("charset"):
        if any(value.partition(";")[0].strip() == "*" for value in parameter.values):
            yield Finding(got=parameter.value[:80], want="names of character sets", where="query parameter charset")


@charset_parameter.mutant(at=ASK)
def takes_any_charset_by_parameter(x: Exchange) -> Ask | None:
    """The charset parameter is a wildcard."""
    return parameters(x, "charset=*")


@rule(
    "client.no-transfersyntax-parameter",
    cites="PS3.18 8.7.3.6",
    verifies="PS3.18-8.7.3.6-1",
    level=SHALL_NOT,
    on=_RESTFUL,
    who=USER_AGENT,
    content=False,
    says="The transferSyntax parameter belongs to the URI service; elsewhere the transfer syntax stands in Accept.",
)
def no_transfersyntax_parameter(x: Exchange) -> Iterator[Finding]:
    for parameter in x.resource.query.all("transferSyntax"):
        yield Finding(got=f"transferSyntax={parameter.value}"[:80], want="a parameter in Accept", where="query")


@no_transfersyntax_parameter.mutant(at=ASK)
def asks_for_a_syntax_by_parameter(x: Exchange) -> Ask | None:
    """The transfer syntax is asked for with the parameter of the URI service."""
    return parameters(x, "transferSyntax=1.2.840.10008.1.2.4.50")


@rule(
    "client.store-has-no-parameters",
    cites="PS3.18 10.5.1.2",
    verifies="PS3.18-10.5.1.2-1",
    on="web.store",
    who=USER_AGENT,
    content=False,
    says="A Store request has no query parameters.",
)
def store_has_no_parameters(x: Exchange) -> Iterator[Finding]:
    if x.resource.query.raw:
        # a server may define parameters of its own (8.3)
        yield Finding(f"?{x.resource.query.raw}"[:80], "no query", "request target", warn=True)


@store_has_no_parameters.mutant(at=ASK)
def stores_with_a_parameter(x: Exchange) -> Ask:
    """The study that is stored to is named by a parameter."""
    return x.ask.but(target=f"{x.ask.target}?StudyInstanceUID=1.2.3")
