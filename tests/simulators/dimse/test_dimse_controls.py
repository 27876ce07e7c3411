"""Controls do what they are called, and none of them stops a client that has bounds."""

from __future__ import annotations

import gc
import socket

import pytest

from harness.talk.dimse import Dial, Limits
from harness.upper_layer import encode
from harness.upper_layer.message import echo_rq, find_rq, store_rq
from harness.upper_layer.offer import Abort, Offer, propose
from simulators.dimse.controls import CONTROLS, hostile, liar, mute, refuser

from .conftest import EXPLICIT, IMPLICIT, SC, Dialled, ask, dataset_of, identifier, make, octets_of

ECHO = "1.2.840.10008.1.1"
STUDY = "1.2.840.10008.5.1.4.1.2.2.1"
CONTEXTS = ((ECHO, (IMPLICIT,)), (SC, (EXPLICIT,)), (STUDY, (EXPLICIT,)), ("1.2.3.4", ("1.2.3.5",)))
QUERY = find_rq(5, 7, STUDY, octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="")))


@pytest.mark.parametrize("flavour", ["empty", "constant"])
def test_a_liar_agrees_to_everything(dial: Dialled, flavour: str) -> None:
    with liar(flavour) as entity:  # type: ignore[arg-type]
        scu = dial(entity, *CONTEXTS)
        assert len(scu.contexts) == 4
        assert ask(scu, echo_rq(1, 1))[0].status == 0
        assert ask(scu, store_rq(3, 2, SC, "1.2", b"nonsense" * 9999))[0].status == 0
        *found, final = ask(scu, QUERY)
        assert final.status == 0
        assert [dataset_of(one.dataset_octets()).PatientID for one in found] == (
            ["P1"] if flavour == "constant" else []
        )
        assert scu.release()


@pytest.mark.parametrize(("how", "result"), [("permanent", 1), ("transient", 2)])
def test_a_refuser_rejects(dial: Dialled, how: str, result: int) -> None:
    with refuser(how) as entity:  # type: ignore[arg-type]
        scu = dial(entity, *CONTEXTS)
    assert scu.rejection is not None
    assert scu.rejection.result == result


def test_a_refuser_of_contexts_leaves_none(dial: Dialled) -> None:
    with refuser("contexts") as entity:
        scu = dial(entity, *CONTEXTS)
        assert scu.open
        assert scu.contexts == {}
        assert scu.release()


def test_a_refuser_aborts(dial: Dialled) -> None:
    with refuser("abort") as entity:
        scu = dial(entity, *CONTEXTS)
    assert scu.aborted is not None


def test_mutes(dial: Dialled, tmp_path) -> None:
    with mute("association") as entity:
        scu = dial(entity, *CONTEXTS)
        assert scu.open
        assert list(scu.responses(echo_rq(1, 1), 0.1)) == []
        assert scu.release()


def test_a_response_to_something_else(dial: Dialled) -> None:
    with hostile("wrong-id") as entity:
        scu = dial(entity, *CONTEXTS)
        assert scu.send(echo_rq(1, 1))
        answer = scu.receive()
        assert answer is not None
        assert answer.responded == 2


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_no_control_stops_a_client_with_bounds(tmp_path, name: str) -> None:
    from harness.blobs import Blobs

    with CONTROLS[name]() as entity:
        limits = Limits(connect=1, deadline=0.3, artim=0.2, total=1.5, octets=1 << 22, messages=50)
        offer = Offer(propose(CONTEXTS), called=entity.title, calling="TESTER")
        scu = Dial(entity, Blobs(tmp_path), offer, limits)
        if scu.open and scu.contexts:
            list(scu.responses(echo_rq(1, 1)))
            list(scu.responses(QUERY))
            list(scu.responses(store_rq(3, 9, SC, "1.2.1.1.1", octets_of(make()))))
        scu.release()
        evidence = scu.finish()
    assert evidence.requestor.size > 0


@pytest.mark.parametrize("second", ["P-DATA-TF", "A-RELEASE-RQ, A-ABORT"])
def test_what_overtakes_an_answer_ends_the_association_and_nothing_else(
    caplog: pytest.LogCaptureFixture, second: str
) -> None:
    asked = encode.associate_rq(Offer(propose(CONTEXTS))).encode()
    data = b"".join(piece for pdu in encode.message_pdus(echo_rq(1, 1), 16384) for piece in pdu)
    leaving = encode.release_rq().encode() + encode.abort(Abort()).encode()
    with liar() as entity, socket.create_connection((entity.host, entity.port), 5) as line:
        if second == "P-DATA-TF":
            line.sendall(asked + data)
            assert line.recv(10)[:1] == b"\7"
        else:
            line.sendall(asked)
            assert line.recv(1 << 16)[:1] == b"\2"
            line.sendall(leaving)
        line.shutdown(socket.SHUT_WR)
        while line.recv(1 << 16):
            pass
    gc.collect()  # where a task that ended with an exception is reported
    assert caplog.records == []
