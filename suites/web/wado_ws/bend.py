"""Knows how mutants of WADO-WS spoil a message: its envelope as a tree, a document in the package, header fields.

Must not know which rule is to catch it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeVar, cast

from lxml import etree
from pydicom import dcmread, dcmwrite

from harness.exchange import Answer, Ask, Exchange
from harness.wire import soap
from suites.web.wado_ws.reading import answered, local

Message = TypeVar("Message", bound=Ask | Answer)
Edit = Callable[[Any], object]


def enveloped(message: Message, edit: Edit) -> Message | None:
    """The message with its envelope edited; None where it has none, or the edit says False."""
    old = _octets(message)
    if not old:
        return None
    try:
        root = etree.fromstring(old, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None
    if edit(root) is False:
        return None
    return substituted(message, old, etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def substituted(message: Message, old: bytes, new: bytes) -> Message:
    """The message with these octets in the place of others; a Content-Length of the part follows."""
    body = message.body.bytes()
    at = body.index(old)
    head = body[:at]
    length = f"Content-Length: {len(old)}\r\n".encode()
    told = head.rfind(length)
    if told >= 0:
        head = head[:told] + f"Content-Length: {len(new)}\r\n".encode() + head[told + len(length) :]
    return cast(Message, message.but(body=head + new + body[at + len(old) :]))


def answer(x: Exchange, edit: Edit) -> Answer | None:
    """The answer of the service with its envelope edited; a fault stays as it is."""
    return enveloped(x.answer, edit) if answered(x) is not None else None


def first(root: Any, *names: str) -> Any:
    """The first element of one of these local names; None when there is none."""
    return next((element for element in root.iter() if local(element) in names), None)


def said(x: Exchange, name: str, value: str | None) -> Answer | None:
    """The answer with the text of the first element of this name changed, or the element left out."""

    def edit(root: Any) -> bool:
        element = first(root, name)
        if element is None or (value is not None and element.text == value):
            return False
        if value is None:
            element.getparent().remove(element)
        else:
            element.text = value
        return True

    return answer(x, edit)


def told(x: Exchange, name: str, attribute: str, value: str | None) -> Answer | None:
    """The answer with an attribute of the first element of this name changed, or left out."""

    def edit(root: Any) -> bool:
        element = first(root, name)
        if element is None or element.get(attribute) == value:
            return False
        if value is None:
            del element.attrib[attribute]
        else:
            element.set(attribute, value)
        return True

    return answer(x, edit)


def filed(x: Exchange, edit: Callable[[Any], object]) -> Answer | None:
    """The answer with the data set of its first PS3.10 file edited; an edit that says False changed nothing."""
    parts = [part for part in x.answer.parts if part.media.type == "application/dicom"]
    if answered(x) is None or not parts:
        return None
    octets = parts[0].content.bytes()
    dataset = dcmread(io.BytesIO(octets))
    if edit(dataset) is False:
        return None
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return substituted(x.answer, octets, out.getvalue())


def _octets(message: Ask | Answer) -> bytes:
    if message.type == soap.SOAP:
        return message.body.bytes()
    root = next((part for part in message.parts if part.media.type == soap.XOP), None)
    return root.content.bytes() if root is not None else b""
