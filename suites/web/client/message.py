"""Rules of PS3.18 8.1.1, 8.2, 8.6 and 10.1.1 on requests as messages: the request line, the target, when a payload.

Must not know query parameters, header fields of negotiation, or what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from harness.exchange import Ask, Exchange
from harness.rule import ASK, USER_AGENT, Finding, rule, undetected
from harness.wire.uri import valid_uid
from suites.web.client.bend import payload

METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")
VERSIONS = ("HTTP/1.1", "HTTP/2", "HTTP/2.0", "HTTP/3")  # the last one as a later form of what the text names
_PCHAR = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_PATH = re.compile(rf"(?:/{_PCHAR}*)+|\*")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_FRAMES = re.compile(r"[1-9][0-9]*(,[1-9][0-9]*)*")
_BODILESS = (
    "web.search|web.retrieve|web.capabilities|web.workitems.search|web.workitems.retrieve|web.workitems.subscribe"
    "|web.workitems.unsubscribe|web.workitems.suspend|web.non-patient.search|web.non-patient.retrieve"
)


def readable(x: Exchange) -> bool:
    """It could be read as a request: one that could not has no method."""
    return bool(x.ask.method)


@rule(
    "client.speaks-http",
    cites="PS3.18 8.1.1; RFC 9112 3",
    verifies="PS3.18-8.1.1-1",
    on="web",
    who=USER_AGENT,
    content=False,
    incomplete=True,
    wire=True,
    says="A request is a request line with method, target and version, header fields, an empty line, and its payload.",
)
def speaks_http(x: Exchange) -> Iterator[Finding]:
    if not readable(x):
        why = x.answer.fault.detail if x.answer.fault else "octets that are no request"
        yield Finding(got=f"{why}: {x.ask.body.read(0, 60)!r}", want="an HTTP request", where="request line")


@speaks_http.mutant(at=ASK)
def speaks_something_else(x: Exchange) -> Ask:
    """What comes on the connection is no HTTP."""
    return Ask("", "", x.ask.base, body=payload(x.ask, b"\x16\x03\x01 hello").body)


@rule(
    "client.method-and-version",
    cites="PS3.18 8.1.1; 7.1",
    verifies=("PS3.18-8.1.1-1", "PS3.18-7.1-1"),
    on="web",
    who=USER_AGENT,
    content=False,
    when=readable,
    says="The method is one that the web services know, and the version is HTTP/1.1 or HTTP/2.",
)
def method_and_version(x: Exchange) -> Iterator[Finding]:
    if x.ask.method not in METHODS:
        # a method of another service at the same address is nobody's business here
        unknown = x.ask.method.upper() not in METHODS and x.kind == "web.other"
        yield Finding(got=x.ask.method, want=", ".join(METHODS), where="request line", warn=unknown)
    if x.ask.version not in VERSIONS:
        yield Finding(got=x.ask.version, want="HTTP/1.1 or HTTP/2", where="request line")


@method_and_version.mutant(at=ASK)
def asks_in_small_letters(x: Exchange) -> Ask:
    """The method is written in lower case."""
    return x.ask.but(method=x.ask.method.lower())


@method_and_version.mutant(at=ASK)
def speaks_http_1_0(x: Exchange) -> Ask:
    """The request is one of HTTP/1.0."""
    return x.ask.but(version="HTTP/1.0")


@rule(
    "client.names-its-host",
    cites="PS3.18 8.1.1; RFC 9110 7.2; RFC 9112 3.2",
    on="web",
    who=USER_AGENT,
    content=False,
    wire=True,
    when=lambda x: x.ask.version == "HTTP/1.1" and readable(x),
    says="A request has one Host field: the authority of the URI, with its port when that is not the usual one.",
)
def names_its_host(x: Exchange) -> Iterator[Finding]:
    named = x.ask.headers.all("host")
    if len(named) != 1:
        yield Finding(got=f"{len(named)} Host fields", want="one", where="header fields")
        return
    authority = str(x.facts.get("served") or x.ask.base.partition("://")[2].partition("/")[0])
    usual = 443 if x.ask.base.startswith("https:") else 80
    told, ours = _authority(named[0].strip(), usual), _authority(authority, usual)
    absolute = _ABSOLUTE.match(x.ask.target)
    if absolute and "@" in absolute[1]:
        yield Finding(absolute[1][:200], "no user in the authority (RFC 9110 4.2.4)", where="request target")
    elif absolute and _authority(absolute[1], usual) != told:
        yield Finding(named[0][:200], f"{absolute[1][:200]}, as in the target (RFC 9112 3.2.2)", where="Host")
    # whoever came by another name may have come through a proxy, which has a port of its own
    if told is None or (ours is not None and told[0] == ours[0] and told[1] != ours[1]):
        yield Finding(got=named[0][:200], want=authority, where="Host")


def _authority(text: str, usual: int) -> tuple[str, int] | None:
    """Host in lower case and port; None for what is no authority."""
    if re.search(r"[/?#@\s]", text):
        return None
    try:
        split = urlsplit(f"//{text}")
        return (split.hostname, split.port or usual) if split.hostname else None
    except ValueError:
        return None


@names_its_host.mutant(at=ASK)
def forgets_host(x: Exchange) -> Ask:
    """Requests have no Host field."""
    return x.ask.but(headers=x.ask.headers.but("host", None))


@names_its_host.mutant(at=ASK)
def host_is_a_url(x: Exchange) -> Ask:
    """Host has the whole Base URI."""
    return x.ask.but(headers=x.ask.headers.but("host", x.ask.base))


@names_its_host.mutant(at=ASK)
def sends_its_password(x: Exchange) -> Ask | None:
    """The target has user and password in it."""
    host = x.ask.headers.get("host") or ""
    return x.ask.but(target=f"http://me:secret@{host}{x.ask.target}") if x.ask.target.startswith("/") else None


@names_its_host.mutant(at=ASK)
def host_without_port(x: Exchange) -> Ask | None:
    """Host leaves out the port, so URLs in answers lead nowhere."""
    host = x.ask.headers.get("host") or ""
    name, colon, _ = host.rpartition(":")
    return x.ask.but(headers=x.ask.headers.but("host", name)) if colon else None


@rule(
    "client.target-is-a-uri",
    cites="PS3.18 8.2; RFC 3986 3.3; RFC 9112 3.2",
    verifies="PS3.18-8.2-2",
    on="web",
    who=USER_AGENT,
    content=False,
    when=lambda x: readable(x) and x.ask.method != "CONNECT",
    says="The path of the target has no character that a URI cannot hold, and its percent-encodings are whole.",
)
def target_is_a_uri(x: Exchange) -> Iterator[Finding]:
    target = x.ask.target
    path = re.sub(r"\A[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*", "", target).partition("?")[0]
    if path and not _PATH.fullmatch(path):
        yield Finding(got=path, want="the path of a URI (RFC 3986 3.3)", where="request target")
    if "#" in target:
        yield Finding(got=target, want="no fragment", where="request target")


@target_is_a_uri.mutant(at=ASK)
def leaves_braces_of_its_template(x: Exchange) -> Ask:
    """The target holds the name of a variable in braces, which nothing was put in place of."""
    return x.ask.but(target=re.sub(r"/studies(/[^/?]+)?", "/studies/{study}", x.ask.target, count=1))


@target_is_a_uri.mutant(at=ASK)
def sends_the_fragment(x: Exchange) -> Ask:
    """The target carries the fragment of the page."""
    return x.ask.but(target=f"{x.ask.target}#viewer")


@rule(
    "client.uids-in-path",
    cites="PS3.18 10.1.1; 10.4.1.1; PS3.5 9.1",
    on="web.retrieve|web.search|web.store",
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.resource.uids),
    says="Where the template of a resource has a UID, the target has a valid one.",
)
def uids_in_path(x: Exchange) -> Iterator[Finding]:
    for uid in x.resource.uids:
        if not valid_uid(uid):
            yield Finding(got=uid[:80], want="a UID of PS3.5 9.1", where="request target")


@uids_in_path.mutant(at=ASK)
def pads_its_uids(x: Exchange) -> Ask | None:
    """UIDs in paths end in the padding that they have in a file."""
    uid = x.resource.study
    return x.ask.but(target=x.ask.target.replace(f"/{uid}", f"/{uid}%00", 1)) if uid else None


@uids_in_path.mutant(at=ASK)
def says_undefined(x: Exchange) -> Ask | None:
    """A variable without a value is put into the path."""
    uid = x.resource.study
    return x.ask.but(target=x.ask.target.replace(f"/{uid}", "/undefined", 1)) if uid else None


@rule(
    "client.frame-numbers",
    cites="PS3.18 10.1.1 Table 10.1-1; 10.4.1.1.6",
    on="web.retrieve",
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.resource.frames),
    says="A list of frames is numbers from 1 in ascending order, parted by commas.",
)
def frame_numbers(x: Exchange) -> Iterator[Finding]:
    if not _FRAMES.fullmatch(x.resource.frames):
        yield Finding(got=x.resource.frames[:80], want="numbers from 1, parted by commas", where="request target")
        return
    numbers = [int(word) for word in x.resource.frames.split(",") if len(word) < 19]
    if numbers != sorted(set(numbers)):
        # the order stands in the description of the template, not in a demand
        yield Finding(x.resource.frames[:80], "ascending order, none twice", "request target", warn=True)


@frame_numbers.mutant(at=ASK)
def counts_frames_from_zero(x: Exchange) -> Ask | None:
    """The first frame is asked for as frame 0."""
    frames = x.resource.frames
    return x.ask.but(target=x.ask.target.replace(f"/frames/{frames}", "/frames/0", 1)) if frames else None


@rule(
    "client.payload-only-where-defined",
    cites="PS3.18 8.9.1.4; 10.4.1.4; 10.6.1.4; 11.5.1.4; 11.9.1.4; 11.10.1.4; 11.11.1.4; 11.12.1.4",
    on=_BODILESS,
    who=USER_AGENT,
    content=False,
    says="A request to retrieve, to search, to subscribe or for the capabilities has no payload.",
)
def payload_only_where_defined(x: Exchange) -> Iterator[Finding]:
    if x.ask.body.size:
        yield Finding(got=f"{x.ask.body.size} octets", want="no payload", where="payload")


@payload_only_where_defined.mutant(at=ASK)
def sends_its_query_as_a_payload(x: Exchange) -> Ask | None:
    """A GET carries its parameters in a payload."""
    headers = x.ask.headers.but("content-type", "application/json")
    return payload(x.ask.but(headers=headers), b'{"limit": 10}') if x.ask.method == "GET" else None


undetected("M-WA-18", why="to ask for frame 1 is legal, whatever the user of the client wanted to see")
