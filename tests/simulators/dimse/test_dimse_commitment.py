"""Storage commitment: what is safe and what is not, told on the same association or on another one, with patience."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset

from harness.talk.dimse import Dial
from harness.upper_layer.message import Message, n_action_rq
from simulators.archive.archive import Archive
from simulators.dimse.link import Patience, Peer
from simulators.dimse.serve import Served

from .conftest import CT, EXPLICIT, SC, Dialled, ask, dataset_of, heard, identifier, make, octets_of, put

COMMITMENT, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"


def asked(*references: tuple[str, str], transaction: str = "1.2.3.9") -> Dataset:
    items = [identifier(ReferencedSOPClassUID=c, ReferencedSOPInstanceUID=i) for c, i in references]
    return identifier(TransactionUID=transaction, ReferencedSOPSequence=items)


def action(scu: Dial, dataset: Dataset, instance: str = INSTANCE, type: int = 1) -> Message:
    return ask(scu, n_action_rq(1, scu.next_id(), COMMITMENT, instance, type, octets_of(dataset)))[0]


def report(scu: Dial) -> tuple[Message, Dataset]:
    """The next report on this association, answered by success."""
    heard(scu, lambda: bool(scu.served))
    event = scu.served.pop(0)
    return event, dataset_of(event.dataset_octets())


@pytest.fixture
def scu(archive: Archive, door: Served, dial: Dialled) -> Dial:
    put(archive, make(), make(instance="1.2.1.1.2"))
    return dial(door, (COMMITMENT, (EXPLICIT,)))


def test_all_is_safe(scu: Dial) -> None:
    answer = action(scu, asked((SC, "1.2.1.1.1"), (SC, "1.2.1.1.2")))
    assert (answer.status, answer.command["ActionTypeID"], answer.instance) == (0, 1, INSTANCE)
    event, told = report(scu)
    assert (event.command["EventTypeID"], event.sop_class, event.instance) == (1, COMMITMENT, INSTANCE)
    assert (told.TransactionUID, told.RetrieveAETitle) == ("1.2.3.9", "PROOF")
    assert [i.ReferencedSOPInstanceUID for i in told.ReferencedSOPSequence] == ["1.2.1.1.1", "1.2.1.1.2"]
    assert "FailedSOPSequence" not in told
    assert scu.release()


def test_what_is_not_safe_is_told_with_the_reason(scu: Dial) -> None:
    action(scu, asked((SC, "1.2.1.1.1"), (SC, "9.9"), (CT, "1.2.1.1.2")))
    event, told = report(scu)
    assert event.command["EventTypeID"] == 2
    assert [i.ReferencedSOPInstanceUID for i in told.ReferencedSOPSequence] == ["1.2.1.1.1"]
    reasons = [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID, i.FailureReason) for i in told.FailedSOPSequence]
    assert reasons == [(SC, "9.9", 0x0112), (CT, "1.2.1.1.2", 0x0119)]


def test_nothing_is_safe(scu: Dial) -> None:
    action(scu, asked((SC, "9.9")))
    _, told = report(scu)
    assert "ReferencedSOPSequence" not in told


def test_a_transaction_is_not_used_twice(scu: Dial) -> None:
    action(scu, asked((SC, "1.2.1.1.1")))
    report(scu)
    assert action(scu, asked((SC, "1.2.1.1.1"))).status == 0
    event, told = report(scu)
    assert (event.command["EventTypeID"], told.FailedSOPSequence[0].FailureReason) == (2, 0x0131)


@pytest.mark.parametrize(
    ("dataset", "more", "status"),
    [
        (asked((SC, "1.2")), {"instance": "1.2.3"}, 0x0112),
        (asked((SC, "1.2")), {"type": 2}, 0x0123),
        (asked(), {}, 0x0115),
        (asked((SC, "1.2"), transaction=""), {}, 0x0115),
        (asked((SC, "1.2"), (SC, "1.2")), {}, 0x0115),
    ],
)
def test_requests_that_cannot_be_met(scu: Dial, dataset: Dataset, more: dict[str, Any], status: int) -> None:
    assert action(scu, dataset, **more).status == status
    scu.receive(0.05, quiet=True)
    assert not scu.served, "a request that was refused is not reported on"


class Listener:
    """Takes reports on associations of its own, by pynetdicom; refuses the first `refusals` of them."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.got: list[tuple[str, Any]] = []
        self.came = threading.Event()

    def __enter__(self) -> int:
        pynetdicom = pytest.importorskip("pynetdicom")
        evt = pynetdicom.evt
        ae = pynetdicom.AE(ae_title="TESTER")
        ae.add_supported_context(COMMITMENT, EXPLICIT, scu_role=False, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._event)]
        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        return int(self._server.socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _event(self, event: Any) -> tuple[int, None]:
        if self.refusals:
            self.refusals -= 1
            return 0x0110, None
        self.got.append((event.assoc.requestor.ae_title, event.event_information))
        self.came.set()
        return 0, None


@pytest.fixture
def away(archive: Archive, opened: Callable[..., Served], dial: Dialled) -> Callable[[int], Dial]:
    put(archive, make())

    def scu(port: int) -> Dial:
        door = opened(peers={"TESTER": Peer("127.0.0.1", port)}, patience=Patience(2, 2, 2), retries=(0.01, 0.01, 0.01))
        return dial(door, (COMMITMENT, (EXPLICIT,)))

    return scu


@pytest.mark.parametrize("refusals", [0, 2])
def test_who_is_gone_is_called(away: Callable[[int], Dial], refusals: int) -> None:
    listener = Listener(refusals)
    with listener as port:
        scu = away(port)
        scu.machine.send(n_action_rq(1, 1, COMMITMENT, INSTANCE, 1, octets_of(asked((SC, "1.2.1.1.1")))))
        scu.serve = lambda message: []  # the report on this association finds nobody
        scu.flush(scu.line.deadline())
        assert scu.receive() is not None
        scu.abort()
        assert listener.came.wait(10)
    ((title, told),) = listener.got
    assert (title, told.TransactionUID) == ("PROOF", "1.2.3.9")
    assert told.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.1.1.1"
