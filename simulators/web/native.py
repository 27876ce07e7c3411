"""Knows how a DICOM JSON object is turned into a Native DICOM Model document (PS3.18 F.3.1, PS3.19 A.1).

Must not know where the object comes from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lxml import etree
from pydicom.datadict import keyword_for_tag

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_PREFIXES: Any = {None: _NAMESPACE}
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# Form feed and escape are legal in DICOM text, but XML 1.0 has no way to write them.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Attributes = Mapping[str, Any]


def document(octets: bytes) -> bytes:
    """The UTF-8 document for one encoded DICOM JSON object; numbers keep the digits they were written with."""
    attributes = json.loads(octets, parse_float=str, parse_int=str)
    root = etree.Element(f"{{{_NAMESPACE}}}NativeDicomModel", nsmap=_PREFIXES)
    root.set(_SPACE, "preserve")
    _fill(root, attributes)
    made: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return made


def _fill(parent: etree._Element, attributes: Attributes) -> None:
    for tag, attribute in attributes.items():
        number = int(tag[4:], 16)
        private = int(tag[:4], 16) % 2 == 1
        if private and 0x10 <= number <= 0xFF:
            continue  # a private creator stands at its elements instead (PS3.19 A.1.5)
        made = etree.SubElement(parent, "DicomAttribute")
        made.set("tag", f"{tag[:4]}00{tag[6:]}" if private else tag)
        made.set("vr", attribute["vr"])
        if private:
            made.set("privateCreator", _legal(_creator(attributes, tag)))
        elif keyword := keyword_for_tag(tag):
            made.set("keyword", keyword)
        _value(made, attribute)


def _creator(attributes: Attributes, tag: str) -> str:
    values = attributes.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value") or [""]
    return str(values[0])


def _value(made: etree._Element, attribute: Attributes) -> None:
    if "BulkDataURI" in attribute:
        etree.SubElement(made, "BulkData", uri=attribute["BulkDataURI"])
    elif "InlineBinary" in attribute:
        etree.SubElement(made, "InlineBinary").text = attribute["InlineBinary"]
    for number, value in enumerate(attribute.get("Value", ()), 1):
        if attribute["vr"] == "SQ":
            _fill(etree.SubElement(made, "Item", number=str(number)), value or {})
        elif attribute["vr"] == "PN":
            _name(etree.SubElement(made, "PersonName", number=str(number)), value or {})
        else:
            etree.SubElement(made, "Value", number=str(number)).text = "" if value is None else _legal(str(value))


def _name(made: etree._Element, name: Attributes) -> None:
    for group in ("Alphabetic", "Ideographic", "Phonetic"):
        if name.get(group):
            below = etree.SubElement(made, group)
            for component, text in zip(_COMPONENTS, name[group].split("^", 4), strict=False):
                if text:
                    etree.SubElement(below, component).text = _legal(text)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
