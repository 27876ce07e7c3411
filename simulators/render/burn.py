"""Knows how words and lines get into a picture: annotations of 8.3.5.1.1, and what presentation states draw.

Must not know why they are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, features
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from simulators.render import attributes

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Point = tuple[float, float]

_SMALLEST, _LARGEST = 8, 32
_LINE = 80  # characters
_TECHNIQUE = (
    ("Modality", "Modality"),
    ("Study date", "StudyDate"),
    ("Series", "SeriesNumber"),
    ("Image", "InstanceNumber"),
    ("Position", "ImagePositionPatient"),
    ("Slice", "SliceThickness"),
    ("kVp", "KVP"),
    ("TR", "RepetitionTime"),
    ("TE", "EchoTime"),
)


def annotated(picture: Image.Image, dataset: Dataset, kinds: frozenset[str], frame: int, frames: int) -> Image.Image:
    """The picture with "patient" in its upper left corner and "technique" in its lower left one, burnt in."""
    if not kinds & {"patient", "technique"}:
        return picture
    made = picture.copy()
    draw, used = ImageDraw.Draw(made), font(made.size)
    if "patient" in kinds:
        written(draw, (1, 1), patient(dataset), used, 255)
    if "technique" in kinds:
        lines = technique(dataset, frame, frames)
        height = _height(draw, lines, used)
        written(draw, (1, max(1, made.size[1] - height - 2)), lines, used, 255)
    return made


def font(size: tuple[int, int]) -> Font:
    """The built-in font, as high as suits a picture of this size."""
    if not features.check("freetype2"):
        return ImageFont.load_default()
    return ImageFont.load_default(min(_LARGEST, max(_SMALLEST, min(size) // 24)))


def patient(dataset: Dataset) -> list[str]:
    """What tells who it is."""
    name = attributes.value(dataset, "PatientName")
    shown = str(name.alphabetic or name.ideographic or name.phonetic) if isinstance(name, PersonName) else ""
    words = [shown.replace("^", " "), *(attributes.word(dataset, k) for k in ("PatientID", "PatientBirthDate"))]
    return [word[:_LINE] for word in (*words, attributes.word(dataset, "PatientSex")) if word.strip()] or ["no name"]


def technique(dataset: Dataset, frame: int, frames: int) -> list[str]:
    """What tells how it was made; the number of the frame where there are several."""
    lines = []
    for label, keyword in _TECHNIQUE:
        found = attributes.value(dataset, keyword)
        if found is not None:
            lines.append(f"{label} {str(found).strip()}"[:_LINE])
    if frames > 1:
        lines.append(f"Frame {frame} of {frames}")
    return lines or ["no technique"]


def written(draw: ImageDraw.ImageDraw, place: Point, lines: Sequence[str], used: Font, level: int) -> None:
    """Lines of text with an edge of the opposite brightness, so that they show on anything."""
    text = "\n".join(lines)
    if isinstance(used, ImageFont.FreeTypeFont):
        draw.multiline_text(place, text, _fill(draw, level), used, stroke_width=1, stroke_fill=_fill(draw, 255 - level))
        return
    latin = text.encode("latin-1", "replace").decode("latin-1")  # all that the font without outlines has
    draw.multiline_text(place, latin, _fill(draw, level), used)


def _height(draw: ImageDraw.ImageDraw, lines: Sequence[str], used: Font) -> int:
    """In pixels, letters that the font without outlines lacks replaced."""
    text = "\n".join(line.encode("latin-1", "replace").decode("latin-1") for line in lines)
    return int(draw.multiline_textbbox((0, 0), text, used)[3])


def _fill(draw: ImageDraw.ImageDraw, level: int) -> int | tuple[int, int, int]:
    return level if draw.mode == "L" else (level, level, level)


def line(draw: ImageDraw.ImageDraw, points: Sequence[Point], level: int, *, filled: bool = False) -> None:
    """A line through all points, or the area within."""
    fill = _fill(draw, level)
    if len(points) == 1:
        draw.point(points[0], fill)
    elif filled and len(points) > 2:
        draw.polygon(points, fill, fill)
    else:
        draw.line(points, fill)
