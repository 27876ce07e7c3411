"""Knows Query/Retrieve of Non-Patient Instances (PS3.4 U.4, X.4, BB.4, HH.4, JJ.3): one level, one unique key.

Must not know how keys are matched, nor how instances travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.nonpatient import CATEGORIES, SOP_INSTANCE
from harness.upper_layer.message import Message
from simulators.archive.held import Held
from simulators.archive.nonpatient import NonPatient, known
from simulators.archive.question import BadValue, Question
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
    response,
)
from simulators.dimse.write import write

# The SOP Classes of FIND, MOVE and GET follow each other in every model; each with its category and its classes.
_MODELS: Final = [(model.find, category.name, model.classes)
                  for category in CATEGORIES.values() for model in category.models]  # fmt: skip
Scope = tuple[str, tuple[str, ...]]


def _next(uid: str, by: int) -> str:
    root, _, last = uid.rpartition(".")
    return f"{root}.{int(last) + by}"


FIND: Final[Mapping[str, Scope]] = {uid: (name, classes) for uid, name, classes in _MODELS}
MOVE: Final[Mapping[str, Scope]] = {_next(uid, 1): (name, classes) for uid, name, classes in _MODELS}
GET: Final[Mapping[str, Scope]] = {_next(uid, 2): (name, classes) for uid, name, classes in _MODELS}
_NO_KEYS: Final = frozenset(("00080005", "00080201"))


def find(kept: NonPatient, request: Message, talk: Talk) -> Answers:
    """All responses to a C-FIND-RQ."""
    try:
        yield from _answers(kept, request, talk)
    except Refused as refused:
        yield response(request, refused.status, **refused.elements)
    except BadValue as bad:
        refusal = Refused(DOES_NOT_MATCH, bad.why, int(bad.tag[:8], 16))
        yield response(request, refusal.status, **refusal.elements)


def _answers(kept: NonPatient, request: Message, talk: Talk) -> Answers:
    agreed = talk.contexts[request.context]
    category, classes = FIND[agreed.abstract]
    elements = identifier.read(request, agreed.transfer)
    asked = list(identifier.keys({tag: text for tag, text in elements.items() if tag not in _NO_KEYS}))
    keys = [key for key in asked if known(key.path)]
    status = PENDING if len(keys) == len(asked) else PENDING_WARNING
    wanted = {key.path[0] for key in keys} | {"00080005"}
    for row in kept.search(category, Question((), keys=tuple(keys)), classes).rows:
        if talk.cancelled(request):
            yield response(request, CANCELLED)
            return
        told = {tag: text for tag, text in row.elements.items() if tag in wanted}
        yield response(request, status, write(told, agreed.transfer))
    yield response(request, SUCCESS)


def chosen(kept: NonPatient, request: Message, talk: Talk) -> list[Held]:
    """The instances that a C-GET or C-MOVE request is about; Refused without a UID (U.4.2)."""
    agreed = talk.contexts[request.context]
    _, classes = {**MOVE, **GET}[agreed.abstract]
    uids = identifier.values(identifier.read(request, agreed.transfer), SOP_INSTANCE)
    if not uids:
        raise Refused(DOES_NOT_MATCH, "SOP Instance UID is the unique key, and has no value", int(SOP_INSTANCE, 16))
    return kept.select(classes, uids)
