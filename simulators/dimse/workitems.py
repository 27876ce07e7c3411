"""Knows the Unified Procedure Step classes as a provider (PS3.4 CC.2): messages to workitems and back.

Must not know states, subscriptions or which attributes are needed; `simulators.archive.workitems` does.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from harness.upper_layer.message import Message
from harness.wire.sop import UPS, UPS_EVENT, UPS_FILTERED, UPS_PULL, UPS_PUSH, UPS_QUERY, UPS_WATCH
from harness.wire.uri import valid_uid
from simulators.archive import workitems as held
from simulators.archive.match import Reading, conditions
from simulators.archive.question import BadValue
from simulators.archive.when import read_zone
from simulators.archive.workitems import Outcome, Workitems
from simulators.archive.worklist import told
from simulators.dimse import identifier, normalized, worklist
from simulators.dimse.talk import (
    ATTRIBUTES_NOT_SUPPORTED,
    CANCELLED,
    DOES_NOT_MATCH,
    INVALID_ARGUMENT_VALUE,
    NO_SUCH_ACTION,
    PENDING,
    PENDING_WARNING,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    Answers,
    Refused,
    Talk,
    option,
    response,
)
from simulators.dimse.write import write

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    UPS_PUSH: ("N-CREATE-RQ", "N-ACTION-RQ", "N-GET-RQ"),
    UPS_WATCH: ("N-ACTION-RQ", "N-GET-RQ", "C-FIND-RQ"),
    UPS_PULL: ("C-FIND-RQ", "N-GET-RQ", "N-SET-RQ", "N-ACTION-RQ"),
    UPS_EVENT: (),
    UPS_QUERY: ("C-FIND-RQ",),
}
"""The requests that are performed on a context of each class (Tables CC.2-1 to CC.2-5)."""

CHANGE, CANCEL, SUBSCRIBE, UNSUBSCRIBE, SUSPEND = 1, 2, 3, 4, 5
_ACTIONS: Final[Mapping[str, tuple[int, ...]]] = {
    UPS_PUSH: (CANCEL,),
    UPS_PULL: (CHANGE,),
    UPS_WATCH: (CANCEL, SUBSCRIBE, UNSUBSCRIBE, SUSPEND),
}
UNKNOWN_RECEIVER = 0xC308
_STATE, _TRANSACTION, _RECEIVING, _LOCK = "00741000", "00081195", "00741234", "00741230"
_BESIDE = (_RECEIVING, _LOCK, "00080005", "00080201")  # of a subscription, what is no key

Reaches = Callable[[str], bool]


def named_class(abstract: str, name: str) -> str:
    """The SOP Class UID that a request has to have on a context: that of the context, but for DIMSE-N of workitems,
    which always speaks of the Push class (CC.3.1)."""
    return UPS_PUSH if abstract in UPS and name.startswith("N-") else abstract


class WorkitemProvider:
    """All operations on workitems; `reaches` says whether an AE is known, so that it can be told of events."""

    def __init__(self, workitems: Callable[[], Workitems], reaches: Reaches) -> None:
        self._workitems = workitems
        self._reaches = reaches

    def answer(self, request: Message, talk: Talk) -> Answers:
        """The responses to a request on a context of these classes."""
        try:
            if request.name == "C-FIND-RQ":
                yield from self._find(request, talk)
            else:
                yield self._operation(request, talk)
        except Refused as refused:
            yield response(request, refused.status, **refused.elements)
        except BadValue as bad:
            status = DOES_NOT_MATCH if request.name == "C-FIND-RQ" else INVALID_ARGUMENT_VALUE
            refusal = Refused(status, bad.why, int(bad.tag[:8], 16))
            yield response(request, refusal.status, **refusal.elements)

    def _operation(self, request: Message, talk: Talk) -> Message:
        does = {"N-CREATE-RQ": self._create, "N-SET-RQ": self._set, "N-GET-RQ": self._get, "N-ACTION-RQ": self._act}
        if request.name not in does:
            raise Refused(UNRECOGNIZED_OPERATION, f"no {request.name} of workitems")
        return does[request.name](request, talk)

    def _create(self, request: Message, talk: Talk) -> Message:
        instance = normalized.checked(request.instance or f"2.25.{uuid.uuid4().int}")
        given = normalized.attributes(request, talk)
        try:
            outcome = self._workitems().create(instance, given)
        except held.Refused as refused:
            return _denied(request, refused, given, talk)
        return response(request, outcome.status, AffectedSOPInstanceUID=instance)

    def _set(self, request: Message, talk: Talk) -> Message:
        given = normalized.attributes(request, talk)
        try:
            outcome = self._workitems().update(normalized.checked(request.instance), given)
        except held.Refused as refused:
            return _denied(request, refused, given, talk)
        return response(request, outcome.status)

    def _get(self, request: Message, talk: Talk) -> Message:
        try:
            found = self._workitems().get(normalized.checked(request.instance))
        except held.Refused as refused:
            return _denied(request, refused, {}, talk)
        asked = normalized.tags(request)
        shown = {tag: a for tag, a in found.items() if not asked or tag in asked}
        missing = [tag for tag in asked if tag not in found and tag != "00080005"]
        status = ATTRIBUTES_NOT_SUPPORTED if missing else SUCCESS
        return response(request, status, normalized.written(shown, request, talk))

    # --- actions ---------------------------------------------------------------------------------------------------

    def _act(self, request: Message, talk: Talk) -> Message:
        type_ = request.command.get("ActionTypeID")
        if type_ not in _ACTIONS.get(talk.contexts[request.context].abstract, ()):
            raise Refused(NO_SUCH_ACTION, "no such action of this SOP Class (Tables CC.2-1 to CC.2-3)")
        normalized.checked(request.instance)
        given = normalized.attributes(request, talk)
        try:
            if type_ == CHANGE:
                outcome = self._change(request.instance, given)
            elif type_ == CANCEL:
                outcome = self._workitems().request_cancel(request.instance, given, talk.calling)
            else:
                outcome = self._watch(type_, request.instance, given)
        except held.Refused as refused:
            return _denied(request, refused, given, talk)
        return response(request, outcome.status)

    def _change(self, instance: str, given: Mapping[str, Any]) -> Outcome:
        transaction = _text(given, _TRANSACTION)
        wanted = _text(given, _STATE)
        # what is no UID locks nothing: it is not the right one, whatever the state
        return self._workitems().change_state(instance, wanted, transaction if valid_uid(transaction) else "")

    def _watch(self, type_: int, instance: str, given: Mapping[str, Any]) -> Outcome:
        title = _text(given, _RECEIVING)
        if not title:
            raise Refused(INVALID_ARGUMENT_VALUE, "Receiving AE is needed (Table CC.2.3-1)")
        if type_ == UNSUBSCRIBE:
            return self._workitems().unsubscribe(title, instance)
        if type_ == SUSPEND:
            return self._workitems().suspend(title, instance)
        lock = _text(given, _LOCK)
        if lock not in ("TRUE", "FALSE"):
            raise Refused(INVALID_ARGUMENT_VALUE, "Deletion Lock is TRUE or FALSE (Table CC.2.3-1)")
        if not self._reaches(title):
            raise Refused(UNKNOWN_RECEIVER, f"nobody here knows where {title} is")
        filtered = instance == UPS_FILTERED
        elements = {tag: json.dumps(a) for tag, a in given.items() if tag not in _BESIDE} if filtered else {}
        keys = list(identifier.keys(elements))
        return self._workitems().subscribe(title, instance, lock == "TRUE", keys, form="dimse")

    # --- searching -------------------------------------------------------------------------------------------------

    def _find(self, request: Message, talk: Talk) -> Answers:
        """Of a search: all matches, each reduced to what was asked for; dates and times are combined (CC.3.2)."""
        context = talk.contexts[request.context]
        elements = identifier.read(request, context.transfer)
        keys, unknown = worklist.read({tag: text for tag, text in elements.items() if tag != _TRANSACTION})
        status = PENDING_WARNING if unknown or _TRANSACTION in elements else PENDING
        zone = _zone(elements) if option(talk.extended, context.abstract, worklist.TIMEZONE) else ""
        reading = Reading(zone=read_zone(zone) if zone else None)
        found = self._workitems().search(keys, reading)
        for match in _reduced(found, [key.path for key in keys], conditions(keys, reading)):
            if talk.cancelled(request):
                yield response(request, CANCELLED)
                return
            encoded = {tag: json.dumps(attribute).encode() for tag, attribute in match.items()}
            yield response(request, status, write(encoded, context.transfer))
        yield response(request, SUCCESS)


def _reduced(found: Iterable[Mapping[str, Any]], paths: list[tuple[str, ...]], wanted: Any) -> Iterator[dict[str, Any]]:
    """What was asked for of each match; of a sequence that was matched the items that match."""
    return (told(item, paths, wanted) for item in found)


def _zone(elements: Mapping[str, str]) -> str:
    return next(iter(identifier.values(elements, "00080201")), "")


def _denied(request: Message, refused: held.Refused, given: Mapping[str, Any], talk: Talk) -> Message:
    """The response to what is not carried out, with what its status has to say (PS3.7 C.5)."""
    about = tuple(dict.fromkeys(path.partition(".")[0] for path in refused.tags))
    if refused.code >> 8 == 0x01:
        return normalized.denial(request, refused.code, about, given, talk)
    refusal = Refused(refused.code, refused.why, *(int(tag, 16) for tag in about))
    return response(request, refusal.status, **refusal.elements)


def _text(given: Mapping[str, Any], tag: str) -> str:
    """The one value of an attribute, '' when there is none or more than one."""
    values = given.get(tag, {}).get("Value") or [""]
    return str(values[0] or "").strip() if len(values) == 1 else ""
