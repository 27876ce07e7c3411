"""Knows what the machine tells its user: indications and confirmations of PS3.8 7, as values.

Must not know octets or states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from harness.body import Body
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Acceptance, Offer, Rejection


class Sink(Protocol):
    """Takes the data set of one message as it comes. The octets given to `write` are only lent: use or copy them."""

    def write(self, octets: memoryview) -> object: ...

    def finish(self) -> Body | bytes | None:
        """It is whole: what becomes `body` or `data` of the message, None when the sink keeps it to itself."""

    def discard(self) -> None:
        """The association ended in the middle of it."""


@dataclass(frozen=True, slots=True)
class AssociateRequested:
    """A-ASSOCIATE indication; answer with `Machine.accept` or `Machine.reject`."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Accepted:
    """A-ASSOCIATE confirmation: `Machine.contexts` holds what was agreed."""

    acceptance: Acceptance


@dataclass(frozen=True, slots=True)
class Rejected:
    """A-ASSOCIATE confirmation of a rejection; the transport connection is to be closed."""

    rejection: Rejection


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message. `sink` is the one that took its data set, None when the data set is in the message."""

    message: Message
    sink: Any = None


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """A-RELEASE indication; answer with `Machine.answer_release`. `collision`: both sides asked at once."""

    collision: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """A-RELEASE confirmation."""


@dataclass(frozen=True, slots=True)
class Aborted:
    """A-ABORT or A-P-ABORT indication: by the peer (its source and reason), by ourselves because of what the peer
    sent (what we told it), or because the transport connection is gone."""

    by: Literal["peer", "us", "transport"]
    source: int = 2
    reason: int = 0
    why: str = ""


Indication = AssociateRequested | Accepted | Rejected | MessageReceived | ReleaseRequested | Released | Aborted
