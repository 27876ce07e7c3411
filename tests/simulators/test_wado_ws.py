"""WADO-WS of the simulator: what it returns and refuses with which code, and that nothing hostile costs it much."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image
from pydicom import dcmread

from harness.body import Body
from harness.make import wado_ws as w
from harness.make.wado_ws import DOCUMENTS, METADATA, RENDERED, Document, Question
from harness.wire import media, multipart, native_xml, soap
from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from simulators.web.soap import LARGEST
from simulators.web.wado_ws import REPOSITORY
from suites.web.wado_ws.outcome import departures
from tests.web.door import BASE, Client, load, make, octets

EXPLICIT, JPEG_2000 = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"
WADO = "{urn:dicom:wado:ws:2011}"
IMAGE = ("1.2.1", "1.2.1.1", "1.2.1.1.1")
FRAMES = ("1.2.2", "1.2.2.1", "1.2.2.1.1")
SUCCESS, PARTIAL, FAILURE = "Success", "PartialSuccess", "Failure"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    archive = Archive(tmp_path_factory.mktemp("wado-ws") / "archive")
    load(
        archive,
        octets(make(Rows=20, Columns=40, PixelData=bytes(1600), Modality="CT", WindowCenter="40", WindowWidth="400")),
        octets(make(*FRAMES, frames=3, Modality="NM")),
        octets(make("1.2.1", "1.2.1.2", "1.2.1.2.1", BurnedInAnnotation="YES")),
    )
    yield Client(web(Service(archive)))
    archive.close()


class Answer:
    """One answer, read by the strict reader."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        body = Body.of(response.content)
        type = media.read_content_type([response.headers.get("content-type", "")])
        parts = multipart.read(body, type.parameters.get("boundary", "")) if type.type.startswith("multipart") else None
        self.soap = soap.read(type, body, parts)
        assert parts is None or not parts.flaws

    def all(self, name: str) -> list[Any]:
        content = self.soap.content
        return [e for e in content.iter() if str(e.tag).endswith(f"}}{name}")] if content is not None else []

    @property
    def outcome(self) -> str:
        return str(self.all("RegistryResponse")[0].get("status")).rpartition(":")[2]

    @property
    def codes(self) -> list[str]:
        return [str(e.get("errorCode")).rpartition(":")[2] for e in self.all("RegistryError")]

    @property
    def documents(self) -> list[bytes]:
        found = [self.soap.binary(element) for element in self.all("Document")]
        return [binary.content.bytes() for binary in found if binary]

    def text(self, name: str) -> str | None:
        found = self.all(name)
        return (found[0].text or "") if found else None


def ask(client: Client, question: Question, package: bool = True, clean: bool = True) -> Answer:
    fields, payload = (w.packaged if package else w.plain)(w.envelope(question))
    answer = Answer(client.request("POST", "/wado-ws", None, headers=dict(fields), content=payload))
    assert not clean or not answer.soap.flaws, answer.soap.flaws
    return answer


def files(client: Client, *documents: Document, syntaxes: Sequence[str] | None = (EXPLICIT,), **about: Any) -> Answer:
    listed = tuple(syntaxes) if syntaxes is not None else None
    return ask(client, Question(DOCUMENTS, documents, listed), **about)


def picture(client: Client, uids: tuple[str, str, str], *types: str, **also: str) -> Answer:
    listed: dict[str, Any] = {**also, "ContentTypeList": list(types)}
    return ask(client, Question(RENDERED, (Document(*uids, REPOSITORY, also=listed),)))


def metadata(client: Client, *xpaths: str, **also: str) -> Answer:
    listed: dict[str, Any] = {**also, "XPath": list(xpaths)}
    return ask(client, Question(METADATA, (Document(*IMAGE, REPOSITORY, also=listed),)), package=False)


def test_a_document_comes_as_it_was_stored(client: Client) -> None:
    for package in (True, False):
        answer = files(client, Document(*IMAGE, REPOSITORY, "urn:oid:1.2.3"), package=package)
        assert (answer.status, answer.outcome, answer.codes) == (200, SUCCESS, [])
        assert dcmread(io.BytesIO(answer.documents[0])).SOPInstanceUID == IMAGE[2]
        assert answer.text("HomeCommunityId") == "urn:oid:1.2.3"
        assert answer.text("RepositoryUniqueId") == REPOSITORY
        assert answer.text("mimeType") == "application/dicom"
        assert answer.soap.form == "xop"


def test_identifiers_that_were_not_there_do_not_come(client: Client) -> None:
    answer = files(client, Document(*IMAGE))
    assert (answer.outcome, answer.text("HomeCommunityId"), answer.text("RepositoryUniqueId")) == (SUCCESS, None, None)


def test_some_of_the_documents_is_partial_success(client: Client) -> None:
    answer = files(client, Document(*IMAGE), Document(*FRAMES), Document(*IMAGE[:2], "1.9.9"))
    assert (answer.outcome, answer.codes, len(answer.documents)) == (PARTIAL, ["0017"], 2)
    assert [dcmread(io.BytesIO(d)).SOPInstanceUID for d in answer.documents] == [IMAGE[2], FRAMES[2]]
    assert answer.all("RegistryError")[0].get("location") == "1.9.9"


REFUSED = [
    (("1.9", *IMAGE[1:]), "0015"),
    ((IMAGE[0], "1.9", IMAGE[2]), "0016"),
    ((*IMAGE[:2], "1.9"), "0017"),
    ((IMAGE[0], *FRAMES[1:]), "0010"),
    ((IMAGE[0], "1.2.1.2", IMAGE[2]), "0010"),
    (("", *IMAGE[1:]), "0012"),
    ((IMAGE[0], "1.02", IMAGE[2]), "0012"),
]


@pytest.mark.parametrize(("uids", "code"), REFUSED)
def test_each_situation_has_its_code(client: Client, uids: tuple[str, str, str], code: str) -> None:
    answer = files(client, Document(*uids))
    assert (answer.status, answer.outcome, answer.codes, answer.documents) == (200, FAILURE, [code], [])


def test_another_repository_is_not_ours(client: Client) -> None:
    assert files(client, Document(*IMAGE, "1.2.3.4")).codes == ["XDSUnknownRepositoryId"]


SYNTAXES = [
    ((), ["0012"]),
    (None, ["0012"]),
    (("",), ["0012"]),
    (("1.2.840.10008.1.2",), ["0006"]),
    (("1.2.3.4",), ["0006"]),
    (("1.2.840.10008.1.2.4.102",), ["0007"]),
    (("1.2.3.4", EXPLICIT), []),
]


@pytest.mark.parametrize(("listed", "expected"), SYNTAXES)
def test_only_listed_transfer_syntaxes_come(
    client: Client, listed: tuple[str, ...] | None, expected: list[str]
) -> None:
    assert files(client, Document(*IMAGE), syntaxes=listed).codes == expected


def test_a_document_is_coded_anew_where_nothing_is_lost(client: Client) -> None:
    rle = "1.2.840.10008.1.2.5"
    answer = files(client, Document(*FRAMES), syntaxes=(rle,))
    assert dcmread(io.BytesIO(answer.documents[0])).file_meta.TransferSyntaxUID == rle


def test_frames_and_anonymity(client: Client) -> None:
    def codes(uids: tuple[str, str, str], **also: str) -> list[str]:
        return files(client, Document(*uids, also=also)).codes

    assert codes(IMAGE, FrameNumber="1") == []
    assert codes(IMAGE, FrameNumber="2") == ["0018"]
    assert codes(FRAMES, FrameNumber="2") == ["0013"]
    assert codes(FRAMES, FrameNumber="4") == ["0018"]
    assert codes(FRAMES, FrameNumber="9" * 400) == ["0018"]
    for wrong in ("0", "-1", "one", "١"):
        assert codes(FRAMES, FrameNumber=wrong) == ["0012"]
    assert codes(IMAGE, Anonymize="perhaps") == ["0012"]
    assert codes(("1.2.1", "1.2.1.2", "1.2.1.2.1"), Anonymize="yes") == ["0001"]
    answer = files(client, Document(*IMAGE, also={"Anonymize": "yes"}))
    anonymous = dcmread(io.BytesIO(answer.documents[0]))
    assert (answer.text("DocumentUniqueId"), answer.text("FrameNumber")) == (IMAGE[2], None)
    assert anonymous.SOPInstanceUID != IMAGE[2]
    assert "Müller" not in str(anonymous.PatientName)


def test_pictures_tell_the_values_that_were_used(client: Client) -> None:
    answer = picture(client, IMAGE, "image/jpeg", Rows="10", Columns="10", WindowCenter="50", WindowWidth="100")
    assert (answer.outcome, answer.text("mimeType")) == (SUCCESS, "image/jpeg")
    shown = Image.open(io.BytesIO(answer.documents[0]))
    assert (answer.text("Columns"), answer.text("Rows")) == tuple(str(side) for side in shown.size)
    assert (answer.text("WindowCenter"), answer.text("WindowWidth")) == ("50", "100")
    assert (answer.text("Region"), answer.text("ImageQuality"), answer.text("FrameNumber")) == ("0,0,1,1", "90", None)
    usual = picture(client, IMAGE, "image/png")
    assert (usual.text("WindowCenter"), usual.text("WindowWidth"), usual.text("Rows")) == ("40", "400", "20")


PICTURES: list[tuple[tuple[str, str, str], tuple[str, ...], dict[str, str], list[str]]] = [
    (IMAGE, ("image/x-none",), {}, ["0006"]),
    (IMAGE, ("text/html",), {}, ["0007"]),
    (IMAGE, (), {}, ["0012"]),
    (FRAMES, ("image/jpeg",), {}, ["0008"]),
    (FRAMES, ("image/jpeg",), {"FrameNumber": "3"}, []),
    (FRAMES, ("image/gif",), {}, []),
    (FRAMES, ("image/jpeg",), {"FrameNumber": "4"}, ["0018"]),
    (IMAGE, ("image/jpeg",), {"Rows": "many"}, ["0012"]),
    (IMAGE, ("image/jpeg",), {"WindowCenter": "1"}, ["0012"]),
    (IMAGE, ("image/jpeg",), {"PresentationUID": "1.9", "PresentationSeriesUID": "1.9"}, ["0020"]),
    (IMAGE, ("image/jpeg",), {"PresentationUID": "1.9", "PresentationSeriesUID": IMAGE[1]}, ["0019"]),
    (("1.2.1", "1.2.1.2", "1.2.1.2.1"), ("image/jpeg",), {"Anonymize": "yes"}, ["0001"]),
    (IMAGE, ("image/jpeg",), {"Annotation": "strange"}, ["0013"]),
]


@pytest.mark.parametrize(("uids", "types", "also", "expected"), PICTURES)
def test_pictures_that_cannot_be_had(
    client: Client, uids: tuple[str, str, str], types: tuple[str, ...], also: dict[str, str], expected: list[str]
) -> None:
    answer = picture(client, uids, *types, **also)
    assert answer.codes == expected
    warned = bool(also.get("Annotation"))
    assert answer.outcome == (SUCCESS if warned or not expected else FAILURE)
    assert len(answer.documents) == (1 if warned or not expected else 0)


def test_metadata_are_a_model_without_pixels(client: Client) -> None:
    answer = metadata(client, "/")
    (model,) = answer.all("NativeDicomModel")
    reading = native_xml.read(Body.of(etree.tostring(model, with_tail=False)))
    assert not reading.flaws
    assert reading.datasets[0].get("7FE00010") is None
    name = reading.datasets[0].get("00100010")
    assert name is not None
    assert name.values[0] == {"Alphabetic": "Müller^Jörg"}


def results(answer: Answer) -> list[str]:
    return ["".join(e.itertext()) for e in answer.all("XPathResponse")]


def test_xpaths_are_answered_in_order(client: Client) -> None:
    asked = [
        "/NativeDicomModel/DicomAttribute[@keyword='StudyInstanceUID']/Value",
        "//DicomAttribute[@tag='FFFFFFFF']",
        "string(//DicomAttribute[@keyword='SeriesInstanceUID'])",
        "count(//DicomAttribute[@tag='00100010']//FamilyName)",
        "//DicomAttribute[@tag='00100010']/PersonName/Alphabetic/FamilyName/text()",
        "boolean(//Nothing)",
        "//DicomAttribute[@keyword='Modality']/@vr",
    ]
    expected = [IMAGE[0], "", IMAGE[1], "1", "Müller", "false", "CS"]
    assert results(metadata(client, *asked)) == expected
    assert results(metadata(client, *reversed(asked))) == expected[::-1]


def test_prefixes_of_the_request_stand_in_xpaths(client: Client) -> None:
    question = Question(
        METADATA, (Document(*IMAGE, REPOSITORY, also={"XPath": ["//n:DicomAttribute[@tag='00100010']/n:PersonName"]}),)
    )
    declared = b'<wado:XPath xmlns:n="http://dicom.nema.org/PS3.19/models/NativeDICOM">'
    payload = w.envelope(question).replace(b"<wado:XPath>", declared)
    response = client.request("POST", "/wado-ws", None, headers=dict(w.plain(b"")[0]), content=payload)
    assert results(Answer(response)) == ["MüllerJörg"]


HOSTILE = [
    ("//*[" * 12 + "]" * 12, "0012"),
    ("//*" * 20, "0005"),
    ("/descendant::*/ancestor::*/descendant::*/ancestor::*/descendant::*", "0005"),
    ("//*[count(//*[count(//*[count(//*)>0])>0])>0]", "0005"),
    ("*/" * 30 + "*" + "|*/.." * 12, "0005"),
    ("a" * 2000, "0005"),
    ("/[", "0012"),
    ("$x", "0012"),
    ("document('file:///etc/passwd')", "0012"),
    ("n:x", "0012"),
    ("", "0012"),
]


@pytest.mark.parametrize(("xpath", "code"), HOSTILE)
def test_hostile_xpaths_are_refused(client: Client, xpath: str, code: str) -> None:
    answer = metadata(client, xpath)
    assert (answer.status, answer.outcome) == (200, FAILURE)
    assert answer.codes in ([code], ["0005"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="/*[]()@.|='\"abc:0 $-+", max_size=60))
def test_any_xpath_has_an_answer(client: Client, xpath: str) -> None:
    answer = metadata(client, xpath)
    assert (answer.status, answer.outcome in (SUCCESS, FAILURE)) == (200, True)


RIGHT = Question(DOCUMENTS, (Document(*IMAGE),), (EXPLICIT,))
STRANGE = '<x:y xmlns:x="urn:x" env:mustUnderstand="1"/>'
FAULTS = [
    (RIGHT.but(headers=STRANGE), 500, "MustUnderstand"),
    (RIGHT.but(headers=STRANGE.replace('"1"', '"0"')), 200, ""),
    (RIGHT.but(headers="<wsa:To>urn:a</wsa:To><wsa:To>urn:b</wsa:To>"), 400, "Sender"),
    (RIGHT.but(headers="<wsa:MessageID>urn:a</wsa:MessageID>"), 400, "Sender"),
    (RIGHT.but(prolog="<?xml-stylesheet href='a'?><!-- b -->", headers="<!-- c -->"), 200, ""),
    (RIGHT.but(envelope=soap.ENVELOPE_11), 500, "VersionMismatch"),
    (RIGHT.but(prolog="<!DOCTYPE a [<!ENTITY b 'c'>]>"), 400, "Sender"),
    (RIGHT.but(prolog="<!DOCTYPE a SYSTEM 'file:///etc/passwd'>"), 400, "Sender"),
    (RIGHT.but(body="<a>" * 200 + "</a>" * 200), 400, "Sender"),
    (RIGHT.but(body="<a>" * 100000), 400, "Sender"),
    (RIGHT.but(body="".join(f"<a xmlns='urn:{n}'/>" for n in range(20_001))), 400, "Sender"),
    (RIGHT.but(service=METADATA, documents=(Document(*IMAGE, also={"XPath": ["/"] * 1001}),)), 400, "Sender"),
    (RIGHT.but(documents=(Document(*IMAGE),) * 10_001), 400, "Sender"),
    (RIGHT.but(body=f"<a>{'<b/>' * 300_000}</a>"), 400, "Sender"),
    (RIGHT.but(body=""), 400, "Sender"),
    (RIGHT.but(body="<x:nothing xmlns:x='urn:x'/>"), 400, "Sender"),
    (RIGHT.but(action="urn:nothing"), 400, "Sender"),
    (RIGHT.but(action=""), 400, "Sender"),
    (RIGHT.but(message_id=None), 400, "Sender"),
    (RIGHT.but(documents=()), 400, "Sender"),
    (RIGHT.but(documents=(Document(None, "1.2", "1.3"),)), 400, "Sender"),
    (RIGHT.but(documents=(Document("1.1", "1.2", None),)), 400, "Sender"),
]


@pytest.mark.parametrize(("question", "status", "code"), FAULTS)
def test_wrong_messages_make_faults(client: Client, question: Question, status: int, code: str) -> None:
    for package in (True, False):
        answer = ask(client, question, package)
        assert (answer.status, answer.soap.fault.code if answer.soap.fault else "") == (status, code)


def test_what_is_no_soap_is_refused_by_http(client: Client) -> None:
    def status(type: str, payload: bytes = w.envelope(RIGHT)) -> int:
        headers = {"content-type": type} if type else {}
        return client.request("POST", "/wado-ws", None, headers=headers, content=payload).status_code

    for type in ("", "text/xml", "application/json", "multipart/related; type=text/xml; boundary=b", "nonsense"):
        assert status(type) == 415
    package = 'multipart/related; type="application/xop+xml"'
    assert status(package) == 400
    assert status(f"{package}; boundary=b") == 400
    assert status(f"{package}; boundary=b; start=<nobody@x>", b"--b\r\nContent-ID: <a@x>\r\n\r\n--b--") == 400
    assert status(f"{package}; boundary=b", b"--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b--") == 400
    assert status(soap.SOAP, b" " * (LARGEST + 1)) == 413
    assert client.get("/wado-ws").status_code == 405


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 1500), st.booleans())
def test_no_octets_break_the_door(client: Client, octets_: bytes, at: int, package: bool) -> None:
    fields, payload = (w.packaged if package else w.plain)(w.envelope(RIGHT))
    spoilt = payload[:at] + octets_ + payload[at + len(octets_) :]
    response = client.request("POST", "/wado-ws", None, headers=dict(fields), content=spoilt)
    answer = Answer(response)
    assert response.status_code in (200, 400) or (answer.soap.fault is not None and response.status_code == 500)


def test_the_description_is_whole(client: Client) -> None:
    wsdl = client.get("/wado-ws?wsdl")
    assert (wsdl.status_code, wsdl.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    for name in (
        "rs.xsd",
        "XDS.b_DocumentRepository.xsd",
        "XDSI.b_ImagingDocumentSource.xsd",
        "dicom.wado.ws.2011.xsd",
    ):
        assert client.get(f"/wado-ws?xsd={name}").status_code == 200
    assert client.get("/wado-ws?xsd=../target.schema.json").status_code == 404
    assert all(word in wsdl.text for word in (*w.ACTIONS.values(), REPOSITORY, f"{BASE}/wado-ws"))


def test_requests_and_answers_are_valid_by_their_schemas(client: Client) -> None:
    everything = {"Rows": "5", "Anonymize": "no"}
    for answer in (
        files(client, Document(*IMAGE, REPOSITORY, "urn:oid:1.2"), Document(*IMAGE[:2], "1.9")),
        picture(client, IMAGE, "image/jpeg", **everything),
        metadata(client, "/", "//x"),
    ):
        assert [f.got for f in departures(answer.soap.content)] == []
