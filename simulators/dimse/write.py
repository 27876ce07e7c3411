"""Knows how attributes of the DICOM JSON Model become the octets of a data set in a native transfer syntax.

Must not know what they mean or who asked. Text beyond ASCII goes out in UTF-8 (ISO_IR 192), which is then named.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from simulators.dimse.syntax import DEFLATED, Shape, deflate, shape_of
from simulators.model.build import decimal_text
from simulators.model.values import BINARY, CODED, NUMBERS

CHARSET: Final = "00080005"
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_ITEM = 0xFFFEE000


def write(elements: Mapping[str, bytes], syntax: str) -> bytes:
    """The data set of these encoded attributes (tag -> JSON object); one that only has a reference is left empty."""
    shape = shape_of(syntax)
    coded = [_element(tag, text, shape) for tag, text in sorted(elements.items()) if tag != CHARSET]
    out = b"".join([octets for octets, _ in coded])
    if not all(plain for _, plain in coded):
        out = _with_charset(elements, shape)
    return deflate(out) if syntax == DEFLATED else out


def _with_charset(elements: Mapping[str, bytes], shape: Shape) -> bytes:
    named = {**elements, CHARSET: b'{"vr":"CS","Value":["ISO_IR 192"]}'}
    return b"".join([_element(tag, text, shape)[0] for tag, text in sorted(named.items())])


@lru_cache(maxsize=8192)
def _element(tag: str, text: bytes, shape: Shape) -> tuple[bytes, bool]:
    """One element, and whether all its text is ASCII."""
    attribute = json.loads(text, strict=False, parse_float=str, parse_int=str)
    octets = _attribute(int(tag, 16), attribute, shape)
    return octets, not (octets and _beyond_ascii(attribute))


def _attribute(tag: int, attribute: Mapping[str, Any], shape: Shape) -> bytes:
    vr = attribute["vr"]
    if vr == "SQ":
        value = b"".join(_item(item, shape) for item in attribute.get("Value", ()))
    else:
        value = shape.value(_even(_value(vr, attribute), vr), vr)
    return shape.head(tag, vr, len(value)) + value


def _item(item: Mapping[str, Any] | None, shape: Shape) -> bytes:
    members = sorted((item or {}).items())
    inner = b"".join(_attribute(int(tag, 16), a, shape) for tag, a in members if tag != CHARSET)
    return shape.item(_ITEM, len(inner)) + inner


def _value(vr: str, attribute: Mapping[str, Any]) -> bytes:
    """The little endian octets of a value field, not padded yet."""
    if vr in BINARY:
        return base64.b64decode(attribute.get("InlineBinary", ""))
    values = attribute.get("Value", ())
    if vr in NUMBERS:
        return b"".join(_number(vr, value) for value in values)
    if vr == "AT":
        return b"".join(struct.pack("<HH", int(v[:4], 16), int(v[4:], 16)) for v in values)
    text = "\\".join(_text(vr, value) for value in values)
    return text.encode("utf-8" if vr in CODED else "latin-1", "replace")


def _number(vr: str, value: str) -> bytes:
    number = float(value) if vr in ("FL", "FD") else int(value)
    return struct.pack("<" + NUMBERS[vr], number)


def _text(vr: str, value: Any) -> str:
    if value is None:
        return ""
    if vr == "PN":
        return "=".join(value.get(group, "") for group in _GROUPS).rstrip("=")
    if vr == "DS" and len(value) > 16:
        return decimal_text(value, "a decimal string")
    return str(value)


def _even(value: bytes, vr: str) -> bytes:
    if len(value) % 2 == 0:
        return value
    return value + (b"\0" if vr == "UI" or vr in BINARY else b" ")


def _beyond_ascii(attribute: Mapping[str, Any]) -> bool:
    """Whether there is text that needs a character set."""
    values: Iterable[Any] = attribute.get("Value", ())
    if attribute["vr"] == "SQ":
        return any(_beyond_ascii(inner) for item in values for inner in (item or {}).values())
    return attribute["vr"] in CODED and not all(_text(attribute["vr"], v).isascii() for v in values)
