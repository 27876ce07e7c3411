"""Knows how a pydicom data set looks as DICOM JSON attributes, for look-ups (PS3.18 F.2).

Must not know messages: what is judged on a wire is read by harness.wire, not by this.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

Attributes = Mapping[str, Mapping[str, Any]]

BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
WHOLE = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
FLOATING = frozenset({"DS", "FD", "FL"})
INLINE = 4096  # octets of a binary value that are kept; a longer one is known by its VR alone


def attributes(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Tag -> {"vr", "Value" or "InlineBinary"}; an attribute without a value has the VR alone."""
    return {f"{int(element.tag):08X}": _attribute(element) for element in dataset}


def _attribute(element: DataElement) -> dict[str, Any]:
    vr = element.VR
    if vr == "SQ":
        items = [attributes(item) for item in element.value]
        return {"vr": vr, "Value": items} if items else {"vr": vr}
    if vr in BINARY:
        data = element.value or b""
        if not 0 < len(data) <= INLINE:
            return {"vr": vr}
        return {"vr": vr, "InlineBinary": base64.b64encode(data).decode("ascii")}
    values = [_value(vr, value) for value in _each(element)]
    return {"vr": vr, "Value": values} if any(value is not None for value in values) else {"vr": vr}


def _each(element: DataElement) -> Iterable[Any]:
    if element.VM > 1:
        return list(element.value)
    return [] if element.value is None else [element.value]


def _value(vr: str, value: Any) -> Any:
    if vr == "AT":
        return f"{int(value):08X}"
    if value is None or str(value) == "":
        return None
    if vr == "PN":
        return _name(value)
    if vr in WHOLE:
        return int(value)
    return float(value) if vr in FLOATING else str(value)


def _name(value: PersonName) -> dict[str, str] | None:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), str(value).split("="), strict=False)
    return {group: text for group, text in groups if text} or None


def values(attrs: Attributes, path: str) -> list[Any]:
    """The values of an attribute by eight-digit tag or dotted path of tags; those of every item are joined."""
    tag, _, rest = path.partition(".")
    held = attrs.get(tag)
    found = held.get("Value") if isinstance(held, Mapping) else None
    if not isinstance(found, list):
        return []
    if not rest:
        return list(found)
    return [value for item in found if isinstance(item, Mapping) for value in values(item, rest)]


def texts(attrs: Attributes, path: str) -> list[str]:
    """The same as a search would spell them: numbers in digits, a PN with its groups joined by '='."""
    return [text for text in map(_text, values(attrs, path)) if text]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        groups = [str(value.get(name, "")) for name in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or isinstance(value, list) else str(value)
