"""Provokes Retrieve of studies, series and instances, and of their metadata.

Must not judge.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from harness.exchange import Exchange
from harness.rule import probe
from harness.talk.conversation import DICOM, JSON, OCTETS, XML, Web
from suites.web.retrieve.bulkdata import absolute, references
from suites.web.retrieve.probes.choice import absent_uid, bulky, by_syntax, differing, instances, path, studies
from suites.web.retrieve.reading import EXPLICIT_LE, datasets, pieces

SINGLE = "application/dicom"
EXPLICIT = f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.1"
ANY = f"{DICOM}; transfer-syntax=*"
RLE, JPEG, JPEG_2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"
HELD = {"held": True}  # the target holds it: we loaded it, or the target showed it


@probe("retrieve.two-of-them", provokes=("web.retrieve.ground", "web.retrieve.instances", "web.retrieve.metadata"))
def two_of_them(web: Web) -> None:
    """Two different instances, and one that does not exist."""
    held = differing(web.holding.instances, lambda e: e.study, 2)
    held = held if len(held) > 1 else list(web.holding.instances[:2])
    if not held:
        return
    with web.journey("web.retrieve.ground"):
        for instance in held:
            web.get(path(instance, "/metadata"), step="own")
            web.get(path(instance), DICOM, step="own")
        gone = path(held[0]).replace(held[0].instance, absent_uid(web))
        web.get(f"{gone}/metadata", step="unknown", facts={"absent": True})
        web.get(gone, DICOM, step="unknown", facts={"absent": True})


@probe("retrieve.instances", provokes=("web.retrieve.instances",))
def whole_instances(web: Web) -> None:
    """Studies, series and instances of every kind, in the default and in other transfer syntaxes."""
    for study in studies(web, 20):
        web.get(path(study), DICOM, facts=HELD)
    for several in (*studies(web, 1), *web.holding.series[:1]):
        web.get(path(several), SINGLE, facts=HELD)
    for series in web.holding.series[:2]:
        web.get(path(series), DICOM, facts=HELD)
    for instance in instances(web, 4):
        web.get(path(instance), DICOM, facts=HELD)
    for instance in by_syntax(web, 8):
        web.get(path(instance), ANY, facts=HELD)
        if instance.transfer_syntax:
            web.get(path(instance), f"{DICOM}; transfer-syntax={instance.transfer_syntax}", facts=HELD)
    for instance in by_syntax(web, 3):
        web.get(path(instance), EXPLICIT, facts=HELD)
        web.get(path(instance), SINGLE, facts=HELD)
    for instance in web.holding.instances[:1]:
        web.get(path(instance), "*/*", facts=HELD)


@probe("retrieve.recoded", provokes=("web.retrieve.instances", "web.retrieve.frames"))
def recoded(web: Web) -> None:
    """Images that differ, in compressed transfer syntaxes that they were not stored in, whole and by frame."""
    native = [e for e in web.holding.instances if e.frames and e.transfer_syntax in ("", EXPLICIT_LE)]
    for image in differing(native, lambda e: (e.attribute("00280002"), e.attribute("00280100"), e.frames > 1), 4):
        for syntax in (RLE, JPEG_2000, JPEG):
            web.get(path(image), f"{DICOM}; transfer-syntax={syntax}")
        for name in ("image/dicom-rle", "image/jp2"):
            web.get(path(image, f"/frames/{image.frames}"), f'multipart/related; type="{name}"')


@probe("retrieve.metadata", provokes=("web.retrieve.metadata",))
def some_metadata(web: Web) -> None:
    """The metadata of a series, and of an instance by field and by parameter."""
    for series in web.holding.series[:2]:
        web.get(path(series, "/metadata"), facts=HELD)
    for instance in web.holding.instances[:1]:
        target = path(instance, "/metadata")
        web.get(target, "*/*", facts=HELD)
        web.get(f"{target}?accept=application/dicom%2Bjson", f"{JSON}, {XML}", facts=HELD)
        web.get(
            f"{target}?accept=multipart/related%3B%20type%3D%22application/dicom%2Bxml%22", f"{JSON}, {XML}", facts=HELD
        )
        web.get(target, headers=[("Accept-Charset", "utf-8")], facts=HELD)
        web.get(f"{target}?charset=UTF-8", facts=HELD)


@probe("retrieve.metadata-forms", provokes=("web.retrieve.forms", "web.retrieve.metadata"))
def metadata_forms(web: Web) -> None:
    """The metadata of studies in JSON and in XML, and of some instances alone and with their series and study."""
    for study in studies(web, 20):
        with web.journey("web.retrieve.forms"):
            web.get(path(study, "/metadata"), step="json", facts=HELD)
            web.get(path(study, "/metadata"), XML, step="xml", facts=HELD)
    whole = {s.study for s in studies(web, 20)}
    for instance in instances(web, 4):
        with web.journey("web.retrieve.forms"):
            web.get(path(instance, "/metadata"), step="json", facts=HELD)
            web.get(path(instance), DICOM, step="instance", facts=HELD)
            web.get(f"studies/{instance.study}/series/{instance.series}/metadata", step="above", facts=HELD)
            if instance.study in whole:
                web.get(f"studies/{instance.study}/metadata", step="above", facts=HELD)


@probe("retrieve.locations", provokes=("web.retrieve.location", "web.retrieve.instances"))
def locations(web: Web) -> None:
    """What the Content-Location of parts names."""
    for study in studies(web, 2):
        with web.journey("web.retrieve.location"):
            whole = web.get(path(study), DICOM, step="whole")
            places = [p.location for p in pieces(whole.answer) if p.type == SINGLE] if whole.answer.parts else []
            for part, place in list(enumerate(places))[:3]:
                if uri := _ours(web, whole, place or "urn:none"):
                    web.get(uri, DICOM, step="located", facts={"part": part})


def _ours(web: Web, x: Exchange, reference: str) -> str:
    """The absolute URI that a reference in an answer means, '' when it is not on the target itself."""
    uri = urljoin(absolute(x), reference)
    here, there = urlsplit(web.base), urlsplit(uri)
    return uri if (here.scheme, here.netloc) == (there.scheme, there.netloc) else ""


@probe(
    "retrieve.bulkdata",
    provokes=("web.retrieve.values", "web.retrieve.bulkdata", "web.retrieve.metadata", "web.retrieve.instances"),
)
def values(web: Web) -> None:
    """Every BulkDataURI in the metadata of some instances, and what the XML form of a few has beside them."""
    for number, instance in enumerate(bulky(web, 18)):
        with web.journey("web.retrieve.values"):
            shown = [web.get(path(instance, "/metadata"), step="metadata")]
            if number < 3:
                shown.append(web.get(path(instance, "/metadata"), XML, step="xml"))
            followed: set[str] = set()
            for x in shown:
                _follow(web, x, instance.instance, followed)
            if followed and not web.samples:  # what was loaded need not be retrieved to be known
                web.get(path(instance), EXPLICIT, step="instance")


def _follow(web: Web, shown: Exchange, instance: str, followed: set[str]) -> None:
    """Retrieve what the metadata refers to and nobody retrieved so far."""
    rows = [row for _, row in datasets(shown.answer)] if shown.answer.ok else []
    for steps, uri in [r for row in rows for r in references(row)][:8]:
        there = _ours(web, shown, uri)
        # a private element of an XML document has no block of its own, so its path tells nothing for certain
        vague = bool(shown.answer.documents) and any(int(tag[:4], 16) % 2 for tag in steps[::2])
        if there and there not in followed and not vague:
            followed.add(there)
            facts = {"uri": uri, "path": "/".join(steps), "instance": instance}
            web.get(there, OCTETS, step="value", facts=facts)


@probe(
    "retrieve.all-bulkdata",
    provokes=("web.retrieve.everything", "web.retrieve.bulkdata", "web.retrieve.pixeldata", "web.retrieve.metadata",
              "web.retrieve.instances"),
)  # fmt: skip
def all_bulkdata(web: Web) -> None:
    """All bulk data and all pixel data of an instance, a series and a study."""
    native = [e for e in web.holding.instances if e.frames and e.transfer_syntax in ("", "1.2.840.10008.1.2.1")]
    chosen = differing(native, lambda e: (e.attribute("00280100"), min(e.frames, 2)), 2)
    for target in [path(e) for e in (*chosen, *web.holding.series[:1], *studies(web, 1))]:
        with web.journey("web.retrieve.everything"):
            web.get(f"{target}/metadata", step="metadata")
            web.get(f"{target}/bulkdata", OCTETS, step="all")
            web.get(f"{target}/pixeldata", OCTETS, step="pixeldata")
            web.get(target, OCTETS, step="octets")
