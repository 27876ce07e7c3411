"""Knows C-GET and C-MOVE (PS3.4 C.4.2, C.4.3): what an identifier selects, sub-operations, counters and final status.

Must not know sockets: a sub-operation goes through a talk or a link that somebody else made.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby

from harness.body import Body
from harness.upper_layer.message import Message, store_rq
from harness.upper_layer.offer import Agreed
from simulators.archive.archive import Archive, Held, Key, Question
from simulators.dimse import identifier, nonpatient
from simulators.dimse.information import HELD, MODELS, PATIENT, UNIQUE, Model
from simulators.dimse.syntax import EXPLICIT_LE, native
from simulators.dimse.talk import (
    CANCELLED,
    DOES_NOT_MATCH,
    NO_MATCH_COUNT,
    NO_SUBOPERATIONS,
    PENDING,
    SUBOPERATIONS_FAILED,
    SUCCESS,
    Answers,
    Refused,
    Talk,
    option,
    response,
)
from simulators.dimse.transcode import transcode
from simulators.dimse.write import write
from simulators.model.json_encode import attribute
from simulators.model.scan import Unreadable, read_dataset
from simulators.web import pixels
from simulators.web.content import Broken, joined

RELATIONAL = 1  # byte of extended negotiation (PS3.4 Table C.5-3)
MOST = 65535  # sub-operations: their counters are US
_FAILED_LIST = "00080058"


class Impossible(Exception):
    """An instance cannot be sent on these contexts, or cannot be read any more."""


def chosen(archive: Archive, request: Message, talk: Talk) -> list[Held]:
    """The instances that a C-GET or C-MOVE request is about; Refused when its identifier does not fit the model."""
    agreed = talk.contexts[request.context]
    if agreed.abstract not in MODELS:
        return nonpatient.chosen(archive.nonpatient, request, talk)
    elements = identifier.read(request, agreed.transfer)
    relational = option(talk.extended, agreed.abstract, RELATIONAL)
    found = select(archive, elements, MODELS[agreed.abstract], relational)
    if len(found) > MOST:
        raise Refused(NO_MATCH_COUNT, f"{len(found)} sub-operations are more than can be counted")
    return found


def select(archive: Archive, elements: Mapping[str, str], model: Model, relational: bool) -> list[Held]:
    """The instances below the unique keys of an identifier, whatever else stands in it (C.4.2.1.4.1)."""
    level = model.asked_level(elements)
    keys = [Key((UNIQUE[name],), (model.single(elements, name),))
            for name in model.above(level) if not relational or UNIQUE[name] in elements]  # fmt: skip
    keys.append(Key((UNIQUE[level],), tuple(_wanted(elements, model, level))))
    lowest = HELD[level] if level != PATIENT else "study"
    names = ("study", "series", "instance")
    levels = names[: names.index(lowest) + 1]
    rows = archive.search(Question(levels, keys=tuple(keys), uids_only=True)).rows
    found: list[Held] = []
    for (study, series), group in groupby(rows, key=lambda row: (row.study, row.series)):
        wanted = {row.instance for row in group} - {""}
        held = archive.select(study, series or None, metadata=False)
        found += [one for one in held if not wanted or one.instance in wanted]
    return found


def _wanted(elements: Mapping[str, str], model: Model, level: str) -> list[str]:
    """The values of the unique key at the level: one Patient ID, or any number of UIDs."""
    if level == PATIENT:
        return [model.single(elements, level)]
    found = identifier.values(elements, UNIQUE[level])
    if not found:
        raise Refused(DOES_NOT_MATCH, "the unique key of the level has no value", int(UNIQUE[level], 16))
    return found


@dataclass
class Progress:
    """The counters of one request (C.4.2.1.6 to C.4.2.1.9)."""

    remaining: int
    completed: int = 0
    warning: int = 0
    failed: list[str] = field(default_factory=list)

    def count(self, instance: str, status: int | None) -> None:
        """Take note of a sub-operation; None when it got no response."""
        self.remaining -= 1
        if status == SUCCESS:
            self.completed += 1
        elif status is not None and (status >> 12 == 0xB or status in (0x0001, 0x0107, 0x0116)):
            self.warning += 1
        else:
            self.failed.append(instance)

    @property
    def status(self) -> int:
        """The final status (C.4.2.3.1)."""
        if not self.failed and not self.warning:
            return SUCCESS
        return SUBOPERATIONS_FAILED if self.completed or self.warning else NO_SUBOPERATIONS

    def pending(self, request: Message) -> Message:
        return response(request, PENDING, None, NumberOfRemainingSuboperations=self.remaining, **self._counters())

    def final(self, request: Message, syntax: str, cancelled: bool = False) -> Message:
        """The last response, with the UIDs that failed when there are any."""
        counters = self._counters() | ({"NumberOfRemainingSuboperations": self.remaining} if cancelled else {})
        data = write({_FAILED_LIST: attribute("UI", *self.failed)}, syntax) if self.failed else None
        return response(request, CANCELLED if cancelled else self.status, data, **counters)

    def _counters(self) -> dict[str, int]:
        return {
            "NumberOfCompletedSuboperations": self.completed,
            "NumberOfFailedSuboperations": len(self.failed),
            "NumberOfWarningSuboperations": self.warning,
        }


def get(archive: Archive, request: Message, talk: Talk) -> Answers:
    """All responses to a C-GET-RQ; its sub-operations go over the same association (C.4.3)."""

    def send(held: Held) -> int | None:
        contexts = [c for c in talk.contexts.values() if c.scp]  # C.5.3: the requestor took the SCP role there
        try:
            ask = suboperation(archive, held, contexts, talk.next_id(), request)
        except Impossible:
            return None
        return talk.perform(ask).status

    try:
        found = chosen(archive, request, talk)
    except Refused as refused:
        yield response(request, refused.status, **refused.elements)
        return
    yield from transfer(request, talk, found, send)


def transfer(request: Message, talk: Talk, found: Iterable[Held], send: Callable[[Held], int | None]) -> Answers:
    """Send every instance; a Pending response after each but the last, then the final one."""
    found = list(found)
    progress = Progress(len(found))
    syntax = talk.contexts[request.context].transfer
    for held in found:
        if talk.cancelled(request):
            yield progress.final(request, syntax, cancelled=True)
            return
        progress.count(held.instance, send(held))
        if progress.remaining:
            yield progress.pending(request)
    yield progress.final(request, syntax)


def suboperation(archive: Archive, held: Held, contexts: Iterable[Agreed], id: int, request: Message,
                 **more: str | int) -> Message:  # fmt: skip
    """The C-STORE request for an instance on the context that suits it best; Impossible when none does."""
    agreed = best(held, contexts)
    if agreed is None:
        raise Impossible(f"no presentation context for {held.instance}")
    priority = request.command.get("Priority", 0)
    try:
        data = dataset(held, agreed.transfer)
    except FileNotFoundError:  # replaced a moment ago: what is there now is meant
        fresh = archive.select(held.study, held.series, held.instance, metadata=False)
        if not fresh or best(fresh[0], [agreed]) is None:
            raise Impossible(f"{held.instance} is gone") from None
        data = dataset(fresh[0], agreed.transfer)
    except (OSError, Unreadable, Broken) as error:
        raise Impossible(f"{held.instance} cannot be read: {error}") from None
    return store_rq(agreed.id, id, held.sop_class, held.instance, data, priority, **more)


def best(held: Held, contexts: Iterable[Agreed]) -> Agreed | None:
    """The context in which the instance needs no change, else one to whose syntax it can be brought."""
    of_class = [c for c in contexts if c.abstract == held.sop_class]
    exact = next((c for c in of_class if c.transfer == held.transfer_syntax), None)
    if exact is not None or not pixels.decodable(held):
        return exact
    return next((c for c in of_class if native(c.transfer)), None)


def dataset(held: Held, syntax: str) -> Body | bytes:
    """The data set of a stored instance in a transfer syntax: as it lies in the file, or written again, with its pixel
    data decoded where they are encapsulated. Broken when they cannot be."""
    if syntax == held.transfer_syntax:
        return Body.file(held.path).slice(held.dataset_at, held.size)
    if held.encapsulated:
        decoded = joined(pixels.instance(held, EXPLICIT_LE)[1:])  # what comes first is the File Meta Information
        return decoded if syntax == EXPLICIT_LE else transcode(read_dataset(decoded, 0, EXPLICIT_LE), syntax)
    with held.path.open("rb") as file, closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as octets:
        source = read_dataset(octets, held.dataset_at, held.transfer_syntax)
        return transcode(source, syntax)
