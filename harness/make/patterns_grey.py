"""Knows the patterns of grey images: windows, signs, unused bits, rescaling, lookup tables.

Must not know requests or pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian

from harness.make.modules import item
from harness.make.patterns_arithmetic import WHITE, Table, Window, half_off
from harness.make.patterns_kinds import (
    Pattern,
    cells,
    grey_image,
    read_as,
    same,
    shuffled,
    stretched,
    taken_for,
    unasked,
    windowed_by,
)
from harness.make.pixels import encode

SIDE = 64  # rows and columns

RISING = [17 * n for n in range(16)]
_AROUND = [992 + n for n in range(16)]
_BOTH_SIDES = list(range(-8, 8))
_LUT = Table(992, tuple(65535 - 273 * n * n for n in range(16)))
_SQUARES = Table(0, tuple(4 * n * n for n in range(16)))
_WINDOWS = (Window(1000, 8), Window(1000, 8, "linear-exact"), Window(1000, 8, "sigmoid"), Window(1000, 1),
            Window(999.5, 4.5, "linear-exact"), Window(1001, 12))  # fmt: skip


def _lut(table: Table, name: str, **more: Any) -> dict[str, Any]:
    """A sequence with one lookup table (PS3.3 C.11.1, C.11.2)."""
    data = np.array(table.entries, dtype="<u2").tobytes()
    entry = item(LUTDescriptor=[len(table.entries), table.first, table.bits], LUTData=data, **more)
    for keyword, vr in (("LUTDescriptor", "US"), ("LUTData", "OW")):
        entry[keyword].VR = vr
    return {name: [entry]}


def grey_patterns() -> list[Pattern]:
    """What is shown of grey values by the modality, the window and the polarity of an image."""
    return [*_plain(), *_windowed(), *_stored(), *_rescaled()]


def _plain() -> list[Pattern]:
    return [
        Pattern(
            "grey",
            "eight bits, every seventeenth level, no window",
            cells(shuffled(RISING)),
            grey_image(SIDE, SIDE, 8),
            windows=(Window(128, 256), Window(96, 64)),
            mistakes={"inverted": taken_for(inverse=True)},
        ),
        Pattern(
            "monochrome1",
            "the lowest value is white",
            cells(RISING),
            grey_image(SIDE, SIDE, 8, inverse=True),
            inverse=True,
            mistakes={"not inverted": taken_for(inverse=False)},
        ),
        Pattern(
            "low-contrast",
            "eight bits, levels from 100 to 160, no window",
            cells(shuffled([100 + 4 * n for n in range(16)])),
            grey_image(SIDE, SIDE, 8),
            mistakes={"stretched": stretched},
        ),
    ]


def _windowed() -> list[Pattern]:
    return [
        Pattern(
            "window",
            "twelve bits, sixteen values around 1000",
            cells(shuffled(_AROUND)),
            grey_image(SIDE, SIDE, 16, 12, WindowCenter="1000", WindowWidth="16"),
            bits=12,
            own=Window(1000, 16),
            windows=_WINDOWS,
            mistakes={
                "the half is missing": windowed_by(half_off),
                "always linear": windowed_by(lambda x, c, w: Window(c, w)(x)),
                "always exact": windowed_by(lambda x, c, w: Window(c, w, "linear-exact")(x)),
                "always sigmoid": windowed_by(lambda x, c, w: Window(c, w, "sigmoid")(x)),
                "the window of the image": unasked,
                "stretched": stretched,
                "width 1 is white": lambda p, f, w: np.full(p.shape, WHITE) if w and w.width == 1 else p.levels(f, w),
            },
        ),
    ]


def _stored() -> list[Pattern]:
    return [
        Pattern(
            "signed",
            "signed, sixteen bits, values around zero",
            cells(shuffled(_BOTH_SIDES)),
            grey_image(SIDE, SIDE, 16, signed=True, WindowCenter="0", WindowWidth="16"),
            bits=16,
            signed=True,
            own=Window(0, 16),
            windows=(Window(0, 8), Window(-2, 9)),
            mistakes={"read as unsigned": read_as(lambda s: s & 0xFFFF)},
        ),
        Pattern(
            "sign-bit",
            "signed, twelve bits stored, the bits above are zero",
            cells(_BOTH_SIDES),
            grey_image(SIDE, SIDE, 16, 12, signed=True, WindowCenter="0", WindowWidth="16"),
            bits=12,
            signed=True,
            pack=lambda ds, stored: encode(ds, stored & 0xFFF, ExplicitVRLittleEndian),
            own=Window(0, 16),
            windows=(Window(0, 8),),
            mistakes={"sign not at High Bit": read_as(lambda s: s & 0xFFF)},
        ),
        Pattern(
            "unused-bits",
            "unsigned, twelve bits stored, something in the bits above",
            cells(shuffled(_AROUND)),
            grey_image(SIDE, SIDE, 16, 12, WindowCenter="1000", WindowWidth="16"),
            bits=12,
            pack=lambda ds, stored: encode(ds, stored | 0xA000, ExplicitVRLittleEndian),
            own=Window(1000, 16),
            windows=(Window(1000, 8),),
            mistakes={"bits above High Bit": read_as(lambda s: s | 0xA000)},
        ),
    ]


def _rescaled() -> list[Pattern]:
    scaled: dict[str, Any] = {"RescaleSlope": "2.5", "RescaleIntercept": "-20", "RescaleType": "US"}
    return [
        Pattern(
            "rescaled",
            "Rescale Slope 2.5 and Intercept -20 before the window",
            cells(shuffled(list(range(16)))),
            grey_image(SIDE, SIDE, 16, 12, WindowCenter="-1", WindowWidth="40", **scaled),
            bits=12,
            modality=lambda x: x * 2.5 - 20,
            own=Window(-1, 40),
            windows=(Window(0, 21), Window(-1, 31)),
            mistakes={
                "rescale ignored": taken_for(modality=same),
                "slope ignored": taken_for(modality=lambda x: x - 20),
                "intercept ignored": taken_for(modality=lambda x: x * 2.5),
            },
        ),
        Pattern(
            "tiny-slope",
            "Rescale Slope 0.000000001",
            cells([1000 * n for n in range(16)]),
            grey_image(SIDE, SIDE, 16, RescaleSlope="0.000000001", RescaleIntercept="0", RescaleType="US"),
            bits=16,
            modality=lambda x: x * 1e-9,
            windows=(Window(0.5, 2),),
            open=True,
            mistakes={"slope ignored": taken_for(modality=same)},
        ),
        Pattern(
            "modality-lut",
            "a Modality LUT of squares before the window",
            cells(shuffled(list(range(16)))),
            grey_image(SIDE, SIDE, 8, **_lut(_SQUARES, "ModalityLUTSequence", ModalityLUTType="US")),
            modality=_SQUARES.look_up,
            windows=(Window(450, 900),),
            open=True,
            mistakes={"table ignored": taken_for(modality=same)},
        ),
        Pattern(
            "voi-lut",
            "a VOI LUT that falls",
            cells(shuffled(_AROUND)),
            grey_image(SIDE, SIDE, 16, 12, **_lut(_LUT, "VOILUTSequence")),
            bits=12,
            own=_LUT,
            windows=(Window(1000, 8),),
            mistakes={"table ignored": stretched, "the table of the image": unasked},
        ),
    ]
