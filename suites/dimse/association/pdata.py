"""Rules of PS3.8 9.3.5 and Annex E on presentation data values: how messages are cut into them, and in which order.

Must not know what is in a command or a data set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.association import SIDES, Association, Turn
from harness.rule import BOTH, PDU, SHALL_NOT, Finding, association
from harness.wire.pdu import DATA, Pdv
from suites.dimse.association import octets
from suites.dimse.association.heard import flawed, is_accepted, says

FRAMES = ("pdu.no-pdv", "pdu.pdv-length", "pdu.pdv-overrun", "pdu.pdv-rest")
Value = tuple[int, int, bytes]  # context id, message control header, fragment
EMPTY, ODD, HEADER = ("pdu.pdv-empty",), ("pdu.pdv-odd",), ("pdu.control-header",)


@association(
    "association.pdv-frames",
    cites="PS3.8 9.3.5; 9.3.5.1 Table 9-23; E.1",
    verifies="UL-PDV-001",
    who=BOTH,
    when=says(DATA),
    says="A P-DATA-TF is made of one presentation data value or more, each whole, with its length right.",
)
def pdv_frames(a: Association) -> Iterator[Finding]:
    yield from flawed(a, FRAMES, DATA)


@pdv_frames.mutant(at=PDU)
def leaves_the_context_out_of_the_length(raw: bytes) -> bytes | None:
    """The length of a value does not count the context id and the control header."""
    given = octets.values(raw)
    return octets.data(*(octets.value(c, h, f, len(f)) for c, h, f in given)) if given else None


@pdv_frames.mutant(at=PDU)
def value_longer_than_its_pdu(raw: bytes) -> bytes | None:
    """The length of the last value says two octets too many."""
    given = octets.values(raw)
    if not given:
        return None
    context, header, fragment = given.pop()
    last = octets.value(context, header, fragment, len(fragment) + 4)
    return octets.data(*(octets.value(*one) for one in given), last)


@association(
    "association.control-header",
    cites="PS3.8 E.2",
    verifies="UL-PDV-002",
    who=BOTH,
    when=says(DATA),
    says="Bits 2 to 7 of a message control header are zero.",
)
def control_header(a: Association) -> Iterator[Finding]:
    yield from flawed(a, HEADER, DATA)


@control_header.mutant(at=PDU)
def headers_with_a_bit_more(raw: bytes) -> bytes | None:
    """Bit 7 of message control headers is set."""
    return octets.edited_data(raw, lambda c, h, f: (c, h | 0x80, f))


@association(
    "association.even-fragments",
    cites="PS3.8 E.1",
    verifies="UL-PDV-006",
    who=BOTH,
    when=says(DATA),
    says="Every fragment has an even number of octets.",
)
def even_fragments(a: Association) -> Iterator[Finding]:
    yield from flawed(a, ODD, DATA)


@even_fragments.mutant(at=PDU)
def cuts_at_an_odd_octet(raw: bytes) -> bytes | None:
    """A command is cut after its first octet."""
    given = octets.values(raw)
    if not given:
        return None
    context, header, fragment = given[0]
    cut = octets.value(context, header & 1, fragment[:1]), octets.value(context, header, fragment[1:])
    return octets.data(*cut, *(octets.value(*one) for one in given[1:]))


@association(
    "association.no-empty-fragments",
    cites="PS3.8 E.1",
    level=SHALL_NOT,
    who=BOTH,
    when=says(DATA),
    says="No presentation data value consists of its message control header alone.",
)
def no_empty_fragments(a: Association) -> Iterator[Finding]:
    yield from flawed(a, EMPTY, DATA)


@no_empty_fragments.mutant(at=PDU)
def ends_with_an_empty_fragment(raw: bytes) -> list[bytes] | None:
    """The last fragment of a command or data set is empty."""
    given = octets.values(raw)
    if not given or not given[-1][1] & 2:
        return None
    context, header, fragment = given.pop()
    body = octets.value(context, header & 1, fragment)
    return [
        octets.data(*(octets.value(*one) for one in given), body),
        octets.data(octets.value(context, header, b"")),
    ]


@association(
    "association.pdv-in-accepted-context",
    cites="PS3.8 7.6.1; 9.3.5.1 Table 9-23",
    verifies="UL-PDV-014",
    who=BOTH,
    incomplete=True,
    when=lambda a: is_accepted(a) and any(t.pdu.type == DATA for t in a.heard),
    says="Presentation data values name presentation contexts that were accepted.",
)
def pdv_in_accepted_context(a: Association) -> Iterator[Finding]:
    for turn in a.heard:
        for id in sorted({v.context for v in turn.pdu.pdvs} - a.contexts.keys()):
            want = ", ".join(str(one) for one in sorted(a.contexts)[:10]) or "none: no context was accepted"
            yield Finding(f"context {id}", want, turn.where)


@pdv_in_accepted_context.mutant(at=PDU)
def speaks_in_another_context(raw: bytes) -> bytes | None:
    """Messages are sent in presentation context 254."""
    return octets.edited_data(raw, lambda c, h, f: (254, h, f))


@dataclass
class _Fault:
    turn: Turn
    got: str
    want: str


class _Stream:
    """The values of one side in order: whose message each belongs to, and what breaks the rules of Annex E.

    The command comes first, then perhaps its data set: a value of a command after the last one of a command begins a
    message. Faults are kept by the name of what was broken.
    """

    def __init__(self) -> None:
        self.context = 0
        self.open = False  # a command or data set has begun and its last fragment has not come
        self.command = False  # what is open, or was last, is a command
        self.number = 0  # messages that have begun
        self.faults: dict[str, list[_Fault]] = {"context": [], "mixed": [], "order": [], "last": []}

    def take(self, turn: Turn) -> None:
        first = 0
        for value in turn.pdu.pdvs:
            self._value(turn, value)
            first = first or self.number
            if self.number != first:
                self._fault("mixed", turn, f"fragments of {self.number - first + 1} messages", "of one message")
                first = self.number

    def _value(self, turn: Turn, value: Pdv) -> None:
        if self.open and value.command is not self.command:
            self._switched(turn, value)
        elif not self.open and value.command:
            self.number += 1
            self.context = value.context
        elif not self.open and not value.command:
            self._data(turn, value)
        if value.context != self.context and self.number:
            self._fault("context", turn, f"context {value.context}", f"context {self.context}, as the message began")
        self.command, self.open = value.command, not value.last

    def _switched(self, turn: Turn, value: Pdv) -> None:
        """A fragment of the other kind before the last one came."""
        kinds = ("command", "data set")
        was, now = kinds if self.command else kinds[::-1]
        if value.command:
            self._fault("order", turn, "a fragment of a command within a data set", "the rest of the data set")
            self.number += 1
            self.context = value.context
        else:
            self._fault("last", turn, f"a fragment of a {now}", f"the last fragment of the {was} before it")

    def _data(self, turn: Turn, value: Pdv) -> None:
        """A data set begins: its command has ended, and had no data set before."""
        if not self.number:
            self._fault("order", turn, "a data set", "a command before it")
            self.number, self.context = 1, value.context
        elif not self.command:
            self._fault("last", turn, "a fragment of a data set after its last one", "a command")

    def _fault(self, kind: str, turn: Turn, got: str, want: str) -> None:
        if len(self.faults[kind]) < 20:
            self.faults[kind].append(_Fault(turn, got, want))


def _faults(a: Association, kind: str) -> Iterator[Finding]:
    for side in SIDES:
        if side in a.judged:
            stream = _Stream()
            for turn in a.of(DATA, side=side):
                stream.take(turn)
            yield from (Finding(f.got, f.want, f.turn.where) for f in stream.faults[kind])


@association(
    "association.message-in-one-context",
    cites="PS3.8 E.1",
    verifies="UL-PDV-005",
    who=BOTH,
    incomplete=True,
    when=says(DATA),
    says="All fragments of a message are sent in one presentation context.",
)
def message_in_one_context(a: Association) -> Iterator[Finding]:
    yield from _faults(a, "context")


def _halved(raw: bytes) -> tuple[Value, Value] | None:
    """The first value of a P-DATA-TF, when it is whole, as two fragments."""
    given = octets.values(raw)
    if len(given) != 1 or len(given[0][2]) < 4:
        return None
    context, header, fragment = given[0]
    return (context, header & 1, fragment[:2]), (context, header, fragment[2:])


@message_in_one_context.mutant(at=PDU)
def changes_the_context_within_a_message(raw: bytes) -> bytes | None:
    """The second fragment of a command is sent in another presentation context."""
    halves = _halved(raw)
    if halves is None:
        return None
    first, (context, header, fragment) = halves
    return octets.data(octets.value(*first), octets.value((context + 2) % 256, header, fragment))


@association(
    "association.one-message-in-a-pdu",
    cites="PS3.8 E.1",
    verifies=("UL-PDV-007", "UL-PDV-004"),
    who=BOTH,
    incomplete=True,
    when=says(DATA),
    says="The presentation data values of one P-DATA-TF belong to one message.",
)
def one_message_in_a_pdu(a: Association) -> Iterator[Finding]:
    yield from _faults(a, "mixed")


@one_message_in_a_pdu.mutant(at=PDU)
def two_messages_in_a_pdu(raw: bytes) -> bytes | None:
    """A further command follows in the same P-DATA-TF."""
    given = octets.values(raw)
    if not given or not given[-1][1] & 2:
        return None
    more = octets.value(given[-1][0], 3, octets.echo(4711))
    return octets.data(*(octets.value(*one) for one in given), more)


@association(
    "association.messages-in-order",
    cites="PS3.8 E.1",
    verifies="UL-PDV-008",
    who=BOTH,
    incomplete=True,
    when=says(DATA),
    says="A command comes before its data set, and no message begins before the one before it has ended.",
)
def messages_in_order(a: Association) -> Iterator[Finding]:
    yield from _faults(a, "order")


@messages_in_order.mutant(at=PDU)
def begins_with_a_data_set(raw: bytes) -> list[bytes] | None:
    """The first thing said is a fragment of a data set."""
    given = octets.values(raw)
    return [octets.data(octets.value(given[0][0], 0, b"\0\0")), raw] if given else None


@association(
    "association.last-fragment-once",
    cites="PS3.8 E.1; E.2",
    verifies="UL-PDV-012",
    who=BOTH,
    incomplete=True,
    when=says(DATA),
    says="The last fragment of a command or data set is marked, and no other is.",
)
def last_fragment_once(a: Association) -> Iterator[Finding]:
    yield from _faults(a, "last")


@last_fragment_once.mutant(at=PDU)
def data_set_after_its_end(raw: bytes) -> list[bytes] | None:
    """Two data sets follow a command."""
    given = octets.values(raw)
    if not given or not given[-1][1] & 2:
        return None
    more = octets.data(octets.value(given[-1][0], 2, b"\0\0"))
    return [raw, more, more]


@last_fragment_once.mutant(at=PDU)
def command_without_an_end(raw: bytes) -> list[bytes] | None:
    """The last fragment of a command is not marked, and a data set follows."""
    given = octets.values(raw)
    if len(given) != 1 or given[0][1] & 3 != 3:
        return None
    context, _, fragment = given[0]
    return [octets.data(octets.value(context, 1, fragment)), octets.data(octets.value(context, 2, b"\0\0"))]
