"""Knows the DICOM JSON Model (PS3.18 Annex F) on octets: strict, every flaw with its JSON pointer.

Must not know which response the data sets came in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.body import Body
from harness.wire import json_text, multiplicity, vr
from harness.wire.flaw import Flaws
from harness.wire.json_text import Doubled, Real
from harness.wire.remember import remembered

DataSet = Mapping[str, Any]  # "00100010" -> {"vr": "PN", "Value": [...]}, as it was read

CODES: dict[str, str] = {
    **json_text.CODES,
    "json.root": "The root is an array of data sets, or one data set (PS3.18 F.2.1, F.2.2).",
    "json.dataset": "Each member of the root array is an object (PS3.18 F.2.1).",
    "json.tag-syntax": "The name of an attribute is eight hexadecimal digits (PS3.18 F.2.2).",
    "json.tag-case": "The hexadecimal digits of a name are upper case (PS3.18 F.2.2).",
    "json.order": "Attributes stand in ascending order of their names (PS3.18 F.2.2).",
    "json.group-length": "No group length is included (PS3.18 F.2.2).",
    "json.group-0000": "No command element stands in a data set (PS3.5 7.1; event reports of PS3.18 11 differ).",
    "json.group-0002": "No File Meta Information stands in a data set (PS3.18 10.4.1.1.2; PS3.10 7.1).",
    "json.delimiter-tag": "Item and delimitation tags are no attributes (PS3.5 7.5).",
    "json.attribute": "The value of a name is an attribute object (PS3.18 F.2.2).",
    "json.vr-missing": "An attribute object has a vr (PS3.18 F.2.2).",
    "json.vr-type": "vr is a string (PS3.18 F.2.2).",
    "json.vr-unknown": "vr is one of the 34 Value Representations (PS3.18 Table F.2.3-1).",
    "json.vr-dictionary": "vr is one that PS3.6 gives the attribute (PS3.18 F.2.2; PS3.6 6).",
    "json.unknown-member": "An attribute object has no member that F.2.2 does not name (PS3.18 F.2.2).",
    "json.content-exclusive": "At most one of Value, BulkDataURI, InlineBinary is there (PS3.18 F.2.2).",
    "json.value-array": "Value is an array (PS3.18 F.2.2).",
    "json.value-empty-array": "An attribute of length zero has no Value at all (PS3.18 F.2.5).",
    "json.only-null": "null stands for an empty value among several, not for an empty attribute (PS3.18 F.2.5).",
    "json.empty-string": "An empty value is null or absent, not an empty string (PS3.18 F.2.5).",
    "json.value-vr": "Value is not used for OB, OD, OF, OL, OV, OW, UN (PS3.18 F.2.2).",
    "json.value-type": "A value has the JSON type of its VR (PS3.18 Table F.2.3-1).",
    "json.multiplicity": "An attribute has as many values as PS3.6 lets it have (PS3.5 6.4; PS3.6 6).",
    "json.single-valued": "LT, ST, UT and UR have one value (PS3.5 6.2, 6.4).",
    "json.pn-object": "A person name is an object (PS3.18 F.2.2, Table F.2.3-1).",
    "json.pn-member": "A person name has no members but Alphabetic, Ideographic, Phonetic (PS3.18 F.2.2).",
    "json.pn-string": "A component group of a person name is a string (PS3.18 F.2.2).",
    "json.pn-empty": "Only component groups that are not empty are there, and at least one (PS3.18 F.2.2, F.2.5).",
    "json.item-object": "An item of a sequence is an object (PS3.18 F.2.2).",
    "json.item-null": "An empty item is an empty object, not null (PS3.18 F.2.2, F.2.5).",
    "json.item-depth": "Sequences nest at most 64 deep, our bound.",
    "json.at": "A value of AT is eight upper-case hexadecimal digits (PS3.18 F.2.3).",
    "json.number-integer": "A value of an integer VR is an integer (PS3.5 6.2).",
    "json.number-range": "A number lies in the range of its VR (PS3.5 6.2; PS3.18 F.2.3).",
    "json.number-precision": "SV and UV beyond 2^53 are strings, to keep every digit (PS3.18 F.2.3).",
    "json.number-length": "A DS given as a number fits the 16 characters of a DS (PS3.5 6.2; PS3.18 F.2.3).",
    "json.bulkdata-type": "BulkDataURI is a string (PS3.18 F.2.2).",
    "json.bulkdata-uri": "BulkDataURI is a URI reference (PS3.18 F.2.6; PS3.19 A.1.5; RFC 3986).",
    "json.bulkdata-vr": "BulkDataURI is used for the VRs that F.2.2 lists (PS3.18 F.2.2).",
    "json.inline-type": "InlineBinary is one string (PS3.18 F.2.7).",
    "json.inline-base64": "InlineBinary is base64 in the alphabet of RFC 4648 section 4 (PS3.18 F.2.7).",
    "json.inline-empty": "An attribute of length zero has no InlineBinary (PS3.18 F.2.5).",
    "json.inline-size": "InlineBinary holds whole words of its VR (PS3.5 6.2; PS3.18 F.2.7).",
    "json.inline-vr": "InlineBinary is used for OB, OD, OF, OL, OV, OW, UN only (PS3.18 F.2.2).",
    "json.private-group": "A private group is not 0001, 0003, 0005, 0007 or FFFF (PS3.5 7.8).",
    "json.private-element": "A private element is gggg,0010-00FF or lies in a block of those (PS3.5 7.8.1).",
    "json.private-creator": "The block of a private element is reserved in the same data set (PS3.5 7.8.1).",
    **{f"json.value-{kind}": says for kind, says in vr.KINDS.items()},
}
# Legal, or of an edition, or a matter of taste: a rule decides.
NOTES = frozenset({"json.value-space", "json.number-precision", "json.number-length", "json.group-0000"})

DEEPEST = 64
BULK = vr.BINARY | vr.FLOATS | frozenset(vr.INTEGERS) | vr.TEXTS | {"DS", "UC"}
_MEMBERS = frozenset({"vr", "Value", "BulkDataURI", "InlineBinary"})
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_TAG = re.compile(r"[0-9A-F]{8}")
_TAG_ANY_CASE = re.compile(r"[0-9A-Fa-f]{8}")
_NUMBERS = frozenset({"FL", "FD", "SL", "SS", "UL", "US"})
_NUMBER_OR_STRING = frozenset({"DS", "IS", "SV", "UV"})
_LARGEST_FL = 3.4028235677973366e38  # what still rounds to the largest single

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Reading:
    """`root` is "array", "object", another JSON type, or "" when the octets are no JSON text.

    `datasets` holds the readable data sets; flaws cover everything else.
    """

    root: str = ""
    datasets: Sequence[DataSet] = ()
    flaws: Flaws = field(default_factory=Flaws)


@remembered
def read(body: Body) -> Reading:
    """Read a whole JSON text in bounded depth and size."""
    flaws = Flaws()
    text = json_text.read(body, flaws)
    if not text.ok:
        return Reading(flaws=flaws)
    walk = _Walk(flaws)
    root = _type(text.value)
    datasets: list[DataSet] = []
    if root == "object":
        datasets = [text.value]
        walk.dataset(text.value, (), 0)
    elif root == "array":
        for index, member in enumerate(text.value):
            if isinstance(member, dict):
                datasets.append(member)
                walk.dataset(member, (index,), 0)
            else:
                walk.flaw("json.dataset", (index,), _show(member), "an object")
    else:
        walk.flaw("json.root", (), root, "an array")
    _report_text(text, walk)
    return Reading(root, datasets, flaws)


def check(dataset: DataSet) -> Flaws:
    """What departs from Annex F in one data set that is already parsed; pointers begin at the data set."""
    flaws = Flaws()
    _Walk(flaws).dataset(dict(dataset), (), 0)
    return flaws


def _report_text(text: json_text.Text, walk: _Walk) -> None:
    """Place what the parser saw: the pointers are searched for only when there is something to report."""
    if not (text.constants or text.doubled or text.surrogates):
        return
    for path, value in _everything(text.value, ()):
        if isinstance(value, Doubled):
            for name in value.names:
                walk.flaw("json.duplicate-name", (*path, name), "a second time", "once")
        elif isinstance(value, Real) and not math.isfinite(value) and value.text in text.constants:
            walk.flaw("json.constant", path, value.text, "a number")
        elif isinstance(value, str) and not json_text.well_formed(value):
            walk.flaw("json.surrogate", path, ascii(value[:40]), "Unicode characters")
    if text.constants and "json.constant" not in walk.flaws.counts:
        walk.flaw("json.constant", (), text.constants[0], "a number")


def _everything(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    stack: list[tuple[Path, Any]] = [(path, value)]
    while stack:
        path, value = stack.pop()
        yield path, value
        if isinstance(value, dict):
            for name, member in value.items():
                if not name.isascii():
                    yield (*path, name), name
                stack.append(((*path, name), member))
        elif isinstance(value, list):
            stack.extend(((*path, index), member) for index, member in enumerate(value))


class _Walk:
    """Goes through data sets by Annex F and notes every departure."""

    def __init__(self, flaws: Flaws) -> None:
        self.flaws = flaws

    def flaw(self, code: str, path: Path, got: str, want: str) -> None:
        self.flaws.add(code, pointer(path), got, want)

    def dataset(self, dataset: dict[str, Any], path: Path, depth: int) -> None:
        if depth > DEEPEST:
            self.flaw("json.item-depth", path, f"{depth} levels", f"at most {DEEPEST}")
            return
        before = ""
        for name, attribute in dataset.items():
            where = (*path, name)
            if not _TAG.fullmatch(name) and not self._name(name, where):
                continue
            tag = name.upper()
            if tag < before:
                self.flaw("json.order", where, f"{tag} after {before}", "ascending names")
            before = tag
            if tag[4:] == "0000" or tag[3] in "13579BDF" or tag[:4] in ("0000", "0002", "FFFE"):
                self._special(tag, where, dataset)
            if isinstance(attribute, dict):
                self._attribute(tag, attribute, where, depth)
            else:
                self.flaw("json.attribute", where, _show(attribute), "an object")

    def _name(self, name: str, where: Path) -> bool:
        if _TAG_ANY_CASE.fullmatch(name):
            self.flaw("json.tag-case", where, name, name.upper())
            return True
        self.flaw("json.tag-syntax", where, name[:80], "eight hexadecimal digits")
        return False

    def _special(self, tag: str, where: Path, dataset: dict[str, Any]) -> None:
        group, element = tag[:4], tag[4:]
        if group in ("0000", "0002"):
            self.flaw(f"json.group-{group}", where, tag, f"no element of group {group}")
        elif element == "0000":
            self.flaw("json.group-length", where, tag, "no group length")
        elif group == "FFFE":
            self.flaw("json.delimiter-tag", where, tag, "no item or delimitation tag")
        elif group in ("0001", "0003", "0005", "0007", "FFFF"):
            self.flaw("json.private-group", where, tag, "a group that may be private")
        elif group[3] in "13579BDF" and element > "00FF":
            block = element[:2]
            if block < "10":
                self.flaw("json.private-element", where, tag, "a block from 10 to FF")
            elif not _has_content(dataset.get(f"{group}00{block}")):
                self.flaw("json.private-creator", where, tag, f"a private creator in {group}00{block}")
        elif group[3] in "13579BDF" and element < "0010":
            self.flaw("json.private-element", where, tag, "a private creator from 0010 to 00FF")

    def _attribute(self, tag: str, attribute: dict[str, Any], where: Path, depth: int) -> None:
        code = self._vr(tag, attribute, where)
        if not attribute.keys() <= _MEMBERS:
            for name in sorted(attribute.keys() - _MEMBERS):
                self.flaw("json.unknown-member", (*where, name), name[:80], "vr, Value, BulkDataURI or InlineBinary")
        contents = attribute.keys() & _MEMBERS - {"vr"}
        if len(contents) > 1:
            self.flaw("json.content-exclusive", where, " and ".join(sorted(contents)), "at most one of them")
        if "Value" in attribute:
            self._value(tag, code, attribute["Value"], (*where, "Value"), depth)
        if "BulkDataURI" in attribute:
            self._bulkdata(code, attribute["BulkDataURI"], (*where, "BulkDataURI"))
        if "InlineBinary" in attribute:
            self._inline(code, attribute["InlineBinary"], (*where, "InlineBinary"))

    def _vr(self, tag: str, attribute: dict[str, Any], where: Path) -> str:
        """The VR when it is one, else ''."""
        given = attribute.get("vr")
        if not isinstance(given, str):
            if "vr" in attribute:
                self.flaw("json.vr-type", (*where, "vr"), _show(given), "a string")
            else:
                self.flaw("json.vr-missing", where, "no vr", "a vr")
            return ""
        if given not in vr.ALL:
            self.flaw("json.vr-unknown", (*where, "vr"), given[:40], "a VR of PS3.5")
            return ""
        if not vr.fits_dictionary(tag, given):
            self.flaw("json.vr-dictionary", (*where, "vr"), given, " or ".join(sorted(vr.in_dictionary(tag))))
        return given

    def _value(self, tag: str, code: str, value: Any, where: Path, depth: int) -> None:
        if code in vr.BINARY:
            self.flaw("json.value-vr", where, f"Value with {code}", "InlineBinary or BulkDataURI")
            return
        if not isinstance(value, list):
            self.flaw("json.value-array", where, _show(value), "an array")
            return
        if not value:
            self.flaw("json.value-empty-array", where, "[]", "no Value")
        elif len(value) == 1 and value[0] is None and code != "SQ":
            self.flaw("json.only-null", where, "[null]", "no Value")
        elif len(value) > 1 and code in vr.SINGLE:
            self.flaw("json.single-valued", where, f"{len(value)} values", "one value")
        elif (vm := multiplicity.wanted(tag, code, len(value))) and any(v not in (None, "") for v in value):
            self.flaw("json.multiplicity", where, f"{len(value)} values", f"{vm} (PS3.6)")
        if code:
            for index, member in enumerate(value):
                self._member(code, member, (*where, index), depth)

    def _member(self, code: str, value: Any, where: Path, depth: int) -> None:
        if code == "SQ":
            self._item(value, where, depth)
        elif value is None:
            return
        elif code == "PN":
            self._person_name(value, where)
        elif isinstance(value, str) and code not in _NUMBERS:
            self._string(code, value, where)
        elif (code in vr.STRINGS and code not in _NUMBER_OR_STRING) or code == "AT":
            self.flaw("json.value-type", where, _show(value), "a string")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            self.flaw("json.value-type", where, _show(value), "a number")
        else:
            self._number(code, value, where)

    def _item(self, value: Any, where: Path, depth: int) -> None:
        if isinstance(value, dict):
            self.dataset(value, where, depth + 1)
        elif value is None:
            self.flaw("json.item-null", where, "null", "{} for an empty item")
        else:
            self.flaw("json.item-object", where, _show(value), "an object")

    def _person_name(self, value: Any, where: Path) -> None:
        if not isinstance(value, dict):
            self.flaw("json.pn-object", where, _show(value), "an object")
            return
        if not value:
            self.flaw("json.pn-empty", where, "{}", "null or a name")
        for name, group in value.items():
            if name not in _GROUPS:
                self.flaw("json.pn-member", (*where, name), name[:80], ", ".join(_GROUPS))
            elif not isinstance(group, str):
                self.flaw("json.pn-string", (*where, name), _show(group), "a string")
            elif not group:
                self.flaw("json.pn-empty", (*where, name), '""', "no member for an empty group")
            else:
                for kind, want in vr.person_name(group):
                    self.flaw(f"json.value-{kind}", (*where, name), ascii(group[:80]), want)

    def _string(self, code: str, value: str, where: Path) -> None:
        if not value:
            self.flaw("json.empty-string", where, '""', "null, or no Value")
        elif code == "AT":
            if not _TAG.fullmatch(value):
                self.flaw("json.at", where, value[:40], "eight upper-case hexadecimal digits")
        elif code in ("SV", "UV"):
            if not re.fullmatch(r"[+-]?[0-9]{1,30}", value):
                self.flaw("json.value-form", where, value[:40], "an integer")
            elif not vr.in_range(code, int(value)):
                self.flaw("json.number-range", where, value, f"the range of {code}")
        else:
            for kind, want in vr.faults(code, value):
                self.flaw(f"json.value-{kind}", where, ascii(value[:80]), want)

    def _number(self, code: str, value: int | float, where: Path) -> None:
        shown = json_text.text_of(value)[:80]
        if isinstance(value, float) and not math.isfinite(value):
            if shown not in ("NaN", "Infinity", "-Infinity"):
                self.flaw("json.number-range", where, shown, "a number that a computer can hold")
        elif code in vr.INTEGERS:
            self._integer(code, value, shown, where)
        elif code == "FL" and abs(value) > _LARGEST_FL:
            self.flaw("json.number-range", where, shown, "the range of FL")
        elif code == "DS" and len(shown) > 16:
            self.flaw("json.number-length", where, shown, "at most 16 characters")

    def _integer(self, code: str, value: int | float, shown: str, where: Path) -> None:
        if isinstance(value, float) and not value.is_integer():
            self.flaw("json.number-integer", where, shown, "an integer")
        elif not vr.in_range(code, int(value)):
            self.flaw("json.number-range", where, shown, f"the range of {code}")
        elif code in ("SV", "UV") and abs(value) > 2**53:
            self.flaw("json.number-precision", where, shown, "a string")

    def _bulkdata(self, code: str, value: Any, where: Path) -> None:
        if code and code not in BULK:
            self.flaw("json.bulkdata-vr", where, code, "a VR of the list in F.2.2")
        if not isinstance(value, str):
            self.flaw("json.bulkdata-type", where, _show(value), "a string")
        elif not vr.uri_reference(value):
            self.flaw("json.bulkdata-uri", where, ascii(value[:80]), "a URI reference")

    def _inline(self, code: str, value: Any, where: Path) -> None:
        if code and code not in vr.BINARY:
            self.flaw("json.inline-vr", where, code, "OB, OD, OF, OL, OV, OW or UN")
        if not isinstance(value, str):
            self.flaw("json.inline-type", where, _show(value), "a string")
        elif not value:
            self.flaw("json.inline-empty", where, '""', "no InlineBinary")
        elif (octets := vr.base64_octets(value)) is None:
            self.flaw("json.inline-base64", where, ascii(value[:40]), "base64 of RFC 4648 section 4")
        elif word := vr.broken_word(code, len(octets)):
            self.flaw("json.inline-size", where, f"{len(octets)} octets", f"a multiple of {word}")


def _has_content(attribute: Any) -> bool:
    return isinstance(attribute, dict) and any(attribute.get(name) for name in _MEMBERS - {"vr"})


def pointer(path: Path) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {"dict": "object", "Doubled": "object", "list": "array", "str": "string"}[type(value).__name__]


def _show(value: Any) -> str:
    """A value for people: its type, and itself when it is short."""
    if isinstance(value, str):
        return f"the string {value[:60]!a}"
    if isinstance(value, dict | list):
        return f"an {_type(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"the number {json_text.text_of(value)[:60]}"


def values(dataset: DataSet, tag: str) -> list[Any]:
    """The Value array of an attribute by eight-digit tag or dotted path of tags, [] when absent or empty.

    For a path the values of every item are joined: values(d, "00400275.00400009").
    """
    first, _, rest = tag.partition(".")
    # dict first: an abstract class takes ten times as long to ask, and this is asked most of all
    attribute = dataset.get(first) if isinstance(dataset, dict | Mapping) else None
    found = attribute.get("Value") if isinstance(attribute, dict | Mapping) else None
    if not isinstance(found, list):
        return []
    if not rest:
        return list(found)
    return [value for item in found if isinstance(item, Mapping) for value in values(item, rest)]


def text(dataset: DataSet, tag: str) -> str:
    """The first value as a string ('' when absent); a PN gives its Alphabetic group."""
    first = next(iter(values(dataset, tag)), None)
    if isinstance(first, str):
        return first
    if isinstance(first, Mapping):
        first = first.get("Alphabetic")
    if isinstance(first, int | float) and not isinstance(first, bool):
        return json_text.text_of(first)
    return first if isinstance(first, str) else ""
