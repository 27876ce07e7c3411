"""Workitems by chance: several agents at once, against a small model of PS3.4 CC.1 and CC.2.3 that shares no code.

After every step each agent has heard what the model says, in this order and nothing else, and all states are the same.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simulators.archive.question import Key
from simulators.archive.workitems import FILTERED, GLOBAL, Listener, Refused, Workitems
from tests.simulators.archive.making import abandoned, code, performed, progress, value, workitem

UIDS = st.sampled_from(["1.1", "1.2", "1.3", "1.4"])
TITLES = ("ANNE", "BERT", "CLEO")
AGENTS = st.sampled_from(TITLES)
LOCKS = st.sampled_from(["1.8", "1.9"])
PATIENTS = st.sampled_from(["P1", "P2"])
ENDS = st.sampled_from(["COMPLETED", "CANCELED"])
FINAL = ("COMPLETED", "CANCELED")

Told = tuple[str, int, str]  # workitem, event type, state where one is told


@dataclass
class Item:
    """A workitem as the model has it; `subscribed` has the deletion lock of each AE."""

    patient: str
    state: str = "SCHEDULED"
    lock: str = ""
    ready: str = "READY"
    station: str = ""
    percent: int = -1
    prepared: set[str] = field(default_factory=set)
    subscribed: dict[str, bool] = field(default_factory=dict)


class Agents(RuleBasedStateMachine):
    """A worklist, those who use it, and what each of them has to hear."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.held = Workitems(Path(self.folder.name))
        self.items: dict[str, Item] = {}
        self.removed: set[str] = set()
        self.everything: dict[str, bool] = {}
        self.filtered: dict[str, tuple[str, bool]] = {}
        self.due: dict[str, list[Told]] = {title: [] for title in TITLES}

    @initialize()
    def listen(self) -> None:
        self.ears: dict[str, Listener] = {title: self.held.listen(title, lambda: None) for title in TITLES}

    def teardown(self) -> None:
        self.held.close()
        self.folder.cleanup()

    def tell(self, uid: str, type: int, state: str = "", title: str = "") -> None:
        for each in [title] if title else self.items[uid].subscribed:
            self.due[each].append((uid, type, state))

    def status(self, act: Any, *arguments: Any) -> int:
        try:
            return int(act(*arguments).status)
        except Refused as refused:
            return refused.code

    # --- workitems

    @rule(uid=UIDS, patient=PATIENTS)
    def create(self, uid: str, patient: str) -> None:
        known = uid in self.items or uid in self.removed
        assert self.status(self.held.create, uid, workitem(patient=patient)) == (0x0111 if known else 0)
        if not known:
            self.items[uid] = Item(patient)
            wanted = {**{t: lock for t, (p, lock) in self.filtered.items() if p == patient}}
            for title, lock in self.everything.items():
                wanted[title] = lock or wanted.get(title, False)
            self.items[uid].subscribed = wanted
            self.tell(uid, 1, "SCHEDULED")

    @rule(uid=UIDS, lock=LOCKS)
    def claim(self, uid: str, lock: str) -> None:
        item = self.items.get(uid)
        want = 0xC307 if item is None else 0
        if item is not None and item.state != "SCHEDULED":
            right = item.lock == lock
            want = 0xC301 if not right else 0xC302 if item.state == "IN PROGRESS" else 0xC300
        assert self.status(self.held.change_state, uid, "IN PROGRESS", lock) == want
        if item is not None and not want:
            item.state, item.lock = "IN PROGRESS", lock
            self.tell(uid, 1, "IN PROGRESS")

    @rule(uid=UIDS, lock=LOCKS, end=ENDS)
    def finish(self, uid: str, lock: str, end: str) -> None:
        item = self.items.get(uid)
        if item is None:
            want = 0xC307
        elif item.state == "SCHEDULED":
            want = 0xC310
        elif item.lock != lock:
            want = 0xC301
        elif item.state in FINAL:
            want = {"COMPLETED": 0xB306, "CANCELED": 0xB304}[end] if item.state == end else 0xC300
        else:
            want = 0 if end in item.prepared else 0xC304
        assert self.status(self.held.change_state, uid, end, lock) == want
        if item is not None and not want:
            item.state = end
            self.tell(uid, 1, end)

    def setting(self, uid: str, lock: str, change: dict[str, Any]) -> bool:
        """Set attributes; whether that was right."""
        item = self.items.get(uid)
        given = {tag: a for tag, a in change.items() if tag != "00081195"}
        if lock:
            given["00081195"] = value("UI", lock)
        if item is None:
            want = 0xC307
        elif item.state in FINAL:
            want = 0xC300
        elif item.state == "IN PROGRESS":
            want = 0 if lock == item.lock else 0xC301
        else:
            want = 0xC310 if lock else 0
        assert self.status(self.held.update, uid, given) == want
        return not want

    @rule(uid=UIDS, lock=st.one_of(st.just(""), LOCKS), percent=st.integers(0, 3))
    def advance(self, uid: str, lock: str, percent: int) -> None:
        if self.setting(uid, lock, progress(percent)):
            item = self.items[uid]
            if item.percent != percent:
                self.tell(uid, 3)
            item.percent = percent
            item.prepared.discard("CANCELED")

    @rule(uid=UIDS, lock=st.one_of(st.just(""), LOCKS), end=ENDS)
    def prepare(self, uid: str, lock: str, end: str) -> None:
        if self.setting(uid, lock, performed() if end == "COMPLETED" else abandoned()):
            item = self.items[uid]
            item.prepared.add(end)
            if end == "CANCELED":  # takes the place of what was told of progress
                if item.percent >= 0:
                    self.tell(uid, 3)
                item.percent = -1

    @rule(uid=UIDS, lock=st.one_of(st.just(""), LOCKS), ready=st.sampled_from(["READY", "INCOMPLETE"]),
          station=st.sampled_from(["", "STN1"]))  # fmt: skip
    def arrange(self, uid: str, lock: str, ready: str, station: str) -> None:
        change = {"00404041": value("CS", ready), "00404025": value("SQ", *([code(station)] if station else []))}
        if self.setting(uid, lock, change):
            item = self.items[uid]
            if item.ready != ready:
                self.tell(uid, 1, item.state)
            if item.station != station:
                self.tell(uid, 5)
            item.ready, item.station = ready, station

    @rule(uid=UIDS)
    def ask_to_cancel(self, uid: str) -> None:
        item = self.items.get(uid)
        wants = {"SCHEDULED": 0, "IN PROGRESS": 0, "COMPLETED": 0xC311, "CANCELED": 0xB304}
        want = 0xC307 if item is None else wants[item.state]
        assert self.status(self.held.request_cancel, uid, {}, "ASKER") == want
        if item is not None and not want:
            self.tell(uid, 2)
            if item.state == "SCHEDULED":
                self.tell(uid, 1, "IN PROGRESS")
                self.tell(uid, 1, "CANCELED")
                item.state, item.lock = "CANCELED", "the provider's"

    @rule()
    def purge(self) -> None:
        gone = [u for u, i in self.items.items() if i.state in FINAL and not any(i.subscribed.values())]
        assert self.held.purge() == gone
        for uid in gone:
            del self.items[uid]
        self.removed.update(gone)

    # --- subscriptions

    @rule(title=AGENTS, uid=UIDS, lock=st.booleans())
    def subscribe(self, title: str, uid: str, lock: bool) -> None:
        known = uid in self.items
        assert self.status(self.held.subscribe, title, uid, lock) == (0 if known else 0xC307)
        if known:
            self.items[uid].subscribed[title] = lock
            self.tell(uid, 1, self.items[uid].state, title)

    @rule(title=AGENTS, lock=st.booleans(), patient=st.one_of(st.none(), PATIENTS))
    def subscribe_to_all(self, title: str, lock: bool, patient: str | None) -> None:
        if patient is None:
            assert self.status(self.held.subscribe, title, GLOBAL, lock) == 0
            self.everything[title] = lock
        else:
            keys = [Key(("00100020",), (patient,))]
            assert self.status(self.held.subscribe, title, FILTERED, lock, keys) == 0
            self.filtered[title] = patient, lock
        for uid, item in self.items.items():
            if patient in (None, item.patient):
                item.subscribed.setdefault(title, lock)
                if lock:
                    self.tell(uid, 1, item.state, title)

    @rule(title=AGENTS, uid=UIDS)
    def unsubscribe(self, title: str, uid: str) -> None:
        known = uid in self.items
        assert self.status(self.held.unsubscribe, title, uid) == (0 if known else 0xC307)
        if known:
            self.items[uid].subscribed.pop(title, None)

    @rule(title=AGENTS, all=st.booleans())
    def unsubscribe_from_all(self, title: str, all: bool) -> None:
        if not all and title not in self.filtered:
            assert not self.held.unsubscribe(title, FILTERED).changed
            return
        some = title in self.filtered or title in self.everything
        self.filtered.pop(title, None)
        ends = all or title not in self.everything
        if all:
            self.everything.pop(title, None)
        for item in self.items.values() if ends else ():
            some |= item.subscribed.pop(title, None) is not None
        assert self.held.unsubscribe(title, GLOBAL if all else FILTERED).changed == some

    @rule(title=AGENTS, all=st.booleans())
    def suspend(self, title: str, all: bool) -> None:
        found = self.filtered.pop(title, None) is not None
        if all:
            found |= self.everything.pop(title, None) is not None
        assert self.held.suspend(title, GLOBAL if all else FILTERED).changed == found

    @precondition(lambda self: self.items)
    @rule()
    def restart(self) -> None:
        self.held.close()
        self.held = Workitems(Path(self.folder.name))
        self.ears = {title: self.held.listen(title, lambda: None) for title in TITLES}
        subscribed = {*self.everything, *self.filtered, *(t for i in self.items.values() for t in i.subscribed)}
        for title in subscribed:
            self.due[title].append((GLOBAL, 4, ""))

    # --- what holds after every step

    @invariant()
    def all_have_heard(self) -> None:
        for title, ear in getattr(self, "ears", {}).items():
            heard = [(e.uid, e.type, "".join(e.attributes.get("00741000", {}).get("Value", ()))) for e in ear.take()]
            assert heard == self.due[title], title
            self.due[title] = []

    @invariant()
    def states_are_the_same(self) -> None:
        for uid, item in self.items.items():
            held = self.held.get(uid)
            assert held["00741000"] == value("CS", item.state)
            assert "00081195" not in held


Agents.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAgents = Agents.TestCase
