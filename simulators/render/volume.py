"""Knows how frames become a volume: parallel, of one size, evenly spaced (PS3.3 C.11.23.1, C.7.6.2).

Must not know views of it, or where the frames come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from simulators.archive.held import Held
from simulators.render import attributes, grey
from simulators.render.frames import Frames
from simulators.render.tables import Floats
from simulators.render.view import TooLarge, Unrenderable, Window

Voxels = npt.NDArray[np.float32]

MOST_VOXELS = 1 << 26  # 256 MB
MOST_SLICES = 4096
_PARALLEL = 1e-3  # how far direction cosines may be apart
_UNEVEN = 0.05  # of the spacing, how far slices may be from where they belong
_SHEAR = 0.05  # of a pixel, the same sideways for each slice


class NoVolume(Unrenderable):
    """The frames are no volume; says why."""


@dataclass(frozen=True)
class Slice:
    """Where one frame lies. `axes` are unit vectors along a row and down a column, `spacing` (down, across) in mm."""

    held: Held
    frame: int
    position: Floats
    axes: tuple[Floats, Floats]
    spacing: tuple[float, float]
    size: tuple[int, int]
    reference: str

    @property
    def normal(self) -> Floats:
        return np.asarray(np.cross(*self.axes), np.float64)


@dataclass(frozen=True)
class Volume:
    """Values after the modality step, (slices, rows, columns).

    `origin` is the centre of the first voxel, `steps` the vectors from one voxel to the next along slices, rows and
    columns, all in mm of the patient's coordinates. `window` is what the images ask for themselves.
    """

    voxels: Voxels
    origin: Floats
    steps: tuple[Floats, Floats, Floats]
    window: Window | None

    @property
    def spacing(self) -> float:
        """The least distance of two voxels."""
        return float(min(np.linalg.norm(step) for step in self.steps))

    @property
    def corners(self) -> Floats:
        """The centres of the eight outermost voxels, (8, 3)."""
        last = np.array(self.voxels.shape) - 1
        places = [(i * last[0], j * last[1], k * last[2]) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
        return np.array([self.origin + sum(n * step for n, step in zip(p, self.steps, strict=True)) for p in places])

    @property
    def centre(self) -> Floats:
        return np.asarray(self.corners.mean(axis=0), np.float64)


def slices(held: Held) -> list[Slice]:
    """The frames of an image; NoVolume when it does not say where they lie."""
    if not held.is_image:
        raise NoVolume(f"instance {held.instance} is no image")
    dataset = attributes.attributes(held)
    frames = max(held.frames, 1)
    if frames > MOST_SLICES:
        raise TooLarge(f"{frames} frames are more than the {MOST_SLICES} slices that a volume may have")
    return [_slice(held, dataset, number) for number in range(1, frames + 1)]


def _slice(held: Held, dataset: Dataset, frame: int) -> Slice:
    places = [attributes.macro(dataset, frame, name) for name in (
        "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")]  # fmt: skip
    # only frames of their own have places of their own: what stands beside the frames is about the first one
    alone = dataset if held.frames <= 1 else Dataset()
    position, orientation, measures = (place if place is not None else alone for place in places)
    at = attributes.numbers(position, "ImagePositionPatient")
    cosines = attributes.numbers(orientation, "ImageOrientationPatient")
    spacing = attributes.numbers(measures, "PixelSpacing")
    if len(at) != 3 or len(cosines) != 6 or len(spacing) != 2 or min(spacing) <= 0:
        raise NoVolume(f"instance {held.instance} does not say where frame {frame} lies in the patient")
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    if abs(np.linalg.norm(row) - 1) > 0.01 or abs(np.linalg.norm(column) - 1) > 0.01 or abs(row @ column) > 0.01:
        raise NoVolume(f"the directions of rows and columns of instance {held.instance} are no right angle")
    size = attributes.whole(dataset, "Rows"), attributes.whole(dataset, "Columns")
    reference = attributes.word(dataset, "FrameOfReferenceUID")
    return Slice(held, frame, np.array(at), (row, column), (spacing[0], spacing[1]), size, reference)


def alike(one: Slice, other: Slice) -> bool:
    """Two slices can belong to one volume."""
    same = (one.size, one.reference) == (other.size, other.reference)
    turned = max(float(np.abs(a - b).max()) for a, b in zip(one.axes, other.axes, strict=True))
    return same and turned <= _PARALLEL and np.allclose(one.spacing, other.spacing, rtol=1e-3)


def volume(parts: Sequence[Slice]) -> Volume:
    """The volume; NoVolume when the slices are not alike, too few, or not evenly spaced, TooLarge for too many."""
    if len(parts) < 2:
        raise NoVolume("a volume needs at least two slices")
    first = parts[0]
    rows, columns = first.size
    if len(parts) > MOST_SLICES or len(parts) * rows * columns > MOST_VOXELS:
        raise TooLarge(f"{len(parts)} slices of {rows} x {columns} are more than the {MOST_VOXELS} voxels taken on")
    if not all(alike(first, part) for part in parts):
        raise NoVolume("the slices differ in size, spacing, orientation or frame of reference")
    ordered = sorted(parts, key=lambda part: float(part.position @ first.normal))
    step = _step(ordered)
    voxels = np.empty((len(ordered), rows, columns), np.float32)
    window: Window | None = None
    for place, part in enumerate(ordered):
        voxels[place], found = _values(part)
        window = window or found
    along = (part_step for part_step in (step, first.axes[1] * first.spacing[0], first.axes[0] * first.spacing[1]))
    return Volume(voxels, ordered[0].position, (next(along), next(along), next(along)), window)


def _step(ordered: Sequence[Slice]) -> Floats:
    """From one slice to the next; NoVolume when it differs, or leads sideways."""
    step = np.asarray((ordered[-1].position - ordered[0].position) / (len(ordered) - 1), np.float64)
    length = float(np.linalg.norm(step))
    if length < 1e-6:
        raise NoVolume("all slices lie at one place")
    sideways = step - (step @ ordered[0].normal) * ordered[0].normal
    if float(np.linalg.norm(sideways)) > _SHEAR * min(ordered[0].spacing):
        raise NoVolume("the slices do not lie straight behind one another")
    for place, part in enumerate(ordered):
        off = float(np.linalg.norm(part.position - ordered[0].position - place * step))
        if off > _UNEVEN * length:
            raise NoVolume("the slices are not evenly spaced, or several lie at one place")
    return step


def _values(part: Slice) -> tuple[Floats, Window | None]:
    frames = Frames(part.held)
    frame = frames.frame(part.frame)
    if frame.samples.ndim != 2 or not frame.interpretation.startswith("MONOCHROME"):
        raise NoVolume("only images in shades of grey make a volume here")
    steps = grey.of_image(frames.dataset, part.frame, frame.interpretation, frame.signed)
    own = steps.voi if isinstance(steps.voi, Window) else None
    return steps.modality(frame.samples.astype(np.float64)), own
