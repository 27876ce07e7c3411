"""Limit, offset and the Warning of further results, against a list that did not change meanwhile."""

from __future__ import annotations

import suites
from tests.suites.searching import BASE, journey, judged, study, x

suites.load()
FULL = [study(f"1.2.{n}") for n in range(1, 6)]


def more(count: int) -> str:
    return f"299 {BASE}: There are {count} additional results that can be requested"


def paged(query: str, rows: list[dict] | int, warning: str = "", full: list[dict] = FULL, after: list[dict] = FULL):
    return journey(
        "web.search.paging",
        x("studies", full, step="all"),
        x(f"studies?{query}", rows, step="page", warning=warning),
        x("studies", after, step="all"),
    )


def test_limit() -> None:
    assert judged("search.limit", x("studies?limit=2", FULL[:2])) == []
    assert judged("search.limit", x("studies?limit=2", FULL[:3])) != []
    assert judged("search.limit", x("studies?limit=0", FULL[:1])) != []
    assert judged("search.limit", x("studies?limit=2", [])) is None
    assert judged("search.limit", x("studies?limit=x", FULL)) is None


def test_a_page_is_its_slice() -> None:
    rule = "search.page-is-its-slice"
    assert judged(rule, paged("offset=1&limit=2", FULL[1:3], more(2))) == []
    assert judged(rule, paged("offset=1&limit=2", FULL[:2])) != []
    assert judged(rule, paged("offset=1&limit=2", [FULL[2], FULL[1]])) != []


def test_a_smaller_maximum_of_the_server_is_legal_when_told() -> None:
    rule = "search.pages-are-the-whole"
    assert judged(rule, paged("limit=4", FULL[:2], more(3))) == []
    assert judged(rule, paged("limit=4", FULL[:2])) != []
    assert judged(rule, paged("limit=4", [])) != []


def test_nothing_is_said_when_the_list_changed() -> None:
    assert judged("search.page-is-its-slice", paged("limit=2", FULL[2:4], after=FULL[1:])) is None


def test_nothing_beyond_the_end() -> None:
    assert judged("search.nothing-beyond-the-end", paged("offset=5", [])) == []
    assert judged("search.nothing-beyond-the-end", paged("offset=9", FULL)) != []
    assert judged("search.paging-understood", paged("offset=9", 404)) != []


def test_remaining() -> None:
    rule = "search.remaining-warning"
    assert judged(rule, paged("limit=2", FULL[:2], more(3))) == []
    assert judged(rule, paged("limit=2", FULL[:2])) != []
    assert [f.warn for f in judged(rule, paged("limit=2", FULL[:2], more(4))) or []] == [False]
    assert [f.warn for f in judged(rule, paged("offset=1&limit=2", FULL[1:3], more(3))) or []] == [True]
    elsewhere = f"299 {BASE}: see {BASE}/report"
    assert [f.warn for f in judged(rule, paged("limit=2", FULL[:2], elsewhere)) or []] == [True]
    assert judged(rule, paged("limit=9", FULL)) is None
    assert judged("search.no-false-warning", paged("limit=9", FULL, more(1))) != []


def test_the_form_of_the_warning() -> None:
    def said(text: str):
        return judged("search.warning-form", x("studies?limit=1", FULL[:1], warning=text))

    assert said(more(4)) == []
    assert said(f'299 {BASE} "There are 4 additional results that can be requested"') == []
    assert [f.warn for f in said("199 - There are 4 additional results that can be requested") or []] == [False]
    assert [f.warn for f in said(f"299 {BASE}: There are 4 additional results") or []] == [True]
    assert said("299 x: something else") is None


def test_same_order_again() -> None:
    def twice(again: list[dict]):
        asks = (x("studies?limit=8", rows, step="repeat") for rows in (FULL, again))
        return journey("web.search.repeat", *asks)

    assert judged("search.same-order-again", twice(FULL)) == []
    assert judged("search.same-order-again", twice(FULL[::-1])) != []
    assert judged("search.same-order-again", twice(FULL[:3])) is None
