"""Knows one association of the door: octets to the machine and back, timers, operations side by side, their order.

Must not know services: it hands requests to whoever answers them, in worker threads, and carries the answers out.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from harness.association import Side, What
from harness.upper_layer.indications import Aborted, AssociateRequested, Indication, MessageReceived, ReleaseRequested
from harness.upper_layer.machine import Machine, Misuse
from harness.upper_layer.message import FIELDS, Message
from harness.upper_layer.negotiate import LIMIT_EXCEEDED, Policy, ae_title, negotiate
from harness.upper_layer.offer import Abort, Agreed, Rejection
from harness.upper_layer.outbox import EachPdu
from simulators.dimse.service import VERIFICATION, WINDOW, Services
from simulators.dimse.talk import DUPLICATE_INVOCATION, Gone, Observer, response
from simulators.line import reset

LOG = logging.getLogger(__name__)
PIECE: Final = 1 << 18  # octets read at once
DATA_MOST: Final = 8 << 20  # octets of a data set held in memory; instances to be stored are not
EARNS: Final = 1 << 14  # octets that count as progress for the idle timer, where no message was completed
BATCH: Final = 64  # responses that are fetched from a service at once ...
HASTE: Final = 0.02  # ... or as many as there are after these seconds
_STEPWISE: Final = frozenset((FIELDS["C-GET-RQ"], FIELDS["C-MOVE-RQ"]))  # each response when it is due

Serve = Callable[[Message], Iterable[Message]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Terms:
    """Bounds of the door: seconds of the ARTIM timer, of silence on an association, for a response and until the peer
    takes what is sent; and how many associations stand at once."""

    artim: float = 30.0
    idle: float = 600.0
    response: float = 60.0
    write: float = 60.0
    associations: int = 512


@dataclass(frozen=True)
class Mutation:
    """Defects at the places where they are allowed: on each message that leaves (with the request it answers), on each
    PDU that leaves, and at the door, in front of the unbroken service."""

    message: Callable[[Message, Message | None], Message | list[Message] | None] | None = None
    pdu: EachPdu | None = None
    door: Callable[[Message, Serve], Iterable[Message]] | None = None


@dataclass
class Shared:
    """What all associations of a door share. `standing` are those that were accepted."""

    services: Services
    policy: Policy
    terms: Terms
    mutation: Mutation
    quick: Executor  # for operations that do not wait for a peer
    slow: Executor
    standing: set[Visit] = field(default_factory=set)


class _Conversation:
    """One operation's, or for `asked` None the association's, view of a visit: what `talk.Talk` promises."""

    def __init__(self, visit: Visit, asked: Message | None = None) -> None:
        self.title = visit.shared.services.title
        self.calling = visit.calling
        self.contexts: Mapping[int, Agreed] = visit.machine.contexts
        self.extended: Mapping[str, bytes] = visit.extended
        self.errands: list[Callable[[], None]] = []
        self._visit = visit
        self._asked = asked

    def cancelled(self, request: Message) -> bool:
        return self._visit.over or request.id in self._visit.cancels

    def perform(self, request: Message) -> Message:
        return self._visit.perform(request)

    def next_id(self) -> int:
        return next(self._visit.ids) % 0xFFFF + 1

    def afterwards(self, errand: Callable[[], None]) -> None:
        self.errands.append(errand)


class Visit:
    """Drives one association on streams. `run` returns when the transport connection is gone."""

    def __init__(self, shared: Shared, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
                 observer: Observer | None = None) -> None:  # fmt: skip
        self.shared = shared
        self.calling = ""
        self.extended: dict[str, bytes] = {}
        self.cancels: set[int] = set()
        self.ids = itertools.count()
        self.over = False
        self.machine = Machine("acceptor", sink=self._sink, each_pdu=shared.mutation.pdu, most=DATA_MOST)
        self._reader, self._writer = reader, writer
        self._observer = observer
        self._began = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._talk: _Conversation | None = None
        self._window = 1
        self._waiting: deque[MessageReceived] = deque()
        self._active: dict[int, asyncio.Task[None]] = {}
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._writing = asyncio.Lock()
        self._deadline = 0.0
        self._artim = 0
        self._progress = 0
        self._timeout: asyncio.Timeout | None = None

    # --- the transport connection ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the transport connection is closed by either side."""
        self.machine.opened()
        self._rewind()
        try:
            while not self.machine.closing:
                await self._room.wait()
                octets = await self._read()
                if octets is None:
                    self._expired()
                elif not octets:
                    self._event("requestor", "close")
                    self._told(self.machine.closed())
                    break
                else:
                    self._came(octets)
                await self._flush()
        except (OSError, TimeoutError) as error:
            self._event("requestor", "reset", str(error))
            self._cut()
        except asyncio.CancelledError:  # the door closes
            self._cut()
            raise
        finally:
            self._end()
            await self._closed()

    async def _read(self) -> bytes | None:
        """What came, b"" at the end, None when the timer that runs has run out."""
        try:
            async with asyncio.timeout_at(self._deadline or None) as self._timeout:
                return await self._reader.read(PIECE)
        except TimeoutError:
            return None
        finally:
            self._timeout = None

    def _rewind(self) -> None:
        """Set the deadline of the timer that is to run now: ARTIM, else silence, else none while we are busy."""
        terms, now = self.shared.terms, self._loop.time()
        if self.machine.artim:
            if self.machine.artim != self._artim:
                self._deadline = now + terms.artim
        elif self._active or self._answers:
            self._deadline = 0.0 if not self._answers else now + terms.response + terms.idle
        else:
            self._deadline = now + terms.idle
        self._artim = self.machine.artim
        self._progress = 0
        if self._timeout is not None:
            with contextlib.suppress(RuntimeError):  # it is being left this moment
                self._timeout.reschedule(self._deadline or None)

    def _expired(self) -> None:
        self._event("requestor", "timeout")
        if self.machine.artim:
            self.machine.artim_expired()
        else:
            self._abort()
        self._rewind()

    def _came(self, octets: bytes) -> None:
        if self._observer is not None:
            self._observer.heard("requestor", octets, self._ms)
        told = self.machine.receive(octets)
        self._progress += len(octets)
        self._told(told)
        if told or self._progress >= EARNS or self.machine.artim != self._artim:
            self._rewind()

    async def _flush(self) -> None:
        """Send all that is to be sent, and close when nothing more may follow."""
        async with self._writing:
            while pieces := self.machine.pieces_to_send():
                self._writer.writelines(pieces)
                if self._observer is not None:
                    self._observer.heard("acceptor", b"".join(pieces), self._ms)
                async with asyncio.timeout(self.shared.terms.write):
                    await self._writer.drain()
        if self.machine.artim != self._artim:
            self._rewind()

    def _end(self) -> None:
        self.over = True
        self.machine.closed()
        for future in self._answers.values():
            if not future.done():
                future.set_exception(Gone("the association is over"))
        for received in self._waiting:
            if received.sink is not None:
                received.sink.discard()
        self._waiting.clear()
        self._room.set()
        if self._talk is not None:
            self.shared.services.left(self._talk)
        self.shared.standing.discard(self)
        self._event("acceptor", "close")
        self._writer.close()

    async def _closed(self) -> None:
        """Wait until the connection is closed, which happens when the peer took what was still to be sent."""
        try:
            async with asyncio.timeout(self.shared.terms.write):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._cut()

    def _cut(self) -> None:
        """Break the transport connection off: what was not sent yet will never be."""
        self.over = True
        with contextlib.suppress(OSError):  # it is closed already
            reset(self._writer)

    # --- what the machine tells ------------------------------------------------------------------------------------

    def _told(self, indications: Iterable[Indication]) -> None:
        for one in indications:
            if isinstance(one, MessageReceived):
                self._message(one)
            elif isinstance(one, AssociateRequested):
                with contextlib.suppress(Misuse):  # what came right after it ended the association already
                    self._asked(one)
            elif isinstance(one, ReleaseRequested):
                self.over = True
                with contextlib.suppress(Misuse):
                    self.machine.answer_release()
            elif isinstance(one, Aborted):
                self.over = True
                LOG.info("aborted by %s %s", one.by, one.why)

    def _asked(self, indication: AssociateRequested) -> None:
        offer, shared = indication.offer, self.shared
        full = len(shared.standing) >= shared.terms.associations
        answer = LIMIT_EXCEEDED if full else negotiate(offer, shared.policy)
        if isinstance(answer, Rejection):
            self.machine.reject(answer)
            return
        self.machine.accept(answer)
        self.calling = ae_title(offer.calling)
        self.extended = {one.uid: one.information for one in answer.extended}
        self._window = min(answer.window.invoked or WINDOW, WINDOW) if answer.window else 1
        shared.standing.add(self)
        self._talk = _Conversation(self)
        shared.services.joined(self._talk)

    def _sink(self, message: Message) -> Any:
        if self._talk is None or message.context not in self.machine.contexts:
            return None
        return self.shared.services.sink(message, self._talk)

    def _message(self, received: MessageReceived) -> None:
        message = received.message
        if message.cancel:
            if message.responded in self._active:
                self.cancels.add(message.responded)
        elif message.response:
            future = self._answers.get(message.responded)
            if future is not None and not future.done():
                future.set_result(message)
        elif message.request and message.id >= 0:
            self._waiting.append(received)
            self._begin()
        else:
            self._abort()  # no command that could be answered

    def _abort(self) -> None:
        self.over = True
        with contextlib.suppress(Misuse):
            self.machine.abort(Abort())

    # --- operations ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Start what may run; while something has to wait, nothing more is read."""
        while self._waiting and len(self._active) < self._window and not self.over:
            received = self._waiting.popleft()
            id = received.message.id
            if id in self._active:
                self._say(response(received.message, DUPLICATE_INVOCATION))
                continue
            self._active[id] = asyncio.create_task(self._operate(received))
        held = sum(len(received.message.data or b"") for received in self._waiting)
        if len(self._waiting) < WINDOW and held <= DATA_MOST:
            self._room.set()
        else:
            self._room.clear()

    def _say(self, message: Message) -> None:
        with contextlib.suppress(Misuse):
            self.machine.send(message)

    async def _operate(self, received: MessageReceived) -> None:
        request = received.message
        try:
            talk = _Conversation(self, request)
            await self._answered(received, talk)
            for errand in talk.errands:
                await self._in_thread(self.shared.quick, errand)
        except TimeoutError:
            LOG.info("the peer does not take what it asked for")
            self._cut()
        except (Gone, OSError) as end:
            LOG.info("%s was not answered in full: %s", request.name, end)
        except Exception:
            LOG.exception("%s could not be answered", request.name)
            self._cut()
        finally:
            if received.sink is not None:
                received.sink.discard()
            self._active.pop(request.id, None)
            self.cancels.discard(request.id)
            self._begin()
            self._rewind()

    async def _answered(self, received: MessageReceived, talk: _Conversation) -> None:
        request, shared = received.message, self.shared
        answers = self._responses(received, talk)
        if self._at_once(request):
            await self._carry(list(answers), request)
            return
        executor = shared.slow if request.field in _STEPWISE else shared.quick
        most = 1 if request.field in _STEPWISE else BATCH
        done = False
        try:
            while not done:
                some, done = await self._in_thread(executor, _pull, answers, most)
                await self._carry(some, request)
        finally:
            if not done:
                await self._in_thread(executor, _close, answers)

    async def _in_thread(self, executor: Executor, act: Callable[..., Result], *arguments: object) -> Result:
        """What the function gives back; Gone when the door closes."""
        try:
            return await self._loop.run_in_executor(executor, act, *arguments)
        except RuntimeError:
            if self.over:
                raise Gone("the door is closed") from None
            raise

    def _at_once(self, request: Message) -> bool:
        """Whether the answer takes no time, so that no thread is needed."""
        return self.machine.contexts[request.context].abstract == VERIFICATION and self.shared.mutation.door is None

    def _responses(self, received: MessageReceived, talk: _Conversation) -> Iterator[Message]:
        services, door = self.shared.services, self.shared.mutation.door
        if door is None:
            return services.answer(received.message, talk, received.sink)

        def through() -> Iterator[Message]:
            # without the sink: the service copies what came, so that a mutant may ask as often as it likes
            yield from door(received.message, lambda request: services.answer(request, talk))

        # begun in the thread that asks for the first response: a mutant may wait for all that the service says
        return through()

    async def _carry(self, messages: Iterable[Message], asked: Message | None) -> None:
        """Send messages, changed where a mutant wants it; Gone when the association is over."""
        mutate = self.shared.mutation.message
        for message in messages:
            changed = mutate(message, asked) if mutate is not None else None
            for one in [message] if changed is None else [changed] if isinstance(changed, Message) else changed:
                try:
                    self.machine.send(one)
                except Misuse:
                    raise Gone("the association is over") from None
        await self._flush()

    def perform(self, request: Message) -> Message:
        """From a worker thread: ask the requestor and wait for its response."""
        try:
            asked = asyncio.run_coroutine_threadsafe(self._ask(request), self._loop)
        except RuntimeError:
            raise Gone("the door is closed") from None
        try:
            return asked.result(self.shared.terms.response + self.shared.terms.write)
        except TimeoutError:
            raise Gone("no response came in time") from None
        except (asyncio.CancelledError, OSError) as error:
            raise Gone(f"the association is over ({error})") from None

    async def _ask(self, request: Message) -> Message:
        if self.over:
            raise Gone("the association is over")
        future: asyncio.Future[Message] = self._loop.create_future()
        self._answers[request.id] = future
        self._rewind()
        try:
            await self._carry([request], None)
            async with asyncio.timeout(self.shared.terms.response):
                return await future
        except TimeoutError:
            self._abort()
            await self._flush()
            raise Gone("no response came in time") from None
        finally:
            self._answers.pop(request.id, None)
            self._rewind()

    # --- taking down -----------------------------------------------------------------------------------------------

    @property
    def _ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    def _event(self, side: Side, what: What, detail: str = "") -> None:
        if self._observer is not None:
            self._observer.event(side, what, self._ms, detail)


def _pull(answers: Iterator[Message], most: int) -> tuple[list[Message], bool]:
    """The next answers, and whether they were the last."""
    batch: list[Message] = []
    until = time.monotonic() + HASTE
    for message in answers:
        batch.append(message)
        if len(batch) >= most or time.monotonic() > until:
            return batch, False
    return batch, True


def _close(answers: Iterator[Message]) -> None:
    close = getattr(answers, "close", None)
    if close is not None:
        close()
