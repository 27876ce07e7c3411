"""Knows how fragments become messages (PS3.8 E), in bounded memory.

Must not know PDUs or states. Lenient where the standard asks receivers to be (empty fragments, PDVs of one kind in a
row) and where no harm is done (odd fragments, messages that share a PDU).
"""

from __future__ import annotations

from collections.abc import Callable

from harness.body import Body
from harness.upper_layer.command import Malformed
from harness.upper_layer.indications import MessageReceived, Sink
from harness.upper_layer.message import Message

COMMAND_MOST = 64 << 10
DATA_MOST = 64 << 20

ChooseSink = Callable[[Message], Sink | None]


class Assembler:
    """Takes fragments in order. `sink`: who takes the data set of a message, None for up to `most` octets in memory."""

    def __init__(self, sink: ChooseSink | None = None, most: int = DATA_MOST) -> None:
        self._choose = sink
        self._most = most
        self._command = bytearray()
        self._context = 0
        self._message: Message | None = None
        self._sink: Sink | None = None
        self._data = bytearray()

    @property
    def busy(self) -> bool:
        """In the middle of a message."""
        return bool(self._command) or self._message is not None

    def take(self, context: int, control: int, octets: memoryview, whole: bool) -> MessageReceived | None:
        """A piece of a fragment (`whole`: its last piece); the message, when it is complete by it. Raises Malformed."""
        if control & 1:
            return self._take_command(context, octets, whole and bool(control & 2))
        return self._take_data(context, octets, whole and bool(control & 2))

    def discard(self) -> None:
        """The association is over: nothing more will come."""
        if self._sink is not None:
            self._sink.discard()
        self._begin()

    def _begin(self) -> None:
        self._command.clear()
        self._data.clear()
        self._message = self._sink = None

    def _take_command(self, context: int, octets: memoryview, last: bool) -> MessageReceived | None:
        if self._message is not None:
            raise Malformed("a command fragment before the data set of the message before was complete")
        if self._command and context != self._context:
            raise Malformed("fragments of one command on two presentation contexts")
        self._context = context
        self._command += octets
        if len(self._command) > COMMAND_MOST:
            raise Malformed(f"a command set of more than {COMMAND_MOST} octets")
        if not last:
            return None
        message = Message.read(context, bytes(self._command))
        self._begin()
        if not message.announces_data:
            return MessageReceived(message)
        self._message = message
        self._sink = self._choose(message) if self._choose else None
        return None

    def _take_data(self, context: int, octets: memoryview, last: bool) -> MessageReceived | None:
        if self._message is None:
            raise Malformed("a data set fragment without a command that announces it")
        if context != self._context:
            raise Malformed("a data set on another presentation context than its command")
        if self._sink is not None:
            self._sink.write(octets)
        else:
            self._data += octets
            if len(self._data) > self._most:
                raise Malformed(f"a data set of more than {self._most} octets")
        return self._whole(self._message) if last else None

    def _whole(self, message: Message) -> MessageReceived:
        sink = self._sink
        kept = sink.finish() if sink is not None else bytes(self._data)
        self._begin()
        if isinstance(kept, Body):
            return MessageReceived(message.but(body=kept), sink)
        return MessageReceived(message.but(data=kept), sink)
