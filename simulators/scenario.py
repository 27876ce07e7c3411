"""Knows what a scenario is: by what it changes answers, lines and notification connections, and what it remembers.

Must not know any particular scenario.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp

from harness.body import Body
from harness.exchange import Answer, Ask, Headers
from simulators.doors import Door, Mutate
from simulators.line import Request
from simulators.relay import Choose, Trouble

Told = Callable[[str], None]
Changing = Callable[[Ask, Door, Told], Answer]
Around = Callable[[ASGIApp], ASGIApp]
Maker = tuple[str, Callable[[], Changing]]


@dataclass
class Scenario:
    """`says` in a sentence; `acted` counts, by request target, the answers and connections that were changed."""

    name: str
    says: str
    mutate: Mutate | None = None
    trouble: Choose | Trouble | None = None
    around: Around | None = None  # what is said on notification connections goes through it
    acted: Counter[str] = field(default_factory=Counter)
    root: str = ""  # a second Service Root Path at which it serves

    def tell(self, target: str) -> None:
        self.acted[target] += 1


@dataclass
class Seen:
    """What has been asked before, from many threads."""

    known: set[tuple[str, ...]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def first(self, *words: str) -> bool:
        """Whether nobody has said these words before."""
        with self.lock:
            fresh = words not in self.known
            self.known.add(words)
            return fresh


def says(make: Callable[..., Any]) -> str:
    """The first line of what a maker says of itself."""
    return (make.__doc__ or "").strip().split("\n")[0]


def changed(answer: Answer, ask: Ask, told: Told, **changes: Any) -> Answer:
    """The answer with these changes, which are told of."""
    told(ask.target)
    return answer.but(**changes)


def refusal(status: int, reason: str, *fields: tuple[str, str]) -> Answer:
    """An answer that says no more than its reason."""
    body = Body.of(f"{reason}.\n".encode())
    given = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(body.size)), *fields]
    return Answer(status, reason, Headers.of(given), body)


def each(trouble: Trouble, told: Told) -> Choose:
    """This trouble for every answer."""

    def choose(request: Request) -> Trouble:
        told(request.target)
        return trouble

    return choose


def first_time(kind: Any, octets: int, told: Told) -> Choose:
    """This trouble for the first answer to each question."""
    seen = Seen()

    def choose(request: Request) -> Trouble | None:
        if request.method not in ("GET", "POST") or not seen.first(request.method, request.target):
            return None
        told(request.target)
        return Trouble(kind, octets=octets)

    return choose
