"""Knows how a recorded association is told again with a defect in what one side said.

Must not know rules, nor which of them is to notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.association import SIDES, Association, Said, Side, Turn
from harness.body import Body
from harness.rule import At, Mutant
from harness.upper_layer.command import Malformed
from harness.upper_layer.encode import message_pdus
from harness.upper_layer.message import Message
from harness.wire import pdu

LARGEST = 4 << 20  # octets; a longer association is left as it is
SILENT_MAXIMUM = 16384  # towards a peer that states none

Told = tuple[int, list[bytes]]  # number of a turn, the PDUs that stand in its place
Change = Callable[[Message, Message | None], Any]


def retold(a: Association, side: Side, mutant: Mutant) -> Association | None:
    """The association with what `mutant` makes of this side's words; None when it leaves them as they are."""
    if a.size > LARGEST:
        return None
    told = _by_message(a, side, mutant.act) if mutant.at is At.MESSAGE else _by_pdu(a, side, mutant.act)
    changed = dict(told)
    return _again(a, changed) if changed else None


def _by_pdu(a: Association, side: Side, act: Callable[[bytes], Any]) -> Iterator[Told]:
    for turn in a.of(side=side):
        octets = turn.pdu.octets.bytes()
        made = act(octets)
        if made is None:
            continue
        pieces = [made] if isinstance(made, bytes) else list(made)
        if pieces != [octets]:
            yield turn.number, [p for p in pieces if p]


def _by_message(a: Association, side: Side, act: Change) -> Iterator[Told]:
    """Each changed message of the side: the new one stands in the place of its last PDU, the others go."""
    asked: dict[int, Message] = {}
    most = _most(a, side)
    for carried in _messages(a):
        message = carried.message
        if carried.side != side:
            if message.request:
                asked[message.id] = message
            continue
        made = act(message, asked.get(message.responded))
        if made is None or not carried.alone:
            continue
        messages = [made] if isinstance(made, Message) else list(made)
        if messages == [message]:
            continue
        yield from ((turn.number, []) for turn in carried.turns[:-1])
        yield carried.turns[-1].number, [b"".join(piece) for m in messages for piece in message_pdus(m, most)]


@dataclass
class _Carried:
    """One message with the PDUs that carry it; `alone` unless one of them carries another message as well."""

    side: Side
    message: Message
    turns: list[Turn]
    alone: bool = True


@dataclass
class _Coming:
    """The fragments of a side's message that came so far."""

    command: list[bytes] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    message: Message | None = None


def _messages(a: Association) -> Iterator[_Carried]:
    """All messages that are framed as they should be, in the order in which they were complete."""
    coming = {side: _Coming() for side in SIDES}
    for turn in a.of(pdu.DATA):
        done = 0
        for one in turn.pdu.pdvs:
            now = coming[turn.side]
            if not now.turns or now.turns[-1] is not turn:
                now.turns.append(turn)
            (now.command if one.command else now.data).append(one.fragment.bytes())
            if one.last and (whole := _finished(now, one)):
                done += 1
                yield _Carried(turn.side, whole, now.turns, done == 1)
                coming[turn.side] = _Coming()


def _finished(now: _Coming, one: pdu.Pdv) -> Message | None:
    """The message, if this was the last fragment of it."""
    if one.command:
        try:
            now.message = Message.read(one.context, b"".join(now.command))
        except Malformed:
            return None
        return None if now.message.announces_data else now.message
    return now.message.but(data=b"".join(now.data)) if now.message else None


def _most(a: Association, side: Side) -> int:
    """What the other side takes in one PDU."""
    other = a.request if side == "acceptor" else a.answer
    said = other.pdu.associate if other else None
    most = said.user.maximum_length if said else None
    return SILENT_MAXIMUM if most is None else most


def _again(a: Association, changed: dict[int, list[bytes]]) -> Association:
    """The association with other PDUs in the place of these; what else happened stays where it was."""
    streams: dict[Side, list[bytes]] = {side: [] for side in SIDES}
    said: list[Said] = []
    for turn in a.turns:
        for piece in changed.get(turn.number, [turn.pdu.octets.bytes()]):
            streams[turn.side].append(piece)
            said.append(Said(turn.side, "octets", len(piece), turn.ms))
    said += [event for event in a.said if event.what != "octets"]
    requestor, acceptor = (Body.of(b"".join(streams[side])) for side in SIDES)
    return a.but(requestor=requestor, acceptor=acceptor, said=tuple(said))
