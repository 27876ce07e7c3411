"""Knows which handler answers which resource and method, and turns whatever goes wrong into an answer (PS3.18 10.3).

Must not know what the handlers do.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.context import unknown_edition
from simulators.model.codecs import codecs
from simulators.render.encode import tell_missing
from simulators.web import (
    bulkdata,
    commitments,
    nonpatient,
    performed_steps,
    rendered,
    rendered_thumbnail,
    rendered_volume,
    retrieve,
    scheduled_steps,
    uri_service,
    wado_ws,
    wado_ws_description,
    workitems,
    workitems_search,
    workitems_subscribe,
)
from simulators.web.call import Call, Reply, failure
from simulators.web.capabilities import capabilities
from simulators.web.content import Broken, Gone
from simulators.web.cors import Cors, preflight
from simulators.web.delivery import delivered
from simulators.web.events import Notifications
from simulators.web.report import Problem
from simulators.web.search import search
from simulators.web.service import URI_SERVICE, WADO_WS, Service
from simulators.web.store import Disconnected, store

log = logging.getLogger("simulators.web")

Handler = Callable[[Call, Service], Awaitable[Reply]]

_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_FRAMES = _INSTANCE + "/frames/{frames}"


def web(service: Service) -> ASGIApp:
    """The ASGI application of the Studies service; ValueError for an edition or a root path that makes no sense."""
    problem = unknown_edition(service.edition)
    if problem:
        raise ValueError(problem)
    if service.root and (not service.root.startswith("/") or service.root.endswith("/")):
        raise ValueError(f"The root path {service.root!r} begins with a slash and does not end with one.")
    routes: list[BaseRoute] = [
        Route(service.root + path, endpoint=Resource(service, methods))
        for path, methods in _resources().items()
        if service.root + path
    ]
    routes.append(WebSocketRoute(service.root + workitems_subscribe.NOTIFICATIONS, Notifications(service)))
    codecs()  # so that what is missing is told when the server starts
    tell_missing()
    return _Http(Cors(Router(routes, redirect_slashes=False, default=Resource(service, {}))))


def _resources() -> dict[str, dict[str, Handler]]:
    """Handlers by path template below the base and method."""
    resources: dict[str, dict[str, Handler]] = {
        "/": {"OPTIONS": capabilities, "GET": uri_service.home},
        URI_SERVICE: {"GET": uri_service.retrieve},
        URI_SERVICE + "/": {"GET": uri_service.retrieve},
        WADO_WS: {"GET": wado_ws_description.describe, "POST": wado_ws.converse},
        "/studies": {"GET": _search("studies"), "POST": store},
        "/series": {"GET": _search("series")},
        "/instances": {"GET": _search("instances")},
        _STUDY: {"GET": retrieve.instances, "POST": store},
        _STUDY + "/series": {"GET": _search("study-series")},
        _STUDY + "/instances": {"GET": _search("study-instances")},
        _STUDY + "/series/rendered3d": {"GET": rendered_volume.three},  # as Table 10.4.1.8-1 has it
        _SERIES: {"GET": retrieve.instances},
        _SERIES + "/instances": {"GET": _search("series-instances")},
        _INSTANCE: {"GET": retrieve.instances},
        _INSTANCE + "/bulkdata/{path:path}": {"GET": bulkdata.value},
        _FRAMES: {"GET": bulkdata.frames},
    }
    for place in (_STUDY, _SERIES, _INSTANCE):
        resources[place + "/metadata"] = {"GET": retrieve.metadata}
        resources[place + "/bulkdata"] = {"GET": bulkdata.everything}
        resources[place + "/pixeldata"] = {"GET": bulkdata.pixeldata}
    for place in (_STUDY, _SERIES, _INSTANCE, _FRAMES):
        resources[place + "/rendered"] = {"GET": rendered.resource}
        resources[place + "/thumbnail"] = {"GET": rendered_thumbnail.resource}
        resources[place + "/renderedmpr"] = {"GET": rendered_volume.mpr}
        resources[place + "/rendered3d"] = {"GET": rendered_volume.three}
    resources[commitments.PATH] = {"POST": commitments.request, "GET": commitments.check}
    resources[scheduled_steps.PATH] = {"GET": scheduled_steps.search}
    resources[performed_steps.PATH] = {"POST": performed_steps.create_or_update, "GET": performed_steps.retrieve}
    resources[workitems.PATH] = {"GET": workitems_search.search, "POST": workitems.create}
    resources[workitems.ITEM] = {"GET": workitems.retrieve, "POST": workitems.update}
    resources[workitems.ITEM + "/state"] = {"PUT": workitems.change_state}
    resources[workitems.ITEM + "/cancelrequest"] = {"POST": workitems.request_cancel}
    resources[workitems_subscribe.SUBSCRIBER] = {
        "POST": workitems_subscribe.subscribe,
        "DELETE": workitems_subscribe.unsubscribe,
    }
    resources[workitems_subscribe.SUSPEND] = {"POST": workitems_subscribe.suspend}
    for category in nonpatient.paths():
        resources[category] = {"GET": nonpatient.search, "POST": nonpatient.store}
        resources[category + "/{uid}"] = {"GET": nonpatient.retrieve, "POST": nonpatient.store}
    return {"": resources["/"], **resources}


def _search(resource: str) -> Handler:
    return partial(search, resource=resource)


class Resource:
    """Answers the requests to one resource; without methods, those to what is no resource."""

    def __init__(self, service: Service, methods: Mapping[str, Handler]) -> None:
        self.service = service
        self.methods = dict(methods)
        if "GET" in self.methods:
            self.methods["HEAD"] = self.methods["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are no notifications here
            await send({"type": "websocket.close", "code": 1000})
            return
        call = Call(scope, receive, self.service.root)
        watched = _Watched(send)
        try:
            await self._answer(call, watched)
        except Disconnected:
            return
        except Exception as error:
            if watched.started:
                raise
            await failure(_problem(error, call), call.accept)(scope, receive, send)

    async def _answer(self, call: Call, send: _Watched) -> None:
        call.refuse_host()
        asked_before = preflight(call, self.methods) if self.methods else None
        if asked_before:
            await asked_before(call.scope, call.receive, send)
            return
        handler = self._handler(call)
        try:
            await self._deliver(handler, call, send)
        except (Broken, FileNotFoundError):
            # An instance was replaced after it was selected, or turned out to be undecodable: asking again finds its
            # new file, or another representation.
            if send.started or call.method not in ("GET", "HEAD"):
                raise
            await self._deliver(handler, call, send)

    async def _deliver(self, handler: Handler, call: Call, send: _Watched) -> None:
        reply = await delivered(call, await handler(call, self.service))
        await reply(call.scope, call.receive, send)

    def _handler(self, call: Call) -> Handler:
        if not self.methods:
            raise Problem(404, f"There is no resource at {call.scope['path'][:200]!r}.")
        handler = self.methods.get(call.method)
        if handler is None:
            allowed = ", ".join(sorted(self.methods))
            raise Problem(405, f"{call.method[:40]} is not supported here.", headers=[("allow", allowed)])
        return handler


class _Watched:
    """Passes messages on and remembers whether the head of the answer has left."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        self.started = True
        await self._send(message)


def _problem(error: Exception, call: Call) -> Problem:
    """What to tell about an exception; one that nobody foresaw is our fault and goes to the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Gone | FileNotFoundError):
        return Problem(503, "The instance is being replaced.", temporary=True)
    if isinstance(error, Broken):
        return Problem(406, f"No acceptable representation can be made: {error}.")
    log.error("%s %s failed", call.method, call.scope["path"], exc_info=error)
    return Problem(500, "The origin server met a condition that it did not expect; its log says more.")


class _Http:
    """Lets requests and notification connections through: other kinds of connection have no answer here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            await self.app(scope, receive, send)
