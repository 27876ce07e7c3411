"""Tests of the strict reading of the Native DICOM Model in XML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.body import Body
from harness.wire import dicom_json, native_xml
from harness.wire.native_xml import CODES, NAMESPACE, NOTES, Reading, keyword_of, read, to_json
from tests.steps import steps

WHOLE = """
  <DicomAttribute tag="00080005" vr="CS" keyword="SpecificCharacterSet">
    <Value number="1">ISO_IR 192</Value>
  </DicomAttribute>
  <DicomAttribute tag="00080008" vr="CS" keyword="ImageType">
    <Value number="1">ORIGINAL</Value><Value number="2"/><Value number="3">AXIAL</Value>
  </DicomAttribute>
  <DicomAttribute tag="00080050" vr="SH" keyword="AccessionNumber"/>
  <DicomAttribute tag="00090001" vr="UN" privateCreator="ACME"><InlineBinary>AA
    E=</InlineBinary></DicomAttribute>
  <DicomAttribute tag="00090001" vr="LO" privateCreator="OTHER"><Value number="1">x</Value></DicomAttribute>
  <DicomAttribute tag="00100010" vr="PN" keyword="PatientName">
    <PersonName number="1">
      <Alphabetic><FamilyName>Yamada</FamilyName><GivenName>Tarou</GivenName><NameSuffix>Dr</NameSuffix></Alphabetic>
      <Ideographic><FamilyName>\u5c71\u7530</FamilyName></Ideographic>
    </PersonName>
  </DicomAttribute>
  <DicomAttribute tag="00189073" vr="FD" keyword="AcquisitionDuration"><Value number="1">1.5e3</Value></DicomAttribute>
  <DicomAttribute tag="00280009" vr="AT" keyword="FrameIncrementPointer">
    <Value number="1">00181063</Value>
  </DicomAttribute>
  <DicomAttribute tag="00280010" vr="US" keyword="Rows"><Value number="1">512</Value></DicomAttribute>
  <DicomAttribute tag="00281050" vr="DS" keyword="WindowCenter"><Value number="1">40.0</Value></DicomAttribute>
  <DicomAttribute tag="00400275" vr="SQ" keyword="RequestAttributesSequence">
    <Item number="1"><DicomAttribute tag="00400007" vr="LO" keyword="ScheduledProcedureStepDescription"/></Item>
    <Item number="2"/>
  </DicomAttribute>
  <DicomAttribute tag="7FE00010" vr="OW" keyword="PixelData"><BulkData uri="https://x/bulkdata/1"/></DicomAttribute>
"""


def of(content: str, head: str = f'xmlns="{NAMESPACE}" xml:space="preserve"') -> Reading:
    return read(Body.of(f'<?xml version="1.0"?><NativeDicomModel {head}>{content}</NativeDicomModel>'.encode()))


def codes(reading: Reading) -> set[str]:
    return set(reading.flaws.counts)


def test_a_correct_document_has_no_flaw() -> None:
    reading = of(WHOLE)
    assert reading.flaws.kept == []
    assert reading.root == "NativeDicomModel"
    dataset = reading.datasets[0]
    name = dataset.get("00100010")
    assert name is not None
    assert name.values == ({"Alphabetic": "Yamada^Tarou^^^Dr", "Ideographic": "\u5c71\u7530"},)
    private = dataset.get("00090001", "OTHER")
    assert private is not None
    assert private.values == ("x",)
    assert dataset.get("00100020") is None
    assert codes(of("")) == set()


def test_the_mapping_to_json() -> None:
    made = to_json(of(WHOLE).datasets[0])
    assert made == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
        "00080050": {"vr": "SH"},
        "00090010": {"vr": "LO", "Value": ["ACME"]},
        "00090011": {"vr": "LO", "Value": ["OTHER"]},
        "00091001": {"vr": "UN", "InlineBinary": "AAE="},
        "00091101": {"vr": "LO", "Value": ["x"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou^^^Dr", "Ideographic": "\u5c71\u7530"}]},
        "00189073": {"vr": "FD", "Value": [1500.0]},
        "00280009": {"vr": "AT", "Value": ["00181063"]},
        "00280010": {"vr": "US", "Value": [512]},
        "00281050": {"vr": "DS", "Value": ["40.0"]},
        "00400275": {"vr": "SQ", "Value": [{"00400007": {"vr": "LO"}}, {}]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "https://x/bulkdata/1"},
    }
    assert list(made) == sorted(made)
    assert dicom_json.check(made).kept == []


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "xml.syntax"),
        (b"{}", "xml.syntax"),
        (b"<a>", "xml.syntax"),
        (b"<a/><b/>", "xml.syntax"),
        (b"\xff\xfe", "xml.syntax"),
        (b"<a>&nbsp;</a>", "xml.syntax"),
        (b"<NativeDicomModels/>", "xml.root"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><NativeDicomModel/>', "xml.doctype"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><NativeDicomModel/>'.encode("utf-16"), "xml.doctype"),
        (b"<a>" * 300 + b"</a>" * 300, "xml.too-large"),
        (b"<NativeDicomModel><a>" + b"x" * 11_000_000 + b"</a></NativeDicomModel>", "xml.too-large"),
    ],
)
def test_departures_of_the_document(octets: bytes, code: str) -> None:
    reading = read(Body.of(octets))
    assert codes(reading) == {code}
    assert reading.datasets == ()


def test_a_document_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_xml, "LARGEST", 10)
    assert codes(of("")) == {"xml.too-large"}
    monkeypatch.undo()
    monkeypatch.setattr(native_xml, "MOST_TAGS", 10)
    assert codes(of("<a/>" * 10)) == {"xml.too-large"}


def test_a_cut_document_is_not_blamed_for_how_it_ends() -> None:
    assert codes(read(Body.of(b"<NativeDicomModel><Dicom", truncated=True))) == set()


def test_entities_are_never_expanded() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;">]>'
    reading = read(Body.of(f"{' ' * 0}<!-- {'x' * 5000} -->{bomb}<NativeDicomModel>&b;</NativeDicomModel>".encode()))
    assert codes(reading) == {"xml.doctype"}


def test_no_namespace_is_only_noted() -> None:
    reading = of(WHOLE, 'xml:space="preserve"')
    assert codes(reading) == {"xml.namespace"}
    assert codes(reading) <= NOTES
    assert reading.namespace == ""
    assert to_json(reading.datasets[0]) == to_json(of(WHOLE).datasets[0])


def test_the_declaration_of_an_example_in_the_standard() -> None:
    text = '<?xml version="1.0" encoding="UTF-8" xml:space="preserve" ?><NativeDicomModel></NativeDicomModel>'
    assert codes(read(Body.of(text.encode()))) == {"xml.declaration", "xml.namespace"}


def attribute(content: str = "", tag: str = "00100020", vr: str = "LO", more: str | None = None) -> str:
    keyword = keyword_of(tag) if len(tag) == 8 and tag.isalnum() and tag[0].isdigit() else ""
    more = f'keyword="{keyword}"' if more is None else more
    return f'<DicomAttribute tag="{tag}" vr="{vr}" {more}>{content}</DicomAttribute>'


def v(*values: str) -> str:
    return "".join(f'<Value number="{i}">{value}</Value>' for i, value in enumerate(values, 1))


def pn(group: str) -> str:
    return attribute(f'<PersonName number="1">{group}</PersonName>', "00100010", "PN")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<Dicom/>", "element"),
        ('<DicomAttribute xmlns="urn:x" tag="00100020" vr="LO"/>', "element"),
        ("text", "text"),
        (attribute("text"), "text"),
        (attribute(v("a") + "text"), "text"),
        (attribute("<Value number='1'>a<b/></Value>"), "element"),
        (attribute("<value number='1'>a</value>"), "element"),
        (attribute(v("a"), more='keyword="PatientID" name="x"'), "attribute"),
        (attribute("<Value number='1' vm='1'>a</Value>"), "attribute"),
        ("<DicomAttribute/>", "tag-missing"),
        (attribute(tag="(0010,0020)"), "tag-syntax"),
        ('<DicomAttribute tag="7fe00010" vr="OW" keyword="PixelData"/>', "tag-case"),
        (attribute() * 2, "duplicate"),
        (attribute(tag="00080000", vr="UL", more=""), "group-length"),
        (attribute(tag="00000002", vr="UI"), "group-0000"),
        (attribute(tag="00020010", vr="UI"), "group-0002"),
        (attribute(tag="FFFEE000", vr="UN", more='keyword="Item"'), "delimiter-tag"),
        (attribute(more=""), "keyword-missing"),
        (attribute(more='keyword="PatientsID"'), "keyword"),
        (attribute(tag="00090001", more='privateCreator="A" keyword="X"'), "keyword-private"),
        ('<DicomAttribute tag="00100020" keyword="PatientID"/>', "vr-missing"),
        (attribute(vr="XX"), "vr-unknown"),
        (attribute(vr="SH"), "vr-dictionary"),
        (attribute(tag="00091001", more='privateCreator="A"'), "private-tag"),
        (attribute(tag="00090001", more=""), "private-creator-missing"),
        (attribute(more='keyword="PatientID" privateCreator="A"'), "private-creator-standard"),
        (attribute(v("1") + '<BulkData uri="x"/>', "00280010", "US"), "content-exclusive"),
        (attribute('<BulkData uri="x"/><BulkData uri="y"/>', "7FE00010", "OW"), "content-repeated"),
        (attribute(v("a"), "00081140", "SQ"), "value-vr"),
        (attribute(v("a"), "00100010", "PN"), "value-vr"),
        (attribute("<Item number='1'/>"), "item-vr"),
        (attribute("<PersonName number='1'><Alphabetic><FamilyName>A</FamilyName></Alphabetic></PersonName>"),
         "person-name-vr"),
        (attribute("<InlineBinary>AAAA</InlineBinary>"), "inline-vr"),
        (attribute("<Value>a</Value>"), "number-missing"),
        (attribute("<Value number='0'>a</Value>"), "number"),
        (attribute("<Value number='1'>a</Value><Value number='1'>b</Value>", "00081080"), "number"),
        (attribute(v("")), "only-empty"),
        (attribute("<InlineBinary/>", "7FE00010", "OW"), "only-empty"),
        (pn(""), "only-empty"),
        (attribute(v("a", "b"), "00104000", "LT"), "single-valued"),
        (attribute(v("7fe00010"), "00280009", "AT"), "at"),
        (attribute(v("x"), "00280010", "US"), "number-form"),
        (attribute(v(" 1"), "00280010", "US"), "number-form"),
        (attribute(v("1,5"), "00189073", "FD"), "number-form"),
        (attribute(v("65536"), "00280010", "US"), "number-range"),
        (pn("<Alphabetic><FamilyName>A</FamilyName></Alphabetic>" * 2), "person-name-group"),
        (pn("<Phonetic><FamilyName>A</FamilyName></Phonetic><Alphabetic><FamilyName>A</FamilyName></Alphabetic>"),
         "person-name-group"),
        (pn("<Alphabetic><GivenName>B</GivenName><FamilyName>A</FamilyName></Alphabetic>"), "person-name-component"),
        (pn("<Alphabetic><FamilyName>A^B</FamilyName></Alphabetic>"), "person-name-delimiter"),
        (pn("<Alphabetic>A^B</Alphabetic>"), "text"),
        (pn("<Alphabetic><Name>A</Name></Alphabetic>"), "element"),
        (pn(f"<Alphabetic><FamilyName>{'x' * 65}</FamilyName></Alphabetic>"), "value-length"),
        (attribute("<BulkData/>", "7FE00010", "OW"), "bulkdata-reference"),
        (attribute('<BulkData uri="x" uuid="01234567-0123-0123-0123-0123456789ab"/>', "7FE00010", "OW"),
         "bulkdata-reference"),
        (attribute('<BulkData uri="a b"/>', "7FE00010", "OW"), "bulkdata-uri"),
        (attribute('<BulkData uuid="1"/>', "7FE00010", "OW"), "bulkdata-uuid"),
        (attribute("<InlineBinary>AA-_</InlineBinary>", "7FE00010", "OB"), "inline-base64"),
        (attribute("<InlineBinary>AAAA</InlineBinary>", "7FE00010", "OW"), "inline-size"),
        (attribute(v("x" * 65)), "value-length"),
        (attribute(v("ct"), "00080060", "CS"), "value-characters"),
        (attribute(v("1.02"), "0020000D", "UI"), "value-form"),
        (attribute(v("20230229"), "00080020", "DA"), "value-range"),
        (attribute(v("a\\b")), "value-backslash"),
        (attribute(v("a ")), "value-space"),
    ],
)  # fmt: skip
def test_departures_of_the_model(content: str, code: str) -> None:
    got = codes(of(content))
    assert f"xml.{code}" in got
    assert got - {f"xml.{code}"} <= {"xml.only-empty"}
    to_json(of(content).datasets[0])


def test_xml_space_is_demanded() -> None:
    assert codes(of("", f'xmlns="{NAMESPACE}"')) == {"xml.space"}
    assert codes(of("", f'xmlns="{NAMESPACE}" xml:space="default"')) == {"xml.space"}


def test_attributes_of_xml_schema_instances_are_legal() -> None:
    head = f'xmlns="{NAMESPACE}" xml:space="preserve" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    assert codes(of("", head + ' xsi:schemaLocation="a b"')) == set()


def test_deep_nesting_ends_at_the_bound() -> None:
    content = ""
    for _ in range(native_xml.DEEPEST + 2):
        content = attribute(f'<Item number="1">{content}</Item>', "00081140", "SQ")
    assert codes(of(content)) == {"xml.depth"}


def test_the_work_for_a_document_grows_as_its_size() -> None:
    def work(count: int) -> int:
        items = "".join(f'<Item number="{i}">{WHOLE}</Item>' for i in range(1, count + 1))
        document = attribute(items, "00081140", "SQ")
        return steps(lambda: codes(of(document)))

    assert work(80) < 5 * work(20)


WORDS = (
    *("<DicomAttribute", ' tag="00100010"', ' vr="PN"', ">", "/>", "</DicomAttribute>", v("a"), "x"),
    *('<Item number="1">', "</Item>", '<PersonName number="1">', "</PersonName>"),
)


@given(st.lists(st.sampled_from(WORDS)))
def test_any_words_are_read_and_only_known_codes_come_out(words: list[str]) -> None:
    reading = of("".join(words))
    assert codes(reading) <= set(CODES)
    for dataset in reading.datasets:
        to_json(dataset)


@given(st.binary(max_size=100))
def test_any_octets_are_read(octets: bytes) -> None:
    assert codes(read(Body.of(octets))) <= set(CODES)


@pytest.mark.parametrize("namespace", ["http://dico}.nema.org/PS3.19", "http://dicom.nema.org/}odels", "}", "{}"])
def test_a_namespace_with_a_brace_is_read(namespace: str) -> None:
    """lxml raises ValueError for such a name; found by the fuzz command."""
    found = read(Body.of(f'<NativeDicomModel xmlns="{namespace}" xml:space="presevve"/>'.encode()))
    assert found.flaws.of("xml.namespace", "xml.syntax")
