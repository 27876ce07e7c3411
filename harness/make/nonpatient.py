"""Knows how to make Non-Patient Instances of every category, small, valid by their IODs, and new in each run.

(PS3.3 A.44, A.58, A.61 to A.63, A.82, A.88.) Must not know how they are sent, nor what a right answer is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

from PIL import ImageCms
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.sequence import Sequence

from harness.make.attributes import attributes
from harness.make.modules import codes, fill, item
from harness.make.store_metadata import document
from harness.make.uids import uid
from harness.make.write import part10
from harness.nonpatient import CATEGORY_OF

_ROOT: Final = "1.2.840.10008.5.1.4."
CT: Final = "1.2.840.10008.5.1.4.1.1.2"
_KNEE = ("72696002", "SCT", "Knee")
_CHEST = ("51185008", "SCT", "Chest")
_NAMES = ("Möller^Jürgen", "Smith^Ann", "Ito^Ken", "O'Hara^Maeve")


@dataclass(frozen=True)
class Instance:
    """One instance with everything that can be said of it: `dataset` as it is, and its three representations."""

    dataset: Dataset

    @property
    def sop_class(self) -> str:
        return str(self.dataset.SOPClassUID)

    @property
    def uid(self) -> str:
        return str(self.dataset.SOPInstanceUID)

    @property
    def category(self) -> str:
        """The npi-name (PS3.18 Table 12.1.1-1), '' for what is none."""
        return CATEGORY_OF.get(self.sop_class, "")

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """The data set in the DICOM JSON Model, binary values inline."""
        return attributes(self.dataset)

    @cached_property
    def part10(self) -> bytes:
        """The PS3.10 file in Explicit VR Little Endian."""
        return part10(self.dataset)

    @cached_property
    def json(self) -> bytes:
        return json.dumps([self.attributes], ensure_ascii=False).encode()

    @cached_property
    def xml(self) -> bytes:
        return document(self.attributes)


class Maker:
    """Makes instances that no other run has: `nonce` and `purpose` are in their UIDs and names."""

    def __init__(self, nonce: str, purpose: str = "") -> None:
        self._words = (nonce, purpose)
        self._made = 0

    def __call__(self, kind: str) -> Instance:
        """The next instance of a kind; each differs from the one before in the values of most keys."""
        self._made += 1
        return Instance(_made(kind, self._words, self._made))

    def of(self, category: str) -> Instance:
        """The next instance of a category, of its first kind."""
        return self(next(kind for kind, (sop_class, _) in KINDS.items() if CATEGORY_OF[sop_class] == category))

    def again(self, made: Instance, **changes: Any) -> Instance:
        """The same instance with other values, under the same UID."""
        return Instance(fill(Dataset(made.dataset), **changes))


def label(words: tuple[str, ...], number: int) -> str:
    """Twelve capitals and digits that belong to this instance alone, fit for CS and SH."""
    return f"{int(uid(*words).rpartition('.')[2]) % 36**8:X}"[:9] + f"{number:03d}"


def _made(kind: str, words: tuple[str, ...], number: int) -> Dataset:
    sop_class, build = KINDS[kind]
    scene = _Scene(number, label(words, number), lambda *more: uid("non-patient", *words, number, *more))
    made = Dataset()
    fill(made, SpecificCharacterSet="ISO_IR 192", SOPClassUID=sop_class, SOPInstanceUID=scene.uid(kind))
    build(made, scene)
    # who stores it keeps private attributes too (PS3.4 GG.4.2)
    made.private_block(0x0071, "DICOMPROOF", create=True).add_new(0x01, "LO", scene.label)
    return correct_ambiguous_vr(made, True)


@dataclass(frozen=True)
class _Scene:
    """What a builder may use; the same words give the same UID."""

    number: int
    label: str
    uid: Callable[..., str]

    @property
    def name(self) -> str:
        return _NAMES[self.number % len(_NAMES)]

    @property
    def day(self) -> str:
        return f"202401{self.number % 27 + 1:02d}"

    @property
    def anatomy(self) -> tuple[str, str, str]:
        return _KNEE if self.number % 2 else _CHEST


def _palette(ds: Dataset, scene: _Scene) -> None:
    """PS3.3 A.58: Color Palette Definition, Palette Color Lookup Table and ICC Profile Modules."""
    fill(
        ds,
        InstanceNumber=str(scene.number),
        ContentLabel=f"P_{scene.label}",
        ContentDescription=f"Palette {scene.number}",
        ContentCreatorName=scene.name,
        PaletteColorLookupTableUID=scene.uid("lookup table"),
        ICCProfile=profile(),
    )
    for place, colour in enumerate(("Red", "Green", "Blue")):
        table = bytes((step * (place + 1) + scene.number) % 256 for step in range(256))
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(ds, f"{colour}PaletteColorLookupTableData", table)


@cache
def profile() -> bytes:
    """An ICC profile of a display, always the same: its date is fixed (ICC.1 7.2.8)."""
    octets = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    octets[24:36] = bytes.fromhex("07e8 0001 0001 0000 0000 0000")
    octets[84:100] = bytes(16)  # the identifier is a digest of the rest; none is legal
    return bytes(octets) + bytes(len(octets) % 2)


def _hanging(ds: Dataset, scene: _Scene) -> None:
    """PS3.3 A.44: Hanging Protocol Definition, Environment and Display Modules."""
    definition = item(
        Modality="CT" if scene.number % 2 else "MR",
        AnatomicRegionSequence=codes(scene.anatomy),
        Laterality="L" if scene.number % 2 else "R",
        ProcedureCodeSequence=codes(("RPID16", "RADLEX", "CT Chest")),
        ReasonForRequestedProcedureCodeSequence=Sequence(),
    )
    selector = item(
        ImageSetSelectorUsageFlag="NO_MATCH", SelectorAttribute=0x00080060, SelectorAttributeVR="CS",
        SelectorCSValue=definition.Modality, SelectorValueNumber=1,
    )  # fmt: skip
    timed = item(ImageSetNumber=1, ImageSetSelectorCategory="RELATIVE_TIME", RelativeTime=[0, 0],
                 RelativeTimeUnits="SECONDS")  # fmt: skip
    box = item(ImageBoxNumber=1, DisplayEnvironmentSpatialPosition=[0.0, 1.0, 1.0, 0.0], ImageBoxLayoutType="SINGLE")
    display = item(
        DisplaySetNumber=1, DisplaySetPresentationGroup=1, ImageSetNumber=1, ImageBoxesSequence=Sequence([box]),
        FilterOperationsSequence=Sequence(), SortingOperationsSequence=Sequence(),
    )  # fmt: skip
    screen = item(
        NumberOfVerticalPixels=2048, NumberOfHorizontalPixels=1536, ScreenMinimumGrayscaleBitDepth=10,
        DisplayEnvironmentSpatialPosition=[0.0, 1.0, 1.0, 0.0],
    )  # fmt: skip
    fill(
        ds,
        HangingProtocolName=f"H_{scene.label}",
        HangingProtocolDescription=f"Protocol {scene.number}",
        HangingProtocolLevel="SITE" if scene.number % 2 else "USER_GROUP",
        HangingProtocolCreator=scene.name.replace("^", " "),
        HangingProtocolCreationDateTime=f"{scene.day}101500",
        HangingProtocolDefinitionSequence=Sequence([definition]),
        NumberOfPriorsReferenced=scene.number % 2,
        ImageSetsSequence=Sequence(
            [item(ImageSetSelectorSequence=Sequence([selector]), TimeBasedImageSetsSequence=Sequence([timed]))]
        ),
        HangingProtocolUserIdentificationCodeSequence=Sequence(),
        HangingProtocolUserGroupName=f"G_{scene.label}",
        NumberOfScreens=1,
        NominalScreenDefinitionSequence=Sequence([screen]),
        DisplaySetsSequence=Sequence([display]),
        PartialDataDisplayHandling="",
    )


def _implant(ds: Dataset, scene: _Scene) -> None:
    """PS3.3 A.61: Generic Implant Template Description Module."""
    fill(
        ds,
        Manufacturer=f"Maker {scene.label}",
        FrameOfReferenceUID=scene.uid("frame of reference"),
        ImplantName=f"Stem {scene.label}",
        ImplantSize=str(scene.number),
        ImplantPartNumber=f"{scene.label}-{scene.number}",
        ImplantTemplateVersion="1",
        ImplantType="ORIGINAL",
        EffectiveDateTime=f"{scene.day}080000",
        ImplantTargetAnatomySequence=Sequence([item(AnatomicRegionSequence=codes(scene.anatomy))]),
        InformationFromManufacturerSequence=Sequence(),
        NotificationFromManufacturerSequence=Sequence(),
        OverallTemplateSpatialTolerance=None,
        MaterialsCodeSequence=codes(("261248001", "SCT", "Titanium")),
        ImplantTypeCodeSequence=codes(("304120007", "SCT", "Total hip prosthesis")),
        FixationMethodCodeSequence=codes(("414903004", "SCT", "Cement")),
    )


def _assembly(ds: Dataset, scene: _Scene) -> None:
    """PS3.3 A.62: Implant Assembly Template Module."""
    component = item(
        ReferencedSOPClassUID=_ROOT + "43.1", ReferencedSOPInstanceUID=scene.uid("component"), ComponentID=1
    )
    kind = item(
        ComponentTypeCodeSequence=codes(("304120007", "SCT", "Total hip prosthesis")),
        ExclusiveComponentType="YES", MandatoryComponentType="YES", ComponentSequence=Sequence([component]),
    )  # fmt: skip
    fill(
        ds,
        Manufacturer=f"Maker {scene.label}",
        EffectiveDateTime=f"{scene.day}080000",
        ImplantAssemblyTemplateName=f"Assembly {scene.label}",
        ImplantAssemblyTemplateIssuer="Issuer",
        ImplantAssemblyTemplateVersion="1",
        ImplantAssemblyTemplateType="ORIGINAL",
        ImplantAssemblyTemplateTargetAnatomySequence=Sequence([item(AnatomicRegionSequence=codes(scene.anatomy))]),
        ProcedureTypeCodeSequence=codes(("52734007", "SCT", "Total replacement of hip")),
        SurgicalTechnique="Described elsewhere",
        MIMETypeOfEncapsulatedDocument="",
        EncapsulatedDocument=b"",
        ComponentTypesSequence=Sequence([kind]),
    )


def _group(ds: Dataset, scene: _Scene) -> None:
    """PS3.3 A.63: Implant Template Group Module."""
    member = item(
        ReferencedSOPClassUID=_ROOT + "43.1", ReferencedSOPInstanceUID=scene.uid("member"),
        ImplantTemplateGroupMemberID=1,
    )  # fmt: skip
    rank = item(ReferencedImplantTemplateGroupMemberID=1, ImplantTemplateGroupVariationDimensionRank=1)
    dimension = item(
        ImplantTemplateGroupVariationDimensionName="Size",
        ImplantTemplateGroupVariationDimensionRankSequence=Sequence([rank]),
    )
    fill(
        ds,
        EffectiveDateTime=f"{scene.day}080000",
        ImplantTemplateGroupName=f"Group {scene.label}",
        ImplantTemplateGroupDescription=f"Sizes {scene.number}",
        ImplantTemplateGroupIssuer=f"Issuer {scene.number}",
        ImplantTemplateGroupVersion="1",
        ImplantTemplateGroupMembersSequence=Sequence([member]),
        ImplantTemplateGroupVariationDimensionSequence=Sequence([dimension]),
    )


def _equipment(ds: Dataset, scene: _Scene) -> None:
    """PS3.3 C.7.5.1 and C.7.5.2."""
    fill(ds, Manufacturer="dicomproof", ManufacturerModelName="generator", DeviceSerialNumber="1", SoftwareVersions="1")


def _procedure(modality: str) -> Callable[[Dataset, _Scene], None]:
    """PS3.3 A.82.1 and A.82.4: Protocol Context and Equipment Specification Modules."""

    def build(ds: Dataset, scene: _Scene) -> None:
        _equipment(ds, scene)
        custodian = item(InstitutionName=f"Hospital {scene.number}", InstitutionCodeSequence=Sequence())
        model = item(Manufacturer=f"Scanners {scene.label}", ManufacturerModelName=f"{modality}-{scene.number}")
        fill(
            ds,
            InstanceCreationDate=scene.day,
            InstanceCreationTime=f"{scene.number % 24:02d}3000",
            CustodialOrganizationSequence=Sequence([custodian]),
            ResponsibleGroupCodeSequence=Sequence(),
            ProtocolName=f"{modality} {scene.label}",
            PotentialScheduledProtocolCodeSequence=codes((f"S{scene.number}", "99DICOMPROOF", "Scan")),
            PotentialReasonsForProcedure="Pain",
            ContentCreatorName=scene.name,
            EquipmentModality=modality,
            ModelSpecificationSequence=Sequence([model]),
            AnatomicRegionSequence=codes(scene.anatomy),
            ClinicalTrialSponsorName=f"Sponsor {scene.number}",
            ClinicalTrialProtocolID=f"T{scene.number}",
        )

    return build


def _approval(ds: Dataset, scene: _Scene) -> None:
    """PS3.3 A.82.3: Protocol Approval Module."""
    _equipment(ds, scene)
    asserter = item(
        ObserverType="PSN", PersonName=scene.name, PersonIdentificationCodeSequence=Sequence(),
        InstitutionName="Hospital", InstitutionCodeSequence=Sequence(),
    )  # fmt: skip
    approval = item(
        AssertionCodeSequence=codes(("128603", "DCM", "Approved for use in the institution")),
        AssertionUID=scene.uid("assertion"),
        AsserterIdentificationSequence=Sequence([asserter]),
        AssertionDateTime=f"{scene.day}120000",
    )
    subject = item(ReferencedSOPClassUID=_ROOT + "1.1.200.1", ReferencedSOPInstanceUID=scene.uid("subject"))
    fill(ds, ApprovalSubjectSequence=Sequence([subject]), ApprovalSequence=Sequence([approval]))


def _inventory(ds: Dataset, scene: _Scene) -> None:
    """PS3.3 A.88: Inventory Module, of a repository without studies."""
    _equipment(ds, scene)
    fill(
        ds,
        ContentDate=scene.day,
        ContentTime=f"{scene.number % 24:02d}0000",
        ScopeOfInventorySequence=Sequence(),
        InventoryPurpose=f"Migration {scene.label}",
        InventoryLevel="SERIES" if scene.number % 2 else "STUDY",
        InventoryCompletionStatus="COMPLETE",
        NumberOfStudyRecordsInInstance=0,
        TotalNumberOfStudyRecords=0,
        InventoriedStudiesSequence=Sequence(),
        IncorporatedInventoryInstanceSequence=Sequence(),
    )


KINDS: Mapping[str, tuple[str, Callable[[Dataset, _Scene], None]]] = {
    "palette": (_ROOT + "39.1", _palette),
    "hanging": (_ROOT + "38.1", _hanging),
    "implant": (_ROOT + "43.1", _implant),
    "assembly": (_ROOT + "44.1", _assembly),
    "group": (_ROOT + "45.1", _group),
    "ct-protocol": (_ROOT + "1.1.200.1", _procedure("CT")),
    "xa-protocol": (_ROOT + "1.1.200.7", _procedure("XA")),
    "approval": (_ROOT + "1.1.200.3", _approval),
    "inventory": (_ROOT + "1.1.201.1", _inventory),
}
"""What can be made: the SOP Class and the builder of each kind."""


def stray(nonce: str) -> Instance:
    """A CT image of a patient, which is no Non-Patient Instance: the least of one that can be told."""
    made = fill(
        Dataset(), SOPClassUID=CT, SOPInstanceUID=uid("stray", nonce), StudyInstanceUID=uid("stray study", nonce),
        SeriesInstanceUID=uid("stray series", nonce), PatientID="STRAY", PatientName="Stray^Image", Modality="CT",
        StudyDate="20240101", StudyTime="120000", StudyID="1", SeriesNumber="1", InstanceNumber="1",
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", Rows=2, Columns=2, BitsAllocated=16,
        BitsStored=12, HighBit=11, PixelRepresentation=0, PixelData=bytes(8),
    )  # fmt: skip
    made["PixelData"].VR = "OW"
    return Instance(made)
