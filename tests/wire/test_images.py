"""The reader of pictures: what headers say, what is broken, and what would take too much."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from harness.body import Body
from harness.wire import icc, images, jp2
from harness.wire.flaw import Flaws

RAMP = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
COLOUR = np.stack([RAMP, RAMP[:, ::-1], np.full_like(RAMP, 90)], axis=-1)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def coded(pixels: np.ndarray = RAMP, format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format, **options)
    return out.getvalue()


def read(octets: bytes) -> images.Reading:
    return images.read(Body.of(octets))


def codes(reading: images.Reading) -> list[str]:
    assert isinstance(reading.pixels, tuple)
    return [flaw.code for flaw in reading.flaws.kept]


@pytest.mark.parametrize(
    ("format", "options", "name", "type_"),
    [
        ("PNG", {}, "png", "image/png"),
        ("JPEG", {"quality": 90}, "jpeg", "image/jpeg"),
        ("JPEG", {"progressive": True}, "jpeg", "image/jpeg"),
        ("GIF", {}, "gif", "image/gif"),
        ("JPEG2000", {"no_jp2": False}, "jp2", "image/jp2"),
        ("JPEG2000", {"no_jp2": True}, "j2k", ""),
    ],
)
@pytest.mark.parametrize("pixels", [RAMP, COLOUR], ids=["grey", "colour"])
def test_a_picture_is_known_by_its_octets(
    pixels: np.ndarray, format: str, options: dict[str, Any], name: str, type_: str
) -> None:
    found = read(coded(pixels, format, **options))
    assert (found.format, found.type, found.width, found.height, found.frames) == (name, type_, 64, 48, 1)
    assert found.pixels[0].shape[:2] == (48, 64)
    seen = found.pixels[0].astype(int)
    wanted = pixels if seen.ndim == pixels.ndim else np.stack([pixels] * 3, axis=-1)
    assert np.abs(seen - wanted).mean() < 12
    assert codes(found) == []


def test_the_process_of_a_jpeg() -> None:
    assert (read(coded(RAMP, "JPEG")).process, read(coded(RAMP, "JPEG")).bits) == ("SOF0", 8)
    assert read(coded(RAMP, "JPEG", progressive=True)).process == "SOF2"


@pytest.mark.parametrize(("head", "name"), [
    (b"\xff\x0a\0\0", "jxl"), (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"), (b"", ""), (b"<html>", ""), (b"%PDF-1.4", ""),
    (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjph \0\0\0\0jph ", "jph"), (b"\xff\xd8", ""), (b"GIF8", ""),
])  # fmt: skip
def test_the_first_octets_decide(head: bytes, name: str) -> None:
    assert read(head).format == name
    assert read(head).pixels == ()


def test_frames_of_an_animation() -> None:
    frames = [Image.fromarray(np.full((8, 8), level, dtype=np.uint8)) for level in (0, 100, 200)]
    for format in ("GIF", "PNG"):
        out = io.BytesIO()
        frames[0].save(out, format, save_all=True, append_images=frames[1:], duration=100)
        found = read(out.getvalue())
        assert (found.format, found.frames) == (format.lower(), 3)
        assert [int(p[0, 0].max()) for p in found.pixels] == [0, 100, 200]
        assert codes(found) == []


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF"])
def test_deeper_and_transparent_pixels_become_eight_bits(format: str) -> None:
    deep = (RAMP.astype(np.uint16) * 257) if format == "PNG" else RAMP
    assert np.array_equal(read(coded(deep, "PNG")).pixels[0], RAMP)
    clear = np.dstack([COLOUR, np.full_like(RAMP, 0)])
    assert read(coded(clear, "PNG")).pixels[0].max() == 0


# --- profiles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_an_embedded_profile(format: str) -> None:
    found = read(coded(COLOUR, format, icc_profile=SRGB)).profile
    assert found is not None
    assert (found.octets, found.kind, found.space, found.whole) == (SRGB, "RGB ", "srgb", True)
    assert read(coded(COLOUR, format)).profile is None


def test_a_profile_of_several_chunks() -> None:
    long = SRGB[:4] + SRGB[4:] + bytes(70_000)
    long = struct.pack(">I", len(long)) + long[4:]
    found = read(coded(COLOUR, "JPEG", icc_profile=long)).profile
    assert found is not None
    assert (len(found.octets), found.whole, found.space) == (len(long), True, "srgb")


@pytest.mark.parametrize("octets", [b"", b"x" * 127, SRGB[:200], b"\0" * 128 + b"\xff" * 400])
def test_a_broken_profile_says_nothing(octets: bytes) -> None:
    found = icc.read(octets)
    assert (found.whole, found.space) == (False, "")


@given(st.binary(max_size=600))
def test_profiles_of_any_octets(octets: bytes) -> None:
    icc.read(SRGB[:132] + octets)


# --- what is broken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "JPEG2000"])
def test_a_picture_that_is_cut_is_told(format: str) -> None:
    whole = coded(COLOUR, format)
    for end in (len(whole) // 4, len(whole) // 2, len(whole) - 1):
        assert codes(read(whole[:end])) != [], f"cut at {end}"


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_what_comes_behind_the_end_is_told(format: str) -> None:
    assert codes(read(coded(RAMP, format) + b"more")) == ["image.trailing"]


def test_a_wrong_check_sum_is_told() -> None:
    octets = bytearray(coded(RAMP, "PNG"))
    octets[29] ^= 1  # in the CRC of IHDR
    assert codes(read(bytes(octets)))[0] == "image.crc"


def test_a_frame_beyond_the_screen_is_told() -> None:
    octets = bytearray(coded(RAMP, "GIF"))
    octets[6:10] = struct.pack("<HH", 10, 10)
    assert "image.header" in codes(read(bytes(octets)))


# --- what would take too much ------------------------------------------------------------------------------------


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, *more: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + b"".join([_chunk(b"IHDR", head), *more, _chunk(b"IDAT", data), _chunk(b"IEND", b"")])


def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    tracemalloc.start()
    found = read(_png(60_000, 60_000))
    assert codes(found) == ["image.size"]
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_a_profile_that_swells_is_cut() -> None:
    swelling = _chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 << 20), 9))
    found = read(_png(8, 8, swelling))
    assert found.profile is not None
    assert len(found.profile.octets) == images.PROFILE


def test_a_body_that_is_too_long_is_not_looked_into() -> None:
    class Long(Body):
        pass

    body = Long(images.OCTETS + 1, coded(RAMP, "PNG"))
    found = images.read(body)
    assert (found.format, found.frames) == ("png", 0)
    assert codes(found) == ["image.too-long"]


def test_many_small_tiles_are_not_decoded() -> None:
    octets = bytearray(coded(np.zeros((256, 256), dtype=np.uint8), "JPEG2000", no_jp2=True))
    at = octets.index(b"\xff\x51") + 22
    octets[at : at + 8] = struct.pack(">II", 1, 1)  # XTsiz, YTsiz
    assert "image.tiles" in codes(read(bytes(octets)))


def test_boxes_that_lie_about_their_size() -> None:
    flaws = Flaws()
    jp2.read(b"\0\0\0\x0cjP  \r\n\x87\n" + struct.pack(">I4s", 1 << 30, b"jp2c"), flaws)
    assert {f.code for f in flaws.kept} == {"image.cut", "image.header"}
    jp2.read(b"\0\0\0\x01jp2cX", Flaws())


WHOLE = [coded(COLOUR, "PNG", icc_profile=SRGB), coded(COLOUR, "JPEG", icc_profile=SRGB), coded(COLOUR, "GIF"),
         coded(COLOUR, "JPEG2000")]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WHOLE), st.dictionaries(st.integers(0, 3000), st.integers(0, 255), max_size=6), st.integers(0))
def test_octets_that_were_changed_never_raise(whole: bytes, changes: dict[int, int], end: int) -> None:
    octets = bytearray(whole)
    for at, value in changes.items():
        octets[at % len(octets)] = value
    found = read(bytes(octets[: len(octets) - end % len(octets)]))
    assert all(p.dtype == np.uint8 for p in found.pixels)


@given(st.binary(max_size=300), st.sampled_from([w[:40] for w in WHOLE]))
def test_octets_behind_a_right_beginning_never_raise(tail: bytes, head: bytes) -> None:
    assert isinstance(read(head + tail).pixels, tuple)
