"""Knows what the octets of a text show: the words in it, and whether it is the HTML, XML or plain text it is called.

Must not know requests, nor which words there should be.
"""

from __future__ import annotations

import codecs
import html
import re

from lxml import etree

from harness.body import Body

LONGEST = 4 << 20  # octets of a text that are looked at
_MARKED_UP = ("text/html", "text/xml")
_MARKUP = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"\s+")
_ELEMENT = re.compile(
    rb"<(?:!doctype\s+html|html|head|meta|style|title|body|main|section|article|header|div|span|p|h[1-6]|table|ul|ol|dl"
    rb"|pre|br|hr|img|svg|font|center|form)\b",
    re.I,
)
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype\s+html|<html[\s>]|<\?xml\s)", re.I)
_DECLARED = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")


def words(type_: str, charset: str, content: Body) -> str | None:
    """The text without markup and with single blanks; None when it is not in this character set."""
    text = _decoded(charset, content)
    if text is None:
        return None
    if type_ in _MARKED_UP:
        text = html.unescape(_MARKUP.sub(" ", text))
    return _SPACE.sub(" ", text)


def untrue(type_: str, charset: str, content: Body) -> str:
    """What octets are that cannot be of this media type, '' where they may be or are too many to say."""
    if content.size > LONGEST or not content.size:
        return ""
    octets = content.bytes()
    if type_ == "text/html":
        wide = charset.startswith(("utf-16", "utf-32"))
        return "" if wide or _ELEMENT.search(octets) else "text without any element of HTML"
    if type_ == "text/plain":
        return "a page of markup" if _PAGE.match(octets) else ""
    if type_ == "text/xml":
        return _ill_formed(_decoded(charset, content))
    return ""


def _decoded(charset: str, content: Body) -> str | None:
    try:
        return content.read(0, LONGEST).decode(codecs.lookup(charset).name)
    except (LookupError, UnicodeDecodeError):
        return None


def _ill_formed(text: str | None) -> str:
    """Why a text is no XML document; what is in no character set is judged elsewhere."""
    if text is None:
        return ""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        etree.fromstring(_DECLARED.sub("", text).lstrip("\ufeff").encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as problem:
        return f"no XML: {str(problem)[:120]}"
    return ""
