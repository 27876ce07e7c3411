"""Rules of the Native DICOM Model (PS3.19 A.1) on every application/dicom+xml document.

Must not know which service a document belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.exchange import Answer, Exchange
from harness.rule import BOTH, SHALL, SHOULD, STANDARD, Finding, Level, Rule, rule, untested
from harness.wire import native_xml
from suites.model.altered import of_type

XML = "application/dicom+xml"
ON = "web|file.xml"
RULE_OF: dict[str, str] = {}  # code of the reader -> the one rule that judges it
# Legal: values need no padding (A.1.1), which does not say that they must have none.
LEGAL = {"xml.value-space": "PS3.19 A.1.1 does not require padding, and does not forbid spaces that are padding"}
_PAIR = tuple[str, native_xml.Reading]


def _documents(x: Exchange) -> Iterator[_PAIR]:
    """The documents of an exchange. What our own probes send is no product's doing."""
    for number, reading in enumerate(x.ask.documents if not x.probe else (), 1):
        yield f"ask document {number}", reading
    for number, reading in enumerate(x.answer.documents if x.answer.body.size else (), 1):
        yield f"document {number}", reading


def _attributes(dataset: native_xml.DataSet) -> Iterator[native_xml.Attribute]:
    for attribute in dataset.attributes:
        yield attribute
        for item in attribute.items:
            yield from _attributes(item)


def with_content(*contents: str) -> Callable[[native_xml.Reading], bool]:
    """An attribute has one of these kinds of content ("" for length zero)."""
    return lambda reading: any(a.content in contents for d in reading.datasets for a in _attributes(d))


def _any(reading: native_xml.Reading) -> bool:
    return any(d.attributes for d in reading.datasets)


def _private(reading: native_xml.Reading) -> bool:
    return any(a.tag[3:4] in "13579BDF" for d in reading.datasets for a in _attributes(d) if a.tag)


def of_codes(
    id: str,
    codes: tuple[str, ...],
    *,
    cites: str,
    says: str,
    verifies: str | tuple[str, ...] = (),
    level: Level = SHALL,
    when: Callable[[native_xml.Reading], bool] = _any,
    soft: tuple[str, ...] = (),
) -> Rule[Exchange]:
    """A rule over flaws of the reader; `soft` are codes that only warn."""
    for code in codes:
        RULE_OF[code] = id if code not in RULE_OF else f"{RULE_OF[code]} and {id}"

    def exercised(x: Exchange) -> bool:
        return any(when(r) or any(c in r.flaws.counts for c in codes) for _, r in _documents(x))

    def judgement(x: Exchange) -> Iterator[Finding]:
        for where, reading in _documents(x):
            for flaw in reading.flaws.kept:
                if flaw.code in codes:
                    yield Finding(flaw.got, flaw.want, f"{where} {flaw.where}", warn=flaw.code in soft)

    return rule(
        id, cites=cites, says=says, verifies=verifies, level=level, who=BOTH, on=ON, basis=STANDARD, when=exercised
    )(judgement)


def _sub(x: Exchange, pattern: bytes, new: bytes, count: int = 1) -> Answer | None:
    """The answer with a pattern replaced in each of its documents."""
    return of_type(x, XML, lambda octets: re.sub(pattern, new, octets, count=count, flags=re.DOTALL))


well_formed = of_codes(
    "xml.is-xml",
    ("xml.syntax", "xml.doctype", "xml.declaration", "xml.too-large", "xml.depth"),
    cites="PS3.19 A.1.5; XML 1.0",
    verifies=("PS3.19-A.1.6-2", "PS3.19-A.1.5-15"),
    when=lambda reading: True,
    soft=("xml.declaration", "xml.too-large", "xml.depth"),
    says="A document of application/dicom+xml is well-formed XML, in the encoding that it declares.",
)


@well_formed.mutant
def unclosed(x: Exchange) -> Answer | None:
    """The root element is not closed."""
    return _sub(x, rb"</NativeDicomModel>", b"")


@well_formed.mutant(defects="M-XM-07")
def control_character(x: Exchange) -> Answer | None:
    """A control character stands in a value."""
    return _sub(x, rb'(<Value number="1">)', rb"\1&#x1b;")


@well_formed.mutant
def another_encoding(x: Exchange) -> Answer | None:
    """The document is not in the encoding that it declares."""
    return _sub(x, rb'(vr="LO"[^>]*><Value number="1">)', b"\\1\xe9")


root = of_codes(
    "xml.root",
    ("xml.root",),
    cites="PS3.19 A.1.5",
    verifies="PS3.19-A.1.5-1",
    when=lambda reading: bool(reading.root),
    says="The root element is NativeDicomModel.",
)


@root.mutant
def another_root(x: Exchange) -> Answer | None:
    """The root element is called DicomDataSet."""
    return of_type(x, XML, lambda octets: octets.replace(b"NativeDicomModel", b"DicomDataSet"))


namespace = of_codes(
    "xml.namespace",
    ("xml.namespace",),
    cites="PS3.19 A.1.6",
    verifies="PS3.19-A.1.6-1",
    level=SHOULD,  # the schema has it, the examples of PS3.18 do not (D-22)
    says="Elements are in the namespace of the Native DICOM Model.",
)


@namespace.mutant
def no_namespace(x: Exchange) -> Answer | None:
    """Elements are in no namespace."""
    return _sub(x, rb' xmlns="[^"]*"', b"")


space = of_codes(
    "xml.space-preserved",
    ("xml.space",),
    cites="PS3.19 Table A.1.5-2",
    verifies="PS3.19-A.1.5-2",
    soft=("xml.space",),  # the schema of A.1.6 has no such attribute (D-22)
    says='The root element says xml:space="preserve".',
)


@space.mutant
def space_is_not_preserved(x: Exchange) -> Answer | None:
    """xml:space is missing."""
    return _sub(x, rb' xml:space="preserve"', b"")


grammar = of_codes(
    "xml.grammar",
    ("xml.element", "xml.attribute", "xml.text"),
    cites="PS3.19 A.1.5; A.1.6",
    verifies=("PS3.19-A.1.6-2", "PS3.19-A.1.5-3"),
    says="Elements, XML attributes and text are those of the model, at its places.",
)


@grammar.mutant(defects="M-XM-02")
def element_with_another_name(x: Exchange) -> Answer | None:
    """DicomAttribute is called Attribute."""
    return of_type(x, XML, lambda octets: octets.replace(b"DicomAttribute", b"Attribute"))


@grammar.mutant
def group_with_another_name(x: Exchange) -> Answer | None:
    """The alphabetic group is called SingleByte."""
    return of_type(x, XML, lambda octets: octets.replace(b"Alphabetic>", b"SingleByte>"))


@grammar.mutant
def another_attribute(x: Exchange) -> Answer | None:
    """DicomAttribute has a name."""
    return _sub(x, rb"<DicomAttribute ", b'<DicomAttribute name="x" ')


@grammar.mutant
def text_between(x: Exchange) -> Answer | None:
    """Text stands outside of values."""
    return _sub(x, rb"</DicomAttribute>", b"text</DicomAttribute>")


tags = of_codes(
    "xml.tags",
    ("xml.tag-missing", "xml.tag-syntax", "xml.tag-case", "xml.delimiter-tag", "xml.duplicate"),
    cites="PS3.19 Table A.1.5-2",
    verifies="PS3.19-A.1.5-5",
    says="Every attribute has a tag of eight upper-case hexadecimal digits, once in a data set.",
)


@tags.mutant
def small_letters(x: Exchange) -> Answer | None:
    """Tags are in lower case."""
    return _sub(x, rb'tag="0020000D"', b'tag="0020000d"')


@tags.mutant
def attribute_twice(x: Exchange) -> Answer | None:
    """An attribute stands twice."""
    return _sub(
        x, rb'(<DicomAttribute [^>]*vr="(?:CS|DA|LO)"[^>]*><Value [^>]*>[^<]*</Value></DicomAttribute>)', rb"\1\1"
    )


@tags.mutant
def no_tag(x: Exchange) -> Answer | None:
    """An attribute has no tag."""
    return _sub(x, rb' tag="[^"]*"', b"")


lengths = of_codes(
    "xml.no-group-length",
    ("xml.group-length",),
    cites="PS3.19 A.1.1",
    verifies="PS3.19-A.1.1-2",
    says="No group length stands in a document.",
)


def _first(x: Exchange, attribute: bytes) -> Answer | None:
    """The answer with one attribute more at the beginning of each document."""
    return _sub(x, rb"(<NativeDicomModel[^>]*>)", rb"\1" + attribute)


@lengths.mutant
def group_length(x: Exchange) -> Answer | None:
    """The length of group 0008 is included."""
    return _first(x, b'<DicomAttribute tag="00080000" vr="UL"><Value number="1">9</Value></DicomAttribute>')


no_meta = of_codes(
    "xml.no-file-meta",
    ("xml.group-0000", "xml.group-0002"),
    cites="PS3.18 10.4.1.1.2; PS3.10 7.1",
    verifies="PS3.18-10.4.1.1.2-2",
    says="Neither File Meta Information nor command elements stand in a document.",
)


@no_meta.mutant
def transfer_syntax(x: Exchange) -> Answer | None:
    """The transfer syntax is included."""
    uid = b'<Value number="1">1.2.840.10008.1.2.1</Value>'
    return _first(
        x, b'<DicomAttribute tag="00020010" vr="UI" keyword="TransferSyntaxUID">' + uid + b"</DicomAttribute>"
    )


keywords = of_codes(
    "xml.keywords",
    ("xml.keyword-missing", "xml.keyword", "xml.keyword-private"),
    cites="PS3.19 Table A.1.5-2; PS3.6 6",
    verifies="PS3.19-A.1.5-4",
    soft=("xml.keyword-private",),
    says="Attributes carry the keyword that PS3.6 gives them.",
)


@keywords.mutant
def no_keyword(x: Exchange) -> Answer | None:
    """Keywords are missing."""
    return _sub(x, rb' keyword="[^"]*"', b"", count=0)


@keywords.mutant(defects="M-XM-02")
def old_keyword(x: Exchange) -> Answer | None:
    """A keyword is written otherwise than in PS3.6."""
    return _sub(x, rb'keyword="PatientName"', b'keyword="PatientsName"')


vrs = of_codes(
    "xml.vr",
    ("xml.vr-missing", "xml.vr-unknown", "xml.vr-dictionary"),
    cites="PS3.19 Table A.1.5-2; A.1.6",
    verifies="PS3.19-A.1.5-8",
    soft=("xml.vr-missing",),  # optional in the table, mandatory in the schema (D-22)
    says="Attributes have the vr that PS3.6 gives them.",
)


@vrs.mutant
def vr_of_another(x: Exchange) -> Answer | None:
    """Code strings are called LO."""
    return _sub(x, rb' vr="CS"', b' vr="LO"')


@vrs.mutant
def vr_unknown(x: Exchange) -> Answer | None:
    """A vr is none of PS3.5."""
    return _sub(x, rb' vr="DA"', b' vr="DX"')


private = of_codes(
    "xml.private",
    ("xml.private-tag", "xml.private-creator-missing", "xml.private-creator-standard"),
    cites="PS3.19 Table A.1.5-2",
    verifies=("PS3.19-A.1.5-6", "PS3.19-A.1.5-7"),
    when=_private,
    says="A private attribute has its creator in privateCreator and no block in its tag; others have no creator.",
)


@private.mutant(defects="M-JS-42")
def no_creator(x: Exchange) -> Answer | None:
    """privateCreator is missing."""
    return _sub(x, rb' privateCreator="[^"]*"', b"")


@private.mutant
def block_in_the_tag(x: Exchange) -> Answer | None:
    """A private tag keeps its block."""
    return _sub(x, rb'tag="(0099)00(..)"', rb'tag="\g<1>10\g<2>"')


@private.mutant(defects="M-XM-03")
def creator_for_all(x: Exchange) -> Answer | None:
    """A standard attribute has a privateCreator."""
    return _sub(x, rb'(tag="0020000D")', rb'\1 privateCreator="NONE"')


content = of_codes(
    "xml.one-content",
    ("xml.content-exclusive", "xml.content-repeated"),
    cites="PS3.19 Table A.1.5-2",
    verifies=("PS3.19-A.1.5-9", "PS3.19-A.1.5-19"),
    when=with_content("Value", "Item", "PersonName", "BulkData", "InlineBinary"),
    says="An attribute has one kind of content, and one BulkData or InlineBinary for its whole value field.",
)


@content.mutant
def value_and_bulk(x: Exchange) -> Answer | None:
    """An attribute has values and a reference."""
    return _sub(x, rb'(<Value number="1">)', rb'<BulkData uri="http://example.org/x"/>\1')


fits = of_codes(
    "xml.content-fits-the-vr",
    ("xml.value-vr", "xml.item-vr", "xml.person-name-vr", "xml.inline-vr"),
    cites="PS3.19 Table A.1.5-2",
    verifies=("PS3.19-A.1.5-10", "PS3.19-A.1.5-16", "PS3.19-A.1.5-17", "PS3.19-A.1.5-20"),
    when=with_content("Value", "Item", "PersonName", "InlineBinary"),
    says="Item is for SQ, PersonName for PN, InlineBinary for the binary VRs, Value for the others.",
)


@fits.mutant
def name_as_a_value(x: Exchange) -> Answer | None:
    """A person name is a Value."""
    return _sub(x, rb"<PersonName.*?</PersonName>", b'<Value number="1">A^B</Value>')


@fits.mutant
def text_inline(x: Exchange) -> Answer | None:
    """A code string is base64."""
    return _sub(x, rb'(vr="CS"[^>]*>)<Value[^>]*>[^<]*</Value>', rb"\1<InlineBinary>QUFB</InlineBinary>")


numbers = of_codes(
    "xml.numbers",
    ("xml.number-missing", "xml.number"),
    cites="PS3.19 Tables A.1.5-3 to A.1.5-5",
    verifies="PS3.19-A.1.5-11",
    when=with_content("Value", "Item", "PersonName"),
    says="Values, items and person names are numbered from 1 by 1.",
)


@numbers.mutant
def counted_from_zero(x: Exchange) -> Answer | None:
    """Values are counted from 0."""
    return _sub(x, rb'<Value number="1">', b'<Value number="0">')


@numbers.mutant
def not_counted(x: Exchange) -> Answer | None:
    """Values have no number."""
    return _sub(x, rb'<Value number="1">', b"<Value>")


empty = of_codes(
    "xml.empty",
    ("xml.only-empty", "xml.single-valued"),
    cites="PS3.19 Tables A.1.5-2, A.1.5-3; PS3.5 6.4",
    verifies=("PS3.19-A.1.5-12", "PS3.19-A.1.5-13"),
    when=with_content(""),
    says="An attribute of length zero has no content, and a text that has only one value is not split.",
)


@empty.mutant
def empty_value(x: Exchange) -> Answer | None:
    """An attribute of length zero has an empty Value."""
    return _sub(
        x, rb'(<DicomAttribute [^>]*vr="(?:LO|SH|CS|DA|DS)"[^>]*)/>', rb'\1><Value number="1"/></DicomAttribute>'
    )


people = of_codes(
    "xml.person-names",
    ("xml.person-name-group", "xml.person-name-component", "xml.person-name-delimiter"),
    cites="PS3.19 Tables A.1.5-5, A.1.5-6; A.1.6",
    verifies="PS3.19-A.1.5-17",
    when=with_content("PersonName"),
    says="A person name has its component groups, and each its components, in the order of the schema.",
)


@people.mutant
def group_twice(x: Exchange) -> Answer | None:
    """The alphabetic group stands twice."""
    return _sub(x, rb"(<Alphabetic>.*?</Alphabetic>)", rb"\1\1")


@people.mutant
def name_in_one_component(x: Exchange) -> Answer | None:
    """A whole name stands in FamilyName."""
    return _sub(x, rb"<FamilyName>([^<]*)<", rb"<FamilyName>\1^X<")


at = of_codes(
    "xml.attribute-tags",
    ("xml.at",),
    cites="PS3.19 Table A.1.5-3",
    verifies="PS3.19-A.1.5-14",
    when=lambda reading: any(a.vr == "AT" and a.values for d in reading.datasets for a in _attributes(d)),
    says="A value of AT is a tag in eight upper-case hexadecimal digits.",
)


@at.mutant
def tag_in_brackets(x: Exchange) -> Answer | None:
    """A tag is written with brackets and a comma."""
    return _sub(x, rb'(vr="AT"[^>]*><Value number="1">)(....)(....)', rb"\1(\2,\3)")


values = of_codes(
    "xml.values",
    ("xml.number-form", "xml.number-range",
     *sorted(c for c in native_xml.CODES if c.startswith("xml.value-") and c not in ("xml.value-vr", *LEGAL))),
    cites="PS3.19 A.1.1; PS3.5 6.2",
    verifies=("PS3.19-A.1.1-1", "PS3.19-A.1.5-15"),
    when=with_content("Value", "PersonName"),
    says="Values have the repertoire, the length, the form and the range of their VR.",
)  # fmt: skip


@values.mutant
def date_with_hyphens(x: Exchange) -> Answer | None:
    """A date is written with hyphens."""
    return _sub(x, rb'(vr="DA"[^>]*><Value number="1">....)(..)', rb"\1-\2-")


@values.mutant
def number_with_a_unit(x: Exchange) -> Answer | None:
    """A number carries text."""
    return _sub(x, rb'(vr="(?:US|SS|UL)"[^>]*><Value number="1">)', rb"\1px ")


bulk = of_codes(
    "xml.bulkdata",
    ("xml.bulkdata-reference", "xml.bulkdata-uri", "xml.bulkdata-uuid"),
    cites="PS3.19 Table A.1.5-2",
    verifies="PS3.19-A.1.5-18",
    when=with_content("BulkData"),
    says="BulkData has one of uri and uuid, and it is well-formed.",
)


@bulk.mutant
def uri_in_capitals(x: Exchange) -> Answer | None:
    """The uri attribute is called URI."""
    return _sub(x, rb"<BulkData uri=", b"<BulkData URI=")


@bulk.mutant
def uri_with_a_space(x: Exchange) -> Answer | None:
    """A URI has a space."""
    return _sub(x, rb'<BulkData uri="', b'<BulkData uri="pixel data ')


inline = of_codes(
    "xml.inline-binary",
    ("xml.inline-base64", "xml.inline-size"),
    cites="PS3.19 A.1.5; A.1.6",
    verifies="PS3.19-A.1.5-20",
    when=with_content("InlineBinary"),
    says="InlineBinary is base64 of whole words of its VR.",
)


@inline.mutant
def inline_in_hexadecimal(x: Exchange) -> Answer | None:
    """Inline octets are written with a prefix."""
    return _sub(x, rb"<InlineBinary>", b"<InlineBinary>0x:")


untested("PS3.19-A.1.1-3", why="binds who converts XML back to PS3.5; shown by storing XML, which is not asked yet")
