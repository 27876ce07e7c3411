"""Requests of metadata and bulk data to the web door without a socket, for the tests of the Store transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from harness.body import Body
from harness.make.parts import Message, Part, multipart
from harness.make.sample import Sample
from harness.make.store_metadata import JSON, OCTETS, Separate
from harness.wire import part10
from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from tests.web.door import Client

AS_STORED = "application/dicom; transfer-syntax=*"
FAILED, REFERENCED, OTHER = "00081198", "00081199", "0008119A"


def door(folder: Path, **about: Any) -> tuple[Archive, Client]:
    """An archive and a client of its door."""
    archive = Archive(folder, **about)
    return archive, Client(web(Service(archive)))


def send(client: Client, message: Message, study: str = "", accept: str = JSON) -> httpx.Response:
    target = f"/studies/{study}" if study else "/studies"
    headers = {"content-type": message.content_type}
    return client.request("POST", target, accept, content=message.body.bytes(), headers=headers)


def part(octets: bytes, type: str = OCTETS, location: str = "", syntax: str = "") -> Part:
    fields = (("Content-Location", location),) if location else ()
    return Part(Body.of(octets), type, syntax, fields)


def request(attributes: Sequence[dict[str, Any]] | bytes, *bulk: Part) -> Message:
    """Metadata in JSON, as objects or as a text, and bulk data behind it."""
    text = attributes if isinstance(attributes, bytes) else json.dumps(list(attributes)).encode()
    return multipart([Part.of(text, JSON), *bulk])


def items(answer: httpx.Response, tag: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json().get(tag, {}).get("Value", [])
    return found


def reasons(answer: httpx.Response) -> list[str]:
    """The Failure Reasons of named and nameless failures."""
    return [f"{i['00081197']['Value'][0]:04X}" for tag in (FAILED, OTHER) for i in items(answer, tag)]


def warnings(answer: httpx.Response) -> list[str]:
    return [f"{i['00081196']['Value'][0]:04X}" for i in items(answer, REFERENCED) if "00081196" in i]


def kept(client: Client, sample: Sample) -> part10.Reading:
    """The instance as the archive has it."""
    answer = client.get(sample.path, AS_STORED)
    assert answer.status_code == 200, answer.text
    return part10.read(Body.of(answer.content))


def attributes(one: Separate, **changes: Any) -> dict[str, Any]:
    return one.but(**changes).attributes
