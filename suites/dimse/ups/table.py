"""Knows the tables of PS3.4 CC: states and what leads from one to the next, and which attributes are needed when.

Must not know operations, nor who is to be blamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.wire.elements import DataSet
from suites.dimse.mpps.table import holders, valued

STATE, TRANSACTION, CHARSET = "00741000", "00081195", "00080005"
RECEIVING, LOCK, REQUESTING = "00741234", "00741230", "00741236"
REASON, WHY, URI, CONTACT = "00741238", "0074100E", "0074100A", "0074100C"
READINESS, PROGRESS, PERFORMED = "00404041", "00741002", "00741216"
STATION, PERFORMERS, LABEL = "00404025", "00404034", "00741202"
SOP_CLASS, SOP_INSTANCE, MODIFIED = "00080016", "00080018", "00404010"

SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
ABSENT = ""  # the state of a workitem that does not exist
STATES = (SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED)
FINAL = (COMPLETED, CANCELED)

CHANGE, CANCEL, SUBSCRIBE, UNSUBSCRIBE, SUSPEND = 1, 2, 3, 4, 5  # Action Type IDs
REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, SCP_STATUS, ASSIGNED = 1, 2, 3, 4, 5  # Event Type IDs

Event = Literal["create", "claim", "schedule", "complete", "cancel", "request", "set", "get"]
CHANGES: Mapping[str, Event] = {
    IN_PROGRESS: "claim", SCHEDULED: "schedule", COMPLETED: "complete", CANCELED: "cancel",
}  # fmt: skip
OUGHT_TO_KNOW = 0xC307  # no such workitem


@dataclass(frozen=True)
class Cell:
    """What a provider answers: `due` is the code of the table, `also` codes that tell the truth as well, `state` the
    one that follows, None for no change."""

    due: int
    also: tuple[int, ...] = ()
    state: str | None = None


def _cells(due: str) -> dict[str, Cell]:
    """One row: the cells of the states in order, from null on; "C301/C300" names what may be told instead."""
    return {s: _cell(word) for s, word in zip((ABSENT, *STATES), due.split(), strict=True)}


def _cell(word: str) -> Cell:
    codes, _, state = word.partition(">")
    due, *also = (int(code, 16) for code in codes.split("/"))
    return Cell(due, tuple(also), {"P": IN_PROGRESS, "C": COMPLETED, "X": CANCELED, "S": SCHEDULED}.get(state))


# Table CC.1.1-2 and, for "set" and "get", CC.2.6.3, CC.2.7.3 with their tables of codes. Whoever looks at the state
# first and at the Transaction UID afterwards says another thing of the same request that is true too: "also".
RIGHT: Mapping[Event, Mapping[str, Cell]] = {
    "create": _cells("0000>S 0111 0111 0111 0111"),
    "claim": _cells("C307/0112 0000>P C302/C300 C300 C300"),
    "schedule": _cells("C307/0112 C303 C303 C303/C300 C303/C300"),
    "complete": _cells("C307/0112 C310/C301 0000>C B306/C300 C300"),
    "cancel": _cells("C307/0112 C310/C301 0000>X C300/C311 B304/C300"),
    "request": _cells("C307/0112 0000>X 0000/C312/C313 C311/C300 B304"),
    "set": _cells("C307/0112 0000/C310 0000 C300 C300"),
    "get": _cells("C307/0112 0000 0000 0000 0000"),
}
WRONG: Mapping[Event, Mapping[str, Cell]] = {
    "claim": _cells("C307/0112 C301/0114/0115/0120/0121 C301/C302 C301/C300 C301/C300"),
    "schedule": RIGHT["schedule"],
    "complete": _cells("C307/0112 C301/C310 C301 C301/C300/B306 C301/C300"),
    "cancel": _cells("C307/0112 C301/C310 C301 C301/C300/C311 C301/C300/B304"),
    "set": _cells("C307/0112 C301/C310 C301 C300/C301 C300/C301"),
}
"""The same when the Transaction UID that is needed is not the right one, or is there where there must be none."""

# Type of a user's N-CREATE, by path; what lies below a sequence holds for each of its items (Table CC.2.5-3).
_CODE = {"00080104": "1"}
_REQUEST = {"0020000D": "1", "00080050": "2", "00080051": "2", "00400026": "2", "00400027": "2", "00401001": "2",
            "00321060": "2", "00321064": "2"}  # fmt: skip
_CODES = ("00404025", "00404026", "00404027", "00404018", "00081084")
CREATE: Mapping[str, str] = {
    **dict.fromkeys(("00741200", "00741204", "00404005", READINESS, STATE), "1"),
    **dict.fromkeys((TRANSACTION, LABEL, "00741210", *_CODES, "00400400", "00404021", "00100010", "00100021",
                     "00100024", "00101002", "00100030", "00100040", "00380010", "00380014", "00081080", "0040A370",
                     PROGRESS, PERFORMED), "2"),
    **{f"{sequence}.{tag}": kind for sequence in _CODES for tag, kind in _CODE.items()},
    **{f"0040A370.{tag}": kind for tag, kind in _REQUEST.items()},
    f"{PERFORMERS}.00404009": "1",
}  # fmt: skip
EMPTY = (TRANSACTION, PROGRESS, PERFORMED)  # "shall be empty" when it is created

FIXED = frozenset(
    (STATE, SOP_CLASS, SOP_INSTANCE, "00100010", "00100020", "00100021", "00100024", "00100030", "00100040", "00380010",
     "00380014", "00081080", "00081084", "0040A370", "00741224")
)  # fmt: skip
"""What no N-SET may touch ("Not allowed")."""

_REQUIRED = ("00741200", "00404005", READINESS)
NEEDED: Mapping[str, tuple[str, ...]] = {
    COMPLETED: (*_REQUIRED, PERFORMED, *(f"{PERFORMED}.{tag}" for tag in ("00404028", "00404050", "00404019",
                                                                          "00404051"))),
    CANCELED: _REQUIRED,
}  # fmt: skip
"""What has a value before the state is reached (codes R and P). Codes X are left out: that a workitem may be canceled
with no N-SET at all, as CC.2.5.1.3.2 says, does not go with them. An Output Information Sequence may be empty."""

RETURNED: Mapping[str, str] = {
    **dict.fromkeys(("00741200", "00741204", LABEL, "00404005", READINESS, STATE, SOP_CLASS, SOP_INSTANCE), "1"),
    **dict.fromkeys(("00741210", "00404025", "00404026", "00404027", PERFORMERS, "00404018", "00404021", "0020000D",
                     "00100010", "00100020", "00100021", "00100024", "00101002", "00100030", "00100040", "00380010",
                     "00380014", "00081080", "00081084", "0040A370", PROGRESS), "2"),
}  # fmt: skip
"""What a match has, by Return Key Type, when it was asked for."""

MATCHED = frozenset(
    ("00741200", "00741204", LABEL, "00404005", "00404011", READINESS, STATE, "00100010", "00100020", "00100021",
     "00100030", "00100040", "00380010", *(f"{tag}.{part}" for tag in ("00404025", "00404026", "00404027", "00404018")
     for part in ("00080100", "00080102")), "0040A370.00080050", "0040A370.00401001")
)  # fmt: skip
"""Paths of keys that every provider matches (Match Key Type R)."""

REPORTED: Mapping[int, tuple[str, ...]] = {
    REPORT: (STATE, READINESS),
    CANCEL_REQUESTED: (REQUESTING,),
    PROGRESS_REPORT: (PROGRESS,),
    SCP_STATUS: ("00741242", "00741244", "00741246"),
    ASSIGNED: (),
}
"""What an event has, with a value, by its type (Table CC.2.4-1)."""


def lacking(found: DataSet, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(path, what is wrong) for each attribute that these types ask for and the data set does not have."""
    for path, kind in types.items():
        for holder in holders(found, path):
            element = holder.get(path.rpartition(".")[2])
            if element is None:
                yield path, "not there"
            elif kind == "1" and not valued(holder, element):
                yield path, "no value"


def unfinished(found: DataSet, state: str) -> list[str]:
    """The paths of what has no value and has to have one before this state."""
    return [path for path in NEEDED[state] if not _valued(found, path)]


def _valued(found: DataSet, path: str) -> bool:
    tag = path.rpartition(".")[2]
    held = [(holder, holder.get(tag)) for holder in holders(found, path)]
    return bool(held) and all(element is not None and valued(holder, element) for holder, element in held)
