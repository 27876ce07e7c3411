"""Knows in which order exchanges that overlapped in time can be judged, so that no right answer looks wrong.

What is asked for while it is being stored may be in the answer or not; what is asked for while somebody may be
deleting it, too. So a store counts from when all that was asked before its answer is over, and what may change
anything counts from when it begins: it comes before all that it overlapped. A store that went on beyond its end is
marked: what was stored then may be gone.
Must not know how exchanges came about, or what is done with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from harness.exchange import Ask, Exchange

MOST: Final = 1000  # exchanges that are held back at the same time
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})  # that change nothing (RFC 9110 9.2.1)

OVERTAKEN: Final = "overtaken"  # the fact of a store of which nobody knows what is left

Effect = Literal["asks", "stores", "changes"]


def effect(ask: Ask) -> Effect:
    """What a request may do to what is stored; one that nobody knows may do anything."""
    if ask.method in SAFE or not ask.method:
        return "asks"
    kind = ask.resource.kind
    return "stores" if kind == "web.store" else "changes" if kind == "web.other" else "asks"


@dataclass(eq=False)
class Turn:
    """An exchange from when it begins; times count the calls of `Turns`. `overtaken`: by what may change anything."""

    effect: Effect
    began: int
    over: int = 0
    x: Exchange | None = None
    overtaken: bool = False


class Turns:
    """Tell it of each exchange when it begins and when it is over, in the order of time; it gives them back in the
    order in which they are to be judged."""

    def __init__(self) -> None:
        self._now = 0
        self._open: set[Turn] = set()
        self._stores: deque[Turn] = deque()  # that are over and held back
        self._asks: deque[Turn] = deque()

    def begin(self, effect: Effect) -> Turn:
        self._now += 1
        turn = Turn(effect, self._now)
        self._open.add(turn)
        return turn

    def over(self, turn: Turn, x: Exchange | None) -> Iterator[Exchange]:
        """It is over, None when nothing came of it; what can be judged now."""
        self._now += 1
        self._open.discard(turn)
        turn.over, turn.x = self._now, x
        if turn.overtaken and x is not None:
            turn.x = x.but(facts={**x.facts, OVERTAKEN: True})
        if turn.effect == "changes":
            for other in self._open:
                other.overtaken |= other.effect == "stores"
            yield from self._given(self._stores)
            yield from self._given(deque([turn]))
        else:
            (self._stores if turn.effect == "stores" else self._asks).append(turn)
        yield from self._due()

    def rest(self) -> Iterator[Exchange]:
        """Everything that is held back: nothing more will come."""
        yield from self._given(self._stores)
        yield from self._given(self._asks)

    def _due(self) -> Iterator[Exchange]:
        changing = min((t.began for t in self._open if t.effect == "changes"), default=self._now + 1)
        asking = min((t.began for t in self._open), default=self._now + 1)
        yield from self._given(self._asks, changing)
        yield from self._given(self._stores, asking)
        if len(self._asks) + len(self._stores) > MOST:
            yield from self.rest()

    def _given(self, held: deque[Turn], before: float = float("inf")) -> Iterator[Exchange]:
        """Those that were over before this time, in their order."""
        while held and held[0].over < before:
            x = held.popleft().x
            if x is not None:
                yield x
