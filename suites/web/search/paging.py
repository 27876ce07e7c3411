"""Rules of PS3.18 8.3.4.4 on limit, offset and the Warning of further results.

Must not know matching: a full list, asked for before and after, is the measure of its pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, Door, Finding, journey, rule
from harness.wire import dicom_json
from suites.web.search import asked
from suites.web.search.broken import dropping, edited, relisted, renumbered, rewarned, rewriting, searches, unwarned
from suites.web.search.rows import found, owns, remaining, rows, says_more, warnings, whole

KIND = "web.search.paging"
SENTENCE = re.compile(r'299 (?P<agent>\S+?):? "?There are (?P<count>[0-9]+) additional results that can be requested\b')
MORE = r"additional|remaining"


@dataclass(frozen=True)
class Page:
    """One page of a list that was the same before and after the pages were asked for."""

    x: Exchange
    offset: int
    limit: int | None
    full: list[str]

    @property
    def due(self) -> list[str]:
        """What the page holds unless the server has a smaller limit of its own (8.3.4.4.1)."""
        return self.full[self.offset :] if self.limit is None else self.full[self.offset :][: self.limit]

    @property
    def got(self) -> list[str]:
        return owns(self.x)

    @property
    def left(self) -> int:
        """How many matches come after those of the page."""
        return max(0, len(self.full) - self.offset - len(self.got))

    @property
    def where(self) -> str:
        return f"offset={self.offset}, limit={'none' if self.limit is None else self.limit}"


def pages(j: Journey) -> Iterator[Page]:
    """The readable pages of the journey, where the whole list did not change meanwhile."""
    full = [x for x in j.steps("all") if found(x) and whole(x)]
    if len(full) < 2 or owns(full[0]) != owns(full[-1]):
        return
    for x in j.steps("page"):
        # a limit of zero is judged by what it is, not as a page
        if rows(x) is not None and asked.uint(x.ask, "limit") != 0:
            yield Page(x, asked.uint(x.ask, "offset") or 0, asked.uint(x.ask, "limit"), owns(full[0]))


def paged(j: Journey) -> bool:
    return any(page.due for page in pages(j))


@rule(
    "search.limit",
    cites="PS3.18 8.3.4.4; 8.3.4.4.1",
    verifies=("PS3.18-8.3.4.4-1", "PS3.18-8.3.4.4.1-2"),
    on="web.search",
    when=lambda x: found(x) and asked.uint(x.ask, "limit") is not None,
    says="No answer holds more matches than limit allows.",
)
def limit(x: Exchange) -> Iterator[Finding]:
    most, got = asked.uint(x.ask, "limit"), len(rows(x) or ())
    if most is not None and got > most:
        yield Finding(f"{got} matches", f"at most {most}", "matches")


@limit.mutant(at=DOOR, defects="M-QI-07")
def ignores_limit(ask: Ask, door: Door) -> Answer:
    """limit is not looked at."""
    return door(dropping(ask, "limit"))


@limit.mutant(at=DOOR)
def gives_one_more_than_limit(ask: Ask, door: Door) -> Answer:
    """One match more than limit allows is given."""
    return door(renumbered(ask, "limit", lambda n: n + 1))


@journey(
    "search.page-is-its-slice",
    cites="PS3.18 8.3.4.4; 8.3.4.4.1",
    verifies=("PS3.18-8.3.4.4-1", "PS3.18-8.3.4.4.1-2", "PS3.18-8.3.4.4.1-4"),
    on=KIND,
    when=paged,
    says="A page holds the matches from its offset on, in the order of the whole list.",
)
def page_is_its_slice(j: Journey) -> Iterator[Finding]:
    for page in pages(j):
        if page.got != page.due[: len(page.got)]:
            at = next((n for n, (a, b) in enumerate(zip(page.got, page.due, strict=False)) if a != b), len(page.due))
            want = page.due[at] if at < len(page.due) else "nothing more"
            yield Finding(f"{page.got[at]} at place {at + 1}", want, page.where, seq=page.x.seq)


@page_is_its_slice.mutant(at=DOOR, defects=("M-QI-07", "D-QI-01"))
def ignores_offset(ask: Ask, door: Door) -> Answer:
    """offset is not looked at."""
    return door(dropping(ask, "offset"))


@page_is_its_slice.mutant(at=DOOR)
def counts_offset_from_one(ask: Ask, door: Door) -> Answer:
    """The first match has offset 1."""
    return door(renumbered(ask, "offset", lambda n: max(0, n - 1)))


@page_is_its_slice.mutant(at=DOOR)
def ignores_offset_below_a_study(ask: Ask, door: Door) -> Answer:
    """offset is not looked at where the series of one study are listed."""
    return door(dropping(ask, "offset")) if searches(ask, "study-series") else door(ask)


@page_is_its_slice.mutant
def turns_pages_around(x: Exchange) -> Answer | None:
    """Matches of a limited answer come in reverse order."""
    return edited(x, lambda held: held[::-1]) if "limit" in x.ask.query else None


@journey(
    "search.pages-are-the-whole",
    cites="PS3.18 8.3.4.4.1",
    verifies=("PS3.18-8.3.4.4.1-6", "PS3.18-8.3.4.4.1-2", "PS3.18-8.3.4.4.1-4"),
    on=KIND,
    when=paged,
    says="A page is full unless matches run out or it tells how many remain, so that its pages make up the whole.",
)
def pages_are_the_whole(j: Journey) -> Iterator[Finding]:
    for page in pages(j):
        missing = len(page.due) - len(page.got)
        # a server may stop at a maximum of its own, and then says what remains; never before the first match
        if missing > 0 and not (page.got and says_more(page.x)):
            got = f"{len(page.got)} matches" + ("" if page.got else f" ({page.x.answer.line})")
            yield Finding(got, f"{len(page.due)} matches, of {len(page.full)} in all", page.where, seq=page.x.seq)


@pages_are_the_whole.mutant(at=DOOR, defects=("M-QI-08", "M-QI-10"))
def pages_lose_their_last_match(ask: Ask, door: Door) -> Answer:
    """A limited answer lacks its last match, and nothing says so."""
    answer = door(ask)
    x = Exchange(0, ask, answer)
    changed = edited(x, lambda held: held[:-1]) if "limit" in ask.query else None
    return (unwarned(changed, MORE) or changed) if changed else answer


@pages_are_the_whole.mutant(at=DOOR)
def pages_come_before_keys(ask: Ask, door: Door) -> Answer:
    """A page is taken of everything, and the keys are looked at within it."""
    if (
        not searches(ask, "studies")
        or "limit" not in ask.query
        or not any(k.path == "00080020" for k in asked.keys(ask))
    ):
        return door(ask)
    first = owns(Exchange(0, ask, door(rewriting(ask, lambda path, value: value if path == "0020000D" else None))))
    whole_list = door(dropping(ask, "limit", "offset"))
    return relisted(whole_list, lambda held: [r for r in held if dicom_json.text(r, "0020000D") in first]) or whole_list


@pages_are_the_whole.mutant(at=DOOR)
def takes_offset_for_a_page_number(ask: Ask, door: Door) -> Answer:
    """offset counts pages instead of matches."""
    size = asked.uint(ask, "limit") or 1
    return door(renumbered(ask, "offset", lambda n: n * size))


@pages_are_the_whole.mutant(at=DOOR, defects=("D-QI-02", "M-QI-09"))
def cuts_at_five_without_a_word(ask: Ask, door: Door) -> Answer:
    """A limit above five gives five matches without a Warning."""
    answer = door(renumbered(ask, "limit", lambda n: min(n, 5)))
    return (unwarned(answer, MORE) or answer) if (asked.uint(ask, "limit") or 0) > 5 else answer


@journey(
    "search.nothing-beyond-the-end",
    cites="PS3.18 8.3.4.4.1",
    verifies=("PS3.18-8.3.4.4.1-2", "PS3.18-8.3.4.4.1-3"),
    on=KIND,
    when=lambda j: any(not page.due for page in pages(j)),
    says="An offset at or beyond the number of matches finds nothing, and is no error.",
)
def nothing_beyond_the_end(j: Journey) -> Iterator[Finding]:
    for page in pages(j):
        if not page.due and page.got:
            yield Finding(f"{len(page.got)} matches", f"none of {len(page.full)}", page.where, seq=page.x.seq)


@nothing_beyond_the_end.mutant(at=DOOR)
def wraps_around_at_the_end(ask: Ask, door: Door) -> Answer:
    """An offset beyond the end starts over."""
    answer = door(ask)
    beyond = (asked.uint(ask, "offset") or 0) > 0 and answer.ok and not answer.body
    return door(dropping(ask, "offset")) if beyond and searches(ask) else answer


@journey(
    "search.paging-understood",
    cites="PS3.18 8.3.4.4; Table 8.3.4-1",
    verifies=("PS3.18-8.3.4.4-1", "PS3.18-8.3.4-1"),
    on=KIND,
    when=lambda j: any(found(x) for x in j.steps("all")) and bool(j.steps("page")),
    says="Any limit and any offset, however large, are understood.",
)
def paging_understood(j: Journey) -> Iterator[Finding]:
    for x in j.steps("page"):
        if rows(x) is None:
            yield Finding(x.answer.line, "the page, or no match", f"GET {x.ask.target}", seq=x.seq)


@paging_understood.mutant
def an_offset_beyond_the_end_is_not_found(x: Exchange) -> Answer | None:
    """An offset beyond the end is answered 404."""
    beyond = (asked.uint(x.ask, "offset") or 0) > 0 and x.answer.ok and not x.answer.body
    return x.answer.but(status=404, reason="Not Found") if beyond and searches(x.ask) else None


@paging_understood.mutant
def a_large_limit_is_refused(x: Exchange) -> Answer | None:
    """A limit above 1000 is answered 400."""
    large = searches(x.ask) and (asked.uint(x.ask, "limit") or 0) > 1000
    return x.answer.but(status=400, reason="Bad Request", body=b"") if large else None


@journey(
    "search.remaining-warning",
    cites="PS3.18 8.3.4.4.1",
    verifies="PS3.18-8.3.4.4.1-5",
    on=KIND,
    when=lambda j: any(page.left for page in pages(j)),
    says="When matches remain, a Warning 299 tells how many can still be requested.",
)
def remaining_warning(j: Journey) -> Iterator[Finding]:
    for page in pages(j):
        if not page.left or not page.due:
            continue
        count, want = remaining(page.x), f"There are {page.left} additional results that can be requested"
        shown = "; ".join(warnings(page.x)) or "no Warning field"
        if count is None:
            # another clause lets the Warning point at a report instead (10.6.3.1)
            other = any(w.strip().startswith("299") for w in warnings(page.x))
            loose = other and (j.context is None or j.context.policy("D-23") == "any")
            if not loose:
                yield Finding(shown, want, f"Warning, {page.where}", seq=page.x.seq, warn=other, policy="D-23")
        elif count != page.left:
            # whether what offset skipped counts as returned is not said in so many words
            skipped = bool(page.offset) and count == page.left + page.offset
            yield Finding(shown, want, f"Warning, {page.where}", seq=page.x.seq, warn=skipped)


@remaining_warning.mutant
def says_nothing_of_the_rest(x: Exchange) -> Answer | None:
    """The Warning of further results is missing."""
    return unwarned(x.answer, MORE) if searches(x.ask) else None


@remaining_warning.mutant
def counts_the_rest_wrongly(x: Exchange) -> Answer | None:
    """The Warning counts one match too many."""
    count = remaining(x)
    return rewarned(x.answer, lambda v: v.replace(f" {count} ", f" {(count or 0) + 1} ")) if count else None


@remaining_warning.mutant(at=DOOR)
def tells_the_total_instead(ask: Ask, door: Door) -> Answer:
    """The Warning counts the matches that are in the answer too."""
    answer = door(ask)
    x = Exchange(0, ask, answer)
    count = remaining(x) or 0
    total = count + len(rows(x) or ())
    return (rewarned(answer, lambda v: v.replace(f" {count} ", f" {total} ")) or answer) if count else answer


@journey(
    "search.no-false-warning",
    cites="PS3.18 8.3.4.4.1",
    verifies="PS3.18-8.3.4.4.1-5",
    on=KIND,
    when=lambda j: any(page.due and not page.left for page in pages(j)),
    says="When nothing remains, no Warning speaks of further results.",
)
def no_false_warning(j: Journey) -> Iterator[Finding]:
    for page in pages(j):
        if page.due and not page.left and (remaining(page.x) or 0) > 0:
            yield Finding("; ".join(warnings(page.x)), "no further results", page.where, seq=page.x.seq)


@no_false_warning.mutant
def always_speaks_of_more(x: Exchange) -> Answer | None:
    """Every limited answer says that there is one more match."""
    if not searches(x.ask) or "limit" not in x.ask.query or x.answer.status != 200 or says_more(x):
        return None
    base = x.ask.base
    return x.answer.but(
        headers=x.answer.headers.but("warning", f"299 {base}: There are 1 additional results that can be requested")
    )


@rule(
    "search.warning-form",
    cites="PS3.18 8.3.4.4.1; RFC 7234 5.5",
    verifies="PS3.18-8.3.4.4.1-5",
    on="web.search",
    when=lambda x: remaining(x) is not None,
    says="The Warning of further results is a 299 that names the service and says the sentence of the standard.",
)
def warning_form(x: Exchange) -> Iterator[Finding]:
    for value in warnings(x):
        if re.search(r"There\s+(are|is)\s+[0-9]+\s+additional", value, re.IGNORECASE) and not SENTENCE.match(value):
            want = "299 <service>: There are <remaining> additional results that can be requested"
            code = value.strip().startswith("299 ")
            yield Finding(value, want, "Warning", warn=code, policy="D-23" if code else "")


@warning_form.mutant
def warns_with_199(x: Exchange) -> Answer | None:
    """The Warning of further results has code 199."""
    more = searches(x.ask) and remaining(x) is not None
    return rewarned(x.answer, lambda v: v.replace("299 ", "199 ", 1)) if more else None


@warning_form.mutant
def warns_without_a_code(x: Exchange) -> Answer | None:
    """The Warning of further results has no code and no service."""
    more = searches(x.ask) and remaining(x) is not None
    return rewarned(x.answer, lambda v: v[v.index("There") :] if "There" in v else v) if more else None
