"""Knows how to spoil a PS3.10 file by one fault, each named as the reader names it (PS3.5 7, A.4, A.5; PS3.10 7.1).

Must not know the reader: it is tried against these.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from harness.make import as_octets
from harness.make.as_octets import UNDEFINED, Encoding, Raw, head_of, part10, with_head
from harness.make.flawed import BLOCK, COUNTED, CREATOR, TAG, WRONG, Flawed
from harness.make.text_octets import encode
from harness.make.tree import PIXELS, Element, Tree, within

LAST_BLOCK, LAST = "FFFD0010", "FFFD1001"  # nothing comes after these
HIGH, LOW = "00990030", "00990020"  # two private creators

Write = Callable[[Encoding], bytes]
# fault -> what is written in place of the element TAG, the octet of it where the fault is, and the end of the path
Planted = tuple[Write, int, str]


def _headed(vr: str, octets: bytes) -> Write:
    return lambda e: with_head(TAG, vr, octets, e)


def _strange(vr: bytes) -> Write:
    """An element of a VR that nobody knows; such ones have the long form (PS3.5 6.2)."""
    return lambda e: e.tag(TAG) + vr + bytes(2) + e.length(2) + b"12"


def _open(vr: str, rest: Callable[[Encoding], bytes]) -> Write:
    """An element of undefined length."""
    return lambda e: head_of(TAG, vr, UNDEFINED, e) + rest(e)


def _closing(e: Encoding) -> bytes:
    return e.tag("FFFEE0DD") + bytes(4)


def _inner(tag: str, vr: str, octets: bytes) -> Write:
    """A sequence with one item with one element."""

    def write(e: Encoding) -> bytes:
        element = with_head(tag, vr, octets, e)
        return with_head(TAG, "SQ", e.tag("FFFEE000") + e.length(len(element)) + element, e)

    return write


PLANTED: dict[str, tuple[Planted, ...]] = {
    "part10.not-explicit": ((lambda e: e.tag(TAG) + e.length(2) + b"x ", 0, ""),),
    "part10.vr-unknown": tuple((_strange(vr), 0, "") for vr in (b"XX", b"ZZ", b"OX")),
    "part10.reserved": ((lambda e: e.tag(TAG) + b"UT\0\1" + e.length(2) + b"x ", 0, ""),),
    "part10.odd-length": ((_headed("LO", b"x"), 0, ""), (_headed("UN", b"123"), 0, "")),
    "part10.length-overrun": (
        (lambda e: head_of(TAG, "LO", 0xFFF0, e) + b"x ", 0, ""),
        (lambda e: head_of(TAG, "UT", 0x7FFFFFFF, e), 0, ""),
    ),
    "part10.undefined-length": ((_open("UT", _closing), 0, ""), (_open("OB", _closing), 0, "")),
    "part10.delimiter-length": ((_open("SQ", lambda e: e.tag("FFFEE0DD") + e.length(4)), 12, ""),),
    "part10.item-expected": ((lambda e: with_head(TAG, "SQ", e.tag("00100010") + bytes(4), e), 12, ""),),
    "part10.value-size": (
        (_headed("UL", bytes(6)), 0, ""),
        (_headed("FD", bytes(4)), 0, ""),
        (_headed("OD", bytes(4)), 0, ""),
        (_headed("AT", bytes(2)), 0, ""),
    ),
    "part10.group-0002": ((_inner("00020010", "UI", b"1.2\0"), 20, "[0].00020010"),),
    "part10.character-set": ((_inner("00080005", "CS", b"ISO_IR 999"), 20, "[0].00080005"),),
}
# fault -> tags and VRs of an element, which is wrong by these alone
TAGS: dict[str, tuple[tuple[str, str], ...]] = {
    "part10.group-0000": (("00000901", "AT"),),
    "part10.private-group": (("00031001", "LO"), ("FFFF1001", "LO")),
    "part10.private-element": (("00990001", "LO"), ("0099000F", "LO"), ("00990100", "LO"), ("00990FFF", "LO")),
    "part10.private-creator": (("00991101", "LO"), ("0097FF00", "OB")),
    "part10.vr-dictionary": ((HIGH, "SH"), (HIGH, "OB"), (HIGH, "SQ")),
}
VALUES = tuple(kind for kind in WRONG if kind not in ("backslash", "escape"))
FILE = (
    "part10.prefix",
    "part10.meta-length",
    "part10.meta-length-missing",
    "part10.meta-missing",
    "part10.meta-version",
    "part10.meta-class",
    "part10.meta-instance",
    "part10.no-dataset",
    "part10.deflate",
    "part10.deflate-wrapped",
    "part10.deflate-rest",
    "part10.no-pixels",
    "part10.not-encapsulated",
    "part10.fragment-length",
    "part10.offset-table",
    "part10.encapsulated-vr",
    "part10.not-implicit",
    "part10.delimiter",
    "part10.pixel-vr",
)
ENDS = ("part10.truncated", "part10.delimiter-missing")
CODES: tuple[str, ...] = tuple(
    sorted(
        {
            *PLANTED,
            *TAGS,
            *FILE,
            *ENDS,
            "part10.order",
            "part10.duplicate",
            "part10.multiplicity",
            *(f"part10.value-{k}" for k in VALUES),
        }
    )
)
"""Every fault that `flawed_part10` makes."""


@st.composite
def flawed_part10(draw: DrawFn, trees: SearchStrategy[Tree] | None = None, codes: tuple[str, ...] = CODES) -> Flawed:
    """A file that is legal but for one fault out of `codes`, planted in any data set of it."""
    from harness.make.datasets import datasets

    code = draw(st.sampled_from(codes))
    tree = draw(trees if trees is not None else datasets(depth=1, most=3))
    if code in FILE:
        return _file(draw, code, tree)
    syntax = draw(st.sampled_from((as_octets.EXPLICIT, as_octets.BIG_ENDIAN, as_octets.DEFLATED)))
    undefined = draw(st.booleans())
    # a fault at the end of a data set is one at the end of the file
    place = () if code in ENDS else draw(st.sampled_from(list(_places(tree))))
    item = _at(tree, place)
    changed, tag, octet, rest = _plant(draw, code, item)
    path = "".join(f"{step}[{index}]." for step, index in place) + tag
    file = part10(within(tree, place, changed), syntax, undefined)
    named = path[: -len(tag)] + rest if code == "part10.order" else path + rest
    where = f"{named} at octet {file.places[path] + octet}"
    if code == "part10.truncated":
        where = f"data set at octet {file.places[path] + octet}"
    return Flawed(code, where, file.octets)


def _places(tree: Tree, path: tuple[tuple[str, int], ...] = ()) -> Iterator[tuple[tuple[str, int], ...]]:
    """The paths of all data sets in a data set."""
    yield path
    for element in tree.elements:
        for index, item in enumerate(element.items):
            yield from _places(item, (*path, (element.tag, index)))


def _at(tree: Tree, place: tuple[tuple[str, int], ...]) -> Tree:
    for tag, index in place:
        element = tree.get(tag)
        assert element is not None
        tree = element.items[index]
    return tree


def _plant(draw: DrawFn, code: str, item: Tree) -> tuple[Tree, str, int, str]:
    """The data set with the fault in it, the tag there, the octet of it where the fault is, the end of the path."""
    if code in TAGS:
        tag, vr = draw(st.sampled_from(TAGS[code]))
        return item.having(Element(tag, vr)), tag, 0, ""
    if code == "part10.multiplicity":
        tag, vr, _, values = draw(st.sampled_from(COUNTED))
        whole = tuple(int(v) for v in values) if vr == "US" else values
        return item.having(Element(tag, vr, whole)), tag, 0, ""
    if code in ("part10.order", "part10.duplicate"):
        second = HIGH if code == "part10.duplicate" else LOW
        twice = Raw(HIGH, "LO", write=lambda e: with_head(HIGH, "LO", b"", e) + with_head(second, "LO", b"", e))
        return item.having(twice), HIGH, 8, "" if second == HIGH else second
    if code in ENDS:
        write = (
            (lambda e: e.tag(LAST) + b"L")
            if code == "part10.truncated"
            else (lambda e: head_of(LAST, "SQ", UNDEFINED, e))
        )
        creator = Element(LAST_BLOCK, "LO", (CREATOR,))
        octet = 0 if code == "part10.truncated" else 12
        return item.having(creator, Raw(LAST, "SQ", write=write)), LAST, octet, ""
    write, octet, rest = _written(draw, code)
    return item.having(Element(BLOCK, "LO", (CREATOR,)), Raw(TAG, "UN", write=write)), TAG, octet, rest


def _written(draw: DrawFn, code: str) -> Planted:
    if code in PLANTED:
        return draw(st.sampled_from(PLANTED[code]))
    kind = code.removeprefix("part10.value-")
    # a NUL pads a UI rightly
    options = [(vr, text) for vr, text in WRONG[kind] if text.isascii() and (kind, vr) != ("padding", "UI")]
    vr, text = draw(st.sampled_from(options))
    octets = encode(text, ())
    return _headed(vr, octets + (b"\0" if vr == "UI" else b" ") * (len(octets) % 2)), 0, ""


def _file(draw: DrawFn, code: str, tree: Tree) -> Flawed:
    if code in ("part10.deflate", "part10.deflate-wrapped", "part10.deflate-rest"):
        return _deflated(draw, code, tree)
    if code in ("part10.fragment-length", "part10.offset-table", "part10.encapsulated-vr"):
        return _fragments(draw, code, tree)
    if code in ("part10.no-pixels", "part10.not-encapsulated"):
        return _unpixelled(code, tree)
    if code == "part10.not-implicit":
        whole = tree if tree.elements else tree.having(Element("00100020", "LO", ("x",)))
        file = part10(whole, as_octets.IMPLICIT)
        plain = as_octets.dataset(whole, Encoding(charset=whole.charset))
        return Flawed(code, f"data set at octet {file.meta}", file.octets[: file.meta] + plain.octets)
    if code == "part10.pixel-vr":
        made = part10(tree.having(Element("00280100", "US", (16,)), Element(PIXELS, "OB", octets=b"\0\0")))
        return Flawed(code, f"{PIXELS} at octet {made.places[PIXELS]}", made.octets)
    if code == "part10.delimiter":
        stray = Raw(
            LAST, "UN", write=lambda e: e.tag(draw(st.sampled_from(("FFFEE00D", "FFFEE0DD", "FFFEE000")))) + bytes(4)
        )
        made = part10(_filled(tree).having(stray))
        return Flawed(code, f"data set at octet {made.places[LAST]}", made.octets)
    if code == "part10.no-dataset":
        file = part10(tree)
        return Flawed(code, f"octet {file.meta}", file.octets[: file.meta])
    if code == "part10.prefix":
        octets = part10(_filled(tree)).octets
        wrong = octets[132:], octets[128:], octets[:128] + b"dicm" + octets[132:]
        return Flawed(code, "octet 128", draw(st.sampled_from(wrong[:2])))
    return _meta(draw, code, _filled(tree))


def _filled(tree: Tree) -> Tree:
    return tree if tree.elements else Tree((Element("00100020", "LO", ("x",)),))


def _meta(draw: DrawFn, code: str, tree: Tree) -> Flawed:
    """A fault in File Meta Information (PS3.10 Table 7.1-1)."""
    where, change = "00020000", {"00020000": b"\1\0\0\0"}
    if code == "part10.meta-length-missing":
        where, change = "octet 132", {"00020000": b""}
    elif code == "part10.meta-missing":
        where = draw(st.sampled_from(("00020001", "00020002", "00020003", "00020012")))
        change = {where: b""}
    elif code == "part10.meta-version":
        where, change = "00020001", {"00020001": draw(st.sampled_from((b"\1\0", b"\0\2", b"\0\1\0\0")))}
    elif code in ("part10.meta-class", "part10.meta-instance"):
        where, other = {"class": ("00020002", "00080016"), "instance": ("00020003", "00080018")}[code.split("-")[1]]
        tree, change = tree.having(Element(other, "UI", ("1.2.3",))), {where: b"1.2.4\0"}
    return Flawed(code, where, part10(tree, change=change).octets)


def _deflated(draw: DrawFn, code: str, tree: Tree) -> Flawed:
    file = part10(_filled(tree), as_octets.DEFLATED)
    head, folded = file.octets[: file.meta], file.octets[file.meta :]
    if code == "part10.deflate-rest":
        folded += draw(st.sampled_from((b"\1\1", b"\0\0\0\0", b"xyz")))
    elif code == "part10.deflate-wrapped":
        folded = zlib.compress(zlib.decompressobj(-15).decompress(folded))
    else:
        folded = draw(st.sampled_from((b"\xff" * 8, b"\x07\0", b"\x05")))
    return Flawed(code, f"octet {file.meta}", head + folded)


def _fragments(draw: DrawFn, code: str, tree: Tree) -> Flawed:
    vr = draw(st.sampled_from(("OW", "UN"))) if code == "part10.encapsulated-vr" else "OB"
    table = b"\4\0\0\0" if code == "part10.offset-table" else b""
    size = 0 if code == "part10.fragment-length" else 2

    def write(e: Encoding) -> bytes:
        items = e.tag("FFFEE000") + e.length(len(table)) + table + e.tag("FFFEE000") + e.length(size) + bytes(size)
        return head_of(PIXELS, vr, UNDEFINED, e) + items + _closing(e)

    file = part10(tree.having(Raw(PIXELS, vr, write=write)), as_octets.ENCAPSULATED)
    octet = {"part10.fragment-length": 20, "part10.offset-table": 12}.get(code, 0)
    return Flawed(code, f"{PIXELS} at octet {file.places[PIXELS] + octet}", file.octets)


def _unpixelled(code: str, tree: Tree) -> Flawed:
    """An encapsulated Transfer Syntax without Pixel Data, or with native ones."""
    if code == "part10.not-encapsulated":
        tree = tree.having(Element(PIXELS, "OB", octets=b"\0\0"))
    plain = part10(_filled(tree))
    uid = b"1.2.840.10008.1.2.4.50"
    file = part10(_filled(tree), change={"00020010": uid})
    where = f"{PIXELS} at octet {plain.places[PIXELS] + file.meta - plain.meta}" if tree.get(PIXELS) else PIXELS
    return Flawed(code, where, file.octets)
