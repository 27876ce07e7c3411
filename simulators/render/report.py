"""Knows what stands in a report or about a document, as headings and texts in order (PS3.3 C.17.3, C.24.2).

Must not know the forms it is written in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from simulators.render import attributes
from simulators.render.view import TooLarge

MOST_ITEMS = 100_000
MOST_DEPTH = 40

_HEAD = (
    ("Patient", "PatientName"),
    ("Patient ID", "PatientID"),
    ("Birth date", "PatientBirthDate"),
    ("Sex", "PatientSex"),
    ("Study date", "StudyDate"),
    ("Accession number", "AccessionNumber"),
    ("Referring physician", "ReferringPhysicianName"),
    ("Completion", "CompletionFlag"),
    ("Verification", "VerificationFlag"),
)
_PLAIN = {
    "TEXT": "TextValue",
    "DATETIME": "DateTime",
    "DATE": "Date",
    "TIME": "Time",
    "UIDREF": "UID",
    "PNAME": "PersonName",
}


@dataclass(frozen=True)
class Entry:
    """A heading, a text, or both; `depth` counts from 0, the title."""

    depth: int
    heading: str
    text: str = ""


def head(dataset: Dataset) -> list[tuple[str, str]]:
    """Names and values of what tells whose and which report it is."""
    found = ((label, said(dataset, keyword)) for label, keyword in _HEAD)
    return [(label, text) for label, text in found if text]


def said(dataset: Dataset, keyword: str) -> str:
    """A value for people: a name without carets, all else as it stands; '' without one."""
    found = attributes.value(dataset, keyword)
    if isinstance(found, PersonName):
        groups = (str(group).replace("^", " ").strip() for group in (found.alphabetic, found.ideographic))
        return " / ".join(group for group in groups if group)
    return "" if found is None or isinstance(found, bytes) else str(found).strip(" \0")


def title(dataset: Dataset) -> str:
    """The concept that the document as a whole is named by, or another name of it."""
    return meaning(dataset, "ConceptNameCodeSequence") or said(dataset, "DocumentTitle") or "Document"


def meaning(dataset: Dataset, keyword: str) -> str:
    """The meaning of the first code of a sequence, the code itself where nobody says what it means."""
    for item in attributes.items(dataset, keyword)[:1]:
        return said(item, "CodeMeaning") or said(item, "CodeValue")
    return ""


def entries(dataset: Dataset) -> list[Entry]:
    """The content tree in reading order, without its root; TooLarge for one that is too large or too deep."""
    found: list[Entry] = []
    for entry in _below(dataset, 1):
        found.append(entry)
        if len(found) > MOST_ITEMS:
            raise TooLarge(f"the report has more than {MOST_ITEMS} content items")
    return found


def _below(dataset: Dataset, depth: int) -> Iterator[Entry]:
    if depth > MOST_DEPTH:
        raise TooLarge(f"the content of the report is nested deeper than {MOST_DEPTH}")
    for item in attributes.items(dataset, "ContentSequence"):
        yield Entry(depth, meaning(item, "ConceptNameCodeSequence"), _value(item))
        yield from _below(item, depth + 1)


def _value(item: Dataset) -> str:
    kind = attributes.word(item, "ValueType")
    if kind in _PLAIN:
        return said(item, _PLAIN[kind])
    if kind == "CODE":
        return meaning(item, "ConceptCodeSequence")
    if kind == "NUM":
        return _measured(item)
    if kind in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        uids = (said(r, "ReferencedSOPInstanceUID") for r in attributes.items(item, "ReferencedSOPSequence"))
        return f"{kind.capitalize()} {', '.join(uids)}".strip()
    if kind in ("SCOORD", "SCOORD3D", "TCOORD"):
        return f"{said(item, 'GraphicType') or said(item, 'TemporalRangeType')} {said(item, 'GraphicData')}".strip()
    place = said(item, "ReferencedContentItemIdentifier")
    return f"See item {place}" if place else ""


def _measured(item: Dataset) -> str:
    for measured in attributes.items(item, "MeasuredValueSequence")[:1]:
        unit = attributes.items(measured, "MeasurementUnitsCodeSequence")
        return f"{said(measured, 'NumericValue')} {said(unit[0], 'CodeValue') if unit else ''}".strip()
    return meaning(item, "NumericValueQualifierCodeSequence")
