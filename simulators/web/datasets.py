"""Knows how data sets come and go in both models, in one part or several (PS3.18 8.6.1, 8.7.3.2, Annex F; PS3.19 A.1).

Must not know what the data sets are about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anyio.to_thread import run_sync
from pydicom.dataset import Dataset

from simulators.model import json_decode, xml_decode
from simulators.model.build import Undecodable
from simulators.model.json_encode import decimal_token, elements_of, integer_token, text_of
from simulators.model.plain import source_of
from simulators.model.values import NUMBERS
from simulators.web import media, multipart_out
from simulators.web.call import Call, Reply
from simulators.web.multipart_in import Begin, Data, Malformed, Reader
from simulators.web.multipart_out import Part
from simulators.web.native import document
from simulators.web.negotiate import JSON, XML, Offer, Selected
from simulators.web.report import Problem
from simulators.web.store_parts import Disconnected, arriving

Attributes = dict[str, Any]  # tag -> attribute object of the DICOM JSON Model, numbers as the text they are

FORMS = (Offer(JSON), Offer(XML), Offer(JSON, multipart=True), Offer(XML, multipart=True))
SUPPORTED = tuple(offer.line for offer in FORMS)
LARGEST = 8 << 20  # octets of a payload
PARTS = 1000
_EXACT = 2**53 - 1


async def received(call: Call, most: int | None = None) -> list[Attributes]:
    """The data sets of the payload, at least one; Problem 400, 408, 413 or 415 when they cannot be had.

    `most`: the octets that a payload may have, where that is less than what is read at all.
    """
    root, boundary = _form(call)
    octets = await _payload(call, min(LARGEST, most or LARGEST))
    return await run_sync(lambda: _read(octets, root, boundary))


def _form(call: Call) -> tuple[str, str]:
    """The media type of the data sets, and the boundary of a multipart payload."""
    values = call.headers.getlist("content-type")
    found = media.read(values[0]) if len(values) == 1 else None
    if found is None:
        raise Problem(400, "The request has one readable Content-Type header field.", supported=SUPPORTED)
    name = found.parameters.get("type", "").lower() if found.multipart else found.name
    if name not in (JSON, XML) or found.name not in (JSON, XML, "multipart/related"):
        raise Problem(415, f"{(name or found.name)[:100]} is not taken here.", supported=SUPPORTED)
    if call.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "No Content-Encoding is supported.", supported=SUPPORTED)
    boundary = found.parameters.get("boundary", "")
    if found.multipart and (not boundary or {"type", "boundary"} & found.repeated):
        raise Problem(400, "multipart/related has one type and one boundary parameter.", supported=SUPPORTED)
    return name, boundary if found.multipart else ""


async def _payload(call: Call, most: int) -> bytes:
    octets = bytearray()
    more = True
    while more:
        message = await arriving(call)
        if message["type"] == "http.disconnect":
            raise Disconnected
        more = message.get("more_body", False)
        octets += message.get("body", b"")
        if len(octets) > most:
            raise Problem(413, f"The payload is larger than {most} octets.")
    return bytes(octets)


def _read(octets: bytes, root: str, boundary: str) -> list[Attributes]:
    try:
        texts = _parts(octets, root, boundary) if boundary else [octets]
        found = [made for text in texts for made in _decoded(text, root)]
    except (Malformed, Undecodable) as error:
        raise Problem(400, f"The payload cannot be read: {error}") from error
    if not found:
        raise Problem(400, "The payload holds no data set.")
    return found


def _parts(octets: bytes, root: str, boundary: str) -> list[bytes]:
    reader = Reader(boundary)
    contents: list[bytearray] = []
    for event in reader.feed(octets):
        if isinstance(event, Begin):
            given = media.read(event.fields.get("content-type", root))
            if given is None or given.name != root:
                raise Malformed(f"part {len(contents) + 1} is not {root}")
            if len(contents) == PARTS:
                raise Malformed(f"more than {PARTS} parts")
            contents.append(bytearray())
        elif isinstance(event, Data):
            contents[-1] += event.octets
    reader.finish()
    return [bytes(content) for content in contents]


def _decoded(text: bytes, root: str) -> Iterator[Attributes]:
    for dataset in json_decode.decode(text) if root == JSON else [xml_decode.decode(text)]:
        yield parsed(_encoded(dataset))


def _encoded(dataset: Dataset) -> str:
    try:
        return text_of(elements_of(source_of(dataset), ""))
    except Exception as error:  # a writer may refuse values that the models allow
        raise Undecodable("", f"it cannot be encoded: {error}"[:200]) from error


def parsed(text: str) -> Attributes:
    """One encoded object with numbers as the text they are, which is how data sets are kept here."""
    found: Attributes = json.loads(text, strict=False, parse_float=str, parse_int=str)
    return found


def told(attributes: Mapping[str, Any]) -> bytes:
    """The text of one object whose numbers may be text; what is no number of its VR stays text."""
    return json.dumps(_spoken(attributes), ensure_ascii=False).encode()


def _spoken(attributes: Mapping[str, Any]) -> Attributes:
    return {tag: _attribute(attributes[tag]) for tag in sorted(attributes)}


def _attribute(attribute: Mapping[str, Any]) -> Attributes:
    vr = attribute["vr"]
    if vr == "SQ":
        items = [_spoken(item or {}) for item in attribute.get("Value", ())]
        return {"vr": vr, "Value": items} if items else {"vr": vr}
    if vr in NUMBERS or vr in ("DS", "IS"):
        return {
            **attribute,
            **({"Value": [_number(vr, v) for v in attribute["Value"]]} if "Value" in attribute else {}),
        }
    return dict(attribute)


def _number(vr: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if vr in ("DS", "IS"):
        return json.loads(decimal_token(value) if vr == "DS" else integer_token(value))
    if vr in ("FL", "FD"):
        return float(value)
    return int(value) if abs(int(value)) <= _EXACT else value


def reply(
    selected: Selected,
    texts: Sequence[bytes],
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
    listed: bool = False,
    location: str = "",
) -> Reply:
    """Encoded objects in the selected form. In JSON they are one array when `listed` (F.2.1), else there is one.

    Of several objects no single document can be made: whoever offers application/dicom+xml has one.
    """
    name = selected.offer.type
    contents = [document(text) for text in texts] if name == XML else [_array(texts) if listed else texts[0]]
    if not selected.offer.multipart:
        return Reply(status, name, (contents[0],), headers)
    boundary = multipart_out.boundary()
    pieces = tuple(multipart_out.write([Part(name, location, (content,)) for content in contents], boundary))
    return Reply(status, multipart_out.content_type(name, boundary), pieces, headers)


def _array(texts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(texts) + b"]"
