"""Knows the Non-Patient Instance service (PS3.18 12): retrieve, store and search, one category to a resource tree.

Must not know how instances are kept, nor how keys are matched.

Where the text is silent: of several instances some may be stored (200, the answer tells which), an instance of another
category or another UID than that of the path is a conflict (409), and so is another instance under a UID that is held.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from anyio.to_thread import run_sync
from pydicom.dataset import Dataset

from harness.nonpatient import CATEGORIES
from simulators.archive.held import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, PROCESSING_FAILURE, Held, Stored
from simulators.archive.incoming import Incoming
from simulators.archive.nonpatient import NonPatient, known
from simulators.archive.question import BadValue, Question
from simulators.model import json_decode, xml_decode
from simulators.model.build import Undecodable
from simulators.model.bulk import opened
from simulators.model.json_encode import inline_of, text_of
from simulators.web import media, multipart_out, pixels
from simulators.web.call import Call, Reply
from simulators.web.content import Broken
from simulators.web.multipart_out import Part
from simulators.web.native import document
from simulators.web.negotiate import DICOM, EXPLICIT_LE, JSON, XML, Offer
from simulators.web.report import Problem
from simulators.web.search import OFFERS, question_of, told
from simulators.web.service import Service
from simulators.web.store_parts import Arrived, Batch, Form, form_of
from simulators.web.store_response import response_module
from simulators.web.store_write import write
from simulators.web.validators import Validators, identity

_TAKEN = (DICOM, JSON, XML)  # roots of a multipart payload; alone, a payload is one of the first two (12.1.3)
SUPPORTED = (DICOM, JSON, *(f'multipart/related; type="{root}"' for root in _TAKEN))
METADATA = 32 << 20  # octets of a part that is read as JSON or XML


def paths() -> list[str]:
    """The path of every category below the base."""
    return [f"/{name}" for name in CATEGORIES]


def _category(call: Call, service: Service) -> str:
    name: str = call.scope["path"].removeprefix(call.root).split("/")[1]
    if not service.since(CATEGORIES[name].since):
        raise Problem(404, f"{name} are younger than the edition that is followed here.")
    return name


async def search(call: Call, service: Service) -> Reply:
    """The instances of a category that match (12.6)."""
    category = _category(call, service)
    selected = call.choose(OFFERS)
    asked = question_of(call.query, service.since("2023e"), known, Question(()))
    limits = [n for n in (asked.limit, service.results) if n is not None]
    asked = replace(asked, limit=min(limits, default=None))
    try:
        matches = await run_sync(service.archive.nonpatient.search, category, asked)
    except BadValue as problem:
        raise Problem(400, f"The value for {problem.tag} is not one that can be matched: {problem.why}.") from problem
    return await told(call, service, selected, matches, lambda row: f"{call.base}/{category}/{row.instance}")


# --- retrieve -------------------------------------------------------------------------------------------------------


async def retrieve(call: Call, service: Service) -> Reply:
    """One instance as a PS3.10 file, or whole in one of the models (12.4)."""
    category, uid = _category(call, service), call.uid("uid")
    call.require_accept(_offers(()))
    held = await run_sync(service.archive.nonpatient.get, category, uid)
    if held is None:
        raise Problem(404, f"No such instance is held among the {category}.", temporary=True)
    syntaxes, _ = pixels.syntaxes(held, call.acceptable.syntaxes())
    selected = call.choose(_offers(syntaxes))
    location = f"{call.base}/{category}/{uid}"
    which = identity(selected.offer.line, selected.syntax, location, held.path.name)
    validators = Validators(which, held.path.stat().st_mtime)
    headers = [("content-location", location)]
    if selected.offer.type == DICOM:
        type = f"{DICOM}; transfer-syntax={selected.syntax}"
        pieces = tuple(await run_sync(pixels.instance, held, selected.syntax))
    else:
        type = selected.offer.type
        octets = await run_sync(_object, held)
        pieces = (b"[" + octets + b"]",) if type == JSON else (await run_sync(document, octets),)
    if not selected.offer.multipart:
        return Reply(200, type, pieces, headers, validators)
    boundary = multipart_out.boundary(which)
    parts = tuple(multipart_out.write([Part(type, location, pieces)], boundary))
    return Reply(200, multipart_out.content_type(selected.offer.type, boundary), parts, headers, validators)


def _offers(syntaxes: tuple[str, ...]) -> tuple[Offer, ...]:
    """Table 12.1.3-1, the default first; a file may also come in a multipart payload (8.6.1.1 note)."""
    files = (Offer(DICOM, False, syntaxes, EXPLICIT_LE), Offer(DICOM, True, syntaxes, EXPLICIT_LE))
    return (Offer(JSON), files[0], Offer(XML, multipart=True), files[1])


def _object(held: Held) -> bytes:
    """The whole instance as a DICOM JSON object: there is no resource that a reference could lead to (12.1.1)."""
    with opened(held) as source:
        try:
            return text_of(inline_of(source)).encode()
        except ValueError as error:
            raise Broken(str(error)) from error


# --- store ----------------------------------------------------------------------------------------------------------


async def store(call: Call, service: Service) -> Reply:
    """Store what the payload holds (12.5)."""
    category, uid = _category(call, service), call.uid("uid")
    form = _form(call)
    offers = (Offer(JSON), Offer(XML))
    wanted = call.choose(offers).offer.type if "accept" in call.headers else JSON
    kept = service.archive.nonpatient
    batch = Batch(kept, service.payload, form.root)
    try:
        await batch.read(call, form.boundary)
        outcomes = await run_sync(_stored, kept, batch.parts, category, uid)
    finally:
        batch.discard()
    module = response_module(outcomes, call.base, lambda o: f"{call.base}/{category}/{o.sop_instance}")
    octets = json.dumps(module, ensure_ascii=False).encode()
    return Reply(_status(outcomes), wanted, (octets if wanted == JSON else document(octets),))


def _form(call: Call) -> Form:
    """What the Content-Type says; Problem 400 or 415 for what is not taken here."""
    values = call.headers.getlist("content-type")
    found = media.read(values[0]) if len(values) == 1 else None
    if found is None:
        raise Problem(400, "A store request has one readable Content-Type header field.", supported=SUPPORTED)
    if found.multipart:
        form = form_of(call)
        if form.root not in _TAKEN:
            raise Problem(415, f"Parts of type {form.root[:100]} are not stored here.", supported=SUPPORTED)
        return form
    if found.name not in (DICOM, JSON):
        raise Problem(415, f"{found.name[:100]} is not stored here.", supported=SUPPORTED)
    if call.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "No Content-Encoding is supported.", supported=SUPPORTED)
    return Form(found.name, "")


def _status(outcomes: list[Stored]) -> int:
    """200 when at least one was stored, 409 when what came is in the way of something, 400 when nothing could be read
    (Table 12.5.3-1)."""
    if any(o.status == "stored" for o in outcomes):
        return 200
    return 409 if any(o.sop_instance for o in outcomes) else 400


def _stored(kept: NonPatient, parts: list[Arrived], category: str, uid: str) -> list[Stored]:
    """An outcome for each instance in order."""
    outcomes: list[Stored] = []
    for part in parts:
        if part.name == DICOM:
            outcomes += kept.store([part.octets], category, uid)
        elif part.name in (JSON, XML):
            outcomes += _made(kept, part, category, uid)
        else:
            outcomes.append(Stored("failed", CANNOT_UNDERSTAND, f"part {part.number} is {part.name[:100]!r}"))
    return outcomes


def _made(kept: NonPatient, part: Arrived, category: str, uid: str) -> list[Stored]:
    """Store the instances that a part in one of the models holds."""
    if part.octets.size > METADATA:
        return [Stored("failed", OUT_OF_RESOURCES, f"part {part.number} has more than {METADATA} octets")]
    try:
        datasets = list(_datasets(part))
    except Undecodable as error:
        return [Stored("failed", CANNOT_UNDERSTAND, f"part {part.number}: {error}")]
    if not datasets:
        return [Stored("failed", CANNOT_UNDERSTAND, f"part {part.number} holds no instance")]
    return [_written(kept, dataset, category, uid) for dataset in datasets]


def _datasets(part: Arrived) -> Iterator[Dataset]:
    if part.name == JSON:
        yield from json_decode.decode(part.read())  # no bulk data: the service has none (12.1.1)
    else:
        yield xml_decode.decode(part.read())


def _written(kept: NonPatient, dataset: Dataset, category: str, uid: str) -> Stored:
    """Make a PS3.10 file of a data set and store it."""
    of, uid_of = (str(dataset.get(word) or "") for word in ("SOPClassUID", "SOPInstanceUID"))
    failed = Stored("failed", CANNOT_UNDERSTAND, "no SOP Class UID or no SOP Instance UID", of, uid_of)
    if not (of and uid_of):
        return failed
    made: Incoming = kept.receive()
    try:
        write(dataset, EXPLICIT_LE, made)
        return kept.store([made], category, uid)[0]
    except Exception as error:  # a writer may refuse values that the models allow; the server goes on
        return replace(failed, reason=PROCESSING_FAILURE, detail=f"it cannot be encoded: {error}"[:200])
    finally:
        made.discard()
