"""Rules on what a rendering of WADO-WS shows: the pixels of the instance and frame, upright, within the window.

Must not know in which format it comes, nor how a window is shaped (PS3.18 2017b 6.4.2.2).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from harness.exchange import Answer, Exchange
from harness.past import Kept
from harness.rule import RELATION, Finding, rule
from harness.wire import images
from suites.web.retrieve.reading import past_of, stored
from suites.web.uri import compare
from suites.web.wado_ws.bend import substituted
from suites.web.wado_ws.reading import KIND, Returned, Wanted, pairs

Grey = npt.NDArray[np.float64]
# With these a picture shows something else than the whole of the stored pixels.
_OTHERWISE = ("Region", "PresentationUID", "Annotation")
_LOOKUPS = ("00283000", "00283010")  # tables in place of numbers
_SLOPE, _INTERCEPT, _CENTER, _WIDTH = "00281053", "00281052", "00281050", "00281051"
_CONTRAST = 0.25  # of a window, above which no right picture is of one grey
_JPEG = "image/jpeg"


def _shown(x: Exchange) -> Iterator[tuple[Wanted, Returned, Grey, Kept, int]]:
    """Each picture of a whole frame of a stored image, as large as it; with the number of the frame."""
    for wanted, returned in pairs(x, "rendered"):
        kept, seen = past_of(x).get(wanted.name), _grey(returned)
        number = wanted.texts.get("FrameNumber") or "1"
        if kept is None or seen is None or not number.isdigit() or any(wanted.texts.get(n) for n in _OTHERWISE):
            continue
        frames = compare.frames(kept)
        if 1 <= int(number) <= len(frames) and frames[int(number) - 1].shape == seen.shape:
            yield wanted, returned, seen, kept, int(number)


def _grey(returned: Returned) -> Grey | None:
    if returned.binary is None or not returned.type.startswith("image/"):
        return None
    seen = images.read(returned.binary.content)
    if not seen.width or seen.width * seen.height > compare.MOST or seen.frames != 1 or not seen.pixels:
        return None
    first = seen.pixels[0].astype(np.float64)
    return first if first.ndim == 2 else first.mean(axis=2)


@rule(
    "wado-ws.rendering-shows-the-instance",
    cites="PS3.18 2017b-6.4.2; 6.4.2.2",
    verifies=("PS3.18-2017b-6.4.2.2-1", "PS3.18-2017b-6.4.2.2-2"),
    on=KIND,
    basis=RELATION,
    when=lambda x: any(True for _ in _shown(x)),
    says="A rendering shows the pixels of the frame that was asked for: no other frame, not turned, not blank.",
)
def rendering_shows_the_instance(x: Exchange) -> Iterator[Finding]:
    for wanted, returned, seen, kept, number in _shown(x):
        frames = compare.frames(kept)
        if other := compare.shows(seen, number, frames):
            yield Finding(f"frame {other}", f"frame {number}", f"document {returned.name}")
        elif turned := _turned(seen, frames[number - 1]):
            yield Finding(turned, "the image upright", f"document {returned.name}")
        elif not np.ptp(seen) and _has_contrast(frames[number - 1], wanted, kept):
            yield Finding(f"a picture all of {seen.flat[0]:g}", "the image", f"document {returned.name}")


def _turned(seen: Grey, frame: Grey) -> str:
    """How the picture is turned; '' where it may well be upright."""
    upright = abs(compare.alike(seen, frame))
    for name, other in (("upside down", seen[::-1]), ("mirrored", seen[:, ::-1])):
        likeness = abs(compare.alike(other, frame))
        if likeness > compare.CLEAR and likeness > upright + compare.BETTER:
            return name
    return ""


def _has_contrast(frame: Grey, wanted: Wanted, kept: Kept) -> bool:
    """The grey values within the window differ so much that no right picture is of one colour."""
    dataset = stored(kept).dataset
    if any(tag in dataset.elements for tag in _LOOKUPS):
        return False
    slope, intercept = _number(dataset.text(_SLOPE), 1.0), _number(dataset.text(_INTERCEPT), 0.0)
    center = _number(wanted.texts.get("WindowCenter") or dataset.text(_CENTER), None)
    width = _number(wanted.texts.get("WindowWidth") or dataset.text(_WIDTH), None)
    if slope is None or intercept is None:
        return False
    values = frame * slope + intercept
    if center is None or width is None:
        return bool(np.ptp(values))
    within = np.clip(values, center - width / 2, center + width / 2)
    return bool(np.ptp(within) > _CONTRAST * width)


def _number(text: str, without: float | None) -> float | None:
    """The first value of a decimal string; None where it is none."""
    first = text.partition("\\")[0].strip()
    try:
        return float(first) if first else without
    except ValueError:
        return None


def _repainted(x: Exchange, paint: Callable[[Image.Image], Image.Image]) -> Answer | None:
    """The answer with its first JPEG painted anew."""
    part = next((p for p in x.answer.parts if p.media.type == _JPEG), None)
    if part is None or not any(True for _ in pairs(x, "rendered")):
        return None
    octets, out = part.content.bytes(), io.BytesIO()
    with Image.open(io.BytesIO(octets)) as picture:
        paint(picture).save(out, "JPEG", quality=95)
    return substituted(x.answer, octets, out.getvalue())


@rendering_shows_the_instance.mutant
def shows_nothing(x: Exchange) -> Answer | None:
    """The picture is black all over."""
    return _repainted(x, lambda picture: Image.new(picture.mode, picture.size))


@rendering_shows_the_instance.mutant
def shows_it_upside_down(x: Exchange) -> Answer | None:
    """The last row comes first."""
    return _repainted(x, lambda picture: picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
