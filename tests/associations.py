"""Associations that several tests look at; the strict readers share nothing with what encodes them."""

from __future__ import annotations

from typing import Any

from harness.association import Association, Side
from harness.make.associations import octets, spoken
from harness.upper_layer import message as say

VERIFICATION = "1.2.840.10008.1.1"
FIND = "1.2.840.10008.5.1.4.1.2.1.1"
IDENTIFIER = b"\x08\0\x52\0\x06\0\0\0STUDY \x10\0\x20\0\x04\0\0\0ID12"


def association(*more: tuple[Side, bytes], seq: int = 7, calling: str = "WE", **about: Any) -> Association:
    """An association that was accepted, then these octets of these sides, then released."""
    return spoken(
        [VERIFICATION, FIND], more, calling=calling, seq=seq, address="dimse://PACS@h:104", probe="p", **about
    )


def find(matches: int) -> list[tuple[Side, bytes]]:
    """A C-FIND with so many matches."""
    asked = say.find_rq(3, 1, FIND, IDENTIFIER)
    pending = [say.response(asked, 0xFF00, IDENTIFIER)] * matches
    return [("requestor", octets(asked)), *(("acceptor", octets(m)) for m in [*pending, say.response(asked, 0)])]
