"""Knows how what several threads want done at the same moment is done at once, by one of them for all.

Must not know what it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class _Turn(Generic[T]):
    """What one thread wants done."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.done = False
        self.error: Exception | None = None


class Together(Generic[T]):
    """`act` is given what waits, in the order it came, by one thread at a time; it may be given an item again.

    That happens when it raised: one item may have spoilt it for all, so each is tried alone.
    """

    def __init__(self, act: Callable[[Sequence[T]], None]) -> None:
        self._act = act
        self._acting = threading.Lock()
        self._noting = threading.Lock()
        self._waiting: list[_Turn[T]] = []

    def do(self, item: T) -> None:
        """Returns when `act` is through with the item, and raises what it raised about this item alone."""
        turn = _Turn(item)
        with self._noting:
            self._waiting.append(turn)
        with self._acting:
            if not turn.done:
                self._run(self._turns(turn))
        if turn.error is not None:
            raise turn.error

    def _turns(self, own: _Turn[T]) -> list[_Turn[T]]:
        with self._noting:
            turns, self._waiting = self._waiting, []
        # another thread may have taken it and been interrupted
        return turns if own in turns else [own, *turns]

    def _run(self, turns: Sequence[_Turn[T]]) -> None:
        try:
            self._act([turn.item for turn in turns])
        except Exception as error:
            if len(turns) > 1:
                for turn in turns:
                    self._run([turn])
                return
            turns[0].error = error
        for turn in turns:
            turn.done = True
