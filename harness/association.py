"""Knows what was said on one DIMSE association, frozen as evidence: the octets of both sides, when, and how it ended.

Must not know rules, targets, probes or simulators; the octets are read by the strict readers of `harness/wire`.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from harness.body import EMPTY, Body
from harness.exchange import Exchange
from harness.wire import dimse, pdu
from harness.wire.dimse import Message
from harness.wire.pdu import Pdu
from harness.wire.sop import service_of

if TYPE_CHECKING:
    from harness.blobs import Blobs, Spool
    from harness.context import Context

Side = Literal["requestor", "acceptor"]
SIDES: tuple[Side, Side] = ("requestor", "acceptor")
What = Literal[
    "octets",  # so many octets arrived from this side
    "close",  # this side closed the transport connection
    "reset",  # the transport connection broke from this side
    "timeout",  # this side was waited for, in vain
    "refused",  # no transport connection could be opened to this side
]
Ending = Literal["release", "reject", "abort", "close", "reset", "timeout", "refused", "open"]

TRANSIENT = 2  # the result of a rejection that does not hold for good (PS3.8 9.3.4)


def other(side: Side) -> Side:
    return "acceptor" if side == "requestor" else "requestor"


@dataclass(frozen=True, slots=True)
class Said:
    """One event on the transport connection, `ms` milliseconds after it began."""

    side: Side
    what: What
    size: int = 0
    ms: int = 0
    detail: str = ""


@dataclass(frozen=True)
class Turn:
    """One PDU at its place in the association; `number` counts from 1 over both sides."""

    number: int
    side: Side
    ms: int
    pdu: Pdu

    @property
    def where(self) -> str:
        """The place for people: "PDU 3 (A-ASSOCIATE-AC of the acceptor)"."""
        return f"PDU {self.number} ({self.pdu.name} of the {self.side})"


@dataclass(frozen=True, slots=True)
class Agreed:
    """A presentation context that was accepted, with the roles that hold in it (PS3.7 D.3.3.4)."""

    id: int
    abstract: str
    transfer: str
    requestor_scu: bool = True
    requestor_scp: bool = False

    def scu(self, side: Side) -> bool:
        """Whether this side may be the SCU here."""
        return self.requestor_scu if side == "requestor" else self.requestor_scp


@dataclass(frozen=True)
class Association:
    """Everything two application entities said to each other over one transport connection.

    `judged` are the sides under test: the other one is us, or somebody who is not to be judged. `expected` holds
    predictions of an unbroken reference by the number of the operation. `facts` are what a probe says of its own
    doing, for instance `{"provoked": "..."}` when we broke the protocol on purpose.
    """

    seq: int
    requestor: Body = EMPTY
    acceptor: Body = EMPTY
    said: tuple[Said, ...] = ()
    judged: frozenset[str] = frozenset({"acceptor"})
    address: str = ""
    probe: str = ""
    journey: str = ""
    step: str = ""
    expected: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    elapsed_ms: int = 0
    context: Context | None = field(default=None, compare=False, repr=False)

    kind = "dimse.association"

    def judges(self, who: str) -> bool:
        """Whether a demand on this role ("requestor", "acceptor", "both"; "scu", "scp" by default roles) is judged."""
        if who == "both":
            return bool(self.judged)
        return {"scu": "requestor", "scp": "acceptor"}.get(who, who) in self.judged

    @property
    def complete(self) -> bool:
        """Nobody was waited for in vain, and the connection did not break under an association that was not over."""
        return not self.fault

    @property
    def fault(self) -> str:
        """Why it is not complete, '' when it is: something that the other side did is no fault of those under test."""
        if self.ended_by not in self.judged:
            return ""
        return {
            "timeout": "no answer came in time",
            "reset": "the transport connection broke",
            "refused": "no transport connection could be opened",
        }.get(self.ending, "")

    @property
    def size(self) -> int:
        """Octets of both sides: how long the evidence is."""
        return self.requestor.size + self.acceptor.size

    @property
    def called(self) -> str:
        return f"association {self.seq}"

    def octets(self, side: Side) -> Body:
        return self.requestor if side == "requestor" else self.acceptor

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """All PDUs in the order in which their last octet arrived."""
        ends = {side: deque(pdu.split(self.octets(side))) for side in SIDES}
        total: dict[Side, int] = {"requestor": 0, "acceptor": 0}
        found: list[tuple[Side, int, Pdu]] = []
        for said in self.said:
            total[said.side] += said.size
            waiting = ends[said.side]
            while waiting and waiting[0].at + waiting[0].octets.size <= total[said.side] and waiting[0].complete:
                found.append((said.side, said.ms, waiting.popleft()))
        last = self.said[-1].ms if self.said else 0
        for side in SIDES:  # what is cut never arrived whole
            found += [(side, last, one) for one in ends[side]]
        return tuple(Turn(number, side, ms, one) for number, (side, ms, one) in enumerate(found, 1))

    def of(self, *types: int, side: Side | None = None) -> list[Turn]:
        """The PDUs of these types (all types when none is named), of one side or of both."""
        return [t for t in self.turns if (not types or t.pdu.type in types) and side in (None, t.side)]

    @property
    def heard(self) -> list[Turn]:
        """The PDUs of the sides under test."""
        return [t for t in self.turns if t.side in self.judged]

    @cached_property
    def request(self) -> Turn | None:
        """The first A-ASSOCIATE-RQ of the requestor."""
        return next(iter(self.of(pdu.ASSOCIATE_RQ, side="requestor")), None)

    @cached_property
    def answer(self) -> Turn | None:
        """The acceptor's first PDU: acceptance, rejection, abort, or something that should not be there."""
        return next(iter(self.of(side="acceptor")), None)

    @property
    def accepted(self) -> bool:
        """The acceptor's first PDU is a readable A-ASSOCIATE-AC."""
        return self.answer is not None and self.answer.pdu.type == pdu.ASSOCIATE_AC

    @property
    def rejected(self) -> bool:
        return self.answer is not None and self.answer.pdu.type == pdu.ASSOCIATE_RJ

    @property
    def turned_away(self) -> bool:
        """It was rejected for now, not for good (PS3.8 9.3.4): another one may be accepted."""
        told = self.answer.pdu.reject if self.answer is not None else None
        return told is not None and told.result == TRANSIENT

    @cached_property
    def contexts(self) -> Mapping[int, Agreed]:
        """The accepted presentation contexts by their id."""
        if self.request is None or not self.accepted or self.answer is None:
            return {}
        asked, told = self.request.pdu.associate, self.answer.pdu.associate
        if asked is None or told is None:
            return {}
        proposed = {c.id: c for c in asked.contexts}
        roles = _roles(asked, told)
        found = {}
        for accepted in told.contexts:
            if accepted.result == 0 and accepted.id in proposed and accepted.transfer:
                abstract = next(iter(proposed[accepted.id].abstract), "")
                found[accepted.id] = Agreed(accepted.id, abstract, accepted.transfer[0], *roles.get(abstract, ()))
        return found

    @cached_property
    def messages(self) -> tuple[tuple[Side, Message], ...]:
        """All DIMSE messages of both sides, in the order in which their last PDV arrived."""
        found: list[tuple[int, Side, Message]] = []
        for side in SIDES:
            own = self.of(pdu.DATA, side=side)
            for message in self.assemblies[side].messages:
                number = own[message.last].number if message.last < len(own) else len(self.turns)
                found.append((number, side, message))
        found.sort(key=lambda one: one[0])
        return tuple((side, message) for _, side, message in found)

    @cached_property
    def assemblies(self) -> Mapping[Side, dimse.Assembly]:
        """The messages of each side, with what was wrong in how its PDVs form them."""
        return {side: dimse.assemble([t.pdu for t in self.of(pdu.DATA, side=side)]) for side in SIDES}

    def assembly(self, side: Side) -> dimse.Assembly:
        """The messages of one side with what was wrong in how its PDVs form them."""
        return self.assemblies[side]

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every request with the responses to it, in the order of the requests."""
        open_: dict[tuple[Side, int], list[Any]] = {}
        made: list[list[Any]] = []
        for side, message in self.messages:
            if message.cancel:
                if (side, message.responded) in open_:
                    open_[side, message.responded][2].append(message)
            elif message.request:
                entry: list[Any] = [side, message, [], []]
                open_[side, message.id] = entry
                made.append(entry)
            elif (other(side), message.responded) in open_:
                open_[other(side), message.responded][3].append(message)
        return tuple(
            Operation(self, number, side, request, tuple(answers), tuple(cancels))
            for number, (side, request, cancels, answers) in enumerate(made, 1)
        )

    @cached_property
    def strays(self) -> tuple[tuple[Side, Message], ...]:
        """Responses that answer no request of the other side."""
        known = {(other(o.invoker), m) for o in self.operations for m in map(id, o.responses)}
        return tuple((s, m) for s, m in self.messages if not m.request and not m.cancel and (s, id(m)) not in known)

    @cached_property
    def ending(self) -> Ending:
        """How it ended: the last PDU that ends an association, or else what happened to the connection."""
        types = [t.pdu.type for t in self.turns]
        if pdu.ABORT in types:
            return "abort"
        if pdu.RELEASE_RP in types:
            return "release"
        if self.rejected:
            return "reject"
        events = [s.what for s in self.said if s.what != "octets"]
        for what in ("refused", "timeout", "reset", "close"):
            if what in events:
                return what
        return "open"

    @property
    def ended_by(self) -> Side | None:
        """Who ended it: who asked for the release, rejected, aborted, closed, or let the other wait."""
        ending = {"release": pdu.RELEASE_RQ, "reject": pdu.ASSOCIATE_RJ, "abort": pdu.ABORT}.get(self.ending)
        if ending is not None:
            return next((t.side for t in self.turns if t.pdu.type == ending), None)
        return next((s.side for s in self.said if s.what == self.ending), None)

    def event(self, *what: What, side: Side | None = None) -> Said | None:
        """The first transport event of these kinds."""
        return next((s for s in self.said if s.what in what and side in (None, s.side)), None)

    def but(self, **changes: Any) -> Association:
        return dataclasses.replace(self, **changes)

    def forget(self) -> None:
        """Drop the cached readings, so that a long record is judged in little memory."""
        fields = {f.name for f in dataclasses.fields(self)}
        for name in [n for n in self.__dict__ if n not in fields]:
            del self.__dict__[name]


@dataclass(frozen=True)
class Operation:
    """One DIMSE operation or notification: the request, the responses in order, and cancels of it.

    `number` counts the operations of the association from 1. `invoker` is the side that sent the request.
    """

    association: Association = field(repr=False)
    number: int
    invoker: Side
    request: Message
    responses: tuple[Message, ...] = ()
    cancels: tuple[Message, ...] = ()

    @property
    def seq(self) -> int:
        return self.association.seq

    @property
    def context(self) -> Context | None:
        return self.association.context

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.association.facts

    @property
    def expected(self) -> Any:
        """What an unbroken reference would answer to this operation, None when nothing was predicted."""
        return (self.association.expected or {}).get(str(self.number))

    @property
    def agreed(self) -> Agreed | None:
        """The presentation context of the request, None when it was never accepted."""
        return self.association.contexts.get(self.request.context)

    @property
    def transfer(self) -> str:
        """The transfer syntax of the context, '' without one."""
        return self.agreed.transfer if self.agreed else ""

    @property
    def kind(self) -> str:
        """ "dimse.<service>.<verb>", for instance "dimse.query-retrieve.find"."""
        uid = self.agreed.abstract if self.agreed else self.request.sop_class
        return f"dimse.{service_of(uid)}.{self.request.verb}"

    @property
    def performer(self) -> Side:
        return other(self.invoker)

    @property
    def scu(self) -> Side:
        """The side that is the SCU: the invoker, but for N-EVENT-REPORT, which an SCP sends (PS3.7 10.1.1)."""
        return self.performer if self.request.verb == "event-report" else self.invoker

    def judges(self, who: str) -> bool:
        """Whether a demand on this role is judged here: "scu", "scp", "requestor", "acceptor", or "both"."""
        judged = self.association.judged
        if who == "both":
            return bool(judged)
        side = {"scu": self.scu, "scp": other(self.scu)}.get(who, who)
        return side in judged

    @property
    def final(self) -> Message | None:
        """The first response that is not Pending."""
        return next((m for m in self.responses if not m.pending), None)

    @property
    def pending(self) -> list[Message]:
        """The Pending responses before the final one."""
        found = []
        for message in self.responses:
            if not message.pending:
                break
            found.append(message)
        return found

    @property
    def status(self) -> int | None:
        """Status of the final response, None without one."""
        return self.final.status if self.final else None

    @property
    def complete(self) -> bool:
        return self.final is not None

    @property
    def fault(self) -> str:
        """Why there is no final response, '' when there is one."""
        if self.final is not None:
            return ""
        return f"{self.request.name} {self.request.id} got no final response ({self.association.ending})"

    @property
    def size(self) -> int:
        return self.association.size

    @property
    def called(self) -> str:
        return f"operation {self.number} of association {self.seq}"

    def where(self, message: Message | None = None) -> str:
        """The place for people: "operation 2, C-FIND-RSP 3 of 5"."""
        if message is None or message is self.request:
            return f"operation {self.number}, {self.request.name}"
        place = next((n for n, m in enumerate(self.responses, 1) if m is message), 0)
        return f"operation {self.number}, {message.name} {place} of {len(self.responses)}"


Evidence = Exchange | Association


class Tape:
    """Takes down an association while it goes on; bodies of any size go to the blobs of the record."""

    def __init__(self, blobs: Blobs) -> None:
        self._spools: dict[Side, Spool] = {side: blobs.spool() for side in SIDES}
        self.said: list[Said] = []

    def heard(self, side: Side, octets: bytes, ms: int) -> None:
        self._spools[side].write(octets)
        last = self.said[-1] if self.said else None
        if last is not None and last.side == side and last.what == "octets" and last.ms == ms:
            self.said[-1] = Said(side, "octets", last.size + len(octets), ms)
        else:
            self.said.append(Said(side, "octets", len(octets), ms))

    def event(self, side: Side, what: What, ms: int, detail: str = "") -> None:
        self.said.append(Said(side, what, 0, ms, detail))

    def finish(self, seq: int = 0, **about: Any) -> Association:
        """The whole association; nothing can be added any more."""
        requestor, acceptor = (self._spools[side].finish() for side in SIDES)
        elapsed = self.said[-1].ms if self.said else 0
        return Association(seq, requestor, acceptor, tuple(self.said), elapsed_ms=elapsed, **about)


def association_json(a: Association, body: Any) -> dict[str, Any]:
    """An association as a line of the record; `body` writes a Body by its digest."""
    line: dict[str, Any] = {"kind": "association", "seq": a.seq, "about": a.kind, "probe": a.probe}
    line |= {name: value for name, value in (("journey", a.journey), ("step", a.step)) if value}
    line["address"] = a.address
    line["judged"] = sorted(a.judged)
    line["requestor"], line["acceptor"] = body(a.requestor), body(a.acceptor)
    line["said"] = [_said_json(s) for s in a.said]
    if a.expected is not None:
        line["expected"] = a.expected
    if a.facts:
        line["facts"] = dict(a.facts)
    line["elapsed_ms"] = a.elapsed_ms
    return line


def association_from(line: Mapping[str, Any], body: Any) -> Association:
    """The association of a record line; `body` finds a Body by its digest."""
    return Association(
        line["seq"],
        body(line["requestor"]),
        body(line["acceptor"]),
        tuple(Said(*row) for row in line["said"]),
        frozenset(line["judged"]),
        line["address"],
        line["probe"],
        line.get("journey", ""),
        line.get("step", ""),
        line.get("expected"),
        line.get("facts", {}),
        line["elapsed_ms"],
    )


def _said_json(said: Said) -> list[Any]:
    row: list[Any] = [said.side, said.what, said.size, said.ms]
    return [*row, said.detail] if said.detail else row


def _roles(asked: pdu.Associate, told: pdu.Associate) -> dict[str, tuple[bool, bool]]:
    """Roles by SOP Class: what was proposed and returned, else the default (PS3.7 D.3.3.4)."""
    proposed = {r.uid: r for r in asked.user.roles}
    return {
        r.uid: (bool(r.scu and proposed[r.uid].scu), bool(r.scp and proposed[r.uid].scp))
        for r in told.user.roles
        if r.uid in proposed
    }
