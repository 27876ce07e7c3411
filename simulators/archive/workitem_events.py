"""Knows reports of events on workitems (PS3.4 CC.2.4) and how they wait for those who are to get them.

Must not know when an event happens, nor how a report is transported.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

LOG = logging.getLogger(__name__)

STATE, CANCEL, PROGRESS, PROVIDER, ASSIGNED = 1, 2, 3, 4, 5  # event types (Table CC.2.4-1)
GLOBAL: Final = "1.2.840.10008.5.1.4.34.5"
FILTERED: Final = "1.2.840.10008.5.1.4.34.5.1"
QUEUE: Final = 10_000  # events beyond one for each workitem that a listener may leave unread
BACKLOG: Final = 1_000  # the same for a subscriber that nobody listens for

Attributes = Mapping[str, Mapping[str, Any]]  # tag -> attribute object of the DICOM JSON Model, ascending


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One report. `number` grows by the order of events, `uid` is the workitem; of a provider the global one.

    `attributes` is the Event Information alone; it is shared, so nobody may change it. An event equals only itself.
    """

    number: int
    type: int
    uid: str
    attributes: Attributes


class Listener:
    """Events for one AE title by one way of transport, in their order, each of them once.

    Nothing waits for a listener: `wake` (of `listen`) is called by whoever makes a change when something is there to
    be taken after nothing was; it must return at once. A listener that leaves too much untaken is `overrun`: it gets
    nothing any more, and whoever holds it ends the connection. Safe to use from many threads.
    """

    def __init__(self, mail: Mail, title: str, wake: Callable[[], None]) -> None:
        self._mail = mail
        self.title = title
        self.wake = wake
        self.queue: deque[Event] = deque()
        self.overrun = False

    def take(self, most: int = 1000) -> list[Event]:
        """The next events, [] when there are none now; who got fewer than `most` is woken for the next one."""
        with self._mail.lock:
            return [self.queue.popleft() for _ in range(min(most, len(self.queue)))]

    def close(self) -> None:
        """Stop listening; what was not taken waits for the next one who listens for the title."""
        self._mail.leave(self)


class _Box:
    """What waits for one AE title."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.backlog: deque[Event] = deque()


class Mail:
    """The events of all subscribers. Those of a title that nobody listens for wait, as many as `BACKLOG` says, the
    oldest given up first: PS3.4 CC.2.4.3 asks for no queue, but a subscriber learns only from the answer to its
    subscription where to listen (PS3.18 11.10.3.2), and the first event is made before that."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._boxes: dict[str, _Box] = {}  # no box without a listener or something that waits

    def listen(self, title: str, wake: Callable[[], None]) -> Listener:
        """Hear what happens to what this AE title is subscribed to, and first what has waited for it.

        Each listener of a title gets every event. `wake` is called at once when something has waited.
        """
        made = Listener(self, title, wake)
        with self.lock:
            box = self._boxes.setdefault(title, _Box())
            box.listeners.append(made)
            made.queue, box.backlog = box.backlog, deque()
        if made.queue:
            _wake(made)
        return made

    def leave(self, listener: Listener) -> None:
        """See `Listener.close`."""
        with self.lock:
            box = self._boxes.get(listener.title)
            if box is None or listener not in box.listeners:
                return
            box.listeners.remove(listener)
            if not box.listeners:
                box.backlog = listener.queue
                self._tidy(listener.title, box)
            listener.queue = deque()

    def post(self, titles: Iterable[str], event: Event, workitems: int) -> None:
        """Hand an event to those who are to get it; `workitems` is how many there are. One thread at a time posts."""
        awake: list[Listener] = []
        with self.lock:
            for title in titles:
                box = self._boxes.get(title)
                if box is None:
                    box = self._boxes[title] = _Box()
                for listener in box.listeners:
                    if _put(listener, event, QUEUE + workitems):
                        awake.append(listener)
                if not box.listeners:
                    box.backlog.append(event)
                    while len(box.backlog) > BACKLOG + workitems:
                        box.backlog.popleft()
        for listener in awake:
            _wake(listener)

    def forget(self, title: str, uid: str | None = None) -> None:
        """A subscription ended: nothing of that workitem, or of any, is told to this AE any more."""
        with self.lock:
            box = self._boxes.get(title)
            if box is not None:
                box.backlog = _without(box.backlog, uid)
                for listener in box.listeners:
                    listener.queue = _without(listener.queue, uid)
                self._tidy(title, box)

    def _tidy(self, title: str, box: _Box) -> None:
        if not box.listeners and not box.backlog:
            del self._boxes[title]


def _put(listener: Listener, event: Event, limit: int) -> bool:
    """Whether to wake the listener."""
    if listener.overrun:
        return False
    listener.queue.append(event)
    if len(listener.queue) > limit:
        listener.overrun = True
        listener.queue.clear()
        return True
    return len(listener.queue) == 1


def _without(queue: deque[Event], uid: str | None) -> deque[Event]:
    return deque(event for event in queue if uid is not None and event.uid != uid)


def _wake(listener: Listener) -> None:
    """Tell that something is there; a fault of the one who listens is only his."""
    try:
        listener.wake()
    except Exception:
        LOG.exception("a listener for %r failed", listener.title)
        listener.close()
