"""Knows how instances and their metadata are retrieved (PS3.18 10.4.1.1.1, 10.4.1.1.2).

Must not know how representations are chosen or made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from anyio.to_thread import run_sync

from simulators.archive.held import Held
from simulators.model.bulk import opened
from simulators.model.names import BASE
from simulators.model.xml_encode import document
from simulators.web import bulkdata, multipart_out, pixels
from simulators.web.call import Call, Reply
from simulators.web.content import Later, Piece, joined
from simulators.web.multipart_out import Part
from simulators.web.negotiate import DICOM, EXPLICIT_LE, JSON, OCTETS, XML, Offer
from simulators.web.plan import Plan, plan
from simulators.web.service import Service, url
from simulators.web.validators import Validators, identity

INSTANCES = (Offer(DICOM, multipart=True), Offer(OCTETS, multipart=True))
METADATA = (Offer(JSON), Offer(XML, multipart=True))


async def instances(call: Call, service: Service) -> Reply:
    """A study, a series or an instance as PS3.10 files, or its bulk data when octet-stream is asked (10.4.4 note 2)."""
    call.require_accept(INSTANCES)
    found = await service.select(call)
    single, wanted = "instance" in call.words, call.acceptable.syntaxes()

    def offers(held: Held) -> tuple[Offer, ...]:
        made, default = pixels.syntaxes(held, wanted)
        several = (Offer(DICOM, True, made, default), Offer(OCTETS, True, (EXPLICIT_LE,), EXPLICIT_LE))
        return (*several, Offer(DICOM, False, made, default)) if single else several

    planned = await run_sync(lambda: plan(call, found, offers, bulk=False))
    if planned.offer.type == OCTETS:
        return await bulkdata.everything(call, service)
    if not planned.offer.multipart:
        return await _one(planned, call.base)
    which = identity(DICOM, call.location, *(f"{held.path.name} {syntax}" for held, syntax in planned.chosen))
    boundary = multipart_out.boundary(which)
    pieces = tuple(multipart_out.write(_parts(planned, call.base), boundary))
    headers = [("content-location", call.location)]
    return Reply(planned.status, multipart_out.content_type(DICOM, boundary), pieces, headers, Validators(which))


async def _one(planned: Plan[Held], base: str) -> Reply:
    held, syntax = planned.chosen[0]
    pieces = await run_sync(pixels.instance, held, syntax)
    validators = Validators(identity("instance", held.path.name, syntax), held.path.stat().st_mtime)
    return Reply(planned.status, _type(syntax), pieces, [("content-location", url(base, held))], validators)


def _parts(planned: Plan[Held], base: str) -> Iterator[Part]:
    for held, syntax in planned.chosen:
        pieces: tuple[Piece, ...]
        if syntax == held.transfer_syntax:
            pieces = tuple(pixels.instance(held, syntax))
        else:
            pieces = (Later(partial(_made, held, syntax)),)
        yield Part(_type(syntax), url(base, held), pieces)


def _made(held: Held, syntax: str) -> bytes:
    return joined(pixels.instance(held, syntax))


def _type(syntax: str) -> str:
    return f"{DICOM}; transfer-syntax={syntax}"


async def metadata(call: Call, service: Service) -> Reply:
    """The metadata of a study, a series or an instance, as one JSON array or one XML document each."""
    selected = call.choose(METADATA)
    found = await service.select(call, metadata=True)
    headers = [("content-location", call.location)]
    which = identity(selected.offer.type, call.location, *(held.path.name for held in found))
    validators = Validators(which, found[0].path.stat().st_mtime if "instance" in call.words else 0.0)
    if selected.offer.type == JSON:
        return Reply(200, JSON, tuple(_array(found, call.base.encode())), headers, validators)
    boundary = multipart_out.boundary(which)
    parts = (Part(XML, f"{url(call.base, h)}/metadata", (Later(partial(_xml, h, call.base)),)) for h in found)
    pieces = tuple(multipart_out.write(parts, boundary))
    return Reply(200, multipart_out.content_type(XML, boundary), pieces, headers, validators)


def _array(found: Iterable[Held], base: bytes) -> Iterator[bytes]:
    between = b"["
    for held in found:
        yield between + held.metadata.replace(BASE, base)
        between = b","
    yield b"]"


def _xml(held: Held, base: str) -> bytes:
    with opened(held) as source:
        return document(source, url(base, held))
