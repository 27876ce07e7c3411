"""Instances that lie about themselves: each is rendered or refused, quickly and without a traceback."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from simulators.archive.held import Held
from simulators.render import render
from simulators.render.render import frame_types, media_types, rendered
from simulators.render.view import BadView, TooLarge, Unrenderable, View, Viewport
from simulators.web import pixels
from tests.simulators.render.pictures import NOTHING, colour, grey, seen


@pytest.fixture
def lie(tmp_path: Path) -> Any:
    """Holds an instance that the archive would have refused, as if it had got there in another way."""
    return lambda dataset, frames=1, **changes: _held(dataset, changes, tmp_path / "lie.dcm", frames)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (65535, 65535), (60000, 60000)])
def test_sizes_that_cannot_be(lie: Any, shape: tuple[int, int]) -> None:
    held = lie(grey([[1, 2], [3, 4]]), Rows=shape[0], Columns=shape[1])
    with pytest.raises(Unrenderable):
        seen(held)


def test_pixel_data_shorter_than_they_say(lie: Any) -> None:
    held = lie(grey([[1, 2], [3, 4]]), Rows=4)
    with pytest.raises(Unrenderable, match="beyond the end"):
        seen(held)


@pytest.mark.parametrize(
    "lies",
    [
        {"BitsAllocated": 12},
        {"BitsAllocated": 0},
        {"BitsStored": 9},
        {"HighBit": 20},
        {"BitsStored": 0},
        {"SamplesPerPixel": 2},
        {"SamplesPerPixel": 65535},
        {"PhotometricInterpretation": "RGB"},
        {"PhotometricInterpretation": "PALETTE COLOR"},
    ],
)
def test_attributes_that_contradict_each_other(lie: Any, lies: dict[str, Any]) -> None:
    with pytest.raises(Unrenderable):
        seen(lie(grey([[1, 2], [3, 4]]), **lies))


def coded(rows: int, columns: int, format: str) -> bytes:
    file = io.BytesIO()
    Image.new("L", (columns, rows), 50).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize(("format", "syntax"), [("JPEG", JPEGBaseline8Bit), ("JPEG2000", JPEG2000Lossless)])
def test_a_stream_larger_than_its_attributes_say_is_not_decoded(hold: Any, format: str, syntax: str) -> None:
    dataset = grey([[50] * 40] * 40, PixelData=encapsulate([coded(40, 40, format)]))
    dataset["PixelData"].VR = "OB"
    assert abs(seen(hold(dataset, syntax)) - 50).max() <= 2
    dataset = grey([[50] * 40] * 40, PixelData=encapsulate([coded(4000, 4000, format)]), SOPInstanceUID="1.2.1.1.2")
    dataset["PixelData"].VR = "OB"
    with pytest.raises(Unrenderable, match="4000 rows"):
        seen(hold(dataset, syntax))


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize("stream", [b"\0\0", b"\xff\xd8\xff\xd9", b"\xff\x4f\xff\x51", b"\x02" + bytes(70)])
def test_streams_that_are_none(hold: Any, syntax: str, stream: bytes) -> None:
    dataset = grey([[1, 2], [3, 4]], PixelData=encapsulate([stream]))
    dataset["PixelData"].VR = "OB"
    with pytest.raises(Unrenderable):
        seen(hold(dataset, syntax))


def test_a_decoder_that_panics_does_not_take_the_server_along(hold: Any) -> None:
    # a run that is longer than the frame, in the first of two segments
    segments = struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\xfa" + b"\1" * 15
    dataset = grey([[1, 2], [3, 4]], 16, PixelData=encapsulate([segments]))
    dataset["PixelData"].VR = "OB"
    held = hold(dataset, RLELossless)
    with pytest.raises(Unrenderable):
        seen(held)
    with pytest.raises(pixels.Undecodable):
        pixels.decoded_frame(held, 1)


def test_a_hundred_thousand_frames_are_not_one_animation(hold: Any) -> None:
    held = hold(grey(np.zeros((100_000, 1, 1))))
    assert media_types(held) == ("image/gif",)
    with pytest.raises(TooLarge, match="one by one"):
        rendered(held, "image/gif", NOTHING)
    assert seen(held, frame=99_999).tolist() == [[0]]


def test_an_animation_of_large_views_is_refused(hold: Any) -> None:
    held = hold(grey(np.zeros((20, 2, 2))))
    with pytest.raises(TooLarge):
        rendered(held, "image/gif", View(viewport=Viewport(5000, 5000)))


@pytest.mark.parametrize("frame", [0, -1, 2, 10**9])
def test_frames_that_are_not_there(hold: Any, frame: int) -> None:
    held = hold(grey([[1]]))
    with pytest.raises(Unrenderable, match="no frame"):
        seen(held, frame=frame)


_NUMBERS = st.integers(0, 65535) | st.sampled_from([0, 1, 8, 16, 32])
_DECIMALS = st.sampled_from(["0", "-1", "1e-320", "1e300", "-9e99", "1", "0.5"])
_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "Rows": _NUMBERS,
        "Columns": _NUMBERS,
        "BitsAllocated": _NUMBERS,
        "BitsStored": _NUMBERS,
        "HighBit": _NUMBERS,
        "SamplesPerPixel": _NUMBERS,
        "PixelRepresentation": _NUMBERS,
        "PlanarConfiguration": _NUMBERS,
        "PhotometricInterpretation": st.sampled_from(
            ["MONOCHROME1", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "PALETTE COLOR", "YBR_RCT", "", "X"]
        ),
        "WindowCenter": _DECIMALS | st.lists(_DECIMALS, max_size=3),
        "WindowWidth": _DECIMALS,
        "VOILUTFunction": st.sampled_from(["SIGMOID", "LINEAR_EXACT", "?"]),
        "RescaleSlope": _DECIMALS,
        "RescaleIntercept": _DECIMALS,
        "PixelAspectRatio": st.lists(st.sampled_from(["0", "1", "-5", "2147483647"]), max_size=3),
        "ShutterShape": st.sampled_from(["CIRCULAR", "RECTANGULAR", "POLYGONAL", "?"]),
        "CenterOfCircularShutter": st.lists(st.sampled_from(["0", "2147483647", "-9"]), max_size=3),
        "RadiusOfCircularShutter": st.sampled_from(["0", "2147483647", "3"]),
        "ICCProfile": st.binary(max_size=200),
        "FrameTime": _DECIMALS,
    },
)
_VIEWS = st.sampled_from(
    [NOTHING, View(viewport=Viewport(9, 7)), View(viewport=Viewport(9, 7, (1, 1, -9, 2))), View(iccprofile="yes"),
     View(annotations=frozenset({"patient", "technique"}))]
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@given(_CHANGES, _VIEWS, st.booleans(), st.sampled_from([0, 1, 2, 3]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_attributes_say(
    tmp_path: Path, caplog: Any, changes: dict[str, Any], view: View, coloured: bool, frames: int
) -> None:
    dataset = colour([[[9, 8, 7]] * 4] * 4) if coloured else grey([[1, 2, 3, 4]] * 4)
    held = _held(dataset, changes, tmp_path / "one.dcm", frames)
    caplog.clear()
    for type in dict.fromkeys((*media_types(held), *frame_types(held))):
        try:
            octets = rendered(held, type, view, [1])
        except (Unrenderable, BadView):
            continue
        with Image.open(io.BytesIO(octets)) as picture:
            picture.load()
    assert not [r for r in caplog.records if r.name == render.log.name and r.levelno >= logging.WARNING]


def _held(dataset: Any, changes: dict[str, Any], path: Path, frames: int) -> Held:
    """The data set on disk in a file of its own, as if the archive had taken it."""
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    path = path.with_name(f"{abs(hash(str(changes)))}{frames}.dcm")
    file = io.BytesIO()
    dcmwrite(file, dataset, implicit_vr=False, little_endian=True)
    head = bytes(128) + b"DICM"
    path.write_bytes(head + _meta() + file.getvalue())
    size, start = path.stat().st_size, len(head) + len(_meta())
    return Held("1.2.1", "1.2.1.1", "1.2.1.1.1", str(dataset.SOPClassUID), "1.2.840.10008.1.2.1", path, size, frames,
                start, b"{}", "7FE00010")  # fmt: skip


def _meta() -> bytes:
    uid = b"1.2.840.10008.1.2.1\0"
    element = b"\x02\x00\x10\x00UI" + len(uid).to_bytes(2, "little") + uid
    return b"\x02\x00\x00\x00UL\x04\x00" + len(element).to_bytes(4, "little") + element
