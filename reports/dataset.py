"""Knows how a data set is listed for a person: a line for each data element, nested ones indented, within bounds.

Must not know exchanges, nor what is right or wrong in a file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from pydicom.datadict import keyword_for_tag

from harness.body import Body
from harness.wire import charset, part10, vr
from harness.wire.elements import DataSet, Element

ELEMENTS = 60  # lines of one listing
DEEPEST = 3  # sequences below this are counted, not unfolded
VALUE = 64  # octets of a value shown
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}


def listing(body: Body, most: int = ELEMENTS) -> str:
    """The file's elements, File Meta Information first; '' when none can be read."""
    reading = part10.read(body)
    found = list(islice(lines(reading.meta), most))
    found += islice(lines(reading.dataset), most - len(found))
    if len(found) == most:
        found.append("… and more")
    return "\n".join(found)


def lines(dataset: DataSet, depth: int = 0) -> Iterator[str]:
    """A line for each element, nested ones indented."""
    for element in dataset.elements.values():
        yield "  " * depth + _line(element, dataset)
        if element.items is not None and depth < DEEPEST:
            for number, item in enumerate(element.items, 1):
                yield "  " * (depth + 1) + f"item {number}"
                yield from lines(item, depth + 2)


def _line(element: Element, dataset: DataSet) -> str:
    name = f"({element.tag[:4]},{element.tag[4:]}) {element.vr} {_keyword(element.tag)}".rstrip()
    if element.items is not None:
        return f"{name}: {len(element.items)} items"
    if element.fragments is not None:
        return f"{name}: encapsulated, {len(element.fragments)} fragments, the first is the offset table"
    if not element.value:
        return f"{name}: empty"
    return f"{name}: {_value(element.vr, element.value, dataset)}"


def _value(code: str, value: Body, dataset: DataSet) -> str:
    head = value.read(0, VALUE)
    more = "…" if value.size > VALUE else ""
    if code in _NUMBERS:
        return _numbers(code, head, dataset) + more
    if code in vr.STRINGS:
        terms = dataset.charsets if code in charset.EXTENDED else ()
        text = charset.decode(head, terms) if not more else None
        return (text if text is not None else head.decode("utf-8", "backslashreplace")).rstrip(" \0") + more
    return f"{value.size:,} octets {head[:16].hex(' ')}{'…' if value.size > 16 else ''}"


def _numbers(code: str, head: bytes, dataset: DataSet) -> str:
    size = vr.WORD[code]
    count = len(head) // size
    if count * size != len(head):
        return f"{head.hex(' ')} (no whole number)"
    form = f"{'>' if dataset.big_endian else '<'}{count}{_NUMBERS[code]}"
    return "\\".join(f"{n:.9g}" if isinstance(n, float) else str(n) for n in struct.unpack(form, head))


@lru_cache(maxsize=4096)
def _keyword(tag: str) -> str:
    return keyword_for_tag(int(tag, 16))
