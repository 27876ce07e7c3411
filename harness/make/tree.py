"""Knows a data set as plain values, before anybody encodes it: what the writers of octets, JSON and XML start from.

Must not know any encoding, nor how values come about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
CHARACTER_SET = "00080005"
PIXELS = "7FE00010"

Value = str | int | float | None


@dataclass(frozen=True)
class Element:
    """One data element; `tag` is eight upper-case hexadecimal digits.

    `values` hold text and numbers (None: an empty value among several; a PN has its component groups joined by '=';
    an AT is eight digits), `octets` the value field of a BINARY VR in little endian order, `items` those of SQ.
    """

    tag: str
    vr: str
    values: tuple[Value, ...] = ()
    octets: bytes = b""
    items: tuple[Tree, ...] = ()

    @property
    def empty(self) -> bool:
        """Of length zero."""
        return not self.values and not self.octets and not self.items

    @property
    def private(self) -> bool:
        """An element of a private block, or the creator that reserves one (PS3.5 7.8.1)."""
        return self.tag[3] in "13579BDF"

    @property
    def creates(self) -> bool:
        """A private creator."""
        return self.private and self.tag[4:6] == "00"


@dataclass(frozen=True)
class Tree:
    """A data set: its elements in ascending order of their tags, each tag once."""

    elements: tuple[Element, ...] = ()

    def get(self, tag: str) -> Element | None:
        return next((e for e in self.elements if e.tag == tag), None)

    def creator(self, element: Element) -> str:
        """The private creator of an element of a block, '' when there is none."""
        found = self.get(f"{element.tag[:4]}00{element.tag[4:6]}")
        return str(found.values[0]) if found and found.values else ""

    @property
    def charset(self) -> tuple[str, ...]:
        """The terms of (0008,0005); an empty one is ''."""
        found = self.get(CHARACTER_SET)
        return tuple("" if term is None else str(term) for term in found.values) if found else ()

    def having(self, *more: Element) -> Tree:
        """The same with further elements at their places; one of the same tag is replaced."""
        held = {e.tag: e for e in (*self.elements, *more)}
        return Tree(tuple(held[tag] for tag in sorted(held)))

    def walk(self, path: str = "") -> Iterator[tuple[str, Element]]:
        """Every element at every depth with its path, like "00400275[0].00400007"."""
        for element in self.elements:
            here = f"{path}.{element.tag}" if path else element.tag
            yield here, element
            for index, item in enumerate(element.items):
                yield from item.walk(f"{here}[{index}]")

    @property
    def depth(self) -> int:
        """How many levels of items there are, 0 for none."""
        return max((1 + item.depth for e in self.elements for item in e.items), default=0)


def within(tree: Tree, place: tuple[tuple[str, int], ...], change: Tree) -> Tree:
    """The tree with the item at `place`, a path of (tag, index), replaced; the tree itself for the empty path."""
    if not place:
        return change
    (tag, index), *rest = place
    element = tree.get(tag)
    if element is None:
        raise KeyError(tag)
    items = list(element.items)
    items[index] = within(items[index], tuple(rest), change)
    return tree.having(replace(element, items=tuple(items)))
