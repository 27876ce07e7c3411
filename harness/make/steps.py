"""Knows how to make what modalities say of their steps: worklist items and queries, performed steps, commitments.

Must not know what a right answer is, nor how anything is sent (PS3.4 F.7.2.1.1, J.3.2.1.1, K.6.1.2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from harness.make.modules import code, digest, fill, item
from harness.make.uids import uid

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
CT, MR, SC = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.7"
STEP = "00400100"  # Scheduled Procedure Step Sequence

_STEP_KEYS: Mapping[str, str] = {
    "station": f"{STEP}.00400001",
    "date": f"{STEP}.00400002",
    "time": f"{STEP}.00400003",
    "modality": f"{STEP}.00080060",
    "physician": f"{STEP}.00400006",
}
REQUIRED: Mapping[str, str] = {**_STEP_KEYS, "name": "00100010", "patient": "00100020"}
"""The keys that every provider of a worklist matches, by a word for each (Table K.6-1, "R")."""

RETURNED: tuple[str, ...] = (
    *REQUIRED.values(),
    *(f"{STEP}.{tag}" for tag in ("00400007", "00400010", "00400011", "00400009", "00400012", "00321070", "00400008")),
    "00401001", "00321060", "00321064", "0020000D", "00081110", "00401003", "00401004", "00080050", "00321032",
    "00080090", "00380010", "00380300", "00081120", "00100030", "00100040", "00101030", "00403001", "00380500",
    "001021C0", "00102000", "00102110", "00380050",
)  # fmt: skip
"""What can be asked back of an item and has Return Key Type 1, 1C, 2 or 2C (Table K.6-1)."""

_NAMES = ("Adams^Jane", "Müller^Jörg", "Östberg^Åsa^Maria", "Brown^Bob", "Adamson^Will", "Núñez^José", "Lee^Kim^^Dr")
_TIMES = ("080000", "093000", "115959", "170000", "233000", "001500", "060000", "120000")
_STATIONS = (("CT1", "CT"), ("CT2", "CT"), ("MR1", "MR"), ("US_ROOM", "US"))
_DAYS = ("20240305", "20240306", "20240306", "20240307")


def by_path(found: Mapping[str, str]) -> Dataset:
    """A data set of values by tag or dotted path of tags; what lies below one sequence shares its one item.

    '' is a value of zero length. A backslash divides values.
    """
    made = Dataset()
    for path, value in found.items():
        held, *rest = made, *path.split(".")
        for tag in rest[:-1]:
            if int(tag, 16) not in held:
                held.add(DataElement(int(tag, 16), "SQ", [Dataset()]))
            held = held[int(tag, 16)].value[0]
        number = int(rest[-1], 16)
        vr = dictionary_VR(number).split(" ")[0]
        held.add(DataElement(number, vr, [] if vr == "SQ" else value or None))
    if not all(value.isascii() for value in found.values()):
        made.SpecificCharacterSet = "ISO_IR 192"
    return made


def query(found: Mapping[str, str] | None = None, returned: Iterable[str] = RETURNED) -> Dataset:
    """The identifier of a worklist query with these keys, and `returned` asked back."""
    return by_path({**dict.fromkeys(returned, ""), **(found or {})})


def scheduled(seed: object, count: int = 8) -> list[Dataset]:
    """Worklist items with all attributes of type 1 and 2; the same for the same seed.

    Stations, modalities, days and times are shared by some of them and not by others; two lie around midnight, names
    are in several alphabets, and one has only what is needed.
    """
    return [_scheduled(seed, number, bare=number == count - 1) for number in range(count)]


def _scheduled(seed: object, number: int, bare: bool) -> Dataset:
    station, modality = _STATIONS[(digest(seed, "station") + number // 2) % len(_STATIONS)]
    tail = f"{digest(seed) % 10**6:06d}{number:02d}"
    step = item(
        ScheduledStationAETitle=station,
        ScheduledProcedureStepStartDate=_DAYS[number % len(_DAYS)],
        ScheduledProcedureStepStartTime=_TIMES[(number * 3 + digest(seed, "time")) % len(_TIMES)],
        Modality=modality,
        ScheduledPerformingPhysicianName="" if bare else "Grün^Eva" if number % 2 else "Black^Jack",
        ScheduledProcedureStepDescription=f"{modality} of the {('head', 'thorax', 'knee')[number % 3]}",
        ScheduledStationName="" if bare else station.lower(),
        ScheduledProcedureStepLocation="" if bare else f"Room {number % 3}",
        ScheduledProcedureStepID=f"S{tail}",
        ScheduledProtocolCodeSequence=[] if bare else [code(f"P{number % 3}", "99PROOF", "a protocol")],
        PreMedication="",
        RequestedContrastAgent="",
    )
    return fill(
        Dataset(),
        SpecificCharacterSet="ISO_IR 192",
        ScheduledProcedureStepSequence=[step],
        StudyInstanceUID=uid(seed, "scheduled study", number),
        RequestedProcedureID=f"R{tail}",
        RequestedProcedureDescription=f"{modality} study",
        RequestedProcedureCodeSequence=[code(f"RP{number % 3}", "99PROOF", "a procedure")],
        AccessionNumber="" if bare else f"A{tail}",
        PatientName=_NAMES[number % len(_NAMES)],
        PatientID=f"W{tail}",
        PatientBirthDate="" if bare else "19680412",
        PatientSex="" if bare else "FMO"[number % 3],
        PatientWeight=None if bare else "70",
        **dict.fromkeys(_EMPTY_TEXTS, ""),
        ReferencedStudySequence=[],
        ReferencedPatientSequence=[],
        PregnancyStatus=None if bare else 4,
    )


_EMPTY_TEXTS = ("RequestedProcedurePriority", "PatientTransportArrangements", "RequestingPhysician",
                "ReferringPhysicianName", "AdmissionID", "CurrentPatientLocation", "PatientState", "MedicalAlerts",
                "Allergies", "SpecialNeeds", "ConfidentialityConstraintOnPatientDataDescription")  # fmt: skip


def created(seed: object, planned: Dataset | None = None, **changes: Any) -> Dataset:
    """The Attribute List of an N-CREATE: all attributes of type 1 and 2, what is not known without a value.

    `planned` is the worklist item that it performs; `changes` by keyword, None takes an attribute out.
    """
    tail = f"{digest(seed) % 10**8:08d}"
    step = planned.ScheduledProcedureStepSequence[0] if planned is not None else Dataset()
    item_ = planned if planned is not None else Dataset()
    made = fill(
        Dataset(),
        SpecificCharacterSet="ISO_IR 192",
        ScheduledStepAttributesSequence=[_planned(seed, item_, step)],
        PatientName=item_.get("PatientName", "Proof^Müller"),
        PatientID=item_.get("PatientID", f"W{tail}"),
        PatientBirthDate=item_.get("PatientBirthDate", ""),
        PatientSex=item_.get("PatientSex", ""),
        ReferencedPatientSequence=[],
        PerformedProcedureStepID=f"P{tail}",
        PerformedStationAETitle=str(step.get("ScheduledStationAETitle", "PROOF_CT")),
        PerformedProcedureStepStartDate="20240306",
        PerformedProcedureStepStartTime="101500",
        PerformedProcedureStepStatus=IN_PROGRESS,
        ProcedureCodeSequence=[],
        PerformedProcedureStepDiscontinuationReasonCodeSequence=[],
        Modality=str(step.get("Modality", "CT")),
        StudyID="",
        PerformedProtocolCodeSequence=[],
        PerformedSeriesSequence=[],
        **dict.fromkeys(_UNKNOWN_YET, ""),
    )
    return changed(made, **changes)


_UNKNOWN_YET = ("PerformedStationName", "PerformedLocation", "PerformedProcedureStepDescription",
                "PerformedProcedureTypeDescription", "PerformedProcedureStepEndDate",
                "PerformedProcedureStepEndTime")  # fmt: skip


def _planned(seed: object, planned: Dataset, step: Dataset) -> Dataset:
    return item(
        StudyInstanceUID=planned.get("StudyInstanceUID", uid(seed, "performed study")),
        ReferencedStudySequence=[],
        AccessionNumber=planned.get("AccessionNumber", ""),
        RequestedProcedureID=planned.get("RequestedProcedureID", ""),
        RequestedProcedureDescription=planned.get("RequestedProcedureDescription", ""),
        ScheduledProcedureStepID=step.get("ScheduledProcedureStepID", ""),
        ScheduledProcedureStepDescription=step.get("ScheduledProcedureStepDescription", ""),
        ScheduledProtocolCodeSequence=[],
    )


def changed(made: Dataset, **changes: Any) -> Dataset:
    """The data set with these attributes by keyword set anew, taken out where the value is None."""
    for keyword, value in changes.items():
        if value is not None:
            setattr(made, keyword, value)
        elif keyword in made:
            delattr(made, keyword)
    return made


def series(seed: object, number: int = 1, instances: int = 2, **changes: Any) -> Dataset:
    """An item of the Performed Series Sequence with references to so many images."""
    made = item(
        PerformingPhysicianName="Grün^Eva",
        ProtocolName="HEAD",
        OperatorsName="",
        SeriesInstanceUID=uid(seed, "performed series", number),
        SeriesDescription="",
        RetrieveAETitle="",
        ReferencedImageSequence=references((CT, uid(seed, "image", number, n)) for n in range(instances)),
        ReferencedNonImageCompositeSOPInstanceSequence=[],
    )
    return changed(made, **changes)


def finished(seed: object, state: str = COMPLETED, **changes: Any) -> Dataset:
    """The Modification List of the N-SET that ends a step: all that the final state needs (Table F.7.2-1)."""
    made = fill(
        Dataset(),
        SpecificCharacterSet="ISO_IR 192",
        PerformedProcedureStepStatus=state,
        PerformedProcedureStepEndDate="20240306",
        PerformedProcedureStepEndTime="103000",
        PerformedSeriesSequence=[series(seed)],
    )
    return changed(made, **changes)


def references(pairs: Iterable[tuple[str, str]]) -> list[Dataset]:
    """Items that refer to instances, given as SOP Class UID and SOP Instance UID."""
    return [item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=name) for sop_class, name in pairs]


def commitment(transaction: str, pairs: Iterable[tuple[str, str]], **changes: Any) -> Dataset:
    """The Action Information of a storage commitment request (Table J.3-1)."""
    made = fill(Dataset(), TransactionUID=transaction, ReferencedSOPSequence=references(pairs))
    return changed(made, **changes)


def report(
    transaction: str, safe: Iterable[tuple[str, str]] = (), failed: Iterable[tuple[str, str, int]] = (), **changes: Any
) -> Dataset:
    """The Event Information of a storage commitment report (Table J.3-2)."""
    made = fill(Dataset(), TransactionUID=transaction)
    if held := references(safe):
        made.ReferencedSOPSequence = held
    lost = [
        item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=name, FailureReason=reason)
        for sop_class, name, reason in failed
    ]
    if lost:
        made.FailedSOPSequence = lost
    return changed(made, **changes)


def value(planned: Dataset, path: str) -> str:
    """The value of an item by dotted path, '' without one."""
    *above, tag = (int(part, 16) for part in path.split("."))
    held = planned
    for sequence in above:
        if sequence not in held or not held[sequence].value:
            return ""
        held = held[sequence].value[0]
    element = held.get(tag)
    return "" if element is None or element.value is None else str(element.value)


@st.composite
def queries(draw: DrawFn, items: Sequence[Dataset], max_keys: int = 3) -> dict[str, str]:
    """Required keys of a worklist query with values that some of these items have, as the text lets them be asked.

    ValueError when there is no item.
    """
    if not items:
        raise ValueError("nothing is scheduled that could be asked for")
    subject = draw(st.sampled_from(list(items)))
    words = draw(st.lists(st.sampled_from(list(REQUIRED)), max_size=max_keys, unique=True))
    asked = {REQUIRED[word]: draw(_asked(word, value(subject, REQUIRED[word]))) for word in words}
    return {path: text for path, text in asked.items() if text}


def _asked(word: str, held: str) -> SearchStrategy[str]:
    """Forms in which a value may be asked for: as it is, as a pattern, as a range (Table K.6-1)."""
    if word in ("date", "time") and held:
        return st.sampled_from((held, f"{held}-", f"-{held}", f"{held}-{held}"))
    if word in ("name", "physician") and held:
        return st.sampled_from((held, f"{held[:2]}*", f"*{held[-2:]}", f"?{held[1:]}"))
    return st.just(held)


def transactions(known: Sequence[tuple[str, str]], seed: object) -> SearchStrategy[list[tuple[str, str]]]:
    """References for a commitment: some that are known, some that nobody stored, each once."""
    strangers = [(SC, uid(seed, "never stored", number)) for number in range(3)]
    return st.lists(st.sampled_from([*known, *strangers]), min_size=1, max_size=6, unique=True)
