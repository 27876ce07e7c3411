"""Provokes what the rules on HTTP need: refused methods, failures, ranges, conditions, codings, cut downloads.

Must not judge.
"""

from __future__ import annotations

from harness.exchange import Exchange
from harness.make.holding import Entity
from harness.rule import probe
from harness.talk.conversation import JSON, XML, Web
from suites.web.http.browsers import ORIGIN

UNKNOWN = "2.25.3140000000000000000000000000000001"  # a UID that nobody else made
DICOM_FILE = "application/dicom"
NO_TAG = '"no-version-of-anything"'
RANGES = ("bytes=10-19", "bytes=0-0", "bytes=5-999999999", "bytes=-7", "bytes=999999999-")


@probe("http.failures", provokes=("web.search", "web.retrieve", "web.other"), needs="nothing")
def failures(web: Web) -> None:
    """Ask for what does not exist, in several ways, and without telling what would be acceptable."""
    for path in (f"studies/{UNKNOWN}", f"studies/{UNKNOWN}/metadata", f"studies/{UNKNOWN}/series/{UNKNOWN}/metadata"):
        web.get(path, "*/*")
    web.get(f"studies/{UNKNOWN}/metadata", None)
    web.get("no-such-resource", "*/*")
    web.get("studies", "application/vnd.example.unsupported")


@probe("http.methods", provokes=("web.other", "web.store"), needs="write")
def methods(web: Web) -> None:
    """Use methods that a resource does not know, where they can do no harm, and store what cannot be stored."""
    web.ask("PUT", "studies", "*/*")
    web.ask("DELETE", f"studies/{UNKNOWN}/metadata", "*/*")
    web.ask("POST", "studies", headers=[("Content-Type", "text/plain")], body=b"This is no multipart message.")


@probe("http.range", provokes=("web.retrieve",))
def ranges(web: Web) -> None:
    """Ask for ranges of single part representations, within them, across their end and behind it."""
    held = web.holding.instances[:1]
    for path, accept in [(f"{e.path[1:]}/metadata", "application/dicom+json") for e in held] + [
        (e.path[1:], DICOM_FILE) for e in held
    ]:
        with web.journey("web.retrieve.range"):
            web.get(path, accept, step="whole")
            for asked in RANGES:
                web.get(path, accept, [("Range", asked)], step="range")
            web.get(path, accept, [("Range", "bytes=0-9, 20-29")], step="several")
            web.get(path, accept, [("Range", "bytes=0-9"), ("If-Range", NO_TAG)], step="stale")


@probe("http.conditional", provokes=("web.retrieve",))
def conditional(web: Web) -> None:
    """Ask again with the validators that came with the first answer, if any came, and with those of no version."""
    for entity in web.holding.instances[:1]:
        path = f"{entity.path[1:]}/metadata"
        with web.journey("web.retrieve.conditional"):
            first = web.get(path, step="first")
            conditions = _conditions(first)
            for headers in conditions:
                web.get(path, headers=headers, step="again")
            web.get(path, XML, step="form")
            if "etag" in first.answer.headers:
                web.get(path, headers=[("If-None-Match", NO_TAG)], step="other")
                web.get(path, headers=[("If-Match", NO_TAG)], step="mismatch")
            if len(conditions) > 1:
                web.get(path, headers=[("If-None-Match", NO_TAG), *conditions[1]], step="other")


@probe("http.head", provokes=("web.retrieve",))
def heads(web: Web) -> None:
    """Ask for the fields of an answer without the answer."""
    for entity in web.holding.instances[:1]:
        for path, accept in ((f"{entity.path[1:]}/metadata", JSON), (entity.path[1:], DICOM_FILE)):
            with web.journey("web.retrieve.head"):
                web.get(path, accept, step="get")
                web.ask("HEAD", path, accept, step="head")


@probe("http.origin", provokes=("web.retrieve", "web.other"))
def origins(web: Web) -> None:
    """Ask as a page of another origin does: at once, and after a preflight."""
    asks = [("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "authorization")]
    for entity in web.holding.instances[:1]:
        path = f"{entity.path[1:]}/metadata"
        with web.journey("web.retrieve.origin"):
            web.get(path, JSON, [("Origin", ORIGIN)], step="simple")
            web.ask("OPTIONS", path, "*/*", [("Origin", ORIGIN), *asks], step="preflight")


def _conditions(x: Exchange) -> list[list[tuple[str, str]]]:
    pairs = (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified"))
    return [[(condition, value)] for condition, name in pairs if (value := x.answer.headers.get(name))]


@probe("http.coding", provokes=("web.retrieve", "web.search"))
def codings(web: Web) -> None:
    """Ask for the same content in several content codings."""
    for entity in web.holding.instances[:1]:
        with web.journey("web.retrieve.coding"):
            for coding in ("identity", "gzip", "gzip;q=0, deflate;q=0, identity", "deflate;q=0.5, gzip;q=0.1"):
                web.get(f"{entity.path[1:]}/metadata", headers=[("Accept-Encoding", coding)])
    web.search("studies", [("limit", "3")], headers=[("Accept-Encoding", "gzip")])


@probe("http.cut-download", provokes=("web.retrieve",))
def cut_download(web: Web) -> None:
    """Break off the download of the largest study, then ask an ordinary question."""
    study = max(web.holding.studies, key=lambda s: len(web.holding.below(s, "instance")), default=None)
    if study is None:
        return
    web.ask("GET", study.path[1:], 'multipart/related; type="application/dicom"', most=1000, facts={"cut": True})
    web.get(f"{_first(web, study).path[1:]}/metadata")


def _first(web: Web, study: Entity) -> Entity:
    held = web.holding.below(study, "instance")
    return held[0] if held else study
