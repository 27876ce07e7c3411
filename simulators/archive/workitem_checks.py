"""Knows what the attributes of a workitem have to fulfil when it is created, changed and ended (PS3.4 CC.2.5, CC.2.6).

Must not know states of subscriptions, storage or transports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harness.wire.uri import valid_uid
from simulators.archive.when import VR, read_value
from simulators.archive.workitem_states import (
    COMPLETED,
    ENDED,
    IN_PROGRESS,
    MODIFIED,
    SCHEDULED,
    STATE,
    TRANSACTION,
    Node,
    attributes,
)
from simulators.archive.workitem_status import (
    FINAL,
    INVALID_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_VALUE,
    NOT_BY_ACTION,
    NOT_IN_PROGRESS,
    NOT_SCHEDULED,
    WRONG_TRANSACTION,
    Refused,
)
from simulators.model.scan import dictionary_vr

Attributes = Mapping[str, Mapping[str, Any]]
Found = Iterator[tuple[int, str]]  # a status and the dotted path of the attribute that it is about

PUSH: Final = "1.2.840.10008.5.1.4.34.6.1"
CLASS, INSTANCE = "00080016", "00080018"
PROGRESS, PERFORMED = "00741002", "00741216"
CANCELLATION: Final = "00404052"
_OUTPUT: Final = "00404033"
_CODES: Final = ("00080100", "00080119", "00080120")
_DESIGNATOR: Final = "00080102"
_VALUES: Final = {
    "DATETIME": "0040A120", "DATE": "0040A121", "TIME": "0040A122", "PNAME": "0040A123", "UIDREF": "0040A124",
    "TEXT": "0040A160", "CODE": "0040A168", "NUMERIC": "0040A30A",
}  # fmt: skip
_VALUE_TYPE, _UNITS = "0040A040", "004008EA"
_ACCESS: Final = ("0040E021", "0040E022", "0040E023", "0040E024", "0040E025")
_ENUMERATED: Final = {
    "00741200": ("HIGH", "MEDIUM", "LOW"),  # PS3.3 Table C.30.2-1
    "00404041": ("INCOMPLETE", "UNAVAILABLE", "READY"),
}
# What attributes had before these VRs were made; who follows an earlier edition still says so.
_FORMER: Final = {"UR": ("ST", "UT"), "UC": ("LO", "UT")}
_TEMPORAL: Final[Mapping[str, VR]] = {"DA": "DA", "TM": "TM", "DT": "DT"}
# Of images and their overlays, which no workitem has (PS3.3 B.26): the groups of attributes that are left out.
_FOREIGN: Final = ("0028", "5000", "5400", "6000", "7FE0")


def text(item: Attributes, tag: str) -> str:
    """The values of an attribute as one text, '' without any."""
    return "\\".join(str(value) for value in item.get(tag, {}).get("Value", ()) if value is not None)


def valued(item: Attributes, tag: str) -> bool:
    """Whether an attribute has a value; a sequence has one when it has an item."""
    given = item.get(tag, {})
    return any(value is not None for value in given.get("Value", ())) or bool(given.get("InlineBinary"))


def supported(given: Attributes) -> tuple[dict[str, Mapping[str, Any]], tuple[str, ...]]:
    """What of a data set a workitem can have, and the tags of the rest; the character set is ours, it is neither."""
    rest = tuple(tag for tag in given if tag[:4] in _FOREIGN)
    return {tag: a for tag, a in given.items() if tag not in rest and tag != "00080005"}, rest


def creation(given: Attributes, uid: str) -> None:
    """Refused when no workitem can be made of a data set (CC.2.5.3, column N-CREATE of Table CC.2.5-3)."""
    if valued(given, STATE) and text(given, STATE) != SCHEDULED:
        raise Refused(NOT_SCHEDULED, tags=(STATE,))
    for tag, wanted in ((CLASS, PUSH), (INSTANCE, uid)):
        if text(given, tag) not in ("", wanted):
            raise Refused(INVALID_VALUE, "the data set names another SOP Class or Instance", (tag,))
    _refuse(_walk(given, attributes(), creating=True), valid(given))


def setting(given: Attributes) -> None:
    """Refused when a data set cannot be set (CC.2.6.2, column N-SET of Table CC.2.5-3)."""
    if STATE in given:
        raise Refused(NOT_BY_ACTION, tags=(STATE,))
    fixed = tuple(tag for tag in given if tag in attributes() and attributes()[tag].set == "not allowed")
    if fixed:
        raise Refused(INVALID_VALUE, "an attribute cannot be set after creation", fixed)
    top = {tag: node for tag, node in attributes().items() if tag in given}
    emptied = ((MISSING_VALUE, tag) for tag, node in top.items() if node.create == "1" and not valued(given, tag))
    _refuse(emptied, _walk(given, top, creating=False), valid(given))


def lacking(item: Attributes, state: str) -> tuple[str, ...]:
    """The attributes without which a workitem does not become COMPLETED or CANCELED (Table CC.2.5-1)."""
    wanted = ("R", "P") if state == COMPLETED else ("R", "X")
    return tuple(_unfinished(item, attributes(), wanted))


def _unfinished(item: Attributes, nodes: Mapping[str, Node], wanted: Sequence[str], path: str = "") -> Iterator[str]:
    for tag, node in nodes.items():
        here = f"{path}{tag}"
        if node.final in wanted and not (valued(item, tag) or (tag == _OUTPUT and tag in item)):
            yield here  # (0040,4033) may have no items where nothing was made; that it is there says so
        for inner in item.get(tag, {}).get("Value", ()) if node.inner else ():
            yield from _unfinished(inner or {}, node.inner, wanted, f"{here}.")


def _type(node: Node, creating: bool) -> str:
    """The type that binds the asker, '' where nothing is demanded of it. For N-SET the table makes all the values of
    a content item 1, whatever its Value Type; for N-CREATE it has the condition, which holds for both."""
    if creating:
        return node.create
    return "" if node.set == "not allowed" or node.create == "1C" else node.set


def _walk(item: Attributes, nodes: Mapping[str, Node], creating: bool, path: str = "") -> Found:
    """What is missing or empty at one level and below."""
    for tag, node in nodes.items():
        here, type = f"{path}{tag}", _type(node, creating)
        if creating and node.empty and valued(item, tag):
            yield INVALID_VALUE, here
        elif type in ("1", "2") and tag not in item:
            yield MISSING_ATTRIBUTE, here
        elif type == "1" and not valued(item, tag):
            yield MISSING_VALUE, here
        else:
            # under another VR than SQ there are values that are no items; `valid` refuses them
            for inner in item.get(tag, {}).get("Value", ()) if node.inner else ():
                if inner is None or isinstance(inner, Mapping):
                    yield from _walk(inner or {}, node.inner, creating, f"{here}.")
    yield from _conditional(item, nodes, path)


def _conditional(item: Attributes, nodes: Mapping[str, Node], path: str) -> Found:
    """Attributes of macros that depend on others in the same item (Tables CC.2.5-2a to -2c)."""
    if not path:
        return
    if _CODES[0] in nodes:
        if not any(valued(item, tag) for tag in _CODES):
            yield MISSING_ATTRIBUTE, f"{path}{_CODES[0]}"
        if any(valued(item, tag) for tag in _CODES[:2]) and not valued(item, _DESIGNATOR):
            yield MISSING_ATTRIBUTE, f"{path}{_DESIGNATOR}"
    if _VALUE_TYPE in nodes and valued(item, _VALUE_TYPE):
        kind = text(item, _VALUE_TYPE)
        if kind not in _VALUES:
            yield INVALID_VALUE, f"{path}{_VALUE_TYPE}"
        elif not valued(item, _VALUES[kind]):
            yield MISSING_ATTRIBUTE, f"{path}{_VALUES[kind]}"
        if kind == "NUMERIC" and not valued(item, _UNITS):
            yield MISSING_ATTRIBUTE, f"{path}{_UNITS}"
    if _ACCESS[0] in nodes and not any(valued(item, tag) for tag in _ACCESS):
        yield MISSING_ATTRIBUTE, f"{path}{_ACCESS[0]}"


def valid(given: Attributes, path: str = "") -> Found:
    """The attributes whose VR or value is not what it has to be."""
    for tag, attribute in given.items():
        vr = attribute["vr"]
        known = dictionary_vr(int(tag, 16))
        right = known == "UN" or vr in known.split(" or ") or vr == "UN" or vr in _FORMER.get(known, ())
        if not right or not all(_allowed(tag, vr, value) for value in attribute.get("Value", ())):
            yield INVALID_VALUE, f"{path}{tag}"
        for inner in attribute.get("Value", ()) if vr == "SQ" else ():
            yield from valid(inner or {}, f"{path}{tag}.")


def _allowed(tag: str, vr: str, value: Any) -> bool:
    if value is None:
        return True
    if vr in _TEMPORAL:
        return read_value(_TEMPORAL[vr], str(value)) is not None
    if vr == "UI":
        return valid_uid(str(value))
    return tag not in _ENUMERATED or value in _ENUMERATED[tag]


def _refuse(*found: Found | Iterator[tuple[int, str]]) -> None:
    """Refused with the first status that there is, and all attributes it is about."""
    every = [one for kind in found for one in kind]
    for code in (MISSING_ATTRIBUTE, MISSING_VALUE, INVALID_VALUE):
        tags = tuple(path for status, path in every if status == code)
        if tags:
            raise Refused(code, tags=tags)


def supplied(given: Attributes) -> tuple[str, ...]:
    """What the asker told and the provider makes itself: the time of the modification."""
    return (MODIFIED,) if valued(given, MODIFIED) else ()


def transaction_of(given: Attributes) -> str:
    """The Transaction UID that stands in a data set, '' without one."""
    return text(given, TRANSACTION)


def settable(item: Attributes, lock: str, transaction: str) -> None:
    """Refused when a workitem cannot be changed now, or not with this Transaction UID (CC.2.6.2, CC.2.6.3)."""
    now = text(item, STATE)
    if now in ENDED:
        raise Refused(FINAL)
    if now == IN_PROGRESS and transaction != lock:
        raise Refused(WRONG_TRANSACTION)
    if now != IN_PROGRESS and transaction:
        raise Refused(NOT_IN_PROGRESS)
