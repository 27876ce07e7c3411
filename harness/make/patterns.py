"""Knows which patterns rendered pixels are judged by, and makes instances of them in a study.

Each is made so that a mistake that programs are known to make lands far from the right answer; `mistakes` are those.
Must not know requests or pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from harness.make.documents import report
from harness.make.modules import Scene, fill
from harness.make.patterns_arithmetic import Levels, Window
from harness.make.patterns_colour import colour_patterns
from harness.make.patterns_grey import grey_patterns
from harness.make.patterns_kinds import Pattern
from harness.make.patterns_shape import shape_patterns
from harness.make.pixels import encode
from harness.make.sample import Sample
from harness.make.uids import uid
from harness.make.write import part10

__all__ = ["PATTERNS", "Levels", "Pattern", "Window", "instance", "mistaken", "name_of"]

OTHERS = ("text", "state", "document")  # what is stored beside the images
PATIENT = "RENDERED PATTERNS"  # in the patient's name, and nowhere else
PATTERNS: Mapping[str, Pattern] = {p.name: p for p in (*grey_patterns(), *colour_patterns(), *shape_patterns())}


def mistaken(name: str, mistake: str, frame: int = 1, window: Window | None = None) -> Levels:
    """What a program that makes this mistake shows of a pattern."""
    pattern = PATTERNS[name]
    return pattern.mistakes[mistake](pattern, frame, window)


def instance(name: str, study: str, nonce: str, **more: Any) -> Sample:
    """The pattern as an instance of this study, its UIDs fixed by study and name; `more` attributes by keyword."""
    pattern = PATTERNS[name]
    ds = patient(study, nonce, name)
    pattern.fill(ds)
    fill(ds, BurnedInAnnotation="NO", SeriesDescription=pattern.says[:64], **more)
    if pattern.frames > 1:
        ds.NumberOfFrames = pattern.frames
    if pattern.pack is not None:
        pattern.pack(ds, pattern.stored)
    else:
        encode(ds, pattern.stored, pattern.transfer_syntax)
    return sample(ds, pattern.transfer_syntax, pattern.frames)


def text(study: str, nonce: str, words: str, beside: Sample) -> Sample:
    """A report that has these words in it, beside the images."""
    ds = patient(study, nonce, "text")
    report(ds, Scene(1, 1, partial(uid, nonce)), [beside.dataset])
    ds.Modality = "SR"
    ds.ContentSequence[-1].TextValue = words
    return sample(ds, ExplicitVRLittleEndian, 0)


@lru_cache(maxsize=4096)
def name_of(study: str, instance: str) -> str:
    """Which pattern, or which of OTHERS, an instance of a study is; '' for what was not made here."""
    found = (name for name in (*PATTERNS, *OTHERS) if instance and uid(study, name, "instance") == instance)
    return next(found, "")


def patient(study: str, nonce: str, name: str) -> Dataset:
    """Patient, study, series and identity of one instance; the patient's name says what it is."""
    return fill(
        Dataset(),
        SpecificCharacterSet="ISO_IR 192",
        PatientName=f"DICOMPROOF^{PATIENT}",
        PatientID=f"{nonce}-RENDERED",
        PatientBirthDate="19680412",
        PatientSex="O",
        StudyInstanceUID=study,
        StudyDate="20240229",
        StudyTime="101305",
        ReferringPhysicianName="",
        StudyID="RENDERED",
        AccessionNumber="",
        Modality="OT",
        Manufacturer="DICOMPROOF",
        SeriesInstanceUID=uid(study, name, "series"),
        SeriesNumber=1,
        SOPInstanceUID=uid(study, name, "instance"),
        InstanceNumber=1,
    )


def sample(ds: Dataset, transfer_syntax: str, frames: int) -> Sample:
    """A finished data set as the instance that is stored."""
    identity = (str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID), str(ds.SOPClassUID))
    return Sample(*identity, str(transfer_syntax), frames, part10(ds, transfer_syntax))
