"""Frames of a notification connection: read as an independent library writes them, however the octets are cut, and each
departure from RFC 6455 found."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from harness.wire.websocket import BINARY, CLOSE, PING, PONG, TEXT, From, Message, Reader

SIDES: tuple[From, ...] = ("origin-server", "user-agent")


def read(octets: bytes, side: From = "origin-server", **options: int | bool) -> list[Message]:
    return list(Reader(side, **options).feed(octets))  # type: ignore[arg-type]


def written(opcode: int, payload: bytes, side: From = "origin-server", fin: bool = True) -> bytes:
    return Frame(Opcode(opcode), payload, fin).serialize(mask=side == "user-agent")


texts = st.text(max_size=400).map(str.encode)
said = st.lists(st.tuples(st.sampled_from([TEXT, PING, PONG]), texts), max_size=6)


@given(side=st.sampled_from(SIDES), told=said, cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_what_a_library_writes_is_read_whole_however_it_is_cut(
    side: From, told: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    told = [(code, payload if code == TEXT else payload[:40]) for code, payload in told]
    octets = b"".join(written(code, payload, side) for code, payload in told)
    places = sorted({0, *(c for c in cuts if c < len(octets)), len(octets)})
    reader = Reader(side)
    found = [m for a, b in itertools.pairwise(places) for m in reader.feed(octets[a:b])]
    assert [(m.opcode, m.payload) for m in found] == told
    assert not [flaw for m in found for flaw in m.flaws]
    assert reader.end() is None


@given(parts=st.lists(texts, min_size=2, max_size=5), side=st.sampled_from(SIDES))
def test_fragments_make_one_message_and_a_ping_may_stand_between_them(parts: list[bytes], side: From) -> None:
    frames = [
        written(TEXT if not n else 0, part, side, fin=n == len(parts) - 1) + written(PING, b"still there", side)
        for n, part in enumerate(parts)
    ]
    found = read(b"".join(frames), side)
    data = [m for m in found if m.data]
    assert [m.payload for m in data] == [b"".join(parts)]
    assert data[0].fragments == len(parts)
    assert not data[0].flaws
    assert len(found) == len(parts) + 1


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"\x81\x81\x01\x02\x03\x04a", "a server masks no frame"),
        (b"\x83\x01a", "opcode 0x3 is reserved"),
        (b"\xc1\x01a", "a reserved bit is set"),
        (b"\x81\x7e\x00\x01a", "not in its shortest form"),
        (b"\x81\x01\xff", "not UTF-8"),
        (b"\x80\x01a", "continues nothing"),
        (b"\x01\x01a\x81\x01b", "before the last one has ended"),
        (b"\x09\x01a", "a control frame is not fragmented"),
        (b"\x88\x01a", "a status code of two octets"),
        (b"\x88\x02\x03\xed", "close code 1005 may not be sent"),
        (b"\x88\x03\x03\xe8\xff", "the reason of a close frame is not UTF-8"),
        (b"\x88\x00\x81\x01a", "a frame follows the close frame"),
    ],
)
def test_each_departure_is_told_with_its_message(octets: bytes, says: str) -> None:
    flaws = [flaw for message in read(octets) for flaw in message.flaws]
    assert [flaw for flaw in flaws if says in flaw], flaws


def test_a_client_that_does_not_mask_is_told_of() -> None:
    assert "a client masks its frames" in read(b"\x81\x01a", "user-agent")[0].flaws[0]


def test_a_message_beyond_the_bound_is_cut_and_the_next_one_read() -> None:
    first, second = read(written(BINARY, bytes(5000)) + written(TEXT, b"{}"), most=100)
    assert first.cut
    assert len(first.payload) == 100
    assert second.payload == b"{}"
    assert not second.flaws


def test_a_compressed_payload_is_not_blamed_where_compression_was_agreed() -> None:
    (message,) = read(b"\xc1\x02\xaa\xff", compressed=True)
    assert message.rsv == 4
    assert not message.flaws


def test_what_never_ended_is_told_of_at_the_end() -> None:
    reader = Reader("origin-server")
    assert list(reader.feed(b"\x01\x02ab\x81")) == []
    left = reader.end()
    assert left is not None
    assert left.cut
    assert left.payload == b"ab"
    assert "ended in a frame" in left.flaws[-1]


@given(st.binary(max_size=300), st.sampled_from(SIDES))
def test_any_octets_are_read_without_an_exception(octets: bytes, side: From) -> None:
    reader = Reader(side, most=64)
    for message in reader.feed(octets):
        assert len(message.payload) <= 64 or message.opcode >= CLOSE
    reader.end()
