"""Rendered presentation states, and thumbnails of everything, at the door (PS3.18 10.4.1.1.3, 10.4.1.1.4; 8.3.5)."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.archive.archive import Archive
from tests.simulators.render.pictures import grey, opened
from tests.simulators.render.test_render_states import state
from tests.simulators.rendered import FRAMES, ONE, SERIES, STATE, STUDY, TEXT, VALUES, alone, related
from tests.web.door import Client, load, octets, parts

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
