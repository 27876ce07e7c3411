"""Knows the required matching attributes of QIDO-RS and at which resource each may be asked (PS3.18 10.6.1.2.3).

Must not know values, holdings or targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from harness.wire.uri import SEARCH_LEVELS


@dataclass(frozen=True, slots=True)
class Key:
    """One matching attribute: the path of tags and the path of keywords that name it, VR and level."""

    tags: tuple[str, ...]
    keywords: tuple[str, ...]
    vr: str
    level: str

    @property
    def path(self) -> str:
        """Dotted tags: the name under which a holding knows it."""
        return ".".join(self.tags)

    @property
    def keyword(self) -> str:
        return ".".join(self.keywords)

    def spelled(self, by: str) -> str:
        """The attribute as a query parameter's name: by "tag", by "keyword", or "mixed" (sequences only differ)."""
        if by == "tag":
            return self.path
        if by == "mixed" and len(self.tags) > 1:
            return ".".join((self.tags[0], *self.keywords[1:]))
        return self.keyword


def _key(level: str, vr: str, tag: str, keyword: str) -> Key:
    return Key(tuple(tag.split(".")), tuple(keyword.split(".")), vr, level)


# Table 10.6.1-5; the order is from the plainest to the oddest, because a generator shrinks towards the first.
KEYS = (
    _key("study", "LO", "00100020", "PatientID"),
    _key("study", "PN", "00100010", "PatientName"),
    _key("study", "DA", "00080020", "StudyDate"),
    _key("study", "TM", "00080030", "StudyTime"),
    _key("study", "SH", "00080050", "AccessionNumber"),
    _key("study", "CS", "00080061", "ModalitiesInStudy"),
    _key("study", "PN", "00080090", "ReferringPhysicianName"),
    _key("study", "UI", "0020000D", "StudyInstanceUID"),
    _key("study", "SH", "00200010", "StudyID"),
    _key("series", "CS", "00080060", "Modality"),
    _key("series", "UI", "0020000E", "SeriesInstanceUID"),
    _key("series", "IS", "00200011", "SeriesNumber"),
    _key("series", "DA", "00400244", "PerformedProcedureStepStartDate"),
    _key("series", "TM", "00400245", "PerformedProcedureStepStartTime"),
    _key("series", "SH", "00400275.00400009", "RequestAttributesSequence.ScheduledProcedureStepID"),
    _key("series", "SH", "00400275.00401001", "RequestAttributesSequence.RequestedProcedureID"),
    _key("instance", "UI", "00080016", "SOPClassUID"),
    _key("instance", "UI", "00080018", "SOPInstanceUID"),
    _key("instance", "IS", "00200013", "InstanceNumber"),
)

RESOURCES = tuple(SEARCH_LEVELS)

# What may be asked back by includefield beside the keys, by level (PS3.4 C.6.1.1, optional keys).
INCLUDABLE = {
    "study": (("00081030", "StudyDescription"), ("00100030", "PatientBirthDate"), ("00100040", "PatientSex")),
    "series": (("0008103E", "SeriesDescription"), ("00180015", "BodyPartExamined")),
    "instance": (("00280010", "Rows"), ("00280011", "Columns"), ("00080023", "ContentDate")),
}


@cache
def keys_for(resource: str) -> tuple[Key, ...]:
    """The keys that have to be supported at a search resource (Tables 10.6.1-4 and 10.6.1-5)."""
    return tuple(key for key in KEYS if key.level in SEARCH_LEVELS[resource])


@cache
def key_named(name: str) -> Key | None:
    """The key that a parameter's name means, by tags, keywords or a mixture; None for any other name."""
    words = name.split(".")
    for key in KEYS:
        if len(words) == len(key.tags) and all(
            word.upper() == tag or word == keyword
            for word, tag, keyword in zip(words, key.tags, key.keywords, strict=True)
        ):
            return key
    return None
