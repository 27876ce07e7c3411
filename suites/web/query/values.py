"""Rules of PS3.18 8.3 and 8.3.1 on values of query parameters: invalid ones, percent-encoding, lists.

Must not know what a search has to find beyond what the probe knows to be held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from suites.web.query.reading import compared, content_differs, rows

_RESERVED = re.compile(r"%(23|5B|5D|26|3D|2C)", re.IGNORECASE)  # # [ ] & = , (8.3.1)


@rule(
    "query.invalid-value-is-400",
    cites="PS3.18 8.3",
    verifies="PS3.18-8.3-4",
    on="web.search",
    when=lambda x: "invalid" in x.facts and x.answer.complete,
    says="A supported parameter with an invalid value is answered 400.",
)
def invalid_value_is_400(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 400:
        yield Finding(got=x.answer.line, want="400", where=str(x.facts["invalid"]), warn=bool(x.facts.get("doubt")))


@invalid_value_is_400.mutant(at=DOOR)
def negative_limit_is_none(ask: Ask, door: Door) -> Answer:
    """A limit or an offset that is no number is taken for none."""
    path, mark, raw = ask.target.partition("?")
    kept = [w for w in raw.split("&") if not re.fullmatch(r"(limit|offset)=(?![0-9]+\Z).*", w)]
    return door(ask.but(target=f"{path}{mark}{'&'.join(kept)}".rstrip("?")))


@invalid_value_is_400.mutant
def invalid_values_find_nothing(x: Exchange) -> Answer | None:
    """An invalid value is one that nothing matches."""
    if x.answer.status != 400 or not x.kind.startswith("web.search"):
        return None
    return x.answer.but(status=204, type=None, body=b"")


@journey(
    "query.percent-encoding-is-undone",
    cites="PS3.18 8.3.1; 8.3.4.1; RFC 3986 2",
    verifies="PS3.18-8.3.1-6",
    on="web.search.query-encoding",
    basis=RELATION,
    when=compared,
    says="A character that is percent-encoded without need is the character itself.",
)
def percent_encoding_is_undone(j: Journey) -> Iterator[Finding]:
    yield from content_differs(j)


@percent_encoding_is_undone.mutant(at=DOOR)
def takes_escapes_as_they_are(ask: Ask, door: Door) -> Answer:
    """Values are compared as they stand in the URI."""
    path, mark, raw = ask.target.partition("?")
    return door(ask.but(target=f"{path}{mark}{raw.replace('%', '%25')}"))


@percent_encoding_is_undone.mutant(at=DOOR)
def knows_capital_escapes_only(ask: Ask, door: Door) -> Answer:
    """Percent-encoding in lower case hexadecimal digits is answered 400."""
    answer = door(ask)
    lower = re.search(r"%([0-9][a-f]|[a-f][0-9a-f])", ask.target)
    return answer.but(status=400, type="text/plain", body=b"Broken escape.") if lower and answer.ok else answer


@rule(
    "query.reserved-characters-in-values",
    cites="PS3.18 8.3.1; 8.3.4.1",
    verifies="PS3.18-8.3.1-6",
    on="web.search",
    when=lambda x: "finds" in x.facts and x.answer.complete,
    says="A value with reserved or non-ASCII characters is found by its percent-encoded form, and a + is a +.",
)
def reserved_characters_in_values(x: Exchange) -> Iterator[Finding]:
    wanted = str(x.facts["finds"])
    if wanted not in {uid for row in rows(x) for uid in row}:
        yield Finding(got=x.answer.line if not rows(x) else f"{len(rows(x))} other matches", want=wanted,
                      where=str(x.facts.get("form", x.ask.target.partition("?")[2])))  # fmt: skip


@reserved_characters_in_values.mutant(at=DOOR)
def splits_after_decoding(ask: Ask, door: Door) -> Answer:
    """The query is decoded before it is split, so an encoded & or = parts parameters."""
    path, mark, raw = ask.target.partition("?")
    if not _RESERVED.search(raw):
        return door(ask)
    plain = unquote(raw).partition("#")[0]
    return door(ask.but(target=f"{path}{mark}{quote(plain, safe='=&,*?:@/!$();')}"))


@reserved_characters_in_values.mutant(at=DOOR)
def reads_escapes_as_latin_1(ask: Ask, door: Door) -> Answer:
    """Percent-encoded octets are read as Latin-1, not as UTF-8."""
    path, mark, raw = ask.target.partition("?")
    wrong = re.sub(r"%([89A-Fa-f][0-9A-Fa-f])", lambda m: quote(bytes.fromhex(m[1]).decode("latin-1")), raw)
    return door(ask.but(target=f"{path}{mark}{wrong}"))


@reserved_characters_in_values.mutant(at=DOOR)
def reads_plus_as_blank(ask: Ask, door: Door) -> Answer:
    """A plus sign in the query is read as a blank, as forms of web pages have it."""
    path, mark, raw = ask.target.partition("?")
    return door(ask.but(target=path + mark + raw.replace("+", "%20")))


def _listed(j: Journey) -> bool:
    return bool(j.step("both")) and len(j.steps("one")) == 2 and all(rows(x) for x in j.steps("one"))


@journey(
    "query.comma-parts-a-list",
    cites="PS3.18 8.3.1; 8.3.4.1",
    verifies="PS3.18-8.3.1-7",
    on="web.search.query-list",
    basis=RELATION,
    when=_listed,
    says="A comma parts the values of a list: two UIDs in one parameter find what each of them finds.",
)
def comma_parts_a_list(j: Journey) -> Iterator[Finding]:
    wanted = {row for x in j.steps("one") for row in rows(x)}
    for x in j.steps("both"):
        if set(rows(x)) != wanted:
            yield Finding(got=f"{x.answer.line}, {len(set(rows(x)))} matches", want=f"the {len(wanted)} of each alone",
                          where=x.ask.target.partition("?")[2], seq=x.seq)  # fmt: skip


@comma_parts_a_list.mutant(at=DOOR)
def takes_the_first_of_a_list(ask: Ask, door: Door) -> Answer:
    """Of a list of UIDs the first one counts."""
    path, mark, raw = ask.target.partition("?")
    return door(ask.but(target=path + mark + re.sub(r"(InstanceUID=[0-9.]+),[^&]*", r"\1", raw)))
