"""Rules of the URI service on levels, regions and texts, against answers made by hand."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

import suites
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers
from tests.suites import retrieving as r
from tests.suites.retrieving import EXPLICIT, SERIES, STUDY, answer, findings, hard, journey, soft

suites.load()
FOUR = f"requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={r.uid(1)}"
VALUES = np.add.outer(np.arange(16) * 7, np.arange(12) * 11).astype(np.uint8)  # no two sides of it are alike
BLACK = np.zeros_like(VALUES)


def image(photometric: str = "MONOCHROME2", **more: Any) -> Dataset:
    return r.dataset(
        Rows=16, Columns=12, SamplesPerPixel=1, PhotometricInterpretation=photometric, BitsAllocated=8, BitsStored=8,
        HighBit=7, PixelRepresentation=0, PixelData=VALUES.tobytes(), PixelSpacing=["1", "1"], **more,
    )  # fmt: skip


def png(levels: np.ndarray) -> Answer:
    out = io.BytesIO()
    Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8), "L").save(out, "PNG")
    return answer(200, out.getvalue(), "image/png")


def uri(said: Answer, more: str = "", held: Dataset | None = None, step: str = "") -> Exchange:
    asked = Ask("GET", "/wado?" + "&".join(w for w in (FOUR, more) if w), r.BASE, Headers.of([("Accept", "*/*")]))
    past = r.past(r.kept(held if held is not None else image(), EXPLICIT))
    return Exchange(1, asked, said, context=Context(past=past), step=step)


@pytest.mark.parametrize(
    ("held", "levels", "bad"),
    [
        (image(), VALUES, False),
        (image(), VALUES / 2 + 60, False),  # another window
        (image(), np.sqrt(VALUES / 255) * 255, False),  # another curve
        (image("MONOCHROME1"), 255.0 - VALUES, False),
        (image(), BLACK, True),
        (image(), 255.0 - VALUES, True),
        (image("MONOCHROME1"), VALUES, True),
        (image("MONOCHROME1", PresentationLUTShape="IDENTITY"), VALUES, False),
        (image(), VALUES[:, ::-1] * 0 + np.indices(VALUES.shape).sum(0) % 2 * 255, True),  # another image
    ],
)
def test_a_picture_shows_its_image(held: Dataset, levels: np.ndarray, bad: bool) -> None:
    met = findings("uri.picture-shows-the-image", uri(png(levels), held=held))
    assert met is not None
    assert hard(met) is bad


@pytest.mark.parametrize(
    "held",
    [
        image(WindowCenter="900", WindowWidth="2"),  # leaves nothing of the image to see
        image(RescaleSlope="-1", RescaleIntercept="255"),
        image("PALETTE COLOR"),
    ],
)
def test_what_is_not_reckoned_is_not_judged(held: Dataset) -> None:
    assert findings("uri.picture-shows-the-image", uri(png(BLACK), held=held)) is None


def linear(center: float, width: float) -> np.ndarray:
    wide: np.ndarray = np.clip((VALUES - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255
    return wide


def windowed(levels: np.ndarray, refusal: int = 400) -> list[Exchange]:
    window = "windowCenter=60&windowWidth=50"
    half = uri(answer(refusal, b"no", "text/plain"), "windowCenter=60", step="half")
    return [uri(png(VALUES), step="plain"), uri(png(levels), window, step="asked"), half]


def test_a_window_that_is_used_passes() -> None:
    exact = np.clip((VALUES - 60.0) / 50 + 0.5, 0, 1) * 255
    sigmoid = 255 / (1 + np.exp(-4 * (VALUES - 60.0) / 50))
    for levels in (linear(60, 50), exact, sigmoid, linear(60, 50) + 6):
        assert findings("uri.window-is-used", journey("web.uri.window", *windowed(levels))) == []


def test_another_window_than_asked_for_fails() -> None:
    assert hard(findings("uri.window-is-used", journey("web.uri.window", *windowed(linear(110, 50)))))


def test_a_window_that_changes_nothing_is_in_doubt() -> None:
    assert soft(findings("uri.window-is-used", journey("web.uri.window", *windowed(VALUES.astype(float)))))
    unsupported = [*windowed(VALUES.astype(float))[:2], uri(png(VALUES), "windowCenter=60", step="half")]
    assert findings("uri.window-is-used", journey("web.uri.window", *unsupported)) is None


def regions(shown: np.ndarray, *more: Exchange) -> list[Exchange]:
    return [uri(png(VALUES), step="plain"), uri(png(shown), "region=0,0,0.5,0.5", step="asked"), *more]


def test_a_region_may_not_be_mirrored() -> None:
    part = VALUES[:8, :6]
    for turned, bad in ((part, False), (part[:, ::-1], True), (part[::-1], True)):
        met = findings("uri.region-is-that-part", journey("web.uri.viewport", *regions(turned)))
        assert met is not None
        assert hard(met) is bad


def test_a_server_without_regions_may_have_viewports() -> None:
    both = uri(png(np.ones((32, 24))), "rows=32&columns=24&region=0,0,0.5,1", step="asked")
    small = uri(png(np.ones((8, 6))), "rows=8&columns=6", step="asked")
    j = journey("web.uri.viewport", *regions(VALUES, both, small))
    assert findings("uri.viewport-is-a-maximum", j) == []
    assert findings("uri.region-has-its-size", j) is None
    bad = uri(png(VALUES), "region=0,0,1", step="bad-region")
    assert findings("uri.bad-region-is-400", journey("web.uri.viewport", *j.exchanges, bad)) is None


def test_a_region_that_is_checked_and_ignored_is_in_doubt() -> None:
    refused = uri(answer(400, b"no", "text/plain"), "region=0,0,1", step="bad-region")
    assert soft(findings("uri.region-has-its-size", journey("web.uri.viewport", *regions(VALUES, refused))))


def test_who_refuses_every_anonymize_alike_does_not_have_it() -> None:
    plain = uri(answer(200, r.part10(image(), EXPLICIT), "application/dicom"), "contentType=application/dicom")
    no = answer(501, b"no", "text/plain")
    refused = [uri(no, f"anonymize={word}", step=step) for word, step in (("yes", "yes"), ("no", "bad"))]
    j = journey("web.uri.anonymize", plain.but(step="plain"), *refused)
    assert findings("uri.other-anonymize-is-400", j) is None


def report() -> Dataset:
    item = Dataset()
    item.ValueType, item.TextValue = "TEXT", "No  fracture,\r\nx < y"
    return r.dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", ContentSequence=[item])


@pytest.mark.parametrize(
    ("type_", "body", "words", "true"),
    [
        ("text/html", "<html><body><p>No fracture, x &lt; y</p></body></html>", True, True),
        ("text/plain", "FINDING\r\nNo fracture,\r\nx < y\r\n", True, True),
        ("text/plain", "<html><body>No fracture, x < y</body></html>", True, False),
        ("text/html", "No fracture, x &lt; y", True, False),
        ("text/html", "<!DOCTYPE html><title>Report</title>", False, True),
        ("text/html; charset=x-none", "<p>", True, True),  # its charset is judged elsewhere
    ],
)
def test_texts(type_: str, body: str, words: bool, true: bool) -> None:
    x = uri(answer(200, body.encode(), type_), held=report())
    assert (findings("uri.text-has-the-words", x) == []) is words
    assert (findings("uri.text-is-what-it-says", x) == []) is true


def test_file_meta_has_to_name_the_instance() -> None:
    octets = r.part10(image(), EXPLICIT)
    at = octets.index(r.uid(1).encode(), 132) + len(r.uid(1)) - 1
    other = octets[:at] + b"7" + octets[at + 1 :]
    right, wrong = (uri(answer(200, o, "application/dicom"), "contentType=application/dicom") for o in (octets, other))
    assert findings("instance.meta-names-the-instance", right) == []
    assert hard(findings("instance.meta-names-the-instance", wrong))
