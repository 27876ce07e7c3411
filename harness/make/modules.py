"""Knows the attribute groups that many IODs share: image pixel, plane, codes, references, SOP common (PS3.3 C).

Must not know which studies exist or how an instance is encoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence


@dataclass(frozen=True)
class Scene:
    """What an instance builder may use: its number in the series, a seed for pixels, and a maker of UIDs.

    `uid("frame of reference")` gives the same UID for the same words within the study.
    """

    number: int
    seed: int
    uid: Callable[[str], str]


def fill(ds: Dataset, **values: Any) -> Dataset:
    """Set attributes by keyword; returns the data set."""
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def item(**values: Any) -> Dataset:
    """A sequence item with these attributes."""
    return fill(Dataset(), **values)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A code item (PS3.3 8.8)."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def codes(*triples: tuple[str, str, str]) -> Sequence:
    return Sequence([code(*triple) for triple in triples])


def reference(ds: Dataset) -> Dataset:
    """An item that points at an instance (PS3.3 10.8)."""
    return item(ReferencedSOPClassUID=ds.SOPClassUID, ReferencedSOPInstanceUID=ds.SOPInstanceUID)


def references_by_series(instances: list[Dataset], name: str = "ReferencedSOPSequence") -> Sequence:
    """Referenced Series Sequence with the instances under their series, in the sequence of that name."""
    series: dict[str, Dataset] = {}
    for ds in instances:
        entry = series.setdefault(ds.SeriesInstanceUID, item(SeriesInstanceUID=ds.SeriesInstanceUID))
        setattr(entry, name, [*entry.get(name, []), reference(ds)])
    return Sequence(series.values())


def grayscale(ds: Dataset, rows: int, columns: int, bits: int, signed: bool = False, inverse: bool = False) -> None:
    """Image Pixel module of a one-sample image (PS3.3 C.7.6.3)."""
    fill(
        ds,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME1" if inverse else "MONOCHROME2",
        Rows=rows,
        Columns=columns,
        BitsAllocated=16 if bits > 8 else 8,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(signed),
    )


def colour(ds: Dataset, rows: int, columns: int, photometric: str = "RGB") -> None:
    """Image Pixel module of an eight bit three-sample image, colour by pixel."""
    fill(
        ds,
        SamplesPerPixel=3,
        PhotometricInterpretation=photometric,
        PlanarConfiguration=0,
        Rows=rows,
        Columns=columns,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
    )


def plane(ds: Dataset, scene: Scene, step: float = 2.5) -> None:
    """Frame of Reference and Image Plane modules: axial slices, `step` mm apart."""
    fill(
        ds,
        FrameOfReferenceUID=scene.uid("frame of reference"),
        PositionReferenceIndicator="",
        PixelSpacing=["0.9765625", "0.9765625"],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        ImagePositionPatient=["-125", "-125.5", f"{(scene.number - 1) * step:g}"],
        SliceThickness=f"{step:g}",
        PatientPosition="HFS",
    )


def acquisition(ds: Dataset, scene: Scene, body_part_known: bool = False) -> None:
    """General Acquisition and General Image attributes that most images carry.

    Laterality (Type 2C) is there, empty, unless a known body part or the image itself answers the question.
    """
    fill(ds, AcquisitionNumber=1, PatientOrientation=["L", "P"], BurnedInAnnotation="NO")
    if not body_part_known:
        ds.Laterality = ""
    ds.ContentDate = ds.get("StudyDate", "") or "20240101"
    ds.ContentTime = f"1200{scene.number % 60:02d}.{scene.number:06d}"


def enhanced_equipment(ds: Dataset) -> None:
    """Enhanced General Equipment (PS3.3 C.7.5.2)."""
    fill(
        ds,
        Manufacturer="DICOMPROOF",
        ManufacturerModelName="Synthetic Generator",
        DeviceSerialNumber="0001",
        SoftwareVersions=["1.0", "2024e"],
    )


def digest(*words: object) -> int:
    """A 32 bit number fixed by the words."""
    text = "\x1f".join(str(word) for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
