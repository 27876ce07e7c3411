"""Knows what a request to the URI service asks: each parameter in its grammar, and which may stand together (PS3.18 9).

Must not know what is held, or how it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simulators.web import media, query
from simulators.web.call import valid_uid
from simulators.web.media import Range
from simulators.web.query import Parameter
from simulators.web.report import Problem

# Rendering is asked for by these (Table 9.5.1-1); imageAnnotation is the other name of annotation there.
ANNOTATIONS = ("annotation", "imageAnnotation")
WINDOW = ("windowCenter", "windowWidth")
STATE = ("presentationSeriesUID", "presentationUID")
KEYWORDS = frozenset(("patient", "technique"))

_POSITIVE = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
# Table 5.1-1: a decimal begins with a digit or a sign and has at most 16 characters.
_DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[Ee][+-]?[0-9]+)?\Z", re.ASCII)
_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """One request. `region` is (left, top, right, bottom) from 0 to 1; `state` a series and an instance UID.

    `types` are the members of contentType; None and () stand for parameters that are absent.
    """

    study: str
    series: str
    instance: str
    types: tuple[Range, ...] = ()
    charset: str = ""
    anonymize: bool = False
    syntax: str | None = None
    frame: int | None = None
    rows: int | None = None
    columns: int | None = None
    region: tuple[float, float, float, float] | None = None
    window: tuple[float, float] | None = None
    quality: int | None = None
    annotations: tuple[str, ...] = ()
    state: tuple[str, str] | None = None


def read(parameters: Sequence[Parameter]) -> Asked:
    """What is asked; Problem 400 that names the parameter which is missing, ill-formed or out of place.

    Parameters that the service does not have are ignored.
    """
    given = _Given(parameters)
    if given.text("requestType") != "WADO":
        raise Problem(400, "Parameter requestType is WADO in every request to this service (PS3.18 9.1.2.1.1).")
    asked = Asked(
        study=given.uid("studyUID", required=True),
        series=given.uid("seriesUID", required=True),
        instance=given.uid("objectUID", required=True),
        types=given.types(),
        charset=given.text("charset") or "",
        anonymize=given.anonymize(),
        syntax=given.uid("transferSyntax") or None,
        frame=given.positive("frameNumber"),
        rows=given.positive("rows"),
        columns=given.positive("columns"),
        region=given.region(),
        window=given.window(),
        quality=given.quality(),
        annotations=given.annotations(),
        state=given.state(),
    )
    _together(asked)
    return asked


def _together(asked: Asked) -> None:
    """Problem 400 for parameters that may not stand together (9.5.1.2.6, 8.3.5.1.6)."""
    if asked.state and asked.window:
        raise _bad("windowCenter", "and windowWidth do not stand beside a presentation state (PS3.18 9.5.1.2.6)")
    if asked.state and asked.frame:
        raise _bad("frameNumber", "does not stand beside a presentation state (PS3.18 8.3.5.1.6)")
    if asked.anonymize and "patient" in asked.annotations:
        raise _bad("annotation", "does not ask for the patient where anonymize hides who that is")


class _Given:
    """The parameters by name; each may come once."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = parameters

    def text(self, name: str) -> str | None:
        """The value, None when the parameter is absent; '' is a value outside of every grammar."""
        found = query.single(self.parameters, name)
        if found is None:
            return None
        text = found.text()
        if not text:
            raise _bad(name, "has no value")
        return text

    def uid(self, name: str, required: bool = False) -> str:
        text = self.text(name)
        if text is None:
            if required:
                raise Problem(400, f"Parameter {name} is missing (PS3.18 9.4.2.2).")
            return ""
        if not valid_uid(text):
            raise _bad(name, f"takes one UID, not {text[:80]!r}")
        return text

    def positive(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not _POSITIVE.match(text) or not int(text):
            raise _bad(name, f"takes a positive integer, not {text[:80]!r}")
        return int(text)

    def types(self) -> tuple[Range, ...]:
        """The media types of contentType, application/dicom alone or rendered ones (9.1.2.2.1)."""
        text = self.text("contentType")
        if text is None:
            return ()
        found = media.read_accept([text])
        if not found or len(found) != len(list(media.split(text))):
            raise _bad("contentType", f"takes media types, not {text[:80]!r}")
        for name in ("transfer-syntax", "charset"):
            if any(name in t.parameters for t in found):
                raise _bad("contentType", f"has no media type parameter {name} in this service (PS3.18 9.1.2.2.1)")
        return found

    def anonymize(self) -> bool:
        text = self.text("anonymize")
        if text not in (None, "yes"):
            raise _bad("anonymize", f"is yes or absent, not {text[:80]!r}")
        return text == "yes"

    def region(self) -> tuple[float, float, float, float] | None:
        text = self.text("region")
        if text is None:
            return None
        words = text.split(",")
        if len(words) != 4:
            raise _bad("region", f"takes four decimal numbers, not {len(words)}")
        left, top, right, bottom = (_decimal("region", word) for word in words)
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise _bad("region", "takes left,top,right,bottom from 0 to 1, the first ones smaller (PS3.18 9.5.1.2.5)")
        return left, top, right, bottom

    def window(self) -> tuple[float, float] | None:
        found = self._both(WINDOW, "9.5.1.2.6")
        if found is None:
            return None
        centre, width = (_decimal(name, text) for name, text in zip(WINDOW, found, strict=True))
        if width < 1:
            raise _bad("windowWidth", f"takes a width of at least 1, not {found[1][:80]!r} (PS3.3 C.11.2.1.2)")
        return centre, width

    def quality(self) -> int | None:
        quality = self.positive("imageQuality")
        if quality is not None and quality > 100:
            raise _bad("imageQuality", f"goes from 1 to 100, not to {quality}")
        return quality

    def annotations(self) -> tuple[str, ...]:
        """The keywords of either name of the parameter (Table 9.5.1-1, 8.3.5.1.1)."""
        found: list[str] = []
        for name in ANNOTATIONS:
            text = self.text(name)
            words = text.split(",") if text is not None else []
            if not all(_KEYWORD.match(word) for word in words):
                raise _bad(name, f"takes keywords such as patient and technique, not {text!r:.80}")
            found += words
        return tuple(found)

    def state(self) -> tuple[str, str] | None:
        found = self._both(STATE, "9.5.1.2.7")
        return None if found is None else (self.uid(STATE[0]), self.uid(STATE[1]))

    def _both(self, names: tuple[str, str], clause: str) -> tuple[str, str] | None:
        """The values of two parameters that come together or not at all."""
        first, second = (self.text(name) for name in names)
        if first is None and second is None:
            return None
        if first is None or second is None:
            missing, there = names if first is None else (names[1], names[0])
            raise _bad(missing, f"is missing beside {there} (PS3.18 {clause})")
        return first, second


def _decimal(name: str, text: str) -> float:
    if len(text) > 16 or not _DECIMAL.match(text):
        raise _bad(name, f"takes a decimal number, not {text[:80]!r}")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _bad(name, f"takes a decimal number that can be had, not {text!r}")
    return value


def _bad(name: str, why: str) -> Problem:
    return Problem(400, f"Parameter {name} {why}.")
