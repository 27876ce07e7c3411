"""pynetdicom speaks of workitems with us: as a provider over a dict it is found right, as a user it is served."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import pytest
from pydicom.tag import Tag

from dicomproof.observe import Events, observe
from dicomproof.observe import Options as Watched
from dicomproof.run import Options, check
from harness.entity import Entity, parse
from harness.record import read
from harness.target import Dimse, Target
from harness.verdict import Outcome
from suites.dimse.ups import making
from tests.real import dcmtk

if importlib.util.find_spec("pynetdicom") is None:
    pytest.skip("pynetdicom is not installed", allow_module_level=True)

RED = (Outcome.ERROR, Outcome.FAIL, Outcome.WARN)


def test_a_provider_over_a_dict_is_right(tmp_path: Path) -> None:
    from tests.real.pynetdicom_ups import provider

    here = Entity("DICOMPROOF", dcmtk.HERE, dcmtk.free_port())
    with provider({here.title: here}) as entity:
        target = Target(entity.url, dimse=Dimse(entity, listen=here), deadline=5.0)
        result = check(target, Options(tmp_path / "out", "ups.*", seed=1, nonce="PYND"))
    run = read(tmp_path / "out")
    assert not [note["text"] for note in run.notes if note["about"] == "error"]
    assert {v.rule: v.findings[:3] for v in result.verdicts if v.outcome in RED} == {}
    assert len([v for v in result.verdicts if v.outcome is Outcome.PASS]) > 30


UID, LOCK = "2.25.21", "2.25.22"


def perform(place: Entity, port: int) -> tuple[list[int], list[tuple[str, int]]]:
    """What a user does with one workitem from its creation to its end: all statuses, and the events it was told."""
    from pynetdicom import AE, evt
    from pynetdicom.sop_class import (  # type: ignore[attr-defined]
        UnifiedProcedureStepEvent,
        UnifiedProcedureStepPull,
        UnifiedProcedureStepPush,
        UnifiedProcedureStepWatch,
    )

    told: list[tuple[str, int]] = []
    came = threading.Condition()

    def take(event: Any) -> tuple[int, None]:
        with came:
            told.append((str(event.request.AffectedSOPInstanceUID), event.event_type))
            came.notify()
        return 0x0000, None

    push, pull, watch = UnifiedProcedureStepPush, UnifiedProcedureStepPull, UnifiedProcedureStepWatch
    ae = AE("WATCHER")
    ae.add_supported_context(UnifiedProcedureStepEvent, scu_role=False, scp_role=True)
    for sop_class in (push, pull, watch):
        ae.add_requested_context(sop_class)
    server = ae.start_server((dcmtk.HERE, port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, take)])
    assert server is not None
    try:
        a = ae.associate(place.host, place.port, ae_title=place.title)
        assert a.is_established
        create = a.send_n_create(making.created("PYND", 1, "2.25.20"), push, UID)
        follow = a.send_n_action(making.subscription("WATCHER"), 3, push, UID, meta_uid=watch)
        claim = a.send_n_action(making.claim(LOCK), 1, push, UID, meta_uid=pull)
        went = a.send_n_set(making.progress(LOCK, 50), push, UID, meta_uid=pull)
        ended = a.send_n_set(making.performed(LOCK), push, UID, meta_uid=pull)
        done = a.send_n_action(making.state("COMPLETED", LOCK), 1, push, UID, meta_uid=pull)
        got = a.send_n_get([Tag(0x00741000)], push, UID, meta_uid=pull)
        matches = [status.Status for status, _ in a.send_c_find(making.query({"00100020": "UPYND1"}), pull)]
        with came:
            assert came.wait_for(lambda: len(told) == 4, 10)
        a.release()
    finally:
        server.shutdown()
    answers = (create, follow, claim, went, ended, done, got)
    return [*(status.Status for status, _ in answers), *matches], told


def test_a_user_is_served_and_told(tmp_path: Path) -> None:
    port = dcmtk.free_port()
    found: list[Any] = []

    def client(places: Any, holds: str) -> None:
        found.append(perform(parse(places[0].removeprefix("dimse://")), port))

    peers = [Entity("WATCHER", dcmtk.HERE, port)]
    options = Watched(
        tmp_path / "out", Entity("PROOF", dcmtk.HERE, 0), seconds=0.5, only="ups.*", peers=peers,
        data=tmp_path / "archive",
    )  # fmt: skip
    result = observe(options, Events(serving=client))
    assert found == [([0] * 7 + [0xFF00, 0], [(UID, 1), (UID, 1), (UID, 3), (UID, 1)])]
    assert {v.rule: v.findings[:3] for v in result.verdicts if v.outcome in RED} == {}
    assert {"ups.event-is-taken", "ups.push-class"} <= {v.rule for v in result.verdicts if v.outcome is Outcome.PASS}
