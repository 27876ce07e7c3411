"""Exchanges from the octets of two sides: whole, cut anywhere, pipelined, and what is no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.blobs import Blobs
from harness.exchange import Exchange, Headers, Side
from harness.turns import Effect, Turn
from harness.watch.bases import Bases
from harness.watch.conversation import BOTH, CLIENT, MOST_REST, NOBODY, SERVER, Conversation, Ended
from harness.watch.message import Head

C: Side = "user-agent"
S: Side = "origin-server"
GET = b"GET /studies?x=1 HTTP/1.1\r\nHost: a\r\nAccept: application/dicom+json\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/dicom+json\r\nContent-Length: 2\r\n\r\n[]"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n"
POST = b"POST /studies HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS_UP = b"POST /studies HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
Said = tuple[Side, bytes]


class Taking:
    """Takes exchanges as they come; `begun` are the effects of those that began."""

    def __init__(self, found: list[Exchange], notes: list[str]) -> None:
        self.found, self.notes, self.begun = found, notes, list[Effect]()

    def begin(self, effect: Effect) -> Turn:
        self.begun.append(effect)
        return Turn(effect, len(self.begun))

    def over(self, turn: Turn, x: Exchange) -> None:
        self.found.append(x)

    def note(self, text: str) -> None:
        self.notes.append(text)


def hear(folder: Path, said: Sequence[Said], ends: Sequence[tuple[Side, Ended]] = (), base: str | None = "http://a",
         notes: list[str] | None = None) -> list[Exchange]:  # fmt: skip
    """The exchanges that come of what was said, in this order, on one connection."""
    found: list[Exchange] = []

    def base_of(head: Head | None) -> str | None:
        return base

    talk = Conversation(Blobs(folder), base_of, Taking(found, notes if notes is not None else []))
    for at, (side, octets) in enumerate(said):
        talk.heard(side, octets, at / 1000)
    for side, how in ends:
        talk.end(side, how, len(said) / 1000)
    talk.finish(len(said) / 1000)
    return found


def test_a_question_and_its_answer(tmp_path: Path) -> None:
    (x,) = hear(tmp_path, [(C, GET), (S, OK)])
    assert (x.ask.method, x.ask.target, x.ask.version) == ("GET", "/studies?x=1", "HTTP/1.1")
    assert list(x.ask.headers) == [("Host", "a"), ("Accept", "application/dicom+json")]
    assert (x.answer.status, x.answer.reason, x.answer.body.bytes()) == (200, "OK", b"[]")
    assert x.answer.head == OK[:-2]
    assert x.kind == "web.search.studies"
    assert x.complete
    assert x.judged == BOTH
    assert x.elapsed_ms == 1


def test_chunks_are_undone_both_ways(tmp_path: Path) -> None:
    (x,) = hear(tmp_path, [(C, CHUNKS_UP), (S, CHUNKED)])
    assert (x.ask.body.bytes(), x.answer.body.bytes()) == (b"hello", b"abcd")
    assert not x.ask.body.truncated
    assert x.complete


def test_answers_go_to_pipelined_questions_in_order(tmp_path: Path) -> None:
    head = b"HEAD /studies HTTP/1.1\r\nHost: a\r\n\r\n"
    told = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
    none = b"HTTP/1.1 204 No Content\r\n\r\n"
    found = hear(tmp_path, [(C, GET + head + POST), (S, none + told + OK)])
    assert [(x.ask.method, x.answer.status, x.answer.body.size) for x in found] == [
        ("GET", 204, 0), ("HEAD", 200, 0), ("POST", 200, 2)]  # fmt: skip


def test_an_interim_answer_is_no_answer(tmp_path: Path) -> None:
    head, body = POST[:-5], POST[-5:]
    (x,) = hear(tmp_path, [(C, head), (S, b"HTTP/1.1 100 Continue\r\n\r\n"), (C, body), (S, OK)])
    assert x.answer.status == 200
    assert x.ask.body.bytes() == b"hello"
    assert x.facts == {"began_ms": 0, "interim": [100], "head": []}


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A: \xfc\t;:b\r\nX-B:\r\n\r\n", []),
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", []),
        (b"GET / HTTP/1.1\nHost: a\n\n", ["2 lines that end in LF alone"]),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", ["1 lines that end in LF alone"]),
        (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", ["' b', a folded line"]),
        (b"GET / HTTP/1.1\r\nAccept : a\r\n\r\n", ["'Accept : a', no name with a colon right after it"]),
        (b"GET / HTTP/1.1\r\nAccept a\r\n\r\n", ["'Accept a', no name with a colon right after it"]),
        (b"GET / HTTP/1.1\r\nAccept: a\x00b\r\n\r\n", ["'Accept: a\\x00b', with a control character"]),
    ],
)
def test_lines_of_a_head_that_are_forgiven_are_told(tmp_path: Path, head: bytes, told: list[str]) -> None:
    (x,) = hear(tmp_path, [(C, head), (S, OK)])
    assert x.facts["head"] == told


@pytest.mark.parametrize(
    "head",
    [b"GET /studies HTTP/1.1\nHost: a\n\n", b"GET /studies HTTP/1.1\r\n\r\n",
     b"GET /studies HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
     b"POST /studies HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
)  # fmt: skip
def test_who_refuses_a_head_that_is_wrong_is_not_blamed(tmp_path: Path, head: bytes) -> None:
    refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    (x,) = hear(tmp_path, [(C, head), (S, refused)])
    assert x.judged == frozenset({"user-agent"})
    (x,) = hear(tmp_path, [(C, head), (S, OK)])
    assert x.judged == BOTH
    (x,) = hear(tmp_path, [(C, GET), (S, refused)])
    assert x.judged == BOTH
    found = hear(tmp_path, [(C, GET + b"\x00\x01 garbage\r\n\r\n"), (S, refused)])
    assert [x.judged for x in found] == [frozenset({"user-agent"})] * 2


def test_a_payload_that_the_close_ends(tmp_path: Path) -> None:
    (x,) = hear(tmp_path, [(C, GET), (S, b"HTTP/1.1 200 OK\r\n\r\nabc")], [(S, "close"), (C, "close")])
    assert x.answer.body.bytes() == b"abc"
    assert x.complete


@pytest.mark.parametrize(
    ("said", "ends", "judged"),
    [
        ([(C, GET), (S, OK[:-1])], [(S, "close")], BOTH),
        ([(C, GET), (S, OK[:-1])], [(S, "reset")], BOTH),
        ([(C, GET), (S, OK[:20])], [(S, "close")], BOTH),
        ([(C, GET)], [(S, "close")], BOTH),
        ([(C, GET), (S, OK[:-1])], [(C, "reset"), (S, "close")], CLIENT),
        ([(C, GET), (S, OK[:-1])], [(C, "stopped"), (S, "stopped")], CLIENT),
        ([(C, POST[:-1])], [(C, "close")], NOBODY),
        ([(C, POST[:-1])], [(S, "reset")], SERVER),
    ],
)
def test_who_breaks_off_what(
    tmp_path: Path, said: list[Said], ends: list[tuple[Side, Ended]], judged: frozenset[str]
) -> None:
    (x,) = hear(tmp_path, said, ends)
    assert x.judged == judged
    assert not x.answer.complete
    assert x.answer.fault
    assert x.answer.fault.kind == "reset"
    assert bool(x.facts.get("cut")) == (S not in judged)
    assert x.ask.body.truncated == (said[0][1] == POST[:-1])


def test_a_kept_connection_that_is_closed_as_the_client_speaks_is_nobodys_fault(tmp_path: Path) -> None:
    _, x = hear(tmp_path, [(C, GET), (S, OK), (C, GET)], [(S, "close")])
    assert x.judged == CLIENT
    assert x.facts["cut"]


def test_an_early_refusal_is_judged_for_the_server_only(tmp_path: Path) -> None:
    no = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    (x,) = hear(tmp_path, [(C, POST[:-1]), (S, no)], [(S, "close")])
    assert (x.answer.status, x.judged, x.ask.body.truncated) == (413, SERVER, True)


@pytest.mark.parametrize(
    "octets",
    [
        b"\x01\x00\x00\x00\x00\xcd" + bytes(300),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"GET /studies\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /studies HTTP/1.1\r\nContent-Length : 5\r\n\r\nhello",
        b"POST /studies HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /studies HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n",
    ],
)
def test_what_a_client_says_that_is_no_http(tmp_path: Path, octets: bytes) -> None:
    no = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    first, x = hear(tmp_path, [(C, GET), (S, OK), (C, octets), (S, no), (C, b"more"), (S, b"more")])
    assert first.complete
    assert x.judged == CLIENT
    assert x.answer.fault
    assert x.answer.fault.kind == "protocol"
    assert x.ask.body.truncated
    assert x.ask.body.bytes()[:5] in octets
    assert x.ask.body.bytes().endswith(b"more")
    assert x.answer.status == 400


def test_what_a_server_says_that_is_no_http(tmp_path: Path) -> None:
    rest = bytes(2 * MOST_REST)
    (x,) = hear(tmp_path, [(C, GET), (S, b"SSH-2.0-OpenSSH\r\n"), (S, rest), (C, GET)])
    assert x.judged == BOTH
    assert x.answer.fault
    assert x.answer.fault.kind == "protocol"
    assert "SSH" in x.answer.fault.detail
    assert x.answer.head.startswith(b"SSH-2.0")
    assert x.answer.body.size == MOST_REST
    assert x.answer.body.truncated


def test_a_chunk_that_is_no_chunk(tmp_path: Path) -> None:
    bad = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"
    (x,) = hear(tmp_path, [(C, GET), (S, bad)])
    assert x.answer.status == 200
    assert x.answer.body.bytes() == b"abc"
    assert x.answer.body.truncated
    assert x.answer.fault
    assert x.answer.fault.kind == "protocol"


def test_more_octets_than_content_length_says(tmp_path: Path) -> None:
    first, x = hear(tmp_path, [(C, GET), (S, OK + b"[]\r\n\r\n")])
    assert first.complete
    assert first.answer.body.bytes() == b"[]"
    assert x.judged == SERVER
    assert x.answer.fault
    assert x.answer.fault.kind == "protocol"


def test_an_answer_that_nobody_asked_for(tmp_path: Path) -> None:
    first, x = hear(tmp_path, [(C, GET), (S, OK + OK)])
    assert first.complete
    assert x.judged == SERVER
    assert not x.complete


def test_an_answer_before_the_question_was_whole_is_nobodys_fault(tmp_path: Path) -> None:
    long = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n"
    (x,) = hear(tmp_path, [(C, GET[:40]), (S, long)], [(S, "close"), (C, "close")])
    assert x.judged == NOBODY
    assert x.answer.status == 431


def test_a_timeout_on_a_quiet_connection_is_no_such_answer(tmp_path: Path) -> None:
    notes: list[str] = []
    assert hear(tmp_path, [(S, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")], notes=notes) == []
    assert "408" in notes[0]


def test_another_protocol_is_not_read(tmp_path: Path) -> None:
    up = b"GET /studies HTTP/1.1\r\nHost: a\r\nUpgrade: ssh\r\nConnection: upgrade\r\n\r\n"
    notes: list[str] = []
    switched = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    (x,) = hear(tmp_path, [(C, up), (S, switched + b"\x81\x05"), (C, b"\x81\x85\n\n")], notes=notes)
    assert x.answer.status == 101
    assert x.complete
    assert notes


def test_who_only_knocks_says_nothing(tmp_path: Path) -> None:
    assert hear(tmp_path, [], [(C, "close"), (S, "close")]) == []
    assert hear(tmp_path, [(C, b"GET /stu")], [(C, "close")]) == []


def test_nobody_wants_to_know(tmp_path: Path) -> None:
    assert hear(tmp_path, [(C, GET), (S, OK), (C, b"\0\0\0\0\n\n"), (S, OK)], base=None) == []
    assert not any(tmp_path.rglob("*"))


def test_large_payloads_are_on_disk(tmp_path: Path) -> None:
    size = 5 << 20
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    (x,) = hear(tmp_path, [(C, GET), (S, head), *((S, bytes(1 << 16)) for _ in range(size >> 16))])
    assert x.answer.body.size == size
    assert x.answer.body.data is None
    assert x.answer.body.path


def test_what_may_change_what_is_stored_is_told_wherever_it_is_asked(tmp_path: Path) -> None:
    """Of another service nothing is kept but that it was asked."""
    delete = b"DELETE /orthanc/studies/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsecret"
    (x,) = hear(tmp_path, [(C, delete), (S, OK)], base=None)
    assert x.judged == NOBODY
    assert (x.ask.method, x.ask.body.size, x.answer.status, x.answer.body.size) == ("DELETE", 0, 200, 0)


STREAMS: list[list[Said]] = [
    [(C, GET + GET), (S, OK + CHUNKED)],
    [(C, POST), (S, b"HTTP/1.1 100 Continue\r\n\r\n"), (S, OK), (C, CHUNKS_UP), (S, CHUNKED)],
    [(C, b"\r\n" + GET), (S, b"HTTP/1.1 200 OK\nX: a\n b\n\nto the end")],
    [(C, GET), (S, OK + b"junk\r\n\r\n"), (C, GET)],
    [(C, GET + b"no http\r\n\r\n"), (S, OK + OK), (C, b"more")],
    [(C, GET), (S, b"\x00\x01\x02\n\nmore")],
]


def outline(found: Sequence[Exchange]) -> list[object]:
    """All that is said in exchanges but when it was said."""
    return [(x.ask.but(body=x.ask.body.bytes()), x.ask.body.truncated, x.answer.but(body=x.answer.body.bytes()),
             x.answer.body.truncated, x.judged, {**x.facts, "began_ms": 0}) for x in found]  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(STREAMS), st.lists(st.integers(1, 90), min_size=1, max_size=12))
def test_any_cut_gives_the_same_exchanges(tmp_path: Path, said: list[Said], sizes: list[int]) -> None:
    pieces: list[Said] = []
    for n, (side, octets) in enumerate(said):
        at = 0
        while at < len(octets):
            size = sizes[(n + len(pieces)) % len(sizes)]
            pieces.append((side, octets[at : at + size]))
            at += size
    ends: list[tuple[Side, Ended]] = [(S, "close"), (C, "close")]
    assert outline(hear(tmp_path, pieces, ends)) == outline(hear(tmp_path, said, ends))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([C, S]),
            st.one_of(
                st.binary(max_size=40), st.sampled_from([GET, OK, CHUNKED, POST, b"\r\n", b"0\r\n\r\n", GET[:9]])
            ),
        ),
        max_size=12,
    ),
    st.lists(st.tuples(st.sampled_from([C, S]), st.sampled_from(["close", "reset", "stopped"])), max_size=2),
)
def test_nothing_that_is_said_breaks_it(tmp_path: Path, said: list[Said], ends: list[tuple[Side, Ended]]) -> None:
    for x in hear(tmp_path, said, ends):
        assert x.judged <= BOTH
        assert x.answer.complete or x.answer.fault
        assert x.kind.startswith("web.")


@pytest.mark.parametrize("host", ["[", "a b", "a:99999", "", "a:b", "\xff", "a/../b"])
def test_a_hostile_host_makes_no_base(host: str) -> None:
    bases = Bases("/dicomweb", "http", "127.0.0.1:8080")
    head = Head(("GET", "/dicomweb/studies", "HTTP/1.1"), Headers.of({"Host": host}), b"")
    base = bases.of(head)
    assert base
    assert urlsplit(base).hostname
    assert bases.of(Head(("GET", "/other", "HTTP/1.1"), Headers(), b"")) is None
    assert bases.outside == 1
