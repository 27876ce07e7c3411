"""Knows patients as entities: the studies of one Patient ID, which is the unique key of their level (PS3.4 C.6.1.1.2).

Must not know transports, or how studies are searched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from simulators.archive import lines
from simulators.archive.archive import Archive
from simulators.archive.levels import INSTANCES_OF_STUDY, PATIENT_ATTRIBUTES, SERIES_OF_STUDY
from simulators.archive.question import Key, Question
from simulators.model.json_encode import attribute

PATIENT_ID: Final = "00100020"
COUNTS: Final = {"00201200": "", "00201202": SERIES_OF_STUDY, "00201204": INSTANCES_OF_STUDY}


@dataclass(frozen=True, slots=True)
class Patient:
    """One match. `elements` maps tags to encoded attributes, as the first of the matching studies tells them."""

    id: str
    elements: Mapping[str, bytes]


def search(archive: Archive, question: Question, *, count: bool = False) -> list[Patient]:
    """The patients of whom at least one study fulfils the keys, by Patient ID; BadValue as for any search.

    Studies without a Patient ID belong to no patient: every entity has its unique key (PS3.4 C.2.2.1.1). With
    `count` the numbers of related studies, series and instances are told as well.
    """
    told = replace(question, levels=("study",), include=question.include | {(PATIENT_ID,)}, uids_only=False)
    found: dict[str, Mapping[str, bytes]] = {}
    for row in archive.search(told).rows:
        who = patient_of(row.elements)
        if who:
            found.setdefault(who, {tag: text for tag, text in row.elements.items() if tag in PATIENT_ATTRIBUTES})
    return [Patient(who, {**found[who], **(_counts(archive, who) if count else {})}) for who in sorted(found)]


def patient_of(elements: Mapping[str, bytes]) -> str:
    """The Patient ID of a row, '' when it has none."""
    return lines.plain(elements.get(PATIENT_ID)) or ""


def _counts(archive: Archive, who: str) -> dict[str, bytes]:
    """The numbers over all studies of the patient, whether they fulfil the keys or not."""
    found = archive.search(Question(("study",), include=frozenset(((PATIENT_ID,),)), keys=_exactly(who))).rows
    rows = [row for row in found if patient_of(row.elements) == who]
    totals = {tag: sum(_number(row.elements.get(of)) for row in rows) for tag, of in COUNTS.items() if of}
    return {tag: attribute("IS", totals.get(tag, len(rows))) for tag in COUNTS}


def _exactly(who: str) -> tuple[Key, ...]:
    """A key that lets this Patient ID through; one with a wild card in it is compared afterwards."""
    return (Key((PATIENT_ID,), (who,)),) if "\\" not in who else ()


def _number(text: bytes | None) -> int:
    found = lines.parsed(text).get("Value") if text else None
    return found[0] if isinstance(found, list) and found and isinstance(found[0], int) else 0
