"""Knows the information models of Query/Retrieve: SOP Classes, levels, unique keys, and where an attribute belongs.

Must not know archives or messages. (PS3.4 C.6.1, C.6.2)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from simulators.archive.levels import PATIENT_ATTRIBUTES, level_of
from simulators.dimse.identifier import values
from simulators.dimse.talk import DOES_NOT_MATCH, Refused

Verb = Literal["find", "move", "get"]

PATIENT, STUDY, SERIES, IMAGE = "PATIENT", "STUDY", "SERIES", "IMAGE"
LEVEL: Final = "00080052"
UNIQUE: Final = {PATIENT: "00100020", STUDY: "0020000D", SERIES: "0020000E", IMAGE: "00080018"}
# The archive's names of the levels that it has; a patient is no entity of its own there.
HELD: Final = {STUDY: "study", SERIES: "series", IMAGE: "instance"}
_NAMES: Final = {name: level for level, name in HELD.items()}
_PATIENT_COUNTS: Final = frozenset(("00201200", "00201202", "00201204"))


@dataclass(frozen=True)
class Model:
    """A SOP Class: what it does and the levels of its information model, from the root down."""

    verb: Verb
    levels: tuple[str, ...]

    @property
    def patients(self) -> bool:
        """Patients are entities of their own."""
        return self.levels[0] == PATIENT

    def level(self, tag: str) -> str:
        """The level at which an attribute stands; '' for those that every level has."""
        if self.patients and (tag in PATIENT_ATTRIBUTES or tag in _PATIENT_COUNTS):
            return PATIENT
        name = level_of(tag)
        return _NAMES[name] if name else ""

    def above(self, level: str) -> tuple[str, ...]:
        """The levels over this one, from the root down."""
        return self.levels[: self.levels.index(level)]

    def asked_level(self, elements: Mapping[str, str]) -> str:
        """Query/Retrieve Level of an identifier; Refused when it is none of this model."""
        found = values(elements, LEVEL)
        if len(found) != 1 or found[0] not in self.levels:
            raise Refused(DOES_NOT_MATCH, f"Query/Retrieve Level is one of {', '.join(self.levels)}", int(LEVEL, 16))
        return found[0]

    def single(self, elements: Mapping[str, str], level: str) -> str:
        """The one value of the unique key of a level; Refused when there is none, or more than that."""
        tag = UNIQUE[level]
        found = values(elements, tag)
        if len(found) != 1 or (level == PATIENT and set(found[0]) & set("*?")):
            raise Refused(
                DOES_NOT_MATCH, f"one single value of the unique key of level {level} is needed", int(tag, 16)
            )
        return found[0]


_ROOTS: Final = {"1": (PATIENT, STUDY, SERIES, IMAGE), "2": (STUDY, SERIES, IMAGE)}
_VERBS: Final[dict[str, Verb]] = {"1": "find", "2": "move", "3": "get"}
MODELS: Final = {
    f"1.2.840.10008.5.1.4.1.2.{root}.{number}": Model(verb, levels)
    for root, levels in _ROOTS.items()
    for number, verb in _VERBS.items()
}
