"""Knows the Modality Performed Procedure Step service (PS3.18 15): create, update, retrieve, over the steps of DIMSE.

Must not know states or which attributes are needed; `simulators.archive.steps` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from anyio.to_thread import run_sync

from simulators.archive.steps import Why, Wrong, refers
from simulators.web.call import Call, Reply
from simulators.web.datasets import FORMS, Attributes, received, reply, told
from simulators.web.report import Problem
from simulators.web.search import included
from simulators.web.service import Service

PATH = "/modality-performed-procedure-steps/{step}"
SINCE = "2025e"
UPDATE = "update"  # the name alone tells an update from a creation (15.5.1.2)
Done = TypeVar("Done")
_EMPTY = (("content-length", "0"),)

# Tables 15.4.3-1 and 15.5.3-1, and the sentence for each.
_TOLD: Final[Mapping[Why, tuple[int, str]]] = {
    "missing": (400, "attributes are missing that Table F.7.2-1 of PS3.4 asks for"),
    "empty": (400, "attributes have no value that Table F.7.2-1 of PS3.4 asks for"),
    "value": (400, "the Performed Procedure Step Status is not one that the step may have now"),
    "exists": (409, "the UID is already in use"),
    "unknown": (404, "there is no such step"),
    "final": (409, "the step is COMPLETED or DISCONTINUED and may no longer be updated"),
    "fixed": (409, "attributes were told for good when the step was created"),
    "not created": (409, "attributes were not told when the step was created"),
}


async def create_or_update(call: Call, service: Service) -> Reply:
    """Create a step, or change one when the query says so; nothing is told but that it was done."""
    _there(service)
    uid = call.uid("step")
    call.choose(FORMS)
    attributes = await _attributes(call, service)
    steps = service.archive.steps
    if any(parameter.name == UPDATE for parameter in call.query):
        before, after = await run_sync(lambda: _done(lambda: steps.change(uid, attributes)))
        steps.tell(uid, before, after)
        return Reply(200, headers=_EMPTY)
    state = await run_sync(lambda: _done(lambda: steps.create(uid, attributes)))
    steps.tell(uid, "", state)
    return Reply(201, headers=[("location", call.location), *_EMPTY])


async def retrieve(call: Call, service: Service) -> Reply:
    """The attributes that includefield names, all of them without it (15.6)."""
    _there(service)
    uid = call.uid("step")
    selected = call.choose(FORMS)
    wanted, everything = included(call.query)
    held = await run_sync(lambda: _done(lambda: service.archive.steps.get(uid)))
    tags = {path[0] for path in wanted}
    chosen = {tag: attribute for tag, attribute in held.items() if everything or not tags or tag in tags}
    return reply(selected, [told(chosen)], location=call.location)


def _there(service: Service) -> None:
    if not service.since(SINCE):
        raise Problem(404, f"Edition {service.edition} has no Modality Performed Procedure Step service.")


async def _attributes(call: Call, service: Service) -> Attributes:
    """The one data set of the request (15.4.1.4)."""
    found = await received(call, service.payload)
    if len(found) > 1:
        raise Problem(400, f"The payload holds {len(found)} data sets; a step is one.")
    if refers(found[0]):
        raise Problem(413, "A value is too long to be kept in a performed procedure step.")
    return found[0]


def _done(act: Callable[[], Done]) -> Done:
    try:
        return act()
    except Wrong as wrong:
        status, sentence = _TOLD[wrong.why]
        about = f" ({', '.join(wrong.tags)})" if wrong.tags else ""
        raise Problem(status, f"The step was not changed: {sentence}{about}.") from wrong
    except OSError as error:
        raise Problem(503, "The step could not be written down.", temporary=True) from error
