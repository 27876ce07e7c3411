"""Knows how a mutant changes a DIMSE message: elements of its command set, its data set, its place in the stream.

Must not know rules, nor which of them is to catch the change.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from harness.make.as_octets import LONG, Encoding, with_head
from harness.upper_layer.message import ABSENT, Message

Door = Callable[[Message], Iterable[Message]]
Change = Callable[[Dataset], object]

SUBOPERATIONS = tuple(f"NumberOf{word}Suboperations" for word in ("Remaining", "Completed", "Failed", "Warning"))
MOST = 1 << 20  # octets of a data set that a mutant takes apart


def verb(message: Message | None) -> str:
    """ "find", "store", "n-get": the service of a message, '' for a command that is not known."""
    name = message.name if message is not None else ""
    if not name.endswith(("-RQ", "-RSP")):
        return ""
    word = name.rpartition("-")[0]
    return (word.removeprefix("C-") if word.startswith("C-") or word == "N-EVENT-REPORT" else word).lower()


def is_request(message: Message | None, *verbs: str) -> bool:
    """A request of one of these services, of any when none is named."""
    return message is not None and message.request and (not verbs or verb(message) in verbs)


def is_response(message: Message | None, *verbs: str) -> bool:
    """A response of one of these services, of any when none is named."""
    return message is not None and message.response and (not verbs or verb(message) in verbs)


def is_final(message: Message | None, *verbs: str) -> bool:
    """A response that is not Pending."""
    return message is not None and is_response(message, *verbs) and not message.pending


def is_pending(message: Message | None, *verbs: str) -> bool:
    return message is not None and is_response(message, *verbs) and message.pending


def but(message: Message, **elements: Any) -> Message:
    """The same with these command elements by keyword; None removes one."""
    return message.set(**{k: ABSENT if v is None else v for k, v in elements.items()})


def octets_of(message: Message) -> bytes:
    """The data set in hand, b"" for none and for one too large to be taken apart."""
    if message.body is not None and message.body.size > MOST:
        return b""
    found = message.dataset_octets()
    return found if len(found) <= MOST else b""


def explicit(octets: bytes) -> bool:
    """Whether a data set is in explicit VR: two capital letters stand behind the first tag."""
    return len(octets) > 5 and octets[4:6].isalpha() and octets[4:6].isupper()


def decoded(octets: bytes) -> Dataset:
    """A little endian data set as pydicom reads it."""
    return read_dataset(io.BytesIO(octets), not explicit(octets), True)


def encoded(found: Dataset, octets: bytes) -> bytes:
    """A data set in the encoding of these octets."""
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = not explicit(octets), True
    write_dataset(out, found)
    return out.getvalue()


def rewritten(message: Message, change: Change) -> Message | None:
    """The message with its data set changed in place; None without one, or when the change says False."""
    octets = octets_of(message)
    if not octets:
        return None
    found = decoded(octets)
    if change(found) is False:
        return None
    changed = encoded(found, octets)
    return message.carrying(changed) if changed != octets else None


def within(message: Message, verb: str, change: Change, action: int | None = None) -> Message | None:
    """A request of this service, and of this action type if one is named, with another data set; None for any other."""
    fits = is_request(message, verb) and action in (None, message.command.get("ActionTypeID"))
    return rewritten(message, change) if fits else None


def replaced(message: Message, old: bytes, new: bytes) -> Message | None:
    """The message with the first occurrence of some octets of its data set replaced; None when they are not there."""
    octets = octets_of(message)
    return message.carrying(octets.replace(old, new, 1)) if old in octets else None


Piece = tuple[str, str, bytes]  # tag, VR, value field


def pieces(octets: bytes) -> list[Piece] | None:
    """The elements of a little endian data set, value fields as they are; None where one has an undefined length."""
    found: list[Piece] = []
    at, named = 0, explicit(octets)
    while at + 8 <= len(octets):
        tag = f"{octets[at + 1]:02X}{octets[at]:02X}{octets[at + 3]:02X}{octets[at + 2]:02X}"
        vr = octets[at + 4 : at + 6].decode("latin-1") if named else _known(tag)
        head = 12 if named and vr in LONG else 8
        measure = octets[at + 6 : at + 8] if named and head == 8 else octets[at + head - 4 : at + head]
        size = int.from_bytes(measure, "little")
        if size == 0xFFFFFFFF:
            return None
        found.append((tag, vr, octets[at + head : at + head + size]))
        at += head + size
    return found


def _known(tag: str) -> str:
    return dictionary_VR(int(tag, 16)).split(" ")[0] if dictionary_has_tag(int(tag, 16)) else "UN"


def together(found: Iterable[Piece], named: bool) -> bytes:
    """Elements as a data set, in explicit VR when `named`."""
    return b"".join(with_head(tag, vr, value, Encoding(explicit=named)) for tag, vr, value in found)


def asking(request: Message, change: Change) -> Message:
    """A request with another identifier, or as it is when nothing changed: for mutants at the door."""
    return rewritten(request, change) or request


def found_by(responses: Iterable[Message], keep: Callable[[Dataset], bool]) -> Iterator[Message]:
    """The responses without the Pending ones whose identifier is not kept."""
    for message in responses:
        if not (is_pending(message) and message.has_data and not keep(decoded(octets_of(message)))):
            yield message


def dropped(found: Dataset, *tags: int) -> bool:
    """Take these elements out; whether one was there."""
    there = [tag for tag in tags if tag in found]
    for tag in there:
        del found[tag]
    return bool(there)


def without_the_empty(found: Dataset) -> bool:
    """Take out what has no value; whether there was any."""
    return dropped(found, *(int(element.tag) for element in found if not element.value))
