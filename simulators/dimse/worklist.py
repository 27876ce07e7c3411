"""Knows C-FIND of the Modality Worklist (PS3.4 K.4.1, K.6.1): one level, no unique keys, nothing unknown matches.

Must not know how values are matched, nor where items come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harness.upper_layer.message import Message
from simulators.archive.levels import is_private, offered
from simulators.archive.match import Reading
from simulators.archive.question import BadValue, Key
from simulators.archive.when import read_zone
from simulators.archive.worklist import Worklist
from simulators.dimse import identifier
from simulators.dimse.talk import (
    CANCELLED,
    DOES_NOT_MATCH,
    PENDING,
    PENDING_WARNING,
    SUCCESS,
    Answers,
    Refused,
    Talk,
    option,
    response,
)
from simulators.dimse.write import write
from simulators.model.scan import dictionary_vr

WORKLIST: Final = "1.2.840.10008.5.1.4.31"
TIMEZONE: Final = 4  # byte of extended negotiation (PS3.4 Table K.5.1-1)
_NO_KEYS: Final = frozenset(("00080005", "00080201"))


def find(worklist: Worklist, request: Message, talk: Talk) -> Answers:
    """All responses to a C-FIND-RQ."""
    try:
        yield from _answers(worklist, request, talk)
    except Refused as refused:
        yield response(request, refused.status, **refused.elements)
    except BadValue as bad:
        refusal = Refused(DOES_NOT_MATCH, bad.why, int(bad.tag[:8], 16))
        yield response(request, refusal.status, **refusal.elements)


def _answers(worklist: Worklist, request: Message, talk: Talk) -> Answers:
    syntax = talk.contexts[request.context].transfer
    elements = identifier.read(request, syntax)
    keys, unknown = read(elements)
    status = PENDING_WARNING if unknown else PENDING
    for item in matches(worklist, elements, keys, option(talk.extended, WORKLIST, TIMEZONE)):
        if talk.cancelled(request):
            yield response(request, CANCELLED)
            return
        encoded = {tag: json.dumps(attribute).encode() for tag, attribute in item.items()}
        yield response(request, status, write(encoded, syntax))
    yield response(request, SUCCESS)


def read(elements: Mapping[str, str]) -> tuple[list[Key], bool]:
    """The keys that mean something here, and whether there were others."""
    keys = list(identifier.keys({tag: text for tag, text in elements.items() if tag not in _NO_KEYS}))
    known = [key for key in keys if all(_known(tag) for tag in key.path)]
    return known, len(known) < len(keys)


def matches(worklist: Worklist, elements: Mapping[str, str], keys: list[Key], zoned: bool) -> Iterator[dict[str, Any]]:
    """The items that match, reduced to what was asked for; dates and times are combined (K.6.1.2.2)."""
    zone = identifier.values(elements, "00080201") if zoned else []
    return worklist.search(keys, Reading(zone=read_zone(zone[0]) if zone else None))


def _known(tag: str) -> bool:
    return not is_private(tag) and offered(tag) and dictionary_vr(int(tag, 16)) != "UN"
