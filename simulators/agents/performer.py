"""Knows what a performer does: it finds a workitem, claims it, tells how it gets on, and completes or cancels it.

Must not know who scheduled the work, nor who watches.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from simulators.agents.datasets import abandoned, now, performed, progress
from simulators.agents.events import AFFECTED, CANCEL_REQUESTED, TYPE
from simulators.agents.service import (
    CANCELED,
    COMPLETED,
    FINAL,
    IN_PROGRESS,
    INSTANCE,
    SCHEDULED,
    STATE,
    Service,
    new_uid,
    text,
)
from simulators.agents.watcher import Watcher

LOOKED_AT: Final = 20  # workitems of one search
SOON: Final = 0.02  # seconds between searches of who does not pause
LEFT: Final = 10_000  # workitems that were not to be had, which are not tried again
REFUSED: Final = (400, 404, 409, 410)  # answers after which a workitem is no longer ours
READY: Final = (("ProcedureStepState", SCHEDULED), ("InputReadinessState", "READY"))


class Performer:
    """A performer with a name. It pauses `pace` seconds at each of its steps, and between searches for work.

    `done` and `canceled` are the workitems that it ended, in order. With `listens` it subscribes to the worklist, so
    that it hears of new work, and of requests to cancel, which it follows.
    """

    def __init__(self, base: str, name: str, pace: float = 1.0, listens: bool = True, worklist: str = "") -> None:
        self.name, self.pace = name, pace
        self.service = Service(base, f"dicomproof-performer/{name}")
        self._keys = [*READY, *([("WorklistLabel", worklist)] if worklist else [])]
        self._base, self._listens = base, listens
        self._news, self._lock = threading.Event(), threading.Lock()
        self._unwanted: set[str] = set()  # what others want to be canceled
        self._left: dict[str, None] = {}
        self.done: list[str] = []
        self.canceled: list[str] = []

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what was begun is ended."""
        with self._listening():
            while not stop.is_set():
                if not self.work():
                    self._news.wait(self.pace or SOON)
                    self._news.clear()
        self.service.close()

    def work(self) -> str:
        """Perform one workitem; its UID, '' when there was none to be had."""
        for found in self.service.search(self._keys, LOOKED_AT).datasets:
            uid = text(found, INSTANCE)
            if uid and uid not in self._left and self._performed(uid):
                return uid
        return ""

    def _performed(self, uid: str) -> bool:
        """Claim it and end it; whether it could be claimed."""
        transaction, began = new_uid(), now()
        if not self.service.change(uid, transaction, IN_PROGRESS).ok:
            self._leave(uid)  # another was faster, or it is gone
            return False
        for percent in (25, 75):
            if self._is_unwanted(uid):
                return self._cancel(uid, transaction)
            if self.service.update(uid, transaction, progress(percent, f"{self.name} is at work")).status in REFUSED:
                self._leave(uid)  # it was taken away
                return True
            self._pause()
        if self._is_unwanted(uid):
            return self._cancel(uid, transaction)
        told = self.service.update(uid, transaction, performed(self.name, began))
        if told.ok and self.service.change(uid, transaction, COMPLETED).ok:
            self.done.append(uid)
        else:
            self._leave(uid)
        return True

    def _cancel(self, uid: str, transaction: str) -> bool:
        self.service.update(uid, transaction, abandoned("somebody asked for it"))
        if self.service.change(uid, transaction, CANCELED).ok:
            self.canceled.append(uid)
        return True

    def _pause(self) -> None:
        if self.pace:
            threading.Event().wait(self.pace)

    def _leave(self, uid: str) -> None:
        self._left[uid] = None
        if len(self._left) > LEFT:
            del self._left[next(iter(self._left))]

    def _is_unwanted(self, uid: str) -> bool:
        with self._lock:
            return uid in self._unwanted

    @contextmanager
    def _listening(self) -> Iterator[None]:
        if not self._listens:
            yield
            return
        with Watcher(self._base, self.name, told=self._hear):
            yield

    def _hear(self, event: Mapping[str, Any]) -> None:
        uid = text(event, AFFECTED)
        with self._lock:
            if text(event, TYPE) == str(CANCEL_REQUESTED):
                self._unwanted.add(uid)
            elif text(event, STATE) in FINAL:
                self._unwanted.discard(uid)
        if text(event, STATE) == SCHEDULED:
            self._news.set()
