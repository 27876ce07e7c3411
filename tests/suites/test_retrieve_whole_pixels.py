"""Pixel data in retrieved files: short, long, in fragments, sampled, unknown, and stored so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from harness.body import Body
from harness.past import Past
from harness.rule import Finding
from harness.wire import part10
from suites.web.retrieve.whole_pixels import shortage
from tests.suites import retrieving as r

RULE = "retrieve.pixel-data-is-whole"
J2K, JPX, MPEG = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.102"
SIZE = 4 * 6 * 2  # octets of a frame of `r.dataset`


def found(ds: Dataset, held: Past | None = None, syntax: str = r.EXPLICIT) -> list[Finding] | None:
    answer = r.files(r.part10(ds, syntax), syntax=syntax)
    return r.findings(RULE, r.exchange(r.path(), answer, held=held))


def image(octets: int = SIZE, **more: Any) -> Dataset:
    ds = r.dataset(1, **more)
    ds.PixelData = bytes(octets)
    return ds


def coded(fragments: int, **more: Any) -> Dataset:
    ds = r.dataset(1, **more)
    ds.PixelData = encapsulate([b"\xff\x4f\xff\x51"] * fragments, has_bot=False)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def warnings(ds: Dataset, syntax: str = r.EXPLICIT) -> list[bool]:
    """Of what nobody knows how it was stored."""
    return [f.warn for f in found(ds, Past(), syntax) or ()]


def test_short_pixel_data_is_a_failure_where_it_was_stored_whole() -> None:
    assert found(image()) == []
    short = found(image(SIZE - 2))
    assert short is not None
    assert [f.warn for f in short] == [False]
    assert warnings(image(SIZE - 2)) == [True]
    assert warnings(image(SIZE)) == []
    assert warnings(image(SIZE + 2)) == []


def test_what_was_stored_short_is_nobodys_fault() -> None:
    short = image(SIZE - 2)
    assert found(short, r.past(r.kept(short))) is None


def test_what_cannot_be_reckoned_is_left_alone() -> None:
    assert found(r.dataset(1, PixelData=None)) is None
    assert warnings(image(2, Rows=None)) == []
    assert warnings(image(SIZE, PhotometricInterpretation="YBR_PARTIAL_420", SamplesPerPixel=3)) == []


def test_colours_that_two_pixels_share_need_less() -> None:
    shared = {"PhotometricInterpretation": "YBR_FULL_422", "SamplesPerPixel": 3, "BitsAllocated": 8}
    assert warnings(image(48, **shared)) == []
    assert warnings(image(46, **shared)) == [True]


@pytest.mark.parametrize(("fragments", "frames", "short"), [(1, 1, False), (3, 1, False), (2, 2, False), (1, 2, True)])
def test_each_frame_has_a_fragment(fragments: int, frames: int, short: bool) -> None:
    assert bool(warnings(coded(fragments, NumberOfFrames=frames), J2K)) is short


@pytest.mark.parametrize("syntax", [JPX, MPEG])
def test_one_stream_may_hold_many_frames(syntax: str) -> None:
    assert warnings(coded(1, NumberOfFrames=30), syntax) == []


@given(rows=st.integers(1, 9), columns=st.integers(1, 9), frames=st.integers(1, 5), bits=st.sampled_from([1, 8, 16]),
       less=st.integers(0, 3))  # fmt: skip
def test_the_octets_needed_are_those_of_all_frames(rows: int, columns: int, frames: int, bits: int, less: int) -> None:
    needed = -(-rows * columns * frames * bits // 8)
    size = max(needed - less, 1)
    ds = image(Rows=rows, Columns=columns, NumberOfFrames=frames, BitsAllocated=bits)
    ds.PixelData = bytes(size)
    reading = part10.read(Body.of(r.part10(ds)))
    # a value of an odd length is padded in the file, and the octet of the padding hides one that is missing
    assert (shortage(reading) is not None) is (size + size % 2 < needed)
