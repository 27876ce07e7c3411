"""Knows which frames a presentation state stands for, and in which order they come (PS3.18 8.3.5.1.6).

Must not know HTTP, or what the state does to them.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulators.archive.archive import Archive
from simulators.archive.held import Held
from simulators.render import attributes
from simulators.render.state import Reference, State
from simulators.render.view import TooLarge, Unrenderable

MOST_FRAMES = 10_000
_LAST = (float("inf"),)


def images(archive: Archive, state: Held) -> list[tuple[Held, int]]:
    """The frames of the images that are held, frames counted from 1.

    Unrenderable for a state of a kind that is not carried out, or one whose images are not held; TooLarge when there
    are more than MOST_FRAMES.
    """
    found: list[tuple[Held, int]] = []
    for reference in State(state).references():
        for held in _held(archive, state.study, reference):
            numbers = reference.frames or range(1, max(held.frames, 1) + 1)
            found += [(held, number) for number in numbers if 1 <= number <= max(held.frames, 1)]
            if len(found) > MOST_FRAMES:
                raise TooLarge(f"the presentation state refers to more than {MOST_FRAMES} frames")
    if not found:
        raise Unrenderable("no image that the presentation state refers to is held")
    return sorted(found, key=_order)


def _held(archive: Archive, study: str, reference: Reference) -> Iterator[Held]:
    if reference.series:
        selected = archive.select(study, reference.series, reference.instance or None, metadata=False)
        yield from (held for held in selected if held.is_image)


def _order(shown: tuple[Held, int]) -> tuple[tuple[float, ...], ...]:
    """Dimension Index Values, then the positions in the patient and in the volume; equal ones stay as referred to."""
    held, number = shown
    dataset = attributes.attributes(held)
    content = attributes.macro(dataset, number, "FrameContentSequence")
    plane = attributes.macro(dataset, number, "PlanePositionSequence")
    volume = attributes.macro(dataset, number, "PlanePositionVolumeSequence")
    return (
        attributes.numbers(content, "DimensionIndexValues") if content is not None else _LAST,
        attributes.numbers(plane if plane is not None else dataset, "ImagePositionPatient") or _LAST,
        attributes.numbers(volume, "ImagePositionVolume") if volume is not None else _LAST,
    )
