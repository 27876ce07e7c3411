"""Rules of PS3.18 8.7, 8.7.3.5 and 8.8: requests that mean the same, written differently, are answered alike.

Must not know what a right answer is: the plainest form is the measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey
from suites.web.negotiation.reading import came, kind_of


def _plain(j: Journey) -> Exchange | None:
    x = j.step("plain")
    return x if x and came(x) else None


def _others(j: Journey) -> bool:
    return _plain(j) is not None and len(j.exchanges) > 1


def _alike(j: Journey, same_content: bool) -> Iterator[Finding]:
    """A finding for each exchange whose status, media type or content differs from the plain one."""
    plain = _plain(j)
    for x in j.exchanges if plain else ():
        if plain is None or x is plain:
            continue
        where = str(x.facts.get("form", x.step))
        if x.answer.status != plain.answer.status:
            yield Finding(got=x.answer.line, want=f"{plain.answer.line}, as to the plain form", where=where, seq=x.seq)
        elif kind_of(x) != kind_of(plain):
            yield Finding(got=kind_of(x), want=f"{kind_of(plain)}, as to the plain form", where=where, seq=x.seq)
        elif same_content and _content(x) != _content(plain):
            yield Finding(got="other content", want="the content of the plain form", where=where, seq=x.seq)


def _content(x: Exchange) -> object:
    return list(x.answer.json.datasets) if x.answer.json else None


@journey(
    "negotiation.forms-are-equal",
    cites="PS3.18 8.7; 8.7.1; 8.7.3.5.1; 8.4.1.1; RFC 9110 5.3",
    verifies=("PS3.18-8.7-1", "PS3.18-8.7.1-2", "PS3.18-8.7.3.5.1-1", "PS3.18-8.4.1.1-1"),
    on="web.search.accept-forms|web.retrieve.accept-forms",
    basis=RELATION,
    when=_others,
    says="Case of names, quotes, white space, a boundary, a weight of 1 and a second Accept field change no answer.",
)
def forms_are_equal(j: Journey) -> Iterator[Finding]:
    yield from _alike(j, same_content=False)


def _refusing(fits: Callable[[str], bool]) -> Callable[[Ask, Door], Answer]:
    def act(ask: Ask, door: Door) -> Answer:
        answer = door(ask)
        return answer.but(status=406) if fits(ask.headers.get("accept") or "") and answer.ok else answer

    return act


@forms_are_equal.mutant(at=DOOR)
def minds_the_case(ask: Ask, door: Door) -> Answer:
    """Media types have to be written in lower case."""
    return _refusing(lambda value: value.partition(";")[0] != value.partition(";")[0].lower())(ask, door)


@forms_are_equal.mutant(at=DOOR)
def minds_the_quotes(ask: Ask, door: Door) -> Answer:
    """The type parameter in Accept has to be quoted."""
    return _refusing(lambda value: "type=a" in value)(ask, door)


@forms_are_equal.mutant(at=DOOR)
def minds_the_boundary(ask: Ask, door: Door) -> Answer:
    """A boundary in Accept is not expected."""
    return _refusing(lambda value: "boundary=" in value)(ask, door)


@forms_are_equal.mutant(at=DOOR)
def minds_the_blanks(ask: Ask, door: Door) -> Answer:
    """A tab before a semicolon in Accept is not expected."""
    return _refusing(lambda value: "\t" in value)(ask, door)


@forms_are_equal.mutant(at=DOOR)
def reads_one_accept_field(ask: Ask, door: Door) -> Answer:
    """Of two Accept fields only the first is read."""
    fields = ask.headers.all("accept")
    return door(ask.but(headers=ask.headers.but("accept", fields[0]))) if len(fields) > 1 else door(ask)


@journey(
    "negotiation.charset-ignored",
    cites="PS3.18 8.3.3.2; 8.8.1; 8.8",
    verifies=("PS3.18-8.3.3.2-1", "PS3.18-8.8.1-1"),
    on="web.search.charset|web.retrieve.charset",
    basis=RELATION,
    when=_others,
    says="Character sets that are unknown or not needed do not change the answer.",
)
def charset_ignored(j: Journey) -> Iterator[Finding]:
    yield from _alike(j, same_content=True)


@charset_ignored.mutant(at=DOOR)
def unknown_charset_is_400(ask: Ask, door: Door) -> Answer:
    """An unknown charset parameter is answered 400."""
    answer = door(ask)
    return answer.but(status=400) if "charset" in ask.query else answer


@charset_ignored.mutant(at=DOOR)
def unknown_accept_charset_is_406(ask: Ask, door: Door) -> Answer:
    """An unknown member of Accept-Charset is answered 406."""
    answer = door(ask)
    return answer.but(status=406) if "accept-charset" in ask.headers else answer
