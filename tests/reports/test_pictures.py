"""Pictures in a report: what was expected, what came and where they differ; nothing hostile reaches the browser."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from harness.exchange import Answer
from harness.make.patterns import PATTERNS
from harness.rule import Finding
from harness.verdict import Outcome
from reports import pictures as module
from reports.evidence import shown
from reports.page import page
from reports.pictures import Panel, pictures
from tests.reports import build
from tests.suites.rendering import JPEG, PNG, answer, drawn, exchange, refused, right
from tests.suites.retrieving import multipart


def pixels(panel: Panel) -> np.ndarray:
    head, _, data = panel.src.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_a_pattern_is_shown_three_times() -> None:
    x = right("grey")
    ((wanted, got, difference),) = pictures(x)
    assert (wanted.caption, got.caption) == ("expected: 64 by 64", "got: 64 by 64")
    assert np.array_equal(pixels(wanted), pixels(got))
    assert not pixels(difference).any()
    assert (got.width, got.height) == (192, 192)


def test_a_difference_is_seen_where_it_is() -> None:
    levels = PATTERNS["grey"].levels()
    levels[:16, :16] = 40
    ((_, _, difference),) = pictures(exchange("grey", drawn(levels)))
    assert pixels(difference)[:16, :16].min() == 160  # four times 40: black was expected there
    assert not pixels(difference)[16:, 16:].any()


def test_colour_and_grey_are_compared() -> None:
    ((_, _, difference),) = pictures(exchange("rgb", drawn(np.zeros((64, 64)))))
    assert pixels(difference).max() == 255


@pytest.mark.parametrize(
    "said", [refused(404), answer(b"", JPEG), answer(b"no picture", JPEG), answer(b"<p>", "text/html")]
)
def test_what_is_no_picture_is_not_shown(said: Answer) -> None:
    assert pictures(exchange("grey", said)) == ()


def test_a_picture_of_what_nobody_predicted_stands_alone() -> None:
    x = exchange("grey", drawn(np.zeros((10, 300))), "annotation=patient")
    ((got,),) = pictures(x)
    assert (got.caption, got.width, got.height) == ("got: 300 by 10", 192, 6)


def test_some_parts_of_many_are_shown() -> None:
    octets = right("grey").answer.body.bytes()
    x = exchange("frames", multipart([(PNG, "", octets)] * 9, PNG))
    assert len(pictures(x)) == module.MOST


def test_a_picture_that_is_too_large_is_not_shown() -> None:
    x = exchange("grey", drawn(np.zeros((1100, 1000))))
    assert pictures(x) == ()


def test_no_octets_of_the_product_reach_the_page() -> None:
    hidden = b"tEXtComment\0<script>alert(1)</script>"
    out = io.BytesIO()
    Image.fromarray(PATTERNS["grey"].levels().astype(np.uint8)).save(out, "JPEG", comment=hidden)
    ((_, got, _),) = pictures(exchange("grey", answer(out.getvalue(), JPEG), accept=JPEG))
    assert b"script" not in base64.b64decode(got.src.partition(",")[2])


def test_a_report_shows_pictures_in_a_browser(tmp_path: Path, browser: Browser) -> None:
    levels = PATTERNS["grey"].levels()
    levels[:16, :16] = 40
    x = exchange("grey", drawn(levels), probe="rendered.patterns")
    finding = Finding("level 40", "level 0", "row 1, column 1", seq=1)
    folder = build.written(tmp_path, [x], [build.verdict("rendered.grey-levels", Outcome.FAIL, finding)])
    (folder / "report.html").write_text(page(build.loaded(folder)), encoding="utf-8")
    tab = browser.new_page()
    tab.goto((folder / "report.html").as_uri())
    sizes = tab.eval_on_selector_all(".pictures img", "all => all.map(i => [i.complete, i.naturalWidth, i.width])")
    tab.close()
    assert sizes == [[True, 64, 192]] * 3


def test_evidence_holds_the_panels() -> None:
    view = shown(right("grey"))
    assert [len(row) for row in view.pictures] == [3]
