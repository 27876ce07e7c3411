"""Knows what must not be written down: credentials in header fields, and known secret values anywhere.

Must not know how a record is laid out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from harness.blobs import Blobs
from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Headers

# Field names whose value is a credential whatever it says.
NAMES = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-auth-token"}
)
SHORTEST = 4  # a shorter secret value would black out ordinary text


@dataclass(frozen=True)
class Secrets:
    """Values are masked by as many asterisks, so that lengths and offsets stay what they were."""

    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Iterable[str]) -> Secrets:
        kept = sorted({v for v in values if len(v) >= SHORTEST}, key=len, reverse=True)
        return cls(tuple(kept))

    def text(self, text: str) -> str:
        for value in self.values:
            text = text.replace(value, "*" * len(value))
        return text

    def octets(self, data: bytes) -> bytes:
        for value in self.values:
            raw = value.encode()
            data = data.replace(raw, b"*" * len(raw))
        return data

    def headers(self, headers: Headers) -> Headers:
        return Headers(tuple((n, self._field(n, v)) for n, v in headers))

    def body(self, body: Body, blobs: Blobs) -> Body:
        """The same body, or a masked copy when a secret value stands in it."""
        if not self.values or not body.size:
            return body
        raw = [v.encode() for v in self.values]
        if not any(value in window for window in self._windows(body) for value in raw):
            return body
        spool = blobs.spool()
        for chunk in self._masked(body):
            spool.write(chunk)
        masked = spool.finish(body.truncated)
        blobs.remove(body)  # a large body was put there as it came in
        return masked

    def exchange(self, x: Exchange, blobs: Blobs) -> Exchange:
        """The exchange as it may be written down."""
        ask: Ask = x.ask.but(
            target=self.text(x.ask.target),
            headers=self.headers(x.ask.headers),
            body=self.body(x.ask.body, blobs),
        )
        # dataclasses.replace, not Answer.but: that one would mend Content-Length
        answer: Answer = dataclasses.replace(
            x.answer,
            headers=self.headers(x.answer.headers),
            head=self._head(x.answer),
            body=self.body(x.answer.body, blobs),
        )
        return x.but(ask=ask, answer=answer)

    def _field(self, name: str, value: str) -> str:
        if name.lower() in NAMES:
            scheme, space, rest = value.partition(" ")
            return f"{scheme} {'*' * len(rest)}" if space else "*" * len(value)
        return self.text(value)

    def _head(self, answer: Answer) -> bytes:
        head = answer.head
        for name, value in answer.headers:
            if name.lower() in NAMES and value:
                masked = self._field(name, value)
                head = head.replace(value.encode("latin-1", "replace"), masked.encode("latin-1", "replace"))
        return self.octets(head)

    def _windows(self, body: Body) -> Iterable[bytes]:
        overlap = max(len(v.encode()) for v in self.values)
        before = b""
        for chunk in body.chunks():
            yield before + chunk
            before = chunk[-overlap:]

    def _masked(self, body: Body) -> Iterable[bytes]:
        hold = max(len(v.encode()) for v in self.values)
        pending = b""
        for chunk in body.chunks():
            pending = self.octets(pending + chunk)
            yield pending[:-hold]
            pending = pending[-hold:]
        yield self.octets(pending)
