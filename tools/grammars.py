"""Knows how the Native DICOM Model (PS3.19 A.1) is spelled as RELAX NG and as XML Schema, from one set of patterns.

Must not know the reader in harness/wire, which the tests compare with them. The two say the same, by design: what
XML Schema 1.0 cannot say (what kind of content a VR has) is left out of both. Reading D-22: xml: and xsi:schemaLocation
attributes are legal, vr is required, the namespace is required.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- Written by tools/schemas.py from vr.json; do not edit. -->\n'
HEX = "[0-9A-F]"
EVEN, ODD = "[02468ACE]", "[13579BDF]"
# even groups but 0000, 0002 and FFFE, without look-ahead: XML Schema has none
GROUP = (f"([1-9A-E]{HEX}{{2}}{EVEN}|0[1-9A-F]{HEX}{EVEN}|00[1-9A-F]{EVEN}|000[468ACE]"
         f"|F[0-9A-E]{HEX}{EVEN}|FF[0-9A-E]{EVEN}|FFF[02468AC])")  # fmt: skip
ELEMENT = f"([1-9A-F]{HEX}{{3}}|0[1-9A-F]{HEX}{{2}}|00[1-9A-F]{HEX}|000[1-9A-F])"  # any but the group length
TAG = f"{GROUP}{ELEMENT}|{HEX}{{3}}{ODD}00{HEX}{{2}}"
UUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
COMPONENT = r"[^\^=\\&#9;&#10;&#13;&#127;]*"  # already escaped for XML
# a URI reference (RFC 3986 4.1) matches all of these; as one pattern it is too much for a common engine (libxml2)
URI = (
    r"([A-Za-z0-9._~!$&'()*+,;=:@/?#\[\]\-]|%[0-9A-Fa-f]{2})*",  # characters and escapes
    r"[A-Za-z][A-Za-z0-9+.\-]*:.*|[^:/?#]*([/?#].*)?",  # what stands before a colon in the first segment is a scheme
    r"[^#]*(#[^#]*)?",
    r"[^\[\]]*|([^:/?#]*:)?//[^/?#\[\]]*\[[0-9A-Fa-f:.vV!$&'()*+,;=_~\-]+\](:[0-9]*)?([/?#][^\[\]]*)?",
    r"([^:/?#]+:)?(//([^@/?#]*@)?([^:@/?#\[\]]*|\[[^\]]*\])(:[0-9]*)?([/?#].*)?|[^/].*|/|/[^/].*|)",
)
LEAST = '<xs:minLength value="1"/>'
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def grammars(vrs: Mapping[str, Any]) -> dict[str, str]:
    """File name -> text of both grammars."""
    codes = sorted(vrs["vrs"])
    return {"native-dicom-model.rng": rng(codes), "native-dicom-model.xsd": xsd(codes)}


def rng(codes: list[str]) -> str:
    """RELAX NG in the XML syntax."""
    choice = "".join(f"<value>{code}</value>" for code in codes)
    groups = "".join(f'\n      <optional><element name="{g}"><ref name="group"/></element></optional>' for g in GROUPS)
    parts = "".join(f'\n    <optional><element name="{c}"><ref name="component"/></element></optional>'
                    for c in COMPONENTS)  # fmt: skip
    many = ("Value", "Item", "PersonName")
    kinds = "".join(f'\n        <oneOrMore><ref name="{kind}"/></oneOrMore>' for kind in many)
    uri = "".join(f'\n        <param name="pattern">{_text(pattern)}</param>' for pattern in URI)
    return f"""{HEAD}<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="{NAMESPACE}"
    datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <start><element name="NativeDicomModel"><ref name="any"/><ref name="dataset"/></element></start>
  <define name="any">
    <zeroOrMore><attribute><nsName ns="http://www.w3.org/XML/1998/namespace"/></attribute></zeroOrMore>
    <optional><attribute name="schemaLocation" ns="http://www.w3.org/2001/XMLSchema-instance"/></optional>
    <optional><attribute name="noNamespaceSchemaLocation" ns="http://www.w3.org/2001/XMLSchema-instance"/></optional>
  </define>
  <define name="dataset"><zeroOrMore><ref name="DicomAttribute"/></zeroOrMore></define>
  <define name="DicomAttribute">
    <element name="DicomAttribute">
      <ref name="any"/>
      <attribute name="tag" ns=""><data type="string"><param name="pattern">{TAG}</param></data></attribute>
      <attribute name="vr" ns=""><choice>{choice}</choice></attribute>
      <optional><attribute name="keyword" ns=""><data type="string"/></attribute></optional>
      <optional><attribute name="privateCreator" ns=""><data type="string">
        <param name="minLength">1</param></data></attribute></optional>
      <optional><choice>{kinds}
        <ref name="BulkData"/>
        <ref name="InlineBinary"/>
      </choice></optional>
    </element>
  </define>
  <define name="number"><attribute name="number" ns=""><data type="positiveInteger"/></attribute></define>
  <define name="Value"><element name="Value">
    <ref name="any"/><ref name="number"/><data type="string"/></element></define>
  <define name="Item"><element name="Item">
    <ref name="any"/><ref name="number"/><ref name="dataset"/></element></define>
  <define name="PersonName"><element name="PersonName">
      <ref name="any"/><ref name="number"/>{groups}
  </element></define>
  <define name="group">
    <ref name="any"/>{parts}
  </define>
  <define name="component">
    <ref name="any"/><data type="string"><param name="pattern">{COMPONENT}</param></data></define>
  <define name="BulkData"><element name="BulkData">
    <ref name="any"/>
    <choice>
      <attribute name="uuid" ns=""><data type="string"><param name="pattern">{UUID}</param></data></attribute>
      <attribute name="uri" ns=""><data type="string">
        <param name="minLength">1</param>{uri}
      </data></attribute>
    </choice>
    <empty/>
  </element></define>
  <define name="InlineBinary"><element name="InlineBinary">
    <ref name="any"/><data type="base64Binary"><param name="minLength">1</param></data></element></define>
</grammar>
"""


def xsd(codes: list[str]) -> str:
    """XML Schema 1.0."""
    enum = "".join(f'<xs:enumeration value="{code}"/>' for code in codes)
    groups = "".join(f'\n      <xs:element name="{g}" type="group" minOccurs="0"/>' for g in GROUPS)
    parts = "".join(f'\n      <xs:element name="{c}" type="component" minOccurs="0"/>' for c in COMPONENTS)
    # the patterns of one type are alternatives; to have them all, each type is made of the one before it
    bases = ["xs:string", *(f"uri{i}" for i in range(1, len(URI)))]
    names = [*bases[1:], "uri"]
    uri = "\n".join(_simple(name, f"<xs:pattern value={quoteattr(pattern)}/>" + LEAST * (name == "uri"), base)
                    for name, pattern, base in zip(names, URI, bases, strict=True))  # fmt: skip
    return f"""{HEAD}<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{NAMESPACE}"
    targetNamespace="{NAMESPACE}" elementFormDefault="qualified">
  <xs:element name="NativeDicomModel" type="dataset"/>
  <xs:attributeGroup name="any">
    <xs:anyAttribute namespace="http://www.w3.org/XML/1998/namespace" processContents="skip"/>
  </xs:attributeGroup>
  <xs:attributeGroup name="number">
    <xs:attribute name="number" type="xs:positiveInteger" use="required"/>
    <xs:attributeGroup ref="any"/>
  </xs:attributeGroup>
{_simple("tag", f"<xs:pattern value={quoteattr(TAG)}/>")}
{_simple("vr", enum)}
{_simple("creator", LEAST)}
{_simple("uuid", f"<xs:pattern value={quoteattr(UUID)}/>")}
{uri}
{_simple("partText", f'<xs:pattern value="{COMPONENT}"/>')}
{_simple("octets", LEAST, "xs:base64Binary")}
  <xs:complexType name="dataset">
    <xs:sequence><xs:element name="DicomAttribute" type="attribute" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
    <xs:attributeGroup ref="any"/>
  </xs:complexType>
  <xs:complexType name="attribute">
    <xs:choice minOccurs="0">
      <xs:element name="Value" type="value" maxOccurs="unbounded"/>
      <xs:element name="Item" type="item" maxOccurs="unbounded"/>
      <xs:element name="PersonName" type="personName" maxOccurs="unbounded"/>
      <xs:element name="BulkData" type="bulkData">
        <!-- one of the two, and only one: a field of a key is there exactly once -->
        <xs:key name="reference"><xs:selector xpath="."/><xs:field xpath="@uuid|@uri"/></xs:key>
      </xs:element>
      <xs:element name="InlineBinary" type="inlineBinary"/>
    </xs:choice>
    <xs:attribute name="tag" type="tag" use="required"/>
    <xs:attribute name="vr" type="vr" use="required"/>
    <xs:attribute name="keyword" type="xs:string"/>
    <xs:attribute name="privateCreator" type="creator"/>
    <xs:attributeGroup ref="any"/>
  </xs:complexType>
  <xs:complexType name="value"><xs:simpleContent>
    <xs:extension base="xs:string"><xs:attributeGroup ref="number"/></xs:extension>
  </xs:simpleContent></xs:complexType>
  <xs:complexType name="item">
    <xs:sequence><xs:element name="DicomAttribute" type="attribute" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
    <xs:attributeGroup ref="number"/>
  </xs:complexType>
  <xs:complexType name="personName">
    <xs:sequence>{groups}
    </xs:sequence>
    <xs:attributeGroup ref="number"/>
  </xs:complexType>
  <xs:complexType name="group">
    <xs:sequence>{parts}
    </xs:sequence>
    <xs:attributeGroup ref="any"/>
  </xs:complexType>
  <xs:complexType name="component"><xs:simpleContent>
    <xs:extension base="partText"><xs:attributeGroup ref="any"/></xs:extension>
  </xs:simpleContent></xs:complexType>
  <xs:complexType name="bulkData">
    <xs:attribute name="uuid" type="uuid"/>
    <xs:attribute name="uri" type="uri"/>
    <xs:attributeGroup ref="any"/>
  </xs:complexType>
  <xs:complexType name="inlineBinary"><xs:simpleContent>
    <xs:extension base="octets"><xs:attributeGroup ref="any"/></xs:extension>
  </xs:simpleContent></xs:complexType>
</xs:schema>
"""


def _simple(name: str, facets: str, base: str = "xs:string") -> str:
    return f'  <xs:simpleType name="{name}"><xs:restriction base="{base}">{facets}</xs:restriction></xs:simpleType>'


def _text(pattern: str) -> str:
    return pattern.replace("&", "&amp;").replace("<", "&lt;")
