"""Knows how to make data sets of every VR, depth and character set: Hypothesis strategies that shrink to small ones.

Must not know encodings, nor IODs: what is made is legal by PS3.5 and means nothing. What is wrong with a purpose is
made in `flawed_json`, `flawed_xml` and `flawed_part10`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydicom._dicom_dict import DicomDictionary

from harness.make import as_json, as_octets, as_xml
from harness.make.flawed import Flawed
from harness.make.flawed_json import flawed_json
from harness.make.flawed_part10 import flawed_part10
from harness.make.flawed_xml import flawed_xml
from harness.make.text_octets import SETS, letters
from harness.make.tree import BINARY, CHARACTER_SET, PIXELS, Element, Tree
from harness.make.values import octets, values

__all__ = [
    "ALL",
    "Flawed",
    "datasets",
    "files",
    "flawed_json",
    "flawed_part10",
    "flawed_xml",
    "json_texts",
    "xml_texts",
]

ALL = ("LO", "CS", "UI", "US", "PN", "SQ", "DA", "TM", "IS", "DS", "SH", "ST", "LT", "DT", "AS", "AE", "AT", "FL", "FD",
       "OB", "OW", "SL", "SS", "UL", "OD", "OF", "OL", "OV", "SV", "UC", "UN", "UR", "UT", "UV")  # fmt: skip
WORDS = {"OB": 1, "UN": 1, "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
GROUPS = ("0009", "0011", "3009", "7FDF")  # of private elements; 0099 is left to what is wrong with a purpose
CREATORS = ("ACME", "ACME 1.1", "other^=~", "C" * 64)
TAGS_OF_ONE_VR = 8
# what is read together with other elements, or with the file around it
_APART = {0x00080005, 0x00080016, 0x00080018, 0x00280100, 0x00280103}


@cache
def tags(vr: str) -> tuple[str, ...]:
    """Some tags of PS3.6 that have this VR, in ascending order; those that may have another as well come after."""
    fit = [t for t, row in DicomDictionary.items() if vr in row[0].split(" or ") and t not in _APART and row[4]]
    fit = [t for t in fit if t >> 16 not in (0, 2) and t >> 16 < 0x7F00 and t & 0xFFFF and not t >> 16 & 1]
    ranked = sorted(fit, key=lambda t: (DicomDictionary[t][0] != vr, DicomDictionary[t][3] == "Retired", t))
    return tuple(f"{t:08X}" for t in ranked[:TAGS_OF_ONE_VR])


@st.composite
def datasets(
    draw: DrawFn,
    depth: int = 2,
    vrs: Collection[str] = ALL,
    charsets: Collection[tuple[str, ...]] = SETS,
    most: int = 5,
    private: bool = True,
) -> Tree:
    """A legal data set of up to `most` elements and as many private ones, with items up to `depth` levels deep."""
    charset = draw(st.sampled_from(sorted(charsets, key=len)))
    more = "".join(letters(term) for term in charset)
    tree = draw(_levels(depth, tuple(vr for vr in ALL if vr in vrs), more, most, private))
    return tree.having(Element(CHARACTER_SET, "CS", charset)) if charset else tree


def _levels(depth: int, vrs: tuple[str, ...], more: str, most: int, private: bool) -> SearchStrategy[Tree]:
    inner = _levels(depth - 1, vrs, more, min(most, 3), private) if depth > 0 else st.nothing()
    usable = tuple(vr for vr in vrs if vr != "SQ" or depth > 0) or ("LO",)
    return _tree(usable, more, most, private, inner)


@st.composite
def _tree(draw: DrawFn, vrs: tuple[str, ...], more: str, most: int, private: bool, inner: SearchStrategy[Tree]) -> Tree:
    standard = [vr for vr in vrs if tags(vr)]
    made: list[Element] = []
    for vr in draw(st.lists(st.sampled_from(standard), max_size=most)) if standard else []:
        made.append(draw(_element(draw(st.sampled_from(tags(vr))), vr, more, inner)))
    if private and draw(st.booleans()):
        made += draw(_blocks(vrs, more, inner))
    return Tree().having(*made)


@st.composite
def _blocks(draw: DrawFn, vrs: tuple[str, ...], more: str, inner: SearchStrategy[Tree]) -> list[Element]:
    """Private blocks of one group, each with its creator (PS3.5 7.8.1)."""
    group = draw(st.sampled_from(GROUPS))
    made: list[Element] = []
    owners = draw(st.lists(st.sampled_from(CREATORS), min_size=1, max_size=2, unique=True))
    for position, creator in enumerate(owners):
        block = draw(st.sampled_from(("10", "FE"))) if position == 0 else "FF"
        made.append(Element(f"{group}00{block}", "LO", (creator,)))
        for vr in draw(st.lists(st.sampled_from(vrs), max_size=3)):
            number = draw(st.sampled_from(("01", "00", "10", "FF")))
            made.append(draw(_element(f"{group}{block}{number}", vr, more, inner)))
    return made


@st.composite
def _element(draw: DrawFn, tag: str, vr: str, more: str, inner: SearchStrategy[Tree]) -> Element:
    if draw(st.sampled_from((False, False, False, True))):
        return Element(tag, vr)
    if vr == "SQ":
        return Element(tag, vr, items=tuple(draw(st.lists(inner, max_size=2))))
    if vr in BINARY:
        return Element(tag, vr, octets=draw(octets(WORDS[vr])))
    return Element(tag, vr, draw(values(vr, more, 3)))


@st.composite
def json_texts(draw: DrawFn, trees: SearchStrategy[Tree] | None = None) -> tuple[Tree, bytes]:
    """A data set, and one of its legal texts in the DICOM JSON Model: alone or in an array, spelled as one likes."""
    tree = draw(trees if trees is not None else datasets())

    def choose(options: Sequence[object]) -> object:
        return draw(st.sampled_from(options))

    made = as_json.dataset(tree, choose)
    root = draw(st.sampled_from(([made], made, [made, as_json.Object([])])))
    return tree, as_json.render(root, choose).encode("utf-8")


@st.composite
def xml_texts(draw: DrawFn, trees: SearchStrategy[Tree] | None = None) -> tuple[Tree, bytes]:
    """A data set, and one of its legal documents of the Native DICOM Model."""
    tree = draw(trees if trees is not None else datasets())

    def choose(options: Sequence[object]) -> object:
        return draw(st.sampled_from(options))

    return tree, as_xml.render(as_xml.document(tree, choose), choose)


@st.composite
def files(draw: DrawFn, trees: SearchStrategy[Tree] | None = None) -> tuple[Tree, as_octets.File]:
    """A data set, and a PS3.10 file of it in any Transfer Syntax that `as_octets` writes."""
    tree = draw(trees if trees is not None else datasets())
    syntax = draw(st.sampled_from(as_octets.SYNTAXES))
    if syntax == as_octets.ENCAPSULATED:
        tree = tree.having(Element(PIXELS, "OB", octets=draw(octets(1))))
    return tree, as_octets.part10(tree, syntax, draw(st.booleans()))
