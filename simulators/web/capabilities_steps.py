"""Knows what the Capabilities Description says of storage commitment and of procedure steps (PS3.18 13 to 15, Annex H).

Must not know the rest of the description.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.context import EDITIONS
from simulators.web import commitments, performed_steps, scheduled_steps
from simulators.web.capabilities_nodes import Node, accept, query, resource, response, retrieve, search
from simulators.web.datasets import SUPPORTED

_STEP: Final = "ScheduledProcedureStepSequence"
# Required keys of Table K.6-1.
_KEYS: Final = (
    *(f"{_STEP}.{name}" for name in (
        "ScheduledStationAETitle", "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime", "Modality",
        "ScheduledPerformingPhysicianName")),
    "PatientName", "PatientID",
)  # fmt: skip


def steps(edition: str) -> list[Node]:
    """The trees below /commitment-requests and those of procedure steps, as far as the edition has them."""
    taken = [_post("RequestStorageCommitment", "200 202"), retrieve("CheckStorageCommitment", SUPPORTED)]
    # one method for both: a bare query parameter tells an update from a creation (15.5.1.2)
    performed = [_post("CreateOrUpdatePerformedProcedureStep", "200 201", (performed_steps.UPDATE,)),
                 retrieve("RetrievePerformedProcedureStep", SUPPORTED)]  # fmt: skip
    found = (
        (commitments.SINCE, resource("commitment-requests", [], [resource("{Transaction}", taken)])),
        (scheduled_steps.SINCE, resource(scheduled_steps.PATH[1:], [search("SearchForScheduledSteps", _KEYS, True)])),
        (performed_steps.SINCE, resource("modality-performed-procedure-steps", [], [resource("{Step}", performed)])),
    )
    return [tree for since, tree in found if EDITIONS.index(edition) >= EDITIONS.index(since)]


def _post(id: str, status: str, names: Sequence[str] = ()) -> Node:
    request = {
        "param": [accept(SUPPORTED), *(query(name, "xs:string") for name in names)],
        "representation": [{"@mediaType": type} for type in SUPPORTED],
    }
    return {"@id": id, "@name": "POST", "request": request,
            "response": [response(status, SUPPORTED), response("400 404 409 413 415 503")]}  # fmt: skip
