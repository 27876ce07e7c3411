from __future__ import annotations

import pytest
from lxml import etree

from tests.web.door import form, make, octets

JSON = "application/dicom+json"


def sequence(module, tag: str) -> list:
    return module.get(tag, {}).get("Value", [])


def test_one_instance_is_stored_and_told_in_the_response_module(client) -> None:
    answer = client.store(octets(make()))
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    module = answer.json()
    assert set(module) == {"00081190", "00081199"}
    study = "http://sim.test/dicomweb/studies/1.2.1"
    assert module["00081190"] == {"vr": "UR", "Value": [study]}
    url = f"{study}/series/1.2.1.1/instances/1.2.1.1.1"
    assert sequence(module, "00081199") == [
        {
            "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
            "00081155": {"vr": "UI", "Value": ["1.2.1.1.1"]},
            "00081190": {"vr": "UR", "Value": [url]},
        }
    ]
    assert answer.headers["location"] == answer.headers["content-location"] == url
    assert client.get(url, "application/dicom").content == octets(make())


def test_two_studies_are_stored_at_once_without_a_study_url(client) -> None:
    answer = client.store(octets(make()), octets(make("1.2.2", "1.2.2.1", "1.2.2.1.1")))
    assert answer.status_code == 200
    assert answer.json()["00081190"] == {"vr": "UR"}
    assert answer.headers["location"] == "http://sim.test/dicomweb/studies"


def test_an_instance_of_another_study_is_refused_beside_one_of_this(client) -> None:
    answer = client.store(octets(make()), octets(make("1.2.2", "1.2.2.1", "1.2.2.1.1")), study="1.2.1")
    assert answer.status_code == 202
    module = answer.json()
    (failed,) = sequence(module, "00081198")
    assert failed["00081155"]["Value"] == ["1.2.2.1.1"]
    assert failed["00081197"]["vr"] == "US"
    assert len(sequence(module, "00081199")) == 1
    assert "0008119A" not in module
    assert answer.headers["warning"].startswith("299 http://sim.test/dicomweb: ")
    assert client.get("/studies/1.2.2").status_code == 404
    alone = client.store(octets(make("1.2.2", "1.2.2.1", "1.2.2.1.1")), study="1.2.1")
    assert alone.status_code == 409
    assert set(alone.json()) == {"00081190", "00081198"}
    assert "location" not in alone.headers


def test_a_part_that_is_no_instance_is_another_failure(client) -> None:
    mixed = client.store(octets(make()), b"this is not DICOM")
    assert mixed.status_code == 202
    assert len(sequence(mixed.json(), "0008119A")) == 1
    assert "00081198" not in mixed.json()
    assert client.store(b"this is not DICOM").status_code == 400


def test_the_response_module_comes_as_xml(client) -> None:
    answer = client.store(octets(make()), accept="application/dicom+xml")
    assert answer.headers["content-type"] == "application/dicom+xml"
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == "NativeDicomModel"
    assert root.xpath("//*[@keyword='ReferencedSOPInstanceUID']/*/text()") == ["1.2.1.1.1"]


def test_storing_again_is_fine(client) -> None:
    assert client.store(octets(make())).status_code == 200
    assert client.store(octets(make())).status_code == 200
    assert len(client.get("/instances", JSON).json()) == 1


@pytest.mark.parametrize(
    "type",
    [
        "multipart/related; type=application/dicom; boundary=b",
        'multipart/related; type="application/dicom"; boundary="b"',
        'Multipart/Related;boundary=b;TYPE="Application/DICOM";x=y',
        'multipart/related; type="application/dicom"; start="<1>"; boundary=b',
    ],
)
def test_every_legal_way_to_write_the_content_type_is_understood(client, type) -> None:
    _, body = form(octets(make()), boundary="b")
    answer = client.request("POST", "/studies", JSON, content=body, headers={"content-type": type})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("type", "status"),
    [
        ("", 400),
        (None, 400),
        ("nonsense", 400),
        ("application/dicom", 415),
        ("text/csv", 415),
        ("multipart/mixed; boundary=b", 415),
        ('multipart/related; type="application/json"; boundary=b', 415),
        ('multipart/related; type="text/plain"; boundary=b', 415),
        ("multipart/related; boundary=b", 400),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary=' + "b" * 71, 400),
        ('multipart/related; type="application/dicom"; boundary=other', 400),
    ],
)
def test_other_content_types_are_refused_with_what_is_supported(client, type, status) -> None:
    _, body = form(octets(make()), boundary="b")
    headers = {} if type is None else {"content-type": type}
    answer = client.request(
        "POST", "/studies", "application/dicom+json, application/json", content=body, headers=headers
    )
    assert answer.status_code == status, answer.text
    if status == 415:
        supported = answer.json()["supported"]
        assert supported[:2] == [f'multipart/related; type="application/dicom{form}"' for form in ("", "+json")]
    assert client.get("/studies").status_code == 204


@pytest.mark.parametrize("body", [b"", b"--b--", b"--b\r\n\r\nabc", b"garbage", b"--b\r\nx\r\n\r\n\r\n--b--"])
def test_broken_payloads_store_nothing(client, body) -> None:
    headers = {"content-type": 'multipart/related; type="application/dicom"; boundary=b'}
    answer = client.request("POST", "/studies", JSON, content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert client.get("/studies").status_code == 204


def test_nothing_is_stored_of_a_payload_that_is_cut(client, archive) -> None:
    type, body = form(octets(make()), octets(make(instance="1.2.1.1.2")))
    answer = client.request("POST", "/studies", JSON, content=body[:-300], headers={"content-type": type})
    assert answer.status_code == 400
    assert client.get("/studies").status_code == 204
    assert not list((archive.folder / "files").glob("*/*"))


@pytest.mark.parametrize(
    ("type", "count"), [("application/dicom; transfer-syntax=1.2.840.10008.1.2.1", 1), ("image/png", 0)]
)
def test_the_type_of_a_part_counts(client, type, count) -> None:
    header, body = form(octets(make()), type=type)
    header = header.replace(f'"{type}"', '"application/dicom"')
    answer = client.request("POST", "/studies", JSON, content=body, headers={"content-type": header})
    assert len(sequence(answer.json(), "00081199")) == count
    assert answer.status_code == (200 if count else 400)


def test_a_store_request_without_accept_or_with_an_encoding_is_refused(client) -> None:
    assert client.store(octets(make()), accept=None).status_code == 406
    assert client.store(octets(make()), accept="image/gif").status_code == 406
    assert client.store(octets(make()), headers={"content-encoding": "gzip"}).status_code == 415
    assert client.store(octets(make()), study="no.uid").status_code == 400


def test_content_with_delimiter_like_lines_survives(client) -> None:
    stored = make()
    stored.add_new(0x00090010, "LO", "MAKER")
    stored.add_new(0x00091001, "OB", b"\r\n\r\n--b0undar\r\n--b0undaryx\r\n--x--\r\n\r\n")
    assert client.store(octets(stored)).status_code == 200
    url = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
    assert client.get(url, "application/dicom").content == octets(stored)
