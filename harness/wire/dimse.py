"""Knows DIMSE messages: how they are put together from presentation data values (PS3.8 E), and what they say (PS3.7).

Must not know services, nor which message answers which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.body import EMPTY, Body, Joined
from harness.wire import command as commands
from harness.wire import command_table, part10
from harness.wire.command import NO_DATA, Command, read_command
from harness.wire.command_table import CANCEL, SHAPES
from harness.wire.elements import DataSet
from harness.wire.flaw import Flaws
from harness.wire.pdu import DATA, Pdu, Pdv

__all__ = ["CODES", "NOTES", "Assembly", "Command", "Message", "assemble"]

CODES: dict[str, str] = {
    **commands.CODES,
    "dimse.data-missing": "A data set follows the command that announces it (PS3.7 6.3, PS3.8 E.1).",
    "dimse.data-unannounced": "No data set follows a command that announces none (PS3.7 6.3.1, E.1).",
    "dimse.data-empty": "A data set that is announced has octets (PS3.8 E.1).",
    "dimse.data-first": "A data set comes behind its command (PS3.7 6.3).",
    "dimse.unfinished": "The last fragment of a command or data set is marked as the last one (PS3.8 E.1, E.2).",
    "dimse.interleaved": "Fragments of one message are not interleaved with those of another (PS3.8 E.1).",
    "dimse.context-changed": "All fragments of a message are in one presentation context (PS3.8 E.1).",
    "dimse.two-messages": "The values in one P-DATA-TF belong to one message (PS3.8 E.1).",
    "dimse.cut-off": "The stream ends with a whole message, unless the association was ended before.",
}
NOTES = commands.NOTES | {"dimse.cut-off"}


@dataclass(frozen=True)
class Message:
    """One message. `first` and `last` are indexes into the PDUs it was put together from.

    `flaws` holds those of its command as well. `data` is None when there is no data set; it is not copied.
    """

    context: int
    command: Command
    data: Body | None
    first: int
    last: int
    flaws: Flaws = field(default_factory=Flaws)
    _read: dict[str, tuple[DataSet, Flaws]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def field(self) -> int:
        """The Command Field, -1 when there is none."""
        number = self.command.number("CommandField")
        return -1 if number is None else number

    @property
    def name(self) -> str:
        """The name for people: "C-FIND-RSP", "unknown command 1234H"."""
        if self.field in SHAPES:
            return SHAPES[self.field].name
        return "no command" if self.field < 0 else f"unknown command {self.field:04X}H"

    @property
    def verb(self) -> str:
        """The operation: "echo", "n-get" ...; "cancel" for C-CANCEL-RQ, "unknown" for an unknown Command Field."""
        return SHAPES[self.field].verb if self.field in SHAPES else "unknown"

    @property
    def request(self) -> bool:
        """It asks for an operation or tells of an event; C-CANCEL-RQ does neither."""
        return 0 <= self.field < 0x8000 and not self.cancel

    @property
    def cancel(self) -> bool:
        return self.field == CANCEL

    @property
    def id(self) -> int:
        """Message ID, -1 when there is none."""
        return _or(self.command.number("MessageID"))

    @property
    def responded(self) -> int:
        """Message ID Being Responded To, -1 when there is none."""
        return _or(self.command.number("MessageIDBeingRespondedTo"))

    @property
    def status(self) -> int | None:
        return self.command.number("Status")

    @property
    def pending(self) -> bool:
        return self.status in (0xFF00, 0xFF01)

    @property
    def sop_class(self) -> str:
        """Affected SOP Class UID, or else Requested SOP Class UID."""
        return self.command.text("AffectedSOPClassUID") or self.command.text("RequestedSOPClassUID")

    @property
    def instance(self) -> str:
        """Affected SOP Instance UID, or else Requested SOP Instance UID."""
        return self.command.text("AffectedSOPInstanceUID") or self.command.text("RequestedSOPInstanceUID")

    def dataset(self, transfer_syntax_uid: str) -> tuple[DataSet, Flaws]:
        """The data set in this transfer syntax, with the flaws of its encoding; guessed when the UID is ''."""
        if transfer_syntax_uid not in self._read:
            self._read[transfer_syntax_uid] = part10.read_bare(self.data or EMPTY, transfer_syntax_uid)
        return self._read[transfer_syntax_uid]


@dataclass(frozen=True)
class Assembly:
    """The messages of one direction in the order in which they were over, and what was wrong with their framing.

    `unfinished` are messages that the end of the stream cut: their command or data is what came of it.
    """

    messages: tuple[Message, ...] = ()
    flaws: Flaws = field(default_factory=Flaws)
    unfinished: tuple[Message, ...] = ()


def assemble(pdus: Sequence[Pdu]) -> Assembly:
    """Put messages together from the P-DATA-TF PDUs of one direction; others are passed over."""
    maker = _Maker()
    for index, pdu in enumerate(pdus):
        if pdu.type == DATA:
            maker.pdu(index, pdu)
    return maker.finish(bool(pdus) and not pdus[-1].complete)


class _Open:
    """A message that is not over yet. `command` is read when its last fragment came."""

    def __init__(self, context: int, index: int) -> None:
        self.context = context
        self.first = self.last = index
        self.pieces: list[Body] = []
        self.data: list[Body] = []
        self.began = False  # a fragment of the data set came
        self.command: Command | None = None

    @property
    def announced(self) -> bool | None:
        """Whether the command announces a data set; None when it does not say."""
        kind = self.command.number("CommandDataSetType") if self.command else None
        return None if kind is None else kind != NO_DATA


class _Maker:
    """Takes presentation data values in order. Interleaved messages are told apart by their context."""

    def __init__(self) -> None:
        self.open: dict[int, _Open] = {}
        self.made: list[Message] = []
        self.flaws = Flaws()
        self.bare: dict[int, Message] = {}  # the last message of a context, when it announced no data set
        self._current: object = None  # the message that the last value of this PDU belongs to

    def pdu(self, index: int, pdu: Pdu) -> None:
        self._current = None
        for pdv in pdu.pdvs:
            where = f"P-DATA-TF {index + 1}, PDV at octet {pdv.at}"
            cut = not pdu.complete and pdv is pdu.pdvs[-1] and _reach(pdv, pdu) >= pdu.octets.size
            if pdv.command:
                self._command(index, pdv, where, pdv.last and not cut)
            else:
                self._data(index, pdv, where, pdv.last and not cut)

    def finish(self, cut: bool) -> Assembly:
        unfinished: list[Message] = []
        for one in list(self.open.values()):
            if one.command is not None and not one.began and not one.announced:
                self._close(one)
            else:
                self._loose(one, cut)
                command = one.command or read_command(Joined.over(one.pieces))
                data = Joined.over(one.data) if one.began else None
                unfinished.append(Message(one.context, command, data, one.first, one.last))
        self.made.sort(key=lambda m: m.last)
        return Assembly(tuple(self.made), self.flaws, tuple(unfinished))

    def _loose(self, one: _Open, cut: bool) -> None:
        if not cut:
            what = "a data set" if one.command else "a command"
            where = f"P-DATA-TF {one.last + 1}"
            self.flaws.add("dimse.cut-off", where, f"{what} without its last fragment at the end", "a whole message")

    def _command(self, index: int, pdv: Pdv, where: str, last: bool) -> None:
        one = self.open.get(pdv.context)
        if one is not None and one.command is not None:  # the next message begins before this one is over
            self._break_off(one, where)
            one = None
        if one is None:
            self._no_other(pdv.context, where)
            one = self.open[pdv.context] = _Open(pdv.context, index)
            self.bare.pop(pdv.context, None)
        self._belongs(one, where)
        one.pieces.append(pdv.fragment)
        one.last = index
        if last:
            self._read(one)

    def _read(self, one: _Open) -> None:
        one.command = read_command(Joined.over(one.pieces))
        one.pieces.clear()
        if one.announced is False:
            self.bare[one.context] = self._close(one)

    def _data(self, index: int, pdv: Pdv, where: str, last: bool) -> None:
        one = self.open.get(pdv.context) or self._waiting(pdv, where)
        if one is None:
            return
        self._belongs(one, where)
        if one.command is None:
            got = "data behind a command fragment that is not the last"
            self.flaws.add("dimse.unfinished", where, got, "the last command fragment marked so")
            self._read(one)
            if one.announced is False:
                self._stray(pdv, where)
                return
        one.began = True
        one.data.append(pdv.fragment)
        one.last = index
        if last:
            self._close(one)

    def _waiting(self, pdv: Pdv, where: str) -> _Open | None:
        """Of no open message in its own context: the one in another context that waits for data, if it is alone."""
        waiting = [one for one in self.open.values() if one.command is not None]
        if pdv.context in self.bare or len(waiting) != 1:
            self._stray(pdv, where)
            return None
        got = f"data in context {pdv.context}, its command in context {waiting[0].context}"
        self.flaws.add("dimse.context-changed", where, got, "one context")
        return waiting[0]

    def _stray(self, pdv: Pdv, where: str) -> None:
        bare = self.bare.get(pdv.context)
        if bare is None:
            self.flaws.add("dimse.data-first", where, f"data without a command in context {pdv.context}", "a command")
        elif "dimse.data-unannounced" not in bare.flaws.counts:
            bare.flaws.add("dimse.data-unannounced", where, "a data set", f"none with {bare.name}")

    def _break_off(self, one: _Open, where: str) -> None:
        """A message that another one follows before it is over."""
        if one.began:
            self.flaws.add("dimse.unfinished", where, "a command behind data that had no last fragment", "the rest")
        self._close(one)

    def _no_other(self, context: int, where: str) -> None:
        """No message is open in another context, but for those that may be over: they do not say."""
        for other in list(self.open.values()):
            if other.command is not None and not other.began and other.announced is None:
                self._close(other)
            else:
                got = f"context {context} while the message in context {other.context} is not over"
                self.flaws.add("dimse.interleaved", where, got, "one after the other")

    def _belongs(self, one: _Open, where: str) -> None:
        if self._current not in (None, one):
            self.flaws.add("dimse.two-messages", where, "a fragment of a second message in the PDU", "one message")
        self._current = one

    def _close(self, one: _Open) -> Message:
        command = one.command or Command()
        flaws = Flaws(list(command.flaws.kept), dict(command.flaws.counts))
        data = Joined.over(one.data) if one.began else None
        message = Message(one.context, command, data, one.first, one.last, flaws)
        command_table.judge_message(command, flaws)
        if data is None and one.announced:
            flaws.add("dimse.data-missing", "(0000,0800)", f"{message.name} without its data set", "a data set")
        elif data is not None and not data.size:
            flaws.add("dimse.data-empty", "data set", "no octets", "a data set")
        self.made.append(message)
        del self.open[one.context]
        return message


def _reach(pdv: Pdv, pdu: Pdu) -> int:
    """Where the octets of this value end in its PDU."""
    return pdv.at + 6 + pdv.fragment.size


def _or(number: int | None) -> int:
    return -1 if number is None else number
