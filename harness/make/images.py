"""Knows image IODs: for each a builder that fills a data set and gives its pixels (PS3.3 A).

Must not know which studies exist, nor how pixels are encoded.
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from harness.make.modules import Scene, acquisition, codes, colour, fill, grayscale, item, plane
from harness.make.pixels import Array, ramp, smooth

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
MG = "1.2.840.10008.5.1.4.1.1.1.2"
US_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"
NM = "1.2.840.10008.5.1.4.1.1.20"
SC = "1.2.840.10008.5.1.4.1.1.7"
SC_WORD = "1.2.840.10008.5.1.4.1.1.7.3"


def ct(ds: Dataset, scene: Scene) -> Array:
    """CT Image: signed twelve bit, rescaled to HU."""
    acquisition(ds, scene)
    plane(ds, scene)
    grayscale(ds, 16, 16, 12, signed=True)
    fill(
        ds,
        SOPClassUID=CT,
        ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
        KVP="120",
        RescaleIntercept="-1024",
        RescaleSlope="1",
        RescaleType="HU",
        WindowCenter=["40", "-600"],
        WindowWidth=["400", "1500"],
        WindowCenterWidthExplanation=["SOFT", "LUNG"],
        SliceLocation=ds.ImagePositionPatient[2],
    )
    return ramp((1, 16, 16), -1024, 1023, scene.seed)


def ct_localizer(ds: Dataset, scene: Scene) -> Array:
    """CT Image: a sagittal localizer with an odd number of columns."""
    acquisition(ds, scene)
    plane(ds, scene)
    grayscale(ds, 7, 13, 12, signed=True)
    fill(
        ds,
        SOPClassUID=CT,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        ImageOrientationPatient=["0", "1", "0", "0", "0", "-1"],
        PatientOrientation=["P", "F"],
        KVP="",
        RescaleIntercept="0",
        RescaleSlope="1",
        RescaleType="US",
    )
    return ramp((1, 7, 13), -1024, 1023, scene.seed)


def mr(ds: Dataset, scene: Scene) -> Array:
    """MR Image: unsigned, twelve of sixteen bits."""
    acquisition(ds, scene)
    plane(ds, scene, 5)
    grayscale(ds, 40, 33, 12)
    fill(
        ds,
        SOPClassUID=MR,
        ImageType=["ORIGINAL", "PRIMARY", "M", "", "NORM"],
        ScanningSequence=["SE", "IR"],
        SequenceVariant="SK",
        ScanOptions="",
        MRAcquisitionType="2D",
        RepetitionTime="500.5",
        EchoTime="1.23456789012",
        InversionTime="1.5E+2",
        EchoTrainLength="",
        MagneticFieldStrength="1.5",
        FlipAngle="90",
    )
    return ramp((1, 40, 33), 0, 4095, scene.seed)


def cr(ds: Dataset, scene: Scene) -> Array:
    """Computed Radiography: sixteen bits, MONOCHROME1."""
    acquisition(ds, scene, body_part_known=True)
    grayscale(ds, 20, 16, 16, inverse=True)
    fill(
        ds,
        SOPClassUID=CR,
        ImageType=["ORIGINAL", "PRIMARY"],
        BodyPartExamined="CHEST",
        ViewPosition="PA",
        ImagerPixelSpacing=["0.2", "0.2"],
        WindowCenter="32768",
        WindowWidth="65536",
    )
    return ramp((1, 20, 16), 0, 65535, scene.seed)


def _projection(ds: Dataset, scene: Scene, sop_class: str) -> None:
    """The DX modules that DX and MG share (PS3.3 C.8.11)."""
    acquisition(ds, scene, body_part_known=True)
    fill(
        ds,
        SOPClassUID=sop_class,
        ImageType=["ORIGINAL", "PRIMARY", ""],
        PresentationIntentType="FOR PRESENTATION",
        PixelIntensityRelationship="LOG",
        PixelIntensityRelationshipSign=-1,
        RescaleIntercept="0",
        RescaleSlope="1",
        RescaleType="US",
        PresentationLUTShape="INVERSE",
        LossyImageCompression="00",
        DetectorType="DIRECT",
        ImagerPixelSpacing=["0.15", "0.15"],
        WindowCenter="2048",
        WindowWidth="4096",
        AcquisitionContextSequence=Sequence(),
        PatientOrientation=["A", "F"],
    )


def dx(ds: Dataset, scene: Scene) -> Array:
    """Digital X-Ray for presentation: twelve bits, MONOCHROME1."""
    _projection(ds, scene, DX)
    grayscale(ds, 24, 20, 12, inverse=True)
    fill(ds, ImageLaterality="U", AnatomicRegionSequence=codes(("51185008", "SCT", "Chest")))
    return ramp((1, 24, 20), 0, 4095, scene.seed)


def mg(ds: Dataset, scene: Scene) -> Array:
    """Digital Mammography for presentation; right breast for odd instances, left for even ones."""
    _projection(ds, scene, MG)
    grayscale(ds, 40, 33, 12, inverse=True)
    view = ("399162004", "SCT", "cranio-caudal") if scene.number % 2 else ("399368009", "SCT", "medio-lateral oblique")
    fill(
        ds,
        ImageLaterality="R" if scene.number % 2 else "L",
        AnatomicRegionSequence=codes(("76752008", "SCT", "Breast")),
        ViewCodeSequence=codes(view),
        PositionerType="MAMMOGRAPHIC",
        OrganExposed="BREAST",
        BreastImplantPresent="NO",
    )
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence()
    return ramp((1, 40, 33), 0, 4095, scene.seed)


def us(ds: Dataset, scene: Scene) -> Array:
    """Ultrasound Multi-frame in RGB, three frames."""
    acquisition(ds, scene)
    colour(ds, 16, 24)
    fill(
        ds,
        SOPClassUID=US_MULTIFRAME,
        ImageType=["ORIGINAL", "PRIMARY"],
        NumberOfFrames=3,
        FrameTime="33.3333",
        FrameIncrementPointer=Tag("FrameTime"),
        LossyImageCompression="00",
        UltrasoundColorDataPresent=1,
    )
    return smooth((3, 16, 24, 3), scene.seed)


def nm(ds: Dataset, scene: Scene) -> Array:
    """Nuclear Medicine: two isotopes, two detectors, four frames; Frame Increment Pointer with two values."""
    acquisition(ds, scene)
    grayscale(ds, 32, 32, 16)
    isotopes = [
        item(
            EnergyWindowRangeSequence=Sequence([item(EnergyWindowLowerLimit=low, EnergyWindowUpperLimit=high)]),
            EnergyWindowName=name,
        )
        for name, low, high in (("TC99M", "126.45", "154.55"), ("I123", "143.1", "174.9"))
    ]
    detectors = [
        item(
            CollimatorType="PARA",
            FocalDistance="0",
            ImageOrientationPatient=["1", "0", "0", "0", "0", "-1"],
            ImagePositionPatient=["0", "0", "0"],
        )
        for _ in range(2)
    ]
    fill(
        ds,
        SOPClassUID=NM,
        ImageType=["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"],
        PixelSpacing=["4.5", "4.5"],
        PatientOrientationCodeSequence=codes(("102538003", "SCT", "recumbent")),
        PatientGantryRelationshipCodeSequence=codes(("102540008", "SCT", "headfirst")),
        NumberOfFrames=4,
        FrameIncrementPointer=[Tag(0x00540010), Tag(0x00540020)],
        EnergyWindowVector=[1, 1, 2, 2],
        NumberOfEnergyWindows=2,
        DetectorVector=[1, 2, 1, 2],
        NumberOfDetectors=2,
        CountsAccumulated=2147483647,
        ActualFrameDuration=60000,
        EnergyWindowInformationSequence=Sequence(isotopes),
        RadiopharmaceuticalInformationSequence=Sequence(),
        DetectorInformationSequence=Sequence(detectors),
    )
    ds.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = Sequence()
    return ramp((4, 32, 32), 0, 65535, scene.seed)


def _capture(ds: Dataset, scene: Scene) -> None:
    acquisition(ds, scene)
    fill(ds, SOPClassUID=SC, ConversionType="WSD", ImageType=["DERIVED", "SECONDARY"])


def sc_rgb(ds: Dataset, scene: Scene) -> Array:
    """Secondary Capture in RGB, 13 by 7: a width that is no multiple of four, an odd number of octets."""
    _capture(ds, scene)
    colour(ds, 7, 13)
    return smooth((1, 7, 13, 3), scene.seed)


def sc_ybr(ds: Dataset, scene: Scene) -> Array:
    """Secondary Capture in YBR_FULL."""
    _capture(ds, scene)
    colour(ds, 16, 16, "YBR_FULL")
    return smooth((1, 16, 16, 3), scene.seed)


def sc_palette(ds: Dataset, scene: Scene) -> Array:
    """Secondary Capture with a palette of 256 sixteen bit entries per colour."""
    _capture(ds, scene)
    grayscale(ds, 15, 17, 8)
    ds.PhotometricInterpretation = "PALETTE COLOR"
    entries = np.arange(256, dtype=np.uint16) * 257
    for name, table in (("Red", entries), ("Green", entries[::-1]), ("Blue", np.roll(entries, 128))):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(ds, f"{name}PaletteColorLookupTableData", table.astype("<u2").tobytes())
    return ramp((1, 15, 17), 0, 255, scene.seed)


def sc_gray(ds: Dataset, scene: Scene) -> Array:
    """Secondary Capture, eight bit grey."""
    _capture(ds, scene)
    grayscale(ds, 16, 16, 8)
    return ramp((1, 16, 16), 0, 255, scene.seed)


def sc_word(ds: Dataset, scene: Scene) -> Array:
    """Multi-frame Grayscale Word Secondary Capture: five frames of sixteen bits."""
    acquisition(ds, scene)
    grayscale(ds, 33, 35, 16)
    fill(
        ds,
        SOPClassUID=SC_WORD,
        ConversionType="SYN",
        ImageType=["DERIVED", "SECONDARY"],
        NumberOfFrames=5,
        FrameIncrementPointer=Tag("PageNumberVector"),
        PageNumberVector=[1, 2, 3, 4, 5],
        PresentationLUTShape="IDENTITY",
        RescaleIntercept="0",
        RescaleSlope="1",
        RescaleType="US",
    )
    return ramp((5, 33, 35), 0, 65535, scene.seed)
