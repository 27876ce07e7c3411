"""Knows what a probe can say over DIMSE: associations with every operation, bare connections, and being called back.

Must not know rules by name, nor judge: it hands what was said to the session.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from harness.association import Association, Tape
from harness.blobs import Blobs
from harness.entity import Entity
from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.talk.dimse import Dial, EachMessage, Limits, Serve, agree_to_all
from harness.talk.identifiers import Content, Instance, encoded, instance
from harness.talk.line import Line
from harness.talk.listener import Listener, Manner
from harness.upper_layer import encode
from harness.upper_layer import message as messages
from harness.upper_layer.item import Pdu
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Abort, Agreed, Identity, Offer, Proposed, propose
from harness.upper_layer.outbox import EachPdu

VERIFICATION = "1.2.840.10008.1.1"

Facts = Mapping[str, Any] | None
Contexts = Iterable[tuple[str, Sequence[str]]]


class Hosts(Protocol):
    """What is needed of a session."""

    @property
    def blobs(self) -> Blobs: ...

    seed: int
    nonce: str
    edition: str
    holding: Holding
    samples: list[Sample]

    @property
    def deadline(self) -> float:
        """Seconds that the target has for an answer now."""

    def next_journey(self, kind: str) -> str: ...

    def close_journey(self, name: str, wait: bool = False) -> Any: ...

    def associated(self, association: Association, **about: Any) -> Association:
        """Number it, have it recorded and judged. `about`: probe, journey, step, facts. Raises TargetGone."""


@dataclass(frozen=True)
class Reply:
    """What came back to a request. `asked` is None when no presentation context for it was accepted."""

    asked: Message | None
    responses: tuple[Message, ...] = ()
    served: tuple[Message, ...] = ()  # requests of the peer that were answered meanwhile: C-STORE of a C-GET

    @property
    def final(self) -> Message | None:
        return next((m for m in self.responses if not m.pending), None)

    @property
    def status(self) -> int | None:
        """Status of the final response, None without one."""
        return self.final.status if self.final else None

    @property
    def pending(self) -> list[Message]:
        return [m for m in self.responses if m.pending]

    @property
    def datasets(self) -> list[bytes]:
        """The data sets of the responses, as encoded."""
        return [m.dataset_octets() for m in self.responses if m.has_data]


@dataclass
class Setup:
    """How we take part: our title, the identity that is offered, TLS, bounds, where we can be called back, and what
    we are made to say wrong."""

    calling: str = "DICOMPROOF"
    identity: Identity | None = None
    tls: ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)
    listener: Listener | None = None
    title: str = ""  # the AE title under which the target knows the listener
    each_message: EachMessage | None = None  # what becomes of each message that we send
    each_pdu: EachPdu | None = None  # the same for each PDU


class Dimse:
    """What a probe is given. All associations are with the target, recorded and judged.

    `random` is seeded by the run and the probe, so a probe makes the same choices again.
    """

    def __init__(self, session: Hosts, entity: Entity, probe: str, setup: Setup | None = None) -> None:
        self.session = session
        self.entity = entity
        self.probe = probe
        self.setup = setup or Setup()
        self.random = random.Random(f"{session.seed}/{probe}")
        self._journey = ""

    @property
    def holding(self) -> Holding:
        """What the target is known to hold: loaded by us, or found by searching."""
        return self.session.holding

    @property
    def samples(self) -> Sequence[Sample]:
        """The instances that we loaded and the target acknowledged; empty in a read-only run."""
        return self.session.samples

    @property
    def nonce(self) -> str:
        """A word that is in no other run's data."""
        return self.session.nonce

    @property
    def edition(self) -> str:
        return self.session.edition

    @property
    def reachable(self) -> bool:
        """The target knows where to call us back, under the title `setup.title`."""
        return self.setup.listener is not None

    def offer(self, contexts: Contexts | Sequence[Proposed] = (), **changes: Any) -> Offer:
        """What we offer by default, with these presentation contexts and changes."""
        listed = list(contexts)
        proposed = listed if listed and isinstance(listed[0], Proposed) else propose(listed)  # type: ignore[arg-type]
        own = Offer(tuple(proposed), self.entity.title, self.setup.calling, identity=self.setup.identity)  # type: ignore[arg-type]
        return own.but(**changes)

    @contextmanager
    def associate(self, contexts: Contexts | Sequence[Proposed] = (), step: str = "", facts: Facts = None,
                  serve: Serve = agree_to_all, release: bool = True, **offer: Any) -> Iterator[Associated]:  # fmt: skip
        """An association with these presentation contexts: (abstract syntax, transfer syntaxes), or `Proposed` values.

        `offer`: other fields of the offer (roles, window, extended, identity, maximum_length, called, user_items ...).
        It is released at the end, unless it ended before or `release` is false (then the connection is closed), and
        handed to the session; whether it was accepted at all is `open` of what is given.
        """
        own, made = self.setup, self.offer(contexts, **offer)
        dial = Dial(
            self.entity, self.session.blobs, made, self._limits, own.tls, serve, own.each_message, own.each_pdu
        )  # fmt: skip
        held = Associated(dial, facts)
        try:
            yield held
            if release and dial.open:
                dial.release()
        finally:
            held.association = self._hand_over(dial.finish(address=str(self.entity)), step, held.facts)

    @contextmanager
    def connect(self, step: str = "", facts: Facts = None,
                limits: Limits | None = None) -> Iterator[Bare]:  # fmt: skip
        """A bare transport connection, on which any octets may be said in any order."""
        tape = Tape(self.session.blobs)
        bounds = limits or self._limits
        bare = Bare(Line.connect(self.entity.host, self.entity.port, tape, bounds, self.setup.tls), facts)
        try:
            yield bare
        finally:
            bare.line.close()
            bare.association = self._hand_over(tape.finish(address=str(self.entity)), step, bare.facts)

    @contextmanager
    def listening(self, manner: Manner, step: str = "", facts: Facts = None,
                  settle: float = 2.0) -> Iterator[Listener]:  # fmt: skip
        """Be called back, in this manner; what the target said on those associations is judged as a requestor's.

        ValueError when the target knows no place to call (see `reachable`). One probe at a time.
        """
        listener = self.setup.listener
        if listener is None:
            raise ValueError("the target knows no place where it could call us back")
        with listener.turn:
            for late in listener.collect():  # what came after the probe that it belongs to
                self._hand_over(late, "", None, "")
            listener.begin(manner)
            try:
                yield listener
            finally:
                for association in listener.collect(settle):
                    self._hand_over(association, step, facts)

    @contextmanager
    def journey(self, kind: str) -> Iterator[None]:
        """The associations made inside belong together and are judged as a whole at the end. Not nested."""
        if self._journey:
            raise ValueError(f"journey {kind} inside journey {self._journey}")
        self._journey = self.session.next_journey(kind)
        try:
            yield
        finally:
            name, self._journey = self._journey, ""
            self.session.close_journey(name)

    @contextmanager
    def within(self, journey: str) -> Iterator[None]:
        """The associations made inside belong to this journey, which a voice at another door began and will end."""
        if self._journey:
            raise ValueError(f"journey {journey} inside journey {self._journey}")
        self._journey = journey
        try:
            yield
        finally:
            self._journey = ""

    @property
    def _limits(self) -> Limits:
        bounds = self.setup.limits
        return replace(bounds, deadline=min(bounds.deadline, self.session.deadline))

    def _hand_over(self, association: Association, step: str, facts: Facts, journey: str | None = None) -> Association:
        """`journey`: another one than that of now, '' for none."""
        name = self._journey if journey is None else journey
        return self.session.associated(association, probe=self.probe, journey=name, step=step, facts=dict(facts or {}))


class Associated:
    """An association that a probe speaks on. Every operation gives a Reply and never raises for what the peer does."""

    def __init__(self, dial: Dial, facts: Facts = None) -> None:
        self.dial = dial
        self.facts: dict[str, Any] = dict(facts or {})
        self.association: Association | None = None  # once it is over

    @property
    def open(self) -> bool:
        return self.dial.open

    @property
    def contexts(self) -> Mapping[int, Agreed]:
        """The accepted presentation contexts by id."""
        return self.dial.contexts

    def accepts(self, abstract: str, *transfer: str) -> Agreed | None:
        """The first accepted context of this abstract syntax, in one of these transfer syntaxes if any are named."""
        return self.dial.context(abstract, *transfer)

    def ask(self, message: Message, cancel_after: int | None = None, seconds: float | None = None) -> Reply:
        """Any request; with `cancel_after`, C-CANCEL follows when so many Pending responses have come."""
        before = len(self.dial.served)
        responses: list[Message] = []
        if self.dial.send(message, seconds):
            if cancel_after == 0:  # at once, before anything came
                self.dial.send(messages.cancel_rq(message.context, message.id))
            for answer in self.dial.answers(message, seconds):
                responses.append(answer)
                if len(responses) == cancel_after and answer.pending:
                    self.dial.send(messages.cancel_rq(message.context, message.id))
        return Reply(message, tuple(responses), tuple(self.dial.served[before:]))

    def echo(self, **more: Any) -> Reply:
        """C-ECHO; here as below, `more` are other command elements."""
        return self._on(VERIFICATION, lambda c, id_: messages.echo_rq(c.id, id_, **more))

    def store(self, what: Sample | Instance | bytes, **more: Any) -> Reply:
        """C-STORE of a sample or a PS3.10 file, on the context with its SOP Class and transfer syntax."""
        it = instance(what)
        return self._on(
            it.sop_class,
            lambda c, id_: messages.store_rq(c.id, id_, it.sop_class, it.instance, it.data, **more),
            it.transfer_syntax,
        )

    def find(self, sop_class: str, identifier: Content, cancel_after: int | None = None, **more: Any) -> Reply:
        return self._on(
            sop_class,
            lambda c, id_: messages.find_rq(c.id, id_, sop_class, encoded(identifier, c.transfer), **more),
            cancel_after=cancel_after,
        )

    def get(self, sop_class: str, identifier: Content, cancel_after: int | None = None, **more: Any) -> Reply:
        """C-GET; the instances that came are the requests in `served` of the reply."""
        return self._on(
            sop_class,
            lambda c, id_: messages.get_rq(c.id, id_, sop_class, encoded(identifier, c.transfer), **more),
            cancel_after=cancel_after,
        )

    def move(self, sop_class: str, identifier: Content, destination: str, cancel_after: int | None = None,
             **more: Any) -> Reply:  # fmt: skip
        return self._on(
            sop_class,
            lambda c, id_: messages.move_rq(c.id, id_, sop_class, destination, encoded(identifier, c.transfer), **more),
            cancel_after=cancel_after,
        )

    def n_create(self, sop_class: str, instance: str = "", attributes: Content | None = None, **more: Any) -> Reply:
        return self._on(
            sop_class,
            lambda c, id_: messages.n_create_rq(c.id, id_, sop_class, instance, _data(attributes, c), **more),
        )

    def n_set(self, sop_class: str, instance: str, modifications: Content, **more: Any) -> Reply:
        return self._on(
            sop_class, lambda c, id_: messages.n_set_rq(c.id, id_, sop_class, instance, _data(modifications, c), **more)
        )

    def n_get(self, sop_class: str, instance: str, attributes: Iterable[int] = (), **more: Any) -> Reply:
        tags = tuple(attributes)
        return self._on(sop_class, lambda c, id_: messages.n_get_rq(c.id, id_, sop_class, instance, tags, **more))

    def n_action(self, sop_class: str, instance: str, action_type: int, information: Content | None = None,
                 **more: Any) -> Reply:  # fmt: skip
        return self._on(
            sop_class,
            lambda c, id_: messages.n_action_rq(
                c.id, id_, sop_class, instance, action_type, _data(information, c), **more
            ),
        )

    def n_delete(self, sop_class: str, instance: str, **more: Any) -> Reply:
        return self._on(sop_class, lambda c, id_: messages.n_delete_rq(c.id, id_, sop_class, instance, **more))

    def n_event_report(self, sop_class: str, instance: str, event_type: int, information: Content | None = None,
                       **more: Any) -> Reply:  # fmt: skip
        return self._on(
            sop_class,
            lambda c, id_: messages.event_report_rq(
                c.id, id_, sop_class, instance, event_type, _data(information, c), **more
            ),
        )

    def pipeline(self, requests: Iterable[Message], window: int) -> dict[int, list[Message]]:
        """Requests with up to `window` unanswered at a time; the responses by Message ID."""
        return self.dial.pipeline(requests, window)

    def send(self, message: Message) -> bool:
        """Send a message and wait for nothing."""
        return self.dial.send(message)

    def receive(self, seconds: float | None = None, quiet: bool = False) -> Message | None:
        """The next message; see `Talk.receive`."""
        return self.dial.receive(seconds, quiet)

    def called_upon(self, count: int = 1, seconds: float | None = None) -> list[Message]:
        """Serve what the peer asks for on this association (notifications, sub-operations) until it has made so many
        requests; those that came."""
        before = len(self.dial.served)
        if not self.dial.serve_until(lambda served: len(served) - before >= count, seconds):
            self.dial.line.waited()
        return self.dial.served[before:]

    def raw(self, octets: bytes | Pdu) -> bool:
        """Octets at this place of the stream, whatever they are."""
        return self.dial.raw(octets if isinstance(octets, bytes) else octets.encode())

    def release(self) -> bool:
        return self.dial.release()

    def abort(self, what: Abort | None = None) -> None:
        self.dial.abort(what)

    def until_closed(self, seconds: float | None = None) -> None:
        """Wait for the end of the connection; that it did not come is taken down."""
        self.dial.until_closed(seconds, quiet=False)

    def next_id(self) -> int:
        return self.dial.next_id()

    def _on(self, abstract: str, build: Callable[[Agreed, int], Message], *transfer: str,
            cancel_after: int | None = None) -> Reply:  # fmt: skip
        context = self.dial.context(abstract, *transfer)
        if context is None:
            return Reply(None)
        return self.ask(build(context, self.dial.next_id()), cancel_after)


class Bare:
    """A transport connection without an upper layer: the scripted peer. Octets of both sides are recorded."""

    def __init__(self, line: Line, facts: Facts = None) -> None:
        self.line = line
        self.facts: dict[str, Any] = dict(facts or {})
        self.association: Association | None = None  # once it is over
        self._held = b""

    @property
    def ended(self) -> str:
        """How the connection ended: refused, close or reset (by the peer), flood, ours; '' while it stands."""
        return self.line.ended

    def say(self, *what: bytes | Pdu | Message, maximum_length: int = 16384) -> bool:
        """Octets, PDUs and messages, one after the other in one piece."""
        return self.line.push([self._octets(one, maximum_length) for one in what], self.line.deadline())

    def drip(self, octets: bytes, size: int = 1, pause: float = 0.0) -> bool:
        """Octets in pieces of `size`, each in a segment of its own, `pause` seconds apart (what comes is kept)."""
        for at in range(0, len(octets), size):
            if not self.say(octets[at : at + size]):
                return False
            if pause:
                self.listen(pause)
        return True

    def listen(self, seconds: float) -> None:
        """Let so many seconds pass, keeping what comes; ends early with the connection."""
        deadline = self.line.deadline(seconds)
        while not deadline.passed and not self.line.ended:
            self._held += self.line.pull(deadline)

    def pdu(self, seconds: float | None = None, quiet: bool = False) -> bytes:
        """The next whole PDU of the peer; b"" when none came in time, or the connection ended within it."""
        deadline = self.line.deadline(seconds)
        while (size := _size(self._held)) < 0 or len(self._held) < size:
            octets = self.line.pull(deadline)
            if not octets:
                if not quiet:
                    self.line.waited()
                return b""
            self._held += octets
        found, self._held = self._held[:size], self._held[size:]
        return found

    def until_closed(self, seconds: float | None = None, quiet: bool = False) -> bytes:
        """Everything that comes until the peer closes; that it did not is taken down unless `quiet`."""
        deadline = self.line.deadline(self.line.limits.artim if seconds is None else seconds)
        found = [self._held]
        while octets := self.line.pull(deadline):
            found.append(octets)
        self._held = b""
        if not self.line.ended and not quiet:
            self.line.waited("the transport connection was not closed")
        return b"".join(found)

    def half_close(self) -> None:
        """Send no more, and still listen."""
        self.line.half_close()

    def reset(self) -> None:
        self.line.reset()

    def close(self) -> None:
        self.line.close()

    @staticmethod
    def _octets(what: bytes | Pdu | Message, maximum_length: int) -> bytes:
        if isinstance(what, Message):
            return b"".join(piece for pdu in encode.message_pdus(what, maximum_length) for piece in pdu)
        return what if isinstance(what, bytes) else what.encode()


def _size(held: bytes) -> int:
    """Octets of the PDU that begins here, -1 while its header is not whole."""
    return 6 + int.from_bytes(held[2:6], "big") if len(held) >= 6 else -1


def _data(content: Content | None, context: Agreed) -> Any:
    return None if content is None else encoded(content, context.transfer)
