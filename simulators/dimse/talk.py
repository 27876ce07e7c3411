"""Knows what a service may know of, and do on, the association it was asked on, and how it refuses a request.

Must not know sockets, threads or how messages are carried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from harness.association import Side, What
from harness.upper_layer import message
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Agreed
from harness.wire.uri import valid_uid

Answers = Iterator[Message]

# Status codes (PS3.7 Annex C, PS3.4 B.2.3, C.4.1.1.4, C.4.2.1.5)
SUCCESS = 0x0000
ATTRIBUTES_NOT_SUPPORTED = 0x0001
NO_SUCH_ATTRIBUTE = 0x0105
INVALID_ATTRIBUTE_VALUE = 0x0106
PROCESSING_FAILURE = 0x0110
DUPLICATE_INSTANCE = 0x0111
NO_SUCH_INSTANCE = 0x0112
INVALID_ARGUMENT_VALUE = 0x0115
INVALID_INSTANCE = 0x0117
NO_SUCH_CLASS = 0x0118
CLASS_INSTANCE_CONFLICT = 0x0119
MISSING_ATTRIBUTE = 0x0120
MISSING_VALUE = 0x0121
CLASS_NOT_SUPPORTED = 0x0122
NO_SUCH_ACTION = 0x0123
DUPLICATE_INVOCATION = 0x0210
UNRECOGNIZED_OPERATION = 0x0211
MISTYPED_ARGUMENT = 0x0212
NO_MATCH_COUNT = 0xA701
NO_SUBOPERATIONS = 0xA702
OUT_OF_RESOURCES = 0xA700
DESTINATION_UNKNOWN = 0xA801
DOES_NOT_MATCH = 0xA900
SUBOPERATIONS_FAILED = 0xB000
UNABLE_TO_PROCESS = 0xC000
CANCELLED = 0xFE00
PENDING = 0xFF00
PENDING_WARNING = 0xFF01

_UIDS = ("AffectedSOPClassUID", "AffectedSOPInstanceUID")
_COMMENT = 64  # characters of an LO
_COMMENTED = frozenset((PROCESSING_FAILURE, CLASS_NOT_SUPPORTED))  # PS3.7 C.5: these of group 01 have an Error Comment


class Gone(Exception):
    """The association is over, or was never made; the text says how."""


class Refused(Exception):
    """A request that cannot be done: the status of its response, an Error Comment, and the elements that offend.

    `more` are further elements of the response. What its status has no place for (PS3.7 C.5) is left out.
    """

    def __init__(self, status: int, comment: str, *offending: int, **more: Any) -> None:
        super().__init__(comment)
        self.status = status
        self.elements: dict[str, Any] = {**failure(status, comment), **more}
        if offending and (status >> 12 in (0xB, 0xC) or status >> 8 == 0xA9):
            self.elements["OffendingElement"] = offending


class Observer(Protocol):
    """Takes down what is said on one association; `harness.association.Tape` does."""

    def heard(self, side: Side, octets: bytes, ms: int) -> None: ...

    def event(self, side: Side, what: What, ms: int, detail: str = "") -> None: ...


class Talk(Protocol):
    """The association as a service sees it. All calls may wait, and all may raise Gone."""

    title: str  # the AE title we were called by
    calling: str
    contexts: Mapping[int, Agreed]
    extended: Mapping[str, bytes]  # SOP Class UID -> application information as we returned it

    def cancelled(self, request: Message) -> bool:
        """Whether the requestor took this request back."""

    def perform(self, request: Message) -> Message:
        """Ask the other side on this association and wait for its one response."""

    def next_id(self) -> int:
        """A Message ID for a request of ours."""

    def afterwards(self, errand: Callable[[], None]) -> None:
        """Have something done once the response to the present request is out."""


def response(request: Message, status: int, data: bytes | None = None, **more: Any) -> Message:
    """The response to any request. It does not repeat what is no UID: the elements for them are optional."""
    made = message.response(request, status, data, **more)
    bad = [word for word in _UIDS if word in made.command and not valid_uid(made.text(word))]
    return made.set(**dict.fromkeys(bad, message.ABSENT)) if bad else made


def failure(status: int, comment: str) -> dict[str, Any]:
    """The elements that tell people why, as far as the status has a place for them (PS3.7 C.5)."""
    return {"ErrorComment": comment_of(comment)} if status in _COMMENTED or status >= 0xA000 else {}


def comment_of(text: str) -> str:
    """A text as an Error Comment: an LO of the default repertoire."""
    plain = text.encode("ascii", "replace").decode().replace("\\", "/")
    return "".join(c if c.isprintable() else "?" for c in plain)[:_COMMENT].rstrip()


def option(extended: Mapping[str, bytes], sop_class: str, byte: int) -> bool:
    """Whether an option of extended negotiation holds; `byte` counts from 1, missing ones are 0 (PS3.4 C.5.1.1)."""
    information = extended.get(sop_class, b"")
    return len(information) >= byte and information[byte - 1] == 1
