"""Knows how a reply is delivered as the request wants it: conditions, ranges, content coding (RFC 9110 13.2.2).

Must not know resources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from anyio.to_thread import run_sync

from simulators.web import codings, ranges
from simulators.web.call import Call, Reply
from simulators.web.content import Later, joined, size
from simulators.web.multipart_out import boundary
from simulators.web.report import Problem

# What is patients' own is kept by nobody else, and asked for again: an instance may be replaced at any time.
CACHING = ("cache-control", "private, no-cache")
VARY = ("vary", "Accept, Accept-Encoding")


async def delivered(call: Call, reply: Reply) -> Reply:
    """The reply as it leaves. Problem 412, 416, or 406 when no content coding is acceptable."""
    if call.method not in ("GET", "HEAD", "OPTIONS") or reply.status not in (200, 206) or not reply.type:
        return reply
    shrinks = codings.is_text(reply.type) and (size(reply.pieces) or codings.SMALLEST) >= codings.SMALLEST
    coding = codings.choose(call.headers.get("accept-encoding"), shrinks)
    if coding is None:
        raise Problem(406, "No content coding that can be had here is acceptable.", supported=["gzip", "deflate"])
    reply = replace(reply, headers=[*reply.headers, *_fields(reply, coding)])
    if reply.validators and reply.status == 200:
        if reply.validators.fails(call.headers):
            raise Problem(412, "The representation is not the one that the request is about.")
        if reply.validators.unchanged(call.headers):
            return Reply(304, headers=reply.headers)
        if coding == codings.IDENTITY:
            return await _ranged(call, reply)
    return reply if coding == codings.IDENTITY else replace(reply, coding=coding)


def _fields(reply: Reply, coding: str) -> list[tuple[str, str]]:
    """What caches have to know; the same with 200 and 304 (RFC 9110 15.4.5)."""
    found = [CACHING, VARY]
    if reply.validators and reply.status == 200:
        found.append(("etag", reply.validators.tag if coding == codings.IDENTITY else reply.validators.weak))
        found += [("last-modified", reply.validators.date)] if reply.validators.date else []
    return found


async def _ranged(call: Call, reply: Reply) -> Reply:
    """The ranges asked for, or the whole where there are none or they are not to be looked at."""
    whole = await _sized(reply) if call.method == "GET" and "range" in call.headers else reply
    total = size(whole.pieces)
    if total is None or call.method == "OPTIONS":
        return whole
    whole = replace(whole, headers=[*whole.headers, ("accept-ranges", "bytes")])
    if call.method != "GET" or not _wanted(call, whole):
        return whole
    found = ranges.read(call.headers["range"], total)
    if found is None:
        return whole
    if not found:
        raise Problem(416, f"The representation has {total} octets.", headers=[("content-range", f"bytes */{total}")])
    return _partial(whole, found, total)


def _wanted(call: Call, reply: Reply) -> bool:
    """There is one Range, and If-Range, if there is one, names this representation."""
    if len(call.headers.getlist("range")) != 1:
        return False
    validators, condition = reply.validators, call.headers.get("if-range")
    return condition is None or (validators is not None and validators.same(condition))


async def _sized(reply: Reply) -> Reply:
    """With the one item of a single part made, so that its size is known; several are not made to be thrown away."""
    if reply.type.startswith("multipart/") or not any(isinstance(piece, Later) for piece in reply.pieces):
        return reply
    return replace(reply, pieces=(await run_sync(joined, reply.pieces),))


def _partial(whole: Reply, found: Sequence[ranges.Range], total: int) -> Reply:
    if len(found) == 1:
        headers = [*whole.headers, ("content-range", f"bytes {found[0][0]}-{found[0][1]}/{total}")]
        return replace(whole, status=206, pieces=tuple(ranges.cut(whole.pieces, found[0])), headers=headers)
    between = boundary()
    pieces = tuple(ranges.parts(whole.pieces, found, total, whole.type, between))
    return replace(whole, status=206, type=f"multipart/byteranges; boundary={between}", pieces=pieces)
