"""Rules of PS3.19 A.1.1, A.1.5 and A.1.6 on a document: XML, root, grammar, tags, keywords, VRs, private attributes.

Must not know what is in the attributes, nor services.
"""

from __future__ import annotations

from harness.exchange import Answer, Exchange
from harness.rule import SHOULD
from suites.model.altered import of_type
from suites.model.xml.documents import XML, of_codes, sub, with_private

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
    return sub(x, rb"</NativeDicomModel>", b"")


@well_formed.mutant(defects="M-XM-07")
def control_character(x: Exchange) -> Answer | None:
    """A control character stands in a value."""
    return sub(x, rb'(<Value number="1">)', rb"\1&#x1b;")


@well_formed.mutant
def another_encoding(x: Exchange) -> Answer | None:
    """The document is not in the encoding that it declares."""
    return sub(x, rb'(vr="LO"[^>]*><Value number="1">)', b"\\1\xe9")


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
    return sub(x, rb' xmlns="[^"]*"', b"")


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
    return sub(x, rb' xml:space="preserve"', b"")


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
    return sub(x, rb"<DicomAttribute ", b'<DicomAttribute name="x" ')


@grammar.mutant
def text_between(x: Exchange) -> Answer | None:
    """Text stands outside of values."""
    return sub(x, rb"</DicomAttribute>", b"text</DicomAttribute>")


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
    return sub(x, rb'tag="0020000D"', b'tag="0020000d"')


@tags.mutant
def attribute_twice(x: Exchange) -> Answer | None:
    """An attribute stands twice."""
    return sub(
        x, rb'(<DicomAttribute [^>]*vr="(?:CS|DA|LO)"[^>]*><Value [^>]*>[^<]*</Value></DicomAttribute>)', rb"\1\1"
    )


@tags.mutant
def no_tag(x: Exchange) -> Answer | None:
    """An attribute has no tag."""
    return sub(x, rb' tag="[^"]*"', b"")


lengths = of_codes(
    "xml.no-group-length",
    ("xml.group-length",),
    cites="PS3.19 A.1.1",
    verifies="PS3.19-A.1.1-2",
    says="No group length stands in a document.",
)


def _first(x: Exchange, attribute: bytes) -> Answer | None:
    """The answer with one attribute more at the beginning of each document."""
    return sub(x, rb"(<NativeDicomModel[^>]*>)", rb"\1" + attribute)


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
    return sub(x, rb' keyword="[^"]*"', b"", count=0)


@keywords.mutant(defects="M-XM-02")
def old_keyword(x: Exchange) -> Answer | None:
    """A keyword is written otherwise than in PS3.6."""
    return sub(x, rb'keyword="PatientName"', b'keyword="PatientsName"')


vrs = of_codes(
    "xml.vr",
    ("xml.vr-missing", "xml.vr-unknown", "xml.vr-dictionary"),
    cites="PS3.19 Table A.1.5-2; A.1.6",
    verifies="PS3.19-A.1.5-8",
    inherited=True,
    soft=("xml.vr-missing",),  # optional in the table, mandatory in the schema (D-22)
    says="Attributes have the vr that PS3.6 gives them.",
)


@vrs.mutant
def vr_of_another(x: Exchange) -> Answer | None:
    """Code strings are called LO."""
    return sub(x, rb' vr="CS"', b' vr="LO"')


@vrs.mutant
def vr_unknown(x: Exchange) -> Answer | None:
    """A vr is none of PS3.5."""
    return sub(x, rb' vr="DA"', b' vr="DX"')


private = of_codes(
    "xml.private",
    ("xml.private-tag", "xml.private-creator-missing", "xml.private-creator-standard"),
    cites="PS3.19 Table A.1.5-2",
    verifies=("PS3.19-A.1.5-6", "PS3.19-A.1.5-7"),
    when=with_private,
    says="A private attribute has its creator in privateCreator and no block in its tag; others have no creator.",
)


@private.mutant(defects="M-JS-42")
def no_creator(x: Exchange) -> Answer | None:
    """privateCreator is missing."""
    return sub(x, rb' privateCreator="[^"]*"', b"")


@private.mutant
def block_in_the_tag(x: Exchange) -> Answer | None:
    """A private tag keeps its block."""
    return sub(x, rb'tag="(0099)00(..)"', rb'tag="\g<1>10\g<2>"')


@private.mutant(defects="M-XM-03")
def creator_for_all(x: Exchange) -> Answer | None:
    """A standard attribute has a privateCreator."""
    return sub(x, rb'(tag="0020000D")', rb'\1 privateCreator="NONE"')
