"""What the door says is read by the strict readers that judge products: they find nothing wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.association import Association
from harness.talk.dimse import Dial
from harness.upper_layer.message import echo_rq, find_rq, get_rq, n_action_rq, n_create_rq, n_get_rq, n_set_rq, store_rq
from harness.upper_layer.offer import Extended, Identity, Role, Window
from simulators.archive.archive import Archive
from simulators.dimse.serve import Served

from .conftest import BIG, EXPLICIT, IMPLICIT, SC, Dialled, ask, heard, identifier, make, octets_of, put
from .test_dimse_steps import created, finished
from .test_dimse_worklist import item

ECHO, FIND, GET = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"
MWL, STEP, RETRIEVE = "1.2.840.10008.5.1.4.31", "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.3.1.2.3.4"
COMMITMENT, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
SERVICES = (ECHO, FIND, GET, MWL, STEP, RETRIEVE, COMMITMENT, SC)


def everything(scu: Dial, syntax: str) -> None:
    """Ask something of every service, and something wrong of most of them."""
    at = {context.abstract: id for id, context in scu.contexts.items()}

    def octets(**values: Any) -> bytes:
        return octets_of(identifier(**values), syntax)

    study = octets(QueryRetrieveLevel="STUDY", StudyInstanceUID="", PatientName="", ModalitiesInStudy="", StudyTime="")
    references = [identifier(ReferencedSOPClassUID=SC, ReferencedSOPInstanceUID=uid) for uid in ("1.2.1.1.1", "9.9")]
    new = octets_of(make("1.2.9", "1.2.9.1", "1.2.9.1.1"), syntax)
    for number, request in enumerate([
        echo_rq(at[ECHO], 1),
        store_rq(at[SC], 1, SC, "1.2.9.1.1", new), store_rq(at[SC], 1, SC, "1.2.9.1.2", new),
        store_rq(at[SC], 1, SC, "1.2.9.1.3", new[:-3]), store_rq(at[SC], 1, SC, "1.02", new),
        find_rq(at[FIND], 1, FIND, study), find_rq(at[FIND], 1, FIND, octets(QueryRetrieveLevel="PATIENT")),
        find_rq(at[FIND], 1, FIND, octets(QueryRetrieveLevel="STUDY", StudyInstanceUID="", Modality="CT")),
        get_rq(at[GET], 1, GET, octets(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")),
        find_rq(at[MWL], 1, MWL, octets(PatientName="*", ScheduledProcedureStepSequence=[])),
        n_create_rq(at[STEP], 1, STEP, "1.2.3.4", octets_of(created(), syntax)),
        n_create_rq(at[STEP], 1, STEP, "1.2.3.5", octets_of(created(Modality=""), syntax)),
        n_create_rq(at[STEP], 1, STEP, "1.2.3.5", octets_of(created(PatientID=...), syntax)),
        n_set_rq(at[STEP], 1, STEP, "1.2.3.4", octets_of(finished(), syntax)),
        n_set_rq(at[STEP], 1, STEP, "1.2.3.4", octets_of(finished(), syntax)),
        n_get_rq(at[RETRIEVE], 1, RETRIEVE, "1.2.3.4", [0x00100010, 0x00080060, 0x00091001]),
        n_get_rq(at[RETRIEVE], 1, RETRIEVE, "1.2.3.4"),
        n_action_rq(at[COMMITMENT], 1, COMMITMENT, INSTANCE, 1,
                    octets(TransactionUID="1.2.3.9", ReferencedSOPSequence=references)),
        n_action_rq(at[COMMITMENT], 1, COMMITMENT, INSTANCE, 9),
    ], 1):  # fmt: skip
        ask(scu, request.set(MessageID=number))
    heard(scu, lambda: any(one.name == "N-EVENT-REPORT-RQ" for one in scu.served))


@pytest.fixture(params=[IMPLICIT, EXPLICIT, BIG])
def evidence(request: pytest.FixtureRequest, archive: Archive, door: Served, dial: Dialled) -> Association:
    put(archive, make(TimezoneOffsetFromUTC="+0100"), make(instance="1.2.1.1.2"))
    door.services.worklist.put(json.loads(item("Müller^Jörg").to_json()))
    scu = dial(
        door, *((uid, (request.param,)) for uid in SERVICES), ("1.2.3.4", (IMPLICIT,)), roles=(Role(SC, 1, 1),),
        window=Window(3, 3), identity=Identity(1, b"me", positive=1), extended=(Extended(FIND, b"\1\1\1\1\1"),),
    )  # fmt: skip
    everything(scu, request.param)
    assert scu.release()
    return scu.finish()


def test_every_pdu_is_right(evidence: Association) -> None:
    for turn in evidence.of(side="acceptor"):
        assert turn.pdu.flaws.kept == [], turn.where
    assert evidence.ending == "release"


def test_every_message_is_right(evidence: Association) -> None:
    assert evidence.assembly("acceptor").flaws.kept == []
    assert evidence.strays == ()
    for side, message in evidence.messages:
        if side == "acceptor":
            assert message.flaws.kept == [], message.name
            assert message.command.flaws.kept == [], message.name


def test_every_data_set_is_right(evidence: Association) -> None:
    told = 0
    for side, message in evidence.messages:
        if side == "acceptor" and message.data is not None:
            _, flaws = message.dataset(evidence.contexts[message.context].transfer)
            assert flaws.kept == [], message.name
            told += 1
    assert told == 9


def test_every_operation_ends(evidence: Association) -> None:
    statuses = {f"{o.number} {o.request.name}": o.status for o in evidence.operations}
    assert None not in statuses.values(), statuses
