"""Knows thumbnail resources: one small picture for a study, a series, an instance or a frame (PS3.18 10.4.1.1.4).

Must not know how pictures are made.

The picture is that of the middle frame of the middle image of the first series that has images. Where nothing can
be shown, or only pixels that may tell who the patient is (10.4.3.3.4), it is a plate with the modality.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby, islice

from anyio.to_thread import run_sync

from simulators.archive.held import Held
from simulators.render import attributes, encode
from simulators.render.render import frame_types
from simulators.render.thumbnail import plate, thumbnail
from simulators.render.view import BadView, Unrenderable, Viewport
from simulators.web import bulkdata, rendered_view
from simulators.web.call import Call, Reply
from simulators.web.content import Gone
from simulators.web.negotiate import Offer
from simulators.web.rendered import LIMITER
from simulators.web.service import Service, url

_TRIES = 3  # images that are tried before there is a plate

Chosen = tuple[Held, int]  # an instance and the number of a frame, counted from 1


async def resource(call: Call, service: Service) -> Reply:
    """The thumbnail of a study, a series, an instance, or the first of some frames."""
    selected = call.choose([Offer(type) for type in encode.types()])
    viewport = rendered_view.thumbnail(call)
    numbers = bulkdata.frame_numbers(call.words["frames"]) if "frames" in call.words else None
    found = await service.select(call)
    if numbers is not None:
        bulkdata.require_frames(found[0], numbers)
        chosen = [(found[0], numbers[0])] if frame_types(found[0]) else []
    else:
        chosen = list(islice(representative(found), _TRIES))
    job = partial(_made, found[0], chosen, selected.offer.type, viewport)
    octets, used = await run_sync(job, limiter=LIMITER)
    location = call.location
    if used is not None:
        location = url(call.base, used[0]) + (f"/frames/{used[1]}" if used[0].frames > 1 else "")
    return Reply(200, selected.offer.type, (octets,), [("content-location", location)])


def representative(found: Sequence[Held]) -> Iterator[Chosen]:
    """Images that may stand for all, the best first: from each series the middle one, then all others."""
    images = [held for held in found if frame_types(held)]
    middles = []
    for _, members in groupby(images, lambda held: held.series):
        series = list(members)
        middles.append(series[len(series) // 2])
    first = {held.path for held in middles}
    for held in (*middles, *(held for held in images if held.path not in first)):
        yield held, (max(held.frames, 1) + 1) // 2


def _made(first: Held, chosen: Sequence[Chosen], type: str, viewport: Viewport | None) -> tuple[bytes, Chosen | None]:
    """The octets, and what they show; None for a plate."""
    try:
        for held, number in chosen:
            try:
                return thumbnail(held, number, type, viewport), (held, number)
            except Unrenderable:
                continue
        return plate(_word(first), type, viewport), None
    except BadView as problem:
        raise rendered_view.refused(problem) from problem
    except FileNotFoundError as problem:
        raise Gone(str(problem)) from problem


def _word(held: Held) -> str:
    try:
        return attributes.word(attributes.attributes(held), "Modality") or "DICOM"
    except Unrenderable:
        return "DICOM"
