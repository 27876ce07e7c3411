"""A transaction and a step are one behind both doors, whichever of them it came by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.make import steps
from harness.make.attributes import attributes
from harness.talk.dimse import Dial
from harness.upper_layer.message import n_create_rq, n_get_rq
from simulators.archive.archive import Archive
from simulators.dimse.serve import Served
from simulators.web.app import web
from simulators.web.service import Service
from tests.web.door import Client

from .conftest import EXPLICIT, SC, Dialled, ask, dataset_of, make, octets_of, put
from .test_dimse_commitment import COMMITMENT, action, asked, report

JSON = "application/dicom+json"
MPPS, RETRIEVE = "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.3.1.2.3.4"


@pytest.fixture
def client(archive: Archive) -> Client:
    return Client(web(Service(archive, edition="2025e")))


@pytest.fixture
def scu(archive: Archive, door: Served, dial: Dialled) -> Dial:
    put(archive, make())
    return dial(door, (COMMITMENT, (EXPLICIT,)), (MPPS, (EXPLICIT,)), (RETRIEVE, (EXPLICIT,)))


def post(client: Client, path: str, content: dict[str, Any]) -> int:
    body = json.dumps(content).encode()
    answer = client.request("POST", path, JSON, content=body, headers={"content-type": JSON})
    return int(answer.status_code)


def module(*pairs: tuple[str, str]) -> dict[str, Any]:
    found = attributes(asked(*pairs))
    del found["00081195"]
    return found


def test_what_was_asked_in_dimse_is_told_over_http(scu: Dial, client: Client) -> None:
    action(scu, asked((SC, "1.2.1.1.1"), (SC, "9.9")))
    report(scu)
    told = client.request("GET", "/commitment-requests/1.2.3.9", JSON).json()
    assert [i["00081155"]["Value"] for i in told["00081199"]["Value"]] == [["1.2.1.1.1"]]
    assert [i["00081197"]["Value"] for i in told["00081198"]["Value"]] == [[0x0112]]
    assert post(client, "/commitment-requests/1.2.3.9", module((SC, "1.2.1.1.1"))) == 409


def test_what_was_asked_over_http_is_used_in_dimse(scu: Dial, client: Client) -> None:
    assert post(client, "/commitment-requests/1.2.3.9", module((SC, "1.2.1.1.1"))) == 200
    action(scu, asked((SC, "1.2.1.1.1")))
    _, told = report(scu)
    assert told.FailedSOPSequence[0].FailureReason == 0x0131
    kept = client.request("GET", "/commitment-requests/1.2.3.9", JSON).json()
    assert "00081198" not in kept


def test_a_step_is_one(scu: Dial, client: Client) -> None:
    context = 3  # the second of those that were proposed
    created = n_create_rq(context, scu.next_id(), MPPS, "1.2.7", octets_of(steps.created("doors")))
    assert ask(scu, created)[0].status == 0
    path = "/modality-performed-procedure-steps/1.2.7"
    assert post(client, f"{path}?update", attributes(steps.finished("doors"))) == 200
    got = ask(scu, n_get_rq(5, scu.next_id(), RETRIEVE, "1.2.7"))[0]
    assert dataset_of(got.dataset_octets()).PerformedProcedureStepStatus == "COMPLETED"
