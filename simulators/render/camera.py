"""Knows how a volume is looked at: planes through it, and rays from a camera far away (PS3.3 C.11.26, C.11.30).

Must not know how a view is asked for, or what becomes of it. All projections are orthographic (PS3.18 8.3.5.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from PIL import Image

from simulators.render.grey import windowed
from simulators.render.tables import Floats
from simulators.render.view import BadView, TooLarge, Window
from simulators.render.volume import Volume

Vector = tuple[float, float, float]

METHODS = ("VOLUME_RENDERED", "MAXIMUM_IP", "MINIMUM_IP", "AVERAGE_IP")
# Where the camera is and where its top points, for each side of the patient (8.3.5.3.4); x to the left, y back, z up.
ORIENTATIONS: dict[str, tuple[Vector, Vector]] = {
    "a": ((0, -1, 0), (0, 0, 1)),
    "p": ((0, 1, 0), (0, 0, 1)),
    "r": ((-1, 0, 0), (0, 0, 1)),
    "l": ((1, 0, 0), (0, 0, 1)),
    "h": ((0, 0, 1), (0, -1, 0)),
    "f": ((0, 0, -1), (0, -1, 0)),
}

MOST_SIDE = 512  # pixels of a view, before a viewport scales it
MOST_SAMPLES = 1 << 23  # of all views of one answer, two seconds or so; finer ones are sampled more coarsely
MOST_VIEWS = 120
_OPACITY = 0.12  # of the brightest voxel, for a step of one voxel


@dataclass(frozen=True)
class Camera:
    """A view. `position`, `lookat` in mm, `up` a direction; `slab` in mm for a plane through `lookat`, None for rays
    through the whole volume."""

    position: Vector
    lookat: Vector
    up: Vector
    method: str = "MAXIMUM_IP"
    slab: float | None = None

    def axes(self) -> tuple[Floats, Floats, Floats]:
        """Unit vectors to the right of the view, up, and away from the camera; BadView when they cannot be told."""
        with np.errstate(all="ignore"):
            away = np.array(self.lookat, np.float64) - np.array(self.position, np.float64)
            length = float(np.linalg.norm(away))
            right = np.cross(away, np.array(self.up, np.float64))
            width = float(np.linalg.norm(right))
        if not (math.isfinite(length) and length > 1e-6):
            raise BadView("viewpointposition", "The viewpoint and the point that is looked at are one.")
        if not (math.isfinite(width) and width > 1e-9 * length):
            raise BadView("viewpointup", "The upward direction is that of the view, or none.")
        away, right = away / length, right / width
        return right, np.asarray(np.cross(right, away), np.float64), away


def placed(volume: Volume, orientation: str) -> tuple[Vector, Vector, Vector]:
    """Position, point looked at and upward direction for a side of the patient; the camera stands off the volume."""
    side, up = ORIENTATIONS[orientation]
    centre = volume.centre
    away = float(np.linalg.norm(volume.corners[-1] - volume.corners[0]))
    return _vector(centre + np.array(side) * away), _vector(centre), up


def _vector(values: Floats) -> Vector:
    return round(float(values[0]), 6), round(float(values[1]), 6), round(float(values[2]), 6)


def swivelled(camera: Camera, degrees: float) -> Camera:
    """The camera taken around the axis through what it looks at, parallel to up (8.3.5.3.9)."""
    angle, axis = math.radians(degrees), np.array(camera.up, np.float64)
    axis = axis / (np.linalg.norm(axis) or 1.0)
    arm = np.array(camera.position) - np.array(camera.lookat)
    turned = arm * math.cos(angle) + np.cross(axis, arm) * math.sin(angle) + axis * (axis @ arm) * (1 - math.cos(angle))
    return replace(camera, position=_vector(np.array(camera.lookat) + turned))


def along(camera: Camera, points: Sequence[Vector], step: float) -> Iterator[Camera]:
    """The camera moved along a line through points, looking ahead, every `step` mm (8.3.5.3.10)."""
    path = [np.array(point, np.float64) for point in points]
    left = 0.0
    for start, end in pairwise(path):
        length = float(np.linalg.norm(end - start))
        while length and left < length:
            ahead = (end - start) / length
            at = start + ahead * left
            up = np.array(camera.up, np.float64)
            if float(np.linalg.norm(np.cross(ahead, up))) < 1e-6:
                up = np.array((0.0, -1.0, 0.0)) if abs(ahead[1]) < 0.9 else np.array((0.0, 0.0, 1.0))
            yield replace(camera, position=_vector(at - ahead), lookat=_vector(at), up=_vector(up))
            left += step
        left -= length


def seen(volume: Volume, camera: Camera, window: Window, views: int = 1) -> Image.Image:
    """The view in shades of grey; `views` share the number of samples that are spent. TooLarge for too many views."""
    if views > MOST_VIEWS:
        raise TooLarge(f"an animation of {views} views is more than the {MOST_VIEWS} that are made")
    right, up, away = camera.axes()
    lookat = np.array(camera.lookat, np.float64)
    place = volume.corners - lookat
    across, down, deep = place @ right, place @ -up, place @ away
    if camera.slab is None:
        near, far = float(deep.min()), float(deep.max())
    else:
        near, far = -camera.slab / 2, camera.slab / 2
    pixel = _pixel(volume, np.ptp(across), np.ptp(down), far - near, MOST_SAMPLES // views)
    columns = _places(float(across.min()), float(across.max()), pixel)
    rows = _places(float(down.min()), float(down.max()), pixel)
    depths = _places(near, far, max(volume.spacing, pixel)) if far > near else np.zeros(1)
    plane = lookat + columns[None, :, None] * right - rows[:, None, None] * up
    shades = _projected(volume, plane, depths, away, camera.method, window)
    return Image.fromarray(np.floor(shades * 255 + 0.5).astype(np.uint8), "L")


def _pixel(volume: Volume, width: float, height: float, depth: float, samples: int) -> float:
    """The side of a pixel in mm: that of a voxel, or what keeps the view and the work within bounds."""
    pixel = max(volume.spacing, width / (MOST_SIDE - 1), height / (MOST_SIDE - 1))
    while (width / pixel + 1) * (height / pixel + 1) * (depth / max(pixel, volume.spacing) + 1) > samples:
        pixel *= 1.25
    return pixel


def _places(low: float, high: float, step: float) -> Floats:
    count = round((high - low) / step) + 1
    middle = (low + high) / 2
    return np.asarray(middle + (np.arange(count) - (count - 1) / 2) * step, np.float64)


def _projected(volume: Volume, plane: Floats, depths: Floats, away: Floats, method: str, window: Window) -> Floats:
    """From 0 to 1, plane by plane from the camera on; outside of the volume it is dark."""
    shape = plane.shape[:2]
    first = np.full(shape, -np.inf if method == "MAXIMUM_IP" else np.inf if method == "MINIMUM_IP" else 0.0)
    gathered, hits, through = first, np.zeros(shape), np.ones(shape)
    for depth in depths:
        values, inside = sampled(volume, plane + depth * away)
        hits += inside
        if method == "MAXIMUM_IP":
            gathered = np.where(inside, np.maximum(gathered, values), gathered)
        elif method == "MINIMUM_IP":
            gathered = np.where(inside, np.minimum(gathered, values), gathered)
        elif method == "AVERAGE_IP":
            gathered = gathered + np.where(inside, values, 0)
        else:
            bright = np.where(inside, windowed(values, window), 0)
            opacity = np.clip(bright * _OPACITY, 0, 1)
            gathered, through = gathered + through * opacity * bright, through * (1 - opacity)
    if method == "VOLUME_RENDERED":
        return np.asarray(np.clip(gathered, 0, 1), np.float64)
    if method == "AVERAGE_IP":
        gathered = gathered / np.maximum(hits, 1)
    return np.where(hits > 0, windowed(np.where(hits > 0, gathered, 0.0), window), 0.0)


def sampled(volume: Volume, points: Floats) -> tuple[Floats, Floats]:
    """Values between the eight voxels around each point (.., 3) in mm, and where points lie inside (trilinear)."""
    matrix = np.linalg.inv(np.array(volume.steps).T)
    places = (points - volume.origin) @ matrix.T
    last = np.array(volume.voxels.shape) - 1
    inside = np.all((places >= -0.5) & (places <= last + 0.5), axis=-1)
    places = np.clip(places, 0, last)
    low = np.minimum(np.floor(places).astype(np.int64), np.maximum(last - 1, 0))
    share = places - low
    high = np.minimum(low + 1, last)
    out = np.zeros(points.shape[:-1])
    for corner in range(8):
        ends = [(corner >> axis) & 1 for axis in range(3)]
        at = [(high if end else low)[..., axis] for axis, end in enumerate(ends)]
        weight = np.prod([share[..., a] if end else 1 - share[..., a] for a, end in enumerate(ends)], axis=0)
        out += volume.voxels[at[0], at[1], at[2]] * weight
    return out, inside


def range_window(volume: Volume) -> Window:
    """A window over all that the volume holds."""
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    return Window((low + high) / 2, max(high - low, 1.0), "LINEAR_EXACT")
