"""Knows how the rules on queries compare answers: what a search found, what a retrieve brought.

Must not know what a right answer is.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Exchange, Journey
from harness.rule import Finding
from harness.wire import dicom_json

STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"


def rows(x: Exchange) -> list[tuple[str, str, str]]:
    """The UIDs of each match in order, '' where a row does not tell one."""
    found = x.answer.json.datasets if x.answer.ok and x.answer.json else ()
    return [(dicom_json.text(d, STUDY), dicom_json.text(d, SERIES), dicom_json.text(d, INSTANCE)) for d in found]


def plain(j: Journey) -> Exchange | None:
    """The question without the thing at stake, when it was answered with something."""
    x = j.step("plain")
    return x if x and x.answer.status == 200 and _content(x) else None


def compared(j: Journey) -> bool:
    """There is something to compare with, and something to compare."""
    return plain(j) is not None and bool(j.steps("with"))


def content_differs(j: Journey) -> Iterator[Finding]:
    """A finding for each question that was answered otherwise than the plain one."""
    first = plain(j)
    for x in j.steps("with") if first else ():
        where = str(x.facts.get("form", x.ask.target.partition("?")[2]))
        if first and x.answer.status != first.answer.status:
            yield Finding(got=x.answer.line, want=f"{first.answer.line}, as to exchange {first.seq}", where=where,
                          seq=x.seq)  # fmt: skip
        elif first and _content(x) != _content(first):
            yield Finding(got=_shown(x), want=f"{_shown(first)}, as to exchange {first.seq}", where=where, seq=x.seq)


def _content(x: Exchange) -> object:
    """What two answers to one question have in common: the matches of a search, the data sets of metadata."""
    if x.kind.startswith("web.search"):
        return rows(x)
    return list(x.answer.json.datasets) if x.answer.json else None


def _shown(x: Exchange) -> str:
    reading = x.answer.json
    return f"{len(reading.datasets)} data sets" if reading else x.answer.line
