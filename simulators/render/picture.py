"""Knows the way from one frame to one picture: tones or colours, shutter, area, viewport, annotation (PS3.4 N.2).

Must not know how pictures are encoded.
"""

from __future__ import annotations

from PIL import Image

from simulators.render import burn, colour, geometry, graphics, grey, profile
from simulators.render.frames import Frame, Frames
from simulators.render.state import State, shutter
from simulators.render.view import BadView, Unrenderable, View


def picture(frames: Frames, number: int, view: View) -> Image.Image:
    """The frame, counted from 1, as it is to be seen; of mode L, or RGB for what has colours.

    Unrenderable when it cannot be shown; BadView when a parameter of the view is at fault.
    """
    if view.window is not None and not grey.possible(view.window):
        raise BadView("window", f"A window of width {view.window.width:g} is too narrow for its function.")
    if view.viewport is not None:
        geometry.allow(view.viewport)
    state = State(view.state) if view.state is not None else None
    frame = frames.frame(number)
    made = _shuttered(frames, _toned(frames, frame, number, view, state), state)
    if state is None:
        made = geometry.shown(made, view.viewport, geometry.aspect(frames.dataset))
    elif view.viewport is not None and view.viewport.source is not None:
        # a part is taken of what the state makes of the image (PS3.18 9.5.2.4)
        made = geometry.shown(graphics.presented(made, state, frames, number, None), view.viewport)
    else:
        made = graphics.presented(made, state, frames, number, view.viewport)
    return burn.annotated(made, frames.dataset, view.annotations, number, frames.count)


def _toned(frames: Frames, frame: Frame, number: int, view: View, state: State | None) -> Image.Image:
    if colour.coloured(frame):
        return Image.fromarray(colour.colours(frame, frames.dataset), "RGB")
    if not frame.interpretation.startswith("MONOCHROME"):
        raise Unrenderable(f"one sample a pixel cannot be {frame.interpretation[:40]!r}")
    instance = frames.held.instance
    if state is not None:
        steps = state.greys(instance, number, frame.signed)
    else:
        steps = grey.of_image(frames.dataset, number, frame.interpretation, frame.signed)
        if view.window is not None:
            steps = grey.Greys(steps.modality, view.window, steps.presentation, steps.inverse)
    padded = grey.padding(frames.dataset, frame.signed, frame.stored)
    shades = grey.shades(frame, steps, padded)
    painted = state.painted(shades) if state is not None else None
    return Image.fromarray(shades, "L") if painted is None else Image.fromarray(painted, "RGB")


def _shuttered(frames: Frames, made: Image.Image, state: State | None) -> Image.Image:
    """A state brings its own shutter, or shows all (PS3.4 N.2.4)."""
    found = shutter(frames.dataset if state is None else state.dataset, *made.size)
    if found is None:
        return made
    mask, level = found
    closed = Image.new(made.mode, made.size, level if made.mode == "L" else (level, level, level))
    return Image.composite(made, closed, mask)


def source_profile(frames: Frames, number: int, state: State | None) -> bytes:
    """The ICC profile of the colours of a frame, by the precedence of PS3.18 8.3.5.1.5."""
    found = (state.icc if state is not None else b"") or profile.of_instance(frames.dataset)
    if not found and frames.held.encapsulated and frames.shape.samples == 3:
        found = profile.of_stream(frames.stream(number))
    return found or profile.known(profile.appropriate(frames.dataset))
