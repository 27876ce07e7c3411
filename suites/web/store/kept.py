"""Knows what a journey of Store, Search and Retrieve shows about each instance: acknowledged, refused, found, kept.

Must not judge it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.exchange import Exchange, Journey
from harness.past import SOP_INSTANCE
from harness.wire import dicom_json, part10
from suites.web.store.module import module
from suites.web.store.sent import DICOM, Sent, sent

# What a server that keeps another transfer syntax than the one sent has to write anew (PS3.5 8.2, PS3.3 C.7.6.1.1.5).
PIXEL_DESCRIPTION = frozenset(
    {"00080008", "00280004", "00280006", "00280100", "00280101", "00280102", "00280103", "00282110", "00282112",
     "00282114", "7FE00001", "7FE00002"}
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One instance that was sent in a journey, and the exchange that told about it. `status`: the answer's code."""

    sent: Sent
    x: Exchange

    @property
    def status(self) -> int:
        return self.x.answer.status


def acknowledged(j: Journey) -> dict[str, Told]:
    """Instances that a response lists as stored, by UID; the first telling counts. Coerced ones are left out."""
    found: dict[str, Told] = {}
    for x in j.steps("store"):
        said = module(x)
        stored = {i.instance for i in said.stored if not i.coerced} if said and x.answer.ok else set()
        for s in sent(x):
            if s.identified and s.instance in stored:
                found.setdefault(s.instance, Told(s, x))
    return found


def refused(j: Journey) -> dict[str, Told]:
    """Instances that a response lists as failed, or whose request was answered with an error; never stored ones."""
    found: dict[str, Told] = {}
    past = j.context.past if j.context else None
    for x in j.steps("store"):
        said = module(x)
        failed = {i.instance for i in said.failed} if said else set()
        stored = {i.instance for i in said.stored} if said else set()
        for s in sent(x):
            out = s.instance in failed or (400 <= x.answer.status < 500 and s.instance not in stored)
            known = past is not None and past.acknowledged(s.instance)
            if s.instance and out and not known:
                found.setdefault(s.instance, Told(s, x))
    taken = acknowledged(j)
    return {uid: told for uid, told in found.items() if uid not in taken}


def searches(j: Journey, uid: str) -> list[Exchange]:
    """The searches for this one instance that were answered with a success, in order."""
    return [x for x in j.steps("search") if x.resource.query.get("SOPInstanceUID") == uid and x.answer.ok]


def retrieves(j: Journey, uid: str) -> list[Exchange]:
    """The retrieves of this one instance, in order."""
    return [x for x in j.steps("retrieve") if x.resource.instance == uid]


def rows(x: Exchange, uid: str) -> int:
    """How many rows of a search are this instance."""
    datasets = x.answer.json.datasets if x.answer.json else ()
    return sum(dicom_json.text(row, SOP_INSTANCE) == uid for row in datasets)


def files(x: Exchange) -> Iterator[part10.Reading]:
    """The PS3.10 files of a retrieve, from a multipart or a single part payload."""
    if not x.answer.ok:
        return
    if x.answer.type == DICOM:
        yield part10.read(x.answer.payload)
    for part in x.answer.parts:
        if part.media.type == DICOM:
            yield part10.read(part.content)


def instances(x: Exchange) -> list[str]:
    """The SOP Instance UIDs that a retrieve brought."""
    return [f.dataset.text(SOP_INSTANCE) for f in files(x)]


def changes(told: Told, x: Exchange) -> list[part10.Difference]:
    """Where the retrieved instance differs from the one sent; [] also when none came or it tells of a coercion.

    Only of one that was sent whole.
    """
    wanted = part10.read(told.sent.part.content)
    for found in files(x):
        if found.dataset.text(SOP_INSTANCE) != told.sent.instance or found.dataset.get("04000561"):
            continue
        same = found.transfer_syntax == wanted.transfer_syntax
        ignore = frozenset() if same else PIXEL_DESCRIPTION
        return list(part10.difference(found.dataset, wanted.dataset, ignore=ignore, pixels=same))
    return []
