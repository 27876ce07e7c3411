"""Knows the statuses of operations on Unified Procedure Steps (PS3.4 CC.2, PS3.7 C) and what each says.

Must not know workitems or transports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SUCCESS: Final = 0x0000
NOT_SUPPORTED: Final = 0x0001  # optional attributes of a set request were left out
INVALID_VALUE: Final = 0x0106
DUPLICATE: Final = 0x0111
INVALID_ARGUMENT: Final = 0x0115
MISSING_ATTRIBUTE: Final = 0x0120
MISSING_VALUE: Final = 0x0121
NO_RESOURCES: Final = 0x0213
CREATED_MODIFIED: Final = 0xB300
LOCK_NOT_GRANTED: Final = 0xB301
ALREADY_CANCELED: Final = 0xB304
COERCED: Final = 0xB305
ALREADY_COMPLETED: Final = 0xB306
FINAL: Final = 0xC300
WRONG_TRANSACTION: Final = 0xC301
ALREADY_IN_PROGRESS: Final = 0xC302
NOT_BY_ACTION: Final = 0xC303
NOT_COMPLETE: Final = 0xC304
UNKNOWN: Final = 0xC307
NOT_SCHEDULED: Final = 0xC309
NOT_IN_PROGRESS: Final = 0xC310
CANNOT_CANCEL: Final = 0xC311
NOT_APPROPRIATE: Final = 0xC314

SAYS: Final = {
    NOT_SUPPORTED: "attributes that a workitem does not have were left out",
    INVALID_VALUE: "a value is not allowed",
    DUPLICATE: "there is a workitem with this UID already",
    INVALID_ARGUMENT: "an argument of the request is not allowed",
    MISSING_ATTRIBUTE: "an attribute is missing",
    MISSING_VALUE: "an attribute has no value and needs one",
    NO_RESOURCES: "there are too many subscribers already",
    CREATED_MODIFIED: "the workitem was made with modifications",
    LOCK_NOT_GRANTED: "the subscription has no deletion lock",
    ALREADY_CANCELED: "the workitem is CANCELED already",
    COERCED: "the workitem was changed with modifications",
    ALREADY_COMPLETED: "the workitem is COMPLETED already",
    FINAL: "the workitem has come to its end and is not changed any more",
    WRONG_TRANSACTION: "this is not the Transaction UID that the workitem is locked with",
    ALREADY_IN_PROGRESS: "the workitem is IN PROGRESS already",
    NOT_BY_ACTION: "the state SCHEDULED comes with creation only, and no state by setting attributes",
    NOT_COMPLETE: "the workitem lacks what it needs in its final state",
    UNKNOWN: "there is no such workitem",
    NOT_SCHEDULED: "a workitem is created in the state SCHEDULED",
    NOT_IN_PROGRESS: "the workitem is not IN PROGRESS",
    CANNOT_CANCEL: "the workitem is COMPLETED already",
    NOT_APPROPRIATE: "this cannot be done with this resource",
}


class Refused(Exception):
    """An operation that is not carried out and changes nothing.

    `code` is the DIMSE status, `why` a sentence without a full stop, `tags` the attributes it is about (dotted paths
    of eight digits each), `gone` says that there once was such a workitem.
    """

    def __init__(self, code: int, why: str = "", tags: tuple[str, ...] = (), *, gone: bool = False) -> None:
        self.code = code
        self.why = why or SAYS[code]
        self.tags = tags
        self.gone = gone
        super().__init__(f"{code:04X}: {self.why}")


@dataclass(frozen=True)
class Outcome:
    """An operation that was carried out. `status` is 0 or a warning (0001, B3xx), `tags` the attributes it is about.

    `changed` is False when there was nothing to do: a state that was reached before, a subscription that was not there.
    """

    uid: str
    status: int = SUCCESS
    tags: tuple[str, ...] = ()
    changed: bool = True
