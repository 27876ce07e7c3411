"""Knows the Native DICOM Model (PS3.19 A.1) on octets: strict, every flaw with the path of its element.

Must not know which response a document came in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lxml import etree
from pydicom.datadict import keyword_for_tag

from harness.body import Body
from harness.wire import multiplicity, vr
from harness.wire.flaw import Flaws
from harness.wire.remember import remembered

CODES: dict[str, str] = {
    "xml.syntax": "The octets are one well-formed XML document (XML 1.0).",
    "xml.declaration": "The XML declaration has version, encoding and standalone only (XML 1.0 2.8).",
    "xml.too-large": "The document stays within our bounds.",
    "xml.doctype": "The document has no document type declaration (PS3.19 A.1.6).",
    "xml.root": "The root is NativeDicomModel (PS3.19 A.1.5).",
    "xml.namespace": "Elements are in the namespace of the Native DICOM Model (PS3.19 A.1.6).",
    "xml.space": 'The root says xml:space="preserve" (PS3.19 A.1.5).',
    "xml.element": "Elements are those of the model, at the places of the model (PS3.19 A.1.5).",
    "xml.attribute": "XML attributes are those of the model (PS3.19 A.1.5, A.1.6).",
    "xml.text": "Text stands in values, name components and InlineBinary only (PS3.19 A.1.6).",
    "xml.depth": "Sequences nest at most 64 deep, our bound.",
    "xml.tag-missing": "A DicomAttribute has a tag (PS3.19 A.1.5).",
    "xml.tag-syntax": "tag is eight hexadecimal digits (PS3.19 A.1.5).",
    "xml.tag-case": "The hexadecimal digits of tag are upper case (PS3.19 A.1.5).",
    "xml.duplicate": "An attribute occurs once in a data set (PS3.5 7.1).",
    "xml.group-length": "No group length is included (PS3.19 A.1.1).",
    "xml.group-0000": "No command element stands in a data set (PS3.5 7.1).",
    "xml.group-0002": "No File Meta Information stands in a data set (PS3.10 7.1; PS3.18 10.4.1.1.2).",
    "xml.delimiter-tag": "Item and delimitation tags are no attributes (PS3.5 7.5).",
    "xml.keyword-missing": "An attribute of PS3.6 has its keyword (PS3.19 A.1.5).",
    "xml.keyword": "keyword is the one of PS3.6 (PS3.19 A.1.5; PS3.6 6).",
    "xml.keyword-private": "A private attribute has no keyword, PS3.6 gives it none (PS3.19 A.1.5).",
    "xml.vr-missing": "A DicomAttribute has a vr (PS3.19 A.1.6; optional in Table A.1.5-2).",
    "xml.vr-unknown": "vr is one of the 34 Value Representations (PS3.19 A.1.5, A.1.6).",
    "xml.vr-dictionary": "vr is one that PS3.6 gives the attribute (PS3.19 A.1.5).",
    "xml.private-tag": "The tag of a private attribute is gggg00ee, without its block (PS3.19 A.1.5).",
    "xml.private-creator-missing": "A private attribute has its privateCreator (PS3.19 A.1.5).",
    "xml.private-creator-standard": "An attribute of the standard has no privateCreator (PS3.19 A.1.5).",
    "xml.content-exclusive": "An attribute has one kind of content (PS3.19 A.1.5).",
    "xml.content-repeated": "BulkData and InlineBinary stand once for the whole value field (PS3.19 A.1.5).",
    "xml.value-vr": "Value is not used for SQ or PN (PS3.19 A.1.5).",
    "xml.item-vr": "Item is used for SQ only (PS3.19 A.1.5).",
    "xml.person-name-vr": "PersonName is used for PN only (PS3.19 A.1.5).",
    "xml.inline-vr": "InlineBinary is used for OB, OD, OF, OL, OV, OW, UN only (PS3.19 A.1.5).",
    "xml.number-missing": "Value, Item and PersonName have a number (PS3.19 A.1.5).",
    "xml.number": "number counts from 1 by 1 (PS3.19 A.1.5).",
    "xml.only-empty": "An attribute of length zero has no content at all (PS3.19 A.1.5).",
    "xml.multiplicity": "An attribute has as many values as PS3.6 lets it have (PS3.5 6.4; PS3.6 6).",
    "xml.single-valued": "LT, ST, UT and UR have one value (PS3.5 6.2, 6.4).",
    "xml.at": "A value of AT is eight upper-case hexadecimal digits (PS3.19 A.1.5).",
    "xml.number-form": "A value of a binary number VR is a number (PS3.19 A.1.5; PS3.5 6.2).",
    "xml.number-range": "A number lies in the range of its VR (PS3.5 6.2).",
    "xml.person-name-group": "A PersonName has its three groups at most once each, in order (PS3.19 A.1.6).",
    "xml.person-name-component": "A component group has the five name components, once each, in order (PS3.19 A.1.6).",
    "xml.person-name-delimiter": "A name component has no delimiter in it (PS3.19 A.1.5; PS3.5 6.2.1).",
    "xml.bulkdata-reference": "BulkData has one of uuid and uri (PS3.19 A.1.5).",
    "xml.bulkdata-uri": "uri is a URI reference (PS3.19 A.1.5; RFC 3986).",
    "xml.bulkdata-uuid": "uuid is a UUID in hexadecimal (PS3.19 A.1.5).",
    "xml.inline-base64": "InlineBinary is base64 (PS3.19 A.1.5, A.1.6).",
    "xml.inline-size": "InlineBinary holds whole words of its VR (PS3.5 6.2).",
    # NUL and ESC are no characters of XML 1.0: those two kinds of fault cannot come this way
    **{f"xml.value-{kind}": says for kind, says in vr.KINDS.items() if kind not in ("padding", "escape")},
}
# Where the table, the schema and the examples of the standard disagree, or where nothing is lost: a rule decides.
NOTES = frozenset({"xml.namespace", "xml.vr-missing", "xml.value-space", "xml.declaration"})

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
LARGEST = 64 << 20  # octets
MOST_TAGS = 4_000_000  # what the memory of a parsed document depends on
DEEPEST = 64
_XML = "{http://www.w3.org/XML/1998/namespace}"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_TAG = re.compile(r"[0-9A-F]{8}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?|NaN|[+-]?(?:INF|Infinity)")
_DECLARATION = re.compile(rb"\A(\xef\xbb\xbf)?<\?xml[^>]*?(\s+xml:space=(?:\"[^\"]*\"|'[^']*'))")
_KINDS = ("Value", "Item", "PersonName", "BulkData", "InlineBinary")
_NUMBERED = frozenset({"Value", "Item", "PersonName"})
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_ATTRIBUTES = {"DicomAttribute": {"tag", "vr", "keyword", "privateCreator"}, "BulkData": {"uuid", "uri"},
               "Value": {"number"}, "Item": {"number"}, "PersonName": {"number"}}  # fmt: skip


@dataclass(frozen=True)
class Attribute:
    """One DicomAttribute. `content` names the kind of its content, '' for length zero.

    `values` are strings (None for an empty Value) or, for PN, mappings of component groups to joined components.
    """

    tag: str
    vr: str = ""
    keyword: str = ""
    creator: str = ""
    content: str = ""
    values: Sequence[Any] = ()
    items: Sequence[DataSet] = ()
    uri: str = ""
    uuid: str = ""
    inline: str = ""


@dataclass(frozen=True)
class DataSet:
    """Attributes in the order of the document."""

    attributes: Sequence[Attribute] = ()

    def get(self, tag: str, creator: str = "") -> Attribute | None:
        """The attribute by eight-digit tag; a private one by gggg00ee and its creator."""
        return next((a for a in self.attributes if a.tag == tag and a.creator == creator), None)


@dataclass(frozen=True)
class Reading:
    """`root` is the local name of the root element, '' when the octets are no XML; one document holds one data set."""

    root: str = ""
    datasets: Sequence[DataSet] = ()
    namespace: str = ""
    flaws: Flaws = field(default_factory=Flaws)


@remembered
def read(body: Body) -> Reading:
    """Read a whole document in bounded depth and size; nothing outside it is ever fetched."""
    flaws = Flaws()
    root = _parse(body, flaws)
    if root is None:
        return Reading(flaws=flaws)
    namespace, local = _name(root.tag)
    if local != "NativeDicomModel":
        flaws.add("xml.root", "/", local[:80], "NativeDicomModel")
        return Reading(local, (), namespace, flaws)
    walk = _Walk(flaws, namespace)
    return Reading(local, (walk.root(root),), namespace, flaws)


def _name(tag: str) -> tuple[str, str]:
    """Namespace and local name; lxml itself gives up on a namespace with a brace in it."""
    namespace, _, local = tag.rpartition("}")
    return namespace[1:], local


def _parse(body: Body, flaws: Flaws) -> Any:
    octets = body.read(0, min(body.size, LARGEST))
    tags = octets.count(b"<")
    if body.size > LARGEST or tags > MOST_TAGS:
        got, want = f"{body.size} octets, {tags} tags", f"at most {LARGEST} octets, {MOST_TAGS} tags"
        flaws.add("xml.too-large", "octet 0", got, want)
        return None
    match = _DECLARATION.match(octets)
    if match:  # as an example of PS3.18 F.2.1.1.1 has it
        flaws.add("xml.declaration", "octet 0", match.group(2).decode("latin-1").strip(), "xml:space on the root")
        octets = octets[: match.start(2)] + octets[match.end(2) :]
    if b"<!DOCTYPE" in octets[:4096]:
        flaws.add("xml.doctype", "octet 0", "<!DOCTYPE", "no document type declaration")
        return None
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if getattr(error, "code", 0) == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from None  # which is no fault of the document
        bound = "huge" in str(error).lower() or "depth" in str(error).lower()
        code = "xml.too-large" if bound else "xml.syntax"
        if bound or not body.truncated:  # a document that was cut on its way is not blamed for how it ends
            flaws.add(code, f"line {getattr(error, 'lineno', 0)}", str(error)[:120], "a well-formed XML document")
        return None
    if root.getroottree().docinfo.internalDTD is not None:
        flaws.add("xml.doctype", "octet 0", "<!DOCTYPE", "no document type declaration")
        return None
    return root


class _Walk:
    """Goes through a document by PS3.19 A.1.5 and notes every departure."""

    def __init__(self, flaws: Flaws, namespace: str) -> None:
        self.flaws = flaws
        self.namespace = namespace

    def root(self, root: Any) -> DataSet:
        where = "/NativeDicomModel"
        if self.namespace != NAMESPACE:
            self.flaws.add("xml.namespace", where, self.namespace or "none", NAMESPACE)
        if root.get(f"{_XML}space") != "preserve" and "xml.declaration" not in self.flaws.counts:
            self.flaws.add("xml.space", where, root.get(f"{_XML}space") or "no xml:space", 'xml:space="preserve"')
        self._only(root, where, set())
        return self.dataset(root, where, 0)

    def dataset(self, parent: Any, where: str, depth: int) -> DataSet:
        if depth > DEEPEST:
            self.flaws.add("xml.depth", where, f"{depth} levels", f"at most {DEEPEST}")
            return DataSet()
        found: list[Attribute] = []
        seen: set[tuple[str, str]] = set()
        for child in self._children(parent, where, ("DicomAttribute",)):
            attribute = self._attribute(child, where, depth)
            if attribute is None:
                continue
            key = (attribute.tag, attribute.creator)
            if key in seen:
                self.flaws.add("xml.duplicate", f"{where}/{attribute.tag}", "a second time", "once")
            seen.add(key)
            found.append(attribute)
        return DataSet(tuple(found))

    def _children(self, parent: Any, where: str, names: Sequence[str]) -> Iterator[Any]:
        """The child elements of these names; other elements and text are flaws."""
        texts = [parent.text, *(child.tail for child in parent)]
        if any(text and text.strip(" \t\r\n") for text in texts):
            self.flaws.add("xml.text", where, "text between elements", "elements only")
        for child in parent:
            name = self._name(child)
            if name in names:
                yield child
            else:
                self.flaws.add("xml.element", where, name[:80], " or ".join(names) or "no element")

    def _name(self, element: Any) -> str:
        if not isinstance(element.tag, str):
            return "an entity reference"
        namespace, local = _name(element.tag)
        return local if namespace == self.namespace else str(element.tag)

    def _only(self, element: Any, where: str, names: set[str]) -> None:
        for name in element.attrib:
            if name not in names and not name.startswith((_XML, _XSI)):
                self.flaws.add("xml.attribute", where, name[:80], ", ".join(sorted(names)) or "no attribute")

    def _attribute(self, element: Any, where: str, depth: int) -> Attribute | None:
        given = element.get("tag")
        if given is None:
            self.flaws.add("xml.tag-missing", where, "no tag", "a tag")
            return None
        tag = given.upper()
        where = f"{where}/{given[:40]}"
        if not _TAG.fullmatch(tag):
            self.flaws.add("xml.tag-syntax", where, given[:80], "eight hexadecimal digits")
            return None
        if tag != given:
            self.flaws.add("xml.tag-case", where, given, tag)
        self._only(element, where, _ATTRIBUTES["DicomAttribute"])
        self._tag(tag, element, where)
        code = self._vr(tag, element.get("vr"), where)
        shell = Attribute(tag, code, element.get("keyword") or "", element.get("privateCreator") or "")
        return self._content(shell, element, where, depth)

    def _tag(self, tag: str, element: Any, where: str) -> None:
        group, number = tag[:4], tag[4:]
        keyword, creator = element.get("keyword"), element.get("privateCreator")
        if group in ("0000", "0002"):
            self.flaws.add(f"xml.group-{group}", where, tag, f"no element of group {group}")
        elif number == "0000" and not creator:
            self.flaws.add("xml.group-length", where, tag, "no group length")
        elif group == "FFFE":
            self.flaws.add("xml.delimiter-tag", where, tag, "no item or delimitation tag")
        if group[3] in "13579BDF":
            if number[:2] != "00":
                self.flaws.add("xml.private-tag", where, tag, f"{group}00{number[2:]}")
            if not creator:
                got = "no privateCreator" if creator is None else "an empty one"
                self.flaws.add("xml.private-creator-missing", where, got, "a privateCreator")
            if keyword:
                self.flaws.add("xml.keyword-private", where, keyword[:80], "no keyword")
            return
        if creator is not None:
            self.flaws.add("xml.private-creator-standard", where, creator[:80], "no privateCreator")
        known = keyword_of(tag)
        if known and not keyword:
            self.flaws.add("xml.keyword-missing", where, "no keyword", known)
        elif known and keyword != known:
            self.flaws.add("xml.keyword", where, keyword[:80], known)

    def _vr(self, tag: str, given: str | None, where: str) -> str:
        """The VR when it is one, else the one of the dictionary, else ''."""
        fallback = min(vr.in_dictionary(tag), default="") if tag[3] not in "13579BDF" else ""
        if given is None:
            self.flaws.add("xml.vr-missing", where, "no vr", "a vr")
            return fallback
        if given not in vr.ALL:
            self.flaws.add("xml.vr-unknown", where, given[:40], "a VR of PS3.5")
            return fallback
        # the block is left out, so that a private attribute may look like a private creator
        if tag[3] not in "13579BDF" and not vr.fits_dictionary(tag, given):
            self.flaws.add("xml.vr-dictionary", where, given, " or ".join(sorted(vr.in_dictionary(tag))))
        return given

    def _content(self, shell: Attribute, element: Any, where: str, depth: int) -> Attribute:
        children = list(self._children(element, where, _KINDS))
        kinds = list(dict.fromkeys(self._name(child) for child in children))
        if len(kinds) > 1:
            self.flaws.add("xml.content-exclusive", where, " and ".join(kinds), "one kind of content")
        if not kinds:
            return shell
        kind = kinds[0]
        children = [child for child in children if self._name(child) == kind]
        for index, child in enumerate(children):
            self._only(child, f"{where}/{kind}[{index + 1}]", _ATTRIBUTES.get(kind, set()))
        if kind in _NUMBERED:
            self._numbers(children, f"{where}/{kind}")
        elif len(children) > 1:
            self.flaws.add("xml.content-repeated", where, f"{len(children)} {kind}", f"one {kind}")
        self._kind(shell.vr, kind, where)
        make = {"Value": self._values, "PersonName": self._names, "BulkData": self._bulk, "InlineBinary": self._inline}
        if kind == "Item":
            items = tuple(self.dataset(c, f"{where}/Item[{i + 1}]", depth + 1) for i, c in enumerate(children))
            return _with(shell, content=kind, items=items)
        found = _with(shell, content=kind, **make[kind](shell.vr, children, f"{where}/{kind}"))
        self._counted(found, where)
        return found

    def _counted(self, found: Attribute, where: str) -> None:
        """The number of values by PS3.6; a private attribute has lost its block and may look like a creator."""
        wanted = multiplicity.wanted(found.tag, found.vr, len(found.values)) if not found.creator else ""
        if wanted and any(found.values) and found.tag[3] not in "13579BDF":
            self.flaws.add("xml.multiplicity", where, f"{len(found.values)} values", f"{wanted} (PS3.6)")

    def _kind(self, code: str, kind: str, where: str) -> None:
        wrong = {
            "Value": code in ("SQ", "PN"),
            "Item": bool(code) and code != "SQ",
            "PersonName": bool(code) and code != "PN",
            "InlineBinary": bool(code) and code not in vr.BINARY,
            "BulkData": False,
        }
        if wrong[kind]:
            word = {"PersonName": "person-name", "InlineBinary": "inline"}.get(kind, kind.lower())
            self.flaws.add(f"xml.{word}-vr", where, f"{kind} with {code}", "the content of that VR")

    def _numbers(self, children: Sequence[Any], where: str) -> None:
        for index, child in enumerate(children, 1):
            number = child.get("number")
            if number is None:
                self.flaws.add("xml.number-missing", f"{where}[{index}]", "no number", str(index))
            elif number.strip(" \t\r\n").lstrip("+0") != str(index):
                self.flaws.add("xml.number", f"{where}[{index}]", number[:40], str(index))

    def _text(self, element: Any, where: str) -> str:
        for child in element:
            self.flaws.add("xml.element", where, self._name(child)[:80], "text only")
        return "".join([element.text or "", *(child.tail or "" for child in element)])

    def _values(self, code: str, children: Sequence[Any], where: str) -> dict[str, Any]:
        texts = [self._text(child, f"{where}[{i + 1}]") for i, child in enumerate(children)]
        if len(texts) == 1 and not texts[0]:
            self.flaws.add("xml.only-empty", where, "one empty Value", "no Value")
        if len(texts) > 1 and code in vr.SINGLE:
            self.flaws.add("xml.single-valued", where, f"{len(texts)} values", "one value")
        for index, text in enumerate(texts, 1):
            if text:
                self._value(code, text, f"{where}[{index}]")
        return {"values": tuple(text or None for text in texts)}

    def _value(self, code: str, text: str, where: str) -> None:
        if code == "AT":
            if not _TAG.fullmatch(text):
                self.flaws.add("xml.at", where, text[:40], "eight upper-case hexadecimal digits")
        elif code in vr.INTEGERS and code != "IS":
            if not re.fullmatch(r"[+-]?[0-9]{1,40}", text):
                self.flaws.add("xml.number-form", where, text[:40], "an integer")
            elif not vr.in_range(code, int(text)):
                self.flaws.add("xml.number-range", where, text[:40], f"the range of {code}")
        elif code in vr.FLOATS:
            if not _FLOAT.fullmatch(text):
                self.flaws.add("xml.number-form", where, text[:40], "a number")
        elif code in vr.STRINGS - {"PN"}:
            for kind, want in vr.faults(code, text):
                self.flaws.add(f"xml.value-{kind}", where, ascii(text[:80]), want)

    def _names(self, code: str, children: Sequence[Any], where: str) -> dict[str, Any]:
        names = [self._person(child, f"{where}[{index}]") for index, child in enumerate(children, 1)]
        if len(names) == 1 and not names[0]:
            self.flaws.add("xml.only-empty", where, "one empty PersonName", "no PersonName")
        return {"values": tuple(name or None for name in names)}

    def _person(self, element: Any, where: str) -> dict[str, str]:
        groups: dict[str, str] = {}
        found = list(self._children(element, where, _GROUPS))
        self._sequence([self._name(child) for child in found], _GROUPS, "xml.person-name-group", where)
        for child in found:
            joined = self._components(child, f"{where}/{self._name(child)}")
            if joined:
                groups.setdefault(self._name(child), joined)
        return groups

    def _components(self, group: Any, where: str) -> str:
        self._only(group, where, set())
        found = list(self._children(group, where, _COMPONENTS))
        self._sequence([self._name(child) for child in found], _COMPONENTS, "xml.person-name-component", where)
        parts: dict[str, str] = {}
        for child in found:
            self._only(child, f"{where}/{self._name(child)}", set())
            text = self._text(child, f"{where}/{self._name(child)}")
            if "^" in text or "=" in text:
                self.flaws.add("xml.person-name-delimiter", where, ascii(text[:80]), "no '^' and no '='")
            parts.setdefault(self._name(child), text)
        joined = "^".join(parts.get(name, "") for name in _COMPONENTS).rstrip("^")
        for kind, want in vr.person_name(joined):
            if kind != "form":  # the delimiters were looked for above
                self.flaws.add(f"xml.value-{kind}", where, ascii(joined[:80]), want)
        return joined

    def _sequence(self, names: Sequence[str], order: Sequence[str], code: str, where: str) -> None:
        if list(names) != [name for name in order if name in names]:
            self.flaws.add(code, where, ", ".join(names)[:80], ", ".join(order))

    def _bulk(self, code: str, children: Sequence[Any], where: str) -> dict[str, Any]:
        element = children[0]
        uri, uuid = element.get("uri"), element.get("uuid")
        if (uri is None) == (uuid is None):
            self.flaws.add("xml.bulkdata-reference", where, "both" if uri is not None else "neither", "uuid or uri")
        if uri is not None and not vr.uri_reference(uri):
            self.flaws.add("xml.bulkdata-uri", where, ascii(uri[:80]), "a URI reference")
        if uuid is not None and not _UUID.fullmatch(uuid):
            self.flaws.add("xml.bulkdata-uuid", where, uuid[:80], "a UUID")
        list(self._children(element, where, ()))
        return {"uri": uri or "", "uuid": uuid or ""}

    def _inline(self, code: str, children: Sequence[Any], where: str) -> dict[str, Any]:
        text = re.sub(r"[ \t\r\n]+", "", self._text(children[0], where))  # white space is legal (XML Schema 2 3.2.16)
        octets = vr.base64_octets(text)
        if octets is None:
            self.flaws.add("xml.inline-base64", where, ascii(text[:40]), "base64")
        elif not octets:
            self.flaws.add("xml.only-empty", where, "an empty InlineBinary", "no InlineBinary")
        elif word := vr.broken_word(code, len(octets)):
            self.flaws.add("xml.inline-size", where, f"{len(octets)} octets", f"a multiple of {word}")
        return {"inline": text}


def _with(shell: Attribute, **content: Any) -> Attribute:
    return Attribute(shell.tag, shell.vr, shell.keyword, shell.creator, **content)


@lru_cache(maxsize=8192)
def keyword_of(tag: str) -> str:
    """The keyword that PS3.6 gives an eight-digit tag, '' for an unknown one."""
    return keyword_for_tag(int(tag, 16))


def to_json(dataset: DataSet) -> dict[str, Any]:
    """The same data set in the DICOM JSON Model by the mapping of PS3.18 F.3.1.

    Private attributes get blocks from 10 on, in the order in which their creators are met in the group.
    DS, IS, SV and UV stay strings, as in the document; a number that is none stays a string as well.
    """
    made: dict[str, Any] = {}
    blocks: dict[str, list[str]] = {}
    for attribute in dataset.attributes:
        tag = attribute.tag
        if attribute.creator:
            creators = blocks.setdefault(tag[:4], [])
            if attribute.creator not in creators:
                creators.append(attribute.creator)
            block = f"{0x10 + creators.index(attribute.creator):02X}"
            made[f"{tag[:4]}00{block}"] = {"vr": "LO", "Value": [attribute.creator]}
            tag = tag[:4] + block + tag[6:]
        made[tag] = _attribute_json(attribute)
    return dict(sorted(made.items()))


def _attribute_json(attribute: Attribute) -> dict[str, Any]:
    made: dict[str, Any] = {"vr": attribute.vr or "UN"}
    if attribute.content in ("Value", "PersonName"):
        made["Value"] = [_value_json(attribute.vr, value) for value in attribute.values]
    elif attribute.content == "Item":
        made["Value"] = [to_json(item) for item in attribute.items]
    elif attribute.content == "BulkData":
        made["BulkDataURI"] = attribute.uri or f"urn:uuid:{attribute.uuid}"
    elif attribute.content == "InlineBinary":
        made["InlineBinary"] = attribute.inline
    return made


def _value_json(code: str, value: Any) -> Any:
    if value is None or isinstance(value, dict):
        return value
    if code in ("US", "SS", "UL", "SL") and re.fullmatch(r"[+-]?[0-9]{1,40}", value):
        return int(value)
    if code in vr.FLOATS and _FLOAT.fullmatch(value):
        return float(value.replace("INF", "Infinity"))
    return value
