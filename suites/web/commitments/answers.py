"""Rules of PS3.18 13.1 to 13.5 on how requests and checks are answered: status codes, header fields, media types.

Must not know what a result says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import SHALL_NOT, SHOULD, Finding, rule, untested
from suites.web.commitments.reading import CHECK, REQUEST, SINCE, Named, lawful, module
from suites.web.datasets import emptied, spoken_in
from suites.web.presence import ABSENT

ON = "web.commitments"
_OWN_REASONS = (401, 403, 408, 413, 429, 503, 507)  # refusals that say nothing against the request
_NOT_THERE = (405, 501)
_SECONDS = re.compile(r"[0-9]{1,9}\Z")
_DATED = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\Z")
# the field of RFC 7234 has a code and an agent before its text; the example of 13.4.3.2 has neither
_STATUS_FIRST = re.compile(r'(?:[0-9]{3} \S+ )?"?[0-9A-Fa-f]{4}(?![0-9A-Za-z])')


def answers(x: Exchange, status: int, reason: str) -> Answer:
    """The answer without a payload under another code, for mutants."""
    return emptied(x.answer, status, reason)


def named(x: Exchange) -> tuple[Named, ...]:
    """What a request refers to."""
    sent = module(x.ask)
    return sent.named if sent is not None else ()


@rule(
    "commitments.request-is-taken",
    cites="PS3.18 13.2; 13.4.2",
    verifies=("PS3.18-13.2-1", "PS3.18-13.4.2-1"),
    on=REQUEST,
    since=SINCE,
    when=lambda x: lawful(x) and x.answer.status not in ABSENT,
    says="A request that is whole is processed: 200 with the result, or 202 without.",
)
def request_is_taken(x: Exchange) -> Iterator[Finding]:
    status = x.answer.status
    if status in (200, 202):
        return
    if "form" in x.facts and status in (406, 415):
        return  # the rule on media types says so
    # other successes, and reasons that lie elsewhere, are no refusal of what was asked
    aside = x.answer.ok or status in _OWN_REASONS or bool(x.facts.get("parameter"))
    both = len({one.nested for one in named(x)}) > 1
    sent = module(x.ask)
    # a payload is one representation by the text (13.4.1.4), and several by an example (B.29)
    aside = aside or (sent is not None and len(sent.roots) > 1)
    if both and x.context is not None and x.context.policy("D-20") == "accept":
        yield Finding(x.answer.line, "200 or 202", "status line", warn=True, policy="D-20")
        return
    yield Finding(x.answer.line, "200 or 202", "status line", warn=aside)


@request_is_taken.mutant
def takes_no_request(x: Exchange) -> Answer | None:
    """Requests are answered 400."""
    return answers(x, 400, "Bad Request") if x.answer.ok else None


@request_is_taken.mutant
def created_a_request(x: Exchange) -> Answer | None:
    """Requests are answered 201, as a creation is."""
    return answers(x, 201, "Created") if x.answer.ok else None


@rule(
    "commitments.check-is-there",
    cites="PS3.18 13.2 Table 13.2-1; 13.3",
    verifies="PS3.18-13.2-1",
    on=CHECK,
    since=SINCE,
    content=False,
    says="Who takes requests can be asked for results: GET is a method of the resource.",
)
def check_is_there(x: Exchange) -> Iterator[Finding]:
    if x.answer.status in _NOT_THERE:
        yield Finding(x.answer.line, "200, 202, 404 or 410", "status line")


@check_is_there.mutant
def only_takes_requests(x: Exchange) -> Answer | None:
    """GET is not supported."""
    return answers(x, 405, "Method Not Allowed")


@rule(
    "commitments.accepted-without-payload",
    cites="PS3.18 13.4.2; 13.4.3.1; 13.4.3.3; 13.5.3.1",
    verifies=("PS3.18-13.4.3.1-1", "PS3.18-13.4.2-1"),
    level=SHALL_NOT,
    on=ON,
    since=SINCE,
    when=lambda x: x.answer.status == 202,
    says="A 202 has no payload.",
)
def accepted_without_payload(x: Exchange) -> Iterator[Finding]:
    if x.answer.body.size:
        yield Finding(f"{x.answer.body.size} octets of {x.answer.type or 'no type'}", "no payload", "payload")


@accepted_without_payload.mutant
def sends_an_empty_module_ahead(x: Exchange) -> Answer | None:
    """A 202 carries an empty data set."""
    return x.answer.but(type="application/dicom+json", body=b"{}") if x.answer.status == 202 else None


@rule(
    "commitments.used-transaction-is-refused",
    cites="PS3.18 13.4.3.1 Table 13.4.3-1; PS3.4 J.3.3.1.2",
    verifies="PS3.18-13.4.3.1-2",
    on=REQUEST,
    since=SINCE,
    when=lambda x: bool(x.facts.get("reused")),
    says="A request under a Transaction UID that was used before is answered 409.",
)
def used_transaction_is_refused(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 409:
        aside = 400 <= x.answer.status < 500 or x.answer.status in (501, 503)
        yield Finding(x.answer.line, "409", "status line", warn=aside)


@used_transaction_is_refused.mutant
def takes_a_used_transaction(x: Exchange) -> Answer | None:
    """A used Transaction UID is taken again."""
    return answers(x, 202, "Accepted") if x.answer.status == 409 else None


@used_transaction_is_refused.mutant
def calls_it_a_bad_request(x: Exchange) -> Answer | None:
    """A used Transaction UID is a bad request."""
    return answers(x, 400, "Bad Request") if x.answer.status == 409 else None


@used_transaction_is_refused.mutant
def falls_over_a_used_transaction(x: Exchange) -> Answer | None:
    """A used Transaction UID is answered 500."""
    return answers(x, 500, "Internal Server Error") if x.answer.status == 409 else None


@rule(
    "commitments.bad-request-is-refused",
    cites="PS3.18 13.4.1.4; 13.4.3.1 Table 13.4.3-1; J.1",
    verifies="PS3.18-13.4.3.1-3",
    on=REQUEST,
    since=SINCE,
    when=lambda x: bool(x.facts.get("malformed")),
    says="A request without a payload, without a module, or with one that is not whole is answered 400.",
)
def bad_request_is_refused(x: Exchange) -> Iterator[Finding]:
    status, label = x.answer.status, str(x.facts.get("malformed"))
    if status == 400:
        return
    # a module that names some of what it needs may be answered item by item; another refusal is one all the same
    partly = label in ("no instance", "no series", "Transaction UID")
    aside = partly or 400 <= status < 500 or status in (501, 503)
    yield Finding(f"{x.answer.line}: {label}", "400", "status line", warn=aside)


@bad_request_is_refused.mutant(defects="M-NS-09")
def takes_a_request_for_nothing(x: Exchange) -> Answer | None:
    """A request without references is taken."""
    return answers(x, 202, "Accepted") if x.answer.status == 400 else None


@bad_request_is_refused.mutant
def breaks_at_a_bad_request(x: Exchange) -> Answer | None:
    """What cannot be read is answered 500."""
    return answers(x, 500, "Internal Server Error") if x.answer.status == 400 else None


@rule(
    "commitments.unknown-transaction",
    cites="PS3.18 13.5.3.1 Table 13.5.3-1",
    verifies="PS3.18-13.5.3.1-1",
    on=CHECK,
    since=SINCE,
    when=lambda x: bool(x.facts.get("never")),
    says="A result that nobody asked for is answered 404.",
)
def unknown_transaction(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 404:
        yield Finding(x.answer.line, "404", "status line", warn=400 <= x.answer.status < 500)


@unknown_transaction.mutant
def works_on_what_nobody_asked(x: Exchange) -> Answer | None:
    """Unknown transactions are answered 202."""
    return answers(x, 202, "Accepted") if x.answer.status == 404 else None


@unknown_transaction.mutant
def calls_the_unknown_gone(x: Exchange) -> Answer | None:
    """Unknown transactions are answered 410, though they never were."""
    return answers(x, 410, "Gone") if x.answer.status == 404 else None


@rule(
    "commitments.retry-after",
    cites="PS3.18 13.4.3.2 Table 13.4.3-2",
    verifies="PS3.18-13.4.3.2-1",
    on=ON,
    since=SINCE,
    content=False,
    when=lambda x: "retry-after" in x.answer.headers,
    says="Retry-After is a number of seconds.",
)
def retry_after(x: Exchange) -> Iterator[Finding]:
    value = (x.answer.headers.get("retry-after") or "").strip()
    if not _SECONDS.match(value):
        # HTTP has dates there too (RFC 9110 10.2.3); the table has not
        yield Finding(value[:80], "seconds", "Retry-After", warn=bool(_DATED.match(value)))


@retry_after.mutant
def says_how_long_in_words(x: Exchange) -> Answer | None:
    """Retry-After has a unit."""
    return x.answer.but(headers=x.answer.headers.but("retry-after", "300s")) if x.answer.status == 202 else None


@retry_after.mutant
def says_when(x: Exchange) -> Answer | None:
    """Retry-After is a date."""
    if x.answer.status != 202:
        return None
    return x.answer.but(headers=x.answer.headers.but("retry-after", "Fri, 31 Dec 2027 23:59:59 GMT"))


@rule(
    "commitments.warning-begins-with-the-status",
    cites="PS3.18 13.4.3.2",
    verifies="PS3.18-13.4.3.2-2",
    level=SHOULD,
    on=ON,
    since=SINCE,
    content=False,
    when=lambda x: "warning" in x.answer.headers,
    says="The text of a Warning begins with a DICOM status code.",
)
def warning_begins_with_the_status(x: Exchange) -> Iterator[Finding]:
    for value in x.answer.headers.all("warning"):
        if not _STATUS_FIRST.match(value.strip()):
            yield Finding(value[:200], "a status of four hexadecimal digits, then why", "Warning")


@warning_begins_with_the_status.mutant
def warns_in_words_only(x: Exchange) -> Answer | None:
    """Warnings have no status."""
    headers = x.answer.headers.but("warning", "299 pacs: some instances are not safe")
    return x.answer.but(headers=headers) if x.answer.status == 200 else None


@rule(
    "commitments.media-types",
    cites="PS3.18 13.1.3 Table 13.1.3-1",
    verifies="PS3.18-13.1.3-1",
    on=ON,
    since=SINCE,
    content=False,
    when=lambda x: bool(x.facts.get("form")) and (x.answer.ok or x.answer.status in (406, 415)),
    says="Requests and results may be JSON or XML, in one part or several.",
)
def media_types(x: Exchange) -> Iterator[Finding]:
    form = str(x.facts.get("form"))
    if not x.answer.ok:
        yield Finding(f"{x.answer.line} to {form}", "a success", "status line")
    elif x.answer.status == 200 and not spoken_in(x.answer, form):
        got = x.answer.headers.get("content-type") or "no Content-Type"
        yield Finding(got[:200], f"what was accepted: {x.ask.headers.get('accept')}", "Content-Type")


@media_types.mutant
def knows_json_only(x: Exchange) -> Answer | None:
    """XML is not supported."""
    spoken = f"{x.ask.headers.get('accept')} {x.ask.headers.get('content-type')}"
    return answers(x, 415, "Unsupported Media Type") if "xml" in spoken and x.answer.ok else None


@media_types.mutant
def calls_it_json_of_any_kind(x: Exchange) -> Answer | None:
    """Results in JSON are application/json."""
    return x.answer.but(type="application/json") if x.answer.type == "application/dicom+json" else None


@media_types.mutant
def answers_in_one_part(x: Exchange) -> Answer | None:
    """Whatever is accepted, results are JSON in one part."""
    if x.answer.status != 200 or not x.answer.parts:
        return None
    return x.answer.but(type="application/dicom+json", body=x.answer.parts[0].content.bytes())


@rule(
    "commitments.accept-parameter",
    cites="PS3.18 13.1.2 Table 13.1.2-1; 13.4.1.2; 8.3.3.1",
    verifies="PS3.18-13.1.2-1",
    on=REQUEST,
    since=SINCE,
    when=lambda x: bool(x.facts.get("parameter")) and x.answer.status not in ABSENT,
    says="The accept query parameter of a request is followed, or is as if it were not there.",
)
def accept_parameter(x: Exchange) -> Iterator[Finding]:
    strict = x.context is not None and x.context.policy("D-19") == "support"
    if not x.answer.ok:
        yield Finding(x.answer.line, "a success", "status line", warn=not strict, policy="D-19")
    elif strict and x.answer.status == 200 and x.answer.type != "application/dicom+xml":
        yield Finding(x.answer.type, "application/dicom+xml, as the parameter has it", "Content-Type", policy="D-19")


@accept_parameter.mutant
def refuses_parameters(x: Exchange) -> Answer | None:
    """A request with query parameters is answered 400."""
    return answers(x, 400, "Bad Request") if "?" in x.ask.target else None


untested("PS3.18-13.2-2", "what capabilities are told of is judged by the rules on capabilities; a role is not in them")
