"""The URI service of the simulator: selection, statuses that name the parameter, sizes, anonymized instances."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless

from harness.make.corpus import corpus
from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from simulators.web.uri_service import MOST
from tests.web.door import Client, load, make, octets

ANY = "*/*"
FILE = "contentType=application/dicom"
JPEG = "contentType=image/jpeg"
REPORTS, STATES = "1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.11."
SAMPLES = corpus(5, "URISERVICE"[:10])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    archive = Archive(tmp_path_factory.mktemp("uri") / "archive")
    wide = make(Rows=20, Columns=40, PixelData=bytes(1600), Modality="CT")
    load(
        archive,
        octets(wide),
        octets(make("1.2.2", "1.2.2.1", "1.2.2.1.1", frames=3, Modality="NM", WindowCenter="36", WindowWidth="72")),
        octets(make("1.2.3", "1.2.3.1", "1.2.3.1.1", Modality="CT"), ImplicitVRLittleEndian),
        octets(make("1.2.4", "1.2.4.1", "1.2.4.1.1", BurnedInAnnotation="YES")),
        octets(report("1.2.5")),
        *(s.part10 for s in SAMPLES),
    )
    yield Client(web(Service(archive)))
    archive.close()


def report(study: str) -> Dataset:
    ds = make(study, f"{study}.1", f"{study}.1.1", Modality="SR", SOPClassUID=f"{REPORTS}11")
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
                    "SamplesPerPixel", "PhotometricInterpretation"):  # fmt: skip
        delattr(ds, keyword)
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", "Größe"
    ds.ContentSequence = Sequence([item])
    return ds


def target(study: str = "1.2.1", more: str = "", path: str = "/wado") -> str:
    four = f"requestType=WADO&studyUID={study}&seriesUID={study}.1&objectUID={study}.1.1"
    return f"{path}?{four}{'&' if more else ''}{more}"


def ask(client: Client, more: str = "", study: str = "1.2.1", accept: str | None = ANY, **kwargs: Any) -> Any:
    return client.get(target(study, more), accept, **kwargs)


def picture(response: Any) -> Image.Image:
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content))


# --- selection ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/wado", "/wado/", "", "/"])
def test_where_it_answers(client: Client, path: str) -> None:
    response = client.get(target(more=FILE, path=path))
    assert (response.status_code, response.headers["content-type"]) == (200, "application/dicom")
    assert dcmread(io.BytesIO(response.content)).SOPInstanceUID == "1.2.1.1.1"


def test_a_get_of_the_base_that_is_no_request_to_it(client: Client) -> None:
    response = client.get("/")
    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS")


@pytest.mark.parametrize(
    ("study", "more", "accept", "type"),
    [
        ("1.2.1", "", ANY, "image/jpeg"),
        ("1.2.1", "", None, "image/jpeg"),  # 9.4.1.3 makes Accept optional
        ("1.2.1", "", "text/html,application/xhtml+xml,image/avif,*/*;q=0.8", "image/jpeg"),
        ("1.2.1", "", "application/dicom", "application/dicom"),
        ("1.2.1", "", "image/png", "image/png"),
        ("1.2.1", FILE, "text/html,*/*;q=0.8", "application/dicom"),
        ("1.2.1", FILE, None, "application/dicom"),
        ("1.2.1", JPEG, "image/png, image/jpeg;q=0.1", "image/jpeg"),
        ("1.2.1", "contentType=image/png;q=0.2,image/jpeg", ANY, "image/jpeg"),
        ("1.2.1", "contentType=image/x-none", ANY, "image/jpeg"),  # 8.7.8.1: the field decides, then the default
        ("1.2.2", "", ANY, "image/jpeg"),
        ("1.2.2", "contentType=image/gif", ANY, "image/gif"),
        ("1.2.2", "frameNumber=2", ANY, "image/jpeg"),
        ("1.2.5", "", ANY, "text/html; charset=UTF-8"),
        ("1.2.5", "contentType=text/plain", ANY, "text/plain; charset=UTF-8"),
        ("1.2.5", "contentType=text/plain&charset=iso-8859-1", ANY, "text/plain; charset=ISO-8859-1"),
        ("1.2.5", "contentType=text/plain&charset=x-none,utf-8;q=0.5", ANY, "text/plain; charset=UTF-8"),
    ],
)
def test_the_selected_media_type(client: Client, study: str, more: str, accept: str | None, type: str) -> None:
    response = ask(client, more, study, accept)
    assert (response.status_code, response.headers["content-type"]) == (200, type)
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.headers["content-location"].endswith(target(study, more))


def test_text_is_in_the_charset_that_was_asked_for(client: Client) -> None:
    for parameter, headers, codec in (
        ("&charset=ISO-8859-1", {}, "latin-1"),
        ("", {"accept-charset": "utf-8"}, "utf-8"),
    ):
        response = ask(client, f"contentType=text/plain{parameter}", "1.2.5", headers=headers)
        assert "Größe" in response.content.decode(codec)


@pytest.mark.parametrize(
    ("study", "more", "accept", "status"),
    [
        ("1.2.1", "contentType=application/dicom,image/jpeg", ANY, 400),
        ("1.2.1", "", "application/dicom, image/jpeg", 400),
        ("1.2.1", "contentType=application/dicom;transfer-syntax=1.2.840.10008.1.2.1", ANY, 400),
        ("1.2.1", "contentType=application/dicom;charset=utf-8", ANY, 400),
        ("1.2.1", "contentType=jpeg", ANY, 400),
        ("1.2.1", "contentType=", ANY, 400),
        ("1.2.1", "contentType=image/x-none", "image/x-none", 406),
        ("1.2.5", JPEG, "image/*", 406),
        ("1.2.9", "", ANY, 404),
    ],
)
def test_what_cannot_be_selected(client: Client, study: str, more: str, accept: str, status: int) -> None:
    assert ask(client, more, study, accept).status_code == status


def test_head_is_get_without_the_payload(client: Client) -> None:
    for more in (FILE, JPEG):
        got, head = ask(client, more), client.request("HEAD", target(more=more), ANY)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == got.headers["content-length"]


# --- statuses and what they name ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requestType", "studyUID", "seriesUID", "objectUID"])
def test_each_of_the_four_is_missed(client: Client, name: str) -> None:
    words = [w for w in target().partition("?")[2].split("&") if not w.startswith(name)]
    for raw in ("&".join(words), "&".join([*words, f"{name}="]), "&".join([*words, f"{name}=1", f"{name}=1"])):
        response = client.get(f"/wado?{raw}")
        assert response.status_code == 400
        assert name in response.text


@pytest.mark.parametrize(
    ("more", "name"),
    [
        *((f"frameNumber={v}", "frameNumber") for v in ("0", "-1", "4", "a", "1,2", "1.5", "", "9" * 30)),
        *((f"{side}={v}", side) for side in ("rows", "columns") for v in ("0", "-5", "a", "1.5", "")),
        *((f"region={v}", "region") for v in ("0,0,1", "0,0,1,1,1", "0.5,0,0.5,1", "0,1,1,0", "0,0,2,1", "-1,0,1,1",
                                              "a,0,1,1", ".5,0,1,1", "", "1e999,0,1,1")),
        ("windowCenter=40", "windowWidth"),
        ("windowWidth=40", "windowCenter"),
        ("windowCenter=a&windowWidth=1", "windowCenter"),
        ("windowCenter=1&windowWidth=0", "windowWidth"),
        ("windowCenter=1&windowWidth=1e999", "windowWidth"),
        ("windowCenter=12345678901234567&windowWidth=1", "windowCenter"),
        *((f"imageQuality={v}", "imageQuality") for v in ("0", "101", "-1", "best", "")),
        *((f"anonymize={v}", "anonymize") for v in ("no", "yes,yes", "YES", "")),
        *((f"transferSyntax={v}", "transferSyntax") for v in ("abc", "1.2.", "*", "1.2,1.3", "")),
        *((f"annotation={v}", "annotation") for v in ("", "patient,", "%20")),
        ("imageAnnotation=", "imageAnnotation"),
        ("presentationUID=1.2.3", "presentationSeriesUID"),
        ("presentationSeriesUID=1.2.3", "presentationUID"),
        ("presentationSeriesUID=1.2.3&presentationUID=x", "presentationUID"),
        ("presentationSeriesUID=1.2.3&presentationUID=1.2.4", "presentationUID"),
        ("presentationSeriesUID=1.2&presentationUID=1.3&windowCenter=1&windowWidth=2", "windowCenter"),
        ("presentationSeriesUID=1.2&presentationUID=1.3&frameNumber=1", "frameNumber"),
        ("anonymize=yes&annotation=patient", "annotation"),
        ("rows=10&rows=10", "rows"),
        ("rows=%FF", "rows"),
        ("rows=99999999&columns=99999999", "rows"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_400_and_the_report_names_the_parameter(client: Client, more: str, name: str) -> None:
    response = ask(client, more, "1.2.2")
    assert response.status_code == 400, response.text[:200]
    assert name in response.text


def test_a_frame_of_a_single_frame_image(client: Client) -> None:
    response = ask(client, "frameNumber=1")
    assert response.status_code == 400
    assert "frameNumber" in response.text
    assert ask(client, f"{FILE}&frameNumber=1").status_code == 200  # no parameter of that transaction


def test_a_window_beside_a_file(client: Client) -> None:
    for more, accept in ((FILE, ANY), ("", "application/dicom")):
        response = ask(client, f"windowCenter=1&windowWidth=2&{more}".rstrip("&"), accept=accept)
        assert response.status_code == 400
        assert "windowCenter" in response.text


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "2.25.7", "1.2.840.10008.5.1.4.1.1.7"])
def test_a_transfer_syntax_that_cannot_be_had(client: Client, syntax: str) -> None:
    response = ask(client, f"{FILE}&transferSyntax={syntax}", "1.2.3", "application/dicom, application/json;q=0.1")
    assert response.status_code == 406
    assert "1.2.840.10008.1.2.1" in response.json()["supported"]


def test_the_default_transfer_syntax_and_the_one_asked_for(client: Client) -> None:
    packed = next(s for s in SAMPLES if s.transfer_syntax == JPEG2000Lossless)
    four = f"requestType=WADO&studyUID={packed.study}&seriesUID={packed.series}&objectUID={packed.instance}"
    for more, syntax in (("", "1.2.840.10008.1.2.1"), (f"&transferSyntax={JPEG2000Lossless}", JPEG2000Lossless)):
        response = client.get(f"/wado?{four}&{FILE}{more}")
        assert dcmread(io.BytesIO(response.content)).file_meta.TransferSyntaxUID == syntax


def test_a_keyword_that_is_not_supported_is_ignored_with_a_warning(client: Client) -> None:
    response = ask(client, f"{JPEG}&annotation=patient,colour")
    assert response.status_code == 200
    assert response.headers["warning"].startswith("299 http://sim.test/dicomweb: ")
    assert response.headers["warning"].endswith("not supported: colour")


# --- sizes and parts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ("", (40, 20)),
        ("rows=10&columns=100", (20, 10)),
        ("rows=100&columns=20", (20, 10)),
        ("rows=40&columns=80", (80, 40)),
        ("rows=5", (10, 5)),
        ("columns=10", (10, 5)),
        ("region=0,0,0.5,0.5", (20, 10)),
        ("region=0.25,0,0.5,1", (10, 20)),
        ("region=0,0,0.5,1&rows=40&columns=40", (40, 40)),
        ("region=0,0,0.5,1&rows=10", (10, 10)),
        ("region=0,0,0.0001,0.0001", (1, 1)),
        ("region=0.9999,0.9999,1,1", (1, 1)),
        ("rows=1&columns=1", (1, 1)),
    ],
)
def test_sizes(client: Client, more: str, size: tuple[int, int]) -> None:
    assert picture(ask(client, f"contentType=image/png{'&' if more else ''}{more}")).size == size


def test_a_region_is_that_part_of_the_picture(client: Client) -> None:
    sample = next(s for s in SAMPLES if s.sop_class == "1.2.840.10008.5.1.4.1.1.4" and s.frames == 1)
    four = f"/wado?requestType=WADO&studyUID={sample.study}&seriesUID={sample.series}&objectUID={sample.instance}"
    whole = picture(client.get(f"{four}&contentType=image/png"))
    part = picture(client.get(f"{four}&contentType=image/png&region=0.5,0,1,0.5"))
    left, bottom = whole.width - part.width, part.height
    assert part.tobytes() == whole.crop((left, 0, whole.width, bottom)).tobytes()


def test_frames_are_counted_from_one(client: Client) -> None:
    frames = [picture(ask(client, f"contentType=image/png&frameNumber={n}", "1.2.2")).tobytes() for n in (1, 2, 3)]
    first = picture(ask(client, "contentType=image/png", "1.2.2")).tobytes()
    rendered = [
        picture(client.get(f"/studies/1.2.2/series/1.2.2.1/instances/1.2.2.1.1/frames/{n}/rendered", "image/png"))
        for n in (1, 2, 3)
    ]
    assert first == frames[0]
    assert frames == [r.tobytes() for r in rendered]
    assert len(set(frames)) == 3


def test_a_region_in_a_presentation_state_is_a_part_of_what_the_state_shows(client: Client) -> None:
    state = next(s for s in SAMPLES if s.sop_class.startswith(STATES))
    image = next(s for s in SAMPLES if s.study == state.study and s.frames == 1)
    four = f"/wado?requestType=WADO&studyUID={image.study}&seriesUID={image.series}&objectUID={image.instance}"
    told = f"{four}&contentType=image/png&presentationSeriesUID={state.series}&presentationUID={state.instance}"
    whole, part = picture(client.get(told)), picture(client.get(f"{told}&region=0.5,0.5,1,1"))
    plain = picture(client.get(f"{four}&contentType=image/png"))
    assert whole.tobytes() != plain.tobytes()
    box = (whole.width - part.width, whole.height - part.height, whole.width, whole.height)
    assert part.tobytes() == whole.crop(box).tobytes()


# --- anonymize ---------------------------------------------------------------------------------------------------


def test_an_anonymized_instance(client: Client) -> None:
    first, again = (dcmread(io.BytesIO(ask(client, f"{FILE}&anonymize=yes").content)) for _ in range(2))
    assert (first.PatientIdentityRemoved, first.PatientName) == ("YES", "")
    assert first.SOPInstanceUID == again.SOPInstanceUID != "1.2.1.1.1"
    assert first.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


@pytest.mark.parametrize(("study", "type"), [("1.2.4", FILE), ("1.2.4", JPEG), ("1.2.5", "contentType=text/html")])
def test_anonymization_is_refused_where_it_cannot_be_had(client: Client, study: str, type: str) -> None:
    response = ask(client, f"{type}&anonymize=yes", study)
    assert response.status_code == 403
    assert "anonymize" in response.text


def test_a_huge_instance_is_not_anonymized_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path / "archive")
    load(archive, octets(make(Modality="CT")))
    monkeypatch.setattr("simulators.web.uri_service.MOST", 100)
    response = ask(Client(web(Service(archive))), f"{FILE}&anonymize=yes")
    archive.close()
    assert MOST > 100
    assert response.status_code == 403


# --- anything ----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["requestType", "studyUID", "contentType", "charset", "anonymize", "annotation", "rows",
                         "columns", "region", "windowCenter", "windowWidth", "frameNumber", "imageQuality",
                         "presentationUID", "presentationSeriesUID", "transferSyntax", "viewport", "x"])  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        ["1", "0", "-1", "1e15", "0,0,1,1", "yes", "image/png", "text/*;q=2", "utf-8", "1.2.3", "%00", "%"]
    ),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#&"), max_size=20),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.sampled_from([None, ANY, "application/dicom", "image/*", ";"]),
    st.sampled_from(["1.2.1", "1.2.2", "1.2.5"]),
)
def test_nothing_that_is_asked_ends_in_an_internal_error(
    client: Client, parameters: list[tuple[str, str]], accept: str | None, study: str
) -> None:
    raw = "&".join(f"{name}={value}" for name, value in parameters)
    response = client.raw("GET", f"/dicomweb{target(study, raw)}".encode("latin-1"), (accept or ANY).encode())
    assert response.status_code in (200, 400, 403, 404, 406)
