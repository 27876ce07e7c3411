"""Knows how reports and encapsulated documents become text, HTML, XML or PDF (PS3.18 8.7.4, the Text category).

Must not know pictures, or how anything is asked for.
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Iterable
from html import escape

from lxml import etree
from pydicom.dataset import Dataset

from simulators.archive.held import Held
from simulators.model.bulk import NoSuchValue, bulk_value
from simulators.render import attributes, charsets, report
from simulators.render.pdf import pdf
from simulators.render.view import TooLarge, Unrenderable
from simulators.web.content import Slice, read

HTML, PLAIN, XML, PDF = "text/html", "text/plain", "text/xml", "application/pdf"
TEXTS = frozenset((HTML, PLAIN, XML))

# The media type of what each Encapsulated SOP class holds (PS3.3 A.45, A.85, A.104, A.105).
_ENCAPSULATED = {
    "1.2.840.10008.5.1.4.1.1.104.1": "application/pdf",
    "1.2.840.10008.5.1.4.1.1.104.2": "text/xml",
    "1.2.840.10008.5.1.4.1.1.104.3": "model/stl",
    "1.2.840.10008.5.1.4.1.1.104.4": "model/obj",
    "1.2.840.10008.5.1.4.1.1.104.5": "model/mtl",
}
# Structured reports and key object selections (PS3.4 B.5); what has an SR Document Content Module (8.7.2).
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."

MOST_OCTETS = 1 << 26  # of an encapsulated document
_WIDTH = 100
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def types(held: Held) -> tuple[str, ...]:
    """The media types, the default first; () for what is no text."""
    if held.sop_class.startswith(_REPORTS):
        return HTML, PLAIN, XML, PDF
    own = _ENCAPSULATED.get(held.sop_class, "")
    return tuple(dict.fromkeys((HTML, own, PLAIN, XML))) if own else ()


def stored_as(held: Held, type: str) -> bool:
    """The instance holds a document of this media type, which leaves as it is."""
    return _ENCAPSULATED.get(held.sop_class) == type


def document(held: Held, type: str, charset: str = "") -> bytes:
    """The instance in one of its `types`, texts in a character set of `charsets`.

    Unrenderable when a character is not in the character set, or when the document is missing.
    """
    if stored_as(held, type):
        return _content(held)
    dataset = attributes.attributes(held)
    if type == PDF:
        return pdf(_lines(held, dataset))
    if type == PLAIN:
        return _encoded("\n".join(_lines(held, dataset)) + "\n", charset)
    declared = charset or charsets.UTF8
    text = _page(held, dataset, declared)
    return _encoded(f'<?xml version="1.0" encoding="{declared}"?>\n{text}' if type == XML else text, charset)


def _encoded(text: str, charset: str) -> bytes:
    try:
        return text.encode(charsets.codec(charset))
    except UnicodeEncodeError as problem:
        lacking = text[problem.start]
        raise Unrenderable(f"{charset or charsets.UTF8} has no U+{ord(lacking):04X}, which the text holds") from None


def _content(held: Held) -> bytes:
    """The encapsulated document without the octet that pads it (PS3.3 C.24.2)."""
    try:
        found = bulk_value(held, "00420011")
    except NoSuchValue as problem:
        raise Unrenderable("the instance holds no document") from problem
    size = len(found) if isinstance(found, bytes) else found[2]
    if size > MOST_OCTETS:
        raise TooLarge(f"a document of {size} octets is larger than the {MOST_OCTETS} that are rendered")
    octets = found if isinstance(found, bytes) else read(Slice(*found))
    length = attributes.whole(attributes.attributes(held), "EncapsulatedDocumentLength")
    return octets[:length] if 0 < length <= len(octets) else octets


def _lines(held: Held, dataset: Dataset) -> list[str]:
    """The text in lines of some hundred characters, indented by depth."""
    lines = [report.title(dataset), "=" * min(len(report.title(dataset)), _WIDTH), ""]
    lines += [f"{label}: {text}" for label, text in report.head(dataset)]
    lines.append("")
    if held.sop_class in _ENCAPSULATED:
        return [*lines, *_told(held)]
    for entry in report.entries(dataset):
        space = "  " * (entry.depth - 1)
        if not entry.text:
            lines += ["", space + entry.heading]
            continue
        for number, line in enumerate(entry.text.splitlines() or [""]):
            start = f"{entry.heading}: " if entry.heading and not number else ""
            lines += textwrap.wrap(start + line, _WIDTH, initial_indent=space, subsequent_indent=space) or [""]
    return lines


def _told(held: Held) -> list[str]:
    """The words of a clinical document; of others, what it is."""
    own, octets = _ENCAPSULATED[held.sop_class], _content(held)
    if own != XML:
        return [f"A document of the type {own}, {len(octets)} octets."]
    try:
        root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return ["A clinical document that is not well-formed."]
    words = " ".join(str(text) for text in root.itertext()).split()
    return textwrap.wrap(" ".join(words), _WIDTH)


def _page(held: Held, dataset: Dataset, charset: str) -> str:
    """One page, which is HTML and well-formed XML at once, and needs nothing besides itself."""
    title = _safe(report.title(dataset))
    rows = "".join(f"<tr><th>{_safe(name)}</th><td>{_safe(text)}</td></tr>" for name, text in report.head(dataset))
    body = _embedded(held) if held.sop_class in _ENCAPSULATED else "\n".join(_paragraphs(report.entries(dataset)))
    return (
        '<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head>'
        f'<meta charset="{charset}"/><title>{title}</title>'
        "<style>body{font-family:sans-serif;margin:2em}th{text-align:left;padding-right:1em}p{white-space:pre-line}"
        "</style></head>\n"
        f"<body><h1>{title}</h1>\n<table><tbody>{rows}</tbody></table>\n{body}\n</body></html>\n"
    )


def _embedded(held: Held) -> str:
    own, octets = _ENCAPSULATED[held.sop_class], _content(held)
    told = "".join(f"<p>{_safe(line)}</p>" for line in _told(held))
    data = f"data:{own};base64,{base64.b64encode(octets).decode('ascii')}"
    return f'{told}<p><a href="{data}" download="document">The document</a></p>'


def _paragraphs(entries: Iterable[report.Entry]) -> Iterable[str]:
    for entry in entries:
        if not entry.text:
            level = min(entry.depth + 1, 6)
            yield f"<h{level}>{_safe(entry.heading)}</h{level}>"
        else:
            start = f"<strong>{_safe(entry.heading)}:</strong> " if entry.heading else ""
            yield f'<p style="margin-left:{min(entry.depth, 20)}em">{start}{_safe(entry.text)}</p>'


def _safe(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n"))
