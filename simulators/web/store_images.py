"""Knows what images and videos of a Store request say of themselves, and how the Image Pixel Description follows.

(PS3.18 10.5.2; PS3.3 C.7.6.3.) Must not know requests or how instances are kept.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydicom.dataset import Dataset

from simulators.model import coded
from simulators.model.coded import Coded, Uncoded

SAMPLES = 1 << 26  # of an image that is decoded here, all frames together
FRAMES = 10_000  # of one image
_READERS: dict[str, Callable[[coded.Octets], Coded]] = {
    "image/jpeg": coded.jpeg,
    "image/jls": coded.jpeg,
    "image/jp2": coded.jpeg2000,
    "image/jpx": partial(coded.jpeg2000, family="92"),
    "image/jphc": partial(coded.jpeg2000, family="201"),
    "video/mp4": coded.mp4,
    "video/mpeg": coded.mpeg,
}
_UID = "1.2.840.10008.1.2.4."
# What a decoder of a transfer syntax reads besides: a subset of its process.
_WIDER = {"51": ("50",), "57": ("70",), "81": ("80",), "91": ("90",), "93": ("92",), "203": ("201",), "202": ("201",)}
_VIDEO = re.compile(r"10[0-8](?:\.1)?\Z")
_REQUIRED = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "PhotometricInterpretation")


@dataclass(frozen=True)
class Picture:
    """A bit stream that was looked into."""

    coded: Coded


class Undecoded(ValueError):
    """An image that cannot be decoded here."""


def read(name: str, path: Path, syntax: str) -> Picture | str | None:
    """What a bit stream of that media type says; a sentence when it is none, None for a type not looked into."""
    reader = _READERS.get(name)
    if reader is None:
        return None
    if not path.stat().st_size:
        return "it is empty"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets:
        try:
            return Picture(reader(octets))
        except Uncoded as error:
            return str(error)


def fits(syntax: str, wanted: str) -> bool:
    """A bit stream that is `syntax` may be called `wanted`; profiles and levels of a video are taken on trust."""
    one, other = syntax.removeprefix(_UID), wanted.removeprefix(_UID)
    return one == other or one in _WIDER.get(other, ()) or bool(_VIDEO.match(one) and _VIDEO.match(other))


def described(dataset: Dataset, picture: Picture | None) -> str:
    """Fill in what of the Image Pixel Description is left out; a sentence when what is there contradicts the image."""
    if picture is None:
        missing = [word for word in _REQUIRED if dataset.get(word) in (None, "")]
        return f"{', '.join(missing)} left out, and cannot be read out of this media type" if missing else ""
    found = picture.coded
    for word, value in (("Rows", found.rows), ("Columns", found.columns), ("SamplesPerPixel", found.samples)):
        told = dataset.get(word)
        if told in (None, ""):
            setattr(dataset, word, value)
        elif told != value:
            return f"{word} is {told}, but the image has {value}"
    if dataset.get("BitsAllocated") in (None, ""):
        dataset.BitsAllocated = 8 if found.bits <= 8 else 16
    elif dataset.BitsAllocated < found.bits:
        return f"Bits Allocated is {dataset.BitsAllocated}, but the image has {found.bits} bits"
    _fill(dataset, found)
    return ""


def _fill(dataset: Dataset, found: Coded) -> None:
    for word, value in (
        ("PhotometricInterpretation", found.photometric),
        ("BitsStored", found.bits),
        ("HighBit", found.bits - 1),
        ("PixelRepresentation", int(found.signed)),
    ):
        if dataset.get(word) in (None, ""):
            setattr(dataset, word, value)
    if found.samples > 1 and dataset.get("PlanarConfiguration") in (None, ""):
        dataset.PlanarConfiguration = 0


def decoded(path: Path, indexed: bool) -> tuple[Picture, bytes]:
    """All frames of a GIF or PNG file as native pixels; Undecoded when that cannot be done. `indexed`: the data set
    has a palette, so that indices stay indices."""
    try:
        with Image.open(path, formats=("GIF", "PNG")) as image:
            return _frames(image, indexed)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise Undecoded(f"no GIF or PNG image: {error}"[:200]) from None


def _frames(image: Image.Image, indexed: bool) -> tuple[Picture, bytes]:
    mode = _mode(image, indexed)
    frames: list[bytes] = []
    for _ in _shown(image):
        if frames and mode == "P":
            raise ValueError("frames with palettes of their own")
        pixels = np.asarray(image if image.mode == mode else image.convert(mode))
        frames.append(pixels.astype("<u2").tobytes() if mode.startswith("I") else pixels.tobytes())
    samples, bits = (3 if mode == "RGB" else 1), (16 if mode.startswith("I") else 8)
    photometric = {"RGB": "RGB", "P": "PALETTE COLOR"}.get(mode, "MONOCHROME2")
    made = Coded(image.height, image.width, samples, bits, photometric, "", False, frames=len(frames))
    return Picture(made), b"".join(frames)


def _shown(image: Image.Image) -> Iterator[int]:
    """Go from frame to frame, within bounds; a PNG has one, for 10.5.2 knows of no animation there."""
    for number in range(1 if image.format == "PNG" else FRAMES + 1):
        if number == FRAMES or (number + 1) * image.width * image.height * 3 > SAMPLES:
            raise ValueError(f"more than {number} frames of {image.width} by {image.height} pixels")
        try:
            image.seek(number)
        except EOFError:
            return
        yield number


def _mode(image: Image.Image, indexed: bool) -> str:
    """What the pixels become: grey of 8 or 16 bits, or RGB; a palette only where the data set has one."""
    if image.mode == "P" and indexed:
        return "P"
    if image.mode.startswith("I"):
        return image.mode
    return "L" if image.mode in ("1", "L", "LA") else "RGB"
