"""Knows how the data set of a request is read: its attributes as DICOM JSON, and as the keys of a search.

Must not know levels, services or how keys are matched.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.upper_layer.message import Message
from simulators.archive.question import Key, TagPath
from simulators.dimse.talk import DOES_NOT_MATCH, OUT_OF_RESOURCES, UNABLE_TO_PROCESS, Refused
from simulators.model.json_encode import elements_of
from simulators.model.scan import TooMuch, Unreadable, read_dataset

LIMIT = 8 << 20  # octets of a data set that is not an instance to be stored


def read(message: Message, syntax: str) -> dict[str, str]:
    """Tag -> encoded attribute of the data set of a message, {} without one; Refused when it is none."""
    size = message.body.size if message.body is not None else len(message.data or b"")
    if size > LIMIT:
        raise Refused(OUT_OF_RESOURCES, f"a data set of {size} octets is too long here")
    octets = message.dataset_octets()
    if not octets:
        return {}
    try:
        return elements_of(read_dataset(octets, 0, syntax), "")
    except TooMuch as error:
        raise Refused(OUT_OF_RESOURCES, str(error)) from None
    except Unreadable as error:
        raise Refused(UNABLE_TO_PROCESS, str(error)) from None


def parsed(text: str) -> dict[str, Any]:
    """An encoded attribute with numbers as the text they are."""
    found: dict[str, Any] = json.loads(text, strict=False, parse_float=str, parse_int=str)
    return found


def values(elements: Mapping[str, str], tag: str) -> list[str]:
    """The values of an attribute as text without the empty ones, [] when it is absent."""
    return [v for v in _texts(parsed(elements[tag]), tag) if v] if tag in elements else []


def keys(elements: Mapping[str, str]) -> Iterator[Key]:
    """Every attribute as a key, those in sequences by their paths; Refused for a sequence of several items."""
    for tag, text in elements.items():
        yield from _keys((tag,), parsed(text))


def _keys(path: TagPath, attribute: Mapping[str, Any]) -> Iterator[Key]:
    if attribute["vr"] != "SQ":
        yield Key(path, tuple(_texts(attribute, path[0])))
        return
    items = attribute.get("Value", ())
    if len(items) > 1:
        raise Refused(DOES_NOT_MATCH, "a sequence key has one item (PS3.4 C.2.2.2.6)", int(path[0], 16))
    below = [key for item in items for tag, inner in item.items() for key in _keys((*path, tag), inner)]
    yield from below or [Key(path)]


def _texts(attribute: Mapping[str, Any], tag: str) -> list[str]:
    if "BulkDataURI" in attribute:
        raise Refused(DOES_NOT_MATCH, f"the value of {tag} is too long to be matched", int(tag, 16))
    if "InlineBinary" in attribute:
        octets = base64.b64decode(attribute["InlineBinary"])
        return [octets.decode("utf-8", "replace").rstrip(" \0")]
    return [_text(value) for value in attribute.get("Value", ())]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "=".join(value.get(g, "") for g in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")
    return str(value)
