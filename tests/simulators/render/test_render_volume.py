"""Volumes: what makes one, and what is seen of a phantom from each side (PS3.18 8.3.5.3)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.render import camera, volume
from simulators.render.camera import Camera
from simulators.render.view import BadView, TooLarge, Window
from simulators.render.volume import NoVolume, Slice, Volume
from tests.simulators.render.pictures import grey

WINDOW = Window(50, 100, "LINEAR_EXACT")
SHAPE = (4, 6, 8)  # slices from the feet up, rows from front to back, columns from right to left


def phantom(*bright: tuple[int, int, int], shape: tuple[int, int, int] = SHAPE) -> Volume:
    """Voxels of 1 mm; one of 100 at each of these places."""
    voxels = np.zeros(shape, np.float32)
    for place in bright:
        voxels[place] = 100
    steps = (np.array([0.0, 0, 1]), np.array([0.0, 1, 0]), np.array([1.0, 0, 0]))
    return Volume(voxels, np.zeros(3), steps, None)


def seen(made: Volume, side: str, method: str = "MAXIMUM_IP", **more: Any) -> Any:
    position, lookat, up = camera.placed(made, side)
    one = Camera(position, lookat, up, method, **more)
    return np.asarray(camera.seen(made, one, WINDOW)).astype(int)


@pytest.mark.parametrize(
    ("side", "shape", "place"),
    [
        # the voxel of the feet, in front, on the right side of the patient: place (row, column) in the view
        ("a", (4, 8), (3, 0)),
        ("p", (4, 8), (3, 7)),
        ("r", (4, 6), (3, 5)),
        ("l", (4, 6), (3, 0)),
        ("h", (6, 8), (0, 7)),
        ("f", (6, 8), (0, 0)),
    ],
)
def test_each_side_of_a_labelled_phantom(side: str, shape: tuple[int, int], place: tuple[int, int]) -> None:
    found = seen(phantom((0, 0, 0)), side)
    assert found.shape == shape
    assert np.argwhere(found > 128).tolist() == [list(place)]


def test_each_method_by_hand() -> None:
    made = phantom((2, 1, 3), (2, 4, 3))
    assert seen(made, "a", "MAXIMUM_IP")[1, 3] == 255
    assert seen(made, "a", "MINIMUM_IP")[1, 3] == 0
    assert seen(made, "a", "AVERAGE_IP")[1, 3] == round(255 * 2 / 6)
    assert 0 < seen(made, "a", "VOLUME_RENDERED")[1, 3] < 255


def test_a_plane_shows_one_layer_and_a_slab_several() -> None:
    made = phantom((2, 1, 3))
    position, _, up = camera.placed(made, "a")
    at = Camera(position, (3.5, 1.0, 1.5), up, "MAXIMUM_IP", 0.0)
    beside = Camera(position, (3.5, 3.0, 1.5), up, "MAXIMUM_IP", 0.0)
    thick = Camera(position, (3.5, 3.0, 1.5), up, "MAXIMUM_IP", 4.0)
    levels = [np.asarray(camera.seen(made, one, WINDOW)).max() for one in (at, beside, thick)]
    assert levels == [255, 0, 255]


def test_between_voxels_values_are_mixed() -> None:
    made = phantom((0, 0, 0))
    points = np.array([[0.0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0.5], [9.0, 0, 0]])
    values, inside = camera.sampled(made, points)
    assert values[:3].tolist() == [100, 50, 12.5]
    assert inside.tolist() == [True, True, True, False]


def test_swivelling_goes_around_and_back() -> None:
    first = Camera((0, -10, 0), (0, 0, 0), (0, 0, 1))
    assert np.allclose(camera.swivelled(first, 90).position, (10, 0, 0))
    assert np.allclose(camera.swivelled(first, 360).position, first.position)


@settings(deadline=None)
@given(st.floats(0.5, 20), st.lists(st.tuples(*[st.integers(-30, 30)] * 3), min_size=2, max_size=6))
def test_a_curve_is_walked_in_steps(step: float, points: list[tuple[int, int, int]]) -> None:
    path = [(float(x), float(y), float(z)) for x, y, z in points]
    first = Camera((0, -10, 0), (0, 0, 0), (0, 0, 1))
    length = sum(float(np.linalg.norm(np.subtract(b, a))) for a, b in pairwise(path))
    found = list(camera.along(first, path, step))
    assert abs(len(found) - length / step) <= 1
    for one in found:
        one.axes()


@pytest.mark.parametrize(
    "one",
    [
        Camera((0, 0, 0), (0, 0, 0), (0, 0, 1)),
        Camera((0, -1, 0), (0, 0, 0), (0, 5, 0)),
        Camera((0, -1, 0), (0, 0, 0), (0, 0, 0)),
        Camera((1e308, -1e308, 0), (-1e308, 1e308, 0), (0, 0, 1)),
    ],
)
def test_cameras_without_a_direction_are_refused(one: Camera) -> None:
    with pytest.raises(BadView):
        camera.seen(phantom(), one, WINDOW)


def test_large_volumes_are_seen_in_bounded_work() -> None:
    made = phantom((0, 0, 0), shape=(2, 600, 600))
    found = seen(made, "h")
    assert max(found.shape) <= camera.MOST_SIDE
    with pytest.raises(TooLarge):
        camera.seen(made, Camera((0, -1, 0), (0, 0, 0), (0, 0, 1)), WINDOW, camera.MOST_VIEWS + 1)


def stack(hold: Any, count: int = 3, **changes: Any) -> list[Slice]:
    """Slices 2 mm apart; a change may be a function of the number of the slice."""
    found = []
    for n in range(count):
        values: dict[str, Any] = {
            "SOPInstanceUID": f"1.2.1.1.{n + 1}",
            "ImagePositionPatient": ["0", "0", str(2 * n)],
            "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
            "PixelSpacing": ["1", "1.5"],
            "FrameOfReferenceUID": "1.2.3",
        }
        values |= {key: value(n) if callable(value) else value for key, value in changes.items()}
        found += volume.slices(hold(grey([[10 * n, 1], [2, 3]], **values)))
    return found


def test_slices_make_a_volume_in_any_order(hold: Any) -> None:
    made = volume.volume(stack(hold, RescaleSlope="2", RescaleIntercept="0")[::-1])
    assert made.voxels[:, 0, 0].tolist() == [0, 20, 40]
    assert [step.tolist() for step in made.steps] == [[0, 0, 2], [0, 1, 0], [1.5, 0, 0]]
    assert made.centre.tolist() == [0.75, 0.5, 2]


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 1},
        {"ImagePositionPatient": ["0", "0", "0"]},
        {"ImagePositionPatient": lambda n: ["0", "0", str(n * n)]},
        {"ImagePositionPatient": lambda n: [str(n), "0", str(n)]},
        {"PixelSpacing": lambda n: ["1", str(1 + n)]},
        {"FrameOfReferenceUID": lambda n: f"1.2.{n}"},
        {"ImageOrientationPatient": lambda n: ["1", "0", "0", "0", "1", "0"] if n else ["0", "1", "0", "0", "0", "1"]},
        {"ImageOrientationPatient": ["1", "0", "0", "1", "0", "0"]},
        {"ImagePositionPatient": None},
        {"PixelSpacing": ["0", "1"]},
    ],
)
def test_what_is_no_volume_is_told(hold: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(NoVolume):
        volume.volume(stack(hold, **changes))


def test_too_many_voxels_are_refused_before_any_is_read(hold: Any) -> None:
    many = stack(hold, 2)
    huge = [Slice(s.held, 1, s.position, s.axes, s.spacing, (8192, 8192), s.reference) for s in many]
    with pytest.raises(TooLarge):
        volume.volume(huge)
