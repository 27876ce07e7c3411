"""Knows the Search transaction of the Worklist Service (PS3.18 11.9): from query parameters to keys, rows to an answer.

Must not know how values are matched, nor how workitems are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from anyio.to_thread import run_sync

from simulators.archive.levels import is_private, offered
from simulators.archive.match import Reading
from simulators.archive.question import BadValue, Matches, Question, TagPath
from simulators.archive.when import read_zone
from simulators.archive.workitem_events import Attributes
from simulators.archive.workitem_states import TRANSACTION, attributes
from simulators.archive.worklist import told as reduced
from simulators.model.scan import dictionary_vr
from simulators.web.call import Call, Reply
from simulators.web.datasets import FORMS, reply, told
from simulators.web.negotiate import JSON, XML, Offer
from simulators.web.report import Problem
from simulators.web.search import question_of, warnings
from simulators.web.service import Service

_SEVERAL = tuple(offer for offer in FORMS if offer.multipart or offer.type != XML)
_BINARY = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "UN"])


async def search(call: Call, service: Service) -> Reply:
    """The workitems that fulfil all keys, each with the attributes of 11.9.2."""
    selected = call.choose(FORMS)
    modern = service.since("2023e")
    asked = question_of(call.query, modern, known, Question(()))
    try:
        rows, remaining = await run_sync(lambda: _page(service, asked))
    except BadValue as problem:
        raise Problem(400, f"The value for {problem.tag} is not one that can be matched: {problem.why}.") from problem
    found = [("warning", f"299 {call.base}: {text}") for text in warnings(call.query, Matches((), remaining), modern)]
    if not rows and not service.since("2026a"):
        return Reply(204, headers=found)
    if len(rows) != 1 and selected.offer not in _SEVERAL:
        selected = call.choose(_SEVERAL)  # a single document is about one workitem
    if not rows and selected.offer.type == JSON and selected.offer.multipart:
        selected = call.choose((Offer(JSON, multipart=True),))
    texts = await run_sync(lambda: [told(row) for row in rows])
    return reply(selected, texts, headers=found, listed=True)


def _page(service: Service, asked: Question) -> tuple[list[Attributes], int]:
    """The rows from the offset on, at most as many as the limit says, and how many come after them."""
    zone = read_zone(asked.timezone) if asked.timezone else None
    reading = Reading(empty_value=asked.empty_value, multiple_value=asked.multiple_value, zone=zone)
    found = list(service.archive.workitems.search(asked.keys, reading))
    limits = [n for n in (asked.limit, service.results) if n is not None]
    last = min([asked.offset + n for n in limits], default=len(found))
    rows = [row(item, asked) for item in found[asked.offset : last]]
    return rows, max(len(found) - last, 0)


def row(item: Attributes, asked: Question) -> Attributes:
    """What a match is told with: what Table CC.2.5-3 always returns, and what the request names."""
    if asked.include_all:
        return {**_always(item), **item}
    paths = {path for path in (*asked.include, *(key.path for key in asked.keys)) if known(path)}
    return {**reduced(item, paths), **_always(item)}


def _always(item: Attributes) -> dict[str, Attributes | dict[str, str]]:
    """Return Key Types 1 and 2, and 1C and 2C where the workitem has the attribute."""
    made: dict[str, Attributes | dict[str, str]] = {}
    for tag, node in attributes().items():
        if tag in item and node.returned in ("1", "2", "1C", "2C"):
            made[tag] = item[tag]
        elif node.returned in ("1", "2"):
            made[tag] = {"vr": dictionary_vr(int(tag, 16))}
    return made


def known(path: TagPath) -> bool:
    """Whether a key or an includefield means something here; the Transaction UID cannot be asked for."""
    vrs: Sequence[str] = [dictionary_vr(int(tag, 16)) for tag in path]
    if not path or path[-1] == TRANSACTION or any(vr != "SQ" for vr in vrs[:-1]):
        return False
    right = all(not is_private(tag) and (offered(tag) or tag == "00081190") for tag in path)
    return right and not _BINARY & set(vrs[-1].split(" or "))
