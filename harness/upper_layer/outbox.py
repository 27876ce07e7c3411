"""Knows what is still to be sent, PDU by PDU, made only when it is asked for.

Must not know states.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from harness.upper_layer.encode import Buffer

EachPdu = Callable[[bytes], bytes | list[bytes] | None]


class Outbox:
    """A queue of PDUs. `each`: what becomes of each PDU as it leaves: other octets, several, none (b""), None as is."""

    def __init__(self, each: EachPdu | None = None) -> None:
        self._queue: deque[Iterator[list[Buffer]]] = deque()
        self._each = each

    def __bool__(self) -> bool:
        return bool(self._queue)

    def put(self, pdus: Iterable[list[Buffer]]) -> None:
        self._queue.append(iter(pdus) if self._each is None else self._changed(iter(pdus), self._each))

    def raw(self, octets: bytes) -> None:
        """Octets that are no PDU, or not for `each`."""
        self._queue.append(iter([[octets]]))

    def clear(self) -> None:
        self._queue.clear()

    def take(self, most: int) -> list[Buffer]:
        """Buffers of whole PDUs, `most` octets or a little more; empty when there is nothing left."""
        found: list[Buffer] = []
        size = 0
        while self._queue and size < most:
            for buffers in self._queue[0]:
                found += buffers
                size += sum(map(len, buffers))
                if size >= most:
                    break
            else:
                self._queue.popleft()
        return found

    @staticmethod
    def _changed(pdus: Iterator[list[Buffer]], each: EachPdu) -> Iterator[list[Buffer]]:
        for buffers in pdus:
            octets = b"".join(buffers)
            told = each(octets)
            if told is None:
                yield [octets]
            else:
                yield [one for one in ([told] if isinstance(told, bytes) else told) if one]
