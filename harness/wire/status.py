"""Knows the Status codes of responses: their class by range, and which are listed for what (PS3.7 C, 9, 10; PS3.4).

Must not know messages. That a code is not listed is not yet a fault: PS3.7 C decides by range.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Class = Literal["success", "warning", "failure", "cancel", "pending", "unknown"]

SUCCESS, CANCEL, PENDING, PENDING_WARNING = 0x0000, 0xFE00, 0xFF00, 0xFF01

GENERAL: Mapping[int, str] = {
    0x0000: "Success",
    0x0105: "No such Attribute",
    0x0106: "Invalid Attribute Value",
    0x0107: "Attribute List warning",
    0x0110: "Processing failure",
    0x0111: "Duplicate SOP Instance",
    0x0112: "No such SOP Instance",
    0x0113: "No such Event Type",
    0x0114: "No such argument",
    0x0115: "Invalid argument value",
    0x0116: "Attribute Value out of range",
    0x0117: "Invalid SOP Instance",
    0x0118: "No such SOP Class",
    0x0119: "Class-Instance conflict",
    0x0120: "Missing Attribute",
    0x0121: "Missing Attribute Value",
    0x0122: "Refused: SOP Class not supported",
    0x0123: "No such Action Type",
    0x0124: "Refused: not authorized",
    0x0210: "Duplicate invocation",
    0x0211: "Unrecognized operation",
    0x0212: "Mistyped argument",
    0x0213: "Resource limitation",
}
"""The codes whose meaning PS3.7 Annex C fixes for every service."""

OPERATION: Mapping[str, frozenset[int]] = {
    verb: frozenset(int(word, 16) for word in codes.split())
    for verb, codes in {
        "store": "0000 0117 0122 0124 0210 0211 0212",
        "find": "0000 0122 0124 0210 0211 0212 FE00",
        "get": "0000 0122 0124 0210 0211 0212 FE00",
        "move": "0000 0122 0124 0210 0211 0212 FE00",
        "echo": "0000 0122 0210 0211 0212",
        "event-report": "0000 0110 0112 0113 0114 0115 0117 0118 0119 0210 0211 0212 0213",
        "n-get": "0000 0107 0110 0112 0117 0118 0119 0124 0210 0211 0212 0213",
        "n-set": "0000 0105 0106 0107 0110 0112 0116 0117 0118 0119 0121 0124 0210 0211 0212 0213",
        "n-action": "0000 0110 0112 0114 0115 0117 0118 0119 0123 0124 0210 0211 0212 0213",
        "n-create": "0000 0105 0106 0107 0110 0111 0116 0117 0118 0120 0121 0124 0210 0211 0212 0213",
        "n-delete": "0000 0110 0112 0117 0118 0119 0124 0210 0211 0212 0213",
    }.items()
}
"""The codes that PS3.7 lists with a number for the response of each operation (9.1.1.1.9 ... 10.1.6.1.7)."""

_FIND = {
    "A700": "Refused: out of resources",
    "A900": "Error: Data Set does not match SOP Class",
    "Cxxx": "Failed: unable to process",
    "FE00": "Matching terminated due to cancel request",
    "FF00": "Matches are continuing",
    "FF01": "Matches are continuing, an optional key was not supported",
}
_RETRIEVE = {
    "A701": "Refused: out of resources, number of matches",
    "A702": "Refused: out of resources, sub-operations",
    "A900": "Error: Data Set does not match SOP Class",
    "Cxxx": "Failed: unable to process",
    "FE00": "Sub-operations terminated due to cancel indication",
    "B000": "Sub-operations complete, with failures or warnings",
    "FF00": "Sub-operations are continuing",
}
_NO_WORKITEM = {"C307": "Failed: no such UPS Instance"}
_UPS_FINAL = {"C300": "Failed: the UPS may no longer be updated", "C301": "Failed: not the correct Transaction UID"}
SERVICE: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("storage", "store"): {  # PS3.4 Table B.2-1
        "A7xx": "Refused: out of resources",
        "A9xx": "Error: Data Set does not match SOP Class",
        "Cxxx": "Error: cannot understand",
        "B000": "Coercion of Data Elements",
        "B006": "Elements discarded",
        "B007": "Data Set does not match SOP Class",
    },
    ("query-retrieve", "find"): _FIND,  # PS3.4 Table C.4-1
    ("query-retrieve", "move"): {**_RETRIEVE, "A801": "Refused: Move Destination unknown"},  # PS3.4 Table C.4-2
    ("query-retrieve", "get"): _RETRIEVE,  # PS3.4 Table C.4-3
    ("worklist", "find"): _FIND,  # PS3.4 Table K.4-1
    ("ups", "find"): _FIND,  # PS3.4 Table CC.2.8-2
    ("ups", "n-create"): {  # PS3.4 Table CC.2.5-4
        "B300": "The UPS was created with modifications",
        "C309": "Failed: the provided value of UPS State was not SCHEDULED",
    },
    ("ups", "n-set"): {  # PS3.4 Table CC.2.6-1
        "0001": "Requested optional Attributes are not supported",
        "B305": "Coerced invalid values to valid values",
        "C303": "Failed: the UPS may only become SCHEDULED via N-CREATE, not N-SET",  # CC.2.1-2 speaks of both
        "C310": "Failed: the UPS is not in the IN PROGRESS state",
        **_UPS_FINAL,
        **_NO_WORKITEM,
    },
    ("ups", "n-get"): {"0001": "Requested optional Attributes are not supported", **_NO_WORKITEM},  # Table CC.2.7-1
    ("ups", "n-action"): {  # PS3.4 Tables CC.2.1-2, CC.2.2-2, CC.2.3-3
        "B301": "Deletion Lock not granted",
        "B304": "The UPS is already CANCELED",
        "B306": "The UPS is already COMPLETED",
        "C302": "Failed: the UPS is already IN PROGRESS",
        "C303": "Failed: the UPS may only become SCHEDULED via N-CREATE",
        "C304": "Failed: the UPS has not met final state requirements",
        "C308": "Failed: Receiving AE-TITLE is unknown",
        "C310": "Failed: the UPS is not yet IN PROGRESS",
        "C311": "Failed: the UPS is already COMPLETED",
        "C312": "Failed: the performer cannot be contacted",
        "C313": "Failed: the performer chooses not to cancel",
        "C314": "Failed: action not appropriate for the instance",
        "C315": "Failed: the SCP does not support Event Reports",
        **_UPS_FINAL,
        **_NO_WORKITEM,
    },
}
"""What service classes add: (service, verb) to code patterns, where x is any hexadecimal digit. MPPS and storage
commitment add no code (PS3.4 F.7.2.2, J.3.2.1.4); MPPS narrows 0110 by Error ID A710 (Table F.7.2-2)."""

MPPS_MAY_NO_LONGER_BE_UPDATED = 0xA710  # Error ID (0000,0903) with 0110


def class_of(status: int) -> Class:
    """The status class of PS3.7 Annex C; "unknown" for codes that no implementation may use."""
    if status == SUCCESS:
        return "success"
    if status in (PENDING, PENDING_WARNING):
        return "pending"
    if status == CANCEL:
        return "cancel"
    if status in (0x0001, 0x0107, 0x0116) or status >> 12 == 0xB:
        return "warning"
    if status >> 12 in (0xA, 0xC) or status >> 8 in (0x01, 0x02):
        return "failure"
    return "unknown"


def is_listed(service: str, verb: str, status: int) -> bool:
    """Whether PS3.7 lists the code for the operation, or PS3.4 for the service and operation."""
    return status in OPERATION.get(verb, frozenset()) or bool(_of_service(service, verb, status))


def meaning_of(service: str, verb: str, status: int) -> str:
    """What the code says for people; its class when nothing more is known."""
    found = _of_service(service, verb, status) or GENERAL.get(status, "")
    return found or {"cancel": "Cancelled", "pending": "Pending"}.get(class_of(status), class_of(status))


def spelled(status: int | None) -> str:
    """A status for people: "A700H", or "no status"."""
    return "no status" if status is None else f"{status:04X}H"


def _of_service(service: str, verb: str, status: int) -> str:
    code = f"{status:04X}"
    for pattern, meaning in SERVICE.get((service, verb), {}).items():
        if all(p in ("x", c) for p, c in zip(pattern, code, strict=False)):
            return meaning
    return ""
