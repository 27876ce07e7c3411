"""Knows what is said on a connection that went over to WebSocket: its messages and its end become exchanges.

Each side is read from a copy (RFC 6455 5), and what was compressed is expanded (RFC 7692). What cannot be read here is
told and charged to nobody; what nobody could read is a flaw of whoever said it.
Must not know the handshake's own rules, what a message means, or how exchanges are recorded and judged.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.body import EMPTY, Body
from harness.exchange import SIDES, Answer, Ask, Exchange, Fault, Headers, Side
from harness.wire.uri import OPENING, SOCKET
from harness.wire.websocket import CLOSE, TEXT, Message, Reader

MOST: Final = 8 << 20  # octets of one message that are kept, as it was sent and expanded
FLAWED: Final = 20  # messages of one side with flaws, after which that side is not read any more
JSON: Final = "application/dicom+json"  # what a message is, though no field of it says so (PS3.18 8.10.5.1.1)
CONNECTION: Final = "connection"  # the fact that names the opening of a connection, by its number
DEFLATE: Final = "permessage-deflate"
_TAIL: Final = b"\x00\x00\xff\xff"  # what a sender leaves out at the end of a message (RFC 7692 7.2.1)
_COMPRESSED: Final = 0x4

Give = Callable[[Exchange], None]


class Numbers:
    """Puts the number that the opening of a connection was given in place of the one that it had before, in all that
    was said on that connection."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def numbered(self, x: Exchange, seq: int) -> Exchange:
        """The exchange with this number; an opening comes before what is said after it, and the end comes last."""
        before = x.facts.get(CONNECTION)
        if before is None:
            return x.but(seq=seq)
        if x.kind == OPENING:
            self._known[before] = seq
        opening = self._known.get(before, 0)
        if x.kind == SOCKET["END"]:
            self._known.pop(before, None)
        return x.but(seq=seq, facts={**x.facts, CONNECTION: opening})


def unknown_extension(agreed: str) -> str:
    """The first extension of Sec-WebSocket-Extensions that is not known here, '' when all are."""
    names = (word.partition(";")[0].strip() for word in agreed.split(","))
    return next((name for name in names if name and name.lower() != DEFLATE), "")


class _Expander:
    """Expands the messages of one side. After one that could not be expanded the window is lost, where there is one."""

    def __init__(self, keeps: bool) -> None:
        self._keeps = keeps
        self._machine = zlib.decompressobj(-zlib.MAX_WBITS)
        self.lost = False

    def expanded(self, octets: bytes) -> tuple[bytes, str]:
        """The payload, and what is wrong with it; at most MOST octets of it and one, which shows that there is more."""
        if not self._keeps:
            self._machine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = self._machine.decompress(octets + _TAIL, MOST + 1)
        except zlib.error as error:
            self.lost = True
            return b"", f"the payload cannot be expanded (RFC 7692 7.2.2): {error}"
        self.lost = len(found) > MOST
        return found, ""


@dataclass
class _Voice:
    """What one side says: its reader, and what is to be told of it when all is over."""

    side: Side
    reader: Reader
    expander: _Expander | None
    flaws: list[str]
    bad: int = 0
    code: int | None = None
    closed: bool = False
    silent: bool = False  # not read any more


class Socket:
    """One connection after its handshake. `give` gets the exchanges, whose facts name it by `connection`.

    `asked` and `told` are question and answer of the handshake; all times are seconds of one clock.
    """

    def __init__(self, give: Give, note: Callable[[str], None], asked: Ask, told: Answer, connection: int,
                 facts: Mapping[str, Any]) -> None:  # fmt: skip
        self._give, self._note = give, note
        self._ask = Ask("", asked.target, asked.base, _kept_fields(asked.headers))
        self._facts = {**facts, CONNECTION: connection}
        agreed = ", ".join(told.headers.all("sec-websocket-extensions"))
        self._voices = {side: _voice(side, agreed) for side in SIDES}
        self._ended: tuple[str, float] | None = None
        self._closer = ""
        self._told: Counter[str] = Counter()

    def heard(self, side: Side, octets: bytes, at: float) -> None:
        """Octets of one side, at this time."""
        voice = self._voices[side]
        if voice.silent:
            return
        for message in voice.reader.feed(octets):
            self._message(voice, message, at)
            if voice.silent:
                return
        if voice.reader.broken:
            voice.flaws.append(voice.reader.broken)
            voice.silent = True

    def end(self, side: Side, how: str, at: float) -> None:
        """One side will say nothing any more; `how` is "close", "reset", or "stopped" when that was us."""
        if self._ended is None:
            self._ended = ("" if how == "stopped" else side), at

    def finish(self, at: float) -> None:
        """The connection is over."""
        by, when = self._ended or ("", at)
        for voice in self._voices.values():
            rest = None if voice.silent else voice.reader.end()
            if rest is not None and rest.data:  # whoever breaks off has said nothing wrong
                self._say(voice, replace(rest, flaws=()), when, Fault("reset", "the connection ended in a message"))
        server, client = (self._voices[side] for side in SIDES)
        by = self._closer or by
        code = next((v.code for v in self._voices.values() if v.side == self._closer), None)
        facts = {"by": by, "code": code, "flaws": server.flaws[:FLAWED], "said_flaws": client.flaws[:FLAWED]}
        self._give(self._exchange("END", when, facts, Answer(101)))

    def _message(self, voice: _Voice, message: Message, at: float) -> None:
        if message.flaws:
            voice.bad += 1
            voice.silent = voice.bad >= FLAWED
        if message.data:
            self._say(voice, message, at, None)
            return
        voice.flaws += message.flaws
        if message.opcode == CLOSE:
            voice.closed, voice.code = True, message.code
            self._closer = self._closer or voice.side

    def _say(self, voice: _Voice, message: Message, at: float, fault: Fault | None) -> None:
        """Hand on a message of data as an exchange."""
        payload, flaws, opaque = _opened(voice, message)
        cut = message.cut or len(payload) > MOST
        if opaque and not self._told[voice.side]:
            self._told[voice.side] += 1
            self._note(f"on a notification connection {opaque}")
        if cut and fault is None:
            fault = Fault("too-large", f"the message went on after {MOST} octets; the rest was not kept")
        # whoever broke off in the middle of a message, or says what only we cannot read, is charged with nothing
        facts = {"frame": message.frame, "flaws": flaws} | ({"cut": True} if cut or opaque else {})
        facts |= {"opaque": opaque} if opaque else {}
        body = Body.of(payload[:MOST], truncated=cut)
        if voice.side == "origin-server":
            fields = Headers.of([("Content-Type", JSON)])
            answer = Answer(101, "", fields, body, fault=fault, head=message.head)
            x = self._exchange("EVENT", at, facts, answer)
        else:
            x = self._exchange("SAID", at, facts, Answer(101), body)
        self._give(x.but(judged=frozenset()) if opaque else x)

    def _exchange(self, method: str, at: float, facts: Mapping[str, Any], answer: Answer,
                  body: Body = EMPTY) -> Exchange:  # fmt: skip
        ask = replace(self._ask, method=method, body=body)
        about = {**self._facts, **facts, "began_ms": int(at * 1000)}
        return Exchange(0, ask, answer, "client", facts=about, judged=frozenset(SIDES))


def _kept_fields(headers: Headers) -> Headers:
    """What tells who is talking with whom."""
    return Headers(tuple(f for f in headers if f[0].lower() in ("host", "user-agent")))


def _voice(side: Side, agreed: str) -> _Voice:
    deflated = any(word.strip().lower().startswith(DEFLATE) for word in agreed.split(","))
    own = "server" if side == "origin-server" else "client"
    expander = _Expander(f"{own}_no_context_takeover" not in agreed) if deflated else None
    return _Voice(side, Reader(side, deflated, MOST), expander, [])


def _opened(voice: _Voice, message: Message) -> tuple[bytes, list[str], str]:
    """The payload expanded, the flaws, and why it cannot be read here, '' when it can."""
    flaws = list(message.flaws)
    if voice.expander is None or not message.rsv & _COMPRESSED:
        return message.payload, flaws, ""
    if voice.expander.lost:
        return b"", flaws, "a compressed message cannot be expanded, because one before it was not"
    if message.cut:
        voice.expander.lost = True
        return b"", flaws, "a compressed message is cut or too long, and is not expanded"
    payload, wrong = voice.expander.expanded(message.payload)
    if wrong:
        return b"", [*flaws, wrong], ""
    if message.opcode == TEXT and len(payload) <= MOST and not _utf8(payload):
        flaws.append("a text message is not UTF-8 (5.6)")
    return payload, flaws, ""


def _utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
