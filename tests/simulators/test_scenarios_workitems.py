"""What the scenarios of the worklist do: each does what its sentence says, and our agents survive it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulators.agents import datasets
from simulators.agents.datasets import one
from simulators.agents.performer import Performer
from simulators.agents.service import CANCELED, COMPLETED, IN_PROGRESS, STATE, Service, new_uid, text
from simulators.agents.watcher import Watcher
from simulators.archive.archive import Archive
from simulators.scenario import Scenario
from simulators.scenarios import names, scenario
from simulators.scenarios_workitems import MAKERS, SOCKETS
from simulators.serve import serve

LONG = 20.0  # seconds after which a test gives up
TYPE, AFFECTED = "00001002", "00001000"


@contextmanager
def playing(folder: Path, name: str) -> Iterator[tuple[str, Service, Scenario]]:
    played = scenario(name)
    archive = Archive(folder)
    try:
        with serve(archive, mutate=played.mutate, around=played.around) as served, Service(served.url, "T") as service:
            yield served.url, service, played
    finally:
        archive.close()


def scheduled(service: Service) -> str:
    uid = new_uid()
    assert service.create(uid, datasets.workitem("read", "LIST", "1")).status == 201
    return uid


def performer(base: str) -> Performer:
    return Performer(base, "P", pace=0, listens=False)


def works(base: str, performer: Performer) -> None:
    """Until there is nothing left that it could do."""
    while performer.work():
        pass
    performer.service.close()


def test_each_has_a_sentence_and_can_be_played() -> None:
    assert set(MAKERS) | set(SOCKETS) <= set(names())
    assert all(scenario(name).says.endswith(".") for name in (*MAKERS, *SOCKETS))


def test_lost_claim(tmp_path: Path) -> None:
    with playing(tmp_path, "lost-claim") as (base, service, played):
        uids = [scheduled(service) for _ in range(4)]
        agent = performer(base)
        works(base, agent)
        states = [text(service.retrieve(uid).dataset, STATE) for uid in uids]
    assert sorted(states) == [COMPLETED, COMPLETED, IN_PROGRESS, IN_PROGRESS]
    assert len(agent.done) == 2
    assert played.acted.total() == 2


def test_cancel_requested(tmp_path: Path) -> None:
    with playing(tmp_path, "cancel-requested") as (base, service, played):
        with Watcher(base, "W") as watcher:
            uid, key = scheduled(service), new_uid()
            assert service.change(uid, key, IN_PROGRESS).ok
            assert watcher.await_event(lambda e: (text(e, TYPE), text(e, AFFECTED)) == ("2", uid), LONG)
        assert text(service.retrieve(uid).dataset, STATE) == IN_PROGRESS
        assert service.update(uid, key, datasets.abandoned("as asked")).ok
        assert service.change(uid, key, CANCELED).ok
    assert played.acted.total() == 1


def test_taken_away(tmp_path: Path) -> None:
    with playing(tmp_path, "taken-away") as (base, service, played):
        uid = scheduled(service)
        agent = performer(base)
        works(base, agent)
        assert text(service.retrieve(uid).dataset, STATE) == CANCELED
    assert agent.done == []
    assert played.acted.total() == 1


def test_workitem_warnings(tmp_path: Path) -> None:
    with playing(tmp_path, "workitem-warnings") as (base, service, played):
        uid = new_uid()
        made = service.create(uid, datasets.workitem("read", "LIST", "1"))
        subscribed = service.subscribe(uid, "DESK", lock=True)
        agent = performer(base)
        works(base, agent)
    for reply in (made, subscribed):
        assert reply.status == 201
        assert (reply.headers.get("warning") or "").startswith(f"299 {base}: ")
    assert agent.done == [uid]
    assert played.acted.total() == 5  # one created, one subscription, three updates


def test_gone(tmp_path: Path) -> None:
    with playing(tmp_path, "gone") as (base, service, played):
        uid = scheduled(service)
        assert service.retrieve(uid).status == 200
        agent = performer(base)
        works(base, agent)
        assert agent.done == [uid]
        assert service.retrieve(uid).status == 410
    assert played.acted.total() == 1


def test_odd_events(tmp_path: Path) -> None:
    with playing(tmp_path, "odd-events") as (base, service, played), Watcher(base, "W") as watcher:
        uid = scheduled(service)
        assert watcher.await_event(lambda e: text(e, AFFECTED) == uid, LONG)
        (event,) = [e for e in watcher.heard if text(e, AFFECTED) == uid][:1]
    assert {"00081030", "00091001", "00100010", "0040A370"} <= set(event)
    assert list(event) == sorted(event)
    assert played.acted.total() >= 1


def test_events_unasked(tmp_path: Path) -> None:
    with playing(tmp_path, "events-unasked") as (base, service, played), Watcher(base, "W") as watcher:
        uid = scheduled(service)
        assert watcher.await_event(lambda e: text(e, AFFECTED) == uid, LONG)
        heard = list(watcher.heard)
    strangers = [e for e in heard if text(e, AFFECTED) != uid]
    assert [text(e, TYPE) for e in strangers] == ["1", "2", "3", "4", "5"]
    assert heard[: len(strangers)] == strangers
    assert played.acted.total() == 1


def test_lost_connection(tmp_path: Path) -> None:
    with playing(tmp_path, "lost-connection") as (base, service, played), Watcher(base, "W") as watcher:
        uids = [scheduled(service) for _ in range(4)]
        assert watcher.await_event(lambda e: text(e, AFFECTED) == uids[-1], LONG)
        assert watcher.listening is not None
        assert watcher.listening.opened >= 2
        told = [text(e, AFFECTED) for e in watcher.heard]
    assert played.acted.total() == 1
    assert told[:1] == uids[:1]


@pytest.mark.parametrize("value", [["fifty"], [None], [1, 2]])
def test_what_is_no_sequence_is_refused_and_changes_nothing(tmp_path: Path, value: list[object]) -> None:
    """A sequence of the workitem under another VR, whose values are no items."""
    archive = Archive(tmp_path)
    with serve(archive) as served, Service(served.url, "T") as service:
        uid, key = scheduled(service), new_uid()
        assert service.change(uid, key, IN_PROGRESS).ok
        before = service.retrieve(uid).dataset
        for vr in ("LO", "US", "SQ"):
            reply = service.update(uid, key, {"00741002": {"vr": vr, "Value": value}})
            assert 200 <= reply.status < 300 or reply.status in (400, 409)
            created = {**datasets.workitem("read", "LIST", "1"), "00404018": {"vr": vr, "Value": value}}
            assert service.create(new_uid(), created).status in (400, 409)
        assert text(service.retrieve(uid).dataset, STATE) == text(before, STATE)
        assert service.update(uid, key, {"00741204": one("LO", "still here")}).ok
    archive.close()
