"""Rules on what user agents lean on beyond the transactions: HEAD (RFC 9110 9.3.2), and pages of other origins.

Must not know services. PS3.18 is silent on cross-origin requests, so what is found there is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, SHOULD, Door, Finding, journey, rule

ORIGIN = "https://viewer.example"  # where the pages of our probes are from
_ALLOWED = "access-control-allow-origin"
_WANTED = "access-control-request-headers"
_GONE = (404, 410)


def _pair(j: Journey) -> tuple[Exchange, Exchange] | None:
    """GET and HEAD of one resource, both answered with success, or HEAD as if there were nothing."""
    get, head = j.step("get"), j.step("head")
    if get is None or head is None or not get.answer.ok or head.answer.status not in (get.answer.status, *_GONE):
        return None
    return get, head


@journey(
    "http.head-is-get-without-payload",
    cites="PS3.18 8.1.1.1; RFC 9110 8.6, 9.3.2",
    verifies="PS3.18-10.4-HEAD-1",
    on="web.retrieve.head",
    when=lambda j: _pair(j) is not None,
    due=False,
    says="HEAD tells the media type, the length and the entity tag that GET has, and no other.",
)
def head_is_get_without_payload(j: Journey) -> Iterator[Finding]:
    pair = _pair(j)
    if pair is None:
        return
    get, head = pair
    if head.answer.status in _GONE:
        # nobody has to know HEAD, and 405 or 501 would say that: 404 says of what is there that it is not
        yield Finding(got=head.answer.line, want=get.answer.line, where="status code", seq=head.seq, warn=True)
        return
    tags = [(x.answer.headers.get("etag") or "").strip().removeprefix("W/") for x in pair]
    if all(tags) and tags[0] != tags[1]:
        yield Finding(got=tags[1], want=tags[0], where="ETag", seq=head.seq, warn=True)
    for name in ("content-type", "content-length"):
        one, other = get.answer.headers.get(name), head.answer.headers.get(name)
        # each multipart message may have a boundary of its own, and what came in chunks has its length all the same
        same = one == other or (get.answer.type.startswith("multipart/") and get.answer.type == head.answer.type)
        same = same or (one is None and other == str(get.answer.body.size))
        if other is not None and not same:
            yield Finding(got=f"{name}: {other}", want=one or f"no {name}", where="header fields", seq=head.seq)


@head_is_get_without_payload.mutant
def head_has_no_length(x: Exchange) -> Answer | None:
    """HEAD tells the length of the payload that it does not have."""
    return x.answer.but(headers=x.answer.headers.but("content-length", "0")) if x.ask.method == "HEAD" else None


@head_is_get_without_payload.mutant
def head_is_a_page(x: Exchange) -> Answer | None:
    """HEAD says text/html whatever the resource is."""
    return x.answer.but(type="text/html") if x.ask.method == "HEAD" else None


@head_is_get_without_payload.mutant
def head_finds_nothing(x: Exchange) -> Answer | None:
    """HEAD is answered 404 for what GET brings."""
    return x.answer.but(status=404) if x.ask.method == "HEAD" else None


@head_is_get_without_payload.mutant
def head_is_of_another_version(x: Exchange) -> Answer | None:
    """HEAD tells another entity tag."""
    tagged = x.ask.method == "HEAD" and "etag" in x.answer.headers
    return x.answer.but(headers=x.answer.headers.but("etag", '"another"')) if tagged else None


@rule(
    "http.origin-is-allowed-once",
    cites="RFC 9110 5.3, 12.5.5; Fetch 3.2.4, 3.2.5",
    level=SHOULD,
    on="web",
    content=False,
    when=lambda x: "origin" in x.ask.headers and _ALLOWED in x.answer.headers,
    due=False,
    says="Access-Control-Allow-Origin is one value, the origin that asked or an asterisk, which takes no credentials.",
)
def origin_is_allowed_once(x: Exchange) -> Iterator[Finding]:
    told, origin = x.answer.headers.all(_ALLOWED), x.ask.headers.get("origin")
    if len(told) != 1 or told[0].strip() not in ("*", "null", origin):
        yield Finding(got=" | ".join(told), want=f"{origin} or *", where="Access-Control-Allow-Origin")
    elif told[0].strip() == "*" and x.answer.headers.get("access-control-allow-credentials") == "true":
        yield Finding(got="* with credentials", want="the origin itself", where="Access-Control-Allow-Origin")
    elif told[0].strip() == origin and x.answer.ok and "origin" not in (x.answer.headers.get("vary") or "").lower():
        yield Finding(
            got="no Origin in Vary", want="Vary: Origin, since another origin is told otherwise", where="Vary"
        )


@origin_is_allowed_once.mutant
def allows_everybody_twice(x: Exchange) -> Answer | None:
    """The server and what stands before it both allow the origin."""
    if _ALLOWED not in x.answer.headers:
        return None
    return x.answer.but(headers=type(x.answer.headers)((*x.answer.headers.fields, (_ALLOWED, "*"))))


@origin_is_allowed_once.mutant
def repeats_the_origin_to_all(x: Exchange) -> Answer | None:
    """The origin is repeated, and caches are not told that the answer hangs on it."""
    if _ALLOWED not in x.answer.headers:
        return None
    return x.answer.but(headers=x.answer.headers.but(_ALLOWED, x.ask.headers.get("origin")))


@journey(
    "http.preflight-is-answered",
    cites="RFC 9110 9.3.7; Fetch 3.2.2, 4.8",
    level=SHOULD,
    on="web.retrieve.origin",
    content=False,
    when=lambda j: any(_ALLOWED in x.answer.headers for x in j.steps("simple")) and j.step("preflight") is not None,
    due=False,
    says="Where pages of other origins may read, the preflight of a request with more fields is answered for them.",
)
def preflight_is_answered(j: Journey) -> Iterator[Finding]:
    for x in j.steps("preflight"):
        methods = (x.answer.headers.get("access-control-allow-methods") or "").upper()
        if not x.answer.ok:
            yield Finding(got=x.answer.line, want="204 or 200", where="status code", seq=x.seq)
        elif _ALLOWED not in x.answer.headers:
            yield Finding(
                got="no Access-Control-Allow-Origin", want="the origin or *", where="header fields", seq=x.seq
            )
        elif methods and "GET" not in methods and "*" not in methods:
            yield Finding(got=methods, want="a list with GET", where="Access-Control-Allow-Methods", seq=x.seq)
        elif missing := _fields(x.ask, _WANTED) - _fields(x.answer, "access-control-allow-headers"):
            got = x.answer.headers.get("access-control-allow-headers") or "none"
            want = f"a list with {', '.join(sorted(missing))}, which was asked for"
            yield Finding(got=got, want=want, where="Access-Control-Allow-Headers", seq=x.seq)


def _fields(message: Ask | Answer, name: str) -> set[str]:
    """The field names in a list; an asterisk stands for what the preflights of our probes ask for."""
    named = {word.strip().lower() for word in (message.headers.get(name) or "").split(",")} - {""}
    return named | {"authorization"} if "*" in named else named


@preflight_is_answered.mutant(at=DOOR)
def refuses_to_be_asked_before(ask: Ask, door: Door) -> Answer:
    """A preflight is answered 405."""
    answer = door(ask)
    asked = "access-control-request-method" in ask.headers
    return answer.but(status=405, headers=answer.headers.but("allow", "GET")) if asked else answer


@preflight_is_answered.mutant
def lets_nobody_log_in(x: Exchange) -> Answer | None:
    """A preflight is told that pages may send Content-Type, and no Authorization."""
    name = "access-control-allow-headers"
    return x.answer.but(headers=x.answer.headers.but(name, "content-type")) if name in x.answer.headers else None
