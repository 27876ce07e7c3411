"""Rules of PS3.18 8.10.4 and RFC 6455 4 on opening a notification connection.

Must not know what is said on it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import ASK, Finding, journey, rule
from suites.web.workitems import reading
from suites.web.workitems.reading import SUBSCRIBED
from suites.web.workitems.watching import ENDED, KIND, OPENED

BAD = "web.workitems.bad-openings"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
UPGRADE_REQUIRED = 426


def _accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(f"{key}{GUID}".encode(), usedforsecurity=False).digest()).decode()


def _tokens(answer: Answer, name: str) -> list[str]:
    return [word.strip().lower() for value in answer.headers.all(name) for word in value.split(",")]


@journey(
    "notification.opens",
    cites="PS3.18 8.10.3, 8.10.4.1, 8.10.4.2, 8.10.4.3.1, 11.10.3.2",
    verifies=("PS3.18-8.10.3-1", "PS3.18-8.10.4.1-1", "PS3.18-8.10.4.2-1", "PS3.18-8.10.4.3.1-1"),
    on=KIND,
    incomplete=True,
    when=lambda j: bool(_openings(j)),
    says="At the URL that a subscription gave, a notification connection can be opened: 101.",
)
def opens(j: Journey) -> Iterator[Finding]:
    for x in _openings(j):
        if x.answer.status != 101:
            # a name that only others can reach, and what wants to know who is there, are told of, not condemned;
            # to lead elsewhere is lawful (RFC 6455 4.2.2)
            own = (0, *reading.OWN_REASONS)
            soft = x.answer.status in own or 300 <= x.answer.status < 400
            yield Finding(x.answer.line, "101", x.ask.target, seq=x.seq, warn=soft)


def _openings(j: Journey) -> list[Exchange]:
    subscribed = any(x.kind == SUBSCRIBED and x.answer.status == 201 for x in j.exchanges)
    return [x for x in j.exchanges if x.kind == OPENED] if subscribed else []


@opens.mutant
def nobody_listens_there(x: Exchange) -> Answer | None:
    """The URL that a subscription gives is not found."""
    return x.answer.but(status=404, reason="Not Found") if x.kind == OPENED else None


@rule(
    "notification.handshake",
    cites="PS3.18 8.10.4.3, 8.10.4.3.2; RFC 6455 4.2.2",
    verifies="PS3.18-8.10.4.3.2-1",
    on=OPENED,
    content=False,
    when=lambda x: x.answer.status == 101,
    says="The answer to the opening handshake upgrades to websocket and proves that the key was read.",
)
def handshake(x: Exchange) -> Iterator[Finding]:
    for name, want in (("Upgrade", "websocket"), ("Connection", "upgrade")):
        if want not in _tokens(x.answer, name):
            yield Finding(x.answer.headers.get(name) or "none", want, name)
    key = _accept((x.ask.headers.get("sec-websocket-key") or "").strip())
    got = x.answer.headers.get("sec-websocket-accept")
    if (got or "").strip() != key:
        yield Finding(got or "none", key, "Sec-WebSocket-Accept")
    offered = [w.strip() for v in x.ask.headers.all("sec-websocket-protocol") for w in v.split(",")]
    chosen = x.answer.headers.get("sec-websocket-protocol")
    if chosen is not None and chosen not in offered:
        yield Finding(chosen, "a subprotocol that was offered, or none", "Sec-WebSocket-Protocol")


@handshake.mutant
def accepts_any_key(x: Exchange) -> Answer | None:
    """Sec-WebSocket-Accept is always the same."""
    return x.answer.but(headers=x.answer.headers.but("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))


@handshake.mutant
def speaks_a_protocol_that_nobody_offered(x: Exchange) -> Answer | None:
    """The answer chooses a subprotocol of its own."""
    return x.answer.but(headers=x.answer.headers.but("sec-websocket-protocol", "dicom"))


@handshake.mutant
def forgets_to_upgrade(x: Exchange) -> Answer | None:
    """The answer has no Upgrade field."""
    return x.answer.but(headers=x.answer.headers.but("upgrade", None))


def _ends(j: Journey) -> list[Exchange]:
    return [x for x in j.exchanges if x.kind == ENDED]


@journey(
    "notification.stays-open",
    cites="PS3.18 8.10.4.2; RFC 6455 7.1.1, 7.4",
    verifies="PS3.18-8.10.4.2-1",
    on=KIND,
    when=lambda j: bool(_ends(j)),
    says="The server keeps a notification connection open; if it has to end it, then with a close frame and a code.",
)
def stays_open(j: Journey) -> Iterator[Finding]:
    for x in _ends(j):
        code = x.facts.get("code")
        if x.facts.get("by") == "origin-server":
            got = f"ended by the server with {f'code {code}' if code is not None else 'no close code'}"
            yield Finding(got, "a connection that stays", "connection", seq=x.seq, warn=code is not None)


@stays_open.mutant(at=ASK, defects="D-UP-04")
def hangs_up(told: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The server ends the connection without a word."""
    return tuple(x.but(facts={**x.facts, "by": "origin-server", "code": None}) if x.kind == ENDED else x for x in told)


@journey(
    "notification.bad-handshake",
    cites="PS3.18 8.10.4.3.1; RFC 6455 4.2.1, 4.2.2, 4.4",
    verifies="PS3.18-8.10.4.3.1-1",
    on=BAD,
    when=lambda j: any(x.answer.status == 101 for x in j.steps("good")) and bool(j.steps("bad")),
    says="An opening handshake without a key, with a bad one or of another version is refused: 400, or 426.",
)
def bad_handshake(j: Journey) -> Iterator[Finding]:
    for x in j.steps("bad"):
        if x.answer.status not in (400, UPGRADE_REQUIRED):
            soft = 400 <= x.answer.status < 500
            yield Finding(x.answer.line, "400 or 426", str(x.facts.get("bad", "handshake")), seq=x.seq, warn=soft)


@bad_handshake.mutant
def opens_to_everybody(x: Exchange) -> Answer | None:
    """Every handshake is accepted."""
    return (
        x.answer.but(status=101, reason="Switching Protocols") if x.answer.status in (400, UPGRADE_REQUIRED) else None
    )
