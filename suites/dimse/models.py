"""Knows the Query/Retrieve information models: levels, keys, and what was negotiated for them (PS3.4 C.5, C.6).

Must not know what an identifier asks, nor responses.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.association import Association, Operation
from harness.make.identifiers import KEYS, LEVELS, UNIQUE
from harness.wire.elements import DataSet
from harness.wire.pdu import Extended
from harness.wire.sop import ROOTS
from suites.dimse.reading import text

LEVEL, CHARSET, VIEW, TIMEZONE = "00080052", "00080005", "00080053", "00080201"
RETRIEVE_AE, AVAILABILITY, FILE_SET_ID, FILE_SET_UID = "00080054", "00080056", "00880130", "00880140"
FAILED_LIST = "00080058"
RELATIONAL, COMBINED, FUZZY, ZONED, ENHANCED = range(5)  # places in the application information of C-FIND (C.5.1.1)

_MODELS = {uid: root for root, classes in ROOTS.items() for uid in classes.values() if root != "patient-study"}
# keys of both models that are optional, by the level they belong to (Tables C.6-1 to C.6-5)
OPTIONAL = {
    "PATIENT": ("00100021", "00100030", "00100032", "00100040", "00102160", "00104000", "00201200", "00201202",
                "00201204"),
    "STUDY": ("00080061", "00080062", "00080090", "00081030", "00081060", "00081080", "00101010", "00101020",
              "00101030", "00102180", "001021B0", "00201070", "00201206", "00201208"),
    "SERIES": ("00201209", "0008103E", "00180015", "00400244", "00400245", "00400275"),
    "IMAGE": ("00080016", "00083002", "0008001A", "00400512", "00280010", "00280011", "00280008"),
}  # fmt: skip


def model(o: Operation) -> str:
    """ "patient" or "study" root, '' for other SOP Classes."""
    return _MODELS.get(o.agreed.abstract if o.agreed else o.request.sop_class, "")


def levels(o: Operation) -> tuple[str, ...]:
    """The levels of the model from the top, () without one."""
    return LEVELS.get(model(o), ())


def level(found: DataSet) -> str:
    """Query/Retrieve Level of an identifier, '' without."""
    return text(found, LEVEL)


def unique_above(o: Operation, at: str) -> tuple[str, ...]:
    """The unique keys of the levels above."""
    names = levels(o)
    return tuple(UNIQUE[name] for name in names[: names.index(at)]) if at in names else ()


def required(o: Operation, at: str) -> tuple[str, ...]:
    """The unique and required keys of a level."""
    return tuple(key.path for key in KEYS.get(model(o), {}).get(at, ()))


def level_of(o: Operation, tag: str) -> str:
    """The level that a key belongs to in the model, '' for one that the tables do not name."""
    for at in levels(o):
        optional = OPTIONAL[at]
        if at == "STUDY" and model(o) == "study":
            optional += OPTIONAL["PATIENT"]
        if tag in required(o, at) or tag in optional:
            return at
    return ""


def negotiated(a: Association, sop_class: str, place: int) -> bool:
    """Whether an option of SOP Class Extended Negotiation was asked for and accepted (C.5.1.1, C.5.2.1)."""
    asked, told = a.request, a.answer
    if asked is None or told is None or asked.pdu.associate is None or told.pdu.associate is None:
        return False
    users = (asked.pdu.associate.user, told.pdu.associate.user)
    return all(_byte(user.extended, sop_class, place) == 1 for user in users)


def _byte(items: Iterable[Extended], sop_class: str, place: int) -> int:
    for item in items:
        if item.uid == sop_class:
            return item.information[place] if place < len(item.information) else 0
    return 0


def option(o: Operation, place: int) -> bool:
    """The same for the SOP Class of an operation."""
    return o.agreed is not None and negotiated(o.association, o.agreed.abstract, place)
