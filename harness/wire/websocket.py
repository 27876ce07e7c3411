"""Knows the frames of the WebSocket protocol (RFC 6455 5): a strict sans-IO reader of what one side sent.

Must not know what the messages mean, nor whether anybody answers them.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_CONTINUATION: Final = 0x0
_KNOWN: Final = frozenset({_CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
MOST: Final = 64 << 20  # octets of a message that are kept
FLAWS: Final = 20  # that are kept of one message
# Status codes that may be sent (7.4.1, 7.4.2); 1004 to 1006 and 1015 never are.
_CODES: Final = (range(1000, 1004), range(1007, 1015), range(3000, 5000))

From = Literal["origin-server", "user-agent"]


@dataclass(frozen=True, slots=True)
class Message:
    """A whole data message or one control frame. `payload` is unmasked, as far as it was kept; `head` are the octets of
    the first frame before its payload; `fragments` are the frames it came in, `rsv` the reserved bits of the first.

    `cut`: the connection ended, or the message was too long, before all of it was kept.
    """

    opcode: int
    payload: bytes
    head: bytes
    fragments: int = 1
    masked: bool = False
    rsv: int = 0
    flaws: tuple[str, ...] = ()
    cut: bool = False

    @property
    def data(self) -> bool:
        """It carries a message, and is no ping, pong or close."""
        return self.opcode < CLOSE

    @property
    def code(self) -> int | None:
        """The status code of a close frame, None when it has none (5.5.1)."""
        return int.from_bytes(self.payload[:2], "big") if self.opcode == CLOSE and len(self.payload) >= 2 else None

    @property
    def frame(self) -> dict[str, object]:
        """What is said of the frames in the facts of an exchange."""
        return {"opcode": self.opcode, "fragments": self.fragments, "masked": self.masked, "rsv": self.rsv}


@dataclass
class _Whole:
    """A data message whose frames are still coming."""

    opcode: int
    head: bytes
    masked: bool
    rsv: int
    payload: bytearray = field(default_factory=bytearray)
    fragments: int = 0
    flaws: list[str] = field(default_factory=list)
    size: int = 0


@dataclass
class _Frame:
    """The head of a frame, and how much of its payload has been taken."""

    final: bool
    opcode: int
    rsv: int
    mask: bytes | None
    size: int
    head: bytes
    flaws: list[str]
    taken: int = 0
    payload: bytearray = field(default_factory=bytearray)


class Reader:
    """Reads what one side sends after the handshake. `compressed`: permessage-deflate was agreed (RFC 7692), so the
    first reserved bit may be set and such a payload is compressed octets, which are not looked into.

    Nothing is raised: departures stand as sentences with the message they were met in. After octets that no frame can
    be made of, `broken` says why and the rest is not read.
    """

    def __init__(self, side: From, compressed: bool = False, most: int = MOST) -> None:
        self._masks, self._compressed, self._most = side == "user-agent", compressed, most
        self._rest = bytearray()
        self._frame: _Frame | None = None
        self._whole: _Whole | None = None
        self.closed = False
        self.broken = ""

    def feed(self, octets: bytes) -> Iterator[Message]:
        """The messages and control frames that are whole with these octets, in order."""
        self._rest += octets
        while not self.broken:
            if self._frame is None:
                self._frame = self._head()
            if self._frame is None or not self._take(self._frame):
                return
            frame, self._frame = self._frame, None
            message = self._over(frame)
            if message is not None:
                yield message
        self._rest.clear()

    def end(self) -> Message | None:
        """The connection is over: what had begun and never ended."""
        whole, frame = self._whole, self._frame
        if whole is None and frame is None and not self._rest:
            return None
        self._whole = self._frame = None
        flaws = [*(whole.flaws if whole else ()), *(frame.flaws if frame else ()), "the connection ended in a frame"]
        opcode = whole.opcode if whole else frame.opcode if frame else TEXT
        head = whole.head if whole else frame.head if frame else bytes(self._rest)
        payload = bytes(whole.payload if whole else b"") + bytes(frame.payload if frame else b"")
        return Message(opcode, payload, head, flaws=tuple(flaws[:FLAWS]), cut=True)

    def _head(self) -> _Frame | None:
        """The head of the next frame when all of it is there (5.2)."""
        rest = self._rest
        if len(rest) < 2:
            return None
        size, masked = rest[1] & 0x7F, bool(rest[1] & 0x80)
        extended = {126: 2, 127: 8}.get(size, 0)
        length = 2 + extended + (4 if masked else 0)
        if len(rest) < length:
            return None
        if extended:
            size = int.from_bytes(rest[2 : 2 + extended], "big")
        head = bytes(rest[:length])
        del rest[:length]
        opcode, rsv = head[0] & 0x0F, head[0] >> 4 & 0x07
        frame = _Frame(bool(head[0] & 0x80), opcode, rsv, head[-4:] if masked else None, size, head, [])
        frame.flaws += self._departures(frame, extended)
        return frame

    def _departures(self, frame: _Frame, extended: int) -> Iterator[str]:
        if self.closed:
            yield "a frame follows the close frame (5.5.1)"
        if (frame.mask is not None) != self._masks:
            yield "a client masks its frames (5.3)" if self._masks else "a server masks no frame (5.1)"
        if frame.opcode not in _KNOWN:
            yield f"opcode {frame.opcode:#x} is reserved (5.2)"
        if frame.rsv & ~(0x4 if self._compressed and frame.opcode < CLOSE else 0):
            yield "a reserved bit is set and no extension was agreed that means it (5.2)"
        if frame.size >> 63:
            yield "the most significant bit of the length is set (5.2)"
        elif (extended == 2 and frame.size < 126) or (extended == 8 and frame.size < 1 << 16):
            yield "the length is not in its shortest form (5.2)"
        if frame.opcode >= CLOSE and (not frame.final or frame.size > 125):
            yield "a control frame is not fragmented and has at most 125 octets (5.5)"

    def _take(self, frame: _Frame) -> bool:
        """Take octets of the payload; whether all of it has been there."""
        piece = bytes(self._rest[: frame.size - frame.taken])
        del self._rest[: len(piece)]
        room = self._most - len(frame.payload) - (len(self._whole.payload) if self._whole else 0)
        kept = piece[: max(room, 0)]
        frame.payload += _unmasked(kept, frame.mask, frame.taken) if frame.mask else kept
        frame.taken += len(piece)
        if frame.opcode >= CLOSE and frame.size > self._most:
            self.broken = "a control frame is longer than can be read"
        return frame.taken == frame.size

    def _over(self, frame: _Frame) -> Message | None:
        """What is whole with this frame."""
        if frame.opcode >= CLOSE:
            self.closed = self.closed or frame.opcode == CLOSE
            flaws = (*frame.flaws, *_close_flaws(frame))
            masked = frame.mask is not None
            return Message(frame.opcode, bytes(frame.payload), frame.head, 1, masked, frame.rsv, flaws[:FLAWS])
        return self._joined(frame)

    def _joined(self, frame: _Frame) -> Message | None:
        whole = self._whole
        if frame.opcode == _CONTINUATION and whole is None:
            frame.flaws.append("a continuation frame continues nothing (5.4)")
        elif frame.opcode != _CONTINUATION and whole is not None:
            frame.flaws.append("a new message begins before the last one has ended (5.4)")
            whole = None
        if whole is None:
            whole = self._whole = _Whole(frame.opcode, frame.head, frame.mask is not None, frame.rsv)
        whole.payload += frame.payload
        whole.size += frame.size
        whole.fragments += 1
        whole.flaws += frame.flaws[: FLAWS - len(whole.flaws)]
        if not frame.final:
            return None
        self._whole = None
        return self._message(whole)

    def _message(self, whole: _Whole) -> Message:
        flaws, cut = whole.flaws, whole.size > len(whole.payload)
        plain = not (whole.rsv & 0x4)
        if whole.opcode == TEXT and plain and not _utf8(whole.payload, cut):
            flaws.append("a text message is not UTF-8 (5.6)")
        if cut:
            flaws.append(f"the message went on after {self._most} octets; the rest was not kept")
        return Message(
            whole.opcode, bytes(whole.payload), whole.head, whole.fragments, whole.masked, whole.rsv,
            tuple(flaws[:FLAWS]), cut,
        )  # fmt: skip


def _unmasked(octets: bytes, mask: bytes, at: int) -> bytes:
    """Undo the masking (5.3); `at` is where in the payload these octets stand."""
    turned = mask[at % 4 :] + mask[: at % 4]
    key = (turned * (len(octets) // 4 + 1))[: len(octets)]
    return (int.from_bytes(octets, "big") ^ int.from_bytes(key, "big")).to_bytes(len(octets), "big")


def _close_flaws(frame: _Frame) -> Iterator[str]:
    if frame.opcode != CLOSE or not frame.size:
        return
    if frame.size == 1:
        yield "a close frame has no payload or begins with a status code of two octets (5.5.1)"
        return
    code = int.from_bytes(frame.payload[:2], "big")
    if not any(code in codes for codes in _CODES):
        yield f"close code {code} may not be sent (7.4)"
    if not _utf8(frame.payload[2:], cut=False):
        yield "the reason of a close frame is not UTF-8 (5.5.1)"


def _utf8(octets: bytes | bytearray, cut: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(bytes(octets), final=not cut)
    except UnicodeDecodeError:
        return False
    return True
