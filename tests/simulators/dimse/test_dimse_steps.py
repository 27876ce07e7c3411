"""Performed procedure steps: what a step needs, what may be changed and when, who hears of it, what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from harness.make import steps
from harness.make.attributes import attributes
from harness.make.payloads import payload
from harness.talk.dimse import Dial
from harness.upper_layer.message import Message, n_create_rq, n_get_rq, n_set_rq
from simulators.archive.archive import Archive
from simulators.archive.steps import COMPLETED, DISCONTINUED, IN_PROGRESS, STATUS, TRANSITIONS, Steps, Wrong, state_of
from simulators.dimse.serve import Served
from simulators.web.app import web
from simulators.web.service import Service
from tests.web.door import Client

from .conftest import EXPLICIT, Dialled, ask, dataset_of, heard, identifier, octets_of

STEP, RETRIEVE, NOTIFICATION = (f"1.2.840.10008.3.1.2.3.{n}" for n in (3, 4, 5))
UID = "1.2.3.4"
JSON = "application/dicom+json"


def created(**values: Any) -> Dataset:
    scheduled = identifier(
        StudyInstanceUID="1.2.3", ReferencedStudySequence=[], AccessionNumber="", RequestedProcedureID="",
        RequestedProcedureDescription="", ScheduledProcedureStepID="", ScheduledProcedureStepDescription="",
        ScheduledProtocolCodeSequence=[],
    )  # fmt: skip
    told: dict[str, Any] = {
        "ScheduledStepAttributesSequence": [scheduled], "PatientName": "Müller^Jörg", "PatientID": "P1",
        "PatientBirthDate": "", "PatientSex": "", "ReferencedPatientSequence": [], "PerformedProcedureStepID": "PPS1",
        "PerformedStationAETitle": "CT1", "PerformedStationName": "", "PerformedLocation": "",
        "PerformedProcedureStepStartDate": "20240131", "PerformedProcedureStepStartTime": "1011",
        "PerformedProcedureStepStatus": "IN PROGRESS", "PerformedProcedureStepDescription": "",
        "PerformedProcedureTypeDescription": "", "ProcedureCodeSequence": [], "PerformedProcedureStepEndDate": "",
        "PerformedProcedureStepEndTime": "", "Modality": "CT", "StudyID": "", "PerformedProtocolCodeSequence": [],
        "PerformedSeriesSequence": [], "SpecificCharacterSet": "ISO_IR 192", **values,
    }  # fmt: skip
    return identifier(**{keyword: value for keyword, value in told.items() if value is not ...})


def series() -> Dataset:
    return identifier(
        PerformingPhysicianName="", ProtocolName="Head", OperatorsName="", SeriesInstanceUID="1.2.3.1",
        SeriesDescription="", RetrieveAETitle="", ReferencedImageSequence=[],
        ReferencedNonImageCompositeSOPInstanceSequence=[],
    )  # fmt: skip


def finished(status: str = "COMPLETED") -> Dataset:
    return identifier(
        PerformedProcedureStepStatus=status, PerformedProcedureStepEndDate="20240131",
        PerformedProcedureStepEndTime="1030", PerformedSeriesSequence=[series()],
    )  # fmt: skip


def create(scu: Dial, dataset: Dataset, uid: str = UID) -> Message:
    return ask(scu, n_create_rq(1, scu.next_id(), STEP, uid, octets_of(dataset)))[0]


def change(scu: Dial, dataset: Dataset, uid: str = UID) -> Message:
    return ask(scu, n_set_rq(1, scu.next_id(), STEP, uid, octets_of(dataset)))[0]


@pytest.fixture
def scu(door: Served, dial: Dialled) -> Dial:
    return dial(door, (STEP, (EXPLICIT,)), (RETRIEVE, (EXPLICIT,)))


def test_a_step_goes_its_way(scu: Dial) -> None:
    answer = create(scu, created())
    assert (answer.status, answer.instance, answer.sop_class) == (0, UID, STEP)
    assert change(scu, identifier(PerformedProcedureStepDescription="Head")).status == 0
    assert change(scu, finished()).status == 0
    (told,) = ask(scu, n_get_rq(3, 9, RETRIEVE, UID))
    step = dataset_of(told.dataset_octets())
    step.decode()
    assert (told.status, step.PerformedProcedureStepStatus, step.PatientName) == (0, "COMPLETED", "Müller^Jörg")
    assert step.PerformedSeriesSequence[0].ProtocolName == "Head"


def test_a_finished_step_is_not_changed_any_more(scu: Dial) -> None:
    create(scu, created())
    change(scu, finished("DISCONTINUED"))
    answer = change(scu, identifier(PerformedProcedureStepDescription="late"))
    assert (answer.status, answer.command["ErrorID"]) == (0x0110, 0xA710)
    assert answer.text("ErrorComment") == "Performed Procedure Step Object may no longer be updated"


def test_the_scp_names_a_step_without_a_name(scu: Dial) -> None:
    answer = create(scu, created(), "")
    assert answer.status == 0
    assert ask(scu, n_get_rq(3, 9, RETRIEVE, answer.instance))[0].status == 0


@pytest.mark.parametrize(
    ("dataset", "status", "element", "value"),
    [
        (created(PatientName=...), 0x0120, "AttributeIdentifierList", (0x00100010,)),
        (created(ScheduledStepAttributesSequence=[identifier(StudyInstanceUID="1.2")], Modality=...), 0x0120, "", ()),
        (created(Modality=""), 0x0121, "", ()),
        (created(ScheduledStepAttributesSequence=[]), 0x0121, "", ()),
        (created(PerformedProcedureStepStatus="COMPLETED"), 0x0106, "", ()),
    ],
)
def test_a_step_is_created_whole_and_in_progress(
    scu: Dial, dataset: Dataset, status: int, element: str, value: Any
) -> None:
    answer = create(scu, dataset)
    assert answer.status == status
    assert not element or answer.command[element] == value
    if status == 0x0106:
        assert dataset_of(answer.dataset_octets()).PerformedProcedureStepStatus == "COMPLETED"
    assert ask(scu, n_get_rq(3, 9, RETRIEVE, UID))[0].status == 0x0112


@pytest.mark.parametrize(
    ("dataset", "status"),
    [
        (identifier(PatientName="Other"), 0x0106),  # an N-SET must not touch it
        (identifier(CommentsOnThePerformedProcedureStep="x"), 0x0105),  # it was not created
        (identifier(PerformedProcedureStepStatus="DONE"), 0x0106),
        (identifier(PerformedProcedureStepStatus="COMPLETED"), 0x0121),  # no end, no series
    ],
)
def test_changes_that_are_not_allowed_change_nothing(scu: Dial, dataset: Dataset, status: int) -> None:
    create(scu, created())
    before = ask(scu, n_get_rq(3, 9, RETRIEVE, UID))[0].dataset_octets()
    assert change(scu, dataset).status == status
    assert ask(scu, n_get_rq(3, 9, RETRIEVE, UID))[0].dataset_octets() == before


def test_names_and_classes(scu: Dial) -> None:
    create(scu, created())
    assert create(scu, created()).status == 0x0111
    assert create(scu, created(), "1.2.03").status == 0x0117
    assert change(scu, finished(), "9.9").status == 0x0112
    assert ask(scu, n_get_rq(1, 5, STEP, UID))[0].status == 0x0211
    assert ask(scu, n_get_rq(3, 6, STEP, UID))[0].status == 0x0118


def test_get_tells_what_was_asked(scu: Dial) -> None:
    create(scu, created())
    (answer,) = ask(scu, n_get_rq(3, 5, RETRIEVE, UID, [0x00100020, 0x00400280]))
    told = dataset_of(answer.dataset_octets())
    assert (answer.status, [e.keyword for e in told]) == (0x0001, ["PatientID"])


def test_numbers_are_told_as_they_were_written(scu: Dial) -> None:
    create(scu, created(PatientWeight="70.50", StudyID="007"))
    (answer,) = ask(scu, n_get_rq(3, 5, RETRIEVE, UID, [0x00101030]))
    assert b"70.50" in answer.dataset_octets()


def test_those_who_listen_hear_of_every_change(door: Served, dial: Dialled, scu: Dial) -> None:
    listener = dial(door, (NOTIFICATION, (EXPLICIT,)))
    create(scu, created())
    change(scu, identifier(PerformedProcedureStepDescription="Head"))
    change(scu, finished())
    heard(listener, lambda: len(listener.served) == 3)
    types = sorted(event.command["EventTypeID"] for event in listener.served)
    assert types == [1, 2, 4]
    assert {(event.sop_class, event.instance) for event in listener.served} == {(NOTIFICATION, UID)}


def test_they_hear_of_what_came_by_the_web_too(archive: Archive, door: Served, dial: Dialled) -> None:
    listener = dial(door, (NOTIFICATION, (EXPLICIT,)))
    client = Client(web(Service(archive, edition="2025e")))
    for mark, step, done in (("", steps.created("tests"), 201), ("?update", steps.finished("tests"), 200)):
        message = payload(attributes(step), "json")
        fields = {"content-type": message.content_type}
        path = f"/modality-performed-procedure-steps/{UID}{mark}"
        answer = client.request("POST", path, JSON, content=message.body.bytes(), headers=fields)
        assert answer.status_code == done
    heard(listener, lambda: len(listener.served) == 2)
    assert sorted(event.command["EventTypeID"] for event in listener.served) == [1, 2]
    assert {event.instance for event in listener.served} == {UID}


def test_steps_outlive_the_simulator(
    tmp_path: Path, archive: Archive, opened: Callable[..., Served], dial: Dialled
) -> None:
    create(dial(opened(), (STEP, (EXPLICIT,))), created())
    assert Steps(archive.folder / "steps").get(UID)[STATUS]["Value"] == [IN_PROGRESS]


# --- the table -----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([IN_PROGRESS, COMPLETED, DISCONTINUED, "ELSE"]), max_size=6))
def test_a_step_only_goes_where_the_table_lets_it(tmp_path_factory: pytest.TempPathFactory, wishes: list[str]) -> None:
    steps = Steps(tmp_path_factory.mktemp("steps"))
    steps.create(UID, created().to_json_dict())
    state = IN_PROGRESS
    for wish in wishes:
        if wish in TRANSITIONS[state]:
            assert steps.change(UID, finished(wish).to_json_dict()) == (state, wish)
            state = wish
        else:
            with pytest.raises(Wrong, match="value" if TRANSITIONS[state] else "final"):
                steps.change(UID, finished(wish).to_json_dict())
    assert state_of(steps.get(UID)) == state
