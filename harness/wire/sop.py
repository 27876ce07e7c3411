"""Knows SOP Classes and transfer syntaxes by UID: their names and the service they belong to (PS3.4, PS3.6 A).

Must not know negotiation or messages.
"""

from __future__ import annotations

from functools import lru_cache

from pydicom._uid_dict import UID_dictionary

from harness.wire import part10

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
MPPS = "1.2.840.10008.3.1.2.3.3"
MPPS_RETRIEVE = "1.2.840.10008.3.1.2.3.4"
MPPS_NOTIFICATION = "1.2.840.10008.3.1.2.3.5"
COMMITMENT = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"

_UPS = "1.2.840.10008.5.1.4.34."
UPS_PUSH, UPS_WATCH, UPS_PULL, UPS_EVENT, UPS_QUERY = (f"{_UPS}6.{number}" for number in range(1, 6))
UPS = (UPS_PUSH, UPS_WATCH, UPS_PULL, UPS_EVENT, UPS_QUERY)
"""The SOP Classes of the Unified Procedure Step (PS3.4 CC.3.1); every instance is one of the first."""
UPS_GLOBAL, UPS_FILTERED = f"{_UPS}5", f"{_UPS}5.1"
"""The well-known instances to which one subscribes for all workitems, and for those that match (PS3.4 CC.2.3.2)."""

_QR = "1.2.840.10008.5.1.4.1.2."
ROOTS: dict[str, dict[str, str]] = {
    root: {verb: f"{_QR}{number}.{last}" for verb, last in (("find", 1), ("move", 2), ("get", 3))}
    for root, number in (("patient", 1), ("study", 2), ("patient-study", 3))
}
"""The Query/Retrieve SOP Classes by information model and verb (PS3.4 C.6); "patient-study" is retired."""

SERVICES = ("verification", "storage", "query-retrieve", "worklist", "mpps", "commitment", "ups", "other")
# Storage SOP Classes that the dictionary does not have yet (PS3.6 Table A-1 of later editions)
_LATER = {
    "1.2.840.10008.5.1.4.1.1.9.100.1": "Waveform Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.9.100.2": "Waveform Acquisition Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}
_CLASSES = {uid: row[0] for uid, row in UID_dictionary.items() if row[1] in ("SOP Class", "Meta SOP Class")} | _LATER
_NOT_STORED = ("Storage Commitment", "Media Storage Directory", "Storage Management")
NON_PATIENT = frozenset(
    f"1.2.840.10008.5.1.4.{rest}"
    for rest in ("38.1", "39.1", "43.1", "44.1", "45.1", "1.1.200.1", "1.1.200.3", "1.1.200.7", "1.1.201.1")
)
"""Non-Patient Object Storage (PS3.4 GG), whose statuses are fewer than those of PS3.4 B."""

STORAGE = frozenset(uid for uid, name in _CLASSES.items() if "Storage" in name and not name.startswith(_NOT_STORED))
"""Every SOP Class whose instances are stored with C-STORE (PS3.4 B, GG), retired ones included."""

RETIRED = frozenset(uid for uid, row in UID_dictionary.items() if row[3] == "Retired")
TRANSFER_SYNTAXES = frozenset(uid for uid, row in UID_dictionary.items() if row[1] == "Transfer Syntax")

_SERVICE = (
    {VERIFICATION: "verification", WORKLIST: "worklist", COMMITMENT: "commitment"}
    | dict.fromkeys((MPPS, MPPS_RETRIEVE, MPPS_NOTIFICATION), "mpps")
    | dict.fromkeys(UPS, "ups")
    | {uid: "query-retrieve" for root in ROOTS.values() for uid in root.values()}
    | dict.fromkeys(STORAGE, "storage")
)


def service_of(uid: str) -> str:
    """One of SERVICES; "other" for everything else, private SOP Classes included."""
    return _SERVICE.get(uid, "other")


@lru_cache(maxsize=1024)
def name_of(uid: str) -> str:
    """The name of PS3.6 Table A-1, or the UID itself."""
    row = UID_dictionary.get(uid)
    return row[0] if row else _LATER.get(uid, uid)


def root_of(uid: str) -> str:
    """ "patient", "study" or "patient-study" for a Query/Retrieve SOP Class, else ''."""
    return next((root for root, uids in ROOTS.items() if uid in uids.values()), "")


def is_sop_class(uid: str) -> bool:
    """Whether PS3.6 has it as a SOP Class or Meta SOP Class."""
    return uid in _CLASSES


def is_encapsulated(uid: str) -> bool | None:
    """Whether Pixel Data is encapsulated in this transfer syntax; None when nobody knows (PS3.5 A.4)."""
    return part10.syntax_of(uid).encapsulated


def is_private(uid: str) -> bool:
    """Whether it lies outside of the root of the standard (PS3.5 9, Annex B)."""
    return not uid.startswith("1.2.840.10008.")
