"""Scheduled and performed procedure steps over HTTP: states, refusals, forms, searches, and one model with DIMSE."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from harness.make import steps
from harness.make.attributes import attributes
from harness.make.payloads import ACCEPTS, FORMS, Form, payload
from simulators.archive.archive import Archive
from simulators.archive.steps import COMPLETED, DISCONTINUED, IN_PROGRESS, TRANSITIONS
from simulators.web.app import web
from simulators.web.service import Service
from tests.web.door import Client

JSON = ACCEPTS["json"]
STATUS = "00400252"
PERFORMED, SCHEDULED = "/modality-performed-procedure-steps", "/modality-scheduled-procedure-steps"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "archive")
    for planned in steps.scheduled("tests"):
        made.worklist.put(attributes(planned))
    return made


@pytest.fixture
def client(archive: Archive) -> Client:
    return Client(web(Service(archive, edition="2025e")))


def post(client: Client, where: str, content: Mapping[str, Any], form: Form = "json") -> Any:
    message = payload(content, form)
    fields = {"content-type": message.content_type}
    return client.request("POST", f"{PERFORMED}/{where}", JSON, content=message.body.bytes(), headers=fields)


def created(**changes: Any) -> dict[str, Any]:
    return attributes(steps.created("tests", **changes))


def finished(state: str = COMPLETED, **changes: Any) -> dict[str, Any]:
    return attributes(steps.finished("tests", state, **changes))


def get(client: Client, where: str, accept: str = JSON) -> Any:
    return client.request("GET", f"{PERFORMED}/{where}", accept)


# --- performed ------------------------------------------------------------------------------------------------------


def test_a_step_is_created_changed_and_ended(client: Client) -> None:
    answer = post(client, "1.2.3", created())
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["location"].endswith(f"{PERFORMED}/1.2.3")
    said = {"00400254": {"vr": "LO", "Value": ["Kopf, schräg"]}}
    assert (post(client, "1.2.3?update", said).status_code) == 200
    held = get(client, "1.2.3").json()
    assert (held[STATUS]["Value"], held["00400254"]["Value"]) == ([IN_PROGRESS], ["Kopf, schräg"])
    assert post(client, "1.2.3?update", finished()).status_code == 200
    assert get(client, "1.2.3").json()[STATUS]["Value"] == [COMPLETED]
    assert post(client, "1.2.3?update", said).status_code == 409


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_taken_and_told(client: Client, form: Form) -> None:
    assert post(client, "1.2.3", created(), form).status_code == 201
    assert post(client, "1.2.3?update", finished(), form).status_code == 200
    answer = get(client, "1.2.3", ACCEPTS[form])
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("multipart" if form.startswith("multipart") else ACCEPTS[form])
    plain = get(client, "1.2.3").json()
    expected = {**created(), **finished()}
    assert {tag: plain[tag] for tag in ("00100010", "00400340")} == {
        tag: expected[tag] for tag in ("00100010", "00400340")
    }


def test_what_is_refused_changes_nothing(client: Client) -> None:
    assert post(client, "1.2.3", created()).status_code == 201
    before = get(client, "1.2.3").json()
    for content, status in (
        ({"00100020": {"vr": "LO", "Value": ["P2"]}}, 409),
        ({STATUS: {"vr": "CS", "Value": ["OVER"]}}, 400),
        (finished(PerformedSeriesSequence=[]), 400),
        ({"00081030": {"vr": "LO", "Value": ["never created"]}}, 409),
    ):
        assert post(client, "1.2.3?update", content).status_code == status
    assert post(client, "1.2.3", created()).status_code == 409
    assert get(client, "1.2.3").json() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"PerformedProcedureStepID": None},
        {"PatientID": None},
        {"Modality": ""},
        {"ScheduledStepAttributesSequence": None},
        {"PerformedProcedureStepStatus": "COMPLETED"},
    ],
)
def test_a_creation_needs_all_and_begins_in_progress(client: Client, changes: dict[str, Any]) -> None:
    assert post(client, "1.2.3", created(**changes)).status_code == 400
    assert get(client, "1.2.3").status_code == 404


def test_an_unknown_step_is_neither_updated_nor_retrieved(client: Client) -> None:
    assert post(client, "1.2.9?update", finished()).status_code == 404
    assert get(client, "1.2.9").status_code == 404
    assert post(client, "1.02?update", finished()).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[{},{}]", b'{"0040":1}', b'{"00400252":{"vr":"XX"}}'])
@pytest.mark.parametrize("where", ["1.2.3", "1.2.3?update"])
def test_what_cannot_be_read_is_a_bad_request(client: Client, body: bytes, where: str) -> None:
    fields = {"content-type": JSON}
    answer = client.request("POST", f"{PERFORMED}/{where}", JSON, content=body, headers=fields)
    assert answer.status_code == 400


def test_long_values_are_refused(client: Client) -> None:
    long = created(PerformedProcedureStepDescription="x") | {"00204000": {"vr": "LT", "Value": ["x" * 100_000]}}
    assert post(client, "1.2.3", long).status_code == 413


def test_attributes_can_be_named(client: Client) -> None:
    post(client, "1.2.3", created())
    held = get(client, f"1.2.3?includefield={STATUS},PatientName&includefield=Modality").json()
    assert set(held) == {STATUS, "00100010", "00080060"}
    assert len(get(client, "1.2.3?includefield=all").json()) > 10
    assert get(client, "1.2.3?includefield=all,PatientID").status_code == 400


def test_numbers_leave_as_numbers(archive: Archive, client: Client) -> None:
    """Steps are kept with numbers as text, which is no form of the DICOM JSON Model."""
    more = created() | {"00400300": {"vr": "US", "Value": [3]}, "00101030": {"vr": "DS", "Value": [70.5]}}
    assert post(client, "1.2.3", more).status_code == 201
    held = get(client, "1.2.3").json()
    assert (held["00400300"]["Value"], held["00101030"]["Value"]) == ([3], [70.5])
    assert archive.steps.get("1.2.3")["00400300"]["Value"] == ["3"]


@pytest.mark.parametrize("path", [f"{PERFORMED}/1.2.3", SCHEDULED])
def test_an_edition_without_the_services_has_none(archive: Archive, path: str) -> None:
    old = Client(web(Service(archive, edition="2024e")))
    assert old.request("GET", path, JSON).status_code == 404


class Lives(RuleBasedStateMachine):
    """Performed steps over HTTP against the states of PS3.4 F.7, a restart in between."""

    folder: Callable[[], Path]
    archive: Archive

    @initialize()
    def begin(self) -> None:
        self.place = type(self).folder()
        self.states: dict[str, str] = {}
        self.open()

    @rule()
    def open(self) -> None:
        if hasattr(self, "archive"):
            self.archive.close()
        self.archive = Archive(self.place)
        self.client = Client(web(Service(self.archive, edition="2025e")))

    @rule(number=st.integers(1, 3), state=st.sampled_from([IN_PROGRESS, COMPLETED]))
    def create(self, number: int, state: str) -> None:
        name = f"1.2.{number}"
        answer = post(self.client, name, created(PerformedProcedureStepStatus=state))
        if state in TRANSITIONS[""] and name not in self.states:
            assert answer.status_code == 201
            self.states[name] = state
        else:
            assert answer.status_code in (400, 409)

    @rule(number=st.integers(1, 3), state=st.sampled_from([IN_PROGRESS, COMPLETED, DISCONTINUED, "OVER"]))
    def update(self, number: int, state: str) -> None:
        name = f"1.2.{number}"
        answer = post(self.client, f"{name}?update", finished(state))
        if name not in self.states:
            assert answer.status_code == 404
        elif state in TRANSITIONS[self.states[name]]:
            assert answer.status_code == 200
            self.states[name] = state
        else:
            assert answer.status_code in (400, 409)

    @invariant()
    def is_in_its_state(self) -> None:
        for name, state in getattr(self, "states", {}).items():
            assert get(self.client, name).json()[STATUS]["Value"] == [state]

    def teardown(self) -> None:
        if hasattr(self, "archive"):
            self.archive.close()


def test_lives(tmp_path_factory: pytest.TempPathFactory) -> None:
    machine = type("Lives", (Lives,), {"folder": staticmethod(lambda: tmp_path_factory.mktemp("lives"))})
    case = machine.TestCase  # type: ignore[attr-defined]
    case.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
    case().runTest()


# --- scheduled ------------------------------------------------------------------------------------------------------


def search(client: Client, query: str = "", accept: str = JSON) -> Any:
    return client.request("GET", f"{SCHEDULED}{query}", accept)


def test_all_steps_are_found(client: Client) -> None:
    assert len(search(client).json()) == len(steps.scheduled("tests"))


@pytest.mark.parametrize("path", steps.REQUIRED.values())
def test_a_step_is_found_by_each_required_key(client: Client, path: str) -> None:
    for planned in steps.scheduled("tests"):
        text = steps.value(planned, path)
        if text:
            rows = search(client, f"?{path}={text.replace('^', '%5E')}").json()
            assert str(planned.StudyInstanceUID) in [row["0020000D"]["Value"][0] for row in rows]
            assert len(rows) < 8


def test_pages_and_what_is_left(client: Client) -> None:
    first = search(client, "?limit=3")
    assert (len(first.json()), "There are 5 additional results" in first.headers["warning"]) == (3, True)
    rest = search(client, "?limit=100&offset=3")
    assert ("warning" in rest.headers, len(rest.json())) == (False, 5)
    assert search(client, "?offset=8").status_code == 204
    assert [*first.json(), *rest.json()] == search(client).json()


@pytest.mark.parametrize(
    "query",
    ["?limit=some", "?offset=-1", "?limit=1&limit=2", "?includefield=all,PatientID", "?fuzzymatching=yes",
     "?PatientID=1&00100020=2", "?00400100.00400002=2024-03-06", "?PatientID=%zz", "?PatientID=a,b"],
)  # fmt: skip
def test_what_cannot_be_asked_is_a_bad_request(client: Client, query: str) -> None:
    assert search(client, query).status_code == 400


def test_nothing_found(archive: Archive, client: Client) -> None:
    assert search(client, "?PatientID=NOBODY").status_code == 204
    modern = search(Client(web(Service(archive, edition="2026a"))), "?PatientID=NOBODY")
    assert (modern.status_code, modern.json()) == (200, [])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_told(client: Client, form: Form) -> None:
    patient = json.loads(search(client).content)[0]["00100020"]["Value"][0]
    one = search(client, f"?PatientID={patient}", ACCEPTS[form])
    assert (one.status_code, patient.encode() in one.content) == (200, True)
    assert search(client, "", ACCEPTS[form]).status_code == (406 if form == "xml" else 200)


def test_what_is_asked_for_and_not_had_is_told_without_a_value(client: Client) -> None:
    rows = search(client, "?includefield=00080082").json()
    assert all(row["00080082"] == {"vr": "SQ"} for row in rows)
    assert all("00091001" not in row for row in search(client, "?includefield=00091001").json())
