"""Knows notification connections (PS3.18 8.10, 11.13): events leave as text messages in the DICOM JSON Model.

Must not know when an event happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from functools import lru_cache

from anyio import CancelScope, create_task_group
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from simulators.archive.workitem_checks import PUSH
from simulators.archive.workitem_events import Event, Listener
from simulators.web.datasets import told
from simulators.web.report import Problem, render
from simulators.web.service import Service
from simulators.web.workitems_subscribe import title_of

TRY_LATER = 1013  # close code: what was to be told is too much for this connection
_IDS = 0xFFFF  # Message ID is a US; 0 is none


class Notifications:
    """The end of the connections at which events of one AE title leave. What the other end says is not listened to."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        try:
            title = title_of(scope["path_params"]["title"])
        except Problem as problem:
            type, octets = render(problem, ())
            await socket.send_denial_response(Response(octets, problem.status, media_type=type))
            return
        await socket.accept()
        await self._serve(socket, title)

    async def _serve(self, socket: WebSocket, title: str) -> None:
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the server has gone, and with it the connection
                loop.call_soon_threadsafe(ready.set)

        listener = await run_sync(lambda: self.service.archive.workitems.listen(title, wake))
        try:
            async with create_task_group() as both:
                both.start_soon(_tell, socket, listener, ready, both.cancel_scope)
                await _listen(socket)
                both.cancel_scope.cancel()
        finally:
            listener.close()


async def _listen(socket: WebSocket) -> None:
    """Returns when the other end has gone; a user agent has nothing to say here (8.10.5.3)."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _tell(socket: WebSocket, listener: Listener, ready: asyncio.Event, both: CancelScope) -> None:
    """Send what comes, in its order, until the connection ends or more comes than it takes."""
    with contextlib.suppress(WebSocketDisconnect):
        while not listener.overrun:
            await ready.wait()
            ready.clear()
            while events := listener.take():
                for event in events:
                    await socket.send_text(message(event))
        await socket.close(TRY_LATER)
    both.cancel()


@lru_cache(maxsize=4096)
def message(event: Event) -> str:
    """The event report of 11.13: the fields of N-EVENT-REPORT that it names, then the event information."""
    head = {
        "00000002": {"vr": "UI", "Value": [PUSH]},
        "00000110": {"vr": "US", "Value": [(event.number - 1) % _IDS + 1]},
        "00001000": {"vr": "UI", "Value": [event.uid]},
        "00001002": {"vr": "US", "Value": [event.type]},
    }
    return json.dumps({**head, **json.loads(told(event.attributes))}, ensure_ascii=False)
