"""Knows Storage Commitment Push as a provider (PS3.4 J): a request is judged against the archive and reported on.

Must not know threads or sockets: somebody else carries the report, on this association or another one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.upper_layer.message import Message, event_report_rq
from harness.wire.uri import valid_uid
from simulators.archive import lines
from simulators.archive.archive import Archive, Key, Question
from simulators.dimse import identifier
from simulators.dimse.talk import (
    CLASS_INSTANCE_CONFLICT,
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
DUPLICATE_TRANSACTION: Final = 0x0131  # Failure Reason (PS3.3 C.14.1.1)
_TRANSACTION, _REFERENCED, _FAILED = "00081195", "00081199", "00081198"
_CLASS, _INSTANCE, _REASON, _RETRIEVE_AE = "00081150", "00081155", "00081197", "00080054"
_REMEMBERED = 100_000  # transactions; the UID of an older one may come back unnoticed
_BATCH = 500  # instances that are looked up at once


@dataclass(frozen=True)
class Report:
    """The outcome of a request: references (class, instance) that are safe, and those that are not with the reason."""

    transaction: str
    title: str
    safe: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str, int], ...]

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

    def __init__(self, archive: Archive, deliver: Deliver) -> None:
        self._archive = archive
        self._deliver = deliver
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, request: Message, talk: Talk) -> Answers:
        """The one response; the report follows it."""
        try:
            transaction, references = self._asked(request, talk)
        except Refused as refused:
            yield response(request, refused.status, **refused.elements)
            return
        again = self._seen(transaction)
        title = talk.title

        def report() -> None:
            self._deliver(self._judged(transaction, title, references, again), talk)

        talk.afterwards(report)
        yield response(request, SUCCESS)

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

    def _seen(self, transaction: str) -> bool:
        """Whether the transaction was here before (J.3.3.1.2: its UID shall not be used again)."""
        with self._lock:
            again = transaction in self._known
            self._known[transaction] = None
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            return again

    def _judged(self, transaction: str, title: str, references: list[tuple[str, str]], again: bool) -> Report:
        if again:
            return Report(transaction, title, (), tuple((c, i, DUPLICATE_TRANSACTION) for c, i in references))
        held: dict[str, str] = {}
        for at in range(0, len(references), _BATCH):
            held |= self._held([instance for _, instance in references[at : at + _BATCH]])
        reasons = [(c, i, _reason(held.get(i), c)) for c, i in references]
        safe = tuple((c, i) for c, i, reason in reasons if not reason)
        return Report(transaction, title, safe, tuple(r for r in reasons if r[2]))

    def _held(self, instances: list[str]) -> dict[str, str]:
        """SOP Instance UID -> SOP Class UID of what the archive has of these."""
        asked = [uid for uid in instances if valid_uid(uid)]
        if not asked:
            return {}
        question = Question(
            ("study", "series", "instance"),
            keys=(Key(("00080018",), tuple(asked)),),
            include=frozenset((("00080016",),)),
        )
        return {
            row.instance: lines.plain(row.elements.get("00080016")) or "" for row in self._archive.search(question).rows
        }


def _reason(held: str | None, sop_class: str) -> int:
    if held is None:
        return NO_SUCH_INSTANCE
    return 0 if held == sop_class else CLASS_INSTANCE_CONFLICT


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
