"""Rendered and thumbnail resources at the door: types, parts, parameters, statuses (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG2MPML

from simulators.archive.archive import Archive
from simulators.web import rendered as resource
from simulators.web.app import web
from simulators.web.service import Service
from tests.simulators.render.pictures import colour, grey, opened
from tests.simulators.render.test_render_documents import encapsulated, item, report
from tests.simulators.render.test_render_states import state
from tests.web.door import BASE, Client, load, octets, parts

STUDY = "/studies/1.2.1"
SERIES = f"{STUDY}/series/1.2.1.1"
ONE = f"{SERIES}/instances/1.2.1.1.1"
FRAMES = f"{SERIES}/instances/1.2.1.1.2"
TEXT = f"{STUDY}/series/1.2.1.2/instances/1.2.1.2.1"
STATE = f"{STUDY}/series/1.2.1.9/instances/1.2.1.9.1"
VALUES = np.arange(80).reshape(8, 10) * 3


def related(type: str) -> str:
    return f'multipart/related; type="{type}"'


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


@pytest.fixture
def client(archive: Archive) -> Client:
    return Client(web(Service(archive)))


@pytest.fixture
def mixed(archive: Archive) -> Archive:
    """A study with an image, an image of three frames, a report, and a presentation state for the first image."""
    several = np.stack([VALUES, VALUES[::-1], VALUES[:, ::-1]])
    text = report(item("TEXT", "Finding", TextValue="Größe"))
    text.SeriesInstanceUID, text.SOPInstanceUID, text.SeriesNumber = "1.2.1.2", "1.2.1.2.1", "2"
    load(
        archive,
        octets(grey(VALUES)),
        octets(grey(several, SOPInstanceUID="1.2.1.1.2", InstanceNumber="2", FrameTime="40")),
        octets(text),
        octets(state(SeriesNumber="9", PresentationLUTShape="INVERSE")),
    )
    return archive


def alone(archive: Archive, dataset: Any) -> str:
    """The path of an instance that is stored in a study of its own."""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.7", "1.2.7.1", "1.2.7.1.1"
    load(archive, octets(dataset))
    return "/studies/1.2.7/series/1.2.7.1/instances/1.2.7.1.1"


@pytest.mark.parametrize(
    ("path", "accept", "type"),
    [
        (ONE, "*/*", "image/jpeg"),
        (ONE, "image/*", "image/jpeg"),
        (ONE, "image/png", "image/png"),
        (ONE, "image/jpeg;q=0.5, image/gif", "image/gif"),
        (ONE, "image/jp2", "image/jp2"),
        (ONE, "IMAGE/PNG, text/html", "image/png"),
        (FRAMES, "*/*", "image/gif"),
        (f"{FRAMES}/frames/2", "*/*", "image/jpeg"),
        (TEXT, "*/*", "text/html; charset=UTF-8"),
        (TEXT, "text/plain", "text/plain; charset=UTF-8"),
        (TEXT, "text/xml", "text/xml; charset=UTF-8"),
        (TEXT, "application/pdf", "application/pdf"),
        (STATE, "*/*", "image/jpeg"),
    ],
)
def test_one_thing_is_one_part_of_the_type_asked_for(
    client: Client, mixed: Archive, path: str, accept: str, type: str
) -> None:
    answer = client.get(f"{path}/rendered", accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, type)
    assert answer.headers["content-location"] == BASE + (ONE if path == STATE else path)
    head = client.request("HEAD", f"{path}/rendered", accept)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == type


def test_a_rendering_that_is_known_is_not_sent_again(client: Client, mixed: Archive) -> None:
    first = client.get(f"{ONE}/rendered?quality=50")
    known = {"if-none-match": first.headers["etag"]}
    assert client.get(f"{ONE}/rendered?quality=50", headers=known).status_code == 304
    assert client.get(f"{ONE}/rendered?quality=60", headers=known).status_code == 200
    assert client.get(f"{ONE}/rendered?quality=50", "image/png", headers=known).status_code == 200


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        (ONE, None, 406),
        (ONE, "text/html", 406),
        (ONE, "image/jxl", 406),
        (FRAMES, "image/png", 406),
        (TEXT, "image/png", 406),
        (SERIES, "image/jpeg", 406),  # single parts are not for what may be several
        (STUDY, "text/html", 406),
        (ONE, "image/png, application/dicom", 400),
        (f"{FRAMES}/frames/4", "*/*", 404),
        (f"{FRAMES}/frames/0", "*/*", 400),
        (f"{TEXT}/frames/1", "*/*", 404),
        ("/studies/1.2.8", "*/*", 404),
        (f"{SERIES}/instances/1.2.1.1.9", "*/*", 404),
        ("/studies/x", "*/*", 400),
    ],
)
def test_what_cannot_be_had(client: Client, mixed: Archive, path: str, accept: str | None, status: int) -> None:
    answer = client.get(f"{path}/rendered", accept)
    assert answer.status_code == status, answer.text


def test_a_study_is_rendered_part_by_part(client: Client, mixed: Archive) -> None:
    answer = client.get(f"{STUDY}/rendered")
    assert answer.status_code == 200
    found = parts(answer)
    assert [fields["Content-Type"] for fields, _ in found] == [
        "image/jpeg", "image/gif", "text/html; charset=UTF-8"
    ]  # fmt: skip
    assert [fields["Content-Location"] for fields, _ in found] == [BASE + p for p in (ONE, FRAMES, TEXT)]
    assert 'type="image/jpeg"' in answer.headers["content-type"]
    assert Image.open(io.BytesIO(found[1][1])).n_frames == 3  # type: ignore[attr-defined]


def test_each_part_has_a_type_that_is_acceptable_for_it(client: Client, mixed: Archive) -> None:
    answer = client.get(f"{STUDY}/rendered", f"{related('image/png')}, {related('text/plain')}")
    found = [(f["Content-Type"], f["Content-Location"].removeprefix(BASE)) for f, _ in parts(answer)]
    frames = [("image/png", f"{FRAMES}/frames/{n}") for n in (1, 2, 3)]
    assert answer.status_code == 200
    assert found == [("image/png", ONE), *frames, ("text/plain; charset=UTF-8", TEXT)]


def test_what_has_no_acceptable_type_is_left_out(client: Client, mixed: Archive) -> None:
    answer = client.get(f"{STUDY}/rendered", related("text/html"))
    assert answer.status_code == 206
    assert len(parts(answer)) == 1


def test_frames_come_in_parts_in_their_order(client: Client, mixed: Archive) -> None:
    answer = client.get(f"{FRAMES}/frames/1,3/rendered", related("image/png"))
    shown = [opened(content) for _, content in parts(answer)]
    assert (shown[0] == VALUES).all()
    assert (shown[1] == VALUES[:, ::-1]).all()
    assert [f["Content-Location"][-1] for f, _ in parts(answer)] == ["1", "3"]


def test_an_instance_that_cannot_be_rendered_is_left_out(client: Client, archive: Archive) -> None:
    broken = grey(VALUES, SOPInstanceUID="1.2.1.1.5", PhotometricInterpretation="PALETTE COLOR")
    load(archive, octets(grey(VALUES)), octets(broken))
    answer = client.get(f"{SERIES}/rendered")
    assert answer.status_code == 206
    assert len(parts(answer)) == 1
    assert client.get(f"{SERIES}/instances/1.2.1.1.5/rendered").status_code == 406
    assert client.get(f"{SERIES}/instances/1.2.1.1.5/thumbnail").status_code == 200


def test_many_instances_are_made_one_after_the_other(client: Client, archive: Archive, monkeypatch: Any) -> None:
    monkeypatch.setattr(resource, "AT_ONCE", 2)
    load(
        archive, *(octets(grey(VALUES + n, SOPInstanceUID=f"1.2.1.1.{n + 1}", InstanceNumber=str(n))) for n in range(5))
    )
    answer = client.get(f"{SERIES}/rendered", related("image/png"))
    assert answer.status_code == 200
    assert [int(opened(content)[0, 0]) for _, content in parts(answer)] == [0, 1, 2, 3, 4]
    assert client.get(f"{SERIES}/rendered?viewport=5,5,90,90,1,1", related("image/png")).status_code == 400


def test_the_accept_parameter_goes_before_the_field(client: Client, mixed: Archive) -> None:
    for query, type in (("image/png", "image/png"), ("image/x-none", "image/jpeg"), ("image/*", "image/jpeg")):
        assert client.get(f"{ONE}/rendered?accept={query}").headers["content-type"] == type


BAD = [
    "viewport=", "viewport=1", "viewport=0,1", "viewport=-1,5", "viewport=1,2,", "viewport=1,2,,,", "viewport=a,b",
    "viewport=1,2,3,4,5,6,7", "viewport=1,2,x", "viewport=1,2,0,0,0,1", "viewport=9,9,100,100,5,5", "viewport=1.5,2",
    "viewport=1000000000,1000000000", "viewport=9,9,1e400,0,1,1", "quality=", "quality=0", "quality=101", "quality=x",
    "quality=-5", "quality=5.5", "quality=5&quality=6", "window=", "window=1,2", "window=1,2,linear,3",
    "window=a,2,linear",
    "window=1,b,linear", "window=1,2,LINEAR", "window=1,0.5,linear", "window=1,0,sigmoid", "window=1,-1,linear-exact",
    "window=nan,1,linear", "window=1,,linear", "annotation=", "annotation", "annotation=,", "annotation=%25",
    "annotation=patient,", "iccprofile=", "iccprofile=SRGB", "iccprofile=yes,no", "viewport=%zz",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD)
def test_bad_parameters_are_refused_by_name(client: Client, mixed: Archive, query: str) -> None:
    answer = client.get(f"{ONE}/rendered?{query}", "image/png", headers={"accept": "image/png, text/plain"})
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text


@pytest.mark.parametrize(
    ("query", "shape"),
    [
        ("viewport=20,20", (16, 20)),
        ("viewport=5,100", (4, 5)),
        ("viewport=6,6,2,1,3,3", (6, 6)),
        ("viewport=6,6,,,3,3", (6, 6)),
        ("viewport=6,6,2,1", (5, 6)),  # eight by seven is left
        ("viewport=6,6,,,,4", (2, 6)),
        ("viewport=10,8,0,0,-10,-8", (8, 10)),
        ("unknown=5", (8, 10)),
        ("Quality=0", (8, 10)),  # names are case-sensitive, so this is nobody's
    ],
)
def test_viewports_give_sizes(client: Client, mixed: Archive, query: str, shape: tuple[int, int]) -> None:
    answer = client.get(f"{ONE}/rendered?{query}", "image/png")
    assert answer.status_code == 200, answer.text
    assert opened(answer.content).shape[:2] == shape


def test_flips_and_windows_show(client: Client, mixed: Archive) -> None:
    flipped = client.get(f"{ONE}/rendered?viewport=10,8,0,0,-10,8", "image/png")
    assert (opened(flipped.content) == VALUES[:, ::-1]).all()
    windowed = client.get(f"{ONE}/rendered?window=100,1,linear", "image/png")
    assert (opened(windowed.content) == np.where(VALUES <= 99.5, 0, 255)).all()


def test_annotations_are_burnt_in_and_unknown_ones_warned_about(client: Client, archive: Archive) -> None:
    path = alone(archive, grey(np.full((64, 64), 90)))
    plain = opened(client.get(f"{path}/rendered", "image/png").content)
    answers = [client.get(f"{path}/rendered?annotation={w}", "image/png") for w in ("patient", "technique")]
    shown = [opened(answer.content) for answer in answers]
    assert all((one != plain).any() for one in shown)
    assert (shown[0] != shown[1]).any()
    assert "warning" not in answers[0].headers
    other = client.get(f"{path}/rendered?annotation=patient,other", "image/png")
    assert other.headers["warning"] == f"299 {BASE}: The following annotation values are not supported: other"
    assert (opened(other.content) == shown[0]).all()


def test_profiles_go_into_types_that_have_a_place(client: Client, archive: Archive) -> None:
    path = alone(archive, colour(np.full((4, 4, 3), 90)))
    assert "icc_profile" in Image.open(io.BytesIO(client.get(f"{path}/rendered?iccprofile=yes").content)).info
    assert client.get(f"{path}/rendered?iccprofile=yes", "image/gif").status_code == 400
    assert client.get(f"{path}/rendered?iccprofile=no", "image/gif").status_code == 200


@pytest.mark.parametrize(
    ("accept", "query", "field", "charset"),
    [
        ("text/plain", "", "", "UTF-8"),
        ("text/plain; charset=iso-8859-1", "?charset=utf-8", "utf-8", "ISO-8859-1"),
        ("text/plain", "?charset=klingon,iso-8859-1;q=0.5,gb18030;q=0.1", "utf-8", "ISO-8859-1"),
        ("text/plain", "", "gb18030;q=0.5, iso-8859-1, *;q=0.1", "ISO-8859-1"),
        ("text/plain", "", "klingon", "UTF-8"),
        ("text/plain", "?charset=ISO_IR%20100", "", "ISO-8859-1"),
    ],
)
def test_the_character_set_is_selected(
    client: Client, mixed: Archive, accept: str, query: str, field: str, charset: str
) -> None:
    headers = {"accept-charset": field} if field else {}
    answer = client.get(f"{TEXT}/rendered{query}", accept, headers=headers)
    assert answer.headers["content-type"] == f"text/plain; charset={charset}"
    assert "Größe" in answer.content.decode(charset)


def test_a_text_that_does_not_fit_the_character_set_cannot_be_had_in_it(client: Client, archive: Archive) -> None:
    path = alone(archive, report(item("TEXT", "Finding", TextValue="山")))
    assert client.get(f"{path}/rendered?charset=iso-8859-1", "text/plain").status_code == 406


def test_encapsulated_documents_leave_as_they_are(client: Client, archive: Archive) -> None:
    path = alone(archive, encapsulated("1", b"%PDF-1.4 x"))
    answer = client.get(f"{path}/rendered", "application/pdf")
    assert (answer.status_code, answer.content) == (200, b"%PDF-1.4 x")


def test_a_video_leaves_as_it_is(client: Client, archive: Archive) -> None:
    stream = b"\0\0\1\xb3 a video"
    video = colour(np.zeros((2, 2, 3)), "YBR_PARTIAL_420", PixelData=encapsulate([stream]), NumberOfFrames="5")
    video["PixelData"].VR = "OB"
    video.StudyInstanceUID, video.SeriesInstanceUID, video.SOPInstanceUID = "1.2.7", "1.2.7.1", "1.2.7.1.1"
    load(archive, octets(video, MPEG2MPML))
    path = "/studies/1.2.7/series/1.2.7.1/instances/1.2.7.1.1"
    answer = client.get(f"{path}/rendered", "video/mpeg")
    assert (answer.status_code, answer.content) == (200, stream)
    assert client.get(f"{path}/rendered?viewport=5,5", "video/mpeg").status_code == 400
    assert client.get(f"{path}/rendered", "image/jpeg").status_code == 406
    assert client.get(f"{path}/frames/1/rendered").status_code == 406
    assert client.get(f"{path}/thumbnail").status_code == 200


# --- presentation states -----------------------------------------------------------------------------------------


def test_a_state_shows_its_image(client: Client, mixed: Archive) -> None:
    assert (opened(client.get(f"{STATE}/rendered", "image/png").content) == 255 - VALUES).all()
    sized = client.get(f"{STATE}/rendered?viewport=20,20", "image/png")
    assert opened(sized.content).shape == (16, 20)


@pytest.mark.parametrize("query", ["window=1,2,linear", "viewport=5,5,1,1", "viewport=5,5,,,3,3"])
def test_a_state_takes_neither_windows_nor_regions(client: Client, mixed: Archive, query: str) -> None:
    assert client.get(f"{STATE}/rendered?{query}", "image/png").status_code == 400


def test_a_series_of_states_shows_their_images(client: Client, mixed: Archive) -> None:
    answer = client.get(f"{STUDY}/series/1.2.1.9/rendered", related("image/png"))
    assert answer.status_code == 200
    assert (opened(parts(answer)[0][1]) == 255 - VALUES).all()


def test_frames_of_a_state_are_ordered_by_position(client: Client, archive: Archive) -> None:
    names = []
    for n, z in ((1, "20"), (2, "-5"), (3, "7")):
        image = grey(VALUES, SOPInstanceUID=f"1.2.1.1.{n}", ImagePositionPatient=["0", "0", z])
        load(archive, octets(image))
        names.append(f"1.2.1.1.{n}")
    made = state()
    made.ReferencedSeriesSequence[0].ReferencedImageSequence = []
    load(archive, octets(made))
    answer = client.get(f"{STATE}/rendered", related("image/png"))
    order = [fields["Content-Location"].rsplit("/", 1)[1] for fields, _ in parts(answer)]
    assert order == [names[1], names[2], names[0]]


def test_a_state_without_its_images_cannot_be_rendered(client: Client, archive: Archive) -> None:
    load(archive, octets(state()))
    assert client.get(f"{STATE}/rendered").status_code == 406
    assert client.get(f"{STATE}/thumbnail").status_code == 200


# --- thumbnails --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [STUDY, SERIES, ONE, FRAMES, f"{FRAMES}/frames/2", TEXT, STATE])
def test_everything_has_a_thumbnail(client: Client, mixed: Archive, path: str) -> None:
    answer = client.get(f"{path}/thumbnail")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert max(opened(answer.content).shape[:2]) <= 128
    assert opened(client.get(f"{path}/thumbnail?viewport=40,30", "image/png").content).shape[0] == 30


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("viewport=5,5,1,1", "*/*", 400),
        ("viewport=5", "*/*", 400),
        ("viewport=99999999,1", "*/*", 400),
        ("window=a&quality=0&annotation=", "*/*", 200),  # not for thumbnails, so nobody looks at them
        ("", "text/html", 406),
        ("", None, 406),
    ],
)
def test_thumbnails_take_a_size_alone(
    client: Client, mixed: Archive, query: str, accept: str | None, status: int
) -> None:
    for path in (ONE, TEXT):
        assert client.get(f"{path}/thumbnail?{query}", accept).status_code == status


def test_thumbnails_do_not_tell_who_it_is(client: Client, archive: Archive) -> None:
    path = alone(archive, grey(np.arange(256).reshape(16, 16), BurnedInAnnotation="YES"))
    first = client.get(f"{path}/thumbnail", "image/png").content
    assert len(np.unique(opened(first))) < 250
    other = client.get(f"{path}/thumbnail?annotation=patient", "image/png").content
    assert first == other


def test_a_thumbnail_without_a_window_shows_what_there_is(client: Client, archive: Archive) -> None:
    path = alone(archive, grey([[1000, 1001], [1002, 1003]], 16))
    assert opened(client.get(f"{path}/thumbnail", "image/png").content).tolist() == [[0, 85], [170, 255]]


# --- volumes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def stacked(archive: Archive) -> Archive:
    """Six slices 2 mm apart that get brighter towards the head."""
    for n in range(6):
        load(archive, octets(grey(
            np.full((5, 7), 40 * n), SOPInstanceUID=f"1.2.1.1.{n + 1}", InstanceNumber=str(n + 1),
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT", FrameOfReferenceUID="1.2.3",
            ImageOrientationPatient=["1", "0", "0", "0", "1", "0"], ImagePositionPatient=["0", "0", str(2 * n)],
            PixelSpacing=["1", "1"],
        )))  # fmt: skip
    return archive


@pytest.mark.parametrize("what", ["renderedmpr", "rendered3d"])
def test_a_stack_is_seen_from_the_front(client: Client, stacked: Archive, what: str) -> None:
    for path in (STUDY, SERIES):
        answer = client.get(f"{path}/{what}", "image/png")
        shown = opened(answer.content)
        assert (answer.status_code, shown.shape) == (200, (11, 7))
        assert (np.diff(shown[:, 3]) <= 0).all()  # the head is above
    assert client.get(f"{SERIES}/{what}?viewport=70,70", "*/*").headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("orientation=x", 400), ("orientation=a&viewpointup=0,0,1", 400), ("renderingmethod=mip", 400),
        ("viewpointposition=1,2", 400), ("viewpointposition=0,0,0&viewpointlookat=0,0,0", 400), ("mprslab=0", 400),
        ("volumetriccurvepoint=1,2,3", 400), ("animationstepsize=0", 400), ("animationrate=1.5", 400),
        ("renderedvolumetricmetadata=no", 400), ("volumeinputreference=1.2.9", 400), ("volumeinputreference=x", 400),
        ("volumeinputreference=1.2.1.1.1,2", 400), ("volumeinputreference=1.2.1.1.1&InstanceNumber=1", 400),
        ("InstanceNumber=1", 400), ("Modality=CT", 200), ("volumeinputreference=1.2.1.1.1", 200),
        ("orientation=h", 200), ("mprslab=3&renderingmethod=maximum_ip", 200),
        ("volumetriccurvepoint=0,0,0&volumetriccurvepoint=0,0,10&animationstepsize=2", 200),
        ("volumetriccurvepoint=0,0,0,0,0,100000&animationstepsize=1", 413),
    ],
)  # fmt: skip
def test_parameters_of_planes(client: Client, stacked: Archive, query: str, status: int) -> None:
    answer = client.get(f"{SERIES}/renderedmpr?{query}")
    assert answer.status_code == status, answer.text


def test_a_swivel_has_as_many_frames_as_steps(client: Client, stacked: Archive) -> None:
    answer = client.get(f"{SERIES}/rendered3d?swivelrange=90&animationstepsize=15&animationrate=5")
    assert answer.headers["content-type"] == "image/gif"
    assert Image.open(io.BytesIO(answer.content)).n_frames == 6  # type: ignore[attr-defined]


def test_the_module_tells_all_parameters(client: Client, stacked: Archive) -> None:
    query = "renderedvolumetricmetadata=yes&renderingmethod=average_ip&orientation=a&swivelrange=180"
    answers = [client.get(f"{SERIES}/rendered3d?{query}", "application/dicom+json") for _ in range(2)]
    assert answers[0].content == answers[1].content
    module = json.loads(answers[0].content)
    told = {tag: element["Value"] for tag, element in module.items()}
    assert told["00720510"] == ["3D_RENDERING"]
    assert told["0070120D"] == ["AVERAGE_IP"]
    assert told["00701604"] == [3, 2, 5]
    assert told["00701603"][1] < 0  # in front of the patient
    assert told["00701605"] == [0, 0, 1]
    assert {"00281050", "00281051", "00281056", "00701A06", "00701A05", "00701A03"} <= told.keys()
    answer = client.get(f"{SERIES}/renderedmpr?renderedvolumetricmetadata=yes", related("application/dicom+xml"))
    assert etree.fromstring(parts(answer)[0][1]).tag.endswith("NativeDicomModel")


def test_frames_of_one_image_are_a_volume_too(client: Client, archive: Archive) -> None:
    image = grey(np.stack([np.full((5, 7), 40 * n) for n in range(4)]), SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1")
    shared, groups = Dataset(), []
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [Dataset()], [Dataset()]
    shared.PixelMeasuresSequence[0].PixelSpacing = ["1", "1"]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    for n in range(4):
        group = Dataset()
        group.PlanePositionSequence = [Dataset()]
        group.PlanePositionSequence[0].ImagePositionPatient = ["0", "0", str(n)]
        groups.append(group)
    image.SharedFunctionalGroupsSequence, image.PerFrameFunctionalGroupsSequence = [shared], groups
    path = alone(archive, image)
    shapes = []
    for place in (path, f"{path}/frames/1,2,3"):
        answer = client.get(f"{place}/rendered3d?orientation=a", "image/png")
        shapes.append(opened(answer.content).shape)
    assert shapes == [(4, 7), (3, 7)]
    assert client.get(f"{path}/frames/1,2,4/rendered3d").status_code == 400  # not evenly spaced
    assert client.get(f"{path}/rendered3d?volumeinputreference=1.2.7.1.1,2").status_code == 200
    assert client.get(f"{path}/rendered3d?volumeinputreference=1.2.7.1.1,9").status_code == 400


def test_what_is_no_volume_is_told(client: Client, mixed: Archive) -> None:
    for path in (STUDY, SERIES, ONE, FRAMES, f"{FRAMES}/frames/1,2", TEXT):
        for what in ("renderedmpr", "rendered3d"):
            assert client.get(f"{path}/{what}").status_code == 400, path
    assert client.get(f"{STATE}/rendered3d").status_code == 406
    assert client.get(f"{STATE}/rendered3d?swivelrange=5").status_code == 400


def test_editions_before_2024e_have_no_volumes(archive: Archive, stacked: Archive) -> None:
    older = Client(web(Service(archive, edition="2023e")))
    assert older.get(f"{SERIES}/rendered3d").status_code == 404
    listed = older.request("OPTIONS", "", "application/json").text
    assert '"rendered"' in listed
    assert "rendered3d" not in listed


# --- anything ----------------------------------------------------------------------------------------------------

_NAMES = ["viewport", "window", "quality", "annotation", "iccprofile", "charset", "accept", "orientation",
          "viewpointup", "swivelrange", "mprslab", "volumetriccurvepoint", "volumeinputreference"]  # fmt: skip
_WORDS = st.text("0123456789,.-+eE%", max_size=12) | st.sampled_from(
    ["1,1", "5,5,1,1,2,2", "1,2,linear", "patient", "yes", "a", "0,0,1", "image/png", "1.2.1.1.1", "utf-8"]
)


@given(
    st.lists(st.tuples(st.sampled_from(_NAMES), _WORDS), max_size=3),
    st.sampled_from(["rendered", "thumbnail", "rendered3d", "renderedmpr"]),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_parameters_are_answered(
    client: Client, stacked: Archive, parameters: list[tuple[str, str]], what: str
) -> None:
    query = "&".join(f"{name}={word}" for name, word in parameters)
    assert client.get(f"{SERIES}/instances/1.2.1.1.1/{what}?{query}").status_code in (200, 400, 406, 413)
