"""Rules of PS3.18 8.5 and RFC 9110 8.8, 13 on entity tags, dates and the conditions that requests put on them.

Must not know services. A server that gives no validators is asked nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, SHALL_NOT, SHOULD, Door, Finding, journey
from suites.web.http.ranges import KEPT


@journey(
    "http.unchanged-is-304",
    cites="PS3.18 8.5 Table 8.5-1; RFC 9110 13.1",
    level=SHOULD,
    on="web.retrieve.conditional",
    when=lambda j: any(x.answer.complete for x in j.steps("again")),
    due=False,
    says="Who asks again with the validator that it was given is told 304, without a payload, when nothing changed.",
)
def unchanged_is_304(j: Journey) -> Iterator[Finding]:
    for x in j.steps("again"):
        if x.answer.status != 304:
            yield Finding(got=x.answer.line, want="304 Not Modified", where="status code", seq=x.seq)


@unchanged_is_304.mutant(at=DOOR, defects="M-AC-24")
def forgets_its_validators(ask: Ask, door: Door) -> Answer:
    """A Last-Modified date is given and never looked at again."""
    answer = door(ask)
    if ask.resource.kind != "web.retrieve.metadata" or answer.status != 200:
        return answer
    return answer.but(headers=answer.headers.but("last-modified", "Thu, 01 Feb 2024 12:00:00 GMT"))


def _first(j: Journey) -> Exchange | None:
    x = j.step("first")
    return x if x and x.answer.status == 200 else None


@journey(
    "http.304-repeats-the-fields",
    cites="PS3.18 8.5 Table 8.5-1; RFC 9110 15.4.5",
    on="web.retrieve.conditional",
    when=lambda j: _first(j) is not None and any(x.answer.status == 304 for x in j.steps("again")),
    due=False,
    content=False,
    says="A 304 has the entity tag, the location and the caching fields that a 200 would have had.",
)
def not_modified_repeats_the_fields(j: Journey) -> Iterator[Finding]:
    first = _first(j)
    for x in j.steps("again"):
        for name in KEPT if first and x.answer.status == 304 else ():
            told = first.answer.headers.get(name) if first else None
            if told is not None and name not in x.answer.headers:
                yield Finding(got=f"no {name}", want=f"{name}: {told}", where="header fields", seq=x.seq)
        if first and x.answer.status == 304:
            yield from _other_tag(x, first)


def _other_tag(x: Exchange, first: Exchange) -> Iterator[Finding]:
    """A tag that is not the one of the version that is said to be still the same; weak or strong is no matter here."""
    told, now = first.answer.headers.get("etag"), x.answer.headers.get("etag")
    if told and now and told.strip().removeprefix("W/") != now.strip().removeprefix("W/"):
        yield Finding(got=now, want=told, where="ETag", seq=x.seq)


@not_modified_repeats_the_fields.mutant
def not_modified_and_no_more(x: Exchange) -> Answer | None:
    """A 304 has no entity tag."""
    return x.answer.but(headers=x.answer.headers.but("etag", None)) if x.answer.status == 304 else None


@not_modified_repeats_the_fields.mutant
def not_modified_from_another(x: Exchange) -> Answer | None:
    """A 304 tells the tag of another version than the one that it says is still the same."""
    return x.answer.but(headers=x.answer.headers.but("etag", '"another"')) if x.answer.status == 304 else None


@journey(
    "http.other-version-is-not-304",
    cites="PS3.18 8.5 Table 8.5-1; RFC 9110 13.1.2",
    verifies="PS3.18-8.5-12",
    level=SHALL_NOT,
    on="web.retrieve.conditional",
    when=lambda j: _first(j) is not None and any(x.answer.status in (200, 304) for x in j.steps("other")),
    due=False,
    says="Who names the tag of another version is sent the representation, also when a date would say 304.",
)
def other_version_is_not_304(j: Journey) -> Iterator[Finding]:
    for x in j.steps("other"):
        if x.answer.status == 304:
            asked = x.ask.headers.get("if-none-match")
            yield Finding(got=f"304 to If-None-Match: {asked}", want="200", where="status code", seq=x.seq)


@other_version_is_not_304.mutant(at=DOOR)
def any_tag_will_do(ask: Ask, door: Door) -> Answer:
    """If-None-Match is answered 304 whatever tag it names."""
    answer = door(ask)
    if "if-none-match" not in ask.headers or answer.status != 200:
        return answer
    return answer.but(
        status=304, body=b"", headers=answer.headers.but("content-type", None).but("content-length", None)
    )


@other_version_is_not_304.mutant(at=DOOR)
def the_date_comes_first(ask: Ask, door: Door) -> Answer:
    """With If-Modified-Since there, If-None-Match is not looked at."""
    both = "if-modified-since" in ask.headers
    return door(ask.but(headers=ask.headers.but("if-none-match", None)) if both else ask)


@journey(
    "http.if-match-of-another-version-is-412",
    cites="PS3.18 8.5; RFC 9110 13.1.1, 13.2.2",
    level=SHOULD,
    on="web.retrieve.conditional",
    when=lambda j: _first(j) is not None and any(x.answer.complete for x in j.steps("mismatch")),
    due=False,
    says="A request that is about another version, by If-Match, is answered 412.",
)
def if_match_of_another_version_is_412(j: Journey) -> Iterator[Finding]:
    for x in j.steps("mismatch"):
        if x.answer.status != 412:
            yield Finding(got=x.answer.line, want="412 Precondition Failed", where="status code", seq=x.seq)


@if_match_of_another_version_is_412.mutant(at=DOOR)
def overlooks_if_match(ask: Ask, door: Door) -> Answer:
    """If-Match is not looked at."""
    return door(ask.but(headers=ask.headers.but("if-match", None)))


def _strong(x: Exchange) -> str:
    """The strong entity tag of a whole representation, '' without one."""
    tag = (x.answer.headers.get("etag") or "").strip()
    return tag if x.answer.status == 200 and tag.startswith('"') else ""


@journey(
    "http.strong-tag-is-one-run-of-octets",
    cites="PS3.18 8.5; RFC 9110 8.8.1, 8.8.3.3",
    on="web.retrieve.conditional|web.retrieve.coding",
    when=lambda j: len({x.seq for x in j.exchanges if _strong(x)}) > 1,
    due=False,
    says="One strong entity tag stands for one run of octets: other media types and codings have other tags.",
)
def strong_tag_is_one_run_of_octets(j: Journey) -> Iterator[Finding]:
    seen: dict[tuple[str, str], Exchange] = {}
    for x in j.exchanges:
        tag = _strong(x)
        # a tag belongs to its resource; the query is part of that
        before = seen.setdefault((x.ask.target, tag), x) if tag else x
        if before is not x and not before.answer.body.same(x.answer.body):
            want = f"another tag than in exchange {before.seq}"
            # the same content coded twice may differ in what the coding adds, which nobody is misled by
            alike = _form(before) == _form(x) and before.answer.payload.same(x.answer.payload)
            yield Finding(got=f"{tag} for other octets", want=want, where="ETag", seq=x.seq, warn=alike)


def _form(x: Exchange) -> tuple[str, str]:
    return x.answer.type, x.answer.headers.get("content-encoding") or ""


@strong_tag_is_one_run_of_octets.mutant
def one_tag_for_all(x: Exchange) -> Answer | None:
    """JSON, XML and what is compressed of them have one strong entity tag."""
    return x.answer.but(headers=x.answer.headers.but("etag", '"1"')) if x.answer.status == 200 else None


def _differ(j: Journey, field: str) -> list[Exchange]:
    """The answers to requests that differ in this field, when the content type or coding they chose differs too."""
    found = [x for x in j.exchanges if x.answer.status == 200]
    chosen = {_form(x) for x in found}
    asked = {x.ask.headers.get(field) for x in found}
    return found if len(chosen) > 1 and len(asked) > 1 else []


def _varies(j: Journey) -> str:
    return "accept-encoding" if j.kind == "web.retrieve.coding" else "accept"


@journey(
    "http.vary-names-what-decided",
    cites="PS3.18 8.4.1; RFC 9110 12.5.5",
    level=SHOULD,
    on="web.retrieve.coding|web.retrieve.conditional",
    basis=RELATION,
    content=False,
    when=lambda j: bool(_differ(j, _varies(j))),
    due=False,
    says="Where Accept or Accept-Encoding decided what was sent, Vary names it, so that caches keep the forms apart.",
)
def vary_names_what_decided(j: Journey) -> Iterator[Finding]:
    wanted = _varies(j)
    for x in _differ(j, wanted):
        said = [word.strip().lower() for word in (x.answer.headers.get("vary") or "").split(",")]
        if wanted not in said and "*" not in said:
            yield Finding(got=x.answer.headers.get("vary") or "no Vary", want=f"a list with {wanted}", where="Vary",
                          seq=x.seq)  # fmt: skip


@vary_names_what_decided.mutant
def varies_in_secret(x: Exchange) -> Answer | None:
    """Answers have no Vary."""
    return x.answer.but(headers=x.answer.headers.but("vary", None)) if x.answer.status == 200 else None
