"""Makes associations by hand out of messages, one after the other; the octets come from the upper layer's encoders.

Must not know rules, nor what is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.association import SIDES, Association, Said, Side
from harness.body import Body
from harness.upper_layer.encode import associate_ac, associate_rq, message_pdus, release_rp, release_rq
from harness.upper_layer.message import Message
from harness.upper_layer.offer import IMPLICIT, Acceptance, Answered, Offer, Role, propose


def octets(message: Message) -> bytes:
    """The P-DATA-TF PDUs of a message."""
    return b"".join(b"".join(bytes(p) for p in piece) for piece in message_pdus(message, 0))


def told(said: Iterable[tuple[Side, bytes]], **about: Any) -> Association:
    """An association in which these octets came from these sides, a millisecond apart."""
    pieces = list(said)
    events = tuple(Said(side, "octets", len(what), ms) for ms, (side, what) in enumerate(pieces))
    requestor, acceptor = (Body.of(b"".join(what for side, what in pieces if side == own)) for own in SIDES)
    return Association(about.pop("seq", 1), requestor, acceptor, events, **about)


def spoken(
    abstract: Iterable[str],
    messages: Iterable[tuple[Side, Message | bytes]],
    roles: tuple[Role, ...] = (),
    calling: str = "WE",
    called: str = "PACS",
    **about: Any,
) -> Association:
    """An association with a context for each of these, accepted in implicit VR, in which this is said; released.

    What is said are messages, or octets as they are.
    """
    contexts = propose((uid, [IMPLICIT]) for uid in abstract)
    offer = Offer(contexts, called=called, calling=calling, roles=roles)
    accepted = tuple(Answered(c.id, 0, IMPLICIT) for c in contexts)
    acceptance = Acceptance(accepted, called, calling, roles=roles)
    pieces: list[tuple[Side, bytes]] = [
        ("requestor", associate_rq(offer).encode()),
        ("acceptor", associate_ac(acceptance).encode()),
        *((side, said if isinstance(said, bytes) else octets(said)) for side, said in messages),
        ("requestor", release_rq().encode()),
        ("acceptor", release_rp().encode()),
    ]
    return told(pieces, **about)
