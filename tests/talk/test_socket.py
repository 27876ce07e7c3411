"""A notification connection as a probe has it: every message becomes evidence in its order, whatever the other end
does, and nothing waits for ever."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.sync.server import ServerConnection, serve

from harness.association import Evidence
from harness.blobs import Blobs
from harness.exchange import Exchange
from harness.judge import Met
from harness.session import Session
from harness.talk.conversation import Web
from harness.talk.web import Limits, Talk
from harness.verdict import Verdict

EVENT = '{"00741000": {"vr": "CS", "Value": ["SCHEDULED"]}}'


class Desk:
    """Keeps what is handed to it."""

    def __init__(self) -> None:
        self.seen: list[Exchange] = []

    def header(self, line: Mapping[str, Any]) -> None: ...

    def take(self, x: Evidence) -> Met:
        assert isinstance(x, Exchange)
        self.seen.append(x)
        return []

    def close(self, journey: str) -> Met:
        return []

    def note(self, about: str, text: str) -> None: ...

    def learn(self, instances: object) -> None: ...

    def finish(self, reason: str, said: str) -> list[Verdict]:
        return []


@contextlib.contextmanager
def serving(handle: Callable[[ServerConnection], None]) -> Iterator[int]:
    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join(5)


@contextlib.contextmanager
def voice(port: int, folder: Path, headers: tuple[tuple[str, str], ...] = ()) -> Iterator[tuple[Web, Desk]]:
    desk, blobs, base = Desk(), Blobs(folder / "blobs"), f"http://127.0.0.1:{port}/root"
    session = Session(desk, blobs, base, 1, "N", lambda: Talk(base, blobs, Limits(deadline=5.0)), headers, patience=5.0)
    with session.talk() as talk:
        yield Web(session, talk, "test"), desk
        session.settle()


def url(port: int, host: str = "127.0.0.1") -> str:
    return f"ws://{host}:{port}/ws/subscribers/ME"


def test_events_are_evidence_in_their_order(tmp_path: Path) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.send(EVENT)
        connection.ping()
        connection.send(iter([EVENT[:10], EVENT[10:]]))
        connection.recv()

    with serving(handle) as port, voice(port, tmp_path) as (web, desk):
        with web.journey("web.workitems.test"), web.socket(url(port), step="listen") as channel:
            assert channel.standing
            assert len(channel.events(lambda heard: len(heard) == 2)) == 2
            channel.said("thank you")
        web.session.settle()
    kinds = [x.kind.removeprefix("socket.workitems.") for x in desk.seen]
    assert kinds == ["open", "event", "event", "said", "end"]
    assert [x.seq for x in desk.seen] == [1, 2, 3, 4, 5]
    opened, first, second, said, end = desk.seen
    assert opened.answer.status == 101
    assert opened.answer.headers.get("sec-websocket-accept")
    assert first.answer.json is not None
    assert first.answer.json.datasets[0]["00741000"]["Value"] == ["SCHEDULED"]
    assert second.facts["frame"] == {"opcode": 1, "fragments": 3, "masked": False, "rsv": 0}
    assert first.facts["connection"] == 1
    assert not first.facts["flaws"]
    assert said.ask.body.bytes() == b"thank you"
    assert end.facts["by"] == "user-agent"
    assert not end.facts["flaws"]
    assert {x.journey for x in desk.seen} == {"web.workitems.test#1"}
    assert first.step == "listen"


def test_who_broke_it_off_and_what_was_cut_is_told(tmp_path: Path) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.socket.sendall(Frame(Opcode.TEXT, b'{"0074', fin=False).serialize(mask=False))
        connection.socket.close()

    with serving(handle) as port, voice(port, tmp_path) as (web, desk):
        channel = web.socket(url(port))
        assert channel.quiet(5.0) == []
        assert not channel.standing
        channel.close()
        web.session.settle()
    end = desk.seen[-1]
    assert end.kind == "socket.workitems.end"
    assert end.facts["by"] == "origin-server"
    assert end.facts["flaws"] == ["the connection ended in a frame"]
    assert end.answer.body.bytes() == b'{"0074'


def test_a_server_that_masks_is_read_and_told_of(tmp_path: Path) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.socket.sendall(Frame(Opcode.TEXT, EVENT.encode()).serialize(mask=True))
        connection.recv()

    with serving(handle) as port, voice(port, tmp_path) as (web, _), web.socket(url(port)) as channel:
        (event,) = channel.events(bool)
    assert "masks no frame" in event.facts["flaws"][0]
    assert event.answer.json is not None
    assert event.answer.json.datasets


def test_nothing_comes_and_the_wait_ends(tmp_path: Path) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()

    with serving(handle) as port, voice(port, tmp_path) as (web, _), web.socket(url(port)) as channel:
        assert channel.events(bool, 0.05) == []
        assert channel.standing


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_credentials_go_to_the_host_of_the_target_only(tmp_path: Path, host: str) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()

    secret = (("Authorization", "Bearer s3cret"),)
    with serving(handle) as port, voice(port, tmp_path, secret) as (web, desk):
        web.socket(url(port, host)).close()
        web.session.settle()
    assert (desk.seen[0].ask.headers.get("authorization") is not None) == (host == "127.0.0.1")


def test_what_is_no_notification_connection_is_an_answer_like_any(tmp_path: Path) -> None:
    with serving(lambda connection: None) as port, voice(port, tmp_path) as (web, desk):
        channel = web.socket(url(port), (("Sec-WebSocket-Version", "7"),))
        assert not channel.standing
        assert channel.events(bool) == []
        assert channel.opened.answer.status == 400
        refused = web.socket("ws://127.0.0.1:9/nobody")
        assert not refused.standing
        assert refused.opened.answer.fault is not None
        channel.close()
        refused.close()
        web.session.settle()
    assert [x.kind for x in desk.seen] == ["socket.workitems.open"] * 2
