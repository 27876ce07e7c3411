"""Knows how metadata and bulk data of one Store request become instances (PS3.18 10.5.1.4, 10.5.2; PS3.19 A.1.5).

Must not know how they are kept or told of. Nothing is ever fetched: bulk data is in the request or nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from pydicom.dataset import Dataset
from pydicom.uid import UID_dictionary  # type: ignore[attr-defined]

from simulators.archive.archive import Archive
from simulators.archive.held import (
    CANNOT_UNDERSTAND,
    COERCED,
    DISCARDED,
    DOES_NOT_MATCH,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    UNMATCHED,
    Stored,
)
from simulators.archive.incoming import Incoming
from simulators.archive.original import original_attributes
from simulators.model import build, json_decode, xml_decode
from simulators.model.build import Undecodable
from simulators.model.names import ENCAPSULATED, SYNTAXES
from simulators.web.negotiate import EXPLICIT_LE, JSON, XML
from simulators.web.store_bulk import Bulk, Refusal
from simulators.web.store_parts import PARTS, Arrived
from simulators.web.store_write import write

log = logging.getLogger("simulators.web")

METADATA = 32 << 20  # octets of one part with metadata
# Answers to searches have these (PS3.18 10.6.3.3); no instance has them, so they are left out when they come along.
QUERY_ONLY = (0x00080054, 0x00080056, 0x00080061, 0x00081190, 0x00083002, 0x00201206, 0x00201207, 0x00201208,
              0x00201209)  # fmt: skip
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData", "PixelDataProviderURL")
_IMAGES = frozenset(uid for uid, (name, *_) in UID_dictionary.items() if name.endswith("Image Storage"))
_CLASS, _INSTANCE, _STUDY, _SERIES = "00080016", "00080018", "0020000D", "0020000E"

Decode = Callable[[build.Bulk, bool], Dataset]
Said = Callable[[str], str]


class Separate:
    """The metadata and bulk data parts of one request; `base` is what relative references are resolved against."""

    def __init__(self, parts: Sequence[Arrived], base: str, receive: Callable[[], Incoming]) -> None:
        metadata = [p for p in parts if p.name in (JSON, XML)]
        self._bulk = Bulk([p for p in parts if p.name not in (JSON, XML)], base, receive)
        self._receive = receive
        self._metadata = metadata
        self._form = metadata[0].name if metadata else ""
        self._made: list[Incoming] = []
        self._slots: list[Incoming | Stored] = []
        self._notes: dict[int, Stored] = {}

    def store(self, archive: Archive, study: str | None) -> list[Stored]:
        """Make the instances and store them in one go; an outcome for each, in order, then failures without a name."""
        for part in self._metadata:
            self._take(part)
        made = [slot for slot in self._slots if isinstance(slot, Incoming)]
        kept = iter(archive.store(made, study))
        outcomes: list[Stored] = []
        for place, slot in enumerate(self._slots):
            outcome = slot if isinstance(slot, Stored) else next(kept)
            outcomes.append(_noted(outcome, self._notes.get(place)))
        if any(isinstance(slot, Stored) for slot in self._slots):
            return outcomes  # what belongs to metadata that could not be read is not known
        return outcomes + [Stored("failed", CANNOT_UNDERSTAND, detail) for detail in self._bulk.unused()]

    def discard(self) -> None:
        """Remove what was made on the way."""
        for made in self._made:
            made.discard()
        self._bulk.discard()

    def _take(self, part: Arrived) -> None:
        """The instances of one part with metadata, or the failure that it is as a whole."""
        try:
            for decode, said in self._read(part):
                self._slots.append(self._instance(part, decode, said))
        except (Undecodable, Refusal) as error:
            reason = error.reason if isinstance(error, Refusal) else CANNOT_UNDERSTAND
            self._slots.append(Stored("failed", reason, f"part {part.number}: {error}"))

    def _read(self, part: Arrived) -> Iterator[tuple[Decode, Said]]:
        if part.octets.size > METADATA:
            raise Refusal(OUT_OF_RESOURCES, f"metadata of more than {METADATA} octets")
        if part.name != self._form or (part.name == JSON and part is not self._metadata[0]):
            raise Refusal(CANNOT_UNDERSTAND, "metadata is one part of JSON, or parts of XML (PS3.18 10.5.1.4)")
        if part.name == XML:
            root = xml_decode.parse(part.read())
            yield partial(xml_decode.decode_root, root), partial(xml_decode.said, root)
            return
        members = json_decode.parse(part.read())
        if not isinstance(members, list):
            raise Refusal(CANNOT_UNDERSTAND, "metadata in JSON is an array of objects (PS3.18 10.5.1.4)")
        if len(members) > PARTS:
            raise Refusal(OUT_OF_RESOURCES, f"metadata of more than {PARTS} instances")
        for number, member in enumerate(members):
            yield partial(json_decode.decode_object, member, f"/{number}"), partial(json_decode.said, member)

    def _instance(self, part: Arrived, decode: Decode, said: Said) -> Incoming | Stored:
        """The PS3.10 file of one instance, or why there is none."""
        known = Stored("failed", 0, "", said(_CLASS), said(_INSTANCE), said(_STUDY), said(_SERIES))
        self._bulk.begin()
        try:
            dataset = decode(self._bulk.octets, part.syntax in ENCAPSULATED)
            self._warn(dataset, known)
            return self._written(dataset, part.syntax)
        except Undecodable as error:
            return replace(known, reason=CANNOT_UNDERSTAND, detail=str(error))
        except Refusal as refusal:
            return replace(known, reason=refusal.reason, detail=str(refusal))
        except OSError as error:
            log.exception("an instance could not be written")
            return replace(known, reason=OUT_OF_RESOURCES, detail=f"it could not be written down ({error.strerror})")
        except Exception as error:  # a writer may refuse values that the models allow; the server goes on
            log.warning("an instance could not be made of its metadata: %s", error)
            return replace(known, reason=PROCESSING_FAILURE, detail=f"it cannot be encoded: {error}"[:200])

    def _written(self, dataset: Dataset, told: str) -> Incoming:
        if dataset.get("SOPClassUID") in _IMAGES and not any(word in dataset for word in _PIXELS):
            raise Refusal(DOES_NOT_MATCH, "an image without Pixel Data, and without a reference to it")
        syntax = self._bulk.settle(dataset) or _inline_syntax(dataset, told)
        for tag, word in ((_CLASS, "SOPClassUID"), (_INSTANCE, "SOPInstanceUID")):
            if not isinstance(dataset.get(word), str) or not dataset.get(word):
                raise Refusal(DOES_NOT_MATCH, f"no {word} ({tag})")
        made = self._receive()
        self._made.append(made)
        write(dataset, syntax, made)
        return made

    def _warn(self, dataset: Dataset, known: Stored) -> None:
        """Leave out what belongs to answers only, and note what the instance is stored with all the same."""
        place = len(self._slots)
        found = [tag for tag in QUERY_ONLY if tag in dataset]
        if found:
            former = Dataset()
            for tag in found:
                former.add(dataset[tag])
                del dataset[tag]
            told = original_attributes(dataset, former, "CORRECT", datetime.now(UTC))
            detail = "left out, no attribute of an instance: " + ", ".join(f"{tag:08X}" for tag in found)
            self._notes[place] = replace(known, warning=DISCARDED, detail=detail, original=told)
        elif not dataset.get("Modality"):
            self._notes[place] = replace(known, warning=UNMATCHED, detail="no Modality, which is Type 1")


def _noted(outcome: Stored, note: Stored | None) -> Stored:
    """The outcome with what was noted before it was stored; a warning of the archive itself is the weightier one."""
    if note is None or outcome.status == "failed" or outcome.warning == COERCED:
        return outcome
    return replace(outcome, warning=note.warning, detail=note.detail, original=note.original)


def _inline_syntax(dataset: Dataset, told: str) -> str:
    """The transfer syntax when no pixel data came as bulk data: the parameter tells how base64 is coded (8.7.3.5.2)."""
    if told and told not in SYNTAXES:
        raise Refusal.of_syntax(told)
    return told if told in ENCAPSULATED and "PixelData" in dataset else EXPLICIT_LE
