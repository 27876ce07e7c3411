"""An association that a state machine speaks on, and the judgement of all that was said there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.association import Association
from harness.blobs import Blobs
from harness.body import Body
from harness.entity import Entity
from harness.judge import Judge
from harness.rule import CATALOGUE
from harness.talk.dimse import Dial, Limits, Serve, agree_to_all
from harness.talk.identifiers import encoded
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Agreed, Offer, Role, propose

EXPLICIT = "1.2.840.10008.1.2.1"
EVERYBODY = frozenset({"requestor", "acceptor"})


class User:
    """Associates when it has to, keeps what was said, and has it judged by the rules of one service."""

    def __init__(
        self,
        entity: Entity,
        folder: Path,
        classes: Iterable[str],
        serve: Serve = agree_to_all,
        roles: Sequence[Role] = (),
        title: str = "MACHINE",
    ) -> None:
        self._entity = entity
        self._title = title
        self._blobs = Blobs(folder / "blobs")
        self._classes = tuple(classes)
        self._serve = serve
        self._roles = tuple(roles)
        self.dial: Dial | None = None
        self.kept: list[Association] = []
        self.facts: dict[str, Any] = {}

    def associate(self, facts: Mapping[str, Any]) -> Dial:
        """A new association; the facts are known before anything is said on it."""
        self.leave()
        self.facts = dict(facts)
        contexts = propose([(uid, [EXPLICIT]) for uid in self._classes])
        offer = Offer(contexts, self._entity.title, self._title, roles=self._roles)
        self.dial = Dial(self._entity, self._blobs, offer, Limits(deadline=10.0), serve=self._serve)
        assert self.dial.open, self.dial.ended
        return self.dial

    def ask(self, sop_class: str, build: Callable[[Agreed, int], Message]) -> Message:
        """The one response to a request on the context of this class."""
        (answer,) = self.answers(sop_class, build)
        return answer

    def answers(self, sop_class: str, build: Callable[[Agreed, int], Message]) -> Iterator[Message]:
        """The responses to a request on the context of this class, which is sent at once, as they come."""
        assert self.dial is not None
        context = self.dial.context(sop_class)
        assert context is not None
        request = build(context, self.dial.next_id())
        assert self.dial.send(request), self.dial.ended
        return self.dial.answers(request)

    def leave(self) -> None:
        """Release, and keep the evidence."""
        if self.dial is None:
            return
        self.dial.release()
        told = self.dial.finish(facts=self.facts).but(seq=len(self.kept) + 1)
        self.kept.append(told.but(requestor=_held(told.requestor), acceptor=_held(told.acceptor)))
        self.dial = None

    def red(self, prefix: str, sides: frozenset[str]) -> dict[str, Any]:
        """The rules of a service that found something in what these sides said."""
        errors: list[str] = []
        chosen = [r for r in CATALOGUE.rules.values() if r.id.startswith(prefix)]
        judge = Judge(CATALOGUE, rules=chosen, on_error=lambda rule, text: errors.append(text))
        for a in self.kept:
            judge.see(a.but(judged=sides))
        found = {v.rule: v.findings for v in judge.finish() if v.findings}
        assert not errors
        return found


def _held(body: Body) -> Body:
    return Body.of(body.bytes())


def octets(content: Any) -> bytes:
    """A data set in the transfer syntax of these associations."""
    found = encoded(content, EXPLICIT)
    assert isinstance(found, bytes)
    return found
