"""Knows how to make identifiers of C-FIND, C-GET and C-MOVE over a holding: values, octets, and Hypothesis strategies.

Must not know what a right answer is, nor how a question is sent (PS3.4 C.2.2, C.4.1.1.3.1, C.4.2.1.4.1, C.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydicom.datadict import dictionary_VR

from harness.make.as_octets import Encoding, item_of, with_head
from harness.make.holding import Entity, Holding
from harness.make.holding import Level as Held
from harness.make.keys import Key
from harness.make.queries import LONGEST, UNKNOWN_UID, forms

Model = Literal["patient", "study"]
Level = Literal["PATIENT", "STUDY", "SERIES", "IMAGE"]

LEVELS: Mapping[str, tuple[Level, ...]] = {
    "patient": ("PATIENT", "STUDY", "SERIES", "IMAGE"),
    "study": ("STUDY", "SERIES", "IMAGE"),
}
"""The levels of an information model from the top down (PS3.4 Tables C.6.1-1, C.6.2-1)."""
UNIQUE: Mapping[str, str] = {"PATIENT": "00100020", "STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}
HOLDING: Mapping[str, Held] = {"PATIENT": "study", "STUDY": "study", "SERIES": "series", "IMAGE": "instance"}
LEVEL, CHARSET = "00080052", "00080005"
UTF8 = "ISO_IR 192"
IMPLICIT, DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"


def _key(level: str, vr: str, tag: str, keyword: str) -> Key:
    return Key((tag,), (keyword,), vr, level)


# Tables C.6-1 to C.6-5: unique and required keys, the plainest first, because a generator shrinks towards the first.
_PATIENT = (_key("PATIENT", "LO", "00100020", "PatientID"), _key("PATIENT", "PN", "00100010", "PatientName"))
_STUDY = (
    _key("STUDY", "UI", "0020000D", "StudyInstanceUID"),
    _key("STUDY", "DA", "00080020", "StudyDate"),
    _key("STUDY", "TM", "00080030", "StudyTime"),
    _key("STUDY", "SH", "00080050", "AccessionNumber"),
    _key("STUDY", "SH", "00200010", "StudyID"),
)
_SERIES = (
    _key("SERIES", "UI", "0020000E", "SeriesInstanceUID"),
    _key("SERIES", "CS", "00080060", "Modality"),
    _key("SERIES", "IS", "00200011", "SeriesNumber"),
)
_IMAGE = (_key("IMAGE", "UI", "00080018", "SOPInstanceUID"), _key("IMAGE", "IS", "00200013", "InstanceNumber"))
KEYS: Mapping[str, Mapping[str, tuple[Key, ...]]] = {
    "patient": {"PATIENT": _PATIENT, "STUDY": _STUDY, "SERIES": _SERIES, "IMAGE": _IMAGE},
    "study": {"STUDY": (*_STUDY, *_PATIENT), "SERIES": _SERIES, "IMAGE": _IMAGE},
}
"""Unique and required keys by model and level; in the study root the patient's keys belong to the study."""

# Optional keys of the same tables, to be asked back.
RETURNED: Mapping[str, tuple[str, ...]] = {
    "PATIENT": ("00100030", "00100040"),
    "STUDY": ("00081030", "00080061", "00080090", "00201206", "00201208"),
    "SERIES": ("0008103E", "00180015", "00201209", "00400275.00400009"),
    "IMAGE": ("00080016", "00280010", "00080023"),
}


@dataclass(frozen=True)
class Identifier:
    """What a request asks: level, and keys by tag or dotted path of tags with their values as they are written.

    '' asks for any value (Universal Matching), a backslash divides UIDs of a list. A level of '' is left out.
    """

    model: Model
    level: str
    keys: tuple[tuple[str, str], ...] = ()

    def with_keys(self, *extra: tuple[str, str]) -> Identifier:
        """The same with further keys; one of the same path is replaced at its place."""
        found = dict(extra)
        kept = [(path, found.pop(path, value)) for path, value in self.keys]
        return replace(self, keys=(*kept, *((p, v) for p, v in extra if p in found)))

    def without(self, *paths: str) -> Identifier:
        return replace(self, keys=tuple(pair for pair in self.keys if pair[0] not in paths))

    def value(self, path: str) -> str | None:
        """What is asked for by this path, None when it is not a key."""
        return dict(self.keys).get(path)

    @property
    def elements(self) -> dict[str, str]:
        """All elements with the level, and the character set where a value needs one (C.4.1.1.3.1)."""
        found = dict(self.keys)
        if self.level:
            found[LEVEL] = self.level
        if not all(value.isascii() for value in found.values()):
            found.setdefault(CHARSET, UTF8)
        return found

    def octets(self, transfer_syntax: str = IMPLICIT) -> bytes:
        """The data set in implicit or explicit VR little endian; ValueError for another kind of transfer syntax."""
        if transfer_syntax in (DEFLATED, BIG_ENDIAN):
            raise ValueError(f"an identifier is not made in {transfer_syntax}")
        return encoded(self.elements, transfer_syntax != IMPLICIT)


def encoded(elements: Mapping[str, str], explicit: bool) -> bytes:
    """Elements by tag or dotted path as a little endian data set; paths below one sequence share its one item."""
    nested: dict[str, dict[str, str]] = {}
    for path, value in elements.items():
        tag, _, rest = path.partition(".")
        if rest:
            nested.setdefault(tag, {})[rest] = value
    plain = {path: value for path, value in elements.items() if "." not in path}
    found, encoding = b"", Encoding(explicit)
    for tag in sorted({*plain, *nested}):
        if tag in nested:
            found += with_head(tag, "SQ", item_of(encoded(nested[tag], explicit), encoding), encoding)
        else:
            vr = dictionary_VR(int(tag, 16)) if not int(tag[:4], 16) & 1 else "LO"
            found += with_head(tag, vr.split(" ")[0], _padded(vr, plain[tag]), encoding)
    return found


def _padded(vr: str, text: str) -> bytes:
    if vr in ("US", "UL", "SS", "SL") and text:
        return int(text).to_bytes(2 if vr in ("US", "SS") else 4, "little", signed=vr.startswith("S"))
    octets = text.encode("utf-8", "surrogateescape")
    return octets + (b"\0" if vr == "UI" else b" ") if len(octets) % 2 else octets


def unique_keys(entity: Entity, model: Model, patient: str = "") -> list[tuple[str, str]]:
    """The unique keys from the top of the model down to an entity, with its values."""
    pairs = [(UNIQUE[level], uid) for level, uid in zip(("STUDY", "SERIES", "IMAGE"), entity.uids, strict=False)]
    return [(UNIQUE["PATIENT"], patient), *pairs] if model == "patient" else pairs


def naming(entity: Entity, holding: Holding, model: Model = "study") -> Identifier:
    """The identifier that names one entity, for a query that finds it or a retrieval of it (C.4.1.2.1, C.4.2.2.1)."""
    level: dict[str, Level] = {"study": "STUDY", "series": "SERIES", "instance": "IMAGE"}
    keys = unique_keys(entity, model, patient_of(entity, holding))
    return Identifier(model, level[entity.level], tuple(keys))


def patient_of(entity: Entity, holding: Holding) -> str:
    """The Patient ID of the study that an entity belongs to, '' when it has none."""
    return next((s.attribute(UNIQUE["PATIENT"]) for s in holding.studies if s.study == entity.study), "")


def _subjects(holding: Holding, model: Model, level: Level) -> list[Entity]:
    """What a query of this level may look for: in the patient root only what has a patient with an ID."""
    held = holding.at(HOLDING[level])
    return [e for e in held if model == "study" or _whole_id(patient_of(e, holding))]


def _whole_id(text: str) -> bool:
    """A Patient ID that Single Value Matching can ask for as it stands."""
    return bool(text) and len(text) <= LONGEST and not set(text) & set("*?\\")


@st.composite
def identifiers(
    draw: DrawFn,
    holding: Holding,
    model: Model = "study",
    levels: Sequence[Level] = (),
    max_keys: int = 3,
    relational: bool = False,
) -> Identifier:
    """Hierarchical queries over what is held, or relational ones, which need no keys of upper levels (C.4.1.2).

    Every choice is a position in the holding. ValueError when nothing is held that could be asked for.
    """
    open_ = [level for level in levels or LEVELS[model] if _subjects(holding, model, level)]
    if not open_:
        raise ValueError("Nothing is held that one of these levels could be searched for.")
    level = draw(st.sampled_from(open_))
    subject = draw(st.sampled_from(_subjects(holding, model, level)))
    above = LEVELS[model][: LEVELS[model].index(level)]
    found = dict(_above(holding, model, subject, above)) if not relational or draw(st.booleans()) else {}
    choices = [key for at in (*above, level) if at == level or relational for key in KEYS[model][at]]
    for key in draw(st.lists(st.sampled_from(choices), max_size=max_keys, unique=True)):
        value = draw(forms(key, _candidates(holding, key, subject)))
        found[key.path] = "\\".join(value) if isinstance(value, tuple) else value or ""
    found.setdefault(UNIQUE[level], "")  # the unique key of the level is always there (C.4.1.2.1)
    for path in draw(st.lists(st.sampled_from(RETURNED[level]), max_size=2, unique=True)):
        found.setdefault(path, "")
    return Identifier(model, level, tuple(found.items()))


def _above(holding: Holding, model: Model, subject: Entity, above: Iterable[str]) -> list[tuple[str, str]]:
    wanted = {UNIQUE[level] for level in above}
    return [pair for pair in unique_keys(subject, model, patient_of(subject, holding)) if pair[0] in wanted]


def _candidates(holding: Holding, key: Key, subject: Entity) -> list[str]:
    """Values that a key has in the holding: those near the subject first."""
    held = holding.at(HOLDING[key.level])
    near = [e for e in held if e.uids == subject.uids[: len(e.uids)] or e.uids[: len(subject.uids)] == subject.uids]
    texts = [text for entity in (*near, *held) for text in entity.texts(key.path)]
    return [text for text in dict.fromkeys(texts) if _askable(key, text)]


def _askable(key: Key, text: str) -> bool:
    """Whether a value can be asked for by Single Value Matching as it stands."""
    if not text or len(text) > LONGEST or any("\ud800" <= character <= "\udfff" for character in text):
        return False
    forbidden = {"DA": "-\\", "TM": "-\\", "UI": "\\"}.get(key.vr, "*?\\")
    if key.vr == "IS" and not text.lstrip("+-").isdigit():
        return False
    return not set(text) & set(forbidden)


def retrievals(holding: Holding, model: Model = "study") -> SearchStrategy[Identifier]:
    """Identifiers of C-GET and C-MOVE: unique keys alone, lists of UIDs at the level (C.4.2.1.4.1, C.4.2.2.1)."""
    levels: list[Level] = [level for level in LEVELS[model] if _subjects(holding, model, level)]
    if not levels:
        raise ValueError("Nothing is held that could be retrieved.")

    def at(level: Level) -> SearchStrategy[Identifier]:
        return st.sampled_from(_subjects(holding, model, level)).flatmap(lambda e: _retrieval(holding, model, level, e))

    return st.sampled_from(levels).flatmap(at)


def _retrieval(holding: Holding, model: Model, level: Level, subject: Entity) -> SearchStrategy[Identifier]:
    above = LEVELS[model][: LEVELS[model].index(level)]
    upper = _above(holding, model, subject, above)
    if level == "PATIENT":
        patient = patient_of(subject, holding)
        return st.just(Identifier(model, level, ((UNIQUE["PATIENT"], patient),)))
    depth = len(subject.uids) - 1
    beside = [e.uids[-1] for e in holding.at(HOLDING[level]) if e.uids[:depth] == subject.uids[:depth]]
    if level == "STUDY" and model == "patient":
        ours = patient_of(subject, holding)
        beside = [e.study for e in holding.studies if patient_of(e, holding) == ours]
    lists = st.lists(st.sampled_from([*beside, UNKNOWN_UID]), min_size=1, max_size=3, unique=True)
    return lists.map(lambda uids: Identifier(model, level, (*upper, (UNIQUE[level], "\\".join(uids)))))
