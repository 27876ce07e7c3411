"""Rules on the query component, each on hand-made exchanges."""

from __future__ import annotations

import pytest

from tests.suites.messages import METADATA, answer, ask, exchange, fails, journey, listed, passes, row, said, warns

UNKNOWN = "web.search.query-unknown"
RELATIONS = {
    "query.unknown-ignored": UNKNOWN,
    "query.names-case-sensitive": "web.search.query-name-case",
    "query.keywords-case-sensitive": "web.search.query-keyword-case",
    "query.tag-is-keyword": "web.search.query-tag",
    "query.sequence-path": "web.search.query-path",
    "query.percent-encoding-is-undone": "web.search.query-encoding",
}


def search(found, step: str, query: str = "x=1", **facts):
    return exchange(found, ask(f"studies?{query}"), step=step, facts=facts)


@pytest.mark.parametrize(("rule", "kind"), RELATIONS.items())
def test_relations_hold_plain_and_other_against_each_other(rule: str, kind: str) -> None:
    plain = search(listed(row("1.1"), row("1.2")), "plain")
    assert passes(rule, journey(kind, plain, search(listed(row("1.1"), row("1.2")), "with")))
    assert fails(rule, journey(kind, plain, search(listed(row("1.1")), "with")))
    assert fails(rule, journey(kind, plain, search(listed(row("1.2"), row("1.1")), "with")))
    assert fails(rule, journey(kind, plain, search(answer(400), "with")))
    assert fails(rule, journey(kind, plain, search(answer(204), "with")))


@pytest.mark.parametrize(("rule", "kind"), RELATIONS.items())
def test_relations_are_not_exercised_by_nothing(rule: str, kind: str) -> None:
    other = search(listed(), "with")
    for nothing in (answer(204), answer(200, b"[]", "application/dicom+json"), answer(404), answer(500)):
        assert said(rule, journey(kind, search(nothing, "plain"), other)) is None
    assert said(rule, journey(kind, search(listed(), "plain"))) is None


def test_a_warning_beside_the_same_matches_is_legal() -> None:
    warned = answer(200, listed().body.bytes(), "application/dicom+json", [("Warning", "299 a: x is not known")])
    assert passes("query.unknown-ignored", journey(UNKNOWN, search(listed(), "plain"), search(warned, "with")))


def test_attributes_that_differ_do_not_matter_for_searches_but_for_metadata() -> None:
    more = row("1.2", **{"00100020": {"vr": "LO", "Value": ["P"]}})
    plain, other = search(listed(), "plain"), search(listed(more), "with")
    assert passes("query.unknown-ignored", journey(UNKNOWN, plain, other))
    kind = "web.retrieve.query-unknown"
    plain, other = exchange(listed(), step="plain"), exchange(listed(more), ask(f"{METADATA}?x=1"), step="with")
    assert fails("query.unknown-ignored", journey(kind, plain, other))


@pytest.mark.parametrize(("status", "right"), [(400, True), (200, False), (204, False), (404, False), (500, False)])
def test_invalid_values(status: int, right: bool) -> None:
    x = search(answer(status), "", "limit=-1", invalid="limit=-1")
    assert passes("query.invalid-value-is-400", x) is right
    assert fails("query.invalid-value-is-400", x) is not right


def test_invalid_values_in_doubt_warn() -> None:
    assert warns("query.invalid-value-is-400", search(answer(200), "", invalid="fuzzymatching=maybe", doubt=True))
    assert said("query.invalid-value-is-400", search(answer(200), "")) is None


def test_reserved_characters() -> None:
    rule = "query.reserved-characters-in-values"
    assert passes(rule, search(listed(row("1.1"), row("1.2")), "", finds="1.2"))
    assert fails(rule, search(listed(row("1.1")), "", finds="1.2"))
    assert fails(rule, search(answer(204), "", finds="1.2"))
    assert fails(rule, search(answer(400), "", finds="1.2"))
    assert said(rule, search(listed(), "")) is None


def test_lists() -> None:
    rule, kind = "query.comma-parts-a-list", "web.search.query-list"
    ones = [search(listed(row("1.1")), "one"), search(listed(row("1.2")), "one")]
    both = search(listed(row("1.2"), row("1.1")), "both")
    assert passes(rule, journey(kind, *ones, both))
    assert fails(rule, journey(kind, *ones, search(listed(row("1.1")), "both")))
    assert fails(rule, journey(kind, *ones, search(listed(row("1.1"), row("1.2"), row("1.3")), "both")))
    assert fails(rule, journey(kind, *ones, search(answer(400), "both")))
    assert said(rule, journey(kind, ones[0], search(answer(204), "one"), both)) is None
