"""Knows the Native DICOM Model (PS3.19 A.1) as a reader for our own use: a document becomes a pydicom data set.

It takes what A.1.5 and the schema of A.1.6 allow and refuses the rest, naming the place. It shares nothing with the
strict reader that judges others. Must not know where a document came from or what happens to the data set.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from lxml import etree
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from simulators.model import build
from simulators.model.build import Bulk, Undecodable
from simulators.model.values import BINARY, NUMBERS
from simulators.model.xml_encode import NAMESPACE

LARGEST = 64 << 20  # octets
_TAG = re.compile(r"[0-9A-F]{8}\Z")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_KIND = {"SQ": "Item", "PN": "PersonName"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z|[+-]?(?:INF|inf)\Z|[Nn]a[Nn]\Z")


def decode(document: bytes, bulk: Bulk = build.no_bulk, encapsulated: bool = False) -> Dataset:
    """The data set of a document; `bulk` and `encapsulated` as for the DICOM JSON Model. A uuid of BulkData is asked
    for as a URI of the form urn:uuid:... Undecodable for everything that the model does not allow."""
    return decode_root(parse(document), bulk, encapsulated)


def parse(document: bytes) -> etree._Element:
    """The root of a document of the model; Undecodable when it is none."""
    if len(document) > LARGEST:
        raise Undecodable("", f"more than {LARGEST} octets")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
                             remove_pis=True)  # fmt: skip
    try:
        root = etree.fromstring(document, parser)
        name = etree.QName(root)  # a namespace with a brace in it is no name for lxml
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Undecodable(f"line {getattr(error, 'lineno', 0)}", str(error)) from None
    if b"<!DOCTYPE" in document:
        raise Undecodable("line 1", "a document type declaration is not allowed")
    if name.localname != "NativeDicomModel" or name.namespace not in (NAMESPACE, None):
        raise Undecodable("/", f"the root is {root.tag}"[:200])
    return root


def decode_root(root: etree._Element, bulk: Bulk = build.no_bulk, encapsulated: bool = False) -> Dataset:
    """The data set of what `parse` gave; Undecodable as for `decode`."""
    reader = _Reader(etree.QName(root).namespace or "", bulk, encapsulated)
    return build.settle(reader.dataset(root, "/NativeDicomModel", 0))


def said(root: etree._Element, tag: str) -> str:
    """The first value of an attribute of what may be no right data set, '' when it has none."""
    for child in root:
        if isinstance(child.tag, str) and child.get("tag") == tag and len(child):
            return (child[0].text or "").strip()
    return ""


class _Reader:
    def __init__(self, namespace: str, bulk: Bulk, encapsulated: bool) -> None:
        self.prefix = f"{{{namespace}}}" if namespace else ""
        self.bulk = bulk
        self.encapsulated = encapsulated

    def dataset(self, parent: etree._Element, where: str, depth: int) -> Dataset:
        if depth > build.DEPTH:
            raise Undecodable(where, f"sequences nest deeper than {build.DEPTH}")
        made = Dataset()
        blocks: dict[int, list[str]] = {}  # the creators of a group, in the order of their blocks
        for child in self.children(parent, ("DicomAttribute",), where):
            here = f"{where}/{(child.get('tag') or '')[:40]}"
            tag = self.tag(child, here, blocks)
            if tag in made:
                raise Undecodable(here, "the attribute stands twice")
            made.add(self.attribute(tag, child, here, depth))
        for group, creators in blocks.items():
            for number, creator in enumerate(creators):
                made.add_new(group << 16 | 0x10 + number, "LO", creator)
        return made

    def children(self, parent: etree._Element, names: Sequence[str], where: str) -> list[etree._Element]:
        """The child elements, which have one of these names; nothing but space stands between them."""
        found = list(parent)
        for child in found:
            local = str(child.tag).removeprefix(self.prefix) if isinstance(child.tag, str) else "an entity"
            if local not in names:
                raise Undecodable(where, f"{local[:80]} does not belong here")
        if any(text and text.strip() for text in (parent.text, *(child.tail for child in found))):
            raise Undecodable(where, "text does not belong here")
        return found

    def tag(self, child: etree._Element, where: str, blocks: dict[int, list[str]]) -> int:
        text, creator = child.get("tag") or "", child.get("privateCreator")
        if not _TAG.match(text):
            raise Undecodable(where, "tag is eight upper-case hexadecimal digits")
        tag = int(text, 16)
        if not tag >> 16 & 1:
            build.tag_allowed(tag, where)
            if creator is not None:
                raise Undecodable(where, "an attribute of the standard has no privateCreator")
            return tag
        if not creator or tag & 0xFF00:
            raise Undecodable(where, "a private attribute has a privateCreator, and no block in its tag")
        creators = blocks.setdefault(tag >> 16, [])
        if creator not in creators:
            creators.append(creator)
        if len(creators) > 0xF0:
            raise Undecodable(where, "a group has 240 private blocks")
        return tag | (0x10 + creators.index(creator)) << 8

    def attribute(self, tag: int, element: etree._Element, where: str, depth: int) -> DataElement:
        vr = element.get("vr") or ""
        if vr not in build.VRS:
            raise Undecodable(where, f"{vr[:20]!r} is no VR")
        kind = _KIND.get(vr, "Value")
        binary = vr in BINARY
        names = ("InlineBinary", "BulkData") if binary else (kind, "BulkData")
        children = self.children(element, names, where)
        if not children:
            return build.empty(tag, vr)
        kinds = {str(child.tag).removeprefix(self.prefix) for child in children}
        if len(kinds) > 1 or (len(children) > 1 and not kinds & {"Value", "Item", "PersonName"}):
            raise Undecodable(where, "an attribute has one kind of content")
        if kinds == {"BulkData"}:
            octets = build.fetched(self.bulk, _reference(children[0], where), vr, where)
            return build.of_octets(tag, vr, octets, where, self.encapsulated)
        if binary:
            return build.of_octets(tag, vr, self.inline(children[0], where), where, self.encapsulated)
        for number, child in enumerate(children, 1):
            if child.get("number") != str(number):
                raise Undecodable(where, f"number counts from 1 by 1, and {child.get('number')} does not")
        if vr == "SQ":
            return build.of_items(tag, [self.dataset(c, f"{where}/Item[{n}]", depth + 1)
                                        for n, c in enumerate(children, 1)])  # fmt: skip
        return build.of_values(tag, vr, [self.value(vr, c, where) for c in children], where)

    def value(self, vr: str, element: etree._Element, where: str) -> object:
        if vr == "PN":
            return self.name(element, where)
        self.children_none(element, where)
        text = element.text or ""
        if not text:
            return None
        if vr == "AT":
            if not _TAG.match(text):
                raise Undecodable(where, "a value of AT is eight upper-case hexadecimal digits")
            return int(text, 16)
        if vr in ("FL", "FD"):
            if not _FLOAT.match(text):
                raise Undecodable(where, f"{text[:40]!r} is no number")
            return float(text)
        if vr in NUMBERS:
            if not _INTEGER.match(text):
                raise Undecodable(where, f"{text[:40]!r} is no integer")
            return int(text)
        return text

    def children_none(self, element: etree._Element, where: str) -> None:
        if len(element):
            raise Undecodable(where, "a value has no elements in it")

    def name(self, element: etree._Element, where: str) -> str | None:
        groups = dict.fromkeys(_GROUPS, "")
        for group in self.children(element, _GROUPS, where):
            local = str(group.tag).removeprefix(self.prefix)
            components = dict.fromkeys(_COMPONENTS, "")
            for component in self.children(group, _COMPONENTS, where):
                self.children_none(component, where)
                text = component.text or ""
                if "=" in text or "\\" in text:
                    raise Undecodable(where, "a name component has no '=' and no backslash")
                components[str(component.tag).removeprefix(self.prefix)] = text
            groups[local] = "^".join(components.values()).rstrip("^")
        return "=".join(groups.values()).rstrip("=") or None

    def inline(self, element: etree._Element, where: str) -> bytes:
        self.children_none(element, where)
        try:
            return base64.b64decode(re.sub(r"[ \t\r\n]+", "", element.text or ""), validate=True)
        except (binascii.Error, ValueError):
            raise Undecodable(where, "no base64") from None


def _reference(element: etree._Element, where: str) -> str:
    uri, uuid = element.get("uri"), element.get("uuid")
    if bool(uri) == bool(uuid):
        raise Undecodable(where, "BulkData has one of uri and uuid")
    return uri or f"urn:uuid:{uuid}"
