"""Knows what agents write: a workitem as it is scheduled, its progress, and what was performed (PS3.4 Table CC.2.5-3).

Must not know when any of it is sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from simulators.agents.service import SCHEDULED, DataSet

_EMPTY_SEQUENCES = (
    "00741210", "00404025", "00404026", "00404027", "00404021", "00100024", "00101002", "00380014", "00081084",
    "0040A370", "00741002", "00741216",
)  # fmt: skip
_EMPTY = {"00081195": "UI", "00400400": "LT", "00380010": "LO", "00081080": "LO"}


def now() -> str:
    """Date and time as a DT in UTC."""
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")


def one(vr: str, value: Any) -> dict[str, Any]:
    """An attribute with one value."""
    return {"vr": vr, "Value": [value]}


def items(*datasets: DataSet) -> dict[str, Any]:
    """A sequence."""
    return {"vr": "SQ", "Value": list(datasets)}


def code(value: str, meaning: str) -> DataSet:
    return {"00080100": one("SH", value), "00080102": one("SH", "99PROOF"), "00080104": one("LO", meaning)}


def workitem(label: str, worklist: str, patient: str, priority: str = "MEDIUM") -> DataSet:
    """All that has to be there when a workitem is created, types 1 and 2."""
    made: DataSet = {tag: {"vr": "SQ"} for tag in _EMPTY_SEQUENCES}
    made |= {tag: {"vr": vr} for tag, vr in _EMPTY.items()}
    made |= {
        "00100010": one("PN", {"Alphabetic": f"Agent^{patient}"}), "00100020": one("LO", patient),
        "00100021": one("LO", "DICOMPROOF"), "00100030": one("DA", "19700101"), "00100040": one("CS", "O"),
        "00404005": one("DT", now()), "00404018": items(code("READ", "Read the images")),
        "00404041": one("CS", "READY"), "00741000": one("CS", SCHEDULED), "00741200": one("CS", priority),
        "00741202": one("LO", worklist), "00741204": one("LO", label),
    }  # fmt: skip
    return dict(sorted(made.items()))


def progress(percent: int, words: str) -> DataSet:
    return {"00741002": items({"00741004": one("DS", percent), "00741006": one("ST", words)})}


def performed(station: str, began: str) -> DataSet:
    """What COMPLETED wants: station, code, start and end; there is no output."""
    done: DataSet = {
        "00404019": items(code("READ", "Read the images")), "00404028": items(code(station, station)),
        "00404033": {"vr": "SQ"}, "00404050": one("DT", began), "00404051": one("DT", now()),
    }  # fmt: skip
    return {"00741216": items(done)}


def abandoned(reason: str) -> DataSet:
    """What CANCELED wants: when, why, and a code for it."""
    told: DataSet = {
        "00404052": one("DT", now()), "0074100E": items(code("STOP", "Stopped on request")),
        "00741238": one("LT", reason),
    }  # fmt: skip
    return {"00741002": items(told)}
