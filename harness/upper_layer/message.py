"""Knows a DIMSE message: a command set with a data set, and how each request and response is made (PS3.7 9.3, 10.3).

Must not know sockets, states or what services do with messages.

This is what the SCU, the simulators and the mutants speak, and it stays as it is: they all build on it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from harness.body import Body
from harness.upper_layer.command import Command, Malformed, decode_command, encode_command

__all__ = ["ABSENT", "NO_DATA_SET", "Command", "Malformed", "Message"]

NO_DATA_SET: Final = 0x0101  # Command Data Set Type that says so; any other value announces a data set
DATA_SET: Final = 0x0001
ABSENT: Final = object()  # for `Message.set`: take the element out

FIELDS: Final = {
    "C-STORE-RQ": 0x0001,
    "C-GET-RQ": 0x0010,
    "C-FIND-RQ": 0x0020,
    "C-MOVE-RQ": 0x0021,
    "C-ECHO-RQ": 0x0030,
    "N-EVENT-REPORT-RQ": 0x0100,
    "N-GET-RQ": 0x0110,
    "N-SET-RQ": 0x0120,
    "N-ACTION-RQ": 0x0130,
    "N-CREATE-RQ": 0x0140,
    "N-DELETE-RQ": 0x0150,
    "C-CANCEL-RQ": 0x0FFF,
}
RESPONSE: Final = 0x8000
_NAMES: Final = {value: name for name, value in FIELDS.items()} | {
    value | RESPONSE: name[:-2] + "RSP" for name, value in FIELDS.items() if name != "C-CANCEL-RQ"
}


@dataclass(frozen=True)
class Message:
    """A DIMSE message on the presentation context with this id.

    `command` maps the keywords of PS3.7 Annex E to values: int (US, UL), str (UI, AE, LO), tuple of int (AT); an
    element that Annex E does not name stands under its tag in 8 hexadecimal digits, as bytes. A value of type bytes
    goes out as it is. CommandGroupLength and CommandDataSetType are reckoned when they are not given.
    The data set, encoded in the transfer syntax of the context, is `data` in hand or `body` in a file, never both;
    None and None: there is no data set. `raw` are octets that go out in place of the command set.
    Treat it as a value: `but` and `set` make changed copies.
    """

    context: int
    command: Command = field(default_factory=dict)
    data: bytes | None = None
    body: Body | None = None
    raw: bytes | None = None

    @property
    def field(self) -> int:
        """Command Field, -1 when it is missing."""
        return self._number("CommandField")

    @property
    def name(self) -> str:
        """ "C-FIND-RSP"; "unknown command 1234H" for a Command Field that PS3.7 does not know."""
        found = _NAMES.get(self.field)
        return found or (f"unknown command {self.field:04X}H" if self.field >= 0 else "message without Command Field")

    @property
    def request(self) -> bool:
        """It asks for an operation or a notification; a C-CANCEL only takes one back."""
        return 0 <= self.field < RESPONSE and not self.cancel

    @property
    def response(self) -> bool:
        return self.field >= RESPONSE

    @property
    def cancel(self) -> bool:
        return self.field == FIELDS["C-CANCEL-RQ"]

    @property
    def id(self) -> int:
        """Message ID, -1 when it is missing."""
        return self._number("MessageID")

    @property
    def responded(self) -> int:
        """Message ID Being Responded To, -1 when it is missing."""
        return self._number("MessageIDBeingRespondedTo")

    @property
    def status(self) -> int:
        """Status, -1 when it is missing."""
        return self._number("Status")

    @property
    def pending(self) -> bool:
        """A response after which others follow (PS3.7 C.1)."""
        return self.status in (0xFF00, 0xFF01)

    @property
    def sop_class(self) -> str:
        """Affected SOP Class UID, else the requested one, else ''."""
        return self.text("AffectedSOPClassUID") or self.text("RequestedSOPClassUID")

    @property
    def instance(self) -> str:
        """Affected SOP Instance UID, else the requested one, else ''."""
        return self.text("AffectedSOPInstanceUID") or self.text("RequestedSOPInstanceUID")

    @property
    def announces_data(self) -> bool:
        """Command Data Set Type says that a data set follows; a command without the element has none."""
        kind = self.command.get("CommandDataSetType", NO_DATA_SET)
        return bool(kind != NO_DATA_SET)

    @property
    def has_data(self) -> bool:
        return self.data is not None or self.body is not None

    def text(self, keyword: str) -> str:
        """The value of a UI, AE or LO element, '' when there is none that can be read."""
        value = self.command.get(keyword, "")
        if isinstance(value, bytes):
            value = value.strip(b"\0 ").decode("latin-1")
        return value if isinstance(value, str) else ""

    def _number(self, keyword: str) -> int:
        value = self.command.get(keyword)
        return value if isinstance(value, int) else -1

    def octets(self) -> bytes:
        """The command set as it goes out: `raw` when given, else the elements encoded."""
        if self.raw is not None:
            return self.raw
        if "CommandDataSetType" in self.command:
            return encode_command(self.command)
        return encode_command(self.command | {"CommandDataSetType": DATA_SET if self.has_data else NO_DATA_SET})

    def but(self, **changes: Any) -> Message:
        """The same message with other fields, nothing else adapted."""
        return dataclasses.replace(self, **changes)

    def set(self, **elements: Any) -> Message:
        """The same message with other command elements; ABSENT takes one out."""
        command = {**self.command, **elements}
        return self.but(command={k: v for k, v in command.items() if v is not ABSENT})

    def carrying(self, data: bytes | Body | None) -> Message:
        """The same message with another data set or none, and a Command Data Set Type that says so."""
        kind = NO_DATA_SET if data is None else DATA_SET
        changed = self.set(CommandDataSetType=kind)
        if isinstance(data, Body):
            return changed.but(data=None, body=data)
        return changed.but(data=data, body=None)

    def dataset_octets(self) -> bytes:
        """The data set in hand; b"" when there is none. BodyTooLarge above 64 MiB in a file."""
        if self.body is not None:
            return self.body.bytes()
        return self.data or b""

    @classmethod
    def read(cls, context: int, command: bytes, data: bytes | None = None, body: Body | None = None) -> Message:
        """The message with this command set; raises Malformed."""
        return cls(context, decode_command(command), data, body)


Data = bytes | Body | None


def _message(context: int, name: str, data: Data, elements: dict[str, Any], more: dict[str, Any]) -> Message:
    command: Command = {"CommandField": FIELDS[name], "CommandDataSetType": NO_DATA_SET if data is None else DATA_SET}
    command |= {k: v for k, v in {**elements, **more}.items() if v is not None and v is not ABSENT}
    if isinstance(data, Body):
        return Message(context, command, None, data)
    return Message(context, command, data)


def echo_rq(context: int, id: int, sop_class: str = "1.2.840.10008.1.1", **more: Any) -> Message:
    """C-ECHO-RQ (PS3.7 9.3.5.1); here as below, `more` are further command elements or others in place of these."""
    return _message(context, "C-ECHO-RQ", None, {"AffectedSOPClassUID": sop_class, "MessageID": id}, more)


def store_rq(context: int, id: int, sop_class: str, instance: str, data: Data, priority: int = 0,
             **more: Any) -> Message:  # fmt: skip
    """C-STORE-RQ (9.3.1.1); a sub-operation of C-MOVE names its originator in `more`."""
    elements = {"AffectedSOPClassUID": sop_class, "MessageID": id, "Priority": priority}
    return _message(context, "C-STORE-RQ", data, elements | {"AffectedSOPInstanceUID": instance}, more)


def find_rq(context: int, id: int, sop_class: str, identifier: Data, priority: int = 0, **more: Any) -> Message:
    """C-FIND-RQ (9.3.2.1)."""
    elements = {"AffectedSOPClassUID": sop_class, "MessageID": id, "Priority": priority}
    return _message(context, "C-FIND-RQ", identifier, elements, more)


def get_rq(context: int, id: int, sop_class: str, identifier: Data, priority: int = 0, **more: Any) -> Message:
    """C-GET-RQ (9.3.3.1)."""
    elements = {"AffectedSOPClassUID": sop_class, "MessageID": id, "Priority": priority}
    return _message(context, "C-GET-RQ", identifier, elements, more)


def move_rq(context: int, id: int, sop_class: str, destination: str, identifier: Data, priority: int = 0,
            **more: Any) -> Message:  # fmt: skip
    """C-MOVE-RQ (9.3.4.1); `destination` is an AE title."""
    elements = {"AffectedSOPClassUID": sop_class, "MessageID": id, "Priority": priority}
    return _message(context, "C-MOVE-RQ", identifier, elements | {"MoveDestination": destination}, more)


def cancel_rq(context: int, id: int, **more: Any) -> Message:
    """C-CANCEL-RQ of the request with this Message ID (9.3.2.3, 9.3.3.3, 9.3.4.3)."""
    return _message(context, "C-CANCEL-RQ", None, {"MessageIDBeingRespondedTo": id}, more)


def event_report_rq(context: int, id: int, sop_class: str, instance: str, event_type: int, information: Data = None,
                    **more: Any) -> Message:  # fmt: skip
    """N-EVENT-REPORT-RQ (10.3.1.1)."""
    elements = {"AffectedSOPClassUID": sop_class, "MessageID": id, "AffectedSOPInstanceUID": instance}
    return _message(context, "N-EVENT-REPORT-RQ", information, elements | {"EventTypeID": event_type}, more)


def n_get_rq(context: int, id: int, sop_class: str, instance: str, attributes: Iterable[int] = (),
             **more: Any) -> Message:  # fmt: skip
    """N-GET-RQ (10.3.2.1); `attributes` are tags, none asks for all."""
    tags = tuple(attributes)
    elements = {"RequestedSOPClassUID": sop_class, "MessageID": id, "RequestedSOPInstanceUID": instance}
    return _message(context, "N-GET-RQ", None, elements | ({"AttributeIdentifierList": tags} if tags else {}), more)


def n_set_rq(context: int, id: int, sop_class: str, instance: str, modifications: Data, **more: Any) -> Message:
    """N-SET-RQ (10.3.3.1)."""
    elements = {"RequestedSOPClassUID": sop_class, "MessageID": id, "RequestedSOPInstanceUID": instance}
    return _message(context, "N-SET-RQ", modifications, elements, more)


def n_action_rq(context: int, id: int, sop_class: str, instance: str, action_type: int, information: Data = None,
                **more: Any) -> Message:  # fmt: skip
    """N-ACTION-RQ (10.3.4.1)."""
    elements = {"RequestedSOPClassUID": sop_class, "MessageID": id, "RequestedSOPInstanceUID": instance}
    return _message(context, "N-ACTION-RQ", information, elements | {"ActionTypeID": action_type}, more)


def n_create_rq(context: int, id: int, sop_class: str, instance: str = "", attributes: Data = None,
                **more: Any) -> Message:  # fmt: skip
    """N-CREATE-RQ (10.3.5.1); without an instance UID the SCP assigns one."""
    elements = {"AffectedSOPClassUID": sop_class, "MessageID": id, "AffectedSOPInstanceUID": instance or None}
    return _message(context, "N-CREATE-RQ", attributes, elements, more)


def n_delete_rq(context: int, id: int, sop_class: str, instance: str, **more: Any) -> Message:
    """N-DELETE-RQ (10.3.6.1)."""
    elements = {"RequestedSOPClassUID": sop_class, "MessageID": id, "RequestedSOPInstanceUID": instance}
    return _message(context, "N-DELETE-RQ", None, elements, more)


def response(asked: Message, status: int, data: Data = None, **more: Any) -> Message:
    """The response to any request: same context, its Message ID, SOP Class, SOP Instance, event and action type.

    C-FIND-RSP, C-GET-RSP and C-MOVE-RSP name no instance because their requests name none; what a request leaves out
    is left out here as well.
    """
    command: Command = {
        "CommandField": asked.field | RESPONSE if asked.field >= 0 else None,
        "MessageIDBeingRespondedTo": asked.id if asked.id >= 0 else None,
        "CommandDataSetType": NO_DATA_SET if data is None else DATA_SET,
        "Status": status,
        "AffectedSOPClassUID": asked.sop_class or None,
        "AffectedSOPInstanceUID": asked.instance or None,
        "EventTypeID": asked.command.get("EventTypeID"),
        "ActionTypeID": asked.command.get("ActionTypeID"),
    }
    command = {k: v for k, v in (command | more).items() if v is not None and v is not ABSENT}
    return Message(asked.context, command).carrying(data) if data is not None else Message(asked.context, command)
