"""Knows the Modality Performed Procedure Step classes as a provider (PS3.4 F.7 to F.9): messages to steps and back.

Must not know states or which attributes are needed; `simulators.archive.steps` does.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from harness.upper_layer.message import Message, event_report_rq
from simulators.archive.steps import COMPLETED, DISCONTINUED, IN_PROGRESS, Steps, Why, Wrong
from simulators.dimse import normalized
from simulators.dimse.talk import (
    ATTRIBUTES_NOT_SUPPORTED,
    DUPLICATE_INSTANCE,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_VALUE,
    NO_SUCH_ATTRIBUTE,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    Answers,
    Refused,
    Talk,
    response,
)

STEP: Final = "1.2.840.10008.3.1.2.3.3"
RETRIEVE: Final = "1.2.840.10008.3.1.2.3.4"
NOTIFICATION: Final = "1.2.840.10008.3.1.2.3.5"

NO_MORE_UPDATES = 0xA710  # Error ID (Table F.7.2-2)
UPDATED: Final = 4
EVENTS: Final = {IN_PROGRESS: 1, COMPLETED: 2, DISCONTINUED: 3}  # event types by the state that was reached (F.9.2)

_STATUS: Final[Mapping[Why, int]] = {
    "missing": MISSING_ATTRIBUTE,
    "empty": MISSING_VALUE,
    "value": INVALID_ATTRIBUTE_VALUE,
    "fixed": INVALID_ATTRIBUTE_VALUE,
    "final": PROCESSING_FAILURE,
    "exists": DUPLICATE_INSTANCE,
    "unknown": NO_SUCH_INSTANCE,
    "not created": NO_SUCH_ATTRIBUTE,
}


class StepProvider:
    """N-CREATE, N-SET and N-GET; the steps tell of every change once its response is out."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def answer(self, request: Message, talk: Talk) -> Answers:
        """The one response to a request on a context of these classes."""
        try:
            yield self._operation(request, talk)
        except Refused as refused:
            yield response(request, refused.status, **refused.elements)

    def _operation(self, request: Message, talk: Talk) -> Message:
        abstract = talk.contexts[request.context].abstract
        if abstract == STEP and request.name == "N-CREATE-RQ":
            return self._create(request, talk)
        if abstract == STEP and request.name == "N-SET-RQ":
            return self._set(request, talk)
        if abstract == RETRIEVE and request.name == "N-GET-RQ":
            return self._get(request, talk)
        raise Refused(UNRECOGNIZED_OPERATION, f"no {request.name} of this SOP Class")

    def _create(self, request: Message, talk: Talk) -> Message:
        instance = request.instance or f"2.25.{uuid.uuid4().int}"
        normalized.checked(instance)
        attributes = normalized.attributes(request, talk)
        try:
            state = self._steps.create(instance, attributes)
        except Wrong as wrong:
            return _refusal(request, wrong, attributes, talk)
        talk.afterwards(lambda: self._steps.tell(instance, "", state))
        return response(request, SUCCESS, AffectedSOPInstanceUID=instance)

    def _set(self, request: Message, talk: Talk) -> Message:
        instance = request.instance
        normalized.checked(instance)
        attributes = normalized.attributes(request, talk)
        try:
            before, after = self._steps.change(instance, attributes)
        except Wrong as wrong:
            return _refusal(request, wrong, attributes, talk)
        talk.afterwards(lambda: self._steps.tell(instance, before, after))
        return response(request, SUCCESS)

    def _get(self, request: Message, talk: Talk) -> Message:
        normalized.checked(request.instance)
        try:
            held = self._steps.get(request.instance)
        except Wrong as wrong:
            return _refusal(request, wrong, {}, talk)
        asked = normalized.tags(request)
        told = {tag: a for tag, a in held.items() if not asked or tag in asked}
        missing = [tag for tag in asked if tag not in held and tag != "00080005"]
        status = ATTRIBUTES_NOT_SUPPORTED if missing else SUCCESS
        return response(request, status, normalized.written(told, request, talk))


def event_type(before: str, after: str) -> int:
    """The Event Type ID of a change from one state to another (F.9.2)."""
    return UPDATED if before == after else EVENTS[after]


def event(context: int, id: int, instance: str, type: int) -> Message:
    """The notification of a change (F.9.2), which carries no information of its own."""
    return event_report_rq(context, id, NOTIFICATION, instance, type)


def _refusal(request: Message, wrong: Wrong, attributes: Mapping[str, Any], talk: Talk) -> Message:
    """The response to what is not allowed, with what its status has to say (PS3.7 C.5, PS3.4 F.7.2.2.4)."""
    status = _STATUS[wrong.why]
    if wrong.why == "final":
        comment = "Performed Procedure Step Object may no longer be updated"  # the wording that the table asks for
        return response(request, status, ErrorComment=comment, ErrorID=NO_MORE_UPDATES)
    return normalized.denial(request, status, wrong.tags, attributes, talk)
