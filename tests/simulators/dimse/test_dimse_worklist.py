"""The Modality Worklist: items by their keys, nothing that was not asked for, and no match where a value is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from harness.talk.dimse import Dial
from harness.upper_layer.message import find_rq
from harness.upper_layer.offer import Extended
from simulators.archive.archive import Archive
from simulators.archive.worklist import Worklist
from simulators.dimse.serve import Served

from .conftest import EXPLICIT, IMPLICIT, Dialled, ask, dataset_of, file_of, identifier, octets_of

MWL = "1.2.840.10008.5.1.4.31"


def item(name: str = "Doe^Jane", date: str = "20240131", time: str = "0900", **values: Any) -> Dataset:
    step = identifier(
        ScheduledStationAETitle="CT1", ScheduledProcedureStepStartDate=date, ScheduledProcedureStepStartTime=time,
        Modality=values.pop("Modality", "CT"), ScheduledProcedureStepID="S1", ScheduledPerformingPhysicianName="",
    )  # fmt: skip
    told = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": name, "PatientID": "P1", "AccessionNumber": "A1",
            "StudyInstanceUID": "1.2.3", "RequestedProcedureID": "R1", **values}  # fmt: skip
    return identifier(ScheduledProcedureStepSequence=[step], **told)


def kept(worklist: Worklist, *items: Dataset) -> None:
    for number, one in enumerate(items):
        worklist.put(json.loads(one.to_json()), f"item{number}")


def find(scu: Dial, syntax: str = EXPLICIT, **values: Any) -> list[Dataset]:
    *pending, final = ask(scu, find_rq(1, scu.next_id(), MWL, octets_of(identifier(**values), syntax)))
    assert (final.status, final.has_data) == (0, False)
    assert {one.status for one in pending} <= {0xFF00}
    found = [dataset_of(one.dataset_octets(), syntax) for one in pending]
    for one in found:
        one.decode()
    return found


def steps(**values: Any) -> list[Dataset]:
    return [identifier(**values)]


@pytest.fixture
def scu(door: Served, dial: Dialled) -> Dial:
    kept(
        door.services.worklist,
        item("Müller^Jörg"),
        item("Doe^Jane", time="1400"),
        item("Roe^Jo", "20240202", "0800", Modality="MR", AccessionNumber=""),
    )
    return dial(door, (MWL, (EXPLICIT,)))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, ["Müller^Jörg", "Doe^Jane", "Roe^Jo"]),
        ({"PatientName": "do*"}, ["Doe^Jane"]),
        ({"ScheduledProcedureStepSequence": steps(Modality="MR")}, ["Roe^Jo"]),
        ({"ScheduledProcedureStepSequence": steps(Modality="MR", ScheduledStationAETitle="CT2")}, []),
        ({"ScheduledProcedureStepSequence": steps(ScheduledProcedureStepStartDate="20240131")},
         ["Müller^Jörg", "Doe^Jane"]),
        # date and time are one range (K.6.1.2.2)
        ({"ScheduledProcedureStepSequence": steps(ScheduledProcedureStepStartDate="20240131-20240202",
                                                  ScheduledProcedureStepStartTime="1000-0830")},
         ["Doe^Jane", "Roe^Jo"]),
        # what is unknown fails to match here (K.2.2.1.1.1), unlike in Query/Retrieve
        ({"ScheduledProcedureStepSequence": steps(ScheduledPerformingPhysicianName="A*")}, []),
        ({"ScheduledProcedureStepSequence": steps(ScheduledPerformingPhysicianName="*")},
         ["Müller^Jörg", "Doe^Jane", "Roe^Jo"]),
    ],
)  # fmt: skip
def test_matching(scu: Dial, keys: dict[str, Any], expected: list[str]) -> None:
    assert [str(one.PatientName) for one in find(scu, **{"PatientName": "", **keys})] == expected


def test_an_answer_holds_what_was_asked_and_no_more(scu: Dial) -> None:
    asked = steps(ScheduledProcedureStepID="", ScheduledProcedureStepLocation="", ScheduledProtocolCodeSequence=[])
    (found,) = find(scu, PatientName="Müller*", PatientWeight="", ScheduledProcedureStepSequence=asked)
    assert {e.keyword for e in found} == {
        "SpecificCharacterSet", "PatientName", "PatientWeight", "ScheduledProcedureStepSequence"}  # fmt: skip
    (step,) = found.ScheduledProcedureStepSequence
    assert {e.keyword for e in step} == {e.keyword for e in asked[0]}
    assert (step.ScheduledProcedureStepID, step.ScheduledProcedureStepLocation) == ("S1", "")


def test_a_universal_sequence_is_returned_whole(scu: Dial) -> None:
    (found,) = find(scu, PatientName="Roe*", ScheduledProcedureStepSequence=[])
    assert found.ScheduledProcedureStepSequence[0].Modality == "MR"


def test_implicit_syntax(door: Served, dial: Dialled) -> None:
    kept(door.services.worklist, item("Müller^Jörg"))
    (found,) = find(dial(door, (MWL, (IMPLICIT,))), IMPLICIT, PatientName="M*")
    assert found.PatientName == "Müller^Jörg"


def test_options(door: Served, dial: Dialled) -> None:
    scu = dial(door, (MWL, (EXPLICIT,)), extended=(Extended(MWL, b"\1\1\1\1"),))
    assert scu.machine.acceptance is not None
    assert scu.machine.acceptance.extended == (Extended(MWL, b"\1\1\0\1"),)


def test_a_wrong_value_is_refused(scu: Dial) -> None:
    octets = octets_of(identifier(ScheduledProcedureStepSequence=steps(ScheduledProcedureStepStartTime="10-09")))
    (answer,) = ask(scu, find_rq(1, 1, MWL, octets))
    assert answer.status == 0xA900


def test_items_outlive_the_worklist(tmp_path: Path) -> None:
    folder = tmp_path / "worklist"
    kept(Worklist(folder), item("A"), item("B"))
    again = Worklist(folder)
    assert again.names() == ["item0", "item1"]
    again.remove("item0")
    assert Worklist(folder).names() == ["item1"]
    with pytest.raises(ValueError, match="Scheduled Procedure Step"):
        again.put({})


def test_items_come_from_files(tmp_path: Path, archive: Archive) -> None:
    worklist = Worklist(tmp_path / "worklist")
    plain, part10 = tmp_path / "a.json", tmp_path / "b.wl"
    plain.write_text(json.dumps([item("A").to_json_dict()]))
    whole = item("B")
    whole.SOPClassUID, whole.SOPInstanceUID = MWL, "1.2.9"
    part10.write_bytes(file_of(whole))
    assert [*worklist.load(plain), *worklist.load(part10)] == ["a-1", "b-1"]
    plain.write_text("1")
    with pytest.raises(ValueError, match="JSON"):
        worklist.load(plain)
