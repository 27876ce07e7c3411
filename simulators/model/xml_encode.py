"""Knows the Native DICOM Model (PS3.19 A.1) as a writer: a read data set becomes one XML document.

Must not know where the data set is kept or who asks for it.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache

from lxml import etree
from pydicom.datadict import get_entry
from pydicom.dataset import Dataset

from simulators.model.json_encode import CHARSET
from simulators.model.names import BASE
from simulators.model.plain import source_of
from simulators.model.scan import DataSet, Element, Source
from simulators.model.text import Repertoire, repertoire
from simulators.model.values import Name, Reference, Values, decode

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_IN = f"{{{NAMESPACE}}}"
SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# Characters that XML 1.0 cannot carry at all, not even as references.
_ILLEGAL = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_PLACEHOLDER = "urn:x-base:"  # BASE itself is no XML character, so it stands in while lxml writes


def encode(dataset: Dataset, uri: str = "") -> bytes:
    """The document of a pydicom data set; long values refer to `uri` + "/bulkdata/<tag path>"."""
    return document(source_of(dataset), uri)


def document(source: Source, uri: str) -> bytes:
    """The document in UTF-8. A `uri` that begins with the placeholder BASE keeps it for the door to replace."""
    base = BASE.decode("latin-1")
    root = etree.Element(_IN + "NativeDicomModel", nsmap={None: NAMESPACE})  # type: ignore[dict-item]  # None is what lxml wants
    root.set(SPACE, "preserve")
    _Writer(source, uri.replace(base, _PLACEHOLDER)).fill(root, source.dataset, repertoire(""), "")
    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    old, new = f'uri="{_PLACEHOLDER}'.encode(), b'uri="' + BASE
    return text.replace(old, new) if base in uri else text


@lru_cache(maxsize=8192)
def keyword_of(tag: int) -> str:
    """The keyword of PS3.6, '' for what it does not know."""
    try:
        return get_entry(tag)[4]
    except KeyError:
        return ""


class _Writer:
    def __init__(self, source: Source, uri: str) -> None:
        self.source = source
        self.uri = uri

    def fill(self, parent: etree._Element, dataset: DataSet, charset: Repertoire, path: str) -> None:
        named = dataset.get(CHARSET)
        if named is not None and named.length:
            charset = repertoire(self.source.value(named).decode("latin-1").rstrip(" \0"))
        creators: dict[int, str] = {}
        for element in dataset:
            number = element.tag & 0xFFFF
            if element.tag >> 16 & 1 and 0x10 <= number <= 0xFF:
                # A.1.5: the block is not sent, its creator stands at every element of it
                value = decode(self.source, element, charset)
                creators[element.tag] = str(value[0]) if isinstance(value, list) and value else ""
                continue
            self.attribute(parent, element, charset, path, creators)

    def attribute(
        self, parent: etree._Element, element: Element, charset: Repertoire, path: str, creators: dict[int, str]
    ) -> None:
        made = etree.SubElement(parent, _IN + "DicomAttribute")
        if element.tag >> 16 & 1:
            creator = creators.get(element.tag & 0xFFFF0000 | (element.tag >> 8 & 0xFF), "")
            made.set("tag", f"{element.tag & 0xFFFF00FF:08X}")
            made.set("vr", element.vr)
            made.set("privateCreator", legal(creator))
        else:
            made.set("tag", element.key)
            made.set("vr", element.vr)
            if keyword := keyword_of(element.tag):
                made.set("keyword", keyword)
        if element.items is not None:
            for number, item in enumerate(element.items, 1):
                below = etree.SubElement(made, _IN + "Item", number=str(number))
                self.fill(below, item, charset, f"{path}{element.key}/{number}/")
            return
        self.value(made, element, charset, path)

    def value(self, made: etree._Element, element: Element, charset: Repertoire, path: str) -> None:
        value: Values | bytes | Reference
        value = ["ISO_IR 192"] if element.tag == CHARSET and element.length else decode(self.source, element, charset)
        if isinstance(value, Reference):
            etree.SubElement(made, _IN + "BulkData", uri=f"{self.uri}/bulkdata/{path}{element.key}")
        elif isinstance(value, bytes):
            if value:
                etree.SubElement(made, _IN + "InlineBinary").text = base64.b64encode(value).decode()
        elif element.vr == "PN":
            for number, name in enumerate(value, 1):
                _name(etree.SubElement(made, _IN + "PersonName", number=str(number)), name)
        else:
            for number, one in enumerate(value, 1):
                etree.SubElement(made, _IN + "Value", number=str(number)).text = legal(
                    "" if one is None else _text(one)
                )


def _name(made: etree._Element, name: object) -> None:
    groups: Name = name if isinstance(name, tuple) else ()
    for title, group in zip(_GROUPS, groups, strict=False):
        if not group:
            continue
        below = etree.SubElement(made, _IN + title)
        # a sixth component breaks PS3.5 6.2.1; it stays visible in the last one
        for component, text in zip(_COMPONENTS, group.split("^", 4), strict=False):
            if text:
                etree.SubElement(below, _IN + component).text = legal(text)


def _text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def legal(text: str) -> str:
    """The text with characters that XML cannot carry replaced by U+FFFD."""
    return _ILLEGAL.sub("\ufffd", text)
