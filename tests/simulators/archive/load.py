"""Many workitems, subscribers and performers at once, and whether each event came to each subscriber once, in order.

Knows what has to come; how fast it may be is none of its business.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulators.archive.question import Key
from simulators.archive.workitems import FILTERED, GLOBAL, Event, Listener, Refused, Workitems
from tests.simulators.archive.making import performed, progress, workitem

PATIENTS = 10
READERS = 2
# What is told of each workitem, in this order: created, claimed, half done, completed.
TOLD = (("SCHEDULED", 1), ("IN PROGRESS", 1), ("", 3), ("COMPLETED", 1))


@dataclass
class Measured:
    """What a load came to; `wrong` has a sentence for each event that was lost, doubled or out of its order."""

    seconds: dict[str, float] = field(default_factory=dict)
    changes: int = 0
    deliveries: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        total = sum(self.seconds.values())
        phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        return (f"{self.changes} changes ({self.changes / total:.0f}/s), {self.refused} refused, {self.deliveries} "
                f"events delivered ({self.deliveries / total:.0f}/s); {phases}")  # fmt: skip


class Subscriber:
    """One AE: half of them hear of everything, half of the workitems of one patient."""

    def __init__(self, number: int, held: Workitems, ready: queue.SimpleQueue[Subscriber | None], items: int) -> None:
        self.title = f"SUB{number}"
        self.patient = number // 2 % PATIENTS if number % 2 else None
        self.step = bytearray(items)  # how far each workitem has been told
        self.count = 0
        self.lock = threading.Lock()
        self.listener: Listener = held.listen(self.title, lambda: ready.put(self))
        if self.patient is None:
            held.subscribe(self.title, GLOBAL, False)
        else:
            held.subscribe(self.title, FILTERED, False, [Key(("00100020",), (f"P{self.patient}",))])

    def take(self, wrong: list[str]) -> None:
        """Read what there is and see whether it is what comes next."""
        with self.lock:  # two readers may be woken for one subscriber
            while events := self.listener.take():
                for event in events:
                    self.count += 1
                    self.see(event, wrong)

    def see(self, event: Event, wrong: list[str]) -> None:
        at = int(event.uid.rpartition(".")[2])
        state = "".join(event.attributes.get("00741000", {}).get("Value", ()))
        step = self.step[at]
        if step == len(TOLD) or (state, event.type) != TOLD[step]:
            wrong.append(f"{self.title}: {event.uid} {event.type} {state} after {step} events")
        self.step[at] = min(step + 1, len(TOLD))


def load(folder: Path, workitems: int, subscribers: int, performers: int) -> Measured:
    """Create, claim (each workitem is claimed twice), advance and complete; and listen to all of it."""
    held = Workitems(folder)
    made = Measured()
    ready: queue.SimpleQueue[Subscriber | None] = queue.SimpleQueue()
    listening = [Subscriber(n, held, ready, workitems) for n in range(subscribers)]
    readers = [threading.Thread(target=_read, args=(ready, made.wrong)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    _phase(made, "create", performers, workitems, lambda n: _create(held, n))
    claims = _phase(made, "perform", performers, 2 * workitems, lambda n: _perform(held, n // 2, n % 2))
    made.refused = claims.count(False)
    made.changes = workitems + claims.count(True) * 4
    for _ in readers:
        ready.put(None)
    for reader in readers:
        reader.join()
    for subscriber in listening:
        subscriber.take(made.wrong)
        made.wrong += [f"{subscriber.title} left too much unread"] if subscriber.listener.overrun else []
        for at in range(workitems):
            wants = len(TOLD) if subscriber.patient in (None, at % PATIENTS) else 0
            if subscriber.step[at] != wants:
                made.wrong.append(f"{subscriber.title}: {subscriber.step[at]} of {wants} events of workitem {at}")
    made.deliveries = sum(subscriber.count for subscriber in listening)
    held.close()
    return made


def _read(ready: queue.SimpleQueue[Subscriber | None], wrong: list[str]) -> None:
    while (subscriber := ready.get()) is not None:
        subscriber.take(wrong)


def _phase(made: Measured, name: str, threads: int, count: int, act: Callable[[int], bool]) -> list[bool]:
    """Do something for each number, by many threads; what each came to."""
    numbers = itertools.count()
    found: list[bool] = []

    def work() -> None:
        while (number := next(numbers)) < count:
            found.append(act(number))

    since = time.perf_counter()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    made.seconds[name] = time.perf_counter() - since
    return found


def _create(held: Workitems, number: int) -> bool:
    held.create(f"1.2.{number}", workitem(label=f"step {number}", patient=f"P{number % PATIENTS}"))
    return True


def _perform(held: Workitems, number: int, performer: int) -> bool:
    """Claim it and bring it to its end; False when another one was first."""
    uid, lock = f"1.2.{number}", f"1.9.{number}.{performer}"
    try:
        held.change_state(uid, "IN PROGRESS", lock)
    except Refused:
        return False
    held.update(uid, progress(50, lock))
    held.update(uid, performed(lock))
    held.change_state(uid, "COMPLETED", lock)
    return True
