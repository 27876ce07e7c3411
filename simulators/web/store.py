"""Knows the Store transaction (PS3.18 10.5, Annex I): instances arrive in parts, a response module leaves.

Must not know how instances are made of metadata and bulk data, checked or kept.
"""

from __future__ import annotations

import json

from anyio.to_thread import run_sync

from simulators.archive.held import CANNOT_UNDERSTAND, Stored
from simulators.web.call import Call, Reply
from simulators.web.native import document
from simulators.web.negotiate import DICOM, JSON, XML, Offer
from simulators.web.service import Service
from simulators.web.store_metadata import Separate
from simulators.web.store_parts import Arrived, Batch, Disconnected, form_of
from simulators.web.store_response import headers, response_module, status

__all__ = ["Disconnected", "store"]

OFFERS = (Offer(JSON), Offer(XML))


async def store(call: Call, service: Service) -> Reply:
    """Store what the payload holds; nothing of a request that breaks off or is malformed is stored."""
    study = call.uid("study")
    call.require_accept(OFFERS)
    form = form_of(call)
    selected = call.choose(OFFERS)
    batch = Batch(service.archive, service.payload, form.root)
    try:
        await batch.read(call, form.boundary)
        keep = _instances if form.root == DICOM else _separate
        outcomes = await run_sync(lambda: keep(service, batch.parts, study or None, call.location))
    finally:
        batch.discard()
    module = json.dumps(response_module(outcomes, call.base), ensure_ascii=False).encode()
    octets = module if selected.offer.type == JSON else document(module)
    return Reply(status(outcomes), selected.offer.type, (octets,), headers(outcomes, call.base))


def _instances(service: Service, parts: list[Arrived], study: str | None, base: str) -> list[Stored]:
    """Store PS3.10 representations; a part of another type is a failure without a name."""
    outcomes = service.archive.store([p.octets for p in parts if p.name == DICOM], study)
    for part in parts:
        if part.name != DICOM:
            detail = f"part {part.number} is {part.name[:100]!r}, not {DICOM}"
            outcomes.append(Stored("failed", CANNOT_UNDERSTAND, detail))
    return outcomes


def _separate(service: Service, parts: list[Arrived], study: str | None, base: str) -> list[Stored]:
    """Store metadata and bulk data."""
    separate = Separate(parts, base, service.archive.receive)
    try:
        return separate.store(service.archive, study)
    finally:
        separate.discard()
