"""Knows the IODs that are not plain images: reports, key objects, documents, states, segments, waves, plans.

Must not know which studies exist, nor how an instance is encoded.
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from harness.make.modules import (
    Scene,
    code,
    codes,
    enhanced_equipment,
    fill,
    grayscale,
    item,
    reference,
    references_by_series,
)
from harness.make.pixels import Array

BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
ECG12 = "1.2.840.10008.5.1.4.1.1.9.1.1"
RT_PLAN = "1.2.840.10008.5.1.4.1.1.481.5"


def _content(ds: Dataset, scene: Scene) -> None:
    fill(ds, ContentDate="20240229", ContentTime=f"2359{scene.number % 60:02d}")


def _text(concept: tuple[str, str, str], text: str, relation: str = "CONTAINS") -> Dataset:
    return item(RelationshipType=relation, ValueType="TEXT", ConceptNameCodeSequence=codes(concept), TextValue=text)


def _container(concept: tuple[str, str, str], children: list[Dataset]) -> Dataset:
    return item(
        RelationshipType="CONTAINS",
        ValueType="CONTAINER",
        ConceptNameCodeSequence=codes(concept),
        ContinuityOfContent="SEPARATE",
        ContentSequence=Sequence(children),
    )


def _evidence(ds: Dataset, seen: list[Dataset]) -> Sequence:
    return Sequence([item(StudyInstanceUID=ds.StudyInstanceUID, ReferencedSeriesSequence=references_by_series(seen))])


def report(ds: Dataset, scene: Scene, seen: list[Dataset]) -> None:
    """Basic Text SR: sections three deep, an image reference, text over several lines."""
    _content(ds, scene)
    long_text = "First line.\r\n\tSecond line, with a tab; a comma, and 50% \u00b1 2 \u00b5m.\r\n\r\nLast line."
    image = item(RelationshipType="INFERRED FROM", ValueType="IMAGE", ReferencedSOPSequence=[reference(seen[0])])
    finding = _text(("121071", "DCM", "Finding"), long_text)
    finding.ContentSequence = Sequence([image])
    inner = _container(("121070", "DCM", "Findings"), [finding, _text(("121071", "DCM", "Finding"), "Second.")])
    outer = _container(("121064", "DCM", "Current Procedure Descriptions"), [inner])
    summary = _text(("121077", "DCM", "Conclusion"), "Nothing of this is true of anybody.")
    language = item(
        RelationshipType="HAS CONCEPT MOD",
        ValueType="CODE",
        ConceptNameCodeSequence=codes(("121049", "DCM", "Language of Content Item and Descendants")),
        ConceptCodeSequence=codes(("en", "RFC5646", "English")),
    )
    fill(
        ds,
        SOPClassUID=BASIC_TEXT_SR,
        ReferencedPerformedProcedureStepSequence=Sequence(),
        CompletionFlag="COMPLETE",
        VerificationFlag="UNVERIFIED",
        CurrentRequestedProcedureEvidenceSequence=_evidence(ds, seen),
        PerformedProcedureCodeSequence=Sequence(),
        ValueType="CONTAINER",
        ConceptNameCodeSequence=codes(("18748-4", "LN", "Diagnostic Imaging Report")),
        ContinuityOfContent="SEPARATE",
        ContentSequence=Sequence([language, outer, summary]),
    )


def key_object(ds: Dataset, scene: Scene, seen: list[Dataset]) -> None:
    """Key Object Selection over the images seen, TID 2010."""
    _content(ds, scene)
    images = [item(RelationshipType="CONTAINS", ValueType="IMAGE", ReferencedSOPSequence=[reference(s)]) for s in seen]
    note = _text(("113012", "DCM", "Key Object Description"), "The images of this study")
    fill(
        ds,
        SOPClassUID=KEY_OBJECT,
        ReferencedPerformedProcedureStepSequence=Sequence(),
        CurrentRequestedProcedureEvidenceSequence=_evidence(ds, seen),
        ValueType="CONTAINER",
        ConceptNameCodeSequence=codes(("113000", "DCM", "Of Interest")),
        ContinuityOfContent="SEPARATE",
        ContentTemplateSequence=Sequence([item(MappingResource="DCMR", TemplateIdentifier="2010")]),
        ContentSequence=Sequence([note, *images]),
    )


def presentation_state(ds: Dataset, scene: Scene, seen: list[Dataset]) -> None:
    """Grayscale Softcopy Presentation State over the first image, with a text annotation."""
    image = seen[0]
    text = item(
        BoundingBoxAnnotationUnits="PIXEL",
        UnformattedTextValue="synthetic",
        BoundingBoxTopLeftHandCorner=[1.0, 1.5],
        BoundingBoxBottomRightHandCorner=[15.25, 6.125],
        BoundingBoxTextHorizontalJustification="LEFT",
    )
    area = item(
        DisplayedAreaTopLeftHandCorner=[1, 1],
        DisplayedAreaBottomRightHandCorner=[int(image.Columns), int(image.Rows)],
        PresentationSizeMode="SCALE TO FIT",
        PresentationPixelAspectRatio=["1", "1"],
    )
    layer = item(GraphicLayer="TEXT", GraphicLayerOrder=1, GraphicLayerRecommendedDisplayGrayscaleValue=65535)
    fill(
        ds,
        SOPClassUID=GSPS,
        Laterality="",
        PresentationCreationDate="20240301",
        PresentationCreationTime="000000",
        ContentLabel="SYNTHETIC",
        ContentDescription="",
        ContentCreatorName="DICOMPROOF^STATE",
        ReferencedSeriesSequence=references_by_series([image], "ReferencedImageSequence"),
        GraphicAnnotationSequence=[item(GraphicLayer="TEXT", TextObjectSequence=[text])],
        DisplayedAreaSelectionSequence=[area],
        GraphicLayerSequence=[layer],
        SoftcopyVOILUTSequence=[item(WindowCenter="32768", WindowWidth="65536")],
        PresentationLUTShape="INVERSE",
    )


def pdf(ds: Dataset, scene: Scene, seen: list[Dataset]) -> None:
    """Encapsulated PDF whose document has an odd length, so one pad octet follows it (PS3.3 C.24.2)."""
    enhanced_equipment(ds)
    _content(ds, scene)
    document = _small_pdf()
    fill(
        ds,
        SOPClassUID=PDF,
        ConversionType="SYN",
        AcquisitionDateTime="20240229235959.999999+0000",
        BurnedInAnnotation="NO",
        DocumentTitle="Synthetic document, 100% invented",
        ConceptNameCodeSequence=Sequence(),
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=document + b"\x00",
        EncapsulatedDocumentLength=len(document),
    )


def _small_pdf() -> bytes:
    """One empty page with a right cross-reference table; an odd number of octets."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>",
    )
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in places)
    out += b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % start
    return bytes(out + b"\n" * (1 - len(out) % 2))


def segmentation(ds: Dataset, scene: Scene, seen: list[Dataset]) -> Array:
    """Binary Segmentation: three frames of 13 by 7 single bits, 273 bits that end within an octet."""
    enhanced_equipment(ds)
    grayscale(ds, 7, 13, 8)
    fill(ds, BitsAllocated=1, BitsStored=1, HighBit=0)
    source = seen[0]
    _content(ds, scene)
    fill(
        ds,
        SOPClassUID=SEGMENTATION,
        ImageType=["DERIVED", "PRIMARY"],
        FrameOfReferenceUID=source.FrameOfReferenceUID,
        PositionReferenceIndicator="",
        ContentLabel="SEGMENT",
        ContentDescription="",
        ContentCreatorName="",
        NumberOfFrames=3,
        LossyImageCompression="00",
        SegmentationType="BINARY",
        BurnedInAnnotation="NO",
        ReferencedSeriesSequence=[
            item(SeriesInstanceUID=source.SeriesInstanceUID, ReferencedInstanceSequence=[reference(source)])
        ],
    )
    _segment_macros(ds, scene, source)
    bits = (np.indices((3, 7, 13)).sum(axis=0) + scene.seed) % 3 == 0
    return np.asarray(bits, dtype=np.int64)


def _segment_macros(ds: Dataset, scene: Scene, source: Dataset) -> None:
    """Segments, dimensions and functional groups (PS3.3 C.8.20.2, C.7.6.16, C.7.6.17)."""
    organization = scene.uid("dimension organization")
    ds.SegmentSequence = [
        item(
            SegmentNumber=1,
            SegmentLabel="Tissue",
            SegmentAlgorithmType="MANUAL",
            SegmentedPropertyCategoryCodeSequence=codes(("85756007", "SCT", "Tissue")),
            SegmentedPropertyTypeCodeSequence=codes(("85756007", "SCT", "Tissue")),
        )
    ]
    ds.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization)]
    ds.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID=organization,
            DimensionIndexPointer=Tag("ImagePositionPatient"),
            FunctionalGroupPointer=Tag("PlanePositionSequence"),
        )
    ]
    measures = item(PixelSpacing=["1.5", "1.5"], SliceThickness="5", SpacingBetweenSlices="5")
    origin = reference(source)
    origin.PurposeOfReferenceCodeSequence = codes(("121322", "DCM", "Source image for image processing operation"))
    derivation = item(
        DerivationCodeSequence=codes(("113076", "DCM", "Segmentation")), SourceImageSequence=Sequence([origin])
    )
    ds.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[measures],
            PlaneOrientationSequence=[item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])],
            SegmentIdentificationSequence=[item(ReferencedSegmentNumber=1)],
            DerivationImageSequence=[derivation],
        )
    ]
    ds.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[item(DimensionIndexValues=[frame])],
            PlanePositionSequence=[item(ImagePositionPatient=["-125", "-125.5", str(5 * frame)])],
        )
        for frame in (1, 2, 3)
    ]


def ecg(ds: Dataset, scene: Scene, seen: list[Dataset]) -> None:
    """12-lead ECG: one group, 12 channels, 50 samples of sixteen bits."""
    leads = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    channels = []
    for number, lead in enumerate(leads, 1):
        unit = item(ChannelSensitivityUnitsSequence=[code("uV", "UCUM", "microvolt")])
        fill(
            unit,
            ChannelLabel=lead,
            ChannelSourceSequence=[code(f"2:{number if number < 3 else number + 58}", "MDC", f"Lead {lead}")],
            ChannelSensitivity="1.25",
            ChannelSensitivityCorrectionFactor="1",
            ChannelBaseline="0",
            ChannelSampleSkew="0",
            WaveformBitsStored=16,
            FilterLowFrequency="0.05",
            FilterHighFrequency="300",
        )
        channels.append(unit)
    wave = np.array([[(31 * t + 7 * c + scene.seed) % 4001 - 2000 for c in range(12)] for t in range(50)], "<i2")
    group = item(
        WaveformOriginality="ORIGINAL",
        NumberOfWaveformChannels=12,
        NumberOfWaveformSamples=50,
        SamplingFrequency="500",
        MultiplexGroupLabel="RHYTHM",
        ChannelDefinitionSequence=channels,
        WaveformBitsAllocated=16,
        WaveformSampleInterpretation="SS",
    )
    group.add_new(0x54001010, "OW", wave.tobytes())
    _content(ds, scene)
    fill(
        ds,
        SOPClassUID=ECG12,
        AcquisitionDateTime="20240310020000.5-0500",
        AcquisitionContextSequence=Sequence(),
        WaveformSequence=[group],
    )


def rt_plan(ds: Dataset, scene: Scene, seen: list[Dataset]) -> None:
    """RT Plan without beams: geometry by patient, one dose reference, one fraction group."""
    fill(
        ds,
        SOPClassUID=RT_PLAN,
        OperatorsName=["Operator^First", "", "Operator^Third"],
        FrameOfReferenceUID=scene.uid("frame of reference"),
        PositionReferenceIndicator="",
        RTPlanLabel="PLAN-1",
        RTPlanName="Synthetic, not for treatment",
        RTPlanDate="20240229",
        RTPlanTime="",
        RTPlanGeometry="TREATMENT_DEVICE",
        ApprovalStatus="UNAPPROVED",
        DoseReferenceSequence=[
            item(
                DoseReferenceNumber=1,
                DoseReferenceUID=scene.uid("dose reference"),
                DoseReferenceStructureType="COORDINATES",
                DoseReferencePointCoordinates=["0", "-12.5", "100.25"],
                DoseReferenceType="TARGET",
                TargetPrescriptionDose="60",
            )
        ],
        FractionGroupSequence=[
            item(
                FractionGroupNumber=1,
                NumberOfFractionsPlanned=30,
                NumberOfBeams=0,
                NumberOfBrachyApplicationSetups=0,
            )
        ],
    )
