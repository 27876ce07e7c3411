"""Knows where every element of a data set lies in its octets (PS3.5 7, A.1 to A.5; PS3.10 7.1); values stay in place.

Must not know what attributes mean, except the few that tell how others are encoded.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pydicom.datadict import get_entry, private_dictionary_VR

from simulators.model.names import BIG_ENDIAN, ENCAPSULATED, IMPLICIT, INFLATED

Octets = bytes | mmap.mmap

DEPTH = 64  # sequences in sequences; no IOD comes near
ELEMENTS = 2_000_000  # of one file, nested ones counted
INFLATED_LIMIT = 256 << 20  # octets a deflated data set may grow to, since it has to fit into memory
UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_ITEM_ENDS = (b"\xfe\xff\x0d\xe0", b"\xff\xfe\xe0\x0d")
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_KNOWN = {vr: vr.decode() for vr in _LONG | _SHORT}
SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "AT": 4, "FD": 8, "UV": 8, "SV": 8}


class Unreadable(ValueError):
    """The octets are no PS3.10 file or no data set; says where (octet offset) and why."""

    def __init__(self, why: str, at: int = 0) -> None:
        super().__init__(f"{why}, at octet {at}")


class TooMuch(Unreadable):
    """The octets may be right, but go over a bound that keeps memory and time in hand."""


@dataclass(slots=True)
class Element:
    """One element. Its value field is `length` octets at `at`; `items` is set for a sequence, `fragments` (offset
    and length, the Basic Offset Table first) for encapsulated pixel data; both lie within the value field."""

    tag: int
    vr: str
    at: int
    length: int
    items: list[DataSet] | None = None
    fragments: list[tuple[int, int]] | None = None

    @property
    def key(self) -> str:
        """Eight upper-case hex digits."""
        return f"{self.tag:08X}"


@dataclass(slots=True)
class DataSet:
    """Elements by tag, ascending; group lengths and delimiters are left out."""

    elements: dict[int, Element] = field(default_factory=dict)

    def get(self, tag: int) -> Element | None:
        return self.elements.get(tag)

    def __iter__(self) -> Iterator[Element]:
        return iter(self.elements.values())


@dataclass(slots=True)
class Source:
    """A read data set over its octets. Offsets count from the start of `octets`, which is the file itself unless the
    data set was deflated."""

    octets: Octets
    dataset: DataSet
    little: bool = True

    def value(self, element: Element) -> bytes:
        """The value field as it is encoded."""
        return self.octets[element.at : element.at + element.length]

    def text(self, tag: int) -> str:
        """A value of the default character repertoire without its padding, '' when absent."""
        element = self.dataset.get(tag)
        if element is None or element.length > 1024:
            return ""
        return self.value(element).decode("latin-1").strip(" \0")

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a US or IS element, `default` when absent or no number."""
        element = self.dataset.get(tag)
        if element is None or not element.length:
            return default
        if element.vr == "US":
            return int.from_bytes(self.octets[element.at : element.at + 2], "little" if self.little else "big")
        try:
            return int(self.text(tag).split("\\")[0])
        except ValueError:
            return default


@dataclass(slots=True)
class Meta:
    """File Meta Information: values by tag, and where the data set begins."""

    values: dict[int, bytes]
    dataset_at: int

    def text(self, tag: int) -> str:
        return self.values.get(tag, b"").decode("latin-1").strip(" \0")

    @property
    def transfer_syntax(self) -> str:
        return self.text(0x00020010)


def read_meta(octets: Octets) -> Meta:
    """The preamble and group 0002 of a PS3.10 file (PS3.10 7.1); Unreadable when they are not there."""
    if len(octets) < 132 or octets[128:132] != b"DICM":
        raise Unreadable("no preamble followed by the prefix DICM")
    reader = _Reader(octets, implicit=False, little=True, encapsulated=False)
    values: dict[int, bytes] = {}
    at = 132
    while at + 2 <= len(octets) and octets[at : at + 2] == b"\x02\x00":
        element, at = reader.element(at, len(octets), 0)
        values[element.tag] = octets[element.at : element.at + min(element.length, 1 << 16)]
    if not values:
        raise Unreadable("no File Meta Information", 132)
    return Meta(values, at)


def read_dataset(octets: Octets, at: int, transfer_syntax: str) -> Source:
    """The data set of a known transfer syntax from `at` to the end; Unreadable when it is cut or no data set."""
    if transfer_syntax in INFLATED:
        octets, at = inflate(octets, at), 0
    little = transfer_syntax not in BIG_ENDIAN
    implicit = transfer_syntax in IMPLICIT
    reader = _Reader(octets, implicit, little, transfer_syntax in ENCAPSULATED)
    dataset, _ = reader.dataset(at, len(octets), 0, ending=False)
    source = Source(octets, dataset, little)
    if reader.open:
        _settle(source, dataset, signed=False)
    return source


def inflate(octets: Octets, at: int) -> bytes:
    """The deflated octets from `at` (PS3.5 A.5); TooMuch above the bound."""
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        made = machine.decompress(octets[at:], INFLATED_LIMIT)
    except zlib.error as error:
        raise Unreadable(f"the deflated data set is broken ({error})", at) from None
    if machine.unconsumed_tail:
        raise TooMuch(f"the deflated data set grows beyond {INFLATED_LIMIT} octets", at)
    if not machine.eof:
        raise Unreadable("the deflated data set is cut", len(octets))
    return made


@lru_cache(maxsize=8192)
def dictionary_vr(tag: int) -> str:
    """The VR of the data dictionary (PS3.6), possibly "US or SS"; UN for what it does not know."""
    try:
        vr = get_entry(tag)[0]
    except KeyError:
        return "UN"
    return "UN" if vr == "NONE" else vr


class _Reader:
    """Reads elements of one encoding; counts them so that no input takes for ever."""

    def __init__(self, octets: Octets, implicit: bool, little: bool, encapsulated: bool) -> None:
        self.octets = octets
        self.implicit = implicit
        self.encapsulated = encapsulated
        self.left = ELEMENTS
        self.little = little
        self.open = False  # a VR was met that the dictionary leaves open
        order = "<" if little else ">"
        self._tag = struct.Struct(order + "HH").unpack_from
        self._head = struct.Struct(order + "HH2sH").unpack_from
        self._long = struct.Struct(order + "L").unpack_from

    def tag(self, at: int, end: int) -> tuple[int, int]:
        """Tag and 32-bit length of an item or an implicit element."""
        if at + 8 > end:
            raise Unreadable("the data set is cut within the head of an element", at)
        group, number = self._tag(self.octets, at)
        return group << 16 | number, self._long(self.octets, at + 4)[0]

    def dataset(self, at: int, end: int, depth: int, ending: bool) -> tuple[DataSet, int]:
        """Elements up to `end`, or up to an Item Delimitation when `ending`; and where the next octet is."""
        found: list[Element] = []
        creators: dict[int, str] = {}
        ascending, last = True, -1
        while at < end:
            # the first octet tells nearly always, and costs less than four
            if self.octets[at] >= 0xFE and self.octets[at : at + 4] in _ITEM_ENDS:
                if not ending:
                    raise Unreadable("an Item Delimitation outside of an item", at)
                return _collect(found, ascending, at), at + 8
            element, after = self.element(at, end, depth, creators)
            ascending = ascending and element.tag > last
            last = element.tag
            if last & 0xFFFF and last >> 16 not in (0, 2):  # no group lengths, no command, no meta information
                found.append(element)
            at = after
        if ending:
            raise Unreadable("an item has no end", at)
        return _collect(found, ascending, at), at

    def element(self, at: int, end: int, depth: int, creators: dict[int, str] | None = None) -> tuple[Element, int]:
        """The element at `at` and where the next one begins."""
        self.left -= 1
        if self.left < 0:
            raise TooMuch(f"more than {ELEMENTS} elements", at)
        if self.implicit:
            tag, length = self.tag(at, end)
            vr, value_at = self._implicit_vr(tag, creators), at + 8
            self.open = self.open or len(vr) > 2
        else:
            tag, vr, length, value_at = self._explicit(at, end)
        if tag >> 16 == 0xFFFE:
            raise Unreadable("an item or delimiter where an element is expected", at)
        element = Element(tag, vr, value_at, length)
        if length == UNDEFINED:
            return self._undefined(element, end, depth)
        after = value_at + length
        if after > end:
            raise Unreadable(f"{element.key} has a length of {length}, but {end - value_at} octets follow", at)
        if vr == "SQ":
            element.items, _ = self._items(element, value_at, after, depth, ending=False)
        elif vr in SIZES and length % SIZES[vr]:
            raise Unreadable(f"{element.key} has {length} octets, no multiple of the size of {vr}", at)
        elif creators is not None and tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF:
            creators[tag] = self.octets[value_at : min(after, value_at + 64)].decode("latin-1").strip(" \0")
        return element, after

    def _explicit(self, at: int, end: int) -> tuple[int, str, int, int]:
        if at + 8 > end:
            raise Unreadable("the data set is cut within the head of an element", at)
        group, number, code, length = self._head(self.octets, at)
        vr = _KNOWN.get(code)
        if vr is None:
            raise Unreadable(f"{group:04X}{number:04X} has no VR of PS3.5 6.2 but {code!r}", at)
        if code not in _LONG:
            return group << 16 | number, vr, length, at + 8
        if at + 12 > end:
            raise Unreadable("the data set is cut within the head of an element", at)
        return group << 16 | number, vr, self._long(self.octets, at + 8)[0], at + 12

    def _implicit_vr(self, tag: int, creators: dict[int, str] | None) -> str:
        if not tag >> 16 & 1:
            return dictionary_vr(tag)
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            return "LO"
        creator = (creators or {}).get(tag & 0xFFFF0000 | (tag >> 8 & 0xFF))
        if creator:
            try:
                return private_dictionary_VR(tag, creator)
            except KeyError:
                pass
        return "UN"

    def _undefined(self, element: Element, end: int, depth: int) -> tuple[Element, int]:
        if element.tag in PIXEL_DATA and element.vr in ("OB", "OW", "OB or OW"):
            if not self.encapsulated:
                raise Unreadable("pixel data in fragments, but the transfer syntax is a native one", element.at)
            element.fragments, after = self._fragments(element.at, end)
        elif element.vr == "SQ" or self.implicit:
            element.vr = "SQ"
            element.items, after = self._items(element, element.at, end, depth, ending=True)
        elif element.vr == "UN" and self.little:
            # PS3.5 6.2.2 note 2: of undefined length UN is a sequence in Implicit VR Little Endian
            reader = _Reader(self.octets, implicit=True, little=True, encapsulated=False)
            reader.left = self.left
            element.vr = "SQ"
            element.items, after = reader._items(element, element.at, end, depth, ending=True)
            self.left, self.open = reader.left, self.open or reader.open
        else:
            raise Unreadable(f"{element.key} of VR {element.vr} has an undefined length", element.at)
        element.length = after - element.at
        return element, after

    def _items(self, element: Element, at: int, end: int, depth: int, ending: bool) -> tuple[list[DataSet], int]:
        if depth >= DEPTH:
            raise TooMuch(f"sequences nested more than {DEPTH} deep", at)
        items: list[DataSet] = []
        while at < end:
            tag, length = self.tag(at, end)
            self.left -= 1
            at += 8
            if tag == _SEQUENCE_END and ending:
                return items, at
            if tag != _ITEM:
                raise Unreadable(f"no item in sequence {element.key} but {tag:08X}", at - 8)
            if length != UNDEFINED and at + length > end:
                raise Unreadable(f"an item of sequence {element.key} goes beyond its end", at)
            until = end if length == UNDEFINED else at + length
            item, at = self.dataset(at, until, depth + 1, ending=length == UNDEFINED)
            items.append(item)
        if ending:
            raise Unreadable(f"sequence {element.key} has no end", at)
        return items, at

    def _fragments(self, at: int, end: int) -> tuple[list[tuple[int, int]], int]:
        found: list[tuple[int, int]] = []
        while at < end:
            tag, length = self.tag(at, end)
            at += 8
            if tag == _SEQUENCE_END:
                return found, at
            if tag != _ITEM or at + length > end:
                raise Unreadable("pixel data is cut or its fragments are broken", at - 8)
            found.append((at, length))
            at += length
        raise Unreadable("pixel data in fragments has no end", at)


def _collect(found: list[Element], ascending: bool, at: int) -> DataSet:
    if not ascending:
        found.sort(key=lambda e: e.tag)
    elements = {e.tag: e for e in found}
    if len(elements) != len(found):
        raise Unreadable("an element occurs twice in one data set", at)
    return DataSet(elements)


def _settle(source: Source, dataset: DataSet, signed: bool) -> None:
    """Choose among the VRs that the dictionary leaves open (PS3.5 A.1, PS3.3 C.7.6.3.1.2)."""
    representation = dataset.get(0x00280103)
    if representation is not None and representation.length >= 2:
        signed = source.octets[representation.at] == 1
    for element in dataset:
        if " or " in element.vr:
            element.vr = _choose(source, element, signed)
            if element.vr in SIZES and element.length % SIZES[element.vr]:
                raise Unreadable(f"{element.key} has {element.length} octets", element.at)
        for item in element.items or ():
            _settle(source, item, signed)


def _choose(source: Source, element: Element, signed: bool) -> str:
    if element.vr == "US or SS":
        return "SS" if signed else "US"
    # a look-up table of a single entry is a number, any other one a run of words
    return "US" if element.vr.startswith("US") and element.length == 2 else "OW"
