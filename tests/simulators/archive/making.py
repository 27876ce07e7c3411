"""Workitems for tests, in the DICOM JSON Model, written down by hand from PS3.4 Table CC.2.5-3."""

from __future__ import annotations

from typing import Any

from simulators.archive.workitems import Listener, Refused, Workitems

LOCK = "1.2.3.9"
W = "1.2.840.1"
OTHER = "1.2.3.8"
STATES = ("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED")
_EMPTY = {
    "00081195": "UI", "00741210": "SQ", "00404025": "SQ", "00404026": "SQ", "00404027": "SQ", "00404018": "SQ",
    "00400400": "LT", "00404021": "SQ", "00100021": "LO", "00100024": "SQ", "00101002": "SQ", "00100030": "DA",
    "00100040": "CS", "00380010": "LO", "00380014": "SQ", "00081080": "LO", "00081084": "SQ", "0040A370": "SQ",
    "00741002": "SQ", "00741216": "SQ",
}  # fmt: skip


def value(vr: str, *values: Any) -> dict[str, Any]:
    """An attribute object."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def code(text: str = "C1") -> dict[str, Any]:
    """An item of a code sequence."""
    return {"00080100": value("SH", text), "00080102": value("SH", "99TEST"), "00080104": value("LO", text.lower())}


def workitem(label: str = "step", patient: str = "P1", readiness: str = "READY", **more: Any) -> dict[str, Any]:
    """What an N-CREATE has to have; `more` by tag with an x before it, None takes an attribute away."""
    made: dict[str, Any] = {tag: value(vr) for tag, vr in _EMPTY.items()}
    made |= {
        "00741200": value("CS", "MEDIUM"), "00741204": value("LO", label), "00741202": value("LO", "LIST"),
        "00404005": value("DT", "20260301120000"), "00404041": value("CS", readiness),
        "00100010": value("PN", {"Alphabetic": "Doe^Jo"}), "00100020": value("LO", patient),
        "00741000": value("CS", "SCHEDULED"),
    }  # fmt: skip
    for name, attribute in more.items():
        made.pop(name[1:], None)
        if attribute is not None:
            made[name[1:]] = attribute
    return made


def performed(lock: str = LOCK) -> dict[str, Any]:
    """What is set before COMPLETED: all that has Final State Code P."""
    item = {
        "00404028": value("SQ", code("STATION")), "00404050": value("DT", "20260301120100"),
        "00404019": value("SQ", code("DONE")), "00404051": value("DT", "20260301120200"), "00404033": value("SQ"),
    }  # fmt: skip
    return {"00081195": value("UI", lock), "00741216": value("SQ", item)}


def abandoned(lock: str = LOCK, reason: str = "no time") -> dict[str, Any]:
    """What is set before CANCELED: all that has Final State Code X and is not the provider's to fill in."""
    item = {"0074100E": value("SQ", code("STOP")), "00741238": value("LT", reason)}
    return {"00081195": value("UI", lock), "00741002": value("SQ", item)}


def progress(percent: float, lock: str = LOCK) -> dict[str, Any]:
    """How far the work is."""
    return {"00081195": value("UI", lock), "00741002": value("SQ", {"00741004": value("DS", percent)})}


def brought_to(held: Workitems, state: str, uid: str = W) -> None:
    held.create(uid, workitem())
    if state != "SCHEDULED":
        held.change_state(uid, "IN PROGRESS", LOCK)
    if state in ("COMPLETED", "CANCELED"):
        held.update(uid, performed() if state == "COMPLETED" else abandoned())
        held.change_state(uid, state, LOCK)


def refusal(act: Any, *arguments: Any) -> int:
    """The status of a refusal, 0 and warnings for what was done."""
    try:
        return int(act(*arguments).status)
    except Refused as refused:
        return refused.code


def listening(held: Workitems, title: str = "AE") -> Listener:
    return held.listen(title, lambda: None)


def told(listener: Listener) -> list[tuple[str, int, str]]:
    """What came: workitem, event type, and the state where one is told."""
    return [
        (event.uid, event.type, "".join(event.attributes.get("00741000", {}).get("Value", ())))
        for event in listener.take()
    ]
