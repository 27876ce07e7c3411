"""Provokes renderings: stores patterns in studies of its own, and asks for them in every way.

Must not judge what comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import quote

from pydicom.uid import ExplicitVRLittleEndian

from harness.exchange import Exchange
from harness.make import patterns
from harness.make.documents import pdf, presentation_state
from harness.make.holding import Entity
from harness.make.modules import Scene, item
from harness.make.patterns import PATTERNS, Window
from harness.make.sample import Sample
from harness.make.uids import uid
from harness.rule import probe
from harness.talk.conversation import JSON, Web
from suites.web.rendered.reading import GIF, HTML, JPEG, PDF, PLAIN, PNG, RELATED, XML
from suites.web.rendered.states import WINDOW
from suites.web.rendered.text import WORDS
from suites.web.rendered.types import NONE_OF_OURS

PROVOKES = ("web.retrieve.rendered", "web.store")
UNKNOWN = "2.25.3140000000000000000000000000000002"  # a UID that nobody else made
FEW = 3  # instances that are looked at where nothing may be stored
NO_PICTURES = ("SEG", "RTDOSE", "PR")  # what has pixels and is not shown by itself
PARTS = f'{RELATED}; type="{JPEG}"'
ODD_WINDOWS = ("40,400", "40,400,foo", "a,b,linear", ",400,linear", "40,,linear", "40,400,LINEAR", "40,0,linear",
               "40,-5,linear", "40,400,linear,1", "", "NaN,400,linear", "40,0,sigmoid")  # fmt: skip
ODD_VIEWPORTS = ("100", "0,10", "-1,5", "100,", ",100", "a,b", "10.5,10", "100,100,x", "1,2,3,4,5,6,7", "")
ODD_QUALITIES = ("0", "101", "x", "", "-1", "50.5", "1e1")
VIEWS = ("32,32", "128,128", "100,30", "30,100")
REGIONS = (
    "32,24,32,24,32,24",
    "64,48,,,32,24",
    "32,24,32,,32,24",
    "32,32,16,12,32,24",
    "64,64,0,24",
    "32,24,-32,-24,32,24",
)
FLIPS = ("64,48,,,-64", "64,48,,,,-48", "64,48,0,0,-64,-48", "64,48,0,0,-64,48")


class Album:
    """A study of patterns that one probe has stored. `path`: of the rendered resource of each."""

    def __init__(self, web: Web, *names: str) -> None:
        self.web = web
        self.study = uid(web.nonce, web.probe, "study")
        self.samples = {name: patterns.instance(name, self.study, web.nonce) for name in names}

    def store(self, *more: Sample) -> Album:
        """All of them in one request, and one by one if that is refused."""
        batch = [*self.samples.values(), *more]
        x = self.web.store(batch, study=self.study, facts={"legal": True})
        if x.answer.status != 200 and len(batch) > 1:
            for one in batch:
                self.web.store([one], study=self.study, facts={"legal": True})
        return self

    def show(self, name: str, query: str = "", frames: str = "", accept: str = "", **about: Any) -> Exchange:
        """Ask for a pattern: without loss where that is offered, else as every server has to."""
        for type_ in (accept,) if accept else (PNG, JPEG):
            x = ask(self.web, self.samples[name], query, frames, type_, **about)
            if x.answer.ok:
                break
        return x


def ask(web: Web, one: Sample, query: str = "", frames: str = "", accept: str = PNG, what: str = "rendered",
        **about: Any) -> Exchange:  # fmt: skip
    path = one.path[1:] + (f"/frames/{frames}" if frames else "") + f"/{what}"
    return web.get(f"{path}?{query}" if query else path, accept, **about)


def asked(window: Window) -> str:
    return f"window={window}"


@probe("rendered.load", provokes=(*PROVOKES, "web.retrieve.rendered-ground"), needs="write")
def load(web: Web) -> None:
    """Store a few patterns, render each of them, and an instance that does not exist."""
    album = Album(web, "grey", "quadrants", "rgb", "large").store()
    with web.journey("web.retrieve.rendered-ground"):
        for name in album.samples:
            x = album.show(name, step="own")
            if not x.answer.ok:
                album.show(name, accept="*/*", step="own")
        web.get(f"studies/{UNKNOWN}/series/{UNKNOWN}.1/instances/{UNKNOWN}.2/rendered", JPEG, step="unknown",
                facts={"absent": True})  # fmt: skip
        one = album.samples["grey"]
        web.get(f"studies/{one.study}/series/{one.series}/instances/{UNKNOWN}.3/rendered", PNG, step="unknown",
                facts={"absent": True})  # fmt: skip


@probe("rendered.patterns", provokes=PROVOKES, needs="write")
def everything(web: Web) -> None:
    """Store every pattern and render it as it is, and with each window that is worth asking for."""
    album = Album(web, *PATTERNS).store()
    for name, pattern in PATTERNS.items():
        if pattern.frames == 1:
            album.show(name)
        for window in pattern.windows if name != "window" else ():
            album.show(name, asked(window), facts={"legal": True})
    for name in ("grey", "rgb", "palette", "odd", "odd-jpeg2000", "monochrome1"):
        for type_ in (JPEG, GIF):
            album.show(name, accept=type_)


@probe("rendered.windows", provokes=(*PROVOKES, "web.retrieve.rendered-functions"), needs="write")
def windows(web: Web) -> None:
    """Ask for windows of every function, and for what is none."""
    album = Album(web, "window", "voi-lut").store()
    with web.journey("web.retrieve.rendered-functions"):
        for window in PATTERNS["window"].windows:
            album.show("window", asked(window), step="function", facts={"legal": True})
    album.show("window", asked(Window(1000, 8)), accept=JPEG, facts={"legal": True})
    for value in ODD_WINDOWS:
        album.show("window", f"window={value}", accept=JPEG, facts={"provoked": "window"})


@probe("rendered.viewports", provokes=PROVOKES, needs="write")
def viewports(web: Web) -> None:
    """Ask for sizes, regions and flips, and for viewports that are none."""
    album = Album(web, "quadrants").store()
    for value in (*VIEWS, *REGIONS, *FLIPS):
        album.show("quadrants", f"viewport={value}", facts={"legal": True})
    for value in (VIEWS[0], REGIONS[0], FLIPS[0]):
        album.show("quadrants", f"viewport={value}", accept=JPEG, facts={"legal": True})
    for value in ODD_VIEWPORTS:
        album.show("quadrants", f"viewport={value}", accept=JPEG, facts={"provoked": "viewport"})


@probe("rendered.parameters", needs="write", provokes=(
    *PROVOKES, "web.retrieve.rendered-annotation", "web.retrieve.rendered-quality", "web.retrieve.rendered-profile",
    "web.retrieve.rendered-unknown-parameter"))  # fmt: skip
def parameters(web: Web) -> None:
    """Ask for annotations, qualities and profiles, right and wrong, and with a parameter that nobody knows."""
    album = Album(web, "large", "rgb").store()
    with web.journey("web.retrieve.rendered-annotation"):
        album.show("large", step="plain")
        for value in ("patient", "technique", "patient,technique"):
            album.show("large", f"annotation={value}", step="annotated", facts={"legal": True})
    for value in ("annotation=", "annotation", "annotation=nonesuch", "annotation=patient,nonesuch"):
        album.show("large", value, accept=JPEG)
    with web.journey("web.retrieve.rendered-quality"):
        for number in (1, 30, 60, 100):
            album.show("rgb", f"quality={number}", accept=JPEG, step="quality", facts={"legal": True})
    album.show("rgb", "quality=50", accept=PNG, facts={"legal": True})
    for value in ODD_QUALITIES:
        album.show("rgb", f"quality={value}", accept=JPEG, facts={"provoked": "quality"})
    with web.journey("web.retrieve.rendered-profile"):
        for value in ("yes", "srgb", "adobergb", "rommrgb"):
            for type_ in (JPEG, PNG):
                album.show("rgb", f"iccprofile={value}", accept=type_, step="profile")
        album.show("rgb", "iccprofile=yes", accept=GIF, step="gif")
        album.show("rgb", "iccprofile=nonesuch", accept=JPEG, step="wrong")
    for type_ in (JPEG, PNG, GIF):
        album.show("rgb", "iccprofile=no", accept=type_)
    with web.journey("web.retrieve.rendered-unknown-parameter"):
        album.show("large", step="plain")
        album.show("large", "nonesuch=1", step="other")


@probe("rendered.levels", needs="write", provokes=(
    *PROVOKES, "web.retrieve.rendered-levels", "web.retrieve.head", "web.retrieve.rendered-leaves",
    "web.retrieve.metadata"))  # fmt: skip
def levels(web: Web) -> None:
    """Render a study with a report in it, a series of several images, an instance, and frames that are there or not."""
    album = Album(web, "grey", "monochrome1", "frames")
    grey, frames = album.samples["grey"], album.samples["frames"]
    second = patterns.instance("quadrants", album.study, web.nonce, SeriesInstanceUID=grey.series, InstanceNumber=2)
    report = patterns.text(album.study, web.nonce, WORDS, grey)
    album.store(second, report)
    places = {"study": f"studies/{album.study}", "series": f"studies/{album.study}/series/{grey.series}",
              "instance": grey.path[1:], "frames": f"{frames.path[1:]}/frames/2"}  # fmt: skip
    images = {"study": 6, "series": 2, "instance": 1, "frames": 1}
    with web.journey("web.retrieve.rendered-levels"):
        for level, path in places.items():
            for accept in (PARTS, "*/*", f'{PARTS}, {RELATED}; type="{HTML}"', JPEG):
                if level == "study" or "text" not in accept:
                    facts = {"images": images[level]} if level != "study" else {}
                    web.get(f"{path}/rendered", accept, step=level, facts=facts)
    for listed in ("1", "2", "3"):
        album.show("frames", frames=listed)
    album.show("frames", frames="1,3", accept=f'{RELATED}; type="{PNG}"')
    album.show("frames", frames="1,3", accept=PARTS)
    for none in ("0", "4", "999999", "x", "-1", "1,9"):
        accept = PARTS if "," in none else JPEG
        ask(web, frames, frames=none, accept=accept, facts={"no-frame": True, "category": "single"})
    album.show("frames", accept=GIF)
    with web.journey("web.retrieve.head"):
        path = f"{grey.path[1:]}/rendered"
        web.get(path, JPEG, step="get")
        web.ask("HEAD", path, JPEG, step="head")
    with web.journey("web.retrieve.rendered-leaves"):
        web.get(f"{grey.path[1:]}/metadata", JSON, step="metadata")
        album.show("grey", "viewport=20,20&window=10,20,linear&annotation=patient", accept=JPEG, step="rendered")
        web.get(f"{grey.path[1:]}/metadata", JSON, step="metadata")


def _typed(web: Web, one: Sample, types: Iterable[str]) -> None:
    for accept in types:
        ask(web, one, accept=accept)


@probe("rendered.types", provokes=PROVOKES, needs="write")
def types(web: Web) -> None:
    """Accept every type that has to be offered, weights, wildcards, mixtures, and what nobody offers."""
    album = Album(web, "grey", "frames", "rgb-rle")
    report = patterns.text(album.study, web.nonce, WORDS, album.samples["grey"])
    album.store(report)
    weighed = ("*/*", "image/*", f"{JPEG};q=0.3, {PNG};q=0.7", f"{GIF}, {JPEG};q=0.2", f"{NONE_OF_OURS}, {PNG};q=0.1",
               NONE_OF_OURS)  # fmt: skip
    _typed(web, album.samples["grey"], (JPEG, PNG, GIF, "image/jp2", *weighed))
    _typed(web, album.samples["rgb-rle"], ("*/*", GIF))
    ask(web, album.samples["grey"], accept=f"{PNG}, {JSON}", facts={"held": True})  # a mixture is to be refused
    for accept, named in (("*/*", PNG), (f"{JPEG}, {PNG};q=0.1", PNG)):
        album.show("grey", f"accept={quote(named, safe='')}", accept=accept)
    ask(web, album.samples["frames"], frames="2", accept="*/*")
    _typed(web, report, ("*/*", HTML, PLAIN, XML, "text/*", NONE_OF_OURS))
    for charset in ("utf-8", "utf-8,x-none"):
        ask(web, report, f"charset={charset}", accept=HTML)
        ask(web, report, accept=PLAIN, headers=[("Accept-Charset", charset)])


@probe("rendered.documents", provokes=PROVOKES, needs="write")
def documents(web: Web) -> None:
    """Render a presentation state, alone and with what it does not take, and an encapsulated document."""
    album = Album(web, "window")
    image = album.samples["window"]
    state, document = _state(album, image), _document(album)
    album.store(state, document)
    for accept in (PNG, JPEG, f'{RELATED}; type="{PNG}"', PARTS):
        if ask(web, state, accept=accept).answer.ok:
            break
    for query in ("window=40,400,linear", "viewport=32,32,0,0,8,8"):
        ask(web, state, query, accept=JPEG)
    ask(web, state, frames="1", accept=JPEG)
    ask(web, document, accept=PDF)


def _state(album: Album, image: Sample) -> Sample:
    """A state over the image with another window than its own, and inverse."""
    ds = patterns.patient(album.study, album.web.nonce, "state")
    presentation_state(ds, Scene(1, 1, partial(uid, album.web.nonce)), [image.dataset])
    ds.Modality = "PR"
    ds.SoftcopyVOILUTSequence = [item(WindowCenter=f"{WINDOW.center:g}", WindowWidth=f"{WINDOW.width:g}")]
    for keyword in ("GraphicAnnotationSequence", "GraphicLayerSequence"):
        delattr(ds, keyword)
    return patterns.sample(ds, ExplicitVRLittleEndian, 0)


def _document(album: Album) -> Sample:
    ds = patterns.patient(album.study, album.web.nonce, "document")
    pdf(ds, Scene(1, 1, partial(uid, album.web.nonce)), [])
    ds.Modality = "DOC"
    return patterns.sample(ds, ExplicitVRLittleEndian, 0)


@probe("rendered.thumbnails", provokes=("web.retrieve.thumbnail", "web.store", "web.retrieve.thumbnail-levels"),
       needs="write")  # fmt: skip
def thumbnails(web: Web) -> None:
    """Ask for thumbnails at every level, in sizes, with what they do not take, and of a report."""
    album = Album(web, "large", "frames")
    report = patterns.text(album.study, web.nonce, WORDS, album.samples["large"])
    album.store(report)
    large, frames = album.samples["large"], album.samples["frames"]
    facts = {"patient": [patterns.PATIENT, f"{web.nonce}-RENDERED"]}
    places = {"study": f"studies/{album.study}", "series": f"studies/{album.study}/series/{large.series}",
              "instance": large.path[1:], "frames": f"{frames.path[1:]}/frames/2"}  # fmt: skip
    with web.journey("web.retrieve.thumbnail-levels"):
        for level, path in places.items():
            web.get(f"{path}/thumbnail", JPEG, step=level, facts=facts)
    path = f"{large.path[1:]}/thumbnail"
    for query in ("viewport=32,32", "viewport=500,40", "viewport=32,32,0,0,8,8", "viewport=0,5", "viewport=7"):
        web.get(f"{path}?{query}", JPEG)
    for accept in ("*/*", NONE_OF_OURS, PNG):
        web.get(path, accept)
    for none in ("0", "9"):
        web.get(f"{frames.path[1:]}/frames/{none}/thumbnail", JPEG, facts={"no-frame": True})
    web.get(f"{report.path[1:]}/thumbnail", JPEG)


def _different(web: Web) -> list[Entity]:
    """Instances with pixels that are likely to look different: of other SOP Classes and other sizes."""
    chosen: dict[tuple[str, str], Entity] = {}
    for entity in web.holding.instances:
        if entity.frames and entity.attribute("00080060") not in NO_PICTURES:
            chosen.setdefault((entity.attribute("00080016"), entity.attribute("00280010")), entity)
    return list(chosen.values())[:FEW]


@probe("rendered.found", provokes=("web.retrieve.rendered", "web.retrieve.thumbnail", "web.retrieve.rendered-ground"))
def found(web: Web) -> None:
    """Render what the target is known to hold, in the types that have to be offered."""
    images_ = _different(web)
    single = {"held": True, "category": "single"}
    if not web.samples:  # nothing of ours can be stored: what is there has to carry the verdicts
        with web.journey("web.retrieve.rendered-ground"):
            for entity in images_:
                web.get(f"{entity.path[1:]}/frames/1/rendered", JPEG, step="own", facts=single)
            web.get(f"studies/{UNKNOWN}/series/{UNKNOWN}.1/instances/{UNKNOWN}.2/rendered", JPEG, step="unknown",
                    facts={"absent": True})  # fmt: skip
    for entity in images_:
        # who does not tell the number of frames may have more than one
        one = entity.attribute("00280008") == "1"
        web.get(f"{entity.path[1:]}/rendered", JPEG if one else "*/*", facts=single if one else {"held": True})
        for accept in (JPEG, "*/*", PNG):
            web.get(f"{entity.path[1:]}/frames/1/rendered", accept, facts=single)
        web.get(f"{entity.path[1:]}/thumbnail", JPEG, facts={"held": True})
