"""The Worklist Service at the web door, as tests speak to it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from tests.simulators.archive.making import LOCK, abandoned, performed, value, workitem

JSON, XML = "application/dicom+json", "application/dicom+xml"
W = "1.2.840.1"
WORKLIST, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
CLIENT = "http://sim.test/dicomweb"


class Door:
    """What a user agent says to one origin server."""

    def __init__(self, folder: Path, edition: str = "2024e", **options: Any) -> None:
        self.archive = Archive(folder)
        self.client = TestClient(web(Service(self.archive, edition=edition, **options)), base_url=CLIENT)

    def send(self, method: str, path: str, content: Any = None, **headers: str) -> httpx.Response:
        body = content if isinstance(content, bytes | None) else json.dumps(content).encode()
        given = {"accept": JSON, **({"content-type": JSON} if body is not None else {}), **headers}
        found: httpx.Response = self.client.request(method, path, content=body, headers=given)
        return found

    def create(self, uid: str = W, **more: Any) -> httpx.Response:
        return self.send("POST", f"/workitems?{uid}", [workitem(**more)])

    def state(self, state: str, lock: str | None = LOCK, uid: str = W) -> httpx.Response:
        given = {"00741000": value("CS", state)} | ({"00081195": value("UI", lock)} if lock else {})
        return self.send("PUT", f"/workitems/{uid}/state", [given])

    def held(self, uid: str = W) -> dict[str, Any]:
        answer = self.send("GET", f"/workitems/{uid}")
        (found,) = answer.json()
        made: dict[str, Any] = found
        return made

    def ended(self, state: str, uid: str = W) -> None:
        self.create(uid)
        self.state("IN PROGRESS", uid=uid)
        change = performed() if state == "COMPLETED" else abandoned()
        assert self.send("POST", f"/workitems/{uid}", [change]).status_code == 200
        assert self.state(state, uid=uid).status_code == 200

    def socket(self, where: str) -> Any:
        return self.client.websocket_connect(re.sub("^ws://sim.test", "", where))


def warning(answer: httpx.Response) -> str:
    """The sentence of the Warning field."""
    field: str = answer.headers.get("warning", "")
    assert not field or field.startswith(f"299 {CLIENT}: ")
    return field.removeprefix(f"299 {CLIENT}: ")


def events(socket: Any, count: int) -> list[tuple[str, int, str]]:
    found = [json.loads(socket.receive_text()) for _ in range(count)]
    for event in found:
        assert event["00000002"] == value("UI", "1.2.840.10008.5.1.4.34.6.1")
        assert event["00000110"]["vr"] == "US"
        assert list(event) == sorted(event)
    return [(e["00001000"]["Value"][0], e["00001002"]["Value"][0],
             "".join(e.get("00741000", {}).get("Value", ()))) for e in found]  # fmt: skip
