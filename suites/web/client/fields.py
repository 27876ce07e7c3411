"""Rules of PS3.18 8.1.1 and 8.4 with RFC 9110 and 9112 on the header fields of requests: their lines and their values.

Must not know Accept, Host and Content-Type, which have rules of their own, nor what was answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime

from harness.exchange import Ask, Exchange, Journey
from harness.rule import ASK, USER_AGENT, Finding, journey, rule
from suites.web.client.talk import asked_for, listed, talk

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z\-]+"  # RFC 9110 5.6.2
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"\*|{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
_WEIGHT = r"(?:[ \t]*;[ \t]*[qQ]=(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
_WEIGHED = re.compile(rf"(?:{_TOKEN}{_WEIGHT}(?:[ \t]*,[ \t]*{_TOKEN}{_WEIGHT})*)?")
_RANGES = re.compile(rf"({_TOKEN})=(.+)")
_BYTES = re.compile(r"([0-9]{1,18})-([0-9]{0,18})|-[0-9]{1,18}")
_DATE = re.compile(r"[A-Z][a-z]{2,8}[, ].*(?: GMT|[0-9]{4})")
# Fields of a request whose values have a form of their own.
FIELDS = ("range", "if-none-match", "if-match", "if-modified-since", "if-unmodified-since", "accept-encoding",
          "accept-charset")  # fmt: skip


def _bad_range(text: str) -> bool:
    told = _RANGES.fullmatch(text)
    if told is None:
        return True
    if told[1].lower() != "bytes":
        return False  # a unit of somebody else (RFC 9110 14.1)
    found = [_BYTES.fullmatch(word.strip(" \t")) for word in told[2].split(",")]
    return any(m is None or bool(m[2] and int(m[2]) < int(m[1])) for m in found)


def _bad_date(text: str) -> bool:
    try:
        parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return True
    return _DATE.fullmatch(text) is None


def _wanted(name: str, text: str) -> str:
    """What the value of this field has to be, '' for one that is right."""
    if name == "range":
        return "a unit and ranges, none of which ends before it begins (RFC 9110 14.1.1)" if _bad_range(text) else ""
    if name in ("if-none-match", "if-match"):
        return "" if _TAGS.fullmatch(text) else "* or entity tags in quotes (RFC 9110 8.8.3)"
    if name.endswith("-since"):
        return "a date of HTTP (RFC 9110 5.6.7)" if _bad_date(text) else ""
    return "" if _WEIGHED.fullmatch(text) else "names with weights from 0 to 1 (RFC 9110 12.5)"


@rule(
    "client.field-values",
    cites="PS3.18 8.1.1; 8.4; RFC 9110 12.5, 13.1, 14.2",
    on="web.search|web.retrieve|web.uri|web.store",
    who=USER_AGENT,
    content=False,
    when=lambda x: any(name in x.ask.headers for name in FIELDS),
    due=False,
    says="Fields of ranges, conditions and negotiation have values as their grammars have them.",
)
def field_values(x: Exchange) -> Iterator[Finding]:
    for name in FIELDS:
        if found := x.ask.headers.all(name):
            text = ", ".join(found).strip(" \t")
            # a recipient takes no notice of a range or condition that it cannot read
            if want := _wanted(name, text):
                yield Finding(text[:100], want, name)


def _with(x: Exchange, name: str, value: str) -> Ask:
    return x.ask.but(headers=x.ask.headers.but(name, value))


@field_values.mutant(at=ASK)
def asks_for_a_range_backwards(x: Exchange) -> Ask:
    """A range ends before it begins."""
    return _with(x, "Range", "bytes=500-0")


@field_values.mutant(at=ASK)
def tags_without_quotes(x: Exchange) -> Ask:
    """An entity tag has lost its quotes."""
    return _with(x, "If-None-Match", "abc123")


@field_values.mutant(at=ASK)
def dates_as_iso_8601(x: Exchange) -> Ask:
    """The date of a condition is one of ISO 8601."""
    return _with(x, "If-Modified-Since", "2024-01-31T12:00:00Z")


@field_values.mutant(at=ASK)
def weighs_codings_in_percent(x: Exchange) -> Ask:
    """The weight of a coding is 50."""
    return _with(x, "Accept-Encoding", "gzip;q=50")


@journey(
    "client.head-lines",
    cites="PS3.18 8.1.1; RFC 9112 2.2, 5.1, 5.2; RFC 9110 5.5",
    on="web.client",
    who=USER_AGENT,
    content=False,
    incomplete=True,
    when=lambda j: any("head" in x.facts for x in j.exchanges),
    says="Lines of a head end in CRLF and are not folded; each is a name, a colon right after it, and a clean value.",
)
def head_lines(j: Journey) -> Iterator[Finding]:
    for x in j.exchanges:
        for fault in x.facts.get("head", ())[:5]:
            yield Finding(fault, "name ':' value CRLF", "header fields", seq=x.seq)


@head_lines.example
def asks_cleanly() -> tuple[Exchange, ...]:
    return tuple(x.but(facts={"head": []}) for x in talk((asked_for("studies"), listed(1))))


@head_lines.mutant(at=ASK)
def ends_lines_in_lf(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Lines end in LF alone, as they do on the client's own system."""
    return [x.but(facts={"head": ["3 lines that end in LF alone"]}) for x in conversation]
