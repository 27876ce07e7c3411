"""Agents at our own door: performers, requesters, watchers and who asks for storage commitment work by the text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clock import Deadline
from harness.exchange import Answer, Ask, Headers
from harness.make.corpus import corpus
from simulators.agents import commitment, datasets
from simulators.agents.performer import Performer
from simulators.agents.requester import Requester
from simulators.agents.service import (
    CANCELED,
    COMPLETED,
    FILTERED,
    IN_PROGRESS,
    SCHEDULED,
    STATE,
    Service,
    new_uid,
    text,
)
from simulators.agents.troupe import Cast, playing
from simulators.agents.watcher import Watcher
from simulators.archive.archive import Archive
from simulators.doors import Door
from simulators.serve import serve

LONG = 20.0  # seconds after which a test gives up


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path)
    yield archive
    archive.close()


@pytest.fixture
def base(archive: Archive) -> Iterator[str]:
    with serve(archive) as served:
        yield served.url


def until(true: Callable[[], bool]) -> bool:
    """Wait for it; whether it came true."""
    deadline = Deadline.after(LONG)
    while not true():
        if deadline.passed:
            return False
        threading.Event().wait(0.01)
    return True


def scheduled(base: str, label: str = "one", worklist: str = "LIST") -> str:
    uid = new_uid()
    with Service(base, "test") as service:
        assert service.create(uid, datasets.workitem(label, worklist, "1")).status == 201
    return uid


def state_of(base: str, uid: str) -> str:
    with Service(base, "test") as service:
        return text(service.retrieve(uid).dataset, STATE)


def test_a_performer_performs_what_is_scheduled(base: str) -> None:
    uid = scheduled(base)
    performer = Performer(base, "P1", pace=0, listens=False)
    assert performer.work() == uid
    assert performer.work() == ""
    assert performer.done == [uid]
    with Service(base, "test") as service:
        done = service.retrieve(uid).dataset
    assert text(done, STATE) == COMPLETED
    assert text(done, "00741216.00404028.00080100") == "P1"
    assert text(done, "00741002.00741004") == "75"


def test_a_performer_of_one_worklist_leaves_the_others_alone(base: str) -> None:
    other, mine = scheduled(base, worklist="OTHER"), scheduled(base, worklist="MINE")
    performer = Performer(base, "P1", pace=0, listens=False, worklist="MINE")
    assert performer.work() == mine
    assert performer.work() == ""
    assert state_of(base, other) == SCHEDULED


def test_what_another_has_claimed_is_left_alone(archive: Archive) -> None:
    """Between search and claim another agent was faster."""

    def faster(ask: Ask, door: Door) -> Answer:
        if ask.resource.kind == "web.workitems.state":
            return Answer(409, headers=Headers.of([("Content-Length", "0")]))
        return door(ask)

    with serve(archive, mutate=faster) as served:
        uid = scheduled(served.url)
        performer = Performer(served.url, "P1", pace=0, listens=False)
        assert performer.work() == ""
        assert performer.done == []
        assert state_of(served.url, uid) == SCHEDULED


def test_two_performers_never_perform_the_same(base: str) -> None:
    uids = {scheduled(base, str(n)) for n in range(12)}
    performers = [Performer(base, f"P{n}", pace=0, listens=False) for n in range(3)]
    threads = [threading.Thread(target=_all, args=(p,), daemon=True) for p in performers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    done = [uid for p in performers for uid in p.done]
    assert sorted(done) == sorted(uids)


def _all(performer: Performer) -> None:
    misses = 0
    while misses < 3:
        misses = 0 if performer.work() else misses + 1


def test_a_requester_follows_its_workitems_to_their_end(base: str) -> None:
    with playing(base, Cast(performers=2, requesters=1, pace=0, cancels=4)) as troupe:
        (requester,) = troupe.requesters
        assert until(lambda: len(requester.ended) >= 8)
    assert set(requester.ended.values()) <= {COMPLETED, CANCELED}
    assert COMPLETED in requester.ended.values()
    ended = {uid: state for p in troupe.performers for uids, state in ((p.done, COMPLETED), (p.canceled, CANCELED))
             for uid in uids}  # fmt: skip
    assert all(requester.ended.get(uid, state) == state for uid, state in ended.items())


def test_a_requester_without_events_looks_for_itself(base: str) -> None:
    requester = Requester(base, "R1", pace=0)
    uid = requester.schedule()
    Performer(base, "P1", pace=0, listens=False).work()
    requester.look()
    assert requester.ended == {uid: COMPLETED}
    assert not requester.open


def test_a_performer_follows_a_request_to_cancel(base: str) -> None:
    requester = Requester(base, "R1", pace=0, cancels=1)
    performer = Performer(base, "P1", pace=0.2)
    stop = threading.Event()
    threads = [threading.Thread(target=a.run, args=(stop,), daemon=True) for a in (requester, performer)]
    for thread in threads:
        thread.start()
    try:
        assert until(lambda: bool(performer.canceled))
    finally:
        stop.set()
    for thread in threads:
        thread.join(LONG)
    assert state_of(base, performer.canceled[0]) == CANCELED


def test_a_watcher_hears_each_state_once(base: str) -> None:
    with Watcher(base, "W1") as watcher:
        assert watcher.listening is not None
        uid = scheduled(base)
        Performer(base, "P1", pace=0, listens=False).work()
        assert watcher.await_event(lambda e: text(e, STATE) == COMPLETED, LONG)
        assert watcher.states(uid) == [SCHEDULED, IN_PROGRESS, COMPLETED]


def test_a_watcher_of_a_filtered_worklist_hears_of_no_other(base: str) -> None:
    with Watcher(base, "W1", FILTERED, filter="WorklistLabel=MINE") as watcher:
        other, mine = scheduled(base, worklist="OTHER"), scheduled(base, worklist="MINE")
        assert watcher.await_event(lambda e: text(e, "00001000") == mine, LONG)
        assert watcher.states(other) == []


def test_a_watcher_that_is_cut_off_comes_back(archive: Archive) -> None:
    from simulators.scenarios import scenario

    played = scenario("lost-connection")
    with serve(archive, around=played.around) as served, Watcher(served.url, "W1") as watcher:
        for n in range(4):
            scheduled(served.url, str(n))
        assert until(lambda: watcher.listening is not None and watcher.listening.opened >= 2)
        last = scheduled(served.url, "last")
        assert watcher.await_event(lambda e: text(e, "00001000") == last, LONG)


def test_commitment_is_asked_for_until_there_is_a_result(archive: Archive) -> None:
    samples = corpus(0, "AGENTS")[:2]
    for sample in samples:
        incoming = archive.receive()
        incoming.write(sample.part10)
        incoming.close()
        archive.store([incoming])
    calls: list[str] = []

    def later(ask: Ask, door: Door) -> Answer:
        calls.append(ask.method)
        answer = door(ask)
        if ask.method == "POST":
            return Answer(202, headers=Headers.of([("Content-Length", "0"), ("Retry-After", "0")]))
        return answer

    stranger = ("1.2.840.10008.5.1.4.1.1.2", new_uid())
    with serve(archive, mutate=later) as served, Service(served.url, "test") as service:
        told = commitment.request(service, [*((s.sop_class, s.instance) for s in samples), stranger])
    assert calls[0] == "POST"
    assert "GET" in calls
    assert told.safe == {s.instance for s in samples}
    assert {uid for uid, _ in told.failed} == {stranger[1]}


@pytest.mark.parametrize("answer", [
    Answer(500, headers=Headers.of([("Content-Length", "0")])),
    Answer(200, headers=Headers.of([("Content-Type", "application/dicom+json")])).but(body=b"{not json"),
    Answer(200, headers=Headers.of([("Content-Type", "application/dicom+json")])).but(body=b'[1, {"00080018": 7}]'),
    Answer(201, headers=Headers.of([("Content-Length", "0"), ("Content-Location", "ws://127.0.0.1:1/none")])),
    Answer(201, headers=Headers.of([("Content-Length", "0"), ("Content-Location", "nowhere")])),
])  # fmt: skip
def test_no_answer_breaks_an_agent(archive: Archive, answer: Answer) -> None:
    with serve(archive, mutate=lambda ask, door: answer) as served:
        performer = Performer(served.url, "P1", pace=0, listens=False)
        performer.work()
        requester = Requester(served.url, "R1", pace=0)
        requester.schedule()
        requester.look()
        with Watcher(served.url, "W1"), Service(served.url, "test") as service:
            assert commitment.request(service, [("1.2", "1.3")]).safe == frozenset()
        assert performer.done == []


def test_nobody_there_breaks_no_agent(tmp_path: Path) -> None:
    base = "http://127.0.0.1:1/dicomweb"
    with playing(base, Cast(1, 1, 0)) as troupe:
        assert troupe.performers[0].work() == ""
    with Watcher(base, "W1") as watcher:
        assert watcher.reply.status == 0


def test_events_of_any_form_are_survived() -> None:
    requester, performer = Requester("http://127.0.0.1:1", "R"), Performer("http://127.0.0.1:1", "P")
    for event in ({}, {"00001000": 7}, {"00741000": {"Value": "x"}}, {"00001002": {"vr": "US", "Value": [None]}}):
        requester.hear(event)
        performer._hear(event)
    assert not requester.ended
