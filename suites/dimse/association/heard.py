"""Knows how rules on associations look at what was said: flaws of the sides under test, the request, the acceptance.

Must not know which flaw belongs to which rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from harness.association import Association, Turn
from harness.rule import Finding
from harness.wire.pdu import ASSOCIATE_AC, ASSOCIATE_RQ, Associate


def flawed(
    a: Association, codes: Collection[str], *types: int, warn: Collection[str] = (), within: str = ""
) -> Iterator[Finding]:
    """A finding for each flaw of these codes in the PDUs of the sides under test, of all types if none is named.

    `within`: only flaws whose place begins so. Codes in `warn` give findings below a failure.
    """
    for turn in a.heard:
        if types and turn.pdu.type not in types:
            continue
        for flaw in turn.pdu.flaws.kept:
            if flaw.code in codes and flaw.where.startswith(within):
                yield Finding(flaw.got, flaw.want, f"{turn.where}, {flaw.where}", warn=flaw.code in warn)


def says(*types: int) -> Callable[[Association], bool]:
    """Whether a side under test said a PDU of these types (of any type when none is named): for `when`."""

    def looks(a: Association) -> bool:
        return any(not types or t.pdu.type in types for t in a.heard)

    return looks


def asked(a: Association) -> Associate | None:
    """What the requestor asked for."""
    return a.request.pdu.associate if a.request else None


def accepted(a: Association) -> Associate | None:
    """What the acceptor accepted, None when it did not."""
    return a.answer.pdu.associate if a.accepted and a.answer else None


def both(a: Association) -> tuple[Associate, Associate] | None:
    """The request and the acceptance, None when one is missing or was cut."""
    request, answer = asked(a), accepted(a)
    if request is None or answer is None or not (a.request and a.request.pdu.complete):
        return None
    return (request, answer) if a.answer and a.answer.pdu.complete else None


def is_accepted(a: Association) -> bool:
    return both(a) is not None


def negotiators(a: Association) -> Iterator[tuple[Turn, Associate]]:
    """The A-ASSOCIATE-RQ and -AC of the sides under test, as far as they can be read."""
    for turn in a.heard:
        if turn.pdu.type in (ASSOCIATE_RQ, ASSOCIATE_AC) and turn.pdu.associate is not None:
            yield turn, turn.pdu.associate


def announced(a: Association, side: str) -> int:
    """The longest P-DATA-TF that this side takes; 0 when it set no limit or told none."""
    pair = both(a)
    if pair is None:
        return 0
    told = pair[0] if side == "requestor" else pair[1]
    return told.user.maximum_length or 0
