"""Rendered resources at the door: types, parts, parameters, statuses (PS3.18 10.4.1.1.3)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG2MPML

from simulators.archive.archive import Archive
from simulators.web import rendered as resource
from tests.simulators.render.pictures import colour, grey, opened
from tests.simulators.render.test_render_documents import encapsulated, item, report
from tests.simulators.rendered import FRAMES, ONE, SERIES, STATE, STUDY, TEXT, VALUES, alone, related
from tests.web.door import BASE, Client, load, octets, parts


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
