"""The rules on what rendered texts and documents are, on chosen media types and listed frames, against made answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.body import Body
from harness.exchange import Exchange
from harness.make.patterns import PATTERNS
from harness.rule import CATALOGUE
from suites.web.rendered.markup import LONGEST, untrue, words
from tests.suites.rendering import GIF, JPEG, PNG, answer, drawn, exchange, findings, refused
from tests.suites.retrieving import hard, multipart, soft

TYPES = ("text/html", "text/plain", "text/xml")


@pytest.mark.parametrize(
    ("type_", "text", "true"),
    [
        ("text/html", "<!doctype HTML><p>x", True),
        ("text/html", "<DIV class='a'>x</DIV>", True),
        ("text/html", "x < y, y > z", False),
        ("text/plain", "x < y, <b>y</b>", True),
        ("text/plain", "\ufeff\r\n<!DOCTYPE html><html></html>", False),
        ("text/plain", "<html lang='en'>", False),
        ("text/plain", '<?xml version="1.0"?><a/>', False),
        ("text/xml", '\ufeff<?xml version="1.0" encoding="ISO-8859-1"?>\n<a b="1">\u0436</a>', True),
        ("text/xml", '<!DOCTYPE a SYSTEM "http://nowhere.invalid/a.dtd"><a>&lt;</a>', True),
        ("text/xml", "<a><b></a>", False),
        ("text/xml", "<a>x & y</a>", False),
        ("text/rtf", "anything", True),
    ],
)
def test_what_a_text_is(type_: str, text: str, true: bool) -> None:
    assert (untrue(type_, "utf-8", Body.of(text.encode())) == "") is true


def test_entities_are_not_followed() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(1, 9)
    )
    assert len(untrue("text/xml", "utf-8", Body.of((bomb + "]><a>&j;</a>").encode()))) < 200


@given(st.sampled_from(TYPES), st.sampled_from(("utf-8", "utf-16", "us-ascii", "x-none", "")), st.binary(max_size=200))
def test_nothing_breaks_the_reader(type_: str, charset: str, octets: bytes) -> None:
    assert isinstance(untrue(type_, charset, Body.of(octets)), str)
    assert words(type_, charset, Body.of(octets)) is None or octets is not None


def test_a_long_text_is_not_judged() -> None:
    assert untrue("text/html", "utf-8", Body.of(b"x" * (LONGEST + 1))) == ""


def named(parameter: str, type_: str, accept: str = "*/*") -> Exchange:
    return exchange("grey", drawn(PATTERNS["grey"].levels(), type_), f"accept={parameter}", accept)


@pytest.mark.parametrize(
    ("parameter", "type_", "accept", "found"),
    [
        ("image/png", PNG, "*/*", "none"),
        ("image/png", JPEG, "*/*", "hard"),
        ("image/png", PNG, f"{JPEG}, {PNG};q=0.1", "none"),
        ("image/png;q=0.4,image/gif", GIF, "image/*", "none"),
        ("image/png;q=0.4,image/gif", PNG, "image/*", "hard"),
        ("image/png,image/gif", PNG, "image/*", "none"),  # a tie is the server's choice
        ("image/jp2", JPEG, "*/*", "unasked"),  # which nobody has to offer
        ("image/png", JPEG, JPEG, "unasked"),  # not covered by Accept
    ],
)
def test_the_accept_parameter_decides(parameter: str, type_: str, accept: str, found: str) -> None:
    met = findings("rendered.accept-parameter-decides", named(parameter, type_, accept))
    assert {"none": met == [], "hard": hard(met), "unasked": met is None}[found]


def frames(count: int, listed: str = "1,3") -> Exchange:
    octets = drawn(np.tile(np.arange(16.0), (8, 1)), JPEG).body.bytes()
    said = multipart([(JPEG, f"http://h/frames/{n}", octets) for n in range(count)], JPEG)
    return exchange("frames", said, accept=f'multipart/related; type="{JPEG}"', frames=listed)


@pytest.mark.parametrize(("count", "listed", "found"), [(2, "1,3", []), (3, "1,2,3", []), (2, "1,9", None)])
def test_every_listed_frame_is_shown(count: int, listed: str, found: Any) -> None:
    assert findings("rendered.frames-are-all-shown", frames(count, listed)) == found


def test_one_of_two_frames_is_too_few() -> None:
    assert hard(findings("rendered.frames-are-all-shown", frames(1)))


def test_a_server_without_thumbnails_is_not_asked_for_frames() -> None:
    facts = {"no-frame": True}
    for status, found in ((501, None), (405, None), (404, []), (400, [])):
        x = exchange("frames", refused(status), accept=JPEG, frames="9", what="thumbnail", facts=facts)
        assert findings("rendered.no-such-frame", x) == found
    busy = exchange("frames", refused(503), accept=JPEG, frames="9", what="thumbnail", facts=facts)
    broken = exchange("frames", refused(500), accept=JPEG, frames="9", what="thumbnail", facts=facts)
    assert soft(findings("rendered.no-such-frame", busy))
    assert hard(findings("rendered.no-such-frame", broken))


@pytest.mark.parametrize(
    ("octets", "bad"),
    [
        (b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n", False),
        (b"%PDF-1.4\n1 0 obj\n<<>>\nstartxref\n9\n%%EOF", False),
        (b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", True),
        (b"%PDF-1.4\n%%EOF\n", True),
        (b"nothing", True),
    ],
)
def test_a_document_is_whole(octets: bytes, bad: bool) -> None:
    rule = CATALOGUE.rules["rendered.document-is-its-own"]
    x = exchange("grey", answer(octets, "application/pdf"), accept="application/pdf")
    assert bool(list(rule(x))) is bad
