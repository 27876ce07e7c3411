"""Knows how events on workitems reach application entities (PS3.4 CC.2.4): in order, on an association that stands with
the UPS Event SOP Class, or on another one that is opened for them.

Must not know when an event happens, nor who is to get it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial

from harness.upper_layer.message import Message, event_report_rq
from harness.upper_layer.offer import Agreed, Offer, Role, propose
from harness.wire.sop import UPS_EVENT, UPS_PUSH
from simulators.archive.workitem_events import Event, Listener
from simulators.archive.workitems import Workitems
from simulators.dimse.errands import Errands
from simulators.dimse.link import Peer
from simulators.dimse.syntax import EXPLICIT_LE, IMPLICIT_LE
from simulators.dimse.talk import Gone, Talk
from simulators.dimse.write import write

LOG = logging.getLogger(__name__)
Perform = Callable[[Message], Message]


class Post:
    """Carries events to the peers, and to whoever stands with an association for them. Thread-safe."""

    def __init__(self, workitems: Workitems, title: str, peers: Mapping[str, Peer], errands: Errands,
                 retries: tuple[float, ...]) -> None:  # fmt: skip
        self._workitems = workitems
        self._title = title
        self._peers = peers
        self._errands = errands
        self._retries = retries
        self._lock = threading.RLock()  # who listens may be woken at once
        self._boxes: dict[str, _Box] = {}
        for name in workitems.titles("dimse"):
            self.reaches(name)

    def close(self) -> None:
        """Listen no more; what was not carried waits for the next one who listens for the title."""
        with self._lock:
            boxes, self._boxes = list(self._boxes.values()), {}
        for box in boxes:
            box.listener.close()

    def reaches(self, title: str) -> bool:
        """Whether this AE can be told of events; from then on it is."""
        with self._lock:
            there, peer = title in self._boxes, self._peers.get(title)
        if not there and peer is not None:
            self._box(title, peer)
        return there or peer is not None

    def joined(self, talk: Talk) -> None:
        """An association stands on which its requestor can be told of events."""
        self._box(talk.calling, self._peers.get(talk.calling), talk)

    def left(self, talk: Talk) -> None:
        """An association is over."""
        with self._lock:
            box = self._boxes.get(talk.calling)
            if box is None or talk not in box.talks:
                return
            box.talks.remove(talk)
            over = not box.talks and box.peer is None
            if over:
                del self._boxes[talk.calling]
        if over:
            box.listener.close()

    def _box(self, title: str, peer: Peer | None, talk: Talk | None = None) -> None:
        with self._lock:
            box = self._boxes.get(title)
            if box is None:
                box = self._boxes[title] = _Box(title, peer, self._listen)
                box.busy = False
            if talk is not None:
                box.talks.append(talk)
        self._wake(box)

    def _listen(self, box: _Box) -> Listener:
        return self._workitems.listen(box.title, partial(self._wake, box))

    def _wake(self, box: _Box) -> None:
        """Something may be there to be carried: have it done, by one errand at a time for each AE."""
        with self._lock:
            box.again = box.busy
            busy, box.busy = box.busy, True
        if not busy:
            self._errands.do(partial(self._carry, box, self._retries))

    def _carry(self, box: _Box, pauses: tuple[float, ...]) -> None:
        """Everything that waits, in its order; what is not taken is tried again later (no duty, CC.2.4.3)."""
        done = False
        try:
            done = self._carried(box)
        finally:
            if not done and pauses:
                self._errands.later(pauses[0], partial(self._carry, box, pauses[1:]))
            else:
                self._settle(box, done)

    def _settle(self, box: _Box, done: bool) -> None:
        if not done:
            LOG.warning("%s does not take events on workitems; %d are given up", box.title, box.give_up())
        if box.listener.overrun:
            LOG.warning("%s left too many events on workitems untaken; they are given up", box.title)
            box.listener.close()
            box.listener = self._listen(box)
        with self._lock:
            again, box.again = box.again, False
            box.busy = again
        if again:
            self._errands.do(partial(self._carry, box, self._retries))

    def _carried(self, box: _Box) -> bool:
        """Whether nothing is left that could be said."""
        with self._lock:
            talks = list(box.talks)
        for talk in talks:
            if self._told(box, talk.contexts, talk.next_id, talk.perform):
                return True
        return box.peer is None or box.fetch() is None or self._elsewhere(box, box.peer)

    def _elsewhere(self, box: _Box, peer: Peer) -> bool:
        """On another association: we are the SCP of it, which role selection says (PS3.7 D.3.3.4)."""
        offer = Offer(
            propose([(UPS_EVENT, (EXPLICIT_LE, IMPLICIT_LE))]), called=box.title, calling=self._title,
            roles=(Role(UPS_EVENT, 0, 1),),
        )  # fmt: skip
        try:
            with self._errands.calling(peer, offer) as link:
                granted = {id: context for id, context in link.contexts.items() if context.scp}
                return self._told(box, granted, link.next_id, link.perform)
        except Gone as gone:
            LOG.info("%s could not be told of workitems: %s", box.title, gone)
            return False

    def _told(self, box: _Box, contexts: Mapping[int, Agreed], next_id: Callable[[], int], perform: Perform) -> bool:
        """Whether all that waits was said on one of these contexts; an event that is refused counts as said."""
        context = next((c for c in contexts.values() if c.abstract == UPS_EVENT), None)
        if context is None:
            return False
        while (event := box.fetch()) is not None:
            try:
                perform(_message(event, context, next_id()))
            except Gone:
                return False
            box.pending = None
        return True


class _Box:
    """What one AE is still to be told, and where it is reached. One errand at a time works on what is `pending`."""

    def __init__(self, title: str, peer: Peer | None, listen: Callable[[_Box], Listener]) -> None:
        self.title = title
        self.peer = peer
        self.talks: list[Talk] = []
        self.pending: Event | None = None
        self.busy = True  # until it listens
        self.again = False  # something came while somebody was busy
        self.listener = listen(self)

    def fetch(self) -> Event | None:
        """What is to be said next, taken from its queue as late as can be: a subscription may end meanwhile."""
        if self.pending is None:
            self.pending = next(iter(self.listener.take(1)), None)
        return self.pending

    def give_up(self) -> int:
        """How many events were waiting."""
        count = 0
        while self.fetch() is not None:
            self.pending = None
            count += 1
        return count


def _message(event: Event, context: Agreed, id: int) -> Message:
    """The N-EVENT-REPORT request: it names the Push class, whatever the context is of (CC.2.4.3)."""
    information = {tag: json.dumps(attribute).encode() for tag, attribute in event.attributes.items()}
    return event_report_rq(context.id, id, UPS_PUSH, event.uid, event.type, write(information, context.transfer))
