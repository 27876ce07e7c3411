"""Knows how to spoil a document of the Native DICOM Model by one fault, each named as the reader names it (PS3.19 A.1).

Must not know the reader: it is tried against these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from harness.make.as_xml import NAMESPACE, ROOT, Node, document, render
from harness.make.flawed import COUNTED, CREATOR, TAG, WRONG, Flawed
from harness.make.tree import Tree

N = Node
MARKED = f"{TAG[:4]}00{TAG[6:]}"  # how the planted attribute is named in a document
ONE = {"number": "1"}
Content = list[Node | str]


def _v(text: str, number: str = "1") -> Node:
    return N("Value", {"number": number}, [text] if text else [])


def _p(*groups: Node | str) -> Node:
    return N("PersonName", dict(ONE), list(groups))


def _inline(text: str) -> Node:
    return N("InlineBinary", {}, [text] if text else [])


def _uri(uri: str) -> Node:
    return N("BulkData", {"uri": uri})


ALPHABETIC = N("Alphabetic", {}, [N("FamilyName", {}, ["x"])])
UUID = "6b1f0f0e-0000-4000-8000-000000000000"
# fault -> VR, the content of the planted attribute, and where in it the fault is
Planted = tuple[str, Content, str]
PLANTED: dict[str, tuple[Planted, ...]] = {
    "xml.vr-unknown": (("XX", [], ""), ("lo", [], ""), ("", [], "")),
    "xml.content-exclusive": (
        ("LO", [_v("x"), _uri("b")], ""),
        ("OB", [_inline("AAA="), _uri("b")], ""),
        ("SQ", [N("Item", dict(ONE)), _uri("b")], ""),
    ),
    "xml.content-repeated": (("OB", [_inline("AAA="), _inline("AAA=")], ""), ("OB", [_uri("b"), _uri("b")], "")),
    "xml.value-vr": (("SQ", [_v("x")], ""), ("PN", [_v("x")], "")),
    "xml.item-vr": (("LO", [N("Item", dict(ONE))], ""), ("OB", [N("Item", dict(ONE))], "")),
    "xml.person-name-vr": (("LO", [_p(ALPHABETIC)], ""), ("UN", [_p(ALPHABETIC)], "")),
    "xml.inline-vr": (("LO", [_inline("AAA=")], ""), ("US", [_inline("AAA=")], "")),
    "xml.element": (
        ("LO", [N("value", dict(ONE), ["x"])], ""),
        ("LO", [_v("x"), N("Values")], ""),
        ("LO", [N("Value", dict(ONE), ["x", N("b")])], "/Value[1]"),
        ("PN", [_p(ALPHABETIC, N("Latin"))], "/PersonName[1]"),
        ("SQ", [N("Item", dict(ONE), [N("Attribute")])], "/Item[1]"),
    ),
    "xml.text": (
        ("LO", ["x"], ""),
        ("LO", [_v("x"), "y"], ""),
        ("PN", [_p("x", ALPHABETIC)], "/PersonName[1]"),
        ("SQ", [N("Item", dict(ONE), ["x"])], "/Item[1]"),
    ),
    "xml.attribute": (
        ("LO", [N("Value", {"number": "1", "vr": "LO"}, ["x"])], "/Value[1]"),
        ("OB", [N("InlineBinary", {"encoding": "base64"}, ["AAA="])], "/InlineBinary[1]"),
        ("PN", [_p(N("Alphabetic", {"lang": "x"}, [N("FamilyName", {}, ["x"])]))], "/PersonName[1]/Alphabetic"),
        (
            "PN",
            [_p(N("Alphabetic", {}, [N("FamilyName", {"number": "1"}, ["x"])]))],
            "/PersonName[1]/Alphabetic/FamilyName",
        ),
    ),
    "xml.number-missing": (
        ("LO", [N("Value", {}, ["x"])], "/Value[1]"),
        ("SQ", [N("Item")], "/Item[1]"),
        ("PN", [N("PersonName", {}, [ALPHABETIC])], "/PersonName[1]"),
    ),
    "xml.number": (
        ("LO", [_v("x", "0")], "/Value[1]"),
        ("LO", [_v("x", "one")], "/Value[1]"),
        ("LO", [_v("x"), _v("y", "-2")], "/Value[2]"),
        ("LO", [_v("x", "1.0")], "/Value[1]"),
        ("LO", [_v("x", "2")], "/Value[1]"),
        ("LO", [_v("x"), _v("y", "1")], "/Value[2]"),
        ("LO", [_v("x"), _v("y", "3")], "/Value[2]"),
    ),
    "xml.only-empty": (
        ("LO", [_v("")], "/Value"),
        ("PN", [_p()], "/PersonName"),
        ("OB", [_inline("")], "/InlineBinary"),
        ("OB", [_inline(" \n")], "/InlineBinary"),
    ),
    "xml.single-valued": tuple((vr, [_v("a"), _v("b", "2")], "/Value") for vr in ("LT", "ST", "UT", "UR")),
    "xml.at": tuple(("AT", [_v(text)], "/Value[1]") for text in ("7fe00010", "0010,0010", "1", "00100010 ")),
    "xml.number-form": tuple(
        (vr, [_v(text)], "/Value[1]")
        for vr, text in (("US", "1.0"), ("US", "x"), ("SV", "1e3"), ("FD", "1,5"), ("FD", "nan"), ("UL", " 1"))
    ),
    "xml.number-range": tuple(
        (vr, [_v(text)], "/Value[1]")
        for vr, text in (
            ("US", "65536"),
            ("US", "-1"),
            ("SS", "32768"),
            ("UL", "4294967296"),
            ("SL", "-2147483649"),
            ("UV", "18446744073709551616"),
            ("SV", "9223372036854775808"),
        )
    ),
    "xml.person-name-group": (
        ("PN", [_p(N("Phonetic", {}, [N("FamilyName", {}, ["x"])]), ALPHABETIC)], "/PersonName[1]"),
        ("PN", [_p(ALPHABETIC, ALPHABETIC)], "/PersonName[1]"),
    ),
    "xml.person-name-component": tuple(
        ("PN", [_p(N("Alphabetic", {}, [N(a, {}, ["x"]), N(b, {}, ["y"])]))], "/PersonName[1]/Alphabetic")
        for a, b in (("GivenName", "FamilyName"), ("FamilyName", "FamilyName"), ("NameSuffix", "NamePrefix"))
    ),
    "xml.person-name-delimiter": tuple(
        ("PN", [_p(N("Alphabetic", {}, [N("FamilyName", {}, [text])]))], "/PersonName[1]/Alphabetic")
        for text in ("a^b", "a=b", "a^")
    ),
    "xml.bulkdata-reference": (
        ("OB", [N("BulkData")], "/BulkData"),
        ("OB", [N("BulkData", {"uri": "b", "uuid": UUID})], "/BulkData"),
    ),
    "xml.bulkdata-uri": tuple(("OB", [_uri(uri)], "/BulkData") for uri in ("", "a b", "1:b", "ä", "a\\b")),
    "xml.bulkdata-uuid": tuple(
        ("OB", [N("BulkData", {"uuid": u})], "/BulkData") for u in ("", "1", UUID[1:], f"urn:uuid:{UUID}")
    ),
    "xml.inline-base64": tuple(
        ("OB", [_inline(t)], "/InlineBinary") for t in ("A", "AAA", "AA-_", "AAB=", "A===", "AB==")
    ),
    "xml.inline-size": tuple(
        (vr, [_inline(t)], "/InlineBinary") for vr, t in (("OW", "AA=="), ("OF", "AAA="), ("OD", "AAAAAA=="))
    ),
}
# fault -> the attributes of a DicomAttribute of its own, and how the path goes on ('' : the data set itself)
OWN: dict[str, tuple[tuple[dict[str, str], str], ...]] = {
    "xml.tag-missing": (({"vr": "LO"}, ""),),
    "xml.tag-syntax": tuple(
        ({"tag": t, "vr": "LO"}, f"/{t}") for t in ("", "0099001", "009900010", "0099-001", "PatientID")
    ),
    "xml.tag-case": (({"tag": "0040a123", "vr": "PN", "keyword": "PersonName"}, "/0040a123"),),
    "xml.group-length": (({"tag": "00080000", "vr": "UL"}, "/00080000"),),
    "xml.group-0000": (({"tag": "00000901", "vr": "AT", "keyword": "OffendingElement"}, "/00000901"),),
    "xml.group-0002": (({"tag": "00020010", "vr": "UI", "keyword": "TransferSyntaxUID"}, "/00020010"),),
    "xml.delimiter-tag": (({"tag": "FFFEE000", "vr": "UN", "keyword": "Item"}, "/FFFEE000"),),
    "xml.keyword-missing": (
        ({"tag": "0040A123", "vr": "PN"}, "/0040A123"),
        ({"tag": "0040A123", "vr": "PN", "keyword": ""}, "/0040A123"),
    ),
    "xml.keyword": (({"tag": "0040A123", "vr": "PN", "keyword": "PatientName"}, "/0040A123"),),
    "xml.keyword-private": (({"tag": "00990001", "vr": "LO", "privateCreator": CREATOR, "keyword": "X"}, "/00990001"),),
    "xml.vr-missing": (({"tag": "0040A123", "keyword": "PersonName"}, "/0040A123"),),
    "xml.vr-dictionary": (({"tag": "0040A123", "vr": "LO", "keyword": "PersonName"}, "/0040A123"),),
    "xml.private-tag": (({"tag": "00991001", "vr": "LO", "privateCreator": CREATOR}, "/00991001"),),
    "xml.private-creator-missing": (
        ({"tag": "00990001", "vr": "LO"}, "/00990001"),
        ({"tag": "00990001", "vr": "LO", "privateCreator": ""}, "/00990001"),
    ),
    "xml.private-creator-standard": (
        ({"tag": "0040A123", "vr": "PN", "keyword": "PersonName", "privateCreator": CREATOR}, "/0040A123"),
    ),
    "xml.attribute": (({"tag": "00990001", "vr": "LO", "privateCreator": CREATOR, "vm": "1"}, "/00990001"),),
}
TEXT: dict[str, tuple[Callable[[bytes], bytes], ...]] = {
    "xml.syntax": (
        lambda text: text[:-1],
        lambda text: text + b"<a/>",
        lambda text: b"",
        lambda text: text.replace(b"</", b"<", 1) + b"<",
    ),
    "xml.doctype": (lambda text: b"<!DOCTYPE NativeDicomModel>" + text[text.index(b"<Native") :],),
    "xml.declaration": (lambda text: b'<?xml version="1.0" xml:space="preserve"?>' + text[text.index(b"<Native") :],),
}
VALUES = tuple(kind for kind in WRONG if kind not in ("padding", "escape"))  # XML has no NUL and no ESC
CODES: tuple[str, ...] = tuple(
    sorted(
        {
            *PLANTED,
            *OWN,
            *TEXT,
            "xml.root",
            "xml.namespace",
            "xml.space",
            "xml.duplicate",
            "xml.multiplicity",
            *(f"xml.value-{k}" for k in VALUES),
        }
    )
)
"""Every fault that `flawed_xml` makes."""


@st.composite
def flawed_xml(draw: DrawFn, trees: SearchStrategy[Tree] | None = None, codes: tuple[str, ...] = CODES) -> Flawed:
    """A document that is legal but for one fault out of `codes`, planted in any data set of it."""
    from harness.make.datasets import datasets

    code = draw(st.sampled_from(codes))
    tree = draw(trees if trees is not None else datasets(depth=1, most=3))

    def choose(options: Any) -> Any:
        return draw(st.sampled_from(options))

    root = document(tree, choose)
    if code in TEXT:
        return Flawed(code, "", draw(st.sampled_from(TEXT[code]))(render(root, choose)))
    if code in ("xml.root", "xml.namespace", "xml.space"):
        where = _head(draw, code, root)
    else:
        path, place = draw(st.sampled_from(list(_datasets(root, f"/{ROOT}"))))
        where = path + _plant(draw, code, place)
    return Flawed(code, where, render(root, choose))


def _head(draw: DrawFn, code: str, root: Node) -> str:
    if code == "xml.root":
        root.name = draw(st.sampled_from(("NativeDicomModels", "nativeDicomModel", "DicomAttribute")))
        return "/"
    name = "xmlns" if code == "xml.namespace" else "xml:space"
    wrong = draw(st.sampled_from((None, f"{NAMESPACE}/" if name == "xmlns" else "default")))
    root.attributes.pop(name)
    if wrong:
        root.attributes[name] = wrong
    return f"/{ROOT}"


def _datasets(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Every data set in a document: the root and the items, with their paths."""
    yield path, node
    for attribute in node.children:
        if isinstance(attribute, Node) and attribute.attributes.get("vr") == "SQ":
            for index, item in enumerate(attribute.children, 1):
                if isinstance(item, Node) and item.name == "Item":
                    yield from _datasets(item, f"{path}/{attribute.attributes['tag']}/Item[{index}]")


def _plant(draw: DrawFn, code: str, place: Node) -> str:
    """Put the fault into a data set, and say where in it."""
    if code == "xml.duplicate":
        twice = N("DicomAttribute", {"tag": MARKED, "vr": "LO", "privateCreator": CREATOR})
        place.children += [twice, twice]
        return f"/{MARKED}"
    if code == "xml.multiplicity":
        tag, vr, keyword, texts = draw(st.sampled_from(COUNTED))
        values: Content = [_v(text, str(number)) for number, text in enumerate(texts, 1)]
        place.children.append(N("DicomAttribute", {"tag": tag, "vr": vr, "keyword": keyword}, values))
        return f"/{tag}"
    own = OWN.get(code, ())
    if own and (code not in PLANTED or draw(st.booleans())):
        said, where = draw(st.sampled_from(own))
        place.children.append(N("DicomAttribute", dict(said)))
        return where
    options = [*PLANTED.get(code, ()), *_values(code.removeprefix("xml.value-"))]
    vr, content, where = draw(st.sampled_from(options))
    place.children.append(N("DicomAttribute", {"tag": MARKED, "vr": vr, "privateCreator": CREATOR}, content))
    return f"/{MARKED}{where}"


def _values(kind: str) -> Iterator[Planted]:
    for vr, text in WRONG.get(kind, ()):
        if vr != "PN":
            yield vr, [_v(text)], "/Value[1]"
        elif "^" not in text:  # a name of too many components cannot be said
            yield vr, [_p(N("Phonetic", {}, [N("FamilyName", {}, [text])]))], "/PersonName[1]/Phonetic"
