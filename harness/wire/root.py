"""Knows where in a URL the services of PS3.18 begin, when nobody says what their Base URI is.

Must not know who asks, or which Base URIs a server has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from harness.wire.uri import classify, decode, origin_form

OTHER = "web.other"
_PAGES = frozenset({"document", "iframe", "script", "style", "font", "manifest", "worker", "sharedworker",
                    "serviceworker"})  # fmt: skip
_FIRST = frozenset({"studies", "series", "instances", "workitems"})
_ORIGIN = "http://origin"


def root_of(method: str, target: str) -> str | None:
    """The Service Root Path of a request-target, '' for the root of the host; None when no resource is named.

    That is what stands before the first segment from which on the rest is a resource of PS3.18.
    """
    path = origin_form(target).partition("?")[0]
    segments = path.split("/")
    for at, segment in enumerate(segments):
        root = "/".join(segments[:at])
        if at and decode(segment) in _FIRST and classify(method, target, _ORIGIN + root).kind != OTHER:
            return root
    return "" if classify(method, target, _ORIGIN).kind == "web.uri" else None


def below(target: str, root: str) -> bool:
    """Whether a request-target lies below this Service Root Path."""
    path = origin_form(target).partition("?")[0]
    return path == root or path.startswith(root + "/")


def usable(url: str) -> bool:
    """Whether an absolute URL can be taken apart: what is hostile in a Host field is nobody's Base URI."""
    try:
        split = urlsplit(url)
        return bool(split.hostname) and split.port != 0 and not re.search(r"[\s\x00-\x1f\x7f-\xff]", split.netloc)
    except ValueError:
        return False


def aside(method: str, field: Callable[[str], str | None]) -> bool:
    """Whether a browser asks this for reasons of its own, by the header fields of the request.

    A preflight (Fetch 4.8) is asked before what the page asks for; pages, scripts and the like may lie at any path.
    """
    if method == "OPTIONS" and field("access-control-request-method"):
        return True
    return (field("sec-fetch-dest") or "") in _PAGES
