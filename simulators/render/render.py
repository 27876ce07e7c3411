"""Knows which rendered media types an instance can be had in and how each is made (PS3.18 8.7.4, Table 8.7.4-1).

Must not know HTTP, negotiation, or the archive.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from PIL import Image

from simulators.archive.held import Held
from simulators.render import attributes, document, encode, geometry, picture, profile
from simulators.render.frames import Frames
from simulators.render.state import State, is_state
from simulators.render.view import BadView, TooLarge, Unrenderable, View
from simulators.web import pixels
from simulators.web.content import Gone, joined

log = logging.getLogger("simulators.render")

MOST_FRAMES = 4096  # of one animation
MOST_PIXELS = 1 << 28  # of all frames of one animation, stored or shown, whichever are more
_DELAY = 10  # 1/100 s between frames where nobody tells


def media_types(held: Held) -> tuple[str, ...]:
    """The rendered media types the whole instance can be had in, the default first; () when there are none.

    A presentation state has none of its own: its images are rendered with it in the view.
    """
    texts = document.types(held)
    if texts or is_state(held) or not held.is_image:
        return texts
    stored = pixels.compressed_type(held)
    if stored.startswith("video/"):
        return (stored,)
    if not pixels.decodable(held):
        return ()
    return (encode.GIF,) if held.frames > 1 else encode.types()


def frame_types(held: Held) -> tuple[str, ...]:
    """The media types that one frame of the instance can be had in, the default first; () when there are none."""
    if not held.is_image or pixels.compressed_type(held).startswith("video/") or not pixels.decodable(held):
        return ()
    return encode.types()


def rendered(held: Held, type: str, view: View, frames: Sequence[int] | None = None) -> bytes:
    """The instance, or the frames of it counted from 1, in one of its `media_types`, one frame in its `frame_types`.

    Several frames make an animated GIF. Unrenderable when that cannot be made of it, TooLarge when that would be
    too much; BadView when a parameter of the view is at fault; FileNotFoundError when the instance was replaced.
    """
    try:
        return _rendered(held, type, view, frames)
    except (Unrenderable, BadView, FileNotFoundError, Gone):
        raise
    except MemoryError:
        raise TooLarge("there is not enough memory to render the instance") from None
    except Exception as problem:
        # Attributes that contradict each other surface in many ways; that they do is no fault of the one who asks.
        log.warning("instance %s cannot be rendered", held.instance, exc_info=problem)
        raise Unrenderable(f"the attributes contradict each other: {problem}") from problem


def _rendered(held: Held, type: str, view: View, frames: Sequence[int] | None) -> bytes:
    if type in document.types(held):
        return document.document(held, type, view.charset)
    if not held.is_image or type not in (*media_types(held), *frame_types(held)):
        raise Unrenderable(f"the instance cannot be had as {type}")
    if type.startswith("video/"):
        return _video(held, view)
    encode.embedding(type, view.iccprofile)
    source = Frames(held)
    numbers = list(frames) if frames is not None else list(range(1, source.count + 1))
    if len(numbers) == 1:
        return encode.encoded(*_coloured(source, numbers[0], type, view))
    if type != encode.GIF:
        raise Unrenderable(f"{len(numbers)} frames cannot be had as one {type}")
    _bound(source, view, len(numbers))
    return encode.animated(_pictures(source, numbers, view), _delays(source))


def _coloured(source: Frames, number: int, type: str, view: View) -> tuple[Image.Image, str, int | None, bytes]:
    """What `encode.encoded` takes: the picture in the colours that were asked for, and their profile."""
    made = picture.picture(source, number, view)
    state = State(view.state) if view.state is not None else None
    wish, icc = view.iccprofile, b""
    if wish == "yes":
        icc = picture.source_profile(source, number, state)
    elif wish in profile.SPACES:
        icc = profile.known(wish)
        made = profile.converted(made.convert("RGB"), picture.source_profile(source, number, state), icc)
    elif not wish and state is not None and type in encode.PROFILED:
        icc = state.icc  # a state that has a profile brings it along (8.3.5.1.6)
    return made, type, view.quality if type in encode.LOSSY else None, icc


def _pictures(source: Frames, numbers: Sequence[int], view: View) -> Iterator[Image.Image]:
    for number in numbers:
        yield picture.picture(source, number, view)


def _bound(source: Frames, view: View, count: int) -> None:
    each = source.shape.rows * source.shape.columns
    if view.viewport is not None:
        geometry.allow(view.viewport)
        each = max(each, view.viewport.width * view.viewport.height)
    if count > MOST_FRAMES or each * count > MOST_PIXELS:
        most = f"{MOST_FRAMES} frames or {MOST_PIXELS} pixels"
        raise TooLarge(
            f"an animation of {count} frames of {each} pixels is beyond {most}; frames can be had one by one"
        )


def _delays(source: Frames) -> tuple[int, ...]:
    """1/100 s that each frame is shown (PS3.3 C.7.6.5); two at least, because programs show no less."""
    dataset = source.dataset
    vector = attributes.numbers(dataset, "FrameTimeVector")
    if len(vector) > 1:
        # the first entry is always 0; each other one is the time since the frame before
        return tuple(_hundredths(after) for after in (*vector[1:], vector[-1]))
    rate = attributes.number(dataset, "RecommendedDisplayFrameRate") or attributes.number(dataset, "CineRate")
    time = attributes.number(dataset, "FrameTime") or (1000 / rate if rate else None)
    return (_hundredths(time),) if time else (_DELAY,)


def _hundredths(milliseconds: float) -> int:
    return int(min(max(round(milliseconds / 10), 2), 0xFFFF))


def _video(held: Held, view: View) -> bytes:
    """The stored stream as it is, because nothing here codes video anew."""
    for name, wish in (("viewport", view.viewport), ("window", view.window), ("annotation", view.annotations)):
        if wish:
            raise BadView(name, "Videos are given as they are stored, so this parameter is not supported for them.")
    if held.size > MOST_PIXELS:
        raise TooLarge(f"a video of {held.size} octets is larger than the {MOST_PIXELS} that are rendered")
    return joined(pixels.encoded_frame(held, 1))
