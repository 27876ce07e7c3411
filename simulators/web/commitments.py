"""Knows the Storage Commitment service (PS3.18 13, Annex J): modules to references, results to modules.

Must not know what is committed to; `simulators.archive.commitments` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from anyio.to_thread import run_sync

from harness.wire.uri import valid_uid
from simulators.archive.commitments import Dropped, Judged, Reference, Result, Reused, Unknown
from simulators.web.call import Call, Reply
from simulators.web.datasets import FORMS, Attributes, received, reply, told
from simulators.web.negotiate import Selected
from simulators.web.report import Problem
from simulators.web.service import Service

PATH = "/commitment-requests/{transaction}"
SINCE = "2024a"
POSTPONED = 2  # answers without a result to who prefers to be answered later (RFC 7240 4.1)
RETRY_AFTER = "1"  # seconds

_SOPS, _FAILED_SOPS, _STUDIES, _FAILED_STUDIES = "00081199", "00081198", "00081110", "0008119B"
_STUDY, _SERIES, _CLASS, _INSTANCE, _REASON = "0020000D", "0020000E", "00081150", "00081155", "00081197"
_SERIES_SEQUENCE, _BY_CLASS, _INSTANCES = "00081115", "00081112", "0008114A"


async def request(call: Call, service: Service) -> Reply:
    """Take a request; its result, or 202 when that is to be asked for later (13.4)."""
    _there(service)
    transaction = call.uid("transaction")
    selected = call.choose(FORMS)
    references = [r for module in await received(call, service.payload) for r in referenced(module)]
    patient = _prefers_later(call)
    later = POSTPONED if patient else 0
    try:
        await run_sync(lambda: service.archive.commitments.ask(transaction, references, later))
    except Reused:
        raise Problem(409, f"The Transaction UID {transaction} is already in use.") from None
    except OSError as error:
        raise Problem(503, "The request could not be written down.", temporary=True) from error
    return await _answer(call, service, selected, [("preference-applied", "respond-async")] if patient else [])


async def check(call: Call, service: Service) -> Reply:
    """The result of a request, or 202 when there is none yet (13.5)."""
    _there(service)
    return await _answer(call, service, call.choose(FORMS), [])


def _there(service: Service) -> None:
    if not service.since(SINCE):
        raise Problem(404, f"Edition {service.edition} has no Storage Commitment service.")


def _prefers_later(call: Call) -> bool:
    words = [word.split(";")[0].strip().lower() for line in call.headers.getlist("prefer") for word in line.split(",")]
    return "respond-async" in words


async def _answer(call: Call, service: Service, selected: Selected, headers: list[tuple[str, str]]) -> Reply:
    transaction = call.uid("transaction")
    try:
        result = await run_sync(service.archive.commitments.result, transaction)
    except Unknown:
        raise Problem(404, f"There is no commitment request {transaction}.") from None
    except Dropped:
        raise Problem(410, f"The result of {transaction} is no longer kept.") from None
    if result is None:
        # whoever wishes to come later may come when it likes; to others the service is slow
        pause = RETRY_AFTER if service.archive.commitments.later else "0"
        return Reply(202, headers=[("content-length", "0"), ("retry-after", pause), *headers])
    return reply(selected, [told(module(result))], headers=[*headers, *_warnings(result, call.base)])


def _warnings(result: Result, base: str) -> Iterator[tuple[str, str]]:
    """A field for each Failure Reason, which its text begins with (13.4.3.2)."""
    reasons = [judged.reason for judged in result if judged.reason]
    for reason in sorted(set(reasons)):
        yield "warning", f"299 {base}: {reason:04X} not committed to: {reasons.count(reason)}"


# --- the request module (J.1) ---------------------------------------------------------------------------------------


def referenced(module: Attributes) -> list[Reference]:
    """The references of a request in both of its forms; Problem 400 for a module that is not whole."""
    found = [Reference(_uid(item, _CLASS), _uid(item, _INSTANCE)) for item in _items(module, _SOPS, needed=False)]
    for study in _items(module, _STUDIES, needed=False):
        for series in _items(study, _SERIES_SEQUENCE):
            for group in _items(series, _BY_CLASS):
                for item in _items(group, _INSTANCES):
                    place = (_uid(study, _STUDY), _uid(series, _SERIES))
                    found.append(Reference(_uid(group, _CLASS), _uid(item, _INSTANCE), *place))
    if not found:
        raise Problem(400, f"A request has items in {_SOPS} or in {_STUDIES} (PS3.18 J.1).")
    return found


def _items(holder: Attributes, tag: str, needed: bool = True) -> Sequence[Attributes]:
    attribute = holder.get(tag)
    if attribute is None and not needed:
        return ()
    found: list[Attributes] = [item or {} for item in (attribute or {}).get("Value", ())]
    if attribute is None or attribute["vr"] != "SQ" or not found:
        raise Problem(400, f"The sequence {tag} has no items (PS3.18 J.1).")
    return found


def _uid(holder: Attributes, tag: str) -> str:
    values = holder.get(tag, {}).get("Value") or [None]
    if len(values) != 1 or not isinstance(values[0], str) or not valid_uid(values[0]):
        raise Problem(400, f"{tag} has one UID as its value (PS3.18 J.1).")
    return values[0]


# --- the response module (J.2) --------------------------------------------------------------------------------------


def module(result: Result) -> dict[str, Any]:
    """The Storage Commitment Response Module; each sequence is there when it has items, in the form of the request."""
    found: dict[str, Any] = {}
    for failed, plain, nested in ((False, _SOPS, _STUDIES), (True, _FAILED_SOPS, _FAILED_STUDIES)):
        chosen = [judged for judged in result if bool(judged.reason) is failed]
        if flat := [_reference(judged) for judged in chosen if not judged.reference.study]:
            found[plain] = _sequence(flat)
        if deep := [judged for judged in chosen if judged.reference.study]:
            found[nested] = _sequence(_studies(deep))
    return found


def _reference(judged: Judged) -> dict[str, Any]:
    return {_CLASS: _ui(judged.reference.sop_class), **_named(judged)}


def _named(judged: Judged) -> dict[str, Any]:
    reason = {_REASON: {"vr": "US", "Value": [judged.reason]}} if judged.reason else {}
    return {_INSTANCE: _ui(judged.reference.instance), **reason}


def _studies(chosen: Sequence[Judged]) -> list[dict[str, Any]]:
    """Studies, series and classes in items of their own, each once."""

    def place(judged: Judged) -> tuple[str, str, str]:
        return judged.reference.study, judged.reference.series, judged.reference.sop_class

    studies: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for (study, series, sop_class), group in groupby(sorted(chosen, key=place), place):
        item = {_CLASS: _ui(sop_class), _INSTANCES: _sequence([_named(judged) for judged in group])}
        studies.setdefault(study, {}).setdefault(series, []).append(item)
    return [{_STUDY: _ui(study), _SERIES_SEQUENCE: _sequence(_series(below))} for study, below in studies.items()]


def _series(below: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{_SERIES: _ui(series), _BY_CLASS: _sequence(classes)} for series, classes in below.items()]


def _ui(value: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [value]}


def _sequence(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": items}
