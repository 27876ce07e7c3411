"""Knows how a tree becomes a document of the Native DICOM Model (PS3.19 A.1), and how such a document is spelled.

Must not know the readers, nor where choices come from: a chooser makes them.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

from harness.make.tree import BINARY, CHARACTER_SET, Element, Tree

Choose = Callable[[Sequence[Any]], Any]

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
ROOT = "NativeDicomModel"
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
URIS = ("http://example.org/bulkdata/1", "../bulkdata/1?a=b&c=d")
_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 2.2


@dataclass
class Node:
    """An XML element: its attributes and children in order; a child that is a string is text."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)


def document(tree: Tree, choose: Choose) -> Node:
    """The root with everything in it."""
    return Node(ROOT, {"xmlns": NAMESPACE, "xml:space": "preserve"}, _dataset(tree, choose))


def _dataset(tree: Tree, choose: Choose) -> list[Node | str]:
    made: list[Node | str] = []
    for element in tree.elements:
        if element.creates:  # conveyed with each attribute of its block
            continue
        if element.tag == CHARACTER_SET and not element.empty:
            element = Element(CHARACTER_SET, "CS", ("ISO_IR 192",))
        made.append(attribute(element, tree.creator(element) if element.private else "", choose))
    return made


def attribute(element: Element, creator: str, choose: Choose) -> Node:
    """One DicomAttribute; a private one goes without its block."""
    tag = element.tag
    said = {"tag": f"{tag[:4]}00{tag[6:]}" if creator else tag, "vr": element.vr}
    keyword = "" if creator else keyword_for_tag(int(tag, 16))
    if keyword:
        said["keyword"] = keyword
    if creator:
        said["privateCreator"] = creator
    return Node("DicomAttribute", said, [] if element.empty else _content(element, choose))


def _content(element: Element, choose: Choose) -> list[Node | str]:
    unsayable = any(isinstance(value, str) and _UNSAYABLE.search(value) for value in element.values)
    if unsayable or (element.vr in BINARY and choose((False, False, True))):
        return [Node("BulkData", {"uri": choose(URIS)})]
    if element.vr in BINARY:
        octets = element.octets + bytes(len(element.octets) % 2)
        return [Node("InlineBinary", {}, [base64.b64encode(octets).decode("ascii")])]
    if element.vr == "SQ":
        return [Node("Item", {"number": str(i)}, _dataset(item, choose)) for i, item in enumerate(element.items, 1)]
    if element.vr == "PN":
        return [Node("PersonName", {"number": str(i)}, _name(str(v or ""))) for i, v in enumerate(element.values, 1)]
    return [Node("Value", {"number": str(i)}, [text] if (text := _text(v)) else [])
            for i, v in enumerate(element.values, 1)]  # fmt: skip


def _name(value: str) -> list[Node | str]:
    made: list[Node | str] = []
    for group, text in zip(GROUPS, value.split("="), strict=False):
        parts: list[Node | str] = [
            Node(name, {}, [part]) for name, part in zip(COMPONENTS, text.split("^"), strict=False) if part
        ]
        if parts:
            made.append(Node(group, {}, parts))
    return made


def _text(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"
    return "" if value is None else str(value)


def render(root: Node, choose: Choose) -> bytes:
    """The document in UTF-8, with or without a declaration and white space between elements."""
    head = choose(("", '<?xml version="1.0" encoding="UTF-8"?>\n', "<?xml version='1.0'?><!-- a comment -->"))
    return f"{head}{_render(root, choose(('', chr(10) + '  ')))}".encode()


def _render(node: Node, space: str) -> str:
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in node.attributes.items())
    if not node.children:
        return f"<{node.name}{attributes}/>"
    if any(isinstance(child, str) for child in node.children):
        space = ""
    inner = "".join(space + (_escaped(c) if isinstance(c, str) else _render(c, space)) for c in node.children)
    return f"<{node.name}{attributes}>{inner}{space}</{node.name}>"


def _escaped(text: str) -> str:
    # a carriage return that is not escaped becomes a line feed (XML 1.0 2.11)
    return escape(text, {"\r": "&#13;"})
