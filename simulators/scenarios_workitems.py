"""Knows what a client of the Worklist service must survive: claims that are lost, work that is taken away, warnings,
workitems that are gone, and on the notification connection events of every kind, and its loss.

Everything that is said is legal. Must not know what a client makes of it, nor how that is judged.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.body import Body
from harness.exchange import Answer, Ask, Headers
from harness.wire import dicom_json
from simulators.doors import Door
from simulators.scenario import Around, Changing, Maker, Seen, Told, changed, refusal, says

CREATED, UPDATED, CHANGED = "web.workitems.create", "web.workitems.update", "web.workitems.state"
RETRIEVED, SUBSCRIBED = "web.workitems.retrieve", "web.workitems.subscribe"
STATE, TRANSACTION = "00741000", "00081195"
IN_PROGRESS, CANCELED = "IN PROGRESS", "CANCELED"
FINAL: Final = ("COMPLETED", CANCELED)
CUT: Final = 2  # events that come before a connection is lost
PUSH: Final = "1.2.840.10008.5.1.4.34.6.1"
_JSON = "application/dicom+json"

MAKERS: dict[str, Maker] = {}
SOCKETS: dict[str, tuple[str, Callable[[Told], Around]]] = {}


def _named(name: str) -> Callable[[Callable[[], Changing]], Callable[[], Changing]]:
    def register(make: Callable[[], Changing]) -> Callable[[], Changing]:
        MAKERS[name] = (says(make), make)
        return make

    return register


def _text(message: Ask | Answer, tag: str) -> str:
    found = message.json.datasets if message.json is not None else ()
    return dicom_json.text(found[0], tag) if found else ""


def _claims(ask: Ask) -> bool:
    return ask.resource.kind == CHANGED and _text(ask, STATE) == IN_PROGRESS


def _beside(ask: Ask, method: str, tail: str, dataset: dict[str, Any]) -> Ask:
    """What somebody else asks about the same workitem."""
    root = ask.target.partition("/workitems/")[0]
    body = Body.of(json.dumps([dataset]).encode())
    kept = [f for f in ask.headers if f[0].lower() in ("host", "authorization")]
    fields = [*kept, ("Accept", _JSON), ("Content-Type", _JSON), ("Content-Length", str(body.size))]
    return Ask(method, f"{root}/workitems/{ask.resource.uid}{tail}", ask.base, Headers.of(fields), body)


def _change(ask: Ask, transaction: str, state: str) -> Ask:
    told = {TRANSACTION: _one("UI", transaction), STATE: _one("CS", state)}
    return _beside(ask, "PUT", "/state", told)


def _one(vr: str, value: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]}


def _items(dataset: dict[str, Any]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": [dataset]}


@_named("lost-claim")
def _lost_claim() -> Changing:
    """Every second workitem that is claimed another agent has claimed a moment before."""
    seen, count = Seen(), itertools.count()

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        if _claims(ask) and seen.first(ask.resource.uid) and next(count) % 2 == 0:
            told(ask.target)
            door(_change(ask, f"2.25.{uuid.uuid4().int}", IN_PROGRESS))
        return door(ask)

    return act


@_named("cancel-requested")
def _cancel_requested() -> Changing:
    """As soon as a workitem is claimed somebody asks for it to be canceled."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        if _claims(ask) and answer.ok:
            told(ask.target)
            door(_beside(ask, "POST", "/cancelrequest", {"00741238": _one("LT", "not needed any more")}))
        return answer

    return act


@_named("taken-away")
def _taken_away() -> Changing:
    """After its first update a workitem in progress is CANCELED by the service."""
    seen = Seen()

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        transaction = _text(ask, TRANSACTION)
        if ask.resource.kind == UPDATED and answer.ok and transaction and seen.first(ask.resource.uid):
            told(ask.target)
            why = {"0074100E": _items(_code("110513", "Discontinued for unspecified reason"))}
            changes = {TRANSACTION: _one("UI", transaction), "00741002": _items(why)}
            door(_beside(ask, "POST", f"?{transaction}", changes))
            door(_change(ask, transaction, CANCELED))
        return answer

    return act


def _code(value: str, meaning: str) -> dict[str, Any]:
    return {"00080100": _one("SH", value), "00080102": _one("SH", "DCM"), "00080104": _one("LO", meaning)}


WARNINGS: Final = {
    CREATED: "The Workitem was created with modifications.",
    UPDATED: "Requested optional Attributes are not supported.",
    SUBSCRIBED: "Deletion Lock not granted.",
}


@_named("workitem-warnings")
def _workitem_warnings() -> Changing:
    """What is asked of workitems is done, with a Warning: created otherwise, attributes left out, no deletion lock."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        text = WARNINGS.get(ask.resource.kind)
        if text is None or not answer.ok or "warning" in answer.headers:
            return answer
        fields = (*answer.headers.fields, ("warning", f"299 {ask.base}: {text}"))
        return changed(answer, ask, told, headers=Headers(fields))

    return act


@_named("gone")
def _gone() -> Changing:
    """A workitem that is COMPLETED or CANCELED is gone: 410."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        if ask.resource.kind != RETRIEVED or _text(answer, STATE) not in FINAL:
            return answer
        told(ask.target)
        return refusal(410, "Gone")

    return act


def _spoken(name: str) -> Callable[[Callable[[Told], Around]], Callable[[Told], Around]]:
    def register(make: Callable[[Told], Around]) -> Callable[[Told], Around]:
        SOCKETS[name] = (says(make), make)
        return make

    return register


Speak = Callable[[Message, Send], Any]


def _around(make: Callable[[str], Speak]) -> Around:
    """An application whose messages on notification connections go through `make` of the target of each of them."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                await app(scope, receive, send)
                return
            speak = make(str(scope.get("path", "")))

            async def spoken(message: Message) -> None:
                await speak(message, send)

            await app(scope, receive, spoken)

        return wrapped

    return wrap


def _dataset(message: Message) -> dict[str, Any] | None:
    """The event that is sent, None for anything else."""
    if message["type"] != "websocket.send" or not message.get("text"):
        return None
    found = json.loads(message["text"])
    return found if isinstance(found, dict) else None


def _sends(dataset: dict[str, Any]) -> Message:
    return {"type": "websocket.send", "text": json.dumps(dict(sorted(dataset.items())), ensure_ascii=False)}


EXTRA: Final[dict[str, Any]] = {
    "00081030": _one("LO", "what nobody asked for"),
    "00090010": _one("LO", "DICOMPROOF"),
    "00091001": _one("UT", "a private attribute"),
    "00100010": {"vr": "PN", "Value": [{"Ideographic": "\u5c71\u7530^\u592a\u90ce"}]},
    "0040A370": {"vr": "SQ", "Value": [{"0020000D": _one("UI", "1.2.3"), "00080050": {"vr": "SH"}}]},
}


@_spoken("odd-events")
def _odd_events(told: Told) -> Around:
    """Events have attributes that are in no table: of the study, private ones, sequences."""

    def make(path: str) -> Speak:
        async def speak(message: Message, send: Send) -> None:
            found = _dataset(message)
            if found is not None:
                told(path)
            await send(message if found is None else _sends({**EXTRA, **found}))

        return speak

    return _around(make)


def _unasked() -> list[dict[str, Any]]:
    """Events about a workitem that nobody knows, of the other types, and of the provider itself."""
    stranger = {"00000002": _one("UI", PUSH), "00001000": _one("UI", f"2.25.{uuid.uuid4().int}")}
    code = _items(_code("110513", "any"))
    provider = {"00741242": _one("CS", "RESTARTED"), "00741244": _one("CS", "WARM START"),
                "00741246": _one("CS", "WARM START")}  # fmt: skip
    told = {
        1: {STATE: _one("CS", "SCHEDULED"), "00404041": _one("CS", "UNREADY")},
        2: {"00741236": _one("AE", "STRANGER"), "00741238": _one("LT", "not needed any more")},
        3: {"00741002": _items({"00741004": _one("DS", 50)})},
        4: provider,
        5: {"00404025": code},
    }
    return [{**stranger, "00001002": _one("US", number), **more} for number, more in told.items()]


@_spoken("events-unasked")
def _events_unasked(told: Told) -> Around:
    """Before the first event come some of every type, about a workitem that nobody knows."""

    def make(path: str) -> Speak:
        begun = False

        async def speak(message: Message, send: Send) -> None:
            nonlocal begun
            if not begun and _dataset(message) is not None:
                begun = True
                told(path)
                for one in _unasked():
                    await send(_sends(one))
            await send(message)

        return speak

    return _around(make)


@_spoken("lost-connection")
def _lost_connection(told: Told) -> Around:
    """A notification connection is ended after two events, the first one that a subscriber opens."""
    seen = Seen()

    def make(path: str) -> Speak:
        left = CUT if seen.first(path) else -1

        async def speak(message: Message, send: Send) -> None:
            nonlocal left
            if left == 0:  # it was ended
                return
            await send(message)
            if left > 0 and _dataset(message) is not None:
                left -= 1
                if left == 0:
                    told(path)
                    await send({"type": "websocket.close", "code": 1001, "reason": "going away"})

        return speak

    return _around(make)
