"""Predictions for recorded associations: what the unbroken archive holds, by the number of each operation."""

from __future__ import annotations

from harness.talk.dimse import Dial
from harness.upper_layer.message import echo_rq, find_rq, get_rq
from harness.upper_layer.offer import Extended, Role
from simulators.archive.archive import Archive
from simulators.dimse.oracle import expect_association
from simulators.dimse.serve import Served
from simulators.oracle import Oracle

from .conftest import EXPLICIT, IMPLICIT, SC, Dialled, ask, file_of, identifier, make, octets_of, put

ECHO = "1.2.840.10008.1.1"
PATIENT, STUDY = "1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1"
GET = "1.2.840.10008.5.1.4.1.2.2.3"


def filled(archive: Archive) -> None:
    put(
        archive,
        make("1.2.1", "1.2.1.1", "1.2.1.1.1"),
        make("1.2.1", "1.2.1.2", "1.2.1.2.1", Modality="CT"),
        make("1.2.2", "1.2.2.1", "1.2.2.1.1", AccessionNumber="", PatientID="P2"),
    )


def find(scu: Dial, context: int, sop_class: str, **values: object) -> None:
    ask(scu, find_rq(context, scu.next_id(), sop_class, octets_of(identifier(**values))))


def test_predictions(archive: Archive, door: Served, dial: Dialled) -> None:
    filled(archive)
    scu = dial(
        door, (ECHO, (IMPLICIT,)), (PATIENT, (EXPLICIT,)), (STUDY, (EXPLICIT,)), (GET, (EXPLICIT,)), (SC, (EXPLICIT,)),
        roles=(Role(SC, 0, 1),), extended=(Extended(STUDY, b"\1"),),
    )  # fmt: skip
    ask(scu, echo_rq(1, scu.next_id()))
    find(scu, 3, PATIENT, QueryRetrieveLevel="PATIENT", PatientID="")
    find(scu, 3, PATIENT, QueryRetrieveLevel="STUDY", PatientID="P1", StudyInstanceUID="")
    find(scu, 5, STUDY, QueryRetrieveLevel="STUDY", StudyInstanceUID="", AccessionNumber="A1")
    find(scu, 5, STUDY, QueryRetrieveLevel="SERIES", SeriesInstanceUID="", Modality="CT")
    find(scu, 3, PATIENT, QueryRetrieveLevel="SERIES", PatientID="P1", SeriesInstanceUID="")
    ask(scu, get_rq(7, scu.next_id(), GET, octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"))))
    scu.release()
    expected = expect_association(archive, scu.finish()) or {}
    assert [one.pop("universe") for one in expected.values() if "matches" in one] == [["1.2.1", "1.2.2"]] * 4
    assert expected == {
        "2": {"level": "PATIENT", "matches": [["P1"], ["P2"]]},
        "3": {"level": "STUDY", "matches": [["P1", "1.2.1"]]},
        "4": {"level": "STUDY", "matches": [["1.2.1"]], "arguable": [["1.2.2"]]},
        "5": {"level": "SERIES", "matches": [["1.2.1", "1.2.1.2"]]},
        "6": {"refused": 0xA900},
        "7": {"instances": ["1.2.1.1.1", "1.2.1.2.1"]},
    }


def test_the_oracle_predicts_for_both_doors(door: Served, dial: Dialled) -> None:
    scu = dial(door, (STUDY, (EXPLICIT,)))
    find(scu, 1, STUDY, QueryRetrieveLevel="STUDY", StudyInstanceUID="")
    association = scu.finish()
    with Oracle() as oracle:
        oracle.load([file_of(make())])
        assert oracle.expect_association(association) == {
            "1": {"level": "STUDY", "matches": [["1.2.1"]], "universe": ["1.2.1"]}
        }


def test_nothing_is_predicted_where_nothing_was_asked(archive: Archive, door: Served, dial: Dialled) -> None:
    scu = dial(door, (ECHO, (IMPLICIT,)))
    ask(scu, echo_rq(1, 1))
    assert expect_association(archive, scu.finish()) is None
