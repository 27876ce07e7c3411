"""Knows what an unbroken archive would answer to the operations of an association, told in plain JSON values.

Must not know rules, or how the product under test came to its answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.association import Association, Operation
from harness.upper_layer.message import Message
from harness.wire import pdu
from simulators.archive.archive import Archive, BadValue, Question
from simulators.dimse import identifier, query, retrieve
from simulators.dimse.information import MODELS
from simulators.dimse.talk import Refused, option


def expect_association(archive: Archive, association: Association) -> Mapping[str, Any] | None:
    """Predictions by the number of the operation, None when there is none at all.

    For C-FIND of Query/Retrieve: "level"; "matches", the values of the unique keys of each match from the root down;
    "arguable", further ones that match because a key of theirs has no value (PS3.4 C.2.2.1.2); "universe", the studies
    that are held. For C-GET and C-MOVE: "instances", the SOP Instance UIDs that are selected. For an identifier that
    does not fit the model: "refused", the status.
    """
    found = {str(one.number): told for one in association.operations if (told := _expected(archive, one)) is not None}
    return found or None


def _expected(archive: Archive, operation: Operation) -> Mapping[str, Any] | None:
    agreed = operation.agreed
    model = MODELS.get(agreed.abstract) if agreed is not None else None
    if agreed is None or model is None or operation.request.verb != model.verb or operation.invoker != "requestor":
        return None
    extended = _negotiated(operation.association)
    message = Message(agreed.id, body=operation.request.data)
    try:
        elements = identifier.read(message, agreed.transfer)
        if model.verb == "find":
            return _found(archive, query.read(elements, agreed.abstract, extended))
        relational = option(extended, agreed.abstract, retrieve.RELATIONAL)
        return {"instances": [h.instance for h in retrieve.select(archive, elements, model, relational)]}
    except Refused as refused:
        return {"refused": refused.status}
    except BadValue:
        return {"refused": 0xA900}


def _found(archive: Archive, asked: query.Asked) -> Mapping[str, Any]:
    """What matches for certain, and what only because it is unknown."""
    every = [query.unique_keys(asked, match) for match in query.matches(archive, asked)]
    certain = replace(asked, question=replace(asked.question, unknown_matches=False))
    matches = [query.unique_keys(certain, match) for match in query.matches(archive, certain)]
    arguable = [key for key in every if key not in matches]
    studies = archive.search(Question(("study",), uids_only=True)).rows
    told = {"level": asked.level, "matches": matches, "universe": [row.study for row in studies]}
    return {**told, "arguable": arguable} if arguable else told


def _negotiated(association: Association) -> Mapping[str, bytes]:
    """SOP Class UID -> application information that the acceptor returned."""
    told = association.answer.pdu.associate if association.answer is not None else None
    if told is None or association.answer is None or association.answer.pdu.type != pdu.ASSOCIATE_AC:
        return {}
    return {one.uid: one.information for one in told.user.extended}
