"""Knows how what a browser recorded becomes exchanges of web services: which entries are, in which order, from where.

Must not know rules, or how exchanges are recorded and judged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.exchange import SIDES, Ask, Exchange
from harness.files import Unread
from harness.turns import Turn, Turns, effect
from harness.wire import har
from harness.wire.har import BadEntry, Entry
from harness.wire.root import aside, below, root_of, usable

RETOLD = "HAR"
JOURNEY = "web.client"  # what rules over all that a client asks subscribe to


@dataclass
class Capture:
    """The entries of one HAR that were asked of DICOM services; `others` counts the rest by the reason.

    `base` is a Base URI, or the path of it, when somebody told it; else it is found from the URLs: it ends where a
    resource of PS3.18 begins, on a server that was asked for, or answered with, a type of DICOM at least once.
    """

    name: str
    base: str = ""
    others: Counter[str] = field(default_factory=Counter)

    def exchanges(self, octets: bytes) -> Iterator[Exchange | Unread]:
        """In the order in which they can be judged, without numbers; Unread for the file or an entry of it."""
        try:
            told = har.entries(octets)
        except har.NoHar as why:
            yield Unread(self.name, "no capture", str(why))
            return
        turns, open_ = Turns(), dict[int, Turn]()
        for index, over, base in self._moments(told):
            if not over:
                method, url = _request(told[index])
                open_[index] = turns.begin(effect(Ask(method, _split(url)[1], base)))
                continue
            made = self._made(told[index], index, base)
            if isinstance(made, Unread):
                yield made
            yield from turns.over(open_.pop(index), made if isinstance(made, Exchange) else None)
        yield from turns.rest()

    def _moments(self, told: list[Any]) -> Iterator[tuple[int, bool, str]]:
        """When entries began and were over, in the order of time: index, whether it was over, and the Base URI."""
        bases, found = self._bases(told), list[tuple[float, int, bool, str]]()
        for index, one in enumerate(told):
            base = self._base(one, bases)
            if not base:
                self.others["of other services"] += 1
                continue
            began, ms = har.moment(one)
            began = -math.inf if began is None else began
            found += [(began, index, False, base), (began + ms / 1000, index, True, base)]
        for _, index, over, base in sorted(found):
            yield index, over, base

    def _made(self, told: Any, index: int, base: str) -> Exchange | Unread | None:
        try:
            entry = har.entry(told, index)
        except BadEntry as why:
            return Unread(f"{self.name} entry {index + 1}", "no entry", str(why))
        if entry.left or aside(entry.ask.method, entry.ask.headers.get):
            self.others[entry.left or "of the browser's own"] += 1
            return None
        if entry.provisional:
            self.others["without the header fields that were sent"] += 1
            return None
        return self._exchange(entry, base)

    def _exchange(self, entry: Entry, base: str) -> Exchange:
        facts: dict[str, Any] = {"retold": RETOLD, "file": self.name, "entry": entry.index + 1}
        judged = frozenset(SIDES)
        if entry.began is not None:
            facts["began_ms"] = int(entry.began * 1000)
        if not entry.answer.status:  # the browser broke off or would not tell, and nobody knows what the server did
            facts["cut"] = True
            judged = frozenset({"user-agent"})
        ask = entry.ask.but(base=base)
        return Exchange(0, ask, entry.answer, "client", f"{JOURNEY}#{self.name}", facts=facts, elapsed_ms=entry.ms,
                        judged=judged)  # fmt: skip

    def _base(self, told: Any, bases: set[str]) -> str:
        """The Base URI of an entry, '' for one of another service."""
        method, url = _request(told)
        origin, target = _split(url)
        if self.base:
            wanted, root = _split(self.base) if "://" in self.base else (origin, "/" + self.base.strip("/"))
            root = root.rstrip("/")
            return f"{origin}{root}" if origin == wanted and below(target, root) else ""
        root_ = root_of(method, target)
        if root_ is None:  # the Base URI itself, or something below it that is no resource
            fit = [b for b in bases if _split(b)[0] == origin and below(target, _split(b)[1].rstrip("/"))]
            return max(fit, key=len, default="")
        return f"{origin}{root_}" if f"{origin}{root_}" in bases else ""

    def _bases(self, told: list[Any]) -> set[str]:
        """The Base URIs that the URLs show and the types bear out."""
        found = set()
        for one in told if not self.base else ():
            method, url = _request(one)
            origin, target = _split(url)
            root = root_of(method, target) if url else None
            if root is not None and f"{origin}{root}" not in found and _of_dicom(one):
                found.add(f"{origin}{root}")
        return found


def _request(told: Any) -> tuple[str, str]:
    request = told.get("request") if isinstance(told, dict) else None
    request = request if isinstance(request, dict) else {}
    method, url = request.get("method"), request.get("url")
    if not isinstance(method, str) or not isinstance(url, str):
        return "", ""
    return (method, url) if url.lower().startswith(("http://", "https://")) and usable(url) else ("", "")


def _split(url: str) -> tuple[str, str]:
    """Scheme and authority of an absolute URL in lower case, and the rest without its fragment."""
    scheme, _, rest = url.partition("://")
    authority = rest.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    target = rest[len(authority) :].partition("#")[0]
    return f"{scheme}://{authority}".lower(), target if target.startswith("/") else f"/{target}"


def _of_dicom(told: Any) -> bool:
    """Whether a type of DICOM was asked for, sent or answered."""
    fields = [f for side in ("request", "response") for f in har.fields(told, side)]
    return any("dicom" in value.lower() for name, value in fields if name.lower() in ("accept", "content-type"))
