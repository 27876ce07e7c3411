"""Knows how to hand out the value field of one element of a stored instance, and where its frames lie.

Must not know media types or transports.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulators.archive.held import Held
from simulators.model.json_encode import CHARSET
from simulators.model.names import BIG_ENDIAN
from simulators.model.scan import DataSet, Element, Source, read_dataset
from simulators.model.text import Repertoire, repertoire
from simulators.model.values import CODED, SWAP, little_endian

Place = tuple[Path, int, int]  # file, offset, length


class NoSuchValue(KeyError):
    """The instance has no element at that path, or it is a sequence."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"no value at {self.path}"


@contextmanager
def opened(held: Held) -> Iterator[Source]:
    """The scanned data set of an instance; its offsets are valid inside the block. FileNotFoundError when the
    instance was replaced meanwhile."""
    with held.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets:
        yield read_dataset(octets, held.dataset_at, held.transfer_syntax)


def bulk_value(held: Held, tagpath: str) -> Place | bytes:
    """The value field at "7FE00010" or "54000100/1/54001010" (items count from 1) in little endian order.

    A place in the file where the file holds just these octets, else the octets themselves: of a deflated or big
    endian data set, and of text, which is handed out in UTF-8 as the metadata says. Encapsulated pixel data comes
    with its item heads, from the Basic Offset Table to the Sequence Delimitation. NoSuchValue when there is none.
    """
    with opened(held) as source:
        element, charset = _find(source, tagpath)
        if element.vr in CODED:
            return charset.text(source.value(element)).encode()
        swapped = held.transfer_syntax in BIG_ENDIAN and element.vr in SWAP
        if not held.deflated and not swapped:
            return held.path, element.at, element.length
        return little_endian(source.value(element), element.vr, source.little)


def fragments(held: Held) -> list[tuple[int, int]]:
    """Offset and length of each fragment of encapsulated pixel data in the file, the Basic Offset Table first; []
    for native pixel data."""
    if not (held.encapsulated and held.pixel_tag):
        return []
    with opened(held) as source:
        element = source.dataset.get(int(held.pixel_tag, 16))
        return list(element.fragments or ()) if element else []


def _find(source: Source, tagpath: str) -> tuple[Element, Repertoire]:
    words = tagpath.upper().split("/")
    dataset, charset = source.dataset, _charset(source, source.dataset, repertoire(""))
    for at in range(0, len(words) - 2, 2):
        items = _element(dataset, words[at], tagpath).items or []
        number = int(words[at + 1]) if words[at + 1].isascii() and words[at + 1].isdigit() else 0
        if not 1 <= number <= len(items):
            raise NoSuchValue(tagpath)
        dataset = items[number - 1]
        charset = _charset(source, dataset, charset)
    element = _element(dataset, words[-1], tagpath)
    if len(words) % 2 == 0 or element.items is not None:
        raise NoSuchValue(tagpath)
    return element, charset


def _element(dataset: DataSet, word: str, path: str) -> Element:
    try:
        element = dataset.get(int(word, 16)) if len(word) == 8 else None
    except ValueError:
        element = None
    if element is None:
        raise NoSuchValue(path)
    return element


def _charset(source: Source, dataset: DataSet, outer: Repertoire) -> Repertoire:
    named = dataset.get(CHARSET)
    if named is None or not named.length:
        return outer
    return repertoire(source.value(named).decode("latin-1").rstrip(" \0"))
