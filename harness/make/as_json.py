"""Knows how a tree becomes a text in the DICOM JSON Model, with every freedom that PS3.18 Annex F and RFC 8259 leave.

Must not know the readers, nor where choices come from: a chooser makes them.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.make.tree import BINARY, CHARACTER_SET, Element, Tree

Choose = Callable[[Sequence[Any]], Any]
"""Picks one of several; the first is the plainest."""

BULK = BINARY | {"DS", "FL", "FD", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"}
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
URIS = ("../bulkdata/1", "https://example.org/bulkdata/1?a=b#c", "urn:uuid:6b1f0f0e-0000-4000-8000-000000000000", "b")
EXACT = 2**53  # beyond it a number loses digits on its way (PS3.18 F.2.3)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[Ee][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Token:
    """A number, or whatever else is to stand in the text as it is."""

    text: str


@dataclass
class Object:
    """Names and values in the order of the text; a name may stand twice."""

    members: list[tuple[str, Any]]

    def names(self) -> list[str]:
        return [name for name, _ in self.members]

    def get(self, name: str) -> Any:
        return next((value for key, value in self.members if key == name), None)

    def plant(self, name: str, value: Any, after: str | None = None) -> None:
        """Add a member where ascending order of upper-case names wants it, or right after another."""
        at = next((i for i, key in enumerate(self.names()) if key.upper() > name.upper()), len(self.members))
        if after is not None:
            at = self.names().index(after) + 1
        self.members.insert(at, (name, value))


def first(options: Sequence[Any]) -> Any:
    """The chooser that always takes the plainest."""
    return options[0]


def dataset(tree: Tree, choose: Choose = first) -> Object:
    """The data set as an object; text is Unicode whatever the tree's character set was, and says so (F.2)."""
    members = []
    for element in tree.elements:
        if element.tag == CHARACTER_SET and not element.empty:
            element = Element(CHARACTER_SET, "CS", ("ISO_IR 192",))
        members.append((element.tag, attribute(element, choose)))
    return Object(members)


def attribute(element: Element, choose: Choose = first) -> Object:
    """An attribute object; vr and the content in either order."""
    members = [("vr", element.vr), *_content(element, choose)]
    return Object(members if choose((True, False)) else members[::-1])


def _content(element: Element, choose: Choose) -> Iterable[tuple[str, Any]]:
    if element.empty:
        return []
    bulky = element.vr in BULK
    # JSON has no words for NaN and the infinities (RFC 8259 6)
    unsayable = any(isinstance(value, float) and not math.isfinite(value) for value in element.values)
    if bulky and (unsayable or choose((False, False, False, True))):
        return [("BulkDataURI", choose(URIS))]
    if element.vr in BINARY:
        octets = element.octets + bytes(len(element.octets) % 2)
        return [("InlineBinary", base64.b64encode(octets).decode("ascii"))]
    if element.vr == "SQ":
        return [("Value", [dataset(item, choose) for item in element.items])]
    return [("Value", [_value(element.vr, value, choose) for value in element.values])]


def _value(vr: str, value: Any, choose: Choose) -> Any:
    if value is None or value == "":
        return None
    if vr == "PN":
        groups = [(name, group) for name, group in zip(GROUPS, str(value).split("="), strict=False) if group]
        return Object(groups if choose((True, False)) else groups[::-1])
    if vr in ("DS", "IS"):
        plain = str(value).strip(" ")
        return choose((value, Token(plain))) if _NUMBER.fullmatch(plain) else value
    if isinstance(value, int):
        spelled = [Token(str(value))]
        if vr in ("SV", "UV"):
            spelled = [str(value), *(spelled if abs(value) <= EXACT else [])]  # type: ignore[list-item]
        elif abs(value) < 1000:
            spelled += [Token(f"{value}.0"), Token(f"{value}e0")]
        return choose(spelled)
    return Token(repr(value)) if isinstance(value, float) else value


def render(value: Any, choose: Choose = first) -> str:
    """The JSON text, with white space and escapes as the chooser likes."""
    before, within, after = choose(("", "\n", " ")), choose(("", " ", "\r\n\t")), choose(("", "\n"))
    return f"{before}{_render(value, choose, within)}{after}"


def _render(value: Any, choose: Choose, space: str) -> str:
    if isinstance(value, Token):
        return value.text
    if isinstance(value, Object):
        pairs = (f"{_string(k, choose)}{space}:{space}{_render(v, choose, space)}" for k, v in value.members)
        return "{" + space + f"{space},{space}".join(pairs) + space + "}"
    if isinstance(value, list):
        return "[" + space + f"{space},{space}".join(_render(one, choose, space) for one in value) + space + "]"
    return _string(value, choose) if isinstance(value, str) else json.dumps(value)


def _string(text: str, choose: Choose) -> str:
    how = choose(("plain", "plain", "ascii", "escapes")) if not text.isalnum() else "plain"
    if how == "plain" and not any("\ud800" <= c <= "\udfff" for c in text):
        return json.dumps(text, ensure_ascii=False)
    if how == "escapes" and len(text) < 100:
        units = text.encode("utf-16-be", "surrogatepass")
        return '"' + "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2)) + '"'
    return json.dumps(text).replace("/", "\\/")
