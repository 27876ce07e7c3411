"""Knows the grammar of the rendering parameters of PS3.18 8.3.5.1 and 8.3.5.2, and of character sets (8.8).

Must not know what is rendered, or how.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from simulators.render import charsets, geometry
from simulators.render.profile import SPACES
from simulators.render.view import BadView, View, Viewport, Window
from simulators.web import media, query
from simulators.web.call import Call
from simulators.web.query import Parameter
from simulators.web.report import Problem

ANNOTATIONS = ("patient", "technique")
FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
PROFILES = ("no", "yes", *SPACES)

_POSITIVE = re.compile(r"0*[1-9][0-9]{0,17}\Z", re.ASCII)
# Table 5.1-1: a decimal begins with a digit or a sign and has at most 16 characters.
_DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[Ee][+-]?[0-9]+)?\Z", re.ASCII)
_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z", re.ASCII)
_EDGE = 1e18  # a source region that goes to the edge of any image

Read = TypeVar("Read")


def view(call: Call) -> View:
    """What a request for a rendered resource asks; Problem 400 that names the parameter which is wrong."""
    return View(
        viewport=_given(call, "viewport", viewport),
        window=_given(call, "window", _window),
        annotations=frozenset(_given(call, "annotation", _annotations) or ()) & frozenset(ANNOTATIONS),
        quality=_given(call, "quality", _quality),
        iccprofile=_given(call, "iccprofile", _profile) or "",
    )


def thumbnail(call: Call) -> Viewport | None:
    """The viewport of a request for a thumbnail, which has a size alone; Problem 400 for anything else."""
    found = _given(call, "viewport", viewport)
    return None if found is None else size_only(found)


def size_only(viewport: Viewport) -> Viewport:
    """The viewport, for what takes vw and vh alone; Problem 400 when there is more (8.3.5.1.3)."""
    if viewport.source is not None:
        raise Problem(400, "Parameter viewport has vw and vh alone for thumbnails and presentation states.")
    return viewport


def _given(call: Call, name: str, read: Callable[[Parameter], Read]) -> Read | None:
    found = query.single(call.query, name)
    return None if found is None else read(found)


def refused(problem: BadView) -> Problem:
    """The answer to a parameter that is well-formed and cannot be carried out."""
    return Problem(400, f"Parameter {problem.parameter}: {problem}")


def decimal(text: str, name: str) -> float:
    """A decimal of Table 5.1-1; Problem 400 for anything else."""
    if len(text) > 16 or not _DECIMAL.match(text) or abs(float(text)) == float("inf"):
        raise Problem(400, f"Parameter {name} takes decimal numbers, not {text[:40]!r}.")
    return float(text)


def viewport(parameter: Parameter) -> Viewport:
    """The size and the region of 8.3.5.1.3, elided values with their defaults."""
    words = parameter.values()
    if not 2 <= len(words) <= 6 or (len(words) > 2 and not words[-1]):
        raise Problem(400, "Parameter viewport is vw,vh or vw,vh,sx,sy,sw,sh without commas at its end.")
    if not all(_POSITIVE.match(word) for word in words[:2]):
        raise Problem(400, "Parameter viewport begins with a width and a height, which are positive integers.")
    found = Viewport(int(words[0]), int(words[1]), _source(words[2:]) if len(words) > 2 else None)
    try:
        geometry.allow(found)
    except BadView as problem:
        raise refused(problem) from problem
    return found


def _source(words: Sequence[str]) -> tuple[float, float, float, float]:
    x, y, width, height = (decimal(w, "viewport") if w else None for w in (*words, "", "", "", "")[:4])
    if width == 0 or height == 0:
        raise Problem(400, "Parameter viewport asks for a source region without any pixel.")
    return x or 0.0, y or 0.0, _EDGE if width is None else width, _EDGE if height is None else height


def _window(parameter: Parameter) -> Window:
    words = parameter.values()
    if len(words) != 3 or words[2] not in FUNCTIONS:
        raise Problem(400, f"Parameter window is center,width,function; a function is one of {', '.join(FUNCTIONS)}.")
    found = Window(decimal(words[0], "window"), decimal(words[1], "window"), FUNCTIONS[words[2]])
    least = "at least 1" if found.function == "LINEAR" else "more than 0"
    if found.width < 1 if found.function == "LINEAR" else found.width <= 0:
        raise Problem(400, f"Parameter window: the width for {words[2]} is {least} (PS3.3 C.11.2.1.2, C.11.2.1.3).")
    return found


def _annotations(parameter: Parameter) -> tuple[str, ...]:
    words = parameter.values()
    if not all(_KEYWORD.match(word) for word in words):
        raise Problem(400, f"Parameter annotation is a list of keywords; {' and '.join(ANNOTATIONS)} are supported.")
    return words


def warnings(call: Call) -> list[tuple[str, str]]:
    """The Warning field for annotations that are keywords, but none of ours (8.3.5.1.1)."""
    found = [w for p in call.query if p.name == "annotation" for w in p.values() if w not in ANNOTATIONS]
    if not found:
        return []
    text = f"The following annotation values are not supported: {', '.join(found)[:200]}"
    return [("warning", f"299 {call.base}: {text}")]


def _quality(parameter: Parameter) -> int:
    text = parameter.text()
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= 100:
        raise Problem(400, f"Parameter quality is an integer from 1 to 100, not {text[:40]!r}.")
    return int(text)


def _profile(parameter: Parameter) -> str:
    text = parameter.text()
    if text not in PROFILES:
        raise Problem(400, f"Parameter iccprofile is one of {', '.join(PROFILES)}, not {text[:40]!r}.")
    return text


def charset(call: Call, type: str) -> str:
    """The Selected Character Set of a text of this media type, UTF-8 unless another one is asked for (8.8.5)."""
    ranges = sorted((*call.acceptable.parameter, *call.acceptable.field), key=lambda r: -r.q)
    for range in ranges:
        named = charsets.known(range.parameters.get("charset", ""))
        if named and type in (range.name, range.parameters.get("type", "").lower()):
            return named
    asked = [w for p in call.query if p.name == "charset" for w in p.values()]
    field = [word for text in call.headers.getlist("accept-charset") for word in media.split(text)]
    return _best(asked) or _best(field) or charsets.UTF8


def _best(words: Iterable[str]) -> str:
    """The supported character set with the greatest weight, the first of several; '' for none (8.8.1, 8.8.4)."""
    best, most = "", 0.0
    for word in words:
        name, _, weight = word.partition(";")
        known = charsets.known(name.strip().strip('"'))
        match = re.fullmatch(r"\s*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*", weight)
        q = float(match[1]) if match else 1.0
        if known and q > most:
            best, most = known, q
    return best
