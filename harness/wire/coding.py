"""Knows content codings (RFC 9110 8.4.1): gzip and deflate, undone within bounds.

Must not know which of them somebody asked for.
"""

from __future__ import annotations

import zlib

from harness.body import Body

BOUND = 64 << 20  # a coded body that grows beyond this is left as it is


def decode(body: Body, coding: str | None) -> Body:
    """The octets before the coding was applied; the body unchanged for identity, unknown or broken codings."""
    words = [w.strip().lower() for w in (coding or "").split(",") if w.strip()]
    for word in reversed(words):
        if word in ("gzip", "x-gzip"):
            plain = _inflate(body, 31)
        elif word == "deflate":
            plain = _inflate(body, 15)
        else:
            plain = body if word == "identity" else None
        if plain is None:
            return body
        body = plain
    return body


def _inflate(body: Body, window: int) -> Body | None:
    machine = zlib.decompressobj(window)
    plain = bytearray()
    try:
        for chunk in body.chunks():
            plain += machine.decompress(chunk, BOUND + 1 - len(plain))
            if len(plain) > BOUND:
                return None
    except zlib.error:
        return None
    return Body.of(bytes(plain), body.truncated) if machine.eof else None
