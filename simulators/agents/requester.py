"""Knows what a requester does: it schedules workitems, follows each to its end, and has some of them canceled.

Must not know who performs them.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from simulators.agents.datasets import workitem
from simulators.agents.events import AFFECTED
from simulators.agents.service import FINAL, IN_PROGRESS, STATE, Service, new_uid, text
from simulators.agents.watcher import Watcher

WAIT: Final = 0.05  # seconds between looks at a workitem, where no event comes


class Requester:
    """A requester with a name. It schedules a workitem every `pace` seconds while fewer than `ahead` are not ended.

    `ended` has the final state of each workitem that it has followed to its end, by UID. Of every `cancels` workitems
    it asks for one to be canceled, as soon as somebody performs it; for none when that is 0.
    """

    def __init__(self, base: str, name: str, pace: float = 1.0, *, ahead: int = 5, cancels: int = 0,
                 worklist: str = "") -> None:  # fmt: skip
        self.name, self.pace, self.ahead, self.cancels = name, pace, ahead, cancels
        self.worklist = worklist or name
        self.service = Service(base, f"dicomproof-requester/{name}")
        self._base = base
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        self._doomed: set[str] = set()  # to be canceled as soon as somebody performs them
        self._due: deque[str] = deque()
        self.open: dict[str, None] = {}
        self.ended: dict[str, str] = {}

    def run(self, stop: threading.Event) -> None:
        """Schedule until told to stop."""
        with Watcher(self._base, self.name, told=self.hear) as watcher:
            while not stop.is_set():
                while self._due:
                    self.service.cancel(self._due.popleft(), "not needed any more")
                if len(self.open) < self.ahead:
                    self.schedule()
                elif watcher.listening is None or not watcher.listening.standing.is_set():
                    self.look()
                stop.wait(self.pace or WAIT)
        self.service.close()

    def schedule(self) -> str:
        """Schedule one; its UID, '' when it was refused."""
        number, uid = next(self._count), new_uid()
        made = workitem(f"{self.name} {number}", self.worklist, f"{self.name[:50]}-{number}")
        with self._lock:
            self.open[uid] = None
            if self.cancels and number % self.cancels == 0:
                self._doomed.add(uid)
        if not self.service.create(uid, made).ok:
            with self._lock:
                self.open.pop(uid, None)
                self._doomed.discard(uid)
            return ""
        return uid

    def look(self) -> None:
        """Ask how the open workitems are, for whom no event comes."""
        for uid in list(self.open):
            reply = self.service.retrieve(uid)
            if reply.status in (404, 410):
                self._over(uid, "")
            else:
                self._told(uid, text(reply.dataset, STATE))

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event: a workitem of ours may have ended."""
        self._told(text(event, AFFECTED), text(event, STATE))

    def _told(self, uid: str, state: str) -> None:
        if uid in self.open and state in FINAL:
            self._over(uid, state)
        elif state == IN_PROGRESS and uid in self._doomed:
            self._doomed.discard(uid)
            self._due.append(uid)

    def _over(self, uid: str, state: str) -> None:
        with self._lock:
            self.open.pop(uid, None)
            self._doomed.discard(uid)
            self.ended[uid] = state
