"""Controls do what they are called, and none of them stops a client that has bounds."""

from __future__ import annotations

import pytest

from harness.talk.dimse import Dial, Limits
from harness.upper_layer.message import echo_rq, find_rq, store_rq
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
    from harness.upper_layer.offer import Offer, propose

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
