"""Workitems: what each state allows, what each type demands, and what is told of it, against PS3.4 CC read by hand."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.archive.match import Reading
from simulators.archive.question import Key
from simulators.archive.workitems import GLOBAL, Refused, Workitems
from tests.simulators.archive.making import (
    LOCK,
    OTHER,
    STATES,
    W,
    abandoned,
    brought_to,
    code,
    listening,
    performed,
    progress,
    refusal,
    told,
    value,
    workitem,
)

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
