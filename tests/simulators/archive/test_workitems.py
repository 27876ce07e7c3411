"""Workitems: what each state allows, what each type demands, and what is told of it, against PS3.4 CC read by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.archive import workitem_events
from simulators.archive.match import Reading
from simulators.archive.question import BadValue, Key
from simulators.archive.workitems import FILTERED, GLOBAL, Listener, Refused, Workitems
from tests.simulators.archive.making import LOCK, abandoned, code, performed, progress, value, workitem

W = "1.2.840.1"
OTHER = "1.2.3.8"
STATES = ("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Workitems]:
    made = Workitems(tmp_path / "ups")
    yield made
    made.close()


def brought_to(held: Workitems, state: str, uid: str = W) -> None:
    held.create(uid, workitem())
    if state != "SCHEDULED":
        held.change_state(uid, "IN PROGRESS", LOCK)
    if state in ("COMPLETED", "CANCELED"):
        held.update(uid, performed() if state == "COMPLETED" else abandoned())
        held.change_state(uid, state, LOCK)


def refusal(act: Any, *arguments: Any) -> int:
    """The status of a refusal, 0 and warnings for what was done."""
    try:
        return int(act(*arguments).status)
    except Refused as refused:
        return refused.code


def listening(held: Workitems, title: str = "AE") -> Listener:
    return held.listen(title, lambda: None)


def told(listener: Listener) -> list[tuple[str, int, str]]:
    """What came: workitem, event type, and the state where one is told."""
    return [
        (event.uid, event.type, "".join(event.attributes.get("00741000", {}).get("Value", ())))
        for event in listener.take()
    ]


# --- states: Table CC.1.1-2, cell by cell ---------------------------------------------------------------------------

RIGHT = {  # by wanted state: the statuses in SCHEDULED, IN PROGRESS, COMPLETED and CANCELED
    "IN PROGRESS": (0, 0xC302, 0xC300, 0xC300),
    "SCHEDULED": (0xC303, 0xC303, 0xC303, 0xC303),
    "COMPLETED": (0xC310, 0, 0xB306, 0xC300),
    "CANCELED": (0xC310, 0, 0xC300, 0xB304),
}


@pytest.mark.parametrize("wanted", RIGHT)
@pytest.mark.parametrize("state", STATES)
def test_a_change_with_the_correct_transaction_uid(held: Workitems, state: str, wanted: str) -> None:
    brought_to(held, state)
    if state == "IN PROGRESS" and wanted in ("COMPLETED", "CANCELED"):
        held.update(W, performed() if wanted == "COMPLETED" else abandoned())
    listener = listening(held)
    held.subscribe("AE", W, False)
    listener.take()
    expected = RIGHT[wanted][STATES.index(state)]
    assert refusal(held.change_state, W, wanted, LOCK) == expected
    after = wanted if expected == 0 else state
    assert held.get(W)["00741000"] == value("CS", after)
    assert told(listener) == ([(W, 1, wanted)] if expected == 0 else [])


# before a workitem is claimed every Transaction UID is correct
WRONG = [(state, given) for state in STATES for given in ("", OTHER, "no uid") if (state, given) != (STATES[0], OTHER)]


@pytest.mark.parametrize("wanted", ["IN PROGRESS", "COMPLETED", "CANCELED"])
@pytest.mark.parametrize(("state", "transaction"), WRONG)
def test_a_change_without_it(held: Workitems, state: str, wanted: str, transaction: str) -> None:
    brought_to(held, state)
    before = held.get(W)
    assert refusal(held.change_state, W, wanted, transaction) == 0xC301
    assert held.get(W) == before


def test_what_is_not_there_cannot_be_changed(held: Workitems) -> None:
    for state in STATES:
        assert refusal(held.change_state, W, state, LOCK) == 0xC307
    assert refusal(held.request_cancel, W, {}, "ME") == 0xC307
    assert refusal(held.update, W, {}) == 0xC307
    assert refusal(held.subscribe, "AE", W, False) == 0xC307
    assert refusal(held.unsubscribe, "AE", W) == 0xC307
    with pytest.raises(Refused) as refused:
        held.get(W)
    assert (refused.value.code, refused.value.gone) == (0xC307, False)


def test_a_state_that_is_none(held: Workitems) -> None:
    brought_to(held, "IN PROGRESS")
    assert refusal(held.change_state, W, "DONE", LOCK) == 0x0115
    assert refusal(held.change_state, W, "", LOCK) == 0x0115


@pytest.mark.parametrize("state", STATES)
def test_a_uid_is_used_once(held: Workitems, state: str) -> None:
    brought_to(held, state)
    assert refusal(held.create, W, workitem(label="again")) == 0x0111
    assert refusal(held.create, GLOBAL, workitem()) == 0x0111
    assert held.get(W)["00741204"] == value("LO", "step")


# --- a request to cancel -------------------------------------------------------------------------------------------


def test_what_nobody_claimed_is_canceled_on_request(held: Workitems) -> None:
    brought_to(held, "SCHEDULED")
    listener = listening(held)
    held.subscribe("AE", W, False)
    listener.take()
    why = {"00741238": value("LT", "too late"), "0074100C": value("LO", "Jo"), "0074100A": value("UR", "tel:1")}
    assert refusal(held.request_cancel, W, why, "ASKER") == 0
    first, *states = listener.take()
    assert (first.type, first.attributes) == (2, {**why, "00741236": value("AE", "ASKER")})
    assert [event.attributes["00741000"]["Value"] for event in states] == [["IN PROGRESS"], ["CANCELED"]]
    assert states[1].attributes["00741238"] == value("LT", "too late")
    (item,) = held.get(W)["00741002"]["Value"]
    assert item["00404052"]["Value"]
    assert item["0074100E"]["Value"]
    assert item["00741238"] == value("LT", "too late")
    assert refusal(held.request_cancel, W, {}, "ASKER") == 0xB304
    assert listener.take() == []


def test_who_performs_is_asked(held: Workitems) -> None:
    brought_to(held, "IN PROGRESS")
    listener = listening(held)
    held.subscribe("AE", W, False)
    listener.take()
    why = {"0074100E": value("SQ", code())}
    assert refusal(held.request_cancel, W, why, "ASKER") == 0
    (event,) = listener.take()
    assert (event.type, event.attributes) == (2, {**why, "00741236": value("AE", "ASKER")})
    assert held.get(W)["00741000"] == value("CS", "IN PROGRESS")


def test_a_reason_that_is_none(held: Workitems) -> None:
    brought_to(held, "SCHEDULED")
    brought_to(held, "IN PROGRESS", "1.7")
    assert refusal(held.request_cancel, "1.7", {"0074100A": value("ST", "tel:1")}, "ASKER") == 0  # its VR once was ST
    assert refusal(held.request_cancel, W, {"00741238": value("UI", "1.2")}, "ASKER") == 0x0115
    assert held.get(W)["00741000"] == value("CS", "SCHEDULED")


def test_what_is_completed_is_not_canceled(held: Workitems) -> None:
    brought_to(held, "COMPLETED")
    assert refusal(held.request_cancel, W, {}, "ASKER") == 0xC311


# --- creation ------------------------------------------------------------------------------------------------------

CASES = [
    ({"x00741000": value("CS", "IN PROGRESS")}, 0xC309, ("00741000",)),
    ({"x00741000": value("CS")}, 0x0121, ("00741000",)),
    ({"x00741000": None}, 0x0120, ("00741000",)),
    ({"x00741200": None}, 0x0120, ("00741200",)),
    ({"x00741200": value("CS")}, 0x0121, ("00741200",)),
    ({"x00741200": value("CS", "URGENT")}, 0x0106, ("00741200",)),
    ({"x00404041": value("CS", "SOON")}, 0x0106, ("00404041",)),
    ({"x00404005": value("DT", "20261340")}, 0x0106, ("00404005",)),
    ({"x00741204": value("PN", {"Alphabetic": "Doe"})}, 0x0106, ("00741204",)),
    ({"x00081195": None}, 0x0120, ("00081195",)),
    ({"x00081195": value("UI", LOCK)}, 0x0106, ("00081195",)),
    ({"x00741002": value("SQ", {})}, 0x0106, ("00741002",)),
    ({"x00741216": value("SQ", {})}, 0x0106, ("00741216",)),
    ({"x00100040": None, "x0040A370": None}, 0x0120, ("00100040", "0040A370")),
    ({"x00404018": value("SQ", {})}, 0x0120, ("00404018.00080104", "00404018.00080100")),
    ({"x00404018": value("SQ", {**code(), "00080102": value("SH")})}, 0x0120, ("00404018.00080102",)),
    ({"x00404034": value("SQ", {"00404009": value("SQ", code())})}, 0x0120, ("00404034.00404037", "00404034.00404036")),
    ({"x00741210": value("SQ", {"0040A040": value("CS", "TEXT"), "0040A043": value("SQ", code())})}, 0x0120,
     ("00741210.0040A160",)),
    ({"x00741210": value("SQ", {"0040A040": value("CS", "SONG"), "0040A043": value("SQ", code())})}, 0x0106,
     ("00741210.0040A040",)),
    ({"x00080018": value("UI", "1.9")}, 0x0106, ("00080018",)),
    ({"x00080016": value("UI", "1.9")}, 0x0106, ("00080016",)),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "tags"), CASES)
def test_what_no_workitem_is_made_of(held: Workitems, change: dict[str, Any], code: int, tags: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as refused:
        held.create(W, workitem(**change))
    assert (refused.value.code, refused.value.tags) == (code, tags)
    assert refusal(held.change_state, W, "IN PROGRESS", LOCK) == 0xC307


def test_what_is_made_has_all_that_it_needs(held: Workitems) -> None:
    given = workitem(x00741202=value("LO"), x00404018=value("SQ", code()))
    assert refusal(held.create, W, given) == 0
    made = held.get(W)
    assert made["00741202"]["Value"]
    assert made["00404010"]["Value"]
    assert made["00404018"] == given["00404018"]
    assert not {"00081195", "00080005", "00080016", "00080018"} & made.keys()
    (found,) = held.search([Key(("00080018",), (W,))], Reading())
    assert found["00080016"] == value("UI", "1.2.840.10008.5.1.4.34.6.1")


def test_what_was_changed_on_the_way_is_told(held: Workitems) -> None:
    outcome = held.create(W, workitem(x00404010=value("DT", "2001"), x00280010=value("US", 4)))
    assert (outcome.status, outcome.tags) == (0xB300, ("00404010", "00280010"))
    assert "00280010" not in held.get(W)
    assert held.get(W)["00404010"] != value("DT", "2001")


# --- setting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "lock", "status"), [
    ("SCHEDULED", "", 0), ("SCHEDULED", LOCK, 0xC310), ("IN PROGRESS", LOCK, 0), ("IN PROGRESS", "", 0xC301),
    ("IN PROGRESS", OTHER, 0xC301), ("COMPLETED", LOCK, 0xC300), ("CANCELED", LOCK, 0xC300), ("COMPLETED", "", 0xC300),
])  # fmt: skip
def test_who_may_set(held: Workitems, state: str, lock: str, status: int) -> None:
    brought_to(held, state)
    change = {"00741204": value("LO", "new")} | ({"00081195": value("UI", lock)} if lock else {})
    assert refusal(held.update, W, change) == status
    assert held.get(W)["00741204"] == value("LO", "step" if status else "new")


@pytest.mark.parametrize(("change", "status"), [
    ({"00741000": value("CS", "COMPLETED")}, 0xC303),
    ({"00741000": value("CS", "SCHEDULED")}, 0xC303),
    ({"00100010": value("PN", {"Alphabetic": "Roe"})}, 0x0106),
    ({"0040A370": value("SQ")}, 0x0106),
    ({"00741200": value("CS")}, 0x0121),
    ({"00741200": value("CS", "NOW")}, 0x0106),
    ({"00404018": value("SQ", {"00080100": value("SH", "C")})}, 0x0120),
    ({"00741216": value("SQ", {"00404050": value("DT", "2026")})}, 0x0120),
    ({"00404010": value("DT", "2001")}, 0xB305),
    ({"00280010": value("US", 1)}, 0x0001),
])  # fmt: skip
def test_what_may_be_set(held: Workitems, change: dict[str, Any], status: int) -> None:
    brought_to(held, "SCHEDULED")
    before = held.get(W)
    assert refusal(held.update, W, {**change, "00741204": value("LO", "new")}) == status
    after = held.get(W)
    if status in (0xB305, 0x0001):
        assert after["00741204"] == value("LO", "new")
        assert after["00404010"] != value("DT", "2001")
    else:
        assert after == before


def test_setting_again_changes_nothing_and_tells_nothing(held: Workitems) -> None:
    brought_to(held, "IN PROGRESS")
    listener = listening(held)
    held.subscribe("AE", W, False)
    listener.take()
    for _ in range(2):
        held.update(W, progress(50))
    assert told(listener) == [(W, 3, "")]
    for _ in range(2):
        held.update(W, {"00081195": value("UI", LOCK), "00404041": value("CS", "UNAVAILABLE")})
    assert told(listener) == [(W, 1, "IN PROGRESS")]


# --- the final state -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["00404028", "00404050", "00404019", "00404051"])
def test_nothing_is_completed_without_what_was_performed(held: Workitems, tag: str) -> None:
    brought_to(held, "IN PROGRESS")
    change = performed()
    change["00741216"]["Value"][0][tag] = value(change["00741216"]["Value"][0][tag]["vr"])
    if tag in ("00404050", "00404051", "00404019"):
        del change["00741216"]["Value"][0][tag]  # type 3 in N-SET, so it may be left out
    held.update(W, change)
    with pytest.raises(Refused) as refused:
        held.change_state(W, "COMPLETED", LOCK)
    assert (refused.value.code, refused.value.tags) == (0xC304, (f"00741216.{tag}",))


def test_nothing_is_canceled_without_a_reason(held: Workitems) -> None:
    brought_to(held, "IN PROGRESS")
    assert refusal(held.change_state, W, "CANCELED", LOCK) == 0xC304
    assert "00404052" not in str(held.get(W))
    held.update(W, abandoned())
    assert refusal(held.change_state, W, "CANCELED", LOCK) == 0
    assert held.get(W)["00741002"]["Value"][0]["00404052"]["Value"]


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
