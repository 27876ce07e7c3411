"""Knows how bulk data, pixel data and frames are retrieved (PS3.18 10.4.1.1.5, 10.4.1.1.6, 8.7.3.3).

Must not know how pixels are coded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from anyio.to_thread import run_sync

from simulators.archive.held import Held
from simulators.model.bulk import NoSuchValue, bulk_value
from simulators.model.names import BASE
from simulators.web import multipart_out, pixels
from simulators.web.call import Call, Reply
from simulators.web.content import Later, Piece, Slice
from simulators.web.multipart_out import Part
from simulators.web.negotiate import COMPRESSED, EXPLICIT_LE, LOSSY, OCTETS, Offer
from simulators.web.plan import Plan, plan
from simulators.web.report import Problem
from simulators.web.service import Service, url

_PIXELS = ("7FE00010", "7FE00008", "7FE00009")
_REFERENCE = re.compile(rb'"BulkDataURI":"' + re.escape(BASE) + rb'[^"]*?/bulkdata/([^"]*)"')
OFFERS = (Offer(OCTETS, multipart=True),)
_FRAME = re.compile(r"[1-9][0-9]{0,8}\Z", re.ASCII)


@dataclass(frozen=True)
class Value:
    """A bulk data value: the element at a tag path of an instance, as its BulkDataURI names it."""

    held: Held
    path: str

    @property
    def coded(self) -> bool:
        """It is pixel data in fragments."""
        return self.held.encapsulated and self.path == self.held.pixel_tag

    def url(self, base: str) -> str:
        return f"{url(base, self.held)}/bulkdata/{self.path}"


async def everything(call: Call, service: Service) -> Reply:
    """All bulk data of a study, series or instance: each value that its metadata refers to."""
    call.require_accept(OFFERS)
    return await _values(call, [v for held in await service.select(call, metadata=True) for v in values(held)])


async def pixeldata(call: Call, service: Service) -> Reply:
    """The top-level pixel data of a study, series or instance."""
    call.require_accept(OFFERS)
    found = await service.select(call)
    return await _values(call, [Value(held, held.pixel_tag) for held in found if held.pixel_tag])


async def value(call: Call, service: Service) -> Reply:
    """The one value that a BulkDataURI names."""
    call.require_accept(OFFERS)
    found = await service.select(call)
    return await _values(call, [Value(found[0], call.words["path"].upper())], single=True)


def values(held: Held) -> list[Value]:
    """What the metadata of the instance refers to, in its order."""
    return [Value(held, path.decode()) for path in _REFERENCE.findall(held.metadata)]


async def _values(call: Call, found: Sequence[Value], single: bool = False) -> Reply:
    if not found:
        raise Problem(404, "The resource has no bulk data.")

    def offers(value: Value) -> tuple[Offer, ...]:
        return _offers(value, single, single and _streams(value.held) == 1)

    planned = plan(call, found, offers, bulk=True)
    try:
        parts = await run_sync(lambda: [part for v, s in planned.chosen for part in _parts(v, s, call.base)])
    except NoSuchValue as problem:
        raise Problem(404, f"The instance has no value at {problem.path[:200]!r}.") from problem
    return _reply(call, planned, parts)


def _offers(value: Value, single: bool, single_stream: bool) -> tuple[Offer, ...]:
    """What a value can be had as; in a single part where it is one item, coded where it is one stream."""
    octets = (EXPLICIT_LE,) if not value.coded or pixels.decodable(value.held) else ()
    found = [Offer(OCTETS, True, octets, EXPLICIT_LE)] if octets else []
    found += [Offer(OCTETS, False, octets, EXPLICIT_LE)] if octets and single else []
    if value.coded:
        found += _coded_offers(value.held, single_stream)
    return tuple(found)


def _coded_offers(held: Held, single: bool) -> list[Offer]:
    """The stored bit stream. Its syntax is what no parameter means when it is the type's default, or lossy (8.7.3)."""
    type, stored = pixels.compressed_type(held), held.transfer_syntax
    if not type:
        return []
    default = stored if stored in LOSSY else COMPRESSED[type][0]
    several = Offer(type, True, (stored,), default)
    return [several, Offer(type, False, (stored,), default)] if single else [several]


def _streams(held: Held) -> int:
    """Parts that coded pixel data make: one for each frame, one for a video (8.7.3.3)."""
    return 1 if pixels.compressed_type(held).startswith("video/") else max(held.frames, 1)


def _parts(value: Value, syntax: str, base: str) -> Iterator[Part]:
    location = value.url(base)
    if not value.coded:
        yield Part(_type(OCTETS, syntax), location, (_octets(value.held, value.path),))
    elif syntax == EXPLICIT_LE:
        yield Part(_type(OCTETS, syntax), location, (Later(partial(pixels.decoded, value.held)),))
    else:
        type = _type(pixels.compressed_type(value.held), syntax)
        for number in range(1, _streams(value.held) + 1):
            yield Part(type, location, tuple(pixels.encoded_frame(value.held, number)))


def _octets(held: Held, path: str) -> Slice | bytes:
    found = bulk_value(held, path)
    return found if isinstance(found, bytes) else Slice(*found)


async def frames(call: Call, service: Service) -> Reply:
    """Some frames of an instance, a part for each, in the asked order."""
    call.require_accept(OFFERS)
    numbers = _numbers(call.words["frames"])
    held = (await service.select(call, metadata=True))[0]
    if not held.pixel_tag:
        raise Problem(404, "The instance has no pixel data, so it has no frames.")
    if numbers[-1] > max(held.frames, 1):
        raise Problem(404, f"The instance has {max(held.frames, 1)} frames; there is no frame {numbers[-1]}.")
    single = len(numbers) == 1

    def offers(held: Held) -> tuple[Offer, ...]:
        # a video is one stream, of which no frame can be cut out without decoding it
        return tuple(o for o in _offers(Value(held, held.pixel_tag), single, single) if o.type[:6] != "video/")

    planned = plan(call, [held], offers, bulk=True)
    syntax = planned.chosen[0][1]
    parts = await run_sync(_frame_parts, held, syntax, numbers, call.base)
    return _reply(call, planned, parts)


def _numbers(text: str) -> list[int]:
    """Frame numbers from 1 in ascending order (10.1.1); Problem 400 for anything else."""
    words = text.split(",")
    if not all(_FRAME.match(word) for word in words):
        raise Problem(400, f"{text[:80]!r} is no list of frame numbers counted from 1.")
    numbers = [int(word) for word in words]
    if numbers != sorted(set(numbers)):
        raise Problem(400, "Frame numbers are listed in ascending order, each once (PS3.18 10.1.1).")
    return numbers


def _frame_parts(held: Held, syntax: str, numbers: Sequence[int], base: str) -> list[Part]:
    type = _type(OCTETS if syntax == EXPLICIT_LE else pixels.compressed_type(held), syntax)
    contents: list[tuple[Piece, ...]]
    if not held.encapsulated:
        native = pixels.native_frames(_octets(held, held.pixel_tag), pixels.Geometry.of(held), numbers)
        contents = [(piece,) for piece in native]
    elif syntax == EXPLICIT_LE:
        contents = [(Later(partial(pixels.decoded_frame, held, number)),) for number in numbers]
    else:
        contents = [tuple(pixels.encoded_frame(held, number)) for number in numbers]
    places = [f"{url(base, held)}/frames/{number}" for number in numbers]
    return [Part(type, place, content) for place, content in zip(places, contents, strict=True)]


def _reply(call: Call, planned: Plan[Held] | Plan[Value], parts: Sequence[Part]) -> Reply:
    if not planned.offer.multipart:
        part = parts[0]
        return Reply(planned.status, part.type, part.pieces, [("content-location", part.location)])
    boundary = multipart_out.boundary()
    type = multipart_out.content_type(planned.offer.type, boundary)
    pieces = tuple(multipart_out.write(parts, boundary))
    return Reply(planned.status, type, pieces, [("content-location", call.location)])


def _type(name: str, syntax: str) -> str:
    return f"{name}; transfer-syntax={syntax}"
