"""Rules of PS3.18 8.1.2 and 8.5: that there is an answer, its status line, and what a status code brings with it.

Must not know services: what holds here holds for any request and answer.
"""

from __future__ import annotations

import http
import json
import re
from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange
from harness.rule import DOOR, SHALL_NOT, SHOULD, WIRE, Door, Finding, rule, undetected, untested
from harness.wire import media

SERVICES = "web.search|web.retrieve|web.store"
REGISTERED = frozenset(int(s) for s in http.HTTPStatus)
UNWILLING = (501, 503, 505, 507)  # codes by which a server declines without having erred
_LINE = re.compile(rb"(?P<version>[^ ]+) [0-9]{3} (?P<reason>.*)", re.DOTALL)
_REASON = re.compile(rb"[\t\x20-\x7e]*")
_TYPE = re.compile(rb"(application|image|text|video|multipart)/[A-Za-z0-9*.+-]+")
_LOOKED_AT = 64 << 10  # octets of a report that are searched


def _failure(x: Exchange) -> bool:
    return x.answer.status >= 400 and x.ask.method != "HEAD"


@rule(
    "http.always-answers",
    cites="PS3.18 8.1.2",
    verifies="PS3.18-8.1.2-1",
    on="web",
    content=False,
    incomplete=True,
    says="Every request gets a response message: no silent close, no answer that never ends.",
)
def always_answers(x: Exchange) -> Iterator[Finding]:
    if x.answer.fault and x.answer.fault.kind != "too-large":
        yield Finding(got=str(x.answer.fault), want="a whole response message", where="connection")


@always_answers.mutant(at=WIRE)
def closes_instead_of_404(raw: bytes) -> bytes:
    """The connection is closed without a word where nothing was found."""
    return b"" if raw.startswith(b"HTTP/1.1 404") else raw


@always_answers.mutant(at=WIRE, defects="M-AC-28")
def multipart_ends_early(raw: bytes) -> bytes:
    """The last octets of a multipart answer never come."""
    return raw[:-9] if b"multipart/related" in raw[:2048] else raw


undetected("M-AC-29", why="a fault of the server's threads; cutting a download is provoked, nothing here imitates it")


@rule(
    "http.status-line",
    cites="PS3.18 8.1.2; 8.1.1",
    verifies="PS3.18-7.1-1",
    on="web",
    content=False,
    when=lambda x: x.answer.head.startswith(b"HTTP/"),
    says="The status line is the HTTP version 1.1, the code and a reason in US-ASCII, parted by single spaces.",
)
def status_line(x: Exchange) -> Iterator[Finding]:
    line = x.answer.head.partition(b"\n")[0]
    shown = line.rstrip(b"\r").decode("latin-1")
    match = _LINE.fullmatch(line.removesuffix(b"\r"))
    if not match:
        yield Finding(got=shown, want="version SP code SP reason", where="status line")
        return
    if match["version"] not in (b"HTTP/1.1", b"HTTP/2"):
        yield Finding(got=shown, want="HTTP/1.1", where="version of the status line")
    if not _REASON.fullmatch(match["reason"]):
        yield Finding(got=shown, want="a reason phrase of printable US-ASCII", where="reason phrase")


@status_line.mutant(at=WIRE)
def speaks_http_1_0(raw: bytes) -> bytes:
    """Answers carry the version HTTP/1.0."""
    return raw.replace(b"HTTP/1.1 ", b"HTTP/1.0 ", 1)


@status_line.mutant(at=WIRE)
def reason_in_latin_1(raw: bytes) -> bytes:
    """The reason phrase of a failure is not US-ASCII."""
    line, end, rest = raw.partition(b"\r\n")
    return line + b" \xe9chec" + end + rest if line[9:10] == b"4" else raw


@status_line.mutant(at=WIRE)
def no_space_before_the_reason(raw: bytes) -> bytes:
    """The space after the status code is left out together with the reason phrase."""
    return raw[:12] + raw[raw.find(b"\r\n") :]


@rule(
    "http.status-code",
    cites="PS3.18 8.1.2.1",
    verifies="PS3.18-8.1.2.1-1",
    on="web",
    content=False,
    says="The status code is one of HTTP, 100 to 599.",
)
def status_code(x: Exchange) -> Iterator[Finding]:
    status = x.answer.status
    if not 100 <= status <= 599:
        yield Finding(got=str(status), want="100 to 599", where="status code")
    elif status not in REGISTERED:
        yield Finding(got=str(status), want="a registered status code", where="status code", warn=True)


@status_code.mutant
def code_beyond_the_classes(x: Exchange) -> Answer | None:
    """What was not found is answered 604."""
    return x.answer.but(status=604) if x.answer.status == 404 else None


@rule(
    "http.no-server-error",
    cites="PS3.18 8.5 Table 8.5-1; 10.5.3.1; 10.6.3.1",
    verifies=("PS3.18-10.5.3.1-3", "PS3.18-10.6.3.1-2"),
    on=f"{SERVICES}|web.uri",
    says="Neither a right request nor a wrong one is answered by the code for an error of the server itself.",
)
def no_server_error(x: Exchange) -> Iterator[Finding]:
    if x.answer.status >= 500 and x.answer.status not in UNWILLING:
        yield Finding(got=x.answer.line, want="success, or a code of class 4xx for what the request did wrong",
                      where="status code")  # fmt: skip


@no_server_error.mutant(defects="M-AC-20")
def unknown_resource_is_an_error(x: Exchange) -> Answer | None:
    """An unknown study, series or instance is answered 500."""
    return x.answer.but(status=500) if x.answer.status == 404 else None


@no_server_error.mutant(defects="M-AC-18")
def unacceptable_type_is_an_error(x: Exchange) -> Answer | None:
    """A media type that is not offered is answered 500."""
    return x.answer.but(status=500) if x.answer.status == 406 else None


@no_server_error.mutant
def wrong_value_is_an_error(x: Exchange) -> Answer | None:
    """A parameter value that cannot be parsed is answered 500."""
    return x.answer.but(status=500) if x.answer.status == 400 else None


@no_server_error.mutant(defects="M-ST-01")
def breaks_on_a_part_that_is_no_dicom(x: Exchange) -> Answer | None:
    """A part that is no PS3.10 file makes a whole Store request fail with 500."""
    odd = any(p.content.read(128, 4) != b"DICM" for p in x.ask.parts)
    return x.answer.but(status=500) if x.kind == "web.store" and odd else None


@no_server_error.mutant
def fails_for_whole_batches(x: Exchange) -> Answer | None:
    """A batch of more than one instance is stored and then answered 500."""
    return x.answer.but(status=500) if len(x.ask.parts) > 1 else None


@no_server_error.mutant(defects="M-QI-24")
def falls_over_a_trailing_ampersand(x: Exchange) -> Answer | None:
    """An empty query parameter at the end is answered 500."""
    empty = x.ask.query.present and x.ask.query.raw[-1:] in ("", "&", "=")
    return x.answer.but(status=500) if empty else None


@no_server_error.mutant(defects="M-QI-34")
def falls_over_brackets(x: Exchange) -> Answer | None:
    """A query parameter with a bracket or a quotation mark is answered 500."""
    odd = any(set(p.value) & set('()<>{}"') for p in x.ask.query.parameters)
    return x.answer.but(status=500) if odd else None


@rule(
    "http.failure-has-report",
    cites="PS3.18 8.1.2.3; 8.5",
    verifies=("PS3.18-8.1.2.3-1", "PS3.18-8.5-8", "PS3.18-8.5-9"),
    level=SHOULD,
    on="web",
    content=False,
    when=_failure,
    says="A failure carries a Status Report that tells what went wrong.",
)
def failure_has_report(x: Exchange) -> Iterator[Finding]:
    if not x.answer.body.size:
        yield Finding(got=f"{x.answer.line} without a payload", want="a Status Report", where="payload")


@failure_has_report.mutant
def fails_without_a_word(x: Exchange) -> Answer | None:
    """Failures have no payload."""
    if not _failure(x):
        return None
    return x.answer.but(body=b"", headers=x.answer.headers.but("content-type", None))


@rule(
    "http.refusal-lists-media-types",
    cites="PS3.18 8.5 Table 8.5-1",
    verifies=("PS3.18-8.5-6", "PS3.18-8.5-7"),
    level=SHOULD,
    on="web",
    content=False,
    # a transfer syntax that was asked for by name is refused with a list of those (9.4.2.4)
    when=lambda x: (
        x.answer.status in (406, 415)
        and x.answer.body.size > 0
        and x.ask.method != "HEAD"
        and not (x.kind == "web.uri" and "transferSyntax" in x.ask.query)
        and x.kind != "web.wado-ws"
        and "soap" not in x.facts
    ),
    says="A 406 or 415 answer lists the media types that are available.",
)
def refusal_lists_media_types(x: Exchange) -> Iterator[Finding]:
    if not _TYPE.search(x.answer.payload.read(0, _LOOKED_AT)):
        yield Finding(got="a report without any media type", want="the available media types", where="payload")


@refusal_lists_media_types.mutant
def says_no_and_no_more(x: Exchange) -> Answer | None:
    """The report of a refusal says nothing but no."""
    return x.answer.but(body=b"no") if x.answer.status in (406, 415) else None


@rule(
    "http.report-in-html-by-default",
    cites="PS3.18 8.6.3",
    verifies="PS3.18-8.6.3-1",
    level=SHOULD,
    on="web",
    content=False,
    # what is said in SOAP is answered in SOAP
    when=lambda x: _failure(x) and x.answer.body.size > 0 and not x.ask.accept.present and x.kind != "web.wado-ws",
    says="A Status Report for a request without any acceptable media type is text/html.",
)
def report_in_html_by_default(x: Exchange) -> Iterator[Finding]:
    if x.answer.type != "text/html":
        yield Finding(got=x.answer.headers.get("content-type") or "no Content-Type", want="text/html",
                      where="Content-Type")  # fmt: skip


@report_in_html_by_default.mutant
def reports_in_json_to_everybody(x: Exchange) -> Answer | None:
    """Reports are JSON whatever was asked."""
    return x.answer.but(type="application/json", body=b"{}") if _failure(x) else None


@rule(
    "http.report-as-labelled",
    cites="PS3.18 8.4.2; 8.6.3; RFC 9110 8.3",
    verifies="PS3.18-8.4.2-1",
    on="web",
    content=False,
    when=lambda x: _failure(x) and 0 < x.answer.body.size <= _LOOKED_AT and x.answer.type.endswith(("/json", "+json")),
    due=False,
    says="A Status Report that Content-Type calls JSON is a JSON text.",
)
def report_as_labelled(x: Exchange) -> Iterator[Finding]:
    octets = x.answer.payload.read(0, _LOOKED_AT)
    try:
        json.loads(octets)
    except (ValueError, RecursionError):
        yield Finding(got=repr(octets[:40]), want=f"a JSON text, as {x.answer.type} is", where="payload")


@report_as_labelled.mutant
def calls_a_page_json(x: Exchange) -> Answer | None:
    """A report is a page of HTML that Content-Type calls JSON."""
    return x.answer.but(type="application/json", body=b"<html>No.</html>") if _failure(x) else None


@rule(
    "http.401-has-challenge",
    cites="PS3.18 8.5 Table 8.5-1",
    verifies="PS3.18-8.5-2",
    on="web",
    content=False,
    when=lambda x: x.answer.status == 401,
    due=False,
    says="A 401 answer carries WWW-Authenticate with at least one challenge.",
)
def unauthorized_has_challenge(x: Exchange) -> Iterator[Finding]:
    challenges = [v for v in x.answer.headers.all("www-authenticate") if media.TOKEN.match(v.strip())]
    if not challenges:
        got = x.answer.headers.get("www-authenticate") or "no WWW-Authenticate"
        yield Finding(got=got, want="a challenge: scheme and parameters", where="WWW-Authenticate")


@unauthorized_has_challenge.mutant
def unauthorized_without_challenge(x: Exchange) -> Answer | None:
    """What is not found is called unauthorized, without a challenge."""
    return x.answer.but(status=401) if x.answer.status == 404 else None


@rule(
    "http.405-has-allow",
    cites="PS3.18 8.5 Table 8.5-1",
    verifies="PS3.18-8.5-5",
    on="web",
    content=False,
    when=lambda x: x.answer.status == 405,
    says="A 405 answer lists in Allow the methods that the resource supports, and not the one it refuses.",
)
def not_allowed_has_allow(x: Exchange) -> Iterator[Finding]:
    allow = x.answer.headers.get("allow")
    if allow is None:
        yield Finding(got="no Allow field", want="the methods that are supported", where="Allow")
        return
    methods = [m.strip() for m in allow.split(",") if m.strip()]
    wrong = [m for m in methods if not media.TOKEN.fullmatch(m)]
    if wrong:
        yield Finding(got=allow, want="a list of methods", where="Allow")
    if x.ask.method in methods:
        yield Finding(got=allow, want=f"a list without {x.ask.method}, which was refused", where="Allow")


@not_allowed_has_allow.mutant
def forgets_allow(x: Exchange) -> Answer | None:
    """405 comes without Allow."""
    return x.answer.but(headers=x.answer.headers.but("allow", None)) if x.answer.status == 405 else None


@not_allowed_has_allow.mutant
def allows_what_it_refuses(x: Exchange) -> Answer | None:
    """Allow lists the method that was refused."""
    if x.answer.status != 405:
        return None
    return x.answer.but(headers=x.answer.headers.but("allow", f"GET, {x.ask.method}"))


@rule(
    "http.206-answers-a-range",
    cites="PS3.18 8.5 Table 8.5-1; 10.4.3.1",
    verifies="PS3.18-8.5-1",
    on=SERVICES,
    content=False,
    when=lambda x: x.answer.status == 206,
    due=False,
    says="206 answers a range request only; for a partial retrieval the texts differ.",
)
def partial_answers_a_range(x: Exchange) -> Iterator[Finding]:
    if "range" in x.ask.headers:
        return
    partial = x.kind.startswith("web.retrieve") and (not x.context or x.context.policy("D-01") == "accept")
    if not partial:
        yield Finding(got="206 to a request without Range", want="200", where="status code", policy="D-01")


@partial_answers_a_range.mutant
def limited_search_is_partial(x: Exchange) -> Answer | None:
    """A search that found something is answered 206."""
    return x.answer.but(status=206) if x.kind.startswith("web.search") and x.answer.status == 200 else None


@rule(
    "http.304-answers-a-condition",
    cites="PS3.18 8.5 Table 8.5-1",
    verifies="PS3.18-8.5-12",
    level=SHALL_NOT,
    on="web",
    content=False,
    when=lambda x: x.answer.status == 304,
    due=False,
    says="304 answers conditional GET and HEAD requests only.",
)
def not_modified_answers_a_condition(x: Exchange) -> Iterator[Finding]:
    conditional = any(name in x.ask.headers for name in ("if-none-match", "if-modified-since"))
    # 8.9.3.1 lets the Capabilities be asked for so with OPTIONS
    capabilities = x.kind == "web.capabilities" and "if-none-match" in x.ask.headers
    if not conditional or (x.ask.method not in ("GET", "HEAD") and not capabilities):
        yield Finding(got=f"304 to {x.ask.method} without a condition", want="200", where="status code")


@not_modified_answers_a_condition.mutant
def second_hand_metadata(x: Exchange) -> Answer | None:
    """Metadata is called not modified to those who never asked before."""
    if x.kind != "web.retrieve.metadata" or x.answer.status != 200:
        return None
    return x.answer.but(status=304, body=b"", headers=x.answer.headers.but("content-type", None))


@rule(
    "http.redirect-has-location",
    cites="PS3.18 8.5 Table 8.5-1",
    verifies="PS3.18-8.5-13",
    on="web",
    content=False,
    when=lambda x: x.answer.status in (301, 302, 303, 307, 308),
    due=False,
    says="A redirection names the other resource in Location.",
)
def redirect_has_location(x: Exchange) -> Iterator[Finding]:
    if not (x.answer.headers.get("location") or "").strip():
        yield Finding(got="no Location field", want="the URI to go to", where="Location")


@redirect_has_location.mutant
def sends_away_to_nowhere(x: Exchange) -> Answer | None:
    """What is not found has moved, without saying where to."""
    return x.answer.but(status=303) if x.answer.status == 404 else None


def _not_multipart(x: Exchange) -> bool:
    """A payload that no Store transaction can take, whatever its content (Table 10.5.4-1)."""
    return (
        x.ask.method == "POST" and x.ask.body.size > 0 and bool(x.ask.type) and not x.ask.type.startswith("multipart/")
    )


@rule(
    "http.unsupported-payload-is-415",
    cites="PS3.18 8.5 Table 8.5-1",
    on="web.store",
    when=_not_multipart,
    says="A payload in a media type that is not supported is answered 415, which is not 406.",
)
def unsupported_payload_is_415(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 415:
        return
    same_class = 400 <= x.answer.status < 500 and x.answer.status != 406
    yield Finding(got=x.answer.line, want="415", where="status code", warn=same_class)


@unsupported_payload_is_415.mutant(defects="M-AC-34")
def takes_406_for_415(x: Exchange) -> Answer | None:
    """A wrong Content-Type of the request is answered 406."""
    return x.answer.but(status=406) if x.answer.status == 415 else None


@unsupported_payload_is_415.mutant(at=DOOR)
def swallows_any_payload(ask: Ask, door: Door) -> Answer:
    """A payload of any type is answered 200."""
    answer = door(ask)
    return answer.but(status=200) if answer.status == 415 else answer


untested("PS3.18-8.5-4", why="no web service of this version deletes, so nothing is known to be deleted")
undetected("M-MP-15", why="a payload of more than 2 GiB takes longer than a run may take")
undetected("M-AC-40", why="the JSON rules find a command element in a data set, and imitate it as one of their own")
