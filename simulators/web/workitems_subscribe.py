"""Knows Subscribe, Unsubscribe and Suspend Global Subscription of the Worklist Service (PS3.18 11.10 to 11.12).

Must not know what a subscription does.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from simulators.archive.question import Key, TagPath
from simulators.archive.workitem_events import FILTERED, GLOBAL
from simulators.web import query
from simulators.web.call import Call, Reply
from simulators.web.report import Problem
from simulators.web.search import OTHERS, flag, path_of
from simulators.web.service import Service
from simulators.web.workitems import EMPTY, ITEM, done
from simulators.web.workitems_search import known

SUBSCRIBER: Final = ITEM + "/subscribers/{title}"
SUSPEND: Final = SUBSCRIBER + "/suspend"
NOTIFICATIONS: Final = "/notifications/{title}"
_LONGEST: Final = 16  # characters of an AE title (PS3.5 6.2)
_OURS: Final = OTHERS | {"deletionlock", "filter"}


async def subscribe(call: Call, service: Service) -> Reply:
    """Subscribe an AE; Content-Location says where it gets its events (11.10)."""
    uid, title = call.uid("workitem"), title_of(call.words["title"])
    lock = flag(call.query, "deletionlock")
    keys = _filter(call) if uid == FILTERED else ()
    await done(call, service, lambda workitems: workitems.subscribe(title, uid, lock, keys))
    where = f"ws{call.base.removeprefix('http')}{NOTIFICATIONS.format(title=quote(title, safe=''))}"
    return Reply(201, headers=[("content-location", where), *EMPTY])


async def unsubscribe(call: Call, service: Service) -> Reply:
    """End a subscription (11.11)."""
    uid, title = call.uid("workitem"), title_of(call.words["title"])
    outcome = await done(call, service, lambda workitems: workitems.unsubscribe(title, uid))
    if not outcome.changed:
        raise Problem(404, f"{title} has no such subscription.")
    return Reply(200, headers=EMPTY)


async def suspend(call: Call, service: Service) -> Reply:
    """No subscription to new workitems any more (11.12)."""
    uid, title = call.uid("workitem"), title_of(call.words["title"])
    if uid not in (GLOBAL, FILTERED):
        raise Problem(400, "Only a subscription to the worklist can be suspended (PS3.18 11.12.1.1).")
    outcome = await done(call, service, lambda workitems: workitems.suspend(title, uid))
    if not outcome.changed:
        raise Problem(404, f"{title} has no subscription to the worklist.")
    return Reply(200, headers=EMPTY)


def title_of(word: str) -> str:
    """An AE title of a path; Problem 400 for what is none (PS3.5 6.2)."""
    title = word.strip(" ")
    if not title or len(title) > _LONGEST or "\\" in title or not (title.isascii() and title.isprintable()):
        raise Problem(400, f"{word[:80]!r} in the path is no AE title (PS3.5 6.2).")
    return title


def _filter(call: Call) -> tuple[Key, ...]:
    """The matching keys, in the filter parameter as 11.10.1.2 has it or as parameters of their own, as 8.3.4.1 has
    them; Problem 400 without any, and for what is none: it would subscribe to more than was meant."""
    keys: dict[TagPath, Key] = {}
    for parameter in call.query:
        if parameter.name == "filter":
            for word in _members(parameter):
                name, equals, value = word.partition("=")
                if not equals:
                    raise Problem(400, f"{word[:80]!r} in the filter is no attribute with a value.")
                _add(keys, name.strip(), value)
        elif parameter.name not in _OURS and path_of(parameter.name):
            _add(keys, parameter.name, parameter.text())
    if not any(any(key.values) for key in keys.values()):
        raise Problem(400, "A filtered worklist subscription has a filter (PS3.18 11.10.1.2).")
    return tuple(keys.values())


def _members(parameter: query.Parameter) -> list[str]:
    """The attributes with their values. A comma separates them, encoded or not, when an attribute follows it."""
    members: list[str] = []
    for piece in parameter.text().split(","):
        name = piece.partition("=")[0].strip()
        if members and ("=" not in piece or path_of(name) is None):
            members[-1] += f",{piece}"
        else:
            members.append(piece)
    return members


def _add(keys: dict[TagPath, Key], name: str, value: str) -> None:
    path = path_of(name)
    if path is None or not known(path):
        raise Problem(400, f"{name[:80]!r} in the filter is no attribute of a workitem that can be matched.")
    if path in keys:
        raise Problem(400, f"{name[:80]!r} stands twice in the filter.")
    keys[path] = Key(path, (value,))
