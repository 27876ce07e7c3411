"""Rules of PS3.18 8.4.2 and 8.7.9 on header fields: which have to be there, and how they are written.

Must not know services: what holds here holds for any request and answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from harness.exchange import Answer, Ask, Exchange
from harness.rule import BOTH, SHALL_NOT, SHOULD, WIRE, Finding, rule, undetected, untested
from harness.wire import dicom_json, native_xml
from suites.web.flawed import flawed

# RFC 9110 5.3: these are no lists, so a second field of the name contradicts the first.
SINGLE = ("content-type", "content-length", "content-location", "content-range", "location", "etag", "last-modified",
          "date", "retry-after")  # fmt: skip
CONTENT_TYPE = (
    "media.repeated", "media.empty", "media.characters", "media.type", "media.wildcard", "media.list",
    "media.parameter", "media.parameter-space", "media.token", "media.quoted-string", "media.duplicate-parameter",
    "media.type-parameter", "media.unquoted-boundary",
)  # fmt: skip
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
# RFC 7234 5.5, and the form that PS3.18 8.3.4.2 prescribes: no quotes, a colon after the service.
_WARNING = re.compile(r'[0-9]{3} [^ "]+ "(?:[^"\\]|\\.)*"(?: "[^"]*")?|[0-9]{3} [^ "]+: \S.*')
_STATUS_AS_CODE = re.compile(r"[0-9A-F]{4} [^ \"]+: \S.*")


def names_resource(x: Exchange) -> bool:
    """A whole, single part representation of a resource came back (8.4.2; search results are none, 8.6.1.2)."""
    single = x.answer.body.size > 0 and x.answer.multipart is None
    return x.ask.method == "GET" and x.answer.status == 200 and single


@rule(
    "http.content-type-with-payload",
    cites="PS3.18 8.4.2; 10.6.3.2",
    verifies=("PS3.18-8.4.2-1", "PS3.18-10.6.3.2-1"),
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: x.message.body.size > 0,
    says="A message that carries a payload says its media type in Content-Type.",
)
def content_type_with_payload(x: Exchange) -> Iterator[Finding]:
    if "content-type" not in x.message.headers:
        yield Finding(got="no Content-Type field", want="the media type of the payload", where="header fields")


@content_type_with_payload.mutant
def forgets_content_type(x: Exchange) -> Ask | Answer:
    """Answers carry no Content-Type."""
    return x.message.but(headers=x.message.headers.but("content-type", None))


def _has_none(x: Exchange) -> bool:
    """There is no payload, not even an empty one, which Content-Length or Transfer-Encoding would announce (8.6)."""
    if x.message is x.answer:
        return x.answer.status == 204
    return not x.ask.body.size and not ({"content-length", "transfer-encoding"} & {n.lower() for n, _ in x.ask.headers})


@rule(
    "http.no-content-type-without-payload",
    cites="PS3.18 8.7.9",
    verifies="PS3.18-8.7.9-1",
    level=SHALL_NOT,
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: _has_none(x),
    says="A message that has no payload has no Content-Type.",
)
def no_content_type_without_payload(x: Exchange) -> Iterator[Finding]:
    got = x.message.headers.get("content-type")
    if got is not None:
        yield Finding(got=got, want="no Content-Type without a payload", where="Content-Type")


@no_content_type_without_payload.mutant
def nothing_in_json(x: Exchange) -> Ask | Answer | None:
    """A message says that its nothing is JSON."""
    if not _has_none(x):
        return None
    return x.message.but(headers=x.message.headers.but("content-type", "application/dicom+json"))


@rule(
    "http.content-type-syntax",
    cites="PS3.18 8.7; 8.7.1; 8.7.9; RFC 9110 8.3",
    verifies=("PS3.18-8.7.9-1", "PS3.18-8.7.3.5.3-1", "PS3.18-8.8-2"),
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: "content-type" in x.message.headers,
    says="Content-Type is one media type, its parameters are written as the grammar wants, none of them twice.",
)
def content_type_syntax(x: Exchange) -> Iterator[Finding]:
    # PS3.18 8.7.1 writes a boundary without quotes whatever it holds, RFC 9110 5.6.6 does not
    yield from flawed(x.message.media.flaws, CONTENT_TYPE, warn=("media.unquoted-boundary",))
    if x.context and x.context.edition < "2023e":
        yield from flawed(x.message.media.flaws, ("media.unquoted-type",))


@content_type_syntax.mutant
def names_two_transfer_syntaxes(x: Exchange) -> Ask | Answer | None:
    """Content-Type has two transfer-syntax parameters."""
    given = x.message.headers.get("content-type")
    if not given:
        return None
    return x.message.but(type=f"{given}; transfer-syntax=1.2.840.10008.1.2.1; transfer-syntax=1.2.840.10008.1.2.5")


@content_type_syntax.mutant
def names_two_types(x: Exchange) -> Ask | Answer | None:
    """Content-Type is a list of two types."""
    return x.message.but(type="application/dicom+json, application/json") if x.message.json else None


@content_type_syntax.mutant
def blanks_around_the_equals_sign(x: Exchange) -> Ask | Answer | None:
    """The parameters of Content-Type have blanks around the equals sign."""
    given = x.message.headers.get("content-type")
    return x.message.but(type=given.replace("=", " = ")) if given and "boundary=" in given else None


undetected("M-MP-07", why="a type without quotes is legal since 2023e; http.content-type-syntax refuses it before")


@rule(
    "http.one-field-each",
    cites="PS3.18 8.4.2; 8.4.3; RFC 9110 5.3",
    on="web",
    who=BOTH,
    content=False,
    says="A header field that is no list stands in a message once.",
)
def one_field_each(x: Exchange) -> Iterator[Finding]:
    for name in (*SINGLE, "host") if x.message is x.ask else SINGLE:
        values = x.message.headers.all(name)
        if len(values) > 1:
            yield Finding(got=f"{len(values)} fields: {' | '.join(values)}", want="one field", where=name)


@one_field_each.mutant
def says_its_type_twice(x: Exchange) -> Ask | Answer | None:
    """Content-Type stands twice."""
    given = x.message.headers.get("content-type")
    if not given:
        return None
    fields = (*x.message.headers.fields, ("Content-Type", given))
    return x.message.but(headers=type(x.message.headers)(fields))


@rule(
    "http.field-lines",
    cites="PS3.18 5.1; 8.1.2",
    on="web",
    content=False,
    when=lambda x: x.answer.head.startswith(b"HTTP/") and b"\r\n\r\n" in x.answer.head,
    says="Each header field is one line: a token, a colon, a value, CRLF; neither folded nor with obsolete text.",
)
def field_lines(x: Exchange) -> Iterator[Finding]:
    for line in x.answer.head.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        shown = line[:80].decode("latin-1")
        if line[:1] in (b" ", b"\t"):
            yield Finding(got=f"a folded line {shown!r}", want="a field on one line", where="header fields")
        elif not _FIELD.fullmatch(line):
            yield Finding(got=repr(shown), want="name, colon, value", where="header fields")
        elif not line.isascii():
            yield Finding(got=repr(shown), want="US-ASCII", where="header fields", warn=True)


@field_lines.mutant(at=WIRE)
def folds_a_field(raw: bytes) -> bytes:
    """A header field is continued on a second line."""
    line, end, rest = raw.partition(b"\r\n")
    return line + end + b"X-Folded: one\r\n two" + end + rest


@rule(
    "http.entity-tag-syntax",
    cites="PS3.18 8.1.2; RFC 9110 8.8.3",
    on="web",
    content=False,
    when=lambda x: "etag" in x.answer.headers,
    due=False,
    says="An entity tag stands in double quotes, with W/ before them when it is weak.",
)
def entity_tag_syntax(x: Exchange) -> Iterator[Finding]:
    for value in x.answer.headers.all("etag"):
        if not _ETAG.fullmatch(value.strip(" \t")):
            yield Finding(got=value, want='"tag" or W/"tag"', where="ETag")


@entity_tag_syntax.mutant
def entity_tag_without_quotes(x: Exchange) -> Answer | None:
    """Entity tags have no quotes."""
    return x.answer.but(headers=x.answer.headers.but("etag", x.answer.body.digest[:12])) if x.answer.ok else None


@rule(
    "http.content-location",
    cites="PS3.18 8.4.2 Table 8.4.2-1",
    verifies="PS3.18-8.4.2-3",
    on="web.retrieve",
    when=names_resource,
    says="An answer with one representation of a resource tells in Content-Location which resource that is.",
)
def content_location(x: Exchange) -> Iterator[Finding]:
    if not (x.answer.headers.get("content-location") or "").strip():
        yield Finding(got="no Content-Location", want="the URL of the resource", where="header fields")


@content_location.mutant
def forgets_content_location(x: Exchange) -> Answer | None:
    """Single part answers have no Content-Location."""
    return x.answer.but(headers=x.answer.headers.but("content-location", None)) if names_resource(x) else None


def _locations(x: Exchange) -> list[tuple[str, str]]:
    names = ("Content-Location", "Location")
    return [(name, value) for name in names for value in x.message.headers.all(name)]


@rule(
    "http.location-is-a-uri",
    cites="PS3.18 8.2; 8.4.2",
    verifies="PS3.18-8.2-2",
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: bool(_locations(x)),
    says="The URIs in header fields have no white space and no character that RFC 3986 does not know.",
)
def location_is_a_uri(x: Exchange) -> Iterator[Finding]:
    for name, value in _locations(x):
        if not URI.fullmatch(value.strip(" \t")):
            yield Finding(got=value, want="a URI reference of RFC 3986", where=name)


@location_is_a_uri.mutant
def location_with_a_blank(x: Exchange) -> Ask | Answer | None:
    """URIs in header fields hold a blank."""
    for name, value in _locations(x):
        return x.message.but(headers=x.message.headers.but(name, f"{value}/the resource"))
    return None


@rule(
    "http.warning-syntax",
    cites="PS3.18 8.3.4.2; RFC 7234 5.5",
    on="web",
    content=False,
    when=lambda x: "warning" in x.answer.headers,
    says="A Warning is a code of three digits, who warns, and a text.",
)
def warning_syntax(x: Exchange) -> Iterator[Finding]:
    for value in x.answer.headers.all("warning"):
        if not _warnings(value):
            # 10.5.3.2 and 13.4.3.2 write a status in place of the code, in an example
            as_shown = _STATUS_AS_CODE.fullmatch(value.strip()) is not None
            yield Finding(got=value, want='299 service: text, or 299 agent "text"', where="Warning", warn=as_shown)


def _warnings(value: str) -> bool:
    """One warning, or a list of them in the quoted form, which alone can be told apart."""
    if _WARNING.fullmatch(value.strip()):
        return True
    members = re.split(r",\s*(?=[0-9]{3} )", value.strip())
    return all(_WARNING.fullmatch(m) for m in members)


@warning_syntax.mutant(defects="M-AC-39")
def warns_without_an_agent(x: Exchange) -> Answer | None:
    """A Warning does not say who warns."""
    given = x.answer.headers.get("warning")
    if not given:
        return None
    text = given.partition(": ")[2] or given[4:]
    return x.answer.but(headers=x.answer.headers.but("warning", f'299 "{text}"'))


def _own_urls(x: Exchange) -> Iterator[tuple[str, str]]:
    """The absolute URLs that an answer tells, with their places: Retrieve URLs, Bulkdata URIs, Content-Locations."""
    if not x.answer.ok:
        return
    for n, dataset in enumerate(x.answer.json.datasets if x.answer.json else ()):
        yield from _urls(dataset, f"/{n}", 0)
    for n, document in enumerate(x.answer.documents, 1):
        for shown in document.datasets:
            yield from _urls(native_xml.to_json(shown), f"document {n} ", 0)
    told = [("Content-Location", value) for value in x.answer.headers.all("content-location")]
    told += [(f"part {p.index + 1} Content-Location", value) for p in x.answer.parts for value in
             p.all("content-location")]  # fmt: skip
    yield from ((where, url.strip()) for where, url in told if url.strip().lower().startswith(("http://", "https://")))


def _urls(dataset: dicom_json.DataSet, where: str, depth: int) -> Iterator[tuple[str, str]]:
    for tag, attribute in dataset.items():
        if not isinstance(attribute, dict) or depth > 8:
            continue
        values = attribute.get("Value")
        told = attribute.get("BulkDataURI") or (values[0] if tag == "00081190" and isinstance(values, list) else None)
        if isinstance(told, str) and told.lower().startswith(("http://", "https://")):
            yield f"{where}/{tag}", told
        for n, item in enumerate(values if attribute.get("vr") == "SQ" and isinstance(values, list) else ()):
            if isinstance(item, dict):
                yield from _urls(item, f"{where}/{tag}/Value/{n}", depth + 1)


@rule(
    "http.urls-name-the-host-asked",
    cites="PS3.18 F.2.6; 8.4.3; 8.6.1.2; 10.6.3.3",
    level=SHOULD,
    on="web.search|web.retrieve",
    when=lambda x: any(True for _ in _own_urls(x)),
    says="URLs in an answer and its Content-Locations lead to the host that was asked, so that they can be followed.",
)
def urls_name_the_host_asked(x: Exchange) -> Iterator[Finding]:
    for where, told in _own_urls(x):
        if x.leads_away(told, scheme=False):
            host = x.ask.headers.get("host") or urlsplit(x.ask.base).netloc
            yield Finding(got=told, want=f"a URL at {host}", where=where)
            return


@urls_name_the_host_asked.mutant(defects="M-AC-36")
def tells_its_inner_name(x: Exchange) -> Answer | None:
    """URLs in answers carry the name that the server has inside its own network."""
    host = x.ask.headers.get("host") or ""
    if not x.answer.json or not host:
        return None
    return x.answer.but(body=x.answer.body.bytes().replace(f"//{host}/".encode(), b"//pacs.internal/"))


@urls_name_the_host_asked.mutant
def places_have_an_inner_name(x: Exchange) -> Answer | None:
    """The Content-Location of parts carries the name that the server has inside its own network."""
    host = x.ask.headers.get("host") or ""
    if not x.answer.parts or not host:
        return None
    inner = b"Content-Location: http://pacs.internal/"
    return x.answer.but(body=re.sub(rb"(?i)Content-Location: https?://[^/\r]+/", inner, x.answer.body.bytes()))


untested("PS3.18-8.2-1", why="every request of a run is made of Base URI, path and query; nothing else could be seen")
undetected("M-AC-38", why="relative and absolute URIs are both legal; the retrieve rules resolve and follow them")
