"""Bodies that were read before: the same octets are read once, within bounds, and no file is needed any more."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from harness.body import Body
from harness.make import as_octets
from harness.make.tree import Element, Tree
from harness.wire import part10, remember


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    monkeypatch.setattr(remember, "SMALL", 100)
    monkeypatch.setattr(remember, "TOTAL", 200)
    return []


def test_the_same_octets_are_read_once(reads: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"xabcx")
    read = remember.remembered(lambda body: reads.append(body.bytes()) or body)
    first = read(Body.file(tmp_path / "a").slice(1, 4))
    (tmp_path / "a").unlink()
    assert read(Body.of(b"abc")) is first
    assert first.bytes() == b"abc"
    assert reads == [b"abc"]


def test_a_truncated_body_is_another_one(reads: list[bytes]) -> None:
    read = remember.remembered(lambda body: reads.append(body.bytes()) or body.truncated)
    assert [read(Body.of(b"abc", truncated)) for truncated in (False, True, False)] == [False, True, False]
    assert len(reads) == 2


def test_what_was_not_met_for_long_is_forgotten(reads: list[bytes]) -> None:
    read = remember.remembered(lambda body: reads.append(body.bytes()) or body)
    for octets in (b"a" * 90, b"b" * 90, b"a" * 90, b"c" * 90, b"a" * 90, b"b" * 90):
        read(Body.of(octets))
    assert [octets[:1] for octets in reads] == [b"a", b"b", b"c", b"b"]


def test_a_large_body_is_read_each_time(reads: list[bytes]) -> None:
    read = remember.remembered(lambda body: reads.append(body.bytes()) or body)
    large = Body.of(b"x" * 101)
    assert read(large) is large
    assert read(large) is large
    assert len(reads) == 2


class Unfolded:
    def __init__(self, octets: int) -> None:
        self.unfolded = octets


def test_what_a_body_unfolded_to_counts(reads: list[bytes]) -> None:
    read = remember.remembered(lambda body: reads.append(body.bytes()) or Unfolded(body.size * 10))
    for octets in (b"abc", b"abc", b"abcdefghijk", b"abcdefghijk"):
        read(Body.of(octets))
    assert reads == [b"abc", b"abcdefghijk", b"abcdefghijk"]  # the second is 11 octets that hold 110 more
    for number in range(6):
        read(Body.of(b"%d----" % number))  # 55 octets each, of 200 in all
    read(Body.of(b"abc"))
    assert len(reads) == 10


def test_deflated_bombs_are_not_held() -> None:
    """A kilobyte that unfolds to a megabyte is gone when whoever read it lets go of it."""
    tree = Tree((Element("00104000", "LT", ("x",)), Element("7FE00010", "OB", octets=bytes(1 << 20))))
    files = [as_octets.part10(tree.having(Element("00100020", "LO", (str(n),))), as_octets.DEFLATED).octets
             for n in range(5)]  # fmt: skip
    assert max(map(len, files)) < 8 << 10
    for octets in files:
        assert part10.read(Body.of(octets)).unfolded > 1 << 20
    gc.collect()
    bodies = [o for o in gc.get_objects() if isinstance(o, part10.Reading) and o.unfolded > 1 << 20]
    assert bodies == []
