"""Knows what earlier exchanges of a record showed to be stored: instances whose storing was acknowledged.

What was sent through both doors with different contents is not known: either may be what is held.

Must not know rules; it reads the same wire as they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.association import Association
from harness.body import Body
from harness.exchange import ANSWERED, Exchange
from harness.turns import OVERTAKEN, effect
from harness.wire import dicom_json, native_xml, part10
from harness.wire.difference import difference
from harness.wire.elements import DataSet
from harness.wire.multipart import Part

SOP_INSTANCE, SOP_CLASS, STUDY, SERIES = "00080018", "00080016", "0020000D", "0020000E"
_JSON, _XML = "application/dicom+json", "application/dicom+xml"
# The Store Instances Response Module (PS3.18 Table I.1-1) and the UID in its items.
_FAILED, _REFERENCED, _OTHER_FAILURES, _REASON, _INSTANCE = "00081198", "00081199", "0008119A", "00081196", "00081155"


@dataclass(frozen=True, slots=True)
class Kept:
    """One instance that the target said it stored: its UIDs and the octets that were sent."""

    sop_class: str
    instance: str
    study: str
    series: str
    transfer_syntax: str
    sent: Body
    seq: int
    changed: bool = False  # the answer carried a Warning Reason for it: attributes may have been coerced


@dataclass(frozen=True, slots=True)
class Named:
    """One instance that the target said it stored, of which nobody sent the octets: it came as metadata."""

    sop_class: str
    instance: str
    study: str
    series: str


@dataclass
class Past:
    """Instances by SOP Instance UID, in the order they were acknowledged; the last sending of one counts.

    `kept` were sent whole. `apart` were sent as metadata, by whichever of two sendings: how they look as a whole is not
    known.
    """

    kept: dict[str, Kept] = field(default_factory=dict)
    apart: dict[str, Named] = field(default_factory=dict)
    _sent: dict[str, tuple[Body, str]] = field(default_factory=dict, repr=False)  # by C-STORE: data set, syntax

    def see(self, x: Exchange) -> None:
        """Take in a finished Store exchange; everything else leaves the past as it is.

        But others than us may change what is stored in ways that nobody here knows: then nothing is known any more.
        """
        if x.judged != ANSWERED and effect(x.ask) == "changes" and x.answer.status < 400:
            self.kept.clear()
            self.apart.clear()
        if x.kind != "web.store" or x.answer.status not in (200, 202) or x.facts.get(OVERTAKEN):
            return
        stored, changed = _stored(x), set(warned_instances(x))
        for part in x.ask.parts:
            if part.media.type in (_JSON, _XML):
                self._apart([n for n in _named(part) if stored(n.instance)])
                continue
            reading = part10.read(part.content)
            uid = reading.dataset.text(SOP_INSTANCE)
            if uid and stored(uid) and uid not in self.apart and self._unrivalled(uid, reading.dataset):
                self.kept[uid] = Kept(
                    reading.dataset.text(SOP_CLASS),
                    uid,
                    reading.dataset.text(STUDY),
                    reading.dataset.text(SERIES),
                    reading.transfer_syntax,
                    part.content,
                    x.seq,
                    uid in changed,
                )

    def _apart(self, found: list[Named]) -> None:
        """These came as metadata: what was sent whole under the same UID may be what is held, or may not."""
        for named in found:
            self.kept.pop(named.instance, None)
            self.apart[named.instance] = named

    def hear(self, a: Association) -> None:
        """Take in an association: what it stores of other content than is known leaves nothing known."""
        for o in a.operations:
            if o.request.verb == "store" and o.request.data is not None and o.invoker == "requestor":
                uid, said = o.request.instance, (o.request.data, o.transfer)
                # only in a journey through both doors can it come by the other one afterwards: the rest is not kept
                if a.journey.startswith("doors."):
                    self._sent[uid] = said
                held = self.kept.get(uid)
                if held is not None and not _same(part10.read(held.sent).dataset, *said):
                    del self.kept[uid]

    def _unrivalled(self, uid: str, dataset: DataSet) -> bool:
        """Nothing else was stored by C-STORE under this UID."""
        return uid not in self._sent or _same(dataset, *self._sent[uid])

    def get(self, instance: str) -> Kept | None:
        return self.kept.get(instance)

    def holds(self, study: str, series: str = "", instance: str = "") -> bool:
        """Something was acknowledged, whole or apart, that is this study, series or instance, or lies below it."""
        found: list[Kept | Named] = [*self.kept.values(), *self.apart.values()]
        return any(
            study == one.study and series in ("", one.series) and instance in ("", one.instance) for one in found
        )

    def acknowledged(self, instance: str) -> bool:
        """The target said that it stored this instance, in whatever form it came."""
        return instance in self.kept or instance in self.apart

    def below(self, study: str, series: str = "") -> Iterator[Kept]:
        """What was stored in this study, or in this series of it."""
        for held in self.kept.values():
            if held.study == study and (not series or held.series == series):
                yield held

    def __contains__(self, instance: object) -> bool:
        return instance in self.kept


def _stored(x: Exchange) -> Callable[[str], bool]:
    """Whether a Store answer says of an instance that it was stored.

    200 says so of all that are not among the failures. But where some may have failed that it does not name, and with
    202, which says that some did, it has to be told of each.
    """
    refused, told = set(failed_instances(x)), set(_uids(x, _REFERENCED))
    nameless = "" in refused or any(item for row in _module(x) for item in dicom_json.values(row, _OTHER_FAILURES))
    if x.answer.status == 202 or nameless:
        return lambda uid: uid in told and uid not in refused
    return lambda uid: uid not in refused


def _module(x: Exchange) -> list[Mapping[str, Any]]:
    """The data sets of a Store answer in DICOM JSON form, whichever form they came in."""
    if x.answer.json is not None:
        return list(x.answer.json.datasets)
    return [native_xml.to_json(d) for reading in x.answer.documents for d in reading.datasets]


def _items(x: Exchange, sequence: str) -> Iterator[Mapping[str, Any]]:
    for row in _module(x):
        yield from (item for item in dicom_json.values(row, sequence) if isinstance(item, Mapping))


def _uids(x: Exchange, sequence: str) -> list[str]:
    """The SOP Instance UID of each item of a sequence, '' where there is none."""
    return [dicom_json.text(item, _INSTANCE) for item in _items(x, sequence)]


def failed_instances(x: Exchange) -> list[str]:
    """SOP Instance UIDs of the Failed SOP Sequence in a store response, '' for an item without one."""
    return _uids(x, _FAILED)


def warned_instances(x: Exchange) -> list[str]:
    """SOP Instance UIDs that a store response gives a Warning Reason (0008,1196) for (PS3.18 Table I.1-1)."""
    return [dicom_json.text(item, _INSTANCE) for item in _items(x, _REFERENCED) if _REASON in item]


def _named(part: Part) -> Iterator[Named]:
    """The instances of a part of metadata (PS3.18 10.5.1.4)."""
    if part.media.type == _JSON:
        rows = list(dicom_json.read(part.content).datasets)
    else:
        rows = [native_xml.to_json(d) for d in native_xml.read(part.content).datasets]
    for row in rows:
        uids = [dicom_json.text(row, tag) for tag in (SOP_CLASS, SOP_INSTANCE, STUDY, SERIES)]
        if uids[1]:
            yield Named(*uids)


def _same(dataset: DataSet, data: Body, transfer: str) -> bool:
    """A data set and one as it was sent say the same; pixels are not looked at."""
    other, _ = part10.read_bare(data, transfer)
    return next(difference(dataset, other, pixels=False), None) is None
