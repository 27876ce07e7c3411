"""Knows how an agent asks the services of PS3.18 chapters 11 and 13, and reads what it is answered.

Nothing that the other end does raises anything: an answer that did not come has the status 0.
Must not know when an agent asks what, nor who answers.
"""

from __future__ import annotations

import json
import tempfile
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from harness.blobs import Blobs
from harness.body import EMPTY, Body
from harness.exchange import Answer, Ask, Headers
from harness.talk.web import Limits, Talk
from harness.wire import dicom_json
from harness.wire.uri import request_target

DataSet = dict[str, Any]

JSON: Final = "application/dicom+json"
WORKLIST, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
FINAL: Final = (COMPLETED, CANCELED)
STATE, TRANSACTION, INSTANCE, READINESS = "00741000", "00081195", "00080018", "00404041"
LABEL: Final = "00741204"
LONGEST: Final = 10.0  # seconds that Retry-After may make an agent wait
_BUSY: Final = (429, 503)
_LIMITS: Final = Limits(deadline=20.0, body=16 << 20)


def new_uid() -> str:
    """A UID that nobody else has (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def text(dataset: Mapping[str, Any], tag: str) -> str:
    """The first value of an attribute, '' without one."""
    return dicom_json.text(dataset, tag)


@dataclass(frozen=True)
class Reply:
    """What an agent was answered. `status` is 0 when no whole answer came."""

    status: int
    headers: Headers
    datasets: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, answer: Answer) -> Reply:
        found = answer.json.datasets if answer.json is not None and answer.complete else ()
        return cls(answer.status if answer.complete else 0, answer.headers, tuple(found))

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def pause(self) -> float:
        """Seconds that Retry-After asks for, as far as anybody waits; 0 when it asks for nothing."""
        told = (self.headers.get("retry-after") or "").strip()
        return min(float(told), LONGEST) if told.isdigit() and len(told) < 6 else 0.0

    @property
    def dataset(self) -> Mapping[str, Any]:
        """The first data set, {} without one."""
        return self.datasets[0] if self.datasets else {}


class Service:
    """The services at a Base URI, as one agent asks them; for one thread at a time. `name` goes out as User-Agent."""

    def __init__(self, base: str, name: str) -> None:
        self.base, self.name = base.rstrip("/"), name
        self._folder = tempfile.TemporaryDirectory(prefix="dicomproof-agent-", ignore_cleanup_errors=True)
        self._talk = Talk(self.base, Blobs(Path(self._folder.name)), _LIMITS)

    def ask(self, method: str, path: str, dataset: Mapping[str, Any] | None = None) -> Reply:
        """A request below the Base URI, with this data set for its payload."""
        target, host = request_target(path, self.base)
        fields = [("Host", host), ("User-Agent", self.name), ("Accept", JSON)]
        body = EMPTY
        if dataset is not None:
            body = Body.of(json.dumps([dict(sorted(dataset.items()))], ensure_ascii=False).encode())
            fields.append(("Content-Type", JSON))
        if method in ("POST", "PUT"):
            fields.append(("Content-Length", str(body.size)))
        asked = Ask(method, target, self.base, Headers.of(fields), body)
        reply = Reply.of(self._talk.ask(asked))
        if reply.status in _BUSY and (pause := reply.pause):
            threading.Event().wait(pause)
            reply = Reply.of(self._talk.ask(asked))
        return reply

    def create(self, uid: str, workitem: DataSet) -> Reply:
        """A new workitem under this UID (11.4), which stands in the query; the data set must not have it."""
        return self.ask("POST", f"workitems?{uid}", workitem)

    def retrieve(self, uid: str) -> Reply:
        return self.ask("GET", f"workitems/{uid}")

    def search(self, keys: Iterable[tuple[str, str]], most: int) -> Reply:
        """The workitems that match these keys, `most` of them (11.9)."""
        words = [f"{name}={quote(value, safe='')}" for name, value in keys]
        return self.ask("GET", f"workitems?{'&'.join([*words, f'limit={most}'])}")

    def update(self, uid: str, transaction: str, changes: DataSet) -> Reply:
        """An update of a claimed workitem: the Transaction UID stands in the query, as PS3.18 11.6.1 has it, and in the
        data set, as PS3.4 CC.2.6.2 does."""
        inside = {**changes, TRANSACTION: {"vr": "UI", "Value": [transaction]}}
        return self.ask("POST", f"workitems/{uid}?{transaction}", inside)

    def change(self, uid: str, transaction: str, state: str) -> Reply:
        """A change of state (11.7)."""
        told = {TRANSACTION: {"vr": "UI", "Value": [transaction]}, STATE: {"vr": "CS", "Value": [state]}}
        return self.ask("PUT", f"workitems/{uid}/state", told)

    def cancel(self, uid: str, reason: str) -> Reply:
        """A request to cancel a workitem that somebody else performs (11.8)."""
        return self.ask("POST", f"workitems/{uid}/cancelrequest", {"00741238": {"vr": "LT", "Value": [reason]}})

    def subscribe(self, uid: str, title: str, lock: bool = False, filter: str = "") -> Reply:
        """A subscription of this AE title; `filter` is attribute=value,… for the filtered worklist (11.10)."""
        words = [*(["deletionlock=true"] if lock else []), *([f"filter={filter}"] if filter else [])]
        path = f"workitems/{uid}/subscribers/{quote(title, safe='')}"
        return self.ask("POST", f"{path}?{'&'.join(words)}" if words else path)

    def unsubscribe(self, uid: str, title: str) -> Reply:
        return self.ask("DELETE", f"workitems/{uid}/subscribers/{quote(title, safe='')}")

    def close(self) -> None:
        self._talk.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
