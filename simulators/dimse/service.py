"""Knows all services of the door: which are offered, on what terms, and who answers a request.

Must not know sockets or how messages are carried.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final

from harness.upper_layer.indications import Sink
from harness.upper_layer.message import FIELDS, Message
from harness.upper_layer.negotiate import Policy
from harness.upper_layer.offer import Extended, Identity, Offer, Role, Window, propose
from simulators.archive.archive import Archive
from simulators.archive.check import STORAGE_CLASSES
from simulators.dimse import query, retrieve, steps, storage, worklist
from simulators.dimse.commitment import COMMITMENT, CommitmentProvider, Report
from simulators.dimse.information import MODELS
from simulators.dimse.link import Link, Patience, Peer
from simulators.dimse.move import Destinations, move
from simulators.dimse.storage import Arrival, Storage
from simulators.dimse.syntax import EXPLICIT_LE, IMPLICIT_LE, NATIVE
from simulators.dimse.talk import (
    CLASS_NOT_SUPPORTED,
    NO_SUCH_CLASS,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    Answers,
    Gone,
    Talk,
    failure,
    response,
)
from simulators.model.names import SYNTAXES

LOG = logging.getLogger(__name__)
VERIFICATION: Final = "1.2.840.10008.1.1"
WINDOW: Final = 16  # operations that one association may have outstanding
ERRANDS: Final = 32  # reports and notifications that are under way at once
RETRIES: Final = (1.0, 5.0, 30.0, 120.0)  # seconds after which a report is tried again
_PERFORMED_HERE = {VERIFICATION: ("C-ECHO-RQ",), COMMITMENT: ("N-ACTION-RQ",), worklist.WORKLIST: ("C-FIND-RQ",),
                   steps.STEP: ("N-CREATE-RQ", "N-SET-RQ"), steps.RETRIEVE: ("N-GET-RQ",),
                   steps.NOTIFICATION: ()}  # fmt: skip
_OPERATIONS: Final = {
    **_PERFORMED_HERE,
    **{uid: (f"C-{model.verb.upper()}-RQ",) for uid, model in MODELS.items()},
    **dict.fromkeys(STORAGE_CLASSES, ("C-STORE-RQ",)),
}
Answer = Callable[[Message, Talk], Answers]


class Services:
    """The services over one archive, under one AE title. Close it: reports may still be under way.

    `peers` are the AEs that are known by title: destinations of C-MOVE, and where reports go.
    """

    def __init__(self, archive: Archive, title: str, peers: Mapping[str, Peer] | None = None,
                 patience: Patience | None = None, retries: tuple[float, ...] = RETRIES) -> None:  # fmt: skip
        self.title = title
        self.peers = dict(peers or {})
        self.worklist, self.steps = archive.worklist, archive.steps
        self._archive = archive
        self._patience = patience or Patience()
        self._retries = retries
        self._storage = Storage(archive)
        self._stopped = threading.Event()
        self._errands = ThreadPoolExecutor(ERRANDS, thread_name_prefix="errand")
        self._listeners: set[Talk] = set()
        self._timers: set[threading.Timer] = set()
        self._lock = threading.Lock()
        self._handlers = self._made()

    def close(self) -> None:
        """Give up what is still to be reported."""
        with self._lock:
            self._stopped.set()
            for timer in self._timers:
                timer.cancel()
        self._errands.shutdown(wait=True, cancel_futures=True)

    def policy(self, strict: bool = True) -> Policy:
        """What is accepted of an offer; when `strict` only our own AE title is answered to."""
        supports: dict[str, tuple[str, ...]] = dict.fromkeys(_OPERATIONS, NATIVE)
        every = tuple(sorted(SYNTAXES))
        supports |= dict.fromkeys(STORAGE_CLASSES, every)
        return Policy(
            supports=supports,
            called=frozenset((self.title,)) if strict else None,
            roles=dict.fromkeys(STORAGE_CLASSES, (True, True)),  # PS3.4 C.5.3: C-GET needs them the other way round
            window=Window(WINDOW, 1),
            extended=extended,
            identity=identity,
        )

    def joined(self, talk: Talk) -> None:
        """An association stands."""
        if any(context.abstract == steps.NOTIFICATION for context in talk.contexts.values()):
            with self._lock:
                self._listeners.add(talk)

    def left(self, talk: Talk) -> None:
        """An association is over."""
        with self._lock:
            self._listeners.discard(talk)

    def sink(self, request: Message, talk: Talk) -> Sink | None:
        """Who takes the data set of this request as it comes; None: it fits in memory."""
        return self._storage.arrival(request, talk) if request.field == FIELDS["C-STORE-RQ"] else None

    def answer(self, request: Message, talk: Talk, sink: Any = None) -> Answers:
        """The responses to a request, whatever it is; nothing is raised but Gone."""
        try:
            refusal = self._refusal(request, talk)
            if refusal is not None:
                yield refusal
            elif isinstance(sink, Arrival):
                yield self._storage.arrived(sink)
            else:
                yield from self._handlers[talk.contexts[request.context].abstract](request, talk)
        except Gone:
            raise
        except MemoryError:
            yield response(request, OUT_OF_RESOURCES)
        except Exception:  # our own fault: the peer is told, and the association goes on
            LOG.exception("%s failed", request.name)
            yield response(request, PROCESSING_FAILURE, ErrorComment="the simulator failed; its log says why")

    def _refusal(self, request: Message, talk: Talk) -> Message | None:
        """What holds for every service (PS3.7 9.1, 10.1): the class is the context's, the operation is one of it."""
        agreed = talk.contexts[request.context]
        if request.sop_class != agreed.abstract or not agreed.scu:
            status = CLASS_NOT_SUPPORTED if request.name.startswith("C-") else NO_SUCH_CLASS
            return response(request, status, **failure(status, "not the SOP Class, or the role, of the context"))
        if request.name not in _OPERATIONS[agreed.abstract]:
            return response(request, UNRECOGNIZED_OPERATION)
        return None

    def _made(self) -> dict[str, Answer]:
        provider = steps.StepProvider(self.steps, self._notify)
        commitment = CommitmentProvider(self._archive.commitments, self._deliver)
        destinations = Destinations(self.peers, self._patience)
        verbs: dict[str, Answer] = {
            "find": partial(query.find, self._archive),
            "get": partial(retrieve.get, self._archive),
            "move": partial(move, self._archive, destinations),
        }
        return {
            **dict.fromkeys(STORAGE_CLASSES, self._storage.store),
            **{uid: verbs[model.verb] for uid, model in MODELS.items()},
            **dict.fromkeys((steps.STEP, steps.RETRIEVE), provider.answer),
            VERIFICATION: storage.echo,
            worklist.WORKLIST: partial(worklist.find, self.worklist),
            COMMITMENT: commitment.answer,
        }

    # --- what is said without being asked ---------------------------------------------------------------------------

    def _errand(self, errand: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the services were closed
            self._errands.submit(_carefully, errand)

    def _later(self, pause: float, errand: Callable[[], None]) -> None:
        """Without holding a thread of the errands meanwhile: others have their reports to make."""
        timer = threading.Timer(pause, self._errand, (errand,))
        timer.daemon = True
        with self._lock:
            self._timers = {one for one in self._timers if one.is_alive()} | {timer}
            if not self._stopped.is_set():
                timer.start()

    def _notify(self, instance: str, event: int) -> None:
        """Tell everybody who listens of a change of a performed procedure step."""
        with self._lock:
            listeners = list(self._listeners)
        for talk in listeners:
            self._errand(partial(_tell, talk, instance, event))

    def _deliver(self, report: Report, talk: Talk) -> None:
        self._errand(partial(self._report, report, talk))

    def _report(self, report: Report, talk: Talk) -> None:
        """On the same association if it still stands, else on another one, again and again (PS3.4 J.3.3.1.2)."""
        if _reported(report, talk.contexts, talk.next_id, talk.perform):
            return
        peer = self.peers.get(talk.calling)
        if peer is None:
            LOG.warning("nobody knows where %s is, so transaction %s is not reported", talk.calling, report.transaction)
            return
        self._attempt(report, peer, talk.calling, self._retries)

    def _attempt(self, report: Report, peer: Peer, called: str, pauses: tuple[float, ...]) -> None:
        if self._reported_anew(report, peer, called):
            return
        if pauses:
            self._later(pauses[0], partial(self._attempt, report, peer, called, pauses[1:]))
        else:
            LOG.warning("transaction %s is not reported: %s never took it", report.transaction, called)

    def _reported_anew(self, report: Report, peer: Peer, called: str) -> bool:
        offer = Offer(
            propose([(COMMITMENT, (EXPLICIT_LE, IMPLICIT_LE))]), called=called, calling=report.title,
            roles=(Role(COMMITMENT, 0, 1),),
        )  # fmt: skip
        try:
            with Link(peer, offer, self._patience, self._stopped.is_set) as link:
                granted = {id: context for id, context in link.contexts.items() if context.scp}
                return _reported(report, granted, link.next_id, link.perform)
        except Gone as gone:
            LOG.info("transaction %s was not reported: %s", report.transaction, gone)
            return False


def extended(asked: Extended) -> Extended | None:
    """The answer to an extended negotiation: what was asked for and is had here (PS3.4 C.5, K.5.1, B.3.1)."""
    offered = asked.information
    if asked.uid in STORAGE_CLASSES:
        return Extended(asked.uid, b"\2\0\0\0\0\0")  # level 2, nothing said of signatures, nothing is coerced
    if asked.uid == worklist.WORKLIST:
        zone = bytes(byte == 1 for byte in offered[3:4])
        return Extended(asked.uid, b"\1\1\0" + zone) if len(offered) >= 3 else None
    model = MODELS.get(asked.uid)
    if model is None or not offered:
        return None
    had = (True, True, False, True, False) if model.verb == "find" else (True, False)
    return Extended(asked.uid, bytes(byte == 1 and have for byte, have in zip(offered, had, strict=False)))


def identity(asked: Identity) -> bytes | None:
    """User names, with or without a passcode, are all let in; the response to them is empty (PS3.7 D.3.3.7.2)."""
    return b"" if asked.type in (1, 2) else None


def _reported(report: Report, contexts: Mapping[int, Any], next_id: Callable[[], int],
              perform: Callable[[Message], Message]) -> bool:  # fmt: skip
    """Whether somebody took the report on one of these contexts."""
    context = next((c for c in contexts.values() if c.abstract == COMMITMENT), None)
    if context is None:
        return False
    try:
        return perform(report.message(context.id, next_id(), context.transfer)).status == SUCCESS
    except Gone:
        return False


def _tell(talk: Talk, instance: str, event: int) -> None:
    for context in talk.contexts.values():
        if context.abstract == steps.NOTIFICATION:
            talk.perform(steps.event(context.id, talk.next_id(), instance, event))
            return


def _carefully(errand: Callable[[], None]) -> None:
    try:
        errand()
    except Gone:
        pass
    except Exception:
        LOG.exception("an errand failed")
