"""Knows when two data sets in the DICOM JSON Model say the same although their texts differ.

Must not know which of them is right, nor whether they are well-formed.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from harness.wire import vr
from harness.wire.dicom_json import DataSet
from harness.wire.difference import Difference, plain
from harness.wire.json_text import text_of

_NUMBERS = frozenset(vr.INTEGERS) | vr.FLOATS | {"DS"}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def difference(got: DataSet, want: DataSet, ignore: Collection[str] = (), path: str = "") -> Iterator[Difference]:
    """Every place where `got` does not say what `want` says; paths like "00081140[0].00081155".

    `ignore` are tags left out at every level. Numbers may be given as numbers or strings; padding and empty
    contents mean nothing; what one side has as bulk data elsewhere cannot be compared and is taken as the same.
    """
    for tag in sorted(set(got) | set(want)):
        if tag in ignore:
            continue
        here = f"{path}.{tag}" if path else tag
        one, other = got.get(tag), want.get(tag)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _attributes(one, other, ignore, here)
        else:
            yield Difference(here, _presence(one), _presence(other))


def _presence(attribute: Any) -> str:
    if attribute is None:
        return "absent"
    return f"present, {attribute.get('vr')}" if isinstance(attribute, Mapping) else "no attribute object"


def _attributes(
    one: Mapping[str, Any], other: Mapping[str, Any], ignore: Collection[str], path: str
) -> Iterator[Difference]:
    codes = (str(one.get("vr")), str(other.get("vr")))
    if codes[0] != codes[1]:
        if "UN" not in codes:
            yield Difference(path, codes[0], codes[1])
        return
    if "BulkDataURI" in one or "BulkDataURI" in other:
        return
    if one.get("InlineBinary", "") != other.get("InlineBinary", ""):
        yield Difference(path, _inline(one), _inline(other))
    yield from _values(codes[0], _list(one), _list(other), ignore, path)


def _inline(attribute: Mapping[str, Any]) -> str:
    text = attribute.get("InlineBinary")
    return f"InlineBinary of {len(text)} characters" if isinstance(text, str) else "no InlineBinary"


def _list(attribute: Mapping[str, Any]) -> list[Any]:
    found = attribute.get("Value")
    return found if isinstance(found, list) and found != [None] else []


def _values(code: str, got: list[Any], want: list[Any], ignore: Collection[str], path: str) -> Iterator[Difference]:
    if len(got) != len(want):
        yield Difference(path, f"{len(got)} values", f"{len(want)} values")
        return
    for index, (one, other) in enumerate(zip(got, want, strict=True)):
        here = f"{path}[{index}]"
        if code == "SQ" and isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from difference(one, other, ignore, here)
        elif meaning(code, one) != meaning(code, other):
            yield Difference(here, _show(one), _show(other))


def meaning(code: str, value: Any) -> object:
    """A value without what means nothing, for comparison only."""
    if value in ("", {}):
        return None
    if isinstance(value, bool):  # True would equal 1
        return str(value)
    if code == "PN" and isinstance(value, Mapping):
        groups = [value.get(name) for name in _GROUPS]
        return plain("=".join(group if isinstance(group, str) else "" for group in groups), "PN")
    if code in _NUMBERS and isinstance(value, str | int | float):
        return _number(code, value)
    if isinstance(value, str):
        return plain(value, code) if code not in vr.SINGLE else value.rstrip(" \0")
    return value


def _number(code: str, value: str | int | float) -> object:
    text = value.strip(" ") if isinstance(value, str) else text_of(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if code == "FL" and number.is_finite():
        with contextlib.suppress(OverflowError):  # what is too large for a single stays what it is
            return struct.unpack("<f", struct.pack("<f", float(number)))[0]
    if code in vr.FLOATS:
        return "NaN" if math.isnan(float(number)) else float(number)
    return number


def _show(value: Any) -> str:
    return ascii(value)[:80]
