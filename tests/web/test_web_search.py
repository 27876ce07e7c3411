from __future__ import annotations

import pytest
from lxml import etree

from tests.web.door import parts

NS = {"n": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}
JSON = "application/dicom+json"
XML = 'multipart/related; type="application/dicom+xml"'
SEARCHES = [
    ("/studies", 2),
    ("/series", 3),
    ("/instances", 4),
    ("/studies/1.2.1/series", 2),
    ("/studies/1.2.1/instances", 3),
    ("/studies/1.2.1/series/1.2.1.1/instances", 2),
]


@pytest.mark.parametrize(("path", "count"), SEARCHES)
def test_each_search_resource_lists_what_is_held(client, two_studies, path, count) -> None:
    answer = client.get(path, JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert int(answer.headers["content-length"]) == len(answer.content)
    rows = answer.json()
    assert len(rows) == count
    for row in rows:
        assert list(row) == sorted(row)
        (url,) = row["00081190"]["Value"]
        assert row["00081190"]["vr"] == "UR"
        assert client.get(url).status_code == 200
    assert b"\0" not in answer.content


@pytest.mark.parametrize(("path", "count"), SEARCHES)
def test_xml_says_the_same_as_json(client, two_studies, path, count) -> None:
    found = parts(client.get(path, XML))
    assert len(found) == count
    for (fields, content), row in zip(found, client.get(path, JSON).json(), strict=True):
        assert fields["Content-Type"] == "application/dicom+xml"
        root = etree.fromstring(content)
        tags = [a.get("tag") for a in root.findall("n:DicomAttribute", NS)]
        assert tags == list(row)
        assert {a.get("tag"): a.get("vr") for a in root} == {tag: value["vr"] for tag, value in row.items()}
        families = root.xpath("//n:FamilyName/text()", namespaces=NS)
        names = [v["Alphabetic"].split("^")[0] for a in row.values() if a["vr"] == "PN" for v in a.get("Value", [])]
        assert families == names


@pytest.mark.parametrize(
    ("query", "studies"),
    [
        ("PatientID=P1", ["1.2.1"]),
        ("00100020=P1", ["1.2.1"]),
        ("PatientID=p1", []),
        ("PatientName=M%C3%BCller*", ["1.2.1", "1.2.2"]),
        ("patientid=nobody", ["1.2.1", "1.2.2"]),
        ("StudyDate=20240201-", ["1.2.2"]),
        ("StudyInstanceUID=1.2.1,1.2.2", ["1.2.1", "1.2.2"]),
        ("StudyInstanceUID=1.2.9", []),
        ("ModalitiesInStudy=CT", ["1.2.1"]),
        ("PatientID", ["1.2.1", "1.2.2"]),
        ("PatientID=", ["1.2.1", "1.2.2"]),
        ("x_unknown=1&LIMIT=1&Modality.x=3", ["1.2.1", "1.2.2"]),
        ("SOPInstanceUID=1.2.9.9", ["1.2.1", "1.2.2"]),
        ("limit=1", ["1.2.1"]),
        ("offset=1", ["1.2.2"]),
        ("limit=1&offset=1", ["1.2.2"]),
        ("offset=99", []),
        ("limit=0", []),
        ("limit=99999999999999999999999999", ["1.2.1", "1.2.2"]),
        ("multiplevaluematching=true&PatientID=P1,P2", ["1.2.1", "1.2.2"]),
        ("emptyvaluematching=true&PatientSex=%22%22", ["1.2.1", "1.2.2"]),
        ("charset=nonsense", ["1.2.1", "1.2.2"]),
        ("", ["1.2.1", "1.2.2"]),
    ],
)
def test_a_query_finds_the_studies_it_names(client, two_studies, query, studies) -> None:
    answer = client.get(f"/studies?{query}", JSON)
    if not studies:
        assert (answer.status_code, answer.content) == (204, b"")
        assert not {"content-type", "content-length", "transfer-encoding"} & set(answer.headers)
        return
    assert answer.status_code == 200, answer.text
    assert sorted(row["0020000D"]["Value"][0] for row in answer.json()) == studies


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1", "limit=a", "limit=", "limit", "offset=1.5", "limit=1&limit=2", "offset=%C2%B2",
        "fuzzymatching=TRUE", "fuzzymatching=", "emptyvaluematching=1", "multiplevaluematching=yes",
        "includefield=", "includefield=all,PatientID", "includefield=%21", "includefield=PatientID&includefield=all",
        "PatientID=1&00100020=1", "PatientID=a,b", "PatientID=%ff", "PatientID=%zz", "PatientID=a%00",
        "StudyDate=2024-01-31", "StudyInstanceUID=abc", "00080201=1", "StudyDate=20241399",
    ],
)  # fmt: skip
def test_an_invalid_value_of_a_supported_parameter_is_a_bad_request(client, two_studies, query) -> None:
    answer = client.get(f"/studies?{query}", JSON)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "400 Bad Request" in answer.text


def test_remaining_matches_are_told_in_the_standards_sentence(client, two_studies) -> None:
    answer = client.get("/instances?limit=1&offset=1", JSON)
    sentence = "299 http://sim.test/dicomweb: There are 2 additional results that can be requested"
    assert answer.headers.get_list("warning") == [sentence]
    assert "warning" not in client.get("/instances?limit=4", JSON).headers


def test_fuzzy_matching_is_not_supported_and_says_so(client, two_studies) -> None:
    answer = client.get("/studies?fuzzymatching=true&PatientID=P1", JSON)
    sentence = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
    assert answer.headers.get_list("warning") == [f"299 http://sim.test/dicomweb: {sentence}"]
    assert len(answer.json()) == 1
    assert "warning" not in client.get("/studies?fuzzymatching=false", JSON).headers


def test_editions_differ_where_the_standard_changed(edition, two_studies) -> None:
    newest = edition("2026a").get("/studies?PatientID=none", JSON)
    assert (newest.status_code, newest.json()) == (200, [])
    assert edition("2025e").get("/studies?PatientID=none", JSON).status_code == 204
    oldest = edition("2020c").get("/studies?emptyvaluematching=true&multiplevaluematching=true", JSON)
    assert [text.split(" parameter")[0].rsplit(" ", 1)[1] for text in oldest.headers.get_list("warning")] == [
        "emptyvaluematching",
        "multiplevaluematching",
    ]


def test_pages_make_up_the_whole_in_a_fixed_order(client, two_studies) -> None:
    whole = client.get("/instances", JSON).json()
    pages = [client.get(f"/instances?limit=1&offset={at}", JSON).json()[0] for at in range(4)]
    assert pages == whole


def test_included_fields_are_returned_at_their_level_only(client, two_studies) -> None:
    plain = client.get("/studies?PatientID=P1", JSON).json()[0]
    assert "00080016" not in plain
    more = client.get("/instances?includefield=00280103,SOPClassUID&PatientID=P2", JSON).json()[0]
    assert more["00280103"] == {"vr": "US", "Value": [0]}
    assert "00080060" not in client.get("/studies?includefield=Modality", JSON).json()[0]
