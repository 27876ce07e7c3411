"""Workitems over DIMSE: what is created, claimed, set, ended, searched for, and who is told of it and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from harness.association import Tape
from harness.blobs import Blobs
from harness.talk.dimse import Dial
from harness.talk.listener import Listener, Manner
from harness.upper_layer.message import (
    Message,
    find_rq,
    n_action_rq,
    n_create_rq,
    n_get_rq,
    n_set_rq,
)
from harness.upper_layer.negotiate import Policy
from harness.wire.sop import (
    UPS,
    UPS_EVENT,
    UPS_FILTERED,
    UPS_GLOBAL,
    UPS_PULL,
    UPS_PUSH,
    UPS_QUERY,
    UPS_WATCH,
)
from simulators.archive.archive import Archive
from simulators.dimse.link import Peer
from simulators.dimse.serve import Served, Setup, serve
from suites.dimse.ups import making

from .conftest import EXPLICIT, Dialled, ask, dataset_of, heard, octets_of

UID, OTHER, LOCK, WRONG = "1.2.3.4", "1.2.3.5", "2.25.1", "2.25.2"
CONTEXTS = tuple((uid, (EXPLICIT,)) for uid in UPS)
PUSH, WATCH, PULL, EVENT, QUERY = 1, 3, 5, 7, 9  # ids of the contexts


def create(scu: Dial, uid: str = UID, number: int = 0, **changes: Any) -> Message:
    made = making.created("T", number, "1.2.9", **changes)
    return ask(scu, n_create_rq(PUSH, scu.next_id(), UPS_PUSH, uid, octets_of(made)))[0]


def act(scu: Dial, context: int, type_: int, information: Dataset, uid: str = UID) -> int | None:
    request = n_action_rq(context, scu.next_id(), UPS_PUSH, uid, type_, octets_of(information))
    return ask(scu, request)[0].status


def change(scu: Dial, state: str, lock: str | None = LOCK, uid: str = UID) -> int | None:
    return act(scu, PULL, 1, making.state(state, lock), uid)


def put(scu: Dial, modifications: Dataset, uid: str = UID) -> int | None:
    return ask(scu, n_set_rq(PULL, scu.next_id(), UPS_PUSH, uid, octets_of(modifications)))[0].status


def got(scu: Dial, uid: str = UID, tags: Iterable[int] = (), context: int = PULL) -> tuple[int | None, Dataset]:
    (answer,) = ask(scu, n_get_rq(context, scu.next_id(), UPS_PUSH, uid, tuple(tags)))
    found = dataset_of(answer.dataset_octets()) if answer.has_data else Dataset()
    found.decode()
    return answer.status, found


def found(scu: Dial, query: Dataset, context: int = QUERY) -> list[Dataset]:
    sop_class = {PULL: UPS_PULL, WATCH: UPS_WATCH, QUERY: UPS_QUERY}[context]
    answers = ask(scu, find_rq(context, scu.next_id(), sop_class, octets_of(query)))
    assert answers[-1].status == 0
    return [dataset_of(m.dataset_octets()) for m in answers[:-1]]


@pytest.fixture
def scu(door: Served, dial: Dialled) -> Dial:
    return dial(door, *CONTEXTS)


def test_a_workitem_goes_its_way(scu: Dial) -> None:
    answer = create(scu)
    assert (answer.status, answer.instance, answer.sop_class) == (0, UID, UPS_PUSH)
    assert change(scu, "IN PROGRESS") == 0
    assert put(scu, making.progress(LOCK, 50)) == 0
    assert change(scu, "COMPLETED") == 0xC304
    assert put(scu, making.performed(LOCK)) == 0
    assert change(scu, "COMPLETED") == 0
    status, workitem = got(scu)
    assert (status, workitem.ProcedureStepState, workitem.PatientName) == (0, "COMPLETED", "Prüfung^T")
    assert workitem.ProcedureStepProgressInformationSequence[0].ProcedureStepProgress == 50
    assert "TransactionUID" not in workitem
    assert change(scu, "COMPLETED") == 0xB306


@pytest.mark.parametrize("context", [PUSH, WATCH, PULL])
def test_every_class_speaks_of_the_push_class(scu: Dial, context: int) -> None:
    create(scu)
    assert got(scu, context=context)[0] == 0
    (answer,) = ask(scu, n_get_rq(context, scu.next_id(), UPS_QUERY, UID))
    assert answer.status == 0x0118


@pytest.mark.parametrize(
    ("context", "type_", "status"),
    [(PUSH, 1, 0x0123), (PULL, 2, 0x0123), (PULL, 3, 0x0123), (WATCH, 1, 0x0123), (WATCH, 6, 0x0123), (PUSH, 2, 0)],
)
def test_each_class_has_its_actions(scu: Dial, context: int, type_: int, status: int) -> None:
    create(scu)
    assert act(scu, context, type_, making.cancellation()) == status


def test_each_class_has_its_operations(scu: Dial) -> None:
    create(scu)
    (answer,) = ask(scu, n_set_rq(WATCH, scu.next_id(), UPS_PUSH, UID, octets_of(making.progress(LOCK, 1))))
    assert answer.status == 0x0211
    (answer,) = ask(scu, find_rq(QUERY, scu.next_id(), UPS_PUSH, octets_of(making.query({}, ["00741000"]))))
    assert answer.status == 0x0122


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ProcedureStepState": "IN PROGRESS"}, 0xC309),
        ({"ProcedureStepLabel": None}, 0x0120),
        ({"ProcedureStepLabel": ""}, 0x0121),
    ],
)
def test_what_is_not_whole_is_not_created(scu: Dial, changes: dict[str, Any], status: int) -> None:
    answer = create(scu, **changes)
    assert answer.status == status
    if status == 0x0120:
        assert answer.command["AttributeIdentifierList"] == (0x00741204,)
    assert got(scu)[0] == 0xC307


def test_names(scu: Dial) -> None:
    assert create(scu, "").status == 0
    assert create(scu, "1.2.03").status == 0x0117
    assert create(scu).status == 0
    assert create(scu).status == 0x0111
    assert got(scu, "9.9")[0] == 0xC307


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_the_lock_is_kept_and_never_told(scu: Dial) -> None:
    create(scu)
    assert change(scu, "IN PROGRESS", "no uid") == 0xC301
    assert change(scu, "IN PROGRESS", None) == 0xC301
    assert put(scu, making.modified(LOCK, ProcedureStepLabel="early")) == 0xC310
    assert change(scu, "IN PROGRESS") == 0
    assert change(scu, "IN PROGRESS", WRONG) == 0xC301
    assert put(scu, making.progress(WRONG, 5)) == 0xC301
    assert put(scu, making.progress("", 5)) == 0xC301
    status, workitem = got(scu, tags=[0x00081195, 0x00741000])
    assert (status, [e.keyword for e in workitem]) == (0x0001, ["ProcedureStepState"])
    (match,) = found(scu, making.query({"00100020": "UT0", "00081195": ""}, ["00741000"]))
    assert [e.keyword for e in match] == ["PatientID", "ProcedureStepState"]


def test_searching(scu: Dial) -> None:
    create(scu)
    create(scu, OTHER, 1)
    wanted = ["00080016", "00080018", "00404025", "00741002"]
    for context in (PULL, WATCH, QUERY):
        (match,) = found(scu, making.query({"00100020": "UT1"}, wanted), context)
        assert (match.SOPInstanceUID, match.SOPClassUID) == (OTHER, UPS_PUSH)
        assert match.ScheduledStationNameCodeSequence[0].CodeValue == "XRAY7"
        assert "ProcedureStepProgressInformationSequence" in match
    change(scu, "IN PROGRESS")
    assert len(found(scu, making.query({"00741000": "SCHEDULED"}))) == 1
    assert len(found(scu, making.query({"00741000": ""}))) == 2
    assert len(found(scu, making.query({"00404025.00080100": "XRAY7"}))) == 2
    assert found(scu, making.query({"00404025.00080100": "XRAY9"})) == []


# --- events --------------------------------------------------------------------------------------------------------


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    policy = Policy(supports={UPS_EVENT: (EXPLICIT,)}, roles={UPS_EVENT: (True, True)})
    with Listener(Blobs(tmp_path / "heard"), Manner(policy)) as listening:
        yield listening


@pytest.fixture
def told(opened: Callable[..., Served], listener: Listener, dial: Dialled) -> Dial:
    """An SCU of a door that knows where WATCHER is."""
    return dial(opened(peers={"WATCHER": Peer(listener.host, listener.port)}, retries=(0.01,)), *CONTEXTS[:3])


def types(messages: Iterable[Message]) -> list[tuple[str, int]]:
    return [(m.instance, m.command["EventTypeID"]) for m in messages]


def test_events_come_on_an_association_of_their_own(told: Dial, listener: Listener) -> None:
    create(told)
    assert act(told, WATCH, 3, making.subscription("WATCHER")) == 0
    change(told, "IN PROGRESS")
    put(told, making.progress(LOCK, 5))
    assert act(told, PUSH, 2, making.cancellation("please")) == 0
    assert listener.wait(lambda heard: len(heard.received) == 4, 5)
    assert types(listener.received) == [(UID, 1), (UID, 1), (UID, 3), (UID, 2)]
    assert {m.sop_class for m in listener.received} == {UPS_PUSH}
    states = [dataset_of(m.dataset_octets()).get("ProcedureStepState") for m in listener.received[:2]]
    asked = dataset_of(listener.received[3].dataset_octets())
    assert states == ["SCHEDULED", "IN PROGRESS"]
    assert (asked.RequestingAE, asked.ReasonForCancellation) == ("TESTER", "please")
    associations = listener.collect(2.0)
    assert all(a.contexts[1].requestor_scp and not a.contexts[1].requestor_scu for a in associations)
    assert act(told, WATCH, 4, making.subscription("WATCHER", None)) == 0
    put(told, making.progress(LOCK, 6))
    assert create(told, OTHER, 1).status == 0
    assert len(listener.received) == 4


def test_global_and_filtered_subscriptions(told: Dial, listener: Listener) -> None:
    create(told)
    assert act(told, WATCH, 3, making.subscription("WATCHER", True), UPS_GLOBAL) == 0
    create(told, OTHER, 1)
    assert listener.wait(lambda heard: len(heard.received) == 3, 5)
    assert types(listener.received) == [(UID, 1), (OTHER, 1), (OTHER, 5)]
    assert act(told, WATCH, 5, making.subscription("WATCHER", None), UID) == 0xC314
    assert act(told, WATCH, 5, making.subscription("WATCHER", None), UPS_GLOBAL) == 0
    create(told, "1.2.3.6", 2)
    keys = making.subscription("WATCHER", False, {"00100020": "UT4"})
    assert act(told, WATCH, 3, keys, UPS_FILTERED) == 0
    create(told, "1.2.3.7", 3)
    create(told, "1.2.3.8", 4)
    assert listener.wait(lambda heard: len(heard.received) == 5, 5)
    assert types(listener.received)[3:] == [("1.2.3.8", 1), ("1.2.3.8", 5)]
    assert act(told, WATCH, 3, making.subscription("WATCHER"), UPS_FILTERED) == 0x0115


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_who_is_not_known_is_not_subscribed(told: Dial) -> None:
    create(told)
    assert act(told, WATCH, 3, making.subscription("NOBODY")) == 0xC308
    assert act(told, WATCH, 3, making.subscription("WATCHER"), "9.9") == 0xC307
    assert act(told, WATCH, 3, making.subscription("WATCHER", None)) == 0x0115
    assert act(told, WATCH, 3, making.subscription("", False)) == 0x0115
    assert act(told, WATCH, 3, making.subscription("WATCHER", False, {"0040A121": "x-y-z"}), UPS_FILTERED) == 0x0115


def test_who_stands_with_an_event_context_is_told_there(door: Served, dial: Dialled, scu: Dial) -> None:
    watcher = dial(door, (UPS_EVENT, (EXPLICIT,)), (UPS_WATCH, (EXPLICIT,)), calling="HERE")
    create(scu)
    request = n_action_rq(3, 1, UPS_PUSH, UID, 3, octets_of(making.subscription("HERE")))
    assert ask(watcher, request)[0].status == 0
    change(scu, "IN PROGRESS")
    heard(watcher, lambda: len(watcher.served) == 2)
    assert types(watcher.served) == [(UID, 1), (UID, 1)]


def test_an_event_that_was_not_taken_comes_again(told: Dial, listener: Listener) -> None:
    create(told)
    listener.manner = Manner(listener.manner.policy, aborts_after=0)
    assert act(told, WATCH, 3, making.subscription("WATCHER")) == 0
    assert listener.wait(lambda heard: bool(heard.received), 5)
    listener.begin(Manner(listener.manner.policy))
    change(told, "IN PROGRESS")
    assert listener.wait(lambda heard: bool(heard.received), 5)


def test_subscribers_are_told_of_a_restart(tmp_path: Path, listener: Listener, dial: Dialled) -> None:
    setup = Setup(peers={"WATCHER": Peer(listener.host, listener.port)})
    for types_due in ([1], [1, 4]):
        with closing(Archive(tmp_path / "archive")) as archive, serve(archive, "PROOF", setup=setup) as door:
            if types_due == [1]:
                scu = dial(door, *CONTEXTS[:3])
                create(scu)
                act(scu, WATCH, 3, making.subscription("WATCHER", True))
            assert listener.wait(lambda heard: len(heard.received) == len(types_due), 5)  # noqa: B023
    assert types(listener.received) == [(UID, 1), (UPS_GLOBAL, 4)]


def test_what_our_associations_say_is_taken_down(
    opened: Callable[..., Served], listener: Listener, dial: Dialled, tmp_path: Path
) -> None:
    tapes: list[Tape] = []

    @contextmanager
    def witness(peer: Peer) -> Iterator[Tape]:
        tapes.append(Tape(Blobs(tmp_path / "taken")))
        yield tapes[-1]

    peers = {"WATCHER": Peer(listener.host, listener.port)}
    scu = dial(opened(peers=peers, witness=witness), *CONTEXTS[:3])
    create(scu)
    act(scu, WATCH, 3, making.subscription("WATCHER"))
    assert listener.wait(lambda heard: len(heard.received) == 1, 5)
    theirs = listener.collect(2.0)
    a = tapes[0].finish(1, judged=frozenset({"acceptor"}))
    assert a.ending == "release"
    assert [o.kind for o in a.operations] == ["dimse.ups.event-report"]
    assert a.operations[0].status == 0
    assert (a.requestor.bytes(), a.acceptor.bytes()) == (theirs[0].requestor.bytes(), theirs[0].acceptor.bytes())
