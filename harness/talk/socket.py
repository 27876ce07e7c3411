"""Knows a notification connection (PS3.18 8.10): its opening handshake, and each message on it as evidence.

Must not know rules, or what an event says. Nothing that the other end does raises anything or makes it wait for ever.
"""

from __future__ import annotations

import base64
import random
import ssl
from collections.abc import Callable
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpcore
from websockets.frames import Frame, Opcode

from harness.blobs import Blobs
from harness.body import EMPTY, Body
from harness.clock import Deadline
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.session import Session
from harness.talk.web import FAULTS, Limits, Talk
from harness.wire.uri import request_target
from harness.wire.websocket import CLOSE, PING, TEXT, Message, Reader

JSON: Final = "application/dicom+json"
PIECE: Final = 64 << 10  # octets asked for at once
MOST: Final = 20_000  # messages of one connection
_GOODBYE: Final = 1.0  # seconds that the other end has to answer a close frame

Hand = Callable[[Exchange], Exchange]
Enough = Callable[[list[Exchange]], bool]


class Channel:
    """One notification connection as a probe has it. `opened` is the exchange of its handshake; `standing` tells
    whether it is still there. Reading happens only while something is waited for; each message is recorded then."""

    def __init__(self, opened: Exchange, stream: httpcore.NetworkStream | None, talk: Talk, hand: Hand) -> None:
        self.opened = opened
        self._stream, self._talk, self._hand = stream, talk, hand
        compressed = "permessage-deflate" in (opened.answer.headers.get("sec-websocket-extensions") or "")
        self._reader = Reader("origin-server", compressed)
        self._events: list[Exchange] = []
        self._by = ""
        self._code: int | None = None
        self._flaws: list[str] = []

    @property
    def standing(self) -> bool:
        return self._stream is not None

    @property
    def heard(self) -> list[Exchange]:
        """All events so far, in the order they came."""
        return list(self._events)

    def events(self, enough: Enough, seconds: float = 5.0) -> list[Exchange]:
        """Read until `enough` says so of all events so far, the connection ends, or the time is over; all of them."""
        deadline = Deadline.after(seconds)
        while not enough(self.heard) and self._stream is not None and len(self._events) < MOST:
            if not self._read(deadline):
                break
        return self.heard

    def quiet(self, seconds: float = 0.3) -> list[Exchange]:
        """Read what still comes within this time; all events so far. For what must not come."""
        return self.events(lambda _: False, seconds)

    def said(self, text: str) -> Exchange:
        """Say something on it, which a user agent does not do (8.10.5.3)."""
        self._send(Opcode.TEXT, text.encode())
        return self._hand(self._exchange("SAID", text.encode(), {"frame": {"opcode": TEXT, "masked": True}}))

    def close(self) -> None:
        """End it in order; what comes until the other end agrees is still read."""
        if self._stream is not None:
            self._by = self._by or "user-agent"
            self._send(Opcode.CLOSE, (1000).to_bytes(2, "big"))
            self.events(lambda _: self._reader.closed, _GOODBYE)
            self._over("user-agent")
        self._talk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, deadline: Deadline) -> bool:
        """Take in what came; false when the time is over or the connection is."""
        assert self._stream is not None
        self._talk.deadline(deadline)
        try:
            octets = self._stream.read(PIECE)
        except httpcore.TimeoutException:
            return False
        except FAULTS:
            octets = b""
        if not octets:
            self._over("origin-server")
            return False
        for message in self._reader.feed(octets):
            self._take(message)
        if self._reader.broken:
            self._flaws.append(self._reader.broken)
            self._over("user-agent")
        return self._stream is not None

    def _take(self, message: Message) -> None:
        if message.data:
            facts = {"frame": message.frame, "flaws": list(message.flaws)}
            self._events.append(self._hand(self._exchange("EVENT", message.payload, facts, message.head)))
            return
        self._flaws += message.flaws
        if message.opcode == PING:
            self._send(Opcode.PONG, message.payload)
        elif message.opcode == CLOSE:
            self._by, self._code = self._by or "origin-server", message.code
            self._send(Opcode.CLOSE, message.payload[:2])
            self._over("origin-server")

    def _send(self, opcode: Opcode, payload: bytes) -> None:
        if self._stream is None:
            return
        self._talk.deadline(Deadline.after(_GOODBYE))
        try:
            self._stream.write(Frame(opcode, payload).serialize(mask=True))
        except FAULTS:
            self._over("origin-server")

    def _over(self, by: str) -> None:
        """The connection is gone: whose doing it was, and what never became whole, is recorded."""
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        stream.close()
        left = self._reader.end()
        flaws = self._flaws + list(left.flaws if left else ())
        facts = {"by": self._by or by, "code": self._code, "flaws": flaws}
        self._hand(self._exchange("END", left.payload if left else b"", facts))

    def _exchange(self, method: str, payload: bytes, facts: dict[str, Any], head: bytes = b"") -> Exchange:
        asked = self.opened.ask
        said = Body.of(payload) if method == "SAID" else EMPTY
        ask = Ask(method, asked.target, asked.base, body=said)
        fields = Headers((("Content-Type", JSON),) if method == "EVENT" else ())
        body = EMPTY if method == "SAID" else Body.of(payload)
        answer = Answer(101, "Switching Protocols", fields, body, head=head)
        return self.opened.but(seq=0, ask=ask, answer=answer, facts={**facts, "connection": self.opened.seq})


def open_channel(session: Session, blobs: Blobs, url: str, choose: random.Random, tls: ssl.SSLContext | None,
                 hand: Hand, headers: tuple[tuple[str, str], ...] = (), **about: Any) -> Channel:  # fmt: skip
    """Open a notification connection at a ws: or wss: URL. `headers` replace those of the handshake by their names.

    Credentials of the target go to its own host only.
    """
    place = url.replace("ws", "http", 1) if url.startswith(("ws://", "wss://")) else url
    split = urlsplit(place)
    base = f"{split.scheme}://{split.netloc}"
    at_home = split.hostname == urlsplit(session.base).hostname
    ask = _handshake(session, place, base, choose, at_home, headers)
    talk = Talk(base, blobs, Limits(deadline=session.deadline), tls)
    answer, stream = talk.upgrade(ask)
    opened = hand(Exchange(0, ask, answer, **about))
    return Channel(opened, stream, talk, hand)


def _handshake(session: Session, url: str, base: str, choose: random.Random, at_home: bool,
               headers: tuple[tuple[str, str], ...]) -> Ask:  # fmt: skip
    target, host = request_target(url, base)
    key = base64.b64encode(choose.randbytes(16)).decode()
    fields = Headers.of(
        [("Host", host), *(session.headers if at_home else ()), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
         ("Origin", base), ("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13")]
    )  # fmt: skip
    for name, value in headers:
        fields = fields.but(name, value)
    return Ask("GET", target, base, fields)
