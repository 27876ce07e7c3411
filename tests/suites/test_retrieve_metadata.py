"""Rules on metadata: every attribute with its value, in both forms, as stored and as retrieved."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from harness.body import Body
from harness.exchange import Answer, Exchange
from harness.wire import dicom_json, part10
from suites.web.retrieve.compare import compare, compare_json, equal
from tests.suites import retrieving as r
from tests.suites.retrieving import JSON, STUDY, XML, exchange, findings, rows

TARGET = f"{r.path()}/metadata"
EVERY, VALUES, ADDED = (
    f"retrieve.metadata-{w}" for w in ("has-every-attribute", "values-are-the-stored", "has-nothing-added")
)


def shown(edit: Any = None, **about: Any) -> Exchange:
    row = r.metadata()
    if edit:
        edit(row)
    return exchange(TARGET, rows(dict(sorted(row.items()))), JSON, **about)


def test_the_vector_worked_out_by_hand_is_right_for_all() -> None:
    for rule in (EVERY, VALUES, ADDED, "retrieve.metadata-without-pixel-data", "retrieve.metadata-form"):
        assert findings(rule, shown()) == [], rule
    assert not shown().answer.json.flaws  # type: ignore[union-attr]


def legal(row: dict[str, Any]) -> None:
    row["00080005"]["Value"] = ["ISO_IR 100"]
    row["00280030"]["Value"] = ["0.50", "1.25"]
    row["00200013"]["Value"] = ["1"]
    row["00100010"]["Value"] = [{"Alphabetic": "M\u00e4rta^A^", "Ideographic": "\u00e5^^"}]
    row["00991002"]["Value"] = [0.1000000000000000055]
    row["00991001"] = {"vr": "UN", "InlineBinary": "AQIDBA=="}
    row["7FE00010"]["BulkDataURI"] = "bulkdata/7FE00010"
    row["7FE00010"]["vr"] = "OB"


def moved(row: dict[str, Any]) -> None:
    """The private block has another number (PS3.5 7.8.1)."""
    for old, new in (("00990010", "00990042"), ("00991001", "00994201"), ("00991002", "00994202")):
        row[new] = row.pop(old)


def without_character_set(row: dict[str, Any]) -> None:
    del row["00080005"]


@pytest.mark.parametrize("edit", [legal, moved, without_character_set])
def test_legal_forms_of_the_same_are_the_same(edit: Any) -> None:
    for rule in (EVERY, VALUES, ADDED):
        assert findings(rule, shown(edit)) == [], rule


@pytest.mark.parametrize("tag", ["00080050", "00081140", "00991001", "7FE00010", "00280010", "00990010"])
def test_a_missing_attribute_is_found(tag: str) -> None:
    found = findings(EVERY, shown(lambda row: row.pop(tag)))
    assert r.hard(found)


def test_a_missing_attribute_of_an_item_is_found() -> None:
    assert findings(EVERY, shown(lambda row: row["00081140"]["Value"][0].clear()))
    assert findings(EVERY, shown(lambda row: row["00081140"]["Value"].reverse()))


CHANGES = {
    "00080008": ["ORIGINAL", "AXIAL"],
    "00080016": ["1.2"],
    "00080020": ["20240130"],
    "00080030": ["2359"],
    "00080050": ["x"],
    "00100010": [{"Alphabetic": "M?rta^A", "Ideographic": "\u00e5"}],
    "00100020": ["P 2"],
    "00200013": [2],
    "00280030": [0.5],
    "00280010": [5],
    "00280004": ["MONOCHROME1"],
    "00991002": [0.10000000149],
}


@pytest.mark.parametrize("tag", CHANGES)
def test_a_changed_value_is_found(tag: str) -> None:
    found = findings(VALUES, shown(lambda row: row[tag].update(Value=CHANGES[tag])))
    assert r.hard(found)


def test_other_changes_are_found() -> None:
    assert findings(VALUES, shown(lambda row: row["00991001"].update(InlineBinary="BAMCAQ==")))
    assert findings(VALUES, shown(lambda row: row["00080060"].update(vr="LO")))
    assert findings(VALUES, shown(lambda row: row["7FE00010"].pop("BulkDataURI")))
    assert findings(VALUES, shown(lambda row: row["00081140"]["Value"].pop()))
    assert findings(VALUES, shown(lambda row: row["00280030"].pop("Value")))


def test_what_is_added_is_found() -> None:
    private = {"43210010": {"vr": "LO", "Value": ["A"]}, "43211001": {"vr": "LO", "Value": ["x"]}}
    found = findings(ADDED, shown(lambda row: row.update(private)))
    assert r.hard(found)
    about = findings(ADDED, shown(lambda row: row.update({"00081190": {"vr": "UR", "Value": ["http://x"]}})))
    assert r.soft(about)


def test_declared_coercion_is_permitted() -> None:
    def coerced(row: dict[str, Any]) -> None:
        old = {"00100020": {"vr": "LO", "Value": ["P 1"]}}
        row["00100020"]["Value"] = ["COERCED"]
        row["04000561"] = {"vr": "SQ", "Value": [{"04000550": {"vr": "SQ", "Value": [old]}}]}

    for rule in (EVERY, VALUES, ADDED):
        assert findings(rule, shown(coerced)) == [], rule


def test_the_description_of_colour_may_depend_on_the_coding() -> None:
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "Columns": 2, "PlanarConfiguration": 0}
    held = r.past(r.kept(r.dataset(1, **colour)))

    def edit(row: dict[str, Any]) -> None:
        row["00280002"]["Value"], row["00280011"]["Value"] = [3], [2]
        row["00280004"]["Value"] = ["YBR_FULL"]
        row["00280006"] = {"vr": "US", "Value": [0]}

    assert findings(VALUES, shown(edit, held=held)) == []


def test_nothing_is_said_without_something_stored() -> None:
    for rule in (EVERY, VALUES, ADDED):
        assert findings(rule, shown(held=r.past())) is None
        assert findings(rule, exchange(TARGET, r.answer(404), JSON)) is None
        assert findings(rule, exchange(TARGET, rows(), JSON)) is None


def test_pixel_data_is_not_inline() -> None:
    rule = "retrieve.metadata-without-pixel-data"
    assert findings(rule, shown(lambda row: row.update({"7FE00010": {"vr": "OW", "InlineBinary": "AAAA"}})))
    assert findings(rule, shown(lambda row: row.pop("7FE00010"))) is None


DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xml:space="preserve" '
    'xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">{}</NativeDicomModel>'
)


def element(tag: str, vr: str, keyword: str, *values: str) -> str:
    inner = "".join(f'<Value number="{n}">{v}</Value>' for n, v in enumerate(values, 1))
    return f'<DicomAttribute tag="{tag}" vr="{vr}" keyword="{keyword}">{inner}</DicomAttribute>'


UIDS = (
    element("00080018", "UI", "SOPInstanceUID", r.uid(1))
    + element("0020000D", "UI", "StudyInstanceUID", STUDY)
    + element("0020000E", "UI", "SeriesInstanceUID", r.SERIES)
)
UID_ROW = {t: r.metadata()[t] for t in ("00080018", "0020000D", "0020000E")}


def xml(*contents: str) -> Answer:
    parts = [("application/dicom+xml", "", DOCUMENT.format(c).encode()) for c in contents]
    return r.multipart(parts, "application/dicom+xml")


def test_forms_of_metadata() -> None:
    rule = "retrieve.metadata-form"
    assert findings(rule, exchange(TARGET, xml(UIDS), XML)) == []
    assert findings(rule, exchange(TARGET, r.answer(200, b"{}", JSON), JSON))
    assert findings(rule, exchange(TARGET, r.answer(200, b"[{}]", "application/json"), JSON))
    assert findings(rule, exchange(TARGET, r.answer(200, b"[{}]", "application/json"), "application/json")) == []
    assert findings(rule, exchange(TARGET, r.answer(200, b"<x/>", "application/dicom+xml"), XML))
    text = r.multipart([("text/xml", "", b"<x/>")], "application/dicom+xml")
    assert findings(rule, exchange(TARGET, text, XML))
    assert findings(rule, exchange(TARGET, r.answer(404), JSON)) is None


def test_one_document_for_each_part() -> None:
    rule = "retrieve.one-document-for-each-part"
    assert findings(rule, exchange(TARGET, xml(UIDS), XML)) == []
    empty = r.multipart([("application/dicom+xml", "", b"<NativeDicomModels/>")], "application/dicom+xml")
    assert findings(rule, exchange(TARGET, empty, XML))


def test_xml_says_what_json_says() -> None:
    rule, kind = "retrieve.xml-says-what-json-says", "web.retrieve.forms"
    json_ = exchange(TARGET, rows({"00080060": {"vr": "CS", "Value": ["OT"]}, **UID_ROW}), JSON, step="json")

    def both(content: str) -> Any:
        return findings(rule, r.journey(kind, json_, exchange(TARGET, xml(content + UIDS), XML, step="xml")))

    assert both(element("00080060", "CS", "Modality", "OT")) == []
    assert both(element("00080060", "CS", "Modality", "CT"))
    assert both("")
    assert both(element("00080060", "CS", "Modality", "OT") + element("00100020", "LO", "PatientID", "1"))
    assert findings(rule, r.journey(kind, json_)) is None


def test_line_ends_of_xml_only_warn() -> None:
    """XML turns CRLF into LF on its way (XML 1.0 2.11)."""
    rule, kind = "retrieve.xml-says-what-json-says", "web.retrieve.forms"
    json_ = exchange(TARGET, rows({"00204000": {"vr": "LT", "Value": ["a\r\nb"]}, **UID_ROW}), JSON, step="json")
    said = xml(element("00204000", "LT", "ImageComments", "a\r\nb") + UIDS)
    found = findings(rule, r.journey(kind, json_, exchange(TARGET, said, XML, step="xml")))
    assert r.soft(found)


def test_metadata_is_the_same_at_every_level() -> None:
    rule, kind = "retrieve.metadata-is-the-same-at-every-level", "web.retrieve.forms"
    alone = exchange(TARGET, rows(r.metadata()), JSON, step="json")
    above = exchange(f"studies/{STUDY}/metadata", rows(r.metadata(2), r.metadata()), JSON, step="above")
    assert findings(rule, r.journey(kind, alone, above)) == []
    less = {t: a for t, a in r.metadata().items() if t != "00280010"}
    assert findings(rule, r.journey(kind, alone, above.but(answer=rows(less))))
    assert findings(rule, r.journey(kind, alone)) is None


def test_metadata_is_of_the_instance() -> None:
    rule, kind = "retrieve.metadata-is-of-the-instance", "web.retrieve.forms"
    alone = exchange(TARGET, rows(r.metadata()), JSON, step="json", held=r.past())
    whole = exchange(r.path(), r.files(r.part10(r.dataset())), step="instance", held=r.past())
    assert findings(rule, r.journey(kind, alone, whole)) == []
    other = exchange(r.path(), r.files(r.part10(r.dataset(1, PatientID="P 2"))), step="instance", held=r.past())
    assert findings(rule, r.journey(kind, alone, other))


def test_utf_8_is_understood() -> None:
    rule = "retrieve.charset-utf-8"
    asked = r.ask(TARGET, JSON, Accept_Charset="utf-8")
    assert findings(rule, exchange(TARGET, rows(r.metadata()), asked=asked)) == []
    assert findings(rule, exchange(TARGET, r.answer(406), asked=asked))
    assert findings(rule, exchange(f"{TARGET}?charset=UTF-8", r.answer(400), JSON))
    assert findings(rule, exchange(TARGET, r.answer(406), JSON)) is None


# --- the comparison itself ---------------------------------------------------------------------------------------

NUMBERS = {"US": st.integers(0, 2**16 - 1), "SS": st.integers(-(2**15), 2**15 - 1), "UL": st.integers(0, 2**32 - 1),
           "SL": st.integers(-(2**31), 2**31 - 1), "SV": st.integers(-(2**63), 2**63 - 1),
           "UV": st.integers(0, 2**64 - 1), "FD": st.floats(allow_nan=False, allow_infinity=False),
           "FL": st.floats(allow_nan=False, allow_infinity=False, width=32)}  # fmt: skip


@given(
    st.sampled_from(sorted(NUMBERS)).flatmap(
        lambda v: st.tuples(st.just(v), st.lists(NUMBERS[v], min_size=1, max_size=3))
    )
)
def test_numbers_are_what_they_were(example: tuple[str, list[Any]]) -> None:
    code, values = example
    ds = Dataset()
    ds.private_block(0x0099, "TEST", create=True).add_new(1, code, values)
    reading = part10.read(Body.of(r.part10(r.dataset()))).dataset  # a data set to hang the octets on
    held = part10.read(Body.of(_with(ds))).dataset
    row = {"00990010": {"vr": "LO", "Value": ["TEST"]}, "00991001": {"vr": code, "Value": values}}
    skip = frozenset(t for t in reading.elements if t[:4] != "0099")
    assert list(compare(held, row, skip)) == []
    other = {**row, "00991001": {"vr": code, "Value": [*values, 0]}}
    assert [d.kind for d in compare(held, other, skip)] == ["count"]


def _with(private: Dataset) -> bytes:
    ds = r.dataset()
    ds.remove_private_tags()
    ds.update(private)
    return r.part10(ds)


@pytest.mark.parametrize(
    ("code", "got", "want", "same"),
    [
        ("DS", 0.5, "5E-1", True),
        ("DS", "0.50", "0.5", True),
        ("DS", 654.82001, "654.82", False),
        ("DS", "", "0", False),
        ("IS", "+7", "7", True),
        ("IS", 7.0, "7", True),
        ("IS", "x", "7", False),
        ("FL", 0.15000000596046448, 0.15, True),
        ("LO", "a", "A", False),
        ("SV", "9223372036854775807", 2**63 - 1, True),
        ("UV", float(2**64), 2**64 - 1, False),
    ],
)
def test_values_are_equal_by_what_they_are(code: str, got: Any, want: Any, same: bool) -> None:
    assert equal(got, want, code) is same


def test_hostile_documents_are_compared_without_a_crash() -> None:
    held = part10.read(Body.of(r.part10(r.dataset()))).dataset
    hostile: list[dict[str, Any]] = [
        {"x": {}, "00080060": None},
        {"00080060": {"vr": 5, "Value": 7}},
        {"00081140": {"vr": "SQ", "Value": [1, None]}},
        {"00991001": {"vr": "OB", "InlineBinary": 3}},
        {"00991001": {"vr": "OB", "InlineBinary": "!"}},
        {"00280010": {"vr": "US", "Value": [{}]}},
        {"00100010": {"vr": "PN", "Value": [[]]}},
    ]
    for row in hostile:
        list(compare(held, row))
        list(compare_json(r.metadata(), row))
        list(compare_json(row, r.metadata()))
    assert dicom_json.read(Body.of(b"[]")).root == "array"
