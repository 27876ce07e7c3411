"""Knows how a tree becomes octets: data elements in each native encoding, and whole PS3.10 files (PS3.5 7, PS3.10 7.1).

Must not know the readers, nor any other writer of this project: it is what they are tried against.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.make.text_octets import encode
from harness.make.tree import BINARY, PIXELS, Element, Tree
from harness.make.uids import IMPLEMENTATION, uid

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
ENCAPSULATED = "1.2.840.10008.1.2.4.50"
SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, ENCAPSULATED)

LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
EXTENDED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
UNDEFINED = 0xFFFFFFFF
CLASS, INSTANCE = "1.2.840.10008.5.1.4.1.1.7", uid("dicomproof", "a written tree")


@dataclass(frozen=True)
class Encoding:
    """How data elements are written; `undefined`: sequences and items of undefined length."""

    explicit: bool = True
    big_endian: bool = False
    undefined: bool = False
    charset: tuple[str, ...] = ()

    @property
    def order(self) -> str:
        return ">" if self.big_endian else "<"

    def tag(self, tag: str) -> bytes:
        return struct.pack(f"{self.order}HH", int(tag[:4], 16), int(tag[4:], 16))

    def length(self, length: int) -> bytes:
        return struct.pack(f"{self.order}I", length)


@dataclass(frozen=True)
class Raw(Element):
    """An element that is written as its maker says, right or wrong."""

    write: Callable[[Encoding], bytes] = field(default=lambda encoding: b"", compare=False)


@dataclass(frozen=True)
class Written:
    """The octets of a data set, and the offset of each element by its path."""

    octets: bytes
    places: Mapping[str, int]


@dataclass(frozen=True)
class File:
    """A PS3.10 file; `places` are offsets in the file, in the unfolded data set for a deflated one."""

    octets: bytes
    places: Mapping[str, int]
    transfer_syntax: str
    meta: int  # where the data set begins


def dataset(tree: Tree, encoding: Encoding) -> Written:
    """All elements in the order of the tree."""
    made = bytearray()
    places: dict[str, int] = {}
    for element in tree.elements:
        places[element.tag] = len(made)
        octets, inner = _element(element, encoding)
        places |= {f"{element.tag}{path}": len(made) + at for path, at in inner.items()}
        made += octets
    return Written(bytes(made), places)


def _element(element: Element, encoding: Encoding) -> tuple[bytes, dict[str, int]]:
    """The octets of an element, and where the elements of its items are in them."""
    if isinstance(element, Raw):
        return element.write(encoding), {}
    if element.vr != "SQ":
        return with_head(element.tag, element.vr, field_of(element, encoding), encoding), {}
    content = bytearray()
    places: dict[str, int] = {}
    head = len(head_of(element.tag, "SQ", 0, encoding))
    for index, item in enumerate(element.items):
        inner = dataset(item, encoding)
        places |= {f"[{index}].{path}": head + len(content) + 8 + at for path, at in inner.places.items()}
        content += item_of(inner.octets, encoding)
    if encoding.undefined:
        whole = head_of(element.tag, "SQ", UNDEFINED, encoding) + content
        return whole + encoding.tag("FFFEE0DD") + bytes(4), places
    return head_of(element.tag, "SQ", len(content), encoding) + content, places


def item_of(octets: bytes, encoding: Encoding) -> bytes:
    """An item around the octets of its data set (PS3.5 7.5)."""
    if encoding.undefined:
        return encoding.tag("FFFEE000") + encoding.length(UNDEFINED) + octets + encoding.tag("FFFEE00D") + bytes(4)
    return encoding.tag("FFFEE000") + encoding.length(len(octets)) + octets


def head_of(tag: str, vr: str, length: int, encoding: Encoding) -> bytes:
    """Tag, VR and length (PS3.5 7.1.2, 7.1.3). ValueError for a length that the VR has no room for."""
    if not encoding.explicit:
        return encoding.tag(tag) + encoding.length(length)
    if vr in LONG:
        return encoding.tag(tag) + vr.encode() + bytes(2) + encoding.length(length)
    if length > 0xFFFF:
        raise ValueError(f"{length} octets do not fit an element of VR {vr}")
    return encoding.tag(tag) + vr.encode() + struct.pack(f"{encoding.order}H", length)


def with_head(tag: str, vr: str, octets: bytes, encoding: Encoding) -> bytes:
    return head_of(tag, vr, len(octets), encoding) + octets


def field_of(element: Element, encoding: Encoding) -> bytes:
    """The value field, padded to an even length (PS3.5 6.2)."""
    vr = element.vr
    if vr in BINARY:
        octets = element.octets if not encoding.big_endian else swapped(element.octets, WORDS.get(vr, 1))
        return octets + bytes(len(octets) % 2)
    if vr in NUMBERS:
        return struct.pack(f"{encoding.order}{len(element.values)}{NUMBERS[vr]}", *element.values)
    if vr == "AT":
        return b"".join(encoding.tag(str(value)) for value in element.values)
    text = "\\".join("" if value is None else str(value) for value in element.values)
    octets = encode(text, encoding.charset if vr in EXTENDED else ())
    return octets + (b"\0" if vr == "UI" else b" ") * (len(octets) % 2)


def swapped(octets: bytes, word: int) -> bytes:
    """Every word of so many octets turned round."""
    return b"".join(octets[at : at + word][::-1] for at in range(0, len(octets), word))


def encapsulated(octets: bytes, encoding: Encoding) -> bytes:
    """Pixel Data in one fragment behind an empty Basic Offset Table (PS3.5 A.4)."""
    items = encoding.tag("FFFEE000") + bytes(4)
    if octets:
        padded = octets + bytes(len(octets) % 2)
        items += encoding.tag("FFFEE000") + encoding.length(len(padded)) + padded
    return head_of(PIXELS, "OB", UNDEFINED, encoding) + items + encoding.tag("FFFEE0DD") + bytes(4)


def encoding_of(transfer_syntax: str, charset: tuple[str, ...] = (), undefined: bool = False) -> Encoding:
    """How a Transfer Syntax writes data elements."""
    return Encoding(transfer_syntax != IMPLICIT, transfer_syntax == BIG_ENDIAN, undefined, charset)


def part10(
    tree: Tree, transfer_syntax: str = EXPLICIT, undefined: bool = False, change: Mapping[str, bytes] | None = None
) -> File:
    """The tree as a whole file; `change` replaces value fields of File Meta Information, b"" leaves one out.

    In an encapsulated Transfer Syntax the tree has Pixel Data, which becomes fragments; ValueError otherwise.
    """
    encoding = encoding_of(transfer_syntax, tree.charset, undefined)
    if transfer_syntax == ENCAPSULATED:
        pixels = tree.get(PIXELS)
        if pixels is None:
            raise ValueError("an encapsulated Transfer Syntax needs Pixel Data")
        if not isinstance(pixels, Raw):
            tree = tree.having(Raw(PIXELS, "OB", write=lambda e: encapsulated(pixels.octets, e)))
    written = dataset(tree, encoding)
    head = bytes(128) + b"DICM" + meta_of(tree, transfer_syntax, change or {})
    if transfer_syntax != DEFLATED:
        places = {path: len(head) + at for path, at in written.places.items()}
        return File(head + written.octets, places, transfer_syntax, len(head))
    engine = zlib.compressobj(wbits=-15)
    folded = engine.compress(written.octets) + engine.flush()
    return File(head + folded + bytes(len(folded) % 2), written.places, transfer_syntax, len(head))


def meta_of(tree: Tree, transfer_syntax: str, change: Mapping[str, bytes]) -> bytes:
    """File Meta Information (PS3.10 Table 7.1-1)."""
    plain = Encoding()
    classes, instance = tree.get("00080016"), tree.get("00080018")
    texts = {
        "00020002": str(classes.values[0]) if classes and classes.values else CLASS,
        "00020003": str(instance.values[0]) if instance and instance.values else INSTANCE,
        "00020010": transfer_syntax,
        "00020012": IMPLEMENTATION,
    }
    fields = {"00020001": b"\0\1"} | {tag: field_of(Element(tag, "UI", (text,)), plain) for tag, text in texts.items()}
    fields |= change
    body = b"".join(
        with_head(tag, "OB" if tag == "00020001" else "UI", octets, plain)
        for tag, octets in sorted(fields.items())
        if octets and tag != "00020000"
    )
    length = change.get("00020000", struct.pack("<I", len(body)))
    return (with_head("00020000", "UL", length, plain) if length else b"") + body
