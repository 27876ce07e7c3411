"""Knows how a probe of the upper layer speaks: requests as octets that can be changed, a C-ECHO, an end in order.

Must not know which probe does what, nor judge.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from harness.talk.dialogue import Bare, Dimse
from harness.upper_layer import encode
from harness.upper_layer.offer import Proposed
from suites.dimse.association import octets

Change = Callable[[bytes], bytes]
VERIFY = ((octets.VERIFICATION, (octets.IMPLICIT,)),)


def request(dimse: Dimse, id: int = 1, contexts: Iterable[Proposed] = (), **offer: Any) -> bytes:
    """An A-ASSOCIATE-RQ that proposes Verification under this identifier, and what else is given."""
    proposed = (Proposed(id, octets.VERIFICATION, (octets.IMPLICIT,)), *contexts)
    return encode.associate_rq(dimse.offer(proposed, **offer)).encode()


def accepted(answer: bytes, id: int) -> bool:
    """The PDU is an acceptance, and of this presentation context."""
    given = octets.items(answer[octets.FIXED :]) if answer[:1] == b"\2" else []
    return any(t == 0x21 and c[:1] == bytes([id]) and c[2:3] == b"\0" for t, c in given)


def opened(bare: Bare, asked: bytes, id: int = 1) -> bool:
    """Ask for an association in one piece; whether it came about with this presentation context."""
    return bare.say(asked) and accepted(bare.pdu(), id)


def heard_out(bare: Bare) -> bool:
    """Listen until a command has come whole (a P-DATA-TF with its last fragment); false for anything else."""
    for _ in itertools.repeat(None, 10_000):  # nobody needs so many fragments for the answer to a C-ECHO
        given = octets.values(bare.pdu())
        if not given:
            return False
        if any(header & 3 == 3 for _, header, _ in given):
            return True
    return False


def released(bare: Bare) -> None:
    """End the association in order."""
    if bare.say(octets.RELEASE_RQ):
        bare.pdu()


def reaction(bare: Bare) -> None:
    """Listen for what follows an offence: until A-ABORT, the end of the connection, or the time is over.

    An A-ABORT is enough: who sent it may wait for us to close, for as long as its ARTIM timer runs.
    """
    for _ in itertools.repeat(None, 1000):
        if bare.pdu(bare.line.limits.artim)[:1] in (b"", b"\7"):
            return


def pieces(id: int, command: bytes, size: int) -> Iterator[bytes]:
    """The values of a command that is cut every so many octets."""
    for at in range(0, len(command), size):
        last = at + size >= len(command)
        yield octets.value(id, 1 | last << 1, command[at : at + size])


def echo(dimse: Dimse, step: str = "", **facts: Any) -> None:
    """A plain association with one C-ECHO."""
    with dimse.associate(VERIFY, step=step, facts=facts) as a:
        a.echo()


def names(dimse: Dimse, count: int) -> Sequence[str]:
    """UIDs that nothing else in the world has."""
    number = int.from_bytes(dimse.nonce.encode()[:12], "big")
    return [f"2.25.{number}{n}" for n in range(1, count + 1)]
