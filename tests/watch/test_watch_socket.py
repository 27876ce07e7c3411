"""Notification connections that are watched: what each side says becomes evidence, and no octet is changed."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from harness.association import Evidence
from harness.blobs import Blobs
from harness.exchange import Exchange, Headers, Side
from harness.turns import Effect, Turn
from harness.watch.bases import Bases
from harness.watch.conversation import Conversation, Ended
from harness.watch.message import Head
from harness.watch.relay import Ear, Place, relaying
from harness.watch.scribe import Scribe
from harness.watch.socket import FLAWED, MOST
from harness.wire.uri import OPENING

C: Side = "user-agent"
S: Side = "origin-server"
Said = tuple[Side, bytes]

UP = (
    b"GET /ws/sub HTTP/1.1\r\nHost: a\r\nUser-Agent: w/1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
EVENT = json.dumps({"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}}).encode()


def switched(*fields: bytes) -> bytes:
    lines = (b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade", *fields, b"", b"")
    return b"\r\n".join(lines)


def text(payload: bytes, mask: bool = False, fin: bool = True, rsv1: bool = False) -> bytes:
    first, *rest = Frame(Opcode.TEXT, payload, fin=fin).serialize(mask=mask)
    return bytes([first | 0x40 * rsv1, *rest])


def close(code: int = 1000, mask: bool = False) -> bytes:
    return Frame(Opcode.CLOSE, Close(code, "").serialize()).serialize(mask=mask)


class Taking:
    """Takes exchanges as they come."""

    def __init__(self) -> None:
        self.found, self.notes, self.begun = list[Exchange](), list[str](), 0

    def begin(self, effect: Effect) -> Turn:
        self.begun += 1
        return Turn(effect, self.begun)

    def over(self, turn: Turn, x: Exchange) -> None:
        self.found.append(x)

    def note(self, said: str) -> None:
        self.notes.append(said)


def hear(folder: Path, said: Sequence[Said], ends: Sequence[tuple[Side, Ended]] = ()) -> Taking:
    """What comes of what was said, in this order, on one connection."""
    taking = Taking()
    talk = Conversation(Blobs(folder), lambda head: "http://a", taking)
    for side, octets in said:
        talk.heard(side, octets, 1.0)
    for side, how in ends:
        talk.end(side, how, 2.0)
    talk.finish(3.0)
    return taking


def kinds(taking: Taking) -> list[str]:
    return [x.kind.rpartition(".")[2] for x in taking.found]


def test_events_are_exchanges_and_the_end_is_one(tmp_path: Path) -> None:
    taking = hear(
        tmp_path, [(C, UP), (S, switched()), (S, text(EVENT)), (S, close(1001))], [(S, "close"), (C, "close")]
    )
    opening, event, end = taking.found
    assert (opening.kind, opening.answer.status) == (OPENING, 101)
    assert (event.kind, event.ask.method, event.ask.target) == ("socket.workitems.event", "EVENT", "/ws/sub")
    assert event.ask.headers.get("user-agent") == "w/1"
    assert event.answer.json is not None
    assert event.answer.json.datasets[0]["00741000"]["Value"] == ["IN PROGRESS"]
    assert event.facts["frame"]["opcode"] == 1
    assert event.facts["flaws"] == []
    assert event.judged == {C, S}
    assert event.complete
    assert (end.facts["by"], end.facts["code"], end.facts["flaws"]) == (S, 1001, [])
    assert len({x.facts["connection"] for x in taking.found}) == 1
    assert taking.notes == []


def test_fragments_and_pings_between_them(tmp_path: Path) -> None:
    rest = Frame(Opcode.CONT, EVENT[10:]).serialize(mask=False)
    ping = Frame(Opcode.PING, b"still there?").serialize(mask=False)
    pong = Frame(Opcode.PONG, b"still there?").serialize(mask=True)
    said: list[Said] = [
        (C, UP),
        (S, switched() + text(EVENT[:10], fin=False) + ping),
        (C, pong),
        (S, rest),
    ]
    taking = hear(tmp_path, said, [(C, "close")])
    assert kinds(taking) == ["open", "event", "end"]
    assert taking.found[1].answer.body.bytes() == EVENT
    assert taking.found[1].facts["frame"]["fragments"] == 2
    assert taking.found[2].facts["by"] == C
    assert taking.found[2].facts["code"] is None


def test_what_the_user_agent_says_is_an_exchange_of_its_own(tmp_path: Path) -> None:
    taking = hear(tmp_path, [(C, UP), (S, switched()), (C, text(b"thanks", mask=True))])
    assert kinds(taking) == ["open", "said", "end"]
    assert taking.found[1].ask.body.bytes() == b"thanks"
    assert taking.found[1].facts["frame"]["masked"] is True
    assert taking.found[1].facts["flaws"] == []


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ((S, text(EVENT, mask=True)), "a server masks no frame"),
        ((C, text(EVENT)), "a client masks its frames"),
        ((S, b"\x83\x01x"), "opcode 0x3 is reserved"),
        ((S, text(EVENT, rsv1=True)), "no extension was agreed"),
        ((S, text(b"\xff\xfe")), "not UTF-8"),
        ((S, b"\x80\x01x"), "continues nothing"),
    ],
)
def test_flaws_stand_with_their_message(tmp_path: Path, said: Said, where: str) -> None:
    taking = hear(tmp_path, [(C, UP), (S, switched()), said])
    flaws = taking.found[1].facts["flaws"]
    assert any(where in flaw for flaw in flaws), flaws


def test_flaws_of_control_frames_are_told_at_the_end_for_each_side(tmp_path: Path) -> None:
    long_ping = b"\x89\x7e\x00\x80" + bytes(128)
    bare_pong = Frame(Opcode.PONG, b"").serialize(mask=False)
    taking = hear(tmp_path, [(C, UP), (S, switched() + long_ping), (C, bare_pong)])
    end = taking.found[-1]
    assert any("125 octets" in flaw for flaw in end.facts["flaws"])
    assert any("masks" in flaw for flaw in end.facts["said_flaws"])


def deflated(machine: zlib._Compress, payload: bytes) -> bytes:
    return (machine.compress(payload) + machine.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("keeps", [True, False])
def test_compressed_messages_are_expanded(tmp_path: Path, keeps: bool) -> None:
    agreed = b"Sec-WebSocket-Extensions: permessage-deflate" + (b"" if keeps else b"; server_no_context_takeover")
    machine = zlib.compressobj(wbits=-15)
    frames = b""
    for _ in range(3):
        machine = machine if keeps else zlib.compressobj(wbits=-15)
        frames += text(deflated(machine, EVENT), rsv1=True)
    taking = hear(tmp_path, [(C, UP), (S, switched(agreed) + frames + text(EVENT))])
    events = taking.found[1:-1]
    assert [x.answer.body.bytes() for x in events] == [EVENT] * 4
    assert [x.facts["flaws"] for x in events] == [[]] * 4
    assert [x.facts["frame"]["rsv"] for x in events] == [4, 4, 4, 0]


def test_what_cannot_be_expanded_is_a_flaw_once_and_then_nobodys(tmp_path: Path) -> None:
    agreed = b"Sec-WebSocket-Extensions: permessage-deflate"
    frames = text(b"\xff\xff\xff\xff", rsv1=True) + text(deflated(zlib.compressobj(wbits=-15), EVENT), rsv1=True)
    taking = hear(tmp_path, [(C, UP), (S, switched(agreed) + frames)])
    first, second = taking.found[1:-1]
    assert "cannot be expanded" in first.facts["flaws"][0]
    assert second.judged == frozenset()
    assert second.facts["opaque"]
    assert len(taking.notes) == 1


def test_a_bomb_is_kept_in_bounds(tmp_path: Path) -> None:
    agreed = b"Sec-WebSocket-Extensions: permessage-deflate"
    bomb = text(deflated(zlib.compressobj(wbits=-15), bytes(4 * MOST)), rsv1=True)
    taking = hear(tmp_path, [(C, UP), (S, switched(agreed) + bomb)])
    event = taking.found[1]
    assert event.answer.body.size == MOST
    assert event.answer.body.truncated
    assert event.answer.fault
    assert event.answer.fault.kind == "too-large"


def test_a_long_message_is_kept_in_bounds_and_what_follows_is_read(tmp_path: Path) -> None:
    size = 64 << 20
    head = b"\x81\x7f" + size.to_bytes(8, "big")
    piece = b" " * (1 << 20)
    said: list[Said] = [(C, UP), (S, switched() + head), *((S, piece) for _ in range(size >> 20)), (S, text(EVENT))]
    taking = hear(tmp_path, said)
    assert taking.found[1].answer.body.size == MOST
    assert not taking.found[1].complete
    assert taking.found[2].answer.body.bytes() == EVENT


def test_an_extension_that_is_not_known_is_told_and_not_read(tmp_path: Path) -> None:
    agreed = b"Sec-WebSocket-Extensions: permessage-deflate, x-encrypt"
    taking = hear(tmp_path, [(C, UP), (S, switched(agreed) + b"anything at all" * 50)])
    assert kinds(taking) == ["open"]
    assert "x-encrypt" in taking.notes[0]


def test_who_breaks_off_in_a_message_has_said_nothing_wrong(tmp_path: Path) -> None:
    taking = hear(tmp_path, [(C, UP), (S, switched() + text(EVENT)[:-5])], [(S, "reset")])
    _, event, end = taking.found
    assert not event.complete
    assert event.facts["cut"]
    assert event.facts["flaws"] == []
    assert end.facts["by"] == S
    assert end.facts["flaws"] == []


def test_when_the_watching_ends_nobody_ended_it(tmp_path: Path) -> None:
    taking = hear(tmp_path, [(C, UP), (S, switched())], [(C, "stopped"), (S, "stopped")])
    assert taking.found[-1].facts["by"] == ""


def test_garbage_is_told_in_bounds(tmp_path: Path) -> None:
    taking = hear(tmp_path, [(C, UP), (S, switched() + b"\x83\x00" * 100_000)])
    assert len(taking.found) == FLAWED + 2


STREAMS: list[list[Said]] = [
    [(C, UP), (S, switched() + text(EVENT) + close()), (C, close(mask=True))],
    [(C, UP), (S, switched() + text(EVENT[:7], fin=False)), (C, text(b"x", mask=True)), (S, b"\x80\x03abc")],
    [(C, UP), (S, switched() + b"\x83\x05" + text(EVENT)[:-3])],
    [
        (C, UP),
        (
            S,
            switched(b"Sec-WebSocket-Extensions: permessage-deflate")
            + text(deflated(zlib.compressobj(wbits=-15), EVENT), rsv1=True),
        ),
    ],
]


def outline(taking: Taking) -> list[object]:
    return [
        (x.kind, x.ask.body.bytes(), x.answer.body.bytes(), x.answer.fault, x.judged, sorted(x.facts))
        for x in taking.found
    ]


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
    assert outline(hear(tmp_path, pieces)) == outline(hear(tmp_path, said))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([b"", b"Sec-WebSocket-Extensions: permessage-deflate"]),
    st.lists(
        st.tuples(
            st.sampled_from([C, S]),
            st.one_of(st.binary(max_size=40), st.sampled_from([text(EVENT), text(EVENT, mask=True), close(), b"\xc1"])),
        ),
        max_size=12,
    ),
    st.lists(st.tuples(st.sampled_from([C, S]), st.sampled_from(["close", "reset", "stopped"])), max_size=2),
)
def test_nothing_that_is_said_breaks_it(
    tmp_path: Path, field: bytes, said: list[Said], ends: list[tuple[Side, Ended]]
) -> None:
    head = switched(field) if field else switched()
    taking = hear(tmp_path, [(C, UP), (S, head), *said], ends)
    assert kinds(taking)[0] == "open"
    assert kinds(taking)[-1] == "end"
    assert set(kinds(taking)[1:-1]) <= {"event", "said"}


class Copied:
    """Ears that hand on to a scribe and keep the octets of each side."""

    def __init__(self, scribe: Scribe, blobs: Blobs) -> None:
        self.scribe, self.blobs = scribe, blobs
        self.said: dict[Side, bytearray] = {C: bytearray(), S: bytearray()}
        self.over = threading.Event()
        self.bases = Bases("/dicomweb", "http", "a")

    @property
    def full(self) -> bool:
        return self.scribe.full

    def listen(self, client: str) -> Ear:
        ear, kept, over = self.scribe.web(self.blobs, self.bases.of, client), self.said, self.over

        class Both:
            def heard(self, side: Side, octets: bytes) -> None:
                kept[side].extend(octets)
                ear.heard(side, octets)

            def end(self, side: Side, how: Ended) -> None:
                ear.end(side, how)

            def refused(self, why: str) -> None:
                ear.refused(why)

            def over(self) -> None:
                ear.over()
                over.set()

        return Both()


@pytest.mark.parametrize("compression", ["deflate", None])
def test_between_a_server_and_a_client_that_are_not_ours(tmp_path: Path, compression: str | None) -> None:
    sizes = (0, 125, 126, 65_535, 65_536, 300_000)
    answers: list[str | bytes] = []

    def speak(connection: ServerConnection) -> None:
        for size in sizes:
            connection.send("e" * size)
        connection.send(["in ", "pieces"])
        connection.send(b"\x00\x01")
        connection.ping().wait(5)
        answers.extend(connection)

    found: list[Evidence] = []
    notes: list[str] = []
    scribe = Scribe(found.append, notes.append)
    ears = Copied(scribe, Blobs(tmp_path))
    ears.bases.notifies("/elsewhere/ws", "http://a/dicomweb")
    with (
        serve(speak, "127.0.0.1", 0, compression=compression) as server,
        relaying(Place("127.0.0.1", server.socket.getsockname()[1]), ears) as relay,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with connect(
            f"ws://127.0.0.1:{relay.port}/elsewhere/ws", compression=compression, max_size=None, proxy=None
        ) as client:
            got = [client.recv() for _ in range(len(sizes) + 2)]
            client.send("I say something")
        assert ears.over.wait(10)
    scribe.close()
    assert got == ["e" * size for size in sizes] + ["in pieces", b"\x00\x01"]
    assert answers == ["I say something"]
    assert notes == []
    exchanges = [x for x in found if isinstance(x, Exchange)]
    assert [x.kind.rpartition(".")[2] for x in exchanges] == ["open", *["event"] * 8, "said", "end"]
    assert [x.answer.body.bytes() for x in exchanges[1:9]] == [w.encode() if isinstance(w, str) else w for w in got]
    assert {x.facts["connection"] for x in exchanges} == {exchanges[0].seq}
    assert [x.facts.get("flaws", []) for x in exchanges] == [[]] * 11
    assert (exchanges[-1].facts["by"], exchanges[-1].facts["code"]) == (C, CloseCode.NORMAL_CLOSURE)
    assert len({x.journey for x in exchanges}) == 1


def test_an_opening_beside_the_service_is_read_when_a_subscription_told_of_it() -> None:
    bases = Bases("/dicomweb", "http", "a")
    head = Head(("GET", "/notifications/7", "HTTP/1.1"), Headers.of({"Host": "a"}), b"")
    assert bases.of(head) is None
    bases.notifies("/notifications/7", "http://a/dicomweb")
    assert bases.of(head) == "http://a/dicomweb"
