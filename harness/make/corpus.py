"""Knows the studies that a run loads into a target: who, when, which instances in which transfer syntax.

Must not know how an IOD is filled, how octets are written, or what is asked about them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from harness.make import documents, images, oddities
from harness.make.modules import Scene, digest, fill, item
from harness.make.pixels import Array, Offsets, encode
from harness.make.sample import Sample
from harness.make.uids import uid
from harness.make.write import part10

__all__ = ["Sample", "corpus"]

NONCE = re.compile(r"[A-Za-z0-9]{1,10}\Z")
Build = Callable[[Dataset, Scene], Array | None]


def corpus(seed: int, nonce: str) -> list[Sample]:
    """The instances of a run, study by study; the same for the same seed and nonce, UIDs new for any other.

    The nonce is one to ten letters or digits (it has to fit Accession Number and Study ID, SH of 16);
    ValueError for anything else.
    """
    if not NONCE.match(nonce):
        raise ValueError(f"The nonce {nonce!r} is not one to ten ASCII letters or digits.")
    plan = _Plan(seed, nonce)
    for add in (_ct, _mr, _radiographs, _ultrasound, _captures, _nuclear, _frames, _document, _ecg, _rt, _mammography,
                _prior, _odd, _ideographic):  # fmt: skip
        add(plan)
    return plan.samples


@dataclass
class _Plan:
    """The samples so far, and how the next study gets its number."""

    seed: int
    nonce: str
    samples: list[Sample] = field(default_factory=list)
    studies: int = 0

    def study(self, **values: Any) -> _Study:
        """A new study; every Type 1 and Type 2 attribute of its modules is there, empty unless given."""
        self.studies += 1
        number = self.studies
        common: dict[str, Any] = {
            "PatientName": "",
            "PatientID": f"{self.nonce}-{number:03d}",
            "PatientBirthDate": "19681122",
            "PatientSex": "O",
            "StudyInstanceUID": uid(self.seed, self.nonce, number),
            "StudyDate": "",
            "StudyTime": "",
            "ReferringPhysicianName": "",
            "StudyID": f"{self.nonce}.{number}",
            "AccessionNumber": f"A{self.nonce}-{number:02d}",
            "Manufacturer": "DICOMPROOF",
        }
        return _Study(self, number, common | values)


@dataclass
class _Study:
    """A study under construction. `made` holds its data sets, for references among them."""

    plan: _Plan
    number: int
    values: dict[str, Any]
    series_count: int = 0
    made: list[Dataset] = field(default_factory=list)

    def series(self, modality: str, **values: Any) -> _Series:
        self.series_count += 1
        number = self.series_count
        common: dict[str, Any] = {
            "Modality": modality,
            "SeriesInstanceUID": self.uid(number),
            "SeriesNumber": number,
        }
        return _Series(self, number, common | values)

    def uid(self, *words: object) -> str:
        return uid(self.plan.seed, self.plan.nonce, self.number, *words)


@dataclass
class _Series:
    study: _Study
    number: int
    values: dict[str, Any]
    count: int = 0

    def add(
        self,
        build: Build,
        transfer_syntax: str = ExplicitVRLittleEndian,
        *,
        offsets: Offsets = "empty",
        fragments: int = 1,
        odd: tuple[Callable[[Dataset], None], ...] = (),
        **values: Any,
    ) -> Dataset:
        """Make the next instance, add it to the corpus, return its data set for references."""
        self.count += 1
        study, plan = self.study, self.study.plan
        words = (study.number, self.number, self.count)
        scene = Scene(self.count, digest(plan.seed, *words), study.uid)
        ds = fill(Dataset(), **study.values)
        fill(ds, SOPInstanceUID=study.uid(self.number, self.count), InstanceNumber=self.count)
        # The equipment and series of an instance win over what an IOD's builder says by default.
        array = build(ds, scene)
        fill(ds, **self.values)
        fill(ds, **values)
        for change in odd:
            change(ds)
        if array is not None:
            encode(ds, array, transfer_syntax, offsets, fragments)
        plan.samples.append(_sample(ds, transfer_syntax))
        study.made.append(ds)
        return ds


def _sample(ds: Dataset, transfer_syntax: str) -> Sample:
    frames = int(ds.get("NumberOfFrames", 1)) if "PixelData" in ds else 0
    data = part10(ds, transfer_syntax)
    return Sample(
        str(ds.StudyInstanceUID),
        str(ds.SeriesInstanceUID),
        str(ds.SOPInstanceUID),
        str(ds.SOPClassUID),
        str(transfer_syntax),
        frames,
        data,
    )


def _requests(nonce: str, *numbers: int) -> list[Dataset]:
    """Request Attributes Sequence items (PS3.3 10.6)."""
    return [
        item(RequestedProcedureID=f"RP{nonce}{n}", ScheduledProcedureStepID=f"SPS{nonce}{n}", StudyInstanceUID="")
        for n in numbers
    ]


def _ct(plan: _Plan) -> None:
    """A long series, a localizer, a reconstruction; numbers with a gap and a repetition; last second of a month."""
    study = plan.study(
        PatientName="DICOMPROOF^SYNTHETIC CT",
        StudyDate="20240131",
        StudyTime="235959.999999",
        ReferringPhysicianName="REFERRER^ONE",
        TimezoneOffsetFromUTC="+0100",
        StudyDescription="Synthetic CT, three series",
    )
    axial = study.series(
        "CT",
        SeriesDescription="AXIAL",
        PerformedProcedureStepStartDate="20240131",
        PerformedProcedureStepStartTime="235500",
        RequestAttributesSequence=_requests(plan.nonce, 1),
    )
    numbers = [*range(1, 13), 12, *range(14, 25), 26, 30]
    for number in numbers:
        axial.add(images.ct, InstanceNumber=number)
    localizer = study.series("CT", SeriesDescription="LOCALIZER", SeriesNumber=0)
    localizer.add(images.ct_localizer, RLELossless, offsets="filled")
    localizer.add(images.ct_localizer)
    thin = study.series("CT", SeriesDescription="Axial, implicit", SeriesNumber=2147483647)
    for odd in ((oddities.small_private,), (), ()):
        thin.add(images.ct, ImplicitVRLittleEndian, odd=odd)


def _mr(plan: _Plan) -> None:
    """First second of a month, Latin-1 name, a segmentation in the same study."""
    study = plan.study(
        SpecificCharacterSet="ISO_IR 100",
        PatientName="DICOMPROOF^SYNTHETIC M\u00c4RTA",
        StudyDate="20240201",
        StudyTime="000000",
        ReferringPhysicianName="O'Neil^Anne-Marie",
        StudyDescription="Kn\u00e4 h\u00f6ger, 100 % s\u00e4ker",
    )
    step = {"PerformedProcedureStepStartDate": "20240131", "PerformedProcedureStepStartTime": "2359"}
    first = study.series("MR", SeriesDescription="T1", **step)
    source = first.add(images.mr, odd=(oddities.deep_sequence,))
    first.add(images.mr, JPEG2000Lossless)
    study.series("MR", SeriesDescription="T2", SeriesNumber=-1).add(images.mr, ImplicitVRLittleEndian)
    study.series("SEG").add(partial(documents.segmentation, seen=[source]))


def _radiographs(plan: _Plan) -> None:
    """CR and DX in one study, a leap day, lower case name; a report, key objects and a presentation state on them."""
    study = plan.study(
        PatientName="dicomproof^synthetic cr",
        PatientID=f"{plan.nonce}-abc",
        StudyDate="20240229",
        StudyTime="120000.5",
        ReferringPhysicianName="Referrer^Two^^Dr.",
        PatientSex="F",
    )
    first = study.series("CR", BodyPartExamined="CHEST")
    image = first.add(images.cr, odd=(oddities.private_block,))
    first.add(images.cr, ExplicitVRBigEndian, odd=(oddities.small_private,))
    second = study.series("DX", RequestAttributesSequence=_requests(plan.nonce, 31, 32)).add(images.dx)
    seen = [image, second]
    latin = {"SpecificCharacterSet": "ISO_IR 100"}
    study.series("SR", **latin).add(partial(documents.report, seen=seen))
    study.series("KO").add(partial(documents.key_object, seen=seen))
    study.series("PR").add(partial(documents.presentation_state, seen=seen))


def _ultrasound(plan: _Plan) -> None:
    """Colour multi-frame, native and JPEG with fragments; hyphen, apostrophe and three name groups in UTF-8."""
    study = plan.study(
        SpecificCharacterSet="ISO_IR 192",
        PatientName="DICOMPROOF-HYPHEN^O'SYNTHETIC US=\u8d85\u97f3\u6ce2^\u8a66\u9a13=\u3061\u3087\u3046^\u3057\u3051",
        PatientID=f"{plan.nonce}-ABC",
        StudyDate="20240301",
        StudyTime="00",
        PatientSex="M",
    )
    series = study.series("US", SeriesDescription="Mesure \u00e0 1 \u00b5m")
    series.add(images.us)
    series.add(images.us, JPEGBaseline8Bit)
    series.add(images.us, JPEGBaseline8Bit, offsets="filled", fragments=2)


def _captures(plan: _Plan) -> None:
    """Secondary captures in every colour model; a name of one letter; identifiers full of reserved characters."""
    study = plan.study(
        PatientName="D",
        PatientID=f"{plan.nonce}%20&+=#;,/:@!$'()[]",
        StudyID=f"{plan.nonce}%41",
        StudyDate="20231231",
        StudyTime="2359",
        PatientBirthDate="",
        PatientSex="",
    )
    series = study.series("OT", SeriesNumber="")
    series.add(images.sc_ybr)
    series.add(images.sc_palette, InstanceNumber="")
    series.add(images.sc_rgb, DeflatedExplicitVRLittleEndian)
    series.add(images.sc_rgb, JPEGBaseline8Bit, fragments=3)


def _nuclear(plan: _Plan) -> None:
    """Nuclear medicine with an extended offset table; Japanese by ISO 2022 escapes; first second of a year."""
    study = plan.study(
        SpecificCharacterSet=["", "ISO 2022 IR 87"],
        PatientName="Dicomproof^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046",
        StudyDate="20240101",
        StudyTime="000001",
        ReferringPhysicianName="Hanako=\u82b1\u5b50",
        TimezoneOffsetFromUTC="+0900",
    )
    series = study.series("NM")
    series.add(images.nm, JPEG2000Lossless, offsets="extended")
    series.add(images.nm)


def _frames(plan: _Plan) -> None:
    """Grey multi-frame captures, RLE and JPEG 2000 with fragments; GB18030."""
    study = plan.study(
        SpecificCharacterSet="GB18030",
        PatientName="Dicomproof^XiaoDong=\u738b^\u5c0f\u4e1c",
        StudyDate="20231130",
        StudyTime="10",
        ReferringPhysicianName="REFERRER^THREE",
    )
    series = study.series("OT", SeriesDescription="\u4e2d\u6587")
    series.add(images.sc_word, RLELossless, offsets="filled")
    series.add(images.sc_word, JPEG2000Lossless, offsets="filled", fragments=2)
    series.add(images.sc_word, RLELossless)


def _document(plan: _Plan) -> None:
    """An encapsulated PDF of a patient whose ID is not known; five name components."""
    study = plan.study(
        PatientName="Dicomproof^Pdf^Middle^Dr.^Jr.",
        PatientID="",
        StudyDate="20240430",
        StudyTime="081500.123",
    )
    study.series("DOC").add(partial(documents.pdf, seen=[]))


def _ecg(plan: _Plan) -> None:
    """A 12-lead ECG, Cyrillic, west of Greenwich."""
    study = plan.study(
        SpecificCharacterSet="ISO_IR 144",
        PatientName="\u0414\u0438\u043a\u043e\u043c\u043f\u0440\u0443\u0444^\u0421\u0438\u043d\u0442\u0435\u0437",
        StudyDate="20240310",
        StudyTime="020000",
        TimezoneOffsetFromUTC="-0500",
    )
    study.series("ECG", SeriesDescription="\u042d\u041a\u0413").add(partial(documents.ecg, seen=[]))


def _rt(plan: _Plan) -> None:
    """An RT Plan; a family name that has another patient's as its beginning; the end of a century of two digits."""
    study = plan.study(
        PatientName="DICOMPROOFX^SYNTHETIC RT",
        PatientID=f"X{plan.nonce}",
        StudyDate="19991231",
        StudyTime="235959",
        ReferringPhysicianName="REFERRER^ONE",
    )
    study.series("RTPLAN").add(partial(documents.rt_plan, seen=[]))


def _mammography(plan: _Plan) -> None:
    """Both breasts; the same day as the CT, its first second."""
    study = plan.study(
        PatientName="DICOMPROOF^SYNTHETIC MG",
        StudyDate="20240131",
        StudyTime="000000",
        PatientSex="F",
        PatientAge="052Y",
        ReferringPhysicianName="REFERRER^TWO",
    )
    series = study.series("MG", BodyPartExamined="BREAST")
    series.add(images.mg)
    series.add(images.mg, JPEG2000Lossless)


def _prior(plan: _Plan) -> None:
    """An earlier requested study of the CT's patient: two requests served by one series."""
    study = plan.study(
        PatientName="DICOMPROOF^SYNTHETIC CT",
        PatientID=f"{plan.nonce}-001",
        StudyDate="20240115",
        StudyTime="113000",
        ReferringPhysicianName="REFERRER^ONE",
    )
    requests = {"RequestAttributesSequence": _requests(plan.nonce, 121, 122)}
    step = {"PerformedProcedureStepStartDate": "20240115", "PerformedProcedureStepStartTime": "112959.9"}
    series = study.series("CT", **requests, **step)
    series.add(images.ct)
    series.add(images.ct)
    study.series("CT", SeriesDescription="").add(images.ct_localizer, RLELossless)


def _odd(plan: _Plan) -> None:
    """Empty name, date, time and accession number; the numeric limits and strange texts."""
    study = plan.study(AccessionNumber="", StudyID="", PatientBirthDate="")
    series = study.series("OT", SeriesNumber="")
    series.add(images.sc_gray, odd=(oddities.private_block, oddities.private_numbers, oddities.deep_sequence))
    odd = (oddities.standard_texts, oddities.last_is_line_end)
    series.add(images.sc_gray, odd=odd, InstanceNumber=2147483647)
    series.add(images.sc_gray, ImplicitVRLittleEndian, odd=(oddities.standard_texts,), InstanceNumber=-2147483648)


def _ideographic(plan: _Plan) -> None:
    """A name that has an ideographic group alone; a description at the limit of its VR."""
    study = plan.study(
        SpecificCharacterSet="ISO_IR 192",
        PatientName="=\u5c71\u5ddd^\u5de5",
        StudyDate="20240229",
        StudyTime="235959.5",
        ReferringPhysicianName="referrer^one",
        StudyDescription="\u00dc" * 64,
    )
    study.series("OT").add(images.sc_rgb, InstanceNumber=1)
