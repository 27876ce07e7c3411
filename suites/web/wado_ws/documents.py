"""Rules on the PS3.10 files of RetrieveImagingDocumentSet: which instance, in which transfer syntax, as it was stored.

Must not know how a message carries them (PS3.18 2017b 6.4.1.2; RAD-69).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange, view
from harness.past import SERIES, SOP_INSTANCE, STUDY
from harness.rule import RELATION, Finding, ground, rule, untested
from harness.wire import part10, soap
from suites.web.retrieve import permitted
from suites.web.retrieve.bend import other_uid
from suites.web.retrieve.reading import past_of, stored
from suites.web.wado_ws.bend import answer, filed, said
from suites.web.wado_ws.reading import KIND, Returned, Wanted, asked, pairs

DICOM = "application/dicom"
PIXELS = ("7FE00010", "7FE00008", "7FE00009")
JPIP = ("1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95")
_CHARACTER_SET = "00080005"
_MOST = 10

File = tuple[Wanted, Returned, part10.Reading]


@view
def files(x: Exchange) -> list[File]:
    """The documents that came as application/dicom, each with what was asked for and how it reads."""
    return [
        (wanted, returned, part10.read(returned.binary.content))
        for wanted, returned in pairs(x, "documents")
        if returned.binary is not None and returned.type in (DICOM, "")
    ]


def _whole(wanted: Wanted) -> bool:
    """Asked for as it is held: not anonymized, not one frame of it."""
    return "Anonymize" not in wanted.texts and "FrameNumber" not in wanted.texts


@rule(
    "wado-ws.file-is-part10",
    cites="PS3.18 2017b-6.4; 6.4.1.2.1",
    verifies=("PS3.18-2017b-6.4.1.2.1-2", "XDSI-IDS-04"),
    on=KIND,
    when=lambda x: any(returned.binary for _, returned in pairs(x, "documents")),
    says="A document is one PS3.10 file, and its mimeType is application/dicom, as is the type of its part.",
)
def file_is_part10(x: Exchange) -> Iterator[Finding]:
    for _, returned in pairs(x, "documents"):
        if returned.binary is None:
            continue
        where = f"document {returned.name}"
        dicom = returned.binary.content.read(128, 4) == b"DICM"
        if dicom != (returned.type == DICOM):
            yield Finding(f"{returned.type or 'none'} with {'a' if dicom else 'no'} PS3.10 file", DICOM, where)
        part = returned.binary.part
        if part is not None and part.media.type not in (returned.type, "application/octet-stream"):
            yield Finding(part.media.raw[:80] or "none", returned.type, f"{where}: Content-Type of its part")


@file_is_part10.mutant
def calls_it_a_picture(x: Exchange) -> Answer | None:
    """mimeType is image/jpeg for a PS3.10 file."""
    return said(x, "mimeType", "image/jpeg") if files(x) else None


@file_is_part10.mutant
def sends_the_data_set_only(x: Exchange) -> Answer | None:
    """The preamble and the prefix are left out."""
    part = next((p for p in x.answer.parts if p.media.type == DICOM), None)
    if part is None or not files(x):
        return None
    octets = part.content.bytes()
    return x.answer.but(body=x.answer.body.bytes().replace(octets, octets[:128] + bytes(4) + octets[132:]))


@rule(
    "wado-ws.document-belongs",
    cites="PS3.18 2017b-6.4.1.1; 6.4.1.2",
    verifies=("PS3.18-2017b-6.4.1.2-1", "PS3.18-2017b-6.4.1.2.1-2"),
    on=KIND,
    when=lambda x: any(reading.dataset.elements and _whole(wanted) for wanted, _, reading in files(x)),
    says="A document is the instance that was asked for, of the study and series that were named.",
)
def document_belongs(x: Exchange) -> Iterator[Finding]:
    for wanted, returned, reading in files(x):
        uids = ((STUDY, wanted.study), (SERIES, wanted.series), (SOP_INSTANCE, wanted.name))
        for tag, uid in uids if _whole(wanted) and reading.dataset.elements else ():
            got = reading.dataset.text(tag)
            if got != uid:
                yield Finding(got or "none", uid, f"document {returned.name} ({tag[:4]},{tag[4:]})")


@document_belongs.mutant
def another_instance(x: Exchange) -> Answer | None:
    """Another instance is sent under the name of the one that was asked for."""
    return filed(x, lambda ds: setattr(ds, "SOPInstanceUID", other_uid(str(ds.SOPInstanceUID))))


@document_belongs.mutant
def another_series(x: Exchange) -> Answer | None:
    """The file is of another series."""
    return filed(x, lambda ds: setattr(ds, "SeriesInstanceUID", other_uid(str(ds.SeriesInstanceUID))))


@document_belongs.mutant
def documents_are_swapped(x: Exchange) -> Answer | None:
    """Of two documents each refers to the part of the other."""

    def edit(root: Any) -> bool:
        found = list(root.iter(soap.INCLUDE))[:2]
        if len(found) < 2:
            return False
        one, other = (e.get("href") for e in found)
        found[0].set("href", other)
        found[1].set("href", one)
        return True

    return answer(x, edit)


@rule(
    "wado-ws.listed-transfer-syntax",
    cites="PS3.18 2017b-6.4.1.2",
    verifies=("PS3.18-2017b-6.4.1.2-2", "XDSI-IDS-05"),
    on=KIND,
    when=lambda x: bool((q := asked(x)) and q.syntaxes) and any(_pixels(reading) for _, _, reading in files(x)),
    says="Pixel data are in one of the transfer syntaxes that the request lists.",
)
def listed_transfer_syntax(x: Exchange) -> Iterator[Finding]:
    question = asked(x)
    listed = question.syntaxes if question and question.syntaxes else ()
    for _, returned, reading in files(x):
        if _pixels(reading) and reading.transfer_syntax not in listed:
            yield Finding(reading.transfer_syntax or "none", " or ".join(listed)[:300], f"document {returned.name}")


def _pixels(reading: part10.Reading) -> bool:
    return any(tag in reading.dataset.elements for tag in PIXELS)


@listed_transfer_syntax.mutant
def sends_what_it_has(x: Exchange) -> Answer | None:
    """The file says that it is in a transfer syntax that nobody listed."""

    def edit(ds: Any) -> bool:
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
        return "PixelData" in ds and not ds["PixelData"].is_undefined_length

    return filed(x, edit)


@rule(
    "wado-ws.document-is-what-was-stored",
    cites="PS3.18 2017b-6.4.1.2; IHE RAD TF-2 4.69",
    verifies=("PS3.18-2017b-6.4.1.2-1", "XDSI-IDS-04"),
    on=KIND,
    basis=RELATION,
    when=lambda x: any(True for _ in _stored(x)),
    says="A document is the data set that was stored, but for declared coercion and the coding of its pixels.",
)
def document_is_what_was_stored(x: Exchange) -> Iterator[Finding]:
    for returned, reading in _stored(x):
        kept = past_of(x).get(returned.name)
        if kept is None:
            continue
        ours = stored(kept).dataset
        skip = permitted.coerced(reading.dataset) - permitted.coerced(ours)
        skip |= permitted.pixel_description(kept, reading.dataset.text(permitted.PHOTOMETRIC), reading.transfer_syntax)
        if permitted.recoded(kept, reading.transfer_syntax):
            skip |= {*PIXELS}
        if reading.dataset.get(_CHARACTER_SET) is not None:
            skip |= {_CHARACTER_SET}
        found = (d for d in part10.difference(reading.dataset, ours) if d.path[:8] not in skip)
        for _, d in zip(range(_MOST), found, strict=False):
            added = d.want == "absent" and d.path in permitted.ABOUT_THE_ARCHIVE
            yield Finding(d.got, d.want, f"document {returned.name} {d.path}", warn=added)


def _stored(x: Exchange) -> Iterator[tuple[Returned, part10.Reading]]:
    for wanted, returned, reading in files(x):
        known = past_of(x).get(returned.name)
        if known and _whole(wanted) and reading.dataset.elements and reading.transfer_syntax not in JPIP:
            yield returned, reading


@document_is_what_was_stored.mutant
def name_is_lost(x: Exchange) -> Answer | None:
    """The Patient's Name is emptied."""
    return filed(x, lambda ds: setattr(ds, "PatientName", "") if ds.get("PatientName") else False)


@document_is_what_was_stored.mutant
def pixels_are_smoothed(x: Exchange) -> Answer | None:
    """The lowest bit of native pixels is dropped."""

    def edit(ds: Any) -> bool:
        if "PixelData" not in ds or ds["PixelData"].is_undefined_length:
            return False
        ds.PixelData = bytes(octet & 0xFE for octet in ds.PixelData)
        return True

    return filed(x, edit)


@rule(
    "wado-ws.anonymized",
    cites="PS3.18 2017b-6.4.1.1; 6.4.4; PS3.15 E.1",
    verifies="PS3.18-2017b-6.4.4-1",
    on=KIND,
    due=False,
    when=lambda x: any(True for _ in _anonymous(x)),
    says="A document that is asked for anonymized has another identity than the one that is held.",
)
def anonymized(x: Exchange) -> Iterator[Finding]:
    for wanted, returned, reading in _anonymous(x):
        if reading.dataset.text(SOP_INSTANCE) == wanted.name:
            yield Finding(wanted.name, "another SOP Instance UID", f"document {returned.name} (0008,0018)")
        kept = past_of(x).get(wanted.name)
        for tag in ("00100010", "00100020") if kept else ():
            told = stored(kept).dataset.text(tag) if kept else ""
            if told and reading.dataset.text(tag) == told:
                yield Finding(told, "nothing that identifies", f"document {returned.name} ({tag[:4]},{tag[4:]})")


def _anonymous(x: Exchange) -> Iterator[File]:
    return (f for f in files(x) if f[0].texts.get("Anonymize") == "yes" and f[2].dataset.elements)


@anonymized.mutant
def anonymize_is_ignored(x: Exchange) -> Answer | None:
    """The file keeps the identity of the instance."""
    question = asked(x)
    wanted = question.documents[0] if question and question.documents else None
    if wanted is None or wanted.texts.get("Anonymize") != "yes":
        return None
    return filed(x, lambda ds: setattr(ds, "SOPInstanceUID", wanted.name))


ground("wado-ws", document_belongs)
untested("PS3.18-2017b-6.4.1.2.2-1", "JPIP needs a pixel data provider, which nothing here can ask")
