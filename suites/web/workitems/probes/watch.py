"""Provokes subscriptions of every kind, and events about workitems of the probe's own.

Must not judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.exchange import Exchange
from harness.rule import probe
from harness.talk.conversation import Web
from harness.talk.socket import Channel
from suites.web.workitems import making
from suites.web.workitems.making import COMPLETED, FILTERED, WORKLIST, code, performer
from suites.web.workitems.opening import BAD
from suites.web.workitems.probes.agent import Agent, telling
from suites.web.workitems.subscribe import KIND as SUBSCRIPTIONS
from suites.web.workitems.watching import KIND, OPENED

KINDS = (KIND, "web.workitems", "socket.workitems")
SECONDS = 3.0  # that an event may take
SILENCE = 0.2  # seconds for what must not come


@probe("workitems.subscriptions", provokes=(SUBSCRIPTIONS, "web.workitems"), needs="write")
def subscriptions(web: Web) -> None:
    """Subscriptions of three kinds are made, suspended and ended; ones that cannot be, and ones that nobody has."""
    with telling(web, SUBSCRIPTIONS) as agent:
        if agent is None:
            return
        name, title, other = agent.create(), agent.title(), agent.title()
        agent.subscribe(name, title, step="one")
        agent.subscribe(name, title, "deletionlock=true", step="one")
        agent.subscribe(agent.next(), title, step="unknown")
        agent.subscribe(name, title, "deletionlock=perhaps", step="bad-lock")
        agent.unsubscribe(name, other, step="not-subscribed")
        agent.finish(name, agent.claim(name))
        agent.get(name)
        agent.unsubscribe(name, title, step="unsubscribe")
        agent.unsubscribe(name, title, step="not-subscribed")
        agent.suspend(WORKLIST, other, step="not-subscribed")
        for lock in ("false", "true"):
            agent.subscribe(WORKLIST, title, f"deletionlock={lock}", step="all")
        agent.suspend(WORKLIST, title, step="suspend")
        agent.unsubscribe(WORKLIST, title)
        agent.subscribe(FILTERED, title, f"filter=WorklistLabel%3D{agent.worklist}", step="filter")
        agent.subscribe(FILTERED, title, f"WorklistLabel={agent.worklist}", step="keys")
        agent.unsubscribe(FILTERED, title)


class Listener:
    """An AE title with a notification connection, that waits for as many events of its own workitems as are due."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self._count, self._patience = channel, 0, SECONDS

    def hear(self, events: int = 1) -> None:
        """Wait for so many more events; who was once let down waits for less time."""
        self._count += events
        got = self._channel.events(lambda found: len(found) >= self._count, self._patience)
        if len(got) < self._count:
            self._patience = SILENCE
        self._count = max(self._count, len(got))

    def silence(self) -> None:
        self._count = len(self._channel.quiet(SILENCE))


@contextmanager
def listening(web: Web, *words: object) -> Iterator[tuple[Agent, str, str, Listener] | None]:
    """A journey with a workitem that an AE title is subscribed to, and its connection; None where there is none."""
    with telling(web, KIND, *words) as agent:
        channel: Channel | None = None
        if agent is not None:
            name, title = agent.create(), agent.title()
            channel = _opened(web, agent.subscribe(name, title), title)
        if agent is None or channel is None or not channel.standing:
            yield None
            return
        with channel:
            ear = Listener(channel)
            ear.silence()  # what went out before anybody listened may come now
            yield agent, name, title, ear
            ear.silence()


def _opened(web: Web, x: Exchange, title: str) -> Channel | None:
    """The connection that a subscription points to, None when it points to none."""
    url = x.answer.headers.get("content-location") or ""
    if x.answer.ok and url.lower().startswith(("ws://", "wss://")):
        return web.socket(url, facts={"title": title})
    web.session.note("skipped", f"notifications: a subscription was answered {x.answer.line}")
    return None


@probe("workitems.watch-one", provokes=KINDS, needs="write")
def watch_one(web: Web) -> None:
    """A workitem is subscribed to, and goes through all that is to be told; then it is subscribed to no more."""
    with listening(web) as watch:
        if watch is None:
            return
        agent, name, title, ear = watch
        for _ in range(2):  # also where nothing changes by it
            agent.subscribe(name, title, "deletionlock=true")
            ear.hear()
        agent.update(name, making.attributes(x00404041="INCOMPLETE"), None)
        ear.hear()
        lock = agent.claim(name)
        ear.hear()
        agent.update(name, making.attributes(x00404041="READY"), lock)
        ear.hear()
        for percent in ("25", "75"):
            agent.update(name, making.progress(percent, f"{percent} of 100"), lock)
            ear.hear()
        agent.update(name, making.attributes(x00404025=[code("STN1"), code("STN2")]), lock)
        ear.hear()
        agent.update(name, making.attributes(x00404034=[performer("ANNA")]), lock)
        ear.hear()
        why = making.attributes(x00741238="the patient has left", x0074100A="tel:+1555", x0074100C="A. Nurse",
                                x0074100E=[code("110514")])  # fmt: skip
        agent.cancel(name, why)
        ear.hear()
        agent.finish(name, lock)
        ear.hear()
        agent.get(name)
        agent.unsubscribe(name, title)


@probe("workitems.watch-canceled", provokes=KINDS, needs="write")
def watch_canceled(web: Web) -> None:
    """One that is SCHEDULED is canceled by request, one IN PROGRESS by its owner; then nobody listens any more."""
    with listening(web) as watch:
        if watch is None:
            return
        agent, name, title, ear = watch
        agent.cancel(name)
        ear.hear(2)
        for ended in (False, True):
            other = agent.create()
            agent.subscribe(other, title)
            ear.hear()
            if ended:
                agent.unsubscribe(other, title)
            lock = agent.claim(other)
            ear.silence()
            agent.finish(other, lock, making.CANCELED)
            ear.silence()


@probe("workitems.watch-all", provokes=KINDS, needs="write")
def watch_all(web: Web) -> None:
    """The worklist is subscribed to, with a lock and without; workitems come, change and end; then Unsubscribe."""
    for lock in ("true", "false"):
        with listening(web, lock) as watch:
            if watch is None:
                return
            agent, name, title, ear = watch
            before = agent.create()
            ear.silence()
            agent.subscribe(WORKLIST, title, f"deletionlock={lock}")
            ear.silence()
            fresh = agent.create()
            ear.hear()
            staffed = agent.create(agent.item(x00404025=[code("STN9")], x00404034=[performer("BERTA")]))
            ear.hear(2)
            for one in (before, fresh, staffed):
                key = agent.claim(one)
                ear.hear()
                agent.finish(one, key, COMPLETED)
                ear.hear()
            agent.unsubscribe(WORKLIST, title)
            agent.claim(name)
            agent.create()
            ear.silence()


@probe("workitems.watch-suspended", provokes=KINDS, needs="write")
def watch_suspended(web: Web) -> None:
    """A subscription to the worklist is suspended: of new workitems nothing comes, of old ones all."""
    with listening(web) as watch:
        if watch is None:
            return
        agent, name, title, ear = watch
        agent.subscribe(WORKLIST, title)
        ear.silence()
        old = agent.create()
        ear.hear()
        agent.suspend(WORKLIST, title)
        new = agent.create()
        ear.silence()
        agent.claim(new)
        ear.silence()
        for one in (old, name):
            agent.claim(one)
            ear.hear()
        agent.unsubscribe(WORKLIST, title)


@probe("workitems.watch-apart", provokes=KINDS, needs="write")
def watch_apart(web: Web) -> None:
    """Two AE titles listen at once, each subscribed to a workitem of its own: each hears of its own one only."""
    with listening(web) as watch:
        if watch is None:
            return
        agent, name, _, ear = watch
        second, other = agent.create(), agent.title()
        channel = _opened(web, agent.subscribe(second, other), other)
        if channel is None:
            return
        with channel:
            near = Listener(channel)
            near.silence()
            agent.claim(name)
            ear.hear()
            agent.claim(second)
            near.hear()
            ear.silence()
            near.silence()


@probe("workitems.watch-filtered", provokes=KINDS, needs="write")
def watch_filtered(web: Web) -> None:
    """A subscription with two keys: of workitems that meet both all is told, of those that meet one of them nothing."""
    with listening(web) as watch:
        if watch is None:
            return
        agent, _, title, ear = watch
        wanted = f"F{agent.worklist}"
        keys = f"filter=WorklistLabel%3D{wanted},ScheduledProcedureStepPriority%3DHIGH"
        x = agent.subscribe(FILTERED, title, keys)
        if not x.answer.ok and x.answer.status != 403:
            x = agent.subscribe(FILTERED, title, f"WorklistLabel={wanted}&ScheduledProcedureStepPriority=HIGH")
        if not x.answer.ok:
            return
        ear.silence()
        meant = agent.create(agent.item(x00741202=wanted, x00741200="HIGH"))
        ear.hear()
        for one in (meant, agent.create(agent.item(x00741202=wanted)), agent.create(agent.item(x00741200="HIGH"))):
            key = agent.claim(one)
            ear.silence()
            agent.finish(one, key, COMPLETED)
            ear.silence()
        agent.unsubscribe(FILTERED, title)


HANDSHAKES = {
    "no key": (("Sec-WebSocket-Key", ""),),
    "a key of 3 octets": (("Sec-WebSocket-Key", "YWJj"),),
    "a key that is no base64": (("Sec-WebSocket-Key", "not base64 at all!"),),
    "version 12": (("Sec-WebSocket-Version", "12"),),
}


@probe("workitems.bad-openings", provokes=(BAD, OPENED), needs="write")
def bad_openings(web: Web) -> None:
    """Opening handshakes that are wrong in one thing, after one that is right."""
    with telling(web, BAD) as agent:
        if agent is None:
            return
        title = agent.title()
        url = agent.subscribe(agent.create(), title).answer.headers.get("content-location") or ""
        if not url.lower().startswith(("ws://", "wss://")):
            return
        web.socket(url, step="good").close()
        for what, fields in HANDSHAKES.items():
            web.socket(url, fields, step="bad", facts={"bad": what}).close()
