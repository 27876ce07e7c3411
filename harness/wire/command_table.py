"""Knows which Command Elements each DIMSE message has, and what its command alone says of it (PS3.7 9.3, 10.3).

Must not know how a command is encoded, nor which message it answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.wire import status
from harness.wire.command import NO_DATA, TAGS, Command
from harness.wire.flaw import Flaws

Data = Literal["always", "never", "maybe", "pending", "success"]


@dataclass(frozen=True)
class Shape:
    """What a message is made of: keywords of elements that it must and that it may have, and when it has a data set."""

    name: str
    verb: str
    clause: str
    required: tuple[str, ...]
    allowed: frozenset[str]
    data: Data


_ALL = "CommandGroupLength CommandField CommandDataSetType"
_ASKED = "AffectedSOPClassUID MessageID"
_REQUESTED = "RequestedSOPClassUID MessageID RequestedSOPInstanceUID"
_ANSWER = "MessageIDBeingRespondedTo Status"
_AFFECTED = "AffectedSOPClassUID AffectedSOPInstanceUID"
_WRONG = "OffendingElement ErrorComment ErrorID"  # with a status, by PS3.7 Annex C
_LIST = "AttributeIdentifierList"  # with a status as well
_COUNTS = (
    "NumberOfRemainingSuboperations NumberOfCompletedSuboperations NumberOfFailedSuboperations "
    "NumberOfWarningSuboperations"
)
_MOVED = "MoveOriginatorApplicationEntityTitle MoveOriginatorMessageID"
_C, _N = f"MessageID AffectedSOPClassUID {_WRONG}", f"{_AFFECTED} {_WRONG} {_LIST}"

# command field, name, verb, clause, required, allowed, data set
_ROWS: tuple[tuple[int, str, str, str, str, str, Data], ...] = (
    (0x0001, "C-STORE-RQ", "store", "9.3.1.1", f"{_ASKED} Priority AffectedSOPInstanceUID", _MOVED, "always"),
    (0x8001, "C-STORE-RSP", "store", "9.3.1.2", _ANSWER, f"{_C} AffectedSOPInstanceUID", "never"),
    (0x0020, "C-FIND-RQ", "find", "9.3.2.1", f"{_ASKED} Priority", "", "always"),
    (0x8020, "C-FIND-RSP", "find", "9.3.2.2", _ANSWER, _C, "pending"),
    (0x0010, "C-GET-RQ", "get", "9.3.3.1", f"{_ASKED} Priority", "", "always"),
    (0x8010, "C-GET-RSP", "get", "9.3.3.2", _ANSWER, f"{_C} {_COUNTS}", "maybe"),
    (0x0021, "C-MOVE-RQ", "move", "9.3.4.1", f"{_ASKED} Priority MoveDestination", "", "always"),
    (0x8021, "C-MOVE-RSP", "move", "9.3.4.2", _ANSWER, f"{_C} {_COUNTS}", "maybe"),
    (0x0030, "C-ECHO-RQ", "echo", "9.3.5.1", _ASKED, "", "never"),
    (0x8030, "C-ECHO-RSP", "echo", "9.3.5.2", _ANSWER, _C, "never"),
    (0x0FFF, "C-CANCEL-RQ", "cancel", "9.3.2.3", "MessageIDBeingRespondedTo", "", "never"),
    (0x0100, "N-EVENT-REPORT-RQ", "event-report", "10.3.1.1", f"{_AFFECTED} MessageID EventTypeID", "", "maybe"),
    (0x8100, "N-EVENT-REPORT-RSP", "event-report", "10.3.1.2", _ANSWER, f"{_N} EventTypeID", "maybe"),
    (0x0110, "N-GET-RQ", "n-get", "10.3.2.1", _REQUESTED, _LIST, "never"),
    (0x8110, "N-GET-RSP", "n-get", "10.3.2.2", _ANSWER, _N, "success"),
    (0x0120, "N-SET-RQ", "n-set", "10.3.3.1", _REQUESTED, "", "always"),
    (0x8120, "N-SET-RSP", "n-set", "10.3.3.2", _ANSWER, _N, "maybe"),
    (0x0130, "N-ACTION-RQ", "n-action", "10.3.4.1", f"{_REQUESTED} ActionTypeID", "", "maybe"),
    (0x8130, "N-ACTION-RSP", "n-action", "10.3.4.2", _ANSWER, f"{_N} ActionTypeID", "maybe"),
    (0x0140, "N-CREATE-RQ", "n-create", "10.3.5.1", _ASKED, "AffectedSOPInstanceUID", "maybe"),
    (0x8140, "N-CREATE-RSP", "n-create", "10.3.5.2", _ANSWER, _N, "maybe"),
    (0x0150, "N-DELETE-RQ", "n-delete", "10.3.6.1", _REQUESTED, "", "never"),
    (0x8150, "N-DELETE-RSP", "n-delete", "10.3.6.2", _ANSWER, _N, "never"),
)
SHAPES: Mapping[int, Shape] = {
    number: Shape(name, verb, clause, tuple(must.split()), frozenset(f"{_ALL} {must} {may}".split()), data)
    for number, name, verb, clause, must, may, data in _ROWS
}
"""Messages by Command Field (PS3.7 Tables 9.3-1 to 9.3-13, 10.3-1 to 10.3-12, with 9.1-1 ... 10.1-6 and Annex C)."""

CANCEL = 0x0FFF
KEYWORDS: Mapping[str, str] = {tag: keyword for keyword, tag in TAGS.items()}


def judge_message(command: Command, flaws: Flaws) -> None:
    """What a whole command says that its message must not say, or does not say that it must."""
    number = command.number("CommandField")
    shape = SHAPES.get(-1 if number is None else number)
    if number is None:
        flaws.add("dimse.field-missing", "(0000,0100)", "none", "a Command Field")
    elif shape is None:
        flaws.add("dimse.field-unknown", "(0000,0100)", f"{number:04X}H", "a Command Field of PS3.7 E.1")
    if not command.has("CommandDataSetType"):
        flaws.add("dimse.required", "(0000,0800)", "no Command Data Set Type", "the element")
    _empty(command, shape, flaws)
    code = command.number("Status")
    if code is not None and status.class_of(code) == "unknown":
        flaws.add("dimse.status-range", "(0000,0900)", f"{code:04X}H", "a range of PS3.7 Annex C")
    priority = command.number("Priority")
    if priority is not None and priority > 2:
        flaws.add("dimse.priority", "(0000,0700)", str(priority), "0, 1 or 2")
    if shape is not None:
        _elements(command, shape, flaws)
        for code_, where, got, want in _data(command, shape):
            flaws.add(code_, where, got, want)


def _empty(command: Command, shape: Shape | None, flaws: Flaws) -> None:
    must = set(shape.required) if shape else set()
    for tag, element in command.elements.items():
        keyword = KEYWORDS.get(tag)
        if keyword and element.empty:
            code = "dimse.empty" if keyword in must or keyword in _ALL else "dimse.empty-optional"
            flaws.add(code, _where(keyword), f"{keyword} without a value", "a value")


def _elements(command: Command, shape: Shape, flaws: Flaws) -> None:
    """Elements that are missing, or do not apply."""
    for keyword in shape.required:
        if not command.has(keyword):
            flaws.add("dimse.required", _where(keyword), f"{shape.name} without {keyword}", "the element")
    for keyword in _conditional(command, shape):
        if not command.has(keyword):
            flaws.add("dimse.condition", _where(keyword), f"{shape.name} without {keyword}", "the element")
    for tag in command.elements:
        keyword = KEYWORDS.get(tag, "")
        if keyword and keyword not in shape.allowed:
            flaws.add("dimse.foreign", _where(keyword), f"{keyword} in {shape.name}", "none")


def _conditional(command: Command, shape: Shape) -> Iterator[str]:
    """Elements whose condition holds (PS3.7 9.1.3.1.7, 9.1.4.1.8, 10.1.1.1.5, 10.1.4.1.5)."""
    code = command.number("Status")
    if shape.verb in ("get", "move") and code is not None and status.class_of(code) == "pending":
        yield from _COUNTS.split()
    if code == status.SUCCESS and command.number("CommandDataSetType") not in (None, NO_DATA):
        yield from {"event-report": ["EventTypeID"], "n-action": ["ActionTypeID"]}.get(shape.verb, [])


def _data(command: Command, shape: Shape) -> Iterator[tuple[str, str, str, str]]:
    """Whether Command Data Set Type is what the message has."""
    kind, code = command.number("CommandDataSetType"), command.number("Status")
    if kind is None:
        return
    there, where = kind != NO_DATA, "(0000,0800)"
    if shape.data == "always" and not there:
        yield "dimse.data-type", where, "0101H", f"another value: {shape.name} has a data set"
    if shape.data == "never" and there:
        yield "dimse.data-type", where, f"{kind:04X}H", f"0101H: {shape.name} has no data set"
    if code is None:
        return
    pending = status.class_of(code) == "pending"
    if shape.data == "pending" and there != pending:
        want = "a data set" if pending else "none"
        yield "dimse.data-condition", where, f"{kind:04X}H with status {code:04X}H", want
    if shape.data == "success" and code == status.SUCCESS and not there:
        yield "dimse.data-condition", where, "0101H with status 0000H", "a data set"


def _where(keyword: str) -> str:
    tag = TAGS[keyword]
    return f"({tag[:4]},{tag[4:]})"
