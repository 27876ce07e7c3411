"""Knows answers that a client must survive: legal oddities, refusals, parts of an answer, bad lines; each by its name.

A scenario changes what the unbroken service answers, where the answer leaves or on the line behind it, and remembers
whom it changed an answer for.
Must not know what a client makes of it, nor how that is judged.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from harness.body import Body
from harness.exchange import Answer, Ask, Headers
from simulators.doors import Door
from simulators.relay import Choose, Trouble
from simulators.scenario import Changing, Maker, Scenario, Seen, Told, changed, each, first_time, refusal, says
from simulators.scenarios_workitems import MAKERS, SOCKETS

__all__ = ["ELSEWHERE", "PAGE", "RETRY", "Scenario", "names", "scenario"]

ELSEWHERE = "/elsewhere"  # where the scenarios that move resources have them
RETRY = 1  # seconds in Retry-After
PAGE = 2  # rows of a cut page
SMALL = 8 << 20  # octets of a payload that is changed; a larger one is left as it is
_JSON = ("application/dicom+json", "application/json")
_ODD_BOUNDARY = "=_odd'()+_,-./:=?boundary of seventy characters, all of them legal...1"
_BAD_LINE = 400  # octets of an answer before the line breaks

_MAKERS: dict[str, Maker] = {}


def _named(name: str) -> Callable[[Callable[[], Changing]], Callable[[], Changing]]:
    def register(make: Callable[[], Changing]) -> Callable[[], Changing]:
        _MAKERS[name] = (says(make), make)
        return make

    return register


_LINES: dict[str, tuple[str, Callable[[Told], Choose | Trouble]]] = {
    "drip": ("Answers come 64 octets at a time.", lambda told: Trouble("drip", octets=64, seconds=0.005)),
    "reset": (
        "The first answer to each question breaks off with a reset of the connection.",
        lambda told: first_time("reset", _BAD_LINE, told),
    ),
    "slow": ("Every answer comes after a second and a half.", lambda told: each(Trouble("delay", seconds=1.5), told)),
    "cut": (
        "The first answer to each question ends before its time.",
        lambda told: first_time("cut", _BAD_LINE, told),
    ),
}


def names() -> dict[str, str]:
    """Name -> what it does, in a sentence."""
    return {name: text for name, (text, _) in sorted({**_MAKERS, **MAKERS, **_LINES, **SOCKETS}.items())}


def scenario(name: str) -> Scenario:
    """A scenario, fresh; KeyError for a name that there is not."""
    if name in _LINES:
        text, line = _LINES[name]
        made = Scenario(name, text)
        made.trouble = line(made.tell)
        return made
    if name in SOCKETS:
        text, wrap = SOCKETS[name]
        made = Scenario(name, text)
        made.around = wrap(made.tell)
        return made
    text, make = (_MAKERS | MAKERS)[name]
    made = Scenario(name, text, root=ELSEWHERE if name in ("elsewhere", "moved") else "")
    change = make()
    made.mutate = lambda ask, door: change(ask, door, made.tell)
    return made


def _small(answer: Answer) -> bool:
    return answer.ok and 0 < answer.body.size <= SMALL


@_named("partial")
def _partial() -> Changing:
    """A study or series comes as 206 with its first instance alone."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        if ask.resource.kind != "web.retrieve.instances" or len(answer.parts) < 2 or not _small(answer):
            return answer
        return changed(answer, ask, told, status=206, reason="Partial Content", body=_without_last(answer, 1))

    return act


def _without_last(message: Ask | Answer, keep: int) -> bytes:
    """The payload of a multipart message with its first `keep` parts alone."""
    boundary = message.media.parameters.get("boundary", "").encode("latin-1")
    return message.body.read(0, message.parts[keep].at) + b"--" + boundary + b"--\r\n"


@_named("store-some")
def _store_some() -> Changing:
    """The last instance of a Store request is not stored: 202, or 409 when it is the only one."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        if ask.resource.kind != "web.store" or not ask.files or ask.body.size > SMALL:
            return door(ask)
        told(ask.target)
        last = ask.files[-1].dataset
        item = {"00081150": _uid(last.text("00080016")), "00081155": _uid(last.text("00080018")),
                "00081197": {"vr": "US", "Value": [0xA700]}}  # fmt: skip
        if len(ask.parts) < 2:
            return _module(409, "Conflict", {"00081190": {"vr": "UR"}, "00081198": {"vr": "SQ", "Value": [item]}})
        body = Body.of(_without_last(ask, len(ask.parts) - 1))
        headers = ask.headers.but("content-length", str(body.size)).but("accept", _JSON[0])
        answer = door(ask.but(body=body, headers=headers))
        root = json.loads(answer.payload.bytes()) if answer.ok and answer.type in _JSON else {}
        return _module(202, "Accepted", {**root, "00081198": {"vr": "SQ", "Value": [item]}})

    return act


def _uid(value: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [value]}


def _module(status: int, reason: str, root: dict[str, Any]) -> Answer:
    body = Body.of(json.dumps(dict(sorted(root.items()))).encode())
    return Answer(status, reason, Headers.of([("Content-Type", _JSON[0]), ("Content-Length", str(body.size))]), body)


@_named("not-acceptable")
def _not_acceptable() -> Changing:
    """The first Accept that asks for a resource is answered 406, another one is served."""
    refused: dict[str, str] = {}
    lock = threading.Lock()

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        accept = ask.headers.get("accept") or ""
        if not ask.resource.kind.startswith("web.retrieve"):
            return door(ask)
        with lock:
            first = refused.setdefault(ask.resource.path, accept)
        if accept != first:
            return door(ask)
        told(ask.target)
        return refusal(406, "Not Acceptable")

    return act


def _busily(status: int, reason: str) -> Changing:
    seen = Seen()

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        if ask.method == "OPTIONS" or not seen.first(ask.method, ask.target, ask.body.digest if ask.body.size else ""):
            return door(ask)
        told(ask.target)
        return refusal(status, reason, ("Retry-After", str(RETRY)))

    return act


@_named("busy")
def _busy() -> Changing:
    """Each question is answered 503 with Retry-After the first time."""
    return _busily(503, "Service Unavailable")


@_named("too-many")
def _too_many() -> Changing:
    """Each question is answered 429 with Retry-After the first time."""
    return _busily(429, "Too Many Requests")


@_named("warnings")
def _warnings() -> Changing:
    """Searches are answered with a Warning that fuzzy matching is not supported."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        if not ask.resource.search or not answer.ok:
            return answer
        text = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
        fields = (*answer.headers.fields, ("warning", f"299 {ask.base}: {text}"))
        return changed(answer, ask, told, headers=Headers(fields))

    return act


@_named("pages")
def _pages() -> Changing:
    """A search is answered with two matches at most, and a Warning that there are more."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        limit = ask.query.get("limit")
        if not ask.resource.search or (limit is not None and limit.isdigit() and int(limit) <= PAGE):
            return door(ask)
        told(ask.target)
        words = "&".join(w for w in (ask.query.without("limit"), f"limit={PAGE}") if w)
        return door(ask.but(target=f"{ask.target.partition('?')[0]}?{words}"))

    return act


@_named("chunked")
def _chunked() -> Changing:
    """Payloads come in chunks, without Content-Length."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        if not answer.body.size:
            return answer
        return changed(answer, ask, told, headers=answer.headers.but("content-length", None))

    return act


@_named("gzip")
def _gzip() -> Changing:
    """Payloads are compressed for whoever accepts it."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        offered = re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", ask.headers.get("accept-encoding") or "")
        if not offered or not _small(answer) or "content-encoding" in answer.headers:
            return answer
        headers = answer.headers.but("content-encoding", "gzip").but("vary", "Accept-Encoding")
        return changed(answer, ask, told, headers=headers, body=gzip.compress(answer.body.bytes()))

    return act


@_named("odd-multipart")
def _odd_multipart() -> Changing:
    """Multipart answers have a preamble, an epilogue, and a boundary of 70 legal characters."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        old = answer.media.parameters.get("boundary", "")
        if answer.multipart is None or not old or not _small(answer):
            return answer
        kind = re.sub(r'boundary=("[^"]*"|[^;]*)', "boundary=...", answer.headers.get("content-type") or "")
        body = answer.body.bytes().replace(f"--{old}".encode(), f"--{_ODD_BOUNDARY}".encode())
        body = b"A message of several parts.\r\n" + body.rstrip(b"\r\n") + b"\r\nThat was all.\r\n"
        return changed(answer, ask, told, type=kind.replace("boundary=...", f'boundary="{_ODD_BOUNDARY}"'), body=body)

    return act


@_named("odd-json")
def _odd_json() -> Changing:
    """JSON holds a name with an ideographic group alone, an attribute without a value, and null among values."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        if answer.type not in _JSON or not _small(answer) or ask.method != "GET":
            return answer
        rows = json.loads(answer.payload.bytes())
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return answer
        names_ = {"vr": "PN", "Value": [{"Ideographic": "\u5c71\u7530^\u592a\u90ce"}]}
        odd = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}, "00081030": {"vr": "LO"},
               "00080050": {"vr": "SH"}, "00100010": names_,
               "00081060": {"vr": "PN", "Value": [None, {"Alphabetic": "SECOND"}]}}  # fmt: skip
        odder = [dict(sorted({**row, **odd}.items())) for row in rows]
        headers = answer.headers.but("content-encoding", None)
        return changed(answer, ask, told, headers=headers, body=json.dumps(odder).encode())

    return act


def _home(ask: Ask) -> Ask | None:
    """What is asked for below the other root, at its own place; None for anything else."""
    if not ask.target.startswith(ELSEWHERE + "/"):
        return None
    return ask.but(target=urlsplit(ask.base).path.rstrip("/") + ask.target[len(ELSEWHERE) :])


@_named("elsewhere")
def _elsewhere() -> Changing:
    """Retrieve URLs and Bulkdata URIs lead to another path, and what is there is served as well."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(_home(ask) or ask)
        if answer.type not in _JSON or not _small(answer):
            return answer
        root = urlsplit(ask.base).path.rstrip("/")
        body = answer.payload.bytes()
        moved = body.replace(f"{root}/studies/".encode(), f"{ELSEWHERE}/studies/".encode())
        if moved == body:
            return answer
        return changed(answer, ask, told, headers=answer.headers.but("content-encoding", None), body=moved)

    return act


@_named("moved")
def _moved() -> Changing:
    """What is retrieved has moved: 307, with its new place in Location."""

    def act(ask: Ask, door: Door, told: Told) -> Answer:
        home = _home(ask)
        if home or not ask.resource.kind.startswith("web.retrieve"):
            return door(home or ask)
        told(ask.target)
        root = urlsplit(ask.base).path.rstrip("/")
        place = ask.base.removesuffix(root) + ELSEWHERE + ask.target[len(root) :]
        return refusal(307, "Temporary Redirect", ("Location", place))

    return act


@_named("empty-204")
def _empty_204() -> Changing:
    """No search finds anything: 204, as editions up to 2024e have it."""
    return _emptily(Answer(204, "No Content"))


@_named("empty-list")
def _empty_list() -> Changing:
    """No search finds anything: 200 with an empty list, as 2026a has it."""
    fields = [("Content-Type", _JSON[0]), ("Content-Length", "2")]
    return _emptily(Answer(200, "OK", Headers.of(fields), Body.of(b"[]")))


def _emptily(empty: Answer) -> Changing:
    def act(ask: Ask, door: Door, told: Told) -> Answer:
        answer = door(ask)
        if not ask.resource.search or not answer.ok:
            return answer
        told(ask.target)
        return empty

    return act
