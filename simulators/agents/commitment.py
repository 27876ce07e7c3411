"""Knows what a requester of storage commitment does: it asks, comes back as told, and knows what it may delete.

Must not know who stored the instances.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from simulators.agents.datasets import items, one
from simulators.agents.service import Reply, Service, new_uid, text

ASKED: Final = 100  # times that a result is asked for
_REFERENCED, _FAILED = "00081199", "00081198"
_CLASS, _INSTANCE, _REASON = "00081150", "00081155", "00081197"


@dataclass(frozen=True)
class Committed:
    """The result of a request: `safe` instances, and `failed` ones with their reasons; `status` is that of the last
    answer, 200 when there is a result."""

    status: int
    safe: frozenset[str] = frozenset()
    failed: frozenset[tuple[str, int]] = frozenset()


def request(service: Service, references: Iterable[tuple[str, str]], *, soonest: float = 0.0) -> Committed:
    """Ask for these instances, pairs of SOP Class and SOP Instance UID, and wait for the result (13.4, 13.5).

    `soonest`: seconds between two questions where nobody says how long to wait.
    """
    asked = [{_CLASS: one("UI", c), _INSTANCE: one("UI", i)} for c, i in references]
    path = f"commitment-requests/{new_uid()}"
    reply = service.ask("POST", path, {_REFERENCED: items(*asked)})
    for _ in range(ASKED):
        if reply.status != 202:
            break
        threading.Event().wait(reply.pause or soonest)
        reply = service.ask("GET", path)
    return _result(reply)


def _result(reply: Reply) -> Committed:
    if reply.status != 200:
        return Committed(reply.status)
    safe = frozenset(uid for uid, _ in _referenced(reply, _REFERENCED))
    return Committed(200, safe, frozenset(_referenced(reply, _FAILED)))


def _referenced(reply: Reply, tag: str) -> Iterator[tuple[str, int]]:
    found = reply.dataset.get(tag)
    for item in (found.get("Value") or ()) if isinstance(found, dict) else ():
        reason = text(item, _REASON)
        yield text(item, _INSTANCE), int(reason) if reason.isdigit() else 0
