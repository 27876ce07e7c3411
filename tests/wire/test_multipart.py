"""Tests of the strict reading of multipart framing."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.body import Body
from harness.wire import multipart
from harness.wire.multipart import CODES, NOTES, PADDING, PIECE, Reading, read

TWO = (
    b"--b\r\nContent-Type: application/dicom\r\nContent-Length: 3\r\n\r\none"
    b"\r\n--b\r\nContent-Type: image/jpeg; transfer-syntax=1.2\r\nContent-Location: /x\r\n\r\ntwo\r\n--b--"
)


def codes(reading: Reading) -> set[str]:
    return set(reading.flaws.counts)


def contents(reading: Reading) -> list[bytes]:
    return [p.content.bytes() for p in reading.parts]


def test_a_correct_body_has_no_flaw() -> None:
    reading = read(Body.of(TWO), "b")
    assert codes(reading) == set()
    assert contents(reading) == [b"one", b"two"]
    assert [p.at for p in reading.parts] == [0, TWO.index(b"--b\r\n", 3)]
    assert reading.closed
    assert (reading.preamble, reading.epilogue) == (0, 0)
    assert reading.parts[1].media.parameters == {"transfer-syntax": "1.2"}
    assert reading.parts[1].get("content-location") == "/x"
    assert reading.parts[1].get("location") is None


def test_a_line_end_after_the_closing_delimiter_is_legal() -> None:
    reading = read(Body.of(TWO + b"\r\n"), "b")
    assert codes(reading) == set()
    assert reading.epilogue == 0


def test_content_may_look_like_framing() -> None:
    content = b"\r\n\r\n--bX\r\n --b\r\n-b\r\n\r\nContent-Type: x/y\r\n\r\n--c--\r\n"
    body = b"--b\r\nContent-Type: a/b\r\n\r\n" + content + b"\r\n--b--"
    reading = read(Body.of(body), "b")
    assert contents(reading) == [content]
    assert codes(reading) - NOTES == set()
    assert codes(reading) == {"multipart.boundary-in-content"}


def test_delimiters_framed_by_bare_lf_inside_a_whole_body_are_content() -> None:
    content = b"x\n--b\nContent-Type: x/y\n\n1\n--b\r\ny"
    reading = read(Body.of(b"--b\r\nContent-Type: a/b\r\n\r\n" + content + b"\r\n--b--"), "b")
    assert contents(reading) == [content]
    assert codes(reading) - NOTES == set()


@pytest.mark.parametrize(
    ("body", "code", "parts"),
    [
        (TWO.replace(b"\r\n", b"\n"), "multipart.bare-lf", [b"one", b"two"]),
        (TWO.replace(b"3\r\n\r\none", b"3\n\none"), "multipart.bare-lf", [b"one", b"two"]),
        (TWO.replace(b"one\r\n", b"one\n").replace(b"two\r\n", b"two\n"), "multipart.bare-lf", [b"one", b"two"]),
        (TWO[:-7], "multipart.no-closing", [b"one", b"two"]),
        (TWO[:-2], "multipart.no-closing", None),
        (TWO + b"\r\n--b--", "multipart.closed-twice", [b"one", b"two"]),
        (TWO + b"\r\n--b\r\nContent-Type: a/b\r\n\r\n3", "multipart.delimiter-after-closing", [b"one", b"two"]),
        (TWO + b"\r\nmore", "multipart.epilogue", [b"one", b"two"]),
        (b"before\r\n" + TWO, "multipart.preamble", [b"one", b"two"]),
        (b"\r\n" + TWO, "multipart.leading-crlf", [b"one", b"two"]),
        (TWO.replace(b"--b\r\n", b"--b \t\r\n"), "multipart.padding", [b"one", b"two"]),
        (b"--b--", "multipart.no-parts", []),
        (b"--b--\r\n", "multipart.no-parts", []),
        (b"", "multipart.no-delimiter", []),
        (b"hello", "multipart.no-delimiter", []),
        (b" " + TWO[:60], "multipart.no-delimiter", []),
        (TWO.replace(b"--b", b"--other"), "multipart.no-delimiter", [b"one", b"two"]),
        (TWO.replace(b"3\r\n\r\none", b"3\r\none"), "multipart.no-blank-line", None),
        (TWO.replace(b"Content-Length: 3", b"Content-Length 3"), "multipart.part-header-syntax", [b"one", b"two"]),
        (TWO.replace(b"Content-Length:", b"Content-Length :"), "multipart.part-header-name", [b"one", b"two"]),
        (TWO.replace(b"Content-Length: 3", b"X(Y): 3"), "multipart.part-header-name", [b"one", b"two"]),
        (TWO.replace(b": /x", b": /\x00x"), "multipart.part-header-value", [b"one", b"two"]),
        (TWO.replace(b": /x", b": \r\n /x"), "multipart.obs-fold", [b"one", b"two"]),
        (TWO.replace(b"Content-Type: image", b"X-Type: image"), "multipart.no-content-type", [b"one", b"two"]),
        (
            TWO.replace(b"Content-Location: /x", b"content-type: image/jls"),
            "multipart.duplicate-content-type",
            [b"one", b"two"],
        ),
        (TWO.replace(b"Length: 3", b"Length: 4"), "multipart.content-length", [b"one", b"two"]),
        (TWO.replace(b"Length: 3", b"Length: three"), "multipart.content-length-syntax", [b"one", b"two"]),
        (TWO.replace(b"Length: 3", b"Length: +3"), "multipart.content-length-syntax", [b"one", b"two"]),
        (
            TWO.replace(b"Length: 3", b"Length: 3\r\nContent-Length: 3"),
            "multipart.duplicate-content-length",
            [b"one", b"two"],
        ),
        (TWO.replace(b"Length: 3", b"Length: 3\r\nX: " + b"x" * 70_000), "multipart.part-header-too-long", None),
        (TWO.replace(b"--b--", b"--b\r\n--b--"), "multipart.empty-part", [b"one", b"two"]),
    ],
)
def test_each_departure_has_its_code(body: bytes, code: str, parts: list[bytes] | None) -> None:
    reading = read(Body.of(body), "b")
    assert code in codes(reading)
    also = set()
    if code in ("multipart.no-blank-line", "multipart.part-header-too-long"):  # the content is taken for header lines
        also = {"multipart.part-header-syntax", "multipart.content-length"}
    assert codes(reading) - {code, "multipart.boundary-in-content"} <= also
    if parts is not None:
        assert contents(reading) == parts


@pytest.mark.parametrize(
    ("boundary", "code"),
    [
        ("", "multipart.no-boundary"),
        ("b" * 71, "multipart.boundary-length"),
        ("b*", "multipart.boundary-characters"),
        ('"b"', "multipart.boundary-characters"),
        ("b\u20ac", "multipart.boundary-characters"),
        ("b ", "multipart.boundary-space"),
    ],
)
def test_departures_of_the_boundary(boundary: str, code: str) -> None:
    body = TWO.replace(b"--b", b"--" + (boundary or "b").encode())
    reading = read(Body.of(body), boundary)
    assert codes(reading) - {"multipart.boundary-in-content"} == {code}
    assert contents(reading) == [b"one", b"two"]


@pytest.mark.parametrize("boundary", ["b", "b" * 70, "a b", "=_:'()+,-./?z", "--b"])
def test_legal_boundaries(boundary: str) -> None:
    reading = read(Body.of(TWO.replace(b"--b", b"--" + boundary.encode())), boundary)
    assert codes(reading) == set()
    assert contents(reading) == [b"one", b"two"]


def test_leading_zeros_of_a_content_length_are_digits() -> None:
    body = b"--b\r\nContent-Type: a/b\r\nContent-Length: 000\r\n\r\n\r\n--b--"
    assert codes(read(Body.of(body), "b")) == set()


def test_a_cut_body_is_not_blamed_for_what_did_not_arrive() -> None:
    for size in range(5, len(TWO)):
        reading = read(Body.of(TWO[:size], truncated=True), "b")
        assert codes(reading) <= {"multipart.boundary-in-content"}, size


def test_delimiters_are_found_wherever_the_pieces_are_cut() -> None:
    head = b"--b\r\nContent-Type: a/b\r\n\r\n"
    for shift in (-PADDING - 8, -PADDING - 5, -12, *range(-9, 9), PADDING):
        content = b"x" * (PIECE - len(head) + shift)
        body = head + content + b"\r\n" + head + b"two\r\n--b--"
        reading = read(Body.of(body), "b")
        assert codes(reading) == set()
        assert [p.content.size for p in reading.parts] == [len(content), 3]


def test_many_parts_end_at_the_bound() -> None:
    body = b"--b\r\nContent-Type: a/b\r\n\r\n\r\n" * (multipart.MOST_PARTS + 5) + b"--b--"
    reading = read(Body.of(body), "b")
    assert codes(reading) == {"multipart.too-many-parts"}
    assert len(reading.parts) >= multipart.MOST_PARTS


def test_a_large_file_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large"
    size = 256 << 20
    head = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
    with path.open("wb") as file:  # a sparse file: nothing is written in between
        file.write(head)
        file.seek(size)
        file.write(b"\r\n--b--")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reading = read(Body.file(path), "b")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert codes(reading) == set()
    assert reading.parts[0].content.size == size - len(head)
    assert grown < 50


@given(
    st.lists(st.tuples(st.binary(max_size=60), st.booleans()), min_size=1, max_size=6),
    st.from_regex(r"[0-9A-Za-z'()+_,\-./:=?]{1,70}", fullmatch=True),
)
def test_what_is_framed_is_found_again(parts: list[tuple[bytes, bool]], boundary: str) -> None:
    mark = b"--" + boundary.encode()
    parts = [(c, with_length) for c, with_length in parts if mark not in b"\r\n" + c + b"\r\n"]
    body = b""
    for content, with_length in parts:
        length = b"Content-Length: %d\r\n" % len(content) if with_length else b""
        body += mark + b"\r\nContent-Type: a/b\r\n" + length + b"\r\n" + content + b"\r\n"
    reading = read(Body.of(body + mark + b"--\r\n"), boundary)
    assert contents(reading) == [c for c, _ in parts]
    assert codes(reading) == (set() if parts else {"multipart.no-parts"})


@given(
    st.lists(st.sampled_from([b"--b", b"--", b"\r\n", b"\n", b"\r", b"Content-Type: a/b", b":", b" ", b"x", b"\x00"]))
)
def test_any_octets_are_read_and_only_known_codes_come_out(words: list[bytes]) -> None:
    reading = read(Body.of(b"".join(words)), "b")
    assert codes(reading) <= set(CODES)
    assert all(p.content.size >= 0 for p in reading.parts)
