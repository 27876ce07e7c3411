"""Knows how conversations about workitems are worked out by hand, on which the rules over them are proved.

Must not know rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.body import EMPTY, Body
from harness.exchange import Answer, Ask, Exchange, Headers
from suites.web.client.talk import BASE, JSON, refused
from suites.web.workitems import making
from suites.web.workitems.making import DataSet

ITEM, OTHER = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
KEY, SECOND = "1.2.826.0.1.3680043.8.498.101", "1.2.826.0.1.3680043.8.498.102"
SOCKET = "/dicomweb/notifications/DESK"
OK, CREATED, ACCEPTED = refused(200), refused(201), refused(202)
CONFLICT = refused(409)


def sent(method: str, path: str, dataset: Mapping[str, Any] | None = None) -> Ask:
    """A request below the Base URI, with a data set for a payload where there is one."""
    fields = [("Host", "pacs.example"), ("Accept", JSON)]
    body = EMPTY
    if dataset is not None:
        body = Body.of(making.as_json(dataset))
        fields += [("Content-Type", JSON), ("Content-Length", str(body.size))]
    return Ask(method, f"/dicomweb/{path}", BASE, Headers.of(fields), body)


def creates(uid: str = ITEM, **changes: Any) -> Ask:
    return sent("POST", f"workitems?{uid}", making.workitem("read", "LIST", **changes))


def changes_state(state: str, key: str = KEY, uid: str = ITEM) -> Ask:
    return sent("PUT", f"workitems/{uid}/state", making.change(state, key))


def updates(dataset: DataSet, key: str = KEY, uid: str = ITEM) -> Ask:
    """An update; without a key for a workitem that nobody has claimed."""
    inside = {**dataset, making.LOCK: making.element(making.LOCK, key)} if key else dataset
    return sent("POST", f"workitems/{uid}?{key}" if key else f"workitems/{uid}", dict(sorted(inside.items())))


def cancels(uid: str = ITEM) -> Ask:
    return sent("POST", f"workitems/{uid}/cancelrequest", making.attributes(x00741238="no more need"))


def retrieves(uid: str = ITEM) -> Ask:
    return sent("GET", f"workitems/{uid}")


def shown(dataset: Mapping[str, Any]) -> Answer:
    """A workitem as it is retrieved."""
    body = Body.of(json.dumps([dataset]).encode())
    return Answer(200, headers=Headers.of([("Content-Type", JSON), ("Content-Length", str(body.size))]), body=body)


def subscribes(uid: str = making.WORKLIST, query: str = "") -> Ask:
    return sent("POST", f"workitems/{uid}/subscribers/DESK{query}")


def subscribed(target: str = SOCKET) -> Answer:
    """The answer to a subscription, which tells where the events come."""
    return refused(201, [("Content-Location", f"ws://pacs.example{target}")])


def opens(seq: int, target: str = SOCKET) -> Exchange:
    """The handshake of a notification connection; `seq` is the place that it has in the conversation."""
    fields = [("Host", "pacs.example"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
              ("Origin", "http://pacs.example"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
              ("Sec-WebSocket-Version", "13")]  # fmt: skip
    ask = Ask("GET", target, BASE, Headers.of(fields))
    return Exchange(0, ask, Answer(101), facts={"connection": seq})


def event(opening: int, dataset: Mapping[str, Any] | None = None) -> Exchange:
    """An event on the connection that was opened at this place."""
    told = dataset if dataset is not None else report(ITEM, making.IN_PROGRESS)
    answer = Answer(101, headers=Headers.of([("Content-Type", JSON)]), body=Body.of(json.dumps(told).encode()))
    facts = {"connection": opening, "frame": {"opcode": 1, "fragments": 1, "masked": False, "rsv": 0}, "flaws": []}
    return Exchange(0, Ask("EVENT", SOCKET, BASE), answer, facts=facts)


def said(opening: int, text: str, masked: bool = True) -> Exchange:
    """What the user agent says on that connection."""
    facts = {"connection": opening, "frame": {"opcode": 1, "fragments": 1, "masked": masked, "rsv": 0}, "flaws": []}
    return Exchange(0, Ask("SAID", SOCKET, BASE, body=Body.of(text.encode())), Answer(101), facts=facts)


def ends(opening: int, by: str = "origin-server", code: int | None = 1001) -> Exchange:
    """The end of that connection."""
    facts = {"connection": opening, "by": by, "code": code, "flaws": [], "said_flaws": []}
    return Exchange(0, Ask("END", SOCKET, BASE), Answer(101), facts=facts)


def report(uid: str, state: str, **more: Any) -> DataSet:
    """An event of type 1 about a workitem (PS3.4 Table CC.2.4-1, PS3.7 Table 10.3-2); `more` by tag with a leading
    "x"."""
    return making.attributes(
        x00000002="1.2.840.10008.5.1.4.34.6.1", x00001000=uid, x00001002=1, x00741000=state, x00404041="READY", **more
    )


def conversation(*said_: tuple[Ask, Answer] | Exchange) -> tuple[Exchange, ...]:
    """These questions with their answers, and what was said on connections, one after the other."""
    whole = [Exchange(0, *one) if isinstance(one, tuple) else one for one in said_]
    return tuple(replace(x, seq=number) for number, x in enumerate(whole, 1))


def but(whole: Sequence[Exchange], number: int, ask: Ask) -> tuple[Exchange, ...]:
    """The conversation with another question at this place, counted from 1."""
    return tuple(x.but(ask=ask) if n == number else x for n, x in enumerate(whole, 1))


def without(whole: Sequence[Exchange], *numbers: int) -> tuple[Exchange, ...]:
    """The conversation without what stands at these places, counted from 1."""
    return tuple(x for n, x in enumerate(whole, 1) if n not in numbers)
