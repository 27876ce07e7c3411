"""Knows which of the requests that pass are asked of the services that are watched, and what their Base URI is.

Must not know what is done with the others.
"""

from __future__ import annotations

import re

from harness.watch.message import Head
from harness.wire.root import aside, below, root_of, usable
from harness.wire.uri import base_path, classify, origin_form

MOST = 1000  # places of notification connections that are remembered
_AROUND = re.compile(r"[/?#@]")  # what stands around an authority and never in a Host field


def base_of(head: Head, scheme: str, place: str, root: str) -> str:
    """The Base URI at the authority that the Host field tells, or at `place` when that is none."""
    host = head.headers.get("host") or ""
    base = f"{scheme}://{host}{root}"
    return base if usable(base) and not _AROUND.search(host) else f"{scheme}://{place}{root}"


class Bases:
    """The Base URI of a request: of the path that was told, or else of the one that its own target shows.

    `root`: the Service Root Path, None when nobody said which. `place` is the authority under which the clients know
    us, for those that do not tell it themselves.
    """

    def __init__(self, root: str | None, scheme: str, place: str = "") -> None:
        self.root = None if root is None else ("/" + root.strip("/")).rstrip("/")
        self.scheme, self.place = scheme, place
        self.outside = 0
        self._notified: dict[str, str] = {}  # target of a notification connection -> path of its service

    def notifies(self, target: str, base: str) -> None:
        """A subscription to the service with this Base URI told that events come at this target, wherever it lies."""
        self._notified[target] = base_path(base)
        if len(self._notified) > MOST:
            del self._notified[next(iter(self._notified))]

    def of(self, head: Head | None) -> str | None:
        """Of a request, or of octets that are none; None for what is asked outside of the services."""
        if head is None:
            return f"{self.scheme}://{self.place}{self.root or ''}"
        method, target, _ = head.words
        root = None if aside(method, head.headers.get) else self._root(method, target)
        if root is None:
            self.outside += 1
            return None
        return base_of(head, self.scheme, self.place, root)

    def _root(self, method: str, target: str) -> str | None:
        if (told := self._notified.get(origin_form(target))) is not None:
            return told
        if self.root is None:
            return root_of(method, target)
        # the URI service has a Base URI of its own (PS3.18 9.1.1)
        of_uri_service = classify(method, target, f"http://origin{self.root}").kind == "web.uri"
        return self.root if of_uri_service or below(target, self.root) else None
