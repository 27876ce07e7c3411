"""Rules of PS3.18 8.10 and 11.10 with PS3.4 CC.2.3.2 and RFC 6455 on who receives events: how it opens a notification
connection, what it says on it, and what it does when it is lost.

What a client makes of an event stays with it; whether it stays connected and opens again is on the wire.
Must not know what events a server has to send.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence

from harness.exchange import Ask, Exchange, Journey
from harness.rule import ASK, RELATION, SHALL_NOT, SHOULD, USER_AGENT, Finding, journey, rule
from harness.wire.uri import OPENING, SOCKET, origin_form
from suites.web.client.conversation import exchanges
from suites.web.client.workitems_talk import (
    conversation,
    ends,
    event,
    opens,
    report,
    retrieves,
    said,
    shown,
    subscribed,
    subscribes,
    without,
)
from suites.web.workitems import making, reading

ON = "web.client"
EVENT, SAID, END = SOCKET["EVENT"], SOCKET["SAID"], SOCKET["END"]
VERSION = "13"  # of the protocol (RFC 6455 4.1)
KEY = 16  # octets of Sec-WebSocket-Key
# Codes with which an end says that it does not take what it was sent (RFC 6455 7.4.1).
REFUSING = (1002, 1003, 1007, 1008, 1009, 1010)
UNREADABLE = (1003, 1007, 1009)  # the type, the characters, the size of a message
GOES_ON = 5  # so many requests after a connection was lost show that the client is still at work
_COMMAND = ("00000002", "00000100", "00000110", "00000800", "00001000", "00001002")
# All that Table CC.2.4-1 has for any event.
TABLE = frozenset(
    (*_COMMAND, "00080005", "00741000", "00404041", "00741238", "0074100E", "00741236", "0074100A", "0074100C",
     "00741002", "00741242", "00741244", "00741246", "00404025", "00404034", "00404009", "00404036")
)  # fmt: skip


def _words(x: Exchange, name: str) -> list[str]:
    return [word.strip().lower() for value in x.ask.headers.all(name) for word in value.split(",") if word.strip()]


def _key_fault(x: Exchange) -> str:
    """What is wrong with Sec-WebSocket-Key, '' for nothing."""
    keys = x.ask.headers.all("sec-websocket-key")
    if len(keys) != 1:
        return f"{len(keys)} fields"
    try:
        octets = base64.b64decode(keys[0].strip(), validate=True)
    except (binascii.Error, ValueError):
        return keys[0][:80]
    return "" if len(octets) == KEY else f"{len(octets)} octets"


@rule(
    "client.notification-handshake",
    cites="PS3.18 8.10.4.1; Table 8.10.4-1; RFC 6455 4.1",
    on=OPENING,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    says="Who opens a notification connection sends the handshake of RFC 6455: Connection, key and version are right.",
)
def notification_handshake(x: Exchange) -> Iterator[Finding]:
    if "upgrade" not in _words(x, "connection"):
        yield Finding(x.ask.headers.get("connection", "none") or "", "Upgrade", "Connection")
    if fault := _key_fault(x):
        yield Finding(fault, f"{KEY} octets in base64, once", "Sec-WebSocket-Key")
    if x.ask.headers.all("sec-websocket-version") != [VERSION]:
        got = ", ".join(x.ask.headers.all("sec-websocket-version"))[:80]
        yield Finding(got or "none", VERSION, "Sec-WebSocket-Version")
    protocols = _words(x, "sec-websocket-protocol")
    if len(set(protocols)) < len(protocols):
        yield Finding(", ".join(protocols)[:80], "each of them once", "Sec-WebSocket-Protocol")
    if x.ask.version != "HTTP/1.1":
        yield Finding(x.ask.version, "HTTP/1.1", "request line")
    if x.ask.body.size:
        yield Finding(f"{x.ask.body.size} octets", "no payload", "payload")
    if "origin" not in x.ask.headers:
        # only browsers have to send it by RFC 6455, which PS3.18 refers to for the fields
        yield Finding("no Origin field", "the origin of the user agent", "header fields", warn=True, policy="D-16")


def _handshake_with(x: Exchange, name: str, value: str | None) -> Ask:
    return x.ask.but(headers=x.ask.headers.but(name, value))


@notification_handshake.mutant(at=ASK)
def has_a_short_key(x: Exchange) -> Ask:
    """The key of the handshake has four octets."""
    return _handshake_with(x, "Sec-WebSocket-Key", "AAAAAA==")


@notification_handshake.mutant(at=ASK)
def speaks_an_old_version(x: Exchange) -> Ask:
    """The handshake is one of a draft of the protocol."""
    return _handshake_with(x, "Sec-WebSocket-Version", "8")


@notification_handshake.mutant(at=ASK)
def keeps_the_connection_alive(x: Exchange) -> Ask:
    """Connection says keep-alive in place of Upgrade."""
    return _handshake_with(x, "Connection", "keep-alive")


def _connections(j: Journey) -> dict[int, list[Exchange]]:
    """What was said on each notification connection, by what names it."""
    found: dict[int, list[Exchange]] = {}
    for x in exchanges(j):
        if x.kind in (OPENING, EVENT, SAID, END) and "connection" in x.facts:
            found.setdefault(int(x.facts["connection"]), []).append(x)
    return found


@journey(
    "client.sends-masked-frames",
    cites="PS3.18 8.10.5.1; RFC 6455 5.1, 5.3, 5.5, 7.4",
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    when=lambda j: any(x.kind == END and "said_flaws" in x.facts for x in j.exchanges),
    says="On a notification connection the user agent masks its frames, and ends it as RFC 6455 has it.",
)
def sends_masked_frames(j: Journey) -> Iterator[Finding]:
    for x in j.exchanges:
        if x.kind in (SAID, END):
            for flaw in x.facts.get("flaws" if x.kind == SAID else "said_flaws", ())[:5]:
                yield Finding(str(flaw)[:200], "a frame as RFC 6455 has it", "frames of the user agent", seq=x.seq)


@journey(
    "client.says-nothing-to-events",
    cites="PS3.18 8.10.5.3",
    verifies="PS3.18-8.10.5.3-1",
    level=SHALL_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(x.kind in (EVENT, SAID) for x in j.exchanges),
    says="An event is not answered: on a notification connection the user agent sends no message.",
)
def says_nothing_to_events(j: Journey) -> Iterator[Finding]:
    for talk in _connections(j).values():
        told = False
        for x in talk:
            told = told or x.kind == EVENT
            if x.kind == SAID:
                # a word to keep the connection alive is defined nowhere, and is no answer to an event
                answers = told and _is_data(x)
                got = repr(x.ask.body.read(0, 80).decode("utf-8", "replace"))
                yield Finding(got, "nothing", "notification connection", seq=x.seq, warn=not answers)


def _is_data(x: Exchange) -> bool:
    try:
        return isinstance(json.loads(x.ask.body.read(0, 1 << 20)), dict | list)
    except (ValueError, RecursionError):
        return False


@says_nothing_to_events.example
def listens() -> tuple[Exchange, ...]:
    return conversation(
        (subscribes(), subscribed()),
        opens(2),
        event(2),
        (retrieves(), shown(making.workitem("read", "LIST", x00741000=making.IN_PROGRESS))),
        event(2, report("1.2.3", making.COMPLETED)),
        ends(2, by="user-agent", code=1000),
    )


@says_nothing_to_events.mutant(at=ASK)
def answers_events(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Each event is answered with a status, as in DIMSE."""
    return conversation(*whole[:3], said(2, json.dumps({"00000900": {"vr": "US", "Value": [0]}})), *whole[3:])


@says_nothing_to_events.mutant(at=ASK)
def keeps_the_connection_with_words(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Now and then the word ping is said."""
    return conversation(*whole[:2], said(2, "ping"), *whole[2:])


sends_masked_frames.example(listens)


@sends_masked_frames.mutant(at=ASK)
def masks_nothing(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Frames of the client are not masked."""
    *before, end = whole
    return *before, end.but(facts={**end.facts, "said_flaws": ["a client masks its frames (5.3)"]})


def _extra(x: Exchange) -> list[str]:
    """The attributes of an event that are not in its table."""
    found = reading.only(x.answer) if x.kind == EVENT else None
    return [tag for tag in found or () if tag not in TABLE]


@journey(
    "client.accepts-all-attributes",
    cites="PS3.18 8.10.5.2; PS3.4 CC.2.4.2",
    verifies="PS3.18-8.10.5.2-1",
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(reading.only(x.answer) for x in j.exchanges if x.kind == EVENT),
    says="An event may have any attributes: whoever receives it does not end the connection for that.",
)
def accepts_all_attributes(j: Journey) -> Iterator[Finding]:
    for talk in _connections(j).values():
        heard = [x for x in talk if x.kind == EVENT]
        end = talk[-1]
        if not heard or end.kind != END or end.facts.get("by") != "user-agent":
            continue
        last = heard[-1]
        # what is no event as 8.10.5.1.1 has it may be refused
        right = bool(reading.only(last.answer)) and not last.facts.get("flaws")
        code = end.facts.get("code")
        of = ", ".join(_extra(last)) or "none but those of its table"
        got = f"the connection was ended ({code or 'no code'}) after an event with {of}"
        if code in (REFUSING if _extra(last) else UNREADABLE) and right:
            yield Finding(got[:200], "all attributes accepted", "notification connection", seq=end.seq)


@accepts_all_attributes.example
def hears_more_than_it_knows() -> tuple[Exchange, ...]:
    strange = report("1.2.3", making.IN_PROGRESS, x00081030="more than the table has")
    return conversation(
        (subscribes(), subscribed()), opens(2), event(2, strange), event(2), ends(2, "user-agent", 1000)
    )


@accepts_all_attributes.mutant(at=ASK)
def refuses_what_it_does_not_know(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """An event with an attribute that is not in the table ends the connection."""
    return conversation(*whole[:3], ends(2, "user-agent", 1007))


@accepts_all_attributes.mutant(at=ASK)
def takes_no_text(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Whatever the event, a client that waits for something else ends the connection."""
    return conversation(*whole[:2], event(2), ends(2, "user-agent", 1003))


def _places(j: Journey) -> dict[str, Exchange]:
    """The targets that subscriptions told of, with the first that did."""
    found: dict[str, Exchange] = {}
    for x in exchanges(j):
        told = x.answer.headers.get("content-location") if x.kind == reading.SUBSCRIBED and x.answer.ok else None
        if told:
            found.setdefault(origin_form(told), x)
    return found


def _openings(j: Journey) -> list[Exchange]:
    return [x for x in exchanges(j) if x.kind == OPENING]


@journey(
    "client.listens-where-it-was-told",
    cites="PS3.18 11.10.3.2; 8.10.4.1.1",
    level=SHOULD,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: bool(_places(j)) and bool(_openings(j)),
    says="The notification connection is opened at the URL that a subscription told of.",
)
def listens_where_it_was_told(j: Journey) -> Iterator[Finding]:
    told = _places(j)
    for x in _openings(j):
        before = [place for place, by in told.items() if exchanges(j).index(by) < exchanges(j).index(x)]
        if before and origin_form(x.ask.target) not in before:
            # the target of 8.10.4.1 is the service itself, and a server may have more than one
            yield Finding(x.ask.target[:200], before[-1][:200], "request target", seq=x.seq, warn=True, policy="D-16")


listens_where_it_was_told.example(listens)


@listens_where_it_was_told.mutant(at=ASK)
def builds_its_own_address(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The connection is opened at an address that the client made up."""
    moved = whole[1].but(ask=whole[1].ask.but(target="/dicomweb/ws/subscribers/DESK"))
    return (whole[0], moved, *whole[2:])


def _subscriptions(whole: Sequence[Exchange]) -> list[Exchange]:
    """Those that were granted, and are not given up at the end of this part of a conversation."""
    open_: dict[tuple[str, str], Exchange] = {}
    for x in whole:
        key = x.resource.uid, x.resource.title
        if x.kind == reading.SUBSCRIBED and x.answer.ok:
            open_[key] = x
        elif x.kind in (reading.UNSUBSCRIBED, reading.SUSPENDED) and x.answer.ok:
            open_.pop(key, None)
    return list(open_.values())


@journey(
    "client.subscribes-to-listen",
    cites="PS3.18 11.10; 8.10.4; PS3.4 CC.2.3.2",
    level=SHOULD,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(x.kind == reading.SUBSCRIBED and x.answer.ok for x in j.exchanges),
    says="Who subscribes opens a notification connection, without which no event reaches anybody.",
)
def subscribes_to_listen(j: Journey) -> Iterator[Finding]:
    if not _openings(j):
        for x in _subscriptions(exchanges(j)):
            # it may have subscribed somebody else
            yield Finding(f"{x.ask.line[:100]} and no connection", "a connection", "conversation", seq=x.seq, warn=True)


subscribes_to_listen.example(listens)


@subscribes_to_listen.mutant(at=ASK)
def never_listens(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """A client subscribes and opens no connection."""
    return without(whole, 2, 3, 5, 6)


def _lost(j: Journey) -> Iterator[tuple[Exchange, bool]]:
    """The end of each connection that the other side brought about while there were subscriptions, and whether another
    was opened; who gives its subscriptions up before long, or asks nothing more, had no need to."""
    whole = exchanges(j)
    for at, x in enumerate(whole):
        if x.kind != END or x.facts.get("by") != "origin-server" or not _subscriptions(whole[:at]):
            continue
        leaves = (n for n, y in enumerate(whole) if n > at and y.kind in (reading.UNSUBSCRIBED, reading.SUSPENDED))
        after = whole[at + 1 : next(leaves, len(whole))]
        again = any(y.kind == OPENING for y in after)
        if again or sum(y.kind.startswith("web.") for y in after) >= GOES_ON:
            yield x, again


@journey(
    "client.opens-again",
    cites="PS3.18 8.10.4.2; PS3.4 CC.2.3.2",
    verifies="PS3.18-8.10.4.2-2",
    level=SHOULD,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(True for _ in _lost(j)),
    due=False,
    says="When a notification connection is lost, who goes on and is still subscribed opens another.",
)
def opens_again(j: Journey) -> Iterator[Finding]:
    for end, again in _lost(j):
        if not again:
            yield Finding("the connection was lost and never opened again", "another", "conversation", seq=end.seq)


@opens_again.example
def comes_back() -> tuple[Exchange, ...]:
    return conversation(
        (subscribes(), subscribed()),
        opens(2),
        ends(2),
        opens(4),
        *[(retrieves(), shown(making.workitem("read", "LIST")))] * GOES_ON,
        event(4),
        ends(4, by="user-agent", code=1000),
    )


@opens_again.mutant(at=ASK)
def goes_on_deaf(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """After the connection was lost the client only asks on."""
    return whole[:3] + whole[4 : 4 + GOES_ON]
