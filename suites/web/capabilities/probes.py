"""Provokes the Retrieve Capabilities transaction, and calls what a description may list.

Must not judge what comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Exchange
from harness.make.holding import Entity
from harness.rule import probe
from harness.talk.conversation import DICOM, JSON, OCTETS, Web
from suites.web.capabilities.wadl import JSON as PLAIN_JSON
from suites.web.capabilities.wadl import TYPES, WADL, document

NEVER = "2.25.99999999999999999999999999999999999"
BULK = f"{OCTETS}, application/octet-stream"
IMAGE = "image/jpeg, image/png"
BOUNDARY = "dicomproof-empty"
MOST_TYPES = 6  # media types of a resource that are asked for
_WRITTEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z/;=\" ]{3,200}")


@probe("capabilities.types", provokes=("web.capabilities",), needs="nothing")
def types(web: Web) -> None:
    """Ask for the description in each type, and in either with both orders of preference."""
    with web.journey("web.capabilities.types"):
        for accept in TYPES:
            web.ask("OPTIONS", "", accept)
    for accept in ("*/*", f"{WADL};q=0.3, {PLAIN_JSON}", f"{PLAIN_JSON};q=0.3, {WADL}"):
        x = web.ask("OPTIONS", "", accept)
    tag = x.answer.headers.get("etag")
    if tag:
        web.ask("OPTIONS", "", f"{PLAIN_JSON};q=0.3, {WADL}", [("If-None-Match", tag)])


@probe("capabilities.truth", provokes=("web.capabilities",), needs="data")
def truth(web: Web) -> None:
    """Ask for the description, call every resource of the Studies Service that it may list, and ask for Allow."""
    image = web.holding.image() or (web.holding.instances[0] if web.holding.instances else None)
    if image is None:
        return
    with web.journey("web.capabilities.truth"):
        told = web.ask("OPTIONS", "", f"{WADL}, {PLAIN_JSON};q=0.5", step="document")
        _media_types(web, told, image)
        for shape, path, accept in _resources(image):
            web.get(path, accept, step="call", facts={"shape": shape})
        web.get(f"studies/{NEVER}/metadata", step="unknown")
        for shape, path in (("studies", "studies"), ("studies/*", f"studies/{image.study}")):
            if web.session.write:
                _post_nothing(web, shape, path)
            web.ask("OPTIONS", path, "*/*", step="allow")


def _resources(image: Entity) -> Iterator[tuple[str, str, str]]:
    """Shape, path and Accept of the resources of Table 10.3-2 as far as a description can be expected to list them."""
    study, series, instance = (image.path.strip("/").rsplit("/", n)[0] for n in (4, 2, 0))
    levels = (
        ("studies/*", study),
        ("studies/*/series/*", series),
        ("studies/*/series/*/instances/*", instance),
    )
    yield "studies", "studies?limit=1", JSON
    yield "studies/*/series", f"{study}/series?limit=1", JSON
    yield "studies/*/instances", f"{study}/instances?limit=1", JSON
    yield "studies/*/series/*/instances", f"{series}/instances?limit=1", JSON
    yield "series", "series?limit=1", JSON
    yield "instances", "instances?limit=1", JSON
    for shape, path in levels:
        yield shape, path, DICOM
        yield f"{shape}/metadata", f"{path}/metadata", JSON
        yield f"{shape}/bulkdata", f"{path}/bulkdata", BULK
        yield f"{shape}/pixeldata", f"{path}/pixeldata", BULK
        yield f"{shape}/rendered", f"{path}/rendered", IMAGE
        yield f"{shape}/thumbnail", f"{path}/thumbnail", IMAGE
    yield "studies/*/series/*/instances/*/frames/*", f"{instance}/frames/1", BULK


def _media_types(web: Web, told: Exchange, image: Entity) -> None:
    """Ask for search results and metadata in each media type listed for them: they hang on no kind of instance."""
    found = document(told.answer)
    places = {"studies": "studies?limit=1", "studies/*/series/*/instances/*/metadata": f"{image.path[1:]}/metadata"}
    for shape, path in places.items():
        listed = found.media_types(tuple(shape.split("/"))) if found else []
        for name in [t for t in listed if _WRITTEN.fullmatch(t)][:MOST_TYPES]:
            # the example of PS3.18 G leaves out the quotes that RFC 9110 wants
            accept = re.sub(r'type=([^";\s]+)', r'type="\1"', name)
            web.get(path, accept, step="type", facts={"shape": shape, "listed": name})


def _post_nothing(web: Web, shape: str, path: str) -> None:
    """A Store request without an instance: it stores nothing, and shows whether anybody takes one."""
    kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    body = f"--{BOUNDARY}--\r\n".encode()
    web.ask("POST", path, JSON, [("Content-Type", kind)], body, step="call", facts={"shape": shape})
