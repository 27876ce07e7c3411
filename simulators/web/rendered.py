"""Knows rendered resources: which representations a study, a series, an instance or frames have (PS3.18 10.4.1.1.3).

Must not know how pictures and texts are made.

What is asked for above an instance comes as multipart/related, one part for each instance; an instance or one frame
comes as a single part too (Table 10.4.4-1 note 3). Each part has a media type of its own (8.7.8.1): a multi-frame
image is one animated GIF, or a part for each frame in the types of single frames. A presentation state that is asked
for stands for the images it refers to (8.3.5.1.6); among images it adds nothing of its own, so a study or series shows
its states only when there is nothing else to show. What has no rendering is left out, with 206, unless nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from simulators.archive.held import Held
from simulators.render import document
from simulators.render.render import frame_types, media_types, rendered
from simulators.render.state import is_state
from simulators.render.view import BadView, TooLarge, Unrenderable, View
from simulators.web import bulkdata, multipart_out, rendered_view
from simulators.web.call import Call, Reply
from simulators.web.content import Broken, Gone, Later
from simulators.web.multipart_out import Part
from simulators.web.negotiate import Offer, Selected
from simulators.web.rendered_state import images
from simulators.web.report import Problem
from simulators.web.service import Service, url
from simulators.web.validators import Validators, identity

# So many requests are rendered for at a time; the rest of the server goes on meanwhile.
LIMITER = CapacityLimiter(2)
# Payloads up to this are made before their head leaves, so that what fails is left out; later parts are taken to work.
AT_ONCE = 32  # parts
AT_ONCE_OCTETS = 1 << 26  # of the instances they are made from
_ALL = ("image/jpeg", "image/gif", "image/png", "image/jp2", "text/html", "text/plain", "text/xml", "application/pdf")


@dataclass(frozen=True)
class Item:
    """One thing to render: an instance, or frames of it; `whole` and `each` are the media types it can be had in as
    one representation, and frame by frame. `state` is a presentation state that is applied."""

    held: Held
    frames: tuple[int, ...] | None
    location: str
    whole: tuple[str, ...]
    each: tuple[str, ...] = ()
    state: Held | None = None


@dataclass(frozen=True)
class Job:
    """One part of the payload."""

    held: Held
    frames: tuple[int, ...] | None
    location: str
    type: str
    view: View

    def make(self) -> bytes:
        """Unrenderable, BadView, or Gone."""
        try:
            return rendered(self.held, self.type, self.view, self.frames)
        except FileNotFoundError as problem:
            raise Gone(str(problem)) from problem

    def make_later(self) -> bytes:
        """The same when the head has left: all that can go wrong is that the payload breaks off."""
        try:
            return self.make()
        except (Unrenderable, BadView) as problem:
            raise Broken(f"{self.location}: {problem}") from problem


async def resource(call: Call, service: Service) -> Reply:
    """The rendered study, series, instance or frames."""
    call.require_accept([Offer(type, "instance" not in call.words) for type in _ALL])
    call.refuse_mix()
    view = rendered_view.view(call)
    numbers = bulkdata.frame_numbers(call.words["frames"]) if "frames" in call.words else None
    found = await service.select(call)
    if numbers is not None:
        items = _frames(found[0], numbers, call.base)
    else:
        items = await run_sync(partial(_items, call, service, found))
    if "instance" in call.words and is_state(found[0]):
        _for_a_state(view)
    return await _reply(call, items, view)


def _for_a_state(view: View) -> None:
    """Problem 400 for what may not stand beside a presentation state (8.3.5.1.3, 8.3.5.1.4)."""
    if view.window is not None:
        raise Problem(400, "Parameter window is not for presentation states, which have windows of their own.")
    if view.viewport is not None:
        rendered_view.size_only(view.viewport)


def _frames(held: Held, numbers: Sequence[int], base: str) -> list[Item]:
    bulkdata.require_frames(held, numbers)
    types = frame_types(held)
    return [Item(held, (n,), f"{url(base, held)}/frames/{n}", types) for n in numbers]


def _items(call: Call, service: Service, found: Sequence[Held]) -> list[Item]:
    items: list[Item] = []
    states = [held for held in found if is_state(held)]
    if not any(media_types(held) for held in found):
        for held in states:
            items += _of_state(call, service, held)
    for held in found:
        if not is_state(held):
            each = frame_types(held) if held.frames > 1 else ()
            items.append(Item(held, None, url(call.base, held), media_types(held), each))
    return items


def _of_state(call: Call, service: Service, state: Held) -> list[Item]:
    """The images of a state; one item without media types for a state that cannot be carried out."""
    try:
        shown = images(service.archive, state)
    except Unrenderable:
        return [Item(state, None, url(call.base, state), ())]
    items = []
    for held, frame in shown:
        place = url(call.base, held) + (f"/frames/{frame}" if held.frames > 1 else "")
        items.append(Item(held, (frame,), place, frame_types(held), state=state))
    return items


# --- choosing ----------------------------------------------------------------------------------------------------


def _offers(item: Item, single: bool) -> tuple[Offer, ...]:
    several = tuple(Offer(type, True) for type in dict.fromkeys((*item.whole, *item.each)))
    return (*(Offer(type) for type in item.whole), *several) if single else several


def _choose(call: Call, items: Sequence[Item]) -> list[tuple[Item, Offer]]:
    """The media type of each item that has an acceptable one; Problem 406 when none has."""
    single = len(items) == 1 and "instance" in call.words
    memory: dict[tuple[Offer, ...], Selected | None] = {}
    chosen, known = [], dict[Offer, None]()
    for item in items:
        offers = _offers(item, single)
        known.update(dict.fromkeys(offers))
        if offers not in memory:
            memory[offers] = call.acceptable.choose(offers)
        selected = memory[offers]
        if selected:
            chosen.append((item, selected.offer))
    if not known:
        raise Problem(406, "The resource has no rendered representation: it holds neither images nor texts.")
    if not chosen:
        raise call.unacceptable(list(known))
    return chosen


def _jobs(call: Call, chosen: Sequence[tuple[Item, Offer]], view: View) -> Iterator[Job]:
    charsets = {type: rendered_view.charset(call, type) for type in document.TEXTS}
    for item, offer in chosen:
        seen = replace(view, charset=charsets.get(offer.type, ""), state=item.state)
        if item.state is not None:
            size = view.viewport and replace(view.viewport, source=None)
            seen = replace(seen, window=None, viewport=size)
        if offer.type in item.whole:
            yield Job(item.held, item.frames, item.location, offer.type, seen)
            continue
        for number in range(1, item.held.frames + 1):
            yield Job(item.held, (number,), f"{item.location}/frames/{number}", offer.type, seen)


# --- answering ---------------------------------------------------------------------------------------------------


async def _reply(call: Call, items: Sequence[Item], view: View) -> Reply:
    chosen = _choose(call, items)
    jobs = list(_jobs(call, chosen, view))
    few = len(jobs) <= AT_ONCE and sum(job.held.size for job in jobs) <= AT_ONCE_OCTETS
    made = await run_sync(partial(_made, jobs, len(jobs) if few else 1), limiter=LIMITER)
    status = 200 if len(chosen) == len(items) and len(made) == len(jobs) else 206
    warned = rendered_view.warnings(call)
    which = _validators(call, [job for job, _ in made])
    if not chosen[0][1].multipart:
        job, piece = made[0]
        return Reply(status, _content_type(job), (piece,), [("content-location", job.location), *warned], which)
    boundary = multipart_out.boundary(which.identity)
    parts = (Part(_content_type(job), job.location, (piece,)) for job, piece in made)
    type = multipart_out.content_type(made[0][0].type, boundary)
    pieces = tuple(multipart_out.write(parts, boundary))
    return Reply(status, type, pieces, [("content-location", call.location), *warned], which)


def _validators(call: Call, jobs: Sequence[Job]) -> Validators:
    """What names the representation: the same files, which never change, rendered in the same way."""
    states = [str(job.view.state.path) for job in jobs if job.view.state is not None]
    asked = call.scope.get("query_string", b"").decode("latin-1")
    files = [f"{job.held.path} {job.frames} {_content_type(job)}" for job in jobs]
    alone = jobs[0].held.path.stat().st_mtime if len(jobs) == 1 and not states else 0.0
    return Validators(identity(call.location, asked, *files, *states), alone)


def _made(jobs: Sequence[Job], few: int) -> list[tuple[Job, bytes | Later]]:
    """The octets of the first parts, without those that cannot be made; what follows is made when its turn comes.

    Problem 400 for a parameter that cannot be carried out, 413 or 406 when nothing at all can be made.
    """
    made: list[tuple[Job, bytes | Later]] = []
    failed: Unrenderable | None = None
    for number, job in enumerate(jobs):
        if made and number >= few:
            made.append((job, Later(job.make_later)))
            continue
        try:
            made.append((job, job.make()))
        except BadView as problem:
            raise rendered_view.refused(problem) from problem
        except Unrenderable as problem:
            failed = problem
    if failed is not None and not made:
        raise Problem(413 if isinstance(failed, TooLarge) else 406, f"Nothing can be rendered: {failed}.") from failed
    return made


def _content_type(job: Job) -> str:
    if job.type in document.TEXTS and not document.stored_as(job.held, job.type):
        return f"{job.type}; charset={job.view.charset}"
    return job.type
