"""Knows how the endpoint of WADO-WS describes itself: a WSDL and the schemas it imports (PS3.18 2017b 6.4.1.1).

Must not know what the actions do.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import schemas
from simulators.web.call import Call, Reply
from simulators.web.report import Problem
from simulators.web.service import Service
from simulators.web.wado_ws import REPOSITORY

FOLDER = Path(schemas.__file__).parent / "wado-ws"
_LOCATION = re.compile(r'schemaLocation="([^"?]+)"')
_NOWHERE, _NOBODY = "http://service.invalid/wado-ws", "endpoint: 0.0<"


async def describe(call: Call, service: Service) -> Reply:
    """The WSDL to ?wsdl, a schema of it to ?xsd=NAME; Problem 405 for any other GET: the endpoint is asked by POST."""
    names = {p.name.lower(): p.text() for p in call.query}
    if "wsdl" in names:
        return Reply(200, "text/xml; charset=utf-8", (_document("wado-ws.wsdl", call.location),))
    if "xsd" not in names:
        raise Problem(405, "This resource is asked by POST; ?wsdl describes it.", headers=[("allow", "POST")])
    if names["xsd"] not in {path.name for path in FOLDER.glob("*.xsd")}:
        raise Problem(404, "There is no such schema.")
    return Reply(200, "text/xml; charset=utf-8", (_document(names["xsd"], call.location),))


def _document(name: str, location: str) -> bytes:
    """The file with addresses of this endpoint in the place of those that are relative to the folder."""
    text = _LOCATION.sub(lambda found: f'schemaLocation="{location}?xsd={found[1]}"', _text(name))
    return text.replace(_NOWHERE, location).replace(_NOBODY, f"endpoint: {REPOSITORY}<").encode()


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
