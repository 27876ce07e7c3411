"""Knows what the Capabilities Description says of the Worklist Service (PS3.18 11, Annex H), notifications among it.

Must not know the rest of the description.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simulators.archive.workitem_events import FILTERED, GLOBAL
from simulators.web.capabilities_nodes import METADATA, Node, query, resource, response, retrieve, search
from simulators.web.datasets import SUPPORTED

# Required keys of Table CC.2.5-3, those of sequences by one of their attributes.
_KEYS: Final = (
    "SOPInstanceUID", "ScheduledProcedureStepPriority", "ProcedureStepLabel", "WorklistLabel",
    "ScheduledStationNameCodeSequence.CodeValue", "ScheduledStationClassCodeSequence.CodeValue",
    "ScheduledStationGeographicLocationCodeSequence.CodeValue",
    "ScheduledHumanPerformersSequence.HumanPerformerCodeSequence.CodeValue", "ScheduledProcedureStepStartDateTime",
    "ExpectedCompletionDateTime", "ScheduledWorkitemCodeSequence.CodeValue", "InputReadinessState", "PatientName",
    "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "AdmissionID",
    "ReferencedRequestSequence.AccessionNumber", "ReferencedRequestSequence.RequestedProcedureID",
    "ReferencedRequestSequence.RequestingService", "ReplacedProcedureStepSequence.ReferencedSOPInstanceUID",
    "ProcedureStepState",
)  # fmt: skip
_CHANNEL: Final = (
    "Notification connections are opened by a GET with a WebSocket upgrade (RFC 6455) of the URL that Content-Location "
    "of a subscription has: notifications/{AETitle} below the base of this service."
)


def worklist(modern: bool) -> Node:
    """The tree below /workitems, as Table H-1 has it."""
    item = resource(
        "{Workitem}",
        [retrieve("RetrieveWorkitem", METADATA), _change("UpdateWorkitem", "POST", "200", ["transaction-uid"])],
        [
            resource("state", [_change("ChangeWorkitemState", "PUT", "200")]),
            resource("cancelrequest", [_change("RequestWorkitemCancellation", "POST", "202")]),
            _subscribers("Workitem"),
        ],
    )
    everything = resource(GLOBAL, [], [_subscribers("Worklist", _suspend("Worklist"))])
    filtered = resource(FILTERED, [], [_subscribers("FilteredWorklist", _suspend("FilteredWorklist"), ("filter",))])
    methods = [search("SearchForWorkitem", _KEYS, modern), _change("CreateWorkitem", "POST", "201", ["workitem"])]
    return resource("workitems", methods, [item, everything, filtered])


def _change(id: str, verb: str, status: str, names: Sequence[str] = ()) -> Node:
    request = {
        "param": [query(name, "xs:string") for name in names],
        "representation": [{"@mediaType": type} for type in SUPPORTED],
    }
    responses = [{"@status": status}, response("400 404 409 410 413 415")]
    return {"@id": id, "@name": verb, "request": request, "response": responses}


def _subscribers(of: str, below: Sequence[Node] = (), names: Sequence[str] = ()) -> Node:
    lock = {**query("deletionlock", "xs:boolean"), "option": [{"@value": "true"}, {"@value": "false"}]}
    subscribe: Node = {
        "@id": f"SubscribeTo{of}",
        "@name": "POST",
        "doc": [{"@xml:lang": "en", "@title": "notifications", "value": _CHANNEL}],
        "request": {"param": [lock, *(query(name, "xs:string") for name in names)]},
        "response": [{"@status": "201"}, response("400 404 410")],
    }
    return resource("subscribers", [], [resource("{AETitle}", [subscribe, _plain(f"UnsubscribeFrom{of}", "DELETE")],
                                                 below)])  # fmt: skip


def _suspend(of: str) -> list[Node]:
    return [resource("suspend", [_plain(f"Suspend{of}Subscription", "POST")])]


def _plain(id: str, verb: str) -> Node:
    return {"@id": id, "@name": verb, "request": {"param": []}, "response": [{"@status": "200"}, response("400 404")]}
