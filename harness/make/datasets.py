"""Knows how to make data sets of every VR, depth and character set: Hypothesis strategies that shrink to small ones.

Must not know encodings, nor IODs: what is made is legal by PS3.5 and means nothing. What is wrong with a purpose is
made in `flawed_json`, `flawed_xml` and `flawed_part10`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
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
from harness.make.tree import BINARY, CHARACTER_SET, PIXELS, Element, Tree, Value
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
# what is read together with other elements, or with the file around it; group 0004 comes before (0008,0005), and the
# records of a directory, its only use, bring their own (PS3.3 F.3.2.2)
_APART = {0x00080005, 0x00080016, 0x00080018, 0x00280100, 0x00280103}


@cache
def tags(vr: str) -> tuple[str, ...]:
    """Some tags of PS3.6 that have this VR; first those of one value and of this VR only, in ascending order.

    The last two have another VM, where the dictionary has such.
    """
    fit = [t for t, row in DicomDictionary.items() if vr in row[0].split(" or ") and t not in _APART and row[4]]
    fit = [t for t in fit if t >> 16 not in (0, 2, 4) and t >> 16 < 0x7F00 and t & 0xFFFF and not t >> 16 & 1]
    ranked = sorted(fit, key=lambda t: (DicomDictionary[t][0] != vr, DicomDictionary[t][3] == "Retired", t))
    plain = [t for t in ranked if DicomDictionary[t][1] in ("1", "1-n")]
    several = [t for t in ranked if t not in plain][:2]
    return tuple(f"{t:08X}" for t in [*plain[: TAGS_OF_ONE_VR - len(several)], *several])


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
    tree = draw(_trees(depth, tuple(vr for vr in ALL if vr in vrs), more, most, private))
    return tree.having(Element(CHARACTER_SET, "CS", charset)) if charset else tree


@st.composite
def _tree(draw: DrawFn, depth: int, vrs: tuple[str, ...], more: str, most: int, private: bool) -> Tree:
    """One of `_trees`; a strategy of its own, because the description of those is as long as they are deep."""
    return draw(_trees(depth, vrs, more, most, private))


@cache
def _trees(depth: int, vrs: tuple[str, ...], more: str, most: int, private: bool) -> SearchStrategy[Tree]:
    """Data sets whose text is made of ASCII and `more`; each element is drawn in one go, so that it can be left out."""
    inner = _tree(depth - 1, vrs, more, min(most, 3), private) if depth > 0 else None
    usable = tuple(vr for vr in vrs if vr != "SQ" or inner is not None) or ("LO",)
    standard = [_standard(vr, more, inner) for vr in usable if tags(vr)]
    elements = st.lists(st.one_of(standard), max_size=most) if standard else st.just([])
    blocks = st.lists(_blocks(usable, more, inner), max_size=1) if private else st.just([])
    return st.builds(lambda held, owned: Tree().having(*held, *(e for block in owned for e in block)), elements, blocks)


def _standard(vr: str, more: str, inner: SearchStrategy[Tree] | None) -> SearchStrategy[Element]:
    content = _content(vr, more, inner)
    return st.builds(
        lambda tag, held: replace(held, tag=tag, values=_fitted(tag, held.values)), st.sampled_from(tags(vr)), content
    )


def _fitted(tag: str, held: Sequence[Value]) -> tuple[Value, ...]:
    """As many of the values as the VM of PS3.6 allows, over again when it asks for more of them."""
    low, _, high = DicomDictionary[int(tag, 16)][1].partition("-")
    step = int(high.removesuffix("n") or 1) if high.endswith("n") else 1
    count = max(int(low), -(-len(held) // step) * step) if held else 0
    count = count if high.endswith("n") else min(count, int(high or low))
    some = held if any(value is not None for value in held[:count]) else [v for v in held if v is not None]
    return tuple(some[at % len(some)] for at in range(count))


def _blocks(vrs: tuple[str, ...], more: str, inner: SearchStrategy[Tree] | None) -> SearchStrategy[list[Element]]:
    """One or two private blocks of one group, each with its creator (PS3.5 7.8.1)."""
    content = st.one_of([_content(vr, more, inner) for vr in vrs])
    held = st.lists(st.tuples(st.sampled_from(("01", "00", "10", "FF")), content), max_size=3)
    owners = st.lists(
        st.tuples(st.sampled_from(CREATORS), held), min_size=1, max_size=2, unique_by=lambda pair: pair[0]
    )
    return st.builds(_block, st.sampled_from(GROUPS), st.sampled_from(("10", "FE")), owners)


def _block(group: str, first: str, owners: Sequence[tuple[str, Sequence[tuple[str, Element]]]]) -> list[Element]:
    made = []
    for block, (creator, held) in zip((first, "FF"), owners, strict=False):
        made.append(Element(f"{group}00{block}", "LO", (creator,)))
        made += [replace(element, tag=group + block + number) for number, element in held]
    return made


def _content(vr: str, more: str, inner: SearchStrategy[Tree] | None) -> SearchStrategy[Element]:
    """An element of this VR that has no tag yet, now and then an empty one."""
    if vr == "SQ":
        made = st.lists(inner if inner is not None else st.nothing(), max_size=2)
        return made.map(lambda items: Element("", vr, items=tuple(items)))
    if vr in BINARY:
        return st.one_of(octets(WORDS[vr]), st.just(b"")).map(lambda held: Element("", vr, octets=held))
    return st.one_of(values(vr, more, 3), st.just(())).map(lambda held: Element("", vr, held))


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
