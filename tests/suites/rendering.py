"""Hand-made renderings: patterns that were stored, and the answers of a right server and of wrong ones."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

import suites
from harness.context import Context
from harness.exchange import Answer, Exchange, Headers, Journey
from harness.make import patterns
from harness.make.patterns_arithmetic import Levels
from harness.make.patterns_asked import expected
from harness.make.sample import Sample
from harness.make.uids import uid
from harness.past import Past
from harness.rule import CATALOGUE, Finding
from suites.web.rendered.bend import coded
from tests.suites import retrieving
from tests.suites.retrieving import BASE, ask, kept

suites.load()

STUDY = uid("tests", "rendering")
JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
FORMATS = {JPEG: "jpeg", PNG: "png", GIF: "gif"}


@cache
def sample(name: str) -> Sample:
    if name == "text":
        return patterns.text(STUDY, "N", "M\u00e4rta \u8003\u3048 \u0436", sample("grey"))
    return patterns.instance(name, STUDY, "N")


@cache
def past(*names: str) -> Past:
    found = [kept(dcmread(DicomBytesIO(sample(n).part10)), sample(n).transfer_syntax) for n in names]
    return retrieving.past(*found)


def exchange(name: str, said: Answer, query: str = "", accept: str = PNG, frames: str = "", what: str = "rendered",
             stored: bool = True, **about: Any) -> Exchange:  # fmt: skip
    path = sample(name).path[1:] + (f"/frames/{frames}" if frames else "") + f"/{what}"
    asked = about.pop("asked", None) or ask(f"{path}?{query}" if query else path, accept)
    return Exchange(about.pop("seq", 1), asked, said, context=Context(past=past(name) if stored else Past()), **about)


def answer(body: bytes = b"", type_: str = PNG, status: int = 200, **fields: str) -> Answer:
    named = [("Content-Type", type_), ("Content-Length", str(len(body))), *fields.items()]
    return Answer(status, "", Headers.of(named), retrieving.answer(status, body).body)


def refused(status: int) -> Answer:
    return answer(b"<html>no</html>", "text/html", status)


def drawn(levels: Levels, type_: str = PNG, **options: Any) -> Answer:
    return answer(coded(levels, FORMATS[type_], **options), type_)


def right(name: str, query: str = "", accept: str = PNG, frames: str = "", **options: Any) -> Exchange:
    """What a right server answers to a request for one picture of a pattern."""
    (wanted,) = expected(exchange(name, refused(404), query, accept, frames))
    wide, high = (max(1, round(n)) for n in wanted.size)
    levels, _ = wanted.at(high, wide)
    return exchange(name, drawn(levels, accept, **options), query, accept, frames)


def journey(kind: str, *found: Exchange) -> Journey:
    return Journey(kind, f"{kind}#1", tuple(x.but(seq=n) for n, x in enumerate(found, 1)))


def findings(rule: str, subject: Exchange | Journey) -> list[Finding] | None:
    """What the rule says of it; None when it does not exercise the rule."""
    found = CATALOGUE.rules[rule]
    assert found.applies_to(subject.kind), f"{rule} does not look at {subject.kind}"
    return list(found(subject)) if found.when(subject) else None


def spoiled(x: Exchange, change: Any) -> Exchange:
    """The same with its picture drawn anew."""
    from harness.wire import images

    pixels = images.read(x.answer.payload).pixels[0].astype(np.float64)
    return x.but(answer=drawn(change(pixels), x.answer.type))


__all__ = ["BASE", "CATALOGUE", "findings"]
