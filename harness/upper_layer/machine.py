"""Knows how one side of an association behaves: carries out the actions of PS3.8 Table 9-10 on octets and indications.

Must not open sockets or read clocks: its driver moves octets, closes the transport connection and runs the timer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from harness.upper_layer import decode, encode
from harness.upper_layer.assemble import DATA_MOST, Assembler, ChooseSink
from harness.upper_layer.command import Malformed
from harness.upper_layer.encode import Buffer
from harness.upper_layer.framing import Frames, Treat
from harness.upper_layer.indications import (
    Aborted,
    Accepted,
    AssociateRequested,
    Indication,
    Rejected,
    Released,
    ReleaseRequested,
)
from harness.upper_layer.item import Pdu
from harness.upper_layer.message import Message
from harness.upper_layer.negotiate import NO_VERSION
from harness.upper_layer.offer import Abort, Acceptance, Agreed, Offer, Rejection, agreed
from harness.upper_layer.outbox import EachPdu, Outbox
from harness.upper_layer.states import LOCAL, TABLE, Event, State

Side = Literal["requestor", "acceptor"]

ASSOCIATE_MOST: Final = 1 << 20  # octets of an A-ASSOCIATE PDU; 128 contexts with all transfer syntaxes take a third
SILENT_MAXIMUM: Final = 16384  # towards a peer that states no maximum length
UNRECOGNIZED, UNEXPECTED, UNEXPECTED_PARAMETER, INVALID_PARAMETER = 1, 2, 5, 6  # reasons of PS3.8 9.3.8

_EVENTS: Final = {
    encode.ASSOCIATE_RQ: Event.ASSOCIATE_RQ,
    encode.ASSOCIATE_AC: Event.ASSOCIATE_AC,
    encode.ASSOCIATE_RJ: Event.ASSOCIATE_RJ,
    encode.DATA: Event.DATA,
    encode.RELEASE_RQ: Event.RELEASE_RQ,
    encode.RELEASE_RP: Event.RELEASE_RP,
    encode.ABORT: Event.ABORT,
}
_AT_ONCE: Final = frozenset({"AA-1", "AA-6", "AA-7", "AA-8"})  # the content of the PDU does not matter to these


class Misuse(RuntimeError):
    """The local user asked for something that Table 9-10 does not know in this state."""


class Machine:
    """One side of one association.

    A requestor: `connect()`, then `connected()` when the transport connection stands. An acceptor: `opened()`. Then
    octets that arrive go into `receive`, which gives back indications; after every call the driver sends what
    `pieces_to_send` holds, closes the transport connection when `closing` is true and all is sent, and sees to the
    timer: `artim` is 0 while it is stopped, else a number that changes with every start; when it has run out, call
    `artim_expired`. When the transport connection is gone, call `closed`.

    `sink` chooses who takes the data set of a message that is coming in; without one it is held in memory, up to
    `most` octets. `each_pdu` may change every PDU that leaves. Misuse is raised for local requests out of state;
    nothing that the peer sends raises anything. An indication may be overtaken by what came in the same octets (an
    A-ABORT behind an A-ASSOCIATE-RQ): answer it only if `state` still awaits the answer, or catch Misuse.
    """

    def __init__(self, side: Side, offer: Offer | None = None, *, sink: ChooseSink | None = None,
                 each_pdu: EachPdu | None = None, most: int = DATA_MOST) -> None:  # fmt: skip
        self.side = side
        self.offer = offer or Offer()
        self.state = State.STA1
        self.action = ""  # the latest one, for whoever follows the machine
        self.acceptance: Acceptance | None = None
        self.contexts: dict[int, Agreed] = {}
        self.peer_maximum = SILENT_MAXIMUM
        self.maximum_length = (offer.maximum_length or 0) if offer else 0
        self.artim = 0
        self.closing = False
        self._artim_starts = 0
        self._out = Outbox(each_pdu)
        self._assembler = Assembler(sink, most)
        self._told: list[Indication] = []
        self._frames = Frames(self)

    # -- the local user ------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """A-ASSOCIATE request: the driver opens the transport connection next."""
        self._do(Event.ASSOCIATE_REQUEST)

    def connected(self) -> None:
        """The transport connection of the requestor stands: the A-ASSOCIATE-RQ goes out."""
        self._do(Event.TRANSPORT_CONFIRM)

    def opened(self) -> None:
        """A transport connection has come in to the acceptor."""
        self._do(Event.TRANSPORT_INDICATION)

    def accept(self, acceptance: Acceptance) -> None:
        """A-ASSOCIATE response; `Machine.contexts` holds what was agreed afterwards."""
        self._do(Event.ASSOCIATE_ACCEPT, acceptance)

    def reject(self, rejection: Rejection) -> None:
        self._do(Event.ASSOCIATE_REJECT, rejection)

    def send(self, message: Message) -> None:
        """P-DATA requests of a whole message; its data set is cut piece by piece when it is sent.

        ValueError for a command set that cannot be encoded.
        """
        self._do(Event.DATA_REQUEST, message)

    def release(self) -> None:
        self._do(Event.RELEASE_REQUEST)

    def answer_release(self) -> None:
        self._do(Event.RELEASE_RESPONSE)

    def abort(self, what: Abort | None = None) -> None:
        """A-ABORT request; what has not been sent yet is dropped."""
        self._do(Event.ABORT_REQUEST, what)

    def raw(self, octets: bytes | Pdu) -> None:
        """Octets, or a PDU that says anything, sent in any state without changing it."""
        self._out.raw(octets if isinstance(octets, bytes) else octets.encode())

    def artim_expired(self) -> None:
        self._do(Event.ARTIM_EXPIRED)

    def closed(self) -> list[Indication]:
        """The transport connection is gone."""
        self._do(Event.TRANSPORT_CLOSED)
        return self._indications()

    def pieces_to_send(self, most: int = 1 << 20) -> list[Buffer]:
        """Buffers of whole PDUs, about `most` octets of them, for a gathering write; empty when all is sent."""
        return self._out.take(most)

    def octets_to_send(self) -> bytes:
        """Everything that is to be sent, in one piece."""
        pieces = []
        while found := self._out.take(1 << 20):
            pieces += found
        return b"".join(pieces)

    @property
    def sending(self) -> bool:
        """Something is to be sent."""
        return bool(self._out)

    # -- octets of the peer --------------------------------------------------------------------------------------

    def receive(self, octets: bytes) -> list[Indication]:
        """The indications that these octets bring about; they may be cut anywhere."""
        if self.state not in _DEAF:
            self._frames.take(octets)
        return self._indications()

    def begins(self, type_: int, length: int) -> Treat:
        """A PDU of this type and length begins (for `Frames`)."""
        event = _EVENTS.get(type_)
        if event is None:
            self._invalid(UNRECOGNIZED, f"a PDU of type {type_:02X}H")
        elif (cell := TABLE.get((event, self.state))) is None or cell[0] in _AT_ONCE:
            self._do(event, Abort(2, UNEXPECTED), f"a PDU of type {type_:02X}H in {self.state.name.title()}")
        elif flaw := self._length_flaw(type_, length):
            self._invalid(INVALID_PARAMETER, flaw)
        elif event is Event.DATA:
            self._do(event)
            return Treat.FRAGMENTS
        else:
            return Treat.WHOLE
        return Treat.SKIP

    def content(self, type_: int, content: bytes) -> None:
        """A PDU other than P-DATA-TF is all here (for `Frames`)."""
        event = _EVENTS[type_]
        try:
            given = _READERS[type_](content) if type_ in _READERS else None
            if isinstance(given, Offer):
                _check(given)
        except Malformed as error:
            self._invalid(INVALID_PARAMETER, str(error))
        else:
            self._do(event, given)

    def fragment(self, context: int, control: int, octets: memoryview, whole: bool) -> bool:
        """A piece of a fragment is here (for `Frames`)."""
        if self.state not in _TAKES_DATA:  # the user ended the association in the middle of a PDU
            return False
        if context not in self.contexts:
            self._invalid(INVALID_PARAMETER, f"a presentation data value on context {context}, which was not accepted")
            return False
        try:
            received = self._assembler.take(context, control, octets, whole)
        except Malformed as error:
            self._invalid(INVALID_PARAMETER, str(error))
            return False
        if received is not None:
            self._told.append(received)
        return True

    def broken(self, why: str) -> None:
        self._invalid(INVALID_PARAMETER, why)

    def _length_flaw(self, type_: int, length: int) -> str:
        if type_ == encode.DATA:
            if length < 6:
                return f"a P-DATA-TF of {length} octets, which holds no presentation data value"
            if self.maximum_length and length > self.maximum_length:
                return f"a P-DATA-TF of {length} octets, but at most {self.maximum_length} were agreed"
        elif type_ in (encode.ASSOCIATE_RQ, encode.ASSOCIATE_AC):
            if not 68 <= length <= ASSOCIATE_MOST:
                return f"an A-ASSOCIATE PDU of {length} octets"
        elif length != 4:
            return f"a PDU of type {type_:02X}H with {length} octets, not 4"
        return ""

    def _invalid(self, reason: int, why: str) -> None:
        self._do(Event.INVALID, Abort(2, reason), why)

    # -- the table -----------------------------------------------------------------------------------------------

    def _do(self, event: Event, given: Any = None, why: str = "") -> None:
        cell = TABLE.get((event, self.state))
        if cell is None:
            if event in LOCAL:
                raise Misuse(f"{event.value} in {self.state.name.title()}")
            return
        self.action, following = cell
        if following is not None:
            self.state = following
        _ACTIONS[self.action](self, given, why)

    def _indications(self) -> list[Indication]:
        told, self._told = self._told, []
        return told

    def _put(self, pdu: Pdu) -> None:
        self._out.put([[pdu.encode()]])

    def _start_artim(self) -> None:
        self._artim_starts += 1
        self.artim = self._artim_starts

    def _close(self) -> None:
        self.artim = 0
        self.closing = True
        self._end()

    def _end(self) -> None:
        """The association is over: what has not been sent is not sent any more, what was coming in is not whole."""
        self._out.clear()
        self._assembler.discard()

    def _agree(self, offer: Offer, acceptance: Acceptance) -> None:
        self.contexts = agreed(offer, acceptance)
        own, peer = (offer, acceptance) if self.side == "requestor" else (acceptance, offer)
        self.maximum_length = own.maximum_length or 0
        self.peer_maximum = SILENT_MAXIMUM if peer.maximum_length is None else peer.maximum_length

    def _ae_1(self, given: None, why: str) -> None:
        """The driver opens the transport connection."""

    def _ae_2(self, given: None, why: str) -> None:
        self._put(encode.associate_rq(self.offer))

    def _ae_3(self, acceptance: Acceptance, why: str) -> None:
        self.acceptance = acceptance
        self._agree(self.offer, acceptance)
        self._told.append(Accepted(acceptance))

    def _ae_4(self, rejection: Rejection, why: str) -> None:
        self._told.append(Rejected(rejection))
        self._close()

    def _ae_5(self, given: None, why: str) -> None:
        self._start_artim()

    def _ae_6(self, offer: Offer, why: str) -> None:
        self.artim = 0
        self.offer = offer
        if offer.protocol_version & 1:
            self.state = State.STA3
            self._told.append(AssociateRequested(offer))
        else:
            self.state = State.STA13
            self._ae_8(NO_VERSION, why)

    def _ae_7(self, acceptance: Acceptance, why: str) -> None:
        self.acceptance = acceptance
        self._agree(self.offer, acceptance)
        self._put(encode.associate_ac(acceptance))

    def _ae_8(self, rejection: Rejection, why: str) -> None:
        self._put(encode.associate_rj(rejection))
        self._start_artim()

    def _send(self, message: Message, why: str) -> None:
        self._out.put(encode.message_pdus(message, self.peer_maximum))

    def _take(self, given: None, why: str) -> None:
        """P-DATA indications come with the fragments that follow."""

    def _ar_1(self, given: None, why: str) -> None:
        self._put(encode.release_rq())

    def _ar_2(self, given: None, why: str) -> None:
        self._told.append(ReleaseRequested())

    def _ar_3(self, given: None, why: str) -> None:
        self._told.append(Released())
        self._close()

    def _ar_4(self, given: None, why: str) -> None:
        self._put(encode.release_rp())
        self._start_artim()

    def _ar_5(self, given: None, why: str) -> None:
        self.artim = 0

    def _ar_8(self, given: None, why: str) -> None:
        self.state = State.STA9 if self.side == "requestor" else State.STA10
        self._told.append(ReleaseRequested(collision=True))

    def _ar_9(self, given: None, why: str) -> None:
        self._put(encode.release_rp())

    def _ar_10(self, given: None, why: str) -> None:
        self._told.append(Released())

    def _aa_1(self, what: Abort | None, why: str) -> None:
        """The source is the service user, also when a PDU that the peer sent in Sta2 is the cause (`why`)."""
        self._end()
        self._put(encode.abort(Abort() if what is None or why else what))
        self._start_artim()

    def _aa_2(self, given: object, why: str) -> None:
        self._close()

    def _aa_3(self, what: Abort, why: str) -> None:
        self._told.append(Aborted("peer", what.source, what.reason))
        self._close()

    def _aa_4(self, given: None, why: str) -> None:
        self._told.append(Aborted("transport", why="the transport connection closed"))
        self._end()

    def _aa_6(self, given: object, why: str) -> None:
        """Whatever it is, the association is over."""

    def _aa_7(self, what: Abort, why: str) -> None:
        self._put(encode.abort(what))

    def _aa_8(self, what: Abort, why: str) -> None:
        self._end()
        self._put(encode.abort(what))
        self._told.append(Aborted("us", what.source, what.reason, why))
        self._start_artim()


def _check(offer: Offer) -> None:
    """What a request has to hold (PS3.8 9.3.2.2), unless it is of another protocol version. Raises Malformed."""
    if not offer.protocol_version & 1:
        return
    ids = [c.id for c in offer.contexts]
    if not ids:
        raise Malformed("an A-ASSOCIATE-RQ without a presentation context")
    if len(set(ids)) != len(ids) or not all(id_ & 1 for id_ in ids):
        raise Malformed("presentation context ids that are even or there twice")
    if not all(c.abstract and c.transfer for c in offer.contexts):
        raise Malformed("a presentation context without abstract or transfer syntax")


_ACTIONS: Final[dict[str, Callable[[Machine, Any, str], None]]] = {
    "AE-1": Machine._ae_1,
    "AE-2": Machine._ae_2,
    "AE-3": Machine._ae_3,
    "AE-4": Machine._ae_4,
    "AE-5": Machine._ae_5,
    "AE-6": Machine._ae_6,
    "AE-7": Machine._ae_7,
    "AE-8": Machine._ae_8,
    "DT-1": Machine._send,
    "DT-2": Machine._take,
    "AR-1": Machine._ar_1,
    "AR-2": Machine._ar_2,
    "AR-3": Machine._ar_3,
    "AR-4": Machine._ar_4,
    "AR-5": Machine._ar_5,
    "AR-6": Machine._take,
    "AR-7": Machine._send,
    "AR-8": Machine._ar_8,
    "AR-9": Machine._ar_9,
    "AR-10": Machine._ar_10,
    "AA-1": Machine._aa_1,
    "AA-2": Machine._aa_2,
    "AA-3": Machine._aa_3,
    "AA-4": Machine._aa_4,
    "AA-5": Machine._ar_5,
    "AA-6": Machine._aa_6,
    "AA-7": Machine._aa_7,
    "AA-8": Machine._aa_8,
}
_TAKES_DATA: Final = frozenset({State.STA6, State.STA7})
_DEAF: Final = frozenset({State.STA1, State.STA4})
_READERS: Final[dict[int, Callable[[bytes], Any]]] = {
    encode.ASSOCIATE_RQ: decode.associate_rq,
    encode.ASSOCIATE_AC: decode.associate_ac,
    encode.ASSOCIATE_RJ: decode.associate_rj,
    encode.ABORT: decode.abort,
}
