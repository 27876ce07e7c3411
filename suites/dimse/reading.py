"""Knows how rules read an operation: the messages of the sides under test, data sets, and values by path.

Must not know what a right message is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.association import Operation, Side
from harness.exchange import view
from harness.wire import charset, vr
from harness.wire.dimse import Message
from harness.wire.elements import SHORT, DataSet, Element
from harness.wire.flaw import Flaws

NO_DATA = 0x0101  # Command Data Set Type of a message without a data set (PS3.7 E.1)
_PADDING = " \0"
_EMPTY = DataSet()


def heard(o: Operation) -> Iterator[tuple[Side, Message]]:
    """The messages of an operation that a side under test sent: request, cancels and responses, each with its side.

    What belongs to no operation, because nothing can be read of it, comes with the last one of its association.
    """
    judged = o.association.judged
    if o.invoker in judged:
        yield o.invoker, o.request
        for cancel in o.cancels:
            yield o.invoker, cancel
    if o.performer in judged:
        for response in o.responses:
            yield o.performer, response
    if o.number == len(o.association.operations):
        yield from ((side, message) for side, message in o.association.strays if side in judged)


def answers(o: Operation) -> Iterator[Message]:
    """The responses, when the side that sent them is under test."""
    if o.performer in o.association.judged:
        yield from o.responses


def transfer_of(o: Operation, message: Message) -> str:
    """The transfer syntax of the presentation context that the message came in, '' when it was never accepted."""
    agreed = o.association.contexts.get(message.context)
    return agreed.transfer if agreed else ""


def dataset(o: Operation, message: Message | None) -> DataSet:
    """The data set of a message; an empty one without, or in a context that nobody accepted."""
    return read(o, message)[0]


def read(o: Operation, message: Message | None) -> tuple[DataSet, Flaws]:
    """The data set of a message with its flaws."""
    transfer = transfer_of(o, message) if message is not None else ""
    if message is None or message.data is None or not transfer:
        return _EMPTY, Flaws()
    return message.dataset(transfer)


def readable(o: Operation, message: Message) -> bool:
    """There is a data set, and it could be read to its end."""
    found, flaws = read(o, message)
    broken = flaws.of("part10.truncated", "part10.not-explicit", "part10.not-implicit", "part10.length-overrun")
    return message.data is not None and bool(found.elements) and not broken


def asks_readably(o: Operation) -> bool:
    """The request has a data set that could be read to its end."""
    return readable(o, o.request)


@view
def matches(o: Operation) -> Sequence[DataSet]:
    """The identifiers of the Pending responses of a C-FIND, in order; unreadable ones are left out."""
    return [dataset(o, m) for m in o.pending if m.data is not None and readable(o, m)]


def texts(found: DataSet, path: str) -> list[str]:
    """The values by tag or dotted path of tags, padding removed; those of every item are joined, [] when absent."""
    tag, _, rest = path.partition(".")
    element = found.get(tag)
    if element is None:
        return []
    if rest:
        return [text for item in element.items or () for text in texts(item, rest)]
    return values(found, element)


def values(found: DataSet, element: Element) -> list[str]:
    """The values of an element as text; numbers in digits; [] for an empty one, a sequence or binary octets."""
    if not element.value or element.items is not None:
        return []
    octets = element.value.read(0, SHORT)
    if element.vr in vr.STRINGS:
        text = charset.decode(octets, found.charsets) if element.vr in charset.EXTENDED else octets.decode("latin-1")
        whole = octets.decode("latin-1") if text is None else text
        words = [whole] if element.vr in vr.SINGLE else whole.split("\\")
        return [word.strip(_PADDING) for word in words]
    return _numbers(octets, element.vr, found.big_endian)


def _numbers(octets: bytes, code: str, big_endian: bool) -> list[str]:
    size = vr.WORD.get(code, 0) if code in vr.INTEGERS else 0
    if not size:
        return []
    order = "big" if big_endian else "little"
    signed = code.startswith("S")
    words = [octets[at : at + size] for at in range(0, len(octets) - size + 1, size)]
    return [str(int.from_bytes(word, order, signed=signed)) for word in words]  # type: ignore[arg-type]


def text(found: DataSet, path: str) -> str:
    """The first value, '' when there is none."""
    return next(iter(texts(found, path)), "")


def hexed(number: int | None) -> str:
    """A status or a command field as the standard writes it."""
    return "none" if number is None else f"{number:04X}H"


def status_of(message: Message | None) -> str:
    return "no response" if message is None else f"status {hexed(message.status)}"
