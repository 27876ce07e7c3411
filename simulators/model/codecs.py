"""Knows which transfer syntaxes pixel data can be decoded from and coded into here: each codec is tried once.

Must not know instances, negotiation or transports.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy
import numpy.typing
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

log = logging.getLogger("simulators.codecs")

Array = numpy.typing.NDArray[Any]

_J = "1.2.840.10008.1.2.4."
RLE, JPEG_BASELINE, JPEG_LS, NEAR_LOSSLESS, JPEG_2000_LOSSLESS, JPEG_2000 = (
    "1.2.840.10008.1.2.5", _J + "50", _J + "80", _J + "81", _J + "90", _J + "91"
)  # fmt: skip
QUALITY = 90  # of JPEG Baseline, on the scale of its common implementation
RATIO = 4  # of JPEG 2000 where something may be lost
ERROR = 1  # the most that a pixel may differ in JPEG-LS Near-Lossless
_LOSSY: dict[str, dict[str, Any]] = {JPEG_2000: {"j2k_cr": [RATIO]}, NEAR_LOSSLESS: {"jls_error": ERROR}}

# One image, 8 by 8, in the syntaxes that nothing here writes: JPEG Lossless, JPEG-LS, High-Throughput JPEG 2000.
_GIVEN: Array = (numpy.arange(64, dtype="u1") * 3).reshape(8, 8)
_CODED: Array = numpy.tile(_GIVEN, (4, 4))  # JPEG 2000 has its smallest image at 32 by 32 here
_LOSSLESS_JPEG = """
/9j/4AAQSkZJRgABAQAAAQABAAD/wwALCAAIAAgBAREA/8QAFgABAQEAAAAAAAAAAAAAAAAAAgUI/9oACAEBAAEAAM/tttuw2227DbbbsNttuw2227DbbbsN
ttuw222//9k="""
_JPEG_LS = """
/9j/6AAgU1BJRkYAAgAAAQAAAAgAAAAICggGAQAAASwAAAEs/+gACAAAAAH/2P/3AAsIAAgACAEBEQD/2gAIAQEAAAAAlXr7QAIybSYACVWh7/LP8q/ij+Tf
wP/Z"""
_HTJ2K = """
/0//UQApQAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABBwEB/1AACAACAAAAAv9SAAwAAgABAAUEBEAB/1wAEyBIUFBQUFBQUFBQUFBQSEhI
/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAEkAAf+TwCWDAQd0AAAAwBLAEoD6AMd0ANoBB3QAwBLAEwDkAEJ0AGr1ACNUAMAlgFSAAKnidACu
c+7AAAHstgD/2Q=="""


@dataclass(frozen=True)
class Codec:
    """What can be done here with one transfer syntax. `lossy`: what it codes may differ from what it was given."""

    syntax: str
    lossy: bool
    decodes: bool
    encodes: bool

    @property
    def name(self) -> str:
        return str(UID(self.syntax).name)


@dataclass(frozen=True)
class Pixels:
    """One frame: rows by columns, by samples when there are several; what its values mean (PS3.3 C.7.6.3)."""

    array: Array
    stored: int
    interpretation: str = "MONOCHROME2"

    @property
    def samples(self) -> int:
        return self.array.shape[2] if self.array.ndim == 3 else 1

    def options(self) -> dict[str, Any]:
        """The same in the words of the codecs."""
        return {
            "rows": self.array.shape[0],
            "columns": self.array.shape[1],
            "samples_per_pixel": self.samples,
            "number_of_frames": 1,
            "bits_allocated": self.array.itemsize * 8,
            "bits_stored": self.stored,
            "pixel_representation": int(self.array.dtype.kind == "i"),
            "photometric_interpretation": self.interpretation,
            **({"planar_configuration": 0} if self.samples > 1 else {}),
        }


class CannotEncode(Exception):
    """The pixels cannot be had in that transfer syntax: it does not know them, or its codec is not installed."""


def encode(pixels: Pixels, syntax: str) -> bytes:
    """The bit stream of one frame, of even length; CannotEncode says why there is none."""
    try:
        octets = _baseline(pixels) if syntax == JPEG_BASELINE else _by_library(pixels, syntax)
    except Exception as problem:  # codecs raise what they like
        raise CannotEncode(str(problem)) from problem
    return octets + b"\0" * (len(octets) % 2)


def _by_library(pixels: Pixels, syntax: str) -> bytes:
    return bytes(get_encoder(UID(syntax)).encode(pixels.array, **pixels.options(), **_LOSSY.get(syntax, {})))


def _baseline(pixels: Pixels) -> bytes:
    """Eight bit grey or colour; a stream of colour says RGB in YCbCr to its readers, so only RGB is taken."""
    if pixels.array.dtype != numpy.uint8 or pixels.interpretation not in ("MONOCHROME1", "MONOCHROME2", "RGB"):
        raise CannotEncode("JPEG Baseline has eight bits, grey or RGB")
    made = io.BytesIO()
    Image.fromarray(pixels.array).save(made, "JPEG", quality=QUALITY, subsampling="4:2:2")
    return made.getvalue()


@cache
def codecs() -> Mapping[str, Codec]:
    """Every transfer syntax with compressed frames that a codec could be there for, each tried once in a process.

    What is missing is told in the log, once.
    """
    found = {syntax: _tried(syntax, *how) for syntax, how in _table().items()}
    for sentence in missing(found):
        log.warning("%s", sentence)
    return found


def missing(known: Mapping[str, Codec]) -> Iterator[str]:
    """What cannot be done, a sentence for each syntax that cannot be decoded."""
    for codec in known.values():
        if not codec.decodes:
            yield f"No codec here decodes {codec.name} ({codec.syntax}): it is handed out only as it was stored."


def decodes(syntax: str) -> bool:
    """Whether compressed frames in this syntax can be decoded here."""
    codec = codecs().get(syntax)
    return codec is not None and codec.decodes


def encoders(lossy: bool) -> tuple[str, ...]:
    """The syntaxes that frames can be coded into here: those that keep every bit, or those that may not."""
    return tuple(c.syntax for c in codecs().values() if c.encodes and c.lossy is lossy)


Trial = Callable[[], tuple[bytes, Array]]


def _table() -> dict[str, tuple[Trial, bool, bool]]:
    """For each syntax a stream with its image, whether it loses bits, and whether an encoder is looked for."""
    return {
        RLE: (_coded(RLE), False, True),
        JPEG_BASELINE: (_coded(JPEG_BASELINE), True, True),
        _J + "51": (_coded(JPEG_BASELINE), True, False),
        _J + "57": (_given(_LOSSLESS_JPEG), False, False),
        _J + "70": (_given(_LOSSLESS_JPEG), False, False),
        JPEG_LS: (_given(_JPEG_LS), False, True),
        NEAR_LOSSLESS: (_given(_JPEG_LS), True, True),
        JPEG_2000_LOSSLESS: (_coded(JPEG_2000_LOSSLESS), False, True),
        JPEG_2000: (_coded(JPEG_2000), True, True),
        _J + "201": (_given(_HTJ2K), False, False),
        _J + "202": (_given(_HTJ2K), False, False),
        _J + "203": (_given(_HTJ2K), True, False),
    }


def _given(text: str) -> Trial:
    return lambda: (base64.b64decode(text), _GIVEN)


def _coded(syntax: str) -> Trial:
    return lambda: (encode(Pixels(_CODED, 8), syntax), _CODED)


def _tried(syntax: str, trial: Trial, lossy: bool, writes: bool) -> Codec:
    return Codec(syntax, lossy, _decodes(syntax, trial), writes and _encodes(syntax))


def _decodes(syntax: str, trial: Trial) -> bool:
    """The image comes out of its stream: exactly, or nearly where bits may be lost."""
    try:
        octets, image = trial()
        options = {**Pixels(image, 8).options(), "pixel_keyword": "PixelData", "raw": True}
        found, _ = get_decoder(UID(syntax)).as_array(encapsulate([octets + b"\0" * (len(octets) % 2)]), **options)
    except Exception as problem:  # codecs raise what they like, and a missing one is no error of ours
        log.debug("decoding %s: %s", syntax, problem)
        return False
    return bool(found.shape == image.shape and numpy.abs(found.astype(int) - image).mean() <= 16)


def _encodes(syntax: str) -> bool:
    try:
        return bool(encode(Pixels(_CODED, 8), syntax))
    except CannotEncode as problem:
        log.debug("coding %s: %s", syntax, problem)
        return False
