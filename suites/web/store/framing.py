"""Rules of PS3.18 10.5.1, 8.6.1.2 and 8.7.1 on the freedom of framing: one payload in every legal dress fares alike.

Must not know what the instances are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey
from suites.web.store import alter
from suites.web.store.module import module
from suites.web.store.sent import sent

KIND = "web.store.framing"
# RFC 2046 5.1.1 has a reader pass over these; the grammar of PS3.18 8.6.1.2.1 has no place for them.
UNLOVED = frozenset({"preamble", "empty-line-first", "epilogue", "padding"})
UNQUOTED = frozenset({"unquoted-type"})  # legal since 2023e (PS3.18 8.7.1)


def _stored(x: Exchange) -> bool:
    """Every instance of this request is told to be stored."""
    found = module(x)
    told = {i.instance for i in found.stored} if found and x.answer.ok else set()
    return bool(sent(x)) and all(s.instance in told for s in sent(x))


def _form(x: Exchange) -> str:
    return str(x.facts.get("form", ""))


def _plain_works(j: Journey) -> bool:
    plain = j.step("plain")
    return plain is not None and _stored(plain)


@journey(
    "store.legal-framing-is-taken",
    cites="PS3.18 8.6.1.2; 8.7.1; 8.7.3.5.2; RFC 2046 5.1.1; RFC 9110 5.6.6",
    verifies="PS3.18-8.7.1-2",
    on=KIND,
    basis=RELATION,
    when=lambda j: _plain_works(j) and bool(j.steps("form")),
    says="An instance is stored in whatever legal form its message is written: quotes, boundary, case, parameters.",
)
def legal_framing_is_taken(j: Journey) -> Iterator[Finding]:
    edition = j.context.edition if j.context else ""
    for x in j.steps("form"):
        if not _stored(x):
            form = _form(x)
            lenient = form in UNLOVED or (form in UNQUOTED and edition < "2023e")
            got = f"{x.answer.line} for a payload written {form}"
            where = f"Content-Type: {x.ask.media.raw[:120]}"
            yield Finding(got=got, want="stored, as in the plainest form", where=where, seq=x.seq, warn=lenient)


def _refuses(test: Callable[[Ask], bool], code: int = 400) -> Callable[[Ask, Door], Answer]:
    def act(ask: Ask, door: Door) -> Answer:
        return alter.report(code) if ask.resource.kind == "web.store" and test(ask) else door(ask)

    return act


@legal_framing_is_taken.mutant(at=DOOR, defects="M-MP-03")
def wants_the_type_quoted(ask: Ask, door: Door) -> Answer:
    """The type parameter is only understood in quotes."""
    return _refuses(lambda a: "type=application" in a.media.raw)(ask, door)


@legal_framing_is_taken.mutant(at=DOOR)
def wants_the_type_unquoted(ask: Ask, door: Door) -> Answer:
    """The type parameter is only understood without quotes, first and in lower case."""
    return _refuses(lambda a: 'type="' in a.media.raw and "boundary=" in a.media.raw.partition('type="')[0])(ask, door)


@legal_framing_is_taken.mutant(at=DOOR, defects="M-MP-05")
def wants_the_boundary_unquoted(ask: Ask, door: Door) -> Answer:
    """A boundary in quotes is taken with them, so that no delimiter is found."""
    return _refuses(lambda a: 'boundary="' in a.media.raw)(ask, door)


@legal_framing_is_taken.mutant(at=DOOR)
def wants_a_short_boundary(ask: Ask, door: Door) -> Answer:
    """A boundary of more than 60 characters is refused."""
    return _refuses(lambda a: len(a.media.parameters.get("boundary", "")) > 60)(ask, door)


@legal_framing_is_taken.mutant(at=DOOR, defects="M-MP-17")
def knows_no_transfer_syntax_parameter(ask: Ask, door: Door) -> Answer:
    """A part whose Content-Type has a transfer-syntax parameter is refused."""
    return _refuses(lambda a: any("transfer-syntax" in p.media.parameters for p in a.parts), 415)(ask, door)


@legal_framing_is_taken.mutant(at=DOOR)
def wants_names_in_its_own_case(ask: Ask, door: Door) -> Answer:
    """Content-Type of a part is only found when it is written so."""
    return _refuses(lambda a: any(name == "content-type" for p in a.parts for name, _ in p.fields))(ask, door)


@legal_framing_is_taken.mutant(at=DOOR)
def stumbles_over_other_fields(ask: Ask, door: Door) -> Answer:
    """A part with header fields beside Content-Type is refused."""
    return _refuses(lambda a: any(len(p.fields) > 1 for p in a.parts))(ask, door)


@legal_framing_is_taken.mutant(at=DOOR)
def wants_parameter_names_in_lower_case(ask: Ask, door: Door) -> Answer:
    """Names of parameters are compared with their case."""
    return _refuses(lambda a: "BOUNDARY=" in a.media.raw or "Boundary=" in a.media.raw)(ask, door)


@legal_framing_is_taken.mutant(at=DOOR)
def wants_a_last_line_end(ask: Ask, door: Door) -> Answer:
    """A body that ends with the closing delimiter itself is taken for one without it."""
    return _refuses(lambda a: a.body.read(max(a.body.size - 2, 0), 2) == b"--")(ask, door)


@journey(
    "store.chunked-is-taken",
    cites="PS3.18 10.5.1.3; RFC 9112 7.1",
    verifies="PS3.18-10.5.1.3-2",
    on=KIND,
    basis=RELATION,
    when=lambda j: _plain_works(j) and bool(j.steps("chunked")),
    says="A payload with a transfer encoding is stored like one with a Content-Length.",
)
def chunked_is_taken(j: Journey) -> Iterator[Finding]:
    for x in j.steps("chunked"):
        if not _stored(x):
            got = f"{x.answer.line} for Transfer-Encoding: chunked"
            yield Finding(got=got, want="stored", where="Transfer-Encoding", seq=x.seq, warn=x.answer.status == 411)


@chunked_is_taken.mutant(at=DOOR)
def wants_a_length(ask: Ask, door: Door) -> Answer:
    """A request without Content-Length is answered 411."""
    return _refuses(lambda a: "transfer-encoding" in a.headers, 411)(ask, door)


@chunked_is_taken.mutant(at=DOOR)
def takes_chunked_for_empty(ask: Ask, door: Door) -> Answer:
    """A body without Content-Length is taken for an empty one."""
    return _refuses(lambda a: "transfer-encoding" in a.headers, 400)(ask, door)
