"""Knows how to make UIDs that are the same for the same words and different for any others (PS3.5 B.2).

Must not know what a UID is used for.
"""

from __future__ import annotations

import hashlib


def uid(*words: object) -> str:
    """A UID below the 2.25 root: 44 characters at most, never a leading zero, fixed by the words alone."""
    text = "\x1f".join(str(word) for word in words)
    digest = hashlib.sha256(text.encode("utf-8")).digest()[:16]
    # The version and variant bits of RFC 9562 make the integer a valid name-based UUID and keep it large.
    number = int.from_bytes(digest, "big")
    number = number & ~(0xF << 76) | (0x8 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return f"2.25.{number}"


IMPLEMENTATION = uid("dicomproof", "implementation class")
IMPLEMENTATION_VERSION = "DICOMPROOF"
