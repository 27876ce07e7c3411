"""Knows the Modality Scheduled Procedure Step service (PS3.18 14): a search of the worklist that DIMSE searches too.

Must not know how values are matched, nor where items come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anyio.to_thread import run_sync

from simulators.archive.levels import is_private, offered
from simulators.archive.match import Reading
from simulators.archive.question import BadValue, Key, Matches, TagPath
from simulators.archive.when import read_zone
from simulators.archive.worklist import told as reduced
from simulators.model.scan import dictionary_vr
from simulators.web import query
from simulators.web.call import Call, Reply
from simulators.web.datasets import FORMS, reply, told
from simulators.web.negotiate import XML
from simulators.web.report import Problem
from simulators.web.search import OTHERS, flag, included, key_values, path_of, timezone_of, warnings
from simulators.web.service import Service

PATH = "/modality-scheduled-procedure-steps"
SINCE = "2025e"
_TIMEZONE = ("00080201",)
_NO_KEY = (("00080005",), _TIMEZONE)
_SEVERAL = tuple(offer for offer in FORMS if offer.multipart or offer.type != XML)


async def search(call: Call, service: Service) -> Reply:
    """The steps that fulfil the matching keys, each with all that is scheduled and with what was asked for (14.4)."""
    if not service.since(SINCE):
        raise Problem(404, f"Edition {service.edition} has no Modality Scheduled Procedure Step service.")
    selected = call.choose(FORMS)
    rows, remaining = await _page(call, service)
    matches = Matches((), remaining)
    headers = [("warning", f"299 {call.base}: {text}") for text in warnings(call.query, matches, modern=True)]
    if not rows and not service.since("2026a"):
        return Reply(204, headers=headers)
    if len(rows) != 1 and selected.offer not in _SEVERAL:
        selected = call.choose(_SEVERAL)  # a single document is about one step
    return reply(selected, [told(row) for row in rows], headers=headers, listed=True)


async def _page(call: Call, service: Service) -> tuple[list[dict[str, Any]], int]:
    """The rows from the offset on, at most as many as the limit says, and how many come after them."""
    limit, offset = query.single(call.query, "limit"), query.single(call.query, "offset")
    limits = [n for n in (limit.unsigned() if limit else None, service.results) if n is not None]
    first = offset.unsigned() if offset else 0
    wanted, _ = included(call.query)
    keys, reading = _keys(call.query), _reading(call.query)
    try:
        found = await run_sync(lambda: service.archive.worklist.found(keys, reading))
    except BadValue as problem:
        raise Problem(400, f"The value for {problem.tag} is not one that can be matched: {problem.why}.") from problem
    last = min([first + n for n in limits], default=len(found))
    paths = {path for path in (*wanted, *(key.path for key in keys)) if _known(path)}
    return [_row(item, paths) for item in found[first:last]], max(len(found) - last, 0)


def _row(item: dict[str, Any], paths: set[TagPath]) -> dict[str, Any]:
    """The item, and what was asked for and it does not have, without a value."""
    return {**{tag: a for tag, a in reduced(item, paths).items() if tag not in item}, **item}


def _reading(parameters: Sequence[query.Parameter]) -> Reading:
    zone = next((timezone_of(p) for p in parameters if path_of(p.name) == _TIMEZONE), "")
    return Reading(
        empty_value=flag(parameters, "emptyvaluematching"),
        multiple_value=flag(parameters, "multiplevaluematching"),
        zone=read_zone(zone) if zone else None,
    )


def _keys(parameters: Sequence[query.Parameter]) -> list[Key]:
    """The matching keys that mean something here; Problem 400 for one that is given twice (8.3.4.1)."""
    multiple = flag(parameters, "multiplevaluematching")
    found: dict[TagPath, Key] = {}
    for parameter in parameters:
        path = None if parameter.name in OTHERS else path_of(parameter.name)
        if path is None or path in _NO_KEY or not _known(path):
            continue
        if path in found:
            raise Problem(400, f"Attribute {parameter.name} is given twice (PS3.18 8.3.4.1).")
        found[path] = Key(path, key_values(parameter, path, multiple))
    return list(found.values())


def _known(path: TagPath) -> bool:
    sequences = all(dictionary_vr(int(tag, 16)) == "SQ" for tag in path[:-1])
    return sequences and all(not is_private(t) and offered(t) and dictionary_vr(int(t, 16)) != "UN" for t in path)
