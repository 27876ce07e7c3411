"""Knows what a target is known to hold, whether we loaded it or found it: studies, series, instances, their attributes.

Must not know how it is asked for, or what a right answer is.
"""

from __future__ import annotations

import random as random_module
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from harness.make.attributes import Attributes, texts, values
from harness.make.sample import Sample

Level = Literal["study", "series", "instance"]

STUDY_TAGS = frozenset(
    [
        "00080005",
        "00080020",
        "00080030",
        "00080050",
        "00080056",
        "00080061",
        "00080090",
        "00080201",
        "00081030",
        "00100010",
        "00100020",
        "00100030",
        "00100040",
        "00101010",
        "0020000D",
        "00200010",
        "00201206",
        "00201208",
    ]
)
SERIES_TAGS = frozenset(
    [
        "00080005",
        "00080060",
        "00080201",
        "0008103E",
        "00180015",
        "0020000D",
        "0020000E",
        "00200011",
        "00201209",
        "00400244",
        "00400245",
        "00400275",
    ]
)
_UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(\.[0-9]+)*\Z")  # looser than PS3.5 9.1: what a product holds is to be asked for


@dataclass(frozen=True)
class Entity:
    """One study, series or instance with its DICOM JSON attributes; UIDs below its level are ''.

    `frames` and `transfer_syntax` belong to instances: 0 and '' when not known or not an image.
    """

    level: Level
    study: str
    series: str = ""
    instance: str = ""
    attrs: Attributes = field(default_factory=dict, compare=False, repr=False)
    frames: int = 0
    transfer_syntax: str = ""

    @property
    def uids(self) -> tuple[str, ...]:
        return tuple(uid for uid in (self.study, self.series, self.instance) if uid)

    @property
    def path(self) -> str:
        """The resource below a Base URI (PS3.18 10.1)."""
        return "".join(f"/{n}/{u}" for n, u in zip(("studies", "series", "instances"), self.uids, strict=False))

    def attribute(self, path: str) -> str:
        """The first value by tag or dotted path of tags as a search would spell it, '' when absent or empty."""
        found = texts(self.attrs, path)
        return found[0] if found else ""

    def texts(self, path: str) -> list[str]:
        """All values as a search would spell them, empty ones left out."""
        return texts(self.attrs, path)

    def values(self, path: str) -> list[Any]:
        """All values in DICOM JSON form."""
        return values(self.attrs, path)


@dataclass(frozen=True)
class Holding:
    """Entities in the order they were loaded or found, so that the same position means the same in every run.

    `left_out` counts found rows that named no usable UIDs.
    """

    studies: tuple[Entity, ...] = ()
    series: tuple[Entity, ...] = ()
    instances: tuple[Entity, ...] = ()
    left_out: int = 0

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Holding:
        """What a target holds once it has taken these samples."""
        samples = list(samples)
        instances = tuple(
            Entity("instance", s.study, s.series, s.instance, s.attrs, s.frames, s.transfer_syntax) for s in samples
        )
        series = [_series_of(held) for held in _groups(instances, "series")]
        studies = [_study_of(held) for held in _groups(instances, "study")]
        return cls(tuple(studies), tuple(series), instances)

    @classmethod
    def found(
        cls, studies: Iterable[Attributes] = (), series: Iterable[Attributes] = (), instances: Iterable[Attributes] = ()
    ) -> Holding:
        """What a target showed: DICOM JSON data sets out of searches or metadata.

        A row has to name its own UID and those above it; a finder that asked below a study adds the study's
        UID to rows that lack it. Rows without are left out and counted; of two rows for one UID the first counts.
        Studies and series that only the rows below them name are added with the UIDs alone.
        """
        seen = _Seen()
        for level, rows in (("study", studies), ("series", series), ("instance", instances)):
            for row in rows:
                seen.add(level, row)
        return seen.holding()

    def at(self, level: Level) -> tuple[Entity, ...]:
        """The entities of a level."""
        return {"study": self.studies, "series": self.series, "instance": self.instances}[level]

    def below(self, entity: Entity, level: Level) -> tuple[Entity, ...]:
        """The entities of a level that belong to this one, itself for its own level."""
        depth = len(entity.uids)
        return tuple(other for other in self.at(level) if other.uids[:depth] == entity.uids)

    def pick(self, random: random_module.Random, level: Level) -> Entity | None:
        """One entity of a level by chance, None when there is none."""
        held = self.at(level)
        return held[random.randrange(len(held))] if held else None

    def values(self, tag: str, level: Level) -> list[str]:
        """The distinct values of an attribute among a level's entities, sorted, as a search would spell them."""
        return sorted({text for entity in self.at(level) for text in entity.texts(tag)})

    def image(self) -> Entity | None:
        """The first instance with one frame of pixels."""
        return next((e for e in self.instances if e.frames == 1), None)

    def multiframe(self) -> Entity | None:
        """The first instance with several frames."""
        return next((e for e in self.instances if e.frames > 1), None)

    def with_transfer_syntax(self, uid: str) -> Entity | None:
        """The first instance that is known to be held in this transfer syntax."""
        return next((e for e in self.instances if e.transfer_syntax == uid), None)

    def with_sop_class(self, uid: str) -> Entity | None:
        """The first instance of this SOP Class."""
        return next((e for e in self.instances if e.attribute("00080016") == uid), None)

    @cached_property
    def empty(self) -> bool:
        return not (self.studies or self.series or self.instances)


def _groups(instances: Iterable[Entity], level: Level) -> list[list[Entity]]:
    """The instances by study or series, in order of first appearance."""
    depth = 1 if level == "study" else 2
    groups: dict[tuple[str, ...], list[Entity]] = {}
    for entity in instances:
        groups.setdefault(entity.uids[:depth], []).append(entity)
    return list(groups.values())


def _series_of(held: list[Entity]) -> Entity:
    first = held[0]
    attrs = {tag: value for tag, value in first.attrs.items() if tag in SERIES_TAGS}
    attrs["00201209"] = {"vr": "IS", "Value": [len(held)]}
    return Entity("series", first.study, first.series, attrs=attrs)


def _study_of(held: list[Entity]) -> Entity:
    first = held[0]
    attrs = {tag: value for tag, value in first.attrs.items() if tag in STUDY_TAGS}
    modalities = dict.fromkeys(entity.attribute("00080060") for entity in held)
    attrs["00080061"] = {"vr": "CS", "Value": [m for m in modalities if m]}
    attrs["00201206"] = {"vr": "IS", "Value": [len({entity.series for entity in held})]}
    attrs["00201208"] = {"vr": "IS", "Value": [len(held)]}
    return Entity("study", first.study, attrs=attrs)


@dataclass
class _Seen:
    """Found rows by UIDs, in order."""

    rows: dict[tuple[str, ...], Entity] = field(default_factory=dict)
    left_out: int = 0

    def add(self, level: str, row: Attributes) -> None:
        wanted = ("0020000D", "0020000E", "00080018")[: ("study", "series", "instance").index(level) + 1]
        uids = tuple(_uid(row, tag) for tag in wanted)
        if not all(uids):
            self.left_out += 1
            return
        for depth in range(1, len(uids)):
            self.rows.setdefault(uids[:depth], _entity(uids[:depth], {}))
        self.rows.setdefault(uids, _entity(uids, row))

    def holding(self) -> Holding:
        levels = [tuple(e for uids, e in self.rows.items() if len(uids) == depth) for depth in (1, 2, 3)]
        return Holding(levels[0], levels[1], levels[2], self.left_out)


def _uid(row: Attributes, tag: str) -> str:
    """A UID that can stand in a path, '' for anything else that a row may hold."""
    if not isinstance(row, Mapping) or not isinstance(row.get(tag), Mapping):
        return ""
    found = values(row, tag)
    text = found[0] if found and isinstance(found[0], str) else ""
    return text if _UID.match(text) else ""


def _entity(uids: tuple[str, ...], row: Attributes) -> Entity:
    study, series, instance = (*uids, "", "")[:3]
    if instance:
        return Entity("instance", study, series, instance, row, _frames(row), _transfer_syntax(row))
    return Entity("series" if series else "study", study, series, attrs=row)


def _frames(row: Attributes) -> int:
    """Number of Frames, 1 for any other image (Rows are there), 0 without."""
    frames, rows = _number(row, "00280008"), _number(row, "00280010")
    return frames if frames > 0 else int(rows > 0)


def _number(row: Attributes, tag: str) -> int:
    found = [text for text in texts(row, tag) if text.isascii() and text.isdigit() and len(text) < 12]
    return int(found[0]) if found else 0


def _transfer_syntax(row: Attributes) -> str:
    """Transfer Syntax UID when the row tells it, or the only Available Transfer Syntax UID (PS3.4 C.6.1.1.5.2)."""
    told = texts(row, "00020010") or texts(row, "00083002")
    return told[0] if len(told) == 1 else ""
