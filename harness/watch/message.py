"""Knows how HTTP/1 messages lie one after the other in the octets of one direction (RFC 9112), however they are cut.

It forgives what leaves no doubt about where a message ends; where there is doubt it says so and reads no further.
Must not know the other direction, or what a message means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from harness.exchange import Headers

MOST_HEAD: Final = 1 << 20  # octets of a start line with its header fields
MOST_LINE: Final = 16 << 10  # octets of the line before a chunk
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_ASKS = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\x00-\x1f\x7f]+) (HTTP/1\.[0-9])")
_ANSWERS = re.compile(rb"(HTTP/1\.[0-9]) ([0-9]{3})(?: ([^\x00]*))?")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:.*", re.DOTALL)
_UNCLEAN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_SHOWN = 10  # departures of one head that are told
_FRAMING = frozenset({"content-length", "transfer-encoding"})

To = Literal["length", "chunks", "close", "nothing"]


class Unreadable(Exception):
    """From here on nobody can tell where a message begins or ends. `ours`: for a bound of ours, not for what came."""

    def __init__(self, why: str, ours: bool = False) -> None:
        super().__init__(why)
        self.why, self.ours = why, ours


@dataclass(frozen=True, slots=True)
class Head:
    """A start line and the header fields; `words` are method, target and version, or version, status and reason."""

    words: tuple[str, str, str]
    headers: Headers
    octets: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets of a payload, its transfer coding undone."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The message is over."""


Event = Head | Piece | End


@dataclass(frozen=True, slots=True)
class Payload:
    """How the end of a payload is told: after so many octets, by chunks, by the end of the connection; or there is
    none."""

    to: To
    length: int = 0

    @classmethod
    def of(cls, headers: Headers, otherwise: To) -> Payload:
        """What the header fields say (RFC 9112 6.3), `otherwise` when they say nothing; Unreadable in doubt."""
        codings = [c.strip().lower() for v in headers.all("transfer-encoding") for c in v.split(",") if c.strip()]
        if codings:
            if codings[-1] == "chunked":
                return cls("chunks")
            if otherwise == "close":
                return cls("close")
            raise Unreadable(f"Transfer-Encoding {', '.join(codings)!r} does not end in chunked")
        lengths = {n.strip() for v in headers.all("content-length") for n in v.split(",")}
        if not lengths:
            return cls(otherwise)
        told = lengths.pop()
        if lengths or not told.isascii() or not told.isdigit() or len(told) > 18:
            raise Unreadable(f"Content-Length {', '.join(headers.all('content-length'))!r} tells no length")
        return cls("length", int(told))


class Messages:
    """One direction. Feed it what comes, take the events; after each Head say which payload follows it."""

    def __init__(self, *, asks: bool) -> None:
        self._start = _ASKS if asks else _ANSWERS
        self._held = bytearray()
        self._seen = 0  # so many of the held octets hold no end of a head or line
        self._started = False  # the start line of the held head was looked at
        self._payload: Payload | None = None  # of the message that goes on
        self._left = 0  # octets of the payload, or of the chunk, that are still to come
        self._at: Literal["size", "data", "after", "trailer"] = "size"  # where in the chunks

    def read(self, octets: bytes) -> Iterator[Event]:
        """The events that these octets complete. Raises Unreadable; what it could not read is then in `rest`."""
        if (
            octets and not self._held and len(octets) <= self._plain
        ):  # the usual way of a large payload: it is not copied
            self._left -= len(octets)
            yield Piece(octets)
        else:
            self._held += octets
        while (event := self._next()) is not None:
            yield event

    def follows(self, payload: Payload) -> None:
        """The head that was just given has this payload after it."""
        self._payload = payload
        self._left = payload.length
        self._at = "size"

    @property
    def started(self) -> bool:
        """The start line of a message has come whole, and the rest of its head has not."""
        return self._started

    @property
    def rest(self) -> bytes:
        """What has come and is not read."""
        return bytes(self._held)

    def close(self) -> Iterator[Event]:
        """No more octets come: a payload that only this ends is whole now."""
        if self._payload is not None and self._payload.to == "close":
            yield self._over()

    @property
    def _plain(self) -> int:
        """So many octets that come now belong to the payload as they are."""
        if self._payload is None or self._payload.to == "nothing":
            return 0
        if self._payload.to == "close":
            return MOST_HEAD
        return self._left if self._payload.to == "length" or self._at == "data" else 0

    def _next(self) -> Event | None:
        if self._payload is None:
            return self._head()
        if self._payload.to == "nothing":
            return self._over()
        if self._payload.to == "close":
            return self._take(len(self._held))
        if self._payload.to == "length":
            return self._take(min(self._left, len(self._held))) if self._left else self._over()
        return self._chunked()

    def _over(self) -> End:
        self._payload = None
        return End()

    def _take(self, count: int) -> Piece | None:
        if not count:
            return None
        piece = bytes(self._held[:count])
        del self._held[:count]
        self._left -= count
        return Piece(piece)

    def _head(self) -> Head | None:
        while self._held[:1] == b"\n" or self._held[:2] == b"\r\n":  # RFC 9112 2.2
            del self._held[: 1 if self._held[:1] == b"\n" else 2]
        end = _END_OF_HEAD.search(self._held, max(self._seen - 2, 0))
        if end is None:
            self._look_ahead()
            self._seen = len(self._held)
            return None
        head = _head(bytes(self._held[: end.end()]), self._start)
        del self._held[: end.end()]
        self._seen, self._started = 0, False
        return head

    def _look_ahead(self) -> None:
        """What can never become a head is told at once, for the other side may wait for ever."""
        if len(self._held) > MOST_HEAD:
            raise Unreadable(f"the header fields have more than {MOST_HEAD} octets", ours=True)
        line = -1 if self._started else self._held.find(b"\n", self._seen)
        if line >= 0:
            _words(bytes(self._held[:line]), self._start)
            self._started = True

    def _chunked(self) -> Event | None:
        while True:
            if self._at == "data":
                if self._left:
                    return self._take(min(self._left, len(self._held)))
                self._at = "after"
            end = self._held.find(b"\n", self._seen)
            if end < 0:
                self._seen = len(self._held)
                if self._seen > MOST_LINE:
                    raise Unreadable("a line between chunks does not end")
                return None
            over = self._line(bytes(self._held[:end]).removesuffix(b"\r"))
            del self._held[: end + 1]
            self._seen = 0
            if over:
                return self._over()

    def _line(self, line: bytes) -> bool:
        """Take a line between chunks; whether it is the last of the message."""
        if self._at == "trailer":
            return not line
        if self._at == "after":
            if line:
                raise Unreadable("a chunk is longer than the line before it says")
            self._at = "size"
            return False
        told = _CHUNK.fullmatch(line)
        if told is None:
            raise Unreadable(f"{_shown(line)} is no size of a chunk")
        self._left = int(told[1], 16)
        self._at = "data" if self._left else "trailer"
        return False


def departures(octets: bytes) -> list[str]:
    """What in the lines of a head is not as RFC 9112 2.2 and 5 want it of a sender, and does no harm to its end."""
    lines = octets.split(b"\n")[:-2]  # without the empty one
    bare = sum(not line.endswith(b"\r") for line in lines)
    found = [f"{bare} lines that end in LF alone"] if bare else []
    for line in (line.removesuffix(b"\r") for line in lines[1:]):
        if line[:1] in (b" ", b"\t"):
            found.append(f"{_shown(line)}, a folded line")
        elif _FIELD.fullmatch(line) is None:
            found.append(f"{_shown(line)}, no name with a colon right after it")
        elif _UNCLEAN.search(line):
            found.append(f"{_shown(line)}, with a control character")
    return found[:_SHOWN]


def _head(octets: bytes, start: re.Pattern[bytes]) -> Head:
    first, *lines = octets.rstrip(b"\r\n").split(b"\n")
    return Head(_words(first, start), Headers(tuple(_fields(lines))), octets)


def _words(line: bytes, start: re.Pattern[bytes]) -> tuple[str, str, str]:
    line = line.removesuffix(b"\r")
    match = start.fullmatch(line)
    if match is None:
        said = "HTTP/2" if line.startswith(b"PRI * HTTP/2") else _shown(line)
        raise Unreadable(f"{said} is no start line of HTTP/1.1")
    one, two, three = (word.decode("latin-1") for word in match.groups(b""))
    return one, two, three


def _fields(lines: list[bytes]) -> Iterator[tuple[str, str]]:
    """The fields in order; a folded line goes on with the one before, and a line that is no field is left out."""
    unfolded: list[bytes] = []
    for line in lines:
        line = line.removesuffix(b"\r")
        if line[:1] in (b" ", b"\t") and unfolded:
            unfolded[-1] += b" " + line.strip(b" \t")
        else:
            unfolded.append(line)
    for line in unfolded:
        name, colon, value = line.partition(b":")
        told = name.decode("latin-1")
        if told.strip().lower() in _FRAMING and (told != told.strip() or not colon):
            raise Unreadable(f"{_shown(line)} may tell the length, or may not")
        if colon and name.strip():
            yield told, value.strip(b" \t").decode("latin-1")


def _shown(line: bytes) -> str:
    return repr(line[:80].decode("latin-1"))
