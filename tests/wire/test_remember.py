"""Bodies that were read before: the same octets are read once, within bounds, and no file is needed any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.body import Body
from harness.wire import remember


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
