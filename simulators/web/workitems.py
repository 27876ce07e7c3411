"""Knows the Worklist Service's transactions on one workitem (PS3.18 11.4 to 11.8): requests to operations and back.

Must not know states, or which attributes a workitem needs; `simulators.archive.workitems` does.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from harness.wire.uri import valid_uid
from simulators.archive.question import BadValue
from simulators.archive.steps import refers
from simulators.archive.workitem_checks import INSTANCE, text, transaction_of
from simulators.archive.workitem_states import STATE, TRANSACTION
from simulators.archive.workitem_status import (
    ALREADY_CANCELED,
    ALREADY_COMPLETED,
    ALREADY_IN_PROGRESS,
    CANNOT_CANCEL,
    COERCED,
    CREATED_MODIFIED,
    DUPLICATE,
    FINAL,
    NO_RESOURCES,
    NOT_COMPLETE,
    NOT_IN_PROGRESS,
    NOT_SUPPORTED,
    UNKNOWN,
    WRONG_TRANSACTION,
    Outcome,
    Refused,
)
from simulators.archive.workitems import Workitems
from simulators.web.call import Call, Reply
from simulators.web.datasets import FORMS, Attributes, received, reply, told
from simulators.web.report import Problem
from simulators.web.service import Service

PATH: Final = "/workitems"
ITEM: Final = PATH + "/{workitem}"
REQUESTER: Final = "UPS-RS"  # the Requesting AE of those who have no AE title: user agents
EMPTY: Final = (("content-length", "0"),)

CREATED = "The Workitem was created with modifications."
UPDATED = "The Workitem was updated with modifications."
LEFT_OUT = "Requested optional Attributes are not supported."
UNCLAIMED = "The target URI did not reference a claimed Workitem."
INCONSISTENT = "The submitted request is inconsistent with the current state of the Workitem."
CANCELED_ALREADY = "The UPS is already in the requested state of CANCELED."
COMPLETED_ALREADY = "The UPS is already in the requested state of COMPLETED."
TRANSACTION_MISSING = "The Transaction UID is missing."
TRANSACTION_WRONG = "The Transaction UID is incorrect."
STATE_INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."
CANNOT = "The UPS is already COMPLETED."  # since 2026a

_SAYS: Final = {
    CREATED_MODIFIED: CREATED, COERCED: UPDATED, NOT_SUPPORTED: LEFT_OUT, ALREADY_CANCELED: CANCELED_ALREADY,
    ALREADY_COMPLETED: COMPLETED_ALREADY,
}  # fmt: skip
# Where the state of the workitem is what stands against the request; everything else is a fault of the request itself.
_CONFLICTS: Final = (DUPLICATE, FINAL, ALREADY_IN_PROGRESS, NOT_COMPLETE, NOT_IN_PROGRESS, CANNOT_CANCEL)
_BARE: Final = re.compile(r"[0-9.]+\Z")

Tell = Callable[[Refused | None], str]  # the Warning of a refusal, of a request that could not be read for None


async def create(call: Call, service: Service) -> Reply:
    """Create a workitem; its UID stands in the query, or in the data set (11.4)."""
    given = await _dataset(call, service)
    named = _named(call, ("workitem", "workitemuid", "affectedsopinstanceuid"))
    inside = text(given, INSTANCE)
    if named and inside and named != inside:
        raise Problem(400, f"The query names the workitem {named}, the data set another one.")
    uid = named or inside
    if not valid_uid(uid):
        raise Problem(400, "Neither the query nor the data set has a Workitem UID (PS3.18 11.4.1.1).")
    outcome = await done(call, service, lambda workitems: workitems.create(uid, given))
    headers = [*warned(call, outcome), ("location", f"{call.base}{PATH}/{uid}"), *EMPTY]
    return Reply(201, headers=headers)


async def retrieve(call: Call, service: Service) -> Reply:
    """The workitem without its Transaction UID, in JSON as the only member of an array (11.5, 11.1.3)."""
    uid = call.uid("workitem")
    selected = call.choose(FORMS)
    try:
        held = await run_sync(lambda: service.archive.workitems.get(uid))
    except Refused as refused:
        raise problem(call, refused) from refused
    location = [("content-location", call.location)]
    return reply(selected, [told(held)], headers=location, listed=True, location=call.location)


async def update(call: Call, service: Service) -> Reply:
    """Set attributes; the Transaction UID stands in the query, or in the data set (11.6)."""

    def tell(refused: Refused | None) -> str:
        return UNCLAIMED if refused and refused.code in (NOT_IN_PROGRESS, UNKNOWN) else INCONSISTENT

    async def act() -> Reply:
        uid = call.uid("workitem")
        given = await _dataset(call, service)
        named, inside = _named(call, ("transaction", "transactionuid")), transaction_of(given)
        if named and inside and named != inside:
            raise Problem(400, "The query and the data set have different Transaction UIDs.")
        if named:
            given = {**given, TRANSACTION: {"vr": "UI", "Value": [named]}}
        # whatever the state was, an end that has come is a fault of the request (11.6.2)
        outcome = await done(call, service, lambda workitems: workitems.update(uid, given), tell, bad=(FINAL,))
        return Reply(200, headers=[*warned(call, outcome), *EMPTY])

    return await _telling(call, tell, act)


async def change_state(call: Call, service: Service) -> Reply:
    """Claim, complete or cancel a workitem (11.7)."""
    transaction = ""

    def tell(refused: Refused | None) -> str:
        if refused is not None and refused.code == WRONG_TRANSACTION:
            return TRANSACTION_WRONG if transaction else TRANSACTION_MISSING
        return STATE_INCONSISTENT

    async def act() -> Reply:
        nonlocal transaction
        uid = call.uid("workitem")
        given = await _dataset(call, service)
        wanted, transaction = text(given, STATE), transaction_of(given)
        if transaction and not valid_uid(transaction):
            raise Problem(400, "The Transaction UID is no UID (PS3.5 9.1).")
        outcome = await done(call, service, lambda w: w.change_state(uid, wanted, transaction), tell)
        return Reply(200, headers=[*warned(call, outcome), *EMPTY])

    return await _telling(call, tell, act)


async def request_cancel(call: Call, service: Service) -> Reply:
    """Ask that a workitem be canceled, with a reason or without a payload (11.8)."""
    uid = call.uid("workitem")
    given = {} if _without_payload(call) else await _dataset(call, service)

    def tell(refused: Refused | None) -> str:
        return CANNOT if refused and refused.code == CANNOT_CANCEL and service.since("2026a") else ""

    outcome = await done(call, service, lambda w: w.request_cancel(uid, given, REQUESTER), tell)
    return Reply(202, headers=[*warned(call, outcome), *EMPTY])


async def done(
    call: Call,
    service: Service,
    act: Callable[[Workitems], Outcome],
    tell: Tell = lambda _: "",
    bad: Sequence[int] = (),
) -> Outcome:
    """What an operation came to; Problem with the status code and the Warning of its refusal. Refusals among `bad` are
    faults of the request, whatever they are elsewhere."""
    try:
        return await run_sync(lambda: act(service.archive.workitems))
    except Refused as refused:
        raise problem(call, refused, tell(refused), bad) from refused
    except BadValue as error:
        raise Problem(400, f"The value for {error.tag} is not one that can be matched: {error.why}.") from error
    except (OSError, SQLAlchemyError) as error:
        raise Problem(503, "The change could not be written down.", temporary=True) from error


def problem(call: Call, refused: Refused, warning: str = "", bad: Sequence[int] = ()) -> Problem:
    """How a refusal is told."""
    about = f" ({', '.join(refused.tags[:50])})" if refused.tags else ""
    headers = [_warning(call, warning)] if warning else []
    if refused.code == UNKNOWN:
        return Problem(410 if refused.gone else 404, f"{_sentence(refused)}.", headers=headers)
    if refused.code == NO_RESOURCES:
        return Problem(503, f"{_sentence(refused)}.", headers=headers, temporary=True)
    conflict = refused.code in _CONFLICTS and refused.code not in bad
    return Problem(409 if conflict else 400, f"{_sentence(refused)}{about}.", headers=headers)


def warned(call: Call, outcome: Outcome) -> list[tuple[str, str]]:
    """The Warning field of what was carried out."""
    return [_warning(call, _SAYS[outcome.status])] if outcome.status in _SAYS else []


def _sentence(refused: Refused) -> str:
    return refused.why[:1].upper() + refused.why[1:]


def _warning(call: Call, sentence: str) -> tuple[str, str]:
    return ("warning", f"299 {call.base}: {sentence}")


async def _telling(call: Call, tell: Tell, act: Callable[[], Awaitable[Reply]]) -> Reply:
    """Carry out a transaction whose every failure has a Warning (11.6.3.2, 11.7.3.2)."""
    try:
        return await act()
    except Problem as failed:
        if any(name == "warning" for name, _ in failed.headers):
            raise
        headers = [*failed.headers, _warning(call, tell(None))]
        raise Problem(failed.status, failed.detail, supported=failed.supported, headers=headers,
                      temporary=failed.temporary) from failed  # fmt: skip


async def _dataset(call: Call, service: Service) -> Attributes:
    """The one data set of the payload."""
    found = await received(call, service.payload)
    if len(found) > 1:
        raise Problem(400, f"The payload holds {len(found)} data sets; a workitem is one.")
    if refers(found[0]):
        raise Problem(413, "A value is too long to be kept in a workitem.")
    return found[0]


def _without_payload(call: Call) -> bool:
    length = call.headers.get("content-length", "")
    return length.strip() == "0" or (not length and "transfer-encoding" not in call.headers)


def _named(call: Call, names: Sequence[str]) -> str:
    """The UID that stands in the query, by one of these names or alone; '' without one.

    The templates have `?{workitem}`, which is the bare UID; `?workitem=` is what others read in them.
    """
    found = set()
    for parameter in call.query:
        if parameter.raw is None and _BARE.match(parameter.name):
            found.add(parameter.name)
        elif parameter.name.lower().replace("-", "") in names:
            found.add(parameter.text())
    if len(found) > 1:
        raise Problem(400, "The query has different UIDs where one is expected.")
    uid = "".join(found)
    if found and not valid_uid(uid):
        raise Problem(400, f"{uid[:80]!r} in the query is no UID (PS3.5 9.1).")
    return uid
