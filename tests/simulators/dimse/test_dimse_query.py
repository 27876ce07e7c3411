"""C-FIND of Patient Root and Study Root: levels, matching, negotiated options, and one answer through both doors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from harness.talk.dimse import Dial
from harness.upper_layer.message import Message, cancel_rq, find_rq
from harness.upper_layer.offer import Extended
from simulators.archive.archive import Archive
from simulators.dimse import query
from simulators.dimse.serve import Served
from simulators.model.json_encode import elements_of
from simulators.model.scan import read_dataset
from simulators.serve import serve as serve_web
from simulators.web import query as web_query
from simulators.web.search import question as web_question

from .conftest import BIG, EXPLICIT, IMPLICIT, Dialled, ask, dataset_of, identifier, make, octets_of, put

PATIENT = "1.2.840.10008.5.1.4.1.2.1.1"
STUDY = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """Two patients, three studies, four series, five instances."""
    put(
        archive,
        make("1.2.1", "1.2.1.1", "1.2.1.1.1"),
        make("1.2.1", "1.2.1.1", "1.2.1.1.2", InstanceNumber="2"),
        make("1.2.1", "1.2.1.2", "1.2.1.2.1", Modality="CT", SeriesNumber="2"),
        make("1.2.2", "1.2.2.1", "1.2.2.1.1", StudyDate="20240202", StudyTime="0800", AccessionNumber=""),
        make("1.2.3", "1.2.3.1", "1.2.3.1.1", PatientID="P2", PatientName="Doe^Jane", StudyDate="20240303"),
    )
    return archive


def find(scu: Dial, sop_class: str = STUDY, syntax: str = EXPLICIT, **values: Any) -> tuple[list[Dataset], Message]:
    """The identifiers of all matches and the final response."""
    octets = octets_of(identifier(**values), syntax)
    *pending, final = ask(scu, find_rq(1, scu.next_id(), sop_class, octets))
    assert all(one.status in (0xFF00, 0xFF01) for one in pending)
    assert not final.has_data
    return [dataset_of(one.dataset_octets(), syntax) for one in pending], final


def uids(found: list[Dataset], keyword: str = "StudyInstanceUID") -> list[str]:
    return [str(one[keyword].value) for one in found]


@pytest.fixture
def study(filled: Archive, door: Served, dial: Dialled) -> Dial:
    return dial(door, (STUDY, (EXPLICIT,)))


@pytest.fixture
def patient(filled: Archive, door: Served, dial: Dialled) -> Dial:
    return dial(door, (PATIENT, (EXPLICIT,)))


# --- shape of answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_an_answer_holds_what_was_asked_and_no_more(filled: Archive, door: Served, dial: Dialled, syntax: str) -> None:
    scu = dial(door, (STUDY, (syntax,)))
    asked = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1", "PatientName": "", "ModalitiesInStudy": "",
             "NumberOfStudyRelatedInstances": "", "ReferencedStudySequence": []}  # fmt: skip
    (match,), final = find(scu, syntax=syntax, **asked)
    assert final.status == 0
    told = {"SpecificCharacterSet", "RetrieveAETitle", "InstanceAvailability"}
    assert {element.keyword for element in match} == set(asked) | told
    assert (match.QueryRetrieveLevel, match.RetrieveAETitle, match.InstanceAvailability) == ("STUDY", "PROOF", "ONLINE")
    assert match.SpecificCharacterSet == "ISO_IR 192"
    match.decode()
    assert match.PatientName == "Müller^Jörg"
    assert list(match.ModalitiesInStudy) == ["CT", "OT"]
    assert match.NumberOfStudyRelatedInstances == 3
    assert len(match.ReferencedStudySequence) == 0


def test_a_character_set_is_named_only_where_it_is_needed(study: Dial) -> None:
    (match,), _ = find(study, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3", PatientName="")
    assert "SpecificCharacterSet" not in match
    assert match.PatientName == "Doe^Jane"


def test_no_match_is_a_success_alone(study: Dial) -> None:
    found, final = find(study, QueryRetrieveLevel="STUDY", StudyInstanceUID="9.9")
    assert (found, final.status) == ([], 0)


def test_keys_that_are_not_known_are_not_returned_and_said_to_be_so(study: Dial) -> None:
    asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1", Modality="CT", SOPClassesInStudy="")
    asked.add_new(0x00091001, "LO", "")
    first, final = ask(study, find_rq(1, 1, STUDY, octets_of(asked)))
    assert (first.status, final.status) == (0xFF01, 0)
    match = dataset_of(first.dataset_octets())
    assert "Modality" not in match
    assert 0x00091001 not in match


# --- levels --------------------------------------------------------------------------------------------------------


def test_patients_are_told_once(patient: Dial) -> None:
    found, final = find(
        patient, PATIENT, QueryRetrieveLevel="PATIENT", PatientID="", PatientName="", NumberOfPatientRelatedStudies="",
        NumberOfPatientRelatedSeries="", NumberOfPatientRelatedInstances="",
    )  # fmt: skip
    assert final.status == 0
    assert uids(found, "PatientID") == ["P1", "P2"]
    numbers = [(m.NumberOfPatientRelatedStudies, m.NumberOfPatientRelatedSeries, m.NumberOfPatientRelatedInstances)
               for m in found]  # fmt: skip
    assert numbers == [(2, 3, 4), (1, 1, 1)]


def test_patients_by_name(patient: Dial) -> None:
    found, _ = find(patient, PATIENT, QueryRetrieveLevel="PATIENT", PatientID="", PatientName="doe^*")
    assert uids(found, "PatientID") == ["P2"]


def test_a_study_without_a_patient_id_is_below_no_patient(archive: Archive, door: Served, dial: Dialled) -> None:
    put(archive, make(PatientID=""))
    scu = dial(door, (PATIENT, (EXPLICIT,)), (STUDY, (EXPLICIT,)))
    assert find(scu, PATIENT, QueryRetrieveLevel="PATIENT", PatientID="")[0] == []
    octets = octets_of(identifier(QueryRetrieveLevel="STUDY", PatientID="", StudyInstanceUID=""))
    assert ask(scu, find_rq(3, 9, STUDY, octets))[0].pending


def test_down_the_hierarchy(patient: Dial) -> None:
    found, _ = find(patient, PATIENT, QueryRetrieveLevel="STUDY", PatientID="P1", StudyInstanceUID="")
    assert uids(found) == ["1.2.1", "1.2.2"]
    above = {"PatientID": "P1", "StudyInstanceUID": "1.2.1"}
    found, _ = find(patient, PATIENT, QueryRetrieveLevel="SERIES", SeriesInstanceUID="", Modality="", **above)
    assert [(m.PatientID, m.StudyInstanceUID, m.SeriesInstanceUID, m.Modality) for m in found] == [
        ("P1", "1.2.1", "1.2.1.1", "OT"), ("P1", "1.2.1", "1.2.1.2", "CT")]  # fmt: skip
    found, _ = find(
        patient, PATIENT, QueryRetrieveLevel="IMAGE", SeriesInstanceUID="1.2.1.1", SOPInstanceUID="", Rows=None, **above
    )
    assert [(m.SOPInstanceUID, m.Rows) for m in found] == [("1.2.1.1.1", 4), ("1.2.1.1.2", 4)]


@pytest.mark.parametrize(
    ("values", "element"),
    [
        ({"StudyInstanceUID": "1.2.1"}, 0x00080052),
        ({"QueryRetrieveLevel": "PATIENT", "PatientID": ""}, 0x00080052),  # no level of Study Root
        ({"QueryRetrieveLevel": "INSTANCE", "PatientID": ""}, 0x00080052),
        ({"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": ""}, 0x0020000D),
        ({"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": ["1.2.1", "1.2.2"]}, 0x0020000D),
        ({"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2.1", "PatientName": "X"}, 0x00100010),
        ({"QueryRetrieveLevel": "STUDY", "StudyDate": "20240201-20240101"}, 0x00080020),
    ],
)
def test_an_identifier_that_does_not_fit_is_refused(study: Dial, values: dict[str, Any], element: int) -> None:
    (answer,) = ask(study, find_rq(1, 1, STUDY, octets_of(identifier(**values))))
    assert answer.status == 0xA900
    assert answer.command["OffendingElement"] == (element,)
    assert 0 < len(answer.text("ErrorComment")) <= 64


def test_no_data_set_and_garbage_are_refused(study: Dial) -> None:
    assert ask(study, find_rq(1, 1, STUDY, None))[0].status == 0xA900
    assert ask(study, find_rq(1, 2, STUDY, b"no data set at all"))[0].status == 0xC000


def test_a_sequence_key_has_one_item(study: Dial) -> None:
    asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="")
    asked.ReferencedStudySequence = Sequence([identifier(ReferencedSOPInstanceUID="1.2"), Dataset()])
    (answer,) = ask(study, find_rq(1, 1, STUDY, octets_of(asked)))
    assert (answer.status, answer.command["OffendingElement"]) == (0xA900, (0x00081110,))


# --- matching ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"StudyInstanceUID": ["1.2.1", "1.2.3", "9.9"]}, ["1.2.1", "1.2.3"]),
        ({"PatientID": "P2"}, ["1.2.3"]),
        ({"PatientID": "P?"}, ["1.2.1", "1.2.2", "1.2.3"]),
        ({"PatientName": "müll*"}, ["1.2.1", "1.2.2"]),
        ({"StudyDate": "20240201-"}, ["1.2.2", "1.2.3"]),
        ({"StudyDate": "-20240202"}, ["1.2.1", "1.2.2"]),
        ({"StudyDate": "20240131-20240202", "StudyTime": "0900-1200"}, ["1.2.1"]),  # each range on its own
        ({"AccessionNumber": "A1"}, ["1.2.1", "1.2.2", "1.2.3"]),  # what is unknown matches (PS3.4 C.2.2.1.2)
        ({"AccessionNumber": "A2"}, ["1.2.2"]),
        ({"ModalitiesInStudy": "CT"}, ["1.2.1"]),
    ],
)
def test_matching(study: Dial, keys: dict[str, Any], expected: list[str]) -> None:
    asked = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "", "SpecificCharacterSet": "ISO_IR 192", **keys}
    assert uids(find(study, **asked)[0]) == expected


def test_sequences_match_item_by_item(archive: Archive, door: Served, dial: Dialled) -> None:
    def request(procedure: str, step: str) -> Dataset:
        return identifier(RequestedProcedureID=procedure, ScheduledProcedureStepID=step)

    put(archive, make(RequestAttributesSequence=[request("R1", "S1"), request("R2", "S2")]))
    scu = dial(door, (STUDY, (EXPLICIT,)))
    asked = {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2.1", "SeriesInstanceUID": ""}
    (match,), _ = find(scu, RequestAttributesSequence=[request("R2", "")], **asked)
    assert [(i.RequestedProcedureID, i.ScheduledProcedureStepID) for i in match.RequestAttributesSequence] == [
        ("R2", "S2")]  # fmt: skip
    assert find(scu, RequestAttributesSequence=[request("R2", "S1")], **asked)[0] == []


# --- options -------------------------------------------------------------------------------------------------------


def test_options_are_answered_one_by_one(door: Served, dial: Dialled) -> None:
    offered = (Extended(STUDY, b"\1\1\1\1\1\1\1"), Extended(PATIENT, b"\1"))
    scu = dial(door, (STUDY, (EXPLICIT,)), (PATIENT, (EXPLICIT,)), extended=offered)
    assert scu.machine.acceptance is not None
    assert {e.uid: e.information for e in scu.machine.acceptance.extended} == {
        STUDY: b"\1\1\0\1\0",  # names are matched literally, and nothing is converted
        PATIENT: b"\1",
    }


@pytest.fixture
def relational(filled: Archive, door: Served, dial: Dialled) -> Dial:
    return dial(door, (STUDY, (EXPLICIT,)), extended=(Extended(STUDY, b"\1\1"),))


def test_relational_queries_take_keys_of_any_level(relational: Dial) -> None:
    found, _ = find(
        relational, QueryRetrieveLevel="SERIES", SeriesInstanceUID="", PatientID="P1", PatientName="", Modality="OT"
    )
    assert uids(found, "SeriesInstanceUID") == ["1.2.1.1", "1.2.2.1"]
    assert all("StudyInstanceUID" not in match for match in found), "it was not asked for"
    found, _ = find(relational, QueryRetrieveLevel="STUDY", StudyInstanceUID="", Modality="CT")
    assert uids(found) == ["1.2.1"]


def test_dates_and_times_are_combined_when_that_was_agreed(relational: Dial) -> None:
    asked = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "", "StudyDate": "20240131-20240202"}
    assert uids(find(relational, StudyTime="0900-1200", **asked)[0]) == ["1.2.1", "1.2.2"]


def test_time_zones_are_used_when_that_was_agreed(archive: Archive, door: Served, dial: Dialled) -> None:
    put(archive, make(TimezoneOffsetFromUTC="+0100", StudyDate="20240131", StudyTime="003000"))
    asked = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "", "StudyDate": "20240130", "StudyTime": "",
             "TimezoneOffsetFromUTC": "+0000"}  # fmt: skip
    plain = dial(door, (STUDY, (EXPLICIT,)))
    assert find(plain, **asked)[0] == []
    zoned = dial(door, (STUDY, (EXPLICIT,)), extended=(Extended(STUDY, b"\0\0\0\1"),))
    (match,), _ = find(zoned, **asked)
    assert match.TimezoneOffsetFromUTC == "+0100", "values are told as they are stored, with the zone they are in"


# --- order of things -----------------------------------------------------------------------------------------------


def test_cancel_ends_a_query(archive: Archive, door: Served, dial: Dialled) -> None:
    put(archive, *(make(f"1.2.{n}", f"1.2.{n}.1", f"1.2.{n}.1.1") for n in range(1, 400)))
    scu = dial(door, (STUDY, (EXPLICIT,)))
    octets = octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=""))
    request = find_rq(1, 5, STUDY, octets)
    scu.machine.send(request)
    scu.machine.send(cancel_rq(1, 5))
    scu.flush(scu.line.deadline())
    while (answer := scu.receive()) is not None and answer.pending:
        pass
    assert answer is not None
    assert answer.status in (0xFE00, 0x0000), "the cancel may come when all is said"
    assert not answer.has_data
    assert find(scu, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.7")[1].status == 0


def test_both_doors_give_one_answer(filled: Archive, door: Served, dial: Dialled) -> None:
    scu = dial(door, (STUDY, (EXPLICIT,)), extended=(Extended(STUDY, b"\1\1\0\1"),))
    with serve_web(filled) as web, httpx.Client() as client:
        for keys in ({"PatientID": "P1"}, {"StudyDate": "20240201-20240401"}, {"PatientName": "Doe^*"},
                     {"ModalitiesInStudy": "CT"}, {"PatientID": "P?", "StudyTime": "08-09"}):  # fmt: skip
            rows = client.get(f"{web.url}/studies", params=keys)
            told = [row["0020000D"]["Value"][0] for row in rows.json()] if rows.status_code == 200 else []
            assert uids(find(scu, QueryRetrieveLevel="STUDY", StudyInstanceUID="", **keys)[0]) == told


KEYS = {
    "PatientID": ["P1", "P2", "P?", "*", "p1"], "PatientName": ["Doe^Jane", "DOE^*", "*Jane", "?oe*", "Roe^J"],
    "StudyDate": ["20240131", "20240131-", "-20240201", "20240201-20240301"], "AccessionNumber": ["A1", "A*", "B"],
    "StudyTime": ["0800-0930", "101112", "-10"], "ModalitiesInStudy": ["CT", "MR"], "StudyID": ["S1", "S2"],
    "ReferringPhysicianName": ["Refer*", "X"],
}  # fmt: skip


@pytest.fixture(scope="module")
def assorted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Studies that differ in every key, some of them without a value for it."""
    archive = Archive(tmp_path_factory.mktemp("assorted"))
    put(archive, *(
        make(
            f"1.2.{n}", f"1.2.{n}.1", f"1.2.{n}.1.1", PatientID=["P1", "P2", ""][n % 3], Modality=["CT", "MR"][n % 2],
            PatientName=["Doe^Jane", "Roe^Jo", ""][n // 2 % 3], StudyDate=["20240131", "20240215", ""][n // 3 % 3],
            StudyTime=["0900", "101112", ""][n % 3], AccessionNumber=["A1", "B", ""][n // 4 % 3],
        )
        for n in range(1, 25)
    ))  # fmt: skip
    yield archive
    archive.close()


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in KEYS.items()}))
def test_any_keys_find_the_same_through_both_doors(assorted: Archive, keys: dict[str, str]) -> None:
    parameters = web_query.read("&".join(f"{name}={value}" for name, value in keys.items()))
    rows = assorted.search(replace(web_question(parameters, "studies", "", "", True), combined=False)).rows
    asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="", **keys)
    elements = elements_of(read_dataset(octets_of(asked), 0, EXPLICIT), "")
    told = query.read(elements, STUDY, {})
    certain = replace(told, question=replace(told.question, unknown_matches=False))
    assert [query.unique_keys(certain, match) for match in query.matches(assorted, certain)] == [
        [row.study] for row in rows]  # fmt: skip
    every = [query.unique_keys(told, match) for match in query.matches(assorted, told)]
    assert all([row.study] in every for row in rows), "what is unknown only adds to it"
