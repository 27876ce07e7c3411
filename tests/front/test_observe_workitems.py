"""Clients that are called back are observed: what they answer to events and reports is recorded and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomproof.observe import Events, Options, observe
from harness.association import Association
from harness.blobs import Blobs
from harness.entity import Entity, parse
from harness.record import read
from harness.talk.dimse import Dial, Limits
from harness.talk.listener import Listener, Manner
from harness.upper_layer.message import Message, n_action_rq, n_create_rq
from harness.upper_layer.negotiate import Policy
from harness.upper_layer.offer import Offer, propose
from harness.verdict import Outcome
from harness.wire.sop import UPS_EVENT, UPS_PUSH, UPS_WATCH
from suites.dimse.ups import making
from tests.simulators.dimse.conftest import EXPLICIT, octets_of

UID = "2.25.11"


def watch(place: Entity, folder: Path, listener: Listener) -> None:
    """A client that creates a workitem, subscribes another title of its own to it, and waits for the event."""
    offer = Offer(propose([(uid, (EXPLICIT,)) for uid in (UPS_PUSH, UPS_WATCH)]), called=place.title, calling="CLIENT")
    dial = Dial(place, Blobs(folder), offer, Limits(deadline=10))
    made, asked = octets_of(making.created("O", 1, "2.25.1")), octets_of(making.subscription("WATCHER"))
    for request in (n_create_rq(1, 1, UPS_PUSH, UID, made), n_action_rq(3, 2, UPS_PUSH, UID, 3, asked)):
        assert [m.status for m in dial.responses(request)] == [0]
    assert listener.wait(lambda heard: bool(heard.received), 10)
    dial.release()
    listener.collect(2.0)


@pytest.mark.parametrize(("status", "outcome"), [(0x0000, Outcome.PASS), (0x0113, Outcome.FAIL)])
def test_answers_to_events_are_judged(tmp_path: Path, status: int, outcome: Outcome) -> None:
    policy = Policy(supports={UPS_EVENT: (EXPLICIT,)}, roles={UPS_EVENT: (True, True)})

    def answered(message: Message) -> int:
        return status

    with Listener(Blobs(tmp_path / "heard"), Manner(policy, answered)) as listener:

        def client(places: object, holds: str) -> None:
            (place,) = places  # type: ignore[misc]
            watch(parse(place.removeprefix("dimse://")), tmp_path / "said", listener)

        options = Options(
            tmp_path / "out", Entity("PROOF", "127.0.0.1", 0), seconds=0.5, only="ups.*",
            peers=[Entity("WATCHER", listener.host, listener.port)], data=tmp_path / "archive",
        )  # fmt: skip
        result = observe(options, Events(serving=client))
    verdict = next(v for v in result.verdicts if v.rule == "ups.event-is-taken")
    assert verdict.outcome is outcome
    told = [a for a in read(tmp_path / "out").associations() if a.judged == frozenset({"acceptor"})]
    assert [o.kind for a in told for o in a.operations] == ["dimse.ups.event-report"]
    assert all(isinstance(a, Association) and a.ending == "release" for a in told)
    asked = next(v for v in result.verdicts if v.rule == "ups.push-class")
    assert asked.outcome is Outcome.PASS
