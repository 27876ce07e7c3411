"""Knows what a watcher does: it subscribes to workitems, listens, and keeps what it is told.

Must not know what others do with workitems.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from simulators.agents.events import AFFECTED, Listening, Told
from simulators.agents.service import STATE, WORKLIST, Reply, Service, text

KEPT: Final = 10_000  # events, the last ones


class Watcher:
    """Subscribed under an AE title and listening, until it is closed. `heard` are the last events, `told` gets each.

    `listening` is None when the answer to the subscription told of no connection.
    """

    def __init__(self, base: str, title: str, uid: str = WORKLIST, *, filter: str = "", lock: bool = False,
                 told: Told | None = None) -> None:  # fmt: skip
        self.title, self.uid = title, uid
        self.service = Service(base, f"dicomproof-watcher/{title}")
        self.heard: deque[Mapping[str, Any]] = deque(maxlen=KEPT)
        self._also = told
        self._news = threading.Condition()
        self.reply = self.service.subscribe(uid, title, lock, filter)
        url = (self.reply.headers.get("content-location") or "").strip()
        spoken = self.reply.ok and url.startswith(("ws://", "wss://"))
        self.listening = Listening(url, self._hear, self.service.name) if spoken else None

    def await_event(self, wanted: Callable[[Mapping[str, Any]], bool], seconds: float) -> bool:
        """Wait until an event is there that is wanted, or the time is over; whether it is."""
        with self._news:
            return self._news.wait_for(lambda: any(map(wanted, self.heard)), seconds)

    def states(self, uid: str) -> list[str]:
        """The states that were reported of a workitem, in order."""
        with self._news:
            found = [text(event, STATE) for event in self.heard if text(event, AFFECTED) == uid]
        return [state for state in found if state]

    def unsubscribe(self) -> Reply:
        return self.service.unsubscribe(self.uid, self.title)

    def close(self) -> None:
        """Give the subscription up, and hang up."""
        if self.reply.ok:
            self.unsubscribe()
        if self.listening is not None:
            self.listening.close()
        self.service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _hear(self, event: Mapping[str, Any]) -> None:
        with self._news:
            self.heard.append(event)
            self._news.notify_all()
        if self._also is not None:
            self._also(event)
