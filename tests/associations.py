"""Associations that several tests look at; the strict readers share nothing with what encodes them."""

from __future__ import annotations

from typing import Any

from harness.association import Association, Side
from harness.make.associations import octets, told
from harness.upper_layer import message as say
from harness.upper_layer.encode import associate_ac, associate_rq, release_rp, release_rq
from harness.upper_layer.offer import IMPLICIT, Acceptance, Answered, Offer, propose

VERIFICATION = "1.2.840.10008.1.1"
FIND = "1.2.840.10008.5.1.4.1.2.1.1"
IDENTIFIER = b"\x08\0\x52\0\x06\0\0\0STUDY \x10\0\x20\0\x04\0\0\0ID12"


def association(*more: tuple[Side, bytes], seq: int = 7, calling: str = "WE", **about: Any) -> Association:
    """An association that was accepted, then these octets of these sides, then released."""
    offer = Offer(propose([(VERIFICATION, [IMPLICIT]), (FIND, [IMPLICIT])]), called="PACS", calling=calling)
    acceptance = Acceptance((Answered(1, 0, IMPLICIT), Answered(3, 0, IMPLICIT)), "PACS", calling)
    pieces: list[tuple[Side, bytes]] = [
        ("requestor", associate_rq(offer).encode()),
        ("acceptor", associate_ac(acceptance).encode()),
        *more,
        ("requestor", release_rq().encode()),
        ("acceptor", release_rp().encode()),
    ]
    return told(pieces, seq=seq, address="dimse://PACS@h:104", probe="p", **about)


def find(matches: int) -> list[tuple[Side, bytes]]:
    """A C-FIND with so many matches."""
    asked = say.find_rq(3, 1, FIND, IDENTIFIER)
    pending = [say.response(asked, 0xFF00, IDENTIFIER)] * matches
    return [("requestor", octets(asked)), *(("acceptor", octets(m)) for m in [*pending, say.response(asked, 0)])]
