"""Rules on sameness across the doors: what went in by one comes out by the other as it was, in every form.

What went in is known; what comes out is held against it by the clause that binds the door. That two answers about one
instance agree is asked by no sentence, so where only they are compared it is worth a look and no more.
Must not know how it was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydicom.dataset import Dataset

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import BOTH, DOOR, MESSAGE, SHOULD, Door, Finding, journey
from harness.upper_layer.message import Message as Sent
from harness.wire import part10
from suites.dimse import bend
from suites.dimse.storage.rules import COERCED
from suites.doors.sameness import added, differences, hollow, lost, metadata_differences, told_of
from suites.doors.story import STORED, Copy, Stored, native, retrieved, sent, stored
from suites.web.retrieve import asked_frames
from suites.web.retrieve.bend import files_changed, metadata_changed, octets_changed
from suites.web.retrieve.reading import OCTETS, pieces
from suites.web.retrieve.shown_frames import brief, same_octets
from suites.web.store import alter

KEEP = 5
FRAMES = "web.retrieve.frames"


def _pairs(ones: Iterable[Stored], copies: Iterable[Copy]) -> Iterator[tuple[Stored, Copy]]:
    by_uid = {one.instance: one for one in ones}
    yield from ((by_uid[c.instance], c) for c in copies if c.instance in by_uid)


def _changed(one: Stored, copy: Copy) -> Iterator[Finding]:
    """What a copy says otherwise than what was stored; what is not due, or may have its reasons, is a warning."""
    told = [d for d in differences(copy.dataset, copy.transfer, one.dataset, one.transfer) if not hollow(d)]
    for d in told[:KEEP]:
        coerced = d.path.partition(".")[0] in COERCED
        warn = (lost(d) and not one.whole) or (added(d) and not coerced) or not (one.silent or one.whole)
        yield Finding(d.got, f"{d.want}, {one.whence}", f"{copy.where}, {d.path} of {one.instance}", copy.seq, warn)


@journey(
    "across.web-stored-is-unchanged",
    cites="PS3.18 10.5.2; PS3.4 C.4.3.3.1, C.4.2.3.1",
    verifies=("PS3.18-10.5.2-3", "SV-MOV-006"),
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: any(True for _ in _pairs(stored(j)["web"], sent(j))),
    says="What STOW-RS stored comes with C-GET and C-MOVE as it was, but for coercion that (0400,0561) declares.",
)
def web_stored_is_unchanged(j: Journey) -> Iterator[Finding]:
    for one, copy in _pairs(stored(j)["web"], sent(j)):
        yield from _changed(one, copy)


def _rewritten(message: Sent, change: Any) -> Sent | None:
    return bend.rewritten(message, change) if bend.is_request(message, "store") else None


def _renamed(found: Dataset) -> bool:
    found.PatientName = "SOMEBODY^ELSE"
    return True


@web_stored_is_unchanged.mutant(at=MESSAGE)
def sends_another_name(message: Sent, asked: Sent | None) -> Sent | None:
    """What is sent has another patient's name."""
    return _rewritten(message, _renamed)


@web_stored_is_unchanged.mutant(at=MESSAGE)
def sends_without_private(message: Sent, asked: Sent | None) -> Sent | None:
    """What is sent has no private attributes."""

    def bare(found: Dataset) -> bool:
        return bend.dropped(found, *(e.tag for e in found if e.tag.is_private))

    return _rewritten(message, bare)


@web_stored_is_unchanged.mutant(at=MESSAGE)
def sends_another_pixel(message: Sent, asked: Sent | None) -> Sent | None:
    """The last octet but two of what is sent is another one."""
    octets = bend.octets_of(message)
    if not bend.is_request(message, "store") or len(octets) < 200:
        return None
    at = len(octets) - 3
    return message.carrying(octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :])


@web_stored_is_unchanged.mutant(at=DOOR)
def the_web_writes_a_name_anew(ask: Ask, door: Door) -> Answer:
    """STOW-RS changes Patient's Name while it stores, and nothing tells of it."""
    if ask.resource.kind != "web.store":
        return door(ask)
    return door(alter.with_body(ask, ask.body.bytes().replace(b"DICOMPROOF^", b"DICOMPROUF^")))


@journey(
    "across.dimse-stored-is-unchanged",
    cites="PS3.4 B.4.1.3, B.4.1.1; PS3.18 10.4.1.1.1",
    verifies=("SV-STO-003", "SV-STO-005"),
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: any(True for _ in _pairs(stored(j)["dimse"], retrieved(j))),
    says="What C-STORE stored without a warning comes with WADO-RS as PS3.10 with the values that were sent.",
)
def dimse_stored_is_unchanged(j: Journey) -> Iterator[Finding]:
    for one, copy in _pairs(stored(j)["dimse"], retrieved(j)):
        yield from _changed(one, copy)


@dimse_stored_is_unchanged.mutant
def files_have_another_name(x: Exchange) -> Answer | None:
    """The files of WADO-RS have another patient's name."""
    return files_changed(x, _renamed)


@dimse_stored_is_unchanged.mutant
def files_have_another_patient_id(x: Exchange) -> Answer | None:
    """The files of WADO-RS have a Patient ID of the archive's own."""
    return files_changed(x, lambda found: setattr(found, "PatientID", f"X{found.get('PatientID') or ''!s}"[:64]))


@dimse_stored_is_unchanged.mutant
def files_lose_what_is_in_items(x: Exchange) -> Answer | None:
    """The files of WADO-RS have no sequences."""
    return files_changed(x, lambda found: bend.dropped(found, *(e.tag for e in found if e.VR == "SQ")))


@journey(
    "across.dimse-stored-in-metadata",
    cites="PS3.18 10.4.1.1.2, 10.4.3.3.2, F.2, F.3; PS3.4 B.4.1.3, B.4.1.1",
    verifies=("PS3.18-10.4.3.3.2-1", "SV-STO-003"),
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: any(True for _ in _metadata(j, stored(j)["dimse"])),
    says="Metadata, as DICOM JSON and as Native XML, has the attributes and values of what C-STORE stored.",
)
def dimse_stored_in_metadata(j: Journey) -> Iterator[Finding]:
    for one, where, seq, row in _metadata(j, stored(j)["dimse"]):
        for d in list(metadata_differences(row, one.dataset, one.transfer))[:KEEP]:
            warn = (d.kind == "missing" and not one.whole) or d.kind == "extra" or not one.silent
            place = f"{where} {d.path} of {one.instance}"
            yield Finding(d.got, f"{d.want}, {one.whence}", place, seq, warn)


def _metadata(j: Journey, ones: Iterable[Any]) -> Iterator[tuple[Any, str, int, Any]]:
    """Each of these instances beside what metadata tells of it: where, in which exchange."""
    for one in ones:
        for x in j.steps("metadata"):
            if x.resource.instance == one.instance and x.answer.ok:
                form = "JSON" if x.answer.json is not None else "XML"
                yield from ((one, f"{form} {where}", x.seq, row) for where, row in told_of(x, one.instance))


def _without(vr: str) -> Any:
    """An edit of metadata that takes out what has this VR."""

    def edit(rows: list[dict[str, Any]]) -> bool:
        there = [(row, tag) for row in rows for tag in row if row[tag]["vr"] == vr]
        for row, tag in there:
            del row[tag]
        return bool(there)

    return edit


def _renumbered(rows: list[dict[str, Any]]) -> bool:
    """An edit of metadata that makes another number of Instance Number."""
    for row in rows:
        row["00200013"] = {"vr": "IS", "Value": [4711]}
    return True


@dimse_stored_in_metadata.mutant
def metadata_has_no_names(x: Exchange) -> Answer | None:
    """Metadata has no attributes of VR PN."""
    return metadata_changed(x, _without("PN"))


@dimse_stored_in_metadata.mutant
def metadata_counts_otherwise(x: Exchange) -> Answer | None:
    """Instance Number of metadata is another one."""
    return metadata_changed(x, _renumbered)


@dimse_stored_in_metadata.mutant
def xml_has_another_name(x: Exchange) -> Answer | None:
    """A family name is spelled otherwise in XML."""
    xml = x.kind == "web.retrieve.metadata" and any(p.media.type == "application/dicom+xml" for p in x.answer.parts)
    return octets_changed(x, lambda octets: octets.replace(b"<FamilyName>", b"<FamilyName>X")) if xml else None


@journey(
    "across.dimse-stored-in-frames",
    cites="PS3.18 10.4.1.1.6, 8.7.3.3.1; PS3.4 B.4.1.1; PS3.5 8.1.1",
    verifies=("PS3.18-10.4.1.1.6-1", "SV-STO-003"),
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: any(True for _ in _frames(j)),
    says="The first frame that WADO-RS hands out has the octets of the first frame of the pixels that C-STORE stored.",
)
def dimse_stored_in_frames(j: Journey) -> Iterator[Finding]:
    for one, x, octets, want in _frames(j):
        if not same_octets(octets, want):
            yield Finding(brief(octets), f"{brief(want)}, {one.whence}", x.resource.path, x.seq, not one.silent)


def _frames(j: Journey) -> Iterator[tuple[Stored, Exchange, bytes, bytes]]:
    """Native pixels that were stored, and the uncompressed frame that came of them."""
    native_ones = {one.instance: one for one in stored(j)["dimse"] if native(one.transfer)}
    for x in j.steps("frames"):
        one, found = native_ones.get(x.resource.instance), pieces(x.answer)
        if one is not None and x.answer.ok and len(found) == 1 and found[0].type == OCTETS:
            want = asked_frames.native(part10.Reading(dataset=one.dataset), 1)
            if want is not None and found[0].content.size <= 2 * asked_frames.LARGEST:
                yield one, x, found[0].content.bytes(), want


@dimse_stored_in_frames.mutant
def frames_are_turned(x: Exchange) -> Answer | None:
    """The octets of a frame come in turned order."""
    return octets_changed(x, lambda octets: octets[::-1]) if x.kind == FRAMES else None


# --- two answers about one instance ------------------------------------------------------------------------------


@journey(
    "across.metadata-agrees-with-get",
    cites="PS3.18 10.4.3.3.2; PS3.4 C.4.3.3.1, C.4.2.3.1",
    verifies=("PS3.18-10.4.3.3.2-1",),
    level=SHOULD,  # each of the two is bound to the stored instance, neither to the other
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: any(True for _ in _metadata(j, sent(j))),
    says="Metadata, as JSON and as XML, says the same of an instance as the data set that C-GET and C-MOVE send.",
)
def metadata_agrees_with_get(j: Journey) -> Iterator[Finding]:
    for copy, where, seq, row in _metadata(j, sent(j)):
        for d in list(metadata_differences(row, copy.dataset, copy.transfer))[:KEEP]:
            want = f"{d.want}, as in {copy.where} of association {copy.seq}"
            yield Finding(d.got, want, f"{where} {d.path} of {copy.instance}", seq)


@metadata_agrees_with_get.mutant(at=MESSAGE)
def sends_another_number(message: Sent, asked: Sent | None) -> Sent | None:
    """Instance Number of what is sent is another one."""
    return _rewritten(message, lambda found: setattr(found, "InstanceNumber", "4711"))


@metadata_agrees_with_get.mutant
def metadata_has_no_dates(x: Exchange) -> Answer | None:
    """Metadata has no attributes of VR DA."""
    return metadata_changed(x, _without("DA"))


@journey(
    "across.files-agree-with-get",
    cites="PS3.18 10.4.1.1.1; PS3.4 C.4.3.3.1, C.4.2.3.1",
    verifies=("PS3.18-10.4.1.1.1-1",),
    level=SHOULD,  # as above
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: any(True for _ in _copies(j)),
    says="The PS3.10 file of WADO-RS and the data set that C-GET and C-MOVE send are one data set.",
)
def files_agree_with_get(j: Journey) -> Iterator[Finding]:
    for ours, theirs in _copies(j):
        for d in differences(ours.dataset, ours.transfer, theirs.dataset, theirs.transfer)[:KEEP]:
            want = f"{d.want}, as in {theirs.where} of association {theirs.seq}"
            yield Finding(d.got, want, f"{ours.where}, {d.path} of {ours.instance}", ours.seq)


def _copies(j: Journey) -> Iterator[tuple[Copy, Copy]]:
    by_uid: dict[str, list[Copy]] = {}
    for copy in sent(j):
        by_uid.setdefault(copy.instance, []).append(copy)
    yield from ((ours, theirs) for ours in retrieved(j) for theirs in by_uid.get(ours.instance, ()))


@files_agree_with_get.mutant
def files_have_another_number(x: Exchange) -> Answer | None:
    """Instance Number of the files of WADO-RS is another one."""
    return files_changed(x, lambda found: setattr(found, "InstanceNumber", "4711"))


@files_agree_with_get.mutant(at=MESSAGE)
def sends_another_date(message: Sent, asked: Sent | None) -> Sent | None:
    """Study Date of what is sent is another one."""
    return _rewritten(message, lambda found: setattr(found, "StudyDate", "19010101"))
