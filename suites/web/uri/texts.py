"""Rules on reports that the URI service sends as text: the words of the report, in the media type they are called.

Must not know how a page is laid out, nor pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.past import Kept
from harness.rule import RELATION, Finding, rule
from harness.wire.elements import DataSet
from suites.web.rendered.markup import untrue, words
from suites.web.retrieve.reading import got, stored
from suites.web.uri.reading import HTML, KIND, PLAIN, kept, lawful

_CONTENT, _TEXT = "0040A730", "0040A160"
_DEEPEST = 32
_MOST = 64  # texts of one report that are looked for


def _charset(x: Exchange) -> str:
    return x.answer.media.parameters.get("charset", "utf-8").strip('"').lower()


def _text(x: Exchange) -> bool:
    return got(x) and x.answer.type in (HTML, PLAIN) and x.answer.body.size > 0


@rule(
    "uri.text-is-what-it-says",
    cites="PS3.18 9.5.3.3; 8.7.4; 8.7.9",
    verifies="PS3.18-9.5.2-1",
    on=KIND,
    when=_text,
    says="A text that is called text/html is a page of HTML, and one that is called text/plain is none.",
)
def text_is_what_it_says(x: Exchange) -> Iterator[Finding]:
    if seen := untrue(x.answer.type, _charset(x), x.answer.payload):
        yield Finding(seen, x.answer.type, "body")


@text_is_what_it_says.mutant
def page_called_plain(x: Exchange) -> Answer | None:
    """An HTML page is called text/plain."""
    return x.answer.but(type=PLAIN) if got(x) and x.answer.type == HTML else None


@text_is_what_it_says.mutant
def text_called_page(x: Exchange) -> Answer | None:
    """Plain text is called text/html."""
    return x.answer.but(type=HTML) if got(x) and x.answer.type == PLAIN else None


def _told(dataset: DataSet, depth: int = 0) -> Iterator[str]:
    """The values of the TEXT content items of a report in ASCII, blanks made single."""
    text = dataset.text(_TEXT)
    if text.isascii() and text.strip():
        yield " ".join(text.split())
    content = dataset.get(_CONTENT)
    for item in (content.items or ()) if content is not None and depth < _DEEPEST else ():
        yield from _told(item, depth + 1)


def _of_report(known: Kept | None) -> list[str]:
    return list(dict.fromkeys(_told(stored(known).dataset)))[:_MOST] if known is not None else []


@rule(
    "uri.text-has-the-words",
    cites="PS3.18 9.5.2; 9.5.3.3; 8.7.4",
    verifies=("PS3.18-9.5.2-1", "PS3.18-9.5.3.3-1"),
    on=KIND,
    basis=RELATION,
    when=lambda x: lawful(x) and _text(x) and bool(_of_report(kept(x))),
    says="A report that is rendered as text has the texts of the report.",
)
def text_has_the_words(x: Exchange) -> Iterator[Finding]:
    seen, wanted = words(x.answer.type, _charset(x), x.answer.payload), _of_report(kept(x))
    missing = [w for w in wanted if seen is not None and w not in seen]
    if missing:
        # who leaves out some of it may have its reasons, who shows nothing of it has rendered something else
        yield Finding(f"{(seen or '')[:120]!r}", missing[0][:200], "body", warn=len(missing) < len(wanted))


@text_has_the_words.mutant
def report_is_a_title(x: Exchange) -> Answer | None:
    """Of a report only its title is shown."""
    page = b"<!DOCTYPE html><html><head><title>Report</title></head><body></body></html>"
    return x.answer.but(body=page if x.answer.type == HTML else b"Report\r\n") if _text(x) else None
