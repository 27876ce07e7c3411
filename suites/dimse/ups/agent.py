"""Knows how a probe speaks of workitems on an association: each operation on a context that has it, by the Push class.

Must not know what is judged about the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset

from harness.make.uids import uid
from harness.talk.dialogue import Associated, Dimse, Reply
from harness.talk.identifiers import encoded
from harness.upper_layer import message as messages
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Agreed
from harness.wire.sop import UPS_PULL, UPS_PUSH, UPS_QUERY, UPS_WATCH
from suites.dimse.ups import making, table
from suites.dimse.ups.table import CANCEL, CHANGE, IN_PROGRESS, SCHEDULED

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
CLASSES = (UPS_PUSH, UPS_PULL, UPS_WATCH, UPS_QUERY)
READ = (UPS_PULL, UPS_WATCH, UPS_PUSH)  # classes with N-GET


class Items:
    """Makes UIDs and data sets of one probe, the same for the same run."""

    def __init__(self, dimse: Dimse) -> None:
        self._words = (dimse.session.seed, dimse.nonce, dimse.probe)
        self.label = f"{dimse.nonce}{sum(map(ord, dimse.probe)) % 97:02d}"[-10:]
        self.count = 0

    def next(self) -> str:
        self.count += 1
        return uid(*self._words, "workitem", self.count)

    def created(self, **changes: Any) -> Dataset:
        """The attributes of the workitem that `next` named last."""
        return making.created(self.label, self.count, uid(*self._words, "study", self.count), **changes)

    def transaction(self, word: object = "") -> str:
        """A Transaction UID for the workitem that `next` named last."""
        return uid(*self._words, "transaction", self.count, word)


class Agent:
    """One association on which workitems are spoken of; Reply(None) where no context for it was accepted."""

    def __init__(self, a: Associated) -> None:
        self.a = a

    def create(self, name: str, attributes: Dataset) -> Reply:
        return self._ask([UPS_PUSH], attributes, lambda c, n, d: messages.n_create_rq(c.id, n, UPS_PUSH, name, d))

    def set(self, name: str, modifications: Dataset) -> Reply:
        return self._ask([UPS_PULL], modifications, lambda c, n, d: messages.n_set_rq(c.id, n, UPS_PUSH, name, d))

    def get(self, name: str, tags: Iterable[int] = (), on: Iterable[str] = READ) -> Reply:
        return self._ask(on, None, lambda c, n, d: messages.n_get_rq(c.id, n, UPS_PUSH, name, tuple(tags)))

    def change(self, name: str, state: str, transaction: str | None) -> Reply:
        return self.act(name, CHANGE, making.state(state, transaction), [UPS_PULL])

    def cancel(self, name: str, information: Dataset | None = None) -> Reply:
        return self.act(name, CANCEL, information or making.cancellation(), [UPS_WATCH, UPS_PUSH])

    def act(self, name: str, type_: int, information: Dataset, on: Iterable[str] = (UPS_WATCH,)) -> Reply:
        return self._ask(on, information, lambda c, n, d: messages.n_action_rq(c.id, n, UPS_PUSH, name, type_, d))

    def find(self, keys: Mapping[str, str], returned: Iterable[str] = (), on: str = "",
             cancel_after: int | None = None) -> Reply:  # fmt: skip
        sop_class = on or next((c for c in (UPS_PULL, UPS_QUERY, UPS_WATCH) if self.a.accepts(c)), UPS_PULL)
        identifier = making.query(keys, returned)
        return self._ask([sop_class], identifier, lambda c, n, d: messages.find_rq(c.id, n, sop_class, d), cancel_after)

    def claim_soon(self, name: str, transaction: str) -> Message | None:
        """Ask for a claim and do not wait; what was asked, None without a context for it."""
        context = self.a.accepts(UPS_PULL)
        if context is None:
            return None
        data = encoded(making.claim(transaction), context.transfer)
        request = messages.n_action_rq(context.id, self.a.next_id(), UPS_PUSH, name, CHANGE, data)
        return request if self.a.send(request) else None

    def _ask(self, classes: Iterable[str], data: Dataset | None,
             build: Callable[[Agreed, int, Any], Message], cancel_after: int | None = None) -> Reply:  # fmt: skip
        context = next((c for c in map(self.a.accepts, classes) if c is not None), None)
        if context is None:
            return Reply(None)
        content = None if data is None else encoded(data, context.transfer)
        return self.a.ask(build(context, self.a.next_id(), content), cancel_after)

    def bring(self, name: str, items: Items, state: str) -> None:
        """Create a workitem, and have it in this state."""
        lock = items.transaction()
        self.create(name, items.created())
        if state != SCHEDULED:
            self.change(name, IN_PROGRESS, lock)
        if state in table.FINAL:
            self.set(name, making.ENDINGS[state](lock))
            self.change(name, state, lock)


@contextmanager
def agency(dimse: Dimse, step: str = "workitems", classes: Iterable[str] = CLASSES, syntax: str = "",
           **facts: Any) -> Iterator[Agent | None]:  # fmt: skip
    """An association for workitems that nobody else knows, None when the target takes none of the classes."""
    syntaxes = (syntax,) if syntax else (EXPLICIT, IMPLICIT)
    told = {"alone": True, **facts}
    with dimse.associate([(uid, syntaxes) for uid in classes], step=step, facts=told) as a:
        yield Agent(a) if any(a.accepts(uid) for uid in (UPS_PUSH, UPS_PULL)) else None
