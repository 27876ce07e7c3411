"""Knows the DICOM JSON Model (PS3.18 Annex F) as a reader for our own use: a text becomes pydicom data sets.

It takes what Annex F allows and refuses the rest, naming the place as a JSON pointer. It shares nothing with the
strict reader that judges others. Must not know where a text came from or what happens to the data sets.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from simulators.model import build
from simulators.model.build import Bulk, Undecodable
from simulators.model.values import BINARY, NUMBERS

_TAG = re.compile(r"[0-9A-F]{8}\Z")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_CONTENTS = ("Value", "BulkDataURI", "InlineBinary")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,20}\Z")


class _Number(str):
    """A JSON number as it stood in the text."""

    __slots__ = ()


def decode(text: bytes, bulk: Bulk = build.no_bulk, encapsulated: bool = False) -> list[Dataset]:
    """The data sets of a JSON text: an array of objects, or one object.

    `bulk` gives the octets that a BulkDataURI leads to (LookupError when it knows none); `encapsulated` says that
    those of Pixel Data are fragments with their item heads. Undecodable for everything that Annex F does not allow.
    """
    root = parse(text)
    if isinstance(root, dict):
        return [decode_object(root, "", bulk, encapsulated)]
    if not isinstance(root, list):
        raise Undecodable("", "neither an array nor an object")
    return [decode_object(member, f"/{n}", bulk, encapsulated) for n, member in enumerate(root)]


def parse(text: bytes) -> Any:
    """What a JSON text holds, numbers as they stood in it; Undecodable when it is none."""
    try:
        return json.loads(text.decode("utf-8"), parse_int=_Number, parse_float=_Number, parse_constant=_constant,
                          object_pairs_hook=_object)  # fmt: skip
    except (UnicodeDecodeError, RecursionError) as error:
        raise Undecodable("", f"no JSON text: {error}") from None
    except json.JSONDecodeError as error:
        raise Undecodable(f"character {error.pos}", error.msg) from None


def decode_object(given: Any, where: str = "", bulk: Bulk = build.no_bulk, encapsulated: bool = False) -> Dataset:
    """The data set of one object that `parse` gave; `where` is its place. Undecodable as for `decode`."""
    return build.settle(_Reader(bulk, encapsulated).dataset(given, where, 0))


def said(given: Any, tag: str) -> str:
    """The first value of an attribute of what may be no data set at all, '' when it is no text."""
    attribute = given.get(tag) if isinstance(given, Mapping) else None
    values = attribute.get("Value") if isinstance(attribute, Mapping) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""


def _constant(word: str) -> NoReturn:
    raise Undecodable("", f"{word} is no JSON value")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise Undecodable("", f"the name {name[:40]!r} stands twice in an object")
        made[name] = value
    return made


class _Reader:
    def __init__(self, bulk: Bulk, encapsulated: bool) -> None:
        self.bulk = bulk
        self.encapsulated = encapsulated

    def dataset(self, given: Any, where: str, depth: int) -> Dataset:
        if not isinstance(given, Mapping):
            raise Undecodable(where, "a data set is an object")
        if depth > build.DEPTH:
            raise Undecodable(where, f"sequences nest deeper than {build.DEPTH}")
        made = Dataset()
        for name, attribute in given.items():
            here = f"{where}/{name[:40]}"
            if not _TAG.match(name):
                raise Undecodable(here, "the name of an attribute is eight upper-case hexadecimal digits")
            build.tag_allowed(int(name, 16), here)
            made.add(self.attribute(int(name, 16), attribute, here, depth))
        return made

    def attribute(self, tag: int, given: Any, where: str, depth: int) -> DataElement:
        if not isinstance(given, Mapping):
            raise Undecodable(where, "an attribute is an object")
        vr = given.get("vr")
        if not isinstance(vr, str) or vr not in build.VRS or isinstance(vr, _Number):
            raise Undecodable(f"{where}/vr", f"{str(vr)[:20]!r} is no VR")
        contents = [name for name in given if name != "vr"]
        if not contents:
            return build.empty(tag, vr)
        if len(contents) > 1 or contents[0] not in _CONTENTS:
            raise Undecodable(where, f"beside vr stands one of {', '.join(_CONTENTS)}, not {contents}"[:200])
        content, here = given[contents[0]], f"{where}/{contents[0]}"
        if contents[0] == "Value":
            return self.value(tag, vr, content, here, depth)
        if not isinstance(content, str) or isinstance(content, _Number) or not content:
            raise Undecodable(here, "a string that is not empty is wanted")
        if contents[0] == "InlineBinary":
            return build.of_octets(tag, vr, _inline(vr, content, here), here, self.encapsulated)
        octets = build.fetched(self.bulk, content, vr, here)
        return build.of_octets(tag, vr, octets, here, self.encapsulated)

    def value(self, tag: int, vr: str, given: Any, where: str, depth: int) -> DataElement:
        if vr in BINARY:
            raise Undecodable(where, f"{vr} has no Value, but InlineBinary or BulkDataURI")
        if not isinstance(given, list) or not given:
            raise Undecodable(where, "Value is an array that is not empty")
        if vr == "SQ":
            return build.of_items(tag, [self.dataset(m, f"{where}/{n}", depth + 1) for n, m in enumerate(given)])
        members = [_member(vr, member, f"{where}/{n}") for n, member in enumerate(given)]
        return build.of_values(tag, vr, members, where)


def _inline(vr: str, text: str, where: str) -> bytes:
    if vr not in BINARY:
        raise Undecodable(where, f"{vr} has no InlineBinary")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Undecodable(where, "no base64") from None


def _member(vr: str, given: Any, where: str) -> object:
    if given is None:
        return None
    if vr == "PN":
        return _name(given, where)
    if isinstance(given, _Number):
        return _number(vr, given, where)
    if not isinstance(given, str) or vr in ("US", "SS", "UL", "SL", "FL", "FD"):
        raise Undecodable(where, f"{type(given).__name__} is no value of {vr}")
    if not given:
        raise Undecodable(where, "an empty value is null")
    if vr == "AT":
        if not _TAG.match(given):
            raise Undecodable(where, "eight upper-case hexadecimal digits are wanted")
        return int(given, 16)
    if vr in ("SV", "UV"):
        return _integer(given, where)
    return given


def _number(vr: str, token: str, where: str) -> object:
    if vr == "DS":
        return build.decimal_text(str(token), where)
    if vr == "IS":
        return str(_integer(token, where))
    if vr in ("FL", "FD"):
        return float(token)
    if vr in NUMBERS:
        return _integer(token, where)
    raise Undecodable(where, f"a number is no value of {vr}")


def _integer(token: str, where: str) -> int:
    if _WHOLE_NUMBER.match(token):
        return int(token)
    number = float(token) if re.fullmatch(r"-?[0-9.eE+-]{1,40}", token) else 0.5
    if not number.is_integer() or abs(number) > 2**53:  # 1e3 and 5.0 are integers in JSON
        raise Undecodable(where, f"{token[:40]!r} is no integer")
    return int(number)


def _name(given: Any, where: str) -> str:
    if not isinstance(given, Mapping) or not given:
        raise Undecodable(where, "a person name is an object with at least one component group")
    for key, group in given.items():
        if key not in _GROUPS:
            raise Undecodable(f"{where}/{key[:40]}", "no component group of a person name")
        if not isinstance(group, str) or isinstance(group, _Number) or not group or "=" in group:
            raise Undecodable(f"{where}/{key}", "a component group is text without '='")
    return "=".join(given.get(key, "") for key in _GROUPS).rstrip("=")
