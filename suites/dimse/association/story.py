"""Knows which PDU may follow which (PS3.8 9.2, Table 9-10), seen from outside: what a side said, and what it was told.

Must not know what is inside a PDU. The table stands here once more, on its own: the engine that talks has another.

A PDU that was said to a side before that side spoke need not have been read by then. So each side is followed
through all the states it may be in, with what it may not have read yet, and only what fits none of them is a fault.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.association import Association, Side, Turn
from harness.wire.pdu import ABORT, ASSOCIATE_AC, ASSOCIATE_RJ, ASSOCIATE_RQ, DATA, RELEASE_RP, RELEASE_RQ

KNOWN = range(ASSOCIATE_RQ, ABORT + 1)
BROKEN = "broken"  # told what its state does not know: only A-ABORT may follow (AA-1, AA-8)
OVER = "Sta13"  # nothing but the end of the connection is waited for; "Sta1" after an abort or a confirmed release

# receiving: (state, type of PDU) -> next state; whatever is not here breaks the association off, but in OVER and Sta1
TOLD: dict[tuple[str, int], str] = {
    ("Sta2", ASSOCIATE_RQ): "Sta3",
    ("Sta5", ASSOCIATE_AC): "Sta6",
    ("Sta5", ASSOCIATE_RJ): "Sta1",
    ("Sta6", DATA): "Sta6",
    ("Sta6", RELEASE_RQ): "Sta8",
    ("Sta7", DATA): "Sta7",
    ("Sta7", RELEASE_RQ): "Sta9",  # Sta10 for the acceptor
    ("Sta7", RELEASE_RP): "Sta1",
    ("Sta10", RELEASE_RP): "Sta12",
    ("Sta11", RELEASE_RP): "Sta1",
}
# speaking: (state, type of PDU) -> next state; an A-ABORT may leave in any state but Sta1, and leads to OVER
SAYS: dict[tuple[str, int], str] = {
    ("Sta4", ASSOCIATE_RQ): "Sta5",
    ("Sta3", ASSOCIATE_AC): "Sta6",
    ("Sta3", ASSOCIATE_RJ): OVER,
    ("Sta6", DATA): "Sta6",
    ("Sta6", RELEASE_RQ): "Sta7",
    ("Sta8", DATA): "Sta8",
    ("Sta8", RELEASE_RP): OVER,
    ("Sta9", RELEASE_RP): "Sta11",
    ("Sta12", RELEASE_RP): OVER,
}
HEADER = 6  # octets of a PDU by which its type and length are known
MOST = 64  # ways to have come here that are followed at once

Way = tuple[str, tuple[int, ...]]  # a state, and the types of PDUs told but perhaps not read yet


def told(state: str, type: int, side: Side) -> str:
    """The state of this side after it read such a PDU."""
    if state in ("Sta1", OVER, BROKEN):
        return "Sta1" if type == ABORT else state
    if type == ABORT:
        return "Sta1"
    after = TOLD.get((state, type), BROKEN)
    return "Sta10" if after == "Sta9" and side == "acceptor" else after


@dataclass(frozen=True)
class Offence:
    """A PDU of one side that the state of the other does not know: unexpected there, or of no known type."""

    turn: Turn
    state: str

    @property
    def unknown(self) -> bool:
        return self.turn.pdu.type not in KNOWN


@dataclass
class Story:
    """One side on its way through the states; `faults` are PDUs that it may not say in any state it can be in."""

    side: Side
    ways: set[Way] = field(default_factory=set)
    faults: list[tuple[Turn, str]] = field(default_factory=list)
    offence: Offence | None = None  # the first PDU of the other side that it cannot but refuse
    after: list[Turn] = field(default_factory=list)  # what it said after that

    def __post_init__(self) -> None:
        self.ways = {("Sta4" if self.side == "requestor" else "Sta2", ())}

    @property
    def states(self) -> set[str]:
        """The states it may be in when it has read everything."""
        return {_read(state, unread, self.side) for state, unread in self.ways}

    def hear(self, turn: Turn) -> None:
        """The other side said this."""
        before = self.states
        self.ways = {(state, (*unread, turn.pdu.type)) for state, unread in self.ways}
        if self.offence is None and BROKEN in self.states - before and len(before) == 1:
            self.offence = Offence(turn, next(iter(before)))
        self._settle()

    def say(self, turn: Turn) -> None:
        """This side said this."""
        if self.offence is not None:
            self.after.append(turn)
        after = set()
        for state, unread in self.ways:
            for read in range(len(unread) + 1):
                now = _read(state, unread[:read], self.side)
                then = _said(now, turn.pdu.type)
                if then:
                    after.add((then, unread[read:]))
        if after:
            self.ways = after
        else:
            self.faults.append((turn, " or ".join(sorted(self.states))))
        self._settle()

    def _settle(self) -> None:
        """P-DATA that changes nothing was read; too many ways are cut to the plainest, where all was read."""
        self.ways = {_without_data(way, self.side) for way in self.ways}
        if len(self.ways) > MOST or any(len(unread) > MOST for _, unread in self.ways):
            self.ways = {(state, ()) for state in self.states}


def _without_data(way: Way, side: Side) -> Way:
    state, unread = way
    while unread and told(state, unread[0], side) == state:
        unread = unread[1:]
    return state, unread


def _read(state: str, types: Iterable[int], side: Side) -> str:
    for type in types:
        state = told(state, type, side)
    return state


def _said(state: str, type: int) -> str:
    """The state after saying this, '' where it may not be said."""
    if type == ABORT:
        return OVER if state not in ("Sta1", "Sta4") else ""
    return SAYS.get((state, type), "")


def in_order(a: Association) -> list[Turn]:
    """The PDUs in the order in which they could be acted on: one that was cut, and is of no known type, at its header.

    Others that were cut are left out: nobody has read them.
    """
    ends: dict[Side, list[int]] = {"requestor": [], "acceptor": []}  # octets that had come by then
    moments: dict[Side, list[int]] = {"requestor": [], "acceptor": []}
    total: dict[Side, int] = {"requestor": 0, "acceptor": 0}
    for moment, said in enumerate(a.said):
        total[said.side] += said.size
        if said.size:
            ends[said.side].append(total[said.side])
            moments[said.side].append(moment)
    found: list[tuple[int, int, Turn]] = []
    for turn in a.turns:
        cut = not turn.pdu.complete
        if cut and (turn.pdu.type in KNOWN or turn.pdu.octets.size < HEADER):
            continue
        due = turn.pdu.at + (HEADER if cut else turn.pdu.octets.size)
        place = bisect.bisect_left(ends[turn.side], due)
        when = moments[turn.side][place] if place < len(moments[turn.side]) else len(a.said)
        found.append((when, turn.number, turn))
    return [turn for _, _, turn in sorted(found, key=lambda one: one[:2])]


def story(a: Association, side: Side) -> Story:
    """That side's way through the association."""
    made = Story(side)
    for turn in in_order(a):
        if turn.side == side:
            made.say(turn)
        else:
            made.hear(turn)
    return made


def stories(a: Association) -> list[Story]:
    """The ways of the sides under test."""
    return [story(a, side) for side in ("requestor", "acceptor") if side in a.judged]


def left(a: Association, side: Side, spoken: Iterable[Turn]) -> str:
    """How this side ended it, having said these PDUs last: "abort", "close", "reset", or '' when it did not.

    "waited" when it was waited for in vain.
    """
    if any(t.pdu.type == ABORT for t in spoken):
        return "abort"
    for said in a.said:  # the first thing counts: who was waited for in vain, or left alone, ends nothing any more
        if said.what == "timeout" and said.side == side:
            return "waited"
        if said.what in ("close", "reset"):
            return said.what if said.side == side else ""
    return ""
