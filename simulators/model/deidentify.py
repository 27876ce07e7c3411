"""Knows how an instance is de-identified by the Basic Application Level Confidentiality Profile (PS3.15 E.1, E.2).

Must not know who asks for it, nor the archive. Pixels are not looked into: what may hold identification in its pixels
is refused (PS3.15 E.3.1).
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
from collections.abc import Callable, Iterable

from pydicom import dcmread, dcmwrite
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from harness.make.uids import IMPLEMENTATION, IMPLEMENTATION_VERSION
from harness.wire.confidentiality import action

METHOD = "PS3.15 Basic Application Level Confidentiality Profile; Clean Pixel Data Option"
# Codes of PS3.16 CID 7050 for the profile and for the option (PS3.15 E.1.1).
CODES = (("113100", "Basic Application Confidentiality Profile"), ("113101", "Clean Pixel Data Option"))

_REGISTERED = "1.2.840.10008."  # UIDs of the standard name nobody
_KEY = secrets.token_bytes(
    32
)  # of this process: the same UID gets the same replacement, and nobody else can tell which

# One value of each VR that says nothing; every other VR gets none, or zero.
_DUMMY: dict[str, object] = {
    "AE": "ANONYMIZED", "AS": "000Y", "CS": "ANONYMIZED", "DA": "19000101", "DS": "0", "DT": "19000101000000",
    "IS": "0", "LO": "ANONYMIZED", "LT": "ANONYMIZED", "PN": "ANONYMIZED", "SH": "ANONYMIZED", "ST": "ANONYMIZED",
    "TM": "000000", "UC": "ANONYMIZED", "UR": "urn:anonymized", "UT": "ANONYMIZED", "OB": b"\0\0", "OW": b"\0\0",
    "UN": b"\0\0",
}  # fmt: skip
_CAPTURED = ("US", "ES", "GM", "XC", "OT")  # modalities whose images often have text in their pixels
_NUMBERS = frozenset(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"))
# Attributes of these VRs identify or date whether the table names them or not (PS3.15 E.1.1).
_TELLING = frozenset(("DA", "DT", "PN", "TM"))


class Refused(Exception):
    """A sentence that says why an instance cannot be de-identified here."""


def deidentified(octets: bytes) -> bytes:
    """The PS3.10 file without identification, in its Transfer Syntax and with UIDs of its own; Refused if it cannot be.

    What replaces a UID is the same for every instance that this process de-identifies.
    """
    try:
        dataset = dcmread(io.BytesIO(octets))
        _check(dataset)
        _clean(dataset)
        _sign(dataset)
        dataset.file_meta = _meta(dataset)
        dataset.preamble = bytes(128)
        out = io.BytesIO()
        dcmwrite(out, dataset, enforce_file_format=True)
    except Refused:
        raise
    except Exception as problem:  # stored data sets may be broken in ways that surface as errors of any kind
        raise Refused(f"the data set cannot be read through ({type(problem).__name__})") from problem
    return out.getvalue()


def burned_in(dataset: Dataset) -> bool:
    """Identification may stand in the pixels of an image: it says so, or was captured and does not deny it."""
    said = str(dataset.get("BurnedInAnnotation", "")).strip().upper()
    captured = "ConversionType" in dataset or str(dataset.get("Modality", "")) in _CAPTURED
    return said == "YES" or (said != "NO" and captured)


def replaced(uid: str) -> str:
    """The UID that stands for another one (PS3.5 B.2); UIDs of the standard stay."""
    if not uid or uid.startswith(_REGISTERED):
        return uid
    digest = hmac.new(_KEY, uid.encode("utf-8", "replace"), hashlib.sha256).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _check(dataset: Dataset) -> None:
    if "PixelData" in dataset and burned_in(dataset):
        raise Refused("its pixels may hold identification, which cannot be taken out here (PS3.15 E.3.1)")


def _clean(dataset: Dataset) -> None:
    """Carry out the action of each attribute, in items as well."""
    for tag in [*dataset.keys()]:
        element = dataset[tag]
        code = action(f"{int(tag):08X}") or ("D" if element.VR in _TELLING else "")
        if code == "X" or tag.group in range(0x6000, 0x6100) or tag.element == 0:
            del dataset[tag]  # of an overlay the data goes, and nothing describes it any more
        elif code == "U" or (element.VR == "UI" and not code):
            element.value = _each(element.value, replaced)
        elif element.VR == "SQ":
            _sequence(element, code)
        elif "D" in code:
            element.value = _dummy(element)
        elif code:
            element.value = None if element.VR != "PN" else ""


def _sequence(element: DataElement, code: str) -> None:
    """Items that the profile empties go; others are cleaned in turn; one that needs content keeps one without any."""
    if code in ("Z", "X/Z"):
        element.value = Sequence()
    elif "D" in code:
        element.value = Sequence([_bare(element)])
    else:
        for item in element.value:
            _clean(item)


def _bare(element: DataElement) -> Dataset:
    """The first item with a dummy for everything in it."""
    item = element.value[0] if element.value else Dataset()
    _clean(item)
    for inner in [*item]:
        if inner.VR == "SQ":
            inner.value = Sequence()
        elif inner.VR not in ("UI", "CS", "AT"):
            inner.value = _dummy(inner)
    return item


def _dummy(element: DataElement) -> object:
    if element.VR in _NUMBERS:
        return 0
    if element.VR == "UI":
        return replaced(str(element.value or "0"))
    return _DUMMY.get(element.VR)


def _each(value: object, change: Callable[[str], str]) -> object:
    if value is None or isinstance(value, str):
        return change(value or "")
    return [change(str(v)) for v in value] if isinstance(value, Iterable) else value


def _sign(dataset: Dataset) -> None:
    """Say that and how it was done (PS3.15 E.1.1, E.2, E.3.1)."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [*METHOD.split("; ")]
    dataset.DeidentificationMethodCodeSequence = Sequence([_code(*code) for code in CODES])
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    if "PixelData" in dataset:
        dataset.BurnedInAnnotation = "NO"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _meta(dataset: Dataset) -> FileMetaDataset:
    """File Meta Information that tells nothing of where the instance was (PS3.15 E.1.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "")
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    return meta
