"""Knows Storage Commitment Push as a provider (PS3.4 J): a request becomes a transaction, its result a report.

Must not know threads or sockets: somebody else carries the report, on this association or another one. What is
committed to is judged in `simulators.archive.commitments`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.upper_layer.message import Message, event_report_rq
from harness.wire.uri import valid_uid
from simulators.archive import lines
from simulators.archive.commitments import DUPLICATE_TRANSACTION, Commitments, Reference, Result, Reused
from simulators.dimse import identifier
from simulators.dimse.talk import (
    INVALID_ARGUMENT_VALUE,
    NO_SUCH_ACTION,
    NO_SUCH_INSTANCE,
    SUCCESS,
    Answers,
    Refused,
    Talk,
    response,
)
from simulators.dimse.write import write
from simulators.model.json_encode import attribute

COMMITMENT: Final = "1.2.840.10008.1.20.1"
INSTANCE: Final = "1.2.840.10008.1.20.1.1"
_TRANSACTION, _REFERENCED, _FAILED = "00081195", "00081199", "00081198"
_CLASS, _INSTANCE, _REASON, _RETRIEVE_AE = "00081150", "00081155", "00081197", "00080054"


@dataclass(frozen=True)
class Report:
    """The outcome of a request: references (class, instance) that are safe, and those that are not with the reason."""

    transaction: str
    title: str
    safe: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str, int], ...]

    @classmethod
    def of(cls, transaction: str, title: str, result: Result) -> Report:
        """The report of a result."""
        pairs = [(judged.reference.sop_class, judged.reference.instance, judged.reason) for judged in result]
        safe = tuple((sop_class, instance) for sop_class, instance, reason in pairs if not reason)
        return cls(transaction, title, safe, tuple(pair for pair in pairs if pair[2]))

    @property
    def type(self) -> int:
        """Event Type ID: 1 when everything is safe, else 2 (Table J.3-2)."""
        return 2 if self.failed else 1

    def message(self, context: int, id: int, syntax: str) -> Message:
        """The N-EVENT-REPORT request."""
        return event_report_rq(context, id, COMMITMENT, INSTANCE, self.type, write(self._elements(), syntax))

    def _elements(self) -> Mapping[str, bytes]:
        elements = {_TRANSACTION: attribute("UI", self.transaction)}
        if self.safe:
            elements[_RETRIEVE_AE] = attribute("AE", self.title)
            elements[_REFERENCED] = _sequence(_item(c, i) for c, i in self.safe)
        if self.failed:
            elements[_FAILED] = _sequence(_item(c, i, reason) for c, i, reason in self.failed)
        return elements


Deliver = Callable[[Report, Talk], None]


class CommitmentProvider:
    """N-ACTION; `deliver` carries the report once the response is out."""

    def __init__(self, commitments: Commitments, deliver: Deliver) -> None:
        self._commitments = commitments
        self._deliver = deliver

    def answer(self, request: Message, talk: Talk) -> Answers:
        """The one response; the report follows it."""
        try:
            transaction, references = self._asked(request, talk)
        except Refused as refused:
            yield response(request, refused.status, **refused.elements)
            return
        report = self._taken(transaction, references, talk.title)
        talk.afterwards(lambda: self._deliver(report(), talk))
        yield response(request, SUCCESS)

    def _taken(self, transaction: str, references: list[tuple[str, str]], title: str) -> Callable[[], Report]:
        """What makes the report of a request that is on the disk by now."""
        try:
            self._commitments.ask(transaction, [Reference(*pair) for pair in references])
        except Reused:  # its UID shall not be used again (J.3.3.1.2)
            lost = tuple((sop_class, instance, DUPLICATE_TRANSACTION) for sop_class, instance in references)
            return lambda: Report(transaction, title, (), lost)
        return lambda: Report.of(transaction, title, self._commitments.conclude(transaction))

    def _asked(self, request: Message, talk: Talk) -> tuple[str, list[tuple[str, str]]]:
        if request.instance != INSTANCE:
            raise Refused(NO_SUCH_INSTANCE, "there is one well-known instance only (J.3.5)")
        if request.command.get("ActionTypeID") != 1:
            raise Refused(NO_SUCH_ACTION, "there is action type 1 only (Table J.3-1)")
        elements = identifier.read(request, talk.contexts[request.context].transfer)
        transaction = (identifier.values(elements, _TRANSACTION) or [""])[0]
        references = _references(elements)
        if not valid_uid(transaction) or not references or len({i for _, i in references}) < len(references):
            raise Refused(INVALID_ARGUMENT_VALUE, "a Transaction UID and references, each once, are needed (J.3.2.1.1)")
        return transaction, references


def _references(elements: Mapping[str, str]) -> list[tuple[str, str]]:
    """Class and instance of every item; [] when an item lacks one of them."""
    found = []
    for text in lines.items(elements.get(_REFERENCED, "")):
        item = lines.members(text)
        pair = tuple((identifier.values(item, tag) or [""])[0] for tag in (_CLASS, _INSTANCE))
        if not all(pair):
            return []
        found.append((pair[0], pair[1]))
    return found


def _item(sop_class: str, instance: str, reason: int = 0) -> str:
    members = {_CLASS: attribute("UI", sop_class), _INSTANCE: attribute("UI", instance)}
    if reason:
        members[_REASON] = attribute("US", reason)
    return lines.dataset({tag: text.decode() for tag, text in members.items()})


def _sequence(items: Iterable[str]) -> bytes:
    return lines.sequence(items).encode()
