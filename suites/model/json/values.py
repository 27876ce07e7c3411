"""Rules of PS3.18 F.2.2 to F.2.7 on values: VRs, JSON types, names, numbers, bulk data, inline binary, grammar.

Must not know the structure around them, nor services.
"""

from __future__ import annotations

import base64
from typing import Any

from harness.exchange import Answer, Exchange
from harness.rule import SHOULD, undetected, untested
from harness.wire import vr
from suites.model.json.documents import attributes, bent, changed, occurs, of_codes, revalued

# Legal: values need no padding (F.1), which does not say that they must have none.
LEGAL = {"json.value-space": "PS3.18 F.1 does not require padding, and does not forbid spaces that are padding"}

STRINGS = " ".join(sorted(vr.STRINGS - {"PN", "DS", "IS"}))
NUMBERS = "US SS UL SL FL FD"
_GRAMMAR = tuple(sorted(vr.STRINGS | frozenset(vr.INTEGERS) | vr.FLOATS))

has_vr = of_codes(
    "json.vr",
    ("json.vr-missing", "json.vr-type", "json.vr-unknown"),
    cites="PS3.18 F.2.2; F.2.3",
    verifies="PS3.18-F.2.2-6",
    says="Every attribute names one of the Value Representations of PS3.5.",
)


@has_vr.mutant
def vr_is_missing(x: Exchange) -> Answer | None:
    """An attribute has no vr."""
    return changed(x, "", lambda attribute: attribute.pop("vr"), member="vr")


@has_vr.mutant
def vr_is_made_up(x: Exchange) -> Answer | None:
    """The vr of an attribute is none of PS3.5."""
    return changed(x, "US SS OW OB LO", lambda attribute: attribute.update(vr="OX"))


@has_vr.mutant
def vr_is_null(x: Exchange) -> Answer | None:
    """The vr of an attribute is null."""
    return changed(x, "", lambda attribute: attribute.update(vr=None), member="vr")


value_vr = of_codes(
    "json.binary-has-no-value",
    ("json.value-vr",),
    cites="PS3.18 F.2.2",
    verifies="PS3.18-F.2.2-9",
    when=occurs("InlineBinary", "BulkDataURI", *vr.BINARY),
    says="Attributes of OB, OD, OF, OL, OV, OW and UN have no Value.",
)


@value_vr.mutant(defects="M-JS-30")
def octets_as_numbers(x: Exchange) -> Answer | None:
    """Inline octets are an array of numbers."""

    def change(attribute: dict[str, Any]) -> None:
        attribute["Value"] = list(base64.b64decode(attribute.pop("InlineBinary")))

    return changed(x, "", change, member="InlineBinary")


@value_vr.mutant
def bulk_has_a_value(x: Exchange) -> Answer | None:
    """Pixel data is a Value."""
    return changed(x, "OB OW OF OD UN", lambda a: a.update(Value=[a.pop("BulkDataURI")]), member="BulkDataURI")


names = of_codes(
    "json.person-names",
    ("json.pn-object", "json.pn-member", "json.pn-string", "json.pn-empty"),
    cites="PS3.18 F.2.2; Table F.2.3-1",
    verifies=("PS3.18-F.2.2-10", "PS3.18-F.3.1-1"),
    when=occurs("PN"),
    says="A person name is an object of its component groups that are not empty.",
)


@names.mutant(defects=("M-JS-23", "M-JS-28"))
def name_as_a_string(x: Exchange) -> Answer | None:
    """A person name is a string."""
    return revalued(x, "PN", lambda name: "=".join(name.values()))


@names.mutant(defects="M-JS-25")
def name_of_an_object(x: Exchange) -> Answer | None:
    """A component group is an object."""
    return revalued(x, "PN", lambda name: {"Alphabetic": name})


@names.mutant
def empty_groups(x: Exchange) -> Answer | None:
    """All three component groups are written, empty ones too."""
    return revalued(x, "PN", lambda name: {"Alphabetic": "", "Ideographic": "", "Phonetic": "", **name})


@names.mutant
def groups_in_small_letters(x: Exchange) -> Answer | None:
    """Component groups are named in small letters."""
    return revalued(x, "PN", lambda name: {group.lower(): text for group, text in name.items()})


types = of_codes(
    "json.value-types",
    ("json.value-type",),
    cites="PS3.18 Table F.2.3-1",
    verifies=("PS3.18-F.2.3-1", "PS3.18-F.2.3-2", "PS3.18-F.2.3-3"),
    when=occurs("AT", *(v for v in _GRAMMAR if v != "PN")),
    says="A value has the JSON type that Table F.2.3-1 gives its VR.",
)


@types.mutant(defects=("M-JS-11", "M-JS-27"))
def numbers_as_strings(x: Exchange) -> Answer | None:
    """Binary numbers are written as strings."""
    return revalued(x, NUMBERS, str)


@types.mutant
def text_as_a_number(x: Exchange) -> Answer | None:
    """A date is written as a number."""
    return revalued(x, "DA SH LO", lambda text: int("0" + "".join(c for c in text if c in "0123456789")))


@types.mutant(defects="M-JS-49")
def nested_numbers_as_strings(x: Exchange) -> Answer | None:
    """Binary numbers within items are written as strings."""

    def edit(root: Any) -> bool:
        found = False
        for _, _, attribute in attributes(root):
            for item in attribute.get("Value", []) if attribute["vr"] == "SQ" else ():
                for _, _, inner in attributes([item]):
                    if inner["vr"] in NUMBERS.split() and inner.get("Value"):
                        inner["Value"] = [str(v) for v in inner["Value"]]
                        found = True
        return found

    return bent(x, edit)


at = of_codes(
    "json.attribute-tags",
    ("json.at",),
    cites="PS3.18 F.2.3",
    verifies="PS3.18-F.2.3-4",
    when=occurs("AT"),
    says="A value of AT is a tag in eight upper-case hexadecimal digits.",
)


@at.mutant(defects="M-JS-29")
def tag_in_brackets(x: Exchange) -> Answer | None:
    """A tag is written with brackets and a comma."""
    return revalued(x, "AT", lambda tag: f"({tag[:4]},{tag[4:]})")


@at.mutant
def tag_in_small_letters(x: Exchange) -> Answer | None:
    """The digits of tags are lower case."""

    def edit(root: Any) -> bool:
        found = False
        for _, _, attribute in attributes(root):
            if attribute["vr"] == "AT" and attribute.get("Value"):
                attribute["Value"] = [f"{int(v, 16) | 0xA:08x}" for v in attribute["Value"]]
                found = True
        return found

    return bent(x, edit)


finite = of_codes(
    "json.finite-numbers",
    ("json.constant",),
    cites="PS3.18 Table F.2.3-1; RFC 8259 6",
    verifies="PS3.18-F.2.3-7",
    when=occurs("FL", "FD", "DS"),
    says="Numbers are finite: NaN and the infinities are no JSON.",
)


@finite.mutant
def not_a_number(x: Exchange) -> Answer | None:
    """A value is NaN."""
    return revalued(x, "FD FL DS", float("nan"))


ranges = of_codes(
    "json.number-range",
    ("json.number-integer", "json.number-range"),
    cites="PS3.18 F.2.3; PS3.5 Table 6.2-1",
    verifies=("PS3.18-F.2.3-5", "PS3.18-F.2.3-6"),
    when=occurs(*vr.INTEGERS, *vr.FLOATS),
    says="A number lies in the range of its VR, and is whole for the integer VRs.",
)


@ranges.mutant(defects=("M-JS-14", "M-JS-16"))
def beyond_the_range(x: Exchange) -> Answer | None:
    """An unsigned number is shown negative."""
    return revalued(x, "US UL", -1)


@ranges.mutant
def half_an_integer(x: Exchange) -> Answer | None:
    """An integer has a fraction."""
    return revalued(x, "US SS UL SL", lambda number: number + 0.5)


@ranges.mutant(defects="M-JS-17")
def is_beyond_the_range(x: Exchange) -> Answer | None:
    """An IS is beyond 31 bits."""
    return revalued(x, "IS", 2**31)


precision = of_codes(
    "json.number-precision",
    ("json.number-precision", "json.number-length"),
    cites="PS3.18 F.2.3 Note",
    verifies="PS3.18-F.2.3-8",
    level=SHOULD,
    when=occurs("SV", "UV", "DS"),
    says="Numbers that a double cannot hold, or a DS longer than sixteen characters, are written as strings.",
)


@precision.mutant
def large_as_a_number(x: Exchange) -> Answer | None:
    """A DS comes with all digits of a double."""
    return revalued(x, "DS", 0.12345678901234567)


@precision.mutant
def long_integers_as_numbers(x: Exchange) -> Answer | None:
    """SV and UV are numbers whatever their size."""

    def edit(root: Any) -> bool:
        found = False
        for _, _, attribute in attributes(root):
            if attribute["vr"] in ("SV", "UV") and any(isinstance(v, str) for v in attribute.get("Value", [])):
                attribute["Value"] = [int(v) for v in attribute["Value"]]
                found = True
        return found

    return bent(x, edit)


grammar = of_codes(
    "json.value-grammar",
    ("json.value-length", "json.value-characters", "json.value-form", "json.value-range", "json.value-escape",
     "json.value-padding"),
    cites="PS3.18 F.1; F.2.3; PS3.5 Table 6.2-1",
    verifies=("PS3.18-F.1-1", "PS3.18-F.2.3-6"),
    when=occurs(*(v for v in _GRAMMAR if v in vr.STRINGS)),
    inherited=True,
    says="A string has the characters, the length and the form of its VR.",
)  # fmt: skip


@grammar.mutant
def date_with_hyphens(x: Exchange) -> Answer | None:
    """A date is written with hyphens."""
    return revalued(x, "DA", lambda date: f"{date[:4]}-{date[4:6]}-{date[6:]}")


@grammar.mutant
def time_with_colons(x: Exchange) -> Answer | None:
    """A time is written with colons."""
    return revalued(x, "TM", lambda time: f"{time[:2]}:{time[2:4] or '00'}")


@grammar.mutant
def code_in_small_letters(x: Exchange) -> Answer | None:
    """A code string is lower case."""
    return revalued(x, "CS", str.lower)


@grammar.mutant
def uid_with_nul(x: Exchange) -> Answer | None:
    """A UID keeps its padding."""
    return revalued(x, "UI", lambda uid: f"{uid}\0")


@grammar.mutant
def uid_with_a_leading_zero(x: Exchange) -> Answer | None:
    """A component of a UID begins with a zero."""
    return revalued(x, "UI", lambda uid: f"{uid}.01")


@grammar.mutant
def too_long(x: Exchange) -> Answer | None:
    """A short string has more than sixteen characters."""
    return revalued(x, "SH", "seventeen letters")


@grammar.mutant(defects="M-JS-26")
def escapes_are_left(x: Exchange) -> Answer | None:
    """Text keeps the escape sequences of its own character set."""
    return revalued(
        x, "LO SH PN", lambda v: {"Alphabetic": "\x1b$B;3ED\x1b(B"} if isinstance(v, dict) else "\x1b(B" + v
    )


@grammar.mutant(defects="M-JS-21")
def name_in_one_piece(x: Exchange) -> Answer | None:
    """A name with its groups stands whole in Alphabetic."""
    return revalued(x, "PN", lambda name: {"Alphabetic": "=".join(["A^B", *name.values()])})


@grammar.mutant(defects="M-JS-22")
def groups_are_not_split(x: Exchange) -> Answer | None:
    """Ideographic and phonetic groups stand in one string."""

    def edit(root: Any) -> bool:
        for _, _, attribute in attributes(root):
            for name in attribute.get("Value", []) if attribute["vr"] == "PN" else ():
                if name and len(name) > 1:
                    whole = "=".join(name.values())
                    name.clear()
                    name["Alphabetic"] = whole
                    return True
        return False

    return bent(x, edit)


several = of_codes(
    "json.values-are-separate",
    ("json.value-backslash", "json.single-valued"),
    cites="PS3.18 F.2.4; PS3.5 6.4",
    verifies=("PS3.18-F.2.4-1", "PS3.18-F.2.4-2"),
    when=occurs("many", *vr.TEXTS),
    says="Every value has an entry of its own, and a text that has only one value is not split.",
)


@several.mutant
def values_in_one_string(x: Exchange) -> Answer | None:
    """Values stand in one string with backslashes."""

    def edit(root: Any) -> bool:
        for _, _, attribute in attributes(root):
            values = attribute.get("Value", [])
            if len(values) > 1 and all(isinstance(v, str) for v in values):
                attribute["Value"] = ["\\".join(values)]
                return True
        return False

    return bent(x, lambda root: edit(root) and _still_many(root))


def _still_many(root: Any) -> bool:
    return any(len(a.get("Value", [])) > 1 for _, _, a in attributes(root))


@several.mutant
def text_is_split(x: Exchange) -> Answer | None:
    """A text is split into two values."""
    return changed(x, "LT ST UT", lambda attribute: attribute.update(Value=["one", "two"]))


bulk_vr = of_codes(
    "json.bulkdata-vr",
    ("json.bulkdata-vr",),
    cites="PS3.18 F.2.2; 10.4.3.3.2",
    verifies=("PS3.18-F.2.2-12", "PS3.18-10.4.3.3.2-2"),
    when=occurs("BulkDataURI"),
    says="BulkDataURI stands in for values of the VRs that F.2.2 lists, and of no others.",
)


@bulk_vr.mutant
def sequence_as_bulk(x: Exchange) -> Answer | None:
    """A sequence is replaced by a URI."""

    def change(attribute: dict[str, Any]) -> None:
        del attribute["Value"]
        attribute["BulkDataURI"] = "http://example.org/bulk"

    return changed(x, "SQ PN", change)


inline_vr = of_codes(
    "json.inline-vr",
    ("json.inline-vr",),
    cites="PS3.18 F.2.2",
    verifies=("PS3.18-F.2.2-13", "PS3.18-F.2.7-3"),
    when=occurs("InlineBinary"),
    says="InlineBinary is for OB, OD, OF, OL, OV, OW and UN.",
)


@inline_vr.mutant
def text_inline(x: Exchange) -> Answer | None:
    """A text is base64."""

    def change(attribute: dict[str, Any]) -> None:
        attribute["InlineBinary"] = base64.b64encode(attribute.pop("Value")[0].encode()).decode()

    return changed(x, "LT ST UT LO", change)


uris = of_codes(
    "json.bulkdata-uri",
    ("json.bulkdata-type", "json.bulkdata-uri"),
    cites="PS3.18 F.2.6; PS3.19 A.1.5; RFC 3986",
    verifies="PS3.18-F.2.6-1",
    when=occurs("BulkDataURI"),
    says="BulkDataURI is a string that is a URI reference.",
)


@uris.mutant
def uri_with_a_space(x: Exchange) -> Answer | None:
    """A URI has a space."""
    return changed(x, "", lambda a: a.update(BulkDataURI=a["BulkDataURI"] + "/pixel data"), member="BulkDataURI")


@uris.mutant
def uri_in_a_list(x: Exchange) -> Answer | None:
    """A URI stands in an array."""
    return changed(x, "", lambda a: a.update(BulkDataURI=[a["BulkDataURI"]]), member="BulkDataURI")


inline = of_codes(
    "json.inline-binary",
    ("json.inline-type", "json.inline-base64", "json.inline-size"),
    cites="PS3.18 F.2.7; RFC 4648 4",
    verifies=("PS3.18-F.2.7-1", "PS3.18-F.2.7-2"),
    when=occurs("InlineBinary"),
    says="InlineBinary is one base64 string of the whole value field.",
)


@inline.mutant(defects=("M-JS-01", "M-JS-53"))
def inline_in_a_list(x: Exchange) -> Answer | None:
    """Inline octets stand in an array."""
    return changed(x, "", lambda a: a.update(InlineBinary=[a["InlineBinary"]]), member="InlineBinary")


@inline.mutant
def inline_in_hexadecimal(x: Exchange) -> Answer | None:
    """Inline octets are written in hexadecimal with a prefix."""
    return changed(x, "", lambda a: a.update(InlineBinary="0x:" + a["InlineBinary"]), member="InlineBinary")


@inline.mutant
def inline_without_padding(x: Exchange) -> Answer | None:
    """Inline octets have URL-safe base64 without its padding."""

    def change(attribute: dict[str, Any]) -> None:
        octets = base64.b64decode(attribute["InlineBinary"]) + b"\xfb\xff"
        attribute["InlineBinary"] = base64.urlsafe_b64encode(octets[:4]).decode().rstrip("=")

    return changed(x, "OB UN OW", change, member="InlineBinary")


untested("PS3.18-F.1-2", why="binds who converts JSON back to PS3.5; shown by storing JSON, which is not asked yet")
untested("PS3.18-F.3.1-2", why="binds who converts XML to JSON; shown by storing XML, which is not asked yet")

for _defect in ("M-JS-10", "M-JS-54"):
    undetected(_defect, why="DS and IS may be numbers or strings since CP-1861; both forms are right")
undetected("M-JS-37", why="updating metadata is no transaction of the Studies Service")
undetected("M-JS-41", why="a library's data structure; what it sends instead is found by json.is-json")
