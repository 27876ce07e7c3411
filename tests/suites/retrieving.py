"""Hand-made Retrieve exchanges: a small study worked out by hand, and the answers that a right server gives."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

import suites.model.instance
import suites.model.json.dictionary
import suites.model.json.structure
import suites.model.json.values
import suites.model.xml.structure
import suites.model.xml.values
import suites.web.retrieve.bulk_parts
import suites.web.retrieve.bulkdata
import suites.web.retrieve.coded
import suites.web.retrieve.forms
import suites.web.retrieve.frames
import suites.web.retrieve.instances
import suites.web.retrieve.metadata
import suites.web.retrieve.status
import suites.web.retrieve.syntax  # noqa: F401 (each declares its rules when imported)
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.past import Kept, Past
from harness.rule import CATALOGUE, Finding

BASE = "http://pacs.example:8042/dicomweb"
JSON = "application/dicom+json"
DICOM = 'multipart/related; type="application/dicom"'
XML = 'multipart/related; type="application/dicom+xml"'
OCTETS = 'multipart/related; type="application/octet-stream"'
EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
STUDY, SERIES, SOP_CLASS = "1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.7"
PIXELS = bytes(range(48))  # four rows of six pixels of sixteen bits


def uid(number: int) -> str:
    return f"{SERIES}.{number}"


def dataset(number: int = 1, **more: Any) -> Dataset:
    """A small image with a value of most kinds; `more` by keyword, None leaves an attribute out."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "", "AXIAL"]
    ds.SOPClassUID, ds.SOPInstanceUID = SOP_CLASS, uid(number)
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20240131", "235959.5", ""
    ds.Modality, ds.PatientName, ds.PatientID = "OT", "M\u00e4rta^A=\u00e5", "P 1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.InstanceNumber = STUDY, SERIES, number
    ds.PixelSpacing = ["0.5", "1.25"]
    ds.ReferencedImageSequence = Items([_item(uid(9)), Dataset()])
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 4, 6, 16, 16, 15, 0
    block = ds.private_block(0x0099, "TEST", create=True)
    block.add_new(0x01, "OB", b"\x01\x02\x03\x04")
    block.add_new(0x02, "FD", 0.1)
    ds.PixelData = PIXELS
    ds["PixelData"].VR = "OW"
    for keyword, value in more.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def _item(instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = instance
    return item


def part10(ds: Dataset, syntax: str = EXPLICIT) -> bytes:
    ds = copy.deepcopy(ds)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.ImplementationClassUID = UID("1.2.9")
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def metadata(number: int = 1) -> dict[str, Any]:
    """The metadata of `dataset(number)`, written by hand from PS3.18 Annex F."""
    return {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
        "00080016": {"vr": "UI", "Value": [SOP_CLASS]},
        "00080018": {"vr": "UI", "Value": [uid(number)]},
        "00080020": {"vr": "DA", "Value": ["20240131"]},
        "00080030": {"vr": "TM", "Value": ["235959.5"]},
        "00080050": {"vr": "SH"},
        "00080060": {"vr": "CS", "Value": ["OT"]},
        "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [uid(9)]}}, {}]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "M\u00e4rta^A", "Ideographic": "\u00e5"}]},
        "00100020": {"vr": "LO", "Value": ["P 1"]},
        "0020000D": {"vr": "UI", "Value": [STUDY]},
        "0020000E": {"vr": "UI", "Value": [SERIES]},
        "00200013": {"vr": "IS", "Value": [number]},
        "00280002": {"vr": "US", "Value": [1]},
        "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "00280010": {"vr": "US", "Value": [4]},
        "00280011": {"vr": "US", "Value": [6]},
        "00280030": {"vr": "DS", "Value": [0.5, 1.25]},
        "00280100": {"vr": "US", "Value": [16]},
        "00280101": {"vr": "US", "Value": [16]},
        "00280102": {"vr": "US", "Value": [15]},
        "00280103": {"vr": "US", "Value": [0]},
        "00990010": {"vr": "LO", "Value": ["TEST"]},
        "00991001": {"vr": "OB", "InlineBinary": "AQIDBA=="},
        "00991002": {"vr": "FD", "Value": [0.1]},
        "7FE00010": {"vr": "OW", "BulkDataURI": f"{BASE}/{path(number)}/bulkdata/7FE00010"},
    }


def path(number: int = 1) -> str:
    return f"studies/{STUDY}/series/{SERIES}/instances/{uid(number)}"


def kept(ds: Dataset, syntax: str = EXPLICIT) -> Kept:
    return Kept(str(ds.SOPClassUID), str(ds.SOPInstanceUID), str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID),
                syntax, Body.of(part10(ds, syntax)), 1)  # fmt: skip


def past(*found: Kept) -> Past:
    return Past({k.instance: k for k in found})


@cache
def two() -> Past:
    """Two images of one series, both stored."""
    return past(kept(dataset(1)), kept(dataset(2)))


def ask(target: str, accept: str = DICOM, method: str = "GET", **headers: str) -> Ask:
    fields = [
        ("Host", "pacs.example:8042"),
        ("Accept", accept),
        *((n.replace("_", "-"), v) for n, v in headers.items()),
    ]
    return Ask(method, f"/dicomweb/{target}", BASE, Headers.of(fields))


def answer(status: int = 200, body: bytes = b"", type: str = "") -> Answer:
    fields = [("Content-Type", type)] if type else []
    return Answer(status, "", Headers.of([*fields, ("Content-Length", str(len(body)))]), Body.of(body))


def multipart(parts: Iterable[tuple[str, str, bytes]], root: str, status: int = 200) -> Answer:
    """Parts of (Content-Type, Content-Location or '', octets)."""
    body = b""
    for type_, location, octets in parts:
        head = f"--b\r\nContent-Type: {type_}\r\nContent-Length: {len(octets)}\r\n"
        head += f"Content-Location: {location}\r\n" if location else ""
        body += head.encode() + b"\r\n" + octets + b"\r\n"
    return answer(status, body + b"--b--", f'multipart/related; type="{root}"; boundary=b')


def files(*octets: bytes, syntax: str = EXPLICIT, numbers: Sequence[int] = ()) -> Answer:
    """A multipart answer of PS3.10 files, with places when numbers are given."""
    type_ = f"application/dicom; transfer-syntax={syntax}" if syntax else "application/dicom"
    places = [f"{BASE}/{path(n)}" for n in numbers] or [""] * len(octets)
    return multipart(zip([type_] * len(octets), places, octets, strict=True), "application/dicom")


def rows(*found: dict[str, Any], status: int = 200) -> Answer:
    return answer(status, json.dumps(found, ensure_ascii=False).encode(), JSON)


def octets(*found: bytes, type_: str = "application/octet-stream", places: Sequence[str] = ()) -> Answer:
    names = list(places) or [""] * len(found)
    return multipart(zip([type_] * len(found), names, found, strict=True), type_.split(";")[0])


def exchange(target: str, said: Answer, accept: str = DICOM, held: Past | None = None, **about: Any) -> Exchange:
    context = about.pop("context", Context(past=held if held is not None else two()))
    asked = about.pop("asked", None) or ask(target, accept)
    return Exchange(about.pop("seq", 1), asked, said, context=context, **about)


def journey(kind: str, *found: Exchange) -> Journey:
    return Journey(kind, f"{kind}#1", tuple(x.but(seq=n) for n, x in enumerate(found, 1)))


def findings(rule: str, subject: Exchange | Journey) -> list[Finding] | None:
    """What the rule says of it; None when it does not exercise the rule."""
    found = CATALOGUE.rules[rule]
    kind = subject.kind
    assert found.applies_to(kind), f"{rule} does not look at {kind}"
    return list(found(subject)) if found.when(subject) else None


def hard(found: list[Finding] | None) -> bool:
    """Something is found that fails."""
    return any(not f.warn for f in found or ())


def soft(found: list[Finding] | None) -> bool:
    """Something is found, and it only warns."""
    return bool(found) and not hard(found)
