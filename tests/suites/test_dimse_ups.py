"""Rules of workitems over DIMSE: silent on an unbroken door, loud on each of their mutants, fair to other products."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomproof.retell import retold
from harness.association import SIDES, Association, Operation, Side
from harness.exchange import Journey
from harness.rule import CATALOGUE, At, Finding, Mutant, Role
from harness.talk.identifiers import encoded
from harness.upper_layer import message as say
from harness.upper_layer.message import Message
from harness.verdict import Outcome
from harness.wire.sop import UPS, UPS_EVENT, UPS_FILTERED, UPS_GLOBAL, UPS_PULL, UPS_PUSH, UPS_WATCH
from simulators.archive.workitem_subscriptions import Subscribed, Subscriptions
from simulators.dimse.visit import Mutation
from suites.dimse.ups import answers, events, found, making, probes, probes_events, requests, retrieved, subscriptions
from suites.dimse.ups.table import CANCELED, COMPLETED, IN_PROGRESS, RIGHT, SCHEDULED, STATES, WRONG
from tests.suites import stepping
from tests.suites.stepping import Session, findings, talked

MODULES = (answers, events, found, probes, probes_events, requests, retrieved, subscriptions)
RULES = stepping.rules("ups.")
PROBES = [p for p in CATALOGUE.probes if p.startswith("ups.")]
UNSEEN = {"ups.provider-status"}  # no provider starts anew during a run; it has an example
ASKED = [r for r in RULES if r.who is not Role.SCU and r.id not in UNSEEN]
LAWFUL = {"ups.life", "ups.canceling", "ups.search", "ups.watched-life", "ups.watched-globally"}
IMPLICIT = "1.2.840.10008.1.2"
UID, LOCK, WRONG_LOCK = "2.25.11", "2.25.12", "2.25.13"
WARNS_ONLY = {"ups.events-come/subscribes_and_never_tells"}  # where nothing comes at all the road may be barred


@cache
def unbroken() -> Session:
    return stepping.run(PROBES, ASKED)


def test_the_unbroken_door_passes_everything() -> None:
    session = unbroken()
    assert not session.errors
    for verdict in session.judge.finish():
        assert verdict.outcome is Outcome.PASS or verdict.rule == "ups.push-class", (verdict.rule, verdict.findings)


def test_our_own_requests_are_lawful() -> None:
    kept = [a for a in unbroken().kept if a.probe in LAWFUL]
    for rule in RULES:
        assert not stepping.judged(rule.id, kept).findings, rule.id


@pytest.mark.parametrize("mutant", stepping.mutants([r for r in RULES if r.id not in UNSEEN], At.MESSAGE, At.PDU))
def test_a_defect_in_what_is_said_is_met(mutant: Mutant) -> None:
    rule = CATALOGUE.rules[mutant.rule]
    strict = rule.level.binding and mutant.id not in WARNS_ONLY
    kept = [a for a in unbroken().kept if rule.who is Role.SCP or a.probe in LAWFUL]
    groups = {a.seq: [a] for a in kept} if rule.over is not Journey else _journeys(kept)
    met = (f for group in groups.values() for side in SIDES for f in _retold(mutant, group, side))
    assert any(not strict or not f.warn for f in met)


def _journeys(kept: Iterable[Association]) -> dict[Any, list[Association]]:
    groups: dict[Any, list[Association]] = {}
    for a in kept:
        groups.setdefault(a.journey, []).append(a)
    return groups


def _retold(mutant: Mutant, group: list[Association], side: Side) -> Iterable[Finding]:
    """What its rule finds in associations that are told again with the defect of one side."""
    told = [retold(a, side, mutant) for a in group]
    if not any(told):
        return ()
    broken = [new or old for new, old in zip(told, group, strict=True)]
    return stepping.judged(mutant.rule, broken, frozenset({side})).findings


@pytest.mark.parametrize("mutant", stepping.mutants(RULES, At.DOOR))
def test_a_defect_of_the_service_is_met(mutant: Mutant) -> None:
    asking = stepping.exercising(CATALOGUE.rules[mutant.rule], unbroken().kept)
    assert stepping.met_when_served(mutant, asking)


@pytest.mark.parametrize("status", [0x0000, 0xC307, 0x0110])
def test_who_answers_the_same_to_everything_earns_no_content(status: int) -> None:
    def constant(request: Message, door: Any) -> list[Message]:
        return [say.response(request, status)]

    session = stepping.run(["ups.life", "ups.table", "ups.search"], ASKED, Mutation(door=constant))
    assert not session.errors
    passed = {v.rule for v in session.judge.finish() if v.outcome is Outcome.PASS}
    assert not {r.id for r in RULES if r.content} & passed


# --- other products ------------------------------------------------------------------------------------------------

Told = tuple[Message, int]


def data(content: Dataset) -> bytes:
    found_ = encoded(content, IMPLICIT)
    assert isinstance(found_, bytes)
    return found_


def create(uid: str = UID, **changes: Any) -> Message:
    return say.n_create_rq(1, 1, UPS_PUSH, uid, data(making.created("T", 1, "2.25.1", **changes)))


def change(state: str, lock: str | None = LOCK, uid: str = UID) -> Message:
    return say.n_action_rq(3, 1, UPS_PUSH, uid, 1, data(making.state(state, lock)))


def put(modifications: Dataset) -> Message:
    return say.n_set_rq(3, 1, UPS_PUSH, UID, data(modifications))


def cancel() -> Message:
    return say.n_action_rq(5, 1, UPS_PUSH, UID, 2, data(making.cancellation()))


def session(*told: Told, **facts: Any) -> Association:
    """An association on which these requests were answered with these statuses."""
    said: list[tuple[Side, Message]] = []
    for number, (request, status) in enumerate(told, 1):
        asked = request.set(MessageID=number)
        said += [("requestor", asked), ("acceptor", say.response(asked, status))]
    return talked((UPS_PUSH, UPS_PULL, UPS_WATCH), *said, facts={"alone": True, **facts})


MADE: tuple[Told, ...] = ((create(), 0),)
CLAIMED: tuple[Told, ...] = (*MADE, (change(IN_PROGRESS), 0))
DONE: tuple[Told, ...] = (*CLAIMED, (put(making.performed(LOCK)), 0), (change(COMPLETED), 0))
ILLEGAL, LEGAL, ALREADY = "ups.what-is-illegal-is-refused", "ups.what-is-legal-succeeds", "ups.already-there"


@pytest.mark.parametrize(
    ("rule", "before", "request_", "status"),
    [
        (ILLEGAL, MADE, change(COMPLETED), 0xC301),  # nobody holds it, so that no UID is the right one
        (ILLEGAL, MADE, change(COMPLETED), 0xC310),
        (ILLEGAL, DONE, change(IN_PROGRESS, WRONG_LOCK), 0xC300),  # the state is looked at before the lock
        (ILLEGAL, DONE, put(making.progress(WRONG_LOCK, 9)), 0xC301),
        (ILLEGAL, CLAIMED, change(IN_PROGRESS, WRONG_LOCK), 0xC302),
        (ILLEGAL, DONE, change(SCHEDULED), 0xC300),
        (LEGAL, MADE, put(making.modified(ProcedureStepLabel="x")), 0xC310),  # Table CC.2.6-1
        (LEGAL, CLAIMED, cancel(), 0xC312),
        (LEGAL, CLAIMED, cancel(), 0xC313),
        (LEGAL, (), create(), 0xB300),
        (LEGAL, CLAIMED, put(making.progress(LOCK, 9)), 0xB305),
        (ALREADY, DONE, change(COMPLETED), 0xB306),
        (ALREADY, DONE, change(COMPLETED), 0xC300),
    ],
)
def test_what_tells_the_truth_is_right(rule: str, before: tuple[Told, ...], request_: Message, status: int) -> None:
    assert findings(rule, session(*before, (request_, status))) == []


@pytest.mark.parametrize(
    ("rule", "before", "request_", "status", "warn"),
    [
        (ILLEGAL, CLAIMED, change(IN_PROGRESS, WRONG_LOCK), 0x0000, False),
        (ILLEGAL, CLAIMED, change(IN_PROGRESS, WRONG_LOCK), 0xC307, False),  # it is there
        (ILLEGAL, DONE, change(IN_PROGRESS, WRONG_LOCK), 0xC307, True),  # it may have been removed
        (ILLEGAL, CLAIMED, put(making.progress("", 9)), 0x0000, False),
        (ILLEGAL, CLAIMED, put(making.progress("", 9)), 0x0110, True),
        (ILLEGAL, MADE, create(), 0x0000, False),
        (LEGAL, MADE, change(IN_PROGRESS), 0xC301, False),
        (LEGAL, MADE, change(IN_PROGRESS), 0x0213, True),
        (LEGAL, DONE, say.n_get_rq(3, 1, UPS_PUSH, UID), 0xC307, True),
        ("ups.final-state-requirements", CLAIMED, change(COMPLETED), 0x0000, False),
        ("ups.create-only-scheduled", (), create(ProcedureStepState=IN_PROGRESS), 0x0000, False),
        ("ups.create-only-scheduled", (), create(ProcedureStepState=IN_PROGRESS), 0x0106, True),
    ],
)
def test_what_is_wrong_is_met(rule: str, before: tuple[Told, ...], request_: Message, status: int, warn: bool) -> None:
    met = findings(rule, session(*before, (request_, status)))
    assert met
    assert {f.warn for f in met} == {warn}


def test_what_others_may_have_done_is_not_held_against_anybody() -> None:
    told = session(*MADE, (change(IN_PROGRESS), 0xC301), alone=False)
    assert findings(LEGAL, told) is None
    assert findings(ILLEGAL, session(*CLAIMED, (change(COMPLETED, WRONG_LOCK), 0), alone=False)) is None


def test_a_cancellation_without_a_reason_is_left_open() -> None:
    """Codes X of the table and CC.2.5.1.3.2 do not say the same."""
    for status in (0x0000, 0xC304):
        told = session(*CLAIMED, (change(CANCELED), status))
        assert findings(LEGAL, told) in (None, [])
        assert findings("ups.final-state-requirements", told) is None


def test_a_lock_without_a_value_is_worth_a_look_only() -> None:
    asked = say.n_get_rq(3, 1, UPS_PUSH, UID)
    for lock, warn in (("", True), (LOCK, False)):
        told = say.response(asked, 0, data(making.modified(ProcedureStepLabel="x", TransactionUID=lock)))
        met = findings(
            "ups.never-tells-the-lock", talked((UPS_PUSH, UPS_PULL), ("requestor", asked), ("acceptor", told))
        )
        assert met is not None
        assert [f.warn for f in met] == [warn]


def test_who_creates_may_be_subscribed() -> None:
    """CC.2.5.3 leaves it to the provider; what comes of it is neither too much nor unasked for."""

    newcomer = Subscriptions.newcomer

    def with_us(self: Subscriptions, attributes: Any) -> Subscribed:
        return Subscribed(self.interned({**newcomer(self, attributes).audience, stepping.US: False}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Subscriptions, "newcomer", with_us)
        told = stepping.run(["ups.watched-globally", "ups.watched-life"], ASKED)
    assert {v.rule: v.findings[:2] for v in told.judge.finish() if v.findings} == {}


@pytest.mark.parametrize(("status", "locked", "met"), [(0, True, 0), (0xC307, True, 1), (0xC307, False, None)])
def test_a_lock_keeps_what_is_over(status: int, locked: bool, met: int | None) -> None:
    watch = say.n_action_rq(5, 1, UPS_PUSH, UID, 3, data(making.subscription("ME", locked)))
    told = session(*CLAIMED, (watch, 0), *DONE[2:], (say.n_get_rq(3, 1, UPS_PUSH, UID), status))
    got = findings("ups.lock-keeps", told)
    assert (None if got is None else len(got)) == met


def test_a_lock_that_was_given_back_keeps_nothing() -> None:
    watch = say.n_action_rq(5, 1, UPS_PUSH, UID, 3, data(making.subscription("ME", True)))
    for uid in (UID, UPS_GLOBAL):
        leave = say.n_action_rq(5, 1, UPS_PUSH, uid, 4, data(making.subscription("ME", None)))
        told = session(*CLAIMED, (watch, 0), (leave, 0), *DONE[2:], (say.n_get_rq(3, 1, UPS_PUSH, UID), 0xC307))
        assert findings("ups.lock-keeps", told) is None


@pytest.mark.parametrize("status", [0x0000, 0xB301, 0xC315, 0x0124, 0xC307])
def test_filters_are_had_or_not(status: int) -> None:
    keys = making.subscription("ME", False, {"00741204": "x"})
    asked = say.n_action_rq(5, 1, UPS_PUSH, UPS_FILTERED, 3, data(keys))
    assert findings("ups.filtered-or-unknown", session((asked, status), receiver="ME")) == []


def test_every_cell_of_the_table_is_there() -> None:
    for table in (RIGHT, WRONG):
        for event, cells in table.items():
            assert set(cells) == {"", *STATES}, event
            assert all(cell.state in (None, *STATES) for cell in cells.values())


def test_an_event_that_is_refused_is_met() -> None:
    event = say.event_report_rq(1, 7, UPS_PUSH, UID, 1, data(making.modified(ProcedureStepState=SCHEDULED)))
    for status, warn in ((0x0113, False), (0x0110, True)):
        told = talked((UPS_EVENT,), ("requestor", event), ("acceptor", say.response(event, status)))
        met = findings("ups.event-is-taken", told)
        assert met is not None
        assert [f.warn for f in met] == [warn]


def test_no_class_of_workitems_is_another_service() -> None:
    request = say.echo_rq(1, 1)
    for uid in UPS:
        (operation,) = talked((uid,), ("requestor", request)).operations
        assert isinstance(operation, Operation)
        assert operation.kind == "dimse.ups.echo"
