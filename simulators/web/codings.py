"""Knows content codings: which one a request wants, and how chunks are coded on their way (RFC 9110 8.4, 12.5.3).

Must not know resources.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator

IDENTITY = "identity"
# Of those that are wanted equally the first one is taken. Both windows are zlib's: gzip and zlib format.
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_MEMBER = re.compile(r"\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*(?:;\s*[qQ]=([01](?:\.[0-9]{0,3})?)\s*)?")
_TEXT = ("application/dicom+json", "application/dicom+xml", "application/json", "application/xml",
         "application/vnd.sun.wadl+xml", "text/")  # fmt: skip
SMALLEST = 256  # octets below which coding makes nothing shorter


def wished(field: str | None) -> dict[str, float]:
    """Weight of each coding of an Accept-Encoding field, {} without one; what cannot be read is left out."""
    found: dict[str, float] = {}
    for member in (field or "").split(","):
        match = _MEMBER.fullmatch(member)
        if match:
            name = match[1].lower()
            found["gzip" if name == "x-gzip" else name] = min(float(match[2] or 1), 1.0)
    return found


def choose(field: str | None, shrinks: bool) -> str | None:
    """The coding of the answer; None when none is acceptable.

    `shrinks`: coding is worth its time, else it is only done when nothing else is acceptable.
    """
    if field is None:
        return IDENTITY
    weights = wished(field)
    # what is not listed has the weight of the asterisk; without one only no coding at all is acceptable
    allowed = {name: weights.get(name, weights.get("*", 0.0)) for name in _WINDOWS}
    allowed[IDENTITY] = weights.get(IDENTITY, weights.get("*", 0.001 if shrinks else 1.0))
    if not shrinks and allowed[IDENTITY] > 0:
        return IDENTITY
    best = max(allowed, key=lambda name: allowed[name])
    return best if allowed[best] > 0 else None


def is_text(type: str) -> bool:
    """Whether a Content-Type promises text, which coding makes much shorter."""
    name, _, parameters = type.partition(";")
    return name.startswith(_TEXT) or (name.startswith("multipart/") and 'type="application/dicom+xml"' in parameters)


async def coded(chunks: AsyncIterator[bytes], coding: str) -> AsyncIterator[bytes]:
    """The chunks in a content coding, given out as they come."""
    machine = zlib.compressobj(wbits=_WINDOWS[coding])
    async for chunk in chunks:
        made = machine.compress(chunk)
        if made:
            yield made
    yield machine.flush()
