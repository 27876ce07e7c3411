"""Knows how several agents play at the same time, each in a thread of its own, until the block ends.

Must not know what they do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from simulators.agents.performer import Performer
from simulators.agents.requester import Requester

LAST: Final = 10.0  # seconds that agents have to end what they began
LOG = logging.getLogger(__name__)

Agent = Performer | Requester


@dataclass(frozen=True)
class Cast:
    """How many agents of each kind are to play. `pace`: seconds that each of them pauses between its steps; of every
    `cancels` workitems a requester has one canceled, of none when that is 0."""

    performers: int = 0
    requesters: int = 0
    pace: float = 1.0
    cancels: int = 0

    def __bool__(self) -> bool:
        return self.performers + self.requesters > 0


@dataclass(frozen=True)
class Troupe:
    """Who plays."""

    performers: Sequence[Performer]
    requesters: Sequence[Requester]


@contextmanager
def playing(base: str, cast: Cast, listens: bool = True) -> Iterator[Troupe]:
    """These agents at the services with this Base URI; performers that do not listen look for work again and again."""
    troupe = Troupe(
        [Performer(base, f"PERFORMER{n}", cast.pace, listens) for n in range(1, cast.performers + 1)],
        [Requester(base, f"REQUESTER{n}", cast.pace, cancels=cast.cancels) for n in range(1, cast.requesters + 1)],
    )
    stop = threading.Event()
    agents: list[Agent] = [*troupe.performers, *troupe.requesters]
    threads = [threading.Thread(target=_play, args=(a, stop), name=a.name, daemon=True) for a in agents]
    for thread in threads:
        thread.start()
    try:
        yield troupe
    finally:
        stop.set()
        for thread in threads:
            thread.join(LAST)


def _play(agent: Agent, stop: threading.Event) -> None:
    try:
        agent.run(stop)
    except Exception:  # one agent that breaks must not stop the others, nor whoever serves them
        LOG.exception("the agent %s broke", agent.name)
