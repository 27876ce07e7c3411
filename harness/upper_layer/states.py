"""Knows the upper layer's state machine as data: states, events, actions and Table 9-10 (PS3.8 9.2).

Must not know PDUs, sockets or timers; `machine` carries the actions out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Final


class State(IntEnum):
    """Tables 9-1 to 9-5."""

    STA1 = 1  # idle
    STA2 = 2  # transport connection open, awaiting A-ASSOCIATE-RQ
    STA3 = 3  # awaiting the local A-ASSOCIATE response
    STA4 = 4  # awaiting the transport connection to open
    STA5 = 5  # awaiting A-ASSOCIATE-AC or -RJ
    STA6 = 6  # association established
    STA7 = 7  # awaiting A-RELEASE-RP
    STA8 = 8  # awaiting the local A-RELEASE response
    STA9 = 9  # release collision, requestor: awaiting the local A-RELEASE response
    STA10 = 10  # release collision, acceptor: awaiting A-RELEASE-RP
    STA11 = 11  # release collision, requestor: awaiting A-RELEASE-RP
    STA12 = 12  # release collision, acceptor: awaiting the local A-RELEASE response
    STA13 = 13  # awaiting the transport connection to close


class Event(Enum):
    """The rows of Table 9-10, by what happens."""

    ASSOCIATE_REQUEST = "A-ASSOCIATE request of the local user"
    TRANSPORT_CONFIRM = "transport connection confirmation"
    ASSOCIATE_AC = "A-ASSOCIATE-AC PDU received"
    ASSOCIATE_RJ = "A-ASSOCIATE-RJ PDU received"
    TRANSPORT_INDICATION = "transport connection indication"
    ASSOCIATE_RQ = "A-ASSOCIATE-RQ PDU received"
    ASSOCIATE_ACCEPT = "A-ASSOCIATE response (accept) of the local user"
    ASSOCIATE_REJECT = "A-ASSOCIATE response (reject) of the local user"
    DATA_REQUEST = "P-DATA request of the local user"
    DATA = "P-DATA-TF PDU received"
    RELEASE_REQUEST = "A-RELEASE request of the local user"
    RELEASE_RQ = "A-RELEASE-RQ PDU received"
    RELEASE_RP = "A-RELEASE-RP PDU received"
    RELEASE_RESPONSE = "A-RELEASE response of the local user"
    ABORT_REQUEST = "A-ABORT request of the local user"
    ABORT = "A-ABORT PDU received"
    TRANSPORT_CLOSED = "transport connection closed indication"
    ARTIM_EXPIRED = "ARTIM timer expired"
    INVALID = "unrecognized or invalid PDU received"


LOCAL: Final = frozenset(e for e in Event if e.value.endswith("of the local user"))

# Table 9-10, one line a row: for each state (1 to 13) the action, and the next state where the action leaves none open.
# AE-6 leads to Sta3 or Sta13, AR-8 to Sta9 or Sta10: the action decides.
_ROWS: Final = """
ASSOCIATE_REQUEST    AE-1/4  .       .       .       .       .       .       .       .       .       .       .       .
TRANSPORT_CONFIRM    .       .       .       AE-2/5  .       .       .       .       .       .       .       .       .
ASSOCIATE_AC         .       AA-1/13 AA-8/13 .       AE-3/6  AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-6/13
ASSOCIATE_RJ         .       AA-1/13 AA-8/13 .       AE-4/1  AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-6/13
TRANSPORT_INDICATION AE-5/2  .       .       .       .       .       .       .       .       .       .       .       .
ASSOCIATE_RQ         .       AE-6/?  AA-8/13 .       AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-7/13
ASSOCIATE_ACCEPT     .       .       AE-7/6  .       .       .       .       .       .       .       .       .       .
ASSOCIATE_REJECT     .       .       AE-8/13 .       .       .       .       .       .       .       .       .       .
DATA_REQUEST         .       .       .       .       .       DT-1/6  .       AR-7/8  .       .       .       .       .
DATA                 .       AA-1/13 AA-8/13 .       AA-8/13 DT-2/6  AR-6/7  AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-6/13
RELEASE_REQUEST      .       .       .       .       .       AR-1/7  .       .       .       .       .       .       .
RELEASE_RQ           .       AA-1/13 AA-8/13 .       AA-8/13 AR-2/8  AR-8/?  AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-6/13
RELEASE_RP           .       AA-1/13 AA-8/13 .       AA-8/13 AA-8/13 AR-3/1  AA-8/13 AA-8/13 AR-10/12 AR-3/1 AA-8/13 AA-6/13
RELEASE_RESPONSE     .       .       .       .       .       .       .       AR-4/13 AR-9/11 .       .       AR-4/13 .
ABORT_REQUEST        .       .       AA-1/13 AA-2/1  AA-1/13 AA-1/13 AA-1/13 AA-1/13 AA-1/13 AA-1/13 AA-1/13 AA-1/13 .
ABORT                .       AA-2/1  AA-3/1  .       AA-3/1  AA-3/1  AA-3/1  AA-3/1  AA-3/1  AA-3/1  AA-3/1  AA-3/1  AA-2/1
TRANSPORT_CLOSED     .       AA-5/1  AA-4/1  AA-4/1  AA-4/1  AA-4/1  AA-4/1  AA-4/1  AA-4/1  AA-4/1  AA-4/1  AA-4/1  AR-5/1
ARTIM_EXPIRED        .       AA-2/1  .       .       .       .       .       .       .       .       .       .       AA-2/1
INVALID              .       AA-1/13 AA-8/13 .       AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-7/13
"""  # noqa: E501

Cell = tuple[str, State | None]  # an action, and the next state unless the action decides


def _table() -> dict[tuple[Event, State], Cell]:
    table: dict[tuple[Event, State], Cell] = {}
    for row in _ROWS.strip().splitlines():
        name, *cells = row.split()
        for state, cell in zip(State, cells, strict=True):
            if cell != ".":
                action, following = cell.split("/")
                table[Event[name], state] = (action, None if following == "?" else State(int(following)))
    return table


TABLE: Final[Mapping[tuple[Event, State], Cell]] = _table()
