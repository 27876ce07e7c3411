"""Rendered volumes at the door, and any parameters of anything rendered (PS3.18 10.4.1.1.7, 10.4.1.1.8)."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image
from pydicom.dataset import Dataset

from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from tests.simulators.render.pictures import grey, opened
from tests.simulators.rendered import FRAMES, ONE, SERIES, STATE, STUDY, TEXT, alone, related
from tests.web.door import Client, load, octets, parts

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
