"""Rules of PS3.18 8.3.4.4 on pages of workitems. Must not know matching: the whole list is the measure of its pages."""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey
from suites.web.search import asked
from suites.web.search.broken import relisted
from suites.web.search.rows import says_more, warnings, whole
from suites.web.workitems import reading
from suites.web.workitems.reading import INSTANCE, SEARCHED
from suites.web.workitems.search import found

KIND = "web.workitems.pages"


def uids(x: Exchange) -> list[str]:
    return [reading.text(row, INSTANCE) for row in found(x) or ()]


def _full(j: Journey) -> list[str]:
    """The whole list, [] where it was another one afterwards."""
    lists = [uids(x) for x in j.steps("all") if found(x) is not None and whole(x)]
    return lists[0] if len(lists) > 1 and lists[0] == lists[-1] else []


def _pages(j: Journey) -> list[Exchange]:
    return [x for x in j.steps("page") if found(x) is not None]


@journey(
    "workitem.page-within-limit",
    cites="PS3.18 11.9.1.2; 8.3.4.4",
    verifies="PS3.18-8.3.4.4-1",
    on=KIND,
    when=lambda j: len(_full(j)) > 2 and bool(_pages(j)),
    says="A page of workitems holds at most as many as its limit, and those of the whole list from its offset on.",
)
def page_within_limit(j: Journey) -> Iterator[Finding]:
    full = _full(j)
    for x in _pages(j):
        limit, offset = asked.uint(x.ask, "limit"), asked.uint(x.ask, "offset") or 0
        got, where = uids(x), f"GET {x.ask.target}"
        if limit is not None and len(got) > limit:
            yield Finding(f"{len(got)} matches", f"at most {limit}", where, seq=x.seq)
        if got != full[offset:][: len(got)]:
            yield Finding(", ".join(got), ", ".join(full[offset:][:limit]), where, seq=x.seq)


@page_within_limit.mutant
def pages_have_no_end(x: Exchange) -> Answer | None:
    """A page holds one more than its limit."""
    return relisted(x.answer, lambda held: held + held[:1]) if x.kind == SEARCHED and "limit" in x.ask.query else None


@page_within_limit.mutant
def pages_begin_anywhere(x: Exchange) -> Answer | None:
    """The matches of a page are in the opposite order."""
    return relisted(x.answer, lambda held: held[::-1]) if x.kind == SEARCHED and "limit" in x.ask.query else None


@journey(
    "workitem.page-tells-of-more",
    cites="PS3.18 11.9.1.2; 8.3.4.4.1",
    verifies="PS3.18-8.3.4.4.1-2",
    on=KIND,
    when=lambda j: any(len(_full(j)) > (asked.uint(x.ask, "offset") or 0) + len(uids(x)) for x in _pages(j)),
    says="A page after which there is more has a Warning that says so.",
)
def page_tells_of_more(j: Journey) -> Iterator[Finding]:
    full = _full(j)
    for x in _pages(j):
        more = len(full) - (asked.uint(x.ask, "offset") or 0) - len(uids(x))
        if more > 0 and not says_more(x):
            got = "; ".join(warnings(x)) or "no Warning"
            yield Finding(got, f"{more} additional results", f"GET {x.ask.target}", seq=x.seq, warn=bool(warnings(x)))


@page_tells_of_more.mutant
def that_is_all(x: Exchange) -> Answer | None:
    """Pages have no Warning."""
    paged = x.kind == SEARCHED and "limit" in x.ask.query and "warning" in x.answer.headers
    return x.answer.but(headers=x.answer.headers.but("warning", None)) if paged else None
