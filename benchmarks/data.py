"""Knows the instances that the servers of a benchmark are given: synthetic, of a known size, nothing else about them.

Must not know who stores them.
"""

from __future__ import annotations

from functools import cache

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from harness.make.modules import fill, grayscale
from harness.make.parts import Message, Part, multipart
from harness.make.write import part10

KILOBYTES_39 = 139  # rows and columns of 16 bit pixels: 38,642 octets and a header
TINY = 2


def uid(*words: object) -> str:
    """A UID that is the same in every benchmark."""
    return str(generate_uid(prefix="2.25.", entropy_srcs=["benchmark", *(str(word) for word in words)]))


@cache
def dataset(side: int) -> Dataset:
    """A Secondary Capture image without identity."""
    ds = fill(
        Dataset(),
        SOPClassUID=SecondaryCaptureImageStorage,
        PatientBirthDate="19500101",
        PatientSex="O",
        StudyDate="20240101",
        StudyTime="120000",
        ReferringPhysicianName="REFERRER^SYNTHETIC",
        AccessionNumber="B1",
        Modality="OT",
        SeriesNumber=1,
        Laterality="",
        PatientOrientation="",
        ConversionType="SYN",
    )
    grayscale(ds, side, side, 16)
    ds.PixelData = bytes(range(256)) * (side * side * 2 // 256 + 1)
    ds.PixelData = ds.PixelData[: side * side * 2]
    ds["PixelData"].VR = "OW"
    return ds


def instance(side: int, study: object, number: int) -> bytes:
    """PS3.10 octets of one instance; the study decides the patient."""
    ds = dataset(side)
    fill(
        ds,
        PatientName=f"BENCHMARK^SYNTHETIC {study}",
        PatientID=f"BENCHMARK-{study}",
        StudyID=f"{study}"[:16],
        StudyInstanceUID=uid(study),
        SeriesInstanceUID=uid(study, "series"),
        SOPInstanceUID=uid(study, number),
        InstanceNumber=number,
    )
    return part10(ds)


def framed(instances: list[bytes]) -> Message:
    """One Store request for them."""
    return multipart([Part.of(octets) for octets in instances])
