"""Knows how to spoil a text in the DICOM JSON Model by one fault, each named as the reader names it (PS3.18 Annex F).

Must not know the reader: it is tried against these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from harness.make.as_json import Object, Token, dataset, render
from harness.make.flawed import BLOCK, COUNTED, CREATOR, TAG, WRONG, Flawed
from harness.make.tree import Tree

A = Object
URI = ("BulkDataURI", "b")
INLINE = ("InlineBinary", "AAA=")
PAST = 2**200
NO_TEXT: tuple[Any, ...] = (None, ["AAA="], Token("1"), A([]))


def _v(vr: str, value: Any) -> Object:
    return A([("vr", vr), ("Value", value)])


def _u(uri: Any, vr: str = "OB") -> Object:
    return A([("vr", vr), ("BulkDataURI", uri)])


def _b(octets: Any, vr: str = "OB") -> Object:
    return A([("vr", vr), ("InlineBinary", octets)])


# fault -> what may stand in the element TAG, and where in it the fault is: (attribute object, rest of the pointer)
Planted = tuple[Any, str]
PLANTED: dict[str, tuple[Planted, ...]] = {
    "json.attribute": (("x", ""), ([], ""), (None, ""), (Token("1"), ""), (True, "")),
    "json.vr-missing": ((A([]), ""), (A([("Value", ["x"])]), "")),
    "json.vr-type": ((A([("vr", None)]), "/vr"), (A([("vr", ["LO"])]), "/vr"), (A([("vr", Token("1"))]), "/vr")),
    "json.vr-unknown": ((A([("vr", "XX")]), "/vr"), (A([("vr", "lo")]), "/vr"), (A([("vr", "")]), "/vr")),
    "json.unknown-member": (
        (A([("vr", "LO"), ("keyword", "X")]), "/keyword"),
        (A([("vr", "LO"), ("a/b~", 1)]), "/a~1b~0"),
    ),
    "json.content-exclusive": (
        (A([("vr", "OB"), URI, INLINE]), ""),
        (A([("vr", "US"), ("Value", [Token("1")]), URI]), ""),
    ),
    "json.value-array": tuple((_v("LO", v), "/Value") for v in ("x", None, A([]), Token("1"), True)),
    "json.value-empty-array": tuple((_v(vr, []), "/Value") for vr in ("LO", "SQ", "PN", "US")),
    "json.only-null": tuple((_v(vr, [None]), "/Value") for vr in ("LO", "US", "PN", "AT")),
    "json.empty-string": (
        (_v("LO", [""]), "/Value/0"),
        (_v("DS", ["1", ""]), "/Value/1"),
        (_v("AT", [""]), "/Value/0"),
    ),
    "json.value-vr": tuple((_v(vr, ["x"]), "/Value") for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN")),
    "json.single-valued": tuple((_v(vr, ["a", "b"]), "/Value") for vr in ("LT", "ST", "UT", "UR")),
    "json.bulkdata-vr": tuple(
        (A([("vr", vr), URI]), "/BulkDataURI") for vr in ("LO", "SH", "PN", "SQ", "AT", "UI", "DA", "AE")
    ),
    "json.inline-vr": tuple((A([("vr", vr), INLINE]), "/InlineBinary") for vr in ("LO", "US", "SQ", "FD", "UT")),
    "json.bulkdata-type": tuple((_u(v), "/BulkDataURI") for v in NO_TEXT),
    "json.bulkdata-uri": tuple((_u(v), "/BulkDataURI") for v in ("", "a b", "1:b", "a\\b", "ä", "b\n")),
    "json.inline-type": tuple((_b(v), "/InlineBinary") for v in NO_TEXT),
    "json.inline-base64": tuple(
        (_b(v), "/InlineBinary") for v in ("A", "AAA", "AA-_", "AAB=", "AB==", "A===", "AAA=\n", "AAA= ")
    ),
    "json.inline-empty": ((_b(""), "/InlineBinary"),),
    "json.inline-size": tuple(
        (_b(v, vr), "/InlineBinary")
        for vr, v in (
            ("OW", "AA=="),
            ("OW", "AAAA"),
            ("OF", "AAA="),
            ("OL", "AAAAAAA="),
            ("OD", "AAAAAA=="),
            ("OV", "AAAAAAAAAAAAAAAA"),
        )
    ),
}
# fault -> VR, the value in the second place of Value, the rest of the pointer
ONE: dict[str, tuple[tuple[str, Any, str], ...]] = {
    "json.value-type": (
        ("LO", Token("1"), ""),
        ("UI", True, ""),
        ("DA", Token("20240101"), ""),
        ("AT", Token("1"), ""),
        ("US", "1", ""),
        ("FD", "1.5", ""),
        ("US", True, ""),
        ("DS", True, ""),
        ("IS", A([]), ""),
        ("SV", [], ""),
        ("CS", A([]), ""),
    ),
    "json.pn-object": (("PN", "A^B", ""), ("PN", [], ""), ("PN", Token("1"), "")),
    "json.pn-member": (
        ("PN", A([("Family", "A"), ("Alphabetic", "B")]), "/Family"),
        ("PN", A([("alphabetic", "A")]), "/alphabetic"),
    ),
    "json.pn-string": (
        ("PN", A([("Phonetic", Token("1"))]), "/Phonetic"),
        ("PN", A([("Alphabetic", None)]), "/Alphabetic"),
    ),
    "json.pn-empty": (("PN", A([]), ""), ("PN", A([("Alphabetic", "")]), "/Alphabetic")),
    "json.item-object": (("SQ", [], ""), ("SQ", "x", ""), ("SQ", Token("1"), "")),
    "json.item-null": (("SQ", None, ""),),
    "json.at": (
        ("AT", "0010001g", ""),
        ("AT", "0010,0010", ""),
        ("AT", "7fe00010", ""),
        ("AT", "1", ""),
        ("AT", "00100010\n", ""),
    ),
    "json.number-integer": (("US", Token("1.5"), ""), ("IS", Token("0.5"), ""), ("SV", Token("1e-1"), "")),
    "json.number-range": (
        ("US", Token("65536"), ""),
        ("US", Token("-1"), ""),
        ("SS", Token("32768"), ""),
        ("UL", Token("1e10"), ""),
        ("SL", Token("-2147483649"), ""),
        ("IS", Token("2147483648"), ""),
        ("UV", "18446744073709551616", ""),
        ("SV", "-9223372036854775809", ""),
        ("UV", "-1", ""),
        ("FL", Token("3.5e38"), ""),
        ("FD", Token("1e400"), ""),
        ("DS", Token("-1e999"), ""),
        ("US", Token(str(PAST)), ""),
    ),
    "json.value-form": (("SV", "x", ""), ("UV", "1.0", ""), ("UV", " 1", "")),
}
GOOD: dict[str, Any] = {
    "LO": "x",
    "PN": A([("Alphabetic", "x")]),
    "SQ": A([]),
    "AT": "00100010",
    "DS": "1",
    "IS": Token("1"),
}
SINGLE = frozenset({"LT", "ST", "UT", "UR"})
# fault -> names that no attribute has
NAMES: dict[str, tuple[str, ...]] = {
    "json.tag-syntax": (
        "PatientName",
        "0010001",
        "001000100",
        "00100010 ",
        "(0010,0010)",
        "",
        "0010001G",
        "00100010\n",
    ),
    "json.tag-case": ("0040a123", "7fe00010"),
    "json.group-length": ("00080000", "00990000"),
    "json.group-0002": ("00020010", "00020000"),
    "json.delimiter-tag": ("FFFEE000", "FFFEE0DD"),
    "json.private-group": ("00010010", "00031001", "FFFF1001"),
    "json.private-element": ("00990001", "0099000F", "00990100", "00990F01"),
    "json.private-creator": ("00991101", "0097FF00"),
}
VRS = {"0040A123": "PN", "7FE00010": "OW", "00020010": "UI"}
HIGH, LOW = "00990030", "00990020"  # two private creators
TEXT: dict[str, tuple[Callable[[bytes], bytes], ...]] = {
    "json.bom": (lambda text: b"\xef\xbb\xbf" + text,),
    "json.syntax": (
        lambda text: text.rstrip()[:-1],
        lambda text: text + b",",
        lambda text: b"[1]" + text,
        lambda text: b"",
    ),
}
TEXT_ONLY = frozenset(
    {"json.bom", "json.syntax", "json.utf8", "json.constant", "json.surrogate", "json.duplicate-name"}
)
UNSAYABLE = TEXT_ONLY | {
    "json.order",
    "json.private-creator",
    "json.vr-dictionary",
    "json.multiplicity",
    "json.item-depth",
}
"""Faults of the octets that are gone once a text is parsed, and those that no JSON Schema can speak of."""

CODES: tuple[str, ...] = tuple(
    sorted(
        {
            *PLANTED,
            *ONE,
            *NAMES,
            *TEXT,
            *UNSAYABLE,
            "json.root",
            "json.dataset",
            *(f"json.value-{kind}" for kind in WRONG),
        }
    )
)
"""Every fault that `flawed_json` makes."""


@st.composite
def flawed_json(draw: DrawFn, trees: SearchStrategy[Tree] | None = None, codes: tuple[str, ...] = CODES) -> Flawed:
    """A text that is legal but for one fault out of `codes`, planted in any data set of it."""
    from harness.make.datasets import datasets

    code = draw(st.sampled_from(codes))
    tree = draw(trees if trees is not None else datasets(depth=1, most=3))

    def choose(options: Any) -> Any:
        return draw(st.sampled_from(options))

    root, prefix = dataset(tree, choose), draw(st.sampled_from(("/0", "")))
    whole: Any = [root] if prefix else root
    where, octets = "", b""
    if code in TEXT:
        spoil = draw(st.sampled_from(TEXT[code]))
        octets = spoil(render(whole, choose).encode("utf-8"))
    elif code == "json.root":
        whole = draw(st.sampled_from((None, "x", Token("1"), True)))
    elif code == "json.dataset":
        whole, where = [root, draw(st.sampled_from((None, [], "x", Token("1"))))], "/1"
    else:
        places = list(_datasets(root, prefix))
        # how deep the bound lies depends on where one begins
        path, place = places[0] if code == "json.item-depth" else draw(st.sampled_from(places))
        where = path + _plant(draw, code, place)
    octets = octets or (b"" if code == "json.syntax" else render(whole, choose).encode("utf-8"))
    if code == "json.utf8":
        octets = octets.replace(b"REPLACED", b"\xe9\xff")
    return Flawed(code, where, octets)


def _datasets(root: Object, path: str) -> Iterator[tuple[str, Object]]:
    """Every data set in a data set, with its pointer."""
    yield path, root
    for name, attribute in root.members:
        if attribute.get("vr") == "SQ":
            for index, item in enumerate(attribute.get("Value") or ()):
                yield from _datasets(item, f"{path}/{name}/Value/{index}")


def _plant(draw: DrawFn, code: str, place: Object) -> str:
    """Put the fault into a data set, and say where in it."""
    if code in NAMES:
        name = draw(st.sampled_from(NAMES[code]))
        place.plant(name, A([("vr", "UL" if name.endswith("0000") else VRS.get(name.upper(), "LO"))]))
        return "/" + name
    if code in ("json.order", "json.duplicate-name", "json.vr-dictionary"):
        return _misplaced(draw, code, place)
    if code == "json.multiplicity":
        tag, vr, _, values = draw(st.sampled_from(COUNTED))
        place.plant(tag, _v(vr, [Token(v) if vr == "US" else v for v in values]))
        return f"/{tag}/Value"
    content, rest = _content(draw, code)
    place.plant(BLOCK, A([("vr", "LO"), ("Value", [CREATOR])]))
    place.plant(TAG, content)
    return f"/{TAG}{rest}"


def _misplaced(draw: DrawFn, code: str, place: Object) -> str:
    vr = draw(st.sampled_from(("SH", "SQ", "OB"))) if code == "json.vr-dictionary" else "LO"
    place.plant(HIGH, A([("vr", vr)]))
    if code == "json.vr-dictionary":
        return f"/{HIGH}/vr"
    second = HIGH if code == "json.duplicate-name" else LOW
    place.plant(second, A([("vr", "LO")]), after=HIGH)
    return "/" + second


def _content(draw: DrawFn, code: str) -> Planted:
    """An attribute object with the fault in it, and where."""
    if code in PLANTED:
        return draw(st.sampled_from(PLANTED[code]))
    if code == "json.item-depth":
        return _deep()
    vr, value, rest = draw(st.sampled_from(tuple(_single(code))))
    if vr in SINGLE or draw(st.booleans()):
        return A([("vr", vr), ("Value", [value])]), f"/Value/0{rest}"
    return A([("vr", vr), ("Value", [GOOD.get(vr), value])]), f"/Value/1{rest}"


def _single(code: str) -> Iterator[tuple[str, Any, str]]:
    """VR, a value with the fault, and where in it."""
    yield from ONE.get(code, ())
    for vr, wrong in WRONG.get(code.removeprefix("json.value-"), ()):
        yield (vr, A([("Ideographic", wrong)]), "/Ideographic") if vr == "PN" else (vr, wrong, "")
    if code == "json.constant":
        yield from (("FD", Token(word), "") for word in ("NaN", "Infinity", "-Infinity"))
    elif code == "json.surrogate":
        yield from (("LO", text, "") for text in ("\ud800", "a\udfff", "\udc00\ud800"))
    elif code == "json.utf8":
        yield "LO", "REPLACED", ""


def _deep() -> Planted:
    """65 levels of items, one more than the bound of the readers wherever it begins."""
    inner: Any = A([])
    for _ in range(65):
        inner = A([("00081140", A([("vr", "SQ"), ("Value", [inner])]))])
    return A([("vr", "SQ"), ("Value", [inner])]), "/Value/0" + "/00081140/Value/0" * 64
