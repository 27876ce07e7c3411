"""Rules of PS3.19 A.1.5 on what attributes hold: kinds of content, numbers, names, values, bulk data, inline binary.

Must not know the document around them, nor services.
"""

from __future__ import annotations

from harness.exchange import Answer, Exchange
from harness.rule import untested
from harness.wire import native_xml
from suites.model.xml.documents import attributes, of_codes, sub, with_content

# Legal: values need no padding (A.1.1), which does not say that they must have none.
LEGAL = {"xml.value-space": "PS3.19 A.1.1 does not require padding, and does not forbid spaces that are padding"}

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
    return sub(x, rb'(<Value number="1">)', rb'<BulkData uri="http://example.org/x"/>\1')


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
    return sub(x, rb"<PersonName.*?</PersonName>", b'<Value number="1">A^B</Value>')


@fits.mutant
def text_inline(x: Exchange) -> Answer | None:
    """A code string is base64."""
    return sub(x, rb'(vr="CS"[^>]*>)<Value[^>]*>[^<]*</Value>', rb"\1<InlineBinary>QUFB</InlineBinary>")


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
    return sub(x, rb'<Value number="1">', b'<Value number="0">')


@numbers.mutant
def not_counted(x: Exchange) -> Answer | None:
    """Values have no number."""
    return sub(x, rb'<Value number="1">', b"<Value>")


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
    return sub(
        x, rb'(<DicomAttribute [^>]*vr="(?:LO|SH|CS|DA|DS)"[^>]*)/>', rb'\1><Value number="1"/></DicomAttribute>'
    )


multiplicity = of_codes(
    "xml.multiplicity",
    ("xml.multiplicity",),
    cites="PS3.5 6.4; PS3.6 6",
    verifies="ENC-VR-013",
    when=with_content("Value", "PersonName"),
    inherited=True,
    says="An attribute has as many values as PS3.6 lets it have.",
)


@multiplicity.mutant
def two_modalities(x: Exchange) -> Answer | None:
    """Modality has two values."""
    return sub(x, rb'(tag="00080060"[^>]*><Value number="1">[^<]*</Value>)', rb'\1<Value number="2">OT</Value>')


@multiplicity.mutant
def two_patients(x: Exchange) -> Answer | None:
    """A patient has two names."""
    second = rb'\1<PersonName number="2"><Alphabetic><FamilyName>X</FamilyName></Alphabetic></PersonName>'
    return sub(x, rb'(tag="00100010"[^>]*><PersonName number="1">.*?</PersonName>)', second)


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
    return sub(x, rb"(<Alphabetic>.*?</Alphabetic>)", rb"\1\1")


@people.mutant
def name_in_one_component(x: Exchange) -> Answer | None:
    """A whole name stands in FamilyName."""
    return sub(x, rb"<FamilyName>([^<]*)<", rb"<FamilyName>\1^X<")


at = of_codes(
    "xml.attribute-tags",
    ("xml.at",),
    cites="PS3.19 Table A.1.5-3",
    verifies="PS3.19-A.1.5-14",
    when=lambda reading: any(a.vr == "AT" and a.values for d in reading.datasets for a in attributes(d)),
    says="A value of AT is a tag in eight upper-case hexadecimal digits.",
)


@at.mutant
def tag_in_brackets(x: Exchange) -> Answer | None:
    """A tag is written with brackets and a comma."""
    return sub(x, rb'(vr="AT"[^>]*><Value number="1">)(....)(....)', rb"\1(\2,\3)")


values = of_codes(
    "xml.values",
    ("xml.number-form", "xml.number-range",
     *sorted(c for c in native_xml.CODES if c.startswith("xml.value-") and c not in ("xml.value-vr", *LEGAL))),
    cites="PS3.19 A.1.1; PS3.5 6.2",
    verifies=("PS3.19-A.1.1-1", "PS3.19-A.1.5-15"),
    inherited=True,
    when=with_content("Value", "PersonName"),
    says="Values have the repertoire, the length, the form and the range of their VR.",
)  # fmt: skip


@values.mutant
def date_with_hyphens(x: Exchange) -> Answer | None:
    """A date is written with hyphens."""
    return sub(x, rb'(vr="DA"[^>]*><Value number="1">....)(..)', rb"\1-\2-")


@values.mutant
def number_with_a_unit(x: Exchange) -> Answer | None:
    """A number carries text."""
    return sub(x, rb'(vr="(?:US|SS|UL)"[^>]*><Value number="1">)', rb"\1px ")


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
    return sub(x, rb"<BulkData uri=", b"<BulkData URI=")


@bulk.mutant
def uri_with_a_space(x: Exchange) -> Answer | None:
    """A URI has a space."""
    return sub(x, rb'<BulkData uri="', b'<BulkData uri="pixel data ')


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
    return sub(x, rb"<InlineBinary>", b"<InlineBinary>0x:")


untested("PS3.19-A.1.1-3", why="binds who converts XML back to PS3.5; shown by storing XML, which is not asked yet")
