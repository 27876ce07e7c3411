"""Knows when a data set on octets and one in the DICOM JSON Model are the same: attribute by attribute, value by value.

Must not know which of them is right, nor what may differ.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from harness.wire import charset, vr
from harness.wire.part10 import DataSet, Element

DEEPEST = 64  # levels of sequences
LONGEST = 1 << 20  # octets of a value that are compared here; longer ones are bulk data
_SAME = (frozenset({"OB", "OW"}), frozenset({"US", "SS"}), frozenset({"US", "OW"}), frozenset({"SS", "OW"}))
_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d", "AT": "HH"}
_PADDED_BOTH = frozenset({"AE", "CS", "DS", "IS", "LO", "SH", "DA", "TM", "DT", "AS", "UI"})


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two data sets differ: a dotted path of tags, what the JSON has, what the octets have."""

    path: str
    got: str
    want: str
    kind: str  # "missing", "extra", "vr", "value", "count", "lines" for line ends alone


def private_names(tags: Iterable[str], creator: Mapping[str, str]) -> dict[str, str]:
    """Each tag by a name that does not depend on which block a private creator was given (PS3.5 7.8.1)."""
    found = {}
    for tag in tags:
        block = f"{tag[:4]}00{tag[4:6]}"
        private = tag[3] in "13579BDF" and tag[4:] > "00FF" and block in creator
        found[f"{tag[:4]}[{creator[block]}]{tag[6:]}" if private else tag] = tag
    return found


def compare(stored: DataSet, shown: Mapping[str, Any], skip: frozenset[str] = frozenset(),
            path: str = "") -> Iterator[Difference]:  # fmt: skip
    """Every difference. `skip`: tags of the outermost level that are not looked at."""
    ours = private_names((t for t in stored.elements if _counts(t) and t not in skip), _creators(stored))
    theirs = private_names((t for t in shown if len(t) == 8 and _counts(t) and t not in skip), _shown_creators(shown))
    for name in sorted(ours.keys() | theirs.keys()):
        where = f"{path}{name}"
        if name not in theirs:
            yield Difference(where, "no such attribute", _brief(stored.elements[ours[name]], stored), "missing")
        elif name not in ours:
            yield Difference(where, f"an attribute with {_vr(shown[theirs[name]])}", "no such attribute", "extra")
        else:
            yield from _attribute(stored.elements[ours[name]], stored, shown[theirs[name]], where)


def _counts(tag: str) -> bool:
    """Not a group length, no padding at the end, no private creator, and not the repertoire, which JSON sets itself."""
    creator = tag[3] in "13579BDF" and "000F" < tag[4:] < "0100"
    return tag[4:] != "0000" and tag not in ("FFFCFFFC", "00080005") and tag[:4] != "0002" and not creator


def _creators(dataset: DataSet) -> dict[str, str]:
    return {t: dataset.text(t) for t in dataset.elements if t[3] in "13579BDF" and "000F" < t[4:] < "0100"}


def _shown_creators(shown: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for tag, attribute in shown.items():
        if len(tag) == 8 and tag[3] in "13579BDF" and "000F" < tag[4:] < "0100" and isinstance(attribute, Mapping):
            value = attribute.get("Value")
            found[tag] = str(value[0]).strip() if isinstance(value, list) and value else ""
    return found


def _vr(attribute: Any) -> str:
    return str(attribute.get("vr", "no vr")) if isinstance(attribute, Mapping) else "no vr"


def _attribute(element: Element, stored: DataSet, attribute: Any, where: str) -> Iterator[Difference]:
    if not isinstance(attribute, Mapping):
        return  # a matter of the model's rules
    code = _vr(attribute)
    if not _compatible(element.vr, code):
        yield Difference(where, code, element.vr, "vr")
        return
    if "BulkDataURI" in attribute:
        if element.empty:
            yield Difference(where, "a BulkDataURI", "an empty attribute", "value")
        return
    if element.items is not None or (code == "SQ" and element.empty):
        yield from _sequence(element.items or (), attribute, where)
        return
    if "InlineBinary" in attribute:
        yield from _inline(element, stored, attribute["InlineBinary"], where)
        return
    yield from _values(element, stored, attribute, code, where)


def _compatible(stored: str, shown: str) -> bool:
    """The same VR, or another name for the same octets: UN stands in for what is not known (PS3.5 6.2.2)."""
    return stored == shown or "UN" in (stored, shown) or frozenset((stored, shown)) in _SAME


def _sequence(items: Sequence[DataSet], attribute: Mapping[str, Any], where: str) -> Iterator[Difference]:
    shown = attribute.get("Value", [])
    if not isinstance(shown, list):
        return
    if len(items) != len(shown):
        yield Difference(where, f"{len(shown)} items", f"{len(items)} items", "count")
        return
    for number, (item, other) in enumerate(zip(items, shown, strict=True)):
        yield from compare(item, other if isinstance(other, Mapping) else {}, path=f"{where}[{number}].")


def _inline(element: Element, stored: DataSet, text: Any, where: str) -> Iterator[Difference]:
    try:
        octets = base64.b64decode(text) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        octets = None
    wanted = little_endian(element, stored)
    if octets is None or wanted is None:
        return
    if octets != wanted and octets != wanted[:-1] and octets[:-1] != wanted:
        yield Difference(where, _octets(octets), _octets(wanted), "value")


def little_endian(element: Element, stored: DataSet) -> bytes | None:
    """The value field in little endian byte order; None when it is too long to be held, or in fragments."""
    if element.value is None:
        return b"" if element.fragments is None and not element.items else None
    if element.value.size > LONGEST:
        return None
    octets = element.value.bytes()
    size = vr.WORD.get(element.vr, 1)
    if not stored.big_endian or size == 1:
        return octets
    return b"".join(octets[at : at + size][::-1] for at in range(0, len(octets), size))


def _values(
    element: Element, stored: DataSet, attribute: Mapping[str, Any], code: str, where: str
) -> Iterator[Difference]:
    shown = attribute.get("Value", [])
    if not isinstance(shown, list) or code in vr.BINARY:
        if element.empty != (not shown):
            yield Difference(where, "a value" if shown else "no value", _brief(element, stored), "value")
        return
    wanted = octet_values(element, stored, element.vr if element.vr not in ("UN", "OW") else code)
    if wanted is None:
        return
    given = [json_value(v, code) for v in shown]
    if not any(v != "" for v in given) and not any(v != "" for v in wanted):
        return  # both empty, in whatever form
    if len(given) != len(wanted):
        yield Difference(where, f"{len(given)} values {_show(given)}", f"{len(wanted)} values {_show(wanted)}", "count")
        return
    for number, (got, want) in enumerate(zip(given, wanted, strict=True), 1):
        if not equal(got, want, code):
            place = f"{where} value {number}" if len(wanted) > 1 else where
            yield Difference(place, repr(got)[:200], repr(want)[:200], _kind(got, want))


def _kind(got: Any, want: Any) -> str:
    """Whether two values differ in their line ends alone: XML makes LF of CRLF unless the CR is escaped (2.11)."""
    texts = isinstance(got, str) and isinstance(want, str)
    return "lines" if texts and got.replace("\r\n", "\n") == want.replace("\r\n", "\n") else "value"


def octet_values(element: Element, stored: DataSet, code: str) -> list[Any] | None:
    """The values of a value field: numbers, or strings without padding; None when they cannot be told."""
    octets = little_endian(element, stored)
    if octets is None or code == "SQ" or code in vr.BINARY:
        return None
    if code in _FORMATS:
        form = struct.Struct("<" + _FORMATS[code])
        if len(octets) % form.size:
            return None
        rows = list(form.iter_unpack(octets))
        return [f"{g:04X}{e:04X}" for g, e in rows] if code == "AT" else [row[0] for row in rows]
    text = charset.decode(octets, stored.charsets) if code in charset.EXTENDED else octets.decode("latin-1")
    if text is None:
        return None
    return [_trim(v, code) for v in ([text] if code in vr.SINGLE else text.split("\\"))]


def _trim(value: str, code: str) -> str:
    value = value.strip(" \0") if code in _PADDED_BOTH else value.rstrip(" \0")
    if code == "PN":
        groups = [group.rstrip(" ^") for group in value.split("=")]
        return "=".join(groups).rstrip("=")
    return value


def json_value(value: Any, code: str) -> Any:
    """A member of a Value array in the same form: names joined by '=', numbers as they are, null as ''."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        value = "=".join(str(value.get(g) or "") for g in ("Alphabetic", "Ideographic", "Phonetic"))
    return _trim(value, code) if isinstance(value, str) else value


def equal(got: Any, want: Any, code: str) -> bool:
    """Whether two values are the same value of that VR; numbers by what they are, not by how they are written."""
    if got == want:
        return True
    if got == "" or want == "" or code not in ("DS", "IS", "FL", "FD", "SV", "UV", "US", "SS", "UL", "SL"):
        return False
    try:
        left, right = Decimal(str(got)), Decimal(str(want))
    except InvalidOperation:
        return False
    if code == "FL":
        return _single(got) == _single(want)
    if code in ("DS", "FD"):
        # a double keeps about sixteen digits, which is what a DS has
        return math.isclose(left, right, rel_tol=1e-14, abs_tol=0.0) or left == right
    return left == right


def compare_json(wanted: Mapping[str, Any], shown: Mapping[str, Any], path: str = "") -> Iterator[Difference]:
    """Every difference between two data sets of the DICOM JSON Model; how and where bulk data is, is left open."""
    if path.count("[") > 2 * DEEPEST:
        return
    ours = private_names((t for t in wanted if len(t) == 8 and _counts(t)), _shown_creators(wanted))
    theirs = private_names((t for t in shown if len(t) == 8 and _counts(t)), _shown_creators(shown))
    for name in sorted(ours.keys() | theirs.keys()):
        where = f"{path}{name}"
        if name not in theirs or name not in ours:
            kind = "extra" if name in theirs else "missing"
            words = {True: "an attribute", False: "no such attribute"}
            yield Difference(where, words[name in theirs], words[name in ours], kind)
        else:
            yield from _two(wanted[ours[name]], shown[theirs[name]], where)


def _two(wanted: Any, shown: Any, where: str) -> Iterator[Difference]:
    if not isinstance(wanted, Mapping) or not isinstance(shown, Mapping):
        return
    code = _vr(wanted)
    if not _compatible(code, _vr(shown)):
        yield Difference(where, _vr(shown), code, "vr")
        return
    ours, theirs = _content(wanted), _content(shown)
    if not ours or not theirs:
        if ours != theirs:
            yield Difference(where, theirs or "no content", ours or "no content", "value")
    elif ours == theirs == "Value":
        yield from _two_lists(wanted["Value"], shown["Value"], code, where)
    elif ours == theirs == "InlineBinary" and str(wanted[ours]).split() != str(shown[ours]).split():
        yield Difference(where, str(shown[ours])[:60], str(wanted[ours])[:60], "value")


def _content(attribute: Mapping[str, Any]) -> str:
    """The member with the content, '' for an empty attribute."""
    return next((name for name in ("Value", "BulkDataURI", "InlineBinary") if attribute.get(name)), "")


def _two_lists(wanted: Any, shown: Any, code: str, where: str) -> Iterator[Difference]:
    if not isinstance(wanted, list) or not isinstance(shown, list):
        return
    if len(wanted) != len(shown):
        yield Difference(where, f"{len(shown)} values", f"{len(wanted)} values", "count")
        return
    for number, (want, got) in enumerate(zip(wanted, shown, strict=True)):
        if code == "SQ":
            if isinstance(want, Mapping) and isinstance(got, Mapping):
                yield from compare_json(want, got, f"{where}[{number}].")
        elif not equal(json_value(got, code), json_value(want, code), code):
            yield Difference(f"{where} value {number + 1}", repr(got)[:200], repr(want)[:200], _kind(got, want))


def _single(value: Any) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", float(value)))[0])
    except (OverflowError, ValueError, struct.error):
        return math.nan


def _brief(element: Element, stored: DataSet) -> str:
    """An element for people."""
    if element.items is not None:
        return f"{element.vr} with {len(element.items)} items"
    if element.fragments is not None:
        return f"{element.vr} in {len(element.fragments)} fragments"
    if element.empty:
        return f"{element.vr}, empty"
    values = octet_values(element, stored, element.vr)
    size = element.value.size if element.value else 0
    return f"{element.vr} {_show(values)}" if values else f"{element.vr} of {size} octets"


def _show(values: Sequence[Any]) -> str:
    return repr(list(values))[:200]


def _octets(octets: bytes) -> str:
    return f"{len(octets)} octets {octets[:16].hex()}"
