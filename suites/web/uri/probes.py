"""Provokes the URI service: files, renderings, wrong values, whatever its parameters can say.

Must not judge. Where nobody says that there is a URI service, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from harness.exchange import Exchange
from harness.make.holding import Entity
from harness.rule import probe
from harness.talk.conversation import DICOM as FILES
from harness.talk.conversation import Web
from suites.web.retrieve.probes.choice import absent_uid, differing, instances, path
from suites.web.uri.reading import ANNOTATION, HTML, JPEG, NONE_OF_OURS, PLAIN

DICOM = "application/dicom"
ANY = "*/*"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_SAFE = "/:,;=*"
_LOSSLESS = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80")
_REPORTS, _STATES = "1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.11."
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
Values = Mapping[str, str]
Act = Callable[["_Service"], None]


class _Service:
    """The URI service as a probe sees it."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.held = web.holding.instances

    def ask(
        self,
        entity: Entity,
        accept: str | None = ANY,
        *,
        step: str = "",
        drop: str = "",
        change: Values | None = None,
        also: Values | None = None,
        facts: Mapping[str, Any] | None = None,
        **parameters: str,
    ) -> Exchange:
        """GET of an instance with these parameters, and `also` some; `drop` one of the four, `change` others."""
        four = {
            "requestType": "WADO",
            "studyUID": entity.study,
            "seriesUID": entity.series,
            "objectUID": entity.instance,
            **(change or {}),
        }
        words = {**{n: v for n, v in four.items() if n != drop}, **parameters, **(also or {})}
        query = "&".join(f"{n}={quote(v, safe=_SAFE)}" for n, v in words.items())
        about = {"held": True, "category": _category(entity)} if facts is None else dict(facts)
        return self.web.get(f"{self.web.uri_service}?{query}", accept, step=step, facts=about)

    def first(self, *fits: Callable[[Entity], bool]) -> Entity | None:
        """The first instance that fits the first of these conditions that any fits."""
        return next((e for fit in fits for e in self.held if fit(e)), None)

    def image(self) -> Entity | None:
        """A single-frame image, a native one of the MR or CT kind before others."""
        wanted = ("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2")
        return self.first(
            lambda e: e.frames == 1 and e.transfer_syntax == EXPLICIT and _class(e) == wanted[0],
            lambda e: e.frames == 1 and e.transfer_syntax in ("", EXPLICIT) and _class(e) in wanted,
            lambda e: e.frames == 1,
        )

    def frames(self) -> Entity | None:
        """A multi-frame image, a native one of whole octets before others."""
        return self.first(
            lambda e: e.frames > 1 and e.transfer_syntax == EXPLICIT and e.attribute("00280100") in ("8", "16"),
            lambda e: e.frames > 1,
        )


def _class(entity: Entity) -> str:
    return entity.attribute("00080016")


def _category(entity: Entity) -> str:
    if _class(entity).startswith((_REPORTS, _DOCUMENTS)):
        return "text"
    return {0: "", 1: "single"}.get(entity.frames, "multi")


def _probe(id: str, *provokes: str) -> Callable[[Act], Act]:
    """Declare a probe of the URI service."""

    def register(act: Act) -> Act:
        def run(web: Web) -> None:
            if web.uri_service and web.holding.instances:
                act(_Service(web))

        run.__doc__ = act.__doc__
        probe(id, provokes=("web.uri", *provokes))(run)
        return act

    return register


@_probe("uri.two-of-them", "web.uri.ground")
def two_of_them(service: _Service) -> None:
    """Two different instances, and one that does not exist."""
    found = differing(service.held, lambda e: e.study, 2)
    found = found if len(found) > 1 else list(service.held[:2])
    with service.web.journey("web.uri.ground"):
        for entity in found:
            service.ask(entity, step="own", contentType=DICOM)
        unknown = {"objectUID": absent_uid(service.web)}
        service.ask(found[0], step="unknown", change=unknown, facts={"absent": True}, contentType=DICOM)


@_probe("uri.files", "web.uri.both", "web.retrieve.instances")
def files(service: _Service) -> None:
    """Instances of every kind as PS3.10 files, by contentType and by Accept, and some through the Studies service."""
    for entity in instances(service.web, 24):
        service.ask(entity, contentType=DICOM)
    for entity in service.held[:1]:
        service.ask(entity, DICOM)
        service.ask(entity, None, contentType=DICOM)
        service.ask(entity, DICOM, contentType=DICOM)
    for entity in instances(service.web, 3):
        with service.web.journey("web.uri.both"):
            service.ask(entity, step="uri", contentType=DICOM)
            service.web.get(path(entity), FILES, step="retrieve", facts={"held": True})


@_probe("uri.order", "web.uri.order")
def order(service: _Service) -> None:
    """The parameters in their order, and turned round."""
    entity = service.held[0]
    with service.web.journey("web.uri.order"):
        service.ask(entity, contentType=DICOM)
        four = f"objectUID={entity.instance}&seriesUID={entity.series}&studyUID={entity.study}&requestType=WADO"
        target = f"{service.web.uri_service}?contentType=application/dicom&{four}"
        service.web.get(target, ANY, facts={"held": True})


@_probe("uri.not-there")
def not_there(service: _Service) -> None:
    """Parameters that are missing or wrong, UIDs that nobody has, parents of others."""
    entity, unknown, gone = service.held[0], absent_uid(service.web), {"absent": True}
    for name in ("requestType", "studyUID", "seriesUID", "objectUID"):
        service.ask(entity, drop=name, contentType=DICOM)
    for said in ("DICOMPROOF", "WADO-RS"):
        service.ask(entity, change={"requestType": said}, contentType=DICOM)
    for name in ("studyUID", "seriesUID", "objectUID"):
        about = gone if name == "objectUID" else {"misplaced": True}
        service.ask(entity, change={name: unknown}, facts=about, contentType=DICOM)
        for value in ("abc", "1..2", "1." + "2" * 70):
            service.ask(entity, change={name: value}, facts={}, contentType=DICOM)
    service.ask(entity, change={"objectUID": unknown}, facts=gone)
    other = next((e for e in service.held if e.study != entity.study), None)
    if other is not None:
        elsewhere = {"studyUID": other.study}
        service.ask(entity, change=elsewhere, facts={"misplaced": True}, contentType=DICOM)
        elsewhere["seriesUID"] = other.series
        service.ask(entity, change=elsewhere, facts={"misplaced": True}, contentType=DICOM)


@_probe("uri.types")
def media_types(service: _Service) -> None:
    """The default media type of each category, required types, preferences, mixtures, parameters, what nobody has."""
    image, frames = service.image(), service.frames()
    report = service.first(lambda e: _class(e).startswith(_REPORTS))
    document = service.first(lambda e: _class(e).startswith(_DOCUMENTS))
    for entity in (image, frames, report, document):
        if entity is not None:
            service.ask(entity)
    if image is not None:
        service.ask(image, contentType=JPEG)
        service.ask(image, f"image/png;q=0.9, {JPEG};q=0.5", contentType=JPEG)
        service.ask(image, contentType=f"image/png;q=0.3,{JPEG}")
        service.ask(image, contentType="image/png")
        service.ask(image, NONE_OF_OURS, contentType=NONE_OF_OURS)
        service.ask(image, contentType=f"{DICOM},{JPEG}")
        service.ask(image, f"{DICOM}, {JPEG}")
    if frames is not None:
        service.ask(frames, contentType="image/gif")
    if report is not None:
        for type_ in (HTML, PLAIN):
            service.ask(report, contentType=type_)
        service.ask(report, contentType=PLAIN, charset="utf-8")
    for tail in (f"transfer-syntax={EXPLICIT}", "charset=utf-8"):
        service.ask(service.held[0], contentType=f"{DICOM};{tail}")


@_probe("uri.transfer-syntax", "web.uri.syntax")
def transfer_syntax(service: _Service) -> None:
    """transferSyntax with the stored syntax, the default, what is none, two, and one that nobody has."""
    packed = service.first(lambda e: e.transfer_syntax in _LOSSLESS)
    for entity in (packed, service.image()):
        if entity is None:
            continue
        with service.web.journey("web.uri.syntax"):
            service.ask(entity, step="plain", contentType=DICOM)
            for syntax in dict.fromkeys((entity.transfer_syntax or EXPLICIT, EXPLICIT)):
                service.ask(entity, step="asked", contentType=DICOM, transferSyntax=syntax)
            service.ask(entity, step="implicit", contentType=DICOM, transferSyntax=IMPLICIT)
            for bad in ("abc", "1.2.abc"):
                service.ask(entity, step="bad", contentType=DICOM, transferSyntax=bad)
            service.ask(entity, step="two", contentType=DICOM, transferSyntax=f"{EXPLICIT},{_LOSSLESS[0]}")
            service.ask(entity, step="unknown", contentType=DICOM, transferSyntax=absent_uid(service.web))


@_probe("uri.anonymize", "web.uri.anonymize")
def anonymize(service: _Service) -> None:
    """An instance as it is and anonymized, and values that the parameter does not have."""
    private = service.first(lambda e: any(tag[3] in "13579BDF" for tag in e.attrs))
    report = service.first(lambda e: _class(e).startswith(_REPORTS))
    chosen = {e.instance: e for e in (service.image(), private, report) if e is not None}
    for entity in chosen.values():
        with service.web.journey("web.uri.anonymize"):
            service.ask(entity, step="plain", contentType=DICOM)
            service.ask(entity, step="yes", contentType=DICOM, anonymize="yes")
            for bad in ("no", "yes,yes", "true"):
                service.ask(entity, step="bad", contentType=DICOM, anonymize=bad)


@_probe("uri.frames", "web.uri.frame", "web.retrieve.rendered")
def frame_numbers(service: _Service) -> None:
    """Frames of an instance through both services, numbers that are none, and a frame of a single one."""
    entity, image = service.frames(), service.image()
    if entity is None:
        return
    with service.web.journey("web.uri.frame"):
        service.ask(entity, step="plain", contentType=JPEG)
        for number in range(1, min(entity.frames, 3) + 1):
            service.ask(entity, step="frame", contentType=JPEG, frameNumber=str(number))
            service.web.get(path(entity, f"/frames/{number}/rendered"), JPEG, step="rendered", facts={"held": True})
        for bad in ("0", "-1", str(entity.frames + 1), "a", "1,2", "1.5"):
            service.ask(entity, step="bad", contentType=JPEG, frameNumber=bad)
        if image is not None and "00280008" not in image.attrs:
            service.ask(image, step="single", contentType=JPEG, frameNumber="1")


@_probe("uri.viewport", "web.uri.viewport")
def viewport(service: _Service) -> None:
    """rows, columns and region, together and alone, and values that they do not have."""
    image = service.image()
    if image is None:
        return
    with service.web.journey("web.uri.viewport"):
        service.ask(image, step="plain", contentType=JPEG)
        service.ask(image, step="file", contentType=DICOM)
        for rows, columns in (("40", "100"), ("100", "40"), ("7", "9")):
            service.ask(image, step="asked", contentType=JPEG, rows=rows, columns=columns)
        service.ask(image, step="asked", contentType=JPEG, rows="48")
        service.ask(image, step="asked", contentType=JPEG, columns="48")
        for region in ("0,0,0.5,0.5", "0.5,0,1,0.5", "0,0.5,0.5,1.0", "0.25,0.25,0.5,0.75"):
            service.ask(image, step="asked", contentType=JPEG, region=region)
        service.ask(image, step="asked", contentType=JPEG, region="0,0,0.5,1", rows="64", columns="64")
        for rows in ("0", "-5", "a", "1.5"):
            service.ask(image, step="bad", contentType=JPEG, rows=rows, columns="40")
        service.ask(image, step="bad", contentType=JPEG, rows="40", columns="0")
        for region in ("0,0,1", "0,0,1,1,1", "0.5,0,0.5,1", "0,0.9,1,0.1", "0,0,1.5,1", "-0.1,0,1,1", "a,0,1,1"):
            service.ask(image, step="bad-region", contentType=JPEG, region=region)


@_probe("uri.window", "web.uri.window")
def window(service: _Service) -> None:
    """A window, half of one, what is none, and one beside a file."""
    image = service.image()
    if image is None:
        return
    whole = {"windowCenter": "20", "windowWidth": "10"}
    with service.web.journey("web.uri.window"):
        service.ask(image, step="plain", contentType=JPEG)
        service.ask(image, step="asked", contentType=JPEG, also=whole)
        service.ask(image, step="asked", contentType=JPEG, windowCenter="4000.5", windowWidth="1e2")
        for center, width in (("2000", "1500"), ("600", "900.5")):  # half of what there is in such an image is grey
            service.ask(image, step="asked", contentType=JPEG, windowCenter=center, windowWidth=width)
        service.ask(image, step="half", contentType=JPEG, windowCenter="40")
        service.ask(image, step="half", contentType=JPEG, windowWidth="400")
        service.ask(image, step="bad", contentType=JPEG, windowCenter="a", windowWidth="400")
        service.ask(image, step="bad", contentType=JPEG, windowCenter="40", windowWidth="wide")
        service.ask(image, step="file", contentType=DICOM, also=whole)


@_probe("uri.states", "web.uri.state")
def presentation_states(service: _Service) -> None:
    """An image in a presentation state, a part of it, and what no state is."""
    state = service.first(lambda e: _class(e).startswith(_STATES))
    image = service.first(lambda e: state is not None and e.study == state.study and e.frames == 1)
    if state is None or image is None:
        return
    told = {"presentationSeriesUID": state.series, "presentationUID": state.instance}
    with service.web.journey("web.uri.state"):
        service.ask(image, step="plain", contentType=JPEG)
        service.ask(image, step="asked", contentType=JPEG, also=told)
        service.ask(image, step="part", contentType=JPEG, region="0,0,0.5,0.5", also=told)
        service.ask(image, step="bad", contentType=JPEG, also={**told, "presentationUID": absent_uid(service.web)})
        service.ask(
            image, step="bad", contentType=JPEG, also={**told, "presentationSeriesUID": absent_uid(service.web)}
        )
        service.ask(image, step="half", contentType=JPEG, presentationUID=state.instance)
        service.ask(image, step="frame", contentType=JPEG, frameNumber="1", also=told)
        service.ask(image, step="window", contentType=JPEG, windowCenter="40", windowWidth="400", also=told)


@_probe("uri.quality", "web.uri.quality", "web.uri.annotation")
def quality_and_annotation(service: _Service) -> None:
    """imageQuality and annotation, and values that they do not have."""
    image = service.image()
    if image is None:
        return
    with service.web.journey("web.uri.quality"):
        service.ask(image, step="plain", contentType=JPEG)
        for quality in ("1", "100"):
            service.ask(image, step="asked", contentType=JPEG, imageQuality=quality)
        for bad in ("0", "101", "-1", "high", "50.5"):
            service.ask(image, step="bad", contentType=JPEG, imageQuality=bad)
    with service.web.journey("web.uri.annotation"):
        service.ask(image, step="plain", contentType=JPEG)
        for name in ANNOTATION:
            service.ask(image, step="asked", contentType=JPEG, also={name: "patient"})
            service.ask(image, step="asked", contentType=JPEG, also={name: "patient,technique"})
            service.ask(image, step="unknown", contentType=JPEG, also={name: "dicomproof"})
