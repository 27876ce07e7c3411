"""The samples of a frame are the same in whatever transfer syntax they are stored."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from tests.simulators.render.pictures import colour, grey, seen
from tests.web.door import octets

# 40 by 33: neither a multiple of four, and large enough for JPEG 2000
_NUMBERS = np.arange(40 * 33).reshape(40, 33)
IMAGES: dict[str, Any] = {
    "eight bits": lambda: grey(_NUMBERS % 256),
    "twelve bits": lambda: grey(_NUMBERS * 3 % 4096, 16, BitsStored=12, HighBit=11),
    "signed": lambda: grey(_NUMBERS * 45 - 30_000, 16, PixelRepresentation=1),
    "signed twelve": lambda: grey(_NUMBERS * 3 % 4096 - 2048, 16, PixelRepresentation=1, BitsStored=12, HighBit=11),
    "signed eight": lambda: grey(_NUMBERS % 256 - 128, PixelRepresentation=1),
    "colour": lambda: colour(np.arange(40 * 33 * 3).reshape(40, 33, 3) % 251),
    "luminance": lambda: colour(np.arange(40 * 33 * 3).reshape(40, 33, 3) % 241, "YBR_FULL"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_every_syntax_shows_the_same(hold: Any, name: str) -> None:
    want = seen(hold(IMAGES[name]()))
    assert len(np.unique(want)) > 50
    for number, syntax in enumerate((ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian), 2):
        other = IMAGES[name]()
        other.SOPInstanceUID = f"1.2.1.1.{number}"
        assert (seen(hold(other, syntax)) == want).all(), syntax.name
    for number, syntax in enumerate((RLELossless, JPEG2000Lossless), 4):
        other = dcmread(io.BytesIO(octets(IMAGES[name]())))
        other.compress(syntax, generate_instance_uid=False)
        other.SOPInstanceUID = f"1.2.1.1.{number}"
        assert (seen(hold(other, syntax)) == want).all(), syntax.name
