"""Knows how the rules on multipart read a message, how mutants change one, and which flaw belongs to which rule.

Must not know what a right message is.
"""

from __future__ import annotations

import re

from harness.exchange import Answer, Ask, Exchange
from harness.wire.multipart import Part

# Which flaw of the reader belongs to which rule; each code stands once.
BOUNDARY = ("multipart.no-boundary", "multipart.boundary-length", "multipart.boundary-characters",
            "multipart.boundary-space")  # fmt: skip
DELIMITERS = ("multipart.no-delimiter", "multipart.bare-lf", "multipart.empty-part", "multipart.no-parts",
              "multipart.preamble", "multipart.leading-crlf", "multipart.padding")  # fmt: skip
CLOSING = ("multipart.no-closing", "multipart.closed-twice", "multipart.delimiter-after-closing",
           "multipart.epilogue")  # fmt: skip
CONTENT = ("multipart.boundary-in-content",)
HEADERS = ("multipart.no-blank-line", "multipart.part-header-syntax", "multipart.part-header-name",
           "multipart.part-header-value", "multipart.obs-fold", "multipart.part-header-too-long")  # fmt: skip
PART_TYPE = ("multipart.no-content-type", "multipart.duplicate-content-type")
PART_LENGTH = ("multipart.content-length", "multipart.content-length-syntax", "multipart.duplicate-content-length")
# Legal in RFC 2046, but not in the grammar of 8.6.1.2.1: somebody may trip over it, nobody broke a sentence.
LENIENT = ("multipart.preamble", "multipart.leading-crlf", "multipart.padding", "multipart.epilogue",
           "multipart.obs-fold", "multipart.boundary-in-content")  # fmt: skip

# An XOP package has the framing of RFC 2046 alone (PS3.18 2017b-6.4), which leaves more open.
PACKAGES = "web.wado-ws"

_KEPT = 200  # parts whose header fields are looked at one by one


def counting(x: Exchange, codes: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the codes that count in this message."""
    return tuple(code for code in codes if code not in LENIENT) if x.kind == PACKAGES else codes


def framed(x: Exchange) -> bool:
    return x.message.multipart is not None and x.message.body.size > 0


def told(x: Exchange) -> bool:
    """Whether somebody said what the message is: a bare body that was captured to a file has no Content-Type."""
    return not x.kind.startswith("file") or bool(x.answer.head)


def first_parts(x: Exchange) -> tuple[Part, ...]:
    return x.message.parts[:_KEPT]


def has_parts(x: Exchange) -> bool:
    return bool(x.message.parts)


def resent(x: Exchange, old: bytes, new: bytes, times: int = -1) -> Ask | Answer | None:
    """The message with some octets of its body replaced; None when they are not there."""
    body = x.message.body.bytes() if framed(x) else b""
    return x.message.but(body=body.replace(old, new, times)) if old in body else None


def boundary_of(x: Exchange) -> str:
    return x.message.media.parameters.get("boundary", "") if framed(x) else ""


def renamed(x: Exchange, boundary: str) -> Ask | Answer | None:
    """The message with another boundary, in Content-Type and in the body."""
    old = boundary_of(x)
    if not old:
        return None
    body = x.message.body.bytes().replace(f"--{old}".encode(), f"--{boundary}".encode())
    given = x.message.headers.get("content-type") or ""
    kind = re.sub(r'boundary=("[^"]*"|[^;]*)', lambda _: f'boundary="{boundary}"', given)
    return x.message.but(type=kind, body=body)
