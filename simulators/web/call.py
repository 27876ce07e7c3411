"""Knows one request as the handlers see it, and the reply they give back (PS3.18 8.1).

Must not know resources or the archive.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from simulators.web import media, query
from simulators.web.codings import coded
from simulators.web.content import Broken, Piece, size, stream
from simulators.web.negotiate import Acceptable, Offer, Selected
from simulators.web.report import Problem, render
from simulators.web.validators import Validators

log = logging.getLogger("simulators.web")

_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")
# uri-host [":" port], the host not empty as http URIs need it (RFC 9110 4.2.1, 7.2; RFC 3986 3.2.2)
_HOST_FIELD = re.compile(r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-fvV:.~_-]+\])(?::[0-9]*)?\Z")
_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*\Z", re.ASCII)


class Call:
    """One request. `root` is the Service Root Path, '' or beginning with a slash."""

    def __init__(self, scope: Scope, receive: Receive, root: str) -> None:
        self.scope = scope
        self.receive = receive
        self.root = root
        self.method: str = scope["method"]
        self.headers = Headers(scope=scope)
        self.words: dict[str, str] = scope.get("path_params", {})

    @cached_property
    def query(self) -> tuple[query.Parameter, ...]:
        """The query parameters in order."""
        return query.read(self.scope.get("query_string", b"").decode("latin-1"))

    @cached_property
    def base(self) -> str:
        """The Base URI as the user agent addressed it, without a slash at its end (PS3.18 8.2)."""
        host = self.headers.get("host", "")
        if not _HOST.match(host):
            server = self.scope.get("server") or ("localhost", None)
            host = f"[{server[0]}]" if ":" in server[0] else server[0]
            host += f":{server[1]}" if server[1] else ""
        return f"{self.scope.get('scheme', 'http')}://{host}{self.root}"

    def refuse_host(self) -> None:
        """Problem 400 unless HTTP/1.1 names one host that can be one (RFC 9112 3.2)."""
        hosts = self.headers.getlist("host")
        if len(hosts) != 1 and (hosts or self.scope.get("http_version", "1.1") != "1.0"):
            raise Problem(400, f"The request has {len(hosts)} Host header fields instead of one (RFC 9112 3.2).")
        if hosts and not _HOST_FIELD.match(hosts[0]):
            raise Problem(400, f"The Host header field {hosts[0][:80]!r} names no host (RFC 9112 3.2).")

    @property
    def location(self) -> str:
        """The URL of the Target Resource, without query parameters."""
        path: bytes = self.scope.get("raw_path") or self.scope["path"].encode()
        return self.base + path.decode("latin-1").partition("?")[0].removeprefix(self.root)

    @cached_property
    def accept(self) -> tuple[media.Range, ...]:
        """The members of the Accept field, () without one."""
        return media.read_accept(self.headers.getlist("accept"))

    def require_accept(self, offers: Sequence[Offer]) -> None:
        """Problem 406 without an Accept field, whatever the accept parameter says and whatever is held (8.7.5)."""
        if "accept" not in self.headers:
            detail = "The request has no Accept header field, which PS3.18 8.7.5 requires."
            raise Problem(406, detail, supported=_lines(offers))

    @cached_property
    def acceptable(self) -> Acceptable:
        """The Acceptable Media Types of a request that has an Accept field."""
        wanted = media.read_accept([p.text() for p in self.query if p.name == "accept"])
        # 8.3.3.1: the accept parameter has no wildcards, so such members there are not valid and ignored.
        return Acceptable(tuple(r for r in wanted if not r.name.endswith("/*")), self.accept)

    def choose(self, offers: Sequence[Offer], *, bulk: bool = False) -> Selected:
        """The Selected Media Type; Problem 400 for a mix of DICOM and rendered types, 406 for none (8.7.5, 8.7.8)."""
        self.require_accept(offers)
        self.refuse_mix(bulk=bulk)
        selected = self.acceptable.choose(offers)
        if selected is None:
            raise self.unacceptable(offers)
        return selected

    def refuse_mix(self, *, bulk: bool = False) -> None:
        """Problem 400 when DICOM and rendered media types stand together (8.7.5)."""
        if self.acceptable.mixed(bulk):
            raise Problem(400, "Acceptable media types are DICOM or rendered ones, not both (PS3.18 8.7.5).")

    def unacceptable(self, offers: Sequence[Offer]) -> Problem:
        """Problem 406 that lists what is offered."""
        return Problem(406, "No acceptable media type is supported for this resource.", supported=_lines(offers))

    def uid(self, name: str) -> str:
        """A UID of the path, '' when the path has none; Problem 400 when it is no UID (PS3.5 9.1)."""
        uid = self.words.get(name, "")
        if name in self.words and not valid_uid(uid):
            raise Problem(400, f"{uid[:80]!r} in the path is not a UID (PS3.5 9.1).")
        return uid


def valid_uid(text: str) -> bool:
    """PS3.5 9.1: at most 64 characters, components without leading zeros."""
    return len(text) <= 64 and _UID.match(text) is not None


@dataclass(frozen=True)
class Reply:
    """An answer. Content-Length is added when the size is known, the server frames the payload in chunks otherwise.

    A reply without `type` has no payload. `validators` tell which representation it carries, None when nobody can
    tell; `coding` is the content coding that it is sent in.
    """

    status: int = 200
    type: str = ""
    pieces: Sequence[Piece] = ()
    headers: Sequence[tuple[str, str]] = field(default_factory=tuple)
    validators: Validators | None = None
    coding: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. The first chunk is made before the head leaves: what fails until then can still be told."""
        carried = self.type and scope["method"] != "HEAD"
        chunks = stream(self.pieces if carried else ())
        chunks = coded(chunks, self.coding) if carried and self.coding else chunks
        chunk = await anext(chunks, b"")
        await send({"type": "http.response.start", "status": self.status, "headers": self._head()})
        gone: asyncio.Future[None] | None = None
        try:
            # One chunk behind, so that the last message says that it is the last and a small answer is one message.
            async for following in chunks:
                gone = gone or asyncio.ensure_future(_disconnected(receive))
                await _send(send, chunk, True)
                chunk = following
                if gone.done():
                    return
            await _send(send, chunk, False)
        except Broken as problem:
            # The head is out: an end that the server cannot complete is the only honest sign left.
            log.warning("%s %s broken off: %s", scope["method"], scope["path"], problem)
        finally:
            if gone:
                gone.cancel()

    def _head(self) -> list[tuple[bytes, bytes]]:
        fields: list[tuple[str, str]] = []
        if self.type:
            fields.append(("content-type", self.type))
            total = None if self.coding else size(self.pieces)
            if self.coding:
                fields.append(("content-encoding", self.coding))
            if total is not None:
                fields.append(("content-length", str(total)))
        return [(k.lower().encode("latin-1"), v.encode("latin-1", "replace")) for k, v in (*fields, *self.headers)]


def _lines(offers: Sequence[Offer]) -> list[str]:
    """What is offered, as one writes it in an Accept field."""
    lines = []
    for offer in offers:
        lines += [f"{offer.line}; transfer-syntax={s}" for s in offer.syntaxes] or [offer.line]
    return lines


async def _disconnected(receive: Receive) -> None:
    """Returns when the user agent has gone, so that nobody reads a long payload for nobody."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, body: bytes, more: bool) -> None:
    message: dict[str, Any] = {"type": "http.response.body", "body": body, "more_body": more}
    await send(message)


def failure(problem: Problem, accept: Sequence[media.Range]) -> Reply:
    """The reply that carries the status report."""
    type, octets = render(problem, accept)
    return Reply(problem.status, type, (octets,), problem.headers)
