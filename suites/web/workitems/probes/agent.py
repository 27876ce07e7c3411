"""Knows how a probe acts on workitems: makes, claims, changes and ends them, in the form that the product takes.

Must not judge.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.body import EMPTY
from harness.exchange import Exchange
from harness.make.uids import uid
from harness.talk.conversation import JSON, Web
from suites.web.workitems import making, reading
from suites.web.workitems.making import COMPLETED, IN_PROGRESS, DataSet

THERE, CREATE_FORM, UPDATE_FORM = "workitems.there", "workitems.create", "workitems.update"
NO_SERVICE = (404, 405, 501)


def there(web: Web) -> bool:
    """Whether the product has the service: one search, once a run. What refuses it otherwise has it.

    A worklist that is empty may be taken for one that is not there, wrongly; what creates workitems has it too.
    """
    shared = web.session.shared
    if THERE not in shared:
        status = web.get("workitems?limit=1").answer.status
        shared[THERE] = status not in NO_SERVICE or (status == 404 and bool(Agent(web, "there").create(form="bare")))
        if not shared[THERE]:
            web.session.note("skipped", f"the Worklist service: a search for workitems was answered {status}")
    return bool(shared[THERE])


class Agent:
    """A user agent of the Worklist service. Its workitems carry a label of their own each, and one worklist label.

    Each method asks once; `about` goes to the exchange.
    """

    def __init__(self, web: Web, *words: object, beside: Agent | None = None) -> None:
        self.web = web
        self.words: tuple[object, ...] = beside.words if beside else (web.session.seed, web.nonce, web.probe, *words)
        self.worklist = f"W{uid(*self.words)[-12:]}"
        self._count: Iterator[int] = beside._count if beside else itertools.count(1)

    def next(self, *words: object) -> str:
        """A UID that nothing has."""
        return uid(*self.words, "next", next(self._count), *words)

    def item(self, **changes: Any) -> DataSet:
        return making.workitem(f"{self.worklist}-{next(self._count)}", self.worklist, **changes)

    def post(self, path: str, dataset: DataSet | bytes | None, method: str = "POST", **about: Any) -> Exchange:
        """A data set in the form that the product takes, octets as they are, or no payload."""
        if dataset is None:
            return self.web.ask(method, path, JSON, (), EMPTY, **about)
        array = self.web.session.shared.get(CREATE_FORM) != "object"
        body = dataset if isinstance(dataset, bytes) else making.as_json(dataset, array)
        return self.web.ask(method, path, JSON, [("Content-Type", JSON)], body, **about)

    def post_xml(self, path: str, dataset: DataSet, method: str = "POST", **about: Any) -> Exchange:
        message = making.as_xml(dataset)
        return self.web.ask(method, path, JSON, [("Content-Type", message.content_type)], message.body, **about)

    def create(self, dataset: DataSet | None = None, name: str = "", **about: Any) -> str:
        """The UID of a workitem that was asked to be created; '' when it was not."""
        name = name or self.next()
        x = self.creating(dataset if dataset is not None else self.item(), name, **about)
        return (reading.located(x) or name) if x.answer.ok else ""

    def creating(self, dataset: DataSet, name: str, form: str = "", **about: Any) -> Exchange:
        """Create under this UID, in a form of D-11: in the query, bare or as a value, or in the data set."""
        form = form or self.web.session.shared.get(CREATE_FORM, "bare")
        facts = {"fresh": True, **about.pop("facts", {})}
        if form == "inside":
            named = {**dataset, reading.INSTANCE: making.element(reading.INSTANCE, name)}
            return self.post("workitems", _sorted(named), facts=facts, **about)
        target = f"workitems?workitem={name}" if form == "named" else f"workitems?{name}"
        body: DataSet | bytes = making.as_json(dataset, array=False) if form == "object" else dataset
        return self.post(target, body, facts=facts, **about)

    def get(self, name: str, accept: str | None = JSON, **about: Any) -> Exchange:
        return self.web.get(f"workitems/{name}", accept, [("Cache-Control", "no-cache")], **about)

    def state(self, name: str, state: str | None, lock: str | None, **about: Any) -> Exchange:
        return self.post(f"workitems/{name}/state", making.change(state, lock), "PUT", **about)

    def claim(self, name: str, lock: str = "", **about: Any) -> str:
        """The Transaction UID under which it was claimed."""
        lock = lock or self.next("lock")
        self.state(name, IN_PROGRESS, lock, **about)
        return lock

    def update(self, name: str, dataset: DataSet, lock: str | None, form: str = "", **about: Any) -> Exchange:
        """Update, with the Transaction UID in the data set, in the query, bare or as a value, or in both (D-11)."""
        form = form or self.web.session.shared.get(UPDATE_FORM, "both")
        inside = {**dataset, making.LOCK: making.element(making.LOCK, lock)} if lock else dataset
        bare = f"workitems/{name}?{lock}" if lock else f"workitems/{name}"
        target = {"inside": f"workitems/{name}", "named": f"workitems/{name}?transaction-uid={lock}"}.get(form, bare)
        return self.post(target if lock else f"workitems/{name}",
                         _sorted(inside if form in ("inside", "both") else dataset), **about)  # fmt: skip

    def cancel(self, name: str, dataset: DataSet | None = None, **about: Any) -> Exchange:
        return self.post(f"workitems/{name}/cancelrequest", dataset, **about)

    def finish(self, name: str, lock: str, state: str = COMPLETED, **about: Any) -> Exchange:
        """Set what the final state asks for, and end it."""
        self.update(name, making.performed() if state == COMPLETED else making.abandoned(), lock, **about)
        return self.state(name, state, lock, **about)

    def search(self, *keys: tuple[str, str], accept: str = JSON, **about: Any) -> Exchange:
        """Among the agent's own workitems."""
        scope = [] if any(name == "WorklistLabel" for name, _ in keys) else [("WorklistLabel", self.worklist)]
        return self.web.search("workitems", [*keys, *scope], accept, **about)

    def subscribe(self, name: str, title: str, query: str = "", **about: Any) -> Exchange:
        path = f"workitems/{name}/subscribers/{title}"
        return self.post(f"{path}?{query}" if query else path, None, **about)

    def unsubscribe(self, name: str, title: str, **about: Any) -> Exchange:
        return self.web.ask("DELETE", f"workitems/{name}/subscribers/{title}", JSON, **about)

    def suspend(self, name: str, title: str, **about: Any) -> Exchange:
        return self.post(f"workitems/{name}/subscribers/{title}/suspend", None, **about)

    def title(self, *words: object) -> str:
        """An AE title that is in no other run."""
        return f"PROOF{uid(*self.words, 'title', next(self._count), *words)[-9:]}"


def _sorted(dataset: DataSet) -> DataSet:
    return dict(sorted(dataset.items()))


@contextmanager
def telling(web: Web, kind: str, *words: object) -> Iterator[Agent | None]:
    """A journey of this kind with an agent, None where the product has no such service or makes no workitems."""
    if not there(web):
        yield None
        return
    settle(web)
    with web.journey(kind):
        yield Agent(web, *words)


def settle(web: Web) -> None:
    """Find out once in which form the product takes workitems and their updates."""
    shared = web.session.shared
    if CREATE_FORM in shared:
        return
    agent = Agent(web, "forms")
    shared[CREATE_FORM] = "bare"
    name = agent.next()
    for form in ("bare", "named", "inside", "object"):
        x = agent.creating(agent.item(), name, form)
        if x.answer.ok and reading.located(x) in ("", name):
            shared[CREATE_FORM] = form
            break
    lock = agent.claim(name)
    shared[UPDATE_FORM] = _update_form(agent, name, lock)
    agent.finish(name, lock)


def _update_form(agent: Agent, name: str, lock: str) -> str:
    forms: Sequence[str] = ("both", "inside", "bare", "named")
    for form in forms:
        if agent.update(name, making.progress("1", form), lock, form).answer.ok:
            return form
    return forms[0]
