"""Encoders and colour profiles, read back by Pillow and by hand."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from simulators.render import encode, profile
from simulators.render.render import rendered
from simulators.render.view import BadView, Unrenderable, View
from tests.simulators.render.pictures import colour, grey, opened, seen

SIZES = [(1, 1), (1, 3), (5, 1), (7, 2), (33, 40)]


def gradient(size: tuple[int, int], mode: str) -> Image.Image:
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    return Image.fromarray((np.arange(int(np.prod(shape))) % 201).astype(np.uint8).reshape(shape))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", SIZES)
def test_every_size_in_every_type(size: tuple[int, int], mode: str) -> None:
    picture = gradient(size, mode)
    for type in encode.types():
        octets = encode.encoded(picture, type, quality=None)
        assert Image.open(io.BytesIO(octets)).size == size
        if type in ("image/png", "image/jp2") or (type == "image/gif" and mode == "L"):
            assert (opened(octets) == np.asarray(picture)).all(), type


def test_jpeg_is_baseline_of_eight_bits() -> None:
    for mode in ("L", "RGB"):
        octets = encode.encoded(gradient((20, 20), mode), encode.JPEG, 50, profile.known("srgb"))
        at = octets.index(b"\xff\xc0")
        assert octets[at + 4] == 8
        assert b"\xff\xc2" not in octets[: octets.index(b"\xff\xda")]


@pytest.mark.parametrize("type", ["image/jpeg", "image/jp2"])
def test_quality_changes_lossy_types(type: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64), np.uint8))
    sizes = [len(encode.encoded(noise, type, quality)) for quality in (1, 30, 70, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 2


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.sampled_from(["L", "RGB"]))
@settings(max_examples=40, deadline=None)
def test_an_animation_has_every_frame_however_alike(numbers: list[int], mode: str) -> None:
    pictures = [gradient((9, 5), mode).rotate(180 * (n % 2)).point(lambda v, n=n: v // (n + 1)) for n in numbers]
    octets = encode.animated(pictures, (3, 7))
    with Image.open(io.BytesIO(octets)) as found:
        assert getattr(found, "n_frames", 1) == len(numbers)
        for number, picture in enumerate(pictures):
            found.seek(number)
            if mode == "L":
                assert (np.asarray(found.convert("L")) == np.asarray(picture)).all()
            if len(numbers) > 1:
                assert found.info["duration"] == (30 if number == 0 else 70)


@pytest.mark.parametrize("space", profile.SPACES)
def test_profiles_are_what_they_say(space: str) -> None:
    octets = profile.known(space)
    assert struct.unpack(">I", octets[:4])[0] == len(octets)
    made = ImageCms.ImageCmsProfile(io.BytesIO(octets))
    assert {"srgb": "sRGB", "adobergb": "Adobe RGB", "rommrgb": "ROMM"}[space] in ImageCms.getProfileDescription(made)
    white = profile.converted(Image.new("RGB", (1, 1), (255, 255, 255)), profile.known("srgb"), octets)
    assert np.asarray(white).min() >= 254


def test_srgb_is_that_of_another_program() -> None:
    theirs = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = gradient((30, 30), "RGB")
    made = np.asarray(profile.converted(picture, profile.known("srgb"), theirs)).astype(int)
    assert np.abs(made - np.asarray(picture)).max() <= 1


def test_pixels_are_converted_to_the_space_that_is_asked_for(hold: Any) -> None:
    held = hold(colour([[[255, 0, 0], [128, 128, 128]]]))
    assert seen(held, View(iccprofile="srgb")).tolist() == [[[255, 0, 0], [128, 128, 128]]]
    red = seen(held, View(iccprofile="adobergb"))[0][0]
    assert abs(int(red[0]) - 219) <= 1  # of sRGB red in Adobe RGB (1998)
    assert seen(held, View(iccprofile="rommrgb")).tolist() != seen(held).tolist()


@pytest.mark.parametrize("type", ["image/jpeg", "image/png", "image/jp2"])
def test_profiles_are_embedded_as_asked(hold: Any, type: str) -> None:
    for dataset in (colour([[[9, 8, 7]]]), grey([[7]], SOPInstanceUID="1.2.1.1.5")):
        held = hold(dataset)
        for wish, space in (("no", ""), ("", ""), ("yes", "srgb"), ("adobergb", "adobergb")):
            octets = rendered(held, type, View(iccprofile=wish))
            if space:
                assert profile.known(space)[128:] in octets.replace(b"\xff\xe2", b"") or type == "image/png"
                if type != "image/jp2":
                    assert Image.open(io.BytesIO(octets)).info["icc_profile"] == profile.known(space)
            elif type != "image/jp2":
                assert "icc_profile" not in Image.open(io.BytesIO(octets)).info
            else:
                assert octets.count(b"acsp") == 0


def test_the_profile_of_the_instance_goes_before_well_known_ones(hold: Any) -> None:
    dataset = colour([[[9, 8, 7]]], ICCProfile=profile.known("rommrgb"))
    octets = rendered(hold(dataset), "image/png", View(iccprofile="yes"))
    assert Image.open(io.BytesIO(octets)).info["icc_profile"] == profile.known("rommrgb")
    broken = colour([[[9, 8, 7]]], ICCProfile=b"no profile at all", ColorSpace="ADOBERGB", SOPInstanceUID="1.2.1.1.6")
    octets = rendered(hold(broken), "image/png", View(iccprofile="yes"))
    assert Image.open(io.BytesIO(octets)).info["icc_profile"] == profile.known("adobergb")


def test_gif_has_no_place_for_a_profile(hold: Any) -> None:
    held = hold(grey([[1]]))
    for wish in ("yes", "srgb", "adobergb", "rommrgb"):
        with pytest.raises(BadView):
            seen(held, View(iccprofile=wish), type="image/gif")
    assert seen(held, View(iccprofile="no"), type="image/gif").tolist() == [[1]]


def test_pictures_that_a_type_cannot_hold_are_refused() -> None:
    for type in (encode.JPEG, encode.GIF):
        with pytest.raises(Unrenderable):
            encode.encoded(Image.new("L", (70_000, 1)), type)
    assert encode.encoded(Image.new("L", (70_000, 1)), encode.PNG)
