"""The encoders: DICOM JSON Model, Native DICOM Model and bulk data, for every VR, character set and transfer syntax."""

from __future__ import annotations

import base64
import json
import math
import struct
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from simulators.archive.archive import Archive
from simulators.model import json_encode, xml_encode
from simulators.model.bulk import NoSuchValue, bulk_value, fragments
from simulators.model.names import BASE
from simulators.model.scan import Element, Source, Unreadable, read_dataset, read_meta
from simulators.model.text import repertoire
from simulators.model.values import little_endian

LITTLE, IMPLICIT, BIG, DEFLATED = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
NAMESPACE = {"n": xml_encode.NAMESPACE}
# what the wheel holds; asking pydicom for its list would fetch more from the network
SAMPLES = sorted(
    path
    for path in (Path(pydicom.__file__).parent / "data").rglob("*.dcm")
    if path.stat().st_size < 200_000 and path.read_bytes()[128:132] == b"DICM"
)


def element(tag: int, vr: str, value: bytes) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    long = vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
    return head + (b"\0\0" + struct.pack("<L", len(value)) if long else struct.pack("<H", len(value))) + value


def source(*elements: bytes) -> Source:
    return read_dataset(b"".join(elements), 0, LITTLE)


def encoded(*elements: bytes) -> dict[str, Any]:
    text = json_encode.text_of(json_encode.elements_of(source(*elements), "http://x"))
    made: dict[str, Any] = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is not JSON"))
    return made


def document(*elements: bytes) -> etree._Element:
    return etree.fromstring(xml_encode.document(source(*elements), "http://x"))


INF, NAN = math.inf, math.nan
VALUES: list[tuple[str, bytes, dict[str, Any]]] = [
    ("AE", b" ARCHIVE", {"Value": ["ARCHIVE"]}),
    ("AS", b"018Y", {"Value": ["018Y"]}),
    ("AT", struct.pack("<4H", 0x18, 0x106A, 0x7FE0, 0x10), {"Value": ["0018106A", "7FE00010"]}),
    ("CS", b"MPG\\\\XR3 ", {"Value": ["MPG", None, "XR3"]}),
    ("DA", b"20200101", {"Value": ["20200101"]}),
    ("DS", b"0.5\\+1.5\\1E2 ", {"Value": [0.5, 1.5, 100.0]}),
    ("DS", b"\\2", {"Value": [None, 2]}),
    ("DS", b"abc ", {"Value": ["abc"]}),
    ("DS", b"9999999999999999", {"Value": ["9999999999999999"]}),  # no double is just this
    ("DT", b"20200101103000.5+0100 ", {"Value": ["20200101103000.5+0100"]}),
    ("FL", struct.pack("<2f", 0.1, -2), {"Value": [struct.unpack("<f", struct.pack("<f", 0.1))[0], -2.0]}),
    ("FL", struct.pack("<2f", 1, NAN), {"BulkDataURI": "http://x/bulkdata/00091001"}),
    ("FD", struct.pack("<d", 1e300), {"Value": [1e300]}),
    ("FD", struct.pack("<d", INF), {"BulkDataURI": "http://x/bulkdata/00091001"}),
    ("IS", b"-12\\+007", {"Value": [-12, 7]}),
    ("IS", b"1A", {"Value": ["1A"]}),
    ("IS", b"99999999999 ", {"Value": ["99999999999"]}),  # not of 32 bits
    ("LO", b"A\\\\B ", {"Value": ["A", None, "B"]}),
    ("LO", b'say "hi"\t', {"Value": ['say "hi"\t']}),
    ("LO", b"  ", {}),
    ("LT", b"C:\\temp ", {"Value": ["C:\\temp"]}),  # one value, the backslash is text
    ("OB", b"\1\2\3\0", {"InlineBinary": base64.b64encode(b"\1\2\3\0").decode()}),
    ("OD", struct.pack("<d", 1.5), {"InlineBinary": base64.b64encode(struct.pack("<d", 1.5)).decode()}),
    ("OF", struct.pack("<f", NAN), {"InlineBinary": base64.b64encode(struct.pack("<f", NAN)).decode()}),
    ("OL", b"\1\0\0\0", {"InlineBinary": "AQAAAA=="}),
    ("OV", b"\1\0\0\0\0\0\0\0", {"InlineBinary": "AQAAAAAAAAA="}),
    ("OW", b"\1\0", {"InlineBinary": "AQA="}),
    ("OW", bytes(1026), {"BulkDataURI": "http://x/bulkdata/00091001"}),
    ("PN", b"Doe^Jane", {"Value": [{"Alphabetic": "Doe^Jane"}]}),
    ("PN", b"A^B\\\\C=D=E ", {"Value": [{"Alphabetic": "A^B"}, None,
                                        {"Alphabetic": "C", "Ideographic": "D", "Phonetic": "E"}]}),
    ("PN", b"=X", {"Value": [{"Ideographic": "X"}]}),
    ("PN", b"==", {}),
    ("SH", b"A ", {"Value": ["A"]}),
    ("SL", struct.pack("<l", -(2**31)), {"Value": [-(2**31)]}),
    ("SS", struct.pack("<2h", -1, 2), {"Value": [-1, 2]}),
    ("ST", b"a\\b ", {"Value": ["a\\b"]}),
    ("SV", struct.pack("<2q", -1, -(2**63)), {"Value": [-1, str(-(2**63))]}),
    ("TM", b"103000", {"Value": ["103000"]}),
    ("UC", b"A\\B ", {"Value": ["A", "B"]}),
    ("UI", b"1.2.3\0", {"Value": ["1.2.3"]}),
    ("UI", b"1.2\\1.3 ", {"Value": ["1.2", "1.3"]}),
    ("UL", struct.pack("<L", 2**32 - 1), {"Value": [2**32 - 1]}),
    ("UN", b"\1\2", {"InlineBinary": "AQI="}),
    ("UR", b"http://x/a?b ", {"Value": ["http://x/a?b"]}),
    ("US", struct.pack("<2H", 0, 65535), {"Value": [0, 65535]}),
    ("UT", b"a\\b\r\n ", {"Value": ["a\\b\r\n"]}),
    ("UT", b"x" * 70_000, {"BulkDataURI": "http://x/bulkdata/00091001"}),
    ("UV", struct.pack("<2Q", 2**53 - 1, 2**64 - 1), {"Value": [2**53 - 1, str(2**64 - 1)]}),
]  # fmt: skip
ALL_VRS = sorted({vr for vr, _, _ in VALUES} | {"SQ"})


def test_the_table_has_every_vr() -> None:
    assert len(ALL_VRS) == 34


@pytest.mark.parametrize(("vr", "octets", "expected"), VALUES)
def test_json_of_every_vr(vr: str, octets: bytes, expected: dict[str, Any]) -> None:
    assert encoded(element(0x00091001, vr, octets))["00091001"] == {"vr": vr, **expected}


@pytest.mark.parametrize("vr", ALL_VRS)
def test_what_is_empty_has_a_vr_and_nothing_else(vr: str) -> None:
    assert encoded(element(0x00091001, vr, b""))["00091001"] == {"vr": vr}
    (attribute,) = document(element(0x00080001, vr, b""))
    assert (len(attribute), attribute.text) == (0, None)


@pytest.mark.parametrize(("vr", "octets", "expected"), VALUES)
def test_xml_of_every_vr(vr: str, octets: bytes, expected: dict[str, Any]) -> None:
    (attribute,) = document(element(0x00080001, vr, octets))
    assert (attribute.get("tag"), attribute.get("vr")) == ("00080001", vr)
    if "BulkDataURI" in expected:
        assert [child.get("uri") for child in attribute] == ["http://x/bulkdata/00080001"]
    elif "InlineBinary" in expected:
        assert attribute.findtext("n:InlineBinary", namespaces=NAMESPACE) == expected["InlineBinary"]
    elif vr == "PN":
        names = [{etree.QName(g).localname: "^".join(c.text or "" for c in g) for g in name} for name in attribute]
        assert names == [value or {} for value in expected.get("Value", [])]
    else:
        texts = [child.text or "" for child in attribute]
        assert [child.get("number") for child in attribute] == [str(n + 1) for n in range(len(texts))]
        for text, value in zip(texts, expected.get("Value", []), strict=True):
            if isinstance(value, (int, float)):
                assert float(text) == value
            else:
                assert text == (value or "")  # a carriage return too, as a reference


def test_decimal_strings_keep_their_text_in_xml() -> None:
    (attribute,) = document(element(0x00181030, "DS", b"+1.50\\ 07 "))
    assert [child.text for child in attribute] == ["+1.50", "07"]


def test_tags_ascend_and_group_lengths_are_left_out() -> None:
    made = encoded(
        element(0x00080000, "UL", b"\4\0\0\0"), element(0x00100010, "PN", b"A "), element(0x0008002A, "DT", b"2020"),
        element(0xFFFCFFFC, "OB", b"\0\0"),
    )  # fmt: skip
    assert list(made) == ["0008002A", "00100010", "FFFCFFFC"]


def test_an_element_that_occurs_twice_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="twice"):
        source(element(0x00100010, "PN", b"A "), element(0x00100010, "PN", b"B "))


def test_sequences_and_references_into_them() -> None:
    item = element(0x54001010, "OW", bytes(2000)) + element(0x00100010, "PN", b"A ")
    items = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(item)) + item + b"\xfe\xff\x00\xe0\0\0\0\0"
    made = encoded(element(0x54000100, "SQ", items))["54000100"]
    assert made["vr"] == "SQ"
    assert made["Value"][0]["54001010"] == {"vr": "OW", "BulkDataURI": "http://x/bulkdata/54000100/1/54001010"}
    assert made["Value"][1] == {}
    (attribute,) = document(element(0x54000100, "SQ", items))
    assert [child.get("number") for child in attribute] == ["1", "2"]
    assert len(attribute[0]) == 2
    assert len(attribute[1]) == 0


def test_un_of_undefined_length_is_a_sequence() -> None:
    item = struct.pack("<HHL", 0x10, 0x20, 2) + b"P1"  # in Implicit VR Little Endian
    octets = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(item)) + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    made = encoded(b"\x09\x00\x01\x10UN\0\0\xff\xff\xff\xff" + octets)["00091001"]
    assert made == {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": ["P1"]}}]}


def test_private_elements_have_their_creator_in_both_models() -> None:
    elements = (element(0x00091010 & 0xFFFF0000 | 0x11, "LO", b"ACME"), element(0x00091102, "SH", b"x "))
    assert list(encoded(*elements)) == ["00090011", "00091102"]
    (attribute,) = document(*elements)
    assert {str(k): v for k, v in attribute.attrib.items()} == {"tag": "00090002", "vr": "SH", "privateCreator": "ACME"}


def test_characters_that_xml_cannot_carry() -> None:
    (attribute,) = document(element(0x00104000, "LT", b"a\x0bb\x1fc "))
    assert attribute[0].text == "a\ufffdb\ufffdc"
    assert encoded(element(0x00104000, "LT", b"a\x0bb "))["00104000"]["Value"] == ["a\x0bb"]


# --- character sets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "octets", "text"),
    [
        ("", b"Doe", "Doe"),
        ("ISO_IR 100", b"\xc4neas", "Äneas"),
        ("ISO_IR 101", b"\xe0", "ŕ"),
        ("ISO_IR 109", b"\xa1", "Ħ"),
        ("ISO_IR 110", b"\xa2", "ĸ"),
        ("ISO_IR 144", b"\xbb\xee\xda", "Люк"),
        ("ISO_IR 127", b"\xe2\xc8", "قب"[::-1][::-1]),
        ("ISO_IR 126", b"\xc4", "Δ"),
        ("ISO_IR 138", b"\xf9", "ש"),
        ("ISO_IR 148", b"\xf0", "ğ"),
        ("ISO_IR 166", b"\xa1", "ก"),
        ("ISO_IR 203", b"\xa4", "€"),
        ("ISO_IR 13", b"\xd4\xcf", "ﾔﾏ"),
        ("ISO_IR 192", "王^小東".encode(), "王^小東"),
        ("GB18030", "王^小东".encode("gb18030"), "王^小东"),
        ("GBK", "王^小东".encode("gbk"), "王^小东"),
        ("\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(B", "山田"),
        ("\\ISO 2022 IR 149", b"\x1b$)C\xfb\xf3", "洪"),
        ("\\ISO 2022 IR 58", b"\x1b$)A\xcd\xf5", "王"),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\xcf", "ﾔﾏ"),
        ("ISO 2022 IR 6\\ISO 2022 IR 100", b"Buc^J\x1b-A\xe9r", "Buc^Jér"),
        ("NO SUCH SET", b"\xc4", "Ä"),
    ],
)
def test_character_sets_become_utf_8(term: str, octets: bytes, text: str) -> None:
    charset = element(0x00080005, "CS", term.encode() + b" " * (len(term) % 2)) if term else b""
    made = encoded(charset, element(0x00104000, "LT", octets + b" " * (len(octets) % 2)))
    assert made["00104000"]["Value"] == [text]
    assert made.get("00080005", {"Value": ["ISO_IR 192"]})["Value"] == ["ISO_IR 192"]
    attributes = document(charset, element(0x00104000, "LT", octets + b" " * (len(octets) % 2)))
    assert attributes[-1][0].text == text


def test_backslashes_that_are_half_of_a_character_divide_nothing() -> None:
    japanese = "ソ表"  # in ISO 2022 IR 87 their octets hold "=" and "\\"
    pairs = b"".join(c.encode("iso2022_jp")[3:5] for c in japanese)
    assert b"=" in pairs or b"\\" in pairs
    octets = b"\x1b$B" + pairs + b"\x1b(B\\A"
    assert repertoire("\\ISO 2022 IR 87").values(octets) == [japanese, "A"]
    assert repertoire("\\ISO 2022 IR 87").names(octets) == [[japanese], ["A"]]
    chinese = next(c for c in map(chr, range(0x4E00, 0x9FA5)) if c.encode("gbk")[1:] == b"\\")
    assert repertoire("GBK").values(f"{chinese}\\B".encode("gbk")) == [chinese, "B"]


def test_an_item_has_the_character_set_of_its_data_set_unless_it_names_one() -> None:
    def item(content: bytes) -> bytes:
        return b"\xfe\xff\x00\xe0" + struct.pack("<L", len(content)) + content

    name = element(0x00080104, "LO", b"\xc4 ")
    own = element(0x00080005, "CS", b"ISO_IR 126")
    made = encoded(element(0x00080005, "CS", b"ISO_IR 100"), element(0x00081032, "SQ", item(name) + item(own + name)))
    assert [i["00080104"]["Value"] for i in made["00081032"]["Value"]] == [["Ä"], ["Δ"]]


# --- transfer syntaxes ---------------------------------------------------------------------------------------------


def rich() -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3.1.1"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = "1.2.3", "1.2.3.1", "OT"
    made.PatientName, made.PixelRepresentation = "Doe^Jane", 1
    made.SmallestImagePixelValue = -5
    made.FrameIncrementPointer = 0x00181063
    made.RedPaletteColorLookupTableDescriptor = [256, 0, 16]
    made.RedPaletteColorLookupTableData = b"\1\2" * 800
    made.RealWorldValueMappingSequence = Sequence([Dataset()])
    made.RealWorldValueMappingSequence[0].RealWorldValueSlope = 1.5
    made.RealWorldValueMappingSequence[0].add_new(0x00409211, "SS", -7)
    made.Rows, made.Columns, made.BitsAllocated, made.SamplesPerPixel = 2, 2, 16, 1
    made.add_new(0x7FE00010, "OW", b"\1\2\3\4\5\6\7\x08")
    return made


def elements_without_pixels(octets: bytes) -> dict[str, str]:
    meta = read_meta(octets)
    made = json_encode.elements_of(read_dataset(octets, meta.dataset_at, meta.transfer_syntax), "http://x")
    return {tag: text for tag, text in made.items() if tag != "7FE00010"}


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG, DEFLATED])
def test_every_native_syntax_says_the_same(file: Any, syntax: str) -> None:
    assert elements_without_pixels(file(rich(), syntax)) == elements_without_pixels(file(rich(), LITTLE))


@pytest.mark.parametrize("syntax", [LITTLE, IMPLICIT, BIG, DEFLATED])
def test_bulk_values_are_little_endian(archive: Archive, file: Any, put: Any, syntax: str) -> None:
    made = rich()
    if syntax == BIG:  # pydicom writes words as they are handed to it
        for tag in (0x7FE00010, 0x00281201):
            made[tag].value = little_endian(made[tag].value, "OW", little=False)
    assert put(file(made, syntax))[0].status == "stored"
    (held,) = archive.select("1.2.3")
    assert taken(bulk_value(held, "7FE00010")) == b"\1\2\3\4\5\6\7\x08"
    assert taken(bulk_value(held, "00281201")) == b"\1\2" * 800
    assert taken(bulk_value(held, "00409096/1/00409225")) == struct.pack("<d", 1.5)
    assert bulk_value(held, "00100010") == b"Doe^Jane"
    assert isinstance(bulk_value(held, "7FE00010"), tuple) is (syntax in (LITTLE, IMPLICIT))
    for path in ("00100020", "00409096", "00409096/2/00409225", "00409096/x/00409225", "00100010/1/00100010",
                 "PatientName", "", "00409096/1", "00409096/1/00409225/1", "0040９096"):  # fmt: skip
        with pytest.raises(NoSuchValue):
            bulk_value(held, path)


def taken(value: tuple[Path, int, int] | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    path, at, length = value
    return path.read_bytes()[at : at + length]


def test_every_reference_in_metadata_leads_to_a_value(archive: Archive, file: Any, put: Any) -> None:
    put(file(rich(), LITTLE))
    (held,) = archive.select("1.2.3")
    metadata = json.loads(held.metadata.replace(BASE, b"http://host/dicom-web"))
    base = "http://host/dicom-web/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1/bulkdata/"
    found = {value["BulkDataURI"] for value in metadata.values() if "BulkDataURI" in value}
    assert found == {base + "7FE00010", base + "00281201"}
    assert all(taken(bulk_value(held, uri.removeprefix(base))) for uri in found)


def test_fragments_of_encapsulated_pixel_data(archive: Archive, file: Any, put: Any) -> None:
    made = rich()
    made.add_new(0x7FE00010, "OB", encapsulate([b"\1" * 10, b"\2" * 4]))
    made["PixelData"].is_undefined_length = True
    made.NumberOfFrames = "2"
    assert put(file(made, "1.2.840.10008.1.2.5"))[0].status == "stored"
    (held,) = archive.select("1.2.3")
    assert (held.frames, held.encapsulated) == (2, True)
    octets = held.path.read_bytes()
    table, *rest = (octets[at : at + size] for at, size in fragments(held))
    assert table == struct.pack("<2L", 0, 18)
    assert rest == [b"\1" * 10, b"\2" * 4]
    whole = taken(bulk_value(held, "7FE00010"))
    assert whole.startswith(b"\xfe\xff\x00\xe0\x08\0\0\0")
    assert whole.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    assert b'"7FE00010":{"vr":"OB","BulkDataURI":' in held.metadata


def test_native_pixel_data_in_an_encapsulated_syntax_is_refused(file: Any, put: Any) -> None:
    octets = file(rich(), LITTLE).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0", 1)
    assert put(octets)[0].reason == 0xC000


def test_text_by_reference_comes_in_utf_8(archive: Archive, dataset: Any, file: Any, put: Any) -> None:
    made = dataset(SpecificCharacterSet="ISO_IR 100", TextValue="ä" * 70_000)
    assert put(file(made))[0].status == "stored"
    (held,) = archive.select("1.2.3")
    assert json.loads(held.metadata.replace(BASE, b""))["0040A160"]["BulkDataURI"].endswith("/bulkdata/0040A160")
    assert bulk_value(held, "0040A160") == ("ä" * 70_000).encode()


@given(st.binary(max_size=40), st.sampled_from(["OW", "OL", "OV", "US", "FD", "AT"]))
def test_swapping_twice_changes_nothing(octets: bytes, vr: str) -> None:
    swapped = little_endian(octets, vr, little=False)
    assert little_endian(swapped, vr, little=False) == octets
    assert sorted(swapped) == sorted(octets)
    assert little_endian(octets, vr, little=True) is octets


# --- data sets of pydicom, and pydicom as a second opinion ---------------------------------------------------------


def test_a_pydicom_data_set_is_encoded_by_the_same_path() -> None:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.FailedSOPSequence = Sequence([Dataset()])
    made.FailedSOPSequence[0].FailureReason = 272
    made.PatientName = "王^小東"
    assert json.loads(json_encode.encode(made)) == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [272]}}]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "王^小東"}]},
    }
    root = etree.fromstring(xml_encode.encode(made))
    assert root.get(xml_encode.SPACE) == "preserve"
    assert [a.get("keyword") for a in root] == ["SpecificCharacterSet", "FailedSOPSequence", "PatientName"]
    assert xml_encode.encode(made).startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


def positions(source: Source, elements: Any, into: dict[str, Element], path: str = "") -> dict[str, Element]:
    for one in elements:
        into[path + one.key] = one
        for number, item in enumerate(one.items or (), 1):
            positions(source, item, into, f"{path}{one.key}/{number}/")
    return into


def values_of(dataset: Dataset, into: dict[str, bytes], path: str = "") -> dict[str, bytes]:
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        assert raw is not None
        key = f"{path}{int(tag):08X}"
        if not tag.element:
            continue
        if dataset[tag].VR == "SQ":
            into[key] = b""
            for number, item in enumerate(dataset[tag].value, 1):
                values_of(item, into, f"{key}/{number}/")
        elif isinstance(raw, pydicom.dataelem.RawDataElement):
            into[key] = raw.value or b""
    return into


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_the_scanner_finds_what_pydicom_finds(path: Path) -> None:
    octets = path.read_bytes()
    try:
        meta = read_meta(octets)
        read = read_dataset(octets, meta.dataset_at, meta.transfer_syntax)
    except Unreadable:
        pytest.skip("a file that is broken on purpose")
    expected = values_of(pydicom.dcmread(path, force=True), {})
    found = positions(read, read.dataset, {})
    # pydicom looks into UN where it knows the tag; here what is UN stays UN
    opaque = tuple(f"{key}/" for key, one in found.items() if one.vr == "UN")
    assert {key for key in expected if not key.startswith(opaque)} <= set(found)
    for key, value in expected.items():
        if key.startswith(opaque):
            continue
        one = found[key]
        if one.items is None and one.fragments is None and one.vr != "UN":
            assert read.value(one) == value, key


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_samples_are_valid_in_both_models(path: Path) -> None:
    octets = path.read_bytes()
    try:
        meta = read_meta(octets)
        read = read_dataset(octets, meta.dataset_at, meta.transfer_syntax)
    except Unreadable:
        pytest.skip("a file that is broken on purpose")
    made = json.loads(json_encode.text_of(json_encode.elements_of(read, "http://x")), parse_constant=pytest.fail)
    root = etree.fromstring(xml_encode.document(read, "http://x"))
    assert list(made) == sorted(made)
    public = [tag for tag in made if int(tag[:4], 16) % 2 == 0]
    assert [a.get("tag") for a in root if a.get("privateCreator") is None] == public
    for attribute in root.iterfind("n:DicomAttribute", NAMESPACE):
        value = made.get(attribute.get("tag"), {})
        if attribute.get("privateCreator") is None:
            assert attribute.get("vr") == value["vr"]
            assert (len(attribute) > 0) == (len(value) > 1)
