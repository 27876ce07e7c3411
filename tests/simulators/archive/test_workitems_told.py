"""Workitems: who is told of what, by which subscription, in which order; many at once, and after a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulators.archive import workitem_events
from simulators.archive.match import Reading
from simulators.archive.question import BadValue, Key
from simulators.archive.workitems import FILTERED, GLOBAL, Refused, Workitems
from tests.simulators.archive.making import (
    LOCK,
    W,
    brought_to,
    code,
    listening,
    progress,
    refusal,
    told,
    value,
    workitem,
)

# --- events and subscriptions --------------------------------------------------------------------------------------


def test_creation_is_told_to_global_subscribers_only(held: Workitems) -> None:
    everything, one, none = listening(held, "ALL"), listening(held, "ONE"), listening(held, "NONE")
    held.create("1.2.1", workitem())
    held.subscribe("ALL", GLOBAL, False)
    held.subscribe("ONE", "1.2.1", False)
    assert told(everything) == []
    assert told(one) == [("1.2.1", 1, "SCHEDULED")]
    performer = {"00404009": value("SQ", code("JO")), "00404036": value("LO", "Here"),
                 "00404037": value("PN", {"Alphabetic": "Jo"})}  # fmt: skip
    held.create(W, workitem(x00404025=value("SQ", code("STN")), x00404034=value("SQ", performer)))
    state, assigned = everything.take()
    assert (state.type, state.attributes) == (
        1,
        {"00404041": value("CS", "READY"), "00741000": value("CS", "SCHEDULED")},
    )
    assert assigned.type == 5
    assert assigned.attributes["00404025"] == value("SQ", code("STN"))
    assert assigned.attributes["00404009"] == value("SQ", code("JO"))
    assert assigned.attributes["00404036"] == value("LO", "Here")
    assert told(one) == told(none) == []


def test_an_assignment_is_told(held: Workitems) -> None:
    brought_to(held, "SCHEDULED")
    listener = listening(held)
    held.subscribe("AE", W, False)
    listener.take()
    held.update(W, {"00404025": value("SQ", code("STN"))})
    held.update(W, {"00404025": value("SQ")})
    first, second = listener.take()
    assert (first.type, first.attributes) == (5, {"00404025": value("SQ", code("STN"))})
    assert (second.type, second.attributes) == (5, {})


def test_a_filter_takes_what_a_search_finds(held: Workitems) -> None:
    listener = listening(held)
    held.create("1.1", workitem(patient="P1"))
    held.create("1.2", workitem(patient="P2"))
    held.subscribe("AE", FILTERED, True, [Key(("00100020",), ("P*",)), Key(("00741204",), ("step",))])
    assert told(listener) == [("1.1", 1, "SCHEDULED"), ("1.2", 1, "SCHEDULED")]
    held.subscribe("AE", FILTERED, False, [Key(("00100020",), ("P2",))])
    assert told(listener) == []
    held.create("1.3", workitem(patient="P1"))
    held.create("1.4", workitem(patient="P2"))
    assert told(listener) == [("1.4", 1, "SCHEDULED")]
    with pytest.raises(BadValue):
        held.subscribe("AE", FILTERED, False, [Key(("00404005",), ("soon",))])
    assert refusal(held.subscribe, "AE", FILTERED, False, []) == 0x0115
    assert refusal(held.subscribe, "AE", FILTERED, False, [Key(("00100020",), ("",))]) == 0x0115


def test_suspending_keeps_what_there_is(held: Workitems) -> None:
    listener = listening(held)
    held.subscribe("AE", GLOBAL, False)
    held.create("1.1", workitem())
    assert held.suspend("AE").changed
    assert not held.suspend("AE").changed
    held.create("1.2", workitem())
    held.change_state("1.1", "IN PROGRESS", LOCK)
    held.change_state("1.2", "IN PROGRESS", LOCK)
    assert told(listener) == [("1.1", 1, "SCHEDULED"), ("1.1", 1, "IN PROGRESS")]
    assert refusal(held.suspend, "AE", W) == 0xC314


def test_unsubscribing_from_all_ends_everything(held: Workitems) -> None:
    listener = listening(held)
    held.create("1.1", workitem())
    held.subscribe("AE", "1.1", True)
    held.subscribe("AE", GLOBAL, True)
    assert held.unsubscribe("AE", GLOBAL).changed
    assert not held.unsubscribe("AE", GLOBAL).changed
    assert listener.take() == []  # what had not been taken yet is not told after the end
    held.create("1.2", workitem())
    held.change_state("1.1", "IN PROGRESS", LOCK)
    assert listener.take() == []


def test_one_workitem_can_be_left_out_of_all(held: Workitems) -> None:
    listener = listening(held)
    held.subscribe("AE", GLOBAL, False)
    held.create("1.1", workitem())
    held.create("1.2", workitem())
    assert held.unsubscribe("AE", "1.1").changed
    assert not held.unsubscribe("AE", "1.1").changed
    listener.take()
    for uid in ("1.1", "1.2"):
        held.change_state(uid, "IN PROGRESS", LOCK)
    assert told(listener) == [("1.2", 1, "IN PROGRESS")]
    held.subscribe("AE", GLOBAL, True)  # a global subscription takes in what was not subscribed
    held.update("1.1", progress(1))
    assert [event[:2] for event in told(listener)] == [("1.1", 1), ("1.2", 1), ("1.1", 3)]


def test_a_deletion_lock_keeps_what_has_ended(held: Workitems) -> None:
    brought_to(held, "COMPLETED", "1.1")
    brought_to(held, "COMPLETED", "1.2")
    brought_to(held, "IN PROGRESS", "1.3")
    held.subscribe("AE", "1.1", True)
    held.subscribe("AE", "1.2", False)
    assert held.purge() == ["1.2"]
    held.subscribe("AE", "1.1", False)
    assert held.purge() == ["1.1"]
    with pytest.raises(Refused) as refused:
        held.get("1.1")
    assert (refused.value.code, refused.value.gone) == (0xC307, True)
    assert refusal(held.create, "1.1", workitem()) == 0x0111


def test_who_listens_late_hears_what_waited(held: Workitems) -> None:
    held.create(W, workitem())
    held.subscribe("AE", W, False)
    woken: list[int] = []
    listener = held.listen("AE", lambda: woken.append(1))
    assert woken == [1]
    assert told(listener) == [(W, 1, "SCHEDULED")]
    second = listening(held)
    held.change_state(W, "IN PROGRESS", LOCK)
    assert told(listener) == told(second) == [(W, 1, "IN PROGRESS")]
    held.update(W, progress(1))
    listener.close()
    second.close()
    assert told(listening(held)) == [(W, 3, "")]


def test_who_reads_nothing_is_bounded(held: Workitems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workitem_events, "QUEUE", 20)
    monkeypatch.setattr(workitem_events, "BACKLOG", 10)
    held.create(W, workitem())
    deaf, late, good = listening(held, "DEAF"), "LATE", listening(held, "GOOD")
    for title in ("DEAF", late, "GOOD"):
        held.subscribe(title, W, False)
    held.change_state(W, "IN PROGRESS", LOCK)
    heard = []
    for percent in range(50):
        held.update(W, progress(percent))
        heard += good.take()
    assert len(heard) == 52
    assert [event.number for event in heard] == sorted(event.number for event in heard)
    assert deaf.overrun
    assert deaf.take() == []
    waiting = listening(held, late).take()
    assert len(waiting) == 11  # ten, and one for the workitem
    assert waiting[-1].attributes["00741002"]["Value"][0]["00741004"] == value("DS", 49)


def test_a_listener_that_fails_hurts_nobody(held: Workitems) -> None:
    def wake() -> None:
        raise RuntimeError("gone")

    held.listen("BAD", wake)
    good = listening(held, "GOOD")
    held.subscribe("BAD", GLOBAL, False)
    held.subscribe("GOOD", GLOBAL, False)
    held.create(W, workitem())
    assert told(good) == [(W, 1, "SCHEDULED")]


# --- many at once, and the disk ------------------------------------------------------------------------------------


def test_of_many_claims_one_wins(held: Workitems) -> None:
    uids = [f"1.2.{n}" for n in range(8)]
    for uid in uids:
        held.create(uid, workitem())
    won: dict[str, list[str]] = {uid: [] for uid in uids}
    start = threading.Barrier(8)

    def claim(number: int) -> None:
        start.wait()
        for uid in uids:
            if refusal(held.change_state, uid, "IN PROGRESS", f"1.9.{number}") == 0:
                won[uid].append(f"1.9.{number}")

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for uid, winners in won.items():
        assert len(winners) == 1
        assert refusal(held.update, uid, progress(1, winners[0])) == 0


def test_all_is_there_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "ups"
    held = Workitems(folder, fallback=("BACK",))
    assert told(listening(held, "BACK")) == []
    brought_to(held, "COMPLETED", "1.1")
    brought_to(held, "IN PROGRESS", "1.2")
    held.subscribe("ONE", "1.1", True, form="dimse")
    held.subscribe("ALL", GLOBAL, False)
    held.subscribe("SOME", FILTERED, True, [Key(("00100020",), ("P2",))])
    held.unsubscribe("ALL", "1.2")
    brought_to(held, "COMPLETED", "1.3")
    held.purge()
    before = {uid: held.get(uid) for uid in ("1.1", "1.2")}
    held.close()

    held = Workitems(folder, fallback=("BACK",))
    assert {uid: held.get(uid) for uid in before} == before
    assert held.titles("dimse") == ["ONE"]
    assert held.titles("web") == ["ALL", "SOME"]
    listeners = {title: listening(held, title) for title in ("ONE", "ALL", "SOME", "BACK", "WHO")}
    for title, listener in listeners.items():
        events = listener.take()
        assert [(e.type, e.uid) for e in events] == ([(4, GLOBAL)] if title != "WHO" else []), title
        assert title == "WHO" or events[0].attributes == {
            "00741242": value("CS", "RESTARTED"), "00741244": value("CS", "WARM START"),
            "00741246": value("CS", "WARM START"),
        }  # fmt: skip
    with pytest.raises(Refused) as refused:
        held.get("1.3")
    assert refused.value.gone
    assert held.purge() == []
    assert refusal(held.update, "1.2", progress(1)) == 0  # the lock is known still
    held.create("1.4", workitem(patient="P2"))
    assert [told(listeners[t]) for t in ("ALL", "SOME", "ONE")] == [[("1.4", 1, "SCHEDULED")]] * 2 + [[]]
    held.close()


def test_what_cannot_be_written_is_not_true(held: Workitems, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = listening(held)
    held.subscribe("AE", GLOBAL, False)
    held.create(W, workitem())
    listener.take()

    def full(_: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(held._store, "write", full)
        acts: tuple[Callable[[], Any], ...] = (
            lambda: held.change_state(W, "IN PROGRESS", LOCK), lambda: held.create("1.2", workitem()),
            lambda: held.unsubscribe("AE", GLOBAL), lambda: held.subscribe("NEW", GLOBAL, True),
        )  # fmt: skip
        for act in acts:
            with pytest.raises(OSError, match="no space"):
                act()
    assert held.get(W)["00741000"] == value("CS", "SCHEDULED")
    assert listener.take() == []
    assert held.titles("web") == ["AE"]
    held.create("1.2", workitem())
    assert told(listener) == [("1.2", 1, "SCHEDULED")]
    assert told(listening(held, "NEW")) == []


def test_search(held: Workitems) -> None:
    for number in range(5):
        held.create(f"1.{number}", workitem(label=f"L{number}", patient=f"P{number % 2}"))
    held.change_state("1.3", "IN PROGRESS", LOCK)

    def found(*keys: Key) -> list[str]:
        return [item["00080018"]["Value"][0] for item in held.search(keys, Reading())]

    assert found() == ["1.0", "1.1", "1.2", "1.3", "1.4"]
    assert found(Key(("00100020",), ("P1",))) == ["1.1", "1.3"]
    assert found(Key(("00741000",), ("SCHEDULED",)), Key(("00100020",), ("P1",))) == ["1.1"]
    assert found(Key(("00404005",), ("20260301-",))) == ["1.0", "1.1", "1.2", "1.3", "1.4"]
    assert found(Key(("00081195",), (LOCK,))) == []
