"""Knows how data sets are read out of a message, in either model and in one part or several, and changed by mutants.

Must not know what the data sets are about, nor what a right message is.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.body import EMPTY
from harness.exchange import Answer, Ask, view
from harness.wire import dicom_json, native_xml
from harness.wire.dicom_json import DataSet
from suites.web.client.bend import payload

JSON, XML = "application/dicom+json", "application/dicom+xml"
Change = Callable[[dict[str, Any]], Any]


@view
def datasets(message: Ask | Answer) -> list[DataSet] | None:
    """The data sets of the payload in order, None when there is none or it cannot be read as such."""
    if message.json is not None:
        return list(message.json.datasets) if message.json.root in ("array", "object") else None
    if not message.parts and message.type != XML:
        return None
    found = list(_documents(message))
    return None if any(one is None for one in found) else [one for one in found if one is not None]


def _documents(message: Ask | Answer) -> Iterator[DataSet | None]:
    if not message.parts:
        yield from (_native(reading) for reading in message.documents)
    for part in message.parts:
        if part.media.type == JSON:
            reading = dicom_json.read(part.content)
            yield from reading.datasets if reading.root in ("array", "object") else [None]
        else:
            yield _native(native_xml.read(part.content)) if part.media.type == XML else None


def _native(reading: native_xml.Reading) -> DataSet | None:
    return native_xml.to_json(reading.datasets[0]) if reading.datasets else None


def items(dataset: DataSet, tag: str) -> list[DataSet]:
    """The items of a sequence, [] when it is absent, empty or none."""
    return [item for item in values(dataset, tag) if isinstance(item, Mapping)]


def values(dataset: DataSet, tag: str) -> list[Any]:
    """The values of an attribute, [] when it is absent or has none."""
    attribute = dataset.get(tag)
    found = attribute.get("Value") if isinstance(attribute, Mapping) else None
    return found if isinstance(found, list) else []


def text(dataset: DataSet, tag: str) -> str:
    """The first value as text without padding, '' without one."""
    found = values(dataset, tag)
    return "" if not found or found[0] is None or isinstance(found[0], Mapping) else str(found[0]).strip(" \0")


def spoken_in(answer: Answer, form: str) -> bool:
    """Whether the payload is in one of the forms "json", "xml", "multipart-json" and "multipart-xml"."""
    several = answer.type == "multipart/related"
    kind = answer.media.parameters.get("type", "").lower() if several else answer.type
    return several == form.startswith("multipart") and kind == (XML if form.endswith("xml") else JSON)


# --- for mutants ----------------------------------------------------------------------------------------------------


def changed(answer: Answer, change: Change) -> Answer | None:
    """The answer with its first JSON data set changed in place; None for any other, or when nothing changed."""
    found = _root(answer)
    if not answer.ok or found is None:
        return None
    before = copy.deepcopy(found)
    change(found[0] if isinstance(found, list) else found)
    return None if found == before else answer.but(body=json.dumps(found).encode())


def bent(ask: Ask, change: Change) -> Ask | None:
    """The same with the data set of a request."""
    found = _root(ask)
    if found is None:
        return None
    before = copy.deepcopy(found)
    change(found[0] if isinstance(found, list) else found)
    return None if found == before else payload(ask, json.dumps(found).encode())


def _root(message: Ask | Answer) -> Any:
    """The JSON value of a payload that holds a data set, else None."""
    if message.json is None or not message.json.datasets or message.payload is not message.body:
        return None
    found = json.loads(message.body.bytes())
    return found if isinstance(found, dict) or isinstance(found[0], dict) else None


def emptied(answer: Answer, status: int, reason: str) -> Answer:
    """An answer of this status without a payload."""
    headers = answer.headers.but("content-type", None)
    return answer.but(status=status, reason=reason, headers=headers.but("content-length", "0"), body=EMPTY)
