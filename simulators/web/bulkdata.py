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
from simulators.web import multipart_out, pixels, recode
from simulators.web.call import Call, Reply
from simulators.web.content import Later, Piece, Slice
from simulators.web.multipart_out import Part
from simulators.web.negotiate import COMPRESSED, EXPLICIT_LE, LOSSY, OCTETS, TYPE_OF, Offer
from simulators.web.plan import Plan, plan
from simulators.web.report import Problem
from simulators.web.service import Service, url
from simulators.web.validators import Validators, identity

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
    def pixels(self) -> bool:
        """It is the pixel data of the instance."""
        return bool(self.path) and self.path == self.held.pixel_tag

    @property
    def coded(self) -> bool:
        """It is pixel data in fragments."""
        return self.held.encapsulated and self.pixels

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

    wanted = call.acceptable.syntaxes()

    def offers(value: Value) -> tuple[Offer, ...]:
        return _offers(value, wanted, single, single and _streams(value.held) == 1)

    planned = await run_sync(lambda: plan(call, found, offers, bulk=True))
    try:
        parts = await run_sync(lambda: [part for v, s in planned.chosen for part in _parts(v, s, call.base)])
    except NoSuchValue as problem:
        raise Problem(404, f"The instance has no value at {problem.path[:200]!r}.") from problem
    return _reply(call, planned, parts, [value.held for value, _ in planned.chosen])


def _offers(value: Value, wanted: frozenset[str], single: bool, single_stream: bool) -> tuple[Offer, ...]:
    """What a value can be had as; in a single part where it is one item, coded where it is one stream."""
    octets = (EXPLICIT_LE,) if not value.coded or pixels.decodable(value.held) else ()
    found = [Offer(OCTETS, True, octets, EXPLICIT_LE)] if octets else []
    found += [Offer(OCTETS, False, octets, EXPLICIT_LE)] if octets and single else []
    if value.pixels:
        found += _coded_offers(value.held, wanted, single_stream)
    return tuple(found)


def _coded_offers(held: Held, wanted: frozenset[str], single: bool) -> Iterator[Offer]:
    """The stored bit stream, and what it can be coded into for those who name that, `wanted` (8.7.3.3.2).

    A stored syntax is what no parameter means when it is the type's default, or lossy (8.7.3).
    """
    stored = held.transfer_syntax if pixels.compressed_type(held) else ""
    made = recode.targets(held, wanted, lossy=True) if pixels.decodable(held) else ()
    of_type: dict[str, list[str]] = {}
    for syntax in (stored, *made):
        if syntax:
            of_type.setdefault(TYPE_OF[syntax], []).append(syntax)
    for type, syntaxes in of_type.items():
        default = stored if stored in LOSSY and stored in syntaxes else COMPRESSED[type][0]
        yield Offer(type, True, tuple(syntaxes), default)
        if single:
            yield Offer(type, False, tuple(syntaxes), default)


def _streams(held: Held) -> int:
    """Parts that coded pixel data make: one for each frame, one for a video (8.7.3.3)."""
    return 1 if pixels.compressed_type(held).startswith("video/") else max(held.frames, 1)


def _parts(value: Value, syntax: str, base: str) -> Iterator[Part]:
    held, location = value.held, value.url(base)
    if syntax != EXPLICIT_LE:
        for number in range(1, _streams(held) + 1):
            yield Part(_type(TYPE_OF[syntax], syntax), location, _coded(held, number, syntax))
    elif value.coded:
        yield Part(_type(OCTETS, syntax), location, (Later(partial(pixels.decoded, held)),))
    else:
        yield Part(_type(OCTETS, syntax), location, (_octets(held, value.path),))


def _coded(held: Held, number: int, syntax: str) -> tuple[Piece, ...]:
    """A frame as a bit stream: the stored one, or one that is made of it."""
    if syntax == held.transfer_syntax:
        return tuple(pixels.encoded_frame(held, number))
    return (Later(partial(pixels.made_frame, held, number, syntax)),)


def _octets(held: Held, path: str) -> Slice | bytes:
    found = bulk_value(held, path)
    return found if isinstance(found, bytes) else Slice(*found)


async def frames(call: Call, service: Service) -> Reply:
    """Some frames of an instance, a part for each, in the asked order."""
    call.require_accept(OFFERS)
    numbers = frame_numbers(call.words["frames"])
    held = (await service.select(call, metadata=True))[0]
    require_frames(held, numbers)
    single = len(numbers) == 1

    wanted = call.acceptable.syntaxes()

    def offers(held: Held) -> tuple[Offer, ...]:
        # a video is one stream, of which no frame can be cut out without decoding it
        return tuple(o for o in _offers(Value(held, held.pixel_tag), wanted, single, single) if o.type[:6] != "video/")

    planned = await run_sync(lambda: plan(call, [held], offers, bulk=True))
    syntax = planned.chosen[0][1]
    parts = await run_sync(_frame_parts, held, syntax, numbers, call.base)
    return _reply(call, planned, parts, [held])


def frame_numbers(text: str) -> list[int]:
    """Frame numbers from 1 in ascending order (10.1.1); Problem 400 for anything else."""
    words = text.split(",")
    if not all(_FRAME.match(word) for word in words):
        raise Problem(400, f"{text[:80]!r} is no list of frame numbers counted from 1.")
    numbers = [int(word) for word in words]
    if numbers != sorted(set(numbers)):
        raise Problem(400, "Frame numbers are listed in ascending order, each once (PS3.18 10.1.1).")
    return numbers


def require_frames(held: Held, numbers: Sequence[int]) -> None:
    """Problem 404 unless the instance has all frames of an ascending list."""
    if not held.pixel_tag:
        raise Problem(404, "The instance has no pixel data, so it has no frames.")
    if numbers[-1] > max(held.frames, 1):
        raise Problem(404, f"The instance has {max(held.frames, 1)} frames; there is no frame {numbers[-1]}.")


def _frame_parts(held: Held, syntax: str, numbers: Sequence[int], base: str) -> list[Part]:
    type = _type(OCTETS if syntax == EXPLICIT_LE else TYPE_OF[syntax], syntax)
    contents: list[tuple[Piece, ...]]
    if syntax != EXPLICIT_LE:
        contents = [_coded(held, number, syntax) for number in numbers]
    elif held.encapsulated:
        contents = [(Later(partial(pixels.decoded_frame, held, number)),) for number in numbers]
    else:
        native = pixels.native_frames(_octets(held, held.pixel_tag), pixels.Geometry.of(held), numbers)
        contents = [(piece,) for piece in native]
    places = [f"{url(base, held)}/frames/{number}" for number in numbers]
    return [Part(type, place, content) for place, content in zip(places, contents, strict=True)]


def _reply(call: Call, planned: Plan[Held] | Plan[Value], parts: Sequence[Part], held: Sequence[Held]) -> Reply:
    """The parts, or the one of them; `held` are the instances that they are from."""
    files = dict.fromkeys(h.path.name for h in held)
    which = identity(planned.offer.line, call.location, *files, *(part.type for part in parts))
    validators = Validators(which, held[0].path.stat().st_mtime if "instance" in call.words else 0.0)
    if not planned.offer.multipart:
        part = parts[0]
        return Reply(planned.status, part.type, part.pieces, [("content-location", part.location)], validators)
    boundary = multipart_out.boundary(which)
    type = multipart_out.content_type(planned.offer.type, boundary)
    pieces = tuple(multipart_out.write(parts, boundary))
    return Reply(planned.status, type, pieces, [("content-location", call.location)], validators)


def _type(name: str, syntax: str) -> str:
    return f"{name}; transfer-syntax={syntax}"
