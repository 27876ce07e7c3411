"""Provokes Store requests of metadata and bulk data: rightly made, with faults, with consumer images; and looks after.

Must not judge what comes back.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from harness.body import Body
from harness.exchange import Exchange
from harness.make.corpus import Sample
from harness.make.parts import Message, Part, multipart
from harness.make.pixels import ramp, smooth
from harness.make.store_metadata import FAULTS, JSON, OCTETS, ROOTS, Form, Separate, consumer, message, separate
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.store.making import AS_STORED, Maker, look, look_once

PROVOKES = ("web.store",)
EFFECTS = ("web.store", "web.search.study-instances", "web.retrieve.instances", "web.retrieve.metadata")
JOURNEY = "web.store.effects.apart"
FORMS: tuple[Form, ...] = ("json", "xml")
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
NATIVE = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
CODED = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5")


def _taken(x: Exchange) -> bool:
    """The server knows such requests; where it does not there is no use in asking again and again."""
    return x.answer.status not in (400, 404, 405, 415, 501)


@probe("store.apart", provokes=EFFECTS, needs="write")
def stores_apart(web: Web) -> None:
    """Store single instances and batches as metadata and bulk data, in JSON and in XML, and look for them."""
    make = Maker(web)
    for form in FORMS:
        with web.journey(JOURNEY):
            single = make()
            x = _send(web, [single], form, study=single.study)
            if _taken(x):
                look(web, single)
                web.get(f"{single.path.strip('/')}/metadata", JSON, step="metadata")
        if not _taken(x):
            continue
        with web.journey(JOURNEY):
            several = [make(like) for like in _siblings(web, make.like)]
            _send(web, several, form, backwards=True)
            _retrieve(web, *several)
        with web.journey("web.store.effects.refused"):
            right, stray = make(), make()
            web.post_multipart(message([separate(right), separate(stray)], form), right.study, step="store")
            look_once(web, stray.study, stray.series, stray.instance)
        _placed(web, make, form)


def _siblings(web: Web, like: Sample) -> list[Sample]:
    """Instances of the same kind whose pixels differ."""
    found = [
        s for s in web.session.corpus if (s.sop_class, s.transfer_syntax) == (like.sop_class, like.transfer_syntax)
    ]
    return found[:3]


def _send(web: Web, samples: Sequence[Sample], form: Form, study: str = "", backwards: bool = False) -> Exchange:
    sent = message([separate(s) for s in samples], form, backwards=backwards)
    return web.post_multipart(sent, study, step="store", facts={"legal": True})


def _retrieve(web: Web, *samples: Sample) -> None:
    for sample in samples:
        web.get(sample.path.strip("/"), AS_STORED, step="retrieve")


def _placed(web: Web, make: Maker, form: Form) -> None:
    """Bulk data by an absolute URI and by one that begins with a slash, as far as the reference goes."""
    for root in ("https://example.org", ""):
        sample = make()
        one, place = separate(sample), f"{root}/bulk/{sample.instance}"
        attributes = {**one.attributes, "7FE00010": {**one.attributes["7FE00010"], "BulkDataURI": place}}
        bulk = tuple(replace(p, fields=(("Content-Location", place),)) for p in one.bulk)
        web.post_multipart(message([Separate(attributes, bulk)], form), facts={"legal": True})


@probe("store.apart-kinds", provokes=EFFECTS, needs="write")
def apart_kinds(web: Web) -> None:
    """Store each SOP Class of the corpus, and what is odd in it, as metadata and bulk data, and retrieve it."""
    make = Maker(web)
    for form in FORMS:
        seen: set[str] = set()
        for s in web.session.corpus:
            new = {s.sop_class, s.attribute("00080005")} if s.transfer_syntax in NATIVE else set()
            new |= {"deep"} if s.attribute("00400275.00400007") or "00091010" in s.attrs else set()
            if new <= seen:
                continue
            seen |= new
            with web.journey(JOURNEY):
                made = make(s)
                if not _taken(_send(web, [made], form)):
                    return
                _retrieve(web, made)
                web.get(f"{made.path.strip('/')}/metadata", JSON, step="metadata")


@probe("store.apart-coded", provokes=EFFECTS, needs="write")
def apart_coded(web: Web) -> None:
    """Store compressed frames as bulk data in the media types of Table 8.7.3-5, with and without the parameter."""
    make = Maker(web)
    for syntax in CODED:
        found = [s for s in web.session.corpus if s.transfer_syntax == syntax]
        for like in (*found[:1], *(s for s in found[1:] if s.frames > 1)):
            for told in (True, False):
                made = make(like)
                one = separate(made)
                bulk = tuple(p if told else replace(p, transfer_syntax="") for p in one.bulk)
                with web.journey(JOURNEY):
                    x = web.post_multipart(message([replace(one, bulk=bulk)]), step="store", facts={"legal": True})
                    if not _taken(x):
                        return
                    _retrieve(web, made)


@probe("store.apart-images", provokes=EFFECTS, needs="write")
def apart_images(web: Web) -> None:
    """Store consumer images without the attributes that describe their pixels."""
    like = next((s for s in web.session.corpus if s.sop_class == CAPTURE and s.transfer_syntax in NATIVE), None)
    if like is None:
        return
    make = Maker(web, like)
    for type, octets in _pictures():
        made = make()
        with web.journey(JOURNEY):
            sent = message([consumer(separate(made), octets, type)])
            if not _taken(web.post_multipart(sent, step="store", facts={"legal": True})):
                return
            _retrieve(web, made)


def _pictures() -> list[tuple[str, bytes]]:
    """Small images with an odd number of columns, grey and in colour."""
    colour = Image.fromarray(smooth((1, 16, 13, 3), 1)[0].astype(np.uint8), "RGB")
    grey = Image.fromarray(ramp((1, 10, 7), 0, 255, 1)[0].astype(np.uint8), "L")
    clear = colour.convert("RGBA")
    frames = [colour.quantize(16), colour.transpose(Image.Transpose.FLIP_TOP_BOTTOM).quantize(16)]
    return [
        ("image/jpeg", _saved(grey, "JPEG")),
        ("image/jpeg", _saved(colour, "JPEG")),
        ("image/png", _saved(grey, "PNG")),
        ("image/png", _saved(colour, "PNG")),
        ("image/png", _saved(clear, "PNG")),
        ("image/gif", _saved(frames[0], "GIF")),
        ("image/jp2", _saved(colour, "JPEG2000")),
    ]


def _saved(image: Image.Image, format: str) -> bytes:
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()


@probe("store.apart-faults", provokes=EFFECTS, needs="write")
def apart_faults(web: Web) -> None:
    """Store instances apart with every named fault, alone and between right ones."""
    make = Maker(web)
    for form in FORMS:
        for name, fault in FAULTS.items():
            bad, before, after = make(), make(), make()
            with web.journey("web.store.effects.refused"):
                sent = message([fault.make(separate(bad))], form)
                x = web.post_multipart(sent, step="store", facts={"fault": name})
                if x.answer.status in (405, 415, 501):
                    return
                look_once(web, bad.study, bad.series, bad.instance)
            with web.journey("web.store.effects.mixed"):
                parts = [separate(before), fault.make(separate(make())), separate(after)]
                web.post_multipart(message(parts, form), step="store", facts={"fault": name})
                _retrieve(web, before, after)


@probe("store.apart-malformed", provokes=PROVOKES, needs="write")
def apart_malformed(web: Web) -> None:
    """Store metadata that is none, bulk data that belongs to nothing, and messages whose root is bulk data."""
    one = separate(Maker(web)())
    for name, sent in _malformed(one):
        web.post_multipart(sent, facts={"fault": name})
    bulk = replace(one.bulk[0], content=Body.of(b"\0" * 16))
    web.post_multipart(multipart([bulk], root=OCTETS), facts={"fault": "bulk data alone"})
    web.post_multipart(message([one, one]), facts={"fault": "the same instance twice"})


def _malformed(one: Separate) -> list[tuple[str, Message]]:
    right = message([one]).body.bytes()
    text = right[right.index(b"[{") : right.index(b"]\r\n--") + 1]
    contents: list[tuple[str, Form, bytes]] = [
        ("JSON that ends in the middle", "json", text[: len(text) // 2]),
        ("text that is no JSON", "json", b"this is metadata, says its author"),
        ("JSON that is no data set", "json", b'[1, "two", null]'),
        ("JSON of a thousand arrays in each other", "json", b"[" * 1000 + b"]" * 1000),
        ("XML that ends in the middle", "xml", b'<?xml version="1.0"?><NativeDicomModel><DicomAttribute'),
        ("XML of another kind", "xml", b"<html><body>metadata</body></html>"),
    ]
    made = [(name, multipart([Part.of(octets, ROOTS[form]), *one.bulk])) for name, form, octets in contents]
    return [*made, ("no part of metadata", multipart(list(one.bulk), root=JSON))]


@probe("store.other-patient", provokes=EFFECTS, needs="write")
def other_patient(web: Web) -> None:
    """Store an instance of another patient into a study that is held, and one that names no patient."""
    make = Maker(web)
    with web.journey("web.store.effects.joined"):
        first = make()
        web.store([first], step="store", facts={"legal": True})
        other = make(study=first.study, PatientName="DICOMPROOF^OTHER", PatientID=f"{web.nonce}-OTHER")
        web.store([other], step="store")
        _retrieve(web, other)
    with web.journey("web.store.effects.new"):
        nobody = make(PatientName="", PatientID="")
        web.store([nobody], step="store", facts={"legal": True})
        _retrieve(web, nobody)
