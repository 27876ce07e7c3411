"""Rules of PS3.18 F.2.1, F.2.2 and F.2.5: the text, its data sets, the attribute objects, empty attributes.

Must not know the values inside, nor services.
"""

from __future__ import annotations

from typing import Any

from harness.exchange import Answer, Exchange
from suites.model.json.documents import attributes, bent, changed, occurs, of_codes, revalued

is_json = of_codes(
    "json.is-json",
    ("json.syntax", "json.depth", "json.too-large", "json.item-depth"),
    cites="PS3.18 F.1; F.2; RFC 8259 2",
    verifies="PS3.18-F.2-1",
    soft=("json.depth", "json.too-large", "json.item-depth"),  # our bounds, nobody's demand
    when=occurs(),
    says="What is called DICOM JSON is a JSON text.",
)


@is_json.mutant(defects=("M-JS-20", "M-JS-40"))
def trailing_comma(x: Exchange) -> Answer | None:
    """The list ends in a comma."""
    body = x.answer.body.bytes()
    return x.answer.but(body=body[:-1] + b",]") if bent(x, bool) and body.endswith(b"]") else None


@is_json.mutant
def text_is_cut(x: Exchange) -> Answer | None:
    """The text ends early."""
    return x.answer.but(body=x.answer.body.bytes()[:-2]) if bent(x, bool) else None


encoding = of_codes(
    "json.is-utf8",
    ("json.utf8", "json.bom", "json.surrogate"),
    cites="PS3.18 F.2; RFC 8259 8.1",
    verifies="PS3.18-F.2-1",
    when=occurs(),
    wire=True,
    says="DICOM JSON is encoded in UTF-8 without a byte order mark and without half characters.",
)


@encoding.mutant
def in_latin_1(x: Exchange) -> Answer | None:
    """Text is written in the data set's own character set."""
    if not bent(x, bool):
        return None
    text = x.answer.body.bytes().decode("utf-8", "replace")
    return x.answer.but(
        body=text.replace("[{", '[{"00104000":{"vr":"LT","Value":["\u00e9"]},', 1).encode("latin-1", "ignore")
    )


@encoding.mutant
def byte_order_mark(x: Exchange) -> Answer | None:
    """A byte order mark comes first."""
    return x.answer.but(body=b"\xef\xbb\xbf" + x.answer.body.bytes()) if bent(x, bool) else None


@encoding.mutant
def half_a_character(x: Exchange) -> Answer | None:
    """A character is cut in the middle of its surrogates."""
    answer = revalued(x, "LO SH LT ST UT", "\u2603")
    return answer.but(body=answer.body.bytes().replace("\u2603".encode(), rb"\ud83d", 1)) if answer else None


unique = of_codes(
    "json.unique-names",
    ("json.duplicate-name",),
    cites="PS3.18 F.2.2; RFC 8259 4",
    verifies="PS3.18-F.2.2-5",
    says="No name stands twice in an object.",
)


@unique.mutant(defects="D-JS-03")
def attribute_twice(x: Exchange) -> Answer | None:
    """The first attribute is written twice."""
    if not bent(x, lambda root: bool(root and root[0])):
        return None
    text = x.answer.body.bytes()
    at = text.index(b'"')
    return x.answer.but(body=text[:at] + text[at : at + 10] + b':{"vr":"LO"},' + text[at:])


shape = of_codes(
    "json.array-of-data-sets",
    ("json.root", "json.dataset"),
    cites="PS3.18 F.2.1; F.2.2",
    verifies=("PS3.18-F.2.1-1", "PS3.18-F.2.2-1"),
    when=occurs(),
    says="The text is one data set, or an array whose members are data sets.",
)


@shape.mutant
def list_in_a_list(x: Exchange) -> Answer | None:
    """Each data set is wrapped in an array of its own."""
    return x.answer.but(body=b"[" + x.answer.body.bytes() + b"]") if bent(x, bool) else None


@shape.mutant
def a_string(x: Exchange) -> Answer | None:
    """The data sets are sent as a JSON string."""
    return x.answer.but(body=b'"[]"') if bent(x, bool) else None


objects = of_codes(
    "json.attribute-objects",
    ("json.attribute", "json.unknown-member"),
    cites="PS3.18 F.2.2",
    verifies="PS3.18-F.2.2-1",
    says="The members of a data set are attribute objects, which have no members but those F.2.2 names.",
)


@objects.mutant
def bare_value(x: Exchange) -> Answer | None:
    """An attribute is its value alone."""

    def edit(root: Any) -> bool:
        for dataset, tag, attribute in attributes(root):
            if attribute.get("vr") in ("LO", "SH", "CS", "UI") and attribute.get("Value"):
                dataset[tag] = attribute["Value"][0]
                return True
        return False

    return bent(x, edit)


@objects.mutant
def keyword_inside(x: Exchange) -> Answer | None:
    """Attribute objects carry their keyword."""
    return changed(x, "", lambda attribute: attribute.update(keyword="Keyword"))


@objects.mutant
def small_value(x: Exchange) -> Answer | None:
    """Value is called value."""
    return changed(x, "LO SH CS UI", lambda attribute: attribute.update(value=attribute.pop("Value")))


tags = of_codes(
    "json.tag-names",
    ("json.tag-syntax", "json.tag-case", "json.delimiter-tag"),
    cites="PS3.18 F.2.2",
    verifies="PS3.18-F.2.2-3",
    says="The name of an attribute is its tag in eight upper-case hexadecimal digits.",
)


def _rename(x: Exchange, name: Any) -> Answer | None:
    def edit(root: Any) -> bool:
        for dataset, tag, _ in attributes(root):
            if name(tag) != tag:
                items = [(name(t), a) for t, a in dataset.items()]
                dataset.clear()
                dataset.update(items)
                return True
        return False

    return bent(x, edit)


@tags.mutant(defects="D-JS-04")
def lower_case(x: Exchange) -> Answer | None:
    """Tags are written in lower case."""
    return _rename(x, str.lower)


@tags.mutant
def keywords(x: Exchange) -> Answer | None:
    """The study is named by keyword."""
    return _rename(x, lambda tag: "StudyInstanceUID" if tag == "0020000D" else tag)


@tags.mutant
def with_a_comma(x: Exchange) -> Answer | None:
    """Tags are written with a comma."""
    return _rename(x, lambda tag: f"{tag[:4]},{tag[4:]}")


order = of_codes(
    "json.ascending",
    ("json.order",),
    cites="PS3.18 F.2.2",
    verifies="PS3.18-F.2.2-2",
    when=occurs("several"),
    says="Attributes stand in ascending order of their names, within items too.",
)


@order.mutant(defects="D-JS-01")
def descending(x: Exchange) -> Answer | None:
    """The last attribute comes first."""

    def edit(root: Any) -> bool:
        for dataset in root:
            if len(dataset) > 1:
                items = list(dataset.items())
                dataset.clear()
                dataset.update([items[-1], *items[:-1]])
                return True
        return False

    return bent(x, edit)


lengths = of_codes(
    "json.no-group-length",
    ("json.group-length",),
    cites="PS3.18 F.2.2",
    verifies="PS3.18-F.2.2-4",
    says="No group length stands in a data set.",
)


def _added(x: Exchange, tag: str, attribute: dict[str, Any]) -> Answer | None:
    """The answer with an attribute more in its first data set, at the place its tag gives it."""

    def edit(root: Any) -> bool:
        if not root or tag in root[0]:
            return False
        items = sorted([*root[0].items(), (tag, attribute)])
        root[0].clear()
        root[0].update(items)
        return True

    return bent(x, edit)


@lengths.mutant(defects="M-JS-53")
def group_length(x: Exchange) -> Answer | None:
    """The length of group 0008 is included."""
    return _added(x, "00080000", {"vr": "UL", "Value": [100]})


no_meta = of_codes(
    "json.no-file-meta",
    ("json.group-0002", "json.group-0000"),
    cites="PS3.18 10.4.1.1.2; F.2.2",
    verifies=("PS3.18-F.2.2-15", "PS3.18-10.4.1.1.2-2"),
    says="Neither File Meta Information nor command elements stand in a data set.",
)


@no_meta.mutant(defects="M-JS-44")
def transfer_syntax(x: Exchange) -> Answer | None:
    """The transfer syntax is included."""
    return _added(x, "00020010", {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]})


@no_meta.mutant
def command_element(x: Exchange) -> Answer | None:
    """A command element is included."""
    return _added(x, "00000002", {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]})


content = of_codes(
    "json.one-content",
    ("json.content-exclusive",),
    cites="PS3.18 F.2.2",
    verifies="PS3.18-F.2.2-7",
    when=occurs("Value", "BulkDataURI", "InlineBinary"),
    says="An attribute has at most one of Value, BulkDataURI and InlineBinary.",
)


@content.mutant(defects="D-JS-02")
def value_and_uri(x: Exchange) -> Answer | None:
    """An attribute has its value and a URI."""
    return changed(x, "DS IS US LT ST", lambda attribute: attribute.update(BulkDataURI="http://example.org/bulk"))


arrays = of_codes(
    "json.value-is-an-array",
    ("json.value-array",),
    cites="PS3.18 F.2.2",
    verifies="PS3.18-F.2.2-8",
    when=occurs("Value"),
    says="Value is an array, also for one value.",
)


@arrays.mutant
def single_value_bare(x: Exchange) -> Answer | None:
    """A single value stands without its array."""
    return changed(x, "LO SH CS UI DA", lambda attribute: attribute.update(Value=attribute["Value"][0]))


items = of_codes(
    "json.sequence-items",
    ("json.item-object", "json.item-null"),
    cites="PS3.18 F.2.2; F.2.5",
    verifies=("PS3.18-F.2.2-11", "PS3.18-F.2.5-3"),
    when=occurs("SQ"),
    says="The items of a sequence are data sets; an empty item is an empty object.",
)


@items.mutant
def item_is_null(x: Exchange) -> Answer | None:
    """An item is null."""
    return revalued(x, "SQ", None)


@items.mutant
def item_is_a_list(x: Exchange) -> Answer | None:
    """An item is an array of attributes."""
    return revalued(x, "SQ", lambda item: [item])


empty = of_codes(
    "json.empty-attributes",
    ("json.value-empty-array", "json.only-null", "json.empty-string", "json.inline-empty"),
    cites="PS3.18 F.2.5",
    verifies=("PS3.18-F.2.5-1", "PS3.18-F.2.5-2"),
    when=occurs("empty"),
    says="An empty attribute has its vr alone; an empty value among others is null.",
)


def _emptied(x: Exchange, content: dict[str, Any], vrs: str = "") -> Answer | None:
    def edit(root: Any) -> bool:
        for _, _, attribute in attributes(root):
            if attribute.keys() == {"vr"} and (not vrs or attribute["vr"] in vrs.split()):
                attribute.update(content)
                return True
        return False

    return bent(x, edit)


@empty.mutant(defects=("M-JS-06", "M-JS-07"))
def empty_array(x: Exchange) -> Answer | None:
    """An empty attribute has an empty Value."""
    return _emptied(x, {"Value": []})


@empty.mutant(defects=("M-JS-02", "M-JS-09"))
def only_null(x: Exchange) -> Answer | None:
    """An empty attribute has null as its value."""
    return _emptied(x, {"Value": [None]}, "LO SH CS DA TM DS IS LT ST UT AS UI")


@empty.mutant(defects="M-JS-04")
def empty_string(x: Exchange) -> Answer | None:
    """An empty attribute has an empty string as its value."""
    return _emptied(x, {"Value": [""]}, "LO SH CS DA TM DS IS LT ST UT AS UI")


@empty.mutant
def empty_among_others(x: Exchange) -> Answer | None:
    """An empty value among others is an empty string."""

    def edit(root: Any) -> bool:
        for _, _, attribute in attributes(root):
            values = attribute.get("Value", [])
            if attribute.get("vr") != "PN" and None in values:
                values[values.index(None)] = ""
                return True
        return False

    return bent(x, edit)


private = of_codes(
    "json.private-blocks",
    ("json.private-group", "json.private-element", "json.private-creator"),
    cites="PS3.18 F.2.2 Note 1; PS3.5 7.8.1",
    verifies="PS3.18-F.2.2-14",
    when=occurs("private"),
    inherited=True,
    says="A private element lies in a block that a Private Creator of the same data set reserves.",
)


@private.mutant(defects=("M-JS-42", "M-JS-43"))
def creator_is_lost(x: Exchange) -> Answer | None:
    """Private elements come without their creator."""

    def edit(root: Any) -> bool:
        for dataset, tag, _ in attributes(root):
            if tag[3] in "13579BDF" and tag[4:] > "00FF" and dataset.pop(f"{tag[:4]}00{tag[4:6]}", None):
                return True
        return False

    return bent(x, edit)


@private.mutant(defects="M-XM-03")
def block_is_zeroed(x: Exchange) -> Answer | None:
    """A private tag is written as in XML, without its block."""

    def edit(root: Any) -> bool:
        for dataset, tag, attribute in attributes(root):
            if tag[3] in "13579BDF" and tag[4:] > "00FF":
                del dataset[tag]
                dataset[f"{tag[:4]}00{tag[6:]}"] = attribute
                rows = sorted(dataset.items())
                dataset.clear()
                dataset.update(rows)
                return True
        return False

    return bent(x, edit)
