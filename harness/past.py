"""Knows what earlier exchanges of a record showed to be stored: instances whose storing was acknowledged.

What was sent through both doors with different contents is not known: either may be what is held.

Must not know rules; it reads the same wire as they do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.association import Association
from harness.body import Body
from harness.exchange import ANSWERED, Exchange
from harness.turns import OVERTAKEN, effect
from harness.wire import dicom_json, part10
from harness.wire.difference import difference
from harness.wire.elements import DataSet

SOP_INSTANCE, SOP_CLASS, STUDY, SERIES = "00080018", "00080016", "0020000D", "0020000E"


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


@dataclass
class Past:
    """Instances by SOP Instance UID, in the order they were acknowledged; the last sending of one counts."""

    kept: dict[str, Kept] = field(default_factory=dict)
    _sent: dict[str, tuple[Body, str]] = field(default_factory=dict, repr=False)  # by C-STORE: data set, syntax

    def see(self, x: Exchange) -> None:
        """Take in a finished Store exchange; everything else leaves the past as it is.

        But others than us may change what is stored in ways that nobody here knows: then nothing is known any more.
        """
        if x.judged != ANSWERED and effect(x.ask) == "changes" and x.answer.status < 400:
            self.kept.clear()
        if x.kind != "web.store" or x.answer.status not in (200, 202) or x.facts.get(OVERTAKEN):
            return
        if x.answer.status == 202 and x.answer.json is None:
            return  # some may have failed, and this answer does not tell us which
        refused, changed = set(failed_instances(x)), set(warned_instances(x))
        for part in x.ask.parts:
            reading = part10.read(part.content)
            uid = reading.dataset.text(SOP_INSTANCE)
            if uid and uid not in refused and self._unrivalled(uid, reading.dataset):
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

    def below(self, study: str, series: str = "") -> Iterator[Kept]:
        """What was stored in this study, or in this series of it."""
        for held in self.kept.values():
            if held.study == study and (not series or held.series == series):
                yield held

    def __contains__(self, instance: object) -> bool:
        return instance in self.kept


def failed_instances(x: Exchange) -> list[str]:
    """SOP Instance UIDs of the Failed SOP Sequence in a store response."""
    if not x.answer.json:
        return []
    return [
        str(uid) for d in x.answer.json.datasets for uid in dicom_json.values(d, "00081198.00081155") if uid is not None
    ]


def warned_instances(x: Exchange) -> list[str]:
    """SOP Instance UIDs that a store response gives a Warning Reason (0008,1196) for (PS3.18 Table I.1-1)."""
    items = [
        item for d in (x.answer.json.datasets if x.answer.json else ()) for item in dicom_json.values(d, "00081199")
    ]
    return [dicom_json.text(i, "00081155") for i in items if isinstance(i, dict) and "00081196" in i]


def _same(dataset: DataSet, data: Body, transfer: str) -> bool:
    """A data set and one as it was sent say the same; pixels are not looked at."""
    other, _ = part10.read_bare(data, transfer)
    return next(difference(dataset, other, pixels=False), None) is None
