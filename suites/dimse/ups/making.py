"""Makes what agents of the Unified Procedure Step say: workitems, what is set in them, actions and queries.

Must not know what a right answer is, nor how anything is sent (PS3.4 Tables CC.2.1-1, CC.2.2-1, CC.2.3-1, CC.2.5-3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydicom.dataset import Dataset

from harness.make.modules import code, fill, item
from harness.make.steps import by_path
from suites.dimse.ups.table import CANCELED, IN_PROGRESS, SCHEDULED

PRIORITIES = ("HIGH", "MEDIUM", "LOW")
READY, UNREADY = "READY", "INCOMPLETE"
WHEN = "20240305101500"
LATER = "20240305104500"
STATION = code("XRAY7", "99PROOF", "the seventh room")
OTHER_STATION = code("XRAY8", "99PROOF", "the eighth room")
REASON = code("110513", "DCM", "Discontinued for unspecified reason")
WORK = code("121726", "DCM", "RT Treatment with Internal Verification")

NAMES: Mapping[str, str] = {
    "00741000": "Procedure Step State",
    "00741200": "Scheduled Procedure Step Priority",
    "00741204": "Procedure Step Label",
    "00741202": "Worklist Label",
    "00404005": "Scheduled Procedure Step Start DateTime",
    "00404041": "Input Readiness State",
    "00404025.00080100": "Scheduled Station Name Code",
    "00100010": "Patient's Name",
    "00100020": "Patient ID",
    "00380010": "Admission ID",
    "0040A370.00080050": "Accession Number",
    "0040A370.00401001": "Requested Procedure ID",
}
"""Keys that every provider matches (Match Key Type R), by path, as a probe asks for them."""


def created(label: str, number: int, study: str, **changes: Any) -> Dataset:
    """The attributes of a new workitem, all of type 1 and 2 of a user; None for a keyword leaves the attribute out.

    `label` and `number` tell it from every other: label, patient, admission and accession number are made of them.
    """
    tail = f"{label}{number}"
    request = item(
        StudyInstanceUID=study, AccessionNumber=tail[:16], IssuerOfAccessionNumberSequence=[],
        OrderPlacerIdentifierSequence=[], OrderFillerIdentifierSequence=[], RequestedProcedureID=f"R{tail}"[:16],
        RequestedProcedureDescription="a procedure", RequestedProcedureCodeSequence=[],
    )  # fmt: skip
    made = fill(
        Dataset(),
        SpecificCharacterSet="ISO_IR 192",
        TransactionUID=None,
        ScheduledProcedureStepPriority=PRIORITIES[number % 3],
        ProcedureStepLabel=f"Proof {tail}",
        WorklistLabel=f"List {number % 2}",
        ScheduledProcessingParametersSequence=[],
        ScheduledStationNameCodeSequence=[STATION],
        ScheduledStationClassCodeSequence=[],
        ScheduledStationGeographicLocationCodeSequence=[],
        ScheduledHumanPerformersSequence=[],
        ScheduledProcedureStepStartDateTime=WHEN,
        ScheduledWorkitemCodeSequence=[WORK],
        CommentsOnTheScheduledProcedureStep="schräg",
        InputReadinessState=READY,
        InputInformationSequence=[],
        StudyInstanceUID=study,
        PatientName=f"Prüfung^{label}",
        PatientID=f"U{tail}",
        IssuerOfPatientID="",
        IssuerOfPatientIDQualifiersSequence=[],
        OtherPatientIDsSequence=[],
        PatientBirthDate="19700101",
        PatientSex="O",
        AdmissionID=f"A{tail}",
        IssuerOfAdmissionIDSequence=[],
        AdmittingDiagnosesDescription="",
        AdmittingDiagnosesCodeSequence=[],
        ReferencedRequestSequence=[request],
        ProcedureStepState=SCHEDULED,
        ProcedureStepProgressInformationSequence=[],
        UnifiedProcedureStepPerformedProcedureSequence=[],
    )
    return _changed(made, changes)


def _changed(made: Dataset, changes: Mapping[str, Any]) -> Dataset:
    for keyword, value in changes.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return made


def modified(transaction: str = "", **values: Any) -> Dataset:
    """Modifications of a workitem; the Transaction UID goes with them when there is one."""
    made = fill(Dataset(), SpecificCharacterSet="ISO_IR 192", **values)
    return fill(made, TransactionUID=transaction) if transaction else made


def progress(transaction: str, percent: int, words: str = "under way") -> Dataset:
    """How far the work has come."""
    told = item(ProcedureStepProgress=str(percent), ProcedureStepProgressDescription=words)
    return modified(transaction, ProcedureStepProgressInformationSequence=[told])


def performed(transaction: str, **values: Any) -> Dataset:
    """What has to be known of the work before it is COMPLETED (Table CC.2.5-3, codes R and P)."""
    done = item(
        PerformedStationNameCodeSequence=[STATION],
        PerformedProcedureStepStartDateTime=WHEN,
        PerformedWorkitemCodeSequence=[WORK],
        PerformedProcedureStepEndDateTime=LATER,
        OutputInformationSequence=[],
    )
    return modified(transaction, UnifiedProcedureStepPerformedProcedureSequence=[_changed(done, values)])


def abandoned(transaction: str) -> Dataset:
    """What has to be known before it is CANCELED (codes R and X)."""
    why = item(
        ProcedureStepCancellationDateTime=LATER,
        ReasonForCancellation="no longer needed",
        ProcedureStepDiscontinuationReasonCodeSequence=[REASON],
    )
    return modified(transaction, ProcedureStepProgressInformationSequence=[why])


def state(to: str, transaction: str | None) -> Dataset:
    """The action that changes the state; no Transaction UID for None."""
    made = fill(Dataset(), ProcedureStepState=to)
    return made if transaction is None else fill(made, TransactionUID=transaction)


def claim(transaction: str) -> Dataset:
    return state(IN_PROGRESS, transaction)


def cancellation(reason: str = "the patient has left") -> Dataset:
    """A request to cancel, with everything that it may carry."""
    return fill(
        Dataset(),
        SpecificCharacterSet="ISO_IR 192",
        ReasonForCancellation=reason,
        ProcedureStepDiscontinuationReasonCodeSequence=[REASON],
        ContactURI="tel:+49-30-1234",
        ContactDisplayName="Desk",
    )


def subscription(title: str, lock: bool | None = False, keys: Mapping[str, str] | None = None) -> Dataset:
    """Who is to receive events; `lock` None leaves the Deletion Lock out."""
    made = by_path(keys or {})
    made.ReceivingAE = title
    if lock is not None:
        made.DeletionLock = "TRUE" if lock else "FALSE"
    return made


def query(keys: Mapping[str, str], returned: Iterable[str] = ()) -> Dataset:
    """The identifier of a search with these keys, and what is asked back, all by path."""
    return by_path({**dict.fromkeys(returned, ""), **keys})


ENDINGS = {"COMPLETED": performed, CANCELED: abandoned}
