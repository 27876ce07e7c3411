"""Recording and judging behind the asking: in order, bounded, and nobody is left in the dark about a failure."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from harness.behind import HELD, WAITING, Behind


def test_jobs_are_done_in_order() -> None:
    behind, done = Behind("test"), []
    for number in range(100):
        behind.do(lambda number=number: done.append(number))
    behind.settle()
    assert done == list(range(100))


def test_who_waits_gets_the_outcome() -> None:
    assert Behind("test").do(lambda: 7).result() == 7


def test_no_more_than_so_many_wait() -> None:
    behind, go, handed_in = Behind("test"), threading.Event(), []

    def hand_in() -> None:
        for number in range(WAITING + 1):
            behind.do(lambda: go.wait(10))
            handed_in.append(number)

    thread = threading.Thread(target=hand_in)
    thread.start()
    thread.join(0.2)
    assert len(handed_in) == WAITING
    go.set()
    thread.join(10)
    assert len(handed_in) == WAITING + 1


def test_a_failure_ends_it_and_everybody_is_told() -> None:
    behind, done = Behind("test"), []

    def fails() -> Any:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        behind.do(fails).result()
    with pytest.raises(OSError, match="disk full"):
        behind.do(lambda: done.append(1))
    with pytest.raises(OSError, match="disk full"):
        behind.settle()
    assert done == []


def test_jobs_that_hold_much_memory_wait_for_room() -> None:
    behind, go, handed_in = Behind("test", waiting=100), threading.Event(), []

    def hand_in() -> None:
        for number in range(3):
            behind.do(lambda: go.wait(10), HELD // 2)
            handed_in.append(number)
        behind.do(lambda: go.wait(10), 3 * HELD)  # larger than any room: alone
        handed_in.append(3)

    thread = threading.Thread(target=hand_in)
    thread.start()
    thread.join(0.2)
    assert handed_in == [0, 1]
    go.set()
    thread.join(10)
    assert handed_in == [0, 1, 2, 3]
    behind.close()
