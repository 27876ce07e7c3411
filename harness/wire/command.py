"""Knows Command Sets on octets: their elements, and which ones each message has (PS3.7 6.3, 9.3, 10.3, Annex E).

Must not know PDUs, nor the data set that may follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.body import Body
from harness.wire import vr
from harness.wire.elements import Element
from harness.wire.flaw import Flaws

CODES: dict[str, str] = {
    "dimse.group": "A Command Set has elements of group 0000 alone (PS3.7 6.3.1, E.1).",
    "dimse.order": "Command Elements stand in increasing order of their tags (PS3.7 6.3.1).",
    "dimse.repeated": "A Command Element occurs once (PS3.7 6.3.1).",
    "dimse.cut": "A Command Set ends with a whole element (PS3.7 6.3.1).",
    "dimse.length-odd": "The value of a Command Element has an even length (PS3.7 6.3.1).",
    "dimse.length-overrun": "A Command Element ends within its Command Set (PS3.7 6.3.1).",
    "dimse.explicit": "A Command Set is in implicit VR little endian (PS3.7 6.3.1).",
    "dimse.big-endian": "A Command Set is in little endian byte order (PS3.7 6.3.1).",
    "dimse.too-many": "A Command Set has at most 1000 elements, our bound.",
    "dimse.command-too-large": "A Command Set has at most 1 MiB, our bound.",
    "dimse.group-length-missing": "A Command Set begins with its group length (PS3.7 9.3, 10.3, PS3.5 7.2).",
    "dimse.group-length": "(0000,0000) is the number of octets behind it (PS3.7 E.1).",
    "dimse.element-unknown": "A Command Element is one of the registry (PS3.7 E.1).",
    "dimse.element-retired": "A Command Element is not a retired one (PS3.7 E.2).",
    "dimse.empty": "A Command Element that a message must have has a value (PS3.7 9.3, 10.3).",
    "dimse.empty-optional": "A Command Element that a message may have has a value (PS3.7 E.1).",
    "dimse.value-size": "The value of a Command Element has the size of its VR (PS3.7 6.3.1, PS3.5 6.2).",
    "dimse.multiplicity": "A Command Element has as many values as the registry says (PS3.7 E.1).",
    **{
        f"dimse.value-{kind}": says
        for kind, says in vr.KINDS.items()
        if kind in ("length", "characters", "form", "padding")
    },
    "dimse.field-missing": "A message has a Command Field (PS3.7 E.1).",
    "dimse.field-unknown": "A Command Field is one of the registry (PS3.7 E.1).",
    "dimse.required": "A message has the elements that are mandatory for it (PS3.7 9.1, 9.3, 10.1, 10.3).",
    "dimse.condition": "A message has the elements that its condition asks for (PS3.7 9.1, 10.1).",
    "dimse.foreign": "A message has no element that does not apply to it (PS3.7 5, 9.1, 10.1).",
    "dimse.priority": "Priority is 0, 1 or 2 (PS3.7 9.3, E.1).",
    "dimse.status-range": "A Status lies in the ranges that PS3.7 Annex C has (PS3.7 C).",
    "dimse.data-type": "Command Data Set Type is 0101H exactly where a message has no data set (PS3.7 9.3, 10.3).",
    "dimse.data-condition": "A data set is there with the statuses that have one (PS3.7 9.1.2.1.5, 10.1.2.1.8).",
}
NOTES = frozenset({"dimse.element-retired", "dimse.empty-optional"})
"""Codes that alone are no fault of the sender: what is allowed or not forbidden, but worth a look."""

NO_DATA = 0x0101
MOST = 1000
LARGEST = 1 << 20
UNDEFINED = 0xFFFFFFFF
_REGISTRY = """
0000 CommandGroupLength UL|0002 AffectedSOPClassUID UI|0003 RequestedSOPClassUID UI|0100 CommandField US
0110 MessageID US|0120 MessageIDBeingRespondedTo US|0600 MoveDestination AE|0700 Priority US
0800 CommandDataSetType US|0900 Status US|0901 OffendingElement AT+|0902 ErrorComment LO|0903 ErrorID US
1000 AffectedSOPInstanceUID UI|1001 RequestedSOPInstanceUID UI|1002 EventTypeID US|1005 AttributeIdentifierList AT+
1008 ActionTypeID US|1020 NumberOfRemainingSuboperations US|1021 NumberOfCompletedSuboperations US
1022 NumberOfFailedSuboperations US|1023 NumberOfWarningSuboperations US
1030 MoveOriginatorApplicationEntityTitle AE|1031 MoveOriginatorMessageID US
"""
_RETIRED = """
0001 0010 0200 0300 0400 0850 0860 4000 4010 5010 5020 5110 5120 5130 5140 5150 5160 5170 5180 5190 51A0 51B0
"""
RETIRED = frozenset(f"0000{number}" for number in _RETIRED.split())
_ROWS = [row.split() for line in _REGISTRY.split("\n") for row in line.split("|") if row]
TAGS: Mapping[str, str] = {keyword: f"0000{number}" for number, keyword, _ in _ROWS}
"""Tags by keyword (PS3.7 Table E.1-1)."""
VRS: Mapping[str, str] = {f"0000{number}": code.rstrip("+") for number, _, code in _ROWS}
_MANY = frozenset(f"0000{number}" for number, _, code in _ROWS if code.endswith("+"))
_WORDS = {"US": 2, "UL": 4, "AT": 4}


@dataclass(frozen=True)
class Command:
    """A Command Set: elements by tag in the order they were met; the first one where a tag occurs again."""

    elements: Mapping[str, Element] = field(default_factory=dict)
    flaws: Flaws = field(default_factory=Flaws)

    def has(self, keyword: str) -> bool:
        """Whether the element is there, with or without a value."""
        return TAGS[keyword] in self.elements

    def number(self, keyword: str) -> int | None:
        """The value of a US or UL, None when there is none or not enough octets for it."""
        value = self._value(keyword)
        size = _WORDS[VRS[TAGS[keyword]]]
        octets = value.read(0, size) if value else b""
        return int.from_bytes(octets, "little") if len(octets) == size else None

    def text(self, keyword: str) -> str:
        """The value of a UI, LO or AE without padding, '' when there is none."""
        value = self._value(keyword)
        return value.read(0, 1024).decode("latin-1").strip(" \0") if value else ""

    def tags(self, keyword: str) -> tuple[str, ...]:
        """The values of an AT, each as eight hexadecimal digits; the first 1000."""
        value = self._value(keyword)
        octets = value.read(0, 4000) if value else b""
        words = [int.from_bytes(octets[i : i + 2], "little") for i in range(0, len(octets) - 1, 2)]
        return tuple(f"{a:04X}{b:04X}" for a, b in zip(words[::2], words[1::2], strict=False))

    def _value(self, keyword: str) -> Body | None:
        element = self.elements.get(TAGS[keyword])
        return element.value if element else None


def read_command(body: Body) -> Command:
    """The Command Set whose octets are the body."""
    flaws = Flaws()
    if body.size > LARGEST:
        flaws.add("dimse.command-too-large", "command", f"{body.size} octets", f"at most {LARGEST}")
    octets = body.read(0, LARGEST)
    elements: dict[str, Element] = {}
    last = ""
    held = Body.of(octets)  # a file is not opened again for every value
    for number, element in enumerate(_elements(octets, held, body.size, flaws)):
        where = f"{_spell(element.tag)} at octet {element.at}"
        if number >= MOST:
            flaws.add("dimse.too-many", where, f"more than {MOST} elements", f"at most {MOST}")
            break
        if element.tag in elements:
            flaws.add("dimse.repeated", where, "a second time", "once")
        elif element.tag < last:
            flaws.add("dimse.order", where, f"after {_spell(last)}", "increasing tags")
        last = max(last, element.tag)
        elements.setdefault(element.tag, element)
        _judge(element, where, flaws)
    _group_length(elements, body, flaws)
    return Command(elements, flaws)


def _elements(octets: bytes, held: Body, size: int, flaws: Flaws) -> Iterator[Element]:
    at = 0
    while at < len(octets):
        head = octets[at : at + 8]
        if len(head) < 8:
            flaws.add("dimse.cut", f"octet {at}", f"{len(head)} octets left", "a whole element")
            return
        tag = f"{head[1]:02X}{head[0]:02X}{head[3]:02X}{head[2]:02X}"
        length = int.from_bytes(head[4:], "little")
        if at + 8 + length > size:
            yield from _lost(tag, head, at, len(octets), flaws)
            return
        yield Element(tag, VRS.get(tag, "UN"), at, held.slice(at + 8, at + 8 + length))
        at += 8 + length


def _lost(tag: str, head: bytes, at: int, end: int, flaws: Flaws) -> Iterator[Element]:
    """Why the length of this element leads beyond the end; nothing behind it can be read."""
    where = f"{_spell(tag)} at octet {at}"
    if head[4:6].isalpha() and head[4:6].decode("latin-1") in vr.ALL:
        flaws.add("dimse.explicit", where, f"the VR {head[4:6].decode('latin-1')}", "a length of four octets")
    elif int.from_bytes(head[4:], "big") <= end - at - 8:
        flaws.add("dimse.big-endian", where, head.hex(" "), "little endian")
    else:
        length = int.from_bytes(head[4:], "little")
        got = "undefined length" if length == UNDEFINED else f"{length} octets"
        flaws.add("dimse.length-overrun", where, got, f"at most {end - at - 8}")
    return iter(())


def _judge(element: Element, where: str, flaws: Flaws) -> None:
    """What is wrong with one element by itself."""
    assert element.value is not None
    size = element.value.size
    if size & 1:
        flaws.add("dimse.length-odd", where, f"{size} octets", "an even length")
    if not element.tag.startswith("0000"):
        flaws.add("dimse.group", where, element.tag[:4], "0000")
    elif element.tag in RETIRED:
        flaws.add("dimse.element-retired", where, _spell(element.tag), "none")
    elif element.tag not in VRS:
        flaws.add("dimse.element-unknown", where, _spell(element.tag), "a tag of PS3.7 Annex E")
    elif size:
        for code, got, want in _faults(element, size):
            flaws.add(f"dimse.{code}", where, got, want)


def _faults(element: Element, size: int) -> Iterator[tuple[str, str, str]]:
    """(code, got, want) of a value that is there."""
    word = _WORDS.get(element.vr)
    if word:
        if size % word:
            yield "value-size", f"{size} octets", f"{word} octets"
        elif size > word and element.tag not in _MANY:
            yield "multiplicity", f"{size // word} values", "1"
        return
    assert element.value is not None
    octets = element.value.read(0, 1024)
    text = octets.decode("latin-1")
    if element.vr == "UI" and not size & 1:
        text = text.removesuffix("\0")
    if element.vr != "UI" and not text.isascii():
        yield "value-characters", ascii(text[:80]), "characters of the default repertoire"
    elif "\\" in text:
        yield "multiplicity", f"{text.count(chr(92)) + 1} values", "1"
    else:
        yield from _text_faults(element.vr, text)


def _text_faults(code: str, text: str) -> Iterator[tuple[str, str, str]]:
    for kind, want in vr.faults(code, text):
        if f"dimse.value-{kind}" in CODES:
            yield f"value-{kind}", ascii(text[:80]), want
        elif kind == "escape":
            yield "value-characters", ascii(text[:80]), "characters of the default repertoire"


def _group_length(elements: Mapping[str, Element], body: Body, flaws: Flaws) -> None:
    first = elements.get("00000000")
    if first is None or first.at:
        at = first.at if first else 0
        flaws.add("dimse.group-length-missing", f"octet {at}", "another element first", "(0000,0000) first")
    if first is None or first.value is None or first.value.size != 4 or {t[:4] for t in elements} != {"0000"}:
        return
    given = int.from_bytes(first.value.read(0, 4), "little")
    behind = body.size - first.at - 12
    if given != behind:
        flaws.add("dimse.group-length", f"(0000,0000) at octet {first.at}", str(given), str(behind))


def _spell(tag: str) -> str:
    return f"({tag[:4]},{tag[4:]})"
