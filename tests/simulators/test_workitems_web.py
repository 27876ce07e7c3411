"""The Worklist Service at the web door: PS3.18 chapter 11, statuses, Warnings and forms."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomproof.simulate import forgetting
from simulators.model.json_decode import decode
from simulators.model.xml_encode import encode as as_xml
from simulators.web.capabilities import description
from tests.simulators.archive.making import LOCK, performed, progress, value, workitem
from tests.simulators.workitems_door import CLIENT, FILTERED, JSON, WORKLIST, XML, Door, W, warning

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx`")


# --- create --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [W, f"workitem={W}", f"AffectedSOPInstanceUID={W}", f"{W}&accept={JSON}"])
def test_create(door: Door, query: str) -> None:
    answer = door.send("POST", f"/workitems?{query}", [workitem()])
    assert (answer.status_code, answer.content, warning(answer)) == (201, b"", "")
    assert answer.headers["location"] == f"{CLIENT}/workitems/{W}"
    assert door.held()["00741000"] == value("CS", "SCHEDULED")
    assert door.send("POST", f"/workitems?{query}", [workitem()]).status_code == 409


def test_create_with_the_uid_in_the_data_set(door: Door) -> None:
    inside = workitem(x00080018=value("UI", W))
    assert door.send("POST", "/workitems", [inside]).headers["location"].endswith(f"/{W}")
    assert door.send("POST", "/workitems?1.2.3", [inside]).status_code == 400
    assert door.send("POST", "/workitems", [workitem()]).status_code == 400
    assert door.send("POST", "/workitems?1.02.3", [workitem()]).status_code == 400
    assert door.send("POST", "/workitems?1.2.3&workitem=1.2.4", [workitem()]).status_code == 400
    with_command = {**workitem(), "00001000": value("UI", "1.2.5")}
    assert door.send("POST", "/workitems?1.2.5", [with_command]).status_code == 400


def test_create_with_modifications(door: Door) -> None:
    answer = door.create(x00404010=value("DT", "2001"))
    assert (answer.status_code, warning(answer)) == (201, "The Workitem was created with modifications.")


@pytest.mark.parametrize("form", [JSON, XML, f'multipart/related; type="{XML}"', f'multipart/related; type="{JSON}"'])
@pytest.mark.parametrize("array", [True, False])
def test_every_form_comes_and_goes(door: Door, form: str, array: bool) -> None:
    given = workitem(x00100010=value("PN", {"Alphabetic": "Müller^Jörg"}))
    octets = json.dumps([given] if array else given).encode()
    if XML in form:
        (dataset,) = decode(octets)
        octets = as_xml(dataset)
    name, sent = form, octets
    if form.startswith("multipart"):
        name = f"{form}; boundary=B"
        root = XML if XML in form else JSON
        sent = b"--B\r\nContent-Type: %s\r\n\r\n%s\r\n--B--" % (root.encode(), octets)
    assert door.send("POST", f"/workitems?{W}", sent, **{"content-type": name}).status_code == 201
    assert door.held()["00100010"] == given["00100010"]
    answer = door.send("GET", f"/workitems/{W}", accept=form)
    assert answer.headers["content-type"].startswith(form)
    assert answer.headers["content-location"] == f"{CLIENT}/workitems/{W}"
    assert "Jörg" in answer.text
    assert "00081195" not in answer.text


@pytest.mark.parametrize(("content", "type", "status"), [
    (b"", JSON, 400), (b"{", JSON, 400), (b"[]", JSON, 400), (b"[{},{}]", JSON, 400), (b"7", JSON, 400),
    (b'[{"00741000": 7}]', JSON, 400), (b"[" * 100_000, JSON, 400), (b"<a/>", XML, 400), (b"[{}]", "text/plain", 415),
    (b"[{}]", "nonsense", 400), (b"--B\r\n", f'multipart/related; type="{XML}"; boundary=B', 400),
    (b'[{"00741204":{"vr":"LO","BulkDataURI":"http://x/"}}]', JSON, 400), (b"\xff\xfe[", JSON, 400),
])  # fmt: skip
@pytest.mark.parametrize("path", [f"/workitems?{W}", "/workitems/1.9", "/workitems/1.9/state",
                                  "/workitems/1.9/cancelrequest"])  # fmt: skip
def test_what_cannot_be_read(door: Door, content: bytes, type: str, status: int, path: str) -> None:
    door.create("1.9")
    before = door.held("1.9")
    method = "PUT" if path.endswith("state") else "POST"
    answer = door.send(method, path, content, **{"content-type": type})
    if content or not path.endswith("cancelrequest"):
        assert answer.status_code == status
        assert answer.json()["status"] == status if "json" in answer.headers["content-type"] else answer.text
        assert door.held("1.9") == before


def test_a_payload_has_bounds(tmp_path: Path) -> None:
    door = Door(tmp_path, payload=500)
    assert door.create().status_code == 413
    door.archive.close()


# --- retrieve, update ----------------------------------------------------------------------------------------------


def test_retrieve(door: Door) -> None:
    door.ended("COMPLETED")
    assert door.held()["00741000"] == value("CS", "COMPLETED")
    assert "00081195" not in door.held()
    assert door.send("GET", "/workitems/1.2.3").status_code == 404
    assert door.send("GET", "/workitems/1.02").status_code == 400
    assert door.send("GET", f"/workitems/{W}", accept="text/csv").status_code == 406
    door.archive.workitems.purge()
    for answer in (
        door.send("GET", f"/workitems/{W}"), door.send("POST", f"/workitems/{W}", [progress(1)]),
        door.state("COMPLETED"), door.send("POST", f"/workitems/{W}/cancelrequest"),
        door.send("POST", f"/workitems/{W}/subscribers/AE"),
    ):  # fmt: skip
        assert answer.status_code == 410


UNCLAIMED = "The target URI did not reference a claimed Workitem."
INCONSISTENT = "The submitted request is inconsistent with the current state of the Workitem."


@pytest.mark.parametrize("query", [f"?{LOCK}", f"?transaction-uid={LOCK}", f"?TransactionUID={LOCK}", ""])
def test_update(door: Door, query: str) -> None:
    door.create()
    door.state("IN PROGRESS")
    change = progress(30)
    if query:
        del change["00081195"]
    answer = door.send("POST", f"/workitems/{W}{query}", [change])
    assert (answer.status_code, answer.content, warning(answer)) == (200, b"", "")
    assert door.held()["00741002"]["Value"][0]["00741004"] == value("DS", 30)
    assert "00081195" not in door.held()


def test_update_is_refused(door: Door) -> None:
    def said(uid: str, change: Any, query: str = "") -> tuple[int, str]:
        answer = door.send("POST", f"/workitems/{uid}{query}", change)
        return answer.status_code, warning(answer)

    door.create()
    assert said(W, [progress(1)]) == (409, UNCLAIMED)
    assert said("1.2.3", [progress(1)]) == (404, UNCLAIMED)
    assert said("1.02", [progress(1)]) == (400, INCONSISTENT)
    assert said(W, [{"00741000": value("CS", "COMPLETED")}]) == (400, INCONSISTENT)
    assert said(W, b"[") == (400, INCONSISTENT)
    door.state("IN PROGRESS")
    assert said(W, [progress(1, "1.2.3.8")]) == (400, INCONSISTENT)
    assert said(W, [{"00741204": value("LO", "x")}]) == (400, INCONSISTENT)
    assert said(W, [progress(1)], "?1.2.3.8") == (400, INCONSISTENT)
    assert said(W, [progress(1)], "?1.02") == (400, INCONSISTENT)
    assert "Value" not in door.held()["00741002"]
    for state in ("COMPLETED", "CANCELED"):
        uid = f"1.5.{len(state)}"
        door.ended(state, uid)
        assert said(uid, [progress(1)]) == (400, INCONSISTENT)


def test_update_with_modifications(door: Door) -> None:
    door.create()
    answer = door.send("POST", f"/workitems/{W}", [{"00404010": value("DT", "2001")}])
    assert (answer.status_code, warning(answer)) == (200, "The Workitem was updated with modifications.")
    answer = door.send("POST", f"/workitems/{W}", [{"00280010": value("US", 3)}])
    assert (answer.status_code, warning(answer)) == (200, "Requested optional Attributes are not supported.")


# --- state and cancellation ----------------------------------------------------------------------------------------

STATE_INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."
MISSING, INCORRECT = "The Transaction UID is missing.", "The Transaction UID is incorrect."


def test_a_life(door: Door) -> None:
    door.create()

    def said(state: str, lock: str | None = LOCK) -> tuple[int, str]:
        answer = door.state(state, lock)
        assert answer.status_code != 200 or not answer.content
        return answer.status_code, warning(answer)

    assert said("COMPLETED") == (409, STATE_INCONSISTENT)
    assert said("IN PROGRESS", None) == (400, MISSING)
    assert said("IN PROGRESS", "1.02") == (400, STATE_INCONSISTENT)
    assert said("SCHEDULED") == (400, STATE_INCONSISTENT)
    assert said("IN PROGRESS") == (200, "")
    assert said("IN PROGRESS") == (409, STATE_INCONSISTENT)
    assert said("IN PROGRESS", "1.2.3.8") == (400, INCORRECT)
    assert said("COMPLETED") == (409, STATE_INCONSISTENT)
    door.send("POST", f"/workitems/{W}", [performed()])
    assert said("COMPLETED", None) == (400, MISSING)
    assert said("DONE") == (400, STATE_INCONSISTENT)
    assert said("COMPLETED") == (200, "")
    assert said("COMPLETED") == (200, "The UPS is already in the requested state of COMPLETED.")
    assert said("CANCELED") == (409, STATE_INCONSISTENT)
    door.ended("CANCELED", "1.5")
    answer = door.state("CANCELED", uid="1.5")
    assert (answer.status_code, warning(answer)) == (200, "The UPS is already in the requested state of CANCELED.")
    answer = door.state("COMPLETED", uid="1.6")
    assert (answer.status_code, warning(answer)) == (404, STATE_INCONSISTENT)


@pytest.mark.parametrize(("edition", "sentence"), [("2024e", ""), ("2026a", "The UPS is already COMPLETED.")])
def test_a_request_to_cancel(tmp_path: Path, edition: str, sentence: str) -> None:
    door = Door(tmp_path, edition)

    def said(uid: str, content: Any = None) -> tuple[int, str]:
        answer = door.send("POST", f"/workitems/{uid}/cancelrequest", content)
        return answer.status_code, warning(answer)

    door.create()
    assert said(W) == (202, "")
    assert said(W, []) == (400, "")
    assert said(W) == (202, "The UPS is already in the requested state of CANCELED.")
    door.create("1.3")
    door.state("IN PROGRESS", uid="1.3")
    assert said("1.3", [{"00741238": value("LT", "why")}]) == (202, "")
    assert door.held("1.3")["00741000"] == value("CS", "IN PROGRESS")
    door.ended("COMPLETED", "1.4")
    assert said("1.4") == (409, sentence)
    assert said("1.5") == (404, "")
    door.archive.close()


# --- search --------------------------------------------------------------------------------------------------------


def test_search(door: Door) -> None:
    for number in range(4):
        door.create(f"1.{number}", label=f"L{number}", patient=f"P{number % 2}")
    door.state("IN PROGRESS", uid="1.2")

    def found(query: str) -> list[str]:
        answer = door.send("GET", f"/workitems{query}")
        assert answer.status_code == (200 if answer.content else 204)
        return [item["00080018"]["Value"][0] for item in answer.json()] if answer.content else []

    assert found("") == ["1.0", "1.1", "1.2", "1.3"]
    assert found("?PatientID=P1") == found("?00100020=P1") == ["1.1", "1.3"]
    assert found("?ProcedureStepState=IN%20PROGRESS") == ["1.2"]
    assert found("?ScheduledProcedureStepStartDateTime=20260301-20260302&ProcedureStepLabel=L*") == found("")
    assert found("?ScheduledWorkitemCodeSequence.CodeValue=X") == []
    assert found(f"?TransactionUID={LOCK}") == found("")  # no key of a search
    assert found("?SOPInstanceUID=1.1,1.3") == ["1.1", "1.3"]
    page = door.send("GET", "/workitems?limit=2&offset=1&fuzzymatching=true")
    assert [item["00080018"]["Value"][0] for item in page.json()] == ["1.1", "1.2"]
    assert page.headers.get_list("warning")[1] == (
        f"299 {CLIENT}: There are 1 additional results that can be requested"
    ), page.headers
    for bad in ("limit=x", "ScheduledProcedureStepStartDateTime=soon", "PatientID=1&PatientID=2", "includefield=!"):
        assert door.send("GET", f"/workitems?{bad}").status_code == 400


def test_what_a_match_is_told_with(door: Door) -> None:
    door.create()
    (item,) = door.send("GET", "/workitems").json()
    always = {"00080016", "00080018", "00741200", "00741204", "00741202", "00404025", "00404034", "00404005",
              "00404018", "00404041", "0020000D", "00100010", "0040A370", "00741000", "00741002"}  # fmt: skip
    assert always <= item.keys()
    assert not {"00081195", "00400400", "00741216"} & item.keys()
    query = "?includefield=CommentsOnTheScheduledProcedureStep,UnifiedProcedureStepPerformedProcedureSequence"
    (item,) = door.send("GET", f"/workitems{query}&includefield=TransactionUID").json()
    assert {"00400400", "00741216"} <= item.keys()
    assert "00081195" not in item
    (item,) = door.send("GET", "/workitems?includefield=all").json()
    assert {"00400400", "00741216", "00404034"} <= item.keys()
    assert "00081195" not in item


@pytest.mark.parametrize(("edition", "status"), [("2024e", 204), ("2026a", 200)])
@pytest.mark.parametrize("form", [JSON, XML, f'multipart/related; type="{XML}"', f'multipart/related; type="{JSON}"'])
def test_nothing_is_found(tmp_path: Path, edition: str, status: int, form: str) -> None:
    door = Door(tmp_path, edition)
    answer = door.send("GET", "/workitems?PatientID=X", accept=f"{form}, {JSON};q=0.1")
    assert answer.status_code == status
    if status == 200 and answer.headers["content-type"] == JSON:
        assert answer.json() == []
    door.archive.close()


# --- what anybody may send -----------------------------------------------------------------------------------------

_SIMPLE = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("1.2.3")
_VALUES = st.recursive(
    _SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
_TARGETS = st.sampled_from(
    ["POST /workitems?1.7", "POST /workitems/1.9", "PUT /workitems/1.9/state", "POST /workitems/1.9/cancelrequest"]
)
_TAGS = st.sampled_from(["00741000", "00081195", "00741002", "00404041", "00741216", "00404025", "00080018"])
_ATTRIBUTES = st.fixed_dictionaries({"vr": st.sampled_from(["CS", "UI", "SQ", "LO", "DT", "XX", "OB", "US"])},
                                    optional={"Value": st.lists(_VALUES, max_size=3) | _VALUES})  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_=st.dictionaries(_TAGS, _ATTRIBUTES, max_size=4), where=_TARGETS)
def test_nothing_breaks_it(door: Door, given_: dict[str, Any], where: str) -> None:
    method, path = where.split(" ")
    if door.send("GET", "/workitems/1.9").status_code == 404:
        door.create("1.9")
    answer = door.send(method, path, [{**workitem(), **given_}] if "1.7" in path else [given_])
    assert answer.status_code < 500


def test_the_capabilities_tell_of_it() -> None:
    tree = description(CLIENT)
    (worklist,) = [r for r in tree["application"]["resources"]["resource"] if r["@path"] == "workitems"]
    item, everything, filtered = worklist["resource"]
    assert {m["@id"] for m in worklist["method"]} == {"SearchForWorkitem", "CreateWorkitem"}
    assert [below["@path"] for below in item["resource"]] == ["state", "cancelrequest", "subscribers"]
    assert (everything["@path"], filtered["@path"]) == (WORKLIST, FILTERED)
    assert "WebSocket" in json.dumps(everything)


def test_what_has_ended_is_forgotten_but_not_what_is_locked(door: Door) -> None:
    for uid, watched in ((W, False), (f"{W}.2", True)):
        door.archive.workitems.create(uid, workitem())
        if watched:
            door.archive.workitems.subscribe("WATCHER", uid, lock=True)
        door.archive.workitems.request_cancel(uid, {}, "ME")
    archive, gone = door.archive, threading.Event()
    real = archive.workitems.purge

    def purge() -> list[str]:
        removed = real()
        gone.set()
        return removed

    archive.workitems.purge = purge  # type: ignore[method-assign]
    with forgetting(archive, 0.01):
        assert gone.wait(10)
    assert door.client.get(f"workitems/{W}", headers={"accept": JSON}).status_code == 410
    assert door.client.get(f"workitems/{W}.2", headers={"accept": JSON}).status_code == 200
