"""Workitems by chance, by several AEs: a legal history turns no rule red, every event comes once and in order, an
illegal request is refused with a demanded status and changes nothing."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from harness.entity import Entity
from harness.make.uids import uid
from harness.upper_layer import message as say
from harness.upper_layer.message import Message
from harness.wire.sop import UPS_EVENT, UPS_GLOBAL, UPS_PULL, UPS_PUSH, UPS_QUERY, UPS_WATCH
from simulators.dimse.serve import Served
from suites.dimse.ups import answers, events, found, making, requests, retrieved, subscriptions

from .conftest import heard
from .machines import EVERYBODY, User, octets

RULES = (answers, events, found, requests, retrieved, subscriptions)  # their import declares the rules
SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
STATES = (SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED)
FINAL = st.sampled_from([COMPLETED, CANCELED])
TEXTS = st.sampled_from(["work", "Arbeit, schräg", "praca Łódź"])
READINESS = st.sampled_from(["READY", "INCOMPLETE", "UNAVAILABLE"])
AGENTS = ("FIRST", "SECOND")
COUNT = itertools.count()
STATE, PROGRESS, CANCEL, ASSIGNED = 1, 3, 2, 5
Heard = tuple[str, int, str]  # workitem, event type, the state that a state report tells


@dataclass
class Item:
    """What a workitem is known to hold. `subscribed` tells whether WATCHER is."""

    lock: str
    state: str = SCHEDULED
    label: str = ""
    readiness: str = making.READY
    percent: int | None = None
    performed: bool = False
    subscribed: bool = False
    claimed: bool = False  # with the lock; what is canceled before that has none that an agent knows


class Life(RuleBasedStateMachine):
    """Two agents who take turns and do nothing wrong, one who watches, some workitems, and a model of them."""

    entity: Entity
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        classes = (UPS_PUSH, UPS_PULL, UPS_WATCH, UPS_QUERY)
        self.agents = {title: User(self.entity, self.folder, classes, title=title) for title in AGENTS}
        self.user = self.agents[AGENTS[0]]
        self.title = f"WATCHER{next(COUNT)}"
        self.watcher = User(self.entity, self.folder, (UPS_WATCH, UPS_EVENT), title=self.title)
        self.items: dict[str, Item] = {}
        self.due: list[Heard] = []
        self.everything = False
        self.legal = True

    @initialize()
    def begins(self) -> None:
        self.dial = self.watcher.associate({})
        self.user.associate({"alone": True})

    @rule(title=st.sampled_from(AGENTS))
    def another_turn(self, title: str) -> None:
        """What was done on other associations is there on a new one; what is known of it goes along."""
        self.user.leave()
        self.user = self.agents[title]
        known = {
            name: {"state": item.state, "transaction": item.lock if item.claimed else ""}
            for name, item in self.items.items()
        }
        self.user.associate({"alone": True, "workitems": known})

    # --- what is said ----------------------------------------------------------------------------------------------

    def create(self, name: str, attributes: Dataset) -> int:
        return self.user.ask(UPS_PUSH, lambda c, n: say.n_create_rq(c.id, n, UPS_PUSH, name, octets(attributes))).status

    def set(self, name: str, attributes: Dataset) -> int:
        return self.user.ask(UPS_PULL, lambda c, n: say.n_set_rq(c.id, n, UPS_PUSH, name, octets(attributes))).status

    def act(self, name: str, type_: int, information: Dataset, on: str = UPS_PULL, user: User | None = None) -> int:
        data = octets(information)
        asks = user or self.user
        return asks.ask(on, lambda c, n: say.n_action_rq(c.id, n, UPS_PUSH, name, type_, data)).status

    def change(self, name: str, state: str, lock: str | None = None) -> int:
        return self.act(name, 1, making.state(state, self.items[name].lock if lock is None else lock or None))

    def get(self, name: str, tags: Iterable[int] = ()) -> Message:
        return self.user.ask(UPS_PULL, lambda c, n: say.n_get_rq(c.id, n, UPS_PUSH, name, tags))

    # --- the model -------------------------------------------------------------------------------------------------

    def new(self) -> str:
        return uid("workitems machine", next(COUNT))

    def among(self, data: st.DataObject, *states: str) -> str:
        # in the order of their creation: the names are others each time, and a history has to be the same again
        return data.draw(st.sampled_from([n for n, item in self.items.items() if item.state in states]))

    def some(self, *states: str) -> bool:
        return any(item.state in states for item in self.items.values())

    def told(self, name: str, type_: int, state: str = "") -> None:
        if self.items[name].subscribed:
            self.due.append((name, type_, state))

    def check(self, name: str) -> None:
        answer = self.get(name)
        assert answer.status == 0
        got, item = read_dataset(io.BytesIO(answer.dataset_octets()), False, True), self.items[name]
        steps = got.ProcedureStepProgressInformationSequence
        percent = steps[0].get("ProcedureStepProgress") if steps else None
        assert str(got.ProcedureStepState) == item.state
        assert str(got.ProcedureStepLabel) == item.label
        assert str(got.InputReadinessState) == item.readiness
        assert (None if percent is None else int(percent)) == item.percent
        assert bool(got.UnifiedProcedureStepPerformedProcedureSequence) is item.performed
        assert "TransactionUID" not in got

    def listened(self) -> list[Heard]:
        return [_heard(message) for message in self.dial.served]

    # --- what may be done ------------------------------------------------------------------------------------------

    @rule(label=TEXTS)
    def is_scheduled(self, label: str) -> None:
        name = self.new()
        number = next(COUNT)
        made = making.created("M", number, uid("study", number), ProcedureStepLabel=label)
        assert self.create(name, made) == 0
        self.items[name] = Item(uid("lock", name), label=label, subscribed=self.everything)
        self.told(name, STATE, SCHEDULED)
        self.told(name, ASSIGNED)

    @precondition(lambda self: self.some(SCHEDULED))
    @rule(data=st.data(), label=TEXTS, readiness=READINESS)
    def is_changed_before_the_claim(self, data: st.DataObject, label: str, readiness: str) -> None:
        name = self.among(data, SCHEDULED)
        item = self.items[name]
        assert self.set(name, making.modified(ProcedureStepLabel=label, InputReadinessState=readiness)) == 0
        changed, item.label, item.readiness = item.readiness != readiness, label, readiness
        if changed:
            self.told(name, STATE, SCHEDULED)

    @precondition(lambda self: self.some(SCHEDULED))
    @rule(data=st.data())
    def is_claimed(self, data: st.DataObject) -> None:
        name = self.among(data, SCHEDULED)
        assert self.change(name, IN_PROGRESS) == 0
        self.items[name].state, self.items[name].claimed = IN_PROGRESS, True
        self.told(name, STATE, IN_PROGRESS)

    @precondition(lambda self: self.some(IN_PROGRESS))
    @rule(data=st.data(), percent=st.integers(0, 100))
    def goes_on(self, data: st.DataObject, percent: int) -> None:
        name = self.among(data, IN_PROGRESS)
        item = self.items[name]
        assert self.set(name, making.progress(item.lock, percent)) == 0
        changed, item.percent = item.percent != percent, percent
        if changed:
            self.told(name, PROGRESS)

    @precondition(lambda self: self.some(IN_PROGRESS))
    @rule(data=st.data(), state=FINAL)
    def ends(self, data: st.DataObject, state: str) -> None:
        name = self.among(data, IN_PROGRESS)
        item = self.items[name]
        assert self.set(name, making.ENDINGS[state](item.lock)) == 0
        if state == CANCELED:  # the progress is another one now, without what was reported of it
            if item.percent is not None:
                self.told(name, PROGRESS)
            item.percent = None
        item.performed |= state == COMPLETED
        assert self.change(name, state) == 0
        item.state = state
        self.told(name, STATE, state)

    @precondition(lambda self: self.some(SCHEDULED, IN_PROGRESS))
    @rule(data=st.data())
    def somebody_wants_it_canceled(self, data: st.DataObject) -> None:
        name = self.among(data, SCHEDULED, IN_PROGRESS)
        item = self.items[name]
        assert self.act(name, 2, making.cancellation(), UPS_WATCH) == 0
        self.told(name, CANCEL)
        if item.state == SCHEDULED:
            item.state = CANCELED
            self.told(name, STATE, IN_PROGRESS)
            self.told(name, STATE, CANCELED)

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def is_looked_at(self, data: st.DataObject) -> None:
        self.check(self.among(data, *STATES))

    @rule(state=st.sampled_from(STATES))
    def is_searched_for(self, state: str) -> None:
        query = octets(making.query({"00741000": state}, ["00080018"]))
        said = list(self.user.answers(UPS_QUERY, lambda c, n: say.find_rq(c.id, n, UPS_QUERY, query)))
        assert said[-1].status == 0
        met = {read_dataset(io.BytesIO(m.dataset_octets()), False, True).SOPInstanceUID for m in said[:-1]}
        assert {name for name, item in self.items.items() if item.state == state} == met & self.items.keys()

    # --- who is told of it -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.items)
    @rule(data=st.data(), lock=st.booleans())
    def is_watched(self, data: st.DataObject, lock: bool) -> None:
        name = self.among(data, *STATES)
        assert self.act(name, 3, making.subscription(self.title, lock), UPS_WATCH, self.watcher) == 0
        self.items[name].subscribed = True
        self.told(name, STATE, self.items[name].state)

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def is_watched_no_more(self, data: st.DataObject) -> None:
        name = self.among(data, *STATES)
        self.listens()
        assert self.act(name, 4, making.subscription(self.title, None), UPS_WATCH, self.watcher) == 0
        self.items[name].subscribed = False

    @rule()
    def all_are_watched(self) -> None:
        assert self.act(UPS_GLOBAL, 3, making.subscription(self.title, False), UPS_WATCH, self.watcher) == 0
        self.everything = True
        for item in self.items.values():
            item.subscribed = True

    @rule(type_=st.sampled_from([4, 5]))
    def all_are_watched_no_more(self, type_: int) -> None:
        self.listens()
        assert self.act(UPS_GLOBAL, type_, making.subscription(self.title, None), UPS_WATCH, self.watcher) == 0
        self.everything = False
        for item in self.items.values():
            item.subscribed &= type_ == 5

    @rule()
    def listens(self) -> None:
        """What is told is heard, once and in order."""
        heard(self.dial, lambda: len(self.dial.served) >= len(self.due))
        assert self.listened() == self.due

    def teardown(self) -> None:
        if self.watcher.dial is None:
            return
        self.listens()
        self.act(UPS_GLOBAL, 4, making.subscription(self.title, None), UPS_WATCH, self.watcher)
        for one in (self.user, self.watcher):
            one.leave()
        sides = EVERYBODY if self.legal else frozenset({"acceptor"})
        for one in (*self.agents.values(), self.watcher):
            assert one.red("ups.", sides) == {}


class Wild(Life):
    """The same agents, who also ask for what is not allowed."""

    def refused(self, status: int, *due: int) -> None:
        """It was refused with a demanded status, and every workitem is as it was."""
        self.legal = False
        assert status in due, f"{status:04X}H"
        for name in self.items:
            self.check(name)

    @rule(state=st.sampled_from(STATES[1:]))
    def begins_in_the_middle(self, state: str) -> None:
        name, number = self.new(), next(COUNT)
        made = making.created("M", number, uid("study", number), ProcedureStepState=state)
        self.refused(self.create(name, made), 0xC309)
        assert self.get(name).status == 0xC307

    @rule(keyword=st.sampled_from(["ProcedureStepLabel", "InputReadinessState", "ScheduledProcedureStepStartDateTime"]),
          value=st.sampled_from(["", None]))  # fmt: skip
    def begins_with_something_missing(self, keyword: str, value: str | None) -> None:
        name, number = self.new(), next(COUNT)
        made = making.created("M", number, uid("study", number), **{keyword: value})
        self.refused(self.create(name, made), 0x0120 if value is None else 0x0121)
        assert self.get(name).status == 0xC307

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def begins_twice(self, data: st.DataObject) -> None:
        name, number = self.among(data, *STATES), next(COUNT)
        made = making.created("M", number, uid("study", number), ProcedureStepLabel="again")
        self.refused(self.create(name, made), 0x0111)

    @precondition(lambda self: self.some(IN_PROGRESS))
    @rule(data=st.data(), lock=st.sampled_from(["", "2.25.666"]), state=st.sampled_from([IN_PROGRESS, *STATES[2:]]))
    def another_wants_it(self, data: st.DataObject, lock: str, state: str) -> None:
        name = self.among(data, IN_PROGRESS)
        self.refused(self.change(name, state, lock), 0xC301)

    @precondition(lambda self: self.some(IN_PROGRESS))
    @rule(data=st.data(), lock=st.sampled_from(["", "2.25.666"]))
    def another_goes_on(self, data: st.DataObject, lock: str) -> None:
        self.refused(self.set(self.among(data, IN_PROGRESS), making.progress(lock, 7)), 0xC301)

    @precondition(lambda self: self.some(SCHEDULED))
    @rule(data=st.data(), state=FINAL)
    def ends_before_it_began(self, data: st.DataObject, state: str) -> None:
        self.refused(self.change(self.among(data, SCHEDULED), state), 0xC310)

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def begins_anew(self, data: st.DataObject) -> None:
        self.refused(self.change(self.among(data, *STATES), SCHEDULED), 0xC303)

    @precondition(lambda self: self.some(COMPLETED, CANCELED))
    @rule(data=st.data())
    def goes_on_after_the_end(self, data: st.DataObject) -> None:
        name = self.among(data, COMPLETED, CANCELED)
        self.refused(self.set(name, making.progress(self.items[name].lock, 7)), 0xC300)

    @precondition(lambda self: self.some(COMPLETED, CANCELED))
    @rule(data=st.data(), state=FINAL)
    def ends_once_more(self, data: st.DataObject, state: str) -> None:
        name = self.among(data, COMPLETED, CANCELED)
        item = self.items[name]
        due = {COMPLETED: 0xB306, CANCELED: 0xB304}[state] if item.state == state else 0xC300
        self.refused(self.change(name, state), due if item.claimed else 0xC301)

    @precondition(lambda self: self.some(COMPLETED, CANCELED))
    @rule(data=st.data())
    def is_to_be_canceled_after_the_end(self, data: st.DataObject) -> None:
        name = self.among(data, COMPLETED, CANCELED)
        due = 0xB304 if self.items[name].state == CANCELED else 0xC311
        self.refused(self.act(name, 2, making.cancellation(), UPS_WATCH), due)

    @precondition(lambda self: any(i.state == IN_PROGRESS and not i.performed for i in self.items.values()))
    @rule(data=st.data())
    def ends_too_early(self, data: st.DataObject) -> None:
        found_ = [n for n, i in self.items.items() if i.state == IN_PROGRESS and not i.performed]
        self.refused(self.change(data.draw(st.sampled_from(found_)), COMPLETED), 0xC304)

    @precondition(lambda self: self.some(IN_PROGRESS))
    @rule(data=st.data(), changes=st.sampled_from([{"ProcedureStepState": COMPLETED}, {"PatientName": "Other^One"}]))
    def sets_what_is_fixed(self, data: st.DataObject, changes: dict[str, str]) -> None:
        name = self.among(data, IN_PROGRESS)
        told = making.modified(self.items[name].lock, ProcedureStepLabel="and more", **changes)
        self.refused(self.set(name, told), 0xC303, 0x0105, 0x0106)

    @rule()
    def nobody_created_it(self) -> None:
        name = self.new()
        self.items[name] = Item("2.25.1")
        asked = [self.change(name, IN_PROGRESS), self.set(name, making.progress("2.25.1", 7)), self.get(name).status]
        asked.append(self.act(name, 3, making.subscription(self.title), UPS_WATCH, self.watcher))
        del self.items[name]
        self.refused(0xC307, *asked)
        assert set(asked) == {0xC307}

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def is_watched_by_nobody(self, data: st.DataObject) -> None:
        name = self.among(data, *STATES)
        self.refused(self.act(name, 3, making.subscription("NOBODY"), UPS_WATCH, self.watcher), 0xC308)
        self.refused(self.act(name, 5, making.subscription(self.title, None), UPS_WATCH, self.watcher), 0xC314)


def _heard(message: Message) -> Heard:
    type_ = message.command["EventTypeID"]
    told = read_dataset(io.BytesIO(message.dataset_octets()), False, True)
    return message.instance, type_, str(told.ProcedureStepState) if type_ == STATE else ""


CHANCE = settings(max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("life", [Life, Wild])
def test_lives_of_workitems(life: type[Life], door: Served, tmp_path: Path) -> None:
    machine = type(life.__name__, (life,), {"entity": door.entity, "folder": tmp_path})
    run_state_machine_as_test(machine, settings=CHANCE)
