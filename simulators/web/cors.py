"""Knows cross-origin resource sharing: what a browser is told about requests from pages of other origins (Fetch 3.2).

Must not know resources. `OPTIONS /` without the fields of a preflight is Retrieve Capabilities (PS3.18 8.9).
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.web.call import Call, Reply

# Any page may read what this server tells anybody; it has no credentials to protect.
_EVERYBODY = (b"access-control-allow-origin", b"*")
_EXPOSED = (
    b"access-control-expose-headers",
    b"accept-ranges, content-encoding, content-location, content-range, etag, last-modified, location, "
    b"retry-after, warning",
)
AGE = 600  # seconds that a browser may remember the answer to a preflight


def preflight(call: Call, methods: Iterable[str]) -> Reply | None:
    """The answer to a browser that asks before it asks; None when the request is no preflight."""
    if call.method != "OPTIONS" or "access-control-request-method" not in call.headers or "origin" not in call.headers:
        return None
    headers = [("access-control-allow-methods", ", ".join(sorted(methods))), ("access-control-max-age", str(AGE))]
    wanted = call.headers.get("access-control-request-headers")
    if wanted:
        headers.append(("access-control-allow-headers", wanted))
    return Reply(204, headers=headers)


class Cors:
    """ASGI middleware that adds what a browser has to see before it lets a page read an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "origin" not in Headers(scope=scope):
            await self.app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), _EVERYBODY, _EXPOSED]}
            await send(message)

        await self.app(scope, receive, told)
