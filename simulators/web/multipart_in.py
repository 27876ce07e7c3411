"""Knows how a multipart request payload is taken apart while it arrives (RFC 2046 5.1, PS3.18 8.6.1.2).

Must not know what parts mean or where they go; keeps no more than one chunk and one part header in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_FOLD = re.compile(rb"\r\n[ \t]+")  # RFC 5322 2.2.3
HEAD = 16 << 10  # octets of header fields that one part may have
PADDING = 256  # blanks that may follow a boundary on its line


class Malformed(ValueError):
    """The octets are not a multipart payload with this boundary; says why and where."""


@dataclass(frozen=True)
class Begin:
    """A part begins; `fields` by lower-case name, the first of a repeated one kept."""

    fields: Mapping[str, str]


@dataclass(frozen=True)
class Data:
    """Octets of the part that began last."""

    octets: bytes


@dataclass(frozen=True)
class End:
    """The part that began last is complete."""


Event = Begin | Data | End


class Reader:
    """Feed it chunks in order, then `finish`; it gives events in order, Malformed for what cannot be read."""

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
        # A line end before the payload lets the first delimiter look like the others.
        self._buffer = bytearray(b"\r\n")
        self._at = -2  # offset of the buffer in the payload, for messages
        self._state = "preamble"
        self.parts = 0

    @property
    def closed(self) -> bool:
        """The closing delimiter was met; what comes after it is ignored (RFC 2046 5.1.1)."""
        return self._state == "epilogue"

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that this chunk completes; consume them all before the next chunk."""
        if self._state == "epilogue":
            return
        self._buffer += chunk
        while True:
            before = (self._state, self._at)
            yield from self._step()
            if (self._state, self._at) == before or self._state == "epilogue":
                return

    def finish(self) -> None:
        """No more octets; Malformed when the payload is not complete or holds no part."""
        if not self.closed:
            where = "before its first delimiter" if self._state == "preamble" else "without its closing delimiter"
            raise Malformed(f"The multipart payload ends {where}.")
        if not self.parts:
            raise Malformed("The multipart payload holds no part.")

    def _step(self) -> Iterator[Event]:
        if self._state == "head":
            yield from self._read_head()
        elif self._state == "delimiter":
            self._read_delimiter()
        else:
            yield from self._read_content()

    def _drop(self, count: int) -> bytes:
        with memoryview(self._buffer) as view:
            octets = bytes(view[:count])
        del self._buffer[:count]
        self._at += count
        return octets

    def _read_content(self) -> Iterator[Event]:
        """Everything up to the next delimiter; the last octets wait, they may be the beginning of one."""
        found = self._search()
        keep = len(self._delimiter) + PADDING + 2
        count = found if found >= 0 else max(len(self._buffer) - keep, 0)
        octets = self._drop(count)
        if octets and self._state == "part":
            yield Data(octets)
        if found >= 0:
            if self._state == "part":
                yield End()
            self._state = "delimiter"

    def _search(self) -> int:
        """Where the next line stands that is a delimiter and nothing else; -1 when none is complete yet.

        A line that only begins like one is content: reading it as a delimiter would cut an instance in two.
        """
        at = self._buffer.find(self._delimiter)
        while at >= 0:
            if self._line_end(at) >= 0:
                return at
            at = self._buffer.find(self._delimiter, at + 2)
        return -1

    def _line_end(self, at: int) -> int:
        """Where the delimiter line that begins at `at` ends, -1 when it is none or not complete."""
        after = at + len(self._delimiter)
        if self._buffer[after : after + 2] == b"--":
            return after + 2
        tail = bytes(self._buffer[after : after + PADDING + 2])
        blanks = len(tail) - len(tail.lstrip(b" \t"))
        return after + blanks + 2 if tail[blanks : blanks + 2] == b"\r\n" else -1

    def _read_delimiter(self) -> None:
        end = self._line_end(0)
        closing = self._buffer[len(self._delimiter) : len(self._delimiter) + 2] == b"--"
        # The line end stays: a part without fields goes on with another one at once.
        self._drop(end if closing else end - 2)
        self._state = "epilogue" if closing else "head"

    def _read_head(self) -> Iterator[Event]:
        end = self._buffer.find(b"\r\n\r\n", 0, HEAD + 4)
        if end < 0:
            if len(self._buffer) > HEAD + 4:
                raise Malformed(f"The header fields of part {self.parts + 1} are longer than {HEAD} octets.")
            return
        fields = _fields(bytes(self._buffer[2:end]), self.parts + 1)
        self._drop(end + 4)
        self.parts += 1
        self._state = "part"
        yield Begin(fields)


def _fields(head: bytes, number: int) -> Mapping[str, str]:
    """The fields of a part's head. A field may go on in a line that begins with a blank.

    The grammar of 8.6.1.2.1 has no such lines, and whoever sends one is told by the rules. But the parts are those of
    RFC 2046, whose fields are folded by writers of mail (RFC 5322 2.2.3), and unfolding loses nothing: an instance is
    not refused for it.
    """
    fields: dict[str, str] = {}
    for line in _FOLD.sub(b" ", head).split(b"\r\n") if head else ():
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Malformed(f"Part {number} has a header line that is no field: {line[:80]!r}.")
        fields.setdefault(name.decode("latin-1").lower(), value.strip().decode("latin-1"))
    return fields
