"""Accept fields: legal, and their meaning agrees with a count by hand."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from harness.make.accepts import JSON, OFFERED, XML, AcceptCase, _Member, _parse, accepts, meaning

MEMBER = re.compile(
    r'[\w*.+-]+/[\w*.+-]+([ \t]*;[ \t]*type=("[^"]+"|[\w./+-]+))?'
    r'([ \t]*;[ \t]*transfer-syntax=("[\d.*]+"|[\d.*]+))?([ \t]*;[ \t]*q=(1(\.0{0,3})?|0(\.\d{0,3})?))?\Z',
    re.I,
)


@settings(deadline=None)
@given(st.data(), st.sampled_from(sorted(OFFERED)))
def test_legal_and_satisfiable(data: st.DataObject, resource: str) -> None:
    case: AcceptCase = data.draw(accepts(resource))
    for member in re.split(r"[ \t]*,[ \t]*", case.header):
        assert MEMBER.match(member), member
    assert case.acceptable
    assert case.preferred <= case.acceptable <= set(OFFERED[resource])
    assert "dicom" not in case.header.lower() or "image/" not in case.header.lower()


@settings(deadline=None)
@given(accepts("search"))
def test_unquoted_only_when_asked_for(case: AcceptCase) -> None:
    assert not re.search(r"type=[^\"]", case.header, re.I)


def test_unquoted_when_asked_for() -> None:
    case = find(accepts("search", unquoted=True), lambda c: "type=application" in c.header.lower())
    assert XML in case.acceptable


def test_the_transfer_syntax_may_be_left_open() -> None:
    case = find(accepts("instances"), lambda c: c.any_transfer_syntax)
    assert "transfer-syntax=*" in case.header
    assert case.acceptable == set(OFFERED["instances"])
    assert not find(accepts("instances"), lambda c: "1.2.840.10008.1.2.1" in c.header).any_transfer_syntax


def test_shrinks_to_the_default() -> None:
    assert find(accepts("search"), lambda c: True) == AcceptCase(JSON, frozenset({JSON}), frozenset({JSON}))
    two = find(accepts("search"), lambda c: len(c.acceptable) == 2)
    assert len(two.header) < 80


def _weighted(text: str, weight: int) -> _Member:
    return replace(_parse(text), weight=weight)


@pytest.mark.parametrize(
    ("ranges", "acceptable", "preferred"),
    [
        ([("*/*", 1000)], {JSON, XML}, {JSON, XML}),
        ([("*/*", 1000), (JSON, 0)], {XML}, {XML}),
        ([("application/*", 500), ("multipart/related", 400)], {JSON, XML}, {JSON}),
        ([("multipart/related", 1000), (XML, 1)], {XML}, {XML}),
        ([('multipart/related; type="application/dicom"', 1000), (JSON, 1)], {JSON}, {JSON}),
        ([("text/html", 1000)], set(), set()),
    ],
)
def test_meaning(ranges: list[tuple[str, int]], acceptable: set[str], preferred: set[str]) -> None:
    members = [_weighted(text, weight) for text, weight in ranges]
    assert meaning(members, OFFERED["search"]) == (frozenset(acceptable), frozenset(preferred))
