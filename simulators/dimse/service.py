"""Knows all services of the door: which are offered, on what terms, and who answers a request.

Must not know sockets or how messages are carried.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from harness.upper_layer.indications import Sink
from harness.upper_layer.message import FIELDS, Message
from harness.upper_layer.negotiate import Policy
from harness.upper_layer.offer import Extended, Identity, Offer, Role, Window, propose
from harness.wire.sop import UPS_EVENT
from simulators.archive.archive import Archive
from simulators.archive.check import STORAGE_CLASSES
from simulators.dimse import nonpatient, query, retrieve, steps, storage, workitems, worklist
from simulators.dimse.commitment import COMMITMENT, CommitmentProvider, Report
from simulators.dimse.errands import Errands, Witness
from simulators.dimse.information import MODELS
from simulators.dimse.link import Mutate, Patience, Peer
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
from simulators.dimse.workitem_events import Post
from simulators.model.names import SYNTAXES

LOG = logging.getLogger(__name__)
VERIFICATION: Final = "1.2.840.10008.1.1"
WINDOW: Final = 16  # operations that one association may have outstanding
RETRIES: Final = (1.0, 5.0, 30.0, 120.0)  # seconds after which a report is tried again
_PERFORMED_HERE = {VERIFICATION: ("C-ECHO-RQ",), COMMITMENT: ("N-ACTION-RQ",), worklist.WORKLIST: ("C-FIND-RQ",),
                   steps.STEP: ("N-CREATE-RQ", "N-SET-RQ"), steps.RETRIEVE: ("N-GET-RQ",),
                   steps.NOTIFICATION: (), **workitems.OPERATIONS}  # fmt: skip
_OPERATIONS: Final = {
    **_PERFORMED_HERE,
    **{uid: (f"C-{model.verb.upper()}-RQ",) for uid, model in MODELS.items()},
    **dict.fromkeys(nonpatient.FIND, ("C-FIND-RQ",)),
    **dict.fromkeys(nonpatient.MOVE, ("C-MOVE-RQ",)),
    **dict.fromkeys(nonpatient.GET, ("C-GET-RQ",)),
    **dict.fromkeys(STORAGE_CLASSES, ("C-STORE-RQ",)),
}
Answer = Callable[[Message, Talk], Answers]


class Services:
    """The services over one archive, under one AE title. Close it: reports may still be under way.

    `peers` are the AEs that are known by title: destinations of C-MOVE, and where reports go. `witness` takes down what
    is said on associations that reports go on, `mutate` is a defect in it.
    """

    def __init__(self, archive: Archive, title: str, peers: Mapping[str, Peer] | None = None,
                 patience: Patience | None = None, retries: tuple[float, ...] = RETRIES,
                 witness: Witness | None = None, mutate: Mutate | None = None) -> None:  # fmt: skip
        self.title = title
        self.peers = dict(peers or {})
        self.worklist, self.steps = archive.worklist, archive.steps
        self._archive = archive
        self._patience = patience or Patience()
        self._retries = retries
        self._storage = Storage(archive)
        self._errands = Errands(self._patience, witness, mutate)
        self._listeners: set[Talk] = set()
        self._lock = threading.RLock()
        self._carrier: Post | None = None
        self._handlers = self._made()
        self._unheard = self.steps.listen(self._notify)
        if (archive.folder / "workitems").exists():  # who was subscribed before a restart is told of it
            self._post()

    def close(self) -> None:
        """Give up what is still to be reported."""
        self._unheard()
        self._errands.close()
        if self._carrier is not None:
            self._carrier.close()

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
        if speaks(talk, steps.NOTIFICATION):
            with self._lock:
                self._listeners.add(talk)
        if speaks(talk, UPS_EVENT):
            self._post().joined(talk)

    def left(self, talk: Talk) -> None:
        """An association is over."""
        with self._lock:
            self._listeners.discard(talk)
            post = self._carrier
        if post is not None:
            post.left(talk)

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
        if request.sop_class != workitems.named_class(agreed.abstract, request.name) or not agreed.scu:
            status = CLASS_NOT_SUPPORTED if request.name.startswith("C-") else NO_SUCH_CLASS
            return response(request, status, **failure(status, "not the SOP Class, or the role, of the context"))
        if request.name not in _OPERATIONS[agreed.abstract]:
            return response(request, UNRECOGNIZED_OPERATION)
        return None

    def _made(self) -> dict[str, Answer]:
        provider = steps.StepProvider(self.steps)
        commitment = CommitmentProvider(self._archive.commitments, self._deliver)
        destinations = Destinations(self.peers, self._patience)
        ups = workitems.WorkitemProvider(lambda: self._archive.workitems, lambda title: self._post().reaches(title))
        verbs: dict[str, Answer] = {
            "find": partial(query.find, self._archive),
            "get": partial(retrieve.get, self._archive),
            "move": partial(move, self._archive, destinations),
        }
        return {
            **dict.fromkeys(STORAGE_CLASSES, self._storage.store),
            **{uid: verbs[model.verb] for uid, model in MODELS.items()},
            **dict.fromkeys(nonpatient.FIND, self._find_non_patient),
            **dict.fromkeys(nonpatient.MOVE, verbs["move"]),
            **dict.fromkeys(nonpatient.GET, verbs["get"]),
            **dict.fromkeys((steps.STEP, steps.RETRIEVE), provider.answer),
            VERIFICATION: storage.echo,
            worklist.WORKLIST: partial(worklist.find, self.worklist),
            COMMITMENT: commitment.answer,
            **dict.fromkeys(workitems.OPERATIONS, ups.answer),
        }

    def _find_non_patient(self, request: Message, talk: Talk) -> Answers:
        return nonpatient.find(self._archive.nonpatient, request, talk)

    # --- what is said without being asked ---------------------------------------------------------------------------

    def _post(self) -> Post:
        """What carries events on workitems; made when somebody has to do with them for the first time."""
        with self._lock:
            if self._carrier is None:
                self._carrier = Post(self._archive.workitems, self.title, self.peers, self._errands, self._retries)
            return self._carrier

    def _notify(self, instance: str, before: str, after: str) -> None:
        """Tell everybody who listens of a change of a performed procedure step, through whichever door it came."""
        event = steps.event_type(before, after)
        with self._lock:
            listeners = list(self._listeners)
        for talk in listeners:
            self._errands.do(partial(_tell, talk, instance, event))

    def _deliver(self, report: Report, talk: Talk) -> None:
        self._errands.do(partial(self._report, report, talk))

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
            self._errands.later(pauses[0], partial(self._attempt, report, peer, called, pauses[1:]))
        else:
            LOG.warning("transaction %s is not reported: %s never took it", report.transaction, called)

    def _reported_anew(self, report: Report, peer: Peer, called: str) -> bool:
        offer = Offer(
            propose([(COMMITMENT, (EXPLICIT_LE, IMPLICIT_LE))]), called=called, calling=report.title,
            roles=(Role(COMMITMENT, 0, 1),),
        )  # fmt: skip
        try:
            with self._errands.calling(peer, offer) as link:
                granted = {id: context for id, context in link.contexts.items() if context.scp}
                return _reported(report, granted, link.next_id, link.perform)
        except Gone as gone:
            LOG.info("transaction %s was not reported: %s", report.transaction, gone)
            return False


def speaks(talk: Talk, abstract: str) -> bool:
    """Whether an association has a context of this abstract syntax."""
    return any(context.abstract == abstract for context in talk.contexts.values())


def extended(asked: Extended) -> Extended | None:
    """The answer to an extended negotiation: what was asked for and is had here (PS3.4 C.5, K.5.1, CC.3.2, B.3.1)."""
    offered = asked.information
    if asked.uid in STORAGE_CLASSES:
        return Extended(asked.uid, b"\2\0\0\0\0\0")  # level 2, nothing said of signatures, nothing is coerced
    if asked.uid == worklist.WORKLIST or "C-FIND-RQ" in workitems.OPERATIONS.get(asked.uid, ()):
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
