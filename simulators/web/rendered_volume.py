"""Knows rendered MPR and 3D volume resources (PS3.18 10.4.1.1.7, 10.4.1.1.8, Annex K).

Must not know how volumes are made and seen. Presentation states of volumes are not carried out. What is no volume is
answered 400, as 8.3.5.3.1 and 8.3.5.3.2 have it for a volume that is named; for the target itself the text says
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from anyio.to_thread import run_sync
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import ExplicitVRLittleEndian

from simulators.archive.held import Held
from simulators.model.scan import read_dataset
from simulators.model.xml_encode import document
from simulators.render import attributes, burn, camera, encode, geometry, profile, volume
from simulators.render.camera import Camera
from simulators.render.state import is_state
from simulators.render.view import BadView, TooLarge, Unrenderable, View, Window
from simulators.render.volume import NoVolume, Slice, Volume
from simulators.web import bulkdata, multipart_out, rendered_camera, rendered_view
from simulators.web.call import Call, Reply
from simulators.web.content import Gone
from simulators.web.multipart_out import Part
from simulators.web.negotiate import JSON, XML, Offer, Selected
from simulators.web.rendered import LIMITER
from simulators.web.rendered_camera import Asked
from simulators.web.report import Problem
from simulators.web.search import question
from simulators.web.service import Service

MODULE = (Offer(JSON), Offer(XML, multipart=True))


@dataclass(frozen=True)
class Work:
    """What a thread needs to make the answer."""

    asked: Asked
    view: View
    found: Sequence[Held]
    frames: tuple[int, ...]
    matching: frozenset[str] | None


async def mpr(call: Call, service: Service) -> Reply:
    """A plane through a volume, or several of them."""
    return await _resource(call, service, plane=True)


async def three(call: Call, service: Service) -> Reply:
    """A volume as a whole, from one side or swivelled."""
    return await _resource(call, service, plane=False)


async def _resource(call: Call, service: Service, *, plane: bool) -> Reply:
    if not service.since("2024e"):
        raise Problem(404, f"PS3.18 {service.edition} has no rendered volumes.")
    asked, view = rendered_camera.read(call, plane=plane), rendered_view.view(call)
    selected = call.choose(MODULE if asked.metadata else _offers(asked))
    numbers = bulkdata.frame_numbers(call.words["frames"]) if "frames" in call.words else []
    found = await service.select(call)
    _no_state(call, found)
    if numbers:
        bulkdata.require_frames(found[0], numbers)
    matching = await run_sync(partial(_matching, call, service))
    work = Work(asked, view, found, tuple(numbers), matching)
    octets = await run_sync(partial(_made, work, selected), limiter=LIMITER)
    return _reply(call, selected, octets)


def _offers(asked: Asked) -> tuple[Offer, ...]:
    types = (encode.GIF,) if asked.animated else encode.types()
    return (*(Offer(type) for type in types), *(Offer(type, True) for type in types))


def _no_state(call: Call, found: Sequence[Held]) -> None:
    if "instance" not in call.words or not is_state(found[0]):
        return
    given = [p.name for p in call.query if p.name in rendered_camera.NOT_FOR_STATES]
    if given:
        raise Problem(400, f"Parameter {given[0]} is not for presentation states.")
    raise Problem(406, "Presentation states of volumes are not carried out here.")


def _matching(call: Call, service: Service) -> frozenset[str] | None:
    """The instances that the match parameters name (8.3.5.3.2), None without such parameters."""
    level = "series-instances" if "series" in call.words else "study-instances"
    asked = question(call.query, level, call.uid("study"), call.uid("series"), service.since("2023e"))
    if not asked.keys:
        return None
    if any(p.name == "volumeinputreference" for p in call.query):
        raise Problem(400, "Parameter volumeinputreference excludes attributes that are to be matched.")
    asked = replace(asked, offset=0, limit=None, include=frozenset(), include_all=False, uids_only=True)
    return frozenset(row.instance for row in service.archive.search(asked).rows)


def _made(work: Work, selected: Selected) -> bytes:
    """The octets of the answer; Problem 400, 406 or 413 for what cannot be had."""
    try:
        made = volume.volume(_slices(work))
        window = work.view.window or made.window or camera.range_window(made)
        first = _camera(work.asked, made)
        if work.asked.metadata:
            return _module(work.asked, first, window, selected.offer.type)
        return _pictures(work, made, first, window, selected.offer.type)
    except BadView as problem:
        raise rendered_view.refused(problem) from problem
    except NoVolume as problem:
        raise Problem(400, f"There is no volume: {problem}.") from problem
    except Unrenderable as problem:
        status = 413 if isinstance(problem, TooLarge) else 406
        raise Problem(status, f"Nothing can be rendered: {problem}.") from problem
    except FileNotFoundError as problem:
        raise Gone(str(problem)) from problem


def _slices(work: Work) -> list[Slice]:
    """The slices of the volume that is asked for; NoVolume when the reference is not among what the path names."""
    images = [held for held in work.found if held.is_image]
    if work.matching is not None:
        images = [held for held in images if held.instance in work.matching]
    if sum(max(held.frames, 1) for held in images) > volume.MOST_SLICES:
        raise TooLarge(f"the target resource has more than {volume.MOST_SLICES} frames")
    if work.asked.reference is None:
        found = [part for held in images for part in volume.slices(held)]
        return [part for part in found if part.frame in work.frames] if work.frames else found
    return _like(images, *work.asked.reference)


def _like(images: Sequence[Held], uid: str, frame: int) -> list[Slice]:
    """The slices of the same series that are alike in all that a volume needs."""
    named = next((held for held in images if held.instance == uid), None)
    if named is None or frame > max(named.frames, 1):
        raise NoVolume("volumeinputreference names nothing in the target resource")
    reference = volume.slices(named)[max(frame, 1) - 1]
    found = []
    for held in images:
        if held.series == named.series:
            try:
                found += [part for part in volume.slices(held) if volume.alike(reference, part)]
            except NoVolume:
                continue
    return found


def _camera(asked: Asked, made: Volume) -> Camera:
    """With what nobody asked for: from the front, at the middle, the head above (8.3.5.3.5)."""
    position, lookat, up = camera.placed(made, asked.orientation or "a")
    slab = asked.slab if asked.plane else None
    seen = Camera(asked.position or position, asked.lookat or lookat, asked.up or up, asked.method, slab)
    if asked.position is None and asked.lookat is not None:
        # the same side, of the point that is looked at
        moved = [p + after - before for p, after, before in zip(position, asked.lookat, lookat, strict=True)]
        seen = replace(seen, position=(moved[0], moved[1], moved[2]))
    seen.axes()  # refuses directions that are none, before any work is done
    return seen


def _cameras(asked: Asked, first: Camera) -> list[Camera]:
    if asked.swivel:
        count = max(1, int(asked.swivel / asked.step))
        _few(count)
        return [camera.swivelled(first, asked.step * n) for n in range(count)]
    if asked.curve:
        found = []
        for one in camera.along(first, asked.curve, asked.step):
            found.append(one)
            _few(len(found))
        return found or [first]
    return [first]


def _few(count: int) -> None:
    if count > camera.MOST_VIEWS:
        raise TooLarge(f"an animation of more than {camera.MOST_VIEWS} views is not made")


def _pictures(work: Work, made: Volume, first: Camera, window: Window, type: str) -> bytes:
    view, wish = work.view, work.view.iccprofile
    icc = b""
    if encode.embedding(type, wish):
        icc = profile.known("srgb" if wish == "yes" else wish)
    cameras = _cameras(work.asked, first)
    dataset = attributes.attributes(work.found[0])
    pictures = []
    for one in cameras:
        picture = geometry.shown(camera.seen(made, one, window, len(cameras)), view.viewport)
        picture = burn.annotated(picture, dataset, view.annotations, 1, 1)
        if wish in profile.SPACES:
            picture = profile.converted(picture.convert("RGB"), profile.known("srgb"), icc)
        pictures.append(picture)
    if work.asked.animated:
        size = pictures[0].size  # views of a box from several sides differ in size
        same = (picture if picture.size == size else picture.resize(size) for picture in pictures)
        return encode.animated(same, (max(2, 100 // work.asked.rate),))
    return encode.encoded(pictures[0], type, view.quality if type in encode.LOSSY else None, icc)


def _module(asked: Asked, seen: Camera, window: Window, type: str) -> bytes:
    """The Rendered Volume Response Module (Table K.1-1), one JSON object as in B.32, or one XML document."""
    dataset = Dataset()
    dataset.ReformattingOperationType = "MPR" if asked.plane else "3D_RENDERING"
    dataset.RenderingMethod = seen.method
    dataset.ViewpointPosition, dataset.ViewpointLookAtPoint = list(seen.position), list(seen.lookat)
    dataset.ViewpointUpDirection = list(seen.up)
    if asked.slab:
        dataset.MPRSlabThickness = asked.slab
    if seen.method != "VOLUME_RENDERED":
        dataset.VOILUTFunction = window.function
        dataset.WindowWidth, dataset.WindowCenter = f"{window.width:.10g}", f"{window.centre:.10g}"
    if asked.swivel:
        dataset.SwivelRange = asked.swivel
    if asked.animated:
        dataset.AnimationStepSize, dataset.RecommendedAnimationRate = float(asked.step), float(asked.rate)
    if type == JSON:
        return json.dumps(dataset.to_json_dict()).encode()
    file = DicomBytesIO()
    dcmwrite(file, dataset, implicit_vr=False, little_endian=True)
    return document(read_dataset(file.getvalue(), 0, ExplicitVRLittleEndian), "")


def _reply(call: Call, selected: Selected, octets: bytes) -> Reply:
    headers = [("content-location", call.location), *rendered_view.warnings(call)]
    type = selected.offer.type
    if not selected.offer.multipart:
        return Reply(200, type, (octets,), headers)
    boundary = multipart_out.boundary()
    pieces = tuple(multipart_out.write([Part(type, call.location, (octets,))], boundary))
    return Reply(200, multipart_out.content_type(type, boundary), pieces, headers)
