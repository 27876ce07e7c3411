from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.web.content import joined
from simulators.web.multipart_in import HEAD, Begin, Data, End, Malformed, Reader
from simulators.web.multipart_out import Part, boundary, write

CRUEL = [b"\r\n--", b"\r\n--bx\r\n", b"\r\n\r\n", b"--b", b"\r\n--b", b"\r"]


def read(payload: bytes, mark: str = "b", size: int = 1 << 16) -> list[tuple[dict[str, str], bytes]]:
    reader, found = Reader(mark), []
    for at in range(0, len(payload), size):
        for event in reader.feed(payload[at : at + size]):
            if isinstance(event, Begin):
                found.append((dict(event.fields), b""))
            elif isinstance(event, Data):
                found[-1] = (found[-1][0], found[-1][1] + event.octets)
            else:
                assert isinstance(event, End)
    reader.finish()
    return found


@given(
    st.lists(st.binary(max_size=200) | st.sampled_from(CRUEL), min_size=1, max_size=4),
    st.integers(1, 50),
)  # fmt: skip
def test_what_was_written_is_read_in_chunks_of_any_size(contents: list[bytes], size: int) -> None:
    mark = boundary()
    payload = joined(tuple(write((Part("a/b", "http://x/1", (c,)) for c in contents), mark)))
    found = read(payload, mark, size)
    assert [content for _, content in found] == contents
    for (fields, _), content in zip(found, contents, strict=True):
        assert fields == {"content-type": "a/b", "content-length": str(len(content)), "content-location": "http://x/1"}


@given(st.binary(max_size=100), st.integers(1, 7))
def test_no_octets_crash_the_reader(payload: bytes, size: int) -> None:
    with suppress(Malformed):
        assert all(isinstance(content, bytes) for _, content in read(b"--b\r\n" + payload, size=size))


def test_preamble_epilogue_padding_and_missing_fields_are_understood() -> None:
    payload = b"pre\r\namble\r\n--b \t\r\n\r\none\r\n--b\r\nA: 1\r\na: 2\r\n\r\n\r\n--b--\r\nepilogue --b\r\n"
    assert read(payload) == [({}, b"one"), ({"a": "1"}, b"")]


def test_a_field_that_goes_on_in_the_next_line_is_one_field() -> None:
    payload = b"--b\r\nContent-Type: application/dicom;\r\n\t x=1\r\nA: 1\r\n \r\n\r\none\r\n--b--"
    assert read(payload, size=3) == [({"content-type": "application/dicom; x=1", "a": "1"}, b"one")]


def test_a_part_cannot_begin_with_the_rest_of_a_line() -> None:
    with pytest.raises(Malformed):
        read(b"--b\r\n Content-Type: a/b\r\n\r\none\r\n--b--")


def test_a_line_that_only_begins_like_a_delimiter_is_content() -> None:
    payload = b"--b\r\n\r\n\r\n--bee\r\n--b \x00\r\n--b--"
    assert read(payload, size=3) == [({}, b"\r\n--bee\r\n--b \x00")]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no multipart at all",
        b"--b--",
        b"--b\r\nA: 1\r\n\r\ncontent without an end",
        b"--b\r\nno colon\r\n\r\nx\r\n--b--",
        b"--b\r\n: no name\r\n\r\nx\r\n--b--",
        b"--b\r\nA: 1",
        b"--b\nA: 1\n\nx\n--b--",
        b"--b\r\nA: " + b"x" * (HEAD + 10),
    ],
)
def test_broken_framing_is_told(payload: bytes) -> None:
    with pytest.raises(Malformed):
        read(payload)


def test_a_large_part_passes_in_little_memory() -> None:
    reader = Reader("b")
    list(reader.feed(b"--b\r\n\r\n"))
    chunk, total = bytes(1 << 20), 0
    tracemalloc.start()
    for _ in range(64):
        total += sum(len(e.octets) for e in reader.feed(chunk) if isinstance(e, Data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 63 << 20
    assert peak < 8 << 20
