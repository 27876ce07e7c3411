"""Knows when two data sets say the same although their octets differ: VR, byte order, padding, kinds of length.

Must not know which of them is right.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from harness.body import Body
from harness.wire import charset, vr
from harness.wire.elements import IMPLICIT, DataSet, Element, read_items
from harness.wire.flaw import Flaws

_PIECE = 1 << 18  # octets at a time, a multiple of every word
_LOOSE = frozenset(
    {"AE", "CS", "DS", "IS", "LO", "SH", "PN", "DA", "TM", "DT", "UC"}
)  # spaces at both ends mean nothing
_SHOWN = 64


class Difference(NamedTuple):
    """Where two data sets differ: a path like "00081140[0].00081155", what is there and what was wanted there."""

    path: str
    got: str
    want: str


def difference(
    got: DataSet, want: DataSet, ignore: Collection[str] = (), pixels: bool = True, path: str = ""
) -> Iterator[Difference]:
    """Every place where `got` does not say what `want` says.

    `ignore` are tags left out at every level. Group lengths and (FFFC,FFFC) are left out always. Pixel Data is
    compared, unless `pixels` is false, when it is native in both or encapsulated in both.
    """
    for tag in sorted(set(got.elements) | set(want.elements)):
        if tag in ignore or tag.endswith("0000") or tag == "FFFCFFFC":
            continue
        here = f"{path}.{tag}" if path else tag
        one, other = got.get(tag), want.get(tag)
        if one is None or other is None:
            if tag != "7FE00010" or pixels:
                yield Difference(here, _show(got, one), _show(want, other))
        elif tag != "7FE00010" or (pixels and (one.fragments is None) == (other.fragments is None)):
            yield from _elements(got, one, want, other, ignore, pixels, here)


def _elements(
    got: DataSet, one: Element, want: DataSet, other: Element, ignore: Collection[str], pixels: bool, path: str
) -> Iterator[Difference]:
    if one.empty or other.empty:
        same = one.empty and other.empty
    elif one.fragments is not None and other.fragments is not None:
        same = _stream(one.fragments) == _stream(other.fragments)
    elif one.items is not None or other.items is not None:
        yield from _sequences(_items(one, got), _items(other, want), ignore, pixels, path)
        return
    else:
        same = _values(got, one, want, other)
    if not same:
        yield Difference(path, _show(got, one), _show(want, other))


def _items(element: Element, dataset: DataSet) -> Sequence[DataSet] | None:
    """The items of a sequence; a value of UN is read as the implicit VR sequence it may be (PS3.5 6.2.2)."""
    if element.items is not None or element.value is None:
        return element.items
    flaws = Flaws()
    items = read_items(element.value, IMPLICIT, flaws) if element.vr == "UN" else ()
    return items if items and not flaws.of("part10.item-expected", "part10.truncated") else None


def _sequences(
    got: Sequence[DataSet] | None, want: Sequence[DataSet] | None, ignore: Collection[str], pixels: bool, path: str
) -> Iterator[Difference]:
    if got is None or want is None:
        yield Difference(
            path, "no sequence" if got is None else "a sequence", "no sequence" if want is None else "a sequence"
        )
        return
    if len(got) != len(want):
        yield Difference(path, f"{len(got)} items", f"{len(want)} items")
    for index, (one, other) in enumerate(zip(got, want, strict=False)):
        yield from difference(one, other, ignore, pixels, f"{path}[{index}]")


def _stream(fragments: Sequence[Body]) -> str:
    """A digest of the encoded pixels, however they are cut into fragments; without the offset table."""
    total = hashlib.sha256()
    for fragment in fragments[1:]:
        for piece in fragment.chunks():
            total.update(piece)
    return total.hexdigest()


def _values(got: DataSet, one: Element, want: DataSet, other: Element) -> bool:
    if one.value is None or other.value is None:
        return False
    code = other.vr if one.vr == "UN" else one.vr
    if code in vr.STRINGS and (other.vr in vr.STRINGS or other.vr == "UN"):
        return _texts(got, one, code) == _texts(want, other, code)
    word = max(vr.WORD.get(one.vr, 1), vr.WORD.get(other.vr, 1))
    swap = word if got.big_endian != want.big_endian and "UN" not in (one.vr, other.vr) else 1
    if "UN" in (one.vr, other.vr):  # UN is little endian whatever surrounds it (PS3.5 6.2.2)
        big = want.big_endian if one.vr == "UN" else got.big_endian
        swap = word if big else 1
    return _octets(one.value, other.value, swap)


def _octets(one: Body, other: Body, swap: int) -> bool:
    if one.size != other.size:
        return False
    if swap == 1:
        return one.same(other)
    return all(_swapped(a, swap) == b for a, b in zip(one.chunks(_PIECE), other.chunks(_PIECE), strict=True))


def _swapped(octets: bytes, word: int) -> bytes:
    turned = bytearray(len(octets))
    whole = len(octets) - len(octets) % word
    for place in range(word):
        turned[place:whole:word] = octets[word - 1 - place : whole : word]
    turned[whole:] = octets[whole:]
    return bytes(turned)


def _texts(dataset: DataSet, element: Element, code: str) -> list[object]:
    """The values of a string VR without what means nothing, for comparison only."""
    octets = element.value.read(0, element.value.size) if element.value else b""
    text = charset.decode(octets, dataset.charsets) if code in charset.EXTENDED else octets.decode("latin-1")
    if text is None:
        return [octets.rstrip(b" \0")]
    text = text.rstrip("\0")
    if code in vr.SINGLE:
        return [text.rstrip(" ")]
    return [plain(value, code) for value in text.split("\\")]


def plain(value: str, code: str) -> object:
    """One value of a string VR without the padding and delimiters that mean nothing; a DS or IS as a number."""
    value = value.strip(" ") if code in _LOOSE else value.rstrip(" ")
    if code in ("DS", "IS"):
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    if code == "PN":
        groups = [re.sub(r"[\^ ]+\Z", "", group) for group in value.split("=")]
        return "=".join(groups).rstrip("=")
    return value


def _show(dataset: DataSet, element: Element | None) -> str:
    if element is None:
        return "absent"
    if element.items is not None:
        return f"{element.vr}, {len(element.items)} items"
    if element.fragments is not None:
        size = sum(f.size for f in element.fragments[1:])
        return f"{element.vr}, {len(element.fragments) - 1} fragments, {size} octets"
    if not element.value:
        return f"{element.vr}, empty"
    if element.vr in vr.STRINGS:
        octets = element.value.read(0, _SHOWN)
        # what the character set does not know is shown as octets, or one could not see what differs
        text = charset.decode(octets, dataset.charsets) or octets.decode("ascii", "backslashreplace")
        return f"{element.vr} {text.rstrip(chr(0))!r}" + ("..." if element.value.size > _SHOWN else "")
    if element.value.size <= 16:
        return f"{element.vr} {element.value.bytes().hex(' ')}"
    return f"{element.vr}, {element.value.size} octets, SHA-256 {element.value.digest[:16]}"
