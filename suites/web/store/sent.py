"""Knows what a Store request carried: its framing, and for each part which instance it is, if it can be read.

Must not know what was answered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from harness.exchange import Ask, Exchange
from harness.past import SERIES, SOP_CLASS, SOP_INSTANCE, STUDY
from harness.wire import part10
from harness.wire.multipart import NOTES, Part
from harness.wire.uri import valid_uid

DICOM = "application/dicom"
METADATA = ("application/dicom+json", "application/dicom+xml", "application/json")
_BULK = ("application/octet-stream", "image/", "video/", "application/pdf")


@dataclass(frozen=True, slots=True)
class Sent:
    """One part of a Store request. UIDs are '' when they could not be read; `whole` is a PS3.10 file without flaws."""

    part: Part
    whole: bool
    instance: str
    sop_class: str
    study: str
    series: str
    transfer_syntax: str

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


def sent(x: Exchange) -> tuple[Sent, ...]:
    return parts(x.ask)


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
