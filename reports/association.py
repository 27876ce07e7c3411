"""Knows how an association is shown to a person: a ladder of PDUs and messages, command sets and data sets unfolded.

Must not know verdicts, nor the form of the report it is shown in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from harness.association import Association, Turn
from harness.wire import pdu
from harness.wire.dimse import Message
from harness.wire.elements import DataSet
from harness.wire.flaw import Flaw
from harness.wire.pdu import Associate, Pdu
from harness.wire.sop import name_of
from reports.dataset import lines
from reports.evidence import hexadecimal
from reports.layout import lay_out_json
from reports.visible import clip, in_line, visible

ROOM = 6000  # characters of one unfolded rung
RUNGS = 60  # rungs of a ladder that are shown; the first and the last of a longer one
CONTEXTS = 40  # presentation contexts listed
RESULTS = ("accepted", "refused by the user", "refused, no reason", "abstract syntax not supported",
           "transfer syntaxes not supported")  # fmt: skip


@dataclass(frozen=True)
class Rung:
    """One PDU, or one message with all its PDUs; `left` when the requestor sent it."""

    number: int
    left: bool
    ms: int
    name: str
    says: str
    text: str = ""
    flaws: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ladder:
    """One association, ready to be laid out; every text in it is fit to be looked at."""

    seq: int
    probe: str
    place: str
    line: str
    status: str
    address: str
    facts: str
    rungs: tuple[Rung, ...]
    hidden: int  # rungs that are in the record only
    elapsed_ms: int
    expected: str
    word: str = "association"


def ladder(a: Association, room: int = ROOM) -> Ladder:
    """The association for people; `room` is the number of characters for each unfolded rung."""
    rungs = list(_rungs(a, room))
    hidden = max(0, len(rungs) - RUNGS)
    if hidden:
        rungs = rungs[: RUNGS // 2] + rungs[-RUNGS // 2 :]
    view = Ladder(
        seq=a.seq,
        probe=in_line(a.probe),
        place=in_line(f"{a.journey} {a.step}".strip()),
        line=in_line(clip(_line(a), 300)),
        status=in_line(clip(_status(a), 200)),
        address=in_line(a.address),
        facts=in_line(clip(", ".join(f"{k}: {v}" for k, v in a.facts.items()), 500)),
        rungs=tuple(rungs),
        hidden=hidden,
        elapsed_ms=a.elapsed_ms,
        expected=visible(clip(lay_out_json(json.dumps(a.expected, ensure_ascii=False), room), room))
        if a.expected
        else "",
    )
    a.forget()
    return view


def association_text(a: Association) -> str:
    """The association as plain text."""
    view = ladder(a)
    lines = [f"association {view.seq}, probe {view.probe} {view.place}".strip(), f"{view.line} → {view.status}", ""]
    for rung in view.rungs:
        arrow = "→" if rung.left else "←"
        lines.append(f"{rung.ms:>7} ms {arrow} {rung.number}. {rung.name}  {rung.says}".rstrip())
        lines += [f"             ! {flaw}" for flaw in rung.flaws]
        lines += [f"             {line}" for line in rung.text.split("\n") if line]
    lines += ["", f"{view.hidden} more are in the record."] if view.hidden else []
    lines += ["What an unbroken reference would answer:", view.expected, ""] if view.expected else []
    return "\n".join(lines) + "\n"


def _line(a: Association) -> str:
    asked = a.request.pdu.associate if a.request else None
    names = [o.request.name for o in a.operations]
    said = ", ".join(dict.fromkeys(names)) or (
        f"{len(asked.contexts)} contexts proposed" if asked else "no association"
    )
    return f"{_title(asked.calling)} to {_title(asked.called)}: {said}" if asked else f"octets without request: {said}"


def _status(a: Association) -> str:
    last = next((o for o in reversed(a.operations) if o.status is not None), None)
    ended = f"{a.ending} by the {a.ended_by}" if a.ended_by else a.ending
    return f"{last.status:04X}H, {ended}" if last is not None and last.status is not None else ended


def _rungs(a: Association, room: int) -> Iterator[Rung]:
    last_of = _last_turns(a)
    carried = {t.number for t in a.of(pdu.DATA)}
    for turn in a.turns:
        if turn.number in last_of:
            for message, count in last_of[turn.number]:
                yield _message(a, turn, message, count, room)
        elif turn.number not in carried or turn.pdu.flaws:
            yield _pdu(turn, room)
    for event in a.said:
        if event.what != "octets":
            says = event.detail or {"timeout": "was waited for, in vain"}.get(event.what, "")
            yield Rung(0, event.side == "requestor", event.ms, f"{event.what} of the {event.side}", in_line(says))


def _last_turns(a: Association) -> dict[int, list[tuple[Message, int]]]:
    """Number of the PDU that completes messages -> these, each with the number of its PDUs."""
    found: dict[int, list[tuple[Message, int]]] = {}
    turns = {side: a.of(pdu.DATA, side=side) for side in ("requestor", "acceptor")}
    for side, message in a.messages:
        own = turns[side]
        if message.last < len(own):
            count = message.last - message.first + 1
            found.setdefault(own[message.last].number, []).append((message, count))
    return found


def _message(a: Association, turn: Turn, message: Message, count: int, room: int) -> Rung:
    agreed = a.contexts.get(message.context)
    context = f"context {message.context}"
    size = f", data set of {message.data.size:,} octets" if message.data is not None else ""
    pdus = f", {count} PDUs" if count > 1 else ""
    status = f" {message.status:04X}H" if message.status is not None else ""
    listed = list(lines(DataSet(message.command.elements)))
    if message.data is not None:
        dataset, _ = message.dataset(agreed.transfer if agreed else "1.2.840.10008.1.2")
        listed += ["", *lines(dataset)]
    flaws = [*message.command.flaws.kept, *message.flaws.kept, *turn.pdu.flaws.kept]
    return Rung(
        turn.number,
        turn.side == "requestor",
        turn.ms,
        in_line(f"{message.name}{status}"),
        in_line(f"message {message.id if message.request else message.responded}, {context}{size}{pdus}"),
        visible(clip("\n".join(islice(listed, 80)), room)),
        _flaws(flaws),
    )


def _pdu(turn: Turn, room: int) -> Rung:
    one = turn.pdu
    text = "\n".join(_associate(one.associate)) if one.associate else ""
    if one.flaws or not one.complete:
        text = f"{text}\n{hexadecimal(one.octets)}".strip()
    return Rung(
        turn.number,
        turn.side == "requestor",
        turn.ms,
        in_line(one.name),
        in_line(_says(one)),
        visible(clip(text, room)),
        _flaws(one.flaws.kept),
    )


def _says(one: Pdu) -> str:
    if one.associate:
        accepted = [c for c in one.associate.contexts if c.result == 0]
        count = len(one.associate.contexts)
        word = "context" if count == 1 else "contexts"
        return f"{count} {word}" if one.type == pdu.ASSOCIATE_RQ else f"{len(accepted)} of {count} {word} accepted"
    if one.reject:
        return f"result {one.reject.result}, source {one.reject.source}, reason {one.reject.reason}"
    if one.abort:
        return f"source {one.abort.source}, reason {one.abort.reason}"
    return "" if one.complete else "cut off"


def _associate(said: Associate) -> Iterator[str]:
    yield f"called {_title(said.called)}, calling {_title(said.calling)}, protocol version {said.protocol_version:04X}H"
    yield f"application context {', '.join(said.application_contexts) or 'missing'}"
    for context in said.contexts[:CONTEXTS]:
        result = "" if context.result is None else f" {_result(context.result)}"
        yield f"context {context.id}{result}: {', '.join(map(_named, (*context.abstract, *context.transfer)))}"
    if len(said.contexts) > CONTEXTS:
        yield f"… {len(said.contexts) - CONTEXTS} more contexts"
    user = said.user
    yield f"maximum length {user.maximum_length}, {user.implementation_class} {user.implementation_version}"
    if user.window:
        yield f"asynchronous operations window {user.window.invoked}/{user.window.performed}"
    yield from (f"role of {_named(r.uid)}: SCU {r.scu}, SCP {r.scp}" for r in user.roles[:CONTEXTS])
    yield from (f"extended negotiation of {_named(e.uid)}: {e.information.hex(' ')}" for e in user.extended[:CONTEXTS])


def _result(result: int) -> str:
    return RESULTS[result] if 0 <= result < len(RESULTS) else f"result {result}"


def _named(uid: str) -> str:
    name = name_of(uid)
    return f"{name} ({uid})" if name and name != uid else uid


def _title(octets: bytes) -> str:
    return octets.decode("latin-1").strip(" ") or "(blank)"


def _flaws(flaws: list[Flaw]) -> tuple[str, ...]:
    return tuple(in_line(clip(f"{f.where}: got {f.got}; want {f.want}", 300)) for f in flaws[:10])
