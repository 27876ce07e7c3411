"""Knows what a Store request carried: its framing, and which instances it holds, whole or apart, if they can be read.

Must not know what was answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from harness.exchange import Ask, Exchange
from harness.past import SERIES, SOP_CLASS, SOP_INSTANCE, STUDY
from harness.wire import dicom_json, native_xml, part10
from harness.wire.multipart import NOTES, Part
from harness.wire.uri import valid_uid

DICOM = "application/dicom"
APART = ("application/dicom+json", "application/dicom+xml")
METADATA = ("application/dicom+json", "application/dicom+xml", "application/json")
OCTETS = "application/octet-stream"
_BULK = (OCTETS, "image/", "video/", "application/pdf")


@dataclass(frozen=True, slots=True)
class Sent:
    """One instance of a Store request. UIDs are '' when they could not be read; `whole` is a PS3.10 file without flaws,
    or a data set apart.

    `attributes`: the metadata of an instance that was sent apart, in the DICOM JSON Model; `part` holds it then.
    """

    part: Part
    whole: bool
    instance: str
    sop_class: str
    study: str
    series: str
    transfer_syntax: str
    attributes: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def identified(self) -> bool:
        """Nothing stands in the way of telling which instance this is."""
        uids = (self.instance, self.sop_class, self.study, self.series)
        return self.whole and all(valid_uid(uid) for uid in uids)


@lru_cache(maxsize=8)
def parts(ask: Ask) -> tuple[Sent, ...]:
    """The parts of a request, () when it is no multipart or its body was not kept whole."""
    if ask.body.truncated:
        return ()
    return tuple(_sent(part) for part in ask.parts)


def _sent(part: Part) -> Sent:
    reading = part10.read(part.content)
    of = reading.dataset.text
    # File Meta Information names the instance as well; where the two differ nobody can say which one was sent
    meta = reading.meta.text("00020003")
    sound = not set(reading.flaws.counts) - part10.NOTES
    whole = sound and bool(reading.transfer_syntax) and meta in ("", of(SOP_INSTANCE))
    return Sent(part, whole, of(SOP_INSTANCE), of(SOP_CLASS), of(STUDY), of(SERIES), reading.transfer_syntax)


def apart(ask: Ask) -> bool:
    """The message says that it carries metadata and bulk data (PS3.18 10.5.1.4)."""
    return ask.type == "multipart/related" and ask.media.root in APART


@lru_cache(maxsize=8)
def metadata(ask: Ask) -> tuple[Sent, ...]:
    """The instances of a message of metadata and bulk data, in order."""
    if ask.body.truncated or not apart(ask):
        return ()
    found: list[Sent] = []
    for part in ask.parts:
        if part.media.type == APART[0]:
            found += [_apart(part, dict(dataset)) for dataset in dicom_json.read(part.content).datasets]
        elif part.media.type == APART[1]:
            found += [_apart(part, native_xml.to_json(d)) for d in native_xml.read(part.content).datasets]
    return tuple(found)


def _apart(part: Part, dataset: dict[str, Any]) -> Sent:
    instance, sop_class, study, series = (
        dicom_json.text(dataset, tag) for tag in (SOP_INSTANCE, SOP_CLASS, STUDY, SERIES)
    )
    return Sent(part, True, instance, sop_class, study, series, "", dataset)


def sent(x: Exchange) -> tuple[Sent, ...]:
    return metadata(x.ask) if apart(x.ask) else parts(x.ask)


def tellable(ask: Ask) -> bool:
    """The message carries instances, whole or apart, and nothing else."""
    return instances_only(ask) or apart(ask)


def framed(ask: Ask) -> bool:
    """The body is a multipart message that every reader understands (preamble and the like left aside)."""
    reading = ask.multipart
    if reading is None or ask.media.flaws.of("media.duplicate-parameter", "media.type", "media.quoted-string"):
        return False
    return bool(reading.parts) and reading.closed and not set(reading.flaws.counts) - NOTES


def instances_only(ask: Ask) -> bool:
    """The message says that it carries PS3.10 instances, in its type parameter and in its parts."""
    kind = ask.media.root
    return kind == DICOM and all(p.media.type in (DICOM, "") for p in ask.parts)


def clean(x: Exchange) -> bool:
    """A well-formed request in which each part is an instance that can be told, none of them twice."""
    found = sent(x)
    if not found or not framed(x.ask) or not instances_only(x.ask):
        return False
    uids = Counter(s.instance for s in found)
    return all(s.identified for s in found) and max(uids.values()) == 1


def misplaced(x: Exchange) -> list[Sent]:
    """Instances of another study than the one that the target names (PS3.18 10.5.1.1.1)."""
    study = x.resource.study
    return [s for s in sent(x) if study and s.identified and s.study != study]


def fitting(x: Exchange) -> bool:
    """A clean request whose instances all belong where the target says."""
    return clean(x) and not misplaced(x)


def known_type(ask: Ask) -> bool:
    """The Content-Type is one that Table 10.5.4-1 of PS3.18 allows for a request."""
    if ask.type != "multipart/related":
        return False
    kind = ask.media.root
    return kind in (DICOM, *METADATA) or kind.startswith(_BULK)
