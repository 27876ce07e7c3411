"""Knows C-MOVE (PS3.4 C.4.2): whom a destination names, what is offered to it, and how its troubles stay its own.

Must not know sockets beyond the link that carries the sub-operations.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.upper_layer.message import Message
from harness.upper_layer.offer import Offer, propose
from simulators.archive.archive import Archive, Held
from simulators.dimse.link import Link, Patience, Peer
from simulators.dimse.retrieve import Impossible, chosen, suboperation, transfer
from simulators.dimse.syntax import EXPLICIT_LE, IMPLICIT_LE
from simulators.dimse.talk import DESTINATION_UNKNOWN, Answers, Gone, Refused, Talk, response
from simulators.web import pixels

LOG = logging.getLogger(__name__)
CONTEXTS = 128  # of one association (PS3.8 9.3.2.2)
BREAKS = 3  # associations with a destination that may break before the rest is given up


@dataclass(frozen=True)
class Destinations:
    """The AEs that may be moved to, and how long they are waited for."""

    peers: Mapping[str, Peer] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)


def move(archive: Archive, destinations: Destinations, request: Message, talk: Talk) -> Answers:
    """All responses to a C-MOVE-RQ."""
    try:
        peer = destinations.peers.get(request.text("MoveDestination").strip())
        if peer is None:
            raise Refused(DESTINATION_UNKNOWN, f"{request.text('MoveDestination')!r} is not known here")
        found = chosen(archive, request, talk)
    except Refused as refused:
        yield response(request, refused.status, **refused.elements)
        return
    courier = Courier(archive, peer, destinations.patience, request, talk, found)
    try:
        yield from transfer(request, talk, found, courier.send)
    finally:
        courier.close()


class Courier:
    """Sends instances to one destination, over as many associations as their presentation contexts need."""

    def __init__(self, archive: Archive, peer: Peer, patience: Patience, request: Message, talk: Talk,
                 found: Sequence[Held]) -> None:  # fmt: skip
        self._archive = archive
        self._peer = peer
        self._patience = patience
        self._request = request
        self._talk = talk
        self._batch_of = {held.instance: batch for batch in batches(found) for held in batch.held}
        self._batch: Batch | None = None
        self._link: Link | None = None
        self._breaks = 0

    def send(self, held: Held) -> int | None:
        """The status of the sub-operation, None when it could not be performed."""
        batch = self._batch_of[held.instance]
        if batch is not self._batch:
            self.close()
            self._batch = batch
        try:
            link = self._connected(batch)
            ask = suboperation(
                self._archive, held, link.contexts.values(), link.next_id(), self._request,
                MoveOriginatorApplicationEntityTitle=self._talk.calling, MoveOriginatorMessageID=self._request.id,
            )  # fmt: skip
            return link.perform(ask).status
        except Impossible:
            return None
        except Gone as gone:
            LOG.info("a sub-operation to %s:%d failed: %s", self._peer.host, self._peer.port, gone)
            self._breaks += 1
            self._drop()
            return None

    def _connected(self, batch: Batch) -> Link:
        if self._breaks >= BREAKS:
            raise Gone("the destination broke too often")
        if self._link is None:
            called = self._request.text("MoveDestination").strip()
            offer = Offer(propose(batch.contexts), called=called, calling=self._talk.title)
            cancelled: Callable[[], bool] = lambda: self._talk.cancelled(self._request)  # noqa: E731
            self._link = Link(self._peer, offer, self._patience, cancelled)
        return self._link

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def close(self) -> None:
        """Release what stands."""
        if self._link is not None:
            self._link.release()
            self._link = None


@dataclass
class Batch:
    """Instances that one association can carry, and the contexts to propose for them."""

    held: list[Held] = field(default_factory=list)
    contexts: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


def batches(found: Sequence[Held]) -> Iterator[Batch]:
    """Instances in order, a new batch where the contexts of one association do not suffice."""
    batch = Batch()
    for held in found:
        missing = [c for c in contexts_of(held) if c not in batch.contexts]
        if len(batch.contexts) + len(missing) > CONTEXTS:
            yield batch
            batch, missing = Batch(), contexts_of(held)
        batch.contexts += missing
        batch.held.append(held)
    yield batch


def contexts_of(held: Held) -> list[tuple[str, tuple[str, ...]]]:
    """What is proposed for an instance: its own transfer syntax, and apart from it what it can be written in, the
    default one always (PS3.5 10.1); only its own where its pixel data cannot be decoded here."""
    own = (held.sop_class, (held.transfer_syntax,))
    if not pixels.decodable(held):
        return [own]
    if held.transfer_syntax in (EXPLICIT_LE, IMPLICIT_LE):
        return [own, (held.sop_class, tuple(s for s in (EXPLICIT_LE, IMPLICIT_LE) if s != held.transfer_syntax))]
    return [own, (held.sop_class, (EXPLICIT_LE, IMPLICIT_LE))]
