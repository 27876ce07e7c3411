"""Knows the Store transaction (PS3.18 10.5, Annex I): instances arrive in parts, a response module leaves.

Must not know how instances are checked or kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from anyio.to_thread import run_sync

from simulators.archive.held import CANNOT_UNDERSTAND, Stored
from simulators.archive.incoming import Incoming
from simulators.web import media
from simulators.web.call import Call, Reply
from simulators.web.multipart_in import Begin, Data, End, Malformed, Reader
from simulators.web.native import document
from simulators.web.negotiate import DICOM, JSON, XML, Offer
from simulators.web.report import Problem
from simulators.web.service import Service

OFFERS = (Offer(JSON), Offer(XML))
SUPPORTED = f'multipart/related; type="{DICOM}"'
PARTS = 100_000  # of one request: each is a file until the request is complete
_BOUNDARY = 70  # characters (RFC 2046 5.1.1)


class Disconnected(Exception):
    """The user agent went away before the request was complete; nobody is there for an answer."""


async def store(call: Call, service: Service) -> Reply:
    """Store what the payload holds; nothing of a request that breaks off or is malformed is stored."""
    study = call.uid("study")
    call.require_accept(OFFERS)
    boundary = _boundary(call)
    selected = call.choose(OFFERS)
    batch = _Batch(service)
    try:
        await batch.read(call, boundary)
        outcomes = await run_sync(lambda: service.archive.store(batch.received, study or None))
    finally:
        batch.discard()
    outcomes += [Stored("failed", CANNOT_UNDERSTAND, detail) for detail in batch.refused]
    module = json.dumps(response_module(outcomes, call.base), ensure_ascii=False).encode()
    octets = module if selected.offer.type == JSON else document(module)
    return Reply(status(outcomes), selected.offer.type, (octets,), _headers(outcomes, call.base))


def _boundary(call: Call) -> str:
    """The boundary of a request this door can store; Problem 400 or 415 for others (10.5.3.1)."""
    values = call.headers.getlist("content-type")
    if len(values) != 1:
        raise Problem(400, "A store request has one Content-Type header field.", supported=[SUPPORTED])
    found = media.read(values[0])
    if found is None:
        raise Problem(400, f"Content-Type {values[0][:200]!r} is not a media type.", supported=[SUPPORTED])
    if found.name != "multipart/related":
        raise Problem(415, f"{found.name} is not stored here.", supported=[SUPPORTED])
    root, boundary = found.parameters.get("type", "").lower(), found.parameters.get("boundary", "")
    if not root or {"type", "boundary"} & found.repeated:
        raise Problem(400, "multipart/related has one type and one boundary parameter.", supported=[SUPPORTED])
    if root != DICOM:
        detail = f"Parts of type {root[:100]} are not stored here; PS3.10 instances are."
        raise Problem(415, detail, supported=[SUPPORTED])
    if not 0 < len(boundary) <= _BOUNDARY or boundary.endswith(" "):
        raise Problem(400, f"The boundary has 1 to {_BOUNDARY} characters and no space at its end.")
    coding = call.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise Problem(415, f"Content-Encoding {coding[:80]} is not supported.", supported=[SUPPORTED])
    return boundary


class _Batch:
    """The parts of one request: those received, and sentences about those that are no instances."""

    def __init__(self, service: Service) -> None:
        self._archive = service.archive
        self._limit = service.payload
        self._size = 0
        self._current: Incoming | None = None
        self.received: list[Incoming] = []
        self.refused: list[str] = []

    async def read(self, call: Call, boundary: str) -> None:
        """Take the whole payload in; Problem 400 or 413 when it cannot be."""
        reader = Reader(boundary)
        more = True
        try:
            while more:
                message = await call.receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                more = message.get("more_body", False)
                self._count(len(message.get("body", b"")))
                for event in reader.feed(message.get("body", b"")):
                    self._take(event)
            reader.finish()
        except Malformed as problem:
            raise Problem(400, str(problem)) from problem
        except OSError as problem:
            raise Problem(503, "The instances could not be written down.", temporary=True) from problem

    def discard(self) -> None:
        """Remove what was received; the archive has taken what it stored."""
        for incoming in self.received:
            incoming.discard()

    def _count(self, octets: int) -> None:
        self._size += octets
        if self._limit is not None and self._size > self._limit:
            raise Problem(413, f"The payload is larger than {self._limit} octets.")

    def _take(self, event: Begin | Data | End) -> None:
        if isinstance(event, Data):
            if self._current:
                self._current.write(event.octets)
        elif isinstance(event, Begin):
            self._begin(event)
        elif self._current:
            self._current.close()
            self._current = None

    def _begin(self, event: Begin) -> None:
        number = len(self.received) + len(self.refused) + 1
        if number > PARTS:
            raise Problem(413, f"The payload has more than {PARTS} parts.")
        given = event.fields.get("content-type")
        found = media.read(given) if given is not None else media.MediaType(DICOM)
        if found is None or found.name != DICOM:
            self._current = None
            self.refused.append(f"part {number} is {(given or '')[:100]!r}, not {DICOM}")
            return
        self._current = self._archive.receive()
        self.received.append(self._current)


def status(outcomes: Sequence[Stored]) -> int:
    """200 for all stored, 202 for some or with warnings, 400 when nothing was an instance, 409 when none was stored."""
    stored = [o for o in outcomes if o.status == "stored"]
    if not stored:
        return 409 if any(o.sop_instance for o in outcomes) else 400
    return 200 if len(stored) == len(outcomes) and not any(o.warning for o in stored) else 202


def response_module(outcomes: Sequence[Stored], base: str) -> dict[str, Any]:
    """The Store Instances Response Module as a DICOM JSON object (Table I.1-1); sequences only when they have items."""
    stored = [o for o in outcomes if o.status == "stored"]
    failed = [o for o in outcomes if o.status == "failed" and o.sop_instance]
    others = [o for o in outcomes if o.status == "failed" and not o.sop_instance]
    studies = {o.study for o in stored}
    module: dict[str, Any] = {
        "00081190": _element("UR", f"{base}/studies/{studies.pop()}" if len(studies) == 1 else "")
    }
    if failed:
        module["00081198"] = {"vr": "SQ", "Value": [{**_reference(o), "00081197": _reason(o.reason)} for o in failed]}
    if stored:
        module["00081199"] = {"vr": "SQ", "Value": [_stored(o, base) for o in stored]}
    if others:
        module["0008119A"] = {"vr": "SQ", "Value": [{"00081197": _reason(o.reason)} for o in others]}
    return module


def _stored(outcome: Stored, base: str) -> dict[str, Any]:
    item = _reference(outcome)
    item["00081190"] = _element("UR", _url(outcome, base))
    if outcome.warning:
        item["00081196"] = _reason(outcome.warning)
    return dict(sorted(item.items()))


def _reference(outcome: Stored) -> dict[str, Any]:
    return {"00081150": _element("UI", outcome.sop_class), "00081155": _element("UI", outcome.sop_instance)}


def _element(vr: str, value: str) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]} if value else {"vr": vr}


def _reason(code: int) -> dict[str, Any]:
    return {"vr": "US", "Value": [code]}


def _url(outcome: Stored, base: str) -> str:
    return f"{base}/studies/{outcome.study}/series/{outcome.series}/instances/{outcome.sop_instance}"


def _headers(outcomes: Sequence[Stored], base: str) -> list[tuple[str, str]]:
    """Location and Content-Location of what was created, and a Warning for each kind of trouble (10.5.3.2)."""
    stored = [o for o in outcomes if o.status == "stored"]
    headers: list[tuple[str, str]] = []
    if stored:
        location = _location(stored, base)
        headers += [("location", location), ("content-location", location)]
        troubles = {o.warning or o.reason: o.detail for o in reversed(outcomes) if o.warning or o.reason}
        for code, detail in sorted(troubles.items()):
            headers.append(("warning", f"299 {base}: {code:04X} {_line(detail)}".rstrip()))
    return headers


def _location(stored: Sequence[Stored], base: str) -> str:
    """The narrowest resource that holds all that was created."""
    if len({o.sop_instance for o in stored}) == 1:
        return _url(stored[0], base)
    studies = {o.study for o in stored}
    return f"{base}/studies/{studies.pop()}" if len(studies) == 1 else f"{base}/studies"


def _line(text: str) -> str:
    """A sentence fit for a header field."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:200]
