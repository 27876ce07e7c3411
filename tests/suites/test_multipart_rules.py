"""Rules on multipart answers, each on hand-made octets; and every code of the reader belongs to one rule."""

from __future__ import annotations

import pytest

from harness.wire import media, multipart
from suites.web.http.fields import CONTENT_TYPE
from suites.web.multipart import reading
from tests.suites.messages import (
    BASE,
    DICOM,
    FRAME,
    INSTANCE,
    JSON,
    answer,
    ask,
    exchange,
    fails,
    journey,
    listed,
    passes,
    related,
    said,
    warns,
)

RETRIEVE = ask(INSTANCE, DICOM)
GOOD = related([("application/dicom", b"one"), ("application/dicom", b"two")])


def framed(body: bytes, kind: str = 'multipart/related; type="application/dicom"; boundary=b1'):
    return exchange(answer(200, body, kind), RETRIEVE)


def with_body(old: bytes, new: bytes):
    return framed(GOOD.body.bytes().replace(old, new))


RULES = ("boundary", "delimiters", "closing", "boundary-not-in-content", "part-headers", "part-content-type",
         "part-content-length", "part-content-location", "is-related", "type-parameter",
         "type-is-root-type")  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_right_answer_passes(rule: str) -> None:
    assert passes(f"multipart.{rule}", exchange(GOOD, RETRIEVE))


@pytest.mark.parametrize("rule", RULES)
def test_another_answer_does_not_exercise_them(rule: str) -> None:
    assert said(f"multipart.{rule}", exchange(listed())) is None
    assert said(f"multipart.{rule}", exchange(answer(404, b"no", "text/plain"))) is None


def test_every_code_of_the_reader_belongs_to_one_rule() -> None:
    groups = (reading.BOUNDARY, reading.DELIMITERS, reading.CLOSING, reading.CONTENT, reading.HEADERS,
              reading.PART_TYPE, reading.PART_LENGTH)  # fmt: skip
    used = [code for group in groups for code in group]
    assert len(used) == len(set(used))
    # a bound of ours is nobody's fault
    assert set(multipart.CODES) - set(used) == {"multipart.too-many-parts"}
    assert set(reading.LENIENT) == set(multipart.NOTES)


def test_every_code_of_content_type_belongs_to_the_rule() -> None:
    # the rest is about Accept, legal by PS3.18 8.7.1, judged by edition, or a bound of ours
    rest = {"media.too-long", "media.unquoted-type", "media.type-with-parameters", "media.range", "media.q",
            "media.q-not-last", "media.accept-empty"}  # fmt: skip
    assert set(media.CODES) - set(CONTENT_TYPE) == rest


@pytest.mark.parametrize("boundary", ["b" * 71, "a*b", "ends in space "])
def test_boundaries_that_fail(boundary: str) -> None:
    body = GOOD.body.bytes().replace(b"--b1", f"--{boundary}".encode())
    assert fails(
        "multipart.boundary", framed(body, f'multipart/related; type="application/dicom"; boundary="{boundary}"')
    )


@pytest.mark.parametrize("boundary", ["b" * 70, "x", "a b", "'()+_,-./:=?"])
def test_boundaries_that_pass(boundary: str) -> None:
    body = GOOD.body.bytes().replace(b"--b1", f"--{boundary}".encode())
    x = framed(body, f'multipart/related; type="application/dicom"; boundary="{boundary}"')
    assert passes("multipart.boundary", x)
    assert passes("multipart.delimiters", x)


def test_no_boundary() -> None:
    assert fails("multipart.boundary", framed(GOOD.body.bytes(), 'multipart/related; type="application/dicom"'))


def test_delimiters() -> None:
    assert fails("multipart.delimiters", with_body(b"\r\n", b"\n"))
    assert fails("multipart.delimiters", with_body(b"--b1", b"--b2"))
    assert fails("multipart.delimiters", framed(b"--b1\r\n" + GOOD.body.bytes()))
    assert warns("multipart.delimiters", framed(b"preamble\r\n" + GOOD.body.bytes()))
    assert warns("multipart.delimiters", framed(b"\r\n" + GOOD.body.bytes()))


def test_no_parts_by_policy() -> None:
    x = framed(b"--b1--")
    assert passes("multipart.delimiters", x)
    assert fails("multipart.delimiters", exchange(x.answer, x.ask, policies={"D-27": "one"}))
    assert said("multipart.part-content-type", x) is None


def test_closing() -> None:
    assert fails("multipart.closing", with_body(b"--b1--", b"--b1"))
    assert fails("multipart.closing", with_body(b"\r\n--b1--", b""))
    assert fails("multipart.closing", framed(GOOD.body.bytes() + b"\r\n--b1--"))
    assert fails("multipart.closing", framed(GOOD.body.bytes() + b"\r\n" + GOOD.body.bytes()))
    assert passes("multipart.closing", framed(GOOD.body.bytes() + b"\r\n"))
    assert warns("multipart.closing", framed(GOOD.body.bytes() + b"\r\nan epilogue"))


def test_boundary_in_content() -> None:
    assert warns("multipart.boundary-not-in-content", with_body(b"one", b"on\r\n--b1X\r\ne"))


def test_a_planted_boundary() -> None:
    kind = "web.retrieve.boundary"
    learn, again = exchange(GOOD, RETRIEVE, step="learn"), related([("application/dicom", b"x")])
    same = exchange(again, RETRIEVE, step="retrieve", facts={"planted": "b1"})
    other = exchange(again, RETRIEVE, step="retrieve", facts={"planted": "b2"})
    assert fails("multipart.boundary-avoids-content", journey(kind, learn, same))
    assert passes("multipart.boundary-avoids-content", journey(kind, learn, other))
    assert said("multipart.boundary-avoids-content", journey(kind, learn)) is None


def test_part_headers() -> None:
    assert fails("multipart.part-headers", with_body(b"Content-Length: 3", b"Content-Length 3"))
    assert fails("multipart.part-headers", with_body(b"Content-Length:", b"Content-Length :"))
    assert warns("multipart.part-headers", with_body(b"Content-Length: 3", b"X-Long: a\r\n b"))
    assert passes("multipart.part-headers", with_body(b"Content-Length: ", b"content-length:"))


def test_part_content_type() -> None:
    rule = "multipart.part-content-type"
    assert fails(rule, with_body(b"Content-Type:", b"X-Type:"))
    assert fails(rule, with_body(b"Content-Type: application/dicom", b"Content-Type: dicom"))
    assert fails(rule, with_body(b"Content-Type: application/dicom", b"Content-Type: multipart/mixed; boundary=x"))
    assert fails(rule, with_body(b"Content-Type: application/dicom", b"Content-Type: a/b\r\nContent-Type: c/d"))
    assert passes(rule, with_body(b"Content-Type: application/dicom", b'Content-Type: Application/DICOM ;a="b;c"'))


def test_part_content_length() -> None:
    rule = "multipart.part-content-length"
    assert fails(rule, with_body(b"Content-Length: 3", b"Content-Length: 2"))
    assert fails(rule, with_body(b"Content-Length: 3", b"Content-Length: three"))
    without = with_body(b"Content-Length: 3\r\n", b"")
    assert fails(rule, without)
    chunked = without.answer.but(headers=without.answer.headers.but("Transfer-Encoding", "chunked"))
    assert warns(rule, exchange(chunked, RETRIEVE))
    assert passes(rule, with_body(b"Content-Length: 3", b"Content-Length: 003"))


def test_part_content_location() -> None:
    rule = "multipart.part-content-location"
    assert fails(rule, exchange(related([("application/dicom", b"x")], location=""), RETRIEVE))
    assert fails(rule, exchange(related([("application/dicom", b"x")], location="/a b"), RETRIEVE))
    assert passes(rule, exchange(related([("application/dicom", b"x")], location="?x=%20"), RETRIEVE))
    search = related([("application/dicom+xml", b"<x/>")], location="")
    assert said(rule, exchange(search, ask("studies"))) is None


@pytest.mark.parametrize(
    ("location", "right"),
    [
        (f"{BASE}/{FRAME}", True),
        ("/dicomweb/studies/1/series/2/instances/3/frames/7", True),
        ("frames/1", True),
        (f"{BASE}/{FRAME}/frames/1", False),
        (f"{BASE}/{INSTANCE}/frames/first", False),
    ],
)
def test_locations_of_frames(location: str, right: bool) -> None:
    x = exchange(related([("application/octet-stream", b"x")], location=location), ask(FRAME))
    assert passes("multipart.location-names-frames-once", x) is right


def test_locations_elsewhere_are_not_judged() -> None:
    x = exchange(related([("application/octet-stream", b"x")], location="https://cdn/abc"), ask(FRAME))
    assert said("multipart.location-names-frames-once", x) is None


def test_multipart_is_related() -> None:
    mixed = framed(GOOD.body.bytes(), 'multipart/mixed; type="application/dicom"; boundary=b1')
    assert fails("multipart.is-related", mixed)


def test_single_parts_that_are_multipart() -> None:
    rule = "multipart.single-part-is-no-multipart"
    assert fails(rule, exchange(answer(200, GOOD.body.bytes(), "application/dicom"), RETRIEVE))
    assert passes(rule, exchange(answer(200, b"-- just text\r\n\r\n", "text/plain")))
    assert passes(rule, exchange(listed()))
    assert said(rule, exchange(GOOD, RETRIEVE)) is None


def test_type_parameter() -> None:
    rule = "multipart.type-parameter"
    assert fails(rule, framed(GOOD.body.bytes(), "multipart/related; boundary=b1"))
    assert passes(rule, framed(GOOD.body.bytes(), "Multipart/Related; boundary=b1; TYPE=application/dicom"))


def test_root_type() -> None:
    rule = "multipart.type-is-root-type"
    body = related([("application/dicom+xml", b"<x/>"), ("image/jpeg", b"x")], fields="Content-ID: <1>\r\n")
    assert passes(rule, exchange(body, RETRIEVE))
    assert fails(rule, exchange(related([("image/jpeg", b"x")], root="image/jls"), RETRIEVE))
    parameters = passes(rule, exchange(related([('text/xml; charset="utf-8"', b"x")], root="TEXT/XML"), RETRIEVE))
    assert parameters
    second = body.body.bytes().replace(b"<1>", b"<2>").replace(b"<2>", b"<1>", 1)
    named = framed(second, 'multipart/related; type="image/jpeg"; start="<2>"; boundary=b1')
    assert passes(rule, named)


def test_single_part_is_one_item() -> None:
    rule = "multipart.single-part-is-one-item"
    one = answer(200, b"x", "application/dicom")
    assert passes(rule, exchange(one, RETRIEVE))
    assert fails(rule, exchange(one, ask("studies/1.2", DICOM)))
    octets = answer(200, b"x", "application/octet-stream")
    assert passes(rule, exchange(octets, ask(FRAME)))
    assert fails(rule, exchange(octets, ask(f"{INSTANCE}/frames/1,2")))
    assert passes(rule, exchange(GOOD, ask("studies/1.2", DICOM)))
    assert passes(rule, exchange(answer(200, b"PK", "application/zip"), ask("studies/1.2", "application/zip")))
    assert said(rule, exchange(answer(200, b"[]", JSON))) is None
