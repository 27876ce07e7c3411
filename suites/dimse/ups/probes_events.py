"""Subscribes to workitems and lives through them, while events are listened for; and subscribes in vain.

Must not know what is judged about the answers, nor about the events.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.rule import probe
from harness.talk.dialogue import Dimse
from harness.talk.listener import Listener, Manner
from harness.upper_layer.negotiate import Policy
from harness.wire.sop import UPS_EVENT, UPS_FILTERED, UPS_GLOBAL
from suites.dimse.ups import making
from suites.dimse.ups.agent import EXPLICIT, IMPLICIT, Agent, Items, agency
from suites.dimse.ups.probes import KINDS
from suites.dimse.ups.table import CANCELED, COMPLETED, IN_PROGRESS, SUBSCRIBE, SUSPEND, UNSUBSCRIBE
from suites.dimse.ups.watching import EVENTS

TOLD = (*KINDS, "dimse.ups.event-report", EVENTS)
PATIENCE = 5.0  # seconds in which an event is waited for
MANY = 200  # workitems of a product, all of which a subscription with a lock makes it tell of
NOBODY = "NOBODY_KNOWS_IT"


class Watcher:
    """An agent whose workitems are told to a listener."""

    def __init__(self, dimse: Dimse, agent: Agent, listener: Listener) -> None:
        self.items = Items(dimse)
        self.agent = agent
        self._title = dimse.setup.title
        self._listener = listener
        self._patience = min(PATIENCE, dimse.session.deadline)

    def new(self) -> str:
        name = self.items.next()
        self.agent.create(name, self.items.created())
        return name

    def subscribe(self, name: str, lock: bool = False, **keys: str) -> bool:
        asked = making.subscription(self._title, lock, {"00100020": keys["patient"]} if keys else None)
        status = self.agent.act(name, SUBSCRIBE, asked).status
        return status in (0, 0xB301)

    def leave(self, name: str, type_: int = UNSUBSCRIBE) -> None:
        self.agent.act(name, type_, making.subscription(self._title, None))

    def heard(self, name: str, count: int) -> None:
        """Wait until so many events of a workitem came: what is said next must not overtake them."""
        self._listener.wait(lambda heard: sum(m.instance == name for m in heard.received) >= count, self._patience)

    def told(self, name: str, state: str) -> None:
        """Wait until a workitem was told to be in this state, as it is when nothing else is said of it afterwards."""
        word = state.encode()
        self._listener.wait(
            lambda heard: any(m.instance == name and word in m.dataset_octets() for m in heard.received), self._patience
        )


@contextmanager
def watching(dimse: Dimse) -> Iterator[Watcher | None]:
    """A watcher in a journey of its own; None when the target knows no place where to tell us, or has no workitems."""
    if not dimse.reachable:
        yield None
        return
    policy = Policy(supports={UPS_EVENT: (EXPLICIT, IMPLICIT)}, roles={UPS_EVENT: (True, True)})
    title = dimse.setup.title
    facts: dict[str, Any] = {"receiver": title, "waited": PATIENCE}
    listens = dimse.listening(Manner(policy=policy), step="listens", facts=facts)
    with dimse.journey(EVENTS), listens as listener, agency(dimse, step="asks", **facts) as agent:
        yield None if agent is None else Watcher(dimse, agent, listener)


@probe("ups.watched-life", provokes=TOLD, needs="write")
def watched_life(dimse: Dimse) -> None:
    """A workitem is watched from its creation to its end; a second one until it is unsubscribed from; a third is
    canceled before anybody claimed it."""
    with watching(dimse) as w:
        if w is None:
            return
        name, lock = w.new(), w.items.transaction()
        if not w.subscribe(name, lock=True):
            return
        w.agent.set(name, making.modified(InputReadinessState="UNAVAILABLE"))
        w.agent.set(name, making.modified(ScheduledStationNameCodeSequence=[making.OTHER_STATION]))
        w.agent.change(name, IN_PROGRESS, lock)
        w.agent.set(name, making.progress(lock, 50))
        w.agent.cancel(name)
        w.agent.set(name, making.performed(lock))
        w.agent.change(name, COMPLETED, lock)
        w.told(name, COMPLETED)
        w.agent.get(name)
        w.leave(name)
        left, lock = w.new(), w.items.transaction()
        w.subscribe(left)
        w.heard(left, 1)
        w.leave(left)
        w.agent.change(left, IN_PROGRESS, lock)
        canceled = w.new()
        w.subscribe(canceled, lock=True)
        w.agent.cancel(canceled)
        w.told(canceled, CANCELED)
        w.agent.get(canceled)
        w.leave(canceled)


@probe("ups.watched-globally", provokes=TOLD, needs="write")
def watched_globally(dimse: Dimse) -> None:
    """All workitems are watched, then suspended, then those that match a filter, then none any more."""
    with watching(dimse) as w:
        if w is None:
            return
        before = w.new()
        few = len(w.agent.find({"00741000": ""}, cancel_after=MANY).pending) < MANY
        if w.subscribe(UPS_GLOBAL, lock=few):
            name, lock = w.new(), w.items.transaction()
            w.heard(name, 2)
            w.leave(UPS_GLOBAL, SUSPEND)
            w.new()
            w.agent.change(name, IN_PROGRESS, lock)
            w.told(name, IN_PROGRESS)
            w.heard(before, int(few))
            w.leave(UPS_GLOBAL)
            w.agent.set(name, making.progress(lock, 10))
        if w.subscribe(UPS_FILTERED, patient=f"U{w.items.label}{w.items.count + 2}"):
            w.new()
            name, lock = w.new(), w.items.transaction()
            w.agent.change(name, IN_PROGRESS, lock)
            w.told(name, IN_PROGRESS)
            w.leave(UPS_GLOBAL)
            w.agent.set(name, making.abandoned(lock))
            w.agent.change(name, CANCELED, lock)


@probe("ups.subscribing", provokes=KINDS, needs="write")
def subscribing(dimse: Dimse) -> None:
    """Subscriptions for an AE that nobody knows, to a workitem that nobody created; one workitem is suspended."""
    items = Items(dimse)
    facts: dict[str, Any] = {"receiver": dimse.setup.title} if dimse.reachable else {}
    with agency(dimse, provoked="subscriptions in vain", nobody=NOBODY, **facts) as agent:
        if agent is None:
            return
        unknown, name = items.next(), items.next()
        agent.a.facts["workitems"] = {unknown: {"state": ""}}
        agent.create(name, items.created())
        title = dimse.setup.title
        agent.act(name, SUBSCRIBE, making.subscription(NOBODY))
        agent.act(unknown, SUBSCRIBE, making.subscription(title))
        agent.act(unknown, UNSUBSCRIBE, making.subscription(title, None))
        agent.act(name, SUSPEND, making.subscription(title, None))
