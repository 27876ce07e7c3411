"""The Non-Patient Instance service over HTTP: three media types in and out, refusals that change nothing, searches."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from harness.body import Body
from harness.make.attributes import attributes
from harness.make.nonpatient import KINDS, Instance, Maker, stray
from harness.make.parts import Part, multipart
from harness.nonpatient import CATEGORIES
from harness.wire import dicom_json, native_xml, part10
from harness.wire import multipart as read_multipart
from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from tests.web.door import Client

DICOM, JSON = "application/dicom", "application/dicom+json"
XML = 'multipart/related; type="application/dicom+xml"'


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


@pytest.fixture
def client(archive: Archive) -> Client:
    return Client(web(Service(archive)))


def post(client: Client, where: str, octets: bytes, type: str = DICOM) -> httpx.Response:
    return client.request("POST", f"/{where}", JSON, content=octets, headers={"content-type": type})


def sent(client: Client, made: Instance, form: str) -> int:
    if form == XML:
        message = multipart([Part.of(made.xml, "application/dicom+xml")])
        return post(client, made.category, message.body.bytes(), message.content_type).status_code
    return post(client, made.category, {DICOM: made.part10, JSON: made.json}[form], form).status_code


@pytest.mark.parametrize("form", [DICOM, JSON, XML])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_comes_back_as_it_went(client: Client, kind: str, form: str) -> None:
    made = Maker("tests")(kind)
    assert sent(client, made, form) == 200
    where = f"/{made.category}/{made.uid}"
    file = client.get(where, DICOM)
    assert file.headers["content-type"].startswith(DICOM)
    assert not part10.read(Body.of(file.content)).flaws
    assert attributes(dcmread(io.BytesIO(file.content))) == made.attributes
    told = client.get(where, JSON)
    assert not dicom_json.read(Body.of(told.content)).flaws
    assert told.json() == [made.attributes]
    parts = client.get(where, XML)
    boundary = parts.headers["content-type"].rpartition("boundary=")[2]
    (part,) = read_multipart.read(Body.of(parts.content), boundary).parts
    reading = native_xml.read(part.content)
    assert not reading.flaws
    assert native_xml.to_json(reading.datasets[0]).keys() == made.attributes.keys()


def test_the_default_is_json_and_a_picture_is_not_to_be_had(client: Client) -> None:
    made = Maker("tests")("palette")
    sent(client, made, DICOM)
    where = f"/{made.category}/{made.uid}"
    assert client.get(where, "*/*").headers["content-type"] == JSON
    assert client.get(where, "image/png").status_code == 406
    assert client.get(f"/{made.category}/1.2.3", JSON).status_code == 404
    assert client.get(f"/{made.category}/no-uid", JSON).status_code == 400
    assert client.get(f"/hanging-protocols/{made.uid}", JSON).status_code == 404
    assert client.get(f"/hanging-protocol/{made.uid}", JSON).status_code == 404


@pytest.mark.parametrize(
    ("where", "octets", "type", "status"),
    [
        ("color-palettes", b"", DICOM, 400),
        ("color-palettes", b"no file", DICOM, 400),
        ("color-palettes", b"[]", JSON, 400),
        ("color-palettes", b"[{}]", JSON, 400),
        ("color-palettes", b"{", JSON, 400),
        ("color-palettes", b"a,b", "text/csv", 415),
        ("color-palettes", b"<x/>", "application/dicom+xml", 415),
        ("color-palettes", b"--x--", 'multipart/related; type="image/jpeg"; boundary=x', 415),
        ("color-palettes", b"no delimiter", 'multipart/related; type="application/dicom"; boundary=x', 400),
        ("color-palettes", stray("tests").part10, DICOM, 409),
        ("color-palettes", Maker("tests")("hanging").part10, DICOM, 409),
        ("hanging-protocols/1.2.3", Maker("tests")("hanging").part10, DICOM, 409),
        ("hanging-protocols/no-uid", Maker("tests")("hanging").part10, DICOM, 400),
    ],
)
def test_what_cannot_be_stored_leaves_nothing(
    archive: Archive, client: Client, where: str, octets: bytes, type: str, status: int
) -> None:
    answer = post(client, where, octets, type)
    assert answer.status_code == status
    assert answer.content
    assert not list(archive.folder.rglob("*.dcm"))


def test_of_several_instances_those_that_fit_are_stored(client: Client) -> None:
    make = Maker("tests")
    good, bad = make("implant"), make("palette")
    message = multipart([Part.of(good.part10), Part.of(bad.part10)])
    answer = post(client, "implant-templates", message.body.bytes(), message.content_type)
    assert answer.status_code == 200
    module = answer.json()
    assert module["00081198"]["Value"][0]["00081155"]["Value"] == [bad.uid]
    stored = module["00081199"]["Value"][0]
    assert stored["00081155"]["Value"] == [good.uid]
    assert stored["00081190"]["Value"][0].endswith(f"/implant-templates/{good.uid}")
    assert client.get(f"/color-palettes/{bad.uid}", JSON).status_code == 404


def test_another_instance_under_a_uid_that_is_held_is_a_conflict(client: Client) -> None:
    make = Maker("tests")
    made = make("hanging")
    assert sent(client, made, DICOM) == 200
    assert sent(client, made, DICOM) == 200
    assert sent(client, make.again(made, HangingProtocolName="Other"), DICOM) == 409
    assert client.get(f"/{made.category}/{made.uid}", JSON).json() == [made.attributes]


def test_non_patient_instances_are_no_part_of_studies(client: Client) -> None:
    made = Maker("tests")("hanging")
    made.dataset.StudyInstanceUID = made.dataset.SeriesInstanceUID = "1.2.3"
    message = multipart([Part.of(made.part10)])
    assert post(client, "studies", message.body.bytes(), message.content_type).status_code == 409


def test_searches_are_paged_and_say_so(client: Client) -> None:
    make = Maker("tests")
    for _ in range(3):
        sent(client, make("palette"), DICOM)
    answer = client.get("/color-palettes?limit=1&offset=1&fuzzymatching=true", JSON)
    assert len(answer.json()) == 1
    assert "There are 1 additional results that can be requested" in answer.headers["warning"]
    assert "fuzzymatching parameter is not supported" in answer.headers["warning"]
    assert client.get("/color-palettes?ContentLabel=NOBODY", JSON).status_code == 204
    for bad in ("limit=-1", "offset=x", "fuzzymatching=perhaps", "ContentLabel=A,B", "SOPInstanceUID=x",
                "includefield=all,ContentLabel", "PaletteColorLookupTableUID=x"):  # fmt: skip
        assert client.get(f"/color-palettes?{bad}", JSON).status_code == 400, bad


def test_editions(archive: Archive) -> None:
    old, young = Client(web(Service(archive, edition="2020c"))), Client(web(Service(archive, edition="2026a")))
    assert old.get("/inventories", JSON).status_code == 404
    assert young.get("/inventories", JSON).json() == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    category=st.sampled_from(sorted(CATEGORIES)),
    type=st.sampled_from([DICOM, JSON, 'multipart/related; type="application/dicom"; boundary=x', XML]),
    octets=st.one_of(
        st.binary(max_size=200),
        st.builds(lambda n: Maker("tests")("palette").part10[:n], st.integers(0, 2000)),
        st.recursive(st.none() | st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=8), inner)).map(
            lambda value: json.dumps([value]).encode()
        ),
    ),
)
def test_no_payload_is_a_failure_of_the_server(client: Client, category: str, type: str, octets: bytes) -> None:
    assert post(client, category, octets, type).status_code in (200, 400, 409, 415)
