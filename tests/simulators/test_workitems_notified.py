"""Subscriptions at the web door and the notification connections of who made them (PS3.18 8.10, 11.10 to 11.13)."""

from __future__ import annotations

import pytest
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from simulators.archive import workitem_events
from simulators.web import workitems_subscribe
from tests.simulators.archive.making import progress, value
from tests.simulators.workitems_door import FILTERED, WORKLIST, Door, W, events

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx`")


# --- subscriptions and notifications -------------------------------------------------------------------------------


def test_subscribe_and_hear(door: Door) -> None:
    door.create()
    answer = door.send("POST", f"/workitems/{W}/subscribers/AE%201")
    assert (answer.status_code, answer.content) == (201, b"")
    where = answer.headers["content-location"]
    assert where == "ws://sim.test/dicomweb/notifications/AE%201"
    with door.socket(where) as socket:
        assert events(socket, 1) == [(W, 1, "SCHEDULED")]
        door.state("IN PROGRESS")
        door.send("POST", f"/workitems/{W}", [progress(50)])
        socket.send_text("nobody listens to this")
        door.send("POST", f"/workitems/{W}/cancelrequest", [{"00741238": value("LT", "why")}])
        assert events(socket, 3) == [(W, 1, "IN PROGRESS"), (W, 3, ""), (W, 2, "")]
        assert door.send("DELETE", f"/workitems/{W}/subscribers/AE%201").status_code == 200
        door.send("POST", f"/workitems/{W}", [progress(60)])
        door.send("POST", f"/workitems/{W}/subscribers/AE%201")
        assert events(socket, 1) == [(W, 1, "IN PROGRESS")]  # nothing of what happened in between


def test_the_connection_may_be_there_first_and_come_again(door: Door) -> None:
    with door.socket("/dicomweb/notifications/AE") as socket:
        door.send("POST", f"/workitems/{WORKLIST}/subscribers/AE?deletionlock=false")
        door.create()
        assert events(socket, 1) == [(W, 1, "SCHEDULED")]
    door.state("IN PROGRESS")
    with door.socket("/dicomweb/notifications/AE") as socket:
        assert events(socket, 1) == [(W, 1, "IN PROGRESS")]


FORMS = [
    "filter=00100020=P1,00741204=L*",
    "filter=PatientID%3DP1%2CProcedureStepLabel%3DL*",
    "filter=PatientID=P1&filter=ProcedureStepLabel=L*",
    "PatientID=P1&ProcedureStepLabel=L*&whatever=7",
]


@pytest.mark.parametrize("form", FORMS)
def test_a_filter_in_each_form(door: Door, form: str) -> None:
    door.create("1.1", label="L1", patient="P1")
    door.create("1.2", label="L1", patient="P2")
    answer = door.send("POST", f"/workitems/{FILTERED}/subscribers/AE?deletionlock=true&{form}")
    assert answer.status_code == 201
    with door.socket(answer.headers["content-location"]) as socket:
        assert events(socket, 1) == [("1.1", 1, "SCHEDULED")]
        door.create("1.3", label="X", patient="P1")
        door.create("1.4", label="L4", patient="P1")
        assert events(socket, 1) == [("1.4", 1, "SCHEDULED")]


@pytest.mark.parametrize("query", ["", "filter=", "filter=PatientID", "filter=Nothing=1", "filter=PatientID=",
                                   "deletionlock=yes&filter=PatientID=1", "filter=00404005=soon", "filter=%zz",
                                   "filter=PatientID=1,PatientID=2", "filter=TransactionUID=1.2"])  # fmt: skip
def test_a_filter_that_is_none(door: Door, query: str) -> None:
    answer = door.send("POST", f"/workitems/{FILTERED}/subscribers/AE?{query}")
    assert answer.status_code == 400
    assert door.archive.workitems.titles("web") == []


def test_a_name_within_a_filter_has_its_comma() -> None:
    from simulators.web.query import read

    (parameter,) = read("filter=PatientName=Doe%2CJo,PatientID=1%2525")
    assert workitems_subscribe._members(parameter) == ["PatientName=Doe,Jo", "PatientID=1%25"]


def test_what_is_not_subscribed(door: Door) -> None:
    door.create()
    for path, status in (
        (f"/workitems/{W}/subscribers/AE", 404), (f"/workitems/{WORKLIST}/subscribers/AE", 404),
        (f"/workitems/{FILTERED}/subscribers/AE", 404), ("/workitems/1.2.3/subscribers/AE", 404),
        (f"/workitems/{W}/subscribers/{'A' * 17}", 400), ("/workitems/1.02/subscribers/AE", 400),
        (f"/workitems/{W}/subscribers/A%5CB", 400), (f"/workitems/{W}/subscribers/%20", 400),
    ):  # fmt: skip
        assert door.send("DELETE", path).status_code == status, path
    assert door.send("POST", f"/workitems/{WORKLIST}/subscribers/AE/suspend").status_code == 404
    assert door.send("POST", f"/workitems/{W}/subscribers/AE/suspend").status_code == 400
    assert door.send("POST", "/workitems/1.2.3/subscribers/AE").status_code == 404
    assert door.send("POST", f"/workitems/{W}/subscribers/AE?deletionlock=1").status_code == 400
    assert door.send("PUT", f"/workitems/{W}/subscribers/AE").status_code == 405


def test_suspend(door: Door) -> None:
    door.send("POST", f"/workitems/{WORKLIST}/subscribers/AE")
    door.create()
    assert door.send("POST", f"/workitems/{WORKLIST}/subscribers/AE/suspend").status_code == 200
    door.create("1.2")
    door.state("IN PROGRESS")
    with door.socket("/dicomweb/notifications/AE") as socket:
        assert events(socket, 2) == [(W, 1, "SCHEDULED"), (W, 1, "IN PROGRESS")]


def test_a_connection_that_takes_nothing_is_ended(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workitem_events, "QUEUE", -9)
    door.create()
    with door.socket("/dicomweb/notifications/AE") as socket:
        door.send("POST", f"/workitems/{W}/subscribers/AE")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1013
    assert door.state("IN PROGRESS").status_code == 200


def test_a_connection_for_nobody(door: Door) -> None:
    with pytest.raises(WebSocketDenialResponse) as denied, door.socket("/dicomweb/notifications/A%5CB"):
        pass
    assert denied.value.status_code == 400
