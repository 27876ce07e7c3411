"""Rules on renderings of reports and other documents (PS3.18 8.7.4, 8.8, 10.4.3.3.3): their words, in a known charset.

Must not know how a page is laid out: nobody says.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from harness.exchange import NOT_NOW, Answer, Exchange
from harness.rule import Finding, rule
from suites.web.rendered.bend import changed
from suites.web.rendered.ground import SHOWS
from suites.web.rendered.markup import LONGEST, words
from suites.web.rendered.reading import HTML, PDF, PLAIN, RENDERED, XML, Shown, got, held, named, shown

# Of the report: letters in no character set but those of Unicode, and what has to be escaped in HTML and XML.
WORDS = "M\u00e4rta \u8003\u3048 \u0436 a<b & c>d"
_TEXTS = (HTML, PLAIN, XML)
_TAIL = 2048  # octets at the end of a PDF document in which its trailer ends


def words_of(one: Shown) -> str | None:
    """The text without markup and with single blanks; None when it is not in its charset."""
    return words(one.type, charset_of(one), one.content)


def charset_of(one: Shown) -> str:
    return one.media.parameters.get("charset", "utf-8").lower()


def _texts(x: Exchange) -> list[Shown]:
    return [one for one in shown(x) if one.type in _TEXTS]


@rule(
    "rendered.text-has-the-words",
    cites="PS3.18 10.4.3.3.3; 8.7.4",
    verifies=("PS3.18-10.4.3.3.3-1", "PS3.18-8.7.4-1", "PS3.18-8.7.4-2"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: held(x) and named(x) == "text" and bool(_texts(x)),
    says="A report that is rendered as text has the words of the report.",
)
def text_has_the_words(x: Exchange) -> Iterator[Finding]:
    wanted = WORDS
    for one in _texts(x):
        text = words_of(one)
        if text is not None and wanted not in text:
            yield Finding(text[:200] or "no text", wanted, one.where)


@text_has_the_words.mutant
def report_is_a_title(x: Exchange) -> Answer | None:
    """Of a report only its title is shown."""
    return changed(x, lambda one: b"<html><body>Report</body></html>" if one.type in _TEXTS else None)


@text_has_the_words.mutant
def other_letters_are_lost(x: Exchange) -> Answer | None:
    """Letters beyond ASCII are question marks."""

    def ascii_only(one: Shown) -> bytes | None:
        text = one.content.read(0, LONGEST).decode("utf-8", "replace")
        return html.unescape(text).encode("ascii", "replace") if one.type in _TEXTS else None

    return changed(x, ascii_only) if named(x) == "text" else None


@text_has_the_words.mutant
def words_are_taken_for_markup(x: Exchange) -> Answer | None:
    """What has to be escaped in HTML is written as it is, so that a report can bring in markup."""

    def bare(one: Shown) -> bytes | None:
        return html.unescape(one.content.read(0, LONGEST).decode("utf-8", "replace")).encode()

    return changed(x, lambda one: bare(one) if one.type == HTML else None) if named(x) == "text" else None


@text_has_the_words.mutant
def escapes_twice(x: Exchange) -> Answer | None:
    """What has to be escaped in HTML is escaped twice, so that people read the escapes."""

    def again(one: Shown) -> bytes | None:
        return one.content.read(0, LONGEST).replace(b"&", b"&amp;") if one.type == HTML else None

    return changed(x, again) if named(x) == "text" else None


@rule(
    "rendered.text-in-its-charset",
    cites="PS3.18 8.8; 8.8.5; 8.7.9",
    verifies=("PS3.18-8.8-1", "PS3.18-8.8.5-2"),
    on=RENDERED,
    when=lambda x: got(x) and bool(_texts(x)),
    says="Rendered text is in the character set that its Content-Type names, in UTF-8 when it names none.",
)
def text_in_its_charset(x: Exchange) -> Iterator[Finding]:
    for one in _texts(x):
        if words_of(one) is None:
            yield Finding("octets that are no text in it", charset_of(one), f"{one.where}, charset")


@text_in_its_charset.mutant
def utf_16_called_utf_8(x: Exchange) -> Answer | None:
    """Text is in another character set than it says."""
    return changed(x, lambda one: "R\u00f6ntgen".encode("latin-1") if one.type in _TEXTS else None)


@rule(
    "rendered.text-accepts-utf-8",
    cites="PS3.18 8.8; 8.8.1; 8.8.4",
    verifies=("PS3.18-8.8-1", "PS3.18-8.8.1-1"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: held(x) and x.ask.method == "GET" and bool(_charsets(x)) and (x.answer.ok or x.answer.status == 406),
    says="Rendered text can be had in UTF-8, and names of character sets that nobody knows are not looked at.",
)
def text_accepts_utf_8(x: Exchange) -> Iterator[Finding]:
    if not x.answer.ok:
        yield Finding(f"{x.answer.line} to charset {_charsets(x)}", "200", "status line")
        return
    for one in _texts(x):
        if charset_of(one) != "utf-8":
            yield Finding(charset_of(one), "utf-8", f"{one.where}, charset")


def _charsets(x: Exchange) -> str:
    """What the request says about character sets, if UTF-8 is among it and nothing else that is known."""
    said = [*x.ask.headers.all("accept-charset"), *(p.value for p in x.ask.query.all("charset"))]
    names = {w.partition(";")[0].strip().lower() for value in said for w in value.split(",")}
    return ", ".join(said) if "utf-8" in names and all(n == "utf-8" or n.startswith("x-") for n in names) else ""


@text_accepts_utf_8.mutant
def charset_is_406(x: Exchange) -> Answer | None:
    """Who names a character set gets 406."""
    return x.answer.but(status=406, reason="Not Acceptable") if _charsets(x) and x.kind == RENDERED else None


@rule(
    "rendered.document-is-its-own",
    cites="PS3.18 8.7.2; 8.7.4; 10.4.3.3.3",
    verifies="PS3.18-10.4.3.3.3-1",
    on=RENDERED,
    after=SHOWS,
    due=False,
    when=lambda x: held(x) and named(x) == "document" and x.answer.status not in (404, 406, 501),
    says="An encapsulated PDF that is asked for as application/pdf comes as the document that was stored.",
)
def document_is_its_own(x: Exchange) -> Iterator[Finding]:
    if not x.answer.ok:
        light = x.answer.status // 100 == 4 or x.answer.status in NOT_NOW
        yield Finding(x.answer.line, "200, or 406 where PDF is not offered", "status line", warn=light)
    for one in shown(x):
        octets = one.content.read(0, 8)
        if one.type == PDF and not octets.startswith(b"%PDF-"):
            yield Finding(f"octets {octets.hex()}", "a PDF document", one.where)
        elif one.type == PDF and not _ended(one):
            yield Finding("no startxref and %%EOF at its end", "a whole PDF document", one.where)


def _ended(one: Shown) -> bool:
    """The trailer that ends every PDF document (ISO 32000-1 7.5.5) is there."""
    tail = one.content.read(max(0, one.content.size - _TAIL))
    return b"startxref" in tail and b"%%EOF" in tail[tail.rfind(b"startxref") :]


@document_is_its_own.mutant
def pdf_is_cut(x: Exchange) -> Answer | None:
    """The end of an encapsulated PDF is missing."""
    return changed(x, lambda one: one.content.read(0, one.content.size // 2) if one.type == PDF else None)


@document_is_its_own.mutant(defects="M-RE-03")
def pdf_is_400(x: Exchange) -> Answer | None:
    """An encapsulated PDF is answered 400."""
    return x.answer.but(status=400, reason="Bad Request") if named(x) == "document" else None
