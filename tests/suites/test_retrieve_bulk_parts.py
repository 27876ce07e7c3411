"""Bulk data in many parts: each part is held against the element that its place belongs to."""

from __future__ import annotations

from harness.exchange import Exchange, Journey
from harness.past import Past
from tests.suites import retrieving as r

RULE, EVERYTHING = "retrieve.bulkdata-parts-are-the-values", "web.retrieve.everything"
SERIES = r.path().partition("/instances/")[0]
PLACES = [f"{r.BASE}/{r.path(n)}/bulkdata/7FE00010" for n in (1, 2)]
ONE, TWO = b"\x01\x02" * 24, b"\x03\x04" * 24


def held() -> Past:
    first, second = r.dataset(1), r.dataset(2)
    first.PixelData, second.PixelData = ONE, TWO
    return r.past(r.kept(first), r.kept(second))


def everything(*parts: bytes, places: list[str] | None = None, past: Past | None = None) -> Journey:
    kept = held() if past is None else past
    metadata = r.exchange(f"{SERIES}/metadata", r.rows(r.metadata(1), r.metadata(2)), r.JSON, kept, step="metadata")
    said = r.octets(*parts, places=places or PLACES[: len(parts)])
    whole: Exchange = r.exchange(f"{SERIES}/bulkdata", said, r.OCTETS, kept, step="all")
    return r.journey(EVERYTHING, metadata, whole)


def test_each_part_is_the_value_of_its_place() -> None:
    assert r.findings(RULE, everything(ONE, TWO)) == []
    assert r.findings(RULE, everything(TWO, ONE, places=PLACES[::-1])) == []
    assert len(r.findings(RULE, everything(TWO, ONE)) or ()) == 2
    assert len(r.findings(RULE, everything(ONE, ONE)) or ()) == 1


def test_a_padding_that_nothing_needs_is_no_part_of_the_value() -> None:
    assert r.findings(RULE, everything(ONE + b"\0", TWO))
    assert r.findings(RULE, everything(ONE[:-1], TWO))


def test_what_is_not_known_is_left_alone() -> None:
    assert r.findings(RULE, everything(ONE, TWO, past=Past({}))) is None
    assert r.findings(RULE, everything(ONE, TWO, places=[f"{r.BASE}/elsewhere/{n}" for n in (1, 2)])) is None
    frames = everything(ONE[:24], ONE[24:], places=PLACES[:1] * 2)
    assert r.findings(RULE, frames) is None
