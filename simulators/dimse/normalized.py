"""Knows how requests of DIMSE-N are read and their responses written, whatever the SOP Class (PS3.7 10, C.5).

Must not know SOP Classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.upper_layer.message import Message
from harness.wire.uri import valid_uid
from simulators.archive.steps import refers
from simulators.dimse import identifier
from simulators.dimse.talk import (
    INVALID_INSTANCE,
    MISSING_ATTRIBUTE,
    NO_SUCH_ATTRIBUTE,
    PROCESSING_FAILURE,
    Refused,
    Talk,
    response,
)
from simulators.dimse.write import write

_LISTED = (MISSING_ATTRIBUTE, NO_SUCH_ATTRIBUTE)  # these name tags, others tell the attributes (PS3.7 C.5)


def checked(instance: str) -> str:
    """The SOP Instance UID; Refused when it is none."""
    if not valid_uid(instance):
        raise Refused(INVALID_INSTANCE, "the SOP Instance UID is no UID")
    return instance


def attributes(request: Message, talk: Talk) -> dict[str, Any]:
    """The data set of a request; Refused when it cannot be kept in full."""
    elements = identifier.read(request, talk.contexts[request.context].transfer)
    found = {tag: identifier.parsed(text) for tag, text in elements.items()}
    if refers(found):
        raise Refused(PROCESSING_FAILURE, "a value is too long to be kept here")
    return found


def tags(request: Message) -> list[str]:
    """The Attribute Identifier List, [] without one."""
    listed = request.command.get("AttributeIdentifierList", ())
    return [f"{tag:08X}" for tag in listed] if isinstance(listed, tuple) else []


def written(found: Mapping[str, Any], request: Message, talk: Talk) -> bytes:
    """Attributes as the data set of a response."""
    encoded = {tag: json.dumps(attribute).encode() for tag, attribute in found.items()}
    return write(encoded, talk.contexts[request.context].transfer)


def denial(request: Message, status: int, about: tuple[str, ...], found: Mapping[str, Any], talk: Talk) -> Message:
    """The response of a failure of group 01 that speaks of these attributes of the request (PS3.7 C.5)."""
    if status in _LISTED:
        return response(request, status, AttributeIdentifierList=tuple(int(tag, 16) for tag in about))
    wrong = {tag: found[tag] for tag in about if tag in found}
    return response(request, status, written(wrong, request, talk) if wrong else None)
